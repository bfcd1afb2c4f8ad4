"""Draws the small product pictures of the sample catalogue; `make_sample.py` runs it.

A drawing is a list of shapes on a grid of 96 x 96 (data/sample_words/pictures.toml). Only sums, products, comparisons
and integers decide about a pixel, so every machine draws the same one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from itertools import pairwise

import numpy as np
import numpy.typing as npt

SIZE = 96
FINE = 4  # each pixel is sampled FINE x FINE times

Bits = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int64]
Colour = tuple[int, int, int]

FIXED = {"ink": (52, 48, 56), "white": (252, 251, 247), "wood": (190, 143, 96), "leaf": (104, 148, 84)}
_grid = (np.arange(SIZE * FINE) + 0.5) / FINE
xs, ys = np.meshgrid(_grid, _grid)


def picture(shapes: Sequence[str], main: str, accent: str, backdrop: str, pattern: str, *, flip: bool) -> bytes:
    """Return a PNG of `shapes`; colours are "#rrggbb", `pattern` (plain, stripes or dots) covers the main colour."""
    colours = dict(FIXED) | {"main": rgb(main), "accent": rgb(accent)}
    colours["dark"] = blend(colours["main"], (30, 26, 40), 3)
    colours["light"] = blend(colours["main"], (255, 255, 255), 5)
    canvas = np.empty((SIZE, SIZE, 3), dtype=np.int64)
    canvas[:] = rgb(backdrop)
    lay(canvas, coverage("ink oval 14 80 82 92") // 8, (0, 0, 0))  # a soft shadow on the ground
    for shape in shapes:
        role = shape.partition(" ")[0]
        lay(canvas, coverage(shape), colours[role])
        if role == "main" and pattern != "plain":
            lay(
                canvas,
                coverage(shape) * cover_pattern(pattern) // FINE**2,
                blend(colours["main"], colours["accent"], 8),
            )
    return png(canvas[:, ::-1] if flip else canvas)


def rgb(text: str) -> Colour:
    """Return "#rrggbb" as numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def blend(one: Colour, other: Colour, sixteenths: int) -> Colour:
    """Return `one` with that many sixteenths of `other` in it."""
    red, green, blue = ((a * (16 - sixteenths) + b * sixteenths) // 16 for a, b in zip(one, other, strict=True))
    return red, green, blue


def lay(canvas: Levels, cover: Levels, colour: Colour) -> None:
    """Lay `colour` over the canvas where `cover` (0 to 16) says."""
    full = FINE**2
    canvas[:] = (canvas * (full - cover[..., None]) + np.array(colour) * cover[..., None]) // full


@cache
def coverage(shape: str) -> Levels:
    """Return how many of each pixel's 16 samples the shape covers."""
    _, kind, *rest = shape.split()
    return count(inside(kind, [float(number) for number in rest]))


@cache
def cover_pattern(name: str) -> Levels:
    """Return the coverage of stripes or dots over the whole picture."""
    dots = (xs % 12 - 6) ** 2 + (ys % 12 - 6) ** 2 < 5
    return count(dots if name == "dots" else ys % 10 < 3)


def count(bits: Bits) -> Levels:
    """Add up the samples of each pixel."""
    samples: Levels = bits.reshape(SIZE, FINE, SIZE, FINE).sum(axis=(1, 3), dtype=np.int64)
    return samples


def inside(kind: str, v: Sequence[float]) -> Bits:
    """Return which samples lie inside a shape; `v` are its numbers as pictures.toml explains them."""
    if kind == "oval":
        return ellipse(*v)
    if kind == "ring":
        width, x0, y0, x1, y1 = v
        return ellipse(x0, y0, x1, y1) & ~ellipse(x0 + width, y0 + width, x1 - width, y1 - width)
    if kind == "box":
        x0, y0, x1, y1, radius = v
        dx = np.maximum(np.maximum(x0 + radius - xs, xs - x1 + radius), 0)
        dy = np.maximum(np.maximum(y0 + radius - ys, ys - y1 + radius), 0)
        within: Bits = (dx * dx + dy * dy <= radius * radius) & (xs >= x0) & (xs <= x1) & (ys >= y0) & (ys <= y1)
        return within
    if kind == "line":
        points = list(zip(v[1::2], v[2::2], strict=True))
        return reduce(np.logical_or, [near(a, b, v[0] / 2) for a, b in pairwise(points)])
    return polygon(list(zip(v[::2], v[1::2], strict=True)))


def ellipse(x0: float, y0: float, x1: float, y1: float) -> Bits:
    """Return the samples inside the ellipse that fills a box."""
    return ((2 * xs - x0 - x1) * (y1 - y0)) ** 2 + ((2 * ys - y0 - y1) * (x1 - x0)) ** 2 <= ((x1 - x0) * (y1 - y0)) ** 2


def near(a: tuple[float, float], b: tuple[float, float], reach: float) -> Bits:
    """Return the samples within `reach` of the segment from a to b."""
    along = (b[0] - a[0], b[1] - a[1])
    t = np.clip(((xs - a[0]) * along[0] + (ys - a[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2), 0, 1)
    return (xs - a[0] - t * along[0]) ** 2 + (ys - a[1] - t * along[1]) ** 2 <= reach * reach


def polygon(points: Sequence[tuple[float, float]]) -> Bits:
    """Return the samples inside a polygon, by counting the edges to their right."""
    within = np.zeros(xs.shape, dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        if ay != by:
            within ^= ((ay > ys) != (by > ys)) & (xs < (bx - ax) * (ys - ay) / (by - ay) + ax)
    return within


def png(canvas: Levels) -> bytes:
    """Return the canvas as a PNG of one IDAT chunk, each row unfiltered."""
    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in canvas)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    chunks: Mapping[bytes, bytes] = {b"IHDR": header, b"IDAT": zlib.compress(rows, 9), b"IEND": b""}
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)
