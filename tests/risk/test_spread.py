"""Risk curves: the spread and its covariance, what is left out, and the errors that explain themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.decay._noise import squared_correlation
from predictlab.errors import ArgumentError, DataError, PredictlabError
from predictlab.risk import from_depth

DEPTHS = [4, 8, 16, 32, 64]
PEFT = Path(__file__).parents[3] / "shared" / "data" / "peft_metamathqa_runs.csv"


def tidy(values, depths=DEPTHS, task="a", metric="accuracy"):
    values = np.asarray(values, dtype=float)
    runs, k = values.shape
    return pd.DataFrame(
        {
            "task": task, "run": np.repeat([f"r{i}" for i in range(runs)], k), "parent": None,
            "seed": np.repeat(np.arange(runs), k), "depth": np.tile(depths, runs), "metric": metric,
            "value": values.ravel(), "seconds": np.nan, "flops": np.nan, "status": "ok",
        }
    )  # fmt: skip


@pytest.fixture
def values():
    return np.random.default_rng(3).normal(0.8, [0.1, 0.08, 0.05, 0.03, 0.02], size=(12, 5))


def test_spread_is_the_sample_variance_with_its_degrees_of_freedom(values):
    curve = pl.risk_curve(tidy(values))
    np.testing.assert_allclose(curve.risk, pd.DataFrame(values).var().to_numpy())
    np.testing.assert_array_equal(curve.df, 11)
    np.testing.assert_array_equal(curve.depth, DEPTHS)
    np.testing.assert_allclose(curve.mean, values.mean(0))
    assert (curve.estimator, curve.question, curve.task, curve.n_runs) == ("spread", "agreement", "a", 12)


def test_order_of_rows_and_depth_zero_do_not_matter(values):
    with_start = tidy(np.column_stack([np.full(12, 0.5), values]), [0, *DEPTHS])
    curve = pl.risk_curve(with_start.sample(frac=1, random_state=1))
    np.testing.assert_allclose(curve.risk, values.var(0, ddof=1))
    np.testing.assert_array_equal(curve.depth, DEPTHS)


def test_log_covariance_agrees_with_simulated_gaussian_runs():
    rng = np.random.default_rng(1)
    runs, rho, repeats = 24, 0.7, 4000
    x = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(repeats, runs))
    logs = np.log(x.var(axis=1, ddof=1))
    seen = np.cov(logs.T)
    # the estimator is unbiased for 2 rho^2 / (S-1) up to the log's own terms of order 1/S^2
    df = np.full(2, 23.0)
    mean = 2 / 23 * np.mean([squared_correlation(s - s.mean(axis=0), df) for s in x[:1000]], axis=0)
    np.testing.assert_allclose(mean[0, 0], 2 / 23, rtol=1e-12)
    assert mean[0, 1] == pytest.approx(2 * rho**2 / 23, rel=0.05)
    assert mean[0, 1] == pytest.approx(seen[0, 1], rel=0.12)


def test_log_covariance_is_unbiased_where_depths_are_independent():
    rng = np.random.default_rng(2)
    samples, df = rng.normal(size=(2000, 16, 2)), np.full(2, 15.0)
    off = [2 / 15 * squared_correlation(s - s.mean(axis=0), df)[0, 1] for s in samples]
    # clipping at 0 leaves a little; without the correction it would be 2/15 * 1/15 = .0089
    assert 0 < np.mean(off) < 0.006


def test_chi2_interval_covers():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(400):
        frame = pl.risk_curve(tidy(rng.normal(size=(10, 2)), [1, 2])).frame(confidence=0.9)
        inside += list((frame["lower"] <= 1) & (frame["upper"] >= 1))
    assert abs(np.mean(inside) - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 800)


def test_chi2_interval_by_hand():
    frame = pl.RiskCurve(depth=[1, 2], risk=[0.04, 0.01], df=[15, 7]).frame()
    assert frame["lower"][0] == pytest.approx(15 * 0.04 / stats.chi2.ppf(0.975, 15))
    assert frame["upper"][1] == pytest.approx(7 * 0.01 / stats.chi2.ppf(0.025, 7))
    np.testing.assert_allclose(frame["sd"], [0.2, 0.1])


def test_diverged_and_incomplete_runs_are_counted(values):
    frame = tidy(values)
    frame.loc[frame["run"] == "r0", "status"] = "diverged"
    frame.loc[(frame["run"] == "r1") & (frame["depth"] == 64), "value"] = np.nan
    frame = frame[~((frame["run"] == "r2") & (frame["depth"] == 8))]
    curve = pl.risk_curve(frame)
    assert (curve.diverged, curve.incomplete, curve.n_runs) == (2, 1, 10)
    left = values[2:].copy()
    left[0, 1] = np.nan  # a missing depth costs that depth alone
    np.testing.assert_allclose(curve.risk, np.nanvar(left, axis=0, ddof=1))
    np.testing.assert_array_equal(curve.df, [9, 8, 9, 9, 9])
    assert "2 diverged" in curve._repr_html_()
    assert "1 runs miss a depth" in curve._repr_html_()


def test_a_run_that_was_stopped_early_does_not_take_the_others_along(values):
    frame = tidy(values)
    depths = sorted(frame["depth"].unique())
    stopped = frame["run"].eq("r0") & frame["depth"].gt(depths[1])
    frame.loc[frame["run"].eq("r0") & frame["depth"].eq(depths[1]), "depth"] = depths[1] + 1  # where nobody else was
    curve = pl.risk_curve(frame[~stopped])
    assert (curve.incomplete, curve.n_runs) == (1, len(values))
    assert list(curve.depth) == depths
    assert curve.odd_depths == (depths[1] + 1,)
    np.testing.assert_allclose(curve.risk, [values[:, 0].var(ddof=1), *values[1:, 1:].var(0, ddof=1)])
    np.testing.assert_array_equal(curve.df, [11, 10, 10, 10, 10])


def test_depth_at_which_all_runs_agree_is_raised_to_the_rounding_of_the_metric():
    values = np.round(np.random.default_rng(4).uniform(0.4, 0.9, size=(8, 3)) * 100) / 100
    values[:, 1] = 0.5
    curve = pl.risk_curve(tidy(values, [1, 2, 3]))
    assert curve.risk[1] == pytest.approx(0.01**2 / 12)


def test_sampling_error_stands_beside_the_risk(values):
    plain, with_rows = pl.risk_curve(tidy(values)), pl.risk_curve(tidy(values), eval_rows=400)
    p = values[:, -1].mean()
    assert with_rows.sampling_error == pytest.approx(p * (1 - p) / 400)
    np.testing.assert_array_equal(plain.risk, with_rows.risk)


def test_accuracy_is_the_default_metric_among_several(values):
    both = pd.concat([tidy(values), tidy(values * 3, metric="eval_loss")])
    assert pl.risk_curve(both).metric == "accuracy"
    np.testing.assert_allclose(pl.risk_curve(both, metric="eval_loss").risk, 9 * values.var(0, ddof=1))


def test_from_depth_cuts_every_part(values):
    curve = from_depth(pl.risk_curve(tidy(values)), 16)
    np.testing.assert_array_equal(curve.depth, [16, 32, 64])
    assert curve.errors.shape == (12, 3)
    np.testing.assert_allclose(curve.risk, values[:, 2:].var(0, ddof=1))


def test_from_a_store_and_from_its_path(tmp_path, values):
    path = tmp_path / "runs.db"
    with pl.RunStore(path) as store:
        store.add_task("a", "f", {})
        for i, row in enumerate(values):
            for depth, value in zip(DEPTHS, row, strict=True):
                store.record("a", f"r{i}", depth, {"accuracy": value}, seed=i)
        from_store = pl.risk_curve(store, "a")
        with pytest.raises(PredictlabError, match="nothere") as error:
            pl.risk_curve(store, "nothere")
    assert "a" in str(error.value)
    np.testing.assert_array_equal(from_store.risk, pl.risk_curve(path).risk)


def test_mistyped_path_is_an_error_and_creates_nothing(tmp_path):
    with pytest.raises(DataError, match=r"no run store at .* Check the path"):
        pl.risk_curve(tmp_path / "rnus.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk": [0.3, -0.1, 0.1]}, r"risk=\[0.3, -0.1, 0.1\]: expected variances > 0.*depth 8.*leave it out"),
        ({"risk": [0.3, 0, 0.1]}, r"risk=.*leave it out"),
        ({"risk": [0.3, np.nan, 0.1]}, r"risk=.*finite numbers.*Leave out the depths"),
        ({"risk": [0.3, 0.1]}, r"risk=.*one value for each of the 3 depths"),
        ({"risk": "high"}, r"risk='high': expected a one-dimensional list|risk='high': expected a list of numbers"),
        ({"depth": [4], "risk": [0.1]}, r"depth=\[4\]: expected at least two depths. Probe more depths"),
        ({"depth": [4, 16, 8]}, r"depth=\[4.0, 16.0, 8.0\]: .*strictly increasing.*Sort them"),
        ({"depth": [4, 4, 8]}, r"depth=.*strictly increasing"),
        ({"depth": [0, 4, 8]}, r"depth=.*> 0"),
        ({"df": 0.5}, r"df=0.5: expected degrees of freedom >= 1.*use 2 or more"),
        ({"df": [3, np.nan, 3]}, r"df=.*>= 1"),
        ({"df": [3, 3]}, r"df=.*one for each of the 3 depths"),
        ({"estimator": "guess"}, r"estimator='guess': expected one of 'spread', 'branch', 'residual', 'given'"),
        ({"question": "any"}, r"question='any': expected one of 'agreement', 'this_run', 'fresh_run', 'new_task'"),
        ({"log_covariance": np.eye(2)}, r"log_covariance=.*expected shape \(3, 3\)"),
    ],
)
def test_bad_numbers_are_named(change, message):
    with pytest.raises(ArgumentError, match=message):
        pl.RiskCurve(**{"depth": [4, 8, 16], "risk": [0.3, 0.2, 0.1], "df": 15} | change)


def test_errors_of_risk_curve_say_what_to_do(values):
    two_tasks = pd.concat([tidy(values), tidy(values, task="b")])
    with pytest.raises(ArgumentError, match=r"task=None: expected one of a, b. There are several; name the task"):
        pl.risk_curve(two_tasks)
    with pytest.raises(ArgumentError, match=r"task='c': expected one of a, b"):
        pl.risk_curve(two_tasks, "c")
    two_metrics = pd.concat([tidy(values, metric="f1"), tidy(values, metric="loss")])
    with pytest.raises(ArgumentError, match=r"metric=None: expected one of f1, loss.*name the metric"):
        pl.risk_curve(two_metrics)
    with pytest.raises(DataError, match=r"1 runs, 0 depths.*Probe more seeds"):
        pl.risk_curve(tidy(values[:1]))
    with pytest.raises(DataError, match=r"12 runs, 1 depths"):
        pl.risk_curve(tidy(values[:, :1], [4]))
    with pytest.raises(DataError, match=r"every run has the same accuracy at every depth"):
        pl.risk_curve(tidy(np.full((5, 5), 0.7)))
    with pytest.raises(DataError, match=r"column 'status' is missing"):
        pl.risk_curve(tidy(values).drop(columns="status"))
    with pytest.raises(DataError, match=r"run 'r0' has two values of accuracy at depth 4; keep one"):
        pl.risk_curve(pd.concat([tidy(values), tidy(values[:1])]))
    with pytest.raises(ArgumentError, match="estimator='guess'"):
        pl.risk_curve(tidy(values), estimator="guess")
    with pytest.raises(ArgumentError, match=r"eval_rows=0: expected a number of rows >= 1"):
        pl.risk_curve(tidy(values), eval_rows=0)
    with pytest.raises(DataError, match=r"no measurements.*Probe first"):
        pl.risk_curve(tidy(values).head(0))


@pytest.mark.skipif(
    not PEFT.exists(), reason="needs the published PEFT runs in ../shared/data, which are not ours to ship"
)
def test_published_peft_runs_load():
    """One run per adapter method, one seed: the variance is over methods, and the curve only has to load right."""
    frame = pd.read_csv(PEFT)
    assert frame["parent"].isna().all()
    curve = pl.risk_curve(frame, metric="valid_accuracy")
    wide = frame[frame["metric"] == "valid_accuracy"].pivot_table(index="run", columns="depth", values="value")
    wide = wide[[c for c in wide.columns if c > 0]].dropna()
    assert curve.n_runs == len(wide) >= 40
    np.testing.assert_allclose(curve.risk, wide.var().clip(lower=curve.resolution))
    assert curve.resolution == pytest.approx(0.02**2 / 12, rel=1e-6)  # 50 questions
