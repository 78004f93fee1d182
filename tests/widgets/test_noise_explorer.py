"""NoiseExplorer without a browser: what Python reads and sets, from every kind of source, and what stays alone."""

from __future__ import annotations

import base64

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab_widgets import NoiseExplorer

VIEW = "application/vnd.jupyter.widget-view+json"


def outcomes(runs, rows=500, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-(rng.normal(1, 1.5, rows) + shift + 0.2 * rng.standard_normal((runs, 1)))))
    return (rng.random((runs, rows)) < p).astype(int)


# -- the numbers ----------------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_design():
    widget = NoiseExplorer(run_sd=0.004, interaction=0.05, seeds=4, rows=1500, difference=0.01)
    assert widget.sd == pytest.approx(np.sqrt(0.004**2 + 0.05 / 1500))
    assert widget.rows_share == pytest.approx(0.05 / 1500 / widget.sd**2)
    design = pl.compare_design(run_sd=0.004, interaction=0.05, seeds=4, rows=1500)
    assert widget.smallest == pytest.approx(design.difference)
    assert widget.chance == pytest.approx(
        pl.compare_design(run_sd=0.004, interaction=0.05, seeds=4, rows=1500, difference=0.01).power
    )
    needed = pl.compare_design(run_sd=0.004, interaction=0.05, difference=0.01, rows=1500)
    assert widget.seeds_needed == needed.seeds
    at = widget.rows_needed
    assert pl.compare_design(run_sd=0.004, interaction=0.05, seeds=4, rows=at).difference <= 0.01
    assert pl.compare_design(run_sd=0.004, interaction=0.05, seeds=4, rows=at - 1).difference > 0.01


def test_a_slider_moves_all_that_follows():
    widget = NoiseExplorer(run_sd=0.004, interaction=0.05, seeds=4, rows=1500)
    heard = []
    widget.observe(lambda change: heard.append(change.name), names=["smallest", "chance"])
    before = widget.smallest
    widget.seeds = 16
    assert widget.smallest < before
    assert set(heard) == {"smallest", "chance"}


def test_one_run_each_shows_nothing_whatever_the_rows():
    widget = NoiseExplorer(run_sd=0.004, interaction=0.05, seeds=1, rows=1e6)
    assert widget.smallest == np.inf
    assert widget.chance == 0
    assert widget.rows_needed == np.inf
    assert "never seen" in widget._html()


def test_runs_that_do_not_differ_are_told_by_rows_alone():
    widget = NoiseExplorer(run_sd=0, interaction=0.05, seeds=4, rows=1000)
    assert widget.rows_share == pytest.approx(1)
    assert np.isfinite(widget.rows_needed)
    with pytest.raises(ArgumentError, match="both spreads are 0"):
        NoiseExplorer(run_sd=0)


# -- every input of noise and compare ---------------------------------------------------------------------------------


def test_from_outcomes_runs_and_rows_are_apart():
    noise = pl.noise(outcomes(6))
    widget = NoiseExplorer(noise)
    assert widget.run_sd == pytest.approx(np.sqrt(noise.run_variance))
    assert widget.interaction == pytest.approx(noise.interaction())
    assert (widget.seeds, widget.rows) == (6, 500)
    assert widget.smallest == pytest.approx(noise.minimal_difference(6), rel=1e-3)
    ends = noise.conf_int().iloc[1]
    assert widget._known["run_sd"] == pytest.approx([ends["lower"], ends["upper"]])


def test_from_finals_rows_have_no_slider_unless_their_part_is_known():
    widget = NoiseExplorer([2.1, 2.2, 2.15])
    assert widget._ranges["rows"] is None
    assert widget.sd == pytest.approx(np.std([2.1, 2.2, 2.15], ddof=1))
    prior = NoiseExplorer(pl.noise([0.84, 0.86, 0.85], metric="accuracy", eval_rows=300))
    assert prior._ranges["rows"] is not None
    assert "is a prior" in prior._html()


