import cv2
import numpy as np
import pytest
import torch

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
    assert surely(over[f"{town['bad']} alone"]) == -1
    assert surely(over[f"{town['good']} alone"]) > -1
    assert over[f"{town['bad']} alone"].mean < over[ALIKE].mean < over[f"{town['good']} alone"].mean
    assert (found.photos, found.units, found.folds, found.frames, found.size) == (12, 12, 4, 32, (48, 64))
    assert calls[-1][0] == calls[-1][1] == len(calls) == 12 * 2 + 32 + 6 * 4 * 40


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
    assert len(learned) == len(judged) == 4 * 4
    assert all(own | held == set(range(12)) and not own & held for own, held in zip(learned, judged, strict=True))
    assert sorted(i for held in judged[:4] for i in held) == list(range(12))


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
        ({"data__n_real": 1}, "raise data.n_real to 2"),
        ({"data__sources": "[]", "method": "target_only"}, "data.sources is empty"),
    ],
)
def test_what_cannot_be_tried_is_said(town, settings, wrong):
    with pytest.raises(HRSError, match=wrong):
        run_trial(config(town, "good", **settings), steps=2)
