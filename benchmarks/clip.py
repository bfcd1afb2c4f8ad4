"""Pictures: the whole pipeline beside the bare tower, captions cut beside captions filled up, architectures, memory.

    python -m benchmarks.clip [pipeline] [captions] [architectures] [memory]

Weights are by chance: speed does not depend on them, and nothing is downloaded. Whatever is compared takes turns in one
run (A B B A), 15 pairs, and the ratio is the median of the pairs with a bootstrap interval; CPU-seconds stand beside
wall time, since a busy machine halves the one and hardly moves the other. What came out is checked as it is timed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.machine import RESULTS, write
from indexer.encoders import open_clip
from indexer.encoders.clip import checkpoint
from indexer.encoders.clip.caption import Captions
from indexer.encoders.clip.sight import Sight
from indexer.encoders.clip.tags import library
from indexer.encoders.threads import workers
from indexer.images.gallery import Given
from indexer.images.looking import look
from indexer.models import CONFIG, WEIGHTS, found
from indexer.product import Product

ARCHITECTURE = "ViT-B-32"
ARCHITECTURES = (
    "ViT-B-32",
    "ViT-B-32-256",
    "ViT-M-32",
    "ViT-B-16-SigLIP",
    "ViT-B-32-SigLIP2-256",
    "MobileCLIP2-S0",
)
"""Marqo's e-commerce B is a ViT-B-16-SigLIP, and SigLIP 2's B/16 has its image tower; TinyCLIP 40M/32 has that of
ViT-M-32."""
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 224, "layers": 1, "width": 32, "head_width": 16, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PAIRS = 15
PICTURES = 32
"""In one turn; a batch for each of two threads."""
SIDE = 1_000
"""Of the JPEG files, in pixels."""
TITLES = (
    "Oakridge bypass pruner with hardened blade, 21 cm",
    "Brewmont french press coffee maker, steel plunger and heat-proof glass, 1 l, for six cups",
    "Terracotta planter",
    "Hollin dog lead, padded handle, reflective nylon webbing, 2 m, medium, orange, washable at 30 degrees",
)
MEMORY_PICTURES = 20_000
TARGETS = {"pipeline_of_tower": 0.95, "memory_growth_mb": 0}


def saved(settings: dict[str, Any], folder: Path) -> Path:
    """Write a model with weights by chance as a hub has it."""
    given = dict(settings)
    with library() as loaded:
        torch.manual_seed(0)
        model = (loaded.CustomTextCLIP if given.pop("custom_text", False) else loaded.CLIP)(**given)
    folder.mkdir(parents=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS[0])
    (folder / CONFIG).write_text(json.dumps({"model_cfg": settings}), "utf-8")
    return folder


def built_in(architecture: str, folder: Path) -> Path:
    """Write one of open_clip's own architectures."""
    with library() as loaded:
        return saved(loaded.get_model_config(architecture), folder)


