"""More of each kind of fault in other people's runs: sources that look alike, and what each of them has to give."""

import json
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.runs import ImportNotice

DEPTHS = [10, 20, 40, 80]


def paths(count, depths=DEPTHS, rng=0):
    noise = np.random.default_rng(rng).normal(0, 0.02, (count, len(depths)))
    return {seed: 0.8 + row for seed, row in enumerate(noise)}


def long(count=4, depths=DEPTHS):
    return pd.DataFrame(
        [(s, d, v) for s, row in paths(count, depths).items() for d, v in zip(depths, row, strict=True)],
        columns=["seed", "step", "acc"],
    )


def values(frame):
    return frame.sort_values(["seed", "depth"])["value"].to_numpy()


def assert_is_long(frame, table=None):
    """The frame is that of `long`: each value of each seed at its depth, and nothing else."""
    table = long() if table is None else table
    assert frame[["seed", "depth"]].to_numpy().tolist() == table[["seed", "step"]].to_numpy().tolist()
    np.testing.assert_allclose(frame["value"], table["acc"], rtol=1e-6)
    assert set(frame["status"]) == {"ok"}


def state(folder, entries, **more):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 80, "log_history": entries, **more}))


def evaluated(step, value, name="eval_accuracy"):
    return {name: value, f"{name.partition('_')[0]}_runtime": 1.0, "step": step}


def test_a_column_that_only_tables_have_is_refused_under_its_own_name(tmp_path):
    state(tmp_path / "seed-0", [evaluated(10, 0.5)])
    for name in ("run", "depth"):
        with pytest.raises(ArgumentError, match=f"^{name}='file': expected a table"):
            pl.read_runs(tmp_path, **{name: "file"})


def events(path, scalars, restart=None, clock=1e9):
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        out = RecordWriter(file)
        out.write(Event(wall_time=clock, file_version="brain.Event:2").SerializeToString())
        if restart is not None:
            log = SessionLog(status=SessionLog.START)
            out.write(Event(wall_time=clock, step=restart, session_log=log).SerializeToString())
        for i, (step, tag, value) in enumerate(scalars, 1):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            out.write(Event(wall_time=clock + i, step=step, summary=summary).SerializeToString())
    return path


