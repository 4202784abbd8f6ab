"""Values in queries: literals of OData, texts of FetchXML, and how SQL holds them against a column.

Parsed literals or texts come in; values and conditions of SQL leave. Next room: `syntax`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from uuid import UUID

from odata_query import ast

from connector.emulator.dynamics.odata.names import bad_query, edm_type, kind_of
from connector.emulator.dynamics.org.model import Column

Value = str | int | float | None
Bind = Callable[[Value], str]
SIGNS = {"eq": "=", "ne": "IS NOT", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_WORDS = {
    "eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual", "lt": "LessThan",
    "le": "LessThanOrEqual",
}  # fmt: skip
_FITTING = {
    "text": (ast.String,), "whole": (ast.Integer, ast.Float), "real": (ast.Integer, ast.Float),
    "yesno": (ast.Boolean,), "guid": (ast.GUID, ast.String), "day": (ast.Date, ast.DateTime),
    "moment": (ast.DateTime, ast.Date),
}  # fmt: skip
_LITERAL_EDM = {
    "String": "Edm.String", "Integer": "Edm.Int32", "Float": "Edm.Double", "Boolean": "Edm.Boolean",
    "GUID": "Edm.Guid", "Date": "Edm.Date", "DateTime": "Edm.DateTimeOffset",
}  # fmt: skip
FOLD, LIKE = "dataverse_fold", "dataverse_like"  # functions that `scope` gives to the SQL connection


@dataclass(frozen=True)
class Literal:
    """A value as SQL holds it; `beyond` says that the moment meant lies within the second after it."""

    value: Value
    beyond: bool = False


def from_node(column: Column, node: ast._Node, operator: str = "eq") -> Literal:
    """A literal of OData as a value of this column; refuses one of another type."""
    if isinstance(node, ast.Null):
        return Literal(None)
    kind = kind_of(column)
    if isinstance(node, _FITTING[kind]):
        return fitting(column, _text(node))
    found = _LITERAL_EDM.get(type(node).__name__, "Edm.Untyped")
    raise bad_query(
        f"A binary operator with incompatible types was detected. Found operand types '{edm_type(column)}' and "
        f"'{found}' for operator kind '{_WORDS.get(operator, 'Equal')}'."
    )


def _text(node: ast._Node) -> str:
    value = getattr(node, "val", None)
    return value if isinstance(value, str) else ""


def literal_text(node: ast._Node) -> str:
    """The text of a literal, as functions of Dataverse take their parameters."""
    if isinstance(node, ast.Null) or not isinstance(getattr(node, "val", None), str):
        raise bad_query("A literal value was expected as the parameter of this function.")
    return _text(node)


def fitting(column: Column, text: str) -> Literal:
    """A text as a value of this column, or a refusal."""
    try:
        return _READERS[kind_of(column)](text)
    except ValueError:
        raise bad_query(
            f"The value '{text}' cannot be read as {edm_type(column)}, the type of the column '{column.name}'."
        ) from None


def _whole(text: str) -> Literal:
    number = float(text)
    return Literal(int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else number)


def _yesno(text: str) -> Literal:
    known = {"1": 1, "true": 1, "0": 0, "false": 0}.get(text.strip().lower())
    if known is None:
        raise ValueError(text)
    return Literal(known)


def _day(text: str) -> Literal:
    return Literal(date.fromisoformat(text.strip()[:10]).isoformat())


def moment_of(text: str) -> datetime:
    """A date or a moment as a moment in UTC; what names no offset is in UTC already."""
    made = datetime.fromisoformat(text.strip())
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """A moment as rows hold it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> Literal:
    made = moment_of(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return Literal(stamp(made), made.microsecond > 0)


_READERS: dict[str, Callable[[str], Literal]] = {
    "text": Literal,
    "whole": _whole,
    "real": lambda text: Literal(float(text)),
    "yesno": _yesno,
    "guid": lambda text: Literal(str(UUID(text.strip()))),
    "day": _day,
    "moment": _moment,
}


def compare(bind: Bind, sql: str, column: Column, operator: str, literal: Literal) -> str:
    """A comparison in SQL; not equal holds for empty values too, as it does in Dataverse."""
    if literal.value is None:
        if operator not in ("eq", "ne"):
            return "0"  # nothing is greater or smaller than nothing
        return f"{sql} IS NULL" if operator == "eq" else f"{sql} IS NOT NULL"
    if literal.beyond:
        if operator in ("eq", "ne"):
            return "0" if operator == "eq" else "1"
        operator = {"ge": "gt", "lt": "le"}.get(operator, operator)
    sign = SIGNS[operator]
    if kind_of(column) != "text":
        return f"{sql} {sign} {bind(literal.value)}"
    text = str(literal.value)
    if text.isascii():
        return f"{sql} {sign} {bind(text)} COLLATE NOCASE"
    return f"{FOLD}({sql}) {sign} {bind(text.casefold())}"


def member(bind: Bind, sql: str, column: Column, literals: list[Literal]) -> str:
    """The condition that a column holds one of several values."""
    plain = all(item.value is not None and not item.beyond for item in literals)
    text = kind_of(column) == "text"
    if plain and literals and (not text or all(str(item.value).isascii() for item in literals)):
        return f"{sql}{' COLLATE NOCASE' * text} IN ({', '.join(bind(item.value) for item in literals)})"
    return "(" + " OR ".join([compare(bind, sql, column, "eq", item) for item in literals] or ["0"]) + ")"


def like(bind: Bind, sql: str, pattern: str) -> str:
    """A comparison with a pattern, in which %, _ and [] are wildcards as in T-SQL."""
    if pattern.isascii() and "[" not in pattern:
        return f"{sql} LIKE {bind(pattern)}"
    return f"{LIKE}({sql}, {bind(pattern)})"


def fold(text: str | None) -> str | None:
    """A text without the difference between capitals and small letters."""
    return None if text is None else str(text).casefold()


def matches(text: str | None, pattern: str) -> int | None:
    """Say whether a text meets a pattern of T-SQL."""
    return None if text is None else int(_pattern(pattern).fullmatch(str(text)) is not None)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    made, place = "", 0
    while place < len(pattern):
        letter = pattern[place]
        end = pattern.find("]", place + 2) if letter == "[" else -1
        if end > 0:
            inside = pattern[place + 1 : end]
            negated = inside.startswith("^")
            letters = re.sub(r"([\\\]\[^])", r"\\\1", inside[1:] if negated else inside)
            made += f"[{'^' if negated else ''}{letters}]"
            place = end
        else:
            made += {"%": ".*", "_": "."}.get(letter, re.escape(letter))
        place += 1
    return re.compile(made, re.IGNORECASE | re.DOTALL)
