// What every view is made of, and its life on the page. Plain JavaScript: nothing is loaded from anywhere.

import { clamp } from "./numbers.js";
import { position } from "./axis.js";

export function element(tag, props = {}, ...children) {
  const { aria = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) node.setAttribute(key === "role" ? key : `aria-${key}`, value);
  node.append(...children);
  return node;
}

export const button = (text, className = "", type = "button") => element("button", { type, className, textContent: text });
export const alarm = (className = "") => element("p", { className: `plw-error ${className}`, aria: { role: "alert" } });

/** Change a text only where it differs; whether it did. */
export function setText(node, text) {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
}

/** Text of a cell, with its value for who reads the page by a program. */
export function setCell(cell, text, value) {
  if (cell.dataset.value !== String(value)) cell.dataset.value = value;
  setText(cell, text);
}

/** Make the children of `node` anew, only when `key` has changed. */
export function setChildren(node, key, make) {
  if (node.dataset.of === key) return;
  node.dataset.of = key;
  node.replaceChildren(...make());
}

// ---- parts ----

/** Table with a caption for those who hear it; `rows` may be made later, in `body`. */
export function tableOf(caption, heads, rows = [], className = "plw-table") {
  const body = element("tbody", {}, ...rows);
  const columns = heads.map((head) => element("th", { scope: "col" }, head));
  const node = element("div", { className }, element("table", {},
    element("caption", { textContent: caption }), element("thead", {}, element("tr", {}, ...columns)), body));
  return { node, body, columns };
}

export const rowOf = (head, cells, className = "") => element("tr", { className }, element("th", { scope: "row" }, head), ...cells);
export const legendOf = (html) => element("div", { className: "plw-legend", innerHTML: html });

export function setCautions(list, texts) {
  setChildren(list, texts.join("\n"), () => texts.map((text) => element("li", { textContent: `⚠ ${text}` })));
}

/** Buttons that turn the pages of a table of `size` rows. */
export function pagerOf(size, rows, turned) {
  const [back, place, on] = [button("Previous"), element("span"), button("Next")];
  const pager = { page: 0, node: element("div", { className: "plw-actions plw-pager", hidden: size <= rows }, back, place, on) };
  pager.go = (page) => {
    pager.page = page;
    place.textContent = `Tasks ${page * rows + 1} to ${Math.min((page + 1) * rows, size)} of ${size}`;
    back.disabled = page === 0;
    on.disabled = (page + 1) * rows >= size;
    turned();
  };
  back.addEventListener("click", () => pager.go(pager.page - 1));
  on.addEventListener("click", () => pager.go(pager.page + 1));
  return pager;
}

// ---- controls ----

export function slider(name, label, hint) {
  const input = element("input", { type: "range", min: 0, step: 1, className: `plw-${name}`, aria: { label } });
  const output = element("output", { className: `plw-${name}-value` });
  const row = element("label", { className: "plw-slider", title: hint }, element("span", { textContent: label }), input, output);
  return { input, output, row, grid: [] };
}

/** Put a slider where its value is. Untouched where it is there already: a value set from here mutes the next "change". */
export function setSlider({ input, output, grid }, value, text, spoken = text) {
  const [max, at] = [String(grid.length - 1), String(position(grid, value))];
  if (input.max !== max) input.max = max;
  if (input.value !== at) input.value = at;
  setText(output, text);
  input.setAttribute("aria-valuetext", spoken);
}

/** `move` with the value at each tick of a slider, `end` once when the hand, or the key, is off it. */
export function onSlide(control, move, end) {
  let moving = false;
  control.input.addEventListener("input", () => {
    moving = true;
    move(control.grid[Number(control.input.value)]);
  });
  const ended = () => {
    if (moving) end();
    moving = false;
  };
  for (const event of ["change", "keyup", "blur"]) control.input.addEventListener(event, ended);
  // the last "input" of a drag may come after the pointer is up, and is no move of its own
  for (const event of ["pointerup", "pointercancel"]) control.input.addEventListener(event, () => setTimeout(ended));
}

export function setOptions(select, values, value, worded = (v) => v) {
  setChildren(select, values.join("\n"), () => values.map((v) => element("option", { value: v, textContent: worded(v) })));
  if (select.value !== value) select.value = value;
}

/** Choice between logarithmic and linear axes, bound to the trait `scale`. */
export function scaleChoice(model) {
  const radios = ["log", "linear"].map((value) => element("input", { type: "radio", name: `plw-scale-${model.get("_uid")}`, value, className: `plw-scale-${value}` }));
  const node = element("fieldset", {}, element("legend", { textContent: "Axes" }),
    ...radios.map((input, i) => element("label", {}, input, ["logarithmic", "linear"][i])));
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      model.set("scale", radio.value);
      model.save_changes();
    });
  }
  /** Show what is chosen; whether it is logarithmic. */
  function paint() {
    for (const radio of radios) radio.checked = radio.value === model.get("scale");
    return model.get("scale") === "log";
  }
  return { node, paint };
}

// ---- the page around it ----

function readLook(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(name).trim();
  const jupyter = document.body.dataset.jpThemeLight;
  const dark = jupyter ? jupyter === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.classList.toggle("plw-dark", dark);
  return {
    dark, font: style.fontFamily, colours: [0, 1, 2].map((k) => value(`--plw-${k}`)),
    text: value("--plw-text"), muted: value("--plw-muted"), grid: value("--plw-grid"), page: value("--plw-page"),
  };
}

