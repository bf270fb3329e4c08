"""docs/RESULTS.md: its commands can be given as they stand, and its tables are those that are there."""

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from hrs.study.plan import load_study, plan

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "RESULTS.md").read_text()
COMMANDS = [
    line.split("  #")[0]
    for text in (
        TEXT,
        *((ROOT / name).read_text() for name in ("docs/GPU.md", "README.md", "checkpoints/street/README.md")),
    )
    for line in (
        *re.findall(r"^(python -m benchmarks\..*)$", text, re.M),
        *re.findall(r"`(python -m benchmarks\.[^`]*)`", text),
    )
]


class Understood(Exception):
    """A command's options were read."""


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_a_command_says_all_that_its_benchmark_needs(command, monkeypatch):
    read = argparse.ArgumentParser.parse_args

    def only_read(self, *args, **kwargs):
        read(self, *args, **kwargs)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_read)
    _, _, module, *words = shlex.split(command)
    monkeypatch.setattr("sys.argv", [module, *words])
    name = f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module
    with pytest.raises(Understood):
        importlib.import_module(name).main()


@pytest.mark.parametrize("path", dict.fromkeys(re.findall(r"^python -m hrs study (benchmarks/\S+)", TEXT, re.M)))
def test_a_study_can_be_planned(path):
    assert plan(load_study(ROOT / path))


def test_every_table_is_named_and_there():
    there = {file.name for file in (ROOT / "docs" / "results").glob("*.csv")}
    assert there <= set(re.findall(r"\w+\.csv", TEXT))
    assert set(re.findall(r"\(results/(\w+\.csv)\)", TEXT)) <= there
