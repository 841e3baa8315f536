"""Explanations by slopes (D.T11): against closed forms, of models of all kinds, which stay as they were."""

import fake_cupy
import numpy as np
import pytest
from explained_models import IMAGES, METHODS, RNG, SIGNED, WORDS, X, image_model, table_model, text_model
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import explain
from minidl import layers as L
from minidl.explain.inside import computing

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# --- closed forms ---------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("name", SIGNED)
def test_of_a_linear_model_all_say_w_times_x_minus_x0(name, dtype):
    md.set_default_dtype(dtype)
    try:
        model = md.Sequential([L.Dense(3, input_shape=(4,))])
    finally:
        md.set_default_dtype(np.float32)
    W = RNG.normal(size=(4, 3))
    model.set_weights([W, RNG.normal(size=3)])
    x, x0 = RNG.normal(size=(2, 6, 4))
    target = np.array([0, 1, 2, 2, 1, 0])
    if name == "gradient_times_input":
        a, x0 = METHODS[name](model, x, target=target), 0
    else:
        a = METHODS[name](model, x, baseline=x0, target=target)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(a, W.T[target] * (x - x0), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(explain.saliency(model, x, target), abs(W.T[target]), rtol=tolerance)


def test_slopes_of_a_product():
    def f(x):
        return x[:, :1] * x[:, 1:2] ** 2

    x = np.array([[2.0, 3.0, 5.0], [-1.0, 4.0, 5.0]])
    np.testing.assert_allclose(explain.saliency(f, x), [[9, 12, 0], [16, 8, 0]])
    np.testing.assert_allclose(explain.gradient_times_input(f, x), [[18, 36, 0], [-16, -32, 0]])


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=2), st.floats(-1, 1), st.integers(1, 6))
def test_integrated_gradients_of_a_polynomial(x, x0, m):
    """a₁ of f = x₁ x₂² is (x₁ − x₀) ∫ (x₀ + α (x₂ − x₀))² dα, less what m middles miss: 1/12m² (x₂ − x₀)²."""
    a, b = x
    attribution, gap = explain.integrated_gradients(lambda x: x[:, 0] * x[:, 1] ** 2, np.array([x]), x0, steps=m)
    d = b - x0
    np.testing.assert_allclose(
        attribution[0, 0], (a - x0) * (x0**2 + x0 * d + d**2 * (1 / 3 - 1 / (12 * m * m))), atol=1e-12
    )
    np.testing.assert_allclose(gap, a * b**2 - x0**3 - attribution.sum(), atol=1e-12)


def test_the_path_is_integrated_at_the_middles_of_its_parts():
    """∫ cos: with m = 1 the slope at the half of the way, with 2 those at its quarters."""
    x = np.array([[1.5, 0.0]])
    for steps, slope in ((1, np.cos(0.75)), (2, (np.cos(0.375) + np.cos(1.125)) / 2)):
        a, gap = explain.integrated_gradients(lambda x: md.sin(x[:, 0]), x, steps=steps)
        np.testing.assert_allclose(a, [[1.5 * slope, 0]])
        np.testing.assert_allclose(gap, np.sin(1.5) - 1.5 * slope)


@pytest.mark.parametrize("model", [table_model(dtype=np.float64), image_model()], ids=["table", "images"])
def test_integrated_gradients_close_the_gap_with_more_steps(model):
    x = X if model.input_shapes()[0] == (None, 4) else IMAGES
    x0 = np.full(x.shape[1:], 0.1)
    gaps = [abs(explain.integrated_gradients(model, x, x0, steps=m)[1]).max() for m in (1, 8, 64)]
    assert gaps[0] > 20 * gaps[2] and gaps[2] < 2e-3
    a, gap = explain.integrated_gradients(model, x, x0, target=1, steps=8)
    change = model.predict(x)[:, 1] - model.predict(x0[None])[0, 1]
    np.testing.assert_allclose(a.reshape(len(x), -1).sum(axis=1) + gap, change, atol=1e-5)


def test_slopes_are_those_of_finite_differences():
    model, h = table_model(dtype=np.float64), 1e-6
    x = X.astype(np.float64)
    md.set_default_dtype(np.float64)
    try:
        for j in range(4):
            step = h * np.eye(4)[j]
            slope = (model.predict(x + step)[:, 2] - model.predict(x - step)[:, 2]) / (2 * h)
            np.testing.assert_allclose(explain.saliency(model, x, 2)[:, j], abs(slope), rtol=1e-6)
            np.testing.assert_allclose(explain.gradient_times_input(model, x, 2)[:, j], x[:, j] * slope, rtol=1e-6)
    finally:
        md.set_default_dtype(np.float32)


