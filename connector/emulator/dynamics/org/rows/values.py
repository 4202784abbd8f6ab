"""Values on their way in: what a caller or an export gives becomes what a column stores.

In: JSON values, Python values, CSV text; out: stored values, or the refusal that a real organisation gives.
Next room: `writing`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeAlias

from connector.emulator.dynamics.org.model import CHOICES, LOOKUPS, Column, Problem, Table
from connector.emulator.dynamics.org.storage import instant

Stored: TypeAlias = str | int | float | None
"""What a column holds."""

Row: TypeAlias = dict[str, Stored]
"""One row as its SQL table holds it, by column."""

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""A guid as rows hold it."""

MOMENT = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
"""A moment as rows hold it, of a day that all months have."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0, "yes": 1, "no": 0}
_EDM = {
    "integer": "Edm.Int32", "bigint": "Edm.Int64", "decimal": "Edm.Decimal", "money": "Edm.Decimal",
    "double": "Edm.Double", "boolean": "Edm.Boolean", "picklist": "Edm.Int32", "state": "Edm.Int32",
    "status": "Edm.Int32", "uniqueidentifier": "Edm.Guid", "datetime": "Edm.DateTimeOffset",
}  # fmt: skip


def guid(value: object) -> str:
    """Read a guid in any spelling, braces or capitals; ValueError for anything else."""
    text = str(value).strip().strip("{}").lower()
    if not GUID.fullmatch(text):
        raise ValueError(value)
    return text


def default_of(column: Column) -> Stored:
    """Give the value that new rows have in a column that nobody gives a value."""
    default = column.default
    return int(default) if isinstance(default, bool) else default if isinstance(default, str | int | float) else None


def reader(column: Column) -> Callable[[object], Stored]:
    """Give the function that turns given values into this column's form; it raises ValueError for unreadable ones."""
    if column.type in ("string", "memo", "entityname", "virtual"):
        return _text
    read = _moment if column.type == "datetime" and column.behavior != "DateOnly" else _READERS[column.type]
    return lambda value: None if value is None or value == "" else read(value)


def checked(table: Table, column: Column, value: object) -> Stored:
    """Turn a value that a user writes into its column's form, or raise what a real organisation answers."""
    try:
        result = reader(column)(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _unreadable(table, column, value) from error
    if result is None:
        return None
    if isinstance(result, str):
        _check_text(table, column, result)
    elif column.type in CHOICES:
        check_option(table, column, int(result))
    elif column.min_value is not None and column.max_value is not None:
        if not column.min_value <= result <= column.max_value:
            code = "0x8004432f" if column.type == "integer" else "0x80044330"
            message = f"A validation error occurred.  The value of '{column.name}' on record of type '{table.name}' is"
            raise Problem(400, code, f"{message} outside the valid range.")
        if column.type in ("decimal", "double", "money"):
            return round(float(result), 4 if column.type == "money" else max(column.precision, 0))
    return result


def check_option(table: Table, column: Column, value: int) -> None:
    """Refuse a number that is none of the column's options."""
    if value not in {option.value for option in column.options}:
        message = (
            f"A validation error occurred.  The value {value} of '{column.name}' on record of type '{table.name}' is"
            " outside the valid range. Accepted Values: "
        )
        raise Problem(400, "0x8004431a", message + ",".join(str(option.value) for option in column.options))


def _check_text(table: Table, column: Column, text: str) -> None:
    if column.max_length and len(text) > column.max_length and column.type in ("string", "memo"):
        message = (
            f"A validation error occurred. The length of the '{column.name}' attribute of the '{table.name}' entity"
            f" exceeded the maximum allowed length of '{column.max_length}'."
        )
        raise Problem(400, "0x80044331", message)
    if column.type == "datetime" and text < "1753":
        message = (
            f"DateTime is less than minimum value supported by CrmDateTime. Actual value: {text}, Minimum value"
            f" supported: 01/01/1753 00:00:00. Attribute '{column.name}' of the entity '{table.name}'."
        )
        raise Problem(400, "0x80040239", message)
    if column.type == "multiselect":
        for part in text.split(","):
            check_option(table, column, int(part))


def _text(value: object) -> Stored:
    if value is None or value.__class__ is str:
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return str(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError(value)
    number = float(value)  # type: ignore[arg-type]
    if not -1e300 < number < 1e300:
        raise ValueError(value)
    return number


def _integer(value: object) -> int:
    if value.__class__ is int:
        return value
    if value.__class__ is str and value.isdigit():
        return int(value)
    number = _number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _boolean(value: object) -> int:
    if isinstance(value, bool | int) and value in (0, 1):
        return int(value)
    if isinstance(value, str) and value.strip().lower() in _TRUTH:
        return _TRUTH[value.strip().lower()]
    raise ValueError(value)


def _day(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    if _DAY.fullmatch(text):
        return date.fromisoformat(text).isoformat()
    return datetime.fromisoformat(text).date().isoformat()


def _moment(value: object) -> str:
    if value.__class__ is str and MOMENT.fullmatch(value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value.isoformat()}T00:00:00Z"
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _guid(value: object) -> str:
    return value if value.__class__ is str and GUID.fullmatch(value) else guid(value)


def _many(value: object) -> str | None:
    parts = value if isinstance(value, list | tuple) else str(value).replace(";", ",").split(",")
    return ",".join(str(one) for one in sorted({_integer(part) for part in parts if str(part).strip()})) or None


_READERS: dict[str, Callable[[object], Stored]] = {
    "integer": _integer, "bigint": _integer, "decimal": _number, "double": _number, "money": _number,
    "boolean": _boolean, "picklist": _integer, "state": _integer, "status": _integer, "multiselect": _many,
    "datetime": _day, "uniqueidentifier": _guid, **dict.fromkeys(LOOKUPS, _guid),
}  # fmt: skip


def _unreadable(table: Table, column: Column, value: object) -> Problem:
    kind = "Edm.Date" if column.behavior == "DateOnly" else _EDM.get(column.type, "Edm.String")
    message = (
        f"Error identified in Payload provided by the user for Entity :'{table.set_name}', For more information on this"
        " error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException :"
        f" Microsoft.OData.ODataException: Cannot convert the literal '{value}' of '{column.name}' to the expected type"
        f" '{kind}'."
    )
    return Problem(400, "0x80048d19", message)
