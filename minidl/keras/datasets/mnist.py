"""``keras.datasets.mnist``: written digits of 28 × 28 pixels."""

import os

from minidl.data import MNIST_FOLDER
from minidl.data import mnist as read_mnist
from minidl.data.sets import Split

__all__ = ["load_data"]


def load_data() -> Split:
    """The full MNIST where its files are in ``~/.minidl/mnist``; otherwise the 10,000 images shipped with minidl.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x (N, 28, 28) uint8 in 0..255; y (N,) uint8 in 0..9. N is 60,000 and 10,000, or 8,000 and 2,000: a program that
        has the full numbers written into it says ``x_train.reshape((-1, 28, 28, 1))`` instead (D0.P1).

    Raises
    ------
    FileNotFoundError, ValueError
        The folder is there, but a file in it is absent or damaged.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape[1:], y_train.dtype
    ((28, 28), dtype('uint8'))
    """
    return read_mnist(full=os.path.isdir(os.path.expanduser(MNIST_FOLDER)))  # no: no home, or one that is shut
