"""Predictors and their stack, intervals of runs unlike the others, and forecasts against the limit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.forecasting._own_curve import own_curve_forecasts
from predictlab.forecasting._predictive import Jackknife, Student, guaranteed_level
from predictlab.forecasting._stack import STACK, Members, convex_weights
from predictlab.forecasting._unlike import Widened, unlikeness
from predictlab.risk._residual import fit_ridge, ridge, ridge_and_left_out

DEPTHS = np.array([4, 8, 16, 32, 64], dtype=float)
END = 128


def tidy(task, run, depths, values, metric="accuracy"):
    return pd.DataFrame(
        {
            "task": task, "run": run, "parent": None, "depth": depths, "metric": metric,
            "value": np.asarray(values, dtype=float), "status": "ok",
        }
    )  # fmt: skip


def martingale(runs, seed, last=24):
    """Runs of a martingale world: the best prediction at each depth, then the end itself."""
    world = pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0, mean=0.7)
    made = world.simulate(runs, [4, 8, 16, last], seed)
    ends = made[(made["metric"] == "performance") & (made["depth"] == last)].assign(depth=5 * last)
    return world, pd.concat([made[made["metric"] == "prediction"], ends]).assign(metric="R")


def learning(tasks, seeds, seed, late=()):
    """Tasks that rise to ends of their own, most of them early; `late` ones only after the depth of the forecast."""
    rng = np.random.default_rng(seed)
    depths, parts = np.append(DEPTHS, END), []
    for t in range(tasks):
        middle = 48.0 if t in late else rng.uniform(3, 6)
        for s in range(seeds):
            end = 0.85 + 0.02 * rng.standard_normal()
            value = 0.2 + (end - 0.2) / (1 + (middle / depths) ** 3) + 0.005 * rng.standard_normal(len(depths))
            parts.append(tidy(f"t{t}", f"t{t}:{s}", depths, value))
    return pd.concat(parts, ignore_index=True)


def test_extrapolations_of_curves_that_follow_their_law():
    """A curve of the form that is fitted is met exactly; with fewer depths than it takes a run keeps its last value."""
    end = np.array([128.0, 256.0])
    rate = np.geomspace(0.1, 4.0, 25)[12]  # one of the grid
    power = np.array([0.8, 0.9])[:, None] - np.array([0.5, 0.4])[:, None] * DEPTHS**-rate
    found = own_curve_forecasts(power, DEPTHS, end, 1.0)
    np.testing.assert_allclose(found["power_law"], np.array([0.8, 0.9]) - np.array([0.5, 0.4]) * end**-rate, atol=1e-9)
    np.testing.assert_array_equal(found["last_value"], power[:, -1])
    wrong = 0.6 * DEPTHS**-0.3
    share, loss = np.array([1 - wrong, 1 - 0.5 * wrong]), np.array([wrong, 2 * wrong])
    left = 0.6 * end**-0.3
    np.testing.assert_allclose(own_curve_forecasts(share, DEPTHS, end, 1.0)["log_log"], 1 - left * [1, 0.5])
    np.testing.assert_allclose(own_curve_forecasts(loss, DEPTHS, end, None)["log_log"], left * [1, 2])
    np.testing.assert_allclose(
        own_curve_forecasts(100 * share, DEPTHS, end, 100.0)["log_log"], 100 - 100 * left * [1, 0.5]
    )
    gaps = power.copy()
    gaps[0, :3] = np.nan
    assert own_curve_forecasts(gaps, DEPTHS, end, 1.0)["power_law"][0] == power[0, -1]
    assert set(own_curve_forecasts(-power, DEPTHS, end, None)) == {"last_value", "power_law"}, "no logarithm below 0"
    assert set(own_curve_forecasts(power[:, :1], DEPTHS[:1], end, 1.0)) == {"last_value"}
    assert own_curve_forecasts(power[:, :0], DEPTHS[:0], end, 1.0) == {}


def test_left_out_predictions_are_those_of_fits_without_the_group():
    rng = np.random.default_rng(0)
    x, group = rng.standard_normal((20, 3)), np.repeat(np.arange(8), [1, 2, 3, 4, 2, 3, 2, 3])
    y = x @ [1.0, 2.0, 0.0] + rng.standard_normal(20)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    # one effective number of parameters belongs to one penalty
    _, _, wanted = fit_ridge(x, y, group)
    d = np.linalg.svd(z, compute_uv=False)
    penalty = 20 * min(np.logspace(-3, 2.5, 12), key=lambda p: abs(np.sum(d**2 / (d**2 + 20 * p)) - wanted))
    found = np.empty(20)
    for g in range(8):
        inside = group != g
        table = np.column_stack([np.ones(inside.sum()), z[inside]])
        solved = np.linalg.solve(table.T @ table + penalty * np.diag([0, 1, 1, 1]), table.T @ y[inside])
        found[~inside] = np.column_stack([np.ones((~inside).sum()), z[~inside]]) @ solved
    at_new, left_out = ridge_and_left_out(x, y, group, x + 1)
    np.testing.assert_allclose(left_out, found, rtol=1e-9)
    np.testing.assert_array_equal(at_new, ridge(x, y, group, x + 1))


def test_weights_are_those_of_constrained_least_squares():
    rng = np.random.default_rng(1)
    y = rng.standard_normal(200)
    errors = rng.standard_normal((200, 2)) * [1.0, 2.0]
    two = convex_weights(y[:, None] - errors, y)
    a, b, c = (errors[:, 0] ** 2).sum(), (errors[:, 1] ** 2).sum(), errors.prod(axis=1).sum()
    assert two[0] == pytest.approx((b - c) / (a + b - 2 * c), abs=1e-6)  # the minimum of w² a + (1-w)² b + 2 w (1-w) c
    worse = convex_weights(np.column_stack([y + 0.1 * errors[:, 0], y + 3.0]), y)
    np.testing.assert_allclose(worse, [1.0, 0.0], atol=1e-2)
    exact = convex_weights(np.column_stack([y, y + 1.0]), y)
    np.testing.assert_allclose(exact, [1.0, 0.0], atol=1e-9)
    assert convex_weights(np.column_stack([y, y]), y).sum() == pytest.approx(1)


def test_a_stack_forecasts_each_run_by_weights_that_have_not_seen_its_group():
    """The forecast of a run is the average of members, weights and all, learnt from the other groups alone."""
    frame = learning(8, 2, seed=0)
    forecasts = pl.forecast(frame, 16)
    table = forecasts.frame(members=True)
    assert (forecasts.predictor, list(forecasts.members.index)) == (
        STACK, ["regression", "last_value", "power_law", "log_log", "calibrated", "stack"],
    )  # fmt: skip
    wide = frame.pivot_table(index=["task", "run"], columns="depth", values="value", sort=False)
    y, group = wide[END].to_numpy(), np.repeat(np.arange(8), 2)
    own = own_curve_forecasts(wide[[4, 8, 16]].to_numpy(), DEPTHS[:3], np.full(16, float(END)), 1.0)
    x = np.column_stack([wide[[8, 16]].to_numpy(), *own.values()])
    members = Members(tuple(own), 0, None, 0.0, 1.0)
    for g in (0, 5):
        inside = group != g
        weights = members.weights(x[inside], y[inside], group[inside])
        each = members.each(x[inside], y[inside], group[inside], x[~inside])
        np.testing.assert_allclose(table["prediction"][~inside], each @ weights)
        np.testing.assert_allclose(table.loc[~inside, list(members.names)], each)
        np.testing.assert_allclose(each[:, 4], np.clip(ridge(x[inside], y[inside], group[inside], x[~inside]), 0, 1))
        np.testing.assert_allclose(each[:, 0], ridge(x[inside, :2], y[inside], group[inside], x[~inside, :2]))
    errors = y[:, None] - table[list(members.names)].to_numpy()
    np.testing.assert_allclose(forecasts.members["error"].iloc[:5], np.sqrt(np.mean(errors**2, axis=0)))
    assert forecasts.members["error"]["stack"] ** 2 == pytest.approx(forecasts.risk)
    assert forecasts.members["weight"].sum() == pytest.approx(1)
    assert (forecasts.members["weight"].dropna() >= 0).all()
    assert "last_value" in str(forecasts.summary())


@pytest.mark.parametrize("predictor", ["regression", "last_value", "power_law", "log_log", "calibrated"])
def test_a_member_alone(predictor):
    frame = learning(8, 2, seed=0)
    alone, stack = pl.forecast(frame, 16, predictor=predictor), pl.forecast(frame, 16).frame(members=True)
    np.testing.assert_allclose(alone.frame()["prediction"], stack[predictor])
    assert alone.members["weight"].idxmax() == predictor
    assert alone.risk == pytest.approx(alone.members["error"][predictor] ** 2)


def test_a_stack_knows_what_static_scores_say_alone():
    """Scores that say nearly everything, beside a noisy look: the stack keeps to the scores, as depth 0 does."""
    frame, rng = learning(12, 2, seed=1), np.random.default_rng(2)
    early = frame["depth"] < END
    frame.loc[early, "value"] += 0.3 * rng.standard_normal(early.sum())
    ends = frame[frame["depth"] == END].groupby("task")["value"].mean()
    scores = pd.DataFrame(
        {"score": ends + 0.002 * rng.standard_normal(len(ends)), "useless": rng.normal(size=len(ends))}
    )
    found, before = pl.forecast(frame, 8, features=scores), pl.forecast(frame, 0, features=scores)
    names = ["static", "regression", "last_value", "log_log", "calibrated"]
    assert [n for n in found.members.index if n != "power_law"] == [*names, STACK]
    assert found.members["weight"].idxmax() == "static"
    assert found.members["error"]["static"] == pytest.approx(before.risk**0.5)
    assert found.risk < 1.3 * before.risk
    alone = pl.forecast(frame, 8, features=scores, predictor="static")
    np.testing.assert_allclose(alone.frame()["prediction"], before.frame()["prediction"])
    assert alone.risk == pytest.approx(before.risk)
    with pytest.raises(ArgumentError, match="'static' features= and a depth above 0"):
        pl.forecast(frame, 8, predictor="static")
    theirs = pl.forecast(
        frame, 8, features=scores, regressor=make_pipeline(StandardScaler(), Ridge()), predictor="stack"
    )
    assert theirs.members["weight"].sum() == pytest.approx(1)
    assert list(theirs.members.index) == list(found.members.index)


def test_the_stack_is_no_worse_than_its_members_where_they_err_apart():
    """Noisy power laws of several tasks: what runs teach and what the own curve says are both worth something."""
    errors = {name: [] for name in ("regression", "last_value", "power_law", "log_log", "calibrated", "stack")}
    depths = np.array([4, 8, 12, 16, 20, 26, 128.0])
    for seed in range(6):
        rng = np.random.default_rng(seed)
        parts = []
        for t in range(10):
            a, b, r = rng.uniform(0.5, 0.95), rng.uniform(0.2, 0.45), rng.uniform(0.3, 1.2)
            for s in range(3):
                noise = np.cumsum((0.01 * rng.standard_normal(len(depths)) * depths**-0.3)[::-1])[::-1]
                value = a - b * (depths / 4) ** -r + noise + 0.02 * rng.standard_normal()
                parts.append(tidy(f"t{t}", f"t{t}:{s}", depths, np.clip(value, 0, 1)))
        found = pl.forecast(pd.concat(parts, ignore_index=True), 26).members["error"]
        for name, value in found.items():
            errors[name].append(value)
    mean = {name: np.mean(np.square(values)) for name, values in errors.items()}
    assert mean["stack"] < min(mean[name] for name in mean if name != "stack")


def test_in_a_martingale_world_the_stack_comes_near_the_limit():
    """There the last value is the best predictor that there is: none is below it, and the stack finds that out."""
    ratios = []
    for seed in range(8):
        world, frame = martingale(16, seed)
        forecasts = pl.forecast(frame, 24)
        ratios.append(forecasts.risk / world.risk([24])[0])
    assert 0.85 < np.mean(ratios) < 1.25


def test_against_the_limit_of_a_world():
    world, frame = martingale(200, 0)
    best = pl.forecast(frame, 24, predictor="last_value", folds=10).against(world)
    assert best.lower < 1 < best.upper
    assert best.ratio == pytest.approx(best.error / world.risk([24])[0])
    assert "near the limit" in best.verdict
    assert best.deeper["depth"].tolist() == [48, 96]
    np.testing.assert_allclose(best.deeper["limit"], world.risk([48, 96]))
    assert "More probing helps: at 48 steps" in best.advice or "at 96 steps" in best.advice
    worse = pl.forecast(frame, 24, predictor="log_log", folds=10).against(world)
    assert worse.lower > 1.25
    assert worse.verdict == "far from the limit"
    assert "A better predictor helps" in str(worse.summary())
    assert "<table" in worse._repr_html_()
    none = pl.forecast(frame, 24, folds=10).against(pl.worlds.MartingaleWorld(0.1, 0.02, 1.0))
    assert none.verdict == "below the limit given"


def test_against_curves_and_their_fits():
    world, frame = martingale(40, 1)
    forecasts = pl.forecast(frame, 24)
    limits = world.risk([8, 16, 24, 48])
    curve = pl.RiskCurve([8, 16, 24, 48], limits, 30, estimator="branch", question="this_run", task="a")
    seen = forecasts.against(curve)
    assert seen.ratio == pytest.approx(forecasts.risk / limits[2])
    exact = forecasts.against(world)
    assert seen.upper - seen.lower > exact.upper - exact.lower, "a limit that is estimated tells less"
    assert seen.deeper["depth"].tolist() == [48]
    fitted = forecasts.against(pl.DecayModel(curve).fit("gamma"))
    assert fitted.ratio == pytest.approx(seen.ratio, rel=0.2)
    assert "the fit of branch curve of a" in fitted.source
    same = forecasts.against(pl.RiskCurve([8, 24], limits[[0, 2]], 30, estimator="residual", question="this_run"))
    assert "another predictor" in str(same)
    for bad, said in (
        (pl.RiskCurve([8, 24], limits[[0, 2]], 30), "question 'agreement'.*'this_run'"),
        (pl.RiskCurve([8, 16], limits[:2], 30, question="this_run"), "depths 8, 16.*with depth 24"),
        (0.1, "limit='float'"),
    ):
        with pytest.raises(ArgumentError, match=said):
            forecasts.against(bad)
    with pytest.raises(ArgumentError, match="confidence=2"):
        forecasts.against(curve, confidence=2)


def test_against_the_curve_of_one_of_several_tasks():
    frame = learning(6, 3, seed=2)
    forecasts = pl.forecast(frame, 16)
    table = forecasts.frame()
    curve = pl.RiskCurve([8, 16], [0.01, 0.001], 20, estimator="branch", question="this_run", task="t3")
    own = table[table["task"] == "t3"]
    assert forecasts.against(curve).error == pytest.approx(np.mean((own["final"] - own["prediction"]) ** 2))
    cut = pl.forecast(frame[(frame["task"] != "t3") | (frame["depth"] <= 16)], 16)
    with pytest.raises(DataError, match="no run of 't3' has a forecast and a known end"):
        cut.against(curve)


def test_no_sure_no_go_for_the_one_run_that_learns_late():
    """Of 20 runs one learns after the depth of the forecast; by its path alone it would be given up."""
    for seed in range(3):
        frame = learning(20, 1, seed, late=(7,)).assign(task="a")
        for method, confidence in (("t", 0.95), ("jackknife+", 0.9), ("cv+", 0.9)):
            forecasts = pl.forecast(frame, 32, threshold=0.8, method=method, confidence=confidence)
            late = forecasts.frame().set_index("run").loc["t7:0"]
            assert late["note"] == "unlike the runs learnt from"
            assert late["decision"] == "undetermined"
            assert late["lower"] <= late["final"] <= late["upper"], "widened to where the others ended"
            assert 0.025 < late["p_above"] < 0.975
            others = forecasts.frame()[forecasts.frame()["run"] != "t7:0"]
            assert (late["upper"] - late["lower"]) > 1.2 * (others["upper"] - others["lower"]).median()


def test_runs_like_the_others_are_rarely_called_unlike():
    rng, called = np.random.default_rng(0), {8: [], 20: []}
    for groups, seen in called.items():
        for _ in range(200):
            known = rng.standard_normal((groups + 1, 1))
            x = np.column_stack([known, known + 0.3 * rng.standard_normal((groups + 1, 1))])
            seen.append(unlikeness(x[1:], np.arange(groups), x[:1])[0])
    assert np.mean(np.array(called[8]) >= 1) < 0.04
    assert np.mean(np.array(called[20]) > 0) < 0.04
    # far in one feature; and far in what the features say together, each of them being usual
    x = np.column_stack([np.linspace(0, 1, 20), np.linspace(0, 1, 20) + 0.02 * rng.standard_normal(20)])
    odd = unlikeness(x, np.arange(20), np.array([[0.5, 0.5], [3.0, 0.5], [0.9, 0.1]]))
    assert odd.tolist() == [0, 1, 1]
    assert unlikeness(x[:, :0], np.arange(20), x[:3, :0]).tolist() == [0, 0, 0]


def test_widened_laws_are_laws():
    """Between the own interval and one that holds both; probabilities are those at which a limit is reached."""
    centre = np.array([0.3, 0.3, 0.3])
    own, blind = Student(centre, 0.02**2, 10), Student(np.full(3, 0.8), 0.05**2, 10)
    unknown = np.full((3, 1), np.nan)
    law = Widened(own, blind, np.array([0.0, 0.5, 1.0]), unknown)
    lower, upper = law.interval(0.9)
    (own_low, own_high), (_, most) = own.interval(0.9), blind.interval(0.9)
    np.testing.assert_allclose(lower, own_low)
    np.testing.assert_allclose(upper, [own_high[0], (own_high[1] + most[1]) / 2, most[2]])
    for confidence in (0.5, 0.9, 0.99):
        high = law.interval(confidence)[1]
        for i in range(3):
            assert law.above(float(high[i]) - 1e-9)[i] == pytest.approx((1 - confidence) / 2, abs=1e-4)
    assert law.above(0.6).round(6).tolist() == [0, *law.above(0.6)[1:].round(6)]
    assert law.above(0.55)[2] == 0.5, "between what its path says and where the others ended, nobody knows"
    assert law.sd.tolist() == sorted(law.sd)
    few = Jackknife(centre, np.zeros((3, 3)), np.ones(3), np.full(3, 0.25))
    lower, upper = Widened(few, few, np.ones(3), unknown).interval(0.9)
    assert np.isinf([lower, upper]).all()
    far = Widened(own, own, np.array([0.0, 0.5, 1.0]), np.full((3, 1), 0.9))  # its own curve goes elsewhere
    np.testing.assert_allclose(far.interval(0.9)[1], [own_high[0], (own_high[1] + 0.9) / 2, 0.9])


def test_what_is_proven_is_said():
    """Barber and others (2021): 1 - 2a for the jackknife+; for CV+ of n groups in K parts, their Theorem 4."""
    assert guaranteed_level("t", 0.95, 30, 30) is None
    assert guaranteed_level("jackknife+", 0.95, 30, 30) == pytest.approx(0.9)
    n, k = 100, 10
    short = min(2 * (1 - 1 / k) / (n / k + 1), (1 - k / n) / (k + 1))
    assert guaranteed_level("cv+", 0.95, n, k) == pytest.approx(0.9 - short)
    assert guaranteed_level("cv+", 0.5, 10, 2) == 0.0
    frame = learning(24, 1, seed=3)
    jackknife = pl.forecast(frame, 16, method="jackknife+", confidence=0.9)
    assert jackknife.guaranteed == pytest.approx(0.8)
    cv = pl.forecast(frame, 16, method="cv+", confidence=0.9)
    assert cv.guaranteed == pytest.approx(guaranteed_level("cv+", 0.9, 23, 10))
    assert "Proven for exchangeable groups" in str(cv.summary())
    inside, known = cv.coverage()
    assert inside / known > cv.guaranteed
    assert known == 24
    assert pl.forecast(frame, 16).guaranteed is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"predictor": "mean"}, "predictor='mean': expected one of 'stack'"),
        (
            {"predictor": "power_law", "at_depth": 8},
            "predictor='power_law'.*'log_log', 'calibrated' at depth 8.*three depths",
        ),
        ({"predictor": "last_value", "at_depth": 0}, "predictor='last_value'.*'stack', 'regression' at depth 0"),
        ({"method": "cv"}, "method='cv'"),
    ],
)
def test_predictors_that_cannot_be(options, said):
    with pytest.raises(ArgumentError, match=said):
        pl.forecast(learning(6, 1, 0), **{"at_depth": 16, **options})


def test_an_empty_history():
    frame = learning(6, 1, 0)
    for nothing in (frame.iloc[:0], frame[frame["depth"] <= 16]):
        with pytest.raises((ArgumentError, DataError), match=r"no measurements|deeper than 16"):
            pl.forecast(nothing, 16)


def test_a_path_of_another_metric_leaves_the_regression_alone():
    frame = learning(8, 2, 0)
    loss = frame.assign(metric="eval_loss", value=1 - frame["value"])
    ends = pd.concat([loss[loss["depth"] < END], frame[frame["depth"] == END]])
    forecasts = pl.forecast(ends, 16)
    assert list(forecasts.members.index) == ["regression", "stack"]
    np.testing.assert_allclose(
        forecasts.frame()["prediction"], pl.forecast(ends, 16, predictor="regression").frame()["prediction"]
    )
