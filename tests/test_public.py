"""What is public: every name of every package's ``__all__`` has a true signature, numpydoc and a running example."""

import enum
import importlib
import inspect
import pkgutil
import typing

import pytest
import traitlets
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from numpydoc.validate import validate

import predictlab as pl

NAMES = sorted(module.name for module in pkgutil.iter_modules(pl.__path__) if not module.name.startswith("_"))
PACKAGES = [f"predictlab.{name}" for name in NAMES]
# GL08 no docstring; PR01 parameters missing, PR02 unknown ones; RT01 no Returns; SS0x a summary in one line
CHECKS = ("GL08", "PR01", "PR02", "RT01", "SS02", "SS03", "SS06")
PLAIN = int | float | str | bytes | tuple | frozenset | dict | list


def public():
    """Each public function and class once, as (dotted name, object)."""
    seen = set()
    for package in [*PACKAGES, "predictlab_widgets"]:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, PLAIN) or inspect.ismodule(value) or typing.get_origin(value) or id(value) in seen:
                continue
            seen.add(id(value))
            yield f"{package}.{name}", value


PUBLIC = dict(public())


def members(owner):
    """Public methods and properties that a class defines, or takes from a class of ours."""
    for name in dir(owner):
        if name.startswith("_"):
            continue
        value = inspect.getattr_static(owner, name)
        home = next(c for c in owner.__mro__ if name in c.__dict__)
        data = isinstance(value, enum.Enum | traitlets.TraitType)
        if home.__module__.startswith("predictlab") and not data:
            yield name, value


@pytest.mark.parametrize("package", [p for p in PACKAGES if p != "predictlab.cli"])
def test_a_package_says_what_is_public_and_shows_nothing_else(package):
    module = importlib.import_module(package)
    assert sorted(dir(module)) == sorted(module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_")]


@pytest.mark.parametrize("name", PUBLIC)
def test_numpydoc(name):
    faults = []
    value = PUBLIC[name]
    documented = [(name, value)]
    if inspect.isclass(value) and not issubclass(value, BaseException):
        documented += [(f"{name}.{member}", getattr(value, member)) for member, _ in members(value)]
    for dotted, what in documented:
        if not (callable(what) or isinstance(what, property)):
            continue
        checks = CHECKS
        if inspect.isclass(what) and issubclass(what, BaseException):
            checks = ("GL08",)
        faults += [f"{dotted}: {code} {text}" for code, text in validate(dotted)["errors"] if code in checks]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "name", [n for n, v in PUBLIC.items() if not (inspect.isclass(v) and issubclass(v, BaseException))]
)
def test_a_running_example(name):
    document = inspect.getdoc(PUBLIC[name]) or ""
    assert ">>> " in document, "give it an example that runs (the gate runs doctests)"
    assert "+SKIP" not in document


@pytest.mark.parametrize("name", PUBLIC)
def test_no_any_in_public_signatures(name):
    value = PUBLIC[name]
    functions = [(name, value)]
    if inspect.isclass(value):
        functions = [(f"{name}.{n}", v) for n, v in [("__init__", value.__init__), *members(value)]]
    loose = []
    for dotted, function in functions:
        function = getattr(function, "__func__", getattr(function, "fget", function))
        for argument, annotation in getattr(function, "__annotations__", {}).items():
            if "Any" in str(annotation).replace("NDArray[Any]", ""):
                loose.append(f"{dotted}({argument}: {annotation})")
    assert not loose


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_cell("import predictlab as pl")
    yield shell
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("name", [n for n in pl.__all__ if callable(getattr(pl, n))])
def test_the_front_door_shows_its_arguments(name, shell):
    value = getattr(pl, name)
    signature = inspect.signature(value)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    assert not [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)], "a true signature"
    code = f"pl.{name}("
    with provisionalcompleter():
        offered = {c.text.rstrip("=") for c in shell.Completer.completions(code, len(code)) if c.text.endswith("=")}
    assert offered >= {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}


@pytest.mark.parametrize("package", ["pl", *(f"pl.{p.partition('.')[2]}" for p in PACKAGES if p != "predictlab.cli")])
def test_tab_shows_public_names_alone(package, shell):
    module = pl if package == "pl" else getattr(pl, package[3:])
    with provisionalcompleter():
        offered = {c.text.rpartition(".")[2] for c in shell.Completer.completions(f"{package}.", len(package) + 1)}
    assert {name for name in offered if not name.startswith("__")} <= set(module.__all__)
