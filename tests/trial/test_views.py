import numpy as np
import pytest
import torch

from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader
from hrs.errors import HRSError
from hrs.networks.segmenter import build_segmenter, normalise
from hrs.trial.views import see
from tests.conftest import tiny_config, write_frames


@pytest.fixture(scope="module")
def encoder():
    return build_segmenter("lite0", 4, pretrained=True).encoder.eval()


def look(spec, frames, encoder, views, **options):
    return see_all(open_dataset(spec), frames, encoder, views, **options)


def see_all(dataset, frames, encoder, views, seen=lambda: None, **options):
    reader = FrameReader([dataset], tiny_config(frames).data, regions=True)
    return see(reader, encoder, torch.device("cpu"), views=views, seed=0, seen=seen, **options)


def test_an_image_as_it_is_and_what_the_encoder_makes_of_it(frames, encoder):
    views = look(frames["target"], frames, encoder, 0)
    dataset = open_dataset(frames["target"])
    assert len(views) == len(dataset) == 6 and views.image.tolist() == list(range(6))
    np.testing.assert_array_equal(views.images[4].permute(1, 2, 0), dataset.read_image(4))
    np.testing.assert_array_equal(views.labels[4], dataset.read_label(4))
    with torch.no_grad():
        own = encoder(normalise(views.images[4:5]))
    for tap, alone in zip(views.taps, own, strict=True):
        torch.testing.assert_close(tap[4:5].float(), alone, rtol=2e-3, atol=2e-2)


def test_views_differ_and_say_of_which_image_they_are(frames, encoder):
    calls = []
    views = look(frames["target"], frames, encoder, 3, seen=lambda: calls.append(1))
    assert views.image.tolist() == [i for i in range(6) for _ in range(3)] and len(calls) == 6
    assert not torch.equal(views.images[0], views.images[1])
    again = look(frames["target"], frames, encoder, 3)
    assert torch.equal(views.images, again.images)


def test_some_of_them_keep_what_belongs_together(frames, encoder):
    views = look(frames["source"], frames, encoder, 1)
    few = views.take(views.image > 9)
    assert few.image.tolist() == [10, 11]
    for name in ("images", "labels", "regions", "planted"):
        assert torch.equal(getattr(few, name), getattr(views, name)[10:])
    assert all(torch.equal(own, tap[10:]) for own, tap in zip(few.taps, views.taps, strict=True))
    assert len(views.take(torch.zeros(0, dtype=torch.long))) == 0


def test_a_broken_frame_ends_it_or_is_left_out(tmp_path, frames, encoder, caplog):
    dataset = open_dataset(f"folder:{write_frames(tmp_path / 'broken', 3, seed=4)}")
    dataset.frames[1].image.write_bytes(b"no picture")
    with pytest.raises(HRSError, match=r"001\.png"):
        see_all(dataset, frames, encoder, 2)
    assert see_all(dataset, frames, encoder, 2, lenient=True).image.tolist() == [0, 0, 2, 2]
    assert "001.png" in caplog.text
    for frame in dataset.frames:
        frame.image.write_bytes(b"no picture")
    with pytest.raises(HRSError, match="none of 3"):
        see_all(dataset, frames, encoder, 2, lenient=True)
