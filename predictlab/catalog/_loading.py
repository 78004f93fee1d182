"""``load_dataset``: any source of labelled texts, or of prompts with completions, becomes a ``Dataset``.

Every row left out is counted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from predictlab.catalog import _readers as readers
from predictlab.catalog import _records as records
from predictlab.catalog import _sources as sources
from predictlab.catalog._fetching import paths_of
from predictlab.catalog._sources import Columns
from predictlab.errors import DataError, bad_argument
from predictlab.task import Dataset

if TYPE_CHECKING:
    import datasets

_SHOWN_ROWS = 5
_COMPLETIONS = ("prompt", "completion")


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
    _check_sizes(eval_size, train_size, seed)
    table, name, shown, own = _read(source, Columns(text, label, prompt, completion), name)
    report: dict[str, Any] = {"rows read": len(table)}
    rows: dict[str, list[int]] = {}
    found: tuple[str, ...] = ()
    if "completion" in table:
        if classes is not None:
            raise bad_argument("classes", classes, "None for completions")
        table = _without_bad_completions(table, shown, report, rows)
    else:
        table, found = _without_bad_rows(table, classes, shown, report, rows)
    parts = _split(table, eval_size, train_size, int(seed), len(found), shown, report, rows)
    report["train"], report["eval"] = (len(part) for part in parts)
    if rows:
        report["first rows"] = rows
        if own:
            warnings.warn(_account(report, rows, shown), stacklevel=2)
    return Dataset(name, parts[0], parts[1], found, report, shown)


def _account(report: dict[str, Any], rows: dict[str, list[int]], shown: str) -> str:
    """One sentence on the rows left out: how many, why, and the first of each kind."""
    told = []
    for reason, first in rows.items():
        more = ", ..." if report[reason] > len(first) else ""
        told.append(f"{reason} {report[reason]} (row {', '.join(map(str, first))}{more})")
    total = sum(report[reason] for reason in rows)
    return f"{shown}: {total} of {report['rows read']} rows left out: {'; '.join(told)}."


def _check_sizes(eval_size: Any, train_size: Any, seed: Any) -> None:
    whole = isinstance(eval_size, (int, np.integer)) and not isinstance(eval_size, bool)
    share = isinstance(eval_size, (float, np.floating))
    if not (whole and eval_size >= 1) and not (share and 0 < eval_size < 1):
        raise bad_argument("eval_size", eval_size, "a whole number of rows >= 1, or a share in (0, 1)")
    for argument, value, least in (("train_size", train_size, 1), ("seed", seed, 0)):
        if argument == "train_size" and value is None:
            continue
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise bad_argument(argument, value, f"a whole number >= {least}")


def _read(source: Any, columns: Columns, name: str | None) -> tuple[pd.DataFrame, str, str, bool]:
    """Table of `source`, its short name, how messages call it, and whether it is the user's own."""
    if isinstance(source, pd.DataFrame):
        return sources.select(source, columns, "source"), name or "data", "DataFrame", True
    if isinstance(source, str) and source in (known := [record.name for record in records.DATASETS]):
        for argument, value in asdict(columns).items():
            if value is not None:
                raise bad_argument(argument, value, f"None: {source!r} is read for you")
        record = records.find(source)
        assert isinstance(record, records.DataRecord)
        table = getattr(readers, record.reader)(paths_of(source))
        return table, name or source, f"{record.name} ({record.archive.label})", False
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if path.exists():
            table = sources.select(sources.read_file(path), columns, str(path))
            return table, name or path.name.partition(".")[0], str(path), True
        if isinstance(source, str) and not sources.looks_like_path(source):
            raise DataError(f"source={source!r}: neither a catalog name nor a file.{records.suggestion(source, known)}")
        raise DataError(f"source={str(source)!r}: no such file; check the path (now in {Path.cwd()}).")
    if sources.is_hf_dataset(source):
        table = sources.select(sources.read_hf_dataset(source, columns.label), columns, "source")
        return table, name or "data", "datasets.Dataset", True
    hint = "Pass one of its splits, such as source['train']." if isinstance(source, dict) else ""
    raise bad_argument("source", source, "a catalog name, a path, a DataFrame or a datasets.Dataset", hint)


def _without_bad_completions(
    table: pd.DataFrame, shown: str, report: dict[str, Any], rows: dict[str, list[int]]
) -> pd.DataFrame:
    """Usable prompts and completions, all with the label 0 for the split; notes bad rows in `report` and `rows`."""
    no_prompt, no_completion = (table[c].map(sources.is_missing).to_numpy(dtype=bool) for c in _COMPLETIONS)
    reasons = [("missing prompt", no_prompt), ("missing completion", no_completion & ~no_prompt)]
    table = _left_out(table, reasons, report, rows)
    for column in _COMPLETIONS:
        if any(other := [v for v in table[column] if not pd.api.types.is_scalar(v)]):
            raise DataError(
                f"{shown}: column {column!r} holds {type(other[0]).__name__}s, and texts are needed. Apply the model's "
                "chat template to lists of messages first."
            )
        table = table.assign(**{column: table[column].map(str)})
    keys = list(_COMPLETIONS) + (["split"] if "split" in table else [])
    table = _left_out(table, [("duplicate row", table.duplicated(keys).to_numpy())], report, rows)
    several = table.drop_duplicates(list(_COMPLETIONS)).duplicated("prompt").sum()
    if several:
        report["prompts with several completions"] = int(several)
    if not len(table):
        reasons_told = "".join(f"; left out {report[r]} with {r}" for r in rows)
        raise DataError(f"{shown}: no usable row in {report['rows read']} rows{reasons_told}.")
    return table.assign(label=0)


