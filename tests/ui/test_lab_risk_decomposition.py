"""RiskDecomposition in a real JupyterLab: what the page shows is what ``predictlab.budget`` says, whoever moved."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import predictlab as pl
from predictlab.budget import best_depth, crossing_depth

pytestmark = pytest.mark.ui

START = {
    "intrinsic_limit": 1e-4, "scale": 0.01, "decay_rate": 1.0,
    "exchange_rate": 1e-6, "cost_per_step": 1.0, "fixed_cost": 0.0, "tolerance": 3e-4,
}  # fmt: skip
SHOW = "from predictlab_widgets import RiskDecomposition\nw = RiskDecomposition()\nw"
REPORT = f"""
import json, pathlib
names = {[*START, "optimal_depth", "risk", "cost", "total", "tolerance_depth", "probing_pays"]}
_ = pathlib.Path("risk.json").write_text(json.dumps({{name: getattr(w, name) for name in names}}))
"""
BACK = f"for name, value in {START}.items():\n    setattr(w, name, value)"
MOVE_CELL = "w.scale, w.decay_rate, w.fixed_cost = 0.0234, 1.37, 50"
BUSY = """
import time
while not pathlib.Path("risk-go").exists():
    time.sleep(0.05)
"""
FIT = """
import predictlab as pl
depths = [32, 64, 128, 192]
curve = pl.RiskCurve(depth=depths, risk=[s * s for s in (0.031, 0.022, 0.012, 0.008)], df=15, task="verbs")
fit = pl.DecayModel(curve).fit("gamma")
v = RiskDecomposition(fit)
v
"""
CELLS = [SHOW, REPORT, BACK, MOVE_CELL, BUSY]
STATE, RESET, MOVE, WAIT = 1, 2, 3, 4


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("risk", CELLS)
    opened.run(0)
    opened.page.locator(".plw-risk[data-paints]").wait_for()
    return opened


@pytest.fixture
def start(notebook):
    """All numbers as at first, whatever the test before left."""
    notebook.run(RESET)
    notebook.page.wait_for_function(
        "() => document.querySelector('.plw-fixed-cost-value').innerText === '0'"
        " && document.querySelector('.plw-verdict').innerText.includes('c* = 100 steps')"
    )
    return notebook


def kernel_state(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "risk.json").read_text())


def shown(page, row):
    """Column -> number of a row of the table, to the last digit."""
    cells = page.locator(f".plw-risk .plw-row-{row} td").all()
    return {
        cell.get_attribute("class").removeprefix("plw-cell-"): float(cell.get_attribute("data-value")) for cell in cells
    }


def expected(numbers, depth):
    risk = numbers["intrinsic_limit"] + numbers["scale"] * depth ** -numbers["decay_rate"]
    cost = numbers["fixed_cost"] + numbers["cost_per_step"] * depth
    price = numbers["exchange_rate"] * cost
    return {
        "depth": depth, "floor": numbers["intrinsic_limit"], "reducible": risk - numbers["intrinsic_limit"],
        "risk": risk, "cost": cost, "price": price, "total": risk + price,
    }  # fmt: skip


def assert_page_is_python(page, numbers):
    best = float(
        best_depth(
            numbers["scale"], numbers["decay_rate"], numbers["exchange_rate"] * numbers["cost_per_step"]
        )
    )  # fmt: skip
    reach = float(crossing_depth(*(numbers[n] for n in ("intrinsic_limit", "scale", "decay_rate", "tolerance"))))
    assert shown(page, "optimal") == pytest.approx(expected(numbers, best), rel=1e-9)
    if np.isfinite(reach):
        assert shown(page, "reachable") == pytest.approx(expected(numbers, reach), rel=1e-9)
    else:
        assert page.locator(".plw-row-reachable .plw-cell-depth").inner_text() == "never"
    without = shown(page, "without")
    assert without["total"] == without["risk"] == pytest.approx(expected(numbers, 1.0)["risk"], rel=1e-9)


@pytest.mark.parametrize("name", list(START))
def test_dragging_a_slider_shows_what_python_says(start, name):
    page = start.page
    seen = []
    for to in (0.1, 0.55, 0.9):
        start.drag(f".plw-{name.replace('_', '-')}", to)
        start.settle()
        state = kernel_state(start)
        assert_page_is_python(page, state)
        assert shown(page, "optimal")["total"] == pytest.approx(state["total"], rel=1e-12)
        assert shown(page, "optimal")["depth"] == pytest.approx(state["optimal_depth"], rel=1e-12)
        verdict = "probing pays" if state["probing_pays"] else "probing does not pay"
        assert verdict in page.locator(".plw-verdict").inner_text()
        assert {n: v for n, v in state.items() if n in START and n != name} == {
            n: v for n, v in START.items() if n != name
        }
        seen.append(state[name])
    assert seen == sorted(seen)
    assert seen[-1] > 4 * seen[0], "the slider moved the number"
    start.picture(".plw-risk", f"risk_drag_{name}")


def test_a_drag_needs_no_kernel(start):
    page = start.page
    kernel_state(start)
    cell = start.start(WAIT)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    start.drag(".plw-exchange-rate", 0.3)
    start.settle()
    first = shown(page, "optimal")
    start.drag(".plw-scale", 0.8)
    start.settle()
    second = shown(page, "optimal")
    assert second["depth"] > 2 * first["depth"] > 200
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:", "the kernel was busy all the while"
    (start.path.parent / "risk-go").touch()
    for _ in range(20):  # ipywidgets sends the last position only when the kernel has answered the one before
        state = kernel_state(start)
        if state["optimal_depth"] == pytest.approx(second["depth"], rel=1e-12):
            break
    assert_page_is_python(page, state)
    assert second["depth"] == pytest.approx(state["optimal_depth"], rel=1e-12)


def test_keyboard_moves_the_numbers(start):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for the arrow keys."""
    page = start.page
    page.locator(".plw-decay-rate").focus()
    for key, sign in (("ArrowRight", 1), ("PageUp", 1), ("ArrowLeft", -1), ("Home", -1), ("End", 1), ("PageDown", -1)):
        before = page.locator(".plw-decay-rate").evaluate("s => Number(s.value)")
        page.keyboard.press(key)
        start.settle()
        assert (page.locator(".plw-decay-rate").evaluate("s => Number(s.value)") - before) * sign > 0, key
        assert page.evaluate("document.activeElement.className") == "plw-decay-rate"
        said = page.locator(".plw-decay-rate").get_attribute("aria-valuetext")
        assert said.startswith(page.locator(".plw-decay-rate-value").inner_text())
        assert page.locator(".plw-row-optimal .plw-cell-depth").inner_text() in said, "the slider says what it moved"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "plw-exchange-rate"
    assert_page_is_python(page, kernel_state(start))


