"""One language's words for levels, functions and modifiers, read from its TOML file and made ready for matching.

A language code comes in; a Lexicon leaves. Next room: `parser`.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import resources
from itertools import product
from typing import Any, NamedTuple

from connector.insight.titles.phrases import HARD, UNKNOWN, Match, Phrasebook
from connector.insight.titles.words import SHORTEST_HEAD, Spelling, heads, plain

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
# Words of this language are kept once read; the rest of 500,000 titles' words are read again.
_WORDS_KEPT = 1 << 16
_HYPHEN = re.compile(r"(?<![^\W_])([^\W\d_]+)-([^\W\d_]+)(?![^\W_])")


class Told(NamedTuple):
    """A title in a language: its tokens, how much of it is known, and whether it may tell what it must not."""

    tokens: tuple[str, ...]
    known: int
    hot: bool


class Read(NamedTuple):
    """A word in a language; `known` is 2 in full, 1 in part, -2 not at all, 0 for a letter that may be anything."""

    tokens: tuple[str, ...]
    known: int
    hot: bool


# One object, so that a word nobody knows, the most frequent kind, is seen by a glance.
_NOBODY = (UNKNOWN,)
_UNREAD, _LETTER = Read(_NOBODY, -2, False), Read(_NOBODY, 0, False)


@dataclass(eq=False)
class Lexicon:
    """A language, ready for the parser; `kinds` says for each phrase of the level scan what it can be.

    `head_first`: what names the person stands first in a title, and the level of whoever follows is another's.
    """

    language: str
    script: str
    borrows: bool
    letters: frozenset[str]
    head_first: bool
    compounds: str
    spelling: Spelling
    prepositions: frozenset[str]
    joiners: frozenset[str]
    kinds: dict[str, dict[str, int]]
    levels: Phrasebook
    functions: Phrasebook
    function_of: dict[str, str | None]
    weak: frozenset[str]
    individual: frozenset[tuple[str, str]]
    departmental: frozenset[str]
    general: Phrasebook
    not_general: frozenset[str]
    whole: frozenset[str]
    yields: frozenset[str]
    sensitive: Phrasebook
    harmless: frozenset[str]
    bank_words: Phrasebook
    bank_levels: dict[str, int]
    alone_levels: dict[str, int]
    books: tuple[Phrasebook, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what the reading of words asks for."""
        self.books = (self.levels, self.functions, self.general, self.sensitive, self.bank_words)
        self.exact = self.prepositions.union(self.joiners, *(book.words for book in self.books))
        titled = [p for p, k in self.kinds.items() if k.keys() & {"level", "support", "aide"} and " " not in p]
        self._forms = self.spelling.inflected(sorted(self.exact))
        self._heads = self.spelling.inflected(sorted(p for p in titled if "*" not in p))
        known = {"heads": self._heads, "known": self._forms}.get(self.compounds, {})
        self._tails = {head[-SHORTEST_HEAD:] for head in known if len(head) >= SHORTEST_HEAD}
        self._prefixes = tuple(prefix for prefix, _ in self.spelling.prefixes)
        self._stems = Phrasebook([w for book in self.books for w in book.stem_words()])
        self._read_word = lru_cache(_WORDS_KEPT)(self.word)

    def told(self, made: str) -> Told:
        """A plain title's tokens, with every word that stands nowhere in the lexicon made the same."""
        tokens: list[str] = []
        known, hot = 0, False
        if "-" in made and self.compounds == "heads":
            made = _HYPHEN.sub(self._closed, made)
        for word in self.spelling.words(made):
            if word in HARD:
                tokens.append(word)
                continue
            read = self._read_word(word)
            tokens += read.tokens
            known += read.known
            hot = hot or read.hot
        return Told(tuple(tokens), known + self.marked(made), hot)

    def marked(self, made: str) -> bool:
        """Whether a title has a letter that only this language has."""
        return bool(self.letters) and not made.isascii() and not self.letters.isdisjoint(made)

    def is_bank(self, text: str) -> bool:
        """Whether an industry or a title speaks of a bank."""
        return bool(self.bank_words.find(self.told(plain(text)).tokens))

    def _closed(self, found: re.Match[str]) -> str:
        """A compound with a hyphen, in one word where its last part names the work: "IT-Einkauf" is purchasing."""
        front, tail = (self._resolve(self.spelling.fold(w)) for w in found.groups())
        named = any(m.phrase not in self.weak for m in self.functions.find(tail))
        if named and not any(m.start < len(front) < m.end for m in self.functions.find(front + tail)):
            return "".join(found.groups())
        return " ".join(found.groups())

    def word(self, raw: str) -> Read:
        """A word of a plain title in this language."""
        tokens = self._resolve(self.spelling.fold(self.spelling.bare(raw) if "'" in raw else raw))
        if tokens is _NOBODY:
            return _UNREAD if len(raw) > 1 else _LETTER
        missing = tokens.count(UNKNOWN)
        known = 0 if len(raw) == 1 else -2 if missing == len(tokens) else 1 if missing else 2
        return Read(tokens, known, any(self.sensitive.begins(t) for t in tokens))

    def _resolve(self, word: str) -> tuple[str, ...]:
        """The tokens of a word: itself, without an ending, its parts, or unknown."""
        if word in self.exact or (self.compounds and self.sensitive.has_stem(word)):
            return (word,)
        plainest = self._forms.get(word)
        if plainest is not None:
            return (plainest,)
        parts = self._compound(word) if word[-SHORTEST_HEAD:] in self._tails else None
        if parts is not None:
            return parts
        if self._stems.has_stem(word):
            return (word,)
        for prefix, instead in self.spelling.prefixes if word.startswith(self._prefixes) else ():
            if word.startswith(prefix) and len(word) > len(prefix):
                rest = self._resolve(word[len(prefix) :])
                if prefix.endswith("'") or UNKNOWN not in rest:
                    return (*instead.split(), *rest)
        return _NOBODY

    def _compound(self, word: str) -> tuple[str, ...] | None:
        """Front and head of a compound: with `heads` the head names the person, with `known` both parts are known."""
        if self.compounds == "known":
            return next(((f, h) for f, h in heads(word, self._forms) if f in self.exact), None)
        pair = next(heads(word, self._heads), None)
        if pair is None:
            return None
        front, head = pair
        fronts = (front, self._forms.get(front, front), *self.spelling.inflections(front))
        return (next((f for f in fronts if self._says_more(f, head)), UNKNOWN), head)

    def _says_more(self, front: str, head: str) -> bool:
        """Whether the front of a compound counts: not if it is another's level, nor if the head names the work."""
        own = {p for m in self.levels.find([front]) for p in self.kinds[m.phrase]}
        helper = not self.kinds.get(head, {}).keys().isdisjoint({"support", "aide"})
        if "level" in own and not helper:
            return False
        named = [m.phrase for m in self.functions.find([head]) if m.phrase not in self.weak]
        return bool(own) or (not named and bool(self.functions.stems(front)))


