"""The formats of data sets. A new one is a row here, a module of its name beside this one, and a test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from hrs.errors import HRSError
from hrs.progress import Progress

if TYPE_CHECKING:
    from hrs.data.frames import Found, Glimpse, Look
    from hrs.data.spec import DatasetSpec


@dataclass(frozen=True, kw_only=True)
class Format:
    """What is known of a format without opening anything; free of OpenCV, so that naming a data set is quick.

    Its module ``hrs.data.formats.NAME`` has ``read(spec) -> Found``. One whose frames are made when they are asked for
    has ``read(spec, progress) -> Found``, ``glimpse(spec, few) -> Glimpse`` and ``look(spec) -> Look``.

    folder: what lies where, in Markdown.
    labels: how they are encoded, in Markdown.
    options: those that ``?key=value`` may name; "split" where it has splits.
    made: whether its frames are made when they are asked for, which takes time.
    signs: what tells such a folder from others: patterns below it; one line of them suffices, all of it is needed. Of
        patterns with | between them one is. Behind a > stands what a file of that name holds, as a regular expression.
    asks: what must be said beside the folder, as "version=0.9.14", the likeliest first; nobody can guess it.
    """

    name: str
    folder: str
    labels: str
    options: frozenset[str] = frozenset()
    made: bool = False
    signs: tuple[tuple[str, ...], ...] = ()
    asks: tuple[str, ...] = ()

    @property
    def known_options(self) -> frozenset[str]:
        """``options``, and ``classes``, a file that says what the classes shall be called, where there are labels."""
        return self.options | ({"classes"} if self.labels != "none" else set())

    def fit(self, root: Path) -> int:
        """How many signs of this a folder has, of the line that it has whole; 0 where it looks like another."""
        return max(map(len, _whole_lines(root, self.signs)), default=0)

    def splits(self, spec: DatasetSpec) -> list[str]:
        """The names of the splits that a data set has, as they are on disk; none for formats without splits."""
        return list(import_module(f"hrs.data.formats.{self.name}").splits(spec)) if self.has_splits else []

    @property
    def has_splits(self) -> bool:
        return "split" in self.options

    def read(self, spec: DatasetSpec, progress: Progress | None = None) -> Found:
        """All frames of a data set. Raises HRSError where the folder is not as the format says.

        progress: called with (done, total) while frames are made.
        """
        module = import_module(f"hrs.data.formats.{self.name}")
        return cast("Found", module.read(spec, progress) if self.made else module.read(spec))

    def glimpse(self, spec: DatasetSpec, few: int) -> Glimpse:
        """A look at a data set that makes no more than about ``few`` frames, however many it has."""
        from hrs.data.frames import Glimpse

        if not self.made:
            found = self.read(spec)
            return Glimpse(found=found, total=len(found.frames))
        return cast(Glimpse, import_module(f"hrs.data.formats.{self.name}").glimpse(spec, few))

    def look(self, spec: DatasetSpec) -> Look:
        """What there is by its names, opening no image and making none. Raises HRSError as `read` does."""
        from hrs.data.frames import Look

        if self.made:
            return cast(Look, import_module(f"hrs.data.formats.{self.name}").look(spec))
        found = self.read(spec)
        if not found.frames:
            raise HRSError(f"data set {spec} has no usable frame; expected {found.layout}")
        return Look(total=len(found.frames), labelled=found.encoding is not None)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """What a tool writes that no format reads as it lies.

    name: what it is, after "looks like". signs: as of a `Format`. remedy: how the format that is ``then`` reads it.
    """

    name: str
    signs: tuple[tuple[str, ...], ...]
    remedy: str
    then: str = "folder"

    def fits(self, root: Path) -> bool:
        """Whether a folder is of this kind."""
        return bool(_whole_lines(root, self.signs))


def _whole_lines(root: Path, signs: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """The lines of signs that a folder has whole."""
    return [line for line in signs if all(_is_there(root, sign) for sign in line)]


def _is_there(root: Path, sign: str) -> bool:
    names, _, held = sign.partition(">")
    found = (path for pattern in names.split("|") for path in root.glob(pattern))
    return any(_holds(path, held) for path in islice(found, _LOOKED_INTO)) if held else any(True for _ in found)


def _holds(path: Path, held: str) -> bool:
    """Whether there is such text in a file, as far as it is looked into."""
    if not path.is_file():
        return False
    with suppress(OSError), open(path, "rb") as file:
        if re.search(held.encode(), file.read(_LOOKED_AT)):
            return True
        file.seek(max(file.tell(), path.stat().st_size - _LOOKED_AT))  # what is long, such as a photo, may come first
        return re.search(held.encode(), file.read()) is not None
    return False


_LOOKED_INTO, _LOOKED_AT = 100, 1 << 20  # files, and bytes of each from either end
_SPLIT = frozenset({"split"})
_SHAPES = r'*.json>"shapes"\s*:\s*\['
_PHOTOS = ("jpg", "jpeg", "png", "heic", "tif", "tiff", "webp", "bmp")
_ROWS = (
    Format(
        name="gta5",
        folder="`images/*.png`, `labels/*.png`",
        labels="palette PNG of Cityscapes ids, or `*_labelTrainIds.png`",
        signs=(("images/[0-9][0-9][0-9][0-9][0-9].png", "labels/[0-9][0-9][0-9][0-9][0-9]*.png"),),
    ),
    Format(
        name="synthia",
        folder="`RGB/*.png`, `GT/LABELS/*.png`; or a video sequence",
        labels="16-bit PNG, class in the red channel",
        signs=(("RGB", "GT/LABELS"),),
    ),
    Format(
        name="cityscapes",
        folder="`leftImg8bit/SPLIT/CITY/`, `gtFine/SPLIT/CITY/`",
        labels="`labelIds` or `labelTrainIds`",
        options=_SPLIT,
        signs=(
            ("leftImg8bit", "gtFine", "gtFine/*/*/*_labelIds.png"),
            ("leftImg8bit", "gtFine/*/*/*_labelTrainIds.png"),
            ("leftImg8bit", "gtFine"),
            ("leftImg8bit", "gtCoarse"),
        ),
    ),
    Format(
        name="camvid",
        folder="SegNet's `train`, `trainannot`, … or the original 32 colours",
        labels="ids 0..11, or colours",
        options=_SPLIT,
        signs=(("train", "trainannot"), ("train", "train_labels"), ("701_StillsRaw_full", "LabeledApproved_full")),
    ),
    Format(
        name="carla",
        folder="`rgb/`, `seg/`, and `?version=0.9.13` or `?version=0.9.14` (0.9.10 to 0.9.16, 0.10)",
        labels="tag in the red channel, or CityScapesPalette's colours",
        options=frozenset({"version"}),
        signs=(("rgb", "seg"),),
        asks=("version=0.9.14", "version=0.9.13"),
    ),
    Format(
        name="kitti",
        folder="`training/image_2/`, `training/semantic/`; perhaps other splits beside `training/`",
        labels="PNG of Cityscapes ids",
        options=_SPLIT,
        signs=(("training/image_2", "training/semantic"), ("image_2", "semantic")),
    ),
    Format(
        name="vkitti",
        folder="Virtual KITTI 2: `…/rgb/Camera_0/`, `…/classSegmentation/Camera_0/`",
        labels="colours",
        signs=(("Scene*/*/frames/classSegmentation",), ("*/frames/classSegmentation",), ("frames/classSegmentation",)),
    ),
    Format(
        name="idd",
        folder="`leftImg8bit/SPLIT/DRIVE/`, `gtFine/SPLIT/DRIVE/`",
        labels="`labellevel3Ids`, `labelids`, `labelcsTrainIds`, or IDD-Lite's `label`",
        options=_SPLIT,
        signs=(
            ("leftImg8bit", "gtFine", "gtFine/*/*/*_labellevel3Ids.png"),
            ("leftImg8bit", "gtFine", "gtFine/*/*/*_labelids.png"),
            ("leftImg8bit", "gtFine", "gtFine/*/*/*_labelcsTrainIds.png"),
            ("leftImg8bit", "gtFine", "gtFine/*/*/*_label.png"),
        ),
    ),
    Format(
        name="synscapes",
        folder="`img/rgb/*.png`, `img/class/*.png`; perhaps in `SPLIT/`",
        labels="PNG of Cityscapes ids",
        options=_SPLIT,
        signs=(("img/rgb", "img/class"), ("*/img/rgb", "*/img/class")),
    ),
    Format(
        name="bdd100k",
        folder="`images/10k/SPLIT/`, `labels/sem_seg/masks/SPLIT/`; or `seg/`'s `images`, `labels`",
        labels="PNG of train ids",
        options=_SPLIT,
        signs=(
            ("images", "labels", "labels/sem_seg/masks"),
            ("images/train", "labels/train", "labels/train/*_train_id.png"),
        ),
    ),
    Format(
        name="vistas",
        folder="Mapillary Vistas: `SPLIT/images/`, `SPLIT/v1.2/labels/` (or `v2.0`), `config_v1.2.json`",
        labels="palette PNG of ids",
        options=_SPLIT,
        signs=(("config_v2.0.json",), ("config_v1.2.json",), ("training/images", "training/labels", "config.json")),
    ),
    Format(
        name="ade20k",
        folder="`images/SPLIT/`, `annotations/SPLIT/`, `objectInfo150.txt`",
        labels="PNG of ids 1..150",
        options=_SPLIT,
        signs=(("images", "annotations", "objectInfo150.txt"),),
    ),
    Format(
        name="voc",
        folder="`JPEGImages/`, `SegmentationClass/`, `ImageSets/Segmentation/SPLIT.txt`; or CVAT's with `labelmap.txt`",
        labels="palette PNG of ids, or colours",
        options=_SPLIT,
        signs=(("JPEGImages", "SegmentationClass"), ("JPEGImages",), ("SegmentationClass",)),
    ),
    Format(
        name="mmseg",
        folder="`img_dir/SPLIT/`, `ann_dir/SPLIT/`, `classes.yaml`",
        labels="PNG, your own ids",
        options=_SPLIT,
        signs=(("img_dir", "ann_dir"),),
    ),
    Format(
        name="roboflow",
        folder="`SPLIT/*.jpg` with `SPLIT/*_mask.png` beside them, `SPLIT/_classes.csv`",
        labels="PNG of ids",
        options=_SPLIT,
        signs=(("*/_classes.csv",), ("_classes.csv",)),
    ),
    Format(
        name="yolo",
        folder="`images/SPLIT/`, `labels/SPLIT/*.txt`, `data.yaml`; or `SPLIT/images/`, `SPLIT.txt`; or Label Studio's",
        labels="polygons, the rest is `background`",
        options=_SPLIT,
        signs=(
            ("images", "labels", "labels/*/*.txt", "*.yaml"),
            ("images", "labels", "labels/*.txt"),
            ("*/images", "*/labels", "*/labels/*.txt"),
        ),
    ),
    Format(
        name="coco",
        folder="`annotations/instances_SPLIT.json` (or Roboflow's, CVAT's, Label Studio's `result.json`) and images",
        labels="polygons and run lengths, the rest is `background`",
        options=_SPLIT,
        signs=(
            ("annotations/*.json", "annotations"),
            ("*/_annotations.coco.json",),
            ("_annotations.coco.json",),
            ("result.json",),
            ("labels.json", "data"),
            ("coco_annotations.json",),
        ),
    ),
    Format(
        name="labelme",
        folder="`*.jpg` with `*.json` beside them, in any folders",
        labels="polygons, the rest is `background`",
        options=_SPLIT,
        signs=((_SHAPES, "*.jpg"), (_SHAPES, "*.png"), ("images", "labels", f"labels/{_SHAPES}")),
    ),
    Format(
        name="folder",
        folder="`images/`, `labels/` (or `masks/`), `classes.yaml`; "
        "perhaps `images/SPLIT/`, `SPLIT/images/` or `SPLIT.txt`",
        labels="PNG, your own ids or colours",
        options=_SPLIT,
        signs=(
            ("images", "labels", "classes.*"),
            ("images", "labels", "labelmap.txt"),
            ("images", "labels"),
            ("*/images", "*/labels", "classes.*"),
            ("[Ii]mages|[Ii]mage|[Ii]mgs|[Ii]mg", "[Ll]abels|[Ll]abel|[Mm]asks|[Mm]ask"),
            ("[Ii]mages|[Ii]mage|[Ii]mgs|[Ii]mg", "[Aa]nnotations/*.*|[Aa]nnotation/*.*"),
            ("*/[Ii]mages|*/[Ii]mage|*/[Ii]mgs|*/[Ii]mg", "*/[Mm]asks|*/[Mm]ask"),
        ),
    ),
    Format(
        name="images",
        folder="any folder of photos",
        labels="none",
        signs=tuple((f"*.{''.join(f'[{each}{each.upper()}]' for each in suffix)}",) for suffix in _PHOTOS),
    ),
    Format(
        name="render",
        folder="built in: `render:synthetic`, `render:camera`",
        labels="from the renderer",
        options=frozenset({"split", "frames", "start", "seed", "height", "width", "faults"}),
        made=True,
    ),
)
FORMATS: Mapping[str, Format] = MappingProxyType({row.name: row for row in _ROWS})

_OF_REPLICATOR = "semantic_segmentation_labels_*.json"
UNREAD = (
    Unread(
        name="what Replicator (Isaac Sim) writes",
        signs=((f"{_OF_REPLICATOR}|semantic_segmentation/{_OF_REPLICATOR}|*/semantic_segmentation/{_OF_REPLICATOR}",),),
        remedy="move rgb_*.png to images/ and semantic_segmentation_*.png to labels/, write the classes and colours of "
        f"{_OF_REPLICATOR} to classes.yaml",
    ),
    Unread(
        name="a SOLO data set of Unity Perception",
        signs=(("step*.frame_data.json|sequence.*/step*.frame_data.json",),),
        remedy="move sequence.*/step*.camera.png to images/sequence.*/ and their semantic segmentation.png to "
        "labels/sequence.*/, write the classes and colours of annotation_definitions.json to classes.yaml",
    ),
    Unread(
        name="Datumaro's own JSON",
        signs=((r'annotations/*.json>"categories"\s*:\s*\{',),),  # COCO has a list there
        remedy="export COCO from the tool that wrote it",
        then="coco",
    ),
)
"""Folders that are told apart from those of formats, and what to do with them."""


def to_markdown() -> str:
    """The table for people: format, folder, labels."""
    rows = [f"| `{row.name}` | {row.folder} | {row.labels} |" for row in FORMATS.values()]
    return "\n".join(["| format | folder | labels |", "| --- | --- | --- |", *rows])


def to_text() -> str:
    """A line a format for a terminal: name, folder, labels, options."""
    wide = max(map(len, FORMATS))
    return "\n".join(f"{name:<{wide}}  {_line(row)}" for name, row in FORMATS.items())


def _line(row: Format) -> str:
    options = f"; options: {', '.join(sorted(row.options))}" if row.options else ""
    return f"{row.folder}; labels: {row.labels}{options}".replace("`", "")
