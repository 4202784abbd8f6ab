"""The dense algebra of whitespace: the distinct rows of who bought what, and which families go together (EASE).

An ownership matrix and account traits come in; patterns and weights of families leave. Accounts with the same row are
one pattern, so a million accounts cost no more than their distinct rows. Everything is rounded to millionths and ties
are settled by the rows themselves, never by ids. Next room: `neighbours`.
"""

from dataclasses import dataclass

import numpy as np

from connector.insight.arrays import Floats, Ints, blocks, rounded


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of the ownership matrix with their traits; `member` gives each account's pattern.

    levels: 0 never bought, 1 long ago, 2 recently. traits: industry, country, size by people, size by revenue as
    codes, -1 where unknown. counts: accounts per pattern.
    """

    levels: Ints
    traits: Ints
    counts: Ints
    member: Ints

    def x(self, rows: Ints | slice) -> Floats:
        """Rows of the matrix of the algebra: 1 bought recently, one half long ago, 0 never."""
        return self.levels[rows] / 2.0


def group(levels: Ints, traits: Ints) -> Patterns:
    """Patterns in the order of their rows, so that neither ids nor the order of accounts matter."""
    keys = [*_words(levels), *traits.T]
    order = np.lexsort(keys[::-1])
    ranked = np.column_stack([key[order] for key in keys]) if len(order) else np.zeros((0, 1), dtype=np.int64)
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    member = np.empty(len(order), dtype=np.int64)
    member[order] = np.cumsum(begins) - 1
    first = order[begins]
    return Patterns(levels[first], traits[first], np.bincount(member).astype(np.int64), member)


def ease(patterns: Patterns, ridge: float) -> Floats:
    """Item weights of EASE (Steck 2019), λ = `ridge` per account: P = (X'X + λI)^-1, B = -P / diag(P), diagonal 0."""
    # Halves times whole numbers: the sums are exact in whatever order they are taken.
    gram = np.zeros((patterns.levels.shape[1],) * 2)
    for rows in blocks(len(patterns.counts)):
        gram += (patterns.x(rows) * patterns.counts[rows, None]).T @ patterns.x(rows)
    inverse = np.linalg.inv(gram + np.eye(len(gram)) * (ridge * patterns.counts.sum()))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return rounded(weights)


def shrunk_lift(patterns: Patterns) -> tuple[Floats, Ints]:
    """Lift of each pair of families, drawn towards 1 as by ten more owners of both; and how many own both."""
    # Floats, because only they multiply fast; counts below 2^53 stay exact.
    found = np.zeros((patterns.levels.shape[1],) * 2)
    for rows in blocks(len(patterns.counts)):
        owned = (patterns.levels[rows] > 0).astype(np.float64)
        found += (owned * patterns.counts[rows, None]).T @ owned
    joint = found.astype(np.int64)
    total = int(patterns.counts.sum())
    share = np.diag(joint) / total
    expected = np.outer(share, share) * total
    return rounded((joint + 10.0) / (expected + 10.0)), joint


def _words(levels: Ints) -> list[Ints]:
    """Rows packed into whole numbers, 38 families a word: sorting a few words beats sorting wide rows."""
    words = []
    for start in range(0, levels.shape[1], 38):
        part = levels[:, start : start + 38]
        powers = 3 ** np.arange(part.shape[1], dtype=np.int64)[::-1]
        words.append(np.concatenate([part[rows] @ powers for rows in blocks(len(part))] or [np.zeros(0, np.int64)]))
    return words
