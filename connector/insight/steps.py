"""Reads an insight's SQL file and runs its named steps in order on whatever engine is handed in.

The name of an insight and its parameters come in; temp tables, one per step, leave. A `step` is there for later rooms,
an `inner` step is dropped when its file is done, a `view` is never stored: for what is read once. A word before `step`
or `inner` says of which rows the table is made:

- `kept`: of an account's own rows alone (its `account_id`), so that tomorrow's enrich takes over what did not change;
- `daily`: the same, but it fades from day to day: taken over on the same day only;
- `near`: made for a kept step, and read by such steps only;
- `guard`: what daily steps need to know of the crowd; when it changes, nothing is taken over.

Next room: `titles`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from connector.schema import EXPOSED, TABLES, Engine, Read, mirror_columns

_STEP = re.compile(r"^-- (?:(kept|daily|near|guard) )?(step|inner|view): ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)
# A table where it is read, with its other name if it has one; and the name that a column is given.
_FROM = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\b(?:\s+(?:AS\s+)?([a-z_][a-z0-9_]*))?")
_NAMED = re.compile(r"\bAS\s+[a-z_][a-z0-9_]*")
_BARE = re.compile(r"(?<![.:\w])\w+")
_DOTTED = re.compile(r"\b(\w+)\.(\w+|\*)")


class Step(NamedTuple):
    """One statement: the table it makes, its SELECT, its kind (step, inner or view) and the word before it."""

    table: str
    sql: str
    kind: str = "step"
    scope: str = ""


@cache
def read_steps(name: str) -> tuple[Step, ...]:
    """Steps of `<name>.sql`, in the file's order; lines of comment are left out."""
    file = resources.files("connector.insight").joinpath(f"{name}.sql")
    pieces = _STEP.split(file.read_text(encoding="utf-8"))
    if len(pieces) < 5:
        raise ValueError(f"{name}.sql: no step found. Begin each statement with a line: -- step: table_name")
    parts = zip(pieces[1::4], pieces[2::4], pieces[3::4], pieces[4::4], strict=True)
    return tuple(Step(table, _without_comments(sql), kind, scope or "") for scope, kind, table, sql in parts)


def run_steps(engine: Engine, name: str, params: Mapping[str, object]) -> None:
    """Make every table of `<name>.sql`; `params` may hold more than a step uses."""
    steps = read_steps(name)
    for table, sql, kind, scope in steps:
        if kind == "view":
            engine.view(table, sql, params)
        else:
            engine.run(table, sql, params, scope if kind == "step" or not scope else f"{scope} inner")
    engine.drop([s.table for s in steps if s.kind == "inner"])


@cache
def digest() -> str:
    """A short text that differs when any step does."""
    steps = [read_steps(name) for name in _files(resources.files("connector.insight"), "")]
    return sha256(repr(steps).encode()).hexdigest()[:16]


@cache
def reads() -> Mapping[str, Read]:
    """What the insights' SQL reads of the mirror, by the name that the SQL gives the table."""
    steps = [
        _Words.of(step.sql) for name in _files(resources.files("connector.insight"), "") for step in read_steps(name)
    ]
    found = {}
    for table in TABLES.values():
        name, columns = EXPOSED.get(table.name, table.name), [c for c, _ in mirror_columns(table.name)]
        read = [used for words in steps if (used := words.used(name, columns)) is not None]
        if read:
            picked = set[str]().union(*read)
            found[name] = Read(table.name, tuple(c for c in columns if c in picked) or (columns[0],), len(read))
    return found


class _Words(NamedTuple):
    """Which words a statement has: the other names of the tables it reads, bare ones, and those behind a name."""

    aliases: Mapping[str, set[str]]
    bare: frozenset[str]
    dotted: Mapping[str, set[str]]

    @classmethod
    def of(cls, sql: str) -> "_Words":
        """The words of a statement; what names a column is none."""
        aliases, dotted = dict[str, set[str]](), dict[str, set[str]]()
        for table, alias in _FROM.findall(sql):
            aliases.setdefault(table, set()).add(alias or table)
        for name, column in _DOTTED.findall(sql):
            dotted.setdefault(name, set()).add(column)
        return cls(aliases, frozenset(_BARE.findall(_NAMED.sub("", sql))), dotted)

    def used(self, table: str, columns: Sequence[str]) -> set[str] | None:
        """Columns of a table that the statement may mean, None when it doesn't read the table.

        What another table's alias stands before isn't meant; a bare word may be.
        """
        if table not in self.aliases:
            return None
        behind = set[str]().union(*(self.dotted.get(alias, ()) for alias in self.aliases[table]))
        return set(columns) if "*" in behind else {c for c in columns if c in self.bare or c in behind}


def _files(folder: Traversable, before: str) -> list[str]:
    made = []
    for item in sorted(folder.iterdir(), key=lambda f: f.name):
        if item.name.endswith(".sql"):
            made.append(before + item.name.removesuffix(".sql"))
        elif item.is_dir():
            made += _files(item, f"{before}{item.name}/")
    return made


def _without_comments(sql: str) -> str:
    """Statement without whole-line comments and final semicolon: a comment may hold a colon the engine would bind."""
    lines = [line for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