def test_zero_is_a_place_of_its_own(start):
    page = start.page
    for name in ("scale", "intrinsic-limit"):
        page.locator(f".plw-{name}").focus()
        page.keyboard.press("Home")
    start.settle()
    state = kernel_state(start)
    assert (state["scale"], state["intrinsic_limit"], state["optimal_depth"]) == (0, 0, 0)
    assert "Nothing decays" in page.locator(".plw-verdict").inner_text()
    assert shown(page, "optimal")["total"] == state["total"] == 0
    start.picture(".plw-risk", "risk_zero")


def test_python_moves_the_page(start):
    page = start.page
    start.run(MOVE)
    page.wait_for_function("() => document.querySelector('.plw-fixed-cost-value').innerText === '50'")
    assert_page_is_python(page, kernel_state(start))
    assert page.locator(".plw-scale-value").inner_text() == "0.0234"


def test_reset_button(start):
    page = start.page
    start.drag(".plw-exchange-rate", 0.9)
    start.drag(".plw-tolerance", 0.2)
    assert kernel_state(start)["tolerance"] < 1e-4
    page.get_by_role("button", name="Back to the start").click()
    state = kernel_state(start)
    assert {name: state[name] for name in START} == START
    assert_page_is_python(page, START)


def test_hovering_tells_the_numbers_at_a_depth(start):
    page = start.page
    box = page.locator(".plw-risk canvas").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2)
    lines = dict(line.rsplit(" ", 1) for line in page.locator(".plw-tip").inner_text().split("\n")[1:])
    depth = float(page.locator(".plw-tip").inner_text().split()[1])
    there = expected(START, depth)
    read = {key: float(value.replace("−", "-")) for key, value in lines.items()}
    assert read["total"] == pytest.approx(there["total"], rel=0.02)
    assert read["risk L"] == pytest.approx(there["risk"], rel=0.02)
    start.picture(".plw-risk", "risk_hover")
    page.mouse.move(0, 0)
    assert not page.locator(".plw-tip").is_visible()


