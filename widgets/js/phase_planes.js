// Drawing of PhaseDiagram's two planes.

import { clamp, optVariance, REGIMES } from "./numbers.js";
import { clip, tickText } from "./axis.js";
import { beyond, drawAxes, frameOf, mark, polygon, polyline, startPaint, textWidth, upright, write } from "./canvas.js";

const SHAPES = ["circle", "triangle", "square"];
const LABELLED = 14; // up to this many tasks carry their names in the planes
export const RINGED = 200; // up to this many, rings tell the probabilities and trails where each came from; beyond, paleness
const TRAILED = 2000; // up to this many, those that crossed still leave a trail
const SURE = 0.995; // of a probability, from which a ring would say nothing
const LEVELS = [[0.7, 0.45], [0.9, 0.6], [SURE, 0.8], [Infinity, 1]]; // probability below which a point is this pale

/** Regime of a task as one number: called 0 to 2, leaning to 3 to 5. */
export const code = (state, t) => (state.called[t] ? state.likely[t] : 3 + state.likely[t]);
const shapeOf = (kind) => (kind < 3 ? SHAPES[kind] : "diamond");
const tint = (look, k) => look.colours[k] + (look.dark ? "26" : "1c");

// ---- regions: each shades its plane, draws the boundaries, and says where the regions' names go: [regime, x, y] ----

function shade(ctx, f, look, plot, areas) {
  for (const [k, points] of areas) polygon(ctx, points, tint(look, k));
  drawAxes(ctx, f, look, plot, plot.xTitle, plot.yTitle, true);
}

function budgetRegions(ctx, f, look, plot) {
  const edge = Array.from({ length: 61 }, (_, i) => [f.x.held(i / 60), f.y.held(1 - i / 60)]);
  const xOne = f.x.held(1);
  const diagonal = [[f.x0, edge[0][1]], ...edge, [xOne, f.y0]];
  shade(ctx, f, look, plot, [
    [0, [[f.x0, f.y0], ...diagonal]], [1, [[f.x0, f.y1], ...diagonal, [xOne, f.y1]]],
    [2, [[xOne, f.y0], [xOne, f.y1], [f.x1, f.y1], [f.x1, f.y0]]],
  ]);
  polyline(ctx, diagonal, look.text, 1.5);
  upright(ctx, f, xOne, look.text, 1.5);
  const middle = (f.x0 + xOne) / 2;
  return [[1, middle, f.y1 + 12], [2, (f.x1 + xOne) / 2, f.y1 + 12], [0, middle - 16, f.y.held(0.22)]];
}

function theoryRegions(ctx, f, look, plot, state) {
  const xTau = f.x.held(state.tolerance);
  const logBudget = Math.log(state.budget);
  const edge = [];
  for (let x = f.x0; x <= xTau; x += 2) {
    // alpha_B(L_int) = ln(K / (tau - L_int)) / ln B
    const need = Math.log(state.boundaryScale / (state.tolerance - Math.max(0, f.x.value(x))));
    const rate = logBudget > 0 ? need / logBudget : need > 0 ? Infinity : -Infinity;
    edge.push([x, rate > 0 ? Math.max(f.y1, f.y.at(rate)) : f.y0]);
  }
  edge.push([xTau, edge.length && state.boundaryScale > 0 ? f.y1 : f.y0]);
  shade(ctx, f, look, plot, [
    [0, [[f.x0, f.y1], ...edge, [xTau, f.y1]]], [1, [[f.x0, f.y0], ...edge, [xTau, f.y0]]],
    [2, [[xTau, f.y0], [xTau, f.y1], [f.x1, f.y1], [f.x1, f.y0]]],
  ]);
  polyline(ctx, edge.filter(([, y]) => y > f.y1 && y < f.y0), look.text, 1.5);
  upright(ctx, f, xTau, look.text, 1.5);
  const middle = (f.x0 + xTau) / 2;
  const height = edge[Math.floor(edge.length / 2) - 1]?.[1] ?? f.y0;
  const wide = xTau - f.x0 > 110;
  return [
    [wide && height - f.y1 > 26, [0, middle, f.y1 + 12]], [wide && f.y0 - height > 26, [1, middle, f.y0 - 12]],
    [f.x1 - xTau > 110, [2, (xTau + f.x1) / 2, f.y1 + 12]],
  ].filter(([room]) => room).map(([, name]) => name);
}

