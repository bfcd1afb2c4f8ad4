"""indexer/images/decode.py: what is kept of a picture, and that no file of a stranger's makes more of itself."""

from __future__ import annotations

import hashlib
import io
import struct
import time
import zlib
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from indexer.images import decode
from indexer.images.decode import read_picture
from indexer.picture import Picture
from indexer.settings import ImageSettings

WIDE, HIGH = 60, 40
RED, WHITE = (255, 0, 0), (255, 255, 255)
Pixels = npt.NDArray[np.uint8]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(width: int = WIDE, height: int = HIGH) -> Image.Image:
    """Return a picture of which each corner has its own colour, and every format keeps them apart."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((200, 30, 30), (0, 0, width // 2, height // 2))
    image.paste((30, 160, 30), (width // 2, 0, width, height // 2))
    image.paste((30, 30, 200), (0, height // 2, width // 2, height))
    return image


def photo(width: int, height: int) -> Image.Image:
    """Return a picture with detail everywhere, so that its file has a size to speak of."""
    grain = np.random.default_rng(7).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)


def pixels_of(picture: Picture) -> Pixels:
    """Return the pixels of a picture that was read."""
    assert (picture.problem, picture.pixels is None) == ("", False)
    return np.asarray(picture.pixels)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a block of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes = b"", *, bits: int = 8, colour: int = 2, more: bytes = b"") -> bytes:
    """Return a PNG of these dimensions, whatever rows it really has."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def riff(width: int, height: int) -> bytes:
    """Return a small WebP whose header claims a canvas of these dimensions."""
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + saved(scene(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_each_format_is_read(kind: str) -> None:
    """With the colours it was saved with, within what its compression costs."""
    data = saved(scene(), kind)
    picture = read_picture(data)
    pixels = pixels_of(picture)
    expected = hashlib.blake2b(data, digest_size=16).hexdigest()
    assert (picture.hash, picture.width, picture.height, pixels.shape) == (expected, WIDE, HIGH, (HIGH, WIDE, 3))
    corners = np.ix_([5, -5], [5, -5])
    assert np.abs(pixels[corners].astype(int) - np.asarray(scene())[corners]).max() <= 12


def test_pixels_may_be_written_to() -> None:
    """A tensor over them needs that."""
    assert pixels_of(read_picture(saved(scene(), "PNG"))).flags.writeable


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_upright(kind: str, turn: int) -> None:
    """As EXIF says it lies: the corners stand where Pillow's own transposition puts them."""
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(scene(), kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    picture = read_picture(data)
    assert (picture.width, picture.height) == expected.size
    assert np.array_equal(pixels_of(picture), np.asarray(expected))


def test_an_orientation_that_is_none_turns_nothing() -> None:
    """Neither 9 nor EXIF that ends in the middle is a reason to refuse a picture."""
    exif = Image.Exif()
    exif[0x0112] = 9
    whole = saved(scene(), "JPEG", exif=exif)
    short = saved(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert [(read_picture(data).width, read_picture(data).height) for data in (whole, short)] == [(WIDE, HIGH)] * 2


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (8, 8), (255, 0, 0, 128)), (255, 127, 127)),
        (Image.new("RGBA", (8, 8), (255, 0, 0, 255)), RED),
        (Image.new("LA", (8, 8), (0, 0)), WHITE),
        (Image.new("L", (8, 8), 90), (90, 90, 90)),
        (Image.new("1", (8, 8), 1), WHITE),
        (Image.new("P", (8, 8), 0), (0, 0, 0)),
        (Image.fromarray(np.full((8, 8), 40_000, np.uint16)), (156, 156, 156)),
    ],
    ids=["clear", "half clear", "opaque", "clear grey", "grey", "one bit", "palette", "16 bits"],
)
def test_every_kind_of_pixel_becomes_rgb_over_white(image: Image.Image, expected: tuple[int, int, int]) -> None:
    """Alpha over white; grey, palette and 16 bits as they look: 40,000 of 65,535 is 156 of 255."""
    pixels = pixels_of(read_picture(saved(image, "PNG")))
    assert pixels.reshape(-1, 3).tolist() == [list(expected)] * 64


def test_a_colour_that_is_marked_as_clear_is_white() -> None:
    """In a palette (PNG, GIF) and in a PNG of full colours."""
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    named = png(2, 1, b"\0\xff\0\0\0\0\xff", more=chunk(b"tRNS", b"\0\xff\0\0\0\0"))
    assert pixels_of(read_picture(saved(palette, "PNG", transparency=0)))[0, 0].tolist() == list(WHITE)
    assert pixels_of(read_picture(saved(palette, "GIF", transparency=0)))[0, 0].tolist() == list(WHITE)
    assert pixels_of(read_picture(named))[0].tolist() == [list(WHITE), [0, 0, 255]]


