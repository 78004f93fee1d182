"""Tables of finished runs as trackers export them: Optuna's trials, runs of W&B and of MLflow.

Optuna: `study.trials_dataframe()` as CSV or frame, or the study's SQLite file. W&B: the runs table's CSV export.
MLflow: `mlflow.search_runs()`, or the CSV of its page. Recipes are told apart by the parameters but the seed, or by
W&B's Group.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.sources import read_only, tables_of

ENDED = frozenset({"complete", "completed", "finished", "success", "ok"})
_SEED_NAMES = ("seed", "random_seed", "random_state", "train_seed", "training_seed", "data_seed")
_QUERY = """
SELECT s.study_name, t.number, t.state, v.objective, v.value, v.value_type FROM trials t
JOIN studies s ON s.study_id = t.study_id LEFT JOIN trial_values v ON v.trial_id = t.trial_id ORDER BY t.number
"""


@dataclass(frozen=True, eq=False)
class Export:
    """Runs that ended, under our names.

    Parameters
    ----------
    table : pandas.DataFrame
        ``run``, perhaps ``seed`` and ``task``, a column for each metric and each of `recipe`.
    recipe : tuple of str
        Columns that tell recipes apart; empty where nothing does.
    notes : tuple of str
    """

    table: pd.DataFrame
    recipe: tuple[str, ...]
    notes: tuple[str, ...]


def exported(table: pd.DataFrame) -> Export | None:
    """Recognise a tracker's table by its columns; None where it is none."""
    there = set(table.columns)
    if {"number", "state"} <= there and any(c.startswith(("params_", "value")) for c in there):
        return _optuna(table)
    if "run_id" in there and any(c.startswith("metrics.") for c in there):
        return _mlflow_frame(table)
    if {"Run ID", "Status"} <= there:
        return _page(table, "MLflow", "Run ID", "Status", ("Start Time", "Duration", "Source Type", "Source Name",
                     "Source Version", "User", "Version", "Experiment ID", "Experiment Name"))  # fmt: skip
    if {"Name", "State"} <= there:
        return _page(table, "W&B", "ID", "State", ("Notes", "User", "Tags", "Created", "Runtime", "Sweep", "Start Time",
                     "End Time", "Hostname", "Host", "GPU Type", "GPU Count", "Commit", "Job Type", "_step", "_runtime",
                     "_timestamp", "Updated", "Description"))  # fmt: skip
    return None


def is_optuna_database(path: Path) -> bool:
    """Whether a SQLite file is a storage of Optuna."""
    return {"studies", "trials", "trial_params", "trial_values"} <= tables_of(path)


def read_optuna(path: Path) -> pd.DataFrame:
    """Trials of a storage, as `trials_dataframe` would give them; several studies are tasks."""
    with closing(read_only(path)) as db:
        lines = pd.read_sql_query(_QUERY, db)
        keys = "SELECT s.study_name, t.number, {} FROM {} p JOIN trials t ON t.trial_id = p.trial_id JOIN studies s ON "
        keys += "s.study_id = t.study_id"
        columns = "p.param_name AS name, p.param_value AS value, p.distribution_json AS law"
        params = pd.read_sql_query(keys.format(columns, "trial_params"), db)
        about = pd.read_sql_query(keys.format('p."key" AS name, p.value_json AS value', "trial_user_attributes"), db)
    if lines.empty:
        raise DataError(f"{path}: the storage has no trials.")
    # choices are stored by their number
    choices = [(json.loads(law).get("attributes") or {}).get("choices") for law in params["law"]]
    params["value"] = [v if c is None else c[int(v)] for v, c in zip(params["value"], choices, strict=True)]
    trial = ["study_name", "number"]
    table = lines.drop_duplicates(trial)[[*trial, "state"]]
    several = lines["objective"].max() > 0
    for objective, values in lines.dropna(subset="objective").groupby("objective"):
        finite = values["value"].where(values["value_type"] == "FINITE")
        name = f"values_{int(objective)}" if several else "value"
        table = table.merge(values[trial].assign(**{name: finite}), on=trial, how="left")
    for kind, prefix in ((params, "params_"), (about, "user_attrs_")):
        if not kind.empty:
            wide = kind.assign(name=prefix + kind["name"]).pivot_table(
                index=trial, columns="name", values="value", aggfunc="first"
            )
            table = table.merge(wide.reset_index(), on=trial, how="left")
    renamed = table.rename(columns={"study_name": "task"})
    return renamed if len(renamed["task"].unique()) > 1 else renamed.drop(columns="task")


