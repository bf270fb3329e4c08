"""The weights of a run in a real browser: sliders, frames, areas, training steps, and what one takes away."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, FloatRect, JSHandle, Locator, Page, expect

from app.figures.maps import view
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.panel import open_panel
from hrs.scoring.tags import Tags
from tests.browser.conftest import _start_server, _wait_until_healthy, stop_server
from tests.browser.pages import (
    PATIENCE,
    REST_MS,
    Slow,
    changed,
    open_frame,
    picture,
    rested,
    settled,
    shown,
    slide,
    type_choice,
)
from tests.conftest import free_port, tiny_config
from tests.scoring.weighted_run import make_run

FRAME, LABEL, SEEN, DISAGREEMENT, COMBINED, PIXEL, REGION = range(7)
"""Places of the pictures of a frame."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, str]) -> Path:
    """A run with panel and scores, which every test here only looks at."""
    return make_run(tmp_path_factory.mktemp("weights") / "runs", "scored", frames["source"], tiny_config(frames))


@pytest.fixture(scope="module")
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


def place(canvas: Locator) -> FloatRect:
    """Where a canvas is, brought into view."""
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = canvas.bounding_box()
    assert box is not None
    return box


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


def test_the_cursor_reads_weights_and_class(grid: Page, run: Path) -> None:
    canvases = open_frame(grid, "003")
    frame = ScoredCorpus.open(run / "scores").frame(3)
    maps, label = frame.read_maps(), frame.read_label()
    step = view(frame.read_jpeg(), label, maps, ScoredCorpus.open(run / "scores").space)["scale"] / 255
    box = place(canvases.nth(PIXEL))
    for x, y in ((4, 3), (20, 20)):
        grid.mouse.move(box["x"] + (x + 0.5) * box["width"] / 32, box["y"] + (y + 0.5) * box["height"] / 24)
        expect(grid.locator(".tip")).to_contain_text(("sky", "road", "car", "tree")[label[y, x]])
        for name in ("combined", "pixel", "region", "image"):
            seen = round(maps[name][y, x] / step) * step  # the browser gets a byte a pixel
            expect(grid.locator(".tip")).to_contain_text(f"{seen:.2f}")


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


def test_training_is_replayed(grid: Page) -> None:
    grid.get_by_text("Training panel").click()
    expect(grid.locator(".grid button")).to_have_count(2)
    canvases = open_frame(grid, "001")
    last = picture(canvases.nth(2))  # the panel of this run does not say what is seen
    slide(grid, "Training step", "ArrowLeft")
    changed(canvases.nth(2), last)
    expect(grid.get_by_text("Frame 001: mean weight 1.00.")).to_be_visible()


def test_another_frame_at_an_earlier_step_has_its_own_picture(grid: Page, run: Path) -> None:
    grid.goto(grid.url.replace("run=scored", "run=scored&source=panel&frame=000"))
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown("000"))
    settled(grid)
    slider = grid.get_by_role("slider", name="Training step")
    slider.evaluate(
        """slider => {
        const wait = window.setTimeout;
        window.setTimeout = (act, ms) => wait(act, 20 * ms); // the server hears of the step much later
        slider.value = 0;
        slider.dispatchEvent(new Event("input"));
        window.setTimeout = wait;
        [...document.querySelectorAll("button")].find((each) => each.textContent.includes("Next")).click();
        }"""
    )
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"001\.npz.* 0$"))
    earlier = grid.locator(".panels canvas").nth(FRAME)
    before = picture(earlier)
    slide(grid, "Training step", "ArrowRight")
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"001\.npz.* 5$"))
    assert picture(earlier) == before


def test_a_look_at_the_scored_corpus_leaves_the_step(grid: Page) -> None:
    grid.goto(grid.url.replace("run=scored", "run=scored&source=panel&step=0"))
    step = grid.get_by_role("slider", name="Training step")
    expect(step).to_have_attribute("aria-valuetext", "0")
    grid.get_by_text("Scored corpus").click()
    expect(grid.locator(".grid button")).to_have_count(12)
    grid.get_by_text("Training panel").click()
    expect(grid.locator(".grid button")).to_have_count(2)
    expect(step).to_have_attribute("aria-valuetext", "0")
    settled(grid)
    assert "step=0" in grid.url


