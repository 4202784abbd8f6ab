"""The titles that people labelled by hand, and how many of them the lexicons read as labelled.

`insight/titles_golden.csv` comes in; shares read right leave, for benchmarks/titles.py and the test.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.insight.titles.lexicon import Lexicon, languages, lexicon
from connector.insight.titles.parser import Meaning, read_title
from connector.insight.titles.words import plain

FILE = Path(__file__).parent / "insight" / "titles_golden.csv"
COLUMNS = ("language", "title", "level", "function", "former", "acting", "deputy", "assistant", "trap")
MODIFIERS = ("former", "acting", "deputy", "assistant")
LANGUAGES = ("en", "de", "fr", "es", "ru", "fa", "ar")
# Share of titles, not in a lexicon word for word, whose level and function are to be read as labelled.
LEVEL_AIM, FUNCTION_AIM = 0.95, 0.92


@dataclass(frozen=True)
class Golden:
    """A title, what a careful native speaker understands, and what makes it hard."""

    language: str
    title: str
    meant: Meaning
    traps: tuple[str, ...]


@dataclass(frozen=True)
class Read:
    """A golden title, what it was read as, and whether a lexicon holds the whole title as one phrase."""

    golden: Golden
    told: Meaning
    verbatim: bool

    @property
    def level_right(self) -> bool:
        """Whether the level is as labelled; unknown is a level too."""
        return self.told.level == self.golden.meant.level

    @property
    def function_right(self) -> bool:
        """Whether the function is as labelled; unknown is a function too."""
        return self.told.function == self.golden.meant.function

    @property
    def modifiers_right(self) -> bool:
        """Whether former, acting, deputy and assistant are as labelled."""
        return all(getattr(self.told, m) == getattr(self.golden.meant, m) for m in MODIFIERS)


@dataclass(frozen=True)
class Score:
    """How many titles there are, and the shares read right."""

    n: int
    level: float
    function: float
    modifiers: float

    @property
    def reached(self) -> bool:
        """Whether both aims are reached."""
        return self.level >= LEVEL_AIM and self.function >= FUNCTION_AIM


def raw() -> list[dict[str, str]]:
    """Rows of the file as they are written."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def golden() -> list[Golden]:
    """All labelled titles, in the file's order."""
    return [Golden(r["language"], r["title"], _meant(r), tuple(r["trap"].split())) for r in raw()]


def _meant(row: dict[str, str]) -> Meaning:
    return Meaning(
        level=int(row["level"]) if row["level"] else None,
        function=row["function"] or None,
        **{name: row[name] == "1" for name in MODIFIERS},
    )


def read(titles: Iterable[Golden], order: Sequence[str] = ()) -> list[Read]:
    """Every title as read with all lexicons there are: in this order, or the title's own language first."""
    books = {language: lexicon(language) for language in languages()}
    done = []
    for title in titles:
        first = order or (title.language,)
        names = [n for n in first if n in books] + [n for n in books if n not in first]
        told = read_title(title.title, [books[n] for n in names])
        done.append(Read(title, told, any(_holds(b, title.title) for b in books.values())))
    return done


def _holds(book: Lexicon, title: str) -> bool:
    """Whether the whole title is one phrase of the lexicon, written out."""
    tokens = book.told(plain(title)).tokens
    parts = (book.levels, book.functions, book.general, book.sensitive)
    return any(m.end - m.start == len(tokens) and "*" not in m.phrase for part in parts for m in part.find(tokens))


def score(done: Sequence[Read]) -> Score:
    """Shares read right; of no titles, all."""
    n = len(done)
    right = [sum(getattr(r, f"{name}_right") for r in done) for name in ("level", "function", "modifiers")]
    return Score(n, *(count / n if n else 1.0 for count in right))
