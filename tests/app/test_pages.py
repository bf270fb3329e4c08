"""Each page with no run, with one and with two hundred: it opens, says the right thing, and does so in time."""

import ast
import time

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import ROOT, words
from tests.app.made_runs import make_runs
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run as make_weighted_run

SECONDS = 8.0  # a page may take on a busy machine; alone it takes less than one

DRAWN = ("image", "plotly_chart", "dataframe")
SAID = {
    "runs": {0: "No run yet", 1: "1 run\n", 200: "200 runs\n"},
    "launch": {0: "Before the start", 1: "Before the start", 200: "Before the start"},
    "weights": {0: "No run yet", 1: "left neither weight maps", 200: "learns no weights"},
    "areas": {0: "No run yet", 1: "no scored corpus yet", 200: "no scored corpus yet"},
    "compare": {0: "No run yet", 1: "One seed each", 200: "| hrs | 20 | 100 | 40.0 ± 0.0 | +0.0 ± 0.0 (n=100) |"},
    "data": dict.fromkeys((0, 1, 200), "No data set yet"),
    "segment": dict.fromkeys((0, 1, 200), "The photo app is not running"),
}


@pytest.mark.parametrize(
    "file", sorted((ROOT / "app").glob("*/*.py")), ids=lambda file: f"{file.parent.name}.{file.stem}"
)
def test_charts_tables_and_pictures_have_words_for_who_cannot_see_them(file):
    calls = [each for each in ast.walk(ast.parse(file.read_text())) if isinstance(each, ast.Call)]
    drawn = [
        each for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr in DRAWN and each.keywords
    ]
    assert [each.lineno for each in drawn if "alt" not in {keyword.arg for keyword in each.keywords}] == []


@pytest.mark.parametrize("count", [0, 1, 200])
@pytest.mark.parametrize("page", SAID)
def test_a_page_with_so_many_runs(root, open_page, monkeypatch, page, count):
    monkeypatch.delenv("HRS_PHOTO_URL", raising=False)
    make_runs(root, count)
    at = open_page(page)
    assert at.title[0].value == page.capitalize()
    assert SAID[page][count] in words(at) + "\n"
    assert not at.error
    assert runs_offered(at, page) == (count if page in ("runs", "weights", "areas") else 0)
    started = time.monotonic()
    at.run()
    assert not at.exception and time.monotonic() - started < SECONDS


def runs_offered(at: AppTest, page: str) -> int:
    """How many runs one can choose from."""
    if page == "runs" and at.dataframe:
        return len(at.dataframe[0].value)
    return len(at.selectbox[0].options) if page in ("weights", "areas") and at.selectbox else 0


def test_the_one_run_with_maps_among_many_is_shown(root, open_page, frames):
    make_runs(root, 200)
    make_weighted_run(root, "weighed", frames["source"], tiny_config(frames))
    at = open_page("weights")
    assert at.selectbox[0].value == "weighed" and "12 of 12 frames" in words(at)
