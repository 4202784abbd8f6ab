"""Columns from bodies: each class with its own properties and limits.

A body comes in; a `Column` leaves, new or changed. Next room: `definitions`, which adds it to the table.
"""

from collections.abc import Callable, Mapping
from typing import Any

from connector.emulator.dynamics.metadata.edit import wording
from connector.emulator.dynamics.metadata.shapes.attributes import KINDS, NAMES
from connector.emulator.dynamics.metadata.shapes.extras import options_stored, stored_sets
from connector.emulator.dynamics.metadata.shapes.labels import plain
from connector.emulator.dynamics.org.model import Column, Option, Problem, Table
from connector.emulator.dynamics.org.records import Org

TEXT_FORMATS = ("Text", "TextArea", "Email", "Url", "Phone", "TickerSymbol", "RichText", "Json", "VersionNumber",
                "PhoneticGuide")  # fmt: skip
MEMO_FORMATS = ("Text", "TextArea", "Email", "RichText", "InternalExtentData", "Json")
INTEGER_FORMATS = ("None", "Duration", "TimeZone", "Language", "Locale")
BEHAVIORS = ("UserLocal", "DateOnly", "TimeZoneIndependent")
MONEY = 922337203685477.0
DECIMAL = 100000000000.0
MAKEABLE = {
    "StringAttributeMetadata": "string",
    "MemoAttributeMetadata": "memo",
    "IntegerAttributeMetadata": "integer",
    "BigIntAttributeMetadata": "bigint",
    "DecimalAttributeMetadata": "decimal",
    "DoubleAttributeMetadata": "double",
    "MoneyAttributeMetadata": "money",
    "BooleanAttributeMetadata": "boolean",
    "PicklistAttributeMetadata": "picklist",
    "MultiSelectPicklistAttributeMetadata": "multiselect",
    "DateTimeAttributeMetadata": "datetime",
}
"""Classes of columns that can be added, with the model's type; lookups are made by relationships."""


def new_column(org: Org, table: Table, body: Mapping[str, Any]) -> Column:
    """The column that a body describes, not yet part of the table."""
    kind = wording.class_of(body)
    if kind == "LookupAttributeMetadata":
        text = "Lookup attributes cannot be created on their own: POST RelationshipDefinitions with a Lookup instead."
        raise Problem(400, "0x80040203", text)
    if kind not in MAKEABLE:
        raise Problem(
            400, "0x80048d19", f"A type named '{kind or '(none)'}' cannot be made: give @odata.type of a column."
        )
    wording.undeclared(body, NAMES[kind] | {"OptionSet", "GlobalOptionSet"}, kind)
    schema = wording.schema_name(org, body, "Attribute")
    free(table, schema)
    label, _ = wording.labelled(body, "DisplayName", schema)
    column = Column(
        schema.lower(), MAKEABLE[kind], label, schema, wording.labelled(body, "Description")[0],
        required=wording.required(body), custom=True, primary_name=wording.flag(body, "IsPrimaryName", False),
        secured=wording.flag(body, "IsSecured", False),
    )  # fmt: skip
    return _typed(org, table, column, body)


def free(table: Table, schema: str) -> None:
    """Refuse a name that a column of the table has already."""
    for column in table.columns.values():
        if (column.schema_name or column.name).lower() == schema.lower():
            text = f"Attribute with SchemaName {schema} already exists in entity {table.name}."
            raise Problem(400, "0x80047013", text)
        if column.name == schema.lower():
            raise Problem(400, "0x80060304", f"Attribute {schema} already exists for entity {table.name}.")


