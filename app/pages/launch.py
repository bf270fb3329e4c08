"""Launch: fill the form, look at the data and at the time it will take, and start."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import streamlit as st

from app.context import all_runs, plain, runs_root
from app.launch import before, checks, classtable, draft, forms, place
from app.launch.offers import networks, offer_data_sets
from app.runs.reading import read_config
from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.methods.table import METHODS, in_words
from hrs.mistakes import SettingsError
from hrs.runs.folder import automatic_name
from hrs.runs.names import STUDIES
from hrs.runs.registry import RunSummary, is_shipped
from hrs.study.baselines import BASELINES as BASELINE_METHODS
from hrs.study.baselines import SEEDS, beside_baselines, start_study
from hrs.study.plan import plan

DATA_SETS = ("data.sources", "data.target")
# Keys of the session state: whether baselines are trained too, what a fill said, why nothing was started, the page of
# what was, and those of all that was started in this session.
BASELINES_KEY = "launch baselines"
TOLD, REFUSED, STARTED, STARTS = "launch told", "launch refused", "launch started", "launch starts"


def main() -> None:
    if STARTED in st.session_state:
        page, address = st.session_state.pop(STARTED)
        st.switch_page(page, query_params=address)
    st.title("Launch")
    st.markdown("Whatever the form is filled with can be changed. [Start](#start) stands below it.")
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
    return config, {**checks.notes(), **classtable.notes(config), **checks.of_class_maps(config)}


# Where the form's values come from


def fill_form() -> None:
    """What the address says, at first the built-in example; over it the run that it asks to clone, or photos that were
    labelled just now."""
    begun = forms.is_filled()
    draft.restore()
    wanted, photos = (st.query_params.get(name) for name in draft.ASKED)
    if wanted is not None:
        clone(wanted)
    if photos is not None:
        train_with(photos, begun=begun)


def train_with(photos: str, *, begun: bool) -> None:
    """The last settings, those of the form or of the newest run, with these photos as the real images."""
    own = [summary.run for summary in all_runs() if not is_shipped(summary.run)]
    if not begun and own:
        name = f"run {own[0].name}"
        fill_from(own[0].config, name, f"Filled from {name}, with the photos that you labelled.")
    else:
        tell("Filled with the photos that you labelled.")
    forms.put({"data.target": photos, "data.val": "", "data.n_real": ""})


def clone(name: str) -> None:
    found = next((summary for summary in all_runs() if summary.name == name), None)
    if found is None:
        tell(f"There is no run named {name} to clone.")
        return
    fill_from(found.run.config, f"run {name}", f"Filled from run {name}.{missing_photos(found)}")


def missing_photos(summary: RunSummary) -> str:
    """Of a run that comes with hrs, that its real images do not."""
    config = read_config(summary.run) if is_shipped(summary.run) else None
    if config is None or checks.look_at(config.data.target).error is None:
        return ""
    return (
        f" Its real images, {config.data.target}, do not come with hrs: the text below the preset The model that ships "
        "says how to make them, or name images of your own."
    )


def fill_from(path: Path, name: str, said: str) -> None:
    try:
        config = load_config(path)
    except HRSError as error:
        tell(str(error).replace(f"{path.parent}/", ""))
    else:
        draft.fill_from(config, name)
        tell(said)


def tell(text: str) -> None:
    st.session_state[TOLD] = text


def origin() -> None:
    """Presets and files that fill the form, and what the last of them said."""
    left, right = st.columns(2, vertical_alignment="top")
    titles = {path.stem: title(path) for path in presets()}
    preset, filled = titles[st.session_state[draft.PRESET]], st.session_state.get(draft.FILLED)
    with left:
        st.selectbox(
            "Start from",
            list(titles),
            index=None,
            format_func=lambda stem: titles[stem][0],
            placeholder=filled[:1].upper() + filled[1:] if filled else preset[0],
            key=draft.CHOICE,
            on_change=take_preset,
        )
        st.caption(plain(f"The form began with {filled}.") if filled else preset[1])
    with right:
        st.file_uploader("or from a YAML file", ["yaml", "yml"], key="launch file", on_change=take_file)
    with st.container():  # always there, so that what follows keeps its place
        told = st.session_state.pop(TOLD, None)
        if told:
            st.info(plain(told), icon=":material/info:")
        if draft.replaced():
            st.button("Take back what stood there", icon=":material/undo:", on_click=draft.take_back)


def presets() -> list[Path]:
    return sorted(draft.PRESETS.glob("*.yaml"), key=lambda path: (path.stem != draft.FIRST_PRESET, path.stem))


def title(path: Path) -> tuple[str, str]:
    """Name and description of a preset, from the comment it begins with."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines())
    name, _, about = " ".join(line.removeprefix("# ") for line in lines).partition(": ")
    return name, about[:1].upper() + about[1:]


