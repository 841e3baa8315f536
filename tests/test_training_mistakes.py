"""What a beginner gets wrong when training, and what is said to it."""

from itertools import count

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from tests.small_models import LABELS, VALUES, X, classifier, regressor, same_weights, two_by_two


def broken(where, value=np.nan):
    x = X.copy()
    x[where] = value
    return x


MISTAKES = {
    "fit before compile": (
        lambda: md.Sequential([L.Dense(1)]).fit(X, VALUES),
        r"fit needs an optimizer and a loss.*compile\(optimizer='adam'",
    ),
    "evaluate before compile": (lambda: md.Sequential([L.Dense(1)]).evaluate(X, VALUES), "evaluate needs"),
    "compile without loss": (lambda: regressor(loss=None).fit(X, VALUES), "fit needs a loss"),
    "wrong width": (
        lambda: regressor().fit(X[:, :3], VALUES),
        r"Dense 'dense' expects 4 features on the last axis, got shape \(50, 3\)\."
        r"\nThe model was built for inputs of shape \(None, 4\): reshape x, or change its input_shape",
    ),
    "images into Dense": (lambda: regressor().fit(np.zeros((5, 4, 3)), VALUES[:5]), "Flatten"),
    "numbers instead of rows": (
        lambda: regressor().fit(X[:, 0], VALUES),
        r"\(None, 4\), got \(None,\). Use x.reshape\(-1, 1\)",
    ),
    "verbose": (lambda: regressor().fit(X, VALUES, verbose="loud"), "'auto', 0, 1 or 2, got 'loud'"),
    "lengths": (lambda: regressor().fit(X, VALUES[:40]), "as many targets as inputs, got 50 samples in x and 40 in y"),
    "no samples": (lambda: regressor().fit(X[:0], VALUES[:0]), "at least one sample, got none"),
    "no targets": (lambda: regressor().fit(X), r"needs the targets: fit\(x, y\)"),
    "validation_split too large": (
        lambda: regressor().fit(X, VALUES, validation_split=1.5),
        r"in \(0, 1\), got 1.5",
    ),
    "validation_split too small": (lambda: regressor().fit(X, VALUES, validation_split=0.99), "leaves one part empty"),
    "NaN in x": (lambda: regressor().fit(broken((3, 1)), VALUES), r"x holds 1 NaN or infinite.*first at x\[3, 1\]"),
    "infinity in x": (lambda: regressor().fit(broken(7, np.inf), VALUES), r"x holds 4 NaN or infinite.*x\[7, 0\]"),
    "NaN in y": (lambda: regressor().fit(X, broken((0, 0))[:, :1]), r"y holds 1 NaN"),
    "NaN in validation data": (
        lambda: regressor().fit(X, VALUES, validation_data=(broken((0, 0)), VALUES)),
        r"validation_data\): x holds 1 NaN",
    ),
    "unknown optimizer": (lambda: regressor(optimizer="addam"), "optimizer 'addam' is not known. Did you mean 'adam'"),
    "unknown loss": (lambda: regressor(loss="msee"), "loss 'msee' is not known. Did you mean 'mse'"),
    "unknown metric": (
        lambda: regressor(metrics=["acuracy"]),
        "metric 'acuracy' is not known. Did you mean 'accuracy'",
    ),
    "(N,) targets": (lambda: regressor().fit(X, VALUES[:, 0]), r"shape \(50, 1\), got \(50,\).*reshape\(-1, 1\)"),
    "labels for a one-hot loss": (
        lambda: classifier(loss="categorical_crossentropy").fit(X, LABELS),
        "Use sparse_categorical_crossentropy",
    ),
    "one-hot for a loss of labels": (lambda: classifier().fit(X, np.eye(3)[LABELS]), "categorical_crossentropy"),
    "labels out of range": (lambda: classifier().fit(X, LABELS + 1), r"labels 0..2 for 3 classes, got 1..3"),
    "epochs": (lambda: regressor().fit(X, VALUES, epochs=2.5), "epochs as a whole number"),
    "batch size": (lambda: regressor().fit(X, VALUES, batch_size=0), "batch_size as a positive integer, got 0"),
    "text": (lambda: regressor().fit(np.array(["a", "b"]), [1, 2]), "x: expected real numbers"),
    "ragged": (lambda: regressor().fit([[1, 2], [3]], [1, 2]), "rows differ in length"),
    "a number": (lambda: regressor().predict(3.0), "one row for each sample, got the single number"),
    "sample_weight": (
        lambda: regressor().fit(X, VALUES, sample_weight=[1.0, 2.0]),
        r"shape \(50,\), one for each sample",
    ),
    "class_weight": (lambda: classifier().fit(X, LABELS, class_weight=[1, 2, 3]), r"class_weight as \{label: weight\}"),
    "class_weight of labels at each step": (
        lambda: classifier().fit(X, np.tile(LABELS[:, None], 2), class_weight={0: 2.0}),
        r"one class a sample.*got targets of shape \(50, 2\). Give sample_weight",
    ),
    "class_weight of one-hot labels at each step": (
        lambda: classifier().fit(X, np.eye(3)[np.tile(LABELS[:, None], 2)], class_weight={0: 2.0}),
        r"one class a sample.*got targets of shape \(50, 2, 3\). Give sample_weight",
    ),
    "callback class": (
        lambda: regressor().fit(X, VALUES, callbacks=[md.callbacks.TerminateOnNaN]),
        r"Write TerminateOnNaN\(...\)",
    ),
    "a figure that is no number": (
        lambda: classifier(metrics=["confusion_matrix"]).fit(
            X, LABELS, verbose=0, callbacks=md.callbacks.EarlyStopping("confusion_matrix", mode="max")
        ),
        "EarlyStopping monitors 'confusion_matrix', which is no number, but int64 array",
    ),
    "a method of Keras' callbacks": (
        lambda: regressor().fit(X, VALUES, callbacks=type("Mine", (md.callbacks.Callback,), {"on_batch_end": print})()),
        "Mine has a method on_batch_end, which is never called",
    ),
    "validation_data": (lambda: regressor().fit(X, VALUES, validation_data=X), r"as \(x, y\)"),
    "generator with y": (lambda: regressor().fit(iter([]), VALUES), "with arrays only"),
    "evaluate a generator with y": (lambda: regressor().evaluate(iter([]), VALUES), "with arrays only"),
    "evaluate a loader with weights": (
        lambda: regressor().evaluate(md.data.DataLoader(X, VALUES), sample_weight=np.zeros(50)),
        "with arrays only",
    ),
    "targets in a list": (lambda: regressor().fit(X, [VALUES]), "got 50 samples in x and 1 in y"),
    "targets of two outputs": (
        lambda: regressor().fit(X, {"a": VALUES, "b": VALUES}),
        r"y has the names \['a', 'b'\], the model expects \['output'\]",
    ),
    "one metric for two outputs": (
        lambda: regressor(loss=["mse", "mse"], metrics="mae"),
        "compile expects metrics for each of 2 outputs, got str 'mae'",
    ),
    "one weight for two losses": (
        lambda: regressor(loss=["mse", "mse"], loss_weights=0.5),
        "compile expects loss_weights for each of 2 outputs, got float 0.5",
    ),
    "empty generator": (lambda: regressor().fit(iter([])), "got no batch"),
    "generator of x": (lambda: regressor().fit(iter([X])), r"batches \(x, y\)"),
    "generator used up": (
        lambda: regressor().fit(iter([(X, VALUES)]), epochs=2, steps_per_epoch=1, verbose=0),
        "used up",
    ),
    "generator without an end": (
        lambda: regressor().fit(((X, VALUES) for _ in count()), epochs=2),
        "fit of 2 epochs needs steps_per_epoch: where a generator's epoch ends cannot be seen",
    ),
    "validation by a generator": (
        lambda: regressor().fit(X, VALUES, epochs=2, validation_data=((X, VALUES) for _ in count())),
        r"fit \(validation_data\) of 2 epochs needs validation_steps",
    ),
    "no losses": (lambda: regressor(loss=[]), "a loss, or one for each output"),
    "one loss of another name": (
        lambda: _named("z").fit(X, VALUES),
        r"losses for \['z'\], the model's outputs are \['y'\]",
    ),
    "targets of another name by a generator": (
        lambda: _two(["mse", "mse"]).fit(iter([(_pairs()[0], {"kind": VALUES, "sum": VALUES})])),
        r"names \['kind', 'sum'\], the model expects \['kind', 'value'\]",
    ),
    "a list of one output": (lambda: _giving(lambda y: [y]).fit(X, VALUES), r"list of one.*return y, not \[y\]"),
    "a dictionary of outputs": (
        lambda: _giving(lambda y: {"y": y}).fit(X, VALUES),
        r"'giving' gives dict \{'y': .*expected a Tensor or a list of Tensors",
    ),
    "an array as output": (
        lambda: _giving(lambda y: y.numpy()).predict(X),
        r"'giving' gives float32 array of shape \(32, 1\), expected a Tensor",
    ),
    "an array as output for one batch": (
        lambda: _giving(lambda y: y.numpy()).predict_on_batch(X),
        "expected a Tensor or a list of Tensors",
    ),
    "infinities of both signs": (
        lambda: regressor().fit(broken((0, slice(2)), (np.inf, -np.inf)), VALUES),
        "x holds 2 NaN or infinite",
    ),
    "missing output": (lambda: _two("mse").fit(*_pairs()), "2 outputs"),
    "wrong loss names": (lambda: _two({"kind": "mse", "sum": "mse"}).fit(*_pairs()), r"losses for \['kind', 'sum'\]"),
    "one input of two": (lambda: _two(["mse", "mse"]).fit(X, [VALUES, VALUES]), "list of 2 arrays"),
    "loss is no Tensor": (lambda: regressor(loss=lambda t, y: 1.0).fit(X, VALUES), "expected a Tensor"),
}


