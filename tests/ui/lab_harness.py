"""A real JupyterLab server, a headless Chromium, notebooks open in them: for the tests here and for benchmarks."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE = 120_000  # ms; a guard against hanging on a busy machine, not a claim about speed


@dataclass
class LabServer:
    """Address of a running JupyterLab and the folder it serves."""

    url: str
    token: str
    folder: Path


@contextmanager
def lab_server(home: Path) -> Iterator[LabServer]:
    """JupyterLab on a free port, with settings, kernels' state and files of its own below `home`."""
    folder = home / "notebooks"
    folder.mkdir()
    labconfig = home / "config" / "labconfig"
    labconfig.mkdir(parents=True)
    # The news pop-up covers the page, and asks the network.
    disabled = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (labconfig / "page_config.json").write_text(json.dumps(disabled))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = LabServer(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    try:
        importlib.metadata.distribution("predictlab-widgets")
    except importlib.metadata.PackageNotFoundError:
        root = Path(__file__).resolve().parents[2]
        paths = [str(root), str(root / "widgets"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={server.token}", f"--ServerApp.root_dir={folder}",
        "--LabApp.extension_manager=readonly", "--ServerApp.allow_root=True",
    ]  # fmt: skip
    log = home / "server.log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _wait_for(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(server: LabServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{server.url}/api/status?token={server.token}", timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def chromium_path() -> str | None:
    """The distribution's own binary, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium(binary: str) -> Iterator[Any]:
    """Headless Chromium driven by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield running
        running.close()


@dataclass
class Notebook:
    """One notebook open in JupyterLab; it records what the page asks for and what it complains about."""

    page: Any
    path: Path
    url: str
    left_the_machine: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self) -> None:
        self.page.goto(self.url)
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        # JupyterLab drops a run command that comes before its connection to the kernel is up.
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def start(self, cell: int) -> Any:
        """Run one cell as a user does; its locator."""
        target = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        target.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        return target

    def run(self, cell: int) -> None:
        """Run one cell, and wait until the kernel has done it."""
        target = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        before = target.locator(".jp-InputPrompt").inner_text()
        end = time.monotonic() + PATIENCE / 1000
        self.start(cell)
        while (now := target.locator(".jp-InputPrompt").inner_text()) == before or not now[1:2].isdigit():
            assert time.monotonic() < end, f"cell {cell} did not run: its prompt is {now}"
            self.page.wait_for_timeout(50)
        error = target.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
        assert error.count() == 0, error.first.inner_text()

    def menu(self, first: str, *labels: str) -> None:
        """Choose an entry of the menu bar, by the words on it."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{first}$")).click()
        for label in labels:
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(label)}$")).last.click()

    def picture(self, selector: str, name: str) -> None:
        """Screenshot of the first match, for people to look at, into the folder that PREDICTLAB_PICTURES names."""
        if folder := os.environ.get("PREDICTLAB_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.locator(selector).first.screenshot(path=Path(folder) / f"{name}.png")

    def check_themes(self, selector: str, name: str) -> None:
        """Both themes, wide and narrow: the widget follows, nothing sticks out, a picture of each."""
        root = self.page.locator(selector)
        colours = []
        for theme, marked in (("Light", ":not(.plw-dark)"), ("Dark", ".plw-dark")):
            self.menu("Settings", "Theme", f"JupyterLab {theme}")
            self.page.locator(f"{selector}{marked}").wait_for()
            colours.append(root.evaluate("node => getComputedStyle(node).backgroundColor"))
            for width, size in ((1360, ""), (760, "narrow_")):
                self.page.set_viewport_size({"width": width, "height": 2600 if size else 1800})
                self.page.wait_for_timeout(300)
                wide, room = root.evaluate("node => [node.scrollWidth, node.clientWidth]")
                assert wide <= room + 1, f"{name}: something sticks out of a page {width} wide"
                self.picture(selector, f"{name}_{size}{theme.lower()}")
            self.page.set_viewport_size({"width": 1360, "height": 1800})
        assert colours[0] != colours[1]
        self.menu("Settings", "Theme", "JupyterLab Light")
        self.page.locator(f"{selector}:not(.plw-dark)").wait_for()

    def settle(self) -> None:
        """Two frames: the one that paints what was asked for, and one more."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def drag(self, slider: str, to: float) -> None:
        """Mouse from the slider's thumb to the share `to` of its length, in steps, as a hand does."""
        thing = self.page.locator(slider)
        thing.scroll_into_view_if_needed()
        box = thing.bounding_box()
        share = thing.evaluate("s => s.value / s.max")
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * to, y, steps=12)
        self.page.mouse.up()

    def restart_kernel(self) -> None:
        """From the menu, as a user does; the page stays as it is."""
        self.menu("Kernel", "Restart Kernel…")
        self.page.locator(".jp-Dialog button", has_text="Restart").last.click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def reopen_without_kernel(self) -> None:
        """Save, shut the kernel down, and load the saved notebook in a fresh page."""
        self.save()
        self.menu("Kernel", "Shut Down Kernel")
        self.page.get_by_text("No Kernel").first.wait_for()
        self.page.goto("about:blank")
        self.page.goto(self.url)

    def save(self) -> None:
        stamp = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        end = time.monotonic() + PATIENCE / 1000
        while self.path.stat().st_mtime_ns == stamp:
            assert time.monotonic() < end, "the notebook was not saved"
            self.page.wait_for_timeout(100)


@contextmanager
def notebooks(lab: LabServer, browser: Any) -> Iterator[Callable[[str, list[str]], Notebook]]:
    """Function ``(name, cells) -> Notebook`` that writes a notebook and opens it in a page of its own."""
    # One context, so that JupyterLab's own files are loaded once. Requests are watched, not routed: routing turns the
    # browser's cache off; Chromium itself resolves no other machine's name (see FLAGS).
    context = browser.new_context(viewport={"width": 1360, "height": 1800})
    context.set_default_timeout(PATIENCE)

    def opener(name: str, cells: list[str]) -> Notebook:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = lab.folder / f"{name}.ipynb"
        nbformat.write(notebook, path)
        # Tall enough for a whole test notebook: JupyterLab takes cells out of the page that are scrolled away.
        page = context.new_page()
        opened = Notebook(page, path, f"{lab.url}/lab/workspaces/{name}/tree/{path.name}?token={lab.token}&reset")

        def local(url: str) -> bool:
            parts = urlsplit(url)
            return parts.scheme in ("data", "blob", "about") or parts.hostname == "127.0.0.1"

        page.on("request", lambda r: None if local(r.url) else opened.left_the_machine.append(r.url))
        page.on("websocket", lambda ws: None if local(ws.url) else opened.left_the_machine.append(ws.url))
        page.on("console", lambda m: opened.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.open()
        return opened

    yield opener
    context.close()
