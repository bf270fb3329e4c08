"""Before and after: what a run that trained on labelled photos made better or worse, on them and on validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from app.context import all_runs, plain, runs_root
from app.figures.samples import legend
from app.runs.reading import read_config
from hrs.config import load_config
from hrs.data.classmap import map_for
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.pictures import Image, before_after_sheet
from hrs.runs.folder import RunFolder
from hrs.runs.names import DATASETS, MODEL
from hrs.runs.registry import RunSummary, has_checkpoint
from hrs.runs.seen import read_seen

_SHOWN = 8  # photos with pictures


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one set of photos: mIoU before and after in percent, a row a photo, pictures of those that changed most."""

    before: float
    after: float
    rows: pd.DataFrame
    picture: Image


def learns_from_labelled(run: RunFolder) -> bool:
    """Whether its real images are a set of the Label page."""
    config = read_config(run)
    folder = config.data.target.partition(":")[2] if config else ""
    return bool(folder) and Path(folder).parent == (runs_root() / DATASETS).resolve()


def before_and_after(chosen: list[RunSummary]) -> None:
    """The view of the first of the runs."""
    run = chosen[0].run
    if not has_checkpoint(run.best):
        st.info("There is a model to compare after the first validation.")
        return
    others = {each.name: each.run for each in all_runs() if each.run != run and has_checkpoint(each.run.best)}
    if not others:
        st.info("There is no other model to compare with yet.")
        return
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    name = str(left.selectbox("Before", list(others), help="The model that came before", key=f"before of {run.name}"))
    if not right.button("Compare", key=f"compare {run.name}") and not st.session_state.get(f"compared {run.name}"):
        st.caption("Both models see the photos once more, which takes some seconds.")
        return
    st.session_state[f"compared {run.name}"] = True
    try:
        with st.spinner("Both models look at the photos …"):
            models = _changed(run.best), _changed(others[name].best)
            found, space = _compared(run.path, others[name].best, *models, *_labels_changed(run))
    except HRSError as error:
        st.error(plain(str(error)))
        return
    for title, part in found.items():
        _show(title, part, name, run.name)
    st.html(legend(space))


def _changed(checkpoint: Path) -> int:
    return (checkpoint / MODEL).stat().st_mtime_ns


def _labels_changed(run: RunFolder) -> list[int]:
    """How many labels the set has that the run learns from, and when the newest was written."""
    config = read_config(run)
    folder = Path(config.data.target.partition(":")[2]) / "labels" if config else Path()
    times = [file.stat().st_mtime_ns for file in folder.glob("*.png")]
    return [len(times), max(times, default=0)]


def photos_of(run: RunFolder) -> dict[str, Dataset]:
    """The photos that the run learned from, those that it is validated on, and those that were labelled since, by what
    they are called: as its record has it, for the set has grown perhaps. Raises HRSError for data that cannot be read.
    """
    data, space, seen = load_config(run.config, trained=True).data, _space(run), read_seen(run)
    if not seen.target:
        raise HRSError(f"{run.data} is missing or damaged, so which photos this run learned from is not known")
    target = open_dataset(data.target, classes=map_for(data.classes, data.target)).map_to(space)
    apart = seen.held_out is None
    own = seen.validation if apart else data.target
    val = open_dataset(own, classes=map_for(data.classes, own)).map_to(space) if apart else target
    later = {frame.id for frame in target.frames} - {*seen.target, *(() if apart else seen.scored_on)}
    parts = {
        "Photos that it learned from": (target, set(seen.target)),
        "Photos that it is validated on": (val, set(seen.scored_on)),
        "Photos that were labelled since": (target, later),
    }
    return {
        title: photos.take(i for i, frame in enumerate(photos.frames) if frame.id in ids)
        for title, (photos, ids) in parts.items()
        if ids
    }


def _space(run: RunFolder) -> LabelSpace:
    space = run.read_space()
    if space is None:
        raise HRSError(f"{run.space} is missing, so the classes of this run are not known")
    return space


@st.cache_data(max_entries=4, show_spinner=False)
def _compared(run: Path, before: Path, *changed: int) -> tuple[dict[str, Found], LabelSpace]:
    """Both models on all `photos_of` the run."""
    from hrs.inference import Predictor
    from hrs.labelling.change import changes, together

    folder = RunFolder(run)
    space = _space(folder)
    models = [Predictor.load(checkpoint, backend="torch") for checkpoint in (before, folder.best)]
    result = {}
    for title, photos in photos_of(folder).items():
        if not len(photos):
            continue  # all of them are gone
        found = list(changes(models[0], models[1], photos))
        found.sort(key=lambda change: -abs(change.scores[1] - change.scores[0]))
        rows = pd.DataFrame([[change.name, *change.scores] for change in found], columns=["photo", "before", "after"])
        shown = [(change.image, change.label, change.before, change.after) for change in found[:_SHOWN]]
        picture = before_after_sheet(shown, space)
        earlier, later = together(found)
        result[title] = Found(before=earlier, after=later, rows=rows, picture=picture)
    return result, space


def _show(title: str, found: Found, before: str, after: str) -> None:
    st.subheader(title)
    columns = st.columns([1, 1, 3])
    columns[0].metric(f"mIoU of {before}", f"{found.before:.1f}")
    columns[1].metric(f"mIoU of {after}", f"{found.after:.1f}", f"{found.after - found.before:+.1f}")
    number = st.column_config.NumberColumn
    config = {"before": number("Before", format="%.1f"), "after": number("After", format="%.1f")}
    columns[2].dataframe(found.rows, hide_index=True, column_config=config, height=180, alt="mIoU by photo")
    st.image(
        found.picture,
        width="stretch",
        caption="Photo, label, before, after; those that changed most first",
        alt=f"{title}: photo, label, prediction of {before} and of {after}, a row each",
    )
