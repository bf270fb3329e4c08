"""The Plotly figure of a frame, against the arrays it was made from."""

import base64

import cv2
import numpy as np
import pytest

from app.figures.maps import Lens
from app.figures.plotly_maps import COLUMNS, weight_figure
from hrs.labels import CAMVID, IGNORE, LabelSpace
from hrs.pictures import weigh_picture, weight_stops
from hrs.system.images import decode_rgb

LENS = Lens(level="combined", opacity=0.5, threshold=0.6)


def maps_of(height, width):
    values = np.linspace(0, 2.4, height * width, dtype=np.float32).reshape(height, width)
    return {"combined": values, "pixel": values[::-1].copy(), "image": np.full_like(values, 0.7)}


def test_every_map_lies_over_the_picture_and_tells_class_and_weight():
    label = np.zeros((6, 8), np.uint8)
    label[3:], label[0, 0] = 3, IGNORE
    photo = cv2.imencode(".jpg", np.full((6, 8, 3), 90, np.uint8))[1].tobytes()
    maps = maps_of(6, 8)
    figure = weight_figure(photo, label, maps, CAMVID, LENS)
    assert [title.text for title in figure.layout.annotations] == ["All levels combined", "Pixel", "Image"]
    for trace, name in zip(figure.data, maps, strict=True):
        shown = np.array(trace.z, float)
        np.testing.assert_allclose(shown, maps[name], atol=5e-4)
        assert (trace.text[0][0], trace.text[0][1], trace.text[5][7]) == ("no label", "Sky", "Road")
        assert (trace.opacity, trace.zmin, trace.zmax) == (0, 0, 2)
        assert [colour for _, colour in trace.colorscale] == weight_stops()
    assert len(figure.layout.images) == 3
    picture = figure.layout.images[0]
    drawn = decode_rgb(base64.b64decode(picture.source.split(",")[1]))
    assert np.array_equal(drawn, weigh_picture(decode_rgb(photo), maps["combined"], opacity=0.5, threshold=0.6))
    assert (picture.sizex, picture.sizey, tuple(figure.layout.yaxis.range)) == (8, 6, (6, 0))
    assert all(axis.matches == "x" for axis in figure.select_xaxes())


@pytest.mark.parametrize("width", [COLUMNS, 3 * COLUMNS + 1])
def test_large_maps_are_drawn_from_every_so_many_pixels(width):
    figure = weight_figure(b"", np.full((40, width), IGNORE, np.uint8), maps_of(40, width), CAMVID, LENS)
    trace = figure.data[0]
    assert len(trace.z[0]) <= COLUMNS and trace.dx * len(trace.z[0]) == pytest.approx(width, abs=trace.dx)
    assert trace.text[0][0] == "no label"


def test_names_of_classes_are_read_as_they_stand():
    space = LabelSpace(name="yard", classes=("<void>", "car"), palette=((0, 0, 0), (9, 9, 9)))
    figure = weight_figure(b"", np.zeros((6, 8), np.uint8), maps_of(6, 8), space, LENS)
    assert figure.data[0].text[0][0] == "&lt;void&gt;"
