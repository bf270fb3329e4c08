"""The real data of a run: which images it may learn from, and what it is validated on."""

from __future__ import annotations

from dataclasses import dataclass

from hrs.config import RunConfig
from hrs.data.draw import draw_real
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import LabelSpace, label_space
from hrs.progress import Progress

UNDRAWN = "undrawn"
"""``data.unlabelled`` where it means the target's images that are not drawn."""


@dataclass(frozen=True, kw_only=True)
class RealData:
    """The real side in the label space of the run. ``target`` holds the drawn images; no other label is trained on.
    ``unlabelled`` holds the teacher's photos, without labels; None where there is no teacher."""

    space: LabelSpace
    target: Dataset
    val: Dataset
    unlabelled: Dataset | None = None


def open_real(config: RunConfig, *, progress: Progress | None = None) -> RealData:
    """Open, draw and map the real images; ``progress(done, total)`` is called while frames are rendered.

    Raises HRSError for whatever is missing or does not fit.
    """
    target = open_dataset(config.data.target, progress=progress)
    if target.space is None:
        raise HRSError(f"target {config.data.target} has no labels; name a labelled data set of real images")
    space = label_space(config.data.space) if config.data.space else target.space
    val_name, split = (config.data.val, None) if config.data.val else (config.data.target, "val")
    val = open_dataset(val_name, split=split, progress=progress)
    drawn = draw_real(target.map_to(space), config.data.n_real, seed=config.seed)
    unlabelled = _open_unlabelled(config.data.unlabelled, target, drawn) if config.data.unlabelled else None
    return RealData(space=space, target=drawn, val=val.map_to(space), unlabelled=unlabelled)


def _open_unlabelled(name: str, target: Dataset, drawn: Dataset) -> Dataset:
    photos = target.except_for(drawn) if name == UNDRAWN else open_dataset(name)
    if not len(photos):
        raise HRSError(
            f"data.unlabelled is {name}, but all {len(target)} images of {target.spec} are drawn; lower data.n_real "
            "or name a folder of photos, images:FOLDER"
        )
    return photos.without_labels()
