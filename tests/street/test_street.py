"""The built-in street: what a frame is, what is planted in it, and that it depends on its arguments alone."""

import hashlib
import json
import multiprocessing
import subprocess
import weakref
from concurrent.futures import ProcessPoolExecutor
from dataclasses import FrozenInstanceError
from functools import cache

import numpy as np
import pytest

from hrs import street
from hrs.errors import HRSError
from hrs.street import frame as frame_module
from hrs.street import gl
from hrs.street.camera import photograph
from hrs.street.departures import Planted, Planting, alter_labels
from hrs.street.domains import Cls
from hrs.street.stage import Stage

SMALL = {"height": 120, "width": 160}
KINDS = {kind.name: kind for kind in street.DEPARTURES}

needs_gl = pytest.mark.skipif(not street.can_render(), reason="no OpenGL on this machine")


@pytest.fixture(scope="module")
def frames() -> dict[str, list[street.RenderedFrame]]:
    return {d: [street.render_frame(d, seed=0, index=i, **SMALL) for i in range(24)] for d in ("synthetic", "camera")}


def digest(domain: street.Domain, index: int) -> str:
    frame = street.render_frame(domain, seed=1, index=index, **SMALL)
    told = json.dumps(frame.info).encode()
    return hashlib.sha256(frame.image.tobytes() + frame.label.tobytes() + frame.planted.tobytes() + told).hexdigest()


@needs_gl
@pytest.mark.parametrize("domain", ["synthetic", "camera"])
def test_arrays_have_the_promised_shapes_and_values(frames, domain):
    for frame in frames[domain]:
        assert frame.image.shape == (120, 160, 3) and frame.label.shape == frame.planted.shape == (120, 160)
        assert frame.image.dtype == frame.label.dtype == frame.planted.dtype == np.uint8
        assert frame.label.max() < len(street.CLASS_NAMES)
        assert set(np.unique(frame.planted)) <= {0, *(kind.id for kind in street.DEPARTURES)}
        json.dumps(frame.info)


@needs_gl
@pytest.mark.parametrize("domain", ["synthetic", "camera"])
def test_every_class_appears_and_streets_are_made_mostly_of_road_building_and_sky(frames, domain):
    counts = sum(np.bincount(f.label.ravel(), minlength=len(street.CLASS_NAMES)) for f in frames[domain])
    share = counts / counts.sum()
    assert (counts > 0).all(), dict(zip(street.CLASS_NAMES, counts, strict=True))
    assert 0.2 < share[Cls.ROAD] < 0.45 and 0.12 < share[Cls.BUILDING] < 0.4 and 0.06 < share[Cls.SKY] < 0.3


@needs_gl
def test_the_camera_domain_is_clean(frames):
    assert all(not f.planted.any() and f.info["departures"] == [] for f in frames["camera"])


@needs_gl
def test_the_synthetic_domain_plants_both_sorts_and_leaves_some_frames_alone(frames):
    planted = np.stack([f.planted for f in frames["synthetic"]])
    assert 0.08 < street.harmful_mask(planted).mean() < 0.3
    assert 0.08 < street.odd_mask(planted).mean() < 0.35
    assert (planted == 0).all(axis=(1, 2)).sum() >= 3


@needs_gl
def test_info_counts_the_planted_pixels(frames):
    for frame in frames["synthetic"]:
        told = {entry["id"]: entry["pixels"] for entry in frame.info["departures"]}
        ids, counts = np.unique(frame.planted[frame.planted > 0], return_counts=True)
        assert told == dict(zip(ids.tolist(), counts.tolist(), strict=True))


@needs_gl
def test_sky_is_above_and_road_below(frames):
    labels = np.stack([f.label for f in frames["camera"]])
    assert (labels[:, -8:] == Cls.ROAD).mean() > 0.6
    assert (labels[:, 80:] == Cls.SKY).mean() < 0.01


@needs_gl
def test_drawing_order_does_not_matter():
    first = [digest("synthetic", i) for i in (2, 5)]
    digest("camera", 3)
    assert [digest("synthetic", i) for i in (5, 2)] == first[::-1]


@needs_gl
def test_another_process_draws_the_same_frame():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        elsewhere = [pool.submit(digest, domain, 4).result() for domain in ("synthetic", "camera")]
    assert elsewhere == [digest("synthetic", 4), digest("camera", 4)]


@needs_gl
def test_seed_and_index_and_domain_all_matter():
    def image(domain, seed, index):
        return street.render_frame(domain, seed=seed, index=index, **SMALL).image.tobytes()

    assert (
        len({image("synthetic", 0, 0), image("synthetic", 1, 0), image("synthetic", 0, 1), image("camera", 0, 0)}) == 4
    )


def region(kind: str, thing: int, **values) -> Planting:
    item = {"wrong": int(Cls.BUILDING), "shift": (3, 0), "tone": (1.0, 0.0, 0.0)} | values
    return Planting(
        regions=(Planted(kind=KINDS[kind], thing=thing, **item),), frame=None, tone=(1.0, 1.0, 1.0), pairs=()
    )


@pytest.fixture
def toy():
    """A car (object 2) of 2 x 2 pixels on a road (object 1) under the sky (object 0)."""
    objects = np.ones((8, 10), np.uint16)
    objects[:3] = 0
    objects[4:6, 2:4] = 2
    truth = np.array([Cls.SKY, Cls.ROAD, Cls.CAR], np.uint8)[objects]
    return truth, objects


