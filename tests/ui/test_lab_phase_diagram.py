"""PhaseDiagram in a real JupyterLab: what the page shows is what ``pl.classify`` says, whoever moved the budget."""

from __future__ import annotations

import json
import re

import pytest

import predictlab as pl

pytestmark = pytest.mark.ui

# Squared standard deviations over 16 seeds of real fine-tunes, from the peak on, and two exact laws.
FITS = """
import predictlab as pl
numbers = {
    "reviews": ([16, 32, 64, 128, 192], [0.052, 0.010, 0.008, 0.006, 0.005], 15),
    "newsgroups": ([32, 64, 128, 192], [0.032, 0.031, 0.014, 0.008], 15),
    "verbs": ([32, 64, 128, 192], [0.031, 0.022, 0.012, 0.008], 15),
    "slow": ([8, 16, 32, 64, 128, 192], [(1e-5 + 0.02 * c**-0.8) ** 0.5 for c in (8, 16, 32, 64, 128, 192)], 63),
    "noisy": ([8, 16, 32, 64, 128, 192], [(6e-4 + 0.004 * c**-1.0) ** 0.5 for c in (8, 16, 32, 64, 128, 192)], 63),
}
fits = {
    name: pl.DecayModel(pl.RiskCurve(depth=depth, risk=[s * s for s in spread], df=df)).fit()
    for name, (depth, spread, df) in numbers.items()
}
"""
SHOW = "from predictlab_widgets import PhaseDiagram\nw = PhaseDiagram(fits, budget=100, tolerance=2e-4)\nw"
REPORT = """
import json, pathlib
state = {"budget": w.budget, "tolerance": w.tolerance, "selected": w.selected, "regimes": w.regimes}
_ = pathlib.Path("state.json").write_text(json.dumps(state))
"""
BUSY = """
import time
while not pathlib.Path("go").exists():
    time.sleep(0.05)
"""
CELLS = [FITS, SHOW, "w.budget, w.selected = 1234.5, 'slow'", REPORT, "w.budget, w.tolerance = 100, 2e-4", BUSY]
MOVE, STATE, BACK, WAIT = 2, 3, 4, 5


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("phase", CELLS)
    opened.run(0)
    opened.run(1)
    opened.page.locator(".plw tbody tr").first.wait_for()
    return opened


@pytest.fixture(scope="module")
def fits():
    scope: dict = {}
    exec(FITS, scope)
    return scope["fits"]


@pytest.fixture
def start(notebook):
    """Budget and tolerance as at first, whatever the test before left."""
    notebook.run(BACK)
    wait_for_budget(notebook.page, 100)
    notebook.page.locator(".plw:not(.plw-waiting)").wait_for()
    return notebook


def shown(page):
    """Task -> regime as the table's words say it."""
    return {
        row.locator(".plw-task").inner_text(): row.locator(".plw-word").inner_text()
        for row in page.locator(".plw tbody tr").all()
    }


def assert_probabilities(page, fits, budget, tolerance):
    """The three probabilities in the table are those of classify, to the digits shown."""
    rows = page.locator(".plw tbody tr").all()
    there = [[float(cell) for cell in row.locator("td").all_inner_texts()[1:4]] for row in rows]
    table = pl.classify(fits, tolerance=tolerance, budget=budget)
    expected = table[list(pl.phase.PROBABILITY_COLUMNS)].to_numpy()
    assert there == pytest.approx(expected, abs=5.1e-4)


def wait_for_budget(page, budget):
    page.wait_for_function("b => Number(document.querySelector('.plw').dataset.budget) === b", arg=budget)


def kernel_state(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "state.json").read_text())


def classified(fits, budget, tolerance):
    table = pl.classify(fits, tolerance=tolerance, budget=budget)
    return dict(zip(table["task"], table["regime"], strict=True))


