"""The words of a title, in one spelling per language: `plain` for all of them, a `Spelling` for each.

A title comes in; words leave, with endings, articles and compounds taken apart as the language's file says.
Next room: `lexicon`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# A title field of more characters than this is a text; its beginning says enough.
_LONGEST_TITLE = 400
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]*)?|[,/|&;:()\[\]{}•·\n\r+–—،؛]|(?<=\s)-(?=\s)")
_DOTTED = re.compile(r"\b([^\W\d_])\.(?=[^\W\d_]\b)")
# German for those who left office; without the dots they would be field service and investor relations.
_LEFT_OFFICE = re.compile(r"(?<!\w)(?:a\. ?d\.|i\. ?r\.)(?!\w)")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+")
# "(m/w/d)" and its like: anybody may apply.
_ANYBODY = re.compile(
    r"[(\[]?(?<![^\W_])[mwdfhxi](?:\s?[/|,*]\s?[mwdfhxi]){1,3}(?![^\W_])[)\]]?|\(all genders\)|\(gn\)"
)
_SCRIPTS = {
    "cyrillic": re.compile("[\u0400-\u04ff]"),
    "arabic": re.compile("[\u0620-\u064a\u066e-\u06d3]"),
}


class _Marks(dict[int, int | str | None]):
    """Vowel signs, accents without a letter and marks of direction go; other characters stay, each looked up once."""

    def __missing__(self, code: int) -> int | None:
        kept = self[code] = None if unicodedata.category(chr(code)) in ("Cf", "Mn") else code
        return kept


# The half space of Persian parts words; tatweel goes.
_MARKS = _Marks({0x200C: " ", 0x0640: None, ord("’"): "'"})
# Finds them, and any character that is no letter of our languages: what has none of these is not searched one by one.
_MARKED = re.compile(
    "[^\0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u0621-\u063f\u0641-\u064a\u066e\u066f\u0671-\u06d3]"
)
# What may stand between a word and the ending of the other gender.
_BETWEEN = re.compile(r"[(\[]|(?<=\w)[/*:_·•.∙‧-](?=\S)")
SHORTEST_HEAD = 4
_SHORTEST_STEM = 3
_SHORTEST_FRONT = 2


def plain(text: str) -> str:
    """A title in small letters and one form; marks that steer writing direction, vowel signs and emoji fall away."""
    made = text[:_LONGEST_TITLE].casefold()
    if not made.isascii():
        if not unicodedata.is_normalized("NFKC", made):
            made = unicodedata.normalize("NFKC", made).casefold()
        if _MARKED.search(made):
            made = made.translate(_MARKS)
    if "/" in made or "|" in made or "(" in made or "*" in made:
        made = _ANYBODY.sub(" ", made)
    if "`" in made:
        made = made.replace("`", "'")
    if "." in made or ":" in made:
        made = _DOTTED.sub(r"\1", _LEFT_OFFICE.sub(" im ruhestand ", _ADDRESS.sub(" ", made)))
    return made


def has_marks(made: str) -> bool:
    """Whether a plain title may have endings of gender or compounds behind marks, which each language parts its way."""
    return _BETWEEN.search(made) is not None


def part(made: str) -> list[str]:
    """Words and separators of a plain title without such marks."""
    return _WORD.findall(made)


def scripts(text: str) -> set[str]:
    """Scripts other than Latin that a title is written in."""
    return set() if text.isascii() else {name for name, letter in _SCRIPTS.items() if letter.search(text)}


@dataclass(frozen=True)
class Spelling:
    """How a language writes its words; the [normalise] part of its file."""

    replace: dict[int, str]
    rewrite: tuple[tuple[re.Pattern[str], str], ...]
    gendered: re.Pattern[str] | None
    possessive: tuple[str, ...]
    endings: tuple[tuple[str, str], ...]
    prefixes: tuple[tuple[str, str], ...]
    short: Mapping[str, str] = field(default_factory=dict)
    rewritten: re.Pattern[str] | None = None
    plainest: Mapping[str, str] = field(default_factory=dict)
    _spelled: dict[str, list[str]] = field(default_factory=dict)  # the words of phrases, each spelled once

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Spelling":
        """Spelling from a file's [normalise]."""
        marks = "|".join(map(re.escape, sorted(data.get("gendered", []), key=len, reverse=True)))
        bracket = rf"(?<=[^\W\d_]{{3}})(?:\s?[(\[]-?|/-?|[*:_·•.∙‧-])(?:{marks})[)\]]?(?![^\W_])"
        replace: dict[int, str] = str.maketrans(data["replace"])
        return cls(
            replace=replace,
            rewrite=tuple((re.compile(p), to) for p, to in data.get("rewrite", {}).items()),
            gendered=re.compile(bracket) if marks else None,
            possessive=tuple(data["possessive"]),
            endings=tuple((e, to) for e, either in data.get("endings", {}).items() for to in either.split("|")),
            prefixes=tuple(data.get("prefixes", {}).items()),
            # What ASCII signs become stands with the words, so that only other letters are exchanged one by one.
            short=data.get("short", {}) | {chr(code): to for code, to in replace.items() if code < 128},
            rewritten=re.compile("|".join(data.get("rewrite", {}))) if data.get("rewrite") else None,
        )

    def words(self, made: str) -> list[str]:
        """Words and separators of a plain title."""
        if self.gendered is not None and has_marks(made):
            made = self.gendered.sub("", made)
        return part(made)

    def fold(self, word: str) -> str:
        """A word in the spelling that the phrases have too, written out."""
        return self._folded(self.short.get(word, word))

    def _folded(self, word: str) -> str:
        made = word if word.isascii() else word.translate(self.replace)
        if self.rewritten is None or not self.rewritten.search(made):
            return made
        for pattern, to in self.rewrite:
            made = pattern.sub(to, made)
        return made

    def phrase(self, text: str) -> str:
        """A phrase of the file in the spelling of the words of a title."""
        made = self._spelled.get(text)
        if made is None:
            made = self._spelled[text] = self._spell(text)
        return made[0] if len(made) == 1 else " ".join([self.plainest.get(w, w) for w in made])

    def _spell(self, text: str) -> list[str]:
        made: list[str] = []
        for word in plain(text).replace("-", " ").split() if text != "-" else [text]:
            prefix, instead = "", ""
            if "'" in word:
                own = ((p, i) for p, i in self.prefixes if p.endswith("'") and word.startswith(p))
                prefix, instead = next(own, ("", ""))
            stem = word[len(prefix) :]
            made += [
                *instead.split(),
                self.fold(stem) if "*" not in stem else "*".join(map(self._folded, stem.split("*"))),
            ]
        return made

    def inflected(self, words: Iterable[str]) -> dict[str, str]:
        """Each form of some words, and the word; a word is itself."""
        forms = {w: w for w in words}
        ended = {instead: [w for w in forms if w.endswith(instead)] for _, instead in self.endings}
        for ending, instead in self.endings:
            for word in ended[instead]:
                stem = word[: len(word) - len(instead)]
                if len(stem) >= _SHORTEST_STEM:
                    forms.setdefault(stem + ending, word)
        return forms

    def inflections(self, word: str) -> Iterator[str]:
        """What a word may be without the ending of its gender, number or case."""
        for ending, instead in self.endings:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                yield word[: -len(ending)] + instead

    def bare(self, word: str) -> str:
        """A word without what makes it a possessor."""
        return next((word.removesuffix(p) for p in self.possessive if word.endswith(p)), word) if "'" in word else word


def heads(word: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Front and head of a compound, the longest head first."""
    for cut in range(_SHORTEST_FRONT, len(word) - SHORTEST_HEAD + 1):
        head = known.get(word[cut:])
        if head is not None:
            yield word[:cut], head
