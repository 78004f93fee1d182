"""Commands on runs, from a store or from whatever another tool left: analyse, fit, phase, forecast."""

from __future__ import annotations

import json
import math
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from predictlab.errors import ArgumentError, DataError, bad_argument

if TYPE_CHECKING:
    import pandas as pd

    from predictlab.report import Analysis
    from predictlab.runs import Imported

STORE = Path("runs.db")
OPTIONS = (
    "Here: --metric, --seed (enumerate numbers the runs), --as-task, --depth, --steps-per-epoch, --format, --keep."
)

READING = {
    name: f"--{name.replace('_', '-')}"
    for name in ("metric", "seed", "depth", "run", "steps_per_epoch", "format", "keep")
} | {"task": "--as-task"}

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="Runs: a store, or files or folders of another tool (Trainer, W&B, TensorBoard, MLflow, Lightning, CSV).",
    ),
]
Store = Annotated[Path | None, typer.Option(help="Run store (a SQLite file). Default, without a source: runs.db.")]
Metric = Annotated[
    str | None, typer.Option(help="Which metric. Default: accuracy where it was measured, else the one.")
]
Estimator = Annotated[str, typer.Option(help="spread, branch (needs forks) or residual: which risk is fitted.")]
Names = Annotated[
    list[str] | None, typer.Option("--task", help="Task among the runs; repeat for several. Default: all.")
]
AsTask = Annotated[
    str | None, typer.Option("--as-task", help="Name of the one task all are of, or the column or param that names it.")
]
Seed = Annotated[str | None, typer.Option(help="Column, param, pattern over runs' names, number, or enumerate.")]
Depth = Annotated[str | None, typer.Option(help="Column that counts optimiser steps.")]
PerEpoch = Annotated[float | None, typer.Option(help="Optimiser steps of an epoch, where the source counts epochs.")]
Format = Annotated[
    str | None, typer.Option(help="trainer_state, tensorboard, mlflow or table, where there are several.")
]
Keep = Annotated[str | None, typer.Option(help="first or last, where a run has two values at one depth.")]
Strict = Annotated[bool, typer.Option("--strict", help="Make each assumption of the reader an error.")]
Rows = Annotated[
    float | None,
    typer.Option(help="Evaluation rows of the set that is asked about; inf: the population. Default: this set."),
]
Margin = Annotated[
    float | None,
    typer.Option(help="Margin that seeds should agree within, 95 %, in the metric. Default for shares of rows: 0.025."),
]
Question = Annotated[
    str,
    typer.Option(help="agreement, this_run, fresh_run or new_task: what is asked (docs/questions.md)."),
]
Worth = Annotated[float, typer.Option(help="Steps, of all seeds together, that 0.01² metric² less risk is worth.")]
MarginConfidence = Annotated[float, typer.Option(help="Share of seeds that should lie within the margin.")]
GpuHour = Annotated[
    float | None,
    typer.Option(
        help="Price of an hour: what is advised says its cost. With --worth-of-a-point: what a step is worth."
    ),
]
WorthOfAPoint = Annotated[
    float | None, typer.Option(help="Money that an error of 0.01 of the metric costs; one of 0.02 costs four times it.")
]
SecondsPerStep = Annotated[
    float | None, typer.Option(help="Of one run, beside --gpu-hour. Default: as the runs were timed.")
]
Confidence = Annotated[float, typer.Option(help="Probability that a regime call needs.")]


def tolerance_at(margin: float | None, confidence: float) -> tuple[float | None, float | None]:
    """The margin as it is, or instead the tolerance that it means at another confidence than 95 %."""
    from predictlab._validation import positive
    from predictlab.budget import tolerance

    if margin is not None:
        positive("margin", margin, ", in the metric", "Such as 0.025.")
    if confidence == 0.95:
        return margin, None
    if margin is None:
        raise bad_argument("--margin-confidence", confidence, "0.95 without --margin", "Give --margin, in the metric.")
    return None, tolerance(margin=margin, confidence=confidence)


