"""Launch: fill the form, look at the data and at the time it will take, and start."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st
import yaml

from app.context import all_runs, is_shipped, plain, runs_root
from app.figures.curves import CHART, histogram
from app.launch import checks, classtable, draft, forms
from app.launch.jobs import Job
from app.launch.offers import networks, offer_data_sets
from hrs.config import RunConfig, load_config
from hrs.data.classmap import map_for
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.methods.table import METHODS, in_words
from hrs.mistakes import SettingsError
from hrs.progress import duration
from hrs.runs.folder import automatic_name
from hrs.study.baselines import BASELINES as BASELINE_METHODS
from hrs.study.baselines import SEEDS, beside_baselines, start_study
from hrs.study.plan import plan

DATA_SETS = ("data.sources", "data.target")
POLL_SECONDS = 1.0
K = TypeVar("K")


def main() -> None:
    st.title("Launch")
    fill_form()
    classtable.take()
    origin()
    config, notes = read_form()
    forms.draw(notes, {"network.name": networks()}, dict.fromkeys(DATA_SETS, offer_data_sets))
    draft.keep()
    if config is not None:
        classtable.draw(config)
        show_yaml(config)
        st.header("Before the start")
        before(config)
    st.header("Start")
    start(config, notes)


def read_form() -> tuple[RunConfig | None, forms.Notes]:
    """The config that the form shows, None where it makes no sense, and what is known of its fields."""
    try:
        config = forms.read()
    except SettingsError as error:
        return None, {**checks.notes(), **forms.mistakes(error)}
    return config, {**checks.notes(), **checks.of_class_maps(config)}


# Where the form's values come from


def fill_form() -> None:
    """What the address says, at first the built-in example; over it the run that it asks to clone, or photos that were
    labelled just now."""
    begun = forms.is_filled()
    if not begun:
        draft.restore()
    wanted, photos = st.query_params.get("clone"), st.query_params.get("photos")
    if wanted is not None:
        del st.query_params["clone"]
        clone(wanted)
    if photos is not None:
        del st.query_params["photos"]
        train_with(photos, begun=begun)


def train_with(photos: str, *, begun: bool) -> None:
    """The last settings, those of the form or of the newest run, with these photos as the real images."""
    own = [summary.run for summary in all_runs() if not is_shipped(summary.run)]
    if not begun and own:
        fill_from(own[0].config, f"Filled from run {own[0].name}, with the photos that you labelled.")
    else:
        tell("Filled with the photos that you labelled.")
    forms.put({"data.target": photos, "data.val": "", "data.n_real": ""})


def clone(name: str) -> None:
    found = next((summary.run for summary in all_runs() if summary.name == name), None)
    if found is None:
        tell(f"There is no run named {name} to clone.")
        return
    fill_from(found.config, f"Filled from run {name}.")


def fill_from(path: Path, said: str) -> None:
    try:
        forms.fill(load_config(path))
    except HRSError as error:
        tell(str(error).replace(f"{path.parent}/", ""))
    else:
        tell(said)


def tell(text: str) -> None:
    st.session_state["launch told"] = text


def origin() -> None:
    """Presets and files that fill the form, and what the last of them said."""
    left, right = st.columns(2, vertical_alignment="top")
    titles = {path.stem: title(path) for path in presets()}
    with left:
        st.selectbox(
            "Start from",
            list(titles),
            format_func=lambda stem: titles[stem][0],
            key=draft.PRESET,
            on_change=take_preset,
            persist_state="session",
        )
        st.caption(titles[st.session_state[draft.PRESET]][1])
    with right:
        st.file_uploader("or from a YAML file", ["yaml", "yml"], key="launch file", on_change=take_file)
    slot = st.empty()  # always there, so that what follows keeps its place
    told = st.session_state.pop("launch told", None)
    if told:
        slot.info(plain(told), icon=":material/info:")


def presets() -> list[Path]:
    return sorted(draft.PRESETS.glob("*.yaml"), key=lambda path: (path.stem != draft.FIRST_PRESET, path.stem))


def title(path: Path) -> tuple[str, str]:
    """Name and description of a preset, from the comment it begins with."""
    name, _, about = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(": ")
    return name, about[:1].upper() + about[1:]


def take_preset() -> None:
    forms.fill(load_config(draft.preset_file(st.session_state[draft.PRESET])))


def take_file() -> None:
    file = st.session_state["launch file"]
    if file is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file.name).name
        path.write_bytes(file.getvalue())
        fill_from(path, f"Filled from {path.name}.")


def show_yaml(config: RunConfig) -> None:
    text = config.to_yaml()
    with st.expander("These settings as YAML", icon=":material/code:"):
        st.download_button(
            "Download", text, "run.yaml", "application/yaml", icon=":material/download:", on_click="ignore"
        )
        st.code(text, language="yaml", height=360)


# Data check and estimate: processes of their own, shared by all tabs that ask for the same


Check = tuple[str, str, str]  # a data set, the one whose classes its own become ("" for none), its class map as YAML


@st.cache_resource(max_entries=32, show_spinner=False, on_release=Job.close)
def check_job(check: Check) -> Job:
    spec, target, classes = check

    def command(out: Path) -> list[str]:
        words = ["check", spec, "--out", str(out), *(["--target", target] if target else [])]
        if not classes:
            return words
        (out / "map.yaml").write_text(classes, encoding="utf-8")
        return [*words, "--classes", str(out / "map.yaml")]

    return Job.start(command)


def checks_of(config: RunConfig) -> tuple[Check, ...]:
    """Each data set of a run once, as the run will read it."""
    data, space = config.data, config.data.space or config.data.target
    others = dict.fromkeys(config.sources, True) | ({data.val: False} if data.val else {})
    found = [
        (spec, space, map_text(config, spec, source=source)) for spec, source in others.items() if spec != data.target
    ]
    return (*found, (data.target, data.space or "", map_text(config, data.target, source=False)))


def map_text(config: RunConfig, spec: str, *, source: bool) -> str:
    given = map_for(config.data.classes, spec, source=source)
    return yaml.safe_dump(dict(given.entries), sort_keys=False, allow_unicode=True) if given else ""


@st.cache_resource(max_entries=8, show_spinner=False, on_release=Job.close)
def estimate_job(yaml: str) -> Job:
    def command(out: Path) -> list[str]:
        (out / "run.yaml").write_text(yaml, encoding="utf-8")
        return ["estimate", str(out / "run.yaml"), "--json", str(out / "estimate.json")]

    return Job.start(command)


def before(config: RunConfig) -> None:
    """Buttons, and what they found."""
    state = st.session_state
    text = config.to_yaml()
    with st.container(horizontal=True):
        if st.button("Check the data", icon=":material/fact_check:"):
            check_data(config)
        if st.button("Estimate time and memory", icon=":material/timer:"):
            (state["launch estimated"],) = again(estimate_job, (text,))
    jobs = [check_job(check) for check in state.get("launch checked", ())]
    if "launch estimated" in state:
        jobs.append(estimate_job(state["launch estimated"]))
    running = any(not job.done for job in jobs)
    st.fragment(results, run_every=POLL_SECONDS if running else None)(running, text)


def check_data(config: RunConfig) -> None:
    try:
        st.session_state["launch checked"] = again(check_job, checks_of(config))
    except HRSError as error:  # a class map that is no file
        st.error(plain(str(error)), icon=":material/error:")


def again(kind: Any, keys: tuple[K, ...]) -> tuple[K, ...]:
    """Forget what ended before, so that pressing the button a second time looks anew."""
    for key in keys:
        if kind(key).done:
            kind.clear(key)
    return keys


def results(running: bool, text: str) -> None:
    """Drawn anew every second while something runs; the page once more when all has ended."""
    checked, estimated = st.session_state.get("launch checked", ()), st.session_state.get("launch estimated")
    jobs = {check[0]: check_job(check) for check in checked}
    every = [*jobs.values(), *([estimate_job(estimated)] if estimated else [])]
    if running and all(job.done for job in every):
        st.rerun()
    if estimated:
        show_estimate(estimate_job(estimated), current=estimated == text)
    if jobs:
        show_checks(jobs)


def show_estimate(job: Job, *, current: bool) -> None:
    if not job.done:
        st.progress(0.0, "Timing a few steps on a few frames")
        return
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
        return
    found = json.loads((job.out / "estimate.json").read_text(encoding="utf-8"))
    with st.container(border=True):
        figures = {"Time": duration(found["total"]), "Memory": size(found["memory"])}
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
        f"({found['device']}), with whatever else it does now: {', '.join(parts)}. Loader processes need memory of "
        "their own. Waiting in the queue is not counted."
    )


def size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def show_checks(jobs: Mapping[str, Job]) -> None:
    for (spec, job), column in zip(jobs.items(), st.columns(len(jobs)), strict=True):
        with column:
            show_check(spec, job)
    reports = {spec: report(job) for spec, job in jobs.items() if job.done and has_report(job)}
    shares = {spec: found["classes"] for spec, found in reports.items() if found["classes"]}
    if shares:
        st.plotly_chart(histogram(shares), key="launch histogram", config=CHART)


def show_check(spec: str, job: Job) -> None:
    st.markdown(f"**{plain(spec)}**")
    if not job.done:
        done, total = job.progress or (0, 1)
        st.progress(done / max(total, 1), f"{done:,} of {total:,} frames" if job.progress else "Opening")
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
    st.markdown(f"{found['pairs']:,} usable frames, {len(bad):,} left out. Sizes {sizes}.")
    if found["unknown"]:
        st.markdown(f"{len(found['unknown'])} unknown label ids; their pixels are ignored.")
    if bad:
        with st.expander(f"{len(bad):,} files left out"):
            st.dataframe(bad, hide_index=True)
    with st.container(height=420):
        st.image(str(job.out / "examples.png"), alt=f"Frames and labels of {spec}", width="stretch")


def show_classes(found: Mapping[str, Any]) -> None:
    """What each class becomes in the target, and how that was told."""
    rows = [
        {"class": each["source"], "%": found["classes"][each["source"]], "target": each["target"] or "ignored"}
        | {"told by": each["how"]}
        for each in found["matches"]
    ]
    if rows:
        guessed = sum(row["told by"] != "name" for row in rows)
        with st.expander(f"{len(rows)} classes, {guessed} of them not by their very name"):
            st.dataframe(rows, hide_index=True)


def has_report(job: Job) -> bool:
    """Whether the doctor got so far; labels that cannot be right end in an error and have a report all the same."""
    return (job.out / "report.json").is_file() and (job.out / "examples.png").is_file()


def report(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.out / "report.json").read_text(encoding="utf-8"))
    return found


# Start


def start(config: RunConfig | None, notes: forms.Notes) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", key=draft.NAME, placeholder="made from method and time", width=320, persist_state="session"
        ).strip()
        why_not = reasons(notes, name)
        with_baselines = st.checkbox("With baselines", key="launch baselines", persist_state="session", help=BASELINES)
        pressed = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=bool(why_not))
    say_what_starts(config, why_not, with_baselines=with_baselines)
    if pressed and config is not None and not why_not:
        begin(config, name, with_baselines=with_baselines)


BASELINES = (
    f"Also trains {in_words([METHODS[each].title.lower() for each in BASELINE_METHODS])} with these settings, "
    f"{SEEDS} seeds each, as one study, so that Compare can tell what the method brings."
)


def reasons(notes: forms.Notes, name: str) -> list[str]:
    """Why nothing can be started, in the order of the form."""
    said = {key: note.text for key, note in notes.items() if note.stops}
    ordered = [leaf for leaf in forms.leaves() if leaf.path in said]
    found = [f"{leaf.label} (`{leaf.path}`): {plain(said.pop(leaf.path))}" for leaf in ordered]
    wrong_name = checks.of_name(runs_root(), name)
    return [*found, *map(plain, said.values()), *([f"Name: {plain(wrong_name)}"] if wrong_name else [])]


def say_what_starts(config: RunConfig | None, why_not: list[str], *, with_baselines: bool) -> None:
    if why_not:
        listed = "\n".join(f"- {each}" for each in why_not)
        st.error(f"Start waits until this is mended:\n{listed}", icon=":material/error:")
        return
    waiting = len(launcher().waiting())
    ahead = f"{waiting} {'wait' if waiting > 1 else 'waits'} already. " if waiting else ""
    runs = len(plan(beside_baselines(config))) if config and with_baselines else 1
    many = f"{runs} runs, about {runs} times as long as one. " if runs > 1 else ""
    st.caption(
        f"{many}{ahead}Runs train one at a time on each device; the others wait in order. "
        "They go on when this page, the browser or the dashboard is closed."
    )


def begin(config: RunConfig, name: str, *, with_baselines: bool) -> None:
    """Start the run, or the study, and go where it can be watched."""
    try:
        if with_baselines:
            name = name or automatic_name(config.method)
            start_study(beside_baselines(config), runs_root(), name)
        else:
            name = launcher().start(config, runs_root(), name or None).name
    except HRSError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if with_baselines:
        st.switch_page("pages/compare.py", query_params={"of": f"Study {name}"})
    st.switch_page("pages/runs.py", query_params={"run": name})


main()
