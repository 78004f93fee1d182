// View of DecayExplorer: every number comes from the kernel.

import { bound, interval, number, short } from "./axis.js";
import { fitFrame, fitNumbers, paintFit, paintProfile, paintResiduals } from "./decay_plots.js";
import { requests } from "./kernel.js";
import { alarm, element, legendOf, makeView, rowOf, scaleChoice, setCautions, setCell, setChildren, setOptions, setText, slider, tableOf } from "./view.js";

const WAIT = 60; // ms without a further move before a setting is asked for, in the middle of a drag
const CHOICES = [["task", "Task"], ["estimator", "Estimator"], ["method", "Method"], ["interval", "Intervals"]];
const VALUES = {
  posterior: "posterior, the rise in it",
  gamma: "Gamma likelihood", gee: "GEE, cluster = run", loglog: "log-log least squares", profile: "profile likelihood",
  wald: "Wald", bootstrap: "bootstrap over runs",
};
const PARAMS = [["intrinsic_limit", "L_int", "floor L_int"], ["scale", "K", "scale K"], ["decay_rate", "α", "decay rate α"]];
const HEADS = ["Parameter", "Estimate", "Std err", "95 % interval", "Before", "Interval before"];
const LATE = ["Std err", "95 % interval"]; // pale while they belong to another setting

const lackOfFit = (p) => (Number.isNaN(p) ? "too few depths to test the law" : `lack of fit p = ${p.toFixed(3)}`);

function line(kind) {
  const drawn = {
    fitted: '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>', out: '<path d="M13 1V13"/><path class="plw-hole" d="M8.5 4h9L13 11.5Z"/>',
    law: '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>', before: '<path stroke-dasharray="2 3" d="M1 7H25"/>', floor: '<path stroke-dasharray="7 4" d="M1 7H25"/>',
  }[kind];
  return `<svg class="plw-line-${kind}" viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>`;
}

