"""Whitespace on data that nobody here invented: ours beside its parts, three simple rules and the library implicit.

Run: python benchmarks/whitespace.py [--data FOLDER]. The adventureworks export is served by the emulator and pulled;
then its product models take the place of its families. Four cuts, half a year after each, no cap on columns; protocol:
methods, section 4.5. implicit is not among our dependencies: `pip install implicit` into an environment of your own
(`python -m venv --system-site-packages`) adds its ALS, BPR and item-kNN; without it they are skipped, and that is said.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # implicit asks for it

import numpy as np
from key_accounts import DATA, adventureworks

from connector import job
from connector.convert import epoch_day, iso_day
from connector.insight.arrays import Flags, Floats, Ranks, millionths
from connector.insight.steps import reads
from connector.insight.whitespace.backtest import Replay, history, replay
from connector.insight.whitespace.backtest.history import History, Known
from connector.insight.whitespace.backtest.rules import BASELINES, OURS, Scored, segment_popularity
from connector.insight.whitespace.model import scores
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import uptake
from connector.schema import Context
from connector.steps.pull import pull
from connector.workspace import Workspace, opened, stamp

CUTS, LAST, WINDOW, PER_REP = ("2012-12-01", "2013-01-01", "2013-03-01", "2013-06-01"), date(2013, 12, 1), 180, 5
AIM, NEAR_BEST = 0.10, 0.03
SETTINGS = Settings(families=200)
_COLOURS = "Black|Blue|Multi|Red|Silver|White|Yellow"
# Not in the product: other settings, and other ways to join the two models.
CHANGED: dict[str, dict[str, float]] = {
    "firmographics 0.2": {"firmographic": 0.2},
    "firmographics 0.5": {"firmographic": 0.5},
    "20 neighbours": {"neighbours": 20},
    "80 neighbours": {"neighbours": 80},
    "penalty 0.1": {"ridge": 0.1},
    "penalty 1": {"ridge": 1.0},
}
PLAIN = "tried: mean of ranks, no uptake"
More = Callable[[Known], Iterator[Scored]]


def histories(data: Path) -> Iterator[tuple[str, History]]:
    """What was bought by family, and again by product model: the name without size and colour."""
    with (
        tempfile.TemporaryDirectory() as made,
        adventureworks(data, Path(made) / "work") as (_, at, environ),
        opened(at, environ=environ) as work,
    ):
        pull(work.crm, work.fieldmap, work.mirror, now=stamp(work.clock()), money_settings=work.corporate)
        yield "families", _read(work)
        for row in list(work.mirror.rows("SELECT id, name FROM product")):
            model = re.sub(rf"( -)? ({_COLOURS})$", "", row["name"].partition(",")[0])
            work.mirror.db.conn.execute("UPDATE product SET family = ? WHERE id = ?", [model, row["id"]])
        yield "models", _read(work)


def _read(work: Workspace) -> History:
    with job.open_engine(work.config, work.mirror.path) as engine:
        engine.snapshot(reads())
        return history.read(engine, Context(epoch_day(LAST.isoformat()) or 0))


def tried(at: Known) -> Iterator[Scored]:
    """Other settings, and other joins."""
    free, rates = at.levels == 0, uptake(at.first, at.day, SETTINGS.assumed_rate)
    patterns = group(at.levels, at.traits)
    found = scores(patterns, SETTINGS, rates)
    ease, near = (part[patterns.member].astype(np.float64) for part in (found.ease, found.near))
    plain = _ranks(ease, free) + _ranks(near, free)
    yield Scored(PLAIN, plain)
    yield Scored("tried: the same, and segment as third rank", plain + _ranks(segment_popularity(at), free))
    yield Scored("tried: mean of scores, no uptake", ease / ease[free].std() + near / near[free].std())
    for name, values in CHANGED.items():
        blend = scores(patterns, replace(SETTINGS, **values), rates).blend
        yield Scored(f"tried: {name}", blend[patterns.member])


def _ranks(values: Floats, free: Flags) -> Floats:
    """Percentile ranks among the cells not bought."""
    whole, ranks = millionths(values / max(1.0, np.abs(values).max())), Ranks()
    ranks.add(whole[free], np.ones(int(free.sum()), dtype=np.int64))
    found: Floats = np.full(values.shape, -1.0)
    found[free] = ranks.of(whole[free])
    return found


def implicit_rules() -> More | None:
    """ALS, BPR and item-kNN of the library, on the same matrix; None where it is not installed."""
    try:
        from implicit.als import AlternatingLeastSquares
        from implicit.bpr import BayesianPersonalizedRanking
        from implicit.nearest_neighbours import CosineRecommender
        from scipy.sparse import csr_matrix
    except ImportError:
        return None

    def some(at: Known) -> Iterator[Scored]:
        owned = csr_matrix((at.levels > 0).astype(np.float32))
        models = {
            "implicit ALS, 8 factors": AlternatingLeastSquares(factors=8, random_state=1, num_threads=1),
            "implicit ALS, 16 factors": AlternatingLeastSquares(factors=16, random_state=1, num_threads=1),
            "implicit BPR, 16 factors": BayesianPersonalizedRanking(factors=16, random_state=1, num_threads=1),
        }
        for name, model in models.items():
            model.fit(owned, show_progress=False)
            yield Scored(name, np.asarray(model.user_factors @ model.item_factors.T, dtype=np.float64))
        items = CosineRecommender(K=owned.shape[1], num_threads=1)
        items.fit(owned, show_progress=False)
        alike = items.similarity.tolil()
        alike.setdiag(0)
        yield Scored("implicit item-kNN, cosine", np.asarray((owned @ alike.tocsr()).todense(), dtype=np.float64))

    return some


def together(*many: More | None) -> More:
    """All of these rules after each other."""
    return lambda at: (scored for some in many if some for scored in some(at))


def show(found: dict[str, list[Replay]]) -> None:
    """Print the ratios that are aimed at, then recall and AUC of every rule at every cut, as rows of Markdown."""
    replays = [r for many in found.values() for r in many if r.cut is not None]
    names = list(replays[0].found)
    recall = {n: np.array([r.found[n]["recall_5"].point for r in replays]) for n in names}
    single = [n for n in names if n != OURS and not n.startswith("tried")]
    for name in (OURS, PLAIN):
        ahead = np.min([recall[name] - recall[b] for b in BASELINES], axis=0)
        best = max(single, key=lambda n: recall[n].mean())
        print(f"{name}: least above the best simple rule {ahead.min():+.3f} ({(ahead >= AIM).sum()} of {len(ahead)}"
              f" cuts by {AIM} or more), mean less that of the best single method ({best})"
              f" {recall[name].mean() - recall[best].mean():+.3f} (aim: -{NEAR_BEST} or better)")  # fmt: skip
    wins = {n: (recall[n] >= recall[OURS]).sum() for n in names if n.startswith("tried")}
    print("cuts at which what was tried does not fall below our default: "
          + ", ".join(f"{n.removeprefix('tried: ')} {w}" for n, w in wins.items()))  # fmt: skip
    for measure in ("recall_5", "cell_auc", "precision", "ndcg_5", "auc"):
        _table(measure, names, replays)


def _table(measure: str, names: Sequence[str], replays: Sequence[Replay]) -> None:
    half = len(replays) // 2
    heads = [f"{kind} {iso_day(r.cut or 0)}" for kind, rs in (("families", replays[:half]), ("models", replays[half:]))
             for r in rs]  # fmt: skip
    print(f"\n| {measure} | {' | '.join(heads)} | mean |\n|---|{'--:|' * (len(heads) + 1)}")
    for name in names:
        values = [r.found[name][measure].point for r in replays]
        print(f"| {name} | {' | '.join(f'{v:.3f}' for v in values)} | {np.mean(values):.3f} |")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=DATA)
    given = arguments.parse_args()
    if not given.data.is_dir():
        sys.exit(f"SKIPPED: the public data set is not in {given.data}; give its folder by --data")
    load = "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d}, load {load} on {os.cpu_count()} cores")
    others = implicit_rules()
    if others is None:
        print("SKIPPED: implicit is not installed here, so ALS, BPR and item-kNN were not compared (see --help)")
    cuts = [epoch_day(cut) or 0 for cut in CUTS]
    found = {}
    for kind, past in histories(given.data):
        found[kind] = replay(past, cuts, WINDOW, past.reps * PER_REP, SETTINGS, together(others, tried))
        for r in found[kind][:-1]:
            print(f"{kind} {iso_day(r.cut or 0)}: {r.accounts} accounts, {r.families} columns, {r.new} new cells of"
                  f" {r.adopters} accounts, {r.beyond} more that nobody could have proposed; {r.claim}")  # fmt: skip
    show(found)


if __name__ == "__main__":
    main()
