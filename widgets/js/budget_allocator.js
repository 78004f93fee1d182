// View of BudgetAllocator: one slider, the frontier, a row with a bar, a lock and a weight for each task.

import { allocated, arranged, clamp, frontierOf, sum } from "./numbers.js";
import { allocatedDesign, designed, designFrontier } from "./designs.js";
import { clip, positions, short } from "./axis.js";
import { paintFrontier, paintWorth } from "./budget_plots.js";
import { requests, SEND_EVERY, typed } from "./kernel.js";
import { alarm, button, element, legendOf, makeView, onSlide, pagerOf, setCell, setSlider, setText, slider, tableOf } from "./view.js";

const ROWS_SHOWN = 15;
const HEADS = ["Task", "Lock", "Weight", "Depth", "Steps", "95 % interval", "Risk L", "Cost", "Next unit saves"];
const MANY = 200;
const ROWS_HEADS = ["Rows", "95 % interval"];

function decodeTasks(model) {
  const [names, fixed] = [model.get("_names"), model.get("_fixed")];
  const arrays = ["floor", "scale", "rate", "step", "low", "high", "last"].map((key) => [key, typed(fixed[key], Float64Array)]);
  const designs = fixed.grid ? ["row", "grid", "population", "interaction"].map((key) => [key, typed(fixed[key], Float64Array)]) : [];
  const data = { names, size: names.length, range: fixed.range, metric: fixed.metric, ...Object.fromEntries([...arrays, ...designs]) };
  return fixed.grid ? { ...data, wide: data.grid.length / data.size } : data;
}

