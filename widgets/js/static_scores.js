// View of StaticScores: the kernel sends all scores once; what is shown of them is chosen here.

import { clip, interval, short } from "./axis.js";
import { messages } from "./kernel.js";
import { nearestReached, paintReached } from "./scores_plot.js";
import { agreementWords, mapOf, ordered, recordsOf } from "./scores.js";
import { area, rule, spot, strip, stripAxis, stripScale, tick } from "./strips.js";
import { element, legendOf, makeView, rowOf, setChildren, setOptions, setText, tableOf } from "./view.js";

const ORDERS = { score: "by score", reached: "by what was reached", name: "by name", given: "as given" };
const CONTROLS = { "largest class": "square", "bag of words": "diamond", "random weights": "triangle" };
const LEGEND = [
  ["score", "score with its interval", '<path stroke="var(--plw-2)" stroke-width="2.4" d="M1 7H25"/><circle fill="var(--plw-2)" stroke="none" cx="13" cy="7" r="4"/>'],
  ["silent", "says nothing", '<path d="M1 7H25"/><circle class="plw-hole" cx="13" cy="7" r="4"/>'],
  ["null", "what permuted labels reach", '<path fill="var(--plw-1)" fill-opacity="0.22" stroke="none" d="M1 1H17V13H1Z"/><path stroke="var(--plw-1)" stroke-width="2.5" d="M17 1V13"/>'],
  ["reached", "what fine-tunes reached", '<path stroke="var(--plw-0)" stroke-width="3" d="M13 1V13"/>'],
  ...Object.entries(CONTROLS).map(([name, shape]) => [name.replaceAll(" ", "-"), `control: ${name}`, {
    square: '<path class="plw-muted" d="M9.4 3.4H16.6V10.6H9.4Z"/>', diamond: '<path class="plw-muted" d="M13 2L18 7L13 12L8 7Z"/>', triangle: '<path class="plw-muted" d="M13 2L18 11H8Z"/>',
  }[shape]]),
];
const cellOf = (text, className = "") => element("td", { textContent: text, className });
const silent = (r) => r.says === "nothing";

