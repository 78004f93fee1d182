"""Features of all layers of a frozen model, kept on disk by content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache as memoised
from pathlib import Path

import numpy as np

from predictlab.catalog._features import Backbone, length_sorted_batches, load_backbone, pool, tokenise
from predictlab.catalog._fetching import cache_dir
from predictlab.errors import ModelError, bad_argument

CHUNK = 1024  # texts of a file: what an interruption can lose


def layer_features(
    model: Backbone | str | Path,
    texts: Sequence[str],
    max_length: int = 64,
    pooling: str = "mean",
    layers: str | int = "mean",
    *,
    random_seed: int | None = None,
    cache: bool = True,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """Pooled hidden states of texts, by layer.

    Parameters
    ----------
    model : Backbone, str or pathlib.Path
        What computes them.
    texts : sequence of str (n,)
    max_length : int
        Tokens kept of a text.
    pooling : {"mean", "cls"}
    layers : {"mean", "last", "each"} or int
        The mean over layers; the last; all of them (and their mean); or one, from 1. Embeddings are none.
    random_seed : int, optional
        Draw the weights at random instead of loading them.
    cache : bool
        Read features that are kept in `cache_dir`, and keep new ones, in files of `CHUNK` texts.
    progress : bool
        A bar over texts.

    Returns
    -------
    dict of str to ndarray, float32 (n, d)
        ``"mean"``, ``"last"``, or the number of a layer.

    Raises
    ------
    ModelError
        The model shows no hidden states.
    ArgumentError
        It has fewer layers.
    """
    from tqdm.auto import tqdm

    loaded = model if isinstance(model, Backbone) else None
    identity = None if loaded or not cache else identity_of(model)  # type: ignore[arg-type]
    found: list[np.ndarray] = []
    with tqdm(total=len(texts), desc="features", unit="text", disable=not progress) as bar:
        for start in range(0, len(texts), CHUNK):
            part = list(texts[start : start + CHUNK])
            file = None if identity is None else file_of(identity, part, max_length, pooling, layers, random_seed)
            features = None if file is None else read(file)
            if features is None:
                if loaded is None:
                    loaded = load_backbone(model) if random_seed is None else _random(model, random_seed)  # type: ignore[arg-type]
                features = _computed(loaded, part, max_length, pooling, layers)
                if file is not None:
                    keep(file, features)
            found.append(features)
            bar.update(len(part))
    every = np.concatenate(found, axis=1)
    names = [str(i) for i in range(1, len(every))] + ["mean"] if layers == "each" else [str(layers)]
    return dict(zip(names, every, strict=True))


def parameters_of(model: str | Path) -> int:
    """Parameters of the encoder."""
    return sum(p.numel() for p in load_backbone(model).encoder.parameters())


def _computed(backbone: Backbone, texts: Sequence[str], max_length: int, pooling: str, layers: str | int) -> np.ndarray:
    """Features (layers, n, d) of one chunk; with ``"each"`` the mean comes last."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    count = backbone.n_layers
    if isinstance(layers, int) and layers > count:
        raise bad_argument("layers", layers, f"at most {count} for {backbone.name}")
    rows = [torch.tensor(row) for row in tokenise(backbone, texts, max_length)]
    kept = count + 1 if layers == "each" else 1
    features = np.empty((kept, len(rows), backbone.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for batch in length_sorted_batches([len(row) for row in rows]):
            lengths = torch.tensor([len(rows[i]) for i in batch], device=backbone.device)
            ids = pad_sequence([rows[i] for i in batch], batch_first=True).to(backbone.device)
            mask = torch.arange(ids.shape[1], device=backbone.device) < lengths[:, None]
            output = backbone.encoder(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
            states = getattr(output, "hidden_states", None)
            if states is None or len(states) < 2:
                raise ModelError(
                    f"Model {backbone.name!r} shows no hidden states, which static scores are made of. "
                    "Use an encoder or a causal model built into transformers."
                )
            if layers == "mean":  # the mean is pooled, not each layer
                wanted = [sum(states[2:], start=states[1]) / count]
            elif isinstance(layers, int):
                wanted = [states[layers]]
            else:
                wanted = states[-1:] if layers == "last" else states[1:]
            pooled = [pool(state, mask, pooling).float() for state in wanted]
            if layers == "each":
                pooled.append(torch.stack(pooled).mean(0))
            features[:, batch] = torch.stack(pooled).cpu().numpy()
    return features


def _random(model: str | Path, seed: int) -> Backbone:
    """The architecture and tokenizer of a model with weights drawn at random."""
    import torch

    source = load_backbone(model)
    kind = type(source.encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = kind(source.encoder.config)
    if hasattr(encoder, "pooler"):
        encoder.pooler = None
    encoder.eval().requires_grad_(False)
    return replace(source, name=f"{source.name}, random weights", encoder=encoder, causal=None)


def identity_of(model: str | Path) -> str | None:
    """Digest of a model's files; None for one that is not a folder here."""
    from predictlab.catalog import model_path

    folder = Path(model_path(model))
    if not folder.is_dir():
        return None
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    digests = (_digest(p, p.stat().st_mtime_ns, p.stat().st_size) for p in files)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@memoised
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def file_of(identity: str, texts: Sequence[str], *settings: object) -> Path:
    content = hashlib.sha256(repr((identity, settings)).encode())
    for text in texts:
        content.update(f"\0{len(text)}:".encode() + text.encode("utf-8", "surrogatepass"))
    key = content.hexdigest()
    return cache_dir() / "features" / key[:2] / f"{key}.npy"


def read(file: Path) -> np.ndarray | None:
    """Features that are kept; a file that cannot be read is as good as none."""
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def keep(file: Path, features: np.ndarray) -> None:
    """Write whole or not at all; a cache that cannot be written to is done without."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as target:
                np.save(target, features)
            os.replace(name, file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return
