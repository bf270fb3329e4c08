"""How quickly the dashboard answers in Chromium, and how much memory its server takes.

python -m benchmarks.dashboard [--runs 200] [--lines 10000] [--frames 25000] [--repeats 15] [--minutes 0]

Over generated data: runs with so many lines of metrics, and one scored corpus of so many frames. Histories, maps and
pictures are a few real files each, linked under many names; every name is read as a file of its own. Times are taken in
the page, from the click to the first frame that paints the result, on one page of a headless browser. ``--minutes 30``
also watches the memory while a page polls a run that writes a line a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
from playwright.sync_api import Locator, Page, sync_playwright

from hrs.config import load_config
from hrs.labels import CAMVID
from hrs.pictures import write_picture
from hrs.runs.folder import RunFolder
from hrs.runs.names import picture_file
from hrs.scoring.corpus import MAP_NAMES
from hrs.scoring.maps import pack, write_frame, write_maps
from hrs.scoring.panel import PanelFrame, PanelWriter
from hrs.scoring.write import About, write_table
from hrs.selection.scale import MapScale, Scale

ROOT = Path(__file__).resolve().parent.parent
LINKED = 8  # files of a kind that differ; the others are links to them
VALIDATE_EVERY = 500  # lines
HEIGHT, WIDTH = 144, 192
PANEL_STEPS = 20
MEGABYTE = 2**20


@dataclass
class Figures:
    """What was measured: seconds by name, and the goals for their 95th percentile."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    goals: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float, goal: float | None = None) -> None:
        self.seconds.setdefault(name, []).append(seconds)
        if goal is not None:
            self.goals[name] = goal

    def rows(self) -> list[list[str]]:
        return [
            [name, str(len(times)), _ms(statistics.median(times)), _ms(_p95(times)), _goal(times, self.goals.get(name))]
            for name, times in self.seconds.items()
        ]


