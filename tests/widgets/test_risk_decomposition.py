"""RiskDecomposition without a browser: what Python reads and sets, and what stays without a page."""

from __future__ import annotations

import base64

import numpy as np
import pytest

import predictlab as pl
from predictlab.budget import crossing_depth
from predictlab.errors import ArgumentError
from predictlab_widgets import RiskDecomposition

VIEW = "application/vnd.jupyter.widget-view+json"
DEPTHS = (8, 16, 32, 64, 128, 192)


def fit_of(limit, scale, rate, df=31, **named):
    risk = [limit + scale * c**-rate for c in DEPTHS]
    return pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=df, metric="accuracy", **named)).fit("gamma")


@pytest.fixture(scope="module")
def fit():
    return fit_of(2e-4, 0.02, 1.0, task="verbs <b>")


# -- the numbers ----------------------------------------------------------------------------------------------------


def test_the_optimum_by_hand():
    # alpha K / (gamma lambda) = 0.01 / 1e-6, so c* = 100; there gamma lambda c* = alpha K / c* = 1e-4.
    widget = RiskDecomposition(
        intrinsic_limit=1e-4, scale=0.01, decay_rate=1, exchange_rate=5e-7, cost_per_step=2, fixed_cost=30
    )
    assert widget.optimal_depth == pytest.approx(100)
    assert widget.reducible == pytest.approx(1e-4)
    assert widget.risk == pytest.approx(2e-4)
    assert widget.cost == pytest.approx(230)
    assert widget.total == pytest.approx(2e-4 + 5e-7 * 230)
    assert widget.static_risk == pytest.approx(0.0101)
    assert widget.probing_pays
    widget.tolerance = 2e-4
    assert widget.tolerance_depth == pytest.approx(100)


def test_the_bottom_of_the_valley_is_at_the_optimum():
    widget = RiskDecomposition(decay_rate=1.7, exchange_rate=3e-6, fixed_cost=12)
    depths = np.geomspace(1, 1e4, 4001)
    totals = [widget.total_at(c) for c in depths]
    assert depths[int(np.argmin(totals))] == pytest.approx(widget.optimal_depth, rel=0.003)
    assert min(totals) == pytest.approx(widget.total, rel=1e-5)
    assert min(totals) >= widget.total * (1 - 1e-12)


def test_the_floor_and_the_fixed_cost_move_the_total_and_never_the_optimum():
    widget = RiskDecomposition()
    depth, total = widget.optimal_depth, widget.total
    widget.intrinsic_limit += 1e-3
    assert widget.optimal_depth == depth
    assert widget.total == pytest.approx(total + 1e-3)
    widget.fixed_cost = 500
    assert widget.optimal_depth == depth
    assert widget.total == pytest.approx(total + 1e-3 + 500e-6)


def test_a_fixed_cost_can_make_probing_not_pay():
    widget = RiskDecomposition()
    gain = widget.static_risk - widget.total
    widget.fixed_cost = 0.99 * gain / widget.exchange_rate
    assert widget.probing_pays
    widget.fixed_cost = 1.01 * gain / widget.exchange_rate
    assert not widget.probing_pays


def test_without_decay_there_is_no_depth():
    widget = RiskDecomposition(scale=0, intrinsic_limit=1e-3, fixed_cost=10)
    assert (widget.optimal_depth, widget.reducible, widget.risk) == (0, 0, 1e-3)
    assert widget.total == pytest.approx(1e-3 + 1e-5)
    assert not widget.probing_pays
    assert widget.tolerance_depth == np.inf
    widget.tolerance = 2e-3
    assert widget.tolerance_depth == 0


