"""The small invented company after its first run over real HTTP: what was planted is found, and calm nights follow."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from nights import company, nights

from connector import job
from connector.engine import query
from connector.insight.texts import catalogue
from connector.store import results
from connector.workspace import Workspace

Rows = dict[str, dict[str, Any]]
# Nights that are run, of the thirty; the benchmark runs every one.
SOME, NIGHTS, SHARE = (1, 2, 3, 4, 5, 10, 20, 30), 30, 0.01
Found = tuple[Rows, dict[str, Any], dict[str, set[str]]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Found]]:
    """The workspace; and the results by account, the planted truth and the families proposed, as the run left them."""
    with company("small", tmp_path_factory.mktemp("planted") / "work") as (work, truth):
        details = results.folder(work.mirror)
        rows = {r["id"]: r for r in query(details, "SELECT * FROM account_result")}
        shown: dict[str, set[str]] = {}
        for cell in query(details, "SELECT account_id, family FROM whitespace_cell WHERE shown > 0"):
            shown.setdefault(cell["account_id"], set()).add(cell["family"])
        yield work, (rows, truth, shown)


@pytest.fixture
def found(small: tuple[Workspace, Found]) -> Found:
    """What the first run found, and the truth."""
    return small[1]


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

    for row in (rows[i] for i in truth["accounts"]["about_to_lapse"]):
        said = catalogue(row["language"])["alert"]["silent"]
        assert row["gap_ratio"] > 2 and said.partition("{day}")[0].rpartition("}")[2] in row["kam_alert"]


def test_every_single_threaded_account_is_found(found):
    rows, truth, _ = found

    assert all(rows[i]["single_threaded"] == 1 for i in truth["accounts"]["single_threaded"])


def test_every_missing_executive_is_found(small):
    """Of large customers, in every function where one was left out: a seat that is asked for, and nobody known."""
    work, (_, truth, _) = small
    seats = query(results.folder(work.mirror), "SELECT account_id, slot, known FROM coverage_slot")
    empty = {(s["account_id"], s["slot"]) for s in seats if s["known"] == 0}
    planted = {(a, f"{f}.executive") for a, functions in truth["missing_executives"].items() for f in functions}

    assert planted
    assert planted <= empty


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


def test_families_that_were_planted_to_be_unrelated_never_pull_one_another(small):
    work, (_, truth, _) = small
    related = query(
        results.folder(work.mirror), "SELECT DISTINCT family, pulled_by FROM whitespace_cell WHERE shown > 0"
    )
    pulled = {frozenset((cell["family"], cell["pulled_by"])) for cell in related}
    assert {frozenset(pair) for pair in truth["affinities"]} <= pulled
    assert not {frozenset(pair) for pair in truth["non_relations"]} & pulled


def test_thirty_nights_without_a_change_are_calm_and_a_night_repeated_writes_nothing(small):
    """Guarantee 8: at most one account in a hundred a night; what comes and goes within five nights shows at first."""
    work, (rows, *_) = small
    told = list(nights(work, SOME))
    job.run_enrich(work, told[-1].day, remember=True)
    assert job.run_diff(work, told[-1].day).changes == []
    columns = Counter(c.column for night in told for c in night.changes)
    for first in (5, NIGHTS):
        written = sum(night.accounts for night, number in zip(told, SOME, strict=True) if number <= first)
        assert written / first <= SHARE * len(rows), f"{written} writes in {first} nights: {columns}"
