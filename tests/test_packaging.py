"""What a user receives: licence and readme in both wheels, the whole checkout in the sdist, versions that fit."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import predictlab as pl

ROOT = Path(__file__).parents[1]
SOURCES = (
    "LICENSE", "README.md", "MANIFEST.in", "pyproject.toml", "predictlab", "tests", "benchmarks", "docs", "notebooks",
    "widgets", "Makefile", "environment.yml", ".ci", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheels and sdist of both distributions, built from a copy of what git tracks."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:
        names = tracked.stdout.split("\n")[:-1]
    else:  # an unpacked sdist
        names = [str(p.relative_to(ROOT)) for part in SOURCES for p in [ROOT / part, *(ROOT / part).rglob("*")]]
    for name in names:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    for folder, kinds in ((source, ["--wheel", "--sdist"]), (source / "widgets", ["--wheel", "--sdist"])):
        command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out, [name for name in names if name]


def wheel(out, name):
    return zipfile.ZipFile(next(out.glob(f"{name}-*.whl")))


@pytest.mark.parametrize("name", ["predictlab", "predictlab_widgets"])
def test_wheels_carry_licence_and_readme(built, name):
    files = wheel(built[0], name)
    assert [n for n in files.namelist() if n.endswith("licenses/LICENSE")]
    metadata = message_from_bytes(files.read(next(n for n in files.namelist() if n.endswith(".dist-info/METADATA"))))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "predictlab" in metadata.get_payload()
    assert metadata.get_all("Classifier")
    assert metadata["Version"] == pl.__version__


def test_wheels_carry_what_is_read_at_run_time(built):
    for name in ("predictlab", "predictlab_widgets"):
        folder = ROOT / name if name == "predictlab" else ROOT / "widgets" / name
        wanted = {f"{name}/{p.relative_to(folder)}" for p in folder.rglob("*")
                  if p.is_file() and p.suffix not in (".pyc",) and "__pycache__" not in p.parts}  # fmt: skip
        assert wanted <= set(wheel(built[0], name).namelist())


def test_the_sdist_holds_the_whole_checkout(built):
    out, names = built
    with tarfile.open(next(out.glob("predictlab-*.tar.gz"))) as archive:
        held = {n.partition("/")[2] for n in archive.getnames()}
    assert {n for n in names if n != ".gitignore"} <= held


def test_widgets_ask_for_the_version_they_need():
    needs = tomllib.loads((ROOT / "widgets/pyproject.toml").read_text())["project"]["dependencies"]
    major, minor, _ = pl.__version__.split(".")
    assert f"predictlab>={pl.__version__},<{major}.{int(minor) + 1}" in needs
    assert (ROOT / "widgets/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
