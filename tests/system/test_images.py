"""Images as bytes and back, in RGB on either side."""

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.errors import HRSError
from hrs.system.images import decode_grey, decode_rgb, decode_stored, encode, size_of, too_large

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200


@pytest.mark.parametrize("decode", [decode_rgb, decode_stored])
def test_colours_stay_in_their_channels(decode, tmp_path):
    file = tmp_path / "red.png"
    file.write_bytes(encode(".png", RED))
    np.testing.assert_array_equal(np.asarray(Image.open(file)), RED)
    np.testing.assert_array_equal(decode(file.read_bytes()), RED)


def test_ids_of_one_channel():
    ids = np.arange(24, dtype=np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(decode_grey(encode(".png", ids)), ids)
    np.testing.assert_array_equal(decode_stored(encode(".png", ids)), ids)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_sixteen_bits_come_back_as_they_are_stored(shape):
    deep = np.random.default_rng(0).integers(0, 1 << 16, shape, dtype=np.uint16)
    stored = decode_stored(encode(".png", deep))
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, deep)


def test_transparency_is_left_out(tmp_path):
    Image.fromarray(np.dstack([RED, np.full((4, 6), 7, np.uint8)])).save(tmp_path / "clear.png")
    np.testing.assert_array_equal(decode_stored((tmp_path / "clear.png").read_bytes()), RED)


@pytest.mark.parametrize(("upright", "shape"), [(True, (40, 20, 3)), (False, (20, 40, 3))])
def test_orientation(tmp_path, upright, shape):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    assert decode_rgb((tmp_path / "turned.jpg").read_bytes(), upright=upright).shape == shape


def test_options_reach_the_encoder():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert len(encode(".jpg", noise, (cv2.IMWRITE_JPEG_QUALITY, 10))) < len(encode(".jpg", noise)) / 2


@pytest.mark.parametrize("decode", [decode_rgb, decode_grey, decode_stored])
@pytest.mark.parametrize("data", [b"", b"no image", encode(".png", RED)[:20]])
def test_what_cannot_be_decoded_is_none(decode, data):
    assert decode(data) is None


@pytest.mark.parametrize(("suffix", "width"), [(".jpg", 70_000), (".none", 4)])
def test_what_cannot_be_encoded(suffix, width):
    with pytest.raises(HRSError, match=rf"cannot encode a {width}x1 image as {suffix}"):
        encode(suffix, np.zeros((1, width), np.uint8))


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_an_image_that_claims_too_many_pixels_is_not_decoded(kind, monkeypatch):
    """By its header: the decoder is not asked."""
    data = encode(kind, RED)
    assert size_of(data) == (4, 6)
    monkeypatch.setattr("hrs.system.images.MOST_PIXELS", 23)
    monkeypatch.setattr("hrs.system.images.cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    assert decode_rgb(data) is None and decode_grey(data) is None and decode_stored(data) is None


def test_a_header_may_claim_any_size():
    data = bytearray(encode(".png", RED))
    data[16:24] = (60_000).to_bytes(4, "big") + (50_000).to_bytes(4, "big")
    assert size_of(bytes(data)) == (50_000, 60_000) and too_large(bytes(data))
    assert decode_rgb(bytes(data)) is None


def test_opencv_writes_no_lines_of_its_own(capfd):
    """Whoever decodes a damaged file says what is wrong with it."""
    assert decode_stored(encode(".bmp", RED)[:60]) is None
    assert capfd.readouterr().err == ""
