"""Labels on disk to raw ids."""

import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from hrs.data.encoding import by_name, palette_of
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.system.photographs import read_photograph
from tests.data.files import own_classes, palette_png, photo, save, street, write_classes, write_streets


def test_labels_with_the_wrong_channels_are_refused_when_read(tmp_path):
    own_classes(tmp_path)
    photo(tmp_path / "images/a.png")
    photo(tmp_path / "labels/a.png")
    with pytest.raises(HRSError, match=r"is in colour \(.*\); expected class ids in one channel: name the colours"):
        open_dataset(f"folder:{tmp_path}").read_label(0)


@pytest.mark.parametrize("channel", ["index", "colour"])
@pytest.mark.parametrize("damaged", [b"GIF8\xfd", b"GIF89a\x01", b"BM\x00", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_label_is_one_line_whatever_it_was(tmp_path, channel, damaged):
    (tmp_path / "label.png").write_bytes(damaged)
    encoding = by_name({0: "a", 1: "b"}, channel=channel, void=frozenset(), name="own")
    with pytest.raises(HRSError, match="cannot be decoded"):
        encoding.raw_file(tmp_path / "label.png")


def own(tmp_path, label: np.ndarray, name="f0.png"):
    write_classes(write_streets(tmp_path, 1))
    (tmp_path / "labels/f0.png").unlink()
    save(tmp_path / "labels" / name, label)
    return open_dataset(f"folder:{tmp_path}")


def test_shapes_in_the_transparency_alone_are_refused(tmp_path):
    cut_out = np.dstack([np.zeros((48, 64, 3), np.uint8), (street() == 2) * np.uint8(255)])
    with pytest.raises(HRSError, match="has its shapes in its transparency alone"):
        own(tmp_path, cut_out).read_label(0)
    assert (own(tmp_path, np.dstack([cut_out[..., :3], np.full((48, 64), 255, np.uint8)])).read_label(0) == 0).all()


def test_values_between_whole_numbers_are_refused(tmp_path):
    data = own(tmp_path, street().astype(np.float32), "f0.tif")
    assert (data.read_label(0) == street()).all()
    for wrong in (street() / 2, np.where(street() == 2, np.nan, 0)):
        save(tmp_path / "labels/f0.tif", wrong.astype(np.float32))
        with pytest.raises(HRSError, match="holds values between whole numbers"):
            data.read_label(0)


def test_photographs_in_place_of_labels_are_named_as_such(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    with pytest.raises(HRSError, match=r"colours .*, as a photograph is; .* are images and labels exchanged"):
        own(tmp_path, noise).read_label(0)


COLOURS = np.array([[70, 130, 180], [128, 64, 128], [220, 20, 60]], np.uint8)
PALETTE = f"classes: [sky, road, box]\npalette: {COLOURS.tolist()}"


def deep(tmp_path, image: np.ndarray):
    write_classes(write_streets(tmp_path, 1), PALETTE)
    cv2.imwrite(str(tmp_path / "labels/f0.png"), image[..., ::-1])
    return open_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("scale", [1, 257])
def test_colours_of_16_bits_a_channel(tmp_path, scale):
    assert (deep(tmp_path, COLOURS[street()].astype(np.uint16) * scale).read_label(0) == street()).all()


def test_colours_that_16_bits_alone_can_hold_are_named_as_such(tmp_path):
    with pytest.raises(
        HRSError, match=r"has 16 bits a channel, .* expected class ids in one channel, or colours with 8"
    ):
        deep(tmp_path, COLOURS[street()].astype(np.uint16) * 257 + 3).read_label(0)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.float32])
def test_minus_one_is_void_and_called_so(tmp_path, kind):
    data = own(tmp_path, street(), "f0.tif")
    cv2.imwrite(str(tmp_path / "labels/f0.tif"), street().astype(kind) - 1)
    assert np.unique(data.read_label(0)[street() == 0]).tolist() == [255]
    (raw,) = np.unique(data.read_raw(0)[street() == 0]).tolist()
    assert raw in data.encoding.void
    assert (data.encoding.in_words(raw), data.encoding.keys(raw)) == ("id -1", ("-1",))
    assert data.encoding.entry(raw, "void") == "-1: void"


def test_void_of_16_bits_is_void_unless_a_list_names_it(tmp_path):
    data = own(tmp_path, np.where(street() == 2, 65535, street().astype(np.uint16)))
    assert 65535 in data.encoding.void and (data.read_label(0)[street() == 2] == 255).all()
    write_classes(tmp_path, "classes: {0: sky, 1: road, 65535: box}")
    assert (open_dataset(f"folder:{tmp_path}").read_label(0) == street()).all()


@pytest.mark.parametrize("name", ["label.png", "label.gif", "label.tif", "label.bmp"])
def test_palettes_of_every_kind_of_image(tmp_path, name):
    image = Image.fromarray(np.eye(2, dtype=np.uint8))
    image.putpalette([1, 2, 3, 4, 5, 6])
    image.save(tmp_path / name)
    assert {i: palette_of(tmp_path / name)[i] for i in (0, 1)} == {0: (1, 2, 3), 1: (4, 5, 6)}
    (tmp_path / name).write_bytes(b"GIF8\xfd")
    assert palette_of(tmp_path / name) == {}


def test_a_palette_behind_a_long_colour_profile(tmp_path):
    palette_png(tmp_path / "a.png", [[0, 1]])
    wanted = palette_of(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "b.png", icc_profile=np.random.default_rng(0).bytes(9000))
    assert len(wanted) >= 2 and palette_of(tmp_path / "b.png") == wanted


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16])
def test_ids_of_a_tiff_whose_white_is_0_are_those_that_are_stored(tmp_path, kind):
    """As tifffile writes truth values; as a picture it would have both classes exchanged."""
    data, ids = own(tmp_path, street(), "f0.tif"), street() == 1
    tifffile.imwrite(tmp_path / "labels/f0.tif", ids.astype(kind), photometric="miniswhite")
    assert (data.read_raw(0) == ids).all()


