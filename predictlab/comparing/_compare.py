"""`compare`: do these two runs differ, and is recipe A better than recipe B? Two questions, never mixed."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from predictlab._validation import confidence_level, evaluation_rows, nonnegative, option, positive
from predictlab.comparing._curves import by_depth
from predictlab.comparing._evidence import Array, Evidence, by_cluster, churn_prior
from predictlab.comparing._finals import Wanted
from predictlab.comparing._mixture import Mixture, Spread, known, mixture_of, run_sd_prior, share_prior, wide_prior
from predictlab.comparing._noise import Noise
from predictlab.comparing._reading import Opened, Source, open_source, read_evidence, tasks_of
from predictlab.comparing._results import RECIPES, THESE_RUNS, Answer, Comparison, Comparisons
from predictlab.comparing._summaries import is_summary
from predictlab.errors import DataError, bad_argument
from predictlab.task import METRICS

LEAST_COMMON = 0.5  # share of the rows that both must have


def compare(
    a: Source | Mapping[str, Source],
    b: Source,
    *,
    metric: str | None = None,
    task: str | None = None,
    rows: float | None = math.inf,
    margin: float = 0.0,
    better: str | None = None,
    eval_rows: int | None = None,
    cluster: str | Mapping[Hashable, Hashable] | None = None,
    filter: str | None = None,
    errors: str | None = None,
    width: str | None = None,
    depth: float | None = None,
    paired_seeds: bool = False,
    run_sd: float | Noise | None = None,
    adjust: str = "holm",
    confidence: float = 0.95,
) -> Comparison | Comparisons:
    """Compare the runs of two recipes, models or data mixes: these runs, and the recipes they are runs of.

    Parameters
    ----------
    a, b
        Runs of each, as for `noise`. `a` as a mapping name -> runs: each is compared with the base `b`. Tables of
        several tasks: the tasks that both have are compared, a line each.
    metric, task : str, optional
        Where there are several.
    rows : float, optional
        What the recipes are compared on: ``inf``, the population the evaluation rows come from; None, these rows;
        another number, a fresh set of so many. Finals alone say something of these rows only, which the answer says.
    margin : float
        Metric, >= 0: `probability` is of a better by more than this.
    better : {"higher", "lower"}, optional
        Default by the metric: lower for losses, perplexity and errors, higher for all others.
    eval_rows : int, optional
        Evaluation rows behind finals, where no column ``n`` says it.
    cluster : str or mapping, optional
        Of outcomes: a column that names the cluster of each row, or row -> cluster.
    filter, errors : str, optional
        Of evaluation tools' files, as for `read_outcomes`: which answer filter or split, and what failed rows count as.
    width : {"sd", "se", "t95", "normal95", "rows"}, optional
        Of tables with a mean and a width in place of runs: what it is, as for `noise`.
    depth : float, optional
        Of runs that were measured at several depths (steps): compare there, not at their ends. Without it the ends are
        compared, and `Comparison.by_depth` has the depths that both have.
    paired_seeds : bool
        Whether runs of one seed belong together (same data order, same initialisation): their differences are taken.
        It costs half of the degrees of freedom, so say it only where it is so.
    run_sd : float or Noise, optional
        What is known of the standard deviation over runs from elsewhere: a number, metric, on the population of rows;
        or what `noise` said of earlier runs. With one run each and without it, the recipes of a share are compared
        with a prior that the answer names, and those of other metrics cannot be told.
    adjust : {"holm", "dunnett", "none"}
        Of several comparisons: how p-values account for there being several; Dunnett is by simulation, for one base.
    confidence : float
        Of intervals, in (0, 1).

    Returns
    -------
    Comparison or Comparisons
        The second for a mapping or several tasks.

    Raises
    ------
    ArgumentError
        A column, task or metric that is not there, or an option that cannot be used.
    DataError
        Row sets with less than half in common, other metrics, percent beside shares, runs that cannot be told apart.

    Notes
    -----
    Of the mean difference d over rows j, ``Var_j(d_j) / n`` is what rows leave open; a row-paired test knows no more.
    For recipes ``sigma_run² / S`` of each is added, averaged over what the spreads of both leave open of it: flat in
    its logarithm, the rows' part ``sigma_int² / n`` of the spread known, the two recipes' spreads alike up to a ratio
    (log ratio Student's t3 with scale .35). Of shares whose rows are known, seeds that differ by more than
    ``.1 sqrt(p (1 - p))`` grow unlikely, the less so the more runs tell it. How often that holds: docs/comparing.md.

    Examples
    --------
    >>> found = compare([0.712, 0.721, 0.717, 0.726], [0.691, 0.702, 0.695, 0.699], metric="accuracy")
    >>> round(found.difference, 4), found.verdict("recipes")
    (0.0223, 'a is better')
    """
    confidence = confidence_level(confidence)
    option("adjust", adjust, ("holm", "dunnett", "none"))
    evaluation_rows(rows)
    nonnegative("margin", margin, " (metric)")
    if run_sd is not None and not isinstance(run_sd, Noise):
        positive("run_sd", run_sd, " (metric)", "Or what pl.noise returned.")
    if better is not None:
        option("better", better, ("higher", "lower"))

    def opened(source: Source) -> Opened:
        return open_source(source, task, metric, filter, errors)

    def one(name_a: str, source: Opened, name_b: str, at: str | None) -> Comparison:
        wanted = Wanted(metric, at, depth, eval_rows, width=width)

        def here(wanted: Wanted) -> Comparison:
            first, second = (read_evidence(n, s, wanted, cluster) for n, s in ((name_a, source), (name_b, base)))
            return _compared(first, second, rows, margin, better, paired_seeds, run_sd, confidence)

        found = here(wanted)
        return found if depth is not None else by_depth(found, source, base, wanted, here)

    if width is not None and not any(map(_has_widths, (*(a.values() if isinstance(a, Mapping) else [a]), b))):
        raise bad_argument("width", width, "None where no side is a table of means and widths")
    if isinstance(a, Mapping):
        if not a:
            raise bad_argument("a", a, "at least one recipe")
        base = opened(b)
        of = {str(n): one(str(n), opened(s), "base", task) for n, s in a.items()}
        return Comparisons(of, adjust, "recipe", confidence)
    first, base = opened(a), opened(b)
    if task is None:
        of_a, of_b = (tasks_of(side) for side in (first, base))
        both = [t for t in of_a if t in of_b]
        if len(both) > 1:
            if adjust == "dunnett":
                raise bad_argument("adjust", adjust, "'holm' or 'none' for several tasks", "Dunnett is for one base.")
            return Comparisons({t: one("a", first, "b", t) for t in both}, adjust, "task", confidence)
        rows_of_both = all(isinstance(side, pd.DataFrame) and "row" in side for side in (first, base))
        if not both and of_a and of_b and (rows_of_both or min(len(of_a), len(of_b)) > 1):
            raise DataError(f"a and b have no task in common: {of_a[:5]} and {of_b[:5]}.")
    return one("a", first, "b", task)


def _has_widths(source: Source) -> bool:
    opened = open_source(source) if isinstance(source, str | os.PathLike) else source
    return isinstance(opened, pd.DataFrame) and is_summary(opened.rename(columns=str))


def _compared(
    a: Evidence, b: Evidence, rows: float | None, margin: float, better: str | None, paired: bool,
    run_sd: float | Noise | None, confidence: float,
) -> Comparison:  # fmt: skip
    if a.metric != b.metric:
        raise DataError(f"a was measured by {a.metric!r}, b by {b.metric!r}; name one that both have: metric=.")
    if _in_percent(a, b):
        raise DataError(
            f"scores of {a.mean:.4g} and {b.mean:.4g}: is one in percent? Give both as shares; name the metric if not."
        )
    if a.depth is not None and b.depth is not None and a.depth != b.depth:
        raise DataError(
            f"{a.name} ends at depth {a.depth:g}, {b.name} at {b.depth:g}: compare at a depth that both have, depth=."
        )
    notes = [*a.notes, *b.notes]
    if a.task != b.task and "task" not in (a.task, b.task):  # which tables without the column have
        notes.append(f"{a.name} is of task {a.task!r}, {b.name} of {b.task!r}: are they one?")
    a, b, said = _joined(a, b)
    notes += said
    if paired:
        a, b, said = _by_seed(a, b)
        notes += said
    share = a.is_share and b.is_share
    difference = a.mean - b.mean
    deviations = _deviations(a, b)
    paired_rows = deviations is not None
    if deviations is not None:
        rows_variance, rows_df = _variance_of_mean(deviations, a, b, share)
    else:
        rows_variance, rows_df = _unpaired(a, b, share), math.inf
        if np.isfinite(rows_variance):
            notes.append("rows are not paired: for these runs the bound p(1 - p)/n of each is taken, which is too wide")
    direction = better or METRICS.get(a.metric) or _guessed(a.metric)
    sign = 1.0 if direction == "higher" else -1.0
    answers, reasons = {}, {}
    if np.isfinite(rows_variance) and rows_variance > 0:
        of_runs = known(rows_variance, rows_df)
        answers[THESE_RUNS] = Answer(THESE_RUNS, difference, of_runs, margin, sign, confidence)
    elif rows_variance == 0:
        reasons[THESE_RUNS] = "they did alike on every row"
    else:
        reasons[THESE_RUNS] = "finals without their rows do not say: give outcomes, margins, or for shares eval_rows="
    mixture, reason, said = _recipes(a, b, rows, rows_variance, rows_df, paired_rows, share, paired, run_sd)
    notes += said
    if mixture is None:
        reasons[RECIPES] = reason
    else:
        by_prior = max(a.count, b.count) == 1 and run_sd is None
        answers[RECIPES] = Answer(RECIPES, difference, mixture, margin, sign, confidence, by_prior)
    if not paired and a.seeds is not None and b.seeds is not None and set(a.seeds) == set(b.seeds) and len(a.seeds) > 2:
        order = [b.seeds.index(s) for s in a.seeds]
        if np.ptp(a.finals) > 0 and np.ptp(b.finals) > 0:
            r = float(np.corrcoef(a.finals, b.finals[order])[0, 1])
            notes.append(f"both have the same seeds, correlation {r:.2f}; paired_seeds=True takes differences of pairs")
    return Comparison(a, b, difference, direction, answers, reasons, tuple(notes), confidence)


def _recipes(
    a: Evidence, b: Evidence, rows: float | None, rows_variance: float, rows_df: float, paired_rows: bool,
    share: bool, paired: bool, run_sd: float | Noise | None,
) -> tuple[Mixture | None, str, list[str]]:  # fmt: skip
    """What is known of recipe A less recipe B, or why nothing is."""
    notes: list[str] = []
    spreads = _paired_spread(a, b) if paired else (_spread(a, paired_rows), _spread(b, paired_rows))
    counts = (a.count, b.count)
    interaction = _interaction(a, b, spreads, rows_variance, paired, paired_rows, share)
    if paired_rows:
        size = a.eval_rows or len(a.row_means if a.row_means is not None else ())
        beyond = max(rows_variance - interaction, 0.0)
        variance = rows_variance if rows == math.inf else interaction + (0.0 if rows is None else beyond * size / rows)
        if rows is None:
            rows_df = math.inf if max(counts) > 1 else rows_df
    else:
        variance = interaction
        if rows is not None:
            notes.append("the recipes are compared on this evaluation set: finals do not say how far it is from others")
    if run_sd is not None and not isinstance(run_sd, Noise):
        per_run = sum(1 / n for n in counts)
        notes.append(f"sigma_run = {run_sd:g} was given")
        of_rows = known(variance, rows_df)
        return Mixture(of_rows.weights, np.sqrt(of_rows.sd**2 + run_sd**2 * per_run)), "", notes
    earlier = run_sd.spread() if isinstance(run_sd, Noise) and run_sd.runs > 1 else None
    if earlier is not None:
        notes.append(f"with the spread of {earlier.runs} earlier runs")
    if max(counts) > 1 or earlier is not None:
        if sum(s.runs - 1 for s in spreads) < 6 and min(counts) < max(counts):
            notes.append("the spread over seeds of both is taken as alike, up to a ratio of about 2")
        told = [s for s in (*spreads, *([earlier] if earlier else [])) if s.runs > 1]
        least = 1e-24 * max(a.mean**2, b.mean**2)  # below it is the rounding of sums
        if not any(s.variance > least or s.rows_part > 0 for s in told):
            return None, "all runs of a recipe have the same score: are they one run, copied?", notes
        wide = None
        if share and any(s.rows_part > 0 for s in told):
            wide = wide_prior((a.mean + b.mean) / 2, sum(s.runs - 1 for s in told), paired)
        return mixture_of(spreads, variance, rows_df, wide, earlier), "", notes
    if not share:
        return (
            None,
            "cannot be told: one run each says nothing of how runs differ; give run_sd=, or a second run",
            notes,
        )
    mean = (a.mean + b.mean) / 2
    scale, low, high = run_sd_prior(min(max(mean, 1e-4), 1 - 1e-4))
    notes.append(
        f"one run each: how far seeds differ is a prior, not data: sd {scale:.2g}, 95 % from {low:.2g} to {high:.2g}"
    )
    return mixture_of(spreads, variance, rows_df, prior=share_prior(mean)), "", notes


def _joined(a: Evidence, b: Evidence) -> tuple[Evidence, Evidence, list[str]]:
    """Both on the rows that both have, in one order."""
    if a.row_names is None or b.row_names is None:
        return a, b, []
    notes = []
    if a.row_names != b.row_names:
        where = {row: i for i, row in enumerate(b.row_names)}
        common = [(i, where[row]) for i, row in enumerate(a.row_names) if row in where]
        of_a, of_b = len(a.row_names), len(b.row_names)
        if len(common) < max(2, LEAST_COMMON * max(of_a, of_b)):
            raise DataError(
                f"a has {of_a} rows, b {of_b}, and {len(common)} are in both; at least half are needed. Is it one "
                "evaluation set, its rows named alike?"
            )
        if len(common) < max(of_a, of_b):
            notes.append(f"{len(common)} rows are in both, of {of_a} and {of_b}; the others are left out")
        kept_a, kept_b = (np.asarray(side) for side in zip(*common, strict=True))
        a, b = a.on_rows(kept_a), b.on_rows(kept_b)
    _asked_alike(a, b)
    return a, b, notes


def _asked_alike(a: Evidence, b: Evidence) -> None:
    if a.prompts is not None and b.prompts is not None and a.prompts != b.prompts:
        other = sum(x != y for x, y in zip(a.prompts, b.prompts, strict=True))
        raise DataError(
            f"{other} of {len(a.prompts)} rows were asked otherwise in a than in b (prompt, shots, version or "
            "arguments of the task): a difference would not be one of recipes."
        )


def _by_seed(a: Evidence, b: Evidence) -> tuple[Evidence, Evidence, list[str]]:
    """Both with the seeds that both have, in one order."""
    if a.seeds is None or b.seeds is None:
        raise bad_argument("paired_seeds", True, "runs that name their seeds", "Add a column seed.")
    common = [s for s in a.seeds if s in b.seeds]
    if len(common) < 2:
        raise bad_argument("paired_seeds", True, "at least two seeds that both have", f"They share {len(common)}.")
    left = len(a.seeds) + len(b.seeds) - 2 * len(common)

    def kept(e: Evidence) -> Evidence:
        assert e.seeds is not None
        at = [e.seeds.index(s) for s in common]
        if e.outcomes is None and e.row_means is not None and len(at) < len(e.seeds):
            raise DataError(f"{e.name}: margins cannot be cut to the seeds that both have.")
        outcomes = None if e.outcomes is None else e.outcomes[at]
        means = e.row_means if outcomes is None else outcomes.mean(axis=0, dtype=float)
        runs = tuple(e.runs[i] for i in at)
        return replace(e, finals=e.finals[at], runs=runs, seeds=tuple(common), outcomes=outcomes, row_means=means)

    return kept(a), kept(b), [f"{left} runs left out whose seed the other has not"] if left else []


def _deviations(a: Evidence, b: Evidence) -> Array | None:
    """Difference on each row, from the mean difference, summed over clusters; None where rows are not paired."""
    if a.row_means is None or b.row_means is None or a.row_names != b.row_names:
        return None
    d = a.row_means - b.row_means
    return by_cluster(d - d.mean(), a.cluster if a.cluster is not None else b.cluster)


def _variance_of_mean(d: Array, a: Evidence, b: Evidence, share: bool) -> tuple[float, float]:
    """Of the mean difference over rows, and its degrees of freedom."""
    assert a.row_means is not None
    size, groups = len(a.row_means), len(d)
    if groups < 2:
        raise DataError("rows: at least two (clusters of) rows are needed.")
    square = d**2 * groups / (groups - 1)
    total = float(square.sum())
    df = float(2 * square.mean() ** 2 * groups / square.var()) if total > 0 and square.var() > 0 else groups - 1.0
    if share:  # one discordant outcome more than were seen (Agresti and Min, Statistics in Medicine 24, 2005, 729-740)
        total += (size / groups) ** 2 * (1 / a.count**2 + 1 / b.count**2) / 2
    return total / size**2, max(1.0, min(df, groups - 1.0))


def _unpaired(a: Evidence, b: Evidence, share: bool) -> float:
    """Variance that rows leave at most, where they are not paired: NaN of metrics that are no shares."""
    if not share or a.eval_rows is None or b.eval_rows is None:
        return math.nan
    return sum((e.mean * (1 - e.mean) + 0.5 / e.eval_rows) / e.eval_rows for e in (a, b) if e.eval_rows)


def _spread(e: Evidence, rows_known: bool) -> Spread:
    parts = e.parts if rows_known else None
    return Spread(e.count, e.variance, 0.0 if parts is None else parts.rows_part)


def _paired_spread(a: Evidence, b: Evidence) -> tuple[Spread, ...]:
    d = a.finals - b.finals
    rows_part = 0.0
    if a.outcomes is not None and b.outcomes is not None and a.row_names == b.row_names:
        from predictlab.risk import variance_components

        cluster = a.cluster if a.cluster is not None else b.cluster
        table = np.asarray(a.outcomes, dtype=float) - np.asarray(b.outcomes, dtype=float)
        rows_part = variance_components(table, cluster).rows_part
    return (Spread(len(d), float(d.var(ddof=1)), rows_part),)


def _interaction(
    a: Evidence, b: Evidence, spreads: tuple[Spread, ...], rows_variance: float, paired: bool, paired_rows: bool,
    share: bool,
) -> float:  # fmt: skip
    """``sigma_int² / n`` in the variance of the mean difference: which run got which row right, beyond the spread."""
    if paired:
        return spreads[0].rows_part / spreads[0].runs
    if paired_rows:
        known_parts = [s.rows_part for s in spreads if s.runs > 1]
        if not known_parts:
            return rows_variance
        mean = float(np.mean(known_parts))
        return sum((s.rows_part if s.runs > 1 else mean) / s.runs for s in spreads)
    if max(a.count, b.count) == 1 and share and a.eval_rows and b.eval_rows:
        return sum(churn_prior(e.mean, 0.5) / e.eval_rows for e in (a, b) if e.eval_rows)
    return 0.0  # it is in the spread of the finals, untold


def _in_percent(a: Evidence, b: Evidence) -> bool:
    low, high = sorted((a.mean, b.mean))
    return a.metric == "score" and 0.05 <= low <= 1 and max(5, 20 * low) < high <= 100


def _guessed(metric: str) -> str:
    return "lower" if any(word in metric.lower() for word in ("loss", "perplex", "error", "mse", "mae")) else "higher"