def test_dragging_the_budget_shows_what_classify_says(start, fits):
    page = start.page
    seen = []
    for to in (0.05, 0.35, 0.6, 0.95):
        start.drag(".plw-budget", to)
        start.settle()
        there = shown(page)
        state = kernel_state(start)
        assert there == state["regimes"] == classified(fits, state["budget"], state["tolerance"])
        seen.append((state["budget"], there))
    budgets = [budget for budget, _ in seen]
    assert budgets == sorted(budgets)
    assert budgets[-1] > 20 * budgets[0], "the slider moved the budget"
    assert seen[0][1] != seen[-1][1], "some task crossed"


def test_a_drag_needs_no_kernel(start, fits):
    """The page follows the slider while the kernel is busy, and shows the right regimes then too."""
    page = start.page
    kernel_state(start)
    cell = start.start(WAIT)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    start.drag(".plw-budget", 0.2)
    seen = []
    for key, times in (("ArrowRight", 1), ("PageUp", 2), ("ArrowRight", 3), ("PageUp", 1), ("ArrowLeft", 2)):
        for _ in range(times):
            page.keyboard.press(key)
        start.settle()
        budget = page.locator(".plw").evaluate("node => Number(node.dataset.budget)")
        assert shown(page) == classified(fits, budget, 2e-4)
        assert_probabilities(page, fits, budget, 2e-4)
        assert not page.locator(".plw").evaluate("node => node.classList.contains('plw-waiting')")
        seen.append(budget)
    assert len(set(seen)) == 5
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:", "the kernel was busy all the while"
    (start.path.parent / "go").touch()
    for _ in range(20):  # ipywidgets sends the last position only when the kernel has answered the one before
        if (state := kernel_state(start))["budget"] == budget:
            break
    assert state["budget"] == budget


