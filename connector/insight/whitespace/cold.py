"""Ideas for accounts that bought nothing yet: what companies of their industry, country and size bought.

The ownership matrix and the traits of buyers and of accounts without purchases come in; the best families of each
distinct row of traits leave. Formulas: methods, section 4.3, cold start. Next room: `estimate.sql`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from connector.insight.arrays import MILLION, Flags, Floats, Ints, Ranks, blocks, millionths, rounded
from connector.insight.whitespace.neighbours import first, nearest, trait_features, usable_traits
from connector.insight.whitespace.propensity import Patterns, group
from connector.insight.whitespace.settings import Settings
from connector.schema import Engine

_NEAR_CELLS = 250_000


class Cold(NamedTuple):
    """Cells of rows of traits that an idea may fill: score 0 to 1, and how many of the `peers` nearest have it."""

    pattern: Ints
    family: Ints
    score: Floats
    owners: Ints
    peers: Ints


def read(engine: Engine) -> Ints:
    """Traits of the accounts without purchases."""
    found = engine.arrays(
        "SELECT industry_code, country_code, employees_class, revenue_class FROM whitespace_cold ORDER BY cold_n"
    )
    return np.column_stack([np.asarray(v, dtype=np.int64) for v in found.values()])


def load(engine: Engine, patterns: Patterns, sold: Flags, settings: Settings, enough: bool) -> None:
    """Load whitespace_cold_member and whitespace_cold_pattern; both are empty where there is not enough to learn."""
    traits = read(engine)
    used = usable_traits(patterns) if enough else []
    known = (traits[:, used] >= 0).sum(axis=1) >= 2 if used else np.zeros(len(traits), dtype=np.bool_)
    asking = group(np.zeros((int(known.sum()), 1), dtype=np.int8), traits[known])
    found = ideas(patterns, asking, sold, settings)
    engine.load("whitespace_cold_member", {"cold_n": np.flatnonzero(known), "pattern": asking.member})
    engine.load(
        "whitespace_cold_pattern",
        {
            "pattern": found.pattern,
            "family_n": found.family,
            "score": found.score,
            "peers": found.peers,
            "peer_owners": found.owners,
        },
    )


def ideas(patterns: Patterns, asking: Patterns, sold: Flags, settings: Settings) -> Cold:
    """The best families of each asking row: not more than are shown, and only where enough of the nearest have it.

    Score: percentile rank, among all cells of those who ask, of the mean ownership of the nearest buyers.
    """
    if not len(asking.counts):
        nobody = np.zeros(0, dtype=np.int64)
        return Cold(nobody, nobody, np.zeros(0), nobody, nobody)
    made, ranks = [], Ranks()
    for rows, score, owners, peers in _near(patterns, asking, settings):
        ranks.add(score.ravel(), np.repeat(asking.counts[rows], score.shape[1]))
        fits = sold & (owners >= settings.peer_owners)
        # The first of equals in the families' order, which is by value.
        order = np.argsort(np.where(fits, -score, 1), axis=1, kind="stable")[:, : settings.shown]
        row, place = np.nonzero(np.take_along_axis(fits, order, axis=1))
        family = order[row, place]
        made.append((row + rows.start, family, score[row, family], owners[row, family], peers[row]))
    pattern, family, score, owners, peers = (np.concatenate(parts) for parts in zip(*made, strict=True))
    return Cold(pattern, family, ranks.of(score), owners, peers)


def _near(patterns: Patterns, asking: Patterns, settings: Settings) -> Iterator[tuple[slice, Ints, Ints, Ints]]:
    """Mean ownership, owners and peers among the nearest buyers, by traits alone.

    Buyers with the same traits are one, with the mean of what they bought: among equals none is nearer.
    """
    used = usable_traits(patterns)
    # Every pattern of a row of traits counts as often as it has accounts.
    alike = group(np.zeros((len(patterns.counts), 1), dtype=np.int8), patterns.traits)
    counts = np.bincount(alike.member, weights=patterns.counts).astype(np.int64)
    shares = [_share(patterns.x(slice(None)), patterns, alike.member, counts)]
    shares.append(_share((patterns.levels == 2) * 1.0, patterns, alike.member, counts))
    kept = _evenly(counts, settings.exact_limit)
    features, theirs = trait_features(asking.traits, alike.traits[kept], used, 1.0)
    for rows in blocks(len(asking.counts), len(kept), _NEAR_CELLS):
        picked, similarity = nearest(features(rows) @ theirs.T, min(settings.neighbours, len(kept)))
        available = np.where(similarity > 0, counts[kept][picked], 0)
        sums = []
        for k, share, weight in ((settings.neighbours, shares[0], similarity), (settings.peers, shares[1], 1.0)):
            taken = first(available, k) * weight
            table = np.zeros((len(picked), len(kept)))
            np.put_along_axis(table, picked, taken, axis=1)
            sums.append((table @ share[kept], taken.sum(axis=1)))
        (bought, total), (owned, peers) = sums
        score = millionths(rounded(bought / np.where(total == 0, 1.0, total)[:, None]) / MILLION)
        yield rows, score, np.floor(owned / MILLION + 1e-6).astype(np.int64), peers.astype(np.int64)


def _share(x: Floats, patterns: Patterns, member: Ints, counts: Ints) -> Floats:
    """Mean of each row of traits, in whole millionths."""
    sums = [np.bincount(member, weights=column * patterns.counts) for column in x.T]
    return np.floor(np.column_stack(sums) / counts[:, None] * MILLION + 0.5)


def _evenly(counts: Ints, limit: int) -> Ints:
    """Rows of traits to look among: all, or those of so many accounts drawn evenly."""
    if len(counts) <= limit:
        return np.arange(len(counts))
    positions = (np.arange(limit, dtype=np.int64) * 2 + 1) * int(counts.sum()) // (2 * limit)
    return np.unique(np.searchsorted(np.cumsum(counts), positions, side="right"))
