"""Frames without planted faults: the same streets, true throughout."""

import numpy as np
import pytest

from hrs import street

needs_gl = pytest.mark.skipif(not street.can_render(), reason="no OpenGL on this machine")


@needs_gl
def test_the_same_street_with_nothing_planted():
    for index in range(4):
        size = {"seed": 0, "index": index, "height": 120, "width": 160}
        planted, true = street.render_frame("synthetic", **size), street.render_frame("synthetic", faults=False, **size)
        untouched = planted.planted == 0
        assert not true.planted.any()
        assert np.array_equal(planted.label[untouched], true.label[untouched])
    # frame 3 is one that things are planted in, so the comparison above held something back
    assert planted.planted.any()
