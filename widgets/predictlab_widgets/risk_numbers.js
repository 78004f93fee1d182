// Numbers of RiskDecomposition: closed forms of THEORY 3 and 4, so a drag needs no kernel.
// page.js comes before this in the same module; risk_plots.js (drawing) and risk_decomposition.js (the view) follow.

const NUMBERS = ["intrinsic_limit", "scale", "decay_rate", "exchange_rate", "cost_per_step", "fixed_cost", "tolerance"];

/** V_opt(c) = K c^-alpha, in logs, since K and c^-alpha overflow apart long before their product does. */
function reducible(s, c) {
  return s.scale > 0 ? Math.exp(Math.log(s.scale) - s.decay_rate * Math.log(c)) : 0;
}

function risk(s, c) {
  return s.intrinsic_limit + reducible(s, c);
}

function price(s, c) {
  return s.exchange_rate * (s.fixed_cost + s.cost_per_step * c);
}

function total(s, c) {
  return risk(s, c) + price(s, c);
}

/** c* = (alpha K / (gamma lambda))^(1/(alpha+1)); 0 where nothing decays. */
function optimalDepth({ scale, decay_rate: rate, exchange_rate: gamma, cost_per_step: step }) {
  if (!(scale > 0)) return 0;
  return Math.exp((Math.log(rate) + Math.log(scale) - Math.log(gamma * step)) / (rate + 1));
}

/** c_tau = (K / (tau - L_int))^(1/alpha); infinite where the floor is not below the tolerance. */
function toleranceDepth({ intrinsic_limit: floor, scale, decay_rate: rate, tolerance }) {
  if (floor >= tolerance) return Infinity;
  return scale > 0 ? Math.exp((Math.log(scale) - Math.log(tolerance - floor)) / rate) : 0;
}

/** Everything that the page says, from the traits `s` and the first depth of the law. */
function decompose(s, first) {
  const optimal = optimalDepth(s);
  const probed = Math.max(optimal, first);
  return {
    optimal, reachable: toleranceDepth(s),
    pays: total(s, probed) < risk(s, first),
    without: risk(s, first),
  };
}

function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  if (sorted[low] === sorted[high]) return sorted[low];
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** 95 % intervals of c* and c_tau over draws (rows of limit, scale, rate) of a fit, as pl.optimal_depth has them. */
function intervals(s, draws, first) {
  const n = draws.length / 3;
  const best = new Float64Array(n);
  const reach = new Float64Array(n);
  const one = { ...s };
  for (let i = 0; i < n; i++) {
    [one.intrinsic_limit, one.scale, one.decay_rate] = [draws[3 * i], draws[3 * i + 1], draws[3 * i + 2]];
    const depth = Math.max(optimalDepth(one), first);
    best[i] = total(one, depth) < risk(one, first) ? depth : 0;
    reach[i] = toleranceDepth(one);
  }
  best.sort();
  reach.sort();
  const end = (q) => reach[Math.round((n - 1) * q)];
  return { optimal: [quantile(best, 0.025), quantile(best, 0.975)], reachable: [end(0.025), end(0.975)] };
}
