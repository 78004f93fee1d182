"""residual: an upper bound near the truth, whole groups kept apart, nothing from later depths."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import LeaveOneGroupOut

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk import from_depth
from predictlab.risk._residual import PENALTIES, effective_df, group_folds, out_of_fold, ridge

PEFT = Path(__file__).parents[3] / "shared" / "data" / "peft_metamathqa_runs.csv"


class Lost(RegressorMixin, BaseEstimator):
    """A regressor that does not know."""

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.full(len(x), np.nan)


def residual(frame, **options):
    return pl.risk_curve(frame, estimator="residual", **options)


def task_table(rng, tasks=12, runs=4, between=1.0, within=0.1, depths=(1, 2, 4)):
    """Runs of many tasks: the end is a task's own level plus noise; prefixes say nothing. And a name for each level."""
    level = rng.normal(size=tasks) * between
    frames = []
    for t in range(tasks):
        values = rng.normal(size=(runs, len(depths)))
        values[:, -1] = level[t] + within * rng.normal(size=runs)
        part = pd.DataFrame(
            {
                "task": f"t{t}", "run": np.repeat([f"t{t}:{i}" for i in range(runs)], len(depths)), "parent": None,
                "seed": np.repeat(np.arange(runs), len(depths)), "depth": np.tile(depths, runs), "metric": "accuracy",
                "value": values.ravel(), "status": "ok",
            }
        )  # fmt: skip
        frames.append(part)
    return pd.concat(frames, ignore_index=True), level


@pytest.mark.parametrize("size", [1, 3])
def test_ridge_is_ridge_with_the_penalty_of_leaving_out_groups(size):
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(18, 4)) * [1, 10, 0.1, 1] + 5, rng.normal(size=(3, 4)) + 5
    y = x[:, 0] + 0.5 * rng.normal(size=18)
    group = np.arange(18) // size
    z, zn = (x - x.mean(0)) / x.std(0), (new - x.mean(0)) / x.std(0)

    def left_out(penalty):
        total = 0.0
        for a, b in LeaveOneGroupOut().split(z, y, group):
            fit = (
                Ridge(alpha=18 * penalty).fit(z[a], y[a]) if np.isfinite(penalty) else DummyRegressor().fit(z[a], y[a])
            )
            total += np.sum((y[b] - fit.predict(z[b])) ** 2)
        return total

    best = min(PENALTIES, key=left_out)
    assert np.isfinite(best)
    room = np.ptp(y) / 2
    expected = np.clip(Ridge(alpha=18 * best).fit(z, y).predict(zn), y.min() - room, y.max() + room)
    np.testing.assert_allclose(ridge(x, y, group, new), expected, rtol=1e-8)


def test_ridge_without_a_signal_or_without_columns_is_the_mean():
    rng = np.random.default_rng(1)
    y = rng.normal(size=12)
    for x in (np.empty((12, 0)), np.full((12, 2), 3.0)):
        np.testing.assert_allclose(ridge(x, y, np.arange(12), x[:2]), y.mean())
    means = [
        np.ptp(ridge(rng.normal(size=(12, 3)), y, np.arange(12), rng.normal(size=(4, 3)))) < 1e-12 for _ in range(200)
    ]
    assert np.mean(means) > 0.3  # often exactly


def test_residual_is_an_upper_bound_near_the_truth_where_the_predictor_is_right(forked, tidy):
    rng = np.random.default_rng(2)
    truth = np.array(list(forked.risk.values()))
    repeats, curves = 40, []
    for _ in range(repeats):
        curves.append(residual(tidy(forked.seeds(rng, 32), forked.depths)))
    risk = np.array([c.risk for c in curves])
    ratio, error = risk.mean(0) / truth, risk.std(0) / truth / np.sqrt(repeats)
    np.testing.assert_array_equal(curves[0].depth, forked.depths[:-1])  # the end itself is left out
    assert np.all(ratio > 1 - 3 * error)
    assert np.all(ratio < 1.2 + 3 * error)
    # degrees of freedom: those of the spread of the estimate over repeats, to the precision of 40 of them
    df = np.mean([c.df for c in curves], axis=0)
    seen = 2 * risk.mean(0) ** 2 / risk.var(0, ddof=1)
    assert np.all(seen / df < 2.2)
    assert np.all(seen / df > 1 / 2.2)
    assert (curves[0].question, curves[0].estimator, curves[0].n_runs) == ("this_run", "residual", 32)


