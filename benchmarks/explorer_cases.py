"""RunsExplorer in a real JupyterLab on a folder of small inputs: what it shows of each, and what it asks.

Run: python benchmarks/explorer_cases.py FOLDER [--pictures FOLDER] [--only WORD ...]

FOLDER has a folder for each input, with a `repro.py` that writes it and reads it with `predictlab`. That is run once,
to see what it reads and with which arguments. Then the source is typed into the page as a user does (a DataFrame is
set from a cell), what is asked is answered by the button that the page offers, or by the arguments of `repro.py`, a
margin is given, and the code that the page shows is run: it has to make the frame that the widget has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "ui"))

from lab_harness import Notebook, chromium, chromium_path, lab_server, notebooks

RECORDER = """
import json, pathlib, runpy, sys, tempfile
import pandas as pd
import predictlab as pl

case, out = map(pathlib.Path, sys.argv[1:])
tempfile.tempdir, seen = str(out), []


def recorded(name):
    real = getattr(pl, name)

    def call(source, *args, **words):
        kept = str(source)
        if isinstance(source, pd.DataFrame):
            kept = str(out / f"table{len(seen)}.pickle")
            source.to_pickle(kept)
        seen.append([name, kept, {key: repr(value) for key, value in words.items()}])
        return real(source, *args, **words)

    setattr(pl, name, call)


for name in ("read_runs", "risk_curve", "forecast", "analyse"):
    recorded(name)
try:
    runpy.run_path(str(case / "repro.py"), run_name="__main__")
except BaseException:
    pass
(out / "calls.json").write_text(json.dumps(seen))
"""
SETUP = """
import json, pathlib
import pandas as pd
from predictlab_widgets import RunsExplorer
w = RunsExplorer()
w
"""
TABLE = "w.source = pd.read_pickle(json.loads(pathlib.Path('case.json').read_text())['source'])"
REPORT = """
import warnings
warnings.simplefilter("ignore")  # what is noticed stands in the widget
said = dict(rows=None if w.frame is None else len(w.frame), error=w.error, code=w.code, wrong="")
said["phase"] = None if w.phase is None else w.phase["regime"].tolist()
try:
    if w.frame is not None:
        names = {"table": w.source}
        exec(w.code, names)
        pd.testing.assert_frame_equal(names["runs"], w.frame)
        if w.phase is not None:
            pd.testing.assert_frame_equal(names["phase"], w.phase)
except Exception as error:
    said["wrong"] = f"{type(error).__name__}: {error}"
_ = pathlib.Path("said.json").write_text(json.dumps(said))
"""
SETTLED = """() => {
    const shown = JSON.parse(document.querySelector(".plw-runs").dataset.shown || '{"doing": "?"}');
    return !shown.doing && !shown.waiting;
}"""


def calls_of(case: Path, out: Path) -> tuple[str, dict[str, str]]:
    """Source and arguments of a case: the first that is read, and all that is said of it then."""
    subprocess.run([sys.executable, "-c", RECORDER, str(case), str(out)], capture_output=True, check=False, timeout=300)
    calls = json.loads((out / "calls.json").read_text())
    of_files = [call for call in calls if call[0] == "read_runs"] or calls
    source = of_files[0][1] if of_files else ""
    told: dict[str, str] = {}
    for name, one, words in calls:
        if name == "read_runs" and one == source:
            told |= words
    return ("" if source == "None" else source), told


def settled(notebook: Notebook) -> dict[str, Any]:
    for _ in range(2):  # on a busy machine a job begins a while after it was answered
        notebook.page.wait_for_timeout(500)
        notebook.page.wait_for_function(SETTLED)
    notebook.settle()
    return json.loads(notebook.page.locator(".plw-runs").get_attribute("data-shown"))


def typed(value: str) -> str:
    """The `repr` of an argument, as one types it."""
    return value[1:-1].encode().decode("unicode_escape") if value[:1] in "'\"" else value


def drive(notebook: Notebook, name: str, source: str, told: dict[str, str]) -> str:
    """A line of the table for one case; its pictures on the way."""
    page, folder = notebook.page, notebook.path.parent
    page.locator(".plw-path").fill("")
    page.locator(".plw-path").press("Enter")
    settled(notebook)
    if source.endswith(".pickle"):
        (folder / "case.json").write_text(json.dumps({"source": source}))
        notebook.run(1)
    elif source:
        page.locator(".plw-path").fill(source)
        page.locator(".plw-path").press("Enter")
    shown = settled(notebook)
    notebook.picture(".plw-runs", f"{name}_1")
    asked = shown["error"]
    for _ in range(4):  # each answer may raise the next question
        if not shown["error"]:
            break
        offers = page.locator(".plw-offer")
        if offers.count():
            offers.first.click()
        elif told:
            for argument in list(told):
                value, field = typed(told.pop(argument)), page.locator(f".plw-argument-{argument}")
                if field.count():
                    field.fill(value) if field.evaluate("f => f.tagName") == "INPUT" else field.select_option(value)
                    field.press("Tab")
                    settled(notebook)
        else:
            break
        shown = settled(notebook)
    if shown["tasks"]:
        page.locator(".plw-margin").fill("0.03")
        page.locator(".plw-margin").press("Tab")
        shown = settled(notebook)
    notebook.picture(".plw-runs", f"{name}_2")
    wide, room = page.locator(".plw-runs").evaluate("node => [node.scrollWidth, node.clientWidth]")
    notebook.run(2)
    said = json.loads((folder / "said.json").read_text())
    if shown["tasks"]:
        page.locator(".plw-margin").fill("")
        page.locator(".plw-margin").dispatch_event("change")
    if said["wrong"]:
        print(f"{name}: the code does something else: {said['wrong']}\n{said['code']}")
    sticks = " STICKS OUT" if wide > room + 1 else ""
    end = shown["error"] or f"{said['rows']} rows, {said['phase'] or 'no fit'}"
    return f"| {name} | {asked[:150] or 'read'} | {str(end)[:150]}{sticks} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--only", nargs="+", default=[""], help="Cases with one of these in their names.")
    given = parser.parse_args()
    binary = chromium_path()
    if binary is None:
        raise SystemExit("no chromium on the PATH: install it (Debian: apt-get install chromium), or set CHROMIUM")
    if given.pictures:
        os.environ["PREDICTLAB_PICTURES"] = str(given.pictures.resolve())
    os.environ["OMP_NUM_THREADS"] = "1"
    cases = sorted(p.parent for p in given.folder.glob("*/repro.py") if any(w in p.parent.name for w in given.only))
    with (
        tempfile.TemporaryDirectory() as home,
        lab_server(Path(home)) as lab,
        chromium(binary) as browser,
        notebooks(lab, browser) as opener,
    ):
        notebook = opener("cases", [SETUP, TABLE, REPORT])
        notebook.run(0)
        notebook.page.locator(".plw-runs[data-paints]").wait_for()
        print("| case | first | in the end |\n|---|---|---|")
        for case in cases:
            out = Path(home) / "cases" / case.name
            out.mkdir(parents=True)
            print(drive(notebook, case.name, *calls_of(case, out)).replace(str(out), ""), flush=True)
        if notebook.complaints or notebook.left_the_machine:
            raise SystemExit(f"complaints: {notebook.complaints}; requests that left: {notebook.left_the_machine}")


if __name__ == "__main__":
    main()
