"""A real Chromium and a real dashboard server, for tests of what users see.

``page`` is a fresh page of one Chromium per session; ``serve(runs_root)`` starts a dashboard of its own on a free port.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser.pages import Hasty, Late, Slow
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 60.0
WAIT_MS = 20_000  # how long anything may take to appear on a busy machine

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for all tests. Without one the tests fail, so that nobody believes they ran."""
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium found; install one, e.g. apt-get install chromium", pytrace=False)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page, 1280x900, with cookies and storage of its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.on("console", lambda said: print(f"browser {said.type}: {said.text}") if said.type == "error" else None)
    yield page
    with suppress(Error):  # of a page that is closed
        print(f"{page.url} shows:\n{page.locator('body').inner_text()}")  # pytest repeats it where a test failed
    context.close()


@pytest.fixture
def late(page: Page) -> Late:
    """Before the page is opened."""
    return Late(page)


@pytest.fixture
def hasty(page: Page) -> Hasty:
    """Before the page is opened."""
    return Hasty(page)


@pytest.fixture
def slow(page: Page) -> Slow:
    """Before the page is opened."""
    return Slow(page)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """``serve(runs_root, **environment)`` starts a dashboard over a folder of runs and returns its address.

    ``port``: where it shall be; a free one by default. Other keyword arguments become environment variables. All
    servers of a test end with it; the runs they launched do not.
    """
    servers: list[subprocess.Popen[bytes]] = []

    def start(runs_root: Path, *, port: int | None = None, **environment: str) -> str:
        port = port or free_port()
        log = tmp_path / f"dashboard-{port}.log"
        servers.append(_start_server(runs_root, port, log, environment))
        address = f"http://127.0.0.1:{port}"
        _wait_until_healthy(address, servers[-1], log)
        return address

    yield start
    for server in servers:
        stop_server(server)
    for log in tmp_path.glob("dashboard-*.log"):
        print(f"{log.name} ends:\n{log.read_text(errors='replace')[-2000:]}")  # of a test that failed


@contextmanager
def dashboard(runs_root: Path) -> Iterator[str]:
    """A dashboard over a folder of runs, for several tests, each with a page, and so a session, of its own; where."""
    port, log = free_port(), runs_root.parent / "dashboard.log"
    server = _start_server(runs_root, port, log, {"HRS_CACHE": str(runs_root.parent / "cache")})
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_server(server)


def _start_server(runs_root: Path, port: int, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app.serve", "--port", str(port)]
    with open(log, "wb") as out:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "HRS_RUNS": str(runs_root), **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """End a server; one that still works on a page when asked to end is killed."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start:\n{log.read_text(errors='replace')[-2000:]}", pytrace=False)
