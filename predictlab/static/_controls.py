"""What a task scores without any pre-training: the largest class, its words, a model's size, random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab.static._accuracies import fold_splits, quietly
from predictlab.static._features_table import score_features
from predictlab.static._intervals import share_ends


def controls_of(
    model: str | Path,
    texts: Sequence[str],
    labels: np.ndarray,
    methods: Sequence[str],
    max_length: int,
    pooling: str,
    layers: str | int,
    confidence: float,
    seed: int,
    progress: bool,
) -> pd.DataFrame:
    """Controls of a scoring: columns ``control, method, value, lower, upper, note``.

    Parameters
    ----------
    model, max_length, pooling, layers
        As the features were made.
    texts : sequence of str (n,)
    labels : ndarray (n,)
    methods : sequence of str
        What random weights are scored by.
    confidence : float
    seed : int
        Of folds and of the random weights.
    progress : bool
    """
    from predictlab.catalog._layers import layer_features, parameters_of

    records: list[tuple[object, ...]] = []
    largest = int(np.unique(labels, return_counts=True)[1].max())
    ends = share_ends(largest, len(labels), confidence)
    records.append(("largest class", "accuracy", largest / len(labels), *ends, ""))
    right = bag_of_words(texts, labels, seed)
    note = "counts of words, logistic regression, 5 folds: as linear_probe"
    ends = share_ends(int(right.sum()), len(right), confidence)
    records.append(("bag of words", "accuracy", right.mean(), *ends, note))
    records.append(("size", "parameters", parameters_of(model), np.nan, np.nan, "ranks models by itself on many tasks"))
    random = layer_features(model, texts, max_length, pooling, layers, random_seed=seed, progress=progress)
    for x in random.values():
        table = score_features(x, labels, methods, confidence=confidence, permutations=0, rng=seed)
        for row in table.itertuples():
            records.append(("random weights", row.method, row.value, row.lower, row.upper, f"of seed {seed}"))
    return pd.DataFrame(records, columns=["control", "method", "value", "lower", "upper", "note"])


def bag_of_words(texts: Sequence[str], labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Which rows a logistic regression on counts of words predicts rightly out of fold (n,)."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    codes = np.unique(labels, return_inverse=True)[1]
    right = np.zeros(len(codes), dtype=bool)
    with quietly():
        for fitted, held in fold_splits(codes, min(5, int(np.bincount(codes).max())), seed):
            words = CountVectorizer(token_pattern=r"(?u)\b\w+\b")
            try:
                counts = words.fit_transform([texts[i] for i in fitted])
            except ValueError:  # no text holds a word
                right[held] = codes[held] == np.bincount(codes[fitted]).argmax()
                continue
            model = LogisticRegression(max_iter=200, tol=1e-3).fit(np.log1p(counts), codes[fitted])
            right[held] = model.predict(np.log1p(words.transform([texts[i] for i in held]))) == codes[held]
    return right
