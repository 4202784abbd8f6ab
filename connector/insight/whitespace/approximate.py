"""Likely neighbours among hundreds of thousands of patterns, found by faiss and not by comparing each with each.

Columns of patterns come in, some rows at a time; for any rows, the numbers of patterns that may be nearest leave.
Patterns are put into lists round common ones (IVF), two columns are told in four bits (product quantisation), and only
the nearest lists are looked through. One thread and fixed seeds: the same patterns give the same answer. Whoever asks
compares those found exactly. faiss is imported only here. Next room: `neighbours`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from connector.insight.arrays import Ints, blocks

Columns = np.ndarray[Any, np.dtype[np.float32]]
# Lists looked through for each pattern, and patterns that one list is learned from.
_PROBES, _TAUGHT_BY = 8, 64
_SEED = 7


def index(columns: Callable[[Ints], Columns], rows: int, wanted: int) -> Callable[[Ints], Ints]:
    """Finder of the `wanted` rows that are likely to have the largest inner product with some rows; -1 where fewer."""
    # Takes a tenth of a second, and small companies never need it.
    import faiss  # noqa: PLC0415

    # A setting of the thread that calls.
    faiss.omp_set_num_threads(1)
    width = columns(np.arange(1)).shape[1]
    width += width % 2
    lists = 2 ** int(np.log2(max(rows, 1)) / 2)
    made = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(width), width, lists, width // 2, 4, faiss.METRIC_INNER_PRODUCT)
    for clustering in (made.cp, made.pq.cp):
        clustering.seed, clustering.min_points_per_centroid = _SEED, 1
    made.cp.niter, made.cp.max_points_per_centroid = 6, _TAUGHT_BY
    made.nprobe = _PROBES

    def even(some: Ints) -> Columns:
        """Columns, and one of zeros where their number is odd."""
        table = np.zeros((len(some), width), dtype=np.float32)
        part = columns(some)
        table[:, : part.shape[1]] = part
        return table

    taught = min(rows, lists * _TAUGHT_BY)
    made.train(even((np.arange(taught) * 2 + 1) * rows // (2 * taught)))
    for part in blocks(rows, width):
        made.add(even(np.arange(part.start, part.stop)))

    def find(some: Ints) -> Ints:
        faiss.omp_set_num_threads(1)
        found: Ints = made.search(even(some), wanted)[1]
        return found

    return find
