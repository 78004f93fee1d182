// Strips: what a row of a table says, drawn in one of its cells, on a scale that all rows share. Text alone: no page is needed.

import { clamp } from "./numbers.js";
import { evenTicks, scaled } from "./axis.js";

const HEIGHT = 20;
const PATHS = {
  circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z", diamond: "M0-5L5 0L0 5L-5 0Z", triangle: "M0-5L5 4H-5Z", square: "M-3.6-3.6H3.6V3.6H-3.6Z",
};

/** Scale of a strip that holds `values`, to percent of its cell. */
export function stripScale(values) {
  const kept = values.filter(Number.isFinite);
  const [low, high] = kept.length ? [Math.min(...kept), Math.max(...kept)] : [0, 1];
  const pad = ((high - low) || Math.abs(high) || 1) * 0.04;
  return scaled({ from: low - pad, to: high + pad }, 0, 100);
}

const percent = (scale, v) => clamp(scale.at(v), 0, 100).toFixed(2);

export const strip = (...parts) => `<svg class="plw-strip" width="100%" height="${HEIGHT}" aria-hidden="true">${parts.filter(Boolean).join("")}</svg>`;

/** Area between two values; an infinite one is the end of the cell. */
export function area(scale, low, high, className) {
  if (Number.isNaN(low) || Number.isNaN(high)) return "";
  const [a, b] = [low, high].map((v) => (v === -Infinity ? 0 : v === Infinity ? 100 : Number(percent(scale, v))));
  return `<rect class="${className}" x="${a}%" width="${Math.max(b - a, 0).toFixed(2)}%" y="1" height="${HEIGHT - 2}"/>`;
}

export function rule(scale, low, high, className) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
  return `<line class="${className}" x1="${percent(scale, low)}%" x2="${percent(scale, high)}%" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/>`;
}

export function tick(scale, v, className) {
  if (!Number.isFinite(v)) return "";
  return `<line class="${className}" x1="${percent(scale, v)}%" x2="${percent(scale, v)}%" y1="2" y2="${HEIGHT - 2}"/>`;
}

export function spot(scale, v, shape, className) {
  if (!Number.isFinite(v)) return "";
  return `<svg class="${className}" x="${percent(scale, v)}%" y="${HEIGHT / 2}" overflow="visible"><path d="${PATHS[shape]}"/></svg>`;
}

/** The axis of the strips below: ticks with their texts, those at the ends kept inside. */
export function stripAxis(scale, room = 4) {
  const texts = evenTicks(scale, room).map(([v, text], i) => {
    const at = scale.at(v);
    const anchor = at < 8 ? "start" : at > 92 ? "end" : "middle";
    // the odd ones are left out where there is little room
    return `<g class="${i % 2 ? "plw-strip-odd" : ""}"><line class="plw-strip-tick" x1="${at.toFixed(2)}%" x2="${at.toFixed(2)}%" y1="${HEIGHT - 4}" y2="${HEIGHT}"/>`
      + `<text class="plw-strip-text" x="${at.toFixed(2)}%" y="${HEIGHT - 7}" text-anchor="${anchor}">${text}</text></g>`;
  });
  return strip(...texts);
}
