"""A folder of photographs without labels."""

from __future__ import annotations

from collections import Counter

from hrs.data.frames import Found, Frame, refuse_brush_masks
from hrs.data.spec import DatasetSpec
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import files_below


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    tree = files_below(root, SUFFIXES)
    refuse_brush_masks(spec, root, tree.files)
    stems = Counter(file.relative_to(root).with_suffix("") for file in tree.files)
    names = [file.relative_to(root) for file in tree.files]  # a.png beside a.jpg keep their suffixes: ids are unique
    ids = [str(name if stems[name.with_suffix("")] > 1 else name.with_suffix("")) for name in names]
    frames = tuple(Frame(id=each, image=file) for each, file in zip(ids, tree.files, strict=True))
    return Found(frames=frames, missing=tree.aside, encoding=None, layout="a folder of images")
