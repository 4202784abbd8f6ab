"""The chart itself: which reporting lines hold, where loops are cut, how deep and wide it is.

People in whole numbers come in, the lines that hold and figures per account leave. Looking twice as far ahead in each
round reaches the top of any chart in about log2(people) rounds, however the lines run. Next room: `suggest`.
"""

from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import Flags, Ints

DIRECTOR = 3


@dataclass(frozen=True)
class People:
    """Everyone, account by account, in the order that settles ties; root and country are the accounts' own.

    level -1, function 0, department 0, country 0: unknown. manager: -1 for none, else whom the CRM names.
    """

    account: Ints
    level: Ints
    function: Ints
    department: Ints
    present: Flags
    assistant: Flags
    created: Ints
    manager: Ints
    root: Ints
    country: Ints


@dataclass(frozen=True)
class Lines:
    """The lines that hold: manager (-1: none), the topmost person above each, layers down to each (1: at the top).

    known: the manager is one who is still there. cut: a line of a loop that was left out.
    """

    manager: Ints
    top: Ints
    layer: Ints
    known: Flags
    cut: Flags

    def figures(self, people: People) -> dict[str, Ints]:
        """Figures of every account, each at the account's number.

        People and with_manager count those who are still there; orphans sit below director and have no such manager;
        ghosts have left, but people still report to them; loops are lines cut.
        """
        size, here, reports = len(people.root), people.present, self.manager >= 0
        lonely = here & ~self.known & (people.level >= 0) & (people.level < DIRECTOR)
        below = np.bincount(self.manager[reports & here], minlength=len(here))
        ghosts = ~here & (below > 0)
        depth, span = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        np.maximum.at(depth, people.account[here], self.layer[here])
        np.maximum.at(span, people.account[here], below[here])

        def counted(chosen: Flags) -> Ints:
            return np.bincount(people.account[chosen], minlength=size)

        return {
            "people": counted(here),
            "with_manager": counted(here & self.known),
            "depth": depth,
            "span": span,
            "orphans": counted(lonely),
            "ghosts": counted(ghosts),
            "loops": counted(self.cut),
        }


def charted(people: People) -> Lines:
    """Lines that hold: nobody is their own manager, managers belong to the same group, each loop is cut once."""
    manager = people.manager.copy()
    own = np.flatnonzero(manager >= 0)
    group = people.root[people.account]
    manager[own[(manager[own] == own) | (group[manager[own]] != group[own])]] = -1
    cut = np.zeros(len(manager), dtype=np.bool_)
    cut[_least_plausible(people, manager)] = True
    manager[cut] = -1
    top, layer = _upwards(manager)
    known = (manager >= 0) & people.present[manager]
    return Lines(manager, top, layer, known, cut)


def _least_plausible(people: People, manager: Ints) -> Ints:
    """Of each loop the person whose line is cut.

    The one whose manager stands lowest below them, then the one recorded first, then the first in order. Not the
    record altered longest ago: what we write there alters it, and tomorrow another line would be cut.
    """
    looped = _looped(manager)
    if not len(looped):
        return looped
    place = np.zeros(len(manager), dtype=np.int64)
    place[looped] = np.arange(len(looped))
    ahead = place[manager[looped]]
    first = np.minimum(np.arange(len(looped)), ahead)
    for _ in range(len(looped).bit_length()):
        first = np.minimum(first, first[ahead])
        ahead = ahead[ahead]
    level, above = people.level[looped], people.level[manager[looped]]
    # Where a level is unknown, nothing speaks against the line.
    gap = np.where((level < 0) | (above < 0), 0, np.minimum(above - level, 0))
    order = np.lexsort((looped, people.created[looped], gap, first))
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = first[order][1:] != first[order][:-1]
    return looped[order[begins]]


def _looped(manager: Ints) -> Ints:
    """People who stand in a loop, in order: far ahead of whoever never comes to a top there are only those."""
    far = manager.copy()
    active = np.flatnonzero(far >= 0)
    for _ in range(len(manager).bit_length() + 1):
        if not len(active):
            break
        # All at once, and only then stored: each looks as far ahead as the others.
        further = far[far[active]]
        far[active] = further
        active = active[further >= 0]
    return np.unique(far[active])


def _upwards(manager: Ints) -> tuple[Ints, Ints]:
    """The topmost person above each, and the layers from there down; the lines hold no loop."""
    here = np.arange(len(manager), dtype=np.int32)
    far = np.where(manager < 0, here, manager).astype(np.int32)
    layer = (manager >= 0).astype(np.int32)
    active = np.flatnonzero(manager >= 0)
    while len(active):
        steps, further = layer[far[active]], far[far[active]]
        layer[active] += steps
        far[active] = further
        active = active[steps > 0]
    return far, layer + 1
