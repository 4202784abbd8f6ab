"""The XML of customizations as the bodies that metadata writes take, so that both meet the same rules.

Elements of customizations.xml come in; bodies leave. Next room: `importing`.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from connector.emulator.dynamics.metadata.package.xmltext import text, texts, whole, yes
from connector.emulator.dynamics.metadata.shapes.relations import CASCADES
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE
from connector.emulator.dynamics.org.model import Problem

KINDS = {
    "nvarchar": "String",
    "ntext": "Memo",
    "memo": "Memo",
    "int": "Integer",
    "bigint": "BigInt",
    "decimal": "Decimal",
    "float": "Double",
    "money": "Money",
    "bit": "Boolean",
    "picklist": "Picklist",
    "multiselectpicklist": "MultiSelectPicklist",
    "datetime": "DateTime",
    "lookup": "Lookup",
    "customer": "Lookup",
}
"""Types of `<Type>`, each with the class of its columns."""

LEVELS = {
    "none": "None",
    "recommended": "Recommended",
    "required": "ApplicationRequired",
    "applicationrequired": "ApplicationRequired",
    "systemrequired": "SystemRequired",
}
BEHAVIORS = {"1": "UserLocal", "2": "DateOnly", "3": "TimeZoneIndependent"}
TEXT_FORMATS = {"text": "Text", "textarea": "TextArea", "email": "Email", "url": "Url", "phone": "Phone",
                "tickersymbol": "TickerSymbol", "richtext": "RichText", "json": "Json"}  # fmt: skip


def label(found: Mapping[int, str]) -> dict[str, Any]:
    """Texts by language as a label of a body."""
    entries = [{"Label": shown, "LanguageCode": language} for language, shown in found.items()]
    return {"@odata.type": f"{NAMESPACE}Label", "LocalizedLabels": entries}


def attribute(element: Element, table: str) -> dict[str, Any]:
    """The body of a column."""
    name, kind = element.get("PhysicalName") or text(element, "Name"), text(element, "Type").lower()
    if kind not in KINDS:
        raise Problem(400, "0x80048033", f"customizations.xml: {table}.{name} has the unknown Type '{kind}'.")
    level = text(element, "RequiredLevel", "none").lower()
    body: dict[str, Any] = {
        "@odata.type": f"{NAMESPACE}{KINDS[kind]}AttributeMetadata",
        "SchemaName": name,
        "DisplayName": label(texts(element, "displaynames", "displayname")),
        "Description": label(texts(element, "Descriptions", "Description")),
        "RequiredLevel": {"Value": LEVELS.get(level, level)},
        "IsSecured": yes(element, "IsSecured"),
    }
    return body | _details(element, KINDS[kind])


def is_primary(element: Element) -> bool:
    """Whether a column names the rows of its table."""
    return "PrimaryName" in text(element, "DisplayMask").split("|")


def relationship(element: Element, lookup: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body of a relationship."""
    name = element.get("Name") or ""
    if text(element, "EntityRelationshipType") == "ManyToMany":
        return {
            "@odata.type": f"{NAMESPACE}ManyToManyRelationshipMetadata",
            "SchemaName": name,
            "Entity1LogicalName": text(element, "FirstEntityName").lower(),
            "Entity2LogicalName": text(element, "SecondEntityName").lower(),
            "IntersectEntityName": text(element, "IntersectEntityName") or name,
        }
    ends = {text(role, "RelationshipRoleType"): role for role in element.iter("EntityRelationshipRole")}
    body: dict[str, Any] = {
        "@odata.type": f"{NAMESPACE}OneToManyRelationshipMetadata",
        "SchemaName": name,
        "ReferencedEntity": text(element, "ReferencedEntityName").lower(),
        "ReferencingEntity": text(element, "ReferencingEntityName").lower(),
        "CascadeConfiguration": {
            link: text(element, f"Cascade{link}") for link in CASCADES if text(element, f"Cascade{link}")
        },
        "Lookup": lookup,
    }
    names = (("1", "ReferencingEntityNavigationPropertyName"), ("0", "ReferencedEntityNavigationPropertyName"))
    return body | {
        field: text(ends[role], "NavigationPropertyName")
        for role, field in names
        if role in ends and text(ends[role], "NavigationPropertyName")
    }


