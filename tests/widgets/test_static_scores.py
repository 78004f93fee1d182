"""StaticScores without a browser: every shape that scores come in, orders, agreement, and what stays alone."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab_widgets import StaticScores

VIEW = "application/vnd.jupyter.widget-view+json"
NAMES = ["a", "b", "c", "d", "e"]


def ranking(data="films", method="hscore", values=(5.0, 4.0, 3.0, 2.0, 1.0), null=1.5):
    value = np.array(values)
    table = pd.DataFrame(
        {
            "model": NAMES[: len(value)], "value": value, "lower": value - 0.5, "upper": value + 0.5, "null": null,
            "says": np.where(value > null, "something", "nothing"), "apart": [False, False, *[True] * (len(value) - 2)],
        }
    )  # fmt: skip
    return pl.static.Ranking(data, method, table, 0.95)


def scored(loader, name, layers=("mean",), methods=("knn", "logme")):
    features, labels = loader(return_X_y=True)
    tables = [pl.static.score_features(features, labels, methods).assign(layer=layer, task=name) for layer in layers]
    controls = [("largest class", "accuracy", 0.4), ("random weights", "knn", 0.5), ("random weights", "logme", -1.0)]
    frame = pd.DataFrame(controls, columns=["control", "method", "value"])
    return pl.static.StaticScores(name, pd.concat(tables, ignore_index=True), frame)


@pytest.fixture(scope="module")
def iris():
    return scored(load_iris, "iris")


@pytest.fixture(scope="module")
def wine():
    return scored(load_wine, "wine")


# -- every shape ----------------------------------------------------------------------------------------------------


def test_of_a_ranking_the_rows_are_models_with_what_is_open():
    widget = StaticScores(ranking())
    table = widget.table()
    assert table["row"].tolist() == NAMES
    assert table["place"].tolist() == [1, 2, 3, 4, 5]
    assert table["apart"].tolist() == [False, False, True, True, True]
    assert table["says"].tolist() == ["something"] * 4 + ["nothing"]
    assert (widget.method, widget.data, widget._given.of) == ("hscore", "films", "models")


def test_rankings_are_one_a_data_set_and_score():
    widget = StaticScores([ranking(), ranking("news", values=(1, 2, 3, 4, 5)), ranking("news", "logme")])
    assert widget.data_sets == ["films", "news"]
    assert widget.methods == ["hscore", "logme"]
    widget.data = "news"
    assert widget.table()["row"].tolist() == NAMES[::-1]
    widget.method = "logme"
    assert widget.data == "news"
    widget.data = "films"
    assert widget.method == "hscore", "films has no other"
    widget.method = "logme"
    assert widget.data == "news", "and only news has that"
    with pytest.raises(ArgumentError, match="method='logme': expected a score of the data set 'films'"):
        StaticScores([ranking(), ranking("news", "logme")], data="films", method="logme")


def test_of_a_list_of_scores_the_rows_are_tasks_and_of_a_mapping_models(iris, wine):
    tasks = StaticScores([iris, wine])
    assert tasks._given.of == "tasks"
    assert set(tasks.table()["row"]) == {"iris", "wine"}
    models = StaticScores({"one": iris, "two": wine})
    assert models._given.of == "models"
    assert models.data_sets == [""]
    several = StaticScores({"films": {"one": iris, "two": wine}, "news": {"one": wine}})
    assert several.data_sets == ["films", "news"]
    assert several.scores.loc[several.scores["data"] == "news", "row"].unique().tolist() == ["one"]
    value = iris.value("knn")
    assert models.table().set_index("row")["value"]["one"] == value


def test_of_one_with_several_layers_the_rows_are_layers(iris):
    layers = scored(load_iris, "iris", ("1", "2"))
    widget = StaticScores(layers, order="given")
    assert widget.table()["row"].tolist() == ["layer 1", "layer 2"]
    assert (widget.data, widget._given.of) == ("iris", "layers")
    assert StaticScores(iris).table()["row"].tolist() == ["iris"]
    assert "one, layer 2" in StaticScores({"one": layers, "two": iris}).scores["row"].tolist()


def test_controls_stand_beside_scores_of_their_unit(iris):
    page = StaticScores(iris)._all
    told = {r["method"]: dict(map(tuple, r["controls"])) for r in page["records"]}
    assert told["knn"] == {"largest class": 0.4, "random weights": 0.5}
    assert told["logme"] == {"random weights": -1.0}


# -- orders, and what fine-tunes reached ----------------------------------------------------------------------------


def test_orders_are_those_that_are_asked_for():
    reached = {"a": 0.7, "b": [0.8, 0.9], "c": 0.6, "d": 0.65}
    widget = StaticScores(ranking(values=(1.0, 3.0, 2.0, 5.0, 4.0)), reached)
    orders = {"score": "debca", "reached": "badce", "name": "abcde", "given": "abcde"}
    for order, rows in orders.items():
        widget.order = order
        assert "".join(widget.table()["row"]) == rows
    b = widget.table().set_index("row").loc["b"]
    assert b[["reached", "reached_lower", "reached_upper", "seeds"]].tolist() == pytest.approx([0.85, 0.8, 0.9, 2])
    assert np.isnan(widget.table().set_index("row").loc["e", "reached"])


def test_where_lower_is_better_it_comes_first():
    table = pd.DataFrame({"method": "bits_per_byte", "layer": "mean", "value": [1.2]})
    low = pl.static.StaticScores("low", table, pd.DataFrame())
    high = pl.static.StaticScores("high", table.assign(value=2.0), pd.DataFrame())
    widget = StaticScores({"high": high, "low": low}, {"high": 0.6, "low": 0.7})
    assert widget.table()["row"].tolist() == ["low", "high"]
    assert widget.table()["place"].tolist() == [1, 2]
    assert widget.agreement()["tau"].tolist() == [1]


def test_agreement_is_kendalls_tau_of_models_and_of_nothing_else(iris, wine):
    values, ends = (5.0, 4.0, 3.0, 2.0, 1.0), (0.9, 0.7, 0.8, 0.6, 0.65)
    widget = StaticScores([ranking(values=values), ranking("news")], {"films": dict(zip(NAMES, ends, strict=True))})
    films, news = widget.agreement().itertuples()
    assert (films.tau, films.p) == pytest.approx(stats.kendalltau(values, ends))
    assert films.rows == 5
    assert np.isnan(news.tau)
    assert widget._all["agreement"][0]["chance"], "an order of five may be chance"
    tasks = StaticScores([iris, wine], {"iris": 0.95, "wine": 0.9})
    assert tasks.agreement()["tau"].isna().all()


# -- bad values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((1,), "scores=1: expected what pl.score or pl.rank returned"),
        (([],), "expected what pl.score or pl.rank returned"),
        (({"a": 1},), r"scores\['a'\]=1"),
        (({"a": {"b": 1}},), r"scores\['a'\]\['b'\]=1"),
        (([ranking(), ranking()],), "each row once for a score and a data set"),
        ((ranking(), {"q": 1.0}), "reached='q': expected one of the rows: a, b, c, d, e"),
        ((ranking(), {"a": "x"}), r"reached\['a'\]='x'"),
        ((ranking(), {"a": [0.8, np.nan]}), r"reached\['a'\]"),
        ((ranking(), {}), "reached={}"),
        ((ranking(), {"news": {"a": 0.8}}), "reached='news': expected one of the data sets: films"),
        (([ranking(), ranking("news")], {"a": 0.8}), "accuracies for each of 2 data sets"),
    ],
)
def test_bad_scores_and_accuracies_are_refused_and_named(given, says):
    with pytest.raises(ArgumentError, match=says):
        StaticScores(*given)


def test_bad_choices_are_refused_and_change_nothing():
    widget = StaticScores(ranking())
    for name, value in (("method", "leep"), ("data", "x"), ("order", "size"), ("selected", "z")):
        with pytest.raises(ArgumentError, match=f"{name}='{value}'"):
            setattr(widget, name, value)
        with pytest.raises(ArgumentError):
            StaticScores(ranking(), **{name: value})
    assert (widget.method, widget.data, widget.order, widget.selected) == ("hscore", "films", "score", None)


# -- what stays without a page ---------------------------------------------------------------------------------------


def test_picture_and_table_stay(iris, wine):
    reached = dict.fromkeys(NAMES, 0.8) | {"a": 0.9}
    several = StaticScores([ranking(), ranking("news")], {"films": reached})
    one = StaticScores({"one": iris, "two": scored(load_breast_cancer, "cancer")})
    alone = StaticScores(iris, {"iris": 0.94})
    for widget in (several, one, alone, StaticScores(scored(load_wine, "wine", ("1", "2")))):
        bundle, _ = widget._repr_mimebundle_()
        assert VIEW in bundle
        assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"
        assert "permuted labels reach" in bundle["text/html"]
    assert "Says nothing (no better than permuted labels) of e." in several._html()
    assert "Kendall&#x27;s tau with what 5 fine-tunes reached" in several._html()
    assert "<th>reached</th>" in alone._html()
