"""The pack: frames with labels and planted masks, their regions, and packages that the other machine lacks.

Three pairs of a synthetic and a real side, each with real images to validate on: ``street`` and ``large`` are rendered,
``airsim`` is AirSim's neighbourhood for IDD-Lite, where those are at hand; its real images to validate on are drives
taken out of the train split. ImageNet's weights of ``lite0`` come along as the package that they are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from benchmarks.common import cache_at
from benchmarks.gpu.run import ROOT, SITE
from benchmarks.settings import AIRSIM, drive_of, held_out_drives
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import FrameReader
from hrs.labels import IGNORE
from hrs.networks.lite import LITES, PUBLISHED_HEAD, weights_file
from hrs.settings import DataConfig
from hrs.street import Domain, RendererUnavailable, render_corpus, shipped_frames
from hrs.system.images import encode

SIDES = ("source", "target", "val")
LIMIT = 45
"""MiB that a pack should not exceed."""
LITE0 = LITES["lite0"]
SEED = 31_007
"""Of the rendered frames: of no other use, so that none of them is one that something was tuned on."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How many frames of each side, and their size in pixels."""

    source: int
    target: int
    val: int
    height: int
    width: int
    segments: int = 400


PAIRS = {
    "street": Pair(source=200, target=120, val=40, height=192, width=256),
    "large": Pair(source=24, target=8, val=2, height=512, width=1024),
    "airsim": Pair(source=280, target=120, val=60, height=160, width=224),
}
MINIATURE = {
    "street": Pair(source=8, target=6, val=2, height=64, width=96, segments=60),
    "large": Pair(source=12, target=4, val=1, height=64, width=128, segments=60),
}


def folder_of(pack: Path, pair: str, side: str) -> str:
    """The data set of one side of a pair: source, target or val."""
    return f"folder:{pack / pair / side}"


def write_pack(out: Path, options: argparse.Namespace) -> None:
    """Write the pack anew and say its size by part."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    pairs = dict(MINIATURE if options.miniature else PAIRS)
    for name in [name for name in pairs if name != "airsim"]:
        _render(out / name, pairs[name], shipped=options.miniature)
    if "airsim" in pairs and not _real(out / "airsim", pairs["airsim"], options.data or ROOT.parent / "shared/data"):
        del pairs["airsim"]
    _write_regions(out, pairs)
    if not options.miniature:
        _take_encoder(out / SITE / LITE0.module)
    if options.packages:
        _take_packages(out / SITE, options.packages, options.python)
    (out / "pack.json").write_text(json.dumps({"pairs": {k: asdict(v) for k, v in pairs.items()}}), encoding="utf-8")
    _say_sizes(out)


def _render(folder: Path, pair: Pair, *, shipped: bool) -> None:
    """Streets; where none can be rendered, or ``shipped`` asks for it, those that come with hrs."""
    for i, side in enumerate(SIDES):
        domain: Domain = "synthetic" if side == "source" else "camera"
        count = getattr(pair, side)
        if shipped:
            _take_shipped(folder / side, domain, count, last=side == "val")
            continue
        try:
            height, width = pair.height, pair.width
            render_corpus(folder / side, domain, frames=count, seed=SEED + i, height=height, width=width, quality=88)
        except RendererUnavailable:
            print(f"{folder.name}/{side}: nothing can be rendered here; the frames that come with hrs take their place")
            shutil.rmtree(folder / side)
            _take_shipped(folder / side, domain, count, last=side == "val")


def _take_shipped(folder: Path, domain: Domain, count: int, *, last: bool) -> None:
    """The first or the last of the shipped frames, as many as there are."""
    origin = shipped_frames(domain)
    names = sorted(path.stem for path in (origin / "images").iterdir())
    chosen = set(names[-count:] if last else names[:count])
    for kind in ("images", "labels", "planted"):
        (folder / kind).mkdir(parents=True)
        for path in (origin / kind).iterdir():
            if path.stem in chosen:
                shutil.copy(path, folder / kind)
    shutil.copy(origin / "classes.yaml", folder)


def _real(folder: Path, pair: Pair, data: Path) -> bool:
    """AirSim and IDD-Lite at training size, in IDD-Lite's classes; False, with a line, where they are not at hand."""
    airsim, idd = data / "airsim-nh", data / "idd-lite"
    if not (airsim.is_dir() and idd.is_dir()):
        print(f"airsim: left out, {data} does not hold airsim-nh and idd-lite")
        return False
    photos = open_dataset(f"folder:{idd}?split=train")
    chosen = held_out_drives([frame.image for frame in photos.frames])
    held_out = [drive_of(frame.image) in chosen for frame in photos.frames]
    target = photos.take([i for i, out in enumerate(held_out) if not out])
    val = photos.take([i for i, out in enumerate(held_out) if out])
    classes = list(photos.space.classes) if photos.space else []
    for side, dataset in (("source", open_dataset(f"folder:{airsim}")), ("target", target), ("val", val)):
        _copy(folder / side, dataset, spread_indices(len(dataset), getattr(pair, side)), classes, pair)
    return True


