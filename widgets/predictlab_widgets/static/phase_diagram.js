// js/axis.js
function scaled(axis, start, end) {
  const { from, to, log, knee } = axis;
  const [f, back] = log ? [Math.log, Math.exp] : knee ? [(v) => Math.log1p(v / knee), (u) => Math.expm1(u) * knee] : [(v) => v, (v) => v];
  const [a, b] = [f(from), f(to)];
  const at = (v) => start + (f(v) - a) / (b - a) * (end - start);
  return {
    ...axis,
    at,
    held: (v) => at(clamp(v, from, to)),
    value: (px) => back(a + (px - start) / (end - start) * (b - a)),
    holds: (v) => v >= from - 1e-9 * Math.abs(from) && v <= to + 1e-9 * Math.abs(to)
  };
}
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((k) => k * power).find((v) => v >= value * (1 - 1e-9));
}
function ticksOf({ from, to, log }, room) {
  const out = [];
  if (!log) {
    const step = roundUp((to - from) / room);
    for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9 * step; i++) out.push(Number((i * step).toPrecision(12)));
    return out;
  }
  const decades = Math.log10(to / from);
  const leads = decades < 0.9 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : decades * 3 <= 1.2 * room ? [1, 2, 5] : [1];
  const every = leads.length === 1 ? Math.max(1, Math.ceil(decades / room)) : 1;
  for (let k = Math.floor(Math.log10(from)); 10 ** k <= to; k++) {
    if (k % every === 0) out.push(...leads.map((lead) => lead * 10 ** k).filter((v) => v >= from && v <= to));
  }
  return out;
}
function positions({ low, high, zero, step }, value) {
  const [a, b] = value > 0 ? [Math.min(low, value), Math.max(high, value)] : [low, high];
  const out = zero ? [0] : [];
  const round = (v) => Number(v.toPrecision(3));
  const put = (v) => {
    if (v > (out.at(-1) ?? 0)) out.push(v);
  };
  if (step) for (let i = Math.round(a / step); i <= Math.ceil(b / step - 1e-9); i++) put(round(i * step));
  else {
    const m = 30 * Math.max(1, Math.round(Math.log10(b / a)));
    for (let i = 0; i <= m; i++) put(round(a * (b / a) ** (i / m)));
  }
  return out;
}
function position(grid, value) {
  const exact = grid.indexOf(value);
  if (exact >= 0) return exact;
  let best = grid[0] === 0 ? 1 : 0;
  const off = (i) => Math.abs(Math.log(grid[i] / value));
  for (let i = best + 1; i < grid.length; i++) if (off(i) < off(best)) best = i;
  return best;
}
function short(value) {
  if (!Number.isFinite(value)) return value > 0 ? "never" : "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    const digits = Number(value.toPrecision(3)) === Number(value.toPrecision(2)) ? 1 : 2;
    return value.toExponential(digits).replace(/\.0+e/, "e").replace("e+", "e").replace("-", "−");
  }
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false });
}
function tickText(value) {
  if (value < 0) return `−${tickText(-value)}`;
  if (value === 0 || value >= 0.01 && value < 1e4) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]);
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}
var clip = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;

// js/numbers.js
var FULL = 65535;
var REGIMES = ["Static-Sufficient", "Dynamic-Critical", "Noise-Dominant"];
var UNDETERMINED = "Undetermined";
var clamp = (value, low, high) => Math.min(Math.max(value, low), high);
function reducible(scale, rate, c) {
  return scale > 0 ? Math.exp(Math.log(scale) - rate * Math.log(c)) : 0;
}
var depthAtPrice = (logGain, rate, logPrice) => Math.exp((logGain - logPrice) / (rate + 1));
function optimalDepth(scale, rate, price) {
  return scale > 0 ? depthAtPrice(Math.log(rate) + Math.log(scale), rate, Math.log(price)) : 0;
}
function payingDepth(scale, rate, { price, fixed = 0, first, last = Infinity, floor = 0, without = NaN }) {
  const depth = Math.min(Math.max(optimalDepth(scale, rate, price), first), last);
  const now = Number.isNaN(without) ? reducible(scale, rate, first) : without - floor;
  return reducible(scale, rate, depth) + fixed + price * depth < now ? depth : 0;
}
function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}
function shares(data, budget, tolerance, out, least) {
  const { draws: n, grid, here } = data;
  const [i, j] = [grid.budget.indexOf(budget), grid.tolerance.indexOf(tolerance)];
  const [rows, columns] = [grid.budget.length, grid.tolerance.length];
  let pair;
  let under;
  if (budget === data.budget && tolerance === data.tolerance) {
    pair = (t) => [here[3 * t], here[3 * t + 2]];
    under = (t) => data.least[t];
  } else if (tolerance === data.tolerance && i >= 0) {
    pair = (t) => [data.byBudget[t * rows + i], here[3 * t + 2]];
    under = (t) => data.leastByBudget[t * rows + i] / FULL;
  } else if (budget === data.budget && j >= 0) {
    pair = (t) => [data.byTolerance[t * columns + j], data.noiseByTolerance[t * columns + j]];
    under = (t) => data.leastByTolerance[t * columns + j] / FULL;
  } else return false;
  for (let t = 0; t < data.size; t++) {
    const [sufficient, noise] = pair(t);
    out[3 * t] = sufficient / n;
    out[3 * t + 1] = (n - sufficient - noise) / n;
    out[3 * t + 2] = noise / n;
    least[t] = under(t);
  }
  return true;
}
function doubt(data, t, p, least, confidence, tolerance) {
  if (data.rows[t] > tolerance && p >= confidence) return "";
  if (data.rising[t] > 1 - confidence) return "the risk may still rise at the last depth";
  if (p < confidence) return "too few draws agree";
  if (data.rejected[t]) return "the law does not fit";
  return least < 2 * confidence - 1 ? `its probability is ${least.toFixed(2)} under another prior` : "";
}
function crossingAt(data, tolerance, t) {
  if (tolerance === data.tolerance) return data.crossing[t];
  return data.crossings[t * data.grid.tolerance.length + position(data.grid.tolerance, tolerance)];
}
function likeliest(p, t) {
  let best = 0;
  for (let k = 1; k < 3; k++) if (p[3 * t + k] > p[3 * t + best]) best = k;
  return best;
}
function optVariance(data, budget) {
  const { logKnots: knots, decay } = data;
  const last = knots.length - 1;
  const u = clamp((Math.log(budget) - knots[0]) / (knots[last] - knots[0]), 0, 1) * last;
  const i = Math.min(Math.floor(u), last - 1);
  return (t, which) => {
    const base = (3 * t + which) * knots.length + i;
    return Math.exp(decay[base] + (u - i) * (decay[base + 1] - decay[base]));
  };
}

