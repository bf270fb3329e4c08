"""What the tests of pages share: a folder of runs of their own, a page over it, and what stands on it."""

import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, app_test

from app.environment import RUNS_VARIABLE
from hrs.runs import registry

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "app/dashboard.py"
PATIENCE = 120.0

OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def _as_the_dashboard_does() -> Iterator[None]:
    """Packages are searched for components once, not for every page that is opened; a script is compiled once, not for
    every run of it, and without a look for Streamlit's magic (app/.streamlit/config.toml), for which Python 3.11 may
    fail to read a script while another thread reads one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        patch.setattr(app_test, "ScriptCache", cache(app_test.ScriptCache))
        magic = config.get_option("runner.magicEnabled")
        config.set_option("runner.magicEnabled", False)
        yield
        config.set_option("runner.magicEnabled", magic)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of runs that pages show; tmp_path / "checkpoints" is that of shipped runs. Neither is there yet."""
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "checkpoints")
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "runs"
    st.cache_data.clear()
    st.cache_resource.clear()  # ends what pages have started


@pytest.fixture
def open_page(root: Path) -> OpenPage:
    """``open_page("weights", frame="004")`` opens a page of the dashboard with parameters in its address."""

    def open_page(page: str, **query: str | list[str]) -> AppTest:
        at = AppTest.from_file(str(DASHBOARD), default_timeout=PATIENCE)
        if page != "runs":  # which comes first
            at.run()
            at.switch_page(f"pages/{page}.py")
        for key, value in query.items():
            at.query_params[key] = value
        at.run()
        assert not at.exception
        return at

    return open_page


def words(at: AppTest) -> str:
    """All text on a page as it is read."""
    kinds = (
        at.title,
        at.header,
        at.subheader,
        at.markdown,
        at.caption,
        at.info,
        at.success,
        at.warning,
        at.error,
        at.code,
    )
    return "\n".join(each.value for kind in (*kinds, at.toast) for each in kind).replace("\\", "")


def labels(at: AppTest) -> list[str]:
    """Of all buttons."""
    return [each.label for each in at.button]


def button(at: AppTest, label: str):
    return next(each for each in at.button if each.label == label)


def press(at: AppTest, label: str) -> None:
    button(at, label).click().run()
    assert not at.exception


def wait_for(at: AppTest, condition: Callable[[], object]) -> None:
    """Look at the page again and again, as its fragments do in a browser."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, words(at)
        time.sleep(0.1)
        at.run()
