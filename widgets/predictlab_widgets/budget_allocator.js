// View of BudgetAllocator: one slider, the frontier, a row with a bar, a lock and a weight for each task.
// page.js, axes.js, budget_allocator_numbers.js and budget_allocator_plots.js come before this in the same module.

const ROWS_SHOWN = 15;
const EVERY = 100; // ms between two messages to the kernel in the middle of a drag
const SILENCE = 8000; // ms after which the page says that nobody answers
const HEADS = ["Task", "Lock", "Weight", "Depth", "Steps", "95 % interval", "Risk L", "Cost", "Next unit saves"];

function renderBudget({ model, el }) {
  const data = decodeTasks(model);
  const view = { data, settled: null, page: 0 };

  const control = slider("budget", "Budget B", "Total cost shared among the tasks; arrow keys move it, Page Up and Page Down in larger steps");
  const legend = element("div", { className: "plw-legend" });
  legend.innerHTML = '<span><i class="plw-bar-seen"></i>depth, within what was measured</span><span><i class="plw-bar-beyond"></i>beyond it: the law is extrapolated</span><span><i class="plw-line"></i>95 % interval</span><span><i class="plw-tangent"></i>what the next unit is worth: slope of the frontier</span>';
  const plots = [
    { name: "Efficiency frontier", note: "least weighted risk for each budget", paint: paintFrontier },
    { name: "Worth of the next unit", note: "the multiplier falls as the budget grows", paint: paintWorth },
  ];
  const figures = plots.map((plot) => {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    return element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.note), plot.canvas);
  });
  const area = element("div", { className: "plw-planes" }, ...figures);
  const now = element("p", { className: "plw-now" });
  const heads = HEADS.map((title) => element("th", { scope: "col", textContent: title }));
  const body = element("tbody");
  const table = element("div", { className: "plw-table" }, element("table", {},
    element("caption", { textContent: "Depth of each task, with its lock and its weight" }), element("thead", {}, element("tr", {}, ...heads)), body));
  const back = element("button", { type: "button", textContent: "Previous" });
  const on = element("button", { type: "button", textContent: "Next" });
  const place = element("span");
  const pager = element("div", { className: "plw-actions plw-pager", hidden: data.size <= ROWS_SHOWN }, back, place, on);
  const copy = element("button", { type: "button", className: "plw-copy", textContent: "Copy as ProbePlan" });
  const copied = element("small");
  const text = element("pre", { tabIndex: 0, aria: { role: "region", label: "The plan as Python source" } });
  const plan = element("details", {}, element("summary", { textContent: "The plan as Python source" }), text);
  const error = element("p", { className: "plw-error", aria: { role: "alert" } });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  const root = element("div", { className: "plw plw-budget-allocator", aria: { role: "group", label: "Budget allocator" } },
    element("div", { className: "plw-controls" }, control.row), area, now, legend, table, pager,
    element("div", { className: "plw-actions" }, copy, copied), plan, error, said);
  el.append(root);
  let look = readLook(root);

  // ---- state: from the kernel, then from the hand ----
  function arrange({ budget, weights, locked }) {
    view.budget = budget;
    view.weights = data.names.map((name) => weights[name] ?? 1);
    view.locked = { ...locked };
    follow();
  }
  function follow() {
    view.t = arranged(data, view.weights, view.locked);
    view.most = Math.max(data.range[1], view.budget, 1.01 * view.t.least);
    view.frontier = frontierOf(view.t, view.most);
    fit();
  }
  function fit() {
    view.now = allocated(view.t, view.budget);
  }
  const content = () => ({ budget: view.budget, weights: Object.fromEntries(data.names.map((name, i) => [name, view.weights[i]])), locked: view.locked });

  const asked = asking(model, {
    wait: EVERY, silence: SILENCE, steady: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. Depths and risks are still right; intervals and the plan wait for it. Run the cell again if it stays so.";
    },
  });
  let copying = false;
  function tell() {
    view.settled = null;
    error.textContent = "";
    copied.textContent = "";
    asked.ask(content());
    schedule();
  }
  function takeState() {
    const state = model.get("_state");
    if (!asked.current(state) || asked.mine(state)) return; // the page is where it said, or further
    asked.done();
    error.textContent = "";
    view.settled = null;
    arrange(state);
    schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (asked.mine(refused)) error.textContent = `✕ ${refused.text}`;
  }
  function takeSettled() {
    const settled = model.get("_settled");
    if (settled.ask !== model.get("_state").ask || !asked.current(settled)) return;
    if (asked.mine(settled)) {
      asked.done();
      error.textContent = "";
    }
    view.settled = settled;
    text.textContent = settled.plan;
    if (copying) write();
    schedule();
  }

  // ---- the slider ----
  function paintControl() {
    const grid = positions({ low: data.range[0], high: view.most, zero: false, step: 0 }, view.budget).filter((b) => b > view.t.least);
    control.grid = [view.t.least, ...grid];
    setSlider(control, view.budget);
    control.output.textContent = `${short(view.budget)}; the next unit saves ${short(view.now.multiplier)}`;
    control.input.setAttribute("aria-valuetext", control.output.textContent);
  }
  onSlide(control.input, () => {
    view.budget = control.grid[Number(control.input.value)];
    fit();
    tell();
  }, () => asked.flush());

  // ---- rows ----
  let rows = [];
  function makeRows() {
    const from = view.page * ROWS_SHOWN;
    rows = data.names.slice(from, from + ROWS_SHOWN).map((name, k) => {
      const i = from + k;
      const lock = element("input", { type: "checkbox", aria: { label: `Lock ${name} at its depth` } });
      const word = element("span", { className: "plw-lock-word" });
      const weight = element("input", { type: "number", min: 0, step: "any", aria: { label: `Weight of ${name}` } });
      const parts = ["seen", "beyond", "interval", "end"].map((part) => element("span", { className: `plw-bar-${part}` }));
      const bar = element("div", { className: "plw-bar", aria: { hidden: "true" } }, ...parts);
      const cells = ["depth", "interval", "risk", "cost", "worth"].map((key) => element("td", { className: `plw-${key}` }));
      const row = element("tr", {}, element("th", { scope: "row", textContent: clip(name, 28), title: name }), element("td", {}, element("label", {}, lock, word)),
        element("td", {}, weight), element("td", { className: "plw-bars" }, bar), ...cells);
      row.dataset.task = name;
      lock.addEventListener("change", () => {
        if (lock.checked) view.locked = { ...view.locked, [name]: view.now.depth[i] };
        else {
          const { [name]: gone, ...rest } = view.locked;
          view.locked = rest;
        }
        follow();
        tell();
        asked.flush();
      });
      weight.addEventListener("change", () => {
        const value = Number(weight.value);
        if (!(value > 0 && Number.isFinite(value))) {
          weight.value = view.weights[i];
          error.textContent = `✕ weight of ${name}: a number > 0 is needed.`;
          return;
        }
        view.weights[i] = value;
        follow();
        tell();
        asked.flush();
      });
      return { i, name, row, lock, word, weight, bar, parts, cells };
    });
    body.replaceChildren(...rows.map(({ row }) => row));
    place.textContent = `Tasks ${from + 1} to ${from + rows.length} of ${data.size}`;
    back.disabled = view.page === 0;
    on.disabled = from + ROWS_SHOWN >= data.size;
  }
  for (const [button, by] of [[back, -1], [on, 1]]) {
    button.addEventListener("click", () => {
      view.page += by;
      makeRows();
      schedule();
    });
  }

  /** Ends of the bars: they stand still until a depth would leave them. */
  function barEnds() {
    const first = Math.min(...data.low) / 1.6;
    const reach = Math.max(4 * Math.max(...data.last), 1.6 * Math.max(...view.now.depth));
    return [first, reach];
  }
  function paintRows() {
    const [from, to] = barEnds();
    const share = (c) => 100 * Math.min(Math.max(Math.log(c / from) / Math.log(to / from), 0), 1);
    heads[3].textContent = `Depth, ${short(from)} to ${short(to)} (log)`;
    for (const { i, name, row, lock, word, weight, parts, cells } of rows) {
      const each = view.now.each[i];
      const locked = name in view.locked;
      row.classList.toggle("plw-is-locked", locked);
      lock.checked = locked;
      word.textContent = locked ? "locked" : "free";
      if (document.activeElement !== weight && Number(weight.value) !== view.weights[i]) weight.value = view.weights[i];
      const seen = Math.min(each.depth, data.last[i]);
      const [bar, beyondBar, interval, endBar] = parts;
      bar.style.width = `${share(seen)}%`;
      beyondBar.style.left = `${share(seen)}%`;
      beyondBar.style.width = `${share(each.depth) - share(seen)}%`;
      endBar.style.left = `${share(each.depth)}%`;
      const range = view.settled ? [view.settled.lower[i], view.settled.upper[i]] : null;
      if (range) {
        interval.style.left = `${share(range[0])}%`;
        interval.style.width = `${Math.max(share(range[1]) - share(range[0]), 0.4)}%`;
        cells[1].textContent = `[${short(range[0])}, ${short(range[1])}]`;
        cells[1].dataset.value = range.join();
        row.title = view.settled.notes[i];
      }
      for (const [cell, key] of [[cells[0], "depth"], [cells[2], "risk"], [cells[3], "cost"], [cells[4], "worth"]]) {
        if (cell.dataset.value === String(each[key])) continue;
        cell.dataset.value = each[key];
        cell.textContent = short(each[key]);
      }
    }
  }

  // ---- words ----
  function words() {
    const { budget, now: at, t, settled } = view;
    const range = settled ? ` [${short(settled.total[0])}, ${short(settled.total[1])}]` : "";
    const locked = Object.keys(view.locked).length;
    let out = `B = ${short(budget)}: weighted risk ${short(at.risk)}${range}. `;
    if (at.multiplier > 0) out += `The next unit of budget saves ${short(at.multiplier)}; twice the budget would leave ${short(allocated(t, 2 * budget).risk)}.`;
    else out += "More budget buys nothing: whatever decays is at its highest depth, or locked.";
    if (locked) out += ` ${locked} of ${data.size} locked.`;
    return out;
  }

  let saying = 0;
  function paint() {
    paintControl();
    paintRows();
    const words_ = words();
    if (now.textContent !== words_) {
      now.textContent = words_;
      clearTimeout(saying);
      saying = setTimeout(() => { said.textContent = words_; }, 700);
    }
    Object.assign(now.dataset, { budget: view.budget, risk: view.now.risk, multiplier: view.now.multiplier, cost: view.now.cost });
    root.classList.toggle("plw-unsettled", !view.settled);
    for (const plot of plots) {
      plot.canvas.setAttribute("aria-label", `${plot.name} over the budget. ${words_} The table below has the numbers.`);
      if (plot.width > 0) plot.paint(plot, view, look);
    }
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  }
  const { schedule, cancel } = painter(paint);

  // ---- the plan, in the words of the kernel ----
  async function write() {
    copying = false;
    try {
      await navigator.clipboard.writeText(view.settled.plan);
      copied.textContent = `Copied: the plan of ${data.size} ${data.size === 1 ? "task" : "tasks"}.`;
    } catch { // no permission, or a page that is not served safely: the text is there to be copied by hand
      plan.open = true;
      getSelection().selectAllChildren(text);
      copied.textContent = "The browser does not let the page copy: the plan is selected below.";
    }
    said.textContent = copied.textContent;
  }
  copy.addEventListener("click", () => {
    if (view.settled) write();
    else {
      copying = true;
      copied.textContent = "Copied as soon as the kernel has the plan …";
      asked.flush();
    }
  });

  // ---- the page around it ----
  makeRows();
  arrange(model.get("_state"));
  if (model.get("_settled").ask === model.get("_state").ask) {
    view.settled = model.get("_settled");
    text.textContent = view.settled.plan;
  }
  const stops = [
    keepKeys(root, "input"), cancel, asked.done, hideFallback(model.get("_uid")),
    fitCanvases(area, plots, () => {
      look = readLook(root);
      paint();
    }),
    watchTheme(() => {
      look = readLook(root);
      schedule();
    }),
  ];
  const heard = [["change:_state", takeState], ["change:_settled", takeSettled], ["change:_refused", takeRefusal]];
  for (const [event, then] of heard) model.on(event, then);
  return () => {
    for (const [event, then] of heard) model.off(event, then);
    clearTimeout(saying);
    for (const stop of stops) stop();
  };
}

export default { render: renderBudget };
