"""A run with scores and a panel."""

import pytest

from tests.scoring.weighted_run import make_run


@pytest.fixture
def run(root, frames, tiny):
    return make_run(root, "scored", frames["source"], tiny)
