"""Gap records in both CRMs: made by setup, filled by a run, calm, closed, answered, undone, removed; who gets one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from world import World, world

from connector import job
from connector.crm.protocol import SetupItem, SetupRequest
from connector.schema import CRM_FIELDS, GAP_STATES, KEYED, VERDICTS, Change, gap_account, gap_key
from connector.steps import undo
from connector.steps.diff import Diff, Guards, breaches
from connector.steps.gaps import COLUMNS, TABLE, Telling, wanted
from connector.steps.pull import pull
from connector.steps.write_back import parents, settle, unchanged, write_back
from connector.store import runs
from connector.workspace import Workspace

FIELDS = tuple(f for f in CRM_FIELDS if f.group == "gaps")
OPEN, CLOSED = GAP_STATES
WORDS = {
    "salesforce": ("GP_Whitespace_Gap__c", "Id", "GP_{}__c", ("Product2", "Id", "Name", {"IsActive": False})),
    "dynamics": ("gp_whitespacegap", "gp_whitespacegapid", "gp_{}",
                 ("product", "productid", "name", {"statecode": 1, "statuscode": 2})),
}  # fmt: skip
NOW = "2026-07-01T08:00:00Z"


@dataclass
class Story:
    """What was seen at each point of a walk from setup to undo."""

    kind: str
    made: World
    planned: list[SetupItem] = field(default_factory=list)
    again: list[SetupItem] = field(default_factory=list)
    first: list[Change] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    calm: list[Change] = field(default_factory=list)
    second: list[Change] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    undone: list[dict[str, Any]] = field(default_factory=list)
    reopening: list[Change] = field(default_factory=list)
    cut_off: list[str] = field(default_factory=list)
    removed: list[SetupItem] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    gone: bool = False

    def name(self, column: str) -> str:
        """Name of a field of ours."""
        wish = next(f for f in FIELDS if f.column == column)
        return WORDS[self.kind][2].format(wish.name if self.kind == "salesforce" else wish.name.lower())

    def records(self) -> list[dict[str, Any]]:
        """Gap records as the CRM holds them, by our names of their fields, in the order of their keys."""
        record, key, *_ = WORDS[self.kind]
        cursor = self.made.org.db.execute(f'SELECT * FROM "{record}"')
        names = [d[0] for d in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        found = [{f.column: row[self.name(f.column)] for f in FIELDS} | {"id": row[key]} for row in rows]
        if self.kind == "dynamics":
            for row in found:
                row["state"] = GAP_STATES[row["state"] - 727_000_000]
        return sorted(found, key=lambda row: str(row["kam_key"]))

    def type(self, row: dict[str, Any], answer: str) -> None:
        """Answer a gap as a person would."""
        value = answer if self.kind == "salesforce" else 727_000_000 + list(VERDICTS).index(answer)
        self.made.org.update(self.made.org.admin_id, WORDS[self.kind][0], row["id"], {self.name("verdict"): value})

    def let_answer(self) -> None:
        """What an admin does: people get the rights of a reader. The connector itself may not answer."""
        org = self.made.org
        if self.kind == "salesforce":
            ((reader,),) = org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = \'GP_Reader\'')
            org.create(org.admin_id, "PermissionSetAssignment", {"AssigneeId": org.admin_id, "PermissionSetId": reader})

    def retire(self, product: str) -> None:
        """Let a product be sold no more."""
        record, key, name, values = WORDS[self.kind][3]
        ((one,),) = self.made.org.rows(f'SELECT "{key}" FROM "{record}" WHERE "{name}" = ?', product)
        self.made.org.update(self.made.org.admin_id, record, one, values)

    def pulled(self, work: Workspace) -> list[Change]:
        """Pull, and hold the results that are there against what the CRM has: changes of gaps."""
        pull(work.crm, work.fieldmap, work.mirror, now=NOW, money_settings=work.corporate)
        return [c for c in job.run_diff(work, "2026-06-30").changes if c.table == TABLE]


def opt_in(story: Story) -> SetupRequest:
    """The mapping and the settings of a company of thirty accounts, with names of our own in the CRM."""
    made = story.made
    file = made.folder / "mappings" / f"{story.kind}.toml"
    head, mark, tail = file.read_text(encoding="utf-8").partition("# Whitespace gaps as ")
    file.write_text(head + mark + tail.replace('"KAM_', '"GP_').replace('"kam_', '"gp_'), encoding="utf-8")
    with (made.folder / "config.toml").open("a", encoding="utf-8") as config:
        config.write("[whitespace]\nminimum_accounts = 5\nminimum_families = 2\nhold_streamline = false\n")
    with made.work() as work:
        return SetupRequest(FIELDS, work.journal.installation, "GP")


@pytest.fixture(scope="module", params=["salesforce", "dynamics"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The walk, made once: its tests only look at what was seen."""
    template = request.getfixturevalue("template" if request.param == "salesforce" else "dynamics_template")
    with world(template, tmp_path_factory.mktemp("gaps"), kind=request.param) as made:
        told = Story(request.param, made)
        asked = opt_in(told)
        with made.work() as work:
            told.planned = work.crm.plan_setup(asked)
            work.crm.apply_setup(asked)
            told.again = work.crm.apply_setup(asked)
        first = made.run("first_run")
        told.first, told.opened = [c for c in first.changes if c.table == TABLE], told.records()
        with made.work() as work:
            told.calm = told.pulled(work)
        told.let_answer()
        told.type(told.opened[0], "No need")
        told.retire("Valves 1")
        told.second, told.closed = [c for c in made.run().changes if c.table == TABLE], told.records()
        with made.work() as work:
            told.verdicts = list(work.mirror.rows("SELECT * FROM verdict"))
            plan = undo.plan(work.pen(), first.run)
            write_back(work.pen(), runs.begin(work.journal, "undo", "2026-06-30", NOW).id, plan.changes)
            told.undone = told.records()
            told.reopening = told.pulled(work)
            told.cut_off = cut_off(told, work)
            told.removed = work.crm.apply_setup(replace(asked, remove=True), made.folder / "kept")
            told.kept = (made.folder / "kept" / f"removed-{WORDS[told.kind][0]}.csv").read_text("utf-8").splitlines()
            told.gone = work.crm.describe(WORDS[told.kind][0]) is None
        yield told


