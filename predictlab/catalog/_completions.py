"""What a causal language model gives to completions: their tokens, and log-probabilities that are kept on disk."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictlab.catalog._features import Backbone, length_sorted_batches, load_backbone, quiet_transformers
from predictlab.catalog._layers import file_of, identity_of, keep, read
from predictlab.errors import DataError, ModelError, bad_argument

if TYPE_CHECKING:
    import torch

    from predictlab.catalog._beginnings import Beginning

log = logging.getLogger("predictlab")
LOGITS = 1 << 24  # numbers held at once: 64 MB in float32
ROWS = 64  # of a file: what an interruption can lose
BETWEEN = "\n\n"  # demonstrations
Tokens = list[tuple[list[int], list[int]]]


def no_head(model: str) -> ModelError:
    """The error for completions on a model that has no head for them."""
    return ModelError(
        f"Model {model!r} has no language-model head, which completions need. Take a causal language model, such as "
        "'smollm2-135m' (pl.catalog.models(), kind decoder), or data with labels."
    )


def completion_tokens(
    backbone: Backbone, prompts: Sequence[str], completions: Sequence[str], limit: int, data: str, split: str,
    task: str = "",
) -> Tokens:  # fmt: skip
    """Token ids of each prompt and of its completion, the end token included.

    Prompt and completion are tokenised apart, so that no token spans both, with the tokenizer's begin token (where it
    sets one) before and its end token behind. Prompts that do not fit into `limit` lose their beginning; the log counts
    them where `task` is named.

    Parameters
    ----------
    backbone : Backbone
    prompts, completions : sequence of str (n,)
    limit : int
        Most tokens of a row.
    data, split, task : str
        What errors and the log call them.

    Raises
    ------
    DataError
        A completion does not fit with one token of its prompt.
    ModelError
        The tokenizer has no end token.
    """
    tokenizer = backbone.tokenizer
    if not 1 <= limit <= backbone.max_length:
        raise bad_argument("max_length", limit, f"1 to {backbone.max_length} tokens for {backbone.name}")
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of {backbone.name} has no end-of-sequence token (eos_token), which says where a completion "
            "ends. Set one and save the tokenizer again."
        )
    begin, asked, answers = _begin(tokenizer), _tokens(tokenizer, prompts), _tokens(tokenizer, completions)
    needed = [len(begin) + 1 + len(completion) for completion in answers]
    if too_long := [i for i, n in enumerate(needed) if n > limit]:
        raise DataError(
            f"{data}: {len(too_long)} of {len(answers)} completions ({split}, the first in row {too_long[0]}) "
            f"do not fit into max_length={limit} tokens with a token of their prompt, and are not cut. Raise the "
            f"recipe's max_length to at least {max(needed)}, or leave these rows out."
        )
    rows, cut = [], 0
    for prompt, completion in zip(asked, answers, strict=True):
        if begin and prompt[: len(begin)] == begin:
            prompt = prompt[len(begin) :]  # written out by the user
        # A tokenizer may make nothing of a prompt; the first token still needs one before it.
        prompt = prompt or ([] if begin else [tokenizer.eos_token_id])
        room = limit - len(begin) - len(completion)
        cut += len(prompt) > room
        rows.append(([*begin, *prompt[max(0, len(prompt) - room) :]], [*completion, tokenizer.eos_token_id]))
    if cut and task:
        log.warning(
            "%s: %d of %d prompts (%s) are cut from the left to max_length=%d.", task, cut, len(rows), split, limit
        )
    return rows


def check_causal(backbone: Backbone, row: Sequence[int]) -> None:
    """Refuse a model whose scores at a token depend on the tokens behind it: it would read what it is asked for."""
    import torch

    vocabulary = backbone.causal.get_output_embeddings().weight.shape[0]
    tokens = torch.tensor([list(row)], device=backbone.device)
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % vocabulary
    with torch.inference_mode():
        one, other = (backbone.causal(input_ids=t).logits[:, :-1] for t in (tokens, changed))
    if not torch.allclose(one, other, rtol=1e-3, atol=1e-3):
        raise ModelError(
            f"Model {backbone.name!r} ({backbone.encoder.config.model_type}) looks ahead: its scores at a token depend "
            "on later ones, so it cannot be trained to complete. Take a causal language model."
        )


def head_apart(backbone: Backbone, tokens: torch.Tensor, mask: torch.Tensor) -> bool:
    """Whether the head, by itself, makes of the last hidden states what the model makes of token ids."""
    import torch

    tokens, mask = tokens.to(backbone.device), mask.to(backbone.device)
    head = backbone.causal.get_output_embeddings()
    with torch.inference_mode():
        hidden = backbone.encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state[mask]
        whole = backbone.causal(input_ids=tokens, attention_mask=mask.long()).logits[mask]
        same = whole.shape[-1:] == head.weight.shape[:1]
        return same and bool(torch.allclose(whole, head(hidden), rtol=1e-4, atol=1e-4))


class Completer:
    """A causal language model and rows of one data set, whose log-probabilities are asked for in several settings.

    Parameters
    ----------
    model : Backbone, str or pathlib.Path
        Loaded when something has to be computed.
    prompts, completions : sequence of str (n,)
    limit : int
        Most tokens of prompt and completion.
    data, split, task : str
        What errors and the log call them.
    cache : bool
        Keep what is computed in ``pl.catalog.cache_dir()``, in files of `ROWS` rows known by their content.
    progress : bool
        A bar over rows.
    """

    def __init__(
        self, model: Backbone | str | Path, prompts: Sequence[str], completions: Sequence[str], limit: int, data: str,
        split: str, task: str, *, cache: bool = True, progress: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.limit = model, limit
        self.prompts, self.completions = list(prompts), list(completions)
        self.names, self.task, self.progress = (data, split), task, progress
        loaded = isinstance(model, Backbone)
        self._backbone: Backbone | None = model if isinstance(model, Backbone) else None
        self.identity = None if loaded or not cache else identity_of(model)  # type: ignore[arg-type]
        self._apart: bool | None = None
        self._kept: tuple[list[int], Beginning | None] = ([], None)
        self._shares = True

    @property
    def backbone(self) -> Backbone:
        """The model, loaded once; refused where it is none that completes."""
        if self._backbone is None:
            self._backbone = load_backbone(self.model)  # type: ignore[arg-type]
        if self._apart is None:
            self._check(self._backbone)
        return self._backbone

    def _check(self, backbone: Backbone) -> None:
        if backbone.causal is None or backbone.causal.get_output_embeddings() is None:
            raise no_head(backbone.name)
        rows = completion_tokens(backbone, self.prompts, self.completions, self.limit, *self.names, task=self.task)
        inputs = sorted((prompt + completion[:-1] for prompt, completion in rows), key=len)
        check_causal(backbone, inputs[-1])
        tensors, mask = padded([inputs[0], inputs[-1]])
        self._apart = head_apart(backbone, tensors, mask)

    def nats(
        self, prompts: Sequence[str] | None = None, demonstrations: Sequence[tuple[str, str]] = (), what: str = ""
    ) -> np.ndarray:
        """Nats that the model needs for each completion.

        Parameters
        ----------
        prompts : sequence of str (n,), optional
            Others than the rows' own; empty ones for completions alone.
        demonstrations : sequence of (str, str)
            Prompts and completions that are shown before each row's prompt, with `BETWEEN` behind each.
        what : str
            On the bar.

        Returns
        -------
        ndarray, float64 (n, 3)
            Of the text; of the end token behind it; number of tokens of the text.
        """
        from tqdm.auto import tqdm

        asked = self.prompts if prompts is None else list(prompts)
        shown = [part for pair in demonstrations for part in pair]
        found = []
        with tqdm(total=len(asked), desc=what or "completions", unit="row", disable=not self.progress) as bar:
            for start in range(0, len(asked), ROWS):
                part = slice(start, start + ROWS)
                texts = [*asked[part], *self.completions[part], *shown]
                settings = ("nats", self.limit, len(shown))
                file = None if self.identity is None else file_of(self.identity, texts, *settings)
                nats = None if file is None else read(file)
                if nats is None:
                    nats = self._computed(asked[part], self.completions[part], demonstrations)
                    if file is not None:
                        keep(file, nats)
                found.append(nats)
                bar.update(len(nats))
        return np.concatenate(found)

    def _computed(
        self, prompts: Sequence[str], completions: Sequence[str], demonstrations: Sequence[tuple[str, str]]
    ) -> np.ndarray:
        import torch
        from torch.nn.functional import cross_entropy

        backbone = self.backbone
        rows = completion_tokens(backbone, prompts, completions, self.limit, *self.names)
        before = self._before(demonstrations)
        longest = max(len(prompt) + len(completion) for prompt, completion in rows)
        if len(before) + longest > backbone.max_length:
            raise DataError(
                f"{self.names[0]}: {len(demonstrations)} demonstrations take {len(before)} tokens and the longest row "
                f"{longest}; {backbone.name} reads {backbone.max_length}. Ask for fewer shots=."
            )
        if before and (begin := _begin(backbone.tokenizer)):
            rows = [(prompt[len(begin) :], completion) for prompt, completion in rows]
        # the last token of it is read with each row: a row's prompt may be empty
        inputs = sorted(([*before[-1:], *prompt, *completion[:-1]] for prompt, completion in rows), key=len)
        beginning = self._beginning(before[:-1], inputs) if len(before) > 1 else None
        lead = before if beginning is None else before[-1:]
        found = np.empty((len(rows), 3))
        found[:, 2] = [len(completion) - 1 for _, completion in rows]
        lengths = [len(before) + len(prompt) + len(completion) - 1 for prompt, completion in rows]
        with torch.inference_mode():
            for batch in length_sorted_batches(lengths):
                inputs = [[*lead, *rows[i][0], *rows[i][1][:-1]] for i in batch]
                ids, mask = padded(inputs)
                targets = torch.cat([torch.tensor(rows[i][1]) for i in batch]).to(backbone.device)
                asked = mask.clone()
                for line, i in enumerate(batch):
                    asked[line, : len(lead) + len(rows[i][0]) - 1] = False
                losses = []
                for logits, wanted in self.logits(ids, mask, asked, targets, beginning):
                    losses.append(cross_entropy(logits.double(), wanted, reduction="none"))
                every = torch.cat(losses).cpu().split([len(rows[i][1]) for i in batch])
                found[batch, 0] = [float(of_row[:-1].sum()) for of_row in every]
                found[batch, 1] = [float(of_row[-1]) for of_row in every]
        return found

    def _beginning(self, before: list[int], inputs: Sequence[list[int]]) -> Beginning | None:
        """Keys and values of what stands before all rows; None where the model has to read it with each of them.

        Held to reading it with the shortest and the longest row; wherever the head cannot be asked apart, or it does
        not come out the same, everything is read.
        """
        from predictlab.catalog._beginnings import beginning_of, same_behind

        if not self._shares or not self._apart:
            return None
        if self._kept[0] != before:
            backbone = self.backbone
            try:
                found = beginning_of(backbone.encoder, before, backbone.device)
                ids, mask = (part.to(backbone.device) for part in padded([inputs[0], inputs[-1]]))
                self._shares = found is not None and same_behind(backbone.encoder, found, before, ids, mask)
            except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
                log.debug("%s does not take kept keys and values: %s", backbone.name, error)
                self._shares = False
            self._kept = before, found if self._shares else None
        return self._kept[1]

    def logits(
        self, ids: torch.Tensor, mask: torch.Tensor, asked: torch.Tensor, targets: torch.Tensor,
        beginning: Beginning | None = None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:  # fmt: skip
        """Scores of the next token where it is asked for, with the tokens that follow, some at a time."""
        from predictlab.catalog._beginnings import hidden_states

        backbone = self.backbone
        head = backbone.causal.get_output_embeddings()
        ids, mask, asked = (part.to(backbone.device) for part in (ids, mask, asked))
        size = max(1, LOGITS // head.weight.shape[0])
        if self._apart:
            hidden = hidden_states(backbone.encoder, ids, mask, beginning)[asked]
            for part, wanted in zip(hidden.split(size), targets.split(size), strict=True):
                yield head(part), wanted
        else:
            yield backbone.causal(input_ids=ids, attention_mask=mask.long()).logits[asked], targets

    def _before(self, demonstrations: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of the demonstrations, the begin token first."""
        if not demonstrations:
            return []
        tokenizer = self.backbone.tokenizer
        parts = _tokens(tokenizer, [text for pair in demonstrations for text in (*pair, BETWEEN)])
        return [*_begin(tokenizer), *(token for part in parts for token in part)]


def random_completer(completer: Completer, seed: int) -> Completer:
    """The same rows on the same architecture with weights drawn at random; nothing of it is kept."""
    import torch

    source = completer.backbone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        causal = type(source.causal)(copy.deepcopy(source.causal.config))
    causal.eval().requires_grad_(False)
    random = Backbone(
        f"{source.name}, random weights", causal.base_model, source.tokenizer, source.n_layers, source.hidden_size,
        source.max_length, causal,
    )  # fmt: skip
    rows = completer.prompts, completer.completions, completer.limit
    return Completer(random, *rows, *completer.names, task="", cache=False, progress=completer.progress)


def padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids padded on the right, and which are real."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    lengths = torch.tensor([len(row) for row in rows])
    ids = pad_sequence([torch.tensor(list(row)) for row in rows], batch_first=True)
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    with quiet_transformers():
        ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return ids


def _begin(tokenizer: Any) -> list[int]:
    """The begin token, in a list, if the tokenizer sets it before a text."""
    with quiet_transformers():
        special = tokenizer("")["input_ids"]
    return special[:1] if tokenizer.bos_token_id is not None and special[:1] == [tokenizer.bos_token_id] else []
