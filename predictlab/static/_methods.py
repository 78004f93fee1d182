"""The static scores there are: what each measures, of what, and by whom."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from predictlab.errors import bad_argument

_COLUMNS = ["method", "of", "default", "measures", "unit", "range", "better", "interval", "source"]
_ROWS = [
    ("hscore", "classes", True, "between-class share of the features' variance, Ledoit-Wolf", "none",
     "0 to classes - 1", "higher", "jackknife", "Bao et al. 2019; Ibrahim et al. 2022"),
    ("logme", "classes", True, "evidence of a Bayesian linear model on the features", "nats per row", "unbounded",
     "higher", "jackknife", "You et al. 2021"),
    ("knn", "classes", True, "leave-one-out accuracy of the 5 nearest rows by cosine", "share of rows", "0 to 1",
     "higher", "Wilson", "Cover, Hart 1967"),
    ("linear_probe", "classes", True, "5-fold cross-validated accuracy of a logistic regression", "share of rows",
     "0 to 1", "higher", "Wilson", "Alain, Bengio 2017"),
    ("v_information", "classes", False, "entropy of the labels less the log-loss of that regression", "bits per row",
     "at most log2 classes", "higher", "t over rows", "Xu et al. 2020"),
    ("nleep", "classes", False, "how well the parts of a Gaussian mixture predict the labels", "nats per row",
     "at most 0", "higher", "t over seeds", "Li et al. 2021"),
    ("parc", "classes", False, "100 x rank correlation of distances in features and in labels", "none", "-100 to 100",
     "higher", "t over subsamples", "Bolya et al. 2021"),
    ("transrate", "classes", False, "coding rate less that within classes. A warning: ranks encoders wrongly on GLUE",
     "nats", "at least 0", "higher (as its authors have it)", "none", "Huang et al. 2022"),
    ("logme_regression", "values", True, "evidence of a Bayesian linear model on the features", "nats per row",
     "unbounded", "higher", "jackknife", "You et al. 2021"),
    ("knn_r2", "values", True, "share of variance that the 5 nearest other rows predict", "share of variance",
     "at most 1", "higher", "jackknife", "Cover, Hart 1967"),
    ("linear_probe_r2", "values", True, "5-fold cross-validated share of variance of a ridge regression",
     "share of variance", "at most 1", "higher", "jackknife", "Hoerl, Kennard 1970"),
    ("bits_per_byte", "completions", True, "bits that the model needs for a byte of completions, given the prompts",
     "bits per byte", "at least 0", "lower; ranks no fine-tunes", "t over rows, ratio", "Gao et al. 2020 (The Pile)"),
    ("ifd", "completions", True, "perplexity of completions with their prompts over that without, geometric mean",
     "none", "above 0", "lower", "t over rows, of logarithms", "Li et al. 2024 (Superfiltering)"),
    ("compressed_bits", "completions", True, "bits per byte that the best of three compressors makes, no model needed",
     "bits per byte", "0 to about 8", "lower", "none", "Delétang et al. 2024"),
    ("bits_per_byte_shots", "completions", False, "bits_per_byte behind demonstrations", "bits per byte",
     "at least 0", "lower", "t over rows, ratio", "Brown et al. 2020"),
    ("in_context_gain", "completions", False, "bits_per_byte less that behind demonstrations: learnable in context",
     "bits per byte", "unbounded", "higher", "t over rows, ratio", "Brown et al. 2020; null: Min et al. 2022"),
    ("noise_scale", "completions", False, "tr(Sigma) / |G|² of the first gradients: rows at which noise equals signal",
     "rows", "at least 0", "lower: less for seeds to differ in", "jackknife", "McCandlish et al. 2018"),
    ("gradient_consistency", "completions", False, "cosine of the first gradients of two batches of the recipe's size",
     "none", "at most 1", "higher: less for seeds to differ in", "jackknife", "McCandlish et al. 2018"),
    ("rectified_law", "losses", False, "loss after training on more data, from three to five sizes",
     "that of the losses", "above 0", "lower", "posterior", "Lin et al. 2024"),
    ("leep", "source head", False, "how well a model's own classes predict the labels", "nats per row", "at most 0",
     "higher", "none", "Nguyen et al. 2020"),
    ("nce", "source head", False, "entropy that a model's own classes leave of the labels, negative", "nats per row",
     "-H(labels) to 0", "higher", "none", "Tran et al. 2019"),
]  # fmt: skip
METHODS = pd.DataFrame(_ROWS, columns=_COLUMNS)
_OF = dict(zip(METHODS["method"], METHODS["of"], strict=True))
_NAMES = {of: ", ".join(part["method"]) for of, part in METHODS.groupby("of", sort=False)}
_REASON = {
    "classes": "it compares classes, and the targets are {given}. For those: {known}",
    "values": "it predicts numbers, and the targets are {given}. For those: {known}",
    "completions": "it asks a causal language model for completions, and the targets are {given}. For those: {known}",
    "losses": "it needs losses after training on three sizes of data or more. Call it with those: "
    "pl.static.rectified_law(sizes, losses)",
    "source head": "it needs what the classification head that comes with a model says of each row, and features have "
    "none. Call it with that: pl.static.leep(probabilities, labels), pl.static.nce(source_labels, labels)",
}


def methods() -> pd.DataFrame:
    """The static scores there are.

    Returns
    -------
    DataFrame
        Columns ``method``; ``of``, what it applies to (classes, values, completions, losses of several fine-tunes, or
        the outputs of a model's own head); ``default``, whether it is computed when none is named; ``measures, unit,
        range, better, interval, source``.

    Examples
    --------
    >>> import predictlab as pl
    >>> table = pl.static.methods()
    >>> table[table["default"] & (table["of"] == "classes")]["method"].tolist()
    ['hscore', 'logme', 'knn', 'linear_probe']
    """
    return METHODS.copy()


def chosen(names: str | Sequence[str] | None, of: str) -> list[str]:
    """Names of the scores that are asked for, each once; those of other data are refused with the reason."""
    known = METHODS.loc[METHODS["of"] == of, "method"].tolist()
    if names is None:
        return METHODS.loc[METHODS["default"] & (METHODS["of"] == of), "method"].tolist()
    wanted = known if names == "all" else [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in _OF:
            raise bad_argument("methods", name, f"names among {', '.join(known)}, or 'all'")
        if _OF[name] != of:
            given = {"values": "numbers"}.get(of, of)
            reason = _REASON[_OF[name]].format(given=given, known=_NAMES[of])
            raise bad_argument("methods", name, f"a score of {of}", f"{name}: {reason}.")
    if not wanted:
        raise bad_argument("methods", names, f"at least one of {', '.join(known)}, or None for the usual ones")
    return list(dict.fromkeys(wanted))
