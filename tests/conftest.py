"""Rules for all tests: skips can be made failures, and numpy's global random state is nobody's to touch."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest

SLOW = (  # where most of the time goes that is not training
    "tests/catalog/", "tests/planning/", "decay/test_decay_model.py", "decay/test_methods.py", "decay/test_solver.py",
    "risk/test_spread.py", "static/test_limit.py", "widgets/test_phase_diagram.py", "widgets/test_numbers.py",
    "runs/test_kills.py", "test_packaging.py",
)  # fmt: skip
NO_SKIP = os.environ.get("PREDICTLAB_NO_SKIP", "0") not in ("", "0")


def _refuse_skip(report: Any) -> None:
    """With PREDICTLAB_NO_SKIP set a skipped test fails and gives its reason; expected failures stay."""
    if not NO_SKIP or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"PREDICTLAB_NO_SKIP is set, and {report.nodeid or 'this module'} did not run: {reason}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests last: they take longest, and playwright keeps an event loop running while they do."""
    items.sort(key=lambda item: "tests/ui/" in item.path.as_posix())
    for item in items:  # what `make check` leaves out
        path = item.path.as_posix()
        if "tests/probing/" in path or path.endswith("tests/test_cli.py"):
            item.add_marker(pytest.mark.train)
        elif any(part in path for part in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.fixture(autouse=True)
def _global_random_state() -> Iterator[None]:
    """Seeds are explicit: a test during which numpy's global generator is drawn from or reseeded fails."""
    before = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    yield
    after = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    assert before["pos"] == after["pos"], "numpy's global random state was used"
    assert (before["key"] == after["key"]).all(), "numpy's global random state was reset"
