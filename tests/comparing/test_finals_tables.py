"""Finals in trackers' tables, means with widths, curves of two recipes, and all bad inputs of this part."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import levene
from scipy.stats import t as student

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

FILES = Path(__file__).parents[1] / "evaluations" / "optuna"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- Optuna


def test_trials_with_the_same_parameters_are_replicates_of_one_recipe():
    table = pd.read_csv(FILES / "trials.csv")
    ended = table[table["state"] == "COMPLETE"]
    groups = [part["value"].to_numpy() for _, part in ended.groupby(["params_lr", "params_layers"])]
    squares = sum(((g - g.mean()) ** 2).sum() for g in groups)
    df = sum(len(g) - 1 for g in groups)
    for source in (FILES / "trials.csv", FILES / "study.sqlite3", table):
        found = pl.noise(source)
        assert found.sd == pytest.approx(np.sqrt(squares / df))
        assert found.two_runs() == pytest.approx(student.isf(0.025, df) * np.sqrt(2 * squares / df))
        said = str(found)
        assert "2 of 9 runs did not end and are left out: 1 pruned, 1 fail" in said
        assert "3 recipes by params_layers, params_lr: the spread is that within them, pooled" in said


def test_a_storage_may_have_any_name(tmp_path):
    shutil.copy(FILES / "study.sqlite3", tmp_path / "a #1 50%?.db")
    assert pl.noise(tmp_path / "a #1 50%?.db").sd == pl.noise(FILES / "study.sqlite3").sd


def test_trials_of_two_settings_are_compared_once_taken_apart():
    recipes = pl.split_recipes(FILES / "trials.csv")
    assert list(recipes) == ["layers=1, lr=0.0001", "layers=1, lr=0.001", "layers=2, lr=0.0001"]
    assert [name.split("lr=")[1] for name in pl.split_recipes(FILES / "study.sqlite3")] == ["0.0001", "0.001", "0.0001"]
    found = pl.compare(recipes["layers=1, lr=0.001"], recipes["layers=1, lr=0.0001"])
    table = pd.read_csv(FILES / "trials.csv").query("state == 'COMPLETE' and params_layers == 1")
    means = table.groupby("params_lr")["value"].mean()
    assert found.difference == pytest.approx(means[0.001] - means[0.0001])
    assert "1 pruned, 1 fail" in " ".join(found.notes)
    with pytest.raises(DataError, match="holds runs of 3 recipes"):
        pl.compare(FILES / "trials.csv", FILES / "study.sqlite3")


def test_several_objectives_are_asked_about_and_several_studies_are_tasks(tmp_path):
    table = pd.read_csv(FILES / "trials.csv").rename(columns={"value": "values_0"})
    with pytest.raises(ArgumentError, match="values_0"):
        pl.noise(table.assign(values_1=1.0))
    assert pl.noise(table.assign(values_1=1.0), metric="values_0").evidence.metric == "values_0"
    shutil.copy(FILES / "study.sqlite3", tmp_path / "two.db")
    import sqlite3

    with sqlite3.connect(tmp_path / "two.db") as db:
        db.execute("INSERT INTO studies VALUES (2, 'other')")
        db.execute("UPDATE trials SET study_id = 2 WHERE number >= 4")
    with pytest.raises(ArgumentError, match="task"):
        pl.noise(tmp_path / "two.db")
    assert pl.noise(tmp_path / "two.db", task="lr").runs == 4
    (tmp_path / "none.db").write_bytes((FILES / "study.sqlite3").read_bytes())
    with sqlite3.connect(tmp_path / "none.db") as db:
        db.execute("DELETE FROM trials")
    with pytest.raises(DataError, match="no trials"):
        pl.noise(tmp_path / "none.db")


# ---------------------------------------------------------------- W&B and MLflow


def wandb_runs(rng):
    """Columns of the runs table's CSV export."""
    n = 8
    return pd.DataFrame(
        {"Name": [f"run-{i}" for i in range(n)], "State": ["finished"] * (n - 1) + ["crashed"], "Notes": "-",
         "User": "me", "Tags": "", "Created": "2026-11-01T00:00:00.000Z", "Runtime": 100 + rng.integers(0, 9, n),
         "Sweep": "", "Group": ["lora"] * 4 + ["full"] * 4, "seed": [*range(4)] * 2, "lr": 1e-4,
         "eval/accuracy": 0.8 + 0.01 * rng.standard_normal(n), "eval/loss": rng.random(n)}
    )  # fmt: skip


