"""The runs page: a live table, and of the runs selected in it curves, classes, weights, pictures, settings and log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from app.context import (
    all_runs,
    fingerprint,
    forget_unknown,
    just_opened,
    outlives,
    plain,
    remember_runs,
    remembered_runs,
    runs_root,
    say_no_runs,
    say_unknown,
)
from app.figures.curves import assign_slots
from app.runs.actions import action_bar, stop_asking
from app.runs.columns import choose_columns, configuration, with_settings
from app.runs.reading import POLL_SECONDS, WATCH_SECONDS, active, doing, matching, method_words, real_images, runs_table
from app.runs.studying import say_where_studies_are
from app.runs.views import views_of
from app.welcome import show_welcome
from hrs.errors import HRSError
from hrs.progress import counted
from hrs.runs.folder import MOST_NOTES, RunFolder
from hrs.runs.registry import RunSummary, is_shipped, list_runs, summarise
from hrs.runs.status import ACTIVE

MOST = 12  # runs drawn over each other at once


def main() -> None:
    st.title("Runs")
    first = is_first_visit()
    if first:
        show_welcome(first=True)
    draw()
    if not first:
        show_welcome(first=False)  # below what is looked for


def is_first_visit() -> bool:
    """Whether there was no run but those that ship, and none in the address, when the page was opened."""
    named = "run" in st.query_params
    return bool(st.session_state.setdefault("runs first visit", not named and not list_runs(runs_root())))


def draw() -> None:
    """The page below its title."""
    seen, summaries = fingerprint(runs_root()), all_runs()
    st.fragment(watch, run_every=None if active(summaries) else WATCH_SECONDS)(seen)
    if not summaries:
        say_no_runs("Curves, scores and pictures appear here")
        say_where_studies_are(runs_root())
        return
    start_selection([summary.name for summary in summaries])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Filter",
            key=outlives("runs filter", ""),
            placeholder="name, state, method or data set",
            help="Rows that hold every word. Click a column's head to sort.",
        )
        st.session_state["runs shown columns"] = choose_columns()
    st.session_state["runs states"] = states(summaries)
    st.fragment(run_table, run_every=POLL_SECONDS if active(summaries) else None)([summaries])
    say_where_studies_are(runs_root())
    chosen = [summary for summary in summaries if summary.name in selection()]
    if not chosen:
        st.info("Select one or more runs in the table to see their curves, scores and pictures.")
        return
    action_bar(chosen, select_from_outside)
    if len(chosen) == 1:
        notes_of(chosen[0])
    for summary in chosen:
        say_failure(summary)
    st.fragment(details, run_every=POLL_SECONDS if active(chosen) else None)(chosen)


def watch(seen: Mapping[str, int]) -> None:
    """While nothing trains, look now and then whether runs were started, resumed or removed elsewhere."""
    if fingerprint(runs_root()) != seen:
        st.rerun()


def start_selection(names: list[str]) -> None:
    """Where the page opens, the runs named in the address, else those looked at before, else the newest."""
    first = just_opened() or "runs selected" not in st.session_state
    asked = st.query_params.get_all("run") if first else []
    instead = say_unknown(asked, names, page="runs")
    if first:
        stop_asking()
        wanted = asked or remembered_runs() or names[:1]
        select_from_outside([name for name in wanted if name in names])
    select([name for name in selection() if name in names])
    if instead:
        select_from_outside([instead])
        st.rerun()


def selection() -> list[str]:
    return list(st.session_state["runs selected"])


def select(names: list[str]) -> None:
    st.session_state["runs selected"] = names
    if names:
        forget_unknown("runs")
    remember_runs(names)
    if st.query_params.get_all("run") != names:
        st.query_params["run"] = names


def select_from_outside(names: list[str]) -> None:
    """Select other runs than are picked in the table, which therefore starts anew."""
    select(names)
    st.session_state["runs turn"] = st.session_state.get("runs turn", 0) + 1


def states(summaries: list[RunSummary]) -> list[tuple[str, str]]:
    """What the buttons depend on: a change redraws the whole page."""
    return [(summary.name, summary.status.state) for summary in summaries]


def run_table(listed: list[list[RunSummary]]) -> None:
    """The table, polled by itself. What is selected stays selected when runs come, go or are filtered away.

    Args:
        listed: the runs, for the first time; a later one lists them anew.
    """
    summaries = listed.pop() if listed else all_runs()
    if states(summaries) != st.session_state["runs states"]:
        st.rerun()
    busy = active(summaries)
    columns = [name for name in st.session_state["runs shown columns"] if busy or name != "doing"]
    table = with_settings(runs_table(summaries), summaries, columns)
    table = matching(table, st.session_state.get("runs filter", ""))
    names = table["name"].tolist()
    total = counted(len(summaries), "run")
    st.caption(f"{len(table)} of {total}" if len(table) < len(summaries) else total)
    event = st.dataframe(
        table.style.format({"n_real": real_images, "method": method_words}, na_rep=""),
        key=table_key(names),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [i for i, name in enumerate(names) if name in selection()]}},
        hide_index=True,
        column_config=configuration(),
        column_order=columns,
        placeholder="",
        alt=f"{counted(len(table), 'run')} with state, progress and scores",
    )
    take_over(names, [names[i] for i in event["selection"]["rows"] if i < len(names)])


def take_over(names: list[str], picked: list[str]) -> None:
    """Make what is picked in the table the selection, beside the selected runs that the table does not show."""
    kept = [name for name in selection() if name in picked or name not in names]
    now = kept + [name for name in picked if name not in kept]
    if now != selection():
        select(now)
        st.rerun()


def table_key(names: list[str]) -> str:
    """Rows are picked by number, so a table of other rows is another table."""
    return f"runs table {st.session_state.get('runs turn', 0)} {hashlib.sha1(' '.join(names).encode()).hexdigest()}"


def notes_of(summary: RunSummary) -> None:
    """What people wrote about a run, to be read and written; it lies in the run's folder."""
    text, key = summary.run.read_notes(), f"runs notes text {summary.name}"
    first = text.partition("\n")[0].strip()
    shown = f"Notes: {first[:80]}" if first else "Notes"
    if key not in st.session_state:
        st.session_state[key] = st.session_state[_shown(key)] = text
    with st.expander(plain(shown), key=f"runs notes {summary.name}", icon=":material/notes:"):
        st.text_area(
            "Notes",
            max_chars=MOST_NOTES,
            disabled=is_shipped(summary.run),
            key=key,
            on_change=partial(keep_notes, summary.run, key),
            label_visibility="collapsed",
            placeholder="What this run was for, what came of it",
        )


