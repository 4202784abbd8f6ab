"""How well each value rule would have picked key accounts, replayed on this customer's own history.

Won deals come in; what N picks by every rule caught of the half year after each cut leaves, beside plain last-year
revenue and the oracle, who knows that half year. A cut knows only deals closed up to it. Groups are picked, not
branches. Net value is here what deals tell: revenue less their cost; cost to serve is known as it stands today only.
Intervals: accounts drawn anew with replacement, from a fixed seed. Rules: methods, sections 1.1 and 4.5.
Next room: `cli.backtest`, which prints.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from connector.insight import hierarchy, lapse, net_value
from connector.insight.arrays import Ints
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

WINDOW, YEAR = 180, 365
DRAWS, SEED = 1000, 20_261_122
MEASURES = ("revenue", "net")
Sums = Mapping[str, Ints]


class Rule(NamedTuple):
    """A way to rank accounts at a cut: the higher the number, the earlier it is picked.

    basis: the money it looks at; empty where it is what the picks are measured in.
    """

    name: str
    basis: str
    rank_by: Callable[[Sums], Ints]


def _rfm(sums: Sums) -> Ints:
    """Sum of the percentile ranks of recency, frequency and money."""
    return sum((_places(sums[c]) for c in ("last_day", "deals_365", "last_365")), np.zeros(1, dtype=np.int64))


def _places(values: Ints) -> Ints:
    """Twice the mean rank of each value among all, whole where several are equal."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return (2 * below + counts)[at]


OURS, PLAIN, ORACLE = "our value (180 and 365 days)", "plain last-year revenue", "oracle"
RULES = (
    Rule(OURS, "", lambda sums: sums["ours"]),
    Rule("last 90 days", "", lambda sums: sums["last_90"]),
    Rule("last 180 days", "", lambda sums: sums["last_180"]),
    Rule("last 365 days", "", lambda sums: sums["last_365"]),
    Rule("decay, half after 120 days", "", lambda sums: sums["decay_120"]),
    Rule("decay, half after 180 days", "", lambda sums: sums["decay_180"]),
    Rule("decay, half after 365 days", "", lambda sums: sums["decay_365"]),
    Rule("BG/NBD x shrunk order value", "", lambda sums: sums["bg_nbd"]),
    Rule("all history", "", lambda sums: sums["all_history"]),
    Rule("same window last year", "", lambda sums: sums["same_180"]),
    Rule("RFM percentile mean", "", _rfm),
    Rule(PLAIN, "revenue", lambda sums: sums["last_365"]),
    Rule("our value, picked as net value", "net", lambda sums: sums["ours"]),
)


class Range(NamedTuple):
    """A number with the ends of its 95 % interval."""

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class Replay:
    """What the picks of one cut caught, as one measure; without a cut: of all cuts together. Amounts in minor units.

    shares: of the total; nothing where the total, or that of a draw, is 0 or less. ahead: what our value caught more
    than plain last-year revenue. best: of the other rules that rank by what is measured, the one that caught most; the
    first of equals. of_best: what our value caught for each unit that it did; None where that is nothing.
    """

    cut: int | None
    measure: str
    accounts: int
    total: int
    caught: Mapping[str, Range]
    shares: Mapping[str, Range]
    ahead: Range
    best: str
    of_best: Range | None

    @property
    def verdict(self) -> str:
        """What may be said of our value against plain last-year revenue: no more than the interval bears."""
        if self.ahead.low > 0:
            return "better"
        return "worse" if self.ahead.high < 0 else "no difference can be claimed"


class _Cut(NamedTuple):
    """One cut as one measure: who can be picked, what each brings after it, and the first places by every rule."""

    day: int
    measure: str
    members: Ints
    after: Ints
    orders: Ints  # of places in `members`: a row for each rule, and one for the oracle


class _Caught(NamedTuple):
    """What the picks of each rule and of the oracle caught and what there was, as it is, and in every draw."""

    point: Ints
    total: int
    draws: Ints
    totals: Ints


def days_back(first: int, last: int, cuts: int) -> tuple[int, ...]:
    """Days to cut off at, a window apart, the newest a window before the last day; only with a year before them."""
    days = (last - WINDOW * back for back in range(cuts, 0, -1))
    return tuple(day for day in days if day - YEAR >= first)


def span(engine: Engine, context: Context, settings: net_value.Settings) -> tuple[int, int] | None:
    """First and last day with a won deal, None when there is none."""
    _know(engine, context, settings)
    rows = engine.arrays("SELECT MIN(close_day) AS first_day, MAX(close_day) AS last_day FROM deal")
    found = [np.ma.filled(rows[name], -1)[0] for name in ("first_day", "last_day")]
    return None if found[0] < 0 else (int(found[0]), int(found[1]))


def replay(
    engine: Engine,
    context: Context,
    settings: net_value.Settings,
    cuts: Sequence[int],
    picks: int,
    rules: Sequence[Rule] = RULES,
) -> list[Replay]:
    """What this many picks caught at each cut, then at all together: as revenue, and again as net value.

    Where no cost is known net value is revenue, and is left out. The rules hold OURS and PLAIN.
    """
    days = sorted({day for cut in cuts for day in (cut, cut + WINDOW)})
    known = {day: _sums(engine, replace(context, as_of=day), settings) for day in days}
    plays = [[_cut(known, cut, measure, picks, rules) for cut in sorted(set(cuts))] for measure in MEASURES]
    revenue, net = plays
    if all(np.array_equal(a.after, b.after) for a, b in zip(revenue, net, strict=True)):
        plays = [revenue]
    made = []
    for part in plays:
        caught = _caught(part, picks)
        made += [_replay(play.day, play, one, rules) for play, one in zip(part, caught, strict=True)]
        made.append(_replay(None, part[-1], _together(caught), rules))
    return made


