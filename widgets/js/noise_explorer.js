// View of NoiseExplorer: runs and rows as sliders; what a comparison of two recipes can show follows at each tick.

import { bound, positions, short } from "./axis.js";
import { messages } from "./kernel.js";
import { paintShown, paintTaken } from "./noise_plots.js";
import { calledFrom, powerOf, rowsNeeded, seedsNeeded, smallestDifference, variance } from "./power.js";
import { button, element, legendOf, makeView, onSlide, rowOf, setCell, setSlider, setText, slider, tableOf } from "./view.js";

const CONTROLS = [
  ["What you spend", [
    ["seeds", "Runs of each S", "Finished runs of each of the two recipes"],
    ["rows", "Evaluation rows n", "Rows that every run is evaluated on"],
  ]],
  ["What it is about", [["difference", "Difference", "True difference of the two recipes, in the metric"]]],
  ["How noisy such runs are", [
    ["run_sd", "Runs σ_run", "Standard deviation over runs on the population of rows"],
    ["interaction", "Rows σ_int²", "What decides which run gets which row right, metric² a row; for right and wrong about half the churn"],
  ]],
];
const NUMBERS = CONTROLS.flatMap(([, items]) => items.map(([name]) => name));
const ROWS = [
  ["sd", "Spread of one run on these rows"], ["share", "of its variance, this evaluation set"], ["smallest", "Smallest difference that is seen"],
  ["called", "An observed difference is called from about"], ["power", "Chance to see the difference"],
  ["seeds", "Runs of each that show it, on these rows"], ["rows", "Rows that show it, with these runs"],
];

function render({ model, el }) {
  const [start, ranges, power, known] = ["_start", "_ranges", "power", "_known"].map((name) => model.get(name));
  const traits = () => Object.fromEntries(NUMBERS.map((name) => [name, Number(model.get(name))]));
  const state = { s: traits(), power, known, metric: model.get("_metric"), start, ranges };
  const plots = [
    { name: "What a comparison shows", note: "if the recipes are alike, and if they differ", paint: paintShown },
    { name: "What it takes", note: "smallest difference that is seen, by runs", paint: paintTaken },
  ];
  const title = model.get("_title");
  const view = makeView(model, { name: "noise", label: `Noise explorer${title ? ` of ${title}` : ""}`, plots });
  const controls = {};
  const groups = CONTROLS.map(([legend, items]) => element("fieldset", {}, element("legend", { textContent: legend }),
    ...items.map(([name, label, hint]) => {
      controls[name] = slider(name.replaceAll("_", "-"), label, `${hint}; arrow keys move it, Page Up and Page Down in larger steps`);
      controls[name].row.hidden = !ranges[name];
      return controls[name].row;
    })));
  const reset = button("Back to the start", "plw-reset");
  const origin = element("small", { textContent: known.said });
  groups[2].append(element("div", { className: "plw-row" }, origin, reset));
  const legend = legendOf('<span><svg class="plw-swatch plw-alike" viewBox="0 0 14 14" aria-hidden="true"><path d="M1 13Q7-8 13 13"/></svg>recipes alike</span>'
    + '<span><svg class="plw-swatch plw-differ" viewBox="0 0 14 14" aria-hidden="true"><path d="M1 13Q7-8 13 13"/></svg>recipes that differ</span>'
    + '<span><svg class="plw-swatch plw-seen" viewBox="0 0 14 14" aria-hidden="true"><rect x="1" y="1" width="12" height="12"/></svg>called a difference</span>');
  const cells = Object.fromEntries(ROWS.map(([key]) => [key, element("td", { className: `plw-cell-${key}` })]));
  const table = tableOf("What the present runs and rows show", ["", "now"], ROWS.map(([key, head]) => rowOf(head, [cells[key]], `plw-row-${key}`)));
  const verdict = element("p", { className: "plw-verdict" });

  function follow() {
    const s = state.s = traits();
    const rows = s.interaction > 0 ? s.interaction / s.rows : 0;
    const sd = Math.sqrt(s.run_sd ** 2 + rows);
    state.untouched = s.run_sd === start.run_sd && known.run_sd;
    state.found = {
      sd, share: sd > 0 ? rows / sd ** 2 : NaN, of: Math.sqrt(variance(s)), smallest: smallestDifference(s, power), called: calledFrom(s),
      power: powerOf(s.difference, s), seeds: seedsNeeded(s.difference, s, power), rows: s.interaction > 0 ? rowsNeeded(s.difference, s, power) : NaN,
    };
    // what the runs so far leave open of sigma_run
    state.ends = state.untouched ? known.run_sd.map((run_sd) => smallestDifference({ ...s, run_sd: Number(run_sd) }, power)) : null;
  }

  function paintControls() {
    for (const key of NUMBERS) {
      if (!ranges[key]) continue;
      const control = controls[key];
      control.grid = positions(ranges[key], state.s[key]);
      setSlider(control, state.s[key], short(state.s[key]), `${short(state.s[key])}; smallest difference that is seen ${short(state.found.smallest)}`);
    }
  }

  function paintTable() {
    const { found, ends } = state;
    const percent = (v) => (Number.isFinite(v) ? `${(100 * v).toFixed(0)} %` : "–");
    const texts = {
      sd: short(found.sd), share: state.s.interaction > 0 ? percent(found.share) : "not known",
      smallest: short(found.smallest) + (ends ? ` [${ends.map(bound).join(", ")}]` : ""), called: short(found.called), power: percent(found.power),
      seeds: Number.isFinite(found.seeds) ? String(found.seeds) : "more than 4096",
      rows: Number.isNaN(found.rows) ? "not known" : Number.isFinite(found.rows) ? String(found.rows) : "none are enough",
    };
    for (const [key] of ROWS) setCell(cells[key], texts[key], found[key]);
    cells.smallest.dataset.interval = ends ? ends.join() : "";
  }

  function words() {
    const { s, found } = state;
    const on = Number.isFinite(s.rows) ? ` on ${short(s.rows)} rows` : "";
    if (s.seeds < 2) return `One run of each${on}: no difference of recipes can be shown, whatever the rows. Runs are told by runs.`;
    const seen = `${short(s.seeds)} runs of each${on} see a difference of ${short(found.smallest)} in ${(100 * power).toFixed(0)} of 100 cases`;
    const asked = `one of ${short(s.difference)} in ${(100 * found.power).toFixed(0)}`;
    return `${seen}, ${asked}.`;
  }

  function painting() {
    follow();
    paintControls();
    paintTable();
    const text = words();
    setText(verdict, text);
    view.say(text);
    view.draw(state, plots.map(({ name }) => `${name}: ${text} The table below has the numbers.`));
  }

  const kernel = messages(model);
  for (const key of NUMBERS) {
    onSlide(controls[key], (value) => {
      model.set(key, value);
      view.schedule();
      kernel.soon();
    }, () => kernel.now());
  }
  reset.addEventListener("click", () => {
    for (const key of NUMBERS) model.set(key, start[key]);
    kernel.now();
    view.schedule();
  });
  follow();
  return view.live(el, {
    parts: [...(title ? [element("h4", { textContent: title })] : []), element("div", { className: "plw-groups" }, ...groups), legend, view.area, verdict, table.node],
    painting, heard: Object.fromEntries(NUMBERS.map((key) => [key, view.schedule])), stops: [kernel.flush],
  });
}

export default { render };
