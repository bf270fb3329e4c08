"""What is wrong with data sets, network and name in the form, said as soon as a field is left; no image is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from app.launch.forms import KEY, Note, Notes
from hrs.config import UNDRAWN, RunConfig
from hrs.data import glance
from hrs.data.classmap import map_for
from hrs.data.formats.table import FORMATS
from hrs.data.holdout import to_validate_on
from hrs.data.spec import DatasetSpec, looks_like
from hrs.errors import HRSError
from hrs.labels import label_space
from hrs.methods.table import METHODS
from hrs.networks.table import check_network
from hrs.progress import counted
from hrs.runs.folder import check_name
from hrs.system.documents import usable_path

_SAYS_CLASSES = ("classes.yaml", "classes.json", "classes.txt", "labels", "masks")  # files and folders of a data set
_FRESH = 20.0  # seconds after which a folder is looked at again
_OFFERED = 600.0  # the same, of one that is only offered and has not changed itself; those below it may have


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A look at a data set. error: why it cannot be used; guesses: what the folder looks like, the likeliest first."""

    total: int = 0
    missing: int = 0
    labelled: bool = False
    error: str | None = None
    guesses: tuple[str, ...] = ()

    def in_words(self) -> str:
        drawn = f", {self.missing:,} of them still to be drawn" if self.missing else ""
        return f"{counted(self.total, 'frame')}{'' if self.labelled else ' without labels'}{drawn}"


@st.cache_data(ttl=_FRESH, max_entries=200, show_spinner=False)
def look_at(text: str) -> Seen:
    """What there is of a data set, or what is wrong with its name."""
    return _look(text)


def remembered(text: str) -> Seen:
    """As `look_at`, for a list of many: to look at a large folder takes seconds, so an older answer will do while the
    folder is there and has not changed."""
    changed = _changed(text)
    return look_at(text) if changed is None else _looked(text, changed)


@st.cache_data(ttl=_OFFERED, max_entries=200, show_spinner=False)
def _looked(text: str, changed: int) -> Seen:
    return _look(text)


def stamps(text: str) -> tuple[int, ...]:
    """When the folder of a data set, its labels, and what says its classes changed; empty where there is none."""
    try:
        spec = DatasetSpec.parse(text)
        own = spec.options.get("classes")
        places = [spec.root, *(spec.root / name for name in _SAYS_CLASSES), *([Path(own)] if own else [])]
        return tuple(place.stat().st_mtime_ns for place in places if place.exists())
    except (HRSError, OSError):
        return ()


def _changed(text: str) -> int | None:
    """When a data set's folder changed; None where there is none, or frames are made."""
    try:
        spec = DatasetSpec.parse(text)
        return None if FORMATS[spec.format].made else spec.root.stat().st_mtime_ns
    except (HRSError, OSError):
        return None


def _look(text: str) -> Seen:
    try:
        seen = glance.look_at(text)
    except HRSError as error:
        return Seen(error=str(error), guesses=_guess(text))
    return Seen(total=seen.total, missing=seen.missing, labelled=seen.labelled)


def _guess(text: str) -> tuple[str, ...]:
    """What a folder looks like that was named without a format, or with the wrong one."""
    kind, _, rest = text.partition(":")
    try:
        path = usable_path(rest.partition("?")[0] if kind in FORMATS else text)
    except HRSError:  # which the error says already
        return ()
    found = looks_like(path) if path.is_absolute() and path.is_dir() else []
    return tuple(name for name in found if name != text)


def notes() -> Notes:
    """What is known of the names in the form, by setting."""
    return dict(_notes())


def _notes() -> Iterator[tuple[str, Note]]:
    method = _text("method")
    if METHODS[method].needs_source:
        yield "data.sources", _of_sources(_text("data.sources"))
    yield "data.target", _of_one(_text("data.target"), labelled=True)
    if val := _text("data.val"):
        yield "data.val", _of_one(_validated_on(val), labelled=True)
    if (photos := _text("data.unlabelled")) and photos != UNDRAWN:
        yield "data.unlabelled", _of_one(photos, labelled=False)
    if space := _text("data.space"):
        yield from _failing("data.space", lambda: label_space(space))
    name, pretrained = _text("network.name"), bool(st.session_state[f"{KEY}network.pretrained"])
    yield from _failing("network.name", lambda: check_network(name, pretrained=pretrained))


def _validated_on(val: str) -> str:
    try:
        return to_validate_on(val)
    except HRSError:  # which looking at it says
        return val


def _text(key: str) -> str:
    return str(st.session_state[KEY + key]).strip()


def _of_one(text: str, *, labelled: bool) -> Note:
    seen = look_at(text)
    if seen.error is None and labelled and not seen.labelled:
        return Note(text=f"data set {text} has no labels; name a labelled one")
    fit = [name for name in seen.guesses if not labelled or FORMATS[name.partition(":")[0]].labels != "none"]
    return Note(
        text=seen.error or seen.in_words(), stops=seen.error is not None, instead=(fit[0], fit[0]) if fit else None
    )


def _of_sources(text: str) -> Note:
    """Of all synthetic data sets together; what is wrong with the first that cannot be used."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = {line: _of_one(line, labelled=True) for line in lines}
    for line, note in found.items():
        if note.stops and note.instead:
            better = note.instead[0]
            return replace(note, instead=(better, "\n".join(better if each == line else each for each in lines)))
        if note.stops:
            return note
    return Note(text="; ".join(note.text for note in found.values()) or "none yet", stops=not found)


def _failing(key: str, act: Callable[[], object]) -> Iterator[tuple[str, Note]]:
    try:
        act()
    except HRSError as error:
        yield key, Note(text=str(error))


def of_class_maps(config: RunConfig) -> Notes:
    """A class map that is no file."""
    both = {config.data.target: False} | dict.fromkeys(config.sources, True)
    return dict(
        _failing("data.classes", lambda: [map_for(config.data.classes, name, source=own) for name, own in both.items()])
    )


def of_name(root: Path, name: str) -> str | None:
    """Why a new run cannot be called so; no name is one that is made."""
    return next((note.text for _, note in _failing("", lambda: check_name(root, name) if name else None)), None)
