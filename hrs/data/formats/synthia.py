"""SYNTHIA (Ros et al., CVPR 2016): RGB/NAME.png, GT/LABELS/NAME.png, 16-bit, class in red.

RAND-CITYSCAPES, and the video sequences, whose folders Stereo_Left and Stereo_Right tell them apart: their ids 12 and
15 are other classes. Labels that all end in _labelTrainIds are Cityscapes' train ids, as mmsegmentation converts them.
"""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import by_name, fitting
from hrs.data.frames import OR_TRAIN_IDS, TRAIN_END, Found, label_files, pair, pair_by_ids
from hrs.data.spec import DatasetSpec
from hrs.labels import SYNTHIA_IDS, SYNTHIA_VOID, label_space
from hrs.system.tree import folders_in

_SEQUENCE_IDS = {raw: SYNTHIA_IDS[raw] for raw in range(1, 12)} | {12: "lane marking", 15: "traffic light"}
_SEQUENCE_VOID = frozenset({0, 13, 14})


def read(spec: DatasetSpec) -> Found:
    images, labels = spec.folders("RGB", "GT/LABELS")
    if all(path.stem.endswith(TRAIN_END) for path in label_files(labels)):
        return pair_by_ids(images, labels)
    sequence = any(name.startswith("Stereo_") for name in folders_in(labels))
    if sequence:
        kinds = [
            by_name(_SEQUENCE_IDS, channel=channel, void=_SEQUENCE_VOID, name="synthia-sequence")
            for channel in ("red", "index")
        ]
    else:
        space = label_space("synthia16")
        kinds = [by_name(SYNTHIA_IDS, channel=each, void=SYNTHIA_VOID, space=space) for each in ("red", "index")]
    found = pair(images, labels, encoding=kinds[0])
    encoding = fitting(kinds, [frame.label for frame in found.frames if frame.label])
    return replace(found, encoding=encoding, others=(OR_TRAIN_IDS,))
