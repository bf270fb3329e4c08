"""Photos that a person labels: a data set of the format folder that grows as it is worked on.

    images/NAME.jpg or .png    the photo as it was given where it is a JPEG or PNG that stands upright, else a PNG of it
    labels/NAME.png            class ids, 255 where nobody has said anything; there is none before the first word
    classes.yaml               names and colours
    .lock                      held by whoever changes something

The files are the only state: two editors of one photo notice each other by the label's version, which is its content's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrs.data.classfile import classes_yaml, find_class_list
from hrs.data.classlist import is_void
from hrs.data.encoding import TRAIN_IDS, colours_beside
from hrs.data.formats.folder import encodings_of
from hrs.errors import HRSError
from hrs.labels import CAMVID_COLOURS, CITYSCAPES_COLOURS, IGNORE, LabelSpace, fold
from hrs.pictures import label_png
from hrs.runs.registry import nearest
from hrs.system.documents import shortened
from hrs.system.files import atomic_folder, atomic_write, locked, make_folder
from hrs.system.images import encode
from hrs.system.photographs import SUFFIXES, Image, open_image, orientation, read_photograph, sizes_of, turned

MOST_PIXELS = 64_000_000
"""Of a photo."""
BACKGROUND = "background"
"""What other tools call what nobody has labelled."""
NOTHING = "nothing"
"""Version of a label that is not there yet."""

_LONGEST = 200  # bytes of a photo's name, since a file's has 255 with a number and a suffix
_KEPT = {"JPEG": ".jpg", "PNG": ".png"}  # kinds that every tool reads, kept byte for byte
_WRITTEN = sorted({form for each in SUFFIXES for form in (each, each.upper(), f".{each[1:].capitalize()}")})


class Conflict(HRSError):
    """The label is another than the one that was changed: somebody else, or another tab, saved meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """name: of photo and label, without suffix. labelled: share of its pixels, in 0..1."""

    name: str
    image: Path
    labelled: float


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """A folder of photos and the classes they are labelled with; see `create` and `open`."""

    path: Path
    space: LabelSpace

    @classmethod
    def create(cls, path: Path, classes: Sequence[str] | LabelSpace) -> PhotoSet:
        """Make an empty one.

        Args:
            classes: names, which get colours, or a space.

        Raises:
            HRSError: the folder holds something already, or the classes make no space.
        """
        space = classes if isinstance(classes, LabelSpace) else space_of(path.name, classes)
        if path.exists() and any(path.iterdir()):
            raise HRSError(f"{path} is not empty; open it, or choose another name")
        with atomic_folder(path) as folder:
            for name in ("images", "labels"):
                make_folder(folder / name)
            cls(path=folder, space=space)._write_classes()
        return cls(path=path.resolve(), space=space)

    @classmethod
    def open(cls, path: Path) -> PhotoSet:
        """One that is there.

        Raises:
            HRSError: it is no data set of the format folder without splits, or its ids do not count from 0.
        """
        if not (path / "images").is_dir():
            raise HRSError(f"{path} has no folder images/; expected a data set made on the Label page, or one like it")
        classes = find_class_list(path)
        if classes is None:
            raise HRSError(f"{path} has no classes.yaml; expected 'classes: [name, ...]'")
        with os.scandir(path / "images") as entries:
            split = any(entry.is_dir() for entry in entries)
        if split:
            raise HRSError(f"{path / 'images'} has folders in it; expected photos alone, without splits")
        (encoding, *_) = encodings_of(classes, path.name)
        if list(classes.names) != list(range(len(encoding.space))) or encoding.channel != "index":
            raise HRSError(f"the ids of {classes.path} are not 0, 1, 2, ...; expected them so, to label on")
        return cls(path=path.resolve(), space=encoding.space)

    @classmethod
    def of_corrections(cls, folder: Path, space: LabelSpace) -> PhotoSet:
        """Where photos go that a model got wrong: the set corrections in ``folder``, made if missing; with a number
        where that has other classes. What is called void and the like is none of them.

        Raises:
            HRSError: it cannot be made.
        """
        space = without(space, is_void) or space
        with locked(folder / ".corrections.lock"):  # two may begin one at once
            for number in range(1, 1000):
                path = folder / ("corrections" if number == 1 else f"corrections-{number}")
                if not path.exists():
                    return cls.create(path, space)
                own = cls.open(path)
                if own.space.classes == space.classes:
                    return own
        raise HRSError(f"{folder} has a thousand sets of corrections; move some away")

    # Photos

    def photos(self) -> list[Photo]:
        """All photos by name."""
        files = sorted(self._files().items())
        return [Photo(name=name, image=file, labelled=self._share(name, file)) for name, file in files]

    def image_file(self, name: str) -> Path:
        """The file of a photo. Raises HRSError where there is none of this name."""
        if (file := self._find(name)) is not None:
            return file
        files = self._files()
        if name not in files:
            near = nearest(name, files)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {len(files)} photos"
            raise HRSError(f"{self.path.name} has no photo {shortened(name)}; {hint}")
        return files[name]

    def size(self, name: str) -> tuple[int, int]:
        """Height and width of a photo as it is seen, from its header. Raises HRSError as `read_image`."""
        _, upright, _ = _header(self.image_file(name))
        return upright

    def read_image(self, name: str) -> Image:
        """RGB, uint8 (h w 3). Raises HRSError where there is no such photo, or it is damaged."""
        return read_photograph(self.image_file(name), max_pixels=MOST_PIXELS)

    def add(self, data: bytes, filename: str) -> str:
        """Take a photo in; one that is there already, byte for byte, is not taken twice.

        Args:
            data: a file of any kind that `read_photograph` reads.
            filename: what it was called; the photo is named so, with a number where that is taken.

        Returns:
            The photo's name.

        Raises:
            HRSError: it is no photo, or cannot be kept.
        """
        image = read_photograph(data, name=filename, max_pixels=MOST_PIXELS)
        suffix, kept = _as_kept(data, image)
        stem = re.sub(r"[^\w.\-]+", "_", Path(filename).stem).strip("._-")
        stem = stem.encode()[:_LONGEST].decode(errors="ignore") or "photo"
        with locked(self._lock):
            for number in range(1, 100_000):
                name = stem if number == 1 else f"{stem}-{number}"
                taken = self._find(name)
                if taken is not None and taken.stat().st_size == len(kept) and taken.read_bytes() == kept:
                    return name
                if taken is None and not self._label(name).exists():  # which would become this photo's
                    atomic_write(self.path / "images" / f"{name}{suffix}", kept)
                    return name
        raise HRSError(f"there are too many photos called {stem}; name this one differently")

    # Labels

    def read_label(self, name: str) -> tuple[NDArray[np.uint8] | None, str]:
        """Class ids, uint8 (h w), and the label's version; (None, NOTHING) before the first word.

        Raises:
            HRSError: the label is damaged, of another size than the photo, or holds ids that are no class.
        """
        photo = self.image_file(name)
        file = self._label(name)
        if not file.is_file():
            return None, NOTHING
        version = self.version(name)
        return self._checked(_stored(file, photo), file), version

    def write_label(self, name: str, label: NDArray[np.uint8], *, over: str | None = None) -> str:
        """Keep a label.

        Args:
            label: class ids, IGNORE where nothing is said; of the photo's size.
            over: version that was changed; None replaces whatever is there.

        Returns:
            Its version.

        Raises:
            Conflict: what is there has another version than ``over``.
            HRSError: wrong size, ids that are no class, or the disk is full.
        """
        if label.shape != self.size(name):
            raise HRSError(f"the label of {name} is {label.shape}; expected the photo's size, {self.size(name)}")
        data = label_png(self._checked(label, name), self.space)
        make_folder(self.path / "labels")
        with locked(self._lock):
            if over is not None and (now := self.version(name)) != over:
                if now == _version(data):
                    return now  # it came twice
                raise Conflict(f"the label of {name} was changed elsewhere meanwhile; load it anew, or save over it")
            atomic_write(self._label(name), data)
        return _version(data)

    def version(self, name: str) -> str:
        """What `read_label` says of the version, without decoding."""
        try:
            return _version(self._label(name).read_bytes())
        except FileNotFoundError:
            return NOTHING

    # Classes

    def with_class(self, name: str) -> PhotoSet:
        """The set as it is now with one more class, behind the others. Raises HRSError where it is there or has no
        name."""
        with locked(self._lock):
            known = PhotoSet.open(self.path).space  # others may have added some
            own = PhotoSet(path=self.path, space=space_of(known.name, [*known.classes, name], known=known))
            own._write_classes()
        return own

    def _write_classes(self) -> None:
        atomic_write(self.path / "classes.yaml", classes_yaml(self.space.classes, self.space.palette))

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"

    def _label(self, name: str) -> Path:
        return self.path / "labels" / f"{name}.png"

    def _files(self) -> dict[str, Path]:
        """The photos' files by name; of two of one name the first."""
        found = [file for file in (self.path / "images").iterdir() if file.suffix.lower() in SUFFIXES]
        return {file.stem: file for file in sorted(found, reverse=True) if not file.name.startswith(".")}

    def _find(self, name: str) -> Path | None:
        """The file of a photo whose suffix is written as people write them, without a look at all the others."""
        if not name or name.startswith(".") or "/" in name:
            return None
        files = (self.path / "images" / f"{name}{suffix}" for suffix in _WRITTEN)
        return next((file for file in files if os.path.isfile(file)), None)  # False, too, for what can be no name

    def _share(self, name: str, photo: Path) -> float:
        file = self._label(name)
        try:
            found = file.stat()
        except FileNotFoundError:
            return 0.0
        share, largest = _labelled(file, photo, found.st_mtime_ns, found.st_size)
        return share if largest < len(self.space) else 0.0

    def _checked(self, label: NDArray[np.uint8], what: object) -> NDArray[np.uint8]:
        strange = np.setdiff1d(np.unique(label), [*range(len(self.space)), IGNORE])
        if strange.size:
            raise HRSError(f"{what} holds the id {strange[0]}; expected 0 to {len(self.space) - 1}, or 255 for nothing")
        return label


