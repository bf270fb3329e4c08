"""What is fuzzed: for each kind of file, whole examples, ways to spoil them, and the reader that must bear it.

A case is text or bytes, made by hypothesis from a seed: an example of `SEEDS` with a few of its bytes changed, or a
document of any shape. A reader answers, or raises HRSError in one line; within `SLOWEST` seconds, whatever it is given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from app.runs.reading import History
from hrs.config import load_config
from hrs.data.encoding import by_name, read_image_file
from hrs.data.formats.folder import read as read_folder
from hrs.data.formats.table import FORMATS
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.networks.hub import _check_stored
from hrs.runs.folder import RunFolder
from hrs.runs.registry import find_run, list_runs, resolve_checkpoint
from hrs.study.plan import load_study
from hrs.system.images import decode_rgb
from hrs.system.photographs import read_photograph

SLOWEST = 5.0
"""Seconds that one case may take."""
HERE = Path(__file__).parent / "seeds"

_WORDS = [
    *(
        "1" + "0" * 400,
        "1e999",
        "NaN",
        "-1",
        "null",
        '"\\ud800"',
        "[" * 80,
        "{" * 80,
        "&a [*a]",
        "*a",
        "!!int ''",
        "\0",
    ),
    *("2001-99-99", "9" * 5000, "\x1b[2J", "~", "<<: *b", "true", "[]", "{}", "0x7fffffffffffffffffff", "../" * 20),
]


def spoiled(examples: list[bytes]) -> st.SearchStrategy[bytes]:
    """An example with up to four places cut, flipped, doubled, or replaced by what readers stumble over."""

    @st.composite
    def strategy(draw: Callable[..., object]) -> bytes:
        data = bytearray(draw(st.sampled_from(examples)))  # type: ignore[call-overload]
        for _ in range(int(draw(st.integers(0, 4)))):  # type: ignore[call-overload]
            at = int(draw(st.integers(0, max(0, len(data) - 1))))  # type: ignore[call-overload]
            what = draw(st.sampled_from(["cut", "flip", "double", "word", "bytes", "drop"]))
            if what == "cut":
                del data[at:]
            elif what == "flip" and data:
                data[at] ^= 1 << int(draw(st.integers(0, 7)))  # type: ignore[call-overload]
            elif what == "double":
                data[at:at] = data[at : at + 64]
            elif what == "word":
                data[at : at + 2] = str(draw(st.sampled_from(_WORDS))).encode("utf-8", "surrogatepass")
            elif what == "drop":
                del data[at : at + int(draw(st.integers(1, 16)))]  # type: ignore[call-overload]
            else:
                data[at:at] = bytes(draw(st.binary(max_size=8)))  # type: ignore[call-overload]
        return bytes(data)

    return strategy()


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(_WORDS)
ANY: st.SearchStrategy[object] = st.deferred(
    lambda: _LEAVES | st.lists(ANY, max_size=3) | st.dictionaries(st.text(max_size=8), ANY, max_size=3)
)
"""Any value of JSON."""


def any_json() -> st.SearchStrategy[bytes]:
    return ANY.map(lambda value: json.dumps(value).encode())


@dataclass(frozen=True)
class Kind:
    """One kind of input. ``read`` gets a case and a folder of its own."""

    name: str
    cases: st.SearchStrategy[bytes]
    read: Callable[[bytes, Path], object]


def _seeds(kind: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(HERE.glob(f"{kind}*"))]


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="surrogateescape")


def _read_config(data: bytes, folder: Path) -> None:
    load_config(_put(folder, "config.yaml", data)).to_yaml()


def _override(data: bytes, folder: Path) -> None:
    load_config(None, (_text(data),))


def _read_spec(data: bytes, folder: Path) -> None:
    spec = DatasetSpec.parse(_text(data))
    str(spec)


def _read_classes(data: bytes, folder: Path) -> None:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    _put(folder, "classes.yaml", data)
    read_folder(DatasetSpec(format="folder", path=str(folder)))


def _read_outlines(kind: str, name: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> None:
        _put(folder, "a.png", _PICTURES[1])
        _put(folder, name, data)
        found = FORMATS[kind].read(DatasetSpec(format=kind, path=str(folder)))
        if found.encoding:
            [found.encoding.raw(frame) for frame in found.frames]

    return read


def _read_label(data: bytes, folder: Path) -> None:
    path = _put(folder, "label.png", data)
    for channel in ("index", "red", "colour"):
        encoding = by_name({0: "sky", 1: "road"}, channel=channel, void=frozenset({255}), name="two")
        with suppress(HRSError):
            encoding.classes(encoding.raw_file(path))
    read_image_file(path, decode_rgb)


def _read_photo(data: bytes, folder: Path) -> None:
    read_photograph(data, max_pixels=4_000_000)


def _in_run(name: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> None:
        run = RunFolder(folder / "runs" / "a")
        if not run.exists():
            RunFolder.create(folder / "runs", "a", "{}").write_status(state="finished")
            RunFolder.create(folder / "runs", "b", "{}").write_status(state="finished")
        kept = (run.path / name).read_bytes() if (run.path / name).exists() else None
        _put(run.path, name, data)
        try:
            found = {each.name for each in list_runs(folder / "runs")}
            assert found == {"a", "b"}, f"a run is gone: {found}"
            run.read_status().model_dump_json()
            run.read_results()
            run.log_tail()
            history = History(run.metrics)
            history.update()
            history.confusion()
            [history.curve("train", column) for column in history.names("train")]
            run.read_space()
        finally:
            (run.path / name).unlink() if kept is None else (run.path / name).write_bytes(kept)

    return read


def _read_space(data: bytes, folder: Path) -> None:
    with suppress(ValueError):
        LabelSpace.from_dict(json.loads(data))


def _read_network(data: bytes, folder: Path) -> None:
    with suppress(ValueError, RecursionError):
        _check_stored(json.loads(data))


def _find(data: bytes, folder: Path) -> None:
    for find in (lambda text: find_run(folder, text), lambda text: resolve_checkpoint(text, folder)):
        with suppress(HRSError):
            find(_text(data))


def _read_study(data: bytes, folder: Path) -> None:
    load_study(_put(folder, "study.yaml", data))


def _picture(suffix: str, *shape: int) -> bytes:
    rng = np.random.default_rng(0)
    return cv2.imencode(suffix, rng.integers(0, 3, shape, np.uint8))[1].tobytes()


_CONFIGS, _CLASSES, _STUDIES = _seeds("config"), _seeds("classes"), _seeds("study")
_PICTURES = [_picture(".png", 9, 7), _picture(".png", 9, 7, 3), _picture(".jpg", 9, 7, 3), _picture(".bmp", 4, 4, 3)]
_NAMES = [b"first", b"../a", b"a/b", b"~root/x", b"runs/a/checkpoints/best", b"a" * 300]
_SPECS = [b"gta5:/data/gta5", b"folder:x?split=val", b"render:synthetic?frames=20&seed=1", b"carla:/a?version=0.9.14"]

KINDS = (
    Kind("config", spoiled(_CONFIGS) | any_json(), _read_config),
    Kind("override", spoiled([b"data.n_real=20", b"train.steps=3", b"data.sources=[a:b]"]), _override),
    Kind("spec", spoiled(_SPECS), _read_spec),
    Kind("classes", spoiled(_CLASSES) | any_json(), _read_classes),
    Kind("coco", spoiled(_seeds("coco")) | any_json(), _read_outlines("coco", "a.json")),
    Kind("labelme", spoiled(_seeds("labelme")) | any_json(), _read_outlines("labelme", "a.json")),
    Kind("study", spoiled(_STUDIES) | any_json(), _read_study),
    Kind("label", spoiled(_PICTURES), _read_label),
    Kind("photo", spoiled(_PICTURES), _read_photo),
    Kind("status", spoiled(_seeds("status")) | any_json(), _in_run("status.json")),
    Kind("metrics", spoiled(_seeds("metrics")) | any_json(), _in_run("metrics.jsonl")),
    Kind("results", spoiled(_seeds("results")) | st.binary(max_size=200), _in_run("results.csv")),
    Kind("space", spoiled(_seeds("space")) | any_json(), _in_run("space.json")),
    Kind("log", st.binary(max_size=400), _in_run("log.txt")),
    Kind("label space", any_json(), _read_space),
    Kind("network", any_json(), _read_network),
    Kind("name", spoiled(_NAMES) | st.binary(max_size=100), _find),
)


def check(kind: Kind, case: bytes, folder: Path) -> float:
    """Seconds that the reader took. Raises AssertionError where it took too long or said more than a line."""
    began = time.perf_counter()
    try:
        kind.read(case, folder)
    except HRSError as error:
        if "\n" in str(error) or len(str(error)) > 3000:
            raise AssertionError(f"no line: {error}") from error
    took = time.perf_counter() - began
    assert took < SLOWEST, f"{kind.name}: {took:.1f} s"
    return took