# --- models of all kinds, which stay as they were ---------------------------------------------------------------------


class Own(md.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.out = L.Dense(5, activation="tanh"), L.Dropout(0.5), L.Dense(3)

    def call(self, x):
        return self.out(self.drop(self.hidden(x)))


def drawn_model():
    x = md.Input(shape=(4,))
    return md.Model(x, L.Dense(3)(L.Dropout(0.5)(L.Concatenate()([L.Dense(3, activation="relu")(x), x]))))


def state(model):
    parameters = list(model.named_parameters())
    return (
        [(name, p.numpy().copy(), p.requires_grad, p.trainable) for name, p in parameters],
        [(name, layer.training, layer.trainable, sorted(vars(layer))) for name, layer in model.named_layers()],
        md.is_recording(),
    )


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("make", [table_model, drawn_model, Own, image_model, text_model])
def test_nothing_is_left_behind(make, frozen, mode):
    model = make()
    x = {image_model: IMAGES, text_model: WORDS}.get(make, X)
    model(x)
    getattr(model, mode)()
    model.layers[-1].trainable = not frozen
    if frozen:
        model.trainable = False
    marks = [np.full_like(p.data, 7) for p in model.parameters()]
    for p, mark in zip(model.parameters(), marks):
        p.grad = mark
    before, kept = state(model), x.copy()
    md.seed(5)
    drawn = np.random.default_rng(5).random()
    segments = {"segments": explain.patches((7, 6), 3)} if x is IMAGES else {}
    for name, f in METHODS.items():
        own = segments if name in ("occlusion", "lime", "shapley_values") else {}
        a, b = f(model, x, **own), f(model, x, **own)
        np.testing.assert_array_equal(a, b)  # nothing random, in whatever mode
        assert isinstance(a, np.ndarray) and np.isfinite(a).all() and a.any()
    if x is IMAGES:
        explain.grad_cam(model, x)
    explain.deletion_curve(model, x, explain.saliency(model, x), steps=3, random_orders=1, rng=0)
    assert md.arrays.generator().random() == drawn  # rng=0 was meant
    np.testing.assert_equal(state(model), before)
    np.testing.assert_array_equal(x, kept)
    assert all(p.grad is mark and (mark == 7).all() for p, mark in zip(model.parameters(), marks))


def test_after_an_error_too():
    class Fragile(Own):
        def call(self, x):
            y = self.hidden(x)
            if "call" in vars(self.hidden):
                raise ValueError("broken")
            return self.out(y)

    model = Fragile()
    model(X)
    before = state(model)
    with pytest.raises(ValueError, match="broken"):
        with computing(model.hidden, lambda x: x), md.no_grad():
            explain.saliency(model, X)
    assert "call" not in vars(model.hidden)
    np.testing.assert_equal(state(model), before)
    mine = L.Dense(2).call
    vars(model.hidden)["call"] = mine  # somebody else who looks inside
    with computing(model.hidden, lambda x: x):
        pass
    assert vars(model.hidden)["call"] is mine


def test_one_of_several_inputs_and_outputs():
    a, b = md.Input(shape=(4,), name="a"), md.Input(shape=(4,), name="b")
    h = a * b
    model = md.Model([a, b], [L.Dense(2)(h), L.Dense(3)(h)])
    with pytest.raises(TypeError, match=r"explains one input, got a list of 2.\nGive a function"):
        explain.saliency(model, [X, X])
    with pytest.raises(ValueError, match=r"gives \(N, C\) for N samples, got 2 outputs.\nChoose .* lambda x: model"):
        explain.saliency(lambda x: model([x, X]), X)
    slopes = explain.saliency(lambda x: model([x, X])[1], X, target=2)
    W = model.get_layer("dense_1").kernel.numpy()
    np.testing.assert_allclose(slopes, abs(W[:, 2] * X), rtol=1e-5)


def test_other_numbers():
    model = table_model(dtype=np.float64)
    assert explain.saliency(model, X).dtype == np.float64  # as the model computes
    np.testing.assert_allclose(
        explain.saliency(table_model(), X.astype(np.float64)), explain.saliency(table_model(), X)
    )
    assert explain.saliency(table_model(), X.astype(np.float64)).dtype == np.float32
    pixels = (IMAGES * 255).astype(np.uint8)
    np.testing.assert_allclose(
        explain.saliency(image_model(), pixels, 0), explain.saliency(image_model(), pixels.astype(np.float32), 0)
    )
    np.testing.assert_allclose(explain.saliency(table_model(), X.tolist()), explain.saliency(table_model(), X))


# --- what is refused --------------------------------------------------------------------------------------------------

NAN = X.copy()
NAN[1, 2] = np.nan


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("model", "x", "settings", "error", "words"),
    [
        ("model", X, {}, TypeError, "expects a model or a function of x, got str 'model'"),
        (md.Sequential, X, {}, TypeError, "expects a model or a function of x, got type"),
        (md.Sequential([L.Dense(2)]), X, {}, ValueError, "'sequential' has no weights yet. Give it an input_shape"),
        (table_model(), X[0], {}, ValueError, r"expects samples \(N, ...\), got shape \(4,\). Is it one sample"),
        (image_model(), IMAGES[0], {}, ValueError, r"samples \(None, 7, 6, 2\), got shape \(7, 6, 2\). Is it one"),
        (table_model(), X[:0], {}, ValueError, r"expects samples \(N, ...\), got shape \(0, 4\)"),
        (table_model(), NAN, {}, ValueError, "expects finite numbers, got NaN or infinity in x"),
        (
            table_model(),
            X,
            {"target": 3},
            ValueError,
            "expects target from 0 to 2, for all or each of 5 samples, got 3",
        ),
        (table_model(), X, {"target": -1}, ValueError, "expects target from 0 to 2, .* got -1"),
        (table_model(), X, {"target": [0, 1]}, ValueError, r"got shape \(2,\) from 0 to 1"),
        (table_model(), X, {"target": 1.0}, TypeError, "expects target as a class, or one for each sample, got float"),
        (table_model(units=1), X, {"target": 0}, ValueError, "the model has one output, which is explained"),
        (lambda x: x.reshape(5, 2, 2), X, {}, ValueError, r"gives \(N, C\) for N samples, got float32 array"),
        (lambda x: x.sum(), X, {}, ValueError, r"gives \(N, C\) for N samples"),
        (lambda x: x * np.inf, np.abs(X), {}, ValueError, "the model gives NaN or infinity"),
    ],
)
def test_what_cannot_be_explained(name, model, x, settings, error, words):
    with pytest.raises(error, match=f"^{name}.*{words}"):
        METHODS[name](model, x, **settings)


