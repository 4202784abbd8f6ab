"""A sample of accounts with what each bought when and for how much, to learn from how scores and values came true.

`matrix.sql`'s tables come in; one small table of cells leaves, however many accounts there are. Next room:
`calibrate`.
"""

from typing import NamedTuple

import numpy as np

from connector.insight.arrays import Ints
from connector.insight.whitespace.uptake import NEVER
from connector.schema import Engine

# Accounts drawn at most, evenly from all: enough for rates, and cheap to score again.
_SAMPLE = 10_000


class History(NamedTuple):
    """Cells ever bought by some accounts; account is a place in `traits`, `size` and `size_class`.

    first_day and last_day are -1 where a family is only installed. year_minor: spent in the last 365 days;
    before_minor: in the 365 before. size: of the last 365 days, 0 where unknown; size_class: four to each doubling,
    -1 likewise.
    """

    traits: Ints
    size: Ints
    size_class: Ints
    account: Ints
    family: Ints
    first_day: Ints
    last_day: Ints
    year_minor: Ints
    before_minor: Ints


def read(engine: Engine, traits: Ints, halve_days: int) -> History:
    """History of the drawn accounts; `traits` are those of all."""
    total = len(traits)
    drawn = np.arange(total) if total <= _SAMPLE else (np.arange(_SAMPLE) * 2 + 1) * total // (2 * _SAMPLE)
    engine.load("whitespace_drawn", {"account_n": drawn, "place": np.arange(len(drawn))})
    sizes = engine.arrays(
        "SELECT COALESCE(a.size_minor, 0) AS size, CASE WHEN a.size_minor > 0"
        " THEN CAST(floor(4.0E0 * ln(a.size_minor * 1.0E0) / 0.6931471805599453E0 + 1.0E-9) AS BIGINT) ELSE -1 END"
        " AS size_class FROM whitespace_account AS a JOIN whitespace_drawn AS d ON d.account_n = a.account_n"
        " ORDER BY d.place"
    )
    cells = engine.arrays(
        "SELECT d.place, o.family_n, COALESCE(o.first_day, -1) AS first_day, COALESCE(o.last_day, -1) AS last_day,"
        " o.year_minor, o.recent_minor"
        " FROM whitespace_own AS o JOIN whitespace_account AS a ON a.row_n = o.row_n"
        " JOIN whitespace_drawn AS d ON d.account_n = a.account_n"
        " ORDER BY d.place, o.family_n"
    )
    engine.drop(["whitespace_drawn"])
    place, family, first, last, year, recent = (np.asarray(v, dtype=np.int64) for v in cells.values())
    # What was spent before the last year, as of one year, whatever the days that count as recent.
    before = (recent - year) * 365 // max(halve_days - 365, 1)
    size, size_class = (np.asarray(v, dtype=np.int64) for v in sizes.values())
    return History(traits[drawn], size, size_class, place, family, first, last, year, before)


def first_days(history: History, families: int) -> Ints:
    """The day on which each account first had each family, as `uptake` takes it."""
    made = np.full((len(history.traits), families), NEVER, dtype=np.int32)
    made[history.account, history.family] = history.first_day
    return made


def levels_at(history: History, day: int, families: int, halve_days: int) -> Ints:
    """The ownership matrix as it stood on a day: 0 never bought, 1 long ago, 2 recently.

    Who bought before that day and again after it counts as having bought recently: only the last day is known.
    """
    known = history.first_day <= day
    recent = (history.first_day < 0) | (history.last_day > day - halve_days)
    levels: Ints = np.zeros((len(history.traits), families), dtype=np.int8)
    levels[history.account[known], history.family[known]] = np.where(recent, 2, 1)[known]
    return levels
