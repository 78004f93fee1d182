// Scales of axes, their ticks, positions of sliders, numbers as they are read. Pure: no page is needed here.

import { clamp } from "./numbers.js";

/** Scale from values to pixels: logarithmic (`log`), linear near zero and logarithmic above a `knee`, or linear. */
export function scaled(axis, start, end) {
  const { from, to, log, knee } = axis;
  const [f, back] = log ? [Math.log, Math.exp] : knee ? [(v) => Math.log1p(v / knee), (u) => Math.expm1(u) * knee] : [(v) => v, (v) => v];
  const [a, b] = [f(from), f(to)];
  const at = (v) => start + ((f(v) - a) / (b - a)) * (end - start);
  return {
    ...axis, at,
    held: (v) => at(clamp(v, from, to)),
    value: (px) => back(a + ((px - start) / (end - start)) * (b - a)),
    holds: (v) => v >= from - 1e-9 * Math.abs(from) && v <= to + 1e-9 * Math.abs(to),
  };
}

/** Ends around positive (log) or any (linear) values, a little wider. */
export function endsOf(values, log, pad = 0.06) {
  const kept = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
  const [low, high] = [Math.min(...kept), Math.max(...kept)];
  if (log) {
    const wide = Math.max(high / low, 1.2) ** pad;
    return { from: low / wide, to: high * wide, log };
  }
  const wide = (high - low || Math.abs(high) || 1) * pad;
  return { from: low >= 0 && low - wide < 0 ? 0 : low - wide, to: high + wide, log };
}

/** Least of 1, 2, 5 times a power of ten that is at least `value`. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((k) => k * power).find((v) => v >= value * (1 - 1e-9));
}

/** Values to name along an axis that has room for so many. */
export function ticksOf({ from, to, log }, room) {
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

/** Slider positions: log-spaced and rounded as they are read, 0 first where it is allowed; wide enough for `value`. */
export function positions({ low, high, zero, step }, value) {
  const [a, b] = value > 0 ? [Math.min(low, value), Math.max(high, value)] : [low, high];
  const out = zero ? [0] : [];
  const round = (v) => Number(v.toPrecision(3));
  const put = (v) => { if (v > (out.at(-1) ?? 0)) out.push(v); };
  if (step) for (let i = Math.round(a / step); i <= Math.ceil(b / step - 1e-9); i++) put(round(i * step));
  else {
    const m = 30 * Math.max(1, Math.round(Math.log10(b / a)));
    for (let i = 0; i <= m; i++) put(round(a * (b / a) ** (i / m)));
  }
  return out;
}

/** Position nearest to `value`; on log scales 0 is a place of its own. */
export function position(grid, value) {
  const exact = grid.indexOf(value);
  if (exact >= 0) return exact;
  let best = grid[0] === 0 ? 1 : 0;
  const off = (i) => Math.abs(Math.log(grid[i] / value));
  for (let i = best + 1; i < grid.length; i++) if (off(i) < off(best)) best = i;
  return best;
}

// ---- numbers as they are read ----

export const number = Number; // the kernel writes what JSON does not have as words

export function short(value) {
  if (!Number.isFinite(value)) return value > 0 ? "never" : "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    const digits = Number(value.toPrecision(3)) === Number(value.toPrecision(2)) ? 1 : 2;
    return value.toExponential(digits).replace(/\.0+e/, "e").replace("e+", "e").replace("-", "−");
  }
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false });
}

/** An estimate or the end of an interval, which may be unbounded or unknown. */
export const bound = (v) => (v === Infinity ? "unbounded" : Number.isNaN(v) ? "–" : short(v));
export const interval = ([low, high]) => `[${bound(number(low))}, ${bound(number(high))}]`;

export function tickText(value) {
  if (value < 0) return `−${tickText(-value)}`;
  if (value === 0 || (value >= 0.01 && value < 1e4)) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}

/** Ticks of a linear axis with texts that differ, however narrow it is: as many decimals as their step has. */
export function evenTicks(axis, room) {
  const ticks = ticksOf(axis, room);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
  const digits = step > 0 ? Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) : 0;
  if (!step || digits > 5 || Math.max(...ticks.map(Math.abs)) >= 1e5) return ticks.map((v) => [v, tickText(v)]);
  return ticks.map((v) => [v, v.toFixed(digits).replace("-", "−")]);
}

export const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
