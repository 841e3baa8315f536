import math

import numpy as np
import pytest

import minidl as md
from minidl.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    StopAtThreshold,
    TerminateOnNaN,
)
from tests.small_models import LABELS, VALUES, X, classifier, regressor, same_weights


class FakeOptimizer:
    learning_rate = 1.0


class FakeModel:
    """A model whose weights are the number of its epoch."""

    def __init__(self):
        self.optimizer = FakeOptimizer()
        self.stop_training = False
        self.weight = 0

    def state_dict(self):
        return {"w": self.weight}

    def load_state_dict(self, state):
        self.weight = state["w"]


def live(callback, values, key="val_loss"):
    """Let a callback live through epochs with these figures: the epoch after which it stopped, the model, the rates."""
    model = FakeModel()
    callback.set_model(model)
    callback.set_params({"metrics": ["loss", key], "epochs": len(values)})
    callback.on_train_begin({})
    rates, epoch = [], -1
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch, {})
        model.weight = epoch
        callback.on_epoch_end(epoch, {key: value})
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            break
    callback.on_train_end({})
    return epoch, model, rates


# --- the order of calls ---------------------------------------------------------------------------------------------


def test_what_is_called_when():
    calls = []

    class Recorder(Callback):
        def on_train_begin(self, logs=None):
            calls.append("train")

        def on_train_end(self, logs=None):
            calls.append("end")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"epoch {epoch}")

        def on_epoch_end(self, epoch, logs=None):
            calls.append(sorted(logs))

        def on_train_batch_begin(self, batch, logs=None):
            calls.append(batch)

        def on_train_batch_end(self, batch, logs=None):
            calls.append(sorted(logs))

    recorder = Recorder()
    regressor().fit(X, VALUES, batch_size=25, epochs=1, callbacks=[recorder], verbose=0, validation_split=0.5)
    assert calls == ["train", "epoch 0", 0, ["loss"], ["loss", "val_loss"], "end"]
    assert recorder.params == {"epochs": 1, "steps": 1, "verbose": 0, "metrics": ["loss", "val_loss"]}


def test_logs_of_a_batch_are_of_the_epoch_so_far():
    seen = []
    model = regressor(optimizer=md.optimizers.SGD(learning_rate=0.0))
    watch = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    history = model.fit(X, VALUES, batch_size=20, callbacks=[watch], shuffle=False, verbose=0)
    assert seen[0] == pytest.approx(model.evaluate(X[:20], VALUES[:20], verbose=0), rel=1e-5)
    assert seen[-1] == history.history["loss"][0] == pytest.approx(model.evaluate(X, VALUES, verbose=0), rel=1e-5)


def test_a_callback_may_stop_training_after_any_batch():
    steps = []

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)
            self.model.stop_training = batch == 1

    history = regressor().fit(X, VALUES, batch_size=10, epochs=5, callbacks=[Stop()], verbose=0)
    assert steps == [0, 1] and history.epoch == [0]


def test_on_train_end_is_called_after_an_error_too():
    ended = []

    def fail(batch, logs):
        raise RuntimeError("fails")

    watch = LambdaCallback(on_train_batch_end=fail, on_train_end=lambda logs: ended.append(True))
    with pytest.raises(RuntimeError, match="fails"):
        regressor().fit(X, VALUES, callbacks=[watch], verbose=0)
    assert ended == [True]


def test_lambda_callback_wants_functions():
    with pytest.raises(TypeError, match="a function for on_epoch_end, got 3"):
        LambdaCallback(on_epoch_end=3)


