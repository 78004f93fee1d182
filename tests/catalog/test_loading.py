"""`load_dataset`: formats, accounting of bad rows, the split, and errors that say what to do."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.catalog._loading import pick
from predictlab.errors import ArgumentError, DataError, DependencyError


def frame(n: int = 60, classes: int = 2) -> pd.DataFrame:
    return pd.DataFrame({"text": [f"text {i}" for i in range(n)], "label": [f"c{i % classes}" for i in range(n)]})


def quiet(*args, **kwargs) -> pl.Dataset:
    """load_dataset that fails on any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pl.load_dataset(*args, **kwargs)


WRITERS = {
    "d.csv": lambda f, p: f.to_csv(p, index=False),
    "d.tsv": lambda f, p: f.to_csv(p, index=False, sep="\t"),
    "d.csv.gz": lambda f, p: f.to_csv(p, index=False),
    "d.parquet": lambda f, p: f.to_parquet(p),
    "d.jsonl": lambda f, p: f.to_json(p, orient="records", lines=True),
    "d.json": lambda f, p: f.to_json(p, orient="records"),
    "columns.json": lambda f, p: p.write_text(json.dumps(f.to_dict("list"))),
    "lines.json": lambda f, p: f.to_json(p, orient="records", lines=True),
    "d.jsonl.gz": lambda f, p: p.write_bytes(gzip.compress(f.to_json(orient="records", lines=True).encode())),
    "d.jsonl.bz2": lambda f, p: p.write_bytes(bz2.compress(f.to_json(orient="records", lines=True).encode())),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    if "parquet" in name:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: parquet not tried")
    table = frame()
    table.loc[3, "text"] = 'naïve, "quoted"\nsecond line\u2028 third'
    WRITERS[name](table, tmp_path / name)
    expected = quiet(table, eval_size=20)
    data = quiet(tmp_path / name, eval_size=20)
    pd.testing.assert_frame_equal(data.train, expected.train, check_dtype=False)
    pd.testing.assert_frame_equal(data.eval, expected.eval, check_dtype=False)
    assert data.classes == ("c0", "c1")
    assert data.name == name.partition(".")[0]
    assert quiet(str(tmp_path / name), eval_size=20).fingerprint == data.fingerprint == expected.fingerprint


def test_hugging_face_dataset_uses_class_names():
    hf = pytest.importorskip("datasets", reason="datasets is not installed: datasets.Dataset not tried")
    table = frame()
    codes = [int(label[1]) for label in table["label"]]
    codes[5] = -1
    features = hf.Features({"text": hf.Value("string"), "label": hf.ClassLabel(names=["zeta", "alpha"])})
    source = hf.Dataset.from_dict({"text": table["text"].tolist(), "label": codes}, features=features)
    with pytest.warns(UserWarning, match=r"missing label 1 \(row 5\)"):
        data = pl.load_dataset(source, eval_size=20)
    assert data.classes == ("alpha", "zeta")
    named = dict(zip(data.train["text"], data.train["label"], strict=True)) | dict(
        zip(data.eval["text"], data.eval["label"], strict=True)
    )
    assert all(named[f"text {i}"] == (0 if i % 2 else 1) for i in range(60) if i != 5)
    with pytest.raises(ArgumentError, match=r"Pass one of its splits"):
        pl.load_dataset(hf.DatasetDict({"train": source}))


def test_bad_rows_are_counted_by_reason_and_number():
    table = pd.DataFrame(
        {
            "text": [f"text {i}" for i in range(40)]
            + [None, "  ", "good", "text 1", "text 2", "bad label", float("nan")],
            "label": [f"c{i % 2}" for i in range(40)] + ["c0", "c1", None, "c1", "c1", "c9", None],
        },
        index=[7] * 47,
    )
    with pytest.warns(UserWarning, match="rows left out") as caught:
        data = pl.load_dataset(table, eval_size=10, classes=["c1", "c0"])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    report = data.report
    assert report["rows read"] == 47
    assert report["missing text"] == 3
    assert report["missing label"] == 1
    assert report["unknown label"] == 1
    assert report["duplicate row"] == 1
    assert report["texts with several labels"] == 1
    rows = report["first rows"]
    assert rows["missing text"] == [40, 41, 46]
    assert rows["missing label"] == [42]
    assert rows["unknown label"] == [45]
    assert rows["duplicate row"] == [43]
    assert report["train"] + report["eval"] + sum(report[r] for r in rows) == 47
    message = str(caught[0].message)
    assert "missing text 3 (row 40, 41, 46)" in message
    assert "unknown label 1 (row 45)" in message
    assert data.classes == ("c1", "c0")


def test_warning_lists_the_first_rows_only():
    table = frame(60)
    table.loc[10:19, "text"] = ""
    with pytest.warns(
        UserWarning, match=r"DataFrame: 10 of 60 rows left out: missing text 10 \(row 10, 11, 12, 13, 14, \.\.\.\)"
    ):
        pl.load_dataset(table, eval_size=10)


def test_clean_data_warn_about_nothing():
    assert quiet(frame(), eval_size=20).report == {"rows read": 60, "train": 40, "eval": 20}


def test_text_shared_by_train_and_eval_leaves_train():
    # Each text occurs with both labels, so no row is a duplicate, and some text falls on both sides.
    table = pd.DataFrame({"text": [f"t{i // 2}" for i in range(80)], "label": [i % 2 for i in range(80)]})
    with pytest.warns(UserWarning, match="text also in the evaluation rows"):
        data = pl.load_dataset(table, eval_size=20)
    assert not set(data.train["text"]) & set(data.eval["text"])
    assert len(data.eval) == 20
    left = data.report["text also in the evaluation rows"]
    assert left > 0
    assert len(data.train) == 80 - 20 - left
    assert data.report["texts with several labels"] == 40
    first = data.report["first rows"]["text also in the evaluation rows"]
    assert all(table["text"][row] in set(data.eval["text"]) for row in first)


def test_split_follows_the_seed():
    one, same, other = (quiet(frame(200), eval_size=50, seed=seed) for seed in (3, 3, 4))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert set(one.eval["text"]) != set(other.eval["text"])
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    quiet(frame(200), eval_size=50)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_split_is_a_partition():
    data = quiet(frame(200, 3), eval_size=0.25)
    assert len(data.eval) == 50
    assert sorted([*data.train["text"], *data.eval["text"]]) == sorted(frame(200)["text"])
    assert list(data.train.columns) == ["text", "label"]
    assert data.train["label"].dtype == np.int64
    assert isinstance(data.train.index, pd.RangeIndex)


def test_split_keeps_proportions():
    labels = ["a"] * 700 + ["b"] * 200 + ["c"] * 95 + ["d"] * 5
    table = pd.DataFrame({"text": [f"t{i}" for i in range(1000)], "label": labels})
    data = quiet(table, eval_size=100, train_size=300)
    exact = np.array([70, 20, 9.5, 0.5])
    assert (np.abs(np.bincount(data.eval["label"], minlength=4) - exact) <= 1).all()
    assert (np.abs(np.bincount(data.train["label"], minlength=4) - 3 * exact) <= 2).all()
    assert data.report["not used"] == 600


def test_a_class_of_one_row_stays_in_training():
    table = pd.concat([frame(60), pd.DataFrame({"text": ["alone"], "label": ["rare"]})])
    data = quiet(table, eval_size=58)
    assert "alone" in set(data.train["text"])
    assert np.bincount(data.train["label"], minlength=3).tolist() == [1, 1, 1]
    assert data.report["classes without evaluation rows"] == 1


@pytest.mark.parametrize("size", [1, 7, 50, 96])
def test_pick_is_exact_and_within_one_row(size):
    labels = np.repeat([0, 1, 2, 4], [60, 30, 9, 1])
    chosen = pick(labels, size, np.random.default_rng(0), 5, spare=1)
    assert len(set(chosen)) == len(chosen) == size
    got = np.bincount(labels[chosen], minlength=5)
    assert (got <= np.array([59, 29, 8, 0, 0])).all()
    if size <= 50:
        assert (np.abs(got - np.array([60, 30, 9, 0, 1]) * size / 100) <= 1).all()


def test_pick_refuses_more_than_there_is():
    with pytest.raises(ArgumentError, match="at most 3"):
        pick(np.array([0, 0, 1]), 4, np.random.default_rng(0), 2)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 2], ("2", "9", "10")),
        ([1.0, 0.0, None], ("0", "1")),
        ([True, False, True], ("False", "True")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["b", "B", "a"], ("B", "a", "b")),
        ([0.5, 1.5, 0.5], ("0.5", "1.5")),
        (pd.Categorical(["y", "x", "y"]), ("x", "y")),
    ],
)
@pytest.mark.filterwarnings("ignore:DataFrame")
def test_labels_of_any_type_become_sorted_classes(labels, classes):
    table = pd.DataFrame({"text": [f"t{i}" for i in range(30)], "label": list(labels) * 10})
    assert pl.load_dataset(table, eval_size=6).classes == classes


