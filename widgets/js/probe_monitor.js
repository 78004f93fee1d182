// View of ProbeMonitor: every number comes from the kernel.

import { interval, number, short } from "./axis.js";
import { requests } from "./kernel.js";
import { curveNumbers, nearestValue, paintCurves, paintRisk, riskNumbers } from "./probe_plots.js";
import { alarm, button, element, legendOf, makeView, rowOf, scaleChoice, setCautions, setChildren, setOptions, setText, tableOf } from "./view.js";

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

function setRows({ body }, lines) {
  setChildren(body, JSON.stringify(lines), () => lines.map(([first, ...others]) => rowOf(first, others.map((cell) => element("td", { textContent: cell })))));
}

function render({ model, el }) {
  // ---- what is there ----
  const plots = [{ name: "Runs", paint: paintCurves }, { name: "Risk", paint: paintRisk }];
  const view = makeView(model, { name: "monitor", label: "Probe monitor", plots });
  const task = element("select", { className: "plw-task" });
  const metric = element("select", { className: "plw-metric" });
  const axes = scaleChoice(model);
  const choices = element("div", { className: "plw-choices" }, element("label", {}, "Task", task), element("label", {}, "Metric", metric), axes.node);

  const badge = element("b", { className: "plw-badge" });
  const doing = element("span", { className: "plw-doing" });
  const bar = element("progress", { max: 1, value: 0, aria: { label: "Steps done" } });
  const steps = element("span", { className: "plw-steps" });
  const run = element("div", { className: "plw-run" }, badge, bar, steps, doing);

  const cancel = button("Cancel", "plw-cancel");
  const resume = button("Go on", "plw-go-on");
  const count = (value, className, label) => element("input", { type: "number", min: 1, step: 1, value, className, aria: { label } });
  const more = count(4, "plw-more-seeds", "How many seeds more");
  const addSeeds = button("Add seeds", "plw-add-seeds", "submit");
  const deeper = count("", "plw-deeper", "Depth to add, steps");
  const addDepth = button("Add depth", "plw-add-depth", "submit");
  const limit = element("small");
  // Forms: Enter in a field submits them, though its key event is kept from everybody (see keepKeys).
  const moreSeeds = element("form", { noValidate: true }, more, addSeeds);
  const oneDepth = element("form", { noValidate: true }, deeper, addDepth, limit);
  const actions = element("div", { className: "plw-actions" }, cancel, resume, moreSeeds, oneDepth);

  const error = alarm("plw-failed");
  const refusal = alarm("plw-refused");
  const legend = legendOf([
    ["", "a seed", '<path stroke="var(--plw-2)" d="M1 10C9 2 17 6 25 4"/>'], ["forks", "a fork", '<path stroke="var(--plw-2)" stroke-dasharray="3 3" d="M1 10L25 4"/>'],
    ["", "mean over seeds", '<path stroke-width="2.5" d="M1 7H25"/><path class="plw-ink" stroke="none" d="M13 2l5 5-5 5-5-5Z"/>'],
    ["diverged", "diverged", '<path stroke="var(--plw-1)" stroke-width="2" d="M9 3L17 11M9 11L17 3"/>'],
    ["risk", "risk with its 95 % interval", '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>'],
    ["fit", "fitted law with its 95 % band", '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>'],
  ].map(([name, text, drawn]) => `<span class="plw-legend-${name}"><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${text}</span>`).join(""));
  const fit = element("p", { className: "plw-fit" });
  const rowsShare = element("p", { className: "plw-rows-share" });
  const cautions = element("ul", { className: "plw-cautions" });
  const tasks = tableOf("Progress of every task", TASK_COLUMNS, [], "plw-table plw-tasks");
  const depths = tableOf("The metric at every depth, over seeds", COLUMNS, [], "plw-table plw-depths");
  const state = { n: null, risk: null, log: true, hovered: null, gone: false };

  // ---- requests: the kernel's answer to each is its name, and what was wrong with it ----
  let quiet = 0;
  const kernel = requests(model, { wait: 0, lead: true, onSilence: silent });
  function ask(what) {
    refusal.textContent = "";
    kernel.ask(what);
  }
  function silent() {
    refusal.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last state; if it stays so, run the cell again: with a store, nothing measured is lost.";
    view.schedule();
  }
  function answered() {
    const answer = model.get("_answer");
    if (answer.request !== "kernel" && !kernel.mine(answer)) return;
    kernel.done();
    state.gone = false;
    refusal.textContent = answer.text ? `✕ ${answer.text}` : "";
    view.schedule();
  }
  function news() {
    clearTimeout(quiet);
    state.gone = false;
    if (!kernel.waiting() && refusal.textContent.includes("does not answer")) refusal.textContent = "";
    if (model.get("_progress").status === "running") quiet = setTimeout(() => ask({ do: "answer" }), QUIET);
    view.schedule();
  }
  /** The connection has changed: gone, unless the kernel answers. */
  function comm() {
    state.gone = true;
    clearTimeout(quiet);
    ask({ do: "answer" });
    silent();
  }

  for (const [name, select] of [["task", task], ["metric", metric]]) {
    select.addEventListener("change", () => ask({ do: "choose", name, value: select.value }));
  }
  cancel.addEventListener("click", () => {
    ask({ do: "cancel" });
    doing.textContent = "stopping";
    if (resume.hidden) cancel.blur();
    else resume.focus();
  });
  resume.addEventListener("click", () => ask({ do: "extend" }));
  for (const [form, input, name] of [[moreSeeds, more, "seeds"], [oneDepth, deeper, "depths"]]) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value !== "" && input.checkValidity()) ask({ do: "extend", [name]: Number(input.value) });
      else {
        refusal.textContent = `✕ ${input.getAttribute("aria-label")}: ${input.validationMessage || "a whole number"}`;
        input.focus();
      }
    });
  }

  // ---- painting ----
  function paintProgress(now) {
    const { gone } = state;
    const running = now.status === "running" && !gone;
    badge.textContent = gone ? "? kernel gone" : `${BADGES[now.status]} ${now.status}`;
    badge.dataset.status = gone ? "gone" : now.status;
    doing.textContent = running ? now.doing : "";
    bar.max = Math.max(1, now.total);
    bar.value = now.total ? now.done : Number(now.status === "done");
    const parts = [`${whole(now.done)} of ${whole(now.total)} steps`];
    const [rate, left] = [number(now.rate), number(now.left)];
    if (running && Number.isFinite(rate)) parts.push(`${short(rate)} steps/s`);
    const current = now.tasks.find(([, done, total, , its]) => done < total && Number.isFinite(number(its)));
    if (running && Number.isFinite(left)) parts.push(`${duration(left)} left`);
    else if (running) parts.push(current ? `${duration(number(current[4]))} left of ${current[0]}` : "time left not known yet");
    steps.textContent = now.total || running ? parts.join(" · ") : "all of it was measured before";
    bar.setAttribute("aria-valuetext", steps.textContent);
    cancel.disabled = !running || now.doing === "stopping";
    resume.hidden = !["cancelled", "failed"].includes(now.status) || gone;
    const room = now.limit > now.deepest;
    for (const control of [more, addSeeds]) control.disabled = gone;
    for (const control of [deeper, addDepth]) control.disabled = gone || !room;
    addSeeds.textContent = `Add ${now.word}s`;
    if (deeper.dataset.after !== `${now.deepest} ${now.limit}`) {
      deeper.dataset.after = `${now.deepest} ${now.limit}`;
      deeper.max = now.limit;
      deeper.value = Math.min(now.limit, 2 * now.deepest || 1);
    }
    limit.textContent = `the recipe ${room ? "has" : "ends at"} ${whole(now.limit)} steps`;
    error.textContent = now.error ? `✕ ${now.error}` : "";
    tasks.node.hidden = now.tasks.length < 2;
    setRows(tasks, now.tasks.map(([name, done, total, speed, its]) => [name, whole(done), whole(total), short(number(speed)), duration(number(its))]));
  }

  function paintFitLine(risk) {
    if (risk.params) {
      const estimates = risk.params.map((v, i) => `${SYMBOLS[i]} ${short(number(v))} ${interval(risk.ends[i])}`);
      fit.textContent = `Decay fit so far: ${estimates.join(", ")} (95 % intervals).`;
    } else fit.textContent = `The ${risk.points ? "decay fit" : "risk curve"} waits for ${risk.waiting_for}.`;
    setText(rowsShare, risk.rows ?? "");
    rowsShare.hidden = !risk.rows;
    fit.dataset.values = risk.params ? JSON.stringify([risk.params, risk.ends]) : "";
    setCautions(cautions, risk.cautions ?? []);
  }

  function painting() {
    const [now, curves, risk] = [model.get("_progress"), model.get("_curves"), model.get("_risk")];
    const n = curveNumbers(curves);
    Object.assign(state, { n, risk: riskNumbers(risk), log: axes.paint() });
    setOptions(task, now.tasks.map(([name]) => name), model.get("task"));
    setOptions(metric, now.metrics, model.get("metric"));
    paintProgress(now);
    paintFitLine(risk);
    const lines = n.table.map(([c, seeds, ...numbers]) => [whole(c), whole(seeds), ...numbers.map(short)]);
    setRows(depths, lines);
    depths.node.hidden = !lines.length;
    depths.body.dataset.values = JSON.stringify(curves.table);
    const [forks, lost] = [n.forks.filter(Boolean).length, n.diverged.filter(Boolean).length];
    for (const [name, there] of Object.entries({ forks, diverged: lost, risk: state.risk, fit: risk.curve })) {
      legend.querySelector(`.plw-legend-${name}`).hidden = !there;
    }
    plots[0].caption.textContent = `${n.runs - forks} of ${now.runs} ${now.word}s begun${forks ? `, ${forks} forks` : ""}${lost ? `, ${lost} diverged` : ""}`;
    const late = risk.incomplete ? `; ${risk.incomplete} have not reached all depths yet` : "";
    plots[1].caption.textContent = risk.points && risk.runs ? `over ${risk.runs} seeds${late}` : "";
    const last = lines.at(-1);
    const latest = last ? `at depth ${last[0]}: mean ${last[2]} over ${last[1]} seeds` : "nothing is measured yet";
    view.draw(state, [
      `${curves.task}: ${curves.metric} of ${n.runs} runs over depth, ${latest}. The table below has the numbers.`,
      `${risk.task}: risk over depth. ${fit.textContent}`,
    ]);
    view.say(`${now.status}. ${curves.task}, ${curves.metric}, ${latest}.`, 1500, true);
    view.root.dataset.shown = JSON.stringify({
      status: now.status, doing: now.doing, done: now.done, total: now.total, task: curves.task, metric: curves.metric,
      depths: curves.depths, runs: n.runs, fit: Boolean(risk.curve), gone: state.gone,
    });
  }

  // ---- pointer: the run whose value is nearest to it ----
  view.onHover(plots[0], (x, y) => {
    const { n } = state;
    const found = nearestValue(plots[0], state, x, y);
    const hovered = found ? found[0] : null;
    if (hovered !== state.hovered) view.schedule();
    state.hovered = hovered;
    if (!found) return "";
    return `${n.forks[hovered] ? "fork of " : ""}seed ${n.seeds[hovered]}\ndepth ${n.depths[found[1]]} steps\n${n.metric} ${n.value(...found).toPrecision(4)}`;
  });

  const end = view.live(el, {
    parts: [choices, run, actions, error, refusal, legend, view.area, fit, rowsShare, cautions, tasks.node, depths.node],
    painting, stops: [kernel.done, () => clearTimeout(quiet)],
    heard: { _progress: news, _curves: view.schedule, _risk: view.schedule, _answer: answered, scale: view.schedule, comm_live_update: comm },
  });
  news();
  return end;
}

export default { render };
