// View of RunsExplorer: what is read, what it was taken for, what follows; every word and number comes from the kernel.

import { number, short } from "./axis.js";
import { requests } from "./kernel.js";
import { curveNumbers, nearestValue, paintCurves, paintRisk, riskNumbers } from "./probe_plots.js";
import { alarm, button, element, legendOf, makeView, rowOf, scaleChoice, setCautions, setChildren, setOptions, setText, tableOf } from "./view.js";

const PART = 1 << 20; // bytes of one message
const FIELDS = { // argument of read_runs -> what may be said
  metric: "A name, a pattern such as eval/*, or {'acc': 'accuracy'}", task: "A name for all, a column or param, or re.compile('...')",
  seed: "A column or param, a number, a pattern such as seed-(\\d+), or enumerate", run: "The column that tells runs apart",
  depth: "The column of optimiser steps done", steps_per_epoch: "Where the source counts epochs", keep: "Of two values at one depth",
  format: "Where a folder has several", columns: "What else a column is: {'seconds': 'minutes'}", strict: "Whether each assumption is an error",
};
const CHOICES = {
  keep: [["", "–"], ["first", "first"], ["last", "last"]], strict: [["", "no"], ["True", "yes"]],
  format: [["", "as found"], ...["trainer_state", "tensorboard", "mlflow", "table"].map((f) => [f, f])],
};
const ROLES = {
  "": "–", depth: "steps done", seed: "seed", task: "task", run: "name of the run", metric: "a metric", "names of metrics": "names of metrics",
  value: "values of the metric", seconds: "seconds", recipe: "recipe, compared", values: "values of runs",
};
const OFFERED = { column: ["", "depth", "seed", "task", "run", "metric", "names of metrics", "value", "seconds"], metric: ["", "metric"], param: ["", "seed", "task"] };
const TASK_HEADS = ["Task", "Runs", "Depths", "Regime", "P(static)", "P(dynamic)", "P(noise)"];

const megabytes = (size) => (size >= 1e6 ? `${Number((size / 1e6).toPrecision(3))} MB` : `${Number((size / 1e3).toPrecision(3))} kB`);
const heading = (text) => element("h4", { textContent: text });
const share = (value) => (Number.isFinite(number(value)) ? number(value).toFixed(2) : "–");
const count = (value) => (Number.isFinite(number(value)) ? String(value) : "–");