def _know(engine: Engine, context: Context, settings: net_value.Settings) -> None:
    """Make deal, deal_net and account_group as they were known on a day."""
    # What the CRM shows today was not known then.
    engine.load("present_value", {"account_id": np.array([], dtype=object), "pareto_class": np.array([], dtype=object)})
    hierarchy.compute(engine, context)
    run_steps(engine, "net_value", net_value.parameters(context, settings))


def _sums(engine: Engine, context: Context, settings: net_value.Settings) -> dict[str, Sums]:
    """Of each measure, a row for every group that had bought by a day, in the order that settles ties."""
    _know(engine, context, settings)
    day = context.as_of
    back = {"quarter_day": day - 90, "half_year_day": day - WINDOW, "year_day": day - YEAR}
    # Where too few came again for a fit, the rate is the plain one: orders over time.
    made = lapse.compute(engine, context, lapse.Settings()) or lapse.Fit(0.0, 0.0, 0.0, 0.0)
    rate = {"r": made.r, "alpha": made.alpha, "k": made.k}
    run_steps(engine, "backtest", {"as_of": day, **back, "same_end_day": day - YEAR + WINDOW, **rate})
    found: dict[str, Sums] = {}
    for measure in MEASURES:
        rows = engine.arrays(f"SELECT * FROM backtest_sum WHERE measure = '{measure}' ORDER BY account_n")  # noqa: S608
        found[measure] = {name: np.asarray(v, dtype=np.int64) for name, v in rows.items() if name != "measure"}
    return found


def _cut(known: Mapping[int, Mapping[str, Sums]], day: int, measure: str, picks: int, rules: Sequence[Rule]) -> _Cut:
    before, later = known[day], known[day + WINDOW][measure]
    members = before[measure]["account_n"]
    after = later["last_180"][np.searchsorted(later["account_n"], members)]
    # Beyond these places no draw of accounts will look.
    most = 4 * picks + 100
    keys = [rule.rank_by(before[rule.basis or measure]) for rule in rules]
    orders = [np.argsort(-key, kind="stable")[:most] for key in (*keys, after)]
    return _Cut(day, measure, members, after, np.array(orders))


def _caught(plays: Sequence[_Cut], picks: int) -> list[_Caught]:
    """What was caught at each cut; in every draw an account counts as often at all cuts."""
    everyone = np.unique(np.concatenate([play.members for play in plays]))
    places = [np.searchsorted(everyone, play.members) for play in plays]
    dice = np.random.default_rng(SEED)
    draws = []
    for _ in range(DRAWS):
        times = np.bincount(dice.integers(0, len(everyone), len(everyone)), minlength=len(everyone))
        draws.append([_counted(play, times[at], picks) for play, at in zip(plays, places, strict=True)])
    once = [_counted(play, np.ones(len(play.members), dtype=np.int64), picks) for play in plays]
    return [
        _Caught(point, total, np.array([d[n][0] for d in draws]), np.array([d[n][1] for d in draws]))
        for n, (point, total) in enumerate(once)
    ]


def _counted(play: _Cut, times: Ints, picks: int) -> tuple[Ints, int]:
    """What the picks of each rule catch, and what there is, where accounts are there so many times."""
    there = times[play.orders]
    taken = np.clip(picks - (np.cumsum(there, axis=1) - there), 0, there)
    return (taken * play.after[play.orders]).sum(axis=1), int(times @ play.after)


def _together(caught: Sequence[_Caught]) -> _Caught:
    """All cuts as one."""
    return _Caught(
        np.sum([c.point for c in caught], axis=0),
        sum(c.total for c in caught),
        np.sum([c.draws for c in caught], axis=0),
        np.sum([c.totals for c in caught], axis=0),
    )


def _replay(cut: int | None, play: _Cut, caught: _Caught, rules: Sequence[Rule]) -> Replay:
    point, draws = caught.point, caught.draws
    names = [*(rule.name for rule in rules), ORACLE]
    ours, plain = names.index(OURS), names.index(PLAIN)
    best = max((i for i, r in enumerate(rules) if not r.basis and i != ours), key=lambda i: (point[i], -i))
    shares, of_best = {}, None
    if caught.total > 0 and caught.totals.min() > 0:
        parts = draws / caught.totals[:, None]
        shares = {name: _range(point[i] / caught.total, parts[:, i]) for i, name in enumerate(names)}
    if point[best] > 0 and draws[:, best].min() > 0:
        of_best = _range(point[ours] / point[best], draws[:, ours] / draws[:, best])
    return Replay(
        cut=cut,
        measure=play.measure,
        accounts=len(play.members),
        total=caught.total,
        caught={name: _range(point[i], draws[:, i]) for i, name in enumerate(names)},
        shares=shares,
        ahead=_range(point[ours] - point[plain], draws[:, ours] - draws[:, plain]),
        best=names[best],
        of_best=of_best,
    )


def _range(point: float, draws: np.ndarray[Any, Any]) -> Range:
    low, high = np.quantile(draws, (0.025, 0.975), method="inverted_cdf")
    return Range(float(point), float(low), float(high))
