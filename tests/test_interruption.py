import signal
import threading

import pytest

from minidl.callbacks import LambdaCallback, ModelCheckpoint
from minidl.training.interruption import deferred_interrupt
from tests.small_models import LABELS, X, classifier


def test_the_first_ctrl_c_waits_and_the_second_does_not():
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupt:
        interrupt.raise_if_requested()  # nothing yet
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested and not interrupt.forced
        signal.raise_signal(signal.SIGINT)
    assert interrupt.forced and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_is_raised_where_it_is_looked_for():
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        interrupt.raise_if_requested()


def test_another_handler_is_left_alone():
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with deferred_interrupt() as interrupt:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [1] and not interrupt.requested


def test_other_threads_have_no_signals():
    done = []

    def work():
        with deferred_interrupt():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_checkpoint_is_named_by_its_epoch_also_where_that_was_gone_on_with(tmp_path):
    def press(batch, logs):
        if batch == 1 and (tmp_path / "w2.npz").exists():  # in the third epoch
            signal.raise_signal(signal.SIGINT)

    def run(*callbacks):
        save = ModelCheckpoint(tmp_path / "w{epoch}.npz")
        settings = {"epochs": 4, "verbose": 0, "resume": tmp_path / "run.npz", "callbacks": [save, *callbacks]}
        classifier().fit(X, LABELS, batch_size=10, **settings)

    with pytest.raises(KeyboardInterrupt):
        run(LambdaCallback(on_train_batch_end=press))
    first = (tmp_path / "w1.npz").read_bytes()
    run()
    assert sorted(p.name for p in tmp_path.glob("w*")) == ["w1.npz", "w2.npz", "w3.npz", "w4.npz"]
    assert (tmp_path / "w1.npz").read_bytes() == first