def keep_notes(run: RunFolder, key: str) -> None:
    """Write what was typed; beneath what another tab or program has written since this one read the file."""
    typed, shown, now = st.session_state[key], st.session_state[_shown(key)], run.read_notes()
    alone = now in (shown, typed)
    text = typed if alone else f"{now}\n\n{typed}"
    try:
        run.write_notes(text)
    except HRSError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    st.session_state[key] = st.session_state[_shown(key)] = text
    if not alone:
        st.toast("These notes were changed elsewhere meanwhile; both texts are kept.", icon=":material/merge:")


def _shown(key: str) -> str:
    """Where a session keeps what the file held when it was last read or written here."""
    return f"{key} shown"


def say_failure(summary: RunSummary) -> None:
    """Which of a run's files are damaged; what a failed one says of its end, with its last lines."""
    if summary.damage:
        st.warning(f"**{plain(summary.name)}**: {plain(summary.damage)}")
    if summary.status.state != "failed":
        return
    st.error(f"**{plain(summary.name)}** failed: {plain(summary.status.error or 'no reason was recorded')}")
    lines = summary.run.log_tail(12)
    if lines:
        st.code("\n".join(lines), language=None, wrap_lines=True)


def say_phase(summary: RunSummary) -> None:
    """What a run that waits or goes on is at, and how far."""
    status = summary.status
    if status.state in ACTIVE:
        whole = status.phase if status.phase and status.phase.total else None
        done, total = (whole.done, whole.total) if whole else (status.step, status.steps)
        st.progress(min(1.0, done / max(total, 1)), f"**{plain(summary.name)}**: {plain(doing(summary))}")


def details(selected: list[RunSummary]) -> None:
    """What there is to see of the selected runs, one tab at a time; polled while one of them runs."""
    if len(selected) > MOST:
        st.caption(f"The first {MOST} of {len(selected)} selected runs are drawn.")
    newest = {each.name: summarise(each.run) for each in selected[:MOST]}
    chosen = [replace(found, name=name) for name, found in newest.items() if found is not None]
    for summary in chosen:
        say_phase(summary)
    slots = assign_slots([each.name for each in chosen], st.session_state.get("runs slots", {}))
    st.session_state["runs slots"] = slots  # of what is drawn alone, so that no two look the same
    views = views_of(chosen)
    tabs = st.tabs(list(views), key="view", on_change="rerun", bind="query-params")
    for tab, view in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                view(chosen, slots)


main()
