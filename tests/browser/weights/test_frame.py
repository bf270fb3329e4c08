"""One frame in a real browser: its pictures, what the cursor reads, zoom, and the way from frame to frame."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.figures.maps import tile, view
from app.weights.lens import figure
from hrs.labels import CAMVID
from hrs.scoring.corpus import ScoredCorpus
from tests.browser.pages import (
    COMBINED,
    PATIENCE,
    PIXEL,
    changed,
    open_frame,
    picture,
    place,
    shown,
    slide,
)


def test_what_weighs_less_than_the_threshold_turns_grey(grid: Page, run: Path) -> None:
    canvases = open_frame(grid, "003")
    before = picture(canvases.nth(COMBINED))
    slide(grid, "Threshold", "End")
    changed(canvases.nth(COMBINED), before)
    grey = """canvas => { const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0; for (let i = 0; i < d.length; i += 4) n += d[i] === d[i + 1] && d[i] === d[i + 2];
        return n / (d.length / 4); }"""
    weights = ScoredCorpus.open(run / "scores").frame(3).read_maps()["combined"]
    assert canvases.nth(COMBINED).evaluate(grey) == pytest.approx((weights < 2).mean(), abs=0.03)


PAINTED = """async ({ maps, scale, steps, width, height }) => {
    const values = (await unpackMaps(maps, steps)).combined;
    const context = sheet(width, height).getContext("2d");
    const grey = new Uint8Array(4 * values.length).fill(200);
    const lens = { opacity: 0, threshold: 1 };
    paint(context, grey, { values, scale, steps }, width, height, lens, new Uint8Array(768), 2);
    return context.getImageData(0, 0, width, height).data[0] === 200; }"""
"""Whether a grey picture keeps its grey in the corner, under a threshold of 1."""


def test_a_weight_of_the_threshold_itself_is_not_darkened(page: Page) -> None:
    label = np.zeros((4, 4), np.uint8)
    page.add_script_tag(content=figure("paint.js"))
    for weight, kept in ((1.0, True), (0.98, False)):
        for most in np.linspace(1.05, 3, 40):  # which the steps are of that weights are sent in
            maps = {name: np.full((4, 4), value, np.float32) for name, value in (("combined", weight), ("image", most))}
            for sent in (tile(b"", label, maps), view(b"", label, maps, CAMVID)):
                assert page.evaluate(PAINTED, sent) == kept, (weight, most, sent["steps"])


def test_the_cursor_reads_weights_and_class(grid: Page, run: Path) -> None:
    canvases = open_frame(grid, "003")
    frame = ScoredCorpus.open(run / "scores").frame(3)
    maps, label = frame.read_maps(), frame.read_label()
    sent = view(frame.read_jpeg(), label, maps, ScoredCorpus.open(run / "scores").space)
    step = sent["scale"] / sent["steps"]
    box = place(canvases.nth(PIXEL))
    for x, y in ((4, 3), (20, 20)):
        grid.mouse.move(box["x"] + (x + 0.5) * box["width"] / 32, box["y"] + (y + 0.5) * box["height"] / 24)
        expect(grid.locator(".tip")).to_contain_text(("sky", "road", "car", "tree")[label[y, x]])
        for name in ("combined", "pixel", "region", "image"):
            seen = round(maps[name][y, x] / step) * step  # the browser gets whole steps
            expect(grid.locator(".tip")).to_contain_text(f"{seen:.2f}")


def test_zoom_is_shared_by_all_panels(grid: Page) -> None:
    canvases = open_frame(grid, "003")
    before = [picture(canvases.nth(i)) for i in range(3)]
    grid.get_by_role("button", name="Zoom in").click()
    for i in range(3):
        changed(canvases.nth(i), before[i])
    grid.get_by_role("button", name="Fit").click()
    deadline = time.monotonic() + PATIENCE
    while [picture(canvases.nth(i)) for i in range(3)] != before:
        assert time.monotonic() < deadline


def test_frames_follow_each_other_by_key_and_survive_a_reload(grid: Page) -> None:
    order = grid.locator(".grid .name").all_text_contents()
    open_frame(grid, order[4])
    grid.keyboard.press("n")
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown(order[5]))
    assert f"frame={order[5]}" in grid.url
    grid.reload()
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown(order[5]))
    grid.keyboard.press("p")
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown(order[4]))


def test_a_frame_that_cannot_be_drawn_is_said_and_none_is_shown_for_it(grid: Page) -> None:
    order = grid.locator(".grid .name").all_text_contents()
    open_frame(grid, order[4])
    grid.evaluate("() => { window.createImageBitmap = () => Promise.reject(new Error('no room')); }")
    grid.keyboard.press("n")
    expect(grid.get_by_role("alert")).to_have_text(f"Frame {order[5]} cannot be drawn: no room")
    expect(grid.locator(".panels")).not_to_be_visible()
    grid.keyboard.press("p")
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown(order[4]))
    expect(grid.locator(".panels")).to_be_visible()
    expect(grid.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(grid: Page, scheme: str) -> None:
    grid.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    grid.set_viewport_size({"width": 390, "height": 844})
    open_frame(grid, "003")
    wide = "() => [...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
    assert max(grid.evaluate(wide)) <= 390
    said = grid.locator(".panels canvas").evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert all("of frame 003" in each for each in said) and json.dumps(said).count("mean") == 4
