"""A run with panel and scores, and one dashboard that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import dashboard
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, str]) -> Path:
    """A run with panel and scores, which every test here only looks at."""
    return make_run(tmp_path_factory.mktemp("weights") / "runs", "scored", frames["source"], tiny_config(frames))


@pytest.fixture(scope="package")
def address(run: Path) -> Iterator[str]:
    with dashboard(run.parent) as address:
        yield address


@pytest.fixture
def grid(page: Page, address: str) -> Page:
    page.goto(f"{address}/weights?run=scored")
    page.locator(".grid[data-ready]").wait_for()
    return page
