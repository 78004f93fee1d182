"""environment.yml and the Makefile name what pyproject.toml names, with the same bounds."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("probe", "parquet", "tensorboard", "ray", "lab")  # dev is for this project's own tests
CONDA_NAMES = {"torch": "pytorch", "ray": "ray-default"}  # the others are called the same on conda-forge


def parse_match_spec(spec):
    """Name and version bounds of a conda match spec; forms that pip has no word for are refused."""
    bracketed = re.fullmatch(r"(?P<name>[^\[\s]+)\s*\[version=(?P<quote>['\"])(?P<version>[^'\"]*)(?P=quote)\]", spec)
    plain = re.fullmatch(
        r"(?:[\w.-]+::)?(?P<name>[A-Za-z_][\w.-]*)(?:\s*(?P<version>[=<>!~].*)|\s+(?P<bare>[\d*].*))?",
        spec.strip(),
    )
    if not (found := bracketed or plain):
        raise ValueError(f"not a match spec: {spec!r}")
    parts = found.groupdict()
    version = (parts["version"] or parts.get("bare") or "").strip()
    if "|" in version:
        raise ValueError(f"{spec!r}: alternatives have no counterpart in pyproject.toml")
    bounds = []
    for part in version.split(",") if version else []:
        match = re.fullmatch(r"\s*(==|>=|<=|!=|~=|=|<|>)?\s*([\w.!+]+(?:\.\*)?|\*)\s*", part)
        if not match:
            raise ValueError(f"{spec!r}: cannot read {part!r} (a build string?)")
        operator, number = match.groups()
        if number == "*":
            continue
        if operator == "=":  # conda's fuzzy match: =2.1 takes every 2.1.x
            operator, number = "==", number.removesuffix(".*") + ".*"
        bounds.append(f"{operator or '=='}{number}")
    return canonicalize_name(parts["name"].rpartition("::")[2]), SpecifierSet(",".join(bounds))


@pytest.mark.parametrize(
    ("spec", "name", "bounds"),
    [
        ("numpy", "numpy", ""),
        ("numpy>=2.0,<3", "numpy", ">=2.0,<3"),
        ("numpy >=2.0, <3", "numpy", "<3,>=2.0"),
        ("conda-forge::vl-convert-python>=1.7", "vl-convert-python", ">=1.7"),
        ("numpy=2.1", "numpy", "==2.1.*"),
        ("numpy=2.1.*", "numpy", "==2.1.*"),
        ("numpy==2.1", "numpy", "==2.1"),
        ("numpy 2.1.*", "numpy", "==2.1.*"),
        ("numpy *", "numpy", ""),
        ("numpy[version='>=2,<3']", "numpy", ">=2,<3"),
        ("ruamel.yaml~=0.18", "ruamel-yaml", "~=0.18"),
    ],
)
def test_match_specs_are_read(spec, name, bounds):
    assert parse_match_spec(spec) == (name, SpecifierSet(bounds))


@pytest.mark.parametrize("spec", ["numpy>=2|<1", "numpy=2.1=py311_0", "numpy 2.1 py311_0", "numpy>>2", ">=2", ""])
def test_what_pip_cannot_say_is_refused(spec):
    with pytest.raises(ValueError, match=r"match spec|counterpart|cannot read"):
        parse_match_spec(spec)


def requirements(lines):
    found = {}
    for requirement in map(Requirement, lines):
        assert requirement.marker is None, f"{requirement}: environment.yml cannot say a marker"
        name = canonicalize_name(requirement.name)
        name = CONDA_NAMES.get(name, name)
        assert found.setdefault(name, requirement.specifier) == requirement.specifier, f"{name}: two different bounds"
    return found


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def widgets():
    return tomllib.loads((ROOT / "widgets/pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_environment_names_the_same_packages_with_the_same_bounds(project, widgets, environment):
    lines = project["dependencies"] + [r for e in EXTRAS for r in project["optional-dependencies"][e]]
    lines += [r for r in widgets["dependencies"] if Requirement(r).name != "predictlab"]
    expected = requirements(lines) | {
        "python": SpecifierSet(project["requires-python"]),
        "pip": SpecifierSet(),
    }
    specs = [parse_match_spec(s) for s in environment["dependencies"] if isinstance(s, str)]
    assert len(specs) == len(dict(specs)), "a package is named twice"
    assert dict(specs) == expected


def test_environment_installs_both_distributions_from_here(environment):
    assert environment["name"] == "predictlab"
    assert environment["channels"] == ["conda-forge"]
    pip = [s["pip"] for s in environment["dependencies"] if isinstance(s, dict)]
    assert pip == [["-e .", "-e ./widgets"]]


def test_widgets_ask_for_the_same_python_and_for_predictlab(project, widgets):
    assert widgets["requires-python"] == project["requires-python"]
    assert widgets["license"] == project["license"] == "Apache-2.0"
    assert widgets["version"] == project["version"]
    assert "predictlab" in {Requirement(r).name for r in widgets["dependencies"]}


def test_makefile_agrees_with_pyproject(project):
    makefile = (ROOT / "Makefile").read_text()
    pin = Requirement(re.search(r"^TORCH\s*\?=\s*(\S+)$", makefile, re.MULTILINE)[1])
    bound = next(r for r in map(Requirement, project["optional-dependencies"]["probe"]) if r.name == pin.name)
    (pinned,) = pin.specifier
    assert pinned.operator == "=="
    assert bound.specifier.contains(pinned.version)
    major, minor = re.search(r"version_info < \((\d+), (\d+)\)", makefile).groups()
    assert SpecifierSet(f">={major}.{minor}") == SpecifierSet(project["requires-python"])


def test_licence_is_the_apache_licence():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
