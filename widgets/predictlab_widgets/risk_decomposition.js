// View of RiskDecomposition: sliders for the law and its price, two linked pictures, a table of the numbers.
// page.js, risk_numbers.js and risk_plots.js come before this in the same module.

const CONTROLS = [
  ["The law", [
    ["intrinsic_limit", "Floor L_int", "Intrinsic limit: the risk that even the whole run leaves, metric²"],
    ["scale", "Scale K", "Reducible risk at depth 1, metric²·steps^α"],
    ["decay_rate", "Decay rate α", "How fast probing resolves what can be resolved"],
  ]],
  ["What probing costs", [
    ["exchange_rate", "Exchange rate γ", "Risk that one unit of cost is worth, metric² per unit of cost"],
    ["cost_per_step", "Cost per step λ", "Cost of one step of probing"],
    ["fixed_cost", "Fixed cost C_s", "Cost paid once for probing at all; moves the total, never c*"],
  ]],
  ["What can be lived with", [["tolerance", "Tolerance τ", "Risk that can be lived with, metric²"]]],
];
const ROWS = [["without", "Without a probe"], ["optimal", "Least total, c*"], ["reachable", "Tolerance met, c_τ"]];
const QUANTITIES = [
  ["depth", "Depth c (steps)"], ["floor", "Floor L_int"], ["reducible", "Reducible V_opt"], ["risk", "Risk L"],
  ["cost", "Cost C"], ["price", "Price γC"], ["total", "Total L + γC"],
];

/** The row of numbers at a depth; without a probe nothing is paid. */
function numbersAt(s, c, paid = true) {
  const known = Number.isFinite(c);
  const there = c > 0 ? reducible(s, c) : 0; // c* = 0 only where nothing decays
  const cost = paid ? s.fixed_cost + s.cost_per_step * c : 0;
  return {
    depth: c, floor: s.intrinsic_limit, reducible: known ? there : NaN, risk: known ? s.intrinsic_limit + there : NaN,
    cost: known ? cost : NaN, price: known ? s.exchange_rate * cost : NaN,
    total: known ? s.intrinsic_limit + there + s.exchange_rate * cost : NaN,
  };
}

function patch(kind) {
  const lines = { floor: '<path d="M1 13 13 1M1 7 7 1M7 13 13 7"/>', price: '<path d="M1 1 13 13M7 1 13 7M1 7 7 13"/>', reducible: "" }[kind];
  return `<svg class="plw-swatch plw-part-${kind}" viewBox="0 0 14 14" aria-hidden="true"><rect x="1" y="1" width="12" height="12"/>${lines}</svg>`;
}

