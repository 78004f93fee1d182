// The closed forms of docs/theory.md, sections 3 to 5, once for all widgets: a drag then needs no kernel.
// No page is needed here: tests/widgets/test_numbers.py holds each of them to what predictlab computes.

import { position } from "./axis.js";

const FULL = 65535; // a share of 1 in two bytes
export const REGIMES = ["Static-Sufficient", "Dynamic-Critical", "Noise-Dominant"];
export const UNDETERMINED = "Undetermined";

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const sum = (values) => values.reduce((total, value) => total + value, 0);

/** V_opt(c) = K c^-alpha, in logs, since K and c^-alpha overflow apart long before their product does. */
export function reducible(scale, rate, c) {
  return scale > 0 ? Math.exp(Math.log(scale) - rate * Math.log(c)) : 0;
}

/** Depth at which one more step saves its price: (alpha K / price)^(1/(alpha+1)), from ln(alpha K) and ln(price). */
export const depthAtPrice = (logGain, rate, logPrice) => Math.exp((logGain - logPrice) / (rate + 1));

/** c* at the price of a step, gamma lambda; 0 where nothing decays. */
export function optimalDepth(scale, rate, price) {
  return scale > 0 ? depthAtPrice(Math.log(rate) + Math.log(scale), rate, Math.log(price)) : 0;
}

/** c* as pl.optimal_depth gives it: between the `first` and the `last` depth, 0 where probing does not pay for its price. */
export function payingDepth(scale, rate, { price, fixed = 0, first, last = Infinity, floor = 0, without = NaN }) {
  const depth = Math.min(Math.max(optimalDepth(scale, rate, price), first), last);
  const now = Number.isNaN(without) ? reducible(scale, rate, first) : without - floor; // above the floor
  return reducible(scale, rate, depth) + fixed + price * depth < now ? depth : 0;
}

/** c_tau = (K / (tau - L_int))^(1/alpha); infinite where the floor is not below the tolerance. */
export function toleranceDepth(floor, scale, rate, tolerance) {
  if (floor >= tolerance) return Infinity;
  return scale > 0 ? Math.exp((Math.log(scale) - Math.log(tolerance - floor)) / rate) : 0;
}

/** What makes up the total cost at a depth, from the traits of RiskDecomposition; without a probe nothing is `paid`. */
export function costsAt(s, c, paid = true) {
  const floor = s.intrinsic_limit;
  if (!Number.isFinite(c)) return { depth: c, floor, reducible: NaN, risk: NaN, cost: NaN, price: NaN, total: NaN };
  const left = c > 0 ? reducible(s.scale, s.decay_rate, c) : 0; // c* = 0 only where nothing decays
  const cost = paid ? s.fixed_cost + s.cost_per_step * c : 0;
  const price = s.exchange_rate * cost;
  return { depth: c, floor, reducible: left, risk: floor + left, cost, price, total: floor + left + price };
}

export function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}

/** 95 % interval of c* over draws (rows of limit, scale, rate) of a fit, as predictlab has it. */
export function intervals(draws, costs) {
  const rows = [...Array(draws.length / 3).keys()].map((i) => draws.subarray(3 * i, 3 * i + 3));
  const best = Float64Array.from(rows, ([floor, scale, rate]) => payingDepth(scale, rate, { ...costs, floor })).sort();
  return [quantile(best, 0.025), quantile(best, 0.975)];
}

/** c_tau of a fit between the ends of its interval, from a table over tolerances; between two of them in logarithms. */
export function reachOf({ tolerance, depths }, tau) {
  const last = tolerance.length - 1;
  const u = clamp(Math.log(tau / tolerance[0]) / Math.log(tolerance[last] / tolerance[0]), 0, 1) * last;
  const i = Math.min(Math.floor(u + 1e-9), last - 1);
  return [0, 1, 2].map((k) => {
    const [a, b] = [depths[3 * i + k], depths[3 * (i + 1) + k]];
    if (u - i < 1e-9 || a === b) return a;
    return Number.isFinite(a) && a > 0 && b > 0 ? a * (b / a) ** (u - i) : u - i < 0.5 ? a : b;
  });
}

// ---- regimes ----

/**
 * Shares of the draws in each regime, into `out` (task-major), as the kernel has counted them for every position of both
 * sliders, and the least that an alternative prior leaves of the likeliest, into `least`; false when it has not yet
 * counted for this one.
 */
export function shares(data, budget, tolerance, out, least) {
  const { draws: n, grid, here } = data;
  const [i, j] = [grid.budget.indexOf(budget), grid.tolerance.indexOf(tolerance)];
  const [rows, columns] = [grid.budget.length, grid.tolerance.length];
  let pair; // draws that are Static-Sufficient, and Noise-Dominant
  let under; // probability under the prior that is hardest on the likeliest regime
  if (budget === data.budget && tolerance === data.tolerance) {
    pair = (t) => [here[3 * t], here[3 * t + 2]];
    under = (t) => data.least[t];
  } else if (tolerance === data.tolerance && i >= 0) {
    pair = (t) => [data.byBudget[t * rows + i], here[3 * t + 2]];
    under = (t) => data.leastByBudget[t * rows + i] / FULL;
  } else if (budget === data.budget && j >= 0) {
    pair = (t) => [data.byTolerance[t * columns + j], data.noiseByTolerance[t * columns + j]];
    under = (t) => data.leastByTolerance[t * columns + j] / FULL;
  } else return false;
  for (let t = 0; t < data.size; t++) {
    const [sufficient, noise] = pair(t);
    out[3 * t] = sufficient / n;
    out[3 * t + 1] = (n - sufficient - noise) / n;
    out[3 * t + 2] = noise / n;
    least[t] = under(t);
  }
  return true;
}