@pytest.mark.parametrize(
    ("saved", "meant"),
    [
        ([0, 1, 3], [0, 1, 3]),
        ([0, 10, 33], [0, 10, 33]),
        ([2, 9, 255], [2, 9, 255]),
        ([149, 150, 200], [149, 150, 200]),
        ([7, 7, 7], [7, 7, 7]),
        ([0, 128, 255], [0, 1, 2]),  # to be looked at
        ([0, 255, 0], [0, 1, 0]),
    ],
)
def test_ids_saved_as_gif_are_the_greys_of_its_palette(tmp_path, saved, meant):
    """Pillow keeps the greys in use as the palette of a GIF, so that indices are no ids."""
    data = own(tmp_path, street(), "f0.gif")
    Image.fromarray(np.array(saved, np.uint8)[street()]).save(tmp_path / "labels/f0.gif")
    assert (data.read_raw(0) == np.array(meant)[street()]).all()


def test_a_mask_that_is_compressed_as_faxes_are_is_as_it_looks(tmp_path):
    data, ids = own(tmp_path, street(), "f0.tif"), street() == 1
    Image.fromarray(ids).save(tmp_path / "labels/f0.tif", compression="group4")
    assert (data.read_raw(0) == ids).all()


def two_colours(ids: np.ndarray, bits: int, palette: bytes = b"\0\0\0\0\xff\xff\xff\0") -> bytes:
    """A BMP of 4 or 8 bits a pixel whose palette has two colours."""
    if bits == 4:
        ids = ids[:, ::2] * 16 + ids[:, 1::2]
    h, w = ids.shape
    rows = b"".join(line.tobytes() + bytes(-w % 4) for line in ids[::-1])
    about = struct.pack("<IiiHHIIiiII", 40, w * 8 // bits, h, 1, bits, 0, len(rows), 0, 0, 2, 2)
    start = 14 + len(about) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + about + palette + rows


@pytest.mark.parametrize("bits", [4, 8])
def test_a_bmp_of_black_and_white_in_more_than_one_bit(tmp_path, bits):
    box = np.uint8(street() == 2)
    data = own(tmp_path, street(), "f0.bmp")
    (tmp_path / "labels/f0.bmp").write_bytes(two_colours(box, bits))
    assert (data.read_label(0) == box).all()
    assert (read_photograph(two_colours(box, bits)) == 255 * box[..., None]).all()
    (tmp_path / "labels/f0.bmp").write_bytes(two_colours(box, bits, b"\0\0\0\0\0\0\xff\0"))
    assert (data.read_label(0) == box).all()


def test_a_bmp_of_one_bit(tmp_path):
    data = own(tmp_path, street() == 2, "f0.bmp")
    assert (data.read_label(0) == (street() == 2)).all()
