"""What the names in a query mean: property names of the wire, and the columns behind them.

A table and a name come in; a column leaves, or the refusal that the service words for an unknown name. Next room:
`values`.
"""

from connector.emulator.dynamics.org.model import CHOICES, LOOKUPS, Column, Problem, Table

BAD_QUERY = "0x80060888"
_KINDS = {
    "integer": "whole", "bigint": "whole", "decimal": "real", "double": "real", "money": "real", "boolean": "yesno",
    "uniqueidentifier": "guid", "datetime": "moment",
}  # fmt: skip
_EDM = {
    "integer": "Edm.Int32", "bigint": "Edm.Int64", "decimal": "Edm.Decimal", "money": "Edm.Decimal",
    "double": "Edm.Double", "boolean": "Edm.Boolean", "uniqueidentifier": "Edm.Guid", "datetime": "Edm.DateTimeOffset",
}  # fmt: skip


def bad_query(message: str) -> Problem:
    """The refusal of a query that cannot be read."""
    return Problem(400, BAD_QUERY, message)


def wire_name(column: Column) -> str:
    """The name under which a row shows a column."""
    return f"_{column.name}_value" if column.type in LOOKUPS else column.name


def property_named(table: Table, name: str) -> Column | None:
    """The column behind a property name; a lookup is also found by its navigation property."""
    if name.startswith("_") and name.endswith("_value"):
        column = table.columns.get(name[1:-6])
        return column if column is not None and column.type in LOOKUPS and column.stored else None
    column = table.columns.get(name)
    if column is not None and column.type not in LOOKUPS:
        return column if column.stored and column.read else None
    return next((c for c in table.columns.values() if c.type in LOOKUPS and name in c.navigation.values()), None)


def need_property(table: Table, name: str) -> Column:
    """The column behind a property name; an unknown name is refused."""
    column = property_named(table, name)
    if column is None:
        raise bad_query(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
    return column


def is_date(column: Column) -> bool:
    """Say whether a column holds days without a time."""
    return column.type == "datetime" and column.behavior == "DateOnly"


def kind_of(column: Column) -> str:
    """The family that a column's values belong to: text, whole, real, yesno, guid, day or moment."""
    if column.type in LOOKUPS:
        return "guid"
    if column.type in CHOICES:
        return "whole"
    return "day" if is_date(column) else _KINDS.get(column.type, "text")


def edm_type(column: Column) -> str:
    """The name that messages have for the type of a column."""
    if column.type in LOOKUPS:
        return "Edm.Guid"
    if column.type in CHOICES:
        return "Edm.Int32"
    return "Edm.Date" if is_date(column) else _EDM.get(column.type, "Edm.String")
