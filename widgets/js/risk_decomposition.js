// View of RiskDecomposition: sliders for the law and its price, two linked pictures, a table of the numbers.

import { clamp, costsAt, intervals, optimalDepth, payingDepth, reachOf, toleranceDepth } from "./numbers.js";
import { positions, short } from "./axis.js";
import { messages, typed } from "./kernel.js";
import { axisTop, paintSplit, paintValley, riskFrame } from "./risk_plots.js";
import { button, element, legendOf, makeView, onSlide, rowOf, setCell, setOptions, setSlider, setText, slider, tableOf } from "./view.js";

const LAW = ["intrinsic_limit", "scale", "decay_rate"];
const CONTROLS = [
  ["The law", [
    ["intrinsic_limit", "Floor L_int", "Intrinsic limit: the risk that even the whole run leaves, metric²"],
    ["scale", "Scale K", "Reducible risk at depth 1, metric²·steps^α"],
    ["decay_rate", "Decay rate α", "How fast probing resolves what can be resolved"],
  ]],
  ["What probing costs", [
    ["exchange_rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost"],
    ["cost_per_step", "Cost per step λ", "Cost of one step of probing"],
    ["fixed_cost", "Fixed cost C_s", "Cost paid once for probing at all; moves the total, never c*"],
  ]],
  ["What can be lived with", [["tolerance", "Tolerance τ", "Risk that can be lived with, metric²"]]],
];
const NUMBERS = CONTROLS.flatMap(([, items]) => items.map(([name]) => name));
const ROWS = [["without", ""], ["optimal", "Least total, c*"], ["reachable", "Tolerance met, c_τ"]];
const QUESTIONS = {
  agreement: "agreement: how far are seeds apart?", this_run: "this_run: where will this run end?",
  fresh_run: "fresh_run: where will another run end?", new_task: "new_task: where will a run of a new task end?",
};
const QUANTITIES = [
  ["depth", "Depth c (steps)"], ["floor", "Floor L_int"], ["reducible", "Reducible V_opt"], ["risk", "Risk L"],
  ["cost", "Cost C"], ["price", "Price γC"], ["total", "Total L + γC"],
];

function patch(kind) {
  const lines = { floor: '<path d="M1 13 13 1M1 7 7 1M7 13 13 7"/>', price: '<path d="M1 1 13 13M7 1 13 7M1 7 7 13"/>', reducible: "" }[kind];
  return `<svg class="plw-swatch plw-part-${kind}" viewBox="0 0 14 14" aria-hidden="true"><rect x="1" y="1" width="12" height="12"/>${lines}</svg>`;
}