def photos(count: int, side: int = SIDE) -> dict[str, bytes]:
    """Return JPEG files that look like nothing but take as long as photos do: smooth ground, edges and grain."""
    files = {}
    chance = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (12, 12, 3)).astype(np.uint8))
        ground = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(np.int16)
        grain = chance.integers(-12, 13, (side, side, 1))
        out = io.BytesIO()
        Image.fromarray(np.clip(ground + grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
        files[f"{number}.jpg"] = out.getvalue()
    return files


def pipeline(folder: Path) -> dict[str, Any]:
    """Return how fast files become vectors beside how fast the tower alone is on what they become."""
    here = found(str(folder))
    loaded = checkpoint.load(here)
    encoder, sight = open_clip.ClipEncoder(here, loaded), Sight(loaded)
    files = photos(PICTURES)
    products = [Product(str(row), images=(name,)) for row, name in enumerate(files)]
    looked = list(look(products, Given(files), encoder.side))
    pixels = [picture.pixels for product in looked for picture in product.pictures if picture.pixels is not None]
    framed = [
        torch.from_numpy(np.stack([loaded.frame(each) for each in pixels[start : start + open_clip.BATCH]]))
        for start in range(0, len(pixels), open_clip.BATCH)
    ]
    expected = encoder.encode(looked).parts["image"]

    def bare(turns: int = 1) -> None:
        for _ in range(turns):
            with ThreadPoolExecutor(workers()) as pool:
                _same(np.concatenate(list(pool.map(partial(_tower, loaded), framed))), expected)

    def whole() -> None:
        _same(encoder.encode(list(look(products, Given(files), encoder.side))).parts["image"], expected)

    def streamed(turns: int) -> None:
        """As a build does it: chunk after chunk, the next one decoded meanwhile."""
        rows = iter(look(products * turns, Given(files), encoder.side))
        for chunk in iter(lambda: list(islice(rows, len(products))), []):
            _same(encoder.encode(chunk).parts["image"], expected)

    sight.rows(pixels[:1])
    return {
        "architecture": ARCHITECTURE,
        "pictures": len(files),
        "file_kb": round(sum(map(len, files.values())) / len(files) / 1000),
        "alone": compared(PAIRS, len(files), bare, whole, names=("bare_tower", "pipeline")),
        "streamed": compared(
            PAIRS // 2,
            3 * len(files),
            lambda: bare(3),
            lambda: streamed(3),
            names=("bare_tower", "pipeline"),
        ),
        "decode_per_cpu_second": _rate(lambda: list(look(products, Given(files), encoder.side)), len(files)),
        "frame_per_cpu_second": _rate(lambda: [loaded.frame(each) for each in pixels], len(files)),
    }


def captions(folder: Path) -> dict[str, Any]:
    """Return how fast texts are when each batch ends with its longest, beside all of them filled up to 77 places."""
    here = found(str(folder))
    loaded = checkpoint.load(here)
    tower = Captions(loaded)
    texts = [f"{title} {number}" for number in range(16) for title in TITLES]
    batches = list(tower.batches(texts))
    tokens = loaded.tokenizer(texts)
    workers()

    @torch.inference_mode()
    def filled(rows: Sequence[int]) -> Any:
        return torch.nn.functional.normalize(loaded.model.encode_text(tokens[rows]), dim=-1).numpy()  # type: ignore[operator]

    expected = np.concatenate([filled(positions) for positions, _ in batches])

    def cut() -> None:
        with ThreadPoolExecutor(workers()) as pool:
            _same(np.concatenate(list(pool.map(lambda batch: tower.rows(batch[1]), batches))), expected)

    def whole() -> None:
        with ThreadPoolExecutor(workers()) as pool:
            _same(np.concatenate(list(pool.map(lambda batch: filled(batch[0]), batches))), expected)

    rows = np.concatenate([tower.rows(batch) for _, batch in batches])
    return {
        "architecture": ARCHITECTURE,
        "texts": len(texts),
        "tokens_mean": round(float(np.mean([len(batch[0]) for _, batch in batches])), 1),
        "largest_difference": float(np.abs(rows - expected).max()),
        **compared(PAIRS, len(texts), whole, cut, names=("filled_up", "cut")),
    }


def architectures(folder: Path, rounds: int = 3) -> dict[str, Any]:
    """Return pictures and texts a second of each architecture, all in turn."""
    loaded = {}
    for name in ARCHITECTURES:
        with library() as open_clip_:
            settings = open_clip_.get_model_config(name)
        settings["text_cfg"].pop("hf_tokenizer_name", None)  # its file is in a hub; any tokens take the same time
        settings["text_cfg"].pop("tokenizer_kwargs", None)
        loaded[name] = checkpoint.load(found(str(saved(settings, folder / name))))
    spent: dict[str, dict[str, list[float]]] = {name: {} for name in loaded}
    for _ in range(rounds):
        for name, model in loaded.items():
            frame, tower = model.frame, Captions(model)
            batches = [torch.rand(8, 3, frame.height, frame.width) for _ in range(workers())]
            text = torch.randint(1, 400, (16, tower.tokens))
            short = torch.randint(1, 400, (16, 20))
            marked = [_marked(text), _marked(short)] if tower.cut else [text]
            _spend(spent[name], "pictures", partial(_tower, model), batches, 8)
            _spend(spent[name], "texts", tower.rows, marked[:1] * workers(), 16)
            _spend(spent[name], "titles", tower.rows, marked[-1:] * workers(), 16)
    return {
        name: {
            **{f"{what}_per_cpu_second": round(float(np.median(rates)), 1) for what, rates in each.items()},
            "million_parameters": round(sum(value.numel() for value in loaded[name].model.parameters()) / 1e6, 1),
            "side": loaded[name].frame.side,
            "cut": Captions(loaded[name]).cut,
        }
        for name, each in spent.items()
    }


def memory(folder: Path) -> dict[str, Any]:
    """Return the resident memory while 20,000 different pictures go through, by a tower too small to take time."""
    encoder = open_clip.load(str(saved(TINY, folder / "tiny")))
    files = photos(16, 400)
    rows = (Product(str(number), images=(f"{number}.jpg",)) for number in range(MEMORY_PICTURES))
    looked = look(rows, _Stamped(list(files.values())), encoder.side)
    seen: dict[int, float] = {}
    done = 0
    began = time.perf_counter()
    for chunk in iter(lambda: list(islice(looked, 250)), []):
        if not encoder.encode(chunk).mask["image"].all():
            raise SystemExit("a picture was not seen")
        done += len(chunk)
        if done % 2_000 == 0:
            seen[done] = round(_resident(), 1)
    readings = list(seen.values())
    return {
        "pictures": done,
        "seconds": round(time.perf_counter() - began),
        "resident_mb": seen,
        "growth_mb": round(float(np.median(readings[-3:]) - np.median(readings[1:4])), 1),
    }


class _Stamped:
    """A gallery of a few photos, each file made another one by a comment with its name."""

    def __init__(self, files: list[bytes]) -> None:
        self._files = files

    def read(self, reference: str) -> bytes:
        file = self._files[int(reference.partition(".")[0]) % len(self._files)]
        comment = hashlib.sha256(reference.encode()).digest()
        return file[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + file[2:]


def compared(
    pairs: int, items: int, first: Callable[[], object], second: Callable[[], object], names: tuple[str, str]
) -> dict[str, Any]:
    """Return rates of both, taking turns, and the ratio of the second's to the first's with a bootstrap interval."""
    first(), second()
    wall, cpu = np.zeros((pairs, 2)), np.zeros((pairs, 2))
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            began, began_cpu = time.perf_counter(), time.process_time()
            (first, second)[which]()
            wall[pair, which], cpu[pair, which] = time.perf_counter() - began, time.process_time() - began_cpu
    found = {
        f"{name}_per_{of}": round(float(items / np.median(times[:, which])), 2)
        for which, name in enumerate(names)
        for of, times in (("second", wall), ("cpu_second", cpu))
    }
    return {**found, "pairs": pairs, "ratio": _ratio(wall), "ratio_of_cpu": _ratio(cpu)}


@torch.inference_mode()
def _tower(model: checkpoint.Checkpoint, batch: torch.Tensor) -> Any:
    return torch.nn.functional.normalize(model.model.encode_image(batch), dim=-1).numpy()  # type: ignore[operator]


def _ratio(times: Any) -> dict[str, Any]:
    ratios = times[:, 0] / times[:, 1]
    drawn = np.random.default_rng(0).choice(ratios, (2_000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return {"median": round(float(np.median(ratios)), 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def _same(got: Any, expected: Any) -> None:
    if not np.abs(got - expected).max() < 1e-5:
        raise SystemExit(f"the vectors differ by {np.abs(got - expected).max()}")


def _rate(work: Callable[[], object], items: int) -> float:
    work()
    began = time.process_time()
    work()
    return round(items / (time.process_time() - began), 1)


def _spend(
    spent: dict[str, list[float]],
    what: str,
    work: Callable[[torch.Tensor], object],
    batches: Iterable[torch.Tensor],
    each: int,
) -> None:
    given = list(batches)
    began = time.process_time()
    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(work, given))
    spent.setdefault(what, []).append(each * len(given) / (time.process_time() - began))


def _marked(tokens: torch.Tensor) -> torch.Tensor:
    """Return the tokens with the end mark, which is the highest, in the last place."""
    tokens[:, -1] = 49_407
    return tokens


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["pipeline", "captions", "architectures", "memory"])
    given = parser.parse_args()
    old = RESULTS / "clip.json"
    result = json.loads(old.read_text("utf-8")) if old.is_file() else {}
    result.pop("machine", None)
    with TemporaryDirectory() as folder:
        room = Path(folder)
        model = built_in(ARCHITECTURE, room / "model") if {"pipeline", "captions"} & set(given.parts) else room
        for part in given.parts:
            if part in ("pipeline", "captions"):
                result[part] = {"pipeline": pipeline, "captions": captions}[part](model)
            else:
                result[part] = {"architectures": architectures, "memory": memory}[part](room / part)
            write("clip", {"targets": TARGETS, **result})


if __name__ == "__main__":
    main()
