// Drawing of RiskDecomposition: the split of the risk, and the valley of the total cost, over depth.
// page.js and risk_numbers.js come before this in the same module.

const GREY = "#808080";
const RISK_MARGIN = { left: 66, right: 16, top: 14, bottom: 46 };
const SAMPLES = 160;

/** Smallest 1, 2 or 5 times a power of ten that is at least `value`. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((k) => k * power).find((v) => v >= value * (1 - 1e-9));
}

/** Top of the risk axis: it stands still, so that the valley is seen to move, until the bottom would leave the picture. */
function axisTop(bottom, before) {
  if (before && bottom / before >= 0.1 && bottom / before <= 0.72) return before;
  return roundUp(2.6 * bottom);
}

function riskFrame(plot, [from, to], top) {
  const [x0, x1] = [RISK_MARGIN.left, plot.width - RISK_MARGIN.right];
  const [y0, y1] = [plot.height - RISK_MARGIN.bottom, RISK_MARGIN.top];
  const [a, b] = [Math.log(from), Math.log(to)];
  return {
    x0, x1, y0, y1, from, to, top,
    x: (c) => x0 + ((Math.log(c) - a) / (b - a)) * (x1 - x0),
    y: (v) => y0 - (v / top) * (y0 - y1),
    depth: (px) => Math.exp(a + ((px - x0) / (x1 - x0)) * (b - a)),
  };
}

