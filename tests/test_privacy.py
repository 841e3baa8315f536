"""DP-SGD (D.T12): each sample's own gradient, lots and noise that are what they are said to be, no sample that pulls
harder than C, and everything else as in training without privacy."""

import math

import fake_cupy
import numpy as np
import pytest
from small_models import LABELS, VALUES, X, classifier, regressor, same_weights, two_by_two

import minidl as md
from minidl import layers as L
from minidl.privacy import PrivateGradient, PrivateSum, epsilon, fit_privately, per_sample_gradients

LOGITS = md.losses.SparseCategoricalCrossentropy(from_logits=True)
PLAIN = {"batch_size": 50, "noise_multiplier": 0.0, "clip_norm": 1e6}  # all samples, neither clipped nor noisy


def grads(model):
    return [None if p.grad is None else p.grad.copy() for p in model.parameters()]


def all_as_it_was(model, before, grads_before, training):
    assert same_weights(model.state_dict(), before) and model.training is training
    for a, b in zip(grads(model), grads_before, strict=True):
        assert (a is None and b is None) or np.array_equal(a, b)


# --- each sample's gradient -----------------------------------------------------------------------------------------


def test_of_a_linear_model_it_is_known():
    """ℓ = (w x + b − t)²: ∂ℓ/∂w = 2 (w x + b − t) x."""
    model = regressor()
    w, b = model.get_weights()
    e = X @ w + b - VALUES  # (50, 1)
    g = per_sample_gradients(model, "mse", X, VALUES)
    np.testing.assert_allclose(g["dense.kernel"], 2 * e[:, None] * X[:, :, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(g["dense.bias"], 2 * e, rtol=1e-4, atol=1e-5)
    assert g["dense.kernel"].shape == (50, 4, 1) and g["dense.kernel"].dtype == np.float32


def image_network():
    md.seed(1)
    layers = [L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), L.GroupNormalization(3), L.Flatten()]
    return md.Sequential([*layers, L.Dense(3)])


def test_their_mean_is_the_gradient_of_the_batch():
    model, x = image_network(), np.random.default_rng(0).normal(size=(7, 6, 6, 2)).astype(np.float32)
    y = np.arange(7) % 3
    g = per_sample_gradients(model, LOGITS, x, y)
    LOGITS(y, model(x)).backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(g[name].mean(axis=0), p.grad, rtol=1e-4, atol=1e-6)


def test_several_inputs_and_outputs_masks_and_regularizers():
    model = two_by_two()
    x, y = [X[:, :2], X[:, 2:]], [LABELS, VALUES]
    g = per_sample_gradients(model, ["sparse_categorical_crossentropy", "mse"], x, y)
    kinds, values = model([md.Tensor(a) for a in x])
    (md.losses.get("sparse_categorical_crossentropy")(y[0], kinds) + md.losses.get("mse")(y[1], values)).backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(g[name].mean(axis=0), p.grad, rtol=1e-4, atol=1e-6)

    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    model = md.Sequential([L.Embedding(4, 3, mask_zero=True), L.Dense(1, kernel_regularizer="l2")])
    steps = np.ones((2, 3, 1))
    g = per_sample_gradients(model, "mse", tokens, steps)
    short = per_sample_gradients(model, "mse", tokens[1:, :1], steps[1:, :1])  # what is masked does not count
    np.testing.assert_allclose(g["dense.kernel"][1], short["dense.kernel"][0], rtol=1e-5)


def test_frozen_layers_have_none_and_nothing_is_left_behind():
    model = classifier(dropout=0.3)
    model.layers[0].trainable = False
    model.eval()
    for p in model.parameters()[2:]:
        p.grad = np.ones_like(p.data)
    before, before_grads = model.state_dict(), grads(model)
    g = per_sample_gradients(model, "sparse_categorical_crossentropy", X, LABELS)
    assert list(g) == ["dense_1.kernel", "dense_1.bias"]
    all_as_it_was(model, before, before_grads, False)


class TwoWays(md.Model):
    """Some samples do not use some weights."""

    def __init__(self):
        super().__init__()
        self.a, self.b = L.Dense(1), L.Dense(1)

    def call(self, x):
        return self.a(x) if x.numpy()[0, 0] > 0 else self.b(x)


def test_a_weight_that_a_sample_does_not_use_has_gradient_0():
    model = TwoWays()
    model.a(X)
    model.b(X)
    g = per_sample_gradients(model, "mse", X, VALUES)
    used = X[:, 0] > 0
    assert not g["a.kernel"][~used].any() and not g["b.kernel"][used].any()
    assert g["a.kernel"][used].any() and g["b.kernel"][~used].any()


# --- the gradient of DP-SGD -----------------------------------------------------------------------------------------


def test_without_clipping_and_noise_it_is_the_gradient_of_all_samples():
    model = regressor()
    gradient = PrivateGradient(model, "mse", X, VALUES, **PLAIN)
    losses = gradient.backward()
    private = grads(model)
    model.zero_grad()
    loss = md.losses.get("mse")(VALUES, model(X))
    loss.backward()
    for a, b in zip(private, grads(model)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert a.dtype == np.float32
    assert losses.shape == (50,) and losses.mean() == pytest.approx(loss.item(), rel=1e-5)
    assert gradient.epsilon(1e-5) == math.inf and gradient.steps == 1


def test_it_is_the_clipped_sum_by_what_is_expected_and_not_by_what_was_drawn():
    model = regressor()
    g = per_sample_gradients(model, "mse", X, VALUES)
    flat = np.concatenate([a.reshape(50, -1) for a in g.values()], axis=1).astype(np.float64)  # (50, 5)
    C = float(np.median(np.linalg.norm(flat, axis=1)))
    gradient = PrivateGradient(model, "mse", X, VALUES, batch_size=10, noise_multiplier=0.0, clip_norm=C, rng=2)
    rows = PrivateSum(C, 0.0, 10 / 50, rng=2).draw(50)
    assert len(rows) != 10
    short = flat[rows] * np.minimum(1, C / np.linalg.norm(flat[rows], axis=1))[:, None]
    assert len(gradient.backward()) == len(rows)
    np.testing.assert_allclose(np.concatenate([a.ravel() for a in grads(model)]), short.sum(axis=0) / 10, rtol=1e-5)


def test_the_noise_is_added_to_the_sum_and_divided_with_it():
    model = regressor()
    settings = {"batch_size": 10, "clip_norm": 2.0, "rng": 6}
    PrivateGradient(model, "mse", X, VALUES, noise_multiplier=0.0, **settings).backward()
    bare = grads(model)
    PrivateGradient(model, "mse", X, VALUES, noise_multiplier=3.0, **settings).backward()
    rng = np.random.default_rng(6)
    rng.random(50)  # the lot
    for a, b in zip(grads(model), bare):
        np.testing.assert_allclose(a - b, 2.0 * 3.0 * rng.standard_normal(a.shape) / 10, rtol=1e-4, atol=1e-5)


def test_an_empty_lot_is_noise_alone():
    model = regressor()
    gradient = PrivateGradient(model, "mse", X, VALUES, batch_size=1, noise_multiplier=1.0, rng=0)
    sizes = []
    for _ in range(8):
        sizes.append(len(gradient.backward()))
        assert all(g.any() for g in grads(model))
    assert 0 in sizes and gradient.steps == 8
    assert gradient.epsilon(1e-3) == epsilon(1.0, 1 / 50, 8, 1e-3)


def test_a_loop_of_ones_own_with_any_optimizer_learns():
    model = regressor()
    optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.1)
    gradient = PrivateGradient(model, "mse", X, VALUES, batch_size=15, noise_multiplier=0.3, rng=0)
    for _ in range(50):
        gradient.backward()
        optimizer.step()
    assert model.evaluate(X, VALUES, verbose=0) < 0.3


def test_gradients_that_are_nan_are_told_and_nothing_is_set():
    model = regressor()
    model.layers[0].kernel.data = np.full((4, 1), 1e38, np.float32)
    gradient = PrivateGradient(model, "mse", X, VALUES, **PLAIN)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ValueError, match="PrivateGradient: a sample's gradient"),
    ):
        gradient.backward()
    assert grads(model) == [None, None] and gradient.steps == 0


