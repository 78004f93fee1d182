"""The user's own data: a file, a DataFrame or a ``datasets.Dataset``, with the columns that ``load_dataset`` wants."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.catalog._readers import JOINER
from predictlab.catalog._records import did_you_mean
from predictlab.errors import DataError, PredictlabError, bad_argument, needs_extra

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_USUAL = {
    "text": ("text", "sentence", "content", "review", "document", "message", "tweet", "question"),
    "label": ("label", "labels", "class", "category", "target", "sentiment", "y"),
    "prompt": ("prompt", "instruction", "question", "input", "query"),
    "completion": ("completion", "response", "output", "answer", "target"),
}


def read_file(path: Path) -> pd.DataFrame:
    """Rows of a csv, tsv, jsonl, json or parquet file.

    Raises
    ------
    DataError
        If the file is of another type, or is broken; the message says where.
    DependencyError
        If reading parquet needs a package that is not installed.
    """
    suffix = _suffix(path)
    if not path.is_file():
        raise DataError(f"source={str(path)!r}: is a folder, not a file; give one {', '.join(SUFFIXES)} file.")
    if suffix not in SUFFIXES:
        raise DataError(
            f"source={str(path)!r}: files of type {suffix or '(none)'!r} are not read; convert it to one of "
            f"{', '.join(SUFFIXES)}, or pass a DataFrame."
        )
    try:
        if suffix in (".csv", ".tsv"):
            # As text, with "" alone missing: a class may be called NA, and "01" is not "1".
            with warnings.catch_warnings():
                # Rows longer than the header would lose their last cells with no more than a warning.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return pd.read_csv(
                    path, sep="," if suffix == ".csv" else "\t", dtype=object, keep_default_na=False, na_values=[""],
                    encoding="utf-8-sig", index_col=False,
                )  # fmt: skip
        if suffix == ".parquet":
            with needs_extra(f"source={str(path)!r}: reading parquet", "parquet"):
                import pyarrow  # noqa: F401
            return pd.read_parquet(path)
        opener: Any = _COMPRESSED.get(path.suffix.lower(), open)
        with opener(path, "rt", encoding="utf-8-sig") as stream:
            return _json_table(stream.read(), suffix, f"source={str(path)!r}")
    except UnicodeDecodeError as error:
        raise DataError(f"source={str(path)!r}: not UTF-8 text ({error.reason}); save it as UTF-8.") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"source={str(path)!r}: the file is empty.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(f"source={str(path)!r}: not a well-formed {suffix} file ({str(error).strip()}).") from error
    except PredictlabError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"source={str(path)!r}: cannot be read as {suffix.removeprefix('.')} ({error}).") from error


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for end in _COMPRESSED:
        name = name.removesuffix(end)
    return Path(name).suffix


def looks_like_path(source: str) -> bool:
    """Whether a source that names no catalog entry was meant as a path."""
    return bool(_suffix(Path(source))) or "/" in source or "\\" in source


def _json_table(content: str, suffix: str, where: str) -> pd.DataFrame:
    """Rows of a list of objects, of an object of columns, or of one object a line."""
    parsed, unit = None, "element"
    if suffix == ".json":
        with suppress(ValueError):  # many .json files hold one object a line
            parsed = json.loads(content)
    if isinstance(parsed, dict) and all(isinstance(column, list) for column in parsed.values()):
        if len({len(column) for column in parsed.values()}) > 1:
            raise DataError(f"{where}: its columns have different lengths; give a list of objects instead.")
        return pd.DataFrame(parsed, dtype=object)
    if isinstance(parsed, list):
        rows = dict(enumerate(parsed))
    else:
        rows, unit = {}, "line"
        for number, line in enumerate(content.split("\n"), 1):
            try:
                if line.strip():
                    rows[number] = json.loads(line)
            except ValueError as error:
                raise DataError(f"{where}: line {number} is not JSON ({error}); give one object a line.") from error
    for number, row in rows.items():
        if row is not None and not isinstance(row, dict):
            raise DataError(f'{where}: {unit} {number} is not an object such as {{"text": ..., "label": ...}}.')
    return pd.DataFrame([row or {} for row in rows.values()], dtype=object)


def is_hf_dataset(source: Any) -> bool:
    """Whether `source` is, or behaves like, a ``datasets.Dataset``."""
    return all(hasattr(source, name) for name in ("to_pandas", "column_names", "features"))


def read_hf_dataset(source: Any, label: str | None) -> pd.DataFrame:
    """Table of a ``datasets.Dataset``; codes of a ClassLabel column become its names, -1 becomes missing."""
    table = source.to_pandas()
    for column, feature in source.features.items():
        names = getattr(feature, "names", None)
        if names and (label is None or column == label):
            table[column] = pd.to_numeric(table[column], errors="coerce").map(dict(enumerate(names))).astype(object)
    return table


def select(
    table: pd.DataFrame,
    source: str,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    prompt: str | None = None,
    completion: str | None = None,
) -> pd.DataFrame:
    """Columns ``text`` and ``label`` of `table`, or ``prompt`` and ``completion``, bad rows included.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of the source.
    source : str
        Shown in messages.
    text, label, prompt, completion : str, optional
        Columns; None looks for a usual name. Several of text are joined by ``" [SEP] "``; prompts and completions
        are kept as they stand.

    Raises
    ------
    DataError
        If a column is not there, is there twice, or cannot be guessed.
    ArgumentError
        If columns of both kinds are named.
    """
    labelled = text is not None or label is not None
    named = prompt or completion
    if named and labelled:
        hint = "A data set has texts with labels, or prompts with completions."
        raise bad_argument("prompt" if prompt else "completion", named, "None with text= or label=", hint)
    if named or (not labelled and {"prompt", "completion"} <= set(table.columns)):
        prompt = _column(table, "prompt", prompt, source, other=completion)
        completion = _column(table, "completion", completion, source, other=prompt)
        if prompt == completion:
            raise bad_argument("completion", completion, "another column than prompt")
        chosen = {"prompt": table[prompt], "completion": table[completion]}
    else:
        label = _column(table, "label", label, source)
        names = [text] if text is None or isinstance(text, str) else list(text)
        parts = [_column(table, "text", name, source, other=label) for name in names]
        if not parts:
            raise bad_argument("text", text, "a column name, or a list of them")
        if label in parts:
            raise bad_argument("label", label, "another column than text")
        rows = zip(*(table[part].astype(object) for part in parts), strict=True)
        texts = [None if any(map(is_missing, row)) else JOINER.join(str(cell).strip() for cell in row) for row in rows]
        chosen = {"text": pd.Series(texts, table.index, dtype=object), "label": table[label]}
    return pd.DataFrame({name: column.astype(object).to_numpy() for name, column in chosen.items()})


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NA, or a string of white space."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _column(table: pd.DataFrame, role: str, name: str | None, source: str, other: str | None = None) -> Any:
    """The column `name`, or the first with a usual name for its role; `other` is taken."""
    columns = list(table.columns)
    shown = ", ".join(map(repr, columns[:20])) + (", ..." if len(columns) > 20 else "")
    if name is None:
        lower = {str(c).lower(): c for c in reversed(columns)}
        name = next((lower[usual] for usual in _USUAL[role] if usual in lower and usual != other), None)
        if name is None:
            raise DataError(
                f"{source}: no column is called {role!r}; say which one it is with {role}=. Columns: {shown}."
            )
    elif name not in columns:
        hint = did_you_mean(str(name), map(str, columns))
        raise DataError(f"{role}={name!r}: {source} has no such column.{hint} Columns: {shown}.")
    if columns.count(name) > 1:
        raise DataError(f"{role}={name!r}: {source} has {columns.count(name)} columns of this name; rename one.")
    return name
