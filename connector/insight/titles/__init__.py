"""Job titles to level and function: the first insight.

`contact.title`, `account.industry` and the titles of our own people come in; the table `contact_title` leaves, one row
per contact that may be profiled, and `user_title` with the levels of ours. Every distinct title is read once, so the
number of contacts costs only a join. Next room: `relationship`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from connector.insight.steps import run_steps
from connector.insight.titles.lexicon import Lexicon, languages, lexicon
from connector.insight.titles.parser import Meaning, Seen, read_title
from connector.schema import Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of the reading of job titles."""

    languages: tuple[str, ...] = field(
        default=("en", "de", "fr", "es", "ru", "fa", "ar"),
        metadata={"meaning": "Languages the titles are in, the most frequent first."},
    )

    def __post_init__(self) -> None:
        """Refuse languages without a lexicon."""
        if not self.languages:
            raise ValueError(f"languages: give at least one of {', '.join(languages())}")
        for language in self.languages:
            if language not in languages():
                raise ValueError(f'languages: no lexicon for "{language}". Known: {", ".join(languages())}')


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `contact_title`: level (NULL when unknown), function, former, acting, deputy and assistant per contact."""
    lexicons = [lexicon(language) for language in settings.languages]
    _load_meanings(engine, context, lexicons)
    found = engine.arrays("SELECT DISTINCT industry FROM account WHERE industry IS NOT NULL")["industry"]
    banks = sorted({str(i) for i in found if any(x.is_bank(str(i)) for x in lexicons)})
    engine.load("bank_industry", {"industry": np.array(banks, dtype=object)})
    run_steps(engine, "titles/titles", {"as_of": context.as_of})
    _load_users(engine, lexicons)


def _load_meanings(engine: Engine, context: Context, lexicons: Sequence[Lexicon]) -> None:
    """Make `title_meaning` from the distinct titles of contacts that may be profiled."""
    run_steps(engine, "titles/distinct", {"as_of": context.as_of})
    titles = [str(t) for t in engine.arrays("SELECT title FROM distinct_title ORDER BY title")["title"]]
    seen: dict[Seen, Meaning] = {}
    meanings = [read_title(t, lexicons, seen) for t in titles]
    engine.load(
        "title_meaning",
        {
            "title": np.array(titles, dtype=object),
            "function": np.array([m.function for m in meanings], dtype=object),
            **{name: _levels(meanings, name) for name in ("level", "bank_level", "alone_level")},
            **{name: _flags(meanings, name) for name in ("former", "acting", "deputy", "assistant")},
        },
    )


def _load_users(engine: Engine, lexicons: Sequence[Lexicon]) -> None:
    """Make `user_title`: what level the titles of our own people tell."""
    found = engine.arrays("SELECT DISTINCT title FROM crm_user WHERE title IS NOT NULL ORDER BY title")["title"]
    titles = [str(t) for t in found]
    meanings = [read_title(t, lexicons) for t in titles]
    engine.load("user_title", {"title": np.array(titles, dtype=object), "level": _levels(meanings, "level")})


def _levels(meanings: Sequence[Meaning], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    given = [getattr(m, name) for m in meanings]
    return np.array([np.nan if v is None else float(v) for v in given], dtype=np.float64)


def _flags(meanings: Sequence[Meaning], name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([int(getattr(m, name)) for m in meanings], dtype=np.int64)
