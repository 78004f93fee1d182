"""SelectionMonitor in a real JupyterLab: a selection unfolds, and the page shows what Python says."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ui

# The selection stands after each look until the file allows the next, so that the page can be looked at in between.
SETUP = """
import json, pathlib, time
import numpy as np
import pandas as pd
import predictlab as pl
from predictlab_widgets import SelectionMonitor

allowed = pathlib.Path("selection-allowed")

def held(so_far):
    while len(so_far.looks) >= int(allowed.read_text()):
        time.sleep(0.02)

def recipes(n, spread=0.03, seed=2, steps=128, limit=1e-4):
    means = 0.8 + spread * np.random.default_rng(seed).standard_normal(n)
    return {f"recipe {i} <b>": pl.worlds.MartingaleWorld(limit, 0.01, 1.0, mean=m).source(seed=100 + i, max_depth=steps) for i, m in enumerate(means)}

w = None
"""  # noqa: E501
SHOW = """
if w:
    w.close()
    allowed.write_text("1000")
    w.wait()
    allowed.write_text("1")
w = SelectionMonitor(recipes(8), 900, margin=0.01, better="higher", on_look=held)
w
"""
REPORT = """
said = dict(status=w.status, look=w.look, looks=w.looks, spent=w.spent, leader=w.leader, selected=w.selected,
            following=w.selection.looks[["begun", "why"]].to_dict("list"),
            code=w.code, sentence=w.selection.sentence(), costs=w.selection.looks["cost"].tolist(),
            names=w.table()["candidate"].tolist(),
            states=w.table()["state"].tolist(),
            values=w.table()[["mean", "lower", "upper", "p_good", "cost"]].to_numpy(float).tolist())
_ = pathlib.Path("selection.json").write_text(json.dumps(said))
"""
MANY = """
many = pl.select(recipes(32, spread=0.06, steps=64), 3000, margin=0.01, better="higher", progress=False)
v = SelectionMonitor(many)
v
"""
ALIKE = """
u = SelectionMonitor(recipes(2, spread=0, steps=32, limit=4e-4), 200, better="higher")
u.wait()
u
"""
# On few rows it cannot be told which is better, however many seeds there are.
ROWS = """
def by_row(i, mean):
    own = 0.3 * np.random.default_rng(i).standard_normal(10_000)
    def source(depths, seeds, rows):
        noise = {s: 0.01 * np.random.default_rng([i, s]).standard_normal() for s in seeds}
        lines = [(s, c, "value", mean - 0.1 * c**-0.5 + own[:rows].mean() + noise[s]) for s in seeds for c in depths]
        return pd.DataFrame(lines, columns=["seed", "depth", "metric", "value"])
    return source

