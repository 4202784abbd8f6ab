"""What stands left and right of an operator: fields, date functions of fields, and date literals such as TODAY.

In: operands and literals of the tree; out: terms with their SQL and type, and date literals as ranges of days in UTC.
Weeks start on Sunday and the fiscal year in January, as in an org that nobody has set up otherwise. Next room:
`where`.
"""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.model import Field
from connector.emulator.salesforce.soql.names import Scope, Statement
from connector.emulator.salesforce.soql.tree import Literal, Operand, Path

FOLD, ORDER = "soql_fold", "soql_order"  # the SQL names of `fold` and `order_key`
FAMILIES = {
    "id": "id", "reference": "id", "boolean": "boolean", "int": "int", "double": "double", "currency": "double",
    "percent": "double", "date": "date", "datetime": "dateTime", "time": "time", "multipicklist": "multipicklist",
    "address": "address", "location": "location",
}  # fmt: skip

Range = tuple[date, date]

_LONGEST = 100_000


def _days(today: date, first: int, count: int) -> Range:
    return today + timedelta(first), today + timedelta(first + count)


def _weeks(today: date, first: int, count: int) -> Range:
    sunday = today - timedelta((today.weekday() + 1) % 7)
    return sunday + timedelta(7 * first), sunday + timedelta(7 * (first + count))


def _months(today: date, first: int, count: int, step: int = 1) -> Range:
    start = (today.year * 12 + today.month - 1) // step * step
    return _month(start + first * step), _month(start + (first + count) * step)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _quarters(today: date, first: int, count: int) -> Range:
    return _months(today, first, count, 3)


def _years(today: date, first: int, count: int) -> Range:
    return _months(today, first, count, 12)


_UNITS: dict[str, Callable[[date, int, int], Range]] = {
    "WEEK": _weeks, "MONTH": _months, "QUARTER": _quarters, "FISCAL_QUARTER": _quarters, "YEAR": _years,
    "FISCAL_YEAR": _years,
}  # fmt: skip
_FIXED: dict[str, tuple[Callable[[date, int, int], Range], int, int]] = {
    "YESTERDAY": (_days, -1, 1), "TODAY": (_days, 0, 1), "TOMORROW": (_days, 1, 1),
    "LAST_90_DAYS": (_days, -90, 91), "NEXT_90_DAYS": (_days, 1, 90),
}  # fmt: skip
_COUNTED: dict[str, tuple[Callable[[date, int, int], Range], Callable[[int], tuple[int, int]]]] = {
    # LAST_N_DAYS reaches into today; the other LAST_… end before the running week, month, quarter or year.
    "LAST_N_DAYS": (_days, lambda n: (-n, n + 1)), "NEXT_N_DAYS": (_days, lambda n: (1, n)),
    "N_DAYS_AGO": (_days, lambda n: (-n, 1)),
}  # fmt: skip
for _name, _unit in _UNITS.items():
    _FIXED |= {f"LAST_{_name}": (_unit, -1, 1), f"THIS_{_name}": (_unit, 0, 1), f"NEXT_{_name}": (_unit, 1, 1)}
    _COUNTED |= {
        f"LAST_N_{_name}S": (_unit, lambda n: (-n, n)),
        f"NEXT_N_{_name}S": (_unit, lambda n: (1, n)),
        f"N_{_name}S_AGO": (_unit, lambda n: (-n, 1)),
    }


def known(literal: Literal) -> bool:
    """Say whether a word is a date literal, with its n where it needs one."""
    name = literal.value.upper()
    return literal.kind == "word" and (name in _FIXED if literal.count is None else name in _COUNTED)


def span(literal: Literal, today: date) -> Range:
    """Give the first day of a known date literal and the day after its last; ValueError beyond the calendar."""
    name = literal.value.upper()
    try:
        if literal.count is None:
            unit, first, count = _FIXED[name]
            return unit(today, first, count)
        if literal.count > _LONGEST:
            raise ValueError(literal.count)
        counted, reach = _COUNTED[name]
        return counted(today, *reach(literal.count))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def day(text: str) -> str:
    """Check a date; ValueError when the calendar has no such day."""
    return date.fromisoformat(text).isoformat()


def moment(text: str) -> str:
    """Turn a datetime with any offset into the form in which records keep it."""
    try:
        value = datetime.fromisoformat(text.upper().replace("Z", "+00:00")).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}+0000".rjust(28, "0")


_YEAR, _MONTH, _DAY = ("CAST(substr({0}, %s) AS INTEGER)" % part for part in ("1, 4", "6, 2", "9, 2"))  # noqa: UP031

# What each function is in SQLite; {0} is the column. The bool says whether a date without a time will do.
FUNCTIONS: dict[str, tuple[str, bool]] = {
    "CALENDAR_YEAR": (_YEAR, True),
    "CALENDAR_QUARTER": (f"(({_MONTH} + 2) / 3)", True),
    "CALENDAR_MONTH": (_MONTH, True),
    "FISCAL_YEAR": (_YEAR, True),
    "FISCAL_QUARTER": (f"(({_MONTH} + 2) / 3)", True),
    "FISCAL_MONTH": (_MONTH, True),
    "DAY_IN_MONTH": (_DAY, True),
    "DAY_IN_WEEK": ("(CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER) + 1)", True),
    "DAY_IN_YEAR": ("CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER)", True),
    "WEEK_IN_MONTH": (f"(({_DAY} + 6) / 7)", True),
    "WEEK_IN_YEAR": ("((CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER) + 6) / 7)", True),
    "HOUR_IN_DAY": ("CAST(substr({0}, 12, 2) AS INTEGER)", False),
    "DAY_ONLY": ("substr({0}, 1, 10)", False),
}


