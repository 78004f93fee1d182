// Axes of a picture, each logarithmic or linear, and what is drawn along them. page.js comes before this in the module.

const AXIS_MARGIN = { left: 66, right: 16, top: 12, bottom: 46 };

/** Scale from values to pixels. */
function scaled({ from, to, log }, start, end) {
  const f = log ? Math.log : (v) => v;
  const [a, b] = [f(from), f(to)];
  const back = log ? Math.exp : (v) => v;
  return {
    from, to, log, start, end,
    at: (v) => start + ((f(v) - a) / (b - a)) * (end - start),
    held: (v) => start + ((f(Math.min(Math.max(v, from), to)) - a) / (b - a)) * (end - start),
    value: (px) => back(a + ((px - start) / (end - start)) * (b - a)),
    holds: (v) => v >= from * (1 - 1e-9) && v <= to * (1 + 1e-9),
  };
}

/** The frame of `plot` with the axes `x` and `y` ({from, to, log}). */
function frameOf(plot, x, y) {
  const [x0, x1] = [AXIS_MARGIN.left, plot.width - AXIS_MARGIN.right];
  const [y0, y1] = [plot.height - AXIS_MARGIN.bottom, AXIS_MARGIN.top];
  return { x0, x1, y0, y1, x: scaled(x, x0, x1), y: scaled(y, y0, y1) };
}

/** Ends around positive (log) or any (linear) values, a little wider. */
function endsOf(values, log, pad = 0.06) {
  const kept = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
  const [low, high] = [Math.min(...kept), Math.max(...kept)];
  if (log) {
    const wide = Math.max(high / low, 1.2) ** pad;
    return { from: low / wide, to: high * wide, log };
  }
  const wide = (high - low || Math.abs(high) || 1) * pad;
  return { from: low >= 0 && low - wide < 0 ? 0 : low - wide, to: high + wide, log };
}

function ticksOf({ from, to, log }, room) {
  const out = [];
  if (log) {
    const decades = Math.log10(to / from);
    const leads = decades < 0.9 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : decades * 3 <= 1.2 * room ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil(decades / room));
    for (let k = Math.floor(Math.log10(from)); 10 ** k <= to; k++) {
      if (leads.length === 1 && k % every) continue;
      for (const lead of leads) if (lead * 10 ** k >= from && lead * 10 ** k <= to) out.push(lead * 10 ** k);
    }
    return out;
  }
  const rough = (to - from) / room;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9 * step; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

function drawAxes(ctx, f, look, plot, xTitle, yTitle) {
  ctx.font = `11px ${look.font}`;
  ctx.textBaseline = "top";
  ctx.textAlign = "center";
  const along = f.x.ticks ?? ticksOf(f.x, Math.max(3, Math.floor((f.x1 - f.x0) / 55))).map((v) => [v, signed(v)]);
  for (const [v, text] of along) {
    const x = f.x.at(v);
    polyline(ctx, [[x, f.y0], [x, f.y0 + 4]], look.muted, 1);
    ctx.fillStyle = look.muted;
    ctx.fillText(text, x, f.y0 + 6);
  }
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const v of ticksOf(f.y, Math.max(3, Math.floor((f.y0 - f.y1) / 36)))) {
    const y = f.y.at(v);
    polyline(ctx, [[f.x0 - 4, y], [f.x0, y]], look.muted, 1);
    ctx.fillStyle = look.muted;
    ctx.fillText(signed(v), f.x0 - 6, y);
  }
  polyline(ctx, [[f.x0, f.y1], [f.x0, f.y0], [f.x1, f.y0]], look.muted, 1);
  ctx.fillStyle = look.text;
  ctx.font = `12px ${look.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText(xTitle, (f.x0 + f.x1) / 2, plot.height - 4);
  ctx.save();
  ctx.translate(3, (f.y0 + f.y1) / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textBaseline = "top";
  ctx.fillText(yTitle, 0, 0);
  ctx.restore();
}

function signed(v) {
  return v < 0 ? `−${tickText(-v)}` : tickText(v);
}

function inFrame(ctx, f, draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(f.x0, f.y1, f.x1 - f.x0, f.y0 - f.y1);
  ctx.clip();
  draw();
  ctx.restore();
}

const MARKS = {
  dot: (ctx, x, y, r) => ctx.arc(x, y, r, 0, 2 * Math.PI),
  down: (ctx, x, y, r) => { ctx.moveTo(x - r, y - r * 0.8); ctx.lineTo(x + r, y - r * 0.8); ctx.lineTo(x, y + r); ctx.closePath(); },
  diamond: (ctx, x, y, r) => { ctx.moveTo(x, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x, y + r); ctx.lineTo(x - r, y); ctx.closePath(); },
};

function mark(ctx, shape, x, y, r, fill, stroke) {
  ctx.beginPath();
  MARKS[shape](ctx, x, y, r);
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 1.5;
  ctx.stroke();
}

/** Words near `x`, kept inside the frame. */
function wordsAt(ctx, f, look, text, x, y, baseline = "middle") {
  ctx.font = `12px ${look.font}`;
  ctx.textBaseline = baseline;
  ctx.textAlign = "left";
  const width = ctx.measureText(text).width;
  haloText(ctx, look, text, Math.min(Math.max(x - width / 2, f.x0 + 4), f.x1 - width - 2), y, look.text);
}

/** Keys that a control in the page uses are kept from JupyterLab, whose command mode has uses of its own for letters. */
function keepKeys(root, selector) {
  const keep = (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    const here = root.contains(event.target) && event.target.matches?.(selector);
    if (here && plain && !["Tab", "Escape"].includes(event.key)) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}

/**
 * Requests to the kernel, each with a name of its own; of those within `wait` ms only the newest is sent, at their end
 * (`steady`), or once none has followed for so long. One that comes after a rest is sent at once (`lead`).
 */
function asking(model, { wait, silence, onSilence, steady = false, lead = false }) {
  const view = `view ${Math.random().toString(36).slice(2)} `;
  let count = 0;
  let timer = 0;
  let guard = 0;
  let wanted = null;
  let last = -Infinity;
  const newest = () => view + count;
  function send() {
    clearTimeout(timer);
    timer = 0;
    try {
      model.send({ ask: newest(), ...wanted });
    } catch { // the kernel that made this view is gone
      onSilence();
    }
  }
  return {
    newest,
    /** Whether a message answers the newest request of this view, or is none of this view's at all. */
    current: ({ ask }) => !ask.startsWith(view) || ask === newest(),
    mine: ({ ask }) => ask === newest(),
    ask(content) {
      count += 1;
      wanted = content;
      clearTimeout(guard);
      guard = setTimeout(onSilence, silence);
      const now = performance.now();
      const rested = !timer && now - last > wait;
      last = now;
      if (lead && rested) {
        send();
        return;
      }
      if (!steady) clearTimeout(timer);
      if (!(steady && timer)) timer = setTimeout(send, wait);
    },
    flush() {
      if (timer) send();
    },
    done() {
      clearTimeout(timer);
      clearTimeout(guard);
      timer = 0;
    },
  };
}