// ---- points ----

/** Filled where the regime is called; hollow, in the colour of what it leans to, where it is undetermined. */
function drawPoint(ctx, look, state, t, x, y, r) {
  const colour = look.colours[state.likely[t]];
  if (state.called[t]) mark(ctx, shapeOf(code(state, t)), x, y, r, colour, look.page, 1);
  else mark(ctx, "diamond", x, y, r, look.page, colour, 2);
}

function circle(ctx, x, y, r, stroke, width, from = 0, to = 2 * Math.PI) {
  ctx.beginPath();
  ctx.arc(x, y, r, from, to);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.stroke();
}

/** Ring around a point, each regime's share of it as long as its probability, from twelve o'clock on. */
function ring(ctx, look, p, t, x, y, r) {
  let from = -Math.PI / 2;
  for (let k = 0; k < 3; k++) {
    const to = from + 2 * Math.PI * p[3 * t + k];
    if (to - from > 0.01) circle(ctx, x, y, r, look.colours[k], 3, from, to);
    from = to;
  }
}

/** Pictures of the marks, by level of certainty and code: copying one is far cheaper than drawing it again. */
function sprites(look, r, ratio) {
  const half = Math.ceil(1.25 * r + 2);
  const images = LEVELS.map(([, alpha]) => [...Array(6).keys()].map((kind) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 2 * half * ratio;
    const ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.globalAlpha = alpha;
    const colour = look.colours[kind % 3];
    mark(ctx, shapeOf(kind), half, half, r, kind < 3 ? colour : "transparent", kind < 3 ? "transparent" : colour, 1.2);
    return canvas;
  }));
  return { images, half };
}

/** Very many points, paler the less sure their regime is; the surer on top. */
function crowd(ctx, look, plot, state, r) {
  const { xs, ys, width, height } = plot;
  const ratio = window.devicePixelRatio || 1;
  const key = `${look.dark} ${r} ${ratio}`;
  if (plot.sprites?.key !== key) plot.sprites = { key, ...sprites(look, r, ratio) };
  const { images, half } = plot.sprites;
  const level = new Uint8Array(xs.length);
  for (let t = 0; t < xs.length; t++) {
    const share = state.p[3 * t + state.likely[t]];
    while (share >= LEVELS[level[t]][0]) level[t] += 1;
  }
  for (let which = 0; which < LEVELS.length; which++) {
    for (let t = 0; t < xs.length; t++) {
      if (level[t] !== which || !(xs[t] < width) || !(ys[t] < height)) continue;
      const x = Math.round((xs[t] - half) * ratio) / ratio; // on whole pixels, so that it is a plain copy
      const y = Math.round((ys[t] - half) * ratio) / ratio;
      ctx.drawImage(images[which][code(state, t)], x, y, 2 * half, 2 * half);
    }
  }
}

/** Names beside their points, each at the first of eight places where it covers nothing. */
function labels(ctx, look, f, plot, names, order, selected) {
  const around = new Map(order.map((t) => [t, [plot.xs[t] - 9, plot.ys[t] - 9, plot.xs[t] + 9, plot.ys[t] + 9]]));
  const taken = [...around.values()];
  for (const t of order) {
    const [x, y] = [plot.xs[t], plot.ys[t]];
    const text = clip(names[t], 26);
    const w = textWidth(ctx, look, text, "11px");
    const gap = t === selected ? 18 : 13;
    const free = ([left, top, right, bottom]) => left >= f.x0 + 2 && right <= plot.width && top >= f.y1 + 20 && bottom <= f.y0
      && !taken.some((b) => b !== around.get(t) && left < b[2] && right > b[0] && top < b[3] && bottom > b[1]);
    const place = [
      [x + gap, y], [x - gap - w, y], [x - w / 2, y - 15], [x - w / 2, y + 15],
      [x + 9, y - 13], [x - 9 - w, y - 13], [x + 9, y + 13], [x - 9 - w, y + 13],
    ].map(([left, middle]) => [left, middle - 7, left + w, middle + 7]).find(free);
    if (!place) continue;
    taken.push(place);
    write(ctx, look, text, place[0], place[1] + 7, { font: "11px" });
  }
}

