"""The photo app in a real Chromium, inside the dashboard and by itself, and through gradio_client."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil
import pytest
from PIL import Image as Pillow
from playwright.sync_api import FrameLocator, Locator, Page, expect

from app.environment import GUARD_VARIABLE
from app.guard import Policy
from tests.app.photo_runs import hostile, make_runs, write_street
from tests.browser.conftest import ROOT
from tests.conftest import free_port

START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class App:
    """framed_by: port of the one dashboard that may show it."""

    url: str
    framed_by: int
    process: subprocess.Popen[bytes]
    runs: Path

    def memory(self) -> float:
        """Megabytes in use."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("photo")
    environment = {**os.environ, "HRS_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", environment["HRS_CACHE"])
        runs = make_runs(folder)
    port, framed_by = free_port(), free_port()
    environment[GUARD_VARIABLE] = Policy(framed_by=framed_by).to_json()
    command = [sys.executable, "-m", "app.photo", "--port", str(port), "--runs", str(runs)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    started = App(url=f"http://127.0.0.1:{port}", framed_by=framed_by, process=process, runs=runs)
    wait_until_up(started, folder / "log")
    yield started
    process.terminate()
    assert process.wait(20) == 0
    assert not list(folder.glob("hrs-photo-*")), "uploads stay behind"
    assert "Traceback" not in (folder / "log").read_text(), (folder / "log").read_text()


def wait_until_up(app: App, log: Path, *, up: int = 200) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and app.process.poll() is None:
        try:
            urllib.request.urlopen(app.url, timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            if error.code == up:
                return
            raise
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the photo app did not start:\n{log.read_text()[-2000:]}", pytrace=False)


@pytest.fixture
def photo(tmp_path) -> Path:
    return write_street(tmp_path / "street.jpg")


def upload(place: Page | FrameLocator, file: Path) -> None:
    place.locator("#photo input[type=file]").set_input_files(file)


def classes(place: Page | FrameLocator) -> Locator:
    return place.locator(".hrs-classes")


# In the browser


def test_a_photo_is_segmented_inside_the_dashboard(app: App, page: Page, serve: Callable[..., str], photo: Path):
    page.goto(f"{serve(app.runs, port=app.framed_by, HRS_PHOTO_URL=app.url)}/segment")
    expect(page.get_by_role("heading", name="Segment")).to_be_visible()
    assert page.get_by_role("link", name="Open in a new tab").get_attribute("href") == app.url
    inside = page.frame_locator("iframe")
    upload(inside, photo)
    for name in ("sky", "road", "car", "tree"):
        expect(classes(inside)).to_contain_text(name)
    expect(inside.get_by_role("meter", name="Realism")).to_be_visible()

    assert_frame_is_as_high_as_its_page(page)
    assert page.locator("iframe").get_attribute("title")
    assert "Source Sans" in inside.locator("body").evaluate(
        "body => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family).join()"
    )

    picture = inside.locator(".hrs-mask")
    before = picture.screenshot()
    inside.get_by_role("slider").fill("0")
    expect(picture).to_have_css("opacity", "0")
    assert picture.screenshot() != before

    with page.expect_download() as download:
        inside.locator("#get-labels").click()
    assert download.value.suggested_filename == "street_labels.png"
    with Pillow.open(download.value.path()) as labels:
        assert labels.mode == "P" and labels.size == (640, 480)
        assert set(np.unique(np.asarray(labels))) == {0, 1, 2, 3}


def assert_frame_is_as_high_as_its_page(page: Page) -> None:
    """The dashboard scrolls, what it frames does not."""
    inside = page.frame_locator("iframe").locator("html")
    for _ in range(80):
        shown, content = inside.evaluate(
            "page => [page.clientHeight, page.querySelector('.gradio-container').offsetHeight]"
        )
        if content <= shown <= content + 2:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the frame is {shown} pixels high, its content {content}")


def test_the_class_under_the_pointer_is_named(app, page, photo):
    page.goto(app.url)
    upload(page, photo)
    mask = page.locator(".hrs-mask")
    for height, name in ((0.05, "sky"), (0.95, "road")):
        box = mask.bounding_box()
        mask.hover(position={"x": box["width"] * 0.97, "y": box["height"] * height}, force=True)
        expect(page.locator(".hrs-name")).to_have_text(name)
    page.locator("#get-labels").hover()
    expect(page.locator(".hrs-name")).to_have_count(0)


def test_no_other_page_can_show_it(app: App, page: Page, serve: Callable[..., str]):
    page.goto(f"{serve(app.runs, HRS_PHOTO_URL=app.url)}/segment")
    expect(page.locator("iframe")).to_be_visible()
    refused = ["chrome-error://chromewebdata/"]
    for _ in range(80):
        if [frame.url for frame in page.frames[1:]] == refused:
            break
        page.wait_for_timeout(250)
    assert [frame.url for frame in page.frames[1:]] == refused


def test_where_a_password_is_set_nothing_is_shown_without_it(page: Page, tmp_path: Path, app: App):
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "app.photo", "--port", str(port), "--runs", str(app.runs)]
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "HRS_PASSWORD": "open sesame"}, stdout=out, stderr=subprocess.STDOUT
        )
    closed = App(url=f"http://127.0.0.1:{port}", framed_by=0, process=process, runs=app.runs)
    wait_until_up(closed, log, up=401)
    page.goto(closed.url)
    for given, shown in (("sesame", "That is not the password."), ("open sesame", "Segment")):
        assert not page.locator("#photo").count()
        page.get_by_label("Password").fill(given)
        page.get_by_role("button").click()
        expect(page.get_by_text(shown).first).to_be_visible()
    expect(page.locator("#photo")).to_be_visible()
    process.terminate()
    assert process.wait(20) == 0