// js/kernel.js
var SEND_EVERY = 100;
function typed(view, Type) {
  if (!view) return new Type(0);
  return new Type(view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view);
}
function messages(model, every = SEND_EVERY) {
  let [last, waiting] = [0, 0];
  const now = () => {
    clearTimeout(waiting);
    waiting = 0;
    last = performance.now();
    model.save_changes();
  };
  return {
    now,
    soon() {
      if (!waiting && Number.isFinite(every)) waiting = setTimeout(now, Math.max(0, every - (performance.now() - last)));
    },
    flush() {
      if (waiting) now();
    }
  };
}

// js/canvas.js
var MARGIN = { left: 66, right: 16, top: 12, bottom: 46 };
function frameOf(plot, x, y, inset = 0) {
  const [x0, x1] = [MARGIN.left, plot.width - MARGIN.right];
  const [y0, y1] = [plot.height - MARGIN.bottom, MARGIN.top];
  return { x0, x1, y0, y1, x: scaled(x, x0 + inset, x1 - inset), y: scaled(y, y0 - inset, y1 + inset) };
}
var named = (axis, room) => axis.ticks ?? ticksOf(axis, Math.max(3, Math.floor(room))).map((v) => [v, tickText(v)]);
function drawAxes(ctx, f, look, plot, xTitle, yTitle, grid = false) {
  const small = { font: "11px", colour: look.muted, halo: false };
  const colour = grid ? look.grid : look.muted;
  let last = -Infinity;
  for (const [v, text] of named(f.x, (f.x1 - f.x0) / 55)) {
    const x = f.x.at(v);
    if (x - last < 8 + 6 * text.length || x > f.x1) continue;
    last = x;
    polyline(ctx, [[x, f.y0 + (grid ? 0 : 4)], [x, grid ? f.y1 : f.y0]], colour, 1);
    write(ctx, look, text, x, f.y0 + 6, { ...small, align: "center", base: "top" });
  }
  last = Infinity;
  for (const [v, text] of named(f.y, (f.y0 - f.y1) / 36)) {
    const y = f.y.at(v);
    if (last - y < 14) continue;
    last = y;
    polyline(ctx, [[f.x0 - (grid ? 0 : 4), y], [grid ? f.x1 : f.x0, y]], colour, 1);
    write(ctx, look, text, f.x0 - 6, y, { ...small, align: "right" });
  }
  polyline(ctx, [[f.x0, f.y1], [f.x0, f.y0], [f.x1, f.y0]], look.muted, 1);
  write(ctx, look, xTitle, (f.x0 + f.x1) / 2, plot.height - 4, { align: "center", base: "bottom", halo: false });
  ctx.save();
  ctx.translate(3, (f.y0 + f.y1) / 2);
  ctx.rotate(-Math.PI / 2);
  write(ctx, look, yTitle, 0, 0, { align: "center", base: "top", halo: false });
  ctx.restore();
}
function startPaint(plot) {
  const ctx = plot.canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, plot.width, plot.height);
  return ctx;
}
function trace(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], i) => i ? ctx.lineTo(x, y) : ctx.moveTo(x, y));
}
function polygon(ctx, points, fill) {
  trace(ctx, points);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
}
function polyline(ctx, points, stroke, width, dash = []) {
  if (points.length < 2) return;
  trace(ctx, points);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.stroke();
  ctx.setLineDash([]);
}
var upright = (ctx, f, x, ...style) => polyline(ctx, [[x, f.y0], [x, f.y1]], ...style);
function beyond(ctx, look, x, y, dx, dy) {
  const [cx, cy] = [x + 10 * dx, y - 10 * dy];
  polyline(ctx, [[cx - 4 * (dx + dy), cy + 4 * (dy - dx)], [cx, cy], [cx + 4 * (dy - dx), cy + 4 * (dy + dx)]], look.text, 1.5);
}
var corners = (...points) => (ctx, x, y, r) => {
  points.forEach(([dx, dy], i) => i ? ctx.lineTo(x + dx * r, y + dy * r) : ctx.moveTo(x + dx * r, y + dy * r));
  ctx.closePath();
};
var SHAPES = {
  circle: (ctx, x, y, r) => ctx.arc(x, y, r, 0, 2 * Math.PI),
  triangle: corners([0, -1.15], [1.1, 0.85], [-1.1, 0.85]),
  square: corners([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]),
  diamond: corners([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]),
  down: corners([-1, -0.8], [1, -0.8], [0, 1])
};
function mark(ctx, shape, x, y, r, fill, stroke, width = 1.5) {
  ctx.beginPath();
  SHAPES[shape](ctx, x, y, r);
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.stroke();
}
function textWidth(ctx, look, text, font = "12px") {
  ctx.font = `${font} ${look.font}`;
  return ctx.measureText(text).width;
}
function write(ctx, look, text, x, y, { font = "12px", align = "left", base = "middle", colour = look.text, halo = true } = {}) {
  Object.assign(ctx, { font: `${font} ${look.font}`, textAlign: align, textBaseline: base, fillStyle: colour });
  if (halo) {
    Object.assign(ctx, { lineWidth: 3, lineJoin: "round", strokeStyle: look.page });
    ctx.strokeText(text, x, y);
  }
  ctx.fillText(text, x, y);
}

