"""The whale curve: how much of all value the most valuable accounts bring together, and what the others cost again.

The accounts' values come in, falling; a line and the figures to say about it leave, for the template `charts.html`.
All value is that of the accounts above zero, as the Pareto classes have it. Source: methods, section 1.3. Next room:
`pages`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from connector.report.plot import Area

_POINTS = 240  # enough for a smooth line, however many accounts there are


@dataclass(frozen=True)
class Curve:
    """The drawing and its words: `most` accounts bring 80 %, `losing` ones take `loss` (a share) away again."""

    area: Area
    line: str
    ticks: Sequence[tuple[float, int]]
    mark: tuple[float, float]
    accounts: int
    most: int
    losing: int
    loss: float


def curve(worth: Sequence[int]) -> Curve | None:
    """Lay out the curve of values that fall; None when none is above zero."""
    gain = sum(w for w in worth if w > 0)
    if gain <= 0:
        return None
    shares = [0.0, *(s * 100 / gain for s in accumulate(worth))]
    ticks = _ticks(min(shares))
    area = Area(760, 300, left=66, top=14, right=746, bottom=252, across=(0, len(worth)), up=(ticks[0], 100))
    most = next(i for i, share in enumerate(shares) if share >= 80)
    count = len(worth)
    # The mark and the summit are always among the points: the line must run through them.
    summit = sum(w > 0 for w in worth)
    picked = sorted({round(i * count / _POINTS) for i in range(_POINTS + 1)} | {most, summit})
    return Curve(
        area,
        " ".join(f"{area.x(i)},{area.y(shares[i])}" for i in picked),
        [(area.y(t), t) for t in ticks],
        (area.x(most), area.y(shares[most])),
        count,
        most,
        sum(w < 0 for w in worth),
        -sum(w for w in worth if w < 0) / gain,
    )


def _ticks(least: float) -> list[int]:
    """From the figure below the curve's end up to 100 as far as their texts have room: at most a dozen."""
    step = 20 if least > -100 else 50 if least > -400 else 100 * math.ceil(-least / 1000)
    below = range(-step * math.ceil(max(-least, 0) / step), 0, step)
    return [*below, *range(0, 101, step)]
