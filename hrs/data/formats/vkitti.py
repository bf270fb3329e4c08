"""Virtual KITTI 2 (Cabon et al., 2020): SceneXX/CONDITION/frames/rgb/Camera_N/rgb_00000.jpg beside
classSegmentation/Camera_N/classgt_00000.png in colours."""

from __future__ import annotations

from hrs.data.encoding import by_name, colour_id
from hrs.data.frames import Found, Frame
from hrs.data.spec import DatasetSpec, holds
from hrs.errors import HRSError
from hrs.labels import VKITTI_COLOURS
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import Skipped, files_below


def read(spec: DatasetSpec) -> Found:
    tree = files_below(spec.root, SUFFIXES)
    labels, images = {}, {}
    for path in tree.files:
        name = path.relative_to(spec.root).with_suffix("").as_posix()
        if "/classSegmentation/" in f"/{name}":
            labels[name.replace("classSegmentation/", "rgb/").replace("classgt_", "rgb_")] = path
        elif "/rgb/" in f"/{name}":
            images[name] = path
    if not labels:
        raise HRSError(f"data set {spec}: expected folders classSegmentation/ beside rgb/ in it; {holds(spec.root)}")
    frames = tuple(
        Frame(id=name, image=images[name], label=labels[name]) for name in sorted(images.keys() & labels.keys())
    )
    missing = [Skipped(path=images[name], reason="has no label") for name in sorted(images.keys() - labels.keys())]
    missing += [Skipped(path=labels[name], reason="has no image") for name in sorted(labels.keys() - images.keys())]
    colours = {colour_id(colour): name for colour, name in VKITTI_COLOURS.items() if name != "misc"}
    void = frozenset({colour_id((80, 80, 80)), 0})
    return Found(
        frames=frames,
        missing=(*missing, *tree.aside),
        encoding=by_name(colours, channel="colour", void=void, name="vkitti2"),
        layout="rgb/Camera_N/rgb_00000.jpg with classSegmentation/Camera_N/classgt_00000.png",
    )
