"""`pl.read_outcomes`: outcomes of rows and margins from tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk import components_of_margins

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_long_and_wide_tables_are_one(tmp_path):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({"seed": [0, 1, 0, 1], "step": [8, 8, 16, 16]})
    for j in range(30):
        wide[f"q{j}"] = rng.integers(0, 2, 4)
    long = wide.melt(["seed", "step"], var_name="question", value_name="right")
    long.to_csv(tmp_path / "long.csv", index=False)
    one = pl.read_outcomes(wide, depth="step", task="mine")
    other = pl.read_outcomes(tmp_path / "long.csv", depth="step", row="question", value="right", task="mine")
    key = ["run", "depth", "row"]
    assert list(one.columns) == ["task", "run", "seed", "depth", "metric", "row", "value"]
    pd.testing.assert_frame_equal(
        one.sort_values(key, ignore_index=True), other.sort_values(key, ignore_index=True), check_dtype=False
    )
    assert pl.risk_curve(one).risk == pytest.approx(pl.risk_curve(other).risk)
    assert (one["metric"] == "accuracy").all()


def test_further_columns_are_kept_and_name_clusters():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "run": np.repeat(list("abcd"), 40),
            "depth": np.tile(np.repeat([4, 8], 20), 4),
            "row": np.tile(np.arange(20), 8),
        }
    )
    table["value"], table["passage"] = rng.integers(0, 2, 160), table["row"] // 4
    outcomes = pl.read_outcomes(table)
    assert pl.risk_curve(outcomes, cluster="passage").parts[0].clusters == 5
    assert pl.risk_curve(outcomes).parts[0].clusters == 20


@pytest.mark.parametrize(
    ("change", "arguments", "error", "says"),
    [
        ({}, {"row": "item"}, ArgumentError, "row.*'item'.*a column of the table"),
        ({"value": ["right", 0, 1, 0]}, {}, DataError, "'right' is no outcome"),
        ({"depth": [1.5, 2, 1, 2]}, {}, DataError, "1.5.* is no depth"),
        ({}, {"depth": "steps"}, ArgumentError, "depth.*'steps'"),
        ({}, {"depth": 0}, ArgumentError, "depth"),
    ],
)
def test_bad_tables_say_what_to_do(change, arguments, error, says):
    table = pd.DataFrame({"run": list("aabb"), "depth": [1, 2, 1, 2], "row": [0, 0, 0, 0], "value": [0, 1, 1, 0]})
    with pytest.raises(error, match=says):
        pl.read_outcomes(table.assign(**change), **arguments)


def test_nobody_to_tell_apart():
    with pytest.raises(ArgumentError, match="tells runs apart"):
        pl.read_outcomes(pd.DataFrame({"row": [0], "value": [1]}))
    with pytest.raises(DataError, match="no lines"):
        pl.read_outcomes(pd.DataFrame({"run": [], "row": [], "value": []}))
    with pytest.raises(ArgumentError, match="of words"):
        pl.read_outcomes(pd.DataFrame({"run": ["a"], "model": ["x"], "q1": [1], "q2": [0]}))


def test_margins_at_each_depth_make_a_curve():
    rng = np.random.default_rng(2)
    y = rng.random((2, 6, 80)) < 0.8
    runs = pd.DataFrame(
        {"seed": np.tile(range(6), 2), "depth": np.repeat([8, 16], 6), "accuracy": y.mean(axis=2).ravel()}
    )
    rows = pd.DataFrame({"row": np.tile(range(80), 2), "depth": np.repeat([8, 16], 80), "right": y.sum(axis=1).ravel()})
    margins = pl.read_outcomes(runs, value="accuracy", rows=rows)
    table = pl.risk_curve(margins).components()
    assert table["interaction"].to_numpy() == pytest.approx([pl.risk.variance_components(v).interaction for v in y])
    with pytest.raises(ArgumentError, match="margins are of 0/1"):
        pl.read_outcomes(runs, value="accuracy", rows=rows.assign(right=7))
    with pytest.raises(ArgumentError, match="depths"):
        pl.read_outcomes(runs, value="accuracy", rows=rows[rows["depth"] == 8])
    with pytest.raises(ArgumentError, match="cluster"):
        pl.risk_curve(margins, cluster={})


@pytest.mark.skipif(not DATA.exists(), reason="the published runs are not here")
def test_a_hundred_published_fine_tunes():
    """McCoy, Min, Linzen (2020): 100 seeds of BERT on MNLI, margins only. Figures of docs/theory.md, section 8."""
    margins = pl.read_outcomes(
        DATA / "mnli_100_berts_runs.csv", value="mnli_accuracy", rows=DATA / "mnli_100_berts_rows.csv"
    )
    parts = components_of_margins(margins.runs["value"], margins.rows["value"])
    assert (parts.runs, parts.rows) == (100, 9815)
    assert parts.mean == pytest.approx(0.8434, abs=5e-5)
    assert parts.interaction == pytest.approx(0.0314, abs=5e-5)
    assert parts.rows_part / parts.spread == pytest.approx(0.55, abs=0.005)
    assert np.sqrt(parts.run) == pytest.approx(0.00163, abs=5e-6)
    with pytest.raises(DataError, match="depth is not known"):
        pl.risk_curve(margins)
