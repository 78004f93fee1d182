"""Models ranked on one data set by a static score, with what the rows leave open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, library_seed, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._evaluate import STATISTICS, Rows
from predictlab.static._features_table import PERMUTATIONS, check_settings, null_of, statistic_of
from predictlab.static._inputs import check_layers, checked, rows_used
from predictlab.static._intervals import GROUPS, jackknife_error, t_ends, without_groups
from predictlab.static._methods import chosen
from predictlab.task import Dataset, Recipe


@dataclass(frozen=True, repr=False)
class Ranking(Summarised):
    """Models in the order of a static score; a notebook shows it as a table.

    Parameters
    ----------
    data, method : str
        What they were scored on, and by what.
    table : DataFrame
        The best first: ``model, value, lower, upper, null, says, behind`` (the best's score less this one's),
        ``behind_lower, behind_upper``, ``apart``, whether that interval is above 0.
    confidence : float
        Of each interval.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> table = pd.DataFrame({"model": ["a", "b", "c"], "apart": [False, False, True]})
    >>> pl.static.Ranking("data", "hscore", table, 0.95).candidates
    ['a', 'b']
    """

    data: str
    method: str
    table: pd.DataFrame = field(repr=False)
    confidence: float

    @property
    def candidates(self) -> list[str]:
        """The best and those that these rows do not tell from it."""
        return self.table.loc[~self.table["apart"].astype(bool), "model"].tolist()

    def summary(self) -> Summary:
        """The order, and what is open.

        Returns
        -------
        Summary
        """
        left = self.candidates
        open_ = "the first is told from all others" if len(left) == 1 else f"not told apart: {', '.join(left)}"
        lines: list[str | pd.DataFrame] = [self.table.reset_index(drop=True)]
        lines.append(f"By these rows {open_} ({self.confidence:.0%} each). A rank by {self.method} is not an outcome.")
        return Summary(f"Models on {self.data} by {self.method}", *lines)


def rank(
    models: Iterable[str | Path],
    data: Dataset,
    method: str = "hscore",
    *,
    recipe: Recipe | None = None,
    layers: str | int = "mean",
    max_rows: int = 2000,
    confidence: float = 0.95,
    permutations: int = PERMUTATIONS,
    cache: bool = True,
    progress: bool = False,
    rng: Rng = None,
) -> Ranking:
    """Rank models on a data set by a static score of their frozen features.

    Parameters
    ----------
    models : iterable of str or pathlib.Path
        At least two, as of ``pl.Task``.
    data : Dataset
        Texts with labels.
    method : str
        A score of classes, see ``pl.static.methods()``.
    recipe : Recipe, optional
        Gives ``max_length`` and ``pooling``.
    layers, max_rows, confidence, permutations, cache, progress, rng
        As of `score`. ``layers="each"`` is refused: the best of many layers is a choice that favours deep models.

    Returns
    -------
    Ranking
        The same rows are scored for all models, and the same groups of them left out in turn: the interval of a
        difference is that of a jackknife of differences. Each interval is at `confidence` by itself.

    Raises
    ------
    ArgumentError
        Fewer than two models, one named twice, an unknown method, or a setting out of range.
    DataError
        Data without labels, or fewer than twenty rows.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = [(f"a {word} film, number {i}", word == "fine") for i in range(40) for word in ("fine", "dull")]
    >>> data = pl.load_dataset(pd.DataFrame(rows, columns=["text", "label"]), eval_size=10)
    >>> ranking = pl.rank(["minilm-l6", "minilm-l3"], data)
    >>> len(ranking.table)
    2
    """
    names = [models] if isinstance(models, str | Path) else list(models)
    if len(names) < 2 or len({str(name) for name in names}) < len(names):
        raise bad_argument("models", names, "at least two models, each once")
    if not isinstance(data, Dataset):
        raise bad_argument("data", data, "a Dataset", "Load it with pl.load_dataset(...).")
    if data.kind == "completions":
        raise DataError(
            f"{data.name} has completions, and losses before training rank fine-tunes of language models no better "
            "than chance (docs/static.md). Fine-tune each on three small sizes of data, and rank by what "
            "pl.static.rectified_law(sizes, losses).predict(all) expects."
        )
    if not isinstance(method, str) or method == "all":
        raise bad_argument("method", method, "the name of one score", "Score with several by pl.score(task).")
    [score_name] = chosen(method, "classes")
    check_settings(confidence, 0, permutations)
    whole_number("max_rows", max_rows, 2 * GROUPS)
    check_layers(layers, ("mean", "last"))
    recipe, seed = recipe or Recipe(), library_seed(rng)
    labels = data.train["label"].to_numpy()
    rows = rows_used(len(labels), max_rows, seed)
    if len(rows) < 2 * GROUPS:
        raise DataError(f"{data.name} has {len(rows)} training rows; an interval needs {2 * GROUPS}.")

    from predictlab.catalog._layers import layer_features

    texts = data.train["text"].iloc[rows].tolist()
    found, parts = [], []
    for name in names:
        features = layer_features(
            name, texts, recipe.max_length, recipe.pooling, layers, cache=cache, progress=progress
        )  # fmt: skip
        with threadpool_limits(1, user_api="blas"):
            scored = scored_rows(score_name, next(iter(features.values())), labels[rows], permutations, seed)
        found.append((str(name), *scored[:2]))
        parts.append(scored[2])
    return Ranking(data.name, score_name, ranked(found, np.array(parts), confidence), confidence)


def scored_rows(
    method: str, features: np.ndarray, labels: np.ndarray, permutations: int, seed: int
) -> tuple[float, float, np.ndarray]:
    """Value, highest score of permuted labels, and the scores without each group of rows."""
    x, codes, _ = checked(features, labels)
    rows = Rows(x, codes, seed)
    value = STATISTICS[method](rows)
    parts = without_groups(partial(statistic_of, method, rows), len(rows), rng=seed)
    return value, null_of(method, rows, permutations), parts


def ranked(found: list[tuple[str, float, float]], parts: np.ndarray, confidence: float) -> pd.DataFrame:
    """The table of a ranking from (name, value, null) and the scores without each group (models, groups)."""
    df = parts.shape[1] - 1
    best = int(np.argmax([value for _, value, _ in found]))
    records = []
    for i, (name, value, null) in enumerate(found):
        ends = t_ends(value, jackknife_error(parts[i]), df, confidence)
        behind = found[best][1] - value
        least, most = t_ends(behind, jackknife_error(parts[best] - parts[i]), df, confidence)
        says = "" if np.isnan(null) else "something" if value > null else "nothing"
        apart = i != best and bool(least > 0)  # without an interval (NaN) nothing is told apart
        records.append((name, value, *ends, null, says, behind, least, most, apart))
    columns = ["model", "value", "lower", "upper", "null", "says", "behind", "behind_lower", "behind_upper", "apart"]
    return pd.DataFrame(records, columns=columns).sort_values("value", ascending=False, ignore_index=True)
