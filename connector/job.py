"""START HERE: reads a job file, runs its steps in order, holds the lock and the guards, notes how it ended.

A workspace and a job's name come in; a run and its exit code leave. Next room: `steps.pull`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector import config as configs
from connector.convert import epoch_day
from connector.engine import KeepingEngine, SparkEngine
from connector.errors import GuardHalt, KamError, RowsRefused, UsageFault, nearest
from connector.insight import ORDER
from connector.mapping import WriteRule
from connector.notify import Notify, notify
from connector.schema import ASKED, TABLES, WRITE_COLUMNS, Change, Context
from connector.steps import contacts, gaps, money, opportunities
from connector.steps import enrich as enriching
from connector.steps import write_back as writing
from connector.steps.diff import Diff, Guards, Wanted, breaches, diff
from connector.steps.pull import Pulled, pull, reconcile
from connector.steps.write_back import Written, parents, settle, write_back
from connector.store import rejects, results, runs
from connector.store.mirror import Mirror
from connector.store.runs import Run
from connector.workspace import Workspace, stamp

Rules = dict[str, WriteRule]
Step = Literal["pull", "pull_full", "reconcile", "enrich", "diff", "write_back"]
INSIGHTS = tuple(dict.fromkeys(section for _, _, section in ORDER))
STEPS = ("pull", "pull_full", "reconcile", "enrich", "diff", "write_back")
EVERY_NAME = tuple(n for t in TABLES.values() for n in (t.name, *(f"{t.name}.{c.name}" for c in t.columns)))


@dataclass(frozen=True)
class Api:
    """Share of the org's daily calls that is left for others."""

    reserve: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < 1:
            raise ValueError(f"reserve: must lie between 0 and 1, not {self.reserve}.")


@dataclass(frozen=True)
class Job:
    """One job file: what is done, in which order, and what must not happen."""

    about: str
    steps: tuple[str, ...]
    schedule: str = ""
    timezone: str = "UTC"
    guards: Guards = Guards()
    api: Api = Api()
    notify: Notify = Notify()

    def __post_init__(self) -> None:
        unknown = [s for s in self.steps if s not in STEPS]
        if unknown or not self.steps:
            raise ValueError(f"steps: must be some of {', '.join(STEPS)}; got {', '.join(unknown) or 'none'}.")
        if "write_back" in self.steps and "diff" not in self.steps[: self.steps.index("write_back")]:
            raise ValueError("steps: write_back sends what diff found; put diff before it.")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f'timezone: "{self.timezone}" is not known; write it as "Europe/Berlin".') from error


@dataclass
class Report:
    """How a run went, for the person or the log: counts per step, the changes found, notes, and the exit code."""

    run: int
    job: str
    as_of: str
    counts: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    code: int = 0


def load(folder: Path, name: str) -> Job:
    """Read `jobs/<name>.toml`; raises UsageFault with every complaint."""
    path = folder / "jobs" / f"{name}.toml"
    if not path.exists():
        known = sorted(p.stem for p in (folder / "jobs").glob("*.toml"))
        raise UsageFault(
            f"{path}: there is no such job.{nearest(name, known)} There are: {', '.join(known) or 'none'}."
        )
    given = configs.read_toml(path, "")
    faults: list[str] = []
    job = configs.build(Job, _nested(given, path, faults, folder), path.name, faults, folder)
    if faults or job is None:
        raise UsageFault(*(f"{f} Correct it, then run: kam check" for f in faults))
    made: Job = job
    return made


def _nested(given: dict[str, Any], path: Path, faults: list[str], folder: Path) -> dict[str, Any]:
    """Build the sections of a job file first; the flat keys stay as they are."""
    values = dict(given)
    for name, cls in (("guards", Guards), ("api", Api), ("notify", Notify)):
        if isinstance(values.get(name), dict):
            made = configs.build(cls, values[name], f"{path.name} [{name}]", faults, folder)
            values[name] = made if made is not None else cls()
    return values