def _two(loss):
    model = two_by_two()
    model.compile("adam", loss)
    return model


def _named(name):
    x = md.Input(shape=(4,))
    model = md.Model(x, L.Dense(1, name="y")(x))
    model.compile("sgd", {name: "mse"})
    return model


def _giving(make):
    class Giving(md.Model):
        def call(self, x):
            return make(x.sum(axis=1, keepdims=True))

    model = Giving()
    model.compile("sgd", "mse")
    return model


def _pairs():
    return [X[:, :2], X[:, 2:]], [VALUES, VALUES]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_mistakes_are_told_in_three_lines(mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}") as caught:
        make()
    assert len(str(caught.value).splitlines()) <= 3


def test_a_generator_that_seems_to_have_no_end_is_remarked_on(monkeypatch):
    """Whether it has one cannot be known; that an epoch is very long can."""
    monkeypatch.setattr("minidl.training.batches.LONG", 5)
    model = regressor()
    with pytest.warns(UserWarning, match=r"fit: 5 batches, and the generator has not ended(.|\n)*steps_per_epoch"):
        model.fit(((X, VALUES) for _ in range(7)), verbose=0)
    with pytest.warns(UserWarning, match="predict: 5 batches"):
        model.predict((X for _ in range(7)), verbose=0)
    assert model.optimizer.iterations == 7
    model.fit(((X, VALUES) for _ in count()), steps_per_epoch=7, epochs=2, verbose=0)
    assert model.optimizer.iterations == 7 + 14


