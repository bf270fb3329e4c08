"""A model's questions and its view in the label editor, in a real browser."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Page, expect

from hrs.labelling.areas import find_areas
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE
from tests.browser.label.editor import KEPT, SIZE, area_at, hold, kept, let_through, listen_to, open_editor, show
from tests.browser.pages import press_pixel


def test_a_question_stays_until_it_is_answered(page: Page, address: str, own: PhotoSet) -> None:
    listen_to(page, own)
    areas = find_areas(own.read_image("photo0")).at(4)
    own.write_label("photo0", np.where(areas == areas[-1, -1], 0, IGNORE).astype(np.uint8))
    open_editor(page, address, own, photo="photo0", model="roads")
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


def test_a_class_key_answers_only_who_has_turned_to_the_questions(page: Page, address: str, own: PhotoSet) -> None:
    listen_to(page, own)
    areas = find_areas(own.read_image("photo0")).at(4)
    begun = np.where(areas == areas[-1, -1], 0, IGNORE).astype(np.uint8)
    own.write_label("photo0", begun)
    open_editor(page, address, own, photo="photo0", model="roads")
    expect(page.locator("#question-count")).to_have_text("2 left")
    page.keyboard.press("3")
    expect(page.get_by_role("option", name="car")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#question-count")).to_have_text("2 left")
    press_pixel(page, SIZE, SIZE[0] - 1, SIZE[1] - 1)  # where it is in the whole photo: the view did not move
    label = kept(page, own, "photo0", lambda label: label[-1, -1] == 2)
    np.testing.assert_array_equal(label != IGNORE, begun != IGNORE)

    page.locator("#question").click()
    page.keyboard.press("4")
    expect(page.locator("#question-count")).to_have_text("1 left")
    kept(page, own, "photo0", lambda label: bool((label[areas == areas.min()] == 3).all()))
    page.get_by_role("option", name="car").click()
    page.keyboard.press("2")
    expect(page.get_by_role("option", name="road 2")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#question-count")).to_have_text("1 left")


def test_a_models_view_goes_where_nothing_is_labelled(page: Page, address: str, own: PhotoSet) -> None:
    listen_to(page, own)
    open_editor(page, address, own, model="roads")
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
