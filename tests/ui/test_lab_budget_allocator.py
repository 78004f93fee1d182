"""BudgetAllocator in a real JupyterLab: what the page shows is what ``pl.allocate`` says, whoever moved."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ui

SETUP = """
import json, pathlib
import predictlab as pl
from predictlab_widgets import BudgetAllocator
depths = (8, 16, 32, 64, 128, 192)
laws = {"fast": (3e-5, 0.5, 2.0), "slow": (1e-5, 0.02, 0.8), "noisy": (6e-4, 0.02, 1.2), "flat": (4e-4, 0.0, 1.0)}
fits = {
    name: pl.DecayModel(
        pl.RiskCurve(depth=depths, risk=[limit + scale * c**-rate for c in depths], df=31, metric="accuracy")
    ).fit("gamma")
    for name, (limit, scale, rate) in laws.items()
}
"""
SHOW = """
w = BudgetAllocator(fits, total_budget=300)
heard = []
w.observe(lambda c: heard.append(c["new"]), "total_budget")
w
"""
REPORT = """
bounds = {name: (w.locked.get(name, 8.0), w.locked.get(name, float("inf"))) for name in fits}
table = pl.allocate(fits, w.total_budget, weights=w.weights, bounds=bounds)
point = pl.frontier(fits, [w.total_budget], weights=w.weights, bounds=bounds).iloc[0]
said = dict(
    budget=w.total_budget, weights=w.weights, locked=w.locked, heard=len(heard), plan=w.plan_text,
    table=table.to_dict("list"), risk=point["risk"], multiplier=point["multiplier"],
    mine=[w.depths, w.risk, w.multiplier],
)
_ = pathlib.Path("budget.json").write_text(json.dumps(said))
"""
BACK = "w.locked = {}\nw.weights = {}\nw.total_budget = 300\nheard.clear()"
MOVE = "w.total_budget = 1234.5\nw.lock('slow', 99)\nw.weights = {'noisy': 3}"
BUSY = """
import time
while not pathlib.Path("budget-go").exists():
    time.sleep(0.05)
