// View of PhaseDiagram: sliders, legend, two canvases, a table that sorts and can be walked by keyboard.
// page.js, phase_numbers.js and phase_planes.js come before this in the same module.

const PAGE = 20;
const LARGE = 2000; // tasks from which on the kernel is told of a drag only at its end
const COLUMNS = [
  ["task", "Task"], ["regime", "Regime"], ["static", "P(static)"], ["dynamic", "P(dynamic)"], ["noise", "P(noise)"],
  ["crossing", "Crossing budget (steps)"], ["optimal", "c* (steps)"],
];

/** Marker as in the planes: `shape` 3 is the hollow diamond of Undetermined, `colour` 3 is neutral. */
function swatch(colour, shape) {
  const drawn = ['<circle cx="7" cy="7" r="5"/>', '<path d="M7 1.5 12.5 11.5 1.5 11.5Z"/>',
    '<rect x="2" y="2" width="10" height="10"/>', '<path d="M7 1 13 7 7 13 1 7Z"/>'][shape];
  return `<svg class="plw-swatch plw-regime-${colour}${shape === 3 ? " plw-hollow" : ""}" viewBox="0 0 14 14" aria-hidden="true">${drawn}</svg>`;
}

/** Regime of a task as one number: called 0 to 2, leaning to 3 to 5. */
function code(state, t) {
  return state.called[t] ? state.likely[t] : 3 + state.likely[t];
}

