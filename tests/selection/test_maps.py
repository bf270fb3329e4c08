import numpy as np
import pytest
import torch

from hrs.errors import HRSError
from hrs.selection.maps import read_maps, write_maps
from hrs.selection.selector import Weights


def test_maps_come_back_within_a_quantum(tmp_path):
    torch.manual_seed(0)
    weights = Weights(combined=3 * torch.rand(2, 8, 9), levels={"pixel": torch.rand(2, 8, 9)})
    write_maps(tmp_path / "deep" / "a.npz", weights, 1)
    maps = read_maps(tmp_path / "deep" / "a.npz")
    quantum = weights.combined[1].max().item() / 255
    assert set(maps) == {"combined", "pixel"}
    np.testing.assert_allclose(maps["combined"], weights.combined[1].numpy(), atol=quantum)
    np.testing.assert_allclose(maps["pixel"], weights.levels["pixel"][1].numpy(), atol=quantum)


def test_a_damaged_file_is_one_clear_line(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK not a zip")
    with pytest.raises(HRSError, match="score the run again"):
        read_maps(tmp_path / "a.npz")
