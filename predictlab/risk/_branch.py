"""`branch`: the variance of the final metric among forks of one parent, and its analysis of variance."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import f as f_law

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import is_fork, is_invalid, rounding_variance, sampling_variance

LEVEL = 0.95  # of the interval of share_resolved
IDENTITY_RTOL = 1e-8


@dataclass(frozen=True)
class Anova:
    """One-way random-effects analysis of variance of final values in groups of forks.

    Parameters
    ----------
    parents, forks : int
        Groups P, and values N in all of them.
    n0 : float
        Size of a group for the variance components, ``(N - sum M_p² / N) / (P - 1)``; M when all have M forks.
    ss_within, ss_between, ss_total : float
        Sums of squares, metric²; within + between = total holds, or building it failed.
    df_within, df_between : int
        ``sum (M_p - 1)`` and ``P - 1``.
    within : float
        Mean square within parents: estimates ``L(c)``, metric².
    between : float
        Variance component of the parents, ``(MS_between - within) / n0``, metric²; reported as 0 where it is negative.
    total : float
        within + between, metric²: estimates ``Var(R)``.
    share_resolved : float
        between / total, the share of the variance of R that the prefix settles, in [0, 1].
    share_lower, share_upper : float
        Its 95 % interval, exact for Gaussian values, also with unequal groups; [0, 0] where the groups agree more
        closely than chance alone would have it (2.5 % of the time where the share is 0).
    f_value : float
        ``MS_between / MS_within``.

    Notes
    -----
    What needs two parents is NaN with one. Source: Searle, Casella, McCulloch (1992), *Variance Components*, ch. 3;
    the interval is Wald's (Ann. Math. Stat. 11, 1940, 96-99), which with equal groups is the usual F interval of the
    intraclass correlation.

    Examples
    --------
    >>> anova([np.array([0.70, 0.72, 0.74]), np.array([0.80, 0.82, 0.81])]).df_within
    4
    """

    parents: int
    forks: int
    n0: float
    ss_within: float
    ss_between: float
    ss_total: float
    df_within: int
    df_between: int
    within: float
    between: float
    total: float
    share_resolved: float
    share_lower: float
    share_upper: float
    f_value: float


def anova(groups: list[Array]) -> Anova:
    """Compute the analysis of variance of final values in groups, one array for each parent.

    Parameters
    ----------
    groups : list of ndarray
        Final values of the forks of each parent, metric; at least one group of two.

    Returns
    -------
    Anova

    Raises
    ------
    ArgumentError
        No group of two.
    DataError
        The sums of squares do not add up: the values differ by no more than rounding.

    Examples
    --------
    >>> table = anova([np.array([0.70, 0.72, 0.74]), np.array([0.80, 0.82, 0.81])])
    >>> round(table.share_resolved, 2)
    0.94
    """
    groups = [np.asarray(g, dtype=float) for g in groups if len(g)]
    sizes = np.array([len(g) for g in groups], dtype=float)
    if sizes.max(initial=0) < 2:
        raise bad_argument("groups", f"sizes {sizes.astype(int).tolist()}", "at least one parent with two forks")
    means = np.array([g.mean() for g in groups])
    every = np.concatenate(groups)
    count, parents = len(every), len(groups)
    ss_within = float(sum(np.sum((g - m) ** 2) for g, m in zip(groups, means, strict=True)))
    ss_between = float(np.sum(sizes * (means - every.mean()) ** 2))
    ss_total = float(np.sum((every - every.mean()) ** 2))
    if abs(ss_within + ss_between - ss_total) > IDENTITY_RTOL * ss_total:
        raise DataError(
            f"forks: within {ss_within:.6g} + between {ss_between:.6g} is not total {ss_total:.6g}: the final values "
            "differ by no more than the rounding of floating point. Subtract a constant from the metric, or rescale it."
        )
    df_within, df_between = count - parents, parents - 1
    within = ss_within / df_within
    n0 = f_value = between = total = share = lower = upper = np.nan
    if df_between:
        n0 = float(count - np.sum(sizes**2) / count) / df_between
        between = max(0.0, (ss_between / df_between - within) / n0)
        total = within + between
    if df_between and within > 0:
        f_value, share = ss_between / df_between / within, between / total
        lower, upper = _share_interval(means, sizes, within, df_within)
    return Anova(
        parents, count, n0, ss_within, ss_between, ss_total, df_within, df_between,
        within, between, total, share, lower, upper, f_value,
    )  # fmt: skip


def _share_interval(means: Array, sizes: Array, within: float, df_within: int) -> tuple[float, float]:
    """Wald's exact interval of between / (between + within).

    At the true ratio ``rho = between / within`` the group means, weighted by ``M / (1 + M rho)``, have a sum of squares
    over `within` that is F; it falls with rho.
    """

    def excess(rho: float, quantile: float) -> float:
        weight = sizes / (1 + sizes * rho)
        centre = np.average(means, weights=weight)
        return float(np.sum(weight * (means - centre) ** 2) / (len(means) - 1) / within - quantile)

    ends = []
    for tail in ((1 + LEVEL) / 2, (1 - LEVEL) / 2):
        quantile = float(f_law.ppf(tail, len(means) - 1, df_within))
        rho = 0.0
        if excess(rho, quantile) > 0:
            top = 2 * np.var(means, ddof=1) / within / quantile  # weights are less than 1 / rho
            rho = brentq(excess, 0.0, top, args=(quantile,), xtol=1e-12, rtol=1e-10)
        ends.append(float(rho / (1 + rho)))
    return ends[0], ends[1]


def _two_sided(ratio: float, *df: float) -> float:
    """P value of a ratio of mean squares, F under the null hypothesis."""
    return float(2 * min(f_law.cdf(ratio, *df), f_law.sf(ratio, *df)))


def total_p_value(table: Anova, sizes: Array, shared: NDArray[np.bool_], independent: Array) -> float:
    """Whether within + between agrees with the variance of R over independent runs: two-sided p value.

    Parameters
    ----------
    table : Anova
        Of the forks of one depth.
    sizes : ndarray, shape (P,)
        Forks of each parent.
    shared : ndarray of bool, shape (P,)
        Whether the parent's own end is among `independent`.
    independent : ndarray, shape (S,)
        R of the runs that are no forks, at full depth.

    Returns
    -------
    float
        NaN with one parent, fewer than two independent runs, or no variation.

    Notes
    -----
    The ratio of the two estimates is referred to ``F(nu, S - 1)``, nu after Satterthwaite (Biometrics Bulletin 2, 1946,
    110-114). Forks end near the own end of their parent, so the two estimates are correlated; the logarithm of the
    ratio is stretched to the standard deviation it has without that correlation. Variances and the covariance are
    those of Gaussian quadratic forms, ``2 tr(A V B W)``, at the estimated components.
    """
    runs, parents = len(independent), len(sizes)
    variance = float(np.var(independent, ddof=1)) if runs > 1 else 0.0
    if table.df_between < 1 or not variance > 0 or not table.total > 0:
        return float("nan")
    # total = means' A means + c within, where the sum of squares of the group means is weighted by their sizes
    form = (np.diag(sizes) - np.outer(sizes, sizes) / table.forks) / (table.df_between * table.n0)
    scaled = form * (table.between + table.within / sizes)
    relative = 2 * float(np.trace(scaled @ scaled)) + 2 * ((1 - 1 / table.n0) * table.within) ** 2 / table.df_within
    nu = 2 * table.total**2 / relative
    own = (np.eye(parents) - 1 / runs) / (runs - 1) * np.outer(shared, shared)
    common = 2 * table.between**2 * float(np.trace(form @ own)) / table.total**2
    apart = 2 / nu + 2 / (runs - 1)
    joint = max(apart - 2 * common, 0.02 * apart)
    ratio = np.exp(np.log(table.total / variance) * np.sqrt(apart / joint))
    return _two_sided(ratio, nu, runs - 1)


def own_end_p_value(table: Anova, groups: list[Array], ends: Array) -> float:
    """Whether each parent's own end is an ordinary one among its forks: two-sided p value.

    A fork that lost part of the state (optimiser, schedule) ends elsewhere. The parent's own continuation is one more
    draw from the same law, so ``mean((R_p - mean_p)² / (1 + 1/M_p)) / within`` is ``F(Q, df_within)``, exact for
    Gaussian values.

    Parameters
    ----------
    table : Anova
    groups : list of ndarray
        Final values of the forks of the parents whose own end is known.
    ends : ndarray
        These ends, metric.

    Returns
    -------
    float
        NaN when no parent's own end is known, or forks do not vary.
    """
    if not len(ends) or not table.within > 0:
        return float("nan")
    square = [(r - np.mean(g)) ** 2 / (1 + 1 / len(g)) for r, g in zip(ends, groups, strict=True)]
    return _two_sided(float(np.mean(square)) / table.within, len(ends), table.df_within)


def branch_curve(frame: pd.DataFrame, task: str, metric: str, eval_rows: float | None) -> RiskCurve:
    """Risk curve of one task from its forks; `frame` holds the rows of all metrics of the task.

    The fork depth is the least depth at which a fork was measured, whatever the metric. Forks at depth 0 are left out:
    the law of the curve has no value there.
    """
    forked = frame[is_fork(frame)]
    if forked.empty:
        raise DataError(
            f"task {task!r}: no forks: no run names a parent. Probe with design='branch', or ask for another estimator."
        )
    of_metric, invalid = frame["metric"] == metric, is_invalid(frame)
    good = frame[of_metric & ~invalid]
    full = good["depth"].max()
    bad = frame.loc[invalid & (of_metric | (frame["status"] != "ok")), "run"].unique()
    ends = good[(good["depth"] == full) & ~good["run"].isin(bad)].set_index("run")["value"].astype(float)
    forks = forked.groupby("run", sort=False).agg({"depth": "min", "parent": "first"})
    own = ends[~ends.index.isin(forks.index)]  # runs that are no forks
    forks["end"] = ends.reindex(forks.index)
    at_end = forks.index[(forks["depth"] == full) & forks["end"].notna()]
    if len(at_end):
        raise DataError(
            f"task {task!r}: fork {at_end[0]!r} was measured at the full depth {full} only; "
            "its first measurement must stand at the depth at which it left its parent. Add that row."
        )
    forks["state"] = np.select([forks.index.isin(bad), forks["end"].isna()], ["diverged", "incomplete"], "ok")
    forks = forks[forks["depth"] > 0]
    diverged, incomplete = (int((forks["state"] == s).sum()) for s in ("diverged", "incomplete"))
    table = pd.DataFrame([_at_depth(float(c), part, own) for c, part in forks.groupby("depth", sort=True)])
    usable = table[table["df_within"] > 0] if len(table) else table
    if len(usable) < 2:
        raise DataError(
            f"task {task!r}: {len(usable)} depths at which a parent has two finished forks ({diverged} forks diverged "
            f"or failed, {incomplete} did not reach the full depth {full}); a risk curve needs 2. Probe more forks."
        )
    finished = forks.loc[forks["state"] == "ok"]
    resolution = rounding_variance(np.concatenate([finished["end"].to_numpy(), own.to_numpy()]))
    if resolution == 0.0:
        raise DataError(f"task {task!r}: every fork ends at the same {metric}; there is nothing to fit.")
    means = finished.groupby("depth")["end"].mean()[usable["depth"]].to_numpy()
    return RiskCurve(
        depth=usable["depth"].to_numpy(dtype=float),
        risk=np.maximum(usable["within"].to_numpy(dtype=float), resolution),
        df=usable["df_within"].to_numpy(dtype=float),
        estimator="branch",
        question="this_run",
        task=task,
        metric=metric,
        mean=means,
        sampling_error=sampling_variance(metric, float(finished["end"].mean()), eval_rows),
        diverged=diverged,
        incomplete=incomplete,
        resolution=resolution,
        total_variance=float(own.var()) if len(own) > 1 else None,
        anova=table,
    )


def _at_depth(depth: float, forks: pd.DataFrame, own: pd.Series) -> dict[str, float]:
    """The row of the analysis of variance of one fork depth."""
    finished = forks[forks["state"] == "ok"]
    groups = {name: part["end"].to_numpy(dtype=float) for name, part in finished.groupby("parent")}
    sizes = np.array([len(g) for g in groups.values()], dtype=float)
    row = {"depth": depth, "parents": len(groups), "forks": len(finished), "df_within": 0.0}
    row |= {state: (forks["state"] == state).sum() for state in ("diverged", "incomplete")}
    if sizes.max(initial=0) < 2:
        return row
    table = anova(list(groups.values()))
    shared = np.array([name in own.index for name in groups])
    known = [name for name in groups if name in own.index]
    tests = {
        "total_p_value": total_p_value(table, sizes, shared, own.to_numpy()),
        "own_end_p_value": own_end_p_value(table, [groups[name] for name in known], own[known].to_numpy()),
    }
    return row | asdict(table) | tests
