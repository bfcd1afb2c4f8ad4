"""Pictures: how many are decoded in a second, what searching perceptual hashes costs, and that memory does not grow.

    python -m benchmarks.images

`decode`: files of flipkart_1050, as they are (256 pixels) and as photos of 1,000 pixels, which the set does not have:
enlarged, with grain, saved as JPEG of quality 85. Of those whole, and at the size that an encoder of 224 asks for; each
way in one thread, the ways in turn, and through `look` in one thread for each core. `agree`: by how many bits the hash
of a photo decoded at reduced size differs from that of the whole one. `search`: a million hashes. `memory`: resident
MB after so many pictures.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import DATA, write
from indexer.images.decode import read_picture
from indexer.images.gallery import Given
from indexer.images.lookalikes import Lookalikes
from indexer.images.looking import look
from indexer.product import Product

FILES = 300
LONGER = 1_000
SIDE, WHOLE = 224, 1_000_000
ROUNDS = 3
HASHES = 1_000_000
RADII = (0, 8, 16)
AFTER = (2_000, 20_000)


def photos(files: Sequence[bytes]) -> list[bytes]:
    """Return the same pictures as photos of 1,000 pixels."""
    rng = np.random.default_rng(0)
    made = []
    for data in files:
        with Image.open(io.BytesIO(data)) as image:
            times = LONGER / max(image.size)
            size = (round(image.width * times), round(image.height * times))
            large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
        grain = rng.normal(0, 3, (*large.shape[:2], 1))
        file = io.BytesIO()
        Image.fromarray((large + grain).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
        made.append(file.getvalue())
    return made


def decode(files: Sequence[bytes], large: Sequence[bytes]) -> dict[str, dict[str, float]]:
    """Return pictures a second of each way, and milliseconds of the processor for each."""
    ways: dict[str, Callable[[], int]] = {
        "as_they_are": lambda: _alone(files, SIDE),
        "photos_whole": lambda: _alone(large, WHOLE),
        "photos_reduced": lambda: _alone(large, SIDE),
        "as_they_are_all_cores": lambda: _together(files),
        "photos_reduced_all_cores": lambda: _together(large),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    processor: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            began, used = time.perf_counter(), time.process_time()
            done = run()
            seconds[way].append((time.perf_counter() - began) / done)
            processor[way].append((time.process_time() - used) / done)
    return {
        "pictures_per_s": {way: round(1 / median(each), 1) for way, each in seconds.items()},
        "cpu_ms_per_picture": {way: round(1_000 * median(each), 2) for way, each in processor.items()},
    }


def _alone(files: Sequence[bytes], side: int) -> int:
    return sum(not read_picture(data, side).problem for data in files)


def _together(files: Sequence[bytes]) -> int:
    return sum(not product.pictures[0].problem for product in _looked_at(files, len(files)))


def _looked_at(files: Sequence[bytes], number: int) -> Iterator[Product]:
    """Yield products with a picture each, again and again of the same files."""
    names = [f"{at}.jpg" for at in range(len(files))]
    products = (Product(id=str(at), images=(name,)) for at, name in enumerate(islice(cycle(names), number)))
    return look(products, Given(dict(zip(names, files, strict=True))), SIDE)


def agree(large: Sequence[bytes]) -> dict[str, int]:
    """Return how many photos have hashes that differ by so many bits when decoded at reduced size."""
    bits = Counter((read_picture(data, WHOLE).phash ^ read_picture(data, SIDE).phash).bit_count() for data in large)
    return {str(number): bits[number] for number in sorted(bits)}


def search() -> dict[str, Any]:
    """Return milliseconds of a search of a million hashes by radius, and of a change of one of them."""
    rng = np.random.default_rng(0)
    lookalikes = Lookalikes(np.arange(HASHES), rng.integers(0, 2**64, HASHES, np.uint64))
    asked = rng.integers(0, 2**64, 20, np.uint64).tolist()
    by_radius = {str(radius): _ms([partial(lookalikes.search, one, radius) for one in asked]) for radius in RADII}
    change = _ms([partial(lookalikes.put, np.array([key]), np.array([7], np.uint64)) for key in range(20)])
    return {"hashes": HASHES, "search_ms_by_radius": by_radius, "change_ms": change}


def _ms(calls: Sequence[Callable[[], object]]) -> float:
    seconds = []
    for call in calls:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return round(1_000 * median(seconds), 2)


def memory(files: Sequence[bytes], large: Sequence[bytes]) -> dict[str, float]:
    """Return resident MB before any picture and after so many, small ones and photos in turn."""
    mixed = [data for pair in zip(files, large, strict=True) for data in pair]
    resident = {"0": _resident()}
    for number, _ in enumerate(_looked_at(mixed, max(AFTER)), start=1):
        if number in AFTER:
            resident[str(number)] = _resident()
    return resident


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1_024, 1)
    return 0.0


def main() -> None:
    """Measure all of it."""
    paths = sorted((DATA / "flipkart_1050" / "images").glob("*.jpg"))[:FILES]
    files = [path.read_bytes() for path in paths]
    large = photos(files)
    sizes = {
        "files": len(files),
        "mean_kb": round(sum(map(len, files)) / len(files) / 1_000, 1),
        "photos_mean_kb": round(sum(map(len, large)) / len(large) / 1_000, 1),
    }
    resident = memory(files, large)
    speeds = decode(files, large)
    write(
        "images",
        {
            **sizes,
            **speeds,
            "hash_bits_differing": agree(large),
            "lookalikes": search(),
            "resident_mb_after": resident,
        },
    )


if __name__ == "__main__":
    main()
