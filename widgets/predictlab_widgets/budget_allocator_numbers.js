// Numbers of BudgetAllocator: the closed form of THEORY 4 at one multiplier, so a drag needs no kernel.
// page.js and axes.js come before this in the same module.

function decodeTasks(model) {
  const fixed = model.get("_fixed");
  const out = { names: model.get("_names"), range: fixed.range, metric: fixed.metric };
  for (const key of ["floor", "scale", "rate", "step", "low", "high", "last"]) out[key] = typed(fixed[key], Float64Array);
  out.size = out.names.length;
  return out;
}

/** Tasks under weights and locks: arrays over tasks; what does not decay stays at its lowest depth. */
function arranged(data, weights, locked) {
  const n = data.size;
  const t = { n, low: new Float64Array(n), high: new Float64Array(n), value: new Float64Array(n), slope: new Float64Array(n), weight: weights, data };
  for (let i = 0; i < n; i++) {
    const lock = locked[data.names[i]];
    t.low[i] = lock ?? data.low[i];
    t.high[i] = data.scale[i] > 0 ? lock ?? data.high[i] : t.low[i];
    t.value[i] = Math.log(weights[i] * data.rate[i]) + Math.log(data.scale[i]) - Math.log(data.step[i]); // of alpha K w / lambda
    t.slope[i] = 1 / (data.rate[i] + 1);
  }
  t.least = sumOf(n, (i) => data.step[i] * t.low[i]);
  return t;
}

function sumOf(n, f) {
  let total = 0;
  for (let i = 0; i < n; i++) total += f(i);
  return total;
}

/** c_t(mu) = (w alpha K / (mu lambda))^(1/(alpha+1)), clamped. */
function depthAt(t, i, logMu) {
  if (t.high[i] === t.low[i]) return t.low[i];
  return Math.min(Math.max(Math.exp((t.value[i] - logMu) * t.slope[i]), t.low[i]), t.high[i]);
}

const costAt = (t, logMu) => sumOf(t.n, (i) => t.data.step[i] * depthAt(t, i, logMu));

/** Multipliers between which something is bought: all at their lowest depths, and a budget that buys no more. */
function bracket(t, budget) {
  let [top, bottom] = [-Infinity, Infinity];
  for (let i = 0; i < t.n; i++) {
    if (!(t.data.scale[i] > 0)) continue;
    const affordable = Math.min(t.high[i], Math.max(budget / t.data.step[i], t.low[i]));
    top = Math.max(top, t.value[i] - Math.log(t.low[i]) / t.slope[i]);
    bottom = Math.min(bottom, t.value[i] - Math.log(affordable) / t.slope[i]);
  }
  return [bottom - 1, top + 1e-9];
}

/** Depths that spend `budget`, and the logarithm of their multiplier (minus infinity where more buys nothing). */
function shareOut(t, budget) {
  const depths = (logMu) => Float64Array.from({ length: t.n }, (_, i) => depthAt(t, i, logMu));
  if (sumOf(t.n, (i) => t.data.step[i] * t.high[i]) <= budget) return { depth: Float64Array.from(t.high), logMu: -Infinity };
  let [low, high] = bracket(t, budget);
  if (budget <= t.least * (1 + 1e-12)) return { depth: depths(high), logMu: high };
  for (let i = 0; i < 200 && high - low > 1e-15 * Math.max(1, Math.abs(low)); i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (costAt(t, middle) > budget) low = middle;
    else high = middle;
  }
  const logMu = (low + high) / 2;
  return { depth: depths(logMu), logMu };
}

function riskAt(data, i, c) {
  return data.floor[i] + (data.scale[i] > 0 ? Math.exp(Math.log(data.scale[i]) - data.rate[i] * Math.log(c)) : 0);
}

/** Weighted risk that one more unit of cost on task `i` would save. */
function worthAt(t, i, c) {
  return t.data.scale[i] > 0 ? Math.exp(t.value[i] - Math.log(c) / t.slope[i]) : 0;
}

const weightedRisk = (t, depth) => sumOf(t.n, (i) => t.weight[i] * riskAt(t.data, i, depth[i]));

/** Everything that the page says at a budget. */
function allocated(t, budget) {
  const { depth, logMu } = shareOut(t, Math.max(budget, t.least));
  const { data } = t;
  return {
    depth, multiplier: Math.exp(logMu), risk: weightedRisk(t, depth), cost: sumOf(t.n, (i) => data.step[i] * depth[i]),
    each: Array.from(depth, (c, i) => ({ depth: c, risk: riskAt(data, i, c), cost: data.step[i] * c, worth: worthAt(t, i, c) })),
  };
}

/** The frontier up to `most`, walked by its multiplier: no search at each of its points. */
function frontierOf(t, most, points = 160) {
  const end = shareOut(t, most).logMu;
  let [bottom, top] = bracket(t, most);
  if (Number.isFinite(end)) bottom = end;
  const out = [];
  for (let k = 0; k <= points; k++) {
    const logMu = top + (k / points) * (bottom - top);
    const depth = Float64Array.from({ length: t.n }, (_, i) => depthAt(t, i, logMu));
    const budget = sumOf(t.n, (i) => t.data.step[i] * depth[i]);
    out.push({ budget, risk: weightedRisk(t, depth), multiplier: Math.exp(logMu) });
  }
  return out;
}