def test_from_a_fit_the_numbers_are_those_of_budget(fit):
    widget = RiskDecomposition(fit, fixed_cost=7, cost_per_step=3)
    best = pl.optimal_depth(fit, exchange_rate=widget.exchange_rate, cost_per_step=3, fixed_cost=7)
    assert [widget.optimal_depth, widget.risk, widget.cost, widget.total] == pytest.approx(
        [best.depth, best.risk, best.cost, best.total], rel=1e-9
    )
    assert (widget.probing_pays, widget.static_risk) == (best.probing_pays, pytest.approx(best.static_risk))
    reach = pl.depth_for_tolerance(fit, widget.tolerance)
    assert widget.tolerance_depth == pytest.approx(reach.depth)
    ends = widget.conf_int(confidence=0.9)
    assert list(ends.loc["optimal_depth"]) == pytest.approx(best.conf_int(0.9).loc["depth"].tolist())
    assert list(ends.loc["tolerance_depth"]) == pytest.approx(reach.conf_int(0.9).loc["depth"].tolist())
    fitted = fit.fitted.depth
    assert fitted[0] < widget.optimal_depth < fitted[-1]
    assert widget.tolerance_depth == pytest.approx(fitted[-1], rel=0.05)


def runs_of(seed=0, runs=12):
    frame = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=seed)((4, 8, 16, 32, 64), range(runs))
    return frame.assign(metric="accuracy")


@pytest.fixture(scope="module")
def questions():
    """The fits of three questions about one set of runs."""
    runs = runs_of()
    spread = pl.DecayModel(pl.risk_curve(runs)).fit()
    this = pl.DecayModel(pl.risk_curve(runs, question="this_run")).fit()
    return {"agreement": spread, "fresh_run": pl.fresh_run(runs), "this_run": this}


def test_seeds_are_in_the_price_as_in_optimal_depth(questions):
    widget = RiskDecomposition(questions["agreement"])
    assert widget.cost_per_step == 12
    best = pl.optimal_depth(questions["agreement"], exchange_rate=widget.exchange_rate)
    assert [widget.optimal_depth, widget.cost] == pytest.approx([best.depth, best.cost])
    assert RiskDecomposition(questions["this_run"]).cost_per_step == 1


def test_each_question_has_its_own_alternative_and_words(questions):
    runs = runs_of()
    ends = runs[runs["depth"] == 64]["value"]
    agreement, another, this = (RiskDecomposition(questions[q]) for q in ("agreement", "fresh_run", "this_run"))
    assert agreement._summary().rows[0][0] == "at 4 steps, the first depth"
    assert agreement.static_risk == pytest.approx(agreement.risk_at(4))
    assert "has no meaning without them" in agreement._asked["words"]
    assert another.static_risk == pytest.approx(ends.var() * (1 + 1 / 12))
    assert another.intrinsic_limit == pytest.approx(ends.var())
    assert another._summary().rows[0][:2] == ["without a probe", "0"]
    assert "the mean of 12 runs that ended" in another._asked["words"]
    assert this.static_risk == pytest.approx(questions["this_run"].curve.total_variance)
    assert "Without a probe, Var(R)" in this._asked["words"]
    given = RiskDecomposition(pl.fresh_run(runs, static_risk=7e-4))
    assert given.static_risk == 7e-4
    for widget in (agreement, another, this, given):
        assert widget.chart().to_dict()
    assert "without a probe" not in str(agreement.chart().to_dict())
    assert "asked: how another run of the same recipe" in another._summary().state


def test_a_choice_of_questions(questions):
    widget = RiskDecomposition(questions, question="fresh_run")
    assert widget._questions == ["agreement", "fresh_run", "this_run"]
    floor = widget.intrinsic_limit
    assert floor == questions["fresh_run"].end_variance
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), names=["intrinsic_limit"])
    widget.question = "agreement"
    alone = RiskDecomposition(questions["agreement"])
    for name in (
        "intrinsic_limit",
        "scale",
        "decay_rate",
        "exchange_rate",
        "tolerance",
        "optimal_depth",
        "static_risk",
    ):
        assert getattr(widget, name) == getattr(alone, name), name
    assert widget._start == alone._start
    assert heard
    widget.question = "fresh_run"
    assert widget.intrinsic_limit == floor
    with pytest.raises(ArgumentError, match=r"question='new_task': expected one of those that were given: 'agreement'"):
        widget.question = "new_task"
    with pytest.raises(ArgumentError, match=r"expected fits of one task and metric, each of another question"):
        RiskDecomposition([questions["agreement"], questions["agreement"]])
    with pytest.raises(ArgumentError, match=r"question='agreement'"):
        RiskDecomposition(question="agreement")


