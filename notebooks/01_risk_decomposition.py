# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · The risk, and why nobody gets below it
#
# **Aims.** After this lesson you can
# - say what the risk `L(c)` is, and split it into a floor and a part that probing can resolve;
# - check the law of total variance on simulated runs;
# - say where the power law `K c^-alpha` comes from, and when it does not hold;
# - explain why no predictor, however clever, does better.
#
# Everything here happens in *worlds*: simulated fine-tunes whose risk is known exactly. It needs no model and takes
# less than a minute. Source of the theory: Luo, Wang, Tang, *A Risk Decomposition Framework for Pre-Hoc Fine-Tuning
# Prediction* (ICML 2026).

# %%
import altair as alt
import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor

import predictlab as pl
from predictlab_widgets import RiskDecomposition

pl.charts.enable()  # charts that need no network

# %% [markdown]
# ## 1. A run that reveals itself
# In the *martingale world* the final performance `R` of a run is a sum of independent shocks, one for each step, and a
# last one that no step ever shows. After `c` steps you know the first `c` shocks; the best prediction of `R` is their
# sum. Each line below is the best prediction for one run while it trains, each dot on the right where that run ends.

# %%
world = pl.worlds.MartingaleWorld(intrinsic_limit=0.1, scale=0.9, decay_rate=0.8)
DEPTHS = [0, 1, 3, 7, 15, 31, 63, 127, 255]
runs = world.simulate(600, DEPTHS, seed=3)

few = runs[runs["seed"] < 7]
x = alt.X("depth:Q", title="depth c (steps)", scale=alt.Scale(type="symlog"), axis=alt.Axis(values=DEPTHS, grid=False))
lines = alt.Chart(few[few["metric"] == "prediction"]).mark_line(point=True)
ends = alt.Chart(few[(few["metric"] == "performance") & (few["depth"] == 255)]).mark_point(filled=True, size=90)
(
    lines.encode(x=x, y=alt.Y("value:Q", title="best prediction; end"), color=alt.Color("run:N", legend=None))
    + ends.encode(x=alt.value(495), y="value:Q", color=alt.Color("run:N", legend=None))
).properties(width=480, height=220)

# %% [markdown]
# The lines move a lot at first and hardly at all later: most is learned early. Yet even the last prediction misses the
# dot. That rest is the **floor**, `L_int`.
#
# Mind what makes this world simple: the line *is* the best prediction of the end of that very run (`this_run`). The metric that a
# real run shows on the way is not; four questions that one can ask of real runs, each with a risk and a floor of its own, are kept
# apart in lesson 3. In the paper the floor is what the static fit of model and data leaves open, and what is worth probing is
# the rest. (Units: where `R` is an accuracy, a risk is an accuracy squared, *metric²*; its root is in the metric again.)
#
# ## 2. The law of total variance
# Variance of `R` = variance that is **known** after `c` steps + variance that is **left**. What is left, on average, is
# the risk `L(c)`. It is the floor `L_int` plus what more probing could still resolve, `V_opt(c)`.

# %%
many = world.simulate(10_000, DEPTHS, seed=4)
wide = many.pivot_table(index="run", columns=["metric", "depth"], values="value")
known, end = wide["prediction"], wide["performance"]

parts = pd.DataFrame({"known": known.var(), "left": ((end - known) ** 2).mean()})
parts["known + left"] = parts["known"] + parts["left"]
parts["variance of R"] = end.var()
parts["L(c), exact"] = world.risk(DEPTHS)
parts.round(3)

# %% [markdown]
# In each row `known` and `left` add up to the variance of `R`, and `left` is the exact risk; what is off is the luck of a
# finite number of runs. The same as a picture, exact:

# %%
risk = world.risk(DEPTHS)
colours = {"floor L_int": "#444444", "reducible V_opt": "#C65300", "known": "#BBD7EC"}
split = pd.DataFrame({"floor L_int": world.intrinsic_limit, "reducible V_opt": risk - world.intrinsic_limit}, DEPTHS)
split["known"] = risk[0] - risk
split = split.rename_axis("depth").reset_index().melt("depth", var_name="part", value_name="variance")
split["order"] = split["part"].map(list(colours).index)
alt.Chart(split).mark_bar().encode(
    x=alt.X("depth:O", title="depth c (steps)", axis=alt.Axis(labelAngle=0)),
    y=alt.Y("variance:Q", title="variance of R"),
    color=alt.Color("part:N", title=None, scale=alt.Scale(domain=list(colours), range=list(colours.values()))),
    order="order:Q",
).properties(width=420, height=220)

