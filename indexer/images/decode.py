"""From the bytes of a file to a Picture: pixels for encoders, thumbnail and perceptual hash, or why there are none.

JPEG, PNG, WebP, GIF (first frame) and AVIF, by their bytes (`formats`). Pixels are upright (EXIF), over white where
they are transparent, RGB from grey, palette, CMYK and 16 bits; colour profiles are not applied, as the encoders' own
training did not. A file that ends too early is refused, not shown in part: half a photo is another product's photo.

What bounds a picture whatever is in the file:

bytes   `image_bytes`, before anything is looked at.
pixels  `image_pixels`, by the header, before anything is decoded, and never more than Pillow's own limit of 89 million.
time    by both: no format decodes a pixel more than once but JPEG, which may have `formats.SCANS` scans. JPEG is
        decoded at a half, a quarter or an eighth of its size where that is enough, a few ms for a photo. The slowest
        files of 64 million pixels that are let in, PNG of 16 bits and WebP without loss, take 2 to 4 s.
memory  up to 16 bytes a pixel while it is decoded (WebP; PNG 4 to 12, JPEG at reduced size next to nothing). Of
        pictures over 8 million pixels that cannot be decoded smaller only one is decoded at a time, so that threads
        do not multiply them. What is handed on has 64 times `side` squared pixels at most: 10 MB at 224.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from contextlib import nullcontext
from math import ceil, sqrt

import numpy as np
from PIL import Image, UnidentifiedImageError

from indexer.images.formats import Bare, Refused, bare, orientation
from indexer.images.phash import GREY, phash
from indexer.picture import Picture

SIDE = 224
"""Shorter side that most encoders of pictures look at."""
THUMBNAIL = 192
"""Longer side of a thumbnail."""
QUALITY = 80
IMAGE_BYTES = 20_000_000
IMAGE_PIXELS = 64_000_000

_LEAST = 2 * GREY  # what a perceptual hash needs to be made of
_LONGEST = 16
_LARGE = 8_000_000
_ONE_LARGE = threading.Lock()
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns of odd files on stderr; here a problem is a value, and the limit on pixels is ours and lower than its.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read_picture(
    data: bytes, side: int = SIDE, *, image_bytes: int = IMAGE_BYTES, image_pixels: int = IMAGE_PIXELS
) -> Picture:
    """Return what is kept of a file; whatever its bytes are, nothing is raised: the `problem` says what is wrong.

    `pixels` has a shorter side of `side` to twice that (64 at least, and a longer side of at least 192, for hash and
    thumbnail), or of the whole image where that is smaller, or less where an image is over 16 times as long as wide.
    image_bytes, image_pixels: limits, see above.
    """
    if len(data) > image_bytes:
        return Picture(problem=f"the file has {len(data):,} bytes, the limit is {image_bytes:,}; send a smaller one")
    try:
        file = bare(data)
    except Refused as refusal:
        return Picture(problem=str(refusal))
    try:
        return _picture(file, hashlib.blake2b(data, digest_size=16).hexdigest(), side, image_pixels)
    except Refused as refusal:
        return Picture(problem=str(refusal))
    except Exception as error:  # decoders raise anything at what strangers made, and this is the border
        return Picture(problem=_reason(file, error, image_pixels))


def _reason(file: Bare, error: Exception, image_pixels: int) -> str:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"the image says that it has far more pixels than {image_pixels:,}, the limit; send a smaller one"
    if isinstance(error, MemoryError):
        return f"there was not enough memory to decode the {file.format} file; send a smaller one"
    if isinstance(error, UnidentifiedImageError):
        return f"the header of the {file.format} file cannot be read; save it anew with any image editor"
    said = " ".join((str(error) or type(error).__name__).split())[:200]
    if isinstance(error, EOFError) or "truncated" in said.lower():
        return f"the {file.format} file is truncated ({said}); send the whole file"
    return f"the {file.format} file is damaged ({said}); save it anew with any image editor"


def _picture(file: Bare, name: str, side: int, image_pixels: int) -> Picture:
    with Image.open(io.BytesIO(file.data), formats=[file.format]) as image:
        width, height = image.size
        if width * height > image_pixels:
            raise Refused(
                f"the image has {width:,} x {height:,} = {width * height:,} pixels, the limit is {image_pixels:,}; "
                "send a smaller one"
            )
        turn = orientation(file.exif or image.info.get("exif", b""))
        rgb = _upright(image, side, turn)
    if turn >= 5:
        width, height = height, width
    grey = rgb.convert("L").resize((GREY, GREY), Image.Resampling.LANCZOS)
    return Picture(
        hash=name,
        phash=int(phash(np.asarray(grey)[None])[0]),
        width=width,
        height=height,
        thumbnail=_thumbnail(rgb),
        pixels=np.array(rgb),
    )


def _upright(image: Image.Image, side: int, turn: int) -> Image.Image:
    """Decode, no larger than needed, and return RGB."""
    width, height = image.size
    times = _times(image.size, side)
    image.draft(None, (width // times, height // times))
    coded = image.size if not image.info.get("progressive") else (width, height)  # these are decoded whole, then scaled
    with _ONE_LARGE if coded[0] * coded[1] > _LARGE else nullcontext():
        image.load()
        rgb = _rgb(image, side)
    return rgb.transpose(_TURNS[turn]) if turn in _TURNS else rgb


def _times(size: tuple[int, int], side: int) -> int:
    """Return how many times smaller an image may become, or has to, where it is very long."""
    least = max(side, _LEAST)
    enough = min(min(size) // least, max(size) // THUMBNAIL)
    return max(1, enough, ceil(sqrt(size[0] * size[1] / (_LONGEST * 4 * least**2))))


def _rgb(image: Image.Image, side: int) -> Image.Image:
    if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        image = image.point(lambda value: 255 - value)  # Pillow takes each for Adobe's, which are inverted
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    clear = image.has_transparency_data
    if clear and image.mode != "RGBA":
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGB")
    if (times := _times(image.size, side)) > 1:
        image = image.reduce(times)
    if not clear:
        return image if image.mode == "RGB" else image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _thumbnail(rgb: Image.Image) -> bytes:
    times = min(1.0, THUMBNAIL / max(rgb.size))
    size = (max(1, round(rgb.width * times)), max(1, round(rgb.height * times)))
    small = rgb.resize(
        size, Image.Resampling.HAMMING, reducing_gap=1.0
    )  # a third of what LANCZOS takes, and as good here
    small.info = {}  # else a comment or a profile of the file would be written along
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
