"""What is wrong with settings is told in one line, and setting by setting."""

import pickle

import pytest

from hrs.config import load_config
from hrs.mistakes import SettingsError


def test_every_mistake_is_told_at_its_setting():
    with pytest.raises(SettingsError) as caught:
        load_config({"train": {"steps": -5, "ema": 2}, "data": {"scale_min": 3.0}, "seed": "many"})
    fields = caught.value.fields
    assert set(fields) == {"train.steps", "train.ema", "data", "seed"}
    assert fields["train.steps"] == "steps is -5; expected at least 1"
    assert fields["data"] == "scale_min 3.0 is above scale_max 1.5; swap them"
    assert all(text in str(caught.value) for text in fields.values()) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("config: ") and "train.steps is -5; expected at least 1" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("steps", "abc", "is 'abc'; expected a whole number"),
        ("steps", "", "is empty; expected a whole number"),
        ("steps", 2.5, "is 2.5; expected a whole number"),
        ("steps", 10**12, "is 1000000000000; expected at most 1,000,000,000"),
        ("steps", "9" * 20, f"is '{'9' * 20}'; expected at most 1,000,000,000"),
        ("clip", "wide", "is 'wide'; expected a number"),
        ("ema", 1.0, "is 1.0; expected less than 1"),
        ("channels_last", "perhaps", "is 'perhaps'; expected true or false"),
        ("precision", "bf61", "is 'bf61'; expected no, bf16 or fp16; did you mean bf16?"),
    ],
)
def test_a_value_is_told_in_plain_words(key, value, told):
    with pytest.raises(SettingsError) as caught:
        load_config({"train": {key: value}})
    assert caught.value.fields[f"train.{key}"] == f"{key} {told}"
    assert str(caught.value) == f"config: train.{key} {told}"


def test_settings_of_another_kind_are_told_in_plain_words():
    with pytest.raises(SettingsError) as caught:
        load_config({"data": 3, "network": {"name": [1]}})
    said = str(caught.value)
    assert "data is 3; expected settings, such as {key: value}" in said and "network.name is [1]; expected text" in said


def test_what_goes_for_the_whole_config_has_no_setting():
    with pytest.raises(SettingsError) as caught:
        load_config({"data": {"sources": []}})
    assert list(caught.value.fields) == [""] and "data.sources is empty" in caught.value.fields[""]


def test_it_travels_between_processes():
    error = SettingsError("config: a", {"a": "b"})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fields) == (str(error), error.fields)
