// View of DecayExplorer: every number comes from the kernel. page.js, axes.js and decay_explorer_plots.js come before this.

const WAIT = 60; // ms without a further move before a setting is asked for, in the middle of a drag
const SILENCE = 8000; // ms after which the page says that nobody answers
const CHOICES = [["task", "Task"], ["estimator", "Estimator"], ["method", "Method"], ["interval", "Intervals"]];
const VALUES = {
  gamma: "Gamma likelihood", gee: "GEE, cluster = run", loglog: "log-log least squares", profile: "profile likelihood",
  wald: "Wald", bootstrap: "bootstrap over runs",
};
const PARAMS = [["L_int", "floor L_int"], ["K", "scale K"], ["α", "decay rate α"]];
const HEADS = ["Parameter", "Estimate", "Std err", "95 % interval", "Before", "Interval before"];

const end = (v) => (v === Infinity ? "unbounded" : Number.isNaN(v) ? "–" : short(v));
const ends = (pair) => `[${end(number(pair[0]))}, ${end(number(pair[1]))}]`;

function line(kind) {
  const drawn = {
    fitted: '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>', out: '<path d="M13 1V13"/><path class="plw-hole" d="M8.5 4h9L13 11.5Z"/>',
    law: '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>', before: '<path stroke-dasharray="2 3" d="M1 7H25"/>', floor: '<path stroke-dasharray="7 4" d="M1 7H25"/>',
  }[kind];
  return `<svg class="plw-line-${kind}" viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5"><style>.plw-ink{fill:currentColor}.plw-hole{fill:var(--plw-page)}.plw-area{fill:color-mix(in srgb,var(--plw-2) 25%,transparent);stroke:none}.plw-law{stroke:var(--plw-2);stroke-width:2.5}</style>${drawn}</svg>`;
}

