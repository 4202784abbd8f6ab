"""Date literals and date functions: TODAY, LAST_N_DAYS:n, THIS_QUARTER … as day ranges, CALENDAR_YEAR(…) … as SQL.

In: a literal's name, its n and today's date; out: the first day and the day after the last, in UTC. Weeks start on Sunday and
the fiscal year in January, as in an org nobody has set up otherwise. Next room: `names`.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from connector.emulator.salesforce.soql.tree import Literal

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
    "WEEK": _weeks, "MONTH": _months, "QUARTER": _quarters, "FISCAL_QUARTER": _quarters, "YEAR": _years, "FISCAL_YEAR": _years,
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
