"""ProbeRecorder: a callback that writes the evaluations of a Hugging Face or TRL Trainer into a run store."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from predictlab.errors import DataError, StoreError, bad_argument, needs_extra
from predictlab.runs import RunStore
from predictlab.runs._importers.trainer_state import evaluation, logged
from predictlab.runs._store import opened

with needs_extra("ProbeRecorder", "probe"):
    import torch.distributed
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers.trainer_utils import has_length

    from predictlab.probing._trainer_rows import EvaluationRows, RowMetrics, Values

# What makes a run another task when it changes. Seeds, paths, logging and evaluation do not.
RECIPE = (
    "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "optim", "optim_args",
    "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "label_smoothing_factor", "train_batch_size",
    "gradient_accumulation_steps", "world_size", "neftune_noise_alpha",
)  # fmt: skip


class HasDepth(Protocol):
    """An object with a depth in steps, such as OptimalDepth."""

    @property
    def depth(self) -> float: ...


Depth = float | HasDepth


class ProbeRecorder(TrainerCallback):
    """Writes every evaluation of a Trainer into a run store, and stops the run where that is asked.

    Parameters
    ----------
    store : str, pathlib.Path or RunStore
        Where measurements go; a path is opened for each write only.
    task : str
        Name of the task in the store. Runs of one task have one model, data and recipe and differ in their seeds.
    run : str, optional
        Name of the run; default ``"<task>:<seed>"``.
    seed : int, optional
        Default: ``args.seed`` of the Trainer.
    stop_at : float, OptimalDepth, ToleranceDepth or callable, optional
        Depth (steps, >= 1) after which the run is evaluated and stopped; between steps the next one counts. A callable
        is given the tidy frame of the task after each evaluation and returns a depth, or None for none yet; while it
        raises DataError (too few runs for a fit) there is none either. For a fit and a price pass
        ``pl.optimal_depth(fit, exchange_rate=...)``. Depths beyond the run's end change nothing.

    Attributes
    ----------
    stopped_at : int or None
        Step at which this recorder stopped the run.

    Raises
    ------
    ArgumentError
        `stop_at` is 0 because probing does not pay, or is no depth.
    StoreError
        While training: the store cannot be written, holds `task` with another model or recipe, or holds another run of
        this name.

    Notes
    -----
    Each evaluation is a depth: use ``eval_strategy="steps"``, and ``eval_on_start=True`` for depth 0. Metrics keep the
    Trainer's names (``eval_loss``), those that TRL logs included; clocks and counters are left out. Where a loss is not
    finite, the measurement is ``"diverged"``. Seconds are those of the training steps, without evaluation, saving and
    the loading of data. Operations are the Trainer's ``total_flos``, for which it logs at each evaluation.

    A run that is resumed from a checkpoint goes on under its name: what it measures again is not written twice. Its
    seconds go on if it was measured at the checkpoint's step, else they are NaN from there. A run that is started again
    has to repeat the numbers that are held under its name. Only the main process writes.

    The rate schedule of the Trainer must end where the full run would: a run stopped at ``c*`` is then the beginning of
    that run. Evaluations outside ``train()`` are left out before it, and after it if the best model was loaded.

    Examples
    --------
    >>> from predictlab.probing import ProbeRecorder
    >>> recorder = ProbeRecorder("runs.db", "my task", stop_at=64)  # opens nothing yet
    >>> recorder.stopped_at is None
    True

    It is given to a Trainer: ``Trainer(..., callbacks=[recorder]).train()``.
    """

    def __init__(
        self,
        store: str | Path | RunStore,
        task: str,
        *,
        run: str | None = None,
        seed: int | None = None,
        stop_at: Depth | Callable[[pd.DataFrame], Depth | None] | None = None,
    ) -> None:
        if not isinstance(task, str) or not task:
            raise bad_argument("task", task, "a name")
        self.store, self.task, self.run, self.seed = store, task, run, seed
        self._ask = stop_at if callable(stop_at) else None
        self._stop = math.inf if callable(stop_at) or stop_at is None else steps_of(stop_at)
        if self._stop < 1:
            hint = "A depth of 0 says that probing does not pay at this price: decide without training."
            raise bad_argument("stop_at", stop_at, "a depth of at least one step", hint)
        self.stopped_at: int | None = None
        self._name = ""
        self._seed = 0
        self._fingerprint = ""
        self._description: dict[str, Any] = {}
        self._phase = ""  # "training", then "ended" while the model is still that of the last step
        self._resumed = False
        self._seconds = 0.0
        self._step_began: float | None = None
        self._logged: tuple[int, dict[str, float]] = (-1, {})
        self._rows = EvaluationRows()

    def by_row(self, metrics: RowMetrics) -> Callable[..., dict[str, float]]:
        """Make the Trainer's ``compute_metrics`` from outcomes of rows, and keep them beside their mean.

        Parameters
        ----------
        metrics : callable
            Of a transformers.EvalPrediction; returns metric name -> the outcome of each row, an array (rows,) of bool
            for right or wrong, or of numbers, in the order of the predictions. A number alone is a metric that is no
            mean over rows (F1, say): it is measured, and has no outcomes.

        Returns
        -------
        callable
            For ``Trainer(compute_metrics=...)``: the means.

        Notes
        -----
        Rows are known by their tokens and labels where the evaluation set can be read in its order, else by their
        labels alone. Outcomes are kept of one evaluation set: those of metrics that the Trainer names ``eval_<name>``.
        The store then holds ``eval_<name>`` with its rows: ``pl.risk_curve(store, metric="eval_accuracy")`` tells runs
        and rows apart.

        Examples
        --------
        >>> import numpy as np
        >>> from transformers import EvalPrediction
        >>> recorder = ProbeRecorder("runs.db", "my task")
        >>> right = recorder.by_row(lambda p: {"accuracy": p.predictions.argmax(-1) == p.label_ids})
        >>> right(EvalPrediction(predictions=np.array([[0.1, 0.9], [0.8, 0.2]]), label_ids=np.array([1, 1])))
        {'accuracy': 0.5}
        """
        if not callable(metrics):
            raise bad_argument("metrics", metrics, "a function of an EvalPrediction")
        return self._rows.metrics_of(metrics)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Find out before the first step whether the store takes this run.

        Parameters
        ----------
        args, state, control, **kwargs
            As the Trainer gives them.

        Raises
        ------
        StoreError
            It does not.
        """
        self._seed = int(args.seed if self.seed is None else self.seed)
        self._name = self.run or f"{self.task}:{self._seed}"
        self._description = describe(args, state, kwargs.get("model"), kwargs.get("train_dataloader"))
        text = json.dumps(self._description, sort_keys=True, default=str)
        self._fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.stopped_at, self._phase, self._seconds = None, "training", 0.0
        if self._ask is not None:
            self._stop = math.inf
        self._resumed = state.global_step > 0
        if not state.is_world_process_zero:
            return
        with opened(self.store) as store:
            store.check_writable()
            store.add_task(self.task, self._fingerprint, self._description)
            if self._resumed:
                held = self._held(store)
                seconds = held.loc[held["depth"] == state.global_step, "seconds"]
                self._seconds = float(seconds.iloc[0]) if len(seconds) else math.nan

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start the clock.

        Parameters
        ----------
        args, state, control, **kwargs
            As the Trainer gives them.
        """
        self._step_began = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> TrainerControl:
        """Stop the clock, and the run where that is asked; what is evaluated is evaluated before it stops.

        Parameters
        ----------
        args, state, control, **kwargs
            As the Trainer gives them.

        Returns
        -------
        transformers.TrainerControl
            What the Trainer does next.
        """
        if self._step_began is not None:
            self._seconds += time.perf_counter() - self._step_began
            self._step_began = None
        if state.global_step >= self._stop:
            self._halt(args, state, control)
            control.should_evaluate = True
        return self._logging(control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> TrainerControl:
        """Spare a stopped run the evaluation at the end of its epoch, which would be its second at this step.

        Parameters
        ----------
        args, state, control, **kwargs
            As the Trainer gives them.

        Returns
        -------
        transformers.TrainerControl
            What the Trainer does next.
        """
        if self.stopped_at == state.global_step:
            control.should_evaluate = False
        return self._logging(control)

    def _logging(self, control: TrainerControl) -> TrainerControl:
        # The Trainer brings total_flos up to date only when it logs.
        control.should_log = control.should_log or control.should_evaluate
        return control

    def _halt(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        self.stopped_at = state.global_step
        control.should_training_stop = True
        if str(getattr(args.save_strategy, "value", args.save_strategy)) != "no":
            control.should_save = True  # as the Trainer does at the end of a run

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        """Keep what an evaluation logged: TRL adds metrics there which `on_evaluate` is not given.

        Parameters
        ----------
        args, state, control, logs, **kwargs
            As the Trainer gives them.
        """
        if metrics := evaluation(logs or {}):
            self._logged = (state.global_step, metrics)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **kwargs: object,
    ) -> TrainerControl:
        """Write the evaluation; ask whether the run is deep enough.

        Parameters
        ----------
        args, state, control, metrics, **kwargs
            As the Trainer gives them.

        Returns
        -------
        transformers.TrainerControl
            What the Trainer does next.
        """
        step, more = self._logged
        values = logged(metrics or {}) | (more if step == state.global_step else {})
        self._logged = (-1, {})
        rows = self._rows.take(metrics or {}, kwargs.get("eval_dataloader"))
        if self._phase == "" or not values:
            return control
        if state.is_world_process_zero:
            with opened(self.store) as store:
                self._write(store, state, values, rows)
                self._stop = self._answer(store)
        if self._ask is not None:
            self._stop = _agreed(self._stop)
        if self._phase == "training" and self.stopped_at is None and state.global_step >= self._stop:
            self._halt(args, state, control)
        return control

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Leave out what is evaluated from here on if it may be another model than the last.

        Parameters
        ----------
        args, state, control, **kwargs
            As the Trainer gives them.
        """
        best = args.load_best_model_at_end and state.best_model_checkpoint is not None
        self._phase = "" if best else "ended"

    def _write(
        self,
        store: RunStore,
        state: TrainerState,
        values: Mapping[str, float],
        by_row: tuple[dict[str, Values], bytes] | None,
    ) -> None:
        lost = any(name.lower().endswith("loss") and not math.isfinite(v) for name, v in values.items())
        flops = float(state.total_flos or 0)
        rows = pd.DataFrame({
            "task": self.task, "run": self._name, "seed": self._seed, "depth": state.global_step,
            "metric": list(values), "value": list(values.values()), "seconds": self._seconds,
            "flops": flops if flops > 0 or state.global_step == 0 else math.nan,
        })  # fmt: skip
        rows["status"] = np.where(lost | ~np.isfinite(rows["value"]), "diverged", "ok")
        outcomes: dict[tuple[str, int, str], Values] = {}
        if by_row is not None and not lost:
            store.add_rows(self.task, by_row[1])
            outcomes = {
                (self._name, state.global_step, name): v for name, v in by_row[0].items() if math.isfinite(values[name])
            }
        written = store.add_frame(
            rows, fingerprint=self._fingerprint, description=self._description, outcomes=outcomes
        )  # fmt: skip
        if written < len(rows) and not self._resumed and self._phase == "training":
            self._compare(store, rows)

    def _compare(self, store: RunStore, rows: pd.DataFrame) -> None:
        """A run started again under the name of another one must not lend it its later depths."""
        both = rows.merge(self._held(store), on=["depth", "metric"], suffixes=("", "_held"))
        same = np.isclose(both["value"], both["value_held"], rtol=1e-3, atol=1e-6, equal_nan=True)
        if not same.all():
            row = both[~same].iloc[0]
            raise StoreError(
                f"The run store {store.path} holds another run named {self._name!r}: its {row['metric']} at depth "
                f"{row['depth']} is {row['value_held']:.6g}, this one's {row['value']:.6g}. Resume that run from its "
                "checkpoint, or give this one another run= or seed=."
            )

    def _held(self, store: RunStore) -> pd.DataFrame:
        frame = store.frame(self.task)
        return frame[frame["run"] == self._name]

    def _answer(self, store: RunStore) -> float:
        """Where to stop, as far as that is asked anew and there is an answer."""
        try:
            depth = self._ask(store.frame(self.task)) if self._ask else None
        except DataError:  # too few runs, or too few depths, for a fit
            depth = None
        return self._stop if depth is None else steps_of(depth)


def _agreed(depth: float) -> float:
    """The main process's depth in all processes: they have to stop at one and the same step."""
    box = [depth]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def steps_of(depth: object) -> float:
    """A depth in steps from a number or from an object that has one, such as OptimalDepth."""
    value = getattr(depth, "depth", depth)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or math.isnan(value):
        hint = "For a fit and a price pass pl.optimal_depth(fit, exchange_rate=...)."
        raise bad_argument("stop_at", depth, "a depth in steps, an OptimalDepth, or a callable that gives one", hint)
    return float(value)


def describe(args: TrainingArguments, state: TrainerState, model: Any, loader: Any) -> dict[str, Any]:
    """What a store says about a task of a Trainer: model, recipe and number of training rows."""
    recipe = {name: getattr(args, name, None) for name in RECIPE}
    data = getattr(loader, "dataset", None)
    config = getattr(model, "config", None)
    return {
        "model": getattr(config, "name_or_path", "") or type(model).__name__,
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad) if model is not None else 0,
        "steps": state.max_steps, "train_rows": len(data) if data is not None and has_length(data) else None,
        "recipe": {k: str(v) for k, v in recipe.items()},
    }  # fmt: skip
