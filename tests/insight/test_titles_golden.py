"""Job titles labelled by hand: the file is sound, and each language is read as well as promised."""

from collections import Counter

import pytest
from golden import COLUMNS, FUNCTION_AIM, LANGUAGES, LEVEL_AIM, MODIFIERS, golden, raw, read, score

from connector.insight.titles.lexicon import FUNCTIONS, languages
from connector.insight.titles.parser import NOTHING

# The traps of methods, section 3.2, and the languages they must stand in.
TRAPS = {
    "product-owner": set(LANGUAGES),
    "lead-generation": set(LANGUAGES),
    "headhunter": set(LANGUAGES),
    "executive-assistant": set(LANGUAGES),
    "partner": set(LANGUAGES),
    "sensitive": set(LANGUAGES),
    "several": set(LANGUAGES),
    "account-executive": {"en", "de", "fr", "es", "ru", "ar"},
    "chief-of-staff": {"en", "fr", "es", "ru"},
    "bank-vp": {"en", "de", "fr", "es", "ru", "ar"},
    "managing-director": {"en"},
    "ru-manager": {"ru"},
    "fa-vp": {"fa"},
    "fa-deputy": {"fa"},
    "zwnj": {"fa"},
    "tatweel": {"fa", "ar"},
    "letters": {"fa", "ar"},
}


def test_the_golden_file_is_well_formed() -> None:
    rows = raw()
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) >= 1200
    wrong = [
        r
        for r in rows
        if r["language"] not in LANGUAGES
        or r["level"] not in {"", "0", "1", "2", "3", "4", "5"}
        or r["function"] not in {"", *FUNCTIONS}
        or any(r[m] not in {"0", "1"} for m in MODIFIERS)
        or r["title"].strip() != r["title"]
        or not r["title"]
    ]
    assert wrong == []
    assert [t for t, n in Counter((r["language"], r["title"].casefold()) for r in rows).items() if n > 1] == []


def test_no_language_of_the_golden_file_is_short_or_dwells_on_one_level() -> None:
    for language in LANGUAGES:
        levels = Counter(g.meant.level for g in golden() if g.language == language)
        assert levels.total() >= 180, language
        assert max(levels.values()) <= levels.total() / 4, language


def test_every_trap_stands_in_the_golden_file() -> None:
    found: dict[str, set[str]] = {}
    for g in golden():
        for trap in g.traps:
            found.setdefault(trap, set()).add(g.language)
    assert {t: missing for t, wanted in TRAPS.items() if (missing := wanted - found.get(t, set()))} == {}


def test_sensitive_titles_are_labelled_with_nothing() -> None:
    sensitive = [g for g in golden() if "sensitive" in g.traps]
    assert len(sensitive) >= 25
    assert [g.title for g in sensitive if g.meant != NOTHING] == []


def test_not_one_sensitive_title_of_a_language_with_a_lexicon_tells_anything() -> None:
    sensitive = [g for g in golden() if "sensitive" in g.traps and g.language in languages()]
    assert [(r.golden.title, r.told) for r in read(sensitive) if r.told != NOTHING] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_no_lexicon_has_word_for_word_are_read_as_well_as_promised(language: str) -> None:
    assert language in languages()
    new = [r for r in read(g for g in golden() if g.language == language) if not r.verbatim]
    reached = score(new)
    assert reached.level >= LEVEL_AIM, [(r.golden.title, r.told.level) for r in new if not r.level_right]
    assert reached.function >= FUNCTION_AIM, [(r.golden.title, r.told.function) for r in new if not r.function_right]
