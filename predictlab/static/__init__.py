"""Static scores: what a frozen model's features say about the labels before any training (THEORY 1)."""

from predictlab.static.hscore import hscore
from predictlab.static.knn import knn_accuracy
from predictlab.static.linear import linear_probe_accuracy
from predictlab.static.logme import logme
from predictlab.static.table import methods, score, score_features

__all__ = [
    "hscore",
    "knn_accuracy",
    "linear_probe_accuracy",
    "logme",
    "methods",
    "score",
    "score_features",
]
