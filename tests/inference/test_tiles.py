import itertools
import math

import numpy as np
import pytest
import torch

from hrs.inference.tiles import CELL, blend, decide, plan
from hrs.networks.segmenter import upsample

TRAINING = (144, 192)


@pytest.mark.parametrize("photo", [(360, 480), (144, 192), (3000, 4000), (40, 60), (480, 600), (400, 600)])
def test_photos_of_about_the_training_shape_are_squeezed_into_it(photo):
    assert plan(photo, TRAINING).size == TRAINING
    assert plan(photo, TRAINING).whole


@pytest.mark.parametrize("photo", [(4000, 3000), (720, 1280), (1000, 1000), (1080, 1920)])
def test_other_shapes_are_about_kept_at_the_training_area(photo):
    made = plan(photo, (360, 480))
    assert made.whole and math.prod(made.size) == pytest.approx(360 * 480, rel=0.06)
    assert made.size[0] / made.size[1] == pytest.approx(photo[0] / photo[1], rel=0.06)


@pytest.mark.parametrize("photo", [(270, 480), (1080, 1920), (4000, 3000), (1000, 1000), (1000, 3000)])
@pytest.mark.parametrize("training", [TRAINING, (360, 480)])
def test_other_shapes_fit_the_grid_of_every_network(photo, training):
    made = plan(photo, training)
    assert all(side % 32 == 0 for side in (*made.size, *made.tile))


def test_a_panorama_shows_things_as_large_as_a_photo():
    made = plan((1000, 3000), TRAINING)
    assert made.size == (160, 448) and made.tile == (160, 192)


@pytest.mark.parametrize(
    ("photo", "zoom"),
    [((1000, 6000), 1), ((6000, 1000), 1), ((360, 480), 2), ((3, 9000), 1), ((9000, 1), 1), ((1, 3), 1)],
)
@pytest.mark.parametrize("training", [TRAINING, (512, 1024), (32, 32), (33, 70)])
def test_tiles_cover_everything_and_work_is_bounded(photo, zoom, training):
    made = plan(photo, training, zoom=zoom)
    area = math.prod(made.size)
    assert area <= 20 * zoom**2 * math.prod(training) + 64 * 64
    seen = torch.zeros(made.size)
    for top, left in made.corners:
        assert top + made.tile[0] <= made.size[0] and left + made.tile[1] <= made.size[1]
        seen[top : top + made.tile[0], left : left + made.tile[1]] += 1
    assert seen.min() >= 1
    assert seen.sum() <= 4 * area
    assert min(made.size) >= 32


def test_neighbouring_tiles_overlap():
    made = plan((1000, 6000), TRAINING)
    lefts = [left for _, left in made.corners]
    assert len(lefts) > 2 and all(b - a < made.tile[1] for a, b in itertools.pairwise(lefts))


def test_blending_tiles_of_one_picture_gives_the_picture():
    made = plan((1000, 4000), TRAINING)
    whole = torch.randn(3, made.size[0] // CELL, made.size[1] // CELL)
    high, wide = (side // CELL for side in made.tile)
    cut = (((y, x), whole[:, y // CELL :, x // CELL :][:, :high, :wide]) for y, x in made.corners)
    torch.testing.assert_close(blend(cut, made), whole)


def test_a_seam_is_a_ramp_not_a_step():
    made = plan((1000, 4000), TRAINING)
    high, wide = (side // CELL for side in made.tile)
    pieces = ((corner, torch.full((1, high, wide), float(i))) for i, corner in enumerate(made.corners))
    steps = blend(pieces, made).diff(dim=2).abs()
    assert steps.max() < 0.25


@pytest.mark.parametrize("size", [(70, 90), (48, 64), (131, 33), (12, 16), (5, 3), (1, 1)])
def test_the_answer_is_that_of_upsample_softmax_and_argmax(size):
    logits = 3 * torch.randn(5, 12, 16, generator=torch.Generator().manual_seed(0))
    full = upsample(logits.unsqueeze(0), size)[0].softmax(dim=0)
    labels, confidence = decide(logits, size)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, full.argmax(dim=0))
    np.testing.assert_allclose(confidence, full.amax(dim=0), rtol=1e-5)
