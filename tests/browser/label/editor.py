"""The label editor in a real browser: opening it, what it keeps, a model that it asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Page, Route, expect

from app.label.mount import PREFIX
from hrs.labelling.areas import find_areas
from hrs.labelling.photoset import PhotoSet

SIZE = (70, 90)
"""Rows and columns of the photos."""
KEPT = "All changes saved"


def open_editor(page: Page, address: str, own: PhotoSet, **query: str) -> None:
    asked = "&".join(f"{key}={value}" for key, value in {"set": own.path.name, **query}.items())
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


def listen_to(page: Page, own: PhotoSet, *, questions: int = 2) -> None:
    """A model for the editor that takes every pixel for a road, 90 % sure, and asks about so many areas."""
    areas = np.unique(find_areas(own.read_image("photo0")).at(4))[:questions]
    asked = [{"area": int(area), "label": 1, "confidence": 0.6} for area in areas]
    guess = bytes([1] * SIZE[0] * SIZE[1] + [90] * SIZE[0] * SIZE[1])
    page.route("**/api/models", lambda route: route.fulfill(json=[{"name": "roads", "title": "roads"}]))
    page.route("**/areas?*", lambda route: route.fulfill(response=route.fetch(url=route.request.url.partition("?")[0])))
    page.route("**/guess?*", lambda route: route.fulfill(body=guess))
    page.route("**/questions?*", lambda route: route.fulfill(json={"grain": 4, "questions": asked}))
