"""Two recipes along their curves: the difference at the depths that both have, and whether the curves cross."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from predictlab.comparing._finals import Wanted
from predictlab.comparing._reading import Opened, depths_of
from predictlab.comparing._results import RECIPES, Comparison

MOST = 24  # depths that are looked at


def by_depth(
    ends: Comparison, a: Opened, b: Opened, wanted: Wanted, compare_at: Callable[[Wanted], Comparison]
) -> Comparison:
    """The comparison of the ends, with the curve of differences where both have one, and its crossings said."""
    if ends.a.depth is None or ends.b.depth is None:
        return ends
    wanted = replace(wanted, metric=ends.a.metric)
    both = sorted(set(depths_of(a, wanted)) & set(depths_of(b, wanted)))
    if len(both) < 2 or both[-1] != ends.a.depth:
        return ends
    chosen = [both[i] for i in np.unique(np.linspace(0, len(both) - 1, min(MOST, len(both))).round().astype(int))]
    found = [*(compare_at(replace(wanted, depth=depth)) for depth in chosen[:-1]), ends]
    lines = [
        (depth, at.difference, *at.conf_int().loc[RECIPES], at.verdict())
        for depth, at in zip(chosen, found, strict=True)
    ]
    table = pd.DataFrame(lines, columns=["depth", "difference", "lower", "upper", "verdict"])
    return replace(ends, by_depth=table, notes=(*ends.notes, *_crossings(table, ends)))


def _crossings(table: pd.DataFrame, ends: Comparison) -> list[str]:
    """What is said of curves that cross: by their means, and by what is told apart."""
    sign = np.sign(table["difference"].to_numpy())
    other = np.flatnonzero(sign * sign[-1] < 0)
    if not len(other) or sign[-1] == 0:
        return []
    last = int(other[-1])
    first, then = (float(table["depth"].iloc[k]) for k in (last, last + 1))
    ahead = ends.b.name if (sign[-1] > 0) == (ends.better == "higher") else ends.a.name
    told = table[table["verdict"] == f"{ahead} is better"]["depth"]
    sure = f"told apart there at {', '.join(f'{d:g}' for d in told)}" if len(told) else "nowhere told apart there"
    settled = (
        "told apart at the end" if table["verdict"].iloc[-1].endswith("is better") else "not told apart at the end"
    )
    return [
        f"the curves cross between depths {first:g} and {then:g}: before, {ahead} was ahead at {len(other)} of "
        f"{last + 1} depths ({sure}); {settled}. Which is better depends on where you stop"
    ]
