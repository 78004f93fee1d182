"""StaticScores in a real JupyterLab: what the page shows of scores, nulls and controls is what Python says."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ui

SETUP = """
import json, pathlib
import numpy as np, pandas as pd
import predictlab as pl
from sklearn.datasets import load_iris, load_wine, load_breast_cancer
from predictlab_widgets import StaticScores

MODELS = ["minilm-l6", "minilm-l3", "a rather long name of a model <b>", "model 4", "model 5", "model 6"]

def ranking(data, method, seed):
    rng = np.random.default_rng(seed)
    value = np.sort(rng.uniform(0.4, 1, 6))[::-1]
    null = rng.uniform(0.35, 0.6, 6)
    says = np.where(value > null, "something", "nothing")
    half = rng.uniform(0.02, 0.08, 6)
    table = pd.DataFrame({"model": rng.permutation(MODELS), "value": value, "lower": value - half, "upper": value + half,
                          "null": null, "says": says, "apart": [False, False, True, True, True, True]})
    return pl.static.Ranking(data, method, table, 0.95)

sets = ["rotten_tomatoes", "reuters_r8", "tweets <b>"]
rankings = [ranking(d, m, 2 * i + j) for i, d in enumerate(sets) for j, m in enumerate(("linear_probe", "hscore"))]
reached = {d: {m: np.random.default_rng([i, k]).uniform(0.55, 0.95, 3) for k, m in enumerate(MODELS)} for i, d in enumerate(sets[:2])}

def scores(loader, name, **changes):
    features, labels = loader(return_X_y=True)
    table = pl.static.score_features(features, labels, ["knn", "linear_probe", "logme"]).assign(layer="mean", **changes)
    controls = [("largest class", "accuracy", 0.4), ("bag of words", "accuracy", 0.62), ("random weights", "knn", 0.5)]
    return pl.static.StaticScores(name, table, pd.DataFrame(controls, columns=["control", "method", "value"]))
"""  # noqa: E501
SHOW = "w = StaticScores(rankings, reached)\nw"
TASKS = """
iris, wine, cancer = scores(load_iris, "iris"), scores(load_wine, "wine"), scores(load_breast_cancer, "cancer")
wine.table.loc[0, ["null", "says"]] = [0.8, "nothing"]
v = StaticScores([iris, wine, cancer], {"iris": 0.94, "cancer": [0.95, 0.96]})
v
"""
REPORT = """
t = w.table()
said = dict(method=w.method, data=w.data, order=w.order, selected=w.selected, rows=t["row"].tolist(),
            values=t["value"].tolist(), says=t["says"].tolist(),
            places={f"{r.row}|{r.data}": [r.value, r.place] for r in w.scores.itertuples() if r.method == w.method})
