"""Our columns, views and queries as Dataverse's metadata words them, and how a column there differs from them.

In: a CrmField, the naming and the org's language. Out: JSON bodies and differences. Next room: `link`.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from connector.crm.dynamics.setup.naming import CODES, FIRST_OPTION, LOOKUPS, OWN, Naming, is_secured, view_columns
from connector.schema import KEYED, WRITE_COLUMNS, CrmField

Definition = Mapping[str, Any]
NAMESPACE = "Microsoft.Dynamics.CRM."
TEXT_MAX = 4000  # longer texts need a memo column
DECIMAL_MAX = 100_000_000_000.0
MONEY_MAX = 922_337_203_685_477.0
INTEGER_DIGITS = 9  # ten digits may not fit an integer
CASTS = {
    "picklist": "Picklist",
    "text": "String",
    "long_text": "Memo",
    "currency": "Money",
    "date": "DateTime",
    "flag": "Boolean",
    "user": "Lookup",
    "contact": "Lookup",
    "account": "Lookup",
    "key": "String",
}
# Properties that only the cast of a type shows, and that setup compares.
COMPARED = {
    "String": "MaxLength",
    "Memo": "MaxLength",
    "Integer": "MinValue,MaxValue",
    "Decimal": "MinValue,MaxValue,Precision",
    "Money": "Precision",
    "Picklist": "",
}
_RELATED = ("Assign", "Merge", "Reparent", "Share", "Unshare", "RollupView")


def type_of(wish: CrmField) -> str:
    """Type of a column as AttributeType names it."""
    if wish.kind == "number":
        return "Decimal" if wish.scale or wish.precision > INTEGER_DIGITS else "Integer"
    if wish.kind == "text" and wish.length > TEXT_MAX:
        return "Memo"
    return CASTS[wish.kind]


def cast(type_name: str) -> str:
    """Metadata type behind a column's type."""
    return f"{NAMESPACE}{type_name}AttributeMetadata"


def label(text: str, language: int) -> dict[str, Any]:
    """A text in the org's own language, which every label must have."""
    one = {"@odata.type": f"{NAMESPACE}LocalizedLabel", "Label": text, "LanguageCode": language}
    return {"@odata.type": f"{NAMESPACE}Label", "LocalizedLabels": [one]}


def text_of(found: Any, language: int) -> str:
    """Text of a label in the org's language, or as this user sees it."""
    labels = (found or {}).get("LocalizedLabels") or []
    shown = next((one for one in labels if one["LanguageCode"] == language), None)
    shown = shown or (found or {}).get("UserLocalizedLabel") or {}
    return str(shown.get("Label") or "")


