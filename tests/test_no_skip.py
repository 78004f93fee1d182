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


def run_pytest(folder, source, no_skip):
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_one.py").write_text(source)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-ra",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(folder),
            str(folder),
        ],
        env={**os.environ, "PREDICTLAB_NO_SKIP": no_skip},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_and_says_why(tmp_path, kind):
    done = run_pytest(tmp_path, SKIPS[kind], "1")
    assert done.returncode not in (0, 5), done.stdout
    assert "PREDICTLAB_NO_SKIP is set" in done.stdout
    assert "no browser" in done.stdout


def test_without_the_variable_a_skip_stays_a_skip(tmp_path):
    done = run_pytest(tmp_path, SKIPS["mark"], "0")
    assert done.returncode == 0
    assert "1 skipped" in done.stdout


def test_passes_and_expected_failures_are_not_touched(tmp_path):
    done = run_pytest(tmp_path, HARMLESS, "1")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 xfailed" in done.stdout


def test_drawing_from_the_global_generator_fails(tmp_path):
    done = run_pytest(tmp_path, "import numpy\ndef test_it(): numpy.random.normal()\n", "0")
    assert done.returncode == 1
    assert "numpy's global random state was used" in done.stdout
