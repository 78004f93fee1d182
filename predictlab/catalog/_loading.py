"""``load_dataset``: any source of labelled texts, or of prompts with completions, becomes a ``Dataset``.

Every row left out is counted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from predictlab._validation import whole_number
from predictlab.catalog import _sources as sources
from predictlab.catalog._fetching import paths_of
from predictlab.catalog._records import DATASETS, did_you_mean
from predictlab.errors import DataError, bad_argument
from predictlab.task import Dataset

if TYPE_CHECKING:
    import datasets

_SHOWN_ROWS = 5


def load_dataset(
    source: str | os.PathLike[str] | pd.DataFrame | datasets.Dataset,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    eval_size: int | float = 500,
    train_size: int | None = None,
    seed: int = 0,
    classes: Sequence[Hashable] | None = None,
    name: str | None = None,
    prompt: str | None = None,
    completion: str | None = None,
) -> Dataset:
    """Labelled texts, or prompts with completions, split once into training and evaluation rows.

    Parameters
    ----------
    source : str, path, pandas.DataFrame or datasets.Dataset
        Name in ``pl.catalog.datasets()``; a csv, tsv, jsonl, json or parquet file (UTF-8, may be compressed);
        or a table. A catalog name goes before a file of the same name.
    text : str or list of str, optional
        Column of the text; several are joined by ``" [SEP] "``. Default: a column with a usual name.
    label : str, optional
        Column of the label, of any type. Default: a column with a usual name.
    eval_size : int or float
        Evaluation rows, or their share in (0, 1). The split keeps the classes' proportions, and leaves at
        least one row of each class for training. Where the source has official test rows (``newsgroups20``,
        ``reuters_r8``, ``reuters_r52``), evaluation rows are drawn from those only and training rows from the
        others only.
    seed : int
        Of the split. The same seed gives the same rows in the same order.
    train_size : int, optional
        Keep this many training rows, in the classes' proportions; default all.
    classes : sequence, optional
        Labels that exist, in the order wanted. Default: those found, numbers in numeric order, else
        alphabetically.
    name : str, optional
        Default: the catalog name, the file's stem, or ``"data"``.
    prompt, completion : str, optional
        Columns of the prompt and of what a causal language model has to answer; both are kept as they stand, white
        space included: no separator is put between them. Either one makes it a data set of completions, without
        labels; so do columns called ``prompt`` and ``completion``, unless `text` or `label` is given. Default of the
        other one: a column with a usual name.

    Returns
    -------
    Dataset
        Its `report` counts the rows read, kept and left out by reason, and lists the first rows of each
        reason (0 is the first row of data). For the user's own data a ``UserWarning`` says the same; the
        catalog's files are pinned, so theirs is in the report alone.

    Raises
    ------
    DataError
        Unknown source, column not found, unreadable file, a single class, or fewer rows than the split needs.
    ArgumentError
        An argument of the wrong kind.
    CatalogError
        From the first fetch of a catalog data set.

    Notes
    -----
    Left out are rows with a missing text or label, a label not in `classes`, repeats of an earlier row (same
    text and label), and training rows whose text is also an evaluation row's. Texts that occur with more than
    one label are kept, and counted: no model can learn them. The same holds of prompts and completions.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> table = pd.DataFrame({"review": [f"text {i}" for i in range(20)], "stars": [i % 2 for i in range(20)]})
    >>> data = pl.load_dataset(table, text="review", label="stars", eval_size=6)
    >>> len(data.train), len(data.eval), data.classes
    (14, 6, ('0', '1'))
    """
    whole = isinstance(eval_size, int | np.integer) and not isinstance(eval_size, bool) and eval_size >= 1
    if not whole and not (isinstance(eval_size, float | np.floating) and 0 < eval_size < 1):
        raise bad_argument("eval_size", eval_size, "a whole number of rows >= 1, or a share in (0, 1)")
    if train_size is not None:
        train_size = whole_number("train_size", train_size, 1)
    rng = np.random.default_rng(whole_number("seed", seed))
    columns = {"text": text, "label": label, "prompt": prompt, "completion": completion}
    table, default_name, shown, own = _read(source, columns)
    report = _Report(shown, len(table))
    table, names = _usable(table, classes, report)
    train, evaluation = _split(table, eval_size, train_size, rng, len(names), report)
    report.counts |= {"train": len(train), "eval": len(evaluation)}
    if report.first_rows:
        report.counts["first rows"] = report.first_rows
        if own:
            warnings.warn(report.sentence(), stacklevel=2)
    return Dataset(name or default_name, train, evaluation, names, report.counts, shown)


class _Report:
    """What was read of a source, and which rows are left out: counts by reason, and the first rows of each."""

    def __init__(self, source: str, rows: int) -> None:
        self.source, self.rows = source, rows
        self.counts: dict[str, Any] = {"rows read": rows}
        self.first_rows: dict[str, list[int]] = {}

    def note(self, what: str, count: int) -> None:
        if count:
            self.counts[what] = int(count)

    def leave_out(self, table: pd.DataFrame, reason: str, bad: pd.Series) -> pd.DataFrame:
        """`table` without its `bad` rows; the index keeps the row numbers of the source."""
        self.note(reason, bad.sum())
        if bad.any():
            self.first_rows[reason] = table.index[bad][:_SHOWN_ROWS].tolist()
        return table[~bad]

    def reasons(self) -> str:
        return "".join(f"; left out {self.counts[reason]} with {reason}" for reason in self.first_rows)

    def sentence(self) -> str:
        """How many rows were left out, why, and the first of each kind."""
        kinds = []
        for reason, first in self.first_rows.items():
            more = ", ..." if self.counts[reason] > len(first) else ""
            kinds.append(f"{reason} {self.counts[reason]} (row {', '.join(map(str, first))}{more})")
        total = sum(self.counts[reason] for reason in self.first_rows)
        return f"{self.source}: {total} of {self.rows} rows left out: {'; '.join(kinds)}."


def _read(source: Any, columns: dict[str, Any]) -> tuple[pd.DataFrame, str, str, bool]:
    """Table of `source`, its short name, how messages call it, and whether it is the user's own."""
    if isinstance(source, pd.DataFrame):
        return sources.select(source, "source", **columns), "data", "DataFrame", True
    if isinstance(source, str) and source in DATASETS:
        for argument, value in columns.items():
            if value is not None:
                raise bad_argument(argument, value, f"None: {source!r} is read for you")
        record = DATASETS[source]
        return record.reader(paths_of(source)), source, f"{source} ({record.archive.label})", False
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if path.exists():
            table = sources.select(sources.read_file(path), str(path), **columns)
            return table, path.name.partition(".")[0], str(path), True
        if isinstance(source, str) and not sources.looks_like_path(source):
            hint = did_you_mean(source, DATASETS, listed=True)
            raise DataError(f"source={source!r}: neither a catalog name nor a file.{hint}")
        raise DataError(f"source={str(source)!r}: no such file; check the path (now in {Path.cwd()}).")
    if sources.is_hf_dataset(source):
        table = sources.read_hf_dataset(source, columns["label"])
        return sources.select(table, "source", **columns), "data", "datasets.Dataset", True
    hint = "Pass one of its splits, such as source['train']." if isinstance(source, dict) else ""
    raise bad_argument("source", source, "a catalog name, a path, a DataFrame or a datasets.Dataset", hint)


