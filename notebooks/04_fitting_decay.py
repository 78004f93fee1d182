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
# # 4 · Fitting the decay: which numbers to believe
#
# **Aims.** After this lesson you can
# - fit `L_int + K c^-alpha` and read its summary;
# - choose among profile, Wald, GEE and bootstrap intervals, all built on statsmodels or on whole runs;
# - see where least squares in logarithms goes wrong;
# - recognise when `alpha` cannot be known, and say so;
# - criticise a fit: burn-in, rival laws, two modes;
# - fit a curve that rises before it falls, with the rise as part of the model: the library's default.
#
# Most of it happens in worlds, where the truth is known and a method can be caught out. One real fine-tune shows the
# burn-in. About a minute.

# %%
import altair as alt
import numpy as np
import pandas as pd

import predictlab as pl

pl.charts.enable()
pd.set_option("display.max_colwidth", None)

DEPTHS = [3, 7, 15, 31, 63, 127, 255, 511]
TRUE_RATE = 1.0
world = pl.worlds.MartingaleWorld(intrinsic_limit=0.01, scale=2.0, decay_rate=TRUE_RATE)

# %% [markdown]
# ## 1. One fit
# The variance over 24 seeds at eight depths, and the law fitted to it. Sample variances are Gamma distributed, so
# `fit("gamma")` is a Gamma likelihood, a statsmodels GLM at a fixed alpha; as the same seeds are seen at every depth, their
# correlation is taken into account. The library's default, `fit()`, is another one: section 6 says why.

# %%
curve = world.spread(24, DEPTHS, seed=1)
fit = pl.DecayModel(curve).fit("gamma")
print(fit.summary())

# %%
fit.plot()

# %% [markdown]
# The truth is in the name of the world. Grey points, if there are any, are burn-in and not fitted (section 5).
#
# ## 2. Four intervals

# %%
methods = ("profile", "wald", "gee", "bootstrap")
rates = pd.DataFrame({method: fit.conf_int(method=method).loc["decay_rate"] for method in methods}).T
rates.round(2)

# %%
base = alt.Chart(rates.rename_axis("method").reset_index()).encode(y=alt.Y("method:N", title=None, sort=list(methods)))
x = alt.X("lower:Q", title="95 % interval of alpha; dashed: the truth")
truth = alt.Chart(pd.DataFrame({"alpha": [TRUE_RATE]})).mark_rule(strokeDash=[5, 4]).encode(x="alpha:Q")
(base.mark_rule(strokeWidth=4, color="#0065A3").encode(x=x, x2="upper:Q") + truth).properties(width=420, height=110)

# %% [markdown]
# | method | how | trust it when |
# |---|---|---|
# | `profile` | all values of `alpha` that the likelihood cannot rule out | nearly always; it may be unbounded, and says so |
# | `wald` | a standard error from the information (statsmodels GLS), on the log scale | the profile is about as wide: many seeds, low floor |
# | `gee` | statsmodels GEE, each run a cluster: no assumption on how depths hang together | many runs |
# | `bootstrap` | whole runs are drawn again and refitted | many runs; odd shapes of noise |
#
# One data set proves nothing. How often does each interval hold the truth? Many data sets of this world, by
# all but the bootstrap (which takes too long here), and two methods more for the next section:

# %%
ORDER = ["profile", "wald", "gee", "log-log", "log-log, last subtracted"]


def estimates(seed, runs=24):
    """Estimate and interval of alpha by each method, in one simulated data set."""
    curve = world.spread(runs, DEPTHS, seed=seed)
    model = pl.DecayModel(curve, burn_in=DEPTHS[0] + 1)  # a world has no burn-in: all depths
    fits = {"profile": model.fit("gamma"), "gee": model.fit("gee"), "log-log": model.fit("loglog")}
    fits |= {"wald": fits["profile"], "log-log, last subtracted": model.fit("loglog", floor="last")}
    rows = {m: f.conf_int(method="wald" if m == "wald" else None).loc["decay_rate"] for m, f in fits.items()}
    table = pd.DataFrame(rows).T.rename_axis("method")
    return table.assign(estimate={m: f.params["decay_rate"] for m, f in fits.items()}).loc[ORDER].reset_index()


repeats = 60
trials = pd.concat([estimates(seed) for seed in range(100, 100 + repeats)], ignore_index=True)
trials["holds"] = trials["lower"].le(TRUE_RATE) & trials["upper"].ge(TRUE_RATE)
print(f"luck of {repeats} repeats, for a method that holds 95 %: ±{1.96 * np.sqrt(0.95 * 0.05 / repeats):.2f}")
trials.groupby("method", sort=False).agg(mean_estimate=("estimate", "mean"), holds_truth=("holds", "mean")).round(2)

