"""Who may import whom: each module only what stands before it or beside it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("errors", "progress", "system"),
    (
        "labels",
        "methods.table",
        "mistakes",
        "selection.levels.table",
        "selection.signals.table",
        "street",
    ),  # settings are checked against the tables
    ("settings",),
    ("config",),
    ("evaluation", "pictures"),
    ("data", "runs"),
    ("networks",),
    ("selection",),
    ("methods",),
    ("checkpoint",),
    ("inference", "runs.pack", "scoring"),
    ("training", "labelling"),
    ("launch", "cluster"),
    ("study",),
    ("trial",),
    ("cli",),
    ("__main__",),
)
"""Rooms and modules from the ground up; of a room whose modules stand on several floors, the longest name counts."""
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FILES = sorted((ROOT / "hrs").rglob("*.py"))


def rank(module: str) -> int:
    """Of hrs.data.layouts that of data; hrs itself is below everything."""
    parts = module.split(".")[1:]
    names = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((RANK[name] for name in names if name in RANK), -1)


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    """Modules of hrs that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "hrs")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            if node.module == "hrs":
                yield from (f"hrs.{alias.name}" for alias in node.names)
            elif (node.module or "").startswith("hrs."):
                yield str(node.module)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_go_one_way(file):
    own = name_of(file)
    wrong = sorted({module for module in imported(file) if rank(module) > rank(own)})
    assert not wrong, f"{own} imports {', '.join(wrong)}"


def test_the_street_has_one_door():
    outside = [file for room in ("hrs", "app", "benchmarks", "docs") for file in (ROOT / room).rglob("*.py")]
    through = {
        f"{name_of(file)} imports {module}"
        for file in outside
        if not name_of(file).startswith("hrs.street")
        for module in imported(file)
        if module.startswith("hrs.street.")
    }
    assert not through


def test_every_room_has_its_floor():
    top = {path.stem if path.suffix == ".py" else path.name for path in (ROOT / "hrs").iterdir()}
    assert top - {"__init__", "__pycache__", "presets", "py.typed"} == {name.partition(".")[0] for name in RANK}


@pytest.mark.parametrize("module", ["hrs.cli", "hrs.training.trainer", "hrs.data.doctor", "hrs.inference"])
def test_nothing_of_the_pages_or_the_renderer_is_imported(module):
    code = (
        f"import sys, {module}; "
        "print(*sorted({'streamlit', 'gradio', 'plotly', 'pyvista', 'vtk', 'vtkmodules'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_command_line_starts_without_the_heavy_libraries():
    code = "import sys, hrs.cli; print(*sorted({'torch', 'cv2', 'transformers', 'skimage'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