def test_a_wrong_class_covers_the_object_and_nothing_else(toy):
    truth, objects = toy
    label, planted, told = alter_labels(region("labelled as another class", 2), truth, objects, None)
    assert (label[objects == 2] == Cls.BUILDING).all() and (label[objects != 2] == truth[objects != 2]).all()
    assert ((planted > 0) == (objects == 2)).all()
    assert told["departures"][0]["pixels"] == 4 and told["departures"][0]["harmful"]


def test_an_erased_object_takes_the_label_around_it(toy):
    truth, objects = toy
    label, planted, _ = alter_labels(region("label erased", 2), truth, objects, None)
    assert (label[objects == 2] == Cls.ROAD).all()
    assert (street.harmful_mask(planted) == (objects == 2)).all()


def test_a_shifted_label_is_harmful_where_it_left_and_where_it_went(toy):
    truth, objects = toy
    label, planted, _ = alter_labels(region("label shifted", 2), truth, objects, None)
    assert (label[4:6, 2:4] == Cls.ROAD).all() and (label[4:6, 5:7] == Cls.CAR).all()
    assert ((label != truth) == (planted == KINDS["label shifted"].id)).all()


def test_odd_looks_keep_the_label(toy):
    truth, objects = toy
    label, planted, _ = alter_labels(region("flat colour", 1), truth, objects, None)
    assert (label == truth).all()
    assert (street.odd_mask(planted) == (objects == 1)).all() and not street.harmful_mask(planted).any()


@pytest.mark.parametrize("name", ["label of another frame", "label mirrored", "classes swapped"])
def test_frame_departures_are_marked_only_where_the_label_is_false(toy, name):
    truth, objects = toy
    other = np.full_like(truth, Cls.ROAD)
    pairs = ((int(Cls.ROAD), int(Cls.SKY)),)
    plan = Planting(regions=(), frame=KINDS[name], tone=(1.0, 1.0, 1.0), pairs=pairs)
    label, planted, told = alter_labels(plan, truth, objects, other)
    assert (label != truth).any() and ((label != truth) == (planted == KINDS[name].id)).all()
    assert told["harmful_frame"] is True


def test_departures_are_distinct_frozen_records():
    assert len({kind.id for kind in street.DEPARTURES}) == len(street.DEPARTURES)
    assert all(1 <= kind.id < 128 and kind.level in ("region", "frame") for kind in street.DEPARTURES)
    with pytest.raises(FrozenInstanceError):
        street.DEPARTURES[0].harmful = False


def test_masks_split_the_planted_ids_in_two():
    ids = np.array([0, *(kind.id for kind in street.DEPARTURES)], np.uint8)
    assert (street.harmful_mask(ids) ^ street.odd_mask(ids)).tolist() == [False] + [True] * len(street.DEPARTURES)


def test_the_lens_bends_label_and_picture_alike():
    label = np.zeros((90, 120), np.uint8)
    label[20:70, 30:100] = 3
    picture = np.repeat((label > 0).astype(np.float32)[..., None] * 0.6 + 0.02, 3, axis=2)
    for seed in range(5):
        image, seen = photograph(picture, label, np.random.default_rng(seed))
        bright = image[..., 1].astype(int) > (int(image[45, 60, 1]) + int(image[5, 60, 1])) / 2
        assert set(np.unique(seen)) == {0, 3}
        assert (bright == (seen == 3)).mean() > 0.96


@pytest.mark.parametrize(
    ("height", "width", "said"),
    [
        (47, 64, "at least 48x48"),
        (48, 4097, "at most 4096"),
        (360, 8193, "at most 8192"),
        (9000, 48, "at most 8192"),
    ],
)
def test_a_size_that_opengl_cannot_draw_is_refused(height, width, said):
    with pytest.raises(HRSError, match=said):
        street.render_frame("camera", seed=0, index=0, height=height, width=width)


def test_the_largest_sizes_are_not_refused():
    for height, width in ((48, 4096), (360, 8192), (8192, 48)):
        frame_module.check_size(height, width)


@needs_gl
def test_a_picture_that_this_opengl_leaves_blank_is_refused(monkeypatch):
    import vtkmodules.vtkRenderingOpenGL2 as vtk

    class Weak:
        GetMaximumTextureSize = staticmethod(lambda window: 60)

    assert Stage(48, 64).probe()
    monkeypatch.setattr(vtk, "vtkTextureObject", Weak)
    with pytest.raises(HRSError, match=r"64x48 samples is too large .* draws 60 a side"):
        Stage(48, 64).probe()


@needs_gl
def test_windows_of_former_sizes_are_let_go():
    first = weakref.ref(frame_module._stage(48, 50))
    for width in range(52, 60, 2):
        frame_module._stage(48, width)
    assert first() is None


def test_a_probe_that_took_too_long_is_tried_again(monkeypatch):
    calls = []

    def run(command, **_):
        calls.append(command)
        if len(calls) == 1:
            raise subprocess.TimeoutExpired(command, 1)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(gl, "_probed", cache(gl._probed.__wrapped__))
    monkeypatch.setattr(subprocess, "run", run)
    assert [gl.can_render() for _ in range(3)] == [False, True, True]
    assert len(calls) == 2


@pytest.mark.parametrize("arguments", [{"domain": "martian"}, {"seed": -1}, {"index": -1}, {"height": 10}])
def test_senseless_arguments_are_refused(arguments):
    values = {"domain": "camera", "seed": 0, "index": 0, **SMALL} | arguments
    with pytest.raises(HRSError):
        street.render_frame(values.pop("domain"), **values)


def test_without_opengl_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(gl, "can_render", lambda: False)
    with pytest.raises(street.RendererUnavailable, match="apt install libegl1") as caught:
        street.render_frame("synthetic", seed=0, index=0)
    assert "\n" not in str(caught.value)
