"""Labels as integers (N,) and as rows of zeros with a single one (N, C)."""

from minidl.arrays import Array, array_module, as_array, default_dtype
from minidl.errors import describe
from minidl.settings import check_whole


def to_categorical(labels: Array, num_classes: int | None = None) -> Array:
    """One-hot rows: y[n, c] = 1 where c = labels[n], else 0.

    Parameters
    ----------
    labels : array of integers (...,)
        As in Keras, a last axis of size 1 is dropped: (N, 1) is read as (N,).
    num_classes : int, optional
        C; the largest label + 1 by default.

    Returns
    -------
    array (..., C) of the default dtype, on the labels' device

    Raises
    ------
    TypeError
        The labels are not integers.
    ValueError
        A label is below 0, or not below ``num_classes``.

    Notes
    -----
    Source: D2.P1 (one-hot labels).

    Examples
    --------
    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    if num_classes is not None:
        check_whole("to_categorical", "num_classes", num_classes)
    labels = as_array(labels)
    if not labels.size:
        labels = labels.astype(int)  # an empty list says nothing of its kind
    if labels.dtype.kind not in "iub":
        raise TypeError(
            f"to_categorical expects integer labels, got {describe(labels)}.\nConvert them: labels.astype(int)."
        )
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]  # (..., 1) -> (...,)
    if labels.size == 0 and num_classes is None:
        raise ValueError("to_categorical cannot count the classes of no labels.\nGive num_classes.")

    smallest, largest = (int(labels.min()), int(labels.max())) if labels.size else (0, -1)
    classes = largest + 1 if num_classes is None else num_classes
    if smallest < 0 or largest >= classes:  # checked here because a GPU wraps wrong indices silently
        if smallest < 0:
            raise ValueError(f"to_categorical expects labels that count from 0, got {smallest}.")
        raise ValueError(
            f"to_categorical expects labels from 0 to {classes - 1} (num_classes={classes}), got {largest}."
        )
    xp = array_module(labels)
    return (labels[..., None] == xp.arange(classes)).astype(default_dtype())  # (...,) -> (..., C)