_ = pathlib.Path("scores.json").write_text(json.dumps(said))
"""
BACK = "w.method, w.data, w.order, w.selected = 'linear_probe', 'rotten_tomatoes', 'score', None"
CELLS = [SETUP, SHOW, REPORT, BACK, "w.data, w.selected = 'tweets <b>', 'model 4'", TASKS]
STATE, RESET, MOVE, OF_TASKS = 2, 3, 4, 5
ROOT = ".plw-scores"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("scores", CELLS)
    opened.run(0)
    opened.run(1)
    opened.page.locator(f"{ROOT}[data-paints]").wait_for()
    return opened


@pytest.fixture
def start(notebook):
    """What is chosen as at first, whatever the test before left."""
    notebook.run(RESET)
    wait_for(notebook, method="linear_probe", data="rotten_tomatoes", order="score", selected=None)
    return notebook


def wait_for(notebook, **shown):
    notebook.page.wait_for_function(
        """wanted => {
            const shown = JSON.parse(document.querySelector(".plw-scores")?.dataset.shown || "{}");
            return Object.entries(wanted).every(([key, value]) => JSON.stringify(shown[key]) === JSON.stringify(value));
        }""",
        arg=shown,
    )
    notebook.settle()


def assert_page_is_python(notebook):
    notebook.run(STATE)
    state = json.loads((notebook.path.parent / "scores.json").read_text())
    root = notebook.page.locator(ROOT).first
    rows = root.locator(".plw-strips tbody tr").all()
    assert [row.get_attribute("data-row") for row in rows] == state["rows"]
    assert [float(row.get_attribute("data-value")) for row in rows] == pytest.approx(state["values"])
    assert [row.get_attribute("data-says") for row in rows] == state["says"]
    assert ["plw-nothing" in row.get_attribute("class") for row in rows] == [s == "nothing" for s in state["says"]]
    cells = root.locator(".plw-map td[data-row]").all()
    there = {f"{c.get_attribute('data-row')}|{c.get_attribute('data-data')}": c for c in cells}
    assert there.keys() == state["places"].keys()
    for name, (value, place) in state["places"].items():
        assert float(there[name].get_attribute("data-value")) == pytest.approx(value)
        assert float(there[name].get_attribute("data-place")) == place
    return state


def test_score_data_set_and_order_are_chosen_on_the_page_and_in_python(start):
    page = start.page
    state = assert_page_is_python(start)
    assert state["values"] == sorted(state["values"], reverse=True)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for select, value in (("method", "hscore"), ("data", "reuters_r8"), ("order", "reached")):
        then = {select: value}
        page.locator(f"{ROOT} select.plw-{select}").focus()
        page.keyboard.press("ArrowDown")
        wait_for(start, **then)
        state = assert_page_is_python(start)
        assert then.items() <= state.items()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab did not take the keys"
    start.run(MOVE)
    wait_for(start, data="tweets <b>", selected="model 4", method="hscore")
    assert_page_is_python(start)


def test_a_row_a_cell_and_a_mark_are_told_in_words(start):
    page, now = start.page, start.page.locator(f"{ROOT} .plw-now").first
    page.locator(f"{ROOT} select.plw-row-told").select_option("model 5")
    wait_for(start, selected="model 5")
    assert re.match(
        r"model 5 on rotten_tomatoes: linear_probe 0\.\d+ \[.*\]; permuted labels reach 0\.\d+", now.inner_text()
    )
    assert "fine-tuned it reached" in now.inner_text()
    assert "(3 seeds, " in now.inner_text()
    page.locator(f"{ROOT} .plw-strips tr[data-row='minilm-l3']").first.hover()
    page.wait_for_function(
        "() => document.querySelector('.plw-scores .plw-now').innerText.startsWith('minilm-l3 on rotten')"
    )
    cell = page.locator(f"{ROOT} .plw-map td[data-row='model 4'][data-data='tweets <b>']")
    cell.click()
    wait_for(start, data="tweets <b>", selected="model 4")
    assert now.inner_text().startswith("model 4 on tweets <b>: linear_probe")
    assert "fine-tuned" not in now.inner_text(), "none is known there"
    assert_page_is_python(start)
    start.run(RESET)
    wait_for(start, data="rotten_tomatoes")
    canvas = page.locator(f"{ROOT} canvas").first
    canvas.scroll_into_view_if_needed()
    box, told = canvas.bounding_box(), set()
    for x in range(70, int(box["width"]) - 16, 14):
        for y in range(14, int(box["height"]) - 48, 28):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if page.locator(f"{ROOT} .plw-tip").first.is_visible():
                told.add(page.locator(f"{ROOT} .plw-tip").first.inner_text().split("\n")[0])
    assert len(told) >= 4
    assert told <= {"minilm-l6", "minilm-l3", "a rather long name of a model <b>", "model 4", "model 5", "model 6"}


def test_controls_and_pictures_have_names_and_both_themes_hold(start):
    root = start.page.locator(ROOT).first
    for label in ("Score", "Data set", "Order", "In words"):
        assert root.get_by_role("combobox", name=label, exact=True).count() == 1, label
    assert (
        root.get_by_role("img", name=re.compile("linear_probe against the accuracy that fine-tunes reached")).count()
        == 1
    )
    assert root.get_by_role("table", name="Models against data sets by the score that is chosen").count() == 1
    start.check_themes(ROOT, "scores")


def test_tasks_have_no_order_and_the_page_reopens_without_its_kernel(start):
    """Last in the module: the kernel and the page of the tests above end with it."""
    page = start.page
    start.run(OF_TASKS)
    tasks = page.locator(ROOT).nth(1)
    tasks.wait_for()
    start.settle()
    assert "Says nothing (no better than permuted labels) of wine." in tasks.locator(".plw-verdict").inner_text()
    assert tasks.locator("tr[data-row='wine'] .plw-strip-hole").count() == 1
    assert tasks.locator("tr[data-row='iris'] .plw-control").count() == 3, "of the same unit"
    tasks.locator("select.plw-method").select_option("logme")
    page.wait_for_function("() => document.querySelectorAll('.plw-scores')[1].dataset.shown.includes('logme')")
    assert "has no meaning across them" in tasks.locator(".plw-verdict").inner_text()
    assert tasks.locator("tr[data-row='iris'] .plw-control").count() == 0
    tasks.locator("select.plw-method").select_option("knn")
    for theme in ("Light", "Dark"):
        start.menu("Settings", "Theme", f"JupyterLab {theme}")
        page.wait_for_timeout(300)
        start.picture(f".jp-CodeCell >> nth={OF_TASKS} >> {ROOT}", f"scores_tasks_{theme.lower()}")
    assert start.complaints == [], "in all the tests above, too"
    start.reopen_without_kernel()
    page.locator(".predictlab-fallback").first.wait_for(state="visible")
    assert "linear_probe on rotten_tomatoes, 6 models." in page.locator(".predictlab-fallback").first.inner_text()
    assert page.locator(".jp-RenderedImage img").first.evaluate("image => image.naturalWidth") > 200
    assert start.left_the_machine == [], "in all the tests above, too"