def option_set(element: Element) -> dict[str, Any]:
    """The body of an option set, shared or of one column."""
    return {
        "@odata.type": f"{NAMESPACE}OptionSetMetadata",
        "Name": element.get("Name") or "",
        "DisplayName": label(texts(element, "displaynames", "displayname")),
        "Description": label(texts(element, "Descriptions", "Description")),
        "OptionSetType": "Picklist",
        "Options": [_option(entry) for entry in element.iterfind("options/option")],
    }


def key(element: Element) -> dict[str, Any]:
    """The body of an alternate key."""
    return {
        "SchemaName": text(element, "Name"),
        "DisplayName": label(texts(element, "displaynames", "displayname")),
        "KeyAttributes": [
            (entry.text or "").strip() for entry in element.iterfind("EntityKeyAttributes/AttributeName")
        ],
    }


def table(element: Element, entity: Element, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of a table that is new to the organisation."""
    owner = text(entity, "OwnershipTypeMask", "UserOwned")
    body = {
        "SchemaName": entity.get("Name") or text(element, "Name"),
        "DisplayName": label(texts(entity, "LocalizedNames", "LocalizedName")),
        "DisplayCollectionName": label(texts(entity, "LocalizedCollectionNames", "LocalizedCollectionName")),
        "Description": label(texts(entity, "Descriptions", "Description")),
        "OwnershipType": "OrganizationOwned" if owner.startswith("Org") else "UserOwned",
        "IsActivity": yes(entity, "IsActivity"),
        "ChangeTrackingEnabled": yes(entity, "ChangeTrackingEnabled"),
        "Attributes": attributes,
    }
    return body | ({"EntitySetName": text(entity, "EntitySetName")} if text(entity, "EntitySetName") else {})


def _details(element: Element, kind: str) -> dict[str, Any]:
    """What one class of column says besides."""
    shape = text(element, "Format").lower()
    match kind:
        case "String" | "Memo":
            found = {"MaxLength": _whole(element, "MaxLength"), "AutoNumberFormat": text(element, "AutoNumberFormat")}
            wanted = {
                name: value for name, value in found.items() if value and (kind == "String" or name == "MaxLength")
            }
            return wanted | ({"FormatName": {"Value": TEXT_FORMATS[shape]}} if shape in TEXT_FORMATS else {})
        case "Integer" | "Decimal" | "Double" | "Money":
            least, most = _number(element, "MinValue"), _number(element, "MaxValue")
            precision, source = _whole(element, "Accuracy"), _whole(element, "AccuracySource")
            bounds: dict[str, Any] = {"MinValue": least, "MaxValue": most}
            bounds |= {"Precision": precision} if kind != "Integer" else {}
            bounds |= {"PrecisionSource": source} if kind == "Money" else {}
            return {name: value for name, value in bounds.items() if value is not None}
        case "DateTime":
            behavior = BEHAVIORS.get(text(element, "Behavior", "1"), "UserLocal")
            return {
                "Format": "DateOnly" if shape == "date" else "DateAndTime",
                "DateTimeBehavior": {"Value": behavior},
            }
        case "Boolean":
            return _boolean(element)
        case "Picklist" | "MultiSelectPicklist":
            return _choice(element)
    return {}


def _boolean(element: Element) -> dict[str, Any]:
    options = {entry.get("value"): _option(entry) for entry in element.iterfind("optionset/options/option")}
    sides = {name: options[value] for name, value in (("TrueOption", "1"), ("FalseOption", "0")) if value in options}
    return {"DefaultValue": text(element, "AppDefaultValue") == "1", "OptionSet": sides}


def _choice(element: Element) -> dict[str, Any]:
    default = _whole(element, "AppDefaultValue")
    found: dict[str, Any] = {} if default is None else {"DefaultFormValue": default}
    shared = text(element, "OptionSetName")
    if shared:
        return found | {"OptionSet": {"IsGlobal": True, "Name": shared}}
    own = element.find("optionset")
    return found | ({"OptionSet": {"Options": option_set(own)["Options"]}} if own is not None else {})


def _option(element: Element) -> dict[str, Any]:
    return {
        "Value": whole(element.get("value"), "customizations.xml: option value"),
        "Label": label(texts(element, "labels", "label")),
    }


def _number(element: Element, tag: str) -> float | None:
    found = text(element, tag)
    try:
        return float(found) if found else None
    except ValueError as error:
        where = element.get("PhysicalName")
        raise Problem(400, "0x80048033", f"customizations.xml: {where}: {tag} '{found}' is not a number.") from error


def _whole(element: Element, tag: str) -> int | None:
    found = _number(element, tag)
    return None if found is None else int(found)
