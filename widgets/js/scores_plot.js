// Drawing of StaticScores: scores against what fine-tunes reached.

import { clip, endsOf, evenTicks } from "./axis.js";
import { drawAxes, emptyFrame, frameOf, inFrame, mark, polyline, startPaint, writeApart } from "./canvas.js";

const NAMED = 12; // rows whose names are written into the picture

const known = (view) => view.rows.filter((r) => Number.isFinite(r.reached) && Number.isFinite(r.value));
const silent = (r) => r.says === "nothing";

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

export function paintReached(plot, view, look) {
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

/** The row whose mark is nearest to a place in the picture. */
export function nearestReached(plot, view, x, y) {
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
