"""Predictions on the same validation images side by side: runs below each other, steps beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.context import plain
from app.figures.samples import legend
from app.runs.reading import by_ruler, pictures, read_picture
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.pictures import Image, cells
from hrs.runs.folder import RunFolder
from hrs.runs.registry import RunSummary
from hrs.system.images import decode_rgb

_COLUMNS = 3  # of a picture of predictions: image, label, prediction
_FIRST_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One validation image at one step of a run: as a row of pictures, and its mIoU in percent."""

    row: Sequence[Image]
    miou: float | None


def images_of(chosen: Sequence[RunSummary]) -> list[str]:
    """Ids of the validation images that the runs have drawn, those of the first run first; empty where a run's pictures
    are older than the scores by image."""
    found = [_ids(run.run) for run in chosen if run.run.preview_steps("val")]
    return list(dict.fromkeys(name for each in found for name in each)) if all(found) else []


def show_side_by_side(chosen: Sequence[RunSummary], images: Sequence[str]) -> None:
    """One image, its label, and what each run made of it at each chosen step. Where runs were scored on different
    images, those of one name are different ones: each has its own image and label."""
    steps = sorted({step for run in chosen for step in pictures(run.run, "val")})
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    name = str(left.selectbox("Image", images, key="runs image"))
    picked = right.multiselect(
        "Steps",
        steps,
        default=_spread(steps),
        format_func="{:,}".format,
        key=f"runs steps {[run.name for run in chosen]}",
    )
    for runs in by_ruler(chosen).values():
        _show_truth(runs, name)
        for run in runs:
            if picked:
                _show_run(run, name, sorted(picked))
        for space in dict.fromkeys(filter(None, (_space(run.run) for run in runs))):
            st.html(legend(space))


def _show_truth(chosen: Sequence[RunSummary], name: str) -> None:
    """The image and its label, of the first run that has drawn it."""
    for run in chosen:
        for step in reversed(run.run.preview_steps("val")):
            shown = _shown(run.run, step, name)
            if shown is not None:
                columns = st.columns(3)
                columns[0].image(shown.row[0], caption="Image", alt=f"Validation image {name}")
                columns[1].image(shown.row[1], caption="Label", alt=f"Label of {name}")
                return


def _show_run(run: RunSummary, name: str, steps: Sequence[int]) -> None:
    st.markdown(f"**{plain(run.name)}**")
    if not run.run.preview_steps("val"):
        st.caption("It has no pictures of its predictions.")
        return
    if name not in _ids(run.run):
        st.caption(f"{plain(name)} is not among its validation pictures.")
        return
    for first in range(0, len(steps), 3):
        for place, step in zip(st.columns(3), steps[first : first + 3], strict=False):
            shown = _shown(run.run, step, name)
            if shown is None:
                place.caption(f"Step {step:,}: nothing was drawn.")
                continue
            score = "nothing to score" if shown.miou is None else f"IoU {shown.miou:.1f}"
            text = f"Step {step:,}, {score}"
            place.image(shown.row[2], caption=text, alt=f"Prediction of {run.name} on {name}. {text}")


def _spread(steps: Sequence[int]) -> list[int]:
    """The first, the middle and the last, or fewer where there are fewer."""
    last = len(steps) - 1
    return sorted({steps[round(last * i / (_FIRST_STEPS - 1))] for i in range(_FIRST_STEPS)}) if steps else []


def _ids(run: RunFolder) -> list[str]:
    scores: Mapping[str, float | None] = next(
        (found for step in reversed(run.preview_steps("val")) if (found := run.read_preview_scores(step))), {}
    )
    return list(scores)


def _shown(run: RunFolder, step: int, name: str) -> Shown | None:
    scores = run.read_preview_scores(step)
    if name not in scores:
        return None
    rows = _rows(run.preview("val", step), len(scores))
    return None if rows is None else Shown(row=rows[list(scores).index(name)], miou=scores[name])


def _rows(picture: Path, count: int) -> list[list[Image]] | None:
    stored = read_picture(picture)
    decoded = None if stored is None else decode_rgb(stored)
    return None if decoded is None else cells(decoded, count, _COLUMNS)


def _space(run: RunFolder) -> LabelSpace | None:
    try:
        return run.read_space()
    except HRSError:
        return None