def rate_of_money(
    gpu_hour: float | None, worth: float | None, seconds: float | None, runs: Path | Imported, tasks: list[str]
) -> float | None:
    """The exchange rate a step, from prices; None where none was given. Seconds: the slowest of the tasks' as timed."""
    from predictlab.budget import exchange_rate
    from predictlab.risk import as_runs_frame

    if worth is None and seconds is None:
        return None
    for option, value in (("--gpu-hour", gpu_hour), ("--worth-of-a-point", worth)):
        if value is None or not value > 0:
            raise bad_argument(option, value, "a number > 0 (money)", "--gpu-hour and --worth-of-a-point go together.")
    if seconds is None:
        frame = as_runs_frame(runs)
        timed = frame[frame["task"].isin(tasks) & (frame["seconds"] > 0) & (frame["depth"] > 0)]
        if not len(timed):
            hint = "These runs were not timed."
            raise bad_argument("--seconds-per-step", None, "seconds > 0 beside --gpu-hour", hint)
        seconds = float((timed["seconds"] / timed["depth"]).groupby(timed["task"]).median().max())
    assert worth is not None
    return exchange_rate(worth_of_a_point=worth, gpu_hour=gpu_hour, seconds_per_step=seconds)


def as_typed(text: str, options: Mapping[str, str]) -> str:
    """A message of the library with its arguments named as options are typed; calls in it stay as they are.

    Parameters
    ----------
    text : str
    options : mapping of str to str
        Argument -> option.

    Examples
    --------
    >>> as_typed("task=None: open. Pass task='a name', or pl.load(task='b').", {"task": "--as-task"})
    "--as-task: open. Pass --as-task 'a name', or pl.load(task='b')."
    >>> as_typed("So: pl.read_runs(source, seed='enumerate', task='a name').", {"task": "--as-task", "seed": "--seed"})
    "So: --seed 'enumerate' --as-task 'a name'."
    """
    names = "|".join(map(re.escape, options))
    one = re.compile(rf"(?<![\w.-])({names})=(None:|'[^']*'|[^\s,;:.()]*)")

    def typed(found: re.Match[str]) -> str:
        option, value = options[found[1]], found[2]
        return f"{option}:" if value == "None:" else f"{option} {value}".rstrip()

    def part(found: re.Match[str]) -> str:
        call = found[0]
        if call.startswith("pl.read_runs(source, "):
            return " ".join(typed(each) for each in one.finditer(call)) or call
        return call if call.startswith("pl.") else typed(found)

    return re.sub(rf"pl\.[\w.]+\([^()]*\)|{one.pattern}", part, text)


def show(frame: pd.DataFrame, title: str = "") -> None:
    """A table: framed in a terminal, in plain lines elsewhere."""
    if not sys.stdout.isatty():
        from predictlab._summary import Summary

        plain = frame.astype({c: object for c in frame.columns if frame[c].dtype.kind not in "fiu"})
        typer.echo(str(Summary(title, plain.reset_index(drop=True))) if title else str(Summary("", plain)).strip("\n"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in frame.columns:
        numeric = frame[column].dtype.kind in "fi"
        table.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row])
    Console().print(table)


def show_analysis(analysis: Analysis, title: str) -> None:
    """The phase table, and what to do for each task."""
    from predictlab.report._tables import phase_table

    show(phase_table(analysis), title)
    for caution in analysis.cautions:
        typer.echo(f"Caution: {caution}.")
    for name, recommendation in analysis.recommendations.items():
        typer.echo(f"{name}: {recommendation}")


