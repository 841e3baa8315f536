import csv

import numpy as np
import pytest

import minidl as md
from minidl.callbacks import CSVLogger, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from tests.small_models import LABELS, VALUES, X, classifier, regressor, same_weights


def test_model_checkpoint_after_each_epoch(tmp_path, capsys):
    model = regressor()
    save = ModelCheckpoint(tmp_path / "w-{epoch:02d}-{loss:.1f}.npz", verbose=1)
    model.fit(X, VALUES, epochs=3, callbacks=[save], verbose=0)
    files = sorted(p.name for p in tmp_path.iterdir())
    assert [name[:5] for name in files] == ["w-01-", "w-02-", "w-03-"]
    assert capsys.readouterr().out.count("saved") == 3
    other = regressor()
    other.load_weights(tmp_path / files[-1])
    assert same_weights(model, other)


def test_model_checkpoint_of_the_best(tmp_path):
    class Fake:
        def save_weights(self, path):
            saved.append((self.weight, path))

    saved = []
    save = ModelCheckpoint(tmp_path / "best.npz", save_best_only=True)
    save.set_params({"metrics": ["val_loss"]})
    save.set_model(model := Fake())
    save.on_train_begin()
    for epoch, value in enumerate([3, 4, 2, 2, 1]):
        model.weight = epoch
        save.on_epoch_end(epoch, {"val_loss": value})
    save.on_epoch_end(5, {})  # an epoch without validation
    assert [epoch for epoch, _ in saved] == [0, 2, 4]


def test_model_checkpoint_after_steps(tmp_path):
    save = ModelCheckpoint(tmp_path / "w{epoch}.npz", save_freq=3)
    regressor().fit(X, VALUES, batch_size=10, epochs=2, callbacks=[save], verbose=0)  # five steps in an epoch
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w1.npz", "w2.npz"]


def test_a_name_with_figures_that_no_step_knows_is_refused_before_training(tmp_path):
    model = regressor()
    before = model.state_dict()
    save = ModelCheckpoint(tmp_path / "w-{val_loss:.1f}.npz", save_freq=2)
    with pytest.raises(ValueError, match="asks for 'val_loss', which is not among epoch, loss"):
        model.fit(X, VALUES, batch_size=10, validation_split=0.2, callbacks=[save], verbose=0)
    assert same_weights(before, model)


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    model = classifier(metrics=["accuracy"])
    fit = {"verbose": 0, "validation_data": (X, LABELS), "validation_freq": 2}
    history = model.fit(X, LABELS, epochs=2, callbacks=[CSVLogger(path)], **fit)
    model.fit(X, LABELS, epochs=4, initial_epoch=2, callbacks=[CSVLogger(path, append=True)], **fit)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[1]["loss"]) == history.history["loss"][1]
    assert rows[0]["val_loss"] == "" and float(rows[1]["val_loss"]) == history.history["val_loss"][0]
    path.write_text("date;mood\n")
    with pytest.raises(ValueError, match="its first line names no column 'epoch'"):
        model.fit(X, LABELS, callbacks=[CSVLogger(path, append=True)], verbose=0)


def test_a_table_that_is_taken_away_stops_no_training(tmp_path):
    path = tmp_path / "log.csv"
    away = LambdaCallback(on_epoch_begin=lambda epoch, logs: path.unlink() if epoch == 1 else None)
    regressor().fit(X, VALUES, epochs=3, callbacks=[away, CSVLogger(path)], verbose=0)
    assert [line[0] for line in path.read_text().splitlines()] == ["1", "2"]


def test_the_table_has_what_a_callback_behind_it_adds(tmp_path):
    path = tmp_path / "log.csv"
    model = regressor(optimizer="sgd")
    slower = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=9)
    model.fit(X, VALUES, epochs=3, callbacks=[CSVLogger(path), slower], verbose=0)
    with open(path, newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == model.history.history["learning_rate"] == [0.01, 0.01, 0.005]


def test_callbacks_work_in_a_loop_of_ones_own(tmp_path):
    best, table = str(tmp_path / "best.npz"), tmp_path / "log.csv"
    stop = md.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    callbacks = [
        md.callbacks.ModelCheckpoint(best, "loss", save_best_only=True),
        md.callbacks.CSVLogger(table),
        md.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1),
        md.callbacks.StopAtThreshold(0.1),
        stop,
    ]
    model = md.Sequential([md.layers.Dense(1, input_shape=(1,), use_bias=False)])
    model.compile(md.optimizers.SGD(learning_rate=1.0), "mse")
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for epoch, loss in enumerate([0.5, 0.3, 0.4, 0.6, 0.2]):
        model.layers[0].kernel.data = np.full((1, 1), epoch, np.float32)
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"loss": loss})
        if model.stop_training:
            break
    for callback in callbacks:
        callback.on_train_end()
    assert stop.stopped_epoch == 3 and model.optimizer.learning_rate == 0.25
    assert model.get_weights()[0].item() == 1
    model.load_weights(best)
    assert model.get_weights()[0].item() == 1
    assert table.read_text().split()[:3] == ["epoch,loss", "0,0.5", "1,0.3"]
