"""NoiseExplorer in a real JupyterLab: what the page shows at each tick is what ``pl.compare_design`` says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import predictlab as pl

pytestmark = pytest.mark.ui

NUMBERS = ("seeds", "rows", "difference", "run_sd", "interaction")
START = {"seeds": 5, "rows": 2000.0, "difference": 0.0088, "run_sd": 0.002, "interaction": 0.03}
SHOW = f"from predictlab_widgets import NoiseExplorer\nw = NoiseExplorer(**{START})\nw"
REPORT = f"""
import json, pathlib
names = {[*NUMBERS, "smallest", "chance", "seeds_needed", "rows_needed", "rows_share"]}
_ = pathlib.Path("noise.json").write_text(json.dumps({{name: getattr(w, name) for name in names}}))
"""
BACK = f"for name, value in {START}.items():\n    setattr(w, name, value)"
MOVE_CELL = "w.seeds, w.rows = 12, 777"
BUSY = """
import time
while not pathlib.Path("noise-go").exists():
    time.sleep(0.05)
"""
COMPARED = """
import numpy as np
import predictlab as pl
rng = np.random.default_rng(0)
level = rng.normal(1, 1.5, 800)
def runs(shift):
    p = 1 / (1 + np.exp(-(level + shift + 0.1 * rng.standard_normal((4, 1)))))
    return (rng.random((4, 800)) < p).astype(int)