def generate_runs(root: Path, runs: int, lines: int) -> None:
    """Finished runs as a study leaves them, and one that is running."""
    shelf = root.parent / "shelf"
    shelf.mkdir(parents=True)
    for i in range(LINKED):
        (shelf / f"{i}.jsonl").write_text(history(lines, seed=i))
        write_picture(shelf / f"{i}.jpg", noise(i, 4 * HEIGHT, 3 * WIDTH))
    methods = ("hrs", "joint", "mixing", "target_only")
    for i in range(runs):
        overrides = (f"seed={i // 16}", f"method={methods[i % 4]}", f"data.n_real={(5, 20, 50, 200)[i // 4 % 4]}")
        run = RunFolder.create(root, f"run-{i:03d}", load_config(None, (*overrides, f"train.steps={lines}")).to_yaml())
        run.write_space(CAMVID)
        os.link(shelf / f"{i % LINKED}.jsonl", run.metrics)
        run.log.write_text(f"step {lines}/{lines} loss 1.0\n" * 50)
        for step in range(0, lines + 1, lines // 4):
            run.previews.mkdir(exist_ok=True)
            os.link(shelf / f"{i % LINKED}.jpg", run.preview("val", step))
        run.append_result({"step": lines, "miou": 40.0 + i % 7})
        run.write_status(state="finished", step=lines, steps=lines, best={"step": lines, "miou": 40.0 + i % 7})


def history(lines: int, seed: int) -> str:
    """Text of a metrics.jsonl like that of a run of the method hrs on CamVid's classes."""
    rng = np.random.default_rng(seed)
    losses, classes = rng.gamma(4, 0.3, (lines, 7)).round(5), rng.gamma(9, 1 / 9, (lines, len(CAMVID))).round(5)
    names = ("loss", "loss_target", "loss_source", "loss_pixel", "loss_region", "grad_norm", "effective_share")
    rows = []
    for step in range(1, lines + 1):
        values = dict(zip(names, losses[step - 1].tolist(), strict=True))
        rows.append(
            {
                "step": step,
                "split": "train",
                **values,
                "learning_rate": 1e-3,
                "class_weight": classes[step - 1].tolist(),
            }
        )
        if step % VALIDATE_EVERY == 0:
            rows.append(validation(step, rng))
    return "".join(json.dumps(row) + "\n" for row in rows)


def validation(step: int, rng: np.random.Generator) -> dict[str, object]:
    iou = rng.uniform(10, 90, len(CAMVID)).round(2).tolist()
    counts = rng.integers(0, 10**6, (len(CAMVID), len(CAMVID))).tolist()
    scores = {"miou": statistics.fmean(iou), "iou": dict(zip(CAMVID.classes, iou, strict=True))}
    return {"step": step, "split": "val", **scores, "pixel_accuracy": 80.0, "confusion": counts}


def generate_corpus(run: RunFolder, frames: int) -> None:
    """A scored corpus in a run's folder: a table row, maps, a picture and a label a frame."""
    shelf = run.path.parent.parent / "shelf"
    for i in range(LINKED):
        rng = np.random.default_rng(i)
        smooth = np.repeat(np.repeat(rng.gamma(4, 0.25, (HEIGHT // 8, WIDTH // 8)), 8, 0), 8, 1).astype(np.float32)
        write_maps(shelf / f"{i}.npz", dict.fromkeys(MAP_NAMES, pack(smooth)))
        write_frame(picture_file(shelf / "frames", str(i)), noise(i, HEIGHT, WIDTH), blocks(rng))
    for folder in (run.scores.maps, run.scores.frames):
        folder.mkdir(parents=True)
    for i in range(frames):
        os.link(shelf / f"{i % LINKED}.npz", run.scores.map_file(f"{i:06d}"))
        kept, linked = picture_file(shelf / "frames", str(i % LINKED)), picture_file(run.scores.frames, f"{i:06d}")
        for suffix in (".jpg", ".png"):
            os.link(kept.with_suffix(suffix), linked.with_suffix(suffix))
    write_table(run.scores.index, index(frames))
    scale = Scale(maps=dict.fromkeys(MAP_NAMES, MapScale(means=(1.0,) * len(CAMVID), strength=1.0)))
    About(space=CAMVID, scale=scale, checkpoint="best", dataset="render:synthetic").write(run.scores.about)


def generate_panel(run: RunFolder) -> None:
    """What training leaves of a few frames at each of PANEL_STEPS."""
    rng = np.random.default_rng(0)
    frames = [
        PanelFrame(
            id=str(i),
            image=noise(i, HEIGHT, WIDTH),
            label=rng.integers(0, len(CAMVID), (HEIGHT // 16, WIDTH // 16))
            .repeat(16, 0)
            .repeat(16, 1)
            .astype(np.uint8),
        )
        for i in range(4)
    ]
    writer = PanelWriter(run=run, space=CAMVID, frames=frames)
    scale = Scale(maps=dict.fromkeys(MAP_NAMES, MapScale(means=(1.0,) * len(CAMVID), strength=1.0)))
    for step in range(PANEL_STEPS):
        raw = [{name: rng.gamma(4, 0.25, (HEIGHT, WIDTH)).astype(np.float32) for name in MAP_NAMES} for _ in frames]
        writer.write(500 * step, raw, scale)


def index(frames: int) -> pa.Table:
    rng = np.random.default_rng(0)
    names = [f"{i:06d}" for i in range(frames)]
    columns: dict[str, object] = {
        "frame": names,
        "image": [f"/data/images/{name}.jpg" for name in names],
        "label": [f"/data/labels/{name}.png" for name in names],
        "map": [f"maps/{name}.npz" for name in names],
        "picture": [f"frames/{name}.jpg" for name in names],
        "effective_share": rng.uniform(0.3, 1, frames),
        "weight": rng.gamma(4, 0.25, frames),
    }
    levels = MAP_NAMES[1:]
    columns |= {f"{level}/{what}": rng.gamma(4, 0.25, frames) for level in levels for what in ("mean", "std")}
    for name in (f"{level}/{each}" for level in MAP_NAMES for each in CAMVID.classes):
        columns[name] = pa.array(rng.gamma(4, 0.25, frames), mask=rng.random(frames) < 0.2)  # null: class is absent
    return pa.table(columns)


def noise(seed: int, height: int, width: int) -> np.ndarray:
    """A picture that is as hard to encode as a photo."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)


def blocks(rng: np.random.Generator) -> np.ndarray:
    """A label of squares."""
    return rng.integers(0, len(CAMVID), (HEIGHT // 16, WIDTH // 16)).repeat(16, 0).repeat(16, 1).astype(np.uint8)


@contextmanager
def served(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A dashboard over ``root``: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.serve", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "HRS_RUNS": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_healthy(address, process)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def wait_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise SystemExit("the dashboard ended before it answered")


# What a page shows once it is ready, as JavaScript that the browser evaluates before every frame it paints.

IDLE = "!document.querySelector('[data-testid=stStatusWidget]')"
CURVES = "document.querySelectorAll('[data-testid=stPlotlyChart] .scatterlayer .trace').length >= 4"
TABLE = "document.querySelector('[data-testid=stDataFrame] canvas')"
SHOWN = "inShadow('.viewer')?.dataset.shown"
FETCHED = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/weights-at')).length >= %d"
# Milliseconds from a control's event in the viewer to the end of the frame that paints what it changed.
MOVED = """async ([selector, by]) => {
  const [control, viewer] = [inShadow(`.lens ${selector}`), inShadow('.viewer')];
  const [before, start] = [viewer.dataset.shown, performance.now()];
  if (control.type === 'radio') control.click();
  else {
    control.stepUp(by);
    control.dispatchEvent(new Event('input'));
  }
  while (viewer.dataset.shown === before) await new Promise((wake) => setTimeout(wake));
  await new Promise((wake) => requestAnimationFrame(() => setTimeout(wake)));
  return performance.now() - start;
}"""
CLICKED = """async (element) => {
  const start = performance.now();
  element.click();
  do await new Promise((wake) => requestAnimationFrame(wake)); while (!(%s));
  await new Promise((wake) => requestAnimationFrame(() => setTimeout(wake)));
  return performance.now() - start;
}"""
IN_SHADOW = """
window.inShadow = (selector, root = document) => root.querySelector(selector) || [...root.querySelectorAll('*')]
  .filter((each) => each.shadowRoot).map((each) => inShadow(selector, each.shadowRoot)).find(Boolean)
"""


def heading(title: str) -> str:
    return f"document.querySelector('h1')?.textContent.trim() == {json.dumps(title)}"


def timed(page: Page, act: Callable[[], object], ready: str) -> float:
    """Seconds from an action of the browser's driver, its time included, to the first painted frame in which ``ready``
    holds."""
    start = time.perf_counter()
    act()
    page.wait_for_function(ready, polling="raf", timeout=60_000)
    return time.perf_counter() - start


def clicked(page: Page, element: Locator, ready: str) -> float:
    """Seconds from a click to the first painted frame in which ``ready`` holds, by the page's own clock."""
    found = element.element_handle(timeout=60_000)
    return float(page.evaluate(CLICKED % ready, found)) / 1000


def measure_pages(page: Page, address: str, repeats: int, figures: Figures) -> None:
    """First page in a fresh tab, changes of page, and the runs page with its table and curves."""
    runs = f"{heading('Runs')} && {TABLE} && {CURVES}"
    for _ in range(max(3, repeats // 3)):
        page.goto("about:blank")
        figures.add("first page ready", timed(page, partial(page.goto, address, wait_until="commit"), runs))
    for _ in range(repeats):
        for title in ("Compare", "Data", "Launch"):
            ready = f"{heading(title)} && {IDLE}"
            figures.add("page switch", clicked(page, page.get_by_role("link", name=title, exact=True), ready))
        link = page.get_by_role("link", name="Runs", exact=True)
        figures.add("runs page ready", clicked(page, link, runs), goal=0.7)


def measure_pictures(page: Page, address: str, repeats: int, figures: Figures) -> None:
    """The step slider of the runs page, with two runs."""
    page.goto(f"{address}/?run=run-000&run=run-001&view=Pictures")
    slider = page.get_by_role("slider", name="Step")
    slider.wait_for()
    page.wait_for_function(IDLE, polling="raf")
    for i in range(repeats):
        press = partial(slider.press, "ArrowLeft" if i % 8 < 4 else "ArrowRight")
        before = page.locator("[data-testid=stImage] img").first.get_attribute("alt")
        changed = f"document.querySelector('[data-testid=stImage] img')?.alt != {json.dumps(before)}"
        figures.add("step slider, pictures of two runs", timed(page, press, changed))


def measure_weights(page: Page, address: str, repeats: int, figures: Figures) -> None:
    """Frame switches and slider moves in the detail view of the weights page."""
    page.goto(f"{address}/weights?run=run-000&frame=000100")
    page.wait_for_function(SHOWN, polling="raf", timeout=60_000)
    for _ in range(2 * repeats):
        before = page.evaluate(SHOWN)
        button = page.get_by_role("button", name="Next")
        figures.add("frame switch", clicked(page, button, f"{SHOWN} != {json.dumps(before)}"), goal=0.25)
    measure_controls(page, {"opacity": "[name=opacity]", "threshold": "[name=threshold]"}, repeats, figures)
    maps = {f"map {name}": f"[value={name}]" for name in MAP_NAMES}
    for _ in range(repeats // len(MAP_NAMES) + 1):
        for selector in (*list(maps.values())[1:], maps["map combined"]):
            figures.add("map", page.evaluate(MOVED, [selector, 0]) / 1000, goal=0.05)
    page.goto(f"{address}/weights?run=run-000&source=panel&frame=0")
    page.wait_for_function(SHOWN, polling="raf", timeout=60_000)
    page.wait_for_function(FETCHED % (PANEL_STEPS - 1), timeout=60_000)
    page.wait_for_timeout(1000)  # the last of them is unpacked
    measure_controls(page, {"training step": "[name=step]"}, repeats, figures)


def measure_controls(page: Page, sliders: dict[str, str], repeats: int, figures: Figures) -> None:
    """Moves of sliders in the viewer, there and back."""
    for name, selector in sliders.items():
        for i in range(2 * repeats):
            back = (i // 6 % 2 == 0) ^ (name == "threshold")  # which alone begins at its lower end
            seconds = page.evaluate(MOVED, [selector, -1 if back else 1]) / 1000
            figures.add(f"{name} slider", seconds, goal=0.05)


def watch_memory(page: Page, address: str, run: RunFolder, server: psutil.Process, minutes: float) -> list[float]:
    """Megabytes of the server, twice a minute, while a page polls a run that writes a line a second."""
    run.write_status(state="running", step=1)
    page.goto(f"{address}/?run={run.name}")
    memory: list[float] = []
    began, step = time.monotonic(), 10**6
    while time.monotonic() - began < 60 * minutes:
        step += 1
        run.append_metrics({"step": step, "split": "train", "loss": 1.0, "effective_share": 0.5})
        if len(memory) < (time.monotonic() - began) // 30:
            memory.append(server.memory_info().rss / MEGABYTE)
            print(f"{(time.monotonic() - began) / 60:5.1f} min  {memory[-1]:.0f} MB", flush=True)
        time.sleep(1)
    run.write_status(state="finished")
    return memory


def loads_torch(server: psutil.Process) -> bool:
    return any("torch" in mapped.path for mapped in server.memory_maps())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=25_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--minutes", type=float, default=0.0)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium found; install one, e.g. apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder) / "runs"
        generate_runs(root, options.runs, options.lines)
        first = RunFolder(root / "run-000")
        generate_corpus(first, options.frames)
        generate_panel(first)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        with served(root) as (address, server):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(IN_SHADOW)
            report(page, address, server, options)
            if options.minutes:
                memory = watch_memory(page, address, live_copy(first), server, options.minutes)
                print(f"memory over {options.minutes:g} minutes: {memory[0]:.0f} to {memory[-1]:.0f} MB")
        browser.close()


def live_copy(run: RunFolder) -> RunFolder:
    """A run with metrics of its own, to which lines may be added."""
    copy = RunFolder.create(run.path.parent, "live", run.config.read_text())
    shutil.copyfile(run.metrics, copy.metrics)
    return copy


def report(page: Page, address: str, server: psutil.Process, options: argparse.Namespace) -> None:
    figures = Figures()
    measure_pages(page, address, options.repeats, figures)
    measure_pictures(page, address, options.repeats, figures)
    measure_weights(page, address, options.repeats, figures)
    print(f"{options.runs} runs of {options.lines:,} lines, {options.frames:,} frames; seconds in headless Chromium\n")
    print("| | times | p50 | p95 | goal for p95 |\n| --- | ---: | ---: | ---: | ---: |")
    for row in figures.rows():
        print(f"| {' | '.join(row)} |")
    memory = server.memory_info().rss / MEGABYTE
    print(f"\nmemory of the server: {memory:.0f} MB (goal: under 500); torch loaded: {loads_torch(server)}", flush=True)


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _goal(times: list[float], goal: float | None) -> str:
    if goal is None:
        return ""
    return f"{_ms(goal)}: {'met' if _p95(times) <= goal else 'missed'}"


if __name__ == "__main__":
    main()
