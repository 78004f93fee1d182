"""What a report of a fault needs to say: the versions of everything that took part."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata


def versions() -> dict[str, str]:
    """Versions of Python, the system, predictlab and what it can use, as installed; nothing is imported for it."""
    names = ["predictlab", "predictlab-widgets"]
    try:
        requirements = metadata.requires("predictlab") or []
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        requirements = []
    names += [re.split(r"[^\w.-]", line)[0] for line in requirements if "dev" not in line.partition("extra ==")[2]]
    out = {"python": platform.python_version(), "system": platform.platform()}
    for name in dict.fromkeys(names):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            out[name] = "not installed"
    return out


def show_versions() -> None:
    """Print the versions of Python, the system, predictlab and its dependencies, for a report of a fault.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.show_versions()  # doctest: +ELLIPSIS
    python ...
    """
    found = versions()
    width = max(map(len, found))
    sys.stdout.write("".join(f"{name:{width}}  {version}\n" for name, version in found.items()))