// js/phase_planes.js
var SHAPES2 = ["circle", "triangle", "square"];
var LABELLED = 14;
var RINGED = 200;
var TRAILED = 2e3;
var SURE = 0.995;
var LEVELS = [[0.7, 0.45], [0.9, 0.6], [SURE, 0.8], [Infinity, 1]];
var code = (state, t) => state.called[t] ? state.likely[t] : 3 + state.likely[t];
var shapeOf = (kind) => kind < 3 ? SHAPES2[kind] : "diamond";
var tint = (look, k) => look.colours[k] + (look.dark ? "26" : "1c");
function shade(ctx, f, look, plot, areas) {
  for (const [k, points] of areas) polygon(ctx, points, tint(look, k));
  drawAxes(ctx, f, look, plot, plot.xTitle, plot.yTitle, true);
}
function budgetRegions(ctx, f, look, plot) {
  const edge = Array.from({ length: 61 }, (_, i) => [f.x.held(i / 60), f.y.held(1 - i / 60)]);
  const xOne = f.x.held(1);
  const diagonal = [[f.x0, edge[0][1]], ...edge, [xOne, f.y0]];
  shade(ctx, f, look, plot, [
    [0, [[f.x0, f.y0], ...diagonal]],
    [1, [[f.x0, f.y1], ...diagonal, [xOne, f.y1]]],
    [2, [[xOne, f.y0], [xOne, f.y1], [f.x1, f.y1], [f.x1, f.y0]]]
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
    const need = Math.log(state.boundaryScale / (state.tolerance - Math.max(0, f.x.value(x))));
    const rate = logBudget > 0 ? need / logBudget : need > 0 ? Infinity : -Infinity;
    edge.push([x, rate > 0 ? Math.max(f.y1, f.y.at(rate)) : f.y0]);
  }
  edge.push([xTau, edge.length && state.boundaryScale > 0 ? f.y1 : f.y0]);
  shade(ctx, f, look, plot, [
    [0, [[f.x0, f.y1], ...edge, [xTau, f.y1]]],
    [1, [[f.x0, f.y0], ...edge, [xTau, f.y0]]],
    [2, [[xTau, f.y0], [xTau, f.y1], [f.x1, f.y1], [f.x1, f.y0]]]
  ]);
  polyline(ctx, edge.filter(([, y]) => y > f.y1 && y < f.y0), look.text, 1.5);
  upright(ctx, f, xTau, look.text, 1.5);
  const middle = (f.x0 + xTau) / 2;
  const height = edge[Math.floor(edge.length / 2) - 1]?.[1] ?? f.y0;
  const wide = xTau - f.x0 > 110;
  return [
    [wide && height - f.y1 > 26, [0, middle, f.y1 + 12]],
    [wide && f.y0 - height > 26, [1, middle, f.y0 - 12]],
    [f.x1 - xTau > 110, [2, (xTau + f.x1) / 2, f.y1 + 12]]
  ].filter(([room]) => room).map(([, name]) => name);
}
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
function ring(ctx, look, p, t, x, y, r) {
  let from = -Math.PI / 2;
  for (let k = 0; k < 3; k++) {
    const to = from + 2 * Math.PI * p[3 * t + k];
    if (to - from > 0.01) circle(ctx, x, y, r, look.colours[k], 3, from, to);
    from = to;
  }
}
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
      const x = Math.round((xs[t] - half) * ratio) / ratio;
      const y = Math.round((ys[t] - half) * ratio) / ratio;
      ctx.drawImage(images[which][code(state, t)], x, y, 2 * half, 2 * half);
    }
  }
}
function labels(ctx, look, f, plot, names, order, selected) {
  const around = new Map(order.map((t) => [t, [plot.xs[t] - 9, plot.ys[t] - 9, plot.xs[t] + 9, plot.ys[t] + 9]]));
  const taken = [...around.values()];
  for (const t of order) {
    const [x, y] = [plot.xs[t], plot.ys[t]];
    const text = clip(names[t], 26);
    const w = textWidth(ctx, look, text, "11px");
    const gap = t === selected ? 18 : 13;
    const free = ([left, top, right, bottom]) => left >= f.x0 + 2 && right <= plot.width && top >= f.y1 + 20 && bottom <= f.y0 && !taken.some((b) => b !== around.get(t) && left < b[2] && right > b[0] && top < b[3] && bottom > b[1]);
    const place = [
      [x + gap, y],
      [x - gap - w, y],
      [x - w / 2, y - 15],
      [x - w / 2, y + 15],
      [x + 9, y - 13],
      [x - 9 - w, y - 13],
      [x + 9, y + 13],
      [x - 9 - w, y + 13]
    ].map(([left, middle]) => [left, middle - 7, left + w, middle + 7]).find(free);
    if (!place) continue;
    taken.push(place);
    write(ctx, look, text, place[0], place[1] + 7, { font: "11px" });
  }
}
function whiskers(ctx, look, f, x, y, along, up) {
  polyline(ctx, along.map((v) => [f.x.held(v), y]), look.text, 1.5);
  polyline(ctx, up.map((v) => [x, f.y.held(v)]), look.text, 1.5);
}
function trails(ctx, plot, f, look, state) {
  const { before, data } = state;
  if (!before || !plot.moves || before.budget === state.budget && before.tolerance === state.tolerance) return;
  const place = plot.placing({ data, budget: before.budget, tolerance: before.tolerance });
  const many = data.size > RINGED;
  const ways = /* @__PURE__ */ new Map();
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
  const r = data.size > 2e3 ? 2.5 : many ? 3.5 : 6;
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
  const order = (many ? [] : [...Array(data.size).keys()].filter((t) => t !== selected)).concat(selected >= 0 ? [selected] : []).filter((t) => !Number.isNaN(xs[t] + ys[t]));
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
  if (!few) nameRegions();
  const named3 = few ? order.reverse() : order.filter((t) => t === selected);
  labels(ctx, look, f, plot, data.names, named3, selected);
}
var named2 = (ticks) => ticks.map((v) => [v, tickText(v)]);
function makePlanes(data) {
  const { tolerance: grid } = data.grid;
  const most = (k) => data.middle.reduce((a, v, i) => i % 3 === k && v > a && Number.isFinite(v) ? v : a, 0);
  const middle = Math.sqrt(grid[0] * grid.at(-1));
  const limitMax = clamp(Math.max(4 * middle, 1.3 * most(0)), 0, 1e3 * middle);
  const rateMax = clamp(Math.ceil(2.3 * most(2)) / 2, 2, 6);
  const limits = [0];
  for (let k = Math.floor(Math.log10(middle / 20)); k <= Math.log10(limitMax); k++) limits.push(10 ** k, 3 * 10 ** k);
  const rates = Array.from({ length: 13 }, (_, i) => i / (rateMax > 3 ? 1 : 2));
  const budgetPlane = {
    name: "Budget plane",
    note: "tasks sink as the budget grows",
    paint: paintPlane,
    regions: budgetRegions,
    moves: true,
    x: { from: 0, to: 10, knee: 0.1, ticks: named2([0, 0.1, 0.3, 1, 3, 10]) },
    y: { from: 0, to: 30, knee: 0.1, ticks: named2([0, 0.1, 0.3, 1, 3, 10, 30]) },
    xTitle: "L_int / τ   (floor, in tolerances)",
    yTitle: "V_opt(B) / τ   (left to resolve)",
    placing({ data: d, budget, tolerance }) {
      const left = optVariance(d, budget);
      return (t) => [d.middle[3 * t] / tolerance, left(t, 1) / tolerance];
    },
    detail(ctx, plot, f, look, { data: d, budget, tolerance, depths }, t) {
      const [x, y] = [plot.xs[t], plot.ys[t]];
      const left = (which, c) => optVariance(d, c)(t, which) / tolerance;
      polyline(ctx, [[x, f.y.held(left(1, d.grid.budget[0]))], [x, y]], look.text, 1, [2, 4]);
      whiskers(ctx, look, f, x, y, [d.low[3 * t] / tolerance, d.high[3 * t] / tolerance], [left(0, budget), left(2, budget)]);
      if (!(depths?.[t] > 0)) return;
      const there = f.y.held(left(1, depths[t]));
      polyline(ctx, [[x - 9, there], [x + 9, there]], look.text, 2.5);
      write(ctx, look, "c*", x + 12, there, { font: "600 11px" });
    }
  };
  const theoryPlane = {
    name: "Theory plane",
    paint: paintPlane,
    regions: theoryRegions,
    x: { from: 0, to: limitMax, knee: middle / 10, ticks: named2(limits.filter((v) => v === 0 || v >= middle / 20 && v <= limitMax)) },
    y: { from: 0, to: rateMax, ticks: named2(rates.filter((v) => v <= rateMax)) },
    xTitle: "intrinsic limit L_int   (metric²)",
    yTitle: "decay rate α",
    placing: ({ data: d }) => (t) => [d.middle[3 * t], d.middle[3 * t + 2]],
    detail(ctx, plot, f, look, { data: d }, t) {
      whiskers(ctx, look, f, plot.xs[t], plot.ys[t], [d.low[3 * t], d.high[3 * t]], [d.low[3 * t + 2], d.high[3 * t + 2]]);
    }
  };
  return [budgetPlane, theoryPlane];
}

