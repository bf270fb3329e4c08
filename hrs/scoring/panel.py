"""The panel: the few synthetic frames that a run watches while it trains, with their weights at every step kept.

Each step is a corpus of its own; steps of the same frames share the pictures of these. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.pictures import weight_sheet, write_picture
from hrs.runs.folder import RunFolder
from hrs.runs.names import CorpusFolder, picture_file
from hrs.scoring.areas import to_table
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.evidence import Evidence
from hrs.scoring.maps import file_stem, write_frame
from hrs.scoring.moments import Moments
from hrs.scoring.write import About, Judges, Row, file_columns, write_corpus, write_table, write_weights
from hrs.selection.scale import Maps, Scale
from hrs.system.files import atomic_folder


@dataclass(frozen=True, kw_only=True)
class PanelFrame:
    """A frame as the network sees it: an id that no other of the panel has, RGB (h w 3) and class ids (h w)."""

    id: str
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class PanelWriter:
    """Writes the panel of a run.

    frames: at least one.
    """

    run: RunFolder
    space: LabelSpace
    frames: Sequence[PanelFrame]

    def write(
        self,
        step: int,
        raw: Sequence[Maps],
        scale: Scale,
        *,
        evidence: Sequence[Evidence] = (),
        judges: Judges | None = None,
    ) -> None:
        """Keep a step: raw maps, table, the scale that acts at this step (ramp included), and one picture of it all.

        Args:
            raw: of every frame, its raw maps (h w) by name.
            evidence, judges: of every frame, why they are so, and who says it; without, it is not kept.

        Raises:
            HRSError: the disk is full or the run's folder may not be written.
        """
        self._write_frames()
        with atomic_folder(self.run.panel_step(step).path) as path:
            folder = CorpusFolder(path)
            moments = [
                write_weights(folder.map_file(file_stem(frame.id)), maps, frame.label, len(self.space))
                for frame, maps in zip(self.frames, raw, strict=True)
            ]
            rows = pa.table(file_columns([self._row(frame, step) for frame in self.frames]))
            about = About(space=self.space, scale=scale, step=step, judges=judges)
            if judges is not None:
                stems = [file_stem(frame.id) for frame in self.frames]
                areas = [
                    each.write(folder, row, stem) for row, (each, stem) in enumerate(zip(evidence, stems, strict=True))
                ]
                write_table(folder.areas_file(0), to_table(areas))
            write_corpus(folder, rows, Moments.join(moments), about)
        shown = [
            (frame.image, frame.label, scale.apply(maps, frame.label))
            for frame, maps in zip(self.frames, raw, strict=True)
        ]
        write_picture(self.run.preview("weights", step), weight_sheet(shown, self.space))

    def _write_frames(self) -> None:
        if not self._pictures.is_dir():
            with atomic_folder(self._pictures) as folder:
                for frame in self.frames:
                    write_frame(picture_file(folder, file_stem(frame.id)), frame.image, frame.label)

    @cached_property
    def _pictures(self) -> Path:
        """The folder of the frames' pictures: another one where any of them, or its label, is another."""
        digest = hashlib.blake2b(digest_size=8)
        for frame in self.frames:
            digest.update(f"{frame.id}\0{frame.label.shape}".encode())
            digest.update(np.ascontiguousarray(frame.image))
            digest.update(np.ascontiguousarray(frame.label))
        return self.run.panel_frames(digest.hexdigest())

    def _row(self, frame: PanelFrame, step: int) -> Row:
        """Of the data set's own files nothing is said: a run may be passed on."""
        stem, folder = file_stem(frame.id), self.run.panel_step(step)
        files = {"map": folder.map_file(stem), "picture": picture_file(self._pictures, stem)}
        return {"frame": frame.id, **{name: os.path.relpath(file, folder.path) for name, file in files.items()}}


def open_panel(run: RunFolder, step: int) -> ScoredCorpus:
    """The panel at one of `RunFolder.panel_steps`. Raises HRSError where it cannot be read."""
    folder = run.panel_step(step)
    if not folder.complete():
        raise HRSError(f"{folder.path} was written by an older version; train the run again to see its weights")
    return ScoredCorpus.open(folder.path)
