"""Label spaces: what the classes of a data set are called, how they are coloured, and how one space maps into another.

The only module that knows the numbers 19, 16, 13, 11 and 255. Tables were checked against public sources: Cityscapes'
``labels.py``, the id lists of the UDA literature for SYNTHIA, CARLA's sensor reference, and CamVid's colour list.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError

IGNORE = 255
"""Label of a pixel that no loss and no metric counts."""

LONGEST_NAME = 200
"""Characters of a class's name."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class LabelSpace:
    """An ordered set of classes. Class ``i`` is ``classes[i]``, drawn in ``palette[i]`` (RGB, 0..255)."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.palette):
            raise HRSError(f"label space {self.name}: {len(self.classes)} classes but {len(self.palette)} colours")
        seen: dict[str, str] = {}
        for name in self.classes:
            if fold(name) in seen:
                raise HRSError(
                    f"label space {self.name}: class names repeat, {alike(seen[fold(name)], name)}; give every class "
                    "its own name"
                )
            seen[fold(name)] = name
        if not 2 <= len(self.classes) <= IGNORE:
            raise HRSError(f"label space {self.name}: {len(self.classes)} classes; expected 2 to {IGNORE}")
        if not all(0 <= value <= 255 for colour in self.palette for value in colour):
            raise HRSError(f"label space {self.name}: a colour is not within 0 to 255; give [r, g, b]")
        if any(not name.strip() or len(name) > LONGEST_NAME for name in self.classes):
            raise HRSError(f"label space {self.name}: a class name is empty or has more than {LONGEST_NAME} characters")

    def __len__(self) -> int:
        return len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "classes": list(self.classes), "palette": [list(c) for c in self.palette]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> LabelSpace:
        """What `to_dict` wrote. Raises HRSError for anything else."""
        try:
            return cls(
                name=str(stored["name"]),
                classes=tuple(map(str, stored["classes"])),
                palette=tuple((int(r), int(g), int(b)) for r, g, b in stored["palette"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise HRSError(
                f"a stored label space is damaged ({error!r}); expected name, classes and palette, copy it anew"
            ) from error


def fold(name: str) -> str:
    """A class name as it is compared: letters and digits of any script, small ("Traffic_Light" is "trafficlight")."""
    text = unicodedata.normalize("NFKC", name).casefold()
    kept = "".join(each for each in text if each.isalnum() or unicodedata.category(each).startswith("M"))
    return kept or text.strip()


def alike(first: str, second: str) -> str:
    """Two names that are one to `fold`, in words."""
    return f"{first[:LONGEST_NAME]!r} and {second[:LONGEST_NAME]!r} (small or capital letters, spaces and signs aside)"


def _numbers(word: str) -> list[str]:
    """A folded name, and what may be its singular: "boxes" is "box", "bus" stays "bus"."""
    forms = [word]
    if word.endswith("ies"):
        forms.append(f"{word[:-3]}y")
    if word.endswith(("ses", "xes", "zes", "ches", "shes")):
        forms.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-1])
    return forms


CITYSCAPES_COLOURS: dict[str, Colour] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
CAMVID_COLOURS: dict[str, Colour] = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (0, 0, 192),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
_NOT_IN_SYNTHIA16 = {"terrain", "truck", "train"}
_NOT_IN_SYNTHIA13 = _NOT_IN_SYNTHIA16 | {"wall", "fence", "pole"}


def _space(name: str, colours: Mapping[str, Colour], without: set[str] | None = None) -> LabelSpace:
    kept = {key: colour for key, colour in colours.items() if key not in (without or set())}
    return LabelSpace(name=name, classes=tuple(kept), palette=tuple(kept.values()))


CITYSCAPES = _space("cityscapes19", CITYSCAPES_COLOURS)
CAMVID = _space("camvid11", CAMVID_COLOURS)
SPACES: dict[str, LabelSpace] = {
    space.name: space
    for space in (
        CITYSCAPES,
        _space("synthia16", CITYSCAPES_COLOURS, _NOT_IN_SYNTHIA16),
        _space("synthia13", CITYSCAPES_COLOURS, _NOT_IN_SYNTHIA13),
        CAMVID,
    )
}


def label_space(name: str) -> LabelSpace:
    """A built-in space by name. Raises HRSError with the nearest known name."""
    if name not in SPACES:
        raise HRSError(f"unknown label space {name!r}; {suggest(name, SPACES)}")
    return SPACES[name]


def suggest(word: str, known: Mapping[str, object] | list[str]) -> str:
    """Half a sentence for an error: the nearest known word, capitals or not, or all of them."""
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f"did you mean {folded[near[0]]}?" if near else f"known: {', '.join(known)}"


# What a class is called elsewhere. One table for all pairs of spaces; the first name that the target has is taken, and
# a class that is in no row and has no namesake is ignored.
MERGES: dict[str, tuple[str, ...]] = {
    "sidewalk": ("pavement",),
    "pavement": ("sidewalk",),
    "vegetation": ("tree",),
    "tree": ("vegetation",),
    "person": ("pedestrian",),
    "pedestrian": ("person",),
    "people": ("person", "pedestrian"),
    "rider": ("bicyclist",),
    "bicycle": ("bicyclist",),
    "bicyclist": ("rider", "bicycle"),
    "cyclist": ("rider", "bicyclist"),
    "motorbike": ("motorcycle",),
    "traffic light": ("signsymbol",),
    "traffic sign": ("signsymbol",),
    "signsymbol": ("traffic sign",),
    "road line": ("road",),
    "road marking": ("road",),
    "lane marking": ("road",),
    "street": ("road",),
    "footpath": ("sidewalk", "pavement"),
    "column pole": ("pole",),
    "wall": ("fence",),
    "guard rail": ("fence",),
    "vehicle": ("car",),
}
# CamVid's 11 classes as SegNet's label files draw them take in more than their names say: buses are Car, garden walls
# are Building, verges are Tree. A rule for this target alone, since other spaces with a car ignore trucks.
CAMVID_MERGES: dict[str, tuple[str, ...]] = {
    "truck": ("car",),
    "bus": ("car",),
    "wall": ("building",),
    "terrain": ("tree",),
}


@dataclass(frozen=True, kw_only=True)
class Match:
    """What a class is called in another space; None where it has no counterpart. how: why it is taken for that."""

    source: str
    target: str | None
    how: str


def match(source: LabelSpace, target: LabelSpace) -> tuple[Match, ...]:
    """For each class of ``source`` the one of ``target``: of the same name, in whatever case, spacing and number, else
    one that `MERGES` knows."""
    known = _by_form(target)
    merges = _merges(target)
    return tuple(_match(name, known, merges) for name in source.classes)


def _match(name: str, known: Mapping[str, str], merges: Mapping[str, tuple[str, ...]]) -> Match:
    own = _numbers(fold(name))
    others = [form for each in own for other in merges.get(each, ()) for form in _numbers(fold(other))]
    found = next((form for form in (*own, *others) if form in known), None)
    if found is None:
        return Match(source=name, target=None, how="nothing of that name")
    how = "another name" if found not in own else "name" if fold(name) == fold(known[found]) else "singular and plural"
    return Match(source=name, target=known[found], how=how)


def _by_form(space: LabelSpace) -> dict[str, str]:
    """Folded name, or its singular -> class; a name itself comes before what is another one's singular."""
    forms = {fold(name): name for name in space.classes}
    for name in space.classes:
        for form in _numbers(fold(name)):
            forms.setdefault(form, name)
    return forms


