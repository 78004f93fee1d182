"""What `RiskDecomposition` takes from fits: the law, its question in words, a price, and what rows are of the floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import predictlab as pl
from predictlab.budget import FreshResults, FreshRun, last_depth, seeds_of
from predictlab.decay import PARAMETERS, DecayResults, PosteriorResults, law
from predictlab.errors import bad_argument
from predictlab.phase import static_risk_of
from predictlab.risk import ASKED, FLOORS, QUESTIONS
from predictlab_widgets._arguments import round3

_NO_PROBE = {
    "agreement": "how far seeds are apart after so many steps has no meaning without them",
    "this_run": "the variance of the ends is not known",
    "fresh_run": "no run has ended, and no forecast was given",
    "new_task": "the variance of the ends is not known",
}


def parts_of_rows(fit: DecayResults) -> dict[str, float | str]:
    """Share of the floor that is the evaluation rows, and what is to be said of them; empty where it is not known."""
    sample = fit.sample(2000)
    parts = fit.curve.parts
    if not isinstance(fit, PosteriorResults) or fit.measured_rows is None or not hasattr(sample, "lasting_of_rows"):
        return {}
    of_rows, floor = sample.lasting_of_rows(), sample.lasting()
    share = float(np.median(of_rows / np.maximum(floor, 1e-300)))
    low, high = np.quantile(of_rows / np.maximum(floor, 1e-300), [0.025, 0.975])
    wanted = fit.measured_rows if fit.model.rows is None else float(fit.model.rows)
    on = "the population of rows" if np.isinf(wanted) else f"this set of {wanted:,.0f} rows"
    words = f"Of the floor {share:.0%} [{low:.0%}, {high:.0%}] is {on}: which run gets which row right."
    if parts is not None and np.isfinite(wanted):
        shared = max(parts[-1].row, 0.0) / wanted
        words += (
            f" Rows of unequal difficulty add {shared:.2g} metric² more between any number on them and deployment, the "
            "same for all seeds: it is in no spread."
        )
    return {"share": share, "words": words}


def by_question(given: Any) -> dict[str, DecayResults]:
    """Fits by their questions; one alone, several of one task and metric, or none."""
    several = given.values() if isinstance(given, Mapping) else given
    if given is None or isinstance(given, DecayResults | FreshRun):
        several = () if given is None else (given,)
    expected = "the DecayResults of one task, a FreshRun, or one for each question"
    hint = "Pick one: RiskDecomposition(fits['name'])."
    try:
        fits = [fit.results() if isinstance(fit, FreshRun) else fit for fit in several]
    except TypeError:
        raise bad_argument("fit", given, expected, hint) from None
    asked = [getattr(fit, "question", None) for fit in fits]
    if None in asked or (isinstance(given, Mapping) and list(given) != asked):
        raise bad_argument("fit", given, expected, hint)
    out = {fit.question: fit for fit in fits}
    kinds = {(fit.task, fit.curve.metric) for fit in fits}
    if len(out) < len(fits) or len(kinds) > 1:
        found = [f"{fit.task}: {fit.question}" for fit in fits]
        raise bad_argument("fit", found, "fits of one task and metric, each of another question", hint)
    return out


def words_of(fit: DecayResults | None, first: float) -> dict[str, Any]:
    """What is asked, what it is compared with, and where the recipe ends; risks in metric², None where not known."""
    short = f"at {first:g} step{'' if first == 1 else 's'}, the first depth"
    if fit is None:
        return {"question": "", "without": short, "static_risk": None, "last": None, "words": ""}
    last, question = last_depth(fit), fit.question
    known, predicted = ASKED[question]
    static, without = static_risk_of(fit), short
    alternative = f"The risk is compared with that {short}, a short probe: {_NO_PROBE[question]}."
    if static is not None:
        without = "without a probe"
        by = {"this_run": ", Var(R)", "new_task": ", the variance of all ends"}.get(question, "")
        if isinstance(fit, FreshResults):
            by = f", the mean of {fit.fresh.ended} runs that ended" if fit.fresh.ended else ", as given"
        alternative = f"Without a probe{by}: {static:.3g} metric²."
    return {
        "question": QUESTIONS[question], "without": without, "static_risk": static,
        "last": None if np.isinf(last) else last,
        "words": f"Known: {known}. Predicted: {predicted}. The least that is left: {FLOORS[question]}. {alternative}",
    }  # fmt: skip


def reach_of(fit: DecayResults, tolerance: float, drawing: dict[str, Any]) -> tuple[float, float, float]:
    """``c_tau`` as ``pl.depth_for_tolerance`` gives it, between the ends of its 95 % interval."""
    found = pl.depth_for_tolerance(fit, tolerance, **drawing)
    lower, upper = found.conf_int().loc["depth"]
    return float(lower), found.depth, float(upper)


def numbers_of(fit: DecayResults, given: dict[str, float]) -> dict[str, float]:
    """The law of a fit, and a price and a tolerance that put both depths among the fitted ones."""
    fitted_law = {name: float(fit.params[name]) for name in PARAMETERS}
    if not fitted_law["scale"] > 0:
        fitted_law["decay_rate"] = 1.0  # nothing decays: any rate says the same
    floor, k, a = (given.get(name, value) for name, value in fitted_law.items())
    step = given.get("cost_per_step", float(fit.seeds if isinstance(fit, FreshResults) else seeds_of(fit)))
    fitted = fit.fitted.depth
    middle = np.sqrt(fitted[0] * fitted[-1])
    risk = float(law(middle, floor, k, a))
    slope = a * (risk - floor) / middle if risk > floor else risk / middle
    at = middle if isinstance(fit, FreshResults) else fitted[-1]  # at its end the risk of another run is least
    tolerance = float(fit.predict(at)[0]) if floor == fitted_law["intrinsic_limit"] else float("nan")
    if not tolerance > floor:
        tolerance = float(law(at, floor, k, a))
    return fitted_law | {
        "exchange_rate": round3(slope / step), "tolerance": round3(tolerance), "cost_per_step": step,
    }  # fmt: skip
