"""Where an account stands, on five accounts placed by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from connector.engine import DuckEngine
from connector.insight import quadrant
from connector.schema import Context

Rows = dict[str, list[dict[str, Any]]]
Maker = Callable[[Rows], DuckEngine]
NAMES = ["A", "B", "C", "D", "E", "F"]
# value and growth as s; strength as it is. All are candidates of equal weight, F is unknown to us.
VALUE = [0.9, 0.9, 0.2, 0.2, 0.5, 0.9]
STRENGTH = [80.0, 20.0, 80.0, 20.0, 50.0, np.nan]


def boxes(
    engine_with: Maker,
    settings: quadrant.Settings | None = None,
    *,
    present: dict[str, str] | None = None,
    worth: list[int] | None = None,
    coverage: float = np.nan,
    fit: float = np.nan,
) -> dict[str, tuple[Any, ...]]:
    now = [{"account_id": a, "kam_quadrant": b} for a, b in (present or {}).items()]
    with engine_with({"present_value": now}) as engine:
        ids, ones = NAMES, np.ones(len(NAMES), dtype=np.int64)
        engine.load("account_group", {"account_id": ids, "root_id": ids, "account_n": np.arange(len(NAMES))})
        scores = {"s_value": np.array(VALUE), "s_growth": np.array(VALUE), "s_alignment": np.full(len(NAMES), fit)}
        engine.load("account_score", {"account_id": ids, "rank": ones, **scores})
        engine.load("account_key", {"account_id": ids, "status": ["Key"] * 6, "proposal": ["None"] * 6,
                                    "nominated": ones, "band_rank": ones})  # fmt: skip
        engine.load("account_value", {"account_id": ids, "value_minor": np.array(worth or [100] * 6)})
        engine.load("account_strength", {"account_id": ids, "strength": np.array(STRENGTH)})
        engine.load("account_coverage", {"account_id": ids, "coverage_percent": np.full(len(NAMES), coverage)})
        weights = {"criterion": ["value", "growth", "alignment"], "weight": np.array([35, 25, 15])}
        engine.load("criterion_weight", weights)
        quadrant.compute(engine, Context(as_of=20_000), settings or quadrant.Settings())
        found = engine.rows("SELECT account_id, box, attractiveness, relationship FROM account_quadrant")
        return {r[0]: r[1:] for r in found}


def test_the_four_boxes_lie_around_the_candidates_median(engine_with: Maker) -> None:
    found = boxes(engine_with)

    assert {a: b[0] for a, b in found.items()} == {
        "A": "Strategic", "B": "Star", "C": "Status", "D": "Streamline", "E": "Strategic", "F": "Unknown",
    }  # fmt: skip


def test_without_relationship_the_box_is_unknown_and_attractiveness_is_still_said(engine_with: Maker) -> None:
    assert boxes(engine_with)["F"] == ("Unknown", 90.0, None)


def test_unknown_fit_leaves_attractiveness_to_the_other_two(engine_with: Maker) -> None:
    assert boxes(engine_with)["A"][1] == 90.0
    # (35 x 0.9 + 25 x 0.9 + 15 x 0.4) / 75 = 80
    assert boxes(engine_with, fit=0.4)["A"][1] == 80.0


def test_known_coverage_is_part_of_the_relationship(engine_with: Maker) -> None:
    # 0.7 x 80 + 0.3 x 50 = 71
    assert boxes(engine_with, coverage=50.0)["A"][2] == 71.0


def test_the_cut_follows_the_money_of_the_candidates(engine_with: Maker) -> None:
    # B holds nearly all the value: the cut is B's own place, 90 and 20.
    found = boxes(engine_with, worth=[1, 1000, 1, 1, 1, 1])

    assert {a: b[0] for a, b in found.items() if a != "F"} == {
        "A": "Strategic", "B": "Strategic", "C": "Status", "D": "Status", "E": "Status",
    }  # fmt: skip


def test_a_fixed_cut_ignores_the_candidates(engine_with: Maker) -> None:
    found = boxes(engine_with, quadrant.Settings(cut="fixed", fixed_cut=60), worth=[1, 1000, 1, 1, 1, 1])

    assert found["E"][0] == "Streamline"
    assert found["B"][0] == "Star"


def test_few_candidates_fall_back_to_the_fixed_cut(engine_with: Maker) -> None:
    found = boxes(engine_with, quadrant.Settings(least_candidates=6, fixed_cut=85))

    assert found["A"][0] == "Star"


@pytest.mark.parametrize("cut", [46.0, 54.0])
@pytest.mark.parametrize("present", ["Strategic", "Star", "Status", "Streamline"])
def test_inside_the_dead_zone_the_present_box_stays(engine_with: Maker, present: str, cut: float) -> None:
    # E stands at 50 and 50, four points off the cut on either side.
    settings = quadrant.Settings(cut="fixed", fixed_cut=cut)
    assert boxes(engine_with, settings, present={"E": present})["E"][0] == present


def test_outside_the_dead_zone_the_present_box_is_left(engine_with: Maker) -> None:
    assert boxes(engine_with, present={"A": "Streamline"})["A"][0] == "Strategic"


@pytest.mark.parametrize(
    ("name", "value"), [("cut", "mean"), ("fixed_cut", 101), ("dead_zone", -1), ("strength_share", 2)]
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        quadrant.Settings(**{name: value})
