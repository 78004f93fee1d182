"""The `predictlab` command: analyse, tour, score, probe, fit, phase, forecast, decide, select, fresh, noise ..."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from predictlab import _cli_choosing, _cli_runs
from predictlab._cli_runs import GpuHour, as_typed, show, show_analysis
from predictlab.errors import DataError, PredictlabError, bad_argument

if TYPE_CHECKING:
    import pandas as pd

    from predictlab import comparing
    from predictlab.probing import ProbePlan
    from predictlab.task import Recipe, Task

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How well will a fine-tune go, how sure can we be, and how much probing is worth paying for?",
)

Data = Annotated[str, typer.Option(help="Catalog name (see `predictlab catalog`) or a csv, jsonl or parquet file.")]
TextColumn = Annotated[str | None, typer.Option(help="Column with the text, for your own file.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column with the label, for your own file.")]
PromptColumn = Annotated[str | None, typer.Option(help="Column with the prompt, for a causal language model.")]
CompletionColumn = Annotated[str | None, typer.Option(help="Column with the completion, for a causal language model.")]
Model = Annotated[str, typer.Option(help="Catalog name, a local folder, or a hub id that transformers can load.")]
EvalSize = Annotated[int, typer.Option(help="Rows kept for evaluation.")]
TrainSize = Annotated[int | None, typer.Option(help="Use at most this many training rows.")]
Noise = Annotated[float, typer.Option(help="Share of labels flipped on purpose, in [0, 1).")]
Store = Annotated[Path, typer.Option(help="Run store (a SQLite file).")]


def _task(data: str, model: str, recipe: Recipe, noise: float, name: str | None = None, **loading: Any) -> Task:
    """The task of these options; `loading` as for `load_dataset`."""
    from predictlab.catalog import load_dataset
    from predictlab.task import Task

    return Task(model, load_dataset(data, **loading), recipe, label_noise=noise, name=name)


@app.command()
def tour(
    out: Annotated[Path, typer.Option(help="Folder for the report and the run store.")] = Path("tour"),
    store: Annotated[Path | None, typer.Option(help="Run store; default runs.db in the folder.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Under a minute: fewer tasks, seeds and steps.")] = False,
    margin: Annotated[float, typer.Option(help="Accuracy margin that seeds should agree within, 95 %.")] = 0.025,
    budget: Annotated[float, typer.Option(help="Probing budget of a task, steps.")] = 64.0,
) -> None:
    """The whole analysis on real fine-tunes of a small embedded model; writes tour/report.html."""
    from predictlab._validation import tolerance_of
    from predictlab.report._tables import fit_table, score_table
    from predictlab.report._tour import run_tour

    tolerance = tolerance_of(None, margin)
    result = run_tour(out, quick=quick, store=store, tolerance=tolerance, budget=budget, narrate=typer.echo)
    a = result.analysis
    show(score_table(result.scores), "Static scores [95 %]")
    if a.fits:
        show(fit_table(a), "Decay fits, 95 % intervals")
    title = f"Phase table: tolerance ±{margin:g} (tau = {a.tolerance:.3g}), budget {budget:g} steps"
    show_analysis(a, title)
    for regime in a.missing_regimes:
        typer.echo(f"No task was found to be {regime} at this tolerance and budget.")
    typer.echo(f"\nReport: {result.report}   runs: {result.store}   {result.seconds:.0f} s")


@app.command()
def catalog() -> None:
    """List the models and data sets that come with pip packages."""
    from predictlab.catalog import datasets, models

    for title, frame in (("Models", models()), ("Data sets", datasets())):
        keep = [c for c in ("name", "rows", "classes", "package", "version", "licence", "note") if c in frame.columns]
        show(frame[keep], title)


@app.command()
def score(
    data: Data,
    model: Model = "minilm-l6",
    text: TextColumn = None,
    label: LabelColumn = None,
    eval_size: EvalSize = 500,
    train_size: TrainSize = 2000,
    label_noise: Noise = 0.0,
) -> None:
    """Static scores of a model on a data set, before any training: H-score, LogME, kNN, linear probe."""
    from predictlab.static import score as static_score
    from predictlab.task import Recipe

    task = _task(data, model, Recipe(), label_noise, text=text, label=label, eval_size=eval_size, train_size=train_size)
    table = static_score(task, progress=True).table
    show(
        table[["method", "value", "lower", "upper", "null", "says", "better", "seconds"]],
        f"Static scores of {task.name}",
    )


def _plan(design: str, depths: str, seeds: int | None, parents: int | None, forks: int | None) -> ProbePlan:
    from predictlab.probing import ProbePlan

    try:
        steps = tuple(map(int, depths.split(",")))
    except ValueError:
        raise bad_argument("depths", depths, "whole numbers with commas, such as 8,16,32,64") from None
    return ProbePlan(steps, seeds, design, parents, forks)


def _show_forks(runs: pd.DataFrame, task: str, metric: str) -> None:
    """The analysis of variance of the forks, or why there is none."""
    from predictlab.risk import risk_curve
    from predictlab.risk._text import notes

    try:
        curve = risk_curve(runs, task, estimator="branch", metric=metric)
    except DataError as error:
        typer.echo(f"No branch curve of {metric}: {error}")
        return
    assert curve.anova is not None
    columns = ["depth", "parents", "forks", "within", "share_resolved", "share_lower", "share_upper"]
    show(curve.anova[columns], f"{task}: {metric}² within forks, share settled [95 %]")
    for note in notes(curve):
        if note.startswith(("left out", "caution")):
            typer.echo(note)


@app.command()
def probe(
    data: Data,
    store: Store = Path("runs.db"),
    model: Model = "minilm-l6",
    text: TextColumn = None,
    label: LabelColumn = None,
    depths: Annotated[str, typer.Option(help="Steps at which every run is measured.")] = "8,16,32,64,128",
    design: Annotated[
        str, typer.Option(help="spread: independent seeds. branch: parents, and forks of each.")
    ] = "spread",
    seeds: Annotated[int | None, typer.Option(help="How many seeds, of spread. Default: 16.")] = None,
    parents: Annotated[int | None, typer.Option(help="How many parents, of branch; they are runs like seeds.")] = None,
    forks: Annotated[int | None, typer.Option(help="Forks of each parent at every depth but the last.")] = None,
    method: Annotated[str, typer.Option(help="lora, head or full.")] = "lora",
    layers: Annotated[str, typer.Option(help="all, or last:k.")] = "last:1",
    learning_rate: Annotated[float, typer.Option(help="The optimizer's.")] = 1e-3,
    optimizer: Annotated[str, typer.Option(help="adamw, or sgd: plain, with a much larger learning rate.")] = "adamw",
    sampling: Annotated[
        str, typer.Option(help="Rows of a step: shuffle (each once an epoch), or replacement.")
    ] = "shuffle",
    schedule: Annotated[str, typer.Option(help="constant, linear, cosine or poly:rho.")] = "linear",
    batch_size: Annotated[int, typer.Option(help="Rows per step.")] = 16,
    max_length: Annotated[int, typer.Option(help="Tokens kept of a text.")] = 32,
    pooling: Annotated[
        str, typer.Option(help="What the head reads: mean, or cls, the first token (quicker).")
    ] = "mean",
    precision: Annotated[str, typer.Option(help="fp32, or bf16 where the processor does it well.")] = "fp32",
    engine: Annotated[
        str, typer.Option(help="shared, or reference: the plain definition, one seed at a time.")
    ] = "shared",
    executor: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    eval_size: EvalSize = 500,
    train_size: TrainSize = 2000,
    label_noise: Noise = 0.0,
    name: Annotated[str | None, typer.Option(help="Name of the task in the store.")] = None,
    prompt: PromptColumn = None,
    completion: CompletionColumn = None,
) -> None:
    """Train several seeds of one task and store the metric at each depth. Run it again to resume or to add seeds.

    With --design branch the runs are parents: from every depth but the last each is continued several times with fresh
    randomness, to the last depth. That shows how much of a run's own end is settled at a depth.
    """
    from predictlab.probing import probe as run_probe
    from predictlab.runs import RunStore
    from predictlab.task import Recipe

    plan = _plan(design, depths, seeds, parents, forks)
    recipe = Recipe(
        method=method, layers=layers, learning_rate=learning_rate, schedule=schedule, batch_size=batch_size,
        max_length=max_length, steps=plan.depths[-1], pooling=pooling, optimizer=optimizer,
        sampling=sampling, precision=precision,
    )  # fmt: skip
    columns = {"text": text, "label": label, "prompt": prompt, "completion": completion}
    task = _task(data, model, recipe, label_noise, name, eval_size=eval_size, train_size=train_size, **columns)
    runs = run_probe(task, plan, store=store, engine=engine, executor=executor)
    independent = runs[(runs["status"] == "ok") & runs["parent"].isna()]
    wide = independent.groupby(["metric", "depth"])["value"].agg(["count", "mean", "std"])
    show(wide.reset_index(), f"{task.name}: over {'seeds' if design == 'spread' else 'parents'}")
    if design == "branch":
        for metric in wide.index.unique("metric"):
            _show_forks(runs, str(task.name), metric)
    with RunStore(store) as opened:
        costs = opened.costs(str(task.name))
    typer.echo(f"The plan from nothing: {plan.cost(costs)}. {costs}.")
    typer.echo(f"Stored in {store}. Next: predictlab fit --store {store}{' --estimator branch' * (design == 'branch')}")


for command in (
    _cli_runs.analyse,
    _cli_runs.fit,
    _cli_runs.phase,
    _cli_runs.forecast,
    _cli_choosing.decide,
    _cli_choosing.select,
):
    app.command()(command)


AsJson = Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")]
EvalRows = Annotated[int | None, typer.Option(help="Evaluation rows behind finals, where no column n says it.")]
Cluster = Annotated[str | None, typer.Option(help="Column of outcomes that names the cluster of each row.")]
Filter = Annotated[str | None, typer.Option(help="Of evaluation tools' files: which answer filter, or HELM's split.")]
Errors = Annotated[str | None, typer.Option(help="zero or missing: what rows without an outcome count as.")]
By = Annotated[list[str] | None, typer.Option(help="Column of finals that tells recipes apart; repeat for several.")]
Width = Annotated[str | None, typer.Option(help="Of means with widths: sd, se, t95, normal95 or rows.")]
AtDepth = Annotated[float | None, typer.Option("--depth", help="Of runs measured at several depths: there, steps.")]
AnyMetric = Annotated[str | None, typer.Option(help="Which metric, where there are several.")]
OneTask = Annotated[str | None, typer.Option(help="Which task, where there are several.")]
Confidence = Annotated[float, typer.Option(help="Of the intervals.")]


def _told(
    result: comparing.Noise | comparing.Comparison | comparing.Comparisons | comparing.Design, as_json: bool
) -> None:
    import json

    typer.echo(json.dumps(result.to_dict(), indent=1) if as_json else str(result.summary()))


@app.command()
def noise(
    source: Annotated[Path, typer.Argument(help="Finals (run or seed, score, n), outcomes of rows, or a run store.")],
    metric: AnyMetric = None,
    task: OneTask = None,
    eval_rows: EvalRows = None,
    cluster: Cluster = None,
    filter: Filter = None,
    errors: Errors = None,
    by: By = None,
    width: Width = None,
    depth: AtDepth = None,
    confidence: Confidence = 0.95,
    as_json: AsJson = False,
) -> None:
    """Say by how much two runs of one recipe differ anyhow, and how much of that is the evaluation set."""
    from predictlab.comparing import noise as of_runs

    found = of_runs(
        source, metric=metric, task=task, eval_rows=eval_rows, cluster=cluster, filter=filter, errors=errors, by=by,
        width=width, depth=depth, confidence=confidence,
    )  # fmt: skip
    _told(found, as_json)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Runs of recipe A, as for `predictlab noise`.")],
    b: Annotated[Path, typer.Argument(help="Runs of recipe B.")],
    metric: AnyMetric = None,
    task: OneTask = None,
    margin: Annotated[float, typer.Option(help="Probability of a better by more than this, metric.")] = 0.0,
    better: Annotated[str | None, typer.Option(help="higher or lower; default by the metric.")] = None,
    these_rows: Annotated[
        bool, typer.Option("--these-rows", help="Compare recipes on these rows, not on the population of rows.")
    ] = False,
    paired_seeds: Annotated[bool, typer.Option("--paired-seeds", help="Runs of one seed belong together.")] = False,
    run_sd: Annotated[float | None, typer.Option(help="Known sd over runs, on the population of rows.")] = None,
    eval_rows: EvalRows = None,
    cluster: Cluster = None,
    filter: Filter = None,
    errors: Errors = None,
    width: Width = None,
    depth: AtDepth = None,
    confidence: Confidence = 0.95,
    as_json: AsJson = False,
) -> None:
    """Do these two runs differ, and is recipe A better than recipe B? Two questions, two answers."""
    from predictlab.comparing import compare as of_two

    found = of_two(
        a, b, metric=metric, task=task, rows=None if these_rows else float("inf"), margin=margin, better=better,
        eval_rows=eval_rows, cluster=cluster, filter=filter, errors=errors, width=width,
        depth=depth, paired_seeds=paired_seeds, run_sd=run_sd, confidence=confidence,
    )  # fmt: skip
    _told(found, as_json)


@app.command()
def design(
    source: Annotated[Path | None, typer.Argument(help="Runs of one recipe, as for `predictlab noise`.")] = None,
    difference: Annotated[float | None, typer.Option(help="To be seen, metric.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs of each recipe.")] = None,
    rows: Annotated[float | None, typer.Option(help="Evaluation rows. Default: those of the source.")] = None,
    run_sd: Annotated[float | None, typer.Option(help="Instead of a source: sd over runs.")] = None,
    interaction: Annotated[float | None, typer.Option(help="With --run-sd: sigma_int², metric² a row.")] = None,
    power: Annotated[float, typer.Option(help="Chance to see it.")] = 0.8,
    cost_per_run: Annotated[float, typer.Option(help="Of training one run.")] = 0.0,
    cost_per_row: Annotated[float, typer.Option(help="Of evaluating one run on one row.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Runs and rows for a difference of two recipes, or the smallest difference that they show."""
    from predictlab.comparing import compare_design

    found = compare_design(
        source, difference=difference, seeds=seeds, rows=rows, run_sd=run_sd, interaction=interaction, power=power,
        cost_per_run=cost_per_run, cost_per_row=cost_per_row,
    )  # fmt: skip
    _told(found, as_json)


