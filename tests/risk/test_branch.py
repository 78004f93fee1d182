"""branch: unbiased for L(c) with the right degrees of freedom, and an analysis of variance that can fail."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk import anova
from predictlab.risk._branch import own_end_p_value, total_p_value


def groups_of(rng, share, sizes):
    """Gaussian groups of total variance 1, of which `share` lies between them; and each group's own end."""
    centre = rng.normal(size=len(sizes)) * np.sqrt(share)
    groups = [c + rng.normal(size=m) * np.sqrt(1 - share) for c, m in zip(centre, sizes, strict=True)]
    return groups, centre + rng.normal(size=len(sizes)) * np.sqrt(1 - share)


def test_branch_is_unbiased_for_the_risk_of_this_run(forked):
    rng = np.random.default_rng(0)
    repeats, curves = 40, []
    for _ in range(repeats):
        curves.append(pl.risk_curve(forked.frame(rng, (3, 5, 2, 4)), estimator="branch"))
    np.testing.assert_array_equal(curves[0].depth, forked.depths[:-1])
    np.testing.assert_array_equal(curves[0].df, 2 + 4 + 1 + 3)
    risk = np.mean([c.risk for c in curves], axis=0)
    truth = np.array(list(forked.risk.values()))
    # df U / L is chi² (df), so the mean of the repeats has this relative standard error
    np.testing.assert_allclose(risk, truth, rtol=4 * np.sqrt(2 / (10 * repeats)))
    assert (curves[0].estimator, curves[0].question, curves[0].log_covariance) == ("branch", "this_run", None)
    # the spread of the same frame grows towards the end, where the risk of this run is nearly gone
    settled = pl.risk_curve(forked.frame(rng, (2,) * 30))
    assert risk[-1] < 0.1 * settled.risk[-2]


def test_degrees_of_freedom_are_those_of_the_variance_of_the_estimate():
    rng = np.random.default_rng(1)
    sizes, share, repeats = (2, 3, 5, 4), 0.4, 1500
    within = np.array([anova(groups_of(rng, share, sizes)[0]).within for _ in range(repeats)])
    df = sum(sizes) - len(sizes)
    assert within.mean() == pytest.approx(0.6, abs=4 * 0.6 * np.sqrt(2 / df / repeats))
    # relative standard error of a variance from `repeats` scaled chi² (df): sqrt((2 + 12 / df) / repeats)
    assert within.var() == pytest.approx(2 * 0.6**2 / df, rel=4 * np.sqrt((2 + 12 / df) / repeats))


def test_depths_are_independent_given_the_parents(forked):
    rng = np.random.default_rng(2)
    risk = np.array([pl.risk_curve(forked.frame(rng, (3, 3, 3)), estimator="branch").risk for _ in range(60)])
    correlation = np.corrcoef(np.log(risk).T)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlation) < 4 / np.sqrt(60))


def test_analysis_of_variance_agrees_with_scipy_and_adds_up():
    groups, _ = groups_of(np.random.default_rng(3), 0.5, (2, 3, 5, 4))
    table = anova(groups)
    assert table.f_value == pytest.approx(stats.f_oneway(*groups).statistic)
    assert table.ss_within + table.ss_between == pytest.approx(table.ss_total, rel=1e-12)
    assert table.within + table.between == pytest.approx(table.total)
    assert table.share_resolved == pytest.approx(table.between / table.total)
    every = np.concatenate(groups)
    assert table.ss_total == pytest.approx(np.sum((every - every.mean()) ** 2))
    # unbiased in the components: the expected mean squares hold with n0
    assert table.n0 == pytest.approx((14 - (4 + 9 + 25 + 16) / 14) / 3)


def test_components_are_unbiased_with_unequal_groups():
    rng = np.random.default_rng(4)
    sizes, share, repeats = (2, 3, 6, 4, 1, 5), 0.7, 1200
    tables = [anova(groups_of(rng, share, sizes)[0]) for _ in range(repeats)]
    raw = np.array([(t.ss_between / t.df_between - t.within) / t.n0 for t in tables])
    assert raw.mean() == pytest.approx(share, abs=4 * raw.std() / np.sqrt(repeats))


