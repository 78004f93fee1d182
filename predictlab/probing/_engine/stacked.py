"""Upper layers and heads of many runs at once, for encoders built like BERT: one base, an adapter of its own a run.

All that the fast engine knows of an architecture is in this module; what it does not know is trained one run after
the other through the model's own code (`PerRunGradients`). Three savings over that, all exact up to floating-point
reordering:

- The base's query, key and value of the first trained layer are read, not computed (`SharedInputs.projected`).
- With ``pooling="cls"`` the last layer is computed for the one token that the head reads.
- There the query is carried back through the key map, and the values are averaged before the value map, so that no key
  and no value of any other token is computed: ``q . (W x_j) = (W' q) . x_j`` and ``sum_j p_j W x_j = W sum_j p_j x_j``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.functional import linear

from predictlab.catalog._features import pool
from predictlab.catalog._targets import is_linear
from predictlab.probing._engine.architectures import LAYERS
from predictlab.probing._engine.learner import Classifier
from predictlab.task import Recipe

_BERT = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "merge": "attention.output.dense", "first_norm": "attention.output.LayerNorm", "up": "intermediate.dense",
    "activation": "intermediate.intermediate_act_fn", "down": "output.dense", "last_norm": "output.LayerNorm",
}  # fmt: skip
_DISTILBERT = {
    "query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin", "merge": "attention.out_lin",
    "first_norm": "sa_layer_norm", "up": "ffn.lin1", "activation": "ffn.activation", "down": "ffn.lin2",
    "last_norm": "output_layer_norm",
}  # fmt: skip
_PLACES = {kind: _DISTILBERT if kind == "distilbert" else _BERT for kind in LAYERS}


class Linear(NamedTuple):
    """A frozen map, and the names of its adapter's matrices (None: it has no adapter)."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    adapter: tuple[str, str] | None


class AdaptedLinear(torch.autograd.Function):
    """``x W' + b + scale (x A') B'`` for each run, with gradients for `x`, `A` and `B` only.

    Left to autograd, the sum would be written twice and kept; the base weight is frozen: its gradient is never asked.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, base: torch.Tensor | None,
        a: torch.Tensor, b: torch.Tensor, scale: float,
    ) -> torch.Tensor:  # fmt: skip
        """Outputs of all runs.

        Parameters
        ----------
        x : torch.Tensor (runs, n, in)
        weight, bias : torch.Tensor (out, in), (out,) or None
            Of the frozen map.
        base : torch.Tensor (runs, n, out) or None
            ``x W' + b`` where it is known already.
        a, b : torch.Tensor (runs, rank, in), (runs, out, rank)
            In float32; the passes are in the type of `x`.
        scale : float

        Returns
        -------
        torch.Tensor (runs, n, out)
        """
        a, b = a.to(x.dtype), b.to(x.dtype)
        low = torch.bmm(x, a.mT)
        if base is None:
            out = linear(x, weight, bias).baddbmm_(low, b.mT, alpha=scale)
        else:
            out = torch.baddbmm(base, low, b.mT, alpha=scale)
        ctx.save_for_backward(x, weight, low, a, b)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of `x` (where it is asked for), `a` and `b`."""
        (grad,) = grads
        x, weight, low, a, b = ctx.saved_tensors
        inner = torch.bmm(grad, b).mul_(ctx.scale)
        grad_b = torch.bmm(grad.mT, low).float().mul_(ctx.scale)
        grad_a = torch.bmm(inner.mT, x).float()
        grad_x = (grad @ weight).baddbmm_(inner, a) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, None, grad_a, grad_b, None


