// View of ProbeMonitor: every number comes from the kernel. page.js, axes.js and two files of plots come before this.

const SILENCE = 8000; // ms after which the page says that nobody answers
const QUIET = 15000; // ms without news of a probe that runs, after which the kernel is asked whether it is there
const BADGES = { running: "▶", done: "✓", cancelled: "■", failed: "✕" };
const COLUMNS = ["Depth (steps)", "Seeds", "Mean", "Sd over seeds", "Least", "Greatest"];
const TASK_COLUMNS = ["Task", "Steps done", "Of", "Steps per second", "Time left"];
const SYMBOLS = ["floor L_int", "K", "α"];

const whole = (v) => Number(v).toLocaleString("en");

function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.round(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  return h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}

function rows(body, lines) {
  const text = JSON.stringify(lines);
  if (body.dataset.of === text) return;
  body.dataset.of = text;
  body.replaceChildren(...lines.map(([first, ...others]) => element("tr", {}, element("th", { scope: "row", textContent: first }),
    ...others.map((cell) => element("td", { textContent: cell })))));
}

function tableOf(columns, caption) {
  const body = element("tbody");
  const node = element("div", { className: "plw-table" }, element("table", {}, element("caption", { textContent: caption }),
    element("thead", {}, element("tr", {}, ...columns.map((t) => element("th", { scope: "col", textContent: t })))), body));
  return { node, body };
}

