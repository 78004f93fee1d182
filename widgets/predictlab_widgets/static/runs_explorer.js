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
function tickText(value) {
  if (value < 0) return `−${tickText(-value)}`;
  if (value === 0 || value >= 0.01 && value < 1e4) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]);
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}

// js/kernel.js
var SILENCE = 8e3;
function typed(view, Type) {
  if (!view) return new Type(0);
  return new Type(view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view);
}
function requests(model, { wait, onSilence, steady = false, lead = false }) {
  const view = `view ${Math.random().toString(36).slice(2)} `;
  let [count2, timer, guard, wanted, last] = [0, 0, 0, null, -Infinity];
  const newest = () => view + count2;
  const silent = () => {
    guard = 0;
    onSilence();
  };
  function send() {
    clearTimeout(timer);
    timer = 0;
    try {
      model.send({ request: newest(), ...wanted });
    } catch {
      silent();
    }
  }
  return {
    /** Whether a message answers the newest request of this view, or is none of this view's at all. */
    current: ({ request }) => !request.startsWith(view) || request === newest(),
    mine: ({ request }) => request === newest(),
    waiting: () => Boolean(guard),
    ask(content) {
      count2 += 1;
      wanted = content;
      clearTimeout(guard);
      guard = setTimeout(silent, SILENCE);
      const now = performance.now();
      const rested = !timer && now - last >= wait;
      last = now;
      if (lead && rested) send();
      else if (!(steady && timer)) {
        clearTimeout(timer);
        timer = setTimeout(send, wait);
      }
    },
    flush() {
      if (timer) send();
    },
    done() {
      clearTimeout(timer);
      clearTimeout(guard);
      timer = guard = 0;
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

// js/decay_plots.js
var DASHED = [7, 4];
var shaded = (look) => look.colours[2] + (look.dark ? "44" : "33");
function fitNumbers(fitted, intervals) {
  const [depth, risk, lower, upper, df] = fitted.points.map((row) => row.map(number));
  const numbers = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name].map(number)]));
  return {
    depth,
    risk,
    lower,
    upper,
    df,
    first: fitted.first,
    lawFirst: fitted.law_first,
    metric: fitted.metric || "metric",
    ...numbers(fitted, "depths", "curve", "params", "residuals"),
    band: intervals ? numbers(intervals, "lower", "upper") : null,
    before: fitted.before.same_points ? numbers(fitted.before, "depths", "curve") : null
  };
}
function fitFrame(plot, n, log) {
  const x = endsOf(log ? n.depth : [0, ...n.depth], log, 0.05);
  const y = endsOf([...n.lower, ...n.upper, ...n.curve, ...log ? [] : [0]], log, 0.05);
  return frameOf(plot, x, y);
}
function paintFit(plot, view, look) {
  const ctx = startPaint(plot);
  const { n, log } = view;
  const f = fitFrame(plot, n, log);
  const line = (depths, values) => depths.map((c, i) => [f.x.at(c), f.y.at(values[i])]);
  inFrame(ctx, f, () => {
    if (n.band) {
      const low = n.band.lower.map((v) => log ? Math.max(v, f.y.from / 10) : v);
      const high = n.band.upper.map((v) => Math.min(v, f.y.to * 10));
      polygon(ctx, [...line(n.depths, high), ...line(n.depths, low).reverse()], shaded(look));
    }
    const floor = n.params[0];
    const inside = floor > 0 && f.y.holds(floor);
    if (inside) across(ctx, f, f.y.at(floor), look.muted, 1, DASHED);
    if (n.lawFirst > n.first) upright(ctx, f, f.x.at(n.lawFirst), look.muted, 1, DASHED);
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

// js/probe_plots.js
function curveNumbers(sent) {
  const values = typed(sent.values, Float32Array);
  const k = sent.depths.length;
  return {
    ...sent,
    k,
    runs: sent.seeds.length,
    value: (run, i) => values[run * k + i],
    table: sent.table.map((row) => row.map(number))
  };
}
function depthAxis(depths, log) {
  const positive = depths.filter((c) => c > 0);
  const zero = log ? (positive[0] ?? 1) / 2 : 0;
  const place = (c) => c > 0 ? c : zero;
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
function paintCurves(plot, view, look) {
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
function nearestValue(plot, view, x, y) {
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
function riskNumbers(risk) {
  if (!risk.points) return null;
  const fit = Boolean(risk.curve);
  return fitNumbers({
    points: risk.points,
    first: number(risk.first),
    depths: fit ? risk.depths : [],
    curve: fit ? risk.curve : [],
    params: fit ? risk.params : [NaN, NaN, NaN],
    residuals: [],
    metric: risk.metric,
    before: {}
  }, fit ? risk : null);
}
function paintRisk(plot, view, look) {
  if (view.risk) paintFit(plot, { n: view.risk, log: view.log }, look);
  else emptyFrame(startPaint(plot), look, plot, "No risk curve yet");
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
var alarm = (className = "") => element("p", { className: `plw-error ${className}`, aria: { role: "alert" } });
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
function setCautions(list, texts) {
  setChildren(list, texts.join("\n"), () => texts.map((text) => element("li", { textContent: `⚠ ${text}` })));
}
function setOptions(select, values, value, worded = (v) => v) {
  setChildren(select, values.join("\n"), () => values.map((v) => element("option", { value: v, textContent: worded(v) })));
  if (select.value !== value) select.value = value;
}
function scaleChoice(model) {
  const radios = ["log", "linear"].map((value) => element("input", { type: "radio", name: `plw-scale-${model.get("_uid")}`, value, className: `plw-scale-${value}` }));
  const node = element(
    "fieldset",
    {},
    element("legend", { textContent: "Axes" }),
    ...radios.map((input, i) => element("label", {}, input, ["logarithmic", "linear"][i]))
  );
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      model.set("scale", radio.value);
      model.save_changes();
    });
  }
  function paint() {
    for (const radio of radios) radio.checked = radio.value === model.get("scale");
    return model.get("scale") === "log";
  }
  return { node, paint };
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

// js/runs_explorer.js
var PART = 1 << 20;
var FIELDS = {
  // argument of read_runs -> what may be said
  metric: "A name, a pattern such as eval/*, or {'acc': 'accuracy'}",
  task: "A name for all, a column or param, or re.compile('...')",
  seed: "A column or param, a number, a pattern such as seed-(\\d+), or enumerate",
  run: "The column that tells runs apart",
  depth: "The column of optimiser steps done",
  steps_per_epoch: "Where the source counts epochs",
  keep: "Of two values at one depth",
  format: "Where a folder has several",
  columns: "What else a column is: {'seconds': 'minutes'}",
  strict: "Whether each assumption is an error"
};
var CHOICES = {
  keep: [["", "–"], ["first", "first"], ["last", "last"]],
  strict: [["", "no"], ["True", "yes"]],
  format: [["", "as found"], ...["trainer_state", "tensorboard", "mlflow", "table"].map((f) => [f, f])]
};
var ROLES = {
  "": "–",
  depth: "steps done",
  seed: "seed",
  task: "task",
  run: "name of the run",
  metric: "a metric",
  "names of metrics": "names of metrics",
  value: "values of the metric",
  seconds: "seconds",
  recipe: "recipe, compared",
  values: "values of runs"
};
var OFFERED = { column: ["", "depth", "seed", "task", "run", "metric", "names of metrics", "value", "seconds"], metric: ["", "metric"], param: ["", "seed", "task"] };
var TASK_HEADS = ["Task", "Runs", "Depths", "Regime", "P(static)", "P(dynamic)", "P(noise)"];
var megabytes = (size) => size >= 1e6 ? `${Number((size / 1e6).toPrecision(3))} MB` : `${Number((size / 1e3).toPrecision(3))} kB`;
var heading = (text) => element("h4", { textContent: text });
var share = (value) => Number.isFinite(number(value)) ? number(value).toFixed(2) : "–";
var count = (value) => Number.isFinite(number(value)) ? String(value) : "–";
function render({ model, el }) {
  const plots = [{ name: "Runs", paint: paintCurves }, { name: "Risk and fit", paint: paintRisk }];
  const view = makeView(model, { name: "runs", label: "Runs explorer", plots });
  const { root } = view;
  const uid = model.get("_uid");
  const path = element("input", { type: "text", className: "plw-path", spellcheck: false, placeholder: "runs.csv, a folder of runs, out/seed-*" });
  const read = button("Read", "plw-go", "submit");
  const choose = button("Choose files…", "plw-choose");
  const files = element("input", { type: "file", multiple: true, hidden: true, tabIndex: -1, aria: { label: "Files" } });
  const hint = element("small", { className: "plw-hint" });
  const source = element("form", { noValidate: true, className: "plw-drop" }, element("label", {}, "File or folder, where the kernel runs", path), read, choose, files, hint);
  const doing = element("div", { className: "plw-status", aria: { role: "status" } });
  const error = alarm("plw-wrong");
  const fix = element("div", { className: "plw-fix" });
  const told = element("p", { className: "plw-read" });
  const notes = element("ul", { className: "plw-notes", aria: { label: "What was left out, assumed, noticed" } });
  const columns = tableOf("What each column was taken for", ["Column", "Taken for", "First values", "Different"], [], "plw-table plw-scroll plw-columns");
  Object.assign(columns.node, { tabIndex: 0 });
  const more = element("small");
  const known = element("datalist", { id: `plw-known-${uid}` });
  const fields = Object.fromEntries(Object.entries(FIELDS).map(([name, title]) => {
    const field = CHOICES[name] ? element("select", { title }, ...CHOICES[name].map(([value, textContent]) => element("option", { value, textContent }))) : element("input", { type: "text", title, spellcheck: false });
    if (!CHOICES[name] && !["steps_per_epoch", "columns"].includes(name)) field.setAttribute("list", known.id);
    field.classList.add(`plw-argument-${name}`);
    return [name, field];
  }));
  const words = element("div", { className: "plw-arguments" }, ...Object.entries(fields).map(([name, field]) => element("label", {}, name, field)), known);
  const taken = element("div", { className: "plw-taken" }, heading("What each column was taken for"), columns.node, more, heading("Arguments of pl.read_runs"), words);
  const task = element("select", { className: "plw-task" });
  const metric = element("select", { className: "plw-metric" });
  const margin = element("input", { type: "number", min: 0, step: "any", className: "plw-margin", placeholder: "such as 0.01", title: "How near to their mean the seeds have to come, in the metric" });
  const budget = element("input", { type: "number", min: 0, step: "any", className: "plw-budget", title: "Steps of one run" });
  const controls = { ...fields, margin, budget };
  const axes = scaleChoice(model);
  const asked = element("div", { className: "plw-choices" }, ...[["Task", task], ["Metric", metric], ["Margin ±", margin], ["Budget (steps)", budget]].map(([text, field]) => element("label", {}, text, field)), axes.node);
  const legend = legendOf([
    ["a run", '<path stroke="var(--plw-2)" d="M1 10C9 2 17 6 25 4"/>'],
    ["mean over runs", '<path stroke-width="2.5" d="M1 7H25"/><path class="plw-ink" stroke="none" d="M13 2l5 5-5 5-5-5Z"/>'],
    ["risk with its 95 % interval", '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>'],
    ["fitted law with its 95 % band", '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>']
  ].map(([text, drawn]) => `<span><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${text}</span>`).join(""));
  const fit = element("p", { className: "plw-fit" });
  const cautions = element("ul", { className: "plw-cautions" });
  const tasks = tableOf("Regime of each task, and what to do", TASK_HEADS, [], "plw-table plw-tasks");
  const results = element("div", { className: "plw-results" }, heading("What follows"), asked, legend, view.area, fit, cautions, tasks.node);
  const pre = element("pre", { tabIndex: 0, aria: { label: "Python that ran", role: "group" } });
  const copy = button("Copy", "plw-copy");
  const copied = element("span", { className: "plw-copied", aria: { role: "status" } });
  const code = element("div", { className: "plw-code" }, heading("The same in Python"), pre, element("div", { className: "plw-actions" }, copy, copied));
  const state = { n: null, risk: null, log: true, hovered: null, refused: null };
  const kernel = requests(model, {
    wait: 0,
    lead: true,
    onSilence() {
      refuse("The kernel does not answer: it is busy, or was restarted. What is shown is the last state; run the cell again if it stays so.");
    }
  });
  function refuse(text, named2 = []) {
    state.refused = text ? { text, named: named2 } : null;
    view.schedule();
  }
  function ask(content) {
    state.refused = null;
    kernel.ask(content);
    view.schedule();
  }
  function answered() {
    const answer = model.get("_answer");
    if (!kernel.mine(answer)) return;
    kernel.done();
    refuse(answer.text, answer.named);
    if (answer.text) fill();
  }
  source.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ do: "source", value: path.value });
  });
  choose.addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    send([...files.files]);
    files.value = "";
  });
  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("change", () => ask({ do: "argument", name, value: field.value }));
  }
  for (const [name, field] of [["task", task], ["metric", metric]]) {
    field.addEventListener("change", () => ask({ do: "set", name, value: field.value }));
  }
  for (const [name, field] of [["margin", margin], ["budget", budget]]) {
    field.addEventListener("change", () => {
      if (field.validity.badInput) refuse(`${name}: a number is needed`);
      else ask({ do: "set", name, value: field.value === "" ? null : Number(field.value) });
    });
  }
  let upload = 0;
  async function send(list) {
    if (!list.length) return;
    const mine = `${uid} ${++upload}`;
    const whole = list.reduce((sum, file) => sum + file.size, 0);
    const most = model.get("_reading").max_bytes;
    if (whole > most) {
      refuse(`${megabytes(whole)} are more than the ${megabytes(most)} that a page hands over. Put the file where the kernel runs and pass its path, or raise max_bytes=.`);
      return;
    }
    refuse("");
    let sent = 0;
    try {
      for (const file of list) {
        for (let from = 0; from < file.size; from += PART) {
          const bytes = await file.slice(from, from + PART).arrayBuffer();
          if (mine !== `${uid} ${upload}`) return;
          model.send({ request: "part", do: "part", upload: mine, name: file.name }, void 0, [bytes]);
          sent += bytes.byteLength;
          setText(doing, `sending ${megabytes(sent)} of ${megabytes(whole)}`);
        }
      }
    } catch {
      refuse("What was dropped cannot be read by the page: a folder is read by its path.");
      return;
    }
    ask({ do: "upload", upload: mine, sizes: Object.fromEntries(list.map((file) => [file.name, file.size])), names: list.map((file) => file.name) });
  }
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.add("plw-over");
  };
  root.addEventListener("dragenter", over);
  root.addEventListener("dragover", over);
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) root.classList.remove("plw-over");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("plw-over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    send([...event.dataTransfer.files]);
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      copied.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(pre);
      copied.textContent = "chosen: copy it with Ctrl+C";
    }
  });
  function fill() {
    const now = model.get("_reading");
    path.value = now.dropped ? "" : now.source;
    for (const [name, field] of Object.entries(fields)) if (field.value !== now.arguments[name]) field.value = now.arguments[name];
    view.schedule();
  }
  function columnRow(column) {
    const select = element("select", { aria: { label: `${column.name} is taken for` } });
    select.dataset.column = column.name;
    select.addEventListener("change", () => ask({ do: "role", name: column.name, value: select.value }));
    const cell = (text) => element("td", { textContent: text, title: text });
    const row = rowOf(column.name, [element("td", {}, select), cell(column.values), element("td", { textContent: column.distinct })]);
    row.firstChild.title = column.name;
    return row;
  }
  function paintReading(now) {
    const name = now.source.split(/[\\/]/).at(-1);
    setText(hint, `${now.dropped ? `Dropped: ${name}. ` : ""}Or drop files on this widget: CSV, TSV, JSON lines, parquet, trainer_state.json, event files, up to ${megabytes(now.max_bytes)}.`);
    setChildren(columns.body, JSON.stringify(now.columns.map((c) => [c.name, c.values])), () => now.columns.map(columnRow));
    now.columns.forEach((column, i) => {
      const select = columns.body.children[i].querySelector("select");
      const offered = OFFERED[column.kind].filter((role) => role !== "seconds" || column.numeric);
      const values = offered.includes(column.taken_for) ? offered : [...offered, column.taken_for];
      setOptions(select, values, column.taken_for, (role) => ROLES[role] ?? `kept as ${role}`);
      columns.body.children[i].dataset.taken = column.taken_for;
    });
    setText(more, now.more_columns ? `and ${now.more_columns} more` : "");
    setChildren(known, JSON.stringify(now.columns.map((c) => c.name)), () => ["enumerate", ...now.columns.map((c) => c.name)].map((value) => element("option", { value })));
    taken.hidden = !now.columns.length && !now.source;
    columns.node.hidden = taken.firstChild.hidden = !now.columns.length;
    setText(told, now.report ?? "");
    setChildren(notes, JSON.stringify(now.notes), () => now.notes.map(([kind, what]) => element("li", {}, element("b", { textContent: `${kind}: ` }), what)));
    if (now.notes.length > 6) notes.tabIndex = 0;
    else notes.removeAttribute("tabindex");
  }
  function offering({ says, text }) {
    const yes = button(`${says}: ${text}`, "plw-offer");
    yes.addEventListener("click", () => ask({ do: "offer" }));
    return yes;
  }
  function paintWrong(study) {
    const wrong = state.refused ?? { text: study.error, named: study.named };
    setText(error, wrong.text ? `✕ ${wrong.text}` : "");
    const named2 = wrong.text ? wrong.named.filter((name) => controls[name]) : [];
    const offer = state.refused ? {} : study.offer;
    setChildren(fix, JSON.stringify([named2, offer]), () => named2.length ? [element("span", { textContent: "Change:" }), ...named2.map((name) => {
      const to = button(name);
      to.addEventListener("click", () => controls[name].focus());
      return to;
    }), ...offer.says ? [offering(offer)] : []] : []);
    for (const [name, field] of Object.entries(controls)) {
      if (named2.includes(name)) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
  function paintTasks(study) {
    setChildren(tasks.body, JSON.stringify([study.table, study.task, study.margin]), () => study.table.flatMap((row) => {
      const text = row.advice || (study.margin === null ? "Say how near the seeds have to come: a margin." : "");
      const cells = [count(row.runs), row.depths, row.regime || "–", ...["p_static_sufficient", "p_dynamic_critical", "p_noise_dominant"].map((name) => share(row[name]))];
      const chosen = row.task === study.task ? "plw-chosen" : "";
      const advice = element("tr", { className: "plw-advice" }, element("td", { colSpan: TASK_HEADS.length, textContent: text }));
      return [rowOf(row.task, cells.map((textContent) => element("td", { textContent })), chosen), ...text ? [advice] : []];
    }));
  }
  function painting() {
    const [reading, study, runs, risk] = ["_reading", "_study", "_runs", "_risk"].map((name) => model.get(name));
    const now = model.get("_doing");
    setText(doing, now ? `${now} …` : "");
    paintReading(reading);
    paintWrong(study);
    const there = study.tasks.length > 0;
    results.hidden = !there;
    code.hidden = !study.code;
    if (setText(pre, study.code)) copied.textContent = "";
    state.log = axes.paint();
    if (there) {
      setOptions(task, study.tasks, study.task);
      setOptions(metric, study.metrics, study.metric);
      for (const [field, value] of [[margin, study.margin], [budget, study.budget]]) {
        const text = value === null ? "" : String(value);
        if (document.activeElement !== field && field.value !== text) field.value = text;
      }
      budget.placeholder = study.last === null ? "" : `last: ${short(study.last)}`;
      const n = curveNumbers(runs);
      Object.assign(state, { n, risk: riskNumbers(risk) });
      paintTasks(study);
      const fitted = risk.params ? `Fit of ${study.task} (95 % intervals): ${risk.params.map((v, i) => `${["floor L_int", "K", "α"][i]} ${short(number(v))} [${risk.ends[i].map((e) => short(number(e))).join(", ")}]`).join(", ")}.` : `No fit of ${study.task}: ${risk.waiting_for}`;
      setText(fit, fitted);
      setCautions(cautions, [...study.cautions, ...risk.cautions ?? []]);
      plots[0].caption.textContent = `${n.runs} runs`;
      plots[1].caption.textContent = risk.runs ? `over ${risk.runs} runs${risk.incomplete ? `; ${risk.incomplete} were not measured at all depths` : ""}` : "";
      view.draw(state, [
        `${study.task}: ${study.metric} of ${n.runs} runs over depth.`,
        `${study.task}: risk over depth. ${fitted}`
      ]);
    }
    if (!now) view.say(study.error || reading.report || "Nothing is read.", 900);
    root.dataset.shown = JSON.stringify({
      doing: now,
      error: error.textContent,
      report: reading.report,
      task: study.task,
      metric: study.metric,
      margin: study.margin,
      budget: study.budget,
      tasks: study.tasks,
      fits: study.table.filter((row) => row.regime).map((row) => [row.task, row.regime]),
      waiting: kernel.waiting()
    });
  }
  view.onHover(plots[0], (x, y) => {
    const { n } = state;
    const found = n && nearestValue(plots[0], state, x, y);
    const hovered = found ? found[0] : null;
    if (hovered !== state.hovered) view.schedule();
    state.hovered = hovered;
    return found ? `seed ${n.seeds[hovered]}
depth ${n.depths[found[1]]} steps
${n.metric} ${n.value(...found).toPrecision(4)}` : "";
  });
  const end = view.live(el, {
    parts: [source, doing, error, fix, told, notes, taken, results, code],
    painting,
    stops: [kernel.done, () => {
      upload += 1;
    }],
    heard: { _doing: view.schedule, _reading: fill, _study: view.schedule, _runs: view.schedule, _risk: view.schedule, _answer: answered, scale: view.schedule }
  });
  fill();
  return end;
}
var runs_explorer_default = { render };
export {
  runs_explorer_default as default
};