function render({ model, el }) {
  const traits = () => Object.fromEntries(NUMBERS.map((name) => [name, model.get(name)]));
  const state = { top: 0, trail: [], hover: 0, s: traits() };
  let [first, start, ranges, draws, ofRows, asked, reach] = [];
  /** What a question brings along: where the sliders stand and end, draws of its fit, what it is compared with. */
  function take() {
    [first, start, ranges, ofRows, asked] = ["_first", "_start", "_ranges", "_parts", "_asked"].map((name) => model.get(name));
    draws = typed(model.get("_draws"), Float64Array);
    const { tolerance, depths } = model.get("_reach");
    reach = tolerance ? { tolerance: typed(tolerance, Float64Array), depths: typed(depths, Float64Array) } : null;
    Object.assign(state, { depths: model.get("_depths"), metric: model.get("_metric"), without: asked.without, top: 0, trail: [] });
  }
  take();
  const plots = [
    { name: "Risk", yTitle: "risk", note: "splits into the floor and what more probing resolves", paint: paintSplit },
    { name: "Total cost", yTitle: "risk and price", note: "is a valley: c* is at its bottom", paint: paintValley },
  ];
  const title = model.get("_title");
  const view = makeView(model, { name: "risk", label: `Risk decomposition${title ? ` of ${title}` : ""}`, plots });

  const controls = {};
  const groups = CONTROLS.map(([legend, items]) => element("fieldset", {}, element("legend", { textContent: legend }),
    ...items.map(([name, label, hint]) => {
      controls[name] = slider(name.replaceAll("_", "-"), label, `${hint}; arrow keys move it, Page Up and Page Down in larger steps`);
      return controls[name].row;
    })));
  const question = element("select", { className: "plw-question", aria: { label: "What is asked" } });
  const chosen = element("label", { className: "plw-asked" }, "What is asked ", question);
  const questionWords = element("p", { className: "plw-asked-words" });
  const reset = button(draws.length ? "Back to the fit" : "Back to the start", "plw-reset");
  const margin = element("small");
  groups[2].append(element("div", { className: "plw-row" }, margin, reset));
  const legend = legendOf(`<span>${patch("floor")}floor L_int: no probing helps</span><span>${patch("reducible")}reducible K c^−α: what probing resolves</span><span>${patch("price")}price γ C(c) of probing</span>`);
  const cells = Object.fromEntries(ROWS.map(([key]) => [key, QUANTITIES.map(([name]) => element("td", { className: `plw-cell-${name}` }))]));
  const heads = Object.fromEntries(ROWS.map(([key, head]) => [key, element("span", { textContent: head })]));
  const table = tableOf("The numbers of what is compared with, at the optimal depth and at the tolerance", ["", ...QUANTITIES.map(([, head]) => head)],
    ROWS.map(([key]) => rowOf(heads[key], cells[key], `plw-row-${key}`)));
  const verdict = element("p", { className: "plw-verdict" });
  const rowsWords = element("p", { className: "plw-rows-share" });

  // ---- numbers ----
  const bottom = (s) => [state.found.optimal, costsAt(s, state.found.optimal).total];
  function follow() {
    const s = traits();
    const moved = NUMBERS.some((key) => s[key] !== state.s[key]);
    const known = asked.static_risk ?? NaN; // without a probe; not known: the first depth is compared with
    const costs = { price: s.exchange_rate * s.cost_per_step, fixed: s.exchange_rate * s.fixed_cost, first, last: asked.last ?? Infinity, without: known };
    const optimal = Math.min(optimalDepth(s.scale, s.decay_rate, costs.price), costs.last);
    state.s = s;
    const asFitted = LAW.every((key) => s[key] === start[key]);
    const now = model.get("_now");
    const ends = asFitted && reach ? (now.tolerance === s.tolerance ? typed(now.depths, Float64Array) : reachOf(reach, s.tolerance)) : null;
    state.found = {
      optimal, reachable: ends ? ends[1] : toleranceDepth(s.intrinsic_limit, s.scale, s.decay_rate, s.tolerance),
      pays: payingDepth(s.scale, s.decay_rate, { ...costs, floor: s.intrinsic_limit }) > 0,
      known: asked.static_risk !== null, without: asked.static_risk ?? costsAt(s, first, false).risk,
    };
    state.top = axisTop(costsAt(s, clamp(optimal, ...state.depths)).total, state.top);
    if (moved && optimal > 0) state.trail.push(bottom(s));
    state.rowsShare = asFitted ? ofRows.share ?? 0 : 0;
    state.intervals = draws.length && asFitted ? { optimal: intervals(draws, costs), reachable: [ends[0], ends[2]] } : null;
  }

  function paintControls() {
    for (const key of NUMBERS) {
      const [control, value] = [controls[key], state.s[key]];
      control.grid = positions(ranges[key], value);
      setSlider(control, value, short(value), `${short(value)}; optimal depth ${short(state.found.optimal)} steps`);
    }
    setText(margin, `a margin of ± ${short(1.96 * Math.sqrt(state.s.tolerance))} at 95 %`);
  }

  const spanText = (ends) => ` [${ends.map((c) => (c > 0 ? short(c) : "no probe")).join(", ")}]`;
  function paintTable() {
    const { s, found } = state;
    const { without } = found;
    const now = found.known ? { depth: 0, floor: s.intrinsic_limit, reducible: without - s.intrinsic_limit, risk: without, cost: 0, price: 0, total: without } : costsAt(s, first, false);
    const rows = { without: now, optimal: costsAt(s, found.optimal), reachable: costsAt(s, found.reachable) };
    for (const [key, head] of ROWS) {
      QUANTITIES.forEach(([name], i) => {
        const range = i === 0 && state.intervals?.[key];
        setCell(cells[key][i], short(rows[key][name]) + (range ? spanText(range) : ""), rows[key][name]);
      });
      const range = state.intervals?.[key];
      cells[key][0].title = range ? `${head}, 95 % interval` : "";
      cells[key][0].dataset.interval = range ? range.join() : "";
    }
    return rows;
  }

  function words(rows) {
    const { found, s } = state;
    const without = `${short(found.without)} ${asked.without}`;
    let text;
    if (!(s.scale > 0)) text = `Nothing decays (K = 0): probing does not pay; the risk is ${without}.`;
    else if (!found.pays && found.optimal > first) text = `At the best depth, c* = ${short(found.optimal)} steps, the total is ${short(rows.optimal.total)}, against ${without}: probing does not pay.`;
    else if (found.optimal <= first) text = `c* = ${short(found.optimal)} is not beyond the first depth, ${short(first)}: probing does not pay; the risk is ${without}.`;
    else text = `Probe to c* = ${short(found.optimal)} steps: total ${short(rows.optimal.total)} against ${without}; probing pays.`;
    if (found.reachable === Infinity) return `${text} ${s.intrinsic_limit >= s.tolerance ? "The floor is at or above the tolerance: no depth meets it." : "No depth meets the tolerance."}`;
    if (found.reachable <= first) return `${text} The tolerance is met at the first depth, ${short(first)}.`;
    return `${text} The tolerance is met from ${short(found.reachable)} steps on.`;
  }

  function painting() {
    follow();
    const { found } = state;
    paintControls();
    const text = words(paintTable());
    setText(heads.optimal, found.pays ? "Least total, c*" : "Best depth, c*"); // the least of all, not probing included
    for (const [key, least] of [["optimal", found.pays], ["without", !found.pays]]) heads[key].closest("tr").classList.toggle("plw-least", least);
    setText(heads.without, asked.without.replace(/^./, (c) => c.toUpperCase()));
    setOptions(question, model.get("_questions"), model.get("question"), (name) => QUESTIONS[name]);
    chosen.hidden = model.get("_questions").length < 2;
    setText(questionWords, model.get("question") ? `Asked: ${asked.question}. ${asked.words}` : "");
    questionWords.hidden = !questionWords.textContent;
    setText(reset, draws.length ? "Back to the fit" : "Back to the start");
    setText(verdict, text);
    setText(rowsWords, state.rowsShare > 0 ? ofRows.words : "");
    rowsWords.hidden = !rowsWords.textContent;
    view.say(text);
    view.draw(state, plots.map(({ name }) => `${name} over depth: ${text} The table below has the numbers.`));
  }

  // ---- sliders: each tick paints at once, the kernel hears of it now and then, and at the end ----
  const kernel = messages(model);
  let resting = true; // the next tick begins a new trail
  const begin = () => {
    if (resting) state.trail = state.found.optimal > 0 ? [bottom(state.s)] : [];
  };
  for (const key of NUMBERS) {
    onSlide(controls[key], (value) => {
      begin();
      resting = false;
      model.set(key, value);
      view.schedule();
      kernel.soon();
    }, () => {
      resting = true;
      kernel.now();
    });
  }
  reset.addEventListener("click", () => {
    begin();
    for (const key of NUMBERS) model.set(key, start[key]);
    kernel.now();
    view.schedule();
  });

  question.addEventListener("change", () => {
    model.set("question", question.value);
    kernel.now();
  });

  // ---- pointer: both pictures tell about the depth under it ----
  for (const plot of plots) {
    view.onHover(plot, (x) => {
      const f = riskFrame(plot, state);
      state.hover = x >= f.x0 && x <= f.x1 ? f.x.value(x) : 0;
      view.schedule();
      if (!state.hover) return "";
      const at = costsAt(state.s, state.hover);
      return [
        `depth ${short(state.hover)} steps`, `floor ${short(at.floor)}`, `reducible ${short(at.reducible)}`, `risk L ${short(at.risk)}`,
        `price γC ${short(at.price)}`, `total ${short(at.total)}`,
      ].join("\n");
    });
  }

  follow();
  const changed = () => {
    begin();
    view.schedule();
  };
  const another = () => {
    take();
    view.schedule();
  };
  return view.live(el, {
    parts: [...(title ? [element("h4", { textContent: title })] : []), chosen, questionWords, element("div", { className: "plw-groups" }, ...groups), legend, view.area, verdict, rowsWords, table.node],
    painting, stops: [kernel.flush],
    heard: { ...Object.fromEntries(NUMBERS.map((key) => [key, changed])), _now: view.schedule, ...Object.fromEntries(["_asked", "_start", "_reach", "_ranges"].map((key) => [key, another])) },
  });
}

export default { render };