function render({ model, el }) {
  const plots = [{ name: "Runs", paint: paintCurves }, { name: "Risk and fit", paint: paintRisk }];
  const view = makeView(model, { name: "runs", label: "Runs explorer", plots });
  const { root } = view;
  const uid = model.get("_uid");

  // ---- the source ----
  const path = element("input", { type: "text", className: "plw-path", spellcheck: false, placeholder: "runs.csv, a folder of runs, out/seed-*" });
  const read = button("Read", "plw-go", "submit");
  const choose = button("Choose files…", "plw-choose");
  const files = element("input", { type: "file", multiple: true, hidden: true, tabIndex: -1, aria: { label: "Files" } });
  const hint = element("small", { className: "plw-hint" });
  const source = element("form", { noValidate: true, className: "plw-drop" }, element("label", {}, "File or folder, where the kernel runs", path), read, choose, files, hint);
  const doing = element("div", { className: "plw-status", aria: { role: "status" } });
  const error = alarm("plw-wrong");
  const fix = element("div", { className: "plw-fix" });
  const told = element("p", { className: "plw-read" });
  const notes = element("ul", { className: "plw-notes", aria: { label: "What was left out, assumed, noticed" } });

  // ---- columns and arguments ----
  const columns = tableOf("What each column was taken for", ["Column", "Taken for", "First values", "Different"], [], "plw-table plw-scroll plw-columns");
  Object.assign(columns.node, { tabIndex: 0 });
  const more = element("small");
  const known = element("datalist", { id: `plw-known-${uid}` });
  const fields = Object.fromEntries(Object.entries(FIELDS).map(([name, title]) => {
    const field = CHOICES[name]
      ? element("select", { title }, ...CHOICES[name].map(([value, textContent]) => element("option", { value, textContent })))
      : element("input", { type: "text", title, spellcheck: false });
    if (!CHOICES[name] && !["steps_per_epoch", "columns"].includes(name)) field.setAttribute("list", known.id);
    field.classList.add(`plw-argument-${name}`);
    return [name, field];
  }));
  const words = element("div", { className: "plw-arguments" }, ...Object.entries(fields).map(([name, field]) => element("label", {}, name, field)), known);
  const taken = element("div", { className: "plw-taken" }, heading("What each column was taken for"), columns.node, more, heading("Arguments of pl.read_runs"), words);

  // ---- what follows ----
  const task = element("select", { className: "plw-task" });
  const metric = element("select", { className: "plw-metric" });
  const margin = element("input", { type: "number", min: 0, step: "any", className: "plw-margin", placeholder: "such as 0.01", title: "How near to their mean the seeds have to come, in the metric" });
  const budget = element("input", { type: "number", min: 0, step: "any", className: "plw-budget", title: "Steps of one run" });
  const controls = { ...fields, margin, budget };
  const axes = scaleChoice(model);
  const asked = element("div", { className: "plw-choices" }, ...[["Task", task], ["Metric", metric], ["Margin ±", margin], ["Budget (steps)", budget]].map(([text, field]) => element("label", {}, text, field)), axes.node);
  const legend = legendOf([
    ["a run", '<path stroke="var(--plw-2)" d="M1 10C9 2 17 6 25 4"/>'], ["mean over runs", '<path stroke-width="2.5" d="M1 7H25"/><path class="plw-ink" stroke="none" d="M13 2l5 5-5 5-5-5Z"/>'],
    ["risk with its 95 % interval", '<path d="M13 1V13"/><circle class="plw-ink" cx="13" cy="7" r="3.5"/>'], ["fitted law with its 95 % band", '<path class="plw-area" d="M1 3H25V11H1Z"/><path class="plw-law" d="M1 7H25"/>'],
  ].map(([text, drawn]) => `<span><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${text}</span>`).join(""));
  const fit = element("p", { className: "plw-fit" });
  const cautions = element("ul", { className: "plw-cautions" });
  const tasks = tableOf("Regime of each task, and what to do", TASK_HEADS, [], "plw-table plw-tasks");
  const results = element("div", { className: "plw-results" }, heading("What follows"), asked, legend, view.area, fit, cautions, tasks.node);
  const pre = element("pre", { tabIndex: 0, aria: { label: "Python that ran", role: "group" } });
  const copy = button("Copy", "plw-copy");
  const copied = element("span", { className: "plw-copied", aria: { role: "status" } });
  const code = element("div", { className: "plw-code" }, heading("The same in Python"), pre, element("div", { className: "plw-actions" }, copy, copied));
  const state = { n: null, risk: null, log: true, hovered: null, refused: null };

  // ---- requests ----
  const kernel = requests(model, {
    wait: 0, lead: true,
    onSilence() {
      refuse("The kernel does not answer: it is busy, or was restarted. What is shown is the last state; run the cell again if it stays so.");
    },
  });
  function refuse(text, named = []) {
    state.refused = text ? { text, named } : null;
    view.schedule();
  }
  function ask(content) {
    state.refused = null;
    kernel.ask(content);
    view.schedule();
  }
  function answered() {
    const answer = model.get("_answer");
    if (!kernel.mine(answer)) return;
    kernel.done();
    refuse(answer.text, answer.named);
    if (answer.text) fill(); // what was typed is no argument: the fields say what is
  }

  source.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ do: "source", value: path.value });
  });
  choose.addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    send([...files.files]);
    files.value = "";
  });
  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("change", () => ask({ do: "argument", name, value: field.value }));
  }
  for (const [name, field] of [["task", task], ["metric", metric]]) {
    field.addEventListener("change", () => ask({ do: "set", name, value: field.value }));
  }
  for (const [name, field] of [["margin", margin], ["budget", budget]]) {
    field.addEventListener("change", () => {
      if (field.validity.badInput) refuse(`${name}: a number is needed`);
      else ask({ do: "set", name, value: field.value === "" ? null : Number(field.value) });
    });
  }

  // ---- files from the page, in parts ----
  let upload = 0;
  async function send(list) {
    if (!list.length) return;
    const mine = `${uid} ${++upload}`;
    const whole = list.reduce((sum, file) => sum + file.size, 0);
    const most = model.get("_reading").max_bytes;
    if (whole > most) {
      refuse(`${megabytes(whole)} are more than the ${megabytes(most)} that a page hands over. Put the file where the kernel runs and pass its path, or raise max_bytes=.`);
      return;
    }
    refuse("");
    let sent = 0;
    try {
      for (const file of list) {
        for (let from = 0; from < file.size; from += PART) {
          const bytes = await file.slice(from, from + PART).arrayBuffer();
          if (mine !== `${uid} ${upload}`) return;
          model.send({ request: "part", do: "part", upload: mine, name: file.name }, undefined, [bytes]);
          sent += bytes.byteLength;
          setText(doing, `sending ${megabytes(sent)} of ${megabytes(whole)}`);
        }
      }
    } catch { // a folder, or a file that has changed since
      refuse("What was dropped cannot be read by the page: a folder is read by its path.");
      return;
    }
    ask({ do: "upload", upload: mine, sizes: Object.fromEntries(list.map((file) => [file.name, file.size])), names: list.map((file) => file.name) });
  }
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.add("plw-over");
  };
  root.addEventListener("dragenter", over);
  root.addEventListener("dragover", over);
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) root.classList.remove("plw-over");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("plw-over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    send([...event.dataTransfer.files]);
  });

  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      copied.textContent = "copied";
    } catch { // no secure page: what is chosen can be copied by hand
      getSelection().selectAllChildren(pre);
      copied.textContent = "chosen: copy it with Ctrl+C";
    }
  });

  // ---- painting ----
  /** The fields as the kernel has them; not while one is being typed in. */
  function fill() {
    const now = model.get("_reading");
    path.value = now.dropped ? "" : now.source;
    for (const [name, field] of Object.entries(fields)) if (field.value !== now.arguments[name]) field.value = now.arguments[name];
    view.schedule();
  }
  function columnRow(column) {
    const select = element("select", { aria: { label: `${column.name} is taken for` } });
    select.dataset.column = column.name;
    select.addEventListener("change", () => ask({ do: "role", name: column.name, value: select.value }));
    const cell = (text) => element("td", { textContent: text, title: text });
    const row = rowOf(column.name, [element("td", {}, select), cell(column.values), element("td", { textContent: column.distinct })]);
    row.firstChild.title = column.name;
    return row;
  }
  function paintReading(now) {
    const name = now.source.split(/[\\/]/).at(-1);
    setText(hint, `${now.dropped ? `Dropped: ${name}. ` : ""}Or drop files on this widget: CSV, TSV, JSON lines, parquet, trainer_state.json, event files, up to ${megabytes(now.max_bytes)}.`);
    setChildren(columns.body, JSON.stringify(now.columns.map((c) => [c.name, c.values])), () => now.columns.map(columnRow));
    now.columns.forEach((column, i) => {
      const select = columns.body.children[i].querySelector("select");
      const offered = OFFERED[column.kind].filter((role) => role !== "seconds" || column.numeric);
      const values = offered.includes(column.taken_for) ? offered : [...offered, column.taken_for];
      setOptions(select, values, column.taken_for, (role) => ROLES[role] ?? `kept as ${role}`);
      columns.body.children[i].dataset.taken = column.taken_for;
    });
    setText(more, now.more_columns ? `and ${now.more_columns} more` : "");
    setChildren(known, JSON.stringify(now.columns.map((c) => c.name)), () => ["enumerate", ...now.columns.map((c) => c.name)].map((value) => element("option", { value })));
    taken.hidden = !now.columns.length && !now.source;
    columns.node.hidden = taken.firstChild.hidden = !now.columns.length;
    setText(told, now.report ?? "");
    setChildren(notes, JSON.stringify(now.notes), () => now.notes.map(([kind, what]) => element("li", {}, element("b", { textContent: `${kind}: ` }), what)));
    if (now.notes.length > 6) notes.tabIndex = 0; // it scrolls
    else notes.removeAttribute("tabindex");
  }
  /** A button for what only the user can say. */
  function offering({ says, text }) {
    const yes = button(`${says}: ${text}`, "plw-offer");
    yes.addEventListener("click", () => ask({ do: "offer" }));
    return yes;
  }
  function paintWrong(study) {
    const wrong = state.refused ?? { text: study.error, named: study.named };
    setText(error, wrong.text ? `✕ ${wrong.text}` : "");
    const named = wrong.text ? wrong.named.filter((name) => controls[name]) : [];
    const offer = state.refused ? {} : study.offer;
    setChildren(fix, JSON.stringify([named, offer]), () => (named.length ? [element("span", { textContent: "Change:" }), ...named.map((name) => {
      const to = button(name);
      to.addEventListener("click", () => controls[name].focus());
      return to;
    }), ...(offer.says ? [offering(offer)] : [])] : []));
    for (const [name, field] of Object.entries(controls)) {
      if (named.includes(name)) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
  function paintTasks(study) {
    setChildren(tasks.body, JSON.stringify([study.table, study.task, study.margin]), () => study.table.flatMap((row) => {
      const text = row.advice || (study.margin === null ? "Say how near the seeds have to come: a margin." : "");
      const cells = [count(row.runs), row.depths, row.regime || "–", ...["p_static_sufficient", "p_dynamic_critical", "p_noise_dominant"].map((name) => share(row[name]))];
      const chosen = row.task === study.task ? "plw-chosen" : "";
      const advice = element("tr", { className: "plw-advice" }, element("td", { colSpan: TASK_HEADS.length, textContent: text }));
      return [rowOf(row.task, cells.map((textContent) => element("td", { textContent })), chosen), ...(text ? [advice] : [])];
    }));
  }
  function painting() {
    const [reading, study, runs, risk] = ["_reading", "_study", "_runs", "_risk"].map((name) => model.get(name));
    const now = model.get("_doing");
    setText(doing, now ? `${now} …` : "");
    paintReading(reading);
    paintWrong(study);
    const there = study.tasks.length > 0;
    results.hidden = !there;
    code.hidden = !study.code;
    if (setText(pre, study.code)) copied.textContent = "";
    state.log = axes.paint();
    if (there) {
      setOptions(task, study.tasks, study.task);
      setOptions(metric, study.metrics, study.metric);
      for (const [field, value] of [[margin, study.margin], [budget, study.budget]]) {
        const text = value === null ? "" : String(value);
        if (document.activeElement !== field && field.value !== text) field.value = text;
      }
      budget.placeholder = study.last === null ? "" : `last: ${short(study.last)}`;
      const n = curveNumbers(runs);
      Object.assign(state, { n, risk: riskNumbers(risk) });
      paintTasks(study);
      const fitted = risk.params ? `Fit of ${study.task} (95 % intervals): ${risk.params.map((v, i) => `${["floor L_int", "K", "α"][i]} ${short(number(v))} [${risk.ends[i].map((e) => short(number(e))).join(", ")}]`).join(", ")}.` : `No fit of ${study.task}: ${risk.waiting_for}`;
      setText(fit, fitted);
      setCautions(cautions, [...study.cautions, ...(risk.cautions ?? [])]);
      plots[0].caption.textContent = `${n.runs} runs`;
      plots[1].caption.textContent = risk.runs ? `over ${risk.runs} runs${risk.incomplete ? `; ${risk.incomplete} were not measured at all depths` : ""}` : "";
      view.draw(state, [
        `${study.task}: ${study.metric} of ${n.runs} runs over depth.`, `${study.task}: risk over depth. ${fitted}`,
      ]);
    }
    if (!now) view.say(study.error || reading.report || "Nothing is read.", 900);
    root.dataset.shown = JSON.stringify({
      doing: now, error: error.textContent, report: reading.report, task: study.task, metric: study.metric, margin: study.margin, budget: study.budget,
      tasks: study.tasks, fits: study.table.filter((row) => row.regime).map((row) => [row.task, row.regime]), waiting: kernel.waiting(),
    });
  }

  view.onHover(plots[0], (x, y) => {
    const { n } = state;
    const found = n && nearestValue(plots[0], state, x, y);
    const hovered = found ? found[0] : null;
    if (hovered !== state.hovered) view.schedule();
    state.hovered = hovered;
    return found ? `seed ${n.seeds[hovered]}\ndepth ${n.depths[found[1]]} steps\n${n.metric} ${n.value(...found).toPrecision(4)}` : "";
  });

  const end = view.live(el, {
    parts: [source, doing, error, fix, told, notes, taken, results, code],
    painting, stops: [kernel.done, () => { upload += 1; }],
    heard: { _doing: view.schedule, _reading: fill, _study: view.schedule, _runs: view.schedule, _risk: view.schedule, _answer: answered, scale: view.schedule },
  });
  fill();
  return end;
}

export default { render };
