"""What is imported when: a light front door, no Jupyter in the library, and arrows that run one way."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import predictlab as pl

PACKAGE = Path(__file__).parents[1] / "predictlab"
FILES = sorted(PACKAGE.rglob("*.py"))

HEAVY = {
    "altair", "matplotlib", "pandas", "peft", "ray", "rich", "scipy", "sklearn", "statsmodels", "torch",
    "transformers",
}  # fmt: skip
JUPYTER = {
    "IPython", "anywidget", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core", "jupyterlab",
    "nbclient", "nbconvert", "nbformat", "notebook", "predictlab_widgets", "traitlets",
}  # fmt: skip

# The table of docs/architecture.md: | floor | `room`, `room` | words |
FLOORS = re.findall(
    r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", (PACKAGE.parent / "docs/architecture.md").read_text(), re.MULTILINE
)
STAGE = {room: int(floor) for floor, rooms in FLOORS for room in re.findall(r"\w+", rooms)}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def loaded_by(code):
    return set(run(f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"))


def imports(path):
    """Each import of a file as (dotted module, line, name of the function it stands in, whether it runs)."""

    def walk(node, function, runs):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, child.lineno, function, runs
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path.name}:{child.lineno}: write imports in full"
                for alias in child.names:
                    yield f"{child.module}.{alias.name}", child.lineno, function, runs
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(child, child.name, runs)
            elif isinstance(child, ast.If) and ast.unparse(child.test) in (
                "TYPE_CHECKING",
                "typing.TYPE_CHECKING",
            ):
                yield from walk(child, function, False)
            else:
                yield from walk(child, function, runs)

    return list(walk(ast.parse(path.read_text()), "", True))


def stage_module(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_import_is_light():
    assert not loaded_by("import predictlab") & (HEAVY | JUPYTER)


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("pl.Task, pl.Recipe, pl.Dataset", {"torch", "altair", "statsmodels", "sklearn"}),
        ("pl.RunStore, pl.risk_curve, pl.RiskCurve", {"torch", "altair", "sklearn", "transformers"}),
        ("pl.DecayModel, pl.optimal_depth, pl.classify, pl.allocate", {"torch", "altair", "transformers"}),
        (
            "pl.static.logme, pl.score, pl.load_dataset, pl.ProbePlan",
            {"torch", "altair", "transformers", "peft"},
        ),
        ("import predictlab.probing._ray.executor", {"ray", "torch", "transformers"}),
        ("import predictlab.cli", {"torch", "altair", "statsmodels", "transformers"}),
    ],
)
def test_a_stage_loads_only_what_it_needs(code, absent):
    assert not loaded_by(f"import predictlab as pl\n{code}") & (absent | JUPYTER)


def test_every_public_name_resolves():
    assert run("import predictlab as pl\nprint(*[n for n in pl.__all__ if getattr(pl, n, None) is None])") == []


def test_functions_stay_callable_once_modules_of_their_name_are_imported():
    names = (
        "forecast",
        "probe",
        "score",
        "load_dataset",
        "risk_curve",
        "classify",
        "allocate",
        "frontier",
        "optimal_depth",
    )
    code = "import predictlab.forecasting, predictlab.probing\n"
    code += f"print(*[n for n in {names} if not callable(getattr(predictlab, n))])"
    assert run(f"import predictlab\n{code}") == []


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        pl.no_such_name  # noqa: B018


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_jupyter_in_the_library(path):
    assert not [(name, line) for name, line, _, _ in imports(path) if name.partition(".")[0] in JUPYTER]


@pytest.mark.parametrize(
    "path", [p for p in FILES if p != PACKAGE / "__init__.py"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_arrows_run_one_way(path):
    here = stage_module(path)
    assert here in STAGE, f"say in docs/architecture.md where predictlab.{here} stands"
    back = []
    for name, line, function, runs in imports(path):
        package, _, rest = name.partition(".")
        if package != "predictlab" or rest == "__version__":
            continue
        target = rest.partition(".")[0]
        assert target in STAGE, f"line {line}: import from predictlab.<module>, not from the lazy top level"
        # fit.plot() is the one look ahead: charts draw every result, and are loaded when one is drawn.
        drawing = function == "plot" and target == "charts"
        if target != here and STAGE[target] >= STAGE[here] and runs and not drawing:
            back.append(f"line {line}: {here} imports {target}")
    assert not back


OUTSIDE = sorted(
    path
    for pattern in (
        "widgets/predictlab_widgets/**/*.py",
        "notebooks/*.py",
        "docs/*.md",
        "README.md",
        "widgets/README.md",
    )
    for path in PACKAGE.parent.glob(pattern)
)


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda p: str(p.relative_to(PACKAGE.parent)))
def test_outside_the_library_only_public_names_are_used(path):
    text = path.read_text()
    private = r"(?:predictlab|pl)(?:\.\w+)*\._[a-z]\w*|from predictlab(?:\.\w+)* import .*\b_[a-z]\w*"
    assert not re.findall(private, text)
    imports = r"^\s*from (predictlab(?:\.\w+)+) import (?:\(([\w\s,]+)\)|([\w, ]+))"
    for package, many, one_line in re.findall(imports, text, re.MULTILINE):
        names = many or one_line
        offered = importlib.import_module(package).__all__
        assert {name.split(" as ")[0] for name in re.findall(r"\w+(?: as \w+)?", names)} <= set(offered)
