"""Small files: what was written comes back, they are as small as is said, damaged ones leave the model as it was."""

import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import layers as L
from minidl.compression import load_compressed, prune, quantize_weights, save_compressed, size_of
from minidl.compression.packing import best_gap_bits, gaps_of, pack, packed_size, positions_of, unpack
from minidl.saving import load_arrays, save_arrays
from tests.small_models import X, classifier, same_weights

RNG = np.random.default_rng(0)


# --- packing --------------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 8))
def test_whole_numbers_in_few_bits(data, bits):
    codes = np.array(data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=50)), np.uint8)
    packed = pack(codes, bits)
    digits = "".join(f"{code:0{bits}b}" for code in codes)
    expected = [int(digits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(digits), 8)]
    assert packed.tolist() == expected and len(packed) == packed_size(len(codes), bits)
    np.testing.assert_array_equal(unpack(packed, bits, len(codes)), codes)


@given(st.sets(st.integers(0, 3000)), st.integers(1, 8))
def test_gaps_lead_back_to_the_positions(places, bits):
    positions = np.array(sorted(places), int)
    gaps = gaps_of(positions, bits)
    assert ((gaps >= 0) & (gaps < 2**bits)).all()
    here, found = 0, []  # read as the docstring says, one by one
    for gap in gaps:
        here += gap
        if gap < 2**bits - 1:
            found.append(here)
            here += 1
    assert found == positions.tolist() == positions_of(gaps, bits).tolist()


@given(st.sets(st.integers(0, 3000)))
def test_no_other_number_of_bits_is_shorter(places):
    positions = np.array(sorted(places), int)
    sizes = {bits: bits * len(gaps_of(positions, bits)) for bits in range(1, 9)}
    assert sizes[best_gap_bits(positions)] == min(sizes.values())


# --- there and back -------------------------------------------------------------------------------------------------


def there_and_back(model, other, tmp_path, *args, **settings):
    path = tmp_path / "small.npz"
    save_compressed(path, model, *args, **settings)
    assert os.path.getsize(path) / 1000 == size_of(model, *args, **settings)
    loaded = load_compressed(path, other)
    assert len(loaded.loaded) == len(model.parameters()) and not loaded.faults()
    return other.state_dict()


