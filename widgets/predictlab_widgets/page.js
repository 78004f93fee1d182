// What every view needs of the page around it: elements, colours of the theme, sliders, messages to the kernel.
// Put before a widget's own files in the same module. Plain JavaScript: nothing is loaded from anywhere.

const SEND_EVERY = 100; // ms between two messages to the kernel in the middle of a drag

function element(tag, props = {}, ...children) {
  const { aria = {}, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [key, value] of Object.entries(aria)) node.setAttribute(key === "role" ? key : `aria-${key}`, value);
  node.append(...children);
  return node;
}

// Okabe-Ito hues, lighter on dark pages; shapes, patterns and words say the same.
const COLOURS = { light: ["#00795a", "#c65300", "#0065a3"], dark: ["#3fd0a4", "#ff9a52", "#6cc0f5"] };

function readLook(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(name).trim();
  const jupyter = document.body.dataset.jpThemeLight;
  const dark = jupyter ? jupyter === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.classList.toggle("plw-dark", dark);
  return {
    dark, font: style.fontFamily, colours: COLOURS[dark ? "dark" : "light"],
    text: value("--plw-text"), muted: value("--plw-muted"), grid: value("--plw-grid"), page: value("--plw-page"),
  };
}

/** The kernel's picture and table stand where the widget cannot (see fallback.py); hide them while this view lives. */
function hideFallback(uid) {
  const child = ".jp-OutputArea-child";
  const name = `.predictlab-fallback-${uid}`;
  const css = `${child}:has(> * ${name}), ${child}:has(+ ${child} ${name}.predictlab-pictured), ${name} { display: none !important; }`;
  const sheet = element("style", { textContent: css });
  document.head.append(sheet);
  return () => sheet.remove();
}

function slider(name, label, hint) {
  const input = element("input", { type: "range", min: 0, step: 1, className: `plw-${name}`, aria: { label } });
  const output = element("output", { className: `plw-${name}-value` });
  const row = element("label", { className: "plw-slider", title: hint }, element("span", { textContent: label }), input, output);
  return { input, output, row };
}

function typed(view, Type) {
  if (!view) return new Type(0);
  const bytes = view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view;
  return new Type(bytes);
}

/** Put a slider where its value is. Untouched where it is there already: a value set from here mutes the next "change". */
function setSlider({ input, grid }, value) {
  const [max, at] = [String(grid.length - 1), String(position(grid, value))];
  if (input.max !== max) input.max = max;
  if (input.value !== at) input.value = at;
}

/** `move` at each tick of a slider, `end` once when the hand, or the key, is off it. */
function onSlide(input, move, end) {
  let moving = false;
  input.addEventListener("input", () => {
    moving = true;
    move();
  });
  for (const event of ["change", "pointerup", "pointercancel", "keyup", "blur"]) {
    input.addEventListener(event, () => {
      if (moving) end();
      moving = false;
    });
  }
}

function nearest(grid, value) {
  let best = 0;
  for (let i = 1; i < grid.length; i++) {
    if (Math.abs(Math.log(grid[i] / value)) < Math.abs(Math.log(grid[best] / value))) best = i;
  }
  return best;
}

/** Slider positions: log-spaced and rounded as they are read, 0 first where it is allowed; wide enough for `value`. */
function positions({ low, high, zero, step }, value) {
  let [a, b] = [low, high];
  if (value > 0) [a, b] = [Math.min(a, value), Math.max(b, value)];
  const out = zero ? [0] : [];
  const round = (v) => Number(v.toPrecision(3));
  if (step) {
    for (let i = Math.round(a / step); i <= Math.ceil(b / step - 1e-9); i++) if (i > 0) out.push(round(i * step));
  } else {
    const m = 30 * Math.max(1, Math.round(Math.log10(b / a)));
    for (let i = 0; i <= m; i++) {
      const v = round(a * (b / a) ** (i / m));
      if (v > (out[out.length - 1] ?? 0)) out.push(v);
    }
  }
  return out;
}

