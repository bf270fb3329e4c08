"""Intervals over seeds and drives: what is counted, what is paired, and how wide they are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from benchmarks.counts import Counts, by_image, read_all
from benchmarks.drives import compare, differences, holm, main
from benchmarks.pairs import Key
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix, iou
from hrs.labels import IGNORE

JOINT = Key(source="frames", n_real="20", length="8", place="north", arm="joint")
HRS = JOINT._replace(arm="hrs")
IMAGES = np.array([f"val/{drive}_{i}" for drive in ("001", "002", "007") for i in range(2)])


def run(key, seed, right):
    """Two classes, of 100 pixels an image each; ``right``: how many of each class are seen as they are."""
    right = np.broadcast_to(right, len(IMAGES))
    matrices = np.array([[[r, 100 - r], [100 - r, r]] for r in right])
    return Counts(key=key, seed=seed, images=IMAGES, matrices=matrices)


def test_pixels_are_counted_image_by_image_as_the_confusion_matrix_does():
    rng = np.random.default_rng(0)
    labels, seen = rng.integers(0, 3, (4, 5, 6)), rng.integers(0, 4, (4, 5, 6))
    labels[0, 0] = IGNORE
    found, whole = by_image(zip(labels, seen, strict=True), 5), ConfusionMatrix(5)
    whole.update(seen, labels)
    np.testing.assert_array_equal(found.sum(axis=0), whole.matrix)
    np.testing.assert_allclose(iou(found.sum(axis=0)), whole.iou())
    assert np.isnan(iou(found.sum(axis=0))[4])
    np.testing.assert_allclose(iou(found)[2], iou(found[2]))


def test_counts_come_back_from_their_file(tmp_path):
    own = run(HRS, 3, 80)
    own.write(tmp_path)
    (back,) = read_all(tmp_path)
    assert back.key == HRS and back.seed == 3 and list(back.images) == list(IMAGES)
    np.testing.assert_array_equal(back.matrices, own.matrices)
    with pytest.raises(HRSError, match="has no counts"):
        read_all(tmp_path / "none")


def test_where_all_drives_are_alike_the_interval_is_that_of_the_seeds():
    joint, hrs = [60, 60, 60], [62, 63, 61]
    found = compare([run(HRS, i, r) for i, r in enumerate(hrs)], [run(JOINT, i, r) for i, r in enumerate(joint)])
    by_hand = [100 * r / (200 - r) - 100 * 60 / 140 for r in hrs]  # r of 200 - r pixels of either class
    known = ttest_1samp(by_hand, 0)
    low, high = known.confidence_interval(0.95)
    assert found.arm - found.against == pytest.approx(np.mean(by_hand))
    assert found.half == pytest.approx((high - low) / 2) and found.chance == pytest.approx(known.pvalue)
    assert (found.seeds, found.drives) == (3, 3)


def test_images_of_one_drive_stand_and_fall_together():
    """A gain on one drive of three; the variance over drives is that of drawing drives, not images."""
    gain = np.array([30, 30, 0, 0, 0, 0])
    found = compare([run(HRS, i, 60 + gain) for i in range(2)], [run(JOINT, i, 60) for i in range(2)])
    rng = np.random.default_rng(1)

    def drawn():
        right = np.mean(60 + gain[::2][rng.integers(0, 3, 3)])
        return 100 * right / (200 - right)

    spread = np.std([drawn() for _ in range(20_000)]) * (3 / 2) ** 0.5  # three drives about the mean of all
    assert found.half == pytest.approx(spread * 4.303, rel=0.05)  # t(0.975) of two degrees of freedom
    assert found.chance > 0.2


def test_many_drives_never_make_it_narrower_than_over_seeds_alone():
    images = np.array([f"val/{drive:03}_0" for drive in range(40)])

    def wide(key, seed, right):
        right = np.broadcast_to(right, len(images))
        return Counts(
            key=key, seed=seed, images=images, matrices=np.array([[[r, 100 - r], [100 - r, r]] for r in right])
        )

    rng = np.random.default_rng(0)
    gains = [4 + rng.integers(-8, 9, len(images)), 7 + rng.integers(-8, 9, len(images))]
    hrs, joint = [wide(HRS, i, 60 + gain) for i, gain in enumerate(gains)], [wide(JOINT, i, 60) for i in range(2)]
    found = compare(hrs, joint)
    by_seed = [100 * np.mean(60 + gain) / (200 - np.mean(60 + gain)) - 100 * 60 / 140 for gain in gains]
    known = ttest_1samp(by_seed, 0)
    assert found.half == pytest.approx(np.ptp(known.confidence_interval(0.95)) / 2)
    assert found.chance == pytest.approx(known.pvalue)


def test_only_the_same_seeds_of_one_setting_are_compared():
    runs = [run(HRS, s, 62 + s) for s in (0, 1, 2)] + [run(JOINT, s, 60) for s in (1, 2, 3)]
    runs += [run(JOINT._replace(n_real="5"), s, 90) for s in (0, 1)]
    (only,) = differences(runs, "hrs", "joint").items()
    assert only[0] == HRS and only[1].seeds == 2 and only[1].arm == pytest.approx(100 * (63 / 137 + 64 / 136) / 2)


def test_photos_alone_stand_beside_every_source():
    photos = [run(JOINT._replace(arm="photos"), s, 50) for s in (0, 1)]
    others = [run(HRS._replace(source="others"), s, 60 + s) for s in (0, 1)]
    assert list(differences([*photos, *others], "hrs", "photos")) == [HRS._replace(source="others")]


def test_runs_on_other_images_are_refused():
    other = Counts(key=JOINT, seed=0, images=IMAGES[::-1], matrices=run(JOINT, 0, 60).matrices)
    with pytest.raises(HRSError, match="different images"):
        compare([run(HRS, 0, 60)] * 2, [other] * 2)
    with pytest.raises(HRSError, match="1 seeds and 3 drives"):
        compare([run(HRS, 0, 60)], [run(JOINT, 0, 60)])
    one = [replace(run(HRS, i, 60), images=np.array([f"val/001_{j}" for j in range(6)])) for i in range(2)]
    with pytest.raises(HRSError, match="2 seeds and 1 drives"):
        compare(one, one)


def test_an_interval_over_few_drives_is_said_to_be_rough(tmp_path, monkeypatch, capsys):
    for seed in range(2):
        run(HRS, seed, 62 + seed).write(tmp_path)
        run(JOINT, seed, 60).write(tmp_path)
    monkeypatch.setattr("sys.argv", ["drives", str(tmp_path)])
    main()
    assert "With 3 drives these intervals are rough" in capsys.readouterr().out


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0]) and holm([]) == []
