"""What a source has, and what each part of it is taken for: said before it can be read, and in the report after."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

D = (10, 20, 40)


def table(**more):
    rows = [{"seed": s, "step": d, "acc": 0.5 + d / 100 + s / 1000, "loss": 1 / d, **more} for s in range(3) for d in D]
    return pd.DataFrame(rows)


def taken(source, **arguments):
    return pl.runs.contents(source, **arguments).columns.set_index("name")["taken_for"].to_dict()


def test_what_is_asked_is_empty_and_what_is_known_is_not():
    log = table(minutes=3.5, optimizer="adam")
    assert taken(log) == {"seed": "seed", "step": "depth", "acc": "", "loss": "", "minutes": "", "optimizer": ""}
    with pytest.raises(ArgumentError, match="metric=None"):
        pl.read_runs(log)


def test_the_report_says_the_same_once_it_is_answered():
    log = table(minutes=3.5, optimizer="adam", host="a")
    words = {"metric": ["acc", "loss"], "columns": {"seconds": "minutes"}, "task": "mine"}
    _, report = pl.read_runs(log, report=True, **words)
    said = {"seed": "seed", "step": "depth", "acc": "metric", "loss": "metric", "minutes": "seconds"}
    assert report.taken_for == said | {"optimizer": "recipe"}
    assert {k: v for k, v in taken(log, **words).items() if v} == report.taken_for


def test_a_column_that_the_user_names_is_taken_for_what_they_say():
    log = table().rename(columns={"seed": "trial", "step": "n"}).assign(corpus="rte")
    assert taken(log)["trial"] == ""
    words = {"depth": "n", "seed": "trial", "task": "corpus", "metric": "acc"}
    found = taken(log, **words)
    assert (found["n"], found["trial"], found["corpus"], found["loss"]) == ("depth", "seed", "task", "")
    assert pl.read_runs(log, report=True, **words).report.taken_for == {k: v for k, v in found.items() if v}


def test_columns_have_their_first_values():
    columns = pl.runs.contents(table(note="x" * 60)).columns.set_index("name")
    assert columns.loc["step", ["values", "distinct", "numeric"]].to_list() == ["10, 20, 40", 3, True]
    assert columns.loc["acc", "distinct"] == 9
    assert columns.loc["acc", "values"].endswith(", …")
    assert columns.loc["note", "values"] == "x" * 23 + "…"
    assert not columns.loc["note", "numeric"]


def test_runs_side_by_side_and_panels(tmp_path):
    wide = pd.DataFrame({"step": D, "run_1": [0.1, 0.2, 0.3], "run_2": [0.2, 0.3, 0.4]})
    with pytest.warns(pl.runs.ImportNotice):
        report = pl.read_runs(wide, report=True, task="t").report
    assert report.taken_for == {"step": "depth", "run_1": "values", "run_2": "values"}
    assert taken(wide) == report.taken_for
    panel = {"train/global_step": D}
    for s in range(2):
        panel |= {f"rte-seed-{s} - acc{end}": [0.5, 0.6, 0.7 + s / 10] for end in ("", "__MIN", "__MAX")}
    pd.DataFrame(panel).to_csv(tmp_path / "panel.csv", index=False)
    report = pl.read_runs(tmp_path / "panel.csv", report=True).report
    ours = {f"rte-seed-{s} - acc": "values" for s in range(2)}
    assert report.taken_for == {"train/global_step": "depth"} | ours
    assert taken(tmp_path / "panel.csv") == report.taken_for, "the bounds are no columns of their own"


def test_metrics_and_params_of_other_formats(tmp_path):
    for s in range(2):
        entries = [{"step": d, "eval_loss": 1 / d, "eval_acc": 0.5, "eval_runtime": 1.0} for d in D]
        entries.insert(0, {"step": 5, "loss": 0.7, "learning_rate": 0.1})
        (tmp_path / f"seed-{s}").mkdir()
        state = {"global_step": 40, "log_history": entries, "max_steps": 40, "train_batch_size": 8}
        (tmp_path / f"seed-{s}" / "trainer_state.json").write_text(json.dumps(state))
    found = pl.runs.contents(tmp_path)
    assert (found.format, len(found.files)) == ("trainer_state", 2)
    columns = found.columns.set_index("name")
    assert columns.loc[["eval_loss", "eval_acc"], "taken_for"].tolist() == ["metric", "metric"]
    assert columns.loc["loss", ["kind", "taken_for"]].tolist() == ["metric", ""], "there, and not an evaluation"
    assert columns.loc["max_steps", ["kind", "taken_for"]].tolist() == ["param", "recipe"]
    assert taken(tmp_path, metric="loss")["eval_loss"] == ""
    assert "metrics and params" in str(found)


def test_what_is_not_there_or_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ArgumentError, match="an existing file"):
        pl.runs.contents(tmp_path / "none.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="empty"):
        pl.runs.contents(tmp_path / "empty.csv")
    with pytest.raises(ArgumentError, match="format"):
        pl.runs.contents(table(), format="excel")
