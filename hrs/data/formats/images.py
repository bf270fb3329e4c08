"""A folder of photographs without labels."""

from __future__ import annotations

from collections import Counter

from hrs.data.frames import Found, Frame, files_below
from hrs.data.spec import DatasetSpec


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    files = files_below(root)
    stems = Counter(file.relative_to(root).with_suffix("") for file in files)
    names = [file.relative_to(root) for file in files]  # a.png beside a.jpg keep their suffixes: ids are unique
    ids = [str(name if stems[name.with_suffix("")] > 1 else name.with_suffix("")) for name in names]
    frames = tuple(Frame(id=each, image=file) for each, file in zip(ids, files, strict=True))
    return Found(frames=frames, missing=(), encoding=None, layout="a folder of images")
