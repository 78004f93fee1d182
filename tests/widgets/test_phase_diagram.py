"""PhaseDiagram without a browser: what Python reads and sets, what the page is sent, what stays without a page."""

from __future__ import annotations

from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab_widgets import PhaseDiagram
from predictlab_widgets._regime_counts import tabulate

VIEW = "application/vnd.jupyter.widget-view+json"
DEPTHS = (8, 16, 32, 64, 128, 192)
LAWS = {  # intrinsic limit, scale, decay rate, degrees of freedom
    "fast": (3e-5, 0.5, 2.0, 31),
    "slow <&>": (1e-5, 0.02, 0.8, 63),
    "noisy": (6e-4, 0.02, 1.2, 63),
    "few seeds": (1e-4, 0.02, 1.0, 3),
    "flat": (4e-4, 0.0, 1.0, 15),
}


@pytest.fixture(scope="module")
def fits():
    return {
        name: pl.DecayModel(
            pl.RiskCurve(depth=DEPTHS, risk=[limit + scale * c**-rate for c in DEPTHS], df=df, metric="accuracy")
        ).fit("gamma" if name == "noisy" else "posterior")
        for name, (limit, scale, rate, df) in LAWS.items()
    }


@pytest.fixture
def widget(fits):
    made = PhaseDiagram(fits, budget=100, tolerance=2e-4)
    yield made
    made.close()


def classified(fits, widget):
    state = {"tolerance": widget.tolerance, "budget": widget.budget, "confidence": widget.confidence}
    table = pl.classify(fits, **state, extrapolate=True)
    return dict(zip(table["task"], table["regime"], strict=True))


# -- regimes -------------------------------------------------------------------------------------------------------


def test_regimes_equal_classify_wherever_the_traits_stand(fits, widget):
    seen = set()
    for tolerance in (1e-5, 1e-4, 2e-4, 7e-4, 1e-2):
        for budget in (1.01, 8.0, 55.5, 192.0, 3000.0, 1e7):
            widget.tolerance, widget.budget = tolerance, budget
            assert widget.regimes == classified(fits, widget)
            seen |= set(widget.regimes.values())
    assert seen == {"Static-Sufficient", "Dynamic-Critical", "Noise-Dominant", "Undetermined"}


def test_regimes_equal_classify_on_the_boundaries_themselves(fits, widget):
    limits = fits["slow <&>"].draws()["intrinsic_limit"]
    for limit in np.quantile(limits[limits > 0], [0.1, 0.5, 0.9], method="nearest"):
        widget.tolerance = float(limit)  # L_int > tau is false exactly here
        assert widget.regimes == classified(fits, widget)
    widget.tolerance = 2e-4
    for budget in pl.classify(fits, tolerance=2e-4, budget=100)["crossing_budget"]:
        if 1 < budget < np.inf:
            widget.budget = float(budget)
            assert widget.regimes == classified(fits, widget)


def test_confidence_decides_what_is_undetermined(fits, widget):
    seen = []
    for confidence in (0.501, 0.9, 0.99999):
        widget.confidence = confidence
        assert widget.regimes == classified(fits, widget)
        seen.append(list(widget.regimes.values()).count("Undetermined"))
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]


def test_table_is_classify(fits, widget):
    state = {"tolerance": widget.tolerance, "budget": widget.budget, "confidence": widget.confidence}
    assert widget.table().equals(pl.classify(fits, **state))


# -- what the page looks up in the middle of a drag -----------------------------------------------------------------


def sent(widget, part, key, kind):
    return np.frombuffer(getattr(widget, part)[key], dtype=kind)


@pytest.mark.parametrize("tolerance", [2e-5, 2e-4, 5e-3])
def test_counts_along_the_budget_slider_are_those_of_the_rule(fits, tolerance):
    widget = PhaseDiagram(fits, budget=100, tolerance=tolerance)
    budgets = sent(widget, "_grids", "budget", "<f8")
    counts = sent(widget, "_counts", "by_budget", "<u2").reshape(len(fits), -1)
    for fit, row in zip(fits.values(), counts, strict=True):
        sample = fit.sample()
        expected = [pl.phase.Decision(tolerance, b).member(sample).mean(axis=0)[0] for b in budgets[::8]]
        np.testing.assert_allclose(row[::8] / 2000, expected, atol=0.004)  # between nodes of the table