/** The kernel's picture and table stand where the widget cannot (see _fallback.py); hide them while this view lives. */
function hideFallback(uid) {
  const child = ".jp-OutputArea-child";
  const name = `.predictlab-fallback-${uid}`;
  const css = `${child}:has(> * ${name}), ${child}:has(+ ${child} ${name}.predictlab-pictured), ${name} { display: none !important; }`;
  const sheet = element("style", { textContent: css });
  document.head.append(sheet);
  return () => sheet.remove();
}

/** Keys that a control in the page uses are kept from JupyterLab, whose command mode has uses of its own for them. */
function keepKeys(root) {
  const keep = (event) => {
    const forJupyter = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter") || ["Tab", "Escape"].includes(event.key);
    if (!forJupyter && root.contains(event.target) && event.target.matches?.("select, input, button")) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}

/** Give the canvases of `plots` the width there is, two beside each other where they fit. */
function fitCanvases(area, plots, ready) {
  const resize = new ResizeObserver(() => {
    const total = area.clientWidth;
    if (!total) return;
    const width = Math.floor(total >= 620 ? (total - 16) / 2 : total);
    const height = Math.round(clamp(width * 0.72, 260, 360));
    const ratio = window.devicePixelRatio || 1;
    for (const plot of plots) {
      Object.assign(plot, { width, height });
      plot.canvas.parentElement.style.width = `${width}px`;
      Object.assign(plot.canvas.style, { width: `${width}px`, height: `${height}px` });
      Object.assign(plot.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    }
    ready();
  });
  resize.observe(area);
  return () => resize.disconnect();
}

/** Call `restyle` when the theme of JupyterLab or of the system changes. */
function watchTheme(restyle) {
  const themes = new MutationObserver(() => setTimeout(restyle, 50)); // the new theme's variables arrive a moment later
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", restyle);
  return () => {
    themes.disconnect();
    scheme.removeEventListener("change", restyle);
  };
}

/**
 * A view of `model` with its pictures: `plots`, each with a name, perhaps a note, and `paint(plot, state, look)`.
 *
 * What it is made of is put into `root`; then `live` paints it, and again in the next frame whenever `schedule` asks for
 * it, the size or the theme changes, or the model says something; its result ends all that.
 */
export function makeView(model, { name, label, plots }) {
  const tip = element("div", { className: "plw-tip", hidden: true });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  for (const plot of plots) {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    plot.caption = element("span", { textContent: plot.note ?? "" });
    plot.figure = element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.caption), plot.canvas);
  }
  const area = element("div", { className: "plw-planes" }, ...plots.map(({ figure }) => figure), tip);
  const root = element("div", { className: `plw plw-${name}`, aria: { role: "group", label } });
  let [frame, paint, toSay, saying] = [0, null, "", 0];
  const view = { root, area, drawn: 0 }; // `drawn` changes whenever the pictures must be drawn anew

  const paintNow = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    paint();
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  };
  view.schedule = () => { frame ||= requestAnimationFrame(paintNow); };
  const restyle = (now) => {
    view.look = readLook(root);
    view.drawn += 1;
    if (now) paintNow();
    else view.schedule();
  };
  /** Paint the pictures from `state`, with what they show in words. */
  view.draw = (state, labels) => {
    plots.forEach((plot, i) => {
      plot.canvas.setAttribute("aria-label", labels[i]);
      if (plot.width > 0) plot.paint(plot, state, view.look);
    });
  };
  /** Say where a drag ended, not each of its steps; a text that changes all the time (`steady`) now and then. */
  view.say = (text, wait = 700, steady = false) => {
    if (text === toSay) return;
    toSay = text;
    if (steady && saying) return;
    clearTimeout(saying);
    saying = setTimeout(() => {
      saying = 0;
      said.textContent = toSay;
    }, wait);
  };
  /** Text beside the pointer while it is over a picture; `tell(x, y)` in the picture gives it, empty for none. */
  view.onHover = (plot, tell) => {
    plot.canvas.addEventListener("pointermove", (event) => {
      const box = plot.canvas.getBoundingClientRect();
      const text = tell(event.clientX - box.left, event.clientY - box.top);
      tip.hidden = !text;
      if (!text) return;
      tip.textContent = text;
      const around = area.getBoundingClientRect();
      tip.style.left = `${clamp(event.clientX - around.left + 14, 0, Math.max(0, around.width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${event.clientY - around.top + 14}px`;
    });
    plot.canvas.addEventListener("pointerleave", () => {
      tip.hidden = true;
      tell(NaN, NaN);
    });
  };
  view.live = (el, { parts, painting, heard, stops = [] }) => {
    paint = painting;
    root.append(...parts, said);
    el.append(root);
    view.look = readLook(root);
    const listeners = Object.entries(heard).map(([event, then]) => [event.includes("_live_") ? event : `change:${event}`, then]);
    for (const [event, then] of listeners) model.on(event, then);
    const ends = [keepKeys(root), hideFallback(model.get("_uid")), fitCanvases(area, plots, () => restyle(true)), watchTheme(() => restyle(false)), ...stops];
    return () => {
      for (const [event, then] of listeners) model.off(event, then);
      cancelAnimationFrame(frame);
      clearTimeout(saying);
      for (const stop of ends) stop();
    };
  };
  return view;
}
