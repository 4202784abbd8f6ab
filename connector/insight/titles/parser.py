"""Reads one job title: level 0 to 5, function, and whether the person is former, acting, a deputy or an assistant.

A title and lexicons come in; a Meaning leaves. The rules stand in methods §3.2: the longest phrase first, modifiers
beat the base, several titles in one field keep the best, and what isn't in a lexicon stays unknown.
Next room: `titles/__init__`, which reads every distinct title once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connector.insight.titles.lexicon import Lexicon
from connector.insight.titles.phrases import HARD, Match
from connector.insight.titles.shelf import Key, Reading, Shelf, shelf
from connector.insight.titles.words import plain

_BOSS = 4
_LEADS = 2
_DEPARTMENT = 3
_HELPERS = {"assistant", "support", "aide"}


@dataclass(frozen=True)
class Meaning:
    """What a title says; `bank_level` holds in a bank, `alone_level` where no parent company stands above."""

    level: int | None = None
    function: str | None = None
    former: bool = False
    acting: bool = False
    deputy: bool = False
    assistant: bool = False
    bank_level: int | None = None
    alone_level: int | None = None


NOTHING = Meaning()
# The lexicons asked, and what a title is to them; words that none of them knows are one.
Seen = tuple[Shelf, Key]


@dataclass(frozen=True)
class _Part:
    """Tokens between two separators, `joined` to the part before by no more than a comma or an `and`."""

    start: int
    end: int
    joined: bool
    soft: bool = False


def read_title(text: str, lexicons: Sequence[Lexicon], seen: dict[Seen, Meaning] | None = None) -> Meaning:
    """Meaning in the language that knows most of the title's words; never raises on any text.

    Languages of another script aren't asked. Where several know as much, one that borrows from no other is believed
    once it knows a level, else the first that knows most of level and function. A title that would tell a person's
    union, health or belief in any of the languages gives nothing. `seen` remembers what was read: titles that differ
    in words no lexicon knows are one.
    """
    made = plain(text)
    books = shelf(made, lexicons)
    key = books.key(made)
    if seen is None:
        return _believed(books.readings(key))
    meaning = seen.get((books, key))
    if meaning is None:
        meaning = seen[books, key] = _believed(books.readings(key))
    return meaning


def _believed(readings: Sequence[Reading]) -> Meaning:
    """What the language says that is believed; the readings come with the language that knows most in front."""
    if any(r.told.hot and _is_sensitive(r.lexicon, r.told.tokens) for r in readings):
        return NOTHING
    found: list[Meaning] = []
    for lexicon, told in readings:
        if told.known < readings[0].told.known and any(m != NOTHING for m in found):
            break
        found.append(_read(lexicon, told.tokens))
        if found[-1].level is not None and (found[-1].function is not None or not lexicon.borrows):
            break
    return max(found, key=lambda m: (m.level is not None, m.function is not None), default=NOTHING)


def _is_sensitive(lexicon: Lexicon, tokens: Sequence[str]) -> bool:
    return any(m.phrase not in lexicon.harmless for m in lexicon.sensitive.find(tokens))


def _is_general(lexicon: Lexicon, tokens: Sequence[str]) -> bool:
    return any(m.phrase not in lexicon.not_general for m in lexicon.general.find(tokens))


def _read(lexicon: Lexicon, tokens: Sequence[str]) -> Meaning:
    matches = lexicon.levels.find(tokens)
    if len(matches) == 1 and matches[0][:2] == (0, len(tokens)) and "never_whole" in lexicon.kinds[matches[0].phrase]:
        return NOTHING
    parts = _split(lexicon, tokens, matches)
    read = [_read_part(lexicon, tokens, p, [m for m in matches if p.start <= m.start < p.end]) for p in parts]
    read = _dependents(parts, _former_through(lexicon, tokens, parts, matches, read))
    best, gives_way = _best(read, [_gives_way(lexicon, p, matches) for p in parts])
    if best.level == 0 and best.function == "other":
        best = replace(best, function=next((m.function for m in read if m.function and m.level is None), "other"))
    if best.assistant:
        best = replace(best, function=_assisted(lexicon, tokens, best, read))
    if best.function is None:
        others = [m for m in read if m.function and not m.former and not (gives_way and m.level is not None)]
        best = replace(best, function=others[0].function if others else None)
    if best.function is None and (best.level or 0) > _LEADS and _is_general(lexicon, tokens):
        best = replace(best, function="general")
    if best.bank_level != best.level and lexicon.bank_words.find(tokens):
        best = replace(best, level=best.bank_level, alone_level=best.bank_level)
    return best


def _gives_way(lexicon: Lexicon, part: _Part, matches: list[Match]) -> bool:
    """Whether a part only names an owner, a founder or a board member, who often have a field in another part."""
    found = [m.phrase for m in matches if part.start <= m.start < part.end]
    ranked = [p for p in found if lexicon.kinds[p].get("level", 0) >= _BOSS]
    return bool(ranked) and all(p in lexicon.yields for p in ranked)


def _assisted(lexicon: Lexicon, tokens: Sequence[str], own: Meaning, read: list[Meaning]) -> str:
    """Function of an assistant: that of the department or post assisted; of who leads the whole, `general`."""
    fields = (m.function for m in (own, *read) if m.function not in (None, "other"))
    leads = (lexicon.kinds.get(m.phrase, {}).get("level", 0) >= _BOSS for m in lexicon.general.find(tokens))
    return next(fields, None) or ("general" if any(leads) else "other")


def _split(lexicon: Lexicon, tokens: Sequence[str], matches: list[Match]) -> list[_Part]:
    """Parts at hard separators, and at an `and` with a level on both sides; never inside a phrase that was found."""
    inside = {i for m in matches + lexicon.functions.find(tokens) for i in range(m.start, m.end)}
    levels = [m.start for m in matches if "level" in lexicon.kinds[m.phrase]]
    hard = [i for i, t in enumerate(tokens) if t in HARD and i not in inside]
    cuts = {
        i: t in HARD
        for i, t in enumerate(tokens)
        if i not in inside and (t in HARD or (t in lexicon.joiners and _levels_around(levels, hard, i)))
    }
    starts, ends = [0, *[i + 1 for i in cuts]], [*cuts, len(tokens)]
    parts = [
        _Part(
            start,
            end,
            joined=start > 0 and (tokens[start - 1] == "," or not cuts[start - 1]),
            soft=start > 0 and not cuts[start - 1],
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    return [p for p in parts if p.end > p.start] or [_Part(0, 0, False)]


def _levels_around(levels: list[int], hard: list[int], at: int) -> bool:
    """Whether a level stands on both sides of a place, up to the next hard separators."""
    left = max((i for i in hard if i < at), default=-1)
    right = min((i for i in hard if i > at), default=len(levels) and max(levels) + 1)
    return any(left < n < at for n in levels) and any(at < n < right for n in levels)


def _head_end(lexicon: Lexicon, tokens: Sequence[str], part: _Part, matches: list[Match]) -> int:
    """Where the head of the part ends: behind its first preposition a level is somebody else's.

    Unless only a deputy stands before it: "deputy to the head".
    """
    inside = {i for m in matches for i in range(m.start, m.end - 1)}
    for m in matches:
        kinds = lexicon.kinds[m.phrase]
        if "level" in kinds and "deputy" not in kinds:
            break
        if "deputy" in kinds:
            inside.update(_prepositions_from(lexicon, tokens, m.end, part.end))
    return next(
        (i for i in range(part.start, part.end) if tokens[i] in lexicon.prepositions and i not in inside), part.end
    )


def _prepositions_from(lexicon: Lexicon, tokens: Sequence[str], start: int, end: int) -> range:
    at = start
    while at < end and tokens[at] in lexicon.prepositions:
        at += 1
    return range(start, at)


def _read_part(lexicon: Lexicon, tokens: Sequence[str], part: _Part, matches: list[Match]) -> Meaning:
    head = _head_end(lexicon, tokens, part, matches)
    inner = [m for m in matches if m.start <= head]
    kinds = [lexicon.kinds[m.phrase] for m in inner]
    words = sum(t not in lexicon.joiners for t in tokens[part.start : part.end])
    stands_in = _stands_in(inner, kinds)
    bases = [
        (at, m)
        for at, (m, k) in enumerate(zip(inner, kinds, strict=True))
        if "level" in k
        and at != stands_in
        and not ("only_alone" in k and words > m.end - m.start)
        and not ("never_alone" in k and words == m.end - m.start)
    ]
    said = [*kinds, *(lexicon.kinds[m.phrase] for m in matches[-1:] if m.end == part.end)]
    field = _field(lexicon, tokens, part, head)
    meaning = Meaning(
        function=lexicon.function_of[field] if field else None,
        former=any("former" in k for k in said),
        acting=stands_in is not None or any("acting" in k for k in said),
    )
    meaning = _with_level(lexicon, meaning, kinds, bases, field)
    if meaning.level == 0 and any(k.keys() & _HELPERS for k in kinds):
        boss = max((lexicon.kinds[m.phrase].get("level", 0) for m in matches), default=0)
        return replace(meaning, assistant=meaning.assistant or boss >= _LEADS)
    return meaning


def _stands_in(inner: list[Match], kinds: list[dict[str, int]]) -> int | None:
    """Place of a word that makes the post right behind it an acting one: in Persian, the supervisor of a post."""
    pairs = zip(range(len(inner)), inner, inner[1:], strict=False)
    return next(
        (at for at, m, n in pairs if "acting_before" in kinds[at] and m.end == n.start and "level" in kinds[at + 1]),
        None,
    )


def _with_level(
    lexicon: Lexicon, meaning: Meaning, kinds: list[dict[str, int]], bases: list[tuple[int, Match]], field: str | None
) -> Meaning:
    """Level of a part: assistants first, then the base, one lower for a deputy."""
    levels = {at: lexicon.kinds[m.phrase]["level"] for at, m in bases}
    helper = next((at for at, k in enumerate(kinds) if k.keys() & _HELPERS), None)
    leads_after = helper is not None and any(at > helper and n >= _LEADS for at, n in levels.items())
    leads_after = leads_after and not any("aide" in k for k in kinds)
    if helper is not None and not leads_after and not _leads_before(lexicon, levels, helper):
        own = "assistant" in kinds[helper] or any(at < helper and n >= _BOSS for at, n in levels.items())
        return replace(meaning, level=0, assistant=own, bank_level=0, alone_level=0)
    if not levels:
        return meaning
    if levels[max(levels)] == 0 and not lexicon.head_first:
        return replace(meaning, level=0, bank_level=0, alone_level=0)
    best = _base(lexicon, kinds, levels)
    before = any("deputy_before" in k and at < best and levels[best] >= _LEADS for at, k in enumerate(kinds))
    deputy = leads_after or before or any("deputy" in k and at != best for at, k in enumerate(kinds))
    phrase = next(m.phrase for at, m in bases if at == best)
    level, lower = _in_field(lexicon, phrase, levels[best], field), int(deputy)
    return replace(
        meaning,
        function="general" if phrase in lexicon.whole and not (deputy and field) else meaning.function,
        deputy=deputy or "deputy_said" in kinds[best],
        level=max(level - lower, 0),
        bank_level=max(lexicon.bank_levels.get(phrase, level) - lower, 0),
        alone_level=max(lexicon.alone_levels.get(phrase, level) - lower, 0),
    )


def _in_field(lexicon: Lexicon, post: str, level: int, field: str | None) -> int:
    """Level of a post given the field: who leads a department is higher, who minds accounts or channels lower."""
    if field is None:
        return level
    if (post, field) in lexicon.individual:
        return 1
    return _DEPARTMENT if post in lexicon.departmental and lexicon.function_of[field] else level


def _leads_before(lexicon: Lexicon, levels: dict[int, int], helper: int) -> bool:
    """Whether somebody of rank is named before the helper, in a language that names the person first."""
    return lexicon.head_first and any(at < helper and _LEADS <= n < _BOSS for at, n in levels.items())


def _base(lexicon: Lexicon, kinds: list[dict[str, int]], levels: dict[int, int]) -> int:
    """Which of several levels is the person's: the best, or the first where the person is named first.

    A word of rank such as "senior" yields to what it ranks, a deputy's own level to the level of whom he stands for.
    """
    if not lexicon.head_first:
        return max(levels, key=lambda at: (levels[at], at))
    firm = [at for at in sorted(levels) if levels[at] >= _LEADS or "never_alone" not in kinds[at]] or sorted(levels)
    stands_for = len(firm) > 1 and "deputy" in kinds[firm[0]]
    return firm[1] if stands_for else firm[0]


def _field(lexicon: Lexicon, tokens: Sequence[str], part: _Part, head: int) -> str | None:
    """The phrase that names the function: one before the first preposition, else the one behind it.

    Words such as "technical" count only without others. Before the preposition the last counts (the noun stands last),
    or the first where the person is named first. Of functions joined by `and` the first counts.
    """
    found = [m for m in lexicon.functions.find(tokens[part.start : part.end]) if lexicon.function_of[m.phrase]]
    strong = [m for m in found if m.phrase not in lexicon.weak]
    for some in (strong, found):
        for zone in (
            [m for m in some if m.start < head - part.start],
            [m for m in some if m.start >= head - part.start],
        ):
            if zone:
                at = 0 if lexicon.head_first else len(zone) - 1
                while at and _is_joined(lexicon, tokens, part, zone[at - 1 : at + 1]):
                    at -= 1
                return zone[at].phrase
    return None


def _is_joined(lexicon: Lexicon, tokens: Sequence[str], part: _Part, pair: list[Match]) -> bool:
    """Whether only an `and` stands between two functions."""
    return pair[1].start - pair[0].end == 1 and tokens[part.start + pair[0].end] in lexicon.joiners


def _former_through(
    lexicon: Lexicon, tokens: Sequence[str], parts: list[_Part], matches: list[Match], read: list[Meaning]
) -> list[Meaning]:
    """Carries `former` and `acting` from a part that says nothing else to all, and from a part to what `and` joins."""
    used = {i for m in matches for i in range(m.start, m.end)}
    bare = [all(i in used for i in range(p.start, p.end)) and m.level is None for p, m in zip(parts, read, strict=True)]
    former = any(m.former and b for m, b in zip(read, bare, strict=True))
    acting = any(m.acting and b for m, b in zip(read, bare, strict=True))
    made: list[Meaning] = []
    for part, meaning in zip(parts, read, strict=True):
        before = made[-1] if made and part.soft else NOTHING
        made.append(
            replace(
                meaning,
                former=meaning.former or former or before.former,
                acting=meaning.acting or acting or before.acting,
            )
        )
    return made


def _dependents(parts: list[_Part], read: list[Meaning]) -> list[Meaning]:
    """Takes the level from what follows an assistant after a comma or an `and`: it is the boss's."""
    made: list[Meaning] = []
    serving = False
    for part, meaning in zip(parts, read, strict=True):
        follows = serving and part.joined
        made.append(replace(meaning, level=None, bank_level=None, alone_level=None) if follows else meaning)
        serving = follows or (meaning.level == 0)
    return made


def _best(read: list[Meaning], gives_way: list[bool]) -> tuple[Meaning, bool]:
    """The present title of the highest level, and whether it gives way; the first of equals that doesn't."""
    levelled = [(m, way) for m, way in zip(read, gives_way, strict=True) if m.level is not None]
    present = [pair for pair in levelled if not pair[0].former] or levelled
    if present:
        return max(present, key=lambda pair: (pair[0].level or 0, not pair[1]))
    return next((m for m in read if m.function), Meaning(former=any(m.former for m in read))), False
