"""RunsExplorer without a browser: traits are what the library says, the code is what ran, errors are texts."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab_widgets import RunsExplorer
from predictlab_widgets._background import BREATH
from predictlab_widgets._runs_script import ARGUMENTS, argument_of, arguments_named, text_of, with_role

D = (4, 8, 16, 32, 64)


def log_of(seeds=12, **more):
    runs = pl.worlds.MartingaleWorld(1e-4, 0.02, 1.0, mean=0.8).source(seed=1)(D, range(seeds))
    table = runs.rename(columns={"value": "acc", "depth": "step"})[["seed", "step", "acc"]]
    return table.assign(**more)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "verbs.csv"
    log_of(f1=lambda t: t["acc"] / 2).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def page():
    """A function that opens a widget and one that asks it as a page does; all are closed."""
    made = []

    def opened(*args, **kwargs):
        made.append(RunsExplorer(*args, **kwargs))
        return made[-1]

    yield opened
    for widget in made:
        widget.close()


def ask(widget, do, buffers=(), **content):
    widget._on_request(widget, {"request": "page 1", "do": do, **content}, list(buffers))
    return widget._answer["text"]


def run_code(widget, **names):
    """What the shown code makes, run by itself."""
    exec(widget.code, names)
    return names


# -- from a source to an answer -------------------------------------------------------------------------------------


def test_a_question_is_answered_and_all_follows_as_the_library_says(page, csv):
    widget = page(csv)
    assert widget.error.startswith("metric=None: 2 candidates")
    assert widget._study["named"] == ["metric"]
    assert (widget.frame, widget.report, widget.fits, widget.phase) == (None, None, {}, None)
    widget.arguments = {"metric": "acc"}
    assert widget.error == ""
    runs, report = pl.read_runs(csv, metric="acc", report=True)
    pd.testing.assert_frame_equal(widget.frame, runs)
    assert widget.report == report
    fit = pl.DecayModel(pl.risk_curve(runs)).fit()
    assert widget.fits["verbs"].params.to_dict() == fit.params.to_dict()
    assert widget.phase is None, "nobody has said what is near enough"
    widget.margin = 0.06
    phase = pl.classify({"verbs": fit}, margin=0.06, budget=64)
    pd.testing.assert_frame_equal(widget.phase, phase)
    assert widget.advice == {"verbs": pl.advise({"verbs": fit}, margin=0.06, budget=64)["advice"][0]}
    widget.budget = 16
    pd.testing.assert_frame_equal(widget.phase, pl.classify({"verbs": fit}, margin=0.06, budget=16))


def test_the_code_shown_is_what_ran(page, csv):
    widget = page(csv, arguments={"metric": ["acc", "f1"], "seed": "seed", "task": "mine"}, metric="f1", margin=0.03)
    assert widget.metric == "f1"
    made = run_code(widget)
    pd.testing.assert_frame_equal(made["runs"], widget.frame)
    assert made["report"] == widget.report
    assert made["fits"]["mine"].params.to_dict() == widget.fits["mine"].params.to_dict()
    pd.testing.assert_frame_equal(made["phase"], widget.phase)
    assert made["advice"]["advice"].tolist() == list(widget.advice.values())


def test_the_code_of_an_error_gives_that_error(page, csv):
    widget = page(csv)
    assert "# ArgumentError: metric=None" in widget.code
    with pytest.raises(ArgumentError, match="metric=None"):
        run_code(widget)


def test_a_pattern_in_the_code_has_its_import(page):
    table = log_of().assign(run=lambda t: [f"rte-{s}-a" for s in t["seed"]]).drop(columns="seed")
    widget = page(table, arguments={"task": re.compile(r"^(\w+)-"), "seed": r"-(\d+)-"})
    assert widget.error == ""
    assert widget.code.startswith("import re\n\nimport predictlab as pl")
    made = run_code(widget, table=table)
    assert set(made["runs"]["task"]) == {"rte"}


def test_a_path_object_and_several_paths(page, tmp_path):
    for s, part in log_of().groupby("seed"):
        part.drop(columns="seed").to_csv(tmp_path / f"seed-{s}.csv", index=False)
    paths = sorted(tmp_path.iterdir())
    for source in (tmp_path, paths, tuple(map(str, paths)), str(tmp_path / "seed-*")):
        widget = page(source, arguments={"task": "all"})
        assert (widget.error, widget.report.runs) == ("", 12)
        pd.testing.assert_frame_equal(run_code(widget)["runs"], widget.frame)


def test_a_task_without_a_fit_says_why_and_the_others_have_theirs(page):
    few = log_of(3).query("step <= 8").assign(task="few")
    widget = page(pd.concat([log_of().assign(task="many"), few]), margin=0.05)
    assert list(widget.fits) == ["many"]
    assert list(widget.unfit) == ["few"]
    table = widget.table().set_index("task")
    assert table.loc["few", "advice"] == widget.unfit["few"]
    assert table.loc["few", "regime"] == ""
    assert table.loc["many", "regime"] == widget.phase["regime"][0]
    assert re.search(r"# (curves|fits)\['few'\]", widget.code)
    made = run_code(widget, table=widget.source)
    assert list(made["fits"]) == ["many"], "what failed is a comment: the copied code runs through"


def test_a_budget_before_the_law_is_an_error_in_words(page, csv):
    widget = page(csv, arguments={"metric": "acc"}, margin=0.05, budget=2)
    assert "raise the budget" in widget.error
    assert widget._study["named"][0] == "budget"
    assert widget.phase is None
    assert widget.fits
    widget.budget = None
    assert widget.error == ""
    assert widget.phase is not None


def test_nothing_yet_and_a_source_that_is_not_there(page, tmp_path):
    widget = page()
    assert (widget.error, widget.code, widget.table().empty) == ("", "", True)
    widget.source = str(tmp_path / "none.csv")
    assert "an existing file or folder" in widget.error
    widget.source = 5
    assert widget.error.startswith("source=5")


def test_arguments_that_are_none_are_refused(page, csv):
    with pytest.raises(ArgumentError, match="arguments='sead'"):
        page(csv, arguments={"sead": 1})
    with pytest.raises(ArgumentError, match="margin=-1"):
        page(csv, margin=-1)
    with pytest.raises(ArgumentError, match="max_bytes"):
        page(csv, max_bytes=0)
    with pytest.raises(ArgumentError, match="one of the keywords"):
        page(csv, tolerance=1)


# -- what the page asks ---------------------------------------------------------------------------------------------


def test_roles_from_the_page_are_arguments(page):
    table = log_of(f1=0.5, corpus="rte", minutes=lambda t: t["step"] / 6).rename(columns={"seed": "trial", "step": "n"})
    widget = page(table)
    told = {"n": "depth", "trial": "seed", "corpus": "task", "acc": "metric", "minutes": "seconds"}
    for column, role in told.items():
        assert ask(widget, "role", name=column, value=role) == ""
    assert widget.error == ""
    assert widget.arguments == {
        "depth": "n", "seed": "trial", "task": "corpus", "metric": "acc", "columns": {"seconds": "minutes"},
    }  # fmt: skip
    assert set(widget.frame["task"]) == {"rte"}
    shown = {c["name"]: c["taken_for"] for c in widget._reading["columns"]}
    assert shown == dict(widget.report.taken_for) | {"f1": shown["f1"]}
    assert ask(widget, "role", name="f1", value="metric") == ""
    assert widget.arguments["metric"] == ["acc", "f1"]
    assert ask(widget, "role", name="acc", value="") == ""
    assert widget.arguments["metric"] == "f1"
    assert ask(widget, "role", name="minutes", value="") == ""
    assert "columns" not in widget.arguments


def test_a_role_that_comes_of_the_title_cannot_be_taken_away(page, csv):
    widget = page(csv, arguments={"metric": "acc"})
    assert "by what it is called" in ask(widget, "role", name="step", value="")
    assert widget.arguments == {"metric": "acc"}
    assert widget.error == ""


def test_fields_of_the_page_are_read_as_python_where_they_are(page, csv):
    widget = page(csv)
    assert ask(widget, "argument", name="metric", value="{'acc': 'accuracy'}") == ""
    assert widget.report.metrics == ("accuracy",)
    text = ask(widget, "argument", name="seed", value="['a")
    assert text.startswith('seed="[\'a"')
    assert widget._answer["named"] == ["seed"]
    assert widget.report.metrics == ("accuracy",), "what was refused changes nothing"
    assert ask(widget, "set", name="margin", value=-2).startswith("margin=-2")
    assert ask(widget, "set", name="margin", value=0.05) == ""
    assert widget.phase is not None
    assert ask(widget, "source", value="/no/such/place") == ""
    assert (widget.error[:8], widget.arguments, widget.fits) == ("source='", {}, {})


def test_what_only_the_user_can_say_is_one_button(page, tmp_path):
    table = log_of().assign(run=lambda t: t["seed"].map(lambda s: f"brisk-{'abcdefghijkl'[s]}")).drop(columns="seed")
    table.to_csv(tmp_path / "rte.csv", index=False)
    widget = page(str(tmp_path / "rte.csv"))
    assert widget._study["offer"]["text"] == "seed='enumerate', task='rte'"
    assert ask(widget, "offer") == ""
    assert (widget.error, widget.arguments) == ("", {"seed": "enumerate", "task": "rte"})
    assert widget.report.runs == 12
    assert widget._study["offer"] == {}
    mixed = page(log_of(lr=lambda t: t["seed"] % 2 / 10))
    assert "They differ in lr" in mixed.error
    assert mixed._study["offer"] == {}, "what differs is no matter of one word"
    several = page(log_of(**{"train/loss": lambda t: 1 - t["acc"]}).rename(columns={"acc": "eval/acc"}))
    assert several._study["offer"]["text"] == "metric='eval/acc'"
    assert ask(several, "offer") == ""
    assert several.report.metrics == ("eval/acc",)


def test_a_long_call_stands_an_argument_a_line(page, tmp_path):
    place = tmp_path / ("a folder with a long name " * 3).strip()
    place.mkdir()
    log_of().to_csv(place / "log.csv", index=False)
    widget = page(str(place / "log.csv"), arguments={"metric": "acc", "task": "mine"})
    assert "pl.read_runs(\n    '" in widget.code
    assert "\n    metric='acc',\n    task='mine',\n    report=True,\n)" in widget.code
    names = {}
    exec(widget.code, names)
    pd.testing.assert_frame_equal(names["runs"], widget.frame)


def test_the_metric_shown_first_is_none_of_the_training(page):
    log = log_of().rename(columns={"acc": "train/acc"}).assign(**{"val/acc": 0.5})
    log["val/acc"] += log["seed"] / 100
    widget = page(log, arguments={"metric": ["train/acc", "val/acc"]})
    assert widget.metric == "val/acc"


def test_two_runs_are_too_few_for_a_fit_as_for_analyse(page):
    widget = page(log_of(2), margin=0.05)
    assert widget.unfit["task"].startswith("2 runs; a fit needs at least 3.")
    assert pl.analyse(widget.frame, margin=0.05, budget=64).unfit["task"].startswith("2 runs; a fit needs at least 3.")
    assert widget.curve is not None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "3", 3), ("seed", "enumerate", "enumerate"), ("task", "3", "3"), ("steps_per_epoch", "12.5", 12.5),
        ("metric", "['a', 'b']", ["a", "b"]), ("columns", "{'seconds': 'min'}", {"seconds": "min"}),
        ("task", "re.compile('(a)')", re.compile("(a)")), ("strict", "True", True), ("metric", "eval/*", "eval/*"),
        ("task", "'3 '", "3 "), ("metric", "", None),
    ],
)  # fmt: skip
def test_texts_and_arguments(name, text, value):
    assert argument_of(name, text) == value
    assert text_of(value) == text


def test_a_word_that_looks_like_python_comes_back_as_it_was():
    for word in ("[a", "(x)", "'q'", "re.compile(x)", " a"):
        assert argument_of("task", text_of(word)) == word
    for text in ("re.compile('(')", "re.compile(open)", "{'a':", "__import__('os')["):
        if text[0] in "{r":
            with pytest.raises(ArgumentError):
                argument_of("task", text)
        else:
            assert argument_of("task", text) == text, "a word: nothing is ever evaluated but literals"
    assert arguments_named("metric=None: 2. Pass metric='a' or seed=, xseed=") == ["metric", "seed"]
    assert set(ARGUMENTS) < set(pl.read_runs.__kwdefaults__)


def test_roles_and_arguments():
    taken = {"acc": "metric", "f1": "", "n": "depth"}
    assert with_role({}, "f1", "metric", taken) == {"metric": ["acc", "f1"]}, "what was found stays"
    assert with_role({"metric": {"acc": "A"}}, "f1", "metric", taken) == {"metric": {"acc": "A", "f1": "f1"}}
    assert with_role({"depth": "n", "seed": 0}, "n", "", taken) == {"seed": 0}
    assert with_role({"seed": "n"}, "n", "run", taken) == {"run": "n"}
    assert with_role({"columns": {"value": "f1"}}, "f1", "seed", taken) == {"seed": "f1"}


# -- files from the page --------------------------------------------------------------------------------------------


def send(widget, files, part=1000, upload="u1", sizes=None):
    for name, content in files.items():
        for start in range(0, len(content), part):
            ask(widget, "part", [memoryview(content[start : start + part])], upload=upload, name=name)
    return ask(widget, "upload", upload=upload, sizes=sizes or {name: len(c) for name, c in files.items()})


def test_a_dropped_file_is_read_under_its_name(page, csv):
    content = Path(csv).read_bytes()
    widget = page(arguments={"metric": "old"})
    assert send(widget, {"nouns.csv": content}) == ""
    assert widget.error.startswith("metric=None"), "arguments were of another source"
    widget.arguments = {"metric": "acc"}
    assert set(widget.frame["task"]) == {"nouns"}
    assert widget._reading["dropped"]
    assert "# a copy of what was dropped" in widget.code
    pd.testing.assert_frame_equal(run_code(widget)["runs"], widget.frame)
    place = widget.source
    widget.close()
    assert not Path(place).exists()


def test_several_files_are_runs(page):
    files = {}
    for s, part in log_of().groupby("seed"):
        files[f"seed-{s}.csv"] = part.drop(columns="seed").to_csv(index=False).encode()
    widget = page(margin=0.05)
    assert send(widget, files) == ""
    assert widget.error == ""
    assert widget.report.runs == 12
    assert widget.phase is not None


def test_what_is_too_large_or_cut_or_called_alike_is_refused(page, csv):
    widget = page(csv, arguments={"metric": "acc"}, max_bytes=2000)
    before = widget.frame
    assert "more than the 2 kB" in send(widget, {"a.csv": b"x" * 1500, "b.csv": b"x" * 900})
    assert "more than the 2 kB" in send(widget, {"a.csv": b"x" * 5000}, upload="u2", sizes={"a.csv": 10})
    assert "10 of 20 bytes arrived" in send(widget, {"a.csv": b"x" * 10}, upload="u3", sizes={"a.csv": 20})
    with pytest.raises(ArgumentError, match="2 files are called trainer_state"):
        widget.upload([{"name": f"{d}/trainer_state.json", "content": b"{}"} for d in "ab"])
    with pytest.raises(ArgumentError, match="name of a file"):
        widget.upload([{"name": "..", "content": b""}])
    with pytest.raises(ArgumentError, match="at least one"):
        widget.upload([])
    assert widget.frame is before, "nothing has changed"


def test_a_name_cannot_lead_out_of_the_folder(page, csv):
    widget = page()
    widget.upload([{"name": "../../etc/x.csv", "content": Path(csv).read_bytes()}])
    assert widget.source.endswith("dropped/x.csv")
    assert widget.error.startswith("metric=None")


def test_a_damaged_file_is_an_error_in_words(page):
    widget = page()
    for name, content in (("a.csv", b""), ("b.parquet", b"PAR1"), ("trainer_state.json", b"{"), ("x.bin", b"\0\1")):
        widget.upload([{"name": name, "content": content}])
        assert widget.error, name
        assert widget.frame is None
        assert "Traceback" not in widget.error


# -- in the background ----------------------------------------------------------------------------------------------


def test_only_the_newest_wish_is_carried_out_and_nothing_is_left_half_done(page, csv):
    widget = page(csv)
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), "phase")

    async def clicks():
        ask(widget, "argument", name="metric", value="f1")
        ask(widget, "argument", name="metric", value="acc")
        await asyncio.sleep(2 * BREATH)  # reading has begun, and is left for what follows
        for margin in (0.01, 0.02, 0.06):
            ask(widget, "set", name="margin", value=margin)
        while widget._doing or widget.phase is None:
            await asyncio.sleep(BREATH)

    asyncio.run(clicks())
    assert widget.report.metrics == ("acc",)
    assert list(widget.fits) == ["verbs"]
    assert [p is None for p in heard].count(False) == 1
    again = RunsExplorer(csv, arguments={"metric": "acc"}, margin=0.06)
    assert again.code == widget.code
    pd.testing.assert_frame_equal(again.phase, widget.phase)
    again.close()


def test_a_fit_of_the_same_runs_is_not_made_twice(page, csv, monkeypatch):
    widget = page(csv, arguments={"metric": ["acc", "f1"]})
    fit = widget.fits["verbs"]
    widget.metric = "f1"
    widget.metric = "acc"
    assert widget.fits["verbs"] is fit
    widget.arguments = {"metric": "acc"}
    assert widget.fits["verbs"] is not fit


# -- without a page -------------------------------------------------------------------------------------------------


def test_what_stays_in_a_saved_notebook(page, csv):
    widget = page(csv, arguments={"metric": "acc"}, margin=0.05)
    bundle = widget._fallback()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "12 runs, 60 measurements of acc" in bundle["text/html"]
    assert widget.phase["regime"][0] in bundle["text/html"]
    assert repr(widget) == "RunsExplorer(12 runs, 60 measurements, 1 fits)"
    empty = page()
    assert base64.b64decode(empty._fallback()["image/png"]).startswith(b"\x89PNG")
    assert "Nothing is read" in empty._fallback()["text/html"]


def test_numbers_reach_the_page_as_they_are(page, csv):
    widget = page(csv, arguments={"metric": "acc"})
    values = np.frombuffer(widget._runs["values"], dtype="<f4").reshape(12, 5)
    assert values[3, 2] == pytest.approx(widget.frame.query("seed == 3 and depth == 16")["value"].item(), rel=1e-6)
    assert widget._risk["points"][0] == list(D)
