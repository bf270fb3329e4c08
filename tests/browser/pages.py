"""What several browser tests do with a page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Error, FloatRect, FrameLocator, Locator, Page, Response, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.conftest import until

PATIENCE = 20.0
TRIES = 3
REST_MS = 1000
CALM_MS = 150
STROLL_MS = 10
CALM = """(long) => {
    const app = document.querySelector('[data-testid="stApp"]');
    if (app?.dataset.testScriptState !== "notRunning") {
        window.calmSince = null;
        return false;
    }
    window.calmSince ??= performance.now();
    return performance.now() - window.calmSince >= long;
}"""


def set_field(page: Page, label: str, value: object) -> None:
    """Type into a field of a page that is drawn; where it is drawn anew at that moment, type once more."""
    for _ in range(TRIES):
        settled(page)
        field = page.get_by_label(label, exact=True)
        try:
            field.fill(str(value))
            field.press("ControlOrMeta+Enter" if field.evaluate("field => field.tagName") == "TEXTAREA" else "Enter")
        except Error:  # for a moment there are two, the one that goes and the one that comes
            continue
        settled(page)
        if field.input_value() == str(value):
            return
    expect(field).to_have_value(str(value))


def type_choice(page: Page, label: str, text: str) -> None:
    """Type a new word into a field of several choices; what a page being drawn anew swallows is typed once more."""
    chosen = page.locator("[data-tag]", has_text=text).first
    for _ in range(TRIES):
        rested(page)
        field = page.get_by_role("combobox", name=label)
        field.fill("")
        field.press_sequentially(text)
        if field.input_value() != text:
            continue
        field.press("Enter")
        settled(page)
        if chosen.is_visible():
            return
    expect(chosen).to_be_visible()


def settled(page: Page) -> None:
    """Wait until the page is drawn and stays so for a moment, lest a button is replaced while it is being pressed: what
    was typed last takes some time to reach the server."""
    page.evaluate("window.calmSince = null")
    page.wait_for_function(CALM, arg=CALM_MS, timeout=PATIENCE * 1000)


def press_until(page: Page, name: str, happened: Callable[[], object]) -> None:
    """Press a button, and once more where nothing comes of it, as people do: on a busy machine a page may be drawn anew
    right under the click."""
    button = page.get_by_role("button", name=name)
    settled(page)
    button.click()
    try:
        until(happened, PATIENCE)
    except AssertionError:
        settled(page)
        button.click()
        until(happened)


def rested(page: Page) -> None:
    """Wait until the page is drawn and its components have told the server what they tell after a pause, since that
    draws it once more."""
    page.wait_for_timeout(REST_MS)
    settled(page)


def upload(page: Page, files: Sequence[Path]) -> None:
    """Give files to the page's uploader, and wait until the server has them."""
    arrived: list[Response] = []
    page.on("response", lambda answer: arrived.append(answer) if answer.request.method == "PUT" else None)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)
    deadline = time.monotonic() + PATIENCE
    while len(arrived) < len(files):
        assert time.monotonic() < deadline, f"{len(arrived)} of {len(files)} files arrived"
        page.wait_for_timeout(50)
    for file in files:
        expect(page.get_by_role("button", name=f"Remove {file.name}")).to_be_visible()
    settled(page)


class Late:
    """Has what a part of the page asked last, by itself, come once more with all that the server says, as on a slow
    line."""

    def __init__(self, page: Page) -> None:
        self.asked: bytes | None = None
        self.begun = False
        page.route_web_socket("**/_stcore/stream", self._between)

    def begin(self, page: Page) -> None:
        """Wait until something was asked."""
        deadline = time.monotonic() + PATIENCE
        while self.asked is None:
            assert time.monotonic() < deadline, "nothing on the page looks again by itself"
            page.wait_for_timeout(50)
        self.begun = True

    def _between(self, browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def ask(message: str | bytes) -> None:
            assert isinstance(message, bytes)
            if BackMsg.FromString(message).rerun_script.is_auto_rerun and not self.begun:
                self.asked = message
            server.send(message)

        def answer(message: str | bytes) -> None:
            browser.send(message)
            if self.begun and self.asked:
                server.send(self.asked)

        browser.on_message(ask)
        server.on_message(answer)


class Slow:
    """Holds back what the server says while ``holds``, as a busy one does."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.holds = False
        self.held: list[str | bytes] = []
        page.route_web_socket("**/_stcore/stream", self._between)

    def answer(self) -> None:
        """Let through what was held back, in its order, and what comes after."""
        while self.held:
            self._browser.send(self.held.pop(0))
            self._page.wait_for_timeout(STROLL_MS)
        self.holds = False

    def _between(self, browser: WebSocketRoute) -> None:
        self._browser = browser
        server = browser.connect_to_server()
        browser.on_message(server.send)
        server.on_message(lambda message: self.held.append(message) if self.holds else browser.send(message))


class Hasty:
    """Holds back what the browser asks while ``holds``; it then comes at the pace of somebody who is quick."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.holds = False
        self._asked: list[str | bytes] = []
        page.route_web_socket("**/_stcore/stream", self._between)

    def ask(self, pause_ms: int) -> None:
        self.holds = False
        while self._asked:
            self._server.send(self._asked.pop(0))
            self._page.wait_for_timeout(pause_ms)

    def _between(self, browser: WebSocketRoute) -> None:
        self._server = server = browser.connect_to_server()
        server.on_message(browser.send)
        browser.on_message(lambda message: self._asked.append(message) if self.holds else server.send(message))


def slide(page: Page, name: str, key: str, times: int = 1) -> None:
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    for _ in range(times):
        slider.press(key)


FRAME, LABEL, SEEN, DISAGREEMENT, COMBINED, PIXEL, REGION = range(7)
"""Places of the pictures of a frame."""


def open_frame(page: Page, frame: str) -> Locator:
    """Open a frame of the grid; its pictures, in the order above."""
    page.get_by_role("button", name=f"Open frame {frame}").click()
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown(frame))
    expect(page.locator(".grid")).to_have_count(0)  # whose controls have the same names
    return page.locator(".panels canvas")


def shown(frame: str) -> re.Pattern[str]:
    return re.compile(rf"{frame}\.npz")


def place(canvas: Locator) -> FloatRect:
    """Where a canvas is, brought into view."""
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = canvas.bounding_box()
    assert box is not None
    return box


def picture(canvas: Locator) -> str:
    """A canvas as text, to tell whether it changed."""
    return str(canvas.evaluate("canvas => canvas.toDataURL()"))


def changed(canvas: Locator, before: str) -> str:
    """What a canvas shows once that is no longer ``before``."""
    deadline = time.monotonic() + PATIENCE
    while (now := picture(canvas)) == before:
        assert time.monotonic() < deadline, "the picture stays the same"
        time.sleep(0.05)
    return now


def press_pixel(editor: Page | FrameLocator, size: tuple[int, int], row: int, column: int) -> None:
    """Click on a pixel of the photo of this size (h w), which the label editor shows whole."""
    canvas = editor.locator("#picture")
    box = canvas.bounding_box()
    assert box is not None
    scale = min(box["width"] / size[1], box["height"] / size[0])
    left, top = (box["width"] - scale * size[1]) / 2, (box["height"] - scale * size[0]) / 2
    canvas.click(position={"x": left + scale * (column + 0.5), "y": top + scale * (row + 0.5)})
