"""The public layouts: where images and labels lie, and how the labels are encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from hrs.data.formats.encoding import Encoding, by_name
from hrs.data.frames import Found, Frame, files_below, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import (
    CAMVID,
    CAMVID_ORIGINAL,
    CAMVID_VOID,
    CARLA_TAGS,
    CARLA_VOID,
    CITYSCAPES,
    CITYSCAPES_IDS,
    CITYSCAPES_VOID,
    SYNTHIA_IDS,
    SYNTHIA_VOID,
    Colour,
    LabelSpace,
    label_space,
)

DEFAULT_SPLIT = "train"


def gta5(spec: DatasetSpec) -> Found:
    """Playing for Data (Richter et al., ECCV 2016): images/NAME.png, labels/NAME.png, palette PNG of Cityscapes ids."""
    images, labels = _folders(spec, "images", "labels")
    encoding = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    return pair(images, labels, encoding=encoding)


def synthia(spec: DatasetSpec) -> Found:
    """SYNTHIA-RAND-CITYSCAPES (Ros et al., CVPR 2016): RGB/NAME.png, GT/LABELS/NAME.png, 16-bit, class in red."""
    images, labels = _folders(spec, "RGB", "GT/LABELS")
    encoding = by_name(SYNTHIA_IDS, channel="red", void=SYNTHIA_VOID, space=label_space("synthia16"))
    return pair(images, labels, encoding=encoding)


def cityscapes(spec: DatasetSpec) -> Found:
    """Cityscapes (Cordts et al., CVPR 2016): leftImg8bit/SPLIT/CITY/*, gtFine/SPLIT/CITY/*_label(Train)Ids."""
    split = _split(spec)
    images, labels = _folders(spec, f"leftImg8bit/{split}", f"gtFine/{split}")
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    train_ids = Encoding(
        space=CITYSCAPES, channel="index", ids={i: i for i in range(len(CITYSCAPES))}, void=frozenset({255})
    )
    for ending, encoding in (("_gtFine_labelIds", ids), ("_gtFine_labelTrainIds", train_ids)):
        if any(True for _ in labels.rglob(f"*{ending}.png")):
            return pair(images, labels, encoding=encoding, image_end="_leftImg8bit", label_end=ending)
    return pair(images, labels, encoding=ids, image_end="_leftImg8bit", label_end="_gtFine_labelIds")


def camvid(spec: DatasetSpec) -> Found:
    """CamVid (Brostow et al., 2009): SegNet's SPLIT, SPLITannot with ids 0..11, or SPLIT, SPLIT_labels with 32 colours,
    or the original 701_StillsRaw_full and LabeledApproved_full, which has no splits."""
    if (spec.root / "701_StillsRaw_full").is_dir():
        if "split" in spec.options:
            raise HRSError(f"data set {spec}: this original layout has no splits; sort the frames into folders")
        images, labels = _folders(spec, "701_StillsRaw_full", "LabeledApproved_full")
        return pair(images, labels, encoding=_camvid_colours(), label_end="_L")
    split = _split(spec)
    if (spec.root / f"{split}_labels").is_dir():
        images, labels = _folders(spec, split, f"{split}_labels")
        return pair(images, labels, encoding=_camvid_colours(), label_end="_L")
    images, labels = _folders(spec, split, f"{split}annot")
    ids = {i: i for i in range(len(CAMVID))}
    return pair(images, labels, encoding=Encoding(space=CAMVID, channel="index", ids=ids, void=CAMVID_VOID))


def carla(spec: DatasetSpec) -> Found:
    """CARLA's semantic camera: rgb/NAME, seg/NAME with the tag in red. Tags changed in 0.9.14, so version is asked."""
    version = spec.options.get("version")
    if version not in CARLA_TAGS:
        raise HRSError(
            f"data set {spec}: CARLA's tags changed in 0.9.14; add ?version=0.9.13 (and older) or ?version=0.9.14"
        )
    images, labels = _folders(spec, "rgb", "seg")
    encoding = by_name(CARLA_TAGS[version], channel="red", void=CARLA_VOID[version], name=f"carla-{version}")
    return pair(images, labels, encoding=encoding)


def folder(spec: DatasetSpec) -> Found:
    """One's own classes: images/NAME, labels/NAME.png (8 or 16 bit), classes.yaml, and perhaps planted/NAME.png.

    With splits, all of them lie one folder deeper: images/SPLIT, labels/SPLIT.
    """
    root = spec.root
    splits = sorted(path.name for path in (root / "images").glob("*") if path.is_dir())
    if "split" in spec.options and spec.options["split"] not in splits:
        has = f"has the splits {', '.join(splits)}" if splits else "has no splits; leave split out"
        raise HRSError(f"data set {spec}: images/ {has}")
    inner = f"/{_split(spec)}" if splits else ""
    images, labels = _folders(spec, f"images{inner}", f"labels{inner}")
    planted = root / f"planted{inner}"
    return pair(images, labels, encoding=_own_classes(root), planted=planted if planted.is_dir() else None)


def images(spec: DatasetSpec) -> Found:
    """A folder of photographs without labels."""
    root = spec.root
    files = files_below(root)
    stems = Counter(file.relative_to(root).with_suffix("") for file in files)
    names = [file.relative_to(root) for file in files]  # a.png beside a.jpg keep their suffixes: ids are unique
    ids = [str(name if stems[name.with_suffix("")] > 1 else name.with_suffix("")) for name in names]
    frames = tuple(Frame(id=each, image=file) for each, file in zip(ids, files, strict=True))
    return Found(frames=frames, missing=(), encoding=None, layout="a folder of images")


READERS: dict[str, Callable[[DatasetSpec], Found]] = {
    "gta5": gta5,
    "synthia": synthia,
    "cityscapes": cityscapes,
    "camvid": camvid,
    "carla": carla,
    "folder": folder,
    "images": images,
}


def _folders(spec: DatasetSpec, image_folder: str, label_folder: str) -> tuple[Path, Path]:
    root = spec.root
    missing = [name for name in (image_folder, label_folder) if not (root / name).is_dir()]
    if missing:
        holds = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "nothing"
        raise HRSError(
            f"data set {spec}: expected {image_folder}/ and {label_folder}/ below {root}; "
            f"{' and '.join(missing)} is not there, the folder holds {holds}"
        )
    return root / image_folder, root / label_folder


def _split(spec: DatasetSpec) -> str:
    split = spec.options.get("split", DEFAULT_SPLIT)
    if not split or Path(split).name != split or split.startswith("."):
        raise HRSError(f"data set {spec}: split={split}; expected the name of a folder, such as train or val")
    return split


def _camvid_colours() -> Encoding:
    ids = {_colour_id(colour): name for colour, name in CAMVID_ORIGINAL.items()}
    wanted = {raw: name for raw, name in ids.items() if name in CAMVID.classes}
    return by_name(wanted, channel="colour", void=frozenset(ids) - frozenset(wanted), space=CAMVID)


def _colour_id(colour: Colour) -> int:
    return (colour[0] << 16) + (colour[1] << 8) + colour[2]


def _own_classes(root: Path) -> Encoding:
    """classes.yaml: ``classes: {raw id: name}``, perhaps ``palette: {raw id: [r, g, b]}`` and ``ignore: [raw ids]``."""
    path = root / "classes.yaml"
    expected = "expected 'classes:' with lines of 'raw id: name'"
    if not path.is_file():
        raise HRSError(f"{path} does not exist; {expected}, so that ids have names")
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = {int(raw): str(name) for raw, name in stored["classes"].items()}
        palette = {int(raw): tuple(map(int, rgb)) for raw, rgb in (stored.get("palette") or {}).items()}
        ignored = frozenset(map(int, stored.get("ignore") or ()))
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise HRSError(f"{path} cannot be used ({' '.join(str(error).split())}); {expected}") from error
    for raw, rgb in palette.items():
        if len(rgb) != 3 or not all(0 <= value <= 255 for value in rgb):
            raise HRSError(f"{path}: the palette's colour of {raw} is {list(rgb)}; expected [r, g, b] from 0 to 255")
    if any(not 0 <= raw < 1 << 16 for raw in names):
        raise HRSError(f"{path} names the id {max(names, key=abs)}; expected ids from 0 to 65535")
    encoding = by_name(dict(sorted(names.items())), channel="index", void=ignored | {255}, name=root.name or "folder")
    colours = _palette(encoding.space, names, palette)
    space = LabelSpace(name=encoding.space.name, classes=encoding.space.classes, palette=colours)
    return Encoding(space=space, channel="index", ids=encoding.ids, void=encoding.void - encoding.ids.keys())


def _palette(space: LabelSpace, names: dict[int, str], given: dict[int, tuple[int, ...]]) -> tuple[Colour, ...]:
    """The given colours, and those of the space where none is; ids that are no class may have one, unused."""
    colours = dict(zip(space.classes, space.palette, strict=True))
    colours |= {names[raw]: (red, green, blue) for raw, (red, green, blue) in given.items() if raw in names}
    return tuple(colours[name] for name in space.classes)