def test_controls_and_pictures_have_names_for_screen_readers(start):
    page = start.page
    for label in ("Floor L_int", "Scale K", "Decay rate α", "Exchange rate γ", "Cost per step λ", "Tolerance τ"):
        assert page.get_by_role("slider", name=label).count() == 1, label
    assert page.get_by_role("group", name="Risk decomposition").count() == 1
    picture = page.get_by_role("img", name=re.compile("Total cost"))
    assert "c* = 100 steps: total 3e−4" in picture.get_attribute("aria-label")
    assert page.locator(".plw-risk").get_by_role("rowheader").count() == 3
    page.wait_for_function("() => document.querySelector('.plw-said').innerText.includes('c* = 100 steps')")


def test_dark_theme_and_narrow_page(start):
    start.check_themes(".plw-risk", "risk")


def test_a_fit_shows_its_intervals_until_the_law_is_moved(open_notebook):
    opened = open_notebook("risk-fit", [SHOW, FIT])
    opened.run(0)
    opened.run(1)
    page = opened.page
    root = page.get_by_role("group", name="Risk decomposition of verbs")
    root.wait_for()
    opened.settle()
    scope: dict = {}
    exec(FIT.split("v = ")[0], scope)
    fit = scope["fit"]
    gamma = float(re.sub("−", "-", root.locator(".plw-exchange-rate-value").inner_text()))
    there = [root.locator(f".plw-row-{row} .plw-cell-depth") for row in ("optimal", "reachable")]
    intervals = [[float(v) for v in cell.get_attribute("data-interval").split(",")] for cell in there]
    best = pl.optimal_depth(fit, exchange_rate=gamma)
    tolerance = float(root.locator(".plw-tolerance-value").inner_text().split()[0].replace("−", "-"))
    reach = pl.depth_for_tolerance(fit, tolerance)
    assert intervals[0] == pytest.approx(best.conf_int().loc["depth"].tolist(), rel=1e-9)
    assert intervals[1] == pytest.approx(reach.conf_int().loc["depth"].tolist(), rel=1e-9)
    assert float(there[0].get_attribute("data-value")) == pytest.approx(best.depth, rel=1e-9)
    assert float(there[1].get_attribute("data-value")) == pytest.approx(reach.depth, rel=1e-9)
    opened.picture('.plw-risk[aria-label$="verbs"]', "risk_fit")
    root.locator(".plw-scale").focus()
    page.keyboard.press("PageUp")
    opened.settle()
    assert there[0].get_attribute("data-interval") == "", "the law is not the fit's any more"
    root.get_by_role("button", name="Back to the fit").click()
    opened.settle()
    again = [float(v) for v in there[0].get_attribute("data-interval").split(",")]
    assert again == pytest.approx(best.conf_int().loc["depth"].tolist(), rel=1e-9)
    assert opened.left_the_machine == []
    assert opened.complaints == []


def test_after_a_kernel_restart_and_reopened_without_its_kernel(open_notebook):
    opened = open_notebook("risk-restarted", [SHOW])
    opened.run(0)
    page = opened.page
    page.locator(".plw-risk[data-paints]").wait_for()
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    assert page.locator(".jp-RenderedImage:visible").count() == 0
    opened.restart_kernel()
    opened.drag(".plw-exchange-rate", 0.25)
    opened.settle()
    there = shown(page, "optimal")
    gamma = float(page.locator(".plw-exchange-rate-value").inner_text().replace("−", "-"))
    assert there["depth"] == pytest.approx(float(best_depth(0.01, 1.0, gamma)), rel=0.01)
    assert there["depth"] > 200
    assert opened.complaints == []
    opened.reopen_without_kernel()
    page.locator(".predictlab-fallback").wait_for(state="visible")
    text = page.locator(".predictlab-fallback").inner_text()
    assert "γ = 1e-06" in text
    assert "probing pays" in text
    assert page.locator(".jp-RenderedImage img").evaluate("image => image.naturalWidth") > 500
    opened.picture(".jp-OutputArea:has(.predictlab-fallback)", "risk_reopened")
    assert opened.path.stat().st_size < 150_000
    assert opened.left_the_machine == []


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
