"""The Gaussian mechanism (D.T12): no vector adds more than C, and lots and noise are what they are said to be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl.privacy import PrivateSum
from minidl.privacy.mechanism import clipped

vectors = st.lists(
    st.lists(st.floats(-1e30, 1e30), min_size=3, max_size=3).map(
        lambda v: [np.array(v[:2], np.float32), np.array(v[2], np.float32)]
    ),
    min_size=1,
    max_size=6,
)


def length(v):
    return math.sqrt(sum(float((np.asarray(a, np.float64) ** 2).sum()) for a in v))


@given(vectors, st.floats(1e-3, 1e3), st.data())
def test_one_sample_moves_the_sum_by_at_most_C_and_another_in_its_place_by_2_C(vs, C, data):
    total = PrivateSum(C, 0.0, 0.5)
    S = total(vs, like=vs[0])
    k = data.draw(st.integers(0, len(vs) - 1))
    other = data.draw(vectors)[0]
    without = total(vs[:k] + vs[k + 1 :], like=vs[0])
    replaced = total([*vs[:k], other, *vs[k + 1 :]], like=vs[0])
    slack = 1 + 1e-12 * len(vs)
    assert length([a - b for a, b in zip(S, without)]) <= C * slack
    assert length([a - b for a, b in zip(S, replaced)]) <= 2 * C * slack


def test_what_is_short_is_left_alone_and_what_is_long_keeps_its_direction():
    v = [np.array([[3.0, 0.0]], np.float32), np.array(4.0, np.float32)]  # of length 5 over both
    assert [a.tolist() for a in clipped("test", v, 5.0)] == [[[3.0, 0.0]], 4.0]
    assert [a.tolist() for a in clipped("test", v, 2.5)] == [[[1.5, 0.0]], 2.0]
    assert [a.tolist() for a in clipped("test", [np.zeros(2)], 2.5)] == [[0.0, 0.0]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_no_factor_makes_short_is_told(wrong):
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        clipped("test", [np.array([1.0, wrong])], 1.0)


def test_vectors_of_other_shapes_are_refused_and_no_step():
    """Broadcast over five places, a vector of length C would be √5 C long."""
    S = PrivateSum(clip_norm=1.0, noise_multiplier=1.0, sampling_rate=0.5, rng=0)
    for wrong in ([np.ones(1)], [np.ones(6)], [np.ones(5), np.ones(5)], [np.ones((1, 5))]):
        with pytest.raises(ValueError, match=r"PrivateSum expects arrays of the shapes \[\(5,\)\], got"):
            S([wrong], like=[np.zeros(5)])
    assert S.steps == 0


def test_the_noise_is_normal_of_deviation_sigma_C_and_independent():
    n = 100_000
    S = PrivateSum(clip_norm=0.5, noise_multiplier=3.0, sampling_rate=0.1, rng=7)([], like=[np.zeros((2, n))])
    z = S[0] / 1.5  # (2, n), standard normal by hypothesis
    assert abs(z.mean()) < 4 / math.sqrt(2 * n)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / (2 * n))
    assert abs((z[0] * z[1]).mean()) < 4 / math.sqrt(n)
    ranks = np.sort(z, axis=None)
    Phi = np.array([math.erfc(-a / math.sqrt(2)) / 2 for a in ranks[::50]])
    distance = abs(Phi - np.arange(0, 2 * n, 50) / (2 * n)).max()
    assert distance < 1.95 / math.sqrt(2 * n)  # Kolmogorov and Smirnov: more than this once in a thousand


def test_a_second_step_has_other_noise_and_a_seed_repeats_it():
    def two():
        total = PrivateSum(1.0, 1.0, 0.5, rng=3)
        return [total([], like=[np.zeros(4)])[0].tolist() for _ in range(2)]

    (a, b), again = two(), two()
    assert a != b and again == [a, b]
    md.seed(4)
    first = PrivateSum(1.0, 1.0, 0.5)([], like=[np.zeros(4)])[0].tolist()
    md.seed(4)
    assert PrivateSum(1.0, 1.0, 0.5)([], like=[np.zeros(4)])[0].tolist() == first != a


def test_each_sample_is_drawn_by_itself():
    N, q, rounds = 60, 0.2, 4000
    total = PrivateSum(1.0, 1.0, q, rng=5)
    drawn = np.zeros((rounds, N))
    for row in drawn:
        row[total.draw(N)] = 1
    deviation = math.sqrt(q * (1 - q) / rounds)
    assert abs(drawn.mean(axis=0) - q).max() < 4.5 * deviation  # every sample alike
    sizes = drawn.sum(axis=1)  # binomial: neither fixed nor in step
    assert abs(sizes.var() - N * q * (1 - q)) < 5 * N * q * (1 - q) * math.sqrt(2 / rounds)
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 4.5 / math.sqrt(rounds)
    assert PrivateSum(1.0, 1.0, 1.0).draw(9).tolist() == list(range(9))
