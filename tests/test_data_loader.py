import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl
import minidl.arrays
from minidl.data import DataLoader


def rows(loader):
    """All batches of one epoch, as lists."""
    return [batch.tolist() for batch in loader]


@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), shuffle=st.booleans(), seed=st.integers(0, 9))
def test_an_epoch_holds_each_sample_once(n, batch_size, shuffle, seed):
    loader = DataLoader(np.arange(n), batch_size=batch_size, shuffle=shuffle, rng=seed)
    batches = rows(loader)
    assert len(batches) == len(loader) == -(-n // batch_size)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    flat = [i for batch in batches for i in batch]
    assert sorted(flat) == list(range(n))
    assert shuffle or flat == list(range(n))


def test_drop_last_leaves_out_the_short_batch():
    loader = DataLoader(np.arange(10), batch_size=4, shuffle=False, drop_last=True)
    assert rows(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]] and len(loader) == 2
    assert len(DataLoader(np.arange(8), batch_size=4, drop_last=True)) == 2


def test_rows_of_several_arrays_stay_together():
    x, y, weight = np.arange(20).reshape(10, 2), np.arange(10) * 10, np.arange(10) / 10
    for x_batch, y_batch, weight_batch in DataLoader(x, y, weight, batch_size=3, rng=0):
        np.testing.assert_array_equal(x_batch[:, 0] * 5, y_batch)
        np.testing.assert_array_equal(y_batch / 100, weight_batch)


def test_orders_are_seeded_and_differ_between_epochs():
    first, again, other = (DataLoader(np.arange(50), batch_size=50, rng=seed) for seed in (1, 1, 2))
    epochs = [rows(first) for _ in range(3)]
    assert epochs == [rows(again) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0] != rows(other)


def test_every_order_is_equally_likely():
    loader = DataLoader(np.arange(3), batch_size=3, rng=0)
    counts = {}
    for _ in range(1200):
        (order,) = rows(loader)
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    assert len(counts) == 6 and max(abs(c - 200) for c in counts.values()) < 5 * (200 * 5 / 6) ** 0.5  # five sigmas


def test_without_rng_the_one_generator_decides():
    loader = DataLoader(np.arange(30), batch_size=30)
    minidl.arrays.seed(7)
    first = rows(loader)
    minidl.arrays.seed(7)
    assert rows(loader) == first != rows(loader)


def test_not_shuffling_draws_nothing():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    rows(DataLoader(np.arange(4), shuffle=False, rng=rng))
    assert rng.bit_generator.state == before


def test_batches_are_copies_and_data_may_be_read_only():
    x = np.arange(4.0)
    x.flags.writeable = False
    for batch in DataLoader(x, batch_size=2, shuffle=False):
        batch[:] = -1
    np.testing.assert_array_equal(x, np.arange(4.0))


def test_dtype_is_kept_and_lists_become_arrays():
    x, y = next(iter(DataLoader(np.zeros((4, 28, 28), np.uint8), [1.0, 2.0, 3.0, 4.0], device="cpu")))
    assert x.shape == (4, 28, 28) and x.dtype == np.uint8 and y.dtype == np.float32


# --- interrupting and going on ------------------------------------------------------------------------------------


@given(
    n=st.integers(1, 20),
    batch_size=st.integers(1, 7),
    shuffle=st.booleans(),
    done=st.integers(0, 60),
)
def test_resuming_anywhere_equals_not_stopping(n, batch_size, shuffle, done):
    def endless(loader):
        while True:
            yield from loader

    def make(seed):
        return DataLoader(np.arange(n), batch_size=batch_size, shuffle=shuffle, rng=seed)

    loader = make(3)
    batches = endless(loader)
    for _ in range(done):
        next(batches)
    state = json.loads(json.dumps(loader.state_dict()))  # plain enough for a text file
    expected = [next(batches).tolist() for _ in range(30)]

    resumed = make(99)
    resumed.load_state_dict(state)
    again = endless(resumed)
    assert [next(again).tolist() for _ in range(30)] == expected


def test_resuming_in_a_new_process():
    code = """
import json, sys
import numpy as np
from minidl.data import DataLoader
rng = np.random.default_rng(int(sys.argv[1]))
loader = DataLoader(np.arange(23), batch_size=4, rng=rng)
if len(sys.argv) > 2:
    loader.load_state_dict(json.loads(sys.argv[2]))
seen = []
for epoch in range(2):
    for batch in loader:
        noise = rng.random()  # the model draws from the same generator, as dropout does
        seen.append((batch.tolist(), noise))
        if epoch == 0 and len(seen) == 3 and len(sys.argv) == 2:
            state = loader.state_dict()
print(json.dumps([seen, state if len(sys.argv) == 2 else None]))
"""

    environment = {**os.environ, "PYTHONPATH": str(Path(minidl.__file__).parents[1])}  # the minidl that is tested here

    def run(*arguments):
        command = [sys.executable, "-c", code, *arguments]
        return json.loads(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)

    seen, state = run("5")
    resumed, _ = run("6", json.dumps(state))
    assert len(seen) == 12 and resumed == seen[3:]


