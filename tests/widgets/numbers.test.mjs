// The numbers of the widgets' pages against those that predictlab gave: run by test_numbers.py with a file of cases.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { endsOf, evenTicks, position, positions, scaled, short, tickText, ticksOf } from "../../widgets/js/axis.js";
import * as numbers from "../../widgets/js/numbers.js";
import * as designs from "../../widgets/js/designs.js";
import * as power from "../../widgets/js/power.js";
import * as scores from "../../widgets/js/scores.js";
import * as selections from "../../widgets/js/selections.js";
import * as strips from "../../widgets/js/strips.js";

const words = { NaN, Infinity, "-Infinity": -Infinity };
const cases = JSON.parse(readFileSync(process.env.PREDICTLAB_CASES, "utf8"), (_, v) => words[v] ?? v);

/** Equal to a share of 1e-9, through lists and objects. */
function close(found, expected, what = "", share = 1e-9) {
  if (typeof expected === "object") for (const key of Object.keys(expected)) close(found[key], expected[key], `${what}.${key}`, share);
  else assert.ok(Object.is(found, expected) || Math.abs(found - expected) <= share * Math.abs(expected), `${what}: ${found} is not ${expected}`);
}

test("optimal depth, whether it pays, depth for a tolerance", () => {
  for (const { law: [floor, scale, rate], price, fixed, first, tolerance, expected } of cases.depths) {
    close(numbers.optimalDepth(scale, rate, price), expected.optimal, "c*");
    close(numbers.payingDepth(scale, rate, { price, fixed, first }), expected.paying, "c* where it pays");
    close(numbers.toleranceDepth(floor, scale, rate, tolerance), expected.reachable, "c_tau");
    close(expected.depths.map((c) => floor + numbers.reducible(scale, rate, c)), expected.risk, "L");
  }
});

test("the normal law", () => {
  for (const { x, below } of cases.normals) close(x.map(power.normalBelow), below, "normal", 1e-11);
});

test("one budget for steps and rows", () => {
  for (const { data, budget, locked, weights, expected } of cases.designs) {
    const typed = Object.fromEntries(Object.entries(data).map(([key, v]) => [key, key !== "names" && Array.isArray(v) ? Float64Array.from(v) : v]));
    const tasks = designs.designed(typed, weights, locked);
    const found = designs.allocatedDesign(tasks, budget);
    const { depth, rows, ...rest } = expected;
    close(found, rest, "design", 1e-7);
    found.each.forEach((each, i) => close(each, { depth: depth[i], rows: rows[i] }, "plan", 1e-7));
    const line = designs.designFrontier(tasks, 4 * budget);
    line.slice(1).forEach((point, i) => assert.ok(point.budget >= line[i].budget * (1 - 1e-9) && point.risk <= line[i].risk * (1 + 1e-9), "the frontier falls"));
  }
});

test("power of a comparison of two recipes", () => {
  for (const { state, difference, power: wanted, expected, others } of cases.powers) {
    close(power.smallestDifference(state, wanted), expected.smallest, "smallest", 2e-6);
    close(power.powerOf(difference, state), expected.chance, "chance", 2e-6);
    close(power.calledFrom(state), expected.called, "called", 1e-7);
    close(power.seedsNeeded(difference, state, wanted), expected.seeds, "seeds");
    if (state.interaction > 0) close(power.rowsNeeded(difference, state, wanted), expected.rows, "rows", 1e-3);
    for (const [p, smallest] of others) close(power.smallestDifference(state, p), smallest, "other powers", 2e-6);
  }
});

test("what makes up the total cost", () => {
  for (const { traits, rows } of cases.costs) {
    for (const { depth, paid, ...expected } of rows) close(numbers.costsAt(traits, depth, paid), expected, "costs");
  }
});

test("intervals over draws", () => {
  for (const { draws, costs, expected } of cases.intervals) close(numbers.intervals(Float64Array.from(draws), costs), Object.values(expected), "intervals");
});

test("c_tau of a fit at any tolerance of the slider", () => {
  for (const { tolerance, depths, tau, exact, expected } of cases.reaches) {
    const found = numbers.reachOf({ tolerance, depths }, tau);
    if (exact) close(found, expected, "c_tau");
    else close(found[1], expected[1], "c_tau between two tolerances", 0.02); // until the kernel has told
  }
});

