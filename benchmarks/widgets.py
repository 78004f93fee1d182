"""From a slider's tick to the painted picture, in a real JupyterLab in headless Chromium.

    python benchmarks/widgets.py                         # all widgets, PhaseDiagram with 1,000 and 10,000 tasks
    python benchmarks/widgets.py --only PhaseDiagram --tasks 1000 --distinct 1000

starts a JupyterLab of its own, moves a slider by `--ticks` events at random moments, each when the page is at rest, and
times each from the event to the first task after the frame that was drawn for it: what the reader waits for, waiting
for the frame to begin included (8 ms on average at 60 frames a second). "script" is the part in which the widget's own
code ran. The kernel is told of the moves as in any drag. No network, one thread a process.

DecayExplorer asks the kernel for each fit. Its settings are changed to ones never seen before, and timed from the event
to the paint of the fit, of the intervals from 1,000 bootstrap refits, and of all that belongs to it, with profile and
rival laws. "left" is the same after ten settings, 30 ms apart, each left for the next before it was answered.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "ui"))

from lab_harness import chromium, chromium_path, lab_server, notebooks

FITS = """
import numpy as np
import predictlab as pl
from predictlab_widgets import BudgetAllocator, DecayExplorer, PhaseDiagram, RiskDecomposition
rng = np.random.default_rng(0)
depths = (8, 16, 32, 64, 128, 192)
def fit():
    limit, scale, rate = 10 ** rng.uniform(-5.5, -3.3), 10 ** rng.uniform(-2.5, -0.5), rng.uniform(0.4, 2.2)
    risk = [(limit + scale * c**-rate) * rng.chisquare(31) / 31 for c in depths]
    return pl.DecayModel(pl.RiskCurve(depth=depths, risk=risk, df=31)).fit()
distinct = [fit() for _ in range({distinct})]
fits = {{f"task {{i}}": distinct[i % len(distinct)] for i in range({tasks})}}
"""
RUNS = """
depths = (8, 16, 32, 64, 96, 128, 192)
def curve(seed, S=16):
    law = pl.worlds.MartingaleWorld(1e-5, 0.02, float(np.random.default_rng(seed).uniform(0.6, 1.4)))
    return law.spread(S, depths, seed=seed)
many = {{f"task {{i}}": curve(i) for i in range({explored})}}
"""
SELECTED = """
import numpy as np
import predictlab as pl
from predictlab_widgets import SelectionMonitor
means = 0.8 + 0.06 * np.random.default_rng(2).standard_normal({candidates})
worlds = [pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m) for m in means]
sources = {{f"recipe {{i}}": world.source(seed=100 + i, max_depth=64) for i, world in enumerate(worlds)}}
found = pl.select(sources, 60 * {candidates}, better="higher", progress=False)
"""
SCORED = """
import numpy as np, pandas as pd
import predictlab as pl
from predictlab_widgets import StaticScores
rng, models = np.random.default_rng(0), [f"model {i}" for i in range(20)]
def ranking(data):
    value, null = np.sort(rng.uniform(0.3, 1, 20))[::-1], rng.uniform(0.2, 0.6, 20)
    columns = {"model": rng.permutation(models), "value": value, "lower": value - 0.05, "upper": value + 0.05,
               "null": null, "says": np.where(value > null, "something", "nothing"), "apart": np.arange(20) > 2}
    return pl.static.Ranking(data, "linear_probe", pd.DataFrame(columns), 0.95)
