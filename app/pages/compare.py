"""The compare page: methods against the number of real images, over seeds, from finished runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from app.context import all_runs, outlives, plain, runs_root, say_no_runs
from app.figures.curves import CHART, against_images
from app.runs.comparing import Group, groups, n_words, study_group
from app.runs.studying import show_study
from hrs.runs.registry import RunSummary, list_runs, study_folders
from hrs.study.table import ENOUGH, Line, Outcome, study_table, table_cells, to_csv, to_markdown, unlike

SCORES = {"Last validation": "last", "Best validation": "best"}
OWN_RUNS = "All runs"


def main() -> None:
    st.title("Compare")
    found = find_groups()
    if not found:
        return
    group = choose_setting(found)
    score = st.segmented_control(
        "Score", list(SCORES), required=True, key=outlives("compare score", "Last validation"), help=SCORE_HELP
    )
    outcomes = group.outcomes(SCORES[str(score)])
    lines = study_table(outcomes, group.against)
    if not lines:
        st.info("No run of this setting has been validated yet.")
        return
    st.caption(f"{plain(group.setting)}. mIoU on {plain(group.validation)}. A faint dot is one run.")
    alt = "mIoU against the number of real images: " + "; ".join(describe(line) for line in lines)
    st.plotly_chart(against_images(lines, outcomes), key="compare chart", alt=alt, config=CHART)
    say_repeats(group)
    say_unlike(outcomes)
    say_seeds(lines)
    tables(lines, group.words)


def choose_setting(found: list[Group]) -> Group:
    by_name = {group.setting: group for group in found}
    key = outlives("compare setting", found[0].setting, by_name)
    chosen = st.selectbox(
        "Setting", list(by_name), format_func=lambda name: by_name[name].label, key=key, help=SETTING_HELP
    )
    return by_name[str(chosen)]


SETTING_HELP = (
    "Runs are compared where data, size, steps, network and all else but method, number of real images and seed are "
    "the same."
)
SCORE_HELP = "The best validation is chosen on the data it is measured on and so flatters; the last one is not."


def find_groups() -> list[Group]:
    """Comparable runs of the place chosen, those that ship among them; says what to do where there are none."""
    places = {OWN_RUNS: runs_root()} | {f"Study {folder.name}": folder for folder in study_folders(runs_root())}
    place = OWN_RUNS
    if len(places) > 1:
        key = outlives("of", first_place(places), places)  # no default, which the address would not name
        place = st.selectbox("Runs of", list(places), key=key, bind="query-params")
    if place != OWN_RUNS:
        show_study(places[place])
    summaries = all_runs() if place == OWN_RUNS else list_runs(places[place])
    own = study_group(places[place], summaries) if place != OWN_RUNS else None
    found = [own] if own else groups(summaries)
    if not summaries and len(places) == 1:
        say_no_runs("Methods are compared here")
    elif not found:
        st.info("No run has finished yet. Finished runs that differ in method, real images or seed are compared here.")
    elif len(found) == len(found[0].runs) == 1 and not found[0].repeats:
        say_alone(found[0].runs[0][0])
    return found


def first_place(places: Mapping[str, Path]) -> str:
    """What the page opens on: the study whose runs said something last, unless two runs beside have finished, one of
    them later."""
    last = {name: last_said(list_runs(folder)) for name, folder in places.items() if name != OWN_RUNS}
    newest = max(last, key=last.__getitem__)
    own = [each for each in all_runs() if each.status.state == "finished"]
    return OWN_RUNS if len(own) > 1 and last_said(own) > last[newest] else newest


def last_said(runs: Sequence[RunSummary]) -> float:
    """When one of the runs last said something of itself, in Unix seconds; 0 without any."""
    return max((each.status.updated or 0 for each in runs), default=0)


def say_alone(run: RunSummary) -> None:
    """Where there is one run, what would stand beside it."""
    st.info(
        f"There is one finished run, {plain(run.name)}. Train others with the same settings and another method, number "
        "of real images or seed, and they stand beside it; on Launch, *With baselines* does it in one go."
    )


def describe(line: Line) -> str:
    return f"{line.method}, {n_words(line.n_real)} images: {line.score}"


def say_repeats(group: Group) -> None:
    """Which runs are left out, since another one stands for them."""
    if group.repeats:
        st.caption(
            "Of runs with the same method, number of real images and seed the newest counts; left out: "
            f"{plain(', '.join(group.repeats))}."
        )


def say_unlike(outcomes: list[Outcome]) -> None:
    """Where a set of photos changed between two runs."""
    if pair := unlike(outcomes):
        one, other = pair
        st.warning(
            f"{plain(one.method)} and {plain(other.method)} with seed {one.seed} were trained or validated on other "
            "real images: the data set has changed between them. Such pairs are left out of the differences, and their "
            "means do not compare."
        )


def say_seeds(lines: list[Line]) -> None:
    """Where there are too few seeds to tell methods apart, in plain words."""
    counts = [line.score.count for line in lines]
    if max(counts) == 1:
        st.warning("One seed each: there is no interval, and differences of a few points may be luck. Run more seeds.")
    elif min(counts) < ENOUGH:
        st.warning(
            f"Some rows have fewer than {ENOUGH} seeds: with one there is no interval, and with two it is so wide that "
            "it says next to nothing. Five seeds or more tell methods apart."
        )


def tables(lines: list[Line], words: Mapping[str, str]) -> None:
    head, rows = table_cells(lines)
    table = pd.DataFrame(rows, columns=head)
    table.insert(1, "in words", [words.get(line.method, "") for line in lines])
    st.dataframe(table, hide_index=True, height="content", alt="mean mIoU and differences by method")
    st.caption(
        "Mean ± half the 95 % interval over seeds (Student's t). Differences are between runs with the same real "
        "images and seed, which share much of their luck; n counts such pairs."
    )
    markdown, csv = st.tabs(["Markdown", "CSV"])
    markdown.code(to_markdown(lines), language=None)
    csv.code(to_csv(lines), language=None)


main()