def mlflow_run(root, key, params, **metrics):
    folder = root / "1" / key
    for part in ("metrics", "params", "tags"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (root / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: sst2\n")
    (folder / "meta.yaml").write_text(f"run_id: {key}\nrun_name: {key}\nlifecycle_stage: active\n")
    for name, rows in metrics.items():
        (folder / "metrics" / name).write_text("".join(f"{1000 + i} {v} {s}\n" for i, (s, v) in enumerate(rows)))
    for name, value in params.items():
        (folder / "params" / name).write_text(str(value))
    return folder


def silent(source, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pl.read_runs(source, **arguments)


def said(source, **arguments):
    """The frame, and all that was said while it was read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pl.read_runs(source, **arguments)
    assert all(issubclass(w.category, ImportNotice) for w in caught)
    return frame, " | ".join(str(w.message) for w in caught)


# 1 Absence is no divergence


@pytest.mark.parametrize("nothing", ["", "NA", "N/A", "None", "null", "-", "--", "?", "#N/A"])
def test_a_word_for_nothing_is_no_divergence(tmp_path, nothing):
    for seed, row in paths(4).items():
        table = pd.DataFrame({"step": range(5, 91, 5)}).assign(loss=lambda t: 1 / t["step"])
        table["acc"] = table["step"].map(dict(zip(DEPTHS, row, strict=True)))
        table.to_csv(tmp_path / f"seed-{seed}.csv", index=False, na_rep=nothing)
    assert_is_long(silent(tmp_path, metric="acc"))


def test_a_writer_whose_nan_stands_between_values_means_nothing_by_it(tmp_path):
    for seed, row in paths(4).items():
        table = pd.DataFrame({"step": range(5, 91, 5)}).assign(loss=lambda t: 1 / t["step"])
        table["acc"] = table["step"].map(dict(zip(DEPTHS, row, strict=True)))
        table.to_csv(tmp_path / f"seed-{seed}.csv", index=False, na_rep="nan")
    frame, told = said(tmp_path, metric="acc")
    assert_is_long(frame)
    assert "written NaN" in told


def test_a_written_nan_at_the_end_is_a_divergence(tmp_path):
    (tmp_path / "seed-1.csv").write_text("step,acc\n10,0.5\n20,nan\n")
    assert pl.read_runs(tmp_path / "seed-1.csv")["status"].tolist() == ["ok", "diverged"]


def test_a_melted_table_has_rows_for_what_was_not_measured():
    wide = long().assign(f1=lambda t: t["acc"].where(t["step"] % 40 == 0) / 2)
    melted = wide.melt(["seed", "step"], var_name="metric")
    frame = silent(melted)
    assert set(frame["status"]) == {"ok"}
    assert frame.groupby("metric").size().to_dict() == {"acc": 16, "f1": 8}
    tail = long().assign(metric="acc").rename(columns={"acc": "value"})
    tail.loc[tail.index[-1], "value"] = np.nan  # nothing follows: the run is lost
    frame, report = pl.read_runs(tail, report=True)
    assert frame["status"].tolist() == ["ok"] * 15 + ["diverged"]
    assert "taken as diverged" in report.noticed[0]


def test_rows_of_a_test_at_the_end_and_shorter_runs(tmp_path):
    for seed, row in paths(4).items():
        depths = DEPTHS[: 4 - seed % 2]
        table = pd.DataFrame({"epoch": range(len(depths)), "step": depths, "val_acc": row[: len(depths)]})
        end = {"epoch": len(depths), "step": depths[-1] + 1, "test_acc": 0.7}
        folder = tmp_path / f"seed-{seed}"
        folder.mkdir()
        pd.concat([table, pd.DataFrame([end])]).to_csv(folder / "metrics.csv", index=False)
    frame = silent(tmp_path)
    assert set(frame["metric"]) == {"val_acc"}
    assert set(frame["status"]) == {"ok"}
    assert frame["depth"].max() == 80


def test_a_history_in_samples_has_no_divergence_and_says_what_helps(tmp_path):
    rng = np.random.default_rng(2)
    for seed, row in paths(6, range(10, 1001, 10)).items():
        rows = [{"step": d, "acc": v} for d, v in zip(range(10, 1001, 10), row, strict=True)]
        rows += [{"step": d, "loss": 1 / d} for d in range(1, 1001, 1)]
        table = pd.DataFrame(rows).iloc[np.sort(rng.choice(1100, 100, replace=False))]
        table.sort_values("step").to_csv(tmp_path / f"seed-{seed}.csv", index=False)
    frame = pl.read_runs(tmp_path, metric="acc")
    assert set(frame["status"]) == {"ok"}
    with pytest.raises(DataError, match="share hardly a depth"):
        pl.risk_curve(frame)
    assert "scan_history" in (Path(pl.__file__).parents[1] / "docs" / "your_own_runs.md").read_text()


def test_a_run_that_still_trains_gets_no_forecast_and_no_blame():
    table = long(8, list(range(100, 1001, 100)))
    runs = pl.read_runs(table[(table["seed"] != 5) | (table["step"] < 600)])
    row = pl.forecast(runs, 600).frame().set_index("run").loc["seed-5"]
    assert np.isnan(row["prediction"])
    assert "not measured at all depths" in row["note"]


# 2 Unbalanced designs


def test_one_run_that_went_on_does_not_move_the_end_of_the_others():
    table = pd.concat([long(8), pd.DataFrame({"seed": [3], "step": [160], "acc": [0.8]})])
    forecasts = pl.forecast(pl.read_runs(table), 40)
    assert forecasts.ends == {"task": 80.0}
    assert forecasts.frame()["final"].notna().all()
    curve = pl.risk_curve(pl.read_runs(table))
    assert curve.depth.tolist() == DEPTHS
    assert curve.odd_depths == (160.0,)


def test_two_seeds_of_all_that_lack_a_depth_count_where_they_were_measured():
    table = long(8)
    table = table[~((table["seed"] < 2) & (table["step"] == 20))]
    curve = pl.risk_curve(pl.read_runs(table))
    assert curve.df.tolist() == [7, 5, 7, 7]
    of_six = table.loc[(table["step"] == 20), "acc"].var(ddof=1)
    assert curve.risk[1] == pytest.approx(of_six)


# 3 One run counted several times, several counted as one


def test_display_names_that_two_runs_share_are_told_apart_by_order(tmp_path):
    first, second = paths(2).values()
    names = ["rte - eval/acc", "rte - eval/acc__MIN", "rte - eval/acc__MAX"] * 2
    lines = [",".join(map(str, [d, a, a, a, b, b, b])) for d, a, b in zip(DEPTHS, first, second, strict=True)]
    (tmp_path / "panel.csv").write_text("\n".join([",".join(["global_step", *names]), *lines]))
    frame, told = said(tmp_path / "panel.csv", seed="enumerate", task="rte")
    np.testing.assert_allclose(values(frame), [*first, *second])
    assert "displayed as rte" in told


def test_columns_with_one_title_are_runs_side_by_side(tmp_path):
    lines = [
        ",".join(map(str, [d, *row])) for d, row in zip(DEPTHS, np.column_stack(list(paths(4).values())), strict=True)
    ]
    (tmp_path / "log.csv").write_text("\n".join(["step,acc,acc,acc,acc", *lines]))
    frame, told = said(tmp_path / "log.csv")
    assert_is_long(frame)
    assert "side by side" in told
    with pytest.raises(DataError, match="two columns are called 'step'"):
        pl.read_runs(pd.DataFrame([[10, 11, 0.5]], columns=["step", "step", "acc"]))


def test_a_restart_that_the_writer_marked_makes_what_it_repeats_void(tmp_path):
    events(tmp_path / "events.out.tfevents.1.a", [(d, "loss", 1.0) for d in range(10, 101, 10)], clock=1e9)
    events(tmp_path / "events.out.tfevents.2.a", [(d, "loss", 0.5) for d in range(60, 131, 10)], restart=60, clock=2e9)
    frame = silent(tmp_path, seed=0)
    assert frame["depth"].tolist() == list(range(10, 131, 10))
    assert frame["value"].tolist() == [1.0] * 5 + [0.5] * 8


def test_two_trainings_in_one_event_folder_are_asked_about(tmp_path):
    events(tmp_path / "events.out.tfevents.1.a", [(d, "loss", 0.2) for d in range(10, 101, 10)], clock=1e9)
    events(tmp_path / "events.out.tfevents.2.a", [(d, "loss", 0.9) for d in range(10, 61, 10)], clock=2e9)
    with pytest.raises(ArgumentError, match=r"2 event files .*at step 10.*at step 10") as error:
        pl.read_runs(tmp_path, seed=0)
    assert "run=" not in str(error.value)
    frame, told = said(tmp_path, seed=0, keep="last")
    assert set(frame["value"].round(3)) == {0.9}
    assert "begun again" in told


@pytest.mark.parametrize(("train", "validation"), [("train", "validation"), ("loss_train", "loss_val")])
def test_parts_of_the_data_in_folders_of_their_own_are_metrics(tmp_path, train, validation):
    for seed, row in paths(4).items():
        for part, plus in ((train, 0.1), (validation, 0)):
            rows = [(d, "acc", v + plus) for d, v in zip(DEPTHS, row, strict=True)]
            events(tmp_path / f"seed-{seed}" / part / "events.out.tfevents.1.a", rows)
    frame = pl.read_runs(tmp_path, metric=["acc"])
    assert frame["run"].nunique() == 4
    assert set(frame["metric"]) == {f"{train}/acc", f"{validation}/acc"}
    own = frame[frame["metric"] == f"{validation}/acc"].reset_index(drop=True)
    np.testing.assert_allclose(own["value"], long()["acc"], rtol=1e-6)


def test_an_evaluation_folder_below_a_run_is_part_of_it(tmp_path):
    for seed, row in paths(3).items():
        events(tmp_path / f"seed-{seed}" / "events.out.tfevents.1.a", [(d, "loss", 1.0 / d) for d in DEPTHS])
        rows = [(d, "acc", v) for d, v in zip(DEPTHS, row, strict=True)]
        events(tmp_path / f"seed-{seed}" / "eval" / "events.out.tfevents.1.a", rows)
    assert pl.read_runs(tmp_path, metric="eval/acc")["run"].unique().tolist() == ["seed-0", "seed-1", "seed-2"]


def test_links_to_runs_are_followed_and_second_names_are_not(tmp_path):
    real, here = tmp_path / "real", tmp_path / "here"
    here.mkdir()
    for seed, row in paths(4).items():
        (real / str(seed)).mkdir(parents=True)
        pd.DataFrame({"step": DEPTHS, "acc": row}).to_csv(real / str(seed) / "log.csv", index=False)
        (here / f"seed-{seed}").symlink_to(real / str(seed))
    (here / "circle").symlink_to(here)
    (here / "above").symlink_to(tmp_path)
    (here / "latest.csv").symlink_to(real / "3" / "log.csv")
    (real / "latest").symlink_to(real / "3")
    assert_is_long(silent(real, seed=r"(\d)$", task="t"))
    (here / "latest.csv").unlink()
    assert_is_long(silent(here))


@pytest.mark.parametrize("row", ["mean", "Std", "average"])
def test_rows_over_runs_are_no_run(row):
    table = pd.concat([long().astype({"seed": object}), pd.DataFrame({"seed": row, "step": DEPTHS, "acc": 0.8})])
    frame, told = said(table)
    assert_is_long(frame)
    assert f"'seed' is {row}" in told


# 4 Rows that are no measurement of a depth


def test_predictions_without_a_step_and_tests_after_the_end(tmp_path):
    for seed, row in paths(4).items():
        entries = [evaluated(d, v) for d, v in zip(DEPTHS, row, strict=True)]
        entries.insert(1, {"predict_loss": 0.6, "predict_runtime": 9.0, "epoch": 0.2})
        entries += [{"train_runtime": 5.0, "step": 80}, evaluated(80, 0.99, "test_accuracy")]
        state(tmp_path / f"seed-{seed}", entries)
    frame, report = pl.read_runs(tmp_path, report=True)
    assert_is_long(frame)
    assert any("without a step" in what for what in report.left_out)
    assert any(what.startswith("test_accuracy") for what in report.left_out)
    assert set(pl.read_runs(tmp_path, metric="test_accuracy")["value"]) == {0.99}


@pytest.mark.parametrize("word", ["final", "best", "mean"])
def test_rows_whose_step_is_a_word(word):
    end = pd.DataFrame({"seed": range(4), "step": word, "acc": 0.99})
    frame, told = said(pd.concat([long().astype({"step": object}), end]))
    assert_is_long(frame)
    assert word in told


def test_what_mlflow_has_once_a_run_is_no_curve(tmp_path):
    for seed, row in paths(4).items():
        rows = list(zip(DEPTHS, row, strict=True))
        mlflow_run(tmp_path, f"r{seed}", {"seed": seed}, acc=[(-1, 0.1), *rows], test_acc=[(0, 0.9)])
    frame, told = said(tmp_path, metric="acc")
    assert_is_long(frame)
    assert "below 0" in told
    assert_is_long(pl.read_runs(tmp_path))


# 5 Recipes


def test_a_model_card_tells_recipe_and_seed(tmp_path):
    for seed, row in paths(4).items():
        state(tmp_path / f"run{'abcd'[seed]}", [evaluated(d, v) for d, v in zip(DEPTHS, row, strict=True)])
        card = (
            f"# m\n### Training hyperparameters\n\n- learning_rate: 1e-05\n- seed: {seed}\n\n### Results\n- a: {seed}\n"
        )
        (tmp_path / f"run{'abcd'[seed]}" / "README.md").write_text(card)
    assert_is_long(silent(tmp_path, task="t", strict=True))
    card = tmp_path / "runb" / "README.md"
    card.write_text(card.read_text().replace("1e-05", "2e-05"))
    with pytest.raises(ArgumentError, match="They differ in learning_rate"):
        pl.read_runs(tmp_path)


def test_params_of_mlflow_are_compared(tmp_path):
    for seed, row in paths(4).items():
        params = {"seed": seed, "lr": 0.1 if seed < 2 else 0.2}
        mlflow_run(tmp_path, f"seed-{seed}", params, acc=list(zip(DEPTHS, row, strict=True)))
    with pytest.raises(ArgumentError, match="They differ in lr"):
        pl.read_runs(tmp_path)
    assert set(pl.read_runs(tmp_path, task="lr")["task"]) == {"0.1", "0.2"}


# 6 Units of depth


def test_axes_of_panels_that_count_calls_are_asked_about(tmp_path):
    first, second = paths(2).values()
    table = pd.DataFrame({"Step": [11, 22, 33, 44], "seed-0 - acc": first, "seed-1 - acc": second})
    with pytest.raises(ArgumentError, match=r"counts calls of log.*depth='Step'"):
        pl.read_runs(table)
    unnamed = table.rename(columns=lambda c: c.replace("seed-0", "glad-sun").replace("seed-1", "wild-hill"))
    with pytest.raises(ArgumentError, match=r"no seeds either.*depth='Step', seed='enumerate', task='a name'"):
        pl.read_runs(unnamed)
    assert len(pl.read_runs(unnamed, depth="Step", seed="enumerate", task="a name")) == 8
    frame, told = said(table, depth="Step")
    assert sorted(set(frame["depth"])) == [11, 22, 33, 44]
    assert "__MIN" in told
    assert_is_long(pl.read_runs(table.rename(columns={"Step": "train/global_step"}).assign(**{
        "train/global_step": DEPTHS})), long(2))  # fmt: skip


def test_steps_of_the_optimiser_count_where_wandb_counts_calls_too():
    table = long().assign(_step=range(16)).rename(columns={"step": "train/global_step"})
    assert_is_long(silent(table))


def test_epochs_of_event_files_are_said_or_multiplied(tmp_path):
    for seed, row in paths(4).items():
        events(tmp_path / f"seed-{seed}" / "events.out.tfevents.1.a", [(i, "epoch_acc", v) for i, v in enumerate(row)])
    assert "numbers of epochs" in said(tmp_path)[1]
    frame = silent(tmp_path, steps_per_epoch=25)
    assert sorted(set(frame["depth"])) == [25, 50, 75, 100]


def test_metrics_that_mlflow_got_without_a_step(tmp_path):
    for seed, row in paths(4).items():
        mlflow_run(tmp_path, f"seed-{seed}", {}, acc=[(0, v) for v in row])
    with pytest.raises(DataError, match=r"logged without step=.*log_metric\(name, value, step="):
        pl.read_runs(tmp_path)


def test_steps_in_groups_of_three_digits(tmp_path):
    table = long().assign(step=[f"{1000 * d:,}" for d in long()["step"]])
    table.to_csv(tmp_path / "log.csv", index=False)
    assert_is_long(silent(tmp_path / "log.csv"), long().assign(step=lambda t: t["step"] * 1000))


@pytest.mark.parametrize("as_written", [str, float])
def test_steps_of_a_state_that_another_program_rewrote(tmp_path, as_written):
    for seed, row in paths(4).items():
        state(tmp_path / f"seed-{seed}", [evaluated(as_written(d), v) for d, v in zip(DEPTHS, row, strict=True)])
    assert_is_long(silent(tmp_path))


# 7 Files that vanish


def test_damaged_mlflow_runs_are_named(tmp_path):
    for seed, row in paths(4).items():
        mlflow_run(tmp_path, f"seed-{seed}", {}, acc=list(zip(DEPTHS, row, strict=True)))
    (tmp_path / "1" / "seed-0" / "meta.yaml").write_text("")
    (tmp_path / "1" / "seed-1" / "metrics" / "acc").write_text("")
    frame, told = said(tmp_path)
    assert frame["run"].unique().tolist() == ["seed-2", "seed-3"]
    assert "seed-0: its meta.yaml is damaged" in told
    assert "seed-1" in told


def test_event_files_that_were_cut_or_damaged_say_so(tmp_path):
    for seed, row in paths(3).items():
        rows = [(d, "acc", v) for d, v in zip(DEPTHS, row, strict=True)]
        events(tmp_path / f"seed-{seed}" / "events.out.tfevents.1.a", rows)
    cut, damaged = (tmp_path / f"seed-{i}" / "events.out.tfevents.1.a" for i in (1, 2))
    cut.write_bytes(cut.read_bytes()[:-5])
    data = bytearray(damaged.read_bytes())
    data[-60] ^= 0xFF
    damaged.write_bytes(bytes(data))
    frame, told = said(tmp_path)
    assert frame.groupby("seed").size()[0] == 4
    assert frame.groupby("seed").size()[1] == 3
    assert f"{cut}: it is cut off" in told
    assert f"{damaged}: it is damaged" in told


def test_what_lies_beside_logs_is_named_and_left_out(tmp_path):
    long().to_csv(tmp_path / "log.csv", index=False)
    pd.DataFrame({"id": [1, 2], "label": [0, 1]}).to_csv(tmp_path / "predictions.csv", index=False)
    frame, told = said(tmp_path)
    assert_is_long(frame)
    assert "predictions.csv" in told


# 8 Advice that leads on


def test_advice_names_what_can_be_passed(tmp_path):
    table = long().assign(batch=lambda t: t["step"] * 2.5)
    with pytest.raises(ArgumentError, match=r"2 candidates.*Pass metric='acc'"):
        pl.read_runs(table)
    with pytest.raises(ArgumentError, match=r"Pass depth='global_step'"):
        pl.read_runs(long().assign(global_step=1).rename(columns={"step": "iteration"}))
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ArgumentError, match="as CSV"):
        pl.read_runs(tmp_path)
    with pytest.raises(ArgumentError, match="one row a run has last values only"):
        pl.read_runs(pd.DataFrame({"Name": ["a", "b"], "lr": [0.1, 0.2], "acc": [0.8, 0.9]}))


@pytest.mark.parametrize(("rows", "words"), [("some", "2 of 6 rows name no seed"), ("all", "nothing says the seeds")])
def test_rows_without_a_seed(rows, words):
    table = long(3, [10, 20])
    table["seed"] = table["seed"].astype(float)
    table.loc[table["seed"] == 2 if rows == "some" else slice(None), "seed"] = np.nan
    with pytest.raises((ArgumentError, DataError), match=words):
        pl.read_runs(table)


def test_databases_are_what_they_are(tmp_path):
    with sqlite3.connect(tmp_path / "own.db") as db:
        db.execute("create table results(x int)")
    db.close()
    with pytest.raises(DataError, match=r"none of MLflow.*pl\.RunStore"):
        pl.read_runs(tmp_path / "own.db")
    with sqlite3.connect(tmp_path / "tracking.db") as db:
        db.execute("create table runs(run_uuid text, name text)")
        db.execute("create table metrics(key text, value real, timestamp int, run_uuid text, step int, is_nan int)")
        db.execute("create table experiments(experiment_id int, name text)")
    db.close()
    with pytest.raises(DataError, match="MLflow database without runs"):
        pl.read_runs(tmp_path / "tracking.db")


def test_a_metric_is_found_behind_what_the_writer_put_before_it(tmp_path):
    for seed, row in paths(4).items():
        entries = [{**evaluated(d, v), "eval_loss": 1 - v} for d, v in zip(DEPTHS, row, strict=True)]
        state(tmp_path / f"seed-{seed}", entries)
    assert_is_long(pl.read_runs(tmp_path, metric="accuracy"))
    runs = pl.read_runs(tmp_path)
    assert pl.risk_curve(runs).metric == "eval_accuracy"
    assert pl.risk_curve(runs, metric="eval_loss").metric == "eval_loss"


# 9 Tables as people write them


def spellings():
    csv = long().to_csv(index=False)
    lines = csv.splitlines()
    bars = "\n".join(["|" + "|".join(map(str, row)) + "|" for row in long().itertuples(index=False)])
    yield "excel", "sep=;\n" + csv.replace(",", ";")
    yield "decimal commas", long().to_csv(index=False, sep=";", decimal=",")
    yield "comments", "# lr=0.1, made by hand\n\n" + csv
    yield "titles behind a comment sign", "# " + csv
    yield "byte order mark", b"\xef\xbb\xbf" + csv.encode()
    yield "utf-16", csv.encode("utf-16")
    yield "an index", long().to_csv()
    yield "commas at the ends", "\n".join([lines[0], *(line + "," for line in lines[1:])])
    yield "blank lines and CRLF", csv.replace("\n", "\r\n\r\n")
    yield "quotes", "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in lines)
    yield "other titles", csv.replace("seed,step,acc", "Random Seed,Global Step,Accuracy")
    yield "markdown", "| seed | step | acc |\n|---|:-:|--:|\n" + bars
    yield "blanks about cells", csv.replace(",", " , ")
    yield "constants and clocks beside", long().assign(lr=3e-4, batch_size=16, elapsed=range(16)).to_csv(index=False)


@pytest.mark.parametrize(("name", "text"), [pytest.param(n, t, id=n) for n, t in spellings()])
def test_spellings_of_one_table(tmp_path, name, text):
    file = tmp_path / "log.csv"
    file.write_bytes(text) if isinstance(text, bytes) else file.write_text(text, encoding="utf-8")
    assert_is_long(silent(file))


def test_percent_signs_and_other_encodings(tmp_path):
    table = long().assign(note="café")
    (tmp_path / "log.csv").write_bytes(table.to_csv(index=False).encode("latin-1"))
    frame, told = said(tmp_path / "log.csv")
    assert_is_long(frame)
    assert "Latin-1" in told
    percent = long().assign(acc=[f"{100 * v:.6f} %".replace(" ", "") for v in long()["acc"]])
    percent.to_csv(tmp_path / "percent.csv", index=False)
    frame, told = said(tmp_path / "percent.csv")
    np.testing.assert_allclose(frame["value"], 100 * long()["acc"], rtol=1e-6)
    assert "in percent" in told


@pytest.mark.parametrize("titles", [str, "step_{}".format, "{} steps".format])
def test_a_row_a_seed_and_a_column_a_depth(titles):
    table = long().pivot_table(index="seed", columns="step", values="acc").rename(columns=titles).reset_index()
    frame, told = said(table, metric="acc")
    assert_is_long(frame)
    assert "depths side by side" in told


def test_numbered_metrics_are_no_runs():
    table = pd.DataFrame({"step": DEPTHS, "recall_1": 0.1, "recall_5": 0.5, "recall_10": 0.9})
    with pytest.raises(ArgumentError, match="3 candidates"):
        pl.read_runs(table, seed=0)


def test_a_column_a_seed_with_means_beside():
    table = long().pivot_table(index="step", columns="seed", values="acc").add_prefix("seed ")
    table = table.assign(mean=table.mean(axis=1), std=table.std(axis=1)).reset_index()
    frame, told = said(table, metric="acc")
    assert_is_long(frame)
    assert "side by side" in told


def test_titles_in_another_order_within_a_file_are_refused(tmp_path):
    (tmp_path / "log.csv").write_text(long().to_csv(index=False) + "step,seed,acc\n10,9,0.5\n20,9,0.6\n")
    with pytest.raises(DataError, match="another order"):
        pl.read_runs(tmp_path / "log.csv")


def test_records_in_json(tmp_path):
    for seed, part in long().groupby("seed"):
        records = part.drop(columns="seed").to_dict("records")
        (tmp_path / f"seed-{seed}.json").write_text(json.dumps(records, indent=1))
    assert_is_long(silent(tmp_path))
    history = {"accuracy": [0.5, 0.6], "val_accuracy": [0.4, 0.5]}
    (tmp_path / "history.json").write_text(json.dumps(history))
    frame = pl.read_runs(tmp_path / "history.json", metric="val_accuracy", steps_per_epoch=10, seed=0)
    assert frame[["depth", "value"]].to_numpy().tolist() == [[10, 0.4], [20, 0.5]]


def test_panels_without_their_bounds_and_names_with_dots(tmp_path):
    table = pd.DataFrame({"train/global_step": DEPTHS} | {f"seed-{s} - acc": row for s, row in paths(4).items()})
    table.to_csv(tmp_path / "rho-1.0.csv", index=False)
    frame, told = said(tmp_path / "rho-1.0.csv")
    assert_is_long(frame)
    assert "no __MIN and __MAX" in told
    pd.DataFrame({"step": [1, 2], "loss": [1.0, 0.5]}).to_csv(tmp_path / "rho-1.0.csv", index=False)
    assert pl.read_runs(tmp_path / "rho-1.0.csv", seed=0)["task"].unique().tolist() == ["rho-1.0"]


# 10 Decisions


def test_a_spread_that_rises_is_no_noise():
    rng = np.random.default_rng(3)
    rows = []
    for seed in range(16):
        own = rng.standard_normal()
        rows += [(seed, 10 * 2**i, 0.5 + 0.005 * 2**i * (0.9 * own + 0.4 * rng.standard_normal())) for i in range(7)]
    runs = pl.read_runs(pd.DataFrame(rows, columns=["seed", "step", "acc"]))
    table = pl.classify({"x": pl.DecayModel(pl.risk_curve(runs)).fit()}, tolerance=0.01, budget=200)
    row = table.iloc[0]
    assert row["regime"] == "Undetermined" or "rise" in str(row["advice"]).lower() or "fit" in str(row["advice"])


def test_thresholds_in_another_unit_decide_nothing():
    runs = pl.read_runs(long(8).rename(columns={"acc": "accuracy"}))
    with pytest.raises(ArgumentError, match=r"a share of at most 1.*0\.8"):
        pl.forecast(runs, 40, threshold=80)
    percent = runs.assign(value=runs["value"] * 100)
    with pytest.raises(ArgumentError, match=r"percent.*80"):
        pl.forecast(percent, 40, threshold=0.8)
    upper = pl.forecast(percent, 40).frame()["upper"]
    assert (upper > 1).all()


def test_shares_in_part_in_percent_are_noticed():
    table = long()
    table.loc[table["seed"] > 1, "acc"] *= 100
    assert "percent in some, shares in others" in said(table)[1]
    clipped = pl.read_runs(
        long(8).assign(acc=lambda t: 1 - (t["acc"] - 0.8).abs() / 10).rename(columns={"acc": "val/acc"})
    )
    assert (pl.forecast(clipped, 40).frame()["upper"] <= 1).all()