/** Why the likeliest regime of a task is not called: empty where it is; as `why_not` of predictlab.phase. */
export function doubt(data, t, p, least, confidence, tolerance) {
  if (data.rows[t] > tolerance && p >= confidence) return "";
  if (data.rising[t] > 1 - confidence) return "the risk may still rise at the last depth";
  if (p < confidence) return "too few draws agree";
  if (data.rejected[t]) return "the law does not fit";
  return least < 2 * confidence - 1 ? `its probability is ${least.toFixed(2)} under another prior` : "";
}

/** Crossing budget of a task, between the positions of the slider that of the nearest. */
export function crossingAt(data, tolerance, t) {
  if (tolerance === data.tolerance) return data.crossing[t];
  return data.crossings[t * data.grid.tolerance.length + position(data.grid.tolerance, tolerance)];
}

/** The likeliest of the three regimes of task `t`. */
export function likeliest(p, t) {
  let best = 0;
  for (let k = 1; k < 3; k++) if (p[3 * t + k] > p[3 * t + best]) best = k;
  return best;
}

/** V_opt at a budget, of a task, a quantile over draws (0 low, 1 middle, 2 high), between the kernel's knots of ln V_opt. */
export function optVariance(data, budget) {
  const { logKnots: knots, decay } = data;
  const last = knots.length - 1;
  const u = clamp((Math.log(budget) - knots[0]) / (knots[last] - knots[0]), 0, 1) * last;
  const i = Math.min(Math.floor(u), last - 1);
  return (t, which) => {
    const base = (3 * t + which) * knots.length + i;
    return Math.exp(decay[base] + (u - i) * (decay[base + 1] - decay[base]));
  };
}

// ---- allocation of one budget over tasks ----

/** Tasks under weights and locks: arrays over tasks; what does not decay stays at its lowest depth. */
export function arranged(data, weights, locked) {
  const low = data.low.map((c, i) => locked[data.names[i]] ?? c);
  const high = data.high.map((c, i) => (data.scale[i] > 0 ? locked[data.names[i]] ?? c : low[i]));
  const gain = data.scale.map((K, i) => Math.log(weights[i] * data.rate[i]) + Math.log(K) - Math.log(data.step[i])); // ln(w alpha K / lambda)
  const cost = (depth) => sum(depth.map((c, i) => data.step[i] * c));
  const risk = (depth) => sum(depth.map((c, i) => weights[i] * riskAt(data, i, c)));
  return { data, low, high, gain, cost, risk, least: cost(low), most: cost(high) };
}

const riskAt = (data, i, c) => data.floor[i] + reducible(data.scale[i], data.rate[i], c);

/** c_t(mu) = (w alpha K / (mu lambda))^(1/(alpha+1)), clamped: the depth of each task at one multiplier. */
function depthsAt({ data, low, high, gain }, logMu) {
  return low.map((c, i) => (high[i] === c ? c : clamp(depthAtPrice(gain[i], data.rate[i], logMu), c, high[i])));
}

/** Multipliers between which something is bought: all at their lowest depths, and a budget that buys no more. */
function bracket({ data, low, high, gain }, budget) {
  let [top, bottom] = [-Infinity, Infinity];
  gain.forEach((g, i) => {
    if (!(data.scale[i] > 0)) return;
    const affordable = Math.min(high[i], Math.max(budget / data.step[i], low[i]));
    top = Math.max(top, g - Math.log(low[i]) * (data.rate[i] + 1));
    bottom = Math.min(bottom, g - Math.log(affordable) * (data.rate[i] + 1));
  });
  return [bottom - 1, top + 1e-9];
}

/** Depths that spend `budget`, and the logarithm of their multiplier (minus infinity where more buys nothing). */
function shareOut(tasks, budget) {
  if (tasks.most <= budget) return { depth: tasks.high, logMu: -Infinity };
  let [low, high] = bracket(tasks, budget);
  if (budget <= tasks.least * (1 + 1e-12)) return { depth: depthsAt(tasks, high), logMu: high };
  for (let i = 0; i < 200 && high - low > 1e-15 * Math.max(1, Math.abs(low)); i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (tasks.cost(depthsAt(tasks, middle)) > budget) low = middle;
    else high = middle;
  }
  const logMu = (low + high) / 2;
  return { depth: depthsAt(tasks, logMu), logMu };
}

/** Everything that the page says at a budget. */
export function allocated(tasks, budget) {
  const { data, gain } = tasks;
  const { depth, logMu } = shareOut(tasks, Math.max(budget, tasks.least));
  const worth = (c, i) => (data.scale[i] > 0 ? Math.exp(gain[i] - Math.log(c) * (data.rate[i] + 1)) : 0); // of one more unit of cost
  const each = Array.from(depth, (c, i) => ({ depth: c, risk: riskAt(data, i, c), cost: data.step[i] * c, worth: worth(c, i) }));
  return { depth, each, multiplier: Math.exp(logMu), risk: tasks.risk(depth), cost: tasks.cost(depth) };
}

/** The frontier up to `most`, walked by its multiplier: no search at each of its points. */
export function frontierOf(tasks, most, points = 160) {
  const end = shareOut(tasks, most).logMu;
  const [below, top] = bracket(tasks, most);
  const bottom = Number.isFinite(end) ? end : below;
  return Array.from({ length: points + 1 }, (_, k) => {
    const logMu = top + (k / points) * (bottom - top);
    const depth = depthsAt(tasks, logMu);
    return { budget: tasks.cost(depth), risk: tasks.risk(depth), multiplier: Math.exp(logMu) };
  });
}
