"""Carries out one package: deletions, objects, fields, list views, permission sets, all or nothing if so asked.

In: a Package and the org. Out: one Message for each component. Next room: `answer`, which tells it over HTTP.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from connector.emulator.salesforce.metadata import fields, grants, objects, views
from connector.emulator.salesforce.metadata.archive import Component, Package
from connector.emulator.salesforce.metadata.elements import Node, Refused
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.org.records import Org

ORDER = ("CustomObject", "CustomField", "ListView", "PermissionSet")
MAX_FIELDS, MAX_RELATIONS = 500, 40


@dataclass(frozen=True)
class Message:
    """What became of one component; `problem` is set on failures and warnings."""

    kind: str
    name: str
    file: str
    id: str | None = None
    created: bool = False
    changed: bool = False
    deleted: bool = False
    problem: str | None = None
    warning: bool = False
    line: int | None = None
    column: int | None = None

    @property
    def success(self) -> bool:
        """False only for errors; a warning is a success."""
        return self.problem is None or self.warning


class _Undo(Exception):
    """Takes everything of this deploy back."""


def deploy(org: Org, user_id: str, package: Package, *, check_only: bool, rollback: bool) -> list[Message]:
    """Messages of one deploy; the org stays as it was when it is only a check, or one failed and `rollback` is set."""
    messages = [
        Message(f.kind, f.name, f.file, problem=f.problem, line=f.line, column=f.column) for f in package.faults
    ]
    work = _Deploy(org, user_id)
    org.db.execute("CREATE TABLE IF NOT EXISTS _deployed (kind TEXT, name TEXT, source TEXT, PRIMARY KEY (kind, name))")
    try:
        with _schema_kept(org), org.transaction():
            messages += [work.delete(*entry) for entry in package.before]
            for kind in ORDER:
                messages += [work.add(part) for part in package.components if part.kind == kind]
            messages += [work.delete(*entry) for entry in package.after]
            if check_only or (rollback and not all(message.success for message in messages)):
                raise _Undo
    except _Undo:
        if not check_only:
            messages = [replace(m, id=None, created=False, changed=False, deleted=False) for m in messages]
    return messages