def test_a_float64_model_stays_one():
    md.set_default_dtype("float64")
    try:
        model = regressor()
        PrivateGradient(model, "mse", X.astype(np.float64), VALUES, **PLAIN).backward()
        assert all(g.dtype == np.float64 for g in grads(model))
        e = X.astype(np.float64) @ model.get_weights()[0] - VALUES
        np.testing.assert_allclose(grads(model)[0], 2 * X.T.astype(np.float64) @ e / 50, rtol=1e-12)
    finally:
        md.set_default_dtype("float32")


def test_on_the_gpu_it_is_the_same():
    def one(device):
        model = image_network().to(device)
        x, y = np.random.default_rng(0).normal(size=(5, 6, 6, 2)), np.arange(5) % 3
        gradient = PrivateGradient(model, LOGITS, x, y, batch_size=3, noise_multiplier=0.7, rng=2)
        gradient.backward()
        return [p.grad if device == "cpu" else p.grad.get() for p in model.parameters()]

    on_cpu = one("cpu")
    with fake_cupy.installed():
        for a, b in zip(one("cuda"), on_cpu, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# --- fit ------------------------------------------------------------------------------------------------------------


def test_without_clipping_and_noise_it_is_fit_with_all_samples_in_a_batch():
    plain, private = (classifier(optimizer=md.optimizers.SGD(learning_rate=0.5)) for _ in range(2))
    expected = plain.fit(X, LABELS, batch_size=50, epochs=4, verbose=0).history["loss"]
    history = fit_privately(private, X, LABELS, epochs=4, verbose=0, **PLAIN).history
    for a, b in zip(plain.get_weights(), private.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    assert history["epsilon"] == [math.inf] * 4 and not private.training


def test_its_lines_and_history(capsys):
    model = classifier(metrics=["accuracy"])
    history = fit_privately(
        model, X, LABELS, 20, 2, noise_multiplier=2.0, validation_data=(X[:9], LABELS[:9]), verbose=2
    ).history
    assert list(history) == ["loss", "epsilon", "val_loss", "val_accuracy"] and model.history.history is history
    first, second = (epsilon(2.0, 20 / 50, steps, 1e-5) for steps in (2, 4))  # 50 / 20 steps, rounded
    assert history["epsilon"] == [first, second]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("Epoch 2/2") and f"epsilon: {second:.4f} - val_loss" in lines[1]
    assert history["val_loss"][-1] == model.evaluate(X[:9], LABELS[:9], verbose=0)[0]


def test_callbacks_may_stop_it():
    model = regressor()
    stop = md.callbacks.StopAtThreshold(1e9)
    run = fit_privately(model, X, VALUES, 25, 9, noise_multiplier=1.0, callbacks=stop, verbose=0)
    assert run.epoch == [0]
    steps = []
    look = md.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: steps.append((logs["loss"], model.training)))
    fit_privately(model, X, VALUES, 25, 2, noise_multiplier=1.0, callbacks=[look], verbose=0)
    losses, training = zip(*steps)
    assert len(steps) == 4 and np.isfinite(losses).all() and all(training) and not model.training


# --- refusals -------------------------------------------------------------------------------------------------------


def with_batch_norm(trainable=True):
    layers = [L.Dense(3, input_shape=(4,)), L.BatchNormalization(trainable=trainable), L.Dense(1)]
    model = md.Sequential(layers)
    model.compile("sgd", "mse")
    return model


def test_a_batch_normalization_is_refused_unless_it_is_frozen():
    for use in (
        lambda model: PrivateGradient(model, "mse", X, VALUES, **PLAIN),
        lambda model: per_sample_gradients(model, "mse", X, VALUES),
        lambda model: fit_privately(model, X, VALUES, verbose=0, **PLAIN),
    ):
        model = with_batch_norm()
        before = model.state_dict()
        with pytest.raises(ValueError, match="BatchNormalization 'batch_normalization' looks at the whole batch"):
            use(model)
        assert same_weights(model.state_dict(), before)
        use(with_batch_norm(trainable=False))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"batch_size": 51}, ValueError, "batch_size of at most 50, the number of samples, got 51"),
        ({"batch_size": 0}, ValueError, "batch_size as a positive integer, got 0"),
        ({"noise_multiplier": -1}, ValueError, "noise_multiplier in .0, 1e6., got -1"),
        ({"noise_multiplier": math.nan}, ValueError, "noise_multiplier as a finite number"),
        ({"clip_norm": 0}, ValueError, "clip_norm > 0, got 0"),
        ({"clip_norm": "1"}, TypeError, "clip_norm as a number > 0, got str '1'"),
        ({"rng": "a"}, TypeError, "rng must be"),
        ({"model": L.Dense(1)}, TypeError, "expects a Model or Sequential first, got Dense"),
        ({"x": X[:, :3]}, ValueError, "expects"),
        ({"x": X[:9]}, ValueError, "expects as many targets as inputs"),
        ({"x": np.full_like(X, np.nan)}, ValueError, "x holds 200 NaN"),
        ({"y": LABELS}, ValueError, "expects targets of the outputs' shape"),
        ({"loss": "msee"}, ValueError, "Did you mean 'mse'"),
        ({"y": None}, ValueError, "PrivateGradient needs the targets"),
        ({"x": [], "y": []}, ValueError, "at least one sample, got none"),
    ],
)
def test_what_is_refused(settings, error, words):
    arguments = {"model": regressor(), "loss": "mse", "x": X, "y": VALUES, **PLAIN} | settings
    with pytest.raises(error, match=words):
        PrivateGradient(arguments.pop("model"), **arguments)


