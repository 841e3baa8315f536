"""``check_kink``: any value between the one-sided slopes is right, and conventions are kept."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive
from minidl.gradcheck import GradientError
from minidl.kinks import check_kink


def relu_with(slope_at_0):
    """An op that is in no registry: relu with a gradient of one's choice at 0."""
    op = Primitive(lambda x, /: np.maximum(x, 0), False, False)
    op.rule(lambda g, y, x: g * np.where(x == 0, slope_at_0, x > 0))
    return op


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_any_value_between_the_slopes_is_right(slope):
    assert check_kink(relu_with(slope), 0.0) == f"gradient {slope:.6g}, between the slopes 0 and 1"


@pytest.mark.parametrize("slope", [-0.01, 1.01, np.nan])
def test_no_other_value_is(slope):
    with pytest.raises(GradientError, match="not between the slopes"):
        check_kink(relu_with(slope), 0.0)


def test_promises_are_kept():
    with pytest.raises(GradientError, match="documented convention is 0"):
        check_kink(relu_with(0.5), 0.0, convention=0.0)
    with pytest.raises(GradientError, match="slope to the left of 0 is 0, not -1"):
        check_kink(relu_with(0.5), 0.0, left=-1.0)
    with pytest.raises(GradientError, match="slope to the right"):
        check_kink(relu_with(0.5), 0.0, right=2.0)


def test_smooth_points_have_one_slope():
    check_kink(md.sin, 0.3)
    with pytest.raises(GradientError):
        check_kink(relu_with(0.5), 0.0, left=0.5)


def test_ties_in_an_array():
    said = check_kink(lambda x: md.max(x), np.array([2.0, 2.0]))
    assert said.count("between the slopes 0 and 1") == 2


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_edges():
    """√x at 0 has no value to the left and is vertical to the right: only a convention can say what is right."""
    assert "nan and inf" in check_kink(md.sqrt, 0.0, left=np.nan, right=np.inf)
    with pytest.raises(ValueError, match="no value on either side"):
        check_kink(lambda x: md.log(-1.0 - x * x), 0.0)
