"""compile, fit, evaluate, predict: the numbers, the modes, what is printed and what is left behind."""

import gc
import time

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.data import DataLoader
from tests.small_models import LABELS, VALUES, X, classifier, regressor, same_weights, two_by_two

# --- the numbers ----------------------------------------------------------------------------------------------------


def test_fit_and_a_loop_written_by_hand_give_the_same_numbers():
    fitted = classifier(dropout=0.3)
    md.seed(5)
    history = fitted.fit(X, LABELS, batch_size=8, epochs=3, verbose=0)

    model = classifier(dropout=0.3)
    md.seed(5)
    loss_function = md.losses.SparseCategoricalCrossentropy()
    optimizer = md.optimizers.Adam(model.parameters())
    means = []
    for _ in range(3):
        model.train()
        total = 0.0
        for x, y in DataLoader(X, LABELS, batch_size=8):
            loss = loss_function(y, model(md.Tensor(x)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        means.append(total / len(X))
    assert same_weights(fitted, model)
    assert history.history["loss"] == means


def test_fit_learns():
    model = classifier(metrics=["accuracy"], optimizer=md.optimizers.Adam(learning_rate=0.02))
    history = model.fit(X, LABELS, batch_size=8, epochs=60, verbose=0)
    assert history.history["accuracy"][-1] > 0.95 and history.history["loss"][-1] < 0.2


def test_history_has_keras_keys_in_keras_order():
    model = classifier(metrics=["accuracy", md.metrics.TopKAccuracy(k=2)])
    history = model.fit(X, LABELS, epochs=2, validation_split=0.2, verbose=0)
    assert list(history.history) == [
        "loss",
        "accuracy",
        "top_k_accuracy",
        "val_loss",
        "val_accuracy",
        "val_top_k_accuracy",
    ]
    assert history.epoch == [0, 1] and all(len(values) == 2 for values in history.history.values())
    assert model.history is history
    assert repr(history).startswith("History(2 epochs: loss, accuracy")


def test_validation_split_takes_the_last_samples_before_shuffling():
    split = classifier()
    a = split.fit(X, LABELS, epochs=2, validation_split=0.25, verbose=0)
    given = classifier()
    b = given.fit(X[:37], LABELS[:37], epochs=2, validation_data=(X[37:], LABELS[37:]), verbose=0)
    assert a.history == b.history and same_weights(split, given)
    assert a.history["val_loss"][-1] == pytest.approx(split.evaluate(X[37:], LABELS[37:], verbose=0))


def test_the_loss_of_an_epoch_is_that_of_all_samples_whatever_the_batches():
    model = regressor()
    whole = model.evaluate(X, VALUES, batch_size=50, verbose=0)
    for size in (7, 32):
        assert model.evaluate(X, VALUES, batch_size=size, verbose=0) == pytest.approx(whole, rel=1e-5)


def test_evaluate_returns_what_keras_returns():
    model = classifier(metrics=["accuracy"])
    loss, accuracy = model.evaluate(X, LABELS, verbose=0)
    assert model.evaluate(X, LABELS, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert isinstance(regressor().evaluate(X, VALUES, verbose=0), float)
    assert model.test_on_batch(X, LABELS) == pytest.approx([loss, accuracy], rel=1e-5)
    assert (model.predict(X).argmax(-1) == LABELS).mean() == pytest.approx(accuracy)


def test_predict_in_batches_on_a_batch_and_by_calling():
    model = classifier(dropout=0.5)
    p = model.predict(X, batch_size=7)
    np.testing.assert_allclose(model.predict(X, batch_size=None), p, rtol=1e-5)
    assert isinstance(p, np.ndarray) and p.shape == (50, 3) and p.dtype == np.float32
    np.testing.assert_allclose(p, model.predict_on_batch(X), rtol=1e-5)
    assert model.training  # predict leaves the mode as it was
    np.testing.assert_allclose(p, model.eval()(md.Tensor(X)).numpy(), rtol=1e-5)
    np.testing.assert_allclose(model.predict(batch for batch in (X[:20], X[20:])), p, rtol=1e-5)
    np.testing.assert_allclose(model.predict(DataLoader(X, LABELS, batch_size=9, shuffle=False)), p, rtol=1e-5)


def test_outputs_are_no_views_of_the_inputs():
    model, x = md.Sequential([md.layers.Flatten(input_shape=(4,))]), X.copy()
    for y in (model.predict(x, verbose=0), model.predict_on_batch(x)):
        y[...] = 0
    assert np.array_equal(x, X)


def test_train_on_batch_trains_what_was_thawed_or_added_too():
    model = classifier()
    model.layers[0].trainable = False
    model.train_on_batch(X, LABELS)
    model.layers[0].trainable = True
    model.add(md.layers.Dense(3, activation="softmax"))
    before = model.get_weights()
    model.train_on_batch(X, LABELS)
    assert not any(np.array_equal(v, w) for v, w in zip(before, model.get_weights(), strict=True))


def test_train_on_batch_is_one_step():
    model, other = classifier(metrics=["accuracy"]), classifier()
    before = model.evaluate(X, LABELS, verbose=0)
    assert model.train_on_batch(X, LABELS) == pytest.approx(before, rel=1e-5)
    other.fit(X, LABELS, batch_size=50, shuffle=False, verbose=0)
    assert same_weights(model, other)
    assert model.train_on_batch(X, LABELS, return_dict=True)["loss"] < before[0]


def test_modes():
    model = classifier(dropout=0.5)
    seen = []
    watch = md.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.training),
        on_epoch_end=lambda epoch, logs: model.predict(X[:2]),
    )
    model.fit(X, LABELS, epochs=2, callbacks=watch, verbose=0, validation_split=0.2)
    assert set(seen) == {True} and not model.training and not model.layers[1].training


def test_an_evaluation_by_a_callback_changes_nothing():
    def look(batch, logs):
        model.evaluate(X[:5], LABELS[:5], verbose=0)

    plain = classifier(dropout=0.5, metrics=["accuracy"])
    a = plain.fit(X, LABELS, epochs=2, verbose=0)
    model = classifier(dropout=0.5, metrics=["accuracy"])
    b = model.fit(X, LABELS, epochs=2, verbose=0, callbacks=[md.callbacks.LambdaCallback(on_train_batch_end=look)])
    assert a.history == b.history and same_weights(plain, model)


# --- optimizers and freezing ----------------------------------------------------------------------------------------


def test_an_optimizer_bound_by_hand_trains_only_what_it_was_given():
    model = classifier()
    before = model.state_dict()
    model.compile(md.optimizers.SGD(model.layers[2].parameters(), learning_rate=0.1), "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    after = model.state_dict()
    assert np.array_equal(before["dense.kernel"], after["dense.kernel"])
    assert not np.array_equal(before["dense_1.kernel"], after["dense_1.kernel"])


def test_a_callback_may_thaw_and_freeze_layers():
    model = classifier()
    first, last = model.layers[0], model.layers[-1]
    first.trainable = False
    seen = []

    def look(epoch, logs):
        seen.append(model.get_weights())
        first.trainable, last.trainable = epoch >= 1, epoch < 2

    watch = md.callbacks.LambdaCallback(on_epoch_begin=look)
    model.fit(X, LABELS, epochs=4, callbacks=[watch], verbose=0)
    moved = [[not np.array_equal(v, w) for v, w in zip(a, b)] for a, b in zip(seen, seen[1:])]
    assert moved == [[False, False, True, True], [True] * 4, [True, True, False, False]]


def test_frozen_layers_stay_and_thawed_ones_move():
    model = classifier()
    model.layers[0].trainable = False
    before = model.state_dict()
    model.fit(X, LABELS, verbose=0)
    middle = model.state_dict()
    assert np.array_equal(before["dense.kernel"], middle["dense.kernel"])
    model.layers[0].trainable = True
    model.fit(X, LABELS, verbose=0)
    assert not np.array_equal(middle["dense.kernel"], model.state_dict()["dense.kernel"])


def test_an_optimizer_belongs_to_one_model():
    first = classifier()
    first.fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match="bound to parameters that are not in 'sequential'"):
        classifier(optimizer=first.optimizer).fit(X, LABELS, verbose=0)


def test_nothing_to_train():
    model = classifier()
    model.trainable = False
    with pytest.raises(ValueError, match="nothing to train"):
        model.fit(X, LABELS, verbose=0)


# --- what is printed ------------------------------------------------------------------------------------------------


def test_a_line_for_each_epoch(capsys):
    model = classifier(metrics=["accuracy"])
    model.fit(X, LABELS, epochs=2, validation_split=0.2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("Epoch 2/2  0.")
    keys = [part.split(":")[0] for part in lines[0].split(" - ")[1:]]
    assert keys == ["loss", "accuracy", "val_loss", "val_accuracy"]
    model.evaluate(X, LABELS)
    assert capsys.readouterr().out.startswith("Evaluation - loss: ")


def test_silence(capsys):
    model = classifier(metrics=["accuracy"])
    model.fit(X, LABELS, verbose=0, validation_split=0.2)
    model.evaluate(X, LABELS, verbose=0)
    model.predict(X)
    out, err = capsys.readouterr()
    assert out == err == ""


def test_a_bar_on_a_terminal_only(monkeypatch, capsys):
    bars = []

    class Terminal:
        def isatty(self):
            return True

        def write(self, text):
            bars.append(text)

        def flush(self):
            pass

    monkeypatch.setattr("sys.stderr", Terminal())
    slow = md.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.2))
    model = classifier()
    model.fit(X, LABELS, batch_size=10, verbose=1, callbacks=[slow])
    assert "Epoch 1/1" in "".join(bars) and "loss: " in "".join(bars)
    assert capsys.readouterr().out.count("\n") == 1  # the line, on stdout
    bars.clear()
    model.fit(X, LABELS, batch_size=10, verbose=2, callbacks=[slow])
    assert bars == []


