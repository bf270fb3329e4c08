"""What can be done with the runs selected on the runs page: cancel, resume, rename, delete, clone."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.context import plain
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.runs import registry
from hrs.runs.registry import RunSummary, is_shipped
from hrs.runs.status import ACTIVE
from hrs.system.tree import folder_bytes

_ASKING = "runs asking"  # the question that is open, so that it outlives the reruns of a polling page
Select = Callable[[list[str]], None]


def action_bar(chosen: list[RunSummary], select: Select) -> None:
    """A row of buttons; one that fits none of the runs is greyed out.

    Args:
        chosen: the selected runs, at least one.
        select: called with the names to select from now on.
    """
    own = [summary for summary in chosen if not is_shipped(summary.run)]
    live = [summary for summary in own if summary.status.state in ACTIVE]
    ended = [summary for summary in own if summary.status.state in ("failed", "cancelled")]
    idle = [summary for summary in own if summary.status.state not in ACTIVE]
    single = len(chosen) == 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(chosen[0].name)}**" if single else f"**{len(chosen)} runs selected**", width="content")
        _button("Cancel", "stop", live, lambda: _cancel(live))
        _button("Resume", "resume", ended, lambda: _resume(ended))
        _button("Rename", "edit", idle if single else [], lambda: _ask("rename"))
        _button("Delete", "delete", idle, lambda: _ask("delete"))
        if st.button(
            "Clone", icon=":material/content_copy:", disabled=not single, help="Fill the form of Launch with it"
        ):
            st.switch_page("pages/launch.py", query_params={"clone": chosen[0].name})
        if not single and st.button("Select none", icon=":material/close:"):
            select([])
            st.rerun()
    _open_dialog(idle, [summary for summary in chosen if summary not in idle], select)


def _button(label: str, icon: str, fitting: list[RunSummary], act: Callable[[], None]) -> None:
    if st.button(label, icon=f":material/{icon}:", disabled=not fitting):
        try:
            act()
        except HRSError as error:
            st.toast(plain(str(error)), icon=":material/error:", duration="long")
            return
        st.rerun()


def _cancel(live: list[RunSummary]) -> None:
    def stop(summary: RunSummary) -> None:
        try:
            launcher().cancel(summary.run)
        except HRSError:
            if summary.run.read_status().state in ACTIVE:  # else it has ended at this moment
                raise

    _each(live, stop, "Stopping {}; what was learned so far is kept")


def _resume(ended: list[RunSummary]) -> None:
    _each(ended, lambda summary: launcher(summary.status.keeper).resume(summary.run), "Queued {}")  # where it was


def _each(runs: list[RunSummary], act: Callable[[RunSummary], None], said: str) -> None:
    """Do something with all runs that it can be done with, say of which it was, and raise HRSError for the others.

    Args:
        said: once it is done, with their names at {}.
    """
    done, refused = list[RunSummary](), list[str]()
    for run in runs:
        try:
            act(run)
        except HRSError as error:
            refused.append(str(error))
        else:
            done.append(run)
    if done:
        st.toast(said.format(_names(done)))
    if refused:
        raise HRSError("; ".join(refused))


def _ask(what: str) -> None:
    st.session_state[_ASKING] = what


def stop_asking() -> None:
    """Close the question that is open."""
    st.session_state.pop(_ASKING, None)


def _open_dialog(idle: list[RunSummary], others: list[RunSummary], select: Select) -> None:
    asking = st.session_state.get(_ASKING)
    if asking == "delete" and idle:
        st.dialog("Delete", on_dismiss=stop_asking)(_delete)(idle, others)
    elif asking == "rename" and len(idle) == 1:
        st.dialog("Rename", on_dismiss=stop_asking)(_rename)(idle[0], select)


def _delete(idle: list[RunSummary], others: list[RunSummary]) -> None:
    size = sum(folder_bytes(summary.run.path) for summary in idle) / 1e6
    st.markdown(
        f"Delete **{_names(idle)}** with checkpoints, metrics and pictures, {max(0.1, size):,.1f} MB on disk? "
        "This cannot be undone."
    )
    for other in others:
        why = "comes with hrs" if is_shipped(other.run) else f"is {other.status.state}; cancel it first"
        st.caption(f"{plain(other.name)} stays: it {why}.")
    with st.container(horizontal=True):
        if st.button(":red[Delete for good]", icon=":material/delete_forever:"):
            _finish(lambda: _each(idle, lambda summary: registry.delete(summary.run), "Deleted {}"))
        if st.button("Keep"):
            _finish(lambda: None)


def _rename(run: RunSummary, select: Select) -> None:
    new = st.text_input("New name", value=run.name).strip()
    if st.button("Rename run", type="primary"):
        if not new:
            st.error("Give the run a name.")
            return
        _finish(lambda: select([registry.rename(run.run, new).name]))


def _finish(act: Callable[[], object]) -> None:
    """Do what was asked and close the question; an error is shown in it instead."""
    try:
        act()
    except HRSError as error:
        st.error(plain(str(error)))
        return
    stop_asking()
    st.rerun()


def _names(summaries: list[RunSummary]) -> str:
    return plain(", ".join(summary.name for summary in summaries))