def changed_column(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> Column:
    """The column with what a body says about it; its class, name and options stay."""
    kind = wording.class_of(body, KINDS[column.type][2])
    if kind not in (KINDS[column.type][2], "AttributeMetadata"):
        raise Problem(400, "0x80040203", f"The type of the attribute {column.name} cannot be changed to {kind}.")
    wording.undeclared(body, NAMES[KINDS[column.type][2]] | {"OptionSet", "GlobalOptionSet"}, kind)
    if str(body.get("SchemaName") or column.schema_name).lower() != column.schema_name.lower():
        raise Problem(400, "0x80040203", f"The schema name of the attribute {column.name} cannot be changed.")
    level = plain(body.get("RequiredLevel")) or column.required
    if column.required == "SystemRequired" and level != column.required:
        raise Problem(400, "0x8004d293", "An attribute's required level cannot be changed from SystemRequired")
    changed = column.with_(
        label=wording.labelled(body, "DisplayName", column.label)[0],
        description=wording.labelled(body, "Description", column.description)[0],
        required=wording.required(body, column.required),
        secured=wording.flag(body, "IsSecured", column.secured),
    )
    return _typed(org, table, changed, body)


def _typed(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> Column:
    """The column with what its class adds."""
    maker = _MAKERS.get(column.type)
    return column.with_(**maker(org, table, column, body)) if maker else column


def _text(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    memo = column.type == "memo"
    longest = 1048576 if memo else 4000
    length = wording.whole(body, "MaxLength", 1, longest, column.max_length or (2000 if memo else 100), column.name)
    formats = MEMO_FORMATS if memo else TEXT_FORMATS
    shape = plain(body.get("FormatName")) or body.get("Format") or column.format or ("TextArea" if memo else "Text")
    return {"max_length": length, "format": _one_of(str(shape), formats, "FormatName", column)}


def _integer(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    shape = _one_of(str(body.get("Format") or column.format or "None"), INTEGER_FORMATS, "Format", column)
    return _bounds(column, body, -2147483648, 2147483647) | {"format": shape}


def _decimal(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    places = 5 if column.type == "double" else 10
    precision = wording.whole(body, "Precision", 0, places, column.precision or 2, column.name)
    return _bounds(column, body, -DECIMAL, DECIMAL) | {"precision": precision}


def _money(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    fresh = not column.max_value
    return _bounds(column, body, -MONEY, MONEY) | {
        "precision": wording.whole(body, "Precision", 0, 4, 2 if fresh else column.precision, column.name),
        "precision_source": wording.whole(
            body, "PrecisionSource", 0, 2, 2 if fresh else column.precision_source, column.name
        ),
    }


def _bounds(column: Column, body: Mapping[str, Any], low: float, high: float) -> dict[str, Any]:
    least = low if column.min_value is None else column.min_value
    most = high if column.max_value is None else column.max_value
    least = wording.number(body, "MinValue", low, high, least, column.name)
    most = wording.number(body, "MaxValue", low, high, most, column.name)
    if least > most:
        raise Problem(
            400, "0x80040203", f"The MinValue {least:g} of {column.name} is greater than the MaxValue {most:g}."
        )
    return {"min_value": least, "max_value": most}


def _boolean(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    default = wording.flag(body, "DefaultValue", bool(column.default))
    if column.options:
        return {"default": default}
    given = body.get("OptionSet") or {}
    made = []
    for value, name, text in ((1, "TrueOption", "Yes"), (0, "FalseOption", "No")):
        entry = given.get(name) or {}
        if entry.get("Value", value) != value:
            raise Problem(400, "0x8004431d", f"The {name} of {column.name} must have the value {value}.")
        label, others = wording.labelled(entry, "Label", text)
        made.append(Option(value, label, {int(language): shown for language, shown in others.items()}))
    return {"options": tuple(made), "default": default, "option_set": f"{table.name}_{column.name}"}


def _choice(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    if not column.options and not column.global_set:
        column = column.with_(**_option_set(org, table, column, body))
    default = body.get("DefaultFormValue", column.default)
    default = None if default == -1 else default
    if default is not None and default not in [option.value for option in column.options]:
        raise Problem(400, "0x8004431a", f"The DefaultFormValue {default} of {column.name} is not one of its options.")
    return {
        "options": column.options, "option_set": column.option_set, "global_set": column.global_set, "default": default,
    }  # fmt: skip


def _option_set(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a new choice: those of a shared set, or its own."""
    name = shared_name(org, body)
    if name is not None:
        return {"options": shared_options(org, name), "option_set": name, "global_set": True}
    prefix = column.schema_name.partition("_")[0]
    options = wording.options(org, (body.get("OptionSet") or {}).get("Options"), prefix, column.name)
    return {"options": options, "option_set": f"{table.name}_{column.name}"}


def shared_name(org: Org, body: Mapping[str, Any]) -> str | None:
    """The shared option set that a body binds or names; None when the column has its own."""
    given = body.get("OptionSet") or {}
    bound = body.get("GlobalOptionSet@odata.bind")
    if bound is None and not (given.get("IsGlobal") and given.get("Name")):
        return None
    key = str(bound).rstrip(")").rpartition("(")[2] if bound is not None else str(given["Name"])
    key = key.removeprefix("Name=").strip("'").lower()
    for name, stored in stored_sets(org).items():
        if key in (name.lower(), str(stored["id"]).lower()):
            return name
    for other in org.tables.values():
        for column in other.columns.values():
            if column.global_set and column.option_set.lower() == key:
                return column.option_set
    raise Problem(404, "0x80040217", f"Could not find an optionset with specified name or id: {key}")


def shared_options(org: Org, name: str) -> tuple[Option, ...]:
    """The options of a shared set."""
    stored = stored_sets(org).get(name)
    if stored is not None:
        return options_stored(stored)
    every = (column for table in org.tables.values() for column in table.columns.values())
    return next(column.options for column in every if column.global_set and column.option_set == name)


def _moment(org: Org, table: Table, column: Column, body: Mapping[str, Any]) -> dict[str, Any]:
    old = column.behavior
    behavior = str(plain(body.get("DateTimeBehavior")) or old or "UserLocal")
    _one_of(behavior, BEHAVIORS, "DateTimeBehavior", column)
    if old and old != behavior and (old != "UserLocal" or not column.custom):
        text = f"The DateTimeBehavior of {column.name} cannot be changed from {old} to {behavior}."
        raise Problem(400, "0x80040203", text)
    shape = str(body.get("Format") or column.format or ("DateOnly" if behavior == "DateOnly" else "DateAndTime"))
    _one_of(shape, ("DateOnly", "DateAndTime"), "Format", column)
    if behavior == "DateOnly" and shape != "DateOnly":
        text = f"The Format of {column.name} must be DateOnly, since its DateTimeBehavior is DateOnly."
        raise Problem(400, "0x80040203", text)
    return {"format": shape, "behavior": behavior}


def _one_of(value: str, allowed: tuple[str, ...], name: str, column: Column) -> str:
    found = {entry.lower(): entry for entry in allowed}.get(value.lower())
    if found is None:
        raise Problem(400, "0x80040203", f"The {name} '{value}' of the attribute {column.name} is not valid.")
    return found


Maker = Callable[[Org, Table, Column, Mapping[str, Any]], dict[str, Any]]
_MAKERS: dict[str, Maker] = {
    "string": _text,
    "memo": _text,
    "integer": _integer,
    "decimal": _decimal,
    "double": _decimal,
    "money": _money,
    "boolean": _boolean,
    "picklist": _choice,
    "multiselect": _choice,
    "datetime": _moment,
}
