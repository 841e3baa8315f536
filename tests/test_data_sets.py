"""The shipped sets: every byte as listed, and a clear word when something is missing or damaged."""

import gzip
import re
import struct

import numpy as np
import pytest

from minidl.data import MNIST_FOLDER, digits, mnist, moby_dick, movie_reviews, shipped, sunspots


@pytest.mark.parametrize("name", sorted(shipped.SHA256))
def test_shipped_file_has_the_listed_hash(name):
    assert len(shipped.read_shipped(name)) > 0  # read_shipped compares the hash
    table = (shipped.FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    (listed,) = re.findall(rf"^\| `{re.escape(name)}` .*\| (\w+) \|$", table, re.MULTILINE)
    assert shipped.SHA256[name].startswith(listed) and len(listed) == 16


def test_every_shipped_file_is_in_the_table():
    assert {f.name for f in shipped.FOLDER.iterdir()} == {*shipped.SHA256, "SOURCES.md"}


def test_damaged_or_missing_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "sunspots.csv").write_bytes(shipped.read_shipped("sunspots.csv")[:-1])
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"sunspots\.csv is damaged: expected sha256 f67889b1d9002cd5"):
        sunspots()
    with pytest.raises(ValueError, match=r"digits\.npz is missing"):
        digits()


@pytest.mark.parametrize("load, train, test, side, largest", [(digits, 1437, 360, 8, 16), (mnist, 8000, 2000, 28, 255)])
def test_image_sets(load, train, test, side, largest):
    for (x, y), n in zip(load(), (train, test)):
        assert x.shape == (n, side, side) and x.dtype == np.uint8 and (x.min(), x.max()) == (0, largest)
        assert y.shape == (n,) and y.dtype == np.uint8
        assert np.bincount(y, minlength=10).min() > 0.08 * n  # each digit is there, none is rare


def test_sets_are_new_arrays_on_each_call():
    digits()[0][0][:] = 99
    assert digits()[0][0].max() == 16


def test_movie_reviews():
    (texts, labels), (test_texts, test_labels) = movie_reviews()
    assert (len(texts), labels.shape, len(test_texts), test_labels.shape) == (8000, (8000,), 2072, (2072,))
    assert labels.dtype == np.int64 and set(labels) == {0, 1}
    assert labels.sum() == 3938 and test_labels.sum() == 1058
    assert all(isinstance(text, str) and text and "\t" not in text for text in texts + test_texts)
    assert not set(texts) & set(test_texts)


def test_movie_reviews_with_ratings():
    for texts, labels, ratings in movie_reviews(ratings=True):
        assert len(texts) == len(ratings) and ratings.dtype == np.float64
        np.testing.assert_array_equal(labels, ratings >= 0.5)
        assert (np.abs(ratings) >= 0.5).all() and (np.abs(ratings) <= 4).all()


def test_moby_dick():
    train_text, test_text = moby_dick()
    assert len(train_text) + len(test_text) == 1190317 and len(set(train_text + test_text)) == 83
    assert len(train_text) == 1071285
    assert train_text.startswith("CHAPTER 1. Loomings.") and "\r" not in train_text


def test_sunspots():
    years, values = sunspots()
    np.testing.assert_array_equal(years, np.arange(1700, 2009))
    assert years.dtype == np.int64 and values.dtype == np.float64 and values.shape == (309,)
    assert (values.min(), values.max(), years[values.argmax()]) == (0, 190.2, 1957)


# --- the full MNIST, from files of one's own ----------------------------------------------------------------------


def idx(a):
    """The bytes of an IDX file of unsigned bytes."""
    return bytes([0, 0, 8, a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.astype(np.uint8).tobytes()


@pytest.fixture
def mnist_folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 5), ("t10k", 3)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(rng.integers(0, 256, (n, 28, 28))))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n)))
    return tmp_path


def check_full(sets):
    (x_train, y_train), (x_test, y_test) = sets
    assert x_train.shape == (5, 28, 28) and x_test.shape == (3, 28, 28) and x_train.dtype == np.uint8
    assert y_train.tolist() == [0, 1, 2, 3, 4] and y_test.tolist() == [0, 1, 2]
    return x_train


def test_full_mnist_under_every_usual_name(mnist_folder):
    x = check_full(mnist(full=True, folder=mnist_folder))
    for path in list(mnist_folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    np.testing.assert_array_equal(check_full(mnist(full=True, folder=str(mnist_folder))), x)
    for path in list(mnist_folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    np.testing.assert_array_equal(check_full(mnist(full=True, folder=mnist_folder)), x)


def test_full_mnist_from_the_usual_folder(mnist_folder, monkeypatch):
    monkeypatch.setattr("minidl.data.sets.MNIST_FOLDER", mnist_folder)
    check_full(mnist(full=True))
    assert MNIST_FOLDER.as_posix() == "~/.minidl/mnist"


def test_full_mnist_says_which_file_is_absent(mnist_folder):
    (mnist_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="found no t10k-labels-idx1-ubyte") as caught:
        mnist(full=True, folder=mnist_folder)
    assert str(mnist_folder) in str(caught.value) and "train-images-idx3-ubyte" in str(caught.value)


def test_settings_of_another_kind_are_refused():
    for call, words in (
        (lambda: mnist(full="yes"), "full as True or False, got str 'yes'"),
        (lambda: mnist(full=True, folder=3), "folder as a path, got int 3"),
        (lambda: movie_reviews(ratings=0.5), "ratings as True or False"),
    ):
        with pytest.raises(TypeError, match=words):
            call()


def test_folder_without_full_is_refused(tmp_path):
    with pytest.raises(ValueError, match="full=True"):
        mnist(folder=tmp_path)


@pytest.mark.parametrize(
    "name, array, message",
    [
        ("train-labels-idx1-ubyte", np.arange(4), "holds 5 images, .* holds 4 labels"),
        ("train-labels-idx1-ubyte", np.zeros((5, 1)), r"should hold uint8 \(N,\)"),
        ("train-images-idx3-ubyte", np.zeros((5, 27, 28)), r"should hold uint8 \(N, 28, 28\), got uint8 \(5, 27, 28\)"),
    ],
)
def test_full_mnist_refuses_files_that_do_not_fit(mnist_folder, name, array, message):
    (mnist_folder / name).write_bytes(idx(array))
    with pytest.raises(ValueError, match=message):
        mnist(full=True, folder=mnist_folder)
