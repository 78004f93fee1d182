"""What predictlab says, to whom, and how much; what is installed."""

import logging
import subprocess
import sys

import pytest

import predictlab as pl
from predictlab._versions import versions
from predictlab.errors import ArgumentError


def said(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


SPEAK = "log = logging.getLogger('predictlab'); log.info('a detail'); log.warning('a warning')"


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("", "a warning\n"),
        ("pl.set_verbosity('info')", "a detail\na warning\n"),
        ("pl.set_verbosity(logging.ERROR)", ""),
        ("logging.basicConfig(format='mine: %(message)s')", "mine: a warning\n"),
        ("logging.getLogger('predictlab').addHandler(logging.NullHandler())", ""),
    ],
    ids=["at first", "more", "less", "the program's own handler, once", "silenced by the program"],
)
def test_messages_reach_one_reader(before, shown):
    assert said(f"import logging, predictlab as pl\n{before}\n{SPEAK}") == shown


def test_the_library_sets_up_nothing_but_its_own_logger():
    root = "import logging, predictlab; r = logging.getLogger(); assert not r.handlers and r.level == logging.WARNING"
    assert said(root) == ""
    assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger("predictlab").handlers)


@pytest.mark.parametrize("level", ["loud", None, True, 1.5])
def test_a_level_that_is_none(level):
    with pytest.raises(ArgumentError, match=r"level=.*'debug', 'info', 'warning', 'error'"):
        pl.set_verbosity(level)


def test_versions_name_what_took_part_without_importing_it(capsys):
    pl.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown == versions()
    assert shown["python"] == sys.version.split()[0]
    assert {"system", "predictlab", "predictlab-widgets", "numpy", "torch", "ray"} <= set(shown)
    assert "pytest" not in shown
    assert said("import sys, predictlab._versions as v; v.versions(); assert 'numpy' not in sys.modules") == ""