function renderMonitor({ model, el }) {
  // ---- what is there ----
  const task = element("select", { className: "plw-task" });
  const metric = element("select", { className: "plw-metric" });
  const radios = ["log", "linear"].map((value) => element("input", { type: "radio", name: `plw-scale-${model.get("_uid")}`, value, className: `plw-scale-${value}` }));
  const axes = element("fieldset", {}, element("legend", { textContent: "Axes" }),
    ...radios.map((input, i) => element("label", {}, input, ["logarithmic", "linear"][i])));
  const choices = element("div", { className: "plw-choices" }, element("label", {}, "Task", task), element("label", {}, "Metric", metric), axes);

  const badge = element("b", { className: "plw-badge" });
  const doing = element("span", { className: "plw-doing" });
  const bar = element("progress", { max: 1, value: 0, aria: { label: "Steps done" } });
  const steps = element("span", { className: "plw-steps" });
  const state = element("div", { className: "plw-run" }, badge, bar, steps, doing);

  const cancel = element("button", { type: "button", className: "plw-cancel", textContent: "Cancel" });
  const goOn = element("button", { type: "button", className: "plw-go-on", textContent: "Go on" });
  const more = element("input", { type: "number", min: 1, step: 1, value: 4, className: "plw-more-seeds", aria: { label: "How many seeds more" } });
  const addSeeds = element("button", { type: "submit", className: "plw-add-seeds", textContent: "Add seeds" });
  const deeper = element("input", { type: "number", min: 1, step: 1, className: "plw-deeper", aria: { label: "Depth to add, steps" } });
  const addDepth = element("button", { type: "submit", className: "plw-add-depth", textContent: "Add depth" });
  const limit = element("small");
  // Forms: Enter in a field submits them, though its key event is kept from everybody (see keepKeys).
  const moreSeeds = element("form", { noValidate: true }, more, addSeeds);
  const oneDepth = element("form", { noValidate: true }, deeper, addDepth, limit);
  const actions = element("div", { className: "plw-actions" }, cancel, goOn, moreSeeds, oneDepth);

  const error = element("p", { className: "plw-error plw-failed", aria: { role: "alert" } });
  const refusal = element("p", { className: "plw-error plw-refused", aria: { role: "alert" } });
  const legend = element("div", { className: "plw-legend" });
  const key = (drawn) => `<svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>`;
  legend.innerHTML = `<span>${key('<path stroke="var(--plw-2)" d="M1 10C9 2 17 6 25 4"/>')}a seed</span><span class="plw-legend-forks">${key('<path stroke="var(--plw-2)" stroke-dasharray="3 3" d="M1 10L25 4"/>')}a fork</span><span>${key('<path stroke-width="2.5" d="M1 7H25"/><path fill="currentColor" stroke="none" d="M13 2l5 5-5 5-5-5Z"/>')}mean over seeds</span><span class="plw-legend-diverged">${key('<path stroke="var(--plw-1)" stroke-width="2" d="M9 3L17 11M9 11L17 3"/>')}diverged</span><span class="plw-legend-risk">${key('<path d="M13 1V13"/><circle fill="currentColor" cx="13" cy="7" r="3.5"/>')}risk with its 95 % interval</span><span class="plw-legend-fit">${key('<path fill="color-mix(in srgb,var(--plw-2) 25%,transparent)" stroke="none" d="M1 3H25V11H1Z"/><path stroke="var(--plw-2)" stroke-width="2.5" d="M1 7H25"/>')}fitted law with its 95 % band</span>`;
  const plots = [{ name: "Runs", paint: paintCurves }, { name: "Risk", paint: paintRisk }];
  const figures = plots.map((plot) => {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    plot.note = element("span");
    return element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.note), plot.canvas);
  });
  const tip = element("div", { className: "plw-tip", hidden: true });
  const area = element("div", { className: "plw-planes" }, ...figures, tip);
  const fit = element("p", { className: "plw-fit" });
  const cautions = element("ul", { className: "plw-cautions" });
  const tasks = tableOf(TASK_COLUMNS, "Progress of every task");
  tasks.node.classList.add("plw-tasks");
  const depths = tableOf(COLUMNS, "The metric at every depth, over seeds");
  depths.node.classList.add("plw-depths");
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  const root = element("div", { className: "plw plw-monitor", aria: { role: "group", label: "Probe monitor" } },
    choices, state, actions, error, refusal, legend, area, fit, cautions, tasks.node, depths.node, said);
  el.append(root);
  let look = readLook(root);
  const view = { n: null, risk: null, log: true, hovered: null, gone: false };

  // ---- requests: the kernel's answer to each is its name, and what was wrong with it ----
  const me = `view ${Math.random().toString(36).slice(2)} `;
  let asked = 0;
  let guard = 0;
  let quiet = 0;
  function ask(what) {
    asked += 1;
    clearTimeout(guard);
    guard = setTimeout(silent, SILENCE);
    refusal.textContent = "";
    try {
      model.send({ ask: me + asked, ...what });
    } catch { // the kernel that made this view is gone
      silent();
    }
  }
  function silent() {
    clearTimeout(guard);
    refusal.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last state; if it stays so, run the cell again: with a store, nothing measured is lost.";
    schedule();
  }
  function answered() {
    const heard = model.get("_heard");
    if (heard.ask === "kernel" || heard.ask === me + asked) {
      clearTimeout(guard);
      guard = 0;
      view.gone = false;
      refusal.textContent = heard.text ? `✕ ${heard.text}` : "";
      schedule();
    }
  }
  function news() {
    clearTimeout(quiet);
    view.gone = false;
    if (!guard && refusal.textContent.includes("does not answer")) refusal.textContent = "";
    if (model.get("_now").status === "running") quiet = setTimeout(() => ask({ do: "answer" }), QUIET);
    schedule();
  }
  /** The connection has changed: gone, unless the kernel answers. */
  function comm() {
    view.gone = true;
    clearTimeout(quiet);
    ask({ do: "answer" });
    silent();
  }

  task.addEventListener("change", () => ask({ do: "choose", name: "task", value: task.value }));
  metric.addEventListener("change", () => ask({ do: "choose", name: "metric", value: metric.value }));
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      model.set("scale", radio.value);
      model.save_changes();
      schedule();
    });
  }
  cancel.addEventListener("click", () => {
    ask({ do: "cancel" });
    doing.textContent = "stopping";
    goOn.hidden ? cancel.blur() : goOn.focus();
  });
  goOn.addEventListener("click", () => ask({ do: "extend" }));
  const extend = (input, name) => {
    const value = Number(input.value);
    if (input.value === "" || !input.checkValidity()) {
      refusal.textContent = `✕ ${input.getAttribute("aria-label")}: ${input.validationMessage || "a whole number"}`;
      input.focus();
      return;
    }
    ask({ do: "extend", [name]: value });
  };
  for (const [form, input, name] of [[moreSeeds, more, "seeds"], [oneDepth, deeper, "depths"]]) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      extend(input, name);
    });
  }

  // ---- painting ----
  function options(select, values, value) {
    if (select.dataset.options !== values.join("\n")) {
      select.dataset.options = values.join("\n");
      select.replaceChildren(...values.map((v) => element("option", { value: v, textContent: v })));
    }
    if (select.value !== value) select.value = value;
  }

  function paintState(now) {
    const running = now.status === "running" && !view.gone;
    badge.textContent = view.gone ? "? kernel gone" : `${BADGES[now.status]} ${now.status}`;
    badge.dataset.status = view.gone ? "gone" : now.status;
    doing.textContent = running ? now.doing : "";
    bar.max = Math.max(1, now.total);
    bar.value = now.total ? now.done : Number(now.status === "done");
    const parts = [`${whole(now.done)} of ${whole(now.total)} steps`];
    if (running && Number.isFinite(number(now.rate))) parts.push(`${short(number(now.rate))} steps/s`);
    const current = now.tasks.find(([, done, total, , left]) => done < total && Number.isFinite(number(left)));
    if (running && Number.isFinite(number(now.left))) parts.push(`${duration(number(now.left))} left`);
    else if (running) parts.push(current ? `${duration(number(current[4]))} left of ${current[0]}` : "time left not known yet");
    steps.textContent = now.total || running ? parts.join(" · ") : "all of it was measured before";
    bar.setAttribute("aria-valuetext", steps.textContent);
    cancel.disabled = !running || now.doing === "stopping";
    goOn.hidden = !["cancelled", "failed"].includes(now.status) || view.gone;
    for (const control of [more, addSeeds]) control.disabled = view.gone;
    const room = now.limit > now.deepest;
    for (const control of [deeper, addDepth]) control.disabled = view.gone || !room;
    addSeeds.textContent = `Add ${now.word}s`;
    if (deeper.dataset.after !== `${now.deepest} ${now.limit}`) {
      deeper.dataset.after = `${now.deepest} ${now.limit}`;
      deeper.max = now.limit;
      deeper.value = Math.min(now.limit, 2 * now.deepest || 1);
    }
    limit.textContent = room ? `the recipe has ${whole(now.limit)} steps` : `the recipe ends at ${whole(now.limit)} steps`;
    error.textContent = now.error ? `✕ ${now.error}` : "";
    tasks.node.hidden = now.tasks.length < 2;
    rows(tasks.body, now.tasks.map(([name, done, total, rate, left]) => [name, whole(done), whole(total), short(number(rate)), duration(number(left))]));
  }

  function paintFitLine(risk) {
    const ends = (v) => (v === Infinity ? "unbounded" : short(v));
    if (risk.params) {
      const estimates = risk.params.map((v, i) => `${SYMBOLS[i]} ${short(number(v))} [${ends(number(risk.conf_int[i][0]))}, ${ends(number(risk.conf_int[i][1]))}]`);
      fit.textContent = `Decay fit so far: ${estimates.join(", ")} (95 % profile intervals).`;
      fit.dataset.values = JSON.stringify([risk.params, risk.conf_int]);
    } else {
      fit.textContent = `The ${risk.points ? "decay fit" : "risk curve"} waits for ${risk.waiting_for}.`;
      fit.dataset.values = "";
    }
    const texts = risk.cautions ?? [];
    if (cautions.dataset.of !== texts.join("\n")) {
      cautions.dataset.of = texts.join("\n");
      cautions.replaceChildren(...texts.map((text) => element("li", { textContent: `⚠ ${text}` })));
    }
  }

  let toSay = "";
  let saying = 0;
  function say(text) {
    if (text === toSay) return;
    toSay = text;
    if (!saying) saying = setTimeout(() => { saying = 0; said.textContent = toSay; }, 1500);
  }

  function paint() {
    const [now, curves, risk] = [model.get("_now"), model.get("_curves"), model.get("_risk")];
    view.n = curveNumbers(curves);
    view.risk = riskNumbers(risk);
    view.log = model.get("scale") === "log";
    for (const radio of radios) radio.checked = radio.value === model.get("scale");
    options(task, now.tasks.map(([name]) => name), model.get("task"));
    options(metric, now.metrics, model.get("metric"));
    paintState(now);
    paintFitLine(risk);
    const lines = view.n.table.map(([c, seeds, ...numbers]) => [whole(c), whole(seeds), ...numbers.map(short)]);
    rows(depths.body, lines);
    depths.node.hidden = !lines.length;
    depths.body.dataset.values = JSON.stringify(curves.table);
    legend.querySelector(".plw-legend-forks").hidden = !view.n.forks.some(Boolean);
    legend.querySelector(".plw-legend-diverged").hidden = !view.n.diverged.some(Boolean);
    legend.querySelector(".plw-legend-risk").hidden = !view.risk;
    legend.querySelector(".plw-legend-fit").hidden = !risk.curve;
    const forks = view.n.forks.filter(Boolean).length;
    const lost = view.n.diverged.filter(Boolean).length;
    const begun = view.n.runs - forks;
    plots[0].note.textContent = `${begun} of ${now.runs} ${now.word}s begun${forks ? `, ${forks} forks` : ""}${lost ? `, ${lost} diverged` : ""}`;
    const short_of = risk.incomplete ? `; ${risk.incomplete} have not reached all depths yet` : "";
    plots[1].note.textContent = risk.points && risk.runs ? `over ${risk.runs} seeds${short_of}` : "";
    const last = lines[lines.length - 1];
    const latest = last ? `at depth ${last[0]}: mean ${last[2]} over ${last[1]} seeds` : "nothing is measured yet";
    const labels = [
      `${curves.task}: ${curves.metric} of ${view.n.runs} runs over depth, ${latest}. The table below has the numbers.`,
      `${risk.task}: risk over depth. ${fit.textContent}`,
    ];
    plots.forEach((plot, i) => {
      plot.canvas.setAttribute("aria-label", labels[i]);
      if (plot.width > 0) plot.paint(plot, view, look);
    });
    say(`${now.status}. ${curves.task}, ${curves.metric}, ${latest}.`);
    root.dataset.shown = JSON.stringify({
      status: now.status, doing: now.doing, done: now.done, total: now.total, task: curves.task, metric: curves.metric,
      depths: curves.depths, runs: view.n.runs, fit: Boolean(risk.curve), gone: view.gone,
    });
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  }
  const { schedule, cancel: cancelPaint } = painter(paint);

  // ---- pointer: the run whose value is nearest to it ----
  plots[0].canvas.addEventListener("pointermove", (event) => {
    const found = nearestValue(plots[0], view, event);
    const run = found ? found[0] : null;
    if (run !== view.hovered) {
      view.hovered = run;
      schedule();
    }
    if (!found) tip.hidden = true;
    else {
      const what = view.n.forks[run] ? `fork of seed ${view.n.seeds[run]}` : `seed ${view.n.seeds[run]}`;
      placeTip(tip, area, event, `${what}\ndepth ${view.n.depths[found[1]]} steps\n${view.n.metric} ${view.n.value(...found).toPrecision(4)}`);
    }
  });
  plots[0].canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
    view.hovered = null;
    schedule();
  });

  // ---- the page around it ----
  const stops = [
    keepKeys(root, "select, input, button"), cancelPaint, hideFallback(model.get("_uid")),
    fitCanvases(area, plots, () => {
      look = readLook(root);
      paint();
    }),
    watchTheme(() => {
      look = readLook(root);
      schedule();
    }),
  ];
  const heard = [["change:_now", news], ["change:_curves", schedule], ["change:_risk", schedule], ["change:_heard", answered],
    ["change:scale", schedule], ["comm_live_update", comm]];
  for (const [event, then] of heard) model.on(event, then);
  news();
  return () => {
    for (const [event, then] of heard) model.off(event, then);
    for (const timer of [guard, quiet, saying]) clearTimeout(timer);
    for (const stop of stops) stop();
  };
}

export default { render: renderMonitor };
