"""Do static scores rank models as fine-tunes do? Figures for docs/static.md.

    python benchmarks/rankings.py --folder rankings [--minutes 8]

Six encoders that need no hub: two pre-trained ones, the first of them cut to its lower layers (4 and 2 of 6), and both
architectures with random weights. Six data sets of the catalog. Each pair is scored on 1,000 training rows and
fine-tuned (LoRA in the last layer, 64 steps, three seeds, 500 evaluation rows); what is done is kept in the folder, so
the command can be stopped and goes on where it was. Printed is Kendall's tau-b of each score with the accuracy of the
fine-tune over the models of one data set, its mean over data sets, and a 95 % interval from 2,000 resamples of data
sets, seeds and evaluation rows (the same rows for all models of a data set). "pre-trained" leaves the random ones out.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

import predictlab as pl

DATA = ("rotten_tomatoes", "newsgroups20", "reuters_r8", "health_tweets", "friends_speaker", "medical_subject")
MODELS = ("minilm-l6", "minilm-l3", "l6 cut to 4", "l6 cut to 2", "l6 random", "l3 random")
PRETRAINED = MODELS[:4]
RECIPE = pl.Recipe(layers="last:1", rank=8, learning_rate=2e-3, max_length=24, steps=64)
PLAN = pl.ProbePlan((16, 64), seeds=3)
ROWS, TRAIN, RESAMPLES = 500, 2000, 2000


def model_of(name: str, folder: Path) -> str | Path:
    """A name of the catalog, or the folder of a model that is made of one."""
    if name in ("minilm-l6", "minilm-l3"):
        return name
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    base, *_, how = name.split()
    to, source = folder / name.replace(" ", "-"), pl.catalog.model_path(f"minilm-{base}")
    if (to / "config.json").exists():
        return to
    if how == "random":
        torch.manual_seed(0)
        model = AutoModel.from_config(AutoConfig.from_pretrained(source))
    else:
        model = AutoModel.from_pretrained(source)
        model.encoder.layer = model.encoder.layer[: int(how)]
        model.config.num_hidden_layers = int(how)
    model.save_pretrained(to)
    AutoTokenizer.from_pretrained(source).save_pretrained(to)
    return to


def task_of(model: str, data: str, folder: Path) -> pl.Task:
    """One pair."""
    loaded = pl.load_dataset(data, eval_size=ROWS, train_size=TRAIN, seed=0)
    return pl.Task(model_of(model, folder), loaded, RECIPE, name=f"{data}: {model}")


def measure(model: str, data: str, folder: Path, scores: Path) -> None:
    """Score and train one pair, where that is not done."""
    task = task_of(model, data, folder)
    table = pl.score(task, "all", max_rows=1000, permutations=0, controls=False).table
    size = pl.score(task, "knn", max_rows=100, permutations=0, controls=True).controls
    found = dict(zip(table["method"], table["value"], strict=True))
    found["parameters"] = float(size.loc[size["control"] == "size", "value"].iloc[0])
    pl.probe(task, PLAN, folder / "runs.db", progress=False)
    line = pd.DataFrame([{"data": data, "model": model} | found])
    line.to_csv(scores, mode="a", header=not scores.exists(), index=False)


def outcomes_of(store: pl.RunStore, data: str, models: tuple[str, ...]) -> list[np.ndarray]:
    """Outcomes of the rows at the end, (seeds, rows), of each model on one data set."""
    return [store.outcomes(f"{data}: {m}", "accuracy", PLAN.depths[-1]).to_numpy(float) for m in models]


def tau(values: np.ndarray, outcome: np.ndarray) -> float:
    """Kendall's tau-b; 0 where all are equal."""
    found = float(kendalltau(values, outcome).statistic)
    return 0.0 if np.isnan(found) else found


def taus(scores: pd.DataFrame, store: pl.RunStore, models: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    """Mean over data sets of each score's tau with its interval; `loss`: accuracy that its first choice gives up."""
    sets = [d for d in DATA if set(models) <= set(scores.loc[scores["data"] == d, "model"])]
    methods = [c for c in scores.columns if c not in ("data", "model")]
    values = {
        d: scores[scores["data"] == d].drop_duplicates("model").set_index("model").loc[list(models)] for d in sets
    }
    outcomes = {d: outcomes_of(store, d, models) for d in sets}
    means = {d: np.array([y.mean() for y in outcomes[d]]) for d in sets}
    drawn = np.empty((RESAMPLES, len(methods)))
    for i in range(RESAMPLES):
        each = []
        for d in rng.choice(sets, len(sets)):
            n = outcomes[d][0].shape[1]
            rows = rng.integers(0, n, n)
            means_again = [y[rng.integers(0, len(y), len(y))][:, rows].mean() for y in outcomes[d]]
            each.append([tau(values[d][m].to_numpy(), np.array(means_again)) for m in methods])
        drawn[i] = np.mean(each, axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    whole = [[tau(values[d][m].to_numpy(), means[d]) for m in methods] for d in sets]
    lost = [[means[d].max() - means[d][int(values[d][m].argmax())] for m in methods] for d in sets]
    table = pd.DataFrame({"score": methods, "tau": np.mean(whole, axis=0), "lower": low, "upper": high})
    return table.assign(loss=np.mean(lost, axis=0), sets=len(sets)).sort_values("tau", ascending=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no pair is begun")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    end, scores = time.monotonic() + 60 * given.minutes, given.folder / "scores.csv"
    done = (
        set() if not scores.exists() else set(pd.read_csv(scores)[["data", "model"]].itertuples(index=False, name=None))
    )
    for data, model in itertools.product(DATA, MODELS):
        if (data, model) not in done and time.monotonic() < end:
            measure(model, data, given.folder, scores)
            print(f"{data}: {model}", flush=True)
    table = pd.read_csv(scores)

    with pl.RunStore(given.folder / "runs.db", read_only=True) as store:
        complete = [d for d in DATA if sum(table["data"] == d) >= len(MODELS)]
        reached = {d: [y.mean() for y in outcomes_of(store, d, MODELS)] for d in complete}
        accuracy = pd.DataFrame(reached, index=list(MODELS))
        print(accuracy.round(3).to_string(), "\n")
        for models in (MODELS, PRETRAINED):
            print("all six" if models is MODELS else "pre-trained")
            found = taus(table, store, models, np.random.default_rng(0))
            print(found.round(3).to_string(index=False), "\n")


if __name__ == "__main__":
    main()
