"""An area of a frame in a real browser, chosen with a mouse, keys and a finger."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from hrs.scoring.corpus import ScoredCorpus
from tests.browser.pages import (
    COMBINED,
    REGION,
    changed,
    open_frame,
    picture,
    place,
    rested,
    settled,
    shown,
    slide,
)


def draw_box(grid: Page, canvas: Locator) -> None:
    """Over the middle half of a picture."""
    box = place(canvas)
    grid.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + box["height"] * 0.26)
    grid.mouse.down()
    grid.mouse.move(box["x"] + box["width"] * 0.74, box["y"] + box["height"] * 0.74, steps=4)
    grid.mouse.up()
    expect(grid.get_by_text("Selected area, by class")).to_be_visible()


def test_a_box_over_one_picture_gives_statistics_of_that_area(grid: Page) -> None:
    canvases = open_frame(grid, "003")
    expect(grid.get_by_text("Whole frame, by class")).to_be_visible()
    label = picture(canvases.nth(1))
    draw_box(grid, canvases.nth(REGION))
    expect(grid.get_by_text("192 pixels, 25.0 % of the frame, from column 8 and row 6 to 24 and 18.")).to_be_visible()
    expect(grid.get_by_text("Bar: the selected area.")).to_be_visible()
    expect(grid.locator(".bars [role=img]").first).to_have_attribute("aria-label", re.compile("in the selected area"))
    changed(canvases.nth(1), label)
    slide(grid, "Threshold", "ArrowRight", 8)  # the area stays
    expect(grid.get_by_text("% of its pixels weigh less than 0.40")).to_be_visible()
    expect(grid.get_by_text("Selected area, by class")).to_be_visible()
    grid.get_by_role("button", name="Clear area").click()
    expect(grid.get_by_text("Whole frame, by class")).to_be_visible()


def test_a_box_goes_with_its_frame(grid: Page) -> None:
    order = grid.locator(".grid .name").all_text_contents()
    canvases = open_frame(grid, order[4])
    draw_box(grid, canvases.nth(REGION))
    for key, frame in (("n", order[5]), ("p", order[4])):
        rested(grid)
        grid.keyboard.press(key)
        expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown(frame))
        settled(grid)
        expect(grid.get_by_text("Whole frame, by class")).to_be_visible()


def test_an_area_is_chosen_with_keys_alone(grid: Page, run: Path) -> None:
    canvases = open_frame(grid, "003")
    pictures = grid.get_by_role("application", name="Arrow keys move a cursor")
    pictures.focus()
    maps = ScoredCorpus.open(run / "scores").frame(3).read_maps()
    grid.keyboard.press("ArrowLeft")  # from the middle, column 16 and row 12
    expect(grid.locator(".tip")).to_contain_text(f"{maps['combined'][12, 15]:.2f}")
    expect(grid.locator(".said")).to_contain_text(f"Pixel {maps['pixel'][12, 15]:.2f}")
    before = picture(canvases.nth(0))
    for key, times in (("Shift+ArrowRight", 5), ("Shift+ArrowUp", 7)):
        for _ in range(times):
            grid.keyboard.press(key)
    changed(canvases.nth(0), before)
    expect(grid.get_by_text("Whole frame, by class")).to_be_visible()  # until it is chosen
    grid.keyboard.press("Enter")
    expect(grid.get_by_text("48 pixels, 6.2 % of the frame, from column 15 and row 5 to 21 and 13.")).to_be_visible()
    grid.keyboard.press("Shift+ArrowDown")  # another area, never chosen
    grid.get_by_role("button", name="Fit").focus()
    expect(grid.get_by_text("48 pixels, 6.2 % of the frame")).to_be_visible()
    expect(grid.locator(".tip")).to_be_hidden()
    pictures.focus()
    grid.keyboard.press("Escape")
    expect(grid.get_by_text("Whole frame, by class")).to_be_visible()


def test_the_cursor_of_the_keyboard_stays_in_view(grid: Page) -> None:
    canvases = open_frame(grid, "003")
    for _ in range(3):
        grid.get_by_role("button", name="Zoom in").click()
    grid.locator(".panels").focus()
    before = picture(canvases.nth(0))
    for _ in range(40):
        grid.keyboard.press("ArrowLeft")
    changed(canvases.nth(0), before)
    tip, left = grid.locator(".tip").bounding_box(), grid.locator(".panels").bounding_box()
    assert tip and left and tip["x"] >= left["x"] - 1


def finger(client: CDPSession, kind: str, *places: tuple[float, float]) -> None:
    points = [{"x": x, "y": y} for x, y in places]
    client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_an_area_is_chosen_with_a_finger(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{address}/weights?run=scored&frame=003")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("003"))
    select = page.get_by_role("button", name="Select area")
    expect(select).to_have_attribute("aria-pressed", "false")  # a finger scrolls at first
    assert all(each.bounding_box()["height"] >= 40 for each in page.locator(".bar button").all())
    select.tap()
    box = place(page.locator(".panels canvas").nth(COMBINED))
    client = context.new_cdp_session(page)
    at = [(box["x"] + box["width"] * part, box["y"] + box["height"] * part) for part in (0.26, 0.5, 0.74)]
    finger(client, "touchStart", at[0])
    for each in at[1:]:
        finger(client, "touchMove", each)
    finger(client, "touchEnd")
    expect(page.get_by_text("192 pixels, 25.0 % of the frame")).to_be_visible()
    expect(select).to_have_attribute("aria-pressed", "false")  # and again
    context.close()