def test_sixteen_bits_of_each_colour_are_read() -> None:
    """As the upper eight."""
    pixel = struct.pack(">HHH", 40_000, 20_000, 0)
    assert pixels_of(read_picture(png(1, 1, b"\0" + pixel, bits=16)))[0, 0].tolist() == [156, 78, 0]


def test_cmyk_is_read_as_adobe_writes_it_and_as_the_standard_has_it() -> None:
    """Adobe stores how much ink is missing and says so; without that word the same numbers are ink."""
    red = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    word = red.index(b"\xff\xee")
    silent = red[:word] + red[word + 2 + int.from_bytes(red[word + 2 : word + 4], "big") :]
    assert np.abs(pixels_of(read_picture(red)).astype(int) - RED).max() <= 3
    assert pixels_of(read_picture(silent)).max() <= 3  # full black, and no yellow or magenta missing


def test_only_the_first_frame_is_looked_at() -> None:
    """Of GIF, WebP, PNG and AVIF that move."""
    other = Image.new("RGB", (WIDE, HIGH), "black")
    for kind in ("GIF", "WEBP", "PNG", "AVIF"):
        still, moving = saved(scene(), kind), saved(scene(), kind, save_all=True, append_images=[other] * 3)
        assert np.abs(pixels_of(read_picture(moving)).astype(int) - pixels_of(read_picture(still))).max() <= 24, kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("side", [0, 100, 224, 384, 5_000])
def test_pixels_are_as_many_as_are_needed(kind: str, side: int) -> None:
    """The shorter side is `side` or up to twice that, never below what there is; the size told is that of the image."""
    picture = read_picture(saved(photo(1_600, 1_200), kind), side)
    height, width = pixels_of(picture).shape[:2]
    assert (picture.width, picture.height) == (1_600, 1_200)
    assert min(side, 1_200) <= height < 2 * max(side, 144) or (height, width) == (1_200, 1_600)
    assert abs(width / height - 4 / 3) < 0.01


def test_a_very_long_picture_is_reduced_below_the_side() -> None:
    """Whatever its proportions, it has 64 times the side squared pixels at most; 16 times as long as wide is kept."""
    long = pixels_of(read_picture(png(40_000, 200, bytes(200 * 120_001)), 100))
    kept = pixels_of(read_picture(png(3_184, 199, bytes(199 * 9_553)), 100))
    assert long.shape == (50, 10_000, 3)
    assert kept.shape == (199, 3_184, 3)


def test_a_reduced_jpeg_looks_like_the_whole_one() -> None:
    """Decoded at a quarter and averaged to a quarter it differs by a few grey levels."""
    image = photo(1_600, 1_200).resize((400, 300)).resize((1_600, 1_200), Image.Resampling.BICUBIC)
    reduced = pixels_of(read_picture(saved(image, "JPEG", quality=95), 300))
    whole = np.asarray(image.reduce(4))
    assert reduced.shape == whole.shape == (300, 400, 3)
    assert np.abs(reduced.astype(int) - whole).mean() < 4