def test_setup_is_planned_made_and_then_has_nothing_to_do(story: Story) -> None:
    assert {item.action for item in story.planned} == {"create"}
    assert {"object", "table"} & {item.kind for item in story.planned}
    assert len([item for item in story.planned if item.kind == "field"]) == len(FIELDS)
    assert {item.action for item in story.again} == {"keep"}


def test_the_first_run_makes_a_record_of_each_gap_that_is_shown(story: Story) -> None:
    # Of the 25 customers those with two deals lack one of the three families that are bought: accounts 0, 10, 15, 20
    # and 25. Deals of account n are on the families n, n+1 (of 3): 0 lacks 2, 10 lacks 0, 15 lacks 2, 20 lacks 1, 25
    # lacks 0.
    families = dict(zip((0, 10, 15, 20, 25), ("Seals", "Pumps", "Seals", "Valves", "Pumps"), strict=True))
    lacking = {(story.made.accounts[n], family) for n, family in families.items()}
    assert {(row["account"], row["family"]) for row in story.opened} == lacking
    assert {row["kam_key"] for row in story.opened} == {gap_key(*one) for one in lacking}
    assert {(row["state"], row["since"], row["closed_on"], row["verdict"]) for row in story.opened} == {
        (OPEN, "2026-06-30", None, None)
    }
    assert all(0 < row["low"] <= row["high"] and row["peers"] == 10 for row in story.opened)
    assert all(f"{row['peer_owners']:g} of 10 similar accounts" in row["evidence"] for row in story.opened)


def test_the_second_run_writes_nothing(story: Story) -> None:
    assert story.calm == []


def test_a_gap_that_is_none_any_more_is_closed_and_nothing_else_changes(story: Story) -> None:
    assert [(row["family"], row["closed_on"]) for row in story.closed if row["state"] == CLOSED][-1:] == [
        ("Valves", "2026-06-30")
    ]
    expected = {row["kam_key"] for row in story.opened if row["family"] == "Valves"}
    assert expected <= {c.id for c in story.second} <= expected | {story.opened[0]["kam_key"]}
    assert {c.column for c in story.second} == {"state", "closed_on"}


