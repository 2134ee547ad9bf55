"""Percentile bootstrap over comments.

A resample draws as many comments as there are, with replacement. What it needs of a comment is only how
often it was drawn, so all resamples are one product of weights and counts. Equal `seed` and number of
comments give equal draws: two models counted on the same comments are resampled in pairs, and the
difference of their numbers, resample by resample, is the paired bootstrap.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from training.counts import Array, Counts

RESAMPLES: Final = 1000
SEED: Final = 20260101
LEVEL: Final = 0.95
"""Share of the resamples inside an interval."""

_BLOCK_CELLS: Final = 4_000_000
"""Weights held at a time: 32 MB."""


def resampled(counts: Counts, *, resamples: int = RESAMPLES, seed: int = SEED) -> Counts:
    """The summed counts of every resample; the leading axis has `resamples` groups.

    Raises ValueError without comments or with fewer than one resample.
    """
    if not len(counts) or resamples < 1:
        raise ValueError(f"{len(counts)} comments and {resamples} resamples; at least one of each is needed")
    return Counts.stacked([counts.summed(block) for block in drawn_weights(len(counts), resamples, seed)])


def interval(values: Array, level: float = LEVEL) -> tuple[float, float] | None:
    """The middle `level` of the resamples' values, ends included; None where none is defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def drawn_weights(comments: int, resamples: int, seed: int) -> Iterator[Array]:
    """Blocks of how often each comment was drawn. Shape of each: (resamples of the block, comments)"""
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK_CELLS // comments)
    for start in range(0, resamples, block):
        draws = generator.integers(comments, size=(min(block, resamples - start), comments))
        yield np.stack([np.bincount(drawn, minlength=comments) for drawn in draws]).astype(np.float64)
