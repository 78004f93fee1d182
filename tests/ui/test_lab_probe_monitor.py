"""ProbeMonitor in a real JupyterLab: a probe trains, the page follows, and what it shows is what Python says."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

pytestmark = pytest.mark.ui

# Training stands before step n until the file allows it, so that the page can be looked at in between.
SETUP = """
import json, pathlib, threading, time
import numpy as np, pandas as pd
import predictlab as pl
from predictlab.probing._engine.shared import SharedTrainer
from predictlab_widgets import ProbeMonitor

allowed, steps, step = pathlib.Path("monitor-allowed"), [0], SharedTrainer._step

def held(trainer, *arguments):
    steps[0] += 1
    while steps[0] > int(allowed.read_text()):
        time.sleep(0.02)
    return step(trainer, *arguments)

SharedTrainer._step = held
rng = np.random.default_rng(0)

def rows(n):
    words = [rng.integers(0, 40, size=rng.integers(3, 15)) for _ in range(n)]
    labels = [int((w < 20).mean() > 0.5) for w in words]
    return pd.DataFrame({"text": [" ".join(f"w{i}" for i in w) for w in words], "label": labels})

data = pl.Dataset("halves", rows(50), rows(60), ("low", "high"))
recipe = pl.Recipe(steps=40, batch_size=8, max_length=12, rank=2, lora_alpha=4, layers="last:1", learning_rate=0.02)
tasks = [pl.Task("toy-model", data, recipe, label_noise=noise, name=name) for name, noise in (("clean <b>", 0), ("noisy", 0.2))]
plan = pl.ProbePlan((0, 2, 4, 8, 16), 6)
run = w = None
"""  # noqa: E501
SHOW = """
if run:
    w.close()
    run.cancel()
    allowed.write_text("1000000")
    run.wait()
    allowed.write_text("0")
steps[0] = 0
run = pl.start_probe(tasks, plan)
w = ProbeMonitor(run, metric="eval_loss")
w
"""
REPORT = """
frame = run.frame()
rows = frame[(frame.task == w.task) & (frame.metric == w.metric)]
by_depth = rows.groupby("depth")["value"].agg(["count", "mean", "std", "min", "max"]).reset_index()
said = dict(task=w.task, metric=w.metric, status=w.status, run=run.status, doing=run.doing, waiting=w.waiting_for,
            done=w.steps_done, total=w.steps_total, table=by_depth.to_numpy().tolist(), fit=None,
            seeds=run.plan.run_seeds, depths=run.plan.depths)
if w.fit is not None:
    fit = pl.DecayModel(pl.risk_curve(frame, w.task, metric=w.metric)).fit()
    said["fit"] = [list(fit.params), [list(row) for row in fit.conf_int().to_numpy()]]
