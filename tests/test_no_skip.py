"""PREDICTLAB_NO_SKIP, as the gate sets it: what a developer may skip, the gate may not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skipif(True, reason='no browser')\ndef test_it(): pass\n",
    "call": "import pytest\ndef test_it():\n    pytest.skip('no browser')\n",
    "fixture": (
        "import pytest\n@pytest.fixture\ndef page():\n    pytest.skip('no browser')\ndef test_it(page): pass\n"
    ),
    "module": "import pytest\npytest.skip('no browser', allow_module_level=True)\n",
    "import": "import pytest\npytest.importorskip('no_such_module_here', reason='no browser')\n",
}
HARMLESS = "import pytest\ndef test_pass(): pass\n@pytest.mark.xfail(strict=True)\ndef test_known(): assert False\n"


RANDOM = "import numpy\ndef test_it(): numpy.random.normal()\n"


def run_pytest(folder, sources, no_skip):
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    return subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        env={**os.environ, "PREDICTLAB_NO_SKIP": no_skip, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """All kinds of skips, and what is no skip, in one run as the gate makes it."""
    return run_pytest(tmp_path_factory.mktemp("gate"), SKIPS | {"harmless": HARMLESS}, "1")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A run as a developer makes it."""
    return run_pytest(tmp_path_factory.mktemp("desk"), {"mark": SKIPS["mark"], "random": RANDOM}, "0")


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_and_says_why(gate, kind):
    assert gate.returncode not in (0, 5), gate.stdout
    said = [line for line in gate.stdout.splitlines() if f"test_{kind}.py" in line and "did not run" in line]
    assert said, gate.stdout
    assert "PREDICTLAB_NO_SKIP is set" in said[0]
    assert "no browser" in said[0]


def test_without_the_variable_a_skip_stays_a_skip(desk):
    assert "1 skipped" in desk.stdout
    assert "PREDICTLAB_NO_SKIP" not in desk.stdout


def test_passes_and_expected_failures_are_not_touched(gate):
    assert "1 passed, 1 xfailed" in gate.stdout
    assert not [
        line for line in gate.stdout.splitlines() if line.startswith(("FAILED", "ERROR")) and "harmless" in line
    ]


def test_drawing_from_the_global_generator_fails(desk):
    assert desk.returncode == 1
    assert "numpy's global random state was used" in desk.stdout
