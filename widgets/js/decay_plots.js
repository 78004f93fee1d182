// Drawing of DecayExplorer: the fit, the profile of alpha, the residuals.

import { endsOf, number, short } from "./axis.js";
import { across, drawAxes, frameOf, inFrame, mark, polygon, polyline, startPaint, upright, writeInside } from "./canvas.js";

const DASHED = [7, 4];
const shaded = (look) => look.colours[2] + (look.dark ? "44" : "33");

/** What fills the fit's picture, as numbers; `band` only while it belongs to the fit shown. */
export function fitNumbers(fitted, intervals) {
  const [depth, risk, lower, upper, df] = fitted.points.map((row) => row.map(number));
  const numbers = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name].map(number)]));
  return {
    depth, risk, lower, upper, df, first: fitted.first, lawFirst: fitted.law_first, metric: fitted.metric || "metric",
    ...numbers(fitted, "depths", "curve", "params", "residuals"),
    band: intervals ? numbers(intervals, "lower", "upper") : null,
    before: fitted.before.same_points ? numbers(fitted.before, "depths", "curve") : null,
  };
}

export function fitFrame(plot, n, log) {
  const x = endsOf(log ? n.depth : [0, ...n.depth], log, 0.05);
  const y = endsOf([...n.lower, ...n.upper, ...n.curve, ...(log ? [] : [0])], log, 0.05);
  return frameOf(plot, x, y);
}

export function paintFit(plot, view, look) {
  const ctx = startPaint(plot);
  const { n, log } = view;
  const f = fitFrame(plot, n, log);
  const line = (depths, values) => depths.map((c, i) => [f.x.at(c), f.y.at(values[i])]);
  inFrame(ctx, f, () => {
    if (n.band) {
      const low = n.band.lower.map((v) => (log ? Math.max(v, f.y.from / 10) : v));
      const high = n.band.upper.map((v) => Math.min(v, f.y.to * 10));
      polygon(ctx, [...line(n.depths, high), ...line(n.depths, low).reverse()], shaded(look));
    }
    const floor = n.params[0];
    const inside = floor > 0 && f.y.holds(floor);
    if (inside) across(ctx, f, f.y.at(floor), look.muted, 1, DASHED);
    if (n.lawFirst > n.first) upright(ctx, f, f.x.at(n.lawFirst), look.muted, 1, DASHED); // the rise is over
    if (n.before) polyline(ctx, line(n.before.depths, n.before.curve), look.muted, 2, [2, 3]);
    polyline(ctx, line(n.depths, n.curve), look.colours[2], 2.5);
    n.depth.forEach((c, i) => {
      const fitted = c >= n.first;
      const colour = fitted ? look.text : look.muted;
      polyline(ctx, [[f.x.at(c), f.y.at(n.lower[i])], [f.x.at(c), f.y.at(n.upper[i])]], colour, 1.5);
      mark(ctx, fitted ? "circle" : "down", f.x.at(c), f.y.at(n.risk[i]), fitted ? 4 : 5, fitted ? colour : look.page, colour);
    });
    if (log && inside) writeInside(ctx, f, look, `floor ${short(floor)}`, f.x0, f.y.at(floor) - 9);
    if (n.lawFirst > n.first) writeInside(ctx, f, look, "peak", f.x.at(n.lawFirst), f.y1 + 9);
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", `risk   (${n.metric}²)`);
}

export function paintProfile(plot, view, look) {
  const ctx = startPaint(plot);
  if (!view.profile) return;
  const { cut } = view.profile;
  const [rate, excess] = [view.profile.rate.map(number), view.profile.excess.map(number)];
  const estimate = view.n.params[2];
  const known = Number.isFinite(estimate);
  const near = rate.filter((_, i) => excess[i] <= 3 * cut); // rates worth drawing
  if (known) near.push(estimate);
  if (near.length < 2) near.push(rate[0], rate.at(-1));
  const f = frameOf(plot, endsOf(near, true, 0.05), { from: 0, to: 3 * cut });
  const within = rate.map((r, i) => [f.x.at(r), f.y.at(excess[i]), excess[i] <= cut]);
  inFrame(ctx, f, () => {
    let run = [];
    for (const [x, y, inside] of [...within, [0, 0, false]]) {
      if (inside) run.push([x, y]);
      else if (run.length) {
        polygon(ctx, [[run[0][0], f.y.at(cut)], ...run, [run.at(-1)[0], f.y.at(cut)]], shaded(look));
        run = [];
      }
    }
    across(ctx, f, f.y.at(cut), look.text, 1, DASHED);
    polyline(ctx, within, look.colours[2], 2.5);
    if (known) upright(ctx, f, f.x.at(estimate), look.text, 1.5, [2, 3]);
    writeInside(ctx, f, look, "95 % cut", f.x0 + 30, f.y.at(cut) - 9);
    if (known) writeInside(ctx, f, look, `α = ${short(estimate)}`, f.x.at(estimate), f.y1 + 9);
  });
  drawAxes(ctx, f, look, plot, "decay rate α", "deviance above its least");
}

export function paintResiduals(plot, view, look) {
  const ctx = startPaint(plot);
  const { n, log } = view;
  const depths = n.depth.filter((c) => c >= n.lawFirst);
  const most = Math.max(2.6, ...n.residuals.map((r) => 1.15 * Math.abs(r)));
  const f = frameOf(plot, endsOf(log ? n.depth : [0, ...n.depth], log, 0.05), { from: -most, to: most });
  inFrame(ctx, f, () => {
    polygon(ctx, [[f.x0, f.y.at(2)], [f.x1, f.y.at(2)], [f.x1, f.y.at(-2)], [f.x0, f.y.at(-2)]], look.dark ? "#ffffff12" : "#0000000c");
    for (const v of [-2, 2]) across(ctx, f, f.y.at(v), look.muted, 1, DASHED);
    across(ctx, f, f.y.at(0), look.text, 1);
    depths.forEach((c, i) => {
      const out = Math.abs(n.residuals[i]) > 2;
      const [x, y] = [f.x.at(c), f.y.at(n.residuals[i])];
      const colour = out ? look.colours[1] : look.text;
      polyline(ctx, [[x, f.y.at(0)], [x, y]], colour, 1.5);
      mark(ctx, out ? "diamond" : "circle", x, y, out ? 5 : 4, colour, colour);
    });
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", "residual   (standard deviations)");
}
