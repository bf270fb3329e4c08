"""What each class of a source is in the target: a table to edit, filled by name first, kept in ``data.classes``."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
import yaml

from app.context import plain
from app.launch.checks import stamps
from app.launch.forms import KEY, Note, Notes
from app.launch.jobs import Job
from hrs.config import RunConfig
from hrs.data.classlist import as_colour
from hrs.data.classmap import EVERY, map_for
from hrs.data.formats.table import FORMATS
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import fold

IGNORED = "ignore"
"""What a class that is nothing in the target is called in the table, and in a class map."""
POLL_SECONDS = 0.5
_MAP = "data.classes"
_CHOSEN = "launch classes chosen"
Given = Mapping[str, str | Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A class of a source. keys: what a class map may call it beside its name; guess: what its name is taken for."""

    name: str
    keys: tuple[str, ...]
    share: float
    picture: str | None
    guess: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The classes of a source, the commonest first. targets: what one can be; shown: what each is, by name;
    told_by_name: whether the names alone say it, of every one."""

    rows: tuple[Row, ...]
    targets: tuple[str, ...]
    shown: Mapping[str, str]
    told_by_name: bool


def take() -> None:
    """Put what was chosen in a table into the form. Call it before the form is drawn."""
    if _CHOSEN in st.session_state:
        st.session_state[KEY + _MAP] = st.session_state.pop(_CHOSEN)


def draw(config: RunConfig) -> None:
    """A table for each source whose classes do not simply meet the target's by name; nothing where all do.

    Call it outside of fragments: what is chosen there changes the form above.
    """
    jobs = _jobs(config)
    if any(not job.done for job in jobs.values()):
        st.fragment(_wait, run_every=POLL_SECONDS)(tuple(jobs.values()))
        return
    for source, job in jobs.items():
        if table := _read(source, config, job):
            _draw_table(source, config, table)


def notes(config: RunConfig) -> Notes:
    """Of a source, where its table is known, that nothing of it is a class of the target: a run would end at once."""
    for source, job in _jobs(config).items():
        table = _read(source, config, job) if job.done else None
        if table and all(meant == IGNORED for meant in table.shown.values()):
            told = f"every class of {source} is ignored; say below the form what some of them are in the target"
            return {_MAP: Note(text=told)}
    return {}


def _jobs(config: RunConfig) -> dict[str, Job]:
    """What looks at the classes of both sides, by source."""
    target, asked = _target(config), [source for source in config.sources if _can_be_asked(source, config)]
    return {source: class_job(source, target, stamps(source), stamps(target)) for source in asked}


@st.cache_resource(max_entries=16, show_spinner=False, on_release=Job.close)
def class_job(source: str, target: str, *now: tuple[int, ...]) -> Job:
    """Of two data sets as they are by their `stamps`."""
    return Job.start(lambda out: ["classes", source, target, "--out", str(out)])


def _wait(jobs: tuple[Job, ...]) -> None:
    if all(job.done for job in jobs):
        st.rerun()
    st.caption("Looking at the classes of both sides")


def _target(config: RunConfig) -> str:
    return config.data.space or config.data.target


def _can_be_asked(source: str, config: RunConfig) -> bool:
    """Whether a source is there, and its classes neither those of the built-in street on both sides nor mapped by its
    own name."""
    try:
        spec, target = DatasetSpec.parse(source), DatasetSpec.parse(config.data.target)
        if map_for(config.data.classes, config.data.target):
            return False
    except HRSError:
        return False
    made = [FORMATS[each.format].made for each in (spec, target)]
    there = [Path(each.path).expanduser().is_dir() for each in (spec, target)]
    return "classes" not in spec.options and not all(made) and all(a or b for a, b in zip(made, there, strict=True))


# The table


def _read(source: str, config: RunConfig, job: Job) -> Table | None:
    """The table that a job was for; None where it failed, which checking the data set tells, too, or where a class map
    is no file, which reading the form's data tells."""
    if job.error:
        return None
    found = json.loads((job.out / "classes.json").read_text(encoding="utf-8"))
    try:
        given = map_for(config.data.classes, source, source=True)
    except HRSError:
        return None
    rows = tuple(sorted(_rows(found, job.out), key=lambda row: -row.share))
    entries, targets = given.entries if given else {}, tuple(dict.fromkeys([*found["target"], IGNORED]))
    return Table(
        rows=rows,
        targets=targets,
        shown={row.name: _meant(row, entries, targets) for row in rows},
        told_by_name=not entries and all(row.how == "name" for row in rows),
    )