def test_a_thumbnail_is_a_small_jpeg_that_tells_nothing_else() -> None:
    """Longer side 192, in the proportions of the picture, upright, without what the file said of place or owner."""
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "Somebody"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(photo(800, 400), "JPEG", exif=exif, comment=b"secret place", icc_profile=profile)
    with Image.open(io.BytesIO(read_picture(data).thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (96, 192))
        assert set(small.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"} == set()
    with Image.open(io.BytesIO(read_picture(saved(scene(), "PNG")).thumbnail)) as same:
        assert same.size == (WIDE, HIGH)


def test_the_limits_are_those_of_the_settings() -> None:
    """Who names none gets the ones that are documented, and Pillow's own limit lies above any that can be set."""
    fields = ImageSettings.model_fields
    assert (decode.IMAGE_BYTES, decode.IMAGE_PIXELS) == (
        fields["image_bytes"].default,
        fields["image_pixels"].default,
    )
    assert Image.MAX_IMAGE_PIXELS is not None
    assert max(limit.le for limit in fields["image_pixels"].metadata if hasattr(limit, "le")) < Image.MAX_IMAGE_PIXELS


def test_a_file_over_its_limits_is_refused_with_value_limit_and_remedy() -> None:
    """Bytes before anything, pixels before they are decoded."""
    data = saved(scene(), "PNG")
    bytes_over = read_picture(data, image_bytes=len(data) - 1)
    pixels_over = read_picture(data, image_pixels=2_399)
    assert bytes_over == Picture(
        problem=f"the file has {len(data):,} bytes, the limit is {len(data) - 1:,}; send a smaller one"
    )
    assert pixels_over == Picture(
        problem="the image has 60 x 40 = 2,400 pixels, the limit is 2,399; send a smaller one"
    )
    assert read_picture(data, image_bytes=len(data), image_pixels=2_400).problem == ""


def screen(width: int, height: int) -> bytes:
    """Return a GIF whose screen has these dimensions."""
    data = saved(scene(), "GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def sized(width: int, height: int) -> bytes:
    """Return a JPEG whose frame claims these dimensions."""
    data = saved(scene(), "JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("PNG", png(2**31 - 1, 2**31 - 1)),
        ("PNG", png(10_000, 10_000)),
        ("PNG", png(10_000, 10_000, bits=16, colour=6)),
        ("GIF", screen(65_535, 65_535)),
        ("GIF", screen(9_000, 9_000)),
        ("WEBP", riff(16_383, 16_383)),
        ("JPEG", sized(65_500, 65_500)),
        ("JPEG", sized(9_000, 9_000)),
    ],
)
def test_a_bomb_is_refused_by_its_header(name: str, data: bytes) -> None:
    """A few bytes that claim a huge picture cost no time and no memory: nothing is decoded."""
    began = time.perf_counter()
    picture = read_picture(data)
    assert "the limit; send a smaller one" in picture.problem.replace("64,000,000;", "the limit;"), name
    assert picture.pixels is None
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_truncated_file_is_refused_wherever_it_ends(kind: str) -> None:
    """At each of its first 64 bytes, at 60 places of the rest and one byte before its end, and never shown in part."""
    data = saved(photo(96, 96), kind)
    places = [*range(64), *np.linspace(64, len(data) - 60, 60).astype(int).tolist()]
    shown = [place for place in places if not read_picture(data[:place]).problem]
    assert shown == []
    assert any("truncated" in read_picture(data[:place]).problem for place in places)


def test_a_file_that_ends_inside_its_picture_is_called_truncated() -> None:
    """With what to do about it, for each format that tells."""
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        data = saved(photo(200, 200), kind)
        problem = read_picture(data[: len(data) // 2]).problem
        assert problem.startswith(f"the {kind} file is truncated"), problem
        assert problem.endswith("; send the whole file")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_last_byte_is_refused(progressive: bool) -> None:
    """The end has to be there, or nobody knows what else is missing."""
    data = saved(photo(96, 96), "JPEG", progressive=progressive)
    assert "truncated" in read_picture(data[:-1]).problem
    assert read_picture(data).problem == ""


def test_a_name_decides_nothing() -> None:
    """Nothing but the bytes is looked at: formats that are none of the five are refused, though Pillow reads them."""
    refused = "the file is none of JPEG, PNG, WebP, GIF and AVIF, whatever its name; convert it to one of them"
    for kind in ("TIFF", "BMP", "ICO", "PPM", "PDF", "TGA", "EPS", "DDS", "SGI", "PCX"):
        assert read_picture(saved(scene(), kind)).problem == refused, kind
    written = (
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html></html>",
        b"8BPS\0\1",
        b"PK\3\4",
        b"%PDF-1.7",
        b"\0",
    )
    assert {read_picture(data).problem for data in written} == {refused}
    assert read_picture(b"").problem == "the file is empty; send the picture again"


def test_a_polyglot_is_the_picture_it_begins_with() -> None:
    """A GIF that is a script and a JPEG that is a zip are decoded as pictures; nothing of the rest is kept."""
    script = saved(scene(), "GIF") + b"*/=1;alert(document.cookie)"
    archive = saved(scene(), "JPEG") + b"PK\3\4" + bytes(100)
    commented = saved(scene(), "JPEG", comment=b"<script>alert(1)</script>")
    for data in (script, archive, commented):
        picture = read_picture(data)
        assert (picture.problem, picture.width) == ("", WIDE)
        assert b"alert" not in picture.thumbnail
        assert b"PK\3\4" not in picture.thumbnail


def many_scans(number: int) -> bytes:
    """Return a progressive JPEG whose last scan comes `number` times more."""
    data = saved(scene(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * number + b"\xff\xd9"


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("24 scans", many_scans(100_000)),
        ("20,000 blocks", b"\xff\xd8" + b"\xff\xfe\0\3a" * 1_000_000 + saved(scene(), "JPEG")[2:]),
        ("20,000 blocks", b"\xff\xd8\xff" + b"\xff" * 1_000_000 + saved(scene(), "JPEG")[2:]),
        ("20,000 blocks", png(1, 1, bytes(4), more=chunk(b"tEXt", b"a") * 500_000)),
        ("20,000 blocks", b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\1a" * 2_000_000 + b"\0," + bytes(20)),
        ("20,000 blocks", b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\0" * 2_000_000 + b"," + bytes(20)),
    ],
    ids=["scans", "segments", "padding", "chunks", "comment", "comments"],
)
def test_a_file_of_a_million_blocks_takes_no_time(what: str, data: bytes) -> None:
    """Stepping through them would take seconds: it is refused with the limit."""
    began = time.perf_counter()
    problem = read_picture(data).problem
    assert problem.endswith(f" file has more than {what}, the limit; save it anew with any image editor")
    assert time.perf_counter() - began < 1


def test_a_block_more_or_less_is_no_matter() -> None:
    """Scans and comments below the limits are what photos have."""
    assert read_picture(many_scans(10)).problem == ""
    assert read_picture(b"\xff\xd8" + b"\xff\xfe\0\3a" * 1_000 + saved(scene(), "JPEG")[2:]).problem == ""


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000), (3_000, 1), (3, 2)])
def test_the_smallest_pictures_are_pictures(size: tuple[int, int]) -> None:
    """One pixel, or one row of them."""
    picture = read_picture(saved(Image.new("RGB", size, "red"), "PNG"))
    assert (picture.problem, (picture.width, picture.height)) == ("", size)
    assert pixels_of(picture).reshape(-1, 3).tolist() == [list(RED)] * (size[0] * size[1])


def test_the_perceptual_hash_hardly_changes_with_format_size_and_quality() -> None:
    """At most 6 of 64 bits apart for the same photo; 16 or more for others."""
    image = photo(640, 480).resize((64, 48)).resize((640, 480), Image.Resampling.BICUBIC)
    same = [
        read_picture(saved(image, "PNG")),
        read_picture(saved(image, "JPEG", quality=40)),
        read_picture(saved(image, "WEBP", quality=50)),
        read_picture(saved(image.resize((200, 150)), "JPEG")),
        read_picture(saved(image, "JPEG"), 480),
    ]
    other = read_picture(saved(ImageOps.mirror(image), "PNG"))
    assert max((one.phash ^ two.phash).bit_count() for one, two in pairwise(same)) <= 6
    assert min((one.phash ^ other.phash).bit_count() for one in same) >= 16


def refused_or_whole(picture: Picture) -> bool:
    """Return whether a picture has a problem and nothing else, or all that a picture has."""
    if picture.problem:
        return picture == Picture(problem=picture.problem)
    return bool(picture.hash and picture.thumbnail and picture.width and picture.height and picture.pixels is not None)


STARTS = [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8 ", b"\0\0\0\x20ftypavif", b""]
SMALL = {kind: saved(scene(16, 12), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF")}


@given(st.sampled_from(STARTS), st.binary(max_size=400))
@settings(max_examples=300)
def test_no_bytes_are_raised_about(start: bytes, rest: bytes) -> None:
    """Whatever comes in, a picture or a problem comes out."""
    assert refused_or_whole(read_picture(start + rest))


@given(st.sampled_from(sorted(SMALL)), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
@settings(max_examples=400)
def test_no_damage_is_raised_about(kind: str, changes: list[tuple[int, int]]) -> None:
    """Real files with bytes changed at random: a picture within the limits, or a problem."""
    data = bytearray(SMALL[kind])
    for place, value in changes:
        data[place % len(data)] = value
    picture = read_picture(bytes(data), image_pixels=1_000_000)
    assert refused_or_whole(picture)
    assert picture.width * picture.height <= 1_000_000


def test_what_a_decoder_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that does not suffice included."""

    def raising(error: Exception) -> Callable[..., Image.Image]:
        def opened(*_: object, **__: object) -> Image.Image:
            raise error

        return opened

    reasons = []
    for error in (MemoryError(), IndexError("out of range"), RecursionError()):
        monkeypatch.setattr(Image, "open", raising(error))
        reasons.append(read_picture(saved(scene(), "PNG")).problem)
    assert reasons == [
        "there was not enough memory to decode the PNG file; send a smaller one",
        "the PNG file is damaged (out of range); save it anew with any image editor",
        "the PNG file is damaged (RecursionError); save it anew with any image editor",
    ]