# --- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "values", "stops_after"),
    [
        ({}, [3, 2, 2, 1], 2),
        ({"patience": 2}, [3, 2, 2, 2, 1], 3),
        ({"patience": 2}, [3, 2, 2, 1, 2, 2, 0], 5),
        ({"min_delta": 0.5}, [3, 2, 1.6, 1], 2),
        ({"mode": "max"}, [1, 2, 2], 2),
        ({"start_from_epoch": 2}, [1, 2, 3, 2.5, 3], 4),
        ({"patience": 2, "baseline": 0.5}, [3, 2, 1, 1.5, 0], 3),
        ({"patience": 2, "baseline": 2.5}, [3, 2, 2, 2], 3),
        ({"patience": 2}, [math.nan, math.nan, math.nan], 1),
        ({"patience": 5}, [3, 4, 5], 2),
    ],
)
def test_early_stopping(settings, values, stops_after):
    epoch, model, _ = live(EarlyStopping(**settings), values)
    assert epoch == stops_after and model.weight == epoch


@pytest.mark.parametrize(
    ("values", "best"), [([3, 1, 2, 2, 2], 1), ([3, 2, 1], 2), ([1, 2, 3, 4], 0), ([math.nan, 1.0], 1)]
)
def test_early_stopping_brings_the_best_weights_back(values, best):
    stop = EarlyStopping(patience=3, restore_best_weights=True)
    assert live(stop, values)[1].weight == best == stop.best_epoch


def test_a_higher_accuracy_is_better():
    stop = EarlyStopping(monitor="val_accuracy", restore_best_weights=True, patience=9)
    assert live(stop, [0.1, 0.9, 0.5], "val_accuracy")[1].weight == 1


def test_early_stopping_is_used_again_afresh():
    stop = EarlyStopping()
    assert live(stop, [1, 2])[0] == 1 and live(stop, [5, 4, 3, 4])[0] == 3


def test_early_stopping_in_fit(capsys):
    model = classifier(optimizer=md.optimizers.SGD(learning_rate=0.5))
    best = {}

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if logs["val_loss"] < best.get("loss", math.inf):
                best.update(loss=logs["val_loss"], weights=self.model.get_weights())

    stop = EarlyStopping(patience=5, restore_best_weights=True, verbose=1)
    noise = np.random.default_rng(0).integers(0, 3, 50)  # nothing to learn: it gets worse soon
    history = model.fit(X, noise, epochs=300, callbacks=[Keep(), stop], validation_split=0.3, verbose=0)
    assert len(history.epoch) < 300
    assert min(history.history["val_loss"]) == best["loss"] == history.history["val_loss"][-6]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), best["weights"]))
    assert "early stopping" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("callback", "key", "values", "stops_after"),
    [
        (StopAtThreshold(0.5), "loss", [2, 0.6, 0.5, 0.4], 2),
        (StopAtThreshold(0.9, "val_accuracy"), "val_accuracy", [0.5, 0.95, 1], 1),
        (StopAtThreshold(3, "score", mode="max"), "score", [1, 2], 1),
    ],
)
def test_stop_at_a_threshold(callback, key, values, stops_after):
    assert live(callback, values, key)[0] == stops_after


def test_terminate_on_nan(capsys):
    model = regressor(optimizer=md.optimizers.SGD(learning_rate=1e30))
    with np.errstate(all="ignore"):
        history = model.fit(X, VALUES, batch_size=10, epochs=9, callbacks=[TerminateOnNaN()], verbose=0)
    assert len(history.epoch) == 1 and "Try a smaller learning rate" in capsys.readouterr().out


# --- learning rate --------------------------------------------------------------------------------------------------


def test_learning_rate_scheduler(capsys):
    model = regressor(optimizer=md.optimizers.SGD(learning_rate=0.1))
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    history = model.fit(X, VALUES, epochs=3, callbacks=[halve], verbose=0)
    assert history.history["learning_rate"] == [0.05, 0.025, 0.0125]
    assert "Epoch 2: learning rate 0.025" in capsys.readouterr().out
    by_epoch = LearningRateScheduler(lambda epoch: 1.0 / (epoch + 1))
    assert live(by_epoch, [1, 1, 1])[2] == [1, 1 / 2, 1 / 3]