def go_offline(page: Page) -> None:
    """Once the first step was fetched, which is before anybody asks for it."""
    page.wait_for_function(
        """() => performance.getEntriesByType("resource").some(
        ({ name, responseEnd }) => responseEnd && name.includes("/weights-at") && name.includes("step=0"))"""
    )
    page.context.set_offline(True)


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


def test_numbers_of_the_grid_are_not_those_of_another_step(grid: Page) -> None:
    grid.get_by_text("Training panel").click()
    expect(grid.locator(".grid button")).to_have_count(2)
    go_offline(grid)
    note = grid.locator(".grid .note").first
    said = note.text_content() or ""
    slide(grid, "Training step", "ArrowLeft")
    expect(note).to_have_text("")
    slide(grid, "Training step", "ArrowRight")
    assert said
    expect(note).to_have_text(said)
    grid.context.set_offline(False)


def test_controls_act_without_the_server(grid: Page, run: Path) -> None:
    grid.goto(grid.url.replace("run=scored", "run=scored&source=panel&frame=001"))
    expect(grid.locator(".viewer")).to_have_attribute("data-shown", shown("001"))
    said = view_of(run, 0, 1)["maps"][0]["mean"]
    canvas = grid.locator(".panels .combined canvas")
    go_offline(grid)
    before = picture(canvas)
    slide(grid, "Training step", "ArrowLeft")
    before = changed(canvas, before)
    expect(grid.locator(".panels .combined .note")).to_have_text(f"{said:.2f}")
    slide(grid, "Opacity", "ArrowLeft", 3)
    before = changed(canvas, before)
    slide(grid, "Training step", "ArrowRight")
    before = changed(canvas, before)
    slide(grid, "Threshold", "ArrowRight", 16)
    changed(canvas, before)
    grid.get_by_role("radio", name="Region").check(force=True)
    expect(grid.locator(".panels .chosen .title")).to_have_text("Region")
    grid.context.set_offline(False)


def view_of(run: Path, step: int, row: int) -> dict[str, Any]:
    frame = open_panel(RunFolder(run), step).frame(row)
    return view(frame.read_jpeg(), frame.read_label(), frame.read_maps(), open_panel(RunFolder(run), step).space)


def test_the_steps_are_played_from_the_first(grid: Page) -> None:
    grid.get_by_text("Training panel").click()
    expect(grid.locator(".grid button")).to_have_count(2)
    step, play = grid.get_by_role("slider", name="Training step"), grid.get_by_role("button", name="Play the steps")
    tile = grid.locator(".grid canvas").first
    last = picture(tile)
    steps = watched(step, "element.ariaValueText")
    presses = watched(play, "element.ariaPressed")
    pictures = watched(tile, "element.toDataURL()")
    play.click()
    expect(grid).to_have_url(re.compile("step=5"))
    expect(play).to_have_attribute("aria-pressed", "false")
    assert [steps.json_value(), presses.json_value()] == [["0", "5"], ["true", "false"]]
    first, *_, shown = pictures.json_value()
    assert first != last and shown == last


def watched(element: Locator, what: str) -> JSHandle:
    """A list, in the browser, of what an element says when its attributes change, without repeats: what is there for
    half a second may be missed by looking again and again."""
    return element.evaluate_handle(
        f"""(element) => {{
            const seen = [];
            const look = () => {{ if ({what} !== seen.at(-1)) seen.push({what}); }};
            new MutationObserver(look).observe(element, {{ attributes: true }});
            return seen;
        }}"""
    )


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(grid: Page, scheme: str) -> None:
    grid.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    grid.set_viewport_size({"width": 390, "height": 844})
    open_frame(grid, "003")
    wide = "() => [...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
    assert max(grid.evaluate(wide)) <= 390
    said = grid.locator(".panels canvas").evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert all("of frame 003" in each for each in said) and json.dumps(said).count("mean") == 4
