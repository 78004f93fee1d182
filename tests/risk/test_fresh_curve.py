"""`fresh_run`: its formula against simulation, what it refuses, and what a curve knows of its recipe."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk._fresh import drift_variance, fresh_curve

DEPTHS = np.array([4, 8, 16, 32])


def runs_of(values, task="a", depths=DEPTHS):
    count, k = values.shape
    return pd.DataFrame({
        "task": task, "run": np.repeat([f"r{i}" for i in range(count)], k), "seed": np.repeat(np.arange(count), k),
        "depth": np.tile(depths, count), "metric": "accuracy", "value": values.ravel(), "status": "ok",
    })  # fmt: skip


def gaussian(rng, count, covariance, mean):
    return mean + rng.multivariate_normal(np.zeros(len(covariance)), covariance, count)


def curves_of(values):
    """`pl.risk_curve` of many sets of runs (n, runs, k): of the first one, with the numbers of the others."""
    first = pl.risk_curve(runs_of(values[0]))
    for runs in values:
        mean = runs.mean(axis=0)
        yield replace(first, risk=runs.var(axis=0, ddof=1), errors=runs - mean, mean=mean)


COVARIANCE = np.array([[4.0, 1.5, 0.5, 0.2], [1.5, 3.0, 1.0, 0.5], [0.5, 1.0, 2.0, 0.9], [0.2, 0.5, 0.9, 1.0]]) * 1e-4
MEAN = np.array([0.3, 0.5, 0.6, 0.7])


def test_the_stated_risk_is_the_squared_error_of_the_forecast_that_it_is_about():
    """S fresh runs read at c, the drift from S' others: predict the end of yet another run, many times."""
    rng, known, seeds, rounds = np.random.default_rng(0), 5, 3, 10_000
    full = gaussian(rng, known * rounds, COVARIANCE, MEAN).reshape(rounds, known, 4)
    read = gaussian(rng, seeds * rounds, COVARIANCE, MEAN).reshape(rounds, seeds, 4)
    end = gaussian(rng, rounds, COVARIANCE, MEAN)[:, -1]
    drift = (full[:, :, -1:] - full).mean(axis=1)
    made = np.mean((end[:, None] - read.mean(axis=1) - drift) ** 2, axis=0)
    stated = [fresh_curve(curve, seeds=seeds).risk for curve in curves_of(full[:1200])]
    np.testing.assert_allclose(np.mean(stated, axis=0), made, rtol=0.05)


def test_at_the_end_it_is_the_variance_of_a_new_value_and_a_mean():
    values = gaussian(np.random.default_rng(1), 12, COVARIANCE, MEAN)
    curve = pl.risk_curve(runs_of(values), question="fresh_run", seeds=4)
    assert curve.question == "fresh_run"
    assert curve.seeds == 4
    assert curve.risk[-1] == pytest.approx(values[:, -1].var(ddof=1) * 1.25)
    assert curve.df[-1] == pytest.approx(11)
    default = pl.risk_curve(runs_of(values), question="fresh_run")
    assert default.risk[-1] == pytest.approx(values[:, -1].var(ddof=1) * (1 + 1 / 12))


def test_its_covariance_and_degrees_of_freedom_are_those_of_the_estimates():
    rng = np.random.default_rng(2)
    runs = gaussian(rng, 16 * 1500, COVARIANCE, MEAN).reshape(1500, 16, 4)
    draws = [fresh_curve(curve, 4) for curve in curves_of(runs)]
    logs = np.log([curve.risk for curve in draws])
    said = np.mean([curve.log_covariance for curve in draws[:200]], axis=0)
    np.testing.assert_allclose(np.cov(logs.T), said, atol=0.02)
    spread = np.array([curve.risk for curve in draws])
    np.testing.assert_allclose(
        2 * spread.mean(axis=0) ** 2 / spread.var(axis=0), np.mean([c.df for c in draws[:200]], axis=0), rtol=0.15
    )


def test_drift_of_a_constant_gap_is_nothing():
    errors = np.random.default_rng(3).normal(size=(6, 1)) @ np.ones((1, 4))
    np.testing.assert_allclose(drift_variance(errors), 0)


def test_no_run_at_the_end_gives_no_answer():
    runs = runs_of(gaussian(np.random.default_rng(4), 8, COVARIANCE, MEAN))
    with pytest.raises(DataError, match=r"no run was measured at the end of its recipe, 64 steps .*drift='mean'"):
        pl.risk_curve(runs, question="fresh_run", horizon=64)
    with pytest.raises(ArgumentError, match=r"horizon=16: expected steps of the whole recipe, at least 32"):
        pl.risk_curve(runs, horizon=16)


def test_a_question_chooses_its_estimator_and_refuses_another(forked):
    frame = forked.frame(np.random.default_rng(0), (3,) * 8)
    chosen = {question: pl.risk_curve(frame, question=question).estimator for question in ("agreement", "this_run")}
    assert chosen == {"agreement": "spread", "this_run": "branch"}
    plain = frame[frame["parent"].isna()]
    assert pl.risk_curve(plain, question="this_run").estimator == "residual"
    with pytest.raises(
        ArgumentError, match=r"estimator='spread': expected None, or one that answers question='this_run'"
    ):
        pl.risk_curve(frame, question="this_run", estimator="spread")
    with pytest.raises(ArgumentError, match=r"question='new_task': expected 'this_run', .* for these runs"):
        pl.risk_curve(plain, question="new_task")
    with pytest.raises(ArgumentError, match=r"question='any': expected one of"):
        pl.risk_curve(plain, question="any")
    with pytest.raises(ArgumentError, match=r"seeds=3: expected None for question='agreement'"):
        pl.risk_curve(plain, seeds=3)


def test_a_store_knows_the_recipe(tmp_path):
    frame = runs_of(gaussian(np.random.default_rng(5), 6, COVARIANCE, MEAN))
    with pl.RunStore(tmp_path / "runs.db") as store:
        store.add_frame(frame, description={"recipe": {"steps": 64, "schedule": "linear"}})
        curve = pl.risk_curve(store, "a")
        assert (curve.horizon, curve.schedule) == (64.0, "linear")
        assert pl.risk_curve(store, "a", horizon=32).horizon == 32
    assert pl.risk_curve(tmp_path / "runs.db", "a").horizon == 64
    assert pl.risk_curve(frame).horizon is None