@pytest.mark.parametrize(
    ("settings", "values", "rates"),
    [
        ({"patience": 2}, [3, 2, 2, 2, 2, 2], [1, 1, 1, 0.1, 0.1, 0.01]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.3}, [1, 1, 1, 1], [1, 0.5, 0.3, 0.3]),
        ({"patience": 1, "factor": 0.5, "cooldown": 1}, [1, 1, 1, 1], [1, 0.5, 0.25, 0.125]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1, 1], [1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "min_delta": 0.5, "factor": 0.5}, [3, 2.6, 1], [1, 0.5, 0.5]),
    ],
)
def test_reduce_on_plateau(settings, values, rates):
    np.testing.assert_allclose(live(ReduceLROnPlateau(**settings), values)[2], rates)


def test_a_schedule_and_a_callback_cannot_both_set_the_rate():
    schedule = md.schedules.Constant(0.1)
    for callback in (ReduceLROnPlateau(monitor="loss"), LearningRateScheduler(lambda epoch: 0.1)):
        with pytest.raises(ValueError, match="the optimizer follows Constant"):
            regressor(optimizer=md.optimizers.SGD(learning_rate=schedule)).fit(
                X, VALUES, callbacks=[callback], verbose=0
            )


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(), r"monitors 'val_loss', which is not among loss, accuracy.\nGive fit validation_data"),
        (lambda: EarlyStopping("acuracy"), "'acuracy', which is not among loss, accuracy"),
        (lambda: ReduceLROnPlateau(), "ReduceLROnPlateau monitors 'val_loss'"),
        (lambda: StopAtThreshold(0, "val_accuracy"), "StopAtThreshold monitors 'val_accuracy'"),
        (lambda: ModelCheckpoint("w.npz", save_best_only=True), "ModelCheckpoint monitors 'val_loss'"),
        (lambda: ModelCheckpoint("w-{val_los}.npz"), "asks for 'val_los', which is not among epoch, loss, accuracy"),
        (lambda: ModelCheckpoint("w-{epoch.npz"), r"cannot fill in 'w-\{epoch.npz': expected '}'"),
        (lambda: ModelCheckpoint("w-{loss.x}.npz"), r"cannot fill in 'w-\{loss.x}.npz': 'float' object has no"),
        (lambda: EarlyStopping(restore_best_weights="yes"), "restore_best_weights as True or False, got str 'yes'"),
        (lambda: EarlyStopping(mode="smallest"), "mode 'auto', 'min' or 'max', got 'smallest'"),
        (lambda: ModelCheckpoint("w.npz", save_weights_only=False), r"use fit\(..., resume='run.npz'\)"),
        (lambda: ModelCheckpoint("w.npz", save_freq="day"), "save_freq 'epoch' or a number"),
        (lambda: ModelCheckpoint("w.npz", save_best_only=True, save_freq=5), "save_freq=5 never sees 'val_loss'"),
        (lambda: ReduceLROnPlateau(factor=2.0), r"factor in \[0, 1\), got 2.0"),
        (lambda: LearningRateScheduler(0.1), r"a function \(epoch, learning_rate\), got 0.1"),
        (lambda: LearningRateScheduler(lambda epoch: "fast"), "rate as a number >= 0, got str 'fast'"),
    ],
)
def test_mistakes_are_told_before_training(make, message):
    model = classifier(metrics=["accuracy"])
    before = model.state_dict()
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        model.fit(X, LABELS, callbacks=[make()], verbose=0)
    assert len(str(caught.value).splitlines()) <= 3 and same_weights(before, model)


def test_what_a_callback_adds_to_the_logs_may_be_monitored():
    with pytest.raises(ValueError, match="Add mode='min' or mode='max'"):
        live(EarlyStopping("score"), [1], "score")

    class Score(Callback):
        adds = ("score",)

        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = -epoch

    stop = EarlyStopping("score", mode="max")
    for callbacks in ([Score(), stop], [stop, Score()]):
        history = regressor().fit(X, VALUES, epochs=9, callbacks=callbacks, verbose=0)
        assert history.history["score"] == [0, -1]
