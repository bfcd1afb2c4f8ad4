"""indexer/memory/labels.py: ids, nodes and tags by key, as arrays."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import SnapshotDamaged
from indexer.memory.labels import UNLABELLED, Label, Labels


def keys(*numbers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return an array of keys."""
    return np.array(numbers, np.int64)


def tags_of(labels: Labels, key: int) -> list[str]:
    """Return the tags of one key as text."""
    return [labels.tag_names[tag] for tag in labels.tags(keys(key)).tag.tolist()]


def three() -> Labels:
    """Return labels of three products; the second has no category."""
    labels = Labels()
    labels.put([Label(1, "a", 4, ("red", "new")), Label(2, "b", UNLABELLED, ("new",)), Label(5, "c", 4)])
    return labels


def test_nodes_come_back_in_the_shape_of_the_keys() -> None:
    """Keys (n, k) give nodes (n, k)."""
    assert three().nodes(np.array([[1, 2], [5, 1]])).tolist() == [[4, UNLABELLED], [4, 4]]


def test_tags_are_flat_rows_in_the_order_of_the_keys() -> None:
    """A key that is asked for twice carries its tags twice."""
    labels = three()
    rows = labels.tags(keys(2, 5, 1, 2))

    assert rows.row.tolist() == [0, 2, 2, 3]
    assert [labels.tag_names[tag] for tag in rows.tag.tolist()] == ["new", "red", "new", "new"]


def test_counts_are_of_products_not_of_keys() -> None:
    """Keys between those in use count for nothing."""
    labels = three()
    assert (len(labels), labels.labelled, labels.node_counts(6).tolist()) == (3, 2, [0, 0, 0, 0, 2, 0])


def test_an_id_that_came_back_under_a_new_key_survives_the_drop_of_the_old_one() -> None:
    """Dropping a key after its id was filed under another forgets the old key's label and keeps the new one's."""
    labels = three()
    labels.put([Label(6, "a", 3)])
    labels.drop(keys(1, 99))

    assert (labels.key("a"), labels.nodes(keys(1, 6)).tolist(), labels.labelled) == (6, [UNLABELLED, 3], 2)
    assert tags_of(labels, 1) == []


def test_who_has_no_voice_is_no_carrier_and_speaks_for_nothing(tmp_path: Path) -> None:
    """A label without a voice keeps category and tags and is counted as labelled, and adds to no tag or category."""
    labels = three()
    labels.put([Label(7, "d", 4, ("red",), voice=0.0), Label(8, "e", 4, ("new",), voice=0.5)])
    red, new = labels.tag_names.index("red"), labels.tag_names.index("new")

    assert (tags_of(labels, 7), labels.nodes(keys(7)).tolist(), labels.spoken(keys(7, 8)).tolist()) == (
        ["red"],
        [4],
        [UNLABELLED, 4],
    )
    assert (labels.node_counts(5)[4], labels.spoken_counts(5)[4]) == (4, 3)
    assert (labels.carriers[red], labels.carriers[new]) == (1, 3)

    labels.save(tmp_path)
    assert Labels.load(tmp_path).carriers.tolist() == labels.carriers.tolist()
    labels.put([Label(7, "d", 4, ("red",), voice=1.0), Label(8, "e", 4, ("new",), voice=0.0)])
    assert (labels.carriers[red], labels.carriers[new]) == (2, 2)
    labels.drop(keys(7, 8))
    assert (labels.carriers[red], labels.carriers[new]) == (1, 2)


def test_repeated_tags_count_once() -> None:
    """A product carries each tag once, in the order of first mention."""
    labels = Labels()
    labels.put([Label(1, "a", 0, ("x", "y", "x"))])
    assert tags_of(labels, 1) == ["x", "y"]


def test_saved_labels_are_loaded_unchanged_however_often(tmp_path: Path) -> None:
    """A round trip through files changes nothing, and a second one gives the same bytes."""
    three().save(tmp_path)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    again = Labels.load(tmp_path)
    again.save(tmp_path)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first
    assert (again.ids(keys(1, 2, 5)), tags_of(again, 1)) == (["a", "b", "c"], ["red", "new"])


def test_labels_of_different_lengths_are_refused(tmp_path: Path) -> None:
    """A file that does not fit the others is damage, not an index error later."""
    three().save(tmp_path)
    np.save(tmp_path / "labels_nodes.npy", np.zeros(2, np.int32))
    with pytest.raises(SnapshotDamaged, match="different lengths"):
        Labels.load(tmp_path)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.none() | st.tuples(st.integers(-1, 3), st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True)),
        ),
        max_size=60,
    )
)
def test_labels_behave_like_a_dict(changes: list[tuple[int, tuple[int, list[str]] | None]]) -> None:
    """Any sequence of puts and drops leaves what a plain dict would hold."""
    labels, model = Labels(), dict[int, tuple[int, list[str]]]()
    for key, label in changes:
        if label is None:
            labels.drop(keys(key))
            model.pop(key, None)
        else:
            labels.put([Label(key, str(key), label[0], tuple(label[1]))])
            model[key] = label

    assert len(labels) == len(model)
    assert {key: (int(labels.nodes(keys(key))[0]), tags_of(labels, key)) for key in model} == model
    assert labels.labelled == sum(node != UNLABELLED for node, _ in model.values())
