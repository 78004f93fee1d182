"""Static scores: what a frozen model's features say about the labels before any training."""

from predictlab.static._hscore import hscore
from predictlab.static._knn import knn_accuracy
from predictlab.static._linear_probe import linear_probe_accuracy
from predictlab.static._logme import logme
from predictlab.static._score import methods, score, score_features

__all__ = [
    "hscore",
    "knn_accuracy",
    "linear_probe_accuracy",
    "logme",
    "methods",
    "score",
    "score_features",
]


def __dir__() -> list[str]:
    return list(__all__)
