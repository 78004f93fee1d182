"""From files to tables, and from cells as people write them to numbers."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_object_dtype, is_string_dtype

from predictlab.errors import DataError, needs_extra
from predictlab.runs._importers.logs import listed
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import LINES, unreadable

WRITTEN_NAN = ("nan", "-nan", "+nan", "nan(ind)", "-nan(ind)")
# How people and programs write that there is nothing: R, Keras, SQL, spreadsheets
NOTHING = frozenset({
    "", "na", "n/a", "<na>", "#n/a", "#na", "n.a.", "none", "null", "nil", "-", "--", "---", "?", ".", "missing", "nat",
})  # fmt: skip
READABLE = 0.8  # share of cells that are numbers, from which on a column is one of numbers with bad cells
MOST_COLUMNS = 5000  # of a log; more are a matrix
# Rows and columns that are made of runs, or of the steps of one, and are none themselves
STATISTICS = frozenset({
    "mean", "avg", "average", "median", "std", "sd", "stdev", "std_dev", "stddev", "sem", "stderr", "std_err", "var",
    "variance", "ci", "ci95", "min", "max", "mean±std", "mean_±_std", "mean+std", "mean-std", "range", "spread",
})  # fmt: skip
SUMMARIES = STATISTICS | {"final", "last", "best", "end", "total", "overall", "summary", "test"}


def read_table_file(path: Path, found: Findings) -> pd.DataFrame:
    """One table. Only empty cells count as missing, so that a written NaN can be told from nothing."""
    name = path.name.lower()
    wrong = (OSError, ValueError, OverflowError, RecursionError, EOFError)
    with unreadable(f"{path} cannot be read as a table", wrong, ("zlib", "pyarrow", "gzip", "_csv")):
        if name.endswith((".parquet", ".pq")):
            with needs_extra("Reading parquet", "parquet"):
                import pyarrow  # noqa: F401
            try:
                table = pd.read_parquet(path)
            except (KeyError, TypeError, AttributeError, IndexError) as error:  # damaged where it tells of pandas
                raise ValueError(f"its metadata are damaged ({type(error).__name__}: {error})") from error
            return _titled(table, str(path), found)
        if name.endswith((*LINES, ".json")):
            return _titled(_records(path, found), str(path), found)
        return _titled(_separated(path, found), str(path), found)


def _separated(path: Path, found: Findings) -> pd.DataFrame:
    """Separated values; the title line tells by what, if it is not what the file is called after."""
    separator = "\t" if ".tsv" in path.name.lower() else ","
    text = _text(path, found)
    before, text = _without_preamble(text)
    line = text.split("\n", 1)[0]
    counts = {sep: line.count(sep) for sep in dict.fromkeys([separator, ",", ";", "\t", "|"])}
    best = max(counts, key=lambda sep: counts[sep])
    widest = max(some.count(sep) for some in text.split("\n", 20)[:20] for sep in counts)
    if widest >= MOST_COLUMNS:
        raise ValueError(f"a line of it has {widest + 1:,} cells; is it a table of runs?")
    if counts[separator] == 0:
        separator = best if counts[best] else (r"\s+" if len(line.split()) > 1 else separator)
    elif separator == "," and counts[";"] > counts[","]:
        separator = ";"
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "skipinitialspace": separator != "\t"}
    options |= {"engine": "python"} if separator == r"\s+" else {"low_memory": False}
    table = pd.read_csv(io.StringIO(text), sep=separator, **options)
    if not isinstance(table.index, pd.RangeIndex):  # more cells in a line than titles
        rest = table.iloc[:, -1]
        if not rest.isna().all():
            raise ValueError(f"its lines have more cells than its title line, {line[:80]!r}")
        table = table.reset_index().set_axis([*table.columns, "Unnamed: last"], axis="columns").iloc[:, :-1]
    if before:
        found.leave_out(f"{path}: {before} lines before the title line", loud=False)
    if separator == "|":  # tables of Markdown: a line of dashes, and nothing before the first and behind the last bar
        cells = table.astype(object).where(table.notna(), "").astype(str)
        table = table[~cells.apply(lambda column: column.str.fullmatch(r"[\s:-]*")).all(axis=1)]
        table = table.drop(columns=[c for c in table.columns if str(c).startswith("Unnamed") and table[c].isna().all()])
    return table.reset_index(drop=True)


def _text(path: Path, found: Findings) -> str:
    """What a file says, in the encoding that it is in."""
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        data = gzip.decompress(data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if b"\0" in data:
            raise
        found.assume(f"{path}: it is no UTF-8, and is taken as Latin-1.")
        return data.decode("latin-1")


def _without_preamble(text: str) -> tuple[int, str]:
    """Number of the lines before the title line (comments, blank ones, Excel's ``sep=;``), and the text from there."""
    lines = text.splitlines(keepends=True)
    count = 0
    while count < len(lines) - 1 and re.match(r"\s*(#|//|%|sep=.?\s*$|$)", lines[count]):
        count += 1
    first = lines[count - 1].lstrip("#/% ") if count else ""
    # np.savetxt and others put the titles behind a comment sign
    if count and first.count(",") == lines[count].count(",") and not re.match(r"\s*[^\d\s.+-]", lines[count]):
        return count - 1, first + "".join(lines[count:])
    return count, "".join(lines[count:])


def _records(path: Path, found: Findings) -> pd.DataFrame:
    """A JSON list of records, or one a line; a written NaN stays told from what is absent."""
    text = _text(path, found)
    if text.lstrip().startswith("["):
        records = json.loads(text)
    elif (columns := lists_of(text)) is not None:
        counted = {"epoch"} & {name.lower() for name in columns} or any(
            name.lower().endswith("step") for name in columns
        )
        names = list(columns)
        records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        records = records if counted else [{"epoch": i, **record} for i, record in enumerate(records)]
    else:
        records, wrong = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                records.append(json.loads(line))
            except ValueError:
                wrong.append(number)
        if wrong and len(wrong) > len(records) / 5:
            raise ValueError(f"lines {listed(wrong)} are no JSON")
        if wrong:
            found.leave_out(f"{path}: lines {listed(wrong)}, which are no JSON (cut off while it was written?)")
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError('expected a JSON object on each line, such as {"step": 10, "eval_loss": 0.5}')
    return table_of(records)


def table_of(records: list[dict[str, Any]]) -> pd.DataFrame:
    """A row a record; a NaN that was written stays told from what is absent."""
    table = pd.json_normalize(records)
    for name in table.columns:
        column = table[name]
        if column.dtype == float and column.isna().any():
            written = [isinstance(v := record.get(name), float) and math.isnan(v) for record in records]
            if any(written):
                table[name] = column.astype(object).mask(pd.Series(written), "nan")
        elif column.dtype == object:
            table[name] = column.map(lambda cell: json.dumps(cell) if isinstance(cell, (list, dict)) else cell)
    return table


def lists_of(text: str) -> dict[str, list[Any]] | None:
    """A JSON object of lists of one length, such as the history of Keras; None for any other text."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    if not isinstance(said, dict) or not said or not all(isinstance(one, list) for one in said.values()):
        return None
    return said if len({len(one) for one in said.values()}) == 1 else None


def _titled(table: pd.DataFrame, where: str, found: Findings) -> pd.DataFrame:
    """Titles without the blanks around them, and no row that is the title line again."""
    titles = [str(c).strip() for c in table.columns]
    table = table.set_axis(titles, axis="columns")
    for i, kind in enumerate(table.dtypes):
        if is_object_dtype(kind) or is_string_dtype(kind):
            stripped = table.iloc[:, i].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
            table.isetitem(i, stripped)
    cells = [(c, table.iloc[:, i]) for i, c in enumerate(titles)]
    texts = [(c, cell) for c, cell in cells if cell.dtype == object or is_string_dtype(cell.dtype)]
    if not texts or table.empty:
        return table
    same = np.column_stack([cell.astype(str).str.strip() == re.sub(r"\.\d+$", "", c) for c, cell in texts]).sum(axis=1)
    again = same >= max(1, math.ceil(len(titles) / 2))
    if len(texts) == len(titles) > 1:  # a title among the values makes all columns texts
        for row in np.flatnonzero(~again & table.isin(titles).all(axis=1).to_numpy()):
            if set(table.iloc[row].astype(str)) == set(titles):
                raise DataError(f"{where}: line {row + 2} has the titles in another order; make two files of it.")
    if again.any():
        rows = listed(np.flatnonzero(again) + 2)
        found.leave_out(f"{where}: the title line comes again in line {rows}; another run may begin there")
        table = table[~again].reset_index(drop=True)
    return table


def is_text(column: pd.Series) -> bool:
    """Whether a column holds names or words."""
    return not (looks_numeric(column) or is_bool_dtype(column) or is_datetime64_any_dtype(column))


def _given(column: pd.Series) -> pd.Series:
    """Distinct cells as they are written, without empty ones and written NaN, with how often each comes."""
    counts = column.dropna().astype(str).str.strip().value_counts()
    return counts[~counts.index.str.lower().isin({*WRITTEN_NAN, *NOTHING})]


def empty(column: pd.Series) -> NDArray[np.bool_]:
    """Cells that hold nothing, or a word for it; a written NaN is something."""
    if not (column.dtype == object or is_string_dtype(column.dtype)):
        return np.asarray(column.isna())
    return np.asarray(column.isna() | column.astype(str).str.strip().str.lower().isin(NOTHING))


def plain(column: pd.Series) -> pd.Series:
    """Cells as texts that Python reads as numbers: decimal commas and percent signs are taken for what they are."""
    text = column.astype(str).str.strip()
    whole = _given(column).index
    if len(whole) and whole.str.fullmatch(r"-?\d+([.,]\d+)?(e-?\d+)?%?", case=False).all():
        if whole.str.contains(",").any() and not whole.str.contains(".", regex=False).any():
            text = text.str.replace(",", ".", regex=False)
        if whole.str.endswith("%").all():  # where some have it and others not they may be of two units
            text = text.str.removesuffix("%")
    return text.where(column.notna(), np.nan)


def looks_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, written NaN and inf included, but for a few bad cells."""
    if is_bool_dtype(column) or is_datetime64_any_dtype(column):
        return False
    if is_numeric_dtype(column):
        return not pd.api.types.is_complex_dtype(column)
    counts = _given(column)
    if not len(counts):
        return bool(column.notna().any())
    good = pd.to_numeric(plain(pd.Series(counts.index, dtype=object)), errors="coerce").notna().to_numpy()
    return bool(counts[good].sum() >= READABLE * counts.sum()) and bool(good.any())


def numbers(column: pd.Series) -> NDArray[np.float64]:
    """Values of a column; empty cells and text that is no number become NaN."""
    given = column if is_numeric_dtype(column) else plain(column)
    return pd.to_numeric(given, errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)


def bad_cells(column: pd.Series) -> NDArray[np.bool_]:
    """Cells of a column of numbers that are neither numbers, nor empty, nor a written NaN."""
    if is_numeric_dtype(column):
        return np.zeros(len(column), dtype=bool)
    text = column.astype(str).str.strip().str.lower()
    return np.asarray(~empty(column) & np.isnan(numbers(column)) & ~text.isin(WRITTEN_NAN))


def _without_thousands(column: pd.Series) -> pd.Series:
    """Steps written in groups of three digits, as 1,000 or 1 000, without what parts them."""
    if is_numeric_dtype(column):
        return column
    text = column.astype(str).str.strip()
    grouped = text.str.fullmatch(r"\D*\d{1,3}([,_ \u00a0\u202f]\d{3})+\D*").to_numpy(dtype=bool)
    return column.mask(grouped, text.str.replace(r"(?<=\d)[,_ \u00a0\u202f](?=\d{3})", "", regex=True))


def steps(column: pd.Series, title: str, found: Findings) -> NDArray[np.float64]:
    """Steps of a column: numbers, or the one number in each text such as ``step100``."""
    if is_bool_dtype(column) or is_datetime64_any_dtype(column):
        raise DataError(f"column {title!r} holds {column.iloc[0]!r}, which is no number of steps. Pass depth=.")
    column = _without_thousands(column)
    value = numbers(column)
    bad = bad_cells(column)
    last_words = bad & column.astype(str).str.strip().str.lower().isin(SUMMARIES).to_numpy()
    if last_words.any():
        words = listed(column[last_words].astype(str).unique())
        found.leave_out(f"{last_words.sum()} rows whose {title!r} is {words}: they are of no step")
        bad = bad & ~last_words
    if not bad.any():
        return value
    texts = column[bad].astype(str).str.strip()
    parts = texts.str.extract(r"^(\D*?)(\d+)(\D*)$")
    if parts[1].notna().all() and len(parts[[0, 2]].drop_duplicates()) == 1 and not parts[0].str.endswith("-").any():
        value[bad] = parts[1].astype(float)
        unit = str(parts[2].iloc[0]).strip().lower()
        if unit not in ("k", "m"):
            found.assume(f"column {title!r} holds texts such as {texts.iloc[0]!r}: the number in each is the step.")
            return value
    elif bad.mean() <= 1 - READABLE:
        found.leave_out(f"{bad.sum()} rows whose {title!r} is no number, such as {texts.iloc[0]!r}")
        value[bad] = np.nan
        return value
    raise DataError(
        f"column {title!r} holds {texts.iloc[0]!r}, which is no number of steps. Make it one, or pass depth=."
    )
