// Drawing of SelectionMonitor: the runs with where each candidate will end, and the probabilities by what was spent.

import { endsOf, evenTicks, number, short } from "./axis.js";
import { drawAxes, emptyFrame, frameOf, inFrame, LINE, mark, polygon, polyline, startPaint, textWidth, upright, write, writeApart } from "./canvas.js";
import { clamp } from "./numbers.js";
import { ASIDE, CHOSEN, orderAt, shareText, stacked } from "./selections.js";

const LANE = 0.26; // of the width of a picture, for the ends, and for names
const SHAPES = ["circle", "triangle", "square"];
const NAMED = 4; // candidates whose names are written into the picture
const LIKELY = 0.05; // candidates below it are not named beside the looks
const MOST = 14; // letters of a name there
const ROOM = 106; // px that so many take, where a narrow picture can give them up

const cut = (name) => (name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name);

/** How a candidate is drawn: colour, width, shape, opacity, and what lies above. */
function looksOf(view, look, i) {
  const state = view.n.state(view.look, i);
  const stands = i === view.marked;
  // of many that are open, those that are likely stand out
  const likely = Math.min(1, view.n.at(view.look, i, "p_good") / Math.max(view.n.probability[view.look - 1], 1e-9));
  return {
    colour: [look.colours[2], look.colours[1], look.muted][state], shape: SHAPES[state], stands, above: 4 * stands + (2 - state),
    width: stands ? 3 : state === CHOSEN ? 2.4 : 1.3, opacity: stands || state === CHOSEN ? 1 : state === ASIDE ? 0.6 : 0.5 + 0.4 * likely,
    dash: state === ASIDE ? [4, 3] : [],
  };
}

const upwards = (view, look) => [...Array(view.n.size).keys()].sort((a, b) => looksOf(view, look, a).above - looksOf(view, look, b).above);

/** Frame of the runs: their shares of the recipe, a logarithmic axis; the lane of the ends at the right of it. */
function runsFrame(plot, view) {
  const { n } = view;
  const shares = n.runs.flatMap(({ points }) => points.map(({ share }) => share)).filter((share) => share > 0);
  const from = Math.min(...shares) / 1.12;
  const to = from * (1.06 / from) ** (1 / (1 - LANE));
  const values = n.runs.flatMap(({ points }) => points.map(({ value }) => value)).filter(Number.isFinite);
  const open = [...Array(n.size).keys()].filter((i) => n.state(view.look, i) !== ASIDE);
  const ends = open.map((i) => n.at(view.look, i, "mean"));
  const all = [...values, ...ends];
  const room = (Math.max(...all) - Math.min(...all)) || 1;
  for (const i of open) { // intervals are many times as wide at first, while no level is known
    all.push(Math.max(n.at(view.look, i, "lower"), Math.min(...values, ...ends) - 0.5 * room), Math.min(n.at(view.look, i, "upper"), Math.max(...values, ...ends) + 0.5 * room));
  }
  const f = frameOf(plot, { from, to, log: true }, endsOf(all.filter(Number.isFinite), false, 0.05));
  const rungs = [...new Set(shares.map((share) => Number(share.toPrecision(6))))].sort((a, b) => a - b);
  const last = n.depths[0].at(-1);
  f.x.ticks = rungs.map((share) => [share, n.alike ? String(Math.round(share * last)) : shareText(share)]);
  f.y.ticks = evenTicks(f.y, (f.y0 - f.y1) / 36);
  f.wall = f.x.at(1.06);
  const order = orderAt(n, view.look).filter((i) => n.state(view.look, i) !== ASIDE);
  f.lane = new Map(order.map((i, k) => [i, f.wall + ((k + 0.5) / Math.max(order.length, 3)) * (f.x1 - f.wall)]));
  return f;
}

/** Part of a picture that is set off, from one place to another. */
function shade(ctx, look, f, from, to) {
  ctx.globalAlpha = 0.35;
  polygon(ctx, [[from, f.y0], [to, f.y0], [to, f.y1], [from, f.y1]], look.grid);
  ctx.globalAlpha = 1;
}

