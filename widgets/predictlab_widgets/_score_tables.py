"""Static scores from every shape they come in, as one table; and what fine-tunes reached beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import predictlab as pl
from predictlab.errors import bad_argument
from predictlab.static import Ranking, StaticScores
from predictlab_widgets._arguments import first_ten

COLUMNS = [
    "data", "row", "method", "value", "lower", "upper", "null", "says", "note", "apart", "place", "reached",
    "reached_lower", "reached_upper", "seeds",
]  # fmt: skip
_EXPECTED = "what pl.score or pl.rank returned, several of them, or a mapping of names to them"
_METHODS = pl.static.methods().set_index("method")
MODELS, TASKS, LAYERS = "models", "tasks", "layers"


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of rows, which are models, tasks or layers, on data sets.

    Attributes
    ----------
    table : DataFrame
        A row a data set, score and row, with the columns `COLUMNS`, in the order given; NaN for what is not known.
    controls : DataFrame
        ``data, row, method, control, value``.
    of : {"models", "tasks", "layers"}
        What the rows are: an order of tasks by a score has no meaning, and one of layers is no choice of a model.
    rankings : dict of (str, str) to Ranking
        By data set and score, those that were given as such.
    """

    table: pd.DataFrame
    controls: pd.DataFrame
    of: str
    rankings: dict[tuple[str, str], Ranking]


def scores_from(given: object) -> Scores:
    """One table from what `pl.score` and `pl.rank` return, alone, in a list, or by name."""
    parts: list[pd.DataFrame] = []
    controls: list[pd.DataFrame] = []
    rankings: dict[tuple[str, str], Ranking] = {}
    of = MODELS
    for data, row, one in _single(given):
        if isinstance(one, Ranking):
            rankings[data, one.method] = one
            parts.append(one.table.rename(columns={"model": "row"}).assign(data=data, method=one.method))
            continue
        table = one.table
        several = table.groupby("method")["layer"].nunique().max() > 1
        if several and one is given:
            of, data, names = LAYERS, one.task, [f"layer {layer}" for layer in table["layer"]]
        else:
            if row is None:
                of, row = TASKS, one.task
            names = [f"{row}, layer {layer}" if several else row for layer in table["layer"]]
        parts.append(table.assign(data=data, row=names))
        if len(one.controls):
            controls.append(one.controls.assign(data=data, row=names[0]))
    if not parts:
        raise bad_argument("scores", given, _EXPECTED)
    found = pd.concat([part.reindex(columns=COLUMNS) for part in parts], ignore_index=True)
    twice = found[found.duplicated(["data", "row", "method"])]
    if len(twice):
        hint = "Give them names: {name: scores}, or {data set: {model: scores}}."
        raise bad_argument("scores", twice["row"].iloc[0], "each row once for a score and a data set", hint)
    for name in ("says", "note"):
        found[name] = found[name].astype(object).where(found[name].notna(), "")
    found["place"] = _places(found)
    kept = pd.concat(controls, ignore_index=True) if controls else pd.DataFrame(columns=["method", "control", "value"])
    return Scores(found, kept.reindex(columns=["data", "row", "method", "control", "value"]), of, rankings)


def _single(given: object) -> Iterator[tuple[str, str | None, Ranking | StaticScores]]:
    """``(data set, name, scores or ranking)`` of all that was given; the name of a ranking, or unknown, is None."""
    if isinstance(given, Ranking):
        yield given.data, None, given
    elif isinstance(given, StaticScores):
        yield "", None, given
    elif isinstance(given, Mapping):
        for name, one in given.items():
            if isinstance(one, Ranking):
                yield str(name), None, one
            elif isinstance(one, StaticScores):
                yield "", str(name), one
            elif isinstance(one, Mapping):
                for model, inner in one.items():
                    if not isinstance(inner, StaticScores):
                        raise bad_argument(f"scores[{name!r}][{model!r}]", inner, "what pl.score returned")
                    yield str(name), str(model), inner
            else:
                raise bad_argument(f"scores[{name!r}]", one, _EXPECTED)
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes | pd.DataFrame):
        for one in given:
            if not isinstance(one, Ranking | StaticScores):
                raise bad_argument("scores", one, _EXPECTED)
            yield from _single(one)
    else:
        raise bad_argument("scores", given, _EXPECTED)