function render({ model, el }) {
  const data = decodeTasks(model);
  const both = Boolean(data.grid); // steps and rows are paid for
  const [arrange_, allocate, frontier] = both ? [designed, allocatedDesign, designFrontier] : [arranged, allocated, frontierOf];
  const plots = [
    { name: "Efficiency frontier", note: "least weighted risk for each budget", paint: paintFrontier },
    { name: "Worth of the next unit", note: "the multiplier falls as the budget grows", paint: paintWorth },
  ];
  const view = makeView(model, { name: "budget-allocator", label: "Budget allocator", plots });
  const control = slider("budget", "Budget B", "Total cost shared among the tasks; arrow keys move it, Page Up and Page Down in larger steps");
  const legend = legendOf('<span><i class="plw-bar-seen"></i>depth, within what was measured</span><span><i class="plw-bar-beyond"></i>beyond it: the law is extrapolated</span><span><i class="plw-line"></i>95 % interval</span><span><i class="plw-tangent"></i>what the next unit is worth: slope of the frontier</span>');
  const now = element("p", { className: "plw-now" });
  const table = tableOf("Depth of each task, with its lock and its weight", both ? HEADS.toSpliced(6, 0, ...ROWS_HEADS) : HEADS);
  const copy = button("Copy as ProbePlan", "plw-copy");
  const copied = element("small");
  const text = element("pre", { tabIndex: 0, aria: { role: "region", label: "The plan as Python source" } });
  const plan = element("details", {}, element("summary", { textContent: "The plan as Python source" }), text);
  const error = alarm();

  // ---- state: from the kernel, then from the hand ----
  const state = { data, settled: null };
  function arrange(budget, weights, locked) {
    Object.assign(state, { budget, weights, locked });
    state.tasks = arrange_(data, weights, locked);
    state.most = Math.max(data.range[1], budget, 1.01 * state.tasks.least);
    state.frontier = frontier(state.tasks, state.most);
    state.now = allocate(state.tasks, budget);
  }
  const arrangeAs = ({ total_budget: budget, weights, locked }) => arrange(budget, data.names.map((name) => weights[name] ?? 1), { ...locked });
  const kernel = requests(model, {
    wait: SEND_EVERY, steady: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. Depths and risks are still right; intervals and the plan wait for it. Run the cell again if it stays so.";
    },
  });
  let copying = false;
  /** Tell the kernel where the controls stand. */
  function tell() {
    state.settled = null;
    error.textContent = copied.textContent = "";
    kernel.ask({ total_budget: state.budget, weights: Object.fromEntries(data.names.map((name, i) => [name, state.weights[i]])), locked: state.locked });
    view.schedule();
  }
  function rearrange(weights, locked) {
    arrange(state.budget, weights, locked);
    tell();
    kernel.flush();
  }
  function answered() {
    kernel.done();
    error.textContent = "";
  }
  function takeState() {
    const told = model.get("_state");
    if (!kernel.current(told) || kernel.mine(told)) return; // the page is where it said, or further
    answered();
    state.settled = null;
    arrangeAs(told);
    view.schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (kernel.mine(refused)) error.textContent = `✕ ${refused.text}`;
  }
  function takeSettled() {
    const settled = model.get("_details");
    if (settled.request !== model.get("_state").request || !kernel.current(settled)) return;
    if (kernel.mine(settled)) answered();
    state.settled = settled;
    text.textContent = settled.plan;
    if (copying) write();
    view.schedule();
  }
  onSlide(control, (value) => {
    state.budget = value;
    state.now = allocate(state.tasks, value);
    tell();
  }, () => kernel.flush());

  // ---- rows ----
  let rows = [];
  function makeRow(name, i) {
    const lock = element("input", { type: "checkbox", aria: { label: `Lock ${name} at its depth` } });
    const word = element("span", { className: "plw-lock-word" });
    const weight = element("input", { type: "number", min: 0, step: "any", aria: { label: `Weight of ${name}` } });
    const bars = ["seen", "beyond", "interval", "end"].map((part) => element("span", { className: `plw-bar-${part}` }));
    const bar = element("div", { className: "plw-bar", aria: { hidden: "true" } }, ...bars);
    const cells = Object.fromEntries(["depth", "interval", ...(both ? ["rows", "rows-interval"] : []), "risk", "cost", "worth"].map((key) => [key, element("td", { className: `plw-${key}` })]));
    const row = element("tr", {}, element("th", { scope: "row", textContent: clip(name, 28), title: name }), element("td", {}, element("label", {}, lock, word)),
      element("td", {}, weight), element("td", { className: "plw-bars" }, bar), ...Object.values(cells));
    row.dataset.task = name;
    lock.addEventListener("change", () => {
      const { [name]: _, ...others } = state.locked;
      rearrange(state.weights, lock.checked ? { ...others, [name]: state.now.depth[i] } : others);
    });
    weight.addEventListener("change", () => {
      const value = Number(weight.value);
      if (value > 0 && Number.isFinite(value)) rearrange(state.weights.with(i, value), state.locked);
      else {
        weight.value = state.weights[i];
        error.textContent = `✕ weight of ${name}: a number > 0 is needed.`;
      }
    });
    return { i, name, row, lock, word, weight, bars, cells };
  }
  const pager = pagerOf(data.size, ROWS_SHOWN, () => {
    const from = pager.page * ROWS_SHOWN;
    rows = data.names.slice(from, from + ROWS_SHOWN).map((name, k) => makeRow(name, from + k));
    table.body.replaceChildren(...rows.map(({ row }) => row));
    view.schedule();
  });

  function paintRow({ i, name, row, lock, word, weight, bars, cells }, share) {
    const each = state.now.each[i];
    const locked = name in state.locked;
    row.classList.toggle("plw-is-locked", locked);
    lock.checked = locked;
    setText(word, locked ? "locked" : "free");
    if (document.activeElement !== weight && Number(weight.value) !== state.weights[i]) weight.value = state.weights[i];
    const place = (bar, from, to) => Object.assign(bar.style, { left: `${share(from)}%`, width: `${Math.max(share(to) - share(from), 0)}%` });
    const [seenBar, beyondBar, intervalBar, endBar] = bars;
    const seen = Math.min(each.depth, data.last[i]);
    seenBar.style.width = `${share(seen)}%`;
    place(beyondBar, seen, each.depth);
    endBar.style.left = `${share(each.depth)}%`;
    if (state.settled) {
      const [low, high] = [state.settled.lower[i], state.settled.upper[i]];
      place(intervalBar, low, high);
      setCell(cells.interval, `[${short(low)}, ${short(high)}]`, `${low},${high}`);
      row.title = state.settled.notes[i];
      if (both) setCell(cells["rows-interval"], `[${short(state.settled.rows_lower[i])}, ${short(state.settled.rows_upper[i])}]`, `${state.settled.rows_lower[i]},${state.settled.rows_upper[i]}`);
    }
    for (const key of ["depth", ...(both ? ["rows"] : []), "risk", "cost", "worth"]) setCell(cells[key], short(each[key]), each[key]);
  }

  // ---- words ----
  function words() {
    const { budget, now: at, tasks, settled } = state;
    // of very many tasks read from the frontier: another share of them at each tick would take too long
    const twice = both && data.size > MANY ? state.frontier.findLast((p) => p.budget <= 2 * budget) ?? at : allocate(tasks, 2 * budget);
    const range = settled ? ` [${short(settled.total[0])}, ${short(settled.total[1])}]` : "";
    const locked = Object.keys(state.locked).length;
    const next = at.multiplier > 0
      ? `The next unit of budget saves ${short(at.multiplier)}; twice the budget would leave ${short(twice.risk)}.`
      : "More budget buys nothing: whatever decays is at its highest depth, or locked.";
    const share = both ? ` ${Math.round(100 * sum(at.each.map((of, i) => data.row[i] * of.rows)) / at.cost)} % of it buys rows.` : "";
    return `B = ${short(budget)}:${share} ${both ? "Weighted" : "weighted"} risk ${short(at.risk)}${range}. ${next}${locked ? ` ${locked} of ${data.size} locked.` : ""}`;
  }

  function painting() {
    const grid = positions({ low: data.range[0], high: state.most, zero: false, step: 0 }, state.budget);
    control.grid = [state.tasks.least, ...grid.filter((b) => b > state.tasks.least)];
    setSlider(control, state.budget, `${short(state.budget)}; the next unit saves ${short(state.now.multiplier)}`);
    // Ends of the bars: they stand still until a depth would leave them.
    const [from, to] = [Math.min(...data.low) / 1.6, Math.max(4 * Math.max(...data.last), 1.6 * Math.max(...state.now.depth))];
    setText(table.columns[3], `Depth, ${short(from)} to ${short(to)} (log)`);
    for (const row of rows) paintRow(row, (c) => 100 * clamp(Math.log(c / from) / Math.log(to / from), 0, 1));
    const sentence = words();
    setText(now, sentence);
    view.say(sentence);
    Object.assign(now.dataset, { budget: state.budget, risk: state.now.risk, multiplier: state.now.multiplier, cost: state.now.cost });
    view.root.classList.toggle("plw-unsettled", !state.settled);
    view.draw(state, plots.map(({ name }) => `${name} over the budget. ${sentence} The table below has the numbers.`));
  }

  // ---- the plan, in the words of the kernel ----
  async function write() {
    copying = false;
    try {
      await navigator.clipboard.writeText(state.settled.plan);
      copied.textContent = `Copied: the plan of ${data.size} ${data.size === 1 ? "task" : "tasks"}.`;
    } catch { // no permission, or a page that is not served safely: the text is there to be copied by hand
      plan.open = true;
      getSelection().selectAllChildren(text);
      copied.textContent = "The browser does not let the page copy: the plan is selected below.";
    }
    view.say(copied.textContent, 0);
  }
  copy.addEventListener("click", () => {
    if (state.settled) write();
    else {
      copying = true;
      copied.textContent = "Copied as soon as the kernel has the plan …";
      kernel.flush();
    }
  });

  arrangeAs(model.get("_state"));
  const end = view.live(el, {
    parts: [
      element("div", { className: "plw-controls" }, control.row), view.area, now, legend, table.node, pager.node,
      element("div", { className: "plw-actions" }, copy, copied), plan, error,
    ],
    painting, stops: [kernel.done], heard: { _state: takeState, _details: takeSettled, _refused: takeRefusal },
  });
  takeSettled();
  pager.go(0);
  return end;
}

export default { render };
