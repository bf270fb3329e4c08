"""Why an area counts less, and which areas of a corpus do, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.figures.maps import colour_table
from hrs.pictures import FULL_WEIGHT, weigh_picture
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.report import title_of
from hrs.scoring.takeaway import groups_csv
from hrs.scoring.truth import hit_rates
from hrs.scoring.why import sentence
from tests.browser.conftest import ROOT, Serve, dashboard
from tests.browser.pages import changed, picture, settled, shown
from tests.conftest import CLASSES, tiny_config
from tests.scoring.weighted_run import WIDTH, make_run, make_scores

FRAME = 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, str]) -> Path:
    """A run that says why, and one that an older version scored."""
    root = tmp_path_factory.mktemp("areas") / "runs"
    make_run(root, "scored", frames["source"], tiny_config(frames), panel=False)
    old = make_run(root, "old", frames["source"], tiny_config(frames), panel=False, scores=False)
    make_scores(RunFolder(old).scores.path, frames["source"], reasons=False)
    return root


@pytest.fixture(scope="module")
def table(root: Path) -> AreaTable:
    return AreaTable.of(ScoredCorpus.open(root / "scored" / "scores"))


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with dashboard(root) as address:
        yield address


def point_at(page: Page, table: AreaTable, number: int, *, frame: str = "003") -> tuple[float, float]:
    """Where a pixel of an area lies in the window."""
    row = table.corpus.find(frame)
    assert row is not None
    y, x = np.argwhere(table.corpus.read_reasons(row).areas == number)[0]
    canvas = page.locator(".panels canvas").nth(FRAME)
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = canvas.bounding_box()
    assert box is not None
    scale = box["width"] / WIDTH
    return box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale


def test_a_click_on_an_area_says_why_it_weighs_what_it_does(page: Page, address: str, table: AreaTable) -> None:
    page.goto(f"{address}/weights?run=scored&frame=003")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("003"))
    expect(page.get_by_text("Click an area to read what its label is")).to_be_visible()
    areas = table.of_frame(3)
    contradicted = next(area for area in areas if area.seen != area.label)
    before = picture(page.locator(".panels canvas").nth(FRAME))
    page.mouse.click(*point_at(page, table, contradicted.number))
    expect(page.locator(".why")).to_have_text(sentence(contradicted, table))
    changed(page.locator(".panels canvas").nth(FRAME), before)  # it is outlined
    assert f"area={contradicted.number}" in page.url
    page.reload()
    expect(page.locator(".why")).to_have_text(sentence(contradicted, table))
    other = next(area for area in areas if area.seen == area.label)
    page.mouse.click(*point_at(page, table, other.number))
    expect(page.locator(".why")).to_have_text(sentence(other, table))
    page.mouse.click(*point_at(page, table, contradicted.number))
    names = CLASSES[contradicted.label], CLASSES[contradicted.seen]
    page.get_by_role("link", name="All areas labelled {} that look like {}".format(*names)).click()
    page.wait_for_url("**/areas?**")


def test_an_area_that_was_asked_about_is_left_by_key_and_by_button(page: Page, address: str, table: AreaTable) -> None:
    page.goto(f"{address}/weights?run=scored&frame=003")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("003"))
    clear = page.get_by_role("button", name="Clear area")
    expect(clear).to_be_disabled()
    for leave in (lambda: page.keyboard.press("Escape"), clear.click):
        page.mouse.click(*point_at(page, table, 1))
        expect(page.locator(".why")).to_be_visible()
        expect(clear).to_be_enabled()
        settled(page)
        leave()
        expect(page.locator(".why")).to_be_hidden()
        expect(clear).to_be_disabled()
        expect(page.get_by_text("Click an area to read what its label is")).to_be_visible()
        assert "area=" not in page.url


def test_the_cursor_reads_label_opinion_and_every_level(page: Page, address: str, table: AreaTable) -> None:
    page.goto(f"{address}/weights?run=scored&frame=003")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("003"))
    area = next(area for area in table.of_frame(3) if area.seen != area.label)
    page.mouse.move(*point_at(page, table, area.number))
    tip = page.locator(".tip")
    expect(tip).to_contain_text(CLASSES[area.label])
    expect(tip).to_contain_text(f"Real images say: {CLASSES[area.seen]}0.85")
    expect(tip).to_contain_text("planted: labelled as another class")
    for level in ("All levels combined", "Pixel", "Region", "Image"):
        expect(tip).to_contain_text(level)


def test_what_is_seen_and_where_it_contradicts_the_label_are_drawn(page: Page, address: str, table: AreaTable) -> None:
    page.goto(f"{address}/weights?run=scored&frame=003")
    canvases = open_canvases(page)
    titles = page.locator(".panels .title").all_text_contents()
    assert titles[:5] == ["Frame", "Label", "Real images see", "Disagreement", "All levels combined"]
    colour_at = """(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(
        Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data].slice(0, 3)"""
    frame, reasons = table.corpus.frame(3), table.corpus.read_reasons(3)
    label, palette = frame.read_label(), table.corpus.space.palette
    for x, y in ((8, 12), (24, 12)):  # agreed in the left half, contradicted in the right one
        place = [(x + 0.5) / label.shape[1], (y + 0.5) / label.shape[0]]
        seen = reasons.seen[y // 2, x // 2]
        assert tuple(canvases.nth(2).evaluate(colour_at, place)) == palette[seen]
        red, green, blue = canvases.nth(3).evaluate(colour_at, place)
        assert (red > green + 60) == bool(seen != label[y, x]) and abs(green - blue) < 30
    before = picture(canvases.nth(FRAME))
    page.get_by_role("button", name="Planted").click()
    changed(canvases.nth(FRAME), before)


def open_canvases(page: Page) -> Locator:
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("003"))
    return page.locator(".panels canvas")


def test_scores_of_before_say_what_they_lack(page: Page, address: str) -> None:
    page.goto(f"{address}/weights?run=old&frame=003")
    assert open_canvases(page).count() == 6
    told = "an older version of hrs scored it; score the run again: python -m hrs score NAME"
    expect(page.get_by_text(told)).to_be_visible()
    page.goto(f"{address}/areas?run=old")
    expect(page.get_by_text(told)).to_be_visible()


def test_every_kind_of_fault_is_a_row_that_leads_to_its_frames(page: Page, address: str, table: AreaTable) -> None:
    groups = table.groups()
    page.goto(f"{address}/areas?run=scored")
    expect(page.locator(".areas section").first).to_contain_text(title_of(table, groups[0]))
    titles = page.locator(".areas h3").all_text_contents()
    assert titles == [title_of(table, group) for group in groups[:8]]
    area = table.members(groups[0], 1)[0]
    first = page.locator(".areas li a").first
    expect(first.locator("img")).to_have_attribute("title", sentence(area, table))
    assert first.locator("img").evaluate("image => image.complete && image.naturalWidth") == 128
    first.click()
    page.wait_for_url("**/weights?**")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown(table.corpus.frame(area.row).id))
    expect(page.locator(".why")).to_have_text(sentence(area, table))


def test_kinds_are_filtered_by_label_and_by_what_is_seen(page: Page, address: str, table: AreaTable) -> None:
    group = next(group for group in table.groups() if group.disagrees)
    page.goto(f"{address}/areas?run=scored&label={CLASSES[group.label]}&seen={CLASSES[group.seen]}")
    expect(page.locator(".areas section")).to_have_count(1)
    expect(page.locator(".areas h3")).to_have_text(title_of(table, group))
    expect(page.locator(".areas li")).to_have_count(min(24, group.frames))
    page.get_by_text("Class by class").click()
    expect(page.locator(".areas h3").first).to_have_text(CLASSES[0])
    share, rates = hit_rates(table)
    page.get_by_text("Planted truth").click()
    expect(page.get_by_text(f"of all pixels in areas, {100 * share:.0f} % were")).to_be_visible()
    expect(page.get_by_text(f"AUROC {rates['combined'].auroc:.2f}")).to_be_visible()


def test_the_report_opens_from_the_disk_without_a_network(
    page: Page, chromium: Browser, address: str, table: AreaTable, tmp_path: Path
) -> None:
    page.goto(f"{address}/areas?run=scored")
    page.get_by_text("Export", exact=True).click()
    for name in ("Report (HTML)", "Contact sheet (PNG)", "Kinds of fault (CSV)"):
        with page.expect_download() as told:
            page.get_by_role("button", name=name).click()
        told.value.save_as(tmp_path / told.value.suggested_filename)
    assert (tmp_path / "scored_faults.csv").read_bytes() == groups_csv(table)
    assert (tmp_path / "scored_areas.png").read_bytes().startswith(b"\x89PNG")
    context = chromium.new_context(offline=True)
    report, asked = context.new_page(), []
    report.on("request", lambda request: asked.append(request.url))
    report.goto((tmp_path / "scored_areas.html").as_uri())
    assert report.locator("h3").first.text_content() == title_of(table, table.groups()[0])
    assert report.locator("img").evaluate_all("all => all.every(image => image.complete && image.naturalWidth === 128)")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["areas?run=scored", "weights?run=scored&frame=003&area=1", ""])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, address: str, place: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/{place}")
    page.locator(".areas img, .viewer[data-shown], .again button").first.wait_for()
    settled(page)
    wide = "() => [...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
    assert max(page.evaluate(wide)) <= 390


def test_a_first_visit_is_told_what_this_is_until_it_is_closed(page: Page, serve: Serve, tmp_path: Path) -> None:
    page.goto(serve(tmp_path, HRS_SHIPPED=str(ROOT / "checkpoints")))
    panel = page.locator(".welcome")
    expect(panel).to_be_visible()
    expect(panel.locator("img")).to_have_count(3)
    expect(panel.locator(".words p")).to_have_count(3)
    expect(panel.locator("nav a")).to_have_count(3)
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    page.reload()
    again = page.get_by_role("button", name="What is this?")
    expect(again).to_be_visible()
    expect(panel).to_be_hidden()
    again.click()
    panel.get_by_role("link", name="See what a run made of its frames").click()
    page.wait_for_url("**/weights?run=street")


def test_who_has_runs_asks_what_this_is(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="What is this?").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.reload()
    expect(page.locator(".welcome")).to_be_visible()


def test_the_browser_paints_weights_as_pictures_do(page: Page) -> None:
    """One formula in two languages: paint.js, and `hrs.pictures.weigh_picture` of figures, exports and previews."""
    rng = np.random.default_rng(0)
    height, width, scale = 9, 12, 2.5
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    codes = rng.integers(0, 256, (height, width), np.uint8)
    code = (ROOT / "app/figures/paint.js").read_text(encoding="utf-8")
    for opacity, threshold in ((0.6, 0.0), (0.3, 0.9), (1.0, 0.0)):
        sent = {
            "picture": np.dstack([photo, np.full((height, width), 255)]).ravel().tolist(),
            "values": codes.ravel().tolist(),
            "lens": {"opacity": opacity, "threshold": threshold},
            "colours": colour_table(),
            "size": [width, height],
            "scale": scale,
            "full": FULL_WEIGHT,
        }
        painted = page.evaluate(
            f"""(sent) => {{ {code}
            const [width, height] = sent.size;
            const context = sheet(width, height).getContext('2d');
            const map = {{ values: sent.values, scale: sent.scale, steps: 255 }};
            paint(context, sent.picture, map, width, height, sent.lens, bytes(sent.colours), sent.full);
            return [...context.getImageData(0, 0, width, height).data]; }}""",
            json.loads(json.dumps(sent)),
        )
        shown_there = np.array(painted).reshape(height, width, 4)[..., :3]
        weights = (codes / 255 * scale).astype(np.float32)
        expected = weigh_picture(photo, weights, opacity=opacity, threshold=threshold)
        assert np.abs(shown_there - expected.astype(int)).max() <= 5 * opacity  # a step of the colour table
