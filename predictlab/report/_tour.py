"""The tour: the whole corridor on real fine-tunes of an embedded model, within minutes on two cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import bad_argument
from predictlab.report._analysis import Analysis, analyse

MODEL = "minilm-l6"
TOLERANCE = (0.025 / 1.96) ** 2  # seeds within ±2.5 points of accuracy, 95 %
BUDGET = 64.0
EXCHANGE_RATE = 1e-6  # a hundred steps are worth the risk of one point of accuracy (0.01² metric²)


@dataclass(frozen=True)
class Stop:
    """One task of the tour and how it is probed."""

    name: str
    what: str
    data: str
    seeds: int
    depths: tuple[int, ...]
    train_size: int
    eval_size: int
    recipe: dict[str, Any] = field(default_factory=dict)
    label_noise: float = 0.0


LORA = {"layers": "last:1", "max_length": 24, "learning_rate": 2e-3}

STOPS = (
    Stop(
        "r8 head", "news stories, 8 classes; only the head is trained: easy", "reuters_r8", 24,
        (4, 8, 16, 32, 64, 128), 2000, 500, {"method": "head", "max_length": 24, "learning_rate": 2e-2},
    ),
    Stop(
        "newsgroups", "20 discussion groups; LoRA: slow", "newsgroups20", 16,
        (8, 16, 32, 64, 96, 128, 192), 2000, 600, LORA,
    ),
    Stop(
        "reviews", "positive or negative film reviews; LoRA", "rotten_tomatoes", 16,
        (8, 16, 32, 64, 96, 128), 1500, 400, LORA,
    ),
    Stop(
        "reviews flipped", "film reviews with half of all labels flipped; only the head is trained: noise",
        "rotten_tomatoes", 40, (4, 8, 16, 32, 64, 128, 256, 512), 1500, 200,
        {"method": "head", "max_length": 24, "learning_rate": 5e-3, "schedule": "constant"}, 0.5,
    ),
)  # fmt: skip

QUICK = tuple(
    Stop(s.name, s.what, s.data, 8, tuple(c for c in s.depths if c <= 64)[-4:], 500, 200, s.recipe, s.label_noise)
    for s in STOPS[:1] + STOPS[2:]
)


@dataclass(frozen=True)
class TourResult:
    """What a tour measured and wrote."""

    analysis: Analysis
    scores: pd.DataFrame
    runs: pd.DataFrame
    report: Path
    store: Path
    seconds: float


def tasks_of(stops: tuple[Stop, ...], seed: int = 0) -> list[Any]:
    """The tasks of the stops, their data loaded from the catalog."""
    from predictlab.catalog import load_dataset
    from predictlab.task import Recipe, Task

    out = []
    for stop in stops:
        data = load_dataset(stop.data, eval_size=stop.eval_size, train_size=stop.train_size, seed=seed)
        recipe = Recipe(**{"steps": stop.depths[-1], **stop.recipe})
        out.append(Task(MODEL, data, recipe, label_noise=stop.label_noise, name=stop.name))
    return out


def run_tour(
    out: str | Path = "tour",
    quick: bool = False,
    store: str | Path | None = None,
    tolerance: float = TOLERANCE,
    budget: float = BUDGET,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> TourResult:
    """Run the tour; a second call with the same folder reuses what was measured.

    Parameters
    ----------
    out : path
        Folder for ``report.html``, ``phase.png``, ``runs.db`` and the tables as CSV.
    quick : bool
        Three tasks, fewer seeds and steps: under a minute, and mostly too little to decide.
    store : path, optional
        Run store; default ``runs.db`` (``quick.db`` when quick) in `out`.
    tolerance, budget : float
        ``tau`` (metric²) and ``B`` (steps).
    progress : bool
        Progress bars on standard error.
    say : callable
        Gets each line of narration.
    """
    from predictlab.catalog import model_path
    from predictlab.charts import phase_diagram, png
    from predictlab.probing import ProbePlan, probe
    from predictlab.report._html import write_report
    from predictlab.static import score

    if not budget > 1:
        raise bad_argument("budget", budget, "more than 1 step")
    began = time.perf_counter()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(store) if store is not None else folder / ("quick.db" if quick else "runs.db")
    stops = QUICK if quick else STOPS

    say(f"1/4  model {MODEL} and data of {len(stops)} tasks (fetched once, then offline)")
    model_path(MODEL)
    tasks = tasks_of(stops)
    say("2/4  static scores, before any training")
    scores = pd.concat([score(task, max_rows=500).assign(task=task.name) for task in tasks], ignore_index=True)
    say(f"3/4  probes: {sum(s.seeds for s in stops)} fine-tunes, measured at each depth into {path}")
    runs = pd.concat(
        [
            probe(task, ProbePlan(stop.depths, stop.seeds), store=path, progress=progress)
            for task, stop in zip(tasks, stops, strict=True)
        ],
        ignore_index=True,
    )
    say("4/4  risk curves, decay fits, optimal depths, regimes")
    analysis = analyse(runs, tolerance, budget, EXCHANGE_RATE, eval_rows={str(t.name): len(t.data.eval) for t in tasks})
    seconds = time.perf_counter() - began
    described = pd.DataFrame(
        {
            "task": [s.name for s in stops],
            "what": [s.what for s in stops],
            "data": [t.data.name for t in tasks],
            "train / eval rows": [f"{len(t.data.train)} / {len(t.data.eval)}" for t in tasks],
            "method": [t.recipe.method + (f", {t.recipe.layers}" if t.recipe.method == "lora" else "") for t in tasks],
            "schedule": [t.recipe.schedule for t in tasks],
            "labels flipped": [f"{t.label_noise:.0%}" for t in tasks],
            "seeds": [s.seeds for s in stops],
            "final accuracy": [_final(runs, s) for s in stops],
        }
    )
    facts = [
        f"Model: {MODEL} (22.7M parameters), a new classification head on mean-pooled features, AdamW.",
        f"{sum(s.seeds for s in stops)} fine-tunes; each seed draws its own adapter, head and data order.",
        "Variances are over seeds on one fixed evaluation set a task.",
        "Regimes are called at 90 % probability; below it a task is Undetermined.",
        f"Everything but the installation took {seconds:.0f} s here, downloads included where there were any.",
    ]
    page = write_report(folder / "report.html", analysis, scores, described, "predictlab tour", facts)
    if analysis.fits:
        chart = phase_diagram(analysis.placed, tolerance=tolerance, budget=budget)
        (folder / "phase.png").write_bytes(png(chart))
    analysis.phase.to_csv(folder / "phase.csv", index=False)
    analysis.fit_table().to_csv(folder / "fits.csv", index=False)
    scores.to_csv(folder / "scores.csv", index=False)
    return TourResult(analysis, scores, runs, page, path, seconds)


def _final(runs: pd.DataFrame, stop: Stop) -> str:
    rows = runs[(runs["task"] == stop.name) & (runs["metric"] == "accuracy") & (runs["depth"] == stop.depths[-1])]
    return f"{rows['value'].mean():.3f} (sd {rows['value'].std():.3f})"