def better_of(method: str) -> str:
    """Which end of a score is good: "higher" or "lower"."""
    known = str(_METHODS["better"].get(method, "higher"))
    return "lower" if known.startswith("lower") else "higher"


def about(method: str) -> dict[str, Any]:
    """What a score is, in words; whether it is an accuracy, and stands on the scale of what fine-tunes reach."""
    known = _METHODS.loc[method] if method in _METHODS.index else None
    unit = "" if known is None else str(known["unit"])
    return {
        "measures": "" if known is None else str(known["measures"]), "unit": "" if unit == "none" else unit,
        "better": better_of(method), "accuracy": unit == "share of rows",
    }  # fmt: skip


def _places(table: pd.DataFrame) -> pd.Series:
    """Place of each row on its data set by its score, 1 the best."""
    turned = table["value"] * np.where(table["method"].map(better_of) == "higher", 1.0, -1.0)
    return turned.groupby([table["data"], table["method"]]).rank(ascending=False, method="min")


def with_reached(scores: Scores, reached: object) -> pd.DataFrame:
    """The table with what fine-tunes reached: mean, least and greatest over seeds, and how many."""
    table = scores.table.copy()
    if reached is None:
        return table
    if not isinstance(reached, Mapping | pd.Series) or not len(reached):
        raise bad_argument("reached", reached, "accuracies by the names of the rows, or by data set and name")
    known = {data: list(part["row"].unique()) for data, part in table.groupby("data", sort=False)}
    rows = list(table["row"].unique())
    found: dict[tuple[str, str], Any] = {}
    for name, value in dict(reached).items():
        if isinstance(value, Mapping | pd.Series):
            if name not in known:
                raise bad_argument("reached", name, f"one of the data sets: {', '.join(known)}")
            found |= {(str(name), str(row)): v for row, v in dict(value).items()}
        elif len(known) > 1:
            hint = "Write it as {data set: {name: accuracy}}."
            raise bad_argument("reached", reached, f"accuracies for each of {len(known)} data sets", hint)
        else:
            found[next(iter(known)), str(name)] = value
    for (data, row), value in found.items():
        if row not in known[data]:
            raise bad_argument("reached", row, f"one of the rows: {first_ten(rows)}")
        values = _accuracies(row, value)
        here = (table["data"] == data) & (table["row"] == row)
        table.loc[here, ["reached", "reached_lower", "reached_upper", "seeds"]] = [
            values.mean(), values.min(), values.max(), len(values),
        ]  # fmt: skip
    return table


def _accuracies(row: str, value: object) -> np.ndarray:
    """What the seeds of a row reached."""
    try:
        values = np.atleast_1d(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        values = np.array([])
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise bad_argument(f"reached[{row!r}]", value, "a finite number, or one a seed")
    return values


def agreement_of(table: pd.DataFrame, of: str) -> pd.DataFrame:
    """Kendall's tau-b of each score with what was reached, on each data set; see ``StaticScores.agreement``."""
    records = []
    for (data, method), part in table.groupby(["data", "method"], sort=False):
        both = part.dropna(subset=["value", "reached"])
        tau = p = np.nan
        if of == MODELS and len(both) > 1:
            sign = 1.0 if better_of(str(method)) == "higher" else -1.0
            tau, p = stats.kendalltau(sign * both["value"], both["reached"])
        records.append((data, method, len(both), float(tau), float(p)))
    return pd.DataFrame(records, columns=["data", "method", "rows", "tau", "p"])
