"""From measured runs, wherever they are kept, to the rows of one task and one metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError, bad_argument


def frame_of(runs: Any, task: str | None) -> pd.DataFrame:
    if isinstance(runs, pd.DataFrame):
        needed = ["task", "run", "depth", "metric", "value", "status"]
        missing = [c for c in needed if c not in runs.columns]
        if missing:
            raise DataError(f"runs: column {missing[0]!r} is missing; a tidy frame has {', '.join(needed)}.")
        return runs
    if hasattr(runs, "frame"):
        return runs.frame(task)
    from predictlab.runs import RunStore

    if not Path(runs).is_file():  # opening a store creates it, which a mistyped path must not
        raise DataError(f"runs: no run store at {runs}. Check the path, or probe first.")
    with RunStore(runs) as store:
        return store.frame(task)


def one_of(frame: pd.DataFrame, column: str, wanted: str | None, default: str | None) -> tuple[str, pd.DataFrame]:
    """Rows with one value of `column`: the wanted one, the default if it is there, or the only one."""
    present: Sequence[str] = [str(v) for v in pd.unique(frame[column])]
    if not present:
        raise DataError(f"runs: no measurements{'' if wanted is None else f' of {column} {wanted!r}'}. Probe first.")
    if wanted is None:
        if default in present:
            wanted = default
        elif len(present) == 1:
            wanted = present[0]
        else:
            raise bad_argument(column, None, f"one of {', '.join(present)}", f"There are several; name the {column}.")
    if wanted not in present:
        raise bad_argument(column, wanted, f"one of {', '.join(present)}")
    assert wanted is not None
    return wanted, frame[frame[column] == wanted]