def test_keyboard_moves_the_budget(start, fits):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for the arrow keys."""
    page = start.page
    page.locator(".plw-budget").focus()
    moves = [("ArrowRight", 5, 1), ("PageUp", 2, 1), ("ArrowLeft", 3, -1), ("ArrowUp", 2, 1), ("ArrowDown", 1, -1)]
    for key, times, sign in [*moves, ("End", 1, 1), ("Home", 1, -1), ("PageUp", 3, 1), ("PageDown", 1, -1)]:
        before = page.locator(".plw").evaluate("node => Number(node.dataset.budget)")
        for _ in range(times):
            page.keyboard.press(key)
        start.settle()
        budget = page.locator(".plw").evaluate("node => Number(node.dataset.budget)")
        assert (budget - before) * sign > 0, key
        assert page.evaluate("document.activeElement.className") == "plw-budget", "focus stays on the slider"
        said = page.locator(".plw-budget").get_attribute("aria-valuetext")
        assert said == page.locator(".plw-budget-value").inner_text()
        assert shown(page) == classified(fits, budget, 2e-4)
    assert kernel_state(start)["budget"] == budget


def test_tolerance_moves_the_boundary(start, fits):
    page = start.page
    for to in (0.3, 0.75):
        start.drag(".plw-tolerance", to)
        start.settle()
        there = shown(page)
        state = kernel_state(start)
        assert_probabilities(page, fits, state["budget"], state["tolerance"])
        assert there == state["regimes"] == classified(fits, state["budget"], state["tolerance"])
    page.locator(".plw-budget").focus()
    page.keyboard.press("PageUp")  # both sliders away from where the notebook set them
    state = kernel_state(start)
    start.settle()
    assert shown(page) == state["regimes"] == classified(fits, state["budget"], state["tolerance"])


def test_python_moves_the_page(start, fits):
    page = start.page
    start.run(MOVE)
    wait_for_budget(page, 1234.5)
    state = kernel_state(start)
    assert shown(page) == state["regimes"] == classified(fits, 1234.5, state["tolerance"])
    assert page.locator(".plw-budget-value").inner_text() == "1234.5 steps"
    assert page.locator(".plw tr.plw-selected .plw-task").inner_text() == "slow"
    assert "K of slow" in page.locator(".plw figcaption").nth(1).inner_text()


def test_a_task_is_selected_by_keyboard_and_by_mouse(start):
    page = start.page
    page.get_by_role("button", name="noisy", exact=True).focus()
    page.keyboard.press("Enter")
    assert kernel_state(start)["selected"] == "noisy"
    assert page.get_by_role("button", name="noisy", exact=True).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="verbs", exact=True).click()
    assert kernel_state(start)["selected"] == "verbs"


def test_hovering_a_point_tells_about_it(start):
    page = start.page
    found = page.evaluate(
        """() => {
            const canvas = document.querySelector(".plw canvas"), tip = document.querySelector(".plw-tip");
            const box = canvas.getBoundingClientRect(), found = {};
            for (let x = 55; x < box.width; x += 5) for (let y = 5; y < box.height; y += 5) {
                const at = { clientX: box.left + x, clientY: box.top + y };
                canvas.dispatchEvent(new PointerEvent("pointermove", at));
                if (!tip.hidden) found[tip.textContent.split("\\n")[0]] = [x, y];
            }
            return found;
        }"""
    )
    assert {"reviews", "slow", "noisy"} <= set(found)
    box = page.locator(".plw canvas").first.bounding_box()
    x, y = found["noisy"]
    page.mouse.move(box["x"] + x, box["y"] + y)
    assert "leans Noise-Dominant" in page.locator(".plw-tip").inner_text()
    page.mouse.click(box["x"] + x, box["y"] + y)
    assert kernel_state(start)["selected"] == "noisy"
    page.mouse.move(0, 0)
    assert not page.locator(".plw-tip").is_visible()


def test_columns_sort(start):
    page = start.page
    page.get_by_role("button", name="Task", exact=True).click()
    start.settle()
    names = page.locator(".plw tbody .plw-task").all_inner_texts()
    assert names == sorted(names)
    page.get_by_role("button", name="Task", exact=True).click()
    start.settle()
    assert page.locator(".plw tbody .plw-task").all_inner_texts() == names[::-1]


def test_controls_have_names_for_screen_readers(start):
    page = start.page
    assert page.get_by_role("slider", name="Budget B").count() == 1
    assert page.get_by_role("slider", name="Tolerance τ").count() == 1
    pictures = [page.get_by_role("img", name=re.compile(plane)).count() for plane in ("Budget plane", "Theory plane")]
    assert pictures == [1, 1]
    assert page.get_by_role("columnheader").count() == 6
    assert page.get_by_role("rowheader").count() == 5


def test_a_move_says_what_crossed(start, fits):
    page = start.page
    before = shown(page)
    start.drag(".plw-budget", 0.95)
    start.settle()
    # until the kernel has counted the regimes of that place, nothing can be said to have crossed
    page.wait_for_function("() => !document.querySelector('.plw').classList.contains('plw-waiting')")
    start.settle()
    after = shown(page)
    crossed = [f"{name} {before[name]} → {after[name]}" for name in before if before[name] != after[name]]
    assert crossed
    told = page.locator(".plw-moved").inner_text()
    assert all(text in told for text in crossed)
    page.wait_for_function("() => document.querySelector('.plw-said').innerText.includes('→')")
    start.picture(".plw-phase", "phase_trails")
    page.locator(".plw-budget").focus()
    page.keyboard.press("ArrowRight")
    start.settle()
    assert shown(page) == after
    assert "no task crossed" in page.locator(".plw-moved").inner_text()


def test_the_price_slider_shows_the_depth_worth_paying_for(open_notebook, fits):
    opened = open_notebook("priced", [FITS, SHOW.replace("tolerance=2e-4", "tolerance=2e-4, exchange_rate=1e-6")])
    opened.run(0)
    opened.run(1)
    page = opened.page
    page.locator(".plw tbody tr").first.wait_for()
    seen = []
    for to in (0.05, 0.5, 0.95):
        opened.drag(".plw-exchange-rate", to)
        opened.settle()
        rate = float(page.locator(".plw-exchange-rate-value").inner_text().replace("−", "-"))
        there = [float(c.get_attribute("data-value")) for c in page.locator(".plw tbody tr td:last-child").all()]
        assert there == pytest.approx(
            [pl.optimal_depth(fit, exchange_rate=rate).depth for fit in fits.values()], rel=1e-9
        )
        assert shown(page) == classified(fits, 100, 2e-4), "the price moves no regime"
        seen.append(there)
    assert all(a >= b for a, b in zip(seen[0], seen[-1], strict=True)), "the dearer, the less"
    assert "does not pay" in page.locator(".plw tbody").inner_text()
    opened.drag(".plw-exchange-rate", 0.2)
    page.get_by_role("button", name="slow", exact=True).click()
    opened.settle()
    opened.picture(".plw-phase", "phase_price")
    assert opened.left_the_machine == []
    assert opened.complaints == []


def test_a_thousand_tasks(open_notebook, fits):
    many = "many = {f'{name} {i}': fit for i in range(200) for name, fit in fits.items()}\n"
    opened = open_notebook("thousand", [FITS, many + SHOW.replace("(fits", "(many")])
    opened.run(0)
    opened.run(1)
    page = opened.page
    page.locator(".plw tbody tr").first.wait_for()
    opened.drag(".plw-budget", 0.9)
    opened.settle()
    budget = page.locator(".plw").evaluate("node => Number(node.dataset.budget)")
    regimes = classified(fits, budget, 2e-4)
    first = shown(page)
    assert len(first) == 20
    assert first == {name: regimes[name.split()[0]] for name in first}
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Tasks 21 to 40 of 1000").wait_for()
    opened.picture(".plw-phase", "phase_thousand")
    assert opened.complaints == []


def test_dark_theme_and_narrow_page(start):
    start.check_themes(".plw-phase", "phase")


def test_reopened_without_its_kernel_the_table_is_there(open_notebook):
    """JupyterLab says 'model not found' then; the table of the moment the cell ran stands beside it."""
    opened = open_notebook("reopened", CELLS[:2])
    opened.run(0)
    opened.run(1)
    page = opened.page
    page.locator(".plw tbody tr").first.wait_for()
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    assert opened.complaints == []
    opened.reopen_without_kernel()
    saved = json.loads(opened.path.read_text())
    assert opened.path.stat().st_size < 250_000
    kinds = [set(output["data"]) for output in saved["cells"][1]["outputs"]]
    assert ["image/png" in kind for kind in kinds] == [False, True, False]
    assert ["text/html" in kind for kind in kinds] == [False, False, True]
    page.locator(".predictlab-fallback").wait_for(state="visible")
    text = page.locator(".predictlab-fallback").inner_text()
    assert "budget B = 100 steps" in text
    assert "noisy" in text
    assert page.locator(".jp-RenderedImage img").evaluate("image => image.naturalWidth") > 500
    opened.picture(".jp-OutputArea:has(.predictlab-fallback)", "phase_reopened")
    assert opened.left_the_machine == []


def test_after_a_kernel_restart_the_page_still_answers_the_budget(open_notebook, fits):
    opened = open_notebook("restarted", CELLS[:2])
    opened.run(0)
    opened.run(1)
    page = opened.page
    page.locator(".plw tbody tr").first.wait_for()
    opened.restart_kernel()
    opened.drag(".plw-budget", 0.9)
    opened.settle()
    budget = page.locator(".plw").evaluate("node => Number(node.dataset.budget)")
    assert budget > 1000
    assert shown(page) == classified(fits, budget, 2e-4)
    opened.drag(".plw-tolerance", 0.9)  # only a kernel could count for this place
    page.get_by_text("it does not answer").wait_for()
    assert opened.left_the_machine == []
    assert opened.complaints == []


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
