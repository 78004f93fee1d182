"""What a comparison found: two answers, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from predictlab._summary import Summarised, Summary
from predictlab._validation import confidence_level, generator, option, whole_number
from predictlab.comparing._evidence import Array, Evidence
from predictlab.comparing._mixture import Mixture
from predictlab.errors import DataError

if TYPE_CHECKING:
    import altair as alt

THESE_RUNS, RECIPES = "these runs", "recipes"
_SIMULATED = 20_000


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known of one difference."""

    question: str
    difference: float
    mixture: Mixture = field(repr=False)
    margin: float
    sign: float
    confidence: float
    by_prior: bool = False

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""
        return self.mixture.two_sided(self.difference)

    @property
    def probability(self) -> float:
        """Of a being better than b by more than the margin."""
        return 1 - self.mixture.tail(self.sign * self.difference - self.margin)

    def interval(self, confidence: float | None = None) -> tuple[float, float]:
        """Of the difference."""
        level = self.confidence if confidence is None else confidence
        half = self.mixture.quantile((1 - level) / 2)
        return self.difference - half, self.difference + half


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Summarised):
    """What two recipes' runs say of these runs, and of the recipes. Made by `compare`.

    Parameters
    ----------
    a, b : Evidence
        What was read, on the rows that both have.
    difference : float
        a less b, metric.
    better : {"higher", "lower"}
    answers : mapping
        ``"these runs"`` and ``"recipes"``, as far as they can be told.
    reasons : mapping
        Why one of them cannot.
    notes : tuple of str
        What was left out or taken for granted.
    confidence : float
    by_depth : pandas.DataFrame, optional
        Of recipes, where both have curves: ``depth``, ``difference``, ``lower``, ``upper``, ``verdict``, at the depths
        that both have (at most 24); intervals are of each alone.

    Examples
    --------
    >>> import predictlab as pl
    >>> found = pl.compare([0.71, 0.72, 0.73], [0.70, 0.72, 0.71], metric="accuracy")
    >>> found.verdict("recipes")
    'not told apart'
    """

    a: Evidence
    b: Evidence
    difference: float
    better: str
    answers: Mapping[str, Answer]
    reasons: Mapping[str, str]
    notes: tuple[str, ...]
    confidence: float
    by_depth: pd.DataFrame | None = field(default=None, repr=False)

    def conf_int(self, confidence: float | None = None) -> pd.DataFrame:
        """Compute intervals of the difference.

        Parameters
        ----------
        confidence : float, optional
            In (0, 1); default that of the comparison.

        Returns
        -------
        pandas.DataFrame
            Index ``these runs``, ``recipes``; columns ``lower``, ``upper``, metric; NaN where it cannot be told.
        """
        level = self.confidence if confidence is None else confidence_level(confidence)
        table = {q: self.answers[q].interval(level) if q in self.answers else (math.nan, math.nan) for q in _QUESTIONS}
        return pd.DataFrame.from_dict(table, orient="index", columns=["lower", "upper"])

    @property
    def probability(self) -> pd.Series:
        """Of a being better than b by more than the margin, for these runs and for the recipes; NaN where unknown."""
        return pd.Series({q: self.answers[q].probability if q in self.answers else math.nan for q in _QUESTIONS})

    @property
    def p_value(self) -> pd.Series:
        """Two-sided p-values of no difference, for these runs and for the recipes; NaN where unknown."""
        return pd.Series({q: self.answers[q].p_value if q in self.answers else math.nan for q in _QUESTIONS})

    def verdict(self, question: str = RECIPES) -> str:
        """Say what the interval says.

        Parameters
        ----------
        question : {"recipes", "these runs"}

        Returns
        -------
        str
            ``"a is better"``, ``"b is better"``, ``"not told apart"``, or ``"cannot be told"``.
        """
        answer = self.answers.get(option("question", question, _QUESTIONS))
        if answer is None:
            return "cannot be told"
        lower, upper = answer.interval()
        if lower <= 0 <= upper:
            return "not told apart"
        return f"{self.a.name if (lower > 0) == (self.better == 'higher') else self.b.name} is better"

    def summary(self) -> Summary:
        """Put both answers and what they rest on on one screen.

        Returns
        -------
        Summary
        """
        a, b = self.a, self.b
        lines: list[str | pd.DataFrame] = []
        for e in (a, b):
            rows = "" if e.eval_rows is None else f" on {e.eval_rows:,} rows"
            runs = "1 run" if e.count == 1 else f"{e.count} runs, sd {math.sqrt(e.variance):.3g}"
            lines.append(f"{e.name}: {e.mean:.4g}, {runs}{rows}")
        asked = {THESE_RUNS: "Do these runs differ on the population of rows?",
                 RECIPES: f"Is recipe {a.name} better than recipe {b.name}?"}  # fmt: skip
        for q in _QUESTIONS:
            answer = self.answers.get(q)
            if answer is None:
                lines.append(f"{asked[q]} {self.reasons[q]}.")
                continue
            lower, upper = answer.interval()
            by = f" by more than {answer.margin:g}" if answer.margin else ""
            lines.append(
                f"{asked[q]} {self.verdict(q)}{', under the prior below' * answer.by_prior}: "
                f"{self.difference:+.3g} [{lower:+.3g}, {upper:+.3g}], "
                f"p = {answer.p_value:.2g}, probability that {a.name} is better{by}: {answer.probability:.2f}"
            )
        title = f"{a.name} against {b.name}: {a.metric}, {100 * self.confidence:g} % intervals"
        return Summary(title, *lines, *self.notes)

    def to_dict(self) -> dict[str, object]:
        """Put the answers in plain types, for JSON.

        Returns
        -------
        dict
        """
        told: dict[str, dict[str, str | float]] = {}
        for q in _QUESTIONS:
            answer = self.answers.get(q)
            if answer is None:
                told[q] = {"verdict": "cannot be told", "reason": self.reasons[q]}
                continue
            lower, upper = answer.interval()
            told[q] = {"verdict": self.verdict(q), "lower": lower, "upper": upper, "p_value": answer.p_value,
                       "probability": answer.probability, "margin": answer.margin,
                       "by_prior": answer.by_prior}  # fmt: skip
        sides = {e.name: {"mean": e.mean, "runs": e.count, "rows": e.eval_rows} for e in (self.a, self.b)}
        return {"metric": self.a.metric, "difference": self.difference, "better": self.better,
                "confidence": self.confidence, "sides": sides, "answers": told, "notes": list(self.notes),
                "by_depth": _plain(self.by_depth)}  # fmt: skip

    def checks(self, *, draws: int = 10_000, rng: int | np.random.Generator | None = None) -> pd.DataFrame:
        """Ask the same of the recipes by other means, which know less or assume more.

        Parameters
        ----------
        draws : int
            Assignments of runs that are tried where there are more than 20,000.
        rng : int, numpy.random.Generator or None
            Where they come from; None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            ``difference``, ``lower``, ``upper`` (metric; NaN where the method gives none), ``p_value``, ``note``, of:
            the permutation of runs (three of each or more), Welch's t test of the means, and statsmodels' mixed model
            with runs and rows as crossed random effects (up to 1,500 outcomes; NaN where it does not converge).

        Examples
        --------
        >>> import predictlab as pl
        >>> found = pl.compare([0.71, 0.72, 0.73], [0.70, 0.69, 0.71], metric="accuracy")
        >>> found.checks()["p_value"].round(3).tolist()
        [0.2, 0.07, nan]
        """
        from predictlab.comparing._checks import checked

        whole_number("draws", draws, 100, "a number of assignments")
        return checked(self.a, self.b, self.confidence, draws, generator(rng))

    def plot(self) -> alt.LayerChart:
        """Draw both intervals of the difference.

        Returns
        -------
        altair.LayerChart
        """
        from predictlab.charts import comparison_chart

        return comparison_chart(self)


