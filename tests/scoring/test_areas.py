"""Areas of a frame against a slow loop."""

import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.scoring import areas
from hrs.scoring.areas import NONE, find_areas, to_table
from hrs.scoring.reasons import FrameReasons

HEIGHT, WIDTH, CLASSES, STRIDE = 24, 32, 3, 4
HARMFUL, ODD = 4, 11


@pytest.fixture
def frame():
    """Label, regions cut along its borders, opinions at a quarter of the size, and a map."""
    rng = np.random.default_rng(3)
    label = rng.integers(0, CLASSES, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    label[:8, :8] = IGNORE
    coarse = np.resize(np.arange(24), (4, 6)).repeat(6, 0).repeat(6, 1)[:HEIGHT, :WIDTH]
    regions = np.unique(coarse * 256 + label, return_inverse=True)[1].reshape(label.shape).astype(np.int32)
    regions[-2:] = -1
    seen = rng.dirichlet(np.ones(CLASSES) * 0.5, (HEIGHT // STRIDE, WIDTH // STRIDE)).transpose(2, 0, 1)
    weights = rng.uniform(0.1, 1, label.shape).astype(np.float32)
    planted = np.where(rng.random(label.shape) < 0.4, HARMFUL, ODD).astype(np.uint8)
    return label, regions, seen.astype(np.float32), weights, planted


def slow_areas(label, regions, seen, least):
    """Pixels of every area with its label and what is seen there, the largest first."""
    likely = {}
    for region in set(regions.ravel()) - {-1}:
        places = np.argwhere(regions == region)
        likely[region] = np.mean([seen[:, y // STRIDE, x // STRIDE] for y, x in places], axis=0)
    kinds = {}
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if label[y, x] != IGNORE and regions[y, x] >= 0:
                kinds[y, x] = int(label[y, x]), int(likely[regions[y, x]].argmax())
    found, left = [], set(kinds)
    while left:
        start = min(left)
        area, edge = {start}, [start]
        while edge:
            y, x = edge.pop()
            for place in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if place in left - area and kinds[place] == kinds[start]:
                    area.add(place)
                    edge.append(place)
        left -= area
        sure = np.mean([likely[regions[place]].max() for place in area])
        found.append((sorted(area), *kinds[start], sure))
    return sorted((each for each in found if len(each[0]) >= least), key=lambda each: -len(each[0]))


@pytest.mark.parametrize("least", [1, 20])
def test_areas_are_those_of_a_slow_loop(frame, monkeypatch, least):
    label, regions, seen, weights, planted = frame
    monkeypatch.setattr(areas, "LEAST_SHARE", least / label.size)
    found = find_areas(7, label, regions, seen, {"combined": weights}, planted)
    expected = slow_areas(label, regions, seen, least)
    assert len(expected) > 3 and len(found.columns["row"]) == len(expected)
    table = to_table([found]).to_pydict()
    by_pixels = {tuple(map(tuple, np.argwhere(found.ids == number).tolist())): number for number in table["area"]}
    for places, given, sees, sure in expected:
        at = table["area"].index(by_pixels[tuple(places)])
        y, x = np.array(places).T
        assert table["row"][at] == 7 and table["pixels"][at] == len(places)
        assert (table["label"][at], table["seen"][at]) == (given, sees)
        assert table["confidence"][at] == pytest.approx(sure, abs=1e-6)
        assert table["combined"][at] == pytest.approx(weights[y, x].mean(), abs=1e-6)
        box = [table[side][at] for side in ("left", "top", "right", "bottom")]
        assert box == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert table["harm"][at] == pytest.approx((planted[y, x] == HARMFUL).mean(), abs=1e-6)
        assert table["planted"][at] == (HARMFUL if (planted[y, x] == HARMFUL).any() else 0)


def test_frames_of_which_nothing_is_known_stand_beside_those_of_which_it_is(frame):
    label, regions, seen, weights, planted = frame
    parts = [
        find_areas(row, label, regions, seen, {"combined": weights}, each) for row, each in enumerate((planted, None))
    ]
    for order in (parts, parts[::-1]):
        table = to_table(order)
        known = np.array(table["row"]) == 0
        for name in ("harm", "planted"):
            assert table[name].is_valid().to_numpy().tolist() == known.tolist()
        assert not table["combined"].null_count and known.any() and not known.all()


def test_a_frame_without_labels_has_no_area(frame):
    label, regions, seen, weights, _ = frame
    found = find_areas(0, np.full_like(label, IGNORE), regions, seen, {"combined": weights})
    assert (found.ids == NONE).all() and to_table([found]).num_rows == 0


def test_where_nothing_is_known_of_planted_departures_they_are_null(frame):
    label, regions, seen, weights, _ = frame
    table = to_table([find_areas(0, label, regions, seen, {"combined": weights})])
    assert table["harm"].null_count == table["planted"].null_count == table.num_rows > 0


@pytest.mark.parametrize("known", [True, False])
def test_reasons_come_back_as_they_were(frame, tmp_path, known):
    label, regions, seen, _, planted = frame
    ids = find_areas(0, label, regions, seen, {}).ids
    FrameReasons.of(seen, ids, planted if known else None).write(tmp_path / "a/0.npz")
    read = FrameReasons.read(tmp_path / "a/0.npz")
    assert np.array_equal(read.seen, seen.argmax(0)) and np.allclose(read.confidence / 255, seen.max(0), atol=0.002)
    assert np.array_equal(read.areas, ids) and read.areas.dtype == np.uint16
    assert np.array_equal(read.planted, planted) if known else read.planted is None


def test_damaged_reasons_are_one_line(tmp_path):
    path = tmp_path / "0.npz"
    np.savez_compressed(path, seen=np.zeros((2, 2), np.uint8), confidence=np.zeros((3, 2), np.uint8))
    for content in (path.read_bytes(), b"half a fi"):
        path.write_bytes(content)
        with pytest.raises(HRSError, match=r"0\.npz cannot be read .*score the run again"):
            FrameReasons.read(path)
