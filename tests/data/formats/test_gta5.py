"""GTA5: palette PNG."""

from hrs.data.layouts import open_dataset
from hrs.labels import CITYSCAPES
from tests.data.files import first_row, mode_of, palette_png, photo, row


def test_gta5_reads_palette_indices_and_skips_pairs_of_different_size(tmp_path):
    for name in ("00001", "00002"):
        photo(tmp_path / f"images/{name}.png")
        palette_png(tmp_path / f"labels/{name}.png", row(7, 26, 33, 34, 0))
    photo(tmp_path / "images/00003.png", 8, 6)
    palette_png(tmp_path / "labels/00003.png", row(7))
    data = open_dataset(f"gta5:{tmp_path}")
    assert mode_of(tmp_path / "labels/00001.png") == "P"
    assert [frame.id for frame in data.frames] == ["00001", "00002"]
    assert data.space == CITYSCAPES
    assert first_row(data, 5) == ["road", "car", "bicycle", None, None]
    (skipped,) = data.skipped
    assert (skipped.path.name, skipped.reason) == ("00003.png", "is 6x8, its label 6x4")
