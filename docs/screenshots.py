"""Pictures of every page for the README: python docs/screenshots.py --runs runs --run NAME [NAME ...]

Starts the dashboard and the photo app on the given runs, opens every page in Chromium, and writes docs/pages/*.png. The
first run needs weights over a scored corpus (python -m hrs score NAME); the runs page shows all that are named.
docs/idea.jpg, the README's first picture, is that of a first visit; docs/weights.jpg shows frames of the corpus.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, sync_playwright

from app.label.mount import PREFIX
from app.welcome import CAPTIONS, pictures
from hrs.labelling.photoset import PhotoSet
from hrs.labels import CAMVID
from hrs.pictures import sheet, weight_sheet, write_picture
from hrs.runs.folder import RunFolder
from hrs.runs.names import DATASETS
from hrs.scoring.corpus import ScoredCorpus

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "pages"
EXAMPLE = ROOT / "app" / "examples"
SIZE = {"width": 1280, "height": 860}
EXAMPLES = "examples"
TILE = 20  # of the grid's first page
WIDTH = 440  # of a picture in docs/idea.jpg
ROWS = 5  # of docs/weights.jpg
SETTLE_MS = 2500  # for charts and pictures to be drawn
PATIENCE_MS = 60_000
TRIAL_MS = 3_600_000
TRIED = ("data.sources=render:synthetic?frames=300", "data.height=96", "data.width=128")  # of the form for a trial


def settle(page: Page) -> None:
    page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLE_MS)


def photo(page: Page) -> None:
    """Segment the first example in the photo app inside its page."""
    app = page.frame_locator("iframe").first
    app.locator("input[type=file]").first.set_input_files(sorted(EXAMPLE.glob("*.jpg"))[0])
    app.get_by_text("%").first.wait_for(timeout=PATIENCE_MS)


def open_frame(page: Page) -> None:
    """Open a frame of the grid."""
    page.locator(".grid[data-ready]").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^Open frame")).nth(TILE).click()
    page.locator(".viewer").wait_for(timeout=PATIENCE_MS)


def ask(page: Page) -> None:
    """Begin with what the model is sure of; the first question comes by itself."""
    page.locator("[data-start=sure]").click(timeout=PATIENCE_MS)
    page.locator("#questions").wait_for(timeout=PATIENCE_MS)
    page.locator("#skip").click()
    page.locator("#zoom-fit").click()


def ask_why(page: Page) -> None:
    """Ask why an area of the frame that counts least weighs what it does."""
    page.locator(".grid[data-ready]").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^Open frame")).first.click()
    page.locator(".viewer[data-shown]").wait_for(timeout=PATIENCE_MS)
    page.mouse.wheel(0, 230)
    settle(page)
    box = page.locator(".panels canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9)
    page.mouse.move(0, 0)


def try_frames(page: Page) -> None:
    """Try the frames of the form, which takes minutes, and show what came of it."""
    page.get_by_role("button", name=re.compile("Try the frames")).click()
    found = page.get_by_role("heading", name="What the frames bring")
    found.wait_for(timeout=TRIAL_MS)
    settle(page)
    page.get_by_text("IoU by class").click()
    found.evaluate("heading => heading.scrollIntoView()")
    page.mouse.move(0, 0)


def choose_study(page: Page) -> None:
    """Show a study, where there is one."""
    places = page.get_by_role("combobox", name="Runs of")
    if places.count():
        places.click()
        page.get_by_role("option", name=re.compile("^Study")).first.click()
        page.wait_for_timeout(SETTLE_MS)  # until it is being drawn


PAGES: dict[str, tuple[str, Callable[[Page], None] | None]] = {
    "runs": ("/", None),
    "launch": ("/launch", None),
    "trial": (f"/launch?{urlencode({'set': TRIED}, doseq=True)}", try_frames),
    "weights": ("/weights", None),
    "frame": ("/weights", open_frame),
    "why": ("/weights", ask_why),
    "areas": ("/areas", None),
    "compare": ("/compare", choose_study),
    "data": ("/data?data=render:synthetic%3Fframes%3D64", None),
    "segment": ("/segment", photo),
    "label": (f"{PREFIX}/?set={EXAMPLES}&model=street&photo=street-2", ask),
}


def shoot(address: str, runs: list[str], names: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or None, args=["--no-sandbox", "--disable-gpu"]
        )
        for name in names:
            place, act = PAGES[name]
            page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
            chosen = "&".join(f"run={run}" for run in (runs if name == "runs" else runs[:1]))
            page.goto(f"{address}{place}{'&' if '?' in place else '?'}{chosen}")
            page.locator("h1, #stage").first.wait_for(timeout=PATIENCE_MS)
            settle(page)
            if act is not None:
                act(page)
                settle(page)
            page.screenshot(path=OUT / f"{name}.png")
            print(OUT / f"{name}.png")
            page.close()
        browser.close()


def draw_idea() -> None:
    """A frame, its label and its weights, with what they say over them."""
    write_picture(ROOT / "docs" / "idea.jpg", sheet([pictures()], [caption for caption, _ in CAPTIONS], width=WIDTH))


def draw_weights(corpus: ScoredCorpus) -> None:
    """Frames with their labels and maps of every level, from the one that counts least to the one that counts most."""
    order = corpus.select(sort="weight")
    frames = [corpus.frame(int(order[place])) for place in np.linspace(0, len(order) - 1, ROWS).astype(int)]
    rows = [(frame.read_picture(), frame.read_label(), frame.read_maps()) for frame in frames]
    write_picture(ROOT / "docs" / "weights.jpg", weight_sheet(rows, corpus.space))


def make_examples(runs: Path) -> None:
    """A set of the photo app's examples to label, unlabelled."""
    folder = runs / DATASETS / EXAMPLES
    shutil.rmtree(folder, ignore_errors=True)
    own = PhotoSet.create(folder, CAMVID)
    for file in sorted(EXAMPLE.glob("*.jpg")):
        own.add(file.read_bytes(), file.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--run", required=True, nargs="+", help="runs that are shown")
    parser.add_argument(
        "--pages", nargs="*", choices=PAGES, default=list(PAGES), help="all by default, and other pictures"
    )
    options = parser.parse_args()
    if options.pages == list(PAGES):
        draw_idea()
        draw_weights(ScoredCorpus.open(RunFolder(options.runs / options.run[0]).scores.path))
    if "label" in options.pages:
        make_examples(options.runs)
    command = [sys.executable, "-u", "-m", "app", "--runs", str(options.runs.resolve()), "--port", "8600"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        lines = iter(server.stdout.readline, "")
        address = next(found[1] for line in lines if (found := re.match(r"dashboard: (\S+)", line)))
        next(line for line in lines if line.startswith("runs:"))
        shoot(address, options.run, options.pages)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