def run(
    work: Workspace,
    name: str,
    *,
    as_of: date | None = None,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run a job, or take up the run of it that was killed; every ending is noted before the error goes on."""
    job = load(work.folder, name)
    work.reserve = job.api.reserve
    with runs.lock(_store(work)):
        now = work.clock()
        today = as_of or now.astimezone(ZoneInfo(job.timezone)).date()
        # A trial is a run of its own: it never ends one that was killed while it wrote.
        label = f"{name} --dry-run" if dry_run else name
        current = _resumed(work, label, as_of) or runs.begin(work.journal, label, today.isoformat(), stamp(now))
        report = Report(current.id, name, current.as_of)
        try:
            _steps(work, job, current, report, dry_run, say)
        except KamError as error:
            report.code = error.code
            _finish(work, job, report, "halted" if isinstance(error, GuardHalt) else "failed", str(error))
            raise
        except Exception as error:
            report.code = 1
            _finish(work, job, report, "failed", f"{type(error).__name__}, a bug of ours")
            raise
        _finish(work, job, report, "done", "")
    return report


def _store(work: Workspace) -> Path:
    """Folder of the store, made and opened, so that the lock has a place."""
    work.journal  # noqa: B018 (opening it makes the folder, and says so when it can't)
    return work.config.store_dir


def _resumed(work: Workspace, name: str, as_of: date | None) -> Run | None:
    """The killed run of this job, unless another as-of is asked for: then it is closed as failed."""
    found = runs.interrupted(work.journal, name)
    if found is not None and as_of is not None and as_of.isoformat() != found.as_of:
        runs.end(work.journal, found.id, "failed", 1, "killed, then asked for another day", stamp(work.clock()))
        return None
    return found


def _finish(work: Workspace, job: Job, report: Report, state: str, message: str) -> None:
    try:
        runs.note(work.journal, report.run, state, report.counts)
        runs.end(work.journal, report.run, state, report.code, message, stamp(work.clock()))
    finally:
        # A full disk can't be noted, and is what people must hear of.
        notify(job.notify, work.environ, report.job, report.run, state, report.code, message, report.counts)


def _steps(work: Workspace, job: Job, current: Run, report: Report, dry_run: bool, say: Callable[[str], None]) -> None:
    work.tell("settings and mapping held against the CRM")
    work.fieldmap  # noqa: B018 (held against the CRM first: its notes are made then)
    report.notes += work.notes
    settled = settle(work.pen())
    if settled:
        report.counts["settled"] = settled
        say(f"settled {settled} records whose last write was cut off")
    for step in job.steps:
        runs.note(work.journal, report.run, step, report.counts)
        work.tell(step.replace("_", " "))
        if step in ("pull", "pull_full", "reconcile"):
            pulled = run_pull(work, step, job.guards.min_pulled_share)
            name = "reconcile" if step == "reconcile" else "pull"
            report.counts[name] = pulled.counts()
            report.notes += [n for n in pulled.notes + rate_notes(pulled.no_rate) if n not in report.notes]
            report.counts["ways"] = report.counts.get("ways", {}) | {"pull": pulled.ways}
            say(f"{name}: {sum(pulled.rows.values())} rows, {sum(pulled.deleted.values())} deleted")
            if dry_run:
                for line in pulled.ways:
                    say(f"pull {line}")
        elif step == "enrich":
            writes = "write_back" in job.steps and not dry_run
            told: list[str] = []
            report.counts["enrich"] = run_enrich(work, current.as_of, told.append, remember=writes)
            how = [f", {t}" for t in told if t.startswith((enriching.TAKEN_OVER, enriching.IN_FULL))]
            say(f"enrich: {report.counts['enrich']['account_result']} accounts as of {current.as_of}{''.join(how)}")
        elif step == "diff":
            found = run_diff(work, current.as_of)
            report.changes = found.changes
            report.counts["diff"] = found.counts()
            say(f"diff: {len(found.changes)} changes on {len({c.id for c in found.changes})} accounts")
        elif step == "write_back" and dry_run:
            if way := way_of(work, found.changes):
                say(f"write back: would go {way}")
        elif step == "write_back":
            report.counts.setdefault("ways", {})["write_back"] = way_of(work, found.changes)
            written = guarded_write(work, current.id, current.as_of, job.guards, found)
            report.counts["write_back"] = written.records
            say(f"write back: {words(written.records)}")
            _refused(report, written)


def way_of(work: Workspace, changes: Sequence[Change]) -> str:
    """How these changes go to the CRM, and why so; empty when there are none."""
    records = len({(c.table, c.id) for c in changes})
    return str(work.crm.capabilities.write_way(records)) if records else ""


def run_pull(work: Workspace, step: str, min_share: float) -> Pulled:
    """Bring the mirror up to date: by what changed, in full, or by the ids that exist."""
    now, common = stamp(work.clock()), (work.crm, work.fieldmap, work.mirror)
    settings: dict[str, Any] = {"money_settings": work.corporate, "min_share": min_share, "tell": work.tell}
    if step == "reconcile":
        return reconcile(*common, now=now, **settings)
    return pull(*common, now=now, full=step == "pull_full", **settings)


def _refused(report: Report, written: Written) -> None:
    if written.records.get(writing.REFUSED):
        report.code = RowsRefused.code


def words(records: dict[str, int]) -> str:
    """`12 written, 1 refused`, or that there was nothing to do."""
    return ", ".join(f"{n} {state}" for state, n in records.items()) or "nothing to write"


def rate_notes(no_rate: dict[str, int]) -> list[str]:
    """One line per currency without a rate."""
    return [
        f"{deals} deals in {currency} have no exchange rate: their value is unknown. Give one in config.toml"
        " [company.rates], or in the CRM's currencies."
        for currency, deals in no_rate.items()
    ]


def run_enrich(
    work: Workspace, as_of: str, say: Callable[[str], None] | None = None, *, remember: bool = False
) -> dict[str, int]:
    """Compute every insight from the mirror as of a day; only a run that writes lets the day count as a review."""
    settings = work.config
    context = Context(
        as_of=epoch_day(as_of) or 0,
        currency=settings.company.currency,
        digits=money.read_rates(work.mirror, work.corporate).digits,
        language=settings.company.language,
        known=known_names(work.mirror, ASKED),
        revenue=work.revenue,
        by_owner=settings.company.texts_in == "owner",
    )
    per_insight = {n: getattr(settings, n) for n in INSIGHTS}
    return enriching.enrich(
        work.mirror,
        lambda path: open_engine(settings, path),
        context,
        per_insight,
        say or (lambda name: work.tell(f"enrich: {name} is done")),
        remember=remember,
    )


def open_engine(settings: configs.Config, mirror: Path) -> enriching.ResultEngine:
    """The engine that the settings name, over a mirror."""
    engine = settings.engine
    if engine.kind == "spark":
        folder = settings.folder / engine.folder if engine.folder else None
        given = {"master": engine.master, "remote": engine.remote, "memory": engine.memory}
        return SparkEngine(mirror, folder=folder, threads=engine.threads, **given)
    return KeepingEngine(mirror, memory=engine.memory, threads=engine.threads)


def known_names(mirror: Mirror, names: Iterable[str] = EVERY_NAME) -> frozenset[str]:
    """Of these tables and columns, those that have rows or a value: what this org really knows."""
    found = set()
    for name in names:
        # A column that is empty everywhere is read to its end: of a large mirror only what is asked for.
        table, _, column = name.partition(".")
        where = f' WHERE "{column}" IS NOT NULL' if column else ""
        if any(mirror.rows(f'SELECT 1 FROM "{table}"{where} LIMIT 1')):
            found.add(name)
    return frozenset(found)


def run_diff(work: Workspace, as_of: str) -> Diff:
    """Changes between the newest results and the CRM's own values, as the last pull saw them."""
    if not work.mirror.has_results():
        raise UsageFault(f"{work.mirror.path}: there are no results yet. Run: kam enrich")
    by_table: dict[str, Rules] = {"account": {}, "contact": {}, "opportunity": {}, gaps.TABLE: {}}
    for (table, column), rule in work.fieldmap.writes().items():
        by_table[table][column] = rule
    scope = work.config.write_scope
    found = _diff_of(work, "account", enriching.wanted(work.mirror, list(by_table["account"]), scope, as_of), by_table)
    details = results.folder(work.mirror)
    if by_table["contact"]:
        wanted = contacts.wanted(work.mirror, details, scope.contacts, work.config.relationship)
        found = found.with_contacts(_diff_of(work, "contact", wanted, by_table))
    if by_table["opportunity"]:
        wanted = opportunities.wanted(work.mirror, details, scope.opportunities, work.config.company.language)
        found = found.with_deals(_diff_of(work, "opportunity", wanted, by_table))
    if (rules := by_table[gaps.TABLE]).keys() >= gaps.NEEDED:
        unit = 10.0 ** -money.read_rates(work.mirror, work.corporate).digits
        telling = gaps.Telling(as_of, work.config.company.language, unit)
        known = work.journal.last_after(gaps.TABLE, list(rules))
        found = found.with_gaps(gaps.compare(work.mirror, details, scope.whitespace, telling, rules, known))
    return found


def _diff_of(work: Workspace, table: str, wanted: Iterable[Wanted], by_table: Mapping[str, Rules]) -> Diff:
    rules = by_table[table]
    known = work.journal.last_after(table, [c for c, r in rules.items() if r.on_human_edit != "overwrite"])
    return diff(table, wanted, dict(work.mirror.present(table)), rules, known)


def guarded_write(work: Workspace, run_id: int, as_of: str, guards: Guards, found: Diff) -> Written:
    """Write unless a guard speaks; then the list is kept for `kam write-back --approve` and GuardHalt is raised."""
    said = breaches(found, guards)
    # A person has approved a whole list for this production org once, or has not.
    if work.config.crm.environment == "production" and found.changes and work.journal.meta("approved") is None:
        said.append("first write to production: look at the changes first.")
    if said:
        work.journal.halt(run_id, found.changes)
        advice = (
            f"Nothing was written. Look at the list: kam write-back --approve {run_id} --dry-run. Release exactly this"
            f" list: kam write-back --approve {run_id}"
        )
        raise GuardHalt(*(f"guard {line}" for line in said), advice)
    note_rejected(work, run_id, found)
    return write_back(work.pen(), run_id, found.changes, parents(work.mirror, found.changes))


def note_rejected(work: Workspace, run_id: int, found: Diff) -> None:
    """Edits of people on fields marked `reject` stand in `kam rejects` until somebody decides."""
    now = stamp(work.clock())
    said = "{} was edited by a person and on_human_edit is reject"
    # No column of one table is called as one of another is.
    tables = {column: table for table, column in WRITE_COLUMNS}
    edits = (rejects.Reject(run_id, tables[c], i, "EDITED", said.format(c), now) for i, c in found.rejected)
    rejects.add(work.journal, list(edits))
