"""Optimal depths, tolerances, allocation and the frontier against their first-order conditions and brute force."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import predictlab as pl
from predictlab.budget import AllocationProblem, best_depth, crossing_depth
from predictlab.errors import ArgumentError

DEPTHS = [4, 8, 16, 32, 64, 128]


def exact(floor, scale, rate, df=4000.0, depths=DEPTHS):
    """A fit whose parameters are the given ones to a few digits: the curve has no noise."""
    depth = np.array(depths, dtype=float)
    return pl.DecayModel(pl.RiskCurve(depth=depth, risk=floor + scale * depth**-rate, df=df)).fit("gamma")


def late():
    """A fit from depth 64 on."""
    return exact(0.01, 2.0, 1.0, depths=[64, 128, 256, 512])


@pytest.fixture(scope="module")
def fits():
    return {"a": exact(0.01, 2.0, 1.0), "b": exact(0.0, 1.0, 0.5), "c": exact(0.05, 5.0, 2.0)}


@pytest.fixture(scope="module")
def flat():
    return exact(0.2, 0.0, 1.0)


@pytest.mark.parametrize(("gamma", "step"), [(1e-4, 1.0), (1e-5, 30.0), (3e-3, 0.5)])
def test_optimal_depth_meets_theorem_6_1(fits, gamma, step):
    fit = fits["a"]
    found = pl.optimal_depth(fit, exchange_rate=gamma, cost_per_step=step, fixed_cost=2.0)
    floor, scale, rate = fit.params
    # Luo, Wang, Tang (2026), Thm. 6.1: gamma lambda c* = alpha K c*^-alpha
    assert gamma * step * found.depth == pytest.approx(rate * scale * found.depth**-rate, rel=1e-10)
    assert found.total == pytest.approx(floor + gamma * 2.0 + (1 + rate) * scale * found.depth**-rate, rel=1e-10)
    grid = np.geomspace(found.depth / 5, found.depth * 5, 4001)
    assert np.all(fit.predict(grid) + gamma * (2.0 + step * grid) >= found.total * (1 - 1e-12))
    assert found.probing_pays
    assert found.cost == pytest.approx(2.0 + step * found.depth)
    lower, upper = found.conf_int().loc["depth"]
    assert lower < found.depth < upper


def test_elasticity_is_the_derivative(fits):
    fit = fits["a"]
    base = pl.optimal_depth(fit, exchange_rate=1e-4)
    for gamma, step in ((1e-4 * 1.001, 1.0), (1e-4, 1.001)):
        changed = pl.optimal_depth(fit, exchange_rate=gamma, cost_per_step=step)
        assert np.log(changed.depth / base.depth) / np.log(1.001) == pytest.approx(base.elasticity, rel=1e-6)
    assert base.elasticity == pytest.approx(-1 / (fit.params["decay_rate"] + 1))


def test_the_floor_moves_the_total_and_never_the_depth():
    low, high = exact(0.001, 2.0, 1.0), exact(0.101, 2.0, 1.0)
    a, b = pl.optimal_depth(low, exchange_rate=1e-4), pl.optimal_depth(high, exchange_rate=1e-4)
    assert a.depth == pytest.approx(b.depth, rel=1e-3)
    assert b.total - a.total == pytest.approx(0.1, rel=1e-3)


def test_optimal_depth_is_clamped_and_may_be_nought(fits, flat):
    fit = fits["a"]
    free = pl.optimal_depth(fit, exchange_rate=1e-4).depth
    assert pl.optimal_depth(fit, exchange_rate=1e-4, bounds=(4, free / 2)).depth == pytest.approx(free / 2)
    assert pl.optimal_depth(fit, exchange_rate=1e-4, bounds=(2 * free, 1e6)).depth == pytest.approx(2 * free)
    dear = pl.optimal_depth(fit, exchange_rate=10.0)
    assert (dear.probing_pays, dear.depth, dear.cost) == (False, 0.0, 0.0)
    assert dear.total == dear.static_risk == pytest.approx(fit.predict(4)[0])
    fixed = pl.optimal_depth(fit, exchange_rate=1e-4, fixed_cost=1e6)
    assert not fixed.probing_pays
    assert not pl.optimal_depth(flat, exchange_rate=1e-6).probing_pays
    assert pl.optimal_depth(flat, exchange_rate=1e-6).elasticity == 0
    # told that deciding blindly is worse than that, probing pays again
    assert pl.optimal_depth(fit, exchange_rate=1e-2, static_risk=5.0).probing_pays
    assert "does not pay" in dear._repr_html_()


def test_risk_and_total_have_intervals_at_the_chosen_depth():
    fit = pl.DecayModel(pl.worlds.MartingaleWorld(0.01, 1.0, 1.0).curve(32, [d - 1 for d in DEPTHS], seed=2)).fit(
        "gamma"
    )
    found = pl.optimal_depth(fit, exchange_rate=1e-4, cost_per_step=2.0, fixed_cost=3.0)
    sample = fit.draws()
    at = sample["intrinsic_limit"] + sample["scale"] * found.depth ** -sample["decay_rate"]
    lower, upper = found.conf_int().loc["risk"]
    assert (lower, upper) == pytest.approx(tuple(np.quantile(at, [0.025, 0.975])))
    assert lower < found.risk < upper
    assert found.conf_int(0.9).loc["risk"].tolist() == pytest.approx(list(np.quantile(at, [0.05, 0.95])))
    moved = np.array([lower, upper]) + 1e-4 * found.cost  # the cost of a depth is known
    assert found.conf_int().loc["total"].tolist() == pytest.approx(list(moved))
    # not probing has the risk of the first depth, which is as uncertain
    none = pl.optimal_depth(fit, exchange_rate=10.0)
    first = sample["intrinsic_limit"] + sample["scale"] * 4.0 ** -sample["decay_rate"]
    assert none.conf_int().loc["total"].tolist() == pytest.approx(list(np.quantile(first, [0.025, 0.975])))
    assert pl.optimal_depth(fit, exchange_rate=10.0, static_risk=0.5).conf_int().loc["risk"].tolist() == [0.5, 0.5]


def test_the_verdict_says_whether_probing_pays_or_that_nobody_can_tell(fits, flat):
    yes, no = pl.optimal_depth(fits["a"], exchange_rate=1e-4), pl.optimal_depth(fits["a"], exchange_rate=10.0)
    assert (yes.probability_pays, no.probability_pays) == (1, 0)
    assert yes.verdict().startswith("Probing pays, to 1")
    assert no.verdict().startswith("Probing does not pay: the risk is")
    assert "at 4 steps, the first depth" in no.verdict()
    assert "at 4 steps, the first depth" in yes.verdict()  # a short probe is no "no probe"
    given = pl.optimal_depth(fits["a"], exchange_rate=1e-4, static_risk=5.0)
    assert given.static_depth == 0
    assert "against 5 without a probe" in given.verdict()
    assert "does not decay" in pl.optimal_depth(flat, exchange_rate=10.0).verdict()
    few = exact(0.3, 0.6, 1.0, df=5)
    for gamma in np.geomspace(1e-4, 1.0, 60):
        found = pl.optimal_depth(few, exchange_rate=gamma)
        share_paying = found.probability_pays
        assert share_paying == np.mean(found.draws > 0)
        unsure = found.verdict().startswith("Cannot tell")
        assert unsure == (share_paying < 0.95 if found.probing_pays else share_paying > 1 - 0.95)
        if unsure:
            assert f"{share_paying:.0%} of the draws" in found.verdict()
            assert found.verdict() in found._repr_html_()
    # asked for more, it says less
    prices = (pl.optimal_depth(few, exchange_rate=g) for g in np.geomspace(1e-4, 1, 200))
    edge = next(best for best in prices if 0.6 < best.probability_pays < 0.9)
    assert edge.verdict(0.99).startswith("Cannot tell")
    assert edge.probing_pays == (not edge.verdict(0.55).startswith(("Probing does not", "Cannot")))


def test_interval_of_the_depth_covers():
    world = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0)
    truth, inside = np.sqrt(1.0 / 1e-4), []
    for seed in range(60):
        fit = pl.DecayModel(world.curve(32, [d - 1 for d in (4, 8, 16, 32, 64, 128, 256)], seed, independent=True)).fit(
            "gamma"
        )
        lower, upper = pl.optimal_depth(fit, exchange_rate=1e-4).conf_int().loc["depth"]
        inside.append(lower <= truth <= upper)
    assert np.mean(inside) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 60)


def test_depth_for_tolerance_meets_it(fits, flat):
    for fit, tau in [(fits["a"], 0.05), (fits["b"], 0.02), (fits["c"], 0.06)]:
        found = pl.depth_for_tolerance(fit, tau)
        assert fit.predict(found.depth)[0] == pytest.approx(tau, rel=1e-9)
        assert float(found) == found.depth
        lower, upper = found.conf_int().loc["depth"]
        if fit.params["intrinsic_limit"] > 1e-6:  # draws always have some floor: without one they all lie deeper
            assert lower <= found.depth <= upper
        assert found.reachable > 0.9
    never = pl.depth_for_tolerance(fits["c"], 0.04)
    assert (never.depth, never.conf_int().loc["depth", "upper"], never.reachable < 0.01) == (np.inf, np.inf, True)
    assert "the floor is above the tolerance" in never.note
    assert never.note in never._repr_html_()
    assert pl.depth_for_tolerance(flat, 0.3).depth == 0
    assert pl.depth_for_tolerance(flat, 0.1).depth == np.inf


def test_depth_for_tolerance_says_where_the_law_is_only_extrapolated(fits):
    inside, before, beyond = (pl.depth_for_tolerance(fits["a"], tau) for tau in (0.1, 0.9, 0.012))
    assert (inside.note, inside.fitted) == ("", (4, 128))
    assert before.depth < 4
    assert "before the first fitted depth, 4" in before.note
    assert beyond.depth > 128
    assert "beyond the last fitted depth, 128" in beyond.note


def test_closed_forms_of_arrays():
    np.testing.assert_allclose(best_depth([2.0, 0.0, 1e-9], [1.0, np.nan, 3.0], 0.5), [2, 0, (6e-9) ** 0.25])
    got = crossing_depth([0.0, 0.5, 0.1], [1.0, 1.0, 0.0], [2.0, 1.0, np.nan], 0.25)
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
    table = pl.allocate(fits, budget, weights=weights, cost_per_step=step, bounds=(4, high)).set_index("task")
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
    assert table.loc["flat", "note"] == "no decay: more depth buys nothing"
    assert not table.drop(columns="note").isna().any().any()
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


def share_budget(scale, decay_rate, *rest_and_budget):
    *rest, budget = rest_and_budget
    params = np.stack([np.zeros_like(scale), scale, decay_rate], axis=-1)
    return AllocationProblem([], [], params, *rest, seeds=np.ones(len(rest[0]), dtype=int)).share(
        params if params.ndim == 3 else params[None], budget
    )


def random_laws(tasks, seed=0):
    rng = np.random.default_rng(seed)
    k, a = np.exp(rng.normal(0, 2, tasks)), rng.uniform(0.1, 4, tasks)
    k[rng.random(tasks) < 0.1] = 0
    weight, step = np.exp(rng.normal(0, 1, tasks)), np.exp(rng.normal(0, 1, tasks))
    low = rng.choice([2.0, 4.0, 8.0], tasks)
    return k, a, weight, step, low, np.where(rng.random(tasks) < 0.5, np.inf, low * rng.choice([1, 2, 50], tasks))


@pytest.mark.parametrize("factor", [1.0, 1.01, 2.0, 100.0])
def test_first_order_conditions_of_many_tasks(factor):
    """KKT: between its bounds a task's marginal worth is the multiplier, at the lowest less, at the highest more."""
    laws = random_laws(300)
    k, a, weight, step, low, high = laws
    budget = factor * np.sum(step * low)
    (depth,), (mu,) = share_budget(*laws, budget)
    assert np.sum(step * depth) == pytest.approx(budget, rel=1e-9)
    assert np.all((depth >= low) & (depth <= high))
    marginal = weight * a * k * depth ** -(a + 1) / step
    inside = (depth > low * (1 + 1e-9)) & (depth < high * (1 - 1e-9))
    np.testing.assert_allclose(marginal[inside], mu, rtol=1e-6)
    assert np.all(marginal[(depth <= low) & (high > low)] <= mu * (1 + 1e-6))
    assert np.all(marginal[(depth >= high) & (high > low)] >= mu * (1 - 1e-6))


