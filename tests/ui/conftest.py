"""Fixtures of the tests marked ``ui``; what they start is in lab_harness.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab_harness import LabServer, Notebook, chromium, chromium_path, lab_server, notebooks


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab for all tests."""
    with lab_server(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests here; while it is there, playwright keeps an event loop in this thread."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    binary = chromium_path()
    if binary is None:
        pytest.skip("no chromium on the PATH: install it (Debian: apt-get install chromium), or set CHROMIUM")
    with chromium(binary) as running:
        yield running


@pytest.fixture(scope="module")
def open_notebook(lab: LabServer, browser: Any) -> Iterator[Callable[[str, list[str]], Notebook]]:
    """Function ``(name, cells) -> Notebook`` that writes a notebook and opens it in a page of its own."""
    with notebooks(lab, browser) as opener:
        yield opener
