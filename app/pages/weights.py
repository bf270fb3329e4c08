"""The weights page: which synthetic frames, regions and pixels a run counts more, and which less."""

from __future__ import annotations

import streamlit as st

from app.context import all_runs, pick_run, plain, say_no_runs
from app.figures.maps import ABOUT, TITLES, Lens
from app.weights.corpus import CORPUS, PANEL, open_source, sources
from app.weights.detail import show_detail
from app.weights.export import show_copying, show_export
from app.weights.grid import choose_frames, choose_frames_folded, show_grid
from app.weights.scoring import offer_scoring, why_no_maps
from hrs.errors import HRSError
from hrs.pictures import FULL_WEIGHT, weight_legend
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus


@st.fragment
def explore(run: RunFolder, found: list[str]) -> None:
    """Everything that changes with a click, so that nothing else runs again."""
    try:
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            corpus = _choose_source(run, found)
            lens = _choose_lens(corpus)
            row = corpus.find(st.query_params.get("frame", ""))
            folded = choose_frames_folded(corpus) if row is not None else None
        selection = folded or choose_frames(corpus)
        st.html(weight_legend())
        if row is None:
            st.caption(f"{len(selection.rows):,} of {len(corpus):,} frames. Choose one to see it in detail.")
            show_grid(corpus, selection, lens)
        else:
            show_detail(corpus, selection, row, lens)
        show_export(run, corpus, selection, lens)
    except HRSError as error:
        st.error(plain(str(error)))


def _choose_source(run: RunFolder, found: list[str]) -> ScoredCorpus:
    steps = run.panel_steps()
    names = {CORPUS: "Scored corpus", PANEL: "Training panel"}
    source = found[0]
    if len(found) > 1:
        source = st.segmented_control(
            "Frames",
            found,
            default=found[0],
            required=True,
            format_func=names.__getitem__,
            key="weights source",
            persist_state="session",
            help="The scored corpus is weighed by the finished run; the panel shows how weights formed in training.",
        )
    step = steps[-1] if steps else None
    if source == PANEL and len(steps) > 1:
        step = st.select_slider("Training step", steps, value=steps[-1], key=f"weights step {run.name}", width=165)
    return open_source(run, source, step)


def _choose_lens(corpus: ScoredCorpus) -> Lens:
    level = st.segmented_control(
        "Map",
        corpus.maps,
        default=corpus.maps[0],
        required=True,
        format_func=lambda name: TITLES[name].removeprefix("All levels ").capitalize(),
        key="weights level",
        persist_state="session",
        help="  \n".join(f"**{TITLES[name]}**: {ABOUT[name]}" for name in corpus.maps),
    )
    with st.container(horizontal=True, width="content"):  # side by side on a phone, too
        opacity = st.slider("Opacity", 0.0, 1.0, 0.6, 0.05, key="weights opacity", persist_state="session", width=160)
        threshold = st.slider(
            "Threshold",
            0.0,
            FULL_WEIGHT,
            0.0,
            0.05,
            key="weights threshold",
            persist_state="session",
            width=160,
            help="Pixels that weigh less are shown pale, with a white edge.",
        )
    return Lens(level=str(level), opacity=opacity, threshold=threshold)


def main() -> None:
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    left.title("Weights")
    summaries = all_runs()
    if not summaries:
        say_no_runs("Weight maps appear here")
        return
    runs = {each.name: each.run for each in sorted(summaries, key=lambda each: not sources(each.run))}
    with right, st.container(width=420):
        run = runs[pick_run(list(runs))]
    found = sources(run)
    if not found:
        st.info(why_no_maps(run))
    else:
        explore(run, found)
        show_copying(run)
    if CORPUS not in found:
        offer_scoring(run)


main()