def test_many_laws_and_budgets_at_once_are_each_by_itself():
    many = [random_laws(5, seed)[:2] for seed in range(20)]
    k, a = (np.array([m[i] for m in many]) for i in (0, 1))
    rest = random_laws(5)[2:]
    budgets = np.sum(rest[1] * rest[2]) * np.linspace(1, 30, 20)
    depth, mu = share_budget(k, a, *rest, budgets)
    for i in range(20):
        alone = share_budget(k[i], a[i], *rest, budgets[i])
        np.testing.assert_allclose(depth[i], alone[0][0], rtol=1e-9)
        np.testing.assert_allclose(mu[i], alone[1][0], rtol=1e-9)


def test_what_nobody_can_spend_has_no_worth():
    k, a, weight, step, low, _ = random_laws(5)
    (depth,), (mu,) = share_budget(k, a, weight, step, low, 3 * low, 1e9)
    assert mu == 0
    np.testing.assert_allclose(depth, np.where(k > 0, 3 * low, low))


@pytest.fixture(scope="module")
def noisy():
    world = {"fast": (0.01, 4.0, 1.5), "slow": (0.002, 1.0, 0.6), "plain": (0.05, 2.0, 1.0)}
    return {
        name: pl.DecayModel(pl.worlds.MartingaleWorld(*law).curve(24, [d - 1 for d in DEPTHS], seed)).fit("gamma")
        for seed, (name, law) in enumerate(world.items())
    }


