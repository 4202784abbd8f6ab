"""What similar accounts bought: the nearest by purchases and by traits (account-kNN).

Next room: `gaps`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import MILLION, Floats, Ints, blocks, millionths
from connector.insight.whitespace.approximate import Columns, index
from connector.insight.whitespace.propensity import Patterns

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
    width = len(patterns.counts) if exact else 2 * (k + 1) * patterns.levels.shape[1]

    def some(rows: Ints) -> tuple[Ints, Ints, Ints]:
        picked, similarity = closest_of(rows)
        # The account itself stands in its own pattern: it is no neighbour of its own.
        available = patterns.counts[picked] - (picked == rows[:, None])
        available[similarity == 0] = 0
        used, closest = first(available, k), first(available, peers)
        weight = similarity * used
        total = weight.sum(axis=1)
        levels = patterns.levels[picked]
        # Weights are whole numbers and purchases halves: sums are exact in whatever order they are taken.
        bought = np.matmul(weight[:, None, :], levels / 2.0)[:, 0, :]
        owners = np.matmul(closest[:, None, :] * 1.0, (levels == 2) * 1.0)[:, 0, :]
        score = millionths(bought / np.where(total == 0, 1.0, total)[:, None])
        return score, owners.astype(np.int64), closest.sum(axis=1)

    def near(rows: Ints) -> Neighbours:
        parts = [some(rows[part]) for part in blocks(len(rows), width, _NEAR_CELLS)]
        return Neighbours(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    return near


def _compared(patterns: Patterns, k: int, firmographic: float) -> Callable[[Ints], tuple[Ints, Floats]]:
    """The k most similar patterns of some, by comparing each with each; similarities in whole millionths."""
    every = np.arange(len(patterns.counts))
    features, theirs = _features(patterns, every, firmographic)
    return lambda rows: nearest(features(rows) @ theirs.T, min(k, len(every)))


def _found(patterns: Patterns, k: int, firmographic: float) -> Callable[[Ints], tuple[Ints, Floats]]:
    """The k most similar patterns of some, among twice as many that an index finds; similarities as in `_compared`."""
    traits, share = _weighed(patterns, firmographic)
    find = index(_columns(patterns, traits, share), len(patterns.counts), 2 * k)
    length = np.sqrt(sum((patterns.x(slice(None))[:, f] ** 2 for f in range(patterns.levels.shape[1])), np.zeros(1)))

    def closest(rows: Ints) -> tuple[Ints, Floats]:
        asked = find(rows)
        # Where fewer are found, -1 stands: the last pattern's row, with no similarity.
        joint = np.matmul(patterns.levels[asked] * 1.0, patterns.levels[rows][:, :, None] * 1.0)[:, :, 0] / 4.0
        lengths = length[rows][:, None] * length[asked]
        similarity = (1.0 - share) * joint / np.where(lengths == 0, 1.0, lengths)
        for trait in traits:
            own, theirs = patterns.traits[rows, trait][:, None], patterns.traits[asked, trait]
            away = np.abs(own - theirs)
            alike = (away == 0) * 1.0 if trait < 2 else np.maximum(0.0, 1.0 - away / 4.0)
            similarity += np.where((own < 0) | (theirs < 0), 0.0, alike) * (share / len(traits))
        whole = np.where(asked < 0, 0.0, np.floor(similarity * MILLION + 0.5))
        # In the order of patterns where they are equally similar.
        order = np.lexsort((asked, -whole))[:, :k]
        return np.take_along_axis(asked, order, axis=1), np.take_along_axis(whole, order, axis=1)

    return closest


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
