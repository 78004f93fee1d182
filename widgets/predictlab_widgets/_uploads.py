"""Files that a page sends, in parts, kept in a folder that goes with its widget."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from predictlab.errors import ArgumentError, bad_argument

PART = 1 << 20  # bytes of one message: servers close a connection at about ten times that


def in_words(size: float) -> str:
    """A size as people read it."""
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} kB"


class Uploads:
    """Takes files in, up to a size, all or none of them.

    Parameters
    ----------
    max_bytes : int
        Of all files together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._name, self._parts = "", dict[str, bytearray]()
        self._refusal: ArgumentError | None = None

    def take_part(self, upload: str, name: str, content: bytes) -> None:
        """Bytes of a file that is not whole yet; those of an upload that a newer one has replaced are forgotten."""
        if upload != self._name:
            self._name, self._parts, self._refusal = upload, {}, None
        held = sum(map(len, self._parts.values())) + len(content)
        if self._refusal is not None or held > self.max_bytes:
            self._parts, self._refusal = {}, self._too_large(held)
            return
        self._parts.setdefault(name, bytearray()).extend(content)

    def finish(self, upload: str, sizes: Mapping[str, int]) -> list[Path]:
        """The files of an upload, once all their parts are there."""
        parts, self._parts = self._parts if upload == self._name else {}, {}
        if sum(sizes.values()) > self.max_bytes:
            raise self._too_large(sum(sizes.values()))
        if upload == self._name and self._refusal is not None:
            raise self._refusal
        for name, size in sizes.items():
            there = len(parts.get(name, b""))
            if there != size:
                raise ArgumentError(f"{name}: {there} of {size} bytes arrived. Drop it again, or pass its path.")
        return self.keep([{"name": name, "content": parts.get(name, b"")} for name in sizes])

    def keep(self, files: Iterable[Mapping[str, Any]]) -> list[Path]:
        """Write files as ``ipywidgets.FileUpload.value`` has them, each with ``name`` and ``content``."""
        files = list(files)
        names = [_plain(str(file["name"])) for file in files]
        if not names:
            raise bad_argument("files", files, "at least one file")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ArgumentError(
                f"{names.count(twice)} files are called {twice}: which run is which is in their folders, which a page "
                "does not hand over. Pass the path of the folder above them."
            )
        contents = [bytes(file["content"]) for file in files]
        if sum(map(len, contents)) > self.max_bytes:
            raise self._too_large(sum(map(len, contents)))
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="predictlab-")
        home = Path(self._folder.name) / "dropped"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        for name, content in zip(names, contents, strict=True):
            (home / name).write_bytes(content)
        return [home / name for name in names]

    def close(self) -> None:
        """Take the files away."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _too_large(self, size: int) -> ArgumentError:
        return ArgumentError(
            f"{in_words(size)} are more than the {in_words(self.max_bytes)} that a page hands over. Put the file where "
            "the kernel runs and pass its path, or raise max_bytes=."
        )


def _plain(name: str) -> str:
    """The last part of a name, whatever system it comes from."""
    plain = PureWindowsPath(PurePosixPath(name).name).name
    if plain in ("", ".", ".."):
        raise bad_argument("name", name, "the name of a file")
    return plain
