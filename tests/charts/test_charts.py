"""What the charts show: the numbers that were handed over, rounded where a reader points at them, and nothing else."""

import json

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab import charts
from predictlab.errors import ArgumentError

DEPTHS = (4, 8, 16, 32, 64, 128)


def fit_of(limit=2e-5, scale=0.05, rate=1.0, df=31):
    risk = [limit + scale * c**-rate for c in DEPTHS]
    return pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=df, metric="accuracy")).fit()


@pytest.fixture(scope="module")
def fits():
    return {"fast": fit_of(rate=1.8), "slow": fit_of(rate=0.7), "noisy": fit_of(limit=2e-3)}


def runs_of(values, parents=None):
    frame = pd.DataFrame(values, columns=["run", "depth", "value", "status"])
    return frame.assign(task="a", metric="accuracy", parent=frame["run"].map(parents or {}))


def text_of(chart):
    return json.dumps(chart.to_dict(), ensure_ascii=False)


def rows_of(chart, column):
    """Rows of all data of a chart that have a column."""
    data = chart.to_dict()["datasets"].values()
    return [row for rows in data for row in rows if column in row]


def tooltips(node):
    """All tooltips of a chart as they are written."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "tooltip":
                yield from value if isinstance(value, list) else [value]
            else:
                yield from tooltips(value)
    elif isinstance(node, list):
        for value in node:
            yield from tooltips(value)


def test_numbers_are_rounded_where_a_reader_points(fits):
    fit, plan = fits["slow"], pl.allocate(fits, 200)
    drawn = [
        charts.risk_curve_chart(fit.curve),
        charts.decay_chart(fit),
        charts.phase_diagram(fits, tolerance=1e-3, budget=64),
        charts.allocation_chart(plan),
        charts.frontier_chart(pl.frontier(fits, [50, 100, 200])),
        charts.risk_decomposition_chart(fit.params, exchange_rate=1e-6, tolerance=1e-3),
        charts.runs_chart(runs_of([("r", 4, 0.123456, "ok"), ("r", 8, 0.2, "ok")])),
    ]
    for chart in drawn:
        found = list(tooltips(chart.to_dict()))
        assert found
        assert all("format" in tip for tip in found if tip.get("type") == "quantitative")


def test_the_burn_in_is_set_apart_and_only_then_there_is_a_legend(fits):
    risk = [0.001, 0.001, *(0.05 / c for c in DEPTHS[2:]), 0.05 / 256]
    model = pl.DecayModel(pl.RiskCurve(depth=[*DEPTHS, 256], risk=risk, df=63))
    late = model.fit("gamma")
    assert late.burn_in.first > 4
    assert "burn-in, not fitted" in {row["part"] for row in rows_of(charts.decay_chart(late), "part")}
    assert '"orient": "top"' in text_of(charts.decay_chart(late))
    assert '"orient": "top"' not in text_of(charts.decay_chart(fits["slow"]))
    rise = charts.decay_chart(model.fit())  # of a posterior it is a part of the model
    assert {row["part"] for row in rows_of(rise, "part")} == {"fitted"}
    assert min(row["depth"] for row in rows_of(rise, "mean")) == DEPTHS[0]
    assert "rise over" in text_of(rise)


def test_a_tolerance_stands_where_else_the_floor_would(fits):
    chart = charts.decay_chart(fits["noisy"], tolerance=1e-3, budget=64)
    assert {row["text"] for row in rows_of(chart, "text")} == {"tolerance", "budget"}
    assert {row["text"] for row in rows_of(charts.decay_chart(fits["noisy"]), "text")} == {"floor"}


def test_axes_are_logarithmic_or_linear_and_nothing_else(fits):
    assert '"type": "log"' in text_of(charts.decay_chart(fits["slow"]))
    assert '"type": "log"' not in text_of(charts.decay_chart(fits["slow"], scale="linear"))
    with pytest.raises(ArgumentError, match=r"scale='ln'.*'log', 'linear'"):
        charts.decay_chart(fits["slow"], scale="ln")
    with pytest.raises(ArgumentError, match=r"scale='ln'"):
        charts.runs_chart(runs_of([("r", 4, 0.5, "ok")]), scale="ln")


def test_a_wider_confidence_draws_wider_intervals(fits):
    narrow, wide = (rows_of(charts.risk_curve_chart(fits["slow"].curve, confidence=c), "risk")[0] for c in (0.5, 0.99))
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"]


def test_the_planes_take_the_table_of_classify(fits):
    table = pl.classify(fits, tolerance=1e-3, budget=64, confidence=0.95)
    chart = charts.phase_planes(table, tolerance=1e-3, budget=64, selected="slow")
    assert text_of(chart) == text_of(charts.phase_diagram(fits, tolerance=1e-3, budget=64, selected="slow"))
    assert chart.hconcat[1].title.subtitle == "boundary at 64 steps for the K of slow"


def test_a_crowd_is_points_alone(fits):
    table = pl.classify(fits, tolerance=1e-3, budget=64)
    crowd = pd.concat([table] * 20, ignore_index=True)
    crowd["task"] = [f"task {i}" for i in range(60)]
    text = text_of(charts.phase_planes(crowd, tolerance=1e-3, budget=64))
    assert "60 tasks; a larger budget" in text
    assert "x_lower" not in text
    many = pd.concat([crowd] * 20, ignore_index=True)
    assert "1000 of 1200 tasks" in text_of(charts.phase_planes(many, tolerance=1e-3, budget=64))


def test_bars_say_what_was_locked_and_what_was_never_measured(fits):
    plan = pl.allocate(fits, 3000).assign(locked=[True, False, False])
    chart = charts.allocation_chart(plan)
    state = {row["task"]: row["state"] for row in rows_of(chart, "state")}
    assert state["fast"] == "locked"
    assert state["slow"] == "extrapolated"
    crowd = pd.concat([plan] * 20, ignore_index=True)
    assert len(rows_of(charts.allocation_chart(crowd.assign(task=[f"t{i}" for i in range(60)])), "state")) == 30


def test_the_frontier_falls_by_its_multiplier_at_the_budget(fits):
    frontier = pl.frontier(fits, [50, 100, 200, 400])
    at = frontier.iloc[[1]]
    chart = charts.frontier_chart(frontier, at=at)
    assert f"the next unit saves {at['multiplier'].iloc[0]:.3g}" in chart.title.subtitle
    line = [row for row in rows_of(chart, "budget") if "risk_lower" not in row]
    slope = np.diff([row["risk"] for row in line]) / np.diff([row["budget"] for row in line])
    np.testing.assert_allclose(slope, -at["multiplier"].iloc[0])


def test_the_parts_of_the_risk_add_up():
    price = {"exchange_rate": 1e-6, "cost_per_step": 2.0, "fixed_cost": 10.0, "tolerance": 3e-4}
    chart = charts.risk_decomposition_chart([1e-4, 0.01, 1.0], **price)
    table = pd.DataFrame(rows_of(chart, "part")).drop_duplicates(["depth", "part", "sum"])
    whole = table[table["sum"] > table.groupby("depth")["sum"].transform("min")]
    total = whole.groupby("depth")["value"].sum()
    depth = total.index.to_numpy()
    np.testing.assert_allclose(total, 1e-4 + 0.01 / depth + 1e-6 * (10 + 2 * depth))
    assert "c* = 70.7" in text_of(chart)
    assert "c_τ = 50" in text_of(chart)
    assert "probing pays" in text_of(chart)
    dear = charts.risk_decomposition_chart([1e-4, 0.01, 1.0], **price | {"exchange_rate": 0.1})
    assert "probing does not pay" in text_of(dear)
    assert "c* =" not in text_of(dear), "it lies before the first depth"


def test_runs_are_lines_forks_are_no_seeds_and_what_diverged_is_left_out():
    values = [("a", 4, 0.5, "ok"), ("a", 8, 0.7, "ok"), ("b", 4, 0.7, "ok"), ("b", 8, np.nan, "diverged"),
              ("a@4:0", 8, 0.9, "ok")]  # fmt: skip
    runs = runs_of(values, {"a@4:0": "a"})
    chart = charts.runs_chart(runs)
    lines = rows_of(chart, "kind")
    assert len(lines) == 4
    assert {row["run"] for row in lines if row["kind"] == "fork"} == {"a@4:0"}
    mean = {row["depth"]: row["value"] for row in rows_of(chart, "value") if "run" not in row}
    assert mean == pytest.approx({4: 0.6, 8: 0.7})


def test_a_probe_without_measurements_says_so():
    empty = runs_of([])
    text = text_of(charts.probe_chart(empty, title="a: accuracy", waiting_for="the first measurement"))
    assert "nothing is measured yet" in text
    assert "waits for the first measurement" in text


@pytest.mark.parametrize("version", ["5.8", "5.20"])
def test_names_stand_where_they_were_placed_also_in_the_vega_lite_of_jupyterlab(fits, version):
    """Names are placed in pixels of the plot, which asks for a scale of None beside the axes' own."""
    import vl_convert

    spec = charts.phase_diagram(fits, tolerance=1e-3, budget=64).to_dict()
    spec.pop("$schema")
    scene = vl_convert.vegalite_to_scenegraph(spec, vl_version=version)
    assert json.dumps(scene).count('"text": "slow"') >= 2


