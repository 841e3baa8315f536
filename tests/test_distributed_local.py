"""Workers that are threads: messages arrive as copies and in order, nothing hangs, each has its own random numbers."""

import sys
import threading
import time

import numpy as np
import pytest

import minidl as md
from minidl.arrays import generator
from minidl.distributed import run, world
from minidl.distributed.communicator import METHODS, check_communicator
from minidl.distributed.local import LocalCommunicator

# --- results and messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 5])
def test_run_gives_what_each_worker_returns(p):
    assert run(p, lambda comm: (comm.Get_rank(), comm.Get_size())) == [(rank, p) for rank in range(p)]
    assert run(p, lambda comm, a, b: a * b + comm.Get_rank(), 3, 4) == [12 + rank for rank in range(p)]


def test_the_first_worker_is_this_thread_and_the_others_are_not():
    threads = run(3, lambda comm: threading.current_thread())
    assert threads[0] is threading.current_thread()
    assert len(set(threads)) == 3 and not any(thread.is_alive() for thread in threads[1:])


def test_messages_of_one_worker_come_in_order_and_those_of_others_do_not_get_between():
    def work(comm):
        if comm.Get_rank():
            for k in range(5):
                comm.send((comm.Get_rank(), k), dest=0)
            return None
        return [comm.recv(source=source) for source in (2, 1, 1, 2, 2, 1, 2, 1, 1, 2)]

    came = run(3, work)[0]
    for source in (1, 2):
        assert [k for s, k in came if s == source] == [0, 1, 2, 3, 4]


def test_recv_from_anybody_takes_each_message_once():
    def work(comm):
        if comm.Get_rank():
            comm.send(comm.Get_rank(), dest=0)
            return None
        return sorted(comm.recv() for _ in range(4))

    assert run(5, work)[0] == [1, 2, 3, 4]


def test_a_message_is_a_copy():
    sent = np.zeros(3)

    def work(comm):
        if comm.Get_rank() == 0:
            comm.send(sent, dest=1)
            got = comm.bcast(sent)
            return np.shares_memory(got, sent), comm.recv(source=1)
        got = comm.recv(source=0)
        also = comm.bcast(None)
        got += 1
        also += 1
        comm.send(None, dest=0)
        return [np.shares_memory(a, b) for a, b in [(got, sent), (also, sent), (got, also)]]

    assert run(2, work) == [(True, None), [False, False, False]]
    np.testing.assert_array_equal(sent, 0)


def test_sendrecv_keeps_what_was_sent_although_the_buffer_changes():
    def work(comm):
        rank, p = comm.Get_rank(), comm.Get_size()
        array = np.full((2, 2), float(rank))
        comm.Sendrecv(array, dest=(rank + 1) % p, recvbuf=array, source=(rank - 1) % p)
        return array[0, 0]

    assert run(4, work) == [3, 0, 1, 2]


@pytest.mark.parametrize("root", [0, 2])
def test_bcast_and_allgather(root):
    def work(comm):
        rank = comm.Get_rank()
        return comm.bcast(f"from {rank}", root=root), comm.allgather(rank**2), comm.allgather([rank])

    assert run(3, work) == [(f"from {root}", [0, 1, 4], [[0], [1], [2]])] * 3


def test_a_collective_does_not_take_a_message():
    def work(comm):
        if comm.Get_rank() == 0:
            comm.bcast("all")
            comm.send("one", dest=1)
            return comm.allgather(0)
        if comm.Get_rank() == 1:
            return comm.bcast(None), comm.recv(source=0), comm.allgather(1)
        return comm.bcast(None), comm.allgather(2)

    assert run(3, work)[1] == ("all", "one", [0, 1, 2])


# --- nothing hangs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("wait", ["recv", "Sendrecv", "send", "bcast", "allgather"])
def test_a_worker_that_dies_wakes_the_others(rank, wait):
    def work(comm):
        other = (rank + 1) % 3 if comm.Get_rank() != (rank + 1) % 3 else (rank + 2) % 3
        if comm.Get_rank() == rank:
            raise KeyError("lost")
        if wait == "Sendrecv":
            comm.Sendrecv(np.zeros(1), dest=rank, recvbuf=np.zeros(1), source=rank)
        elif wait in ("recv", "send"):
            comm.recv(source=rank) if wait == "recv" else comm.send(other, dest=rank)
        else:
            getattr(comm, wait)(1, **({"root": rank} if wait == "bcast" else {}))

    before = threading.active_count()
    with pytest.raises(KeyError, match="lost") as raised:
        run(3, work)
    assert raised.value.__notes__ == [f"This was worker {rank} of 3."]
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (
            lambda comm: comm.recv(source=(comm.Get_rank() + 1) % 2),
            "worker 0 waits for worker 1 to send; worker 1 waits",
        ),
        (lambda comm: comm.recv(), "worker 0 waits for anybody to send"),
        (lambda comm: comm.send(1, dest=1 - comm.Get_rank()), "worker 0 waits for worker 1 to take its send"),
        (lambda comm: comm.Get_rank() or comm.recv(source=1), "worker 1 waits for nothing: it has ended"),
        (lambda comm: comm.Get_rank() and comm.recv(source=0), "worker 0 waits for nothing: it has ended"),
        (
            lambda comm: comm.bcast(0) if comm.Get_rank() else comm.allgather(0),
            "worker 0 waits for worker 1 to allgather",
        ),
    ],
)
def test_waiting_for_what_can_never_come_is_an_error(work, words):
    with pytest.raises(ValueError, match=f"^run: the workers wait for each other.\n.*{words}"):
        run(2, work)


