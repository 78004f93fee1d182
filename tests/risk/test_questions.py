"""Three questions that are not mixed, and what each curve says of itself."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.risk import ESTIMATOR_CAVEATS, ESTIMATORS, QUESTIONS, from_depth, same_question


@pytest.fixture
def three(forked):
    frame = forked.frame(np.random.default_rng(0), (3,) * 8)
    return {name: pl.risk_curve(frame, estimator=name) for name in ("spread", "branch", "residual")}


def test_each_estimator_answers_its_question(three):
    assert {name: c.question for name, c in three.items()} == {
        "spread": "agreement", "branch": "this_run", "residual": "this_run"
    }  # fmt: skip


def test_curves_of_one_question_go_together(three):
    assert same_question([three["branch"], three["residual"]]) == "this_run"
    assert same_question({"a": SimpleNamespace(curve=three["spread"])}) == "agreement"


def test_mixing_questions_explains_itself(three):
    with pytest.raises(ArgumentError) as error:
        same_question(three)
    message = str(error.value)
    for part in (
        "question=['agreement', 'this_run']: expected curves of one question",
        QUESTIONS["agreement"] + " (spread)",
        QUESTIONS["this_run"] + " (branch, residual)",
        "compare them apart",
    ):
        assert part in message
    with pytest.raises(ArgumentError, match=r"\(number 1, number 2, number 3, …\)"):
        same_question([three["spread"]] * 4 + [three["branch"]])
    with pytest.raises(ArgumentError, match=r"curves=\[\]: expected at least one risk curve"):
        same_question([])
    with pytest.raises(ArgumentError, match=r"curves=3: expected risk curves, or fits of them"):
        same_question([3])


def test_every_curve_says_what_it_says_and_does_not_say(three):
    assert set(ESTIMATOR_CAVEATS) == set(ESTIMATORS)
    for name, curve in three.items():
        for text in (curve.summary(), curve._repr_html_().replace("&#x27;", "'")):
            assert ESTIMATOR_CAVEATS[name] in text
            assert QUESTIONS[curve.question] in text
        assert "does not say" in ESTIMATOR_CAVEATS[name]


def test_markup_in_a_name_is_text():
    curve = pl.RiskCurve(depth=[1, 2], risk=[2, 1], df=3, task="<b>x</b>")
    assert "&lt;b&gt;x" in curve._repr_html_()


def test_errors_of_the_wrong_shape_are_named():
    with pytest.raises(ArgumentError, match=r"errors='array of shape \(3,\)': expected shape \(runs, 2\)"):
        pl.RiskCurve(depth=[1, 2], risk=[2, 1], df=3, errors=np.zeros(3))


def test_errors_give_the_risk_of_a_spread(three):
    curve = three["spread"]
    np.testing.assert_allclose(np.sum(curve.errors**2, axis=0) / curve.df, curve.risk)
    assert from_depth(curve, 8).errors.shape == (8, 3)
    assert three["branch"].errors is None


def test_share_left_is_shown_for_runs_under_way_only(three):
    assert "unresolved" not in three["spread"].frame()
    for name in ("branch", "residual"):
        np.testing.assert_allclose(three[name].frame()["unresolved"], three[name].risk / three[name].total_variance)


def test_curves_can_be_drawn_and_fitted(three):
    for curve in three.values():
        assert curve.plot().to_dict()["title"]["subtitle"] == f"{curve.estimator}, {curve.question}"
        assert pl.DecayModel(curve).fit().question == curve.question


def test_estimator_is_one_of_three(three):
    frame = pd.DataFrame({c: [] for c in ("task", "run", "depth", "metric", "value", "status")})
    with pytest.raises(ArgumentError, match=r"estimator='given': expected one of 'spread', 'branch', 'residual'"):
        pl.risk_curve(frame, estimator="given")
    with pytest.raises(ArgumentError, match=r"folds=3: expected None with estimator 'spread'"):
        pl.risk_curve(frame, folds=3)
