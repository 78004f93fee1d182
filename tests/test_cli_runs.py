"""The commands that read runs: any readable source, reports for people and for machines, plain lines in pipes."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from command_line import predictlab

import predictlab as pl

DEPTHS = [8, 16, 32, 64, 128, 256]
SEEDS = 12


@pytest.fixture(scope="module")
def measured():
    runs = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=1)(DEPTHS, range(SEEDS))
    return runs.rename(columns={"value": "accuracy", "depth": "step"})[["seed", "step", "accuracy"]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory, measured):
    """One set of runs as a table, as states of a Trainer and as a store."""
    folder = tmp_path_factory.mktemp("sources")
    measured.to_csv(folder / "log.csv", index=False)
    for seed, part in measured.groupby("seed"):
        history = [
            {"eval_accuracy": v, "eval_runtime": 1.0, "step": int(c)}
            for c, v in zip(part["step"], part["accuracy"], strict=True)
        ]
        (folder / "states" / f"seed-{seed}").mkdir(parents=True)
        state = {"global_step": 256, "log_history": history}
        (folder / "states" / f"seed-{seed}" / "trainer_state.json").write_text(json.dumps(state))
    with pl.RunStore(folder / "runs.db") as store:
        store.add_frame(pl.read_runs(folder / "log.csv"))
    return folder


@pytest.mark.parametrize("name", ["log.csv", "states", "runs.db"])
def test_analyse_prints_what_was_read_and_the_regimes_and_writes_a_report(sources, tmp_path, name):
    done = predictlab("analyse", sources / name, "--margin", "0.03", "--budget", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("12 runs, 72 measurements" in done.stdout) == (name != "runs.db")
    assert "Undetermined" in done.stdout or "Static-Sufficient" in done.stdout
    assert not set("│┃─━") & set(done.stdout)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") >= 2
    assert ("How the runs were read" in page) == (name != "runs.db")
    assert "predictlab" in page


def test_the_command_and_the_call_give_the_same_numbers(sources, tmp_path):
    done = predictlab("analyse", sources / "log.csv", "--margin", "0.03", "--budget", "64", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["read"]["runs"] == SEEDS
    assert told["read"]["assumed"] == []
    analysis = pl.analyse(sources / "log.csv", margin=0.03, budget=64)
    assert told["tolerance"] == pytest.approx(analysis.tolerance)
    for row, other in zip(told["phase"], analysis.phase.to_dict("records"), strict=True):
        assert row["regime"] == other["regime"]
        assert row["p_static_sufficient"] == pytest.approx(other["p_static_sufficient"])
    assert told["fits"][0]["decay_rate"] == pytest.approx(analysis.frame()["decay_rate"].iloc[0])
    lines = predictlab("analyse", sources / "log.csv", "--margin", "0.03", "--budget", "64", "--csv", cwd=tmp_path)
    (row,) = csv.DictReader(io.StringIO(lines.stdout))
    assert row["regime"] == analysis.phase["regime"].iloc[0]
    assert "12 runs" in lines.stderr


def test_what_is_not_given_is_taken_and_said(sources, measured, tmp_path):
    analysis = pl.analyse(sources / "states")
    assert analysis.budget == 256
    assert analysis.tolerance == pytest.approx((0.025 / 1.96) ** 2, rel=1e-3)
    assert [c.split(":")[0] for c in analysis.cautions[:2]] == ["no margin was given", "no budget was given"]
    assert analysis.imported.runs == SEEDS
    assert "Read as trainer_state" in str(analysis)
    assert "Read as trainer_state" in analysis._repr_html_()
    percent = pl.analyse(measured.assign(accuracy=measured["accuracy"] * 100), budget=64)
    assert percent.tolerance == pytest.approx((2.5 / 1.96) ** 2, rel=1e-3)
    with pytest.raises(pl.errors.ArgumentError, match=r"margin=None: .*in throughput.*such as margin="):
        pl.analyse(measured.rename(columns={"accuracy": "throughput"}))


def test_worth_is_the_price_in_steps(sources, tmp_path):
    told = predictlab("analyse", sources / "log.csv", "--worth", "10", "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["exchange_rate"] == pytest.approx(1e-5)
    assert predictlab("analyse", sources / "log.csv", "--worth", "0", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("name", ["log.csv", "states"])
def test_fit_phase_and_forecast_take_any_source(sources, tmp_path, name):
    fitted = predictlab("fit", sources / name, cwd=tmp_path)
    assert "decay_rate" in fitted.stdout, fitted.stderr
    assert "12 runs, 72 measurements" in fitted.stderr
    sorted_ = predictlab("phase", sources / name, "--budget", "64", cwd=tmp_path)
    assert "P(static)" in sorted_.stdout, sorted_.stderr
    # runs of other tools have ended, and nobody is told to train them on
    narrow = predictlab("phase", sources / name, "--margin", "0.01", "--budget", "64", cwd=tmp_path)
    assert "these runs have ended" in narrow.stdout, narrow.stdout
    ends = predictlab("forecast", sources / name, "--at-depth", "64", cwd=tmp_path)
    assert "of 12 known ends lie in their intervals" in ends.stdout, ends.stderr


def test_several_files_and_what_they_leave_open(measured, tmp_path):
    names = []
    for seed, part in measured.groupby("seed"):
        names.append(tmp_path / f"run-{'abcdefghijkl'[seed]}.csv")
        part.drop(columns="seed").to_csv(names[-1], index=False)
    asked = predictlab("fit", *names, cwd=tmp_path)
    assert asked.returncode == 1
    assert len(asked.stderr.strip().splitlines()) == 1
    assert "--seed (enumerate numbers the runs), --as-task" in asked.stderr
    assert not any(f"{name}=" in asked.stderr for name in ("task", "seed", "depth"))
    done = predictlab("fit", *names, "--seed", "enumerate", "--as-task", "rte", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 runs" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nowhere"], "an existing file or folder"),
        ([], "name the files or folders of runs as SOURCE"),
        (["log.csv", "--json", "--csv"], "nothing beside --json"),
        (["runs.db", "--seed", "3"], "--seed"),
        (["log.csv", "--task", "other"], "a task of the runs: log"),
        (["log.csv", "--strict", "--metric", "f1"], "--metric 'f1'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(sources, tmp_path, args, words):
    done = predictlab("analyse", *[sources / a if a in ("log.csv", "runs.db") else a for a in args], cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert words in done.stderr


def test_a_store_of_mlflow_is_no_store_of_ours(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.execute("create table experiments(experiment_id int, name text)")
        db.execute("create table runs(run_uuid text, name text, experiment_id int)")
        db.execute("create table metrics(key text, value real, timestamp int, run_uuid text, step int, is_nan int)")
        rng = np.random.default_rng(0)
        for seed in range(8):
            db.execute("insert into runs values (?, ?, 1)", (f"id{seed}", f"seed-{seed}"))
            rows = [("acc", 0.8 + rng.normal() / c, 1000 + c, f"id{seed}", c, 0) for c in DEPTHS]
            db.executemany("insert into metrics values (?, ?, ?, ?, ?, ?)", rows)
    db.close()
    assert pl.analyse(tmp_path / "mlflow.db", budget=64).imported.format == "mlflow"


def test_a_margin_and_a_price_in_money_are_those_of_the_library(sources, tmp_path):
    money = ("--gpu-hour", "3.6", "--worth-of-a-point", "2", "--seconds-per-step", "0.5")
    asked = ("--margin", "0.03", "--margin-confidence", "0.8", "--budget", "64", "--json", *money)
    told = json.loads(predictlab("analyse", sources / "log.csv", *asked, cwd=tmp_path).stdout)
    assert told["tolerance"] == pytest.approx(pl.tolerance(margin=0.03, confidence=0.8), rel=1e-12)
    rate = pl.exchange_rate(worth_of_a_point=2, gpu_hour=3.6, seconds_per_step=0.5)
    assert told["exchange_rate"] == pytest.approx(rate, rel=1e-12)
    lacking = predictlab("phase", sources / "log.csv", "--worth-of-a-point", "2", cwd=tmp_path)
    assert lacking.returncode == 1
    assert "--gpu-hour" in lacking.stderr
    untimed = predictlab("phase", sources / "log.csv", "--gpu-hour", "2", "--worth-of-a-point", "2", cwd=tmp_path)
    assert "not timed" in untimed.stderr
    lone = predictlab("phase", sources / "log.csv", "--margin-confidence", "0.8", cwd=tmp_path)
    assert "--margin" in lone.stderr


def test_decide_says_what_each_run_should_do(sources, tmp_path):
    asked = ("--at-depth", "16", "--threshold", "0.8", "--cost-full", "240", "--cost-probe", "1", "--later", "64,128")
    done = predictlab("decide", sources / "log.csv", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = pl.read_runs(sources / "log.csv")
    now, *later = (pl.forecast(runs, c, task=runs["task"].iloc[0]) for c in (16, 64, 128))
    assert pl.decide(now, 0.8, 240, 1, later=later).sentence() in done.stdout
    assert "as if it were not" in done.stdout
    assert "--later" in predictlab("decide", sources / "log.csv", *asked[:-1], "deep", cwd=tmp_path).stderr


def test_select_says_which_task_ends_best(tmp_path, measured):
    worse = measured.assign(accuracy=measured["accuracy"] - 0.1)
    pd.concat([measured.assign(recipe="a"), worse.assign(recipe="b")]).to_csv(tmp_path / "two.csv", index=False)
    done = predictlab("select", "two.csv", "--as-task", "recipe", "--margin", "0.01", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Take a: it is the best or behind the best by at most 0.01")
    poor = predictlab("select", "two.csv", "--as-task", "recipe", "--total-budget", "3", cwd=tmp_path)
    assert poor.returncode == 1
    assert "expected at least 32, one run of each candidate" in poor.stderr


def write_by_row(path, *, apart=0.004, of_run=0.02, between=0.1, rows=200, runs=4):
    """A store of three tasks with outcomes by row, in which tasks differ on rows more than at all."""
    rng = np.random.default_rng(5)
    easy = rng.standard_normal(rows)
    with pl.RunStore(path) as store:
        for i, name in enumerate(("a", "b", "c")):
            own = easy + between**0.5 * rng.standard_normal(rows) + apart * i
            values = own + 0.01 * rng.standard_normal((runs, 1)) + of_run**0.5 * rng.standard_normal((runs, rows))
            columns = ["task", "run", "seed", "depth", "metric", "value", "status"]
            means = values.mean(axis=1) + 1 / DEPTHS[-1]
            lines = [(name, f"{s}", s, c, "value", m - 1 / c, "ok") for s, m in enumerate(means) for c in DEPTHS]
            kept = {(f"{s}", DEPTHS[-1], "value"): y.astype(np.float32) for s, y in enumerate(values)}
            store.add_task(name, "0123456789abcdef", {})
            store.add_rows(name, [f"row {j}" for j in range(rows)])
            frame = pd.DataFrame(lines, columns=columns)
            store.add_frame(frame, fingerprint="0123456789abcdef", outcomes=kept)
    return float(DEPTHS[-1] * runs * 3)


def test_select_asks_of_the_population_of_rows(tmp_path):
    """The same as pl.select says, from outcomes by row in the store."""
    recorded = write_by_row(tmp_path / "runs.db")
    asked = ("select", "runs.db", "--better", "higher", "--margin", "0.01")
    done = predictlab(*asked, "--rows", "inf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    settings = {"better": "higher", "margin": 0.01, "progress": False}
    found = pl.select(tmp_path / "runs.db", recorded, rows=float("inf"), **settings)
    assert not found.decided
    assert done.stdout.startswith(found.sentence())
    assert "on the population of rows with probability" in done.stdout
    assert f"{found.design()['rows'].iloc[-1]:.0f}" in done.stdout.splitlines()[-1]
    priced = predictlab(
        *asked, "--rows", "500", "--eval-rows", "200", "--row-cost", "0.5", "--interaction", "0.02,0.1", cwd=tmp_path
    )
    assert priced.returncode == 0, priced.stderr
    assert "on 500 other rows" in priced.stdout
    assert f"of {recorded + 0.5 * 200 * 5 * 12:.4g} spent" in priced.stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--rows", "0", "--eval-rows", "9", "--interaction", "0.1"), "--rows 0"),
        (("--rows", "inf"), "--interaction: expected sigma_int²,sigma_c² of a row, and --eval-rows, beside --rows"),
        (("--rows", "inf", "--interaction", "0.1"), "--eval-rows: expected how many rows are evaluated"),
        (("--rows", "inf", "--interaction", "a,b"), "one number, or two with a comma"),
        (("--interaction", "0.1"), "--interaction='0.1': expected nothing without --rows"),
        (("--eval-rows", "200"), "nothing without --rows or --row-cost"),
        (("--row-cost", "0.1"), "--eval-rows: expected how many rows are evaluated"),
    ],
)
def test_select_says_what_it_lacks_to_know_of_rows(sources, tmp_path, more, says):
    log = pd.read_csv(sources / "log.csv")
    pd.concat([log.assign(recipe=name) for name in "ab"]).to_csv(tmp_path / "two.csv", index=False)
    done = predictlab("select", "two.csv", "--as-task", "recipe", *more, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr, done.stderr
