"""service/tags/tagger.py: which tags a product gets, of what speaks for them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from indexer.product import Product
from service.answer import TagScore
from service.tags.rules import TagRule, TagRules
from service.tags.tagger import Tagger
from service.tags.voted import Voted
from service.tags.words import LEVELS
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

TREE = Tree.from_paths([("Clothing", "Shoes", "Boots"), ("Clothing", "Hats"), ("Garden",)])
CLOTHING, SHOES, BOOTS, HATS, GARDEN = range(5)
TAGS = ("men", "women", "waterproof", "red")
SHARE = TagRules(weights=(-2.0, 4.0, 0.0, 1.0), odds=(0.0, 1.0, 2.0, 4.0), threshold=0.5)
"""Log-odds of a tag: 4 times its share of the voices, less 2, and 1, 2 or 4 more as it is named."""


def tagger(rules: TagRules = SHARE, vocabulary: Vocabulary | None = None, tags: Sequence[str] = TAGS) -> Tagger:
    """Return what gives these tags."""
    return Tagger.of(rules, tags, vocabulary or Vocabulary(), TREE)


def tags_of(
    made: Tagger,
    shares: Mapping[str, float] | None = None,
    *,
    title: str = "",
    line: Sequence[int] = (CLOTHING, SHOES, BOOTS),
    carriers: int = 9,
    support: int = 2,
    top: int = 30,
    threshold: float | None = None,
) -> list[TagScore]:
    """Return the tags of one product, of whose neighbours' voices these tags have these shares."""
    votes = [(made.tags.index(tag), share) for tag, share in (shares or {}).items()]
    tag, share = zip(*sorted(votes), strict=True) if votes else ((), ())
    voted = Voted(np.zeros(len(tag), np.int64), np.array(tag, np.int64), np.array(share, np.float32))
    said = made.weigh([Product("p", title)], voted)
    lines, many = np.array([line], np.int32), np.full(len(made.tags), carriers, np.int32)
    return made.give(said, lines, carriers=many, support=support, top=top, threshold=threshold)[0]


def likely(odds: float) -> float:
    """Return the probability of log-odds, as an answer shows it."""
    return round(1 / (1 + float(np.exp(-odds))), 4)


def names(given: Sequence[TagScore]) -> list[str]:
    """Return the tags alone."""
    return [tag.tag for tag in given]


def test_a_tag_comes_with_its_probability_and_who_speaks_for_it() -> None:
    """The likeliest first: named and carried, only named, only carried; what is unlikely is not given."""
    given = tags_of(tagger(), {"waterproof": 0.75, "men": 0.55, "women": 0.25}, title="Red boots, waterproof")
    assert [
        ("waterproof", "both", likely(3)),
        ("men", "neighbours", likely(0.2)),
        ("red", "text", 0.5),
    ] == [(tag.tag, tag.source, tag.score) for tag in given]


def test_equal_tags_are_in_order_of_number() -> None:
    """As the index numbers them; `top` cuts the list."""
    shares = {"red": 0.75, "women": 0.75, "waterproof": 0.75}
    assert ["women", "waterproof", "red"] == names(tags_of(tagger(), shares))
    assert ["women"] == names(tags_of(tagger(), shares, top=1))
    assert [] == names(tags_of(tagger(), shares, top=0))


def test_each_tag_has_its_own_threshold_and_odds() -> None:
    """By name, however it is spelt; one that came later has those of all, and a threshold for all replaces them."""
    rules = TagRules(SHARE.weights, SHARE.odds, SHARE.threshold, {"Waterproof": TagRule((3.0,) * LEVELS, 0.9)})
    assert [] == tags_of(tagger(rules), {"waterproof": 0.25})
    assert ["waterproof"] == names(tags_of(tagger(rules), {"waterproof": 0.5}))
    assert ["waterproof"] == names(tags_of(tagger(rules), {"waterproof": 0.25}, threshold=0.8))
    assert ["red"] == names(tags_of(tagger(rules), {"red": 0.5}))
    assert [] == tags_of(tagger(rules), {"red": 0.5}, threshold=0.8)
    assert ["new"] == names(tags_of(tagger(rules, tags=(*TAGS, "new")), {"new": 0.5}))


@pytest.mark.parametrize(("carriers", "given"), [(0, []), (1, ["red"]), (2, ["men", "red"])])
def test_a_tag_needs_support(carriers: int, given: list[str]) -> None:
    """Two carriers before it is given for neighbours alone, one to who names it; what nobody carries is no tag."""
    assert given == names(tags_of(tagger(), {"men": 0.9, "red": 0.2}, title="red", carriers=carriers))


