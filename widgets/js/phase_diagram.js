// View of PhaseDiagram: sliders, legend, two planes, a table that sorts and can be walked by keyboard.

import { crossingAt, doubt, likeliest, payingDepth, quantile, REGIMES, shares, UNDETERMINED } from "./numbers.js";
import { clip, positions, short } from "./axis.js";
import { messages, SEND_EVERY, typed } from "./kernel.js";
import { code, makePlanes, RINGED } from "./phase_planes.js";
import { button, element, legendOf, makeView, onSlide, pagerOf, rowOf, setCell, setSlider, setText, slider, tableOf } from "./view.js";

const PAGE = 20;
const LARGE = 2000; // tasks from which on the kernel is told of a drag only at its end
const COLUMNS = [
  ["task", "Task"], ["regime", "Regime"], ["static", "P(static)"], ["dynamic", "P(dynamic)"], ["noise", "P(noise)"],
  ["crossing", "Crossing budget (steps)"], ["optimal", "c* (steps)"],
];
const POPULATION = 1e9; // times the rows that were measured
const SHARES = ["static", "dynamic", "noise"];

function decode(model) {
  const [names, fixed, grids, counts] = ["_names", "_fixed", "_grids", "_counts"].map((name) => model.get(name));
  const doubles = (sent) => typed(sent, Float64Array);
  const whole = (sent) => typed(sent, Uint16Array);
  const middle = doubles(fixed.middle);
  return {
    names, size: names.length, asked: fixed.asked,
    // task-major triples: intrinsic limit, scale, decay rate; the last three are quantiles of the draws
    estimates: doubles(fixed.estimates), low: doubles(fixed.low), middle, high: doubles(fixed.high),
    first: doubles(fixed.first), // first depth of the law
    seeds: doubles(fixed.seeds), // runs that are paid for
    end: doubles(fixed.end), // of the recipe, infinite where it is not known
    rising: doubles(fixed.rising), rejected: doubles(fixed.rejected), // probability that the risk still rises; 1: the law does not fit
    medianScale: quantile(middle.filter((v, i) => i % 3 === 1 && v > 0).sort(), 0.5) || 0, // of the tasks in which something decays
    logKnots: doubles(grids.knots).map(Math.log), decay: typed(grids.decay, Float32Array), // task, quantile, knot: ln V_opt
    grid: { budget: doubles(grids.budget), tolerance: doubles(grids.tolerance) },
    byBudget: whole(counts.by_budget), byTolerance: whole(counts.by_tolerance), noiseByTolerance: whole(counts.noise_by_tolerance),
    leastByBudget: whole(counts.least_by_budget), leastByTolerance: whole(counts.least_by_tolerance), // under the hardest prior
    least: doubles(counts.least), crossing: doubles(counts.crossing), // at `budget` and `tolerance`
    rows: doubles(counts.rows), // what the evaluation rows alone leave, at the confidence
    crossings: typed(grids.crossing, Float32Array), // along the tolerance slider
    here: whole(counts.here), // task-major: one count per regime, at `budget` and `tolerance`
    draws: counts.draws, budget: counts.budget, tolerance: counts.tolerance, ofRows: counts.of_rows,
    times: doubles(fixed.rows), // multiples of the measured evaluation rows: positions of their slider, none where rows are not known
  };
}

/** Mark as in the planes: `shape` 3 is the hollow diamond of Undetermined, `colour` 3 is neutral. */
function swatch(colour, shape) {
  const drawn = ['<circle cx="7" cy="7" r="5"/>', '<path d="M7 1.5 12.5 11.5 1.5 11.5Z"/>',
    '<rect x="2" y="2" width="10" height="10"/>', '<path d="M7 1 13 7 7 13 1 7Z"/>'][shape];
  return `<svg class="plw-swatch plw-regime-${colour}${shape === 3 ? " plw-hollow" : ""}" viewBox="0 0 14 14" aria-hidden="true">${drawn}</svg>`;
}

