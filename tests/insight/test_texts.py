"""The catalogues of the seven languages: all of them say the same things, with the same blanks, and fit a field."""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any
from unicodedata import category, normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import texts
from connector.insight.texts import ISOLATE, LANGUAGES, POP, catalogue
from connector.insight.texts.line import cut, length
from connector.insight.texts.owners import language_of, load_owners
from connector.schema import Context

OTHERS = [language for language in LANGUAGES if language != "en"]
FOLDER = Path(texts.__file__).parent
# Letters of the scripts in which a language is not written.
CYRILLIC, ARABIC = re.compile("[\u0400-\u04ff]"), re.compile("[\u0600-\u06ff]")
LATIN = re.compile("[a-z\u00e0-\u00ff]{2,}")
ALIEN = {"ru": ARABIC, "fa": CYRILLIC, "ar": CYRILLIC}
# What stays as it is in any script.
NAMES = re.compile(r"\{\w+\}|kam[ -]\w+( \w+ ACCOUNT)?|decline|\[privacy\] colleagues = .named.")
# What is filled in may be left out by a language on purpose: language → keys.
FEWER: dict[str, set[str]] = {}


def messages(language: str) -> dict[str, str]:
    """Every message of a language as its file has it, by `section.key`."""
    return dict(_flat(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))))


def _flat(part: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _flat(value, f"{place}.{key}" if place else key)
    else:
        assert isinstance(part, str) and part, place
        yield place, part


def blanks(text: str) -> set[str]:
    """Names in braces; nothing else may stand there."""
    found = [(name, spec, how) for _, name, spec, how in Formatter().parse(text) if name is not None]
    assert all(name.isidentifier() and not spec and not how for name, spec, how in found), text
    return {name for name, _, _ in found}


def test_there_is_a_file_for_each_language_and_for_no_other() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_what_english_says(language: str) -> None:
    english, said = messages("en"), messages(language)
    faults = [f"{language}.toml lacks {key}, in English: {english[key]!r}" for key in english if key not in said]
    faults += [f"{language}.toml has {key}, which en.toml has not" for key in said if key not in english]
    for key in said.keys() & english.keys():
        wanted, found = blanks(english[key]), blanks(said[key])
        right = found <= wanted if key in FEWER.get(language, ()) else found == wanted
        if not right:
            faults.append(f"{language}.toml {key}: fills in {sorted(found)}, English fills in {sorted(wanted)}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_messages_are_composed_lines_in_the_letters_of_their_language(language: str) -> None:
    wrong = []
    for key, text in messages(language).items():
        if normalize("NFC", text) != text or any(category(c) == "Cc" for c in text) or "  " in text:
            wrong.append(f"{key}: not one composed line: {text!r}")
        if any(c.isalpha() for c in text) and text != text.strip():
            wrong.append(f"{key}: blanks around it: {text!r}")
        if text.count(ISOLATE) != text.count(POP):
            wrong.append(f"{key}: an isolate is left open: {text!r}")
        bare = NAMES.sub("", text)
        alien = ALIEN.get(language)
        if (alien and alien.search(bare)) or (alien and key != "report.direction" and LATIN.search(bare)):
            wrong.append(f"{key}: letters of another script: {text!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_knows_its_direction_and_sets_apart_what_is_written_otherwise(language: str) -> None:
    said, rtl = catalogue(language), language in ("fa", "ar")
    assert said["report"]["direction"] == ("rtl" if rtl else "ltr")
    day = said["alert"]["renewal"].format(day="2026-09-04")
    assert (f"{ISOLATE}2026-09-04{POP}" in day) == rtl
    assert (f"{ISOLATE}Pumps (large){POP}" in said["form"]["idea"].format(family="Pumps (large)", evidence="x")) == rtl
    # A bare count is no longer than it has to be.
    assert ISOLATE not in said["coverage"]["counted"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_tells_a_family_apart_and_one_reason_from_the_next_can_be_read_back(language: str) -> None:
    said = catalogue(language)
    assert said["form"]["idea"].partition(": ")[0].strip(f" {ISOLATE}{POP}") == "{family}"
    glue = said["form"]["parts"]
    assert not [key for key, text in messages(language).items() if key.startswith("why.") and glue in text]
    tops = [said["why"]["top"].format(n=n) for n in (3, 10)]
    assert len({*tops, said["why"]["beyond"].format(n=3)}) == 3


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de_DE", "de"), ("fr-CA", "fr"), ("fa", "fa"), ("EN_us", "en"), ("es_419", "es"), (" ar ", "ar"), ("nl_NL", None),
     # Windows' ids: German of Germany and Austria, English, Persian, Arabic of Egypt, Russian, Spanish; Dutch, none.
     ("1031", "de"), ("3079", "de"), ("1033", "en"), ("1065", "fa"), ("3073", "ar"), ("1049", "ru"), ("3082", "es"),
     ("1043", None), ("0", None), ("", None), ("eno", None), ("english", None), ("1031.5", None),
     ("99999999999", None)],
)  # fmt: skip
def test_a_locale_of_either_crm_names_one_of_our_languages_or_none(locale: str, language: str | None) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize("by_owner", [True, False])
def test_an_owner_without_a_language_of_ours_reads_the_configured_one(
    engine_with: Callable[[Any], DuckEngine], *, by_owner: bool
) -> None:
    users = {"U1": "de_DE", "U2": "nl_NL", "U3": None, "U4": None, "U5": "fr"}
    rows = {
        "user": [{"id": i, "locale": locale} for i, locale in users.items()],
        # Dynamics keeps it apart; what stands at the user counts first.
        "user_setting": [{"id": "U4", "locale": "1065"}, {"id": "U5", "locale": "1033"}, {"id": "gone", "locale": "1"}],
    }
    with engine_with(rows) as engine:
        load_owners(engine, Context(0, by_owner=by_owner))
        found = engine.rows("SELECT owner_id, language FROM owner_language ORDER BY owner_id")
    assert found == ([("U1", "de"), ("U4", "fa"), ("U5", "fr")] if by_owner else [])


LETTERS = ("a", " ", "e\u0301", "\u06cc\u0651", "\U0001f469\U0001f3fd", "\U0001f469\u200d\U0001f527", "\u2068b\u2069")


@given(st.lists(st.sampled_from(LETTERS), max_size=30), st.integers(7, 40))
@settings(max_examples=200, deadline=None)
def test_a_cut_keeps_letters_whole_and_closes_what_it_opened(letters: list[str], most: int) -> None:
    kept = cut("".join(letters), most)
    assert length(kept) == len(kept.encode("utf-16-le")) // 2 <= most
    assert kept.count(ISOLATE) == kept.count(POP)
    whole = {_bare("".join(letters[:n])) for n in range(len(letters) + 1)}
    assert _bare(kept) in whole
    # No letter more would have had room: the widest takes five, and a mark around it that has to be closed two.
    assert kept == "".join(letters) or length(kept) > most - 7


def _bare(text: str) -> str:
    return text.replace(ISOLATE, "").replace(POP, "")


def test_a_long_name_is_cut_before_its_mark_and_its_isolate_is_closed() -> None:
    assert cut("abcde\u0301", 5) == "abcd"
    assert cut(f"ab{ISOLATE}cdef{POP}", 5) == f"ab{ISOLATE}c{POP}"
    assert cut("\U0001f469\u200d\U0001f527" * 2, 6) == "\U0001f469\u200d\U0001f527"  # five units each
    assert cut("e" + "\u0301" * 300, 255) == "e" + "\u0301" * 254
