"""indexer/space/names.py: what categories say of themselves, and how like it a product is."""

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import SnapshotDamaged
from indexer.product import Product
from indexer.space import Space, spaces_of
from indexer.space.names import FILE, Names, spoken_names
from taxonomy.tree import Tree

PARTS = {"text": 2, "image": 1}
WHOLE = Space(PARTS)
"""One view of both parts, as an encoder of texts may have several."""
TREE = Tree.from_paths(
    [("Home", "Bath"), ("Toys",)], {("Home",): "h", ("Home", "Bath"): "b", ("Toys",): "t"}, {("Home", "Bath"): "tub"}
)
NAMES = Names(PARTS, np.array([[1, 0, 0], [0.6, 0.8, 1], [0, 0, 0]]))


def test_a_category_says_its_name_its_path_and_its_note() -> None:
    """The name as a title, since a model reads that first; from a position on, those that joined since."""
    said = [Product("h", "Home", "Home "), Product("b", "Bath", "Home Bath tub"), Product("t", "Toys", "Toys ")]
    assert said == spoken_names(TREE)
    assert said[1:] == spoken_names(TREE, 1)
    assert [] == spoken_names(TREE, 3)


def test_likeness_is_the_mean_cosine_of_the_parts_that_both_have() -> None:
    """Text alone, text and picture, and nothing in common: 0."""
    asked = np.array([[0, 1, 0], [0, 1, -1], [0, 0, 1], [0, 0, 0]], np.float32)
    expected = np.array([[0, 0.8, 0], [0, (0.8 - 1) / 2, 0], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(NAMES.similarity(asked, np.array([0, 1, 2], np.int32), WHOLE), expected, atol=1e-6)
    one = NAMES.similarity(asked, np.array([1], np.int32), WHOLE)[:, 0]
    np.testing.assert_allclose(one, [0.8, -0.1, 1, 0], atol=1e-6)
    assert (4, 0) == NAMES.similarity(asked, np.zeros(0, np.int32), WHOLE).shape


def test_each_view_compares_its_own_parts() -> None:
    """A name that a text is like says nothing of the picture, unless captions say what pictures look like."""
    parts = {"text": 1, "caption": 2, "image": 2, "image_small": 2}
    names = Names(parts, np.array([[1, 0.6, 0.8, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0, 0]]))
    spaces = spaces_of(parts)
    both = np.array([[1, 0, 1, 0.8, 0.6, 0.6, 0.8], [0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1, 0]], np.float32)
    every = np.arange(2, dtype=np.int32)
    np.testing.assert_allclose(
        names.similarity(both, every, spaces["text"]), [[0.9, -1.0], [0.0, 0.0], [0.0, 0.0]], atol=1e-6
    )
    by_image = names.similarity(both, every, spaces["image"])
    np.testing.assert_allclose(
        by_image, [[0.96, 0.0], [0.8, 0.0], [0.0, 0.0]], atol=1e-6
    )  # no caption is of another model


@pytest.mark.parametrize("parts", [{"text": 2, "image": 2}, {"text": 1, "caption": 1, "image": 2}])
def test_pictures_without_captions_of_their_model_are_like_no_name(parts: dict[str, int]) -> None:
    """Where there are none, or of another width."""
    names = Names(parts, np.array([[1, 0, 0, 0], [0.6, 0.8, 0, 0]]))
    alike = names.similarity(
        np.array([[1, 0, 1, 0]], np.float32), np.arange(2, dtype=np.int32), spaces_of(parts)["image"]
    )
    assert [[0.0, 0.0]] == alike.tolist()


def test_categories_that_join_come_last() -> None:
    """Positions of the others stay."""
    names = Names(PARTS)
    assert 0 == len(names)
    names.add(np.array([[1, 0, 0]], np.float32))
    names.add(np.array([[0, 1, 0], [0, 0, 1]], np.float32))
    assert 3 == len(names)
    alike = names.similarity(np.array([[0, 1, 0]], np.float32), np.arange(3, dtype=np.int32), WHOLE)
    assert [[0.0, 1.0, 0.0]] == alike.tolist()


def test_what_was_saved_is_loaded_and_grows(tmp_path: Path) -> None:
    """In half precision, within a thousandth."""
    assert [tmp_path / FILE] == NAMES.save(tmp_path)
    again = Names.load(tmp_path, PARTS)
    asked = np.array([[0, 1, 1]], np.float32)
    every = np.arange(3, dtype=np.int32)
    np.testing.assert_allclose(again.similarity(asked, every, WHOLE), NAMES.similarity(asked, every, WHOLE), atol=1e-3)
    again.add(np.array([[0, 1, 1]], np.float32))
    assert 1 == again.similarity(asked, np.array([3], np.int32), WHOLE)[0, 0]


@pytest.mark.parametrize("content", [b"no array", b""])
def test_a_file_that_is_no_array_is_damage(tmp_path: Path, content: bytes) -> None:
    """The remedy is in the message."""
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SnapshotDamaged, match=r"the names in .* cannot be read: .*; rebuild the index"):
        Names.load(tmp_path, PARTS)


def test_names_by_another_encoder_are_refused(tmp_path: Path) -> None:
    """Their width is not that of its parts."""
    NAMES.save(tmp_path)
    with pytest.raises(SnapshotDamaged, match=r"the names in .* have the shape \(3, 3\); rebuild the index"):
        Names.load(tmp_path, {"text": 2})
