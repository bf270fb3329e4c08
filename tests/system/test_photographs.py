import contextlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from hrs.errors import HRSError
from hrs.inference import read_photograph
from hrs.system.images import encode
from hrs.system.photographs import open_image, orientation, sizes_of
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


def late_exif(data, orientation=6, padding=0, more=b""):
    """A PNG whose EXIF is moved behind its pixels."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, "x" * padding
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    end = data.rindex(b"IEND") - 4
    return data[:end] + chunk + data[end:] + more


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_exif_behind_the_pixels_turns_every_colour_mode(mode, tmp_path):
    data = late_exif(encoded(Image.fromarray(photo(40, 60)).convert(mode), "PNG"))
    (tmp_path / "a.png").write_bytes(data)
    for source in (data, tmp_path / "a.png"):
        assert read_photograph(source).shape == (60, 40, 3)
        with open_image(source) as opened:
            assert orientation(opened) == 6
            assert opened.convert("RGB").size == (60, 40)


@pytest.mark.parametrize("padding", [0, 3000, 70_000])
def test_exif_is_found_behind_many_chunks_of_pixels(padding):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    for data in (encode(".png", noise), encoded(Image.fromarray(noise), "PNG")):
        assert data.count(b"IDAT") > 3
        for more in (b"", b"appended" * 5000):
            with open_image(late_exif(data, padding=padding, more=more)) as opened:
                assert orientation(opened) == 6
        with open_image(data) as opened:
            assert orientation(opened) == 1


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


@pytest.mark.parametrize("alpha", [0, 200])
def test_transparency_that_is_opaque_nowhere_hides_nothing(alpha):
    rgba = np.dstack([photo(), np.full((70, 90), alpha, np.uint8)])
    assert np.array_equal(read_photograph(encoded(Image.fromarray(rgba), "PNG")), photo())
    grey = Image.fromarray(photo()[..., 0])
    clear = Image.merge("LA", (grey, Image.new("L", grey.size, alpha)))
    assert np.array_equal(read_photograph(encoded(clear, "PNG"))[..., 0], photo()[..., 0])


def test_a_fourth_band_of_a_tiff_is_no_transparency_unless_it_says_so(tmp_path):
    bands = np.dstack([photo(), photo()[..., 0]])
    bands[0, 0, 3] = 255
    for extra, seen in (((), True), (("unassalpha",), False)):
        tifffile.imwrite(tmp_path / "a.tif", bands, photometric="rgb", extrasamples=extra or ("unspecified",))
        assert np.array_equal(read_photograph(tmp_path / "a.tif"), photo()) == seen


def grey_png(bits, values, clear):
    """A PNG of one line of greys, one of which is transparent."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    digits = np.array([[value >> bit & 1 for bit in reversed(range(bits))] for value in values], np.uint8)
    header = struct.pack(">IIBBBBB", len(values), 1, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", struct.pack(">H", clear))]
    chunks += [(b"IDAT", zlib.compress(b"\0" + np.packbits(digits).tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_lies_on_white(bits):
    top = (1 << bits) - 1
    for clear in (0, 1, top):
        values = [0, 1, top, top // 2]
        wanted = [255 if value == clear else round(value * 255 / top) for value in values]
        assert read_photograph(grey_png(bits, values, clear))[0, :, 0].tolist() == wanted


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
    rgba[-1, :, 3] = 255
    for folder, array in (("images", rgba), ("labels", np.zeros((70, 90), np.uint8))):
        (tmp_path / folder).mkdir()
        Image.fromarray(array).save(tmp_path / folder / "a.png")
    (tmp_path / "classes.yaml").write_text("classes: [a, b]")
    read = open_dataset(f"folder:{tmp_path}").read_image(0)
    assert (read[:-1] == 255).all() and np.array_equal(read, read_photograph(tmp_path / "images/a.png"))


HEIC = Path(__file__).with_name("phone.heic")
"""A genuine one, x265: 48x64 upright, stored on its side with EXIF's orientation 6, in Display P3. Above it has one
colour, below two; the values are those of the profile."""
UPRIGHT = {(4, 4): (200, 40, 40), (60, 4): (40, 180, 40), (60, 44): (40, 40, 200)}


def icc_profile(kind: bytes, curves: tuple[bytes, ...], gamma: float, name: bytes, **primaries) -> bytes:
    """A small ICC profile of version 2: colours of a kind, one gamma for all curves, points as XYZ under D50."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    said = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 80
    tags = [(b"desc", said), (b"cprt", b"text\0\0\0\0none\0\0\0\0"), (b"wtpt", xyz(D50))]
    tags += [(tag.encode(), xyz(values)) for tag, values in primaries.items()]
    tags += [(each, curve) for each in curves]
    at, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags:
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", tag, at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02400000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + xyz(D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


D50 = (0.9642, 1, 0.8249)


def matrix_profile(red, green, blue, name=b"wide", gamma=2.2) -> bytes:
    curves = b"rTRC", b"gTRC", b"bTRC"
    return icc_profile(b"RGB ", curves, gamma, name, rXYZ=red, gXYZ=green, bXYZ=blue)


def grey_profile(gamma: float) -> bytes:
    return icc_profile(b"GRAY", (b"kTRC",), gamma, b"grey")


DISPLAY_P3 = matrix_profile((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = matrix_profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
SRGB_PRIMARIES = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
LINEAR_SRGB = matrix_profile(*SRGB_PRIMARIES, name=b"GIMP built-in Linear sRGB", gamma=1)


def as_srgb(rgb: np.ndarray, profile: bytes) -> np.ndarray:
    """By the formula: gamma 2.2, the profile's primaries to XYZ under D50, sRGB's inverse matrix, sRGB's curve."""
    at = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128), profile.index(b"bXYZ", 128)
    starts = [struct.unpack(">I", profile[each + 4 : each + 8])[0] for each in at]
    own = np.array([struct.unpack(">3i", profile[each + 8 : each + 20]) for each in starts]).T / 65536
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    linear = np.clip((rgb / 255.0) ** 2.2 @ (np.linalg.inv(srgb) @ own).T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("profile", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("TIFF", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB")])
def test_colours_of_a_profile_become_srgb(kind, mode, profile):
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    picture = Image.fromarray(photo()).convert(mode)
    read = read_photograph(encoded(picture, kind, icc_profile=profile, **options)).astype(float)
    wanted = as_srgb(photo(), profile)
    assert np.abs(wanted - photo()).mean() > 3
    assert np.abs(read - wanted).mean() < 1.5 and (kind == "JPEG" or np.abs(read - wanted).max() < 4)
    by_hand = ImageCms.profileToProfile(
        Image.fromarray(photo()), ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    )
    assert kind == "JPEG" or np.array_equal(read, np.asarray(by_hand))


def test_a_profile_that_is_srgb_or_damaged_changes_nothing():
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), DISPLAY_P3[:200], b"none"):
        assert np.array_equal(read_photograph(encoded(Image.fromarray(photo()), "PNG", icc_profile=profile)), photo())


def test_a_profile_is_told_by_what_it_does_not_by_its_name():
    """Light as numbers, with sRGB in its name: a third of white is grey 156."""
    data = encoded(Image.new("RGB", (8, 8), (85, 0, 255)), "PNG", icc_profile=LINEAR_SRGB)
    assert read_photograph(data)[4, 4].tolist() == [156, 0, 255]


def test_srgb_by_another_name_is_read_as_quickly(monkeypatch):
    renamed = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = renamed.replace("sRGB".encode("utf-16-be"), "anon".encode("utf-16-be"))
    assert b"s\0R\0G\0B" not in renamed
    monkeypatch.setattr("hrs.system.photographs._by_strips", None)
    assert np.array_equal(read_photograph(encoded(Image.fromarray(photo()), "PNG", icc_profile=renamed)), photo())


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_photo_follows_its_profile(mode):
    greys = np.array([[0, 32, 64, 128, 192, 255]], np.uint8)
    picture = Image.fromarray(greys).convert(mode)
    linear = read_photograph(encoded(picture, "PNG", icc_profile=grey_profile(1.0)))
    light = greys / 255
    wanted = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(linear, np.repeat(wanted[..., None], 3, axis=2), atol=1.5)
    for profile in (DISPLAY_P3, grey_profile(2.2)[:150]):  # of colours, damaged
        assert np.array_equal(
            read_photograph(encoded(picture, "PNG", icc_profile=profile)), np.repeat(greys[..., None], 3, axis=2)
        )


@pytest.mark.parametrize("transparency", [{}, {"transparency": 0}], ids=["opaque", "transparent"])
def test_a_palette_follows_its_profile(transparency):
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 40, 40, 85, 120, 30])
    palette.putdata([0, 1])
    read = read_photograph(encoded(palette, "PNG", icc_profile=ADOBE_RGB, **transparency))
    wanted = as_srgb(np.array([255, 255, 255] if transparency else [200, 40, 40]), ADOBE_RGB)
    assert np.abs(read[0, 0] - wanted).max() < 4
    assert np.abs(read[0, 1] - as_srgb(np.array([85, 120, 30]), ADOBE_RGB)).max() < 4


def test_a_colour_that_counts_as_transparent_does_so_with_a_profile():
    picture = Image.new("RGB", (4, 4), (9, 9, 9))
    data = encoded(picture, "PNG", icc_profile=ADOBE_RGB, transparency=(9, 9, 9))
    assert (read_photograph(data) == 255).all()


def test_a_phone_s_heic_is_upright_and_srgb(tmp_path):
    """libheif has turned it; who turned it by its EXIF once more would see it on its side."""
    read = read_photograph(HEIC)
    assert read.shape == (64, 48, 3)
    for place, colour in UPRIGHT.items():
        assert np.abs(read[place] - as_srgb(np.array(colour), DISPLAY_P3)).max() < 4


def test_a_heic_meets_its_label_and_a_renamed_one_is_read(tmp_path):
    from hrs.data.layouts import open_dataset

    for name in ("IMG_1.HEIC", "IMG_2.jpg"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "images" / name).write_bytes(HEIC.read_bytes())
        Image.fromarray(np.zeros((64, 48), np.uint8)).save((tmp_path / "labels" / name).with_suffix(".png"))
    (tmp_path / "classes.yaml").write_text("classes: [a, b]")
    data = open_dataset(f"folder:{tmp_path}")
    assert [frame.label_turn for frame in data.frames] == [1, 1] and data.skipped == ()
    assert all(data.read_image(i).shape[:2] == data.read_label(i).shape for i in range(2))


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "PNG", "TIFF"])
def test_exif_turns_every_kind_that_has_it(kind):
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:32], upright[32:, :24], upright[32:, 24:] = UPRIGHT.values()
    exif = Image.Exif()
    exif[0x0112] = 6
    read = read_photograph(encoded(Image.fromarray(np.rot90(upright).copy()), kind, exif=exif, quality=95))
    assert read.shape == upright.shape and np.abs(read.astype(int) - upright).mean() < 3