def test_prefixes_that_say_nothing_leave_the_whole_variance(tidy):
    rng = np.random.default_rng(3)
    left = [residual(tidy(rng.normal(size=(16, 4)), [1, 2, 4, 8])).frame()["unresolved"] for _ in range(40)]
    mean, error = np.mean(left, axis=0), np.std(left, axis=0) / np.sqrt(40)
    assert np.all(mean > 16 / 15 - 3 * error)  # what a predictor of the mean alone pays
    assert np.all(mean < 1.35 + 3 * error)


def test_errors_are_those_of_leaving_out_each_run_and_give_the_risk(tidy):
    values = np.random.default_rng(4).normal(size=(10, 3)).cumsum(axis=1)
    curve = residual(tidy(values, [1, 2, 4]), regressor=LinearRegression())
    y, expected = values[:, -1], []
    for x in (values[:, :1], values[:, :2]):
        hat = np.column_stack([np.ones(10), x])
        hat = hat @ np.linalg.pinv(hat)
        expected.append((y - hat @ y) / (1 - np.diag(hat)))
    np.testing.assert_allclose(curve.risk, np.mean(np.square(expected), axis=1))
    np.testing.assert_allclose(np.sum(curve.errors**2, axis=0) / curve.df, curve.risk)
    np.testing.assert_allclose(curve.errors * np.sqrt(10 / curve.df), np.array(expected).T)
    np.testing.assert_allclose(curve.df, [10 - 1 - 1, 10 - 1 - 2])
    assert curve.total_variance == pytest.approx(y.var(ddof=1))
    part = from_depth(residual(tidy(np.column_stack([values, y]), [1, 2, 4, 8]), regressor=LinearRegression()), 2)
    assert part.errors.shape == (10, 2)


def test_nothing_is_known_before_its_depth(tidy):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(14, 5))
    values[:, 2] = values[:, -1] + 0.01 * rng.normal(size=14)  # the end is told at depth 4, not before
    risk = residual(tidy(values, [1, 2, 4, 8, 16])).risk
    assert risk[:2].min() > 0.3 * values[:, -1].var()
    assert risk[2:].max() < 0.01 * values[:, -1].var()


def test_other_metrics_are_used(tidy):
    rng = np.random.default_rng(6)
    values = rng.normal(size=(16, 4))
    loss = np.column_stack([rng.normal(size=16), -values[:, -1] + 0.05 * rng.normal(size=16)])
    frame = pd.concat([tidy(values, [1, 2, 4, 8]), tidy(loss, [1, 2], metric="eval_loss")])
    risk = residual(frame).risk
    assert risk[1] < 0.05 < 0.3 < risk[0]
    # one that some runs lack is no column
    lacking = frame[~((frame["metric"] == "eval_loss") & (frame["run"] == "r3"))]
    np.testing.assert_allclose(residual(lacking).risk, residual(tidy(values, [1, 2, 4, 8])).risk)


def test_metric_measured_at_the_end_only_is_predicted_from_the_others(tidy):
    rng = np.random.default_rng(7)
    values = rng.normal(size=(12, 3)).cumsum(axis=1)
    exam = tidy(2 * values[:, -1:], [4], metric="exam")
    curve = residual(pd.concat([tidy(values, [1, 2, 4]), exam]), metric="exam")
    np.testing.assert_allclose(curve.risk, 4 * residual(tidy(values, [1, 2, 4])).risk)
    assert curve.metric == "exam"


def test_forks_diverged_and_incomplete_runs_are_left_out(forked):
    frame = forked.frame(np.random.default_rng(8), (2,) * 8)
    seeds = frame[frame["parent"].isna()]
    np.testing.assert_allclose(residual(frame).risk, residual(seeds).risk)
    seeds = seeds.copy()
    seeds.loc[(seeds["run"] == "a:0") & (seeds["depth"] == 4), "status"] = "diverged"
    seeds.loc[(seeds["run"] == "a:1") & (seeds["depth"] == 4), "value"] = np.inf
    seeds = seeds[~((seeds["run"] == "a:2") & (seeds["depth"] == 32))]
    curve = residual(seeds)
    assert (curve.diverged, curve.incomplete, curve.n_runs) == (2, 1, 5)
    assert "left out: 2 diverged, 1 incomplete runs" in curve.summary()
    assert "does not say how much a better predictor would achieve" in curve._repr_html_()


