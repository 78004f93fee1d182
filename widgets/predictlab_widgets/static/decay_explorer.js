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
  const line2 = (depths, values) => depths.map((c, i) => [f.x.at(c), f.y.at(values[i])]);
  inFrame(ctx, f, () => {
    if (n.band) {
      const low = n.band.lower.map((v) => log ? Math.max(v, f.y.from / 10) : v);
      const high = n.band.upper.map((v) => Math.min(v, f.y.to * 10));
      polygon(ctx, [...line2(n.depths, high), ...line2(n.depths, low).reverse()], shaded(look));
    }
    const floor = n.params[0];
    const inside = floor > 0 && f.y.holds(floor);
    if (inside) across(ctx, f, f.y.at(floor), look.muted, 1, DASHED);
    if (n.lawFirst > n.first) upright(ctx, f, f.x.at(n.lawFirst), look.muted, 1, DASHED);
    if (n.before) polyline(ctx, line2(n.before.depths, n.before.curve), look.muted, 2, [2, 3]);
    polyline(ctx, line2(n.depths, n.curve), look.colours[2], 2.5);
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
function paintProfile(plot, view, look) {
  const ctx = startPaint(plot);
  if (!view.profile) return;
  const { cut } = view.profile;
  const [rate, excess] = [view.profile.rate.map(number), view.profile.excess.map(number)];
  const estimate = view.n.params[2];
  const known = Number.isFinite(estimate);
  const near = rate.filter((_, i) => excess[i] <= 3 * cut);
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
function paintResiduals(plot, view, look) {
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

// js/kernel.js
var SILENCE = 8e3;
function requests(model, { wait, onSilence, steady = false, lead = false }) {
  const view = `view ${Math.random().toString(36).slice(2)} `;
  let [count, timer, guard, wanted, last] = [0, 0, 0, null, -Infinity];
  const newest = () => view + count;
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
      count += 1;
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

// js/view.js
function element(tag, props = {}, ...children) {
  const { aria = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) node.setAttribute(key === "role" ? key : `aria-${key}`, value);
  node.append(...children);
  return node;
}
var alarm = (className = "") => element("p", { className: `plw-error ${className}`, aria: { role: "alert" } });
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
function setCautions(list, texts) {
  setChildren(list, texts.join("\n"), () => texts.map((text) => element("li", { textContent: `⚠ ${text}` })));
}
function slider(name, label, hint) {
  const input = element("input", { type: "range", min: 0, step: 1, className: `plw-${name}`, aria: { label } });
  const output = element("output", { className: `plw-${name}-value` });
  const row = element("label", { className: "plw-slider", title: hint }, element("span", { textContent: label }), input, output);
  return { input, output, row, grid: [] };
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

// js/decay_explorer.js
var WAIT = 60;
var CHOICES = [["task", "Task"], ["estimator", "Estimator"], ["method", "Method"], ["interval", "Intervals"]];
var VALUES = {
  posterior: "posterior, the rise in it",
  gamma: "Gamma likelihood",
  gee: "GEE, cluster = run",
  loglog: "log-log least squares",
  profile: "profile likelihood",
  wald: "Wald",
  bootstrap: "bootstrap over runs"
};
var PARAMS = [["intrinsic_limit", "L_int", "floor L_int"], ["scale", "K", "scale K"], ["decay_rate", "α", "decay rate α"]];
var HEADS = ["Parameter", "Estimate", "Std err", "95 % interval", "Before", "Interval before"];
var LATE = ["Std err", "95 % interval"];
var lackOfFit = (p) => Number.isNaN(p) ? "too few depths to test the law" : `lack of fit p = ${p.toFixed(3)}`;
function line(kind) {
  const drawn = {
    fitted: '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>',
    out: '<path d="M13 1V13"/><path class="plw-hole" d="M8.5 4h9L13 11.5Z"/>',
    law: '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>',
    before: '<path stroke-dasharray="2 3" d="M1 7H25"/>',
    floor: '<path stroke-dasharray="7 4" d="M1 7H25"/>'
  }[kind];
  return `<svg class="plw-line-${kind}" viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>`;
}
function render({ model, el }) {
  const plots = [
    { name: "Risk and the law", paint: paintFit },
    { name: "Profile of α", paint: paintProfile },
    { name: "Residuals", paint: paintResiduals }
  ];
  const view = makeView(model, { name: "decay", label: "Decay explorer", plots });
  const { root } = view;
  const selects = Object.fromEntries(CHOICES.map(([name]) => [name, element("select", { className: `plw-${name}` })]));
  const axes = scaleChoice(model);
  const choices = element("div", { className: "plw-choices" }, ...CHOICES.map(([name, title]) => element("label", {}, title, selects[name])), axes.node);
  const burn = slider("burn-in", "Burn-in", "First depth of the fit; at the left end it is found by the lack-of-fit test. Arrow keys move it");
  const about = element("p", { className: "plw-about" });
  const legend = legendOf(`<span>${line("fitted")}estimate with its 95 % interval</span><span>${line("out")}burn-in, not fitted</span><span>${line("law")}fitted law with its 95 % band</span><span>${line("floor")}floor L_int</span><span class="plw-legend-before">${line("before")}law before the change</span>`);
  plots[1].figure.classList.add("plw-late");
  const laws = tableOf("Rival laws on the fitted depths, best first", ["Rival laws", "ΔAIC", "Weight", "Estimate"], [], "plw-laws plw-late");
  view.area.append(laws.node);
  const cells = PARAMS.map(() => HEADS.slice(1).map((head) => element("td", { className: LATE.includes(head) ? "plw-late" : "" })));
  const table = tableOf("Parameters of the decay law, now and before the last change", HEADS, PARAMS.map(([, , title], i) => rowOf(title, cells[i], `plw-row-${i}`)));
  const change = element("p", { className: "plw-change" });
  const cautions = element("ul", { className: "plw-cautions plw-late" });
  const error = alarm();
  const state = { n: null, log: true, profile: null, fitted: model.get("_fitted"), intervals: model.get("_intervals"), criticism: model.get("_criticism") };
  let pending = null;
  const kernel = requests(model, {
    wait: WAIT,
    lead: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last fit; run the cell again if it stays so.";
    }
  });
  function settle() {
    pending = null;
    kernel.done();
    error.textContent = "";
  }
  function takeFit() {
    const fitted = model.get("_fitted");
    if (!kernel.current(fitted)) return;
    if (!kernel.mine(fitted)) settle();
    Object.assign(state, { fitted, intervals: null, criticism: null });
    root.classList.add("plw-stale");
    view.schedule();
  }
  function takeIntervals() {
    const intervals = model.get("_intervals");
    if (intervals.request !== state.fitted.request) return;
    state.intervals = intervals;
    if (kernel.mine(intervals)) settle();
    view.schedule();
  }
  function takeCriticism() {
    const criticism = model.get("_criticism");
    if (criticism.request !== state.fitted.request) return;
    state.criticism = criticism;
    root.classList.toggle("plw-stale", Boolean(pending));
    view.schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (!kernel.mine(refused)) return;
    settle();
    error.textContent = `✕ ${refused.text}`;
    view.schedule();
  }
  function askFor(name, value) {
    pending = { ...pending, [name]: value };
    root.classList.add("plw-stale");
    kernel.ask({ settings: pending });
    view.schedule();
  }
  for (const [name] of CHOICES) selects[name].addEventListener("change", () => askFor(name, selects[name].value));
  burn.input.addEventListener("input", () => askFor("burn_in", state.fitted.options.burn_in[Number(burn.input.value)]));
  function paintControls() {
    const { settings, options, first, law_first: lawFirst } = state.fitted;
    const now = { ...settings, ...pending };
    const worded = {
      method: (v) => VALUES[v],
      interval: (v) => v === "gee" ? "cluster-robust (GEE)" : settings.method === "loglog" ? "least squares" : VALUES[v]
    };
    for (const [name] of CHOICES) setOptions(selects[name], options[name], now[name], worded[name]);
    burn.input.max = options.burn_in.length - 1;
    const place = options.burn_in.indexOf(now.burn_in);
    if (Number(burn.input.value) !== place) burn.input.value = place;
    burn.output.textContent = now.burn_in === "auto" ? `auto: ${lawFirst > first ? `peak at ${short(lawFirst)} steps, the rise is in the model` : `from ${short(first)} steps on`}` : `from ${short(now.burn_in)} steps on`;
    burn.input.setAttribute("aria-valuetext", burn.output.textContent);
  }
  function paintTable() {
    const { before } = state.fitted;
    PARAMS.forEach(([name], i) => {
      const [estimate, se, range, was, rangeBefore] = cells[i];
      setCell(estimate, bound(state.n.params[i]), state.n.params[i]);
      setCell(was, before.params ? bound(number(before.params[name])) : "–", before.params?.[name] ?? "");
      setCell(rangeBefore, before.param_intervals ? interval(before.param_intervals[name]) : "–", before.param_intervals?.[name].join() ?? "");
      if (!state.intervals) return;
      setCell(se, bound(number(state.intervals.bse[i])), state.intervals.bse[i]);
      setCell(range, interval(state.intervals.ends[i]), state.intervals.ends[i].join());
    });
  }
  function changeWords() {
    const { before, settings } = state.fitted;
    if (!before.settings) return "";
    const worded = (name, value) => name === "burn_in" ? value === "auto" ? "automatic" : `${short(value)} steps` : name === "method" ? VALUES[value] : value;
    const what = Object.keys(settings).filter((key) => before.settings[key] !== settings[key]).map((key) => `${key.replace("_", "-")} ${worded(key, before.settings[key])} → ${worded(key, settings[key])}`);
    const moved = PARAMS.map(([name, symbol], i) => [symbol, bound(number(before.params[name])), bound(state.n.params[i])]).filter(([, old, now]) => old !== now).map(([symbol, old, now]) => `${symbol} ${old} → ${now}`);
    return `Changed: ${what.join(", ")}. ${moved.length ? `${moved.join(", ")}.` : "The estimates stay as they were."}`;
  }
  const lawRow = (law) => {
    const weight = number(law.weight);
    const bar = element("span", { className: "plw-weight", aria: { hidden: "true" } });
    bar.style.width = `${Math.round(40 * weight)}px`;
    const name = element("th", { scope: "row", textContent: law.law, title: law.formula });
    return element(
      "tr",
      {},
      name,
      element("td", { textContent: number(law.delta).toFixed(1) }),
      element("td", { className: "plw-weights" }, weight.toFixed(2), bar),
      element("td", { textContent: law.estimate })
    );
  };
  function painting() {
    const { fitted, intervals, criticism } = state;
    const n = state.n = fitNumbers(fitted, intervals);
    state.log = axes.paint();
    paintControls();
    paintTable();
    if (criticism) {
      state.profile = criticism.profile;
      setChildren(laws.body, String(criticism.laws.map((law) => law.delta)), () => criticism.laws.map(lawRow));
      setCautions(cautions, criticism.cautions);
    }
    setText(about, fitted.about);
    legend.querySelector(".plw-legend-before").hidden = !n.before;
    plots[0].caption.textContent = `${lackOfFit(number(fitted.p_value))}${fitted.rising > 0.05 ? `; still rising with probability ${Math.round(100 * fitted.rising)} %` : ""}${intervals ? `; intervals: ${intervals.words}` : ""}`;
    plots[1].caption.textContent = fitted.settings.method === "gamma" ? "shaded: within the 95 % cut" : "of the Gamma likelihood, to compare; the dotted line is this fit";
    plots[2].caption.textContent = "in standard deviations of log U; ◆ beyond 2";
    const { task } = fitted.settings;
    const text = changeWords();
    if (setText(change, text)) view.say(`${task}: ${text}`);
    const far = n.residuals.filter((r) => Math.abs(r) > 2).length;
    const [limit, scale, rate] = n.params.map(bound);
    view.draw(state, [
      `${task}: risk over depth with the fitted law, floor ${limit}, K ${scale}, alpha ${rate}. The table below has the numbers.`,
      `Profile of alpha: deviance above its least, estimate ${rate}${intervals ? `, interval ${interval(intervals.ends[2])}` : ""}.`,
      `Residuals at ${n.residuals.length} fitted depths; ${far} beyond 2 standard deviations.`
    ]);
    root.dataset.shown = JSON.stringify({ ...fitted.settings, whole: Boolean(intervals && criticism && !pending) });
    root.dataset.intervals = Boolean(intervals);
  }
  view.onHover(plots[0], (x) => {
    if (Number.isNaN(x)) return "";
    const { n } = state;
    const f = fitFrame(plots[0], n, state.log);
    const off = (c) => Math.abs(f.x.at(c) - x);
    const best = n.depth.reduce((near, c, i) => off(c) < off(n.depth[near]) ? i : near, 0);
    const residual = n.residuals[best - n.depth.filter((c) => c < n.lawFirst).length];
    return [
      `depth ${short(n.depth[best])} steps${n.depth[best] < n.first ? " (burn-in)" : n.depth[best] < n.lawFirst ? " (rise)" : ""}`,
      `risk ${short(n.risk[best])} [${short(n.lower[best])}, ${short(n.upper[best])}]`,
      `degrees of freedom ${short(n.df[best])}`,
      ...residual === void 0 ? [] : [`residual ${residual.toFixed(2)}`]
    ].join("\n");
  });
  return view.live(el, {
    parts: [choices, burn.row, about, legend, view.area, table.node, change, cautions, error],
    painting,
    stops: [kernel.done],
    heard: { _fitted: takeFit, _intervals: takeIntervals, _criticism: takeCriticism, _refused: takeRefusal, scale: view.schedule }
  });
}
var decay_explorer_default = { render };
export {
  decay_explorer_default as default
};
