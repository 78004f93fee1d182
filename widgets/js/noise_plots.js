// Drawing of NoiseExplorer: what is observed of alike and of different recipes, and what more runs would show.

import { endsOf, roundUp, short } from "./axis.js";
import { across, drawAxes, frameOf, inFrame, mark, polygon, polyline, startPaint, upright, writeApart } from "./canvas.js";
import { smallestDifference } from "./power.js";

const SAMPLES = 160;
export const SEEDS = [2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64];
const density = (x, centre, sd) => Math.exp(-(((x - centre) / sd) ** 2) / 2) / sd;

/** Half of the axis of differences: it stands still until the law would leave it, or become a needle in it. */
function reachOf(state) {
  const wanted = 3.2 * state.found.of + state.s.difference;
  if (!state.reach || wanted > state.reach || wanted < state.reach / 4) state.reach = roundUp(1.3 * wanted) || 1;
  return state.reach;
}

export function paintShown(plot, state, look) {
  const ctx = startPaint(plot);
  const { s, found } = state;
  const reach = reachOf(state);
  const top = 1.18 * density(0, 0, found.of);
  const f = frameOf(plot, { from: -reach, to: reach }, { from: 0, to: top });
  const [, orange, blue] = look.colours;
  const curve = (centre) => Array.from({ length: SAMPLES + 1 }, (_, i) => {
    const x = f.x.from + (i / SAMPLES) * (f.x.to - f.x.from);
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
    if (state.known.observed !== undefined) upright(ctx, f, f.x.at(Number(state.known.observed)), look.text, 2);
  });
  const peak = f.y.at(density(0, 0, found.of)) - 9;
  const labels = [{ text: "alike", x: f.x.at(0), y: peak }, { text: `differ by ${short(s.difference)}`, x: f.x.at(s.difference), y: peak, font: "600 12px" }];
  if (state.known.observed !== undefined) {
    const observed = Number(state.known.observed);
    labels.push({ text: `observed ${short(observed)}`, x: f.x.at(observed), y: f.y0 - 12, beside: true });
  }
  if (!Number.isFinite(found.called)) labels.push({ text: "one run each: nothing is called", x: (f.x0 + f.x1) / 2, y: f.y0 - 30 });
  writeApart(ctx, f, look, labels);
  drawAxes(ctx, f, look, plot, `observed difference   (${state.metric || "metric"})`, "how often");
}

export function paintTaken(plot, state, look) {
  const ctx = startPaint(plot);
  const { s, found, power } = state;
  const line = (n, run_sd = s.run_sd) => SEEDS.map((seeds) => [seeds, smallestDifference({ ...s, run_sd, seeds, rows: n }, power)]);
  const now = line(s.rows);
  const all = s.interaction > 0 && s.run_sd > 0 ? line(Infinity) : [];
  const band = state.untouched ? state.known.run_sd.map((sd) => line(s.rows, Number(sd))) : null;
  const values = [...now, ...all, ...(band?.[1] ?? [])].map(([, v]) => v).concat(s.difference);
  const axis = endsOf(values, true, 0.1);
  // the axis keeps its decade, so that the lines are seen to move
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
  const at = s.seeds > 2 && s.seeds < 12 ? 0 : 3; // clear of the mark
  const named = [{ text: Number.isFinite(s.rows) ? `${short(s.rows)} rows` : "these rows", x: f.x.at(SEEDS[at]), y: f.y.at(now[at][1]) - 12, font: "600 12px" }];
  if (all.length && all[last][1] < 0.93 * now[last][1]) named.push({ text: "all rows", x: f.x.at(SEEDS[last]), y: f.y.at(all[last][1]) + 13 });
  if (s.seeds < 2) named.push({ text: "one run each: never", x: f.x.at(1), y: f.y1 + 14 });
  named.push({ text: `difference ${short(s.difference)}`, x: f.x1, y: f.y.held(s.difference) - 9 });
  writeApart(ctx, f, look, named);
  if (s.seeds >= 2 && f.y.holds(found.smallest)) mark(ctx, "circle", f.x.held(s.seeds), f.y.at(found.smallest), 5.5, look.text, look.page);
  drawAxes(ctx, f, look, plot, "runs of each recipe", `difference seen in ${(100 * power).toFixed(0)} of 100   (${state.metric || "metric"})`);
}
