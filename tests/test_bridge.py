"""indexer/space/bridge.py: what one view would look like in the other, learnt from products that have both."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indexer.errors import SnapshotDamaged
from indexer.space import IMAGE, TEXT, bridge, spaces_of
from indexer.space.bridge import FEWEST
from indexer.space.learnt import unit

PLAIN = spaces_of({"text": 3, "image": 3})
TOWERS = spaces_of({"text": 3, "caption": 2, "image": 2})
TURN = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32)
"""A linear map: from the parts of a picture to those of its text."""


def directions(seed: int, size: int, width: int) -> npt.NDArray[np.float32]:
    """Return unit rows by chance."""
    return unit(np.random.default_rng(seed).normal(size=(size, width)).astype(np.float32))


def test_a_linear_map_between_the_views_is_found() -> None:
    """Both ways, of pictures that were not learnt from too; products that lack a view teach nothing."""
    image = directions(0, 400, 3)
    raw = np.hstack([image @ TURN, image])
    alone = directions(1, 400, 6)
    alone[::2, :3] = 0
    alone[1::2, 3:] = 0
    made = bridge.fit(PLAIN, np.vstack([raw, alone]).astype(np.float32))
    new = directions(2, 50, 3)
    assert [TEXT, IMAGE] == list(made)
    np.testing.assert_allclose(made[TEXT].cross(new), new @ TURN, atol=0.02)
    np.testing.assert_allclose(made[IMAGE].cross(new @ TURN), new, atol=0.02)
    only = bridge.fit(PLAIN, raw.astype(np.float32))
    assert [each.tolist() for each in (only[TEXT].matrix, only[TEXT].end)] == [
        each.tolist() for each in (made[TEXT].matrix, made[TEXT].end)
    ]


def test_a_gap_between_the_views_is_closed() -> None:
    """Captions that all lean the same way: a picture's is found where they are, not where pictures are."""
    rng = np.random.default_rng(3)
    image = unit(np.array([1, 0]) + 0.3 * rng.normal(size=(500, 2)).astype(np.float32))
    caption = unit(image - np.array([1, 0]) + np.array([0, 1]))
    raw = np.hstack([directions(4, 500, 3), caption, image]).astype(np.float32)
    crossed = bridge.fit(TOWERS, raw)[TEXT].cross(image.astype(np.float32))[:, 3:]
    assert (image * caption).sum(axis=1).mean() < 0.6
    assert (crossed * caption).sum(axis=1).mean() > 0.97


def test_with_few_pairs_a_picture_is_its_own_caption() -> None:
    """And a caption its picture; of the other part of a text nothing is known beforehand."""
    raw = np.hstack([directions(0, FEWEST, 5), directions(1, FEWEST, 2)])
    raw[0, 5:] = 0  # one pair too few
    made = bridge.fit(TOWERS, raw)
    new = directions(2, 4, 2)
    np.testing.assert_allclose(made[TEXT].cross(new), np.hstack([np.zeros((4, 3)), new]), atol=1e-6)
    text = np.hstack([directions(3, 4, 3), new])
    np.testing.assert_allclose(made[IMAGE].cross(text), new, atol=1e-6)
    raw[0, 5:] = raw[1, 5:]
    assert bridge.fit(TOWERS, raw)[TEXT].start.any()


@pytest.mark.parametrize(
    "parts", [{"text": 3, "image": 3}, {"caption": 3, "image": 2}, {"caption": 2, "image_back": 2}]
)
def test_with_few_pairs_and_nothing_known_there_is_none(parts: dict[str, int]) -> None:
    """No caption, one of another width, or one of another picture than the main one's part."""
    spaces = spaces_of(parts)
    few = directions(0, FEWEST - 1, sum(parts.values()))
    assert {} == bridge.fit(spaces, few)
    assert [TEXT, IMAGE] == list(bridge.fit(spaces, directions(0, FEWEST, sum(parts.values()))))


def test_one_view_has_no_bridge() -> None:
    """Nor has one of pictures alone."""
    assert {} == bridge.fit(spaces_of({"text": 3, "caption": 2}), directions(0, 99, 5))
    assert {} == bridge.fit(spaces_of({"image": 3}), directions(0, 99, 3))


def test_zeros_stay_zeros() -> None:
    """What lacks the view that a bridge starts from has nothing in the other; each part has length one or is zeros."""
    rows = directions(5, 200, 7)
    for raw in (rows, rows[:3]):
        for view, made in bridge.fit(TOWERS, raw).items():
            asked = raw[:2, TOWERS[IMAGE if view == TEXT else TEXT].columns].copy()
            asked[1] = 0
            crossed = made.cross(asked)
            assert not crossed[1].any()
            assert crossed[0].any()
            for first, last in zip(made.edges, made.edges[1:], strict=False):
                length = float(np.linalg.norm(crossed[0, first:last]))
                assert length == pytest.approx(1) or not crossed[0, first:last].any()


def test_bridges_are_read_back(tmp_path: Path) -> None:
    """To the bit, and written the same each time; where none were written there are none."""
    made = bridge.fit(TOWERS, directions(6, 100, 7))
    files = bridge.save(made, tmp_path)
    assert [tmp_path / "bridge_text.npz", tmp_path / "bridge_image.npz"] == files
    again = bridge.load(TOWERS, tmp_path)
    for view, each in made.items():
        for name in ("start", "matrix", "end"):
            np.testing.assert_array_equal(getattr(each, name), getattr(again[view], name))
        assert each.edges == again[view].edges
    written = [file.read_bytes() for file in files]
    bridge.save(again, tmp_path)
    assert written == [file.read_bytes() for file in files]
    (tmp_path / "none").mkdir()
    assert {} == bridge.load(TOWERS, tmp_path / "none")


def test_bridges_that_do_not_fit_are_damage(tmp_path: Path) -> None:
    """Of other parts, or files that are no arrays."""
    file = bridge.save({TEXT: bridge.fit(TOWERS, directions(6, 100, 7))[TEXT]}, tmp_path)[0]
    for parts in ({"text": 3, "caption": 2, "image": 3}, {"text": 2, "caption": 2, "image": 2}):
        with pytest.raises(SnapshotDamaged, match="has arrays that do not fit together; rebuild the index"):
            bridge.load(spaces_of(parts), tmp_path)
    whole = file.read_bytes()
    for content in (b"", b"no arrays", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(SnapshotDamaged, match=r"bridge_text.npz cannot be read: .*; rebuild the index"):
            bridge.load(TOWERS, tmp_path)
    np.savez(file, start=np.zeros(2, np.float32))
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        bridge.load(TOWERS, tmp_path)
