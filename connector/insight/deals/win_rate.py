"""The company's own win rate by how many contacts were engaged early in a deal: an association, not a cause.

Counts by band of contacts and quarter of the amount come in from SQL; `deal_win_rate` leaves, a row for each band.

Raw: won / closed, with Wilson's interval (Wilson 1927). Adjusted for amount by direct standardisation: sum over the
quarters s of W_s · won_bs / closed_bs, where W_s is the quarter's share of all these deals, so that every band is seen
with the same mix of amounts (Rothman, Greenland, Lash: Modern Epidemiology, ch. 3). Its variance is that of a
linearised sum over accounts, since the deals of one account go together (Binder 1983); the interval is Wilson's with
the number of deals that an even sample of this variance would have (Kott, Carr 1997). A band with too few deals gets no
rate, and one with hardly any deal in some quarter no adjusted rate. Next room: `told`.
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
_DTYPES: Mapping[str, Any] = {"band": object, "state": object, **dict.fromkeys((*_RATE, *_ADJUSTED), np.float64)}
Row = Mapping[str, Any]


def compute(engine: Engine, context: Context, by_days: int, years: int, least: int) -> None:
    """Make `deal_win_rate`; since_day is empty where no contact was ever captured."""
    oldest = context.as_of - round(365.25 * years)
    params = {"as_of": context.as_of, "by_days": by_days, "oldest_day": oldest, "least_cell": LEAST_CELL}
    run_steps(engine, "deals/win_rate", params)
    cells, spreads = _rows(engine, "SELECT * FROM deal_cell"), _rows(engine, "SELECT * FROM deal_spread")
    fixed = {"by_days": by_days, "oldest_day": oldest, "least_deals": least}
    made = [{**band, **fixed} for band in bands(cells, {s["band"]: s for s in spreads}, least)]
    engine.load("deal_band", {c: np.array([r[c] for r in made], _DTYPES.get(c, np.int64)) for c in made[0]})
    engine.view("deal_win_rate", "SELECT b.*, s.since_day, s.early FROM deal_band AS b CROSS JOIN deal_span AS s", {})


def bands(cells: Sequence[Row], spreads: Mapping[int, Row], least: int) -> Iterator[dict[str, Any]]:
    """One row for each band; state is `ok`, `few` deals, or `apart`: its amounts are unlike those of the others."""
    whole = sum(c["deals"] for c in cells)
    strata = {c["stratum"]: c["stratum_deals"] / whole for c in cells}
    for place, band in enumerate(BANDS):
        mine = {c["stratum"]: c for c in cells if c["band"] == place}
        deals, won = sum(c["deals"] for c in mine.values()), sum(c["won"] for c in mine.values())
        made: dict[str, Any] = {"band": band, "place": place, "deals": deals, "won": won, "state": "few"}
        made |= dict.fromkeys((*_RATE, *_ADJUSTED))
        if deals >= least:
            made |= _named(_RATE, won / deals, deals)
            if all(s in mine and mine[s]["deals"] >= LEAST_CELL for s in strata):
                rate = sum(share * mine[s]["won"] / mine[s]["deals"] for s, share in strata.items())
                size = _even(rate, deals, spreads[place])
                made |= _named(_ADJUSTED, rate, size) | {"state": "ok"}
            else:
                made["state"] = "apart"
        yield made


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


def _rows(engine: Engine, sql: str) -> list[dict[str, Any]]:
    columns = {c: listed(a) for c, a in engine.arrays(sql).items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
