"""How fast each family is being taken up: what turns liking a family into buying it soon.

The day on which each account first had each family comes in; a yearly rate for each family leaves. Next room: `model`.
"""

import numpy as np

from connector.insight.arrays import Floats, Ints, rounded

NEVER = 2**31 - 1
# Rates are of the half year and of the year before: the new shows in the one, the one is steadied by the other.
_WIDTHS, _YEAR = (180, 365), 365
# Cells that steady a rate, for each account: twice the accounts with the same purchases tell the same.
_STEADY = 0.015
# Rates begin with a week: on the days between, nothing but a purchase moves a score.
_WEEK = 7


def uptake(first: Ints, day: int, assumed_rate: float) -> Floats:
    """Share of accounts without a family that begin with it within a year, by those that could have.

    first: accounts x families, a day, less than 0 for always, NEVER. Each rate is drawn to everybody's by as many cells
    as one and a half in a hundred accounts have, and that to the assumed one.
    """
    since = first.min(axis=1, initial=NEVER)
    steady = max(_STEADY * np.count_nonzero(since <= day), 1e-6)
    made = np.ones(first.shape[1])
    for width in _WIDTHS:
        begins = (day - width) // _WEEK * _WEEK
        free = (since <= begins)[:, None] & (first > begins)
        could, began = free.sum(axis=0), (free & (first <= day)).sum(axis=0)
        everybody = (began.sum() + steady * assumed_rate * width / _YEAR) / (could.sum() + steady)
        made *= (began + steady * everybody) / (could + steady) * _YEAR / width
    return rounded(np.sqrt(made))
