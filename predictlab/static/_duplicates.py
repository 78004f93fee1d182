"""Texts that occur twice, word for word or nearly: MinHash finds candidates, their shingles decide."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse

BANDS, ROWS = 24, 4  # a pair of similarity .8 is missed in 1 of 300,000 cases, one of .5 looked at in four of five
SHINGLE = 5  # characters
MOST_IN_BUCKET = 50  # of rows with one signature, beyond which each is compared with the first alone
_PRIME = (1 << 31) - 1


def normalised(text: str) -> str:
    """Lower case, single spaces, no punctuation: what two copies of a text have in common."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip() or text.strip()


def near_duplicates(texts: Sequence[str], similarity: float = 0.8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of unlike texts whose sets of five-character shingles are alike.

    Parameters
    ----------
    texts : sequence of str (n,)
        Normalised; equal ones are no pair here.
    similarity : float
        Least Jaccard similarity of the two sets, in (0, 1].
    seed : int
        Of the hash functions.

    Returns
    -------
    pairs : ndarray of int64 (m, 2)
        Row numbers, the lower first.
    similarity : ndarray (m,)
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    nothing = np.empty((0, 2), dtype=np.int64), np.empty(0)
    distinct, first = np.unique(np.asarray(texts, dtype=object).astype(str), return_index=True)
    if len(distinct) < 2:
        return nothing
    vectors = HashingVectorizer(
        analyzer="char", ngram_range=(SHINGLE, SHINGLE), n_features=2**22, binary=True, norm=None,
        alternate_sign=False, lowercase=False,
    )  # fmt: skip
    sets = sparse.csr_matrix(vectors.transform(distinct))
    kept = np.flatnonzero(np.diff(sets.indptr) > 0)
    sets = sets[kept]
    if len(kept) < 2:
        return nothing
    signatures = _minhash(sets, np.random.default_rng(seed))
    candidates: set[tuple[int, int]] = set()
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        _, bucket = np.unique(part, axis=0, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1):
            if len(rows) > MOST_IN_BUCKET:
                candidates.update((int(rows[0]), int(row)) for row in rows[1:])
            else:
                candidates.update((int(a), int(b)) for i, a in enumerate(rows) for b in rows[i + 1 :])
    if not candidates:
        return nothing
    pairs = np.array(sorted(candidates))
    size = np.diff(sets.indptr)
    shared = np.concatenate([
        np.asarray(sets[part[:, 0]].multiply(sets[part[:, 1]]).sum(axis=1)).ravel()
        for part in np.array_split(pairs, -(-len(pairs) // 20_000))
    ])  # fmt: skip
    alike = shared / (size[pairs[:, 0]] + size[pairs[:, 1]] - shared)
    near = alike >= similarity
    rows = np.sort(first[kept[pairs[near]]], axis=1)
    return rows.astype(np.int64), alike[near]


def _minhash(sets: sparse.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """Signatures (n, bands x rows): the least hash of each set's members under each function."""
    count = BANDS * ROWS
    a, b = rng.integers(1, _PRIME, count), rng.integers(0, _PRIME, count)
    members, starts = sets.indices.astype(np.int64) + 1, sets.indptr[:-1]
    found = np.empty((sets.shape[0], count), dtype=np.int64)
    for i in range(count):
        found[:, i] = np.minimum.reduceat((a[i] * members + b[i]) % _PRIME, starts)
    return found