def test_cells_that_say_na_are_text_in_csv(tmp_path):
    rows = "".join(f"row {i},{'NA' if i % 2 else 'null'}\n" for i in range(20))
    (tmp_path / "d.csv").write_text("text,label\n" + rows)
    data = quiet(tmp_path / "d.csv", eval_size=5)
    assert data.classes == ("NA", "null")


def test_text_columns_are_joined():
    table = frame().rename(columns={"text": "question"}).assign(passage=[f"p{i}" for i in range(60)])
    data = quiet(table, text=["question", "passage"], label="label", eval_size=20)
    assert set(data.train["text"]) | set(data.eval["text"]) == {f"text {i} [SEP] p{i}" for i in range(60)}
    table.loc[4, "passage"] = None
    with pytest.warns(UserWarning, match=r"missing text 1 \(row 4\)"):
        pl.load_dataset(table, text=["question", "passage"], eval_size=20)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "rotten_tomatos"}, DataError, "Did you mean 'rotten_tomatoes'"),
        ({"source": "zzz"}, DataError, "neither a catalog name nor a file. Known: rotten_tomatoes"),
        ({"source": "no/such/file.csv"}, DataError, "no such file"),
        ({"source": 5}, ArgumentError, "source=5: expected a catalog name"),
        ({"source": "boolq", "text": "passage"}, ArgumentError, "'boolq' is read for you"),
        ({"text": "txt"}, DataError, "text='txt': .*Did you mean 'text'.* Columns: 'text', 'label'"),
        ({"label": "zz"}, DataError, "label='zz': .* Columns: 'text', 'label'"),
        ({"text": "text", "label": "text"}, ArgumentError, "another column than text"),
        ({"text": []}, ArgumentError, "a column name"),
        ({"eval_size": 59}, DataError, "asks for 59 evaluation rows and one training row for each of 2 classes"),
        ({"eval_size": 500}, DataError, "has 60 usable rows. Lower eval_size"),
        ({"eval_size": 0.001}, DataError, "asks for 0 evaluation rows"),
        ({"eval_size": 0}, ArgumentError, "eval_size=0"),
        ({"eval_size": 1.0}, ArgumentError, "eval_size=1.0"),
        ({"eval_size": True}, ArgumentError, "eval_size=True"),
        ({"eval_size": float("nan")}, ArgumentError, "eval_size=nan"),
        ({"train_size": 41}, DataError, "train_size=41: DataFrame has 40 rows left for training"),
        ({"train_size": 0}, ArgumentError, "train_size=0"),
        ({"seed": -1}, ArgumentError, "seed=-1"),
        ({"classes": ["x", "y"]}, DataError, r"no row of DataFrame has one of them; it has \['c0', 'c1'\]"),
        ({"classes": ["c0", "c0"]}, ArgumentError, "each label once"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        pl.load_dataset(**{"source": frame(), "eval_size": 20, **arguments})


def sums(n: int = 60) -> pd.DataFrame:
    return pd.DataFrame({"prompt": [f"{i} + {i} =" for i in range(n)], "completion": [f" {2 * i}" for i in range(n)]})


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_completions(tmp_path, name):
    if "parquet" in name:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: parquet not tried")
    table = sums()
    table.loc[3] = ['naïve, "quoted"\nsecond line\n', "  kept as it stands\t"]
    WRITERS[name](table, tmp_path / name)
    expected = quiet(table, eval_size=20)
    data = quiet(tmp_path / name, eval_size=20)
    assert (data.kind, data.classes) == ("completions", ())
    assert (len(data.train), len(data.eval)) == (40, 20)
    assert list(data.train.columns) == ["prompt", "completion"]
    assert data.fingerprint == expected.fingerprint
    found = pd.concat([data.train, data.eval])
    assert set(map(tuple, found.to_numpy())) == set(map(tuple, table.to_numpy()))


def test_hugging_face_dataset_of_completions():
    hf = pytest.importorskip("datasets", reason="datasets is not installed: datasets.Dataset not tried")
    table = sums()
    data = quiet(hf.Dataset.from_pandas(table), eval_size=20)
    assert data.fingerprint == quiet(table, eval_size=20).fingerprint
    talk = hf.Dataset.from_dict({"prompt": [[{"role": "user", "content": "1 + 1"}]] * 9, "completion": ["2"] * 9})
    with pytest.raises(DataError, match=r"column 'prompt' holds \w+s, and texts are needed.*chat template"):
        pl.load_dataset(talk, eval_size=3)


def test_a_fingerprint_of_completions_changes_with_every_cell_and_the_split():
    table, other, swapped = sums(), sums(), sums()
    other.loc[5, "completion"] += " "
    swapped = swapped.set_axis(["completion", "prompt"], axis=1)
    prints = {quiet(t, eval_size=20, seed=s).fingerprint for t, s in ((table, 0), (table, 1), (other, 0), (swapped, 0))}
    assert len(prints) == 4
    assert quiet(table, eval_size=20, name="else").fingerprint in prints


def test_bad_completions_are_counted_by_reason_and_number():
    bad = [[None, " 1"], ["  ", " 1"], ["why", None], ["why", " "], ["1 + 1 =", " 2"], ["2 + 2 =", " 5"], [7, 8.5]]
    table = pd.concat([sums(40), pd.DataFrame(bad, columns=["prompt", "completion"], dtype=object)])
    with pytest.warns(UserWarning, match="rows left out"):
        data = pl.load_dataset(table, eval_size=10)
    report = data.report
    assert (report["missing prompt"], report["missing completion"], report["duplicate row"]) == (2, 2, 1)
    assert report["first rows"]["missing completion"] == [42, 43]
    assert report["prompts with several completions"] == 1
    left_out = sum(report[reason] for reason in report["first rows"])
    assert report["train"] + report["eval"] + left_out == 47
    assert ("7", "8.5") in set(map(tuple, pd.concat([data.train, data.eval]).to_numpy()))
    page = data._repr_html_()
    assert "missing prompt: 2" in page
    assert "completion, median characters" in page


def test_a_prompt_is_on_one_side_of_the_split():
    table = pd.concat([sums(30), sums(30).assign(completion=" no idea")], ignore_index=True)
    with pytest.warns(UserWarning, match="prompt also in the evaluation rows"):
        data = pl.load_dataset(table, eval_size=20)
    assert not set(data.train["prompt"]) & set(data.eval["prompt"])
    same = pd.DataFrame({"prompt": ["?"] * 9, "completion": [f" {i}" for i in range(9)]})
    with pytest.raises(DataError, match="no prompt is left for training after the split; lower eval_size=3"):
        pl.load_dataset(same, eval_size=3)


def test_columns_of_completions_are_named_or_found():
    table = sums().rename(columns={"prompt": "Question", "completion": "Answer"}).assign(label="x")
    named = quiet(table, eval_size=20, prompt="Question", completion="Answer")
    assert quiet(table, eval_size=20, prompt="Question").fingerprint == named.fingerprint
    assert quiet(table, eval_size=20, completion="Answer").fingerprint == named.fingerprint
    labelled = sums().assign(label=["a", "b"] * 30)
    assert quiet(labelled, eval_size=20).kind == "completions"
    assert quiet(labelled, eval_size=20, text="prompt").kind == "labels"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prompt": "prompt", "text": "prompt"}, ArgumentError, "prompt='prompt': expected None with text= or label="),
        ({"completion": "zz"}, DataError, "completion='zz': .* Columns: 'prompt', 'completion'"),
        ({"prompt": "completion", "completion": "completion"}, ArgumentError, "another column than prompt"),
        ({"source": sums().drop(columns="completion"), "prompt": "prompt"}, DataError, "no column is called 'comple"),
        ({"source": "asdiv", "prompt": "question"}, ArgumentError, "prompt='question': expected None: 'asdiv' is read"),
        ({"classes": ["a"]}, ArgumentError, "classes=.*None for completions"),
        ({"eval_size": 60}, DataError, "asks for 60 evaluation rows and one training row; DataFrame has 60 usable"),
        ({"train_size": 41}, DataError, "train_size=41: DataFrame has 40 rows left for training"),
        ({"source": sums().assign(prompt=None)}, DataError, "no usable row in 60 rows; left out 60 with missing prom"),
    ],
)
def test_errors_of_completions(arguments, error, message):
    with pytest.raises(error, match=message):
        pl.load_dataset(**{"source": sums(), "eval_size": 20, **arguments})


