"""Labelling photos in a real browser: areas, brush, undo, questions, two tabs, a save that does not get through."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.label.mount import PREFIX
from hrs.labelling.areas import find_areas
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE
from hrs.runs.names import DATASETS
from hrs.system.files import locked
from tests.app.test_label import png
from tests.browser.pages import press_pixel, settled, upload
from tests.conftest import CLASSES
from tests.inference.conftest import photo

SIZE = (70, 90)
KEPT = "All changes saved"


@pytest.fixture
def own(tmp_path: Path) -> PhotoSet:
    made = PhotoSet.create(tmp_path / "runs" / DATASETS / "town", list(CLASSES))
    for seed in range(2):
        made.add(png(photo(*SIZE, seed=seed)), f"photo{seed}.png")
    return made


def open_editor(page: Page, address: str, **query: str) -> None:
    asked = "&".join(f"{key}={value}" for key, value in {"set": "town", **query}.items())
    page.goto(f"{address}{PREFIX}/?{asked}")
    expect(page.locator("#saved")).to_have_text(KEPT)


def kept(page: Page, own: PhotoSet, name: str, until: Callable[[np.ndarray], bool]) -> np.ndarray:
    """The label on disk, once it is as it should be."""
    for _ in range(200):
        label = own.read_label(name)[0]
        if label is not None and until(label):
            return label
        page.wait_for_timeout(50)
    raise AssertionError("the label on disk does not become so")


def area_at(own: PhotoSet, name: str, grain: int, row: int, column: int) -> np.ndarray:
    areas = find_areas(own.read_image(name)).at(grain)
    return areas == areas[row, column]


def test_areas_are_painted_kept_and_taken_back(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
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


def test_every_key_that_is_shown_chooses_its_class(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    many = PhotoSet.create(own.path.parent / "many", [f"class {i}" for i in range(27)])
    many.add(png(photo(*SIZE)), "one.png")
    open_editor(page, serve(own.path.parents[1]), set="many")
    for i in range(27):
        option = page.locator("#classes li").nth(i)
        page.keyboard.press(option.locator("kbd").inner_text())
        expect(option).to_have_attribute("aria-selected", "true")


def test_two_tabs_on_one_photo_are_noticed(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    address = serve(own.path.parents[1])
    open_editor(page, address)
    other = page.context.new_page()
    open_editor(other, address)
    press_pixel(other, SIZE, 10, 10)
    kept(other, own, "photo0", lambda label: bool((label == 0).any()))
    page.get_by_role("option", name="car").click()
    press_pixel(page, SIZE, 60, 80)
    expect(page.get_by_role("alert")).to_contain_text("changed elsewhere")
    page.get_by_role("button", name="Keep mine").click()
    kept(page, own, "photo0", lambda label: bool((label == 2).any()))
    expect(page.locator("#saved")).to_have_text(KEPT)
    press_pixel(other, SIZE, 30, 40)
    other.get_by_role("button", name="Load that").click()
    expect(other.locator("#saved")).to_have_text(KEPT)
    assert (own.read_label("photo0")[0] == 2).any()


def test_a_save_that_does_not_get_through_is_said_and_tried_again(
    page: Page, serve: Callable[..., str], own: PhotoSet
) -> None:
    open_editor(page, serve(own.path.parents[1]))

    def lost(route: Route) -> None:
        if route.request.method == "PUT":
            route.abort()
        else:
            route.continue_()

    page.route("**/label", lost)
    press_pixel(page, SIZE, 30, 40)
    expect(page.locator("#saved")).to_have_text("Not saved")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/label")
    expect(page.locator("#saved")).to_have_text(KEPT)
    kept(page, own, "photo0", lambda label: bool((label == 0).any()))


def hold(page: Page, path: str, method: str) -> list[Route]:
    """The requests that wait until a test lets them through."""
    held: list[Route] = []

    def handle(route: Route) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.continue_()

    page.route(path, handle)
    return held


def let_through(page: Page, held: list[Route]) -> None:
    for _ in range(100):
        if held:
            held.pop(0).continue_()
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing was asked of the server")


def show(page: Page, name: str) -> None:
    """Press a photo's button wherever the mouse is."""
    page.locator("#photos button", has_text=name).evaluate("button => button.click()")