def jpeg2000(values: np.ndarray) -> bytes:
    return encode(".jp2", values, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A TIFF that says something else in one of its tags of one short number."""
    at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


@pytest.mark.parametrize("bits", [12, 16])
def test_deep_jpeg2000_keeps_its_white(bits):
    white = (1 << bits) - 1
    values = np.linspace(0, white, 64 * 96 * 3).astype(np.uint16).reshape(64, 96, 3)
    data = jpeg2000(values + 32768 - (1 << bits - 1))  # what is stored is the distance from the middle
    data = data.replace(b"\x0f\x01\x01", bytes([bits - 1, 1, 1]))  # bits of each channel
    assert np.array_equal(read_photograph(data), np.round(values * 255.0 / white).astype(np.uint8))


def test_deep_jpeg2000_that_is_not_read_right_is_refused():
    with pytest.raises(HRSError, match="16 bits a channel, which is read of RGB and grey alone: save it with 8 bits"):
        read_photograph(jpeg2000(np.full((64, 96, 4), 65535, np.uint16)))
    grey = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    assert np.array_equal(read_photograph(jpeg2000(grey))[..., 0], np.round(grey / 257).astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_white_is_zero(dtype):
    values = photo()[..., 0].astype(dtype) * (1 if dtype == np.uint8 else 257)
    data = with_tag(encoded(Image.fromarray(values), "TIFF"), 0x0106, 0)
    assert np.array_equal(read_photograph(data)[..., 0], 255 - photo()[..., 0])


def test_deep_channels_that_lie_apart_are_refused():
    deep = encode(".tiff", photo().astype(np.uint16) * 257, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    assert np.array_equal(read_photograph(deep), photo())
    with pytest.raises(HRSError, match="has 16 bits and its channels apart, which is not read: save it with 8 bits"):
        read_photograph(with_tag(deep, 0x011C, 2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_sizes_are_those_of_what_is_read(kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(Image.fromarray(photo(40, 60)), kind, exif=exif)
    with open_image(data) as opened:
        assert sizes_of(opened) == ((60, 40), read_photograph(data).shape[1::-1], turn)
