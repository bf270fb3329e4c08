"""A run with panel and scores, and one dashboard that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import _start_server, _wait_until_healthy, stop_server
from tests.conftest import free_port, tiny_config
from tests.scoring.weighted_run import make_run


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, str]) -> Path:
    """A run with panel and scores, which every test here only looks at."""
    return make_run(tmp_path_factory.mktemp("weights") / "runs", "scored", frames["source"], tiny_config(frames))


@pytest.fixture(scope="package")
def address(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One dashboard for all tests here; each has a page, and so a session, of its own."""
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log.txt"
    server = _start_server(run.parent, port, log, {})
    _wait_until_healthy(f"http://127.0.0.1:{port}", server, log)
    yield f"http://127.0.0.1:{port}"
    stop_server(server)


@pytest.fixture
def grid(page: Page, address: str) -> Page:
    page.goto(f"{address}/weights?run=scored")
    page.locator(".grid[data-ready]").wait_for()
    return page
