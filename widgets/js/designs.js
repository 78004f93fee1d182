// One budget over tasks, shared out between steps and evaluation rows: what DesignProblem of predictlab computes.
// tests/widgets/test_numbers.py holds it to that.

import { sum } from "./numbers.js";

const HALVINGS = 50;
const LEAST_ROWS = 2;
const [LOW, HIGH] = [Math.log(1e-30), Math.log(1e12)]; // of the multiplier

/** Index of the grid's depth nearest to `depth`, of task `t`. */
function nearest({ grid, wide }, t, depth) {
  let best = 0;
  const off = (i) => Math.abs(Math.log(grid[t * wide + i] / depth));
  for (let i = 1; i < wide; i++) if (off(i) < off(best)) best = i;
  return best;
}

/** Tasks under weights and locks. */
export function designed(data, weights, locked) {
  const { size, wide, grid, population, interaction, step, row } = data;
  const only = data.names.map((name, t) => (name in locked ? nearest(data, t, locked[name]) : -1));
  const weighted = population.map((v, i) => v * weights[Math.floor(i / wide)]);
  const ofRows = interaction.map((v, i) => v * weights[Math.floor(i / wide)]);
  const steps = grid.map((c, i) => c * step[Math.floor(i / wide)]);
  const lowest = Array.from(only, (j, t) => steps[t * wide + Math.max(j, 0)] + row[t] * LEAST_ROWS);
  const roots = ofRows.map((v) => 2 * Math.sqrt(v));
  return { data, weights, only, weighted, ofRows, roots, steps, least: sum(lowest), best: new Int32Array(size), rows: new Float64Array(size) };
}

/** Best depth and rows of each task where a unit of cost is worth `gamma`, into `best` and `rows`; what they cost. */
function at({ data, only, weighted, ofRows, roots, steps, best, rows }, gamma) {
  const { size, wide, row } = data;
  let spent = 0;
  for (let t = 0; t < size; t++) {
    const price = gamma * row[t];
    const [root, few] = [Math.sqrt(price), price * LEAST_ROWS ** 2];
    const [from, to] = only[t] < 0 ? [0, wide] : [only[t], only[t] + 1];
    let least = Infinity;
    let chosen = t * wide + from;
    for (let j = chosen; j < t * wide + to; j++) {
      // with sqrt(ofRows / price) rows, what is left by rows and their price are equal
      const rest = ofRows[j] > few ? roots[j] * root : ofRows[j] / LEAST_ROWS + price * LEAST_ROWS;
      const value = weighted[j] + rest + gamma * steps[j];
      if (value < least) {
        least = value;
        chosen = j;
      }
    }
    best[t] = chosen - t * wide;
    rows[t] = Math.max(Math.sqrt(ofRows[chosen] / price), LEAST_ROWS);
    spent += steps[chosen] + row[t] * rows[t];
  }
  return spent;
}

/** The plan at one multiplier, as the page shows it; rows `times` those that are worth it. */
function planOf(tasks, logMu, times) {
  const { data, weights, weighted, ofRows, steps, best, rows } = tasks;
  let [risk, cost] = [0, 0];
  const each = Array.from(best, (j, t) => {
    const [i, n] = [t * data.wide + j, rows[t] * times];
    const [weightedRisk, price] = [weighted[i] + ofRows[i] / n, steps[i] + data.row[t] * n];
    risk += weightedRisk;
    cost += price;
    return { depth: data.grid[i], rows: n, risk: weightedRisk / weights[t], cost: price, worth: Math.exp(logMu) };
  });
  return { depth: each.map(({ depth }) => depth), each, multiplier: Math.exp(logMu), risk, cost };
}

/** Everything that the page says at a budget. */
export function allocatedDesign(tasks, budget) {
  const { data, steps, best, rows } = tasks;
  const total = Math.max(budget, tasks.least);
  let [low, high] = [LOW, HIGH];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (at(tasks, Math.exp(middle)) > total) low = middle;
    else high = middle;
  }
  at(tasks, Math.exp(high));
  let [ofSteps, paidRows] = [0, 0];
  best.forEach((j, t) => {
    ofSteps += steps[t * data.wide + j];
    paidRows += data.row[t] * rows[t];
  });
  return planOf(tasks, high, (total - ofSteps) / paidRows); // depths are those of a grid: what is left over buys rows
}

/** The frontier up to `most`, walked by its multiplier. */
export function designFrontier(tasks, most, points = 80) {
  const [dear, cheap] = [tasks.least * 1.0001, most].map((budget) => Math.log(allocatedDesign(tasks, budget).multiplier));
  return Array.from({ length: points + 1 }, (_, k) => {
    const logMu = dear + (k / points) * (cheap - dear);
    at(tasks, Math.exp(logMu));
    const { cost, risk, multiplier } = planOf(tasks, logMu, 1);
    return { budget: cost, risk, multiplier };
  });
}