def _copy(folder: Path, dataset: Dataset, chosen: Iterable[int], classes: list[str], pair: Pair) -> None:
    """Frames at training size as a data set of the format folder, in these classes."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    config = DataConfig(height=pair.height, width=pair.width)
    reader = FrameReader([dataset], config, regions=False)
    names = dataset.space.classes if dataset.space else ()
    table = [classes.index(name) if (name := AIRSIM.get(each, each)) in classes else IGNORE for each in names]
    lookup = np.array(table + [IGNORE] * (IGNORE + 1 - len(table)), np.uint8)
    for i in chosen:
        sample = reader[i]
        image = encode(".jpg", sample.image, (cv2.IMWRITE_JPEG_QUALITY, 90))
        (folder / "images" / f"{i:05d}.jpg").write_bytes(image)
        if sample.label is not None:
            label = lookup[sample.label]
            (folder / "labels" / f"{i:05d}.png").write_bytes(encode(".png", label, (cv2.IMWRITE_PNG_COMPRESSION, 9)))
    about = {"classes": dict(enumerate(classes)), "ignore": [IGNORE]}
    (folder / "classes.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")


def _write_regions(out: Path, pairs: Mapping[str, Pair]) -> None:
    """Every frame that training sees is read once, with the cache of regions inside the pack."""
    with cache_at(out / "cache"):
        for name, pair in pairs.items():
            target = open_dataset(folder_of(out, name, "target"))
            source = open_dataset(folder_of(out, name, "source")).map_to(target.space) if target.space else target
            config = DataConfig(height=pair.height, width=pair.width, segments=pair.segments)
            reader = FrameReader([source, target], config, regions=True)
            for i in range(len(reader)):
                reader[i]


def _take_encoder(folder: Path) -> None:
    """ImageNet's weights as an importable package, without the classifier that no network here uses."""
    state = torch.load(weights_file("lite0"), map_location="cpu", weights_only=True)
    encoder = {key: value for key, value in state.items() if key.rpartition(".")[0] not in PUBLISHED_HEAD}
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    torch.save(encoder, folder / "models" / "encoder.pth")


def _take_packages(folder: Path, packages: list[str], python: str) -> None:
    """What pip finds for a Linux machine with x86-64, to be put on the path there."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--no-compile"]
    command += ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    command += [word for tag in ("manylinux_2_28", "manylinux2014") for word in ("--platform", f"{tag}_x86_64")]
    subprocess.run([*command, *packages], check=True)
    if theirs := [name for name in ("torch", "numpy") if (folder / name).exists()]:
        raise SystemExit(
            f"{', '.join(packages)} would bring its own {' and '.join(theirs)}, which would take the place of what is "
            "there; name only packages that need neither"
        )


def _say_sizes(out: Path) -> None:
    total = 0.0
    for part in sorted(out.iterdir()):
        files = [path for path in (part.rglob("*") if part.is_dir() else [part]) if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 2**20
        total += size
        print(f"{part.name}: {size:.1f} MiB in {len(files)} files")
    print(
        f"{out}: {total:.1f} MiB{'' if total <= LIMIT else f', more than the {LIMIT} MiB that it should have at most'}"
    )