def test_what_fit_refuses_before_it_trains():
    def fit(model=None, x=X, **settings):
        return fit_privately(model or regressor(), x, VALUES, **{**PLAIN, "verbose": 0} | settings)

    for settings, error, words in [
        ({"delta": 0.02}, ValueError, r"delta below 1/50, got 0\.02: who shows a sample at random does no worse"),
        ({"epochs": -1}, ValueError, "epochs as a whole number from 0 on, got -1"),
        ({"verbose": 7}, ValueError, "verbose expects"),
        ({"validation_data": X}, TypeError, r"validation_data as \(x, y\), got float32 array"),
        ({"validation_data": (X[:, :2], VALUES)}, ValueError, "expects"),
        ({"callbacks": [3]}, TypeError, "callbacks as Callback objects"),
        ({"model": md.Sequential([L.Dense(1)])}, ValueError, "fit_privately expects a compiled model"),
        ({"model": "a"}, TypeError, "fit_privately expects a Model or Sequential first, got str 'a'"),
    ]:
        model = settings.get("model")
        model = regressor() if model is None else model
        before = model.state_dict() if isinstance(model, md.Sequential) else None
        with pytest.raises(error, match=words):
            fit(**{**settings, "model": model})
        assert before is None or same_weights(model.state_dict(), before)
    model = regressor()
    model.trainable = False
    with pytest.raises(ValueError, match="nothing to train"):
        fit(model)


def test_an_unbuilt_model_is_built():
    model = md.Sequential([L.Dense(1)])
    PrivateGradient(model, "mse", X, VALUES, **PLAIN).backward()
    assert [g.shape for g in grads(model)] == [(4, 1), (1,)]
