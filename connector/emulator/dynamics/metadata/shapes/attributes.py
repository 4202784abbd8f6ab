"""Columns as metadata describes them: what all share, what each type adds, and the companions that clients pass over.

A table's columns come in; one shape for each leaves, of the class of its type. Next room: `tables`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connector.emulator.dynamics.metadata.shapes.labels import label, managed, part_id
from connector.emulator.dynamics.metadata.shapes.options import SETS, column_set
from connector.emulator.dynamics.metadata.shapes.shape import Shape, words
from connector.emulator.dynamics.org.model import LOOKUPS, Column, Table

KINDS = {
    "string": ("String", "StringType", "StringAttributeMetadata"),
    "memo": ("Memo", "MemoType", "MemoAttributeMetadata"),
    "integer": ("Integer", "IntegerType", "IntegerAttributeMetadata"),
    "bigint": ("BigInt", "BigIntType", "BigIntAttributeMetadata"),
    "decimal": ("Decimal", "DecimalType", "DecimalAttributeMetadata"),
    "double": ("Double", "DoubleType", "DoubleAttributeMetadata"),
    "money": ("Money", "MoneyType", "MoneyAttributeMetadata"),
    "boolean": ("Boolean", "BooleanType", "BooleanAttributeMetadata"),
    "picklist": ("Picklist", "PicklistType", "PicklistAttributeMetadata"),
    "multiselect": ("Virtual", "MultiSelectPicklistType", "MultiSelectPicklistAttributeMetadata"),
    "state": ("State", "StateType", "StateAttributeMetadata"),
    "status": ("Status", "StatusType", "StatusAttributeMetadata"),
    "datetime": ("DateTime", "DateTimeType", "DateTimeAttributeMetadata"),
    "lookup": ("Lookup", "LookupType", "LookupAttributeMetadata"),
    "customer": ("Customer", "CustomerType", "LookupAttributeMetadata"),
    "owner": ("Owner", "OwnerType", "LookupAttributeMetadata"),
    "uniqueidentifier": ("Uniqueidentifier", "UniqueidentifierType", "UniqueIdentifierAttributeMetadata"),
    "entityname": ("EntityName", "EntityNameType", "EntityNameAttributeMetadata"),
    "virtual": ("Virtual", "VirtualType", "AttributeMetadata"),
}
SYSTEM = frozenset(
    words("""
    createdon createdby createdonbehalfby modifiedon modifiedby modifiedonbehalfby ownerid owningbusinessunit
    owningteam owninguser overriddencreatedon importsequencenumber timezoneruleversionnumber
    utcconversiontimezonecode versionnumber statecode statuscode exchangerate transactioncurrencyid
""")
)
Extras = Mapping[str, Mapping[str, Any]]
Sets = Callable[[str], Shape | None]


def securable(table: Table, column: Column) -> bool:
    """Whether column security may be turned on."""
    kept = column.primary_id or column.base_of or column.name in SYSTEM or column.type in ("virtual", "entityname")
    return not kept


def attributes(table: Table, extras: Extras, sets: Sets) -> Iterator[Shape]:
    """One shape for each column of the table and each companion of one."""
    number = 0
    for column in table.columns.values():
        number += 1
        yield attribute(table, column, number, extras.get(column.metadata_id, {}), sets)
        for companion in companions(table, column):
            number += 1
            data = _common(table, companion, number, {}) | _typed(companion)
            data |= {"AttributeOf": column.name, "IsValidODataAttribute": False, "IsLogical": True}
            yield Shape(KINDS[companion.type][2], data)


def attribute(table: Table, column: Column, number: int, extra: Mapping[str, Any], sets: Sets) -> Shape:
    """One column; `extra` holds what the organisation's model has no place for."""
    data = _common(table, column, number, extra) | _typed(column)
    if column.base_of:
        data["AttributeOf"] = None
        data["CalculationOf"] = column.base_of
    if column.type not in SETS:
        return Shape(KINDS[column.type][2], data)
    links: dict[str, Callable[[], Shape | list[Shape] | None]] = {
        "OptionSet": lambda: None if column.global_set else column_set(table.name, column),
        "GlobalOptionSet": lambda: sets(column.option_set) if column.global_set else None,
    }
    return Shape(KINDS[column.type][2], data, links)