@pytest.mark.parametrize("budget", [2.0, 100.0, 5000.0])
def test_counts_along_the_tolerance_slider_are_those_of_the_rule(fits, budget):
    widget = PhaseDiagram(fits, budget=budget, tolerance=2e-4)
    tolerances = sent(widget, "_grids", "tolerance", "<f8")
    sufficient = sent(widget, "_counts", "by_tolerance", "<u2").reshape(len(fits), -1)
    noise = sent(widget, "_counts", "noise_by_tolerance", "<u2").reshape(len(fits), -1)
    for i, fit in enumerate(fits.values()):
        sample = fit.sample()
        for j in range(0, len(tolerances), 10):
            expected = pl.phase.Decision(float(tolerances[j]), budget).member(sample).sum(axis=0)
            assert (sufficient[i, j], noise[i, j]) == (expected[0], expected[2])


def test_counts_of_a_law_worked_out_by_hand(fits):
    """Floors 0, .2, .6 with K = alpha = 1: at 4 steps the risks are .25, .45, .85; .5 is met at 2, 3.33 and never."""
    sample = replace(
        tabulate(fits["fast"], 3, None, (1.0, 100.0), True), params=np.array([[0.0, 1, 1], [0.2, 1, 1], [0.6, 1, 1]])
    )
    nodes = np.log(np.geomspace(1, 100, 200))
    risks = np.log(sample.params[:, 0] + np.exp(-nodes)[:, None])
    known = {"log_nodes": nodes, "log_envelope": risks.astype(np.float32), "exact": None, "left": sample.params[:, 0]}
    sample = replace(sample, **known, left_by_rows=np.zeros(3), priors=np.ones((1, 3)))
    found = sample.by_tolerance(4.0, np.array([0.05, 0.3, 0.5, 0.9]))
    assert [found.sufficient.tolist(), found.noise.tolist()] == [[0, 1, 2, 3], [2, 1, 1, 0]]
    found = sample.by_budget(0.5, np.array([1.5, 2.5, 3.0, 4.0, 1000.0]))
    assert [found.sufficient.tolist(), found.noise.tolist()] == [[0, 1, 1, 2, 2], [1] * 5]
    assert (found.least == 65_535).all(), "no other prior, nothing to stand under"
    heavy = np.array([[1 / 3] * 3, [0.8, 0.1, 0.1]])
    assert replace(sample, priors=heavy).by_budget(0.5, np.array([4.0])).least.tolist() == [int(0.9 * 65_535)]


def test_beyond_the_exact_ones_the_tables_answer_within_a_few_draws(fits, monkeypatch):
    monkeypatch.setattr("predictlab_widgets._phase_diagram.EXACT", 0)
    widget = PhaseDiagram(fits, budget=100, tolerance=2e-4)
    for budget, tolerance in ((4.0, 2e-4), (100.0, 5e-4), (3000.0, 5e-5)):
        widget.budget, widget.tolerance = budget, tolerance
        table = pl.classify(fits, tolerance=tolerance, budget=budget, extrapolate=True)
        np.testing.assert_allclose(widget._probabilities, table[list(pl.phase.PROBABILITY_COLUMNS)], atol=0.005)
        np.testing.assert_allclose(widget._crossing, table["crossing_budget"], rtol=0.04)


def test_a_call_that_does_not_stand_is_undetermined_with_its_reason(fits):
    """A curve that only rises has no regime, whatever the tolerance; the page hears why."""
    rising = pl.RiskCurve(depth=DEPTHS, risk=[1e-5 * c for c in DEPTHS], df=31, metric="accuracy")
    both = {"fast": fits["fast"], "rising": pl.DecayModel(rising).fit()}
    widget = PhaseDiagram(both, budget=100, tolerance=1e-6)
    table = pl.classify(both, budget=100, tolerance=1e-6)
    assert widget.regimes["rising"] == "Undetermined"
    assert widget.reasons == {name: text for name, text in zip(table["task"], table["reason"], strict=True) if text}
    assert "still rising" in widget.reasons["rising"]
    assert "still rising" in widget._html()
    assert sent(widget, "_fixed", "rising", "<f8")[1] > 0.05


