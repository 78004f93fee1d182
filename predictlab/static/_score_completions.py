"""Static scores of a causal task: what its model, as it comes, makes of prompts and their completions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from predictlab._validation import generator
from predictlab.errors import DataError
from predictlab.static._completions import bits_per_byte, compressed_bits, ifd, sizes_of, unigram_bits
from predictlab.static._features_table import COLUMNS, Interval
from predictlab.static._gradients import LEAST_BATCHES, GradientNoise, gradient_noise
from predictlab.static._intervals import halves, t_ends
from predictlab.static._methods import METHODS
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.catalog._completions import Completer

LEAST_ROWS = 3
BATCHES = 16  # whose gradients are taken, at most
BEATS = 0.95  # of the one-sided test that a score is better than its null
RANKS = "ranks of models by it are none of their fine-tunes (docs/static.md)"


@dataclass
class Answers:
    """What a model makes of rows, each setting computed when it is first asked for.

    Parameters
    ----------
    task : Task
    completer : Completer
        On the rows.
    rows : ndarray of int (n,)
        Of the training rows.
    shots : int
        Demonstrations.
    shuffled : bool
        Compute nulls.
    seed : int
        Of demonstrations, shuffles and batches.
    confidence : float
    """

    task: Task
    completer: Completer
    rows: np.ndarray
    shots: int
    shuffled: bool
    seed: int
    confidence: float
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.sizes = sizes_of(self.completer.completions)

    def _timed(self, *arguments: object, **named: object) -> np.ndarray:
        start = time.perf_counter()
        try:
            return self.completer.nats(*arguments, **named)  # type: ignore[arg-type]
        finally:
            self.seconds += time.perf_counter() - start

    @cached_property
    def given(self) -> np.ndarray:
        """Log-probabilities behind the prompts."""
        return -self._plain[:, 0]

    @cached_property
    def _plain(self) -> np.ndarray:
        return self._timed(what="given the prompts")

    @cached_property
    def alone(self) -> np.ndarray:
        """The same without prompts."""
        return -self._timed([""] * len(self.rows), what="without prompts")[:, 0]

    @cached_property
    def tokens(self) -> np.ndarray:
        """Tokens of each completion."""
        found = self._plain[:, 2].astype(np.int64)
        if empty := np.flatnonzero(found == 0).tolist():
            raise DataError(
                f"{self.task.data.name}: the tokenizer makes nothing of {len(empty)} completions, the first in row "
                f"{self.rows[empty[0]]}. Leave these rows out."
            )
        return found

    @cached_property
    def others(self) -> np.ndarray:
        """Behind the prompt of another row."""
        order = generator(self.seed).permutation(len(self.rows))
        prompts = [""] * len(order)
        for row, other in zip(order, np.roll(order, 1), strict=True):
            prompts[row] = self.completer.prompts[other]
        return -self._timed(prompts, what="given other prompts")[:, 0]

    @cached_property
    def shown(self) -> list[int]:
        """Training rows that are shown as demonstrations."""
        n = len(self.task.data.train)
        return [int(i) for i in generator(self.seed + 1).permutation(n)[: self.shots]]

    @cached_property
    def apart(self) -> np.ndarray:
        """Which rows are none of these (n,)."""
        kept = ~np.isin(self.rows, self.shown)
        if kept.sum() < LEAST_ROWS:
            raise DataError(
                f"{self.task.data.name}: {self.shots} demonstrations leave {int(kept.sum())} rows to be scored, and "
                f"{LEAST_ROWS} are needed. Ask for fewer shots=."
            )
        return kept

    @cached_property
    def behind(self) -> np.ndarray:
        """Behind demonstrations and the prompt, of the rows that are none."""
        return self._shots(0, f"{self.shots} demonstrations")

    @cached_property
    def behind_wrong(self) -> np.ndarray:
        """The same with each demonstration's completion that of another one."""
        return self._shots(1, "demonstrations, shuffled")

    def _shots(self, shift: int, what: str) -> np.ndarray:
        part = self.task.data.train.iloc[self.shown]
        pairs = list(zip(part["prompt"], np.roll(part["completion"].to_numpy(object), shift), strict=True))
        kept = self.apart
        return -self._timed(demonstrations=pairs, what=what)[kept, 0]

    @cached_property
    def noise(self) -> GradientNoise:
        """Of the first gradients of the recipe's batches."""
        from predictlab.catalog._gradients import gradient_products

        b = self.task.recipe.batch_size
        count = min(BATCHES, len(self.rows) // b)
        if count < LEAST_BATCHES:
            raise DataError(
                f"{self.task.data.name}: gradient noise takes at least {LEAST_BATCHES} batches of the recipe's "
                f"batch_size={b}, and there are {len(self.rows)} rows. Give more rows (max_rows=), or a smaller batch."
            )
        order = generator(self.seed + 2).permutation(len(self.rows))
        start = time.perf_counter()
        products = gradient_products(self.completer, self.task.recipe, np.split(order[: count * b], count))
        self.seconds += time.perf_counter() - start
        return gradient_noise(products, b, confidence=self.confidence)


def score_completions(
    task: Task, names: Sequence[str], completer: Completer, rows: np.ndarray, *, shots: int, confidence: float,
    draws: int, permutations: int, controls: bool, seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Scores of completions and their controls, in the columns of `score`."""
    if len(rows) < LEAST_ROWS:
        raise DataError(f"{task.data.name} has {len(rows)} training rows; scores of completions need {LEAST_ROWS}.")
    answers = Answers(task, completer, rows, shots, permutations > 0, seed, confidence)
    records = []
    for name in names:
        before, start = answers.seconds, time.perf_counter()
        value, interval, null, says, used, note = _SCORES[name](answers, confidence, draws)
        seconds = time.perf_counter() - start - (answers.seconds - before)
        better = METHODS.set_index("method")["better"][name]
        records.append((name, value, *interval, null, says, better, used, seconds, note))
    table = pd.DataFrame(records, columns=COLUMNS)
    table.insert(0, "layer", "")
    table.insert(0, "task", task.name)
    table = table.assign(train_rows=len(task.data.train), feature_seconds=answers.seconds)
    return table, _controls(answers, names, confidence) if controls else pd.DataFrame()


Scored = tuple[float, Interval, float, str, int, str]
NONE: Interval = (float("nan"), float("nan"), "none")


def _ratio(log_probs: np.ndarray, sizes: np.ndarray, confidence: float, draws: int, seed: int) -> Interval:
    """Interval of a sum over a sum, such as bits over bytes; the rows taken as independent."""
    nats = -log_probs / np.log(2)
    value, n = float(nats.sum() / sizes.sum()), len(sizes)
    if draws:

        def part(kept: np.ndarray) -> float:
            return float(nats[kept].sum() / sizes[kept].sum())

        ends = halves(value, part, n, draws, confidence, seed)
        return *ends, f"{confidence:.0%} bootstrap, {draws} halves"
    residual = nats - value * sizes
    error = np.sqrt(n / (n - 1) * (residual**2).sum()) / sizes.sum()
    return *t_ends(value, error, n - 1, confidence), f"{confidence:.0%} t over rows, ratio"


def _beats(gain: np.ndarray) -> str:
    """Whether rows gain over their null, on average: a one-sided t-test."""
    error = stats.sem(gain)
    if error == 0:
        return "something" if gain.mean() > 0 else "nothing"
    return "something" if gain.mean() / error > stats.t.ppf(BEATS, len(gain) - 1) else "nothing"


def _bits_per_byte(answers: Answers, confidence: float, draws: int) -> Scored:
    wrong = answers.others if answers.shuffled else None
    note = f"null: prompts of other rows; {RANKS}"
    return _bits(answers.given, wrong, answers.sizes, (confidence, draws, answers.seed), note)


def _shots(answers: Answers, confidence: float, draws: int) -> Scored:
    wrong = answers.behind_wrong if answers.shuffled else None
    note = f"{answers.shots} demonstrations, the same for all rows; null: with completions of each other"
    return _bits(answers.behind, wrong, answers.sizes[answers.apart], (confidence, draws, answers.seed), note)


def _bits(
    found: np.ndarray, wrong: np.ndarray | None, sizes: np.ndarray, interval: tuple[float, int, int], note: str
) -> Scored:
    """Bits per byte beside those of wrong prompts, where they are asked for."""
    low, high, how = _ratio(found, sizes, *interval)
    null, says = (float("nan"), "") if wrong is None else (bits_per_byte(wrong, sizes), _beats(found - wrong))
    return bits_per_byte(found, sizes), (max(low, 0), high, how), null, says, len(found), note


def _gain(answers: Answers, confidence: float, draws: int) -> Scored:
    sizes, bare = answers.sizes[answers.apart], answers.given[answers.apart]
    # The difference of two ratios over the same bytes is one ratio.
    lost = bare - answers.behind
    value = float(-lost.sum() / np.log(2) / sizes.sum())
    ends = _ratio(lost, sizes, confidence, draws, answers.seed)
    null, says = float("nan"), ""
    if answers.shuffled:
        wrong = answers.behind_wrong
        null = bits_per_byte(bare, sizes) - bits_per_byte(wrong, sizes)
        says = _beats(answers.behind - wrong)
    note = f"{answers.shots} demonstrations; null: with completions of each other, what format alone gains"
    return value, ends, null, says, len(sizes), note


def _ifd(answers: Answers, confidence: float, draws: int) -> Scored:
    tokens = answers.tokens
    each = np.log(ifd(answers.given, answers.alone, tokens))
    value, n = float(np.exp(each.mean())), len(each)
    if draws:
        low, high = halves(
            float(each.mean()), lambda kept: float(each[kept].mean()), n, draws, confidence, answers.seed
        )
        how = f"{confidence:.0%} bootstrap, {draws} halves"
    else:
        low, high = t_ends(float(each.mean()), stats.sem(each), n - 1, confidence)
        how = f"{confidence:.0%} t over rows"
    null, says = float("nan"), ""
    if answers.shuffled:
        other = np.log(ifd(answers.others, answers.alone, tokens))
        null, says = float(np.exp(other.mean())), _beats(other - each)
    note = f"{(each > 0).mean():.0%} of rows above 1: read those first; null: prompts of other rows"
    return value, (float(np.exp(low)), float(np.exp(high)), how), null, says, n, note


def _compressed(answers: Answers, confidence: float, draws: int) -> Scored:
    texts = answers.completer.completions
    value = compressed_bits(texts)
    null = unigram_bits(texts) if answers.shuffled else float("nan")
    says = "" if np.isnan(null) else "something" if value < null else "nothing"
    return value, NONE, null, says, len(texts), "null: a code that knows how often each byte occurs"


def _noise_scale(answers: Answers, confidence: float, draws: int) -> Scored:
    found = answers.noise
    ends = *found.noise_scale_interval, f"{confidence:.0%} jackknife, {found.batches} batches"
    return found.noise_scale, ends, float("nan"), "", found.batches * found.batch_size, _what(answers)


def _consistency(answers: Answers, confidence: float, draws: int) -> Scored:
    found = answers.noise
    ends = *found.consistency_interval, f"{confidence:.0%} jackknife, {found.batches} batches"
    null = 0.0 if answers.shuffled else float("nan")
    says = "" if np.isnan(null) else "something" if ends[0] > 0 else "nothing"
    return found.consistency, ends, null, says, found.batches * found.batch_size, _what(answers)


def _what(answers: Answers) -> str:
    recipe = answers.task.recipe
    what = "all weights" if recipe.method == "full" else "the weights that get adapters"
    dropout = "" if recipe.dropout == 0 else "; dropout, which adds to it, is not in"
    return f"gradients of {what}, batches of {recipe.batch_size}{dropout}"


_SCORES: dict[str, Callable[[Answers, float, int], Scored]] = {
    "bits_per_byte": _bits_per_byte, "ifd": _ifd, "compressed_bits": _compressed, "bits_per_byte_shots": _shots,
    "in_context_gain": _gain, "noise_scale": _noise_scale, "gradient_consistency": _consistency,
}  # fmt: skip


def _controls(answers: Answers, names: Sequence[str], confidence: float) -> pd.DataFrame:
    """What needs no pre-training: two codes without a model, its size, and the architecture with random weights."""
    from predictlab.catalog._completions import random_completer

    texts, none = answers.completer.completions, (np.nan, np.nan)
    parameters = sum(p.numel() for p in answers.completer.backbone.causal.parameters())
    records: list[tuple[object, ...]] = [
        ("shares of bytes", "bits per byte", unigram_bits(texts), *none, "learnt from these completions"),
        ("compressor", "bits per byte", compressed_bits(texts), *none, "best of zlib, bz2, LZMA"),
        ("size", "parameters", parameters, *none, "ranks models by itself on many tasks"),
    ]
    if {"bits_per_byte", "ifd"} & set(names):
        random = Answers(
            answers.task, random_completer(answers.completer, answers.seed), answers.rows, 0, False, answers.seed,
            confidence,
        )  # fmt: skip
        note = f"of seed {answers.seed}"
        for name in ("bits_per_byte", "ifd"):
            if name in names:
                value, (lower, upper, _), *_ = _SCORES[name](random, confidence, 0)
                records.append(("random weights", name, value, lower, upper, note))
    return pd.DataFrame(records, columns=["control", "method", "value", "lower", "upper", "note"])
