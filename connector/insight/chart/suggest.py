"""Likely managers for people without one: who stands right above them, in the same function, and meets them.

The chart and shared meetings come in; for each person the best candidate leaves, with cost, margin and confidence.
People alike (account, level, function, department) are one class, of which at most the first two can be best or
second: so an account of five thousand people costs no more than its classes. Next room: `influence`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import MILLION, Flags, Ints, millionths
from connector.insight.chart.lines import Lines, People
from connector.insight.titles.lexicon import FUNCTIONS

GAP, FUNCTION, PLACE = 3, 2, 1
# Shared meetings speak for a candidate: half the logarithm of one more than their number, at most this.
MOST_CREDIT = 1.5
# Without a second candidate the margin counts as this; nor does a wider one count for more.
MOST_MARGIN = 3.0
GENERAL = FUNCTIONS.index("general") + 1
# Beyond so many people in an account, departments tell nobody apart: they would make nearly everyone a class.
_DEPARTMENTS_UP_TO = 100
_PAIRS = 2_000_000
_LEVELS = 8
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Meetings:
    """Pairs of one account who sat in meetings together, and in how many; the first number is the smaller."""

    one: Ints
    other: Ints
    together: Ints


@dataclass(frozen=True)
class Suggested:
    """The best candidate of each person who has any; cost, margin and confidence in millionths."""

    person: Ints
    manager: Ints
    cost: Ints
    margin: Ints
    confidence: Ints

    def of(self, confidence: float, margin: float) -> "Suggested":
        """Those that are sure enough."""
        return self.where((self.confidence >= confidence * MILLION) & (self.margin >= margin * MILLION))

    def where(self, chosen: Flags) -> "Suggested":
        """Some of them."""
        columns = (self.person, self.manager, self.cost, self.margin, self.confidence)
        return Suggested(*(column[chosen] for column in columns))


def confident(cost: Ints, margin: Ints, home: Flags) -> Ints:
    """Confidence in millionths: 1 / (1 + exp(0.75 - 0.75 · margin + 0.1 · cost)), a margin of 3 at most.

    `home`: the candidate has the person's own function or leads the whole; else 3.5 are added to the exponent, because
    hardly anybody reports into another function. Fitted on invented companies that lack three lines in ten
    (`benchmarks/chart.py`), and kept below what came true where levels lie far apart: those companies skip levels more
    often than others. At no cost a margin of 2 gives 0.68 and one of 3 gives 0.82; at a cost of 6 the latter 0.71.
    """
    wide = np.minimum(margin / MILLION, MOST_MARGIN)
    return millionths(1.0 / (1.0 + np.exp(0.75 - 0.75 * wide + 0.1 * cost / MILLION + 3.5 * ~home)))


def suggested(people: People, lines: Lines, meetings: Meetings) -> Suggested:
    """The best candidate for everyone without a manager who is still there.

    Candidates come from the account; where nobody there stands above, from the whole group. Assistants are left out:
    whom they assist is not the next level up. Nobody is proposed to whom the proposed one reports already.
    """
    able = people.present & ~people.assistant & (people.level >= 0)
    lacking = np.flatnonzero(able & ~lines.known)
    size = len(people.root)
    highest = np.full(size, -1, dtype=np.int64)
    np.maximum.at(highest, people.account[able], people.level[able])
    within = highest[people.account[lacking]] > people.level[lacking]
    root = people.root[people.account]
    parts = [
        _best(people, able, lacking[within], people.account, _departments(people), meetings),
        # Across the group meetings aren't kept, and the country takes the place of the department.
        _best(people, able, lacking[~within], root, people.country[people.account], _NOBODY),
    ]
    both = Suggested(*(np.concatenate([getattr(p, c) for p in parts]) for c in Suggested.__dataclass_fields__))
    # Who has no manager is the top of their own tree: whoever has them on top is below them.
    return both.where(lines.top[both.manager] != both.person)


_NOBODY = Meetings(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def _departments(people: People) -> Ints:
    """Department of each person, unknown in a large account."""
    large = np.bincount(people.account, minlength=len(people.root)) > _DEPARTMENTS_UP_TO
    return np.where(large[people.account], 0, people.department)


def _best(people: People, able: Flags, lacking: Ints, group: Ints, place: Ints, meetings: Meetings) -> Suggested:
    """Best candidate of each person, within groups of people; equal ones stand in order."""
    width = int(place.max(initial=0)) + 1
    kinds = (group * np.int64(_LEVELS) + people.level + 1) * (len(FUNCTIONS) + 1) + people.function
    kinds = kinds * width + place
    stands, candidates = _first_two(kinds, np.flatnonzero(able & np.isin(group, group[lacking])))
    credited = _credits(people, able, lacking, meetings)
    rows, row_of = _rows(kinds, lacking, credited.person)
    # Of the class keys in order, those of the same group and a higher level lie side by side.
    step = np.int64((len(FUNCTIONS) + 1) * width)
    low = np.searchsorted(stands, (group[rows] * np.int64(_LEVELS) + people.level[rows] + 2) * step)
    high = np.searchsorted(stands, (group[rows] + 1) * np.int64(_LEVELS) * step)
    found = [_two(*part) for part in _pairs(people, place, rows, candidates, low, high, credited)]
    row, best, cost, margin = (np.concatenate(c) if found else np.zeros(0, np.int64) for c in _turned(found))
    at = np.full(len(rows), -1, dtype=np.int64)
    at[row] = np.arange(len(row))
    mine = at[row_of]
    person, mine = lacking[mine >= 0], mine[mine >= 0]
    chosen = best[mine]
    sure = confident(cost[mine], margin[mine], ~_foreign(people, person, chosen))
    return Suggested(person, chosen, cost[mine], margin[mine], sure)


def _turned(found: list[tuple[Ints, Ints, Ints, Ints]]) -> list[tuple[Ints, ...]]:
    return list(zip(*found, strict=True)) or [()] * 4


def _first_two(kinds: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Keys and people: the first two of each class, in the order of the keys."""
    order = chosen[np.argsort(kinds[chosen], kind="stable")]
    keys = kinds[order]
    third = np.zeros(len(order), dtype=np.bool_)
    third[2:] = keys[2:] == keys[:-2]
    return keys[~third], order[~third]