def runs_of(
    sources: list[str] | None, store: Path | None, tasks: list[str] | None, *, quiet: bool = False, **reading: Any
) -> tuple[Path | Imported, list[str]]:
    """The store, or the runs of other sources with the report on them, and the tasks asked for.

    What the reader did is printed, to the standard error; `reading` as for `pl.read_runs`, but for ``as_task``.
    """
    from predictlab.report._analysis import is_store
    from predictlab.risk import as_runs_frame
    from predictlab.runs import ImportNotice, read_runs

    if sources and store is not None:
        raise bad_argument("--store", str(store), f"nothing beside {' '.join(sources)}", "Leave one of them out.")
    given = {name: value for name, value in reading.items() if value not in (None, False)}
    found: Path | Imported
    if not sources or (len(sources) == 1 and is_store(sources[0])):
        found = Path(sources[0]) if sources else store or STORE
        if not found.exists():
            hint = "Make one with `predictlab probe`, or name the files or folders of runs as SOURCE."
            raise bad_argument("--store", str(found), "a run store that exists", hint)
        if unused := [name for name in given if name != "metric"]:
            raise bad_argument(f"--{unused[0].replace('_', '-')}", given[unused[0]], "nothing with a run store")
    else:
        given["task"] = given.pop("as_task", None)
        if str(given.get("seed", "")).lstrip("-").isdigit():
            given["seed"] = int(given["seed"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportNotice)  # the report says them
            try:
                found = read_runs(sources[0] if len(sources) == 1 else sources, report=True, **given)
            except (ArgumentError, DataError) as error:  # what it asks for, as it is written here
                more = f" {OPTIONS}" if "=None:" in str(error) else ""
                raise type(error)(as_typed(str(error), READING) + more) from error
        if not quiet:
            typer.echo(str(found.report), err=True)
    present = list(dict.fromkeys(as_runs_frame(found)["task"]))
    for name in tasks or []:
        if name not in present:
            raise bad_argument("--task", name, f"a task of the runs: {', '.join(present) or 'there is none'}")
    return found, tasks or present


def runs_to_forecast(
    sources: list[str] | None, store: Path | None, task: str | None, **reading: Any
) -> tuple[Path | pd.DataFrame, str | None]:
    """The store or the runs, and whose are forecast from each other: the task asked for, or another tool's only one."""
    runs, names = runs_of(sources, store, [task] if task else None, **reading)
    if isinstance(runs, Path):
        return runs, task
    return runs.runs, names[0] if len(names) == 1 else task


def analyse(
    source: Sources = None,
    margin: Margin = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Steps a run may take. Default: the last depth that all tasks were measured at."),
    ] = None,
    worth: Worth = 1000.0,
    margin_confidence: MarginConfidence = 0.95,
    gpu_hour: GpuHour = None,
    worth_of_a_point: WorthOfAPoint = None,
    seconds_per_step: SecondsPerStep = None,
    metric: Metric = None,
    question: Question = "agreement",
    rows: Rows = None,
    task: Names = None,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    run: Annotated[str | None, typer.Option(help="Column that tells runs apart.")] = None,
    steps_per_epoch: PerEpoch = None,
    format: Format = None,
    keep: Keep = None,
    strict: Strict = False,
    confidence: Confidence = 0.95,
    out: Annotated[Path, typer.Option(help="The report, one HTML page with its charts.")] = Path("report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="The phase table as CSV; what was read, to standard error.")
    ] = False,
) -> None:
    """From files to an answer: read runs, fit, sort tasks into regimes, say what to do, write a report with charts."""
    from predictlab.report import analyse as of_runs
    from predictlab.report import write_report

    if as_json and as_csv:
        raise bad_argument("--csv", True, "nothing beside --json")
    margin, tolerance = tolerance_at(margin, margin_confidence)
    if not worth > 0:
        raise bad_argument("--worth", worth, "a number of steps > 0")
    runs, names = runs_of(
        source, None, task, quiet=not as_csv, metric=metric, as_task=as_task, seed=seed, depth=depth, run=run,
        steps_per_epoch=steps_per_epoch, format=format, keep=keep, strict=strict,
    )  # fmt: skip
    rate = rate_of_money(gpu_hour, worth_of_a_point, seconds_per_step, runs, names)
    result = of_runs(
        runs, margin=margin, tolerance=tolerance, budget=budget, exchange_rate=1e-4 / worth if rate is None else rate,
        metric=metric, confidence=confidence, tasks=names, rows=rows,
        question=question, gpu_hour=gpu_hour,
    )  # fmt: skip
    command = " ".join(["predictlab", *sys.argv[1:]])
    page = write_report(out, result, title=f"predictlab: {', '.join(source or [str(STORE)])}"[:120], facts=[command])
    if as_json:
        typer.echo(json.dumps(told(result, page), indent=1))
    elif as_csv:
        typer.echo(_numbers(result).to_csv(index=False), nl=False)
    else:
        if result.imported is not None:
            typer.echo(f"{result.imported}\n")
        show_analysis(result, result.summary().title)
        typer.echo(f"\nReport: {page}")


def _numbers(analysis: Analysis) -> pd.DataFrame:
    """The phase table with its numbers, and what to do."""
    return analysis.phase.assign(recommendation=analysis.phase["task"].map(analysis.recommendations))


def told(analysis: Analysis, page: Path) -> dict[str, Any]:
    """An analysis as plain values: what was read, the question, each task's regime, fits; NaN is None.

    Parameters
    ----------
    analysis : Analysis
    page : Path
        The report.
    """
    read = analysis.imported
    return {
        "read": None if read is None else {n: v for n, v in vars(read).items() if n != "taken_for"},
        "question": analysis.question,
        "tolerance": analysis.tolerance, "budget": analysis.budget, "exchange_rate": analysis.exchange_rate,
        "confidence": analysis.confidence, "cautions": list(analysis.cautions),
        "phase": _plain(_numbers(analysis)), "fits": _plain(analysis.frame()), "report": str(page),
    }  # fmt: skip


