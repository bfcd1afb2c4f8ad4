"""indexer/images/formats.py: what a file is by its bytes, and what of it reaches a decoder."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from indexer.images.formats import Bare, Refused, bare, orientation


def saved(kind: str, **options: object) -> bytes:
    """Return a red picture as a file."""
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, kind, **options)
    return file.getvalue()


def exif_of(turn: int, order: str = ">") -> bytes:
    """Return EXIF that says nothing but how a picture has to be turned."""
    mark = b"MM" if order == ">" else b"II"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, turn, 0)
    return b"Exif\0\0" + mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_the_first_bytes_say_what_a_file_is(kind: str) -> None:
    """Each of the five is known without a name."""
    assert bare(saved(kind)).format == kind


def test_metadata_of_a_jpeg_reaches_no_decoder() -> None:
    """EXIF is handed on beside it; comment, profile and what hangs on behind are gone; the rest decodes the same."""
    exif, plain = exif_of(6), saved("JPEG")
    full = saved("JPEG", exif=exif, comment=b"by hand", icc_profile=b"p" * 200_000, xmp=b"<x/>") + b"PK\3\4"
    assert bare(full) == Bare("JPEG", plain, exif)
    assert bare(plain) == Bare("JPEG", plain, b"")


def test_metadata_of_a_png_reaches_no_decoder() -> None:
    """Likewise; only the five blocks that make the picture are left."""
    exif, plain = exif_of(3), saved("PNG")
    full = saved("PNG", exif=exif, icc_profile=b"p" * 1_000, dpi=(72, 72)) + b"tail"
    assert bare(full) == Bare("PNG", plain, exif.removeprefix(b"Exif\0\0"))


def test_comments_of_a_gif_reach_no_decoder() -> None:
    """What is said of the first frame's transparency stays."""
    plain = saved("GIF", transparency=0)
    control = plain.index(b"!\xf9")
    full = plain[:control] + b"!\xfe\4abcd\0!\xff\x0bNETSCAPE2.0\3\1\0\0\0" + plain[control:]
    assert bare(full) == Bare("GIF", plain)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_is_read_in_both_byte_orders(order: str, turn: int) -> None:
    """With and without the word before it."""
    exif = exif_of(turn, order)
    assert (orientation(exif), orientation(exif.removeprefix(b"Exif\0\0"))) == (turn, turn)


def test_an_orientation_that_cannot_be_read_is_1() -> None:
    """None, out of range, cut off, or behind a thousand other entries."""
    other = struct.pack(">HHIHH", 0x0100, 3, 1, 1, 0)
    long = b"MM" + struct.pack(">HIH", 42, 8, 1_001) + other * 1_000 + exif_of(6)[-16:-4]
    whole = exif_of(6)
    assert [orientation(each) for each in (b"", b"XX", exif_of(0), exif_of(9), long)] == [1] * 5
    assert {orientation(whole[:length]) for length in range(len(whole) - 6)} == {1}


def test_a_jpeg_that_ends_before_it_begins_is_refused() -> None:
    """There is no picture in it."""
    with pytest.raises(Refused, match="ends before its picture begins; send the whole file"):
        bare(b"\xff\xd8\xff\xd9" + bytes(20))
