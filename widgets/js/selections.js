// What SelectionMonitor shows of a selection, from what the kernel sent. Pure: no page is needed here.

import { number } from "./axis.js";
import { typed } from "./kernel.js";

export const [CHOSEN, OPEN, ASIDE] = [0, 1, 2]; // states, as the kernel counts them

/** The selection as it was sent: `at(look, i, column)` of its history, looks from 1; `runs` as lists of their values. */
export function selectionNumbers(sent) {
  if (!sent.looks) return { names: [], looks: 0, size: 0, runs: [] };
  const history = typed(sent.history, Float64Array);
  const states = typed(sent.states, Uint8Array);
  const values = typed(sent.runs, Float64Array);
  const [size, wide] = [sent.names.length, sent.columns.length];
  const place = Object.fromEntries(sent.columns.map((name, k) => [name, k]));
  const runs = new Map();
  for (let k = 0; k < values.length; k += 6) {
    const [candidate, run, seed, depth, value, look] = values.subarray(k, k + 6);
    if (!runs.has(run)) runs.set(run, { candidate, seed, points: [] });
    runs.get(run).points.push({ depth, value, look, share: depth / sent.depths[candidate].at(-1) });
  }
  return {
    ...sent, size, runs: [...runs.values()], spent: sent.spent.map(number), probability: sent.probability.map(number),
    up: sent.better === "higher" ? 1 : -1,
    at: (look, i, column) => history[((look - 1) * size + i) * wide + place[column]],
    state: (look, i) => states[(look - 1) * size + i],
    alike: sent.depths.every((depths) => depths.at(-1) === sent.depths[0].at(-1)),
  };
}

/** Candidates at a look, the likeliest first, and of those that are as likely the better. */
export function orderAt(n, look) {
  const key = (i) => [n.at(look, i, "p_good"), n.up * n.at(look, i, "mean")];
  return [...Array(n.size).keys()].sort((a, b) => {
    const [p, q] = [key(a), key(b)];
    return q[0] - p[0] || q[1] - p[1];
  });
}

/** The look whose cost is nearest to `cost`. */
export function lookNear(n, cost) {
  let best = 1;
  for (let k = 2; k <= n.looks; k++) if (Math.abs(n.spent[k - 1] - cost) < Math.abs(n.spent[best - 1] - cost)) best = k;
  return best;
}

/** A share of a recipe as it is said: 1/8, or .3. */
export function shareText(share) {
  const parts = 1 / share;
  return share < 0.6 && Math.abs(parts - Math.round(parts)) < 0.02 ? `1/${Math.round(parts)}` : String(Number(share.toPrecision(2)));
}

/** Heights of texts of `step` px each, in the order of the lines they name, near these, and none upon another. */
export function stacked(heights, top, bottom, step) {
  const order = [...heights.keys()].sort((a, b) => heights[a] - heights[b]);
  const found = [];
  let above = top - step;
  for (const i of order) above = found[i] = Math.max(heights[i], above + step);
  let below = bottom + step;
  for (const i of order.toReversed()) below = found[i] = Math.min(found[i], below - step);
  return found;
}
