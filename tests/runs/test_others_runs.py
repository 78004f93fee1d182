"""Ten kinds of fault in other people's runs, each in a few variations: what is read, what is said, what is refused."""

import json
import sqlite3
import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.runs import ImportNotice, ImportReport

DEPTHS = [10, 20, 40, 80]


def paths(seeds, depths=DEPTHS, rng=0):
    """Values of each seed, all different."""
    noise = np.random.default_rng(rng).normal(0, 0.02, (len(seeds), len(depths)))
    return {s: 0.8 + row for s, row in zip(seeds, noise, strict=True)}


def long(seeds=range(6), depths=DEPTHS, **more):
    return pd.DataFrame(
        [{"seed": s, "step": d, "acc": v, **more} for s, row in paths(seeds, depths).items()
         for d, v in zip(depths, row, strict=True)]
    )  # fmt: skip


def state(folder, entries, **more):
    folder.mkdir(parents=True, exist_ok=True)
    last = max(e.get("step", 0) for e in entries)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": last, "log_history": entries, **more}))


def evaluated(step, value, name="accuracy"):
    return {f"eval_{name}": value, "eval_runtime": 1.0, "step": step}


# The report


def test_a_clean_log_has_an_empty_report():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs, report = pl.read_runs(long(), report=True, strict=True)
    assert isinstance(report, ImportReport)
    assert (report.runs, report.rows, report.metrics) == (6, 24, ("acc",))
    assert report.left_out == report.assumed == report.noticed == ()
    assert runs.attrs == {}
    assert "6 runs" in report._repr_html_()


def test_strict_makes_an_assumption_an_error():
    table = long().assign(step=lambda t: "step-" + t["step"].astype(str)).replace({"step": {"step-": "step"}})
    table["step"] = table["step"].str.replace("-", "")
    with pytest.warns(ImportNotice, match="step10"):
        assert set(pl.read_runs(table, metric="acc")["depth"]) == set(DEPTHS)
    with pytest.raises(DataError, match=r"strict=True forbids.*step10"):
        pl.read_runs(table, metric="acc", strict=True)


# 1 Absence is no divergence


def test_a_row_written_for_another_metric_is_no_divergence(tmp_path):
    for seed, row in paths(range(4)).items():
        rows = [{"step": d, "train": 1 / d, "val": np.nan} for d in range(5, 81, 5)]
        rows += [
            {"step": d, "train": np.nan, "val": v} for d, v in zip(DEPTHS[: 3 if seed == 2 else 4], row, strict=False)
        ]
        pd.DataFrame(rows).to_csv(tmp_path / f"seed-{seed}.csv", index=False)
    frame = pl.read_runs(tmp_path, metric="val")
    assert set(frame["status"]) == {"ok"}
    assert frame.groupby("run").size().to_dict() == {"seed-0": 4, "seed-1": 4, "seed-2": 3, "seed-3": 4}


def test_a_column_that_a_file_has_not_was_not_measured_in_it(tmp_path):
    for seed, row in paths(range(3)).items():
        table = pd.DataFrame({"step": DEPTHS, "acc": row, "f1": row / 2})
        (table if seed else table[["step", "acc"]]).to_csv(tmp_path / f"seed-{seed}.csv", index=False)
    frame = pl.read_runs(tmp_path, metric=["acc", "f1"])
    assert set(frame["status"]) == {"ok"}
    assert set(frame.loc[frame["metric"] == "f1", "seed"]) == {1, 2}


def test_an_empty_cell_beside_its_companion_is_a_divergence(tmp_path):
    table = long().assign(minutes_in=1.0, loss=lambda t: 1 - t["acc"])
    table.loc[(table["seed"] == 3) & (table["step"] > 20), "loss"] = np.nan
    table.to_csv(tmp_path / "log.csv", index=False)
    frame = pl.read_runs(tmp_path / "log.csv", metric=["acc", "loss"])
    assert set(frame.loc[frame["status"] == "diverged", "seed"]) == {3}


# 2 Unbalanced designs


def test_an_odd_depth_costs_itself():
    extra = pd.DataFrame({"seed": [1, 4], "step": 33, "acc": 0.8})
    curve = pl.risk_curve(pl.read_runs(pd.concat([long(), extra])))
    assert curve.n_runs == 6
    assert curve.odd_depths == (33.0,)
    np.testing.assert_allclose(curve.risk, np.var(list(paths(range(6)).values()), axis=0, ddof=1))


