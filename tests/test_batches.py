"""What fit may be given: arrays and lists, loaders and generators, weights, several inputs and outputs."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.data import DataLoader
from tests.small_models import LABELS, VALUES, X, classifier, regressor, same_weights, two_by_two


def test_lists_integers_and_float64_are_taken():
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]

    def trained(x, y):
        md.seed(0)
        model = md.Sequential([L.Dense(3, activation="tanh"), L.Dense(2)])
        model.compile("adam", md.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, epochs=3, verbose=0)
        assert all(p.dtype == np.float32 for p in model.parameters())
        return model

    first = trained(x, y)
    for other in (np.array(x), np.array(x, np.uint8), np.array(x, float), md.Tensor(np.array(x, np.float32))):
        assert same_weights(first, trained(other, np.array(y)))
    assert same_weights(first, trained(list(np.array(x)), list(np.array(y)[:, None])))  # lists of rows
    assert first.predict(np.array(x, float)).dtype == np.float32


def test_data_from_a_loader_or_a_generator():
    a, b, c = classifier(), classifier(), classifier()
    a.fit(X, LABELS, batch_size=10, epochs=2, shuffle=False, verbose=0)
    b.fit(DataLoader(X, LABELS, batch_size=10, shuffle=False), epochs=2, verbose=0)

    def batches():
        while True:
            for k in range(0, 50, 10):
                yield X[k : k + 10].astype(float), LABELS[k : k + 10]

    history = c.fit(batches(), steps_per_epoch=5, epochs=2, verbose=0)
    assert same_weights(a, b) and same_weights(a, c) and len(history.epoch) == 2
    assert c.evaluate(batches(), steps=5, verbose=0) == pytest.approx(a.evaluate(X, LABELS, verbose=0))


def test_a_sequence_of_batches_by_number():
    class Halves:
        def __len__(self):
            return 2

        def __getitem__(self, k):
            return X[k * 25 : k * 25 + 25], LABELS[k * 25 : k * 25 + 25]

    a, b = classifier(), classifier()
    a.fit(Halves(), epochs=2, verbose=0, validation_data=DataLoader(X, LABELS))
    b.fit(X, LABELS, batch_size=25, shuffle=False, epochs=2, verbose=0)
    assert same_weights(a, b)


def test_steps_per_epoch_cuts_an_epoch_short():
    model = classifier()
    steps = []
    count = md.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    loader = DataLoader(X, LABELS, batch_size=10)
    model.fit(loader, epochs=2, steps_per_epoch=2, callbacks=[count], verbose=0)
    assert steps == [0, 1, 0, 1] and loader.state_dict()["position"] == 0


def test_sample_weights_and_class_weights():
    weights = np.where(LABELS == 1, 3.0, 1.0)

    def trained(*data, loss="sparse_categorical_crossentropy", **fit_settings):
        model = classifier(loss=loss)
        model.fit(*data, verbose=0, **fit_settings)
        return model.get_weights()

    by_sample = trained(X, LABELS, sample_weight=weights)
    by_class = trained(X, LABELS, class_weight={1: 3.0})
    both = trained(X, LABELS, sample_weight=weights, class_weight={1: 1 / 3, 0: 1, 2: 1})
    streamed = trained(DataLoader(X, LABELS, weights, batch_size=32))
    streamed_classes = trained(DataLoader(X, LABELS, batch_size=32), class_weight={1: 3.0})
    one_hot = trained(X, np.eye(3)[LABELS], class_weight={1: 3.0}, loss="categorical_crossentropy")
    plain = trained(X, LABELS)
    for a, b in [(by_sample, by_class), (by_sample, streamed), (by_sample, streamed_classes)]:
        assert all(np.array_equal(v, w) for v, w in zip(a, b))
    for a, b in [(both, plain), (one_hot, by_class)]:
        assert all(np.allclose(v, w, atol=1e-5) for v, w in zip(a, b))
    assert not np.allclose(by_class[0], plain[0], atol=1e-5)


def test_class_weights_are_for_training_not_for_validation():
    settings = {"class_weight": {0: 50.0}, "verbose": 0}
    split = classifier().fit(X, LABELS, validation_split=0.2, **settings).history
    apart = classifier().fit(X[:40], LABELS[:40], validation_data=(X[40:], LABELS[40:]), **settings).history
    assert split == apart


def test_a_weight_of_zero_is_as_if_the_sample_were_not_there():
    model = regressor()
    weights = np.r_[np.ones(30), np.zeros(20)]
    part = model.evaluate(X[:30], VALUES[:30], verbose=0)
    assert model.evaluate(X, VALUES, sample_weight=weights, verbose=0) == pytest.approx(part * 30 / 50, rel=1e-5)


def test_several_inputs_and_outputs():
    x, y = [X[:, :2], X[:, 2:]], [LABELS, VALUES]
    losses = ["sparse_categorical_crossentropy", "mse"]
    first, second = two_by_two(), two_by_two()
    first.compile("adam", losses, metrics=[["accuracy"], []], loss_weights=[1.0, 0.5])
    second.compile(
        "adam", {"value": "mse", "kind": losses[0]}, metrics={"kind": "accuracy"}, loss_weights={"value": 0.5}
    )
    md.seed(1)
    h = first.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    md.seed(1)
    named = {"b": x[1], "a": x[0]}, {"value": VALUES, "kind": LABELS}
    second.fit(*named, epochs=2, verbose=0)
    assert same_weights(first, second)
    assert list(h.history)[:4] == ["loss", "kind_loss", "value_loss", "kind_accuracy"]
    loss, kind, value, accuracy = first.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(kind + 0.5 * value, rel=1e-5) and 0 <= accuracy <= 1
    p, v = first.predict(x)
    assert p.shape == (50, 3) and v.shape == (50, 1)


def test_targets_under_their_names_come_in_any_order():
    low, high = np.zeros((50, 1)), np.full((50, 1), 100.0)
    targets = {"high": high, "low": low}

    class Pair(md.Model):
        def __init__(self):
            super().__init__()
            self.low, self.high = L.Dense(1), L.Dense(1)

        def call(self, x):
            return [self.low(x), self.high(x)]

    x = md.Input(shape=(4,))
    for model in (md.Model(x, [L.Dense(1, name="low")(x), L.Dense(1, name="high")(x)]), Pair()):
        model.compile("sgd", {"low": "mse", "high": "mse"})
        for logs in (
            model.evaluate(X, targets, verbose=0, return_dict=True),
            model.evaluate(iter([(X, targets)]), verbose=0, return_dict=True),
            model.fit(X, targets, verbose=0, validation_data=iter([(X, targets)])).history,
        ):
            assert np.all(logs["high_loss"] > 20 * np.array(logs["low_loss"]))


@pytest.mark.parametrize("loss", ["mse", ["mse"], {"y": "mse"}])
@pytest.mark.parametrize("metrics", [["mae"], [["mae"]]])
def test_one_output_as_a_list_of_one(loss, metrics):
    def trained(outputs, loss, metrics, targets):
        md.seed(0)
        model = md.Model([x], outputs)
        model.compile("sgd", loss, metrics)
        return model.fit(X, targets, verbose=0).history, model.predict(X, verbose=0)

    x = md.Input(shape=(4,))
    y = L.Dense(1, name="y", kernel_initializer="ones")
    history, outputs = trained(y(x), "mse", ["mae"], VALUES)
    y.kernel.data, y.bias.data = np.ones((4, 1), np.float32), np.zeros(1, np.float32)
    again, others = trained([y(x)], loss, metrics, {"y": VALUES} if isinstance(loss, dict) else VALUES)
    assert history == again and np.array_equal(outputs, others)


def test_several_inputs_of_a_class():
    class Sum(md.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1)

        def call(self, inputs):
            a, b = inputs
            return self.dense(a) + self.dense(b)

    model = Sum()
    model.compile("adam", "mse")
    model.fit([X[:, :2], X[:, 2:]], VALUES, verbose=0)
    assert model.predict([X[:, :2], X[:, 2:]]).shape == (50, 1) and model.count_params() == 3


def test_a_class_trains_and_a_loss_and_a_metric_may_be_functions():
    class Net(md.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1)

        def call(self, x):
            return self.dense(x)

    def squared(y_true, y_pred):
        return ((y_true - y_pred) ** 2)[:, 0]  # (N,)

    def error(y_true, y_pred):
        return np.abs(y_true - y_pred)

    net = Net()
    net.compile("sgd", squared, metrics=[error])
    history = net.fit(X, VALUES, epochs=2, verbose=0, sample_weight=np.ones(50))
    assert list(history.history) == ["loss", "error"] and history.history["loss"][1] < history.history["loss"][0]
    other = md.Sequential([L.Dense(1)])
    other.compile("sgd", "mse", metrics=["mae"])
    other.build((None, 4))
    other.set_weights(net.get_weights())
    assert other.evaluate(X, VALUES, verbose=0) == pytest.approx(net.evaluate(X, VALUES, verbose=0), rel=1e-5)


def test_a_loss_that_gives_one_number():
    a = regressor()
    b = regressor(loss=lambda t, y: ((t - y) * (t - y)).mean())
    md.seed(1)
    a.fit(X, VALUES, verbose=0)
    md.seed(1)
    b.fit(X, VALUES, verbose=0)
    for v, w in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_allclose(v, w, rtol=1e-5)
    with pytest.raises(ValueError, match="one for each sample where samples are weighted"):
        b.fit(X, VALUES, sample_weight=np.ones(50), verbose=0)


def test_a_model_on_the_default_dtype_float64():
    md.set_default_dtype("float64")
    try:
        model = regressor()
        model.fit(X, VALUES, verbose=0)
        assert model.predict(X).dtype == np.float64
    finally:
        md.set_default_dtype("float32")


def test_another_training_step():
    class Careful(md.Sequential):
        def train_step(self, x, y, sample_weight=None):
            steps.append(len(x))
            return super().train_step(x, y, sample_weight)

    steps = []
    model = Careful([L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, VALUES, batch_size=20, verbose=0)
    assert steps == [20, 20, 10]