def test_whole_tasks_are_kept_apart():
    """The level of a task is known from its other runs only: a split through tasks would read it off the features."""
    frame, level = task_table(np.random.default_rng(9))
    code = pd.DataFrame(np.eye(12), index=[f"t{i}" for i in range(12)])
    kept, split = (residual(frame, features=code, groups=g) for g in (None, "run"))
    assert kept.question == split.question == "new_task"
    assert np.all(kept.risk > 0.7 * level.var(ddof=1))
    assert np.all(split.risk < 0.1 * level.var(ddof=1))
    assert list(pd.unique(kept.groups)) == [f"t{i}" for i in range(12)]
    assert kept.task == "12 tasks"
    mapping = {run: task for task, run in zip(frame["task"], frame["run"], strict=True)}
    np.testing.assert_allclose(residual(frame, features=code, groups=mapping).risk, kept.risk)
    forest = RandomForestRegressor(20, random_state=0)
    assert np.all(residual(frame, features=code, regressor=forest).risk > 0.7 * level.var(ddof=1))


def test_no_group_is_in_the_training_part_of_its_own_prediction():
    rng = np.random.default_rng(10)
    group = rng.permutation(np.repeat(np.arange(25), 3))
    seen = []

    def predict(x, y, train, new):
        assert not set(train) & set(new[:, 0])
        seen.extend(new[:, 0])
        return np.zeros(len(new))

    x = group[:, None].astype(float)
    y = rng.normal(size=75)
    folds = group_folds(group, None, np.random.default_rng(0))  # ten
    np.testing.assert_array_equal(out_of_fold(x, y, group, predict, folds)[0], y)
    np.testing.assert_array_equal(np.sort(seen), np.sort(group))


def test_static_features_by_task_or_by_run_are_used():
    frame, level = task_table(np.random.default_rng(11), tasks=16, within=0.05)
    names = [f"t{i}" for i in range(16)]
    score = pd.DataFrame({"logme": level + 0.1, "noise": np.random.default_rng(0).normal(size=16)}, index=names)
    told, untold = residual(frame, features=score), residual(frame)
    assert np.all(told.risk < 0.1 * untold.risk)
    by_run = score.loc[frame.drop_duplicates("run")["task"]].set_index(pd.Index(frame["run"].unique()))
    np.testing.assert_allclose(residual(frame, features=by_run).risk, told.risk)


def test_degrees_of_freedom_of_a_table_lie_between_its_tasks_and_its_runs():
    rng = np.random.default_rng(12)
    group = np.repeat(np.arange(20), 5)
    shared = effective_df(np.repeat(rng.normal(size=20), 5), group, 0.0)
    alone = effective_df(rng.normal(size=100), group, 0.0)
    assert shared == pytest.approx(19)
    assert 60 < alone < 100
    assert effective_df(rng.normal(size=100), np.arange(100), 3.0) == pytest.approx(96)
    assert effective_df(rng.normal(size=4), np.arange(4), 50.0) == pytest.approx(1.5)


def test_variance_of_a_table_mean_square_is_that_of_its_degrees_of_freedom():
    rng = np.random.default_rng(13)
    group = np.repeat(np.arange(15), 6)
    errors = rng.normal(size=(1000, 15)).repeat(6, axis=1) + rng.normal(size=(1000, 90))
    square = np.mean(errors**2, axis=1)
    df = np.median([effective_df(e, group, 0.0) for e in errors])
    # no parameters and no mean were fitted here, so 15 and not 14 groups count
    assert df == pytest.approx(2 * square.mean() ** 2 / square.var(), rel=0.25)