function render({ model, el }) {
  const sent = model.get("_all");
  const records = recordsOf(sent);
  const one = sent.of.slice(0, -1);
  const plots = sent.reached ? [{ name: "Scores and fine-tunes", paint: paintReached }] : [];
  const view = makeView(model, { name: "scores", label: "Static scores", plots });
  const method = element("select", { className: "plw-method" });
  const data = element("select", { className: "plw-data" });
  const order = element("select", { className: "plw-order" });
  const told = element("select", { className: "plw-row-told" });
  const labels = [["Score", method], ["Data set", data], ["Order", order], ["In words", told]].map(([text, node]) => element("label", {}, text, node));
  labels[1].hidden = sent.data.length < 2;
  const what = element("p", { className: "plw-status plw-what" });
  const legend = legendOf(LEGEND.map(([name, text, drawn]) => `<span class="plw-legend-${name}"><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${text}</span>`).join(""));
  const heads = [one[0].toUpperCase() + one.slice(1), "", "Score", "Permuted labels", "It says", ...(sent.reached ? ["Fine-tuned"] : [])];
  const table = tableOf("Scores on the data set, with what permuted labels reach", heads, [], "plw-table plw-strips");
  const now = element("p", { className: "plw-now" });
  const verdict = element("p", { className: "plw-verdict" });
  const map = tableOf("Models against data sets by the score that is chosen", [heads[0], ...sent.data], [], "plw-table plw-map");
  map.columns.slice(1).forEach((column, k) => { column.title = sent.data[k]; });
  const mapTitle = element("p", { className: "plw-map-title", aria: { hidden: "true" } }, element("b", { textContent: "All data sets" }), " darker: placed higher there; ringed: not told from the best; hatched: says nothing");
  const heat = element("div", { className: "plw-heat", hidden: sent.data.length < 2 }, mapTitle, map.node);
  const pair = element("div", { className: "plw-pair" }, heat, view.area);
  const state = { rows: [], about: {}, method: "", marked: null, hovered: null };
  const traits = messages(model);

  function choose(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    view.schedule();
    traits.now();
  }
  const meet = (m, d) => records.some((r) => r.method === m && r.data === d);
  method.addEventListener("change", () => {
    const there = meet(method.value, model.get("data")) ? {} : { data: records.find((r) => r.method === method.value).data };
    choose({ method: method.value, ...there });
  });
  function show(set, row) {
    const there = meet(model.get("method"), set) ? {} : { method: records.find((r) => r.data === set).method };
    choose({ data: set, ...there, ...(row === undefined ? {} : { selected: row }) });
  }
  data.addEventListener("change", () => show(data.value));
  order.addEventListener("change", () => choose({ order: order.value }));
  told.addEventListener("change", () => choose({ selected: told.value || null }));
  /** The pointer is over a row or a cell: it is told in words while it is there. */
  function over(node) {
    const found = node?.dataset.row === undefined ? null : { row: node.dataset.row, data: node.dataset.data };
    if (JSON.stringify(found) === JSON.stringify(state.hovered)) return;
    state.hovered = found;
    view.schedule();
  }
  for (const [body, selector] of [[table.body, "tr"], [map.body, "td"]]) {
    // not "pointerover", which also comes where the page has moved below a pointer that rests
    body.addEventListener("pointermove", (event) => over(event.target.closest(selector)));
    body.addEventListener("pointerleave", () => over(null));
    body.addEventListener("click", (event) => {
      const node = event.target.closest(selector);
      state.hovered = null;
      if (node?.dataset.row !== undefined) show(node.dataset.data, node.dataset.row);
    });
  }

  // ---- words ----
  const ends = ([low, high]) => (Number.isNaN(low) ? "" : ` ${interval([low, high])}`);
  const seedsOf = (r) => (r.seeds > 1 ? ` (${r.seeds} seeds, ${short(r.reached_lower)} to ${short(r.reached_upper)})` : "");
  function inWords(r) {
    const parts = [`${r.row}${r.data ? ` on ${r.data}` : ""}: ${r.method} ${short(r.value)}${ends([r.lower, r.upper])}`];
    if (Number.isFinite(r.null)) parts.push(`permuted labels reach ${short(r.null)}, so it says ${silent(r) ? "nothing" : "something"}`);
    if (r.apart !== null) parts.push(r.place === 1 ? "the best here" : r.apart ? "told from the best" : "not told from the best");
    if (r.controls.length) parts.push(`controls: ${r.controls.map(([name, value]) => `${name} ${short(value)}`).join(", ")}`);
    if (Number.isFinite(r.reached)) parts.push(`fine-tuned it reached ${short(r.reached)}${seedsOf(r)}`);
    return `${parts.join("; ")}.${r.note ? ` ${r.note}.` : ""}`;
  }

  // ---- painting ----
  function paintStrips() {
    const { rows, about } = state;
    const beside = about.accuracy ? rows.flatMap((r) => [r.reached, ...r.controls.map(([, value]) => value)]) : rows.flatMap((r) => r.controls.map(([, value]) => value));
    const scale = stripScale([...rows.flatMap((r) => [r.value, r.lower, r.upper, r.null]), ...beside]);
    const key = JSON.stringify([state.method, state.data, model.get("order")]);
    setChildren(table.columns[1], key, () => [element("span", { innerHTML: stripAxis(scale) })]);
    setChildren(table.body, key, () => rows.map((r) => {
      const nothing = silent(r);
      const [from, to] = about.better === "lower" ? [r.null, Infinity] : [-Infinity, r.null];
      const drawn = element("td", { className: "plw-drawn", innerHTML: strip(
        Number.isFinite(r.null) && area(scale, from, to, "plw-null"), tick(scale, r.null, "plw-null-end"),
        rule(scale, r.lower, r.upper, "plw-strip-rule"),
        ...r.controls.map(([name, value]) => spot(scale, value, CONTROLS[name] ?? "diamond", "plw-control")),
        about.accuracy && tick(scale, r.reached, "plw-reached"),
        spot(scale, r.value, "circle", nothing ? "plw-strip-hole" : "plw-strip-spot"),
      ) });
      const cells = [drawn, cellOf(`${short(r.value)}${ends([r.lower, r.upper])}`), cellOf(short(r.null)), cellOf(r.says || "–")];
      if (sent.reached) cells.push(cellOf(Number.isFinite(r.reached) ? short(r.reached) : "–"));
      const row = rowOf(clip(r.row, 34), cells, nothing ? "plw-nothing" : "plw-something");
      Object.assign(row.dataset, { row: r.row, data: r.data, value: r.value, says: r.says });
      return row;
    }));
    for (const row of table.body.children) row.classList.toggle("plw-stands", row.dataset.row === state.selected);
    const there = { score: rows.some((r) => !silent(r)), silent: rows.some(silent), null: rows.some((r) => Number.isFinite(r.null)), reached: about.accuracy && rows.some((r) => Number.isFinite(r.reached)) };
    for (const name of Object.keys(CONTROLS)) there[name.replaceAll(" ", "-")] = rows.some((r) => r.controls.some(([control]) => control === name));
    for (const [name, shown] of Object.entries(there)) legend.querySelector(`.plw-legend-${name}`).hidden = !shown;
  }

  function paintMap() {
    if (heat.hidden) return;
    setChildren(map.body, state.method, () => mapOf(records, state.method, sent.rows, sent.data).map((cells, i) => rowOf(clip(sent.rows[i], 26), cells.map((r, k) => {
      if (!r) return cellOf("", "plw-none");
      const cell = cellOf(short(r.value), [r.apart === false && "plw-open", silent(r) && "plw-silent", r.shade > 0.6 && !silent(r) && "plw-strong"].filter(Boolean).join(" "));
      cell.style.setProperty("--plw-shade", `${Math.round(6 + 94 * (silent(r) ? 0 : r.shade))}%`);
      Object.assign(cell.dataset, { row: r.row, data: sent.data[k], value: r.value, place: r.place });
      return cell;
    }))));
    for (const cell of map.body.querySelectorAll("td[data-row]")) cell.classList.toggle("plw-here", cell.dataset.data === state.data && cell.dataset.row === state.selected);
    map.columns.slice(1).forEach((column, k) => column.classList.toggle("plw-here", sent.data[k] === state.data));
  }

  function painting() {
    const [m, d] = [model.get("method"), model.get("data")];
    Object.assign(state, { method: m, data: d, selected: model.get("selected"), about: sent.about[m] });
    state.rows = ordered(records, { data: d, method: m, order: model.get("order"), better: state.about.better });
    setOptions(method, sent.methods, m);
    setOptions(data, sent.data, d);
    setOptions(order, Object.keys(ORDERS).filter((name) => name !== "reached" || sent.reached), model.get("order"), (name) => ORDERS[name]);
    setOptions(told, ["", ...sent.rows], state.selected ?? "", (name) => (name ? clip(name, 40) : "none"));
    const { measures, unit, better } = state.about;
    setText(what, [measures, unit, `${better} is better`].filter(Boolean).join("; "));
    const hovered = state.hovered && records.find((r) => r.method === m && r.row === state.hovered.row && r.data === state.hovered.data);
    const chosen = hovered ?? state.rows.find((r) => r.row === state.selected);
    state.marked = chosen && chosen.data === d ? chosen.row : null;
    paintStrips();
    paintMap();
    const nothing = state.rows.filter(silent);
    const said = nothing.length ? `Says nothing (no better than permuted labels) of ${nothing.length === state.rows.length ? `all ${sent.of}` : nothing.map((r) => r.row).join(", ")}.` : "";
    const agreement = sent.agreement.find((a) => a.method === m && a.data === d);
    const across = sent.of === "tasks" && !state.about.accuracy && state.rows.length > 1 ? `Rows are tasks: an order by ${m} has no meaning across them.` : "";
    setText(verdict, [said, across, sent.reached && agreement ? agreementWords(agreement, sent.of) : ""].filter(Boolean).join(" "));
    const words = chosen ? inWords(chosen) : "";
    setText(now, words || `Point at a row${sent.data.length > 1 ? " or a cell" : ""}, or choose one, and it is told in words.`);
    now.classList.toggle("plw-hint", !words);
    if (plots.length) {
      setText(plots[0].caption, state.about.accuracy ? "dotted: alike" : "");
      view.draw(state, [`${m} against the accuracy that fine-tunes reached. ${verdict.textContent} The table has the numbers.`]);
    }
    view.say(words || verdict.textContent);
    view.root.dataset.shown = JSON.stringify({ method: m, data: d, order: model.get("order"), selected: state.selected, rows: state.rows.map((r) => r.row) });
  }

  if (plots.length) {
    view.onHover(plots[0], (x, y) => {
      const found = nearestReached(plots[0], state, x, y);
      over(found ? { dataset: { row: found.row, data: found.data } } : null);
      return found ? `${found.row}\n${found.method} ${short(found.value)}${ends([found.lower, found.upper])}\nreached ${short(found.reached)}${seedsOf(found)}` : "";
    });
  }
  const heard = Object.fromEntries(["method", "data", "order", "selected"].map((name) => [name, view.schedule]));
  const parts = [element("div", { className: "plw-choices" }, ...labels), what, legend, table.node, now, verdict, pair];
  const end = view.live(el, { parts, painting, heard, stops: [traits.flush] });
  if (!plots.length) view.schedule();
  return end;
}

export default { render };