@app.command()
def fresh(
    source: Annotated[Path, typer.Argument(help="A run store, or runs of another tool: a file or a folder.")],
    task: OneTask = None,
    metric: AnyMetric = None,
    margin: Annotated[
        float | None, typer.Option(help="Within what the end of another run has to be known, 95 %, in the metric.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Runs that are probed, of the table. Default: those there are.")
    ] = None,
    horizon: Annotated[
        float | None, typer.Option(help="Steps of the whole recipe, where the source does not know.")
    ] = None,
    drift: Annotated[
        str | None, typer.Option(help="runs (measured at the end) or mean (the law of the mean curve carries it on).")
    ] = None,
    exchange_rate: Annotated[
        float | None, typer.Option(help="Risk that one step is worth, metric² per step: the best depth and seeds.")
    ] = None,
    gpu_hour: GpuHour = None,
    confidence: Confidence = 0.95,
) -> None:
    """Where another run of a recipe will end, and how many seeds to probe how deep for that."""
    from predictlab._validation import tolerance_of
    from predictlab.budget import fresh_run
    from predictlab.report._analysis import readable

    found = fresh_run(readable(source, metric), task, metric=metric, horizon=horizon, drift=drift)
    told = found.summary()
    for part in (told.title, *told.parts[:-1]):
        typer.echo(part)
    show(found.frame(seeds, confidence), "Risk by depth, metric²")
    if margin is not None:
        plan = found.plan(tolerance=tolerance_of(None, margin), gpu_hour=gpu_hour)
        typer.echo(f"Known to ±{margin:g}: {plan}")
    if exchange_rate is not None:
        typer.echo(f"At {exchange_rate:g} a step: {found.optimal(exchange_rate=exchange_rate)}")


def _options_of(command: list[str]) -> dict[str, str]:
    """Argument -> option of a command, for its errors."""
    known = getattr(typer.main.get_command(app), "commands", {})
    found = known.get(command[0]) if command else None
    options = [] if found is None else [p for p in found.params if p.param_type_name == "option"]
    return {str(p.name): max(p.opts, key=len) for p in options}


def main() -> None:
    """Entry point: an error of ours is one sentence and exit code 1, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except PredictlabError as error:
        typer.echo(f"predictlab: {as_typed(str(error), _options_of(sys.argv[1:2]))}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
