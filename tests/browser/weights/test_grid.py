"""The grid of frames in a real browser: sliders, tiles, filters, tags, and clicks faster than answers."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.tags import Tags
from tests.browser.pages import (
    COMBINED,
    REST_MS,
    Slow,
    changed,
    open_frame,
    picture,
    place,
    rested,
    settled,
    slide,
    type_choice,
)


def test_sliders_act_on_the_grid_and_on_a_frame_alike(grid: Page) -> None:
    tile = grid.locator(".grid canvas").first
    first = picture(tile)
    slide(grid, "Opacity", "ArrowLeft", 4)
    second = changed(tile, first)
    slide(grid, "Threshold", "ArrowRight", 10)
    changed(tile, second)
    canvases = open_frame(grid, "003")
    assert canvases.count() == 8
    expect(grid.get_by_role("slider", name="Threshold")).to_have_value("0.5")
    photo, combined = picture(canvases.nth(0)), picture(canvases.nth(COMBINED))
    slide(grid, "Threshold", "ArrowRight", 6)
    combined = changed(canvases.nth(COMBINED), combined)
    slide(grid, "Opacity", "ArrowRight", 4)
    changed(canvases.nth(COMBINED), combined)
    assert picture(canvases.nth(0)) == photo
    grid.get_by_role("button", name="All frames").click()
    expect(grid.locator(".grid button")).to_have_count(12)


def test_a_button_acts_though_a_slider_moved_just_before(slow: Slow, grid: Page) -> None:
    open_frame(grid, "003")
    rested(grid)
    slow.holds = True
    slide(grid, "Threshold", "ArrowRight", 2)
    grid.get_by_role("button", name="All frames").click()
    grid.wait_for_timeout(REST_MS)  # until the slider's change is told
    slow.answer()
    expect(grid.locator(".grid button")).to_have_count(12)
    rested(grid)
    expect(grid.locator(".grid button")).to_have_count(12)
    expect(grid.get_by_role("slider", name="Threshold")).to_have_value("0.1")


def test_clicks_may_come_faster_than_answers(slow: Slow, grid: Page) -> None:
    open_frame(grid, "003")
    following = grid.get_by_role("button", name="Next")
    following.click()
    rested(grid)
    slow.holds = True
    for _ in range(2):
        following.click()
        grid.wait_for_timeout(REST_MS)
    grid.get_by_role("button", name="All frames").click()
    grid.wait_for_timeout(REST_MS)
    slow.answer()
    expect(grid.locator(".grid button")).to_have_count(12)
    expect(grid.get_by_text("Connection error")).to_have_count(0)


def test_a_second_tile_pressed_before_the_first_has_opened_is_no_error(slow: Slow, grid: Page) -> None:
    slow.holds = True
    for i in (1, 2):
        grid.locator(".grid button").nth(i).click()
        grid.wait_for_timeout(REST_MS)
    slow.answer()
    expect(grid.get_by_role("button", name="All frames")).to_be_visible()
    rested(grid)
    expect(grid.get_by_test_id("stException")).to_have_count(0)


def test_tiles_show_label_or_frame_and_have_a_size(grid: Page) -> None:
    tile = grid.locator(".grid canvas").first
    weights = picture(tile)
    grid.get_by_role("radio", name="Labels").check(force=True)
    label = changed(tile, weights)
    grid.get_by_role("radio", name="Frames").check(force=True)
    changed(tile, label)
    before = place(tile)["width"]
    slide(grid, "Thumbnail size", "End")
    assert place(tile)["width"] >= 400 > before
    expect(grid).to_have_url(re.compile("show=frame.*size=400"))
    grid.reload()
    grid.locator(".grid[data-ready]").wait_for()
    assert place(tile)["width"] >= 400
    expect(grid.get_by_role("radio", name="Frames")).to_be_checked()


def test_the_number_below_a_tile_is_that_of_the_map_shown(grid: Page, run: Path) -> None:
    corpus = ScoredCorpus.open(run / "scores")
    name = grid.locator(".grid .name").first.text_content() or ""
    row = corpus.find(name)
    note, sort = grid.locator(".grid .note").first, grid.locator(".grid .sorted").first
    expect(note).to_have_text(f"{corpus.values('weight')[row]:.2f}")
    expect(sort).to_have_text("")
    grid.get_by_role("radio", name="Region").check(force=True)
    expect(note).to_have_text(f"{corpus.values('region/mean')[row]:.2f}")
    expect(sort).to_have_text(f"Weight of the frame {corpus.values('weight')[row]:.2f}")
    expect(grid.get_by_text("its mean weight on the map Region")).to_be_visible()


def test_going_back_undoes_a_filter_and_leaving_keeps_it(grid: Page) -> None:
    grid.get_by_role("button", name="Filters").click()
    grid.get_by_role("combobox", name="Keep frames by").click()
    grid.get_by_role("option", name="Weight of the frame").click()
    grid.get_by_role("slider", name="Weight of the frame").first.press("ArrowRight")
    expect(grid.get_by_text("11 of 12 frames")).to_be_visible()
    expect(grid.get_by_text("Weight of the frame: hides 1 of 12 frames: 1 outside of").first).to_be_visible()
    expect(grid).to_have_url(re.compile("filter=weight"))
    grid.go_back()
    expect(grid.get_by_text("12 of 12 frames")).to_be_visible()
    grid.go_forward()
    expect(grid.get_by_text("11 of 12 frames")).to_be_visible()
    grid.keyboard.press("Escape")
    grid.get_by_role("link", name="Data").click()
    expect(grid.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    grid.get_by_role("link", name="Weights").click()
    expect(grid.get_by_text("11 of 12 frames")).to_be_visible()


def test_opening_a_frame_and_closing_it_are_a_step_of_history_each(grid: Page) -> None:
    settled(grid)
    begun = grid.evaluate("history.length")
    open_frame(grid, "003")
    settled(grid)
    assert grid.evaluate("history.length") == begun + 1
    slide(grid, "Threshold", "ArrowRight", 5)
    expect(grid).to_have_url(re.compile("threshold=0.25"))
    rested(grid)
    assert grid.evaluate("history.length") == begun + 1  # a slider's place is that of this step
    grid.get_by_role("button", name="All frames").click()
    expect(grid.locator(".grid button")).to_have_count(12)
    settled(grid)
    assert grid.evaluate("history.length") == begun + 2
    grid.go_back()
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"003\.npz.* 0\.25"))


def test_a_new_tag_is_typed(grid: Page, run: Path) -> None:
    open_frame(grid, "005")
    type_choice(grid, "Tags", "odd lamp")
    grid.keyboard.press("Escape")
    settled(grid)
    grid.get_by_role("button", name="All frames").click()
    expect(grid.locator(".grid button")).to_have_count(12)
    settled(grid)
    grid.get_by_role("button", name="Filters").click()
    grid.get_by_role("combobox", name="Keep frames tagged").click()
    grid.get_by_role("option", name="odd lamp").click()
    expect(grid.get_by_text("1 of 12 frames")).to_be_visible()
    expect(grid).to_have_url(re.compile("tag=odd"))
    assert Tags(RunFolder(run).tags).read() == {"005": ["odd lamp"]}


def test_a_link_shows_the_same_and_back_goes_back(grid: Page) -> None:
    grid.context.grant_permissions(["clipboard-read", "clipboard-write"])
    slide(grid, "Threshold", "ArrowRight", 10)
    grid.get_by_role("radio", name="Region").check(force=True)
    expect(grid).to_have_url(re.compile("map=region.*threshold=0.5"))
    open_frame(grid, "003")
    expect(grid.get_by_text("of its pixels weigh less than 0.50 (region)")).to_be_visible()
    expect(grid).to_have_url(re.compile("frame=003"))
    grid.get_by_role("button", name="Copy link").click()
    expect(grid.get_by_text("Copied.")).to_be_visible()
    link = grid.evaluate("navigator.clipboard.readText()")
    grid.go_back()
    expect(grid.locator(".grid button")).to_have_count(12)
    expect(grid.locator(".viewer")).to_have_count(0)  # it goes when the grid has come
    expect(grid.get_by_role("slider", name="Threshold")).to_have_value("0.5")
    other = grid.context.new_page()
    other.goto(link)
    expect(other.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"003\.npz.* region 0\.6 0\.5"))
    expect(other.get_by_role("radio", name="Region")).to_be_checked()
