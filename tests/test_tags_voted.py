"""Tags by the voices of who carries them, worked by hand."""

import numpy as np

from service.tags.voted import LEAST_VOICE, Voted, voted

VOICES = np.array([[0.5, 0.25, 0.25], [0.75, -0.25, 0.0]], np.float32)


def carried(voices: np.ndarray, *pairs: tuple[int, int]) -> Voted:
    """Return what these voices come to; pairs: place of a neighbour in all rows, and a tag that it carries."""
    carrier, tag = np.array(pairs).T
    return voted(voices, carrier, tag.astype(np.int32))


def test_a_tag_has_the_part_of_the_voices_of_who_carries_it() -> None:
    """Shares are summed by product, in order of product and tag; the second product's voices sum to a half."""
    said = carried(VOICES, (0, 7), (1, 7), (1, 2), (2, 3), (3, 7), (4, 7))
    assert [0, 0, 0, 1] == said.row.tolist()
    assert [2, 3, 7, 7] == said.tag.tolist()
    assert [0.25, 0.25, 0.75, 1.0] == said.share.tolist()


def test_no_tag_has_more_than_all_voices() -> None:
    """A voice of 0.75 where another corrects it to 0.5 together is all of it, not half as much again."""
    assert [1.0] == carried(VOICES, (3, 1)).share.tolist()


def test_who_only_corrects_others_speaks_for_no_tag() -> None:
    """A tag whose carriers' voices sum to nothing or less is left out."""
    said = carried(VOICES, (0, 1), (4, 5), (5, 6))
    assert ([0], [1]) == (said.row.tolist(), said.tag.tolist())


def test_faint_voices_give_small_shares() -> None:
    """Where all voices together are under LEAST_VOICE, a share is a part of that: nobody near is no agreement."""
    assert 0.2 == LEAST_VOICE
    said = carried(np.array([[0.05, 0.05]], np.float32), (0, 4), (1, 4), (1, 9))
    assert [4, 9] == said.tag.tolist()
    np.testing.assert_allclose(said.share, [0.5, 0.25], atol=1e-6)


def test_without_tags_there_are_none() -> None:
    """Neighbours without tags give an empty answer."""
    said = voted(VOICES, np.zeros(0, np.int64), np.zeros(0, np.int32))
    assert 0 == len(said.row) == len(said.tag) == len(said.share)
