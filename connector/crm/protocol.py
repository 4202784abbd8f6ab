"""What any CRM must do, and how it declares its limits; the same eight methods for both.

Settings and FieldMaps come in through `workspace`; rows, outcomes and limits leave. Next room: `http`, then one CRM.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload

from connector.schema import CrmField, Outcome


@dataclass(frozen=True)
class Identity:
    """Who is logged in where; `is_sandbox` is what the org itself says."""

    org_id: str
    org_name: str
    is_sandbox: bool
    user_id: str
    user_name: str
    url: str


@dataclass(frozen=True)
class FieldFact:
    """One field as this user sees it; `type` is the CRM's word for it."""

    name: str
    type: str
    label: str
    updateable: bool
    length: int = 0
    scale: int = 0
    values: tuple[str, ...] = ()  # active picklist values, API names
    restricted: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    filterable: bool = True
    help: str = ""
    calculated: bool = False  # a formula, or a sum over other records: it may change without the record being saved


@dataclass(frozen=True)
class RecordFact:
    """One record type as this user sees it; fields by API name."""

    name: str
    label: str
    fields: Mapping[str, FieldFact]
    id_field: str = "Id"  # the field that holds a record's own id


@dataclass(frozen=True)
class ReadRequest:
    """What to read of one record: dotted field paths in order, an optional filter in the CRM's language.

    `ids` reads just these records (deleted ones come back as deletions) and ignores the cursor. `by` names the field
    that they are values of, where that is another than the record's own id: it must be the first of `fields`.
    """

    record: str
    fields: tuple[str, ...]
    where: str | None = None
    ids: tuple[str, ...] | None = None
    by: str = ""


@dataclass(frozen=True)
class Way:
    """How many records are read or written, and why so: what a dry run shows.

    `at_once` is how many records one `write` should be given, for writes.
    """

    by: str  # REST, collections, Bulk
    records: int
    calls: int
    why: str
    at_once: int = 1000

    def __str__(self) -> str:
        records = f"{self.records:,} record{'s' * (self.records != 1)}"
        return f"by {self.by}: {records} in about {self.calls:,} call{'s' * (self.calls != 1)}, because {self.why}"


def in_small_groups(count: int) -> Way:
    """The way of a CRM that knows only one."""
    return Way("batches", count, -(-count // 100), "this CRM takes them so")


class Rows(Sequence[tuple[Any, ...]]):
    """Rows that came as columns: whoever wants columns takes them as they are."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns, strict=True)

    @overload
    def __getitem__(self, place: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, place: slice) -> "Rows": ...
    def __getitem__(self, place: int | slice) -> "tuple[Any, ...] | Rows":
        if isinstance(place, slice):
            return Rows([column[place] for column in self.columns])
        return tuple(column[place] for column in self.columns)


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[Sequence[Any]]:
    """The columns of some rows, `width` of them."""
    if isinstance(rows, Rows):
        return rows.columns
    return list(zip(*rows, strict=True)) if rows else [()] * width


@dataclass(frozen=True)
class Batch:
    """One batch of a read: raw values in the order of the request's fields, ids of deleted records, and the cursor.

    `cursor` is None until the last batch of a read: only then has the read come all the way. `restart`: the cursor
    that was given had expired, and from this batch on everything is read, as `note` says. `alive`: some of the ids that
    exist now; all batches together name every one, and what the mirror has besides is gone. `way` says how it is read;
    the first batch of each way carries it.
    """

    rows: Sequence[tuple[Any, ...]]
    deleted: list[str]
    cursor: str | None
    restart: bool = False
    alive: list[str] | None = None
    note: str = ""
    way: Way | None = None


@dataclass(frozen=True)
class Limits:
    """Calls left today and the daily ceiling; None where the CRM doesn't say."""

    remaining: int | None
    maximum: int | None


@dataclass(frozen=True)
class RecordWrite:
    """New values of one record's fields, by API name; `group` keeps children of one parent together.

    `by` names the field whose value `id` is, for records that are known by a key of ours; `new` says that such a record
    is made where there is none yet.
    """

    table: str
    record: str
    id: str
    values: Mapping[str, Any]
    group: str = ""
    by: str = ""
    new: bool = False


@dataclass(frozen=True)
class SetupItem:
    """One thing setup makes, keeps, refuses or removes; action is create, update, keep, refuse or remove."""

    kind: str  # object, table, key, field, list_view, assignment, export, permission_set, publisher, solution, role, …
    name: str
    action: str
    detail: str = ""


@dataclass(frozen=True)
class SetupRequest:
    """What setup is asked for: the fields of the chosen groups, the mark of this installation, the field prefix."""

    fields: tuple[CrmField, ...]
    mark: str
    prefix: str = "KAM"
    remove: bool = False


@dataclass(frozen=True)
class Capabilities:
    """What this CRM can and can't do, declared rather than discovered by failing."""

    name: str
    field_suffix: str  # what follows a custom field's name: "__c" or ""
    records_per_write: int
    deletions_in_read: bool
    where_language: str
    page_clicks: tuple[str, ...] = ()  # how an admin puts our fields on a page
    hand_over: str = ""  # what an admin does with the package that setup writes
    write_way: Callable[[int], Way] = in_small_groups  # how so many records would be written


class Crm(Protocol):
    """One logged-in CRM."""

    capabilities: Capabilities

    def whoami(self) -> Identity:
        """Identity of the login; the first call of a run."""

    def describe(self, record: str) -> RecordFact | None:
        """Fields of one record as this user sees them; None when the record is absent or hidden."""

    def count(self, record: str, where: str | None = None) -> int:
        """Number of records; raises UsageFault when `where` isn't understood."""

    def read(self, request: ReadRequest, since: str | None) -> Iterator[Batch]:
        """Records changed since a cursor, or all of them when it is None; the last batch carries the new cursor."""

    def write(self, writes: Sequence[RecordWrite]) -> Iterator[Outcome]:
        """One outcome for each record, in no promised order, as answers arrive."""

    def limits(self) -> Limits:
        """Calls left today."""

    def plan_setup(self, request: SetupRequest) -> list[SetupItem]:
        """What apply_setup would do, checked by the CRM where it can check; changes nothing."""

    def apply_setup(self, request: SetupRequest, out: Path | None = None) -> list[SetupItem]:
        """Create, update or remove what the plan says; with `out`, write the package there instead of sending it."""
