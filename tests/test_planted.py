"""What was planted in the invented company is found again by the whole river, over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector import job
from connector.cli.demo import prepare
from connector.crm.protocol import SetupRequest
from connector.emulator.company import LAST_DAY, build, truth_in
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.seed import seed
from connector.emulator.server import start
from connector.engine import query
from connector.store import results
from connector.workspace import opened, setup_fields

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rows, dict[str, Any], dict[str, set[str]]]]:
    """Results by account, the planted truth, and the families proposed for each account."""
    folder, org, company = tmp_path_factory.mktemp("planted"), Org(), build("small", 1)
    ids = seed(org, company)
    with start(org) as crm:
        prepare("salesforce", folder, crm)
        with opened(folder) as work:
            work.crm.apply_setup(SetupRequest(setup_fields(()), work.journal.installation))
        with opened(folder) as work:
            job.run(work, "first_run", as_of=LAST_DAY)
            details = results.folder(work.mirror)
            rows = {r["id"]: r for r in query(details, "SELECT * FROM account_result")}
            shown: dict[str, set[str]] = {}
            for cell in query(details, "SELECT account_id, family FROM whitespace_cell WHERE shown > 0"):
                shown.setdefault(cell["account_id"], set()).add(cell["family"])
    yield rows, dict(truth_in(company, ids["accounts"], ids["contacts"])), shown


def test_the_planted_key_accounts_are_proposed_and_nearly_nobody_else(found):
    rows, truth, _ = found
    planted = set(truth["accounts"]["key"])
    proposed = {i for i, r in rows.items() if r["kam_proposal"] == "Promote"}

    assert len(planted & proposed) >= 0.9 * len(planted)
    assert len(planted & proposed) >= 0.9 * len(proposed)


def test_large_accounts_that_earn_nothing_are_called_large_not_key(found):
    rows, truth, _ = found

    assert {rows[i]["kam_flag"] for i in truth["accounts"]["large_not_key"]} == {"Large, not key"}


def test_new_customers_are_emerging_and_unranked(found):
    rows, truth, _ = found

    assert {(rows[i]["kam_flag"], rows[i]["rank"]) for i in truth["accounts"]["emerging"]} == {("Emerging", None)}


def test_accounts_about_to_lapse_are_silent_for_twice_their_usual_gap(found):
    rows, truth, _ = found

    assert all(
        rows[i]["gap_ratio"] > 2 and "nothing since" in rows[i]["kam_alert"]
        for i in truth["accounts"]["about_to_lapse"]
    )


def test_every_single_threaded_account_is_found(found):
    rows, truth, _ = found

    assert all(rows[i]["single_threaded"] == 1 for i in truth["accounts"]["single_threaded"])


def test_an_account_without_data_is_unknown_not_low(found):
    rows, truth, _ = found
    empty = [rows[i] for i in truth["accounts"]["no_data"]]

    assert {(r["score"], r["kam_relationship_band"], r["kam_whitespace_band"]) for r in empty} == {
        (None, "Unknown", "Not enough data")
    }


def test_planted_affinities_are_among_the_ideas(found):
    _, truth, shown = found
    ripe = [(account, family) for account, families in truth["ripe"].items() for family in families]
    asked = [(a, f) for a, f in ripe if a in shown]

    assert asked
    assert sum(f in shown[a] for a, f in asked) >= 0.6 * len(asked)
