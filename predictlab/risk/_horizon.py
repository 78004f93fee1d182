"""What is known of the recipe that the runs of a task follow: its length, and how its learning rate falls."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from predictlab.runs import RunStore


def recipe_of(runs: pd.DataFrame | RunStore | str | PathLike[str], task: str | None) -> tuple[float | None, str | None]:
    """Find the steps and the schedule of a task's recipe, where a store knows them.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
    task : str or None

    Returns
    -------
    horizon : float or None
        Steps; None of a frame, and of imported runs.
    schedule : str or None

    Examples
    --------
    >>> recipe_of(pd.DataFrame(), "a")
    (None, None)
    """
    if isinstance(runs, pd.DataFrame) or task is None:
        return None, None
    from predictlab.runs import RunStore

    if not isinstance(runs, RunStore):
        with RunStore(Path(runs), read_only=True) as opened:
            return recipe_of(opened, task)
    described = runs.tasks().set_index("task")["description"].to_dict().get(task) or {}
    recipe = described.get("recipe") if isinstance(described, Mapping) else None
    if not isinstance(recipe, Mapping) or "steps" not in recipe:
        return None, None
    return float(recipe["steps"]), str(recipe.get("schedule"))