@dataclass(frozen=True)
class _Credited:
    """What speaks for a candidate beside level and function: person, candidate, credit in millionths."""

    person: Ints
    candidate: Ints
    credit: Ints


def _credits(people: People, able: Flags, lacking: Ints, meetings: Meetings) -> _Credited:
    """Shared meetings of the people looked at with those above them, by person and candidate."""
    looked = np.zeros(len(able), dtype=np.bool_)
    looked[lacking] = True
    person = np.concatenate([meetings.one, meetings.other])
    candidate = np.concatenate([meetings.other, meetings.one])
    together = np.concatenate([meetings.together, meetings.together])
    picked = looked[person] & able[candidate] & (people.level[candidate] > people.level[person])
    picked = np.flatnonzero(picked)
    picked = picked[np.lexsort((candidate[picked], person[picked]))]
    credit = np.minimum(0.5 * np.log1p(together[picked]), MOST_CREDIT)
    return _Credited(person[picked], candidate[picked], millionths(credit))


def _rows(kinds: Ints, lacking: Ints, met: Ints) -> tuple[Ints, Ints]:
    """One person of each class stands for all, except for those who met somebody: they stand for themselves.

    The people who stand for others, in order, and for each person the place of who stands for them.
    """
    alone = np.isin(lacking, met)
    keys = kinds[lacking]
    order = np.lexsort((lacking, keys, alone))
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (keys[order][1:] != keys[order][:-1]) | alone[order][1:]
    row_of = np.empty(len(order), dtype=np.int64)
    row_of[order] = np.cumsum(begins) - 1
    return lacking[order[begins]], row_of


_Part = tuple[Ints, Ints, Ints]


def _pairs(
    people: People, place: Ints, rows: Ints, candidates: Ints, low: Ints, high: Ints, credited: _Credited
) -> Iterator[_Part]:
    """Row, candidate and cost of every pair, some rows at a time."""
    ends = np.cumsum(high - low)
    row_at = np.full(len(place), -1, dtype=np.int64)
    row_at[rows] = np.arange(len(rows))
    # Who met somebody is a row, and met people are looked at with that row.
    met_row = row_at[credited.person]
    order = np.argsort(met_row, kind="stable")
    start = 0
    while start < len(rows):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
        counts = high[start:stop] - low[start:stop]
        row = np.repeat(np.arange(start, stop), counts)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        other = candidates[np.repeat(low[start:stop], counts) + offset]
        mine = order[np.searchsorted(met_row[order], start) : np.searchsorted(met_row[order], stop)]
        met, whom = met_row[mine], credited.candidate[mine]
        # Who was met is taken with the credit, and not a second time without it.
        pair, known = row * np.int64(len(place)) + other, met * np.int64(len(place)) + whom
        at = np.minimum(np.searchsorted(known, pair), max(0, len(known) - 1))
        plain = known[at] != pair if len(known) else np.ones(len(pair), dtype=np.bool_)
        row, other = np.concatenate([row[plain], met]), np.concatenate([other[plain], whom])
        credit = np.concatenate([np.zeros(int(plain.sum()), dtype=np.int64), credited.credit[mine]])
        yield row, other, _cost(people, place, rows[row], other) * MILLION - credit
        start = stop


def _cost(people: People, place: Ints, person: Ints, candidate: Ints) -> Ints:
    """3·|gap - 1| + 2 when the function differs + 1 when the place differs; who leads the whole is at home."""
    gap = people.level[candidate].astype(np.int64) - people.level[person]
    away = (place[person] != place[candidate]) & (place[person] > 0) & (place[candidate] > 0)
    away &= people.function[candidate] != GENERAL
    return np.asarray(GAP * (gap - 1) + FUNCTION * _foreign(people, person, candidate) + PLACE * away)


def _foreign(people: People, person: Ints, candidate: Ints) -> Flags:
    """Whether the functions differ, and the candidate doesn't lead the whole; unknown ones can't be called the same."""
    theirs, own = people.function[candidate], people.function[person]
    return np.asarray(((theirs != own) | (own == 0)) & (theirs != GENERAL))


def _two(row: Ints, other: Ints, cost: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Row, best candidate, its cost, and by how much it beats the second."""
    order = np.argsort(row, kind="stable")
    row, size = row[order], int(other.max(initial=0)) + 1
    begins = np.ones(len(row), dtype=np.bool_)
    begins[1:] = row[1:] != row[:-1]
    at = np.flatnonzero(begins)
    if not len(at):
        return row, row, row, row
    # Cost and place in one number: the least is the cheapest, and of equal ones the first in order.
    key = cost[order] * np.int64(size) + other[order]
    best = np.minimum.reduceat(key, at)
    rest = np.where(key == np.repeat(best, np.diff(np.append(at, len(row)))), _NONE, key)
    second = np.minimum.reduceat(rest, at)
    margin = np.where(second == _NONE, np.int64(MOST_MARGIN * MILLION), second // size - best // size)
    return row[at], best % size, best // size, margin