def test_a_table_of_logs_holds_any_letters_wherever_it_is_written(tmp_path, monkeypatch):
    elsewhere = lambda *args, **settings: open(*args, **{"encoding": "ascii", **settings})  # noqa: E731
    monkeypatch.setattr("minidl.callbacks.files.open", elsewhere, raising=False)
    add = md.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(größe=1.0))
    for again in (False, True):
        table = md.callbacks.CSVLogger(tmp_path / "log.csv", append=again)
        classifier().fit(X, LABELS, verbose=0, callbacks=[add, table])
    assert (tmp_path / "log.csv").read_text(encoding="utf-8").startswith("epoch,loss,größe")


def test_a_program_without_a_console_has_no_stderr(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)
    classifier().fit(X, LABELS)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_the_line_of_an_epoch_leaves_out_what_is_no_number(capsys):
    note = md.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(note="good", none=None, two=np.float32(2))
    )
    history = regressor().fit(X, VALUES, callbacks=[note], verbose=2)
    assert history.history["note"] == ["good"] and capsys.readouterr().out.endswith(" - two: 2.0000\n")


def test_a_confusion_matrix_may_be_a_metric(capsys):
    model = classifier(metrics=["confusion_matrix"])
    model.fit(X, LABELS)
    assert "confusion" not in capsys.readouterr().out
    assert model.evaluate(X, LABELS, verbose=0)[1].sum() == 50


