"""How much does selection help when more, or less, of the synthetic data harms?

python -m benchmarks.harm --data 'render:synthetic?frames=2000' --out DIR

DIR gets two data sets of the format ``folder`` with as many frames: ``clean``, the half of the frames with the smaller
share of planted harmful pixels, and ``harmful``, the other half. Frames are links to the rendered ones.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import told
from hrs.data.frames import Frame
from hrs.data.layouts import Dataset, open_dataset
from hrs.street import harmful_mask
from hrs.system.files import atomic_folder


def harmful_shares(data: Dataset) -> NDArray[np.float64]:
    """Share of harmful pixels of every frame, (n,)."""
    masks = (data.read_planted(i) for i in range(len(data)))
    return np.array([0.0 if mask is None else harmful_mask(mask).mean() for mask in masks])


def link(frames: list[Frame], out: Path) -> None:
    """The frames as a data set of their own, of links; ``out`` appears whole or not at all."""
    root = frames[0].image.parent.parent
    with atomic_folder(out) as folder:
        for frame in frames:
            for path in (frame.image, frame.label, frame.planted):
                if path is not None:
                    place = folder / path.relative_to(root)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.symlink(path.resolve(), place)
        os.symlink((root / "classes.yaml").resolve(), folder / "classes.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="render:synthetic?frames=2000")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    data = open_dataset(options.data)
    shares = harmful_shares(data)
    order = np.argsort(shares, kind="stable")
    for name, rows in zip(("clean", "harmful"), np.array_split(order, 2), strict=True):
        link([data.frames[i] for i in sorted(rows.tolist())], options.out / name)
        print(f"folder:{options.out / name}  {len(rows)} frames, {100 * shares[rows].mean():.1f} % of pixels harm")


if __name__ == "__main__":
    told(main)
