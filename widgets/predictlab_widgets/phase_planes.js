// Drawing of PhaseDiagram's two planes on canvases. phase_numbers.js comes before this in the same module.

const SHAPES = ["circle", "triangle", "square"];
const LABELLED = 14; // up to this many tasks carry their names in the planes
const RINGED = 200; // up to this many, rings tell the probabilities and trails where each came from; beyond, paleness
const TRAILED = 2000; // up to this many, those that crossed still leave a trail
const SURE = 0.995; // of a probability, from which a ring would say nothing
const MARGIN = { left: 54, right: 14, top: 10, bottom: 46 };

/** Scale that is linear near zero and logarithmic above `knee`, so that 0 and 30 can be on one axis. */
function symlog(knee, max) {
  const top = Math.log1p(max / knee);
  return {
    max,
    at: (v) => Math.log1p(Math.max(v, 0) / knee) / top,
    inverse: (u) => Math.expm1(u * top) * knee,
  };
}

function linear(max) {
  return { max, at: (v) => Math.max(v, 0) / max, inverse: (u) => u * max };
}

function frame(plane) {
  const { width, height } = plane;
  const [x0, x1] = [MARGIN.left, width - MARGIN.right];
  const [y0, y1] = [height - MARGIN.bottom, MARGIN.top];
  const inset = 9; // keeps markers at zero off the axis
  return {
    x0, x1, y0, y1,
    x: (v) => x0 + inset + Math.min(plane.xScale.at(v), 1) * (x1 - x0 - 2 * inset),
    y: (v) => y0 - inset - Math.min(plane.yScale.at(v), 1) * (y0 - y1 - 2 * inset),
    xInverse: (px) => plane.xScale.inverse((px - x0 - inset) / (x1 - x0 - 2 * inset)),
  };
}

