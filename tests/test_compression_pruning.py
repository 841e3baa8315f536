"""Pruning (D.T9): the right weights become 0, in every kind of model, and stay 0 whatever the optimizer does."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import layers as L
from minidl.callbacks import LambdaCallback
from minidl.compression import GradualSparsity, Pruning, prune, sparsity
from minidl.compression.kernels import kernels_of
from minidl.compression.pruning import smallest_pruned
from minidl.training.checkpoint import load_checkpoint, save_checkpoint
from tests.small_models import LABELS, X, classifier, same_weights

OPTIMIZERS = {
    "momentum": lambda: md.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
    "decay": lambda: md.optimizers.SGD(learning_rate=0.1, weight_decay=0.01),
    "rmsprop": lambda: md.optimizers.RMSprop(learning_rate=0.01),
    "adam": lambda: md.optimizers.Adam(learning_rate=0.01),
    "adamw": lambda: md.optimizers.AdamW(learning_rate=0.01, weight_decay=0.1),
    "muon": lambda: md.optimizers.Muon(learning_rate=0.01),
}


def two_layers(*kernels):
    """A model of two dense layers with these kernels."""
    shapes = [np.shape(W) for W in kernels]
    model = md.Sequential([L.Dense(shapes[0][1], input_shape=(shapes[0][0],)), L.Dense(shapes[1][1])])
    for layer, W in zip(model.layers, kernels):
        layer.kernel.data = np.array(W, np.float32)
    return model


def kernels(model):
    return [p.numpy() for p in kernels_of("test", model).values()]


# --- which weights --------------------------------------------------------------------------------------------------


def test_the_smallest_of_all_kernels_or_of_each():
    one, other = [[5, -1], [2, 3]], [[0.1, -0.2], [0.3, 9.0]]
    model = two_layers(one, other)
    masks = prune(model, 0.5)  # 4 of 8: 0.1, 0.2, 0.3, 1
    np.testing.assert_array_equal(kernels(model), [[[5, 0], [2, 3]], [[0, 0], [0, 9]]])
    np.testing.assert_array_equal(masks["dense.kernel"], [[True, False], [True, True]])
    model = two_layers(one, other)
    prune(model, 0.5, scope="layer")
    np.testing.assert_array_equal(kernels(model), [[[5, 0], [0, 3]], [[0, 0], [np.float32(0.3), 9]]])
    assert sparsity(model) == {"dense.kernel": 0.5, "dense_1.kernel": 0.5, "all": 0.5}


def test_of_equal_weights_the_first():
    model = two_layers([[1, -1], [1, 1]], [[-1, 1], [2, 1]])
    prune(model, 0.625)  # 5 of 8
    np.testing.assert_array_equal(kernels(model), [np.zeros((2, 2)), [[0, 1], [2, 1]]])


@given(st.integers(0, 10**6), st.floats(0, 0.99), st.booleans())
def test_exactly_the_k_smallest(seed, s, few_values):
    rng = np.random.default_rng(seed)
    W, V = rng.normal(size=(7, 5)), rng.normal(size=(5, 3))
    if few_values:
        W, V = W.round(), V.round()
    model = two_layers(W, V)
    before = np.concatenate([w.ravel() for w in kernels(model)])
    masks = prune(model, s)
    after = np.concatenate([w.ravel() for w in kernels(model)])
    kept = np.concatenate([m.ravel() for m in masks.values()])
    k = round(s * 50)
    order = sorted(range(50), key=lambda i: (abs(before[i]), i))  # by size, then by place
    assert sorted(np.flatnonzero(~kept)) == sorted(order[:k])
    np.testing.assert_array_equal(after, np.where(kept, before, 0))


def test_what_is_pruned_comes_before_other_zeros_and_never_back():
    w, m = {"w": np.array([0.0, 5.0, 0.0, 1.0])}, {"w": np.array([True, True, False, True])}
    np.testing.assert_array_equal(smallest_pruned(w, m, 0.25)["w"], [True, True, False, True])
    np.testing.assert_array_equal(smallest_pruned(w, m, 0.5)["w"], [False, True, False, True])
    np.testing.assert_array_equal(smallest_pruned(w, m, 0)["w"], m["w"])


class Scale(L.Layer):
    """A vector of one axis, which is no kernel."""

    def build(self, input_shape):
        self.factors = self.add_weight((input_shape[-1],), "ones")

    def call(self, x):
        return x * self.factors


def test_biases_normalisations_and_their_averages_are_left_alone():
    md.seed(0)
    model = md.Sequential(
        [
            L.Embedding(9, 4, input_length=6), L.Conv1D(5, 3), L.BatchNormalization(), L.GRU(3, return_sequences=True),
            L.MultiHeadAttention(2, 4), L.LayerNormalization(), Scale(), L.LSTM(3), L.Dense(2, bias_initializer="ones"),
        ]
    )  # fmt: skip
    before = model.state_dict()
    masks = prune(model, 0.9)
    assert list(masks) == [name for name in before if name.endswith(("kernel", "embeddings"))]
    assert len(masks) == 11  # of one embedding, one convolution, two recurrent layers with two each, four, one
    for name, w in model.state_dict().items():
        if name not in masks:
            np.testing.assert_array_equal(w, before[name])
    assert before["gru.cell.bias"].ndim == 2  # two axes, and a bias all the same
    assert sparsity(model)["all"] == pytest.approx(0.9, abs=0.01)


def test_names_choose_and_only_they_are_touched():
    model = classifier()
    before = model.state_dict()
    masks = prune(model, 0.5, names="dense_1.*")
    assert list(masks) == ["dense_1.kernel", "dense_1.bias"]
    np.testing.assert_array_equal(model.state_dict()["dense.kernel"], before["dense.kernel"])
    assert list(prune(model, 0.1, names=["dense.kernel"])) == ["dense.kernel"]


def test_a_shared_layer_is_pruned_once_and_a_frozen_one_too():
    a, b = md.Input(shape=(4,)), md.Input(shape=(4,))
    shared, frozen = L.Dense(5), L.Dense(2, trainable=False)
    model = md.Model(inputs=[a, b], outputs=frozen(L.Add()([shared(a), shared(b)])))
    masks = prune(model, 0.5, scope="layer")
    assert [int((~m).sum()) for m in masks.values()] == [10, 5]
    assert not frozen.kernel.requires_grad and (frozen.kernel.numpy() == 0).sum() == 5


def test_nothing_is_pruned_at_0_and_float64_stays():
    model = classifier()
    before = model.state_dict()
    assert all(m.all() for m in prune(model, 0).values())
    assert same_weights(model, before)
    md.arrays.set_default_dtype("float64")
    try:
        model = classifier()
        prune(model, 0.5)
    finally:
        md.arrays.set_default_dtype("float32")
    assert all(p.dtype == np.float64 for p in model.parameters())


def test_graphs_notice_that_weights_have_changed():
    model = classifier()
    loss = (model(X) * model(X)).sum()
    prune(model, 0.5)
    with pytest.raises(ValueError, match="edited"):
        loss.backward()


# --- training on ----------------------------------------------------------------------------------------------------


def zeros_at_each_step(model, found):
    return LambdaCallback(on_train_batch_end=lambda batch, logs: found.append([w == 0 for w in kernels(model)]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_pruned_stays_0_with_every_optimizer(optimizer):
    model = classifier(optimizer=OPTIMIZERS[optimizer]())
    model.fit(X, LABELS, batch_size=10, epochs=2, verbose=0)  # momentum that would move a pruned weight
    pruning, found = Pruning(0.75), []
    before = model.state_dict()
    history = model.fit(X, LABELS, batch_size=10, verbose=0, callbacks=[pruning, zeros_at_each_step(model, found)])
    for zeros in found:
        for zero, mask in zip(zeros, pruning.masks.values(), strict=True):
            np.testing.assert_array_equal(zero, ~mask)
    assert len(found) == pruning.steps == 5
    assert history.history["sparsity"] == [42 / 56]
    for name, mask in pruning.masks.items():
        assert (model.state_dict()[name] != before[name])[mask].any(), "the others have learnt"


def test_fit_and_a_loop_of_ones_own_give_the_same():
    one, other = classifier(optimizer=OPTIMIZERS["momentum"]()), classifier(optimizer=OPTIMIZERS["momentum"]())
    schedule = GradualSparsity(0.8, end_step=8, frequency=2)
    one.fit(X, LABELS, batch_size=10, epochs=2, shuffle=False, verbose=0, callbacks=[Pruning(schedule)])
    pruning, loss = Pruning(schedule), md.losses.SparseCategoricalCrossentropy()
    pruning.begin(other)
    optimizer = OPTIMIZERS["momentum"]()
    optimizer.bind(other.parameters())
    for _ in range(2):
        for rows in np.split(np.arange(50), 5):
            optimizer.zero_grad()
            loss(LABELS[rows], other(X[rows])).backward()
            optimizer.step()
            pruning.step()
    assert same_weights(one, other)
    assert sparsity(other)["all"] == round(0.8 * 56) / 56


def test_gradually_by_the_schedule_and_never_back():
    model, found = classifier(), []
    schedule = GradualSparsity(0.8, begin_step=2, end_step=8, frequency=2)
    model.fit(X, LABELS, batch_size=10, epochs=2, verbose=0,
              callbacks=[Pruning(schedule), zeros_at_each_step(model, found)])  # fmt: skip
    counts = [sum(int(zero.sum()) for zero in zeros) for zeros in found]  # after steps 1, 2, ...
    # s = 0.8 (1 - (1 - (t - 2) / 6)^3) at t = 2, 4, 6, 8: 0, 0.563, 0.770, 0.8; of 56 weights
    assert counts == [0, 0, 0, 32, 32, 43, 43, 45, 45, 45]
    for earlier, later in zip(found, found[1:]):
        assert all((zero <= then).all() for zero, then in zip(earlier, later))


def test_a_schedule_that_falls_gives_nothing_back():
    model = classifier()
    pruning = Pruning(lambda step: 0.5 if step == 0 else 0.1)
    pruning.begin(model)
    model.layers[0].kernel.data += 1
    pruning.step()
    assert sparsity(model)["all"] == 0.5


@pytest.mark.parametrize("sparsity_", [0.6, GradualSparsity(0.6, end_step=14, frequency=3)])
def test_interrupted_and_gone_on_with_is_as_not_interrupted(tmp_path, sparsity_):
    def train(epochs, resume, seed):
        model = classifier(dropout=0.2, optimizer=md.optimizers.SGD(learning_rate=0.5, momentum=0.9))
        md.seed(seed)
        pruning = Pruning(sparsity_)
        model.fit(X, LABELS, batch_size=10, epochs=epochs, verbose=0, callbacks=[pruning], resume=resume)
        return model, pruning

    whole, pruning = train(4, None, 5)
    train(2, tmp_path / "run.npz", 5)
    resumed, pruning_ = train(4, tmp_path / "run.npz", 99)
    assert same_weights(whole, resumed)
    assert same_weights(pruning.masks, pruning_.masks) and pruning.steps == pruning_.steps == 20


def test_a_checkpoint_of_ones_own_keeps_the_masks(tmp_path):
    def steps(model, pruning, n):
        for _ in range(n):
            model.train_on_batch(X, LABELS)
            pruning.step()

    schedule = GradualSparsity(0.7, end_step=4, frequency=2)
    model, pruning = classifier(), Pruning(schedule)
    pruning.begin(model)
    steps(model, pruning, 3)
    save_checkpoint(tmp_path / "a.npz", model, model.optimizer, masks=pruning.masks, steps=pruning.steps)
    steps(model, pruning, 3)
    other, pruning = classifier(), Pruning(schedule)
    other.train_on_batch(X, LABELS)
    notes = load_checkpoint(tmp_path / "a.npz", other, other.optimizer)
    pruning.begin(other)
    pruning.masks, pruning.steps = notes["masks"], notes["steps"]
    steps(other, pruning, 3)
    assert same_weights(model, other)


def test_on_the_stand_in_for_cupy():
    with fake_cupy.installed():
        for model in (classifier(), classifier().to("cuda")):
            pruning = Pruning(GradualSparsity(0.75, end_step=3, frequency=1))
            pruning.begin(model)
            for _ in range(3):
                for p in model.parameters():
                    p.data += 0.25
                pruning.step()
            on_device, masks = model.state_dict(), pruning.masks
            assert all(type(m) is np.ndarray for m in masks.values())
            if "on_cpu" in locals():
                assert same_weights(on_cpu, on_device)  # noqa: F821
            on_cpu = on_device
        assert sparsity(model)["all"] == 0.75


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: Pruning(1.0), r"sparsity in \[0, 1\), got 1.0"),
        (lambda: prune(classifier(), -0.1), r"prune expects sparsity in \[0, 1\)"),
        (lambda: prune(classifier(), float("nan")), "finite"),
        (lambda: Pruning(0.5, scope="all"), "scope 'all' is not known(.|\n)*global, layer"),
        (lambda: prune(classifier(), 0.5, names="dens.*"), "matches 'dens"),
        (lambda: prune(md.Sequential([L.Dense(3)]), 0.5), "no weights yet"),
        (lambda: prune(md.Sequential([L.BatchNormalization(input_shape=(3,))]), 0.5), "no kernels"),
        (lambda: Pruning(0.5).step(), r"begin\(model\)"),
        (lambda: Pruning(lambda step: 1.5).begin(classifier()), "sparsity of its schedule"),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: prune(classifier(), "0.5"),
        lambda: prune("model", 0.5),
        lambda: Pruning([]),
        lambda: prune(classifier(), 0.5, names=3),
        lambda: prune(classifier(), 0.5, names=[]),
    ],
)
def test_wrong_kinds(wrong):
    with pytest.raises(TypeError):
        wrong()


def test_nan_is_not_swallowed_and_nothing_changed():
    model = classifier()
    model.layers[2].kernel.data[1, 1] = np.nan
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"dense_1.kernel.*NaN"):
        prune(model, 0.5)
    np.testing.assert_array_equal(model.state_dict()["dense.kernel"], before["dense.kernel"])


def test_masks_of_another_model_are_refused():
    pruning = Pruning(0.5)
    pruning.begin(classifier())
    with pytest.raises(ValueError, match="expects masks of"):
        pruning.masks = {"dense.kernel": np.ones((4, 8), bool)}
    with pytest.raises(ValueError, match="truth values of shape"):
        pruning.masks = {name: m.astype(int) for name, m in pruning.masks.items()}
    with pytest.raises(ValueError, match="truth values of shape"):
        pruning.masks = {name: m.tolist() for name, m in pruning.masks.items()}
    with pytest.raises(TypeError, match=r"expects masks as a dict .*, got NoneType"):
        pruning.masks = None


def test_the_state_of_the_model_is_as_before():
    model = classifier()
    model.eval()
    rng = md.arrays.generator().bit_generator.state
    prune(model, 0.5)
    assert not model.training and all(p.requires_grad and p.grad is None for p in model.parameters())
    assert md.arrays.generator().bit_generator.state == rng
