"""Causal language models: adapters (or all weights) trained on completions, scored by loss and by generation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from predictlab.catalog._backbone import TOKENS_PER_BATCH, Backbone, length_sorted_batches
from predictlab.errors import ModelError
from predictlab.probing._engine.classifier import adapt, body_of, computed_layers, draw_adapters
from predictlab.probing._engine.greedy import GreedyMatch
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.randomness import generator
from predictlab.probing._engine.rows import Ragged
from predictlab.task import METRICS_OF, Recipe, Task

LOGITS = 1 << 24  # numbers held at once when a model is scored: 64 MB in float32


class CausalModel:
    """One causal language model for all seeds of a task; `draw` makes it the fresh model of a seed.

    Parameters
    ----------
    backbone : Backbone
        With a head of its own (`causal`). Adapters, and weights that are trained, never touch the caller's.
    recipe : Recipe
    first : int or None
        Layer that the inputs enter, as `SharedInputs.first_layer` gives it.
    apart : bool
        The head is a linear map of the last hidden states, so it need only be computed where it is asked for. False:
        the whole model is computed, everywhere.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, first: int | None, apart: bool) -> None:
        from transformers import GenerationConfig

        self.recipe, self.apart = recipe, apart
        # Adapters leave the weights below them as they are: those are shared, and only the modules copied.
        frozen = {id(p): p for p in backbone.causal.parameters()} if recipe.method == "lora" else {}
        self.whole = copy.deepcopy(backbone.causal, frozen)
        self.whole.generation_config = GenerationConfig()  # a checkpoint's may penalise or sample
        encoder = self.whole.base_model
        adapt(encoder, recipe, backbone)
        if recipe.method == "full":
            self.whole.requires_grad_(True)
        self.named = {name: p for name, p in self.whole.named_parameters() if p.requires_grad}
        self._original = {n: p.detach().clone() for n, p in self.named.items()} if recipe.method == "full" else {}
        self.body = body_of(encoder, first)
        self.head = self.whole.get_output_embeddings()
        self._computed = computed_layers(encoder, backbone, first)

    @torch.no_grad()
    def draw(self, seed: int) -> None:
        """Start run `seed`: fresh adapters from the init stream, or (`method="full"`) the weights as they were."""
        for name, value in self._original.items():
            self.named[name].copy_(value)
        draw_adapters(self.named, generator(self.recipe, seed, "init"))

    def logits(self, values: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, (number kept, vocabulary), at the positions `keep`, bool (b, length)."""
        return torch.cat(list(self.parts(values, mask, keep, int(keep.sum()))))

    def parts(self, values: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
        """The same, `size` positions at a time."""
        if not self.apart:
            yield from self.whole(input_ids=values, attention_mask=mask.long()).logits[keep].split(size)
            return
        for hidden in self.body(values, mask)[keep].split(size):
            yield self.head(hidden)

    def step_flops(self, rows: int, length: int, targets: int) -> float:
        """Floating-point operations of one training step, as `ProbeModel.step_flops` counts them.

        The head is computed at the `targets` positions that ask for a completion token.
        """
        layers, weights, width, trained = self._computed
        head = targets * self.head.weight.numel() if self.apart else rows * length * self.head.weight.numel()
        forward = rows * length * (2 * weights + 4 * layers * length * width) + 2 * head
        return 2 * forward + 2 * rows * length * trained + (2 * head if self.recipe.method == "full" else 0)


def no_head(model: str) -> ModelError:
    """The error for completions on a model that has no head for them."""
    return ModelError(
        f"Model {model!r} has no language-model head, which completions need. Take a causal language model, such as "
        "'smollm2-135m' (pl.catalog.models(), kind decoder), or data with labels."
    )


class CausalLearner:
    """Learner of prompts with completions: the loss counts the completions and their end, and nothing else.

    Parameters
    ----------
    task : Task
        With completions as data.
    backbone : Backbone
        The task's model.
    shared : SharedInputs
        Activations of the frozen layers, shared with other tasks on the same model and data. Generation starts from
        token ids, so it runs all layers; see `GreedyMatch` for how little of it there is.

    Raises
    ------
    ModelError
        The model has no language-model head, no end token, or looks ahead.
    DataError
        A completion does not fit.
    """

    metrics: tuple[str, ...] = METRICS_OF["completions"]

    def __init__(self, task: Task, backbone: Backbone, shared: SharedInputs) -> None:
        if backbone.causal is None or backbone.causal.get_output_embeddings() is None:
            raise no_head(backbone.name)
        self.device = next(backbone.encoder.parameters()).device
        bf16 = task.recipe.precision == "bf16"
        self.precision = partial(torch.autocast, self.device.type, torch.bfloat16, enabled=bf16)
        train, held_out = (shared.completions(task, backbone, split) for split in ("train", "eval"))
        _check_causal(backbone, train.inputs)
        apart = _head_apart(backbone, train.inputs)
        first = shared.first_layer(task, backbone) if apart else None
        self.train_rows = shared.rows(task, backbone, "train", first)
        self.eval_rows = shared.rows(task, backbone, "eval", first)
        self.train_targets, self.eval_targets = train.targets, held_out.targets
        self.n_rows = len(self.train_rows)
        self.model = CausalModel(backbone, task.recipe, first, apart)
        self.named = self.model.named
        self.match = GreedyMatch(held_out, backbone)
        self._at_once = max(1, LOGITS // self.model.head.weight.shape[0])
        tokens = TOKENS_PER_BATCH if apart else min(TOKENS_PER_BATCH, self._at_once)
        self.eval_batches = [torch.from_numpy(b.copy()) for b in length_sorted_batches(self.eval_rows.lengths, tokens)]

    def draw(self, seed: int) -> None:
        """See `CausalModel.draw`."""
        self.model.draw(seed)

    def train(self, mode: bool) -> None:
        """Switch dropout on or off."""
        self.model.whole.train(mode)

    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean cross-entropy (nats) of all completion tokens of these rows, ends included, and the operations."""
        values, mask = (part.to(self.device) for part in self.train_rows.batch(rows))
        keep, targets = self._asked(self.train_targets, rows)
        with self.precision():
            logits = self.model.logits(values, mask, keep)
        return cross_entropy(logits.float(), targets), self.model.step_flops(len(rows), mask.shape[1], len(targets))

    @torch.inference_mode()
    def evaluate(self, look: Callable[[], object] = lambda: None) -> dict[str, float]:
        """Mean cross-entropy (nats) of all completion tokens, its exponential, and the share of exact matches."""
        self.train(False)
        loss, tokens, matched = 0.0, 0, 0
        undecided: dict[int, list[int]] = {}
        for rows in self.eval_batches:
            look()
            values, mask = (part.to(self.device) for part in self.eval_rows.batch(rows))
            keep, targets = self._asked(self.eval_targets, rows)
            greedy = []
            with self.precision():
                parts = self.model.parts(values, mask, keep, self._at_once)
                for logits, wanted in zip(parts, targets.split(self._at_once), strict=True):
                    loss += float(cross_entropy(logits.double(), wanted, reduction="sum"))
                    greedy.append(logits.argmax(1))
            tokens += len(targets)
            each = torch.cat(greedy).cpu().split(keep.sum(1).tolist())
            for row, found in zip(rows.tolist(), each, strict=True):
                judged = self.match.judge(row, found.tolist())
                if isinstance(judged, bool):
                    matched += judged
                else:
                    undecided[row] = judged
        mean = loss / tokens
        with np.errstate(over="ignore"):
            perplexity = float(np.exp(mean))
        if undecided and np.isfinite(perplexity):
            with self.precision():
                matched += self.match.count(self.model.whole, undecided, look)
        return {"eval_loss": mean, "perplexity": perplexity, "exact_match": matched / len(self.eval_rows)}

    def _asked(self, of: Ragged, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions that ask for a completion token, bool (b, longest), and these tokens one after another."""
        targets, mask = of.batch(rows)
        keep = mask & (targets >= 0)
        return keep.to(self.device), targets[keep].to(self.device)


@torch.inference_mode()
def _check_causal(backbone: Backbone, ids: Ragged) -> None:
    """Refuse a model whose scores at a token depend on the tokens behind it: it would read what it is asked for."""
    tokens, mask = ids.batch(torch.tensor([int(ids.lengths.argmax())]))
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % backbone.causal.get_output_embeddings().weight.shape[0]
    device = next(backbone.encoder.parameters()).device
    one, other = (
        backbone.causal(input_ids=t.to(device), attention_mask=mask.long().to(device)).logits[:, :-1]
        for t in (tokens, changed)
    )
    if not torch.allclose(one, other, rtol=1e-3, atol=1e-3):
        raise ModelError(
            f"Model {backbone.name!r} ({backbone.encoder.config.model_type}) looks ahead: its scores at a token depend "
            "on later ones, so it cannot be trained to complete. Take a causal language model."
        )


@torch.inference_mode()
def _head_apart(backbone: Backbone, ids: Ragged) -> bool:
    """Whether the head, by itself, makes of the last hidden states what the model makes of token ids."""
    lengths = ids.lengths
    tokens, mask = ids.batch(torch.tensor([int(lengths.argmin()), int(lengths.argmax())]))
    device = next(backbone.encoder.parameters()).device
    tokens, mask = tokens.to(device), mask.to(device)
    head = backbone.causal.get_output_embeddings()
    hidden = backbone.encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state[mask]
    whole = backbone.causal(input_ids=tokens, attention_mask=mask.long()).logits[mask]
    return whole.shape[-1:] == head.weight.shape[:1] and bool(torch.allclose(whole, head(hidden), rtol=1e-4, atol=1e-4))
