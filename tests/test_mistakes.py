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
    assert fields["train.steps"] == "Input should be greater than or equal to 1 (got -5)"
    assert fields["data"] == "scale_min 3.0 is above scale_max 1.5; swap them"
    assert all(text in str(caught.value) for text in fields.values()) and "\n" not in str(caught.value)


def test_what_goes_for_the_whole_config_has_no_setting():
    with pytest.raises(SettingsError) as caught:
        load_config({"data": {"sources": []}})
    assert list(caught.value.fields) == [""] and "data.sources is empty" in caught.value.fields[""]


def test_it_travels_between_processes():
    error = SettingsError("config: a", {"a": "b"})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fields) == (str(error), error.fields)