@pytest.mark.parametrize("operation", ["+", "-", "*"])
def test_modular_arithmetic_is_complete_and_right(operation):
    table = pl.catalog.modular_arithmetic(11, operation=operation)
    assert len(table) == table["prompt"].nunique() == 121
    for prompt, completion in table.to_numpy():
        assert prompt.endswith(" =")
        assert completion.startswith(" ")
        assert (eval(prompt.removesuffix("=")) - int(completion)) % 11 == 0
        assert 0 <= int(completion) < 11
    assert quiet(table, eval_size=0.3, name="mod11").kind == "completions"


@pytest.mark.parametrize("arguments", [{"modulus": 1}, {"modulus": 7.5}, {"modulus": 1001}, {"operation": "/"}])
def test_modular_arithmetic_refuses(arguments):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        pl.catalog.modular_arithmetic(**arguments)


def test_single_class():
    with pytest.raises(DataError, match=r"a single class, 'c0' in 30 usable of 30 rows; two classes are needed"):
        pl.load_dataset(frame(30, classes=1), eval_size=5)
    with pytest.raises(DataError, match=r"30 usable of 60 rows; left out 30 with unknown label"):
        pl.load_dataset(frame(), eval_size=5, classes=["c0"])


@pytest.mark.filterwarnings("ignore:DataFrame")
def test_training_rows_of_one_class_are_refused():
    # "e" carries both labels: whichever copy is drawn for evaluation takes the other out of training.
    table = pd.DataFrame({"text": ["a", "b", "c", "d", "e", "e"], "label": [0, 0, 0, 0, 0, 1]})
    for seed in range(50):
        data = None
        with contextlib.suppress(DataError):
            data = pl.load_dataset(table, eval_size=4, seed=seed)
        if data is None:
            break
        assert data.train["label"].nunique() == 2
    with pytest.raises(DataError, match="the training rows hold a single class after the split; lower eval_size"):
        pl.load_dataset(table, eval_size=4, seed=seed)


