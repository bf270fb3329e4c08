"""Training steps in a real browser: replayed, played, and looked at without the server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import JSHandle, Locator, Page, expect

from app.figures.maps import view
from hrs.runs.folder import RunFolder
from hrs.scoring.panel import open_panel
from tests.browser.pages import (
    FRAME,
    changed,
    open_frame,
    picture,
    settled,
    shown,
    slide,
)


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
