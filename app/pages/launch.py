"""Launch: fill the form, look at the data and at the time it will take, and start."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from app.context import all_runs, is_shipped, plain, runs_root
from app.launch import before, checks, classtable, draft, forms, place
from app.launch.offers import networks, offer_data_sets
from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.methods.table import METHODS, in_words
from hrs.mistakes import SettingsError
from hrs.runs.folder import automatic_name
from hrs.runs.names import STUDIES
from hrs.study.baselines import BASELINES as BASELINE_METHODS
from hrs.study.baselines import SEEDS, beside_baselines, start_study
from hrs.study.plan import plan

DATA_SETS = ("data.sources", "data.target")


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
        before.draw(config)
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


# Start


def start(config: RunConfig | None, notes: forms.Notes) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", key=draft.NAME, placeholder="made from method and time", width=320, persist_state="session"
        ).strip()
        on = place.choose()
        with_baselines = st.checkbox("With baselines", key="launch baselines", persist_state="session", help=BASELINES)
        why_not = reasons(notes, name, runs_root() / STUDIES if with_baselines else runs_root())
        pressed = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=bool(why_not))
    say_what_starts(config, why_not, on, with_baselines=with_baselines)
    if pressed and config is not None and not why_not:
        begin(config, name, on, with_baselines=with_baselines)


BASELINES = (
    f"Also trains {in_words([METHODS[each].title.lower() for each in BASELINE_METHODS])} with these settings, "
    f"{SEEDS} seeds each, as one study, so that Compare can tell what the method brings."
)


def reasons(notes: forms.Notes, name: str, root: Path) -> list[str]:
    """Why nothing can be started, in the order of the form. ``root``: where the name has to be free."""
    said = {key: note.text for key, note in notes.items() if note.stops}
    ordered = [leaf for leaf in forms.leaves() if leaf.path in said]
    found = [f"{leaf.label} (`{leaf.path}`): {plain(said.pop(leaf.path))}" for leaf in ordered]
    wrong_name = checks.of_name(root, name)
    return [*found, *map(plain, said.values()), *([f"Name: {plain(wrong_name)}"] if wrong_name else [])]


def say_what_starts(config: RunConfig | None, why_not: list[str], on: str | None, *, with_baselines: bool) -> None:
    if why_not:
        listed = "\n".join(f"- {each}" for each in why_not)
        st.error(f"Start waits until this is mended:\n{listed}", icon=":material/error:")
        return
    runs = len(plan(beside_baselines(config))) if config and with_baselines else 1
    many = f"{runs} runs, about {runs} times as long as one. " if runs > 1 else ""
    st.caption(
        f"{many}{plain(place.in_words(on, len(launcher().waiting())))} "
        "They go on when this page, the browser or the dashboard is closed."
    )


def begin(config: RunConfig, name: str, on: str | None, *, with_baselines: bool) -> None:
    """Start the run, or the study, and go where it can be watched."""
    try:
        if with_baselines:
            name = name or automatic_name(config.method)
            start_study(beside_baselines(config), runs_root(), name, on)
        else:
            name = launcher(on).start(config, runs_root(), name or None).name
    except HRSError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if with_baselines:
        st.switch_page("pages/compare.py", query_params={"of": f"Study {name}"})
    st.switch_page("pages/runs.py", query_params={"run": name})


main()