def companions(table: Table, column: Column) -> Iterator[Column]:
    """The columns that show a lookup's or a choice's text, and the table a lookup points at; they hold no data."""
    made: list[Column] = []
    if column.type in LOOKUPS:
        made.append(Column(f"{column.name}name", "string", max_length=160, format="Text"))
        if len(column.targets) > 1:
            made.append(Column(f"{column.name}type", "entityname"))
    elif column.type in SETS:
        made.append(Column(f"{column.name}name", "virtual"))
    for companion in made:
        schema = (column.schema_name or column.name) + companion.name[len(column.name) :].capitalize()
        if companion.name not in table.columns:
            yield companion.with_(
                schema_name=schema,
                create=False,
                update=False,
                managed=column.managed,
                custom=column.custom,
                metadata_id=part_id("companion", table.name, companion.name),
            )


def _common(table: Table, column: Column, number: int, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What every class of column has, in the order in which it is published."""
    may_secure = securable(table, column) and column.type not in ("virtual", "entityname")
    kind, type_name, _ = KINDS[column.type]
    seed = f"{table.name}/{column.name}"
    others = extra.get("labels", {})
    built_in = not column.custom
    moment = extra.get("created", "1900-01-01T00:00:00Z")
    visible = column.type not in ("virtual", "uniqueidentifier", "entityname", "bigint")
    free = column.required != "SystemRequired"
    return {
        "MetadataId": column.metadata_id,
        "HasChanged": None,
        "AttributeOf": None,
        "AttributeType": kind,
        "ColumnNumber": number,
        "DeprecatedVersion": None,
        "IntroducedVersion": "5.0.0.0" if built_in else "1.0.0.0",
        "EntityLogicalName": table.name,
        "IsCustomAttribute": column.custom,
        "IsPrimaryId": column.primary_id,
        "IsValidODataAttribute": column.type != "virtual",
        "IsPrimaryName": column.primary_name,
        "IsValidForCreate": column.create,
        "IsValidForRead": column.read,
        "IsValidForUpdate": column.update,
        "CanBeSecuredForRead": may_secure and column.read,
        "CanBeSecuredForCreate": may_secure and column.create,
        "CanBeSecuredForUpdate": may_secure and column.update,
        "IsSecured": column.secured,
        "IsRetrievable": built_in,
        "IsFilterable": False,
        "IsSearchable": column.primary_name,
        "IsManaged": column.managed,
        "LinkedAttributeId": None,
        "LogicalName": column.name,
        "IsValidForForm": visible,
        "IsRequiredForForm": column.primary_name,
        "IsValidForGrid": visible,
        "SchemaName": column.schema_name or column.name,
        "ExternalName": None,
        "IsLogical": False,
        "IsDataSourceSecret": False,
        "InheritsFrom": None,
        "CreatedOn": moment,
        "ModifiedOn": extra.get("modified", moment),
        "SourceType": None if column.type in LOOKUPS or not visible else 0,
        "AutoNumberFormat": extra.get("auto_number", "") if column.type == "string" else None,
        "AttributeTypeName": {"Value": type_name},
        "Description": label(
            column.description, _languages(others, "Description"), managed=column.managed, seed=f"{seed}/description"
        ),
        "DisplayName": label(
            column.label, _languages(others, "DisplayName"), managed=column.managed, seed=f"{seed}/name"
        ),
        "IsAuditEnabled": managed(True, "canmodifyauditsettings"),
        "IsGlobalFilterEnabled": managed(False, "canmodifyglobalfiltersettings"),
        "IsSortableEnabled": managed(False, "canmodifyissortablesettings"),
        "IsCustomizable": managed(True, "iscustomizable", changeable=not column.managed),
        "IsRenameable": managed(True, "isrenameable", changeable=not column.managed),
        "IsValidForAdvancedFind": managed(visible, "canmodifysearchsettings"),
        "RequiredLevel": managed(column.required, "canmodifyrequirementlevelsettings", changeable=free),
        "CanModifyAdditionalSettings": managed(True, "canmodifyadditionalsettings", changeable=not column.managed),
        "Settings": [],
    }


def _languages(labels: Mapping[str, Any], name: str) -> dict[int, str]:
    return {int(language): text for language, text in labels.get(name, {}).items()}


def _typed(column: Column) -> dict[str, Any]:
    """What the class of this column's type adds."""
    formula = {"FormulaDefinition": "", "SourceTypeMask": 0}
    bounds = {"MaxValue": column.max_value, "MinValue": column.min_value}
    match column.type:
        case "string" | "memo":
            return _text(column)
        case "integer":
            whole = {name: None if value is None else int(value) for name, value in bounds.items()}
            return whole | {"Format": column.format or "None"} | formula
        case "bigint":
            return {"MaxValue": 9223372036854775807, "MinValue": -9223372036854775808}
        case "decimal":
            return bounds | {"Precision": column.precision, "ImeMode": "Disabled"} | formula
        case "double":
            return bounds | {"Precision": column.precision, "ImeMode": "Disabled"}
        case "money":
            rest = {"ImeMode": "Disabled", "IsBaseCurrency": bool(column.base_of), "CalculationOf": None}
            return bounds | {"Precision": column.precision, "PrecisionSource": column.precision_source} | rest | formula
        case "boolean":
            return {"DefaultValue": bool(column.default)} | formula
        case "picklist" | "multiselect":
            rest = {"ParentPicklistLogicalName": None, "ChildPicklistLogicalNames": []}
            return {"DefaultFormValue": -1 if column.default is None else column.default} | rest | formula
        case "state" | "status":
            return {"DefaultFormValue": -1 if column.default is None else column.default}
        case "datetime":
            behavior = column.behavior or "UserLocal"
            return {
                "MinSupportedValue": "1753-01-01T00:00:00Z",
                "MaxSupportedValue": "9999-12-30T23:59:59Z",
                "Format": column.format or "DateAndTime",
                "ImeMode": "Inactive",
                "DateTimeBehavior": {"Value": behavior},
                "CanChangeDateTimeBehavior": managed(
                    column.custom and behavior == "UserLocal", "canchangedatetimebehavior"
                ),
            } | formula
        case "lookup" | "customer" | "owner":
            return {"Targets": list(column.targets), "Format": "None"}
        case "entityname":
            return {"IsEntityReferenceStored": False}
    return {}


def _text(column: Column) -> dict[str, Any]:
    """What the classes of text add."""
    if column.type == "memo":
        return {
            "Format": "TextArea",
            "ImeMode": "Auto",
            "MaxLength": column.max_length or None,
            "IsLocalizable": False,
            "FormatName": {"Value": column.format or "TextArea"},
        }
    shape = column.format or "Text"
    return {
        "Format": shape if shape in ("Text", "TextArea", "Email", "Url", "Phone", "TickerSymbol") else "Text",
        "ImeMode": "Auto",
        "MaxLength": column.max_length or None,
        "YomiOf": None,
        "IsLocalizable": False,
        "DatabaseLength": (column.max_length or 0) * 2,
        "FormatName": {"Value": shape},
        "FormulaDefinition": "",
        "SourceTypeMask": 0,
    }


_SAMPLE = Table("x", "X", "xs", "X", "Xs", 0, "xid", "name")
BASE = frozenset(_common(_SAMPLE, Column("x", "string"), 1, {}))
NAMES: dict[str, frozenset[str]] = {"AttributeMetadata": BASE} | {
    kind: BASE | frozenset(_typed(Column("x", name))) for name, (_, _, kind) in KINDS.items() if name != "virtual"
}
"""Names of the properties of each class of column, for $select, $filter and bodies."""
