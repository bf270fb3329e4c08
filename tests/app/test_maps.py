"""What the weights page is sent, against the arrays it was made from."""

import base64
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.figures.maps import (
    Lens,
    area_table,
    class_bars,
    colour_table,
    level_bars,
    share_below,
    summary,
    tile,
    view,
)
from hrs.labels import CAMVID, IGNORE
from hrs.pictures import FULL_WEIGHT, weight_colours, weight_legend
from hrs.scoring.reasons import FrameReasons
from hrs.selection.levels.table import LEVELS

HEIGHT, WIDTH = 6, 8
LENS = Lens(level="combined", opacity=0.5, threshold=0.6)


@pytest.fixture
def label():
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    label[3:] = 3
    label[0, 0] = IGNORE
    return label


@pytest.fixture
def maps():
    values = np.linspace(0, 2.4, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    return {"combined": values, "region": np.full((HEIGHT, WIDTH), 0.5, np.float32)}


def jpeg(height, width):
    return cv2.imencode(".jpg", np.full((height, width, 3), 200, np.uint8))[1].tobytes()


def unpack(text, shape, kind="<u1"):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).reshape(shape)


def test_a_view_carries_picture_label_and_the_weights_themselves(maps, label):
    picture = jpeg(HEIGHT, WIDTH)
    sent = view(picture, label, maps, CAMVID)
    assert (sent["width"], sent["height"]) == (WIDTH, HEIGHT)
    assert base64.b64decode(sent["jpeg"]) == picture
    assert np.array_equal(unpack(sent["label"], label.shape), label)
    assert [each["name"] for each in sent["maps"]] == ["combined", "region"]
    for each in sent["maps"]:
        weights = unpack(each["values"], label.shape, "<u2") * sent["scale"] / sent["steps"]
        assert np.allclose(weights, maps[each["name"]], atol=0.0003)
        assert each["mean"] == pytest.approx(maps[each["name"]][label != IGNORE].mean())
    assert [each["name"] for each in sent["classes"]] == list(CAMVID.classes)
    assert tuple(sent["classes"][3]["colour"]) == CAMVID.palette[3]


def test_a_view_carries_what_is_seen(maps, label):
    planted = np.zeros((HEIGHT, WIDTH), np.uint8)
    planted[0], planted[1] = 4, 11  # a wrong class, and a neon colour, which only looks odd
    areas = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 40
    cells = np.array([[0, 3, 3, 1], [2, 2, 0, 0], [1, 1, 1, 1]], np.uint8)
    reasons = FrameReasons(seen=cells, confidence=cells * 60, areas=areas, planted=planted)
    sent = view(jpeg(HEIGHT, WIDTH), label, maps, CAMVID, reasons, "Real images say")["reasons"]
    assert (sent["rows"], sent["columns"], sent["title"]) == (3, 4, "Real images see")
    assert np.array_equal(unpack(sent["seen"], cells.shape), cells)
    assert np.array_equal(unpack(sent["confidence"], cells.shape), cells * 60)
    stored = zlib.decompress(base64.b64decode(sent["areas"]))
    assert np.array_equal(np.frombuffer(stored, "<u2").reshape(areas.shape), areas)
    harm = unpack(sent["harm"], label.shape)
    assert (harm[0] == 4).all() and (harm[1:] == 0).all() and sent["kinds"][4] == "labelled as another class"
    assert view(jpeg(HEIGHT, WIDTH), label, maps, CAMVID)["reasons"] is None