function render({ model, el }) {
  const plots = [
    { name: "Risk and the law", paint: paintFit }, { name: "Profile of α", paint: paintProfile }, { name: "Residuals", paint: paintResiduals },
  ];
  const view = makeView(model, { name: "decay", label: "Decay explorer", plots });
  const { root } = view;
  const selects = Object.fromEntries(CHOICES.map(([name]) => [name, element("select", { className: `plw-${name}` })]));
  const axes = scaleChoice(model);
  const choices = element("div", { className: "plw-choices" }, ...CHOICES.map(([name, title]) => element("label", {}, title, selects[name])), axes.node);
  const burn = slider("burn-in", "Burn-in", "First depth of the fit; at the left end it is found by the lack-of-fit test. Arrow keys move it");
  const about = element("p", { className: "plw-about" });
  const legend = legendOf(`<span>${line("fitted")}estimate with its 95 % interval</span><span>${line("out")}burn-in, not fitted</span><span>${line("law")}fitted law with its 95 % band</span><span>${line("floor")}floor L_int</span><span class="plw-legend-before">${line("before")}law before the change</span>`);
  plots[1].figure.classList.add("plw-late");
  const laws = tableOf("Rival laws on the fitted depths, best first", ["Rival laws", "ΔAIC", "Weight", "Estimate"], [], "plw-laws plw-late");
  view.area.append(laws.node);
  const cells = PARAMS.map(() => HEADS.slice(1).map((head) => element("td", { className: LATE.includes(head) ? "plw-late" : "" })));
  const table = tableOf("Parameters of the decay law, now and before the last change", HEADS, PARAMS.map(([, , title], i) => rowOf(title, cells[i], `plw-row-${i}`)));
  const change = element("p", { className: "plw-change" });
  const cautions = element("ul", { className: "plw-cautions plw-late" });
  const error = alarm();

  // ---- what the kernel said: the fit, then its intervals, then what criticises it ----
  const state = { n: null, log: true, profile: null, fitted: model.get("_fitted"), intervals: model.get("_intervals"), criticism: model.get("_criticism") };
  let pending = null; // settings of controls that the kernel has not answered yet
  const kernel = requests(model, {
    wait: WAIT, lead: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last fit; run the cell again if it stays so.";
    },
  });
  function settle() {
    pending = null;
    kernel.done();
    error.textContent = "";
  }
  function takeFit() {
    const fitted = model.get("_fitted");
    if (!kernel.current(fitted)) return; // of a position that has been left
    if (!kernel.mine(fitted)) settle(); // Python, or another view, has moved since
    Object.assign(state, { fitted, intervals: null, criticism: null });
    root.classList.add("plw-stale");
    view.schedule();
  }
  function takeIntervals() {
    const intervals = model.get("_intervals");
    if (intervals.request !== state.fitted.request) return;
    state.intervals = intervals;
    if (kernel.mine(intervals)) settle();
    view.schedule();
  }
  function takeCriticism() {
    const criticism = model.get("_criticism");
    if (criticism.request !== state.fitted.request) return;
    state.criticism = criticism;
    root.classList.toggle("plw-stale", Boolean(pending));
    view.schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (!kernel.mine(refused)) return;
    settle();
    error.textContent = `✕ ${refused.text}`;
    view.schedule();
  }

  // ---- controls ----
  function askFor(name, value) {
    pending = { ...pending, [name]: value };
    root.classList.add("plw-stale");
    kernel.ask({ settings: pending });
    view.schedule();
  }
  for (const [name] of CHOICES) selects[name].addEventListener("change", () => askFor(name, selects[name].value));
  burn.input.addEventListener("input", () => askFor("burn_in", state.fitted.options.burn_in[Number(burn.input.value)]));

  function paintControls() {
    const { settings, options, first, law_first: lawFirst } = state.fitted;
    const now = { ...settings, ...pending };
    const worded = {
      method: (v) => VALUES[v], interval: (v) => (v === "gee" ? "cluster-robust (GEE)" : settings.method === "loglog" ? "least squares" : VALUES[v]),
    };
    for (const [name] of CHOICES) setOptions(selects[name], options[name], now[name], worded[name]);
    burn.input.max = options.burn_in.length - 1;
    const place = options.burn_in.indexOf(now.burn_in);
    if (Number(burn.input.value) !== place) burn.input.value = place;
    burn.output.textContent = now.burn_in === "auto" ? `auto: ${lawFirst > first ? `peak at ${short(lawFirst)} steps, the rise is in the model` : `from ${short(first)} steps on`}` : `from ${short(now.burn_in)} steps on`;
    burn.input.setAttribute("aria-valuetext", burn.output.textContent);
  }

  // ---- tables and words ----
  function paintTable() {
    const { before } = state.fitted;
    PARAMS.forEach(([name], i) => {
      const [estimate, se, range, was, rangeBefore] = cells[i];
      setCell(estimate, bound(state.n.params[i]), state.n.params[i]);
      setCell(was, before.params ? bound(number(before.params[name])) : "–", before.params?.[name] ?? "");
      setCell(rangeBefore, before.param_intervals ? interval(before.param_intervals[name]) : "–", before.param_intervals?.[name].join() ?? "");
      if (!state.intervals) return;
      setCell(se, bound(number(state.intervals.bse[i])), state.intervals.bse[i]);
      setCell(range, interval(state.intervals.ends[i]), state.intervals.ends[i].join());
    });
  }
  function changeWords() {
    const { before, settings } = state.fitted;
    if (!before.settings) return "";
    const worded = (name, value) => (name === "burn_in" ? (value === "auto" ? "automatic" : `${short(value)} steps`) : name === "method" ? VALUES[value] : value);
    const what = Object.keys(settings).filter((key) => before.settings[key] !== settings[key])
      .map((key) => `${key.replace("_", "-")} ${worded(key, before.settings[key])} → ${worded(key, settings[key])}`);
    const moved = PARAMS.map(([name, symbol], i) => [symbol, bound(number(before.params[name])), bound(state.n.params[i])])
      .filter(([, old, now]) => old !== now).map(([symbol, old, now]) => `${symbol} ${old} → ${now}`);
    return `Changed: ${what.join(", ")}. ${moved.length ? `${moved.join(", ")}.` : "The estimates stay as they were."}`;
  }
  const lawRow = (law) => {
    const weight = number(law.weight);
    const bar = element("span", { className: "plw-weight", aria: { hidden: "true" } });
    bar.style.width = `${Math.round(40 * weight)}px`;
    const name = element("th", { scope: "row", textContent: law.law, title: law.formula });
    return element("tr", {}, name, element("td", { textContent: number(law.delta).toFixed(1) }),
      element("td", { className: "plw-weights" }, weight.toFixed(2), bar), element("td", { textContent: law.estimate }));
  };

  function painting() {
    const { fitted, intervals, criticism } = state;
    const n = state.n = fitNumbers(fitted, intervals);
    state.log = axes.paint();
    paintControls();
    paintTable();
    if (criticism) {
      state.profile = criticism.profile;
      setChildren(laws.body, String(criticism.laws.map((law) => law.delta)), () => criticism.laws.map(lawRow));
      setCautions(cautions, criticism.cautions);
    }
    setText(about, fitted.about);
    legend.querySelector(".plw-legend-before").hidden = !n.before;
    plots[0].caption.textContent = `${lackOfFit(number(fitted.p_value))}${fitted.rising > 0.05 ? `; still rising with probability ${Math.round(100 * fitted.rising)} %` : ""}${intervals ? `; intervals: ${intervals.words}` : ""}`;
    plots[1].caption.textContent = fitted.settings.method === "gamma" ? "shaded: within the 95 % cut" : "of the Gamma likelihood, to compare; the dotted line is this fit";
    plots[2].caption.textContent = "in standard deviations of log U; ◆ beyond 2";
    const { task } = fitted.settings;
    const text = changeWords();
    if (setText(change, text)) view.say(`${task}: ${text}`);
    const far = n.residuals.filter((r) => Math.abs(r) > 2).length;
    const [limit, scale, rate] = n.params.map(bound);
    view.draw(state, [
      `${task}: risk over depth with the fitted law, floor ${limit}, K ${scale}, alpha ${rate}. The table below has the numbers.`,
      `Profile of alpha: deviance above its least, estimate ${rate}${intervals ? `, interval ${interval(intervals.ends[2])}` : ""}.`,
      `Residuals at ${n.residuals.length} fitted depths; ${far} beyond 2 standard deviations.`,
    ]);
    root.dataset.shown = JSON.stringify({ ...fitted.settings, whole: Boolean(intervals && criticism && !pending) });
    root.dataset.intervals = Boolean(intervals);
  }

  // ---- pointer: the estimate nearest to it ----
  view.onHover(plots[0], (x) => {
    if (Number.isNaN(x)) return "";
    const { n } = state;
    const f = fitFrame(plots[0], n, state.log);
    const off = (c) => Math.abs(f.x.at(c) - x);
    const best = n.depth.reduce((near, c, i) => (off(c) < off(n.depth[near]) ? i : near), 0);
    const residual = n.residuals[best - n.depth.filter((c) => c < n.lawFirst).length];
    return [
      `depth ${short(n.depth[best])} steps${n.depth[best] < n.first ? " (burn-in)" : n.depth[best] < n.lawFirst ? " (rise)" : ""}`,
      `risk ${short(n.risk[best])} [${short(n.lower[best])}, ${short(n.upper[best])}]`, `degrees of freedom ${short(n.df[best])}`,
      ...(residual === undefined ? [] : [`residual ${residual.toFixed(2)}`]),
    ].join("\n");
  });

  return view.live(el, {
    parts: [choices, burn.row, about, legend, view.area, table.node, change, cautions, error],
    painting, stops: [kernel.done],
    heard: { _fitted: takeFit, _intervals: takeIntervals, _criticism: takeCriticism, _refused: takeRefusal, scale: view.schedule },
  });
}

export default { render };
