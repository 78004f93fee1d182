"""Evaluation rows as a budget: closed forms, bounds, and what a fit without rows is told."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.risk import variance_components

DEPTHS = np.array([4.0, 8, 16, 32, 64, 128])


def fitted(rows=500, runs=12, sd=0.0, seed=0, wanted=None):
    """Coin flips of `rows` rows at .9; runs differ by `sd` on the population, the same at all depths."""
    rng = np.random.default_rng(seed)
    shift = sd * rng.standard_normal((runs, 1))
    parts = [variance_components(rng.random((runs, rows)) < 0.9 + shift) for _ in DEPTHS]
    curve = pl.RiskCurve(DEPTHS, [p.spread for p in parts], runs - 1, parts=parts, estimator="spread")
    return pl.DecayModel(curve, rows=wanted).fit()


def test_rows_for_a_tolerance_where_runs_do_not_differ():
    """sigma_int² = p (1 - p) = .09: 900 rows for a variance of 1e-4, up to what runs may differ by."""
    found = pl.rows_for_tolerance(fitted(), tolerance=1e-4, depth=128)
    lower, upper = found.conf_int().loc["rows"]
    assert 750 < lower < 930
    assert lower <= found.rows <= upper
    assert found.rows == pytest.approx(900, rel=0.25)
    assert found.probability_possible > 0.95
    assert "rows" in repr(found)


def test_no_rows_cure_runs_that_differ():
    found = pl.rows_for_tolerance(fitted(sd=0.05), tolerance=2e-4, depth=128)
    assert np.isinf(found.rows)
    assert found.probability_possible < 0.1
    assert repr(found).startswith("No number of rows")


def test_the_best_design_balances_rows_as_the_closed_form_says():
    best = pl.optimal_design(fitted(), exchange_rate=1e-8, cost_per_step=1.0, cost_per_row=0.25)
    assert best.rows == pytest.approx(np.sqrt(0.09 / 0.25e-8), rel=0.15)
    assert best.total == pytest.approx(best.risk + 1e-8 * best.cost)
    ends = best.conf_int()
    assert ends.lower["rows"] <= best.rows <= ends.upper["rows"]
    assert ends.index.tolist() == ["depth", "rows", "risk", "total"]
    dear = pl.optimal_design(fitted(), exchange_rate=1e-8, cost_per_step=1.0, cost_per_row=1.0)
    assert dear.rows == pytest.approx(best.rows / 2, rel=0.05)


def test_another_size_of_the_set_moves_the_risk_as_it_should():
    here, twice, population = (fitted(wanted=rows) for rows in (None, 1000, np.inf))
    rows_part = 0.09 / 500
    assert here.predict([128.0])[0] == pytest.approx(rows_part, rel=0.3)
    assert here.predict([128.0])[0] - twice.predict([128.0])[0] == pytest.approx(rows_part / 2, rel=0.1)
    assert population.predict([128.0])[0] < rows_part / 4
    table = pl.classify({"t": here}, tolerance=rows_part / 3, budget=64, confidence=0.9)
    assert (table["regime"][0], table["reason"][0]) == ("Noise-Dominant", "")
    assert table["p_noise_by_runs"][0] < 0.2
    advice = pl.advise({"t": here}, tolerance=rows_part / 3, budget=64, confidence=0.9)["advice"][0]
    assert "by rows with" in advice


def test_four_seeds_are_enough_where_rows_are_the_noise():
    few = fitted(rows=200, runs=4)
    table = pl.classify({"t": few}, tolerance=0.09 / 200 / 3, budget=64, confidence=0.9)
    assert table["regime"][0] == "Noise-Dominant"


def test_a_prior_of_the_churn_stands_in_for_outcomes():
    """A share of a known number of rows without outcomes: the offset has the prior, and the fit says so."""
    rng = np.random.default_rng(1)
    frame = pl.worlds.MartingaleWorld(1e-4, 1e-2, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(16))
    frame["value"] = 0.8 + 0.1 * (frame["value"] - frame["value"].mean()) + 0 * rng.random(len(frame))
    frame["metric"] = "accuracy"
    curve = pl.risk_curve(frame, eval_rows=400)
    fit = pl.DecayModel(curve, rows=np.inf).fit()
    assert "prior of the churn factor" in str(fit.summary())
    assert fit.predict([64.0])[0] < pl.DecayModel(curve).fit().predict([64.0])[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: pl.rows_for_tolerance(f, 1e-4, 64), "fit=.*expected a posterior fit that knows its evaluation rows"),
        (lambda f: pl.optimal_design(f, exchange_rate=1e-6, cost_per_row=1), "knows its evaluation rows"),
        (lambda f: pl.DecayModel(f.curve, rows=100).fit(), "rows=100: expected None for a curve whose evaluation rows"),
        (lambda f: pl.DecayModel(f.curve, rows=0), "rows=0: expected a number of evaluation rows > 0"),
        (lambda f: pl.DecayModel(f.curve, rows=10).fit("gamma"), "rows=10: expected None for method='gamma'"),
    ],
)
def test_a_fit_that_knows_no_rows_says_so(make, message):
    fit = pl.DecayModel(pl.RiskCurve(DEPTHS, 1 / DEPTHS, 15)).fit()
    with pytest.raises(ArgumentError, match=message):
        make(fit)


def test_bad_prices_are_named():
    fit = fitted()
    for asked in (
        {"exchange_rate": 0},
        {"exchange_rate": 1, "cost_per_row": -1},
        {"exchange_rate": 1, "cost_per_step": 0},
    ):
        with pytest.raises(ArgumentError, match="expected a finite number > 0"):
            pl.optimal_design(fit, **({"cost_per_row": 1.0} | asked))


def falling(rows=400, runs=40, scale=0.02, p=0.9, seed=0):
    """Runs that differ by scale / c on the population, and coin flips of rows at `p`: (fit, curve)."""
    rng = np.random.default_rng(seed)
    parts = []
    for c in DEPTHS:
        shift = np.sqrt(scale / c) * rng.standard_normal((runs, 1))
        parts.append(variance_components(p + shift + np.sqrt(p * (1 - p)) * rng.standard_normal((runs, rows))))
    curve = pl.RiskCurve(DEPTHS, [q.spread for q in parts], runs - 1, parts=parts, estimator="spread", task=str(seed))
    return pl.DecayModel(curve).fit()


def medians(fit, depth):
    sample = fit.sample(500, np.random.default_rng(0))
    return np.median(sample.population(depth), axis=0), np.median(sample.interaction(depth), axis=0)


def test_one_budget_for_steps_and_rows_of_two_tasks_is_the_least_of_all_plans():
    """Against a search over depths of a grid and all splits of the rows, on the same medians."""
    fits = {"a": falling(seed=1, scale=0.05), "b": falling(seed=2, p=0.7)}
    budget, price = 3000.0, 2.0
    plan = pl.allocate_design(fits, budget, cost_per_step=1.0, cost_per_row=price, bounds=(4, 2000)).set_index("task")
    assert plan["cost"].sum() == pytest.approx(budget, rel=1e-9)
    # the same fits drawn in the same order
    source = np.random.default_rng(0)
    depth = np.geomspace(4, 2000, 120)
    of = {}
    for name, fit in fits.items():
        sample = fit.sample(500, source)
        of[name] = np.median(sample.population(depth), axis=0), np.median(sample.interaction(depth), axis=0)
    left = budget - depth[:, None] - depth
    share = np.linspace(0.01, 0.99, 99)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        risk = (
            of["a"][0][:, None] + of["a"][1][:, None] / (share * left / price)
            + of["b"][0] + of["b"][1] / ((1 - share) * left / price)
        )  # fmt: skip
    best = np.nanmin(np.where(left > 0, risk, np.nan))

    def at(name):
        low = np.interp(np.log(plan["depth"][name]), np.log(depth), of[name][0])
        return low + np.interp(np.log(plan["depth"][name]), np.log(depth), of[name][1]) / plan["rows"][name]

    assert at("a") + at("b") == pytest.approx(best, rel=0.01)
    # rows follow the square root of what they are for
    ratio = plan["rows"]["b"] / plan["rows"]["a"]
    assert ratio == pytest.approx(np.sqrt(0.21 / 0.09), rel=0.15)
    for name in ("depth", "rows", "risk"):
        assert (plan[f"{name}_lower"] <= plan[name]).all()
        assert (plan[name] <= plan[f"{name}_upper"]).all()


def test_one_task_is_the_optimal_design_at_the_plans_own_exchange_rate():
    fit = falling(seed=3)
    plan = pl.allocate_design({"t": fit}, 4000, cost_per_row=1.0).iloc[0]
    best = pl.optimal_design(fit, exchange_rate=plan["exchange_rate"], cost_per_row=1.0)
    # that is the median of the draws' best designs, this the best of their median curve
    assert best.conf_int(0.5).lower["depth"] <= plan["depth"] <= best.conf_int(0.5).upper["depth"]
    assert plan["rows"] == pytest.approx(best.rows, rel=0.1)


def test_the_frontier_falls_and_rows_that_stay_are_never_better():
    fits = {"a": falling(seed=1), "b": falling(seed=2, p=0.7)}
    table = pl.budget.design_frontier(fits, np.geomspace(900, 20_000, 6), cost_per_row=1.0)
    assert table["risk"].is_monotonic_decreasing
    assert table["exchange_rate"].is_monotonic_decreasing
    kept = table["risk_same_rows"]
    assert kept.notna().sum() >= 4
    assert (table["risk"][kept.notna()] <= kept[kept.notna()] * 1.02).all()
    slope = -np.diff(table["risk"]) / np.diff(table["total_budget"])
    assert (slope <= table["exchange_rate"][:-1] * 1.1).all()
    assert (slope >= table["exchange_rate"][1:] * 0.9).all()


def test_seeds_pay_for_each_run():
    fit = falling(seed=1)
    one = pl.allocate_design({"t": fit}, 1000, cost_per_row=1.0, seeds=1)
    four = pl.allocate_design({"t": fit}, 4000, cost_per_row=1.0, seeds=4)
    assert four["rows"][0] == pytest.approx(one["rows"][0], rel=1e-6)
    assert four["cost"][0] == pytest.approx(4000)


def test_measured_seconds_are_the_prices_where_none_are_given(tmp_path):
    from predictlab.runs import Entry

    rng = np.random.default_rng(0)
    with pl.RunStore(tmp_path / "a.db") as store:
        store.add_task("t", "0123456789abcdef", {})
        store.add_rows("t", map(str, range(200)))
        for s in range(8):
            for c in (4, 8, 16, 32):
                y = rng.random(200) < 0.8 + 0.1 * rng.standard_normal() / np.sqrt(c)
                store.record_all("t", [Entry(f"t:{s}", s, c, {"accuracy": float(y.mean())}, seconds=0.5 * c,
                                             outcomes={"accuracy": y}, evaluation=(0.02 * 200, 200))])  # fmt: skip
        assert store.costs("t").seconds_per_row == pytest.approx(0.02)
    fit = pl.DecayModel(pl.risk_curve(tmp_path / "a.db")).fit()
    own = pl.optimal_design(fit, exchange_rate=1e-7)
    given = pl.optimal_design(fit, exchange_rate=1e-7, cost_per_step=0.5, cost_per_row=0.02)
    assert (own.depth, own.rows, own.cost) == pytest.approx((given.depth, given.rows, given.cost))
    pair = (
        pl.allocate_design({"t": fit}, 100, **more)["rows"][0]
        for more in ({}, {"cost_per_step": 0.5, "cost_per_row": 0.02})
    )
    assert len(set(pair)) == 1


def test_prices_that_nobody_knows():
    fit = falling()
    for call in (
        lambda: pl.optimal_design(fit, exchange_rate=1e-7),
        lambda: pl.optimal_design(fit, exchange_rate=1e-7, cost_per_step=1.0),
        lambda: pl.allocate_design({"t": fit}, 100),
    ):
        with pytest.raises(ArgumentError, match="a probe measured both"):
            call()
    with pytest.raises(ArgumentError, match=r"at least .*, for the lowest depths"):
        pl.allocate_design({"t": fit}, 1, cost_per_row=1.0)
    with pytest.raises(ArgumentError, match="budgets="):
        pl.budget.design_frontier({"t": fit}, [10, 5], cost_per_row=1.0)
    bare = pl.DecayModel(pl.RiskCurve([4, 8, 16], [0.1, 0.05, 0.02], 7)).fit()
    with pytest.raises(ArgumentError, match="knows its evaluation rows"):
        pl.allocate_design({"t": bare}, 100, cost_per_row=1.0)
