"""Virtual KITTI 2 (Cabon et al., 2020): SceneXX/CONDITION/frames/rgb/Camera_N/rgb_00000.jpg beside
classSegmentation/Camera_N/classgt_00000.png in colours."""

from __future__ import annotations

from hrs.data.encoding import by_name, colour_id
from hrs.data.frames import Found, Frame
from hrs.data.spec import DatasetSpec, holds
from hrs.errors import HRSError
from hrs.labels import Colour
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import Skipped, files_below

_COLOURS: dict[Colour, str] = {
    (210, 0, 200): "terrain",
    (90, 200, 255): "sky",
    (0, 199, 0): "tree",
    (90, 240, 0): "vegetation",
    (140, 140, 140): "building",
    (100, 60, 100): "road",
    (250, 100, 255): "guard rail",
    (255, 255, 0): "traffic sign",
    (200, 200, 0): "traffic light",
    (255, 130, 0): "pole",
    (80, 80, 80): "misc",
    (160, 60, 60): "truck",
    (255, 127, 80): "car",
    (0, 139, 139): "van",
}
"""Virtual KITTI 2, colors.txt."""


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
    colours = {colour_id(colour): name for colour, name in _COLOURS.items() if name != "misc"}
    void = frozenset({colour_id((80, 80, 80)), 0})
    return Found(
        frames=frames,
        missing=(*missing, *tree.aside),
        encoding=by_name(colours, channel="colour", void=void, name="vkitti2"),
        layout="rgb/Camera_N/rgb_00000.jpg with classSegmentation/Camera_N/classgt_00000.png",
    )