export function paintRuns(plot, view, look) {
  const ctx = startPaint(plot);
  const { n } = view;
  if (!n.looks) return emptyFrame(ctx, look, plot, "No look yet");
  const f = runsFrame(plot, view);
  shade(ctx, look, f, f.wall, f.x1);
  const order = upwards(view, look);
  inFrame(ctx, f, () => {
    for (const i of order) {
      const { colour, opacity, width, shape, dash, stands } = looksOf(view, look, i);
      ctx.globalAlpha = opacity;
      for (const run of n.runs) {
        if (run.candidate !== i) continue;
        const known = run.points.filter((p) => p.look <= view.look && p.share > 0);
        const line = known.filter((p) => Number.isFinite(p.value)).map((p) => [f.x.at(p.share), f.y.at(p.value)]);
        if (stands) polyline(ctx, line, look.page, width + 3);
        polyline(ctx, line, colour, width, dash);
        for (const [x, y] of line) mark(ctx, shape, x, y, stands ? 3.4 : 2.2, colour, "transparent");
        if (known.length > line.length && line.length) { // it diverged after this
          const [x, y] = line.at(-1);
          polyline(ctx, [[x - 4, y - 4], [x + 4, y + 4]], look.colours[1], 2);
          polyline(ctx, [[x - 4, y + 4], [x + 4, y - 4]], look.colours[1], 2);
        }
      }
    }
    ctx.globalAlpha = 1;
    for (const [i, x] of f.lane) {
      const { colour, shape, width, stands } = looksOf(view, look, i);
      const [low, high] = ["lower", "upper"].map((end) => f.y.at(n.at(view.look, i, end)));
      polyline(ctx, [[x, low], [x, high]], colour, Math.max(1.6, width - 0.4));
      mark(ctx, shape, x, f.y.at(n.at(view.look, i, "mean")), stands || n.state(view.look, i) === CHOSEN ? 4.4 : 3, colour, look.page, 1);
    }
    if (view.marked !== null && n.state(view.look, view.marked) === ASIDE) {
      polyline(ctx, [[f.wall, f.y.at(n.at(view.look, view.marked, "mean"))], [f.x1, f.y.at(n.at(view.look, view.marked, "mean"))]], look.muted, 1.5, [4, 3]);
    }
  });
  polyline(ctx, [[f.wall, f.y0], [f.wall, f.y1]], look.muted, 1, [2, 3]);
  drawAxes(ctx, f, look, plot, n.alike ? "depth c   (steps)" : "share of the recipe", n.metric);
  write(ctx, look, "the ends", (f.wall + f.x1) / 2, f.y0 + 6, { font: "11px", align: "center", base: "top", colour: look.muted, halo: false });
}

/** Frame of the probabilities: the budget, and beside it a lane for names. */
function chancesFrame(plot, { total }) {
  const { x0, x1 } = frameOf(plot, { from: 0, to: total }, { from: 0, to: 1.03 });
  const share = 1 - clamp(ROOM / (x1 - x0), LANE, 0.4);
  const f = frameOf(plot, { from: 0, to: total / share }, { from: 0, to: 1.03 });
  f.x.ticks = evenTicks({ from: 0, to: total }, share * (f.x1 - f.x0) / 52);
  f.wall = f.x.at(total);
  return f;
}

