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
var number = Number;
function short(value) {
  if (!Number.isFinite(value)) return value > 0 ? "never" : "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    const digits = Number(value.toPrecision(3)) === Number(value.toPrecision(2)) ? 1 : 2;
    return value.toExponential(digits).replace(/\.0+e/, "e").replace("e+", "e").replace("-", "−");
  }
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false });
}
var bound = (v) => v === Infinity ? "unbounded" : Number.isNaN(v) ? "–" : short(v);
var interval = ([low, high]) => `[${bound(number(low))}, ${bound(number(high))}]`;
function tickText(value) {
  if (value < 0) return `−${tickText(-value)}`;
  if (value === 0 || value >= 0.01 && value < 1e4) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]);
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}
function evenTicks(axis, room) {
  const ticks = ticksOf(axis, room);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
  const digits = step > 0 ? Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) : 0;
  if (!step || digits > 5 || Math.max(...ticks.map(Math.abs)) >= 1e5) return ticks.map((v) => [v, tickText(v)]);
  return ticks.map((v) => [v, v.toFixed(digits).replace("-", "−")]);
}
var clip = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;

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
function emptyFrame(ctx, look, plot, text) {
  const f = frameOf(plot, { from: 0, to: 1 }, { from: 0, to: 1 });
  ctx.strokeStyle = look.grid;
  ctx.lineWidth = 1;
  ctx.strokeRect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  write(ctx, look, text, (f.x0 + f.x1) / 2, (f.y0 + f.y1) / 2, { font: "13px", align: "center", colour: look.muted, halo: false });
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
function polyline(ctx, points, stroke, width, dash = []) {
  if (points.length < 2) return;
  trace(ctx, points);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.stroke();
  ctx.setLineDash([]);
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

// js/scores_plot.js
var NAMED = 12;
var known = (view) => view.rows.filter((r) => Number.isFinite(r.reached) && Number.isFinite(r.value));
var silent = (r) => r.says === "nothing";
function frame(plot, view) {
  const rows = known(view);
  const finite = (values) => values.filter(Number.isFinite);
  const x = endsOf(finite(rows.flatMap((r) => [r.value, r.lower, r.upper])), false, 0.08);
  const y = endsOf(finite(rows.flatMap((r) => [r.reached, r.reached_lower, r.reached_upper])), false, 0.12);
  const f = frameOf(plot, x, y);
  f.x.ticks = evenTicks(f.x, (f.x1 - f.x0) / 70);
  f.y.ticks = evenTicks(f.y, (f.y0 - f.y1) / 36);
  return f;
}
function paintReached(plot, view, look) {
  const ctx = startPaint(plot);
  const rows = known(view);
  if (!rows.length) return emptyFrame(ctx, look, plot, "No fine-tune is known here");
  const f = frame(plot, view);
  const [, , blue] = look.colours;
  inFrame(ctx, f, () => {
    if (view.about.accuracy) {
      const ends = [Math.max(f.x.from, f.y.from), Math.min(f.x.to, f.y.to)];
      if (ends[0] < ends[1]) polyline(ctx, ends.map((v) => [f.x.at(v), f.y.at(v)]), look.muted, 1, [2, 4]);
    }
    for (const r of rows) {
      const colour = silent(r) ? look.muted : blue;
      const [x, y] = [f.x.at(r.value), f.y.at(r.reached)];
      const wide = r.row === view.marked ? 2.6 : 1.4;
      ctx.globalAlpha = r.row === view.marked ? 1 : 0.7;
      if (Number.isFinite(r.lower)) polyline(ctx, [[f.x.at(r.lower), y], [f.x.at(r.upper), y]], colour, wide);
      polyline(ctx, [[x, f.y.at(r.reached_lower)], [x, f.y.at(r.reached_upper)]], colour, wide);
      ctx.globalAlpha = 1;
      mark(ctx, "circle", x, y, r.row === view.marked ? 6 : 4.5, silent(r) ? look.page : colour, colour);
    }
  });
  drawAxes(ctx, f, look, plot, view.method, "accuracy reached");
  const shown = rows.length > NAMED ? rows.filter((r) => r.row === view.marked) : rows;
  writeApart(ctx, f, look, shown.map((r) => ({ text: clip(r.row, 22), x: f.x.at(r.value), y: f.y.at(r.reached) - 10, beside: true, font: r.row === view.marked ? "bold 12px" : "12px" })));
}
function nearestReached(plot, view, x, y) {
  const rows = known(view);
  if (!rows.length || Number.isNaN(x)) return null;
  const f = frame(plot, view);
  let [best, distance] = [null, 24];
  for (const r of rows) {
    const far = Math.hypot(f.x.at(r.value) - x, f.y.at(r.reached) - y);
    if (far < distance) [best, distance] = [r, far];
  }
  return best;
}

// js/scores.js
var NUMBERS = ["value", "lower", "upper", "null", "place", "shade", "reached", "reached_lower", "reached_upper", "seeds"];
var recordsOf = (sent) => sent.records.map((record) => ({
  ...record,
  ...Object.fromEntries(NUMBERS.map((name) => [name, number(record[name])])),
  controls: record.controls.map(([name, value]) => [name, number(value)])
}));
function ordered(records, { data, method, order, better }) {
  const here = records.filter((r) => r.data === data && r.method === method);
  if (order === "given") return here;
  if (order === "name") return here.sort((a, b) => a.row < b.row ? -1 : a.row > b.row ? 1 : 0);
  const [key, sign] = order === "reached" ? ["reached", 1] : ["value", better === "lower" ? -1 : 1];
  const last = (r) => Number.isNaN(r[key]) ? -Infinity : sign * r[key];
  return here.sort((a, b) => last(b) === last(a) ? 0 : last(b) - last(a));
}
function mapOf(records, method, rows, sets) {
  const place = new Map(records.filter((r) => r.method === method).map((r) => [`${r.row}
${r.data}`, r]));
  return rows.map((row) => sets.map((data) => place.get(`${row}
${data}`)));
}
function agreementWords({ method, rows, tau, p, chance }, of) {
  if (of !== "models") return "";
  const t = number(tau);
  if (Number.isNaN(t)) return rows ? `${rows} fine-tune${rows === 1 ? "" : "s"} known: no order to compare with.` : "";
  const said = `Kendall's tau of ${method} with what ${rows} fine-tunes reached: ${t.toFixed(2).replace("-", "−")}`;
  return chance ? `${said}. An order dealt at random does as well with probability ${number(p).toFixed(2)}: this says nothing yet.` : `${said} (p ${number(p).toPrecision(2)}).`;
}

// js/strips.js
var HEIGHT = 20;
var PATHS = {
  circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
  diamond: "M0-5L5 0L0 5L-5 0Z",
  triangle: "M0-5L5 4H-5Z",
  square: "M-3.6-3.6H3.6V3.6H-3.6Z"
};
function stripScale(values) {
  const kept = values.filter(Number.isFinite);
  const [low, high] = kept.length ? [Math.min(...kept), Math.max(...kept)] : [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.04;
  return scaled({ from: low - pad, to: high + pad }, 0, 100);
}
var percent = (scale, v) => clamp(scale.at(v), 0, 100).toFixed(2);
var strip = (...parts) => `<svg class="plw-strip" width="100%" height="${HEIGHT}" aria-hidden="true">${parts.filter(Boolean).join("")}</svg>`;
function area(scale, low, high, className) {
  if (Number.isNaN(low) || Number.isNaN(high)) return "";
  const [a, b] = [low, high].map((v) => v === -Infinity ? 0 : v === Infinity ? 100 : Number(percent(scale, v)));
  return `<rect class="${className}" x="${a}%" width="${Math.max(b - a, 0).toFixed(2)}%" y="1" height="${HEIGHT - 2}"/>`;
}
function rule(scale, low, high, className) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
  return `<line class="${className}" x1="${percent(scale, low)}%" x2="${percent(scale, high)}%" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/>`;
}
function tick(scale, v, className) {
  if (!Number.isFinite(v)) return "";
  return `<line class="${className}" x1="${percent(scale, v)}%" x2="${percent(scale, v)}%" y1="2" y2="${HEIGHT - 2}"/>`;
}
function spot(scale, v, shape, className) {
  if (!Number.isFinite(v)) return "";
  return `<svg class="${className}" x="${percent(scale, v)}%" y="${HEIGHT / 2}" overflow="visible"><path d="${PATHS[shape]}"/></svg>`;
}
function stripAxis(scale, room = 4) {
  const texts = evenTicks(scale, room).map(([v, text], i) => {
    const at = scale.at(v);
    const anchor = at < 8 ? "start" : at > 92 ? "end" : "middle";
    return `<g class="${i % 2 ? "plw-strip-odd" : ""}"><line class="plw-strip-tick" x1="${at.toFixed(2)}%" x2="${at.toFixed(2)}%" y1="${HEIGHT - 4}" y2="${HEIGHT}"/><text class="plw-strip-text" x="${at.toFixed(2)}%" y="${HEIGHT - 7}" text-anchor="${anchor}">${text}</text></g>`;
  });
  return strip(...texts);
}

// js/view.js
function element(tag, props = {}, ...children) {
  const { aria = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) node.setAttribute(key === "role" ? key : `aria-${key}`, value);
  node.append(...children);
  return node;
}
function setText(node, text) {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
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
function fitCanvases(area2, plots, ready) {
  const resize = new ResizeObserver(() => {
    const total = area2.clientWidth;
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
  resize.observe(area2);
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
  const area2 = element("div", { className: "plw-planes" }, ...plots.map(({ figure }) => figure), tip);
  const root = element("div", { className: `plw plw-${name}`, aria: { role: "group", label } });
  let [frame2, paint, toSay, saying] = [0, null, "", 0];
  const view = { root, area: area2, drawn: 0 };
  const paintNow = () => {
    cancelAnimationFrame(frame2);
    frame2 = 0;
    paint();
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  };
  view.schedule = () => {
    frame2 ||= requestAnimationFrame(paintNow);
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
      const around = area2.getBoundingClientRect();
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
    const ends = [keepKeys(root), hideFallback(model.get("_uid")), fitCanvases(area2, plots, () => restyle(true)), watchTheme(() => restyle(false)), ...stops];
    return () => {
      for (const [event, then] of listeners) model.off(event, then);
      cancelAnimationFrame(frame2);
      clearTimeout(saying);
      for (const stop of ends) stop();
    };
  };
  return view;
}

// js/static_scores.js
var ORDERS = { score: "by score", reached: "by what was reached", name: "by name", given: "as given" };
var CONTROLS = { "largest class": "square", "bag of words": "diamond", "random weights": "triangle" };
var LEGEND = [
  ["score", "score with its interval", '<path stroke="var(--plw-2)" stroke-width="2.4" d="M1 7H25"/><circle fill="var(--plw-2)" stroke="none" cx="13" cy="7" r="4"/>'],
  ["silent", "says nothing", '<path d="M1 7H25"/><circle class="plw-hole" cx="13" cy="7" r="4"/>'],
  ["null", "what permuted labels reach", '<path fill="var(--plw-1)" fill-opacity="0.22" stroke="none" d="M1 1H17V13H1Z"/><path stroke="var(--plw-1)" stroke-width="2.5" d="M17 1V13"/>'],
  ["reached", "what fine-tunes reached", '<path stroke="var(--plw-0)" stroke-width="3" d="M13 1V13"/>'],
  ...Object.entries(CONTROLS).map(([name, shape]) => [name.replaceAll(" ", "-"), `control: ${name}`, {
    square: '<path class="plw-muted" d="M9.4 3.4H16.6V10.6H9.4Z"/>',
    diamond: '<path class="plw-muted" d="M13 2L18 7L13 12L8 7Z"/>',
    triangle: '<path class="plw-muted" d="M13 2L18 11H8Z"/>'
  }[shape]])
];
var cellOf = (text, className = "") => element("td", { textContent: text, className });
var silent2 = (r) => r.says === "nothing";
function render({ model, el }) {
  const sent = model.get("_all");
  const records = recordsOf(sent);
  const one = sent.of.slice(0, -1);
  const plots = sent.reached ? [{ name: "Scores and fine-tunes", paint: paintReached }] : [];
  const view = makeView(model, { name: "scores", label: "Static scores", plots });
  const method = element("select", { className: "plw-method" });
  const data = element("select", { className: "plw-data" });
  const order = element("select", { className: "plw-order" });
  const told = element("select", { className: "plw-row-told" });
  const labels = [["Score", method], ["Data set", data], ["Order", order], ["In words", told]].map(([text, node]) => element("label", {}, text, node));
  labels[1].hidden = sent.data.length < 2;
  const what = element("p", { className: "plw-status plw-what" });
  const legend = legendOf(LEGEND.map(([name, text, drawn]) => `<span class="plw-legend-${name}"><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${text}</span>`).join(""));
  const heads = [one[0].toUpperCase() + one.slice(1), "", "Score", "Permuted labels", "It says", ...sent.reached ? ["Fine-tuned"] : []];
  const table = tableOf("Scores on the data set, with what permuted labels reach", heads, [], "plw-table plw-strips");
  const now = element("p", { className: "plw-now" });
  const verdict = element("p", { className: "plw-verdict" });
  const map = tableOf("Models against data sets by the score that is chosen", [heads[0], ...sent.data], [], "plw-table plw-map");
  map.columns.slice(1).forEach((column, k) => {
    column.title = sent.data[k];
  });
  const mapTitle = element("p", { className: "plw-map-title", aria: { hidden: "true" } }, element("b", { textContent: "All data sets" }), " darker: placed higher there; ringed: not told from the best; hatched: says nothing");
  const heat = element("div", { className: "plw-heat", hidden: sent.data.length < 2 }, mapTitle, map.node);
  const pair = element("div", { className: "plw-pair" }, heat, view.area);
  const state = { rows: [], about: {}, method: "", marked: null, hovered: null };
  const traits = messages(model);
  function choose(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    view.schedule();
    traits.now();
  }
  const meet = (m, d) => records.some((r) => r.method === m && r.data === d);
  method.addEventListener("change", () => {
    const there = meet(method.value, model.get("data")) ? {} : { data: records.find((r) => r.method === method.value).data };
    choose({ method: method.value, ...there });
  });
  function show(set, row) {
    const there = meet(model.get("method"), set) ? {} : { method: records.find((r) => r.data === set).method };
    choose({ data: set, ...there, ...row === void 0 ? {} : { selected: row } });
  }
  data.addEventListener("change", () => show(data.value));
  order.addEventListener("change", () => choose({ order: order.value }));
  told.addEventListener("change", () => choose({ selected: told.value || null }));
  function over(node) {
    const found = node?.dataset.row === void 0 ? null : { row: node.dataset.row, data: node.dataset.data };
    if (JSON.stringify(found) === JSON.stringify(state.hovered)) return;
    state.hovered = found;
    view.schedule();
  }
  for (const [body, selector] of [[table.body, "tr"], [map.body, "td"]]) {
    body.addEventListener("pointermove", (event) => over(event.target.closest(selector)));
    body.addEventListener("pointerleave", () => over(null));
    body.addEventListener("click", (event) => {
      const node = event.target.closest(selector);
      state.hovered = null;
      if (node?.dataset.row !== void 0) show(node.dataset.data, node.dataset.row);
    });
  }
  const ends = ([low, high]) => Number.isNaN(low) ? "" : ` ${interval([low, high])}`;
  const seedsOf = (r) => r.seeds > 1 ? ` (${r.seeds} seeds, ${short(r.reached_lower)} to ${short(r.reached_upper)})` : "";
  function inWords(r) {
    const parts2 = [`${r.row}${r.data ? ` on ${r.data}` : ""}: ${r.method} ${short(r.value)}${ends([r.lower, r.upper])}`];
    if (Number.isFinite(r.null)) parts2.push(`permuted labels reach ${short(r.null)}, so it says ${silent2(r) ? "nothing" : "something"}`);
    if (r.apart !== null) parts2.push(r.place === 1 ? "the best here" : r.apart ? "told from the best" : "not told from the best");
    if (r.controls.length) parts2.push(`controls: ${r.controls.map(([name, value]) => `${name} ${short(value)}`).join(", ")}`);
    if (Number.isFinite(r.reached)) parts2.push(`fine-tuned it reached ${short(r.reached)}${seedsOf(r)}`);
    return `${parts2.join("; ")}.${r.note ? ` ${r.note}.` : ""}`;
  }
  function paintStrips() {
    const { rows, about } = state;
    const beside = about.accuracy ? rows.flatMap((r) => [r.reached, ...r.controls.map(([, value]) => value)]) : rows.flatMap((r) => r.controls.map(([, value]) => value));
    const scale = stripScale([...rows.flatMap((r) => [r.value, r.lower, r.upper, r.null]), ...beside]);
    const key = JSON.stringify([state.method, state.data, model.get("order")]);
    setChildren(table.columns[1], key, () => [element("span", { innerHTML: stripAxis(scale) })]);
    setChildren(table.body, key, () => rows.map((r) => {
      const nothing = silent2(r);
      const [from, to] = about.better === "lower" ? [r.null, Infinity] : [-Infinity, r.null];
      const drawn = element("td", { className: "plw-drawn", innerHTML: strip(
        Number.isFinite(r.null) && area(scale, from, to, "plw-null"),
        tick(scale, r.null, "plw-null-end"),
        rule(scale, r.lower, r.upper, "plw-strip-rule"),
        ...r.controls.map(([name, value]) => spot(scale, value, CONTROLS[name] ?? "diamond", "plw-control")),
        about.accuracy && tick(scale, r.reached, "plw-reached"),
        spot(scale, r.value, "circle", nothing ? "plw-strip-hole" : "plw-strip-spot")
      ) });
      const cells = [drawn, cellOf(`${short(r.value)}${ends([r.lower, r.upper])}`), cellOf(short(r.null)), cellOf(r.says || "–")];
      if (sent.reached) cells.push(cellOf(Number.isFinite(r.reached) ? short(r.reached) : "–"));
      const row = rowOf(clip(r.row, 34), cells, nothing ? "plw-nothing" : "plw-something");
      Object.assign(row.dataset, { row: r.row, data: r.data, value: r.value, says: r.says });
      return row;
    }));
    for (const row of table.body.children) row.classList.toggle("plw-stands", row.dataset.row === state.selected);
    const there = { score: rows.some((r) => !silent2(r)), silent: rows.some(silent2), null: rows.some((r) => Number.isFinite(r.null)), reached: about.accuracy && rows.some((r) => Number.isFinite(r.reached)) };
    for (const name of Object.keys(CONTROLS)) there[name.replaceAll(" ", "-")] = rows.some((r) => r.controls.some(([control]) => control === name));
    for (const [name, shown] of Object.entries(there)) legend.querySelector(`.plw-legend-${name}`).hidden = !shown;
  }
  function paintMap() {
    if (heat.hidden) return;
    setChildren(map.body, state.method, () => mapOf(records, state.method, sent.rows, sent.data).map((cells, i) => rowOf(clip(sent.rows[i], 26), cells.map((r, k) => {
      if (!r) return cellOf("", "plw-none");
      const cell = cellOf(short(r.value), [r.apart === false && "plw-open", silent2(r) && "plw-silent", r.shade > 0.6 && !silent2(r) && "plw-strong"].filter(Boolean).join(" "));
      cell.style.setProperty("--plw-shade", `${Math.round(6 + 94 * (silent2(r) ? 0 : r.shade))}%`);
      Object.assign(cell.dataset, { row: r.row, data: sent.data[k], value: r.value, place: r.place });
      return cell;
    }))));
    for (const cell of map.body.querySelectorAll("td[data-row]")) cell.classList.toggle("plw-here", cell.dataset.data === state.data && cell.dataset.row === state.selected);
    map.columns.slice(1).forEach((column, k) => column.classList.toggle("plw-here", sent.data[k] === state.data));
  }
  function painting() {
    const [m, d] = [model.get("method"), model.get("data")];
    Object.assign(state, { method: m, data: d, selected: model.get("selected"), about: sent.about[m] });
    state.rows = ordered(records, { data: d, method: m, order: model.get("order"), better: state.about.better });
    setOptions(method, sent.methods, m);
    setOptions(data, sent.data, d);
    setOptions(order, Object.keys(ORDERS).filter((name) => name !== "reached" || sent.reached), model.get("order"), (name) => ORDERS[name]);
    setOptions(told, ["", ...sent.rows], state.selected ?? "", (name) => name ? clip(name, 40) : "none");
    const { measures, unit, better } = state.about;
    setText(what, [measures, unit, `${better} is better`].filter(Boolean).join("; "));
    const hovered = state.hovered && records.find((r) => r.method === m && r.row === state.hovered.row && r.data === state.hovered.data);
    const chosen = hovered ?? state.rows.find((r) => r.row === state.selected);
    state.marked = chosen && chosen.data === d ? chosen.row : null;
    paintStrips();
    paintMap();
    const nothing = state.rows.filter(silent2);
    const said = nothing.length ? `Says nothing (no better than permuted labels) of ${nothing.length === state.rows.length ? `all ${sent.of}` : nothing.map((r) => r.row).join(", ")}.` : "";
    const agreement = sent.agreement.find((a) => a.method === m && a.data === d);
    const across = sent.of === "tasks" && !state.about.accuracy && state.rows.length > 1 ? `Rows are tasks: an order by ${m} has no meaning across them.` : "";
    setText(verdict, [said, across, sent.reached && agreement ? agreementWords(agreement, sent.of) : ""].filter(Boolean).join(" "));
    const words = chosen ? inWords(chosen) : "";
    setText(now, words || `Point at a row${sent.data.length > 1 ? " or a cell" : ""}, or choose one, and it is told in words.`);
    now.classList.toggle("plw-hint", !words);
    if (plots.length) {
      setText(plots[0].caption, state.about.accuracy ? "dotted: alike" : "");
      view.draw(state, [`${m} against the accuracy that fine-tunes reached. ${verdict.textContent} The table has the numbers.`]);
    }
    view.say(words || verdict.textContent);
    view.root.dataset.shown = JSON.stringify({ method: m, data: d, order: model.get("order"), selected: state.selected, rows: state.rows.map((r) => r.row) });
  }
  if (plots.length) {
    view.onHover(plots[0], (x, y) => {
      const found = nearestReached(plots[0], state, x, y);
      over(found ? { dataset: { row: found.row, data: found.data } } : null);
      return found ? `${found.row}
${found.method} ${short(found.value)}${ends([found.lower, found.upper])}
reached ${short(found.reached)}${seedsOf(found)}` : "";
    });
  }
  const heard = Object.fromEntries(["method", "data", "order", "selected"].map((name) => [name, view.schedule]));
  const parts = [element("div", { className: "plw-choices" }, ...labels), what, legend, table.node, now, verdict, pair];
  const end = view.live(el, { parts, painting, heard, stops: [traits.flush] });
  if (!plots.length) view.schedule();
  return end;
}
var static_scores_default = { render };
export {
  static_scores_default as default
};
