"""`predictlab ...` in this process: what it prints and how it ends, with everything imported once for all commands."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from predictlab import cli


@dataclass
class Done:
    """As ``subprocess.run`` has it."""

    returncode: int
    stdout: str
    stderr: str


def predictlab(*args: object, cwd: Path | str = ".") -> Done:
    """Run a command in the folder `cwd`, its output not to a terminal."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        mock.patch.object(sys, "argv", ["predictlab", *map(str, args)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())
