"""The frame: every page opens without a run, torch stays out of the process, and nothing is fetched from elsewhere."""

import re
import subprocess
import sys
import tomllib

import pytest

from app.context import all_runs, fingerprint, plain
from app.environment import RUNS_VARIABLE
from hrs.runs.registry import is_shipped
from tests.app.conftest import DASHBOARD, ROOT, labels
from tests.app.made_runs import make_run, training_row

PAGES = sorted(path.name for path in (ROOT / "app/pages").glob("*.py"))


def test_the_first_page_leads_to_launch(open_page):
    at = open_page("runs")
    assert at.title[0].value == "Runs" and "Open Launch" in labels(at)


def test_no_page_brings_torch_in(tmp_path):
    """In a process of its own: this one may have imported torch for other tests."""
    make_run(tmp_path / "runs", "a")
    script = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
os.environ["{RUNS_VARIABLE}"] = {str(tmp_path / "runs")!r}
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({str(DASHBOARD)!r}, default_timeout=60).run()
for name in {PAGES!r}:
    at.switch_page("pages/" + name).run()
    assert not at.exception, (name, at.exception)
    assert "torch" not in sys.modules, name
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


def test_shipped_runs_stand_after_the_users_own(root, tmp_path):
    make_run(root, "street")
    make_run(tmp_path / "checkpoints", "street")
    make_run(tmp_path / "checkpoints", "other")
    found = all_runs()
    assert found[0].name == "street" and not is_shipped(found[0].run)
    assert {run.name for run in found[1:]} == {"street (shipped)", "other"}
    assert all(is_shipped(run.run) for run in found[1:])


def test_a_fingerprint_tells_when_runs_come_go_and_move_on(tmp_path):
    root = tmp_path / "runs"
    assert fingerprint(root) == {}
    run = make_run(root, "a")
    (root / "notes").mkdir()
    (root / "todo.txt").write_text("")
    before = fingerprint(root)
    assert set(before) == {"a"} and fingerprint(root) == before
    run.append_metrics(training_row(110))
    assert fingerprint(root) == before
    run.write_status(state="running")
    assert fingerprint(root) != before


def test_plain_text_keeps_markdown_from_acting():
    assert plain("a_b*c") == r"a\_b\*c"


def test_settings_keep_to_this_machine():
    settings = tomllib.loads((ROOT / "app/.streamlit/config.toml").read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["fileWatcherType"] == "none"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_links_can_be_read_in_both_themes(mode):
    theme = tomllib.loads((ROOT / "app/.streamlit/config.toml").read_text())["theme"][mode]
    for behind in ("backgroundColor", "secondaryBackgroundColor"):
        assert contrast(theme["textColor"], theme[behind]) > 7
        assert contrast(theme["linkColor"], theme[behind]) > 4.5
    assert contrast(theme["primaryColor"], theme["backgroundColor"]) > 3


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2 between two colours such as #1F2933."""
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part, 16) / 255 for part in re.findall("..", colour.lstrip("#"))]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