def test_an_alias_names_its_tag() -> None:
    """In the spelling of the tag, with the text as its source; an alias of what is no tag names nothing."""
    words = Vocabulary({"waterproof": "waterproof"}, {"water resistant": "Waterproof", "boots": "footwear"})
    given = tags_of(tagger(vocabulary=words), title="Water-resistant boots")
    assert [("waterproof", "text")] == [(tag.tag, tag.source) for tag in given]


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ((CLOTHING, SHOES, BOOTS), ["men", "waterproof"]),
        ((CLOTHING, SHOES, -1), ["men", "waterproof"]),
        ((CLOTHING, HATS, -1), ["men"]),
        ((CLOTHING, -1, -1), ["men"]),
        ((GARDEN, -1, -1), []),
        ((-1, -1, -1), []),
    ],
)
def test_a_tag_is_given_in_its_scope_alone(line: tuple[int, ...], given: list[str]) -> None:
    """With all below it; a scope that the tree lacks is nowhere, and a tag without one is given everywhere."""
    scopes = {"men": ("Clothing",), "waterproof": ("Clothing > Shoes", "Tents"), "red": ("Tents",)}
    made = tagger(vocabulary=Vocabulary(scopes=scopes))
    shares = {"men": 0.9, "waterproof": 0.8, "red": 0.8}
    assert given == names(tags_of(made, shares, line=line))
    assert ["women"] == names(tags_of(made, {"women": 0.9}, line=line))


def test_of_conflicting_tags_only_the_likelier_is_given() -> None:
    """Whatever the probabilities; groups are by key, and words that are no tag do no harm."""
    made = tagger(vocabulary=Vocabulary(conflicts=(("women", "men", "children"), ("red",))))
    assert ["men"] == names(tags_of(made, {"men": 1.0, "women": 0.99}))
    assert ["women", "red"] == names(tags_of(made, {"men": 0.9, "women": 1.0, "red": 0.8}))
    assert ["men"] == names(tags_of(made, {"men": 0.9, "women": 0.2}))


def test_a_tag_that_is_out_of_scope_excludes_nobody() -> None:
    """Only what is given does."""
    words = Vocabulary(scopes={"women": ("Garden",)}, conflicts=(("men", "women"),))
    assert ["men"] == names(tags_of(tagger(vocabulary=words), {"men": 0.9, "women": 1.0}))


def test_a_learnt_conflict_lowers_the_odds() -> None:
    """Beside the likelier the other needs to be beyond doubt, and its probability is what remains."""
    rules = TagRules(SHARE.weights, SHARE.odds, SHARE.threshold, {}, (("men", "Women", 3.0),))
    assert ["men"] == names(tags_of(tagger(rules), {"men": 1.0, "women": 0.9}))
    both = tags_of(tagger(rules), {"men": 1.0, "women": 0.9}, title="for men, for women")
    # log-odds 4 * 0.9 - 2 + 2 for women, 3 less beside men
    assert [("men", likely(4)), ("women", likely(0.6))] == [(tag.tag, tag.score) for tag in both]
    assert ["women"] == names(tags_of(tagger(rules), {"men": 0.3, "women": 0.9}))


def test_a_conflict_of_the_vocabulary_stands_above_a_learnt_one() -> None:
    """What is said by hand is never given together."""
    rules = TagRules(SHARE.weights, SHARE.odds, SHARE.threshold, {}, (("men", "women", 0.1),))
    made = tagger(rules, Vocabulary(conflicts=(("men", "women"),)))
    assert ["men"] == names(tags_of(made, {"men": 1.0, "women": 0.99}))
    assert ["men", "women"] == names(tags_of(tagger(rules), {"men": 1.0, "women": 0.99}))


def test_products_get_their_tags_in_their_order() -> None:
    """Several at once, each by its own path; one that nothing speaks for gets none."""
    made = tagger(vocabulary=Vocabulary(scopes={"men": ("Clothing",)}))
    votes = Voted(np.array([0, 0, 2]), np.array([0, 3, 0]), np.array([0.9, 0.8, 0.9], np.float32))
    said = made.weigh([Product("a"), Product("b"), Product("c")], votes)
    lines = np.array([[CLOTHING, -1], [CLOTHING, -1], [GARDEN, -1]], np.int32)
    given = made.give(said, lines, carriers=np.full(4, 9, np.int32), support=2, top=30)
    assert [["men", "red"], [], []] == [names(each) for each in given]


def test_an_index_without_tags_gives_none() -> None:
    """Rules of tags that are gone do no harm."""
    rules = TagRules(tags={"gone": TagRule((0.0,) * LEVELS, 0.1)}, conflicts=(("gone", "lost", 1.0),))
    assert [] == tags_of(tagger(rules, tags=()), title="gone and lost")
