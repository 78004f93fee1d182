"""What is predicted: a task ``T = (M, D, A)``, model, data and stochastic recipe (docs/theory.md, section 1)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab._validation import nonnegative, number, option, positive, replaced, whole_number
from predictlab.errors import DataError, bad_argument

__all__ = [
    "METHODS", "METRICS", "METRICS_OF", "OPTIMIZERS", "PRECISIONS", "SAMPLINGS", "SCHEDULES", "Dataset", "Recipe",
    "Task",
]  # fmt: skip

METRICS = {"accuracy": "higher", "eval_loss": "lower", "perplexity": "lower", "exact_match": "higher"}
SHARES = ("accuracy", "exact_match")  # metrics that are shares of rows
PREFIXES = ("eval", "val", "valid", "validation", "test", "epoch", "train")  # that writers put before a metric's name
METRICS_OF = {  # what is measured of each kind of data; the first is analysed by default
    "labels": ("accuracy", "eval_loss"),
    "completions": ("eval_loss", "perplexity", "exact_match"),
}


def better_side(metric: str) -> str | None:
    """Which side of a metric is good; None where its name does not say.

    Parameters
    ----------
    metric : str
        One of `METRICS`, or such a name behind what a writer put before it, as ``eval_accuracy`` and ``val/loss``.

    Returns
    -------
    str or None
        ``"higher"`` or ``"lower"``.

    Examples
    --------
    >>> better_side("eval_accuracy"), better_side("test/val_loss"), better_side("throughput")
    ('higher', 'lower', None)
    """
    name = metric
    while True:
        if name in METRICS or name in ("acc", "loss"):
            return METRICS.get(name) or {"acc": "higher", "loss": "lower"}[name]
        head, rest = re.match(r"([^_/]*)[_/]?(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        if head.lower() not in PREFIXES or not rest:
            return None
        name = rest


def is_share(metric: str) -> bool:
    """Tell whether a metric of this name is a share of rows.

    Parameters
    ----------
    metric : str
        Such as ``"accuracy"``, ``"eval_exact_match"`` or ``"val/acc"``.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_share("eval/accuracy"), is_share("eval_loss")
    (True, False)
    """
    last = re.split(r"[/ ._-]", metric.lower().replace("exact_match", "exact"))[-1]
    return last in ("accuracy", "acc", "exact")


METHODS = ("lora", "head", "full")
PRECISIONS = ("fp32", "bf16")
SCHEDULES = ("constant", "linear", "cosine")
OPTIMIZERS = ("adamw", "sgd")
SAMPLINGS = ("shuffle", "replacement")
# Settings that came later, with what recipes did before: at these values they leave a fingerprint as it was.
_ADDED = {"optimizer": "adamw", "sampling": "shuffle"}


def __dir__() -> list[str]:
    return list(__all__)


@dataclass(frozen=True)
class Dataset:
    """Labelled texts, or prompts with their completions, split once into training and evaluation rows.

    Parameters
    ----------
    name : str
        Short name, used in task names.
    train, eval : pandas.DataFrame
        Columns ``text`` (str) and ``label`` (int, an index into `classes`), or ``prompt`` and ``completion`` (str,
        white space as it stands); a plain RangeIndex.
    classes : tuple of str
        Names of the classes, in label order; none for completions.
    report : dict
        What loading counted: rows read, kept, and left out by reason.
    source : str
        Where the rows came from.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = pd.DataFrame({"text": ["good", "bad", "fine", "poor"], "label": [1, 0, 1, 0]})
    >>> data = pl.Dataset("tiny", train=rows[:2], eval=rows[2:].reset_index(drop=True), classes=("no", "yes"))
    >>> data.kind
    'labels'
    """

    name: str
    train: pd.DataFrame
    eval: pd.DataFrame
    classes: tuple[str, ...] = ()
    report: dict[str, object] = field(default_factory=dict)
    source: str = ""

    @property
    def kind(self) -> str:
        """``"labels"`` or ``"completions"``, after the columns."""
        return "completions" if "completion" in self.train.columns else "labels"

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change whenever a row, a label or the split changes."""
        first, second = ("completion", "prompt") if self.kind == "completions" else ("label", "text")
        digest = hashlib.sha256("\x1f".join(self.classes).encode())
        for part in (self.train, self.eval):
            digest.update(b"\x1d")
            for one, other in zip(part[first], part[second], strict=True):
                digest.update(f"{one}\x1f{other}\x1e".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    def _repr_html_(self) -> str:
        parts = {"train": self.train, "eval": self.eval}
        if self.kind == "completions":
            counts = pd.DataFrame({"rows": {name: len(part) for name, part in parts.items()}})
            for column in ("prompt", "completion"):
                counts[f"{column}, median characters"] = [part[column].str.len().median() for part in parts.values()]
        else:
            counts = pd.DataFrame(
                {name: np.bincount(part["label"], minlength=len(self.classes)) for name, part in parts.items()},
                index=pd.Index(self.classes, name="class"),
            )
        notes = "; ".join(f"{key}: {value}" for key, value in self.report.items())
        return f"<b>Dataset {self.name}</b> ({notes}){counts.to_html()}"


@dataclass(frozen=True)
class Recipe:
    """The stochastic optimisation recipe ``A`` of a task.

    Parameters
    ----------
    method : {"lora", "head", "full"}
        LoRA adapters plus a new head; the head only; all weights plus the head. A causal language model keeps its own
        head: ``"lora"`` trains adapters alone, ``"full"`` all weights, and ``"head"`` has no meaning.
    rank, lora_alpha : int
        LoRA rank and scaling numerator (the update is scaled by ``lora_alpha / rank``).
    target_modules : tuple of str or None
        Linear modules that get adapters; None takes query and value projections of the architecture.
    layers : str or tuple of int
        ``"all"``, ``"last:k"`` or explicit layer numbers. Layers below the first trained one stay frozen.
    learning_rate, weight_decay : float
        The optimizer's. Matrices decay, by ``learning_rate * weight_decay`` of themselves a step; vectors do not.
    schedule : str
        ``"constant"``, ``"linear"``, ``"cosine"`` (both to 0 at `steps`) or ``"poly:rho"``, ``eta_t = eta (t+1)^-rho``.
    warmup_steps : int
        Linear warm-up before the schedule.
    batch_size, steps : int
        Rows per optimiser step; the full depth of a run, in optimiser steps.
    max_length : int
        Tokens kept of a text. Of completion data: of prompt and completion together; longer prompts lose their
        beginning, and a completion that does not fit is an error.
    dropout : float
        Probability of every dropout in the trained layers, the adapters and the head. The frozen prefix has none.
    max_grad_norm : float
        Global gradient-norm clip; 0 switches it off.
    pooling : {"mean", "cls"}
        What the head reads; nothing for a causal language model.
    optimizer : {"adamw", "sgd"}
        AdamW, with betas (0.9, 0.999) and epsilon 1e-8; or plain SGD, without momentum, which wants a much larger
        `learning_rate`.
    sampling : {"shuffle", "replacement"}
        Rows of a step: the next of a fresh permutation of all rows each epoch; or each drawn from all rows, whatever
        was drawn before.
    precision : {"fp32", "bf16"}
        Of the passes through the model. Weights that are trained, their gradients and the optimiser are always in
        float32; "bf16" is quicker where the processor multiplies bfloat16 well, and its numbers differ.
    init_seed, order_seed, dropout_seed : int or None
        None: this source of randomness follows the run's seed. A number pins it to the same draw in every run.

    Raises
    ------
    ArgumentError
        A setting outside its range.

    Examples
    --------
    >>> import predictlab as pl
    >>> recipe = pl.Recipe(layers="last:1", learning_rate=2e-3, steps=100)
    >>> recipe.learning_rate_at(50)
    0.001
    >>> recipe.replace(schedule="constant").learning_rate_at(50)
    0.002
    """

    method: str = "lora"
    rank: int = 8
    lora_alpha: int = 16
    target_modules: tuple[str, ...] | None = None
    layers: str | tuple[int, ...] = "last:2"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "linear"
    warmup_steps: int = 0
    batch_size: int = 16
    steps: int = 256
    max_length: int = 64
    dropout: float = 0.0
    max_grad_norm: float = 1.0
    pooling: str = "mean"
    optimizer: str = "adamw"
    sampling: str = "shuffle"
    precision: str = "fp32"
    init_seed: int | None = None
    order_seed: int | None = None
    dropout_seed: int | None = None

    def __post_init__(self) -> None:
        whole = ("rank", "lora_alpha", "batch_size", "steps", "max_length")
        checked: dict[str, object] = {name: whole_number(name, getattr(self, name), 1) for name in whole}
        hint = f"It counts in steps={self.steps}, and one must follow."
        checked["warmup_steps"] = whole_number("warmup_steps", self.warmup_steps, most=int(self.steps) - 1, hint=hint)
        for name in ("init_seed", "order_seed", "dropout_seed"):
            if getattr(self, name) is not None:
                checked[name] = whole_number(name, getattr(self, name), what="None, or a whole number")
        positive("learning_rate", self.learning_rate)
        nonnegative("weight_decay", self.weight_decay)
        nonnegative("max_grad_norm", self.max_grad_norm)
        number("dropout", self.dropout, "a probability in [0, 1)", least=0, below=1)
        option("method", self.method, METHODS)
        option("pooling", self.pooling, ("mean", "cls"))
        option("optimizer", self.optimizer, OPTIMIZERS)
        option("sampling", self.sampling, SAMPLINGS)
        option("precision", self.precision, PRECISIONS)
        kind, _, rho = str(self.schedule).partition(":")
        if self.schedule not in SCHEDULES and not (kind == "poly" and 0 < pd.to_numeric(rho, errors="coerce") < 10):
            raise bad_argument("schedule", self.schedule, f"one of {', '.join(SCHEDULES)}, or 'poly:rho' with rho > 0")
        checked["layers"] = self._checked_layers()
        if self.target_modules is not None:
            names = (self.target_modules,) if isinstance(self.target_modules, str) else tuple(self.target_modules)
            if not names or not all(isinstance(n, str) and n for n in names):
                raise bad_argument("target_modules", self.target_modules, "module names such as ('query', 'value')")
            checked["target_modules"] = names
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _checked_layers(self) -> str | tuple[int, ...]:
        if isinstance(self.layers, str) and re.fullmatch(r"all|last:0*[1-9]\d*", self.layers):
            return self.layers
        try:
            numbers = sorted({int(n) for n in self.layers})
        except (TypeError, ValueError):
            numbers = []
        if isinstance(self.layers, str) or not numbers or numbers[0] < 0:
            expected = "'all', 'last:k' with k >= 1, or layer numbers such as (4, 5)"
            raise bad_argument("layers", self.layers, expected)
        return tuple(numbers)

    def trained_layers(self, n_layers: int) -> tuple[int, ...]:
        """Layer numbers that carry trainable weights.

        Parameters
        ----------
        n_layers : int
            Layers of the model.

        Returns
        -------
        tuple of int
            Increasing, from 0; none where only a head is trained.

        Raises
        ------
        ArgumentError
            `layers` names some that the model has not.
        """
        if self.method == "head":
            return ()
        if self.method == "full" or self.layers == "all":
            return tuple(range(n_layers))
        if isinstance(self.layers, str):
            k = int(self.layers.partition(":")[2])
            if k > n_layers:
                raise bad_argument("layers", self.layers, f"at most last:{n_layers} for this model")
            return tuple(range(n_layers - k, n_layers))
        if self.layers[-1] >= n_layers:
            raise bad_argument("layers", self.layers, f"numbers from 0 to {n_layers - 1} for this model")
        return self.layers

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of one optimiser step.

        Parameters
        ----------
        step : int
            From 0, the first.

        Returns
        -------
        float
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        t = step - self.warmup_steps
        done = min(1.0, t / (self.steps - self.warmup_steps))
        if self.schedule.startswith("poly:"):
            return self.learning_rate * (t + 1.0) ** -float(self.schedule.partition(":")[2])
        left = {"constant": 1.0, "linear": 1.0 - done, "cosine": 0.5 * (1.0 + float(np.cos(np.pi * done)))}
        return self.learning_rate * left[self.schedule]

    def replace(self, **changes: object) -> Recipe:
        """Copy with some settings changed.

        Parameters
        ----------
        **changes : object
            Arguments of `Recipe` and their new values.

        Returns
        -------
        Recipe

        Raises
        ------
        ArgumentError
            A name that `Recipe` does not have, with the list of those it has.
        """
        return replaced(self, changes)


@dataclass(frozen=True)
class Task:
    """One fine-tune whose outcome is to be predicted, ``T = (M, D, A)``.

    Parameters
    ----------
    model : str or pathlib.Path
        Catalog name (``pl.catalog.models()``), local folder, or hub id that transformers can load.
    data : Dataset
        From ``pl.load_dataset``.
    recipe : Recipe
        How it is trained.
    metric : str, optional
        The performance ``R`` that is predicted. All that the data has are measured and stored; this one is analysed by
        default. Labels: ``"accuracy"`` (default), ``"eval_loss"`` (mean nats a row). Completions: ``"eval_loss"``
        (default; mean nats a token of completions, their end included), ``"perplexity"`` (exp of it),
        ``"exact_match"`` (share of evaluation rows whose greedy generation is the completion, apart from white space
        around it; in steps of one row, and 0 for long on a hard task, hence not the default).
    label_noise : float in [0, 1)
        Share of training and evaluation labels replaced by a different class, uniformly; a known noise floor. 0 for
        completions, of which there is no finite set of others.
    name : str, optional
        Name in stores, tables and charts.

    Raises
    ------
    ArgumentError
        Data or a recipe of another type, a metric that the data has not, a noise that cannot be.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = pd.DataFrame({"text": ["good", "bad", "fine", "poor"], "label": ["yes", "no", "yes", "no"]})
    >>> task = pl.Task("minilm-l6", pl.load_dataset(rows, eval_size=2, name="tiny"), pl.Recipe(steps=64))
    >>> task.replace(label_noise=0.2).name == f"{task.name}+noise0.2"
    True
    """

    model: str | Path
    data: Dataset
    recipe: Recipe = field(default_factory=Recipe)
    metric: str | None = None
    label_noise: float = 0.0
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.data, Dataset):
            raise bad_argument("data", self.data, "a Dataset", "Load it with pl.load_dataset(...).")
        if not isinstance(self.recipe, Recipe):
            raise bad_argument("recipe", self.recipe, "a pl.Recipe")
        kind, known = self.data.kind, METRICS_OF[self.data.kind]
        if self.metric is None:
            object.__setattr__(self, "metric", known[0])
        if self.metric not in known:
            raise bad_argument("metric", self.metric, f"one of {', '.join(known)} for data with {kind}")
        number("label_noise", self.label_noise, "a share in [0, 1)", least=0, below=1)
        if kind == "completions" and self.label_noise:
            hint = "For a known noise floor change the completions of the data yourself."
            expected = "0 for completions, of which there is no finite set of wrong ones"
            raise bad_argument("label_noise", self.label_noise, expected, hint)
        if kind == "completions" and self.recipe.method == "head":
            hint = "A causal language model has no new head to train."
            raise bad_argument("method", "head", "'lora' or 'full' for completions", hint)
        if self.name is None:
            object.__setattr__(self, "name", self._default_name())
        elif not str(self.name).strip():
            raise bad_argument("name", self.name, "a non-empty name")

    def labels(self, split: str) -> np.ndarray:
        """Labels of the rows with `label_noise` applied.

        Exactly ``round(label_noise * n)`` rows are flipped. Which rows, and to what, depends on the data and on the
        rate alone: never on the seed of a run.

        Parameters
        ----------
        split : {"train", "eval"}
            Which rows.

        Returns
        -------
        ndarray of int64, shape (n,)

        Raises
        ------
        DataError
            The data holds completions.
        ArgumentError
            Another `split`.
        """
        option("split", split, ("train", "eval"))
        if self.data.kind == "completions":
            raise DataError(f"{self.data.name} holds prompts and completions, and no labels.")
        clean = getattr(self.data, split)["label"].to_numpy(dtype=np.int64)
        flips = round(self.label_noise * len(clean))
        if not flips:
            return clean
        key = int(hashlib.sha256(f"{self.data.fingerprint}:{split}".encode()).hexdigest()[:16], 16)
        rng = np.random.default_rng(key)
        rows = rng.choice(len(clean), size=flips, replace=False)
        noisy = clean.copy()
        noisy[rows] = (clean[rows] + rng.integers(1, len(self.data.classes), size=flips)) % len(self.data.classes)
        return noisy

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that identify model, data, recipe and noise: what a store checks before it resumes."""
        recipe = {name: value for name, value in asdict(self.recipe).items() if (name, value) not in _ADDED.items()}
        content = {
            "model": str(self.model),
            "data": self.data.fingerprint,
            "recipe": recipe,
            "label_noise": self.label_noise,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()[:16]

    def replace(self, **changes: object) -> Task:
        """Copy with some arguments changed.

        Parameters
        ----------
        **changes : object
            Arguments of `Task` and their new values. A name or a metric that was not chosen follows the changes.

        Returns
        -------
        Task

        Raises
        ------
        ArgumentError
            A name that `Task` does not have, with the list of those it has.
        """
        defaults = {"name": self._default_name(), "metric": METRICS_OF[self.data.kind][0]}
        derived = {field: None for field, default in defaults.items() if getattr(self, field) == default}
        return replaced(self, derived | changes)

    def _default_name(self) -> str:
        noise = f"+noise{self.label_noise:g}" if self.label_noise else ""
        return f"{Path(str(self.model)).name}/{self.data.name}{noise}"
