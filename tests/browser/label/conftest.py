"""A set of two photos to label."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrs.labelling.photoset import PhotoSet
from hrs.runs.names import DATASETS
from tests.app.test_label import png
from tests.browser.label.editor import SIZE
from tests.conftest import CLASSES
from tests.inference.conftest import photo


@pytest.fixture
def own(tmp_path: Path) -> PhotoSet:
    made = PhotoSet.create(tmp_path / "runs" / DATASETS / "town", list(CLASSES))
    for seed in range(2):
        made.add(png(photo(*SIZE, seed=seed)), f"photo{seed}.png")
    return made
