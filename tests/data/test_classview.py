"""Classes of a data set at a glance."""

import numpy as np
import pytest

from hrs.data.classview import view_classes
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import CITYSCAPES
from tests.data.files import pictured, save, street, write_classes, write_streets

COLOURS = np.array([[70, 130, 180], [128, 64, 128], [200, 0, 0]], np.uint8)


def test_shares_pictures_and_guesses(tmp_path):
    root = write_classes(write_streets(tmp_path, 40), "classes: {0: Sky, 1: roads, 2: box, 7: tram}")
    seen, views = view_classes(f"folder:{root}", CITYSCAPES)
    assert len(seen.dataset) == 16 and seen.total == 40
    assert [(each.name, each.keys, each.target) for each in views] == [
        ("Sky", ("0",), "sky"),
        ("roads", ("1",), "road"),
        ("box", ("2",), None),
        ("tram", ("7",), None),
    ]
    assert [round(each.share, 1) for each in views[1:]] == [50.0, 3.5, 0.0] and views[3].picture is None
    box = views[2].picture
    assert box.shape[0] == 64 and (box[32, box.shape[1] // 2] == pictured(np.array([[2]]))[0, 0]).all()
    assert box[0, 0].min() > 190  # of another class


def test_colours_are_named_as_a_map_names_them(tmp_path):
    write_streets(tmp_path, of=lambda ids: COLOURS[ids])
    write_classes(tmp_path, f"classes: {{sky: {COLOURS[0].tolist()}, road: {COLOURS[1].tolist()}}}")
    _, views = view_classes(f"folder:{tmp_path}", CITYSCAPES)
    assert [each.keys for each in views] == [("70,130,180",), ("128,64,128",)]
    named = write_classes(tmp_path, "'70,130,180': air\n", "map.yaml") / "map.yaml"
    assert open_dataset(f"folder:{tmp_path}?classes={named}").space.classes == ("air", "road")


def test_photos_have_no_classes(tmp_path):
    save(tmp_path / "a.png", pictured(street()))
    with pytest.raises(HRSError, match="has no labels; name a labelled one"):
        view_classes(f"images:{tmp_path}", CITYSCAPES)