function renderDecay({ model, el }) {
  const selects = {};
  const choices = CHOICES.map(([name, title]) => {
    selects[name] = element("select", { className: `plw-${name}` });
    return element("label", {}, title, selects[name]);
  });
  const radios = ["log", "linear"].map((value) => element("input", { type: "radio", name: `plw-scale-${model.get("_uid")}`, value, className: `plw-scale-${value}` }));
  const axes = element("fieldset", {}, element("legend", { textContent: "Axes" }),
    ...radios.map((input, i) => element("label", {}, input, ["logarithmic", "linear"][i])));
  const burn = slider("burn-in", "Burn-in", "First depth of the fit; at the left end it is found by the lack-of-fit test. Arrow keys move it");
  const about = element("p", { className: "plw-about" });
  const legend = element("div", { className: "plw-legend" });
  legend.innerHTML = `<span>${line("fitted")}estimate with its 95 % interval</span><span>${line("out")}burn-in, not fitted</span><span>${line("law")}fitted law with its 95 % band</span><span>${line("floor")}floor L_int</span><span class="plw-legend-before">${line("before")}law before the change</span>`;
  const plots = [
    { name: "Risk and the law", paint: paintFit },
    { name: "Profile of α", paint: paintProfile },
    { name: "Residuals", paint: paintResiduals },
  ];
  const figures = plots.map((plot) => {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    plot.note = element("span");
    return element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.note), plot.canvas);
  });
  figures[1].classList.add("plw-late");
  const lawRows = element("tbody");
  const laws = element("div", { className: "plw-laws plw-late" }, element("table", {},
    element("caption", { textContent: "Rival laws on the fitted depths, best first" }),
    element("thead", {}, element("tr", {}, ...["Rival laws", "ΔAIC", "Weight", "Estimate"].map((t) => element("th", { scope: "col", textContent: t })))), lawRows));
  const tip = element("div", { className: "plw-tip", hidden: true });
  const area = element("div", { className: "plw-planes" }, ...figures, laws, tip);
  const cells = PARAMS.map(() => HEADS.slice(1).map((_, i) => element("td", { className: i === 1 || i === 2 ? "plw-late" : "" })));
  const rows = PARAMS.map(([, title], i) => element("tr", { className: `plw-row-${i}` }, element("th", { scope: "row", textContent: title }), ...cells[i]));
  const table = element("div", { className: "plw-table" }, element("table", {},
    element("caption", { textContent: "Parameters of the decay law, now and before the last change" }),
    element("thead", {}, element("tr", {}, ...HEADS.map((t) => element("th", { scope: "col", textContent: t })))), element("tbody", {}, ...rows)));
  const change = element("p", { className: "plw-change" });
  const cautions = element("ul", { className: "plw-cautions plw-late" });
  const error = element("p", { className: "plw-error", aria: { role: "alert" } });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  const root = element("div", { className: "plw plw-decay", aria: { role: "group", label: "Decay explorer" } },
    element("div", { className: "plw-choices" }, ...choices, axes), burn.row, about, legend, area, table, change, cautions, error, said);
  el.append(root);
  let look = readLook(root);

  const view = { n: null, log: true, profile: null };
  let pending = null; // settings of controls that the kernel has not answered yet

  // ---- what the kernel said: the fit, then its intervals, then what criticises it ----
  function takeFit() {
    const fitted = model.get("_fitted");
    if (!asked.current(fitted)) return; // of a position that has been left
    if (!asked.mine(fitted)) settle(); // Python, or another view, has moved since
    view.fitted = fitted;
    view.intervals = null;
    view.criticism = null;
    root.classList.add("plw-stale");
    schedule();
  }
  function takeIntervals() {
    const intervals = model.get("_intervals");
    if (intervals.ask !== view.fitted.ask) return;
    view.intervals = intervals;
    if (asked.mine(intervals)) settle();
    schedule();
  }
  function takeCriticism() {
    const criticism = model.get("_criticism");
    if (criticism.ask !== view.fitted.ask) return;
    view.criticism = criticism;
    root.classList.toggle("plw-stale", Boolean(pending));
    schedule();
  }
  function takeRefusal() {
    const refused = model.get("_refused");
    if (!asked.mine(refused)) return;
    settle();
    error.textContent = `✕ ${refused.text}`;
    schedule();
  }
  function settle() {
    pending = null;
    asked.done();
    error.textContent = "";
  }

  // ---- controls ----
  const asked = asking(model, {
    wait: WAIT, silence: SILENCE, lead: true,
    onSilence() {
      error.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last fit; run the cell again if it stays so.";
    },
  });
  function askFor(name, value) {
    pending = { ...pending, [name]: value };
    root.classList.add("plw-stale");
    asked.ask({ settings: pending });
    schedule();
  }
  for (const [name] of CHOICES) selects[name].addEventListener("change", () => askFor(name, selects[name].value));
  burn.input.addEventListener("input", () => askFor("burn_in", burnIns()[Number(burn.input.value)]));
  const burnIns = () => view.fitted.options.burn_in;
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      model.set("scale", radio.value);
      model.save_changes();
      schedule();
    });
  }

  function paintControls() {
    const { settings, options } = view.fitted;
    const now = { ...settings, ...pending };
    for (const [name] of CHOICES) {
      const select = selects[name];
      if (select.dataset.options !== options[name].join("\n")) {
        select.dataset.options = options[name].join("\n");
        const worded = (v) => (name === "interval" && v === "gee" ? "cluster-robust (GEE)" : name === "interval" && settings.method === "loglog" ? "least squares" : name === "task" || name === "estimator" ? v : VALUES[v]);
        select.replaceChildren(...options[name].map((v) => element("option", { value: v, textContent: worded(v) })));
      }
      if (select.value !== now[name]) select.value = now[name];
    }
    burn.input.max = options.burn_in.length - 1;
    const place = options.burn_in.indexOf(now.burn_in);
    if (Number(burn.input.value) !== place) burn.input.value = place;
    const found = `auto: from ${short(view.fitted.first)} steps on`;
    burn.output.textContent = now.burn_in === "auto" ? found : `from ${short(now.burn_in)} steps on`;
    burn.input.setAttribute("aria-valuetext", burn.output.textContent);
    view.log = model.get("scale") === "log";
    for (const radio of radios) radio.checked = radio.value === model.get("scale");
  }

  // ---- tables and words ----
  function setCell(cell, text, value) {
    if (cell.textContent !== text) cell.textContent = text;
    cell.dataset.value = value;
  }
  function paintTable() {
    const { before } = view.fitted;
    PARAMS.forEach((_, i) => {
      const [estimate, se, interval, was, wasInterval] = cells[i];
      setCell(estimate, end(view.n.params[i]), view.n.params[i]);
      const name = ["intrinsic_limit", "scale", "decay_rate"][i];
      setCell(was, before.params ? end(number(before.params[name])) : "–", before.params ? before.params[name] : "");
      setCell(wasInterval, before.conf_int ? ends(before.conf_int[name]) : "–", before.conf_int ? before.conf_int[name].join() : "");
      if (!view.intervals) return;
      setCell(se, end(number(view.intervals.bse[i])), view.intervals.bse[i]);
      setCell(interval, ends(view.intervals.conf_int[i]), view.intervals.conf_int[i].join());
    });
  }
  const worded = (name, value) => (name === "burn_in" ? (value === "auto" ? "automatic" : `${short(value)} steps`) : VALUES[value] && name === "method" ? VALUES[value] : value);
  function changeWords() {
    const { before, settings } = view.fitted;
    if (!before.settings) return "";
    const what = Object.keys(settings).filter((key) => before.settings[key] !== settings[key])
      .map((key) => `${key.replace("_", "-")} ${worded(key, before.settings[key])} → ${worded(key, settings[key])}`);
    const names = ["intrinsic_limit", "scale", "decay_rate"];
    const moved = names.map((name, i) => [PARAMS[i][0], end(number(before.params[name])), end(view.n.params[i])])
      .filter(([, old, now]) => old !== now).map(([symbol, old, now]) => `${symbol} ${old} → ${now}`);
    return `Changed: ${what.join(", ")}. ${moved.length ? `${moved.join(", ")}.` : "The estimates stay as they were."}`;
  }
  function paintLaws() {
    if (!view.criticism || lawRows.dataset.of === String(view.criticism.laws.map((l) => l.delta))) return;
    lawRows.dataset.of = view.criticism.laws.map((l) => l.delta);
    lawRows.replaceChildren(...view.criticism.laws.map((law) => {
      const weight = number(law.weight);
      const bar = element("span", { className: "plw-weight", aria: { hidden: "true" } });
      bar.style.width = `${Math.round(40 * weight)}px`;
      return element("tr", {}, element("th", { scope: "row", textContent: law.law, title: law.formula }),
        element("td", { textContent: number(law.delta).toFixed(1) }),
        element("td", { className: "plw-weights" }, weight.toFixed(2), bar), element("td", { textContent: law.estimate }));
    }));
  }
  function paintCautions() {
    if (!view.criticism || cautions.dataset.of === view.criticism.cautions.join("\n")) return;
    cautions.dataset.of = view.criticism.cautions.join("\n");
    cautions.replaceChildren(...view.criticism.cautions.map((text) => element("li", { textContent: `⚠ ${text}` })));
  }

  let saying = 0;
  function paint() {
    view.n = fitNumbers(view.fitted, view.intervals);
    if (view.criticism) view.profile = view.criticism.profile;
    paintControls();
    paintTable();
    paintLaws();
    paintCautions();
    about.textContent = view.fitted.about;
    legend.querySelector(".plw-legend-before").hidden = !view.n.before;
    const p = number(view.fitted.p_value);
    plots[0].note.textContent = `lack of fit p = ${p.toFixed(3)}${view.intervals ? `; intervals: ${view.intervals.words}` : ""}`;
    const { settings } = view.fitted;
    plots[1].note.textContent = settings.method === "gamma" ? "shaded: within the 95 % cut" : "of the Gamma likelihood, to compare; the dotted line is this fit";
    plots[2].note.textContent = "in standard deviations of log U; ◆ beyond 2";
    const estimate = `floor ${end(view.n.params[0])}, K ${end(view.n.params[1])}, alpha ${end(view.n.params[2])}`;
    const text = changeWords();
    if (change.textContent !== text) {
      change.textContent = text;
      clearTimeout(saying);
      saying = setTimeout(() => { said.textContent = `${settings.task}: ${text}`; }, 700);
    }
    const far = view.n.residuals.filter((r) => Math.abs(r) > 2).length;
    const labels = [
      `${settings.task}: risk over depth with the fitted law, ${estimate}. The table below has the numbers.`,
      `Profile of alpha: deviance above its least, estimate ${end(view.n.params[2])}${view.intervals ? `, interval ${ends(view.intervals.conf_int[2])}` : ""}.`,
      `Residuals at ${view.n.residuals.length} fitted depths; ${far} beyond 2 standard deviations.`,
    ];
    plots.forEach((plot, i) => {
      plot.canvas.setAttribute("aria-label", labels[i]);
      if (plot.width > 0) plot.paint(plot, view, look);
    });
    root.dataset.shown = JSON.stringify({ ...settings, whole: Boolean(view.intervals && view.criticism && !pending) });
    root.dataset.intervals = Boolean(view.intervals);
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  }
  const { schedule, cancel } = painter(paint);

  // ---- pointer: the estimate nearest to it ----
  const [risks] = plots;
  risks.canvas.addEventListener("pointermove", (event) => {
    const f = fitFrame(risks, view.n, view.log);
    const x = event.clientX - risks.canvas.getBoundingClientRect().left;
    let best = 0;
    view.n.depth.forEach((c, i) => { if (Math.abs(f.x.at(c) - x) < Math.abs(f.x.at(view.n.depth[best]) - x)) best = i; });
    const lines = [
      `depth ${short(view.n.depth[best])} steps${view.n.depth[best] < view.n.first ? " (burn-in)" : ""}`,
      `risk ${short(view.n.risk[best])} [${short(view.n.lower[best])}, ${short(view.n.upper[best])}]`, `degrees of freedom ${short(view.n.df[best])}`,
    ];
    const residual = view.n.residuals[best - view.n.depth.filter((c) => c < view.n.first).length];
    if (residual !== undefined) lines.push(`residual ${residual.toFixed(2)}`);
    placeTip(tip, area, event, lines.join("\n"));
  });
  risks.canvas.addEventListener("pointerleave", () => { tip.hidden = true; });

  // ---- the page around it ----
  view.fitted = model.get("_fitted");
  view.intervals = model.get("_intervals");
  view.criticism = model.get("_criticism");
  const stops = [
    keepKeys(root, "select, input"), cancel, asked.done, hideFallback(model.get("_uid")),
    fitCanvases(area, plots, () => {
      look = readLook(root);
      paint();
    }),
    watchTheme(() => {
      look = readLook(root);
      schedule();
    }),
  ];
  const heard = [["change:_fitted", takeFit], ["change:_intervals", takeIntervals], ["change:_criticism", takeCriticism], ["change:_refused", takeRefusal], ["change:scale", schedule]];
  for (const [event, then] of heard) model.on(event, then);
  return () => {
    for (const [event, then] of heard) model.off(event, then);
    clearTimeout(saying);
    for (const stop of stops) stop();
  };
}

export default { render: renderDecay };
