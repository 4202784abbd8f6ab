"""What is written to contacts and open deals, in either CRM: made by setup, filled by a run, calm then, undone."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from world import World, keep_results, world

from connector.crm.protocol import SetupRequest
from connector.engine import query
from connector.insight.relationship import Settings
from connector.schema import CRM_FIELDS, ORG_LEVELS
from connector.steps.contacts import _held, wanted
from connector.steps.undo import plan
from connector.store import results
from connector.store.mirror import Mirror

FIELDS = tuple(f for f in CRM_FIELDS if f.group in ("contacts", "opportunities"))
WORDS = {
    "salesforce": ("Contact", "Id", "AccountId", "Title"),
    "dynamics": ("contact", "contactid", "accountid", "jobtitle"),
}


def field(kind: str, column: str) -> str:
    """Name of a field of ours, made by a setup with a prefix of its own."""
    return next(f"CT_{f.name}__c" if kind == "salesforce" else f"ct_{column}" for f in FIELDS if f.column == column)


def opt_in(made: World, kind: str) -> None:
    """Make the fields, and take the lines of the mapping into use."""
    with made.work() as work:
        done = work.crm.apply_setup(SetupRequest(FIELDS, work.journal.installation, "CT"))
    assert [i for i in done if i.action == "refuse"] == []
    file = made.folder / "mappings" / f"{kind}.toml"
    text = file.read_text(encoding="utf-8")
    for column in (f.column for f in FIELDS):
        old = next(line for line in text.splitlines() if line.startswith(f"# {column} = "))
        text = text.replace(old, f'{column} = "{field(kind, column)}"')
    for table in ("contact", "opportunity"):
        text = text.replace(f"# [{table}.write]", f"[{table}.write]")
    file.write_text(text, encoding="utf-8")
    with (made.folder / "config.toml").open("a", encoding="utf-8") as config:
        config.write('[write_scope]\ncontacts = "all"\nopportunities = "all"\n')


def promote(made: World, kind: str) -> tuple[str, str]:
    """Let the first four people of one account be a director and three managers of one function; the account's id, and
    the director's."""
    record, key, account, title = WORDS[kind]
    sql = f'SELECT min("{key}") FROM "{record}" GROUP BY "{account}" HAVING count(*) = 4 ORDER BY 1'
    ((first,), *_) = made.org.rows(sql)
    same = f'SELECT "{key}" FROM "{record}" WHERE "{account}" = (SELECT "{account}" FROM "{record}" WHERE "{key}" = ?)'
    people = sorted(one for (one,) in made.org.rows(same, first))
    for number, one in enumerate(people):
        made.org.update(made.org.admin_id, record, one, {title: "Finance Manager" if number else "Finance Director"})
    return made.org.get(made.org.admin_id, record, first)[account], people[0]


def offer(made: World, kind: str, account: str, person: str) -> str:
    """Begin a deal with one role on it: of the deal itself, or, where that is said on the contact, of the contact."""
    admin = made.org.admin_id
    if kind == "salesforce":
        deal = {"AccountId": account, "Name": "Plant 2", "StageName": "Prospecting", "CloseDate": "2026-09-01"}
        key = made.org.create(admin, "Opportunity", deal)
        made.org.create(
            admin, "OpportunityContactRole", {"OpportunityId": key, "ContactId": person, "Role": "Decision Maker"}
        )
        return str(key)
    made.org.update(admin, "contact", person, {"accountrolecode": 1})  # decision maker
    values = {"name": "Plant 2", "parentaccountid": account, "customerid": ("account", account)}
    return str(made.org.create(admin, "opportunity", values))


