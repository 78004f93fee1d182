"""The command line: help that a newcomer understands, errors of one sentence, results from a store."""

import subprocess
import sys

import numpy as np
import pytest

from predictlab.runs import RunStore

DEPTHS = (4, 8, 16, 32, 64)


def predictlab(*args):
    return subprocess.run([sys.executable, "-m", "predictlab.cli", *args], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "runs.db"
    rng = np.random.default_rng(0)
    with RunStore(path) as opened:
        opened.add_task("decays", "0" * 16, {})
        for seed in range(32):
            for depth in DEPTHS:
                value = 0.8 + 0.1 / depth * rng.standard_normal()
                opened.record("decays", f"decays:{seed}", depth, {"accuracy": value}, seed=seed)
    return path


@pytest.mark.parametrize("command", ["tour", "score", "probe", "fit", "phase", "catalog"])
def test_help(command):
    done = predictlab(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    if command in ("tour", "probe", "fit", "phase"):
        assert "--store" in done.stdout


def test_fit_prints_the_parameters_with_intervals(store):
    done = predictlab("fit", "--store", str(store))
    assert done.returncode == 0, done.stderr
    for word in ("intrinsic_limit", "scale", "decay_rate", "lower", "upper", "32 runs"):
        assert word in done.stdout


def test_phase_prints_the_regime(store):
    done = predictlab("phase", "--store", str(store), "--margin", "0.02", "--budget", "32")
    assert done.returncode == 0, done.stderr
    assert "Static-Sufficient" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fit", "--store", "none.db"], ["--store", "none.db", "predictlab probe"]),
        (["fit", "--task", "other"], ["--task", "other", "decays"]),
        (["phase", "--margin", "-1"], ["--margin", "-1"]),
        (["phase", "--budget", "0.5"], ["budget", "0.5"]),
        (["probe", "--data", "rotten_tomatoes", "--depths", "4,x"], ["--depths", "4,x"]),
        (["probe", "--data", "rotten_tomatoez"], ["rotten_tomatoez", "rotten_tomatoes"]),
        (["score", "--data", "none.csv"], ["none.csv"]),
    ],
)
def test_errors_are_one_sentence_without_a_traceback(store, args, words):
    if args[0] in ("fit", "phase") and "--store" not in args:
        args = [*args, "--store", str(store)]
    done = predictlab(*args)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("predictlab: ")
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr
