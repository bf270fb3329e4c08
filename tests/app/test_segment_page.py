"""The segment page, with and without a photo app."""

import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.context import RUNS_VARIABLE

DASHBOARD = str(Path(__file__).resolve().parents[2] / "app/dashboard.py")
ADDRESS = "http://127.0.0.1:7860"


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))


def open_page() -> AppTest:
    at = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    at.switch_page("pages/segment.py").run()
    assert not at.exception
    assert at.title[0].value == "Segment"
    return at


def test_the_photo_app_is_shown_and_can_be_opened_by_itself(monkeypatch):
    monkeypatch.setenv("HRS_PHOTO_URL", ADDRESS)
    at = open_page()
    (frame,) = at.get("iframe")
    assert frame.proto.src.startswith(ADDRESS)
    (link,) = at.get("link_button")
    assert link.proto.url == ADDRESS


def test_without_a_photo_app_the_page_says_how_to_start_it(monkeypatch):
    monkeypatch.delenv("HRS_PHOTO_URL", raising=False)
    at = open_page()
    assert not at.get("iframe")
    assert "not running" in at.markdown[0].value
    assert at.code[0].value.startswith("python -m app.photo")


def test_the_page_does_without_torch():
    script = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"at = AppTest.from_file({DASHBOARD!r}, default_timeout=60).run(); "
        "at.switch_page('pages/segment.py').run(); sys.exit(bool(at.exception) or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL, timeout=60).returncode == 0