def _draw_table(source: str, config: RunConfig, table: Table) -> None:
    if table.told_by_name:
        return
    rows = table.rows
    lost = [row for row in rows if table.shown[row.name] == IGNORED]
    share = sum(row.share for row in lost)
    title = f"Classes of {plain(source)}: {len(lost)} of {len(rows)} are ignored, {share:.0f} % of the pixels"
    with st.expander(title, expanded=share > 1, icon=":material/swap_horiz:"):
        _draw_editor(source, rows, table.shown, table.targets, config.data.classes)
        st.caption("From a few frames. What is chosen here stands in the setting Class map, under More data settings.")


def _draw_editor(
    source: str, rows: Sequence[Row], shown: Mapping[str, str], targets: Sequence[str], classes: Given
) -> None:
    frame = pd.DataFrame(
        {
            "looks like": [row.picture for row in rows],
            "class": [row.name for row in rows],
            "%": [row.share for row in rows],
            "in the target": [shown[row.name] for row in rows],
            "told by": [row.how if shown[row.name] == row.guess else "you" for row in rows],
        }
    )
    key = f"classes of {source} {hash((tuple(shown.items()), targets))}"  # new rows, and nothing edited yet
    edited = st.data_editor(
        frame,
        key=key,
        hide_index=True,
        disabled=("looks like", "class", "%", "told by"),
        column_config={
            "looks like": st.column_config.ImageColumn(width=140),
            "%": st.column_config.NumberColumn(format="%.1f", help="Of the labelled pixels of a few frames."),
            "in the target": st.column_config.SelectboxColumn(options=list(targets), required=True, width="medium"),
        },
        row_height=52,
        height=min(52 * len(rows) + 38, 560),
    )
    chosen = dict(zip(edited["class"], edited["in the target"].fillna(IGNORED), strict=True))
    if chosen != shown:
        text = yaml.safe_dump(changed(classes, source, rows, chosen), sort_keys=False, allow_unicode=True)
        st.session_state[_CHOSEN] = "" if text == "{}\n" else text
        st.rerun()


def _rows(found: Mapping[str, Any], folder: Path) -> Iterator[Row]:
    for each in found["classes"]:
        picture = _as_url(folder / each["picture"]) if each["picture"] else None
        yield Row(
            name=each["name"],
            keys=tuple(each["keys"]),
            share=each["share"],
            picture=picture,
            guess=each["target"] or IGNORED,
            how=each["how"],
        )


def _as_url(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


# Between the table and data.classes


def _meant(row: Row, entries: Mapping[str, str], targets: Sequence[str]) -> str:
    """What a class map makes of a class, as the target spells it; its guess where no entry names it."""
    found = [name for key, name in entries.items() if _names(key, row)]
    if not found:
        return row.guess
    return next((each for each in targets if fold(each) == fold(found[-1])), IGNORED)


def _names(key: str, row: Row) -> bool:
    """Whether a key of a class map, or a part of it between commas, is a class by name, id or colour."""
    parts = [key] if as_colour(key) else [key, *key.split(",")]
    return any(fold(part) == fold(row.name) or _plain_key(part) in row.keys for part in parts)


def _plain_key(part: str) -> str:
    colour = as_colour(part)
    return ",".join(map(str, colour)) if colour else part.strip().lower().removeprefix("id").strip()


def changed(classes: Given, source: str, rows: Sequence[Row], shown: Mapping[str, str]) -> dict[str, Any]:
    """``data.classes`` with one source's map as the table shows it: what is not as its name says, and what of its own
    map is about no class of the table."""
    bare = source.partition("?")[0]
    place = next((each for each in (source, bare) if each in classes), source)
    before = map_for({place: classes[place]}, place) if place in classes else None
    kept = {key: name for key, name in before.entries.items() if not _about(key, rows)} if before else {}
    chosen = {row.name: shown[row.name] for row in rows if EVERY in classes or shown[row.name] != row.guess}
    others: dict[str, Any] = {key: value for key, value in classes.items() if key != place}
    return others | ({place: {**kept, **chosen}} if kept or chosen else {})


def _about(key: str, rows: Sequence[Row]) -> bool:
    return any(_names(key, row) for row in rows)
