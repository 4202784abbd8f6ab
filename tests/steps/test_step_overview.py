"""What `kam programme` tells of the programme as a whole, from a handful of rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight.key_accounts import Settings
from connector.steps import overview
from connector.store import results
from connector.store.mirror import Mirror

AS_OF = 20_000
PLAIN: dict[str, Any] = {
    "status": None, "kam_proposal": "None", "kam_flag": "None", "cap": 3, "owner_id": "U1", "kam_manager_id": None,
    "sponsor_id": None, "sponsor_state": None, "revenue_rank": 1, "value_rank": 1, "s_alignment": None,
    "revenue_365_minor": 0,
}  # fmt: skip


@pytest.fixture
def mirror(tmp_path: Path) -> Any:
    opened = Mirror(tmp_path)
    yield opened
    opened.close()


def seen(mirror: Mirror, rows: dict[str, dict[str, Any]], settings: Settings | None = None) -> dict[str, Any]:
    """The overview over results of these accounts."""
    full = [{"id": i, "name": f"Name {i}", "root_id": i, **PLAIN, **more} for i, more in rows.items()]
    with DuckEngine(mirror.path, memory="256MB", threads=1) as engine, results.renewed(mirror) as made:
        columns = {c: [r[c] for r in full] for c in full[0]}
        engine.load(
            "account_result",
            {c: np.array(v, dtype=float if c == "s_alignment" else None if c == "cap" else object)
             for c, v in columns.items()},
        )  # fmt: skip
        engine.save("SELECT * FROM account_result", made / "account_result.parquet")
        with mirror.atomic():
            listed = [tuple(r[c] for c in ("id", "name", "root_id", "status")) for r in full]
            mirror.replace_result("account_result", ("id", "name", "root_id", "status"), [listed], ("id",))
            results.publish(mirror, made)
    return overview.overview(mirror, settings or Settings(), AS_OF)


def programme(mirror: Mirror, account: str, **more: Any) -> None:
    columns = {"account_id": account, "_source": account, "_record": "Account", "_pull": 1, **more}
    marks = ", ".join("?" * len(columns))
    mirror.db.conn.execute(f"INSERT INTO programme ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))


KEY = {"status": "Key", "sponsor_state": "in touch"}


def test_managers_and_sponsors_are_counted_by_how_many_they_have_and_never_named(mirror: Mirror) -> None:
    told = seen(mirror, {
        "A": {**KEY, "sponsor_id": "S1"}, "B": {**KEY, "kam_manager_id": "U2", "sponsor_id": "S1"},
        "C": {**KEY, "kam_manager_id": "U2", "sponsor_state": "none"}, "D": {"kam_proposal": "Promote"}, "E": {},
    })  # fmt: skip
    # U1 owns A; U2 manages B and C, whoever owns them.
    assert told["capacity"] == {
        "cap": 3, "members": 3, "proposed": 1, "proposed_to_leave": 0,
        "managers": [{"key_accounts": 1, "managers": 1}, {"key_accounts": 2, "managers": 1}], "without_manager": 0,
        "sponsors": [{"key_accounts": 2, "sponsors": 1}], "without_sponsor": 1,
    }  # fmt: skip
    assert told["hints"] == ["The programme has 3 places: with every proposal approved it would have 4 key accounts."]
    assert not {"U1", "U2", "S1"} & set(str(told).replace("'", " ").split())


@pytest.mark.parametrize(("others", "hinted"), [(40, False), (41, True)])
def test_one_or_two_key_accounts_beside_many_others_are_on_the_side(mirror: Mirror, others: int, hinted: bool) -> None:
    rows: dict[str, dict[str, Any]] = {"A": KEY, "B": KEY, **{f"O{n}": {} for n in range(others)}}
    told = seen(mirror, rows)
    assert [h.partition(":")[0] for h in told["hints"]] == (
        ["2 key accounts are looked after on the side of more than 40 others"] if hinted else []
    )


def test_more_than_a_hundred_is_warned_of(mirror: Mirror) -> None:
    assert seen(mirror, {"A": {}}, Settings(cap=100))["hints"] == []
    assert seen(mirror, {"A": {}}, Settings(cap=101))["hints"][0].startswith("101 key accounts are more than")


def test_reviews_are_due_by_their_day_or_a_quarter_after_the_decision(mirror: Mirror) -> None:
    programme(mirror, "A", status="Key", review_due_day=AS_OF, since_day=AS_OF - 200)
    programme(mirror, "B", status="Key", review_due_day=AS_OF + 1)
    programme(mirror, "C", status="Key", decided_day=AS_OF - 91)
    programme(mirror, "D", status="Standard", review_due_day=AS_OF - 1)
    told = seen(mirror, {"A": KEY, "B": KEY, "C": KEY, "D": {}})
    assert [r["id"] for r in told["reviews_due"]] == ["A", "C"]
    # Two whole quarters of 91 days in 200.
    assert told["age"]["quarters"] == 2


def test_a_nomination_is_shown_with_its_end_and_what_is_to_be_said_against_it(mirror: Mirror) -> None:
    programme(mirror, "A", nominated=1, nominated_reason="golf", nominated_until_day=AS_OF - 1)
    programme(mirror, "B", nominated=1, nominated_reason="new plant", nominated_until_day=AS_OF)
    programme(mirror, "C", nominated=1)
    told = seen(mirror, {"A": {}, "B": {}, "C": {}})["nominated"]
    doubt = '"golf" is no reason to expect value: say what the account will bring'
    assert [(r["id"], r["note"]) for r in told] == [
        ("A", f"{doubt}; ended"), ("B", ""), ("C", "no reason given; no end given"),
    ]  # fmt: skip


def test_large_but_not_key_says_why(mirror: Mirror) -> None:
    large = {"kam_flag": "Large, not key"}
    told = seen(mirror, {
        "A": {**large, "revenue_rank": 2, "value_rank": 7}, "B": {**large, "revenue_rank": 1, "s_alignment": 0.2},
        "C": {**large, "revenue_rank": 3, "s_alignment": 0.9}, "D": {},
    })  # fmt: skip
    # The cap is 3: the seventh by value lies behind twice as many.
    assert [(r["id"], r["why"]) for r in told["large_not_key"]] == [
        ("B", "does not fit the strategy"), ("A", "number 2 by revenue, number 7 by net value"), ("C", "does not grow"),
    ]  # fmt: skip
