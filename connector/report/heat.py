"""The whitespace of many accounts at a glance: accounts by product family, a sign for the state of each cell.

Accounts with their whitespace cells come in; a Heat leaves, for the template `heat.html`. Letters and signs tell the
states without colour, and any state a result may have is drawn. Next room: `pages`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.report.plot import shortened

Row = Mapping[str, Any]
MOST_ROWS, MOST_FAMILIES = 50, 25
# In the order of the legend. An idea that is shown has its number instead.
SIGNS = {
    "owned": "■", "lapsed": "◧", "pipeline": "◆", "accepted": "✓", "whitespace": "□", "speculative": "◦", "lost": "✕",
    "competitor": "▲", "in_house": "⌂", "no_need": "⊘", "not_eligible": "–", "unknown": "?",
}  # fmt: skip
# A family of which nothing is recorded at an account.
ABSENT = "unknown"
_LABEL = 120.0  # widest name of a family over its column


@dataclass(frozen=True)
class Cell:
    """One account and family: state, sign, what is told to whoever points, and the range of an idea, if there is one.

    look is the state's class; another for a state we have no colour for.
    """

    family: str
    state: str
    look: str
    sign: str
    sentence: str
    money: str | None
    idea: int


@dataclass(frozen=True)
class Heat:
    """Families with their short names, rows of cells, what the signs mean, and how much was left out."""

    families: Sequence[tuple[str, str]]
    rows: Sequence[tuple[Row, Sequence[Cell]]]
    legend: Mapping[str, tuple[str, str]]
    left_out_rows: int = 0
    left_out_families: int = 0

    @property
    def ideas(self) -> bool:
        """Whether an idea is among the cells."""
        return any(cell.idea for _, cells in self.rows for cell in cells)

    @property
    def short(self) -> Sequence[str]:
        """What short names stand for."""
        return [f"{short} = {name}" for name, short in self.families if name != short]

    @property
    def ranges(self) -> Sequence[tuple[Row, Sequence[Cell]]]:
        """What each account's ideas could bring, those shown as ideas first."""
        worth = [(row, [cell for cell in cells if cell.money]) for row, cells in self.rows]
        return [(row, sorted(cells, key=lambda c: (not c.idea, c.idea))) for row, cells in worth if cells]


Money = Callable[[int | None], str | None]


def families(cells: Iterable[Row]) -> list[str]:
    """Product families of these cells, those that most accounts have first."""
    owned, seen = Counter[str](), Counter[str]()
    for cell in cells:
        owned[cell["family"]] += cell["state"] == "owned"
        seen[cell["family"]] += 1
    return sorted(seen, key=lambda f: (-owned[f], -seen[f], f))


def heat(
    accounts: Sequence[tuple[Row, Sequence[Row]]], columns: Sequence[str], words: Mapping[str, Any], money: Money
) -> Heat:
    """The heat map of accounts with their cells; `words` are those of the report."""
    chosen = columns[:MOST_FAMILIES]
    rows = []
    for account, cells in accounts[:MOST_ROWS]:
        found = {cell["family"]: cell for cell in cells}
        rows.append((account, [_cell(family, found.get(family), words, money) for family in chosen]))
    states = {cell.state for _, cells in rows for cell in cells}
    order = [s for s in SIGNS if s in states] + sorted(states - set(SIGNS))
    return Heat(
        [(family, shortened(family, _LABEL)) for family in chosen],
        rows,
        {state: (_sign(state), state_words(state, words)) for state in order},
        max(len(accounts) - MOST_ROWS, 0),
        len(columns) - len(chosen),
    )


def state_words(state: str, words: Mapping[str, Any]) -> str:
    """A state in words; one without any by its own name."""
    return str(words["state"].get(state) or words["heat"].get(state) or state.replace("_", " "))


def span(cell: Row, words: Mapping[str, Any], money: Money) -> str | None:
    """What a cell could bring a year, low to high; None where that is unknown."""
    low, high = money(cell["low_minor"]), money(cell["high_minor"])
    return None if low is None or high is None else str(words["heat"]["range"].format(low=low, high=high))


def _cell(family: str, cell: Row | None, words: Mapping[str, Any], money: Money) -> Cell:
    state = ABSENT if cell is None else str(cell["state"])
    worth = span(cell, words, money) if cell is not None else None
    told = state_words(state, words)
    if worth:
        told = words["heat"]["worth"].format(state=told, range=worth)
    idea = int(cell["shown"] or 0) if cell is not None else 0
    sentence = words["heat"]["cell"].format(family=family, state=told)
    look = state if state in SIGNS else "other"
    return Cell(family, state, look, str(idea) if idea else _sign(state), sentence, worth, idea)


def _sign(state: str) -> str:
    return SIGNS.get(state) or state[:1].upper()
