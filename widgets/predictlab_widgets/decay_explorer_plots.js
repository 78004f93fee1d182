// Drawing of DecayExplorer: the fit, the profile of alpha, the residuals. page.js and axes.js come before this.

const number = (v) => Number(v); // the kernel writes what JSON does not have as words

/** What fills the fit's picture, as numbers; `band` only while it belongs to the fit shown. */
function fitNumbers(fitted, intervals) {
  const [depth, risk, lower, upper, df] = fitted.points.map((row) => row.map(number));
  return {
    depth, risk, lower, upper, df, first: fitted.first,
    depths: fitted.depths.map(number), curve: fitted.curve.map(number), params: fitted.params.map(number),
    residuals: fitted.residuals.map(number), metric: fitted.metric || "metric",
    band: intervals ? { lower: intervals.lower.map(number), upper: intervals.upper.map(number) } : null,
    before: fitted.before.same_points
      ? { depths: fitted.before.depths.map(number), curve: fitted.before.curve.map(number) } : null,
  };
}

function fitFrame(plot, n, log) {
  const x = endsOf(log ? n.depth : [0, ...n.depth], log, 0.05);
  const y = endsOf([...n.lower, ...n.upper, ...n.curve, ...(log ? [] : [0])], log, 0.05);
  return frameOf(plot, x, y);
}

function paintFit(plot, view, look) {
  const ctx = startPaint(plot);
  const { n, log } = view;
  const f = fitFrame(plot, n, log);
  const [, , blue] = look.colours;
  const line = (depths, values) => depths.map((c, i) => [f.x.at(c), f.y.at(values[i])]);
  inFrame(ctx, f, () => {
    if (n.band) {
      const low = n.band.lower.map((v) => (log ? Math.max(v, f.y.from / 10) : v));
      const high = n.band.upper.map((v) => Math.min(v, f.y.to * 10));
      polygon(ctx, [...line(n.depths, high), ...line(n.depths, low).reverse()], blue + (look.dark ? "44" : "33"));
    }
    const floor = n.params[0];
    if (floor > 0 && f.y.holds(floor)) polyline(ctx, [[f.x0, f.y.at(floor)], [f.x1, f.y.at(floor)]], look.muted, 1, [7, 4]);
    if (n.before) polyline(ctx, line(n.before.depths, n.before.curve), look.muted, 2, [2, 3]);
    polyline(ctx, line(n.depths, n.curve), blue, 2.5);
    n.depth.forEach((c, i) => {
      const fitted = c >= n.first;
      const colour = fitted ? look.text : look.muted;
      polyline(ctx, [[f.x.at(c), f.y.at(n.lower[i])], [f.x.at(c), f.y.at(n.upper[i])]], colour, 1.5);
      mark(ctx, fitted ? "dot" : "down", f.x.at(c), f.y.at(n.risk[i]), fitted ? 4 : 5, fitted ? colour : look.page, colour);
    });
    if (log && floor > 0 && f.y.holds(floor)) wordsAt(ctx, f, look, `floor ${short(floor)}`, f.x0, f.y.at(floor) - 9);
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", `risk   (${n.metric}²)`);
}

/** Rates worth drawing: where the excess is within reach of the cut, and the estimate. */
function profileFrame(plot, { rate, excess, cut }, estimate) {
  const near = rate.filter((_, i) => excess[i] <= 3 * cut);
  if (Number.isFinite(estimate)) near.push(estimate);
  if (near.length < 2) near.push(rate[0], rate[rate.length - 1]);
  return frameOf(plot, endsOf(near, true, 0.05), { from: 0, to: 3 * cut, log: false });
}

function paintProfile(plot, view, look) {
  const ctx = startPaint(plot);
  const { profile, n } = view;
  if (!profile) return;
  const rate = profile.rate.map(number);
  const excess = profile.excess.map(number);
  const estimate = n.params[2];
  const f = profileFrame(plot, { rate, excess, cut: profile.cut }, estimate);
  const [, , blue] = look.colours;
  const within = rate.map((r, i) => [f.x.at(r), f.y.at(excess[i]), excess[i] <= profile.cut]);
  inFrame(ctx, f, () => {
    let run = [];
    for (const [x, y, inside] of [...within, [0, 0, false]]) {
      if (inside) run.push([x, y]);
      else if (run.length) {
        polygon(ctx, [[run[0][0], f.y.at(profile.cut)], ...run, [run[run.length - 1][0], f.y.at(profile.cut)]], blue + (look.dark ? "44" : "33"));
        run = [];
      }
    }
    polyline(ctx, [[f.x0, f.y.at(profile.cut)], [f.x1, f.y.at(profile.cut)]], look.text, 1, [7, 4]);
    polyline(ctx, within, blue, 2.5);
    if (Number.isFinite(estimate)) polyline(ctx, [[f.x.at(estimate), f.y0], [f.x.at(estimate), f.y1]], look.text, 1.5, [2, 3]);
    wordsAt(ctx, f, look, "95 % cut", f.x0 + 30, f.y.at(profile.cut) - 9);
    if (Number.isFinite(estimate)) wordsAt(ctx, f, look, `α = ${short(estimate)}`, f.x.at(estimate), f.y1 + 9);
  });
  drawAxes(ctx, f, look, plot, "decay rate α", "deviance above its least");
}

function paintResiduals(plot, view, look) {
  const ctx = startPaint(plot);
  const { n, log } = view;
  const depths = n.depth.filter((c) => c >= n.first);
  const most = Math.max(2.6, ...n.residuals.map((r) => 1.15 * Math.abs(r)));
  const f = frameOf(plot, endsOf(log ? n.depth : [0, ...n.depth], log, 0.05), { from: -most, to: most, log: false });
  inFrame(ctx, f, () => {
    polygon(ctx, [[f.x0, f.y.at(2)], [f.x1, f.y.at(2)], [f.x1, f.y.at(-2)], [f.x0, f.y.at(-2)]], look.dark ? "#ffffff12" : "#0000000c");
    for (const v of [-2, 2]) polyline(ctx, [[f.x0, f.y.at(v)], [f.x1, f.y.at(v)]], look.muted, 1, [7, 4]);
    polyline(ctx, [[f.x0, f.y.at(0)], [f.x1, f.y.at(0)]], look.text, 1);
    depths.forEach((c, i) => {
      const out = Math.abs(n.residuals[i]) > 2;
      const [x, y] = [f.x.at(c), f.y.at(n.residuals[i])];
      const colour = out ? look.colours[1] : look.text;
      polyline(ctx, [[x, f.y.at(0)], [x, y]], colour, 1.5);
      mark(ctx, out ? "diamond" : "dot", x, y, out ? 6 : 4, colour, colour);
    });
  });
  drawAxes(ctx, f, look, plot, "depth c   (steps)", "residual   (standard deviations)");
}
