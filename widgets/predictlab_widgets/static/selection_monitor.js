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
function position(grid, value) {
  const exact = grid.indexOf(value);
  if (exact >= 0) return exact;
  let best = grid[0] === 0 ? 1 : 0;
  const off = (i) => Math.abs(Math.log(grid[i] / value));
  for (let i = best + 1; i < grid.length; i++) if (off(i) < off(best)) best = i;
  return best;
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
var SILENCE = 8e3;
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

// js/selections.js
var [CHOSEN, OPEN, ASIDE] = [0, 1, 2];
function selectionNumbers(sent) {
  if (!sent.looks) return { names: [], looks: 0, size: 0, runs: [] };
  const history = typed(sent.history, Float64Array);
  const states = typed(sent.states, Uint8Array);
  const values = typed(sent.runs, Float64Array);
  const [size, wide] = [sent.names.length, sent.columns.length];
  const place = Object.fromEntries(sent.columns.map((name, k) => [name, k]));
  const runs = /* @__PURE__ */ new Map();
  for (let k = 0; k < values.length; k += 6) {
    const [candidate, run, seed, depth, value, look] = values.subarray(k, k + 6);
    if (!runs.has(run)) runs.set(run, { candidate, seed, points: [] });
    runs.get(run).points.push({ depth, value, look, share: depth / sent.depths[candidate].at(-1) });
  }
  return {
    ...sent,
    size,
    runs: [...runs.values()],
    spent: sent.spent.map(number),
    probability: sent.probability.map(number),
    up: sent.better === "higher" ? 1 : -1,
    at: (look, i, column) => history[((look - 1) * size + i) * wide + place[column]],
    state: (look, i) => states[(look - 1) * size + i],
    alike: sent.depths.every((depths) => depths.at(-1) === sent.depths[0].at(-1))
  };
}
function orderAt(n, look) {
  const key = (i) => [n.at(look, i, "p_good"), n.up * n.at(look, i, "mean")];
  return [...Array(n.size).keys()].sort((a, b) => {
    const [p, q] = [key(a), key(b)];
    return q[0] - p[0] || q[1] - p[1];
  });
}
function lookNear(n, cost) {
  let best = 1;
  for (let k = 2; k <= n.looks; k++) if (Math.abs(n.spent[k - 1] - cost) < Math.abs(n.spent[best - 1] - cost)) best = k;
  return best;
}
function shareText(share) {
  const parts = 1 / share;
  return share < 0.6 && Math.abs(parts - Math.round(parts)) < 0.02 ? `1/${Math.round(parts)}` : String(Number(share.toPrecision(2)));
}
function stacked(heights, top, bottom, step) {
  const order = [...heights.keys()].sort((a, b) => heights[a] - heights[b]);
  const found = [];
  let above = top - step;
  for (const i of order) above = found[i] = Math.max(heights[i], above + step);
  let below = bottom + step;
  for (const i of order.toReversed()) below = found[i] = Math.min(found[i], below - step);
  return found;
}

// js/selection_plots.js
var LANE = 0.26;
var SHAPES2 = ["circle", "triangle", "square"];
var NAMED = 4;
var LIKELY = 0.05;
var MOST = 14;
var ROOM = 106;
var cut = (name) => name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name;
function looksOf(view, look, i) {
  const state = view.n.state(view.look, i);
  const stands = i === view.marked;
  const likely = Math.min(1, view.n.at(view.look, i, "p_good") / Math.max(view.n.probability[view.look - 1], 1e-9));
  return {
    colour: [look.colours[2], look.colours[1], look.muted][state],
    shape: SHAPES2[state],
    stands,
    above: 4 * stands + (2 - state),
    width: stands ? 3 : state === CHOSEN ? 2.4 : 1.3,
    opacity: stands || state === CHOSEN ? 1 : state === ASIDE ? 0.6 : 0.5 + 0.4 * likely,
    dash: state === ASIDE ? [4, 3] : []
  };
}
var upwards = (view, look) => [...Array(view.n.size).keys()].sort((a, b) => looksOf(view, look, a).above - looksOf(view, look, b).above);
function runsFrame(plot, view) {
  const { n } = view;
  const shares = n.runs.flatMap(({ points }) => points.map(({ share }) => share)).filter((share) => share > 0);
  const from = Math.min(...shares) / 1.12;
  const to = from * (1.06 / from) ** (1 / (1 - LANE));
  const values = n.runs.flatMap(({ points }) => points.map(({ value }) => value)).filter(Number.isFinite);
  const open = [...Array(n.size).keys()].filter((i) => n.state(view.look, i) !== ASIDE);
  const ends = open.map((i) => n.at(view.look, i, "mean"));
  const all = [...values, ...ends];
  const room = Math.max(...all) - Math.min(...all) || 1;
  for (const i of open) {
    all.push(Math.max(n.at(view.look, i, "lower"), Math.min(...values, ...ends) - 0.5 * room), Math.min(n.at(view.look, i, "upper"), Math.max(...values, ...ends) + 0.5 * room));
  }
  const f = frameOf(plot, { from, to, log: true }, endsOf(all.filter(Number.isFinite), false, 0.05));
  const rungs = [...new Set(shares.map((share) => Number(share.toPrecision(6))))].sort((a, b) => a - b);
  const last = n.depths[0].at(-1);
  f.x.ticks = rungs.map((share) => [share, n.alike ? String(Math.round(share * last)) : shareText(share)]);
  f.y.ticks = evenTicks(f.y, (f.y0 - f.y1) / 36);
  f.wall = f.x.at(1.06);
  const order = orderAt(n, view.look).filter((i) => n.state(view.look, i) !== ASIDE);
  f.lane = new Map(order.map((i, k) => [i, f.wall + (k + 0.5) / Math.max(order.length, 3) * (f.x1 - f.wall)]));
  return f;
}
function shade(ctx, look, f, from, to) {
  ctx.globalAlpha = 0.35;
  polygon(ctx, [[from, f.y0], [to, f.y0], [to, f.y1], [from, f.y1]], look.grid);
  ctx.globalAlpha = 1;
}
function paintRuns(plot, view, look) {
  const ctx = startPaint(plot);
  const { n } = view;
  if (!n.looks) return emptyFrame(ctx, look, plot, "No look yet");
  const f = runsFrame(plot, view);
  shade(ctx, look, f, f.wall, f.x1);
  const order = upwards(view, look);
  inFrame(ctx, f, () => {
    for (const i of order) {
      const { colour, opacity, width, shape, dash, stands } = looksOf(view, look, i);
      ctx.globalAlpha = opacity;
      for (const run of n.runs) {
        if (run.candidate !== i) continue;
        const known = run.points.filter((p) => p.look <= view.look && p.share > 0);
        const line = known.filter((p) => Number.isFinite(p.value)).map((p) => [f.x.at(p.share), f.y.at(p.value)]);
        if (stands) polyline(ctx, line, look.page, width + 3);
        polyline(ctx, line, colour, width, dash);
        for (const [x, y] of line) mark(ctx, shape, x, y, stands ? 3.4 : 2.2, colour, "transparent");
        if (known.length > line.length && line.length) {
          const [x, y] = line.at(-1);
          polyline(ctx, [[x - 4, y - 4], [x + 4, y + 4]], look.colours[1], 2);
          polyline(ctx, [[x - 4, y + 4], [x + 4, y - 4]], look.colours[1], 2);
        }
      }
    }
    ctx.globalAlpha = 1;
    for (const [i, x] of f.lane) {
      const { colour, shape, width, stands } = looksOf(view, look, i);
      const [low, high] = ["lower", "upper"].map((end) => f.y.at(n.at(view.look, i, end)));
      polyline(ctx, [[x, low], [x, high]], colour, Math.max(1.6, width - 0.4));
      mark(ctx, shape, x, f.y.at(n.at(view.look, i, "mean")), stands || n.state(view.look, i) === CHOSEN ? 4.4 : 3, colour, look.page, 1);
    }
    if (view.marked !== null && n.state(view.look, view.marked) === ASIDE) {
      polyline(ctx, [[f.wall, f.y.at(n.at(view.look, view.marked, "mean"))], [f.x1, f.y.at(n.at(view.look, view.marked, "mean"))]], look.muted, 1.5, [4, 3]);
    }
  });
  polyline(ctx, [[f.wall, f.y0], [f.wall, f.y1]], look.muted, 1, [2, 3]);
  drawAxes(ctx, f, look, plot, n.alike ? "depth c   (steps)" : "share of the recipe", n.metric);
  write(ctx, look, "the ends", (f.wall + f.x1) / 2, f.y0 + 6, { font: "11px", align: "center", base: "top", colour: look.muted, halo: false });
}
function chancesFrame(plot, { total }) {
  const { x0, x1 } = frameOf(plot, { from: 0, to: total }, { from: 0, to: 1.03 });
  const share = 1 - clamp(ROOM / (x1 - x0), LANE, 0.4);
  const f = frameOf(plot, { from: 0, to: total / share }, { from: 0, to: 1.03 });
  f.x.ticks = evenTicks({ from: 0, to: total }, share * (f.x1 - f.x0) / 52);
  f.wall = f.x.at(total);
  return f;
}
function paintChances(plot, view, look) {
  const ctx = startPaint(plot);
  const { n } = view;
  if (!n.looks) return emptyFrame(ctx, look, plot, "No look yet");
  const f = chancesFrame(plot, view);
  const spent = f.x.at(n.spent[view.look - 1]);
  shade(ctx, look, f, spent, f.wall);
  inFrame(ctx, f, () => {
    for (const i of upwards(view, look)) {
      const { colour, opacity, width, shape, dash, stands } = looksOf(view, look, i);
      ctx.globalAlpha = opacity;
      const line = n.spent.slice(0, view.look).map((cost, k) => [f.x.at(cost), f.y.at(n.at(k + 1, i, "p_good"))]);
      if (stands) polyline(ctx, line, look.page, width + 3);
      polyline(ctx, line, colour, width, dash);
      for (const [x, y] of line) mark(ctx, shape, x, y, stands ? 3.6 : 2.4, colour, "transparent");
    }
    ctx.globalAlpha = 1;
    polyline(ctx, [[f.x0, f.y.at(n.confidence)], [f.wall, f.y.at(n.confidence)]], look.muted, 1.2, [7, 4]);
    upright(ctx, f, spent, look.text, 1.2, [2, 3]);
    upright(ctx, f, f.wall, look.muted, 1);
  });
  const order = orderAt(n, view.look).slice(0, NAMED).filter((i) => n.state(view.look, i) !== ASIDE && n.at(view.look, i, "p_good") >= LIKELY);
  if (view.marked !== null && !order.includes(view.marked)) order.push(view.marked);
  const heights = stacked(order.map((i) => f.y.at(n.at(view.look, i, "p_good"))), f.y1 + 6, f.y0 - 6, LINE + 0.5);
  const labels = order.map((i, k) => ({
    text: cut(n.names[i]),
    x: spent,
    y: heights[k],
    font: n.state(view.look, i) === CHOSEN ? "bold 12px" : "12px",
    beside: true
  }));
  drawAxes(ctx, f, look, plot, "spent of the budget", number(n.margin) > 0 ? "P(good enough)" : "P(best)");
  const text = `stops at ${short(n.confidence)}`;
  const level = { text, x: f.x0 + 6 + textWidth(ctx, look, text) / 2, y: f.y.at(n.confidence) + 10 };
  const rest = f.wall - spent > 60 ? [{ text: "not spent", x: (spent + f.wall) / 2, y: f.y0 - 10, font: "italic 11px" }] : [];
  writeApart(ctx, f, look, [...labels, level, ...rest]);
}
function nearestRun(plot, view, x, y) {
  const { n } = view;
  if (!n.looks || Number.isNaN(x)) return null;
  const f = runsFrame(plot, view);
  let [best, distance] = [null, 24];
  for (const [i, at] of f.lane) {
    const [low, high] = ["lower", "upper"].map((end) => f.y.at(n.at(view.look, i, end)));
    const [top, bottom] = [Math.min(low, high), Math.max(low, high)];
    const far = Math.hypot(at - x, y < top ? top - y : y > bottom ? y - bottom : 0);
    if (far < distance) [best, distance] = [{ candidate: i }, far];
  }
  for (const { candidate, seed, points } of n.runs) {
    for (const point of points) {
      if (point.look > view.look || !Number.isFinite(point.value) || !(point.share > 0)) continue;
      const far = Math.hypot(f.x.at(point.share) - x, f.y.at(point.value) - y);
      if (far < distance) [best, distance] = [{ candidate, seed, ...point }, far];
    }
  }
  return best;
}
function nearestChance(plot, view, x, y) {
  const { n } = view;
  if (!n.looks || Number.isNaN(x)) return null;
  const f = chancesFrame(plot, view);
  let [best, distance] = [null, 24];
  for (let k = 1; k <= view.look; k++) {
    for (let i = 0; i < n.size; i++) {
      const far = Math.hypot(f.x.at(n.spent[k - 1]) - x, f.y.at(n.at(k, i, "p_good")) - y);
      if (far < distance) [best, distance] = [{ candidate: i, look: k }, far];
    }
  }
  return best;
}
var costAt = (plot, view, x) => chancesFrame(plot, view).x.value(x);

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
  const ended2 = () => {
    if (moving) end();
    moving = false;
  };
  for (const event of ["change", "keyup", "blur"]) control.input.addEventListener(event, ended2);
  for (const event of ["pointerup", "pointercancel"]) control.input.addEventListener(event, () => setTimeout(ended2));
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

// js/selection_monitor.js
var QUIET = 15e3;
var BADGES = { running: "▶", done: "✓", stopped: "■", failed: "✕" };
var SHAPES3 = ["circle", "triangle", "square"];
var HEADS = ["Candidate", "State", "", "Mean at the end", "P(good enough)", "Runs (to the end)", "Deepest", "Cost"];
var LOOK_HEADS = ["Look", "Spent", "Leads", "With probability", "In contention", "What came next"];
var ended = ({ status }) => ["done", "stopped"].includes(status);
var percent2 = (v) => `${(100 * v).toFixed(0)} %`;
var chance = (v) => v > 0 && v < 0.01 ? "< 0.01" : v < 1 && v > 0.99 ? "> 0.99" : v.toFixed(2);
var money = (v) => Number(v.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
var cellOf = (text, className = "") => element("td", { textContent: text, className });
function render({ model, el }) {
  const plots = [{ name: "What was measured", paint: paintRuns }, { name: "Who is good enough", paint: paintChances }];
  const view = makeView(model, { name: "selection", label: "Selection monitor", plots });
  const badge = element("b", { className: "plw-badge" });
  const bar = element("progress", { max: 1, value: 0, aria: { label: "Spent of the budget" } });
  const spent = element("span", { className: "plw-steps" });
  const doing = element("span", { className: "plw-doing" });
  const run = element("div", { className: "plw-run" }, badge, bar, spent, doing);
  const verdict = element("p", { className: "plw-verdict" });
  const because = element("p", { className: "plw-status plw-because" });
  const next = element("p", { className: "plw-status plw-next" });
  const stop = button("Stop after this look", "plw-stop");
  const resume = button("Go on", "plw-go-on");
  const copy = button("Copy Python", "plw-copy");
  const copied = element("small", { className: "plw-copied" });
  const actions = element("div", { className: "plw-actions" }, stop, resume, copy, copied);
  const text = element("pre", { tabIndex: 0, aria: { role: "region", label: "The call as Python source" } });
  const source = element("details", { className: "plw-code" }, element("summary", { textContent: "The call as Python source" }), text);
  const looks = slider("look", "Look", "Earlier looks; arrow keys step through them, the last one follows what comes");
  const marked = element("select", { className: "plw-candidate" });
  const choices = element("div", { className: "plw-choices" }, looks.row, element("label", { className: "plw-beside" }, "Stands out", marked));
  const legend = legendOf([
    ["leads", '<path stroke="var(--plw-2)" stroke-width="2.6" d="M1 7H25"/><circle fill="var(--plw-2)" stroke="none" cx="13" cy="7" r="3.6"/>'],
    ["open", '<path stroke="var(--plw-1)" d="M1 7H25"/><path fill="var(--plw-1)" stroke="none" d="M13 2.5l4.5 8h-9Z"/>'],
    ["set aside: out of contention", '<path stroke-dasharray="4 3" d="M1 7H25"/><path fill="currentColor" stroke="none" d="M10 4h6v6h-6Z"/>'],
    ["mean and interval at the end", '<path stroke-width="1.6" d="M13 1V13"/><circle class="plw-ink" stroke="none" cx="13" cy="7" r="3"/>']
  ].map(([said, drawn]) => `<span><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${said}</span>`).join(""));
  const table = tableOf("The candidates at the look that is shown, the likeliest first", HEADS, [], "plw-table plw-candidates");
  const history = tableOf("The looks so far", LOOK_HEADS, [], "plw-table plw-looks");
  const told = element("details", { className: "plw-told" }, element("summary", { textContent: "All looks" }), history.node);
  const error = alarm("plw-failed");
  const refusal = alarm("plw-refused");
  const state = { n: { looks: 0, names: [], runs: [], size: 0 }, sent: null, look: 0, marked: null, hovered: null, gone: false };
  let quiet = 0;
  const kernel = requests(model, { wait: 0, lead: true, onSilence: silent });
  const traits = messages(model);
  function ask(what) {
    refusal.textContent = "";
    kernel.ask({ do: what });
  }
  function silent() {
    refusal.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last state; if it stays so, run the cell again: with a store, nothing measured is lost.";
    view.schedule();
  }
  function answered() {
    const answer = model.get("_answer");
    if (!kernel.mine(answer)) return;
    kernel.done();
    state.gone = false;
    refusal.textContent = answer.text ? `✕ ${answer.text}` : "";
    view.schedule();
  }
  function news() {
    clearTimeout(quiet);
    state.gone = false;
    if (!kernel.waiting() && refusal.textContent.includes("does not answer")) refusal.textContent = "";
    if (model.get("_progress").status === "running") quiet = setTimeout(() => ask("answer"), QUIET);
    view.schedule();
  }
  function comm() {
    state.gone = true;
    clearTimeout(quiet);
    ask("answer");
    silent();
  }
  function goTo(look) {
    model.set("look", look >= state.n.looks ? 0 : look);
    view.schedule();
    traits.soon();
  }
  function standOut(name) {
    model.set("selected", name || null);
    view.schedule();
    traits.now();
  }
  stop.addEventListener("click", () => {
    if (stop.getAttribute("aria-disabled") === "true") return;
    ask("stop");
    doing.textContent = "stops after this look";
  });
  resume.addEventListener("click", () => ask("go on"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copied.textContent = "Copied.";
    } catch {
      source.open = true;
      getSelection().selectAllChildren(text);
      copied.textContent = "The browser does not let the page copy: the call is selected below.";
    }
    view.say(copied.textContent, 0);
  });
  onSlide(looks, goTo, () => traits.now());
  marked.addEventListener("change", () => standOut(marked.value));
  table.body.addEventListener("click", (event) => {
    const name = event.target.closest("tr")?.dataset.name;
    if (name !== void 0) standOut(name === model.get("selected") ? null : name);
  });
  function follow() {
    const sent = model.get("_seen");
    if (sent !== state.sent) Object.assign(state, { sent, n: selectionNumbers(sent) });
    const { n } = state;
    state.look = n.looks ? Math.min(model.get("look") || n.looks, n.looks) : 0;
    state.last = state.look === n.looks;
    const chosen = n.names.indexOf(model.get("selected"));
    state.marked = state.hovered ?? (chosen < 0 ? null : chosen);
  }
  function paintProgress(now) {
    const { gone, n } = state;
    const running = now.status === "running" && !gone;
    badge.textContent = gone ? "? kernel gone" : `${BADGES[now.status]} ${now.status}`;
    badge.dataset.status = gone ? "gone" : now.status;
    state.total = number(now.total);
    bar.max = state.total;
    bar.value = number(now.spent);
    setText(spent, `${money(number(now.spent))} of ${money(state.total)} spent${n.looks ? ` · ${n.looks} ${n.looks === 1 ? "look" : "looks"}` : ""}`);
    bar.setAttribute("aria-valuetext", spent.textContent);
    setText(doing, !running ? "" : now.stopping ? "stops after this look" : `${now.doing}${now.seconds > 1 ? ` · ${now.seconds} s` : ""}`);
    const onStop = document.activeElement === stop;
    stop.hidden = !running;
    stop.setAttribute("aria-disabled", now.stopping);
    resume.hidden = !["stopped", "failed"].includes(now.status) || !now.can_go_on || gone;
    if (onStop && stop.hidden) (resume.hidden ? copy : resume).focus();
    setText(text, now.code);
    setText(error, now.error ? `✕ ${now.error}` : "");
  }
  function words(now) {
    const { n, look } = state;
    if (!n.looks) return now.status === "running" ? "No look yet: one run of each candidate goes to its first depth." : "There was no look.";
    if (state.last && ended(now)) return n.sentence;
    const name = n.names[n.leader[look - 1]];
    const apart = number(n.margin) > 0 ? ` or behind the best by at most ${short(number(n.margin))}` : "";
    const aside = n.size - n.open[look - 1];
    const out = aside ? `${aside} of ${n.size} set aside` : `all ${n.size} in contention`;
    return `${state.last ? "So far" : `At look ${look}`} ${name} leads: the best${apart} with probability ${chance(n.probability[look - 1])}; ${out}.`;
  }
  function paintTable(now) {
    const { n, look } = state;
    table.node.hidden = told.hidden = !n.looks;
    if (!n.looks) return;
    const order = orderAt(n, look);
    const open = order.filter((i) => n.state(look, i) !== ASIDE);
    const scale = stripScale([...order.map((i) => n.at(look, i, "mean")), ...open.flatMap((i) => [n.at(look, i, "lower"), n.at(look, i, "upper")])]);
    const best = state.last && ended(now) && n.decided ? "chosen" : "leads";
    const key = `${look} ${n.looks} ${state.last ? now.status : ""}`;
    setChildren(table.body, key, () => order.map((i) => {
      const [kind, at] = [n.state(look, i), (column) => n.at(look, i, column)];
      const drawn = element("td", { className: "plw-ends", innerHTML: strip(
        tick(scale, n.at(look, order[0], "mean"), "plw-strip-level"),
        rule(scale, at("lower"), at("upper"), "plw-strip-rule"),
        spot(scale, at("mean"), SHAPES3[kind], "plw-strip-spot")
      ) });
      const likely = cellOf(chance(at("p_good")), "plw-chance");
      likely.style.setProperty("--plw-share", percent2(at("p_good")).replace(" ", ""));
      const lost = at("diverged") ? `, ${at("diverged")} diverged` : "";
      const row = rowOf(clip(n.names[i], 40), [
        cellOf([best, "open", "set aside"][kind]),
        drawn,
        cellOf(`${short(at("mean"))} ${interval([at("lower"), at("upper")])}`),
        likely,
        cellOf(`${at("runs")} (${at("ended")})${lost}`),
        cellOf(String(at("depth"))),
        cellOf(money(at("cost")))
      ], `plw-kind-${kind}`);
      Object.assign(row.dataset, { name: n.names[i], values: JSON.stringify(n.columns.map(at)), state: kind });
      row.title = n.names[i];
      return row;
    }));
    setText(table.columns[4], number(n.margin) > 0 ? HEADS[4] : "P(best)");
    setChildren(table.columns[2], `${scale.from} ${scale.to}`, () => [element("span", { innerHTML: stripAxis(scale) })]);
    for (const row of table.body.children) row.classList.toggle("plw-stands", row.dataset.name === model.get("selected"));
    setChildren(history.body, String(n.looks), () => n.spent.map((cost, k) => rowOf(String(k + 1), [
      cellOf(money(cost)),
      cellOf(clip(n.names[n.leader[k]], 40)),
      cellOf(chance(n.probability[k])),
      cellOf(String(n.open[k])),
      cellOf(clip(n.action[k], 90), "plw-words")
    ])));
    [...history.body.children].forEach((row, k) => row.classList.toggle("plw-stands", k + 1 === look));
  }
  function painting() {
    const now = model.get("_progress");
    follow();
    paintProgress(now);
    const { n, look } = state;
    looks.row.hidden = n.looks < 2;
    marked.parentElement.hidden = !n.looks;
    looks.grid = Array.from({ length: n.looks }, (_, k) => k + 1);
    const place = n.looks ? `${look} of ${n.looks}, ${money(n.spent[look - 1])} spent` : "";
    if (n.looks > 1) setSlider(looks, look, place);
    setOptions(marked, ["", ...n.names], model.get("selected") ?? "", (name) => name ? clip(name, 40) : "none");
    paintTable(now);
    const said = words(now);
    setText(verdict, said);
    setText(because, state.last && ended(now) ? n.stopped ?? "" : n.looks && !state.last ? `Next: ${clip(n.action[look - 1], 160)}.` : "");
    setText(next, n.looks ? n.next[look - 1] : "");
    const unit = n.looks && !n.alike ? "by share of each recipe" : "";
    setText(plots[0].caption, [`${n.runs.filter(({ points }) => points.some((p) => p.look <= look)).length} runs`, unit].filter(Boolean).join(", "));
    setText(plots[1].caption, n.looks && number(n.margin) > 0 ? `behind the best by at most ${short(number(n.margin))}` : "the best of all");
    view.draw(state, plots.map(({ name }) => `${name}: ${said} The table below has the numbers.`));
    view.say(`${now.status}. ${said}`, 1500, true);
    view.root.dataset.shown = JSON.stringify({
      status: now.status,
      looks: n.looks,
      look,
      spent: number(now.spent),
      selected: model.get("selected"),
      gone: state.gone,
      stopping: now.stopping
    });
  }
  function hover(found, tell) {
    const over = found ? found.candidate : null;
    if (over !== state.hovered) view.schedule();
    state.hovered = over;
    return found ? tell(found) : "";
  }
  const ends = (i, look) => `ends at ${short(state.n.at(look, i, "mean"))} ${interval([state.n.at(look, i, "lower"), state.n.at(look, i, "upper")])}
P(good enough) ${chance(state.n.at(look, i, "p_good"))}`;
  view.onHover(plots[0], (x, y) => hover(nearestRun(plots[0], state, x, y), ({ candidate, seed, depth, value }) => {
    const { n, look } = state;
    const here = depth === void 0 ? "" : `seed ${seed}, depth ${depth} steps
${n.metric} ${value.toPrecision(4)}
`;
    return `${n.names[candidate]}${n.state(look, candidate) === CHOSEN ? " (leads)" : ""}
${here}${ends(candidate, look)}`;
  }));
  view.onHover(plots[1], (x, y) => hover(nearestChance(plots[1], state, x, y), ({ candidate, look }) => {
    const { n } = state;
    return `${n.names[candidate]}
look ${look}, ${money(n.spent[look - 1])} spent
${ends(candidate, look)}`;
  }));
  plots[1].canvas.addEventListener("click", (event) => {
    if (state.n.looks) goTo(lookNear(state.n, costAt(plots[1], state, event.offsetX)));
  });
  const end = view.live(el, {
    parts: [run, error, refusal, verdict, because, actions, choices, legend, view.area, next, table.node, told, source],
    painting,
    stops: [kernel.done, traits.flush, () => clearTimeout(quiet)],
    heard: { _progress: news, _seen: view.schedule, _answer: answered, look: view.schedule, selected: view.schedule, comm_live_update: comm }
  });
  news();
  return end;
}
var selection_monitor_default = { render };
export {
  selection_monitor_default as default
};
