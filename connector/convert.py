"""Raw CRM values to column values, a whole column at a time.

Lists of JSON values come in; lists SQLite stores as they are, with money's and days' twins, leave; and back from
numpy to plain lists. Next room: `mapping`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from connector.schema import Column, twin

Columns = dict[str, list[Any]]
_EPOCH = date(1970, 1, 1).toordinal()
_USUAL = ".000+0000"  # how instants of Salesforce end
_WIDEST = 2**63  # what SQLite keeps as a whole number


def convert(column: Column, values: Sequence[Any]) -> Columns:
    """The column and its twin; text that can't be read as the column's kind becomes null. Money's twin stays null."""
    other = twin(column)
    if column.kind == "instant" and other is not None and (usual := _usual_instants(values)):
        return {column.name: usual[0], other: usual[1]}
    made = _KINDS[column.kind](values)
    result = {column.name: made}
    if other is not None:
        result[other] = [None] * len(made) if column.kind == "money" else _epoch_days(made)
    return result


def _epoch_days(texts: Sequence[str | None]) -> list[int | None]:
    """Epoch days of a column of ISO texts: few of the many texts have another day."""
    days = [t and t[:10] for t in texts]
    known = {day: epoch_day(day) if day else None for day in set(days)}
    return list(map(known.__getitem__, days))


@lru_cache(maxsize=100_000)
def epoch_day(text: str) -> int | None:
    """Days since 1970-01-01 of an ISO date or instant (its UTC day)."""
    try:
        return date.fromisoformat(text[:10]).toordinal() - _EPOCH
    except ValueError:
        return None


def iso_day(day: int) -> str:
    """ISO text of an epoch day."""
    return date.fromordinal(day + _EPOCH).isoformat()


def listed(array: np.ndarray[Any, Any]) -> list[Any]:
    """Plain Python values of a column; masked and NaN become None."""
    if isinstance(array, np.ma.MaskedArray):
        return [None if v != v else v for v in array.tolist()]
    values: list[Any] = array.tolist()
    return [None if v != v else v for v in values] if array.dtype.kind == "f" else values


def _texts(values: Sequence[Any]) -> list[Any]:
    try:
        joined = "".join(values if None not in values else [v for v in values if v is not None])
    except TypeError:  # something else than texts
        joined = "\0"
    if "\0" not in joined:
        return [v or None for v in values] if "" in values else list(values)
    # NUL ends a text in some readers of the file: drop it. Almost every value is a plain str: test that first.
    return [
        (v if "\0" not in v else v.replace("\0", "")) or None if v.__class__ is str else _one_text(v) for v in values
    ]


def _one_text(value: Any) -> str | None:
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _numbers(values: Sequence[Any]) -> list[Any]:
    return [v if v is None or (v.__class__ is float and v - v == 0) else _one_number(v) for v in values]


def _one_number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number - number == 0 else None  # neither infinite nor NaN


def _ints(values: Sequence[Any]) -> list[Any]:
    return [v if v is None or (v.__class__ is int and -_WIDEST <= v < _WIDEST) else _one_int(v) for v in values]


def _one_int(value: Any) -> int | None:
    number = _one_number(value)
    return None if number is None or not -_WIDEST <= number < _WIDEST else int(number)


def _days(values: Sequence[Any]) -> list[Any]:
    return [_one_day(str(v)) if v else None for v in values]


@lru_cache(maxsize=100_000)
def _one_day(text: str) -> str | None:
    day = epoch_day(text)
    return None if day is None else iso_day(day)


def _usual_instants(values: Sequence[Any]) -> tuple[list[Any], list[Any]] | None:
    """Instants and their days of the usual column: a stamp of the same form in each line. None of any other."""
    try:
        if not values or set(map(len, values)) != {28}:
            return None
        made = "\n".join(values).replace(_USUAL, "Z").split("\n")
    except TypeError:  # something else than texts
        return None
    if len(made) != len(values) or set(map(len, made)) != {20}:
        return None
    days = _epoch_days(made)
    return None if None in days else (made, days)


def _instants(values: Sequence[Any]) -> list[Any]:
    return [_one_instant(str(v)) if v else None for v in values]


@lru_cache(maxsize=200_000)
def _one_instant(text: str) -> str | None:
    """UTC instant `YYYY-MM-DDTHH:MM:SSZ`; a bare date is its midnight."""
    if text.endswith((".000+0000", ".000Z")) and epoch_day(text) is not None:
        return text[:19] + "Z"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None, microsecond=0).isoformat()}Z"


def _flags(values: Sequence[Any]) -> list[Any]:
    return [None if v is None else int(v is True or str(v).lower() in ("true", "1", "yes")) for v in values]


def _epochs(values: Sequence[Any]) -> list[Any]:
    return [epoch_day(str(v)) if v else None for v in values]


_KINDS: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "id": _texts,
    "text": _texts,
    "int": _ints,
    "number": _numbers,
    "money": _numbers,
    "day": _days,
    "instant": _instants,
    "flag": _flags,
    "epoch": _epochs,
}