@pytest.mark.parametrize("kind", ["salesforce", "dynamics"])
def test_what_is_computed_of_people_reaches_their_fields_and_rests_there(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    template = request.getfixturevalue("template" if kind == "salesforce" else "dynamics_template")
    with world(template, tmp_path / "world", kind=kind) as made:
        opt_in(made, kind)
        deal, today = offer(made, kind, *promote(made, kind)), made.clock.now.date()
        report = made.run("first_run", as_of=today)
        with made.work() as work:
            people = {r["contact_id"]: r for r in query(results.folder(work.mirror), "SELECT * FROM contact_result")}
            undone = plan(work.pen(), report.run).changes
        suggested = {i: r["suggested_manager_id"] for i, r in people.items() if r["suggested_manager_id"]}
        assert len(suggested) >= 3
        for key, row in people.items():
            held = made.org.get(made.org.admin_id, WORDS[kind][0], key)
            assert _id(held[field(kind, "suggested_manager")]) == suggested.get(key)
            if kind == "salesforce":
                level = "Unknown" if row["level"] is None else ORG_LEVELS[row["level"]]
                assert held[field(kind, "org_level")] == level
        # Names and titles of people stand in no change.
        assert {c.name for c in report.changes if c.table == "contact"} == {""}
        # All of it can be taken back.
        assert {(c.id, c.after) for c in undone if c.column == "suggested_manager"} == {(i, None) for i in suggested}
        assert {(c.id, c.column, c.name) for c in undone if c.table == "opportunity"} == {
            (deal, "stakeholder_text", ""), (deal, "missing_roles", ""),
        }  # fmt: skip
        told = made.org.get(made.org.admin_id, "Opportunity" if kind == "salesforce" else "opportunity", deal)
        # Nobody's contact with this person was captured; deals that are closed stay as they are.
        assert told[field(kind, "stakeholder_text")] == (
            "0 of 4 roles in touch; not in touch: economic buyer; missing: champion, technical buyer, user"
        )
        assert told[field(kind, "missing_roles")] == "Champion; Technical buyer; User"
        made.clock.forward(days=1)
        if kind == "dynamics":
            keep_results(made.folder)  # a CRM may change what is read back, and never what is computed
        assert made.run("refresh", as_of=today).changes == []


def test_out_of_scope_only_what_was_written_is_kept_true_and_whom_nothing_is_computed_of_holds_nothing(
    tmp_path: Path,
) -> None:
    people = "SELECT id AS contact_id, account AS account_id, 5::BIGINT AS level, 'it' AS function, 70.0 AS strength,"
    people += " 'Strong' AS band, 20000::BIGINT AS last_two_way_day, NULL AS suggested_manager_id,"
    people += " NULL::DOUBLE AS suggestion_confidence, NULL AS role_guess, NULL AS role_source"
    people += " FROM (VALUES ('C1', 'A1'), ('C2', 'A2'), ('C3', 'A2')) AS t(id, account)"
    accounts = "SELECT id, (id = 'A1')::INT AS in_programme FROM (VALUES ('A1'), ('A2')) AS t(id)"
    for name, sql in (("contact_result", people), ("account_result", accounts)):
        duckdb.sql(f"COPY ({sql}) TO '{tmp_path / name}.parquet'")
    mirror = Mirror(tmp_path / "store")
    # C4 has asked not to be profiled since, so that no result is of them.
    mirror.set_present("contact", ["C3", "C4"], {"org_level": ["Manager", "Director"]})
    found = {w.id: w for w in wanted(mirror, tmp_path, "programme", Settings())}
    mirror.close()
    assert {i: bool(w.in_scope) for i, w in found.items()} == {"C1": True, "C3": False, "C4": False}
    assert found["C1"].values["org_level"] == found["C3"].values["org_level"] == "C-level"
    assert set(found["C4"].values.values()) == {None}


def _id(value: Any) -> Any:
    """Id in a lookup: Dynamics keeps it with its table."""
    return value[1] if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("strength", "shown", "told"),
    [
        (58.0, None, "Warm"),
        (58.0, "Strong", "Strong"),  # within 3 points of 60
        (56.9, "Strong", "Warm"),
        (62.9, "Warm", "Warm"),
        (63.0, "Warm", "Strong"),
        (30.0, "Strong", "Weak"),
        (58.0, "a person's word", "Warm"),
        (None, "Warm", "Unknown"),
    ],
)
def test_a_band_stays_while_the_strength_is_near_its_bounds(strength: float | None, shown: str, told: str) -> None:
    band = "Unknown" if strength is None else "Strong" if strength >= 60 else "Warm" if strength >= 40 else "Weak"
    assert _held(band, strength, shown, Settings()) == told
