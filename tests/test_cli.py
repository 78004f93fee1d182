"""The command line: help that a newcomer understands, errors of one sentence, results from a store."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from command_line import predictlab

from predictlab.runs import Entry, RunStore

DEPTHS = (4, 8, 16, 32, 64)
BRANCH = ["probe", "--data", "rotten_tomatoes", "--design", "branch"]


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


def test_as_a_process_of_its_own(store):
    command = [sys.executable, "-m", "predictlab.cli", "fit", "--store", str(store), "--estimator"]
    done = subprocess.run([*command, "spread"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "decay_rate" in done.stdout
    refused = subprocess.run([*command, "other"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("predictlab: ")


@pytest.mark.parametrize("command", ["tour", "score", "probe", "fit", "phase", "forecast", "catalog"])
def test_help(command):
    done = predictlab(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    if command in ("tour", "probe", "fit", "phase", "forecast"):
        assert "--store" in done.stdout


def test_fit_prints_the_parameters_with_intervals(store):
    done = predictlab("fit", "--store", str(store))
    assert done.returncode == 0, done.stderr
    for word in ("intrinsic_limit", "scale", "decay_rate", "lower", "upper", "32 runs"):
        assert word in done.stdout


def test_forecast_prints_intervals_and_how_many_held(store):
    done = predictlab("forecast", "--store", str(store), "--at-depth", "32", "--threshold", "0.8")
    assert done.returncode == 0, done.stderr
    for word in ("decays:31", "prediction", "lower", "undetermined", "95 % intervals", "Learnt from 32 groups"):
        assert word in done.stdout
    assert "of 32 known ends lie in their intervals" in done.stdout
    early = predictlab("forecast", "--store", str(store), "--at-depth", "2")
    assert early.returncode == 1
    assert "They were measured at 4, 8, 16" in early.stderr
    other = predictlab(
        "forecast", "--store", str(store), "--at-depth", "32", "--predictor", "last_value", "--method", "cv+",
        "--confidence", "0.9",
    )  # fmt: skip
    assert "Proven for exchangeable groups" in other.stdout, other.stderr
    assert "Forecast by last_value" in other.stdout
    assert "power_law" in other.stdout
    rows = predictlab("forecast", "--store", str(store), "--at-depth", "32", "--rows", "inf")
    assert rows.returncode == 1
    assert "no outcomes of accuracy are known" in rows.stderr


def test_phase_prints_the_regime(store):
    done = predictlab("phase", "--store", str(store), "--margin", "0.02", "--budget", "32")
    assert done.returncode == 0, done.stderr
    assert "Static-Sufficient" in done.stdout


@pytest.fixture(scope="module")
def rows_store(tmp_path_factory):
    """Runs that do not differ at all, on 200 rows: what they differ by is the rows'."""
    path, rng = tmp_path_factory.mktemp("rows") / "runs.db", np.random.default_rng(0)
    with RunStore(path) as store:
        store.add_task("coins", "0123456789abcdef", {})
        store.add_rows("coins", map(str, range(200)))
        for depth in (4, 8, 16, 32, 64):
            right = rng.random((12, 200)) < 0.6
            store.record_all(
                "coins",
                [Entry(f"coins:{s}", s, depth, {"accuracy": float(y.mean())}, outcomes={"accuracy": y})
                 for s, y in enumerate(right)],
            )  # fmt: skip
    return path


def test_rows_are_asked_for_on_the_command_line(rows_store):
    args = ["--store", str(rows_store)]
    plain, population = (predictlab("fit", *args, *more).stdout for more in ([], ["--rows", "inf"]))
    assert "of 200 evaluation rows; what the set of 200 rows adds is measured" in " ".join(plain.split())
    assert "of the population; what the set of 200 rows adds is measured" in " ".join(population.split())
    # on these rows seeds will not agree within ±2 points; on more of them 12 runs do not say, but rows are no obstacle
    margin = [*args, "--margin", "0.02", "--confidence", "0.9"]
    here = predictlab("phase", *margin).stdout
    assert "Noise-Dominant" in here
    assert "evaluation rows" in here
    for rows, on in (("inf", "on the population of rows"), ("20000", "on 20,000 rows")):
        shown = predictlab("phase", *margin, "--rows", rows).stdout
        assert on in shown
        assert "Noise-Dominant" not in shown


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Options of a probe that takes no time: a random model of 16 dimensions, and 60 sentences of 12 words."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("tiny")
    words = [f"w{i}" for i in range(12)]
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=24).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=17, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        transformers.BertModel(config).save_pretrained(folder)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 12, (60, 8))
    table = pd.DataFrame({"text": [" ".join(words[i] for i in r) for r in rows], "label": (rows[:, 0] < 6).astype(int)})
    table.to_csv(folder / "data.csv", index=False)
    return [
        "probe", "--data", str(folder / "data.csv"), "--model", str(folder), "--name", "tiny", "--method", "head",
        "--eval-size", "20", "--train-size", "40", "--batch-size", "4", "--max-length", "12", "--learning-rate", ".05",
    ]  # fmt: skip