function riskAxes(ctx, f, plot, look, metric) {
  ctx.font = `11px ${look.font}`;
  ctx.fillStyle = look.muted;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const leads = f.to / f.from < 3e3 ? [1, 2, 5] : [1];
  for (let k = Math.floor(Math.log10(f.from)); 10 ** k <= f.to * 1.0001; k++) {
    for (const c of leads.map((lead) => lead * 10 ** k)) {
      if (c < f.from * 0.9999 || c > f.to * 1.0001) continue;
      polyline(ctx, [[f.x(c), f.y0], [f.x(c), f.y0 + 4]], look.muted, 1);
      ctx.fillText(tickText(c), f.x(c), f.y0 + 6);
    }
  }
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const lead = Math.round(f.top / 10 ** Math.floor(Math.log10(f.top) + 1e-9));
  const parts = lead === 2 ? 4 : 5;
  for (let i = 0; i <= parts; i++) {
    const y = f.y((i / parts) * f.top);
    polyline(ctx, [[f.x0 - 4, y], [f.x0, y]], look.muted, 1);
    ctx.fillText(tickText((i / parts) * f.top), f.x0 - 6, y);
  }
  polyline(ctx, [[f.x0, f.y1], [f.x0, f.y0], [f.x1, f.y0]], look.muted, 1);
  ctx.fillStyle = look.text;
  ctx.font = `12px ${look.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText("depth c   (steps)", (f.x0 + f.x1) / 2, plot.height - 4);
  ctx.save();
  ctx.translate(3, (f.y0 + f.y1) / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textBaseline = "top";
  ctx.fillText(`${plot.yTitle}   (${metric || "metric"}²)`, 0, 0);
  ctx.restore();
}

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

/** Area between two edges (arrays of y over the same x), filled, hatched if asked. */
function layer(ctx, f, xs, low, high, colour, dark, slope) {
  const outline = [...xs.map((x, i) => [x, high[i]]), ...xs.map((x, i) => [x, low[i]]).reverse()];
  polygon(ctx, outline, colour + (dark ? "55" : "45"));
  if (slope) hatch(ctx, f, outline, slope, colour + "90");
}

/** Depths drawn, and the edges of the layers there, in pixels; what is far above the top is cut just beyond it. */
function edges(s, f) {
  const xs = [];
  const [zero, floor, all, priced] = [[], [], [], []];
  const y = (v) => Math.max(f.y(v), f.y1 - 200);
  for (let i = 0; i <= SAMPLES; i++) {
    const x = f.x0 + (i / SAMPLES) * (f.x1 - f.x0);
    const c = f.depth(x);
    xs.push(x);
    zero.push(f.y0);
    floor.push(y(s.intrinsic_limit));
    all.push(y(risk(s, c)));
    priced.push(y(total(s, c)));
  }
  return { xs, zero, floor, all, priced };
}

/** Name of a layer, where the layer is thick enough for it: at the place nearest to `want` (a share of the width). */
function layerName(ctx, look, f, xs, low, high, text, want) {
  ctx.font = `12px ${look.font}`;
  const half = ctx.measureText(text).width / 2 + 5;
  const reach = Math.ceil((half / (f.x1 - f.x0)) * (xs.length - 1));
  let best = null;
  for (let i = reach; i < xs.length - reach; i++) {
    let [ceiling, ground] = [f.y1, f.y0];
    for (let j = i - reach; j <= i + reach; j++) [ceiling, ground] = [Math.max(ceiling, high[j]), Math.min(ground, low[j])];
    if (ground - ceiling < 16) continue;
    const off = Math.abs(i / (xs.length - 1) - want);
    if (!best || off < best.off) best = { off, x: xs[i], y: (ceiling + ground) / 2 };
  }
  if (!best) return;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  haloText(ctx, look, text, best.x, best.y, look.text);
}

/** Upright line at a depth with its name, kept inside the picture; an arrow where the depth is beyond an end. */
function depthLine(ctx, look, f, c, name, level, row, dash) {
  ctx.font = `600 12px ${look.font}`;
  const inside = c >= f.from && c <= f.to;
  const x = c < f.from ? f.x0 : c > f.to ? f.x1 : f.x(c);
  const y = f.y1 + 8 + 16 * row;
  if (inside) polyline(ctx, [[x, f.y0], [x, Math.max(f.y(level), y + 8)]], look.text, 1.5, dash);
  const text = inside ? name : c < f.from ? `← ${name}` : `${name} →`;
  const width = ctx.measureText(text).width;
  const left = Math.min(Math.max(x - width / 2, f.x0 + 4), f.x1 - width);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  if (inside) polyline(ctx, [[x, y + 8], [x, f.y(level)]], look.muted, 1, [2, 3]);
  haloText(ctx, look, text, left, y, look.text);
}

/** Level line with its name at the right end; at the top edge with an arrow where it is out of the picture. */
function levelLine(ctx, look, f, value, name, dash, side = "right") {
  ctx.font = `12px ${look.font}`;
  const above = value > f.top;
  const y = above ? f.y1 + 40 : f.y(value);
  if (!above) polyline(ctx, [[f.x0, y], [f.x1, y]], look.text, 1, dash);
  ctx.textAlign = side;
  ctx.textBaseline = "bottom";
  haloText(ctx, look, above ? `${name} ↑` : name, side === "right" ? f.x1 - 2 : f.x0 + 5, y - 2, look.text);
}

function crosshair(ctx, look, f, c) {
  if (c) polyline(ctx, [[f.x(c), f.y0], [f.x(c), f.y1]], look.muted, 1, [1, 2]);
}

function spot(ctx, look, x, y, solid) {
  ctx.beginPath();
  ctx.arc(x, y, 5.5, 0, 2 * Math.PI);
  ctx.fillStyle = solid ? look.text : look.page;
  ctx.fill();
  ctx.strokeStyle = solid ? look.page : look.muted;
  ctx.lineWidth = 1.5;
  ctx.stroke();
}

/** Interval of a depth on the depth axis. */
function span(ctx, look, f, [low, high]) {
  const x = (c) => f.x(Math.min(Math.max(c, f.from), f.to));
  polyline(ctx, [[x(low), f.y0], [x(high), f.y0]], look.text, 4);
}

function inPicture(ctx, f, draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  ctx.clip();
  draw();
  ctx.restore();
}

function paintSplit(plot, view, look) {
  const ctx = startPaint(plot);
  const { s, found } = view;
  const f = riskFrame(plot, view.depths, view.top);
  const e = edges(s, f);
  const [, , blue] = look.colours;
  inPicture(ctx, f, () => {
    layer(ctx, f, e.xs, e.zero, e.floor, GREY, look.dark, 1);
    layer(ctx, f, e.xs, e.floor, e.all, blue, look.dark);
    polyline(ctx, e.xs.map((x, i) => [x, e.floor[i]]), look.muted, 1.5, [6, 3]);
    polyline(ctx, e.xs.map((x, i) => [x, e.all[i]]), look.text, 2);
    levelLine(ctx, look, f, s.tolerance, `tolerance τ = ${short(s.tolerance)}`, [7, 4]);
    crosshair(ctx, look, f, view.hover);
  });
  if (found.reachable > 0 && Number.isFinite(found.reachable)) {
    depthLine(ctx, look, f, found.reachable, `c_τ = ${short(found.reachable)}`, s.tolerance, 0, []);
    if (found.reachable >= f.from && found.reachable <= f.to && s.tolerance <= f.top) {
      spot(ctx, look, f.x(found.reachable), f.y(s.tolerance), true);
    }
  }
  if (view.intervals) span(ctx, look, f, view.intervals.reachable);
  inPicture(ctx, f, () => {
    layerName(ctx, look, f, e.xs, e.zero, e.floor, "floor L_int", 0.85);
    layerName(ctx, look, f, e.xs, e.floor, e.all, "reducible K c^−α", 0.1);
  });
  riskAxes(ctx, f, plot, look, view.metric);
}

function paintValley(plot, view, look) {
  const ctx = startPaint(plot);
  const { s, found } = view;
  const f = riskFrame(plot, view.depths, view.top);
  const e = edges(s, f);
  const [, orange, blue] = look.colours;
  inPicture(ctx, f, () => {
    layer(ctx, f, e.xs, e.zero, e.floor, GREY, look.dark, 1);
    layer(ctx, f, e.xs, e.floor, e.all, blue, look.dark);
    layer(ctx, f, e.xs, e.all, e.priced, orange, look.dark, -1);
    polyline(ctx, e.xs.map((x, i) => [x, e.floor[i]]), look.muted, 1.5, [6, 3]);
    polyline(ctx, e.xs.map((x, i) => [x, e.all[i]]), look.text, 1, [3, 3]);
    polyline(ctx, e.xs.map((x, i) => [x, e.priced[i]]), look.text, 2.5);
    levelLine(ctx, look, f, found.without, `without a probe ${short(found.without)}`, [7, 4]);
    crosshair(ctx, look, f, view.hover);
    if (view.trail.length > 1) {
      const way = view.trail.map(([c, v]) => [f.x(Math.max(c, f.from)), f.y(v)]);
      polyline(ctx, way, look.muted, 2, [2, 3]);
      spot(ctx, look, ...way[0], false);
    }
  });
  if (found.optimal > 0) {
    const bottom = total(s, found.optimal);
    depthLine(ctx, look, f, found.optimal, `c* = ${short(found.optimal)}`, bottom, 0, []);
    if (found.optimal >= f.from && found.optimal <= f.to) spot(ctx, look, f.x(found.optimal), f.y(bottom), true);
  }
  if (view.intervals) span(ctx, look, f, view.intervals.optimal);
  inPicture(ctx, f, () => {
    layerName(ctx, look, f, e.xs, e.zero, e.floor, "floor", 0.85);
    layerName(ctx, look, f, e.xs, e.floor, e.all, "reducible", 0.1);
    layerName(ctx, look, f, e.xs, e.all, e.priced, "price γ C(c)", 0.85);
  });
  riskAxes(ctx, f, plot, look, view.metric);
}
