"""Suggested managers on invented companies, whose CRM lacks three reporting lines in ten.

Run: python benchmarks/chart.py [--size medium] [--seeds 1,2,3] [--fit]. First the ratio: the share of suggestions
that name the true manager (aim: 0.8), and the share of people without a manager who get one. Then what
`suggest.confident` promises against what came true. With --fit, the numbers of that formula are fitted anew.
"""

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from connector.emulator.company import build
from connector.engine import DuckEngine
from connector.insight import chart, hierarchy, relationship, titles
from connector.insight.arrays import MILLION
from connector.insight.chart.lines import charted
from connector.insight.chart.suggest import Suggested, _foreign, suggested
from connector.insight.titles.lexicon import languages

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

STEPS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", default="medium")
    arguments.add_argument("--seeds", default="1,2,3")
    arguments.add_argument("--fit", action="store_true")
    given = arguments.parse_args()
    found = [measured(given.size, int(seed)) for seed in given.seeds.split(",")]
    lacking, unfound = sum(f["lacking"] for f in found), sum(f["unknown"] for f in found)
    cost, margin, confidence, right, home = (
        np.concatenate([f[c] for f in found]) for c in ("cost", "margin", "conf", "right", "home")
    )
    settings = chart.Settings()
    sure = (confidence >= settings.confidence) & (margin >= settings.margin)
    print(f"{right[sure].mean():.3f} of suggestions are right (aim 0.8)")
    print(f"{sure.sum() / lacking:.3f} of people without a manager get one ({sure.sum():,} of {lacking:,})")
    print(f"{right[sure].sum() / unfound:.3f} of lines that exist and are missing are found")
    for low, high in pairwise(STEPS):
        some = (confidence >= low) & (confidence < high)
        if some.any():
            told = f"{confidence[some].mean():.2f} promised, {right[some].mean():.2f} right"
            print(f"  confidence {low:.1f} to {high:.1f}: {some.sum():>7,} candidates, {told}")
    if given.fit:
        fit(cost[home], np.minimum(margin[home], 3.0), right[home])


def measured(size: str, seed: int) -> dict[str, Any]:
    """Suggestions of one company, and which of them are right."""
    from invented import invented

    true = build(size, seed).truth["managers"]
    with tempfile.TemporaryDirectory() as folder:
        mirror, context = invented(Path(folder), size, seed)
        with DuckEngine(mirror.path) as engine:
            engine.load(
                "present_value", {c: np.array([], dtype=object) for c in ("account_id", "kam_relationship_band")}
            )
            hierarchy.compute(engine, context)
            titles.compute(engine, context, titles.Settings(languages=tuple(languages())))
            relationship.compute(engine, context, relationship.Settings())
            chart.compute(engine, context, chart.Settings())
            people, meetings = chart._people(engine), chart._meetings(engine)
            lines = charted(people)
            found = suggested(people, lines, meetings)
            home = ~_foreign(people, found.person, found.manager)
            numbers = dict(engine.rows("SELECT contact_n, contact_id FROM contact_order"))  # type: ignore[arg-type]
        mirror.close()
    boss = {f"C{no:06d}": f"C{above:06d}" if above else None for no, above in true.items()}
    lacking = np.flatnonzero(people.present & ~lines.known)
    return {
        **_scored(found, numbers, boss),
        "home": home,
        "lacking": len(lacking),
        "unknown": sum(boss.get(numbers[n]) is not None for n in lacking.tolist()),
    }


def _scored(found: Suggested, numbers: dict[int, str], boss: dict[str, str | None]) -> dict[str, Any]:
    pairs = zip(found.person.tolist(), found.manager.tolist(), strict=True)
    return {
        "cost": found.cost / MILLION,
        "margin": found.margin / MILLION,
        "conf": found.confidence / MILLION,
        "right": np.array([boss.get(numbers[p]) == numbers[m] for p, m in pairs], dtype=np.float64),
    }


def fit(cost: Any, margin: Any, right: Any) -> None:
    """What came true by cost and margin; and a logistic regression: log-odds = c + m · margin - k · cost."""
    for c in sorted(set(np.floor(cost))):
        for m in range(4):
            some = (np.floor(cost) == c) & (np.floor(margin) == m)
            if some.sum() > 20:
                print(f"  cost {c:>3.0f}, margin {m}: {some.sum():>7,} candidates, {right[some].mean():.2f} right")
    x, beta = np.column_stack([np.ones(len(cost)), margin, -cost]), np.zeros(3)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-x @ beta))
        beta += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + np.eye(3) * 1e-6, x.T @ (right - p))
    print("fitted: constant {:.2f}, margin {:.2f}, cost {:.2f}".format(*beta))


if __name__ == "__main__":
    main()
