"""The form shows every setting of RunConfig, and gives back what it was filled with."""

from pathlib import Path

import pytest
import yaml
from streamlit.testing.v1 import AppTest

import hrs
from app.launch import forms
from hrs.config import RunConfig, load_config
from hrs.methods.table import METHODS

PRESETS = sorted((Path(hrs.__file__).parent / "presets").glob("*.yaml"))


def page() -> None:
    """A page that is nothing but the form; its first values are those of the file that the state names."""
    import streamlit as st

    from app.launch import forms
    from hrs.config import load_config
    from hrs.errors import HRSError

    if not forms.is_filled():
        forms.fill(load_config(st.session_state["file"]))
    forms.draw()
    try:
        st.code(forms.read().to_yaml())
    except HRSError as error:
        st.error(str(error))


def open_form(file: Path | None = None) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["file"] = file
    at.run()
    assert not at.exception
    return at


def shown(at: AppTest) -> RunConfig:
    return load_config(yaml.safe_load(at.code[0].value))


def flat(values: dict, prefix: str = "") -> set[str]:
    keys = set()
    for key, value in values.items():
        keys |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key}
    return keys


def test_every_setting_is_in_the_form_once():
    paths = [leaf.path for leaf in forms.leaves()]
    assert len(set(paths)) == len(paths) and set(paths) == flat(RunConfig().model_dump())
    assert set(forms.FIRST) <= set(paths)


def test_the_form_shows_the_defaults_in_words_with_their_keys():
    at = open_form()
    assert shown(at) == RunConfig()
    height = at.text_input(key="config.data.height")
    assert (height.value, height.label) == ("192", "Height") and "Training height in pixels." in height.help
    assert "data.height" in [caption.value for caption in at.caption]
    assert at.selectbox(key="config.method").options == [f"{row.title} ({name})" for name, row in METHODS.items()]
    assert at.multiselect(key="config.selection.levels").value == ["pixel", "region", "image"]
    assert [fold.label for fold in at.expander][:2] == ["More data settings", "More selection settings"]


@pytest.mark.parametrize("file", PRESETS, ids=lambda path: path.stem)
def test_what_is_filled_in_is_read_back(file):
    assert shown(open_form(file)) == load_config(file)


def test_edits_are_read():
    at = open_form()
    at.selectbox(key="config.method").select("joint")
    at.text_area(key="config.data.sources").input("gta5:/a\n\n  synthia:/b ")
    at.text_input(key="config.data.val").input(" folder:/val ")
    at.text_input(key="config.data.n_real").input("")
    at.text_input(key="config.train.learning_rate").input("6e-5")
    at.checkbox(key="config.network.pretrained").check()
    at.multiselect(key="config.selection.levels").set_value(["region"])
    config = shown(at.run())
    assert config.method == "joint" and config.data.sources == ("gta5:/a", "synthia:/b")
    assert config.data.val == "folder:/val" and config.data.n_real is None
    assert config.train.learning_rate == 6e-5 and config.network.pretrained
    assert config.selection.levels == ("region",)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.scale_min", "3.0", "scale_min 3.0 is above scale_max 1.5; swap them"),
        ("train.ema", "1.0", "train.ema is '1.0'; expected less than 1"),
        ("selection.warmup", "0.95", "selection.warmup + ramp is 1.05; expected at most 1"),
    ],
)
def test_values_that_make_no_sense_are_one_line(key, value, message):
    at = open_form()
    at.text_input(key=f"config.{key}").input(value).run()
    (error,) = at.error
    assert message in error.value and "\n" not in error.value and not at.exception


def test_no_source_is_told():
    at = open_form()
    at.text_area(key="config.data.sources").input(" ").run()
    assert "data.sources is empty" in at.error[0].value


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", ["road: [", BOMB], ids=["no YAML", "aliases of aliases"])
def test_a_class_map_that_cannot_be_read_is_one_line(text):
    at = open_form()
    at.text_area(key="config.data.classes").input(text).run()
    (error,) = at.error
    assert "data.classes is not valid YAML" in error.value and "\n" not in error.value and not at.exception
