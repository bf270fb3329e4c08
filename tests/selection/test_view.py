from dataclasses import replace

import pytest
import torch

from hrs.selection.view import View
from tests.selection.conftest import H, W


@pytest.mark.parametrize("cells", [(2, 3), (4, 6), (16, 24)])
def test_thinned_pixels_lie_in_the_middle_of_what_they_stand_for(view: View, cells: tuple[int, int]):
    """At most two a feature cell along each side, and no shift of the picture beyond half a pixel."""
    rows, columns = cells
    view = replace(view, features=torch.zeros(2, 1, rows, columns))
    for side, size, places in ((rows, H, torch.arange(H)[:, None]), (columns, W, torch.arange(W)[None])):
        kept = view.thin(places.expand(1, H, W)).float()
        assert len(kept.unique()) == min(2 * side, size)
        assert kept.mean().item() == pytest.approx((size - 1) / 2, abs=0.5)
