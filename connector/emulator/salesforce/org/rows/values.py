"""Values on their way in and out: what a caller or an export gives becomes what a column stores, and that becomes JSON.

In: JSON values, CSV text, stored rows; out: stored values, or the refusal a real org gives; and records as dicts.
Next room: `writing`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from operator import itemgetter
from typing import TypeAlias

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem

Stored: TypeAlias = str | int | float | None
"""What a column holds."""

Row: TypeAlias = dict[str, Stored]
"""One record as its table holds it, by field name."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?")
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0, "yes": 1, "no": 0}


def instant(moment: datetime) -> str:
    """Write a moment as records hold it: UTC, milliseconds, `+0000`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "+0000"


def parse_instant(text: str) -> datetime:
    """Read a moment in any spelling that the API takes; ValueError for others, and for days that do not exist."""
    if _DATE.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    if not _INSTANT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.replace(" ", "T", 1).strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def stored(field: Field, value: object) -> Stored:
    """Turn one given value into its column's form by type alone; ValueError says that it cannot be read."""
    if value is None or value == "":
        return 0 if field.type == "boolean" else None
    return _READERS.get(field.type, _text)(value)


def reader(field: Field) -> Callable[[object], Stored]:
    """Give the function that `stored` would apply to this field, for whole columns."""
    read, empty = _READERS.get(field.type, _plain), 0 if field.type == "boolean" else None
    if read in (_plain, _number, _id):  # these take an empty value themselves: one call less for each cell
        return read
    return lambda value: empty if value is None or value == "" else read(value)


def checked(field: Field, value: object) -> Stored:
    """Turn a value that a user writes into its column's form, or raise what a real org answers."""
    try:
        result = stored(field, value)
    except (ValueError, OverflowError) as error:
        raise _unreadable(field, value) from error
    if result is None:
        return None
    if isinstance(result, str):
        return _checked_text(field, result)
    if field.precision and field.type != "boolean":
        room = 10 ** (field.precision - field.scale)
        if abs(result) >= room:
            message = f"{field.label}: value outside of valid range on numeric field: {value}"
            raise Problem(400, "NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return result


def converter(field: Field) -> Callable[[Stored], object] | None:
    """Give the function from a stored value to its JSON value; None where they are the same."""
    return bool if field.type == "boolean" else None


def writer(
    kind: ObjectType, wanted: Sequence[str], version: str
) -> Callable[[Mapping[str, Stored]], dict[str, object]]:
    """Prepare the function that turns a row into a record: attributes first, then the named fields in their order."""
    base = f"/services/data/v{version.removeprefix('v')}/sobjects/{kind.name}/"
    fields = [field for field in map(kind.field, wanted) if field is not None]
    names = ["attributes", *(field.name for field in fields)]
    pick = itemgetter("Id", *(field.name if field.stored else "Id" for field in fields))
    converted = [(field.name, convert) for field in fields if (convert := converter(field)) is not None]
    composed = [(field.name, _composer(kind, field)) for field in fields if not field.stored]

    def write(row: Mapping[str, Stored]) -> dict[str, object]:
        record_id, *values = pick(row)
        attributes = {"type": kind.name, "url": base + record_id}
        record: dict[str, object] = dict(zip(names, (attributes, *values), strict=True))
        for name, convert in converted:
            record[name] = convert(row[name])
        for name, compose in composed:
            record[name] = compose(row)
        return record

    return write


def composed_of(kind: ObjectType, compound: Field) -> list[Field]:
    """List the stored fields that a compound field is made of."""
    return [field for field in kind.fields.values() if field.compound == compound.name and field.stored]


def needed(kind: ObjectType, names: Sequence[str]) -> list[str]:
    """List the stored fields that must be read to write these fields, each once."""
    fields = [field for field in map(kind.field, names) if field is not None]
    parts = chain.from_iterable([f] if f.stored else composed_of(kind, f) for f in fields)
    return list(dict.fromkeys(field.name for field in parts))


def _composer(kind: ObjectType, compound: Field) -> Callable[[Mapping[str, Stored]], dict[str, Stored] | None]:
    parts = {
        field.name.removeprefix(compound.name.removesuffix("Address")): field.name
        for field in composed_of(kind, compound)
    }
    order = [(key[0].lower() + key[1:], parts[key]) for key in sorted(parts)]

    def compose(row: Mapping[str, Stored]) -> dict[str, Stored] | None:
        address = {key: row[name] for key, name in order}
        return address if any(value is not None for value in address.values()) else None

    return compose


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(value)


def _plain(value: object) -> str | None:
    if value.__class__ is str:
        return value or None
    return None if value is None else _text(value)


def _boolean(value: object) -> int:
    if isinstance(value, bool | int) and value in (0, 1):
        return int(value)
    if isinstance(value, str) and value.strip().lower() in _TRUTH:
        return _TRUTH[value.strip().lower()]
    raise ValueError(value)


_NUMERIC = frozenset({int, float, str})


def _number(value: object) -> float | None:
    if value is None or value == "":
        return None
    if value.__class__ not in _NUMERIC:
        raise ValueError(value)
    number = float(value)  # type: ignore[arg-type]
    if not -1e300 < number < 1e300 or (value.__class__ is str and "_" in value):
        raise ValueError(value)
    return number


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _number(value)
    if number is None or number != int(number):
        raise ValueError(value)
    return int(number)


def _day(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = _text(value)
    if _DATE.fullmatch(text):
        return date.fromisoformat(text).isoformat()
    return parse_instant(text).astimezone(UTC).date().isoformat()


def _moment(value: object) -> str:
    if isinstance(value, datetime):  # without a zone it is UTC, as exports of whole companies have it
        return instant(value) if value.tzinfo else value.isoformat(timespec="milliseconds") + "+0000"
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000+0000"
    return instant(parse_instant(_text(value)))


def _time(value: object) -> str:
    match = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?Z?", _text(value))
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3] or 0) > 59:
        raise ValueError(value)
    return f"{match[1]}:{match[2]}:{match[3] or '00'}.{(match[4] or '').ljust(3, '0')}Z"


