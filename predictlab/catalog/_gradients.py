"""Gradients of a causal language model before its first step, over batches of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from predictlab.catalog._completions import Completer, completion_tokens, padded
from predictlab.catalog._features import Backbone
from predictlab.catalog._layers import file_of, keep, read
from predictlab.catalog._targets import adapted_maps, transposed
from predictlab.task import Recipe

if TYPE_CHECKING:
    import torch

NUMBERS = 1 << 28  # of gradients that are held: 1 GB


def gradient_products(completer: Completer, recipe: Recipe, batches: Sequence[np.ndarray]) -> np.ndarray:
    """Inner products of the gradients of several batches, at the weights that training starts from.

    Of the loss that is trained: mean cross-entropy of the batch's completion tokens, ends included, without dropout.
    With ``method="full"`` by all weights. With adapters, by the weights that are adapted, each map's over its width:
    adapters start as a random projection of these gradients, and this is its mean over the draws but for a factor.

    Parameters
    ----------
    completer : Completer
    recipe : Recipe
    batches : sequence of ndarray of int
        Row numbers of each batch.

    Returns
    -------
    ndarray, float64 (batches, batches)
        Where gradients are too many to be held, from a random choice of their numbers, the same share of each matrix.
    """
    from tqdm.auto import tqdm

    rows = [int(i) for batch in batches for i in batch]
    texts = [completer.prompts[i] for i in rows] + [completer.completions[i] for i in rows]
    sizes = tuple(len(batch) for batch in batches)
    trained = recipe.method, recipe.layers, recipe.target_modules
    file = None
    if completer.identity is not None:
        file = file_of(completer.identity, texts, "gradients", completer.limit, sizes, trained)
        if (found := read(file)) is not None:
            return found
    parts: list[np.ndarray] = []
    backbone = completer.backbone
    weights = _weights(backbone, recipe)
    count = sum(weight.numel() for weight, _ in weights)
    share = min(1.0, NUMBERS / (count * len(batches)))
    before = [weight.requires_grad for weight, _ in weights]
    for weight, _ in weights:
        weight.requires_grad_(True)
    try:
        for batch in tqdm(batches, desc="gradients", unit="batch", disable=not completer.progress):
            parts.append(_gradient(completer, batch, weights, share))
    finally:
        for (weight, _), was in zip(weights, before, strict=True):
            weight.requires_grad_(was)
            weight.grad = None
    products = _products(parts)
    if file is not None:
        keep(file, products)
    return products


def _weights(backbone: Backbone, recipe: Recipe) -> list[tuple[torch.Tensor, float]]:
    """What is trained, and by what its gradient is multiplied."""
    if recipe.method == "full":
        return [(weight, 1.0) for weight in backbone.causal.parameters()]
    encoder = backbone.encoder
    names = adapted_maps(encoder, recipe, backbone.name, backbone.n_layers)
    chosen = [encoder.get_submodule(name).weight for name in names]
    return [(weight, float(weight.shape[0 if transposed(encoder) else 1]) ** -0.5) for weight in chosen]


def _gradient(
    completer: Completer, batch: np.ndarray, weights: list[tuple[torch.Tensor, float]], share: float
) -> np.ndarray:
    """Gradient of the mean loss of one batch, float32; of a `share` of each matrix."""
    import torch
    from torch.nn.functional import cross_entropy

    prompts, completions = ([texts[i] for i in batch] for texts in (completer.prompts, completer.completions))
    rows = completion_tokens(completer.backbone, prompts, completions, completer.limit, *completer.names)
    ids, mask = padded([prompt + completion[:-1] for prompt, completion in rows])
    targets = torch.tensor([token for _, completion in rows for token in completion]).to(completer.backbone.device)
    asked = mask.clone()
    for line, (prompt, _) in enumerate(rows):
        asked[line, : len(prompt) - 1] = False
    for weight, _ in weights:
        weight.grad = None
    scores = list(completer.logits(ids, mask, asked, targets))
    cross_entropy(torch.cat([part for part, _ in scores]).float(), targets).backward()
    parts = []
    for i, (weight, factor) in enumerate(weights):
        gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
        flat = factor * gradient.detach().float().flatten().cpu().numpy()
        if share < 1:
            flat = flat[np.random.default_rng(i).random(len(flat)) < share]
        parts.append(flat)
    return np.concatenate(parts)


def _products(parts: list[np.ndarray]) -> np.ndarray:
    """Inner products in double precision, a piece of the parameters at a time."""
    found = np.zeros((len(parts), len(parts)))
    for start in range(0, len(parts[0]), 1 << 18):
        piece = np.stack([part[start : start + (1 << 18)] for part in parts]).astype(np.float64)
        found += piece @ piece.T
    return found