# %% [markdown]
# Orange melts away as you probe; grey stays whatever you pay.
#
# ## 3. Where the power law comes from
# Take plain SGD: each step of size `eta_t` adds gradient noise. If step sizes fall as `t^-rho`, the noise that is still
# to come after `c` steps falls as `c^-(2 rho - 1)`, in a direction where the loss is flat. The *quadratic SGD world*
# computes it, for three schedules that go on and on, and for one that stops at step 1,000.
#
# In short: what is left open after `c` steps is the sum of the variances of all later increments, for increments of a martingale
# are uncorrelated. A later step `t` adds `(b eta_t s)²`, the noise `s` of a gradient times its step `eta_t` times how much the
# performance minds, `b`. With `eta_t ~ t^-rho` the sum over `t >= c` is at least `K c^-(2 rho - 1)`. That is a **bound**
# (Proposition 5.1): in a flat direction, with noise that does not die out and a smooth performance, `V_opt` falls *no faster*.
# A law with an exponent to fit is more than the bound says (lesson 7 tests both).

# %%
steps = np.unique(np.geomspace(10, 900, 25).astype(int))
schedules = {f"rho {rho}": pl.worlds.QuadraticSGDWorld(step_decay=rho, horizon=1_000_000) for rho in (0.75, 0.9, 1.0)}
schedules["rho 0.75, stops"] = pl.worlds.QuadraticSGDWorld(step_decay=0.75, horizon=1000)
curves = pd.concat(pd.DataFrame({"depth": steps, "risk": w.risk(steps), "schedule": n}) for n, w in schedules.items())
alt.Chart(curves).mark_line(strokeWidth=2).encode(
    x=alt.X("depth:Q", title="depth c (steps)", scale=alt.Scale(type="log", domain=[10, 1000])),
    y=alt.Y("risk:Q", title="risk L(c)", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=5)),
    color=alt.Color("schedule:N", title=None),
    strokeDash=alt.StrokeDash("schedule:N", title=None),
).properties(width=420, height=240)

# %%
slopes = pd.DataFrame({"2 rho - 1": {name: 2 * sgd.step_decay - 1 for name, sgd in schedules.items()}})
for first, last in ((10, 100), (100, 900)):
    fall = {name: np.divide(*sgd.risk([first, last])) for name, sgd in schedules.items()}
    slopes[f"slope, steps {first} to {last}"] = np.log(pd.Series(fall)) / np.log(last / first)
slopes.round(2)

# %% [markdown]
# The schedules that go on follow the law. The one that stops bends down: near its end there is little noise left to
# come, so nearly everything is settled. **The law speaks of runs that go on**; keep that in mind when a real recipe ends
# with a learning rate of zero (lesson 3 shows it).
#
# ## 4. Why no predictor escapes it
# Take any predictor `f` of what is known after `c` steps, `I_c`. The best is the conditional mean, `E[R | I_c]`, and what that
# misses, `R - E[R | I_c]`, is uncorrelated with everything that is known, so with `f` too. The square of the sum has no cross term:
#
# $$E(R - f)^2 = E\,\mathrm{Var}(R \mid I_c) + E(E[R \mid I_c] - f)^2 .$$
#
# The first part is `L(c)`, the second is never below 0. That is all of the proof. Let machine learning try. (In this world it is
# *given* the conditional mean as its input; on real runs it has to find it, lesson 3.) Four predictors see the course of each run up to a depth and have to say where it ends; each
# is judged on runs it was not trained on. `pl.risk_curve` with the estimator `residual` does that.

# %%
seen = runs[runs["metric"] == "prediction"]
ends = runs[(runs["metric"] == "performance") & (runs["depth"] == DEPTHS[-1])].assign(depth=DEPTHS[-1] + 1)
table = pd.concat([seen, ends]).assign(metric="performance", depth=lambda t: t["depth"] + 1)

predictors = {
    "always the mean": DummyRegressor(),
    "20 nearest runs": KNeighborsRegressor(20),
    "random forest": RandomForestRegressor(30, min_samples_leaf=10, random_state=0),
    "ridge regression": None,  # predictlab's own default
}
errors = pd.DataFrame(
    {
        name: pl.risk_curve(table, estimator="residual", regressor=regressor).frame().set_index("depth")["risk"]
        for name, regressor in predictors.items()
    }
)
errors.insert(0, "L(c)", risk)
errors.index = pd.Index(DEPTHS, name="depth")
ratio = errors.div(errors["L(c)"], axis=0)
print(f"errors as a multiple of the risk; luck of {len(ends)} runs: ±{2 * np.sqrt(2 / len(ends)):.2f} (95 %)")
ratio.round(2)

