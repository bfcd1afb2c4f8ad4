"""service/plane: vectors laid out in the plane, and the map of an index that is kept current."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from indexer.product import Product
from service.engine import Engine
from service.plane.atlas import Atlas, Drawing, Sheet
from service.plane.drawn import Drawn
from service.plane.layout import SPREAD, Layout, kept
from service.settings import ServiceSettings

GROUPS, EACH, DIM = 6, 40, 32


def vectors(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors in six groups that are far apart, and the group of each."""
    rng = np.random.default_rng(seed)
    centres = np.eye(GROUPS, DIM)
    groups = np.repeat(np.arange(GROUPS), EACH)
    made = centres[groups] + rng.normal(0, 0.05, (len(groups), DIM))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), groups


def test_groups_that_are_far_apart_lie_apart_and_newcomers_lie_in_theirs() -> None:
    """In the square from 0 to 1; the same vectors lie in the same places every time."""
    known, groups = vectors()
    layout = Layout.of(known)
    assert layout.where.min() >= 0
    assert layout.where.max() <= 1
    assert np.array_equal(layout.where, Layout.of(known).where)
    centres = np.stack([layout.where[groups == group].mean(axis=0) for group in range(GROUPS)])
    newcomers, theirs = vectors(seed=1)
    points = layout.place(newcomers, np.arange(len(newcomers)))
    nearest = np.linalg.norm(points[:, None] - centres[None], axis=2).argmin(axis=1)
    assert np.array_equal(nearest, theirs)
    assert kept(known, layout.where) > 0.8
    assert kept(known, np.random.default_rng(0).random((len(known), 2)).astype(np.float32)) < 0.3


def test_equal_products_lie_beside_each_other_and_not_on_each_other() -> None:
    """Within a small disc, each always at the same place of it."""
    known, _ = vectors()
    layout = Layout.of(known)
    points = layout.place(np.repeat(known[:1], 3, axis=0), np.array([7, 8, 9]))
    assert len(np.unique(points, axis=0)) == 3
    assert np.linalg.norm(points - points[0], axis=1).max() <= 2 * SPREAD
    assert np.allclose(points[1:2], layout.place(known[:1], np.array([8])), atol=1e-5)


@pytest.mark.parametrize("few", [0, 1, 4, 5, 6])
def test_a_handful_of_products_is_laid_out_too(few: int) -> None:
    """Whatever there is; nothing is refused."""
    known, _ = vectors()
    layout = Layout.of(known[:few])
    assert layout.where.shape == (few, 2)
    assert layout.place(known[:3], np.arange(3)).shape == (3, 2)


def looked(atlas: Atlas, engine: Engine) -> Sheet:
    """Return the map once it is drawn."""
    while isinstance(seen := atlas.look(engine.live), Drawing):
        assert not seen.error
        time.sleep(0.02)
    return seen


def test_the_map_follows_what_is_stored_and_nobody_else_moves(own_index: Path) -> None:
    """A new product lies among its like, one that is gone is gone; a sheet that was looked at stays as it was."""
    with_engine = Engine.open(ServiceSettings(index=own_index))
    atlas = Atlas(own_index)
    first = looked(atlas, with_engine)
    assert (len(first.keys), first.unseen, len(first.categories)) == (60, 0, 5)
    assert looked(atlas, with_engine) is first
    with_engine.live.put([Product(id="N", title="Brewmont small french press coffee maker", category="")])
    second = looked(atlas, with_engine)
    assert len(second.keys) == 61
    assert second.version != first.version
    assert np.array_equal(second.points[:60], first.points)
    assert (second.nodes[:60] == first.nodes).all()
    assert second.nodes[60] == -1
    nearest = np.linalg.norm(first.points - second.points[60], axis=1).argsort()[:3]
    assert {first.categories[first.nodes[each]][1] for each in nearest} == {"Kitchen > Coffee > French Presses"}
    with_engine.live.delete(["N", "P001"])
    assert len(looked(atlas, with_engine).keys) == 59
    assert atlas.sheet(first.version) is first
    assert len(first.packed()) == 60 * 9
    with_engine.close()


def test_the_layout_is_kept_in_the_folder_and_drawn_again_when_it_cannot_be_read(own_index: Path) -> None:
    """Another process reads it instead of laying everything out anew; a file that is broken is no harm."""
    engine = Engine.open(ServiceSettings(index=own_index))
    first = looked(Atlas(own_index), engine)
    [file] = (own_index / "map").iterdir()
    assert file.name == f"{first.snapshot}.npz"
    read = Drawn.load(own_index, first.snapshot)
    assert read is not None
    assert [read.points[key] for key in first.keys.tolist()] == [tuple(point) for point in first.points.tolist()]
    assert np.array_equal(looked(Atlas(own_index), engine).points, first.points)
    file.write_bytes(b"no map")
    assert Drawn.load(own_index, first.snapshot) is None
    assert np.array_equal(looked(Atlas(own_index), engine).points, first.points)
    assert Drawn.load(own_index, first.snapshot) is not None
    engine.close()


def test_of_a_large_catalogue_a_sample_is_shown(own_index: Path) -> None:
    """The same products whenever it is asked for, and how many are left out is told."""
    engine = Engine.open(ServiceSettings(index=own_index))
    first = looked(Atlas(own_index, most=20), engine)
    assert (len(first.keys), first.left_out, first.unseen) == (20, 40, 0)
    assert np.array_equal(looked(Atlas(own_index, most=20), engine).keys, first.keys)
    assert len(set(first.nodes.tolist())) > 2
    engine.close()