def test_a_mistake_changes_nothing():
    model = classifier()
    before = model.state_dict()
    for y in (LABELS + 1, np.eye(3)[LABELS], LABELS[:40]):
        with pytest.raises(ValueError):
            model.fit(X, y, verbose=0)
    late = np.r_[LABELS[:49], 3]  # one label out of range, at the very end
    with pytest.raises(ValueError, match=r"got 0\.\.3"):
        model.fit(X, late, batch_size=1, shuffle=False, verbose=0)
    assert same_weights(before, model)


def test_nan_passes_when_it_is_allowed_to():
    with pytest.warns(RuntimeWarning, match="the loss of epoch 1 is nan"):
        regressor().fit(broken((0, 0)), VALUES, check_finite=False, verbose=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda folder: {"validation_data": (X[:, :2], LABELS)}, "expects 4 features"),
        (lambda folder: {"validation_freq": 0, "validation_split": 0.2}, "validation_freq as a positive integer"),
        (lambda folder: {"callbacks": lambda: 1}, "Callback objects"),
        (lambda folder: {"resume": folder / "run.txt"}, "must end in"),
        (lambda folder: {"resume": folder / "none" / "run.npz"}, "there is no folder"),
        (lambda folder: {"callbacks": [md.callbacks.ModelCheckpoint(folder / "w.h5")]}, "must end in"),
        (lambda folder: {"callbacks": [md.callbacks.ModelCheckpoint(folder / "none" / "w.npz")]}, "there is no folder"),
    ],
)
def test_nothing_is_trained_before_the_mistake_is_told(settings, message, tmp_path):
    model = classifier()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, LABELS, verbose=0, **settings(tmp_path))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize("use", ["predict", "predict_on_batch"])
def test_one_sample_without_the_axis_of_the_batch_is_recognised(use):
    model = md.Sequential([md.layers.Dense(2, input_shape=(4,))])
    with pytest.raises(ValueError, match=r"expects inputs of shape \(None, 4\), got \(None,\)\. .* Use x\[None\]"):
        getattr(model, use)(np.ones(4, np.float32))


def test_labels_of_class_weight_are_whole_numbers():
    model = classifier()
    with pytest.raises(TypeError, match="labels of class_weight as whole numbers, as in y, got 'a'"):
        model.fit(X, LABELS, class_weight={"a": 1.0}, verbose=0)


def test_weights_of_losses_are_numbers():
    model = two_by_two()
    with pytest.raises(TypeError, match="compile expects loss_weights as a number, got str 'a'"):
        model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], loss_weights=["a", 1.0])


def test_an_infinite_loss_ends_training_and_is_not_saved(tmp_path):
    model = regressor(loss=lambda y, p: ((y - p) * 1e30) ** 2.0)
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="the loss of epoch 1 is (inf|nan)"):
        model.fit(X, VALUES, epochs=3, verbose=0, resume=tmp_path / "run.npz")
    assert len(model.history.history["loss"]) == 1 and not (tmp_path / "run.npz").exists()