asked = dict(eval_rows=(100, 1000, 10_000), row_cost=0.001, interaction=(0.0, 0.09), max_depth=64, rungs=(0.25, 1))
r = SelectionMonitor({f"recipe {i} <b>": by_row(i, 0.7 + 0.01 * i) for i in range(3)}, 700, better="higher", **asked)
r.wait()
r.look = 1
r
"""
CELLS = [SETUP, SHOW, REPORT, "w.selected, w.look = 'recipe 4 <b>', 2", MANY, ALIKE, ROWS]
START, STATE, MOVE, OF_MANY, OF_ALIKE, OF_ROWS = 1, 2, 3, 4, 5, 6
ROOT = ".plw-selection"


@pytest.fixture(scope="module")
def notebook(open_notebook, lab):
    allow(lab, 1)
    opened = open_notebook("selection", CELLS)
    opened.run(0)
    return opened


@pytest.fixture
def start(notebook, lab):
    """A selection of its own, that stands after its first look."""
    allow(lab, 1)
    notebook.run(START)
    wait_for(notebook, status="running", looks=1, look=1, selected=None)
    return notebook


def allow(lab, looks):
    """Let it go on after so many looks."""
    (lab.folder / "selection-new").write_text(str(looks))
    (lab.folder / "selection-new").replace(lab.folder / "selection-allowed")


def wait_for(notebook, **shown):
    notebook.page.wait_for_function(
        """wanted => {
            const shown = JSON.parse(document.querySelector(".plw-selection")?.dataset.shown || "{}");
            return Object.entries(wanted).every(([key, value]) => JSON.stringify(shown[key]) === JSON.stringify(value));
        }""",
        arg=shown,
    )
    notebook.settle()


def said(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "selection.json").read_text())


def assert_page_is_python(notebook):
    state = said(notebook)
    rows = notebook.page.locator(f"{ROOT} .plw-candidates tbody tr").all()
    assert [row.get_attribute("data-name") for row in rows] == state["names"]
    kinds = ["chosen", "open", "set aside"]
    assert [kinds[int(row.get_attribute("data-state"))] for row in rows] == state["states"]
    for row, (mean, lower, upper, good, cost) in zip(rows, state["values"], strict=True):
        there = json.loads(row.get_attribute("data-values"))
        assert [*there[:4], there[9]] == pytest.approx([mean, lower, upper, good, cost])
    return state


def test_it_unfolds_and_earlier_looks_are_gone_back_to(start, lab):
    page = start.page
    verdict = page.locator(f"{ROOT} .plw-verdict")
    assert "So far recipe" in verdict.inner_text()
    assert_page_is_python(start)
    allow(lab, 4)
    wait_for(start, looks=4, look=4)
    assert_page_is_python(start)
    page.locator(f"{ROOT} .plw-look").focus()
    for look in (3, 2):
        page.keyboard.press("ArrowLeft")
        wait_for(start, look=look, looks=4)
    state = assert_page_is_python(start)
    assert state["look"] == 2
    assert "At look 2 recipe" in verdict.inner_text()
    assert page.locator(f"{ROOT} .plw-because").inner_text().startswith("Next: recipe")
    following = page.locator(f"{ROOT} .plw-next").inner_text()
    assert following.startswith(f"Next look: {state['following']['begun'][1]} new run")
    assert following.endswith(state["following"]["why"][1])
    start.picture(ROOT, "selection_look_2")
    allow(lab, 5)
    wait_for(start, looks=5, look=2, status="running")
    page.locator(f"{ROOT} .plw-look").focus()
    page.keyboard.press("End")
    wait_for(start, look=5)
    allow(lab, 1000)
    wait_for(start, status="done")
    state = assert_page_is_python(start)
    assert state["look"] == 0, "it follows the last"
    assert verdict.inner_text() == state["sentence"]
    assert page.locator(f"{ROOT} .plw-next").is_hidden(), "nothing comes next"
    chances = page.locator(f"{ROOT} canvas").nth(1)
    box = chances.bounding_box()
    wide = box["width"] - 82
    chances.click(position={"x": 66 + (wide - max(0.26 * wide, 106)) * state["costs"][2] / 900, "y": 150})
    wait_for(start, look=3)


def test_stop_after_this_look_and_go_on(start, lab):
    page = start.page
    page.locator(f"{ROOT} .plw-stop").focus()
    page.keyboard.press("Enter")
    wait_for(start, stopping=True, status="running")
    assert page.locator(f"{ROOT} .plw-doing").inner_text() == "stops after this look"
    allow(lab, 2)
    wait_for(start, status="stopped", looks=1)
    assert page.evaluate("document.activeElement.className") == "plw-go-on"
    assert "Stopped at look 1" in page.locator(f"{ROOT} .plw-because").inner_text()
    assert page.locator(f"{ROOT} .plw-verdict").inner_text().startswith("Cannot be told apart")
    page.keyboard.press("Space")
    wait_for(start, status="running", looks=2)
    allow(lab, 1000)
    wait_for(start, status="done")
    state = assert_page_is_python(start)
    assert page.locator(f"{ROOT} .plw-go-on").is_hidden()
    page.locator(f"{ROOT} .plw-copy").click()
    page.locator(f"{ROOT} .plw-copied:not(:empty)").wait_for()
    assert page.locator(f"{ROOT} .plw-code pre").text_content() == state["code"]


def test_a_candidate_stands_out_and_everything_has_a_name(start, lab):
    page = start.page
    allow(lab, 1000)
    wait_for(start, status="done")
    monitor = page.locator(ROOT).first
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    monitor.get_by_role("combobox", name="Stands out").focus()
    page.keyboard.press("ArrowDown")
    wait_for(start, selected="recipe 0 <b>")
    assert said(start)["selected"] == "recipe 0 <b>"
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab did not take the keys"
    start.run(MOVE)
    wait_for(start, selected="recipe 4 <b>", look=2)
    monitor.locator("tr[data-name='recipe 7 <b>'] th").click()
    wait_for(start, selected="recipe 7 <b>")
    assert monitor.locator("tr.plw-stands").first.get_attribute("data-name") == "recipe 7 <b>"
    assert monitor.get_by_role("slider", name="Look").get_attribute("aria-valuetext").startswith("2 of ")
    assert monitor.get_by_role("progressbar", name="Spent of the budget").count() == 1
    assert monitor.get_by_role("button", name="Copy Python").count() == 1
    for name in ("What was measured: At look 2", "Who is good enough: At look 2"):
        assert monitor.get_by_role("img", name=re.compile(name)).count() == 1, name
    runs, found = monitor.locator("canvas").first, set()
    box = runs.bounding_box()
    for x in (68, box["width"] - 20):
        for y in range(14, int(box["height"]) - 48, 8):
            runs.hover(position={"x": x, "y": y})
            if monitor.locator(".plw-tip").is_visible():
                found.add(monitor.locator(".plw-tip").inner_text())
    assert any(re.search(r"seed \d, depth 8 steps\nvalue 0\.\d+\nends at", text) for text in found)
    assert any(re.match(r"recipe \d <b>( \(leads\))?\nends at .*\nP\(good enough\)", text) for text in found)


def test_dark_theme_and_narrow_page(start, lab):
    allow(lab, 1000)
    wait_for(start, status="done")
    start.check_themes(ROOT, "selection")


def test_many_candidates_none_told_apart_and_reopened_without_its_kernel(start, lab):
    """Last in the module: the kernel and the page of the tests above end with it."""
    page = start.page
    allow(lab, 1000)
    wait_for(start, status="done")
    state = said(start)
    last = f"done, look {state['looks']} of {state['looks']}: {state['sentence']}"
    page.locator(".predictlab-fallback", has_text=last).wait_for(state="attached")
    assert not page.locator(".predictlab-fallback").first.is_visible(), "the live widget takes its place"
    start.run(OF_MANY)
    start.run(OF_ALIKE)
    start.run(OF_ROWS)
    page.locator(ROOT).nth(3).wait_for()
    start.settle()
    assert page.locator(ROOT).nth(1).locator(".plw-candidates tbody tr").count() == 32
    assert page.locator(ROOT).nth(1).locator(".plw-go-on").is_hidden(), "it has no candidates to go on with"
    assert "Cannot be told apart" in page.locator(ROOT).nth(2).locator(".plw-verdict").inner_text()
    assert " rows" in page.locator(ROOT).nth(3).locator(".plw-next").inner_text()
    for theme in ("Light", "Dark"):
        start.menu("Settings", "Theme", f"JupyterLab {theme}")
        page.wait_for_timeout(300)
        for name, cell in (("many", OF_MANY), ("alike", OF_ALIKE), ("rows", OF_ROWS)):
            start.picture(f".jp-CodeCell >> nth={cell} >> {ROOT}", f"selection_{name}_{theme.lower()}")
    start.menu("Settings", "Theme", "JupyterLab Light")
    start.restart_kernel()
    wait_for(start, gone=True, looks=state["looks"])
    page.locator(f"{ROOT} .plw-refused", has_text="run the cell again").first.wait_for()
    assert start.complaints == [], "in all the tests above, too"
    start.reopen_without_kernel()
    page.locator(".predictlab-fallback").first.wait_for(state="visible")
    text = page.locator(".predictlab-fallback").first.inner_text()
    assert last in text
    assert page.locator(".jp-RenderedImage img").first.evaluate("image => image.naturalWidth") > 500
    assert start.left_the_machine == [], "in all the tests above, too"
