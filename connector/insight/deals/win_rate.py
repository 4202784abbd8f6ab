"""The company's own win rate by how many contacts were engaged early in a deal: an association, not a cause.

Counts by band of contacts and quarter of the amount come in from SQL; `deal_win_rate` leaves, a row for each band.

Raw: won / closed, with Wilson's interval (Wilson 1927). Adjusted for amount by direct standardisation: sum over the
quarters s of W_s · won_bs / closed_bs, where W_s is the quarter's share of all these deals, so that every band is seen
with the same mix of amounts (Rothman, Greenland, Lash: Modern Epidemiology, ch. 3). A quarter of which some band has
hardly any deal is left out for all of them; adjusted_share says how many deals the others hold. The variance is that
of a linearised sum over accounts, since the deals of one account go together (Binder 1983); the interval is Wilson's
with the number of deals that an even sample of this variance would have (Kott, Carr 1997). Next room: `told`.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from connector.convert import listed
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

BANDS = ("0", "1", "2-3", "4+")
# Fewer deals of a band in a quarter of the amount are no rate to weigh.
LEAST_CELL = 5
_Z = 1.959964
_RATE, _ADJUSTED = ("rate", "low", "high"), ("adjusted", "adjusted_low", "adjusted_high")
_TERM = ("band", "stratum", "deals", "share", "rate", "factor")
_FLOATS = (*_RATE, *_ADJUSTED, "adjusted_share", "share", "factor")
_DTYPES: Mapping[str, Any] = {"state": object, **dict.fromkeys(_FLOATS, np.float64)}
Row = Mapping[str, Any]


def compute(engine: Engine, context: Context, by_days: int, years: int, least: int) -> None:
    """Make `deal_win_rate`; since_day is empty where no contact was ever captured."""
    oldest = context.as_of - round(365.25 * years)
    params = {"as_of": context.as_of, "by_days": by_days, "oldest_day": oldest}
    run_steps(engine, "deals/win_rate", params)
    cells = _rows(engine, "SELECT * FROM deal_cell ORDER BY band, stratum")
    terms = factors(cells, least)
    engine.load("deal_factor", _arrays(terms, _DTYPES, _TERM))
    run_steps(engine, "deals/spread", params)
    engine.drop(["deal_group"])
    spreads = {row["band"]: row for row in _rows(engine, "SELECT * FROM deal_spread")}
    fixed = {"by_days": by_days, "oldest_day": oldest, "least_deals": least}
    made = [{**band, **fixed} for band in bands(cells, terms, spreads, least)]
    engine.load("deal_band", _arrays(made, {**_DTYPES, "band": object}))
    engine.view("deal_win_rate", "SELECT b.*, s.since_day, s.early FROM deal_band AS b CROSS JOIN deal_span AS s", {})


def factors(cells: Sequence[Row], least: int) -> list[dict[str, Any]]:
    """Of each band and each quarter that counts: its deals, win rate and share, and what a deal of it weighs.

    None where no quarter has deals of every band, or those that have hold less than half of all deals.
    """
    sizes = {band: sum(c["deals"] for c in cells if c["band"] == band) for band in range(len(BANDS))}
    judged = {band for band, deals in sizes.items() if deals >= least}
    thick = [c for c in cells if c["band"] in judged and c["deals"] >= LEAST_CELL]
    strata = {c["stratum"] for c in cells}
    shared = {s for s in strata if judged and judged == {c["band"] for c in thick if c["stratum"] == s}}
    whole = sum(c["deals"] for c in cells if c["stratum"] in shared)
    if 2 * whole < sum(sizes.values()):
        return []
    kept = [c for c in thick if c["stratum"] in shared]
    made = []
    for cell in kept:
        share = sum(c["deals"] for c in cells if c["stratum"] == cell["stratum"]) / whole
        deals = sum(c["deals"] for c in kept if c["band"] == cell["band"])
        term = {"band": cell["band"], "stratum": cell["stratum"], "deals": cell["deals"], "share": share}
        made.append({**term, "rate": cell["won"] / cell["deals"], "factor": share * deals / cell["deals"]})
    return made


def bands(
    cells: Sequence[Row], terms: Sequence[Row], spreads: Mapping[int, Row], least: int
) -> Iterator[dict[str, Any]]:
    """One row for each band; state is `ok`, `few` deals, or `apart`: deals of its sizes are in no other band."""
    strata = {t["stratum"] for t in terms}
    whole, some = sum(c["deals"] for c in cells), sum(c["deals"] for c in cells if c["stratum"] in strata)
    for place, band in enumerate(BANDS):
        deals, won = (sum(c[count] for c in cells if c["band"] == place) for count in ("deals", "won"))
        made: dict[str, Any] = {"band": band, "place": place, "deals": deals, "won": won, "state": "few"}
        made |= dict.fromkeys((*_RATE, *_ADJUSTED))
        if deals >= least:
            made |= _named(_RATE, won / deals, deals) | {"state": "ok" if terms else "apart"}
        if mine := [t for t in terms if t["band"] == place]:
            rate = sum(t["share"] * t["rate"] for t in mine)
            made |= _named(_ADJUSTED, rate, _even(rate, sum(t["deals"] for t in mine), spreads[place]))
        yield {**made, "adjusted_share": round(some / whole, 6) if some else None}


def _even(rate: float, deals: int, spread: Row) -> float:
    """How many independent deals would vary as much as these; where none varies, as many as there are accounts."""
    accounts = int(spread["accounts"])
    if accounts < 2 or spread["square"] == 0 or not 0 < rate < 1:
        return float(min(deals, accounts))
    variance = spread["square"] / 1e6 / deals**2 * accounts / (accounts - 1)
    return float(min(deals, rate * (1 - rate) / variance))


def wilson(rate: float, size: float) -> tuple[float, float]:
    """95 % interval of a share seen in so many cases."""
    middle = (rate + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * sqrt(rate * (1 - rate) / size + _Z**2 / (4 * size**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _named(names: Sequence[str], rate: float, size: float) -> dict[str, float]:
    return {name: round(value, 6) for name, value in zip(names, (rate, *wilson(rate, size)), strict=True)}


def _arrays(rows: Sequence[Row], dtypes: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, Any]:
    return {c: np.array([r[c] for r in rows], dtypes.get(c, np.int64)) for c in names or rows[0]}


def _rows(engine: Engine, sql: str) -> list[dict[str, Any]]:
    columns = {c: listed(a) for c, a in engine.arrays(sql).items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
