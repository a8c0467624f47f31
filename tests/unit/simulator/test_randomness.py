"""Bits depend on seed, topic and counters only; the distributions are what they say."""

from __future__ import annotations

import numpy as np
from scipy import stats

from zhike.simulator.randomness import choose, draw_bits, logistic, lognormal, mixed, normal, part, threshold, uniform


def test_bits_are_the_same_on_every_machine() -> None:
    assert draw_bits(1, "topic", 2, 3, size=3).tolist() == GOLDEN


def test_another_topic_or_counter_gives_other_bits() -> None:
    first = draw_bits(1, "a", 0, size=100)
    for other in (draw_bits(1, "b", 0, size=100), draw_bits(1, "a", 1, size=100), draw_bits(2, "a", 0, size=100)):
        assert not np.any(first == other)


def test_uniforms_and_normals_follow_their_distributions() -> None:
    bits = draw_bits(5, "distribution", size=50_000)
    assert stats.kstest(uniform(bits), "uniform").pvalue > 0.001
    assert stats.kstest(uniform(mixed(bits)), "uniform").pvalue > 0.001
    assert abs(float(np.corrcoef(uniform(bits), uniform(mixed(bits)))[0, 1])) < 0.02
    z = normal(bits)
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert abs(np.median(lognormal(bits, 1.5)) - 1) < 0.05


def test_logistic_by_table_is_within_a_step_of_the_formula() -> None:
    x = np.linspace(-9, 9, 1_001)
    assert np.max(np.abs(logistic(x) - 1 / (1 + np.exp(-x)))) < 0.25 / 256


def test_a_gate_opens_with_its_probability_and_leaves_other_bits_free() -> None:
    bits = draw_bits(6, "gate", size=200_000)
    open_ = bits[bits < threshold(0.1)]
    assert abs(len(open_) / len(bits) - 0.1) < 0.003
    assert stats.chisquare(np.bincount(part(open_, 0, 8), minlength=8)).pvalue > 0.001


def test_choices_follow_their_weights() -> None:
    counts = np.bincount(choose(draw_bits(7, "choice", size=100_000), (70.0, 25.0, 5.0)), minlength=3) / 100_000
    assert np.allclose(counts, (0.7, 0.25, 0.05), atol=0.01)


GOLDEN = [13626881022637820768, 16545763735348361495, 7633014740058079531]
