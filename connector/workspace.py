"""Puts one configured connection together: settings, mapping, CRM, store.

A folder, the environment and a clock come in; an open workspace leaves. Next room: `job`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from connector import config as configs
from connector import mapping as mappings
from connector.config import Config
from connector.crm.protocol import Crm, FieldFact, Identity, Limits
from connector.errors import UsageFault, nearest
from connector.insight import criteria
from connector.mapping import FieldMap, Source, WriteRule
from connector.schema import CRM_FIELDS, INPUT_COLUMNS, KEYED, WRITE_COLUMNS, CrmField
from connector.steps.money import Corporate
from connector.steps.write_back import Pen
from connector.store.journal import Journal
from connector.store.mirror import Mirror
from connector.store.remembered import Remembered


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """UTC instant as the store writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_folder(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Deployment folder: `--dir`, else the current one if it has a config.toml, else `$KAM_DIR`."""
    if given is not None:
        return given
    here = Path.cwd()
    if not (here / configs.CONFIG).exists() and environ.get("KAM_DIR"):
        return Path(environ["KAM_DIR"])
    return here


@dataclass
class Workspace:
    """One deployment folder, opened; close it when done."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    clock: Callable[[], datetime] = utc_now
    notes: list[str] = field(default_factory=list)
    reserve: float = 0.0
    tell: Callable[[str], None] = lambda _: None  # hears what is being done this moment
    username: str | None = None  # somebody else than [crm] username, for a person's decisions

    @cached_property
    def config(self) -> Config:
        """Settings."""
        return configs.load(self.folder)

    @cached_property
    def given_map(self) -> FieldMap:
        """The mapping as written, not yet held against the CRM."""
        return mappings.load(self.config.mapping_file)

    @cached_property
    def revenue(self) -> str:
        """Where revenue is read from; raises UsageFault when the mapping doesn't bring it in."""
        source = self.config.revenue.source
        if source != "won_deals":
            _demand_revenue(self.given_map, source)
        return source

    @cached_property
    def mirror(self) -> Mirror:
        """Our copy of the rows."""
        return Mirror(self.config.store_dir)

    @cached_property
    def journal(self) -> Journal:
        """Every change that was sent."""
        return Journal(self.config.store_dir)

    @cached_property
    def crm(self) -> Crm:
        """The CRM, logged in; the store is bound to its org, and the declared environment checked."""
        settings = self.config.crm
        if self.username is not None:
            if settings.kind == "salesforce" and settings.auth != "jwt":
                raise UsageFault('--as: needs [crm] auth = "jwt", which can log in as several users of one app.')
            settings = replace(settings, username=self.username)
        # Only the adapter that is used is loaded: the libraries of the other take a quarter of a second.
        connect = import_module(f"connector.crm.{settings.kind}").connect
        crm: Crm = connect(settings, environ=self.environ, before_call=self._leave_some, **self._kept(settings.kind))
        self.identity = crm.whoami()
        self._check_environment(self.identity)
        # The journal knows its org even where the mirror was lost and made anew: it refuses first.
        for part in (self.journal, self.mirror):
            part.bind({"org": self.identity.org_id, "environment": self.config.crm.environment})
        return crm

    def _kept(self, kind: str) -> dict[str, Any]:
        """What outlives a command and the adapter of this kind asks for: requests of today, jobs that go on."""
        if kind == "dynamics":
            return {"spent": self._spent_today(), "on_spent": self._note_spent}
        return {"remember": Remembered(self.journal)}

    def _leave_some(self, used: Limits) -> None:
        """Ask before each call: the share that is left for others is the running job's."""
        # As the adapter: what needs no login loads no HTTP.
        from connector.crm.http import keep_reserve  # noqa: PLC0415

        keep_reserve(self.reserve)(used)

    def _spent_today(self) -> int:
        """Requests that this folder has sent since midnight UTC, as noted when its last command ended."""
        day, _, number = (self.journal.meta("requests") or "").partition(" ")
        return int(number) if day == self._today() else 0

    def _note_spent(self, number: int) -> None:
        self._spent = number

    def _today(self) -> str:
        return stamp(self.clock())[:10]

    identity: Identity | None = None
    _spent: int | None = None  # requests of this day, where the CRM itself does not count them for us

    def _check_environment(self, who: Identity) -> None:
        declared, actual = self.config.crm.environment, "sandbox" if who.is_sandbox else "production"
        if declared != actual:
            raise UsageFault(
                f'config.toml [crm] environment: says "{declared}", but {who.org_name} ({who.org_id}) is a'
                f" {actual} org. Nothing was read or written. If this is the org you mean, set"
                f' environment = "{actual}"; then run: kam check'
            )

    @cached_property
    def fieldmap(self) -> FieldMap:
        """The mapping, held against what this user sees in the CRM; raises UsageFault with every fault."""
        resolved, faults = mappings.resolve(self.given_map, self._has_record, self._find, self._near)
        faults += self._where_faults(resolved)
        if self.revenue != "won_deals" and not faults:
            _demand_revenue(resolved, self.revenue)
        if faults:
            raise UsageFault(*faults)
        return self._writable(with_ids(resolved, self.crm))

    def _has_record(self, record: str) -> bool:
        return self.crm.describe(record) is not None

    def _find(self, record: str, path: str) -> str | None:
        """Canonical form of a dotted path, or None when a part of it isn't there for this user."""
        if whole := self._field(record, path):
            return whole.name
        *parents, last = path.split(".")
        made: list[str] = []
        for step in parents:
            fact = self.crm.describe(record)
            link = next((f for f in fact.fields.values() if _is(f.relationship_name, step)), None) if fact else None
            if link is None or not link.reference_to:
                return None
            made.append(str(link.relationship_name))
            record = link.reference_to[0]
        found = self._field(record, last)
        return ".".join([*made, found.name]) if found else None

    def _field(self, record: str, name: str) -> FieldFact | None:
        fact = self.crm.describe(record)
        return next((f for n, f in fact.fields.items() if n.lower() == name.lower()), None) if fact else None

    def _near(self, record: str, path: str) -> str:
        fact = self.crm.describe(record)
        return nearest(path.rsplit(".", 1)[-1], list(fact.fields)) if fact else ""

    def _where_faults(self, resolved: FieldMap) -> list[str]:
        """Ask the CRM whether it understands each filter."""
        faults = []
        for source in resolved.sources:
            if source.where:
                try:
                    self.crm.count(source.record, source.where)
                except UsageFault as error:
                    faults += [f"{source.place}] where: {fault}" for fault in error.faults]
        return faults

    def _writable(self, resolved: FieldMap) -> FieldMap:
        """Leave out fields that may not be written here, with one note for all that are missing: setup makes them."""
        sources = []
        for source in resolved.sources:
            facts = {rule: self._field(source.record, rule.field) for rule in source.write}
            rules = [
                WriteRule(rule.table, rule.column, fact.name, rule.on_human_edit)
                for rule, fact in facts.items()
                if fact is not None and fact.updateable
            ]
            if poor := [_lacking(rule, fact) for rule, fact in facts.items() if fact is not None]:
                self.notes += [f"{source.place}.write] {words}" for words in poor if words]
            # People's fields are no fault of anybody: only a programme owner may edit them.
            ours = {rule: fact for rule, fact in facts.items() if rule.column not in INPUT_COLUMNS}
            if missing := [rule.field for rule, fact in ours.items() if fact is None]:
                self.notes.append(
                    f"{source.place}.write] {_some(missing)}: not on {source.record} yet, or hidden from this user by"
                    " field-level (column) security; left out. Make them with: kam setup --apply"
                )
            if closed := [rule.field for rule, fact in ours.items() if fact is not None and not fact.updateable]:
                self.notes.append(
                    f"{source.place}.write] {_some(closed)}: this user may see but not edit them; left out. Give it"
                    f" the {self.right} KAM Connector."
                )
            sources.append(replace(source, write=tuple(rules)))
        return FieldMap(resolved.path, tuple(sources))

    @property
    def right(self) -> str:
        """What an admin gives people so that they may read or edit our fields."""
        dynamics = self.config.crm.kind == "dynamics"
        return "security role and column security profile" if dynamics else "permission set"

    def pen(self, who: str | None = None) -> Pen:
        """What is needed to write."""
        return Pen(
            crm=self.crm,
            mirror=self.mirror,
            journal=self.journal,
            rules=self.fieldmap.writes(),
            records={s.table: s.record for s in reversed(self.fieldmap.sources)},
            keys={s.table: s.key for s in reversed(self.fieldmap.sources)},
            by={t: r.field for (t, c), r in self.fieldmap.writes().items() if KEYED.get(t) == c},
            clock=lambda: stamp(self.clock()),
            who=who,
            tell=self.tell,
        )

    @property
    def corporate(self) -> Corporate:
        """The currency results are in."""
        return Corporate(self.config.company.currency, self.config.company.rates)

    def close(self) -> None:
        """Close the store, with the day's requests noted in it."""
        if self._spent is not None and "journal" in self.__dict__:
            self.journal.meta("requests", f"{self._today()} {self._spent}")
        for name in ("mirror", "journal"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()


@contextmanager
def opened(folder: Path, **options: object) -> Iterator[Workspace]:
    """A workspace that is closed in the end."""
    work = Workspace(folder, **options)  # type: ignore[arg-type]
    try:
        yield work
    finally:
        work.close()


def with_ids(fieldmap: FieldMap, crm: Crm) -> FieldMap:
    """A mapping whose sources know the field of their record's own id."""

    def known(source: Source) -> Source:
        fact = crm.describe(source.record)
        return replace(source, id_field=fact.id_field) if fact else source

    return replace(fieldmap, sources=tuple(known(s) for s in fieldmap.sources))


def _demand_revenue(fieldmap: FieldMap, source: str) -> None:
    """Raise UsageFault unless some section brings in rows of this source."""
    kind = source.removesuffix("s")
    sections = [s for s in fieldmap.sources if s.table == "revenue"]
    if any(s.constant.get("source", kind) == kind for s in sections):
        return
    lacks = f'none says source = "{kind}"' if sections else "it isn't there, or this org lacks its record"
    raise UsageFault(
        f'config.toml [revenue] source: says "{source}", which are read from the section [revenue] of'
        f" {fieldmap.path.parent.name}/{fieldmap.path.name}, but {lacks}. Map it there (mappings/README.md, revenue),"
        ' or set source = "won_deals"; then run: kam check'
    )


def setup_fields(groups: tuple[str, ...], weights: Mapping[str, int] = criteria.DEFAULT) -> tuple[CrmField, ...]:
    """Fields that setup makes for the chosen groups, `core` always; of typed criteria only those with a weight."""
    without = criteria.left_out(weights)
    return tuple(f for f in CRM_FIELDS if f.group in ("core", *groups) and f.column not in without)


def _lacking(rule: WriteRule, fact: FieldFact) -> str:
    """What a choice in the CRM lacks of the values that are ours to write; empty when it lacks nothing."""
    ours = WRITE_COLUMNS[rule.table, rule.column]
    lacking = [v for v in ours.values if v not in fact.values] if fact.values and fact.restricted else []
    if not lacking:
        return ""
    return f"{rule.field}: its choices lack {', '.join(lacking)}; rows with them are refused. Run: kam setup --apply"


def _some(names: list[str]) -> str:
    """Up to three names, and how many more."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _is(name: str | None, other: str) -> bool:
    return name is not None and name.lower() == other.lower()