def sets_in(folder: Path) -> list[str]:
    """Names of the sets in a folder, in order."""
    names = [path.parent.name for path in folder.glob("*/classes.yaml")]
    return sorted(name for name in names if not name.startswith("."))  # one that is being made


def space_of(name: str, classes: Sequence[str], known: LabelSpace | None = None) -> LabelSpace:
    """A space of these names. Those that ``known`` has keep their colours, those of street scenes get the usual ones.

    Raises:
        HRSError: fewer than two names, names that repeat, or a new one that says that it is no class.
    """
    names = tuple(" ".join(each.split()) for each in classes if each.strip())
    for each in names:
        if (is_void(each) or fold(each) == BACKGROUND) and each not in (known.classes if known else ()):
            raise HRSError(f"{shortened(each)} means no class; leave it out, and label such pixels as Nothing")
    usual = {fold(each): colour for each, colour in (CITYSCAPES_COLOURS | CAMVID_COLOURS).items()}
    usual |= {fold(each): colour for each, colour in zip(known.classes, known.palette, strict=True)} if known else {}
    own = {each: usual[fold(each)] for each in names if fold(each) in usual}
    others = [each for each in names if each not in own]
    own |= zip(others, colours_beside(list(own.values()), len(others), list(usual.values())), strict=True)
    return LabelSpace(name=name or "own", classes=names, palette=tuple(own[each] for each in names))


