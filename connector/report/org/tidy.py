"""Where the boxes of a tree go: no two on one place, each above the middle of those below it.

Who stands under whom comes in, as places in a list; columns and layers leave, in units of one box. Next room:
`drawing`.

The layout is Andrew Kennedy's ("Functional pearl: Drawing trees", Journal of Functional Programming 6(3), 1996), which
keeps the rules of Reingold and Tilford (1981): subtrees are packed to the left, then to the right, and stand in the
middle between both, so that the mirrored tree has the mirrored layout and equal subtrees look alike.
"""

from collections.abc import Sequence
from itertools import pairwise

# Of each layer of a subtree: its first and its last column, counted from its root.
Outline = list[tuple[float, float]]


def tidy(above: Sequence[int]) -> list[tuple[float, int]]:
    """Column (0 is the leftmost) and layer (0 is the top) of each box of one tree.

    `above` names for each box the place of the one above it; the first, the root, has -1, and whoever stands above
    others comes before them.
    """
    below = children(above)
    shift = [0.0] * len(above)
    outlines: list[Outline] = [[] for _ in above]
    for at in range(len(above) - 1, -1, -1):
        under = [outlines[n] for n in below[at]]
        places = _middle(under)
        for n, place in zip(below[at], places, strict=True):
            shift[n] = place
            outlines[n] = []
        outlines[at] = [(0.0, 0.0), *_merged(under, places)]
    column, layer = [0.0] * len(above), [0] * len(above)
    for at in range(1, len(above)):
        column[at], layer[at] = column[above[at]] + shift[at], layer[above[at]] + 1
    left = min(column, default=0.0)
    return [(x - left, y) for x, y in zip(column, layer, strict=True)]


def children(above: Sequence[int]) -> list[list[int]]:
    """Places of those right below each box, in order."""
    below: list[list[int]] = [[] for _ in above]
    for at, manager in enumerate(above):
        if manager >= 0:
            below[manager].append(at)
    return below


def hung(above: Sequence[int]) -> list[int]:
    """The same tree with those who lead nobody one under the other, where three or more of them report to one.

    It takes more layers and far fewer columns.
    """
    below = children(above)
    made = list(above)
    for under in below:
        last = [n for n in under if not below[n]]
        if len(last) > 2:
            for upper, lower in pairwise(last):
                made[lower] = upper
    return made


def _middle(under: Sequence[Outline]) -> list[float]:
    """Places of subtrees beside each other, seen from the one above them."""
    left = _packed(under)
    right = _packed([[(-b, -a) for a, b in outline] for outline in reversed(under)])
    return [(a - b) / 2 for a, b in zip(left, reversed(right), strict=True)]


def _packed(under: Sequence[Outline]) -> list[float]:
    """Places of subtrees, each as far left as those before it let it."""
    places: list[float] = []
    edge: list[float] = []
    for outline in under:
        place = max((b - a + 1 for b, (a, _) in zip(edge, outline, strict=False)), default=0.0)
        edge[: len(outline)] = [place + b for _, b in outline]
        places.append(place)
    return places


def _merged(under: Sequence[Outline], places: Sequence[float]) -> Outline:
    made: Outline = []
    for outline, place in zip(under, places, strict=True):
        for layer, (a, b) in enumerate(outline):
            first = made[layer][0] if layer < len(made) else place + a
            made[layer : layer + 1] = [(first, place + b)]
    return made
