"""The Runs page as people see it: it moves by itself, keeps what was selected, and asks before it deletes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from hrs.runs import registry
from hrs.runs.folder import RunFolder
from hrs.system.processes import process_identity
from tests.app.made_runs import make_run, training_row
from tests.browser.pages import Late, rested, settled

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
PAGES = ("", "runs", "launch", "weights", "compare", "data", "segment")
HEAD = ROW = 33  # heights in the table, pixels
REAL_IMAGES = 780  # from the table's left edge to the middle of this column, pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for a training process."""
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield running
    running.kill()
    running.wait()


def running_run(root: Path, process: subprocess.Popen[bytes]) -> RunFolder:
    run = make_run(root, "live")
    run.write_status(state="running", step=40, **process_identity(process.pid))
    return run


def click_row(page: Page, row: int) -> None:
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position={"x": 16, "y": HEAD + ROW * row + 16})


def chart(page: Page, title: str):
    return page.get_by_test_id("stPlotlyChart").filter(has_text=title)


def test_every_page_without_a_run_says_what_to_do_and_asks_no_other_machine(page: Page, serve: Callable, root: Path):
    address, elsewhere = serve(root), []
    local = re.compile(rf"^({address}|ws://127\.0\.0\.1|http://127\.0\.0\.1|data:|blob:)")
    page.on("request", lambda request: None if local.match(request.url) else elsewhere.append(request.url))
    for name in PAGES:
        page.goto(f"{address}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(address)
    page.get_by_role("button", name="Open Launch").click()
    expect(page.get_by_role("heading", name="Launch")).to_be_visible()
    assert elsewhere == []


def test_selected_runs_are_drawn_over_each_other_and_kept_on_reload(page: Page, serve: Callable, root: Path):
    make_run(root, "a")
    make_run(root, "b")
    page.goto(serve(root))
    expect(chart(page, "loss")).to_be_visible()
    click_row(page, 1)
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    expect(chart(page, "mIoU").locator(".legendtext")).to_have_count(2)
    page.reload()
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    page.get_by_role("button", name="Select none").click()
    expect(page.get_by_text("Select one or more runs")).to_be_visible()


def test_runs_started_elsewhere_appear_by_themselves(page: Page, serve: Callable, root: Path, process):
    page.goto(serve(root))
    expect(page.get_by_text("No run yet")).to_be_visible()
    run = make_run(root, "a")
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()
    run.write_status(state="running", **process_identity(process.pid))  # resumed in a terminal
    expect(page.get_by_test_id("glide-cell-2-0")).to_have_text("running")
    other = make_run(root, "b")
    expect(page.get_by_text("2 runs", exact=True)).to_be_visible()
    registry.delete(other)
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()


def test_the_name_of_the_first_page_leads_to_it(page: Page, serve: Callable, root: Path):
    for name in ("a", "b", "c"):
        make_run(root, name)
    page.goto(f"{serve(root)}/runs?run=a&run=b&view=Log")
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    expect(page.get_by_role("tab", name="Log")).to_have_attribute("aria-selected", "true")
    page.get_by_role("link", name="Weights").click()
    expect(page.get_by_role("heading", name="Weights")).to_be_visible()
    settled(page)
    assert "view" not in page.url, "a tab is one of this page"
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_real_images_are_sorted_as_numbers_and_all_is_most(page: Page, serve: Callable, root: Path):
    for name, n_real in (("a", "100"), ("b", "null"), ("c", "20"), ("d", "1000")):
        make_run(root, name, f"data.n_real={n_real}")
    page.goto(serve(root))
    names = [page.get_by_test_id(f"glide-cell-1-{row}") for row in range(4)]
    expect(names[0]).to_have_text("d")
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position={"x": REAL_IMAGES, "y": HEAD // 2})
    for cell, name in zip(names, "cadb", strict=True):
        expect(cell).to_have_text(name)


def test_a_tab_and_a_step_slider_show_pictures(page: Page, serve: Callable, root: Path):
    make_run(root, "a")
    page.goto(serve(root))
    page.get_by_role("tab", name="Pictures").click()
    expect(page.get_by_alt_text("Predictions of a, step 100")).to_be_visible()
    page.get_by_role("slider", name="Step").press("ArrowLeft")
    expect(page.get_by_alt_text("Predictions of a, step 50")).to_be_visible()
    assert "view=Pictures" in page.url


def test_a_running_run_moves_without_a_reload(page: Page, serve: Callable, root: Path, process):
    run = running_run(root, process)
    page.goto(serve(root))
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_text("step 100/100")).to_be_visible()
    with run.log.open("a") as log:
        log.write("step 110/200 a fresh line\n")
    expect(page.get_by_text("a fresh line")).to_be_visible()
    page.get_by_role("tab", name="Curves").click()
    run.append_metrics(training_row(5000))
    expect(chart(page, "loss").get_by_text("4,000")).to_be_visible()
    run.write_status(state="finished")
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()


@pytest.mark.parametrize(("role", "name", "heading"), [("button", "Clone", "Launch"), ("link", "Compare", "Compare")])
def test_the_page_that_opens_is_not_emptied_by_a_part_of_the_one_that_was_left(
    late: Late, page: Page, serve: Callable, root: Path, process, role: Any, name: str, heading: str
):
    running_run(root, process)
    page.goto(serve(root))
    late.begin(page)
    page.get_by_role(role, name=name).click()
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    rested(page)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    assert urlsplit(page.url).path == f"/{heading.lower()}"


def test_a_run_says_what_it_is_at_in_table_and_page(page: Page, serve: Callable, root: Path, process):
    run = running_run(root, process)
    phases = {"rendering 7/40": ("rendering", 7, 40), "validating 3/4": ("validating", 3, 4)}
    run.write_status(phase={"what": "opening the data"})
    page.goto(serve(root))
    bar, cell = page.get_by_test_id("stProgress"), page.get_by_test_id("glide-cell-6-0")
    expect(bar).to_contain_text("live: opening the data")
    for words, (what, done, total) in phases.items():
        run.write_status(phase={"what": what, "done": done, "total": total})
        expect(bar).to_contain_text(f"live: {words}")
        expect(cell).to_have_text(words)
    run.write_status(phase=None, eta=290.0)
    expect(bar).to_contain_text("live: training 40/100, 5 min left")


def test_empty_pages_say_what_is_so(page: Page, serve: Callable, root: Path):
    cancelled = make_run(root, "cancelled", state="cancelled")
    cancelled.metrics.unlink()
    address = serve(root, HRS_SHIPPED=str(SHIPPED))
    page.goto(f"{address}/?run=canceled")
    expect(page.get_by_text("There is no run called canceled.")).to_be_visible()
    page.get_by_role("button", name="Open cancelled").click()
    expect(page).to_have_url(re.compile("run=cancelled"))
    page.get_by_role("tab", name="Weights").click()
    expect(page.get_by_text("cancelled (cancelled) has recorded no weights")).to_be_visible()
    page.goto(f"{address}/weights?run=cancelled")
    expect(page.get_by_text("This run was cancelled and left neither weight maps nor a checkpoint")).to_be_visible()
    page.goto(f"{address}/?run=street&view=Pictures")
    expect(page.get_by_alt_text("Weights of street")).to_be_visible()
    page.get_by_role("button", name="Predictions").or_(page.get_by_role("radio", name="Predictions")).click()
    expect(page.get_by_text("street comes with hrs without its predictions")).to_be_visible()
    page.goto(f"{address}/compare")
    expect(page.get_by_text("There is one finished run, street.")).to_be_visible()


def test_a_killed_process_is_reported_without_a_reload(page: Page, serve: Callable, root: Path, process):
    running_run(root, process)
    page.goto(serve(root))
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    process.kill()
    process.wait()
    expect(page.get_by_text("failed: killed")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_enabled()


def test_deleting_asks_first_even_while_the_page_polls(page: Page, serve: Callable, root: Path, process):
    running_run(root, process)
    doomed = make_run(root, "doomed")
    page.goto(f"{serve(root)}/?run=doomed")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("cannot be undone")).to_be_visible()
    page.wait_for_timeout(5000)  # two polls
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_have_count(0)
    settled(page)  # a click on what is being drawn anew is lost
    page.get_by_role("button", name="Delete").click()
    settled(page)
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not doomed.path.exists()


def test_nothing_hangs_over_the_edge_of_a_phone(chromium: Browser, serve: Callable, root: Path):
    make_run(root, "a")
    address = serve(root)
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    for name in ("", "compare", "data"):
        page.goto(f"{address}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    context.close()