def zoo():
    return md.Sequential(
        [
            L.Embedding(50, 12, input_length=6), L.Conv1D(9, 3), L.BatchNormalization(), L.LSTM(7), L.Dense(30),
            L.Dense(4, trainable=False),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("bits", [None, 3, 8])
@pytest.mark.parametrize("sparsity", [0, 0.95])
@pytest.mark.parametrize("settings", [{}, {"symmetric": False}, {"per_channel": False}])
def test_every_kind_of_kernel(tmp_path, bits, sparsity, settings):
    model, other = zoo(), zoo()
    prune(model, sparsity)
    before = model.state_dict()
    read = there_and_back(model, other, tmp_path, bits, **settings)
    assert same_weights(model, before)
    if bits is not None:
        quantize_weights(model, bits, **settings)  # the same, bit for bit
    assert same_weights(model, read)


def test_bits_may_be_numpys_whole_numbers(tmp_path):
    model = zoo()
    for bits in np.arange(2, 4):
        save_compressed(tmp_path / "a.npz", model, bits)
        assert size_of(model, bits) == size_of(model, int(bits)) == (tmp_path / "a.npz").stat().st_size / 1000


def test_a_quantised_model_is_written_as_it_is(tmp_path):
    model = zoo()
    quantize_weights(model, 4)
    assert same_weights(there_and_back(model, zoo(), tmp_path, 4), model)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_zeros_or_none(tmp_path, value):
    def constant():
        return md.Sequential([L.Dense(40, kernel_initializer=md.initializers.Constant(value), input_shape=(50,))])

    for bits in (None, 2):
        assert same_weights(there_and_back(constant(), constant(), tmp_path, bits), constant())
    assert (size_of(constant()) < 2) == (value == 0)


def test_float64_and_nan_are_kept(tmp_path):
    md.arrays.set_default_dtype("float64")
    try:
        model, other = classifier(), classifier()
        prune(model, 0.9)
        model.layers[0].kernel.data[0, 0] = np.nan
        read = there_and_back(model, other, tmp_path)
    finally:
        md.arrays.set_default_dtype("float32")
    assert read["dense.kernel"].dtype == np.float64
    for name, w in model.state_dict().items():
        np.testing.assert_array_equal(read[name], w)


def test_names_choose_what_is_quantised(tmp_path):
    model = classifier()
    read = there_and_back(model, classifier(), tmp_path, 2, names="dense_1.kernel")
    assert np.array_equal(read["dense.kernel"], model.state_dict()["dense.kernel"])
    assert len(np.unique(read["dense_1.kernel"])) <= 9


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_kilobytes_shrink_as_the_bits_do():
    model = md.Sequential([L.Dense(500, input_shape=(400,), use_bias=False)])  # 200,000 weights
    sizes = {bits: size_of(model, bits) for bits in (None, 8, 4)}
    assert sizes[None] == pytest.approx(800, abs=1)
    assert sizes[8] == pytest.approx(200 + 500 * 4 / 1000, abs=1)  # and the scales
    assert sizes[4] == pytest.approx(100 + 500 * 4 / 1000, abs=1)


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.98])
def test_zeros_cost_little_more_than_their_entropy(sparsity):
    """Shannon: where n (1 - s) of n weights stand cannot be told in less than n H(s) bits."""
    model = md.Sequential([L.Dense(500, input_shape=(400,), use_bias=False)])
    prune(model, sparsity)
    s, n = sparsity, 200_000
    entropy = -s * np.log2(s) - (1 - s) * np.log2(1 - s)
    least = n * entropy / 8000 + n * (1 - s) * 4 / 1000  # kB, with floats of 4 bytes
    assert least < size_of(model) < least + 0.12 * n * entropy / 8000 + 1
    assert size_of(model, 8) < size_of(model) / 1.5


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    model = classifier()
    prune(model, 0.9)
    path = tmp_path / "small.npz"
    save_compressed(path, model, 4, symmetric=False)
    return path


def refused(path, message, model=None):
    """Loading raises, in words, and leaves the model as it was."""
    model = classifier() if model is None else model
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        load_compressed(path, model)
    for name, w in model.state_dict().items():
        np.testing.assert_array_equal(w, before[name])


def edited(path, change):
    """The file after ``change(arrays, index)``."""
    arrays = load_arrays(path)
    index = json.loads(arrays["index"].tobytes())
    change(arrays, index["kernels"].get("dense.kernel"), index)
    arrays["index"] = np.frombuffer(json.dumps(index).encode(), np.uint8)
    save_arrays(path, arrays)


def longer(a):
    return np.append(a, a[:1])


