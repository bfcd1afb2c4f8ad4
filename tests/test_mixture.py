"""service/vote/mixture.py: evidence to probabilities, by hand and beside scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from service.vote.mixture import PRIOR, PRIOR_WEIGHT, TERMS, Doubles, Evidence, fit, mixed, prior, terms

WEIGHTS = np.array(PRIOR)


def drawn(seed: int, questions: int, most: int) -> Evidence:
    """Return evidence of questions with 0 to `most` candidates each."""
    rng = np.random.default_rng(seed)
    many = rng.integers(0, most + 1, questions)
    here = np.arange(most) < many[:, None]
    nodes = np.where(here, np.argsort(rng.random((questions, most)), axis=1), -1).astype(np.int32)
    voices, prototype, name = (rng.uniform(-0.2, 1, (3, questions, most)) * here).astype(np.float32)
    products = (rng.integers(0, 30, (questions, most)) * here).astype(np.float32)
    return Evidence(nodes, *(each[..., None] for each in (voices, prototype, products, name)))


def test_the_terms_are_what_they_are_called() -> None:
    """Voices of 1/4, a prototype at 0.5, three products and a name at 0.8; a voice under 0 has no root."""
    said = [np.array([[[each], [under]]], np.float32) for each, under in [(0.25, -0.5), (0.5, 0), (3, 0), (0.8, 0)]]
    made = terms(Evidence(np.array([[0, 1]], np.int32), *said))[0]
    np.testing.assert_allclose(made[0], [0.25, 0.5, 0.5, 0.25, np.log(4) / 10, 0.25, 0.2], atol=1e-7)
    np.testing.assert_allclose(made[1], [-0.5, 0, 0, 0, 0, 1, 0], atol=1e-7)
    assert len(TERMS) == len(PRIOR) == made.shape[1]


@given(st.integers(0, 2**32 - 1))
def test_probabilities_are_a_softmax_over_the_candidates(seed: int) -> None:
    """Of each question alone, as scipy has it; what is no candidate has none."""
    evidence = drawn(seed, 5, 4)
    share = mixed(evidence, WEIGHTS)
    for row in np.flatnonzero((evidence.nodes >= 0).any(axis=1)):
        here = evidence.nodes[row] >= 0
        np.testing.assert_allclose(share[row, here], softmax(terms(evidence)[row, here] @ WEIGHTS), atol=1e-9)
        assert not share[row, ~here].any()


def test_without_any_candidate_nothing_is_likely() -> None:
    """Rows of zeros, and rows without a place."""
    nobody = Evidence(np.full((1, 2), -1, np.int32), *(np.zeros((1, 2, 1), np.float32) for _ in range(4)))
    assert [[0.0, 0.0]] == mixed(nobody, WEIGHTS).tolist()
    assert (3, 0) == mixed(drawn(0, 3, 0), WEIGHTS).shape


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fit_is_the_likeliest_drawn_to_the_prior(seed: int) -> None:
    """The weights that scipy finds for the same penalised likelihood, each observation counting as it should."""
    rng = np.random.default_rng(seed)
    evidence = drawn(seed, 60, 4)
    chosen = (rng.random(60) * (evidence.nodes >= 0).sum(axis=1)).astype(int)
    truth, counted = evidence.nodes[np.arange(60), chosen], rng.choice([0.25, 1.0, 2.0], 60)
    told = np.flatnonzero(truth >= 0)
    x, padding = terms(evidence)[told], np.where(evidence.nodes[told] >= 0, 0, -1e9)

    def loss(at: Doubles) -> float:
        likely = log_softmax(x @ at + padding, axis=1)[np.arange(len(told)), chosen[told]]
        return float(PRIOR_WEIGHT / 2 * ((at - WEIGHTS) ** 2).sum() - counted[told] @ likely)

    found = fit(evidence, truth, counted)
    np.testing.assert_allclose(found, minimize(loss, WEIGHTS, method="BFGS").x, atol=5e-3)


def test_nothing_observed_leaves_the_prior() -> None:
    """A truth that nobody spoke for, one that is unknown and one that counts nothing are no observations."""
    evidence = drawn(1, 40, 3)
    unknown = np.full(40, -1, np.int32)
    np.testing.assert_allclose(fit(evidence, np.full(40, 99, np.int32), np.ones(40)), WEIGHTS)
    np.testing.assert_allclose(fit(evidence, unknown, np.ones(40)), WEIGHTS)
    np.testing.assert_allclose(fit(evidence, evidence.nodes[:, 0], np.zeros(40)), WEIGHTS)


def test_what_is_always_right_weighs_more() -> None:
    """Where the nearest prototype is the truth each time, prototypes weigh more than before; where never, less."""
    evidence = drawn(2, 200, 3)
    alike = np.where(evidence.nodes >= 0, evidence.prototype[..., 0], np.nan)
    told = (evidence.nodes >= 0).sum(axis=1) > 1
    evidence, alike = evidence[told], alike[told]
    rows, counted = np.arange(len(alike)), np.ones(len(alike))
    always = fit(evidence, evidence.nodes[rows, np.nanargmax(alike, axis=1)], counted)
    never = fit(evidence, evidence.nodes[rows, np.nanargmin(alike, axis=1)], counted)
    slope = [weights[2] + weights[3] for weights in (always, WEIGHTS, never)]
    assert sorted(slope, reverse=True) == slope


@pytest.mark.parametrize("wide", [(2, 4), (4, 2), (0, 3)])
def test_batches_of_different_width_are_one(wide: tuple[int, int]) -> None:
    """Joined in order, the narrower padded; padding is no candidate and changes no probability."""
    parts = [drawn(7, 3, wide[0]), drawn(8, 2, wide[1])]
    every = Evidence.joined(parts)
    assert (5, max(wide)) == every.nodes.shape
    for row, part in ((slice(0, 3), parts[0]), (slice(3, 5), parts[1])):
        narrow = part.nodes.shape[1]
        assert part.nodes.tolist() == every.nodes[row, :narrow].tolist()
        assert (every.nodes[row, narrow:] == -1).all()
        np.testing.assert_allclose(mixed(every, WEIGHTS)[row, :narrow], mixed(part, WEIGHTS))


def test_a_mask_keeps_whole_questions() -> None:
    """The second of three, with everything that was said of it."""
    evidence = drawn(9, 3, 3)
    kept = evidence[np.array([False, True, False])]
    assert 1 == len(kept)
    assert [each[1].tolist() for each in (evidence.nodes, *evidence.said)] == [
        each[0].tolist() for each in (kept.nodes, *kept.said)
    ]


def seen(*views: Evidence) -> Evidence:
    """Return what several views say of the candidates of the first."""
    said = zip(*(each.said for each in views), strict=True)
    return Evidence(views[0].nodes, *(np.concatenate(each, axis=2) for each in said))


def unsure(evidence: Evidence) -> Evidence:
    """Return what a view says that says the same of every candidate."""
    here = (evidence.nodes >= 0)[..., None].astype(np.float32)
    return Evidence(evidence.nodes, *(here * value for value in (0.3, 0.5, 7, 0.2)))


def test_each_view_has_terms_of_its_own() -> None:
    """Those of the second after those of the first."""
    text, image = drawn(3, 4, 3), drawn(4, 4, 3)
    both = terms(seen(text, image))
    assert (4, 3, 2 * len(TERMS)) == both.shape
    np.testing.assert_allclose(both[..., : len(TERMS)], terms(text))
    np.testing.assert_allclose(both[..., len(TERMS) :], terms(image))


def test_a_view_that_is_not_sure_moves_nothing() -> None:
    """Whatever its weights, the probabilities are those of the other view alone: by hand of two, then of many."""
    said = [[0.6, 0.2], [0, 0], [1, 1], [0, 0]]
    one = Evidence(np.array([[4, 7]], np.int32), *(np.array([each], np.float32)[..., None] for each in said))
    plain = np.array([5.0, 0, 0, 0, 0, 0, 0])
    expected = np.exp(2) / (np.exp(2) + 1)
    np.testing.assert_allclose(mixed(one, plain), [[expected, 1 - expected]], atol=1e-6)
    every = drawn(5, 20, 4)
    for evidence, weights in ((one, plain), (every, WEIGHTS)):
        for loud in (WEIGHTS, np.full(7, 30.0)):
            both = mixed(seen(evidence, unsure(evidence)), np.concatenate([weights, loud]))
            np.testing.assert_allclose(both, mixed(evidence, weights), atol=1e-9)


def test_views_that_agree_are_as_sure_as_one() -> None:
    """Before anything is learnt each has its part of the weights; one that says so alone is believed half as much."""
    assert PRIOR == prior(1)
    assert tuple(weight / 2 for weight in PRIOR) * 2 == prior(2)
    evidence = drawn(6, 20, 4)
    np.testing.assert_allclose(mixed(seen(evidence, evidence), np.array(prior(2))), mixed(evidence, WEIGHTS), atol=1e-9)
    np.testing.assert_allclose(
        mixed(seen(evidence, unsure(evidence)), np.array(prior(2))), mixed(evidence, WEIGHTS / 2), atol=1e-9
    )


def test_the_view_that_is_right_is_believed() -> None:
    """Where the truth is what the second view says each time, the first comes to weigh nearly nothing beside it."""
    text, image = drawn(10, 4_000, 3), drawn(11, 4_000, 3)
    told = np.flatnonzero((text.nodes >= 0).all(axis=1) & (image.nodes >= 0).all(axis=1))
    text, image = (Evidence(text.nodes[told], *(said[told] for said in each.said)) for each in (text, image))
    truth = text.nodes[np.arange(len(text)), image.voices[..., 0].argmax(axis=1)]
    weights = fit(seen(text, image), truth, np.ones(len(text)))
    share = mixed(seen(text, image), weights)
    assert (text.nodes[np.arange(len(text)), share.argmax(axis=1)] == truth).mean() > 0.9
    slopes = weights.reshape(2, -1)[:, :2].sum(axis=1)
    assert slopes[1] > 5 * abs(slopes[0])


def test_batches_of_several_views_are_one() -> None:
    """Padded in every view."""
    parts = [seen(drawn(7, 3, 2), drawn(8, 3, 2)), seen(drawn(9, 2, 4), drawn(10, 2, 4))]
    every, weights = Evidence.joined(parts), np.array(prior(2))
    assert ((5, 4), 2) == (every.nodes.shape, every.views)
    np.testing.assert_allclose(mixed(every, weights)[:3, :2], mixed(parts[0], weights))
    np.testing.assert_allclose(mixed(every, weights)[3:], mixed(parts[1], weights))


def test_a_view_of_noise_costs_nothing() -> None:
    """Fitted beside one that is right, its terms move hardly an answer, with as few as 150 observations."""
    text, noise = drawn(20, 8_000, 3), drawn(21, 8_000, 3)
    told = np.flatnonzero((text.nodes >= 0).all(axis=1) & (noise.nodes >= 0).all(axis=1))
    text, noise = (Evidence(text.nodes[told], *(said[told] for said in each.said)) for each in (text, noise))
    truth = text.nodes[np.arange(len(text)), text.voices[..., 0].argmax(axis=1)]
    few = np.arange(len(text)) < 150
    weights = fit(seen(text, noise)[few], truth[few], np.ones(150))
    best = mixed(seen(text, noise), weights).argmax(axis=1)
    assert (text.nodes[np.arange(len(text)), best] == truth)[~few].mean() > 0.9


def test_what_is_known_of_a_view_alone_is_where_it_begins() -> None:
    """With hardly anything observed of both together, the weights are those known, each view's times its part."""
    text, image = drawn(22, 4, 3), drawn(23, 4, 3)
    known = (tuple(WEIGHTS * 1.5), tuple(WEIGHTS * 0.25))
    weights = fit(seen(text, image), np.full(4, 99, np.int32), np.ones(4), known)
    np.testing.assert_allclose(weights, np.concatenate([WEIGHTS * 0.75, WEIGHTS * 0.125]))