def test_scores_stand_beside_their_null_and_the_controls_of_their_unit():
    rows = [
        {"method": m, "layer": layer, "value": v, "lower": v - 0.1, "upper": v + 0.1, "null": n, "says": says}
        for m, layer, v, n, says in (
            ("hscore", "1", 1.5, 0.4, "something"), ("hscore", "mean", 1.7, 0.5, "something"),
            ("knn", "1", 0.5, 0.6, "nothing"), ("knn", "mean", 0.5, 0.6, "nothing"),
        )
    ]  # fmt: skip
    controls = pd.DataFrame(
        [("largest class", "accuracy", 0.52), ("random weights", "hscore", 1.1), ("size", "parameters", 1e7)],
        columns=["control", "method", "value"],
    )
    scores = pl.static.StaticScores("a task", pd.DataFrame(rows), controls)
    drawn = scores.plot().to_dict()
    first, second = drawn["vconcat"]
    assert first["title"]["text"] == "hscore"
    assert second["title"]["text"] == "knn: says nothing"
    shown = {name: pd.DataFrame(values) for name, values in drawn["datasets"].items()}
    marks = [shown[(panel.get("data") or panel["layer"][0]["data"])["name"]] for panel in (first, second)]
    assert sorted(marks[0]["what"].unique()) == ["hscore", "random weights"]
    assert sorted(marks[1]["what"].unique()) == ["knn", "largest class"]
    assert marks[0].groupby("kind")["value"].apply(list).to_dict() == {
        "control": [1.1], "permuted labels reach": [0.4, 0.5], "score": [1.5, 1.7],
    }  # fmt: skip
    with pytest.raises(ArgumentError, match="scores="):
        pl.charts.scores_chart(pd.DataFrame(rows))


def test_rankings_are_placed_on_each_data_set_by_one_score():
    def ranking(data, method, values):
        table = pd.DataFrame({"model": ["a", "b", "c"], "value": values, "apart": [v < 2 for v in values]})
        return pl.static.Ranking(data, method, table, 0.95)

    drawn = pl.charts.rankings_chart([ranking("x", "logme", [3.0, 1.0, 2.0]), ranking("y", "logme", [0.1, 2.5, 2.5])])
    cells = pd.DataFrame(next(iter(drawn.to_dict()["datasets"].values())))
    assert cells["place"].tolist() == [1, 3, 2, 3, 1, 1]
    assert cells["of_best"].tolist() == [1, 0, 0.5, 0, 1, 1]
    assert cells["open"].tolist() == [True, False, True, False, True, True]
    with pytest.raises(ArgumentError, match="one score"):
        pl.charts.rankings_chart([ranking("x", "logme", [1, 2, 3]), ranking("x", "hscore", [1, 2, 3])])
