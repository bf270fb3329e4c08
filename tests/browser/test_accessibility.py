"""Every page, in both themes, as axe-core judges it: nothing serious, so that it can be read, and used with keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.label.mount import PREFIX
from hrs.labelling.photoset import PhotoSet
from hrs.runs.names import DATASETS
from tests.app.made_runs import make_run
from tests.app.test_label import photo, png
from tests.browser.conftest import dashboard
from tests.browser.pages import settled
from tests.conftest import CLASSES, tiny_config
from tests.scoring.weighted_run import make_run as make_weighted

SERIOUS = ("serious", "critical")
PAGES = {
    "runs": "?run=a&run=b",
    "runs' pictures": "?run=a&view=Pictures",
    "runs' settings": "?run=a&run=b&view=Settings",
    "launch": "launch",
    "launch with mistakes": "launch?set=train.steps%3D-5&set=data.target%3D/none",
    "weights": "weights?run=scored",
    "areas": "areas?run=scored",
    "frame": "weights?run=scored&frame=003",
    "compare": "compare",
    "data": "data",
    "data set": "data?data={data}",
    "label": "label",
    "segment": "segment",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, str]) -> Iterator[str]:
    """One dashboard over two plain runs and one with scores, for all tests here."""
    root = tmp_path_factory.mktemp("pages") / "runs"
    make_weighted(root, "scored", frames["source"], tiny_config(frames))
    make_run(root, "a", "method=joint")
    make_run(root, "b")
    own = PhotoSet.create(root / DATASETS / "town", list(CLASSES))
    own.add(png(photo()), "photo.png")
    with dashboard(root) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault(chromium: Browser, address: str, frames: dict[str, str], scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    found = {name: faults(page, f"{address}/{place.format(data=frames['target'])}") for name, place in PAGES.items()}
    context.close()
    assert not {name: told for name, told in found.items() if told}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_label_editor_has_no_serious_fault(page: Page, address: str, theme: str) -> None:
    page.goto(f"{address}{PREFIX}/?set=town&theme={theme}")
    expect(page.locator("#saved")).to_have_text("All changes saved")
    assert not serious(page)


def faults(page: Page, place: str) -> list[str]:
    page.goto(place)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    settled(page)
    page.wait_for_timeout(500)  # charts and pictures are drawn by scripts of their own
    return serious(page)


def serious(page: Page) -> list[str]:
    judged = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}" for each in judged if each["impact"] in SERIOUS for node in each["nodes"]
    ]


@pytest.mark.parametrize("width", [800, 1280])
def test_the_menu_shows_which_page_this_is(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/segment")
    here = page.get_by_role("link", name="Segment", exact=True)
    expect(here).to_be_visible()
    expect(here).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("link", name="Runs", exact=True)).to_be_visible()