def test_early_stops_cost_weight_alone():
    depths = list(range(10, 101, 10))
    table = long(range(10), depths)
    table = table[table["step"] <= 60 + 10 * (table["seed"] // 2)]
    curve = pl.risk_curve(pl.read_runs(table))
    left = table.groupby("step").size()
    np.testing.assert_array_equal(curve.df, left[left >= 3] - 1)
    assert curve.n_runs == 10
    fit = pl.DecayModel(curve).fit("gamma")
    assert np.isfinite(fit.params).all()
    assert len(fit.bootstrap(20)) == 20
    assert np.isfinite(pl.DecayModel(curve).fit("gee").params).all()


# 3 Copies, and several runs in one


def test_a_copy_of_a_run_is_left_out_and_named():
    table = pd.concat([long(run="a"), long(range(2), run="b")])
    table["run"] += table["seed"].astype(str)
    table.loc[table["run"] == "b1", "acc"] += 0.01  # the same seed with other values is no copy
    rng_copy = table["run"] == "b0"
    table.loc[rng_copy, "acc"] = table.loc[table["run"] == "a0", "acc"].to_numpy()
    with pytest.warns(ImportNotice) as said:
        frame = pl.read_runs(table, task="t")
    assert sorted(set(frame["run"])) == ["a0", "a1", "a2", "a3", "a4", "a5", "b1"]
    texts = [str(w.message) for w in said]
    assert any("'b0'" in t and "copy of 'a0'" in t for t in texts)
    assert any("seed 1 comes 2 times" in t for t in texts)


def test_equal_values_under_two_seeds_are_noticed():
    table = long(range(3))
    table.loc[table["seed"] == 2, "acc"] = table.loc[table["seed"] == 0, "acc"].to_numpy()
    with pytest.warns(ImportNotice, match="equal values under different seeds"):
        assert pl.read_runs(table)["run"].nunique() == 3


@pytest.mark.parametrize("keep", ["first", "last"])
def test_the_end_of_one_training_never_continues_another(keep):
    first, second = paths([0, 1], range(10, 101, 10)).values()
    rows = list(zip(range(10, 101, 10), first, strict=True)) + list(zip(range(10, 61, 10), second, strict=False))
    table = pd.DataFrame(rows, columns=["step", "acc"])
    with pytest.raises(ArgumentError, match="keep=None"):
        pl.read_runs(table, seed=0)
    with pytest.warns(ImportNotice, match="begun again"):
        frame = pl.read_runs(table, seed=0, keep=keep)
    np.testing.assert_array_equal(frame["value"], first if keep == "first" else second[:6])


def test_left_over_checkpoints_are_not_the_run(tmp_path):
    for seed, row in paths(range(3)).items():
        own = [evaluated(d, v) for d, v in zip(DEPTHS, row, strict=True)]
        state(tmp_path / f"seed-{seed}", [*own, {"train_runtime": 1.0, "step": 80}])
        state(tmp_path / f"seed-{seed}" / "checkpoint-160", [evaluated(d, 0.1) for d in [*DEPTHS, 160]])
    with pytest.warns(ImportNotice, match="checkpoint-160"):
        frame = pl.read_runs(tmp_path)
    assert frame["depth"].max() == 80
    assert (frame["value"] != 0.1).all()
    for seed in range(3):
        (tmp_path / f"seed-{seed}" / "trainer_state.json").unlink()
        state(tmp_path / f"seed-{seed}" / "checkpoint-80", [evaluated(d, 0.2) for d in DEPTHS])
    with pytest.raises(DataError, match="checkpoint-80 contradict checkpoint-160"):
        pl.read_runs(tmp_path)


def test_a_seed_too_large_is_refused_and_one_of_63_bits_kept():
    table = long(range(2)).assign(run=lambda t: "r" + t["seed"].astype(str))
    big = table.assign(seed=[2**63 - 1 - s for s in table["seed"]])
    assert set(pl.read_runs(big, task="t")["seed"]) == {2**63 - 1, 2**63 - 2}
    with pytest.raises(DataError, match="too large"):
        pl.read_runs(table.assign(seed=pd.Series([2**127 + s for s in table["seed"]], dtype=object)), task="t")


# 4 Rows that are no measurement of a depth


def test_the_best_model_evaluated_at_the_end_is_no_measurement(tmp_path):
    for seed in range(3):
        values = [0.5, 0.9 + seed / 100, 0.7, 0.6]
        entries = [evaluated(d, v) for d, v in zip(DEPTHS, values, strict=True)]
        entries += [{"train_runtime": 1.0, "step": 95}, evaluated(95, values[1])]
        state(tmp_path / f"seed-{seed}", entries, best_metric=values[1], best_model_checkpoint="o/checkpoint-20")
    assert pl.read_runs(tmp_path)["depth"].max() == 80


@pytest.mark.parametrize("step", [-1, np.nan])
def test_rows_of_no_depth_are_left_out_and_said(step):
    table = pd.concat([long(), pd.DataFrame({"seed": [0], "step": [step], "acc": [0.99]})])
    with pytest.warns(ImportNotice, match="of no depth"):
        assert len(pl.read_runs(table)) == 24


# 5 Recipes


@pytest.mark.parametrize("of", [1e-5, 3, "adam"])
def test_whatever_differs_between_runs_is_asked_about(of):
    table = long().assign(other=lambda t: [of if s < 3 else of * 2 for s in t["seed"]])
    with pytest.raises(ArgumentError, match=r"task=None.*They differ in other"):
        pl.read_runs(table, metric="acc")
    with pytest.warns(ImportNotice, match="differ in other"):
        pl.read_runs(table, metric="acc", task="one")


@pytest.mark.parametrize(
    ("name", "text"),
    [("hparams.yaml", "opt:\n  lr: {}\n"), ("args.json", '{{"lr": {}}}'), (".hydra/config.yaml", "lr: {}\n")],
)
def test_recipes_beside_the_logs_are_compared(tmp_path, name, text):
    for seed, row in paths(range(3)).items():
        folder = tmp_path / f"seed-{seed}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text.format(10.0**-seed))
        pd.DataFrame({"step": DEPTHS, "acc": row}).to_csv(folder / "metrics.csv", index=False)
    with pytest.raises(ArgumentError, match=r"They differ in .*lr"):
        pl.read_runs(tmp_path, metric="acc")


# 6 Units


def test_epochs_become_steps():
    table = long(depths=range(4)).rename(columns={"step": "epoch"})
    with pytest.raises(ArgumentError, match="steps_per_epoch="):
        pl.read_runs(table)
    assert sorted(set(pl.read_runs(table, steps_per_epoch=25)["depth"])) == [25, 50, 75, 100]
    with pytest.warns(ImportNotice, match="epochs"):
        pl.read_runs(table, depth="epoch")


def test_steps_that_begin_anew_with_each_epoch_are_recognised():
    table = pd.concat([long().assign(epoch=e, acc=lambda t, e=e: t["acc"] + e) for e in range(3)])
    with pytest.raises(ArgumentError, match="anew with each 'epoch'"):
        pl.read_runs(table, metric="acc")


# 7 Files that vanish


def test_damaged_files_are_named(tmp_path):
    long(range(1)).drop(columns="seed").to_csv(tmp_path / "seed-0.csv", index=False)
    (tmp_path / "seed-1.csv").write_text("")
    (tmp_path / "seed-2.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    (tmp_path / "seed-3.csv").write_bytes(b"step,acc\n10,\xff\xfe\x00\n")
    with pytest.warns(ImportNotice) as said:
        frame, report = pl.read_runs(tmp_path, metric="acc", report=True)
    assert set(frame["run"]) <= {"seed-0", "seed-3", tmp_path.name} | set(frame["run"])
    assert len(report.files) >= 1
    for name in ("seed-1", "seed-2", "seed-3"):
        assert any(name in str(w.message) for w in said)


# 8 Advice that leads on


def test_a_raw_table_is_led_to_read_runs():
    with pytest.raises(DataError, match=r"pl\.read_runs"):
        pl.risk_curve(long())
    with pytest.raises(ArgumentError, match="runs=None"):
        pl.risk_curve(None)


def test_an_mlflow_database_is_read(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.execute("create table experiments(experiment_id int, name text)")
        db.execute("create table runs(run_uuid text, name text, experiment_id int, lifecycle_stage text)")
        db.execute("create table metrics(key text, value real, timestamp int, run_uuid text, step int, is_nan int)")
        db.execute("create table params(key text, value text, run_uuid text)")
        db.execute("insert into experiments values (1, 'fine')")
        for seed, row in paths(range(3)).items():
            db.execute("insert into runs values (?, ?, 1, 'active')", (f"id{seed}", f"seed-{seed}"))
            db.execute("insert into params values ('seed', ?, ?)", (str(seed), f"id{seed}"))
            db.executemany(
                "insert into metrics values ('acc', ?, ?, ?, ?, 0)",
                [(v, 1000 * d, f"id{seed}", d) for d, v in zip(DEPTHS, row, strict=True)],
            )
    db.close()
    frame = pl.read_runs(tmp_path / "mlflow.db")
    np.testing.assert_array_equal(frame["value"], np.concatenate(list(paths(range(3)).values())))
    assert frame.loc[frame["depth"] == 80, "seconds"].tolist() == [70.0] * 3


@pytest.mark.parametrize("lost", ["key", "run_uuid", "value"])
def test_an_mlflow_database_without_one_of_its_columns_is_an_error_of_ours(tmp_path, lost):
    """As damaged schemas have it: a column goes by another name."""
    columns = [c if c != lost else "x" for c in ("key", "value", "timestamp", "run_uuid", "step", "is_nan")]
    runs = ["x" if lost == "run_uuid" else "run_uuid", "name", "experiment_id"]
    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.execute("create table experiments(experiment_id int, name text)")
        db.execute(f"create table runs({', '.join(runs)})")
        db.execute(f"create table metrics({', '.join(columns)})")
        db.execute("insert into runs values ('id', 'seed-0', 1)")
    db.close()
    with pytest.raises(DataError, match="cannot be read as an MLflow database"):
        pl.read_runs(tmp_path / "mlflow.db")


# 9 Tables as people write them


@pytest.mark.parametrize("separator", [";", "\t", "|", " , ", "  "])
def test_separators_and_blanks(tmp_path, separator):
    lines = [separator.join(map(str, row)) for row in long().itertuples(index=False)]
    (tmp_path / "log.csv").write_text("\n".join([separator.join(["seed", "step", "acc"]), *lines]))
    frame = pl.read_runs(tmp_path / "log.csv")
    np.testing.assert_allclose(frame["value"], long()["acc"])


def test_a_column_a_seed(tmp_path):
    wide = long().pivot_table(index="step", columns="seed", values="acc").add_prefix("run_").reset_index()
    with pytest.warns(ImportNotice, match="side by side"):
        frame = pl.read_runs(wide, metric="accuracy")
    assert set(frame["seed"]) == set(range(6))
    assert set(frame["metric"]) == {"accuracy"}
    np.testing.assert_allclose(frame["value"], long()["acc"])


def test_a_repeated_title_and_a_bad_cell_are_named(tmp_path):
    text = long(range(3)).to_csv(index=False)
    (tmp_path / "log.csv").write_text(text + "seed,step,acc\n" + "7,10,oops\n7,20,0.5\n")
    with pytest.warns(ImportNotice) as said:
        frame = pl.read_runs(tmp_path / "log.csv")
    assert len(frame) == 13
    assert any("title line" in str(w.message) for w in said)
    assert any("'oops'" in str(w.message) for w in said)


def test_json_lines_tell_a_written_nan_from_nothing(tmp_path):
    for seed in range(2):
        lines = [f'{{"step": 10, "loss": {0.5 + seed}}}', '{"step": 20, "lr": 0.1}', '{"step": 30, "loss": NaN}']
        (tmp_path / f"seed-{seed}.jsonl").write_text("\n".join(lines) + f"\n{' ' * seed}")
    frame = pl.read_runs(tmp_path, metric="loss", task="t", seed=r"(\d)")
    assert frame["depth"].tolist() == [10, 30] * 2
    assert frame["value"].tolist()[::2] == [0.5, 1.5]
    assert set(frame.loc[frame["depth"] == 30, "status"]) == {"diverged"}


# 10 Decisions


def test_a_run_unlike_all_others_is_not_decided():
    rng = np.random.default_rng(1)
    rows = [
        {"seed": s, "step": d, "accuracy": 0.9 - 2 / d if s == 5 else 0.3 + 0.001 * rng.standard_normal()}
        for s in range(6) for d in range(50, 501, 50)
    ]  # fmt: skip
    runs = pl.read_runs(pd.DataFrame(rows))
    odd = pl.forecast(runs, 150, threshold=0.7).frame().set_index("run").loc["seed-5"]
    assert odd["note"] == "unlike the runs learnt from"
    assert odd["decision"] == "undetermined"
    assert odd["p_above"] == 0.5  # all others end at .3, its own curve is at .887: either may be right
    assert odd["lower"] < 0.3 < 0.887 <= odd["upper"] + 1e-3


@pytest.mark.parametrize(("name", "side"), [("eval_accuracy", "higher"), ("val/loss", "lower"), ("throughput", None)])
def test_a_writers_prefix_keeps_the_direction(name, side):
    from predictlab.task import better_side

    assert better_side(name) == side