def test_intervals_of_a_plan(noisy):
    table = pl.allocate(noisy, 200.0).set_index("task")
    for name, fit in noisy.items():
        row, sample = table.loc[name], fit.draws()
        at = sample["intrinsic_limit"] + sample["scale"] * row["depth"] ** -sample["decay_rate"]
        ends = np.quantile(at, [0.025, 0.975])
        assert [row["risk_lower"], row["risk_upper"]] == pytest.approx(list(ends), rel=0.15)  # half of the draws
        assert 4 <= row["depth_lower"] < row["depth"] < row["depth_upper"] <= 192
    narrow = pl.allocate(noisy, 200.0, confidence=0.5).set_index("task")
    for name in ("depth", "risk"):
        inner, outer = (t[f"{name}_upper"] - t[f"{name}_lower"] for t in (narrow, table))
        assert (inner < 0.7 * outer).all()
    # depths of the other plans add up to the budget as well: what one task would get, another would not
    assert table["depth_lower"].sum() < 200 < table["depth_upper"].sum()


def test_one_task_gets_the_whole_budget_whatever_the_truth(noisy):
    row = pl.allocate({"slow": noisy["slow"]}, 50.0).iloc[0]
    assert [row["depth_lower"], row["depth"], row["depth_upper"]] == pytest.approx([50, 50, 50])
    front = pl.frontier({"slow": noisy["slow"]}, [50.0], weights=[3.0]).iloc[0]
    assert [front["risk_lower"], front["risk_upper"]] == pytest.approx([3 * row["risk_lower"], 3 * row["risk_upper"]])


