import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hrs.errors import HRSError
from hrs.inference import read_photograph
from tests.inference.conftest import photo


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_pixels(kind, tmp_path):
    data = encoded(Image.fromarray(photo()), kind, **({"lossless": True} if kind == "WEBP" else {}))
    path = tmp_path / "photo"
    path.write_bytes(data)
    assert np.array_equal(read_photograph(data), photo())
    assert np.array_equal(read_photograph(path), photo())


def test_jpeg_is_close():
    read = read_photograph(encoded(Image.fromarray(photo()), "JPEG", quality=95))
    assert np.abs(read.astype(int) - photo()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_ends_upright(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(photo(40, 60)), "PNG", exif=exif)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(read_photograph(data), wanted)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_photograph(encoded(Image.fromarray(photo()), "PNG", exif=exif)).shape == (70, 90, 3)


def test_transparency_lies_on_white():
    rgba = np.dstack([photo(), np.full((70, 90), 255, np.uint8)])
    rgba[:35, :, 3] = 0
    read = read_photograph(encoded(Image.fromarray(rgba), "PNG"))
    assert (read[:35] == 255).all() and np.array_equal(read[35:], photo()[35:])


def test_a_transparent_palette_entry_lies_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    read = read_photograph(encoded(image, "PNG", transparency=0))
    assert read.tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_grey_palette_and_one_bit_become_rgb():
    grey = photo()[..., 0]
    assert np.array_equal(read_photograph(encoded(Image.fromarray(grey), "PNG")), np.dstack([grey] * 3))
    palette = Image.fromarray(photo()).quantize(16)
    assert np.array_equal(read_photograph(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))
    assert set(np.unique(read_photograph(encoded(Image.fromarray(grey > 99), "PNG")))) == {0, 255}


def test_cmyk_becomes_rgb():
    read = read_photograph(encoded(Image.fromarray(photo()).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(read.astype(int) - photo()).mean() < 4


def test_sixteen_bits_are_scaled_not_wrapped():
    values = np.linspace(0, 65535, 64 * 4, dtype=np.uint16).reshape(4, 64)
    for kind in ("PNG", "TIFF"):
        read = read_photograph(encoded(Image.fromarray(values), kind))
        assert np.array_equal(read[..., 1], np.round(values / 257).astype(np.uint8))


def test_sixteen_bit_colour_is_scaled():
    values = (photo().astype(np.uint16) << 8) + 7
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 90, 70, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    assert np.array_equal(read_photograph(data), photo())


def test_floating_point_is_refused():
    with pytest.raises(HRSError, match="8 or 16 bits"):
        read_photograph(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_taken(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    read = read_photograph(data)
    assert read.shape == (6, 8, 3) and read[..., 0].min() > 200 and read[..., 2].max() < 50


def bomb(side):
    """A PNG whose header promises more pixels than anybody should decode."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"no picture at all", "of another kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "of another kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "of another kind"),
        (encoded(Image.fromarray(photo()), "JPEG")[:900], "cannot be read as an image"),
        (encoded(Image.fromarray(photo()), "PNG")[:900], "cannot be read as an image"),
        (encoded(Image.fromarray(photo()), "WEBP")[:300], "cannot be read as an image"),
        (bomb(30_000), "far too many pixels; at most 128 megapixels"),
        (bomb(12_000), "12000x12000 pixels; at most 128 megapixels"),
        (bomb(0), "cannot be read as an image"),
    ],
)
def test_hostile_files_are_one_clear_line(data, message, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(HRSError, match=message) as error:
            read_photograph(source)
        assert "\n" not in str(error.value)
    assert "holiday.jpg" in str(error.value)


def test_the_bound_on_pixels_can_be_set():
    data = encoded(Image.fromarray(photo(1000, 1000)), "JPEG")
    assert read_photograph(data, max_pixels=1_000_000).shape == (1000, 1000, 3)
    with pytest.raises(HRSError, match="1001x1000 pixels"):
        read_photograph(encoded(Image.fromarray(photo(1000, 1001)), "JPEG"), max_pixels=1_000_000)


def test_large_photos_are_read_without_a_warning():
    data = encoded(Image.new("1", (10_000, 9_500)), "PNG")
    assert read_photograph(data).shape == (9_500, 10_000, 3)


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "nothing.jpg", tmp_path):
        with pytest.raises(HRSError, match="does not exist"):
            read_photograph(path)


def test_bytes_flipped_anywhere_never_escape_as_another_error():
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"):
        whole = np.frombuffer(encoded(Image.fromarray(photo(20, 20)), kind), np.uint8)
        for _ in range(30):
            broken = whole.copy()
            broken[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
            with contextlib.suppress(HRSError):
                assert read_photograph(broken.tobytes(), max_pixels=1_000_000).dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "suffix"), [("AVIF", ".avif"), ("JPEG2000", ".jp2"), ("MPO", ".MPO"), ("JPEG", ".jfif")]
)
def test_kinds_that_phones_and_cameras_write(kind, suffix, tmp_path):
    from hrs.data.layouts import open_dataset

    (tmp_path / f"a{suffix}").write_bytes(encoded(Image.fromarray(photo()), kind))
    data = open_dataset(f"images:{tmp_path}")
    assert np.abs(data.read_image(0).astype(int) - photo()).mean() < 9


def test_a_cut_out_is_the_same_to_training_and_segmenting(tmp_path):
    """What is transparent lies on white for both, not on whatever stands underneath."""
    from hrs.data.layouts import open_dataset

    rgba = np.dstack([photo() // 2, np.zeros((70, 90), np.uint8)])
    for folder, array in (("images", rgba), ("labels", np.zeros((70, 90), np.uint8))):
        (tmp_path / folder).mkdir()
        Image.fromarray(array).save(tmp_path / folder / "a.png")
    (tmp_path / "classes.yaml").write_text("classes: [a, b]")
    read = open_dataset(f"folder:{tmp_path}").read_image(0)
    assert (read == 255).all() and np.array_equal(read, read_photograph(tmp_path / "images/a.png"))
