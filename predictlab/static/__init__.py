"""Static scores: what a frozen model's features say about the labels before any training."""

from predictlab.static._accuracies import knn_accuracy, linear_probe_accuracy
from predictlab.static._score import methods, score, score_features
from predictlab.static._spectral import hscore, logme

__all__ = ["hscore", "knn_accuracy", "linear_probe_accuracy", "logme", "methods", "score", "score_features"]


def __dir__() -> list[str]:
    return list(__all__)
