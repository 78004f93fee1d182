"""The notebooks as committed: small, valid, run in order, their charts visible, their text twins in step."""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.name > "01"]
CHARTS = ("application/vnd.vegalite.", "application/vnd.vega.")
VIEW = "application/vnd.jupyter.widget-view+json"
LONGEST = 30  # lines of a code cell: logic belongs in the packages


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def cells(notebook):
    return [(c.cell_type, c.source.strip()) for c in notebook.cells]


def test_the_quickstart_is_there():
    assert FOLDER / "00_quickstart.ipynb" in NOTEBOOKS


def test_the_quickstart_is_short_and_shows_a_picture():
    notebook = read(FOLDER / "00_quickstart.ipynb")
    assert len(notebook.cells) < 15
    assert any("image/png" in o.get("data", {}) for o in outputs(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
class TestEach:
    def test_is_valid_and_small(self, path):
        nbformat.validate(read(path))
        assert path.stat().st_size < 1_000_000

    def test_holds_no_widget_state(self, path):
        notebook = read(path)
        assert "widgets" not in notebook.metadata
        assert not any("application/vnd.jupyter.widget-state+json" in o.get("data", {}) for o in outputs(notebook))

    def test_a_widget_leaves_something_to_see_where_its_model_is_gone(self, path):
        for cell in read(path).cells:
            kinds = [set(o.get("data", {})) for o in cell.get("outputs", [])]
            if any(VIEW in kind for kind in kinds):
                assert any(VIEW not in kind and kind & {"image/png", "text/html"} for kind in kinds)

    def test_cells_are_short(self, path):
        assert not [c.source for c in read(path).cells if c.cell_type == "code" and c.source.count("\n") >= LONGEST]

    def test_ran_top_to_bottom_without_an_error(self, path):
        notebook = read(path)
        counts = [c.execution_count for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
        assert counts == list(range(1, len(counts) + 1))
        assert not [o for o in outputs(notebook) if o.output_type == "error"]

    def test_every_chart_has_a_picture_beside_it(self, path):
        for output in outputs(read(path)):
            data = output.get("data", {})
            if any(mime.startswith(CHARTS) for mime in data):
                assert "image/png" in data

    def test_text_twin_is_in_step(self, path):
        twin = path.with_suffix(".py")
        assert twin.exists(), f"pair it: jupytext --set-formats ipynb,py:percent {path.name}"
        same = cells(jupytext.read(twin, fmt="py:percent")) == cells(read(path))
        assert same, f"jupytext --sync notebooks/{path.name} brings the two together"

    def test_nothing_is_hidden_from_the_gate(self, path):
        notebook = read(path)
        assert "nbmake" not in notebook.metadata.get("execution", {})
        tags = {tag for c in notebook.cells for tag in c.metadata.get("tags", [])}
        assert not tags & {"skip-execution", "raises-exception", "nbmake-skip"}


def test_no_text_twin_without_its_notebook():
    assert {p.stem for p in FOLDER.glob("*.py")} <= {p.stem for p in NOTEBOOKS}


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.name)
def test_a_lesson_has_aims_something_to_try_and_answers_at_the_end(path):
    text = [c.source for c in read(path).cells if c.cell_type == "markdown"]
    assert text[0].startswith("# ")
    assert "**Aims.**" in text[0]
    asked, answered = (next(i for i, t in enumerate(text) if f"## {part}\n" in t) for part in ("Try", "Answers"))
    assert asked < answered
    assert not any(t.startswith("## ") for t in text[answered + 1 :])


def test_the_table_of_contents_lists_every_notebook_and_no_other():
    contents = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((\w+)\.ipynb\)", contents) == [p.stem for p in NOTEBOOKS]


def test_the_readme_leads_to_every_notebook():
    contents = (FOLDER.parent / "README.md").read_text("utf-8")
    table = contents.partition("## Notebooks")[2].partition("\n## ")[0]
    assert re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", table) == [p.stem for p in NOTEBOOKS]
