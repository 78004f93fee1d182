"""Samples of lm-evaluation-harness, in the layout that its releases 0.4 write with --log_samples."""

import hashlib
import json
import logging

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

STAMP = "2026-08-01T10-20-30.123456"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def lines_of(right, first=0, filters=("none",), metric="acc", template="Q: "):
    """One line a row and filter."""
    for name in filters:
        for j, value in enumerate(right):
            doc = {"question": f"question {first + j}"}
            yield {
                "doc_id": first + j, "doc": doc, "target": "0", "arguments": {"gen_args_0": {"arg_0": template}},
                "resps": [[["-1.5", "False"]]], "filtered_resps": [["-1.5", "False"]], "filter": name,
                "metrics": [metric], "doc_hash": sha(json.dumps(doc)), "prompt_hash": sha(template + str(doc)),
                "target_hash": sha("0"), metric: value if name == filters[0] else 1.0,
            }  # fmt: skip


def write(folder, right, task="arc_easy", stamp=STAMP, results=True, **how):
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines_of(right, **how))
    path = folder / f"samples_{task}_{stamp}.jsonl"
    path.write_text(text)
    if results:
        key = f"{how.get('metric', 'acc')},{how.get('filters', ('none',))[0]}"
        printed = {"results": {task: {"alias": task, key: float(np.mean(right)), "acc_stderr,none": 0.1}}}
        (folder / f"results_{stamp}.json").write_text(json.dumps(printed))
    return path


@pytest.fixture
def right():
    return (np.random.default_rng(0).random((3, 40)) < 0.7).astype(float)


def test_a_folder_of_seeds_is_read_and_its_means_are_the_results(tmp_path, right, caplog):
    for seed, values in enumerate(right):
        write(tmp_path / f"out-seed{seed}" / "my__model", values)
    with caplog.at_level(logging.WARNING, "predictlab"):
        table = pl.read_outcomes(tmp_path)
    assert "the seed of each run is read from its folder's name" in caplog.text
    assert table.groupby("seed")["value"].mean().tolist() == pytest.approx(right.mean(axis=1).tolist())
    assert set(table["metric"]) == {"acc"}
    assert set(table["task"]) == {"arc_easy"}
    found = pl.noise(tmp_path)
    assert found.runs == 3
    assert found.rows == 40
    assert found.sd == pytest.approx(right.mean(axis=1).std(ddof=1))
    assert found.parts.interaction == pytest.approx(pl.noise(right).parts.interaction)


def test_rows_are_joined_by_their_content_whatever_their_number(tmp_path, right):
    a = write(tmp_path / "a", right[0])
    b = write(tmp_path / "b", right[1][::-1])
    lines = [json.loads(line) for line in b.read_text().splitlines()]
    content = [json.dumps({"question": f"question {39 - j}"}) for j in range(40)]
    for line, doc in zip(lines, content, strict=True):  # the same questions, in another order
        line["doc_hash"], line["prompt_hash"] = sha(doc), sha("Q: " + str(json.loads(doc)))
    b.write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = pl.compare(a, b)
    np.testing.assert_allclose(found.a.row_means - found.b.row_means, right[0] - right[1])


def test_filters_are_asked_for(tmp_path, right):
    path = write(tmp_path, right[0], filters=("strict-match", "flexible-extract"), metric="exact_match")
    with pytest.raises(ArgumentError, match=r"strict-match, flexible-extract.*choose one"):
        pl.read_outcomes(path)
    assert pl.read_outcomes(path, filter="strict-match")["value"].mean() == right[0].mean()
    assert pl.read_outcomes(path, filter="flexible-extract")["value"].mean() == 1.0
    assert pl.noise(path, filter="strict-match").evidence.mean == right[0].mean()