def column(wish: CrmField, naming: Naming, language: int) -> dict[str, Any]:
    """Body that makes a column; a lookup belongs into `relationship`."""
    return {
        "@odata.type": cast(type_of(wish)),
        "SchemaName": naming.schema(wish),
        "DisplayName": label(wish.label, language),
        "Description": label(naming.description(wish), language),
        "RequiredLevel": {
            "Value": "None",
            "CanBeChanged": True,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "IsSecured": is_secured(wish),
        **_details(wish, language),
    }


def table(name: str, naming: Naming, language: int) -> dict[str, Any]:
    """Body that makes a table of ours with the column that names its rows."""
    own = OWN[name]
    primary = WRITE_COLUMNS[name, own.primary]
    return {
        "@odata.type": f"{NAMESPACE}EntityMetadata",
        "SchemaName": naming.table_schema(name),
        "DisplayName": label(own.label, language),
        "DisplayCollectionName": label(own.plural, language),
        "Description": label(naming.made, language),
        "OwnershipType": "UserOwned",
        "IsActivity": False,
        "HasActivities": False,
        "HasNotes": False,
        "ChangeTrackingEnabled": True,
        "Attributes": [{**column(primary, naming, language), "IsPrimaryName": True}],
    }


def alternate_key(name: str, naming: Naming, language: int) -> dict[str, Any]:
    """Body that makes the key by which rows of a table of ours are found."""
    wish = WRITE_COLUMNS[name, KEYED[name]]
    return {
        "SchemaName": naming.key(name),
        "DisplayName": label(wish.label, language),
        "KeyAttributes": [naming.column(wish)],
    }


def cascades(wish: CrmField) -> dict[str, str]:
    """What happens to a row when the one that a lookup points at is given away, shared, merged or deleted.

    What belongs to an account goes with it: who may see the account may see it, and nobody else.
    """
    if wish.kind == "account":
        return {**dict.fromkeys(_RELATED, "Cascade"), "RollupView": "NoCascade", "Delete": "Cascade"}
    return {**dict.fromkeys(_RELATED, "NoCascade"), "Delete": "RemoveLink"}


def relationship(wish: CrmField, naming: Naming, language: int) -> dict[str, Any]:
    """Body that makes a lookup."""
    shown = "UseCollectionName" if wish.kind == "account" else "DoNotDisplay"
    return {
        "@odata.type": f"{NAMESPACE}OneToManyRelationshipMetadata",
        "SchemaName": naming.relationship(wish),
        "ReferencedEntity": LOOKUPS[wish.kind],
        "ReferencedAttribute": f"{LOOKUPS[wish.kind]}id",
        "ReferencingEntity": naming.table(wish.table),
        "CascadeConfiguration": cascades(wish),
        "AssociatedMenuConfiguration": {"Behavior": shown, "Group": "Details", "Order": 10000},
        "Lookup": column(wish, naming, language),
    }


def limits(wish: CrmField) -> tuple[float, float]:
    """Lowest and highest value of a number."""
    most = 10.0 ** (wish.precision - wish.scale) - 10.0**-wish.scale
    ceiling = MONEY_MAX if wish.kind == "currency" else DECIMAL_MAX
    most = min(round(most, wish.scale), ceiling)
    return -most, most


def _details(wish: CrmField, language: int) -> dict[str, Any]:
    """Properties that only this type of column has."""
    name = type_of(wish)
    if name == "String":
        return {"MaxLength": wish.length, "FormatName": {"Value": "Text"}}
    if name == "Memo":
        return {"MaxLength": wish.length, "Format": "TextArea", "ImeMode": "Auto"}
    if name == "DateTime":
        return {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}
    if name == "Picklist":
        return {"OptionSet": _option_set(wish, language)}
    if name == "Boolean":
        return {"DefaultValue": False, "OptionSet": _yes_no(language)}
    if name == "Lookup":
        return {}
    low, high = limits(wish)
    if name == "Integer":
        return {"MinValue": int(low), "MaxValue": int(high), "Format": "None"}
    more = {"PrecisionSource": 0} if name == "Money" else {}
    return {"MinValue": low, "MaxValue": high, "Precision": wish.scale, **more}


def option_set(wish: CrmField) -> dict[int, str]:
    """Options of a new choice by number; a yes/no is one of two."""
    if wish.kind == "flag":
        return {1: "Yes", 0: "No"}
    return {FIRST_OPTION + n: text for n, text in enumerate(wish.values)}


def _option(value: int, text: str, language: int) -> dict[str, Any]:
    return {"Value": value, "Label": label(text, language)}


def _option_set(wish: CrmField, language: int) -> dict[str, Any]:
    return {
        "@odata.type": f"{NAMESPACE}OptionSetMetadata",
        "IsGlobal": False,
        "OptionSetType": "Picklist",
        "Options": [_option(number, text, language) for number, text in option_set(wish).items()],
    }


def _yes_no(language: int) -> dict[str, Any]:
    return {
        "@odata.type": f"{NAMESPACE}BooleanOptionSetMetadata",
        "IsGlobal": False,
        "OptionSetType": "Boolean",
        "TrueOption": _option(1, "Yes", language),
        "FalseOption": _option(0, "No", language),
    }


def options_of(found: Definition, language: int) -> dict[int, str]:
    """Labels of a choice's options by their number."""
    options = (found.get("OptionSet") or {}).get("Options") or []
    return {int(one["Value"]): text_of(one["Label"], language) for one in options}


def option_changes(wish: CrmField, found: Definition, language: int) -> tuple[dict[int, str], dict[int, str]]:
    """Options to add and options to name again, by number.

    Labels decide, not numbers: records hold the number, so an option that means something else is never renamed. Only
    one that carries no label of ours, at the very number we would give, is ours with a changed label.
    """
    there = options_of(found, language)
    added: dict[int, str] = {}
    renamed: dict[int, str] = {}
    for n, text in enumerate(wish.values):
        number = FIRST_OPTION + n
        if text in there.values():
            continue
        if number in there and there[number] not in wish.values:
            renamed[number] = text
        else:
            free = max([FIRST_OPTION + len(wish.values) - 1, *there, *added]) + 1
            added[free if number in there or number in added else number] = text
    return added, renamed


def differences(wish: CrmField, found: Definition, naming: Naming, language: int) -> list[str]:
    """What about a column of ours differs from what this version wants."""
    body = column(wish, naming, language)
    pairs: list[tuple[str, object, object]] = [
        ("label", wish.label, text_of(found.get("DisplayName"), language)),
        ("description", naming.description(wish), text_of(found.get("Description"), language)),
        ("column security", is_secured(wish), bool(found.get("IsSecured"))),
    ]
    if "MaxLength" in body:
        pairs.append(("length", body["MaxLength"], found.get("MaxLength")))
    if "Precision" in body:
        pairs.append(("scale", body["Precision"], found.get("Precision")))
    if "MinValue" in body and "MinValue" in found:
        wanted, there = (body["MinValue"], body["MaxValue"]), (found["MinValue"], found["MaxValue"])
        pairs.append(("range", tuple(map(float, wanted)), tuple(float(one or 0) for one in there)))
    words = [word for word, wanted, there in pairs if wanted != there]
    if wish.kind == "picklist" and any(option_changes(wish, found, language)):
        words.append("options")
    return words


def updated(wish: CrmField, whole: Definition, naming: Naming, language: int) -> dict[str, Any]:
    """The whole definition with our wishes put in: a column is replaced, never patched.

    Options are left as they are: they have actions of their own.
    """
    body = {name: value for name, value in column(wish, naming, language).items() if name != "OptionSet"}
    kept = {name: value for name, value in whole.items() if name != "@odata.context"}
    for name in ("DisplayName", "Description"):
        ours = body.pop(name)
        others = (kept.get(name) or {}).get("LocalizedLabels") or []
        ours["LocalizedLabels"] += [one for one in others if one["LanguageCode"] != language]
        kept[name] = ours
    level = body.pop("RequiredLevel")
    # An admin may have made the column required; that is none of our business.
    return {"RequiredLevel": level, **kept, **body}


def fetch_xml(wishes: Iterable[CrmField], status: CrmField, naming: Naming, key: int) -> str:
    """Query of the view: the running user's own active accounts whose status is Key."""
    table = status.table
    shown = [naming.column(wish) for wish in view_columns(wishes, status)]
    attributes = "".join(f"<attribute name={quoteattr(name)}/>" for name in ("name", *shown, f"{table}id"))
    conditions = (
        f'<condition attribute="{naming.column(status)}" operator="eq" value="{key}"/>'
        '<condition attribute="ownerid" operator="eq-userid"/>'
        '<condition attribute="statecode" operator="eq" value="0"/>'
    )
    return (
        f'<fetch version="1.0" mapping="logical"><entity name="{table}">{attributes}'
        f'<order attribute="name" descending="false"/><filter type="and">{conditions}</filter></entity></fetch>'
    )


def layout_xml(wishes: Iterable[CrmField], status: CrmField, naming: Naming) -> str:
    """Columns of the view."""
    names = [naming.column(wish) for wish in view_columns(wishes, status)]
    cells = '<cell name="name" width="250"/>' + "".join(f'<cell name="{name}" width="150"/>' for name in names)
    return (
        f'<grid name="resultset" object="{CODES[status.table]}" jump="name" select="1" icon="1" preview="1">'
        f'<row name="result" id="{status.table}id">{cells}</row></grid>'
    )