/** Intervals of one task along both axes. */
function whiskers(ctx, look, f, x, y, along, up) {
  polyline(ctx, along.map((v) => [f.x.held(v), y]), look.text, 1.5);
  polyline(ctx, up.map((v) => [x, f.y.held(v)]), look.text, 1.5);
}

/** The way of tasks from where they stood before the last move: of each, or of many only those that crossed. */
function trails(ctx, plot, f, look, state) {
  const { before, data } = state;
  if (!before || !plot.moves || (before.budget === state.budget && before.tolerance === state.tolerance)) return;
  const place = plot.placing({ data, budget: before.budget, tolerance: before.tolerance });
  const many = data.size > RINGED;
  const ways = new Map(); // one path for all that look alike
  for (let t = 0; t < data.size; t++) {
    const crossed = before.codes[t] !== code(state, t);
    if (many && !(crossed && data.size <= TRAILED) && t !== state.selected) continue;
    const [vx, vy] = place(t);
    const key = 2 * state.likely[t] + crossed;
    if (!ways.has(key)) ways.set(key, []);
    if (!Number.isNaN(vx + vy)) ways.get(key).push([f.x.held(vx), f.y.held(vy), plot.xs[t], plot.ys[t]]);
  }
  for (const [key, lines] of ways) {
    const crossed = key & 1;
    ctx.fillStyle = ctx.strokeStyle = look.colours[key >> 1];
    ctx.globalAlpha = many ? 0.35 : crossed ? 0.9 : 0.4;
    ctx.lineWidth = many ? 1 : crossed ? 2.5 : 1.5;
    ctx.beginPath();
    for (const [x0, y0, x1, y1] of lines) {
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
    }
    ctx.stroke();
    if (!many) for (const [x, y] of lines) ctx.fillRect(x - 2, y - 2, 4, 4);
  }
  ctx.globalAlpha = 1;
}

function paintPlane(plot, state, look) {
  const ctx = startPaint(plot);
  const f = frameOf(plot, plot.x, plot.y, 9);
  const names = plot.regions(ctx, f, look, plot, state);
  const nameRegions = () => names.forEach(([k, x, y]) => write(ctx, look, REGIMES[k], x, y, { font: "600 12px", align: "center", colour: look.colours[k] }));
  const { data, selected } = state;
  const few = data.size <= LABELLED;
  const many = data.size > RINGED;
  if (few) nameRegions();
  const r = data.size > 2000 ? 2.5 : many ? 3.5 : 6;
  if (plot.xs?.length !== data.size) Object.assign(plot, { xs: new Float64Array(data.size), ys: new Float64Array(data.size) });
  const { xs, ys } = plot;
  const place = plot.placing(state);
  for (let t = 0; t < data.size; t++) {
    const [vx, vy] = place(t);
    xs[t] = f.x.held(vx);
    ys[t] = f.y.held(vy);
  }
  trails(ctx, plot, f, look, state);
  if (selected >= 0) plot.detail(ctx, plot, f, look, state, selected);
  if (many) crowd(ctx, look, plot, state, r);
  const order = (many ? [] : [...Array(data.size).keys()].filter((t) => t !== selected)).concat(selected >= 0 ? [selected] : [])
    .filter((t) => !Number.isNaN(xs[t] + ys[t]));
  for (const t of order) {
    const [x, y] = [xs[t], ys[t]];
    const ringed = !many && state.p[3 * t + state.likely[t]] < SURE;
    if (ringed) ring(ctx, look, state.p, t, x, y, r + 4);
    if (t === selected) circle(ctx, x, y, Math.max(r, 6) + (ringed ? 8 : 5), look.text, 1.5);
    drawPoint(ctx, look, state, t, x, y, t === selected ? Math.max(r, 6) : r);
    if (!few && t !== selected) continue;
    const [vx, vy] = place(t);
    if (vx > plot.x.to) beyond(ctx, look, x, y, 1, 0);
    if (vy > plot.y.to) beyond(ctx, look, x, y, 0, 1);
  }
  if (!few) nameRegions(); // else a crowd of points would cover them
  const named = few ? order.reverse() : order.filter((t) => t === selected);
  labels(ctx, look, f, plot, data.names, named, selected);
}

