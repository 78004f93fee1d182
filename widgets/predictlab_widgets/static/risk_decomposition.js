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

// js/numbers.js
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
function toleranceDepth(floor, scale, rate, tolerance) {
  if (floor >= tolerance) return Infinity;
  return scale > 0 ? Math.exp((Math.log(scale) - Math.log(tolerance - floor)) / rate) : 0;
}
function costsAt(s, c, paid = true) {
  const floor = s.intrinsic_limit;
  if (!Number.isFinite(c)) return { depth: c, floor, reducible: NaN, risk: NaN, cost: NaN, price: NaN, total: NaN };
  const left = c > 0 ? reducible(s.scale, s.decay_rate, c) : 0;
  const cost = paid ? s.fixed_cost + s.cost_per_step * c : 0;
  const price = s.exchange_rate * cost;
  return { depth: c, floor, reducible: left, risk: floor + left, cost, price, total: floor + left + price };
}
function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}
function intervals(draws, costs) {
  const rows = [...Array(draws.length / 3).keys()].map((i) => draws.subarray(3 * i, 3 * i + 3));
  const best = Float64Array.from(rows, ([floor, scale, rate]) => payingDepth(scale, rate, { ...costs, floor })).sort();
  return [quantile(best, 0.025), quantile(best, 0.975)];
}
function reachOf({ tolerance, depths }, tau) {
  const last = tolerance.length - 1;
  const u = clamp(Math.log(tau / tolerance[0]) / Math.log(tolerance[last] / tolerance[0]), 0, 1) * last;
  const i = Math.min(Math.floor(u + 1e-9), last - 1);
  return [0, 1, 2].map((k) => {
    const [a, b] = [depths[3 * i + k], depths[3 * (i + 1) + k]];
    if (u - i < 1e-9 || a === b) return a;
    return Number.isFinite(a) && a > 0 && b > 0 ? a * (b / a) ** (u - i) : u - i < 0.5 ? a : b;
  });
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
function inFrame(ctx, f, draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  ctx.clip();
  draw();
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
var across = (ctx, f, y, ...style) => polyline(ctx, [[f.x0, y], [f.x1, y]], ...style);
var upright = (ctx, f, x, ...style) => polyline(ctx, [[x, f.y0], [x, f.y1]], ...style);
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
function writeInside(ctx, f, look, text, x, y, font = "12px") {
  const width = textWidth(ctx, look, text, font);
  write(ctx, look, text, clamp(x - width / 2, f.x0 + 4, Math.max(f.x0 + 4, f.x1 - width - 2)), y, { font });
}

// js/risk_plots.js
var SAMPLES = 160;
function axisTop(bottom, before) {
  if (before && bottom / before >= 0.1 && bottom / before <= 0.72) return before;
  return roundUp(2.6 * bottom);
}
var riskFrame = (plot, { depths: [from, to], top }) => frameOf(plot, { from, to, log: true }, { from: 0, to: top });
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
function edges(s, f, rowsShare) {
  const out = [[], [], [], [], []];
  for (let i = 0; i <= SAMPLES; i++) {
    const x = f.x0 + i / SAMPLES * (f.x1 - f.x0);
    const at = costsAt(s, f.x.value(x));
    [0, at.floor * rowsShare, at.floor, at.risk, at.total].forEach((v, k) => out[k].push([x, Math.max(f.y.at(v), f.y1 - 200)]));
  }
  return out;
}
function layerName(ctx, look, f, low, high, text, want) {
  const half = textWidth(ctx, look, text) / 2 + 5;
  const reach = Math.ceil(half / (f.x1 - f.x0) * SAMPLES);
  let best = null;
  for (let i = reach; i <= SAMPLES - reach; i++) {
    let [ceiling, ground] = [f.y1, f.y0];
    for (let j = i - reach; j <= i + reach; j++) [ceiling, ground] = [Math.max(ceiling, high[j][1]), Math.min(ground, low[j][1])];
    const off = Math.abs(i / SAMPLES - want);
    if (ground - ceiling >= 16 && (!best || off < best.off)) best = { off, x: high[i][0], y: (ceiling + ground) / 2 };
  }
  if (best) write(ctx, look, text, best.x, best.y, { align: "center" });
}
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
function levelLine(ctx, look, f, value, name) {
  const above = value > f.y.to;
  const y = above ? f.y1 + 40 : f.y.at(value);
  if (!above) across(ctx, f, y, look.text, 1, [7, 4]);
  write(ctx, look, above ? `${name} ↑` : name, f.x1 - 2, y - 2, { align: "right", base: "bottom" });
}
function paintLayers(plot, view, look, { priced, level, depth, height, symbol, interval, more = () => {
} }) {
  const ctx = startPaint(plot);
  const f = riskFrame(plot, view);
  const split = !priced && view.rowsShare > 0;
  const [zero, rows, floor, risk, total] = edges(view.s, f, split ? view.rowsShare : 0);
  const [, orange, blue] = look.colours;
  const layers = [
    ...split ? [{ low: zero, high: rows, colour: "#808080", slope: -1, name: "rows: σ²_int / n", want: 0.85 }] : [],
    { low: split ? rows : zero, high: floor, colour: "#808080", slope: 1, name: priced ? "floor" : split ? "floor of runs" : "floor L_int", want: 0.85 },
    { low: floor, high: risk, colour: blue, name: priced ? "reducible" : "reducible K c^−α", want: 0.1 },
    { low: risk, high: total, colour: orange, slope: -1, name: "price γ C(c)", want: 0.6 }
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
function paintSplit(plot, view, look) {
  const { s, found } = view;
  paintLayers(plot, view, look, {
    level: [s.tolerance, `tolerance τ = ${short(s.tolerance)}`],
    depth: found.reachable,
    height: s.tolerance,
    symbol: "c_τ",
    interval: view.intervals?.reachable
  });
}
function paintValley(plot, view, look) {
  const { s, found } = view;
  paintLayers(plot, view, look, {
    priced: true,
    level: [found.without, `${view.without} ${short(found.without)}`],
    depth: found.optimal,
    height: costsAt(s, found.optimal).total,
    symbol: "c*",
    interval: view.intervals?.optimal,
    more(ctx, f) {
      if (view.trail.length < 2) return;
      const way = view.trail.map(([c, v]) => [f.x.at(Math.max(c, f.x.from)), f.y.at(v)]);
      polyline(ctx, way, look.muted, 2, [2, 3]);
      mark(ctx, "circle", ...way[0], 5.5, look.page, look.muted);
    }
  });
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
function setChildren(node, key, make) {
  if (node.dataset.of === key) return;
  node.dataset.of = key;
  node.replaceChildren(...make());
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
function setOptions(select, values, value, worded = (v) => v) {
  setChildren(select, values.join("\n"), () => values.map((v) => element("option", { value: v, textContent: worded(v) })));
  if (select.value !== value) select.value = value;
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
  view.draw = (state, labels) => {
    plots.forEach((plot, i) => {
      plot.canvas.setAttribute("aria-label", labels[i]);
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

// js/risk_decomposition.js
var LAW = ["intrinsic_limit", "scale", "decay_rate"];
var CONTROLS = [
  ["The law", [
    ["intrinsic_limit", "Floor L_int", "Intrinsic limit: the risk that even the whole run leaves, metric²"],
    ["scale", "Scale K", "Reducible risk at depth 1, metric²·steps^α"],
    ["decay_rate", "Decay rate α", "How fast probing resolves what can be resolved"]
  ]],
  ["What probing costs", [
    ["exchange_rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost"],
    ["cost_per_step", "Cost per step λ", "Cost of one step of probing"],
    ["fixed_cost", "Fixed cost C_s", "Cost paid once for probing at all; moves the total, never c*"]
  ]],
  ["What can be lived with", [["tolerance", "Tolerance τ", "Risk that can be lived with, metric²"]]]
];
var NUMBERS = CONTROLS.flatMap(([, items]) => items.map(([name]) => name));
var ROWS = [["without", ""], ["optimal", "Least total, c*"], ["reachable", "Tolerance met, c_τ"]];
var QUESTIONS = {
  agreement: "agreement: how far are seeds apart?",
  this_run: "this_run: where will this run end?",
  fresh_run: "fresh_run: where will another run end?",
  new_task: "new_task: where will a run of a new task end?"
};
var QUANTITIES = [
  ["depth", "Depth c (steps)"],
  ["floor", "Floor L_int"],
  ["reducible", "Reducible V_opt"],
  ["risk", "Risk L"],
  ["cost", "Cost C"],
  ["price", "Price γC"],
  ["total", "Total L + γC"]
];
function patch(kind) {
  const lines = { floor: '<path d="M1 13 13 1M1 7 7 1M7 13 13 7"/>', price: '<path d="M1 1 13 13M7 1 13 7M1 7 7 13"/>', reducible: "" }[kind];
  return `<svg class="plw-swatch plw-part-${kind}" viewBox="0 0 14 14" aria-hidden="true"><rect x="1" y="1" width="12" height="12"/>${lines}</svg>`;
}
function render({ model, el }) {
  const traits = () => Object.fromEntries(NUMBERS.map((name) => [name, model.get(name)]));
  const state = { top: 0, trail: [], hover: 0, s: traits() };
  let [first, start, ranges, draws, ofRows, asked, reach] = [];
  function take() {
    [first, start, ranges, ofRows, asked] = ["_first", "_start", "_ranges", "_parts", "_asked"].map((name) => model.get(name));
    draws = typed(model.get("_draws"), Float64Array);
    const { tolerance, depths } = model.get("_reach");
    reach = tolerance ? { tolerance: typed(tolerance, Float64Array), depths: typed(depths, Float64Array) } : null;
    Object.assign(state, { depths: model.get("_depths"), metric: model.get("_metric"), without: asked.without, top: 0, trail: [] });
  }
  take();
  const plots = [
    { name: "Risk", yTitle: "risk", note: "splits into the floor and what more probing resolves", paint: paintSplit },
    { name: "Total cost", yTitle: "risk and price", note: "is a valley: c* is at its bottom", paint: paintValley }
  ];
  const title = model.get("_title");
  const view = makeView(model, { name: "risk", label: `Risk decomposition${title ? ` of ${title}` : ""}`, plots });
  const controls = {};
  const groups = CONTROLS.map(([legend2, items]) => element(
    "fieldset",
    {},
    element("legend", { textContent: legend2 }),
    ...items.map(([name, label, hint]) => {
      controls[name] = slider(name.replaceAll("_", "-"), label, `${hint}; arrow keys move it, Page Up and Page Down in larger steps`);
      return controls[name].row;
    })
  ));
  const question = element("select", { className: "plw-question", aria: { label: "What is asked" } });
  const chosen = element("label", { className: "plw-asked" }, "What is asked ", question);
  const questionWords = element("p", { className: "plw-asked-words" });
  const reset = button(draws.length ? "Back to the fit" : "Back to the start", "plw-reset");
  const margin = element("small");
  groups[2].append(element("div", { className: "plw-row" }, margin, reset));
  const legend = legendOf(`<span>${patch("floor")}floor L_int: no probing helps</span><span>${patch("reducible")}reducible K c^−α: what probing resolves</span><span>${patch("price")}price γ C(c) of probing</span>`);
  const cells = Object.fromEntries(ROWS.map(([key]) => [key, QUANTITIES.map(([name]) => element("td", { className: `plw-cell-${name}` }))]));
  const heads = Object.fromEntries(ROWS.map(([key, head]) => [key, element("span", { textContent: head })]));
  const table = tableOf(
    "The numbers of what is compared with, at the optimal depth and at the tolerance",
    ["", ...QUANTITIES.map(([, head]) => head)],
    ROWS.map(([key]) => rowOf(heads[key], cells[key], `plw-row-${key}`))
  );
  const verdict = element("p", { className: "plw-verdict" });
  const rowsWords = element("p", { className: "plw-rows-share" });
  const bottom = (s) => [state.found.optimal, costsAt(s, state.found.optimal).total];
  function follow() {
    const s = traits();
    const moved = NUMBERS.some((key) => s[key] !== state.s[key]);
    const known = asked.static_risk ?? NaN;
    const costs = { price: s.exchange_rate * s.cost_per_step, fixed: s.exchange_rate * s.fixed_cost, first, last: asked.last ?? Infinity, without: known };
    const optimal = Math.min(optimalDepth(s.scale, s.decay_rate, costs.price), costs.last);
    state.s = s;
    const asFitted = LAW.every((key) => s[key] === start[key]);
    const now = model.get("_now");
    const ends = asFitted && reach ? now.tolerance === s.tolerance ? typed(now.depths, Float64Array) : reachOf(reach, s.tolerance) : null;
    state.found = {
      optimal,
      reachable: ends ? ends[1] : toleranceDepth(s.intrinsic_limit, s.scale, s.decay_rate, s.tolerance),
      pays: payingDepth(s.scale, s.decay_rate, { ...costs, floor: s.intrinsic_limit }) > 0,
      known: asked.static_risk !== null,
      without: asked.static_risk ?? costsAt(s, first, false).risk
    };
    state.top = axisTop(costsAt(s, clamp(optimal, ...state.depths)).total, state.top);
    if (moved && optimal > 0) state.trail.push(bottom(s));
    state.rowsShare = asFitted ? ofRows.share ?? 0 : 0;
    state.intervals = draws.length && asFitted ? { optimal: intervals(draws, costs), reachable: [ends[0], ends[2]] } : null;
  }
  function paintControls() {
    for (const key of NUMBERS) {
      const [control, value] = [controls[key], state.s[key]];
      control.grid = positions(ranges[key], value);
      setSlider(control, value, short(value), `${short(value)}; optimal depth ${short(state.found.optimal)} steps`);
    }
    setText(margin, `a margin of ± ${short(1.96 * Math.sqrt(state.s.tolerance))} at 95 %`);
  }
  const spanText = (ends) => ` [${ends.map((c) => c > 0 ? short(c) : "no probe").join(", ")}]`;
  function paintTable() {
    const { s, found } = state;
    const { without } = found;
    const now = found.known ? { depth: 0, floor: s.intrinsic_limit, reducible: without - s.intrinsic_limit, risk: without, cost: 0, price: 0, total: without } : costsAt(s, first, false);
    const rows = { without: now, optimal: costsAt(s, found.optimal), reachable: costsAt(s, found.reachable) };
    for (const [key, head] of ROWS) {
      QUANTITIES.forEach(([name], i) => {
        const range2 = i === 0 && state.intervals?.[key];
        setCell(cells[key][i], short(rows[key][name]) + (range2 ? spanText(range2) : ""), rows[key][name]);
      });
      const range = state.intervals?.[key];
      cells[key][0].title = range ? `${head}, 95 % interval` : "";
      cells[key][0].dataset.interval = range ? range.join() : "";
    }
    return rows;
  }
  function words(rows) {
    const { found, s } = state;
    const without = `${short(found.without)} ${asked.without}`;
    let text;
    if (!(s.scale > 0)) text = `Nothing decays (K = 0): probing does not pay; the risk is ${without}.`;
    else if (!found.pays && found.optimal > first) text = `At the best depth, c* = ${short(found.optimal)} steps, the total is ${short(rows.optimal.total)}, against ${without}: probing does not pay.`;
    else if (found.optimal <= first) text = `c* = ${short(found.optimal)} is not beyond the first depth, ${short(first)}: probing does not pay; the risk is ${without}.`;
    else text = `Probe to c* = ${short(found.optimal)} steps: total ${short(rows.optimal.total)} against ${without}; probing pays.`;
    if (found.reachable === Infinity) return `${text} ${s.intrinsic_limit >= s.tolerance ? "The floor is at or above the tolerance: no depth meets it." : "No depth meets the tolerance."}`;
    if (found.reachable <= first) return `${text} The tolerance is met at the first depth, ${short(first)}.`;
    return `${text} The tolerance is met from ${short(found.reachable)} steps on.`;
  }
  function painting() {
    follow();
    const { found } = state;
    paintControls();
    const text = words(paintTable());
    setText(heads.optimal, found.pays ? "Least total, c*" : "Best depth, c*");
    for (const [key, least] of [["optimal", found.pays], ["without", !found.pays]]) heads[key].closest("tr").classList.toggle("plw-least", least);
    setText(heads.without, asked.without.replace(/^./, (c) => c.toUpperCase()));
    setOptions(question, model.get("_questions"), model.get("question"), (name) => QUESTIONS[name]);
    chosen.hidden = model.get("_questions").length < 2;
    setText(questionWords, model.get("question") ? `Asked: ${asked.question}. ${asked.words}` : "");
    questionWords.hidden = !questionWords.textContent;
    setText(reset, draws.length ? "Back to the fit" : "Back to the start");
    setText(verdict, text);
    setText(rowsWords, state.rowsShare > 0 ? ofRows.words : "");
    rowsWords.hidden = !rowsWords.textContent;
    view.say(text);
    view.draw(state, plots.map(({ name }) => `${name} over depth: ${text} The table below has the numbers.`));
  }
  const kernel = messages(model);
  let resting = true;
  const begin = () => {
    if (resting) state.trail = state.found.optimal > 0 ? [bottom(state.s)] : [];
  };
  for (const key of NUMBERS) {
    onSlide(controls[key], (value) => {
      begin();
      resting = false;
      model.set(key, value);
      view.schedule();
      kernel.soon();
    }, () => {
      resting = true;
      kernel.now();
    });
  }
  reset.addEventListener("click", () => {
    begin();
    for (const key of NUMBERS) model.set(key, start[key]);
    kernel.now();
    view.schedule();
  });
  question.addEventListener("change", () => {
    model.set("question", question.value);
    kernel.now();
  });
  for (const plot of plots) {
    view.onHover(plot, (x) => {
      const f = riskFrame(plot, state);
      state.hover = x >= f.x0 && x <= f.x1 ? f.x.value(x) : 0;
      view.schedule();
      if (!state.hover) return "";
      const at = costsAt(state.s, state.hover);
      return [
        `depth ${short(state.hover)} steps`,
        `floor ${short(at.floor)}`,
        `reducible ${short(at.reducible)}`,
        `risk L ${short(at.risk)}`,
        `price γC ${short(at.price)}`,
        `total ${short(at.total)}`
      ].join("\n");
    });
  }
  follow();
  const changed = () => {
    begin();
    view.schedule();
  };
  const another = () => {
    take();
    view.schedule();
  };
  return view.live(el, {
    parts: [...title ? [element("h4", { textContent: title })] : [], chosen, questionWords, element("div", { className: "plw-groups" }, ...groups), legend, view.area, verdict, rowsWords, table.node],
    painting,
    stops: [kernel.flush],
    heard: { ...Object.fromEntries(NUMBERS.map((key) => [key, changed])), _now: view.schedule, ...Object.fromEntries(["_asked", "_start", "_reach", "_ranges"].map((key) => [key, another])) }
  });
}
var risk_decomposition_default = { render };
export {
  risk_decomposition_default as default
};
