// Drawing of RiskDecomposition: the split of the risk, and the valley of the total cost, over depth.

import { costsAt } from "./numbers.js";
import { roundUp, short } from "./axis.js";
import { across, drawAxes, frameOf, inFrame, mark, polygon, polyline, startPaint, textWidth, trace, upright, write, writeInside } from "./canvas.js";

const SAMPLES = 160;

/** Top of the risk axis: it stands still, so that the valley is seen to move, until the bottom would leave the picture. */
export function axisTop(bottom, before) {
  if (before && bottom / before >= 0.1 && bottom / before <= 0.72) return before;
  return roundUp(2.6 * bottom);
}

export const riskFrame = (plot, { depths: [from, to], top }) => frameOf(plot, { from, to, log: true }, { from: 0, to: top });

/** Lines across what is filled, so that the parts are told apart without their colours; 1 rises, -1 falls. */
function hatch(ctx, f, outline, slope, colour) {
  ctx.save();
  trace(ctx, outline);
  ctx.closePath();
  ctx.clip();
  ctx.beginPath();
  const rise = f.y0 - f.y1;
  for (let x = f.x0 - rise; x < f.x1 + rise; x += 9) {
    ctx.moveTo(x, slope > 0 ? f.y0 : f.y1);
    ctx.lineTo(x + rise, slope > 0 ? f.y1 : f.y0);
  }
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.stroke();
  ctx.restore();
}

/** Edges of the layers as points, lowest first: zero, the rows' part of the floor, floor, risk, total; what is far above the top is cut beyond it. */
function edges(s, f, rowsShare) {
  const out = [[], [], [], [], []];
  for (let i = 0; i <= SAMPLES; i++) {
    const x = f.x0 + (i / SAMPLES) * (f.x1 - f.x0);
    const at = costsAt(s, f.x.value(x));
    [0, at.floor * rowsShare, at.floor, at.risk, at.total].forEach((v, k) => out[k].push([x, Math.max(f.y.at(v), f.y1 - 200)]));
  }
  return out;
}

/** Name of a layer, where the layer is thick enough for it: at the place nearest to `want` (a share of the width). */
function layerName(ctx, look, f, low, high, text, want) {
  const half = textWidth(ctx, look, text) / 2 + 5;
  const reach = Math.ceil((half / (f.x1 - f.x0)) * SAMPLES);
  let best = null;
  for (let i = reach; i <= SAMPLES - reach; i++) {
    let [ceiling, ground] = [f.y1, f.y0];
    for (let j = i - reach; j <= i + reach; j++) [ceiling, ground] = [Math.max(ceiling, high[j][1]), Math.min(ground, low[j][1])];
    const off = Math.abs(i / SAMPLES - want);
    if (ground - ceiling >= 16 && (!best || off < best.off)) best = { off, x: high[i][0], y: (ceiling + ground) / 2 };
  }
  if (best) write(ctx, look, text, best.x, best.y, { align: "center" });
}

/** Upright line at a depth with its name, and a spot at its height; an arrow where the depth is beyond an end. */
function depthLine(ctx, look, f, c, name, height) {
  const inside = f.x.holds(c);
  const [x, y, there] = [f.x.held(c), f.y1 + 8, f.y.at(height)];
  if (inside) {
    polyline(ctx, [[x, f.y0], [x, Math.max(there, y + 8)]], look.text, 1.5);
    polyline(ctx, [[x, y + 8], [x, there]], look.muted, 1, [2, 3]);
  }
  writeInside(ctx, f, look, inside ? name : c < f.x.from ? `← ${name}` : `${name} →`, x, y, "600 12px");
  if (inside && height <= f.y.to) mark(ctx, "circle", x, there, 5.5, look.text, look.page);
}

/** Level line with its name at the right end; at the top edge with an arrow where it is out of the picture. */
function levelLine(ctx, look, f, value, name) {
  const above = value > f.y.to;
  const y = above ? f.y1 + 40 : f.y.at(value);
  if (!above) across(ctx, f, y, look.text, 1, [7, 4]);
  write(ctx, look, above ? `${name} ↑` : name, f.x1 - 2, y - 2, { align: "right", base: "bottom" });
}

/** The layers of the risk (and, `priced`, of its price), a level across them, one depth with its interval. */
function paintLayers(plot, view, look, { priced, level, depth, height, symbol, interval, more = () => {} }) {
  const ctx = startPaint(plot);
  const f = riskFrame(plot, view);
  const split = !priced && view.rowsShare > 0;
  const [zero, rows, floor, risk, total] = edges(view.s, f, split ? view.rowsShare : 0);
  const [, orange, blue] = look.colours;
  const layers = [
    ...(split ? [{ low: zero, high: rows, colour: "#808080", slope: -1, name: "rows: σ²_int / n", want: 0.85 }] : []),
    { low: split ? rows : zero, high: floor, colour: "#808080", slope: 1, name: priced ? "floor" : split ? "floor of runs" : "floor L_int", want: 0.85 },
    { low: floor, high: risk, colour: blue, name: priced ? "reducible" : "reducible K c^−α", want: 0.1 },
    { low: risk, high: total, colour: orange, slope: -1, name: "price γ C(c)", want: 0.6 },
  ].slice(0, priced || split ? 3 : 2);
  inFrame(ctx, f, () => {
    for (const { low, high, colour, slope } of layers) {
      const outline = [...high, ...low.toReversed()];
      polygon(ctx, outline, colour + (look.dark ? "55" : "45"));
      if (slope) hatch(ctx, f, outline, slope, `${colour}90`);
    }
    polyline(ctx, floor, look.muted, 1.5, [6, 3]);
    if (split) polyline(ctx, rows, look.muted, 1, [2, 3]);
    polyline(ctx, risk, look.text, priced ? 1 : 2, priced ? [3, 3] : []);
    if (priced) polyline(ctx, total, look.text, 2.5);
    levelLine(ctx, look, f, ...level);
    if (view.hover) upright(ctx, f, f.x.at(view.hover), look.muted, 1, [1, 2]);
    more(ctx, f);
  });
  if (depth > 0 && Number.isFinite(depth)) depthLine(ctx, look, f, depth, `${symbol} = ${short(depth)}`, height);
  if (interval) polyline(ctx, interval.map((c) => [f.x.held(c), f.y0]), look.text, 4);
  inFrame(ctx, f, () => {
    for (const { low, high, name, want } of layers) layerName(ctx, look, f, low, high, name, want);
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", `${plot.yTitle}   (${view.metric || "metric"}²)`);
}

export function paintSplit(plot, view, look) {
  const { s, found } = view;
  paintLayers(plot, view, look, {
    level: [s.tolerance, `tolerance τ = ${short(s.tolerance)}`],
    depth: found.reachable, height: s.tolerance, symbol: "c_τ", interval: view.intervals?.reachable,
  });
}

export function paintValley(plot, view, look) {
  const { s, found } = view;
  paintLayers(plot, view, look, {
    priced: true, level: [found.without, `${view.without} ${short(found.without)}`],
    depth: found.optimal, height: costsAt(s, found.optimal).total, symbol: "c*", interval: view.intervals?.optimal,
    more(ctx, f) { // the way of the bottom in this move
      if (view.trail.length < 2) return;
      const way = view.trail.map(([c, v]) => [f.x.at(Math.max(c, f.x.from)), f.y.at(v)]);
      polyline(ctx, way, look.muted, 2, [2, 3]);
      mark(ctx, "circle", ...way[0], 5.5, look.page, look.muted);
    },
  });
}