sets = [f"set {i}" for i in range(6)]
rankings = [ranking(name) for name in sets]
reached = {name: {model: rng.uniform(0.5, 0.9, 3) for model in models} for name in sets}
"""
EXPLORER = "DecayExplorer(many, interval='bootstrap', resamples=1000)"
WIDGETS = [
    "RiskDecomposition",
    "NoiseExplorer",
    "PhaseDiagram",
    "BudgetAllocator",
    "SelectionMonitor",
    "StaticScores",
    "DecayExplorer",
]
PHASE = "PhaseDiagram(fits, budget=100, tolerance=2e-4, exchange_rate=1e-7)"

DRAG = """async ([slider, ticks]) => {
    const input = document.querySelector(slider), root = input.closest(".plw");
    const choice = input.tagName === "SELECT", top = choice ? input.options.length - 1 : Number(input.max);
    // where there are few positions each tick goes to another one
    const place = (i) => (top < 30 ? i % (top + 1) : Math.round(top * (0.5 + 0.45 * Math.sin(i / 9))));
    const frame = () => new Promise(requestAnimationFrame);
    const rest = (ms) => new Promise((done) => setTimeout(done, ms));
    const channel = new MessageChannel();
    const task = () => new Promise((done) => { channel.port1.onmessage = done; channel.port2.postMessage(0); });
    const painted = [], script = [];
    for (let i = 0; i < ticks; i++) {
        await frame(); await frame();
        await rest(17 * Math.random());
        const before = Number(root.dataset.paints || 0);
        const began = performance.now();
        if (choice) input.selectedIndex = place(i);
        else input.value = place(i);
        input.dispatchEvent(new Event(choice ? "change" : "input", { bubbles: true }));
        const heard = performance.now();
        const drawn = new Promise((done) => requestAnimationFrame((start) => done([start, performance.now()])));
        const [start, end] = await drawn; // asked for after the widget asked, so called after it, in the same frame
        await task();
        painted.push(performance.now() - began);
        script.push(heard - began + end - Math.max(start, heard));
        if (Number(root.dataset.paints) === before) throw new Error(`tick ${i} was not painted`);
    }
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return { painted, script };
}"""


SETTINGS = """async ([changes, leave]) => {
    const root = document.querySelector(".plw-decay");
    const rest = (ms) => new Promise((done) => setTimeout(done, ms));
    const shown = (wanted) => {
        const now = { ...JSON.parse(root.dataset.shown || "{}"), intervals: root.dataset.intervals === "true" };
        return Object.keys(wanted).every((key) => now[key] === wanted[key]);
    };
    const channel = new MessageChannel();
    const task = () => new Promise((done) => { channel.port1.onmessage = done; channel.port2.postMessage(0); });
    const until = async (wanted) => {
        while (!shown(wanted)) await new Promise(requestAnimationFrame);
        await task();
    };
    const move = (name) => {
        const select = root.querySelector(".plw-task");
        select.value = name;
        select.dispatchEvent(new Event("change", { bubbles: true }));
    };
    const fit = [], refits = [], whole = [];
    for (const names of changes) {
        await rest(400 + 17 * Math.random());
        for (const name of names.slice(0, -1)) {
            move(name);
            await rest(30);
        }
        const last = names[names.length - 1];
        const began = performance.now();
        move(last);
        await until({ task: last });
        fit.push(performance.now() - began);
        await until({ task: last, intervals: true });
        refits.push(performance.now() - began);
        await until({ task: last, whole: true });
        whole.push(performance.now() - began);
    }
    return { fit, refits, whole };
}"""


def row(widget: str, slider: str, found: dict[str, list[float]]) -> str:
    painted, script = (np.quantile(found[key], [0.5, 0.95]) for key in ("painted", "script"))
    return f"| {widget} | {slider} | {painted[0]:.0f} / {painted[1]:.0f} | {script[0]:.1f} / {script[1]:.1f} |"


def measure(opener: Any, name: str, cells: list[str], sliders: dict[str, str], ticks: int) -> None:
    """Open a notebook, run its cells, print one row a slider."""
    notebook = opener("".join(c if c.isalnum() else "-" for c in name), cells)
    for cell in range(len(cells)):
        notebook.run(cell)
    notebook.page.locator(".plw[data-paints]").wait_for()
    for label, slider in sliders.items():
        notebook.page.evaluate(DRAG, [slider, 15])  # warm
        notebook.page.wait_for_timeout(3000)
        print(row(name, label, notebook.page.evaluate(DRAG, [slider, ticks])), flush=True)
    check(notebook)


def explore(opener: Any, repeats: int) -> None:
    """Rows for DecayExplorer; every change goes to a task that was never shown before."""
    storm = 10
    explored = 4 + repeats * (2 + storm)
    notebook = opener("explorer", [FITS.format(distinct=1, tasks=1) + RUNS.format(explored=explored), EXPLORER])
    for cell in (0, 1):
        notebook.run(cell)
    notebook.page.locator('.plw-decay[data-shown*="true"]').wait_for()
    names = iter(f"task {i}" for i in range(1, explored))
    notebook.page.evaluate(SETTINGS, [[[next(names)] for _ in range(3)]])  # warm
    single = [[next(names)] for _ in range(repeats)]
    left = [[next(names) for _ in range(storm + 1)] for _ in range(repeats)]
    for label, changes in (("task", single), ("task, after ten that were left", left)):
        found = notebook.page.evaluate(SETTINGS, [changes])
        times = (np.quantile(found[key], [0.5, 0.95]) for key in ("fit", "refits", "whole"))
        cells = " | ".join(f"{middle:.0f} / {late:.0f}" for middle, late in times)
        print(f"| DecayExplorer, 1,000 refits | {label} | {cells} |", flush=True)
    check(notebook)


def check(notebook: Any) -> None:
    """No figure counts if the page complained."""
    if notebook.complaints or notebook.left_the_machine:
        raise SystemExit(f"complaints: {notebook.complaints}; requests that left: {notebook.left_the_machine}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--distinct", type=int, default=200, help="fits that are drawn from; the tasks repeat them")
    parser.add_argument("--ticks", type=int, default=120)
    parser.add_argument("--repeats", type=int, default=20, help="changes of DecayExplorer")
    parser.add_argument("--only", choices=WIDGETS, nargs="+", default=WIDGETS)
    asked = parser.parse_args()
    binary = chromium_path()
    if binary is None:
        raise SystemExit("no chromium on the PATH: install it (Debian: apt-get install chromium), or set CHROMIUM")
    os.environ["OMP_NUM_THREADS"] = "1"
    with (
        tempfile.TemporaryDirectory() as home,
        lab_server(Path(home)) as lab,
        chromium(binary) as browser,
        notebooks(lab, browser) as opener,
    ):
        if asked.only != ["DecayExplorer"]:
            print("| widget | slider | tick to painted, median / p95 (ms) | script (ms) |\n| --- | --- | --- | --- |")
        price = {"exchange rate": ".plw-exchange-rate"}
        if "RiskDecomposition" in asked.only:
            cells, sliders = [FITS.format(distinct=1, tasks=1)], price | {"decay rate": ".plw-decay-rate"}
            measure(opener, "RiskDecomposition", [*cells, "RiskDecomposition()"], sliders, asked.ticks)
            of_a_fit = [*cells, "RiskDecomposition(distinct[0])"]
            measure(opener, "RiskDecomposition of a fit", of_a_fit, sliders, asked.ticks)
        if "NoiseExplorer" in asked.only:
            cells = ["from predictlab_widgets import NoiseExplorer",
                     "NoiseExplorer(run_sd=0.002, interaction=0.03, seeds=5, rows=2000)"]  # fmt: skip
            sliders = {name: f".plw-{name}" for name in ("seeds", "rows", "difference")}
            measure(opener, "NoiseExplorer", cells, sliders, asked.ticks)
        for tasks in asked.tasks:
            cells = [FITS.format(distinct=min(asked.distinct, tasks), tasks=tasks)]
            if "PhaseDiagram" in asked.only:
                sliders = {"budget": ".plw-budget", "tolerance": ".plw-tolerance"} | price
                measure(opener, f"PhaseDiagram, {tasks} tasks", [*cells, PHASE], sliders, asked.ticks)
        for tasks in (10, min(asked.tasks)):
            cells = [FITS.format(distinct=min(asked.distinct, tasks), tasks=tasks), "BudgetAllocator(fits)"]
            if "BudgetAllocator" in asked.only:
                measure(opener, f"BudgetAllocator, {tasks} tasks", cells, {"budget": ".plw-budget"}, asked.ticks)
        for candidates in (8, 32) if "SelectionMonitor" in asked.only else ():
            cells = [SELECTED.format(candidates=candidates), "SelectionMonitor(found)"]
            measure(opener, f"SelectionMonitor, {candidates} candidates", cells, {"look": ".plw-look"}, asked.ticks)
        if "StaticScores" in asked.only:
            cells, choices = [SCORED, "StaticScores(rankings, reached)"], {"data set": "select.plw-data"}
            measure(opener, "StaticScores, 20 models on 6 data sets", cells, choices, asked.ticks)
        if "DecayExplorer" in asked.only:
            print("\n| widget | change of | event to painted fit, median / p95 (ms) | intervals (ms) | all (ms) |")
            print("| --- | --- | --- | --- | --- |")
            explore(opener, asked.repeats)


if __name__ == "__main__":
    main()
