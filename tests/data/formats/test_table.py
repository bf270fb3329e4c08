"""The table of formats against their modules, the README and what people see."""

import ast
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from hrs.data import formats
from hrs.data.formats.table import FORMATS, to_markdown, to_text

ROOT = Path(__file__).resolve().parents[3]
MODULES = {path.stem for path in Path(formats.__path__[0]).glob("*.py")} - {"__init__", "table"}
OPTIONS = {option for row in FORMATS.values() for option in row.options}


def test_every_format_is_a_module_and_every_module_a_format():
    assert set(FORMATS) == MODULES
    assert all(name == row.name for name, row in FORMATS.items())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_reads_as_its_row_says(name):
    module, made = import_module(f"hrs.data.formats.{name}"), FORMATS[name].made
    assert list(signature(module.read).parameters) == (["spec", "progress"] if made else ["spec"])
    assert hasattr(module, "glimpse") == made


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_asks_for_the_options_of_its_row_and_no_others(name):
    nodes = list(ast.walk(ast.parse((ROOT / f"hrs/data/formats/{name}.py").read_text(encoding="utf-8"))))
    asked = {node.value for node in nodes if isinstance(node, ast.Constant)} & OPTIONS
    asked |= {node.attr for node in nodes if isinstance(node, ast.Attribute)} & {"split"}
    assert asked == FORMATS[name].options


def test_the_readme_shows_the_table():
    assert to_markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_for_a_terminal_has_a_line_a_format():
    lines = to_text().splitlines()
    assert [line.split()[0] for line in lines] == list(FORMATS)
    assert lines[list(FORMATS).index("carla")].endswith("; options: version") and "`" not in to_text()


def test_the_table_can_be_read_without_opencv():
    code = "import sys, hrs.data.spec; print(*sorted({'cv2', 'PIL', 'yaml'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