_ = pathlib.Path("monitor.json").write_text(json.dumps(said))
"""
WAIT = "_ = run.wait()"
SET = "w.task, w.metric = 'noisy', 'accuracy'"
CELLS = [SETUP, SHOW, REPORT, WAIT, SET]
STATE, BUSY, MOVE = 2, 3, 4
ALL = 1_000_000


@pytest.fixture(scope="module")
def model(lab):
    """The toy model of the tests of the probes, beside the notebooks."""
    path = Path(__file__).parents[1] / "probing" / "conftest.py"
    spec = importlib.util.spec_from_file_location("probe_conftest", path)
    probes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probes)
    probes.save_model(str(lab.folder / "toy-model"), probes.config_of("bert"))


@pytest.fixture(scope="module")
def notebook(open_notebook, lab, model):
    allow(lab, 0)
    opened = open_notebook("monitor", CELLS)
    opened.run(0)
    return opened


@pytest.fixture
def start(notebook, lab):
    """A probe of its own, that stands before its first step."""
    allow(lab, 0)
    notebook.run(1)
    wait_for(notebook, status="running", done=0, depths=[0], runs=6, task="clean <b>", metric="eval_loss")
    return notebook


def allow(lab, steps):
    """Let so many steps be made, of all seeds together."""
    (lab.folder / "monitor-new").write_text(str(steps))
    (lab.folder / "monitor-new").replace(lab.folder / "monitor-allowed")


def wait_for(notebook, **shown):
    notebook.page.wait_for_function(
        """wanted => {
            const node = document.querySelector(".plw-monitor");
            const shown = JSON.parse(node?.dataset.shown || "{}");
            return Object.entries(wanted).every(([key, value]) => JSON.stringify(shown[key]) === JSON.stringify(value));
        }""",
        arg=shown,
    )
    notebook.settle()


def said(notebook):
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "monitor.json").read_text())


def number(value):
    return float(str(value).replace("Infinity", "inf"))


def assert_page_is_python(notebook):
    state, page = said(notebook), notebook.page
    shown = json.loads(page.locator(".plw-monitor").get_attribute("data-shown"))
    assert [shown[k] for k in ("task", "metric", "status")] == [state[k] for k in ("task", "metric", "status")]
    assert [shown[k] for k in ("done", "total")] == [state[k] for k in ("done", "total")]
    table = json.loads(page.locator(".plw-depths tbody").get_attribute("data-values"))
    assert [[number(v) for v in row] for row in table] == [
        pytest.approx([math.nan if v is None else v for v in row], nan_ok=True) for row in state["table"]
    ]
    assert page.locator(".plw-depths tbody tr").count() == len(state["table"])
    values = page.locator(".plw-fit").get_attribute("data-values")
    assert shown["fit"] == bool(values) == (state["fit"] is not None)
    if state["fit"]:
        params, ends = json.loads(values)
        assert [number(v) for v in params] == pytest.approx(state["fit"][0])
        assert [[number(v) for v in row] for row in ends] == [pytest.approx(row) for row in state["fit"][1]]
    else:
        assert state["waiting"]
        assert state["waiting"] in page.locator(".plw-fit").inner_text()
    return state


def test_the_curves_grow_while_the_kernel_answers_another_cell(start, lab):
    page = start.page
    state = assert_page_is_python(start)
    assert state["run"] == "running"
    assert state["total"] == 2 * 6 * 16
    assert "waits for 2 seeds at 2 depths" in page.locator(".plw-fit").inner_text()
    allow(lab, 4)
    wait_for(start, depths=[0, 2, 4], done=24)
    assert "waits for 3 depths" in page.locator(".plw-fit").inner_text()
    start.picture(".plw-monitor", "monitor_running")
    assert assert_page_is_python(start)["run"] == "running"
    allow(lab, 8)
    wait_for(start, depths=[0, 2, 4, 8], done=48)
    assert page.locator(".plw-steps").inner_text().startswith("48 of 192 steps")
    assert "left" in page.locator(".plw-steps").inner_text()
    allow(lab, ALL)
    wait_for(start, status="done", done=192, depths=[0, 2, 4, 8, 16], fit=True)
    state = assert_page_is_python(start)
    assert state["fit"] is not None
    assert page.locator(".plw-badge").inner_text() == "✓ done"
    assert page.locator(".plw-tasks tbody tr").count() == 2
    start.picture(".plw-monitor", "monitor_done")


def test_it_follows_while_a_cell_waits_for_the_probe(start, lab):
    page = start.page
    cell = start.start(BUSY)
    page.get_by_text("Python 3 (ipykernel) | Busy").wait_for()
    allow(lab, 4)
    wait_for(start, depths=[0, 2, 4], done=24)
    assert cell.locator(".jp-InputPrompt").inner_text() == "[*]:"
    allow(lab, ALL)
    wait_for(start, status="done", fit=True)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    assert assert_page_is_python(start)["run"] == "done"


def test_cancel_by_click_and_go_on(start, lab):
    page = start.page
    assert page.locator(".plw-go-on").is_hidden()
    page.locator(".plw-cancel").click()
    wait_for(start, doing="stopping")
    allow(lab, ALL)
    wait_for(start, status="cancelled", depths=[0])
    assert page.locator(".plw-cancel").is_disabled()
    assert page.locator(".plw-badge").inner_text() == "■ cancelled"
    assert_page_is_python(start)
    page.locator(".plw-go-on").click()
    wait_for(start, status="done", depths=[0, 2, 4, 8, 16], fit=True)
    assert_page_is_python(start)


def test_keyboard(start, lab):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for letters and Enter."""
    page = start.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.locator(".plw-more-seeds").focus()
    page.keyboard.press("ArrowUp")
    assert page.locator(".plw-more-seeds").input_value() == "5"
    page.keyboard.press("Enter")
    wait_for(start, total=2 * 11 * 16)
    assert said(start)["seeds"] == list(range(11))
    page.locator("select.plw-metric").focus()
    for key in ("d", "d", "x", "ArrowUp"):
        page.keyboard.press(key)
    wait_for(start, metric="accuracy")
    page.locator(".plw-cancel").focus()
    page.keyboard.press("Enter")
    wait_for(start, doing="stopping")
    allow(lab, ALL)
    wait_for(start, status="cancelled")
    page.locator(".plw-go-on").focus()
    page.keyboard.press("Space")
    wait_for(start, status="done", runs=11)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab did not take the keys"
    assert_page_is_python(start)


def test_extend_by_click_while_it_runs_and_after_the_end(start, lab):
    page = start.page
    page.locator(".plw-more-seeds").fill("2")
    page.locator(".plw-add-seeds").click()
    wait_for(start, total=2 * 8 * 16)
    allow(lab, ALL)
    wait_for(start, status="done", runs=8, fit=True)
    assert_page_is_python(start)
    assert page.locator(".plw-deeper").input_value() == "32"
    page.locator(".plw-add-depth").click()
    wait_for(start, status="done", depths=[0, 2, 4, 8, 16, 32], total=2 * 8 * 32)
    assert assert_page_is_python(start)["depths"] == [0, 2, 4, 8, 16, 32]
    assert page.locator(".plw-deeper").input_value() == "40", "the recipe ends there"
    page.locator(".plw-deeper").fill("41")
    page.locator(".plw-add-depth").click()
    page.locator(".plw-refused", has_text="Depth to add").wait_for()
    page.locator(".plw-deeper").evaluate("node => { node.max = 100; node.value = 41; }")
    page.locator(".plw-add-depth").click()
    page.locator(".plw-refused", has_text="at most 40").wait_for()
    assert said(start)["depths"] == [0, 2, 4, 8, 16, 32]


