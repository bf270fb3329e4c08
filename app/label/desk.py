"""The label editor on the server: photos at the editor's size, their areas, a model's guess, labels to keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.photo.models import Models
from hrs.errors import HRSError
from hrs.labelling.areas import Areas, find_areas
from hrs.labelling.ask import Advice, Outlook, advise
from hrs.labelling.guess import Guess, Question, guess, questions
from hrs.labelling.photoset import MOST_PIXELS, PhotoSet
from hrs.labels import IGNORE
from hrs.runs.registry import DATASETS
from hrs.system.photographs import Image, read_photograph

MOST_EDITED = 1_600_000
"""Pixels of a photo in the editor; a larger one is labelled on a coarser grid of pixels."""
FEW = 8
"""Photos whose areas and guesses are kept in memory."""
QUESTION_GRAIN = 4
"""Of the areas that are asked about: about 200 a photo."""

Map = TypeVar("Map", NDArray[np.uint8], NDArray[np.float32])
Value = TypeVar("Value")
Key = tuple[Path, int, str, int]
"""A photo's file and when it was changed, a model and its version."""


@dataclass(frozen=True)
class Desk:
    """Everything that the editor asks for, over the sets below a folder of runs."""

    runs: Path
    models: Models
    _image: Callable[[Path, int], Image] = field(default_factory=lambda: lru_cache(FEW)(_read), repr=False)
    _guesses: dict[Key, Guess] = field(default_factory=dict, repr=False)
    _areas: dict[Key, Areas] = field(default_factory=dict, repr=False)
    _outlooks: dict[Key, Outlook] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> Path:
        """Where the sets are."""
        return self.runs / DATASETS

    def sets(self) -> list[str]:
        """Names of the sets, in order."""
        return sorted(path.parent.name for path in self.root.glob("*/classes.yaml"))

    def find(self, name: str) -> PhotoSet:
        """Raises HRSError where there is no such set."""
        if name not in self.sets():
            raise HRSError(f"there is no set of photos called {name!r}; make it on the Label page")
        return PhotoSet.open(self.root / name)

    def image(self, own: PhotoSet, photo: str) -> Image:
        """A photo at the editor's size, RGB (h w 3)."""
        file = own.image_file(photo)
        return self._image(file, file.stat().st_mtime_ns)

    def label(self, own: PhotoSet, photo: str) -> tuple[NDArray[np.uint8], str]:
        """Its label at the editor's size, IGNORE where nothing is said, and the label's version."""
        label, version = own.read_label(photo)
        size = self.image(own, photo).shape[:2]
        return np.full(size, IGNORE, np.uint8) if label is None else fitted(label, size), version

    def keep(self, own: PhotoSet, photo: str, label: NDArray[np.uint8], over: str | None) -> str:
        """Keep a label of the editor's size; see `PhotoSet.write_label`."""
        return own.write_label(photo, fitted(label, own.read_image(photo).shape[:2]), over=over)

    def guess(self, own: PhotoSet, photo: str, model: str) -> Guess:
        """What a model takes a photo for, at the editor's size."""
        key = self._key(own, photo, model)
        if key not in self._guesses:
            predictor = self.models.load(self.models.find(model))
            _remember(self._guesses, key, guess(predictor, self.image(own, photo), own.space), FEW)
        return self._guesses[key]

    def areas(self, own: PhotoSet, photo: str, model: str | None) -> Areas:
        """A photo's areas, along the borders of what a model sees where there is one."""
        key = self._key(own, photo, model)
        if key not in self._areas:
            seen = self.guess(own, photo, model).labels if model else None
            _remember(self._areas, key, find_areas(self.image(own, photo), seen), FEW)
        return self._areas[key]

    def questions(self, own: PhotoSet, photo: str, model: str) -> list[Question]:
        """What the model is least sure of in a photo, by areas of `QUESTION_GRAIN`."""
        label, _ = self.label(own, photo)
        return questions(self.guess(own, photo, model), self.areas(own, photo, model), QUESTION_GRAIN, label)

    def advice(self, own: PhotoSet, model: str) -> list[Advice]:
        """The photos without a word so far, what would teach most first."""
        known = np.zeros(len(own.space))
        labelled, unlabelled = list[Outlook](), list[Outlook]()
        for photo in own.photos():
            outlook = self._outlook(own, photo.name, model)
            (labelled if photo.labelled else unlabelled).append(outlook)
            if photo.labelled:
                label, _ = own.read_label(photo.name)
                assert label is not None
                known += np.bincount(label.ravel(), minlength=IGNORE + 1)[: len(known)]
        return advise(unlabelled, labelled, known, own.space)

    def _outlook(self, own: PhotoSet, photo: str, model: str) -> Outlook:
        key = self._key(own, photo, model)
        if key not in self._outlooks:
            self._outlooks[key] = Outlook.of(photo, self.guess(own, photo, model), own.space)
        return self._outlooks[key]

    def _key(self, own: PhotoSet, photo: str, model: str | None) -> Key:
        file = own.image_file(photo)
        found = self.models.find(model) if model else None
        return file, file.stat().st_mtime_ns, found.name if found else "", found.version if found else 0


def editor_size(height: int, width: int) -> tuple[int, int]:
    """The size at which a photo is labelled: its own up to `MOST_EDITED` pixels."""
    scale = min(1.0, math.sqrt(MOST_EDITED / (height * width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def fitted(values: Map, size: tuple[int, int]) -> Map:
    """A map at another size (h w), each pixel from the one under its centre; larger and back changes nothing."""
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(values.shape, size, strict=True))
    return values[rows[:, None], columns]


def _read(file: Path, changed: int) -> Image:
    image = read_photograph(file, max_pixels=MOST_PIXELS)
    height, width = editor_size(*image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _remember(kept: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.pop(next(iter(kept)))