@dataclass(frozen=True)
class Term:
    """The left side of a comparison: its SQL, its type, and how messages name it."""

    sql: str
    type: str
    name: str
    place: int
    field: Field | None = None
    targets: tuple[str, ...] = ()  # objects whose ids an id term may hold

    @property
    def family(self) -> str:
        """Give the group of types that compare alike."""
        return FAMILIES.get(self.type, "string")


def fold(text: str | None) -> str | None:
    """Make texts that differ only in case equal."""
    return None if text is None else text.casefold()


def order_key(text: str | None) -> str | None:
    """Give the text that sorts as the org sorts: case does not count, accents only between otherwise equal texts."""
    if text is None or text.isascii():
        return fold(text)
    folded = text.casefold()
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter))
    return f"{bare}\x01{folded}" if bare != folded else folded


def term(scope: Scope, operand: Operand) -> Term:
    """Find the field, or the date function of a field, that stands outside of aggregates."""
    if isinstance(operand, Path):
        column = scope.column(operand)
        targets = column.field.reference_to or ((scope.kind.name,) if column.field.type == "id" else ())
        if column.field.type == "id" and column.node.kind is not None:
            targets = (column.node.kind.name,)
        return Term(column.sql, column.field.type, column.field.name, operand.place, column.field, targets)
    text = scope.statement.text
    if operand.name == "TOLABEL" and len(operand.arguments) == 1 and isinstance(operand.arguments[0], Path):
        return _labelled(scope, term(scope, operand.arguments[0]))
    if operand.name not in FUNCTIONS:
        text.refuse(operand.place, "MALFORMED_QUERY", f"unexpected token: '{operand.name}'")
    inner = operand.arguments[0] if len(operand.arguments) == 1 else None
    if (
        not isinstance(inner, Path)
        and inner is not None
        and not isinstance(inner, Literal)
        and inner.name == "CONVERTTIMEZONE"
    ):
        inner = inner.arguments[0] if len(inner.arguments) == 1 else None  # the org's time zone is UTC
    if not isinstance(inner, Path):
        text.refuse(operand.place, "MALFORMED_QUERY", f"{operand.name} takes one date or datetime field")
    found = term(scope, inner)
    sql, days = FUNCTIONS[operand.name]
    if found.type not in (("date", "datetime") if days else ("datetime",)):
        message = f"field '{found.name}' of type {found.type} can not be used with {operand.name}"
        text.refuse(inner.place, "MALFORMED_QUERY", message)
    kind = "date" if operand.name == "DAY_ONLY" else "int"
    return Term(sql.format(found.sql), kind, f"{operand.name}({found.name})", operand.place)


def _labelled(scope: Scope, found: Term) -> Term:
    if found.field is None or not found.field.picklist:
        return found
    bind = scope.statement.bind
    cases = "".join(f" WHEN {bind(entry.value)} THEN {bind(entry.label)}" for entry in found.field.picklist)
    return Term(f"(CASE {found.sql}{cases} ELSE {found.sql} END)", "string", found.name, found.place)


def value_of(statement: Statement, term: Term, literal: Literal) -> object:
    """Turn a literal into what the column holds; refuse one that the type does not take."""
    if literal.kind == "word" and literal.count is None and literal.value.lower() == "null":
        return None
    if literal.kind == "word" and not (literal.value.lower() in ("true", "false") or known(literal)):
        statement.text.refuse(literal.place, "MALFORMED_QUERY", f"unexpected token: '{literal.value}'")
    family = term.family
    if family in ("string", "multipicklist", "id") and literal.kind == "string":
        return _id(statement, literal) if family == "id" else literal.value or None
    if family in ("int", "double") and literal.kind == "number":
        return _number(statement, literal)
    if family == "boolean" and literal.kind == "word" and not known(literal):
        return int(literal.value.lower() == "true")
    if literal.kind == family.lower():
        return _on_calendar(statement, literal)
    return _mismatch(statement, term)


def _number(statement: Statement, literal: Literal) -> int | float:
    if literal.value.lstrip("+-").isdigit() and len(literal.value) < 18:
        return int(literal.value)
    number = float(literal.value)
    if math.isinf(number):
        statement.text.refuse(literal.place, "NUMBER_OUTSIDE_VALID_RANGE", f"Invalid number: {literal.value[:40]}…")
    return number


def _id(statement: Statement, literal: Literal) -> str | None:
    if not literal.value:
        return None
    full = ids.check(literal.value)
    if full is None:
        message = f"invalid ID field: {literal.value}"
        statement.text.refuse(literal.place, "INVALID_QUERY_FILTER_OPERATOR", message)
    return full


def _on_calendar(statement: Statement, literal: Literal) -> str:
    try:
        if literal.kind == "time":
            return literal.value.upper().rstrip("Z")
        return day(literal.value) if literal.kind == "date" else moment(literal.value)
    except ValueError:
        statement.text.refuse(literal.place, "MALFORMED_QUERY", f"Invalid date: {literal.value}")


def _mismatch(statement: Statement, term: Term) -> NoReturn:
    family = term.family
    quotes = "should be enclosed" if family in ("string", "multipicklist", "id") else "should not be enclosed"
    kind = "string" if family in ("multipicklist", "id") else family
    message = f"value of filter criterion for field '{term.name}' must be of type {kind} and {quotes} in quotes"
    statement.text.refuse(term.place, "INVALID_FIELD", message)