def _merges(target: LabelSpace) -> dict[str, tuple[str, ...]]:
    rows = MERGES | CAMVID_MERGES if target == CAMVID else MERGES
    return {fold(name): others for name, others in rows.items()}


def mapping(source: LabelSpace, target: LabelSpace, *, where: str = "data.classes") -> NDArray[np.uint8]:
    """Source class -> target class as 256 entries; IGNORE for all that has no counterpart, and for IGNORE itself.

    ``where``: what an error calls the place where one may say which class is which.

    Raises HRSError where not one class maps, since nothing could be learned.
    """
    index = {name: i for i, name in enumerate(target.classes)}
    table = np.full(256, IGNORE, np.uint8)
    for i, each in enumerate(match(source, target)):
        if each.target is not None:
            table[i] = index[each.target]
    if (table == IGNORE).all():
        raise HRSError(
            f"no class of {source.name} ({', '.join(source.classes)}) is one of {target.name} "
            f"({', '.join(target.classes)}); name the classes alike, or say in {where} which is which"
        )
    return table


def colourise(labels: NDArray[np.uint8], space: LabelSpace) -> NDArray[np.uint8]:
    """Class ids (h w) as RGB (h w 3); ids that are no class, such as IGNORE, are black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(space)] = space.palette
    return table[labels]


# Raw ids on disk -> class names. Names in no label space are kept where merges or users' spaces may want them.

CITYSCAPES_IDS: dict[int, str] = {
    7: "road",
    8: "sidewalk",
    11: "building",
    12: "wall",
    13: "fence",
    17: "pole",
    19: "traffic light",
    20: "traffic sign",
    21: "vegetation",
    22: "terrain",
    23: "sky",
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
CITYSCAPES_VOID = frozenset({0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 34, 255})
CITYSCAPES_VOID_COLOURS: tuple[Colour, ...] = (
    *((0, 0, 0), (20, 20, 20), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180)),
    *((150, 100, 100), (150, 120, 90), (0, 0, 90), (0, 0, 110)),
)
SYNTHIA_IDS: dict[int, str] = {
    1: "sky",
    2: "building",
    3: "road",
    4: "sidewalk",
    5: "fence",
    6: "vegetation",
    7: "pole",
    8: "car",
    9: "traffic sign",
    10: "person",
    11: "bicycle",
    12: "motorcycle",
    15: "traffic light",
    17: "rider",
    19: "bus",
    21: "wall",
}
SYNTHIA_VOID = frozenset({0, 13, 14, 16, 18, 20, 22})
CARLA_TAGS: dict[str, dict[int, str]] = {
    "0.9.13": {
        1: "building",
        2: "fence",
        4: "person",
        5: "pole",
        6: "road line",
        7: "road",
        8: "sidewalk",
        9: "vegetation",
        10: "vehicle",
        11: "wall",
        12: "traffic sign",
        13: "sky",
        17: "guard rail",
        18: "traffic light",
        22: "terrain",
    },
    "0.9.14": {
        1: "road",
        2: "sidewalk",
        3: "building",
        4: "wall",
        5: "fence",
        6: "pole",
        7: "traffic light",
        8: "traffic sign",
        9: "vegetation",
        10: "terrain",
        11: "sky",
        12: "person",
        13: "rider",
        14: "car",
        15: "truck",
        16: "bus",
        17: "train",
        18: "motorcycle",
        19: "bicycle",
        24: "road line",
        28: "guard rail",
    },
}
CARLA_VOID: dict[str, frozenset[int]] = {
    "0.9.13": frozenset({0, 3, 14, 15, 16, 19, 20, 21}),
    "0.9.14": frozenset({0, 20, 21, 22, 23, 25, 26, 27}),
}
CAMVID_VOID = frozenset({11, 255})
CAMVID_ORIGINAL: dict[Colour, str] = {
    **{colour: name for name, colour in CAMVID_COLOURS.items()},
    (0, 0, 0): "Void",
    (64, 128, 64): "Animal",
    (192, 0, 128): "Archway",
    (0, 128, 64): "Bridge",
    (64, 0, 192): "CartLuggagePram",
    (192, 128, 64): "Child",
    (128, 0, 192): "LaneMkgsDriv",
    (192, 0, 64): "LaneMkgsNonDriv",
    (128, 128, 64): "Misc_Text",
    (192, 0, 192): "MotorcycleScooter",
    (128, 64, 64): "OtherMoving",
    (64, 192, 128): "ParkingBlock",
    (128, 128, 192): "RoadShoulder",
    (64, 128, 192): "SUVPickupTruck",
    (0, 0, 64): "TrafficCone",
    (0, 64, 64): "TrafficLight",
    (192, 64, 128): "Train",
    (192, 128, 192): "Truck_Bus",
    (64, 0, 64): "Tunnel",
    (192, 192, 0): "VegetationMisc",
    (64, 192, 0): "Wall",
}
"""CamVid's 32 colours; names that are not among the 11 classes are ignored, not merged."""
