"""Labelling photos in a real browser: areas, brush, undo, keys, fingers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect

from app.label.mount import PREFIX
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE
from tests.app.test_label import png
from tests.browser.label.editor import KEPT, SIZE, area_at, hold, kept, let_through, open_editor, show
from tests.browser.pages import press_pixel, settled, upload
from tests.inference.conftest import photo


def test_areas_are_painted_kept_and_taken_back(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    page.wait_for_function("document.querySelector('#size').max === '7'")
    page.get_by_role("option", name="road").click()
    press_pixel(page, SIZE, 30, 40)
    expected = area_at(own, "photo0", 4, 30, 40)
    label = kept(page, own, "photo0", lambda label: bool((label == 1).any()))
    np.testing.assert_array_equal(label == 1, expected)
    assert (label[~expected] == IGNORE).all()

    page.keyboard.press("]")  # coarser
    page.keyboard.press("4")
    press_pixel(page, SIZE, 5, 5)
    coarse = area_at(own, "photo0", 5, 5, 5)
    label = kept(page, own, "photo0", lambda label: bool((label == 3).any()))
    np.testing.assert_array_equal(label == 3, coarse)

    page.keyboard.press("Control+z")
    label = kept(page, own, "photo0", lambda label: not (label == 3).any())
    np.testing.assert_array_equal(label == 1, expected)
    page.keyboard.press("Control+Shift+z")
    kept(page, own, "photo0", lambda label: bool((label == 3).any()))

    page.keyboard.press("b")  # a brush of radius 8
    page.keyboard.press("0")
    press_pixel(page, SIZE, 30, 40)
    label = kept(page, own, "photo0", lambda label: label[30, 40] == IGNORE)
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    near = (rows - 30) ** 2 + (columns - 40) ** 2 <= 7**2
    assert (label[near] == IGNORE).all()


def test_every_key_that_is_shown_chooses_its_class(page: Page, address: str, own: PhotoSet) -> None:
    many = PhotoSet.create(own.path.parent / "many", [f"class {i}" for i in range(27)])
    many.add(png(photo(*SIZE)), "one.png")
    open_editor(page, address, many)
    for i in range(27):
        option = page.locator("#classes li").nth(i)
        page.keyboard.press(option.locator("kbd").inner_text())
        expect(option).to_have_attribute("aria-selected", "true")


def test_a_stroke_ends_where_another_photo_is_opened(page: Page, address: str, own: PhotoSet) -> None:
    problems: list[object] = []
    page.on("pageerror", lambda error: problems.append(error))
    open_editor(page, address, own)
    page.keyboard.press("b")
    press_pixel(page, SIZE, 30, 40)
    kept(page, own, "photo0", lambda label: label[30, 40] == 0)
    held = hold(page, "**/photo1/label", "GET")
    page.keyboard.press("2")
    page.mouse.down()
    show(page, "photo1")
    page.mouse.move(700, 300)
    label = kept(page, own, "photo0", lambda label: label[30, 40] == 1)
    page.mouse.up()
    page.mouse.down()
    let_through(page, held)
    expect(page.locator("#saved")).to_have_text(KEPT)
    page.mouse.move(600, 400)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert not problems
    assert own.read_label("photo1")[0] is None
    np.testing.assert_array_equal(own.read_label("photo0")[0], label)


def test_the_page_shows_the_editor_and_takes_photos(page: Page, address: str, own: PhotoSet, tmp_path: Path) -> None:
    page.goto(f"{address}/label?set={own.path.name}")
    editor = page.frame_locator("iframe")
    expect(editor.locator("#photos li")).to_have_count(2)
    expect(editor.locator("#saved")).to_have_text(KEPT)
    page.get_by_text("Add photos").click()
    third = tmp_path / "third.png"
    third.write_bytes(png(photo(*SIZE, seed=5)))
    settled(page)
    page.get_by_role("button", name=re.compile("Add$")).last.click()
    expect(page.get_by_text("No photo has arrived yet.")).to_be_visible()
    upload(page, [third])
    page.get_by_role("button", name=re.compile("Add$")).last.click()
    expect(page.get_by_text("0 of 3 photos have labels")).to_be_visible()
    assert [each.name for each in own.photos()] == ["photo0", "photo1", "third"]
    expect(editor.locator("#photos li")).to_have_count(3)


def test_keys_reach_the_editor_as_soon_as_the_page_is_there(page: Page, address: str, own: PhotoSet) -> None:
    page.goto(f"{address}/label?set={own.path.name}")
    editor = page.frame_locator("iframe")
    expect(editor.locator("#saved")).to_have_text(KEPT)
    page.keyboard.press("2")
    expect(editor.get_by_role("option", name="road")).to_have_attribute("aria-selected", "true")


def test_a_finger_paints_and_two_zoom(chromium: Browser, address: str, own: PhotoSet) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    open_editor(page, address, own)
    page.get_by_role("option", name="tree").tap()
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#picture").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.touchscreen.tap(x, y)
    label = kept(page, own, "photo0", lambda label: bool((label == 3).any()))

    remote = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": left, "y": top, "id": i} for i, (left, top) in enumerate(places)]
        remote.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    picture = page.locator("#picture")
    before = picture.evaluate("canvas => canvas.toDataURL()")
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for apart in (40, 70, 100):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    page.wait_for_timeout(300)
    assert picture.evaluate("canvas => canvas.toDataURL()") != before
    np.testing.assert_array_equal(own.read_label("photo0")[0], label)  # two fingers paint nothing
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_a_fast_drag_misses_no_area(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    page.keyboard.press("b")
    page.locator("#size").fill("60")
    page.keyboard.press("a")
    page.locator("#size").fill("0")
    box = page.locator("#picture").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, middle)
    page.mouse.up()
    kept(page, own, "photo0", lambda label: bool((label == 0).any()))
    expect(page.locator("#saved")).to_have_text(KEPT)
    label = own.read_label("photo0")[0]
    assert label is not None
    row = (label[SIZE[0] // 2] == 0) | (label[SIZE[0] // 2 - 1] == 0)
    assert row[2:-2].all()


def test_other_buttons_of_the_mouse_paint_nothing(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    page.locator("#picture").click(button="right")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert own.read_label("photo0")[0] is None


def test_nothing_is_painted_with_classes_of_before(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    file = own.path / "classes.yaml"
    file.write_text(file.read_text().replace("road", "?").replace("tree", "road").replace("?", "tree"))
    page.get_by_role("option", name="road").click()
    press_pixel(page, SIZE, 30, 40)
    expect(page.get_by_role("alert")).to_contain_text("changed meanwhile")
    page.get_by_role("button", name="Load anew").click()
    expect(page.locator("#classes li").nth(1)).to_contain_text("tree")
    expect(page.locator("#classes li").nth(3)).to_contain_text("road")
    assert own.read_label("photo0")[0] is None


def test_keys_reach_buttons_sizes_and_the_photo(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    page.wait_for_function("document.querySelector('#size').max === '7'")
    held = {"ctrlKey": True, "altKey": True, "modifierAltGraph": True, "bubbles": True}  # as German keyboards write ]
    page.evaluate("(held) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: ']', ...held}))", held)
    assert page.locator("#size").input_value() == "5"
    page.get_by_role("button", name="Brush").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Brush")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("option", name="road").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_role("option", name="car")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("option", name="car")).to_be_focused()
    page.locator("#stage").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    kept(page, own, "photo0", lambda label: label[SIZE[0] // 2, SIZE[1] // 2] == 2)


def test_no_tool_can_be_used_while_the_photo_is_still_loading(page: Page, address: str, own: PhotoSet) -> None:
    held = hold(page, "**/photo0/image", "GET")
    page.goto(f"{address}{PREFIX}/?set={own.path.name}")
    expect(page.locator("#loading")).to_be_visible()
    expect(page.locator("header[inert], aside[inert]")).to_have_count(2)
    let_through(page, held)
    expect(page.locator("[inert]")).to_have_count(0)
    expect(page.locator("#saved")).to_have_text(KEPT)
    expect(page.locator("#loading")).to_be_hidden()
