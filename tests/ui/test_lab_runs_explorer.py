"""RunsExplorer in a real JupyterLab: a file is typed or dropped, questions are answered, and the code shown runs."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.ui

SETUP = """
import json, pathlib
import numpy as np, pandas as pd
import predictlab as pl
from predictlab_widgets import RunsExplorer

runs = pl.worlds.MartingaleWorld(1e-4, 0.02, 1.0, mean=0.8).source(seed=1)((4, 8, 16, 32, 64), range(12))
table = runs.rename(columns={"value": "acc", "depth": "step"})[["seed", "step", "acc"]]
table.assign(f1=table["acc"] / 2, minutes=table["step"] / 6).to_csv("verbs.csv", index=False)
"""
SHOW = "w = RunsExplorer()\nw"
REPORT = """
said = dict(
    error=w.error, arguments={k: str(v) for k, v in w.arguments.items()}, code=w.code,
    regime=None if w.phase is None else w.phase["regime"].tolist(), advice=list(w.advice.values()),
    rows=0 if w.frame is None else len(w.frame), source=str(w.source),
)
names = {}
if w.frame is not None:
    exec(w.code, names)
    pd.testing.assert_frame_equal(names["runs"], w.frame)
    if w.phase is not None:
        pd.testing.assert_frame_equal(names["phase"], w.phase)
_ = pathlib.Path("explorer.json").write_text(json.dumps(said))
"""
CELLS = [SETUP, SHOW, REPORT]
STATE = 2


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("explorer", CELLS)
    opened.run(0)
    opened.run(1)
    opened.page.locator(".plw-runs[data-paints]").wait_for()
    return opened


def settled(notebook):
    """What the page shows, once nothing is being done."""
    notebook.page.wait_for_timeout(800)
    notebook.page.wait_for_function(
        """() => {
            const shown = JSON.parse(document.querySelector(".plw-runs").dataset.shown);
            return !shown.doing && !shown.waiting;
        }"""
    )
    notebook.settle()
    return json.loads(notebook.page.locator(".plw-runs").get_attribute("data-shown"))


def said(notebook):
    """What Python holds; the cell also runs the code shown, and compares what it makes."""
    notebook.run(STATE)
    return json.loads((notebook.path.parent / "explorer.json").read_text())


def read(notebook, path):
    notebook.page.locator(".plw-path").fill(path)
    notebook.page.locator(".plw-path").press("Enter")
    return settled(notebook)


def test_from_a_path_over_a_question_to_a_regime(notebook):
    page = notebook.page
    notebook.picture(".plw-runs", "explorer_empty")
    shown = read(notebook, "verbs.csv")
    assert "metric=None" in shown["error"]
    notebook.picture(".plw-runs", "explorer_question")
    page.locator(".plw-fix button", has_text="metric").first.click()
    assert page.evaluate("document.activeElement.className") == "plw-argument-metric"
    assert page.locator(".plw-argument-metric").get_attribute("aria-invalid") == "true"
    page.keyboard.type("acc")
    page.keyboard.press("Enter")
    shown = settled(notebook)
    assert (shown["error"], shown["tasks"]) == ("", ["verbs"])
    page.locator(".plw-margin").fill("0.06")
    page.locator(".plw-margin").press("Tab")
    # a busy machine begins to fit after the page has been still for a while
    page.wait_for_function("() => JSON.parse(document.querySelector('.plw-runs').dataset.shown).fits.length === 1")
    shown = settled(notebook)
    state = said(notebook)
    assert [row[1] for row in shown["fits"]] == state["regime"]
    assert page.locator(".plw-code pre").inner_text().strip() == state["code"].strip()
    assert page.locator(".plw-tasks tbody td").last.inner_text() == state["advice"][0]
    assert state["arguments"] == {"metric": "acc"}
    notebook.picture(".plw-runs", "explorer_regime")


def test_a_column_is_taken_for_something_else(notebook):
    page = notebook.page
    read(notebook, "verbs.csv")
    page.locator('select[data-column="f1"]').select_option("metric")
    settled(notebook)
    page.locator('select[data-column="minutes"]').select_option("seconds")
    shown = settled(notebook)
    assert shown["error"] == ""
    assert shown["metric"] == "f1"
    assert said(notebook)["arguments"] == {"metric": "f1", "columns": "{'seconds': 'minutes'}"}
    assert page.locator(".plw-argument-columns").input_value() == "{'seconds': 'minutes'}"
    page.locator('select[data-column="step"]').select_option("")
    shown = settled(notebook)
    assert "by what it is called" in shown["error"]
    assert page.locator('select[data-column="step"]').input_value() == "depth"


def test_a_file_is_dropped(notebook):
    page = notebook.page
    text = (notebook.path.parent / "verbs.csv").read_text()
    page.evaluate(
        """([text, size]) => {
            const drop = (name, content) => {
                const data = new DataTransfer();
                data.items.add(new File([content], name));
                document.querySelector(".plw-runs").dispatchEvent(
                    new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            };
            drop("nouns.csv", text.replaceAll("f1", "minutes2") + "\\n".repeat(size));
        }""",
        [text, 1_500_000],
    )
    page.locator(".plw-hint", has_text="Dropped: nouns.csv").wait_for()
    shown = settled(notebook)
    assert "metric=None" in shown["error"]
    page.locator(".plw-argument-metric").fill("acc")
    page.locator(".plw-argument-metric").blur()
    shown = settled(notebook)
    assert shown["tasks"] == ["nouns"]
    state = said(notebook)
    assert state["rows"] == 60
    assert state["source"].endswith("/dropped/nouns.csv")
    assert "your own path goes here" in state["code"]


def test_too_large_a_file_is_refused_by_the_page(notebook):
    page = notebook.page
    before = said(notebook)
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(51e6)], "large.csv"));
            document.querySelector(".plw-runs").dispatchEvent(
                new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    page.locator(".plw-wrong", has_text="51 MB are more than the 50 MB").wait_for()
    assert said(notebook) == before


def test_keyboard(notebook):
    """Also with the notebook in command mode, in which JupyterLab has uses of its own for letters and arrows."""
    page = notebook.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    read(notebook, "verbs.csv")
    page.locator('select[data-column="acc"]').focus()
    for key in ("d", "d", "x", "a"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab did not take the keys"
    settled(notebook)
    page.locator(".plw-path").focus()
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className"))
    for name in ("plw-go", "plw-choose", "plw-argument-metric", "plw-argument-strict", "plw-copy"):
        assert name in reached, name


def test_dark_theme_and_narrow_page(notebook):
    read(notebook, "verbs.csv")
    notebook.page.locator(".plw-argument-metric").fill("acc")
    notebook.page.locator(".plw-argument-metric").blur()
    settled(notebook)
    notebook.check_themes(".plw-runs", "explorer")


def test_nothing_left_the_machine_and_nothing_complained(notebook):
    """Last in the module: what the page of the tests above asked for and complained about."""
    assert notebook.left_the_machine == []
    assert notebook.complaints == []
