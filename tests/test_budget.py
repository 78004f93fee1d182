"""Optimal depths, tolerances, allocation and the frontier against their first-order conditions and brute force."""

import numpy as np
import pytest
from scipy import optimize

import predictlab as pl
from predictlab.budget import optimal_depth_of, tolerance_depth_of
from predictlab.errors import ArgumentError

DEPTHS = [4, 8, 16, 32, 64, 128]


def exact(floor, scale, rate, df=4000.0, depths=DEPTHS):
    """A fit whose parameters are the given ones to a few digits: the curve has no noise."""
    depth = np.array(depths, dtype=float)
    return pl.DecayModel(pl.RiskCurve(depth=depth, risk=floor + scale * depth**-rate, df=df)).fit()


@pytest.fixture(scope="module")
def fits():
    return {"a": exact(0.01, 2.0, 1.0), "b": exact(0.0, 1.0, 0.5), "c": exact(0.05, 5.0, 2.0)}


@pytest.fixture(scope="module")
def flat():
    return exact(0.2, 0.0, 1.0)


@pytest.mark.parametrize(("gamma", "step"), [(1e-4, 1.0), (1e-5, 30.0), (3e-3, 0.5)])
def test_optimal_depth_meets_theorem_6_1(fits, gamma, step):
    fit = fits["a"]
    found = pl.optimal_depth(fit, gamma, step, fixed_cost=2.0)
    floor, scale, rate = fit.params
    # Luo, Wang, Tang (2026), Thm. 6.1: gamma lambda c* = alpha K c*^-alpha
    assert gamma * step * found.depth == pytest.approx(rate * scale * found.depth**-rate, rel=1e-10)
    assert found.total == pytest.approx(floor + gamma * 2.0 + (1 + rate) * scale * found.depth**-rate, rel=1e-10)
    grid = np.geomspace(found.depth / 5, found.depth * 5, 4001)
    assert np.all(fit.predict(grid) + gamma * (2.0 + step * grid) >= found.total * (1 - 1e-12))
    assert found.probing_pays
    assert found.cost == pytest.approx(2.0 + step * found.depth)
    lower, upper = found.conf_int()
    assert lower < found.depth < upper


def test_elasticity_is_the_derivative(fits):
    fit = fits["a"]
    base = pl.optimal_depth(fit, 1e-4)
    for changed in (pl.optimal_depth(fit, 1e-4 * 1.001), pl.optimal_depth(fit, 1e-4, 1.001)):
        assert np.log(changed.depth / base.depth) / np.log(1.001) == pytest.approx(base.elasticity, rel=1e-6)
    assert base.elasticity == pytest.approx(-1 / (fit.params["decay_rate"] + 1))


def test_the_floor_moves_the_total_and_never_the_depth():
    low, high = exact(0.001, 2.0, 1.0), exact(0.101, 2.0, 1.0)
    a, b = pl.optimal_depth(low, 1e-4), pl.optimal_depth(high, 1e-4)
    assert a.depth == pytest.approx(b.depth, rel=1e-3)
    assert b.total - a.total == pytest.approx(0.1, rel=1e-3)


def test_optimal_depth_is_clamped_and_may_be_nought(fits, flat):
    fit = fits["a"]
    free = pl.optimal_depth(fit, 1e-4).depth
    assert pl.optimal_depth(fit, 1e-4, bounds=(4, free / 2)).depth == pytest.approx(free / 2)
    assert pl.optimal_depth(fit, 1e-4, bounds=(2 * free, 1e6)).depth == pytest.approx(2 * free)
    dear = pl.optimal_depth(fit, 10.0)
    assert (dear.probing_pays, dear.depth, dear.cost) == (False, 0.0, 0.0)
    assert dear.total == dear.static_risk == pytest.approx(fit.predict(4)[0])
    fixed = pl.optimal_depth(fit, 1e-4, fixed_cost=1e6)
    assert not fixed.probing_pays
    assert not pl.optimal_depth(flat, 1e-6).probing_pays
    assert pl.optimal_depth(flat, 1e-6).elasticity == 0
    # told that deciding blindly is worse than that, probing pays again
    assert pl.optimal_depth(fit, 1e-2, static_risk=5.0).probing_pays
    assert "does not pay" in dear._repr_html_()


def test_interval_of_the_depth_covers():
    world = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0)
    truth, inside = np.sqrt(1.0 / 1e-4), []
    for seed in range(60):
        fit = pl.DecayModel(world.curve(32, [d - 1 for d in (4, 8, 16, 32, 64, 128, 256)], seed, True)).fit()
        lower, upper = pl.optimal_depth(fit, 1e-4).conf_int()
        inside.append(lower <= truth <= upper)
    assert np.mean(inside) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 60)


