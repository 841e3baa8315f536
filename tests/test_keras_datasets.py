"""``keras.datasets.mnist``: the shipped images, or the user's own files."""

import os
import struct

import pytest

import minidl
from minidl import keras


def test_load_data_gives_the_shipped_images(home):
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    assert (x_train.shape, y_train.shape) == ((8000, 28, 28), (8000,))
    assert (x_test.shape, y_test.shape) == ((2000, 28, 28), (2000,))


def write_mnist(folder, part, n):
    """``n`` images and labels, all zero, in MNIST's file format."""
    folder.mkdir(parents=True, exist_ok=True)
    images = struct.pack(">IIII", 0x803, n, 28, 28) + bytes(n * 28 * 28)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, n) + bytes(n))


def test_load_data_needs_no_home(home, monkeypatch):
    monkeypatch.setattr("os.path.expanduser", os.fspath)  # "~" stays where nobody knows a home
    (x_train, _), _ = keras.datasets.mnist.load_data()
    assert len(x_train) == 8000
    with pytest.raises(FileNotFoundError, match=r"in ~/\.minidl/mnist"):
        minidl.data.mnist(full=True)


def test_load_data_gives_the_users_own_files(home):
    folder = home / ".minidl" / "mnist"
    write_mnist(folder, "train", 6)
    with pytest.raises(FileNotFoundError, match="found no t10k-images"):  # rather than another data set in silence
        keras.datasets.mnist.load_data()
    write_mnist(folder, "t10k", 1)
    (x_train, _), (x_test, _) = keras.datasets.mnist.load_data()
    assert x_train.shape == (6, 28, 28) and x_test.shape == (1, 28, 28)
