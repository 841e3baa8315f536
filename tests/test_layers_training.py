"""Small dense networks train alike on the CPU and on the GPU's stand-in, with every loss and optimizer."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import layers, losses, optimizers
from minidl.layers import Dense, Dropout

LOSSES = {
    "mse": (None, np.float32),
    "half_sum_of_squares": (None, np.float32),
    "mean_absolute_error": (None, np.float32),
    "huber": (None, np.float32),
    "binary_crossentropy": ("sigmoid", np.float32),
    "categorical_crossentropy": ("softmax", np.float32),
    "kl_divergence": ("softmax", np.float32),
    "sparse_categorical_crossentropy": ("softmax", np.int64),
}


def trained(device, loss, optimizer, steps=4):
    """A dense network after a few steps; all random numbers the same on each device."""
    md.seed(1)
    activation, dtype = LOSSES[loss]
    model = md.Sequential([layers.Flatten(), Dense(8, "tanh"), Dropout(0.2), Dense(6), layers.LeakyReLU()])
    head = Dense(3, activation)
    r = np.random.default_rng(2)
    x = r.normal(size=(10, 2, 2)).astype(np.float32)
    labels = r.integers(0, 3, 10)
    y = labels if dtype is np.int64 else np.eye(3)[labels].astype(dtype)
    head(model(x))
    parameters = model.to(device).parameters() + head.to(device).parameters()
    loss_of = losses.get(loss)
    rule = type(optimizers.get(optimizer))(parameters, learning_rate=0.05, clipnorm=1.0)
    values = []
    for _ in range(steps):
        value = loss_of(y, head(model(md.Tensor(x, device=device))), sample_weight=np.arange(10) / 5)
        rule.zero_grad()
        value.backward()
        rule.step()
        values.append(value.item())
    return values, [p.numpy() for p in parameters]


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_networks_train_alike_on_the_gpus_stand_in(loss, optimizer):
    values, weights = trained("cpu", loss, optimizer)
    with fake_cupy.installed():
        values2, weights2 = trained("cuda", loss, optimizer)
    np.testing.assert_allclose(values2, values, rtol=1e-5)
    for w, w2 in zip(weights, weights2):
        np.testing.assert_allclose(w2, w, rtol=1e-4, atol=1e-6)


def test_all_losses_are_trained_with():
    assert {type(losses.get(name)) for name in LOSSES} == {losses.get(name).__class__ for name in losses.LOSSES}
