"""Entry: what is written into a store about one run at one depth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from predictlab.errors import bad_argument
from predictlab.runs._schema import STATUSES


@dataclass(frozen=True)
class Entry:
    """One run at one depth: a measurement, a state that training can go on from, or both.

    Parameters
    ----------
    run : str
        Name of the run.
    seed : int
        Of training.
    depth : int
        Optimiser steps done, >= 0.
    values : mapping of str to float, or None
        Metric name to value; finite unless `status` says otherwise. None makes a checkpoint: a state alone.
    parent : str, optional
        Name of the run it was forked from.
    seconds, flops : float
        Training cost of this run up to `depth`.
    status : {"ok", "diverged", "failed"}
        How the run stood.
    state : bytes, optional
        What training goes on from; the store does not look inside.
    keep : bool
        The state stays when a later one of the same run comes: forks leave from it.

    Examples
    --------
    >>> import predictlab as pl
    >>> entry = pl.runs.Entry("demo:0", seed=0, depth=4, values={"accuracy": 0.5})
    >>> entry.status
    'ok'
    """

    run: str
    seed: int
    depth: int
    values: Mapping[str, float] | None
    parent: str | None = None
    seconds: float = math.nan
    flops: float = math.nan
    status: str = "ok"
    state: bytes | None = field(default=None, repr=False)
    keep: bool = False

    def check(self, where: str = "") -> None:
        """Raise if it is none that a store can take.

        Parameters
        ----------
        where : str
            Put before the name of the field in the error.

        Raises
        ------
        ArgumentError
            A status that there is not, a depth below 0, no metric and no state, values that are not finite.
        """
        if self.status not in STATUSES:
            raise bad_argument(f"{where}status", self.status, f"one of {', '.join(STATUSES)}")
        if not 0 <= self.depth < 2**53:
            raise bad_argument(f"{where}depth", self.depth, "a whole number >= 0")
        if self.state is not None and not isinstance(self.state, bytes):
            raise bad_argument(f"{where}state", self.state, "bytes or None")
        if self.values is None:
            if self.state is None:
                raise bad_argument(f"{where}values", None, "at least one metric where there is no state")
            return
        if not self.values:
            raise bad_argument(f"{where}values", self.values, "at least one metric")
        if self.status == "ok" and not all(math.isfinite(v) for v in self.values.values()):
            expected = "finite numbers with status='ok'"
            raise bad_argument(f"{where}values", dict(self.values), expected, "Use status='diverged'.")
