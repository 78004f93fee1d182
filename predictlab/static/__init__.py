"""Static scores: what a frozen model's features say about the labels before any training."""

from predictlab.static._accuracies import VInformation, knn_accuracy, linear_probe_accuracy, v_information
from predictlab.static._completions import bits_per_byte, compressed_bits, ifd, unigram_bits
from predictlab.static._describe import DataDescription, describe
from predictlab.static._features_table import score_features
from predictlab.static._gradients import GradientNoise, gradient_noise, noise_scale
from predictlab.static._hscore import hscore
from predictlab.static._label_noise import label_noise
from predictlab.static._limit import IntrinsicLimit, bayes_error, bayes_error_of_votes
from predictlab.static._logme import logme, logme_regression
from predictlab.static._methods import methods
from predictlab.static._parc import parc
from predictlab.static._rank import Ranking, rank
from predictlab.static._rectified import RectifiedLaw, rectified_law
from predictlab.static._regression import knn_r2, linear_probe_r2
from predictlab.static._repeated import Repeated
from predictlab.static._score import StaticScores, features_of, score
from predictlab.static._source_head import leep, nce, nleep
from predictlab.static._transrate import transrate

__all__ = [
    "DataDescription", "GradientNoise", "IntrinsicLimit", "Ranking", "RectifiedLaw", "Repeated", "StaticScores",
    "VInformation", "bayes_error", "bayes_error_of_votes", "bits_per_byte", "compressed_bits", "describe",
    "features_of", "gradient_noise", "hscore", "ifd", "knn_accuracy", "knn_r2", "label_noise", "leep",
    "linear_probe_accuracy", "linear_probe_r2", "logme", "logme_regression", "methods", "nce", "nleep",
    "noise_scale", "parc", "rank", "rectified_law", "score", "score_features", "transrate", "unigram_bits",
    "v_information",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
