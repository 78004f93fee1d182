"""DecayExplorer in a real JupyterLab: what the page shows is what the library says, whatever was chosen."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ui

SETUP = """
import json, pathlib
import numpy as np, pandas as pd
import predictlab as pl
from predictlab_widgets import DecayExplorer

def runs_of(task, law, depths, seed):
    rng, rows = np.random.default_rng(seed), []
    spread = [(law[0] + law[1] * c ** -law[2]) ** 0.5 * (1 if c > 4 else 0.4) for c in depths]
    for s in range(24):
        z = rng.standard_normal()
        for c, sd in zip(depths, spread):
            z = 0.6 * z + 0.8 * rng.standard_normal()
            rows.append((task, f"{task}-{s}", None, s, c, "accuracy", 0.8 + sd * z, 1.0, 1.0, "ok"))
    return pd.DataFrame(rows, columns="task run parent seed depth metric value seconds flops status".split())

runs = pd.concat([
    runs_of("verbs", (1e-4, 0.05, 1.2), (2, 4, 8, 16, 32, 64, 128), 0),
    runs_of("news", (1e-3, 0.02, 0.7), (4, 8, 16, 32, 64, 128, 192), 3),
])
"""
SHOW = "w = DecayExplorer(runs)\nheard = []\nw.observe(lambda change: heard.append(change['new']), names='params')\nw"
REPORT = """
fit = pl.DecayModel(pl.risk_curve(runs, w.task, estimator=w.estimator), burn_in=w.burn_in).fit(w.method)
table = fit.conf_int(method=w.interval)
laws = fit.compare_laws()
said = dict(
    settings=dict(task=w.task, estimator=w.estimator, method=w.method, interval=w.interval, burn_in=w.burn_in),
    estimates=list(fit.params), ends=[list(row) for row in table.to_numpy()], bse=list(fit.bse),
    laws=[[law.law, law.delta] for law in laws.itertuples()], cautions=fit.cautions(), heard=len(heard), scale=w.scale,
    same=w.params == fit.params.to_dict() or str(w.params) == str(fit.params.to_dict()),
)
_ = pathlib.Path("decay.json").write_text(json.dumps(said))
"""
BACK = """
w.scale = "log"
for name, value in dict(task="verbs", estimator="spread", method="gamma", interval="profile", burn_in="auto").items():
    setattr(w, name, value)
heard.clear()
"""
MOVE = "w.task, w.burn_in = 'news', 16"
BUSY = """
import time
while not pathlib.Path("decay-go").exists():
    time.sleep(0.05)
