"""Commands that decide: go, stop or probe on; and the best of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictlab import _cli_runs
from predictlab._cli_runs import AsTask, Depth, Metric, Names, PerEpoch, Rows, Seed, Sources, Store, as_typed, show
from predictlab.errors import bad_argument


def decide(
    at_depth: Annotated[float, typer.Option(help="Depth that has been reached, steps.")],
    threshold: Annotated[float, typer.Option(help="Where a run has to end to be worth it.")],
    cost_full: Annotated[float, typer.Option(help="Cost of training one run on to its end.")],
    cost_probe: Annotated[float | None, typer.Option(help="Cost of one step; with --later.")] = None,
    later: Annotated[
        str | None,
        typer.Option(help="Deeper depths at which one may look again, such as 64,128: forecasts from there."),
    ] = None,
    cost_miss: Annotated[
        float | None, typer.Option(help="What stopping a good run loses. Default: --cost-full.")
    ] = None,
    source: Sources = None,
    store: Store = None,
    task: Annotated[str | None, typer.Option(help="Runs of this task from each other, as for forecast.")] = None,
    metric: Metric = None,
    end: Annotated[float | None, typer.Option(help="Depth at which runs end. Default: the greatest there is.")] = None,
    better: Annotated[str | None, typer.Option(help="higher or lower, for metrics of your own.")] = None,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    steps_per_epoch: PerEpoch = None,
) -> None:
    """Go, stop, or probe on first: what each run should do at a depth, what it saves, and how often it is wrong."""
    from predictlab.choosing import decide as of_forecast
    from predictlab.forecasting import forecast as run_forecast

    runs, alone = _cli_runs.runs_to_forecast(
        source, store, task, metric=metric, as_task=as_task, seed=seed, depth=depth, steps_per_epoch=steps_per_epoch
    )
    try:
        depths = [at_depth, *(float(c) for c in later.split(","))] if later else [at_depth]
    except ValueError:
        raise bad_argument("--later", later, "depths with commas, such as 64,128") from None
    now, *deeper = (run_forecast(runs, c, task=alone, metric=metric, end=end) for c in depths)
    found = of_forecast(
        now, threshold, cost_full, cost_probe, later=deeper or None, cost_miss=cost_miss, better=better
    )  # fmt: skip
    table = found.frame()
    typer.echo(found.sentence())
    if table["good"].notna().any():
        show(found.errors().reset_index(names="decision"), "Runs whose end is known, as if it were not")
    columns = ["run", "prediction", "sd", "p_good", "decision", "depth", "p_waste", "p_miss", "saving", "final", "note"]
    show(table[columns], found.summary().title)


def select(
    total_budget: Annotated[
        float | None, typer.Option(help="Steps that may be spent on all together. Default: all that was recorded.")
    ] = None,
    source: Sources = None,
    store: Store = None,
    task: Names = None,
    margin: Annotated[float, typer.Option(help="Difference, in the metric, that does not matter.")] = 0.0,
    confidence: Annotated[float, typer.Option(help="Probability of a right choice at which it stops.")] = 0.95,
    metric: Metric = None,
    better: Annotated[str | None, typer.Option(help="higher or lower, for metrics of your own.")] = None,
    rows: Rows = None,
    eval_rows: Annotated[
        int | None, typer.Option(help="Rows that the runs were evaluated on. Default, with --rows: as the store knows.")
    ] = None,
    interaction: Annotated[
        str | None,
        typer.Option(
            help="sigma_int²,sigma_c²: how runs of a task, and how tasks differ on a row, metric²; one number: both. "
            "Default, with --rows: from outcomes by row in the store."
        ),
    ] = None,
    row_cost: Annotated[float, typer.Option(help="Of one row in one evaluation, in steps; with --eval-rows.")] = 0.0,
    as_task: AsTask = None,
    seed: Seed = None,
    depth: Depth = None,
    steps_per_epoch: PerEpoch = None,
) -> None:
    """Which of several tasks ends best, from their recorded runs, which are played back one after the other.

    With --rows: on other evaluation rows than these, and with how many seeds and rows it could be told.

    New runs are trained by pl.select, from Python.
    """
    from predictlab.choosing import select as of_runs
    from predictlab.choosing._candidates import RUNGS
    from predictlab.risk import as_runs_frame

    runs, names = _cli_runs.runs_of(
        source, store, task, metric=metric, as_task=as_task, seed=seed, depth=depth, steps_per_epoch=steps_per_epoch
    )
    between = _pair(interaction)
    if rows is None and between is not None:
        raise bad_argument(
            "--interaction", interaction, "nothing without --rows", "On these rows nothing of it matters."
        )
    if rows is None and eval_rows is not None and not row_cost:
        raise bad_argument("--eval-rows", eval_rows, "nothing without --rows or --row-cost")
    if rows is not None and between is None and not isinstance(runs, Path):
        raise bad_argument(
            "interaction", None, "sigma_int²,sigma_c² of a row, and --eval-rows, beside --rows",
            "Files have no outcomes by row to find them in; a run store that pl.probe made has.",
        )  # fmt: skip
    frame = as_runs_frame(runs)
    frame = frame[frame["task"].isin(names)]
    if total_budget is None:  # all that was recorded
        depths = frame.groupby(["task", "run"])["depth"]
        evaluations = depths.nunique().clip(upper=len(RUNGS)).sum()
        total_budget = float(depths.max().sum() + row_cost * (eval_rows or 0) * evaluations)
    found = of_runs(
        frame, total_budget, margin=margin, confidence=confidence, metric=metric, better=better, rows=rows,
        eval_rows=eval_rows, row_cost=row_cost, interaction=between, progress=False,
        store=runs if isinstance(runs, Path) and rows is not None else None,
    )  # fmt: skip
    told = found.summary()
    for part in (told.title, *(part for part in told.parts if isinstance(part, str))):
        typer.echo(as_typed(part, {"margin": "--margin", "total_budget": "--total-budget"}))
    show(found.frame().drop(columns="p_best"), f"{found.metric} at the end")
    if found.rows is not None and found.needs:
        show(found.design(), "Seeds of each, to the end, by evaluation rows")


def _pair(interaction: str | None) -> float | tuple[float, float] | None:
    """``sigma_int²`` and ``sigma_c²``, or one number for both; None where none was given."""
    if interaction is None:
        return None
    try:
        values = [float(part) for part in interaction.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise bad_argument("--interaction", interaction, "one number, or two with a comma, such as 0.05,0.1")
    return values[0] if len(values) == 1 else (values[0], values[1])
