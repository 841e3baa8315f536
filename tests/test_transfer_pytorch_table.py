"""Rows of the table that need a word more: two directions, attention with matrices apart, numbers NumPy lacks."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.transfer import from_pytorch

RNG = np.random.default_rng(0)


def some(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_the_layer_that_reads_backwards_takes_what_is_called_reverse():
    model = md.Sequential([L.Bidirectional(L.SimpleRNN(2), input_shape=(4, 3), name="rnn")])
    shapes = {"weight_ih": (2, 3), "weight_hh": (2, 2), "bias_ih": (2,), "bias_hh": (2,)}
    theirs = {f"rnn.{name}_l0{way}": some(*shape) for way in ("", "_reverse") for name, shape in shapes.items()}
    model.load_state_dict(from_pytorch(model, theirs))
    x, ends = some(5, 4, 3), []
    for way, steps in (("", range(4)), ("_reverse", range(3, -1, -1))):
        W, U, b1, b2 = (theirs[f"rnn.{name}_l0{way}"] for name in shapes)
        h = np.zeros((5, 2), np.float32)
        for t in steps:
            h = np.tanh(x[:, t] @ W.T + b1 + h @ U.T + b2)
        ends.append(h)
    np.testing.assert_allclose(model(x).numpy(), np.concatenate(ends, axis=1), rtol=1e-5, atol=1e-6)


def test_attention_over_keys_of_another_width_has_three_matrices():
    layer = L.MultiHeadAttention(2, 3)
    layer(some(1, 4, 6), some(1, 5, 7), some(1, 5, 8))
    theirs = {"q_proj_weight": some(6, 6), "k_proj_weight": some(6, 8), "v_proj_weight": some(6, 7)}
    theirs |= {"in_proj_bias": some(18), "out_proj.weight": some(6, 6), "out_proj.bias": some(6)}
    state = from_pytorch(layer, theirs)
    for k, name in enumerate(("query", "key", "value")):
        np.testing.assert_array_equal(state[f"{name}_kernel"], theirs[f"{name[0]}_proj_weight"].T)
        np.testing.assert_array_equal(state[f"{name}_bias"], theirs["in_proj_bias"][6 * k : 6 * k + 6])
    np.testing.assert_array_equal(state["output_kernel"], theirs["out_proj.weight"].T)


def test_numbers_that_numpy_lacks_are_told():
    class BFloat16:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("Got unsupported ScalarType BFloat16")

    model = md.Sequential([L.Dense(2, input_shape=(3,))])
    with pytest.raises(TypeError, match=r"cannot read '0.weight' \(BFloat16\)(.|\n)*\.float\(\)\.numpy") as caught:
        from_pytorch(model, {"0.weight": BFloat16(), "0.bias": some(2)})
    assert len(str(caught.value).splitlines()) <= 3
