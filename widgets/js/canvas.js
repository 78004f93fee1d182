// What is drawn: the frame of a picture with its axes, lines, marks, words.

import { clamp } from "./numbers.js";
import { scaled, tickText, ticksOf } from "./axis.js";

const MARGIN = { left: 66, right: 16, top: 12, bottom: 46 };

/** The frame of `plot` with the axes `x` and `y` (see `scaled`); `inset` keeps marks at the ends off the frame. */
export function frameOf(plot, x, y, inset = 0) {
  const [x0, x1] = [MARGIN.left, plot.width - MARGIN.right];
  const [y0, y1] = [plot.height - MARGIN.bottom, MARGIN.top];
  return { x0, x1, y0, y1, x: scaled(x, x0 + inset, x1 - inset), y: scaled(y, y0 - inset, y1 + inset) };
}

const named = (axis, room) => axis.ticks ?? ticksOf(axis, Math.max(3, Math.floor(room))).map((v) => [v, tickText(v)]);

/** Axes with their titles; the ticks are those of an axis ([value, text]), or chosen; those without room are left out. */
export function drawAxes(ctx, f, look, plot, xTitle, yTitle, grid = false) {
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

/** An empty frame that says why. */
export function emptyFrame(ctx, look, plot, text) {
  const f = frameOf(plot, { from: 0, to: 1 }, { from: 0, to: 1 });
  ctx.strokeStyle = look.grid;
  ctx.lineWidth = 1;
  ctx.strokeRect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  write(ctx, look, text, (f.x0 + f.x1) / 2, (f.y0 + f.y1) / 2, { font: "13px", align: "center", colour: look.muted, halo: false });
}

export function inFrame(ctx, f, draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  ctx.clip();
  draw();
  ctx.restore();
}

export function startPaint(plot) {
  const ctx = plot.canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, plot.width, plot.height);
  return ctx;
}

// ---- lines and areas ----

export function trace(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
}

export function polygon(ctx, points, fill) {
  trace(ctx, points);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
}

export function polyline(ctx, points, stroke, width, dash = []) {
  if (points.length < 2) return;
  trace(ctx, points);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Line across the frame at a height, and upright at a place. */
export const across = (ctx, f, y, ...style) => polyline(ctx, [[f.x0, y], [f.x1, y]], ...style);
export const upright = (ctx, f, x, ...style) => polyline(ctx, [[x, f.y0], [x, f.y1]], ...style);

/** A small arrow for a point that lies beyond the end of an axis. */
export function beyond(ctx, look, x, y, dx, dy) {
  const [cx, cy] = [x + 10 * dx, y - 10 * dy];
  polyline(ctx, [[cx - 4 * (dx + dy), cy + 4 * (dy - dx)], [cx, cy], [cx + 4 * (dy - dx), cy + 4 * (dy + dx)]], look.text, 1.5);
}

// ---- marks: kinds are told apart by their shapes, without their colours ----

const corners = (...points) => (ctx, x, y, r) => {
  points.forEach(([dx, dy], i) => (i ? ctx.lineTo(x + dx * r, y + dy * r) : ctx.moveTo(x + dx * r, y + dy * r)));
  ctx.closePath();
};
const SHAPES = {
  circle: (ctx, x, y, r) => ctx.arc(x, y, r, 0, 2 * Math.PI),
  triangle: corners([0, -1.15], [1.1, 0.85], [-1.1, 0.85]),
  square: corners([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]),
  diamond: corners([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]),
  down: corners([-1, -0.8], [1, -0.8], [0, 1]),
};

export function mark(ctx, shape, x, y, r, fill, stroke, width = 1.5) {
  ctx.beginPath();
  SHAPES[shape](ctx, x, y, r);
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.stroke();
}

// ---- words ----

export function textWidth(ctx, look, text, font = "12px") {
  ctx.font = `${font} ${look.font}`;
  return ctx.measureText(text).width;
}

/** Text, with an edge in the page's colour (`halo`), so that it reads on lines and shades. */
export function write(ctx, look, text, x, y, { font = "12px", align = "left", base = "middle", colour = look.text, halo = true } = {}) {
  Object.assign(ctx, { font: `${font} ${look.font}`, textAlign: align, textBaseline: base, fillStyle: colour });
  if (halo) {
    Object.assign(ctx, { lineWidth: 3, lineJoin: "round", strokeStyle: look.page });
    ctx.strokeText(text, x, y);
  }
  ctx.fillText(text, x, y);
}

/** Text around `x`, kept inside the frame. */
export function writeInside(ctx, f, look, text, x, y, font = "12px") {
  const width = textWidth(ctx, look, text, font);
  write(ctx, look, text, clamp(x - width / 2, f.x0 + 4, Math.max(f.x0 + 4, f.x1 - width - 2)), y, { font });
}

export const LINE = 16; // px from one text to the next above it

/** Texts around their x, or `beside` it, inside the frame; one that would lie on another steps aside, by a line or more, up or down. */
export function writeApart(ctx, f, look, labels) {
  const taken = [];
  for (const { text, x, y, font = "12px", beside = false } of labels) {
    const width = textWidth(ctx, look, text, font);
    const from = beside ? (x + width + 8 < f.x1 ? x + 6 : x - 6 - width) : x - width / 2;
    const left = clamp(from, f.x0 + 4, Math.max(f.x0 + 4, f.x1 - width - 2));
    const right = left + width;
    const free = (at) => at >= f.y1 + 6 && at <= f.y0 - 6 && taken.every((t) => left > t.right + 6 || right + 6 < t.left || Math.abs(at - t.at) >= LINE);
    const at = [0, -1, 1, -2, 2, -3, 3].map((k) => y + k * LINE).find(free) ?? y;
    write(ctx, look, text, left, at, { font });
    taken.push({ left, right, at });
  }
}
