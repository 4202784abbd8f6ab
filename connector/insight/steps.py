"""Reads an insight's SQL file and runs its named steps in order on whatever engine is handed in.

The name of an insight and its parameters come in; temp tables, one per step, leave. Next room: `titles`.
"""

import re
from collections.abc import Mapping
from importlib import resources

from connector.schema import Engine

_STEP = re.compile(r"^-- step: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


def read_steps(name: str) -> list[tuple[str, str]]:
    """Table name and SELECT of each step of `<name>.sql`, in the file's order; lines of comment are left out."""
    file = resources.files("connector.insight").joinpath(f"{name}.sql")
    pieces = _STEP.split(file.read_text(encoding="utf-8"))
    if len(pieces) < 3:
        raise ValueError(f"{name}.sql: no step found. Begin each statement with a line: -- step: table_name")
    return [(table, _without_comments(sql)) for table, sql in zip(pieces[1::2], pieces[2::2], strict=True)]


def run_steps(engine: Engine, name: str, params: Mapping[str, object]) -> None:
    """Make every table of `<name>.sql`; `params` may hold more than a step uses."""
    for table, sql in read_steps(name):
        engine.run(table, sql, params)


def _without_comments(sql: str) -> str:
    """Statement without whole-line comments and final semicolon: a comment may hold a colon the engine would bind."""
    lines = [line for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