def test_each_photo_keeps_its_own_strokes_however_slow_the_server(
    page: Page, serve: Callable[..., str], own: PhotoSet
) -> None:
    open_editor(page, serve(own.path.parents[1]))
    page.keyboard.press("b")
    held = hold(page, "**/photo0/label", "PUT")
    press_pixel(page, SIZE, 10, 10)
    press_pixel(page, SIZE, 60, 80)
    show(page, "photo1")
    page.wait_for_timeout(300)
    let_through(page, held)
    let_through(page, held)
    label = kept(page, own, "photo0", lambda label: label[60, 80] == 0)
    assert label[10, 10] == 0
    expect(page.locator("#saved")).to_have_text(KEPT)
    expect(page.locator("#photos button[aria-current=true]")).to_contain_text("photo1")
    press_pixel(page, SIZE, 30, 40)
    assert kept(page, own, "photo1", lambda label: label[30, 40] == 0)[10, 10] == IGNORE
    np.testing.assert_array_equal(own.read_label("photo0")[0], label)


def test_what_cannot_be_saved_is_not_left_without_asking(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
    refuse = "**/photo0/label"
    page.route(refuse, lambda route: route.fulfill(status=400, json={"error": "disk full"}))
    press_pixel(page, SIZE, 30, 40)
    expect(page.get_by_role("alert")).to_contain_text("disk full")
    show(page, "photo1")
    expect(page.get_by_role("alert")).to_contain_text("The last changes to photo0 are not saved. disk full")
    page.get_by_role("button", name="Stay").click()
    expect(page.locator("#photos button[aria-current=true]")).to_contain_text("photo0")
    page.unroute(refuse)
    page.get_by_role("button", name="Try again").click()
    kept(page, own, "photo0", lambda label: label[30, 40] == 0)

    page.route(refuse, lambda route: route.fulfill(status=409, json={"error": "changed elsewhere"}))
    page.keyboard.press("2")
    press_pixel(page, SIZE, 30, 40)
    expect(page.get_by_role("button", name="Keep mine")).to_be_visible()
    show(page, "photo1")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#photos button[aria-current=true]")).to_contain_text("photo1")
    expect(page.locator("#saved")).to_have_text(KEPT)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_stroke_ends_where_another_photo_is_opened(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    problems: list[object] = []
    page.on("pageerror", lambda error: problems.append(error))
    open_editor(page, serve(own.path.parents[1]))
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


def test_the_page_shows_the_editor_and_takes_photos(
    page: Page, serve: Callable[..., str], own: PhotoSet, tmp_path: Path
) -> None:
    page.goto(f"{serve(own.path.parents[1])}/label?set=town")
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


def test_keys_reach_the_editor_as_soon_as_the_page_is_there(
    page: Page, serve: Callable[..., str], own: PhotoSet
) -> None:
    page.goto(f"{serve(own.path.parents[1])}/label?set=town")
    editor = page.frame_locator("iframe")
    expect(editor.locator("#saved")).to_have_text(KEPT)
    page.keyboard.press("2")
    expect(editor.get_by_role("option", name="road")).to_have_attribute("aria-selected", "true")


def test_a_finger_paints_and_two_zoom(chromium: Browser, serve: Callable[..., str], own: PhotoSet) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    open_editor(page, serve(own.path.parents[1]))
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


def listen_to(page: Page, own: PhotoSet, *, questions: int = 2) -> None:
    """A model for the editor that takes every pixel for a road, 90 % sure, and asks about so many areas."""
    areas = np.unique(find_areas(own.read_image("photo0")).at(4))[:questions]
    asked = [{"area": int(area), "label": 1, "confidence": 0.6} for area in areas]
    guess = bytes([1] * SIZE[0] * SIZE[1] + [90] * SIZE[0] * SIZE[1])
    page.route("**/api/models", lambda route: route.fulfill(json=[{"name": "roads", "title": "roads"}]))
    page.route("**/areas?*", lambda route: route.fulfill(response=route.fetch(url=route.request.url.partition("?")[0])))
    page.route("**/guess?*", lambda route: route.fulfill(body=guess))
    page.route("**/questions?*", lambda route: route.fulfill(json={"grain": 4, "questions": asked}))


def test_strokes_are_kept_though_the_page_is_left_before_they_are_saved(
    page: Page, serve: Callable[..., str], own: PhotoSet
) -> None:
    page.goto(f"{serve(own.path.parents[1])}/label?set=town")
    editor = page.frame_locator("iframe")
    expect(editor.locator("#saved")).to_have_text(KEPT)
    editor.get_by_role("button", name="Brush").click()
    with locked(own.path / ".lock"):  # nothing can be written for a while
        press_pixel(editor, SIZE, 10, 10)
        press_pixel(editor, SIZE, 60, 80)
        expect(editor.locator("#saved")).to_have_text("Saving …")
        page.get_by_role("link", name="Runs", exact=True).click()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    label = kept(page, own, "photo0", lambda label: label[60, 80] == 0)
    assert label[10, 10] == 0


def test_a_save_whose_answer_is_lost_is_no_conflict(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
    page.keyboard.press("b")

    def unanswered(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/photo0/label", unanswered, times=1)
    press_pixel(page, SIZE, 10, 10)
    expect(page.locator("#saved")).to_have_text("Not saved")
    press_pixel(page, SIZE, 60, 80)
    expect(page.locator("#saved")).to_have_text(KEPT)
    label = kept(page, own, "photo0", lambda label: label[60, 80] == 0)
    assert label[10, 10] == 0


def test_a_question_stays_until_it_is_answered(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    listen_to(page, own)
    areas = find_areas(own.read_image("photo0")).at(4)
    own.write_label("photo0", np.where(areas == areas[-1, -1], 0, IGNORE).astype(np.uint8))
    open_editor(page, serve(own.path.parents[1]), photo="photo0", model="roads")
    expect(page.locator("#question-count")).to_have_text("2 left")
    page.get_by_role("option", name="car").click()
    page.get_by_role("button", name="Fit").click()
    press_pixel(page, SIZE, SIZE[0] - 1, SIZE[1] - 1)  # elsewhere
    kept(page, own, "photo0", lambda label: label[-1, -1] == 2)
    expect(page.locator("#question-count")).to_have_text("2 left")
    page.keyboard.press("y")
    expect(page.locator("#question-count")).to_have_text("1 left")

    held = hold(page, "**/photo1/areas?*", "GET")
    show(page, "photo1")
    expect(page.locator("#photos button[aria-current=true]")).to_contain_text("photo1")
    expect(page.locator("#questions")).to_be_hidden()
    page.keyboard.press("y")
    let_through(page, held)
    assert own.read_label("photo1")[0] is None


def test_a_models_view_goes_where_nothing_is_labelled(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    listen_to(page, own)
    open_editor(page, serve(own.path.parents[1]), model="roads")
    expect(page.get_by_text("Nothing is labelled here yet.")).to_be_visible()
    begin = page.get_by_role("button", name="the model's view")
    page.get_by_role("option", name="car").click()
    button = begin.element_handle()
    press_pixel(page, SIZE, 30, 40)
    expect(begin).to_be_hidden()
    button.evaluate("button => button.click()")  # as a press on its way would
    label = kept(page, own, "photo0", lambda label: bool((label == 1).any()))
    np.testing.assert_array_equal(label == 2, area_at(own, "photo0", 4, 30, 40))
    assert (label[label != 2] == 1).all()

    page.get_by_label("Model that helps").select_option("")
    expect(page.locator("#saved")).to_have_text(KEPT)
    page.get_by_role("button", name="Undo").click()  # another model forgets nothing
    kept(page, own, "photo0", lambda label: not (label == 1).any())


def test_a_fast_drag_misses_no_area(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
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


def test_other_buttons_of_the_mouse_paint_nothing(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
    page.locator("#picture").click(button="right")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert own.read_label("photo0")[0] is None


def test_nothing_is_painted_with_classes_of_before(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
    file = own.path / "classes.yaml"
    file.write_text(file.read_text().replace("road", "?").replace("tree", "road").replace("?", "tree"))
    page.get_by_role("option", name="road").click()
    press_pixel(page, SIZE, 30, 40)
    expect(page.get_by_role("alert")).to_contain_text("changed meanwhile")
    page.get_by_role("button", name="Load anew").click()
    expect(page.locator("#classes li").nth(1)).to_contain_text("tree")
    expect(page.locator("#classes li").nth(3)).to_contain_text("road")
    assert own.read_label("photo0")[0] is None


def test_keys_reach_buttons_sizes_and_the_photo(page: Page, serve: Callable[..., str], own: PhotoSet) -> None:
    open_editor(page, serve(own.path.parents[1]))
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
