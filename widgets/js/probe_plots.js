// Drawing of ProbeMonitor: the curves of all runs, the risk with its fit.

import { endsOf, number } from "./axis.js";
import { drawAxes, emptyFrame, frameOf, inFrame, mark, polyline, startPaint } from "./canvas.js";
import { fitNumbers, paintFit } from "./decay_plots.js";
import { typed } from "./kernel.js";

/** The curves as the kernel sent them: `values` in rows of runs; NaN where a run was not measured. */
export function curveNumbers(sent) {
  const values = typed(sent.values, Float32Array);
  const k = sent.depths.length;
  return {
    ...sent, k, runs: sent.seeds.length,
    value: (run, i) => values[run * k + i],
    table: sent.table.map((row) => row.map(number)),
  };
}

/** Depth 0 has a place of its own on a logarithmic axis, before the first depth. */
function depthAxis(depths, log) {
  const positive = depths.filter((c) => c > 0);
  const zero = log ? (positive[0] ?? 1) / 2 : 0;
  const place = (c) => (c > 0 ? c : zero);
  const placed = depths.map(place);
  if (placed.length === 1) placed.push(placed[0] * 2 || 1);
  return { place, ends: endsOf(log ? placed : [0, ...placed], log, 0.04) };
}

function curvesFrame(plot, n, log) {
  const { place, ends } = depthAxis(n.depths, log);
  const all = [];
  for (let run = 0; run < n.runs; run++) for (let i = 0; i < n.k; i++) all.push(n.value(run, i));
  const known = all.filter(Number.isFinite);
  const f = frameOf(plot, ends, endsOf(known.length ? known : [0, 1], false, 0.06));
  f.place = (c) => f.x.at(place(c));
  f.x.ticks = n.depths.map((c) => [place(c), String(c)]);
  return f;
}

export function paintCurves(plot, view, look) {
  const ctx = startPaint(plot);
  const { n } = view;
  if (!n.k) return emptyFrame(ctx, look, plot, "Nothing is measured yet");
  const f = curvesFrame(plot, n, view.log);
  const [, orange, blue] = look.colours;
  const points = (run) => n.depths.map((c, i) => [f.place(c), f.y.at(n.value(run, i))]).filter(([, y]) => Number.isFinite(y));
  const faint = Math.round(255 * Math.max(0.25, Math.min(0.85, 8 / n.runs))).toString(16).padStart(2, "0");
  inFrame(ctx, f, () => {
    for (let run = 0; run < n.runs; run++) {
      const line = points(run);
      polyline(ctx, line, blue + faint, 1.3, n.forks[run] ? [3, 3] : []);
      for (const [x, y] of line) mark(ctx, "circle", x, y, 1.6, blue + faint, "transparent");
      if (n.diverged[run] && line.length) {
        const [x, y] = line.at(-1);
        polyline(ctx, [[x - 4, y - 4], [x + 4, y + 4]], orange, 2);
        polyline(ctx, [[x - 4, y + 4], [x + 4, y - 4]], orange, 2);
      }
    }
    const mean = n.table.filter((row) => Number.isFinite(row[2])).map((row) => [f.place(row[0]), f.y.at(row[2])]);
    polyline(ctx, mean, look.page, 5);
    polyline(ctx, mean, look.text, 2.5);
    for (const [x, y] of mean) mark(ctx, "diamond", x, y, 3.6, look.text, look.page);
    if (view.hovered !== null && view.hovered < n.runs) {
      const line = points(view.hovered);
      polyline(ctx, line, look.page, 5.5);
      polyline(ctx, line, orange, 2.5, n.forks[view.hovered] ? [3, 3] : []);
      for (const [x, y] of line) mark(ctx, "circle", x, y, 3.5, orange, look.page);
    }
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", n.metric);
}

/** The measured value nearest to a place in the picture: [run, index of its depth]. */
export function nearestValue(plot, view, x, y) {
  const { n } = view;
  if (!n.k) return null;
  const f = curvesFrame(plot, n, view.log);
  let [best, distance] = [null, 30];
  for (let run = 0; run < n.runs; run++) {
    for (let i = 0; i < n.k; i++) {
      const far = Math.hypot(f.place(n.depths[i]) - x, f.y.at(n.value(run, i)) - y);
      if (far < distance) [best, distance] = [[run, i], far];
    }
  }
  return best;
}

export function riskNumbers(risk) {
  if (!risk.points) return null;
  const fit = Boolean(risk.curve);
  return fitNumbers({
    points: risk.points, first: number(risk.first), depths: fit ? risk.depths : [], curve: fit ? risk.curve : [],
    params: fit ? risk.params : [NaN, NaN, NaN], residuals: [], metric: risk.metric, before: {},
  }, fit ? risk : null);
}

export function paintRisk(plot, view, look) {
  if (view.risk) paintFit(plot, { n: view.risk, log: view.log }, look);
  else emptyFrame(startPaint(plot), look, plot, "No risk curve yet");
}