@dataclass(frozen=True, eq=False, repr=False)
class Comparisons(Summarised):
    """Several comparisons, with p-values that account for there being several. Made by `compare`.

    Parameters
    ----------
    of : mapping
        Name -> `Comparison`.
    adjust : {"holm", "dunnett", "none"}
    what : {"recipe", "task"}
    confidence : float

    Examples
    --------
    >>> import predictlab as pl
    >>> base = [0.70, 0.72, 0.71]
    >>> found = pl.compare({"x": [0.71, 0.72, 0.73], "y": [0.80, 0.81, 0.79]}, base, metric="accuracy")
    >>> found.frame()["verdict"].tolist()
    ['not told apart', 'y is better']
    """

    of: Mapping[str, Comparison]
    adjust: str
    what: str
    confidence: float

    def frame(self, question: str = RECIPES) -> pd.DataFrame:
        """Tabulate all comparisons.

        Parameters
        ----------
        question : {"recipes", "these runs"}

        Returns
        -------
        pandas.DataFrame
            ``recipe`` or ``task``, ``difference``, ``lower``, ``upper`` (of each alone; simultaneous with Dunnett),
            ``probability``, ``p_value``, ``p_adjusted``, ``verdict`` (by the adjusted p-value).
        """
        option("question", question, _QUESTIONS)
        names, found = list(self.of), list(self.of.values())
        p = np.array([c.answers[question].p_value if question in c.answers else math.nan for c in found])
        told = np.isfinite(p)
        adjusted, level = np.full(len(p), math.nan), self.confidence
        if self.adjust == "dunnett" and told.any():
            largest = _largest(_correlation([c for c, t in zip(found, told, strict=True) if t], question))
            adjusted[told] = [float(np.mean(largest >= norm.isf(v / 2))) for v in p[told]]
            level = float(1 - 2 * norm.sf(np.quantile(largest, self.confidence)))
        elif self.adjust == "holm" and told.any():
            from statsmodels.stats.multitest import multipletests

            adjusted[told] = multipletests(p[told], method="holm")[1]
        else:
            adjusted[told] = p[told]
        table = []
        for i, c in enumerate(found):
            lower, upper = c.conf_int(level).loc[question]
            verdict = "cannot be told" if not told[i] else "not told apart"
            if told[i] and adjusted[i] < 1 - self.confidence:
                verdict = f"{c.a.name if (c.difference > 0) == (c.better == 'higher') else c.b.name} is better"
            table.append((names[i], c.difference, lower, upper, c.probability[question], p[i], adjusted[i], verdict))
        columns = [self.what, "difference", "lower", "upper", "probability", "p_value", "p_adjusted", "verdict"]
        return pd.DataFrame(table, columns=columns)

    def summary(self) -> Summary:
        """Put the tables of both questions on one screen.

        Returns
        -------
        Summary
        """
        notes = dict.fromkeys(note for c in self.of.values() for note in c.notes)
        how = {"holm": "Holm", "dunnett": "Dunnett by simulation", "none": "none"}[self.adjust]
        return Summary(
            f"{len(self.of)} comparisons, p-values adjusted: {how}",
            "Recipes:", self.frame(RECIPES), "These runs, on the population of rows:", self.frame(THESE_RUNS), *notes,
        )  # fmt: skip

    def to_dict(self) -> dict[str, object]:
        """Put all comparisons in plain types, for JSON.

        Returns
        -------
        dict
        """
        adjusted = {q: self.frame(q).set_index(self.what)["p_adjusted"].to_dict() for q in _QUESTIONS}
        return {"adjust": self.adjust, "p_adjusted": adjusted, "of": {n: c.to_dict() for n, c in self.of.items()}}


