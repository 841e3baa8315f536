"""Each example: its network is the one that its text names, it learns, and its gradients can be judged."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.__main__ import MODELS, check_gradients, main
from minidl.examples import mnist_cnn

PROTOCOL = "TITLE EPOCHS data describe build loss point_to_check judge draw".split()
DIGITS = ("dense", "cnn")


@pytest.mark.parametrize("name", MODELS)
def test_every_example_has_what_the_main_job_uses(name):
    example = MODELS[name]
    training = ["fit"] if hasattr(example, "fit") else ["batches", "prepare"]
    assert example.__doc__ and [part for part in PROTOCOL + training if not hasattr(example, part)] == []


@pytest.mark.parametrize("name", DIGITS)
def test_data_and_network_fit_together(name):
    example = MODELS[name]
    model = example.build()
    train, validation, test = example.data()
    assert [len(x) for x, _ in (train, validation, test)] == [7200, 800, 2000]
    for x, y in (train, validation, test):
        assert x.dtype == np.float32 and 0 <= x.min() and x.max() == 1 and len(x) == len(y)
        assert str(len(x)) in example.describe(train, validation, test)
        assert x.shape[1:] == model.input_shapes()[0][1:]
    assert model.predict(test[0][:3]).shape == (3, 10)


@pytest.mark.parametrize("name", DIGITS)
def test_batches_and_compiled_model_take_a_step(name):
    example = MODELS[name]
    md.seed(0)
    (x, y), *_ = example.data()
    model = example.build()
    loader = example.batches(x[:64], y[:64], "cpu")
    example.prepare(model, epochs=4, steps=len(loader))
    losses = model.fit(loader, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", DIGITS)
def test_a_step_on_the_gpu_is_that_on_the_cpu(name):
    example = MODELS[name]
    (x, y), *_ = example.data()

    def after_a_step(device):
        md.seed(0)
        model = example.build()
        model.to(device)
        example.prepare(model, epochs=1, steps=1)
        model.fit(example.batches(x[:8], y[:8], device), epochs=1, verbose=0)
        return model.to("cpu").get_weights()

    with fake_cupy.installed():
        on_gpu = after_a_step("cuda")
    for there, here in zip(on_gpu, after_a_step("cpu")):
        np.testing.assert_allclose(there, here, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_of_the_cnn_are_judged_whatever_the_weights(seed, capsys):
    md.seed(seed)
    x, y = np.zeros((2, 28, 28, 1), np.float32), np.array([3, 7])
    check_gradients(mnist_cnn, mnist_cnn.build(), x, y)
    assert "gradients right to order 1" in capsys.readouterr().out


def test_a_wrong_gradient_of_the_cnn_is_not_tried_again(monkeypatch):
    model, points = mnist_cnn.build(), []
    monkeypatch.setattr(model.layers[0], "activation", lambda z: md.relu(z) + 0.1 * (z - z.detach()))
    of_example = mnist_cnn.point_to_check
    monkeypatch.setattr(mnist_cnn, "point_to_check", lambda *a: points.append(1) or of_example(*a))
    with pytest.raises(md.gradcheck.GradientError):
        check_gradients(mnist_cnn, model, np.zeros((2, 28, 28, 1), np.float32), np.array([3, 7]))
    assert len(points) == 1


def test_the_cnn_is_that_of_the_document():
    """D0.P1: 320 + 18,496 + 36,928 weights in convolutions, 36,928 + 650 in dense layers."""
    layers = mnist_cnn.build().layers
    assert [layer.count_params() for layer in layers if layer.parameters()] == [320, 18496, 36928, 36928, 650]


def test_the_cnn_learns_a_few_digits():
    md.seed(0)
    (x, y), _, test = mnist_cnn.data()
    model = mnist_cnn.build()
    model.compile("adam", md.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x[:600], y[:600], batch_size=32, epochs=3, verbose=0)
    assert model.evaluate(test[0][:300], test[1][:300], verbose=0)[1] > 0.7


def test_the_main_job_runs_the_cnn(tmp_path, monkeypatch, capsys):
    few = tuple((x[:n], y[:n]) for (x, y), n in zip(mnist_cnn.data(), (64, 20, 20)))
    monkeypatch.setattr(mnist_cnn, "data", lambda: few)
    assert main(["--model", "cnn", "--epochs", "1", "--out", str(tmp_path / "p.png")]) == 0
    printed = capsys.readouterr().out
    assert "conv32-pool-conv64" in printed and "gradients right" in printed and "guessed as" in printed
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
