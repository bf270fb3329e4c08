"""The unplanted settings on which selection is developed: foreign frames and real photos, with class names that meet.

    python -m benchmarks.settings DATA --out settings [--only camvid-all ...]

DATA holds `idd-lite`, `airsim-nh` and `camvid` (folder, folder, camvid), or those of them that are asked for. Written,
as links to what is there:

- `idd-dev`: IDD-Lite's train split, with whole drives taken out of it as val (about 200 images); its own val unread.
- `idd`: IDD-Lite as it is, its own val with it: to report on, not to choose by.
- `airsim`: AirSim's neighbourhood with the names of IDD-Lite's classes.
- `street`: the built-in street without planted faults, with the names of IDD-Lite's classes.
- `camvid-0001TP`, `camvid-0006R0`, `camvid-0016E5`: CamVid without one sequence, which is its val split.
- `camvid-all`: all of CamVid's train and val to learn from but every fifth image of val, which is its val split.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from benchmarks.common import told
from hrs.data.layouts import open_dataset
from hrs.labels import CAMVID

HELD_OUT = 200
"""Images at least that IDD-Lite's held out drives have."""
AIRSIM = {
    "road": "drivable",
    "driveway path": "non-drivable",
    "terrain grass": "non-drivable",
    "animal": "living things",
    "car": "vehicles",
    "fence": "roadside objects",
    "pole": "roadside objects",
    "low wall": "roadside objects",
    "bin": "roadside objects",
    "rock": "roadside objects",
    "tree": "far objects",
    "hedge bush": "far objects",
    "building": "far objects",
    "sky": "sky",
}
STREET = {
    "Road": "drivable",
    "Pavement": "non-drivable",
    "Pedestrian": "living things",
    "Bicyclist": "living things",
    "Car": "vehicles",
    "Pole": "roadside objects",
    "SignSymbol": "roadside objects",
    "Fence": "roadside objects",
    "Building": "far objects",
    "Tree": "far objects",
    "Sky": "sky",
}
EVERY = 5
"""One in so many of CamVid's val images validates where all else is learned from."""
SEQUENCES = ("0001TP", "0006R0", "0016E5")


def link(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        place = folder / file.name
        if not place.exists():
            place.symlink_to(file.resolve())


def write_classes(folder: Path, names: dict[int, str], palette: dict[int, list[int]] | None = None) -> None:
    known = {"classes": names} | ({"palette": palette} if palette else {})
    (folder / "classes.yaml").write_text(yaml.safe_dump(known, sort_keys=False))


def drive_of(image: Path) -> str:
    """The drive that an image of IDD-Lite is from."""
    return image.name.partition("_")[0]


def held_out_drives(images: list[Path]) -> set[str]:
    """Drives, in an order drawn once, until they have HELD_OUT images."""
    drives = [drive_of(file) for file in images]
    chosen: set[str] = set()
    for drive in np.random.default_rng(0).permutation(sorted(set(drives))):
        if sum(each in chosen for each in drives) >= HELD_OUT:
            break
        chosen.add(str(drive))
    return chosen


def idd(data: Path, out: Path) -> None:
    images = sorted((data / "images/train").iterdir())
    chosen = held_out_drives(images)
    for split in ("train", "val"):
        own = [file for file in images if (drive_of(file) in chosen) == (split == "val")]
        link(own, out / "images" / split)
        link((data / f"labels/train/{file.stem}.png" for file in own), out / "labels" / split)
    (out / "classes.yaml").write_text((data / "classes.yaml").read_text())


def as_it_is(data: Path, out: Path) -> None:
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        out.symlink_to(data.resolve())


def airsim(data: Path, out: Path) -> None:
    link((data / "images").iterdir(), out / "images")
    link((data / "labels").iterdir(), out / "labels")
    names = yaml.safe_load((data / "classes.yaml").read_text())["classes"]
    write_classes(out, {raw: AIRSIM.get(name, f"other: {name}") for raw, name in names.items()})


def street(out: Path, frames: int) -> None:
    found = open_dataset(f"render:synthetic?faults=none&frames={frames}")
    link((frame.image for frame in found.frames), out / "images")
    link((frame.label for frame in found.frames if frame.label), out / "labels")
    write_classes(out, {raw: STREET[name] for raw, name in enumerate(CAMVID.classes)})


def camvid(data: Path, out: Path, validates: Callable[[Path], bool]) -> None:
    """CamVid's train and val as another train and val; ``validates``: whether an image is of the latter."""
    for part in ("train", "val"):
        for file in sorted((data / part).iterdir()):
            split = "val" if validates(file) else "train"
            link([file], out / split)
            link([data / f"{part}annot/{file.stem}.png"], out / f"{split}annot")


def of_sequence(sequence: str, image: Path) -> bool:
    return image.name.startswith(sequence)


def camvid_all(data: Path, out: Path) -> None:
    few = set(sorted((data / "val").iterdir())[::EVERY])
    camvid(data, out, few.__contains__)


def table(data: Path, frames: int) -> dict[str, Callable[[Path], None]]:
    """What writes each setting into a folder."""
    left_out = {
        f"camvid-{sequence}": partial(camvid, data / "camvid", validates=partial(of_sequence, sequence))
        for sequence in SEQUENCES
    }
    return {
        "idd-dev": partial(idd, data / "idd-lite"),
        "idd": partial(as_it_is, data / "idd-lite"),
        "airsim": partial(airsim, data / "airsim-nh"),
        "street": partial(street, frames=frames),
        **left_out,
        "camvid-all": partial(camvid_all, data / "camvid"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("settings"))
    parser.add_argument("--only", nargs="+", metavar="SETTING", help="these alone; all by default")
    parser.add_argument("--frames", type=int, default=1200, help="frames of the built-in street")
    options = parser.parse_args()
    settings = table(options.data, options.frames)
    if unknown := set(options.only or ()) - set(settings):
        parser.error(f"no setting {', '.join(sorted(unknown))}; expected some of {', '.join(settings)}")
    for name in options.only or settings:
        settings[name](options.out / name)


if __name__ == "__main__":
    told(main)