def test_lines_of_a_resumed_evaluation_count_once_and_other_values_are_refused(tmp_path, right, caplog):
    path = write(tmp_path, right[0])
    once = path.read_text()
    path.write_text(once + once)
    with caplog.at_level(logging.WARNING, "predictlab"):
        assert len(pl.read_outcomes(path)) == 40
    assert "40 lines stand twice" in caplog.text
    path.write_text(once + "".join(json.dumps(line) + "\n" for line in lines_of(1 - right[0])))
    with pytest.raises(DataError, match="two outcomes"):
        pl.read_outcomes(path)


def test_a_last_line_that_was_cut_is_said_and_results_tell_that_samples_are_missing(tmp_path, right, caplog):
    path = write(tmp_path, right[0], results=False)
    path.write_text(path.read_text()[:-30])
    with caplog.at_level(logging.WARNING, "predictlab"):
        assert len(pl.read_outcomes(path)) == 39
    assert "the last line was cut" in caplog.text
    write(tmp_path, [*right[0], 1.0, 1.0, 0.0])
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:40]))
    with pytest.raises(DataError, match="Rows are missing"):
        pl.read_outcomes(path)


def test_other_prompts_are_refused(tmp_path, right):
    write(tmp_path / "a", right[0])
    write(tmp_path / "b", right[1], template="Question: ")
    with pytest.raises(DataError, match="other prompts"):
        pl.read_outcomes(tmp_path)


def test_a_and_b_of_other_prompts_are_not_compared(tmp_path, right):
    a = write(tmp_path / "a", right[0])
    b = write(tmp_path / "b", right[1], template="Question: ")
    with pytest.raises(DataError, match="40 of 40 rows were asked otherwise"):
        pl.compare(a, b)


@pytest.mark.parametrize("filters", [("none",), ("strict-match", "flexible-extract")])
def test_lines_are_read_alike_with_and_without_pyarrow(tmp_path, right, filters, monkeypatch):
    from predictlab.runs._evaluations import harness

    path = write(tmp_path, right[0], filters=filters)
    assert harness._quickly(path) is not None
    quick = pl.read_outcomes(path, filter=filters[0])
    monkeypatch.setattr(harness, "_quickly", lambda file: None)
    pd.testing.assert_frame_equal(quick, pl.read_outcomes(path, filter=filters[0]))


@pytest.mark.parametrize("nothing", ["null", "NaN"])
def test_a_row_that_failed_is_refused(tmp_path, right, nothing):
    path = write(tmp_path, right[0], results=False)
    path.write_text(path.read_text().replace('"acc": 1.0', f'"acc": {nothing}', 1))
    with pytest.raises(DataError, match="1 rows failed, without a value of acc"):
        pl.read_outcomes(path, metric="acc")


def test_a_folder_that_is_called_as_a_log_is_none(tmp_path, right):
    write(tmp_path, right[0])
    for name in ("config.json", "old.eval"):
        (tmp_path / name).mkdir()
    assert len(pl.read_outcomes(tmp_path)) == 40


def test_what_is_no_mean_is_refused_and_several_tasks_are_compared_a_line_each(tmp_path, right):
    path = write(tmp_path / "bad", right[0], results=False)
    path.write_text(path.read_text().replace('"acc": 1.0', '"acc": [-3.2, 5]'))
    with pytest.raises(DataError, match="no mean over rows"):
        pl.read_outcomes(path)
    for side, at in (("a", 0), ("b", 1)):
        for task in ("arc_easy", "boolq"):
            write(tmp_path / side, right[at], task=task, results=False)
    assert pl.compare(tmp_path / "a", tmp_path / "b").frame()["task"].tolist() == ["arc_easy", "boolq"]
    with pytest.raises(ArgumentError, match="arc_easy, boolq"):
        pl.noise(tmp_path / "a")
    assert pl.noise(tmp_path / "a", task="boolq").rows == 40


def test_a_line_inside_that_is_broken_is_named(tmp_path, right):
    path = write(tmp_path, right[0], results=False)
    lines = path.read_text().splitlines()
    lines[4] = lines[4][:20]
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="line 5 is no JSON"):
        pl.read_outcomes(path)
