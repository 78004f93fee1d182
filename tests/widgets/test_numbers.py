"""What the widgets' pages compute without the kernel is what predictlab computes, in node on the same numbers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

import predictlab as pl
from predictlab.budget import best_depth, crossing_depth
from predictlab.decay import law
from predictlab.errors import UnusualInput
from predictlab.risk import variance_components
from predictlab_widgets import (
    BudgetAllocator,
    NoiseExplorer,
    PhaseDiagram,
    RiskDecomposition,
    SelectionMonitor,
    StaticScores,
)
from predictlab_widgets._base import to_jsonable

HERE = Path(__file__).parent
DEPTHS = (8, 16, 32, 64, 128, 192)


def fit_of(limit, scale, rate):
    risk = [limit + scale * c**-rate for c in DEPTHS]
    return pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=31), dispersion=1).fit()


FITS = {
    "fast": fit_of(3e-5, 0.5, 2), "slow": fit_of(1e-5, 0.02, 0.8), "noisy": fit_of(6e-4, 0.02, 1.2),
    "flat": fit_of(4e-4, 0, 1),
}  # fmt: skip


FRESH = pl.fresh_run(pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)((4, 8, 16, 32, 64), range(12)))


def depths():
    """Laws with odd corners: nothing decays, a floor above the tolerance, prices from nothing to too much."""
    rng = np.random.default_rng(0)
    laws = [(1e-4, 0.0, 1.0), (0.0, 1e3, 0.05), (2e-3, 0.02, 1.2), (1e-5, 1e-300, 4.0)]
    laws += [(10 ** rng.uniform(-6, -3), 10 ** rng.uniform(-3, 2), rng.uniform(0.2, 4)) for _ in range(20)]
    at = [1.0, 8.0, 1e4]
    for i, (floor, scale, rate) in enumerate(laws):
        price, fixed, first, tolerance = 10.0 ** (i % 7 - 9), (0.0, 1e-4)[i % 2], (1.0, 8.0)[i % 2], 3e-4
        optimal = float(best_depth(scale, rate, price))
        probed = max(optimal, first)
        total = law(probed, floor, scale, rate) + fixed + price * probed
        expected = {
            "optimal": optimal, "paying": probed if total < law(first, floor, scale, rate) else 0.0,
            "reachable": float(crossing_depth(floor, scale, rate, tolerance)),
            "depths": at, "risk": law(np.array(at), floor, scale, rate),
        }  # fmt: skip
        given = {"price": price, "fixed": fixed, "first": first, "tolerance": tolerance}
        yield {"law": [floor, scale, rate], **given, "expected": expected}


def costs():
    for changes in ({}, {"scale": 0.0}, {"fixed_cost": 50.0, "exchange_rate": 1e-5}, {"tolerance": 5e-5}):
        widget = RiskDecomposition(depths=(2, 1e4), **changes)
        names = ["intrinsic_limit", "scale", "decay_rate", "exchange_rate", "cost_per_step", "fixed_cost", "tolerance"]
        found = {"risk": widget.risk, "reducible": widget.reducible, "cost": widget.cost, "total": widget.total}
        rows = [
            {"depth": widget.optimal_depth, "paid": True, **found},
            {"depth": 2.0, "paid": False, "risk": widget.static_risk, "price": 0.0},
            {"depth": np.inf, "paid": True, "risk": np.nan, "total": np.nan},
        ]
        yield {"traits": {name: getattr(widget, name) for name in names}, "rows": rows}


def intervals():
    for fit in (FITS["slow"], FITS["noisy"], FITS["flat"]):
        widget = RiskDecomposition(fit, fixed_cost=1.0)
        table = widget.conf_int()
        gamma = widget.exchange_rate
        costs = {
            "price": gamma * widget.cost_per_step, "fixed": gamma * widget.fixed_cost,
            "first": float(fit.fitted.depth[0]),
        }  # fmt: skip
        yield {"draws": fit.draws().to_numpy(float).ravel(), "costs": costs, "expected": table.loc["optimal_depth"]}
    fresh = FRESH.results()
    widget = RiskDecomposition(FRESH, exchange_rate=2e-7)
    costs = {
        "price": widget.exchange_rate * widget.cost_per_step, "fixed": 0, "first": 4.0, "last": 64.0,
        "without": FRESH.static_estimate,
    }  # fmt: skip
    yield {"draws": fresh.sample().params.ravel(), "costs": costs, "expected": widget.conf_int().loc["optimal_depth"]}


def reaches():
    """c_tau of a fit: that of the table, of the chart and of the page are one; between two tolerances nearly."""
    warnings.simplefilter("ignore", UnusualInput)  # tolerances far above all that was measured
    for fit in (FITS["slow"], FITS["noisy"], FRESH.results(), FITS["slow"].model.fit("gamma")):
        widget = RiskDecomposition(fit)
        grid = np.frombuffer(widget._reach["tolerance"])
        places = [(float(tau), True) for tau in grid[[0, 20, 30, 45, 60]]] + [(float(grid[33] * 1.02), False)]
        for tau, exact in places:
            found = pl.depth_for_tolerance(fit, tau)
            ends = found.conf_int().loc["depth"]
            widget.tolerance = tau
            assert (
                widget.tolerance_depth
                == found.depth
                == pl.classify({"t": fit}, tolerance=tau, budget=64, extrapolate=True)["crossing_budget"].iloc[0]
            )
            assert widget._now["tolerance"] == tau
            assert np.frombuffer(widget._now["depths"]).tolist() == [ends["lower"], found.depth, ends["upper"]]
            yield {
                "tolerance": grid, "depths": np.frombuffer(widget._reach["depths"]), "tau": tau, "exact": exact,
                "expected": [ends["lower"], found.depth, ends["upper"]],
            }  # fmt: skip


def regimes():
    widget = PhaseDiagram(FITS, budget=100, tolerance=2e-4)
    kinds = {
        "by_budget": "byBudget",
        "least_by_budget": "leastByBudget",
        "least_by_tolerance": "leastByTolerance",
        "by_tolerance": "byTolerance",
        "noise_by_tolerance": "noiseByTolerance",
        "here": "here",
    }
    counts = {new: np.frombuffer(widget._counts[old], dtype=np.uint16) for old, new in kinds.items()}
    doubles = {
        "least": widget._counts["least"], "rising": widget._fixed["rising"], "rejected": widget._fixed["rejected"],
        "crossing": widget._counts["crossing"], "rows": widget._counts["rows"],
    }  # fmt: skip
    counts |= {name: np.frombuffer(sent) for name, sent in doubles.items()}
    counts["crossings"] = np.frombuffer(widget._grids["crossing"], dtype="<f4").astype(float)
    grid = {name: np.frombuffer(widget._grids[name]) for name in ("budget", "tolerance")}
    places = [
        (100.0, 2e-4),
        *((float(b), 2e-4) for b in grid["budget"][::40]),
        *((100.0, float(t)) for t in grid["tolerance"][::40]),
    ]
    rows = []
    for budget, tolerance in places:
        table = pl.classify(FITS, tolerance=tolerance, budget=budget, extrapolate=True)
        p = table[list(pl.phase.PROBABILITY_COLUMNS)].to_numpy()
        rows.append(
            {
                "budget": budget,
                "tolerance": tolerance,
                "expected": p.ravel(),
                "likeliest": p.argmax(axis=1),
                "regime": table["regime"].tolist(),
                "crossing": table["crossing_budget"].tolist(),
            }
        )
    data = {"size": len(FITS), "draws": widget._counts["draws"], "budget": 100.0, "tolerance": 2e-4, "grid": grid}
    yield {"data": data | counts, "places": rows}


def allocations():
    rng = np.random.default_rng(1)
    few = {name: FITS[name] for name in ("fast", "slow", "flat")}
    many = {
        f"t{i}": fit_of(10 ** rng.uniform(-6, -3), 10 ** rng.uniform(-3, 2), rng.uniform(0.3, 4)) for i in range(12)
    }
    for chosen, price, bounds in ((few, 1.0, None), (few, 0.3, (2, 500)), (many, 2.0, None), (many, 1.0, (1, 64))):
        names = list(chosen)
        ends = bounds or (8, np.inf)
        for i, times in enumerate((1, 1.0001, 3, 40, 1e5)):
            lock = {names[i]: 1.5 * ends[0]} if i in (1, 2) else {}
            weights = {name: float(10 ** rng.uniform(-1, 1)) for name in names}
            budget = times * price * (ends[0] * len(names) + 0.5 * ends[0] * len(lock))
            given = {"weights": weights, "cost_per_step": price}
            widget = BudgetAllocator(chosen, total_budget=budget, bounds=bounds, locked=lock, **given)
            pairs = {name: (lock.get(name, ends[0]), lock.get(name, ends[1])) for name in names}
            table = pl.allocate(chosen, budget, bounds=pairs, **given)
            line = pl.frontier(chosen, [budget, 2 * budget], bounds=pairs, **given)
            arrays = {key: np.frombuffer(value) for key, value in widget._fixed.items() if isinstance(value, bytes)}
            expected = {
                "depth": table["depth"], "worth": table["marginal"], "risk": line["risk"].iloc[0],
                "multiplier": line["multiplier"].iloc[0], "twice": line["risk"].iloc[1],
            }  # fmt: skip
            data = {**arrays, "names": names}
            yield {
                "data": data,
                "budget": budget,
                "locked": lock,
                "weights": list(weights.values()),
                "expected": expected,
            }
            widget.close()


def rows_fits():
    """Fits that know their rows, made from outcomes."""
    out = {}
    for name, p, seed in (("easy", 0.97, 0), ("hard", 0.7, 1), ("mid", 0.85, 2)):
        rng = np.random.default_rng(seed)
        parts = [variance_components(rng.random((8, 200)) < p - 0.1 / c) for c in (1, 2, 4, 8)]
        curve = pl.RiskCurve([4, 8, 16, 32], [q.spread for q in parts], df=7, parts=parts, metric="accuracy", task=name)
        out[name] = pl.DecayModel(curve).fit()
    return out


def designs():
    fits = rows_fits()
    for weights, lock, budget in (({}, {}, 3000.0), ({"hard": 5.0}, {}, 900.0), ({}, {"mid": 20.0}, 5e4)):
        widget = BudgetAllocator(fits, total_budget=budget, cost_per_row=0.7, weights=weights, locked=lock)
        if not lock:
            asked = {"easy": 1.0, "hard": 1.0, "mid": 1.0} | weights
            table = pl.allocate_design(fits, budget, cost_per_step=1.0, cost_per_row=0.7, weights=asked)
            assert list(widget.depths.values()) == pytest.approx(table["depth"].tolist())
            assert list(widget.rows.values()) == pytest.approx(table["rows"].tolist())
            assert widget.multiplier == pytest.approx(table["exchange_rate"].iloc[0])
            assert widget.table()["rows"].tolist() == pytest.approx(table["rows"].tolist())
        arrays = {key: np.frombuffer(value) for key, value in widget._fixed.items() if isinstance(value, bytes)}
        data = arrays | {"names": list(fits), "size": 3, "wide": len(arrays["grid"]) // 3}
        yield {
            "data": data, "budget": budget, "locked": lock, "weights": list(widget.weights.values()),
            "expected": {
                "depth": list(widget.depths.values()), "rows": list(widget.rows.values()), "risk": widget.risk,
                "multiplier": widget.multiplier, "cost": budget,
            },
        }  # fmt: skip
        widget.close()


def powers():
    for run_sd, interaction in ((0.004, 0.05), (0.0, 0.08), (0.02, 0.0)):
        for seeds in (1, 2, 3, 8, 40):
            widget = NoiseExplorer(run_sd=run_sd, interaction=interaction, seeds=seeds, rows=700, difference=0.013)
            given = {name: getattr(widget, name) for name in ("run_sd", "interaction", "seeds", "rows")}
            design = widget.design()
            called = (
                float(student.isf(0.025, 2 * (seeds - 1))) * np.sqrt(2 / seeds) * widget.sd if seeds > 1 else np.inf
            )
            yield {
                "state": given, "difference": widget.difference, "power": 0.8,
                "expected": {"smallest": design.difference, "chance": widget.chance, "seeds": widget.seeds_needed,
                             "rows": widget.rows_needed if interaction else np.inf, "called": called},
                "others": [
                    [p, pl.compare_design(**widget._spread(), seeds=seeds, rows=700, power=p).difference]
                    for p in (0.5, 0.95)
                ],
            }  # fmt: skip


def normals():
    x = np.r_[np.linspace(-9, 9, 181), -30, 30]
    yield {"x": x, "below": norm.cdf(x)}


def selections():
    """A selection as the page is told of it, and each look as Python tells it."""
    means = {"a": 0.7, "b": 0.75, "c": 0.76, "d": 0.5}
    sources = {
        name: pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m).source(seed=i, max_depth=64)
        for i, (name, m) in enumerate(means.items())
    }
    for better in ("higher", "lower"):
        found = pl.select(sources, 300, better=better, margin=0.01, rungs=(0.25, 1), progress=False)
        widget = SelectionMonitor(found)
        sent = dict(widget._seen)
        sent |= {name: np.frombuffer(sent[name]) for name in ("history", "runs")}
        sent["states"] = list(sent["states"])
        looks = []
        for look in range(1, len(found.looks) + 1):
            widget.look = look
            table = widget.table()
            known = found.runs[(found.runs["look"] <= look) & (found.runs["metric"] == found.metric)]
            looks.append(
                {
                    "order": [list(means).index(name) for name in table["candidate"]], "mean": table["mean"],
                    "cost": table["cost"], "open": int((table["state"] != "set aside").sum()),
                    "values": len(known), "sum": known["value"].sum(), "spent": found.looks["cost"].iloc[look - 1],
                }
            )  # fmt: skip
        yield {"sent": sent, "looks": looks}


def scores():
    """Scores as the page is told of them, and the rows as Python orders them."""
    rng = np.random.default_rng(4)
    names = [f"model {i}" for i in range(7)]

    def ranking(data, method):
        value = np.round(rng.uniform(0, 1, 7), 1)  # with ties
        table = pd.DataFrame({"model": rng.permutation(names), "value": value, "null": 0.3, "says": "something"})
        return pl.static.Ranking(data, method, table, 0.95)

    reached = {"films": {name: rng.uniform(0.5, 0.9, 2) for name in names[:5]}}
    widget = StaticScores([ranking(d, m) for d in ("films", "news") for m in ("hscore", "bits_per_byte")], reached)
    for data in widget.data_sets:
        for method in widget.methods:
            for order in ("score", "reached", "name", "given"):
                widget.data, widget.method, widget.order = data, method, order
                table = widget.table()
                told = widget.agreement().set_index(["data", "method"]).loc[(data, method)]
                asked = {"data": data, "method": method, "order": order}
                yield {
                    "sent": widget._all, "asked": asked, "rows": table["row"], "value": table["value"],
                    "place": table["place"], "tau": told["tau"],
                }  # fmt: skip


def test_the_numbers_of_the_page_are_those_of_the_library(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("no node on the PATH: install it (Debian: apt-get install nodejs)")
    made = {
        make.__name__: list(make())
        for make in (
            depths,
            costs,
            intervals,
            reaches,
            regimes,
            allocations,
            designs,
            powers,
            normals,
            selections,
            scores,
        )
    }
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(to_jsonable(made)))
    environment = os.environ | {"PREDICTLAB_CASES": str(cases), "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        ["node", "--test", str(HERE / "numbers.test.mjs")], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
