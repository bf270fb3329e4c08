"""The ways between pages: what was chosen is still chosen for who comes back, and who is quick gets where they go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.app.made_runs import make_run
from tests.browser.pages import REST_MS, Hasty, set_field, settled


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    settled(page)


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option).first.click()
    settled(page)


def chosen(page: Page, field: str) -> str:
    return page.get_by_role("combobox", name=field).input_value()


def test_what_was_chosen_is_there_after_another_page(page: Page, serve: Callable, tmp_path: Path):
    root = tmp_path / "runs"
    for name, steps in (("long", 40), ("short", 20), ("shorter", 20)):
        make_run(root, name, f"train.steps={steps}", f"method={'joint' if name == 'shorter' else 'hrs'}")
    for name, steps in (("one", 10), ("two", 30)):
        make_run(root / "studies" / "small", name, f"train.steps={steps}")
    page.goto(serve(root))
    set_field(page, "Filter", "long")
    expect(page.get_by_text("1 of", exact=False)).to_be_visible()
    go(page, "Compare")
    choose(page, "Runs of", "Study small")
    page.get_by_role("radio", name="Best validation").click()
    first = chosen(page, "Setting")
    choose(page, "Setting", "10" if "30" in first else "30")
    second = chosen(page, "Setting")
    assert second != first
    go(page, "Runs")
    expect(page.get_by_label("Filter", exact=True)).to_have_value("long")
    expect(page.get_by_text("1 of", exact=False)).to_be_visible()
    go(page, "Compare")
    assert (chosen(page, "Runs of"), chosen(page, "Setting")) == ("Study small", second)
    expect(page.get_by_role("radio", name="Best validation")).to_be_checked()


def test_who_goes_on_before_a_page_is_there_gets_to_the_next(hasty: Hasty, page: Page, serve: Callable, tmp_path: Path):
    page.goto(serve(tmp_path / "runs"))
    go(page, "Data")
    for pause in (5, 10, 15, 20, 30, 45, 60, 90):  # while the server is at the first page, in whatever it does then
        hasty.holds = True
        page.get_by_role("link", name="Runs", exact=True).click()
        page.get_by_role("link", name="Compare", exact=True).click()
        page.wait_for_timeout(REST_MS)
        hasty.ask(pause)
        expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
        go(page, "Data")
