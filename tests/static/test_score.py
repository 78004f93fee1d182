"""The table of scores: its columns, its intervals, and what it asks of the model."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.static._features_table import COLUMNS
from predictlab.static._intervals import halves, jackknife


def problem(rng, n=200, d=12, classes=3, shift=0.5):
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + shift * np.eye(d)[labels], labels


def make_task(rows, label_noise=0.0):
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(rows)], "label": np.arange(rows) % 3})
    data = pl.Dataset("toy", frame, frame.head(9), ("a", "b", "c"))
    return pl.Task("some-model", data, pl.Recipe(max_length=17, pooling="cls"), label_noise=label_noise)


@pytest.fixture
def backbone(monkeypatch):
    """A stand-in for the model: the feature of "text i" is drawn from i alone; the calls are recorded."""
    calls = []

    def layer_features(model, texts, max_length, pooling, layers, **rest):
        calls.append((model, texts, max_length, pooling))
        x = np.array([np.random.default_rng(int(t.split()[1])).normal(size=5) for t in texts], np.float32)
        return {"1": 2 * x, "mean": x} if layers == "each" else {str(layers): x}

    module = types.ModuleType("predictlab.catalog._layers")
    module.layer_features = layer_features
    monkeypatch.setitem(sys.modules, "predictlab.catalog._layers", module)
    return calls


def test_table_of_features():
    features, labels = problem(np.random.default_rng(0))
    features *= np.linspace(0.5, 2, features.shape[1])
    table = pl.static.score_features(features, labels)
    assert list(table.columns) == COLUMNS
    assert table["method"].tolist() == ["hscore", "logme", "knn", "linear_probe"]
    expected = [
        pl.static.hscore(features, labels),
        pl.static.logme(features, labels),
        pl.static.knn_accuracy(features, labels),
        pl.static.linear_probe_accuracy(features, labels),
    ]
    assert table["value"].tolist() == expected
    assert (table["better"] == "higher").all()
    assert (table["seconds"] > 0).all()
    assert (table["lower"] < table["value"]).all()
    assert (table["value"] < table["upper"]).all()
    assert (table["rows"] == 200).all()
    assert table["interval"].str.startswith("95%").all()
    assert "0.335 for always naming the largest class" in table["note"].iloc[2]


def test_chosen_methods_and_level():
    features, labels = problem(np.random.default_rng(1))
    narrow = pl.static.score_features(features, labels, "knn", confidence=0.5)
    wide = pl.static.score_features(features, labels, ["knn", "logme", "knn"], confidence=0.99)
    assert narrow["method"].tolist() == ["knn"]
    assert wide["method"].tolist() == ["knn", "logme"]
    assert wide.loc[0, "lower"] < narrow.loc[0, "lower"]
    assert wide.loc[0, "upper"] > narrow.loc[0, "upper"]


def test_score_reads_training_rows_with_their_noisy_labels(backbone):
    task = make_task(60, label_noise=0.5)
    table = pl.score(task, ["logme", "hscore"]).table
    model, texts, max_length, pooling = backbone[0]
    assert len(backbone) == 1
    assert model == task.model
    assert texts == task.data.train["text"].tolist()
    assert (max_length, pooling) == (17, "cls")
    features = np.array([np.random.default_rng(i).normal(size=5) for i in range(60)], np.float32)
    assert table.loc[0, "value"] == pl.static.logme(features, task.labels("train"))
    assert table.loc[0, "value"] != pl.static.logme(features, task.data.train["label"])
    assert list(table.columns) == ["task", "layer", *COLUMNS, "train_rows", "feature_seconds"]
    assert (table["task"] == task.name).all()
    assert (table["feature_seconds"] > 0).all()
    assert not table.attrs


def test_score_keeps_to_max_rows_with_labels_in_step(backbone):
    task = make_task(300, label_noise=0.2)
    table = pl.score(task, "hscore", max_rows=90, rng=4).table
    rows = [int(t.split()[1]) for t in backbone[0][1]]
    assert len(rows) == 90
    assert rows == sorted(set(rows))
    assert rows != list(range(90))
    features = np.array([np.random.default_rng(i).normal(size=5) for i in rows], np.float32)
    assert table.loc[0, "value"] == pl.static.hscore(features, task.labels("train")[rows])
    assert table.loc[0, "rows"] == 90
    assert table.loc[0, "train_rows"] == 300
    again = pl.score(task, "hscore", max_rows=90, rng=4).table
    times = ["seconds", "feature_seconds"]
    assert again.drop(columns=times).equals(table.drop(columns=times))


def test_score_of_a_real_model(tmp_path):
    """A small BERT, written to disk and read back: the table scores its own pooled features."""
    pytest.importorskip("transformers")
    import transformers

    from predictlab.catalog._layers import layer_features

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "very"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 80)
    text = [
        " ".join(["a"] * rng.integers(0, 4) + ["very"] * (i % 2) + [["bad", "good"][y], "film"])
        for i, y in enumerate(label)
    ]
    frame = pd.DataFrame({"text": text, "label": label})
    task = pl.Task(tmp_path, pl.Dataset("films", frame, frame.head(20), ("bad", "good")), pl.Recipe(max_length=16))
    table = pl.score(task).table
    [features] = layer_features(task.model, text, task.recipe.max_length, task.recipe.pooling).values()
    assert table.set_index("method").loc["logme", "value"] == pytest.approx(pl.static.logme(features, label), abs=1e-6)
    assert table.set_index("method").loc["linear_probe", "value"] > 0.8


def test_single_row_classes_are_left_out_of_accuracies_and_said():
    features, labels = problem(np.random.default_rng(2), n=100)
    labels[0] = 9
    table = pl.static.score_features(features, labels).set_index("method")
    assert table.loc["logme", "rows"] == 100
    assert table.loc["knn", "rows"] == 99
    assert "1 class(es) of a single row left out" in table.loc["linear_probe", "note"]
    assert table.loc["knn", "value"] == pl.static.knn_accuracy(features[1:], labels[1:])
    with pytest.raises(DataError, match="2 of 3 classes have one row only"):
        pl.static.score_features(features[:10], [0] * 8 + [1, 2], "knn")


def test_no_interval_where_there_is_none():
    labels = np.arange(60) % 3
    exact = pl.static.score_features(np.eye(3)[labels], labels, "logme").iloc[0]
    assert exact["value"] == np.inf
    assert np.isnan(exact["lower"])
    assert exact["interval"] == "none"
    assert "exact linear function" in exact["note"]
    # Equal variances everywhere: Ledoit and Wolf shrink the covariance away, and the score with it.
    features, labels = problem(np.random.default_rng(1), n=150, d=10)
    shrunk = pl.static.score_features(features, labels, "hscore").iloc[0]
    assert 0 <= shrunk["value"] < 0.05
    assert np.isnan(shrunk["lower"])
    features, few = problem(np.random.default_rng(3), n=12)
    assert np.isnan(pl.static.score_features(features, few, "hscore").loc[0, "upper"])


def test_refused(backbone):
    task = make_task(30)
    with pytest.raises(ArgumentError, match=r"methods='leap': expected names among hscore, logme, knn, linear_probe"):
        pl.score(task, ["logme", "leap"])
    with pytest.raises(ArgumentError, match="needs what the classification head"):
        pl.score(task, ["logme", "leep"])
    with pytest.raises(ArgumentError, match="the targets are classes"):
        pl.score(task, "knn_r2")
    with pytest.raises(ArgumentError, match="the targets are numbers"):
        pl.static.score_features(np.eye(4), np.arange(4.0), "hscore", of="values")
    with pytest.raises(ArgumentError, match="draws=5"):
        pl.score(task, draws=5)
    with pytest.raises(ArgumentError, match="layers='first'"):
        pl.score(task, layers="first")
    with pytest.raises(ArgumentError, match="methods=\\[\\]"):
        pl.score(task, [])
    with pytest.raises(ArgumentError, match="max_rows=1"):
        pl.score(task, max_rows=1)
    with pytest.raises(ArgumentError, match="confidence=95"):
        pl.score(task, confidence=95)
    with pytest.raises(ArgumentError, match="score_features"):
        pl.score(np.eye(3))
    assert not backbone  # refused before any work was done


def test_accuracies_have_wilsons_interval():
    features, labels = problem(np.random.default_rng(0))
    table = pl.static.score_features(features, labels, ["knn", "linear_probe"], confidence=0.9)
    for value, lower, upper in table[["value", "lower", "upper"]].itertuples(index=False):
        for end in (lower, upper):  # where the score test is just not rejected
            assert abs(value - end) / np.sqrt(end * (1 - end) / 200) == pytest.approx(stats.norm.ppf(0.95), rel=1e-9)
    # 0 of 20: 0 to .1611, Newcombe (1998), Statistics in Medicine 17, table I, method 3
    labels = np.arange(20) % 2
    [right] = pl.static.score_features(np.eye(2)[labels], labels, "knn")[["lower", "upper"]].to_numpy()
    assert right == pytest.approx([1 - 0.1611, 1.0], abs=5e-5)
    assert right[1] == 1


def test_jackknife_of_a_mean_is_students_interval():
    # With as many groups as rows the jackknife error of a mean is s / sqrt(n), an identity.
    sample = np.random.default_rng(0).gamma(2.0, size=40)
    found = jackknife(sample.mean(), lambda kept: float(sample[kept].mean()), 40, groups=40)
    assert found == pytest.approx(stats.t.interval(0.95, 39, sample.mean(), stats.sem(sample)), rel=1e-9)
    with pytest.raises(ArgumentError, match="groups=41"):
        jackknife(0.0, lambda kept: 0.0, 40, groups=41)


@pytest.mark.parametrize("method", ["logme", "hscore"])
def test_jackknife_interval_covers(method):
    # Its target is the mean score of draws of as many rows. At 95 % fewer than 88 of 100 are a .002 chance.
    rng = np.random.default_rng(7)
    scales = np.exp(np.random.default_rng(3).normal(size=10))
    tables = []
    for _ in range(100):
        features, labels = problem(rng, 150, 10)
        tables.append(pl.static.score_features(features * scales, labels, method).iloc[0])
    target = np.mean([t["value"] for t in tables])
    covered = sum(t["lower"] <= target <= t["upper"] for t in tables)
    assert covered >= 88


@pytest.mark.parametrize("method", ["hscore", "logme", "linear_probe"])
def test_interval_of_halves_covers(method):
    rng = np.random.default_rng(8)
    scales = np.exp(np.random.default_rng(3).normal(size=10))
    rows = 24 if method == "linear_probe" else 80
    tables = []
    for _ in range(rows):
        features, labels = problem(rng, 150, 10)
        tables.append(pl.static.score_features(features * scales, labels, method, draws=40, permutations=0).iloc[0])
    target = np.mean([t["value"] for t in tables])
    covered = sum(t["lower"] <= target <= t["upper"] for t in tables)
    assert covered >= 0.85 * rows  # at 95 % fewer than 68 of 80 are a chance of 2e-4, fewer than 21 of 24 one of .03


def test_halves_of_a_mean_scatter_as_the_mean():
    sample = np.random.default_rng(1).normal(size=400)
    found = halves(sample.mean(), lambda kept: float(sample[kept].mean()), 400, 2000, rng=1)
    expected = 1.96 * sample.std() / 20
    assert np.array(found) - sample.mean() == pytest.approx([-expected, expected], rel=0.08)


def test_labels_that_say_nothing_are_said_to_say_nothing():
    # A null of 19 deals is passed by chance in one case of twenty.
    rng = np.random.default_rng(0)
    counts = dict.fromkeys(["hscore", "logme", "knn", "linear_probe", "parc", "transrate"], 0)
    for _ in range(40):
        features, labels = rng.normal(size=(60, 8)), rng.integers(0, 2, 60)
        table = pl.static.score_features(features, labels, list(counts)).set_index("method")
        for name in counts:
            counts[name] += table.loc[name, "says"] == "something"
    assert max(counts.values()) <= 8  # more than 8 of 40 at one in twenty: 1 in 5,000
    features, labels = problem(rng, shift=2.0)
    table = pl.static.score_features(features, labels, "all")
    assert (table["says"] == "something").all()
    without = pl.static.score_features(features, labels, permutations=0)
    assert without["null"].isna().all()
    assert (without["says"] == "").all()


def test_permuting_labels_by_hand_gives_the_same_null():
    features, labels = problem(np.random.default_rng(2), n=50)
    found = pl.static.score_features(features, labels, ["hscore", "knn"], permutations=3, rng=5).set_index("method")
    for name, by_hand in (("hscore", pl.static.hscore), ("knn", pl.static.knn_accuracy)):
        rng = np.random.default_rng(5)
        dealt = [by_hand(features, labels[rng.permutation(50)]) for _ in range(3)]
        assert found.loc[name, "null"] == pytest.approx(max(dealt), abs=1e-12)


def test_scores_of_numbers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 5))
    y = x[:, 0] + 0.3 * rng.normal(size=120)
    table = pl.static.score_features(x, y, of="values").set_index("method")
    assert table.loc["logme_regression", "value"] == pytest.approx(pl.static.logme_regression(x, y))
    assert table.loc["knn_r2", "value"] == pytest.approx(pl.static.knn_r2(x, y))
    assert table.loc["linear_probe_r2", "value"] == pytest.approx(pl.static.linear_probe_r2(x, y))
    assert (table["says"] == "something").all()
    assert (table["lower"] < table["value"]).all()
    nothing = pl.static.score_features(x, rng.permutation(y), of="values")
    assert (nothing["value"] < 0.1).all()


def test_each_layer_is_a_row_and_shown(backbone):
    scores = pl.score(make_task(60), "hscore", layers="each")
    assert scores.table["layer"].tolist() == ["1", "mean"]
    assert scores.value("hscore", "mean") == scores.table["value"].iloc[1]
    with pytest.raises(ArgumentError, match="layer=9"):
        scores.value("hscore", 9)
    with pytest.raises(ArgumentError, match="method='logme'"):
        scores.value("logme")
    page = scores._repr_html_()
    assert "hscore" in page
    assert "not the outcome of a fine-tune" in page


def test_features_of_a_task_are_those_that_are_scored(backbone):
    task = make_task(60, label_noise=0.5)
    features, labels = pl.static.features_of(task, max_rows=40, rng=2)
    assert features.shape == (40, 5)
    assert pl.static.logme(features, labels) == pl.score(task, "logme", max_rows=40, rng=2).value("logme")
    with pytest.raises(ArgumentError, match="layers='each'"):
        pl.static.features_of(task, layers="each")
    with pytest.raises(ArgumentError, match=r"a pl\.Task"):
        pl.static.features_of("minilm-l6")