def _without_bad_rows(
    table: pd.DataFrame,
    classes: Sequence[Any] | None,
    shown: str,
    report: dict[str, Any],
    rows: dict[str, list[int]],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Usable rows, labels coded as numbers, and the class names; notes bad rows in `report` and `rows`."""
    no_text = table["text"].map(sources.is_missing).to_numpy(dtype=bool)
    no_label = table["label"].map(sources.is_missing).to_numpy(dtype=bool) & ~no_text
    table = _left_out(table, [("missing text", no_text), ("missing label", no_label)], report, rows)
    names = table["label"].map(_label_name)
    found = _class_names(names) if classes is None else tuple(_label_name(value) for value in classes)
    if len(set(found)) < len(found):
        raise bad_argument("classes", classes, "each label once")
    table = table.assign(text=table["text"].map(lambda t: str(t).strip()), label=names)
    known = table["label"].isin(found).to_numpy()
    if not known.all() and not known.any():
        raise DataError(
            f"classes={list(found)}: no row of {shown} has one of them; it has {list(_class_names(names))[:10]}."
        )
    table = _left_out(table, [("unknown label", ~known)], report, rows)
    keys = ["text", "label"] + (["split"] if "split" in table else [])
    table = _left_out(table, [("duplicate row", table.duplicated(keys).to_numpy())], report, rows)
    conflicting = table.drop_duplicates(["text", "label"]).duplicated("text").sum()
    if conflicting:
        report["texts with several labels"] = int(conflicting)
    present = table["label"].nunique()
    if present < 2:
        reasons = "".join(f"; left out {report[r]} with {r}" for r in rows)
        one = f"a single class, {table['label'].iloc[0]!r}" if present else "no usable row"
        raise DataError(
            f"{shown}: {one} in {len(table)} usable of {report['rows read']} rows{reasons}; two classes are needed."
        )
    if classes is None and len(table) >= 20 and len(found) > len(table) / 2:
        raise DataError(
            f"{shown}: {len(found)} different labels in {len(table)} rows; label= must name a class, not a number."
        )
    codes = {value: code for code, value in enumerate(found)}
    return table.assign(label=table["label"].map(codes).astype("int64")), found


def _left_out(
    table: pd.DataFrame,
    reasons: list[tuple[str, np.ndarray]],
    report: dict[str, Any],
    rows: dict[str, list[int]],
) -> pd.DataFrame:
    """`table` without the rows of any of `reasons`; the index keeps the row numbers of the source."""
    keep = np.ones(len(table), dtype=bool)
    for reason, mask in reasons:
        if mask.any():
            report[reason] = int(mask.sum())
            rows[reason] = [int(i) for i in table.index[mask][:_SHOWN_ROWS]]
            keep &= ~mask
    return table[keep]


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
    table: pd.DataFrame, eval_size: int | float, train_size: int | None, seed: int, n_classes: int,
    shown: str, report: dict[str, Any], rows: dict[str, list[int]],
) -> tuple[pd.DataFrame, ...]:  # fmt: skip
    """Training and evaluation rows; counts what is left over. `n_classes` is 0 for completions."""
    rng = np.random.default_rng(seed)
    key, columns = ("text", ("text", "label")) if n_classes else ("prompt", _COMPLETIONS)
    official = "split" in table
    pool = table[table["split"] == "eval"] if official else table
    size = round(len(pool) * eval_size) if isinstance(eval_size, (float, np.floating)) else int(eval_size)
    if not 1 <= size <= len(pool) - (0 if official else table["label"].nunique()):
        each = f" for each of {table['label'].nunique()} classes" if n_classes else ""
        spare = "" if official else f" and one training row{each}"
        raise DataError(
            f"eval_size={eval_size}: asks for {size} evaluation rows{spare}; {shown} has {len(pool)} usable "
            f"{'test ' if official else ''}rows. Lower eval_size, or bring more rows."
        )
    picked = pick(pool["label"].to_numpy(), size, rng, max(1, n_classes), spare=0 if official else 1)
    evaluation = pool.iloc[picked]
    rest = table[table["split"] == "train"] if official else table.drop(index=evaluation.index)
    shared = rest[key].isin(evaluation[key]).to_numpy()
    rest = _left_out(rest, [(f"{key} also in the evaluation rows", shared)], report, rows)
    if train_size is not None and train_size > len(rest):
        raise DataError(
            f"train_size={train_size}: {shown} has {len(rest)} rows left for training after {size} for "
            "evaluation; lower it, or leave it out to use all."
        )
    if rest["label"].nunique() < min(2, n_classes):
        raise DataError(f"{shown}: the training rows hold a single class after the split; lower eval_size={eval_size}.")
    if not len(rest):
        raise DataError(f"{shown}: no prompt is left for training after the split; lower eval_size={eval_size}.")
    training = rest.iloc[pick(rest["label"].to_numpy(), train_size or len(rest), rng, max(1, n_classes), spare=0)]
    unused = len(table) - len(training) - len(evaluation) - int(shared.sum())
    if unused:
        report["not used"] = unused
    for side, part in (("training", training), ("evaluation", evaluation)):
        if empty := max(1, n_classes) - part["label"].nunique():
            report[f"classes without {side} rows"] = empty
    return tuple(part[list(columns)].reset_index(drop=True) for part in (training, evaluation))


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
    order = np.argsort(quota - exact, kind="stable")
    while (short := size - int(quota.sum())) > 0:
        open_classes = order[quota[order] < limits[order]]
        if not len(open_classes):
            raise bad_argument("size", size, f"at most {int(limits.sum())}")
        quota[open_classes[:short]] += 1
        order = np.argsort(quota - exact, kind="stable")
    chosen = [rng.permutation(np.flatnonzero(labels == c))[: quota[c]] for c in range(n_classes)]
    return rng.permutation(np.concatenate(chosen))
