"""Static scores of a task: features of the frozen model, extracted once, scored, beside controls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, library_seed, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._controls import controls_of
from predictlab.static._features_table import PERMUTATIONS, check_settings, score_features
from predictlab.static._inputs import check_layers, rows_used
from predictlab.static._methods import chosen
from predictlab.task import Task

if TYPE_CHECKING:
    import altair as alt

LAYERS = ("mean", "last", "each")
MOST = {"labels": 2000, "completions": 256}  # rows that are used, unless more are asked for


@dataclass(frozen=True, repr=False)
class StaticScores(Summarised):
    """Static scores of a task; a notebook shows them as tables.

    Parameters
    ----------
    task : str
        Name of the task.
    table : DataFrame
        The scores: as of `score_features`, with ``task``, ``layer``, ``train_rows`` that the task has and
        ``feature_seconds`` of computing the features (of reading them, where they had been kept).
    controls : DataFrame
        What needs no pre-training, with columns ``control, method, value, lower, upper, note``; empty unless asked
        for.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> table = pd.DataFrame({"method": ["hscore"], "layer": ["mean"], "value": [1.5]})
    >>> pl.static.StaticScores("a task", table, pd.DataFrame()).value("hscore")
    1.5
    """

    task: str
    table: pd.DataFrame
    controls: pd.DataFrame

    def value(self, method: str, layer: str | None = None) -> float:
        """One score.

        Parameters
        ----------
        method : str
            Of those that were computed.
        layer : str, optional
            Of those that were scored; None is the first.

        Returns
        -------
        float

        Raises
        ------
        ArgumentError
            A method or layer that is not in the table.
        """
        rows = self.table[self.table["method"] == method]
        if not len(rows):
            raise bad_argument("method", method, f"one of {', '.join(self.table['method'].unique())}")
        if layer is not None:
            rows = rows[rows["layer"] == str(layer)]
            if not len(rows):
                raise bad_argument("layer", layer, f"one of {', '.join(self.table['layer'].unique())}")
        return float(rows["value"].iloc[0])

    def plot(self, *, width: int = 420) -> alt.VConcatChart:
        """Draw the scores beside what permuted labels reach, and the controls.

        Parameters
        ----------
        width : int
            Pixels.

        Returns
        -------
        altair.VConcatChart
            See `predictlab.charts.scores_chart`.
        """
        from predictlab.charts import scores_chart

        return scores_chart(self, width=width)

    def summary(self) -> Summary:
        """Scores and controls, and what to read first.

        Returns
        -------
        Summary
        """
        columns = ["method", "layer", "value", "lower", "upper", "null", "says", "note"]
        table = self.table[[c for c in columns if c in self.table]]
        parts: list[str | pd.DataFrame] = [table.reset_index(drop=True)]
        if "says" in table and (table["says"] == "nothing").any():
            silent = table.loc[table["says"] == "nothing", "method"].unique()
            parts.append(f"Says nothing here (no better than its null): {', '.join(silent)}.")
        if len(self.controls):
            parts += ["Controls, which no pre-training is in:", self.controls.reset_index(drop=True)]
        parts.append("Intervals: another draw of as many rows, not the outcome of a fine-tune.")
        return Summary(f"Static scores of {self.task}", *parts)


def score(
    task: Task,
    methods: str | Sequence[str] | None = None,
    *,
    layers: str | int = "mean",
    max_rows: int | None = None,
    shots: int = 4,
    confidence: float = 0.95,
    draws: int = 0,
    permutations: int = PERMUTATIONS,
    controls: bool = False,
    cache: bool = True,
    progress: bool = False,
    rng: Rng = None,
) -> StaticScores:
    """Static scores of a task: what its model says about its training rows before any training.

    Parameters
    ----------
    task : Task
        With labels: the model's pooled features of the training texts are computed once and shared by the methods.
        Labels are those that training would see, ``task.labels("train")``, so `label_noise` is in them. With
        completions: what the model, as it comes, gives them; log-probabilities are computed once a setting.
    methods : str, sequence of str, or None
        Names from ``pl.static.methods()``, ``"all"``, or None for the usual ones.
    layers : {"mean", "last", "each"} or int
        Of the hidden states, pooled as the recipe says: their mean over the model's layers, the last, each of them, or
        one (1 is the first; embeddings are none). Only for labels.
    max_rows : int, optional
        Training rows used, >= 2; a random choice of them (by `rng`, in their order) where there are more. None: 2,000
        with labels, and 256 with completions, which take about as long as so many rows of training for each setting.
    shots : int
        Demonstrations of ``bits_per_byte_shots`` and ``in_context_gain``, >= 2: training rows, the same before every
        row.
    confidence : float in (0, 1)
        Of the intervals.
    draws : int
        Halves of the rows for bootstrap intervals; 0 for the intervals that ``methods()`` names.
    permutations : int
        Times that labels are dealt anew for the null; 0 for none. With completions any number above 0 is one shuffle of
        prompts, or of the demonstrations' completions, for each costs as much as the score.
    controls : bool
        Score beside them what needs no pre-training: the largest class and a bag of words, or codes that know no
        language; the model's size, and the same architecture with random weights, which costs as much as the model.
    cache : bool
        Keep what the model computed in ``pl.catalog.cache_dir()``, by content of model, texts and settings: a scoring
        that was interrupted goes on where it was.
    progress : bool
        Show a bar over texts.
    rng : None, int or numpy.random.Generator
        Of the choice of rows, groups, folds, permutations, demonstrations; None is seed 0.

    Returns
    -------
    StaticScores
        ``table`` with a row per method (and layer); ``controls``.

    Raises
    ------
    ArgumentError
        An unknown method, one for other data (with the reason), or a setting out of range.
    DataError
        Features or labels that no score can be computed from; empty completions, or ones that do not fit into the
        recipe's ``max_length``; too few rows.
    ModelError
        A model that shows no hidden states; for completions, one without a language-model head.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = [(f"a {word} film, number {i}", word == "fine") for i in range(20) for word in ("fine", "dull")]
    >>> data = pl.load_dataset(pd.DataFrame(rows, columns=["text", "label"]), eval_size=10)
    >>> scores = pl.score(pl.Task("minilm-l6", data), "knn")
    >>> scores.value("knn") > 0.9
    True
    """
    _is_task(task)
    completions = task.data.kind == "completions"
    names = chosen(methods, "completions" if completions else "classes")
    check_settings(confidence, draws, permutations)
    check_layers(layers, LAYERS)
    whole_number("shots", shots, 2)
    seed = library_seed(rng)
    most = MOST[task.data.kind] if max_rows is None else whole_number("max_rows", max_rows, 2)
    rows = rows_used(len(task.data.train), most, seed)
    if completions:
        if layers != "mean":
            raise bad_argument("layers", layers, "'mean', its default, for completions", "No layer is scored there.")
        settings = {"shots": shots, "confidence": confidence, "draws": draws, "permutations": permutations}
        return _of_completions(task, names, rows, controls, cache, progress, seed, settings)
    labels = task.labels("train")
    texts = task.data.train["text"].iloc[rows].tolist()
    length, pooling = task.recipe.max_length, task.recipe.pooling

    from predictlab.catalog._layers import layer_features

    start = time.perf_counter()
    features = layer_features(task.model, texts, length, pooling, layers, cache=cache, progress=progress)
    seconds = time.perf_counter() - start
    parts = []
    for layer, x in features.items():
        part = score_features(
            x, labels[rows], names, confidence=confidence, draws=draws, permutations=permutations, rng=seed
        )
        part.insert(0, "layer", layer)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "task", task.name)
    table = table.assign(train_rows=len(labels), feature_seconds=seconds)
    beside = pd.DataFrame()
    if controls:
        first = "mean" if layers == "each" else layers
        beside = controls_of(task.model, texts, labels[rows], names, length, pooling, first, confidence, seed, progress)
    return StaticScores(str(task.name), table, beside)


def _of_completions(
    task: Task, names: list[str], rows: np.ndarray, controls: bool, cache: bool, progress: bool, seed: int,
    settings: dict[str, Any],
) -> StaticScores:  # fmt: skip
    from predictlab.catalog._completions import Completer
    from predictlab.static._score_completions import score_completions

    part = task.data.train.iloc[rows]
    completer = Completer(
        task.model, part["prompt"].tolist(), part["completion"].tolist(), task.recipe.max_length, task.data.name,
        "train", str(task.name), cache=cache, progress=progress,
    )  # fmt: skip
    return StaticScores(
        str(task.name), *score_completions(task, names, completer, rows, controls=controls, seed=seed, **settings)
    )


def features_of(
    task: Task,
    *,
    layers: str | int = "mean",
    max_rows: int = 2000,
    cache: bool = True,
    progress: bool = False,
    rng: Rng = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Features of a task's frozen model and the labels of the same rows, as `score` uses them.

    Parameters
    ----------
    task : Task
        With labels.
    layers : {"mean", "last"} or int
        As of `score`; one at a time.
    max_rows, cache, progress, rng
        As of `score`.

    Returns
    -------
    features : ndarray, float32 (n, d)
    labels : ndarray of int64 (n,)
        Those that training would see, noise included.

    Raises
    ------
    ArgumentError, DataError, ModelError
        As of `score`.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = [(f"a {word} film, number {i}", word == "fine") for i in range(20) for word in ("fine", "dull")]
    >>> data = pl.load_dataset(pd.DataFrame(rows, columns=["text", "label"]), eval_size=10)
    >>> features, labels = pl.static.features_of(pl.Task("minilm-l6", data))
    >>> features.shape, labels.shape
    ((30, 384), (30,))
    """
    _is_task(task)
    if task.data.kind == "completions":
        raise DataError(
            f"task {task.name!r}: features are rated against labels, and {task.data.name} has completions. "
            "pl.score(task) scores what the model makes of those."
        )
    check_layers(layers, ("mean", "last"))
    rows = rows_used(len(task.data.train), whole_number("max_rows", max_rows, 2), library_seed(rng))

    from predictlab.catalog._layers import layer_features

    texts = task.data.train["text"].iloc[rows].tolist()
    recipe = task.recipe
    found = layer_features(
        task.model, texts, recipe.max_length, recipe.pooling, layers, cache=cache, progress=progress
    )  # fmt: skip
    return next(iter(found.values())), task.labels("train")[rows]


def _is_task(task: Task) -> None:
    if not isinstance(task, Task):
        raise bad_argument("task", task, "a pl.Task", "For arrays use pl.static.score_features(features, labels).")