def test_depths_of_a_table_are_those_common_to_all():
    rng = np.random.default_rng(14)
    one, _ = task_table(rng, tasks=3, depths=(1, 2, 4, 8))
    two, _ = task_table(rng, tasks=3, depths=(2, 3, 4, 16, 32))
    two["task"], two["run"] = "u" + two["task"], "u" + two["run"]
    np.testing.assert_array_equal(residual(pd.concat([one, two])).depth, [2, 4])
    few, _ = task_table(rng, tasks=3, depths=(4, 5, 64))
    few["task"], few["run"] = "v" + few["task"], "v" + few["run"]
    with pytest.raises(DataError, match=r"1 depths > 0 before the end are common to all.*same depths"):
        residual(pd.concat([one, few]))


def test_runs_of_two_tasks_may_have_one_name():
    frame, _ = task_table(np.random.default_rng(15), tasks=4)
    renamed = frame.assign(run=frame["run"].str.partition(":")[2])
    for groups in (None, "run"):
        np.testing.assert_allclose(residual(renamed, groups=groups).risk, residual(frame, groups=groups).risk)


def test_tasks_may_be_numbers():
    frame, _ = task_table(np.random.default_rng(15), tasks=4)
    numbers = frame.assign(task=frame["task"].str[1:].astype(int))
    np.testing.assert_allclose(residual(numbers).risk, residual(frame).risk)
    np.testing.assert_allclose(residual(numbers, task="3").risk, residual(frame, task="t3").risk)


def test_sampling_error_of_a_table_is_the_mean_over_its_runs():
    frame, _ = task_table(np.random.default_rng(16), tasks=3)
    frame["value"] = 1 / (1 + np.exp(-frame["value"]))
    p = frame[frame["depth"] == 4].groupby("task")["value"].mean()
    assert residual(frame, eval_rows=50).sampling_error == pytest.approx((p * (1 - p) / 50).mean())
    assert residual(frame).sampling_error is None


def test_a_run_that_was_stopped_at_an_odd_depth_does_not_take_the_others_along(tidy):
    rng = np.random.default_rng(3)
    frame = tidy(0.7 + 0.02 * np.cumsum(rng.standard_normal((8, 4)), axis=1), (4, 8, 16, 32))
    odd = tidy([[0.7, 0.71]], (4, 11)).assign(run="stopped")
    clean, both = residual(frame), residual(pd.concat([frame, odd]))
    np.testing.assert_array_equal(both.risk, clean.risk)
    assert (both.n_runs, both.incomplete) == (8, 1)


@pytest.mark.skipif(
    not PEFT.exists(), reason="needs the published PEFT runs in ../shared/data, which are not ours to ship"
)
def test_published_fine_tunes_by_method():
    """51 fine-tunes by many adapter methods; a method not seen before is no easier than a run among its siblings."""
    frame = pd.read_csv(PEFT)
    final = frame[(frame["metric"] == "valid_accuracy") & (frame["depth"] == frame["depth"].max())]
    apart = residual(frame, metric="valid_accuracy", groups="method")
    assert (apart.question, apart.n_runs, apart.metric) == ("new_task", 51, "valid_accuracy")
    assert apart.total_variance == pytest.approx(final["value"].var())
    assert set(apart.groups) == set(frame["method"])
    left = apart.frame()["unresolved"].to_numpy()
    assert left[0] > 0.8  # at 250 steps nothing is known of a new method
    assert left[-1] < 0.25  # at 4,750 of 5,000 steps most is
    together = residual(frame, metric="valid_accuracy", groups="run")
    assert together.risk[0] < apart.risk[0]
    test = residual(frame, metric="test_accuracy", groups="method")  # measured at the end only
    np.testing.assert_array_equal(test.depth, apart.depth)
    assert test.risk[-1] < 0.2 * test.total_variance