def _plain(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    return json.loads(frame.to_json(orient="records", double_precision=15))


def fit(
    source: Sources = None,
    store: Store = None,
    task: Names = None,
    metric: Metric = None,
    estimator: Estimator = "spread",
    rows: Rows = None,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    steps_per_epoch: PerEpoch = None,
) -> None:
    """Fit the decay law to runs, with intervals; says so when the data cannot tell."""
    from predictlab.decay import DecayModel
    from predictlab.risk import risk_curve

    runs, names = runs_of(
        source, store, task, metric=metric, as_task=as_task, seed=seed, depth=depth, steps_per_epoch=steps_per_epoch
    )
    for name in names:
        # the store itself, since it may hold outcomes
        curve = risk_curve(runs if isinstance(runs, Path) else runs.runs, name, estimator=estimator, metric=metric)
        typer.echo(f"{DecayModel(curve, rows=rows).fit().summary()}\n")


def phase(
    source: Sources = None,
    store: Store = None,
    margin: Margin = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Probing budget of a task, steps. Default: the last depth all were measured at."),
    ] = None,
    exchange_rate: Annotated[float, typer.Option(help="Risk that one step is worth, metric² per step.")] = 1e-7,
    margin_confidence: MarginConfidence = 0.95,
    gpu_hour: GpuHour = None,
    worth_of_a_point: WorthOfAPoint = None,
    seconds_per_step: SecondsPerStep = None,
    confidence: Confidence = 0.95,
    task: Names = None,
    metric: Metric = None,
    question: Question = "agreement",
    rows: Rows = None,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    steps_per_epoch: PerEpoch = None,
) -> None:
    """Sort tasks into Static-Sufficient, Dynamic-Critical and Noise-Dominant, with probabilities."""
    from predictlab.report import analyse as of_runs

    margin, tolerance = tolerance_at(margin, margin_confidence)
    runs, names = runs_of(
        source, store, task, metric=metric, as_task=as_task, seed=seed, depth=depth, steps_per_epoch=steps_per_epoch
    )
    rate = rate_of_money(gpu_hour, worth_of_a_point, seconds_per_step, runs, names)
    result = of_runs(
        runs, margin=margin, tolerance=tolerance, budget=budget, metric=metric, confidence=confidence, tasks=names,
        exchange_rate=exchange_rate if rate is None else rate, rows=rows, question=question, gpu_hour=gpu_hour,
    )  # fmt: skip
    on = "" if rows is None else ", on the population of rows" if math.isinf(rows) else f", on {rows:,.0f} rows"
    show_analysis(result, f"{result.summary().title}{on}")


def forecast(
    at_depth: Annotated[float, typer.Option(help="Use nothing that was measured deeper, steps.")],
    source: Sources = None,
    store: Store = None,
    task: Annotated[
        str | None,
        typer.Option(help="Forecast the runs of this task from each other. Default: each task from the others."),
    ] = None,
    metric: Metric = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    end: Annotated[float | None, typer.Option(help="Depth at which runs end. Default: the greatest there is.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Where a run has to end to be worth it: go or no-go.")] = None,
    better: Annotated[str | None, typer.Option(help="higher or lower, for metrics of your own.")] = None,
    predictor: Annotated[
        str | None, typer.Option(help="stack (default), regression, calibrated, last_value, power_law or log_log.")
    ] = None,
    method: Annotated[str, typer.Option(help="Of the intervals: t, jackknife+ or cv+.")] = "t",
    rows: Annotated[
        float | None,
        typer.Option(
            help="Evaluation rows that the end is asked on, others than these; inf: deployment. Needs a store."
        ),
    ] = None,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    steps_per_epoch: PerEpoch = None,
) -> None:
    """Where runs will end, with intervals, from what is known at a depth; beside it where they did, if they have."""
    from predictlab.forecasting import forecast as run_forecast
    from predictlab.risk import as_runs_frame

    runs, alone = runs_to_forecast(
        source, store, task, metric=metric, as_task=as_task, seed=seed, depth=depth, steps_per_epoch=steps_per_epoch
    )
    # outcomes of rows are in the store, not in its frame
    given = as_runs_frame(runs) if rows is None else runs
    forecasts = run_forecast(
        given, at_depth, confidence=confidence, task=alone, metric=metric, end=end, threshold=threshold, better=better,
        predictor=predictor, method=method, rows=rows,
    )  # fmt: skip
    summary, table = forecasts.summary(), forecasts.frame()
    show(table.drop(columns="task") if len(table["task"].unique()) == 1 else table, summary.title)
    for part in summary.parts:
        if isinstance(part, str) and "frame()" not in part:  # all runs are shown here
            typer.echo(part)
    if forecasts.members is not None and len(forecasts.members) > 1:
        show(forecasts.members.reset_index())
