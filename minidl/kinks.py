"""Points without a derivative: relu at 0, max at a tie. Any value between the two one-sided slopes is right there.

Such a value is called a subgradient (Clarke, *Optimization and Nonsmooth Analysis*, 1983). Which one an op gives is a
convention, written in its docstring; ``check_kink`` holds it to both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import as_array
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.differences import one_sided_slope
from minidl.gradcheck import GradientError


def check_kink(
    f: Callable[[Tensor], Tensor],
    x: Any,
    *,
    left: float | None = None,
    right: float | None = None,
    convention: float | None = None,
) -> str:
    """Check the gradient of Σ f at a point without a derivative; say what it is.

    Parameters
    ----------
    f
        A function of one Tensor.
    x
        The point: a number, or an array. Each entry is moved alone to find its slopes.
    left, right, convention
        The slopes and the gradient that the documentation promises; compared when given. A slope is ±inf where the
        function is vertical, NaN where it has no value on that side.

    Raises
    ------
    GradientError
        The gradient is not between the slopes, or something is not as promised.
    ValueError
        f has no value on either side of the point.

    Examples
    --------
    >>> check_kink(abs, 0.0, left=-1.0, right=1.0, convention=0.0)
    'gradient 0, between the slopes -1 and 1'
    """
    point = np.array(as_array(x), dtype=np.float64)
    t = Tensor(point, requires_grad=True)
    y = f(t)
    g = np.ones(y.shape)
    (dx,) = gradients(y, [t], g)
    dx = np.zeros(point.shape) if dx is None else dx
    found = []
    for i in np.ndindex(point.shape):
        sides = [one_sided_slope(lambda: [f(Tensor(point)).data], point, i, side, [g]) for side in (-1, 1)]
        for name, promised, (slope, limit) in zip(("left", "right"), (left, right), sides):
            if promised is not None and not is_as_promised(slope, promised, limit):
                raise GradientError(f"the slope to the {name} of {point[i]:.6g} is {slope:.6g}, not {promised:.6g}.")
        check_between(dx[i], sides, f"the gradient at {point[i]:.6g}")
        if convention is not None and dx[i] != convention:
            raise GradientError(
                f"the gradient at {point[i]:.6g} is {dx[i]:.6g}, but the documented convention is {convention:.6g}."
            )
        found.append(f"gradient {dx[i]:.6g}, between the slopes {sides[0][0]:.6g} and {sides[1][0]:.6g}")
    return "; ".join(found)


def check_between(dx: float, sides: list[tuple[float, float]], what: str) -> None:
    """Raise unless dx is between the slopes; a side where the function has no value (NaN) sets no bound."""
    known = [(slope, limit) for slope, limit in sides if not np.isnan(slope)]
    if not known:
        raise ValueError("check_kink: f has no value on either side of this point.")
    if len(known) == 1 and np.isinf(known[0][0]):
        return  # an edge where the function is vertical: only a convention can say what the gradient is
    low, high = min(s - limit for s, limit in known), max(s + limit for s, limit in known)
    if not low <= dx <= high:
        raise GradientError(f"{what} is {dx:.6g}, which is not between the slopes {low:.6g} and {high:.6g}.")


def is_as_promised(slope: float, promised: float, limit: float) -> bool:
    """Both infinite, both without a value, or equal within the limit."""
    if np.isnan(promised) or np.isnan(slope):
        return bool(np.isnan(promised) and np.isnan(slope))
    return bool(slope == promised or abs(slope - promised) <= limit)