// js/view.js
function element(tag, props = {}, ...children) {
  const { aria = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) node.setAttribute(key === "role" ? key : `aria-${key}`, value);
  node.append(...children);
  return node;
}
var button = (text, className = "", type = "button") => element("button", { type, className, textContent: text });
function setText(node, text) {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
}
function setCell(cell, text, value) {
  if (cell.dataset.value !== String(value)) cell.dataset.value = value;
  setText(cell, text);
}
function tableOf(caption, heads, rows = [], className = "plw-table") {
  const body = element("tbody", {}, ...rows);
  const columns = heads.map((head) => element("th", { scope: "col" }, head));
  const node = element("div", { className }, element(
    "table",
    {},
    element("caption", { textContent: caption }),
    element("thead", {}, element("tr", {}, ...columns)),
    body
  ));
  return { node, body, columns };
}
var rowOf = (head, cells, className = "") => element("tr", { className }, element("th", { scope: "row" }, head), ...cells);
var legendOf = (html) => element("div", { className: "plw-legend", innerHTML: html });
function pagerOf(size, rows, turned) {
  const [back, place, on] = [button("Previous"), element("span"), button("Next")];
  const pager = { page: 0, node: element("div", { className: "plw-actions plw-pager", hidden: size <= rows }, back, place, on) };
  pager.go = (page) => {
    pager.page = page;
    place.textContent = `Tasks ${page * rows + 1} to ${Math.min((page + 1) * rows, size)} of ${size}`;
    back.disabled = page === 0;
    on.disabled = (page + 1) * rows >= size;
    turned();
  };
  back.addEventListener("click", () => pager.go(pager.page - 1));
  on.addEventListener("click", () => pager.go(pager.page + 1));
  return pager;
}
function slider(name, label, hint) {
  const input = element("input", { type: "range", min: 0, step: 1, className: `plw-${name}`, aria: { label } });
  const output = element("output", { className: `plw-${name}-value` });
  const row = element("label", { className: "plw-slider", title: hint }, element("span", { textContent: label }), input, output);
  return { input, output, row, grid: [] };
}
function setSlider({ input, output, grid }, value, text, spoken = text) {
  const [max, at] = [String(grid.length - 1), String(position(grid, value))];
  if (input.max !== max) input.max = max;
  if (input.value !== at) input.value = at;
  setText(output, text);
  input.setAttribute("aria-valuetext", spoken);
}
function onSlide(control, move, end) {
  let moving = false;
  control.input.addEventListener("input", () => {
    moving = true;
    move(control.grid[Number(control.input.value)]);
  });
  const ended = () => {
    if (moving) end();
    moving = false;
  };
  for (const event of ["change", "keyup", "blur"]) control.input.addEventListener(event, ended);
  for (const event of ["pointerup", "pointercancel"]) control.input.addEventListener(event, () => setTimeout(ended));
}
function readLook(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(name).trim();
  const jupyter = document.body.dataset.jpThemeLight;
  const dark = jupyter ? jupyter === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.classList.toggle("plw-dark", dark);
  return {
    dark,
    font: style.fontFamily,
    colours: [0, 1, 2].map((k) => value(`--plw-${k}`)),
    text: value("--plw-text"),
    muted: value("--plw-muted"),
    grid: value("--plw-grid"),
    page: value("--plw-page")
  };
}
function hideFallback(uid) {
  const child = ".jp-OutputArea-child";
  const name = `.predictlab-fallback-${uid}`;
  const css = `${child}:has(> * ${name}), ${child}:has(+ ${child} ${name}.predictlab-pictured), ${name} { display: none !important; }`;
  const sheet = element("style", { textContent: css });
  document.head.append(sheet);
  return () => sheet.remove();
}
function keepKeys(root) {
  const keep = (event) => {
    const forJupyter = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey && event.key === "Enter" || ["Tab", "Escape"].includes(event.key);
    if (!forJupyter && root.contains(event.target) && event.target.matches?.("select, input, button")) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}
function fitCanvases(area, plots, ready) {
  const resize = new ResizeObserver(() => {
    const total = area.clientWidth;
    if (!total) return;
    const width = Math.floor(total >= 620 ? (total - 16) / 2 : total);
    const height = Math.round(clamp(width * 0.72, 260, 360));
    const ratio = window.devicePixelRatio || 1;
    for (const plot of plots) {
      Object.assign(plot, { width, height });
      plot.canvas.parentElement.style.width = `${width}px`;
      Object.assign(plot.canvas.style, { width: `${width}px`, height: `${height}px` });
      Object.assign(plot.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    }
    ready();
  });
  resize.observe(area);
  return () => resize.disconnect();
}
function watchTheme(restyle) {
  const themes = new MutationObserver(() => setTimeout(restyle, 50));
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", restyle);
  return () => {
    themes.disconnect();
    scheme.removeEventListener("change", restyle);
  };
}
function makeView(model, { name, label, plots }) {
  const tip = element("div", { className: "plw-tip", hidden: true });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  for (const plot of plots) {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    plot.caption = element("span", { textContent: plot.note ?? "" });
    plot.figure = element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.caption), plot.canvas);
  }
  const area = element("div", { className: "plw-planes" }, ...plots.map(({ figure }) => figure), tip);
  const root = element("div", { className: `plw plw-${name}`, aria: { role: "group", label } });
  let [frame, paint, toSay, saying] = [0, null, "", 0];
  const view = { root, area, drawn: 0 };
  const paintNow = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    paint();
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  };
  view.schedule = () => {
    frame ||= requestAnimationFrame(paintNow);
  };
  const restyle = (now) => {
    view.look = readLook(root);
    view.drawn += 1;
    if (now) paintNow();
    else view.schedule();
  };
  view.draw = (state, labels2) => {
    plots.forEach((plot, i) => {
      plot.canvas.setAttribute("aria-label", labels2[i]);
      if (plot.width > 0) plot.paint(plot, state, view.look);
    });
  };
  view.say = (text, wait = 700, steady = false) => {
    if (text === toSay) return;
    toSay = text;
    if (steady && saying) return;
    clearTimeout(saying);
    saying = setTimeout(() => {
      saying = 0;
      said.textContent = toSay;
    }, wait);
  };
  view.onHover = (plot, tell) => {
    plot.canvas.addEventListener("pointermove", (event) => {
      const box = plot.canvas.getBoundingClientRect();
      const text = tell(event.clientX - box.left, event.clientY - box.top);
      tip.hidden = !text;
      if (!text) return;
      tip.textContent = text;
      const around = area.getBoundingClientRect();
      tip.style.left = `${clamp(event.clientX - around.left + 14, 0, Math.max(0, around.width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${event.clientY - around.top + 14}px`;
    });
    plot.canvas.addEventListener("pointerleave", () => {
      tip.hidden = true;
      tell(NaN, NaN);
    });
  };
  view.live = (el, { parts, painting, heard, stops = [] }) => {
    paint = painting;
    root.append(...parts, said);
    el.append(root);
    view.look = readLook(root);
    const listeners = Object.entries(heard).map(([event, then]) => [event.includes("_live_") ? event : `change:${event}`, then]);
    for (const [event, then] of listeners) model.on(event, then);
    const ends = [keepKeys(root), hideFallback(model.get("_uid")), fitCanvases(area, plots, () => restyle(true)), watchTheme(() => restyle(false)), ...stops];
    return () => {
      for (const [event, then] of listeners) model.off(event, then);
      cancelAnimationFrame(frame);
      clearTimeout(saying);
      for (const stop of ends) stop();
    };
  };
  return view;
}