def test_what_a_person_answers_is_read_back(story: Story) -> None:
    answered = story.opened[0]
    (row,) = story.verdicts
    assert (row["account_id"], row["subject"], row["answer"]) == (answered["account"], answered["family"], "no_need")
    assert row["answered_day"] is not None
    kept = next(r for r in story.closed if r["id"] == answered["id"])
    assert kept["verdict"] is not None


def test_undo_closes_what_the_run_opened_and_deletes_nothing(story: Story) -> None:
    assert {row["id"] for row in story.undone} == {row["id"] for row in story.opened}
    assert {(row["state"], row["closed_on"] is None) for row in story.undone} == {(CLOSED, False)}
    kept = [{c: row[c] for c in ("account", "family", "low", "evidence")} for row in story.undone]
    assert kept == [{c: row[c] for c in ("account", "family", "low", "evidence")} for row in story.opened]


def test_a_gap_that_comes_back_is_opened_again(story: Story) -> None:
    assert {(c.column, c.after) for c in story.reopening} == {("state", OPEN), ("closed_on", None)}
    assert len({c.id for c in story.reopening}) in (3, 4)  # with Valves retired, and an answer that may count by now


def test_a_record_whose_making_was_cut_off_is_made_once(story: Story) -> None:
    assert story.cut_off == ["unsent", "written", "written", "one more"]


def test_removal_keeps_the_values_and_takes_the_records_with_their_table(story: Story) -> None:
    assert [item.action for item in story.removed if item.kind in ("object", "table")] == ["remove"]
    assert len(story.kept) == 1 + len(story.opened) + 1  # a header, and the record that was cut off
    assert story.gone


def cut_off(story: Story, work: Workspace) -> list[str]:
    """Kill between the journal and the call, then between the call and its outcome; what settling finds each time."""
    account, before = story.made.accounts[1], len(story.records())
    values = {"account": account, "family": "Valves", "kam_key": gap_key(account, "Valves"), "state": CLOSED}
    changes = [Change(TABLE, values["kam_key"], "", c, None, v, "because") for c, v in values.items()]
    pen, seen = work.pen(), list[str]()
    for sent in (False, True):
        run = runs.begin(work.journal, "test", "2026-06-30", NOW).id
        assert sent or unchanged(pen, changes) == changes
        if sent:
            write_back(pen, run, changes, parents(work.mirror, changes))
            pen.journal.execute("UPDATE journal SET state = 'sent' WHERE run = ?", [run])
        else:
            pen.journal.announce(run, [(c, pen.rules[c.table, c.column].field) for c in changes], NOW)
        settle(pen)
        seen += {e.state for e in pen.journal.of_run(run)}
    # Said once more, as by a run whose mirror was lost, it makes no second record.
    seen += write_back(pen, runs.begin(work.journal, "test", "2026-06-30", NOW).id, changes).records
    return [*seen, "one more" if len(story.records()) == before + 1 else "not one more"]


# Who gets a record, on tables of a few rows.

TELLING = Telling("2026-06-30", "en", 0.01)


def results(folder: Path, cells: list[tuple[str, str, str, int]], held: str = "") -> Path:
    """Results of accounts a and b, both customers, a in the programme: (account, family, state, shown)."""
    rows = ", ".join(f"('{a}', '{f}', '{s}', 10, 4, 'Gloves', 1000000, 3000000, {n})" for a, f, s, n in cells)
    names = "account_id, family, state, peers, peer_owners, pulled_by, low_minor, high_minor, shown"
    account = f"SELECT * FROM (VALUES ('a', 'A', 1, 1, nullif('{held}', '')), ('b', 'B', 1, 0, NULL))"
    for name, sql in (
        ("whitespace_cell", f"SELECT * FROM (VALUES {rows}) AS t({names})"),
        ("account_result", f"{account} AS t(id, name, is_customer, in_programme, held_back)"),
    ):
        duckdb.sql(f"COPY ({sql}) TO '{folder / name}.parquet' (FORMAT parquet)")
    return folder


