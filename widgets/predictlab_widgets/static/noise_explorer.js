// js/numbers.js
var clamp = (value, low, high) => Math.min(Math.max(value, low), high);

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
function endsOf(values, log, pad = 0.06) {
  const kept = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
  const [low, high] = [Math.min(...kept), Math.max(...kept)];
  if (log) {
    const wide2 = Math.max(high / low, 1.2) ** pad;
    return { from: low / wide2, to: high * wide2, log };
  }
  const wide = (high - low || Math.abs(high) || 1) * pad;
  return { from: low >= 0 && low - wide < 0 ? 0 : low - wide, to: high + wide, log };
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
var bound = (v) => v === Infinity ? "unbounded" : Number.isNaN(v) ? "–" : short(v);
function tickText(value) {
  if (value < 0) return `−${tickText(-value)}`;
  if (value === 0 || value >= 0.01 && value < 1e4) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]);
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}

// js/kernel.js
var SEND_EVERY = 100;
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
var LINE = 16;
function writeApart(ctx, f, look, labels) {
  const taken = [];
  for (const { text, x, y, font = "12px", beside = false } of labels) {
    const width = textWidth(ctx, look, text, font);
    const from = beside ? x + width + 8 < f.x1 ? x + 6 : x - 6 - width : x - width / 2;
    const left = clamp(from, f.x0 + 4, Math.max(f.x0 + 4, f.x1 - width - 2));
    const right = left + width;
    const free = (at2) => at2 >= f.y1 + 6 && at2 <= f.y0 - 6 && taken.every((t) => left > t.right + 6 || right + 6 < t.left || Math.abs(at2 - t.at) >= LINE);
    const at = [0, -1, 1, -2, 2, -3, 3].map((k) => y + k * LINE).find(free) ?? y;
    write(ctx, look, text, left, at, { font });
    taken.push({ left, right, at });
  }
}

