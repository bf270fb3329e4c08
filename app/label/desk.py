"""The label editor on the server: photos at the editor's size, their areas, a model's guess, labels to keep."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.photo.models import Models, Version
from hrs.data.transforms import under_centres
from hrs.errors import HRSError
from hrs.labelling.areas import Areas, find_areas
from hrs.labelling.ask import Advice, Outlook, advise
from hrs.labelling.guess import Guess, Question, guess, questions
from hrs.labelling.modelclasses import in_lines, read_model_classes
from hrs.labelling.photoset import MOST_PIXELS, PhotoSet, sets_in
from hrs.labels import IGNORE
from hrs.runs.names import DATASETS
from hrs.system.photographs import Image, read_photograph

MOST_EDITED = 1_600_000
"""Pixels of a photo in the editor; a larger one is labelled on a coarser grid of pixels."""
FEW = 8
"""Photos whose pictures, areas and guesses are kept in memory."""
MANY = 10_000
"""Photos of which is kept what a model makes of them in all."""
QUESTION_GRAIN = 4
"""Of the areas that are asked about: about 200 a photo."""

Map = TypeVar("Map", NDArray[np.uint8], NDArray[np.float32])
Value = TypeVar("Value")
Runs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]
"""Pixels that changed: first pixel, length and class of each run."""
Key = tuple[Path, int, str, Version, tuple[str, ...]]
"""A photo's file and when it was changed, a model, its version, and the classes that it is asked for, with what its own
are of them."""


class Kept(Generic[Value]):
    """What was made last, a few of it. Two who ask for the same wait for one: it is not made twice."""

    def __init__(self, most: int) -> None:
        self._most, self._values, self._lock = most, OrderedDict[Key, Value](), threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
            return self._values[key]


@dataclass(frozen=True)
class Edit:
    """Which open editor sent a label, and how many changes it holds."""

    editor: str
    changes: int

    @classmethod
    def of(cls, editor: str | None, changes: str | None) -> Edit | None:
        """Of two headers; None where they say nothing."""
        plain = editor is not None and len(editor) <= 64 and changes is not None and changes.isdecimal()
        return cls(editor, int(changes)) if plain and editor and changes else None


@dataclass(frozen=True)
class Desk:
    """Everything that the editor asks for, over the sets below a folder of runs."""

    runs: Path
    models: Models
    _images: Kept[Image] = field(default_factory=lambda: Kept(FEW), repr=False)
    _guesses: Kept[Guess] = field(default_factory=lambda: Kept(FEW), repr=False)
    _areas: Kept[Areas] = field(default_factory=lambda: Kept(FEW), repr=False)
    _outlooks: Kept[Outlook] = field(default_factory=lambda: Kept(MANY), repr=False)
    _edits: dict[Path, tuple[str, Edit]] = field(default_factory=dict, repr=False)
    _keeping: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def root(self) -> Path:
        """Where the sets are."""
        return self.runs / DATASETS

    def find(self, name: str) -> PhotoSet:
        """Raises HRSError where there is no such set."""
        if name not in sets_in(self.root):
            raise HRSError(f"there is no set of photos called {name!r}; make it on the Label page")
        return PhotoSet.open(self.root / name)

    def image(self, own: PhotoSet, photo: str) -> Image:
        """A photo at the editor's size, RGB (h w 3)."""
        return self._images.get(self._key(own, photo), lambda: _read(own.image_file(photo)))

    def label(self, own: PhotoSet, photo: str) -> tuple[NDArray[np.uint8], str]:
        """Its label at the editor's size, IGNORE where nothing is said, and the label's version."""
        label, version = own.read_label(photo)
        size = editor_size(*own.size(photo))
        return np.full(size, IGNORE, np.uint8) if label is None else fitted(label, size), version

    def keep(
        self, own: PhotoSet, photo: str, label: NDArray[np.uint8], over: str | None, edit: Edit | None = None
    ) -> str:
        """Keep a label of the editor's size; see `PhotoSet.write_label`. What is on disk in finer detail stays where
        nothing was painted.

        What is on disk from an earlier ``edit`` of the same editor, whose answer may have been lost, is no conflict;
        where it is from a later one, it stays.
        """
        file, size = own.image_file(photo), own.size(photo)
        with self._keeping:
            version, last = self._edits.get(file, ("", None))
            if edit and last and edit.editor == last.editor and own.version(photo) == version:
                if edit.changes <= last.changes:
                    return version
                over = over and version
            new, (old, _) = fitted(label, size), own.read_label(photo)
            if old is not None:
                new = np.where(fitted(label != fitted(old, label.shape), size), new, old)
            version = own.write_label(photo, new, over=over)
            if edit:
                self._edits[file] = version, edit
        return version

    def change(self, own: PhotoSet, photo: str, runs: Runs, over: str | None, edit: Edit | None = None) -> str:
        """Keep what changed in a label of the editor's size; otherwise as `keep`."""
        with self._keeping:
            label, _ = self.label(own, photo)
            pixels = label.reshape(-1).copy()
            for start, length, value in zip(*runs, strict=True):
                pixels[start : start + length] = value
            return self.keep(own, photo, pixels.reshape(label.shape), over, edit)

    def guess(self, own: PhotoSet, photo: str, model: str) -> Guess:
        """What a model takes a photo for, at the editor's size."""

        def make() -> Guess:
            predictor = self.models.load(self.models.find(model))
            return guess(predictor, self.image(own, photo), own.space, read_model_classes(own))

        return self._guesses.get(self._key(own, photo, model), make)

    def areas(self, own: PhotoSet, photo: str, model: str | None) -> Areas:
        """A photo's areas, along the borders of what a model sees where there is one."""

        def make() -> Areas:
            return find_areas(self.image(own, photo), self.guess(own, photo, model).labels if model else None)

        return self._areas.get(self._key(own, photo, model), make)

    def questions(self, own: PhotoSet, photo: str, model: str) -> list[Question]:
        """What the model is least sure of in a photo, by areas of `QUESTION_GRAIN`."""
        label, _ = self.label(own, photo)
        return questions(self.guess(own, photo, model), self.areas(own, photo, model), QUESTION_GRAIN, label)

    def advice(self, own: PhotoSet, model: str) -> list[Advice]:
        """The photos without a word so far, what would teach most first."""
        known = np.zeros(len(own.space))
        labelled, unlabelled = list[Outlook](), list[Outlook]()
        for photo in own.photos():
            outlook = self.outlook(own, photo.name, model)
            (labelled if photo.labelled else unlabelled).append(outlook)
            if photo.labelled:
                label, _ = own.read_label(photo.name)
                assert label is not None
                known += np.bincount(label.ravel(), minlength=IGNORE + 1)[: len(known)]
        return advise(unlabelled, labelled, known, own.space)

    def outlook(self, own: PhotoSet, photo: str, model: str) -> Outlook:
        """What a model makes of a photo, for `advice`."""
        return self._outlooks.get(
            self._key(own, photo, model), lambda: Outlook.of(photo, self.guess(own, photo, model), own.space)
        )

    def _key(self, own: PhotoSet, photo: str, model: str | None = None) -> Key:
        file = own.image_file(photo)
        changed = file.stat().st_mtime_ns
        if model is None:
            return file, changed, "", (), ()
        found = self.models.find(model)
        given = in_lines(read_model_classes(own))
        return file, changed, found.name, found.version, (*own.space.classes, given)


def editor_size(height: int, width: int) -> tuple[int, int]:
    """The size at which a photo is labelled: its own up to `MOST_EDITED` pixels."""
    scale = min(1.0, math.sqrt(MOST_EDITED / (height * width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def fitted(values: Map, size: tuple[int, int]) -> Map:
    """A map at another size (h w), each pixel from the one under its centre; larger and back changes nothing."""
    rows, columns = map(under_centres, values.shape, size)
    return values[rows[:, None], columns]


def _read(file: Path) -> Image:
    image = read_photograph(file, max_pixels=MOST_PIXELS)
    height, width = editor_size(*image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