def test_depth_for_tolerance_meets_it(fits, flat):
    for fit, tau in [(fits["a"], 0.05), (fits["b"], 0.02), (fits["c"], 0.06)]:
        found = pl.depth_for_tolerance(fit, tau)
        assert fit.predict(found.depth)[0] == pytest.approx(tau, rel=1e-9)
        assert float(found) == found.depth
        lower, upper = found.conf_int()
        if fit.params["intrinsic_limit"] > 1e-6:  # draws always have some floor: without one they all lie deeper
            assert lower <= found.depth <= upper
        assert found.reachable > 0.9
    never = pl.depth_for_tolerance(fits["c"], 0.04)
    assert (never.depth, never.conf_int()[1], never.reachable < 0.01) == (np.inf, np.inf, True)
    assert pl.depth_for_tolerance(flat, 0.3).depth == 0
    assert pl.depth_for_tolerance(flat, 0.1).depth == np.inf


def test_closed_forms_of_arrays():
    np.testing.assert_allclose(optimal_depth_of([2.0, 0.0, 1e-9], [1.0, np.nan, 3.0], 0.5), [2, 0, (6e-9) ** 0.25])
    got = tolerance_depth_of([0.0, 0.5, 0.1], [1.0, 1.0, 0.0], [2.0, 1.0, np.nan], 0.25)
    np.testing.assert_allclose(got, [2, np.inf, 0])


def slsqp(fits, budget, weights, step, low, high):
    """Least weighted risk by a general solver in log depth, from several starts."""
    names = list(fits)
    p = np.array([fits[n].params for n in names])
    w, s = np.array([weights[n] for n in names]), np.array([step[n] for n in names])

    def risk(z):
        return float(np.sum(w * (p[:, 0] + p[:, 1] * np.exp(-p[:, 2] * z))))

    constraint = {"type": "ineq", "fun": lambda z: 1 - np.sum(s * np.exp(z)) / budget}
    box = [(np.log(low), np.log(min(high, budget)))] * len(names)
    found = [
        optimize.minimize(risk, np.log(low) + u, bounds=box, constraints=[constraint], method="SLSQP",
                          options={"ftol": 1e-14, "maxiter": 500})
        for u in np.random.default_rng(0).uniform(0, 1, size=(6, len(names)))
    ]  # fmt: skip
    return min((f for f in found if constraint["fun"](f.x) > -1e-7), key=lambda f: f.fun)


@pytest.mark.parametrize("budget", [40.0, 300.0, 5000.0])
@pytest.mark.parametrize("high", [np.inf, 60.0])
def test_allocation_against_a_general_solver(fits, budget, high):
    weights, step = {"a": 1.0, "b": 3.0, "c": 0.5}, {"a": 1.0, "b": 2.0, "c": 0.5}
    table = pl.allocate(fits, budget, weights, step, bounds=(4, high)).set_index("task")
    solved = slsqp(fits, budget, weights, step, 4, high)
    total = sum(weights[t] * table.loc[t, "risk"] for t in fits)
    assert total <= solved.fun * (1 + 1e-9)
    assert total == pytest.approx(solved.fun, rel=1e-4)
    affordable = min(budget, 3.5 * high)
    assert table["cost"].sum() == pytest.approx(affordable, rel=1e-9)
    free = table[(table["depth"] > 4 * (1 + 1e-9)) & (table["depth"] < high * (1 - 1e-9))]
    if len(free) > 1:
        np.testing.assert_allclose(free["marginal"], free["marginal"].iloc[0], rtol=1e-8)
    for t in fits:
        assert table.loc[t, "risk"] == pytest.approx(fits[t].predict(table.loc[t, "depth"])[0])


def test_marginal_is_the_derivative_of_the_risk(fits):
    row = pl.allocate({"a": fits["a"]}, 50.0, cost_per_step=2.0).iloc[0]
    slope = (fits["a"].predict(25.001)[0] - fits["a"].predict(24.999)[0]) / 0.002 / 2.0
    assert row["depth"] == pytest.approx(25)
    assert row["marginal"] == pytest.approx(-slope, rel=1e-6)


def test_what_does_not_decay_gets_no_more_than_its_lowest_depth(fits, flat):
    table = pl.allocate({"a": fits["a"], "flat": flat}, 500.0).set_index("task")
    assert table.loc["flat", "depth"] == 4
    assert table.loc["a", "depth"] == pytest.approx(496)
    assert table.loc["flat", "marginal"] == 0
    capped = pl.allocate({"a": fits["a"], "flat": flat}, 500.0, bounds=(4, 100)).set_index("task")
    assert list(capped["depth"]) == [100, 4]
    assert pl.frontier({"a": fits["a"], "flat": flat}, [500.0], bounds=(4, 100))["multiplier"][0] == 0
    assert list(pl.allocate({"flat": flat}, 100.0)["depth"]) == [4]


