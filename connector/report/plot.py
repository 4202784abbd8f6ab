"""A drawing area: from figures to the places where they are drawn, and how wide a text will be.

Figures come in, places in the drawing's own units leave. Next rooms: `scatter` and `curve`.
"""

import unicodedata
from dataclasses import dataclass

SIZE = 11.0  # of the letters in a drawing


@dataclass(frozen=True)
class Area:
    """The inner rectangle of a drawing and the figures at its edges."""

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    across: tuple[float, float] = (0.0, 100.0)
    up: tuple[float, float] = (0.0, 100.0)

    def x(self, figure: float) -> float:
        """Place of a figure on the way to the right."""
        low, high = self.across
        return round(self.left + (self.right - self.left) * (figure - low) / (high - low), 1)

    def y(self, figure: float) -> float:
        """Place of a figure on the way up."""
        low, high = self.up
        return round(self.bottom - (self.bottom - self.top) * (figure - low) / (high - low), 1)


@dataclass(frozen=True)
class Box:
    """A rectangle, by two corners."""

    x0: float
    y0: float
    x1: float
    y1: float

    def meets(self, other: "Box") -> bool:
        """Whether the two share any room."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


def _wide(letter: str) -> float:
    """Letters a letter counts for: marks none, east Asian ones and emoji two."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    return 2.0 if unicodedata.east_asian_width(letter) in "WF" else 1.0


def room(text: str) -> float:
    """Width a text takes at the most, in the usual sans-serif letters."""
    return sum(_wide(letter) for letter in text) * SIZE * 0.56


def shortened(text: str, most: float) -> str:
    """The text cut to this width, with an ellipsis when something was cut."""
    if room(text) <= most:
        return text
    kept = ""
    for letter in text:
        if room(kept + letter + "…") > most:
            break
        kept += letter
    return kept.rstrip() + "…"
