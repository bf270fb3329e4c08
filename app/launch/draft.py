"""The form in the address, so that it survives a reload and can be passed on: the preset that it began with, what else
filled it since, and as ``set=key=value`` what differs from the preset, mistakes included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

import hrs
from app.context import moved_in_history, write_address
from app.launch import forms
from hrs.config import RunConfig, load_config

PRESETS = Path(hrs.__file__).parent / "presets"
FIRST_PRESET = "demo"
PRESET, NAME, FILLED, CHOICE = "launch preset", "launch name", "launch filled", "launch choice"
"""Keys of the session state: the preset's stem, the new run's name, what filled the form after the preset, such as "run
a", and the field that chooses a preset, empty but for the moment of the choice."""
ASKED = ("clone", "photos")
"""In the address: a run, or photos, that the form is to be filled from."""
_REPLACED, _HELD, _SPENT = "launch replaced", "launch held", "launch spent"


def preset_file(stem: str) -> Path:
    return PRESETS / f"{stem}.yaml"


def restore() -> None:
    """Fill the form where it is empty, with what it held last here, else as the address says, else with the built-in
    example; and where somebody went back or forward in the browser, as the address says. A name that was `spent` is not
    filled in."""
    if moved_in_history():
        _read_address()
    elif forms.is_filled():
        return
    elif _HELD in st.session_state:
        values, others = st.session_state[_HELD]
        forms.put(values)
        st.session_state.update(others)
    else:
        _read_address()
    if st.session_state.get(NAME, "").strip() in st.session_state.get(_SPENT, ()):
        st.session_state[NAME] = ""


def spend(name: str) -> None:
    """A run of this name was started from here: the form is for another one by now. Call it in a callback."""
    st.session_state[_SPENT] = {*st.session_state.get(_SPENT, ()), name}
    st.session_state[NAME] = ""


def _read_address() -> None:
    asked = st.query_params.get("preset", "")
    stem = asked if asked in {path.stem for path in PRESETS.glob("*.yaml")} else FIRST_PRESET
    st.session_state[PRESET] = stem
    forms.fill(load_config(preset_file(stem)))
    st.session_state[NAME] = st.query_params.get("name", "")
    st.session_state[FILLED] = st.query_params.get("filled")
    keys = {leaf.path: leaf for leaf in forms.leaves()}
    for entry in st.query_params.get_all("set"):
        key, _, text = entry.partition("=")
        if key in keys and (value := _parse(keys[key], text)) is not None:
            st.session_state[keys[key].key] = value


def keep() -> None:
    """Say in the address what the form shows, no longer what it was to be filled from, and hold it. Call it when the
    form is drawn: until then that is still asked for, where the page is drawn anew."""
    others = {key: st.session_state[key] for key in (PRESET, NAME, FILLED) if key in st.session_state}
    values, stem = forms.held(), st.session_state[PRESET]
    st.session_state[_HELD] = values, others
    wanted = {"preset": [stem] * (stem != FIRST_PRESET), "set": list(_changed(stem, values))}
    wanted["name"] = [name for name in [st.session_state.get(NAME, "").strip()] if name]
    wanted["filled"] = [filled for filled in [st.session_state.get(FILLED)] if filled]
    write_address(wanted | {key: [] for key in ASKED})


def begin_with(stem: str) -> bool:
    """Fill the form from a preset; whether that replaces anything that was typed, or filled in from elsewhere."""
    return _replace(load_config(preset_file(stem)), stem, None)


def fill_from(config: RunConfig, name: str) -> None:
    """Fill the form from something else than a preset, such as "run a"."""
    _replace(config, st.session_state.get(PRESET, FIRST_PRESET), name)
    st.session_state.setdefault(NAME, "")


def replaced() -> bool:
    """Whether what filled the form last replaced something, and stands there as it is."""
    found = st.session_state.get(_REPLACED)
    return found is not None and forms.held() == found[1]


def take_back() -> None:
    """Show what the form showed before it was filled last."""
    (st.session_state[PRESET], st.session_state[FILLED], values), _ = st.session_state[_REPLACED]
    forms.put(values)
    st.session_state[_REPLACED] = None


def _replace(config: RunConfig, stem: str, filled: str | None) -> bool:
    """Fill the form; whether that replaces anything that was typed, or filled in from elsewhere."""
    state, before = st.session_state, _stood()
    changed = before is not None and any(_changed(before[0], before[2]))
    state[_REPLACED] = (before, forms.shown(config)) if changed else None
    state[PRESET], state[FILLED] = stem, filled
    forms.fill(config)
    return changed


def _stood() -> tuple[str, str | None, Mapping[str, Any]] | None:
    """What the form shows, or showed when it was left: the preset, what filled it since, its values."""
    state = st.session_state
    values, others = (forms.held(), state) if forms.is_filled() else state.get(_HELD, (None, state))
    return None if values is None else (others[PRESET], others.get(FILLED), values)


def _changed(stem: str, values: Mapping[str, Any]) -> Iterator[str]:
    begun = forms.shown(load_config(preset_file(stem)))
    for key, before in begun.items():
        now = values[key]
        if now != before:
            yield f"{key}={now if isinstance(now, str) else json.dumps(now)}"


def _parse(leaf: forms.Leaf, text: str) -> Any:
    """A value as its widget holds it; None for one that it could not show."""
    if leaf.kind is bool:
        return {"true": True, "false": False}.get(text)
    if not leaf.choices:
        return text
    values = text if not leaf.several else _list(text)
    known = set(leaf.choices)
    return values if values is not None and known.issuperset(values if leaf.several else [values]) else None


def _list(text: str) -> list[str] | None:
    try:
        values = json.loads(text)
    except ValueError:
        return None
    return values if isinstance(values, list) and all(isinstance(value, str) for value in values) else None
