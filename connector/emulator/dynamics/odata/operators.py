"""The operators that Dataverse has beside those of OData; FetchXML and the functions of `$filter` share them.

A column, an operator and its values as text come in; a condition of SQL leaves. Next room: `filters`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from connector.emulator.dynamics.odata.names import bad_query, is_date
from connector.emulator.dynamics.odata.scope import Scope, Term, quoted
from connector.emulator.dynamics.odata.values import Literal, compare, fitting, like, member, moment_of, stamp

Window = tuple[datetime | None, datetime | None]
_DAY = timedelta(days=1)
_COMPARISONS = {"eq": "eq", "ne": "ne", "neq": "ne", "gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}
_PATTERNS = {"like": "{}", "begins-with": "{}%", "ends-with": "%{}"}
_NEGATED = {
    "not-like": "like", "not-begin-with": "begins-with", "not-end-with": "ends-with", "not-between": "between",
    "not-contain-values": "contain-values", "ne-userid": "eq-userid", "ne-businessid": "eq-businessid",
    "not-under": "under", "not-on": "on",
}  # fmt: skip
_HIERARCHY = {
    "above": ("up", False), "eq-or-above": ("up", True), "under": ("down", False), "eq-or-under": ("down", True),
    "eq-useroruserhierarchy": ("down", True),
}  # fmt: skip
_UNITS = ("hours", "days", "weeks", "months", "years")


def _names() -> dict[str, str]:
    """The operator of FetchXML for each function of `$filter`, by its name in small letters."""
    names = {
        "in": "in", "notin": "not-in", "between": "between", "notbetween": "not-between", "on": "on", "noton": "not-on",
        "onorafter": "on-or-after", "onorbefore": "on-or-before", "containvalues": "contain-values",
        "doesnotcontainvalues": "not-contain-values", "equaluserid": "eq-userid", "notequaluserid": "ne-userid",
        "equalbusinessid": "eq-businessid", "notequalbusinessid": "ne-businessid", "above": "above",
        "aboveorequal": "eq-or-above", "under": "under", "underorequal": "eq-or-under", "notunder": "not-under",
        "equaluseroruserhierarchy": "eq-useroruserhierarchy", "today": "today", "yesterday": "yesterday",
        "tomorrow": "tomorrow", "last7days": "last-seven-days", "next7days": "next-seven-days",
        "olderthanxminutes": "olderthan-x-minutes",
    }  # fmt: skip
    for unit in _UNITS:
        names |= {f"lastx{unit}": f"last-x-{unit}", f"nextx{unit}": f"next-x-{unit}"}
        names[f"olderthanx{unit}"] = f"olderthan-x-{unit}"
    for unit in ("week", "month", "year"):
        names |= {f"{when}{unit}": f"{when}-{unit}" for when in ("last", "this", "next")}
    return names


OPERATORS = _names()


def apply_operator(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    """The condition of SQL for an operator, by its name in FetchXML."""
    if operator in _NEGATED:
        return f"NOT coalesce({apply_operator(scope, term, _NEGATED[operator], values)}, 0)"
    rule = _RULES.get(operator)
    if rule is not None:
        return rule(scope, term, operator, values)
    if term.column.type == "datetime":
        window = window_of(operator, values, scope.statement.org.clock())
        if window is not None:
            return _within(scope, term, window)
    raise bad_query(f"The operator '{operator}' is not supported for the attribute '{term.column.name}'.")


def _one(values: Sequence[str], operator: str, term: Term) -> str:
    if len(values) != 1:
        raise bad_query(f"The operator '{operator}' on the attribute '{term.column.name}' needs exactly one value.")
    return values[0]


def _comparison(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    literal = fitting(term.column, _one(values, operator, term))
    return compare(scope.statement.bind, term.sql, term.column, _COMPARISONS[operator], literal)


def _pattern(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    pattern = _PATTERNS[operator].format(_one(values, operator, term))
    return like(scope.statement.bind, term.sql, pattern)


def _emptiness(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    return compare(scope.statement.bind, term.sql, term.column, "eq" if operator == "null" else "ne", Literal(None))


def _membership(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    literals = [fitting(term.column, value) for value in values]
    inside = member(scope.statement.bind, term.sql, term.column, literals)
    return inside if operator == "in" else f"NOT coalesce({inside}, 0)"


def _between(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    if len(values) != 2:
        raise bad_query(f"The operator 'between' on the attribute '{term.column.name}' needs exactly two values.")
    bind = scope.statement.bind
    low, high = (fitting(term.column, value) for value in values)
    least = compare(bind, term.sql, term.column, "ge", low)
    return f"({least} AND {compare(bind, term.sql, term.column, 'le', high)})"


def _any_option(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    bind = scope.statement.bind
    parts = [f"(',' || {term.sql} || ',') LIKE {bind(f'%,{int(value)},%')}" for value in values if value.isdigit()]
    return "(" + " OR ".join(parts or ["0"]) + ")"


def _me(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    bind, user = scope.statement.bind, scope.statement.user_id
    if operator == "eq-userid":
        return f"{term.sql} = {bind(user)}"
    return f'{term.sql} = (SELECT "businessunitid" FROM "systemuser" WHERE "systemuserid" = {bind(user)})'


def _hierarchy(scope: Scope, term: Term, operator: str, values: Sequence[str]) -> str:
    """Rows above or below one row, by the table's lookup to itself."""
    way, itself = _HIERARCHY[operator]
    user = operator == "eq-useroruserhierarchy"
    org = scope.statement.org
    table = org.table("systemuser") if user else term.table
    own = (c for c in table.columns.values() if c.type == "lookup" and c.targets == (table.name,))
    column = next((c for c in own if c.name.startswith("parent")), None)
    if column is None:
        raise bad_query(f"The entity '{table.name}' has no hierarchical relationship.")
    start = scope.statement.bind(scope.statement.user_id if user else _one(values, operator, term).strip().lower())
    tree, key, parent = scope.statement.alias(), quoted(table.primary_id), quoted(column.name)
    step = f"r.{key} = {tree}.above" if way == "up" else f"r.{parent} = {tree}.id"
    walk = (
        f"WITH RECURSIVE {tree}(id, above) AS (SELECT {key}, {parent} FROM {quoted(table.name)} WHERE {key} = {start} "
        f"UNION SELECT r.{key}, r.{parent} FROM {quoted(table.name)} AS r JOIN {tree} ON {step})"
    )
    return f"{term.sql} IN ({walk} SELECT id FROM {tree}{'' if itself else f' WHERE id <> {start}'})"


