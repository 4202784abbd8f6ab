"""The chart laid out: boxes, lines and headings in the drawing's own units, or indented lists where it is too large.

A Chart and the seats where nobody is known come in; a Drawing or a Listing leaves, for the template
`org_chart.html`. Where the language runs from right to left, the drawing is the mirror image. Next room: `pages`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector.report.org import words
from connector.report.org.people import Chart, Tree
from connector.report.org.tidy import hung, tidy
from connector.report.org.words import Told
from connector.report.plot import shortened

# A box and the room between two; so many beside each other, and a drawing so high, are still readable on one sheet.
WIDE, GAP, COLUMNS = 122.0, 12.0, 7
WIDTH = COLUMNS * (WIDE + GAP) - GAP
HIGHEST = 1250.0
# Height of a line of text, of the edge of a box, of the lines between two layers, and of a heading.
LINE, EDGE, BETWEEN, HEADING = 14.0, 6.0, 34.0, 30.0
# Deeper than this a list is indented no further: it would run out of the page.
DEEPEST = 10

Point = tuple[float, float]
Group = tuple[str, Sequence[Told]]


@dataclass(frozen=True)
class Box:
    """One person or empty seat: the upper left corner, and what is told."""

    x: float
    y: float
    told: Told
    texts: Sequence[str]


@dataclass(frozen=True)
class Line:
    """A reporting line from the manager down; `label`, at its place, says how sure a suggested one is."""

    points: Sequence[Point]
    label: str | None
    place: Point

    @property
    def path(self) -> str:
        """The line as SVG writes it."""
        return "M" + " L".join(f"{x:g} {y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Drawing:
    """Everything with its place; `tall` is the height of each box. Headings: place and text."""

    height: float
    tall: float
    boxes: Sequence[Box]
    lines: Sequence[Line]
    headings: Sequence[tuple[float, float, str]]
    mirrored: bool = False

    @property
    def told(self) -> list[Told]:
        """What is told, box by box."""
        return [box.told for box in self.boxes]


@dataclass(frozen=True)
class Item:
    """One line of a list: whether a deeper list begins under it, else how many end after it."""

    told: Told
    deeper: bool
    ends: int


@dataclass(frozen=True)
class Listing:
    """The chart as lists, each with its heading, which may be empty."""

    parts: Sequence[tuple[str, Sequence[Item]]]

    @property
    def told(self) -> list[Told]:
        """What is told, line by line."""
        return [item.told for _, items in self.parts for item in items]


def drawing(chart: Chart, gaps: Sequence[str], said: Mapping[str, Any]) -> Drawing | Listing | None:
    """The chart as boxes where that is readable, else as lists; None where there is nobody and no gap."""
    t = said["report"]["org"]
    trees = [_told(tree, said) for tree in chart.trees]
    empty: Group = (t["gaps"], [words.gap(slot, said) for slot in gaps])
    alone: Group = (t["alone"], [words.person(who, None, said) for who in chart.alone])
    groups = [group for group in (empty, alone) if group[1]]
    if not trees and not groups:
        return None
    drawn = _drawn(chart.trees, trees, groups)
    if drawn is None:
        return _listing(chart.trees, trees, groups)
    return mirror(drawn) if said["report"]["direction"] == "rtl" else drawn


def mirror(drawn: Drawing) -> Drawing:
    """The drawing as a mirror shows it; what stands in a box stays readable."""
    return replace(
        drawn,
        boxes=[replace(box, x=WIDTH - box.x - WIDE) for box in drawn.boxes],
        lines=[
            replace(line, points=[(WIDTH - x, y) for x, y in line.points], place=(WIDTH - line.place[0], line.place[1]))
            for line in drawn.lines
        ],
        headings=[(WIDTH - x, y, text) for x, y, text in drawn.headings],
        mirrored=not drawn.mirrored,
    )


def _told(tree: Tree, said: Mapping[str, Any]) -> list[Told]:
    over = [None if n < 0 else tree.people[n] for n in tree.above]
    return [words.person(who, manager, said) for who, manager in zip(tree.people, over, strict=True)]


def _drawn(trees: Sequence[Tree], told: Sequence[Sequence[Told]], groups: Sequence[Group]) -> Drawing | None:
    """Trees beside each other as far as there is room, then the groups in rows; None where it gets too large."""
    everything = [*(one for tree in told for one in tree), *(one for _, group in groups for one in group)]
    tall = 2 * EDGE + LINE * max(len(one.lines) for one in everything)
    boxes: list[Box] = []
    lines: list[Line] = []
    headings: list[tuple[float, float, str]] = []
    x = y = below = 0.0
    for tree, tellings in zip(trees, told, strict=True):
        if len(tellings) > COLUMNS * HIGHEST / (tall + BETWEEN):
            return None
        layout = _placed(tree.above)
        columns, layers = (max(place[side] for place in layout.places) + 1 for side in (0, 1))
        if columns > COLUMNS:
            return None
        if x + columns * (WIDE + GAP) - GAP > WIDTH:
            x, y = 0.0, below
        spots = [(x + at * (WIDE + GAP), y + layer * (tall + BETWEEN)) for at, layer in layout.places]
        boxes += [_box(*spot, one) for spot, one in zip(spots, tellings, strict=True)]
        lines += _lines(tree, spots, layout.hanging, tall)
        x, below = x + columns * (WIDE + GAP), max(below, y + layers * (tall + BETWEEN))
    for heading, group in groups:
        headings.append((0.0, below + LINE, heading))
        boxes += [
            _box(n % COLUMNS * (WIDE + GAP), below + HEADING + n // COLUMNS * (tall + GAP), one)
            for n, one in enumerate(group)
        ]
        below = max(box.y for box in boxes) + tall + GAP
    height = max(box.y for box in boxes) + tall
    return None if height > HIGHEST else Drawing(height, tall, boxes, lines, headings)


def _box(x: float, y: float, told: Told) -> Box:
    # The first line is bold, which takes more room.
    first, *more = told.lines
    return Box(x, y, told, [shortened(first, (WIDE - EDGE) * 0.88), *(shortened(line, WIDE - EDGE) for line in more)])


@dataclass(frozen=True)
class _Layout:
    places: Sequence[tuple[float, int]]
    hanging: Sequence[bool]


def _placed(above: Sequence[int]) -> _Layout:
    """The layout of a tree; with boxes under each other, reached from the side, where it would be too wide."""
    places = tidy(above)
    if max(x for x, _ in places) <= COLUMNS - 1:
        return _Layout(places, [False] * len(above))
    changed = hung(above)
    hanging = [new != old for new, old in zip(changed, above, strict=True)]
    for upper in (changed[n] for n, moved in enumerate(hanging) if moved):
        hanging[upper] = True
    return _Layout(tidy(changed), hanging)


def _lines(tree: Tree, spots: Sequence[Point], hanging: Sequence[bool], tall: float) -> Iterator[Line]:
    """From the middle of the manager's lower edge to the upper edge of the report, or to the side of a hanging one."""
    for (x, y), over, hangs, who in zip(spots, tree.above, hanging, tree.people, strict=True):
        if over < 0:
            continue
        begin, bottom = spots[over][0] + WIDE / 2, spots[over][1] + tall
        turn = bottom + BETWEEN / 2
        side, middle = x - GAP / 2, x + WIDE / 2
        end = [(side, turn), (side, y + tall / 2), (x, y + tall / 2)] if hangs else [(middle, turn), (middle, y)]
        label = None if who.sure is None else words.percent(who.sure)
        yield Line([(begin, bottom), (begin, turn), *end], label, (x + 14 if hangs else middle + 5, y - 5))


def _listing(trees: Sequence[Tree], told: Sequence[Sequence[Told]], groups: Sequence[Group]) -> Listing:
    items: list[Item] = []
    for tree, tellings in zip(trees, told, strict=True):
        depth: list[int] = []
        for over in tree.above:
            depth.append(0 if over < 0 else min(depth[over] + 1, DEEPEST))
        after = [*depth[1:], 0]
        items += [Item(one, n > d, max(d - n, 0)) for one, d, n in zip(tellings, depth, after, strict=True)]
    flat = [(heading, [Item(one, deeper=False, ends=0) for one in group]) for heading, group in groups]
    return Listing([("", items), *flat] if items else flat)