"""
CELLS = [SETUP, SHOW, REPORT, BACK, MOVE, BUSY]
STATE, RESET, SET, WAIT = 2, 3, 4, 5
TASKS = ["fast", "slow", "noisy", "flat"]


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("budget", CELLS)
    opened.run(0)
    opened.run(1)
    opened.page.locator(".plw-budget-allocator[data-paints]").wait_for()
    return opened


@pytest.fixture
def start(notebook):
    """Budget, weights and locks as at first, whatever the test before left."""
    notebook.run(RESET)
    notebook.page.wait_for_function("() => document.querySelector('.plw-now')?.dataset.budget === '300'")
    settle(notebook)
    return notebook


def settle(notebook):
    """Until the kernel has answered where the controls stand."""
    notebook.page.locator(".plw-budget-allocator:not(.plw-unsettled)").wait_for()
    notebook.settle()


def said(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "budget.json").read_text())


def row(page, task):
    return page.locator(f'.plw-budget-allocator tr[data-task="{task}"]')


def shown(page, task, column):
    return [float(v) for v in row(page, task).locator(f"td.plw-{column}").get_attribute("data-value").split(",")]


def assert_page_is_python(notebook):
    settle(notebook)
    state, page = said(notebook), notebook.page
    table = state["table"]
    assert state["mine"][0] == pytest.approx(dict(zip(TASKS, table["depth"], strict=True)))
    assert state["mine"][1:] == pytest.approx([state["risk"], state["multiplier"]])
    now = page.locator(".plw-now")
    for name, value in (("budget", state["budget"]), ("risk", state["risk"]), ("multiplier", state["multiplier"])):
        assert float(now.get_attribute(f"data-{name}")) == pytest.approx(value, rel=1e-9), name
    for i, task in enumerate(TASKS):
        for column, key in (("depth", "depth"), ("risk", "risk"), ("cost", "cost"), ("worth", "marginal")):
            assert shown(page, task, column) == pytest.approx([table[key][i]], rel=1e-9), (task, column)
        assert shown(page, task, "interval") == pytest.approx([table["depth_lower"][i], table["depth_upper"][i]])
        assert row(page, task).get_by_role("checkbox").is_checked() == (task in state["locked"])
        assert float(row(page, task).get_by_role("spinbutton").input_value()) == state["weights"][task]
    return state


def test_dragging_the_budget_shows_what_python_says(start):
    seen = []
    for to in (0.1, 0.5, 0.95):
        start.drag(".plw-budget", to)
        seen.append(assert_page_is_python(start)["budget"])
    assert seen == sorted(seen)
    assert seen[-1] > 20 * seen[0]
    start.picture(".plw-budget-allocator", "budget_dragged")


def test_a_drag_needs_no_kernel_and_only_its_end_is_worked_out(start):
    page = start.page
    cell = start.start(WAIT)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    first = shown(page, "slow", "depth")[0]
    seen = []
    for to in (0.3, 0.5, 0.7, 0.9):
        start.drag(".plw-budget", to)
        page.wait_for_timeout(150)
        start.settle()
        seen.append(shown(page, "slow", "depth")[0])
    assert seen == sorted(seen)
    assert seen[-1] > 4 * first
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:", "the kernel was busy all the while"
    assert page.locator(".plw-budget-allocator.plw-unsettled").count() == 1, "old intervals are not taken for new ones"
    (start.path.parent / "budget-go").touch()
    state = assert_page_is_python(start)
    assert shown(page, "slow", "depth")[0] == seen[-1]
    assert state["heard"] <= 2, "positions that had been left were not worked out"


def test_lock_and_weight(start):
    page = start.page
    before = shown(page, "slow", "depth")[0]
    row(page, "slow").get_by_role("checkbox").check()
    state = assert_page_is_python(start)
    assert state["locked"] == {"slow": pytest.approx(before)}
    assert row(page, "slow").locator(".plw-lock-word").inner_text() == "locked"
    start.drag(".plw-budget", 0.7)
    state = assert_page_is_python(start)
    assert shown(page, "slow", "depth") == [pytest.approx(before)]
    assert state["budget"] > 1000
    weight = row(page, "noisy").get_by_role("spinbutton")
    noisy = shown(page, "noisy", "depth")[0]
    weight.fill("7.5")
    weight.press("Enter")
    state = assert_page_is_python(start)
    assert state["weights"]["noisy"] == 7.5
    assert shown(page, "noisy", "depth")[0] > noisy
    start.picture(".plw-budget-allocator", "budget_locked")
    weight.fill("-1")
    weight.press("Enter")
    assert "a number > 0" in page.locator(".plw-budget-allocator .plw-error").inner_text()
    assert weight.input_value() == "7.5"
    row(page, "slow").get_by_role("checkbox").uncheck()
    assert assert_page_is_python(start)["locked"] == {}


def test_the_slider_ends_where_the_locks_are_just_paid(start):
    page = start.page
    row(page, "fast").get_by_role("checkbox").check()
    settle(start)
    locked = said(start)["locked"]["fast"]
    page.locator(".plw-budget").focus()
    page.keyboard.press("Home")
    state = assert_page_is_python(start)
    assert state["budget"] == pytest.approx(locked + 3 * 8)
    assert [shown(page, task, "depth")[0] for task in ("slow", "noisy", "flat")] == [8, 8, 8]


def test_keyboard(start):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for the keys."""
    page = start.page
    page.locator(".plw-budget").focus()
    for key, sign in (("ArrowRight", 1), ("PageUp", 1), ("ArrowLeft", -1), ("Home", -1), ("End", 1), ("PageDown", -1)):
        before = page.locator(".plw-budget").evaluate("s => Number(s.value)")
        page.keyboard.press(key)
        start.settle()
        assert (page.locator(".plw-budget").evaluate("s => Number(s.value)") - before) * sign > 0, key
        assert page.evaluate("document.activeElement.className") == "plw-budget"
    assert_page_is_python(start)
    row(page, "fast").get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Weight of fast"
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    state = assert_page_is_python(start)
    assert list(state["locked"]) == ["fast"]
    assert state["weights"]["fast"] == 2


