"""BudgetAllocator without a browser: what Python reads and sets, what the page is answered, what stays without it."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.risk import variance_components
from predictlab_widgets import BudgetAllocator
from predictlab_widgets._background import BREATH

VIEW = "application/vnd.jupyter.widget-view+json"
DEPTHS = (8, 16, 32, 64, 128, 192)
LAWS = {  # intrinsic limit, scale, decay rate, degrees of freedom
    "fast <b>": (3e-5, 0.5, 2.0, 31),
    "slow": (1e-5, 0.02, 0.8, 63),
    "noisy": (6e-4, 0.02, 1.2, 63),
    "flat": (4e-4, 0.0, 1.0, 15),
}


def fit_of(limit, scale, rate, df, **named):
    risk = [limit + scale * c**-rate for c in DEPTHS]
    return pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=df, metric="accuracy", **named)).fit("gamma")


@pytest.fixture(scope="module")
def fits():
    return {name: fit_of(*law) for name, law in LAWS.items()}


@pytest.fixture
def widget(fits):
    made = BudgetAllocator(fits, total_budget=300)
    yield made
    made.close()


# -- the plan is the library's --------------------------------------------------------------------------------------


def test_depths_equal_allocate_wherever_the_budget_stands(fits, widget):
    for budget in (32.0, 40.0, 300.0, 5e3, 1e6):
        widget.total_budget = budget
        table = pl.allocate(fits, budget)
        assert widget.depths == pytest.approx(dict(zip(table["task"], table["depth"], strict=True)), rel=1e-12)
        point = pl.frontier(fits, [budget]).iloc[0]
        assert (widget.risk, widget.multiplier) == pytest.approx((point["risk"], point["multiplier"]), rel=1e-12)
        assert widget.cost == pytest.approx(budget)


def test_weights_prices_and_bounds_are_those_of_allocate(fits):
    price = {"fast <b>": 2.0, "slow": 1.0, "noisy": 3.0, "flat": 0.5}
    widget = BudgetAllocator(fits, total_budget=900, weights={"noisy": 4}, cost_per_step=price, bounds=(4, 150))
    weights = {"fast <b>": 1, "slow": 1, "noisy": 4, "flat": 1}
    assert widget.weights == weights
    table = pl.allocate(fits, 900, weights=weights, cost_per_step=price, bounds=(4, 150))
    assert list(widget.depths.values()) == pytest.approx(list(table["depth"]), rel=1e-12)
    shown = widget.table()
    for column in ("depth_lower", "depth_upper", "risk", "risk_lower", "risk_upper", "marginal"):
        assert list(shown[column]) == pytest.approx(list(table[column]), rel=1e-12), column
    assert widget.depths["slow"] == 150


def test_a_locked_task_stays_and_the_others_share_the_rest(fits, widget):
    before = dict(widget.depths)
    widget.lock("slow")
    assert widget.depths == pytest.approx(before), "a lock where it stands changes nothing"
    widget.total_budget = 900
    assert widget.depths["slow"] == before["slow"]
    rest = {name: fit for name, fit in fits.items() if name != "slow"}
    table = pl.allocate(rest, 900 - before["slow"])
    assert [widget.depths[name] for name in rest] == pytest.approx(list(table["depth"]), rel=1e-9)
    shown = widget.table().set_index("task")
    assert shown["locked"].to_dict() == {name: name == "slow" for name in fits}
    assert shown["note"]["slow"] == "locked"
    widget.unlock("slow")
    assert list(widget.depths.values()) == pytest.approx(list(pl.allocate(fits, 900)["depth"]), rel=1e-12)
    with pytest.raises(ArgumentError, match=r"task='slow'.*none"):
        widget.unlock("slow")


def test_a_lock_beyond_the_measured_depths_still_says_so(widget):
    widget.total_budget = 2000
    widget.lock("slow", 1000)
    assert widget.table().set_index("task")["note"]["slow"].startswith("locked; beyond its last fitted depth")


def test_a_heavier_task_gets_more(widget):
    before = widget.depths
    widget.weights = {"noisy": 10}
    assert widget.depths["noisy"] > 1.5 * before["noisy"]
    assert widget.depths["slow"] < before["slow"]
    marginal = widget.table().set_index("task")["marginal"]
    assert marginal["noisy"] == pytest.approx(widget.multiplier)
    assert marginal["slow"] == pytest.approx(widget.multiplier), "at the optimum a unit is worth the same everywhere"


def test_the_multiplier_is_what_the_next_unit_saves(widget):
    risk, worth = widget.risk, widget.multiplier
    widget.total_budget += 0.01
    assert (risk - widget.risk) / 0.01 == pytest.approx(worth, rel=1e-4)


# -- plans ----------------------------------------------------------------------------------------------------------


def test_a_plan_stays_within_the_budget_and_ends_at_its_depth(widget):
    widget.total_budget = 2345.6
    for name, plan in widget.plans.items():
        assert isinstance(plan, pl.ProbePlan)
        assert plan == widget.plan(name)
        assert plan.depths[-1] <= widget.depths[name] < plan.depths[-1] + 1
        assert set(DEPTHS) & set(range(plan.depths[-1] + 1)) <= set(plan.depths), "the depths of the fit are kept"
        steps = np.diff(np.log(plan.depths))
        assert np.all(steps <= np.log(2) + 1e-9), "beyond them no gap is more than twofold"
        assert len(plan.seeds) == 16
    assert max(plan.depths[-1] for plan in widget.plans.values()) > 192


def test_a_plan_before_the_first_measured_depth(fits):
    widget = BudgetAllocator(fits, total_budget=15, bounds=(2, 100))
    assert widget.plan("flat").depths == (2,)


def test_the_copied_text_makes_the_plans(widget):
    scope = {}
    exec(widget.plan_text, scope)
    assert scope["plans"] == widget.plans


def test_seeds_are_those_of_the_fit_or_as_asked(fits):
    world = pl.worlds.MartingaleWorld(intrinsic_limit=1e-4, scale=0.05, decay_rate=1.2)
    runs = world.simulate(runs=12, depths=(2, 4, 8, 16, 32), seed=0)
    fit = pl.DecayModel(pl.risk_curve(runs, metric="prediction")).fit()
    assert len(BudgetAllocator({"world": fit}).plan("world").seeds) == 12
    assert len(BudgetAllocator(fits, seeds=5).plan("slow").seeds) == 5
    with pytest.raises(ArgumentError, match="seeds=0"):
        BudgetAllocator(fits, seeds=0)


# -- traits ---------------------------------------------------------------------------------------------------------


def test_observers_hear_of_what_follows(widget):
    heard = {}
    names = ["total_budget", "depths", "multiplier", "risk", "cost"]
    widget.observe(lambda change: heard.update({change["name"]: change["new"]}), names=names)
    widget.total_budget = 600
    assert set(heard) == set(names)
    assert heard["depths"] == widget.depths
    assert heard["multiplier"] == widget.multiplier


@pytest.mark.parametrize("name", ["depths", "multiplier", "risk", "cost"])
def test_what_follows_cannot_be_overwritten(widget, name):
    with pytest.raises(Exception, match="read-only"):
        setattr(widget, name, 3.0)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("total_budget", 31, "budget=31: expected at least 32"), ("total_budget", float("nan"), "budget=nan"),
        ("total_budget", True, "budget=True"), ("total_budget", None, "budget=None"),
        ("weights", {"slow": 0}, r"weights\['slow'\]=0"), ("weights", {"other": 1}, "'other' is none of"),
        ("weights", 3, "weights=3: expected a mapping"), ("locked", {"slow": 4}, r"locked\['slow'\]=4.*8 to inf"),
        ("locked", {"slow": 290}, "expected at least 314"), ("locked", {"slow": "deep"}, r"locked\['slow'\]='deep'"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_changes_nothing(widget, name, value, says):
    before = (repr(widget), widget.depths, widget.weights, widget.locked)
    with pytest.raises(ArgumentError, match=says):
        setattr(widget, name, value)
    assert (repr(widget), widget.depths, widget.weights, widget.locked) == before


def test_bad_calls_are_answered_with_what_to_do(fits):
    with pytest.raises(ArgumentError, match=r"'budgets'.*total_budget, weights"):
        BudgetAllocator(fits, budgets=3)
    with pytest.raises(ArgumentError, match="budget_range="):
        BudgetAllocator(fits, budget_range=(10, 10))
    with pytest.raises(ArgumentError, match=r"one question.*added up"):
        BudgetAllocator({**fits, "branch": fit_of(1e-4, 0.1, 1, 31, question="this_run")})
    with pytest.raises(ArgumentError, match="task='other'"):
        BudgetAllocator(fits).plan("other")


def test_one_fit_is_a_budget_of_one_task(fits):
    widget = BudgetAllocator(fits["slow"], total_budget=77)
    assert widget.depths == {"task": pytest.approx(77)}


def test_where_more_buys_nothing_the_multiplier_is_zero(fits):
    widget = BudgetAllocator(fits, total_budget=5000, bounds=(8, 100))
    assert widget.multiplier == 0
    assert widget.cost == pytest.approx(308)
    widget.lock("slow")
    assert widget.multiplier == 0


# -- the page -------------------------------------------------------------------------------------------------------


def content(ask, widget, **changes):
    state = {"total_budget": widget.total_budget, "weights": widget.weights, "locked": widget.locked}
    return {"request": ask, **state, **changes}


def test_the_page_is_answered_by_the_name_of_its_request(fits, widget):
    locked = {"slow": widget.depths["slow"]}
    widget._on_request(widget, content("view 1", widget, total_budget=700.0, locked=locked), [])
    assert (widget.total_budget, widget.locked) == (700, locked)
    assert widget._state["request"] == widget._details["request"] == "view 1"
    table = widget.table()
    assert widget._details["lower"] == list(table["depth_lower"])
    assert widget._details["notes"] == list(table["note"])
    assert widget._details["plan"] == widget.plan_text
    point = widget.frontier([700]).iloc[0]
    assert widget._details["total"] == [point["risk_lower"], point["risk_upper"]]
    json.dumps([widget._state, widget._details], allow_nan=False)


def test_a_request_that_cannot_be_met_is_answered_with_why(widget):
    before = repr(widget)
    widget._on_request(widget, content("view 2", widget, total_budget=1.0), [])
    assert repr(widget) == before
    assert widget._refused["request"] == "view 2"
    assert "at least 32" in widget._refused["text"]
    assert widget._state["total_budget"] == 300
    assert widget._state["request"] == widget._details["request"] != "view 2"


def test_positions_that_were_left_are_never_worked_out(fits):
    async def page():
        widget = BudgetAllocator(fits, total_budget=300)
        heard = []
        widget.observe(lambda change: heard.append(change["new"]), names="total_budget")
        for i in range(6):
            widget._on_request(widget, content(f"view {i}", widget, total_budget=400.0 + i), [])
        while widget._details["request"] != "view 5":
            await asyncio.sleep(BREATH)
        return heard

    assert asyncio.run(asyncio.wait_for(page(), 60)) == [405.0]


def test_the_page_needs_no_network():
    for text in (BudgetAllocator._esm, BudgetAllocator._css):
        assert "http" not in str(text)
        assert "import " not in str(text)
        assert "url(" not in str(text)


# -- and no page ----------------------------------------------------------------------------------------------------


def test_the_bundle_holds_picture_and_table_beside_the_widget(widget):
    widget.lock("noisy")
    data, _ = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert len(data["image/png"]) < 200_000
    html = data["text/html"]
    assert "fast &lt;b&gt;" in html
    for name, depth in widget.depths.items():
        assert f"{depth:.4g}" in html, name
    assert "<td" in html
    assert ">locked</td>" in html
    assert "no decay: more depth buys nothing" in html


def test_a_long_table_is_cut_and_says_so(fits):
    crowd = {f"task {i}": fits["slow"] for i in range(60)}
    widget = BudgetAllocator(crowd)
    assert widget._details["band"] == {}, "no band of the whole frontier for a crowd"
    html = widget._html()
    assert "The first 50 of 60 tasks" in html
    assert html.count("<tr>") == 51


def test_the_chart_shows_the_state(widget):
    text = widget.chart().to_json()
    assert "budget 300" in text
    assert f"{widget.multiplier:.3g}" in text
    widget.lock("slow")
    assert '"state": "locked"' in widget.chart().to_json()


# -- steps and rows ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows_fits():
    out = {}
    for name, p, seed in (("easy", 0.97, 0), ("hard", 0.7, 1)):
        rng = np.random.default_rng(seed)
        parts = [variance_components(rng.random((8, 200)) < p) for _ in range(4)]
        curve = pl.RiskCurve([4, 8, 16, 32], [q.spread for q in parts], df=7, parts=parts, metric="accuracy")
        out[name] = pl.DecayModel(curve).fit()
    return out


def test_with_a_price_of_rows_the_plan_is_that_of_allocate_design(rows_fits):
    widget = BudgetAllocator(rows_fits, total_budget=3000, cost_per_row=0.5, weights={"hard": 2})
    asked = {"cost_per_step": 1.0, "cost_per_row": 0.5, "weights": {"easy": 1, "hard": 2}}
    table = pl.allocate_design(rows_fits, 3000, **asked)
    assert list(widget.depths.values()) == pytest.approx(table["depth"].tolist())
    assert list(widget.rows.values()) == pytest.approx(table["rows"].tolist())
    assert widget.cost == pytest.approx(3000)
    own = widget.table()
    for name in ("rows_lower", "rows_upper", "cost", "rows_share"):
        assert own[name].tolist() == pytest.approx(table[name].tolist(), rel=1e-6), name
    line = pl.budget.design_frontier(rows_fits, [1000, 3000, 9000], **asked)
    mine = widget.frontier([1000, 3000, 9000])
    assert mine["multiplier"].tolist() == pytest.approx(line["exchange_rate"].tolist())
    assert mine["risk"].is_monotonic_decreasing
    assert "rows = {'easy':" in widget.plan_text
    assert "rows, 95 %" in widget._summary().columns
    assert widget.chart().to_dict()
    assert set(widget._details) >= {"rows_lower", "rows_upper", "lower", "band"}
    widget.close()


def test_a_locked_depth_leaves_its_rows_free(rows_fits):
    widget = BudgetAllocator(rows_fits, total_budget=3000, cost_per_row=0.5)
    depth, before = widget.depths["hard"], widget.rows["hard"]
    widget.lock("hard")
    widget.total_budget = 6000
    assert widget.depths["hard"] == pytest.approx(depth)
    assert widget.rows["hard"] > before
    assert widget.table().set_index("task").loc["hard", "note"].startswith("locked")
    widget.unlock("hard")
    assert widget.cost == pytest.approx(6000)
    widget.close()


def test_a_price_of_rows_needs_fits_that_know_theirs(fits, rows_fits):
    with pytest.raises(ArgumentError, match="knows its evaluation rows"):
        BudgetAllocator(fits, cost_per_row=1.0)
    with pytest.raises(ArgumentError, match=r"cost_per_row=-1\.0: expected a finite number > 0"):
        BudgetAllocator(rows_fits, cost_per_row=-1.0)
    with pytest.raises(ArgumentError, match=r"total_budget=1: expected at least .* for the lowest depths on 2 rows"):
        BudgetAllocator(rows_fits, cost_per_row=1.0, total_budget=1)
