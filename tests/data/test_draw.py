import cv2
import numpy as np
import pytest
import yaml

from hrs.data.draw import class_frequency, class_presence, draw_real, rare_class_shares
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """40 images: class 0 in all, 1 in half of them, 2 in three, 3 in one alone, 4 in none."""
    root = tmp_path_factory.mktemp("draw")
    for name in ("images", "labels"):
        (root / name).mkdir()
    for i in range(40):
        label = np.zeros((6, 6), np.uint8)
        label[1, :3] = IGNORE
        label[2] = 1 if i % 2 else 0
        label[3] = 2 if i in (4, 9, 30) else 0
        label[4, 0] = 3 if i == 17 else 0
        cv2.imwrite(str(root / f"labels/{i:02d}.png"), label)
        cv2.imwrite(str(root / f"images/{i:02d}.png"), np.zeros((6, 6, 3), np.uint8))
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": {i: f"class {i}" for i in range(5)}}))
    return open_dataset(f"folder:{root}")


def ids(dataset):
    return [frame.id for frame in dataset.frames]


def test_presence_is_what_the_labels_hold(dataset):
    presence = class_presence(dataset)
    assert presence.shape == (40, 5)
    expected = [[c in dataset.read_label(i) for c in range(5)] for i in range(40)]
    assert presence.tolist() == expected
    assert presence.sum(axis=0).tolist() == [40, 20, 3, 1, 0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [3, 5, 12])
def test_every_class_that_occurs_is_drawn(dataset, seed, n):
    drawn = draw_real(dataset, n, seed=seed)
    assert len(drawn) == len(set(ids(drawn))) == n
    assert class_presence(drawn).any(axis=0).tolist() == [True, True, True, True, False]


def test_the_rarest_classes_come_first_where_not_all_can(dataset):
    assert all(ids(draw_real(dataset, 1, seed=seed)) == ["17"] for seed in range(5))


def test_a_draw_depends_on_its_seed_alone(dataset):
    draws = [tuple(ids(draw_real(dataset, 6, seed=seed))) for seed in (0, 0, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4
    assert all(list(draw) == sorted(draw) for draw in draws)


def test_what_covers_no_class_is_drawn_evenly(dataset):
    hits = np.zeros(40)
    for seed in range(60):
        hits[[int(name) for name in ids(draw_real(dataset, 10, seed=seed))]] += 1
    others = np.delete(hits, [4, 9, 17, 30])
    assert others.min() > 0 and abs(others.mean() - 60 * 8 / 36) < 2


def test_all_images_for_none_and_for_their_number(dataset):
    assert draw_real(dataset, None, seed=0) is dataset
    assert draw_real(dataset, 40, seed=0) is dataset


def test_more_images_than_there_are(dataset):
    with pytest.raises(HRSError, match=r"asks for 41 real images but .* has 40; ask for fewer"):
        draw_real(dataset, 41, seed=0)


def test_photos_without_labels_cannot_be_drawn_by_class(dataset):
    unlabelled = open_dataset(f"images:{dataset.spec.root / 'images'}")
    with pytest.raises(HRSError, match="has no labels"):
        draw_real(unlabelled, 3, seed=0)


def test_fewer_than_one_image_is_an_error(dataset):
    with pytest.raises(HRSError, match="at least 1"):
        draw_real(dataset, 0, seed=0)


def test_class_frequency_counts_labelled_pixels(frames):
    dataset = open_dataset(frames["target"])
    pixels = np.concatenate([dataset.read_label(i).ravel() for i in range(len(dataset))])
    expected = [(pixels == c).sum() / (pixels != IGNORE).sum() for c in range(len(dataset.space))]
    np.testing.assert_allclose(class_frequency(dataset), expected)
    assert class_frequency(dataset, most=2).sum() == pytest.approx(1)


def test_images_with_rare_classes_come_as_often_as_a_draw_of_classes_and_images_has_them(dataset):
    """By a slow loop: a class by frequency^-0.5, an image that holds it from a thousandth of its labelled pixels on."""
    labels = [dataset.read_label(i) for i in range(40)]
    weight = {c: sum((label == c).sum() for label in labels) ** -0.5 for c in range(4)}
    expected = np.zeros(40)
    for c, own in weight.items():
        holding = [i for i, label in enumerate(labels) if (label == c).sum() >= 0.001 * (label != IGNORE).sum() > 0]
        holding = [i for i in holding if (labels[i] == c).any()]
        for i in holding:
            expected[i] += own / sum(weight.values()) / len(holding)
    shares = rare_class_shares(dataset, 1.0)
    np.testing.assert_allclose(shares, 40 * expected)
    assert shares.argmax() == 17 and shares.mean() == pytest.approx(1)
    np.testing.assert_allclose(rare_class_shares(dataset, 0.25), 0.75 + 0.25 * shares)


def test_rare_classes_without_a_labelled_pixel_leave_all_images_alike(dataset, monkeypatch):
    monkeypatch.setattr("hrs.data.draw._class_pixels", lambda *_: np.zeros(5, np.int64))
    assert rare_class_shares(dataset, 1.0).tolist() == [1.0] * 40