/** Position nearest to `value`; on log scales 0 is a place of its own. */
function position(grid, value) {
  const exact = grid.indexOf(value);
  if (exact >= 0) return exact;
  if (grid[0] === 0) return 1 + nearest(grid.slice(1), value);
  return nearest(grid, value);
}

// JupyterLab binds the arrow keys and listens on the document before anything inside it: keep a slider's own keys
// from it, one step further out. All others (save, run, ...) pass.
const SLIDER_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];
function keepSliderKeys(inputs) {
  const keep = (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
    if (inputs.includes(event.target) && plain && SLIDER_KEYS.includes(event.key)) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}

/** Messages to the kernel: `soon` at most every `every` ms, `now` at once, `flush` what is still waiting. */
function messages(model, every = SEND_EVERY) {
  let last = 0;
  let waiting = 0;
  const now = () => {
    clearTimeout(waiting);
    waiting = 0;
    last = performance.now();
    model.save_changes();
  };
  return {
    now,
    soon() {
      if (!waiting && Number.isFinite(every)) waiting = setTimeout(now, Math.max(0, every - (performance.now() - last)));
    },
    flush() {
      if (waiting) now();
    },
  };
}

/** `paint` once in the next frame, however often it is asked for until then. */
function painter(paint) {
  let asked = 0;
  const schedule = () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      paint();
    });
  };
  return { schedule, cancel: () => cancelAnimationFrame(asked) };
}

/** Give the canvases of `plots` the width there is, two beside each other where they fit; then `paint`. */
function fitCanvases(area, plots, ready) {
  const resize = new ResizeObserver(() => {
    const total = area.clientWidth;
    if (!total) return;
    const width = Math.floor(total >= 620 ? (total - 16) / 2 : total);
    const height = Math.round(Math.min(360, Math.max(260, width * 0.72)));
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

/** Show `tip` with `text` beside the pointer, inside `area`. */
function placeTip(tip, area, event, text) {
  tip.hidden = false;
  tip.textContent = text;
  const box = area.getBoundingClientRect();
  tip.style.left = `${Math.max(0, Math.min(event.clientX - box.left + 14, box.width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${event.clientY - box.top + 14}px`;
}

function short(value) {
  if (!Number.isFinite(value)) return value > 0 ? "never" : "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    const digits = Number(value.toPrecision(3)) === Number(value.toPrecision(2)) ? 1 : 2;
    return value.toExponential(digits).replace(/\.0+e/, "e").replace("e+", "e").replace("-", "−");
  }
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false });
}

function tickText(value) {
  if (value === 0 || (value >= 0.01 && value < 1e4)) return String(Number(value.toPrecision(2)));
  const k = Math.floor(Math.log10(value) + 1e-9);
  const lead = Number((value / 10 ** k).toPrecision(2));
  const exponent = String(k).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
  return `${lead === 1 ? "" : `${lead}·`}10${exponent}`;
}

function clip(text, length) {
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

// ---- drawing ----

function trace(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
}

function polygon(ctx, points, fill) {
  trace(ctx, points);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
}

function polyline(ctx, points, stroke, width, dash = []) {
  if (points.length < 2) return;
  trace(ctx, points);
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Text with an edge in the page's colour, so that it reads on lines and shades. */
function haloText(ctx, look, text, x, y, colour) {
  ctx.lineWidth = 3;
  ctx.lineJoin = "round";
  ctx.strokeStyle = look.page;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

/** A small arrow for a point that lies beyond the end of an axis. */
function beyond(ctx, look, x, y, dx, dy) {
  const [cx, cy] = [x + 10 * dx, y - 10 * dy];
  polyline(ctx, [[cx - 4 * (dx + dy), cy + 4 * (dy - dx)], [cx, cy], [cx + 4 * (dy - dx), cy + 4 * (dy + dx)]], look.text, 1.5);
}

function startPaint(plot) {
  const ctx = plot.canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, plot.width, plot.height);
  return ctx;
}