_QUESTIONS = (THESE_RUNS, RECIPES)


def _plain(table: pd.DataFrame | None) -> dict[str, list[object]] | None:
    """Columns as lists, for JSON; None where unknown."""
    if table is None:
        return None
    return {str(c): [None if pd.isna(v) else v for v in table[c].tolist()] for c in table}


def _correlation(found: list[Comparison], question: str) -> Array:
    """Of differences that share their base: what the base's runs and rows add to two of them."""
    variance = np.array(
        [float(c.answers[question].mixture.weights @ c.answers[question].mixture.sd ** 2) for c in found]
    )
    base = found[0].b
    if any(c.b.runs != base.runs or c.b.row_names != base.row_names for c in found):
        raise DataError("dunnett: all have to be compared with one base on one set of rows. Take adjust='holm'.")
    shared = 0.0
    if question == RECIPES and base.count > 1:
        runs = base.variance if base.parts is None else max(base.parts.run, 0.0)
        shared = runs / base.count
    out = np.eye(len(found))
    for i in range(len(found)):
        for k in range(i):
            rows = 0.0
            first, second = found[i].a.row_means, found[k].a.row_means
            if first is not None and second is not None and base.row_means is not None and len(first) == len(second):
                rows = max(0.0, float(np.cov(first - base.row_means, second - base.row_means)[0, 1]) / len(first))
            out[i, k] = out[k, i] = min((shared + rows) / math.sqrt(variance[i] * variance[k]), 0.95)
    return out


def _largest(correlation: Array) -> Array:
    """Sizes of the largest of correlated normal deviates, simulated."""
    rng = np.random.default_rng(0)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.abs(rng.standard_normal((_SIMULATED, len(correlation))) @ root.T).max(axis=1))
