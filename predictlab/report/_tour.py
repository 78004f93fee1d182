"""The tour: the whole corridor on real fine-tunes of an embedded model, within minutes on two cores."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import pandas as pd

from predictlab._validation import number
from predictlab.catalog import load_dataset, model_path
from predictlab.probing import ProbePlan, probe
from predictlab.report._analysis import Analysis, analyse
from predictlab.report._page import write_report
from predictlab.static import score
from predictlab.task import Recipe, Task

MODEL = "minilm-l6"
TOLERANCE = (0.025 / 1.96) ** 2  # seeds within ±2.5 points of accuracy, 95 %
BUDGET = 64.0
CONFIDENCE = 0.9  # of the regimes

log = logging.getLogger("predictlab")


@dataclass(frozen=True)
class TourTask:
    """One task of the tour and how it is probed."""

    name: str
    what: str
    data: str
    seeds: int
    depths: tuple[int, ...]
    train_size: int
    eval_size: int
    recipe: Mapping[str, object] = field(default_factory=dict)

    def task(self) -> Task:
        """The task itself, its data loaded from the catalog."""
        data = load_dataset(self.data, eval_size=self.eval_size, train_size=self.train_size, seed=0)
        recipe = Recipe(**{"steps": self.depths[-1], **self.recipe})  # type: ignore[arg-type]
        return Task(MODEL, data, recipe, name=self.name)


LORA = {"layers": "last:1", "max_length": 24, "learning_rate": 2e-3}

TASKS = (
    TourTask(
        "r8 head", "news stories, 8 classes; only the head is trained: easy", "reuters_r8", 24,
        (4, 8, 16, 32, 64, 128), 2000, 500, {"method": "head", "max_length": 24, "learning_rate": 2e-2},
    ),
    TourTask(
        "newsgroups", "20 discussion groups; LoRA: slow", "newsgroups20", 16,
        (8, 16, 32, 64, 96, 128, 192), 2000, 600, LORA,
    ),
    TourTask(
        "reviews", "positive or negative film reviews; LoRA", "rotten_tomatoes", 16,
        (8, 16, 32, 64, 96, 128), 1500, 400, LORA,
    ),
    TourTask(
        "reviews unsteady", "film reviews, a row a step at a constant rate far too high; only the head: noise by runs",
        "rotten_tomatoes", 48, (4, 8, 16, 32, 64, 128, 256, 512), 1500, 1000,
        {"method": "head", "max_length": 24, "learning_rate": 3.0, "batch_size": 1, "schedule": "constant"},
    ),
)  # fmt: skip

QUICK_TASKS = tuple(
    replace(task, seeds=8, depths=tuple(c for c in task.depths if c <= 64)[-4:], train_size=500, eval_size=200)
    for task in TASKS[:1] + TASKS[2:]
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


def run_tour(
    out: str | PathLike[str] = "tour",
    *,
    quick: bool = False,
    store: str | PathLike[str] | None = None,
    tolerance: float = TOLERANCE,
    budget: float = BUDGET,
    confidence: float = CONFIDENCE,
    progress: bool = True,
    narrate: Callable[[str], object] = log.info,
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
    confidence : float
        Probability that the call of a regime needs.
    progress : bool
        Progress bars on standard error.
    narrate : callable
        Gets a line at each step; default the log.
    """
    from predictlab.charts import png

    number("budget", budget, "more than 1 step", above=1)
    began = time.perf_counter()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(store) if store is not None else folder / ("quick.db" if quick else "runs.db")
    chosen = QUICK_TASKS if quick else TASKS
    fine_tunes = sum(c.seeds for c in chosen)

    narrate(f"1/4  model {MODEL} and data of {len(chosen)} tasks (fetched once, then offline)")
    model_path(MODEL)
    tasks = [c.task() for c in chosen]
    narrate("2/4  static scores, before any training")
    scores = pd.concat([score(task, max_rows=500).table for task in tasks], ignore_index=True)
    narrate(f"3/4  probes: {fine_tunes} fine-tunes, measured at each depth into {path}")
    runs = pd.concat(
        [
            probe(task, ProbePlan(c.depths, c.seeds), store=path, progress=progress)
            for task, c in zip(tasks, chosen, strict=True)
        ],
        ignore_index=True,
    )
    narrate("4/4  risk curves, decay fits, optimal depths, regimes")
    eval_rows = {str(task.name): len(task.data.eval) for task in tasks}
    analysis = analyse(
        path, tasks=list(eval_rows), tolerance=tolerance, budget=budget, confidence=confidence, eval_rows=eval_rows
    )
    seconds = time.perf_counter() - began
    facts = [
        f"Model: {MODEL} (22.7M parameters), a new classification head on mean-pooled features, AdamW.",
        f"{fine_tunes} fine-tunes; each seed draws its own adapter, head and data order.",
        "Variances are over seeds on one fixed evaluation set a task, whose rows are a part of them.",
        f"Regimes are called at {100 * confidence:g} % probability; below it a task is Undetermined.",
        f"Everything but the installation took {seconds:.0f} s here, downloads included where there were any.",
    ]
    page = write_report(
        folder / "report.html", analysis, scores=scores, tasks=_described(chosen, tasks, runs),
        title="predictlab tour", facts=facts,
    )  # fmt: skip
    if analysis.fits:
        (folder / "phase.png").write_bytes(png(analysis.plot()))
    advised = analysis.phase.assign(recommendation=analysis.phase["task"].map(analysis.recommendations))
    for name, table in {"phase": advised, "fits": analysis.frame(), "scores": scores}.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return TourResult(analysis, scores, runs, page, path, seconds)


def _described(chosen: Sequence[TourTask], tasks: Sequence[Task], runs: pd.DataFrame) -> pd.DataFrame:
    """What each task is, and how its runs ended."""
    rows = []
    for c, task in zip(chosen, tasks, strict=True):
        ends = runs.loc[
            (runs["task"] == c.name) & (runs["metric"] == "accuracy") & (runs["depth"] == c.depths[-1]), "value"
        ]
        method = task.recipe.method
        rows.append(
            {
                "task": c.name,
                "what": c.what,
                "data": task.data.name,
                "train / eval rows": f"{len(task.data.train)} / {len(task.data.eval)}",
                "method": f"{method}, {task.recipe.layers}" if method == "lora" else method,
                "schedule": task.recipe.schedule,
                "seeds": c.seeds,
                "final accuracy": f"{ends.mean():.3f} (sd {ends.std():.3f})",
            }
        )
    return pd.DataFrame(rows)
