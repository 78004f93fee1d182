"""DecayExplorer without a browser: what Python reads and sets, what the page is answered, what stays without a page."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab_widgets import DecayExplorer
from predictlab_widgets._background import BREATH, LatestJobRunner

VIEW = "application/vnd.jupyter.widget-view+json"
COLUMNS = ["task", "run", "parent", "seed", "depth", "metric", "value", "seconds", "flops", "status"]


def runs_of(task, depths, seed, seeds=20):
    """Runs whose spread rises to depth 8 and then falls as 1.2, onto a small floor."""
    rng, rows = np.random.default_rng(seed), []
    for s in range(seeds):
        z = rng.standard_normal()
        for c in depths:
            z = 0.6 * z + 0.8 * rng.standard_normal()
            sd = (1e-4 + 0.05 * max(c, 8) ** -1.2) ** 0.5 * (1 if c >= 8 else 0.4)
            rows.append((task, f"{task}-{s}", None, s, c, "accuracy", 0.8 + sd * z, 1.0, 1.0, "ok"))
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="module")
def runs():
    parts = [
        runs_of("verbs <b>", (2, 4, 8, 16, 32, 64, 128), 0),
        runs_of("news", (8, 16, 32, 64, 128, 192), 3),
        runs_of("short", (8, 16), 4),
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def widget(runs):
    made = DecayExplorer(runs)
    yield made
    made.close()


def library(runs, widget):
    curve = pl.risk_curve(runs, widget.task, estimator=widget.estimator)
    return pl.DecayModel(curve, burn_in=widget.burn_in).fit(widget.method)


def assert_is_the_library(runs, widget):
    fit = library(runs, widget)
    assert widget.params == pytest.approx(fit.params.to_dict(), nan_ok=True)
    table = fit.conf_int(method=widget.interval)
    for name, ends in widget.param_intervals.items():
        assert ends == pytest.approx(tuple(table.loc[name]))
    assert list(widget.param_intervals) == list(table.index)


# -- settings -------------------------------------------------------------------------------------------------------


def test_every_setting_gives_what_the_library_gives(runs, widget):
    assert_is_the_library(runs, widget)
    for name, value in (
        ("interval", "bootstrap"), ("burn_in", 4), ("method", "gee"), ("interval", "wald"), ("method", "loglog"),
        ("estimator", "residual"), ("method", "gamma"), ("task", "news"),
    ):  # fmt: skip
        setattr(widget, name, value)
        assert getattr(widget, name) == value
        assert_is_the_library(runs, widget)
        assert widget.fit.method == widget.method


def test_a_setting_that_does_not_go_with_the_new_one_falls_back(runs, widget):
    widget.burn_in, widget.interval = 4, "bootstrap"
    widget.method = "loglog"
    assert widget.interval == "wald", "least squares has its own intervals only"
    widget.task = "news"
    assert widget.burn_in == "auto", "news was not measured at depth 4"


def test_the_methods_own_interval_follows_the_method(widget):
    assert (widget.method, widget.interval) == ("posterior", "posterior")
    widget.method = "gee"
    assert widget.interval == "gee"
    widget.method = "gamma"
    assert widget.interval == "profile"
    widget.interval = "wald"
    widget.method = "gee"
    assert widget.interval == "wald", "what was chosen stays while it can"


def test_what_was_before_the_last_change(widget):
    assert widget.before == {}
    params, ends = widget.params, widget.param_intervals
    widget.method = "gee"
    assert widget.before["settings"] == {
        "task": "verbs <b>", "estimator": "spread", "method": "posterior", "interval": "posterior", "burn_in": "auto",
    }  # fmt: skip
    assert widget.before["params"] == params
    assert widget.before["param_intervals"] == ends
    table = widget.table()
    assert table["before"].to_dict() == params
    assert table["estimate"].to_dict() == widget.params
    widget.scale = "linear"
    assert widget.before["params"] == params, "the axes are no change of the fit"


def test_observers_see_one_consistent_state(widget):
    heard = []
    names = ["method", "interval", "params", "param_intervals"]
    widget.observe(lambda change: heard.append((change["name"], widget.method, widget.interval, widget.params)), names)
    widget.method = "gee"
    fit = widget.fit
    assert {name for name, *_ in heard} == set(names)
    for name, method, interval, params in heard:
        if name != "method":  # the trait that was set is heard of first
            assert (method, interval, params) == ("gee", "gee", fit.params.to_dict()), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task", "nothing"), ("task", None), ("estimator", "branch"), ("method", "ols"), ("interval", "exact"),
        ("burn_in", 3), ("burn_in", "first"), ("burn_in", True), ("burn_in", 64), ("scale", "sqrt"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_changes_nothing(widget, name, value):
    before = (repr(widget), widget.params, getattr(widget, name))
    with pytest.raises(ArgumentError, match=f"{name}=.*expected"):
        setattr(widget, name, value)
    assert (repr(widget), widget.params, getattr(widget, name)) == before


def test_a_task_with_too_few_depths_is_refused_with_what_to_do(widget):
    with pytest.raises(DataError, match=r"'short': 2 depths.*probe more"):
        widget.task = "short"
    assert widget.task == "verbs <b>"


def test_an_unknown_keyword_is_answered_with_the_known_ones(runs):
    with pytest.raises(ArgumentError, match=r"'estimate'.*estimator, method"):
        DecayExplorer(runs, estimate="spread")
    with pytest.raises(ArgumentError, match=r"interval='profile'.*'wald'"):
        DecayExplorer(runs, method="loglog", interval="profile")


@pytest.mark.parametrize("name", ["params", "param_intervals", "before"])
def test_what_follows_cannot_be_overwritten(widget, name):
    with pytest.raises(Exception, match="read-only"):
        setattr(widget, name, {})


# -- other sources --------------------------------------------------------------------------------------------------


def test_fits_start_as_they_were_made(runs):
    curve = pl.risk_curve(runs, "news")
    fits = {"a": pl.DecayModel(curve, burn_in=16).fit("gee"), "b": pl.DecayModel(curve).fit("loglog", floor=2e-5)}
    widget = DecayExplorer(fits)
    assert (widget.method, widget.interval, widget.burn_in) == ("gee", "gee", 16)
    assert widget.fit is fits["a"]
    assert widget.options()["estimator"] == ["spread"]
    other = DecayExplorer(fits, task="b")
    assert other.fit is fits["b"]
    assert other.params["intrinsic_limit"] == 2e-5
    widget.task = "b"
    assert widget.fit.method == "gee", "a setting that both tasks offer stays"


def test_a_fit_of_independent_depths_stays_one(runs):
    fit = pl.DecayModel(pl.risk_curve(runs, "news"), correlated=False).fit()
    widget = DecayExplorer(fit)
    widget.burn_in = 16
    direct = pl.DecayModel(fit.curve, burn_in=16, correlated=False).fit()
    assert widget.params == direct.params.to_dict()
    assert widget.params != pl.DecayModel(fit.curve, burn_in=16).fit().params.to_dict()


def test_a_given_floor_stays_when_the_burn_in_changes(runs):
    fit = pl.DecayModel(pl.risk_curve(runs, "news")).fit("loglog", floor=2e-5)
    assert fit.floor == 2e-5
    widget = DecayExplorer(fit)
    widget.burn_in = 16
    direct = pl.DecayModel(fit.curve, burn_in=16).fit("loglog", floor=2e-5)
    assert widget.params == direct.params.to_dict()
    widget.method = "gamma"
    assert widget.fit.floor is None


def test_numbers_without_runs_offer_no_gee():
    depth = (8, 16, 32, 64, 128)
    widget = DecayExplorer(pl.RiskCurve(depth=depth, risk=[1e-4 + 0.1 / c for c in depth], df=31))
    assert widget.task == "task"
    assert widget.options()["method"] == ["posterior", "gamma", "loglog"]
    assert widget.options()["interval"] == ["posterior", "profile", "wald", "bootstrap"]
    with pytest.raises(ArgumentError, match=r"method='gee'.*'loglog'"):
        widget.method = "gee"


def test_a_fit_that_does_not_decay_can_be_shown():
    flat = pl.DecayModel(pl.RiskCurve(depth=(8, 16, 32, 64, 128), risk=[4e-4] * 5, df=15)).fit("gamma")
    widget = DecayExplorer(flat)
    assert widget.params["scale"] == 0
    json.dumps([widget._fitted, widget._intervals, widget._criticism], allow_nan=False)
    assert pl.charts.png(widget.chart()).startswith(b"\x89PNG")


def test_something_else_is_answered_with_what_to_bring():
    with pytest.raises(ArgumentError, match=r"source\['a'\].*RiskCurve"):
        DecayExplorer({"a": 3})
    with pytest.raises(ArgumentError, match="resamples=0"):
        DecayExplorer(pl.RiskCurve(depth=(1, 2, 3, 4), risk=(4, 3, 2, 1), df=9), resamples=0)


def test_the_rise_is_shown_as_a_part_of_the_model(widget):
    """Nothing is measured below 8 steps but noise, which rises: the posterior keeps it, the likelihood cuts it away."""
    sent = widget._fitted
    assert sent["first"] == sent["depths"][0] == 2 == widget.fit.known_from
    assert sent["law_first"] == widget.fit.burn_in.first > 2
    assert len(sent["residuals"]) == sum(c >= sent["law_first"] for c in sent["points"][0])
    assert sent["rising"] == widget.fit.rising
    widget.method = "gamma"
    sent = widget._fitted
    assert sent["first"] == sent["law_first"] == widget.fit.burn_in.first > 2
    assert sent["rising"] == 0


def test_no_combination_of_controls_fails(runs):
    """Every method with every interval from every start, also where a start leaves few depths."""
    few = runs[runs["task"] == "news"].query("depth <= 64").assign(task="few")
    seen = 0
    for source in (few, runs[runs["task"] == "news"]):
        widget = DecayExplorer(source, resamples=20)
        for method in widget.options()["method"]:
            widget.method = method
            for interval in widget.options()["interval"]:
                widget.interval = interval
                for burn_in in widget.options()["burn_in"]:
                    widget.burn_in = burn_in
                    json.dumps([widget._fitted, widget._intervals, widget._criticism], allow_nan=False)
                    assert not widget._refused
                    seen += 1
    assert seen > 40


# -- the page -------------------------------------------------------------------------------------------------------


def test_the_page_is_answered_by_the_name_of_its_request(runs, widget):
    widget._on_request(widget, {"request": "view 7", "settings": {"method": "gee", "burn_in": 4}}, [])
    assert (widget.method, widget.burn_in) == ("gee", 4)
    assert {m["request"] for m in (widget._fitted, widget._intervals, widget._criticism)} == {"view 7"}
    assert_is_the_library(runs, widget)
    assert widget._fitted["params"] == pytest.approx(list(widget.params.values()))
    assert widget._fitted["before"]["settings"]["method"] == "posterior"


def test_a_request_that_cannot_be_met_is_answered_with_why(widget):
    before = repr(widget)
    widget._on_request(widget, {"request": "view 8", "settings": {"task": "short"}}, [])
    assert repr(widget) == before
    assert widget._refused["request"] == "view 8"
    assert "2 depths" in widget._refused["text"]
    assert widget._fitted["request"] == widget._intervals["request"] == widget._criticism["request"] != "view 8"


def test_what_the_page_is_sent_is_what_the_library_says(runs, widget):
    fit = library(runs, widget)
    frame = fit.curve.frame()
    for row, name in zip(widget._fitted["points"], ("depth", "risk", "lower", "upper", "df"), strict=True):
        assert row == pytest.approx(list(frame[name]))
    depths = np.array(widget._fitted["depths"])
    assert widget._fitted["curve"] == pytest.approx(fit.predict(depths))
    assert widget._fitted["residuals"] == pytest.approx(list(fit.residuals["residual"]))
    band = fit.summary_frame(depths)
    assert widget._intervals["lower"] == pytest.approx(list(band["mean_ci_lower"]))
    assert widget._intervals["upper"] == pytest.approx(list(band["mean_ci_upper"]))
    laws = fit.compare_laws()
    assert [law["law"] for law in widget._criticism["laws"]] == list(laws["law"])
    assert widget._criticism["cautions"] == fit.cautions()


def test_the_profile_crosses_its_cut_at_the_profile_interval(widget):
    widget.method = "gamma"
    found = widget._criticism["profile"]
    rate, inside = np.array(found["rate"]), np.array(found["excess"]) <= found["cut"]
    step = rate[1] / rate[0]
    lower, upper = widget.param_intervals["decay_rate"]
    assert rate[inside][0] / step <= lower <= rate[inside][0]
    assert rate[inside][-1] <= upper <= rate[inside][-1] * step


def test_positions_that_were_left_are_never_fitted(runs, monkeypatch):
    """Requests that come in while the kernel is busy wait together; only the newest is worked on."""
    made, fit = set(), pl.DecayModel.fit

    def noted(model, *args, **kwargs):
        made.add(model.burn_in)
        return fit(model, *args, **kwargs)

    monkeypatch.setattr(pl.DecayModel, "fit", noted)

    async def page():
        widget = DecayExplorer(runs)
        heard = []
        widget.observe(lambda change: heard.append(change["new"]), names="params")
        for i, burn_in in enumerate((2.0, 4.0, 8.0, 16.0)):
            widget._on_request(widget, {"request": f"view {i}", "settings": {"burn_in": burn_in}}, [])
        while widget._criticism["request"] != "view 3":
            await asyncio.sleep(BREATH)
        return widget, heard

    widget, heard = asyncio.run(asyncio.wait_for(page(), 60))
    assert widget.burn_in == 16
    assert len(heard) <= 1
    assert made == {"auto", 16.0}


def test_a_newer_job_stops_the_older_one_between_its_steps():
    done = []

    def job(name):
        for step in range(3):
            done.append((name, step))
            yield

    async def main():
        newest = LatestJobRunner()
        newest.start(job("old"))
        while not done:
            await asyncio.sleep(BREATH / 4)
        newest.start(job("new"))
        while ("new", 2) not in done:
            await asyncio.sleep(BREATH)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert ("old", 2) not in done
    assert [step for name, step in done if name == "new"] == [0, 1, 2]


def test_without_a_loop_all_of_a_job_is_done_at_once():
    done = []

    def job():
        yield done.append(1)
        done.append(2)

    LatestJobRunner().start(job())
    assert done == [1, 2]


# -- and no page ----------------------------------------------------------------------------------------------------


def test_the_page_needs_no_network():
    for text in (DecayExplorer._esm, DecayExplorer._css):
        assert "http" not in str(text)
        assert "import " not in str(text)
        assert "url(" not in str(text)


def test_the_bundle_holds_picture_and_table_beside_the_widget(widget):
    data, _ = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert len(data["image/png"]) < 200_000
    html = data["text/html"]
    assert "verbs &lt;b&gt;" in html
    assert "quantiles of the posterior" in html
    for name, value in widget.params.items():
        assert f"{value:.4g}" in html
        assert f"{widget.param_intervals[name][0]:.4g}" in html


def test_an_interval_without_an_end_says_so():
    depth = (8, 16, 32, 64, 128)
    widget = DecayExplorer(pl.RiskCurve(depth=depth, risk=[4e-4, 4.1e-4, 3.9e-4, 4e-4, 3.8e-4], df=7), method="gamma")
    assert np.isinf(widget.param_intervals["decay_rate"][1])
    html = widget._html()
    assert "unbounded" in html
    assert "not identified" in html


def test_the_chart_shows_the_state(widget):
    text = widget.chart().to_json()
    assert f"{widget.params['decay_rate']:.3g}" in text
    assert '"type": "log"' in text
    widget.method, widget.scale = "loglog", "linear"
    text = widget.chart().to_json()
    assert "loglog" in text
    assert f"{widget.params['decay_rate']:.3g}" in text
    assert text.count('"type": "log"') == 1, "only alpha keeps its logarithms"