# %% [markdown]
# The profile comes closest to what it promises. Wald and GEE promise a little more than they keep with so few runs. The
# two at the bottom are another matter.
#
# ## 3. Where log-log least squares goes wrong
# The quick recipe is a straight line through `log U` against `log c`, by ordinary least squares. A floor bends the curve;
# the line then takes the bend for slow decay. Subtracting the last value straightens it, and overdoes it.

# %%
blue_red = alt.Scale(domain=[True, False], range=["#0065A3", "#C65300"])
shown = trials[trials["method"].isin(["profile", "log-log", "log-log, last subtracted"])]
points = (
    alt.Chart(shown)
    .mark_tick(opacity=0.6, thickness=2)
    .encode(
        x=alt.X("estimate:Q", title="estimate of alpha", scale=alt.Scale(zero=False)),
        y=alt.Y("method:N", title=None, sort=ORDER, axis=alt.Axis(labelLimit=200)),
        color=alt.Color("holds:N", title="interval holds the truth", scale=blue_red),
    )
)
(points + truth).properties(width=420, height=110)

# %% [markdown]
# The plain line is biased whatever the seed, and its intervals are far too sure, for they take all depths as independent and
# equally well measured, and the floor as known. It is in the library (`fit("loglog")`) to compare with, no more:

# %%
line = pl.DecayModel(curve, burn_in=4).fit("loglog")
grid = np.geomspace(4, 4096, 60)
laws = pd.DataFrame({"depth": grid, "Gamma fit": fit.predict(grid), "log-log line": line.predict(grid)})
laws["truth"] = world.intrinsic_limit + world.scale * grid**-TRUE_RATE
laws = laws.melt("depth", var_name="law", value_name="risk")
seen = alt.Chart(curve.frame()).mark_point(filled=True, color="#444444", size=50, opacity=1)
log = alt.Scale(type="log", domain=[4, 4096])
x = alt.X("depth:Q", title="depth c (steps)", scale=log, axis=alt.Axis(values=[4, 16, 64, 256, 1024, 4096]))
y = alt.Y("risk:Q", title="risk", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=4))
name, dash = alt.Color("law:N", title=None), alt.StrokeDash("law:N", title=None)
lines = alt.Chart(laws).mark_line().encode(x=x, y=y, color=name, strokeDash=dash)
(lines + seen.encode(x=x, y=y)).properties(width=420, height=220)

# %% [markdown]
# Beyond the last measured depth the line promises a risk below a floor that is there.
#
# ## 4. When alpha cannot be known
# The higher the floor, the fewer depths show any decay. Vary the floor and the number of seeds, all else the same:

# %%
rows = []
for floor in (0.001, 0.01, 0.1, 0.5):
    for seeds in (8, 32, 128):
        raised = pl.worlds.MartingaleWorld(floor, 2.0, TRUE_RATE)
        found = pl.DecayModel(raised.spread(seeds, DEPTHS, seed=2)).fit("gamma")
        rows.append((floor, seeds, *found.conf_int().loc["decay_rate"], found.identified))
known = pd.DataFrame(rows, columns=["floor", "seeds", "lower", "upper", "identified"])
known.pivot_table(index="floor", columns="seeds", values="identified", aggfunc="first")

# %%
known["to"] = known["upper"].clip(upper=4)
x = alt.X("lower:Q", title="95 % interval of alpha; to the edge: unbounded", scale=alt.Scale(domain=[0, 4]))
alt.Chart(known).mark_rule(strokeWidth=4).encode(
    x=x, x2="to:Q", y=alt.Y("seeds:O", title="seeds"), color=alt.Color("identified:N", scale=blue_red), row="floor:N"
).properties(width=420, height=70)

# %% [markdown]
# `identified` is False where the interval is unbounded: every large `alpha` fits as well, or even none at all. Then no
# estimate of `alpha` should leave your desk. More seeds help where the floor is low; under a high floor it takes very many.
# The interval at every level shows why: a known `alpha` closes in like a funnel, an unknown one stays open.

# %%
levels = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
noisy = pl.DecayModel(pl.worlds.MartingaleWorld(0.5, 2.0, TRUE_RATE).spread(32, DEPTHS, seed=2)).fit("gamma")
funnels = pd.concat(
    pd.DataFrame([f.conf_int(level).loc["decay_rate"] for level in levels]).assign(level=levels, task=name)
    for name, f in {"low floor (section 1)": fit, "the highest floor": noisy}.items()
)
funnels["upper"] = funnels["upper"].clip(upper=6)
alt.Chart(funnels).mark_bar(height=6).encode(
    x=alt.X("lower:Q", title="interval of alpha (cut off at 6)", scale=alt.Scale(domain=[0, 6])),
    x2="upper:Q",
    y=alt.Y("level:Q", title="level", axis=alt.Axis(format="%")),
    column=alt.Column("task:N", title=None),
).properties(width=230, height=160)

