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
    ("leep", "source head", False, "how well a model's own classes predict the labels", "nats per row", "at most 0",
     "higher", "none", "Nguyen et al. 2020"),
    ("nce", "source head", False, "entropy that a model's own classes leave of the labels, negative", "nats per row",
     "-H(labels) to 0", "higher", "none", "Tran et al. 2019"),
]  # fmt: skip
METHODS = pd.DataFrame(_ROWS, columns=_COLUMNS)
_OF = dict(zip(METHODS["method"], METHODS["of"], strict=True))
_REASON = {
    "classes": "it compares classes, and the targets are numbers. For numbers: logme_regression, knn_r2, "
    "linear_probe_r2",
    "values": "it predicts numbers, and the targets are classes",
    "source head": "it needs what the classification head that comes with a model says of each row, and features have "
    "none. Call it with that: pl.static.leep(probabilities, labels), pl.static.nce(source_labels, labels)",
}


def methods() -> pd.DataFrame:
    """The static scores there are.

    Returns
    -------
    DataFrame
        Columns ``method``; ``of``, the data that it applies to (classes, values, or the outputs of a model's own
        head); ``default``, whether it is computed when none is named; ``measures, unit, range, better, interval,
        source``.

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
            raise bad_argument("methods", name, f"a score of {of}", f"{name}: {_REASON[_OF[name]]}.")
    if not wanted:
        raise bad_argument("methods", names, f"at least one of {', '.join(known)}, or None for the usual ones")
    return list(dict.fromkeys(wanted))