function render({ model, el }) {
  let data = decode(model);
  const planes = makePlanes(data);
  const state = {
    data, p: new Float64Array(3 * data.size), likely: new Uint8Array(data.size), called: new Uint8Array(data.size),
    page: 0, sort: null, ascending: true, known: false, before: null, depths: null,
  };
  const regime = (t) => (state.called[t] ? REGIMES[state.likely[t]] : UNDETERMINED);

  const budget = slider("budget", "Budget B", "Optimiser steps of probing; arrow keys move it, Page Up and Page Down in larger steps");
  const tolerance = slider("tolerance", "Tolerance τ", "Risk that can be lived with, in squared units of the metric");
  const price = slider("exchange-rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost");
  const controls = [["budget", budget], ["tolerance", tolerance], ["exchange_rate", price]];
  const legend = element("div", { className: "plw-legend" });
  const moved = element("p", { className: "plw-moved" });
  const status = element("div", { className: "plw-status", aria: { role: "status", live: "polite" } });
  const figures = planes.map((plane) => {
    plane.canvas = element("canvas", { aria: { role: "img" } });
    plane.caption = element("figcaption");
    return element("figure", {}, plane.caption, plane.canvas);
  });
  const tip = element("div", { className: "plw-tip", hidden: true });
  const area = element("div", { className: "plw-planes" }, ...figures, tip);
  const heads = COLUMNS.map(([key, title]) => {
    const button = element("button", { type: "button", textContent: title, title: `Sort by ${title}` });
    button.addEventListener("click", () => sortBy(key));
    return element("th", { scope: "col" }, button);
  });
  const priceHead = heads[heads.length - 1];
  const body = element("tbody");
  const table = element("table", {}, element("caption", { textContent: "Regime of each task at this budget and tolerance" }),
    element("thead", {}, element("tr", {}, ...heads)), body);
  const pager = element("div", { className: "plw-pager" });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  const root = element("div", { className: "plw plw-phase" },
    element("div", { className: "plw-controls" }, budget.row, tolerance.row, price.row), legend, area, moved,
    element("div", { className: "plw-table" }, table), pager, status, said);
  el.append(root);
  let look = readLook(root);

  // ---- state ----
  let order = [...Array(data.size).keys()];

  function update() {
    state.budget = model.get("budget");
    state.tolerance = model.get("tolerance");
    state.selected = data.names.indexOf(model.get("selected"));
    state.known = shares(data, state.budget, state.tolerance, state.p);
    const confidence = model.get("confidence");
    for (let t = 0; t < data.size; t++) {
      const k = likeliest(state.p, t);
      state.likely[t] = k;
      state.called[t] = state.p[3 * t + k] >= confidence ? 1 : 0;
    }
    state.boundaryScale = state.selected >= 0 ? data.middle[3 * state.selected + 1] : data.medianScale;
    const rate = model.get("exchange_rate");
    const step = rate === null ? null : rate * model.get("cost_per_step");
    if (step !== state.step) state.depths = step === null ? null : optimalDepths(data, step);
    state.step = step;
    state.rate = rate;
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
  for (const [name, control] of controls) {
    const move = () => {
      if (control !== price) begin();
      resting = false;
      model.set(name, control.grid[Number(control.input.value)]);
      schedule();
      kernel.soon();
    };
    const end = () => {
      resting = true;
      kernel.now();
      reorder();
      schedule();
    };
    onSlide(control.input, move, end);
  }
  const freeKeys = keepSliderKeys(controls.map(([, control]) => control.input));

  function select(name) {
    model.set("selected", name);
    model.save_changes();
  }

  // ---- table ----
  function key(t) {
    switch (state.sort) {
      case "task": return data.names[t];
      case "regime": return code(state, t);
      case "crossing": return crossing(data, t, state.tolerance);
      case "optimal": return state.depths?.[t] ?? 0;
      default: return state.p[3 * t + ["static", "dynamic", "noise"].indexOf(state.sort)];
    }
  }
  function reorder() {
    order = [...Array(data.size).keys()];
    if (!state.sort) return;
    const keys = order.map(key);
    const sign = state.ascending ? 1 : -1;
    order.sort((a, b) => sign * (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0) || a - b);
  }
  function sortBy(column) {
    state.ascending = state.sort === column ? !state.ascending : !["static", "dynamic", "noise"].includes(column);
    state.sort = column;
    heads.forEach((th, i) => {
      if (COLUMNS[i][0] === column) th.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    });
    reorder();
    schedule();
  }
  const rows = [...Array(Math.min(PAGE, data.size))].map(() => {
    const name = element("button", { type: "button", className: "plw-task" });
    const cells = COLUMNS.map(() => element("td"));
    cells[0] = element("th", { scope: "row" }, name);
    const row = element("tr", {}, ...cells);
    row.addEventListener("click", () => {
      const task = row.dataset.task;
      select(model.get("selected") === task ? null : task);
    });
    body.append(row);
    return { row, name, cells, shown: [] };
  });
  function put(line, i, text, html) {
    if (line.shown[i] === text) return; // leaving an unchanged cell alone is what keeps a drag cheap
    line.shown[i] = text;
    if (i === 0) line.name.textContent = text;
    else if (html) line.cells[i].innerHTML = html;
    else line.cells[i].textContent = text;
  }
  function paintTable() {
    priceHead.hidden = !state.depths;
    rows.forEach((line, i) => {
      const t = order[state.page * PAGE + i];
      line.row.hidden = t === undefined;
      if (t === undefined) return;
      line.row.dataset.task = data.names[t];
      line.row.dataset.regime = regime(t);
      line.row.classList.toggle("plw-selected", t === state.selected);
      line.name.setAttribute("aria-pressed", String(t === state.selected));
      put(line, 0, data.names[t]);
      const k = state.likely[t];
      const lean = state.called[t] ? "" : ` <small>leans ${REGIMES[k]}</small>`;
      put(line, 1, `${regime(t)}${k}`, `${swatch(k, state.called[t] ? k : 3)}<span class="plw-word">${regime(t)}</span>${lean}`);
      for (let j = 0; j < 3; j++) put(line, 2 + j, state.p[3 * t + j].toFixed(3));
      put(line, 5, short(crossing(data, t, state.tolerance)));
      line.cells[6].hidden = !state.depths;
      if (!state.depths) return;
      line.cells[6].dataset.value = state.depths[t];
      put(line, 6, state.depths[t] > 0 ? short(state.depths[t]) : "does not pay");
    });
  }
  function paintPager() {
    pager.hidden = data.size <= PAGE;
    if (pager.hidden || pager.dataset.page === String(state.page)) return;
    pager.dataset.page = state.page;
    const last = Math.ceil(data.size / PAGE) - 1;
    const turn = (text, by) => {
      const button = element("button", { type: "button", textContent: text, disabled: state.page + by < 0 || state.page + by > last });
      button.addEventListener("click", () => {
        state.page += by;
        schedule();
      });
      return button;
    };
    const [from, to] = [state.page * PAGE + 1, Math.min((state.page + 1) * PAGE, data.size)];
    pager.replaceChildren(turn("Previous", -1), ` ${from}–${to} of ${data.size} tasks `, turn("Next", 1));
  }

  // ---- painting ----
  function paintControls() {
    price.row.hidden = state.rate === null;
    if (state.rate !== null && !(price.range?.low <= state.rate && state.rate <= price.range.high)) {
      price.range = { low: state.rate / 100, high: state.rate * 100 };
      price.grid = positions(price.range, state.rate);
    }
    const values = { budget: state.budget, tolerance: state.tolerance, exchange_rate: state.rate };
    for (const [name, control] of controls) {
      if (values[name] === null) continue;
      if (control !== price) control.grid = data.grid[name];
      setSlider(control, values[name]);
    }
    if (state.rate !== null) {
      price.output.textContent = short(state.rate);
      price.input.setAttribute("aria-valuetext", short(state.rate));
    }
    const steps = state.budget >= 1e5 ? short(state.budget) : String(Number(state.budget.toFixed(state.budget < 10 ? 2 : 1)));
    budget.output.textContent = `${steps} steps`;
    const margin = 1.96 * Math.sqrt(state.tolerance);
    tolerance.output.textContent = `${short(state.tolerance)} (± ${short(margin)} at 95 %)`;
    budget.input.setAttribute("aria-valuetext", budget.output.textContent);
    tolerance.input.setAttribute("aria-valuetext", `${short(state.tolerance)}, a margin of ${short(margin)} at 95 percent`);
  }
  const counts = () => {
    const out = [0, 0, 0, 0];
    for (let t = 0; t < data.size; t++) out[state.called[t] ? state.likely[t] : 3] += 1;
    return out;
  };
  /** Which tasks crossed a boundary in the last move, in words. */
  function paintMoved() {
    const { before } = state;
    const crossed = [];
    if (before && state.known) for (let t = 0; t < data.size; t++) if (before.codes[t] !== code(state, t)) crossed.push(t);
    const was = (c) => (c < 3 ? REGIMES[c] : UNDETERMINED);
    const told = crossed.filter((t) => was(before.codes[t]) !== regime(t));
    const some = told.slice(0, 4).map((t) => `${clip(data.names[t], 24)} ${was(before.codes[t])} → ${regime(t)}`);
    const more = told.length > 4 ? `, and ${told.length - 4} more` : "";
    const text = told.length ? `In the last move: ${some.join("; ")}${more}.` : before ? "In the last move no task crossed a boundary." : "";
    if (moved.textContent === text) return;
    moved.textContent = text;
    clearTimeout(saying); // a screen reader hears where a drag ended, not each of its steps
    saying = setTimeout(() => { said.textContent = text; }, 700);
  }
  let saying = 0;
  const sign = data.size <= RINGED ? "ring: how the probability is shared among the regimes" : "paler: the regime is less certain";
  legend.innerHTML = [...REGIMES, `${UNDETERMINED} <small>(hollow, in the colour of what it leans to)</small>`]
    .map((name, k) => `<span>${swatch(k, k)}<b></b> ${name}</span>`).join("") + `<span><small>${sign}</small></span>`;
  const tallies = [...legend.querySelectorAll("b")];
  function paintLegend(now) {
    tallies.forEach((tally, k) => {
      const text = String(now[k]);
      if (tally.textContent !== text) tally.textContent = text;
    });
  }
  let version = 0; // of the kernel's numbers
  let painted = ""; // what the planes show
  function paint() {
    update();
    root.classList.toggle("plw-waiting", !state.known);
    root.dataset.budget = state.budget;
    paintControls();
    const now = counts();
    paintLegend(now);
    const summary = `${[...REGIMES, UNDETERMINED].map((name, k) => `${now[k]} ${name}`).join(", ")}`;
    const whose = state.selected >= 0 ? `K of ${clip(data.names[state.selected], 20)}` : "median K";
    if (planes[1].captioned !== whose) {
      planes[1].captioned = whose;
      planes[0].caption.innerHTML = "<b>Budget plane</b> tasks sink as the budget grows";
      planes[1].caption.innerHTML = "<b>Theory plane</b> boundary sinks as the budget grows; ";
      planes[1].caption.append(whose);
    }
    for (const plane of planes) {
      plane.canvas.setAttribute("aria-label", `${plane.name} at ${budget.output.textContent}: ${summary}. The table below has every task.`);
    }
    // A price moves nothing in the planes but the mark of the selected task.
    const price = state.selected >= 0 ? state.step : 0;
    const { width, height } = planes[0];
    const from = state.before ? [state.before.budget, state.before.tolerance] : [];
    const picture = [state.budget, state.tolerance, state.selected, model.get("confidence"), price, version, look.dark, look.page, width, height, ...from].join();
    if (width > 0 && picture !== painted) {
      for (const plane of planes) paintPlane(plane, state, look);
      painted = picture;
    }
    paintMoved();
    paintTable();
    paintPager();
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  }
  const { schedule, cancel } = painter(paint);
  let waiting = 0;
  function watch() { // say so when the kernel is gone, rather than show regimes of another position
    clearTimeout(waiting);
    status.textContent = "";
    waiting = setTimeout(() => {
      if (!state.known) status.textContent = "Regimes shown are those of the last position the kernel counted; it does not answer. Run the cell again.";
    }, 3000);
  }

  // ---- pointer: hover tells, click selects ----
  function hit(plane, event) {
    const box = plane.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let distance = 14 ** 2;
    for (let t = 0; t < data.size && plane.xs; t++) {
      const d = (plane.xs[t] - x) ** 2 + (plane.ys[t] - y) ** 2;
      if (d < distance) [best, distance] = [t, d];
    }
    return best;
  }
  for (const plane of planes) {
    plane.canvas.addEventListener("pointermove", (event) => {
      const t = hit(plane, event);
      tip.hidden = t < 0;
      plane.canvas.style.cursor = t < 0 ? "" : "pointer";
      if (t < 0) return;
      const [limit, scale, rate] = data.estimates.subarray(3 * t, 3 * t + 3);
      const range = (j) => `[${short(data.low[3 * t + j])}, ${short(data.high[3 * t + j])}]`;
      const lines = [
        data.names[t], `${regime(t)}${state.called[t] ? "" : ` (leans ${REGIMES[state.likely[t]]})`}`,
        `P ${REGIMES.map((name, k) => `${name} ${state.p[3 * t + k].toFixed(3)}`).join(", ")}`,
        `L_int ${short(limit)} ${range(0)}`, `K ${short(scale)} ${range(1)}`, `α ${short(rate)} ${range(2)}   [95 % of the draws]`,
        `crossing budget ${short(crossing(data, t, state.tolerance))}`,
        ...(state.depths ? [`c* ${state.depths[t] > 0 ? short(state.depths[t]) : "probing does not pay"}`] : []),
      ];
      placeTip(tip, area, event, lines.join("\n"));
    });
    plane.canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    plane.canvas.addEventListener("click", (event) => {
      const t = hit(plane, event);
      select(t < 0 || t === state.selected ? null : data.names[t]);
    });
  }

  // ---- the page around it ----
  const restyle = () => {
    look = readLook(root);
    schedule();
  };
  const stopFitting = fitCanvases(area, planes, () => {
    look = readLook(root); // styles can be read only now that the view is on the page
    painted = ""; // a canvas that was resized is empty
    paint();
  });
  const stopTheme = watchTheme(restyle);

  const fresh = () => {
    data = decode(model);
    state.data = data;
    version += 1;
    schedule();
  };
  const follow = () => {
    if (state.selected >= 0) state.page = Math.floor(order.indexOf(state.selected) / PAGE);
  };
  const listeners = [
    ["change:budget", () => { begin(); watch(); schedule(); }], ["change:tolerance", () => { begin(); watch(); schedule(); }],
    ["change:exchange_rate", schedule], ["change:cost_per_step", schedule],
    ["change:confidence", schedule], ["change:_counts", fresh], ["change:_grids", fresh],
    ["change:selected", () => { update(); follow(); schedule(); }],
  ];
  for (const [event, callback] of listeners) model.on(event, callback);
  const showFallback = hideFallback(model.get("_uid"));
  update();
  follow();

  return () => {
    for (const [event, callback] of listeners) model.off(event, callback);
    for (const stop of [stopFitting, stopTheme, freeKeys, cancel]) stop();
    clearTimeout(waiting);
    clearTimeout(saying);
    kernel.flush();
    showFallback();
  };
}

export default { render };
