"""What was known at a cut, and what came after it.

Purchases by account, family and day come in; a matrix as the ideas would have seen it on that day leaves, and the cells
that were filled later. Nothing after the cut is in the matrix but the accounts' traits, which are as they stand now.
Next room: `rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import Flags, Ints
from connector.insight.steps import run_steps
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import NEVER
from connector.schema import REVENUE_SOURCES, Context, Engine

YEAR, HALF, QUARTER = 365, 180, 90
# Of a shorter history half years would leave too few windows.
_LONG = 547
TRAITS = ("industry_code", "country_code", "employees_class", "revenue_class")


@dataclass(frozen=True)
class History:
    """Purchases: account, family, day, ends_day and minor, row by row. traits: of each account, -1 where unknown.

    ends_day: the last day of an installation, -1 for a purchase. reps: owners of the accounts, as they stand now.
    """

    account: Ints
    family: Ints
    day: Ints
    ends_day: Ints
    minor: Ints
    traits: Ints
    families: Sequence[str]
    reps: int


@dataclass(frozen=True)
class Known:
    """What the ideas see at a cut: a row for each account that has a family, a column for each family.

    levels: 2 bought recently or installed, 1 long ago, 0 never. had: ever. first: the day of it, as `uptake` takes it.
    recent: bought in the window before the cut. could, began: cells that were free when that window began, by accounts
    that had bought by then; those filled in it. sold: families that somebody bought in the year before. members,
    columns: places in the History.
    """

    day: int
    window: int
    members: Ints
    columns: Ints
    levels: Ints
    traits: Ints
    had: Flags
    first: Ints
    recent: Flags
    could: Flags
    began: Flags
    sold: Flags


@dataclass(frozen=True)
class After:
    """What came: rows are the accounts that bought before and after the cut, `rows` their places in Known.

    free: cells that an idea could fill. new: those that were filled. minor: what they brought in the window.
    beyond: filled cells of families that nobody could have proposed: new, or not sold for a year before.
    """

    rows: Ints
    free: Flags
    new: Flags
    minor: Ints
    beyond: int


def read(engine: Engine, context: Context) -> History:
    """History up to a day."""
    run_steps(engine, "whitespace/backtest", {"as_of": context.as_of, "source": REVENUE_SOURCES.index(context.revenue)})
    bought = {
        name: _ints(values)
        for name, values in engine.arrays(
            "SELECT account_n, family_n, day, ends_day, minor FROM replay_purchase"
        ).items()
    }
    traits = engine.arrays(f"SELECT {', '.join(TRAITS)} FROM replay_account ORDER BY account_n")  # noqa: S608
    reps = engine.arrays("SELECT COUNT(DISTINCT owner_id) AS reps FROM replay_account")["reps"]
    families = engine.arrays("SELECT family FROM replay_family ORDER BY family_n")["family"]
    return History(
        account=bought["account_n"],
        family=bought["family_n"],
        day=bought["day"],
        ends_day=bought["ends_day"],
        minor=bought["minor"],
        traits=np.column_stack([_ints(v) for v in traits.values()]),
        families=[str(f) for f in families],
        reps=int(reps[0]),
    )


def _ints(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Ints:
    return np.asarray(values, dtype=np.int64)


def span(history: History) -> tuple[int, int] | None:
    """First and last day of a purchase, None when there is none."""
    days = history.day[history.ends_day < 0]
    return (int(days.min()), int(days.max())) if len(days) else None


def window_of(first: int, last: int) -> int:
    """Days of a window: half a year, or a quarter where history is shorter than eighteen months."""
    return HALF if last - first >= _LONG else QUARTER


def cuts_of(first: int, last: int, window: int, most: int) -> tuple[int, ...]:
    """Days to cut off at, a window apart, the newest a window before the last day; only with a window before them."""
    days = (last - window * back for back in range(most, 0, -1))
    return tuple(day for day in days if day - window >= first)


def known(history: History, cut: int, window: int, settings: Settings) -> Known:
    """The matrix at a cut, as `matrix.sql` makes it today."""
    shape = (len(history.traits), len(history.families))
    past = history.day <= cut
    bought = past & (history.ends_day < 0)
    installed = past & (history.ends_day > cut)
    recently = bought & (history.day > cut - settings.halve_days)
    levels = np.zeros(shape, dtype=np.int8)
    levels[_cells(history, bought)] = 1
    levels[_cells(history, recently | installed)] = 2
    columns = _columns(history, recently, levels, settings.families)
    members = np.flatnonzero((levels[:, columns] > 0).any(axis=1))

    def flags(rows: Flags) -> Flags:
        table = np.zeros(shape, dtype=np.bool_)
        table[_cells(history, rows)] = True
        return np.asarray(table[np.ix_(members, columns)])

    had = flags(past)
    before = past & (history.day <= cut - window)
    could = ~flags(before) & np.isin(members, history.account[before])[:, None]
    return Known(
        day=cut,
        window=window,
        members=members,
        columns=columns,
        levels=levels[np.ix_(members, columns)],
        traits=history.traits[members],
        had=had,
        first=_first(history, past, bought)[np.ix_(members, columns)],
        recent=flags(bought & (history.day > cut - window)),
        could=could,
        began=could & had,
        sold=np.isin(columns, history.family[bought & (history.day > cut - YEAR)]),
    )


def _cells(history: History, rows: Flags) -> tuple[Ints, Ints]:
    return history.account[rows], history.family[rows]


def _first(history: History, past: Flags, bought: Flags) -> Ints:
    """The first purchase of each cell; what was only installed was always had, as `matrix.sql` knows no day of it."""
    found = np.full((len(history.traits), len(history.families)), NEVER, dtype=np.int32)
    found[_cells(history, past & ~bought)] = -1
    order = np.flatnonzero(bought)[np.argsort(-history.day[bought], kind="stable")]
    found[history.account[order], history.family[order]] = history.day[order]
    return found


def _columns(history: History, recently: Flags, levels: Ints, most: int) -> Ints:
    """Families with an owner, the largest by recent value first."""
    owners = (levels > 0).sum(axis=0)
    minor = np.zeros(len(owners), dtype=np.int64)
    np.add.at(minor, history.family[recently], history.minor[recently])
    order = np.lexsort((np.arange(len(owners)), -owners, -minor))
    return np.asarray(order[owners[order] > 0][:most])


def after(history: History, at: Known) -> After:
    """What the accounts that bought in the year before a cut filled in the window after it."""
    bought = history.ends_day < 0
    later = (history.day > at.day) & (history.day <= at.day + at.window)
    year = (history.day > at.day - YEAR) & (history.day <= at.day)
    alive = np.intersect1d(history.account[bought & later], history.account[bought & year])
    rows = np.flatnonzero(np.isin(at.members, alive))
    filled, minor = _later(history, later)
    here = np.ix_(at.members[rows], at.columns)
    free = ~at.had[rows] & at.sold
    new = filled[here] & free
    had = np.zeros(filled.shape, dtype=np.bool_)
    had[_cells(history, history.day <= at.day)] = True
    everything = int((filled & ~had)[at.members[rows]].sum())
    return After(rows, free, new, np.where(new, minor[here], 0), everything - int(new.sum()))


def _later(history: History, later: Flags) -> tuple[Flags, Ints]:
    """Cells with a purchase or an installation in the window, and what they brought."""
    shape = (len(history.traits), len(history.families))
    filled, minor = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int64)
    filled[_cells(history, later)] = True
    np.add.at(minor, _cells(history, later), history.minor[later])
    return filled, minor
