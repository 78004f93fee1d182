"""Causal language models: adapters (or all weights) trained on completions, scored by loss and by generation."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch.nn.functional import cross_entropy

from predictlab.catalog._completions import LOGITS, check_causal, head_apart, no_head
from predictlab.catalog._features import TOKENS_PER_BATCH, Backbone, length_sorted_batches
from predictlab.probing._engine.architectures import adapt
from predictlab.probing._engine.generation import GreedyMatch
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Kept, Learner, Outcomes, all_finite
from predictlab.probing._engine.rows import IGNORED, Ragged
from predictlab.probing._segments import CancelCheck, never_cancelled
from predictlab.task import METRICS_OF, Task


class CausalLearner(Learner):
    """Learner of prompts with completions: the loss counts the completions and their end, and nothing else.

    Parameters
    ----------
    task : Task
        With completions as data.
    backbone : Backbone
        The task's model, with a head of its own (`causal`). Weights that are trained never touch the caller's.
    shared : SharedInputs
        Generation starts from token ids, so it runs all layers; see `GreedyMatch` for how little of it there is.

    Raises
    ------
    ModelError
        The model has no language-model head, no end token, or looks ahead.
    DataError
        A completion does not fit.
    """

    metrics = METRICS_OF["completions"]

    def __init__(self, task: Task, backbone: Backbone, shared: SharedInputs) -> None:
        from transformers import GenerationConfig

        if backbone.causal is None or backbone.causal.get_output_embeddings() is None:
            raise no_head(backbone.name)
        train, held_out = (shared.completions(task, backbone, split) for split in ("train", "eval"))
        longest = int(train.inputs.lengths.argmax())
        check_causal(backbone, train.prompts[longest] + train.completions[longest][:-1])
        # Where the head is a linear map of the last hidden states, it is computed only where it is asked for.
        lengths = train.inputs.lengths
        trial = train.inputs.batch(torch.tensor([int(lengths.argmin()), int(lengths.argmax())]))
        self.apart = head_apart(backbone, *trial)
        first = shared.first_layer(task, backbone) if self.apart else None
        # Adapters leave the weights below them as they are: those are shared, and only the modules copied.
        frozen = {id(p): p for p in backbone.causal.parameters()} if task.recipe.method == "lora" else {}
        whole = copy.deepcopy(backbone.causal, frozen)
        whole.generation_config = GenerationConfig()  # a checkpoint's may penalise or sample
        adapt(whole.base_model, task.recipe, backbone)
        if task.recipe.method == "full":
            whole.requires_grad_(True)
        super().__init__(task, backbone, shared, first, whole, whole.base_model, whole.get_output_embeddings())
        self.train_targets, self.eval_targets = train.targets, held_out.targets
        self.match = GreedyMatch(held_out, backbone)
        self._at_once = max(1, LOGITS // self.head.weight.shape[0])
        tokens = TOKENS_PER_BATCH if self.apart else min(TOKENS_PER_BATCH, self._at_once)
        self.eval_batches = [torch.from_numpy(b.copy()) for b in length_sorted_batches(self.eval_rows.lengths, tokens)]

    def logits(self, values: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, (number kept, vocabulary), at the positions `keep`, bool (b, length)."""
        return torch.cat(list(self._logits(values, mask, keep, int(keep.sum()))))

    def _logits(
        self, values: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor, size: int
    ) -> Iterator[torch.Tensor]:
        """The same, `size` positions at a time."""
        if not self.apart:
            yield from self.module(input_ids=values, attention_mask=mask.long()).logits[keep].split(size)
            return
        assert self.body is not None
        for hidden in self.body(values, mask)[keep].split(size):
            yield self.head(hidden)

    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean cross-entropy (nats) of all completion tokens of these rows, ends included, and the operations."""
        values, mask = self.batch(self.train_rows, rows)
        keep, targets = self._asked(self.train_targets, rows)
        with self.precision():
            logits = self.logits(values, mask, keep)
        positions = len(targets) if self.apart else mask.numel()
        return cross_entropy(logits.float(), targets), self.step_flops(len(rows), mask.shape[1], positions)

    @torch.inference_mode()
    def outcomes(self, check_cancelled: CancelCheck = never_cancelled) -> Outcomes:
        """Cross-entropy (nats) of each row's completion, its tokens summed, and whether it is matched exactly."""
        self.train(False)
        found = self.new_outcomes()
        undecided: dict[int, list[int]] = {}
        for rows in self.eval_batches:
            check_cancelled()
            values, mask = self.batch(self.eval_rows, rows)
            keep, targets = self._asked(self.eval_targets, rows)
            losses, greedy = [], []
            with self.precision():
                parts = self._logits(values, mask, keep, self._at_once)
                for logits, wanted in zip(parts, targets.split(self._at_once), strict=True):
                    losses.append(cross_entropy(logits.double(), wanted, reduction="none"))
                    greedy.append(logits.argmax(1))
            nats, likeliest = (torch.cat(parts).cpu().split(keep.sum(1).tolist()) for parts in (losses, greedy))
            for row, of_row, tokens in zip(rows.tolist(), nats, likeliest, strict=True):
                found["eval_loss"][row] = of_row.sum()
                judged = self.match.judge(row, tokens.tolist())
                if isinstance(judged, bool):
                    found["exact_match"][row] = judged
                else:
                    undecided[row] = judged
        if undecided and all_finite(self.metrics_of(found)):
            with self.precision():
                found["exact_match"][self.match.matched(self.module, undecided, check_cancelled)] = 1
        return found

    def metrics_of(self, outcomes: Outcomes) -> dict[str, float]:
        """Mean cross-entropy (nats) of all completion tokens, its exponential, and the share of exact matches."""
        loss = outcomes["eval_loss"].sum() / int((self.eval_targets.values != IGNORED).sum())
        matches = outcomes["exact_match"].mean()
        return {"eval_loss": float(loss), "perplexity": float(loss.exp()), "exact_match": float(matches)}

    def kept_outcomes(self, outcomes: Outcomes) -> Kept:
        """Losses over the mean number of completion tokens of a row, so that their mean is the loss a token."""
        tokens = int((self.eval_targets.values != IGNORED).sum()) / len(self.eval_rows)
        of_rows = {"eval_loss": outcomes["eval_loss"] / tokens, "exact_match": outcomes["exact_match"]}
        return super().kept_outcomes(of_rows)  # perplexity is no mean over rows

    def _asked(self, of: Ragged, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions that ask for a completion token, bool (b, longest), and these tokens one after another."""
        targets, mask = of.batch(rows)
        keep = mask & (targets >= 0)
        return keep.to(self.device), targets[keep].to(self.device)