def test_grouped_runs_of_wandb(tmp_path, rng):
    table = wandb_runs(rng)
    table.to_csv(tmp_path / "wandb.csv", index=False)
    with pytest.raises(ArgumentError, match="metric"):
        pl.noise(tmp_path / "wandb.csv")
    found = pl.noise(tmp_path / "wandb.csv", metric="eval/accuracy")
    ended = table[table["State"] == "finished"]
    within = ended.groupby("Group")["eval/accuracy"]
    squares = (within.var(ddof=1) * (within.size() - 1)).sum()
    assert found.sd == pytest.approx(np.sqrt(squares / 5))
    assert "1 of 8 runs did not end and are left out: 1 crashed" in str(found)
    recipes = pl.split_recipes(tmp_path / "wandb.csv")
    compared = pl.compare(recipes["lora"], recipes["full"], metric="eval/accuracy")
    assert (compared.a.count, compared.b.count) == (4, 3)
    assert compared.a.seeds == (0, 1, 2, 3)


def test_panels_of_wandb_are_read_as_curves(tmp_path, rng):
    steps = np.arange(10, 60, 10)
    panel = {"train/global_step": steps}
    for i in range(3):
        values = 0.5 + 0.001 * steps + 0.01 * rng.standard_normal(5)
        panel |= {f"run-{i} - acc{end}": values for end in ("", "__MIN", "__MAX")}
    pd.DataFrame(panel).to_csv(tmp_path / "panel.csv", index=False)
    found = pl.noise(tmp_path / "panel.csv")
    assert found.evidence.depth == 50
    assert found.sd == pytest.approx(np.std([panel[f"run-{i} - acc"][-1] for i in range(3)], ddof=1))


def test_mlflows_search_runs_and_its_page(rng):
    n = 6
    table = pd.DataFrame(
        {"run_id": [f"{i:032x}" for i in range(n)], "experiment_id": "0", "status": ["FINISHED"] * 5 + ["KILLED"],
         "artifact_uri": "x", "start_time": pd.Timestamp("2026-11-01"), "metrics.acc": rng.random(n),
         "metrics.loss": rng.random(n), "params.lr": ["1e-4"] * 3 + ["1e-3"] * 3, "params.seed": list("012012"),
         "tags.mlflow.runName": [f"able-{i}" for i in range(n)]}
    )  # fmt: skip
    found = pl.noise(table, metric="acc")
    assert found.evidence.seeds == (0, 1, 2, 0, 1)
    assert found.runs == 5
    assert found.evidence.df == 3
    page = pd.DataFrame({"Start Time": "now", "Duration": "1s", "Run ID": table["run_id"], "Name": [*"abcdef"],
                         "Source Type": "LOCAL", "Status": table["status"], "lr": 0.1, "seed": range(n),
                         "acc": table["metrics.acc"]})  # fmt: skip
    assert pl.noise(page, metric="acc").sd == pytest.approx(table["metrics.acc"][:5].std())
    by = pl.noise(page.assign(method=list("xxyyzz")), metric="acc", by="method")
    assert by.evidence.df == 2  # z has one run left
    with pytest.raises(DataError, match="has ended"):
        pl.noise(table.assign(status="RUNNING"), metric="acc")


def test_recipes_in_a_table_of_ones_own(rng):
    table = pd.DataFrame({"method": np.repeat(["a", "b"], 5), "seed": [*range(5)] * 2, "score": rng.normal(0, 1, 10)})
    table.loc[table["method"] == "b", "score"] += 100
    pooled = pl.noise(table, by="method")
    assert pooled.sd == pytest.approx(np.sqrt(table.groupby("method")["score"].var().mean()))
    assert pooled.spread().runs == 9
    with pytest.raises(DataError, match="none of which was run twice"):
        pl.noise(table, by=["method", "seed"])
    with pytest.raises(ArgumentError, match="by"):
        pl.noise(table, by="group")
    with pytest.raises(ArgumentError, match="tell recipes apart"):
        pl.split_recipes(table)
    with pytest.raises(ArgumentError, match="None"):
        pl.noise(rng.random((2, 50)), by="method")


def test_recipes_that_are_not_equally_noisy_are_said(rng):
    table = pd.DataFrame({"method": np.repeat(["a", "b"], 12), "score": np.r_[rng.normal(0, 1, 12),
                                                                              rng.normal(0, 20, 12)]})  # fmt: skip
    p = levene(*(part["score"] for _, part in table.groupby("method"))).pvalue
    assert p < 0.01
    assert f"Levene's test, p = {p:.2g}" in str(pl.noise(table, by="method"))