def test_tasks_and_metrics_are_chosen_on_the_page_and_in_python(start, lab):
    page = start.page
    allow(lab, ALL)
    wait_for(start, status="done", fit=True)
    page.locator("select.plw-task").select_option("noisy")
    wait_for(start, task="noisy", metric="eval_loss")
    assert_page_is_python(start)
    page.locator("select.plw-task").select_option("clean <b>")
    wait_for(start, task="clean <b>")
    start.run(MOVE)
    wait_for(start, task="noisy", metric="accuracy")
    assert_page_is_python(start)
    assert page.locator("select.plw-metric").input_value() == "accuracy"
    page.locator(".plw-scale-linear").check()
    start.settle()
    start.picture(".plw-monitor", "monitor_linear")
    box = page.locator(".plw-monitor canvas").first.bounding_box()
    page.locator(".plw-monitor canvas").first.scroll_into_view_if_needed()
    found = 0
    for y in range(20, int(box["height"]) - 50, 12):
        page.locator(".plw-monitor canvas").first.hover(position={"x": box["width"] - 30, "y": y})
        if page.locator(".plw-monitor .plw-tip").is_visible():
            found += 1
            assert re.match(r"seed \d\ndepth 16 steps\naccuracy 0\.\d+", page.locator(".plw-tip").inner_text())
    assert found


def test_controls_and_pictures_have_names_for_screen_readers(start, lab):
    monitor = start.page.locator(".plw-monitor")
    for label in ("Task", "Metric"):
        assert monitor.get_by_role("combobox", name=label).count() == 1, label
    for label in ("Cancel", "Add seeds", "Add depth"):
        assert monitor.get_by_role("button", name=label).count() == 1, label
    for label in ("How many seeds more", "Depth to add, steps"):
        assert monitor.get_by_role("spinbutton", name=label).count() == 1, label
    assert monitor.get_by_role("progressbar", name="Steps done").get_attribute("aria-valuetext").startswith("0 of 192")
    assert monitor.get_by_role("img", name=re.compile("eval_loss of 6 runs over depth")).count() == 1
    assert monitor.get_by_role("img", name=re.compile("risk over depth. .* waits for")).count() == 1
    allow(lab, ALL)
    wait_for(start, status="done")
    start.page.wait_for_function("() => document.querySelector('.plw-monitor .plw-said').innerText.startsWith('done')")


def test_dark_theme_and_narrow_page(start, lab):
    allow(lab, ALL)
    wait_for(start, status="done", fit=True)
    start.check_themes(".plw-monitor", "monitor")


def test_after_a_kernel_restart_and_reopened_without_its_kernel(start, lab):
    """Last in the module: the kernel and the page of the tests above end with it."""
    page = start.page
    allow(lab, 4)
    wait_for(start, depths=[0, 2, 4], done=24)
    page.wait_for_timeout(2500)
    assert not page.locator(".predictlab-fallback").is_visible(), "the live widget takes its place"
    assert page.locator(".jp-RenderedImage:visible").count() == 0
    allow(lab, ALL)
    wait_for(start, status="done", fit=True)
    # the page has what is shown without a kernel as it is at the end, not as it was when the cell ran
    page.locator(".predictlab-fallback", has_text="done, 192 of 192 steps").wait_for(state="attached")
    assert not page.locator(".predictlab-fallback").is_visible()
    start.restart_kernel()
    wait_for(start, gone=True, depths=[0, 2, 4, 8, 16])
    page.locator(".plw-refused", has_text="run the cell again").wait_for()
    assert page.locator(".plw-badge").inner_text() == "? kernel gone"
    assert page.locator(".plw-add-seeds").is_disabled()
    start.picture(".plw-monitor", "monitor_restarted")
    assert start.complaints == [], "in all the tests above, too"
    start.reopen_without_kernel()
    page.locator(".predictlab-fallback").wait_for(state="visible")
    text = page.locator(".predictlab-fallback").inner_text()
    assert "clean <b>, eval_loss: done, 192 of 192 steps." in text
    assert "Decay fit so far" in text
    assert page.locator(".predictlab-fallback tbody tr").count() == 5
    assert page.locator(".jp-RenderedImage img").evaluate("image => image.naturalWidth") > 500
    start.picture(".jp-OutputArea:has(.predictlab-fallback)", "monitor_reopened")
    assert start.path.stat().st_size < 200_000
    assert start.left_the_machine == [], "in all the tests above, too"
