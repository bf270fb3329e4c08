import re
import pytest
from playwright.sync_api import expect
from tests.browser.pages import shown
from tests.browser.test_weights import run, address
@pytest.mark.parametrize("scheme", ["light","dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_shots(chromium, address, scheme, width):
    c = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = c.new_page()
    page.goto(f"{address}/weights?run=scored&source=panel&threshold=0.5&filter=weight:0:1.1:keep")
    page.locator(".grid[data-ready]").wait_for(); page.wait_for_timeout(500)
    page.screenshot(path=f"/tmp/h20c_grid_{scheme}_{width}.png")
    page.goto(f"{address}/weights?run=scored&source=panel&frame=001&step=0")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", shown("001")); page.wait_for_timeout(500)
    page.screenshot(path=f"/tmp/h20c_frame_{scheme}_{width}.png")
    if width==1280 and scheme=="light":
        page.goto(f"{address}/weights?run=scored&filter=weight:0:1.0:keep")
        page.locator(".grid[data-ready]").wait_for()
        page.get_by_role("button", name="Filters").click()
        page.get_by_role("combobox", name="Keep frames by").click()
        page.get_by_role("option", name="Region: car").click()
        page.wait_for_timeout(1500)
        page.screenshot(path=f"/tmp/h20c_filters.png")
    c.close()
