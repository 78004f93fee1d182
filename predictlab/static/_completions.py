"""What a language model's log-probabilities of completions say, and what a compressor does without any model."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from predictlab.errors import DataError, bad_argument


def bits_per_byte(log_probs: ArrayLike, sizes: ArrayLike) -> float:
    """Bits that a language model needs for a byte of completions: ``-sum log2 p / bytes``.

    Parameters
    ----------
    log_probs : array_like (n,)
        Natural logarithm of the probability of each row's completion given its prompt, its tokens summed; at most 0.
    sizes : array_like (n,)
        Bytes of each completion in UTF-8, > 0: ``len(text.encode())``.

    Returns
    -------
    float
        Bits per byte, >= 0. Tokenizers do not matter, so that models may be compared; long completions count more.
        Low: little is left to be learnt, or the completions are short of information.

    Raises
    ------
    ArgumentError
        Lengths that differ, positive log-probabilities.
    DataError
        An empty completion.

    Examples
    --------
    >>> import math
    >>> import predictlab as pl
    >>> pl.static.bits_per_byte([math.log(1 / 256), math.log(1 / 16)], [1, 1])  # a byte by chance, and half of one
    6.0
    """
    nats, bytes_ = _sums("log_probs", log_probs), _counts("sizes", sizes, "bytes of each completion")
    _same("sizes", bytes_, nats)
    return float(nats.sum() / np.log(2) / bytes_.sum())


def ifd(log_probs: ArrayLike, alone: ArrayLike, tokens: ArrayLike) -> np.ndarray:
    """Instruction-following difficulty of each row: ``exp(l(A|Q) - l(A))``.

    ``l(A|Q)`` is the mean negative log-probability of a token of the completion A behind its prompt Q, ``l(A)`` that of
    the same tokens without a prompt: a ratio of perplexities. (Its first form is a ratio of losses.)

    Parameters
    ----------
    log_probs : array_like (n,)
        Natural logarithm of the probability of each completion given its prompt, its tokens summed.
    alone : array_like (n,)
        The same without a prompt.
    tokens : array_like (n,)
        Tokens of each completion, > 0.

    Returns
    -------
    ndarray (n,)
        > 0. Low: the prompt says what the completion will be. Near 1: the prompt does not help, and the row may be
        hard, or its completion not an answer. Above 1 the prompt misleads: such rows are the first to look at.

    Raises
    ------
    ArgumentError
        Lengths that differ, positive log-probabilities.
    DataError
        A completion without tokens.

    References
    ----------
    Li et al., "From Quantity to Quality", NAACL 2024 (ratio of losses); "Superfiltering", ACL 2024 (of perplexities).

    Examples
    --------
    >>> import math
    >>> import predictlab as pl
    >>> pl.static.ifd([math.log(1 / 4)], [math.log(1 / 64)], [2]).round(3)  # a token at 1/2 against one at 1/8
    array([0.25])
    """
    nats, bare = _sums("log_probs", log_probs), _sums("alone", alone)
    counts = _counts("tokens", tokens, "tokens of each completion")
    _same("alone", bare, nats)
    _same("tokens", counts, nats)
    return np.exp((nats - bare) / counts)


def compressed_bits(texts: Sequence[str]) -> float:
    """Bits per byte that a compressor makes of texts: what of them is repetition, without any model.

    Parameters
    ----------
    texts : sequence of str
        Completions; lines of one file.

    Returns
    -------
    float
        Of zlib, bz2 and LZMA the best, over all bytes; 0 to about 8. Beside `bits_per_byte`, in its unit. A few hundred
        bytes do not compress, whatever they say.

    Raises
    ------
    DataError
        No text, or an empty one.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.compressed_bits(["yes", "no"] * 500) < 0.2
    True
    """
    raw = b"\n".join(_encoded(texts))
    # LZMA without a container: its header alone is 60 bytes.
    plain = [{"id": lzma.FILTER_LZMA2, "preset": 9}]
    made = (zlib.compress(raw, 9), bz2.compress(raw, 9), lzma.compress(raw, lzma.FORMAT_RAW, filters=plain))
    return 8 * min(map(len, made)) / len(raw)


def unigram_bits(texts: Sequence[str]) -> float:
    """Bits per byte of a code that knows nothing but how often each byte occurs: what any model should be below.

    Parameters
    ----------
    texts : sequence of str
        Completions.

    Returns
    -------
    float
        Of the Krichevsky-Trofimov code, which learns the shares on the way, so that few bytes look no better than they
        are; 0 to a little above 8.

    Raises
    ------
    DataError
        No text, or an empty one.

    References
    ----------
    Krichevsky, Trofimov, "The performance of universal encoding", 1981.

    Examples
    --------
    >>> import predictlab as pl
    >>> round(pl.static.unigram_bits(["ab"] * 1000), 2)  # one bit, and what learning it costs
    1.35
    """
    raw = b"".join(_encoded(texts))
    counts = np.bincount(np.frombuffer(raw, dtype=np.uint8), minlength=256)
    n = len(raw)
    nats = gammaln(n + 128) - gammaln(128) - (gammaln(counts + 0.5) - gammaln(0.5)).sum()
    return float(nats / np.log(2) / n)


def sizes_of(texts: Sequence[str]) -> np.ndarray:
    """Bytes of each text, none of them empty."""
    return np.array([len(text) for text in _encoded(texts)])


def _encoded(texts: Sequence[str]) -> list[bytes]:
    if isinstance(texts, str):
        raise bad_argument("texts", texts, "a sequence of texts", "A single one goes in a list.")
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    if not raw:
        raise DataError("texts: there are none.")
    if empty := [i for i, text in enumerate(raw) if not text]:
        raise DataError(
            f"completions: {len(empty)} of {len(raw)} are empty, the first in row {empty[0]}, and have no bytes to "
            "count. Leave these rows out."
        )
    return raw


def _sums(name: str, values: ArrayLike) -> np.ndarray:
    """Negative log-probabilities."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.array(np.nan)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all() or (found > 0).any():
        hint = "Losses are their negative." if found.ndim == 1 and len(found) and (found > 0).all() else ""
        raise bad_argument(name, values, "sums of natural log-probabilities (n,), finite and at most 0", hint)
    return -found


def _counts(name: str, values: ArrayLike, what: str) -> np.ndarray:
    found = np.asarray(values)
    if (
        found.ndim != 1
        or found.dtype.kind not in "iuf"
        or not np.isfinite(found).all()
        or (found != found.round()).any()
    ):
        raise bad_argument(name, values, f"{what}, whole numbers (n,)")
    if (found < 1).any():
        rows = np.flatnonzero(found < 1)
        raise DataError(
            f"{name}: {len(rows)} of {len(found)} completions are empty, the first in row {rows[0]}. Leave these out."
        )
    return found


def _same(name: str, values: np.ndarray, beside: np.ndarray) -> None:
    if len(values) != len(beside):
        raise bad_argument(name, f"{len(values)} numbers", f"{len(beside)}, one for each of log_probs")
