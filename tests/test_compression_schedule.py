"""Sparsity that rises (D.T9): the cubic of Zhu & Gupta, its stairs and its ends."""

import pytest

from minidl.compression import GradualSparsity


def test_the_cubic_of_zhu_and_gupta():
    s = GradualSparsity(0.9, begin_step=10, end_step=50, initial_sparsity=0.1, frequency=10)
    expected = [0.9 - 0.8 * (1 - k / 4) ** 3 for k in range(5)]
    assert [s(t) for t in (10, 20, 30, 40, 50)] == pytest.approx(expected)
    assert [s(t) for t in (0, 9)] == [0, 0]
    assert s(19) == s(10) and s(49) == s(40) and s(10**9) == 0.9


def test_an_interval_that_does_not_divide_ends_at_the_end():
    s = GradualSparsity(0.5, end_step=10, frequency=4)
    assert s(8) == s(9) == pytest.approx(0.5 * (1 - 0.2**3)) and s(10) == 0.5


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: GradualSparsity(0.5, end_step=5, begin_step=5), "end_step > begin_step"),
        (lambda: GradualSparsity(0.5, end_step=5, initial_sparsity=0.6), "stays pruned"),
        (lambda: GradualSparsity(0.5, end_step=5, frequency=0), "frequency"),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
