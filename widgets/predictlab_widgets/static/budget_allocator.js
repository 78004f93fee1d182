// js/axis.js
function scaled(axis, start, end) {
  const { from, to, log, knee } = axis;
  const [f, back] = log ? [Math.log, Math.exp] : knee ? [(v) => Math.log1p(v / knee), (u) => Math.expm1(u) * knee] : [(v) => v, (v) => v];
  const [a, b] = [f(from), f(to)];
  const at2 = (v) => start + (f(v) - a) / (b - a) * (end - start);
  return {
    ...axis,
    at: at2,
    held: (v) => at2(clamp(v, from, to)),
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
var clamp = (value, low, high) => Math.min(Math.max(value, low), high);
var sum = (values) => values.reduce((total, value) => total + value, 0);
function reducible(scale, rate, c) {
  return scale > 0 ? Math.exp(Math.log(scale) - rate * Math.log(c)) : 0;
}
var depthAtPrice = (logGain, rate, logPrice) => Math.exp((logGain - logPrice) / (rate + 1));
function arranged(data, weights, locked) {
  const low = data.low.map((c, i) => locked[data.names[i]] ?? c);
  const high = data.high.map((c, i) => data.scale[i] > 0 ? locked[data.names[i]] ?? c : low[i]);
  const gain = data.scale.map((K, i) => Math.log(weights[i] * data.rate[i]) + Math.log(K) - Math.log(data.step[i]));
  const cost = (depth) => sum(depth.map((c, i) => data.step[i] * c));
  const risk = (depth) => sum(depth.map((c, i) => weights[i] * riskAt(data, i, c)));
  return { data, low, high, gain, cost, risk, least: cost(low), most: cost(high) };
}
var riskAt = (data, i, c) => data.floor[i] + reducible(data.scale[i], data.rate[i], c);
function depthsAt({ data, low, high, gain }, logMu) {
  return low.map((c, i) => high[i] === c ? c : clamp(depthAtPrice(gain[i], data.rate[i], logMu), c, high[i]));
}
function bracket({ data, low, high, gain }, budget) {
  let [top, bottom] = [-Infinity, Infinity];
  gain.forEach((g, i) => {
    if (!(data.scale[i] > 0)) return;
    const affordable = Math.min(high[i], Math.max(budget / data.step[i], low[i]));
    top = Math.max(top, g - Math.log(low[i]) * (data.rate[i] + 1));
    bottom = Math.min(bottom, g - Math.log(affordable) * (data.rate[i] + 1));
  });
  return [bottom - 1, top + 1e-9];
}
function shareOut(tasks, budget) {
  if (tasks.most <= budget) return { depth: tasks.high, logMu: -Infinity };
  let [low, high] = bracket(tasks, budget);
  if (budget <= tasks.least * (1 + 1e-12)) return { depth: depthsAt(tasks, high), logMu: high };
  for (let i = 0; i < 200 && high - low > 1e-15 * Math.max(1, Math.abs(low)); i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (tasks.cost(depthsAt(tasks, middle)) > budget) low = middle;
    else high = middle;
  }
  const logMu = (low + high) / 2;
  return { depth: depthsAt(tasks, logMu), logMu };
}
function allocated(tasks, budget) {
  const { data, gain } = tasks;
  const { depth, logMu } = shareOut(tasks, Math.max(budget, tasks.least));
  const worth = (c, i) => data.scale[i] > 0 ? Math.exp(gain[i] - Math.log(c) * (data.rate[i] + 1)) : 0;
  const each = Array.from(depth, (c, i) => ({ depth: c, risk: riskAt(data, i, c), cost: data.step[i] * c, worth: worth(c, i) }));
  return { depth, each, multiplier: Math.exp(logMu), risk: tasks.risk(depth), cost: tasks.cost(depth) };
}
function frontierOf(tasks, most, points = 160) {
  const end = shareOut(tasks, most).logMu;
  const [below, top] = bracket(tasks, most);
  const bottom = Number.isFinite(end) ? end : below;
  return Array.from({ length: points + 1 }, (_, k) => {
    const logMu = top + k / points * (bottom - top);
    const depth = depthsAt(tasks, logMu);
    return { budget: tasks.cost(depth), risk: tasks.risk(depth), multiplier: Math.exp(logMu) };
  });
}

// js/designs.js
var HALVINGS = 50;
var LEAST_ROWS = 2;
var [LOW, HIGH] = [Math.log(1e-30), Math.log(1e12)];
function nearest({ grid, wide }, t, depth) {
  let best = 0;
  const off = (i) => Math.abs(Math.log(grid[t * wide + i] / depth));
  for (let i = 1; i < wide; i++) if (off(i) < off(best)) best = i;
  return best;
}
function designed(data, weights, locked) {
  const { size, wide, grid, population, interaction, step, row } = data;
  const only = data.names.map((name, t) => name in locked ? nearest(data, t, locked[name]) : -1);
  const weighted = population.map((v, i) => v * weights[Math.floor(i / wide)]);
  const ofRows = interaction.map((v, i) => v * weights[Math.floor(i / wide)]);
  const steps = grid.map((c, i) => c * step[Math.floor(i / wide)]);
  const lowest = Array.from(only, (j, t) => steps[t * wide + Math.max(j, 0)] + row[t] * LEAST_ROWS);
  const roots = ofRows.map((v) => 2 * Math.sqrt(v));
  return { data, weights, only, weighted, ofRows, roots, steps, least: sum(lowest), best: new Int32Array(size), rows: new Float64Array(size) };
}
function at({ data, only, weighted, ofRows, roots, steps, best, rows }, gamma) {
  const { size, wide, row } = data;
  let spent = 0;
  for (let t = 0; t < size; t++) {
    const price = gamma * row[t];
    const [root, few] = [Math.sqrt(price), price * LEAST_ROWS ** 2];
    const [from, to] = only[t] < 0 ? [0, wide] : [only[t], only[t] + 1];
    let least = Infinity;
    let chosen = t * wide + from;
    for (let j = chosen; j < t * wide + to; j++) {
      const rest = ofRows[j] > few ? roots[j] * root : ofRows[j] / LEAST_ROWS + price * LEAST_ROWS;
      const value = weighted[j] + rest + gamma * steps[j];
      if (value < least) {
        least = value;
        chosen = j;
      }
    }
    best[t] = chosen - t * wide;
    rows[t] = Math.max(Math.sqrt(ofRows[chosen] / price), LEAST_ROWS);
    spent += steps[chosen] + row[t] * rows[t];
  }
  return spent;
}
function planOf(tasks, logMu, times) {
  const { data, weights, weighted, ofRows, steps, best, rows } = tasks;
  let [risk, cost] = [0, 0];
  const each = Array.from(best, (j, t) => {
    const [i, n] = [t * data.wide + j, rows[t] * times];
    const [weightedRisk, price] = [weighted[i] + ofRows[i] / n, steps[i] + data.row[t] * n];
    risk += weightedRisk;
    cost += price;
    return { depth: data.grid[i], rows: n, risk: weightedRisk / weights[t], cost: price, worth: Math.exp(logMu) };
  });
  return { depth: each.map(({ depth }) => depth), each, multiplier: Math.exp(logMu), risk, cost };
}
function allocatedDesign(tasks, budget) {
  const { data, steps, best, rows } = tasks;
  const total = Math.max(budget, tasks.least);
  let [low, high] = [LOW, HIGH];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (at(tasks, Math.exp(middle)) > total) low = middle;
    else high = middle;
  }
  at(tasks, Math.exp(high));
  let [ofSteps, paidRows] = [0, 0];
  best.forEach((j, t) => {
    ofSteps += steps[t * data.wide + j];
    paidRows += data.row[t] * rows[t];
  });
  return planOf(tasks, high, (total - ofSteps) / paidRows);
}
function designFrontier(tasks, most, points = 80) {
  const [dear, cheap] = [tasks.least * 1.0001, most].map((budget) => Math.log(allocatedDesign(tasks, budget).multiplier));
  return Array.from({ length: points + 1 }, (_, k) => {
    const logMu = dear + k / points * (cheap - dear);
    at(tasks, Math.exp(logMu));
    const { cost, risk, multiplier } = planOf(tasks, logMu, 1);
    return { budget: cost, risk, multiplier };
  });
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

// js/budget_plots.js
function budgetFrame(plot, view, values) {
  const budgets = [view.tasks.least, view.most, view.budget];
  return frameOf(plot, endsOf(budgets, true, 0.03), endsOf(values, true, 0.08));
}
function markHere(ctx, f, look, view, value, text) {
  const [x, y] = [f.x.held(view.budget), f.y.held(value)];
  polyline(ctx, [[x, f.y0], [x, y]], look.text, 1.5, [2, 3]);
  mark(ctx, "circle", x, y, 6, look.text, look.page);
  writeInside(ctx, f, look, text, x + 52, y - (f.x1 - x < 110 ? 38 : 16));
}
function paintFrontier(plot, view, look) {
  const ctx = startPaint(plot);
  const { frontier, now, settled } = view;
  const band = settled?.band?.budget ? settled.band : null;
  const low = Math.min(...frontier.map((p) => p.risk)) / 3;
  const values = [...frontier.map((p) => p.risk), ...band ? [...band.risk_upper, ...band.risk_lower.map((v) => Math.max(v, low))] : []];
  const f = budgetFrame(plot, view, values);
  inFrame(ctx, f, () => {
    if (band) {
      const edge = (key) => band.budget.map((b, i) => [f.x.at(b), f.y.at(Math.max(band[key][i], low / 10))]);
      polygon(ctx, [...edge("risk_upper"), ...edge("risk_lower").reverse()], look.colours[2] + (look.dark ? "44" : "33"));
    }
    polyline(ctx, frontier.map((p) => [f.x.at(p.budget), f.y.at(p.risk)]), look.colours[2], 2.5);
    const budgets = Array.from({ length: 41 }, (_, i) => view.budget * 4 ** (i / 20 - 1));
    const slope = budgets.map((b) => [b, now.risk - now.multiplier * (b - view.budget)]).filter(([, r]) => r > f.y.from / 2);
    if (now.multiplier > 0) polyline(ctx, slope.map(([b, r]) => [f.x.at(b), f.y.at(r)]), look.colours[1], 2, [7, 4]);
    if (settled) polyline(ctx, settled.total.map((v) => [f.x.held(view.budget), f.y.held(Math.max(v, low))]), look.text, 3);
    markHere(ctx, f, look, view, now.risk, `risk ${short(now.risk)}`);
  });
  drawAxes(ctx, f, look, plot, "budget B   (cost)", `weighted risk   (${view.data.metric || "metric"}²)`);
}
function paintWorth(plot, view, look) {
  const ctx = startPaint(plot);
  const { frontier, now } = view;
  const drawn = frontier.filter((p) => p.multiplier > 0);
  const f = budgetFrame(plot, view, drawn.map((p) => p.multiplier));
  inFrame(ctx, f, () => {
    polyline(ctx, drawn.map((p) => [f.x.at(p.budget), f.y.at(p.multiplier)]), look.colours[1], 2.5, [7, 4]);
    if (now.multiplier > 0) markHere(ctx, f, look, view, now.multiplier, `μ = ${short(now.multiplier)}`);
  });
  if (!(now.multiplier > 0)) writeInside(ctx, f, look, "the next unit buys nothing", (f.x0 + f.x1) / 2, f.y1 + 12);
  drawAxes(ctx, f, look, plot, "budget B   (cost)", "multiplier μ   (metric² per unit of cost)");
}

// js/kernel.js
var SILENCE = 8e3;
var SEND_EVERY = 100;
function typed(view, Type) {
  if (!view) return new Type(0);
  return new Type(view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view);
}
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
var button = (text, className = "", type = "button") => element("button", { type, className, textContent: text });
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
  const [max, at2] = [String(grid.length - 1), String(position(grid, value))];
  if (input.max !== max) input.max = max;
  if (input.value !== at2) input.value = at2;
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

// js/budget_allocator.js
var ROWS_SHOWN = 15;
var HEADS = ["Task", "Lock", "Weight", "Depth", "Steps", "95 % interval", "Risk L", "Cost", "Next unit saves"];
var MANY = 200;
var ROWS_HEADS = ["Rows", "95 % interval"];
function decodeTasks(model) {
  const [names, fixed] = [model.get("_names"), model.get("_fixed")];
  const arrays = ["floor", "scale", "rate", "step", "low", "high", "last"].map((key) => [key, typed(fixed[key], Float64Array)]);
  const designs = fixed.grid ? ["row", "grid", "population", "interaction"].map((key) => [key, typed(fixed[key], Float64Array)]) : [];
  const data = { names, size: names.length, range: fixed.range, metric: fixed.metric, ...Object.fromEntries([...arrays, ...designs]) };
  return fixed.grid ? { ...data, wide: data.grid.length / data.size } : data;
}
function render({ model, el }) {
  const data = decodeTasks(model);
  const both = Boolean(data.grid);
  const [arrange_, allocate, frontier] = both ? [designed, allocatedDesign, designFrontier] : [arranged, allocated, frontierOf];
  const plots = [
    { name: "Efficiency frontier", note: "least weighted risk for each budget", paint: paintFrontier },
    { name: "Worth of the next unit", note: "the multiplier falls as the budget grows", paint: paintWorth }
  ];
  const view = makeView(model, { name: "budget-allocator", label: "Budget allocator", plots });
  const control = slider("budget", "Budget B", "Total cost shared among the tasks; arrow keys move it, Page Up and Page Down in larger steps");
  const legend = legendOf('<span><i class="plw-bar-seen"></i>depth, within what was measured</span><span><i class="plw-bar-beyond"></i>beyond it: the law is extrapolated</span><span><i class="plw-line"></i>95 % interval</span><span><i class="plw-tangent"></i>what the next unit is worth: slope of the frontier</span>');
  const now = element("p", { className: "plw-now" });
  const table = tableOf("Depth of each task, with its lock and its weight", both ? HEADS.toSpliced(6, 0, ...ROWS_HEADS) : HEADS);
  const copy = button("Copy as ProbePlan", "plw-copy");
  const copied = element("small");
  const text = element("pre", { tabIndex: 0, aria: { role: "region", label: "The plan as Python source" } });
  const plan = element("details", {}, element("summary", { textContent: "The plan as Python source" }), text);
  const error = alarm();
  const state = { data, settled: null };
  function arrange(budget, weights, locked) {
    Object.assign(state, { budget, weights, locked });
    state.tasks = arrange_(data, weights, locked);
    state.most = Math.max(data.range[1], budget, 1.01 * state.tasks.least);
    state.frontier = frontier(state.tasks, state.most);
    state.now = allocate(state.tasks, budget);
  }
  const arrangeAs = ({ total_budget: budget, weights, locked }) => arrange(budget, data.names.map((name) => weights[name] ?? 1), { ...locked });
  const kernel = requests(model, {
    wait: SEND_EVERY,
    steady: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. Depths and risks are still right; intervals and the plan wait for it. Run the cell again if it stays so.";
    }
  });
  let copying = false;
  function tell() {
    state.settled = null;
    error.textContent = copied.textContent = "";
    kernel.ask({ total_budget: state.budget, weights: Object.fromEntries(data.names.map((name, i) => [name, state.weights[i]])), locked: state.locked });
    view.schedule();
  }
  function rearrange(weights, locked) {
    arrange(state.budget, weights, locked);
    tell();
    kernel.flush();
  }
  function answered() {
    kernel.done();
    error.textContent = "";
  }
  function takeState() {
    const told = model.get("_state");
    if (!kernel.current(told) || kernel.mine(told)) return;
    answered();
    state.settled = null;
    arrangeAs(told);
    view.schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (kernel.mine(refused)) error.textContent = `✕ ${refused.text}`;
  }
  function takeSettled() {
    const settled = model.get("_details");
    if (settled.request !== model.get("_state").request || !kernel.current(settled)) return;
    if (kernel.mine(settled)) answered();
    state.settled = settled;
    text.textContent = settled.plan;
    if (copying) write2();
    view.schedule();
  }
  onSlide(control, (value) => {
    state.budget = value;
    state.now = allocate(state.tasks, value);
    tell();
  }, () => kernel.flush());
  let rows = [];
  function makeRow(name, i) {
    const lock = element("input", { type: "checkbox", aria: { label: `Lock ${name} at its depth` } });
    const word = element("span", { className: "plw-lock-word" });
    const weight = element("input", { type: "number", min: 0, step: "any", aria: { label: `Weight of ${name}` } });
    const bars = ["seen", "beyond", "interval", "end"].map((part) => element("span", { className: `plw-bar-${part}` }));
    const bar = element("div", { className: "plw-bar", aria: { hidden: "true" } }, ...bars);
    const cells = Object.fromEntries(["depth", "interval", ...both ? ["rows", "rows-interval"] : [], "risk", "cost", "worth"].map((key) => [key, element("td", { className: `plw-${key}` })]));
    const row = element(
      "tr",
      {},
      element("th", { scope: "row", textContent: clip(name, 28), title: name }),
      element("td", {}, element("label", {}, lock, word)),
      element("td", {}, weight),
      element("td", { className: "plw-bars" }, bar),
      ...Object.values(cells)
    );
    row.dataset.task = name;
    lock.addEventListener("change", () => {
      const { [name]: _, ...others } = state.locked;
      rearrange(state.weights, lock.checked ? { ...others, [name]: state.now.depth[i] } : others);
    });
    weight.addEventListener("change", () => {
      const value = Number(weight.value);
      if (value > 0 && Number.isFinite(value)) rearrange(state.weights.with(i, value), state.locked);
      else {
        weight.value = state.weights[i];
        error.textContent = `✕ weight of ${name}: a number > 0 is needed.`;
      }
    });
    return { i, name, row, lock, word, weight, bars, cells };
  }
  const pager = pagerOf(data.size, ROWS_SHOWN, () => {
    const from = pager.page * ROWS_SHOWN;
    rows = data.names.slice(from, from + ROWS_SHOWN).map((name, k) => makeRow(name, from + k));
    table.body.replaceChildren(...rows.map(({ row }) => row));
    view.schedule();
  });
  function paintRow({ i, name, row, lock, word, weight, bars, cells }, share) {
    const each = state.now.each[i];
    const locked = name in state.locked;
    row.classList.toggle("plw-is-locked", locked);
    lock.checked = locked;
    setText(word, locked ? "locked" : "free");
    if (document.activeElement !== weight && Number(weight.value) !== state.weights[i]) weight.value = state.weights[i];
    const place = (bar, from, to) => Object.assign(bar.style, { left: `${share(from)}%`, width: `${Math.max(share(to) - share(from), 0)}%` });
    const [seenBar, beyondBar, intervalBar, endBar] = bars;
    const seen = Math.min(each.depth, data.last[i]);
    seenBar.style.width = `${share(seen)}%`;
    place(beyondBar, seen, each.depth);
    endBar.style.left = `${share(each.depth)}%`;
    if (state.settled) {
      const [low, high] = [state.settled.lower[i], state.settled.upper[i]];
      place(intervalBar, low, high);
      setCell(cells.interval, `[${short(low)}, ${short(high)}]`, `${low},${high}`);
      row.title = state.settled.notes[i];
      if (both) setCell(cells["rows-interval"], `[${short(state.settled.rows_lower[i])}, ${short(state.settled.rows_upper[i])}]`, `${state.settled.rows_lower[i]},${state.settled.rows_upper[i]}`);
    }
    for (const key of ["depth", ...both ? ["rows"] : [], "risk", "cost", "worth"]) setCell(cells[key], short(each[key]), each[key]);
  }
  function words() {
    const { budget, now: at2, tasks, settled } = state;
    const twice = both && data.size > MANY ? state.frontier.findLast((p) => p.budget <= 2 * budget) ?? at2 : allocate(tasks, 2 * budget);
    const range = settled ? ` [${short(settled.total[0])}, ${short(settled.total[1])}]` : "";
    const locked = Object.keys(state.locked).length;
    const next = at2.multiplier > 0 ? `The next unit of budget saves ${short(at2.multiplier)}; twice the budget would leave ${short(twice.risk)}.` : "More budget buys nothing: whatever decays is at its highest depth, or locked.";
    const share = both ? ` ${Math.round(100 * sum(at2.each.map((of, i) => data.row[i] * of.rows)) / at2.cost)} % of it buys rows.` : "";
    return `B = ${short(budget)}:${share} ${both ? "Weighted" : "weighted"} risk ${short(at2.risk)}${range}. ${next}${locked ? ` ${locked} of ${data.size} locked.` : ""}`;
  }
  function painting() {
    const grid = positions({ low: data.range[0], high: state.most, zero: false, step: 0 }, state.budget);
    control.grid = [state.tasks.least, ...grid.filter((b) => b > state.tasks.least)];
    setSlider(control, state.budget, `${short(state.budget)}; the next unit saves ${short(state.now.multiplier)}`);
    const [from, to] = [Math.min(...data.low) / 1.6, Math.max(4 * Math.max(...data.last), 1.6 * Math.max(...state.now.depth))];
    setText(table.columns[3], `Depth, ${short(from)} to ${short(to)} (log)`);
    for (const row of rows) paintRow(row, (c) => 100 * clamp(Math.log(c / from) / Math.log(to / from), 0, 1));
    const sentence = words();
    setText(now, sentence);
    view.say(sentence);
    Object.assign(now.dataset, { budget: state.budget, risk: state.now.risk, multiplier: state.now.multiplier, cost: state.now.cost });
    view.root.classList.toggle("plw-unsettled", !state.settled);
    view.draw(state, plots.map(({ name }) => `${name} over the budget. ${sentence} The table below has the numbers.`));
  }
  async function write2() {
    copying = false;
    try {
      await navigator.clipboard.writeText(state.settled.plan);
      copied.textContent = `Copied: the plan of ${data.size} ${data.size === 1 ? "task" : "tasks"}.`;
    } catch {
      plan.open = true;
      getSelection().selectAllChildren(text);
      copied.textContent = "The browser does not let the page copy: the plan is selected below.";
    }
    view.say(copied.textContent, 0);
  }
  copy.addEventListener("click", () => {
    if (state.settled) write2();
    else {
      copying = true;
      copied.textContent = "Copied as soon as the kernel has the plan …";
      kernel.flush();
    }
  });
  arrangeAs(model.get("_state"));
  const end = view.live(el, {
    parts: [
      element("div", { className: "plw-controls" }, control.row),
      view.area,
      now,
      legend,
      table.node,
      pager.node,
      element("div", { className: "plw-actions" }, copy, copied),
      plan,
      error
    ],
    painting,
    stops: [kernel.done],
    heard: { _state: takeState, _details: takeSettled, _refused: takeRefusal }
  });
  takeSettled();
  pager.go(0);
  return end;
}
var budget_allocator_default = { render };
export {
  budget_allocator_default as default
};
