import errno
import io
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minidl as md
from minidl import layers as L
from minidl.saving import load_arrays, pack_npz, pack_safetensors, save_arrays, unpack_npz, unpack_safetensors
from minidl.training.checkpoint import read_tree, write_tree
from tests.small_models import classifier, regressor, same_weights

ENDINGS = [".npz", ".safetensors"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_go_into_a_file_and_come_back(tmp_path, ending):
    model = classifier()
    path = tmp_path / f"w{ending}"
    model.save_weights(str(path))
    other = classifier()
    for p in other.parameters():
        p.data += 1.0
    assert not same_weights(model, other)
    other.load_weights(path)
    assert same_weights(model, other)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_npz_files_are_numpys(tmp_path):
    model = classifier()
    model.save_weights(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        assert sorted(file.files) == sorted(model.state_dict())
        np.testing.assert_array_equal(file["dense.kernel"], model.state_dict()["dense.kernel"])
    np.savez(tmp_path / "theirs.npz", **{name: w + 1 for name, w in model.state_dict().items()})
    np.savez_compressed(tmp_path / "small.npz", **{name: w + 1 for name, w in model.state_dict().items()})
    for name in ("theirs.npz", "small.npz"):
        before = model.state_dict()
        model.load_weights(tmp_path / name)
        model.load_state_dict(before)


@given(
    kind=st.sampled_from(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    data=st.data(),
)
def test_any_array_comes_back_bit_for_bit(kind, shape, data):
    a = data.draw(hnp.arrays(np.dtype(kind), shape))
    arrays = {"a": a, "file": a.T, "b.c/d": np.zeros(3, ">f4")}  # "file": a parameter of np.savez
    for pack, unpack in ((pack_npz, unpack_npz), (pack_safetensors, unpack_safetensors)):
        got = unpack(pack(arrays))
        assert sorted(got) == sorted(arrays)
        for name, array in arrays.items():
            assert got[name].shape == array.shape and got[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(got[name], array)
            got[name][...] = 0  # writable


def test_safetensors_files_are_the_packages(tmp_path):
    import safetensors.numpy

    model = classifier()
    model.save_weights(tmp_path / "w.safetensors")
    theirs = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert sorted(theirs) == sorted(model.state_dict())
    safetensors.numpy.save_file({name: w + 1 for name, w in theirs.items()}, tmp_path / "theirs.safetensors")
    model.load_weights(tmp_path / "theirs.safetensors")
    np.testing.assert_array_equal(model.state_dict()["dense.kernel"], theirs["dense.kernel"] + 1)


def test_without_the_package_safetensors_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    model = classifier()
    for act in (model.save_weights, model.load_weights):
        with pytest.raises(ValueError, match="pip install safetensors"):
            act(tmp_path / "w.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_when_the_new_one_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    save_arrays(path, {"w": np.zeros(2)})

    def full_disk(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
        save_arrays(path, {"w": np.ones(2)})
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]
    np.testing.assert_array_equal(load_arrays(path)["w"], np.zeros(2))


# --- damage ---------------------------------------------------------------------------------------------------------


class Harmful:
    """Opening a pickle of it would run a program."""

    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def named(**changes):
    return pack_npz({**classifier().state_dict(), **{k.replace("_dot_", "."): v for k, v in changes.items()}})


WHOLE = {".npz": pack_npz(classifier().state_dict()), ".safetensors": pack_safetensors(classifier().state_dict())}


def flipped(content, k):
    return content[:k] + bytes([content[k] ^ 0xFF]) + content[k + 1 :]


def packed(compression, npy):
    """An npz file of one array, which is whatever these bytes are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("w.npy", npy)
    return file.getvalue()


def npy(text):
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + bytes(16)


def flagged(content):
    """The bits that say that the first file within is encrypted, in both places."""
    directory = content.find(b"PK\1\2")
    return content[:6] + b"\1" + content[7 : directory + 8] + b"\1" + content[directory + 9 :]


def header(text):
    return struct.pack("<Q", len(text)) + text.encode()


DAMAGE = {
    "truncated": (".npz", WHOLE[".npz"][:-100], "damaged"),
    "truncated early": (".npz", WHOLE[".npz"][:40], "damaged"),
    "empty": (".npz", b"", "damaged"),
    "text": (".npz", b"hello", "damaged"),
    "a byte flipped in the numbers": (".npz", flipped(WHOLE[".npz"], 200), "damaged.*CRC"),
    "a byte flipped in compressed numbers": (
        ".npz",
        flipped(packed(zipfile.ZIP_DEFLATED, bytes(1000)), 35),
        "damaged.*decompressing",
    ),
    "a byte flipped in otherwise compressed numbers": (
        ".npz",
        flipped(packed(zipfile.ZIP_LZMA, bytes(range(256))), 50),
        "damaged",
    ),
    "locked with a password": (".npz", flagged(packed(zipfile.ZIP_STORED, b"")), "damaged.*encrypted"),
    "brackets without an end": (".npz", packed(zipfile.ZIP_STORED, npy("{'descr': (")), "damaged"),
    "a shape beyond all bounds": (
        ".npz",
        packed(zipfile.ZIP_STORED, npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1" + 30 * "0" + ",)}")),
        "damaged",
    ),
    "a pickle": (".npz", pickle.dumps(Harmful()), r"is a pickle, which is never opened"),
    "objects": (".npz", npz(w=np.array([Harmful()], object)), "damaged.*[Oo]bject"),
    "text within": (".npz", npz(w=np.array(["a"])), "dtype <U1, expected numbers"),
    "complex numbers": (".npz", npz(w=np.array([1j])), "dtype complex128, expected numbers"),
    "missing name": (".npz", pack_npz({"dense.kernel": np.zeros((4, 8))}), "missing: dense.bias"),
    "unexpected name": (".npz", named(extra=np.zeros(2)), "unexpected: extra"),
    "wrong shape": (
        ".npz",
        named(dense_dot_kernel=np.zeros((8, 4))),
        r"dense.kernel has shape \(8, 4\), expected \(4, 8\)",
    ),
    "a scalar": (".npz", named(dense_dot_bias=np.float32(0)), r"dense.bias has shape \(\), expected \(8,\)"),
    "truncated safetensors": (".safetensors", WHOLE[".safetensors"][:-10], "damaged"),
    "header cut off": (".safetensors", WHOLE[".safetensors"][:30], "damaged"),
    "empty safetensors": (".safetensors", b"", "damaged"),
    "a pickle called safetensors": (".safetensors", pickle.dumps(Harmful()), "damaged"),
    "an npz called safetensors": (".safetensors", WHOLE[".npz"], "damaged"),
    "not JSON": (".safetensors", header("{nonsense"), "damaged"),
    "JSON of another kind": (".safetensors", header("[1, 2]"), "damaged"),
    "unknown dtype": (
        ".safetensors",
        header('{"w": {"dtype": "X9", "shape": [], "data_offsets": [0, 0]}}'),
        "damaged.*X9",
    ),
    "sizes that lie": (
        ".safetensors",
        header('{"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}'),
        "damaged",
    ),
    "negative sizes": (
        ".safetensors",
        header('{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}'),
        "damaged",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_damaged_files_change_nothing(tmp_path, damage):
    ending, content, message = DAMAGE[damage]
    path = tmp_path / f"w{ending}"
    path.write_bytes(content)
    model = classifier()
    before = model.state_dict()
    with pytest.raises(ValueError, match=f"(?s){message}") as caught:
        model.load_weights(path)
    assert len(str(caught.value).splitlines()) <= 3
    assert same_weights(before, model)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_bytes() == content


@pytest.mark.parametrize("ending", ENDINGS)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_no_part_of_a_file_is_taken_for_the_whole(ending, cut):
    unpack = unpack_npz if ending == ".npz" else unpack_safetensors
    whole = WHOLE[ending]
    with pytest.raises(Exception):  # noqa: B017 -- load_arrays turns each kind into one ValueError
        unpack(whole[: int(cut * len(whole))])


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda m, d: m.load_weights(d / "none.npz"), FileNotFoundError, "no such file"),
        (lambda m, d: m.load_weights(d), ValueError, "must end in .npz or .safetensors"),
        (lambda m, d: m.save_weights(d / "w.weights.h5"), ValueError, "'w.weights.h5': the name must end in .npz"),
        (lambda m, d: m.save_weights(d / "nowhere" / "w.npz"), ValueError, "there is no folder"),
        (lambda m, d: m.save_weights(3), TypeError, "expected a path such as"),
        (lambda m, d: md.Sequential([L.Dense(1)]).save_weights(d / "w.npz"), ValueError, "has no weights yet"),
        (lambda m, d: md.Sequential([L.Dense(1)]).load_weights(d / "w.npz"), ValueError, "has no weights yet"),
    ],
)
def test_paths_that_cannot_be(tmp_path, act, kind, message):
    with pytest.raises(kind, match=message) as caught:
        act(regressor(), tmp_path)
    assert len(str(caught.value).splitlines()) <= 3 and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_into_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    model = classifier()
    with pytest.raises(ValueError, match="nothing can be written into the folder"):
        model.fit(np.ones((4, 4)), np.zeros(4, int), verbose=0, resume=tmp_path / "run.npz")
    assert model.optimizer.iterations == 0


def test_an_absent_file_is_told_with_those_that_are_there(tmp_path):
    regressor().save_weights(tmp_path / "weights.npz")
    with pytest.raises(FileNotFoundError, match=r"That folder has: weights\.npz"):
        regressor().load_weights(tmp_path / "weight.npz")


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "w.npz").mkdir()
    for act in (classifier().save_weights, classifier().load_weights):
        with pytest.raises(ValueError, match="there is a folder of that name"):
            act(tmp_path / "w.npz")


def test_a_link_leads_on_to_its_file(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "w.npz").symlink_to(tmp_path / "disk" / "w.npz")
    for value in (1.0, 2.0):  # at first the link leads to nothing
        save_arrays(tmp_path / "w.npz", {"w": np.array(value)})
        assert (tmp_path / "w.npz").is_symlink() and load_arrays(tmp_path / "disk" / "w.npz") == {"w": value}


def test_a_link_into_no_folder_is_told(tmp_path):
    (tmp_path / "w.npz").symlink_to(tmp_path / "nowhere" / "w.npz")
    with pytest.raises(ValueError, match=r"there is no folder '.*nowhere'"):
        save_arrays(tmp_path / "w.npz", {"w": np.zeros(1)})


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([{}])])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, array):
    with pytest.raises(ValueError, match=r"cannot save 'w' of dtype .*: expected numbers"):
        save_arrays(tmp_path / "w.npz", {"w": array})
    assert list(tmp_path.iterdir()) == []


def test_words_in_a_tree_come_back_and_sets_are_refused(tmp_path):
    write_tree(tmp_path / "t.npz", {"classes": np.array(["cat", "dog"])})
    assert read_tree(tmp_path / "t.npz") == {"classes": ["cat", "dog"]}
    with pytest.raises(TypeError, match=r"a checkpoint holds arrays, numbers, words, .* got set"):
        write_tree(tmp_path / "t.npz", {"seen": {1}})


@pytest.mark.parametrize("state", [None, [1], 3])
def test_a_state_that_is_no_dictionary(state):
    with pytest.raises(TypeError, match="expects a dictionary"):
        classifier().load_state_dict(state)
