"""Tag scores, worked by hand."""

import numpy as np

from service.tags import score_tags

WEIGHTS = np.array([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]], np.float32)


def test_a_tag_scores_the_weight_of_who_carries_it() -> None:
    """Scores are summed weights, by query and best first; equal scores in order of tag number."""
    carrier = np.array([0, 1, 1, 2, 3, 4])
    tag = np.array([7, 7, 2, 3, 1, 0], np.int32)
    scored = score_tags(WEIGHTS, carrier, tag, threshold=0.2, top=10)
    assert [0, 0, 0, 1, 1] == scored.row.tolist()
    assert [7, 2, 3, 1, 0] == scored.tag.tolist()
    np.testing.assert_allclose(scored.score, [0.8, 0.3, 0.2, 0.6, 0.4], atol=1e-6)


def test_tags_under_the_threshold_are_left_out() -> None:
    """A tag carried by a small share of the vote is not given."""
    scored = score_tags(WEIGHTS, np.array([0, 2]), np.array([5, 6], np.int32), threshold=0.35, top=10)
    assert [5] == scored.tag.tolist()


def test_only_the_best_tags_of_each_query_are_kept() -> None:
    """`top` limits each query by itself."""
    scored = score_tags(WEIGHTS, np.array([0, 1, 3, 4]), np.array([1, 2, 3, 4], np.int32), threshold=0.1, top=1)
    assert ([0, 1], [1, 3]) == (scored.row.tolist(), scored.tag.tolist())


def test_without_tags_there_are_none() -> None:
    """Neighbours without tags give an empty answer."""
    scored = score_tags(WEIGHTS, np.zeros(0, np.int64), np.zeros(0, np.int32), threshold=0.1, top=5)
    assert 0 == len(scored.row) == len(scored.tag) == len(scored.score)
