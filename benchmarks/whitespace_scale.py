"""Whitespace at scale: seconds, memory and growth of its part of an enrich, and how good the likely neighbours are.

Run: python benchmarks/whitespace_scale.py [--accounts 100000 1000000] [--keep FOLDER …] [--recall 100000]. The mirrors
are those of `enrich.py`, whose purchases are pure chance: nearly every account is a pattern of its own, the worst case.
Each runs in a process of its own, so that the memory is its own. With --recall, so many made-up accounts whose industry
and size say what they buy are compared: the exact neighbours of some with those that the index finds.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import enrich

from connector.config import Config, CrmSettings
from connector.engine import DuckEngine
from connector.insight import whitespace
from connector.insight.steps import reads
from connector.insight.whitespace import gaps, neighbours, propensity
from connector.insight.whitespace.settings import Settings
from connector.schema import Context
from connector.store.mirror import Mirror

K = 50


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, nargs="*", default=[100_000, 1_000_000])
    arguments.add_argument("--keep", type=Path, nargs="*", default=[], help="Mirrors that are there already.")
    arguments.add_argument("--recall", type=int, default=100_000)
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        inside(given.inside)
        return
    if given.recall:
        recall(given.recall)
    times = []
    folders = list(given.keep)
    with tempfile.TemporaryDirectory(prefix="kam-bench-") as kept:
        for accounts in given.accounts if not folders else []:
            folders.append(Path(kept) / str(accounts))
            enrich.make(folders[-1], accounts)
        for folder in folders:
            began = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, __file__, "--inside", str(folder)], check=True)
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            mirror = Mirror(folder)
            times.append((mirror.count("account"), ended.ru_utime - began.ru_utime))
            mirror.close()
    for (few, short), (many, long) in pairwise(times):
        print(f"growth, {few:,} to {many:,} accounts: {long / short / (many / few):.2f} of linear, by CPU")


def inside(folder: Path) -> None:
    """Whitespace alone, on what an enrich reads of the mirror."""
    config = Config(folder=folder, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    context = Context(as_of=enrich.DAY)
    with DuckEngine(folder / "mirror.db") as engine:
        engine.snapshot(reads())
        last = [time.monotonic(), time.process_time()]
        began = list(last)

        def say(name: str) -> None:
            now = [time.monotonic(), time.process_time()]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"  {name:<24} {now[0] - last[0]:>7.1f} s {now[1] - last[1]:>7.1f} s CPU {peak:>8,.0f} MB", flush=True
            )
            last[:] = now

        # The two halves of the algebra, told apart.
        load, steps = gaps.load_patterns, whitespace.run_steps

        def told_load(*given: object) -> None:
            say("the past")
            load(*given)  # type: ignore[arg-type]
            say("neighbours and ideas")

        def told_steps(engine: object, name: str, params: object) -> None:
            steps(engine, name, params)  # type: ignore[arg-type]
            say(name)

        gaps.load_patterns, whitespace.run_steps = told_load, told_steps
        say("read")
        whitespace.estimate(engine, context, config.whitespace)
        wall, cpu = time.monotonic() - began[0], time.process_time() - began[1]
        print(f"{folder.name}: whitespace {wall:.1f} s, {cpu:.1f} s CPU", flush=True)


def recall(accounts: int) -> None:
    """How many of the nearest are found, among accounts that are not pure chance."""
    patterns = propensity.group(*invented(accounts))
    asked = np.sort(np.random.default_rng(1).choice(len(patterns.counts), 400, replace=False))
    share = Settings().firmographic
    began = time.process_time()
    likely = neighbours._found(patterns, K + 1, share)
    built = time.process_time() - began
    compared = neighbours._compared(patterns, K + 1, share)
    exact = [
        np.concatenate(part) for part in zip(*(compared(asked[n : n + 20]) for n in range(0, 400, 20)), strict=True)
    ]
    found, again = likely(asked), neighbours._found(patterns, K + 1, share)(asked)
    hits = np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(exact[0], found[0], strict=True)])
    worth = (found[1] >= exact[1][:, -1:] - 1).mean()
    near = found[1][:, 1:].mean() / exact[1][:, 1:].mean()
    same = all((one == other).all() for one, other in zip(found, again, strict=True))
    print(
        f"{accounts:,} accounts, {len(patterns.counts):,} patterns: recall@{K} {hits:.3f}, as similar as the {K}th"
        f" {worth:.3f}, mean similarity {near:.3f} of exact; index {built:.1f} s CPU; twice the same: {same}"
    )


def invented(accounts: int, families: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Levels and traits of accounts whose industry says what they buy, and whose size says how much."""
    dice = np.random.default_rng(5)
    industry, country = dice.integers(0, 12, accounts), np.minimum(dice.geometric(0.2, accounts), 20)
    size = np.clip(np.log2(10 * np.exp(2.2 * np.abs(dice.standard_normal(accounts)))), 0, 20).astype(np.int64)
    tastes, popular = dice.dirichlet(np.full(families, 0.3), size=12), dice.dirichlet(np.full(families, 1.0))
    deals = 1 + dice.poisson(np.exp(dice.normal(0.6, 0.7, accounts)))
    bought = dice.random((accounts, families)) < 1 - np.exp(
        -(0.6 * tastes[industry] + 0.4 * popular) * deals[:, None] * 1.5
    )
    levels = np.where(bought, np.where(dice.random(bought.shape) < 0.3, 1, 2), 0).astype(np.int8)
    traits = np.column_stack([industry + 1, country, size, size + 14 + dice.integers(-1, 2, accounts)])
    traits[dice.random(traits.shape) < 0.08] = -1
    buyers = levels.any(axis=1)
    return levels[buyers], traits[buyers]


if __name__ == "__main__":
    main()