function render({ model, el }) {
  let data = decode(model);
  const plots = makePlanes(data);
  const view = makeView(model, { name: "phase", label: "Phase diagram", plots });
  const state = {
    data, p: new Float64Array(3 * data.size), least: new Float64Array(data.size), likely: new Uint8Array(data.size), called: new Uint8Array(data.size),
    sort: null, ascending: true, known: false, before: null, depths: null,
  };
  const named = (c) => (c < 3 ? REGIMES[c] : UNDETERMINED);
  const regime = (t) => named(code(state, t));
  const crossing = (t) => crossingAt(data, state.tolerance, t);
  const doubtOf = (t) => doubt(data, t, state.p[3 * t + state.likely[t]], state.least[t], model.get("confidence"), state.tolerance);
  /** Why a task has no regime: the kernel's words where it rests. */
  const reason = (t) => (state.called[t] ? "" : model.get("reasons")[data.names[t]] ?? doubtOf(t));

  const budget = slider("budget", "Budget B", "Optimiser steps of probing; arrow keys move it, Page Up and Page Down in larger steps");
  const tolerance = slider("tolerance", "Tolerance τ", "Risk that can be lived with, in squared units of the metric");
  const sets = slider("rows", "Evaluation rows", "Times the rows that were measured, up to the population they come from; tasks whose rows are known move");
  const price = slider("exchange-rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost");
  const sign = data.size <= RINGED ? "ring: how the probability is shared among the regimes" : "paler: the regime is less certain";
  const legend = legendOf([...REGIMES, `${UNDETERMINED} <small>(hollow, in the colour of what it leans to)</small>`]
    .map((name, k) => `<span>${swatch(k, k)}<b></b> ${name}</span>`).join("") + `<span><small>${sign}</small></span>`);
  const tallies = [...legend.querySelectorAll("b")];
  const asked = element("p", { className: "plw-asked-words", textContent: data.asked });
  const moved = element("p", { className: "plw-moved" });
  const status = element("div", { className: "plw-status", aria: { role: "status", live: "polite" } });
  const table = tableOf("Regime of each task at this budget and tolerance", COLUMNS.map(([key, title]) => {
    const head = element("button", { type: "button", textContent: title, title: `Sort by ${title}` });
    head.addEventListener("click", () => sortBy(key));
    return head;
  }));

  // ---- state ----
  let order = [...data.names.keys()];
  function update() {
    const confidence = model.get("confidence");
    state.budget = model.get("budget");
    state.tolerance = model.get("tolerance");
    state.selected = data.names.indexOf(model.get("selected"));
    state.rows = model.get("rows");
    state.known = shares(data, state.budget, state.tolerance, state.p, state.least) && data.ofRows === state.rows;
    for (let t = 0; t < data.size; t++) {
      state.likely[t] = likeliest(state.p, t);
      state.called[t] = doubt(data, t, state.p[3 * t + state.likely[t]], state.least[t], confidence, state.tolerance) ? 0 : 1;
    }
    state.boundaryScale = state.selected >= 0 ? data.middle[3 * state.selected + 1] : data.medianScale;
    state.rate = model.get("exchange_rate");
    const step = state.rate === null ? null : state.rate * model.get("cost_per_step");
    if (step !== state.step) {
      state.depths = step === null ? null
        : data.first.map((first, t) => payingDepth(data.estimates[3 * t + 1], data.estimates[3 * t + 2], { price: step * data.seeds[t], first, last: data.end[t] }));
    }
    state.step = step;
  }

  // ---- sliders: each tick paints at once, the kernel hears of it every SEND_EVERY ms and at the end ----
  const kernel = messages(model, data.size > LARGE ? Infinity : SEND_EVERY);
  let resting = true; // the next move begins a new trail
  const begin = () => {
    if (!resting) return;
    const codes = Uint8Array.from(state.likely, (_, t) => code(state, t));
    // Regimes of a place that the kernel has not yet counted are not known, so nothing can be said to have crossed.
    state.before = state.known ? { budget: state.budget, tolerance: state.tolerance, codes } : null;
  };
  for (const [name, control] of [["budget", budget], ["tolerance", tolerance], ["rows", sets], ["exchange_rate", price]]) {
    onSlide(control, (value) => {
      if (control !== price) begin();
      resting = false;
      model.set(name, value);
      view.schedule();
      if (control !== sets) kernel.soon(); // every task is asked anew of another set: once, when the hand is off
    }, () => {
      resting = true;
      kernel.now();
      reorder();
      view.schedule();
    });
  }
  function select(name) {
    model.set("selected", name);
    model.save_changes();
  }

  // ---- table ----
  function sortKey(t) {
    switch (state.sort) {
      case "task": return data.names[t];
      case "regime": return code(state, t);
      case "crossing": return crossing(t);
      case "optimal": return state.depths?.[t] ?? 0;
      default: return state.p[3 * t + SHARES.indexOf(state.sort)];
    }
  }
  function reorder() {
    order = [...data.names.keys()];
    if (!state.sort) return;
    const keys = order.map(sortKey);
    const way = state.ascending ? 1 : -1;
    order.sort((a, b) => way * (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0) || a - b);
  }
  function sortBy(column) {
    state.ascending = state.sort === column ? !state.ascending : !SHARES.includes(column);
    state.sort = column;
    table.columns.forEach((th, i) => {
      if (COLUMNS[i][0] === column) th.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    });
    reorder();
    view.schedule();
  }
  const pager = pagerOf(data.size, PAGE, view.schedule);
  const rows = Array.from({ length: Math.min(PAGE, data.size) }, () => {
    const name = button("", "plw-task");
    const cells = COLUMNS.slice(1).map(() => element("td"));
    const row = rowOf(name, cells);
    row.addEventListener("click", () => select(model.get("selected") === row.dataset.task ? null : row.dataset.task));
    table.body.append(row);
    return { row, name, cells };
  });
  function paintTable() {
    table.columns.at(-1).hidden = !state.depths;
    rows.forEach(({ row, name, cells: [where, ...cells] }, i) => {
      const t = order[pager.page * PAGE + i];
      row.hidden = t === undefined;
      if (t === undefined) return;
      Object.assign(row.dataset, { task: data.names[t], regime: regime(t) });
      row.classList.toggle("plw-selected", t === state.selected);
      name.setAttribute("aria-pressed", String(t === state.selected));
      setText(name, data.names[t]);
      where.title = reason(t);
      if (where.dataset.code !== String(code(state, t))) { // leaving an unchanged cell alone is what keeps a drag cheap
        where.dataset.code = code(state, t);
        const k = state.likely[t];
        const lean = state.called[t] ? "" : ` <small>leans ${REGIMES[k]}</small>`;
        where.innerHTML = `${swatch(k, state.called[t] ? k : 3)}<span class="plw-word">${regime(t)}</span>${lean}`;
      }
      SHARES.forEach((_, k) => setText(cells[k], state.p[3 * t + k].toFixed(3)));
      setText(cells[3], short(crossing(t)));
      cells[4].hidden = !state.depths;
      if (!state.depths) return;
      setCell(cells[4], state.depths[t] > 0 ? short(state.depths[t]) : "does not pay", state.depths[t]);
    });
  }

  // ---- painting ----
  function paintControls() {
    const steps = state.budget >= 1e5 ? short(state.budget) : String(Number(state.budget.toFixed(state.budget < 10 ? 2 : 1)));
    const margin = short(1.96 * Math.sqrt(state.tolerance));
    budget.grid = data.grid.budget;
    tolerance.grid = data.grid.tolerance;
    // past a recipe's end the law speaks of longer recipes, whose curves may be others
    const longer = data.end.reduce((count, end) => count + (state.budget > end ? 1 : 0), 0);
    const past = longer === data.size ? ": longer recipes" : longer ? `: longer recipes for ${longer} of ${data.size}` : "";
    setSlider(budget, state.budget, `${steps} steps${past}`);
    setSlider(tolerance, state.tolerance, `${short(state.tolerance)} (± ${margin} at 95 %)`, `${short(state.tolerance)}, a margin of ${margin} at 95 percent`);
    sets.row.hidden = !data.times.length;
    sets.grid = data.times;
    const times = state.rows >= POPULATION ? "the population" : state.rows === 1 ? "as measured" : `${short(state.rows)} × as many`;
    if (data.times.length) setSlider(sets, state.rows, times);
    price.row.hidden = state.rate === null;
    if (state.rate === null) return;
    if (!(price.range?.low <= state.rate && state.rate <= price.range.high)) {
      price.range = { low: state.rate / 100, high: state.rate * 100 };
      price.grid = positions(price.range, state.rate);
    }
    setSlider(price, state.rate, short(state.rate));
  }
  /** Which tasks crossed a boundary in the last move, in words. */
  function crossedWords() {
    const { before } = state;
    if (!before) return "";
    const crossed = state.known ? order.filter((t) => before.codes[t] !== code(state, t) && named(before.codes[t]) !== regime(t)).sort((a, b) => a - b) : [];
    if (!crossed.length) return "In the last move no task crossed a boundary.";
    const some = crossed.slice(0, 4).map((t) => `${clip(data.names[t], 24)} ${named(before.codes[t])} → ${regime(t)}`);
    return `In the last move: ${some.join("; ")}${crossed.length > 4 ? `, and ${crossed.length - 4} more` : ""}.`;
  }
  let painted = ""; // what the planes show
  function painting() {
    update();
    view.root.classList.toggle("plw-waiting", !state.known);
    view.root.dataset.budget = state.budget;
    view.root.dataset.rows = state.rows;
    paintControls();
    const counts = [0, 0, 0, 0];
    for (let t = 0; t < data.size; t++) counts[state.called[t] ? state.likely[t] : 3] += 1;
    tallies.forEach((tally, k) => setText(tally, String(counts[k])));
    const whose = state.selected >= 0 ? `K of ${clip(data.names[state.selected], 20)}` : "median K";
    setText(plots[1].caption, `boundary sinks as the budget grows; ${whose}`);
    const { before } = state;
    // A price moves nothing in the planes but the mark of the selected task.
    const picture = [
      state.budget, state.tolerance, state.rows, state.selected, model.get("confidence"), state.selected >= 0 && state.step, view.drawn,
      before?.budget, before?.tolerance,
    ].join();
    if (picture !== painted) {
      const summary = [...REGIMES, UNDETERMINED].map((name, k) => `${counts[k]} ${name}`).join(", ");
      view.draw(state, plots.map(({ name }) => `${name} at ${budget.output.textContent}: ${summary}. The table below has every task.`));
      painted = picture;
    }
    const text = crossedWords();
    if (setText(moved, text)) view.say(text);
    paintTable();
  }
  let waiting = 0;
  function watch() { // say so when the kernel is gone, rather than show regimes of another position
    clearTimeout(waiting);
    status.textContent = "";
    waiting = setTimeout(() => {
      if (!state.known) status.textContent = "Regimes shown are those of the last position the kernel counted; it does not answer. Run the cell again.";
    }, 3000);
  }

  // ---- pointer: hover tells, click selects ----
  function hit({ xs, ys }, x, y) {
    let [best, distance] = [-1, 14 ** 2];
    for (let t = 0; t < data.size && xs; t++) {
      const d = (xs[t] - x) ** 2 + (ys[t] - y) ** 2;
      if (d < distance) [best, distance] = [t, d];
    }
    return best;
  }
  for (const plot of plots) {
    view.onHover(plot, (x, y) => {
      const t = hit(plot, x, y);
      plot.canvas.style.cursor = t < 0 ? "" : "pointer";
      if (t < 0) return "";
      const [limit, scale, rate] = data.middle.subarray(3 * t, 3 * t + 3); // as the point stands
      const range = (j) => `[${short(data.low[3 * t + j])}, ${short(data.high[3 * t + j])}]`;
      return [
        data.names[t], `${regime(t)}${state.called[t] ? "" : ` (leans ${REGIMES[state.likely[t]]})`}`, ...(state.called[t] ? [] : [reason(t)]),
        `P ${REGIMES.map((name, k) => `${name} ${state.p[3 * t + k].toFixed(3)}`).join(", ")}`,
        `L_int ${short(limit)} ${range(0)}`, `K ${short(scale)} ${range(1)}`, `α ${short(rate)} ${range(2)}   [95 % of the draws]`,
        `crossing budget ${short(crossing(t))}`,
        ...(state.depths ? [`c* ${state.depths[t] > 0 ? short(state.depths[t]) : "probing does not pay"}`] : []),
      ].join("\n");
    });
    plot.canvas.addEventListener("click", (event) => {
      const t = hit(plot, event.offsetX, event.offsetY);
      select(t < 0 || t === state.selected ? null : data.names[t]);
    });
  }

  const fresh = () => {
    state.data = data = decode(model);
    view.drawn += 1;
    view.schedule();
  };
  const follow = () => {
    update();
    pager.go(state.selected < 0 ? pager.page : Math.floor(order.indexOf(state.selected) / PAGE));
  };
  const slid = () => {
    begin();
    watch();
    view.schedule();
  };
  const end = view.live(el, {
    parts: [asked, element("div", { className: "plw-controls" }, budget.row, tolerance.row, sets.row, price.row), legend, view.area, moved, table.node, pager.node, status],
    painting, stops: [kernel.flush, () => clearTimeout(waiting)],
    heard: {
      budget: slid, tolerance: slid, rows: slid, exchange_rate: view.schedule, cost_per_step: view.schedule, confidence: view.schedule,
      _counts: fresh, _grids: fresh, reasons: view.schedule, selected: follow,
    },
  });
  follow();
  return end;
}

export default { render };