export function paintChances(plot, view, look) {
  const ctx = startPaint(plot);
  const { n } = view;
  if (!n.looks) return emptyFrame(ctx, look, plot, "No look yet");
  const f = chancesFrame(plot, view);
  const spent = f.x.at(n.spent[view.look - 1]);
  shade(ctx, look, f, spent, f.wall);
  inFrame(ctx, f, () => {
    for (const i of upwards(view, look)) {
      const { colour, opacity, width, shape, dash, stands } = looksOf(view, look, i);
      ctx.globalAlpha = opacity;
      const line = n.spent.slice(0, view.look).map((cost, k) => [f.x.at(cost), f.y.at(n.at(k + 1, i, "p_good"))]);
      if (stands) polyline(ctx, line, look.page, width + 3);
      polyline(ctx, line, colour, width, dash);
      for (const [x, y] of line) mark(ctx, shape, x, y, stands ? 3.6 : 2.4, colour, "transparent");
    }
    ctx.globalAlpha = 1;
    polyline(ctx, [[f.x0, f.y.at(n.confidence)], [f.wall, f.y.at(n.confidence)]], look.muted, 1.2, [7, 4]);
    upright(ctx, f, spent, look.text, 1.2, [2, 3]);
    upright(ctx, f, f.wall, look.muted, 1);
  });
  // names of lines along the axis would stand where no line is
  const order = orderAt(n, view.look).slice(0, NAMED)
    .filter((i) => n.state(view.look, i) !== ASIDE && n.at(view.look, i, "p_good") >= LIKELY);
  if (view.marked !== null && !order.includes(view.marked)) order.push(view.marked);
  const heights = stacked(order.map((i) => f.y.at(n.at(view.look, i, "p_good"))), f.y1 + 6, f.y0 - 6, LINE + 0.5);
  const labels = order.map((i, k) => ({
    text: cut(n.names[i]), x: spent, y: heights[k], font: n.state(view.look, i) === CHOSEN ? "bold 12px" : "12px", beside: true,
  }));
  drawAxes(ctx, f, look, plot, "spent of the budget", number(n.margin) > 0 ? "P(good enough)" : "P(best)");
  const text = `stops at ${short(n.confidence)}`;
  const level = { text, x: f.x0 + 6 + textWidth(ctx, look, text) / 2, y: f.y.at(n.confidence) + 10 };
  const rest = f.wall - spent > 60 ? [{ text: "not spent", x: (spent + f.wall) / 2, y: f.y0 - 10, font: "italic 11px" }] : [];
  writeApart(ctx, f, look, [...labels, level, ...rest]);
}

/** What is nearest to a place in the picture of the runs: a value of a run, or the end of a candidate. */
export function nearestRun(plot, view, x, y) {
  const { n } = view;
  if (!n.looks || Number.isNaN(x)) return null;
  const f = runsFrame(plot, view);
  let [best, distance] = [null, 24];
  for (const [i, at] of f.lane) {
    const [low, high] = ["lower", "upper"].map((end) => f.y.at(n.at(view.look, i, end)));
    const [top, bottom] = [Math.min(low, high), Math.max(low, high)];
    const far = Math.hypot(at - x, y < top ? top - y : y > bottom ? y - bottom : 0);
    if (far < distance) [best, distance] = [{ candidate: i }, far];
  }
  for (const { candidate, seed, points } of n.runs) {
    for (const point of points) {
      if (point.look > view.look || !Number.isFinite(point.value) || !(point.share > 0)) continue;
      const far = Math.hypot(f.x.at(point.share) - x, f.y.at(point.value) - y);
      if (far < distance) [best, distance] = [{ candidate, seed, ...point }, far];
    }
  }
  return best;
}

/** The look and the candidate nearest to a place in the picture of the probabilities. */
export function nearestChance(plot, view, x, y) {
  const { n } = view;
  if (!n.looks || Number.isNaN(x)) return null;
  const f = chancesFrame(plot, view);
  let [best, distance] = [null, 24];
  for (let k = 1; k <= view.look; k++) {
    for (let i = 0; i < n.size; i++) {
      const far = Math.hypot(f.x.at(n.spent[k - 1]) - x, f.y.at(n.at(k, i, "p_good")) - y);
      if (far < distance) [best, distance] = [{ candidate: i, look: k }, far];
    }
  }
  return best;
}

/** Cost at a place in the picture of the probabilities. */
export const costAt = (plot, view, x) => chancesFrame(plot, view).x.value(x);