def test_one_that_is_slow_is_waited_for():
    go = threading.Event()

    def work(comm):
        if comm.Get_rank() == 0:
            comm.send("ready", dest=1)
            assert go.wait(60)
            comm.send("at last", dest=2)
        elif comm.Get_rank() == 1:
            comm.recv(source=0)
            go.set()
        return comm.recv(source=0) if comm.Get_rank() == 2 else None

    assert run(3, work)[2] == "at last"


def test_one_that_computes_after_a_message_is_waited_for():
    def work(comm):
        if comm.Get_rank() == 0:
            comm.send(1, dest=1)
            return comm.recv(source=1)
        number = comm.recv(source=0)
        time.sleep(0.05)  # meanwhile the other waits
        return comm.send(number + 1, dest=0)

    assert run(2, work)[0] == 2


def test_ctrl_c_stops_all():
    def work(comm):
        if comm.Get_rank() == 0:
            raise KeyboardInterrupt
        comm.recv(source=0)

    with pytest.raises(KeyboardInterrupt):
        run(3, work)


# --- each as if in a process of its own -----------------------------------------------------------------------------


def test_every_worker_begins_with_the_programs_random_numbers():
    """As processes do that have the same md.seed(...) at their top."""
    md.seed(5)
    expected = np.random.default_rng(5).random(4)
    draws = run(3, lambda comm: generator().random(3))
    np.testing.assert_array_equal(draws, [expected[:3]] * 3)
    assert generator().random() == expected[3]  # the program's went on with worker 0


def test_a_seed_in_a_worker_is_for_that_worker():
    def work(comm):
        md.seed(comm.Get_rank())
        comm.allgather(None)  # all have been seeded
        return generator().random()

    assert run(3, work) == [np.random.default_rng(rank).random() for rank in range(3)]


def test_models_made_side_by_side_begin_alike():
    def work(comm):
        md.seed(1)
        return md.Sequential([md.layers.Dense(20, input_shape=(30,)) for _ in range(3)]).get_weights()

    for weights in run(4, work):
        for w, first in zip(weights, run(1, work)[0]):
            np.testing.assert_array_equal(w, first)


def test_settings_of_the_block_around_hold_in_all_workers():
    with np.errstate(divide="ignore"):
        assert run(3, lambda comm: np.geterr()["divide"]) == ["ignore"] * 3


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, len), ValueError, "run expects workers as a positive integer, got 0"),
        ((1.5, len), ValueError, "run expects workers as a positive integer, got 1.5"),
        (("2", len), TypeError, "run expects workers as a positive integer, got str '2'"),
        ((2, 3), TypeError, "run expects a function of a communicator, got int 3"),
    ],
)
def test_run_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        run(*arguments)


@pytest.mark.parametrize("dest", [2, -1, None])
def test_there_is_no_such_worker(dest):
    with pytest.raises(ValueError, match=f"send expects a worker from 0 to 1, got {dest}"):
        run(2, lambda comm: comm.send(1, dest=dest))


def test_a_buffer_that_does_not_fit():
    def work(comm):
        comm.Sendrecv(np.zeros(2), dest=1 - comm.Get_rank(), recvbuf=np.zeros(3), source=1 - comm.Get_rank())

    with pytest.raises(ValueError, match=r"a float64 array of 3 numbers, got float64 array of shape"):
        run(2, work)


def test_what_is_no_communicator():
    for comm in (None, 3, LocalCommunicator, np.zeros(2)):
        with pytest.raises(TypeError, match=r"^Pipeline expects a communicator first, got "):
            check_communicator("Pipeline", comm)
    assert run(1, lambda comm: check_communicator("Pipeline", comm) is comm) == [True]
    assert all(hasattr(LocalCommunicator, name) for name in METHODS)


def test_without_mpi4py_world_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(
        ValueError, match=r'(?s)^world needs mpi4py and an MPI .*\nInstall them: pip install "minidl\[mpi\]"'
    ):
        world()