def test_from_one_run_the_spread_over_runs_is_a_prior_or_has_to_be_given():
    widget = NoiseExplorer(pl.noise([0.84], metric="accuracy", eval_rows=9815))
    median, low, high = pl.comparing.run_sd_prior(0.84)
    assert widget.run_sd == pytest.approx(median)
    assert widget._known["run_sd"] == pytest.approx([low, high])
    assert widget.seeds == 1
    assert "prior" in widget._html()
    loss = pl.compare([2.1], [2.0], metric="eval_loss")
    with pytest.raises(ArgumentError, match="says nothing of how runs differ"):
        NoiseExplorer(loss)
    assert NoiseExplorer(loss, run_sd=0.01).difference == pytest.approx(0.1)


def test_from_a_comparison_the_observed_difference_is_drawn():
    found = pl.compare(outcomes(4, shift=0.3), outcomes(3))
    widget = NoiseExplorer(found)
    assert widget._known["observed"] == pytest.approx(found.difference)
    assert widget.seeds == 3
    sides = [pl.noise(side.outcomes) for side in (found.a, found.b)]
    assert widget.run_sd**2 == pytest.approx(np.mean([side.run_variance for side in sides]))
    one = NoiseExplorer(pl.compare(outcomes(1), outcomes(1, shift=0.3)))
    assert one.seeds == 1
    assert "prior" in one._known["said"]


def test_margins_summaries_stores_and_files_are_sources_too(tmp_path):
    import pandas as pd

    y = outcomes(5)
    long = pd.DataFrame({"run": np.repeat(range(5), 500), "row": np.tile(range(500), 5), "value": y.ravel()})
    long.to_csv(tmp_path / "long.csv", index=False)
    assert NoiseExplorer(tmp_path / "long.csv").sd == pytest.approx(NoiseExplorer(y).sd)
    means = pd.DataFrame({"accuracy": ["0.84 ± 0.01"], "runs": [5]})
    assert NoiseExplorer(pl.noise(means, width="sd")).sd == pytest.approx(0.01)
    with pytest.raises(DataError):
        NoiseExplorer([np.nan])


# -- bad values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"seeds": 0}, "seeds=0"), ({"seeds": 2.5}, "seeds"), ({"seeds": 65}, "seeds=65"), ({"rows": 0}, "rows=0"),
     ({"run_sd": -1}, "run_sd"), ({"interaction": float("nan")}, "interaction"), ({"power": 1}, "power"),
     ({"difference": 0}, "difference"), ({"colour": 1}, "one of the keywords")],
)  # fmt: skip
def test_bad_values_are_refused_and_named(changes, says):
    with pytest.raises(ArgumentError, match=says):
        NoiseExplorer(**({"run_sd": 0.01} | changes))


def test_nothing_given_is_refused_and_a_bad_set_changes_nothing():
    with pytest.raises(ArgumentError, match="run_sd"):
        NoiseExplorer()
    widget = NoiseExplorer(run_sd=0.01)
    with pytest.raises(ArgumentError):
        widget.seeds = -1
    assert widget.seeds == 3


def test_several_comparisons_and_runs_without_any_spread_are_refused_with_what_to_do():
    several = pl.compare({"a": outcomes(4), "c": outcomes(3)}, outcomes(2))
    with pytest.raises(ArgumentError, match=r"one comparison.*found\.of\['a'\]"):
        NoiseExplorer(several)
    assert NoiseExplorer(several.of["a"]).seeds == 2
    with pytest.raises(ArgumentError, match="runs or rows that differ at all"):
        NoiseExplorer([0.8, 0.8, 0.8])  # whose sample variance is the rounding of sums


# -- what stays without a page ------------------------------------------------------------------------------------


def test_picture_and_table_stay():
    widget = NoiseExplorer(pl.noise(outcomes(4)))
    bundle, _ = widget._repr_mimebundle_()
    assert VIEW in bundle
    assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"
    assert "runs of each" in bundle["text/html"]
    assert "on all rows" in bundle["text/html"]