def take_preset() -> None:
    """Fill the form from the preset that was chosen, and leave the field free to choose the same one again."""
    stem = st.session_state[draft.CHOICE]
    if stem is None:
        return
    st.session_state[draft.CHOICE] = None
    name = title(draft.preset_file(stem))[0]
    instead = draft.begin_with(stem)
    tell(f"Filled from {name}{', in place of what stood here' if instead else ''}.")


def take_file() -> None:
    file = st.session_state["launch file"]
    if file is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file.name).name
        path.write_bytes(file.getvalue())
        fill_from(path, path.name, f"Filled from {path.name}.")


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
        st.text_input(
            "Name", key=draft.NAME, placeholder="made from method and time", width=320, persist_state="session"
        )
        place.draw()
        st.checkbox("With baselines", key=BASELINES_KEY, persist_state="session", help=BASELINES)
        why_not = reasons(config, notes)
        st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(why_not),
            on_click=begin,
            args=(len(st.session_state.get(STARTS, [])),),
        )
    say_what_starts(config, why_not)
    if refused := st.session_state.pop(REFUSED, None):
        st.error(plain(refused), icon=":material/error:")


def typed_name() -> str:
    return str(st.session_state[draft.NAME]).strip()


def with_baselines() -> bool:
    return bool(st.session_state.get(BASELINES_KEY, False))


BASELINES = (
    f"Also trains {in_words([METHODS[each].title.lower() for each in BASELINE_METHODS])} with these settings, "
    f"{SEEDS} seeds each, as one study, so that Compare can tell what the method brings."
)


def reasons(config: RunConfig | None, notes: forms.Notes) -> list[str]:
    """Why nothing can be started, in the order of the form."""
    said = {key: note.text for key, note in notes.items() if note.stops}
    ordered = [leaf for leaf in forms.leaves() if leaf.path in said]
    found = [f"{leaf.label} (`{leaf.path}`): {plain(said.pop(leaf.path))}" for leaf in ordered]
    wrong_name = checks.of_name(runs_root() / STUDIES if with_baselines() else runs_root(), typed_name())
    named = {"Name": wrong_name, "With baselines": wrong_baselines(config)}
    last = [f"{what}: {plain(wrong)}" for what, wrong in named.items() if wrong]
    return [*found, *map(plain, said.values()), *last]


def wrong_baselines(config: RunConfig | None) -> str | None:
    """Why the run cannot train beside its baselines, though it may alone; None where it can, or shall not."""
    if config is None or not with_baselines():
        return None
    try:
        plan(beside_baselines(config))
    except HRSError as error:
        return str(error)
    return None


def say_what_starts(config: RunConfig | None, why_not: list[str]) -> None:
    if why_not:
        listed = "\n".join(f"- {each}" for each in why_not)
        st.error(f"Start waits until this is mended:\n{listed}", icon=":material/error:")
        return
    runs = len(plan(beside_baselines(config))) if config and with_baselines() else 1
    many = f"{runs} runs, about {runs} times as long as one. " if runs > 1 else ""
    st.caption(
        f"{many}{plain(place.in_words(place.chosen(), len(launcher().waiting())))} "
        "They go on when this page, the browser or the dashboard is closed."
    )


def begin(before: int) -> None:
    """Start the run, or the study, that the form shows. A callback cannot switch pages: `main` goes where it can be
    watched.

    Args:
        before: how much was started when the button was drawn; the second of two quick clicks starts nothing.
    """
    starts = st.session_state.setdefault(STARTS, [])
    if len(starts) == before:
        config, notes = read_form()
        if config is None or reasons(config, notes):  # typed at the last moment; the page says it
            return
        try:
            starts.append(hand_in(config, typed_name()))
        except HRSError as error:
            st.session_state[REFUSED] = str(error)
            return
        draft.spend(typed_name())
    st.session_state[STARTED] = starts[-1]


def hand_in(config: RunConfig, name: str) -> tuple[str, dict[str, str]]:
    """Start it; returns the page where it can be watched, and what that is asked for."""
    on = place.chosen()
    if with_baselines():
        name = name or automatic_name(config.method)
        start_study(beside_baselines(config), runs_root(), name, on)
        return "pages/compare.py", {"of": f"Study {name}"}
    run = launcher(on).start(config, runs_root(), name or None)
    return "pages/runs.py", {"run": run.name}


main()