def test_c_tau_is_that_of_the_table_while_the_law_is_the_fits(questions):
    for fit in questions.values():
        widget = RiskDecomposition(fit)
        for tolerance in (1.5e-4, 4e-4, 1e-3):
            widget.tolerance = tolerance
            row = pl.classify({"t": fit}, tolerance=tolerance, budget=64, extrapolate=True).iloc[0]
            assert widget.tolerance_depth == row["crossing_budget"]
            ends = row[["crossing_lower", "crossing_upper"]].tolist()
            assert widget.conf_int().loc["tolerance_depth"].tolist() == pytest.approx(ends)
        widget.decay_rate *= 2
        assert widget.tolerance_depth == pytest.approx(float(crossing_depth(*widget._law(), tolerance)))


def test_an_expensive_probe_does_not_pay_for_a_fit_either(fit):
    for exchange_rate in np.geomspace(1e-8, 1e-2, 13):
        widget = RiskDecomposition(fit, exchange_rate=float(exchange_rate))
        assert widget.probing_pays == pl.optimal_depth(fit, exchange_rate=exchange_rate).probing_pays


def test_intervals_go_when_the_law_is_moved(fit):
    widget = RiskDecomposition(fit)
    widget.exchange_rate *= 4
    assert list(widget.conf_int().index) == ["optimal_depth", "tolerance_depth"]
    before = widget.decay_rate
    widget.decay_rate = 2
    assert widget.conf_int().empty
    widget.decay_rate = before
    assert list(widget.conf_int().index) == ["optimal_depth", "tolerance_depth"]
    assert RiskDecomposition(fit, decay_rate=2).conf_int().empty
    assert RiskDecomposition().conf_int().empty


def test_a_fit_that_does_not_decay_can_be_shown():
    flat = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=[4e-4] * 6, df=15)).fit("gamma")
    assert flat.params["scale"] == 0
    widget = RiskDecomposition(flat)
    assert widget.scale == 0
    assert widget.intrinsic_limit == pytest.approx(4e-4)
    assert not widget.probing_pays
    assert "c* =" not in widget.chart().to_json(), "there is no depth to mark"


# -- traits ---------------------------------------------------------------------------------------------------------


def test_observers_hear_of_what_follows():
    widget = RiskDecomposition()
    heard = {}
    widget.observe(lambda change: heard.update({change["name"]: change["new"]}), names=["scale", "optimal_depth"])
    widget.scale = 0.04
    assert heard == {"scale": 0.04, "optimal_depth": pytest.approx(200)}


def test_a_move_in_the_page_reaches_python():
    widget = RiskDecomposition()
    widget.set_state({"scale": 0.04, "exchange_rate": 4e-6})  # what a front end's message does
    assert widget.optimal_depth == pytest.approx(100)