function renderRisk({ model, el }) {
  const first = model.get("_first");
  const start = model.get("_start");
  const draws = typed(model.get("_draws"), Float64Array);
  const ranges = model.get("_ranges");
  const state = () => Object.fromEntries(NUMBERS.map((name) => [name, model.get(name)]));
  const view = { depths: model.get("_depths"), metric: model.get("_metric"), top: 0, trail: [], hover: 0, s: state() };

  const controls = {};
  const groups = CONTROLS.map(([legend, items]) => element("fieldset", {}, element("legend", { textContent: legend }),
    ...items.map(([name, label, hint]) => {
      controls[name] = slider(name.replaceAll("_", "-"), label, `${hint}; arrow keys move it, Page Up and Page Down in larger steps`);
      return controls[name].row;
    })));
  const reset = element("button", { type: "button", className: "plw-reset", textContent: draws.length ? "Back to the fit" : "Back to the start" });
  const margin = element("small");
  groups[2].append(element("div", { className: "plw-row" }, margin, reset));
  const legend = element("div", { className: "plw-legend" });
  legend.innerHTML = `<span>${patch("floor")}floor L_int: no probing helps</span><span>${patch("reducible")}reducible K c^−α: what probing resolves</span><span>${patch("price")}price γ C(c) of probing</span>`;
  const plots = [
    { name: "Risk", yTitle: "risk", note: "splits into the floor and what more probing resolves", paint: paintSplit },
    { name: "Total cost", yTitle: "risk and price", note: "is a valley: c* is at its bottom", paint: paintValley },
  ];
  const figures = plots.map((plot) => {
    plot.canvas = element("canvas", { aria: { role: "img" } });
    return element("figure", {}, element("figcaption", {}, element("b", { textContent: plot.name }), plot.note), plot.canvas);
  });
  const tip = element("div", { className: "plw-tip", hidden: true });
  const area = element("div", { className: "plw-planes" }, ...figures, tip);
  const cells = {};
  const body = ROWS.map(([key, title]) => {
    cells[key] = QUANTITIES.map(([name]) => element("td", { className: `plw-cell-${name}` }));
    return element("tr", { className: `plw-row-${key}` }, element("th", { scope: "row", textContent: title }), ...cells[key]);
  });
  const heads = ["", ...QUANTITIES.map(([, title]) => title)].map((title) => element("th", { scope: "col", textContent: title }));
  const table = element("div", { className: "plw-table" }, element("table", {},
    element("caption", { textContent: "The numbers without a probe, at the optimal depth and at the tolerance" }),
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body)));
  const verdict = element("p", { className: "plw-verdict" });
  const said = element("div", { className: "plw-said", aria: { role: "status", live: "polite" } });
  const name = model.get("_title");
  const root = element("div", { className: "plw plw-risk", aria: { role: "group", label: `Risk decomposition${name ? ` of ${name}` : ""}` } },
    ...(name ? [element("h4", { textContent: name })] : []),
    element("div", { className: "plw-groups" }, ...groups), legend, area, verdict, table, said);
  el.append(root);
  let look = readLook(root);

  // ---- numbers ----
  function follow() {
    const s = state();
    const moved = NUMBERS.some((key) => s[key] !== view.s[key]);
    view.s = s;
    view.found = decompose(s, first);
    const [from, to] = view.depths;
    const bottom = total(s, Math.min(Math.max(view.found.optimal, from), to));
    view.top = axisTop(bottom, view.top);
    if (moved && view.found.optimal > 0) view.trail.push([view.found.optimal, total(s, view.found.optimal)]);
    const asFitted = ["intrinsic_limit", "scale", "decay_rate"].every((key) => s[key] === start[key]);
    view.intervals = draws.length && asFitted ? intervals(s, draws, first) : null;
  }

  function paintControls() {
    for (const key of NUMBERS) {
      const { input, output } = controls[key];
      const value = view.s[key];
      controls[key].grid = positions(ranges[key], value);
      setSlider(controls[key], value);
      output.textContent = short(value);
      input.setAttribute("aria-valuetext", `${output.textContent}; optimal depth ${short(view.found.optimal)} steps`);
    }
  }

  function paintMargin() {
    const text = `a margin of ± ${short(1.96 * Math.sqrt(view.s.tolerance))} at 95 %`;
    if (margin.textContent !== text) margin.textContent = text;
  }

  const spanText = ([low, high]) => ` [${low > 0 ? short(low) : "no probe"}, ${high > 0 ? short(high) : "no probe"}]`;
  function paintTable() {
    const { s, found } = view;
    const rows = {
      without: numbersAt(s, first, false), optimal: numbersAt(s, found.optimal), reachable: numbersAt(s, found.reachable),
    };
    for (const [key] of ROWS) {
      QUANTITIES.forEach(([name], i) => {
        const value = rows[key][name];
        const cell = cells[key][i];
        if (cell.dataset.value === String(value)) return;
        cell.dataset.value = value;
        cell.textContent = short(value);
      });
    }
    for (const [key, title] of ROWS.slice(1)) {
      const range = view.intervals?.[key];
      cells[key][0].title = range ? `${title}, 95 % interval` : "";
      cells[key][0].dataset.interval = range ? range.join() : "";
      cells[key][0].textContent = short(rows[key].depth) + (range ? spanText(range) : "");
    }
    return rows;
  }

  function words(rows) {
    const { found, s } = view;
    const without = `${short(found.without)} without a probe`;
    let text;
    if (!(s.scale > 0)) text = `Nothing decays (K = 0): probing does not pay; the risk is ${without}.`;
    else if (found.optimal <= first) text = `c* = ${short(found.optimal)} is not beyond the first depth, ${short(first)}: probing does not pay; the risk is ${without}.`;
    else text = `Probe to c* = ${short(found.optimal)} steps: total ${short(rows.optimal.total)} against ${without}; probing ${found.pays ? "pays" : "does not pay"}.`;
    if (found.reachable === Infinity) text += " The floor is at or above the tolerance: no depth meets it.";
    else if (found.reachable <= first) text += ` The tolerance is met at the first depth, ${short(first)}.`;
    else text += ` The tolerance is met from ${short(found.reachable)} steps on.`;
    return text;
  }

  let saying = 0;
  function paint() {
    follow();
    paintControls();
    paintMargin();
    const text = words(paintTable());
    if (verdict.textContent !== text) {
      verdict.textContent = text;
      clearTimeout(saying); // a screen reader hears where a drag ended, not each of its steps
      saying = setTimeout(() => { said.textContent = text; }, 700);
    }
    for (const plot of plots) {
      plot.canvas.setAttribute("aria-label", `${plot.name} over depth: ${text} The table below has the numbers.`);
      if (plot.width > 0) plot.paint(plot, view, look);
    }
    root.dataset.paints = Number(root.dataset.paints || 0) + 1;
  }
  const { schedule, cancel } = painter(paint);

  // ---- sliders: each tick paints at once, the kernel hears of it now and then, and at the end ----
  const kernel = messages(model);
  let resting = true; // the next tick begins a new trail
  const begin = () => {
    if (resting) view.trail = view.found.optimal > 0 ? [[view.found.optimal, total(view.s, view.found.optimal)]] : [];
  };
  for (const key of NUMBERS) {
    const { input } = controls[key];
    const move = () => {
      begin();
      resting = false;
      model.set(key, controls[key].grid[Number(input.value)]);
      schedule();
      kernel.soon();
    };
    const end = () => {
      resting = true;
      kernel.now();
    };
    onSlide(input, move, end);
  }
  const freeKeys = keepSliderKeys(NUMBERS.map((key) => controls[key].input));
  reset.addEventListener("click", () => {
    begin();
    for (const key of NUMBERS) model.set(key, start[key]);
    kernel.now();
    schedule();
  });

  // ---- pointer: both pictures tell about the depth under it ----
  for (const plot of plots) {
    plot.canvas.addEventListener("pointermove", (event) => {
      const f = riskFrame(plot, view.depths, view.top);
      const x = event.clientX - plot.canvas.getBoundingClientRect().left;
      const inside = x >= f.x0 && x <= f.x1;
      view.hover = inside ? f.depth(x) : 0;
      schedule();
      if (!inside) {
        tip.hidden = true;
        return;
      }
      const at = numbersAt(view.s, view.hover);
      placeTip(tip, area, event, [
        `depth ${short(view.hover)} steps`, `floor ${short(at.floor)}`, `reducible ${short(at.reducible)}`, `risk L ${short(at.risk)}`,
        `price γC ${short(at.price)}`, `total ${short(at.total)}`,
      ].join("\n"));
    });
    plot.canvas.addEventListener("pointerleave", () => {
      tip.hidden = true;
      view.hover = 0;
      schedule();
    });
  }

  // ---- the page around it ----
  follow();
  const stops = [
    freeKeys, cancel, kernel.flush, hideFallback(model.get("_uid")),
    fitCanvases(area, plots, () => {
      look = readLook(root); // styles can be read only now that the view is on the page
      paint();
    }),
    watchTheme(() => {
      look = readLook(root);
      schedule();
    }),
  ];
  const changed = () => {
    begin();
    schedule();
  };
  for (const key of NUMBERS) model.on(`change:${key}`, changed);
  return () => {
    for (const key of NUMBERS) model.off(`change:${key}`, changed);
    clearTimeout(saying);
    for (const stop of stops) stop();
  };
}

export default { render: renderRisk };