def test_nothing_leaves_this_machine_and_the_picture_follows_the_slider_without_asking(app, page, photo):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url)
    upload(page, photo)
    expect(classes(page)).to_be_visible()
    page.get_by_role("tab", name="Side by side").click()
    page.get_by_role("tab", name="Confidence").click()
    expect(page.get_by_alt_text("Confidence, on average", exact=False)).to_be_visible()
    assert all(url.startswith((app.url, "data:", "blob:")) for url in asked), asked


def test_the_overlay_to_download_has_the_opacity_of_the_screen(app, page, photo):
    page.goto(app.url)
    upload(page, photo)
    expect(classes(page)).to_be_visible()
    file = page.locator("#get-overlay")
    first = overlay_of(page, file)
    page.get_by_role("slider").fill("0")
    truth = cv2.imread(str(photo))
    wait_for(lambda: np.abs(overlay_of(page, file).astype(int) - truth).mean() < 3)
    assert np.abs(first.astype(int) - truth).mean() > 10


def overlay_of(page: Page, button: Locator) -> np.ndarray:
    with page.expect_download() as download:
        button.click()
    return cv2.imread(str(download.value.path()))


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_example_is_segmented_with_a_click(app, page):
    page.goto(app.url)
    page.locator(".gallery-item, .gallery button").first.click()
    expect(classes(page)).to_be_visible()


