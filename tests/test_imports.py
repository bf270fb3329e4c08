"""Who may import whom: each module only what stands before it or beside it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("errors", "files", "progress", "records"),
    ("labels", "config", "maps", "runs"),
    ("evaluation", "pictures"),
    ("data",),
    ("scores", "panel"),
    ("networks",),
    ("selection",),
    ("methods",),
    ("training", "export", "inference"),
    ("scoring",),  # and whatever else is built on training
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FILES = sorted((ROOT / "hrs").rglob("*.py"))


def rank(module: str) -> int:
    """Of hrs.data.layouts that of data; a module that no layer names is built on training."""
    parts = module.split(".")
    return RANK.get(parts[1], RANK["scoring"]) if len(parts) > 1 else 0


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


def test_the_layers_are_those_of_the_package():
    top = {path.stem if path.suffix == ".py" else path.name for path in (ROOT / "hrs").iterdir()}
    assert set(RANK) <= top


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
