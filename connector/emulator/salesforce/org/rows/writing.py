"""The write path: what a user gives is checked as a real org checks it.

In: values by field name, the row as it stands; out: column values, or the Problem that a real org answers.
Next room: `derived`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.rows.values import Row, Stored, checked, stored

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

_ONE_PER_PARENT = {"FieldPermissions": ("ParentId", "Field"), "ObjectPermissions": ("ParentId", "SobjectType")}


@dataclass(frozen=True)
class Rule:
    """An admin's validation rule: records of `object` for which `refuses` holds are refused with `message`."""

    object: str
    refuses: Callable[[Mapping[str, Stored]], bool]
    message: str
    field: str | None = None


def rule(condition: Mapping[str, object]) -> Rule:
    """Build a rule from its JSON form: object, field, op (eq, ne, gt, lt, blank), value, message."""
    name, value, op = str(condition["field"]), condition.get("value"), str(condition.get("op", "eq"))

    def refuses(row: Mapping[str, Stored]) -> bool:
        have = next((held for key, held in row.items() if key.lower() == name.lower()), None)
        if op == "blank" or have is None:
            return have is None and (
                op == "blank" or (op == "eq" and value is None) or (op == "ne" and value is not None)
            )
        if op in ("eq", "ne"):
            return (have == value) == (op == "eq")
        if value is None or isinstance(have, str) != isinstance(value, str):
            return False
        return have > value if op == "gt" else have < value  # type: ignore[operator]

    if op not in ("eq", "ne", "gt", "lt", "blank"):
        raise ValueError(
            f"validation rule for {condition.get('object')}: unknown op {op!r}; use eq, ne, gt, lt or blank"
        )
    return Rule(str(condition["object"]), refuses, str(condition["message"]), name)


def changes(org: "Org", user_id: str, kind: ObjectType, given: Mapping[str, object], *, new: bool, system: bool) -> Row:
    """Check the given values one by one and turn them into column values by API name."""
    row: Row = {}
    refused: list[str] = []
    editable = frozenset() if system else org.access.editable(user_id, kind.name)
    for key, value in given.items():
        if key.lower() == "attributes":
            continue
        field, target = _resolved(org, kind, key, value)
        if not system and not _writable(field, editable, new=new):
            refused.append(field.name)
            continue
        row[field.name] = _value(org, field, target, system=system)
    if refused:
        message = (
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this "
            "field and verify that it is read/write for your profile or permission set."
        )
        raise Problem(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, refused)
    if kind.name == "OpportunityLineItem" and not system and None not in (row.get("UnitPrice"), row.get("TotalPrice")):
        message = "You can specify either the unit price or the total price, but not both"
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", message, ["UnitPrice", "TotalPrice"])
    return row


def complete(org: "Org", user_id: str, kind: ObjectType, row: Row) -> None:
    """Fill a new row's defaults: picklist defaults, owner, currency, numbers of numbered records."""
    for field in kind.fields.values():
        if not field.stored or row.get(field.name) is not None:
            continue
        if field.auto_number:
            row[field.name] = org.next_number(kind.name)
        elif field.name == "OwnerId":
            row[field.name] = user_id
        elif field.name == "CurrencyIsoCode":
            row[field.name] = org.currency
        elif field.name not in row or field.type == "boolean":
            row[field.name] = stored(field, field.default)


def require(kind: ObjectType, row: Row) -> None:
    """Refuse a row in which a required field is empty."""
    needed = (f for f in kind.fields.values() if not (f.nillable or f.defaulted) and (f.createable or f.updateable))
    missing = [field.name for field in needed if row.get(field.name) is None]
    missing += _also_required(kind.name, row)
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise Problem(400, "REQUIRED_FIELD_MISSING", message, missing)


