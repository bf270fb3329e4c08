"""Sets of two photos to label, one a test, and one dashboard that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hrs.labelling.photoset import PhotoSet
from hrs.runs.names import DATASETS
from tests.app.test_label import png
from tests.browser.conftest import dashboard
from tests.browser.label.editor import SIZE
from tests.conftest import CLASSES
from tests.inference.conftest import photo


@pytest.fixture(scope="package")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all sets."""
    return tmp_path_factory.mktemp("label") / "runs" / DATASETS


@pytest.fixture(scope="package")
def address(sets: Path) -> Iterator[str]:
    with dashboard(sets.parent) as address:
        yield address


@pytest.fixture
def own(sets: Path) -> PhotoSet:
    made = PhotoSet.create(sets / f"town{len(list(sets.glob('*')))}", list(CLASSES))
    for seed in range(2):
        made.add(png(photo(*SIZE, seed=seed)), f"photo{seed}.png")
    return made