def test_probe_branch_forks_the_parents_and_shows_what_is_settled(tiny, tmp_path):
    store = tmp_path / "runs.db"
    options = [*tiny, "--store", str(store), "--design", "branch", "--depths", "1,2,4,6,9"]
    done = predictlab(*options, "--parents", "3", "--forks", "2")
    assert done.returncode == 0, done.stderr
    with RunStore(store) as opened:
        frame = opened.frame("tiny")
    forks = frame[frame["parent"].notna() & (frame["metric"] == "accuracy")]
    assert sorted(forks.groupby("run")["depth"].apply(tuple)) == [(c, 9) for c in (1, 2, 4, 6) for _ in range(6)]
    assert "over parents" in done.stdout
    assert "share_resolved" in done.stdout
    assert "--estimator branch" in done.stdout
    counts = [line.split()[2] for line in done.stdout.splitlines() if line.split()[:1] == ["eval_loss"]]
    assert counts == ["3"] * 5, "a fork is no run of its own in the table of parents"
    again = predictlab(*options, "--parents", "3", "--forks", "2")
    assert again.stdout == done.stdout
    fitted = predictlab("fit", "--store", str(store), "--estimator", "branch", "--metric", "eval_loss")
    assert fitted.returncode == 0, fitted.stderr
    assert "intrinsic_limit" in fitted.stdout


def test_probe_branch_with_one_fork_depth_says_that_it_makes_no_curve(tiny, tmp_path):
    options = ["--design", "branch", "--depths", "4,8", "--parents", "2", "--forks", "2"]
    done = predictlab(*tiny, "--store", str(tmp_path / "runs.db"), *options)
    assert done.returncode == 0, done.stderr
    assert "No branch curve of eval_loss" in done.stdout
    assert "needs 2" in done.stdout


def test_probe_with_plain_sgd_on_rows_with_replacement(tiny, tmp_path):
    options = [*tiny, "--store", str(tmp_path / "runs.db"), "--depths", "1,4", "--seeds", "2"]
    done = predictlab(*options, "--optimizer", "sgd", "--sampling", "replacement")
    assert done.returncode == 0, done.stderr
    with RunStore(tmp_path / "runs.db") as opened:
        recipe = opened.tasks()["description"].iloc[0]["recipe"]
    assert (recipe["optimizer"], recipe["sampling"]) == ("sgd", "replacement")
    other = predictlab(*options)
    assert other.returncode == 1
    assert "another store" in other.stderr


def test_probe_with_either_engine_shows_the_same_table(tiny, tmp_path):
    shown = []
    for engine in ("shared", "reference"):
        options = ["--store", str(tmp_path / f"{engine}.db"), "--engine", engine, "--pooling", "cls"]
        done = predictlab(*tiny, *options, "--depths", "2,4", "--seeds", "3")
        assert done.returncode == 0, done.stderr
        shown.append([line for line in done.stdout.splitlines() if line.split()[:1] == ["accuracy"]])
    assert len(shown[0]) == 2
    assert shown[0] == shown[1]
    done = predictlab(*tiny, "--store", str(tmp_path / "x.db"), "--engine", "warp")
    assert done.returncode == 1
    assert "--engine 'warp'" in done.stderr


def test_probe_of_completions_and_the_fit_of_their_loss(tmp_path):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {w: i for i, w in enumerate(["[UNK]", "[EOS]", *map(str, range(10)), "+", "="])}
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, unk_token="[UNK]", eos_token="[EOS]", model_max_length=16
    ).save_pretrained(tmp_path)
    config = transformers.LlamaConfig(
        vocab_size=14, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    rows = [{"q": f"{a} + {b} =", "a": f" {(a + b) % 10}"} for a in range(10) for b in range(6)]
    pd.DataFrame(rows).to_json(tmp_path / "sums.jsonl", orient="records", lines=True)
    store = str(tmp_path / "runs.db")
    done = predictlab(
        "probe", "--data", str(tmp_path / "sums.jsonl"), "--prompt", "q", "--completion", "a", "--model", str(tmp_path),
        "--store", store, "--depths", "1,2,4,6", "--seeds", "4", "--eval-size", "20", "--train-size", "40",
        "--max-length", "8", "--learning-rate", ".05", "--name", "sums",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for metric in ("eval_loss", "perplexity", "exact_match"):
        assert metric in done.stdout
    fitted = predictlab("fit", "--store", store, "--metric", "perplexity")
    assert fitted.returncode == 0, fitted.stderr
    assert "decay_rate" in fitted.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fit", "--store", "none.db"], ["--store", "none.db", "predictlab probe"]),
        (["fit", "--task", "other"], ["--task", "other", "decays"]),
        (["phase", "--margin", "-1"], ["--margin", "-1"]),
        (["phase", "--budget", "0.5"], ["budget", "0.5"]),
        (["probe", "--data", "rotten_tomatoes", "--depths", "4,x"], ["--depths", "4,x"]),
        (["probe", "--data", "rotten_tomatoes", "--design", "forks"], ["--design", "'forks'", "spread", "branch"]),
        (["probe", "--data", "rotten_tomatoes", "--forks", "4"], ["--forks", "4", "spread", "--design 'branch'"]),
        (["probe", "--data", "rotten_tomatoes", "--seeds", "0"], ["--seeds", "0", ">= 1"]),
        ([*BRANCH, "--parents", "4"], ["--forks", ">= 2"]),
        ([*BRANCH, "--forks", "4"], ["--parents", ">= 2"]),
        ([*BRANCH, "--parents", "4", "--forks", "1"], ["--forks", "1", ">= 2"]),
        ([*BRANCH, "--parents", "4", "--forks", "4", "--seeds", "8"], ["--seeds", "8", "branch", "--parents"]),
        ([*BRANCH, "--parents", "4", "--forks", "4", "--depths", "8"], ["depths", "8", "fork at"]),
        (["fit", "--estimator", "branch"], ["decays", "no forks", "design='branch'"]),
        (["fit", "--estimator", "other"], ["estimator", "other", "residual"]),
        (["probe", "--data", "rotten_tomatoes", "--prompt", "text"], ["prompt", "'text'", "is read for you"]),
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
