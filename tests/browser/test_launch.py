"""Launching from the form in a real browser: cancelled, resumed, killed, and from two tabs at once."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hrs.launch.launcher import launcher
from hrs.launch.task import tasks_below
from hrs.runs.folder import RunFolder
from hrs.runs.names import STUDIES
from hrs.runs.registry import list_runs
from hrs.runs.work import cancel
from tests.browser.pages import Late, press_until, rested, set_field, settled
from tests.conftest import PATIENCE, tiny_config, until

SLOW = 100_000  # steps of a run that does not end by itself


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "runs"
    yield root
    for task in tasks_below(root):
        if task.active():
            cancel(task, force=True)
    for summary in (each for folder in (root, *root.glob(f"{STUDIES}/*")) for each in list_runs(folder)):
        print(summary.name, summary.status, summary.run.log_tail(5))  # pytest shows it where a test failed
        if summary.status.state in ("queued", "running"):
            cancel(summary.run, force=True)


@pytest.fixture
def launch_page(page: Page, serve: Callable[..., str], root: Path) -> Page:
    page.goto(serve(root))
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.get_by_role("link", name="Launch").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    return page


def shrink(page: Page, frames: dict[str, str], tmp_path: Path, steps: int) -> None:
    """Fill the form from a file, then by hand."""
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny_config(frames).to_yaml())
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("Filled from tiny.yaml.")).to_be_visible()
    expect(page.get_by_label("Steps", exact=True)).to_have_count(1)
    set_field(page, "Steps", steps)
    settled(page)


def press_start(page: Page, name: str) -> None:
    set_field(page, "Name", name)
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()


def state(root: Path, name: str) -> str | None:
    """A run's state; None while there is no such run."""
    run = RunFolder(root / name)
    return run.read_status().state if run.exists() else None


def test_a_wrong_field_says_why_stops_the_start_and_survives_a_reload(launch_page, frames, tmp_path):
    folder = frames["target"].partition(":")[2]
    start = launch_page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled()
    steps = launch_page.get_by_label("Steps", exact=True)
    steps.fill("-5")
    steps.blur()
    reason = launch_page.get_by_text("steps is '-5'; expected at least 1")
    expect(reason).to_have_count(2)  # at the field, and beside Start
    expect(start).to_be_disabled()
    target = launch_page.get_by_label("Real data set", exact=True)
    target.fill(folder)
    target.blur()
    expect(launch_page.get_by_text(f"this folder looks like folder:{folder}")).to_have_count(2)
    launch_page.reload()
    expect(steps).to_have_value("-5")
    expect(target).to_have_value(folder)
    launch_page.get_by_role("button", name=f"Take folder:{folder}").click()
    expect(launch_page.get_by_text("data.target · 6 frames")).to_be_visible()
    set_field(launch_page, "Steps", 5)
    expect(reason).to_have_count(0)
    expect(start).to_be_enabled()


def test_back_and_forward_go_through_what_the_form_showed(launch_page):
    steps, seed = (launch_page.get_by_label(name, exact=True) for name in ("Steps", "Seed"))
    settled(launch_page)
    expect(steps).not_to_have_value("")
    first = steps.input_value()
    set_field(launch_page, "Steps", 77)
    expect(launch_page).to_have_url(re.compile("steps%3D77"))
    set_field(launch_page, "Seed", 5)
    expect(launch_page).to_have_url(re.compile("seed%3D5"))
    launch_page.go_back()
    expect(seed).to_have_value("0")
    expect(steps).to_have_value("77")
    settled(launch_page)
    launch_page.go_back()
    expect(steps).to_have_value(first)
    settled(launch_page)
    launch_page.go_forward()
    expect(steps).to_have_value("77")
    settled(launch_page)
    launch_page.go_back()
    settled(launch_page)
    launch_page.go_back()
    expect(launch_page.get_by_role("heading", name="Runs")).to_be_visible()


def test_what_is_known_is_offered_with_its_cost(launch_page):
    network = launch_page.get_by_role("combobox", name="Network")
    network.click()
    launch_page.get_by_role("option", name="segformer-b2 · 27.4 M parameters").click()
    expect(launch_page).to_have_url(re.compile("network.name%3Dsegformer-b2"))
    network.click()
    network.fill("segformer:/my/own")
    network.press("Enter")
    expect(launch_page).to_have_url(re.compile("network.name%3Dsegformer%3A"))
    launch_page.get_by_role("combobox", name="Known real data sets").click()
    launch_page.get_by_role("option", name="render:camera?frames=60").click()
    expect(launch_page.get_by_label("Real data set", exact=True)).to_have_value("render:camera?frames=60")