// js/phase_diagram.js
var PAGE = 20;
var LARGE = 2e3;
var COLUMNS = [
  ["task", "Task"],
  ["regime", "Regime"],
  ["static", "P(static)"],
  ["dynamic", "P(dynamic)"],
  ["noise", "P(noise)"],
  ["crossing", "Crossing budget (steps)"],
  ["optimal", "c* (steps)"]
];
var POPULATION = 1e9;
var SHARES = ["static", "dynamic", "noise"];
function decode(model) {
  const [names, fixed, grids, counts] = ["_names", "_fixed", "_grids", "_counts"].map((name) => model.get(name));
  const doubles = (sent) => typed(sent, Float64Array);
  const whole = (sent) => typed(sent, Uint16Array);
  const middle = doubles(fixed.middle);
  return {
    names,
    size: names.length,
    asked: fixed.asked,
    // task-major triples: intrinsic limit, scale, decay rate; the last three are quantiles of the draws
    estimates: doubles(fixed.estimates),
    low: doubles(fixed.low),
    middle,
    high: doubles(fixed.high),
    first: doubles(fixed.first),
    // first depth of the law
    seeds: doubles(fixed.seeds),
    // runs that are paid for
    end: doubles(fixed.end),
    // of the recipe, infinite where it is not known
    rising: doubles(fixed.rising),
    rejected: doubles(fixed.rejected),
    // probability that the risk still rises; 1: the law does not fit
    medianScale: quantile(middle.filter((v, i) => i % 3 === 1 && v > 0).sort(), 0.5) || 0,
    // of the tasks in which something decays
    logKnots: doubles(grids.knots).map(Math.log),
    decay: typed(grids.decay, Float32Array),
    // task, quantile, knot: ln V_opt
    grid: { budget: doubles(grids.budget), tolerance: doubles(grids.tolerance) },
    byBudget: whole(counts.by_budget),
    byTolerance: whole(counts.by_tolerance),
    noiseByTolerance: whole(counts.noise_by_tolerance),
    leastByBudget: whole(counts.least_by_budget),
    leastByTolerance: whole(counts.least_by_tolerance),
    // under the hardest prior
    least: doubles(counts.least),
    crossing: doubles(counts.crossing),
    // at `budget` and `tolerance`
    rows: doubles(counts.rows),
    // what the evaluation rows alone leave, at the confidence
    crossings: typed(grids.crossing, Float32Array),
    // along the tolerance slider
    here: whole(counts.here),
    // task-major: one count per regime, at `budget` and `tolerance`
    draws: counts.draws,
    budget: counts.budget,
    tolerance: counts.tolerance,
    ofRows: counts.of_rows,
    times: doubles(fixed.rows)
    // multiples of the measured evaluation rows: positions of their slider, none where rows are not known
  };
}
function swatch(colour, shape) {
  const drawn = [
    '<circle cx="7" cy="7" r="5"/>',
    '<path d="M7 1.5 12.5 11.5 1.5 11.5Z"/>',
    '<rect x="2" y="2" width="10" height="10"/>',
    '<path d="M7 1 13 7 7 13 1 7Z"/>'
  ][shape];
  return `<svg class="plw-swatch plw-regime-${colour}${shape === 3 ? " plw-hollow" : ""}" viewBox="0 0 14 14" aria-hidden="true">${drawn}</svg>`;
}
function render({ model, el }) {
  let data = decode(model);
  const plots = makePlanes(data);
  const view = makeView(model, { name: "phase", label: "Phase diagram", plots });
  const state = {
    data,
    p: new Float64Array(3 * data.size),
    least: new Float64Array(data.size),
    likely: new Uint8Array(data.size),
    called: new Uint8Array(data.size),
    sort: null,
    ascending: true,
    known: false,
    before: null,
    depths: null
  };
  const named3 = (c) => c < 3 ? REGIMES[c] : UNDETERMINED;
  const regime = (t) => named3(code(state, t));
  const crossing = (t) => crossingAt(data, state.tolerance, t);
  const doubtOf = (t) => doubt(data, t, state.p[3 * t + state.likely[t]], state.least[t], model.get("confidence"), state.tolerance);
  const reason = (t) => state.called[t] ? "" : model.get("reasons")[data.names[t]] ?? doubtOf(t);
  const budget = slider("budget", "Budget B", "Optimiser steps of probing; arrow keys move it, Page Up and Page Down in larger steps");
  const tolerance = slider("tolerance", "Tolerance τ", "Risk that can be lived with, in squared units of the metric");
  const sets = slider("rows", "Evaluation rows", "Times the rows that were measured, up to the population they come from; tasks whose rows are known move");
  const price = slider("exchange-rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost");
  const sign = data.size <= RINGED ? "ring: how the probability is shared among the regimes" : "paler: the regime is less certain";
  const legend = legendOf([...REGIMES, `${UNDETERMINED} <small>(hollow, in the colour of what it leans to)</small>`].map((name, k) => `<span>${swatch(k, k)}<b></b> ${name}</span>`).join("") + `<span><small>${sign}</small></span>`);
  const tallies = [...legend.querySelectorAll("b")];
  const asked = element("p", { className: "plw-asked-words", textContent: data.asked });
  const moved = element("p", { className: "plw-moved" });
  const status = element("div", { className: "plw-status", aria: { role: "status", live: "polite" } });
  const table = tableOf("Regime of each task at this budget and tolerance", COLUMNS.map(([key, title]) => {
    const head = element("button", { type: "button", textContent: title, title: `Sort by ${title}` });
    head.addEventListener("click", () => sortBy(key));
    return head;
  }));
  let order = [...data.names.keys()];
  function update() {
    const confidence = model.get("confidence");
    state.budget = model.get("budget");
    state.tolerance = model.get("tolerance");
    state.selected = data.names.indexOf(model.get("selected"));
    state.rows = model.get("rows");
    state.known = shares(data, state.budget, state.tolerance, state.p, state.least) && data.ofRows === state.rows;
    for (let t = 0; t < data.size; t++) {
      state.likely[t] = likeliest(state.p, t);
      state.called[t] = doubt(data, t, state.p[3 * t + state.likely[t]], state.least[t], confidence, state.tolerance) ? 0 : 1;
    }
    state.boundaryScale = state.selected >= 0 ? data.middle[3 * state.selected + 1] : data.medianScale;
    state.rate = model.get("exchange_rate");
    const step = state.rate === null ? null : state.rate * model.get("cost_per_step");
    if (step !== state.step) {
      state.depths = step === null ? null : data.first.map((first, t) => payingDepth(data.estimates[3 * t + 1], data.estimates[3 * t + 2], { price: step * data.seeds[t], first, last: data.end[t] }));
    }
    state.step = step;
  }
  const kernel = messages(model, data.size > LARGE ? Infinity : SEND_EVERY);
  let resting = true;
  const begin = () => {
    if (!resting) return;
    const codes = Uint8Array.from(state.likely, (_, t) => code(state, t));
    state.before = state.known ? { budget: state.budget, tolerance: state.tolerance, codes } : null;
  };
  for (const [name, control] of [["budget", budget], ["tolerance", tolerance], ["rows", sets], ["exchange_rate", price]]) {
    onSlide(control, (value) => {
      if (control !== price) begin();
      resting = false;
      model.set(name, value);
      view.schedule();
      if (control !== sets) kernel.soon();
    }, () => {
      resting = true;
      kernel.now();
      reorder();
      view.schedule();
    });
  }
  function select(name) {
    model.set("selected", name);
    model.save_changes();
  }
  function sortKey(t) {
    switch (state.sort) {
      case "task":
        return data.names[t];
      case "regime":
        return code(state, t);
      case "crossing":
        return crossing(t);
      case "optimal":
        return state.depths?.[t] ?? 0;
      default:
        return state.p[3 * t + SHARES.indexOf(state.sort)];
    }
  }
  function reorder() {
    order = [...data.names.keys()];
    if (!state.sort) return;
    const keys = order.map(sortKey);
    const way = state.ascending ? 1 : -1;
    order.sort((a, b) => way * (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0) || a - b);
  }
  function sortBy(column) {
    state.ascending = state.sort === column ? !state.ascending : !SHARES.includes(column);
    state.sort = column;
    table.columns.forEach((th, i) => {
      if (COLUMNS[i][0] === column) th.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    });
    reorder();
    view.schedule();
  }
  const pager = pagerOf(data.size, PAGE, view.schedule);
  const rows = Array.from({ length: Math.min(PAGE, data.size) }, () => {
    const name = button("", "plw-task");
    const cells = COLUMNS.slice(1).map(() => element("td"));
    const row = rowOf(name, cells);
    row.addEventListener("click", () => select(model.get("selected") === row.dataset.task ? null : row.dataset.task));
    table.body.append(row);
    return { row, name, cells };
  });
  function paintTable() {
    table.columns.at(-1).hidden = !state.depths;
    rows.forEach(({ row, name, cells: [where, ...cells] }, i) => {
      const t = order[pager.page * PAGE + i];
      row.hidden = t === void 0;
      if (t === void 0) return;
      Object.assign(row.dataset, { task: data.names[t], regime: regime(t) });
      row.classList.toggle("plw-selected", t === state.selected);
      name.setAttribute("aria-pressed", String(t === state.selected));
      setText(name, data.names[t]);
      where.title = reason(t);
      if (where.dataset.code !== String(code(state, t))) {
        where.dataset.code = code(state, t);
        const k = state.likely[t];
        const lean = state.called[t] ? "" : ` <small>leans ${REGIMES[k]}</small>`;
        where.innerHTML = `${swatch(k, state.called[t] ? k : 3)}<span class="plw-word">${regime(t)}</span>${lean}`;
      }
      SHARES.forEach((_, k) => setText(cells[k], state.p[3 * t + k].toFixed(3)));
      setText(cells[3], short(crossing(t)));
      cells[4].hidden = !state.depths;
      if (!state.depths) return;
      setCell(cells[4], state.depths[t] > 0 ? short(state.depths[t]) : "does not pay", state.depths[t]);
    });
  }
  function paintControls() {
    const steps = state.budget >= 1e5 ? short(state.budget) : String(Number(state.budget.toFixed(state.budget < 10 ? 2 : 1)));
    const margin = short(1.96 * Math.sqrt(state.tolerance));
    budget.grid = data.grid.budget;
    tolerance.grid = data.grid.tolerance;
    const longer = data.end.reduce((count, end2) => count + (state.budget > end2 ? 1 : 0), 0);
    const past = longer === data.size ? ": longer recipes" : longer ? `: longer recipes for ${longer} of ${data.size}` : "";
    setSlider(budget, state.budget, `${steps} steps${past}`);
    setSlider(tolerance, state.tolerance, `${short(state.tolerance)} (± ${margin} at 95 %)`, `${short(state.tolerance)}, a margin of ${margin} at 95 percent`);
    sets.row.hidden = !data.times.length;
    sets.grid = data.times;
    const times = state.rows >= POPULATION ? "the population" : state.rows === 1 ? "as measured" : `${short(state.rows)} × as many`;
    if (data.times.length) setSlider(sets, state.rows, times);
    price.row.hidden = state.rate === null;
    if (state.rate === null) return;
    if (!(price.range?.low <= state.rate && state.rate <= price.range.high)) {
      price.range = { low: state.rate / 100, high: state.rate * 100 };
      price.grid = positions(price.range, state.rate);
    }
    setSlider(price, state.rate, short(state.rate));
  }
  function crossedWords() {
    const { before } = state;
    if (!before) return "";
    const crossed = state.known ? order.filter((t) => before.codes[t] !== code(state, t) && named3(before.codes[t]) !== regime(t)).sort((a, b) => a - b) : [];
    if (!crossed.length) return "In the last move no task crossed a boundary.";
    const some = crossed.slice(0, 4).map((t) => `${clip(data.names[t], 24)} ${named3(before.codes[t])} → ${regime(t)}`);
    return `In the last move: ${some.join("; ")}${crossed.length > 4 ? `, and ${crossed.length - 4} more` : ""}.`;
  }
  let painted = "";
  function painting() {
    update();
    view.root.classList.toggle("plw-waiting", !state.known);
    view.root.dataset.budget = state.budget;
    view.root.dataset.rows = state.rows;
    paintControls();
    const counts = [0, 0, 0, 0];
    for (let t = 0; t < data.size; t++) counts[state.called[t] ? state.likely[t] : 3] += 1;
    tallies.forEach((tally, k) => setText(tally, String(counts[k])));
    const whose = state.selected >= 0 ? `K of ${clip(data.names[state.selected], 20)}` : "median K";
    setText(plots[1].caption, `boundary sinks as the budget grows; ${whose}`);
    const { before } = state;
    const picture = [
      state.budget,
      state.tolerance,
      state.rows,
      state.selected,
      model.get("confidence"),
      state.selected >= 0 && state.step,
      view.drawn,
      before?.budget,
      before?.tolerance
    ].join();
    if (picture !== painted) {
      const summary = [...REGIMES, UNDETERMINED].map((name, k) => `${counts[k]} ${name}`).join(", ");
      view.draw(state, plots.map(({ name }) => `${name} at ${budget.output.textContent}: ${summary}. The table below has every task.`));
      painted = picture;
    }
    const text = crossedWords();
    if (setText(moved, text)) view.say(text);
    paintTable();
  }
  let waiting = 0;
  function watch() {
    clearTimeout(waiting);
    status.textContent = "";
    waiting = setTimeout(() => {
      if (!state.known) status.textContent = "Regimes shown are those of the last position the kernel counted; it does not answer. Run the cell again.";
    }, 3e3);
  }
  function hit({ xs, ys }, x, y) {
    let [best, distance] = [-1, 14 ** 2];
    for (let t = 0; t < data.size && xs; t++) {
      const d = (xs[t] - x) ** 2 + (ys[t] - y) ** 2;
      if (d < distance) [best, distance] = [t, d];
    }
    return best;
  }
  for (const plot of plots) {
    view.onHover(plot, (x, y) => {
      const t = hit(plot, x, y);
      plot.canvas.style.cursor = t < 0 ? "" : "pointer";
      if (t < 0) return "";
      const [limit, scale, rate] = data.middle.subarray(3 * t, 3 * t + 3);
      const range = (j) => `[${short(data.low[3 * t + j])}, ${short(data.high[3 * t + j])}]`;
      return [
        data.names[t],
        `${regime(t)}${state.called[t] ? "" : ` (leans ${REGIMES[state.likely[t]]})`}`,
        ...state.called[t] ? [] : [reason(t)],
        `P ${REGIMES.map((name, k) => `${name} ${state.p[3 * t + k].toFixed(3)}`).join(", ")}`,
        `L_int ${short(limit)} ${range(0)}`,
        `K ${short(scale)} ${range(1)}`,
        `α ${short(rate)} ${range(2)}   [95 % of the draws]`,
        `crossing budget ${short(crossing(t))}`,
        ...state.depths ? [`c* ${state.depths[t] > 0 ? short(state.depths[t]) : "probing does not pay"}`] : []
      ].join("\n");
    });
    plot.canvas.addEventListener("click", (event) => {
      const t = hit(plot, event.offsetX, event.offsetY);
      select(t < 0 || t === state.selected ? null : data.names[t]);
    });
  }
  const fresh = () => {
    state.data = data = decode(model);
    view.drawn += 1;
    view.schedule();
  };
  const follow = () => {
    update();
    pager.go(state.selected < 0 ? pager.page : Math.floor(order.indexOf(state.selected) / PAGE));
  };
  const slid = () => {
    begin();
    watch();
    view.schedule();
  };
  const end = view.live(el, {
    parts: [asked, element("div", { className: "plw-controls" }, budget.row, tolerance.row, sets.row, price.row), legend, view.area, moved, table.node, pager.node, status],
    painting,
    stops: [kernel.flush, () => clearTimeout(waiting)],
    heard: {
      budget: slid,
      tolerance: slid,
      rows: slid,
      exchange_rate: view.schedule,
      cost_per_step: view.schedule,
      confidence: view.schedule,
      _counts: fresh,
      _grids: fresh,
      reasons: view.schedule,
      selected: follow
    }
  });
  follow();
  return end;
}
var phase_diagram_default = { render };
export {
  phase_diagram_default as default
};