# --- memory ---------------------------------------------------------------------------------------------------------


def test_training_leaves_no_cycles():
    model = classifier(metrics=["accuracy"])
    model.fit(X, LABELS, epochs=1, verbose=0)
    gc.collect()
    gc.disable()
    try:
        model.fit(X, LABELS, epochs=2, verbose=0, validation_split=0.2)
        del model
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [o for o in gc.garbage if type(o).__module__.startswith("minidl")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert ours == []


# --- on a GPU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
def test_training_on_a_device_gives_the_numbers_of_the_cpu(several):
    def trained(device):
        model = two_by_two() if several else classifier(dropout=0.3, metrics=["accuracy"])
        x, y = ([X[:, :2], X[:, 2:]], [LABELS, VALUES]) if several else (X, LABELS)
        if several:
            model.compile("adam", ["sparse_categorical_crossentropy", "mse"], [["accuracy"], ["mae"]])
        model.to(device)
        fit = {"epochs": 2, "batch_size": 16, "verbose": 0, "sample_weight": np.linspace(0.5, 1, 50)}
        history = model.fit(x, y, validation_data=(x, y), class_weight=None if several else {0: 2.0}, **fit)
        figures = model.evaluate(x, y, verbose=0), model.train_on_batch(x, y)
        outputs = model.predict(x)
        assert all(isinstance(p, np.ndarray) for p in (outputs if several else [outputs]))
        return history.history, figures, model.get_weights()

    on_cpu = trained("cpu")
    with fake_cupy.installed():
        on_device = trained("cuda")
    assert on_device[:2] == on_cpu[:2]
    for a, b in zip(on_device[2], on_cpu[2]):
        np.testing.assert_array_equal(a, b)


def test_fit_takes_labels_of_one_sigmoid_as_a_list():
    """A column is made of them, as in Keras: (N,) against outputs (N, 1) would otherwise be refused."""
    x, labels = np.random.default_rng(0).normal(size=(20, 3)), [0, 1] * 10
    losses_ = []
    for y in (labels, np.array(labels)[:, None]):
        md.seed(0)
        model = md.Sequential([md.layers.Dense(1, "sigmoid", input_shape=(3,))])
        model.compile("sgd", ["binary_crossentropy"], metrics=["accuracy"])
        losses_.append(model.fit(x, y, epochs=2, verbose=0).history)
    assert losses_[0] == losses_[1]
