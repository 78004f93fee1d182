// Numbers of PhaseDiagram. phase_planes.js (drawing) and phase_diagram.js (the view) follow in the same module.
//
// Regimes are looked up, never estimated here: the kernel sends, for every slider position, how many parameter draws
// fall into each regime (see regime_counts.py), so a drag needs no kernel and shows what pl.classify would say.

const REGIMES = ["Static-Sufficient", "Dynamic-Critical", "Noise-Dominant"];
const UNDETERMINED = "Undetermined";

/** Median of K over the tasks in which something decays. */
function medianScale(middle) {
  const scales = middle.filter((v, i) => i % 3 === 1 && v > 0).sort();
  const h = scales.length >> 1;
  if (!scales.length) return 0;
  return scales.length % 2 ? scales[h] : (scales[h - 1] + scales[h]) / 2;
}

function decode(model) {
  const names = model.get("_names");
  const fixed = model.get("_fixed");
  const grids = model.get("_grids");
  const counts = model.get("_counts");
  const middle = typed(fixed.middle, Float64Array);
  return {
    names, medianScale: medianScale(middle),
    size: names.length,
    // task-major triples: intrinsic limit, scale, decay rate; the last three are quantiles of the draws
    estimates: typed(fixed.estimates, Float64Array),
    low: typed(fixed.low, Float64Array),
    middle,
    high: typed(fixed.high, Float64Array),
    first: typed(fixed.first, Float64Array), // first fitted depth
    logKnots: typed(grids.knots, Float64Array).map(Math.log),
    decay: typed(grids.decay, Float32Array), // task, quantile, knot: ln V_opt
    grid: { budget: typed(grids.budget, Float64Array), tolerance: typed(grids.tolerance, Float64Array) },
    byBudget: typed(counts.by_budget, Uint16Array),
    byTolerance: typed(counts.by_tolerance, Uint16Array),
    noiseByTolerance: typed(counts.noise_by_tolerance, Uint16Array),
    here: typed(counts.here, Uint16Array), // task-major: one count per regime, at `budget` and `tolerance`
    draws: counts.draws,
    budget: counts.budget,
    tolerance: counts.tolerance,
  };
}

/** Fill `out` (task-major, one share per regime); false when the kernel has not yet counted for this position. */
function shares(data, budget, tolerance, out) {
  const n = data.draws;
  const [i, j] = [data.grid.budget.indexOf(budget), data.grid.tolerance.indexOf(tolerance)];
  let pair;
  if (budget === data.budget && tolerance === data.tolerance) {
    pair = (t) => [data.here[3 * t], data.here[3 * t + 2]];
  } else if (tolerance === data.tolerance && i >= 0) {
    const m = data.grid.budget.length;
    pair = (t) => [data.byBudget[t * m + i], data.here[3 * t + 2]];
  } else if (budget === data.budget && j >= 0) {
    const m = data.grid.tolerance.length;
    pair = (t) => [data.byTolerance[t * m + j], data.noiseByTolerance[t * m + j]];
  } else {
    return false;
  }
  for (let t = 0; t < data.size; t++) {
    const [sufficient, noise] = pair(t);
    out[3 * t] = sufficient / n;
    out[3 * t + 1] = (n - sufficient - noise) / n;
    out[3 * t + 2] = noise / n;
  }
  return true;
}

function likeliest(p, t) {
  let best = 0;
  for (let k = 1; k < 3; k++) if (p[3 * t + k] > p[3 * t + best]) best = k;
  return best;
}

/** Knot below a budget, and how far beyond it, for reading between the kernel's knots. */
function knot(data, budget) {
  const knots = data.logKnots;
  const last = knots.length - 1;
  const u = Math.min(Math.max((Math.log(budget) - knots[0]) / (knots[last] - knots[0]), 0), 1) * last;
  const i = Math.min(Math.floor(u), last - 1);
  return [i, u - i];
}

function atKnot(data, t, quantile, [i, beyondIt]) {
  const base = (3 * t + quantile) * data.logKnots.length + i;
  return Math.exp(data.decay[base] + beyondIt * (data.decay[base + 1] - data.decay[base]));
}

/** V_opt at a budget, a quantile over draws (0 low, 1 middle, 2 high), for drawing. */
function optVariance(data, t, quantile, budget) {
  return atKnot(data, t, quantile, knot(data, budget));
}

function crossing(data, t, tolerance) {
  const [limit, scale, rate] = data.estimates.subarray(3 * t, 3 * t + 3);
  if (limit >= tolerance) return Infinity;
  return scale > 0 ? Math.exp((Math.log(scale) - Math.log(tolerance - limit)) / rate) : 0;
}

/** c* of each task at a price of a step, as pl.optimal_depth gives it: 0 where probing does not pay. */
function optimalDepths(data, price) {
  return data.first.map((first, t) => {
    const [, scale, rate] = data.estimates.subarray(3 * t, 3 * t + 3);
    if (!(scale > 0)) return 0;
    const depth = Math.max(first, Math.exp((Math.log(rate) + Math.log(scale) - Math.log(price)) / (rate + 1)));
    const left = (c) => Math.exp(Math.log(scale) - rate * Math.log(c));
    return left(depth) + price * depth < left(first) ? depth : 0;
  });
}
