"""The quadrant as a drawing: a mark for each account, and labels that don't lie on each other.

Rows of the programme come in; marks with their places leave, for the template `charts.html`. Next room: `pages`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.report.plot import SIZE, Area, Box, room, shortened

_LABEL = 160.0  # widest label
_MARK = 6.0  # half the size of a mark, with a little air
# More labels than these are a grey wall; the tables below the drawing name everyone.
_LABELLED = 40
_TURNS = tuple(math.radians(a) for a in (0, 180, 90, 270, 30, 150, 210, 330, 60, 120, 240, 300))
_REACH = (9.0, 20.0, 34.0, 50.0, 68.0, 88.0)


@dataclass(frozen=True)
class Label:
    """A name beside its mark, from `x` on or (anchor `end`) up to it; `line` runs to it when it stands off."""

    text: str
    x: float
    y: float
    anchor: str
    line: tuple[float, float] | None


@dataclass(frozen=True)
class Mark:
    """One account in the drawing."""

    row: Mapping[str, Any]
    x: float
    y: float
    label: Label | None


@dataclass(frozen=True)
class Scatter:
    """The drawing: marks, the dashed lines, and how many accounts have no place or no label in it."""

    area: Area
    ticks_x: Sequence[int]
    ticks_y: Sequence[int]
    marks: Sequence[Mark]
    cut_x: float | None
    cut_y: float | None
    left_out: int
    unlabelled: int


def scatter(rows: Sequence[Mapping[str, Any]], cuts: tuple[float | None, float | None]) -> Scatter:
    """Lay out the accounts whose two sides are known."""
    placed = [r for r in rows if r["attractiveness"] is not None and r["relationship_axis"] is not None]
    attractive, close = cuts
    across = _span([r["relationship_axis"] for r in placed], close)
    up = _span([r["attractiveness"] for r in placed], attractive)
    area = Area(760, 520, left=52, top=14, right=746, bottom=472, across=across, up=up)
    spots = [(area.x(r["relationship_axis"]), area.y(r["attractiveness"])) for r in placed]
    labels = _labels(area, [str(r["name"] or r["id"]) for r in placed], spots)
    marks = [Mark(r, x, y, label) for r, (x, y), label in zip(placed, spots, labels, strict=True)]
    return Scatter(
        area,
        range(across[0], across[1] + 1, 10),
        range(up[0], up[1] + 1, 10),
        marks,
        None if close is None else area.x(close),
        None if attractive is None else area.y(attractive),
        len(rows) - len(placed),
        sum(m.label is None for m in marks),
    )


def _span(figures: Sequence[float], cut: float | None) -> tuple[int, int]:
    """Tens around the figures and the cut, at least forty of them: the best stand close together at one corner."""
    figures = [*figures, *([] if cut is None else [cut])] or [0.0, 100.0]
    low, high = math.floor(min(figures) / 10) * 10, math.ceil(max(figures) / 10) * 10
    low = min(low, max(high - 40, 0))
    return low, max(high, low + 40)


def _labels(area: Area, names: Sequence[str], spots: Sequence[tuple[float, float]]) -> list[Label | None]:
    """For each name the first free place around its mark, near ones first; None where there is none."""
    taken = [Box(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in spots]
    made: list[Label | None] = []
    for name, (x, y) in zip(names[:_LABELLED], spots, strict=False):
        text = shortened(name, _LABEL)
        found = next((p for p in _places(area, x, y, room(text)) if not any(p[0].meets(t) for t in taken)), None)
        if found is None:
            made.append(None)
            continue
        box, reach = found
        taken.append(box)
        end, low = box.x1 <= x, round(box.y1 - SIZE * 0.28, 1)
        edge = round(box.x1 - 1 if end else box.x0 + 1, 1)
        made.append(Label(text, edge, low, "end" if end else "start", _line(box, x, y, reach)))
    return made + [None] * (len(names) - len(made))


def _places(area: Area, x: float, y: float, width: float) -> Iterator[tuple[Box, float]]:
    """Rectangles around a mark within the drawing, from near to far."""
    width, height = width + 2, SIZE * 1.15
    for reach in _REACH:
        for turn in _TURNS:
            middle_x = x + math.cos(turn) * (reach + width / 2)
            middle_y = y + math.sin(turn) * (reach + height / 4)
            box = Box(middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2)
            if box.x0 >= area.left and box.x1 <= area.right and box.y0 >= area.top and box.y1 <= area.bottom:
                yield box, reach


def _line(box: Box, x: float, y: float, reach: float) -> tuple[float, float] | None:
    """End of the line from a mark to a label that stands off: the label's nearest point."""
    if reach == _REACH[0]:
        return None
    return round(min(max(x, box.x0), box.x1), 1), round(min(max(y, box.y0), box.y1), 1)