class StackedEncoder:
    """Class scores of many runs of a task.

    Parameters
    ----------
    learner : Classifier
        Its model gives the frozen weights and the names of the trained ones.
    recipe : Recipe
    dtype : torch.dtype
        Of weights and activations; trained parameters stay in float32.

    Attributes
    ----------
    projected : bool
        Whether inputs bring the base's query, key and value of the first layer: (…, 4 width) instead of (…, width).
    operations : float
        Floating-point operations, those of gradients included, since the caller set it to 0.
    """

    def __init__(self, learner: Classifier, recipe: Recipe, dtype: torch.dtype) -> None:
        encoder = learner.encoder
        self.recipe, self.dtype, self.projected = recipe, dtype, False
        self.scale = recipe.lora_alpha / recipe.rank
        self.operations = 0.0
        head = "0" if encoder is None else "1"
        self.head = (f"{head}.weight", f"{head}.bias")
        self.layers: list[dict[str, Any]] = []
        if encoder is None:
            return
        config = encoder.config
        self.heads = int(getattr(config, "num_attention_heads", None) or config.n_heads)
        assert learner.body is not None
        stem = LAYERS[config.model_type]
        for number in range(learner.body.first or 0, len(encoder.get_submodule(stem))):
            path = f"{stem}.{number}"
            places = _PLACES[config.model_type]
            self.layers.append({part: self._read(learner, f"{path}.{place}") for part, place in places.items()})

    def _read(self, learner: Classifier, path: str) -> Linear | nn.Module:
        module = learner.encoder.get_submodule(path)
        if not is_linear(module):  # a norm or an activation
            return copy.deepcopy(module).to(self.dtype)
        adapter = (f"0.{path}.lora_A.default.weight", f"0.{path}.lora_B.default.weight")
        base = getattr(module, "base_layer", module)
        weight, bias = base.weight.detach().to(self.dtype), base.bias
        bias = bias if bias is None else bias.detach().to(self.dtype)
        return Linear(weight, bias, adapter if adapter[0] in learner.named else None)

    def first_maps(self) -> tuple[Linear, ...]:
        """Query, key and value map of the first layer's base; none where reading them does not pay: for one token."""
        read = len(self.layers) > (self.recipe.pooling == "cls")
        return tuple(self.layers[0][name] for name in ("query", "key", "value")) if read else ()

    def activation_bytes(self, rows: int, length: int) -> int:
        """About what the activations of one run's pass take until its gradients are known.

        Each layer keeps some fourteen numbers of the width a token, the inner ones of its feed-forward part thrice (as
        they come, activated, and their gradient), and its attention weights thrice.
        """
        if not self.layers:
            return 4 * rows * self.recipe.batch_size
        width, inner = map(int, self.layers[0]["down"].weight.shape)
        full = len(self.layers) - (self.recipe.pooling == "cls")
        token = full * (14 * width + 3 * inner + 3 * self.heads * length) + 6 * width
        return rows * length * token * self.dtype.itemsize

    @staticmethod
    def fits(learner: Classifier, recipe: Recipe) -> bool:
        """Whether this class can compute the learner's model (its numbers are compared before it is used)."""
        if recipe.dropout or learner.body is None:
            return recipe.dropout == 0
        known = learner.encoder.config.model_type in _PLACES
        return known and learner.body.first is not None and recipe.method == "lora"

    def logits(self, values: Mapping[str, torch.Tensor], inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Class scores.

        Parameters
        ----------
        values : mapping of str to torch.Tensor (runs, …)
            Trained parameters.
        inputs : torch.Tensor (runs, rows, length, width or 4 width); of length 1 for a head alone
        mask : torch.Tensor (runs, rows, length)
            True at real tokens.

        Returns
        -------
        torch.Tensor, float32 (runs, rows, classes)
        """
        hidden = inputs if self.layers else inputs[:, :, 0]
        if self.layers:
            bias = None
            if not bool(mask.all()):
                bias = torch.zeros(mask.shape, dtype=inputs.dtype, device=mask.device)
                bias.masked_fill_(~mask, torch.finfo(inputs.dtype).min)
            one_token = self.recipe.pooling == "cls"
            for number, layer in enumerate(self.layers):
                known = self.projected and number == 0
                last = number == len(self.layers) - 1
                pass_layer = self._read_token if last and one_token else self._layer
                hidden = pass_layer(layer, values, hidden, bias, known)
            if not one_token:
                runs, rows = hidden.shape[:2]
                hidden = pool(hidden.flatten(0, 1), mask.flatten(0, 1), "mean").unflatten(0, (runs, rows))
        weight, offset = (values[name] for name in self.head)
        self._count(2 * hidden.shape[0] * hidden.shape[1] * weight[0].numel(), 2 if self.layers else 1)
        return torch.baddbmm(offset.unsqueeze(1), hidden.float(), weight.mT)

    def _count(self, forward: float, backward: float) -> None:
        self.operations += forward * (1 + backward * torch.is_grad_enabled())

    def _linear(
        self, part: Linear, values: Mapping[str, torch.Tensor], x: torch.Tensor, base: torch.Tensor | None = None
    ) -> torch.Tensor:
        """A map of every run: x (runs, …, in) to (runs, …, out); `base` is what the frozen map makes of x, if known."""
        n = x.numel() // x.shape[-1]
        if base is None:
            self._count(2 * n * part.weight.numel(), float(x.requires_grad))
        if part.adapter is None:
            return linear(x, part.weight, part.bias) if base is None else base
        a, b = (values[name] for name in part.adapter)
        self._count(2 * n * (a[0].numel() + b[0].numel()), 2)
        flat = None if base is None else base.flatten(1, -2)
        out = AdaptedLinear.apply(x.flatten(1, -2), part.weight, part.bias, flat, a, b, self.scale)
        unflattened: torch.Tensor = out.unflatten(1, x.shape[1:-1])
        return unflattened

    def _layer(
        self, layer: dict[str, Any], values: Mapping[str, torch.Tensor], x: torch.Tensor, bias: torch.Tensor | None,
        known: bool,
    ) -> torch.Tensor:  # fmt: skip
        base: tuple[torch.Tensor | None, ...] = (None, None, None)
        if known:
            x, *base = x.chunk(4, dim=-1)  # type: ignore[assignment]
        names = ("query", "key", "value")
        q, k, v = (self._linear(layer[name], values, x, b) for name, b in zip(names, base, strict=True))
        mixed = self._attend(q, k, v, bias)
        return self._forward(layer, values, self._linear(layer["merge"], values, mixed), x)

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Softmax attention written out: on processors quicker than the fused kernel, in bfloat16 several times."""
        runs, rows, length, width = q.shape
        # The scale goes in at q, the smallest place for it.
        scale = (width // self.heads) ** -0.5
        q, k, v = (t.reshape(runs * rows, length, self.heads, -1).transpose(1, 2) for t in (q * scale, k, v))
        scores = q @ k.mT
        if bias is not None:
            scores = scores + bias.reshape(-1, 1, 1, length)
        self._count(4 * runs * rows * length * length * width, 2)
        mixed = torch.softmax(scores, -1) @ v
        return mixed.transpose(1, 2).reshape(runs, rows, length, width)

    def _forward(
        self, layer: dict[str, Any], values: Mapping[str, torch.Tensor], attended: torch.Tensor, x: torch.Tensor
    ) -> torch.Tensor:
        x = layer["first_norm"](attended + x)
        up = layer["activation"](self._linear(layer["up"], values, x))
        last_norm: nn.Module = layer["last_norm"]
        return last_norm(self._linear(layer["down"], values, up) + x)

    def _read_token(
        self, layer: dict[str, Any], values: Mapping[str, torch.Tensor], x: torch.Tensor, bias: torch.Tensor | None,
        known: bool,
    ) -> torch.Tensor:  # fmt: skip
        """The layer's output at the first token, (runs, rows, width)."""
        base = None
        if known:
            x, base = x[..., : x.shape[-1] // 4], x[:, :, 0, x.shape[-1] // 4 : x.shape[-1] // 2]
        runs, rows, length, width = x.shape
        query = self._linear(layer["query"], values, x[:, :, 0], base).unflatten(-1, (self.heads, -1))
        key, value = layer["key"], layer["value"]
        # (heads, head width, width): the rows of a head of the map, and of its adapter's B.
        carried = torch.einsum("srhe,hed->srhd", query, key.weight.unflatten(0, (self.heads, -1)))
        if key.adapter is not None:
            a, b = (values[name].to(x.dtype) for name in key.adapter)
            low = torch.einsum("srhe,sheq->srhq", query, b.unflatten(1, (self.heads, -1)))
            carried = carried + self.scale * torch.einsum("srhq,sqd->srhd", low, a)
        # The key's bias adds the same to all scores of a head: softmax does not see it.
        scores = (carried @ x.mT) * (width // self.heads) ** -0.5
        if bias is not None:
            scores = scores + bias.unsqueeze(2)
        mixed = torch.softmax(scores, -1) @ x
        out = torch.einsum("srhd,hed->srhe", mixed, value.weight.unflatten(0, (self.heads, -1)))
        if value.adapter is not None:
            a, b = (values[name].to(x.dtype) for name in value.adapter)
            low = torch.einsum("srhd,sqd->srhq", mixed, a)
            out = out + self.scale * torch.einsum("srhq,sheq->srhe", low, b.unflatten(1, (self.heads, -1)))
        self._count(runs * rows * self.heads * width * (4 * length + 4 * (width // self.heads)), 2)
        out = out.flatten(2)
        if value.bias is not None:
            out = out + value.bias
        return self._forward(layer, values, self._linear(layer["merge"], values, out), x[:, :, 0])
