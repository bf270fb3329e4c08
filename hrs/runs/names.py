"""What the files of a checkpoint and of a corpus with weights are called, and what lies beside runs. The names of a
run are in folder.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RUNS = Path("runs")
"""The folder of all runs, unless another one is named."""
STUDIES = "studies"
"""Folder below that of all runs; it has a folder for each study, which holds the study's runs."""
DATASETS = "datasets"
"""Folder below that of all runs; it has a folder for each set of photos that a person labels."""
MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
"""Of a checkpoint: the weights, what is needed to use them, and a card for people."""
STATE = "training_state.safetensors"
"""Of a checkpoint that resumes a run: optimiser and schedule."""
GAUGE = "realism.safetensors"
"""Beside the weights: how unusual a photo is among the real images of training."""


@dataclass(frozen=True)
class CorpusFolder:
    """A folder of frames with weights: a scored corpus, or the panel at one step of training.

    The constructor neither reads nor checks anything.
    """

    path: Path

    @property
    def index(self) -> Path:
        """The table, a row a frame."""
        return self.path / "index.parquet"

    @property
    def about(self) -> Path:
        """What was weighed by what, its classes, and the scale of the weights."""
        return self.path / "corpus.json"

    @property
    def maps(self) -> Path:
        """Raw weight maps, <stem>.npz."""
        return self.path / "maps"

    @property
    def frames(self) -> Path:
        """Pictures and labels of the frames, <stem>.jpg and .png. The steps of a panel share one such folder, which
        lies elsewhere."""
        return self.path / "frames"

    @property
    def areas(self) -> Path:
        """Tables of their areas, where scoring kept why frames weigh what they do."""
        return self.path / "areas"

    @property
    def reasons(self) -> Path:
        """What was seen in each frame and where its areas are, <stem>.npz."""
        return self.path / "reasons"

    @property
    def parts(self) -> Path:
        """What scoring has finished so far."""
        return self.path / "parts"

    @property
    def claim(self) -> Path:
        """Whose parts these are."""
        return self.parts / "claim.json"

    @property
    def lock(self) -> Path:
        """Held by the process that scores into this folder."""
        return self.path / ".lock"

    def map_file(self, stem: str) -> Path:
        return self.maps / f"{stem}.npz"

    def reasons_file(self, stem: str) -> Path:
        return self.reasons / f"{stem}.npz"

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}.parquet"

    def areas_file(self, row: int) -> Path:
        """The areas of some frames in a row, the first of which has this row in the table of frames."""
        return self.areas / f"{row:06d}.parquet"

    def areas_files(self, frames: int) -> dict[int, Path]:
        """Those files, in order, by the row that they begin with, of a corpus of so many frames."""
        found = {int(path.stem): path for path in sorted(self.areas.glob("[0-9]*.parquet")) if path.stem.isdecimal()}
        return {row: path for row, path in found.items() if row < frames}

    def complete(self) -> bool:
        """Whether it can be opened: the table and what it is of are there."""
        return self.index.is_file() and self.about.is_file()


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder holds what is needed to use a trained model."""
    return (folder / MODEL).is_file() and (folder / CONFIG).is_file()


def picture_file(frames: Path, stem: str) -> Path:
    """The picture of a frame in a folder of frames; its label lies beside it."""
    return frames / f"{stem}.jpg"
