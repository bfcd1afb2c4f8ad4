"""The encoder of pictures and captions, on a tiny model that is loaded as any other is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer import encoders
from indexer.encoders import Encoder, Vectors, open_clip
from indexer.encoders.clip.sight import Sight
from indexer.encoders.clip.tags import library
from indexer.errors import ModelNotFound
from indexer.models import found
from indexer.normalize import text_of
from indexer.picture import Picture, Pixels
from indexer.product import Product
from tests.conftest import TINY_CLIP


def pixels(seed: int, width: int = 48, height: int = 40) -> Pixels:
    """Return a picture of colours by chance."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def picture(seed: int) -> Picture:
    """Return a picture that was read."""
    return Picture(hash=f"{seed:032x}", pixels=pixels(seed))


UNREAD = Picture(problem="the file is truncated")
LISTINGS = [
    Product("1", title="Red cotton shirt", images=("1.jpg",), pictures=(picture(1),)),
    Product("2", title="Steel kettle, 1.7 l", description="Boils fast. " * 30),
    Product("3", images=("1.jpg", "2.jpg"), pictures=(picture(1), picture(2))),
    Product("4", images=("x.jpg", "2.jpg", "1.jpg"), pictures=(UNREAD, picture(2), picture(1))),
    Product("5", title="Red cotton shirt", images=("x.jpg",), pictures=(UNREAD,)),
    Product("6", images=("1.jpg", "1.jpg"), pictures=(picture(1), picture(1))),
]


@pytest.fixture(scope="module")
def encoder(tiny_clip: Path) -> Encoder:
    """Return the encoder of the tiny model."""
    return encoders.load(f"open_clip:{tiny_clip}")


def test_an_encoder_says_all_that_decides_about_its_vectors(encoder: Encoder, tiny_clip: Path) -> None:
    """Model, weights, frame, pictures and tokens that it looks at, version of the text."""
    sha256 = found(str(tiny_clip)).sha256
    assert encoder.name == (
        f"open_clip:tiny@{sha256[:12]} frame=32/shortest/bilinear/0.5,0.4,0.3/0.5,0.25,0.2 pictures=8 tokens=77 text=1"
    )
    assert list(encoder.parts.items()) == [("caption", 16), ("image", 16)]  # pictures last, as an index wants them
    assert encoder.side == 32
    assert isinstance(encoder, Encoder)


def test_vectors_are_those_of_open_clip_with_its_own_transform(encoder: Encoder, tiny_clip: Path) -> None:
    """Preprocessing, towers and tokens together, to 1e-5: what open_clip's documentation tells one to do."""
    with library() as reference, torch.inference_mode():
        model, _, transform = reference.create_model_and_transforms(f"local-dir:{tiny_clip}")
        tokens = reference.get_tokenizer(f"local-dir:{tiny_clip}")([text_of(each) for each in LISTINGS[:2]])
        image = model.eval().encode_image(transform(Image.fromarray(pixels(1)))[None], normalize=True).numpy()
        caption = model.encode_text(tokens, normalize=True).numpy()
    got = encoder.encode(LISTINGS)
    np.testing.assert_allclose(got.parts["image"][0], image[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(got.parts["caption"][:2], caption, rtol=0, atol=1e-5)


def test_a_product_has_the_parts_that_it_can_have(encoder: Encoder) -> None:
    """A picture that could not be read is none; rows are unit vectors, and zeros where there is nothing."""
    got = encoder.encode(LISTINGS)
    assert got.mask["image"].tolist() == [True, False, True, True, False, True]
    assert got.mask["caption"].tolist() == [True, True, False, False, True, False]
    for part, rows in got.parts.items():
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), got.mask[part].astype(np.float32), atol=1e-6)


def test_pictures_count_by_their_place_each_once(encoder: Encoder) -> None:
    """One and a half of the first and the second; unread ones leave their place to the next."""
    rows = encoder.encode(LISTINGS).parts["image"]
    first, second = (
        encoder.encode([Product("p", images=("p",), pictures=(picture(n),))]).parts["image"][0] for n in (1, 2)
    )
    for row, mean in ((2, first + second / 2), (3, second + first / 2), (5, first)):
        np.testing.assert_allclose(rows[row], mean / np.linalg.norm(mean), rtol=0, atol=1e-6)


def test_pictures_after_the_eighth_are_not_looked_at(encoder: Encoder) -> None:
    """A product with twelve has the vector of its first eight."""
    both = [Product("p", images=("p",), pictures=tuple(picture(n) for n in range(count))) for count in (8, 12)]
    rows = encoder.encode(both).parts["image"]
    assert np.array_equal(rows[0], rows[1])


def test_each_picture_of_a_call_is_encoded_once(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred products with three photos among them are three pictures to the tower."""
    seen: list[int] = []
    rows = Sight.rows

    def counted(self: Sight, given: Sequence[Pixels]) -> Vectors:
        seen.append(len(given))
        return rows(self, given)

    monkeypatch.setattr(Sight, "rows", counted)
    encoder.encode([Product(str(n), images=("p",), pictures=(picture(n % 3),)) for n in range(200)])
    assert sum(seen) == 3


def test_a_vector_does_not_depend_on_which_others_come_with_it(encoder: Encoder) -> None:
    """Alone or among a hundred, in several batches and threads: 1e-5 at most."""
    many = [
        Product(str(n), title=f"kettle {n} " * (n % 30 + 1), images=("p",), pictures=(picture(n),)) for n in range(100)
    ]
    together = encoder.encode(many).parts
    for number in (0, 17, 99):
        for part, rows in encoder.encode([many[number]]).parts.items():
            np.testing.assert_allclose(together[part][number], rows[0], rtol=0, atol=1e-5)


def test_progress_adds_up_to_the_products(encoder: Encoder) -> None:
    """Whatever they have, and with nothing to encode as well."""
    for products in (LISTINGS * 30, LISTINGS[1:2], [Product("x", images=("x",), pictures=(UNREAD,))], []):
        told: list[int] = []
        encoder.encode(products, told.append)
        assert sum(told) == len(products)
        assert all(count > 0 for count in told)


def test_no_products_are_no_rows(encoder: Encoder) -> None:
    """Of the stated width all the same."""
    assert {part: rows.shape for part, rows in encoder.encode([]).parts.items()} == {
        "image": (0, 16),
        "caption": (0, 16),
    }


def test_other_weights_are_another_fingerprint(save_clip: Callable[..., Path], tmp_path: Path) -> None:
    """Two models of one name never share an index."""
    names = {open_clip.load(str(save_clip(tmp_path / f"{seed}" / "clip", TINY_CLIP, seed))).name for seed in (1, 2)}
    assert len(names) == 2


def test_without_weights_the_command_that_gets_them_is_named(hub_cache: Path) -> None:
    """Nothing is fetched by the way."""
    assert not any(hub_cache.iterdir())
    with pytest.raises(ModelNotFound, match=r"with: aisle models pull$"):
        encoders.load("open_clip")
    assert not any(hub_cache.iterdir())
