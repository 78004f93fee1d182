"""The posterior of the ladder: against dense Gaussian algebra, and against its own prior."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from predictlab.choosing import _ladder as ladder
from predictlab.choosing._ladder import Ladder, Rungs
from predictlab.choosing._next_runs import Chooser
from predictlab.choosing._sums import Sums, units

CHAINS, N, K = 2000, 4, 4
REACHED = [[4, 1], [2, 3], [1], [1, 1, 4]]  # rungs of each run of each candidate


def from_prior(rng, chains=CHAINS):
    """A state of every chain, drawn from the prior."""
    gamma, normal = rng.standard_gamma, rng.standard_normal
    df, rung = ladder.DF, np.arange(K)[:, None]
    s = {name + "s": gamma(ladder.SHARED, chains) / ladder.RATES[name] for name in "twv"}
    s["g"], s["d0"] = rng.choice(ladder.FALLS, chains), rng.choice(ladder.SHAPES, chains)
    s["tau"] = df["t"] * s["ts"] / 2 / gamma(df["t"] / 2, chains)
    s["w"] = df["w"] * s["ws"] / 2 / gamma(df["w"] / 2, (K - 1, chains))
    s["v"] = df["v"] * s["vs"] * s["g"] ** rung / 2 / gamma(df["v"] / 2, (K, chains))
    s["l"] = s["d0"] / 2 / gamma(s["d0"] / 2, (N, chains))
    s["mu"], s["a"] = normal(chains) / ladder.FLAT**0.5, normal((K - 1, chains)) / ladder.FLAT**0.5
    s["bs"] = ladder.SLOPE + ladder.SLOPE_SD * normal(chains)
    s["b"] = s["bs"] + ladder.ALIKE * normal((K - 1, chains))
    s["c"] = ladder.TREND_SD * normal(chains)
    s["p"] = ladder.CARRY + ladder.CARRY_SD * normal((K - 1, chains))
    m = np.empty((K, N, chains))
    m[0] = s["mu"] + np.sqrt(s["tau"]) * normal((N, chains))
    for j in range(K - 1):
        fell = s["c"] * (m[j] - m[j - 1]) if j else 0.0
        m[j + 1] = s["a"][j] + s["b"][j] * m[j] + fell + np.sqrt(s["w"][j]) * normal((N, chains))
    return s | {"m": m}


def measured(s, rng):
    """Sums over runs that are drawn anew for each chain from its state."""
    chains = len(s["mu"])
    z = np.zeros((6, K, N, chains))
    for i, runs in enumerate(REACHED):
        for reached in runs:
            rest = before = np.zeros(chains)
            for j in range(reached):
                new = np.sqrt(s["l"][i] * s["v"][j]) * rng.standard_normal(chains)
                rest = s["p"][j - 1] * rest + new if j else new
                y = s["m"][j, i] + rest
                z[:, j, i] += np.array([np.ones(chains), y, before, y * y, before * y, before * before])
                before = y
    count = z[0, :, :, :1]
    here = (count > 0).astype(float)
    return SimpleNamespace(
        count=count, y=z[1], y0=z[2], yy=z[3], y0y=z[4], y0y0=z[5], here=here, reached=here.sum(axis=1),
        runs=count.sum(axis=1), values=count.sum(axis=0),
    )  # fmt: skip


def begun(rng, chains=CHAINS):
    found = Ladder(N, K, rng)
    found.state, found.centre, found.scale = from_prior(rng, chains), np.zeros(K), np.ones(K)
    return found


def test_the_sampler_keeps_its_prior():
    """Geweke (2004): data given the state, then a sweep given the data, leave the law of the state as it is."""
    rng = np.random.default_rng(3)
    found, prior = begun(rng), from_prior(np.random.default_rng(4))
    for _ in range(40):
        known = measured(found.state, rng)
        middle, spread = found._means(known)
        found.state["m"] = middle + spread(rng.standard_normal(middle.shape))
        found._runs(known)
        found._candidates(known)
    chances = [
        ks_2samp(now, then).pvalue
        for name in prior
        for now, then in zip(
            found.state[name].reshape(-1, CHAINS), prior[name].reshape(-1, CHAINS), strict=True
        )
    ]  # fmt: skip
    assert len(chances) > 40
    assert min(chances) > 0.05 / len(chances)
    assert np.mean(np.array(chances) < 0.1) < 0.3


def test_means_given_the_rest_are_those_of_dense_algebra():
    rng = np.random.default_rng(0)
    found = begun(rng, 1)
    s = {name: value[..., 0] for name, value in found.state.items()}
    values = [
        np.array([np.where(np.arange(K) < r, rng.standard_normal(K), np.nan) for r in runs]) for runs in REACHED
    ]  # fmt: skip
    middle, spread = found._means(Sums(values, np.zeros(K), np.ones(K)))
    for i, runs in enumerate(values):
        # m = prior mean + A e, and each reading a row of a design, less what the rung before carries on
        one = np.eye(K)
        for j in range(K - 1):
            one[j + 1, j] -= s["b"][j] + s["c"] * (j > 0)
            if j:
                one[j + 1, j - 1] += s["c"]
        precision = one.T @ np.diag(1 / np.array([s["tau"], *s["w"]])) @ one
        linear = precision @ np.linalg.solve(one, [s["mu"], *s["a"]])
        carried = np.eye(K) - np.diag(s["p"], -1)
        for run in runs:
            r = int(np.isfinite(run).sum())
            weight = np.diag(1 / (s["l"][i] * s["v"][:r]))
            precision[:r, :r] += carried[:r, :r].T @ weight @ carried[:r, :r]
            linear[:r] += carried[:r, :r].T @ weight @ carried[:r, :r] @ run[:r]
        np.testing.assert_allclose(middle[:, i, 0], np.linalg.solve(precision, linear), rtol=1e-6)
        factor = np.array([spread(np.eye(K)[:, j][:, None, None] * np.ones((1, N, 1)))[:, i, 0] for j in range(K)]).T
        np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=1e-6)


def test_units_do_not_shrink_because_only_the_best_go_on():
    rng = np.random.default_rng(0)
    first = rng.standard_normal(400)
    last = 2 * first + 0.5 * rng.standard_normal(400)
    values = [np.array([[a, b if a > 1 else np.nan]]) for a, b in zip(first, last, strict=True)]
    _, scale = units(values, 2)
    assert scale[1] / scale[0] == pytest.approx(np.sqrt(4.25), rel=0.15)
    assert np.std(last[first > 1]) / scale[0] < 1.3  # what it would be from these alone


def test_a_run_that_is_worth_the_most_is_chosen():
    """Two candidates close to each other and one far behind: nothing is spent on the last."""
    rng = np.random.default_rng(0)
    values = [np.full((3, 1), m) + 0.1 * rng.standard_normal((3, 1)) for m in (1.0, 1.03, -5.0)]
    posterior = Ladder(3, 1, np.random.default_rng(1)).look(Rungs(values))
    chooser = Chooser(posterior, 1.0, [[1] * 3] * 3, np.ones((3, 1)), [None] * 3, np.zeros(3, dtype=bool), 0.0)
    runs = chooser.choose(4.0, 4.0)
    assert len(runs) == 4
    assert {run.candidate for run in runs} <= {0, 1}
