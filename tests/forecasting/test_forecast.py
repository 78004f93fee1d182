"""Forecasts: nothing later than the depth is used, nothing of the own group, and intervals hold as often as said."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.charts import forecast_chart, png
from predictlab.errors import ArgumentError, DataError
from predictlab.forecasting._predictive import ALONE, Jackknife, predictive
from predictlab.risk._residual import parameters_of, ridge

DEPTHS = (2, 4, 8, 16, 32)


def rows(values, depths=DEPTHS, task="a", metric="accuracy", first=0):
    """Tidy frame of runs r0, r1, ...; values (runs, depths)."""
    values = np.asarray(values, dtype=float)
    runs = [f"r{first + i}" for i in range(len(values))]
    return pd.DataFrame(
        {
            "task": task, "run": np.repeat(runs, len(depths)), "parent": None, "depth": np.tile(depths, len(runs)),
            "metric": metric, "value": values.ravel(), "status": "ok",
        }
    )  # fmt: skip


def paths(runs, seed=0, mean=0.7, sd=0.02):
    """Random walks that end where they got to, plus a little."""
    rng = np.random.default_rng(seed)
    return mean + np.cumsum(sd * rng.standard_normal((runs, len(DEPTHS))) / np.sqrt(DEPTHS), axis=1)


@pytest.fixture
def one():
    return rows(paths(14))


@pytest.fixture
def several():
    parts = [rows(paths(4, seed, 0.5 + 0.05 * seed), task=f"t{seed}") for seed in range(8)]
    return pd.concat(parts, ignore_index=True)


def forecast(*args, **options):
    """The table of the forecasts."""
    return pl.forecast(*args, **options).frame()


def without_end(frame, run, after=8):
    return frame[(frame["run"] != run) | (frame["depth"] <= after)]


def row_of(table, run, task=None):
    found = table[(table["run"] == run) & ((table["task"] == task) if task else True)]
    return found.drop(columns="final").iloc[0]


def test_a_row_for_every_run_and_the_numbers_of_the_residual_curve(one):
    frame = without_end(one, "r3")
    forecasts = pl.forecast(frame, 8, predictor="regression")
    table = forecasts.frame()
    assert table["run"].tolist() == [f"r{i}" for i in range(14)]
    assert table["final"].isna().tolist() == [i == 3 for i in range(14)]
    ended = frame[frame["run"] != "r3"]
    curve = pl.risk_curve(ended, estimator="residual")
    at = list(curve.depth).index(8)
    assert table["sd"][3] ** 2 == pytest.approx(curve.risk[at], rel=1e-9)
    assert ((table["lower"] < table["prediction"]) & (table["prediction"] < table["upper"])).all()
    assert (table["note"] == "").all()
    assert (forecasts.question, forecasts.n_groups, forecasts.ends) == ("this_run", 13, {"a": 32})
    assert forecasts.coverage()[1] == 13
    later = forecast(frame, 16, predictor="regression")["prediction"]
    assert (later - table["final"]).std() < (table["prediction"] - table["final"]).std()


@pytest.mark.parametrize("method", ["t", "jackknife+"])
@pytest.mark.parametrize("runs", [14, 45], ids=["each left out", "in parts"])
def test_a_run_is_forecast_without_what_comes_later(runs, method):
    """Its own end, and what was measured of it after the depth, change nothing in its row."""
    one = rows(paths(runs))
    honest = forecast(one, 8, method=method)
    for run in ("r0", "r7"):
        changed = one.copy()
        own = (changed["run"] == run) & (changed["depth"] > 8)
        changed.loc[own, "value"] = [0.31, 0.3]
        pd.testing.assert_series_equal(
            row_of(forecast(changed, 8, method=method), run), row_of(honest, run), check_names=False
        )
        if runs <= ALONE:  # in parts, a run that ended is forecast without those of its part as well
            cut = forecast(without_end(one, run), 8, method=method)
            pd.testing.assert_series_equal(row_of(cut, run), row_of(honest, run), check_names=False)
        before = one.copy()
        before.loc[(before["run"] == run) & (before["depth"] == 8), "value"] += 0.01
        assert row_of(forecast(before, 8, method=method), run)["prediction"] != row_of(honest, run)["prediction"]


def test_a_new_task_is_forecast_without_its_own_runs(several):
    forecasts = pl.forecast(several, 8)
    assert (forecasts.question, forecasts.n_groups) == ("new_task", 8)
    honest = forecasts.frame()
    changed = several.copy()
    changed.loc[(changed["task"] == "t5") & (changed["depth"] == 32), "value"] = 0.2
    found = forecast(changed, 8)
    own = honest["task"] == "t5"
    pd.testing.assert_frame_equal(found[own].drop(columns="final"), honest[own].drop(columns="final"))
    assert (found.loc[~own, "prediction"] != honest.loc[~own, "prediction"]).any()
    within = pl.forecast(several, 8, task="t5")
    assert within.frame()["task"].unique().tolist() == ["t5"]
    assert within.question == "this_run"


def test_a_task_that_nobody_has_seen_end(several):
    new = several[(several["task"] != "t6") | (several["depth"] <= 8)]
    table = forecast(new, 8)
    own = table["task"] == "t6"
    assert table.loc[own, "final"].isna().all()
    assert table.loc[own, "prediction"].notna().all()
    # Four more steps of it, and nobody says where its runs end: that is asked, not guessed.
    further = several[(several["task"] != "t6") | (several["depth"] <= 16)]
    with pytest.raises(ArgumentError, match=r"end=None.*t6: 16.*Pass end="):
        forecast(further, 8)
    for end in (32, dict.fromkeys(several["task"].unique(), 32)):
        pd.testing.assert_frame_equal(forecast(further, 8, end=end), table)


def simulated(rng, runs, groups, tails):
    """Runs of groups that share a part; what is known is the end less what is still to come."""
    draw = (lambda *shape: rng.standard_t(3, shape)) if tails == "t3" else (lambda *shape: rng.standard_normal(shape))
    group = np.arange(runs) % groups
    shared = draw(groups)[group] if groups < runs else 0.0
    known = draw(runs)
    return np.column_stack([known, draw(runs)]), known + shared + draw(runs), group


@pytest.mark.parametrize(
    ("method", "groups", "tails", "least"),
    [
        ("t", 12, "normal", 0.92), ("t", 40, "normal", 0.93), ("t", 40, "t3", 0.92), ("t", 10, "grouped", 0.91),
        ("jackknife+", 40, "normal", 0.92), ("jackknife+", 40, "t3", 0.92), ("jackknife+", 24, "grouped", 0.92),
    ],
)  # fmt: skip
def test_intervals_hold_as_often_as_they_say(method, groups, tails, least):
    """The end of a run of a group not seen lies in its 95 % interval; 2,000 ends, so that one point is two errors."""
    rng, held, many = np.random.default_rng(groups), [], 3 * groups if tails == "grouped" else groups
    for _ in range(200):
        x, y, group = simulated(rng, many * 2, groups * 2, tails)
        seen = group < groups
        new = np.flatnonzero(~seen)[:10]
        p = parameters_of(None, x[seen], y[seen], group[seen])
        lower, upper = predictive(x[seen], y[seen], group[seen], x[new], ridge, p, 10, 0, method).interval(0.95)
        held += list((lower <= y[new]) & (y[new] <= upper))
    assert least < np.mean(held) < 0.99


def test_the_jackknife_is_that_of_its_source():
    """Of n runs the floor(a (n + 1))-th smallest forecast - |error|, and the ceil((1 - a)(n + 1))-th of the sums."""
    rng = np.random.default_rng(1)
    without, errors = rng.standard_normal((30, 2)), rng.standard_normal(30)
    lower, upper = Jackknife(np.zeros(2), without, errors, np.full(30, 1 / 31)).interval(0.9)
    for j in range(2):
        assert lower[j] == np.sort(without[:, j] - np.abs(errors))[int(np.floor(0.1 * 31)) - 1]
        assert upper[j] == np.sort(without[:, j] + np.abs(errors))[int(np.ceil(0.9 * 31)) - 1]


@pytest.mark.parametrize(("runs", "bounded"), [(19, False), (20, True)])
def test_too_few_runs_for_a_level_give_an_unbounded_interval(runs, bounded):
    """The run that is forecast is one of them: 18 others cannot say where 95 % lie, 19 can."""
    table = forecast(rows(paths(runs), metric="value"), 8, method="jackknife+")
    assert np.isfinite(table[["lower", "upper"]].to_numpy()).all() == bounded
    assert table["prediction"].notna().all()
    assert np.isfinite(forecast(rows(paths(runs)), 8, confidence=0.8, method="jackknife+")["upper"]).all()


def test_what_was_known_before_any_training(several):
    means = several[several["depth"] == 32].groupby("task")["value"].mean()
    blind = forecast(several, 0)
    others = {task: means.drop(task).mean() for task in means.index}
    np.testing.assert_allclose(blind["prediction"], blind["task"].map(others), rtol=1e-9)
    told = forecast(several, 0, features=pd.DataFrame({"score": means}))
    assert told["sd"].mean() < blind["sd"].mean() / 2


def test_go_and_no_go(one):
    loss = one.assign(metric="eval_loss")
    for table, other in ((forecast(one, 16, threshold=0.7), False), (forecast(loss, 16, threshold=0.7), True)):
        above, below = table["lower"] >= 0.7, table["upper"] < 0.7
        assert above.any()
        assert below.any()
        assert (
            table["decision"]
            == np.select([above, below], ["no-go", "go"] if other else ["go", "no-go"], "undetermined")
        ).all()
        assert ((table["p_above"] > 0.975) == above).all()
        assert ((table["p_above"] < 0.025) == below).all()
    with pytest.raises(ArgumentError, match=r"better=None"):
        forecast(one.assign(metric="f1"), 16, threshold=0.7)
    assert forecast(one.assign(metric="f1"), 16, threshold=0.7, better="higher")["decision"].tolist() == (
        forecast(one, 16, threshold=0.7)["decision"].tolist()
    )


def test_shares_stay_shares(one):
    """Also where the predictor, or its interval, would leave [0, 1]; other metrics are not cut."""
    high = one.assign(value=one["value"] + 0.999 - one.loc[one["depth"] == 32, "value"].max())
    assert forecast(high, 8)["upper"].max() == 1.0
    assert forecast(high.assign(metric="value"), 8)["upper"].max() > 1.0
    percent = high.assign(value=100 * high["value"])
    plain = high.assign(metric="value")
    for predictor in ("regression", "power_law"):  # log_log knows what is left to a perfect share
        found, wanted = (forecast(f, 8, predictor=predictor)["upper"] for f in (percent, plain))
        np.testing.assert_allclose(found, 100 * wanted, rtol=1e-6)


def test_what_is_missing_is_said_and_costs_the_others_nothing(one):
    clean = forecast(one, 8)
    extra = rows(paths(3, 9), first=20)
    lost = extra["run"].map({"r20": 4, "r21": 16, "r22": 99})
    extra.loc[extra["depth"] >= lost, ["value", "status"]] = [np.nan, "diverged"]
    odd = rows([[0.7, 0.71]], (3, 11), first=30)
    table = forecast(pd.concat([one, extra[extra["run"] != "r22"], odd], ignore_index=True), 8)
    notes = table.set_index("run")["note"]
    assert notes["r20"] == "diverged or failed at 4"
    assert notes["r21"] == "diverged or failed later, at 16"
    assert notes["r30"] == "not measured at all depths that the others were"
    known = table.set_index("run")["prediction"]
    assert known.isna()[["r20", "r30"]].all()
    assert np.isfinite(known["r21"])
    pd.testing.assert_frame_equal(table.head(14), clean, check_like=True)
    far = one.copy()
    far.loc[(far["run"] == "r2") & (far["depth"] <= 8), "value"] += 0.5
    assert forecast(far, 8).set_index("run")["note"].to_dict()["r2"] == "unlike the runs learnt from"


NEW = {
    "behind": ([[0.7], [0.71]], (2,), "ok"),
    "at other depths": ([[0.7, 0.7], [0.71, 0.7]], (3, 7), "ok"),
    "diverged": ([[0.7, 0.7], [0.71, 0.7]], (2, 8), "diverged"),
}


@pytest.mark.parametrize("kind", NEW)
def test_a_task_that_cannot_be_forecast_does_not_harm_the_others(several, kind):
    values, depths, status = NEW[kind]
    new = rows(values, depths, "new").assign(status=status)
    table = forecast(pd.concat([several, new], ignore_index=True), 8)
    pd.testing.assert_frame_equal(table[table["task"] != "new"], forecast(several, 8))
    own = table[table["task"] == "new"]
    assert own["prediction"].isna().all()
    assert own["note"].str.contains("not measured" if status == "ok" else "diverged").all()


def test_what_other_metrics_lack_costs_no_run(one):
    """A metric that some of the runs were measured by is not used, as in a residual curve; NaN of it loses no run."""
    clean = forecast(one, 8)
    loss = one[one["run"].isin([f"r{i}" for i in range(10)])].assign(metric="eval_loss", value=1.0)
    pd.testing.assert_frame_equal(forecast(pd.concat([one, loss]), 8), clean)
    f1 = one[one["depth"] == 2].assign(metric="f1", value=np.nan)
    pd.testing.assert_frame_equal(forecast(pd.concat([one, f1]), 8), clean)
    whole = one.assign(metric="eval_loss", value=-np.log(one["value"]) + one["depth"] / 100)
    alone, both = (forecast(f, 8, predictor="regression")["prediction"] for f in (one, pd.concat([one, whole])))
    assert (alone != both).all()


def test_what_happens_after_the_end_is_not_asked_for(one):
    later = one[(one["run"] == "r1") & (one["depth"] == 32)].assign(depth=64, value=np.nan, status="diverged")
    pd.testing.assert_frame_equal(forecast(pd.concat([one, later]), 8, end=32), forecast(one, 8))
    longer = later.assign(value=0.7, status="ok")
    pd.testing.assert_frame_equal(forecast(pd.concat([one, longer]), 8), forecast(one, 8))
    with pytest.raises(DataError, match=r"1 runs have their accuracy at the end, depth 64.*pass end="):
        forecast(pd.concat([one, longer]), 8, end=64)


def test_a_run_that_failed_between_its_measurements_is_not_forecast(one):
    failed = one[(one["run"] == "r1") & (one["depth"] <= 4)].assign(run="r99")
    at = failed.tail(1).assign(depth=5, value=np.nan, status="failed")
    table = forecast(pd.concat([one, failed, at]), 7)
    last = table[table["run"] == "r99"].iloc[0]
    assert np.isnan(last["prediction"])
    assert last["note"] == "diverged or failed at 5"


@pytest.mark.parametrize("method", ["t", "jackknife+"])
def test_ends_that_are_equal_by_rounding_give_no_certainty(method):
    values = np.full((24, len(DEPTHS)), 0.5)
    values[-1, -1] = 0.51
    table = forecast(rows(values), 8, method=method, threshold=0.5)
    steps = np.sqrt(0.01**2 / 12)
    assert (table["sd"] >= steps - 1e-12).all()
    assert ((table["upper"] - table["lower"]) > 0.009).all()
    assert table["p_above"].between(0, 1).all()


def test_tasks_may_be_numbers(several):
    numbers = several.assign(task=several["task"].str[1:].astype(int))
    np.testing.assert_array_equal(forecast(numbers, 8)["prediction"], forecast(several, 8)["prediction"])


def test_forks_are_left_out(one):
    forks = one[one["run"].isin(["r0", "r1"])].assign(run=lambda f: f["run"] + "@8:0", parent="r0")
    pd.testing.assert_frame_equal(forecast(pd.concat([one, forks]), 8), forecast(one, 8))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at_depth": -1}, "at_depth=-1"),
        ({"at_depth": np.inf}, "at_depth=inf"),
        ({"at_depth": 1}, "They were measured at 2, 4, 8, 16, 32"),
        ({"at_depth": 8, "end": 8}, "at_depth=8.0: expected a depth before the end of a, 8"),
        ({"at_depth": 8, "confidence": 95}, "confidence=95.*As a share: 0.95"),
        ({"at_depth": "8"}, "at_depth='8'"),
        ({"at_depth": 8, "confidence": "a"}, "confidence='a'"),
        ({"at_depth": 8, "threshold": "a"}, "threshold='a'"),
        ({"at_depth": 8, "method": "bayes"}, "method='bayes': expected one of 't', 'jackknife\\+'"),
        ({"at_depth": 8, "metric": "f1"}, "metric='f1'"),
        ({"at_depth": 8, "task": "b"}, "task='b'"),
        ({"at_depth": 8, "folds": 1}, "folds=1: expected a whole number from 2 to 14. There are 14 groups"),
        ({"at_depth": 8, "end": {"b": 32}}, "end=\\['b'\\]"),
        ({"at_depth": 8, "better": "more"}, "better='more'"),
        ({"at_depth": 8, "threshold": np.nan}, "threshold=nan"),
        ({"at_depth": 8, "regressor": "ridge"}, "regressor='ridge'"),
    ],
)
def test_bad_arguments(one, options, said):
    with pytest.raises(ArgumentError, match=said):
        forecast(one, **options)


def test_too_little_to_learn_from(one, several):
    with pytest.raises(DataError, match=r"deeper than 32.*trained to their end"):
        forecast(one, 32)
    with pytest.raises(DataError, match=r"3 of them, in 3 groups"):
        forecast(one[one["run"].isin(["r0", "r1", "r2"]) | (one["depth"] <= 8)], 8)
    with pytest.raises(DataError, match=r"8 of them, in 2 groups"):
        forecast(several[several["task"].isin(["t0", "t1"])], 8)
    three = forecast(several[several["task"].isin(["t0", "t1", "t2"])], 8)
    assert three["prediction"].isna().all()
    assert (three["note"] == "too few others whose end is known").all()
    with pytest.raises(DataError, match="same accuracy"):
        forecast(one.assign(value=0.5), 8)


def test_a_regressor_of_ones_own(one):
    from sklearn.linear_model import LinearRegression

    table = forecast(one, 16, regressor=LinearRegression(), metric="accuracy")
    x = one[one["depth"].isin([8, 16])].pivot_table(index="run", columns="depth", values="value", sort=False).to_numpy()
    y = one.loc[one["depth"] == 32, "value"].to_numpy()
    own = LinearRegression().fit(x[1:], y[1:])
    assert table["prediction"][0] == pytest.approx(own.predict(x[:1])[0])
    others = y.sum() - y
    np.testing.assert_allclose(forecast(one, 0, regressor=LinearRegression())["prediction"], others / (len(y) - 1))
    lost = type("Lost", (LinearRegression,), {"predict": lambda self, x: np.full(len(x), np.inf)})
    with pytest.raises(DataError, match="predicts NaN or inf"):
        forecast(one, 16, regressor=lost())


def test_results_read_as_a_sentence_and_a_rounded_table(one):
    forecasts = pl.forecast(without_end(one, "r3"), 8, threshold=0.7)
    text = str(forecasts.summary())
    inside, known = forecasts.coverage()
    assert text.startswith("accuracy at the end, forecast at 8 steps, 95 % intervals")
    assert f"Learnt from 13 groups; {inside} of {known} known ends lie in their intervals." in text
    calls = forecasts.frame()["decision"].value_counts()
    assert f"{calls['undetermined']} undetermined" in text
    assert repr(forecasts) == text
    page = forecasts._repr_html_()
    assert "<table" in page
    assert f"{forecasts.frame()['prediction'][0]:.4g}" in page
    many = pl.forecast(rows(paths(30)), 8).summary()
    assert "The first 20 of 30 runs" in str(many)
    changed = forecasts.frame()
    changed["prediction"] = 0.0
    assert (forecasts.frame()["prediction"] > 0).all(), "what frame gives is a copy"


def test_the_folds_are_the_callers(one):
    in_parts = {"folds": 3, "method": "jackknife+"}
    default = forecast(one, 8, **in_parts)
    pd.testing.assert_frame_equal(forecast(one, 8, rng=0, **in_parts), default)
    assert (forecast(one, 8, rng=1, **in_parts)["prediction"] != default["prediction"]).any()
    generator = np.random.default_rng(0)
    first, second = (forecast(one, 8, rng=generator, **in_parts)["prediction"] for _ in range(2))
    assert (first != second).any(), "a generator moves on"


def test_the_chart_shows_every_forecast_and_every_end(one):
    forecasts = pl.forecast(without_end(one, "r3"), 8, threshold=0.7)
    chart, table = forecasts.plot(), forecasts.frame()
    inside = table["final"].between(table["lower"], table["upper"]).sum()
    assert f"{inside} of 13 known ends lie inside" in str(chart.to_dict()["title"])
    assert len(png(chart)) > 5000
    few = forecast_chart(pl.forecast(one.assign(metric="value"), 8, method="jackknife+"))
    assert "14 unbounded, not drawn" in str(few.to_dict()["title"])
    with pytest.raises(ArgumentError, match=r"what pl\.forecast returned"):
        forecast_chart(table)