def test_interval_of_a_sum_grows_as_independent_tasks_do(noisy):
    one = pl.frontier({"a": noisy["plain"]}, [20.0]).iloc[0]
    many = pl.frontier({f"t{i}": noisy["plain"] for i in range(64)}, [64 * 20.0]).iloc[0]
    assert many["risk"] == pytest.approx(64 * one["risk"])
    for end in ("lower", "upper"):
        # half of the draws, another half for each task
        assert many[f"risk_{end}"] - many["risk"] == pytest.approx(8 * (one[f"risk_{end}"] - one["risk"]), rel=0.2)


def test_bounds_of_each_task(fits):
    table = pl.allocate(fits, 300.0, bounds={"a": (8, 16)}).set_index("task")
    assert table.loc["a", "depth"] == 16
    assert table.loc["a", "note"] == "at its highest depth"
    assert table.loc["b", "depth"] > 128
    assert "beyond its last fitted depth 128" in table.loc["b", "note"]
    same = pl.allocate(fits, 300.0, bounds=[(8, 16), (4, np.inf), (4, np.inf)]).set_index("task")
    np.testing.assert_allclose(same["depth"], table["depth"])
    below = pl.allocate(fits, 12.0, bounds=(1, 1e6)).set_index("task")
    assert below["note"].str.contains("before its first fitted depth 4").sum() == (below["depth"] < 4).sum() > 0
    least = pl.allocate(fits, 12.0)
    assert (least["note"] == "at its lowest depth: the budget buys more elsewhere").all()