v = NoiseExplorer(pl.compare(runs(0.25), runs(0.0)))
v
"""
OF_RUNS = "u = NoiseExplorer(pl.noise(runs(0.0)))\nu"
CELLS = [SHOW, REPORT, BACK, MOVE_CELL, BUSY, COMPARED, OF_RUNS]
STATE, RESET, MOVE, WAIT, COMPARISON, NOISE = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("noise", CELLS)
    opened.run(0)
    opened.page.locator(".plw-noise[data-paints]").wait_for()
    return opened


@pytest.fixture
def start(notebook):
    """All numbers as at first, whatever the test before left."""
    notebook.run(RESET)
    notebook.page.wait_for_function(
        "() => document.querySelector('.plw-noise .plw-verdict').innerText.startsWith('5 runs of each on 2000 rows')"
        " && document.querySelector('.plw-difference-value').innerText === '0.0088'"
    )
    return notebook


def kernel_state(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "noise.json").read_text())


def shown(page):
    """Quantity -> number, to the last digit."""
    cells = page.locator(".plw-noise").first.locator("td").all()
    values = {c.get_attribute("class").removeprefix("plw-cell-"): c.get_attribute("data-value") for c in cells}
    return {name: float(value) for name, value in values.items()}


def assert_page_is_python(page, state):
    there = shown(page)
    assert there["smallest"] == pytest.approx(state["smallest"], rel=1e-5)
    assert there["power"] == pytest.approx(state["chance"], rel=1e-5, abs=1e-9)
    assert there["seeds"] == state["seeds_needed"]
    assert there["rows"] == pytest.approx(state["rows_needed"], rel=1e-3)
    assert there["share"] == pytest.approx(state["rows_share"])


@pytest.mark.parametrize("name", NUMBERS)
def test_dragging_a_slider_shows_what_python_says(start, name):
    page, seen = start.page, []
    for to in (0.15, 0.5, 0.85):
        start.drag(f".plw-{name.replace('_', '-')}", to)
        start.settle()
        state = kernel_state(start)
        for _ in range(20):  # on a busy machine the last step of the drag may come after the cell
            if shown(page)["smallest"] == pytest.approx(state["smallest"], rel=1e-5):
                break
            state = kernel_state(start)
        assert_page_is_python(page, state)
        design = pl.compare_design(**{n: state[n] for n in ("run_sd", "interaction", "rows", "seeds")})
        assert shown(page)["smallest"] == pytest.approx(design.difference, rel=1e-5)
        assert {n: state[n] for n in NUMBERS if n != name} == {n: START[n] for n in NUMBERS if n != name}
        seen.append(state[name])
    assert seen == sorted(seen)
    assert seen[-1] > 3 * seen[0], "the slider moved the number"
    start.picture(".plw-noise", f"noise_drag_{name}")


def test_a_drag_needs_no_kernel(start):
    page = start.page
    kernel_state(start)
    cell = start.start(WAIT)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    start.drag(".plw-rows", 0.9)
    start.drag(".plw-seeds", 0.5)
    start.settle()
    there = shown(page)
    assert there["smallest"] < 0.5 * START["difference"]
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:", "the kernel was busy all the while"
    (start.path.parent / "noise-go").touch()
    for _ in range(20):  # the last position is sent only when the kernel has answered the one before
        state = kernel_state(start)
        if state["smallest"] == pytest.approx(there["smallest"], rel=1e-5):
            break
    assert_page_is_python(page, state)


def test_one_run_each_says_never(start):
    page = start.page
    page.locator(".plw-seeds").focus()
    page.keyboard.press("Home")
    start.settle()
    assert "no difference of recipes can be shown, whatever the rows" in page.locator(".plw-verdict").first.inner_text()
    assert page.locator(".plw-cell-smallest").first.inner_text() == "never"
    assert kernel_state(start)["smallest"] == np.inf
    start.picture(".plw-noise", "noise_one_run")


def test_keyboard_moves_the_numbers(start):
    page = start.page
    page.locator(".plw-rows").focus()
    for key, sign in (("ArrowRight", 1), ("PageUp", 1), ("ArrowLeft", -1), ("Home", -1), ("End", 1)):
        before = page.locator(".plw-rows").evaluate("s => Number(s.value)")
        page.keyboard.press(key)
        start.settle()
        assert (page.locator(".plw-rows").evaluate("s => Number(s.value)") - before) * sign > 0, key
        said = page.locator(".plw-rows").get_attribute("aria-valuetext")
        assert page.locator(".plw-cell-smallest").first.inner_text() in said, "the slider says what it moved"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "plw-difference"
    assert_page_is_python(page, kernel_state(start))


def test_python_moves_the_page_and_the_button_takes_it_back(start):
    page = start.page
    start.run(MOVE)
    page.wait_for_function("() => document.querySelector('.plw-rows-value').innerText === '777'")
    assert_page_is_python(page, kernel_state(start))
    page.get_by_role("button", name="Back to the start").first.click()
    state = kernel_state(start)
    assert {name: state[name] for name in START} == START


def test_controls_and_pictures_have_names_for_screen_readers(start):
    page = start.page
    for label in ("Runs of each S", "Evaluation rows n", "Difference", "Runs σ_run", "Rows σ_int²"):
        assert page.get_by_role("slider", name=label, exact=True).count() == 1, label
    assert page.get_by_role("group", name="Noise explorer").count() == 1
    picture = page.get_by_role("img", name=re.compile("What it takes"))
    assert "5 runs of each on 2000 rows see a difference of 0.00882" in picture.get_attribute("aria-label")


def test_dark_theme_and_narrow_page(start):
    start.check_themes(".plw-noise", "noise")


def test_of_runs_the_band_and_of_a_comparison_the_observed_difference(start):
    page = start.page
    start.run(COMPARISON)
    start.run(NOISE)
    compared = page.get_by_role("group", name="Noise explorer of a against b")
    of_runs = page.get_by_role("group", name="Noise explorer of task")
    compared.wait_for()
    of_runs.wait_for()
    start.settle()
    interval = of_runs.locator(".plw-cell-smallest").get_attribute("data-interval")
    low, high = (float(v) for v in interval.split(","))
    assert low <= float(of_runs.locator(".plw-cell-smallest").get_attribute("data-value")) <= high
    of_runs.locator(".plw-run-sd").focus()
    page.keyboard.press("PageUp")
    start.settle()
    assert of_runs.locator(".plw-cell-smallest").get_attribute("data-interval") == "", "no longer that of the runs"
    page.keyboard.press("PageDown")
    start.settle()
    start.picture('.plw-noise[aria-label$="against b"]', "noise_compared")
    start.picture('.plw-noise[aria-label$="of task"]', "noise_of_runs")


def test_reopened_without_its_kernel(open_notebook):
    opened = open_notebook("noise-reopened", [SHOW])
    opened.run(0)
    page = opened.page
    page.locator(".plw-noise[data-paints]").wait_for()
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    opened.reopen_without_kernel()
    page.locator(".predictlab-fallback").wait_for(state="visible")
    assert "5 runs of each on 2,000 rows" in page.locator(".predictlab-fallback").inner_text()
    assert opened.left_the_machine == []


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
