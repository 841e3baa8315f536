"""The order of flattened images, followed through a model or told: where no PyTorch is there to compare with."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.transfer import from_pytorch
from minidl.transfer.channels import channels_last

RNG = np.random.default_rng(0)


def some(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_a_dense_before_a_reshape_makes_images_with_channels_last():
    model = md.Sequential([L.Dense(12, input_shape=(5,)), L.ReLU(), L.Reshape((2, 2, 3))])
    theirs = {"0.weight": some(12, 5), "0.bias": some(12)}  # Linear, ReLU, Unflatten(1, (3, 2, 2))
    model.load_state_dict(from_pytorch(model, theirs))
    x = some(4, 5)
    images = np.maximum(x @ theirs["0.weight"].T + theirs["0.bias"], 0).reshape(4, 3, 2, 2)  # (N, C, H, W)
    np.testing.assert_allclose(model(x).numpy(), images.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def flattening(dense):
    """Images (N, H, W, C), PyTorch's weights of a Linear behind a Flatten, and what it makes of these images."""
    W, b, x = some(2, 18), some(2), np.abs(some(4, 3, 2, 3))
    y = x.transpose(0, 3, 1, 2).reshape(4, 18) @ W.T + b
    return x, {f"{dense}.weight": W, f"{dense}.bias": b}, y


def test_a_model_inside_a_model_is_followed_too():
    inner = md.Sequential([L.ReLU(input_shape=(3, 2, 3)), L.Flatten()])
    model = md.Sequential([inner, L.Dense(2, name="out")])
    x, theirs, y = flattening("out")
    model.load_state_dict(from_pytorch(model, theirs))
    np.testing.assert_allclose(model(x).numpy(), y, rtol=1e-5, atol=1e-6)


class Written(md.Model):
    """A call of its own, through which nothing can be followed."""

    def __init__(self):
        super().__init__()
        self.same, self.out = L.Conv2D(3, 1), L.Dense(2)

    def call(self, x):
        return self.out(self.same(x).reshape(len(x), -1))


def test_a_model_with_a_call_of_its_own_is_told_the_shape():
    model = Written()
    x, theirs, y = flattening("out")
    model(x)
    theirs |= {"same.weight": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "same.bias": np.zeros(3)}
    with pytest.raises(ValueError, match=r"cannot see where(.|\n)*flattened=\{'out': \(H, W, C\)\}"):
        from_pytorch(model, theirs)
    model.load_state_dict(from_pytorch(model, theirs, flattened={"out": (3, 2, 3)}))
    np.testing.assert_allclose(model(x).numpy(), y, rtol=1e-5, atol=1e-6)


def test_the_place_of_each_number_in_the_other_row():
    image = np.arange(24).reshape(2, 3, 4)  # (H, W, C)
    theirs = image.transpose(2, 0, 1).ravel()
    np.testing.assert_array_equal(theirs[channels_last(image.shape)], image.ravel())