test("regimes of draws along both sliders", () => {
  for (const { data, places } of cases.regimes) {
    const p = new Float64Array(3 * data.size);
    const least = new Float64Array(data.size);
    for (const { budget, tolerance, expected, likeliest, regime, crossing } of places) {
      assert.ok(numbers.shares(data, budget, tolerance, p, least));
      // along a slider between the nodes of a table, else the very draws
      const rests = budget === data.budget && tolerance === data.tolerance;
      [...p].forEach((v, i) => assert.ok(Math.abs(v - expected[i]) <= (rests ? 1e-12 : 0.004), `share ${v} is not ${expected[i]}`));
      if (rests) {
        assert.deepEqual(likeliest.map((_, t) => numbers.likeliest(p, t)), likeliest);
        const called = likeliest.map((k, t) => (numbers.doubt(data, t, p[3 * t + k], least[t], 0.95, tolerance) ? numbers.UNDETERMINED : numbers.REGIMES[k]));
        assert.deepEqual(called, regime);
      }
      close(likeliest.map((_, t) => numbers.crossingAt(data, tolerance, t)), crossing, "crossing budgets", rests ? 1e-12 : 0.04);
    }
    assert.equal(numbers.shares(data, 2.5, 2.5, p, least), false, "a place that was not counted is not known");
  }
});

test("allocation of one budget, and its frontier", () => {
  for (const { data, weights, locked, budget, expected } of cases.allocations) {
    const tasks = numbers.arranged(data, weights, locked);
    const now = numbers.allocated(tasks, budget);
    const twice = numbers.allocated(tasks, 2 * budget).risk;
    close({ depth: now.depth, multiplier: now.multiplier, risk: now.risk, worth: now.each.map(({ worth }) => worth), twice }, expected, "allocation");
    const frontier = numbers.frontierOf(tasks, 2 * budget);
    close(frontier[0].budget, tasks.least, "the frontier begins at the least budget", 1e-6);
    close(frontier.at(-1).risk, twice, "and ends where it was asked to", 1e-6);
  }
});

test("looks of a selection", () => {
  for (const { sent, looks } of cases.selections) {
    const n = selections.selectionNumbers(sent);
    assert.equal(n.looks, looks.length);
    looks.forEach((expected, k) => {
      const look = k + 1;
      const order = selections.orderAt(n, look);
      assert.deepEqual(order, expected.order);
      for (const column of ["mean", "cost"]) close(order.map((i) => n.at(look, i, column)), expected[column], column);
      assert.equal(order.filter((i) => n.state(look, i) !== selections.ASIDE).length, expected.open);
      assert.equal(n.state(look, n.leader[k]), selections.CHOSEN);
      const known = n.runs.flatMap(({ points }) => points.filter((p) => p.look <= look));
      assert.equal(known.length, expected.values);
      close(known.reduce((sum, { value }) => sum + value, 0), expected.sum, "values");
      assert.ok(known.every(({ share }) => share > 0 && share <= 1));
      assert.equal(selections.lookNear(n, expected.spent + 0.1), look);
    });
  }
  assert.deepEqual([1 / 16, 0.25, 0.75, 1].map(selections.shareText), ["1/16", "1/4", "0.75", "1"]);
});

test("names stand in the order of their lines, and none upon another", () => {
  assert.deepEqual(selections.stacked([], 0, 200, 16), []);
  assert.deepEqual(selections.stacked([100, 20, 150], 0, 200, 16), [100, 20, 150], "which have room stay where they are");
  assert.deepEqual(selections.stacked([190, 196, 199, 10], 0, 200, 16), [168, 184, 200, 10], "along the axis they go up");
  assert.deepEqual(selections.stacked([5, 4, 90, 90], 0, 200, 16), [20, 4, 90, 106], "of two as high the first is above");
  assert.deepEqual(selections.stacked([-9, 300], 0, 200, 16), [0, 200]);
});