def test_the_crossing_budgets_are_those_of_classify(fits, widget):
    widget.tolerance = 3e-4
    table = pl.classify(fits, budget=100, tolerance=3e-4)
    assert sent(widget, "_counts", "crossing", "<f8").tolist() == table["crossing_budget"].tolist()
    along = sent(widget, "_grids", "crossing", "<f4").reshape(len(fits), -1)
    j = 90
    tolerance = float(sent(widget, "_grids", "tolerance", "<f8")[j])
    expected = [pl.depth_for_tolerance(fit, tolerance).depth for fit in fits.values()]
    np.testing.assert_allclose(along[:, j], expected, rtol=0.04)


def test_points_stand_where_the_draws_say(fits, widget):
    knots = sent(widget, "_grids", "knots", "<f8")
    decay = sent(widget, "_grids", "decay", "<f4").reshape(len(fits), 3, -1)
    sample = fits["fast"].sample()
    for budget in (10.0, 100.0, 777.0):
        left = sample.envelope(np.array([budget]))[:, 0] - sample.lasting()
        expected = np.quantile(left, [0.025, 0.5, 0.975])
        read = [np.exp(np.interp(np.log(budget), np.log(knots), row)) for row in decay[0]]
        np.testing.assert_allclose(read[1], expected[1], rtol=0.03)  # a pixel is about 2 % on this axis
        np.testing.assert_allclose(read, expected, rtol=0.1)


def test_slider_positions_are_increasing_and_read_alike_in_page_and_python(widget):
    for name in ("budget", "tolerance"):
        grid = sent(widget, "_grids", name, "<f8")
        assert (np.diff(grid) > 0).all()
        assert [float(f"{v:.3g}") for v in grid[1:-1]] == grid[1:-1].tolist()


def test_a_value_beyond_the_slider_widens_it(fits, widget):
    widget.budget = 1e6
    assert sent(widget, "_grids", "budget", "<f8")[-1] == 1e6
    widget.tolerance = 1e-9
    assert sent(widget, "_grids", "tolerance", "<f8")[0] == 1e-9
    assert widget.regimes == classified(fits, widget)


def test_the_page_needs_no_network(widget):
    for text in (widget._esm, widget._css):
        assert "http" not in text
        assert "import " not in text
        assert "url(" not in text


# -- traits ---------------------------------------------------------------------------------------------------------


def test_observers_hear_of_budget_and_regimes(fits, widget):
    heard = []
    widget.observe(lambda change: heard.append((change["name"], change["new"])), names=["budget", "regimes"])
    widget.budget = 12
    assert dict(heard) == {"budget": 12.0, "regimes": classified(fits, widget)}


def test_a_move_in_the_page_reaches_python(fits, widget):
    widget.set_state({"budget": 5000.0, "selected": "noisy"})  # what a front end's message does
    assert (widget.budget, widget.selected) == (5000.0, "noisy")
    assert widget.regimes == classified(fits, widget)


def test_regimes_cannot_be_overwritten(widget):
    with pytest.raises(Exception, match="read-only"):
        widget.regimes = {}


def test_defaults_put_tasks_on_either_side(fits):
    widget = PhaseDiagram(fits)
    assert widget.budget == 192
    likely = list(widget.table()["likely"])
    assert 1 <= likely.count("Static-Sufficient") < len(likely)
    assert widget.selected is None


def test_selection(widget):
    widget.selected = "noisy"
    widget.selected = ""
    assert widget.selected is None
    with pytest.raises(ArgumentError, match="selected='nosy': expected None or one of the tasks: fast"):
        widget.selected = "nosy"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", 1.0), ("budget", -3), ("budget", float("nan")), ("budget", float("inf")), ("budget", "100"),
        ("budget", True), ("tolerance", 0), ("tolerance", None), ("confidence", 0.5), ("confidence", 1.0),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_changes_nothing(fits, widget, name, value):
    before = (getattr(widget, name), dict(widget.regimes))
    with pytest.raises(ArgumentError, match=f"{name}=.*expected"):
        setattr(widget, name, value)
    assert (getattr(widget, name), widget.regimes) == before
    if value is not None:
        with pytest.raises(ArgumentError, match=name):
            PhaseDiagram(fits, **{name: value})