const named = (ticks) => ticks.map((v) => [v, tickText(v)]);

/** The two planes, with axes wide enough for the tasks of `data`. */
export function makePlanes(data) {
  const { tolerance: grid } = data.grid;
  const most = (k) => data.middle.reduce((a, v, i) => (i % 3 === k && v > a && Number.isFinite(v) ? v : a), 0);
  const middle = Math.sqrt(grid[0] * grid.at(-1));
  const limitMax = clamp(Math.max(4 * middle, 1.3 * most(0)), 0, 1000 * middle);
  const rateMax = clamp(Math.ceil(2.3 * most(2)) / 2, 2, 6);
  const limits = [0];
  for (let k = Math.floor(Math.log10(middle / 20)); k <= Math.log10(limitMax); k++) limits.push(10 ** k, 3 * 10 ** k);
  const rates = Array.from({ length: 13 }, (_, i) => i / (rateMax > 3 ? 1 : 2));
  const budgetPlane = {
    name: "Budget plane", note: "tasks sink as the budget grows", paint: paintPlane, regions: budgetRegions, moves: true,
    x: { from: 0, to: 10, knee: 0.1, ticks: named([0, 0.1, 0.3, 1, 3, 10]) }, y: { from: 0, to: 30, knee: 0.1, ticks: named([0, 0.1, 0.3, 1, 3, 10, 30]) },
    xTitle: "L_int / τ   (floor, in tolerances)", yTitle: "V_opt(B) / τ   (left to resolve)",
    placing({ data: d, budget, tolerance }) {
      const left = optVariance(d, budget);
      return (t) => [d.middle[3 * t] / tolerance, left(t, 1) / tolerance];
    },
    detail(ctx, plot, f, look, { data: d, budget, tolerance, depths }, t) {
      const [x, y] = [plot.xs[t], plot.ys[t]];
      const left = (which, c) => optVariance(d, c)(t, which) / tolerance;
      polyline(ctx, [[x, f.y.held(left(1, d.grid.budget[0]))], [x, y]], look.text, 1, [2, 4]); // the way it came
      whiskers(ctx, look, f, x, y, [d.low[3 * t] / tolerance, d.high[3 * t] / tolerance], [left(0, budget), left(2, budget)]);
      if (!(depths?.[t] > 0)) return;
      const there = f.y.held(left(1, depths[t])); // where the depth worth paying for would take it
      polyline(ctx, [[x - 9, there], [x + 9, there]], look.text, 2.5);
      write(ctx, look, "c*", x + 12, there, { font: "600 11px" });
    },
  };
  const theoryPlane = {
    name: "Theory plane", paint: paintPlane, regions: theoryRegions,
    x: { from: 0, to: limitMax, knee: middle / 10, ticks: named(limits.filter((v) => v === 0 || (v >= middle / 20 && v <= limitMax))) },
    y: { from: 0, to: rateMax, ticks: named(rates.filter((v) => v <= rateMax)) },
    xTitle: "intrinsic limit L_int   (metric²)", yTitle: "decay rate α",
    placing: ({ data: d }) => (t) => [d.middle[3 * t], d.middle[3 * t + 2]],
    detail(ctx, plot, f, look, { data: d }, t) {
      whiskers(ctx, look, f, plot.xs[t], plot.ys[t], [d.low[3 * t], d.high[3 * t]], [d.low[3 * t + 2], d.high[3 * t + 2]]);
    },
  };
  return [budgetPlane, theoryPlane];
}