@pytest.mark.parametrize("name", ["optimal_depth", "risk", "total", "tolerance_depth", "probing_pays"])
def test_what_follows_cannot_be_overwritten(name):
    with pytest.raises(Exception, match="read-only"):
        setattr(RiskDecomposition(), name, 3.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("intrinsic_limit", -1e-9), ("scale", float("nan")), ("scale", -1), ("decay_rate", 0), ("decay_rate", "1"),
        ("exchange_rate", 0), ("cost_per_step", float("inf")), ("fixed_cost", -1), ("tolerance", 0),
        ("tolerance", True),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_changes_nothing(name, value):
    widget = RiskDecomposition()
    before = (getattr(widget, name), widget.total)
    with pytest.raises(ArgumentError, match=f"{name}=.*expected"):
        setattr(widget, name, value)
    assert (getattr(widget, name), widget.total) == before
    with pytest.raises(ArgumentError, match=f"{name}=.*expected"):
        RiskDecomposition(**{name: value})


@pytest.mark.parametrize("value", [(0, 10), (10, 4), 7, (2, float("inf")), (2, 3, 4)])
def test_bad_depths_are_refused(value):
    with pytest.raises(ArgumentError, match="depths="):
        RiskDecomposition(depths=value)


def test_a_mapping_of_fits_is_answered_with_what_to_do(fit):
    with pytest.raises(ArgumentError, match=r"fit=.*one task.*fits\['name'\]"):
        RiskDecomposition({"a": fit})


def test_an_unknown_keyword_is_answered_with_the_known_ones():
    with pytest.raises(ArgumentError, match=r"'gamma'.*exchange_rate"):
        RiskDecomposition(gamma=3)


# -- the page, and no page ------------------------------------------------------------------------------------------


def test_sliders_start_where_the_numbers_are(fit):
    for widget in (RiskDecomposition(), RiskDecomposition(fit), RiskDecomposition(scale=0, intrinsic_limit=0)):
        for name, value in widget._start.items():
            span = widget._ranges[name]
            assert 0 < span["low"] < span["high"]
            assert span["low"] <= value <= span["high"] or (value == 0 and span["zero"])


def test_the_page_needs_no_network():
    for text in (RiskDecomposition._esm, RiskDecomposition._css):
        assert "http" not in str(text)
        assert "import " not in str(text)
        assert "url(" not in str(text)


def test_the_bundle_holds_picture_and_table_beside_the_widget(fit):
    widget = RiskDecomposition(fit)
    data, _ = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    html = data["text/html"]
    assert "verbs &lt;b&gt;" in html
    assert "<b>Risk decomposition</b>" in html
    for value in (widget.optimal_depth, widget.tolerance_depth, widget.total, widget.static_risk):
        assert f"{value:.4g}" in html
    assert "probing pays" in html
    assert len(data["image/png"]) < 150_000


def test_the_table_says_never_for_a_tolerance_below_the_floor():
    html = RiskDecomposition(tolerance=5e-5)._html()
    assert "never" in html


def test_the_chart_shows_the_state(fit):
    widget = RiskDecomposition(fit)
    widget.exchange_rate *= 3
    text = widget.chart().to_json()
    assert f"c* = {widget.optimal_depth:.3g}" in text
    assert f"{widget.tolerance_depth:.3g}" in text
    widget.tolerance = 1e-4  # below the floor
    assert "c_\\u03c4 =" not in widget.chart().to_json()


def test_the_floor_of_a_fit_that_knows_its_rows_is_split():
    """Coin flips of 200 rows: nearly all of the floor is the rows, on the population none of it."""
    from predictlab.risk import variance_components

    rng = np.random.default_rng(0)
    easy = rng.beta(5, 2, 200)
    parts = [variance_components(rng.random((24, 200)) < easy) for _ in range(6)]
    curve = pl.RiskCurve(
        [8, 16, 32, 64, 128, 192], [p.spread for p in parts], 23, metric="accuracy", parts=parts, estimator="spread"
    )
    fit = pl.DecayModel(curve).fit()
    widget = RiskDecomposition(fit)
    assert 0.7 < widget._parts["share"] <= 1
    share, row = f"{widget._parts['share']:.0%}", parts[-1].row / 200
    assert f"Of the floor {share}" in widget._parts["words"]
    assert "this set of 200 rows" in widget._parts["words"]
    assert f"{row:.2g} metric² more" in widget._parts["words"]
    assert widget._parts["words"] in str(widget._repr_mimebundle_())
    widget.intrinsic_limit *= 2  # no longer the fit's law
    assert "Of the floor" not in str(widget._repr_mimebundle_())
    population = RiskDecomposition(fit.on_rows(np.inf))
    assert population._parts["share"] < 0.01
    unknown = RiskDecomposition(pl.DecayModel(pl.RiskCurve([8, 16, 32, 64], curve.risk[:4], 23)).fit())
    assert unknown._parts == {}
    for made in (widget, population, unknown):
        made.close()
