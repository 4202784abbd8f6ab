"""The whale curve: how much of all value the most valuable accounts bring together.

The accounts' values come in, falling; a line and the figures to say about it leave, for the template `charts.html`.
Source: methods, section 1.3 (Pareto classes). Next room: `pages`.
"""

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
    """Lay out the curve of values that fall; None when they don't sum to something above zero."""
    total = sum(worth)
    if total <= 0:
        return None
    shares = [0.0, *(s * 100 / total for s in accumulate(worth))]
    # Steps of 20 %, or of more when losses make the curve rise far above 100 %.
    step = 20 * max(1, round(max(shares) / 200))
    low, high = 0, max(100, -(-int(max(shares)) // step) * step)
    area = Area(width=760, height=300, left=52, top=14, right=746, bottom=252, low=low, high=high)
    most = next(i for i, share in enumerate(shares) if share >= 80)
    count = len(worth)
    picked = sorted({round(i * count / _POINTS) for i in range(_POINTS + 1)} | {most})
    return Curve(
        area,
        " ".join(f"{area.x(i, count)},{area.y(shares[i])}" for i in picked),
        [(area.y(t), t) for t in range(low, high + 1, step)],
        (area.x(most, count), area.y(shares[most])),
        count,
        most,
        sum(w < 0 for w in worth),
        -sum(w for w in worth if w < 0) / total,
    )
