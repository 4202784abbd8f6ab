"""The words in which the organisation describes itself: tables, columns, options, relationships, keys.

In: nothing; out: plain values that every other room passes around. Next room: `catalogue`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

LOOKUPS = frozenset({"lookup", "customer", "owner"})
"""Types of columns that hold the id of another row."""

CHOICES = frozenset({"picklist", "state", "status"})
"""Types of columns that hold one option's number."""


class Problem(Exception):
    """A refusal as the wire words it: HTTP status, error code such as 0x80040217, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Option:
    """One option of a choice; `state` belongs to status options, `default_status` and `invariant` to states."""

    value: int
    label: str
    labels: Mapping[int, str] = field(default_factory=dict)
    state: int | None = None
    default_status: int | None = None
    invariant: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table, as metadata describes it; `navigation` leads from a target to the property's name."""

    name: str
    type: str
    label: str = ""
    schema_name: str = ""
    description: str = ""
    max_length: int = 0
    format: str = ""
    behavior: str = ""
    precision: int = 0
    precision_source: int = 0
    min_value: float | None = None
    max_value: float | None = None
    targets: tuple[str, ...] = ()
    navigation: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    option_set: str = ""
    global_set: bool = False
    required: str = "None"
    create: bool = True
    update: bool = True
    read: bool = True
    primary_id: bool = False
    primary_name: bool = False
    custom: bool = False
    managed: bool = False
    secured: bool = False
    default: object = None
    base_of: str = ""
    metadata_id: str = ""

    @property
    def stored(self) -> bool:
        """Say whether the SQL table has this column."""
        return self.type != "virtual"

    @property
    def many_targets(self) -> bool:
        """Say whether a companion SQL column `<name>.type` holds the logical name of the target."""
        return len(self.targets) > 1

    def with_(self, **changes: Any) -> Self:
        """Copy the column with other values in some places."""
        return replace(self, **changes)


@dataclass
class Key:
    """An alternate key; `status` is Pending, InProgress, Active or Failed."""

    name: str
    schema_name: str
    columns: tuple[str, ...]
    label: str = ""
    status: str = "Active"
    metadata_id: str = ""


@dataclass(frozen=True)
class Relationship:
    """A relationship by its schema name; in a ManyToMany `column` is empty and `intersect` names the table between."""

    name: str
    kind: str
    referenced: str
    referencing: str
    column: str = ""
    nav_one: str = ""
    nav_many: str = ""
    intersect: str = ""
    nav_many_other: str = ""
    custom: bool = False
    metadata_id: str = ""
    cascade: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Table:
    """One table by its logical name; `code` is its object type code."""

    name: str
    schema_name: str
    set_name: str
    label: str
    label_plural: str
    code: int
    primary_id: str
    primary_name: str
    ownership: str = "UserOwned"
    custom: bool = False
    activity: bool = False
    change_tracking: bool = True
    multiple: bool = True
    optimistic: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    metadata_id: str = ""
    description: str = ""

    def column(self, name: str) -> Column:
        """Find a column by logical name; 0x80041103 when the table has none such."""
        found = self.columns.get(name)
        if found is None:
            message = f"'{self.name}' entity doesn't contain attribute with Name = '{name}' and NameMapping = 'Logical'"
            raise Problem(400, "0x80041103", f"{message}. MetadataCacheDetails: ProviderType=Dynamic")
        return found
