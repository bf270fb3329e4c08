import numpy as np
import pytest
import torch

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.networks.segmenter import build_segmenter, normalise
from hrs.trial.views import Views, see
from tests.conftest import tiny_config, write_frames


@pytest.fixture(scope="module")
def encoder():
    return build_segmenter("lite0", 4, pretrained=True).encoder.eval()


def look(spec, frames, encoder, views, **options):
    return see_all(open_dataset(spec), frames, encoder, views, **options)


def see_all(dataset, frames, encoder, views, **options):
    return see(dataset, tiny_config(frames).data, encoder, torch.device("cpu"), views=views, seed=0, **options)


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


def test_views_side_by_side_keep_their_images_apart(frames, encoder):
    first, second = (look(frames[name], frames, encoder, 1) for name in ("target", "source"))
    both = Views.joined([first, second.numbered_from(6)])
    assert both.image.tolist() == list(range(18))
    assert torch.equal(both.take(slice(6, None)).images, second.images)
    assert all(torch.equal(tap[6:], own) for tap, own in zip(both.taps, second.taps, strict=True))


def test_views_in_the_colours_of_photos(frames, encoder):
    style = np.array([[[60.0, 20.0, -10.0], [5.0, 2.0, 2.0]]], np.float32)
    views = look(frames["source"], frames, encoder, 1, styles=style)
    labelled = views.labels[0] != IGNORE
    plain = look(frames["source"], frames, encoder, 1)
    assert views.images[0][:, labelled].float().std() < plain.images[0][:, labelled].float().std()


def test_a_broken_frame_is_left_out_and_told(tmp_path, frames, encoder, caplog):
    dataset = open_dataset(f"folder:{write_frames(tmp_path / 'broken', 3, seed=4)}")
    dataset.frames[2].image.write_bytes(b"no picture")
    assert see_all(dataset, frames, encoder, 2).image.tolist() == [0, 0, 1, 1]
    assert "002.png" in caplog.text
    for frame in dataset.frames:
        frame.image.write_bytes(b"no picture")
    with pytest.raises(HRSError, match=r"none of 3 images of folder:.*broken"):
        see_all(dataset, frames, encoder, 2)