def test_many_photos_become_a_zip(app, page, tmp_path):
    files = [write_street(tmp_path / f"street {i}.jpg", 64 * i, 48 * i) for i in (3, 5, 7)]
    (tmp_path / "text.jpg").write_text("no photo")
    page.goto(app.url)
    page.get_by_role("tab", name="Many, and videos").click()
    page.locator("#batch input[type=file]").set_input_files([*files, tmp_path / "text.jpg"])
    expect(page.get_by_role("row", name="text.jpg")).to_be_visible()
    page.locator("#segment-all").click()
    expect(page.locator(".hrs-batch")).to_contain_text("Left out: ")
    with page.expect_download() as download:
        page.locator("#get-zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sum(name.endswith("_labels.png") for name in archive.namelist()) == 3


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_file_is_told_and_the_next_photo_is_segmented(app, page, photo, tmp_path, name):
    data, message = hostile()[name]
    (tmp_path / name).write_bytes(data)
    page.goto(app.url)
    upload(page, photo)
    expect(classes(page)).to_be_visible()
    page.get_by_label("Remove Image").click()
    upload(page, tmp_path / name)
    expect(page.get_by_test_id("toast-body").or_(page.locator(".toast-body"))).to_contain_text(message)
    expect(classes(page)).to_be_hidden()
    page.get_by_label("Remove Image").click()
    upload(page, photo)
    expect(classes(page)).to_be_visible()


def test_after_an_example_too_a_photo_is_handed_on_as_it_was_uploaded(app, page, photo, tmp_path):
    """Choosing an example makes Gradio build the component anew; it must not begin to open and convert files."""
    (tmp_path / "text.jpg").write_text("no photo")
    page.goto(app.url)
    page.locator(".gallery-item, .gallery button").first.click()
    expect(classes(page)).to_be_visible()
    page.get_by_label("Remove Image").click()
    upload(page, tmp_path / "text.jpg")
    told = page.get_by_test_id("toast-body").or_(page.locator(".toast-body"))
    expect(told).to_contain_text("expected a whole JPEG")
    expect(told).not_to_contain_text("preprocess")


def test_a_file_of_more_than_25_megabytes_is_refused(app, page, photo, tmp_path):
    (tmp_path / "long.jpg").write_bytes(photo.read_bytes() + bytes(26 * 2**20))
    page.goto(app.url)
    upload(page, tmp_path / "long.jpg")
    expect(page.get_by_text("exceed the maximum allowed size of 25")).to_be_visible()
    page.reload()
    upload(page, photo)
    expect(classes(page)).to_be_visible()


def test_the_page_says_how_to_start_the_photo_app_where_it_is_not_running(app, page, serve):
    page.goto(f"{serve(app.runs)}/segment")
    expect(page.get_by_text("The photo app is not running.")).to_be_visible()
    expect(page.get_by_text("python -m app.photo")).to_be_visible()


# Through gradio_client, in a process of its own as users have it

SNIPPET = """
import json, sys
from gradio_client import Client, handle_file

client = Client(sys.argv[1], verbose=False)
labels, found = client.predict(photo=handle_file(sys.argv[2]), api_name="/segment")
print(json.dumps([labels, found]))
"""


def test_the_client_gets_labels_and_numbers(app, photo):
    done = subprocess.run([sys.executable, "-c", SNIPPET, app.url, photo], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    labels, found = json.loads(done.stdout.splitlines()[-1])
    with Pillow.open(labels) as picture:
        assert picture.mode == "P" and picture.size == (640, 480)
    assert found["checkpoint"] == "tiny" and found["coverage"]["road"] > 30 and 0 <= found["realism"] <= 1


# By hand


def send(app: App, file: Path) -> dict[str, object]:
    """Upload a file; what a call wants to know of it."""
    with open(file, "rb") as data:
        answer = httpx.post(f"{app.url}/gradio_api/upload", files={"files": (file.name, data)}, timeout=60)
    return file_at(answer.raise_for_status().json()[0])


def file_at(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def call(app: App, photo: object, checkpoint: object = None) -> str:
    """Queue a call of /segment; its id."""
    body = {"data": [photo, checkpoint, False]}
    answer = httpx.post(f"{app.url}/gradio_api/call/segment", json=body, timeout=20)
    return str(answer.raise_for_status().json()["event_id"])


def answer_to(app: App, event: str) -> str:
    """All that the server says, once it has answered."""
    return httpx.get(f"{app.url}/gradio_api/call/segment/{event}", timeout=120).raise_for_status().text


def test_twenty_uploads_at_once_are_answered_in_order_and_memory_stays_bounded(app, tmp_path):
    files = [write_street(tmp_path / f"{i:02d}.jpg", 1600, 1200) for i in range(20)]
    answer_to(app, call(app, send(app, files[0])))
    before = app.memory()
    with ThreadPoolExecutor(20) as pool:
        start = time.monotonic()
        sent = list(pool.map(lambda file: send(app, file), files))
        events = [call(app, photo) for photo in sent]
        waiting = [pool.submit(answer_to, app, event) for event in events]
        most = before
        while not all(each.done() for each in waiting):
            most = max(most, app.memory())
            time.sleep(0.02)
    seconds = time.monotonic() - start
    answers = [json.loads(each.result().partition("data: ")[2]) for each in waiting]
    assert [found["source"] for _, found in answers] == [file.name for file in files]
    written = [Path(labels["path"]).stat().st_mtime_ns for labels, _ in answers]
    assert written == sorted(written)
    print(f"20 photos in {seconds:.1f} s, {before:.0f} MB before, at most {most:.0f} MB")
    assert most - before < 200


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (file_at("/etc/passwd"), "no uploaded file"),
        (file_at("../../etc/passwd"), "no uploaded file"),
        ({"path": "/etc/passwd"}, "no uploaded file"),
        ("/etc/passwd", "no uploaded file"),
        (file_at("http://127.0.0.1:9/a.jpg"), "not fetched"),
        ([{"a": file_at("https://example.com/a.jpg")}], "not fetched"),
        (None, "no uploaded file"),
    ],
)
def test_only_uploaded_files_are_read(app, photo, message):
    said = answer_to(app, call(app, photo))
    assert "event: error" in said and message in said, said


@pytest.mark.parametrize("path", ["/etc/passwd", "..%2F..%2Fetc%2Fpasswd", "http://127.0.0.1:9/", "https:/a.com/"])
def test_only_results_are_served(app, path):
    assert httpx.get(f"{app.url}/gradio_api/file={path}", timeout=20).status_code == 403


def test_a_name_with_a_path_is_only_a_name(app, photo):
    with open(photo, "rb") as data:
        answer = httpx.post(f"{app.url}/gradio_api/upload", files={"files": ("../../../tmp/x.jpg", data)}, timeout=60)
    path = Path(answer.json()[0])
    assert path.name == "x.jpg" and any(folder.name.startswith("hrs-photo-") for folder in path.parents)


@pytest.mark.parametrize("checkpoint", ["../../etc", "/etc", "", 7, ["tiny"], {"path": "/etc"}])
def test_a_checkpoint_outside_the_list_is_refused(app, photo, checkpoint):
    said = answer_to(app, call(app, send(app, photo), checkpoint))
    assert "event: error" in said and "choose one of: tiny" in said, said


def test_a_taken_port_is_one_line(app):
    port = app.url.rpartition(":")[2]
    command = [sys.executable, "-m", "app.photo", "--port", port, "--runs", str(app.runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("error: "), done.stderr