def standing(*gaps: tuple[str, str], state: str = OPEN) -> dict[str, dict[str, Any]]:
    """Records that the CRM has, by key."""
    return {
        gap_key(a, f): {KEYED[TABLE]: gap_key(a, f), "family": f, "state": state, "since": "2026-01-01"}
        for a, f in gaps
    }


def states(folder: Path, here: dict[str, dict[str, Any]], scope: Any = "customers") -> dict[tuple[str, str], str]:
    """State wished for, by account and family."""
    keys = {gap_key(a, f): (a, f) for a in "ab" for f in ("Nuts", "Oil", "Pipes", "Rope", "Saws")}
    return {keys[w.id]: w.values["state"] for w in wanted(folder, scope, here, TELLING)}


def test_an_open_gap_keeps_its_place_while_it_is_one(tmp_path: Path) -> None:
    cells = [("a", f, "whitespace", n) for f, n in (("Nuts", 1), ("Oil", 2), ("Pipes", 3), ("Rope", 0))]
    folder = results(tmp_path, [*cells, ("a", "Saws", "owned", 0)])
    # Rope was overtaken, and stays; then there is room for two more. Saws is owned by now.
    found = states(folder, standing(("a", "Rope"), ("a", "Saws")))
    assert found == {("a", "Rope"): OPEN, ("a", "Nuts"): OPEN, ("a", "Oil"): OPEN, ("a", "Saws"): CLOSED}


def test_out_of_scope_no_record_is_begun_and_an_open_one_is_kept_true(tmp_path: Path) -> None:
    cells = [("b", "Nuts", "whitespace", 1), ("b", "Oil", "whitespace", 2), ("b", "Pipes", "owned", 0)]
    here = standing(("b", "Oil"), ("b", "Pipes")) | standing(("b", "Nuts"), state=CLOSED)
    assert states(results(tmp_path, cells), here, "programme") == {("b", "Oil"): OPEN, ("b", "Pipes"): CLOSED}


def test_gaps_are_closed_while_ideas_are_held_back_and_when_nothing_is_known_of_them(tmp_path: Path) -> None:
    folder = results(tmp_path, [("a", "Nuts", "whitespace", 0)], held="case")
    assert states(folder, standing(("a", "Nuts"), ("a", "Oil"))) == {("a", "Nuts"): CLOSED, ("a", "Oil"): CLOSED}


def test_what_is_open_keeps_its_day_and_what_comes_back_gets_a_new_one(tmp_path: Path) -> None:
    folder = results(tmp_path, [("a", "Nuts", "whitespace", 1), ("a", "Oil", "whitespace", 2)])
    here = standing(("a", "Nuts")) | standing(("a", "Oil"), state=CLOSED)
    found = {w.values["family"]: w for w in wanted(folder, "all", here, TELLING)}
    assert {f: w.values["since"] for f, w in found.items()} == {"Nuts": "2026-01-01", "Oil": "2026-06-30"}
    nuts = found["Nuts"]
    assert nuts.in_scope == COLUMNS and set(nuts.values) == COLUMNS
    assert (nuts.values["low"], nuts.values["high"]) == (10_000.0, 30_000.0)
    assert nuts.values["evidence"] == "4 of 10 similar accounts have it, goes with Gloves"


def test_many_closings_halt_a_run_and_openings_do_not() -> None:
    keys = [gap_key("a", str(n)) for n in range(10)]
    assert {gap_account(key) for key in keys} == {"a"}
    shut = [Change(TABLE, key, "", "state", OPEN, CLOSED, "") for key in keys[:3]]
    # A fifth of ten may change: two.
    assert breaches(Diff(shut[:2], gaps=10), Guards()) == []
    (said,) = breaches(Diff(shut, gaps=10), Guards())
    assert said == "max_changed_share: 3 of 10 open gap records would be closed or changed, more than 2."
    back = [replace(c, before=CLOSED, after=OPEN) for c in shut]
    made = [Change(TABLE, gap_key("b", "x"), "", "state", None, OPEN, "")]
    assert breaches(Diff([*back, *made], gaps=0), Guards()) == []