def test_weights_move_the_plan(fits):
    plain, heavy = (pl.allocate(fits, 300.0, weights=w).set_index("task")["depth"] for w in (None, [10, 1, 1]))
    assert heavy["a"] > plain["a"]
    assert heavy["b"] < plain["b"]
    np.testing.assert_allclose(pl.allocate(fits, 300.0, weights=7.0)["depth"], plain)  # only ratios count


def test_allocation_over_hundreds_of_tasks(fits):
    many = {f"{name}{i}": fits[name] for i in range(100) for name in fits}
    table = pl.allocate(many, 20_000.0)
    assert table["cost"].sum() == pytest.approx(20_000, rel=1e-9)
    assert table.groupby(table["task"].str[0])["depth"].std().max() < 1e-6


def test_frontier_slopes_are_minus_the_multiplier(fits):
    budgets = np.array([50.0, 200.0, 1000.0])
    weights = {"a": 1.0, "b": 2.0, "c": 1.0}
    frame = pl.frontier(fits, budgets, weights=weights)
    assert list(frame.columns) == ["budget", "risk", "multiplier", "risk_lower", "risk_upper"]
    for budget, multiplier in zip(budgets, frame["multiplier"], strict=True):
        ends = pl.frontier(fits, [budget - 1e-3, budget + 1e-3], weights=weights)["risk"]
        assert (ends[1] - ends[0]) / 2e-3 == pytest.approx(-multiplier, rel=1e-4)
    assert (np.diff(frame["risk"]) < 0).all()
    assert (np.diff(frame["multiplier"]) < 0).all()
    table = pl.allocate(fits, 200.0, weights=weights)
    assert frame["risk"][1] == pytest.approx(float(np.dot(table["risk"], [1, 2, 1])))


def test_multiplier_is_the_exchange_rate(fits):
    """Pricing steps at the multiplier makes each task choose the depth that the budget gave it."""
    gamma = pl.frontier(fits, [300.0])["multiplier"][0]
    for row in pl.allocate(fits, 300.0).itertuples():
        assert pl.optimal_depth(fits[row.task], exchange_rate=gamma).depth == pytest.approx(row.depth, rel=1e-8)


