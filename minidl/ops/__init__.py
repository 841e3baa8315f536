"""The ops, one family a file; in each, forward and derivative stand side by side."""

from minidl.ops import (  # noqa: F401
    activations,
    arithmetic,
    conversion,
    cross_entropy,
    cumulative,
    diagonals,
    einsum,
    exponentials,
    indexing,
    joining,
    linalg,
    linear,
    reductions,
    selection,
    shape,
    softmax,
    trigonometry,
)