def test_sums_of_squares_that_do_not_add_up_are_an_error():
    lost = [1e9 + 1e-7 * np.array([0, 1, 3]), 1e9 + 1e-7 * np.array([2, 5, 1])]  # the last digit of a double
    with pytest.raises(DataError, match=r"within .* \+ between .* is not total .*rounding.*Subtract a constant"):
        anova(lost)


def test_interval_of_the_share_is_the_f_interval_when_groups_are_equal():
    groups, _ = groups_of(np.random.default_rng(5), 0.6, [4] * 6)
    table = anova(groups)
    for end, tail in ((table.share_lower, 0.975), (table.share_upper, 0.025)):
        ratio = table.f_value / stats.f.ppf(tail, 5, 18)
        assert end == pytest.approx((ratio - 1) / (ratio + 3))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_interval_of_the_share_covers_with_unequal_groups(share):
    rng = np.random.default_rng(6)
    tables = [anova(groups_of(rng, share, (2, 3, 6, 4, 1, 5))[0]) for _ in range(700)]
    inside = np.mean([t.share_lower <= share <= t.share_upper for t in tables])
    assert abs(inside - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 700)


def test_between_is_zero_where_its_estimate_is_negative(forked):
    groups = [np.array([-1.0, 1.0]), np.array([1.5, -1.0]), np.array([-1.0, 0.5])]
    table = anova(groups)
    assert (table.between, table.share_resolved, table.share_lower) == (0.0, 0.0, 0.0)
    assert 0 < table.share_upper < 1
    assert table.total == table.within
    frame = pd.concat([forks_ending(c, groups) for c in (4, 8)])
    curve = pl.risk_curve(frame, estimator="branch")
    assert "at depth 4, 8 forks of one parent differ as much as any: between is reported as 0" in curve.summary()


def forks_ending(depth, groups, full=16):
    return pd.DataFrame(
        [
            {
                "task": "a", "run": f"p{p}@{depth}:{m}", "parent": f"p{p}", "seed": m, "depth": c, "metric": "accuracy",
                "value": 0.0 if c == depth else end, "status": "ok",
            }
            for p, group in enumerate(groups) for m, end in enumerate(group) for c in (depth, full)
        ]
    )  # fmt: skip


def test_one_parent_has_a_risk_but_nothing_between():
    curve = pl.risk_curve(
        pd.concat([forks_ending(c, [np.array([1.0, 2, 4])]) for c in (4, 8)]), estimator="branch", eval_rows=100
    )
    np.testing.assert_allclose(curve.risk, 7 / 3)
    assert curve.anova[["between", "share_resolved", "total_p_value", "own_end_p_value"]].isna().all(axis=None)
    assert "nan" in str(curve.summary()).lower()


@pytest.mark.parametrize(("sizes", "share"), [((4,) * 6, 0.0), ((4,) * 6, 0.8), ((2, 3, 4, 5, 2, 6), 0.8)])
def test_checks_of_the_total_and_of_the_own_ends_have_their_size(sizes, share):
    rng = np.random.default_rng(7)
    repeats, p = 500, []
    for _ in range(repeats):
        groups, ends = groups_of(rng, share, sizes)
        independent = np.concatenate([ends, rng.normal(size=4)])
        table = anova(groups)
        shared = np.ones(len(sizes), dtype=bool)
        p.append(
            (
                total_p_value(table, np.array(sizes, dtype=float), shared, independent),
                own_end_p_value(table, groups, ends),
            )
        )
    rejected = np.mean(np.array(p) < 0.05, axis=0)
    # the first is approximate: 4 standard errors and two per cent
    assert rejected[0] < 0.05 + 0.02 + 4 * np.sqrt(0.05 * 0.95 / repeats)
    assert abs(rejected[1] - 0.05) < 4 * np.sqrt(0.05 * 0.95 / repeats)


