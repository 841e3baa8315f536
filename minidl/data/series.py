"""A time series as samples: windows of past values, each with the value to predict."""

from numbers import Integral

import numpy as np

from minidl.arrays import Array, array_module, as_array


def windows(series: Array, length: int, ahead: int = 1, stride: int = 1) -> tuple[Array, Array]:
    """Cut a series into windows of the past, each with the value that comes ``ahead`` steps after its end.

        x_n = s[n k], ..., s[n k + length − 1]        y_n = s[n k + length − 1 + ahead]        for n = 0, 1, ...

    with the stride k.

    Parameters
    ----------
    series : array (T,) or (T, D)
        In the order of time, at equal distances; D quantities measured together.
    length : int
        How many values a window holds.
    ahead : int
        1 predicts the value right after the window.
    stride : int
        How far the next window's beginning is; 1 gives all windows.

    Returns
    -------
    x : array (N, length, 1) or (N, length, D)
        As recurrent layers take it. N = ⌊(T − length − ahead) / stride⌋ + 1.
    y : array (N, 1) or (N, D)
        As ``Dense(1)`` or ``Dense(D)`` gives it. Both are copies, and may be edited.

    Raises
    ------
    ValueError
        The series is shorter than one window with its target, or has other axes.
    TypeError
        ``length``, ``ahead`` or ``stride`` is not a whole number.

    Notes
    -----
    To test on the last K values, split the *series* and let the test part begin with the last ``length + ahead − 1``
    values of the training part: the first window may look back, but no training target is later than a test window's.

    Keras' ``timeseries_dataset_from_array(data, targets, sequence_length)`` makes batches, and leaves the pairing to
    the caller: target n goes with the window that begins at n, so the same as here is
    ``data = series[:-ahead]``, ``targets = series[length + ahead - 1:]``. Its ``sequence_stride`` is ``stride``.

    Examples
    --------
    >>> x, y = windows(np.arange(6), length=3)
    >>> x[..., 0].tolist(), y[:, 0].tolist()
    ([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [3, 4, 5])
    >>> windows(np.arange(6), length=3, ahead=2)[1][:, 0].tolist()
    [4, 5]
    """
    for name, n in (("length", length), ("ahead", ahead), ("stride", stride)):
        if not isinstance(n, Integral) or isinstance(n, bool):
            raise TypeError(f"windows expects {name} as a whole number, got {n!r}.")
        if n < 1:
            raise ValueError(f"windows expects {name} of at least 1, got {n}.")
    s = as_array(series)
    if s.ndim == 1:
        s = s[:, None]  # (T,) -> (T, 1)
    if s.ndim != 2:
        raise ValueError(f"windows expects a series (T,) or (T, D), got shape {s.shape}.")
    T = len(s)
    if T < length + ahead:
        raise ValueError(
            f"windows of {length} with a target {ahead} ahead need a series of at least {length + ahead} values, "
            f"got {T}.\nUse a smaller length."
        )
    starts = np.arange(0, T - length - ahead + 1, stride)  # (N,)
    places = array_module(s).asarray(starts[:, None] + np.arange(length))  # (N, length)
    return s[places], s[places[:, -1] + ahead]  # (N, length, D), (N, D)
