"""The alarm that stops answers which never end: it leaves nothing behind, and nobody else's alarm is touched."""

import signal
import threading

import pytest

from minidl.check.patience import TooLong, patience


def test_what_ends_in_time_is_left_alone():
    with patience(5):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0) and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_except_exception_does_not_swallow_it():
    with pytest.raises(TooLong), patience(0.02):
        while True:
            try:
                sum(range(1000))
            except Exception:
                pass
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_an_alarm_of_somebody_else_stays():
    def mine(number, frame):
        raise AssertionError

    signal.signal(signal.SIGALRM, mine)
    try:
        with patience(0.01):
            assert signal.getsignal(signal.SIGALRM) is mine and signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_in_another_thread_nothing_is_timed():
    seen = []

    def work():
        with patience(0.01):
            seen.append(signal.getitimer(signal.ITIMER_REAL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, 0)]