# %% [markdown]
# ## 5. Burn-in, on a real fine-tune
# Real spreads often rise before they decay (lesson 3). The law is about what comes after, so the first depths are left
# out: those before the peak, and then any from which the law does not fit.

# %%
data = pl.load_dataset("newsgroups20", train_size=800, eval_size=500, seed=0)
recipe = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=128)
task = pl.Task("minilm-l6", data, recipe, metric="eval_loss", name="newsgroups head")
runs = pl.probe(task, pl.ProbePlan((1, 2, 4, 8, 16, 32, 64, 96, 128), seeds=16), progress=False)
real = pl.risk_curve(runs, metric="eval_loss")
chosen = pl.DecayModel(real).fit("gamma")
chosen.plot()

# %%
forced = pl.DecayModel(real, burn_in=1.0).fit("gamma")
rows = {}
for name, f in {"burn-in left out": chosen, "all depths": forced}.items():
    rows[name] = [f.burn_in.first, f.params["decay_rate"], *f.conf_int().loc["decay_rate"], f.burn_in.p_value]
pd.DataFrame(rows, index=["first depth", "alpha", "lower", "upper", "lack of fit p"]).round(3)

# %% [markdown]
# With all depths in, the fit is plainly wrong (`lack of fit p`), and its `alpha` with it. The other p value is no test: the first
# depth was *chosen* so that it exceeds 5 %, and it would be above that for a wrong law, too. Say which depths were fitted
# whenever you quote an `alpha`. `burn_in=` is your own choice of the first one.
#
# ## 6. Where a cut is not enough, and the default fit
# The cut above was chosen by a test on the same data, and the intervals do not know it. In a world whose spread rises before
# it falls, `alpha` = 1, how often does a 95 % interval hold `alpha`, and the risk at the last depth? The rise is known here,
# so it can be counted:

# %%
FALL, SEEN = 2.0 ** np.arange(2, 11), 40
risk = 1.0 / FALL / (1 + (40 / FALL) ** 0.8)  # a slow rise, then a power law


def rising_curve(seed, seeds=24):
    z = np.random.default_rng(seed).standard_normal((seeds, len(FALL)))
    for i in range(1, len(FALL)):  # neighbouring depths of a run hang together
        z[:, i] = 0.9 * z[:, i - 1] + np.sqrt(0.19) * z[:, i]
    errors = (z - z.mean(axis=0)) * np.sqrt(risk)
    df = seeds - 1.0
    return pl.RiskCurve(FALL, np.sum(errors**2, axis=0) / df, df, errors=errors, estimator="spread")


held = {}
for method in ("gamma", "posterior"):
    found = [pl.DecayModel(rising_curve(seed)).fit(method) for seed in range(SEEN)]
    ends = [f.conf_int().loc["decay_rate"] for f in found]
    rates_held = [low <= 1 <= high for low, high in ends]
    ends_held = [np.quantile(f.risk_draws([256.0]), [0.025, 0.975]) for f in found]
    held[method] = {
        "alpha held": np.mean(rates_held),
        "risk at 256 steps held": np.mean([low <= risk[6] <= high for low, high in ends_held]),
        "width of alpha": np.median([high - low for low, high in ends]),
    }
pd.DataFrame(held).T.round(2)

# %% [markdown]
# The likelihood is sure of an `alpha` that is wrong: the slow end of the rise passes for a slow decay, and no test sees it. The
# default has the rise, and an error of the law's own, in the model, and draws curves that fit the data: a posterior. Its
# intervals are wider where the likelihood's are too sure, since where the decay begins is uncertain too. It costs something:
# what is believed beforehand enters, so the summary names it, and a regime is called only if three other priors would call it too.

# %%
default = pl.DecayModel(rising_curve(1)).fit()
print(default.summary())

# %%
default.plot()

# %% [markdown]
# Dotted: where the rise is over in the median draw; dashed: the law alone, as if there had been no rise; the band is that of
# the risk itself. The larger a point, the more its depth says about `alpha`. In numbers: how far `ln alpha` moves if `ln U`
# there moves by one standard error.

# %%
default.influence.to_frame().T.round(2)

# %% [markdown]
# `fit.rising` is the probability that the risk still rises at the last depth; above a tenth nothing is said of a regime. The
# real fine-tune of section 5 by both:

# %%
real_default = pl.DecayModel(real).fit()
compared = {"gamma, burn-in left out": chosen, "posterior": real_default}
pd.DataFrame(
    {name: [*f.conf_int().loc["decay_rate"], f.predict([512])[0]] for name, f in compared.items()},
    index=["alpha from", "to", "risk at 512 steps"],
).T.map("{:.3g}".format)

# %% [markdown]
# ## 7. Rival laws
# Is it a power law at all? Four or five laws, compared by an information criterion (less is better, `weight` adds up to one):

