"""The Launch page's table of classes: when it is there, what it shows, and what becomes of what is chosen."""

import base64

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.launch.classtable import Row, changed
from tests.app.conftest import button, wait_for
from tests.data.files import write_classes, write_streets

MAP = "config.data.classes"


@pytest.fixture
def sides(tmp_path) -> tuple[str, str]:
    """A synthetic data set and a real one that share sky alone."""
    source = write_classes(write_streets(tmp_path / "made"), "classes: {0: Sky, 1: asphalt, 2: crate, 9: unseen}")
    target = write_classes(write_streets(tmp_path / "real", 4), "classes: {0: sky, 1: road, 2: box}")
    return f"folder:{source}", f"folder:{target}"


def opened(open_page, source: str, target: str, classes: str = "") -> AppTest:
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(source)
    at.text_input(key="config.data.target").input(target)
    at.text_input(key="config.data.val").input("")
    at.text_area(key=MAP).input(classes).run()
    wait_for(at, lambda: not any("Looking at the classes" in each.value for each in at.caption))
    assert not at.exception
    return at


def table(at: AppTest):
    return at.data_editor[0].value


def choose(at: AppTest, name: str, target: str) -> None:
    row = table(at)["class"].tolist().index(name)
    at.session_state[at.data_editor[0].key] = {
        "edited_rows": {row: {"in the target": target}},
        "added_rows": [],
        "deleted_rows": [],
    }
    at.run()
    assert not at.exception


def test_classes_that_do_not_meet_by_name_are_shown_with_share_and_picture(open_page, sides):
    found = table(opened(open_page, *sides))
    assert found["class"].tolist() == ["asphalt", "Sky", "crate", "unseen"]  # the commonest first
    assert found["in the target"].tolist() == ["ignore", "sky", "ignore", "ignore"]
    assert found["%"].round(1).tolist() == [50.0, 46.5, 3.5, 0.0]
    pictures = found["looks like"].tolist()
    assert base64.b64decode(pictures[0].partition(",")[2]).startswith(b"\xff\xd8") and not isinstance(pictures[3], str)


def test_a_source_of_which_nothing_is_a_class_of_the_target_cannot_be_started_with(open_page, sides, tmp_path):
    at = opened(open_page, f"folder:{write_classes(tmp_path / 'made', 'classes: {0: haze, 1: asphalt}')}", sides[1])
    at.run()
    assert button(at, "Start").disabled and "every class of folder" in at.error[0].value
    choose(at, "asphalt", "road")
    assert not button(at, "Start").disabled and not at.error


def test_classes_that_meet_by_name_are_not_asked_about(open_page, sides):
    assert not opened(open_page, sides[1], sides[1]).data_editor


def test_what_is_chosen_is_the_sources_map_in_the_form(open_page, sides):
    at = opened(open_page, *sides)
    choose(at, "asphalt", "road")
    assert yaml.safe_load(at.text_area(key=MAP).value) == {sides[0]: {"asphalt": "road"}}
    assert table(at).set_index("class")["in the target"]["asphalt"] == "road"
    choose(at, "Sky", "ignore")
    assert yaml.safe_load(at.text_area(key=MAP).value) == {sides[0]: {"asphalt": "road", "Sky": "ignore"}}
    choose(at, "Sky", "sky")
    choose(at, "asphalt", "ignore")
    assert at.text_area(key=MAP).value == "" and not at.error


@pytest.mark.parametrize("key", ["asphalt", "1", "id 1", "crate, asphalt"])
def test_a_map_that_is_there_fills_the_table(open_page, sides, key):
    at = opened(open_page, *sides, classes=yaml.safe_dump({key: "ROAD"}))
    assert table(at).set_index("class")["in the target"]["asphalt"] == "road"
    assert table(at).set_index("class")["told by"]["asphalt"] == "you"


def test_a_source_that_is_not_there_asks_nothing(open_page, sides):
    assert not opened(open_page, "folder:/nowhere", sides[1]).data_editor


def row(name: str, key: str, guess: str = "ignore") -> Row:
    return Row(name=name, keys=(key,), share=1.0, picture=None, guess=guess, how="name")


ROWS = [row("sky", "0", "sky"), row("floor, wet", "1"), row("car", "128,64,128")]


@pytest.mark.parametrize(
    ("before", "shown", "after"),
    [
        ({}, ["sky", "ignore", "ignore"], {}),
        ({}, ["sky", "road", "ignore"], {"folder:a": {"floor, wet": "road"}}),
        (
            {"folder:a": {"77": "road", "1": "car"}},
            ["sky", "road", "car"],
            {"folder:a": {"77": "road", "floor, wet": "road", "car": "car"}},
        ),
        (
            {"folder:a": {"128, 64, 128": "car"}, "folder:b": {"x": "y"}},
            ["sky", "ignore", "ignore"],
            {"folder:b": {"x": "y"}},
        ),
        (
            {"*": {"tree": "plant"}},
            ["sky", "ignore", "car"],
            {"*": {"tree": "plant"}, "folder:a": {"sky": "sky", "floor, wet": "ignore", "car": "car"}},
        ),
    ],
)
def test_only_what_no_name_tells_is_written_and_other_entries_stay(before, shown, after):
    named = dict(zip(("sky", "floor, wet", "car"), shown, strict=True))
    assert changed(before, "folder:a", ROWS, named) == after
    assert changed(before, "folder:a?split=val", ROWS, named).keys() == {
        "folder:a?split=val" if each == "folder:a" and "folder:a" not in before else each for each in after
    }
