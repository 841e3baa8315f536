r"""Penalties on weights: the loss grows with their size, so that training keeps them small (D.T5).

| name | penalty | its derivative |
|---|---|---|
| L1 | λ Σ \|w\| | λ sign w: the same pull at any size, so that many weights end at 0 |
| L2 | λ Σ w² | 2 λ w: a pull that fades, so that all weights shrink and few vanish |

A layer is told with ``kernel_regularizer=`` and hands the regularizer to its parameter. ``layer.penalty()`` is the sum
over all parameters that are trained. ``fit`` adds it to the loss; in a loop of one's own it is

    loss = loss_function(y, model(x)) + model.penalty()

With plain gradient descent L2 is the same as weight decay of 2 λ; with Adam it is not, because the penalty's gradient
is divided by √v like any other (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019): see ``AdamW``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minidl.errors import unknown_name
from minidl.ops.selection import abs
from minidl.settings import check_number


@dataclass(frozen=True)
class L1:
    """λ Σ |w|, with λ = ``l1``. At w = 0 the derivative is taken as 0.

    >>> import minidl as md
    >>> L1(0.5)(md.Tensor([3.0, -1.0])).item()
    2.0
    """

    l1: float = 0.01

    def __post_init__(self):
        check_number("L1", "l1", self.l1, "[0, inf)")

    def __call__(self, w: Any) -> Any:
        return abs(w).sum() * float(self.l1)  # a NumPy float64 would make the penalty float64


@dataclass(frozen=True)
class L2:
    """λ Σ w², with λ = ``l2``.

    >>> import minidl as md
    >>> L2(0.5)(md.Tensor([3.0, -1.0])).item()
    5.0
    """

    l2: float = 0.01

    def __post_init__(self):
        check_number("L2", "l2", self.l2, "[0, inf)")

    def __call__(self, w: Any) -> Any:
        return (w * w).sum() * float(self.l2)


@dataclass(frozen=True)
class L1L2:
    """λ₁ Σ |w| + λ₂ Σ w² (Zou & Hastie, "Regularization and variable selection via the elastic net", 2005)."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self):
        check_number("L1L2", "l1", self.l1, "[0, inf)")
        check_number("L1L2", "l2", self.l2, "[0, inf)")

    def __call__(self, w: Any) -> Any:
        return L1(self.l1)(w) + L2(self.l2)(w)


def penalty(parameters: Iterable[Any]) -> Any:
    """The sum of what the regularizers of these parameters give: a Tensor, or 0.0 where none is regularized.

    Frozen parameters do not count.
    """
    return sum((p.regularizer(p) for p in parameters if p.regularizer is not None and p.requires_grad), 0.0)


REGULARIZERS: dict[str, type] = {"l1": L1, "l2": L2, "l1_l2": L1L2}


def get(regularizer: Any) -> Callable[[Any], Any] | None:
    """A regularizer by its name in Keras, with its default λ; an object or function is taken as it is; None is none.

    Raises
    ------
    ValueError
        The name is not known.

    >>> get("l2")
    L2(l2=0.01)
    """
    if isinstance(regularizer, type):
        return regularizer()
    if regularizer is None or callable(regularizer):
        return regularizer
    if not isinstance(regularizer, str) or regularizer not in REGULARIZERS:
        raise unknown_name("regularizer", regularizer, REGULARIZERS)
    return REGULARIZERS[regularizer]()
