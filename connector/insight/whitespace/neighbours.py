"""What similar accounts bought: the nearest by purchases and by traits (account-kNN).

Next room: `gaps`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from connector.insight.arrays import MILLION, Floats, Ints, blocks, millionths
from connector.insight.whitespace.approximate import Columns, index
from connector.insight.whitespace.propensity import Patterns

Words = np.ndarray[Any, np.dtype[np.uint64]]
# A table of similarities that stays in a processor's cache is worked on twice as fast.
_NEAR_CELLS = 250_000
# Codes of industries and countries that the index knows, and how many doublings of size are still alike.
_COMMON, _WINDOW = 32, 4


@dataclass(frozen=True)
class Neighbours:
    """What accounts similar to some patterns bought: a score in whole millionths, and how many of the `peers` nearest
    ones bought it recently."""

    score: Ints
    owners: Ints
    peers: Ints


def usable_traits(patterns: Patterns) -> list[int]:
    """Traits that at least half of the accounts have and that tell accounts apart."""
    known = patterns.traits >= 0
    filled = (known * patterns.counts[:, None]).sum(axis=0) * 2 >= patterns.counts.sum()
    several = [len(np.unique(patterns.traits[known[:, t], t])) > 1 for t in range(patterns.traits.shape[1])]
    return [t for t, varied in enumerate(several) if varied and filled[t]]


def neighbours(
    patterns: Patterns, *, k: int, peers: int, firmographic: float, exact_limit: int
) -> Callable[[Ints], Neighbours]:
    """For some patterns: similarity-weighted ownership among the k nearest other accounts, by cosine and by traits.

    Traits count when two are usable. Up to `exact_limit` patterns each is compared with each; beyond it, with those
    that an index finds.
    """
    exact = len(patterns.counts) <= exact_limit
    closest_of = _compared(patterns, k + 1, firmographic) if exact else _found(patterns, k + 1, firmographic)
    # An index answers many at once sooner than few.
    at_once = len(patterns.counts) if exact else 1

    def some(rows: Ints, picked: Ints, similarity: Floats) -> tuple[Ints, Ints, Ints]:
        # The account itself stands in its own pattern: it is no neighbour of its own.
        available = patterns.counts[picked] - (picked == rows[:, None])
        available[similarity == 0] = 0
        # Each pattern but its own has an account, so that the nearest accounts stand in the first patterns.
        near = slice(0, peers + 1)
        weight, closest = similarity * first(available, k), first(available[:, near], peers)
        total = weight.sum(axis=1)
        levels = patterns.levels[picked]
        # Whole numbers all: sums are exact in whatever order they are taken.
        bought = np.matmul(weight[:, None, :], levels.astype(np.float64))[:, 0, :] / 2.0
        owners = np.matmul(closest[:, None, :] * 1.0, (levels[:, near] == 2) * 1.0)[:, 0, :]
        score = millionths(bought / np.where(total == 0, 1.0, total)[:, None])
        return score, owners.astype(np.int64), closest.sum(axis=1)

    def near(rows: Ints) -> Neighbours:
        made = [some(rows[:0], np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1)))]
        for many in blocks(len(rows), at_once, _NEAR_CELLS):
            picked, similarity = closest_of(rows[many])
            few = blocks(len(picked), picked.shape[1] * patterns.levels.shape[1], _NEAR_CELLS)
            made += [some(rows[many][part], picked[part], similarity[part]) for part in few]
        return Neighbours(*(np.concatenate(part) for part in zip(*made, strict=True)))

    return near


def _compared(patterns: Patterns, k: int, firmographic: float) -> Callable[[Ints], tuple[Ints, Floats]]:
    """The k most similar patterns of some, by comparing each with each; similarities in whole millionths."""
    every = np.arange(len(patterns.counts))
    features, theirs = _features(patterns, every, firmographic)
    return lambda rows: nearest(features(rows) @ theirs.T, min(k, len(every)))


def _found(patterns: Patterns, k: int, firmographic: float) -> Callable[[Ints], tuple[Ints, Floats]]:
    """The k most similar patterns of some, among more that an index finds; similarities as in `_compared`."""
    traits, share = _weighed(patterns, firmographic)
    size = len(patterns.counts)
    find = index(_columns(patterns, traits, share), size, 2 * k)
    likeness = _likeness(patterns, traits, share)

    def best(rows: Ints, asked: Ints) -> tuple[Ints, Floats]:
        # Where fewer are found, -1 stands: the last pattern's row, with no similarity.
        whole = np.where(asked < 0, 0.0, np.floor(likeness(rows, asked) * MILLION + 0.5))
        # A key tells its pattern, as in `nearest`; in the order of patterns where they are equally similar.
        keys = np.sort(whole * size + (size - 1 - np.maximum(asked, 0)), axis=1)[:, ::-1][:, :k]
        similar = np.floor(keys / size)
        return (size - 1 - (keys - similar * size)).astype(np.int64), similar

    def closest(rows: Ints) -> tuple[Ints, Floats]:
        asked = find(rows)
        parts = [best(rows[part], asked[part]) for part in blocks(len(rows), asked.shape[1], _NEAR_CELLS // 4)]
        picked, similar = zip(*parts, strict=True)
        return np.concatenate(picked), np.concatenate(similar)

    return closest


def _likeness(patterns: Patterns, traits: list[int], share: float) -> Callable[[Ints, Ints], Floats]:
    """How alike some patterns are to others, a row of these for each: cosine of what they bought, and their traits."""
    # What was bought, and what of it recently, as bits: products of levels are bits that both have.
    words = [_bits(patterns.levels[:, start : start + 32]) for start in range(0, patterns.levels.shape[1], 32)]
    length = np.sqrt(sum((patterns.x(slice(None))[:, f] ** 2 for f in range(patterns.levels.shape[1])), np.zeros(1)))
    length[length == 0] = 1.0
    # Codes that are unknown are equal to none, and far from every size.
    known = {t: patterns.traits[:, t] >= 0 for t in traits}
    asking = {t: np.where(known[t], patterns.traits[:, t], -10_000).astype(np.int32) for t in traits}
    asked_of = {t: np.where(known[t], patterns.traits[:, t], -1_000).astype(np.int32) for t in traits}
    by_doublings = np.maximum(0.0, 1.0 - np.arange(5) / 4.0) * (share / max(len(traits), 1))

    def likeness(rows: Ints, asked: Ints) -> Floats:
        joint = np.zeros(asked.shape, dtype=np.int16)
        for here, crossed in words:
            own = here[rows][:, None]
            joint += np.bitwise_count(own & here[asked])
            joint += np.bitwise_count(own & crossed[asked])
        found: Floats = ((1.0 - share) * (joint * np.float32(0.25))).astype(np.float64)
        found /= length[rows][:, None] * length[asked]
        for trait in traits:
            mine, theirs = asking[trait][rows][:, None], asked_of[trait][asked]
            if trait < 2:
                found += (mine == theirs) * by_doublings[0]
            else:
                found += by_doublings[np.minimum(np.abs(mine - theirs), 4)]
        return found

    return likeness


def _bits(levels: Ints) -> tuple[Words, Words]:
    """Up to 32 families of each pattern: a bit for what was bought above one for what recently, and the other way."""
    powers = np.left_shift(np.uint64(1), np.arange(levels.shape[1], dtype=np.uint64))
    bought, recently = ((levels >= least) @ powers for least in (1, 2))
    half = np.uint64(32)
    return (bought << half) | recently, (recently << half) | bought


def _columns(patterns: Patterns, traits: list[int], share: float) -> Callable[[Ints], Columns]:
    """Columns of some patterns whose products among each other are their similarities.

    Sizes are windows four doublings wide: how far two overlap is how alike they are. Of industries and countries only
    the most common have a column.
    """
    common = {t: _common(patterns, t) for t in traits if t < 2}
    least = {t: int(patterns.traits[patterns.traits[:, t] >= 0, t].min()) for t in traits if t >= 2}
    widths = {t: int(patterns.traits[:, t].max()) - low + _WINDOW for t, low in least.items()}
    part = np.float32(np.sqrt(share / max(len(traits), 1)))

    def some(rows: Ints) -> Columns:
        x = patterns.x(rows)
        length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        made: list[Columns] = [(x / np.where(length == 0, 1.0, length) * np.sqrt(1.0 - share)).astype(np.float32)]
        for trait in traits:
            own = patterns.traits[rows, trait][:, None]
            if trait in common:
                made.append((own == common[trait][None, :]) * part)
            else:
                away = np.arange(widths[trait])[None, :] - (own - least[trait])
                made.append(((away >= 0) & (away < _WINDOW) & (own >= 0)) * (part / 2))
        return np.hstack(made)

    return some


def _common(patterns: Patterns, trait: int) -> Ints:
    """The codes of a trait that most accounts have, in order."""
    known = patterns.traits[:, trait] >= 0
    owners = np.bincount(patterns.traits[known, trait], weights=patterns.counts[known])
    return np.sort(np.argsort(-owners, kind="stable")[:_COMMON])


def _weighed(patterns: Patterns, firmographic: float) -> tuple[list[int], float]:
    """Traits that count in the similarity, and their share: none where fewer than two are usable."""
    traits = usable_traits(patterns)
    return (traits, firmographic) if len(traits) >= 2 else ([], 0.0)


def _features(patterns: Patterns, index: Ints, firmographic: float) -> tuple[Callable[[Ints], Floats], Floats]:
    """Columns of some rows, and of each reference, whose product is their similarity, 0 to 1.

    Cosine of what they bought, and what `trait_features` says where two traits are usable.
    """
    traits, share = _weighed(patterns, firmographic)
    alike, theirs = trait_features(patterns.traits, patterns.traits[index], traits, share)

    def unit(rows: Ints) -> Floats:
        x = patterns.x(rows)
        length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        return np.asarray(x / np.where(length == 0, 1.0, length))

    def mine(rows: Ints) -> Floats:
        return np.hstack([unit(rows) * (1.0 - share), alike(rows)])

    return mine, np.hstack([unit(index), theirs])


def trait_features(
    asking: Ints, references: Ints, used: list[int], share: float
) -> tuple[Callable[[Ints | slice], Floats], Floats]:
    """Columns of some asking rows and of each reference; their product is `share` of the mean likeness of traits.

    Equal industry or country counts 1, sizes lose a quarter per doubling, unknown counts 0.
    """
    codes = {t: np.unique(references[references[:, t] >= 0, t]) for t in used}

    def mine(rows: Ints | slice) -> Floats:
        parts = [np.zeros((len(asking[rows]), 0))]
        for trait in used:
            own = asking[rows, trait]
            away = np.abs(own[:, None] - codes[trait][None, :])
            near = (away == 0) * 1.0 if trait < 2 else np.maximum(0.0, 1.0 - away / 4.0)
            near[own < 0] = 0.0
            parts.append(near * (share / len(used)))
        return np.hstack(parts)

    theirs = [(references[:, t][:, None] == codes[t][None, :]) * 1.0 for t in used]
    return mine, np.hstack([np.zeros((len(references), 0)), *theirs])


def nearest(similarity: Floats, k: int) -> tuple[Ints, Floats]:
    """Columns and similarities, in whole millionths, of the k largest of each row; equal ones in column order.

    Works in place on one table of keys, because that table is what takes the memory.
    """
    width = similarity.shape[1]
    keys = similarity
    keys *= MILLION
    keys += 0.5
    np.floor(keys, out=keys)
    keys *= width
    keys += width - 1 - np.arange(width)
    keys.partition(width - k, axis=1)
    best = np.sort(keys[:, width - k :], axis=1)[:, ::-1]
    similar = np.floor(best / width)
    # A key tells its column, so that the values alone are sorted: a processor does that far faster.
    return (width - 1 - (best - similar * width)).astype(np.int64), similar


def first(available: Ints, k: int) -> Ints:
    """How many accounts of each neighbour are among the first k accounts."""
    before = np.cumsum(available, axis=1) - available
    result: Ints = np.clip(k - before, 0, available)
    return result
