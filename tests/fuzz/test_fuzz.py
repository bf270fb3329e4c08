"""A little fuzzing with every test run; `python -m benchmarks.fuzz --minutes N` goes on for as long as one likes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.cases import KINDS, check


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_whatever_a_file_holds_its_reader_answers(kind):
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data):
        with tempfile.TemporaryDirectory() as folder:
            check(kind, data.draw(kind.cases), Path(folder))

    run()