def test_allocation_at_the_edges(fits):
    least = pl.allocate(fits, 12.0)
    np.testing.assert_allclose(least["depth"], 4)
    huge = pl.allocate(fits, 1e12)
    assert huge["cost"].sum() == pytest.approx(1e12, rel=1e-9)
    steep = {f"t{i}": exact(0.0, 1e-9 * 4.0**9, 9.0) for i in range(2)}
    assert pl.allocate(steep, 1e7)["depth"].tolist() == pytest.approx([5e6, 5e6], rel=1e-8)


def test_allocation_over_hundreds_of_tasks(fits):
    many = {f"{name}{i}": fits[name] for i in range(100) for name in fits}
    table = pl.allocate(many, 20_000.0)
    assert table["cost"].sum() == pytest.approx(20_000, rel=1e-9)
    assert table.groupby(table["task"].str[0])["depth"].std().max() < 1e-6


def test_frontier_slopes_are_minus_the_multiplier(fits):
    budgets = np.array([50.0, 200.0, 1000.0])
    weights = {"a": 1.0, "b": 2.0, "c": 1.0}
    frame = pl.frontier(fits, budgets, weights)
    assert list(frame.columns) == ["budget", "risk", "multiplier"]
    for budget, multiplier in zip(budgets, frame["multiplier"], strict=True):
        ends = pl.frontier(fits, [budget - 1e-3, budget + 1e-3], weights)["risk"]
        assert (ends[1] - ends[0]) / 2e-3 == pytest.approx(-multiplier, rel=1e-4)
    assert (np.diff(frame["risk"]) < 0).all()
    assert (np.diff(frame["multiplier"]) < 0).all()
    table = pl.allocate(fits, 200.0, weights)
    assert frame["risk"][1] == pytest.approx(float(np.dot(table["risk"], [1, 2, 1])))


def test_multiplier_is_the_exchange_rate(fits):
    """Pricing steps at the multiplier makes each task choose the depth that the budget gave it (THEORY 4)."""
    gamma = pl.frontier(fits, [300.0])["multiplier"][0]
    for row in pl.allocate(fits, 300.0).itertuples():
        assert pl.optimal_depth(fits[row.task], gamma).depth == pytest.approx(row.depth, rel=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: pl.optimal_depth(f["a"], 0), r"exchange_rate=0: expected a finite number > 0 \(metric² per unit"),
        (lambda f: pl.optimal_depth(f["a"], 1, -1), "cost_per_step=-1: expected a finite number > 0"),
        (lambda f: pl.optimal_depth(f["a"], 1, fixed_cost=-1), "fixed_cost=-1: expected a finite cost >= 0"),
        (lambda f: pl.optimal_depth(f["a"], 1, bounds=(9, 3)), r"bounds=\(9, 3\): expected \(lowest, highest\)"),
        (lambda f: pl.optimal_depth(f["a"], 1, static_risk=0), "static_risk=0"),
        (lambda f: pl.optimal_depth(f["a"], 1).conf_int(2), "alpha=2: expected one minus the confidence level"),
        (lambda f: pl.depth_for_tolerance(f["a"], 0), "tolerance=0: expected a finite number > 0"),
        (lambda f: pl.depth_for_tolerance(f["a"], -0.1), "tolerance=-0.1"),
        (lambda f: pl.depth_for_tolerance(f["a"], np.nan), "tolerance=nan"),
        (lambda f: pl.depth_for_tolerance(f["a"], "low"), "tolerance='low'"),
        (lambda f: pl.depth_for_tolerance(f["a"], 0.1).conf_int(0), "alpha=0"),
        (lambda f: pl.allocate(f, 11), "budget=11: expected at least 12, the cost of the lowest .*raise the budget"),
        (lambda f: pl.frontier(f, [100, 11]), "budget=11.0: expected at least 12"),
        (lambda f: pl.allocate(f, -1), "budget=-1: expected a finite number > 0"),
        (lambda f: pl.allocate({}, 100), r"fits=\{\}: expected a mapping"),
        (lambda f: pl.allocate({"a": 1}, 100), r"fits\['a'\]=1: expected a DecayResults. Fit it with"),
        (lambda f: pl.allocate(f, 100, weights={"a": 1}), "weights=.*a value for every task; 'b' is missing"),
        (lambda f: pl.allocate(f, 100, weights=[1, 2]), "weights=.*one for each of the 3 tasks"),
        (lambda f: pl.allocate(f, 100, weights=[1, 2, -1]), "weights=.*numbers > 0"),
        (lambda f: pl.allocate(f, 100, cost_per_step=0), "cost_per_step=0: expected numbers > 0"),
        (lambda f: pl.allocate(f, 100, bounds=(0, 5)), r"bounds=\(0, 5\)"),
        (lambda f: pl.allocate(f, 100, bounds=(4, np.nan)), r"bounds=\(4, nan\)"),
    ],
)
def test_bad_input_is_named(fits, call, message):
    with pytest.raises(ArgumentError, match=message):
        call(fits)