def _id(value: object) -> str | None:
    if value is None or value == "":
        return None
    full = ids.check(value.strip()) if isinstance(value, str) else None
    if full is None:
        raise ValueError(value)
    return full


def _many(value: object) -> str:
    parts = value if isinstance(value, list) else _text(value).split(";")
    return ";".join(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


_READERS: dict[str, Callable[[object], Stored]] = {
    "boolean": _boolean, "int": _integer, "double": _number, "currency": _number, "percent": _number, "date": _day,
    "datetime": _moment, "time": _time, "id": _id, "reference": _id, "multipicklist": _many,
}  # fmt: skip


def _checked_text(field: Field, text: str) -> str:
    if field.type in ("picklist", "multipicklist") and field.restricted:
        known = {value.value for value in field.picklist if value.active}
        for part in text.split(";") if field.type == "multipicklist" else [text]:
            if part not in known:
                message = f"{field.label}: bad value for restricted picklist field: {part}"
                raise Problem(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise Problem(400, "STRING_TOO_LONG", message, [field.name])
    if field.type == "email" and not _EMAIL.fullmatch(text):
        raise Problem(400, "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    if field.type == "date" and not "1700-01-01" <= text <= "4000-12-31":
        message = f"{field.label}: invalid date: {text}"
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", message, [field.name])
    return text


def _unreadable(field: Field, value: object) -> Problem:
    if field.type in ("id", "reference"):
        message = f"{field.label}: id value of incorrect type: {value}"
        return Problem(400, "MALFORMED_ID", message, [field.name])
    token = "VALUE_STRING" if isinstance(value, str) else "START_OBJECT" if isinstance(value, Mapping) else "VALUE"
    wanted = {"string": "string", "date": "date", "datetime": "datetime"}.get(field.type, field.type)
    message = (
        f"Cannot deserialize instance of {wanted} from {token} value {value} or request may be missing a required field"
    )
    return Problem(400, "JSON_PARSER_ERROR", message, [field.name])


def later(text: str, seconds: float) -> str:
    """Move a stored moment."""
    return instant(parse_instant(text) + timedelta(seconds=seconds))