def test_labels_that_are_measurements_are_refused():
    table = frame(60).assign(label=np.linspace(0, 1, 60))
    with pytest.raises(DataError, match="60 different labels in 60 rows; label= must name a class"):
        pl.load_dataset(table, eval_size=20)


@pytest.mark.parametrize(
    "table", [pd.DataFrame({"text": [], "label": []}), pd.DataFrame({"text": [None] * 3, "label": [1, 2, 3]})]
)
def test_no_usable_row(table):
    with pytest.raises(DataError, match="no usable row"):
        pl.load_dataset(table)


def test_column_is_found_by_a_usual_name_or_asked_for():
    data = quiet(frame().rename(columns={"text": "Sentence", "label": "Category"}), eval_size=20)
    assert len(data.train) == 40
    with pytest.raises(
        DataError, match=r"no column is called 'text'; say which one it is with text=\. Columns: 'a', 'label'"
    ):
        pl.load_dataset(frame().rename(columns={"text": "a"}))
    with pytest.raises(DataError, match="no column is called 'label'; say which one it is with label="):
        pl.load_dataset(frame().rename(columns={"label": "b"}))
    with pytest.raises(DataError, match="has 2 columns of this name"):
        pl.load_dataset(pd.concat([frame(), frame()[["text"]]], axis=1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.xlsx", b"x", r"files of type '\.xlsx' are not read; convert it to one of \.csv"),
        ("noend", b"x", r"files of type '\(none\)' are not read"),
        ("d.csv", b"", "the file is empty"),
        ("d.csv", b"text,label\n\xff\xfe,a\n", "not UTF-8"),
        ("d.csv", b"text,label\na,b,c,d\n", "not a well-formed .csv file"),
        ("d.csv", b"text,label\na,b\nc,d,e,f\n", "not a well-formed .csv file .*line 3"),
        ("d.jsonl", b'{"text": "a", "label": 1}\n{oops\n', "line 2 is not JSON"),
        ("d.jsonl", b'{"text": "a", "label": 1}\n[1]\n', "line 2 is not an object"),
        ("d.json", b"[1, 2]", "element 0 is not an object"),
        ("d.json", b'{"text": ["a", "b"], "label": [1]}', "different lengths"),
        ("d.parquet", b"nothing", "cannot be read as parquet"),
    ],
)
def test_broken_files(tmp_path, name, content, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: parquet not tried")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        pl.load_dataset(tmp_path / name)


def test_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder, not a file"):
        pl.load_dataset(tmp_path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"needs pyarrow: pip install 'predictlab\[parquet\]'"):
        pl.load_dataset(tmp_path / "d.parquet")


def test_a_null_line_of_json_is_a_bad_row(tmp_path):
    lines = [json.dumps({"text": f"t{i}", "label": i % 2}) for i in range(30)]
    (tmp_path / "d.jsonl").write_text("\n".join([*lines[:3], "null", *lines[3:]]))
    with pytest.warns(UserWarning, match=r"missing text 1 \(row 3\)"):
        pl.load_dataset(tmp_path / "d.jsonl", eval_size=5)


def test_catalog_rows_are_reported_without_a_warning(cache, tiny, wheel, client):
    client(f"shutil.copy({str(wheel)!r}, dest)")
    data = quiet("tiny", eval_size=10, name="mine")
    assert data.name == "mine"
    assert data.source == "tiny (tinysets 1.0)"
    assert data.classes == ("irrelevant", "relevant")
