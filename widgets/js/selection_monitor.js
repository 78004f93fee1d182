// View of SelectionMonitor: every number comes from the kernel.

import { clip, interval, number, short } from "./axis.js";
import { messages, requests } from "./kernel.js";
import { costAt, nearestChance, nearestRun, paintChances, paintRuns } from "./selection_plots.js";
import { ASIDE, CHOSEN, lookNear, orderAt, selectionNumbers } from "./selections.js";
import { rule, spot, strip, stripAxis, stripScale, tick } from "./strips.js";
import { alarm, button, element, legendOf, makeView, onSlide, rowOf, setChildren, setOptions, setSlider, setText, slider, tableOf } from "./view.js";

const QUIET = 15000; // ms without news of a selection that runs, after which the kernel is asked whether it is there
const BADGES = { running: "▶", done: "✓", stopped: "■", failed: "✕" };
const SHAPES = ["circle", "triangle", "square"];
const HEADS = ["Candidate", "State", "", "Mean at the end", "P(good enough)", "Runs (to the end)", "Deepest", "Cost"];
const LOOK_HEADS = ["Look", "Spent", "Leads", "With probability", "In contention", "What came next"];

const ended = ({ status }) => ["done", "stopped"].includes(status);
const percent = (v) => `${(100 * v).toFixed(0)} %`;
const chance = (v) => (v > 0 && v < 0.01 ? "< 0.01" : v < 1 && v > 0.99 ? "> 0.99" : v.toFixed(2));
const money = (v) => Number(v.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
const cellOf = (text, className = "") => element("td", { textContent: text, className });

function render({ model, el }) {
  // ---- what is there ----
  const plots = [{ name: "What was measured", paint: paintRuns }, { name: "Who is good enough", paint: paintChances }];
  const view = makeView(model, { name: "selection", label: "Selection monitor", plots });
  const badge = element("b", { className: "plw-badge" });
  const bar = element("progress", { max: 1, value: 0, aria: { label: "Spent of the budget" } });
  const spent = element("span", { className: "plw-steps" });
  const doing = element("span", { className: "plw-doing" });
  const run = element("div", { className: "plw-run" }, badge, bar, spent, doing);
  const verdict = element("p", { className: "plw-verdict" });
  const because = element("p", { className: "plw-status plw-because" });
  const next = element("p", { className: "plw-status plw-next" });

  const stop = button("Stop after this look", "plw-stop");
  const resume = button("Go on", "plw-go-on");
  const copy = button("Copy Python", "plw-copy");
  const copied = element("small", { className: "plw-copied" });
  const actions = element("div", { className: "plw-actions" }, stop, resume, copy, copied);
  const text = element("pre", { tabIndex: 0, aria: { role: "region", label: "The call as Python source" } });
  const source = element("details", { className: "plw-code" }, element("summary", { textContent: "The call as Python source" }), text);

  const looks = slider("look", "Look", "Earlier looks; arrow keys step through them, the last one follows what comes");
  const marked = element("select", { className: "plw-candidate" });
  const choices = element("div", { className: "plw-choices" }, looks.row, element("label", { className: "plw-beside" }, "Stands out", marked));
  const legend = legendOf([
    ["leads", '<path stroke="var(--plw-2)" stroke-width="2.6" d="M1 7H25"/><circle fill="var(--plw-2)" stroke="none" cx="13" cy="7" r="3.6"/>'],
    ["open", '<path stroke="var(--plw-1)" d="M1 7H25"/><path fill="var(--plw-1)" stroke="none" d="M13 2.5l4.5 8h-9Z"/>'],
    ["set aside: out of contention", '<path stroke-dasharray="4 3" d="M1 7H25"/><path fill="currentColor" stroke="none" d="M10 4h6v6h-6Z"/>'],
    ["mean and interval at the end", '<path stroke-width="1.6" d="M13 1V13"/><circle class="plw-ink" stroke="none" cx="13" cy="7" r="3"/>'],
  ].map(([said, drawn]) => `<span><svg viewBox="0 0 26 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5">${drawn}</svg>${said}</span>`).join(""));
  const table = tableOf("The candidates at the look that is shown, the likeliest first", HEADS, [], "plw-table plw-candidates");
  const history = tableOf("The looks so far", LOOK_HEADS, [], "plw-table plw-looks");
  const told = element("details", { className: "plw-told" }, element("summary", { textContent: "All looks" }), history.node);
  const error = alarm("plw-failed");
  const refusal = alarm("plw-refused");
  const state = { n: { looks: 0, names: [], runs: [], size: 0 }, sent: null, look: 0, marked: null, hovered: null, gone: false };

  // ---- requests ----
  let quiet = 0;
  const kernel = requests(model, { wait: 0, lead: true, onSilence: silent });
  const traits = messages(model);
  function ask(what) {
    refusal.textContent = "";
    kernel.ask({ do: what });
  }
  function silent() {
    refusal.textContent = "✕ The kernel does not answer: it is busy, or was restarted. What is shown is the last state; if it stays so, run the cell again: with a store, nothing measured is lost.";
    view.schedule();
  }
  function answered() {
    const answer = model.get("_answer");
    if (!kernel.mine(answer)) return;
    kernel.done();
    state.gone = false;
    refusal.textContent = answer.text ? `✕ ${answer.text}` : "";
    view.schedule();
  }
  function news() {
    clearTimeout(quiet);
    state.gone = false;
    if (!kernel.waiting() && refusal.textContent.includes("does not answer")) refusal.textContent = "";
    if (model.get("_progress").status === "running") quiet = setTimeout(() => ask("answer"), QUIET);
    view.schedule();
  }
  /** The connection has changed: gone, unless the kernel answers. */
  function comm() {
    state.gone = true;
    clearTimeout(quiet);
    ask("answer");
    silent();
  }
  function goTo(look) {
    model.set("look", look >= state.n.looks ? 0 : look);
    view.schedule();
    traits.soon();
  }
  function standOut(name) {
    model.set("selected", name || null);
    view.schedule();
    traits.now();
  }

  stop.addEventListener("click", () => {
    if (stop.getAttribute("aria-disabled") === "true") return;
    ask("stop");
    doing.textContent = "stops after this look";
  });
  resume.addEventListener("click", () => ask("go on"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copied.textContent = "Copied.";
    } catch { // no permission, or a page that is not served safely: the text is there to be copied by hand
      source.open = true;
      getSelection().selectAllChildren(text);
      copied.textContent = "The browser does not let the page copy: the call is selected below.";
    }
    view.say(copied.textContent, 0);
  });
  onSlide(looks, goTo, () => traits.now());
  marked.addEventListener("change", () => standOut(marked.value));
  table.body.addEventListener("click", (event) => {
    const name = event.target.closest("tr")?.dataset.name;
    if (name !== undefined) standOut(name === model.get("selected") ? null : name);
  });

  // ---- painting ----
  function follow() {
    const sent = model.get("_seen");
    if (sent !== state.sent) Object.assign(state, { sent, n: selectionNumbers(sent) });
    const { n } = state;
    state.look = n.looks ? Math.min(model.get("look") || n.looks, n.looks) : 0;
    state.last = state.look === n.looks;
    const chosen = n.names.indexOf(model.get("selected"));
    state.marked = state.hovered ?? (chosen < 0 ? null : chosen);
  }

  function paintProgress(now) {
    const { gone, n } = state;
    const running = now.status === "running" && !gone;
    badge.textContent = gone ? "? kernel gone" : `${BADGES[now.status]} ${now.status}`;
    badge.dataset.status = gone ? "gone" : now.status;
    state.total = number(now.total);
    bar.max = state.total;
    bar.value = number(now.spent);
    setText(spent, `${money(number(now.spent))} of ${money(state.total)} spent${n.looks ? ` · ${n.looks} ${n.looks === 1 ? "look" : "looks"}` : ""}`);
    bar.setAttribute("aria-valuetext", spent.textContent);
    setText(doing, !running ? "" : now.stopping ? "stops after this look" : `${now.doing}${now.seconds > 1 ? ` · ${now.seconds} s` : ""}`);
    const onStop = document.activeElement === stop;
    stop.hidden = !running;
    stop.setAttribute("aria-disabled", now.stopping); // a disabled button would lose the focus
    resume.hidden = !["stopped", "failed"].includes(now.status) || !now.can_go_on || gone;
    if (onStop && stop.hidden) (resume.hidden ? copy : resume).focus();
    setText(text, now.code);
    setText(error, now.error ? `✕ ${now.error}` : "");
  }

  function words(now) {
    const { n, look } = state;
    if (!n.looks) return now.status === "running" ? "No look yet: one run of each candidate goes to its first depth." : "There was no look.";
    if (state.last && ended(now)) return n.sentence;
    const name = n.names[n.leader[look - 1]];
    const apart = number(n.margin) > 0 ? ` or behind the best by at most ${short(number(n.margin))}` : "";
    const aside = n.size - n.open[look - 1];
    const out = aside ? `${aside} of ${n.size} set aside` : `all ${n.size} in contention`;
    return `${state.last ? "So far" : `At look ${look}`} ${name} leads: the best${apart} with probability ${chance(n.probability[look - 1])}; ${out}.`;
  }

  function paintTable(now) {
    const { n, look } = state;
    table.node.hidden = told.hidden = !n.looks;
    if (!n.looks) return;
    const order = orderAt(n, look);
    const open = order.filter((i) => n.state(look, i) !== ASIDE);
    const scale = stripScale([...order.map((i) => n.at(look, i, "mean")), ...open.flatMap((i) => [n.at(look, i, "lower"), n.at(look, i, "upper")])]);
    const best = state.last && ended(now) && n.decided ? "chosen" : "leads";
    const key = `${look} ${n.looks} ${state.last ? now.status : ""}`;
    setChildren(table.body, key, () => order.map((i) => {
      const [kind, at] = [n.state(look, i), (column) => n.at(look, i, column)];
      const drawn = element("td", { className: "plw-ends", innerHTML: strip(
        tick(scale, n.at(look, order[0], "mean"), "plw-strip-level"), rule(scale, at("lower"), at("upper"), "plw-strip-rule"),
        spot(scale, at("mean"), SHAPES[kind], "plw-strip-spot"),
      ) });
      const likely = cellOf(chance(at("p_good")), "plw-chance");
      likely.style.setProperty("--plw-share", percent(at("p_good")).replace(" ", ""));
      const lost = at("diverged") ? `, ${at("diverged")} diverged` : "";
      const row = rowOf(clip(n.names[i], 40), [
        cellOf([best, "open", "set aside"][kind]), drawn, cellOf(`${short(at("mean"))} ${interval([at("lower"), at("upper")])}`), likely,
        cellOf(`${at("runs")} (${at("ended")})${lost}`), cellOf(String(at("depth"))), cellOf(money(at("cost"))),
      ], `plw-kind-${kind}`);
      Object.assign(row.dataset, { name: n.names[i], values: JSON.stringify(n.columns.map(at)), state: kind });
      row.title = n.names[i];
      return row;
    }));
    setText(table.columns[4], number(n.margin) > 0 ? HEADS[4] : "P(best)");
    setChildren(table.columns[2], `${scale.from} ${scale.to}`, () => [element("span", { innerHTML: stripAxis(scale) })]);
    for (const row of table.body.children) row.classList.toggle("plw-stands", row.dataset.name === model.get("selected"));
    setChildren(history.body, String(n.looks), () => n.spent.map((cost, k) => rowOf(String(k + 1), [
      cellOf(money(cost)), cellOf(clip(n.names[n.leader[k]], 40)), cellOf(chance(n.probability[k])), cellOf(String(n.open[k])), cellOf(clip(n.action[k], 90), "plw-words"),
    ])));
    [...history.body.children].forEach((row, k) => row.classList.toggle("plw-stands", k + 1 === look));
  }

  function painting() {
    const now = model.get("_progress");
    follow();
    paintProgress(now);
    const { n, look } = state;
    looks.row.hidden = n.looks < 2;
    marked.parentElement.hidden = !n.looks;
    looks.grid = Array.from({ length: n.looks }, (_, k) => k + 1);
    const place = n.looks ? `${look} of ${n.looks}, ${money(n.spent[look - 1])} spent` : "";
    if (n.looks > 1) setSlider(looks, look, place);
    setOptions(marked, ["", ...n.names], model.get("selected") ?? "", (name) => (name ? clip(name, 40) : "none"));
    paintTable(now);
    const said = words(now);
    setText(verdict, said);
    setText(because, state.last && ended(now) ? (n.stopped ?? "") : n.looks && !state.last ? `Next: ${clip(n.action[look - 1], 160)}.` : "");
    setText(next, n.looks ? n.next[look - 1] : "");
    const unit = n.looks && !n.alike ? "by share of each recipe" : "";
    setText(plots[0].caption, [`${n.runs.filter(({ points }) => points.some((p) => p.look <= look)).length} runs`, unit].filter(Boolean).join(", "));
    setText(plots[1].caption, n.looks && number(n.margin) > 0 ? `behind the best by at most ${short(number(n.margin))}` : "the best of all");
    view.draw(state, plots.map(({ name }) => `${name}: ${said} The table below has the numbers.`));
    view.say(`${now.status}. ${said}`, 1500, true);
    view.root.dataset.shown = JSON.stringify({
      status: now.status, looks: n.looks, look, spent: number(now.spent), selected: model.get("selected"), gone: state.gone, stopping: now.stopping,
    });
  }

  // ---- pointer ----
  function hover(found, tell) {
    const over = found ? found.candidate : null;
    if (over !== state.hovered) view.schedule();
    state.hovered = over;
    return found ? tell(found) : "";
  }
  const ends = (i, look) => `ends at ${short(state.n.at(look, i, "mean"))} ${interval([state.n.at(look, i, "lower"), state.n.at(look, i, "upper")])}\nP(good enough) ${chance(state.n.at(look, i, "p_good"))}`;
  view.onHover(plots[0], (x, y) => hover(nearestRun(plots[0], state, x, y), ({ candidate, seed, depth, value }) => {
    const { n, look } = state;
    const here = depth === undefined ? "" : `seed ${seed}, depth ${depth} steps\n${n.metric} ${value.toPrecision(4)}\n`;
    return `${n.names[candidate]}${n.state(look, candidate) === CHOSEN ? " (leads)" : ""}\n${here}${ends(candidate, look)}`;
  }));
  view.onHover(plots[1], (x, y) => hover(nearestChance(plots[1], state, x, y), ({ candidate, look }) => {
    const { n } = state;
    return `${n.names[candidate]}\nlook ${look}, ${money(n.spent[look - 1])} spent\n${ends(candidate, look)}`;
  }));
  plots[1].canvas.addEventListener("click", (event) => {
    if (state.n.looks) goTo(lookNear(state.n, costAt(plots[1], state, event.offsetX)));
  });

  const end = view.live(el, {
    parts: [run, error, refusal, verdict, because, actions, choices, legend, view.area, next, table.node, told, source],
    painting, stops: [kernel.done, traits.flush, () => clearTimeout(quiet)],
    heard: { _progress: news, _seen: view.schedule, _answer: answered, look: view.schedule, selected: view.schedule, comm_live_update: comm },
  });
  news();
  return end;
}

export default { render };