def test_errors_say_what_to_do(tidy):
    rng = np.random.default_rng(17)
    frame = tidy(rng.normal(size=(8, 4)), [1, 2, 4, 8])
    table, _ = task_table(rng, tasks=4)
    with pytest.raises(DataError, match=r"3 complete runs; a residual curve needs at least 4. Probe more seeds"):
        residual(frame[frame["run"].isin(["r0", "r1", "r2"])])
    with pytest.raises(DataError, match=r"all are forks.*Add seeds"):
        residual(frame.assign(parent="p"))
    with pytest.raises(DataError, match=r"1 depths > 0 before the end.*needs 2"):
        residual(frame[frame["depth"] > 2])
    with pytest.raises(DataError, match=r"every run ends at the same accuracy; there is nothing to predict"):
        residual(frame.assign(value=0.5))
    with pytest.raises(DataError, match=r"groups: 2 of them among 8 complete runs.*needs at least 3"):
        residual(table[table["task"].isin(["t0", "t1"])])
    with pytest.raises(DataError, match=r"task 'a': no complete run: none has accuracy at depth 8.*\(0 of 8 diverged"):
        residual(frame[(frame["depth"] < 8) | (frame["run"] == "r0")].query("run != 'r0' or depth == 8"))
    with pytest.raises(DataError, match=r"run 'r0' has two values of accuracy at depth 1; keep one"):
        residual(pd.concat([frame, frame.head(1)]))
    with pytest.raises(ArgumentError, match=r"folds=9: expected a whole number from 2 to 8, the number of runs"):
        residual(frame, folds=9)
    with pytest.raises(ArgumentError, match=r"folds=1: .*from 2 to 4, the number of groups"):
        residual(table, folds=1)
    for wrong in ("ridge", Ridge, LogisticRegression()):
        with pytest.raises(ArgumentError, match=r"regressor=.*expected a scikit-learn regressor"):
            residual(frame, regressor=wrong)
    with pytest.raises(DataError, match=r"predicts NaN or inf"):
        residual(frame, regressor=Lost())
    with pytest.raises(ArgumentError, match=r"groups='methd': expected a column of the runs: task, run"):
        residual(frame, groups="methd")
    with pytest.raises(ArgumentError, match=r"groups='value': expected one value for each run; 'r0' has several"):
        residual(frame, groups="value")
    with pytest.raises(ArgumentError, match=r"no group for run r5.*expected a group for each run"):
        residual(frame, groups={f"r{i}": i for i in range(5)} | {"r6": 1, "r7": 1})
    with pytest.raises(ArgumentError, match=r"no group for run r2"):
        residual(frame, groups={f"r{i}": None if i == 2 else i for i in range(8)})
    with pytest.raises(ArgumentError, match=r"groups=3: expected the name of a column, or a mapping"):
        residual(frame, groups=3)
    good = pd.DataFrame({"x": 1.0}, index=[f"t{i}" for i in range(4)])
    for features, message in (
        (good.head(3), r"features='no row for t3': expected a row for each run, or for each task"),
        (good.assign(x=["a", "b", "c", "d"]), r"features='x': expected columns of finite numbers"),
        (good.assign(x=[1, 2, 3, np.nan]), r"features='x': expected columns of finite numbers.*fill or drop"),
        (pd.concat([good, good]), r"features='t0': expected one row for each run or task"),
        ({"t0": 1}, r"features='dict': expected a DataFrame of numbers"),
    ):
        with pytest.raises(ArgumentError, match=message):
            residual(table, features=features)


def test_mixed_metrics_are_named():
    table, _ = task_table(np.random.default_rng(18), tasks=3)
    mixed = table.assign(metric=table["task"].map({"t0": "accuracy", "t1": "accuracy", "t2": "f1"}))
    with pytest.raises(DataError, match=r"no metric in common \(t0: accuracy; t1: accuracy; t2: f1\).*one metric"):
        residual(mixed)
    with pytest.raises(DataError, match=r"metric 'f1': not every task was measured by it \(t0: accuracy;.*t2: f1\)"):
        residual(mixed, metric="f1")
    with pytest.raises(ArgumentError, match=r"metric='mcc': expected one of accuracy, f1"):
        residual(mixed, metric="mcc")
    both = pd.concat([table.assign(metric="f1"), table.assign(metric="mcc")])
    with pytest.raises(ArgumentError, match=r"metric=None: expected one of f1, mcc. There are several"):
        residual(both)
    assert residual(both, metric="mcc").metric == "mcc"
    assert residual(pd.concat([table, both])).metric == "accuracy"
    extra = pd.concat([table, table[table["task"] == "t0"].assign(metric="f1")])
    with pytest.raises(DataError, match=r"metric 'f1'.*Name one that all have: accuracy"):
        residual(extra, metric="f1")