test("orders of static scores, and the map of them", () => {
  for (const { sent, asked, rows, value, place, tau } of cases.scores) {
    const records = scores.recordsOf(sent);
    const found = scores.ordered(records, { ...asked, better: sent.about[asked.method].better });
    assert.deepEqual(found.map((r) => r.row), rows);
    close(found.map((r) => r.value), value, "values");
    assert.deepEqual(found.map((r) => r.place), place);
    const map = scores.mapOf(records, asked.method, sent.rows, sent.data);
    const at = sent.data.indexOf(asked.data);
    for (const r of found) assert.equal(map[sent.rows.indexOf(r.row)][at], r);
    const agreement = sent.agreement.find((a) => a.method === asked.method && a.data === asked.data);
    const said = scores.agreementWords(agreement, sent.of);
    if (Number.isNaN(tau)) assert.equal(said, "");
    else assert.ok(said.includes(`: ${tau.toFixed(2).replace("-", "−")}`) && said.includes("dealt at random") === agreement.chance);
  }
  assert.equal(scores.agreementWords({ method: "m", rows: 3, tau: 1, p: 0.3, chance: true }, "tasks"), "");
  assert.match(scores.agreementWords({ method: "m", rows: 9, tau: 0.8, p: 0.001, chance: false }, "models"), /reached: 0.80 \(p 0.0010\)\.$/);
});

test("strips share a scale and stay in their cell", () => {
  const scale = strips.stripScale([0.8, NaN, 0.9, Infinity]);
  assert.ok(scale.at(0.8) > 0 && scale.at(0.8) < 10 && scale.at(0.9) > 90 && scale.at(0.9) < 100);
  const place = (drawn, name) => Number(drawn.match(new RegExp(` ${name}="([-.0-9]+)%"`))[1]);
  assert.equal(place(strips.rule(scale, -5, 0.9, "a"), "x1"), 0, "cut at the edge");
  assert.equal(place(strips.area(scale, -Infinity, 0.85, "a"), "x"), 0);
  close(place(strips.area(scale, 0.85, Infinity, "a"), "width"), 50, "half of it", 1e-3);
  close(place(strips.spot(scale, 0.85, "circle", "a"), "x"), 50, "in the middle", 1e-3);
  for (const drawn of [strips.spot(scale, NaN, "circle", "a"), strips.tick(scale, NaN, "a"), strips.rule(scale, NaN, 1, "a"), strips.area(scale, NaN, 1, "a")]) assert.equal(drawn, "");
  assert.deepEqual(evenTicks({ from: 0.7881, to: 0.7923 }, 4).map(([, text]) => text), ["0.790", "0.792"]);
  assert.deepEqual(evenTicks({ from: 0, to: 900 }, 4).map(([, text]) => text), ["0", "500"]);
});

test("scales, ticks and positions of sliders", () => {
  for (const axis of [{ from: 1, to: 1e4, log: true }, { from: -3, to: 3 }, { from: 0, to: 30, knee: 0.1 }]) {
    const x = scaled(axis, 10, 410);
    for (const px of [10, 100, 410]) close(x.at(x.value(px)), px, "there and back");
    assert.equal(x.held(1e9), 410);
    const ticks = ticksOf(axis, 6);
    assert.ok(ticks.length >= 3 && ticks.every((v) => x.holds(v)));
  }
  assert.deepEqual(ticksOf({ from: 0, to: 2 }, 5), [0, 0.5, 1, 1.5, 2]);
  assert.ok(endsOf([1, 100], true).to > 100);
  assert.equal(endsOf([0, 5], false).from, 0);
  const grid = positions({ low: 1e-6, high: 1e-2, zero: true, step: 0 }, 3.14e-4);
  assert.ok(grid.every((v, i) => i === 0 || v > grid[i - 1]));
  assert.equal(grid[position(grid, 0)], 0);
  assert.equal(position(grid, grid[7] * 1.001), 7);
});

test("numbers as they are read", () => {
  const read = [[0, "0"], [1234.5, "1230"], [2.0004e-4, "2e−4"], [1.23e-4, "1.23e−4"], [Infinity, "never"], [NaN, "–"]];
  for (const [value, text] of read) assert.equal(short(value), text);
  assert.deepEqual([0.25, -2, 1e-3, 2e5].map(tickText), ["0.25", "−2", "10⁻³", "2·10⁵"]);
});