// js/power.js
var POINTS = [400, 120];
function normalBelow(x) {
  const z = Math.abs(x);
  if (z > 38) return x > 0 ? 1 : 0;
  const density2 = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  let upper;
  if (z < 3) {
    let [term, total] = [z, z];
    for (let k = 3; Math.abs(term) > 1e-17 * total && k < 200; k += 2) total += term *= z * z / k;
    upper = 0.5 - density2 * total;
  } else {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
    upper = density2 / (z + fraction);
  }
  return x > 0 ? 1 - upper : upper;
}
var laws = /* @__PURE__ */ new Map();
function spreadOf(seeds) {
  if (laws.has(seeds)) return laws.get(seeds);
  const df = 2 * (seeds - 1);
  const reach = 9 / Math.sqrt(2 * df);
  const [from, to] = [Math.max(1e-9, 1 - reach), 1 + reach];
  const points = POINTS[seeds < 6 ? 0 : 1];
  const [at, weight] = [new Float64Array(points + 1), new Float64Array(points + 1)];
  let total = 0;
  for (let i = 0; i <= points; i++) {
    at[i] = from + (to - from) * i / points;
    weight[i] = (i % points === 0 ? 1 : i % 2 ? 4 : 2) * Math.exp((df - 1) * Math.log(at[i]) - df * (at[i] ** 2 - 1) / 2);
    total += weight[i];
  }
  for (let i = 0; i <= points; i++) weight[i] /= total;
  const law = { at, weight, critical: 0, unit: /* @__PURE__ */ new Map() };
  laws.set(seeds, law);
  law.critical = solve((c) => beyond(law, c, 0), 0.05, 1.9, 13);
  return law;
}
function beyond({ at, weight }, c, shift) {
  let chance = 0;
  for (let i = 0; i < at.length; i++) chance += weight[i] * (normalBelow(shift - c * at[i]) + normalBelow(-shift - c * at[i]));
  return chance;
}
function solve(f, value, low, high) {
  let [a, b, fa, fb] = [low, high, f(low) - value, f(high) - value];
  for (let i = 0, kept = 0; i < 80 && Math.abs(b - a) > 1e-12 * Math.abs(a + b); i++) {
    const x = Math.abs(b - a) > 1 ? (a + b) / 2 : (a * fb - b * fa) / (fb - fa);
    const fx = f(x) - value;
    if (fx === 0) return x;
    if (fx < 0 === fa < 0) {
      [a, fa] = [x, fx];
      if (kept === 1) fb /= 2;
      kept = 1;
    } else {
      [b, fb] = [x, fx];
      if (kept === -1) fa /= 2;
      kept = -1;
    }
    if (Math.abs(fx) < 1e-14) return x;
  }
  return (a + b) / 2;
}
var variance = ({ run_sd, interaction, seeds, rows }) => 2 * (run_sd ** 2 + interaction / rows) / seeds;
function powerOf(difference, s) {
  if (s.seeds < 2) return 0;
  const sd = Math.sqrt(variance(s));
  if (!(sd > 0)) return 1;
  const law = spreadOf(s.seeds);
  return beyond(law, law.critical, Math.min(Math.abs(difference) / sd, 60));
}
var calledFrom = (s) => s.seeds < 2 ? Infinity : spreadOf(s.seeds).critical * Math.sqrt(variance(s));
function smallestShift(seeds, power) {
  const law = spreadOf(seeds);
  if (!law.unit.has(power)) law.unit.set(power, solve((x) => beyond(law, law.critical, x), power, 0, law.critical + 10));
  return law.unit.get(power);
}
var smallestDifference = (s, power) => s.seeds < 2 ? Infinity : smallestShift(s.seeds, power) * Math.sqrt(variance(s));
function seedsNeeded(difference, s, power, most = 4096) {
  const enough = (seeds) => smallestDifference({ ...s, seeds }, power) <= difference;
  let high = 2;
  while (!enough(high)) {
    high *= 2;
    if (high > most) return Infinity;
  }
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
function rowsNeeded(difference, s, power) {
  if (s.seeds < 2) return Infinity;
  const room = (difference / smallestShift(s.seeds, power)) ** 2 * s.seeds / 2 - s.run_sd ** 2;
  return room > 0 ? Math.ceil(s.interaction / room) : Infinity;
}

// js/noise_plots.js
var SAMPLES = 160;
var SEEDS = [2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64];
var density = (x, centre, sd) => Math.exp(-(((x - centre) / sd) ** 2) / 2) / sd;
function reachOf(state) {
  const wanted = 3.2 * state.found.of + state.s.difference;
  if (!state.reach || wanted > state.reach || wanted < state.reach / 4) state.reach = roundUp(1.3 * wanted) || 1;
  return state.reach;
}
function paintShown(plot, state, look) {
  const ctx = startPaint(plot);
  const { s, found } = state;
  const reach = reachOf(state);
  const top = 1.18 * density(0, 0, found.of);
  const f = frameOf(plot, { from: -reach, to: reach }, { from: 0, to: top });
  const [, orange, blue] = look.colours;
  const curve = (centre) => Array.from({ length: SAMPLES + 1 }, (_, i) => {
    const x = f.x.from + i / SAMPLES * (f.x.to - f.x.from);
    return [f.x.at(x), f.y.at(density(x, centre, found.of))];
  });
  const [alike, differ] = [curve(0), curve(s.difference)];
  inFrame(ctx, f, () => {
    if (Number.isFinite(found.called)) {
      for (const [points, colour] of [[differ, blue], [alike, orange]]) {
        for (const seen of [points.filter(([x]) => x >= f.x.at(found.called)), points.filter(([x]) => x <= f.x.at(-found.called))]) {
          if (seen.length > 1) polygon(ctx, [[seen[0][0], f.y0], ...seen, [seen.at(-1)[0], f.y0]], colour + (look.dark ? "66" : "55"));
        }
      }
      for (const at of [-found.called, found.called]) upright(ctx, f, f.x.at(at), look.muted, 1, [4, 3]);
    }
    polyline(ctx, alike, orange, 2, [6, 3]);
    polyline(ctx, differ, blue, 2.5);
    if (state.known.observed !== void 0) upright(ctx, f, f.x.at(Number(state.known.observed)), look.text, 2);
  });
  const peak = f.y.at(density(0, 0, found.of)) - 9;
  const labels = [{ text: "alike", x: f.x.at(0), y: peak }, { text: `differ by ${short(s.difference)}`, x: f.x.at(s.difference), y: peak, font: "600 12px" }];
  if (state.known.observed !== void 0) {
    const observed = Number(state.known.observed);
    labels.push({ text: `observed ${short(observed)}`, x: f.x.at(observed), y: f.y0 - 12, beside: true });
  }
  if (!Number.isFinite(found.called)) labels.push({ text: "one run each: nothing is called", x: (f.x0 + f.x1) / 2, y: f.y0 - 30 });
  writeApart(ctx, f, look, labels);
  drawAxes(ctx, f, look, plot, `observed difference   (${state.metric || "metric"})`, "how often");
}
function paintTaken(plot, state, look) {
  const ctx = startPaint(plot);
  const { s, found, power } = state;
  const line = (n, run_sd = s.run_sd) => SEEDS.map((seeds) => [seeds, smallestDifference({ ...s, run_sd, seeds, rows: n }, power)]);
  const now = line(s.rows);
  const all = s.interaction > 0 && s.run_sd > 0 ? line(Infinity) : [];
  const band = state.untouched ? state.known.run_sd.map((sd) => line(s.rows, Number(sd))) : null;
  const values = [...now, ...all, ...band?.[1] ?? []].map(([, v]) => v).concat(s.difference);
  const axis = endsOf(values, true, 0.1);
  const ends = { from: Math.min(axis.from, state.low ?? Infinity), to: Math.max(axis.to, state.high ?? 0), log: true };
  [state.low, state.high] = [ends.from, ends.to];
  const f = frameOf(plot, { from: 1, to: 64, log: true, ticks: [1, 2, 4, 8, 16, 32, 64].map((v) => [v, String(v)]) }, ends, 4);
  const [, orange, blue] = look.colours;
  const path = (points) => points.map(([x, v]) => [f.x.at(x), f.y.at(v)]);
  inFrame(ctx, f, () => {
    if (band) polygon(ctx, [...path(band[0]), ...path(band[1]).toReversed()], blue + (look.dark ? "44" : "30"));
    if (all.length) polyline(ctx, path(all), orange, 2, [6, 3]);
    polyline(ctx, path(now), blue, 2.5);
    across(ctx, f, f.y.at(s.difference), look.text, 1, [7, 4]);
    upright(ctx, f, f.x.held(s.seeds), look.muted, 1, [1, 2]);
  });
  const last = SEEDS.length - 4;
  const at = s.seeds > 2 && s.seeds < 12 ? 0 : 3;
  const named2 = [{ text: Number.isFinite(s.rows) ? `${short(s.rows)} rows` : "these rows", x: f.x.at(SEEDS[at]), y: f.y.at(now[at][1]) - 12, font: "600 12px" }];
  if (all.length && all[last][1] < 0.93 * now[last][1]) named2.push({ text: "all rows", x: f.x.at(SEEDS[last]), y: f.y.at(all[last][1]) + 13 });
  if (s.seeds < 2) named2.push({ text: "one run each: never", x: f.x.at(1), y: f.y1 + 14 });
  named2.push({ text: `difference ${short(s.difference)}`, x: f.x1, y: f.y.held(s.difference) - 9 });
  writeApart(ctx, f, look, named2);
  if (s.seeds >= 2 && f.y.holds(found.smallest)) mark(ctx, "circle", f.x.held(s.seeds), f.y.at(found.smallest), 5.5, look.text, look.page);
  drawAxes(ctx, f, look, plot, "runs of each recipe", `difference seen in ${(100 * power).toFixed(0)} of 100   (${state.metric || "metric"})`);
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

// js/noise_explorer.js
var CONTROLS = [
  ["What you spend", [
    ["seeds", "Runs of each S", "Finished runs of each of the two recipes"],
    ["rows", "Evaluation rows n", "Rows that every run is evaluated on"]
  ]],
  ["What it is about", [["difference", "Difference", "True difference of the two recipes, in the metric"]]],
  ["How noisy such runs are", [
    ["run_sd", "Runs σ_run", "Standard deviation over runs on the population of rows"],
    ["interaction", "Rows σ_int²", "What decides which run gets which row right, metric² a row; for right and wrong about half the churn"]
  ]]
];
var NUMBERS = CONTROLS.flatMap(([, items]) => items.map(([name]) => name));
var ROWS = [
  ["sd", "Spread of one run on these rows"],
  ["share", "of its variance, this evaluation set"],
  ["smallest", "Smallest difference that is seen"],
  ["called", "An observed difference is called from about"],
  ["power", "Chance to see the difference"],
  ["seeds", "Runs of each that show it, on these rows"],
  ["rows", "Rows that show it, with these runs"]
];
function render({ model, el }) {
  const [start, ranges, power, known] = ["_start", "_ranges", "power", "_known"].map((name) => model.get(name));
  const traits = () => Object.fromEntries(NUMBERS.map((name) => [name, Number(model.get(name))]));
  const state = { s: traits(), power, known, metric: model.get("_metric"), start, ranges };
  const plots = [
    { name: "What a comparison shows", note: "if the recipes are alike, and if they differ", paint: paintShown },
    { name: "What it takes", note: "smallest difference that is seen, by runs", paint: paintTaken }
  ];
  const title = model.get("_title");
  const view = makeView(model, { name: "noise", label: `Noise explorer${title ? ` of ${title}` : ""}`, plots });
  const controls = {};
  const groups = CONTROLS.map(([legend2, items]) => element(
    "fieldset",
    {},
    element("legend", { textContent: legend2 }),
    ...items.map(([name, label, hint]) => {
      controls[name] = slider(name.replaceAll("_", "-"), label, `${hint}; arrow keys move it, Page Up and Page Down in larger steps`);
      controls[name].row.hidden = !ranges[name];
      return controls[name].row;
    })
  ));
  const reset = button("Back to the start", "plw-reset");
  const origin = element("small", { textContent: known.said });
  groups[2].append(element("div", { className: "plw-row" }, origin, reset));
  const legend = legendOf('<span><svg class="plw-swatch plw-alike" viewBox="0 0 14 14" aria-hidden="true"><path d="M1 13Q7-8 13 13"/></svg>recipes alike</span><span><svg class="plw-swatch plw-differ" viewBox="0 0 14 14" aria-hidden="true"><path d="M1 13Q7-8 13 13"/></svg>recipes that differ</span><span><svg class="plw-swatch plw-seen" viewBox="0 0 14 14" aria-hidden="true"><rect x="1" y="1" width="12" height="12"/></svg>called a difference</span>');
  const cells = Object.fromEntries(ROWS.map(([key]) => [key, element("td", { className: `plw-cell-${key}` })]));
  const table = tableOf("What the present runs and rows show", ["", "now"], ROWS.map(([key, head]) => rowOf(head, [cells[key]], `plw-row-${key}`)));
  const verdict = element("p", { className: "plw-verdict" });
  function follow() {
    const s = state.s = traits();
    const rows = s.interaction > 0 ? s.interaction / s.rows : 0;
    const sd = Math.sqrt(s.run_sd ** 2 + rows);
    state.untouched = s.run_sd === start.run_sd && known.run_sd;
    state.found = {
      sd,
      share: sd > 0 ? rows / sd ** 2 : NaN,
      of: Math.sqrt(variance(s)),
      smallest: smallestDifference(s, power),
      called: calledFrom(s),
      power: powerOf(s.difference, s),
      seeds: seedsNeeded(s.difference, s, power),
      rows: s.interaction > 0 ? rowsNeeded(s.difference, s, power) : NaN
    };
    state.ends = state.untouched ? known.run_sd.map((run_sd) => smallestDifference({ ...s, run_sd: Number(run_sd) }, power)) : null;
  }
  function paintControls() {
    for (const key of NUMBERS) {
      if (!ranges[key]) continue;
      const control = controls[key];
      control.grid = positions(ranges[key], state.s[key]);
      setSlider(control, state.s[key], short(state.s[key]), `${short(state.s[key])}; smallest difference that is seen ${short(state.found.smallest)}`);
    }
  }
  function paintTable() {
    const { found, ends } = state;
    const percent = (v) => Number.isFinite(v) ? `${(100 * v).toFixed(0)} %` : "–";
    const texts = {
      sd: short(found.sd),
      share: state.s.interaction > 0 ? percent(found.share) : "not known",
      smallest: short(found.smallest) + (ends ? ` [${ends.map(bound).join(", ")}]` : ""),
      called: short(found.called),
      power: percent(found.power),
      seeds: Number.isFinite(found.seeds) ? String(found.seeds) : "more than 4096",
      rows: Number.isNaN(found.rows) ? "not known" : Number.isFinite(found.rows) ? String(found.rows) : "none are enough"
    };
    for (const [key] of ROWS) setCell(cells[key], texts[key], found[key]);
    cells.smallest.dataset.interval = ends ? ends.join() : "";
  }
  function words() {
    const { s, found } = state;
    const on = Number.isFinite(s.rows) ? ` on ${short(s.rows)} rows` : "";
    if (s.seeds < 2) return `One run of each${on}: no difference of recipes can be shown, whatever the rows. Runs are told by runs.`;
    const seen = `${short(s.seeds)} runs of each${on} see a difference of ${short(found.smallest)} in ${(100 * power).toFixed(0)} of 100 cases`;
    const asked = `one of ${short(s.difference)} in ${(100 * found.power).toFixed(0)}`;
    return `${seen}, ${asked}.`;
  }
  function painting() {
    follow();
    paintControls();
    paintTable();
    const text = words();
    setText(verdict, text);
    view.say(text);
    view.draw(state, plots.map(({ name }) => `${name}: ${text} The table below has the numbers.`));
  }
  const kernel = messages(model);
  for (const key of NUMBERS) {
    onSlide(controls[key], (value) => {
      model.set(key, value);
      view.schedule();
      kernel.soon();
    }, () => kernel.now());
  }
  reset.addEventListener("click", () => {
    for (const key of NUMBERS) model.set(key, start[key]);
    kernel.now();
    view.schedule();
  });
  follow();
  return view.live(el, {
    parts: [...title ? [element("h4", { textContent: title })] : [], element("div", { className: "plw-groups" }, ...groups), legend, view.area, verdict, table.node],
    painting,
    heard: Object.fromEntries(NUMBERS.map((key) => [key, view.schedule])),
    stops: [kernel.flush]
  });
}
var noise_explorer_default = { render };
export {
  noise_explorer_default as default
};