def test_checks_fail_for_forks_that_are_no_continuations(forked):
    sizes = (4,) * 8
    honest = pl.risk_curve(forked.frame(np.random.default_rng(8), sizes, extra_seeds=8), estimator="branch")
    assert honest.anova["total_p_value"].min() > 0.01
    assert honest.anova["own_end_p_value"].min() > 0.01
    assert "caution" not in honest.summary()
    wild = pl.risk_curve(forked.frame(np.random.default_rng(8), sizes, noise=4.0, extra_seeds=8), estimator="branch")
    assert wild.anova["total_p_value"][0] < 1e-3
    assert "caution: within + between is not the variance over independent runs at depth 2" in wild.summary()
    moved = pl.risk_curve(forked.frame(np.random.default_rng(8), sizes, shift=2.0), estimator="branch")
    assert moved.anova["own_end_p_value"].max() < 1e-3
    assert "caution: parents do not end as their forks do at depth 2, 4, 8, 16" in moved._repr_html_()


def test_share_resolved_rises_with_depth_to_the_truth(forked):
    curve = pl.risk_curve(forked.frame(np.random.default_rng(9), (6,) * 40), estimator="branch")
    truth = 1 - np.array(list(forked.risk.values())) / forked.total
    table = curve.anova
    assert np.all((table["share_lower"] < truth) & (truth < table["share_upper"]))
    assert table["share_resolved"].is_monotonic_increasing
    np.testing.assert_allclose(curve.frame()["unresolved"], curve.risk / curve.total_variance)


def test_forks_that_diverged_or_stopped_are_counted_and_left_out(forked):
    frame = forked.frame(np.random.default_rng(10), (3, 3, 3))
    plain = pl.risk_curve(frame, estimator="branch")
    frame.loc[(frame["run"] == "a:0@4:1") & (frame["depth"] == 16), "status"] = "diverged"
    frame.loc[(frame["run"] == "a:1@4:0") & (frame["depth"] == 32), "value"] = np.nan
    frame = frame[~((frame["run"] == "a:2@8:2") & (frame["depth"] == 32))]
    curve = pl.risk_curve(frame, estimator="branch")
    assert (curve.diverged, curve.incomplete) == (2, 1)
    np.testing.assert_array_equal(curve.df, [6, 4, 5, 6])
    np.testing.assert_array_equal(curve.anova["diverged"], [0, 2, 0, 0])
    np.testing.assert_array_equal(curve.anova["incomplete"], [0, 0, 1, 0])
    np.testing.assert_allclose(np.delete(curve.risk, [1, 2]), np.delete(plain.risk, [1, 2]))
    assert "left out: 2 diverged, 1 incomplete forks" in curve.summary()


def test_depth_without_two_finished_forks_of_a_parent_is_in_the_table_only(forked):
    frame = forked.frame(np.random.default_rng(11), (2, 2))
    at_four = frame["run"].str.contains("@4:1")
    curve = pl.risk_curve(frame[~(at_four & (frame["depth"] == 32))], estimator="branch")
    np.testing.assert_array_equal(curve.depth, [2, 8, 16])
    np.testing.assert_array_equal(curve.anova["depth"], [2, 4, 8, 16])
    assert np.isnan(curve.anova["within"][1])
    assert curve.incomplete == 2


def test_fork_depth_is_where_the_fork_was_first_measured_whatever_the_metric(forked):
    frame = forked.frame(np.random.default_rng(12))
    end = frame[frame["depth"] == 32].assign(metric="exam", value=lambda f: 2 * f["value"])
    both = pd.concat([frame, end])
    exam, plain = (pl.risk_curve(both, estimator="branch", metric=m) for m in ("exam", "accuracy"))
    np.testing.assert_array_equal(exam.depth, plain.depth)
    np.testing.assert_allclose(exam.risk, 4 * plain.risk)


def test_forks_at_the_very_start_are_left_out(forked):
    frame = forked.frame(np.random.default_rng(13))
    early = frame[frame["run"].str.contains("@2:")].assign(run=lambda f: f["run"].str.replace("@2:", "@0:"))
    start = early[early["depth"] == 2].assign(depth=0)
    curve = pl.risk_curve(pd.concat([frame, early, start]), estimator="branch")
    np.testing.assert_allclose(curve.risk, pl.risk_curve(frame, estimator="branch").risk)