@pytest.mark.parametrize("value", [(1, 10), (10, 4), 7, (2, float("inf")), (2, 3, 4)])
def test_a_bad_range_is_refused(fits, value):
    with pytest.raises(ArgumentError, match="budget_range="):
        PhaseDiagram(fits, budget_range=value)


def test_an_unknown_keyword_is_answered_with_the_known_ones(fits):
    with pytest.raises(ArgumentError, match=r"'buget'.*budget, tolerance, rows, confidence, selected"):
        PhaseDiagram(fits, buget=3)


@pytest.mark.parametrize("bad", [{}, [], {"a": 3}])
def test_fits_must_be_fits(bad):
    with pytest.raises(ArgumentError, match="fits"):
        PhaseDiagram(bad)


def test_fits_of_two_metrics_are_refused(fits):
    other = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=[0.1 / c for c in DEPTHS], df=15, metric="eval_loss")).fit()
    with pytest.raises(ArgumentError, match="fits of one metric"):
        PhaseDiagram({**fits, "loss": other})


# -- the price ------------------------------------------------------------------------------------------------------


def test_optimal_depths_are_those_of_budget(fits):
    widget = PhaseDiagram(fits, exchange_rate=1e-7, cost_per_step=2)
    seen = []
    for rate in (1e-9, 1e-6, 1e-4, 1e-2):
        widget.exchange_rate = rate
        expected = {
            name: pl.optimal_depth(fit, exchange_rate=rate, cost_per_step=2).depth for name, fit in fits.items()
        }
        assert widget.optimal_depths == pytest.approx(expected)
        assert list(widget.table()["optimal_depth"]) == list(widget.optimal_depths.values())
        seen.append(sum(depth > 0 for depth in widget.optimal_depths.values()))
    assert seen[0] > seen[-1] == 0
    assert "does not pay" in widget._html()


def test_without_a_price_there_is_no_optimal_depth(fits, widget):
    assert (widget.exchange_rate, widget.optimal_depths) == (None, {})
    assert "optimal_depth" not in widget.table()
    assert "c*" not in widget._html()
    widget.exchange_rate = 1e-6
    assert list(widget.optimal_depths) == list(fits)
    widget.exchange_rate = None
    assert widget.optimal_depths == {}


def test_the_price_moves_no_regime(fits, widget):
    before = dict(widget.regimes)
    widget.exchange_rate = 1e-3
    assert widget.regimes == before == classified(fits, widget)


@pytest.mark.parametrize("value", [0, -1e-6, float("nan"), "dear", True])
def test_a_bad_price_is_refused(fits, widget, value):
    with pytest.raises(ArgumentError, match=r"exchange_rate=.*None or a finite number > 0"):
        widget.exchange_rate = value
    assert widget.exchange_rate is None
    with pytest.raises(ArgumentError, match="cost_per_step="):
        PhaseDiagram(fits, cost_per_step=value)


def test_one_fit_under_many_names_is_drawn_from_once(fits, monkeypatch):
    many = {f"{name} {i}": fit for i in range(40) for name, fit in fits.items()}
    drawn = []
    for kind in (pl.decay.PosteriorResults, pl.decay.DecayResults):
        monkeypatch.setattr(
            kind, "sample", lambda self, *args, of=kind.sample, **asked: drawn.append(self) or of(self, *args, **asked)
        )
    widget = PhaseDiagram(many, budget=100, tolerance=2e-4)
    assert len(drawn) == len(fits)
    expected = PhaseDiagram(fits, budget=100, tolerance=2e-4).regimes
    assert widget.regimes == {f"{name} {i}": expected[name] for i in range(40) for name in fits}
    widget.budget = 20.0
    drawn.clear()
    widget._fallback()
    assert drawn == [], "the picture of many tasks needs no draws of its own"


# -- without a front end --------------------------------------------------------------------------------------------


def test_the_bundle_holds_a_table_beside_the_widget(fits, widget):
    data, _ = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    html = data["text/html"]
    for task, regime in classified(fits, widget).items():
        if "<" not in task:
            assert task in html
        assert regime in html
    assert "slow &lt;&amp;&gt;" in html
    assert "slow <" not in html
    assert "B = 100 steps" in html
    assert data["text/plain"] == "PhaseDiagram(5 tasks, budget=100, tolerance=0.0002, confidence=0.95)"