def test_baselines_are_one_click_and_seen_at_work(launch_page, frames, tmp_path, root):
    shrink(launch_page, frames, tmp_path, SLOW)
    launch_page.get_by_text("With baselines").click()
    expect(launch_page.get_by_text("12 runs, about 12 times as long as one.")).to_be_visible()
    press_start(launch_page, "few")
    expect(launch_page).to_have_url(re.compile("compare.*Study"))
    until(lambda: any(each.status.step >= 2 for each in list_runs(root / "studies" / "few")))
    expect(launch_page.get_by_text("Study: 0 of 12 runs.")).to_be_visible(timeout=PATIENCE * 1000)
    launch_page.get_by_role("button", name="Cancel").click()
    expect(launch_page.get_by_text("The study was cancelled.")).to_be_visible()
    assert not any(each.run.active() for each in list_runs(root / "studies" / "few"))


def test_cancel_resume_and_kill(launch_page, frames, tmp_path, root):
    shrink(launch_page, frames, tmp_path, SLOW)
    press_start(launch_page, "slow")
    run = RunFolder(root / "slow")
    until(lambda: run.exists() and run.read_status().step >= 2)
    press_until(launch_page, "Cancel", lambda: state(root, "slow") == "cancelled")
    step = run.read_status().step
    press_until(launch_page, "Resume", lambda: state(root, "slow") == "running" and run.read_status().step > step)
    os.kill(run.read_status().pid or 0, signal.SIGKILL)
    expect(launch_page.get_by_text("killed: the process ended without saying so").first).to_be_visible()


def test_two_tabs_at_once(launch_page, chromium: Browser, frames, tmp_path, root):
    other = chromium.new_context().new_page()
    other.goto(launch_page.url)
    for tab, name in ((launch_page, "one"), (other, "two")):
        shrink(tab, frames, tmp_path, SLOW)
        set_field(tab, "Name", name)
        settled(tab)
    for tab in (launch_page, other):
        tab.get_by_role("button", name="Start", exact=True).click()
    until(lambda: sorted(str(state(root, name)) for name in ("one", "two")) == ["queued", "running"])
    first, second = ("one", "two") if state(root, "one") == "running" else ("two", "one")
    until(lambda: "place 1" in "".join(RunFolder(root / second).log_tail()))
    assert launcher().waiting() == ((root / second).resolve(),)
    cancel(RunFolder(root / first))
    until(lambda: state(root, second) == "running")
    other.context.close()


def test_the_data_check_and_the_estimate_come_while_the_page_stays(launch_page, frames, tmp_path):
    shrink(launch_page, frames, tmp_path, 50)
    launch_page.get_by_role("button", name="Check the data").click()
    expect(launch_page.get_by_text("12 usable frames")).to_be_visible()
    launch_page.get_by_role("button", name="Estimate time and memory").click()
    expect(launch_page.get_by_text("Timing a few steps")).to_be_visible()
    set_field(launch_page, "Seed", 3)
    launch_page.get_by_role("link", name="Runs").click()
    launch_page.get_by_role("link", name="Launch").click()
    expect(launch_page.get_by_label("Seed", exact=True)).to_have_value("3")  # the form remembers
    expect(launch_page.get_by_text("For earlier settings.")).to_be_visible(timeout=PATIENCE * 1000)
    expect(launch_page.get_by_alt_text("Frames and labels").first).to_be_visible()


def test_a_start_during_the_check_opens_the_run(late: Late, launch_page, frames, tmp_path, root):
    shrink(launch_page, frames, tmp_path, SLOW)
    set_field(launch_page, "Real data set", "render:camera?frames=400")
    set_field(launch_page, "Name", "hasty")
    settled(launch_page)
    launch_page.get_by_role("button", name="Check the data").click()
    expect(launch_page.get_by_role("button", name="Stop").first).to_be_visible()
    late.begin(launch_page)
    launch_page.get_by_role("button", name="Start", exact=True).click()
    launch_page.wait_for_url("**run=hasty*")
    expect(launch_page.get_by_role("button", name="Cancel", exact=True)).to_be_enabled()
    rested(launch_page)
    expect(launch_page.get_by_role("heading", name="Runs")).to_be_visible()
    assert launch_page.url.endswith("/?run=hasty")