def _optuna(table: pd.DataFrame) -> Export:
    seed = _seed(table, ("user_attrs_", "params_"))
    recipe = sorted(c for c in table.columns if c.startswith("params_") and c != seed)
    metrics = [c for c in table.columns if c == "value" or c.startswith("values_")]
    out = pd.DataFrame({"run": table["number"].astype(str)})
    return _ended("Optuna", out, table, "state", seed, recipe, metrics, ("task",))


def _mlflow_frame(table: pd.DataFrame) -> Export:
    seed = _seed(table, ("params.", "tags."))
    recipe = [c for c in table.columns if c.startswith("params.") and c != seed]
    names = table.get("tags.mlflow.runName")
    run = names if names is not None and names.notna().all() and names.is_unique else table["run_id"]
    metrics = [c for c in table.columns if c.startswith("metrics.")]
    found = _ended("MLflow", pd.DataFrame({"run": run.astype(str)}), table, "status", seed, recipe, metrics, ())
    return Export(found.table.rename(columns=lambda c: c.removeprefix("metrics.")), found.recipe, found.notes)


def _page(table: pd.DataFrame, tool: str, identity: str, state: str, others: Sequence[str]) -> Export:
    """A page's table, where parameters and metrics stand side by side."""
    seed = _seed(table, ("",))
    run = next((table[c] for c in ("Name", identity) if c in table and table[c].is_unique), table.index.to_series())
    recipe = [c for c in ("Group",) if c in table and table[c].notna().any()]
    known = {*others, *recipe, "Name", identity, state, seed}
    rest = [c for c in table.columns if c not in known]
    return _ended(tool, pd.DataFrame({"run": run.astype(str)}), table, state, seed, recipe, rest, ())


def _seed(table: pd.DataFrame, prefixes: Sequence[str]) -> str | None:
    """The column of training seeds, by its name."""
    names = [f"{prefix}{name}" for prefix in prefixes for name in _SEED_NAMES]
    lower = {c.lower(): c for c in table.columns}
    return next((lower[name] for name in names if name in lower), None)


def _ended(
    tool: str, out: pd.DataFrame, table: pd.DataFrame, state: str, seed: str | None, recipe: Sequence[str],
    values: Sequence[str], others: Sequence[str],
) -> Export:  # fmt: skip
    for column in (*recipe, *values, *(c for c in others if c in table)):
        out[column] = table[column].to_numpy()
    if seed is not None:
        numbers = pd.to_numeric(table[seed].astype(str).str.strip('"'), errors="coerce")
        if numbers.notna().all() and (numbers % 1 == 0).all():
            out["seed"] = numbers.astype(int).to_numpy()
    states = table[state].astype(str).str.lower().str.removeprefix("trialstate.")
    kept = states.isin(ENDED).to_numpy()
    notes = [f"read as {tool}'s table"]
    if not kept.all():
        counts = ", ".join(f"{n} {name}" for name, n in states[~kept].value_counts().items())
        notes.append(f"{int((~kept).sum())} of {len(kept)} runs did not end and are left out: {counts}")
    if not kept.any():
        raise DataError(f"no run of {tool}'s table has ended.")
    return Export(out[kept].reset_index(drop=True), tuple(recipe), tuple(notes))
