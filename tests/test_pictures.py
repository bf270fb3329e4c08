from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from hrs.labels import CAMVID, IGNORE, LabelSpace
from hrs.pictures import (
    FULL_WEIGHT,
    cells,
    label_png,
    prediction_sheet,
    sheet,
    weigh_picture,
    weight_bar,
    weight_colours,
    weight_legend,
    weight_sheet,
    weight_stops,
    write_picture,
)


def test_weight_colours_part_at_1_and_saturate():
    weights = np.linspace(0, 2 * FULL_WEIGHT, 81, dtype=np.float32)[None]
    colours = weight_colours(weights)[0].astype(float)
    low, middle, high = colours[:20], colours[20], colours[21:41]
    assert weights[0, 20] == 1 and np.ptp(middle) <= 2
    assert (low[:, 0] > low[:, 2] + 5).all() and (high[:, 2] > high[:, 0] + 5).all()
    brightness = colours @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness[:21]) > 0).all() and (np.diff(brightness[20:41]) < 0).all()
    assert (colours[40:] == colours[-1]).all()


def test_weights_over_a_picture_are_those_of_a_slow_loop():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (6, 7, 3), np.uint8)
    weights = rng.uniform(0, 2.5, (6, 7)).astype(np.float32)
    for opacity, threshold in ((0.0, 0.0), (0.3, 0.0), (0.6, 0.9), (1.0, 3.0)):
        shown = weigh_picture(picture, weights, opacity=opacity, threshold=threshold)
        for y in range(6):
            for x in range(7):
                grey = picture[y, x] @ np.array([0.299, 0.587, 0.114])
                base = picture[y, x] + min(1, 2 * opacity) * (grey - picture[y, x])
                colour = weight_colours(weights[y : y + 1, x : x + 1])[0, 0]
                expected = base + opacity * (colour - base)
                if weights[y, x] < threshold:
                    beside = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
                    inside = [place for place in beside if 0 <= place[0] < 6 and 0 <= place[1] < 7]
                    edge = any(weights[place] >= threshold for place in inside)
                    expected = np.full(3, 255 if edge else 0.35 * grey + 0.65 * 16)
                assert np.abs(shown[y, x] - expected).max() <= 0.51, (opacity, threshold, y, x)


def test_the_legend_has_the_colours_of_the_weights():
    stops = weight_stops(5)
    assert stops[2] == "rgb({},{},{})".format(*weight_colours(np.ones((1, 1), np.float32))[0, 0])
    assert ", ".join(weight_stops()) in weight_legend()
    assert (weight_bar(400) == weight_colours(np.full((1, 1), FULL_WEIGHT, np.float32))[0, 0]).all(axis=2).any()


def test_predictions_beside_labels_with_ignored_pixels_black():
    image = np.full((30, 40, 3), 200, np.uint8)
    label = np.zeros((30, 40), np.uint8)
    label[:, 20:] = IGNORE
    sheet = prediction_sheet([(image, label, np.full((30, 40), 3, np.uint8))], CAMVID, width=40)
    body = sheet[-30:]
    assert sheet.shape[1] == 120
    assert (body[:, :40] == 200).all()
    assert (body[:, 40:60] == CAMVID.palette[0]).all()
    assert (body[:, 80:100] == CAMVID.palette[3]).all()
    assert (body[:, 60:80] == 0).all() and (body[:, 100:] == 0).all()


def test_a_sheet_is_taken_apart_again():
    rows = [[np.full((30, 40, 3), 10 * row + column, np.uint8) for column in range(3)] for row in range(2)]
    parts = cells(sheet(rows, ["a", "b", "c"], width=40), 2, 3)
    for made, found in zip(rows, parts, strict=True):
        assert all((a == b).all() for a, b in zip(made, found, strict=True))


def test_weight_sheet_shows_the_levels_there_are(tmp_path):
    frame, label = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint8)
    maps = {"combined": np.ones((30, 40), np.float32), "region": np.zeros((30, 40), np.float32)}
    sheet = weight_sheet([(frame, label, maps)] * 2, CAMVID, width=40)
    assert sheet.shape[1] == 4 * 40
    assert sheet.shape[0] > 2 * 30 + 40  # the legend is below
    write_picture(tmp_path / "new" / "sheet.png", sheet)
    assert np.array_equal(cv2.imread(str(tmp_path / "new" / "sheet.png"))[..., ::-1], sheet)


@pytest.mark.parametrize("count", [2, 3, 5, 11, 200])
def test_a_label_png_holds_every_id_and_that_of_no_class(count):
    space = LabelSpace(name="some", classes=tuple(map(str, range(count))), palette=((9, 8, 7),) * count)
    for ids in ([0, count - 1], [0, count - 1, IGNORE]):
        label = np.array([ids, ids], np.uint8)
        with Pillow.open(BytesIO(label_png(label, space))) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(np.asarray(picture), label)
            assert picture.convert("RGB").getpixel((0, 0)) == (9, 8, 7)
