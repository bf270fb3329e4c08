"""The data page: what is in a data set and what is wrong with it, its classes, and samples with their labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.context import plain, write_address
from app.figures.curves import CHART, histogram
from app.figures.samples import in_classes_of, legend, overlays
from hrs.data.doctor import Report, inspect
from hrs.data.formats.table import FORMATS, to_markdown
from hrs.data.spec import holds, looks_like, looks_like_inside, looks_like_photos, unread_in_words
from hrs.errors import HRSError
from hrs.labels import match
from hrs.progress import counted
from hrs.system.documents import usable_path

_FIELDS = {"data": "data first", "with": "data second"}
"""Keys of the form's fields by what they are called in the address."""
KEPT = 4  # reports a browser session keeps; each holds the paths of its frames
SAMPLES = 6
SHOWN_PROBLEMS = 1000
EXAMPLES = "render:camera?frames=20", "gta5:/data/gta5", "cityscapes:/data/cityscapes?split=val", "folder:/data/photos"


def main() -> None:
    st.title("Data")
    anew = ask()
    asked = [name for name in (st.query_params.get("data"), st.query_params.get("with")) if name]
    names = [name for each in asked if (name := meant(each)) is not None]
    for name in names if anew else ():
        reports_seen().pop(name, None)
    if not asked:
        say_what_to_do()
        return
    reports = [report for name in names if (report := examine(name)) is not None]
    if not reports:
        return
    for column, report in zip(st.columns(len(reports)), reports, strict=True):
        with column:
            summary(report)
    classes(reports)
    samples(reports)


def ask() -> bool:
    """The form; what it names stands in the address. Whether Check was pressed: who does wants to know how it is
    now."""
    for name, key in _FIELDS.items():
        st.session_state[key] = st.query_params.get(name, "")
    with st.form("data form", border=False):
        columns = st.columns([3, 3, 1], vertical_alignment="bottom")
        columns[0].text_input("Data set", placeholder=EXAMPLES[0], key=_FIELDS["data"])
        columns[1].text_input("Compare with", placeholder="optional", key=_FIELDS["with"])
        pressed = columns[2].form_submit_button("Check", type="primary", width="stretch", on_click=look_at_typed)
    if pressed and not st.query_params.get("data"):
        st.warning(f"Say which data set to check, such as `{EXAMPLES[0]}`, or the path of a folder.")
    recent = list(reports_seen())
    if recent:
        with st.container(horizontal=True, gap="small"):
            for name in reversed(recent):
                if st.button(plain(name), key=f"data recent {name}", type="tertiary", icon=":material/history:"):
                    look_at(name, "")
                    st.rerun()
    return pressed


def look_at_typed() -> None:
    """Write what was typed to the address, which the fields are filled from."""
    write_address({name: str(st.session_state[key]).strip() for name, key in _FIELDS.items()})


def look_at(first: str, second: str) -> None:
    write_address({"data": first, "with": second})


def reports_seen() -> dict[str, Report]:
    """Reports by name, the latest last; kept for this browser session."""
    seen: dict[str, Report] = st.session_state.setdefault("data reports", {})
    return seen


def say_what_to_do() -> None:
    with st.container(border=True):
        st.markdown("**No data set yet.** Name one above as `format:path`; every file of it is read once.")
        st.markdown("For example: " + ", ".join(f"`{name}`" for name in EXAMPLES))
        st.caption(f"Formats: {', '.join(FORMATS)}. Splits are part of the name: `camvid:/data/camvid?split=val`.")
        with st.expander("What lies where"):
            st.markdown(to_markdown())


def meant(text: str) -> str | None:
    """A data set's name; of a folder without a format, that of what it looks like, which is said. None for a folder
    that looks like nothing, of which it is said what it holds."""
    try:
        folder = usable_path(text)
    except HRSError:
        return text  # whose check says what is wrong
    if not folder.is_dir() or "?" in text:
        return text
    if unread := unread_in_words(folder):
        st.error(plain(f"{text} {unread}."))
        return None
    found = looks_like(folder)
    inside = [] if found else looks_like_inside(folder)
    found = found or ([] if inside else looks_like_photos(folder))
    if found:
        others = f" (or {', '.join(found[1:])})" if found[1:] else ""
        st.info(plain(f"{text} looks like {found[0]}{others}; this is its name in a config."), icon=":material/info:")
        return found[0]
    remedy = f"In it is {inside[0]}." if inside else "Name it as format:path."
    st.error(plain(f"{text} looks like no format that is known, {holds(folder)}. {remedy}"))
    return None


def examine(name: str) -> Report | None:
    """The report on a data set, read now unless this session has it; a bad name gives one line and None."""
    seen = reports_seen()
    if name not in seen:
        bar = st.progress(0.0, f"Opening {plain(name)}")
        try:
            report = inspect(name, progress=lambda done, total: show_progress(bar, name, done, total))
        except HRSError as error:
            st.error(plain(str(error)))
            return None
        finally:
            bar.empty()
        keep(name, report)
    return seen[name]


