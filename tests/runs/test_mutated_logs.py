"""A few hundred of the mutations of benchmarks/mutated_logs.py: frames or errors of ours, nothing hangs."""

import importlib.util
import sys
from pathlib import Path

import pytest

from predictlab.errors import DataError

EACH = 25


@pytest.fixture(scope="module")
def mutations():
    path = Path(__file__).parents[2] / "benchmarks" / "mutated_logs.py"
    spec = importlib.util.spec_from_file_location("mutated_logs", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


READERS = [
    "table", "tables with recipes", "side by side", "W&B panel", "JSON lines", "JSON records", "parquet",
    "trainer_state", "TensorBoard", "MLflow folder", "MLflow database", "DVCLive",
    "W&B run files",
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_mutated_sources_end_in_frames_or_errors_of_ours(mutations, reader):
    counts, faults, _ = mutations.run(reader, EACH, seed=20)
    assert not faults, "\n".join(faults)
    assert counts["frame"] + counts["error"] == EACH
    assert counts["frame"] > 0


def test_every_reader_is_tried(mutations):
    assert set(mutations.WRITERS) == set(READERS)


def test_what_hangs_or_breaks_is_seen(mutations, monkeypatch, tmp_path):
    """The tool itself can fail: a reader that never ends, and one that raises something of its own."""
    monkeypatch.setattr(mutations, "LIMIT", 0.2)

    def forever(*args, **more):
        while True:
            pass

    monkeypatch.setattr(mutations.pl, "read_runs", forever)
    assert mutations.run("table", 1, seed=0)[0] == {"HUNG": 1}

    def breaks(*args, **more):
        raise KeyError("x")

    monkeypatch.setattr(mutations.pl, "read_runs", breaks)
    counts, faults, _ = mutations.run("table", 2, seed=0)
    assert counts == {"FAULT": 2}
    assert "KeyError" in faults[0]


def test_a_name_without_end_leaves_a_message_that_can_be_read():
    """Number 2134 of MLflow's folders: the name of a run is a line of 40,000 characters."""
    said = str(DataError(f"run {'9,' * 20_000!r}: its seed is 'x', which is no whole number. Fill it in."))
    assert len(said) < 4100
    assert said.startswith("run '9,9")
    assert said.endswith("Fill it in.")
