"""The label page: sets of photos of one's own, and the editor in which their areas get classes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import streamlit as st

from app.context import all_runs, plain, runs_root, write_address
from app.label.mount import PREFIX
from hrs.errors import HRSError
from hrs.labelling.modelclasses import in_lines, read_model_classes, write_model_classes
from hrs.labelling.photoset import PhotoSet, sets_in
from hrs.labels import CAMVID, CITYSCAPES, LabelSpace
from hrs.runs.folder import checked_name
from hrs.runs.names import DATASETS
from hrs.runs.registry import nearest
from hrs.system.photographs import KINDS, SUFFIXES

HEIGHT = 760  # pixels of the editor
SET = "label set"  # of the session state
REFRESH = 3.0  # seconds between two looks at how far it is
SPACES = {"My own": None, "CamVid's 11, for streets": CAMVID, "Cityscapes' 19, for streets": CITYSCAPES}


def pick() -> str:
    """The set that is worked on, kept in the address."""
    names = sets_in(runs_root() / DATASETS)
    asked = st.query_params.get("set")
    if asked is not None and asked not in names:
        near = nearest(asked, names)
        st.warning(f"There is no set called {plain(asked)}.{f' Is it {plain(near[0])}?' if near else ''}")
    st.session_state[SET] = asked if asked in names else names[0]
    chosen = st.selectbox("Set of photos", names, key=SET, on_change=_picked)
    if asked is None:  # what is not there is said until one is chosen
        st.query_params["set"] = chosen
    return str(chosen)


def _picked() -> None:
    write_address({"photo": "", "set": st.session_state[SET]})  # the photo is one of the set before


def make_new(*, first: bool) -> None:
    """The form for a new set."""
    with st.expander("New set", expanded=first), st.form("new set", border=False):
        name = st.text_input(
            "Name", placeholder="my-street", max_chars=100, help="Letters, digits, dots, _ and -; spaces become -."
        )
        kind = st.selectbox("Classes", list(SPACES))
        own = st.text_area("Names of my own classes, one a line", placeholder="road\nsky\nrest", height=120)
        if not st.form_submit_button("Make it", type="primary"):
            return
        space = SPACES[kind]
        try:
            made = create("-".join(name.split()), space if space is not None else own.splitlines())
        except HRSError as error:
            st.error(plain(str(error)))
            return
    st.query_params["set"] = made
    st.rerun()


def create(name: str, classes: LabelSpace | list[str]) -> str:
    checked_name(name, "name of the set")
    if not isinstance(classes, LabelSpace) and len([each for each in classes if each.strip()]) < 2:
        raise HRSError("a set needs two classes or more; write their names, one a line")
    PhotoSet.create(runs_root() / DATASETS / name, classes)
    return name


def take_in(own: PhotoSet) -> None:
    """Photos from the browser into the set."""
    with st.expander("Add photos", expanded=not own.photos()), st.form("photos", clear_on_submit=True, border=False):
        kinds = sorted(suffix.removeprefix(".") for suffix in SUFFIXES)
        files = st.file_uploader(f"Photos: {KINDS}", type=kinds, accept_multiple_files=True)
        if not st.form_submit_button("Add", icon=":material/add_photo_alternate:"):
            return
        if not files:
            st.warning("No photo has arrived yet. Choose some, and press Add once they are here.")
            return
    for file in files:
        try:
            own.add(file.getvalue(), file.name)
        except HRSError as error:
            st.error(plain(str(error)))


def name_models_classes(own: PhotoSet, given: str) -> None:
    """Which class of the set a model's classes are, where their names differ; ``given``: what is said so far."""
    with st.expander("Models' classes"), st.form("model classes", border=False):
        text = st.text_area(
            "A model's class: one of mine",
            given,
            placeholder="sidewalk, road: ground\nvehicle: car\npole: ignore",
            help="A line each, where names differ; several with commas, ignore for none. For every model that helps.",
        )
        if not st.form_submit_button("Keep"):
            return
    try:
        write_model_classes(own, text, models_classes())
    except HRSError as error:
        st.error(plain(str(error)))
        return
    st.rerun()


def models_classes() -> list[LabelSpace]:
    """The classes of every run that has some."""
    found = list[LabelSpace | None]()
    for each in all_runs():
        with suppress(HRSError):  # of a damaged run, which others need not suffer from
            found.append(each.run.read_space())
    return [space for space in found if space is not None]


def show_editor(own: PhotoSet, given: str) -> None:
    asked = {"set": own.path.name, "theme": st.context.theme.type or "light"}
    if given:
        asked["classes"] = hashlib.sha1(given.encode()).hexdigest()[:8]  # another address, and the editor opens anew
    asked |= {key: st.query_params[key] for key in ("photo", "model") if key in st.query_params}
    here = urlsplit(st.context.url or "")
    address = f"{here.scheme}://{here.netloc}{PREFIX}/?{urlencode(asked)}"
    st.iframe(address, height=HEIGHT, alt="The label editor")
    st.link_button("Open in a new tab", address, icon=":material/open_in_new:", type="tertiary")


@st.fragment(run_every=REFRESH)
def what_next(own: PhotoSet) -> None:
    """How far it is, and what to do with it."""
    photos = own.photos()
    done = sum(photo.labelled > 0 for photo in photos)
    place = plain(str(own.path))
    st.caption(f"{done} of {len(photos)} photos have labels. The set is a data set like any other: folder:{place}")
    if st.button("Train with these", type="primary", disabled=done < 2, icon=":material/play_arrow:"):
        st.switch_page("pages/launch.py", query_params={"photos": f"folder:{own.path}"})


def begin() -> None:
    """What the page is for, and the first set."""
    st.markdown(
        "Photos of your own become training data here: areas get a class at a touch. A trained model can label first, "
        "and you mend."
    )
    with st.columns([2, 1])[0]:
        make_new(first=True)


def main() -> None:
    st.title("Label")
    if not sets_in(runs_root() / DATASETS):
        begin()
        return
    columns = st.columns([2, 1, 1])
    with columns[0]:
        chosen = pick()
    with columns[1]:
        make_new(first=False)
    try:
        own = PhotoSet.open(runs_root() / DATASETS / chosen)
        given = in_lines(read_model_classes(own))
    except HRSError as error:
        st.error(plain(str(error)))
        return
    with columns[2]:
        take_in(own)
        name_models_classes(own, given)
    if own.photos():
        show_editor(own, given)
        what_next(own)


main()