# ---------------------------------------------------------------- mean ± half-width


@pytest.mark.parametrize(
    ("width", "factor"),
    [("sd", 1.0), ("se", np.sqrt(5)), ("normal95", np.sqrt(5) / 1.959964), ("t95", np.sqrt(5) / student.isf(0.025, 4))],
)
def test_widths_are_converted_to_what_runs_would_have_said(width, factor):
    finals = np.array([0.81, 0.82, 0.84, 0.80, 0.83])
    half = finals.std(ddof=1) / factor
    table = pd.DataFrame({"method": ["a"], "accuracy": [f"{finals.mean():.8f} ± {half:.10f}"], "runs": [5]})
    found, whole = pl.noise(table, width=width, metric="accuracy"), pl.noise(finals, metric="accuracy")
    pd.testing.assert_frame_equal(found.conf_int(), whole.conf_int(), rtol=1e-6)
    compared, plain = (pl.compare(side, finals - 0.05, width=w, metric="accuracy")
                       for side, w in ((table, width), (finals, None)))  # fmt: skip
    assert compared.p_value["recipes"] == pytest.approx(plain.p_value["recipes"], rel=1e-4)
    assert "hconcat" not in found.plot().to_dict()  # there are no runs to draw
    assert pl.charts.png(found.plot())[:4] == b"\x89PNG"
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_kind_of_a_width_is_asked_and_the_number_of_runs_too():
    table = pd.DataFrame({"method": ["a", "b"], "mean": [0.81, 0.83], "±": [0.01, 0.01], "runs": [5, 5]})
    one = pl.split_recipes(table, by="method")["a"]
    with pytest.raises(ArgumentError, match="is not guessed"):
        pl.noise(one)
    with pytest.raises(ArgumentError, match="split_recipes"):
        pl.noise(table, width="sd")
    with pytest.raises(ArgumentError, match="'runs'"):
        pl.noise(one.drop(columns="runs"), width="sd")
    with pytest.raises(ArgumentError, match="width"):
        pl.noise(one, width="iqr")
    with pytest.raises(ArgumentError, match="width"):
        pl.noise(pd.DataFrame({"seed": [0, 1], "score": [0.1, 0.2]}), width="sd")
    with pytest.raises(DataError, match="width of -1"):
        pl.noise(one.assign(**{"±": -1.0}), width="sd")
    with pytest.raises(ArgumentError, match="one column with the width"):
        pl.noise(one.assign(sd=0.1), width="sd")


def test_percent_in_cells_is_read_and_in_numbers_refused():
    cell = pd.DataFrame({"accuracy": ["84.3% ± 0.2%"], "seeds": [3]})
    found = pl.noise(cell, width="sd")
    assert found.evidence.mean == pytest.approx(0.843)
    assert found.sd == pytest.approx(0.002)
    with pytest.raises(DataError, match="percent"):
        pl.noise(pd.DataFrame({"accuracy": ["84.3 +/- 0.2"], "seeds": [3]}), width="sd")


def test_standard_errors_over_rows_are_one_run_on_so_many_rows():
    p, n = 0.75, 1200
    se = np.sqrt(p * (1 - p) / (n - 1))  # as the harness prints it
    found = pl.noise(pd.DataFrame({"acc": [f"{p} ± {se:.8f}"]}), width="rows")
    assert (found.runs, found.rows) == (1, n)
    assert "one run: rows only, runs unknown" in str(found)
    with pytest.raises(ArgumentError, match="shares alone"):
        pl.noise(pd.DataFrame({"loss": ["2.1 ± 0.1"]}), width="rows")


# ---------------------------------------------------------------- curves


def curve(rng, level, slope, name="accuracy", seeds=6, depths=(10, 20, 40, 80), sd=0.003):
    s, d = np.meshgrid(np.arange(seeds), depths, indexing="ij")
    value = level + slope * np.log(d) + sd * rng.standard_normal((seeds, 1)) + 0 * d
    return pd.DataFrame({"task": "t", "run": [f"r{i}" for i in s.ravel()], "seed": s.ravel(), "depth": d.ravel(),
                         "metric": name, "value": value.ravel(), "status": "ok"})  # fmt: skip


