"""The table of methods against the classes: each method is run for a few steps and watched."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from hrs.config import RunConfig
from hrs.methods.base import Method
from hrs.methods.build import method_class
from hrs.methods.hrs import HierarchicalSelection
from hrs.methods.joint import Joint
from hrs.methods.table import METHODS, in_words, that_learn_weights
from tests.methods.test_methods import build, one_step

OWN_SECTIONS = {name for facts in METHODS.values() for name in facts.sections}


class Watched:
    """A config that remembers which of its sections are read."""

    def __init__(self, config: RunConfig) -> None:
        self.config, self.read = config, set()

    def __getattr__(self, name):
        value = getattr(self.config, name)
        if isinstance(value, BaseModel):
            self.read.add(name)
        return value


@pytest.mark.parametrize("name", METHODS)
def test_a_method_reads_the_sections_that_its_row_names(name):
    method, config = build(name)
    watched = Watched(config)
    again = method_class(name)(watched, method.segmenter).train()
    for step in range(config.train.steps):
        again.config = watched
        one_step(again, watched, step)
    again.auxiliary()
    again.counts(watched, 0)
    assert watched.read & OWN_SECTIONS == set(METHODS[name].sections)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_asks_for_synthetic_frames_as_its_row_says(name):
    method, config = build(name)
    asked = [method.counts(config, step)[0] for step in range(config.train.steps)]
    assert any(asked) == METHODS[name].needs_source


@pytest.mark.parametrize("name", METHODS)
def test_a_method_weighs_and_learns_weights_as_its_row_says(name):
    method, config = build(name)
    assert ("effective_share" in one_step(method, config).logs) == METHODS[name].weighs
    assert isinstance(method, HierarchicalSelection) == METHODS[name].learns_weights


def test_every_method_has_a_row():
    def below(kind):
        return {each for child in kind.__subclasses__() for each in (child, *below(child))}

    shipped = {kind for kind in below(Method) if kind.__module__.startswith("hrs.methods.")}
    assert {method_class(name) for name in METHODS} == shipped and Joint in shipped


def test_names_in_words():
    assert in_words(["a"]) == "a" and in_words(["a", "b", "c"]) == "a, b and c"
    assert in_words(["a", "b"], "or") == "a or b"
    assert that_learn_weights() == ["hrs", "hrs_mixing", "shuffled", "evened"]


def test_the_readme_names_every_method():
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    paragraph = text.split("**Other methods", 1)[1].split("\n\n", 1)[0]
    missing = [name for name in METHODS if name != "hrs" and not re.search(rf"\b{name}`", paragraph)]
    assert not missing
