"""From no labels to a better model: photos uploaded, labelled, trained on, segmented, corrected, trained on again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.environment import GUARD_VARIABLE
from app.guard import Policy
from hrs.labelling.photoset import PhotoSet
from hrs.runs.folder import RunFolder
from hrs.runs.names import DATASETS
from hrs.runs.registry import list_runs
from hrs.runs.work import cancel
from tests.app.made_runs import make_run
from tests.app.photo_runs import street
from tests.browser.conftest import ROOT, free_port
from tests.browser.pages import press_pixel, set_field, settled, upload
from tests.conftest import until

TRAINING_MS = 180_000
SIZE = (48, 64)
PLACES = {"sky": (6, 4), "road": (44, 60), "car": (31, 16), "tree": (15, 45)}
"""Where the street's classes are: row and column."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: dict[str, str]) -> Iterator[Path]:
    """Runs, of which one says what the last settings were: tiny ones."""
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    tiny = ("data.height=48", "data.width=64", "data.segments=30", "data.workers=0", "network.name=compact")
    steps = ("train.steps=30", "train.validate_every=30", "train.save_every=30", "train.panel=0", "train.previews=1")
    batch = ("train.batch_source=2", "train.batch_target=2", "method=joint")
    make_run(tmp_path / "runs", "before", f'data.sources=["{frames["source"]}"]', *tiny, *steps, *batch)
    yield tmp_path / "runs"
    for summary in list_runs(tmp_path / "runs"):
        if summary.status.state in ("queued", "running"):
            cancel(summary.run, force=True)


@pytest.fixture
def address(root: Path, serve: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """A dashboard, with the photo app beside it."""
    port, photo = free_port(), free_port()
    environment = {**os.environ, GUARD_VARIABLE: Policy(framed_by=port).to_json()}
    command = [sys.executable, "-m", "app.photo", "--port", str(photo), "--runs", str(root)]
    with open(tmp_path / "photo.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield serve(root, port=port, HRS_PHOTO_URL=f"http://127.0.0.1:{photo}")
    process.terminate()
    process.wait(20)


def test_from_no_labels_to_a_better_model(page: Page, address: str, root: Path, tmp_path: Path) -> None:
    make_a_set(page, address, tmp_path)
    label(page, PhotoSet.open(root / DATASETS / "town"), ("photo0", "photo1", "photo2"))
    train(page, root, "first")
    page = segment_and_correct(page, address, tmp_path)
    own = PhotoSet.open(root / DATASETS / "corrections")
    label(page, own, ("wrong", "also_wrong"))
    train(page, root, "second")


def make_a_set(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/label")
    settled(page)
    page.get_by_label("Name", exact=True).fill("town")
    page.get_by_label("Names of my own classes, one a line").fill("sky\nroad\ncar\ntree")
    page.get_by_role("button", name="Make it").click()
    files = [write_photo(tmp_path / f"photo{i}.png", i) for i in range(3)]
    upload(page, files)
    page.get_by_role("button", name=re.compile("Add$")).last.click()
    expect(page.get_by_text("0 of 3 photos have labels")).to_be_visible()


def write_photo(path: Path, corner: int) -> Path:
    """A street that differs from others by its first pixel: no two are the same file."""
    image = street()
    image[0, 0] = corner
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def label(page: Page, own: PhotoSet, photos: tuple[str, ...]) -> None:
    """One touch for each class, at the grain of some dozens of areas."""
    editor = page.frame_locator("iframe")
    for photo in photos:
        editor.get_by_role("button", name=re.compile(f"^{photo} ")).click()
        expect(editor.locator("#saved")).to_have_text("All changes saved")
        editor.locator("#size").fill("7")
        for name, place in PLACES.items():
            editor.get_by_role("option", name=name).click()
            press_pixel(editor, SIZE, *place)
        expect(editor.locator("#saved")).to_have_text("All changes saved")
        until(lambda photo=photo: labelled(own, photo) == {0, 1, 2, 3})
    expect(page.get_by_text(f"{len(photos)} of {len(photos)} photos have labels")).to_be_visible()


def labelled(own: PhotoSet, photo: str) -> set[int]:
    found = own.read_label(photo)[0]
    return set() if found is None else set(np.unique(found).tolist()) - {255}


def train(page: Page, root: Path, name: str) -> None:
    page.get_by_role("button", name="Train with these").click()
    expect(page.get_by_text("photos that you labelled")).to_be_visible()
    set_field(page, "Name", name)
    expect(page).to_have_url(re.compile(f"name={name}"))
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page).to_have_url(re.compile(f"run={name}"))
    until(lambda: RunFolder(root / name).read_status().state not in ("queued", "running"), TRAINING_MS / 1000)
    run = RunFolder(root / name)
    assert run.read_status().state == "finished", run.log_tail()


def segment_and_correct(page: Page, address: str, tmp_path: Path) -> Page:
    """Two photos that the run called first got wrong; returns the page on which they are corrected."""
    page.goto(f"{address}/segment")
    inside = page.frame_locator("iframe")
    for name in ("also wrong", "wrong"):
        photo = write_photo(tmp_path / f"{name}.png", 10 + len(name))
        inside.locator("#photo input[type=file]").set_input_files(photo)
        expect(inside.locator(".hrs-classes")).to_be_visible()
        inside.locator("#correct").click()
        link = inside.get_by_role("link", name="Correct it on the Label page")
        expect(link).to_be_visible()
        if name != "wrong":
            inside.get_by_label("Remove Image").click()
            expect(link).to_have_count(0)
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value.frame_locator("iframe").get_by_text("Begin with")).to_be_visible()
    return opened.value


def test_the_street_has_its_classes_where_this_test_touches() -> None:
    image = street().astype(int)
    sky, road, car, tree = (image[place] for place in PLACES.values())
    assert sky[2] > sky[0] and abs(road - road.mean()).max() < 60 and car[0] > car[2] and tree[1] > tree[0]