def at(fits, **options):
    return pl.optimal_depth(fits["a"], **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: at(f, exchange_rate=0), r"exchange_rate=0: expected a finite number > 0 \(metric² per unit"),
        (lambda f: at(f, exchange_rate=1, cost_per_step=-1), "cost_per_step=-1: expected a finite number > 0"),
        (lambda f: at(f, exchange_rate=1, fixed_cost=-1), "fixed_cost=-1: expected a finite number >= 0"),
        (lambda f: at(f, exchange_rate=1, bounds=(9, 3)), r"bounds=\(9, 3\): expected \(lowest, highest\)"),
        (lambda f: at(f, exchange_rate=1, static_risk=0), "static_risk=0"),
        (lambda f: at(f, exchange_rate=1).conf_int(2), "confidence=2: expected a confidence level"),
        (lambda f: at(f, exchange_rate=1).verdict(0.4), r"confidence=0.4: expected a probability in \(0.5, 1\)"),
        (lambda f: pl.depth_for_tolerance(f["a"], 0), "tolerance=0: expected a finite number > 0"),
        (lambda f: pl.depth_for_tolerance(f["a"], -0.1), "tolerance=-0.1"),
        (lambda f: pl.depth_for_tolerance(f["a"], np.nan), "tolerance=nan"),
        (lambda f: pl.depth_for_tolerance(f["a"], "low"), "tolerance='low'"),
        (lambda f: pl.depth_for_tolerance(f["a"], 0.1).conf_int(0), "confidence=0"),
        (lambda f: pl.allocate(f, 11), "total_budget=11: expected at least 12, the cost of .*raise the budget"),
        (lambda f: pl.frontier(f, [100, 11]), "budgets=11.0: expected at least 12"),
        (lambda f: pl.allocate(f, -1), "total_budget=-1: expected a finite number > 0"),
        (lambda f: pl.allocate({}, 100), r"fits=\{\}: expected a mapping"),
        (lambda f: pl.allocate({"a": 1}, 100), r"fits\['a'\]=1: expected a DecayResults. Fit it with"),
        (lambda f: pl.allocate(f, 100, weights={"a": 1}), "weights=.*a value for every task; 'b' is missing"),
        (lambda f: pl.allocate(f, 100, weights=[1, 2]), "weights=.*one for each of the 3 tasks"),
        (lambda f: pl.allocate(f, 100, weights=[1, 2, -1]), "weights=.*numbers > 0"),
        (lambda f: pl.allocate(f, 100, cost_per_step=0), "cost_per_step=0: expected numbers > 0"),
        (lambda f: pl.allocate(f, 100, weights="much"), "weights='much': expected one number"),
        (lambda f: pl.allocate(f, 100, seeds=1.5), "seeds=1.5: expected whole numbers of runs"),
        (lambda f: pl.allocate(f, 100, seeds=dict.fromkeys(f, 0.5)), "seeds=.*expected whole numbers of runs"),
        (lambda f: pl.frontier(f, "all"), "budgets='all': expected numbers > 0"),
        (lambda f: pl.allocate(f, 100, bounds=(0, 5)), r"bounds=\(0, 5\)"),
        (lambda f: pl.allocate(f, 100, bounds=(4, np.nan)), r"bounds=\(4, nan\)"),
        (lambda f: pl.allocate(f, 100, bounds={"z": (4, 8)}), "bounds=.*expected names of tasks; 'z' is none of them"),
        (lambda f: pl.allocate(f, 100, bounds={"b": (9, 8)}), "bounds=.*expected .lowest, highest.*See task 'b'"),
        (
            lambda f: pl.allocate(f, 100, bounds={"b": 9}),
            "bounds=9: expected .lowest, highest. depth, or one such pair",
        ),
        (lambda f: pl.allocate(f, 100, bounds=[(4, 9)] * 2), "bounds=.*one such pair for each task"),
        (lambda f: pl.allocate(f, 100, confidence=1.5), r"confidence=1.5: expected a confidence level in \(0, 1\)"),
        (
            lambda f: pl.allocate(f | {"late": late()}, 40),
            "total_budget=40: expected at least 76.*64, for depth 64 of task 'late'",
        ),
    ],
)
def test_bad_input_is_named(fits, call, message):
    with pytest.raises(ArgumentError, match=message):
        call(fits)