def _usable(
    table: pd.DataFrame, classes: Sequence[Any] | None, report: _Report
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Usable rows, labels coded as numbers, and class names; completions all have the label 0, and no names."""
    completions = "completion" in table
    first, second = columns = ["prompt", "completion"] if completions else ["text", "label"]
    if completions and classes is not None:
        raise bad_argument("classes", classes, "None for completions")
    for column in columns:
        table = report.leave_out(table, f"missing {column}", table[column].map(sources.is_missing).astype(bool))
    names: tuple[str, ...] = ()
    if completions:
        for column in columns:
            if any(other := [v for v in table[column] if not pd.api.types.is_scalar(v)]):
                raise DataError(
                    f"{report.source}: column {column!r} holds {type(other[0]).__name__}s, and texts are needed. Apply "
                    "the model's chat template to lists of messages first."
                )
        table = table.assign(**{column: table[column].map(str) for column in columns})
    else:
        table = table.assign(text=table["text"].map(str).str.strip(), label=table["label"].map(_label_name))
        names = _class_names(table["label"]) if classes is None else tuple(map(_label_name, classes))
        if len(set(names)) < len(names):
            raise bad_argument("classes", classes, "each label once")
        unknown = ~table["label"].isin(names)
        if len(table) and unknown.all():
            raise DataError(
                f"classes={list(names)}: no row of {report.source} has one of them; it has "
                f"{list(_class_names(table['label']))[:10]}."
            )
        table = report.leave_out(table, "unknown label", unknown)
    keys = [*columns, "split"] if "split" in table else columns
    table = report.leave_out(table, "duplicate row", table.duplicated(keys))
    report.note(f"{first}s with several {second}s", table.drop_duplicates(columns).duplicated(first).sum())
    if completions:
        if not len(table):
            raise DataError(f"{report.source}: no usable row in {report.rows} rows{report.reasons()}.")
        return table.assign(label=0), names
    if table["label"].nunique() < 2:
        one = f"a single class, {table['label'].iloc[0]!r}" if len(table) else "no usable row"
        raise DataError(
            f"{report.source}: {one} in {len(table)} usable of {report.rows} rows{report.reasons()}; two classes are "
            "needed."
        )
    if classes is None and len(table) >= 20 and len(names) > len(table) / 2:
        raise DataError(
            f"{report.source}: {len(names)} different labels in {len(table)} rows; label= must name a class, not a "
            "number."
        )
    return table.assign(label=pd.Categorical(table["label"], names).codes.astype("int64")), names


def _label_name(value: Any) -> str:
    """Name of a label; 1.0 is "1", because whole numbers turn into floats when a cell is missing."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _class_names(names: pd.Series) -> tuple[str, ...]:
    found = [str(n) for n in names.unique()]
    numbers = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce")
    if numbers.notna().all():
        return tuple(n for _, n in sorted(zip(numbers, found, strict=True)))
    return tuple(sorted(found))


def _split(
    table: pd.DataFrame,
    eval_size: int | float,
    train_size: int | None,
    rng: np.random.Generator,
    n_classes: int,
    report: _Report,
) -> tuple[pd.DataFrame, ...]:
    """Training and evaluation rows; counts what is left over. `n_classes` is 0 for completions."""
    columns = ["text", "label"] if n_classes else ["prompt", "completion"]
    official = "split" in table
    pool = table[table["split"] == "eval"] if official else table
    size = round(len(pool) * eval_size) if isinstance(eval_size, float | np.floating) else int(eval_size)
    present = table["label"].nunique()
    if not 1 <= size <= len(pool) - (0 if official else present):
        each = f" for each of {present} classes" if n_classes else ""
        spare = "" if official else f" and one training row{each}"
        raise DataError(
            f"eval_size={eval_size}: asks for {size} evaluation rows{spare}; {report.source} has {len(pool)} usable "
            f"{'test ' if official else ''}rows. Lower eval_size, or bring more rows."
        )
    groups = max(1, n_classes)
    evaluation = pool.iloc[pick(pool["label"].to_numpy(), size, rng, groups, spare=0 if official else 1)]
    rest = table[table["split"] == "train"] if official else table.drop(index=evaluation.index)
    shared = rest[columns[0]].isin(evaluation[columns[0]])
    rest = report.leave_out(rest, f"{columns[0]} also in the evaluation rows", shared)
    if train_size is not None and train_size > len(rest):
        raise DataError(
            f"train_size={train_size}: {report.source} has {len(rest)} rows left for training after {size} for "
            "evaluation; lower it, or leave it out to use all."
        )
    if rest["label"].nunique() < min(2, groups):
        left = "the training rows hold a single class" if n_classes else "no prompt is left for training"
        raise DataError(f"{report.source}: {left} after the split; lower eval_size={eval_size}.")
    training = rest.iloc[pick(rest["label"].to_numpy(), train_size or len(rest), rng, groups, spare=0)]
    report.note("not used", len(table) - len(training) - len(evaluation) - shared.sum())
    for side, part in (("training", training), ("evaluation", evaluation)):
        report.note(f"classes without {side} rows", groups - part["label"].nunique())
    return tuple(part[columns].reset_index(drop=True) for part in (training, evaluation))


def pick(labels: np.ndarray, size: int, rng: np.random.Generator, n_classes: int, spare: int = 0) -> np.ndarray:
    """Positions of `size` rows, in random order, whose classes keep their proportions to within one row.

    Parameters
    ----------
    labels : ndarray of int, (n,)
        Class of each row.
    size : int
        Rows to pick, at most ``n - spare * (number of classes present)``.
    rng : numpy.random.Generator
        Source of the draw.
    n_classes : int
        Number of classes.
    spare : int
        Rows of each present class that are never picked. Where this binds, other classes give more.
    """
    counts = np.bincount(labels, minlength=n_classes)
    limits = np.maximum(counts - spare, 0)
    exact = counts * (size / max(1, len(labels)))
    quota = np.minimum(np.floor(exact).astype(int), limits)
    while (short := size - int(quota.sum())) > 0:
        order = np.argsort(quota - exact, kind="stable")
        open_classes = order[quota[order] < limits[order]]
        if not len(open_classes):
            raise bad_argument("size", size, f"at most {int(limits.sum())}")
        quota[open_classes[:short]] += 1
    chosen = [rng.permutation(np.flatnonzero(labels == c))[: quota[c]] for c in range(n_classes)]
    return rng.permutation(np.concatenate(chosen))
