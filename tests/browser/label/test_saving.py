"""Saving labels from a real browser: two tabs, slow servers, saves that do not get through, a page that is left."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Page, Route, expect

from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE
from hrs.system.files import locked
from tests.browser.label.editor import KEPT, SIZE, hold, kept, let_through, open_editor, show
from tests.browser.pages import press_pixel


def test_two_tabs_on_one_photo_are_noticed(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
    other = page.context.new_page()
    open_editor(other, address, own)
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


def test_a_save_that_does_not_get_through_is_said_and_tried_again(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)

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


def test_each_photo_keeps_its_own_strokes_however_slow_the_server(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
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


def test_what_cannot_be_saved_is_not_left_without_asking(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
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


def test_strokes_are_kept_though_the_page_is_left_before_they_are_saved(
    page: Page, address: str, own: PhotoSet
) -> None:
    page.goto(f"{address}/label?set={own.path.name}")
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


def test_a_save_whose_answer_is_lost_is_no_conflict(page: Page, address: str, own: PhotoSet) -> None:
    open_editor(page, address, own)
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