# %%
shown = errors.drop(columns="L(c)").reset_index().melt("depth", var_name="predictor", value_name="error")
x = alt.X("depth:Q", title="depth c (steps)", scale=alt.Scale(type="symlog"), axis=alt.Axis(values=DEPTHS, grid=False))
y = alt.Y("error:Q", title="mean squared error", scale=alt.Scale(type="log"))
bound = alt.Chart(errors.reset_index().rename(columns={"L(c)": "error"})).mark_line(color="#444444", strokeWidth=2)
points = alt.Chart(shown).mark_point(filled=True, size=70, opacity=1)
(
    bound.encode(x=x, y=y)
    + points.encode(x=x, y=y, color=alt.Color("predictor:N", title=None), shape=alt.Shape("predictor:N", title=None))
).properties(width=420, height=240, title="L(c), and what four predictors achieve")

# %% [markdown]
# The line is `L(c)`. The simple regression lies on it, up to the luck of the sample (the ± above), for in this world the
# best predictor is simple; the others lie above. Cleverness can bring you *down to* the line. Only **more depth** moves along it, and nothing gets below the
# floor.
#
# ## 5. The theory in the hand
# Depth costs something. With `gamma`, the exchange rate, the risk (metric²) that one unit of cost is worth, total cost is a valley
# and `c*` its bottom. There the next step saves what it costs, `alpha K c^-(alpha + 1) = gamma lambda`. (The first row
# of the table below is the first depth of the axis, 1 step: a short probe, with which `c*` is compared.) Move the sliders and watch the split, the valley and `c*`.

# %%
lesson = RiskDecomposition(intrinsic_limit=0.1, scale=0.9, decay_rate=0.8, exchange_rate=1e-3, tolerance=0.2)
lesson

# %% [markdown]
# The same sliders can be moved by code. Here the floor goes up and nothing else:

# %%
rows = []
for floor in (0.01, 0.1, 0.4):
    lesson.intrinsic_limit = floor
    rows.append((floor, lesson.optimal_depth, lesson.total, lesson.tolerance_depth))
pd.DataFrame(rows, columns=["L_int", "c*", "least total", "c for the tolerance"]).round(3)

# %% [markdown]
# The floor moves the total, never `c*`: you cannot buy it down. But it decides whether a tolerance can be met at all;
# `inf` means that no depth is enough.
#
# ## Try
# 1. Take a tenth of the runs in section 2, then ten times as many. What happens to `left`, and how fast?
# 2. Give the SGD world a curvature, `curvature=5.0`. How does the risk fall now, and why?
# 3. A step becomes four times as dear. By what factor does `c*` change?
# 4. Which slider would you move to make probing not worth its price: the floor, or the decay rate?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** It comes closer to the exact risk; the error falls with the square root of the number of runs. (Nothing else is
# off: the identity is exact for averages over all runs; in a sample what is known and what is left correlate by chance.)

# %%
off = {}
for n in (100, 400, 1600):
    left = (world.errors(n, DEPTHS, seed=5, repeats=50) ** 2).mean(axis=1)  # fifty samples of n runs
    off[n] = np.sqrt(np.mean((left / risk - 1) ** 2))
pd.DataFrame({"typical relative error of 'left'": off}).rename_axis("runs").round(3)

# %% [markdown]
# **2.** With curvature every step pulls the parameters back and forgets earlier noise. What is known early does not last,
# so the risk hardly falls until near the end, and then all at once. The law needs a direction that remembers.

# %%
sgd = {h: pl.worlds.QuadraticSGDWorld(curvature=h, step_decay=0.75, horizon=1000) for h in (0.0, 5.0)}
at = [0, 10, 100, 500, 900, 990, 999]
left = {f"share left, curvature {h}": w.risk(at) / w.risk([0]) for h, w in sgd.items()}
pd.DataFrame(left, index=pd.Index(at, name="depth")).round(3)

# %% [markdown]
# **3.** `c*` changes by the power `-1/(alpha + 1)` of the price:

# %%
lesson.intrinsic_limit = world.intrinsic_limit
before, lesson.cost_per_step = lesson.optimal_depth, 4 * lesson.cost_per_step
print(f"c* before {before:.1f}, after {lesson.optimal_depth:.1f}")
print(f"factor {lesson.optimal_depth / before:.3f}, by the formula {4 ** (-1 / (lesson.decay_rate + 1)):.3f}")

# %% [markdown]
# **4.** Not the floor: it is paid with and without a probe, so it drops out of the comparison. A slow decay does it:
# a step then resolves less than it costs.

# %%
lesson.cost_per_step, lesson.exchange_rate = 1.0, 0.05
for name, value in (("intrinsic_limit", 1.0), ("decay_rate", 0.05)):
    start = getattr(lesson, name)
    setattr(lesson, name, value)
    print(f"{name} = {value}: probing {'pays' if lesson.probing_pays else 'does not pay'}")
    setattr(lesson, name, start)