def test_curves_that_cross_are_said_with_where_and_how_sure(rng):
    quick, slow = curve(rng, 0.60, 0.02), curve(rng, 0.50, 0.05)
    found = pl.compare(quick, slow)
    assert found.verdict() == "b is better"
    assert found.by_depth["depth"].tolist() == [10, 20, 40, 80]
    assert found.by_depth["verdict"].tolist()[0] == "a is better"
    assert "the curves cross between depths 20 and 40: before, a was ahead at 2 of 2 depths" in " ".join(found.notes)
    at = pl.compare(quick, slow, depth=10)
    assert at.verdict() == "a is better"
    assert at.by_depth is None
    assert found.by_depth["difference"][0] == pytest.approx(at.difference)
    assert at.difference == pytest.approx(quick.query("depth == 10")["value"].mean()
                                          - slow.query("depth == 10")["value"].mean())  # fmt: skip
    json.dumps(found.to_dict(), allow_nan=False)
    parallel = pl.compare(curve(rng, 0.60, 0.02), curve(rng, 0.50, 0.02))
    assert not any("cross" in note for note in parallel.notes)


def test_curves_from_a_store_with_outcomes_and_from_read_outcomes(tmp_path, rng):
    frames = []
    for shift in (0.0, 1.0):
        y = {d: rng.random((4, 300)) < 1 / (1 + np.exp(-(d / 40 + shift))) for d in (10, 40)}
        rows = [
            pd.DataFrame({"task": "t", "run": f"r{s}", "seed": s, "depth": d, "metric": "accuracy",
                          "row": np.arange(300), "value": v.astype(int)})
            for d, table in y.items() for s, v in enumerate(table)
        ]  # fmt: skip
        frames.append(pd.concat(rows, ignore_index=True))
    found = pl.compare(frames[1], frames[0])
    assert found.by_depth["depth"].tolist() == [10, 40]
    assert found.a.depth == 40
    assert "these runs" in found.answers
    early = pl.compare(frames[1], frames[0], depth=10)
    assert early.difference == pytest.approx(found.by_depth["difference"][0])
    outcomes = pl.risk.outcomes_of(frames[0])
    assert pl.noise(outcomes, depth=10).evidence.mean == pytest.approx(frames[0].query("depth == 10")["value"].mean())
    with pytest.raises(ArgumentError, match="10, 40"):
        pl.noise(outcomes, depth=20)


def test_ends_at_other_depths_are_not_compared_unless_a_depth_is_named(rng):
    a, b = curve(rng, 0.6, 0.02), curve(rng, 0.6, 0.02, depths=(10, 20, 40))
    with pytest.raises(DataError, match="a ends at depth 80, b at 40"):
        pl.compare(a, b)
    assert pl.compare(a, b, depth=40).a.depth == 40
    with pytest.raises(ArgumentError, match="10, 20, 40, 80"):
        pl.compare(a, a, depth=30)
    with pytest.raises(ArgumentError, match="depth"):
        pl.compare([0.1, 0.2], [0.2, 0.3], depth=30)


def test_folders_of_runs_are_sources_too(tmp_path, rng):
    for side, level in (("a", 0.7), ("b", 0.6)):
        for seed in range(3):
            state = {"global_step": 20, "max_steps": 20, "log_history": [
                {"step": s, "epoch": s / 20, "eval_accuracy": level + 0.01 * rng.random() + s / 1000} for s in (10, 20)
            ]}  # fmt: skip
            place = tmp_path / side / f"seed-{seed}"
            place.mkdir(parents=True)
            (place / "trainer_state.json").write_text(json.dumps(state))
    found = pl.compare(tmp_path / "a", tmp_path / "b")
    assert found.verdict() == "a is better"
    assert found.by_depth["depth"].tolist() == [10, 20]


# ---------------------------------------------------------------- one run and no n, and the like


def test_samples_of_other_tasks_are_refused_and_finals_of_them_said(rng):
    long = pd.DataFrame({"run": np.repeat([0, 1], 30), "row": [*range(30)] * 2, "value": rng.integers(0, 2, 60)})
    with pytest.raises(DataError, match="no task in common"):
        pl.compare(long.assign(task="boolq"), long.assign(task="arc"))
    finals = pd.DataFrame({"seed": range(3), "score": rng.random(3)})
    assert "a is of task 'x', b of 'y'" in " ".join(pl.compare(finals.assign(task="x"), finals.assign(task="y")).notes)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda tmp: pl.noise([0.8], metric="accuracy"), "one run and no rows"),
        (lambda tmp: pl.noise(tmp / "nowhere"), "exists"),
        (lambda tmp: pl.noise(tmp), "source"),
        (lambda tmp: pl.compare([80.0, 81.0], [79.0, 80.0], metric="accuracy"), "percent"),
    ],
)
def test_what_cannot_be_used_is_said(call, says, tmp_path):
    with pytest.raises((ArgumentError, DataError), match=says):
        call(tmp_path)