def test_from_a_store_with_parents(tmp_path, forked):
    frame = forked.frame(np.random.default_rng(14), (2, 2))
    with pl.RunStore(tmp_path / "runs.db") as store:
        store.add_task("a", "f", {})
        for row in frame.itertuples():
            store.record("a", row.run, row.depth, {"accuracy": row.value}, seed=row.seed, parent=row.parent)
        curve = pl.risk_curve(store, "a", estimator="branch", eval_rows=100)
        seeds = pl.risk_curve(store, "a")
    np.testing.assert_allclose(curve.risk, pl.risk_curve(frame, estimator="branch").risk)
    assert seeds.n_runs == 2  # parents only


def test_spread_takes_seeds_and_no_forks(forked):
    frame = forked.frame(np.random.default_rng(15), (3,) * 6)
    curve = pl.risk_curve(frame)
    seeds = frame[frame["parent"].isna()]
    np.testing.assert_allclose(curve.risk, pl.risk_curve(seeds).risk)
    assert (curve.n_runs, curve.incomplete, curve.diverged) == (6, 0, 0)
    with pytest.raises(DataError, match=r"0 runs, 0 depths.*72 forks share their parents' prefix and are no seeds"):
        pl.risk_curve(frame[frame["parent"].notna()])


def test_part_of_the_curve_keeps_its_analysis(forked):
    curve = pl.risk.from_depth(pl.risk_curve(forked.frame(np.random.default_rng(16)), estimator="branch"), 8)
    np.testing.assert_array_equal(curve.anova["depth"], [8, 16])
    assert "unbiased for the risk of this very run" in curve._repr_html_()


def test_sampling_error_stands_beside_forks_too(forked):
    frame = forked.frame(np.random.default_rng(17))
    frame["value"] = 1 / (1 + np.exp(-frame["value"]))
    curve = pl.risk_curve(frame, estimator="branch", eval_rows=400)
    p = frame.loc[(frame["depth"] == 32) & frame["parent"].notna(), "value"].mean()
    assert curve.sampling_error == pytest.approx(p * (1 - p) / 400)


def test_errors_say_what_to_do(forked, tidy):
    seeds = tidy(np.random.default_rng(18).normal(size=(4, 3)), [1, 2, 4])
    with pytest.raises(DataError, match=r"task 'a': no forks: no run names a parent. Probe with design='branch'"):
        pl.risk_curve(seeds, estimator="branch")
    with pytest.raises(DataError, match="no forks"):
        pl.risk_curve(seeds.drop(columns="parent"), estimator="branch")
    frame = forked.frame(np.random.default_rng(18), (1, 1, 1))
    with pytest.raises(DataError, match=r"0 depths at which a parent has two finished forks.*Probe more forks"):
        pl.risk_curve(frame, estimator="branch")
    frame = forked.frame(np.random.default_rng(18), (2, 2))
    one = frame[frame["parent"].isna() | frame["run"].str.contains("@4:")]
    with pytest.raises(DataError, match=r"1 depths at which a parent has two finished forks"):
        pl.risk_curve(one, estimator="branch")
    with pytest.raises(DataError, match=r"fork 'a:0@2:0' was measured at the full depth 32 only.*Add that row"):
        pl.risk_curve(frame[frame["parent"].isna() | (frame["depth"] == 32)], estimator="branch")
    with pytest.raises(DataError, match="every fork ends at the same accuracy"):
        pl.risk_curve(frame.assign(value=0.5), estimator="branch")
    with pytest.raises(ArgumentError, match=r"groups='task': expected None with estimator 'branch'"):
        pl.risk_curve(frame, estimator="branch", groups="task")
    with pytest.raises(ArgumentError, match=r"groups='sizes \[1, 1\]': expected at least one parent with two forks"):
        anova([np.ones(1), np.ones(1)])
