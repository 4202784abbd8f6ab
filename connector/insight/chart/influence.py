"""Who weighs most in each chart: a rank, and only within the account.

The chart and shared meetings come in, a rank per person leaves: by PageRank over reporting lines and meetings where
at least eight people are known, by level below that. Methods, section 3.1. Next room: `coverage`.
"""

import numpy as np

from connector.insight.arrays import Floats, Ints, millionths
from connector.insight.chart.lines import Lines, People
from connector.insight.chart.suggest import Meetings

SMALL = 8
_DAMPING = 0.85
_MEETING = 0.3
_ROUNDS = 30


def ranks(people: People, lines: Lines, meetings: Meetings) -> Ints:
    """Rank of each person who is still there within the account, 1 for the first; 0 for those who left."""
    here = np.flatnonzero(people.present)
    order = here[
        np.lexsort((here, -people.level[here], -_weights(people, lines, meetings)[here], people.account[here]))
    ]
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = people.account[order][1:] != people.account[order][:-1]
    start = np.flatnonzero(begins)
    made = np.zeros(len(people.account), dtype=np.int32)
    made[order] = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order)))) + 1
    return made


def _weights(people: People, lines: Lines, meetings: Meetings) -> Ints:
    """Weight in millionths of each person's share of the account; 0 for everyone in a small chart.

    A walker steps from a report to the manager, or, less readily, to someone met; now and then it starts anew
    anywhere in the account. All accounts are walked at once: none has a line into another one here.
    """
    account = people.account
    size = np.bincount(account[people.present], minlength=len(people.root))
    inside = people.present & (size[account] >= SMALL)
    node = np.flatnonzero(inside)
    if not len(node):
        return np.zeros(len(account), dtype=np.int64)
    begin, end, weight = _edges(people, lines, meetings, inside)
    place = np.zeros(len(account), dtype=np.int64)
    place[node] = np.arange(len(node))
    begin, end = place[begin], place[end]
    # Accounts lie side by side: numbered anew, so that sums have no holes.
    team = np.cumsum(np.diff(account[node], prepend=account[node[0]]) != 0)
    each = 1.0 / np.bincount(team)[team]
    out = np.bincount(begin, weight, minlength=len(node))
    flow, stuck = weight / out[begin], out == 0
    share: Floats = each.copy()
    for _ in range(_ROUNDS):
        # Whoever leads nowhere starts anew.
        lost = np.bincount(team, share * stuck)[team] * each
        share = (1.0 - _DAMPING) * each + _DAMPING * (np.bincount(end, share[begin] * flow, minlength=len(node)) + lost)
    made = np.zeros(len(account), dtype=np.int64)
    made[node] = millionths(share)
    return made


def _edges(people: People, lines: Lines, meetings: Meetings, inside: np.ndarray) -> tuple[Ints, Ints, Floats]:
    """Steps a walker may take: from, to and weight."""
    report = np.flatnonzero(inside & lines.known)
    report = report[people.account[report] == people.account[lines.manager[report]]]
    met = inside[meetings.one] & inside[meetings.other]
    one, other = meetings.one[met], meetings.other[met]
    begin = np.concatenate([report, one, other])
    end = np.concatenate([lines.manager[report], other, one])
    return begin, end, np.where(np.arange(len(begin)) < len(report), 1.0, _MEETING)