DAMAGE = {
    "other format": lambda a, entry, index: index.update(format="another"),
    "no kernels": lambda a, entry, index: index.pop("kernels"),
    "kernels a list": lambda a, entry, index: index.update(kernels=[]),
    "values missing": lambda a, entry, index: a.pop("dense.kernel/values"),
    "values longer": lambda a, entry, index: a.update({"dense.kernel/values": longer(a["dense.kernel/values"])}),
    "values floats": lambda a, entry, index: a.update({"dense.kernel/values": a["dense.kernel/values"] * 1.0}),
    "scale missing": lambda a, entry, index: a.pop("dense.kernel/scale"),
    "scale 0": lambda a, entry, index: a.update({"dense.kernel/scale": a["dense.kernel/scale"] * np.float32(0)}),
    "scale NaN": lambda a, entry, index: a.update({"dense.kernel/scale": a["dense.kernel/scale"] * np.float32("nan")}),
    "scale of another shape": lambda a, entry, index: a.update({"dense.kernel/scale": np.ones(3, np.float32)}),
    "zero point beyond": lambda a, entry, index: a.update({"dense.kernel/zero_point": np.full((1, 8), 16, np.int16)}),
    "gaps missing": lambda a, entry, index: a.pop("dense.kernel/gaps"),
    "gaps beyond": lambda a, entry, index: a.update({"dense.kernel/gaps": a["dense.kernel/gaps"] | 0b01010101}),
    "one value for all": lambda a, entry, index: (
        entry.update(count=1),
        a.update({"dense.kernel/values": a["dense.kernel/values"][:1]}),
    ),
    "fewer": lambda a, entry, index: entry.update(count=entry["count"] - 1),
    "count negative": lambda a, entry, index: entry.update(count=-1),
    "count a word": lambda a, entry, index: entry.update(count="3"),
    "bits 16": lambda a, entry, index: entry.update(bits=16),
    "bits a word": lambda a, entry, index: entry.update(bits="4"),
    "bits missing": lambda a, entry, index: entry.pop("bits"),
    "objects": lambda a, entry, index: entry.update(dtype="O"),
    "no dtype": lambda a, entry, index: entry.update(dtype="nonsense"),
    "another shape": lambda a, entry, index: entry.update(shape=[8, 4]),
    "a huge shape": lambda a, entry, index: entry.update(shape=[10**9, 10**9]),
    "bias missing": lambda a, entry, index: a.pop("plain/dense.bias"),
    "another kernel": lambda a, entry, index: index["kernels"].update(other=entry),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused_before_anything_is_changed(written, damage):
    edited(written, DAMAGE[damage])
    refused(written, "damaged|does not fit|do not fit")


def test_a_code_beyond_the_grid_is_found(tmp_path):
    save_compressed(tmp_path / "small.npz", classifier(), 4)  # symmetric: 15 of the 16 codes have a meaning
    edited(
        tmp_path / "small.npz", lambda a, entry, index: a.update({"dense.kernel/values": np.full(16, 255, np.uint8)})
    )
    refused(tmp_path / "small.npz", "not among -7..7")


def test_every_cut_and_flipped_byte_is_found(written):
    whole = written.read_bytes()
    for n in range(0, len(whole), 97):
        written.write_bytes(whole[:n])
        refused(written, "damaged|written by save_compressed")
    with zipfile.ZipFile(written.with_name("whole.npz"), "w") as archive:
        archive.writestr("dense.kernel/values.npy", b"\x80\x04pickle")
    refused(written.with_name("whole.npz"), "damaged")


def test_files_of_another_kind(tmp_path, written):
    model = classifier()
    model.save_weights(tmp_path / "plain.npz")
    refused(tmp_path / "plain.npz", "not written by save_compressed(.|\n)*load_weights")
    refused(written, "does not fit", md.Sequential([L.Dense(8, input_shape=(5,)), L.Dense(3)]))
    refused(written, "do not fit", md.Sequential([L.Dense(8, input_shape=(4,), name="other"), L.Dense(3, name="last")]))
    with pytest.raises(ValueError, match="no weights yet"):
        load_compressed(written, md.Sequential([L.Dense(8)]))
    with pytest.raises(FileNotFoundError):
        load_compressed(tmp_path / "none.npz", model)


def test_what_cannot_be_written_is_told_and_leaves_no_file(tmp_path):
    model = classifier()
    for path, message in (("a.safetensors", "ends in .npz"), ("a.txt", "ends in .npz"), ("none/a.npz", "no folder")):
        with pytest.raises(ValueError, match=message):
            save_compressed(tmp_path / path, model)
    with pytest.raises(ValueError, match="bits from 2 to 8"):
        save_compressed(tmp_path / "a.npz", model, bits=32)
    with pytest.raises(ValueError, match="no weights yet"):
        save_compressed(tmp_path / "a.npz", md.Sequential([L.Dense(3)]))
    model.layers[0].kernel.data[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"save_compressed, 'dense.kernel': .* finite numbers"):
        save_compressed(tmp_path / "a.npz", model, bits=4)
    for wrong in (
        lambda: save_compressed(3, model),
        lambda: load_compressed("a.npz", "model"),
        lambda: size_of("model"),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert not list(tmp_path.iterdir())


def test_a_model_that_was_read_computes_the_same(tmp_path):
    model, other = classifier(), classifier()
    for p in other.parameters():
        p.data += 1
    there_and_back(model, other, tmp_path, 8)
    quantize_weights(model, 8)
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())