@pytest.mark.parametrize("name", [n for n in SIGNED if n != "gradient_times_input"])
@pytest.mark.parametrize(
    ("x", "baseline", "words"),
    [
        (X, np.nan, "a finite baseline, got NaN"),
        (X, np.zeros(3), r"a baseline that broadcasts to x \(5, 4\), got shape \(3,\)"),
        (X.astype(int), 0.5, "a baseline of whole numbers, as x holds int64"),
    ],
)
def test_baselines_that_are_none(name, x, baseline, words):
    if name == "integrated_gradients" and x.dtype != np.float32:
        return  # which takes slopes of numbers, and makes them floating
    with pytest.raises(ValueError, match=f"^{name} expects {words}"):
        METHODS[name](table_model(), x, baseline=baseline)


@pytest.mark.parametrize("name", ["saliency", "gradient_times_input", "integrated_gradients"])
def test_slopes_need_a_tensor(name):
    model = table_model()
    for f in (model.predict, lambda x: model(x).numpy()):
        with pytest.raises(
            TypeError, match=f"^{name} takes the slope of f, so f must give a Tensor, got float32 array"
        ):
            METHODS[name](f, X)


def test_settings_of_integrated_gradients():
    for steps, error in ((0, ValueError), (2.5, ValueError), ("a", TypeError)):
        with pytest.raises(error, match="integrated_gradients expects steps as a positive integer"):
            explain.integrated_gradients(table_model(), X, steps=steps)


# --- on the GPU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [table_model, image_model, text_model])
def test_on_the_gpu_they_say_the_same(make):
    model = make()
    x = {image_model: IMAGES, text_model: WORDS}.get(make, X)
    maps = [explain.grad_cam] if make is image_model else []
    ways = [f for name, f in METHODS.items() if make is not image_model or name not in ("lime", "shapley_values")]
    on_cpu = [f(model, x) for f in ways + maps]
    trial = {"steps": 3, "random_orders": 2, "rng": 0}
    curve = explain.deletion_curve(model, x, on_cpu[0], **trial)
    with fake_cupy.installed() as cupy:
        model.to("cuda")
        for f, expected in zip(ways + maps, on_cpu):
            np.testing.assert_allclose(f(model, cupy.asarray(x)), expected, atol=1e-6)
            np.testing.assert_allclose(f(model, x), expected, atol=1e-6)
        for part, expected in zip(explain.deletion_curve(model, x, on_cpu[0], **trial), curve):
            np.testing.assert_allclose(part, expected, atol=1e-5)
