"""How well the ideas would have hit, replayed on this customer's own purchases: only new families count.

Purchases come in; what our scores, their parts and three simple rules foretold at each cut leaves, with intervals:
accounts drawn anew with replacement from a fixed seed, the same at all cuts. In reading order: `history`, `rules`,
`measures`. Protocol: methods, section 4.5. Next room: `cli.backtest_whitespace`, which prints.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from connector.insight.arrays import Floats, Ints
from connector.insight.backtest import DRAWS, SEED, Range
from connector.insight.whitespace.backtest.history import After, History, Known, after, known
from connector.insight.whitespace.backtest.measures import MEASURES, Marks, Truth, marks
from connector.insight.whitespace.backtest.rules import BASELINES, OURS, Scored, scored
from connector.insight.whitespace.settings import Settings

# Of more accounts than this, bags of accounts are drawn: the intervals are the same, and a million cost no more.
BAGS = 10_000
# Draws times bags held at a time.
_DRAWN = 2_000_000
More = Callable[[Known], Iterator[Scored]]


@dataclass(frozen=True)
class Replay:
    """What was foretold at one cut; without a cut: the mean of all cuts.

    buyers: accounts with a family at the cut. accounts: that bought before and after it. adopters: that filled a cell;
    new: cells filled. beyond: filled cells of families nobody could have proposed. found: measures of each rule. ahead:
    ours less each other rule. What can't be said is left out.
    """

    cut: int | None
    window: int
    buyers: int
    accounts: int
    families: int
    adopters: int
    new: int
    beyond: int
    picks: int
    found: Mapping[str, Mapping[str, Range]]
    ahead: Mapping[str, Mapping[str, Range]]

    def verdict(self, other: str, measure: str = "recall_5") -> str:
        """What may be said of ours against another rule: no more than the interval bears."""
        ahead = self.ahead[other].get(measure)
        if ahead is None or ahead.low <= 0 <= ahead.high:
            return "no difference can be claimed"
        return "better" if ahead.low > 0 else "worse"

    @property
    def claim(self) -> str:
        """What may be said of ours against all baselines together, by recall of five ideas."""
        said = {self.verdict(name) for name in BASELINES}
        return said.pop() if len(said) == 1 else "worse" if "worse" in said else "no difference can be claimed"


@dataclass(frozen=True)
class _Cut:
    """One cut: what was known, what came, and where the accounts are in a draw."""

    at: Known
    then: After
    marks: Mapping[str, Marks]


def replay(
    history: History, cuts: Sequence[int], window: int, picks: int, settings: Settings, more: More | None = None
) -> list[Replay]:
    """Each cut, then their mean. picks: cells of all accounts together that count as foretold."""
    plays = []
    for day in sorted(set(cuts)):
        at = known(history, day, window, settings)
        plays.append((at, after(history, at)))
    everyone = np.unique(np.concatenate([at.members[then.rows] for at, then in plays]))
    bags = max(1, min(len(everyone), BAGS))
    made = [_cut(at, then, everyone, bags, picks, settings, more) for at, then in plays]
    names = list(made[0].marks)
    point = _measured(made, names, np.ones((1, bags)))
    dice = np.random.default_rng(SEED)
    step = max(1, _DRAWN // bags)
    draws = np.concatenate(
        [_measured(made, names, _drawn(dice, bags, min(step, DRAWS - n))) for n in range(0, DRAWS, step)], axis=2
    )
    found = [_replay(cut, names, point[n], draws[n], picks) for n, cut in enumerate(made)]
    whole = _replay(made[-1], names, point.mean(axis=0), draws.mean(axis=0), picks)
    sums = {name: sum(getattr(r, name) for r in found) for name in ("adopters", "new", "beyond")}
    return [*found, Replay(**{**vars(whole), **sums, "cut": None, "accounts": len(everyone)})]


def _drawn(dice: np.random.Generator, bags: int, draws: int) -> Floats:
    """How often each bag is drawn, one draw a row."""
    places = dice.integers(0, bags, (draws, bags))
    return np.array([np.bincount(row, minlength=bags) for row in places], dtype=np.float64)


def _cut(at: Known, then: After, everyone: Ints, bags: int, picks: int, settings: Settings, more: More | None) -> _Cut:
    bag = np.searchsorted(everyone, at.members[then.rows]) % bags
    truth = Truth(then.free, then.new, then.minor, bag, bags)
    made = {}
    for name, scores, chance in chain(scored(at, settings), more(at) if more else ()):
        made[name] = marks(scores[then.rows], truth, picks, None if chance is None else chance[then.rows])
    return _Cut(at, then, made)


def _measured(cuts: Sequence[_Cut], names: Sequence[str], times: Floats) -> Floats:
    """Cuts x rules x draws x measures."""
    return np.array([[cut.marks[name].of(times) for name in names] for cut in cuts])


def _replay(cut: _Cut, names: Sequence[str], point: Floats, draws: Floats, picks: int) -> Replay:
    ours = names.index(OURS)
    return Replay(
        cut=cut.at.day,
        window=cut.at.window,
        buyers=len(cut.at.members),
        accounts=len(cut.then.rows),
        families=len(cut.at.columns),
        adopters=int(cut.then.new.any(axis=1).sum()),
        new=int(cut.then.new.sum()),
        beyond=cut.then.beyond,
        picks=picks,
        found={name: _ranges(point[n, 0], draws[n]) for n, name in enumerate(names)},
        ahead={
            name: _ranges(point[ours, 0] - point[n, 0], draws[ours] - draws[n])
            for n, name in enumerate(names)
            if n != ours
        },
    )


def _ranges(point: Floats, draws: Floats) -> dict[str, Range]:
    """Measures with the ends of their 95 % interval; a measure that some draw can't tell is left out."""
    low, high = np.quantile(draws, (0.025, 0.975), axis=0, method="inverted_cdf")
    ends = zip(MEASURES, point, low, high, strict=True)
    return {name: Range(float(p), float(a), float(b)) for name, p, a, b in ends if a == a and b == b and p == p}