def show_progress(bar: DeltaGenerator, name: str, done: int, total: int) -> None:
    if done % max(1, total // 100) == 0 or done == total:
        bar.progress(done / total, f"{plain(name)}: {done:,} of {counted(total, 'frame')}")


def keep(name: str, report: Report) -> None:
    seen = reports_seen()
    seen[name] = report
    for oldest in list(seen)[:-KEPT]:
        del seen[oldest]


def summary(report: Report) -> None:
    st.subheader(plain(report.spec), anchor=False)
    problems = len(report.skipped) + len(report.unreadable)
    sizes = list(report.sizes.items())
    with st.container(horizontal=True, gap="medium"):
        st.metric("Usable frames", f"{report.pairs:,}", width="content")
        st.metric("Files left out", f"{problems:,}", width="content")
        st.metric("Size" if len(sizes) == 1 else f"Commonest of {len(sizes)} sizes", sizes[0][0], width="content")
        if report.ignored is not None:
            st.metric("Pixels ignored", f"{report.ignored:.1f} %", width="content")
    if not report.labelled:
        st.caption("These are photos without labels.")
    if report.dataset.split:
        st.caption(plain(split_words(report)))
    for finding in report.findings:
        (st.error if finding.certain else st.warning)(plain(finding.text), icon=":material/warning:")
    for note in report.dataset.notes:
        st.caption(plain(note))
    if problems or report.unknown:
        table = problem_table(report)
        st.dataframe(
            table.head(SHOWN_PROBLEMS), hide_index=True, alt=f"{counted(len(table), 'problem')} of {report.spec}"
        )
        if len(table) > SHOWN_PROBLEMS:
            st.caption(f"The first {SHOWN_PROBLEMS:,} of {len(table):,} problems.")
    else:
        st.caption("Every file can be used.")


def split_words(report: Report) -> str:
    """Which split was looked at, and what others the data set has."""
    this, _, others = str(report.dataset.split).partition("; there are also ")
    return f"This is its split {this}." + (f" It also has {others}." if others else "")


def problem_table(report: Report) -> pd.DataFrame:
    """One row a problem: what is wrong, where, and how bad."""
    rows = [("left out", item.shown, item.reason) for item in report.skipped]
    rows += [("unreadable", item.shown, item.reason) for item in report.unreadable]
    for raw, pixels in report.unknown.items():
        key = report.dataset.encoding.keys(raw)[0] if report.dataset.encoding else str(raw)
        rows.append(("unknown id", key, f"{counted(pixels, 'pixel')} ignored"))
    return pd.DataFrame(rows, columns=["problem", "where", "why"])


def classes(reports: list[Report]) -> None:
    """Class shares, the second data set's in the classes of the first, as a run with that target would see it, or in
    its own where none is one of those."""
    labelled = [report for report in reports if report.labelled]
    if not labelled:
        return
    first = labelled[0]
    shares, lost, met = {first.spec: first.classes}, 0.0, len(labelled) > 1
    for other in labelled[1:]:
        try:
            shares[other.spec], lost = in_classes_of(first, other)
        except HRSError as error:
            shares[other.spec], met = other.classes, False  # as it calls them itself
            st.warning(plain(str(error)))
    logarithmic = st.toggle("Logarithmic", help="Shows rare classes", key="data logarithmic")
    if met:
        st.caption(
            f"The classes of {plain(labelled[1].spec)} as those of {plain(first.spec)}, as a run would see them whose "
            "target that is. Classes meet in this direction: the data set with the classes to be learned comes first."
        )
    alt = f"percent of the labelled pixels by class of {' and '.join(shares)}"
    figure = histogram(shares, logarithmic=logarithmic)
    st.plotly_chart(figure, key="data classes", alt=alt, config=CHART)
    if lost:
        st.caption(
            f"{lost:.1f} % of the labelled pixels of {plain(labelled[1].spec)} have no class in {plain(first.spec)}."
        )
    if len(labelled) > 1 and first.dataset.space != labelled[1].dataset.space:
        with st.expander("What its classes are there, by name"):
            st.dataframe(class_table(labelled[1], first), hide_index=True, alt="classes of both data sets")


def class_table(other: Report, first: Report) -> pd.DataFrame:
    """One row a class of the second data set: its share, and what it is in the first."""
    own, target = other.dataset.space, first.dataset.space
    matches = match(own, target) if own and target else ()
    rows = [(each.source, other.classes[each.source], each.target or "ignored", each.how) for each in matches]
    return pd.DataFrame(rows, columns=["class", "percent", "there", "told by"])


def samples(reports: list[Report]) -> None:
    st.subheader("Samples", anchor=False)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    labelled = any(report.labelled for report in reports)
    opacity = left.slider("Label opacity", 0.0, 1.0, 0.5, 0.05, key="data opacity") if labelled else 0.0
    if right.button("Other frames", icon=":material/shuffle:", width="stretch"):
        st.session_state["data seed"] = st.session_state.get("data seed", 0) + 1
    for report in reports:
        if len(reports) > 1:
            st.markdown(f"**{plain(report.spec)}**")
        try:
            pictures = overlays(report.dataset, SAMPLES, st.session_state.get("data seed", 0), opacity)
        except HRSError as error:  # a file that went, or was damaged, since the check
            st.error(plain(str(error)))
            continue
        columns = st.columns(3)
        for i, (name, picture) in enumerate(pictures):
            alt = f"{name} with its labels" if report.labelled else name
            columns[i % 3].image(picture, caption=plain(Path(name).name), alt=alt, output_format="JPEG")
        if report.dataset.space is not None:
            st.html(legend(report.dataset.space))


main()
