"""Writes rendered frames as a dataset folder: images, labels, planted masks, and what each frame shows."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.progress import Progress
from hrs.street import gl
from hrs.street.domains import CLASS_NAMES, PALETTE, Domain, place_of
from hrs.street.frame import RenderedFrame, check_size, render_frame
from hrs.system.documents import read_json
from hrs.system.files import atomic_write, make_folder, sweep
from hrs.system.images import encode
from hrs.system.processes import cores

RENDERER_VERSION = 1
"""Raised whenever the same seed draws other pictures."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    out: Path
    domain: Domain
    seed: int
    height: int
    width: int
    quality: int
    faults: bool

    def drawn(self, index: int) -> bool:
        return (self.out / "images" / f"{frame_name(index)}.jpg").exists()


def frame_name(index: int) -> str:
    """What the files of a frame are called, without their endings."""
    return f"{index:06d}"


def render_corpus(
    out: Path,
    domain: Domain,
    *,
    frames: int,
    first: int = 0,
    seed: int,
    height: int,
    width: int,
    workers: int | None = None,
    progress: Progress | None = None,
    quality: int = 95,
    faults: bool = True,
) -> Path:
    """Write frames first..first+frames-1 of the corpus ``seed`` to ``out`` and return it.

    The folder holds images/000000.jpg, labels/000000.png (8-bit ids), planted/000000.png, info/000000.json,
    classes.yaml and render.json. Without ``faults`` nothing is planted. Frames that are there already are kept, so that
    a render that was cut off goes on where it stopped; they do not depend on the number of ``workers`` (processes;
    default one a core, 8 at most). Several processes may fill one folder together: each draws in an order of its own,
    and only what none has drawn yet.
    ``progress(done, frames)`` is called after each frame.

    Raises:
        RendererUnavailable: if no OpenGL can be had and a frame is missing.
        HRSError: if the folder holds another render, the arguments make no sense, or a worker was killed.
    """
    place_of(domain)
    if frames < 1:
        raise HRSError(f"{frames} frames cannot be rendered; ask for at least 1")
    if first < 0:
        raise HRSError(f"first frame {first} must not be negative; choose a whole number from 0")
    if workers is not None and workers < 1:
        raise HRSError(f"{workers} workers cannot render; give at least 1, or none to choose by the number of cores")
    check_size(height, width)
    out = Path(out)
    job = _Job(out=out, domain=domain, seed=seed, height=height, width=width, quality=quality, faults=faults)
    _prepare(job)
    missing = [i for i in range(first, first + frames) if not job.drawn(i)]
    random.Random().shuffle(missing)  # or two processes that start together would draw the same frames side by side
    done = frames - len(missing)
    if progress and done:
        progress(done, frames)
    if not missing:
        return out
    if not gl.can_render():
        raise gl.RendererUnavailable
    for finished in _run(job, missing, workers or min(8, cores())):
        done += finished
        if progress:
            progress(done, frames)
    return out


def _run(job: _Job, missing: list[int], workers: int) -> Iterator[int]:
    """Yield 1 for every frame that is done."""
    if workers == 1 or len(missing) == 1:
        for index in missing:
            yield _draw(job, index)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=context, initializer=_start_worker) as pool:
        try:
            for future in as_completed([pool.submit(_draw, job, index) for index in missing]):
                yield future.result()
        except BrokenProcessPool as error:
            raise HRSError(
                "a process that draws frames ended before its time: the system kills one when memory runs out, so free "
                "some or draw with fewer workers; and a script of one's own must draw below if __name__ == "
                '"__main__":, since each such process runs the script again up to there'
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker() -> None:
    cv2.setNumThreads(1)
    # Mesa's software rasteriser would start a thread per core in every worker.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, which would wait for more to do for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _draw(job: _Job, index: int) -> int:
    if job.drawn(index):  # by another process meanwhile
        return 1
    frame = render_frame(job.domain, seed=job.seed, index=index, height=job.height, width=job.width, faults=job.faults)
    write_frame(job.out, index, frame, quality=job.quality)
    return 1


def write_frame(out: Path, index: int, frame: RenderedFrame, *, quality: int) -> None:
    """Write one frame. The image comes last: where it exists, the frame is complete."""
    name = frame_name(index)
    _save_png(out / "labels" / f"{name}.png", frame.label)
    _save_png(out / "planted" / f"{name}.png", frame.planted)
    _replace(out / "info" / f"{name}.json", (json.dumps(frame.info, indent=1) + "\n").encode())
    _replace(out / "images" / f"{name}.jpg", encode(".jpg", frame.image, (cv2.IMWRITE_JPEG_QUALITY, quality)))


def _save_png(path: Path, ids: NDArray[np.uint8]) -> None:
    _replace(path, encode(".png", ids, (cv2.IMWRITE_PNG_COMPRESSION, 9)))


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all, but not waited for: what a power cut takes is drawn again."""
    atomic_write(path, data, sync=False)


def _prepare(job: _Job) -> None:
    """Make the folders and the two descriptions, or check that they are of the same render."""
    told = {
        "domain": job.domain,
        "seed": job.seed,
        "height": job.height,
        "width": job.width,
        "quality": job.quality,
        "renderer": RENDERER_VERSION,
    } | ({} if job.faults else {"faults": "none"})
    path = job.out / "render.json"
    _check_render(path, told)
    make_folder(job.out)
    _replace(path, (json.dumps(told, indent=1) + "\n").encode())  # first: whatever else lies there is this render's
    for name in ("images", "labels", "planted", "info"):
        make_folder(job.out / name)
        sweep(job.out / name, below=False)  # what killed processes left half-written
    classes = {
        "classes": dict(enumerate(CLASS_NAMES)),
        "palette": {i: list(colour) for i, colour in enumerate(PALETTE)},
    }
    _replace(job.out / "classes.yaml", yaml.safe_dump(classes, sort_keys=False, default_flow_style=None).encode())


def _check_render(path: Path, told: Mapping[str, object]) -> None:
    """Raises HRSError where the folder of render.json holds another render, or what is no render."""
    folder = path.parent
    # Looked at before the file is looked for: a process that starts beside this one writes that first.
    other = next((each for each in _inside(folder) if each.name != path.name and not each.name.startswith(".")), None)
    if not path.exists():
        if other is not None:
            raise HRSError(f"{folder} holds {other.name} and no render; name a folder that is new or empty")
        return
    try:
        found = read_json(path)
    except HRSError as error:
        raise HRSError(f"{path} is not readable as JSON; delete the folder {folder} and render again") from error
    if found != told:
        raise HRSError(f"{folder} holds another render ({found}), not {told}; choose another folder or delete this one")


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