def test_a_tile_is_small_and_keeps_label_and_weights(maps, label):
    weights = {name: np.kron(each, np.ones((100, 100), np.float32)) for name, each in maps.items()}
    label = np.kron(label, np.ones((100, 100), np.uint8))
    sent = tile(jpeg(600, 800), label, weights, width=256)
    assert unpack(sent["label"], (192, 256))[100, 100] == label[313, 313]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(sent["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
    assert (sent["height"], sent["width"]) == picture.shape[:2] == (192, 256)
    assert [each["name"] for each in sent["maps"]] == list(maps)
    for each in sent["maps"]:
        values = unpack(each["values"], (192, 256)) * sent["scale"] / sent["steps"]
        assert values[100, 100] == pytest.approx(weights[each["name"]][313, 313], abs=0.01)


def test_a_tile_passes_a_small_picture_on_as_it_is(maps, label):
    picture = jpeg(HEIGHT, WIDTH)
    assert base64.b64decode(tile(picture, label, maps)["jpeg"]) == picture


def test_a_damaged_picture_is_grey(maps, label):
    for sent in (tile(b"not a picture", label, maps), view(b"not a picture", label, maps, CAMVID)):
        drawn = cv2.imdecode(np.frombuffer(base64.b64decode(sent["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
        assert drawn.shape == (sent["height"], sent["width"], 3) and (drawn == 128).all()


def test_a_map_of_zeros_can_be_drawn(label):
    zeros = np.zeros((HEIGHT, WIDTH), np.float32)
    assert tile(jpeg(HEIGHT, WIDTH), label, {"combined": zeros})["scale"] == 1
    (sent,) = view(jpeg(HEIGHT, WIDTH), label, {"combined": zeros}, CAMVID)["maps"]
    assert (unpack(sent["values"], zeros.shape, "<u2") == 0).all()


def test_colours_are_those_of_the_pictures_in_a_run_folder():
    table = np.frombuffer(base64.b64decode(colour_table()), np.uint8).reshape(256, 3)
    for weight in (0.0, 0.5, 1.0, 1.7, 2.0):
        expected = weight_colours(np.full((1, 1), weight, np.float32))[0, 0]
        assert np.abs(table[int(weight / FULL_WEIGHT * 255)].astype(int) - expected).max() <= 3
    first, last = ("rgb({},{},{})".format(*table[i]) for i in (0, 255))
    assert f"linear-gradient(to right, {first}" in weight_legend() and f"{last})" in weight_legend()


def test_the_share_of_labelled_pixels_below_the_threshold_is_counted(maps, label):
    pairs = zip(maps["combined"].ravel(), label.ravel(), strict=True)
    assert share_below(maps["combined"], label, 0.6) == np.mean([w < 0.6 for w, c in pairs if c != IGNORE])
    assert share_below(maps["region"], label, 0.5) == 0
    assert share_below(maps["region"], label, 0.51) == 1
    assert share_below(maps["region"], np.full_like(label, IGNORE), 0.51) == 0


@pytest.mark.parametrize("box", [None, (0, 0, 5, 4), (2, 3, 8, 6)])
def test_an_area_is_counted_like_a_slow_loop(maps, label, box):
    left, top, right, bottom = box or (0, 0, WIDTH, HEIGHT)
    groups: dict[str, list[tuple[float, float]]] = {}
    for y in range(top, bottom):
        for x in range(left, right):
            name = "unlabelled" if label[y, x] == IGNORE else CAMVID.classes[label[y, x]]
            groups.setdefault(name, []).append((maps["combined"][y, x], maps["region"][y, x]))
    table = area_table(maps, label, CAMVID, box, threshold=0.6, level="combined").set_index("class")
    area = (right - left) * (bottom - top)
    assert set(table.index) == set(groups)
    assert list(table["pixels"]) == sorted(table["pixels"], reverse=True)
    for name, pairs in groups.items():
        combined, region = np.array(pairs).T
        row = table.loc[name]
        assert row["pixels"] == len(pairs) and row["share"] == pytest.approx(len(pairs) / area)
        assert row["below"] == pytest.approx(np.mean(combined < 0.6))
        assert row["combined"] == pytest.approx(combined.mean()) and row["region"] == pytest.approx(region.mean())


def test_bars_say_both_numbers_and_leave_absent_classes_out():
    html = class_bars({"Road": 1.5, "Car": 0.25}, {"Road": 1.1, "Sky": 0.9}, CAMVID)
    assert 'aria-label="1.50 in this frame, 1.10 on average over frames"' in html
    assert 'aria-label="0.25 in this frame"' in html
    assert "width:75.0%" in html and "Sky" not in html and f"rgb{CAMVID.palette[3]}" in html
    assert html.index("Road") < html.index("Car")
    assert 'aria-label="0.25 in the selected area"' in class_bars({"Car": 0.25}, {}, CAMVID, "the selected area")


def test_levels_have_bars_in_the_colour_of_their_weight_and_words():
    html = level_bars({"combined": 0.25, "region": 1.5})
    colour = tuple(weight_colours(np.full((1, 1), 1.5, np.float32))[0, 0].tolist())
    assert f"width:75.0%;background:rgb{colour}" in html and "width:12.5%" in html
    assert LEVELS["region"].about in html and "All levels combined" in html and "Pixel" not in html


def test_names_of_classes_are_not_markup():
    space = type(CAMVID)(name="own", classes=("<img src=x>", "b"), palette=((1, 2, 3), (4, 5, 6)))
    assert "<img" not in class_bars({"<img src=x>": 1.0}, {}, space)


def test_a_frame_in_words(maps, label):
    words = summary("000123", maps, label, {"Road": 1.5, "Car": 0.25}, LENS)
    assert words == (
        "Frame 000123: mean weight 1.23. 23.4 % of its pixels weigh less than 0.60 (all levels combined). "
        "Car weighs least (0.25), Road most (1.50)."
    )
    of_region = summary("000123", maps, label, {"Road": 1.5, "Car": 0.25}, replace(LENS, level="region"))
    assert of_region.endswith("Car weighs least on the map Region (0.25), Road most (1.50).")