def test_saved_at_the_end_of_an_epoch():
    loader = DataLoader(np.arange(6), batch_size=2, rng=0)
    for _ in loader:
        inside_last = loader.state_dict()
    after = loader.state_dict()
    expected = rows(loader)
    for state, rest in ((inside_last, []), (after, None)):
        resumed = DataLoader(np.arange(6), batch_size=2)
        resumed.load_state_dict(state)
        if rest is not None:
            assert rows(resumed) == rest  # nothing is left of that epoch
        assert rows(resumed) == expected


def test_a_break_starts_a_new_epoch_but_the_place_can_be_saved():
    loader = DataLoader(np.arange(6), batch_size=2, shuffle=False)
    for _ in loader:
        break
    state = loader.state_dict()
    assert rows(loader) == [[0, 1], [2, 3], [4, 5]]
    loader.load_state_dict(state)
    assert rows(loader) == [[2, 3], [4, 5]]
    assert rows(loader) == [[0, 1], [2, 3], [4, 5]]


def test_apart_it_has_a_place_of_its_own():
    loader = DataLoader(np.arange(8), batch_size=2, rng=0)
    batches = iter(loader)
    next(batches)
    before = loader.state_dict()
    assert len(rows(loader.apart())) == 4
    now = loader.state_dict()
    assert (now["seed"], now["position"]) == (before["seed"], 1) and len(list(batches)) == 3
    loader.load_state_dict(now)
    assert len(rows(loader.apart())) == 4 and len(rows(loader)) == 3  # a whole epoch, and the rest of one


def test_foreign_states_are_refused():
    loader = DataLoader(np.arange(6), batch_size=2, rng=0)
    good = loader.state_dict()
    other = DataLoader(np.arange(6), batch_size=3).state_dict()
    with pytest.raises(ValueError, match="cuts other batches"):
        loader.load_state_dict(other)
    with pytest.raises(TypeError, match=r"expects a dictionary of state_dict\(\), got NoneType None"):
        loader.load_state_dict(None)
    with pytest.raises(ValueError, match="lacks generator, seed"):
        loader.load_state_dict({"plan": good["plan"], "position": 0})
    for position in (-1, 4):
        with pytest.raises(ValueError, match=f"batch {position} of 3"):
            loader.load_state_dict({**good, "position": position, "seed": 1})
    with pytest.raises(ValueError, match="no such place"):
        loader.load_state_dict({**good, "position": 1})  # in the middle of an epoch, but of which?
    with pytest.raises(ValueError, match="another kind of generator than MT19937"):
        DataLoader(np.arange(6), batch_size=2, rng=np.random.Generator(np.random.MT19937(0))).load_state_dict(good)
    assert loader.state_dict() == good  # a refused state changes nothing


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arrays, settings, kind, message",
    [
        ((), {}, TypeError, "at least one array"),
        ((np.zeros((0, 3)),), {}, ValueError, "at least one sample, got none"),
        ((np.zeros(3), np.zeros(4)), {}, ValueError, r"same number of samples everywhere, got lengths \[3, 4\]"),
        ((np.float32(1.0),), {}, TypeError, "one row per sample"),
        ((np.zeros(()),), {}, TypeError, "one row per sample"),
        ((minidl.Tensor([[1.0]]),), {}, TypeError, "got a Tensor. Give its array: tensor.data"),
        ((["a", "b"],), {}, TypeError, "expected numbers"),
        ((np.zeros(3),), {"batch_size": 0}, ValueError, "positive integer, got 0"),
        ((np.zeros(3),), {"batch_size": -2}, ValueError, "positive integer, got -2"),
        ((np.zeros(3),), {"batch_size": 2.0}, ValueError, "positive integer, got 2.0"),
        ((np.zeros(3),), {"batch_size": True}, TypeError, "positive integer, got bool True"),
        ((np.zeros(3),), {"batch_size": 4, "drop_last": True}, ValueError, "no batch: 3 samples, batch_size 4"),
        ((np.zeros(3),), {"device": "gpu"}, ValueError, "device must be"),
        ((np.zeros(3),), {"rng": "0"}, TypeError, "rng must be"),
        ((np.zeros(3),), {"augment": 3}, TypeError, r"augment as a function \(x, rng\) -> x, got int 3"),
    ],
)
def test_mistakes_are_named(arrays, settings, kind, message):
    with pytest.raises(kind, match=message):
        DataLoader(*arrays, **settings)


@pytest.mark.parametrize("augment", [lambda x, rng: x[:1], lambda x, rng: None, lambda x, rng: list(x)])
def test_augmenting_neither_loses_nor_adds_samples(augment):
    """Their labels would be those of others."""
    loader = DataLoader(np.zeros((4, 3)), np.arange(4), batch_size=2, augment=augment)
    with pytest.raises(ValueError, match="expects augment to give an array of 2 samples, as many as it got, got"):
        next(iter(loader))


def test_augment_may_make_several_arrays_of_one():
    loader = DataLoader(np.arange(6), batch_size=4, shuffle=False, augment=lambda x, rng: (x, x + 1))
    for x, y in loader:
        np.testing.assert_array_equal(y, x + 1)
    with pytest.raises(ValueError, match="an array of 4 samples, as many as it got, got"):
        next(iter(DataLoader(np.arange(6), batch_size=4, augment=lambda x, rng: (x, x[1:]))))
