"""Analysis, advice, report and the tour's settings, on worlds with a known answer and without training."""

import numpy as np
import pandas as pd
import pytest

from predictlab import charts
from predictlab.errors import ArgumentError
from predictlab.phase import DYNAMIC_CRITICAL, NOISE_DOMINANT, STATIC_SUFFICIENT, UNDETERMINED
from predictlab.report import _tour as tour
from predictlab.report import analyse, write_report
from predictlab.report._analysis import MIN_RUNS
from predictlab.report._tables import fit_table, number, phase_table

DEPTHS = np.array([4, 8, 16, 32, 64, 128, 256])
TAU, BUDGET = 1e-4, 64.0
ASKED = {"tolerance": TAU, "budget": BUDGET, "exchange_rate": 1e-7, "confidence": 0.9}


def runs_of(name, sd, runs=64, seed=0):
    """Tidy runs whose spread at each depth is `sd` (k,): independent Gaussians."""
    rng = np.random.default_rng(seed)
    values = 0.8 + np.asarray(sd) * rng.standard_normal((runs, len(DEPTHS)))
    return pd.DataFrame(
        {
            "task": name,
            "run": np.repeat([f"{name}:{i}" for i in range(runs)], len(DEPTHS)),
            "parent": None,
            "seed": np.repeat(np.arange(runs), len(DEPTHS)),
            "depth": np.tile(DEPTHS, runs),
            "metric": "accuracy",
            "value": values.ravel(),
            "seconds": 1.0,
            "flops": 1.0,
            "status": "ok",
        }
    )


@pytest.fixture(scope="module")
def analysis():
    decays = 0.1 * DEPTHS**-1.0  # sd: alpha = 2, crosses tau at 10 steps
    slow = 0.1 * DEPTHS**-0.45  # alpha = .9, L(64) = 2.4e-4, tau at 166 steps
    frame = pd.concat(
        [
            runs_of("easy", decays, seed=1),
            runs_of("slow", slow, seed=2),
            runs_of("noise", np.full(len(DEPTHS), 0.08), runs=128, seed=4),
            runs_of("few", slow, runs=MIN_RUNS - 1, seed=4),
        ],
        ignore_index=True,
    )
    return analyse(frame, **ASKED, eval_rows={"easy": 400})


def test_regimes_of_known_worlds(analysis):
    regimes = analysis.phase.set_index("task")["regime"]
    assert regimes["easy"] == STATIC_SUFFICIENT
    assert regimes["slow"] == DYNAMIC_CRITICAL
    assert regimes["noise"] == NOISE_DOMINANT
    assert analysis.missing_regimes == []


def test_too_few_seeds_get_no_fit_but_a_reason(analysis):
    row = analysis.phase.set_index("task").loc["few"]
    assert row["regime"] == UNDETERMINED
    assert "few" not in analysis.fits
    assert f"at least {MIN_RUNS}" in analysis.recommendations["few"]
    assert "few" not in set(fit_table(analysis)["task"])


def test_the_sentences_say_what_to_do(analysis):
    todo = analysis.recommendations
    assert todo["easy"].startswith("From ")
    assert todo["slow"].startswith("Train longer, to about ")
    steps = float(todo["slow"].split()[4])
    crossing = analysis.phase.set_index("task").loc["slow", "crossing_budget"]
    assert steps == pytest.approx(crossing, abs=0.6)
    assert todo["noise"].startswith("More steps do not help")


def test_nothing_fitted_is_a_table_too():
    frame = runs_of("few", np.full(len(DEPTHS), 0.01), runs=2)
    result = analyse(frame, **ASKED)
    assert list(result.phase["regime"]) == [UNDETERMINED]
    assert phase_table(result).loc[0, "P(static)"] == "–"
    assert fit_table(result).empty
    assert len(result.missing_regimes) == 3


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "–"), (np.inf, "unbounded"), (0.01234, "0.0123")])
def test_numbers_for_people(value, shown):
    assert number(value) == shown


def test_report_is_one_offline_page(analysis, tmp_path):
    scores = pd.DataFrame(
        {
            "task": ["easy", "slow"],
            "method": "logme",
            "value": [1.0, 2.0],
            "lower": [0.5, np.nan],
            "upper": [1.5, np.nan],
        }
    )
    tasks = pd.DataFrame({"task": ["easy <b>"], "what": ["a & b"]})
    page = write_report(
        tmp_path / "new" / "report.html", analysis, scores=scores, tasks=tasks, title="T <1>", facts=["Fact <2>."]
    ).read_text()
    assert page.count("<svg") == 3  # the diagram, the decays, the questions side by side
    assert "easy &lt;b&gt;" in page
    assert "T &lt;1&gt;" in page
    assert "Fact &lt;2&gt;." in page
    # nothing is fetched: addresses appear only as XML name spaces
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page
    for _, row in analysis.phase.iterrows():
        assert str(row["regime"]) in page


def test_charts_render_without_a_network(analysis):
    fit = analysis.fits["slow"]
    for chart in (charts.decay_chart(fit, tolerance=TAU, budget=BUDGET), charts.risk_curve_chart(fit.curve), fit.plot(),
                  charts.phase_diagram(analysis.fits, tolerance=TAU, budget=BUDGET, selected="slow")):  # fmt: skip
        assert charts.png(chart)[:8] == b"\x89PNG\r\n\x1a\n"
    bundle = charts._render._render(fit.plot().to_dict())
    assert {"application/vnd.vegalite.v5+json", "image/png"} <= set(bundle)


def test_the_tour_names_real_data_and_sane_plans():
    from predictlab.catalog import datasets

    known = set(datasets()["name"])
    assert len(tour.TASKS) >= 4
    for task in (*tour.TASKS, *tour.QUICK_TASKS):
        assert task.data in known
        assert task.seeds >= MIN_RUNS
        assert len(task.depths) >= 4
    assert any(task.recipe.get("schedule") == "constant" for task in tour.TASKS)


def test_a_budget_of_one_step_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="budget"):
        tour.run_tour(tmp_path, budget=1)


@pytest.mark.train
def test_quick_tour_on_the_real_model(tmp_path):
    said = []
    result = tour.run_tour(tmp_path, quick=True, progress=False, narrate=said.append)
    assert result.report.exists()
    assert (tmp_path / "phase.png").read_bytes()[:4] == b"\x89PNG"
    assert len(said) == 4
    assert set(result.runs["task"]) == {s.name for s in tour.QUICK_TASKS}
    assert result.runs.groupby("task")["run"].nunique().eq(8).all()
    # a second tour trains nothing: the store gives the same numbers
    again = tour.run_tour(tmp_path, quick=True, progress=False, narrate=said.append)
    pd.testing.assert_frame_equal(again.runs, result.runs)