def without(space: LabelSpace, unwanted: Callable[[str], bool]) -> LabelSpace | None:
    """The space without the classes of some names; None where fewer than two are left."""
    kept = {c: colour for c, colour in zip(space.classes, space.palette, strict=True) if not unwanted(c)}
    return LabelSpace(name=space.name, classes=tuple(kept), palette=tuple(kept.values())) if len(kept) > 1 else None


@lru_cache(maxsize=1 << 17)  # more than a set has: one that is too small for a set is of no use
def _labelled(file: Path, photo: Path, changed: int, size: int) -> tuple[float, int]:
    """Share of a label's pixels that say something, and the largest class, read once for each time that it changes."""
    try:
        label = _stored(file, photo)
    except HRSError:  # said where it is opened
        return 0.0, 0
    said = label[label != IGNORE]
    return said.size / label.size, int(said.max(initial=0))


def _stored(file: Path, photo: Path) -> NDArray[np.uint8]:
    """A label as its photo is seen, whatever the classes."""
    raw = TRAIN_IDS.raw_file(file)  # the ids as they lie
    if raw.max(initial=0) > IGNORE:
        raise HRSError(f"{file} holds the id {raw.max()}; expected the ids of classes, or 255 for nothing")
    return _upright(raw.astype(np.uint8), file, photo)


def _header(file: Path) -> tuple[tuple[int, int], tuple[int, int], int]:
    """(height, width) of a photo as it lies and upright, and EXIF's orientation."""
    try:
        with open_image(file) as opened:
            stored, upright, turn = sizes_of(opened)
            return stored[::-1], upright[::-1], turn
    except Exception as error:  # the decoders raise nearly anything on damaged files
        raise HRSError(f"{file} cannot be read as an image; copy it anew or remove it") from error


def _upright(label: NDArray[np.uint8], file: Path, photo: Path) -> NDArray[np.uint8]:
    """A label as its photo is seen; one whose size proves that it was drawn on the unturned photo is turned."""
    stored, seen, turn = _header(photo)
    if label.shape == seen:
        return label
    if label.shape == stored:
        return turned(label, turn)
    (height, width), (high, wide) = label.shape, seen
    raise HRSError(f"{file} has {width}x{height} pixels, its photo {wide}x{high}; give it that size, or remove it")


def _as_kept(data: bytes, image: Image) -> tuple[str, bytes]:
    """Suffix and bytes under which a photo is kept: its own where any tool sees the same picture in them."""
    with open_image(data) as opened:
        plain = opened.format in _KEPT and opened.mode in ("RGB", "L") and orientation(opened) == 1
        plain = plain and not opened.info.get("icc_profile") and not opened.has_transparency_data
        return (_KEPT[str(opened.format)], data) if plain else (".png", encode(".png", image))


def _version(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
