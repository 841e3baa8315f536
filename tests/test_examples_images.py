"""The larger examples on digits: the best recipe, the residual network, the autoencoder and
the two adversaries (D.T6, D.T14).
"""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.examples import autoencoder, gan, mnist_best, mnist_resnet
from minidl.gradcheck import check_grads
from minidl.layers import Add

EXAMPLES = (mnist_best, mnist_resnet, autoencoder, gan)


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    """Two blocks: a residual network that is quickly checked and drawn."""
    monkeypatch.setattr(mnist_resnet, "BLOCKS", ((16, 1), (8, 2)))


def few(example, train=64, others=20):
    """A part of the example's data."""
    return tuple((x[:n], y[:n]) for (x, y), n in zip(example.data(), (train, others, others)))


def trained(example, train, epochs, device="cpu"):
    """The example's network after some epochs, as the main job trains it."""
    md.seed(0)
    model = example.build()
    model.to(device)
    if hasattr(example, "fit"):
        return model, example.fit(model, train, train, epochs, device)
    loader = example.batches(*train, device)
    example.prepare(model, epochs, len(loader))
    return model, model.fit(loader, epochs=epochs, verbose=0)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_gradients_of_the_whole_network_are_right(example):
    train, *_ = few(example)
    md.seed(1)
    model = example.build()
    model.eval()
    inputs, targets = example.point_to_check(*train, np.random.default_rng(0))
    loss = example.loss()
    report = check_grads(lambda x: loss(targets, model(x)), inputs, parameters=model.parameters(), sample=1)
    trainable = [p for p in model.parameters() if p.requires_grad]
    assert report.entries == 1 + len(trainable)


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_is_trained_judged_and_drawn(example, capsys):
    train, validation, test = few(example)
    model, history = trained(example, train, epochs=1)
    words = example.describe(train, validation, test)
    assert str(len(train[0])) in words and str(len(test[0])) in words and "\n" not in words
    result = example.judge(model, test)
    figure = example.draw(model, history, test, result)
    assert figure.subfigs and capsys.readouterr().out and len(history.history["loss"]) == 1 and not model.training


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_learns_on_the_gpu_what_it_learns_here(example):
    train, *_ = few(example)
    _, here = trained(example, train, epochs=1)
    with fake_cupy.installed():
        _, there = trained(example, train, epochs=1, device="cuda")
    np.testing.assert_allclose(there.history["loss"], here.history["loss"], rtol=1e-3)


# --- the best recipe --------------------------------------------------------------------------------------------------


def test_the_best_recipe_keeps_the_layers_of_the_document():
    """Those of D0.P1, two of them twice as wide: what is added between them has few weights, or none."""
    layers = mnist_best.build().layers
    kernels = [layer.kernel.shape for layer in layers if hasattr(layer, "kernel")]
    assert kernels == [(3, 3, 1, 32), (3, 3, 32, 64), (3, 3, 64, 128), (1152, 128), (128, 10)]
    added = sum(layer.count_params() for layer in layers if not hasattr(layer, "kernel"))
    assert added == (32 + 64 + 128 + 128) * 4  # γ, β and two averages


def test_the_best_recipe_trains_on_all_images_and_leaves_the_test_images_as_they_are():
    train, validation, test = mnist_best.data()
    assert [len(x) for x, _ in (train, validation, test)] == [8000, 0, 2000]
    x = next(iter(mnist_best.batches(train[0][:64], train[1][:64], "cpu")))[0]
    assert x.shape == (64, 28, 28, 1) and x.dtype == np.float32 and 0 <= x.min() and x.max() <= 1
    assert not any(np.array_equal(x[0], image) for image in train[0][:64])


def test_the_best_recipe_trains_on_images_as_sharp_as_those_it_is_judged_by():
    (x, _), *_ = mnist_best.data()

    def sharpness(images):
        return np.square(np.diff(images, axis=2)).mean()

    blurred, changed = mnist_best.bent(x[:500], 0), mnist_best.changed(x[:500], 0)
    assert sharpness(blurred) < 0.8 * sharpness(x[:500])
    assert sharpness(changed) == pytest.approx(sharpness(x[:500]), rel=0.1)


