"""What the org says about itself: the list of its objects, and each object's fields as one user sees them.

In: an org, a user, an object's name; out: describe answers with every key that a real org sends.
Next room: the wire, which adds headers and ETags.
"""

from collections.abc import Iterator
from typing import Any

from connector.emulator.salesforce.org.access import SETUP
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.org.records import Org

MASTER_RECORD_TYPE = "012000000000000AAA"
"""The id of the record type that every object has."""

_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "time": "xsd:time", "base64": "xsd:base64Binary", "address": "urn:address", "location": "urn:location",
    "anyType": "xsd:anyType",
}  # fmt: skip
_NOT_AGGREGATED = ("boolean", "multipicklist", "address", "location", "base64")
_NO_LAYOUT = SETUP - {"user", "task", "event"}


def describe_global(org: Org, user_id: str, version: str) -> dict[str, object]:
    """List the objects that the user can see."""
    with org.lock:
        seen = [kind for kind in org.objects.values() if org.access.can(user_id, kind.name, "read")]
        entries = [_entry(org, user_id, kind, version) for kind in sorted(seen, key=lambda kind: kind.name)]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries}


def entry(org: Org, user_id: str, name: str, version: str) -> dict[str, object]:
    """Give the entry of the global describe for one object."""
    with org.lock:
        return _entry(org, user_id, org.visible(user_id, name), version)


def describe(org: Org, user_id: str, name: str, version: str) -> dict[str, object]:
    """Describe one object with the fields that the user can see; INVALID_TYPE when it is out of sight."""
    with org.lock:
        kind = org.visible(user_id, name)
        readable, editable = org.access.readable(user_id, name), org.access.editable(user_id, name)
        create = editable if org.access.can(user_id, name, "create") else frozenset()
        edit = editable if org.access.can(user_id, name, "edit") else frozenset()
        answer = _entry(org, user_id, kind, version)
        fields = [
            _field(kind, field, create=field.name in create, edit=field.name in edit)
            for field in _ordered(kind) if field.name in readable
        ]  # fmt: skip
        answer |= {
            "actionOverrides": [], "childRelationships": list(_children(org, user_id, kind)),
            "compactLayoutable": answer["layoutable"], "defaultImplementation": None, "extendedBy": None,
            "extendsInterfaces": None, "fields": fields,
            "implementedBy": None, "implementsInterfaces": None, "listviewable": None, "lookupLayoutable": None,
            "namedLayoutInfos": [], "networkScopeFieldName": None, "recordTypeInfos": _record_types(org, kind, version),
            "searchLayoutable": answer["layoutable"], "sobjectDescribeOption": "FULL", "supportedScopes": _scopes(kind),
        }  # fmt: skip
        links: dict[str, Any] = dict(answer["urls"])  # type: ignore[call-overload]
        if answer["layoutable"]:
            for key, part in (
                ("uiDetailTemplate", "{ID}"),
                ("uiEditTemplate", "{ID}/e"),
                ("uiNewRecord", f"{kind.key_prefix}/e"),
            ):
                links[key] = f"{org.base_url}/{part}"
            links["defaultValues"] = f"{links['sobject']}/defaultValues?recordTypeId&fields"
        answer["urls"] = links
    return dict(sorted(answer.items()))


def _ordered(kind: ObjectType) -> list[Field]:
    """Put the custom fields after the standard ones, as describe does."""
    return sorted(kind.fields.values(), key=lambda field: field.custom)


def _entry(org: Org, user_id: str, kind: ObjectType, version: str) -> dict[str, object]:
    can = {right: org.access.can(user_id, kind.name, right) for right in ("create", "edit", "delete")}
    shown = kind.name.lower() not in _NO_LAYOUT
    base = f"/services/data/v{version.removeprefix('v')}/sobjects/{kind.name}"
    urls = {"rowTemplate": base + "/{ID}", "describe": base + "/describe", "sobject": base}
    if shown:
        urls |= {"layouts": base + "/describe/layouts", "compactLayouts": base + "/describe/compactLayouts"}
        urls |= {"approvalLayouts": base + "/describe/approvalLayouts", "listviews": base + "/listviews"}
        urls["quickActions"] = base + "/quickActions"
    deletable = kind.deletable and can["delete"]
    return {
        "activateable": False, "associateEntityType": None, "associateParentEntity": None,
        "createable": kind.createable and can["create"], "custom": kind.custom, "customSetting": False,
        "deepCloneable": False, "deletable": deletable, "deprecatedAndHidden": False,
        "feedEnabled": kind.name in ("Account", "Contact", "Opportunity", "Case", "Task", "Event", "User"),
        "hasSubtypes": False, "isInterface": False, "isSubtype": False, "keyPrefix": kind.key_prefix,
        "label": kind.label, "labelPlural": kind.label_plural, "layoutable": shown,
        "mergeable": kind.name in ("Account", "Contact", "Case"),
        "mruEnabled": shown, "name": kind.name, "queryable": True, "replicateable": kind.replicateable,
        "retrieveable": True, "searchable": shown, "triggerable": kind.createable and kind.name not in ("Profile",
        "Organization"),
        "undeletable": deletable and kind.undeletable, "updateable": kind.updateable and can["edit"],
        "urls": dict(sorted(urls.items())),
    }  # fmt: skip


