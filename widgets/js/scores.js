// What StaticScores shows of the records that the kernel sent. Pure: no page is needed here.

import { number } from "./axis.js";

const NUMBERS = ["value", "lower", "upper", "null", "place", "shade", "reached", "reached_lower", "reached_upper", "seeds"];

/** The records with numbers where JSON has words. */
export const recordsOf = (sent) => sent.records.map((record) => ({
  ...record, ...Object.fromEntries(NUMBERS.map((name) => [name, number(record[name])])),
  controls: record.controls.map(([name, value]) => [name, number(value)]),
}));

/** The rows of a data set by a score, in the order that is asked for; what is not known comes last. */
export function ordered(records, { data, method, order, better }) {
  const here = records.filter((r) => r.data === data && r.method === method);
  if (order === "given") return here;
  if (order === "name") return here.sort((a, b) => (a.row < b.row ? -1 : a.row > b.row ? 1 : 0));
  const [key, sign] = order === "reached" ? ["reached", 1] : ["value", better === "lower" ? -1 : 1];
  const last = (r) => (Number.isNaN(r[key]) ? -Infinity : sign * r[key]);
  return here.sort((a, b) => (last(b) === last(a) ? 0 : last(b) - last(a)));
}

/** The cells of a map, `cells[row][data set]` of one score; undefined where there is none. */
export function mapOf(records, method, rows, sets) {
  const place = new Map(records.filter((r) => r.method === method).map((r) => [`${r.row}\n${r.data}`, r]));
  return rows.map((row) => sets.map((data) => place.get(`${row}\n${data}`)));
}

/** What an order by a score says of how fine-tunes ended, in words; empty where there is nothing to say. */
export function agreementWords({ method, rows, tau, p, chance }, of) {
  if (of !== "models") return "";
  const t = number(tau);
  if (Number.isNaN(t)) return rows ? `${rows} fine-tune${rows === 1 ? "" : "s"} known: no order to compare with.` : "";
  const said = `Kendall's tau of ${method} with what ${rows} fine-tunes reached: ${t.toFixed(2).replace("-", "−")}`;
  return chance ? `${said}. An order dealt at random does as well with probability ${number(p).toFixed(2)}: this says nothing yet.` : `${said} (p ${number(p).toPrecision(2)}).`;
}
