"""One language's words for levels, functions and modifiers, read from its TOML file and made ready for matching.

A language code comes in; a Lexicon leaves. Next room: `parser`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

FUNCTIONS = (
    "finance",
    "it",
    "operations",
    "procurement",
    "sales",
    "marketing",
    "hr",
    "legal",
    "engineering",
    "quality",
    "general",
    "other",
)
_LONGEST_GAP = 4
# A title field of more characters than this is a text; its beginning says enough.
_LONGEST_TITLE = 400
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]*)?|[,/|&;:()\[\]{}•·\n\r+–—]|(?<=\s)-(?=\s)")
_DOTTED = re.compile(r"\b([^\W\d_])\.(?=[^\W\d_]\b)")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+")
# Stands for any word that no list of the lexicon has; no title contains it.
UNKNOWN = "\0"
HARD = frozenset(",/|;:()[]{}•·\n\r+–—-")


@dataclass(frozen=True)
class Match:
    """One phrase found in a title: tokens[start:end], as the lexicon writes it."""

    start: int
    end: int
    phrase: str


class Phrasebook:
    """Finds phrases in a list of tokens, the longest first at each place; `*` stands for one to four tokens."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for phrase in phrases:
            words = tuple(phrase.split())
            self._by_first.setdefault(words[0], []).append((words, phrase))
        self.words = frozenset(w for places in self._by_first.values() for words, _ in places for w in words) - {"*"}

    def find(self, tokens: list[str]) -> list[Match]:
        """Phrases from left to right that don't overlap."""
        found, at = [], 0
        while at < len(tokens):
            best = self._longest(tokens, at) if tokens[at] in self._by_first else None
            if best is not None:
                found.append(best)
            at = best.end if best else at + 1
        return found

    def _longest(self, tokens: list[str], at: int) -> Match | None:
        best: Match | None = None
        for words, phrase in self._by_first[tokens[at]]:
            end = _reach(tokens, at, words)
            if end and (best is None or end > best.end):
                best = Match(at, end, phrase)
        return best


def _reach(tokens: list[str], at: int, words: tuple[str, ...]) -> int:
    """Where the phrase ends when it stands at this place, else 0."""
    for number, word in enumerate(words):
        if word == "*":
            gap = tokens[at : at + _LONGEST_GAP + 1]
            last = words[number + 1]
            if last not in gap[1:] or HARD & set(gap[: gap.index(last, 1)]):
                return 0
            at += gap.index(last, 1)
        elif at >= len(tokens) or tokens[at] != word:
            return 0
        else:
            at += 1
    return at


@dataclass(frozen=True)
class Lexicon:
    """A language, ready for the parser; `kinds` says for each phrase of the level scan what it can be."""

    language: str
    replace: dict[int, str]
    possessive: tuple[str, ...]
    prepositions: frozenset[str]
    joiners: frozenset[str]
    kinds: dict[str, dict[str, int]]
    levels: Phrasebook
    functions: Phrasebook
    function_of: dict[str, str]
    general: Phrasebook
    not_general: frozenset[str]
    sensitive: Phrasebook
    harmless: frozenset[str]
    bank_words: Phrasebook
    bank_levels: dict[str, int]
    alone_levels: dict[str, int]

    def tokens(self, text: str) -> list[str]:
        """Words and separators of a title, in one spelling; marks that steer writing direction and emoji fall away."""
        plain = text[:_LONGEST_TITLE].casefold()
        if not plain.isascii():
            plain = unicodedata.normalize("NFKC", plain).casefold()
            plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
        plain = plain.translate(self.replace)
        if "." in plain or ":" in plain:
            plain = _DOTTED.sub(r"\1", _ADDRESS.sub(" ", plain))
        return [self._bare(t) if "'" in t else t for t in _WORD.findall(plain)]

    def known(self, tokens: list[str]) -> list[str]:
        """The tokens with every word that stands nowhere in the lexicon made the same."""
        return [t if t in self.vocabulary or t in HARD else UNKNOWN for t in tokens]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word that the parser asks for."""
        books = (self.levels, self.functions, self.general, self.sensitive, self.bank_words)
        return self.prepositions.union(self.joiners, *(book.words for book in books))

    def _bare(self, token: str) -> str:
        return next((token.removesuffix(p) for p in self.possessive if token.endswith(p)), token)

    def is_bank(self, text: str) -> bool:
        """Whether an industry or a title speaks of a bank."""
        return bool(self.bank_words.find(self.tokens(text)))


def languages() -> list[str]:
    """Languages that have a lexicon file."""
    files = resources.files("connector.insight.titles").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


@cache
def lexicon(language: str) -> Lexicon:
    """Lexicon of a language; ValueError when there is no file for it."""
    if language not in languages():
        raise ValueError(f'languages: no lexicon for "{language}". Known: {", ".join(languages())}')
    file = resources.files("connector.insight.titles").joinpath(f"{language}.toml")
    return _build(tomllib.loads(file.read_text(encoding="utf-8")))


def _build(data: dict[str, Any]) -> Lexicon:
    kinds = _kinds(data)
    function_of = {p: f for f, phrases in data["functions"].items() for p in phrases}
    if unknown := set(data["functions"]) - set(FUNCTIONS):
        raise ValueError(f"{data['language']}.toml [functions]: unknown function {sorted(unknown)}")
    sensitive = data["sensitive"]
    return Lexicon(
        language=data["language"],
        replace=str.maketrans(data["normalise"]["replace"]),
        possessive=tuple(data["normalise"]["possessive"]),
        prepositions=frozenset(data["normalise"]["prepositions"]),
        joiners=frozenset({"&", *data["normalise"]["joiners"]}),
        kinds=kinds,
        levels=Phrasebook(kinds),
        functions=Phrasebook(function_of),
        function_of=function_of,
        general=Phrasebook([*data["general"]["words"], *data["general"]["not"]]),
        not_general=frozenset(data["general"]["not"]),
        sensitive=Phrasebook([*sensitive["words"], *sensitive["harmless"]]),
        harmless=frozenset(sensitive["harmless"]),
        bank_words=Phrasebook(data["banks"]["words"]),
        bank_levels=data["banks"]["levels"],
        alone_levels=data["alone"],
    )


def _kinds(data: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What each phrase can be: a level, a modifier, an assistant; `neutral` ones only use up their words."""
    kinds: dict[str, dict[str, int]] = {}
    for level, phrases in data["levels"].items():
        for phrase in phrases:
            kinds.setdefault(phrase, {})["level"] = int(level)
    groups = {**data["modifiers"], "assistant": data["assistants"]["words"], "support": data["assistants"]["support"]}
    groups |= {"neutral": data["neutral"]["words"]}
    groups |= {k: data["neutral"][k] for k in ("only_alone", "never_alone")}
    for kind, phrases in groups.items():
        for phrase in phrases:
            kinds.setdefault(phrase, {})[kind] = 1
    return kinds