def validate(org: "Org", kind: ObjectType, row: Row, old: Row | None, *, rules: bool) -> None:
    """Refuse duplicates of unique values and whatever the admin's validation rules refuse."""
    _unique(org, kind, row, old)
    if kind.name == "PermissionSetAssignment" and old is None:
        _one_assignment(org, row)
    for one in org.validation_rules if rules else ():
        if one.object.lower() == kind.name.lower() and one.refuses(row):
            raise Problem(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", one.message, [one.field] if one.field else [])


def _resolved(org: "Org", kind: ObjectType, key: str, value: object) -> tuple[Field, object]:
    field = kind.field(key)
    if field is not None:
        return field, value
    if isinstance(value, Mapping) or value is None:
        parent = next((f for f in kind.fields.values() if (f.relationship_name or "").lower() == key.lower()), None)
        if parent is not None:
            return parent, None if value is None else _parent_id(org, parent, value)
    raise Problem(400, "INVALID_FIELD", f"No such column '{key}' on sobject of type {kind.name}")


def _parent_id(org: "Org", field: Field, reference: Mapping[str, object]) -> str:
    attributes = reference.get("attributes")
    kind_name = (
        str(attributes["type"]) if isinstance(attributes, Mapping) and "type" in attributes else field.reference_to[0]
    )
    named = [(key, value) for key, value in reference.items() if key.lower() != "attributes"]
    kind = org.object(kind_name)
    key, value = named[0] if len(named) == 1 else ("", None)
    external = kind.field(key)
    if external is None or not (external.external_id or external.id_lookup):
        message = f"Field name provided, {key} is not an External ID or indexed field for {kind.name}"
        raise Problem(400, "INVALID_FIELD", message)
    found = org.find(kind, external, value)
    if len(found) != 1:
        message = f"Foreign key external ID: {value} not found for field {external.name} in entity {kind.name}"
        raise Problem(400, "INVALID_FIELD", message)
    return found[0]


def _writable(field: Field, editable: frozenset[str], *, new: bool) -> bool:
    return field.name in editable and (field.createable if new else field.updateable)


def _value(org: "Org", field: Field, value: object, *, system: bool) -> Stored:
    if field.type == "boolean" and value is None and not system:
        message = f"Cannot deserialize instance of boolean from null value null for field {field.name}"
        raise Problem(400, "JSON_PARSER_ERROR", message, [field.name])
    result = checked(field, value)
    if field.type == "reference" and result is not None and not system:
        _check_reference(org, field, str(result))
    return result


def _check_reference(org: "Org", field: Field, record_id: str) -> None:
    targets = [org.objects[name.lower()] for name in field.reference_to if name.lower() in org.objects]
    kind = next((kind for kind in targets if kind.key_prefix == record_id[:3]), None)
    if kind is None:
        message = f"{field.label}: id value of incorrect type: {record_id}"
        raise Problem(400, "MALFORMED_ID", message, [field.name])
    row = org.raw(kind, record_id)
    if row is None:
        message = f"insufficient access rights on cross-reference id: {record_id[:15]}"
        raise Problem(400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message, [])
    if row.get("IsDeleted"):
        raise Problem(400, "ENTITY_IS_DELETED", "entity is deleted", [])
    if field.name == "OwnerId" and kind.name == "User" and not row["IsActive"]:
        message = f"operation performed with inactive user [{record_id[:15]}] as owner of record"
        raise Problem(400, "INACTIVE_OWNER_OR_USER", message, [field.name])


def _also_required(name: str, row: Row) -> list[str]:
    match name:
        case "OpportunityLineItem":
            return [] if row.get("PricebookEntryId") or row.get("Product2Id") else ["PricebookEntryId"]
        case "Asset":
            return [] if row.get("AccountId") or row.get("ContactId") else ["AccountId"]
        case "Event":
            start = (
                row.get("StartDateTime")
                or row.get("ActivityDateTime")
                or (row.get("IsAllDayEvent") and row.get("ActivityDate"))
            )
            length = row.get("DurationInMinutes") is not None or row.get("EndDateTime") or row.get("IsAllDayEvent")
            return ([] if start else ["ActivityDateTime"]) + ([] if length else ["DurationInMinutes"])
        case "PermissionSetAssignment":
            return [] if row.get("PermissionSetId") or row.get("PermissionSetGroupId") else ["PermissionSetId"]
    return []


def _unique(org: "Org", kind: ObjectType, row: Row, old: Row | None) -> None:
    for field in kind.fields.values():
        if not field.unique and (field.name != "Username" or kind.name != "User"):
            continue
        value = row.get(field.name)
        if value is None:
            continue
        if old is not None and old.get(field.name) == value:
            continue
        other = [found for found in org.find(kind, field, value) if found != row.get("Id")]
        if other:
            message = f"duplicate value found: {field.name} duplicates value on record with id: {other[0][:15]}"
            raise Problem(400, "DUPLICATE_VALUE", message, [field.name])
    pair = _ONE_PER_PARENT.get(kind.name)
    if pair and old is None:
        where = " AND ".join(f"{quoted(name)} = ? COLLATE NOCASE" for name in pair)
        clash = org.rows(f'SELECT "Id" FROM {quoted(kind.name)} WHERE {where}', *(row[name] for name in pair))
        if clash:
            message = f"duplicate value found: {pair[1]} duplicates value on record with id: {str(clash[0][0])[:15]}"
            raise Problem(400, "DUPLICATE_VALUE", message, [pair[1]])


def _one_assignment(org: "Org", row: Row) -> None:
    sql = 'SELECT 1 FROM "PermissionSetAssignment" WHERE "AssigneeId" = ? AND "PermissionSetId" = ?'
    if org.rows(sql, row["AssigneeId"], row["PermissionSetId"]):
        pair = f"Assignee: {row['AssigneeId']}; Permission Set: {row['PermissionSetId']}"
        message = f"Duplicate PermissionSetAssignment.  {pair}"
        raise Problem(400, "DUPLICATE_VALUE", message, ["AssigneeId", "PermissionSetId"])
