"""The areas page: which labels the real images contradict, what that costs them, and how often it happens."""

from __future__ import annotations

import streamlit as st

from app.areas.export import show_export
from app.areas.faults import choose_filter, show_classes, show_groups
from app.areas.truth import show_truth
from app.context import all_runs, pick_run, plain, say_no_runs
from app.weights.address import addressed
from app.weights.corpus import CORPUS, apart_in_words, area_table, is_of_last, is_outdated, open_source, sources
from app.weights.scoring import offer_scoring
from app.weights.why import JUDGE
from hrs.errors import HRSError
from hrs.pictures import weight_legend
from hrs.progress import counted
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import AreaTable, lacking
from hrs.scoring.report import doubt
from hrs.scoring.stamps import OF_LAST, OUTDATED
from hrs.scoring.why import said_of

FAULTS, CLASSES, TRUTH = "faults", "classes", "truth"
_TITLES = {FAULTS: "Kinds of fault", CLASSES: "Class by class", TRUTH: "Planted truth"}


def main() -> None:
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    left.title("Areas")
    summaries = all_runs()
    if not summaries:
        say_no_runs("The areas that count least and most appear here")
        return
    runs = {each.name: each.run for each in sorted(summaries, key=lambda each: CORPUS not in sources(each.run))}
    with right, st.container(width=420):
        run = runs[pick_run(list(runs))]
    found = sources(run)
    try:
        if CORPUS not in found:
            said = "of the frames that it watched in training" if found else "none"
            st.info(
                f"This run has no scored corpus yet; the areas here are {said}. Scoring finds those of every frame."
            )
            offer_scoring(run)
        if found:
            _open(run, found[0])
    except HRSError as error:
        st.error(plain(str(error)))


def _open(run: RunFolder, source: str) -> None:
    steps = run.panel_steps()
    corpus = open_source(run, source, steps[-1] if steps else None)
    if source == CORPUS and corpus.says_why and is_outdated(run):
        st.warning(f"{OUTDATED} Score it again: the new weights take the place of these.")
        offer_scoring(run)
    if source == CORPUS and is_of_last(run):
        st.info(OF_LAST, icon=":material/info:")
    if corpus.says_why:
        explore(run, source, corpus.about.step)
        return
    st.warning(f"Why areas weigh what they do is not known here: {plain(lacking(corpus))}.")
    if source == CORPUS:
        offer_scoring(run)


@st.fragment
def explore(run: RunFolder, source: str, step: int | None) -> None:
    """Everything that changes with a click, so that nothing else runs again; the corpus as it is by then."""
    try:
        _explore(run, area_table(open_source(run, source, step)))
    except HRSError as error:
        st.error(plain(str(error)))


def _explore(run: RunFolder, table: AreaTable) -> None:
    st.caption(
        f"{counted(len(table), 'area')} in {counted(len(table.corpus), 'frame')}, each a connected piece of one label "
        f"in which one class is seen. {said_of(table)}",
        help=JUDGE if table.judges.seen_by == "real images" else None,
    )
    if unread := table.corpus.left_out_in_words():
        st.warning(plain(unread))
    if weak := doubt(table):
        st.warning(weak)
    if apart := apart_in_words(run, table.corpus):
        st.info(apart, icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kinds = [FAULTS, CLASSES, *([TRUTH] if table.knows_harm else [])]
        shown = st.segmented_control(
            "Show",
            kinds,
            required=True,
            format_func=(_TITLES | ({FAULTS: "Label and model differ"} if weak else {})).__getitem__,
            **addressed("kind", "areas shown", kinds, FAULTS),
        )
        chosen = choose_filter(table) if shown == FAULTS else None
    if shown != TRUTH:
        st.html(weight_legend())
    if chosen is not None:
        show_groups(run, table, chosen)
    elif shown == CLASSES:
        show_classes(run, table)
    else:
        show_truth(table)
    show_export(run, table)


main()