def _field(kind: ObjectType, field: Field, *, create: bool, edit: bool) -> dict[str, object]:
    text = field.type in (
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "combobox",
        "email",
        "phone",
        "url",
        "encryptedstring",
    )
    polymorphic = len(field.reference_to) > 1
    return {
        "aggregatable": field.filterable and field.type not in _NOT_AGGREGATED,
        "aiPredictionField": False, "autoNumber": field.auto_number, "byteLength": _bytes(field, text=text),
        "calculated": field.calculated, "calculatedFormula": None, "cascadeDelete": field.cascade_delete,
        "caseSensitive": False,
        "compoundFieldName": field.compound,
        "controllerName": None, "createable": create and field.createable, "custom": field.custom,
        "defaultValue": field.default if field.type == "boolean" else None, "defaultValueFormula": None,
        "defaultedOnCreate": field.defaulted, "dependentPicklist": False, "deprecatedAndHidden": False,
        "digits": field.precision if field.type == "int" else 0, "displayLocationInDecimal": False, "encrypted": False,
        "externalId": field.external_id, "extraTypeInfo": _extra(kind, field), "filterable": field.filterable,
        "filteredLookupInfo": None, "formulaTreatNullNumberAsZero": False, "groupable": field.groupable,
        "highScaleNumber": False, "htmlFormatted": field.html, "idLookup": field.id_lookup,
        "inlineHelpText": field.help_text,
        "label": field.label, "length": field.length, "mask": None, "maskType": None, "name": field.name,
        "nameField": field.name_field, "namePointing": polymorphic, "nillable": field.nillable,
        "permissionable": field.permissionable, "picklistValues": _values(field), "polymorphicForeignKey": polymorphic,
        "precision": 0 if field.type == "int" else field.precision, "queryByDistance": field.type == "location",
        "referenceTargetField": None, "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": 0 if field.cascade_delete and field.custom else None, "restrictedDelete": False,
        "restrictedPicklist": field.restricted, "scale": field.scale, "searchPrefilterable": field.type == "reference",
        "soapType": _SOAP.get(field.type, "xsd:string"), "sortable": field.sortable, "type": field.type,
        "unique": field.unique, "updateable": edit and field.updateable, "writeRequiresMasterRead": False,
    }  # fmt: skip


def _bytes(field: Field, *, text: bool) -> int:
    if field.type in ("id", "reference"):
        return 18
    return field.length * 3 if text else 0


def _compound_name(kind: ObjectType) -> bool:
    return any(field.compound == "Name" for field in kind.fields.values())


def _extra(kind: ObjectType, field: Field) -> str | None:
    if field.type == "textarea":
        return "richtextarea" if field.html else "plaintextarea"
    if field.name in ("Name", "FirstName", "LastName") and _compound_name(kind):
        return "personname"
    return "imageurl" if field.name == "PhotoUrl" else None


def _values(field: Field) -> list[dict[str, object]]:
    return [
        {"active": one.active, "defaultValue": one.default, "label": one.label, "validFor": None, "value": one.value}
        for one in field.picklist
    ]


def _children(org: Org, user_id: str, kind: ObjectType) -> Iterator[dict[str, object]]:
    for child in sorted(org.objects.values(), key=lambda one: one.name):
        if not org.access.can(user_id, child.name, "read"):
            continue
        readable = org.access.readable(user_id, child.name)
        for field in child.fields.values():
            if kind.name in field.reference_to and field.name in readable:
                yield {
                    "cascadeDelete": field.cascade_delete, "childSObject": child.name, "deprecatedAndHidden": False,
                    "field": field.name, "junctionIdListNames": [], "junctionReferenceTo": [],
                    "relationshipName": field.child_relationship, "restrictedDelete": False,
                }  # fmt: skip


def _record_types(org: Org, kind: ObjectType, version: str) -> list[dict[str, object]]:
    found = org.rows(
        'SELECT "Id", "Name", "DeveloperName", "IsActive" FROM "RecordType" WHERE "SobjectType" = ? ORDER BY "Name"',
        kind.name,
    )
    rows = [(str(one), str(name), str(code), bool(active), False) for one, name, code, active in found]
    base = f"/services/data/v{version.removeprefix('v')}/sobjects/{kind.name}/describe/layouts/"
    return [
        {
            "active": active, "available": active, "defaultRecordTypeMapping": master and not rows,
            "developerName": code,
            "master": master, "name": name, "recordTypeId": one, "urls": {"layout": base + one},
        }
        for one, name, code, active, master in [*rows, (MASTER_RECORD_TYPE, "Master", "Master", True, True)]
    ]  # fmt: skip


def _scopes(kind: ObjectType) -> list[dict[str, str]]:
    scopes = [{"label": f"All {kind.label_plural.lower()}", "name": "everything"}]
    if kind.field("OwnerId"):
        scopes.append({"label": f"My {kind.label_plural.lower()}", "name": "mine"})
    return scopes