"""
CELLS = [SETUP, SHOW, REPORT, BACK, MOVE, BUSY]
STATE, RESET, SET, WAIT = 2, 3, 4, 5
START = {"task": "verbs", "estimator": "spread", "method": "gamma", "interval": "profile", "burn_in": "auto"}


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("decay", CELLS)
    opened.run(0)
    opened.run(1)
    opened.page.locator(".plw-decay[data-paints]").wait_for()
    return opened


@pytest.fixture
def start(notebook):
    """All settings as at first, whatever the test before left."""
    notebook.run(RESET)
    wait_for(notebook, **START)
    return notebook


def wait_for(notebook, **settings):
    """Until the page shows the whole answer to `settings`."""
    notebook.page.wait_for_function(
        """wanted => {
            const node = document.querySelector(".plw-decay");
            if (!node) return false;
            const shown = JSON.parse(node.dataset.shown || "{}");
            return shown.whole && !node.classList.contains("plw-stale")
                && Object.entries(wanted).every(([key, value]) => shown[key] === value);
        }""",
        arg=settings,
    )
    notebook.settle()


def said(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "decay.json").read_text())


def assert_page_is_python(notebook):
    state, page = said(notebook), notebook.page
    shown = json.loads(page.locator(".plw-decay").get_attribute("data-shown"))
    assert shown == state["settings"] | {"whole": True}
    assert state["same"], "the widget's params are the library's"

    def value(row, cell):
        return page.locator(f".plw-decay .plw-row-{row} td").nth(cell).get_attribute("data-value")

    for i in range(3):
        assert float(value(i, 0)) == pytest.approx(state["estimates"][i], rel=1e-9, nan_ok=True)
        assert float(value(i, 1)) == pytest.approx(state["bse"][i], rel=1e-6, nan_ok=True)
        assert [float(v) for v in value(i, 2).split(",")] == pytest.approx(state["ends"][i], rel=1e-9)
    rows = page.locator(".plw-laws tbody tr").all()
    laws = [[row.locator("th").inner_text(), float(row.locator("td").first.inner_text())] for row in rows]
    assert [name for name, _ in laws] == [name for name, _ in state["laws"]]
    assert [delta for _, delta in laws] == pytest.approx([delta for _, delta in state["laws"]], abs=0.051)
    notes = [item.inner_text().removeprefix("⚠ ") for item in page.locator(".plw-cautions li").all()]
    assert notes == state["cautions"]
    return state


def test_every_choice_shows_what_python_says(start):
    page = start.page
    for name, value, follows in (
        ("interval", "bootstrap", {}),
        ("method", "gee", {"interval": "bootstrap"}),
        ("method", "loglog", {"interval": "wald"}),
        ("method", "gamma", {"interval": "profile"}),
        ("estimator", "residual", {}),
        ("task", "news", {}),
    ):
        page.locator(f".plw-decay select.plw-{name}").select_option(value)
        wait_for(start, **{name: value}, **follows)
        assert_page_is_python(start)
        start.picture(".plw-decay", f"decay_{name}_{value}")


def test_dragging_the_burn_in(start):
    page = start.page
    seen = []
    for to in (0.99, 0.5, 0.02):
        start.drag(".plw-burn-in", to)
        options = ["auto", 2, 4, 8, 16]
        place = int(page.locator(".plw-burn-in").input_value())
        wait_for(start, burn_in=options[place])
        state = assert_page_is_python(start)
        assert state["settings"]["burn_in"] == options[place]
        seen.append(place)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == 4
    assert page.locator(".plw-burn-in-value").inner_text().startswith("auto: from")


def test_the_page_says_what_changed(start):
    page = start.page
    before = said(start)["estimates"]
    page.locator("select.plw-method").select_option("loglog")
    wait_for(start, method="loglog")
    text = page.locator(".plw-change").inner_text()
    assert "method Gamma likelihood → log-log least squares" in text
    assert re.search(r"α \S+ → \S+", text)
    was = [float(page.locator(f".plw-row-{i} td").nth(3).get_attribute("data-value")) for i in range(3)]
    assert was == pytest.approx(before)
    assert page.locator(".plw-legend-before").is_visible()
    page.wait_for_function("() => document.querySelector('.plw-decay .plw-said').innerText.includes('least squares')")


def test_only_the_newest_setting_is_fitted_however_busy_the_kernel_was(start):
    page = start.page
    cell = start.start(WAIT)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    for place in (1, 2, 3, 4, 3, 2, 1, 4):
        page.locator(".plw-burn-in").evaluate(
            "(s, v) => { s.value = v; s.dispatchEvent(new Event('input', { bubbles: true })); }", place
        )
        page.wait_for_timeout(120)  # longer than the page itself waits: each one is asked for
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:", "the kernel was busy all the while"
    assert "from 16 steps on" in page.locator(".plw-burn-in-value").inner_text()
    (start.path.parent / "decay-go").touch()
    wait_for(start, burn_in=16)
    state = assert_page_is_python(start)
    assert state["heard"] <= 1, "eight positions were asked for; those that had been left were not fitted"


def test_keyboard(start):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for letters and arrows."""
    page = start.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.locator("select.plw-method").focus()
    for key in ("d", "d", "x", "a", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab did not take the keys"
    method = page.locator("select.plw-method").input_value()
    assert method != "gamma"
    wait_for(start, method=method)
    page.locator(".plw-burn-in").focus()
    for key, expected in (("ArrowRight", 2), ("End", 16), ("ArrowLeft", 8), ("Home", "auto")):
        page.keyboard.press(key)
        wait_for(start, burn_in=expected)
        assert page.evaluate("document.activeElement.className") == "plw-burn-in"
        said_value = page.locator(".plw-burn-in").get_attribute("aria-valuetext")
        assert said_value == page.locator(".plw-burn-in-value").inner_text()
    page.locator(".plw-scale-log").focus()
    page.keyboard.press("ArrowRight")
    start.settle()
    assert said(start)["scale"] == "linear"
    start.picture(".plw-decay", "decay_linear")
    assert_page_is_python(start)


def test_python_moves_the_page(start):
    start.run(SET)
    wait_for(start, task="news", burn_in=16)
    assert_page_is_python(start)
    assert start.page.locator("select.plw-task").input_value() == "news"


def test_a_refused_setting_is_explained_and_nothing_changes(start):
    page = start.page
    page.evaluate(
        """() => {
            const option = document.createElement("option");
            option.value = "branch";
            const select = document.querySelector("select.plw-estimator");
            select.append(option);
            select.value = "branch";
            select.dispatchEvent(new Event("change"));
        }"""
    )
    page.locator(".plw-error", has_text="branch").wait_for()
    wait_for(start, **START)
    assert_page_is_python(start)
    assert page.locator("select.plw-estimator").input_value() == "spread"


def test_hovering_tells_the_numbers_of_an_estimate(start):
    page = start.page
    picture = page.locator(".plw-decay canvas").first
    box = picture.bounding_box()
    picture.hover(position={"x": box["width"] - 25, "y": 60})
    assert page.locator(".plw-decay .plw-tip").inner_text().startswith("depth 128 steps")
    page.mouse.move(0, 0)
    assert not page.locator(".plw-decay .plw-tip").is_visible()


def test_controls_and_pictures_have_names_for_screen_readers(start):
    page = start.page
    for label in ("Task", "Estimator", "Method", "Intervals"):
        assert page.locator(".plw-decay").get_by_role("combobox", name=label).count() == 1, label
    assert page.locator(".plw-decay").get_by_role("slider", name="Burn-in").count() == 1
    assert page.locator(".plw-decay").get_by_role("group", name="Axes").get_by_role("radio").count() == 2
    for name in ("risk over depth", "Profile of alpha", "Residuals at"):
        assert page.locator(".plw-decay").get_by_role("img", name=re.compile(name)).count() == 1
    assert page.locator(".plw-decay").get_by_role("table").count() == 2


def test_dark_theme_and_narrow_page(start):
    start.check_themes(".plw-decay", "decay")


def test_after_a_kernel_restart_and_reopened_without_its_kernel(open_notebook):
    opened = open_notebook("decay-restarted", [SETUP, "v = DecayExplorer(runs)\nv"])
    opened.run(0)
    opened.run(1)
    page = opened.page
    page.locator(".plw-decay[data-paints]").wait_for()
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    assert page.locator(".jp-RenderedImage:visible").count() == 0
    opened.restart_kernel()
    page.locator(".plw-scale-linear").check()
    opened.settle()
    page.locator("select.plw-method").select_option("gee")
    page.locator(".plw-error", has_text="run the cell again").wait_for()
    opened.picture(".plw-decay", "decay_restarted")
    assert opened.complaints == []
    opened.start(0)
    opened.start(1)
    wait_for(opened, **START | {"method": "posterior", "interval": "posterior"})
    # the picture comes after the widget: saved before the cell has ended, it is not in the notebook
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".jp-InputPrompt", has_text="[2]").wait_for()
    opened.reopen_without_kernel()
    page.locator(".predictlab-fallback").wait_for(state="visible")
    text = page.locator(".predictlab-fallback").inner_text()
    assert "of verbs (accuracy): spread, posterior" in text
    assert "decay rate" in text
    assert page.locator(".jp-RenderedImage img").evaluate("image => image.naturalWidth") > 500
    opened.picture(".jp-OutputArea:has(.predictlab-fallback)", "decay_reopened")
    assert opened.path.stat().st_size < 200_000
    assert opened.left_the_machine == []


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