_Rule = Callable[[Scope, Term, str, Sequence[str]], str]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_COMPARISONS, _comparison), **dict.fromkeys(_PATTERNS, _pattern),
    **dict.fromkeys(("null", "not-null"), _emptiness), **dict.fromkeys(("in", "not-in"), _membership),
    "between": _between, "contain-values": _any_option, **dict.fromkeys(("eq-userid", "eq-businessid"), _me),
    **dict.fromkeys(_HIERARCHY, _hierarchy),
}  # fmt: skip


def _within(scope: Scope, term: Term, window: Window) -> str:
    start, end = window
    bind, day = scope.statement.bind, is_date(term.column)
    parts = []
    if start is not None:
        parts.append(f"{term.sql} >= {bind(start.date().isoformat() if day else stamp(start))}")
    if end is not None:
        # the end itself is outside; on a day without a time that matters only when the end is a midnight
        midnight = end == end.replace(hour=0, minute=0, second=0, microsecond=0)
        sign = "<" if not day or midnight else "<="
        parts.append(f"{term.sql} {sign} {bind(end.date().isoformat() if day else stamp(end))}")
    return "(" + " AND ".join(parts) + ")"


def window_of(operator: str, values: Sequence[str], now: datetime) -> Window | None:
    """The span of time that an operator means: from, included, and to, left out; None for an unknown operator."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    upto = now.replace(microsecond=0) + timedelta(seconds=1)  # rows of this very second belong to the past
    if operator in ("on", "on-or-after", "on-or-before"):
        day = _day(_number(values, operator))
        return (None if operator == "on-or-before" else day, None if operator == "on-or-after" else day + _DAY)
    fixed: dict[str, Window] = {
        "today": (today, today + _DAY), "yesterday": (today - _DAY, today),
        "tomorrow": (today + _DAY, today + 2 * _DAY),
        "last-seven-days": (today - 7 * _DAY, upto), "next-seven-days": (now, today + 8 * _DAY),
    }  # fmt: skip
    if operator in fixed:
        return fixed[operator]
    first, _, unit = operator.rpartition("-")
    when, _, many = first.partition("-")
    if when == "olderthan" and many == "x":
        return None, shift(now, unit, -int(_number(values, operator)))
    if when not in ("last", "this", "next"):
        return None
    if many == "x":
        count = int(_number(values, operator))
        from_start = now.replace(minute=0, second=0, microsecond=0) if unit == "hours" else today
        if when == "last":
            return shift(from_start, unit, -count), upto
        step = timedelta(hours=1) if unit == "hours" else _DAY
        return now, shift(from_start, unit, count) + step
    return _period(today, unit, {"last": -1, "this": 0, "next": 1}[when])


def _day(text: str) -> datetime:
    try:
        return moment_of(text).replace(hour=0, minute=0, second=0, microsecond=0)
    except ValueError:
        raise bad_query(f"The value '{text}' is no date.") from None


def _number(values: Sequence[str], operator: str) -> str:
    if len(values) != 1 or (operator.count("-x-") and not values[0].isdigit()):
        raise bad_query(f"The operator '{operator}' needs exactly one value that fits it.")
    return values[0]


def _period(today: datetime, unit: str, offset: int) -> Window | None:
    starts = {
        "week": today - (today.weekday() + 1) % 7 * _DAY,  # weeks begin on Sunday
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    if unit not in starts:
        return None
    start = shift(starts[unit], f"{unit}s", offset)
    return start, shift(start, f"{unit}s", 1)


def shift(moment: datetime, unit: str, count: int) -> datetime:
    """A moment so many hours, days, weeks, months or years later; the 31st becomes the month's last day."""
    if unit in ("minutes", "hours", "days", "weeks"):
        return moment + timedelta(**{unit: count})
    if unit not in ("months", "years"):
        raise bad_query(f"'{unit}' is no unit of time.")
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "years" else 1)
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    following = (first + 32 * _DAY).replace(day=1)
    return first.replace(day=min(moment.day, (following - _DAY).day))
