"""What the page of `SelectionMonitor` is told of a selection, and the call that makes it again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

import predictlab as pl
from predictlab_widgets._base import to_bytes, to_jsonable
from predictlab_widgets._runs_script import call_of, python_of

STATES = ("chosen", "open", "set aside")
NUMBERS = (
    "mean", "lower", "upper", "p_good", "p_best", "runs", "ended", "depth", "sd", "cost", "diverged",
)  # fmt: skip
_PLAIN = (str, int, float, bool, type(None), PurePath)


def names_of(selection: pl.choosing.Selection) -> list[str]:
    """The candidates, in the order in which they were given."""
    return list(selection.depths)


def drawing(selection: pl.choosing.Selection | None) -> dict[str, Any]:
    """Candidates, every look, and every value of a run, as the page has them; numbers as bytes.

    Parameters
    ----------
    selection : Selection or None
        None while there has been no look.
    """
    if selection is None:
        return {"names": [], "looks": 0}
    names = names_of(selection)
    place = {name: i for i, name in enumerate(names)}
    looks = selection.looks
    # looks come in order, and each has all candidates in the order in which they were given
    history = selection.history.sort_values("look", kind="stable")
    runs = selection.runs[selection.runs["metric"] == selection.metric]
    numbers = pd.DataFrame({
        "candidate": runs["candidate"].map(place),
        "run": pd.factorize(runs["candidate"] + "\n" + runs["run"].astype(str))[0],
        "seed": runs["seed"], "depth": runs["depth"], "value": runs["value"].where(runs["status"] == "ok"),
        "look": runs["look"],
    }).sort_values(["run", "depth"], kind="stable")  # fmt: skip
    told = {
        "names": names, "looks": len(looks), "metric": selection.metric, "better": selection.better,
        "margin": selection.margin, "confidence": selection.confidence, "total": selection.total_budget,
        "depths": [list(selection.depths[name]) for name in names], "spent": looks["cost"],
        "leader": looks["leader"].map(place), "probability": looks["probability"], "open": looks["open"],
        "action": looks["action"], "next": [next_of(selection, k + 1) for k in range(len(looks))],
        "decided": selection.decided, "sentence": selection.sentence(),
        "stopped": selection.stopped_because, "columns": list(NUMBERS),
    }  # fmt: skip
    return to_jsonable(told) | {
        "history": to_bytes(history[list(NUMBERS)].astype(float)),
        "states": history["state"].map(STATES.index).to_numpy("u1").tobytes(),
        "runs": to_bytes(numbers.astype(float)),
    }


def next_of(selection: pl.choosing.Selection, look: int) -> str:
    """How many runs on how many rows come after a look, from 1, and why; empty where nothing does."""
    one, said = selection.looks.iloc[look - 1], []
    first = selection.row_choices[0] if selection.row_choices else np.nan  # it begins with the fewest
    before = selection.looks["rows"].iloc[look - 2] if look > 1 else first
    if one["rows"] != before and not np.isnan(before):
        said.append(f"All runs were evaluated again, on {one['rows']:,.0f} rows instead of {before:,.0f}.")
    runs = [f"{one['begun']} new {'run' if one['begun'] == 1 else 'runs'}"] if one["begun"] else []
    runs += [f"{one['carried']} carried on"] if one["carried"] else []
    if runs:
        on = "" if np.isnan(one["rows"]) or " rows" in one["why"] else f", on {one['rows']:,.0f} rows"
        said.append(f"Next look: {' and '.join(runs)}{on}. {one['why']}")
    return " ".join(said)


def looked(selection: pl.choosing.Selection, look: int) -> pd.DataFrame:
    """The table of candidates as it stood at a look, the most likely first."""
    if look == len(selection.looks):
        return selection.frame()
    then = selection.history[selection.history["look"] == look].drop(columns=["look", "spent"])
    up = then["mean"] * (1.0 if selection.better == "higher" else -1.0)
    order = then.assign(up=up).sort_values(["p_good", "up"], ascending=[False, False], kind="stable")
    return order.drop(columns="up").reset_index(drop=True)


def code_of(candidates: object, total_budget: float, options: Mapping[str, Any]) -> str:
    """The call of `pl.select` that makes the same selection, or goes on with it."""
    given = _word(candidates) if isinstance(candidates, str | PurePath) else "candidates"
    asked = [
        f"{name}={_word(value, name)}" for name, value in options.items() if value is not None and _differs(name, value)
    ]
    call = call_of("found = pl.select", [given, python_of(float(total_budget)), *asked])
    note = "" if "store" in options else "\n# with store= a file the same call goes on where it was stopped"
    return f"import predictlab as pl\n\n{call}{note}"


def _differs(name: str, value: Any) -> bool:
    """Whether an argument is not its default."""
    default = inspect.signature(pl.select).parameters[name].default
    return not (isinstance(value, _PLAIN) and value == default)


def _word(value: Any, name: str = "candidates") -> str:
    """A value as it stands in a call; what cannot be written there, by the name of its argument."""
    if isinstance(value, pl.RunStore):
        return name if str(value.path) == ":memory:" else repr(str(value.path))
    if isinstance(value, PurePath):
        return repr(str(value))
    if isinstance(value, np.generic):
        value = value.item()
    plain = isinstance(value, _PLAIN)
    if isinstance(value, list | tuple):
        plain = all(isinstance(v, _PLAIN) for v in value)
    if isinstance(value, Mapping):
        plain, value = all(isinstance(v, _PLAIN) for v in value.values()), dict(value)
    return python_of(value) if plain else name


def in_short(action: str) -> str:
    """Which candidates' runs are being made, of an action in words."""
    names = [part.rpartition(": run ")[0] for part in action.split("; ")]
    return f"runs of {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
