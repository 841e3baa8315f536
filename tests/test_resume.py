"""Training that is stopped and gone on with ends with the very numbers of training that never stopped."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from minidl.data import DataLoader
from minidl.training.checkpoint import load_checkpoint, read_tree, save_checkpoint, write_tree
from tests.small_models import LABELS, X, classifier, regressor, same_weights

# One program, run in processes of their own: it trains up to an epoch and tells all that may differ.
PROGRAM = """
    import json, signal, sys
    import numpy as np
    import minidl as md
    from minidl import layers as L
    from minidl.arrays import generator

    epochs, interrupt_at, path, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None, sys.argv[4]
    md.seed(7 if "fresh" in sys.argv else 99)      # a process that resumes may have begun in any state
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 6)), rng.integers(0, 3, 200)
    model = md.Sequential(
        [L.Dense(32, activation="relu", input_shape=(6,)), L.Dropout(0.4), L.Dropout(0.1, rng=5),
         L.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    plateau = md.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=0.01)
    steps = []
    def press_ctrl_c(batch, logs):
        steps.append(batch)
        if len(steps) == interrupt_at:
            signal.raise_signal(signal.SIGINT)
    watch = md.callbacks.LambdaCallback(on_train_batch_end=press_ctrl_c)
    try:
        model.fit(x, y, batch_size=16, epochs=epochs, validation_split=0.2, resume=path, verbose=0,
                  callbacks=[plateau, watch])
    except KeyboardInterrupt:
        print("interrupted")
    optimizer = {key: np.asarray(value) for key, value in model.optimizer.state_dict().items()}
    np.savez(out, **{"w/" + k: v for k, v in model.state_dict().items()}, **{"o/" + k: v for k, v in optimizer.items()},
             generator=json.dumps([generator().bit_generator.state, model.layers[2].rng.bit_generator.state]),
             history=json.dumps(model.history.history), rate=model.optimizer.learning_rate)
"""


@pytest.fixture
def program(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))

    def run(epochs, path="", interrupt_at=0, fresh=True):
        out = tmp_path / "result.npz"
        command = [sys.executable, str(script), str(epochs), str(interrupt_at), str(path), str(out)]
        here = {**os.environ, "PYTHONPATH": str(Path(md.__file__).parents[1])}
        done = subprocess.run([*command, *["fresh"] * fresh], capture_output=True, text=True, check=False, env=here)
        assert done.returncode == 0, done.stderr
        assert ("interrupted" in done.stdout) == bool(interrupt_at)
        with np.load(out) as file:
            return dict(file)

    return run


def assert_same(a, b):
    assert sorted(a) == sorted(b)
    for key in a:
        assert a[key].tobytes() == b[key].tobytes(), key


def test_three_of_six_epochs_and_three_more_in_a_new_process(program, tmp_path):
    whole = program(6)
    path = tmp_path / "run.npz"
    first = program(3, path)
    second = program(6, path, fresh=False)
    assert_same(whole, second)
    assert len(json.loads(str(first["history"]))["loss"]) == 3
    assert len(set(json.loads(str(whole["history"]))["learning_rate"])) > 1  # the callback did something


@pytest.mark.parametrize("step", [1, 24, 30, 33])  # the first step, in the third epoch, an epoch's last step, after it
def test_ctrl_c_at_any_step_and_the_rest_in_a_new_process(program, tmp_path, step):
    path = tmp_path / "run.npz"
    whole = program(4)
    program(4, path, interrupt_at=step)
    assert_same(whole, program(4, path, fresh=False))


# --- in one process -------------------------------------------------------------------------------------------------


def press_ctrl_c(*_):
    signal.raise_signal(signal.SIGINT)


def trained(epochs, path=None, **settings):
    model = classifier(dropout=0.3, metrics=["accuracy"])
    model.fit(X, LABELS, batch_size=8, epochs=epochs, resume=path, verbose=0, **settings)
    return model


def test_a_run_that_is_done_is_not_trained_again(tmp_path):
    path = tmp_path / "run.npz"
    first = trained(2, path)
    again = trained(2, path)
    assert same_weights(first, again) and again.history.history == first.history.history
    counted = [classifier(metrics=["confusion_matrix"]) for _ in range(2)]
    figures = [m.fit(X, LABELS, resume=tmp_path / "m.npz", verbose=0).history["confusion_matrix"] for m in counted]
    assert type(figures[1][0]) is np.ndarray and np.array_equal(*figures)


def test_callbacks_go_on_too(tmp_path):
    def stop():
        return EarlyStopping("accuracy", patience=3, min_delta=0.05, restore_best_weights=True)

    whole = trained(30, callbacks=[stop()])
    assert len(whole.history.epoch) < 30
    path = tmp_path / "run.npz"
    trained(2, path, callbacks=[stop()])
    second = trained(30, path, callbacks=[stop()])
    assert second.history.history == whole.history.history and same_weights(whole, second)
    third = trained(30, path, callbacks=[stop()])  # it was stopped by the callback: nothing is left to do
    assert third.history.epoch == whole.history.epoch and same_weights(whole, third)


@pytest.mark.parametrize("looks", [False, True], ids=["", "it is evaluated in the middle of an epoch"])
def test_a_loader_of_ones_own_and_steps_per_epoch(tmp_path, looks):
    def run(epochs, path=None, press_at=None):
        model = classifier(dropout=0.3)
        loader = DataLoader(X, LABELS, batch_size=8, rng=11)
        steps = []

        def count(batch, logs):
            steps.append(batch)
            if looks:
                model.evaluate(loader, verbose=0)
            if len(steps) == press_at:
                press_ctrl_c()

        watch = LambdaCallback(on_train_batch_end=count)
        model.fit(loader, epochs=epochs, steps_per_epoch=4, callbacks=[watch], resume=path, verbose=0)
        return model

    whole = run(4)
    run(2, tmp_path / "run.npz")
    assert same_weights(whole, run(4, tmp_path / "run.npz"))
    for step in (3, 4, 5):
        path = tmp_path / f"run{step}.npz"
        with pytest.raises(KeyboardInterrupt):
            run(4, path, press_at=step)
        assert same_weights(whole, run(4, path))


def test_ctrl_c_during_validation_keeps_the_epochs_figures(tmp_path):
    class Slow(L.Layer):
        """Presses Ctrl-C when it is used, rather than trained, for the third time."""

        calls = 0

        def call(self, x):
            if not self.training and len(x) == 25:
                Slow.calls += 1
                if Slow.calls == 3:
                    press_ctrl_c()
            return x

    def run(path):
        md.seed(0)
        model = md.Sequential([L.Dense(3, activation="softmax", input_shape=(4,)), Slow()])
        model.compile("adam", md.losses.SparseCategoricalCrossentropy(), ["accuracy"])
        model.fit(X, LABELS, epochs=3, batch_size=25, resume=path, verbose=0, validation_data=(X, LABELS))
        return model

    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        run(path)
    notes = read_tree(path)["notes"]
    assert (notes["epoch"], notes["batch"], notes["figures"]["samples"]) == (1, 2, 50)
    second = run(path)
    Slow.calls = 3  # never again
    whole = run(None)
    assert second.history.history == whole.history.history and same_weights(second, whole)


def test_ctrl_c_without_a_file_leaves_whole_weights_and_the_best(tmp_path):
    model = classifier()
    best = EarlyStopping("loss", patience=99, restore_best_weights=True)
    late = LambdaCallback(on_epoch_end=lambda epoch, logs: press_ctrl_c() if epoch == 3 else None)
    saved = ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS, epochs=9, callbacks=[best, saved, late], verbose=0)
    assert len(model.history.epoch) == 4 and not model.training
    other = classifier()
    other.load_weights(tmp_path / "best.npz")
    assert same_weights(model, other)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_ends_at_once_and_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "run.npz"
    steps = []

    def twice(batch, logs):
        steps.append(batch)
        if len(steps) == 9:
            press_ctrl_c()
            press_ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        trained(3, path, callbacks=[LambdaCallback(on_train_batch_end=twice)])
    notes = read_tree(path)["notes"]
    assert (notes["epoch"], notes["batch"]) == (1, 0)


def test_what_is_said_when_going_on(tmp_path, capsys):
    path = tmp_path / "run.npz"
    trained(1, path)
    model = classifier(dropout=0.3, metrics=["accuracy"])
    model.fit(X, LABELS, batch_size=8, epochs=2, resume=path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("run.npz: 1 of 2 epochs are done") and lines[1].startswith("Epoch 2/2")


# --- in a loop of one's own -----------------------------------------------------------------------------------------


def by_hand(epochs, stop_at=None, path=None):
    """A training loop with two lines for going on; stops in the middle of an epoch when asked to."""
    model = classifier(dropout=0.3)
    loss_function, optimizer = md.losses.SparseCategoricalCrossentropy(), md.optimizers.Adam(model.parameters())
    loader = DataLoader(X, LABELS, batch_size=8)
    first = load_checkpoint(path, model, optimizer, loader)["epoch"] if path and path.exists() else 0
    steps = 0
    for epoch in range(first, epochs):
        for x, y in loader:
            loss = loss_function(y, model(md.Tensor(x)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
            if steps == stop_at:
                save_checkpoint(path, model, optimizer, loader, epoch=epoch)
                return model
    return model


def test_a_loop_of_ones_own(tmp_path):
    path = tmp_path / "run.npz"
    whole = by_hand(3)
    by_hand(3, stop_at=10, path=path)
    assert same_weights(whole, by_hand(3, path=path))


def test_any_tree_comes_back(tmp_path):
    tree = {
        "numbers": {"a": 1, "b": 0.1, "none": None, "inf": float("inf"), "large": 2**100, "list": [1, "x", [2.5]]},
        "a/b": {"w": np.arange(3), "n": np.float32(0.5)},
        "empty": {},
    }
    write_tree(tmp_path / "t.npz", tree)
    got = read_tree(tmp_path / "t.npz")
    np.testing.assert_array_equal(got["a/b"].pop("w"), tree["a/b"].pop("w"))
    assert got == tree


# --- files that do not fit ------------------------------------------------------------------------------------------


def saved(**changes):
    def make(path):
        model = classifier(**{k: v for k, v in changes.items() if k == "optimizer"})
        model.fit(X[: changes.get("n", 50)], LABELS[: changes.get("n", 50)], verbose=0, resume=path)

    return make


def from_another_model(path):
    md.seed(0)
    model = md.Sequential([L.Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0, resume=path)


def tampered(path):
    saved()(path)
    tree = read_tree(path)
    del tree["optimizer"]["state"]["0.m"]
    write_tree(path, tree)


def without_generators(path):
    saved()(path)
    tree = read_tree(path)
    tree["generators"] = {}
    write_tree(path, tree)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: classifier().save_weights(path), "is no checkpoint: it holds arrays only"),
        (
            lambda path: write_tree(path, {"model": {}}),
            "is no checkpoint: it lacks generators, loader, notes, optimizer",
        ),
        (from_another_model, "does not fit: the weights do not fit"),
        (saved(optimizer="sgd"), "was saved with SGD, the optimizer here is Adam"),
        (saved(n=40), "does not fit: .*the state is of a loader that cuts other batches"),
        (tampered, "bound to other parameters"),
        (without_generators, "generators"),
        (lambda path: by_hand(3, stop_at=10, path=path), "was written by save_checkpoint, not by fit"),
        (lambda path: path.write_bytes(b"PK\x03\x04half"), "damaged"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, make, message):
    path = tmp_path / "run.npz"
    make(path)
    content = path.read_bytes()
    model = classifier()
    model.fit(X, LABELS, verbose=0)
    before = model.state_dict(), model.optimizer.iterations, md.arrays.generator().bit_generator.state
    with pytest.raises(ValueError, match=f"(?s){message}") as caught:
        model.fit(X, LABELS, epochs=9, verbose=0, resume=path)
    assert len(str(caught.value).splitlines()) <= 3
    assert same_weights(before[0], model)
    assert before[1:] == (model.optimizer.iterations, md.arrays.generator().bit_generator.state)
    assert path.read_bytes() == content


def test_a_generator_has_no_place_to_go_on_from(tmp_path):
    with pytest.raises(TypeError, match="needs arrays or a DataLoader"):
        regressor().fit(iter([(X, X[:, :1])]), resume=tmp_path / "run.npz", verbose=0)


def test_a_learning_rate_that_a_callback_has_lowered_stays_low(tmp_path):
    path = tmp_path / "run.npz"
    lower = ReduceLROnPlateau("loss", patience=1, min_delta=9.0)
    first = trained(3, path, callbacks=[lower])
    assert first.optimizer.learning_rate < 1e-3
    assert trained(3, path, callbacks=[lower]).optimizer.learning_rate == first.optimizer.learning_rate
