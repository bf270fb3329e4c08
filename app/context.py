"""What every page shares: the runs this server shows, the run that is being looked at, and what to say without any."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.environment import RUNS_VARIABLE
from hrs.runs import registry
from hrs.runs.folder import RunFolder
from hrs.runs.registry import RunSummary, list_runs, nearest

_OPENED = "page opened"  # of the session state


def address() -> dict[str, list[str]]:
    """What the page's address says, by name."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def write_address(values: Mapping[str, str | Sequence[str]]) -> None:
    """Say these in the address, and leave the rest; what is empty goes. All of it is one step of the browser's history,
    and none where nothing changes."""
    before = address()
    new = {name: [value] if isinstance(value, str) else list(value) for name, value in values.items() if value}
    after = {name: value for name, value in before.items() if name not in values or name in new} | new
    if after != before:
        st.query_params.from_dict(after)


def moved_in_history() -> bool:
    """Whether the browser asks since somebody went back or forward in it: the address is then what counts."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation


def page_opens() -> None:
    """Say that another page is drawn than before; see `just_opened`."""
    st.session_state[_OPENED] = True


def just_opened() -> bool:
    """Whether this page is drawn for the first time since another one was. Tells it once."""
    return bool(st.session_state.pop(_OPENED, False))


def outlives(key: str, usual: str, options: Collection[str] | None = None) -> str:
    """The key of a widget about to be drawn, whose value is there again for who comes back from another page, though
    Streamlit forgets it meanwhile; what the address says of it goes before.

    Args:
        usual: the first value, and the one in place of a value that is no longer among ``options``.
    """
    kept, asked = f"kept {key}", st.query_params.get(key)
    value = st.session_state.get(key, asked or st.session_state.get(kept, usual))
    value = usual if options is not None and value not in options else value
    st.session_state[kept] = value
    if key in st.session_state or asked is None:  # else the widget takes it from the address
        st.session_state[key] = value
    return key


def runs_root() -> Path:
    """The folder of runs that this server shows."""
    return Path(os.environ.get(RUNS_VARIABLE, "runs"))


def all_runs() -> list[RunSummary]:
    """The runs of `runs_root`, newest first, then those that come with hrs; every name is there once."""
    own = list_runs(runs_root())
    taken = {summary.name for summary in own}
    return own + [
        replace(summary, name=f"{summary.name} (shipped)" if summary.name in taken else summary.name)
        for summary in list_runs(registry.SHIPPED)
    ]


def shown_name(run: RunFolder) -> str:
    """What a run is called here."""
    return next(each.name for each in all_runs() if each.run == run)


def fingerprint(root: Path) -> dict[str, int]:
    """When each run below ``root`` last said something of itself, by name: a look that opens no file, to see whether
    runs came, went or moved on."""
    found = {}
    for path in root.iterdir() if root.is_dir() else ():
        with suppress(OSError):  # not a run, or deleted at this moment
            found[path.name] = os.stat(RunFolder(path).status).st_mtime_ns
    return found


CLIP = "the clip that it learned from"
"""What the validation images of a run that ships are of. Wherever its scores stand, this stands beside them."""


def pick_run(names: list[str], *, label: str = "Run", drops: Sequence[str] = ()) -> str:
    """A select box over runs, kept in the address (``?run=``) so that a page can be shared, and over page changes.

    Args:
        names: at least one; the first is taken unless the address or an earlier page names another.
        drops: what else in the address is said of one run, and is not true of another.
    """
    instead = say_unknown(st.query_params.get_all("run"), names, page=label)
    asked = instead or st.query_params.get("run") or next(iter(remembered_runs()), None)
    key = f"picked {label}"
    st.session_state[key] = asked if asked in names else names[0]
    chosen = st.selectbox(label, names, key=key, on_change=_picked, args=(label, key, drops))
    _open(str(chosen), drops)
    if chosen not in remembered_runs():
        remember_runs([chosen])
    if instead:
        st.rerun()
    return str(chosen)


def _picked(label: str, key: str, drops: Sequence[str]) -> None:
    forget_unknown(label)
    _open(st.session_state[key], drops)


def _open(run: str, drops: Sequence[str]) -> None:
    before = st.query_params.get("run")
    if before == run:
        return
    write_address({**dict.fromkeys(drops if before else (), ""), "run": run})


def say_unknown(asked: list[str], names: list[str], *, page: str) -> str | None:
    """Of a run in the address that is not there: that it is not, and which ones may be meant, else the newest.

    It is said until one is chosen.

    Args:
        asked: the runs in the address.
        names: of the runs there are.
        page: where it is said.

    Returns:
        The run that was chosen instead, at the moment of the choice.
    """
    place = f"unknown on {page}"
    unknown = [name for name in asked if name not in names]
    if unknown:
        st.session_state[place] = unknown[0]
    name = st.session_state.get(place)
    if name is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(f"There is no run called {plain(name)}.", icon=":material/search_off:", width=420)
        near_ones = nearest(name, names) or names[:2]
        chosen = [near for near in near_ones if st.button(f"Open {plain(near)}", key=f"{place} {near}")]
    if chosen:
        forget_unknown(page)
    return next(iter(chosen), None)


def forget_unknown(page: str) -> None:
    st.session_state.pop(f"unknown on {page}", None)


def remembered_runs() -> list[str]:
    """Names of the runs this browser session looked at last, on whatever page."""
    return list(st.session_state.get("hrs runs", []))


def remember_runs(names: list[str]) -> None:
    st.session_state["hrs runs"] = list(names)


def plain(text: str) -> str:
    """Text for a Markdown element that is to be read as it stands, such as a path with underscores."""
    return re.sub(r"([\\`*_{}\[\]<>#$~:|])", r"\\\1", text)


def say_no_runs(what: str) -> None:
    """What a page shows while there is no run.

    Args:
        what: half a sentence, such as "Curves and pictures appear here".
    """
    with st.container(border=True):
        st.markdown(f"**No run yet.** {what} as soon as there is one.")
        st.markdown(
            "Start one on the Launch page, or in a terminal: `make demo` trains the built-in example in about two "
            "minutes, and `python -m hrs train CONFIG.yaml` trains your own."
        )
        if st.button("Open Launch", type="primary", icon=":material/play_arrow:"):
            st.switch_page("pages/launch.py")
        st.caption(f"Runs are read from {plain(str(runs_root().resolve()))}.")
