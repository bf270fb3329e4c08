import cv2
import numpy as np
import pytest
import torch

from hrs.config import load_config
from hrs.errors import HRSError
from hrs.trial import trial
from hrs.trial.findings import ALIKE, PHOTOS, surely
from hrs.trial.trial import run_trial, small
from tests.conftest import tiny_config, write_frames


@pytest.fixture(scope="module")
def town(tmp_path_factory, frames):
    """Photos, frames like them, and frames whose roads and cars are labelled as each other."""
    root = tmp_path_factory.mktemp("town")
    found = {name: write_frames(root / name, 16, seed=seed) for name, seed in (("photos", 5), ("good", 6), ("bad", 7))}
    for file in (root / "bad/labels").iterdir():
        label = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(file), np.array([1, 0, 3, 2], np.uint8)[label])
    return {**frames, **{name: f"folder:{each}" for name, each in found.items()}}


def config(town, *sources, **settings):
    names = ", ".join(f'"{town[each]}"' for each in sources)
    more = [f"{key.replace('__', '.')}={value}" for key, value in settings.items()]
    return tiny_config({**town, "target": town["photos"]}, f"data.sources=[{names}]", "data.n_real=12", *more)


def test_frames_with_wrong_labels_are_found_to_cost(town):
    torch.set_num_threads(1)
    calls = []
    found = run_trial(config(town, "good", "bad"), steps=40, progress=lambda *each: calls.append(each))
    over = {way.name: way.over.get(PHOTOS) for way in found.ways}
    assert surely(over[f"only {town['bad']}"]) == -1
    assert surely(over[f"only {town['good']}"]) > -1
    assert over[f"only {town['bad']}"].mean < over[ALIKE].mean < over[f"only {town['good']}"].mean
    assert (found.photos, found.learned, found.folds) == (12, 9, 5)
    assert (found.frames, found.frames_there, found.size) == (32, 32, (48, 64))
    assert calls[-1][0] == calls[-1][1] == len(calls) == 12 * 2 + 32 + 6 * 5 * 40


def test_no_photo_is_judged_by_a_network_that_learned_from_it(town, monkeypatch):
    learned, judged = [], []

    def train(config, classes, real, source, device, *, after):
        learned.append(set(real.image.tolist()))

    def judge(network, views, classes, device):
        judged.append(set(views.image.tolist()))
        return np.ones((len(views), classes, classes), np.int64)

    monkeypatch.setattr(trial, "train", train)
    monkeypatch.setattr(trial, "judge", judge)
    run_trial(config(town, "good"), steps=1)
    assert len(learned) == len(judged) == 4 * 5
    assert all(own | held == set(range(12)) and not own & held for own, held in zip(learned, judged, strict=True))
    assert sorted(i for held in judged[:5] for i in held) == list(range(12))


def test_the_same_seed_finds_the_same(town):
    torch.set_num_threads(1)
    first, second = (run_trial(config(town, "good"), steps=2, count=2) for _ in range(2))
    assert first == second


def test_a_large_run_is_tried_small_and_a_small_one_as_it_is(frames):
    large = small(tiny_config(frames, "data.height=512", "data.width=1024"), 100)
    assert (large.data.height, large.data.width, large.train.steps) == (96, 192, 100)
    assert small(tiny_config(frames), 6).data.height == 48


def test_another_networks_rates_are_not_the_trials(frames):
    given = tiny_config(frames, "network.name=segformer-b2", "train.learning_rate=6e-5", "train.source_schedule=cosine")
    tried = small(given, 100)
    assert (tried.train.learning_rate, tried.train.source_schedule) == (2e-3, "cosine")
    assert tried.train.batch_source == given.train.batch_source and tried.selection == given.selection


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"data__n_real": 1}, "of 1 photos .* 1 can be read and have labels: raise data.n_real"),
        ({"train__source_weight": 0}, "train.source_weight is 0"),
        ({"data__sources": "[]", "method": "target_only"}, "data.sources is empty"),
    ],
)
def test_what_cannot_be_tried_is_said(town, settings, wrong):
    with pytest.raises(HRSError, match=wrong):
        run_trial(config(town, "good", **settings), steps=2)


def test_photos_with_nothing_labelled_are_left_aside(town, tmp_path):
    root = write_frames(tmp_path / "sparse", 6, seed=9)
    for name in ("001", "004"):
        cv2.imwrite(str(root / f"labels/{name}.png"), np.full((48, 64), 255, np.uint8))
    found = run_trial(config({**town, "photos": f"folder:{root}"}, "good", data__n_real="null"), steps=1)
    assert (found.photos, found.folds) == (4, 4)
    assert all(np.isfinite(way.miou) for way in found.ways)


def test_photos_that_share_no_class_judge_nothing(town, tmp_path):
    root = write_frames(tmp_path / "apart", 2, seed=9)
    for label, name in enumerate(("000", "001")):
        cv2.imwrite(str(root / f"labels/{name}.png"), np.full((48, 64), label, np.uint8))
    with pytest.raises(HRSError, match=f"no class of folder:{root} is in two of the 2 parts"):
        run_trial(config({**town, "photos": f"folder:{root}"}, "good", data__n_real="null"), steps=1)


def test_frames_that_say_nothing_are_refused_as_in_training(town, tmp_path):
    root = write_frames(tmp_path / "blank", 3, seed=9)
    for file in (root / "labels").iterdir():
        cv2.imwrite(str(file), np.full((48, 64), 255, np.uint8))
    with pytest.raises(HRSError, match="no pixel of its labels has a class"):
        run_trial(config({**town, "good": f"folder:{root}"}, "good"), steps=1)


def test_each_source_is_tried_by_its_share_of_all(town, monkeypatch):
    monkeypatch.setattr(trial, "MOST_FRAMES", 8)
    found = run_trial(config(town, "good", "source"), steps=1)  # 16 and 12 frames
    assert (found.frames, found.frames_there) == (8, 28)


def test_the_same_source_twice_counts_twice(town):
    found = run_trial(config(town, "good", "good"), steps=1)
    assert (len(found.ways), found.frames) == (4, 32)


def test_one_photo_a_step_of_one_cell_is_made_two(town):
    tiny = {"data__height": 32, "data__width": 32, "train__batch_target": 1}
    assert run_trial(config(town, "good", **tiny), steps=1).size == (32, 32)


def test_a_long_strip_is_tried_as_a_strip():
    strip = small(load_config({"data": {"height": 32, "width": 4096}}), 9).data
    assert strip.height * strip.width <= trial.MOST_PIXELS and strip.height == 32


def test_neighbours_by_name_stay_together():
    ids = [f"{drive}/{i}" for drive in ("b", "a") for i in range(5)]
    assert trial.neighbours(ids, 2) == [[5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]
    assert [len(part) for part in trial.neighbours(ids, 4)] == [3, 3, 2, 2]
    assert trial.neighbours(["c", "a", "b"], 9) == [[1], [2], [0]]


def test_frames_keep_their_own_colours_and_that_is_said(town):
    """The photos' colours would tell of those that are judged on."""
    own, styled = (run_trial(config(town, "good", data__style=style), steps=2, count=2) for style in ("own", "photos"))
    assert [way.miou for way in own.ways] == [way.miou for way in styled.ways]
    assert len(styled.notes) == len(own.notes) + 1 and "keep their own colours" in " ".join(styled.notes)