function axes(ctx, plane, f, look) {
  ctx.strokeStyle = look.grid;
  ctx.fillStyle = look.muted;
  ctx.lineWidth = 1;
  ctx.font = `11px ${look.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  let last = -Infinity;
  for (const tick of plane.xTicks) {
    const x = f.x(tick);
    if (x - last < 36 || x > f.x1) continue;
    last = x;
    polyline(ctx, [[x, f.y0], [x, f.y1]], look.grid, 1);
    ctx.fillText(tickText(tick), x, f.y0 + 5);
  }
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  last = Infinity;
  for (const tick of plane.yTicks) {
    const y = f.y(tick);
    if (last - y < 14) continue;
    last = y;
    polyline(ctx, [[f.x0, y], [f.x1, y]], look.grid, 1);
    ctx.fillText(String(tick), f.x0 - 6, y);
  }
  polyline(ctx, [[f.x0, f.y1], [f.x0, f.y0], [f.x1, f.y0]], look.muted, 1);
  ctx.fillStyle = look.text;
  ctx.font = `12px ${look.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText(plane.xTitle, (f.x0 + f.x1) / 2, plane.height - 4);
  ctx.save();
  ctx.translate(4, (f.y0 + f.y1) / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textBaseline = "top";
  ctx.fillText(plane.yTitle, 0, 0);
  ctx.restore();
}

function regionName(ctx, look, [k, x, y]) {
  ctx.font = `600 12px ${look.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  haloText(ctx, look, REGIMES[k], x, y, look.colours[k]);
}

function tint(look, k) {
  return look.colours[k] + (look.dark ? "26" : "1c");
}

/** Shade the regions of a plane and draw its boundaries; where the regions' names go: [regime, x, y]. */
function budgetRegions(ctx, plane, f, look) {
  const edge = [];
  for (let s = 0; s <= 60; s++) {
    const x = s / 60;
    edge.push([f.x(x), f.y(1 - x)]);
  }
  const xOne = f.x(1);
  const diagonal = [[f.x0, edge[0][1]], ...edge, [xOne, f.y0]];
  polygon(ctx, [[f.x0, f.y0], ...diagonal], tint(look, 0));
  polygon(ctx, [[f.x0, f.y1], ...diagonal, [xOne, f.y1]], tint(look, 1));
  polygon(ctx, [[xOne, f.y0], [xOne, f.y1], [f.x1, f.y1], [f.x1, f.y0]], tint(look, 2));
  axes(ctx, plane, f, look);
  polyline(ctx, diagonal, look.text, 1.5);
  polyline(ctx, [[xOne, f.y0], [xOne, f.y1]], look.text, 1.5);
  const middle = (f.x0 + xOne) / 2;
  return [[1, middle, f.y1 + 12], [2, (f.x1 + xOne) / 2, f.y1 + 12], [0, middle - 16, f.y(0.22)]];
}

function theoryRegions(ctx, plane, f, look, state) {
  const xTau = Math.min(f.x(state.tolerance), f.x1);
  const logBudget = Math.log(state.budget);
  const edge = [];
  for (let x = f.x0; x <= xTau; x += 2) {
    const limit = Math.max(0, f.xInverse(x));
    // alpha_B(L_int) = ln(K / (tau - L_int)) / ln B
    const need = Math.log(state.boundaryScale / (state.tolerance - limit));
    const rate = logBudget > 0 ? need / logBudget : need > 0 ? Infinity : -Infinity;
    edge.push([x, Math.max(f.y1, rate <= 0 || Number.isNaN(rate) ? f.y0 : plane.unclamped(f, rate))]);
  }
  edge.push([xTau, edge.length && state.boundaryScale > 0 ? f.y1 : f.y0]);
  polygon(ctx, [[f.x0, f.y1], ...edge, [xTau, f.y1]], tint(look, 0));
  polygon(ctx, [[f.x0, f.y0], ...edge, [xTau, f.y0]], tint(look, 1));
  polygon(ctx, [[xTau, f.y0], [xTau, f.y1], [f.x1, f.y1], [f.x1, f.y0]], tint(look, 2));
  axes(ctx, plane, f, look);
  polyline(ctx, edge.filter(([, y]) => y > f.y1 && y < f.y0), look.text, 1.5);
  polyline(ctx, [[xTau, f.y0], [xTau, f.y1]], look.text, 1.5);
  const middle = (f.x0 + xTau) / 2;
  const height = edge[Math.floor(edge.length / 2) - 1]?.[1] ?? f.y0;
  const names = [];
  const wide = xTau - f.x0 > 110;
  if (wide && height - f.y1 > 26) names.push([0, middle, f.y1 + 12]);
  if (wide && f.y0 - height > 26) names.push([1, middle, f.y0 - 12]);
  if (f.x1 - xTau > 110) names.push([2, (xTau + f.x1) / 2, f.y1 + 12]);
  return names;
}

/** Add a marker to the path; each kind has a shape of its own. */
function addMarker(ctx, shape, x, y, r) {
  if (shape === "circle") {
    ctx.moveTo(x + r, y);
    ctx.arc(x, y, r, 0, 2 * Math.PI);
  } else if (shape === "square") ctx.rect(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r);
  else if (shape === "diamond") {
    ctx.moveTo(x, y - r * 1.25);
    for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0]]) ctx.lineTo(x + dx * r * 1.25, y + dy * r * 1.25);
    ctx.closePath();
  } else {
    ctx.moveTo(x, y - r * 1.15);
    ctx.lineTo(x + r * 1.1, y + r * 0.85);
    ctx.lineTo(x - r * 1.1, y + r * 0.85);
    ctx.closePath();
  }
}

function marker(ctx, shape, x, y, r) {
  ctx.beginPath();
  addMarker(ctx, shape, x, y, r);
}

function drawPoint(ctx, look, state, t, x, y, r) {
  const k = state.likely[t];
  marker(ctx, state.called[t] ? SHAPES[k] : "diamond", x, y, r);
  ctx.lineWidth = 2;
  if (state.called[t]) {
    ctx.fillStyle = look.colours[k];
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = look.page;
  } else {
    ctx.fillStyle = look.page; // hollow, in the colour of what it leans to: Undetermined
    ctx.fill();
    ctx.strokeStyle = look.colours[k];
  }
  ctx.stroke();
}

/** Ring around a point, each regime's share of it as long as its probability, from twelve o'clock on. */
function ring(ctx, look, p, t, x, y, r) {
  let from = -Math.PI / 2;
  ctx.lineWidth = 3;
  for (let k = 0; k < 3; k++) {
    const to = from + 2 * Math.PI * p[3 * t + k];
    if (to - from > 0.01) {
      ctx.beginPath();
      ctx.arc(x, y, r, from, to);
      ctx.strokeStyle = look.colours[k];
      ctx.stroke();
    }
    from = to;
  }
}

const LEVELS = [[0.7, 0.45], [0.9, 0.6], [SURE, 0.8], [Infinity, 1]]; // probability below which a point is this pale

/** Pictures of the markers, by level of certainty and code: copying one is far cheaper than drawing it again. */
function sprites(look, r) {
  const ratio = window.devicePixelRatio || 1;
  const half = Math.ceil(1.25 * r + 2);
  const images = LEVELS.map(([, alpha]) => [...Array(6).keys()].map((kind) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 2 * half * ratio;
    const ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    const k = kind % 3;
    marker(ctx, kind < 3 ? SHAPES[k] : "diamond", half, half, r);
    ctx.globalAlpha = alpha;
    ctx.fillStyle = ctx.strokeStyle = look.colours[k];
    ctx.lineWidth = 1.2;
    if (kind < 3) ctx.fill();
    else ctx.stroke();
    return canvas;
  }));
  return { images, half, key: `${look.dark} ${r} ${ratio}` };
}

/** Very many points, paler the less sure their regime is; the surer on top. */
function crowd(ctx, look, plane, state, r) {
  const { xs, ys, width, height } = plane;
  const key = `${look.dark} ${r} ${window.devicePixelRatio || 1}`;
  if (plane.sprites?.key !== key) plane.sprites = sprites(look, r);
  const { images, half } = plane.sprites;
  const ratio = window.devicePixelRatio || 1;
  const size = 2 * half;
  const level = new Uint8Array(xs.length);
  for (let t = 0; t < xs.length; t++) {
    const share = state.p[3 * t + state.likely[t]];
    while (share >= LEVELS[level[t]][0]) level[t] += 1;
  }
  for (let which = 0; which < LEVELS.length; which++) {
    for (let t = 0; t < xs.length; t++) {
      if (level[t] !== which || !(xs[t] < width) || !(ys[t] < height)) continue;
      const x = Math.round((xs[t] - half) * ratio) / ratio; // on whole pixels, so that it is a plain copy
      const y = Math.round((ys[t] - half) * ratio) / ratio;
      ctx.drawImage(images[which][code(state, t)], x, y, size, size);
    }
  }
}

function labels(ctx, look, f, spots, order, selected) {
  ctx.font = `11px ${look.font}`;
  ctx.textBaseline = "middle";
  const around = Object.fromEntries(order.map((t) => [t, [spots[t][0] - 9, spots[t][1] - 9, spots[t][0] + 9, spots[t][1] + 9]]));
  const taken = Object.values(around);
  for (const t of order) {
    const [x, y, name] = spots[t];
    if (Number.isNaN(x)) continue;
    const text = clip(name, 26);
    const w = ctx.measureText(text).width;
    const gap = t === selected ? 18 : 13;
    const places = [
      [x + gap, y, "left"], [x - gap, y, "right"], [x, y - 15, "center"], [x, y + 15, "center"],
      [x + 9, y - 13, "left"], [x - 9, y - 13, "right"], [x + 9, y + 13, "left"], [x - 9, y + 13, "right"],
    ];
    for (const [px, py, align] of places) {
      const left = align === "left" ? px : align === "right" ? px - w : px - w / 2;
      const box = [left, py - 7, left + w, py + 7];
      if (box[0] < f.x0 + 2 || box[2] > f.x1 + MARGIN.right || box[1] < f.y1 + 20 || box[3] > f.y0) continue;
      const own = around[t];
      if (taken.some((b) => b !== own && box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) continue;
      taken.push(box);
      ctx.textAlign = align;
      haloText(ctx, look, text, px, py, look.text);
      break;
    }
  }
}

/** Intervals of one task along both axes. */
function whiskers(ctx, look, f, x, y, [left, right], [bottom, top]) {
  polyline(ctx, [[f.x(left), y], [f.x(right), y]], look.text, 1.5);
  polyline(ctx, [[x, f.y(bottom)], [x, f.y(top)]], look.text, 1.5);
}

/** The way of tasks from where they stood before the last move: of each, or of many only those that crossed. */
function trails(ctx, plane, f, look, state) {
  const { before, data } = state;
  if (!before || !plane.moves || (before.budget === state.budget && before.tolerance === state.tolerance)) return;
  const then = { data, budget: before.budget, tolerance: before.tolerance };
  const ways = new Map(); // one path for all that look alike
  for (let t = 0; t < data.size; t++) {
    const crossed = before.codes[t] !== code(state, t);
    if (data.size > RINGED && !(crossed && data.size <= TRAILED) && t !== state.selected) continue;
    const [vx, vy] = plane.place(then, t);
    const [x, y] = [f.x(vx), f.y(vy)];
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    const key = 2 * state.likely[t] + crossed;
    if (!ways.has(key)) ways.set(key, []);
    ways.get(key).push([x, y, plane.xs[t], plane.ys[t]]);
  }
  for (const [key, lines] of ways) {
    const crossed = key & 1;
    ctx.fillStyle = ctx.strokeStyle = look.colours[key >> 1];
    ctx.globalAlpha = data.size > RINGED ? 0.35 : crossed ? 0.9 : 0.4;
    ctx.lineWidth = data.size > RINGED ? 1 : crossed ? 2.5 : 1.5;
    ctx.beginPath();
    for (const [x0, y0, x1, y1] of lines) {
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
    }
    ctx.stroke();
    if (data.size > RINGED) continue;
    for (const [x, y] of lines) ctx.fillRect(x - 2, y - 2, 4, 4);
  }
  ctx.globalAlpha = 1;
}

function paintPlane(plane, state, look) {
  const ctx = startPaint(plane);
  const f = frame(plane);
  const names = plane.regions(ctx, plane, f, look, state);
  const { data, selected } = state;
  const few = data.size <= LABELLED;
  const many = data.size > RINGED;
  if (few) names.forEach((name) => regionName(ctx, look, name));
  const r = data.size > 2000 ? 2.5 : many ? 3.5 : 6;
  if (plane.xs?.length !== data.size) Object.assign(plane, { xs: new Float64Array(data.size), ys: new Float64Array(data.size) });
  const { xs, ys } = plane;
  plane.fill(state, xs, ys);
  for (let t = 0; t < data.size; t++) {
    xs[t] = f.x(xs[t]);
    ys[t] = f.y(ys[t]);
  }
  trails(ctx, plane, f, look, state);
  if (selected >= 0) plane.detail(ctx, plane, f, look, state, selected);
  if (many) crowd(ctx, look, plane, state, r);
  const order = many ? [] : [...Array(data.size).keys()].filter((t) => t !== selected);
  if (selected >= 0) order.push(selected);
  for (const t of order) {
    const [x, y] = [xs[t], ys[t]];
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    const ringed = !many && state.p[3 * t + state.likely[t]] < SURE;
    if (ringed) ring(ctx, look, state.p, t, x, y, r + 4);
    if (t === selected) {
      ctx.beginPath();
      ctx.arc(x, y, Math.max(r, 6) + (ringed ? 8 : 5), 0, 2 * Math.PI);
      ctx.strokeStyle = look.text;
      ctx.lineWidth = 1.5;
      ctx.stroke();
    }
    drawPoint(ctx, look, state, t, x, y, t === selected ? Math.max(r, 6) : r);
    if (few || t === selected) {
      const [vx, vy] = plane.place(state, t);
      if (vx > plane.xScale.max) beyond(ctx, look, x, y, 1, 0);
      if (vy > plane.yScale.max) beyond(ctx, look, x, y, 0, 1);
    }
  }
  if (!few) names.forEach((name) => regionName(ctx, look, name)); // else a crowd of points would cover them
  if (few || selected >= 0) {
    const named = few ? order.reverse() : [selected];
    const spots = Object.fromEntries(named.map((t) => [t, [xs[t], ys[t], data.names[t]]]));
    labels(ctx, look, f, spots, named, selected);
  }
}

function makePlanes(data) {
  const ticks = (from, to) => {
    const out = [0];
    for (let k = Math.floor(Math.log10(from)); k <= Math.log10(to); k++) out.push(10 ** k, 3 * 10 ** k);
    return out.filter((v) => v === 0 || (v >= from && v <= to));
  };
  const finite = (values) => values.filter(Number.isFinite);
  const column = (k) => finite(data.middle.filter((_, i) => i % 3 === k));
  const middle = Math.sqrt(data.grid.tolerance[0] * data.grid.tolerance[data.grid.tolerance.length - 1]);
  const limitMax = Math.min(Math.max(4 * middle, 1.3 * column(0).reduce((a, b) => Math.max(a, b), 0)), 1000 * middle);
  const rateMax = Math.min(6, Math.max(2, Math.ceil(2.3 * column(2).reduce((a, b) => Math.max(a, b), 0)) / 2));
  const budgetPlane = {
    name: "Budget plane", note: "boundaries stand still; tasks sink as the budget grows",
    xScale: symlog(0.1, 10), yScale: symlog(0.1, 30), xTicks: [0, 0.1, 0.3, 1, 3, 10], yTicks: [0, 0.1, 0.3, 1, 3, 10, 30],
    xTitle: "L_int / τ   (floor, in tolerances)", yTitle: "V_opt(B) / τ   (left to resolve)",
    regions: budgetRegions, moves: true,
    fill({ data: d, budget, tolerance }, xs, ys) {
      const at = knot(d, budget);
      for (let t = 0; t < d.size; t++) {
        xs[t] = d.middle[3 * t] / tolerance;
        ys[t] = atKnot(d, t, 1, at) / tolerance;
      }
    },
    place: ({ data: d, budget, tolerance }, t) => [d.middle[3 * t] / tolerance, optVariance(d, t, 1, budget) / tolerance],
    detail(ctx, plane, f, look, { data: d, budget, tolerance, depths }, t) {
      const [x, y] = [plane.xs[t], plane.ys[t]];
      const from = f.y(optVariance(d, t, 1, d.grid.budget[0]) / tolerance);
      polyline(ctx, [[x, from], [x, y]], look.text, 1, [2, 4]); // the way it came
      whiskers(ctx, look, f, x, y, [d.low[3 * t] / tolerance, d.high[3 * t] / tolerance],
        [optVariance(d, t, 0, budget) / tolerance, optVariance(d, t, 2, budget) / tolerance]);
      if (!depths || !(depths[t] > 0)) return;
      const there = f.y(optVariance(d, t, 1, depths[t]) / tolerance); // where the depth worth paying for would take it
      polyline(ctx, [[x - 9, there], [x + 9, there]], look.text, 2.5);
      ctx.font = `600 11px ${look.font}`;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      haloText(ctx, look, "c*", x + 12, there, look.text);
    },
  };
  const theoryPlane = {
    name: "Theory plane", xScale: symlog(middle / 10, limitMax), yScale: linear(rateMax),
    xTicks: ticks(middle / 20, limitMax), yTicks: [...Array(13).keys()].map((i) => i / (rateMax > 3 ? 1 : 2)).filter((v) => v <= rateMax),
    xTitle: "intrinsic limit L_int   (metric²)", yTitle: "decay rate α",
    regions: theoryRegions,
    fill({ data: d }, xs, ys) {
      for (let t = 0; t < d.size; t++) [xs[t], ys[t]] = [d.middle[3 * t], d.middle[3 * t + 2]];
    },
    unclamped: (f, rate) => f.y(0) - (rate / rateMax) * (f.y(0) - f.y(rateMax)),
    place: ({ data: d }, t) => [d.middle[3 * t], d.middle[3 * t + 2]],
    detail(ctx, plane, f, look, { data: d }, t) {
      const [x, y] = [plane.xs[t], plane.ys[t]];
      whiskers(ctx, look, f, x, y, [d.low[3 * t], d.high[3 * t]], [d.low[3 * t + 2], d.high[3 * t + 2]]);
    },
  };
  return [budgetPlane, theoryPlane];
}
