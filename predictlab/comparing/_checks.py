"""Other means to the same question: permutation of runs, Welch's test, a mixed model."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
from scipy.stats import norm, ttest_ind

from predictlab.comparing._evidence import Array, Evidence

EXACT = 20_000  # permutations up to which all are tried
MOST_OUTCOMES = 1500  # of both sides, for the mixed model, whose matrices are dense
COLUMNS = ["difference", "lower", "upper", "p_value", "note"]


def permutation(a: Array, b: Array, draws: int, rng: np.random.Generator) -> tuple[float, str]:
    """Two-sided p-value over assignments of runs to sides, and how many there are."""
    pooled, size = np.concatenate([a, b]), len(a)
    seen = abs(a.mean() - b.mean()) * (1 - 1e-12)
    count = math.comb(len(pooled), size)
    if count <= EXACT:
        chosen = np.array(list(itertools.combinations(range(len(pooled)), size)))
        note = f"all {count} assignments; the least p-value there is: {(2 if len(a) == len(b) else 1) / count:.2g}"
    else:
        chosen = np.argsort(rng.random((draws, len(pooled))), axis=1)[:, :size]
        note = f"{draws} of {count:.2g} assignments"
    first = pooled[chosen].sum(axis=1)
    apart = np.abs(first / size - (pooled.sum() - first) / (len(pooled) - size))
    extra = 0 if count <= EXACT else 1  # the assignment that was seen is one of them
    return float((np.sum(apart >= seen) + extra) / (len(apart) + extra)), note


def mixed_model(a: Evidence, b: Evidence, confidence: float) -> tuple[float, float, float, float, str]:
    """Difference, interval and p-value with runs and rows as crossed random effects, by REML; NaN with why not."""
    nothing = (math.nan, math.nan, math.nan, math.nan)
    if a.outcomes is None or b.outcomes is None or a.row_names != b.row_names:
        return *nothing, "needs outcomes of both on the same rows"
    if min(a.count, b.count) < 2:
        return *nothing, "needs two runs of each"
    if a.outcomes.size + b.outcomes.size > MOST_OUTCOMES:
        return *nothing, f"more than {MOST_OUTCOMES} outcomes: its matrices are dense"
    import statsmodels.formula.api as smf

    parts = []
    for side, e in enumerate((a, b)):
        assert e.outcomes is not None
        run, row = np.indices(e.outcomes.shape)
        parts.append(
            pd.DataFrame(
                {"value": np.asarray(e.outcomes, dtype=float).ravel(), "row": row.ravel(), "side": 1.0 - side,
                 "run": run.ravel() + side * a.count, "one": 1}
            )
        )  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    effects = {"run": "0 + C(run)", "row": "0 + C(row)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a variance is at its boundary is ordinary here
        try:
            fit = smf.mixedlm("value ~ side", frame, groups="one", vc_formula=effects, re_formula="0").fit()
        except (np.linalg.LinAlgError, ValueError) as failure:
            return *nothing, f"did not converge ({failure})"
    error = float(fit.bse["side"])
    if not fit.converged or not math.isfinite(error):
        return *nothing, "did not converge"
    half = float(norm.isf((1 - confidence) / 2)) * error
    value = float(fit.params["side"])
    return value, value - half, value + half, float(fit.pvalues["side"]), "normal law: too narrow with few runs"


def checked(a: Evidence, b: Evidence, confidence: float, draws: int, rng: np.random.Generator) -> pd.DataFrame:
    """A line for each of the three."""
    nan, difference = math.nan, a.mean - b.mean
    by_permutation = (difference, nan, nan, nan, "needs three runs of each")
    by_welch = (difference, nan, nan, nan, "needs two runs of each that differ")
    few = min(len(a.finals), len(b.finals))
    if few >= 3:
        p, note = permutation(a.finals, b.finals, draws, rng)
        by_permutation = (difference, nan, nan, p, f"{note}; on these rows")
    if few >= 2 and max(np.ptp(a.finals), np.ptp(b.finals)) > 0:
        welch = ttest_ind(a.finals, b.finals, equal_var=False)
        low, high = welch.confidence_interval(confidence)
        by_welch = (difference, float(low), float(high), float(welch.pvalue), "of the means, on these rows")
    lines = [by_permutation, by_welch, mixed_model(a, b, confidence)]
    return pd.DataFrame(lines, index=["permutation of runs", "Welch's t test", "mixed model"], columns=COLUMNS)
