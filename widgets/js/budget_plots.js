// Drawing of BudgetAllocator: the frontier, and what the next unit of budget is worth.

import { endsOf, short } from "./axis.js";
import { drawAxes, frameOf, inFrame, mark, polygon, polyline, startPaint, writeInside } from "./canvas.js";

function budgetFrame(plot, view, values) {
  const budgets = [view.tasks.least, view.most, view.budget];
  return frameOf(plot, endsOf(budgets, true, 0.03), endsOf(values, true, 0.08));
}

/** The point where the budget stands, named above and right of it, where a falling curve leaves room, or above. */
function markHere(ctx, f, look, view, value, text) {
  const [x, y] = [f.x.held(view.budget), f.y.held(value)];
  polyline(ctx, [[x, f.y0], [x, y]], look.text, 1.5, [2, 3]);
  mark(ctx, "circle", x, y, 6, look.text, look.page);
  writeInside(ctx, f, look, text, x + 52, y - (f.x1 - x < 110 ? 38 : 16));
}

export function paintFrontier(plot, view, look) {
  const ctx = startPaint(plot);
  const { frontier, now, settled } = view;
  const band = settled?.band?.budget ? settled.band : null;
  const low = Math.min(...frontier.map((p) => p.risk)) / 3; // a lower end near 0 would leave no room for the rest
  const values = [...frontier.map((p) => p.risk), ...(band ? [...band.risk_upper, ...band.risk_lower.map((v) => Math.max(v, low))] : [])];
  const f = budgetFrame(plot, view, values);
  inFrame(ctx, f, () => {
    if (band) {
      const edge = (key) => band.budget.map((b, i) => [f.x.at(b), f.y.at(Math.max(band[key][i], low / 10))]);
      polygon(ctx, [...edge("risk_upper"), ...edge("risk_lower").reverse()], look.colours[2] + (look.dark ? "44" : "33"));
    }
    polyline(ctx, frontier.map((p) => [f.x.at(p.budget), f.y.at(p.risk)]), look.colours[2], 2.5);
    const budgets = Array.from({ length: 41 }, (_, i) => view.budget * 4 ** (i / 20 - 1)); // a straight line bends on log axes
    const slope = budgets.map((b) => [b, now.risk - now.multiplier * (b - view.budget)]).filter(([, r]) => r > f.y.from / 2);
    if (now.multiplier > 0) polyline(ctx, slope.map(([b, r]) => [f.x.at(b), f.y.at(r)]), look.colours[1], 2, [7, 4]);
    if (settled) polyline(ctx, settled.total.map((v) => [f.x.held(view.budget), f.y.held(Math.max(v, low))]), look.text, 3);
    markHere(ctx, f, look, view, now.risk, `risk ${short(now.risk)}`);
  });
  drawAxes(ctx, f, look, plot, "budget B   (cost)", `weighted risk   (${view.data.metric || "metric"}²)`);
}

export function paintWorth(plot, view, look) {
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