def test_a_long_table_is_cut_and_says_so(fits):
    many = {f"task {i}": fits["fast"] for i in range(60)}
    html = PhaseDiagram(many)._html()
    assert html.count("<tr>") == 51
    assert "The first 50 of 60 tasks" in html


def test_executed_and_converted_the_table_is_on_the_page():
    """A cell that ends in the widget, run by nbclient and turned into HTML, with no widget state kept."""
    nbclient = pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    source = (
        "import predictlab as pl\n"
        "from predictlab_widgets import PhaseDiagram\n"
        "curve = pl.RiskCurve(depth=[8, 16, 32, 64], risk=[0.02, 0.01, 0.005, 0.0025], df=31)\n"
        "PhaseDiagram({'halving': pl.DecayModel(curve).fit()}, budget=100, tolerance=4e-3)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False).execute()
    view, picture, table = (set(output["data"]) for output in notebook.cells[0].outputs)
    assert view == {VIEW, "text/plain"}
    assert picture == {"image/png", "text/plain"}
    assert table == {"text/html", "text/plain"}
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert "halving" in page.split("<h1", 1)[-1]
    assert "<td" in page
    assert "Static-Sufficient" in page


def test_the_picture_of_very_many_tasks_says_how_many_it_shows(fits):
    many = {f"{name} {i}": fit for i in range(300) for name, fit in fits.items()}
    text = PhaseDiagram(many, selected="noisy 7").chart().to_json()
    assert "1000 of 1500 tasks" in text
    assert "the K of noisy 7" in text
    assert text.count('"alpha":') == 1000


def test_chart_is_the_static_picture_of_the_state(widget):
    widget.selected = "noisy"
    text = widget.chart().to_json()
    for task in LAWS:
        assert task.replace('"', '\\"') in text
    assert "Undetermined" in text


def test_what_is_sent_stays_small(widget):
    size = sum(
        len(v) for part in (widget._fixed, widget._grids, widget._counts) for v in part.values() if isinstance(v, bytes)
    )
    assert size < 20_000
    assert len(widget._esm) + len(widget._css) < 60_000


def test_draws_are_the_callers(fits):
    asked = {"draws": 500, "rng": 7}
    widget = PhaseDiagram(fits, budget=100, tolerance=2e-4, **asked)
    table = pl.classify(fits, budget=100, tolerance=2e-4, extrapolate=True, **asked)
    pd.testing.assert_frame_equal(widget.table(), table)
    assert widget._counts["draws"] == 500
    assert list(widget.regimes.values()) == table["regime"].tolist()
    moving = PhaseDiagram(fits, budget=100, tolerance=2e-4, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(moving.table(), moving.table())
    with pytest.raises(ArgumentError, match="draws=70000: expected at most 65535"):
        PhaseDiagram(fits, draws=70_000)


# -- evaluation rows -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known_rows():
    """Coin flips of 200 rows whose runs do not differ, ones that do, and a task whose rows are not known."""
    from predictlab.risk import variance_components

    found = {}
    for seed, (name, sd) in enumerate({"rows": 0.0, "runs": 0.05}.items()):
        rng = np.random.default_rng(seed)
        parts = [variance_components(rng.random((24, 200)) < 0.8 + sd * rng.standard_normal((24, 1))) for _ in DEPTHS]
        curve = pl.RiskCurve(DEPTHS, [p.spread for p in parts], 23, metric="accuracy", parts=parts, estimator="spread")
        found[name] = pl.DecayModel(curve).fit()
    found["unknown"] = pl.DecayModel(pl.RiskCurve(DEPTHS, found["rows"].curve.risk, 23, metric="accuracy")).fit()
    return found


@pytest.mark.parametrize("rows", [None, 50.0, 1000.0, np.inf])
def test_a_fit_asked_of_another_set_is_the_fit_of_that_set(known_rows, rows):
    fit = known_rows["runs"]
    asked, fresh = fit.on_rows(rows), fit.model.replace(rows=rows).fit()
    np.testing.assert_array_equal(asked.params, fresh.params)
    np.testing.assert_array_equal(asked.sample(50).params, fresh.sample(50).params)
    assert (asked.rising, asked.burn_in) == (fresh.rising, fresh.burn_in)
    with pytest.raises(ArgumentError, match="does not know what its evaluation rows add"):
        known_rows["unknown"].on_rows(rows)


def test_rows_move_the_tasks_whose_rows_are_known_in_both_directions(known_rows):
    widget = PhaseDiagram(known_rows, budget=100, tolerance=2e-4, confidence=0.8)
    before = dict(widget._fixed), dict(widget._counts)
    middle = {}
    for times in (0.25, 1.0, 16.0, 1e9):
        widget.rows = times
        size = np.inf if times == 1e9 else 200 * times
        asked = {n: f if n == "unknown" else f.on_rows(size) for n, f in known_rows.items()}
        table = pl.classify(asked, tolerance=2e-4, budget=100, confidence=0.8, extrapolate=True)
        assert widget.regimes == dict(zip(table["task"], table["regime"], strict=True))
        pd.testing.assert_frame_equal(widget.table(), table)
        middle[times] = np.frombuffer(widget._fixed["middle"]).reshape(3, 3)[:, 0]
        assert widget._counts["of_rows"] == times
    limits = np.array(list(middle.values()))
    assert (np.diff(limits[:, 0]) < 0).all()  # more rows, less noise
    assert limits[-1, 0] < 0.2 * limits[0, 0]
    assert limits[-1, 1] > 0.3 * limits[1, 1]  # runs that differ go on differing
    assert len(set(limits[:, 2])) == 1  # nobody knows what its rows add
    assert "the population of rows" in repr(widget._summary()) or "the population" in str(widget._repr_mimebundle_())
    widget.rows = 1
    after = widget._fixed, widget._counts
    for one, other in zip(before, after, strict=True):
        assert one == dict(other)
    widget.close()


def test_without_known_rows_there_is_no_slider(fits, known_rows):
    with_rows, without = PhaseDiagram(known_rows), PhaseDiagram(fits)
    assert len(np.frombuffer(with_rows._fixed["rows"])) > 10
    assert len(np.frombuffer(without._fixed["rows"])) == 0
    without.rows = 4.0  # nothing to move
    assert without.regimes == PhaseDiagram(fits).regimes
    with pytest.raises(ArgumentError, match="rows="):
        with_rows.rows = 0
    for widget in (with_rows, without):
        widget.close()


# -- another run ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def another():
    """Another run of three recipes: nothing to probe, noise, and between."""
    out = {}
    for i, (name, limit) in enumerate((("calm", 1e-5), ("apart", 4e-3), ("between", 2e-4))):
        frame = pl.worlds.MartingaleWorld(limit, 0.01, 1.0).source(seed=i)((4, 8, 16, 32, 64), range(16))
        out[name] = pl.fresh_run(frame.assign(metric="accuracy"), static_risk=1.0 if name == "between" else None)
    return out


def test_another_run_moves_as_classify_says(another):
    widget = PhaseDiagram(another, tolerance=5e-4, budget=16)
    for budget, tolerance in ((16.0, 5e-4), (4.0, 5e-4), (64.0, 3e-4), (16.0, 5e-3)):
        widget.budget, widget.tolerance = budget, tolerance
        table = pl.classify(another, tolerance=tolerance, budget=budget)
        assert list(widget.regimes.values()) == table["regime"].tolist()
        np.testing.assert_allclose(widget._probabilities, table[list(pl.phase.PROBABILITY_COLUMNS)].to_numpy())
        np.testing.assert_allclose(widget._crossing, table["crossing_budget"])
    low, high = (np.frombuffer(widget._grids["budget"])[i] for i in (0, -1))
    assert (low, high) == (4, 64), "at its end a recipe is over"
    assert widget._fixed["asked"].startswith("Asked: how another run of the same recipe")
    assert "after 16 seeds were read" in widget._summary().state
    assert widget.chart().to_dict()


def test_another_run_has_its_own_price(another):
    with pytest.raises(ArgumentError, match=r"exchange_rate=1e-06: expected None where the end of another run"):
        PhaseDiagram(another, exchange_rate=1e-6)