def languages() -> list[str]:
    """Languages that have a lexicon file."""
    files = resources.files("connector.insight.titles").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


@cache
def lexicon(language: str) -> Lexicon:
    """Lexicon of a language; ValueError when there is no file for it."""
    if language not in languages():
        raise ValueError(f'languages: no lexicon for "{language}". Known: {", ".join(languages())}')
    return _build(_load(language))


@cache
def _load(language: str) -> dict[str, Any]:
    file = resources.files("connector.insight.titles").joinpath(f"{language}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _build(data: dict[str, Any]) -> Lexicon:
    """A lexicon from its file and from the language whose words it borrows."""
    normalise = data["normalise"]
    spelling = Spelling.of(normalise)
    singles = {p for s in _sources(data, spelling) for p in s.every() if " " not in p and "*" not in p}
    spelling = replace(spelling, plainest=spelling.inflected(sorted(singles)))
    sources = _sources(data, spelling)
    kinds: dict[str, dict[str, int]] = {}
    function_of: dict[str, str | None] = {}
    for source in sources:
        kinds |= source.kinds()
        function_of |= source.functions()
    lists = {name: _gathered(sources, *name.split(".")) for name in _LISTS}
    return Lexicon(
        language=data["language"],
        script=normalise.get("script", "latin"),
        borrows="borrows" in data,
        letters=frozenset(normalise.get("letters", "")),
        head_first=normalise.get("head_first", False),
        compounds=normalise.get("compounds", ""),
        spelling=spelling,
        prepositions=lists["normalise.prepositions"],
        joiners=lists["normalise.joiners"] | {"&"},
        kinds=kinds,
        levels=Phrasebook(kinds),
        functions=Phrasebook(function_of),
        function_of=function_of,
        weak=lists["weak.words"],
        individual=frozenset(product(lists["individual.heads"], lists["individual.fields"])),
        departmental=lists["department.heads"],
        general=Phrasebook(lists["general.words"] | lists["general.not"]),
        not_general=lists["general.not"],
        whole=lists["general.whole"],
        yields=lists["general.yields"],
        sensitive=Phrasebook(lists["sensitive.words"] | lists["sensitive.harmless"]),
        harmless=lists["sensitive.harmless"],
        bank_words=Phrasebook(lists["banks.words"]),
        bank_levels={k: v for s in sources for k, v in s.numbers(s.data["banks"]["levels"]).items()},
        alone_levels={k: v for s in sources for k, v in s.numbers(s.data["alone"]).items()},
    )


def _sources(data: dict[str, Any], spelling: Spelling) -> list["_Phrases"]:
    """The phrases of a file, behind those that it borrows."""
    own = _Phrases(data, spelling, frozenset())
    if "borrows" not in data:
        return [own]
    skipped = frozenset(spelling.phrase(p) for p in data["borrows"]["not"])
    return [_Phrases(_load(data["borrows"]["from"]), spelling, skipped), own]


_LISTS = (
    "normalise.prepositions", "normalise.joiners", "weak.words", "general.words", "general.not", "general.whole",
    "general.yields", "sensitive.words", "sensitive.harmless", "banks.words", "individual.heads", "individual.fields",
    "department.heads",
)  # fmt: skip


@dataclass(frozen=True)
class _Phrases:
    """A file's phrases in one spelling, without those that mean something else in the language that borrows them."""

    data: dict[str, Any]
    spelling: Spelling
    skipped: frozenset[str]

    def of(self, phrases: Sequence[str]) -> list[str]:
        return [p for p in map(self.spelling.phrase, phrases) if p not in self.skipped]

    def numbers(self, table: dict[str, int]) -> dict[str, int]:
        return {self.spelling.phrase(p): n for p, n in table.items()}

    def every(self) -> set[str]:
        """All phrases that the parser looks for."""
        lists = {p for name in _LISTS for p in _gathered([self], *name.split("."))}
        return lists.union(self.kinds(), self.functions())

    def functions(self) -> dict[str, str | None]:
        """The function of each phrase; those under `none` look like a field and name no function."""
        given = self.data["functions"]
        if unknown := set(given) - {*FUNCTIONS, "none"}:
            raise ValueError(f"{self.data['language']}.toml [functions]: unknown function {sorted(unknown)}")
        return {p: None if f == "none" else f for f, phrases in given.items() for p in self.of(phrases)}

    def kinds(self) -> dict[str, dict[str, int]]:
        """What each phrase can be: a level, a modifier, an assistant; `neutral` ones only use up their words."""
        data, kinds = self.data, dict[str, dict[str, int]]()
        for level, phrases in data["levels"].items():
            for phrase in self.of(phrases):
                kinds.setdefault(phrase, {})["level"] = int(level)
        helpers = data["assistants"]
        groups = {**data["modifiers"], "assistant": helpers["words"], "support": helpers["support"]}
        groups |= {"aide": helpers.get("of", []), "neutral": data["neutral"]["words"]}
        groups |= {k: data["neutral"][k] for k in ("only_alone", "never_alone", "never_whole")}
        for kind, phrases in groups.items():
            for phrase in self.of(phrases):
                kinds.setdefault(phrase, {})[kind] = 1
        return kinds


def _gathered(sources: Sequence[_Phrases], section: str, key: str) -> frozenset[str]:
    return frozenset(p for s in sources for p in s.of(s.data.get(section, {}).get(key, [])))


__all__ = ["FUNCTIONS", "HARD", "UNKNOWN", "Lexicon", "Match", "Phrasebook", "Told", "languages", "lexicon"]
