"""Evaluation rows in a real JupyterLab: PhaseDiagram's slider of them, and their part of RiskDecomposition's floor."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.ui

FITS = """
import numpy as np
import predictlab as pl
from predictlab.risk import variance_components
depths, fits = (8, 16, 32, 64, 128, 192), {}
for seed, (name, sd) in enumerate({"rows": 0.0, "runs": 0.05}.items()):
    rng = np.random.default_rng(seed)
    parts = [variance_components(rng.random((24, 200)) < 0.8 + sd * rng.standard_normal((24, 1))) for _ in depths]
    curve = pl.RiskCurve(depths, [p.spread for p in parts], 23, parts=parts, estimator="spread")
    fits[name] = pl.DecayModel(curve).fit()
from predictlab_widgets import PhaseDiagram
w = PhaseDiagram(fits, budget=100, tolerance=2e-4, confidence=0.8)
w
"""
REPORT = """
import json, pathlib
_ = pathlib.Path("state.json").write_text(json.dumps({"rows": w.rows, "regimes": w.regimes}))
"""
BACK = "w.rows = 1"
SPLIT = "from predictlab_widgets import RiskDecomposition\nr = RiskDecomposition(fits['rows'])\nr"
CELLS = [FITS, REPORT, BACK]


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("phase-rows", CELLS)
    opened.run(0)
    opened.page.locator(".plw tbody tr").first.wait_for()
    return opened


def wait_for_rows(page, rows):
    page.wait_for_function("r => Number(document.querySelector('.plw').dataset.rows) === r", arg=rows)
    page.locator(".plw:not(.plw-waiting)").wait_for()


def kernel_state(notebook):
    notebook.run(1)
    return json.loads((notebook.path.parent / "state.json").read_text())


def shown(page):
    return {
        row.locator(".plw-task").inner_text(): row.locator(".plw-word").inner_text()
        for row in page.locator(".plw tbody tr").all()
    }


def test_the_slider_moves_tasks_by_keyboard_and_the_kernel_agrees(notebook):
    page = notebook.page
    slider = page.locator("input.plw-rows")
    assert slider.get_attribute("aria-valuetext") == "as measured"
    notebook.picture(".plw", "phase-rows-measured")
    before = shown(page)
    slider.focus()
    page.keyboard.press("End")
    wait_for_rows(page, 1e9)
    assert slider.get_attribute("aria-valuetext") == "the population"
    state = kernel_state(notebook)
    assert state["rows"] == 1e9
    assert shown(page) == state["regimes"]
    assert shown(page) != before
    assert "rows" in page.locator(".plw-moved").inner_text()
    notebook.check_themes(".plw", "phase-rows-population")
    slider.focus()  # the menu of themes took it
    page.keyboard.press("Home")
    wait_for_rows(page, 0.25)
    assert shown(page) == kernel_state(notebook)["regimes"]
    notebook.picture(".plw", "phase-rows-quarter")
    notebook.run(2)
    wait_for_rows(page, 1)
    assert shown(page) == before


def test_the_floor_is_split_into_rows_and_runs(open_notebook):
    notebook = open_notebook("risk-rows", [FITS.rsplit("w\n", 1)[0], SPLIT])
    notebook.run(0)
    notebook.run(1)
    page = notebook.page
    words = page.locator(".plw-rows-share")
    words.wait_for()
    assert "this set of 200 rows: which run gets which row right" in words.inner_text()
    notebook.check_themes(".plw", "risk-rows")
    page.locator("input.plw-intrinsic-limit").focus()
    page.keyboard.press("PageUp")  # no longer the fit's law
    notebook.settle()
    assert not words.is_visible()
    page.locator(".plw-reset").click()
    notebook.settle()
    assert words.is_visible()
