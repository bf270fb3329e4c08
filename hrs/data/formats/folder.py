"""One's own classes: images/NAME, labels/NAME.png (8 or 16 bit), classes.yaml, and perhaps planted/NAME.png.

With splits, all of them lie one folder deeper: images/SPLIT, labels/SPLIT.
"""

from __future__ import annotations

from pathlib import Path

from hrs.data.encoding import Encoding, by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import Colour, LabelSpace
from hrs.system.documents import parse_yaml, read_bounded, reason


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    splits = sorted(path.name for path in (root / "images").glob("*") if path.is_dir())
    if "split" in spec.options and spec.options["split"] not in splits:
        has = f"has the splits {', '.join(splits)}" if splits else "has no splits; leave split out"
        raise HRSError(f"data set {spec}: images/ {has}")
    inner = f"/{spec.split}" if splits else ""
    images, labels = spec.folders(f"images{inner}", f"labels{inner}")
    planted = root / f"planted{inner}"
    return pair(images, labels, encoding=_classes(root), planted=planted if planted.is_dir() else None)


def _classes(root: Path) -> Encoding:
    """classes.yaml: ``classes: {raw id: name}``, perhaps ``palette: {raw id: [r, g, b]}`` and ``ignore: [raw ids]``."""
    path = root / "classes.yaml"
    expected = "expected 'classes:' with lines of 'raw id: name'"
    try:
        stored = parse_yaml(read_bounded(path))
        names = {int(raw): str(name) for raw, name in stored["classes"].items()}
        palette = {int(raw): tuple(map(int, rgb)) for raw, rgb in (stored.get("palette") or {}).items()}
        ignored = frozenset(map(int, stored.get("ignore") or ()))
    except FileNotFoundError as error:
        raise HRSError(f"{path} does not exist; {expected}, so that ids have names") from error
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
        raise HRSError(f"{path} cannot be used ({reason(error)}); {expected}") from error
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
