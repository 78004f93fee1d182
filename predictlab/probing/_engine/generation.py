"""Exact match of greedy generations, with as little generation as decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from predictlab.catalog._features import Backbone, length_sorted_batches, quiet_transformers
from predictlab.probing._engine.rows import CompletionRows
from predictlab.probing._segments import CancelCheck, never_cancelled


class GreedyMatch:
    """Which rows of a split a model answers exactly.

    A row is matched if the text that greedy generation gives, up to the end token but of at most as many tokens as the
    longest completion and its end, is the completion, apart from white space at both ends; both as the tokenizer
    writes them.

    One pass over prompt and completion says which token greedy generation would take after each beginning of the
    completion. As long as these are the completion's own, they are what would be generated. Where they first differ,
    the text up to there mostly cannot become the completion any more; only rows where it still can (white space,
    another spelling in tokens) are really generated, from there on.

    Parameters
    ----------
    rows : CompletionRows
    backbone : Backbone
        Gives the tokenizer and the most tokens that the model can take.
    """

    def __init__(self, rows: CompletionRows, backbone: Backbone) -> None:
        self.prompts, self.completions = rows.prompts, rows.completions
        self.tokenizer, self.max_length = backbone.tokenizer, backbone.max_length
        self.end = int(self.tokenizer.eos_token_id)
        self.limit = max(map(len, self.completions))
        self.wanted = [self._text(completion[:-1]).strip() for completion in self.completions]

    def judge(self, row: int, greedy: Sequence[int]) -> bool | list[int]:
        """Whether a row is matched, or (undecided) the tokens that generation starts with.

        Parameters
        ----------
        row : int
        greedy : sequence of int (m,)
            The likeliest token after the prompt, and after the prompt with each beginning of the completion.
        """
        completion = self.completions[row]
        same = next((i for i, (a, b) in enumerate(zip(greedy, completion, strict=True)) if a != b), None)
        if same is None:
            return True
        return self._verdict(row, [*completion[:same], int(greedy[same])])

    def matched(
        self, model: Any, undecided: dict[int, list[int]], check_cancelled: CancelCheck = never_cancelled
    ) -> list[int]:
        """Those of these rows, given by what their generation starts with, that are matched.

        `check_cancelled` is called before each token.
        """
        rows = list(undecided)
        starts = [len(self.prompts[row]) + len(undecided[row]) for row in rows]
        found = []
        for batch in length_sorted_batches([start + self.limit for start in starts]):
            new = self.limit - min(len(undecided[rows[i]]) for i in batch)
            # Beyond the model's length nothing may be asked of it; alone, each row is generated as far as it can be.
            parts = [batch] if starts[batch[0]] + new <= self.max_length else np.split(batch, len(batch))
            for part in parts:
                begun = {rows[i]: undecided[rows[i]] for i in part}
                generated = self._generated(model, begun, check_cancelled)
                found += [row for row, tokens in generated.items() if self._ended(row, tokens)]
        return found

    def _generated(self, model: Any, begun: dict[int, list[int]], check_cancelled: CancelCheck) -> dict[int, list[int]]:
        """The tokens of these rows once generation, in one batch, has gone on from what is given to its end."""
        from transformers import GenerationConfig, StoppingCriteriaList

        starts = [torch.tensor(self.prompts[row] + tokens) for row, tokens in begun.items()]
        longest = max(map(len, starts))
        new = min(self.limit - min(map(len, begun.values())), self.max_length - longest)
        if new < 1:
            return begun
        pad = self.end if self.tokenizer.pad_token_id is None else int(self.tokenizer.pad_token_id)
        # Padded on the left: the last column is every row's last token.
        ids = pad_sequence(starts, batch_first=True, padding_value=pad, padding_side="left")
        mask = pad_sequence([torch.ones_like(start) for start in starts], batch_first=True, padding_side="left")

        def whole(sequences: torch.Tensor) -> dict[int, list[int]]:
            behind = sequences[:, longest:].tolist()
            pairs = zip(begun.items(), behind, strict=True)
            return {row: [*tokens, *more][: self.limit] for (row, tokens), more in pairs}

        def decided(sequences: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            check_cancelled()
            done = [isinstance(self._verdict(row, tokens), bool) for row, tokens in whole(sequences).items()]
            return torch.tensor(done, device=sequences.device)

        config = GenerationConfig(
            do_sample=False, num_beams=1, max_new_tokens=new, eos_token_id=self.end, pad_token_id=pad, use_cache=True
        )
        with quiet_transformers():
            generated = model.generate(
                input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config,
                stopping_criteria=StoppingCriteriaList([decided]),
            )  # fmt: skip
        return whole(generated)

    def _verdict(self, row: int, tokens: list[int]) -> bool | list[int]:
        """Of the tokens generated so far: matched or not, or (undecided) the tokens themselves."""
        if self.end in tokens or len(tokens) >= self.limit:
            return self._ended(row, tokens)
        text, wanted = self._text(tokens).lstrip().rstrip("\ufffd"), self.wanted[row]  # a sign may lack its last bytes
        return tokens if wanted.startswith(text) or text.strip() == wanted else False

    def _ended(self, row: int, tokens: list[int]) -> bool:
        """Whether these tokens, up to the end token, are the completion."""
        if self.end in tokens:
            tokens = tokens[: tokens.index(self.end)]
        return self._text(tokens).strip() == self.wanted[row]

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))