# %%
fit.compare_laws()[["law", "parameters", "delta", "weight", "estimate"]].round(2)

# %%
chosen.compare_laws()[["law", "parameters", "delta", "weight", "estimate"]].round(2)

# %% [markdown]
# A `delta` of less than two is no contest. Rivals that agree where you measured can differ far beyond. The default fit
# therefore has them in it: a power law, an exponential, and, where the recipe is known to end its learning rate at 0, a fall
# with the learning rate. Risks, regimes and depths are averaged over them by their probability; `alpha` is that of the power
# law alone, and `fit.slope` is the slope at the last depth over all.

# %%
print(real_default.families.round(2).to_dict())
real_default.compare_laws()[["law", "parameters", "delta", "weight", "probability"]].round(2)

# %% [markdown]
# Where the fall is the schedule's, or exponential, a power law's `alpha` is no property of the task: quote risks and depths, not
# `alpha`.
#
# ## 8. Two modes
# Some tasks collapse now and then: a few seeds end far below the rest. One variance then mixes two questions: *does* a run
# collapse, and how far apart are those that do not?

# %%
collapsing = pl.worlds.MartingaleWorld(0.03, 2.0, TRUE_RATE, collapse=0.06, collapse_size=0.7)
ends = collapsing.spread(32, DEPTHS, seed=3)
mixed = pl.DecayModel(ends).fit("gamma")
print(mixed.modes.sentence())
both = {"all runs": mixed, "without the collapsed": mixed.without_modes()}
pd.DataFrame({name: f.params for name, f in both.items()}).round(4)

# %%
last = pd.DataFrame(
    {"end": (ends.mean + ends.errors)[:, -1], "collapsed": np.isin(range(ends.n_runs), mixed.modes.index)}
)
alt.Chart(last).mark_tick(thickness=2, size=22).encode(
    x=alt.X("end:Q", title="value at the last depth"),
    color=alt.Color("collapsed:N", scale=alt.Scale(domain=[False, True], range=["#0065A3", "#C65300"])),
    y=alt.Y("collapsed:N", title=None, axis=None),
).properties(width=420, height=50)

# %% [markdown]
# The floor of all runs is mostly collapse. Report the two apart: the share of collapsed runs with its interval (in the
# sentence above), and the law of the others.
#
# ## Try
# 1. Repeat the first fit with 96 seeds. Which of the four intervals shrink, and by how much?
# 2. You can measure six depths only. Which would you give up: the two shallowest, or the two deepest?
# 3. Give the log-log line the true floor, `fit("loglog", floor=0.01)`. Is all well then?
# 4. A colleague reports "alpha = 1.75" from 32 seeds of a task with a floor of 0.1. What do you ask?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** All of them. On the log scale the width goes with one over the square root of the number of seeds: half is to be
# expected from four times as many. What becomes of one data set is also luck.

# %%
more = pl.DecayModel(world.spread(96, DEPTHS, seed=1)).fit("gamma")
wider = {}
for method in methods:
    few, many = (np.log(f.conf_int(method=method).loc["decay_rate"]).diff().iloc[-1] for f in (fit, more))
    wider[method] = {"24 seeds": few, "96 seeds": many}
pd.DataFrame(wider).T.round(2)

# %% [markdown]
# **2.** The shallow ones tell the slope, the deep ones the floor; without either, the two cannot be told apart as well.
# See which loss is worse here:

# %%
kept = {"all eight": DEPTHS, "without the shallowest": DEPTHS[2:], "without the deepest": DEPTHS[:-2]}
fewer = {name: pl.DecayModel(world.spread(96, c, seed=1)).fit("gamma") for name, c in kept.items()}
pd.DataFrame({name: f.conf_int().loc["decay_rate"] for name, f in fewer.items()}).T.round(2)

# %% [markdown]
# **3.** The bias goes, for no floor is left to bend the curve. But nobody knows the floor, and where the risk comes near it
# there is little or nothing to take the logarithm of. In some data sets a measured risk lies below the true floor, and the
# line cannot be drawn at all.

# %%
told, impossible = [], 0
for seed in range(100, 160):
    model = pl.DecayModel(world.spread(24, DEPTHS, seed=seed), burn_in=4.0)
    try:
        told.append(model.fit("loglog", floor=world.intrinsic_limit).params["decay_rate"])
    except pl.errors.ArgumentError:
        impossible += 1
print(f"mean estimate {np.mean(told):.2f} (true {TRUE_RATE}), standard deviation {np.std(told):.2f}")
print(f"impossible in {impossible} of {impossible + len(told)} data sets")

# %% [markdown]
# **4.** "What is the interval?" It is the row of that floor and number of seeds in section 4:

# %%
known.query("floor == 0.1 and seeds == 32").drop(columns="to").round(2)