def test_python_moves_the_page(start):
    page = start.page
    start.run(SET)
    page.wait_for_function("() => document.querySelector('.plw-now').dataset.budget === '1234.5'")
    state = assert_page_is_python(start)
    assert state["locked"] == {"slow": 99}
    assert "1 of 4 locked" in page.locator(".plw-now").inner_text()


def test_the_plan_is_copied(start):
    page = start.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    start.drag(".plw-budget", 0.8)
    page.get_by_role("button", name="Copy as ProbePlan").click()
    page.get_by_text("Copied: the plan of 4 tasks.").first.wait_for()
    state = said(start)
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == state["plan"]
    scope: dict = {}
    exec(text, scope)
    assert scope["plans"]["slow"].depths[-1] == int(state["table"]["depth"][1])
    page.locator(".plw-budget-allocator summary").click()
    assert page.get_by_role("region", name="The plan as Python source").inner_text().strip() == text
    start.picture(".plw-budget-allocator", "budget_plan")
    page.locator(".plw-budget-allocator summary").click()


def test_controls_and_pictures_have_names_for_screen_readers(start):
    page = start.page
    group = page.get_by_role("group", name="Budget allocator")
    assert group.get_by_role("slider", name="Budget B").count() == 1
    for task in TASKS:
        assert group.get_by_role("checkbox", name=f"Lock {task} at its depth").count() == 1
        assert group.get_by_role("spinbutton", name=f"Weight of {task}").count() == 1
    for name in ("Efficiency frontier", "Worth of the next unit"):
        label = group.get_by_role("img", name=re.compile(name)).get_attribute("aria-label")
        assert "B = 300: weighted risk" in label
    assert group.get_by_role("rowheader").count() == 4
    page.wait_for_function(
        "() => document.querySelector('.plw-budget-allocator .plw-said').innerText.includes('B = 300')"
    )


def test_dark_theme_and_narrow_page(start):
    start.check_themes(".plw-budget-allocator", "budget")


def test_many_tasks_have_pages(open_notebook):
    crowd = "many = BudgetAllocator({f'task {i}': fits['slow' if i % 2 else 'fast'] for i in range(200)})\nmany"
    opened = open_notebook("budget-many", [SETUP, crowd])
    opened.run(0)
    opened.run(1)
    page = opened.page
    settle(opened)
    assert page.locator(".plw-budget-allocator tbody tr").count() == 15
    page.get_by_role("button", name="Next").click()
    opened.settle()
    assert page.get_by_text("Tasks 16 to 30 of 200").is_visible()
    assert shown(page, "task 16", "depth")[0] > 8
    opened.drag(".plw-budget", 0.9)
    settle(opened)
    total = float(page.locator(".plw-now").get_attribute("data-cost"))
    assert total == pytest.approx(float(page.locator(".plw-now").get_attribute("data-budget")))
    opened.picture(".plw-budget-allocator", "budget_many")
    assert opened.complaints == []


def test_after_a_kernel_restart_and_reopened_without_its_kernel(open_notebook):
    opened = open_notebook("budget-restarted", [SETUP, "v = BudgetAllocator(fits, total_budget=300)\nv"])
    opened.run(0)
    opened.run(1)
    page = opened.page
    settle(opened)
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    assert page.locator(".jp-RenderedImage:visible").count() == 0
    opened.restart_kernel()
    before = shown(page, "slow", "depth")[0]
    opened.drag(".plw-budget", 0.8)
    opened.settle()
    assert shown(page, "slow", "depth")[0] > 2 * before, "depths need no kernel"
    page.locator(".plw-error", has_text="Run the cell again").wait_for()
    opened.picture(".plw-budget-allocator", "budget_restarted")
    assert opened.complaints == []
    opened.reopen_without_kernel()
    page.locator(".predictlab-fallback").wait_for(state="visible")
    text = page.locator(".predictlab-fallback").inner_text()
    assert "B = 300 over 4 tasks" in text
    assert "no decay: more depth buys nothing" in text
    assert page.locator(".jp-RenderedImage img").evaluate("image => image.naturalWidth") > 500
    opened.picture(".jp-OutputArea:has(.predictlab-fallback)", "budget_reopened")
    assert opened.path.stat().st_size < 200_000
    assert opened.left_the_machine == []


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
