"""What a Trainer's evaluation made of each row: taken from its metrics function, identified by its data set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import SequentialSampler

from predictlab.errors import bad_argument
from predictlab.runs._outcomes import row_ids

log = logging.getLogger("predictlab")
PADDING = -100  # with which a Trainer fills up labels of unequal length
LABELS = ("labels", "label", "label_ids")

Values: TypeAlias = NDArray[Any]
RowMetrics: TypeAlias = Callable[[Any], Mapping[str, Any]]


class EvaluationRows:
    """Outcomes of the rows of a Trainer's last evaluation, between its metrics function and the callback."""

    def __init__(self) -> None:
        self._latest: dict[str, Values] = {}
        self._labels: list[str] = []
        self._batches: list[tuple[dict[str, Any], list[str]]] = []
        self._known: tuple[Any, bytes] | None = None  # a data set and its rows' identities
        self._told = False

    def metrics_of(self, by_row: RowMetrics) -> Callable[..., dict[str, float]]:
        """Make the function of metrics: means of what `by_row` gives, which is kept."""

        def compute_metrics(evaluated: Any, compute_result: bool | None = None) -> dict[str, float]:
            found, labels = dict(by_row(evaluated)), label_texts(evaluated.label_ids)
            if compute_result is not None:  # batch_eval_metrics: one batch at a time
                self._batches.append((found, labels))
                if not compute_result:
                    return {}
                found, labels = joined(self._batches)
                self._batches = []
            self._latest = {name: checked(name, v, len(labels)) for name, v in found.items() if plain(v).ndim}
            self._labels = labels
            means = {name: float(np.mean(v, dtype=float)) for name, v in self._latest.items()}
            return {name: means[name] if name in means else float(v) for name, v in found.items()}

        return compute_metrics

    def take(self, metrics: Mapping[str, float], loader: Any) -> tuple[dict[str, Values], bytes] | None:
        """Outcomes by the names that the Trainer gave their means, and identities of the rows; None without any."""
        latest, self._latest = self._latest, {}
        named = {f"eval_{name}": values for name, values in latest.items() if f"eval_{name}" in metrics}
        if not named:
            if latest and not self._told:
                self._told = True
                log.warning(
                    "Outcomes of rows are kept of one evaluation set, whose metrics are named eval_%s; of %s they are "
                    "not.", next(iter(latest)), ", ".join(sorted(metrics)),
                )  # fmt: skip
            return None
        rows = len(next(iter(named.values())))
        data = getattr(loader, "dataset", None)
        if self._known is None or self._known[0] is not data or len(self._known[1]) // 8 != rows:
            texts = row_texts(loader, rows)
            if texts is None:
                return named, row_ids(self._labels)
            self._known = data, row_ids(texts)
        return named, self._known[1]


def plain(values: Any) -> Values:
    """An array of numpy's: with batch_eval_metrics a Trainer gives tensors, on its device."""
    return np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)


def checked(name: str, values: Any, rows: int) -> Values:
    """Outcomes as a store takes them: bool where all are 0 or 1, else floats."""
    array = plain(values)
    if array.shape != (rows,) or not (array.dtype == bool or np.issubdtype(array.dtype, np.number)):
        expected = f"one number or bool for each of the {rows} rows, or one number alone for a metric that is no mean"
        raise bad_argument(f"by_row(...)[{name!r}]", f"array of shape {array.shape} and {array.dtype}", expected)
    if np.issubdtype(array.dtype, np.integer) and np.isin(array, (0, 1)).all():
        return array.astype(bool)
    return array if array.dtype == bool else array.astype(float)


def joined(batches: list[tuple[dict[str, Any], list[str]]]) -> tuple[dict[str, Any], list[str]]:
    """One evaluation from its batches."""
    first = batches[0][0]
    if alone := [name for name, value in first.items() if not plain(value).ndim]:
        expected = "an outcome for each row where batch_eval_metrics is on"
        hint = "A metric that is no mean over rows needs all of them at once: batch_eval_metrics=False."
        raise bad_argument(f"by_row(...)[{alone[0]!r}]", first[alone[0]], expected, hint)
    outcomes = {name: np.concatenate([plain(found[name]) for found, _ in batches]) for name in first}
    return outcomes, [text for _, labels in batches for text in labels]


def label_texts(labels: Any) -> list[str]:
    """What is known of each row from its label alone, without the padding."""
    array = plain(labels[0] if isinstance(labels, (tuple, list)) else labels)
    return [str(row[row != PADDING].tolist() if np.ndim(row) else row) for row in array]


def row_texts(loader: Any, rows: int) -> list[str] | None:
    """What each row of a loader's data set says; None where they cannot be looked at in their order."""
    sampler: Any = getattr(loader, "batch_sampler", None)
    while hasattr(sampler, "batch_sampler"):
        sampler = sampler.batch_sampler
    data: Any = getattr(loader, "dataset", None)
    if not isinstance(getattr(sampler, "sampler", None), SequentialSampler) or not hasattr(data, "__getitem__"):
        return None
    if not hasattr(data, "__len__") or len(data) != rows:
        return None
    items = [data[i] for i in range(rows)]
    return [row_text(item) for item in items] if all(isinstance(item, Mapping) for item in items) else None


def row_text(item: Mapping[str, Any]) -> str:
    """A row by its tokens and labels, or by all it has where there are no tokens."""
    named = [k for k in ("input_ids", *LABELS) if k in item] if "input_ids" in item else sorted(item)
    return "\x1f".join(f"{k}={plain(item[k]).tolist()}" for k in named)
