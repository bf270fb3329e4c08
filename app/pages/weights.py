"""The weights page: which synthetic frames, regions and pixels a run counts more, and which less."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from app.context import all_runs, pick_run, plain, say_no_runs
from app.weights.address import addressed, remember, restore
from app.weights.corpus import CORPUS, PANEL, apart_in_words, is_of_last, is_outdated, open_source, sources
from app.weights.detail import show_detail
from app.weights.export import copying_task, show_copying, show_export
from app.weights.grid import choose_frames, choose_frames_folded, show_grid
from app.weights.lens import read_lens, read_step
from app.weights.routes import at_other_steps
from app.weights.scoring import offer_scoring, why_no_maps
from app.weights.tagging import show_tags
from app.weights.why import AREA
from hrs.errors import HRSError
from hrs.pictures import weight_legend
from hrs.progress import counted
from hrs.runs.folder import RunFolder
from hrs.runs.registry import is_shipped
from hrs.scoring.stamps import OF_LAST, OUTDATED
from hrs.scoring.tags import Tags

# Of a source: over what its weights have a mean of 1 (see `hrs.selection.scale`).
_MEANS = {
    CORPUS: "The pixels of every class weigh 1 on average over this corpus; while the run trained, over what it saw "
    "of late. So the same frame can have another weight there.",
    PANEL: "Weights at this step: the pixels of every class weigh 1 on average over what training saw of late, not "
    "over these few frames, nor over what is scored.",
}


@st.fragment
def explore(run: RunFolder, found: list[str], *, copying: bool) -> None:
    """Everything that changes with a click, so that nothing else runs again."""
    remember()
    try:
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            source = _choose_source(found)
            steps = run.panel_steps() if source == PANEL else []
            corpus = open_source(run, source, read_step(steps))
            tags = Tags(run.tags)
            row = corpus.find(st.query_params.get("frame", ""))
            folded = choose_frames_folded(corpus, tags) if row is not None else None
        lens, selection = read_lens(corpus), folded or choose_frames(corpus, tags)
        st.html(weight_legend())
        st.caption(_MEANS[source])
        if source == CORPUS and is_outdated(run):
            st.warning(f"{OUTDATED} Score it again, below: the new weights take the place of these.")
        if source == CORPUS and is_of_last(run):
            st.info(OF_LAST, icon=":material/info:")
        if unread := corpus.left_out_in_words():
            st.warning(plain(unread))
        if apart := apart_in_words(run, corpus):
            st.info(apart, icon=":material/info:")
        if row is None:
            hidden = "".join(f"  \n{plain(each)}" for each in selection.why)
            many = f"{len(selection.rows):,} of {counted(len(corpus), 'frame')}. Choose one to see it in detail."
            st.caption(many + hidden)
            show_grid(corpus, selection, steps, at_other_steps(run) if steps else "")
        else:
            more = at_other_steps(run, corpus.frame(row)) if steps else ""
            show_detail(corpus, selection, row, lens, steps, more)
            if not is_shipped(run):  # whose folder is not written
                show_tags(tags, corpus.frame(row).id)
        show_export(run, corpus, selection, lens, copying=copying)
    except HRSError as error:
        st.error(plain(str(error)))


def _choose_source(found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    names = {CORPUS: "Scored corpus", PANEL: "Training panel"}
    source = st.segmented_control(
        "Frames",
        found,
        required=True,
        format_func=names.__getitem__,
        help="The scored corpus is weighed by a model of the run; the panel shows how weights formed in training.",
        **addressed("source", "weights source", found, found[0], drops=(AREA,)),
    )
    return str(source)


def main() -> None:
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    left.title("Weights")
    restore()
    summaries = all_runs()
    if not summaries:
        say_no_runs("Weight maps appear here")
        return
    runs = {each.name: each.run for each in sorted(summaries, key=lambda each: not sources(each.run))}
    with right, st.container(width=420):
        run = runs[pick_run(list(runs), drops=(AREA,))]
    found = sources(run)
    if not found:
        st.info(why_no_maps(run))
    else:
        copying = copying_task(run).active()
        explore(run, found, copying=copying)
        show_copying(run, copying=copying)
    with suppress(HRSError):  # which is said above, where these scores are looked at
        if CORPUS not in found or is_outdated(run):
            offer_scoring(run)


main()
