"""Distillation (D.T9): the loss of Hinton et al. from its definition, its T², training with a teacher or with none."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import layers as L
from minidl.compression import DistillationLoss, Distiller, Pruning
from minidl.gradcheck import check_grads
from tests.small_models import LABELS, X, classifier, same_weights, two_by_two

RNG = np.random.default_rng(0)
V, Z = RNG.normal(size=(2, 6, 4)) * 3


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def definition(v, z, T):
    """T² of the mean over the samples of −Σ p log q."""
    return T**2 * np.mean(-(softmax(v / T) * np.log(softmax(z / T))).sum(axis=-1))


# --- the loss -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("T", [0.5, 1, 3, 20.0])
def test_the_loss_is_its_definition(T):
    loss = DistillationLoss(T, from_logits=True)
    assert loss(V, md.Tensor(Z)).item() == pytest.approx(definition(V, Z, T), rel=1e-12)
    check_grads(lambda z: loss(V, z), Z)


@pytest.mark.parametrize("T", [0.5, 1, 4])
def test_its_gradient_is_t_times_the_difference_over_n(T):
    z = md.Tensor(Z, requires_grad=True)
    DistillationLoss(T, from_logits=True)(V, z).backward()
    np.testing.assert_allclose(z.grad, T * (softmax(Z / T) - softmax(V / T)) / 6, rtol=1e-9, atol=1e-12)


def test_because_of_t_squared_the_gradient_does_not_fade():
    """Hinton et al., equation (4): ∂ℓ/∂z → (z − v) / C for logits of mean 0, as T grows."""
    v, z = V - V.mean(axis=-1, keepdims=True), Z - Z.mean(axis=-1, keepdims=True)
    errors = []
    for T in (10, 100, 1000):
        t = md.Tensor(z, requires_grad=True)
        DistillationLoss(T, from_logits=True)(v, t).backward()
        errors.append(abs(t.grad - (z - v) / 4 / 6).max())
    assert errors[0] < 0.1 and errors[1] < errors[0] / 8 and errors[2] < errors[1] / 8  # like 1 / T


@given(st.integers(0, 10**6), st.floats(0.3, 20), st.booleans())
def test_probabilities_do_as_well_as_logits(seed, T, behind):
    rng = np.random.default_rng(seed)
    v, z = rng.normal(size=(2, 5, 3)) * 5
    p = md.softmax(md.Tensor(z, requires_grad=behind))  # behind a softmax just computed are its logits; else log p
    loss = DistillationLoss(T)(softmax(v), p if behind else p.numpy())
    assert loss.item() == pytest.approx(definition(v, z, T), rel=1e-7)


def test_a_very_sure_teacher_keeps_its_second_thoughts():
    """1e-20 is far below the ε = 1e-7 at which other losses stop; at T = 10 it is e^-4.6."""
    p, z = np.array([[1.0, 1e-20]], np.float32), np.zeros((1, 2), np.float32)
    assert DistillationLoss(10)(p, md.softmax(md.Tensor(z, requires_grad=True))).item() == pytest.approx(
        100 * np.log(2)
    )
    q = md.softmax(md.Tensor(np.log([[1.0, 1e-20]]), requires_grad=True))
    at_rest = DistillationLoss(10)(p.astype(np.float64), q).item()
    h = softmax(np.log([[1.0, 1e-20]]) / 10)
    assert at_rest == pytest.approx(-100 * (h * np.log(h)).sum(), rel=1e-6)
    assert np.isfinite(DistillationLoss(2)(np.array([[1.0, 0.0]]), q).item())


def test_a_very_sure_student_is_heard_at_its_logits():
    """Its probability e^-200 is 0 in float32; the logits behind the softmax are known all the same."""
    p = md.softmax(md.Tensor(np.array([[200.0, 0.0]], np.float32), requires_grad=True))
    expected = definition(np.zeros((1, 2)), np.array([[200.0, 0.0]]), 2)
    assert DistillationLoss(2)(np.array([[0.5, 0.5]]), p).item() == pytest.approx(expected, rel=1e-6)


def test_weights_of_samples_and_steps():
    loss = DistillationLoss(2, from_logits=True)
    each = [definition(V[n : n + 1], Z[n : n + 1], 2) for n in range(6)]
    w = RNG.random(6)
    assert loss(V, md.Tensor(Z), w).item() == pytest.approx(np.mean(w * each))
    v, z, w = V.reshape(2, 3, 4), Z.reshape(2, 3, 4), w.reshape(2, 3)
    assert loss(v, md.Tensor(z), w).item() == pytest.approx(np.mean(w * np.reshape(each, (2, 3))))
    assert loss(v, md.Tensor(z), w[:, 0]).item() == pytest.approx(np.mean(w[:, :1] * np.reshape(each, (2, 3))))


def test_float32_stays_nan_passes_and_the_stand_in_for_cupy():
    loss = DistillationLoss(3, from_logits=True)
    v, z = V.astype(np.float32), Z.astype(np.float32)
    t = md.Tensor(z, requires_grad=True)
    on_cpu = loss(v, t)
    on_cpu.backward()
    assert on_cpu.dtype == t.grad.dtype == np.float32
    assert np.isnan(loss(np.full_like(v, np.nan), t).item())
    with fake_cupy.installed() as cupy:
        there = md.Tensor(cupy.asarray(z), requires_grad=True)
        result = loss(cupy.asarray(v), there)
        result.backward()
        assert result.item() == pytest.approx(on_cpu.item(), rel=1e-6)
        np.testing.assert_allclose(there.grad.get(), t.grad, rtol=1e-5, atol=1e-7)
        teacher, student = wide().to("cuda"), classifier().to("cuda")
        distiller = Distiller(student, teacher)
        distiller.compile("sgd", "sparse_categorical_crossentropy")
        assert np.isfinite(distiller.fit(X, LABELS, verbose=0).history["loss"][0])


# --- a teacher ------------------------------------------------------------------------------------------------------


def wide(end="softmax"):
    md.seed(11)
    return md.Sequential([L.Dense(20, "tanh", input_shape=(4,)), L.Dropout(0.5), L.Dense(3, end)])


SETTINGS = {
    "adam": {"optimizer": "adam"},
    "metrics": {"optimizer": "sgd", "metrics": ["accuracy"]},
    "smoothed": {"optimizer": "adam", "loss": md.losses.SparseCategoricalCrossentropy(label_smoothing=0.1)},
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_without_a_share_for_the_teacher_it_is_plain_training_bit_for_bit(settings):
    settings = {"loss": "sparse_categorical_crossentropy", **SETTINGS[settings]}
    one, other = classifier(dropout=0.3, **settings), classifier(dropout=0.3)
    teacher = wide()
    distiller = Distiller(other, teacher, alpha=0, temperature=5)
    distiller.compile(**settings)
    w = np.linspace(0.5, 1.5, 50)
    md.seed(5)
    plain = one.fit(X, LABELS, batch_size=16, epochs=3, verbose=0, sample_weight=w, validation_data=(X, LABELS))
    md.seed(5)
    taught = distiller.fit(X, LABELS, batch_size=16, epochs=3, verbose=0, sample_weight=w, validation_data=(X, LABELS))
    assert same_weights(one, other)
    assert plain.history == taught.history


@pytest.mark.parametrize("end", ["softmax", None])
def test_fit_is_the_loop(end):
    T, alpha, x, w = 3.0, 0.7, X[:32], np.linspace(0, 2, 32).astype(np.float32)
    logits = end is None

    def student():
        md.seed(3)
        return md.Sequential([L.Dense(5, "relu", input_shape=(4,), kernel_regularizer="l2"), L.Dense(3, end)])

    one, other, teacher = student(), student(), wide(end)
    hard = md.losses.SparseCategoricalCrossentropy(from_logits=logits)
    distiller = Distiller(one, teacher, alpha, T, from_logits=logits)
    distiller.compile(md.optimizers.SGD(learning_rate=0.1), hard)
    teacher.train()
    shown = distiller.fit(x, LABELS[:32], batch_size=32, epochs=3, verbose=0, sample_weight=w).history["loss"]
    assert teacher.training, "the teacher's mode is its own"
    optimizer, losses = md.optimizers.SGD(other.parameters(), learning_rate=0.1), []
    with md.no_grad(), teacher.in_mode(False):
        v = teacher(x)
    v = v.numpy() if logits else np.log(v.numpy())
    for _ in range(3):
        optimizer.zero_grad()
        y = other(x)
        z = y if logits else y.inputs[0]
        log_q = md.log(md.softmax(z / T))
        soft = (-(log_q * softmax(v / T)).sum(axis=-1) * w).mean() * T**2
        loss = (1 - alpha) * hard(LABELS[:32], y, w) + alpha * soft + other.penalty()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(shown, losses, rtol=1e-5)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_teacher_is_asked_and_nothing_else():
    teacher, student = wide(), classifier()
    before = teacher.state_dict()
    distiller = Distiller(student, teacher, alpha=1)
    distiller.compile("adam", "sparse_categorical_crossentropy")
    distiller.fit(X, LABELS, verbose=0)
    assert same_weights(teacher, before)
    assert all(p.grad is None and p.requires_grad for p in teacher.parameters())
    assert len(distiller.parameters()) == len(student.parameters()) == 4
    assert {id(p) for p in distiller.parameters()} == {id(p) for p in student.parameters()}
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))


def test_a_student_comes_near_its_teacher_without_any_label():
    teacher, student = wide(), classifier()
    distiller = Distiller(student, teacher, alpha=1, temperature=2)
    distiller.compile(md.optimizers.Adam(learning_rate=0.02), "sparse_categorical_crossentropy")
    far = abs(student.predict(X, verbose=0) - teacher.predict(X, verbose=0)).mean()
    distiller.fit(X, np.zeros(50, int), epochs=40, verbose=0)
    assert abs(student.predict(X, verbose=0) - teacher.predict(X, verbose=0)).mean() < far / 4


def test_the_loss_alone_learns_from_what_the_teacher_said():
    teacher, student = wide(None), classifier(loss=DistillationLoss(2, from_logits=True))
    assert student.fit(X, teacher.predict(X, verbose=0), epochs=5, verbose=0).history["loss"][-1] > 0


def test_masked_steps_do_not_count():
    def tagger(H):
        md.seed(H)
        return md.Sequential([L.Embedding(6, H, mask_zero=True, input_length=4), L.Dense(3, "softmax")])

    teacher, tokens = tagger(8), np.array([[1, 2, 0, 0], [3, 4, 5, 0]])
    labels = np.ones((2, 4), int)
    distiller = Distiller(tagger(2), teacher, alpha=1, temperature=2)
    distiller.compile("sgd", "sparse_categorical_crossentropy")
    y, v = distiller.predict(tokens, verbose=0), teacher.predict(tokens, verbose=0)
    expected = definition(np.log(v[tokens > 0]), np.log(y[tokens > 0]), 2)  # the 5 steps that count
    assert distiller.train_on_batch(tokens, labels) == pytest.approx(expected, rel=1e-5)


def test_resume_and_pruning_work_as_with_any_model(tmp_path):
    def train(epochs, resume):
        teacher, student = wide(), classifier()
        distiller = Distiller(student, teacher)
        distiller.compile("adam", "sparse_categorical_crossentropy")
        md.seed(8)
        distiller.fit(X, LABELS, epochs=epochs, verbose=0, callbacks=[Pruning(0.5)], resume=resume)
        return student

    train(1, tmp_path / "run.npz")
    assert same_weights(train(3, tmp_path / "run.npz"), train(3, None))


# --- what is refused ------------------------------------------------------------------------------------------------


def fit(student, teacher, loss="sparse_categorical_crossentropy", y=LABELS, x=X, **settings):
    distiller = Distiller(student, teacher)
    distiller.compile("sgd", loss)
    distiller.fit(x, y, verbose=0, **settings)


def network(classes, end="softmax"):
    return md.Sequential([L.Dense(classes, end, input_shape=(4,))])


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: DistillationLoss(0), "temperature > 0"),
        (lambda: DistillationLoss(float("inf")), "finite"),
        (lambda: DistillationLoss(2)(V, md.Tensor(Z)), "expects probabilities"),
        (lambda: DistillationLoss(2, from_logits=True)(V[:, :3], md.Tensor(Z)), r"shape \(6, 4\), got \(6, 3\)"),
        (lambda: DistillationLoss(2, from_logits=True)(V[:, :1], md.Tensor(Z[:, :1])), "at least 2 classes"),
        (lambda: Distiller(network(3), network(3), alpha=1.5), r"alpha in \[0, 1\]"),
        (lambda: Distiller(*[network(3)] * 2), "same twice"),
        (lambda: fit(network(3), network(4)), r"shape \(32, 3\), got \(32, 4\)"),
        (lambda: fit(network(3), network(3, None)), "distillation expects probabilities"),
        (lambda: fit(network(3), network(3), md.losses.SparseCategoricalCrossentropy(from_logits=True)), "of both"),
        (lambda: fit(network(3), network(3), threads=2), "one thread"),
        (lambda: fit(two_by_two(), network(3), ["sparse_categorical_crossentropy", "mse"],
                     [LABELS, X[:, :1]], [X[:, :2], X[:, 2:]]), "one output"),
    ],
)  # fmt: skip
def test_wrong_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: DistillationLoss("2"),
        lambda: DistillationLoss(from_logits="yes"),
        lambda: Distiller("student", network(3)),
        lambda: Distiller(network(3), lambda x: x),
        lambda: Distiller(network(3), network(3), alpha=None),
    ],
)
def test_wrong_kinds(wrong):
    with pytest.raises(TypeError):
        wrong()