def test_depths_end_with_the_recipe():
    """Where its length is known: c* and plans stay within it, and what lies beyond is called a longer recipe."""
    known = {
        name: pl.DecayModel(replace(fit.curve, horizon=float(fit.curve.depth[-1]))).fit("gamma")
        for name, fit in {"a": exact(0.0, 1.0, 1.0), "b": exact(0.0, 4.0, 1.0)}.items()
    }
    end = known["a"].curve.horizon
    assert pl.optimal_depth(known["a"], exchange_rate=1e-12).depth == end
    assert pl.optimal_depth(known["a"], exchange_rate=1e-12, bounds=(4, 4 * end)).depth == 4 * end
    table = pl.allocate(known, 100 * end)
    assert table["depth"].tolist() == [end, end]
    assert table["note"].tolist() == ["at the end of its recipe"] * 2
    beyond = pl.allocate(known, 100 * end, bounds=(4, 2 * end))
    assert beyond["note"].str.contains("a longer recipe, whose curve is another").all()
    assert "a longer recipe" in pl.depth_for_tolerance(known["a"], 0.1 / end).note


def test_all_seeds_are_paid_for():
    """At S seeds a step costs S times as much: the depth is that of an S times higher price, and tables say both."""
    curve = pl.worlds.MartingaleWorld(0.01, 4.8, 1.0).spread(16, [3, 7, 15, 31, 63], seed=3)
    fit = pl.DecayModel(curve).fit("gamma")
    one, all_seeds = pl.optimal_depth(fit, exchange_rate=1e-4, seeds=1), pl.optimal_depth(fit, exchange_rate=1e-4)
    assert (all_seeds.seeds, one.seeds) == (16, 1)
    assert all_seeds.depth == pytest.approx(pl.optimal_depth(fit, exchange_rate=16e-4, seeds=1).depth)
    assert all_seeds.cost == pytest.approx(16 * all_seeds.depth)
    assert all_seeds.steps == all_seeds.cost
    assert "16 seeds" in repr(all_seeds)
    row = pl.allocate({"t": fit}, 1600).iloc[0]
    assert row[["depth", "seeds", "steps", "cost"]].tolist() == pytest.approx([100, 16, 1600, 1600])
    assert pl.allocate({"t": fit}, 1600, seeds=4)["depth"].tolist() == pytest.approx([400])
    assert pl.frontier({"t": fit}, [1600])["risk"][0] == pytest.approx(row["risk"])
    with pytest.raises(ArgumentError, match="seeds=0: expected"):
        pl.optimal_depth(fit, exchange_rate=1e-4, seeds=0)


def test_a_budget_of_money_is_one_of_seconds():
    """Tasks whose steps take .5 and 2 seconds, at 7.2 an hour: as prices of .001 and .004 a step."""
    fits = {
        name: pl.DecayModel(
            pl.RiskCurve(
                depth=[4, 8, 16, 32, 64], risk=scale / 2.0 ** np.arange(5), df=31, task=name, seconds_per_step=took
            )
        ).fit("gamma")
        for name, scale, took in (("reviews", 4e-3, 0.5), ("news", 1e-3, 2.0))
    }
    money = pl.allocate(fits, 0.3, gpu_hour=7.2)
    steps = pl.allocate(fits, 0.3, cost_per_step={"reviews": 0.001, "news": 0.004})
    pd.testing.assert_frame_equal(money, steps)
    assert money["cost"].sum() == pytest.approx(0.3)
    assert (money["seconds"] / money["steps"]).tolist() == pytest.approx([0.5, 2.0])
    line = pl.frontier(fits, [0.3], gpu_hour=7.2)
    assert line["risk"].iloc[0] == pytest.approx(pl.frontier(fits, [0.3], cost_per_step=[0.001, 0.004])["risk"].iloc[0])
    with pytest.raises(ArgumentError, match=r"cost_per_step=1: expected None beside gpu_hour"):
        pl.allocate(fits, 0.3, gpu_hour=7.2, cost_per_step=1)
