"""Ranking of models: the order, differences on common rows, and what is refused."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.static._rank import ranked, scored_rows


@pytest.fixture
def backbones(monkeypatch):
    """Models of one shared noise and a signal of their own, named by its strength."""

    def layer_features(model, texts, *settings, **rest):
        numbers = np.array([int(t.split()[1]) for t in texts])
        noise = np.array([np.random.default_rng(i).normal(size=6) for i in numbers])
        noise *= np.linspace(0.5, 2, 6)  # equal variances would be shrunk away
        signal = float(str(model).removeprefix("m"))
        return {"mean": noise + signal * (numbers % 2)[:, None] * np.array([1, 0, 0, 0, 0, 1])}

    module = types.ModuleType("predictlab.catalog._layers")
    module.layer_features = layer_features
    monkeypatch.setitem(sys.modules, "predictlab.catalog._layers", module)


def data(rows=300):
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(rows)], "label": np.arange(rows) % 2})
    return pl.Dataset("toy", frame, frame.head(9), ("a", "b"))


@pytest.mark.parametrize("method", ["hscore", "logme", "knn", "linear_probe"])
def test_the_stronger_signal_is_first(backbones, method):
    found = pl.rank(["m0", "m3", "m1"], data(), method)
    assert found.table["model"].tolist() == ["m3", "m1", "m0"]
    assert found.table["behind"].iloc[0] == 0
    assert found.table["apart"].tolist()[0] is False or not found.table["apart"].iloc[0]
    assert found.table["apart"].iloc[2]
    assert found.table["says"].iloc[0] == "something"
    assert found.candidates[0] == "m3"
    assert "toy" in found._repr_html_()
    assert "A rank by" in str(found)


def test_like_models_are_not_told_apart_and_common_rows_count(backbones):
    found = pl.rank(["m1", "m1.02", "m3"], data(), "hscore")
    assert "m3" in found.candidates[0]
    near = pl.rank(["m1", "m1.02"], data(), "hscore")
    alone = near.table["upper"] - near.table["lower"]
    between = near.table["behind_upper"].iloc[1] - near.table["behind_lower"].iloc[1]
    assert between < 0.3 * alone.min()  # they share their noise, which cancels


def test_the_interval_of_a_difference_holds():
    # Two models that are equally good, in other features: their mean difference is 0.
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        labels = np.arange(120) % 2
        scales = np.exp(np.linspace(-1, 1, 6))
        made = [(rng.normal(size=(120, 6)) + 0.8 * labels[:, None] * np.eye(6)[0]) * scales for _ in range(2)]
        scored = [scored_rows("hscore", x, labels, 0, 0) for x in made]
        table = ranked([(str(i), *s[:2]) for i, s in enumerate(scored)], np.array([s[2] for s in scored]), 0.95)
        held += not table["apart"].iloc[1]
    assert held >= 88  # at 95 % a chance of .002 to be below


def test_value_is_that_of_the_score(backbones):
    found = pl.rank(["m0", "m1"], data(100), "logme", permutations=0)
    numbers = np.arange(100)
    noise = np.array([np.random.default_rng(i).normal(size=6) for i in numbers]) * np.linspace(0.5, 2, 6)
    expected = pl.static.logme(noise, numbers % 2)
    assert found.table.set_index("model").loc["m0", "value"] == pytest.approx(expected)
    assert found.table["null"].isna().all()


def test_no_interval_tells_nothing_apart():
    table = ranked([("a", 1.0, 0.0), ("b", 0.5, 0.0)], np.full((2, 10), np.nan), 0.95)
    assert not table["apart"].any()


def test_refused(backbones):
    with pytest.raises(ArgumentError, match="at least two models"):
        pl.rank(["m1"], data())
    with pytest.raises(ArgumentError, match="each once"):
        pl.rank(["m1", "m1"], data())
    with pytest.raises(ArgumentError, match="the name of one score"):
        pl.rank(["m0", "m1"], data(), "all")
    with pytest.raises(ArgumentError, match="targets are classes"):
        pl.rank(["m0", "m1"], data(), "knn_r2")
    with pytest.raises(ArgumentError, match="layers='each'"):
        pl.rank(["m0", "m1"], data(), layers="each")
    with pytest.raises(DataError, match="12 training rows"):
        pl.rank(["m0", "m1"], data(12))
    with pytest.raises(ArgumentError, match="load_dataset"):
        pl.rank(["m0", "m1"], ["a text"])
    sums = pd.DataFrame({"prompt": ["1 + 1"], "completion": ["2"]})
    with pytest.raises(DataError, match="completions"):
        pl.rank(["m0", "m1"], pl.Dataset("sums", sums, sums))