def test_ctrl_c_ends_the_best_recipe(monkeypatch, capsys):
    train, *_ = few(mnist_best)
    asked = []

    def impatient(x, rng):
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return x

    monkeypatch.setattr(mnist_best, "changed", impatient)
    model, history = trained(mnist_best, train, epochs=30)
    assert "Stopped" in capsys.readouterr().out and 1 <= len(history.history["loss"]) < 4 and not model.training


# --- the residual network ---------------------------------------------------------------------------------------------


def test_a_block_that_adds_nothing_is_its_shortcut():
    md.seed(0)
    image = md.Input(shape=(6, 6, 4))
    model = md.Model(inputs=image, outputs=mnist_resnet.block(image, 4, 1, name="block"))
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)
    last = model.get_layer("block")
    assert not np.allclose(model.predict(x), np.maximum(x, 0))
    last.gamma.data = np.zeros(4, np.float32)
    np.testing.assert_allclose(model.predict(x), np.maximum(x, 0), atol=1e-6)


def test_every_block_of_the_residual_network_adds():
    layers = mnist_resnet.build().layers
    assert sum(isinstance(layer, Add) for layer in layers) == len(mnist_resnet.BLOCKS) == 2


# --- the autoencoder --------------------------------------------------------------------------------------------------


def test_straight_maps_out_of_all_numbers_lose_nothing_and_out_of_few_the_least():
    rng = np.random.default_rng(0)
    train, x = rng.normal(size=(50, 3, 2)), rng.normal(size=(7, 3, 2))
    np.testing.assert_allclose(autoencoder.principal_components(train, x, 6), x, atol=1e-10)
    flat = train.reshape(50, 6)
    left = flat - autoencoder.principal_components(train, train, 2).reshape(50, 6)
    singular = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    assert (left**2).sum() == pytest.approx((singular[2:] ** 2).sum())  # Eckart & Young


def test_the_autoencoder_sees_no_labels_and_two_numbers():
    train, _, test = few(autoencoder)
    assert train[0] is train[1] or np.array_equal(*train)
    assert autoencoder.build().get_layer("encoder").predict(test[0]).shape == (20, 2)


# --- the adversaries --------------------------------------------------------------------------------------------------


def test_the_step_of_each_adversary_leaves_the_other_alone():
    """D's step comes first; its images are cut off from G, and G's optimizer holds G's weights only."""
    md.seed(0)
    model = gan.build()
    G, D, loss = model.generator, model.discriminator, gan.loss()
    z = md.Tensor(np.random.default_rng(0).normal(size=(4, gan.Z)).astype(np.float32))
    loss(np.zeros((4, 1), np.float32), D(G(z).detach())).backward()
    assert all(p.grad is None for p in G.parameters()) and all(p.grad is not None for p in D.parameters())


def test_more_epochs_make_better_digits():
    (x, y), *_ = gan.data()
    train = x[:640], y[:640]
    model, _ = trained(gan, train, epochs=12)
    assert [epoch for epoch, _ in model.seen] == [0, 2, 4, 6, 8, 10, 12]

    def apart(images):
        return gan.squared_distances(images, train[0]).min(axis=1).mean()

    assert apart(model.seen[-1][1]) < 0.7 * apart(model.seen[0][1])


def test_squared_distances_are_those_of_every_pair():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 2, 2)), rng.normal(size=(4, 2, 2))
    expected = [[((p - q) ** 2).sum() for q in b] for p in a]
    np.testing.assert_allclose(gan.squared_distances(a, b), expected)


def test_ctrl_c_ends_the_duel(monkeypatch, capsys):
    train, *_ = few(gan)
    asked = []

    class Impatient(md.losses.BinaryCrossentropy):
        def __call__(self, *args):
            asked.append(1)
            if len(asked) == 8:
                raise KeyboardInterrupt
            return super().__call__(*args)

    monkeypatch.setattr(gan, "loss", lambda: Impatient(from_logits=True))
    model, history = trained(gan, train, epochs=30)
    assert "Stopped" in capsys.readouterr().out and len(history.history["loss"]) == 2 and not model.training
