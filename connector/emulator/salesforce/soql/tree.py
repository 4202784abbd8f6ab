"""What a query is made of once it is parsed: plain frozen pieces, each with its place in the text.

In: nothing; `parse` makes these, `names`, `where`, `select` and `query` read them. Next room: `parse`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from connector.emulator.salesforce.org.model import Problem

_REACH = 30  # characters shown on each side of an error, rounded up to whole words


@dataclass(frozen=True, slots=True)
class Path:
    """A field path as written, e.g. Account.Owner.Name."""

    names: tuple[str, ...]
    place: int

    @property
    def text(self) -> str:
        """Give the path as it was written."""
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the name is in capitals."""

    name: str
    arguments: "tuple[Argument, ...]"
    place: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; `kind` is string, number, date, datetime, time or word (null, true, TODAY …), `count` the n of X:n."""

    kind: str
    value: str
    place: int
    pattern: str = ""  # a string as LIKE reads it: backslash before what is meant literally
    count: int | None = None


Operand = Path | Call
Argument = Path | Call | Literal


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against one value or a list of them; `operator` is in capitals, <> is !=."""

    left: Operand
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """A field against the result of an inner query: IN or NOT IN."""

    left: Operand
    operator: str
    inner: "Query"


@dataclass(frozen=True, slots=True)
class Logic:
    """AND, OR or NOT over conditions; depth and leaves are counted so that absurd ones are refused early."""

    operator: str
    parts: "tuple[Condition, ...]"
    depth: int
    leaves: int


Condition = Comparison | SemiJoin | Logic


@dataclass(frozen=True, slots=True)
class TypeOf:
    """TYPEOF: which fields to give for which type of parent; `otherwise` is None without an ELSE."""

    path: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...] | None


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the SELECT list."""

    what: "Path | Call | Query | TypeOf"
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the FROM list."""

    path: Path
    alias: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """One entry of the ORDER BY list."""

    what: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query, or one inside another."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...]
    scope: str | None
    where: Condition | None
    group: tuple[Operand, ...]
    having: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int | None
    tail: tuple[str, ...]
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a query, which can point at a place in itself."""

    soql: str

    def refuse(self, place: int, code: str, message: str) -> NoReturn:
        """Raise a Problem that shows the text around the place with a caret under it, as the org does."""
        raise Problem(400, code, self.pointed(place, message))

    def pointed(self, place: int, message: str) -> str:
        """Put the fragment, the caret and the row and column before a message."""
        place = min(place, len(self.soql))
        start = self.soql.rfind("\n", 0, place) + 1
        stop = self.soql.find("\n", place)
        line, column = self.soql[start : stop if stop >= 0 else len(self.soql)].rstrip("\r"), place - start
        first, last = max(0, column - _REACH), min(len(line), column + _REACH)
        while first and not _gap(line[first - 1]):
            first -= 1
        while last < len(line) and not _gap(line[last]):
            last += 1
        row = self.soql.count("\n", 0, place) + 1
        caret = " " * (column - first) + "^"
        return f"\n{line[first:last]}\n{caret}\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def _gap(letter: str) -> bool:
    return letter == "," or letter.isspace()


def leaves(condition: Condition | None) -> Iterator[Comparison | SemiJoin]:
    """Walk the comparisons of a condition."""
    if isinstance(condition, Logic):
        for part in condition.parts:
            yield from leaves(part)
    elif condition is not None:
        yield condition
