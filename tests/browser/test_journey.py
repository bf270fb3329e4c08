"""One user's way through the dashboard: the built-in example from the form to a pruned data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from hrs.config import load_config
from hrs.data.layouts import open_dataset
from hrs.runs.folder import RunFolder
from hrs.runs.registry import list_runs
from hrs.runs.work import cancel
from hrs.scoring.corpus import ScoredCorpus
from tests.browser.pages import changed, open_frame, picture, rested, set_field, settled, slide

TRAINING_MS = 180_000  # on a machine that does much else
SCORING_MS = 60_000
FRAMES = 8


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "runs"
    for summary in list_runs(tmp_path / "runs"):
        if summary.status.state in ("queued", "running"):
            cancel(summary.run, force=True)


def test_the_built_in_example_from_the_form_to_a_pruned_data_set(
    page: Page, serve: Callable[..., str], root: Path, tmp_path: Path
) -> None:
    page.goto(serve(root))
    launch_the_example(page)
    watch_it_to_the_end(page, RunFolder(root / "mine"))
    look_at_its_weights(page)
    score_it(page)
    kept = filter_by_weight(page, ScoredCorpus.open(root / "mine/scores"))
    take_it_away(page, kept, tmp_path / "pruned")


def launch_the_example(page: Page) -> None:
    """The preset with fewer and smaller frames and fewer steps."""
    page.get_by_role("button", name="Open Launch").click()
    expect(page.get_by_role("combobox", name="Start from")).to_have_attribute("placeholder", "The built-in example")
    page.get_by_text("More training settings").click()
    size = "height=120&width=160"
    set_field(page, "Synthetic data sets, one a line", f"render:synthetic?frames={FRAMES}&{size}")
    set_field(page, "Real data set", f"render:camera?frames=4&{size}")
    numbers = {"Real images": 4, "Height": 72, "Width": 96, "Steps": 24}
    for label, value in {**numbers, "Validate every": 12, "Save every": 12, "Frames to watch": 2}.items():
        set_field(page, label, value)
    set_field(page, "Name", "mine")
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page).to_have_url(re.compile("run=mine"))


def watch_it_to_the_end(page: Page, run: RunFolder) -> None:
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    expect(page.get_by_test_id("glide-cell-2-0")).to_have_text(
        "finished", timeout=TRAINING_MS
    )  # its state in the table
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(page.get_by_test_id("stPlotlyChart").filter(has_text="mIoU")).to_be_visible()
    config = load_config(run.config)
    assert (config.train.steps, config.data.width, config.train.panel) == (24, 96, 2)
    assert run.read_status().state == "finished"


def look_at_its_weights(page: Page) -> None:
    """Of the frames that were watched in training: opacity, threshold, and the step."""
    page.get_by_role("link", name="Weights").click()
    expect(page).to_have_url(re.compile("weights.*run=mine"))
    expect(page.locator(".grid button")).to_have_count(2)
    open_frame(page, page.locator(".grid .name").first.inner_text())
    combined = page.locator(".panels .combined canvas")
    last = picture(combined)
    slide(page, "Training step", "ArrowLeft", 2)
    first = changed(combined, last)
    slide(page, "Opacity", "ArrowRight", 4)
    opaque = changed(combined, first)
    slide(page, "Threshold", "ArrowRight", 24)
    changed(combined, opaque)
    page.get_by_role("button", name="All frames").click()
    expect(page.locator(".grid button")).to_have_count(2)


def score_it(page: Page) -> None:
    rested(page)
    page.get_by_role("button", name="Score the whole corpus").click()
    expect(page.get_by_text(f"{FRAMES} of {FRAMES} frames")).to_be_visible(timeout=SCORING_MS)
    expect(page.locator(".grid button")).to_have_count(FRAMES)


def filter_by_weight(page: Page, corpus: ScoredCorpus) -> list[str]:
    """Leave out the lightest frame; the others' names, lightest first."""
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Keep frames by").click()
    page.get_by_role("option", name="Weight of the frame").click()
    low = page.get_by_role("slider", name="Weight of the frame").first
    low.press("ArrowRight")
    at = float(low.input_value())
    page.keyboard.press("Escape")
    rows = [int(row) for row in corpus.select(sort="weight") if corpus.values("weight")[row] >= at]
    assert 0 < len(rows) < FRAMES
    return [corpus.frame(row).id for row in rows]


def take_it_away(page: Page, kept: list[str], out: Path) -> None:
    page.get_by_text(f"Export {len(kept)} frames").click()
    rested(page)  # a list that is being made anew cannot be had
    with page.expect_download() as download:
        page.get_by_role("button", name="List as CSV").click()
    table = pd.read_csv(download.value.path(), dtype={"frame": str})
    assert table["frame"].tolist() == kept and table["weight"].is_monotonic_increasing
    set_field(page, "New folder", out)
    page.get_by_role("button", name="Write data set").click()
    expect(page.get_by_text(f"{len(kept)} frames in {out}")).to_be_visible()
    expect(page.get_by_text(f"folder:{out}")).to_be_visible()
    assert len(open_dataset(f"folder:{out}")) == len(kept)
