"""Before the start: the data looked at and the time estimated, by processes of their own that all tabs share which ask
for the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st
import yaml

from app.context import plain
from app.figures.curves import CHART, histogram
from app.launch.jobs import Job
from app.launch.trying import show_trial, trial_job
from hrs.config import RunConfig
from hrs.data.classmap import map_for
from hrs.data.holdout import to_validate_on
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.progress import between, counted, duration

POLL_SECONDS = 1.0
TRY = (
    "Trains small networks on some of the photos, with and without the synthetic frames, and judges them on the "
    "others: whether these frames help, and selection with them. Takes ten minutes and more on one core."
)
CHECKED, ESTIMATED, TRIED = "launch checked", "launch estimated", "launch tried"
"""Keys of the session state: what each button was last pressed for."""
K = TypeVar("K")


def draw(config: RunConfig) -> None:
    """Buttons, and what they found."""
    state = st.session_state
    text = config.to_yaml()
    with st.container(horizontal=True):
        if st.button("Check the data", icon=":material/fact_check:"):
            check_data(config)
        if st.button("Estimate time and memory", icon=":material/timer:"):
            (state[ESTIMATED],) = again(estimate_job, (text,))
        if config.data.sources and st.button("Try the frames", icon=":material/science:", help=TRY):
            (state[TRIED],) = again(trial_job, (text,))
    running = any(not job.done for job in asked_for())
    st.fragment(results, run_every=POLL_SECONDS if running else None)(running, text)


def asked_for() -> list[Job]:
    """All that the buttons started in this tab."""
    state = st.session_state
    checks = [check_job(check) for check in state.get(CHECKED, ())]
    return [
        *checks,
        *(kind(state[key]) for key, kind in ((ESTIMATED, estimate_job), (TRIED, trial_job)) if key in state),
    ]


Check = tuple[str, str, str, bool]
"""A data set, the one whose classes its own become ("" for none), its class map as YAML, whether others share that."""


@st.cache_resource(max_entries=32, show_spinner=False, on_release=Job.close)
def check_job(check: Check) -> Job:
    spec, target, classes, shared = check

    def command(out: Path) -> list[str]:
        words = ["check", spec, "--out", str(out), *(["--target", target] if target else [])]
        if not classes:
            return words
        (out / "map.yaml").write_text(classes, encoding="utf-8")
        return [*words, "--classes", str(out / "map.yaml"), *(["--shared"] if shared else [])]

    return Job.start(command)


def checks_of(config: RunConfig) -> tuple[Check, ...]:
    """Each data set of a run once, as the run will read it. Raises HRSError for one whose name a run refuses, though a
    check would guess what it means, and for a class map that is no file."""
    for spec in (*config.sources, config.data.target, *([config.data.val] if config.data.val else [])):
        DatasetSpec.parse(spec)
    data, space = config.data, config.data.space or config.data.target
    found = [(spec, space, *map_text(config, spec, source=True)) for spec in config.sources if spec != data.target]
    val = to_validate_on(data.val) if data.val else data.target
    if data.val and val not in (data.target, *config.sources):
        found.append((val, space, *map_text(config, data.val, source=False)))
    return (*found, (data.target, data.space or "", *map_text(config, data.target, source=False)))


def map_text(config: RunConfig, spec: str, *, source: bool) -> tuple[str, bool]:
    given = map_for(config.data.classes, spec, source=source)
    text = yaml.safe_dump(dict(given.entries), sort_keys=False, allow_unicode=True) if given else ""
    return text, bool(given and given.shared and len(config.sources) > 1)


@st.cache_resource(max_entries=8, show_spinner=False, on_release=Job.close)
def estimate_job(yaml: str) -> Job:
    return Job.on_settings("estimate", yaml)


def check_data(config: RunConfig) -> None:
    try:
        st.session_state[CHECKED] = again(check_job, checks_of(config))
    except HRSError as error:
        st.error(plain(str(error)), icon=":material/error:")


def again(kind: Any, keys: tuple[K, ...]) -> tuple[K, ...]:
    """Forget what ended before, so that pressing the button a second time looks anew."""
    for key in keys:
        if kind(key).done:
            kind.clear(key)
    return keys


def results(running: bool, text: str) -> None:
    """Drawn anew every second while something runs; the page once more when all has ended."""
    state = st.session_state
    if running and all(job.done for job in asked_for()):
        st.rerun()
    if ESTIMATED in state:
        show_estimate(estimate_job(state[ESTIMATED]), current=state[ESTIMATED] == text)
    if TRIED in state:
        show_trial(trial_job(state[TRIED]), state[TRIED], current=state[TRIED] == text)
    if CHECKED in state:
        show_checks({check[0]: check_job(check) for check in state[CHECKED]})


def show_estimate(job: Job, *, current: bool) -> None:
    if not job.done:
        st.progress(0.0, "Timing a few steps on a few frames")
        return
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
        return
    found = job.answer()
    with st.container(border=True):
        figures = {"Time": between(duration(found["least"]), duration(found["total"])), "Memory": size(found["memory"])}
        if found["gpu_memory"] is not None:
            figures["GPU memory"] = size(found["gpu_memory"])
        figures |= {"A step": f"{found['seconds_per_step']:.2g} s", "Network": f"{found['parameters'] / 1e6:.1f} M"}
        for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
            column.metric(name, value)
        st.caption(made_of(found, current))


def made_of(found: Mapping[str, Any], current: bool) -> str:
    """What an estimate counts, in words."""
    parts = [
        f"{name} {duration(found[name])}"
        for name in ("rendering", "regions", "training", "validating", "saving")
        if found[name] >= 0.5
    ]
    return (
        f"{'' if current else 'For earlier settings. '}From {found['timed_steps']} timed steps on this machine "
        f"({found['device']}), with whatever else it does now{': ' if parts else ''}{', '.join(parts)}. "
        f"{loaders(found)}Waiting in the queue is not counted."
    )


def loaders(found: Mapping[str, Any]) -> str:
    most = size(found["memory"] + found["loaders"])
    return f"With its loader processes it needs {most} at most. " if found["loaders"] else ""


def size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def show_checks(jobs: Mapping[str, Job]) -> None:
    for (spec, job), column in zip(jobs.items(), st.columns(len(jobs)), strict=True):
        with column:
            show_check(spec, job)
    reports = {spec: report(job) for spec, job in jobs.items() if job.done and has_report(job)}
    shares = {spec: found["classes"] for spec, found in reports.items() if found["classes"]}
    if shares:
        alt = f"percent of the labelled pixels by class of {' and '.join(shares)}"
        st.plotly_chart(histogram(shares), key="launch histogram", alt=alt, config=CHART)


def show_check(spec: str, job: Job) -> None:
    st.markdown(f"**{plain(spec)}**")
    if not job.done:
        done, total = job.progress or (0, 1)
        st.progress(done / max(total, 1), f"{done:,} of {counted(total, 'frame')}" if job.progress else "Opening")
        if st.button("Stop", key=f"stop {spec}", icon=":material/stop:"):
            job.stop()
        return
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    if not has_report(job):
        return
    found = report(job)
    for each in found["findings"]:
        if not each["certain"]:
            st.warning(plain(each["text"]), icon=":material/warning:")
    for note in found["notes"]:
        st.caption(plain(note))
    show_classes(found)
    bad = [*found["skipped"], *found["unreadable"]]
    sizes = ", ".join(f"{size} ({count:,})" for size, count in list(found["sizes"].items())[:3])
    st.markdown(f"{counted(found['pairs'], 'usable frame')}, {counted(len(bad), 'file')} left out. Sizes {sizes}.")
    if found["unknown"]:
        st.markdown(f"{counted(len(found['unknown']), 'unknown label id')}, whose pixels are ignored.")
    if bad:
        with st.expander(f"{counted(len(bad), 'file')} left out"):
            st.dataframe(bad, hide_index=True, alt=f"files of {spec} that are left out")
    with st.container(height=420):
        st.image(str(job.out / "examples.png"), alt=f"Frames and labels of {spec}", width="stretch")


def show_classes(found: Mapping[str, Any]) -> None:
    """What each class becomes in the target, and how that was told."""
    rows = [
        {"class": each["source"], "%": each["share"], "target": each["target"] or "ignored"} | {"told by": each["how"]}
        for each in found["matches"]
    ]
    if rows:
        guessed = sum(row["told by"] != "name" for row in rows)
        with st.expander(f"{counted(len(rows), 'class', 'classes')}, {guessed} of them not by their very name"):
            st.dataframe(rows, hide_index=True, alt="classes, and what they become in the target")


def has_report(job: Job) -> bool:
    """Whether the doctor got so far; labels that cannot be right end in an error and have a report all the same."""
    return (job.out / "report.json").is_file() and (job.out / "examples.png").is_file()


def report(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.out / "report.json").read_text(encoding="utf-8"))
    return found
