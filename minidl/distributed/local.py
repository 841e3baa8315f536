"""Workers that are threads of this program: ``run(4, train)`` calls ``train(comm)`` four times, side by side.

For notebooks and tests. The same ``train`` runs as four processes under ``mpiexec``, with the same results, because a
worker here has what a process has: a rank, a random generator of its own (worker 0's is the program's, the others
begin in the same state), and no other way to the others than messages, which are copies.

A worker waits in ``send`` until its message is taken, as MPI may: what works here works there with messages of any
size. When every worker that is left waits for another nothing can ever come, and all are told so at once; so it is when
one of them fails. Hence nothing hangs, and no clock is needed.
"""

import contextvars
import copy
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minidl.arrays import Array, generator, worker_generator
from minidl.errors import describe
from minidl.settings import check_whole


def run(workers: int, function: Callable, *arguments: Any) -> list[Any]:
    """``[function(comm, *arguments) of worker 0, of worker 1, ...]``, computed side by side.

    Parameters
    ----------
    workers : int
        p, how many. The first is this thread.
    function : function
        Of a communicator, and the ``arguments``, which all workers share: models, optimizers and loaders are to be made
        inside, by each for itself. Settings of the whole program, such as ``md.set_default_dtype``, belong before
        ``run``: threads share them.

    Raises
    ------
    Exception
        The first that a worker raised; a note says which worker it was. The others end at their next message.
    ValueError
        All workers wait for each other; the message says who for whom.

    Examples
    --------
    Each tells its neighbour its number:

    >>> def greet(comm):
    ...     rank, p = comm.Get_rank(), comm.Get_size()
    ...     if rank == 0:
    ...         comm.send("from 0", dest=1)
    ...         return comm.recv(source=p - 1)
    ...     word = comm.recv(source=rank - 1)
    ...     comm.send(f"{word} to {rank}", dest=(rank + 1) % p)
    >>> run(3, greet)
    ['from 0 to 1 to 2', None, None]
    """
    p = check_whole("run", "workers", workers)
    if not callable(function):
        raise TypeError(f"run expects a function of a communicator, got {describe(function)}.")
    post, results = Post(p), [None] * p

    def work(rank: int) -> None:
        try:
            results[rank] = function(LocalCommunicator(rank, post), *arguments)
        except BaseException as error:
            post.fail(rank, error)
        else:
            post.end(rank)

    others = [start_thread(rank, work) for rank in range(1, p)]
    work(0)
    try:
        for thread in others:
            thread.join()
    except KeyboardInterrupt as error:
        post.fail(0, error)
    if post.error is not None:
        raise post.error
    return results


def start_thread(rank: int, work: Callable[[int], None]) -> threading.Thread:
    """A thread for a worker, whose random generator is its own and begins as the program's."""
    context = contextvars.copy_context()  # np.errstate(...) and layer.in_mode(...) hold there too
    context.run(worker_generator.set, copy.deepcopy(generator()))
    thread = threading.Thread(target=context.run, args=(work, rank), name=f"worker {rank}", daemon=True)
    thread.start()
    return thread


class LocalCommunicator:
    """What a worker of ``run`` holds of the post. See ``communicator.py`` for the methods."""

    def __init__(self, rank: int, post: "Post"):
        self._rank, self._post = rank, post

    def Get_rank(self) -> int:
        """My number, from 0."""
        return self._rank

    def Get_size(self) -> int:
        """How many workers there are, p."""
        return len(self._post.boxes)

    def send(self, obj: Any, dest: int) -> None:
        """A copy of the object to worker ``dest``; returns when that has taken it."""
        self._post.wait_until_taken(self._rank, self._put("send", pickle.dumps(obj), dest))

    def recv(self, *, source: int | None = None) -> Any:
        """The oldest object from worker ``source``, or from anybody."""
        return pickle.loads(self._post.take(self._rank, "send", source))

    def Sendrecv(self, sendbuf: Array, dest: int, *, recvbuf: Array, source: int) -> None:
        """The array ``sendbuf`` to ``dest``; into ``recvbuf`` what ``source`` sends."""
        message = self._put("Sendrecv", sendbuf.copy(), dest)
        came = self._post.take(self._rank, "Sendrecv", source)
        if (came.dtype, came.size) != (recvbuf.dtype, recvbuf.size):
            raise ValueError(
                f"Sendrecv expects of worker {source} a {recvbuf.dtype} array of {recvbuf.size} numbers, "
                f"got {describe(came)}.\nDo all workers call the same functions with arrays of the same size?"
            )
        recvbuf[...] = came.reshape(recvbuf.shape)
        self._post.wait_until_taken(self._rank, message)

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """The object of worker ``root``, at every worker."""
        if self._rank != root:
            return pickle.loads(self._post.take(self._rank, "bcast", root))
        data = pickle.dumps(obj)
        for message in [self._put("bcast", data, other) for other in range(self.Get_size()) if other != root]:
            self._post.wait_until_taken(root, message)
        return obj

    def allgather(self, sendobj: Any) -> list[Any]:
        """The objects of all workers, in the order of their numbers, at every worker."""
        if self._rank != 0:
            self._post.wait_until_taken(self._rank, self._put("allgather", pickle.dumps(sendobj), 0))
            return self.bcast(None)
        others = [self._post.take(0, "allgather", rank) for rank in range(1, self.Get_size())]
        return self.bcast([sendobj, *(pickle.loads(data) for data in others)])

    def _put(self, kind: str, data: Any, dest: int) -> "Message":
        if dest not in range(self.Get_size()):
            raise ValueError(f"{kind} expects a worker from 0 to {self.Get_size() - 1}, got {dest!r}.")
        message = Message(self._rank, kind, data, dest)
        self._post.put(message)
        return message

    def __repr__(self) -> str:
        return f"LocalCommunicator(rank={self._rank}, size={self.Get_size()})"


# --- what is behind it ----------------------------------------------------------------------------------------------


class Stopped(Exception):
    """Raised where a worker waits when another has failed. It goes no further than ``run``."""


@dataclass
class Message:
    """Something on its way: ``kind`` is the method that sent it, which takes nothing but its own."""

    source: int
    kind: str
    data: Any
    dest: int
    taken: bool = False


@dataclass(frozen=True)
class Wait:
    """What a worker waits for: until ``ready`` gives something other than None."""

    ready: Callable[[], Any]
    text: str


ENDED = Wait(lambda: None, "for nothing: it has ended")


class Post:
    """The letter boxes of p workers, and what each of them waits for: None while it computes."""

    def __init__(self, p: int):
        self.boxes: list[list[Message]] = [[] for _ in range(p)]
        self.waits: list[Wait | None] = [None] * p
        self.error: BaseException | None = None
        self.lock = threading.Lock()
        self.bells = [threading.Condition(self.lock) for _ in range(p)]  # each wakes one worker

    def put(self, message: Message) -> None:
        """Into its box."""
        with self.lock:
            self.boxes[message.dest].append(message)
            self.bells[message.dest].notify()

    def take(self, rank: int, kind: str, source: int | None) -> Any:
        """The data of the oldest message of this kind from ``source`` (None: anybody), when there is one."""

        def oldest() -> Message | None:
            fitting = (m for m in self.boxes[rank] if m.kind == kind and source in (None, m.source))
            return next(fitting, None)

        who = "anybody" if source is None else f"worker {source}"
        with self.lock:
            message = self._wait(rank, Wait(oldest, f"for {who} to {kind}"))
            self.boxes[rank].remove(message)
            message.taken = True
            self.bells[message.source].notify()
        return message.data

    def wait_until_taken(self, rank: int, message: Message) -> None:
        """Return when its receiver has the message."""
        text = f"for worker {message.dest} to take its {message.kind}"
        with self.lock:
            self._wait(rank, Wait(lambda: message.taken or None, text))

    def end(self, rank: int) -> None:
        """This worker has done its work: it waits for nothing that could come."""
        with self.lock:
            self.waits[rank] = ENDED
            self._look_for_deadlock()

    def fail(self, rank: int, error: BaseException) -> None:
        """This worker raised an error; the first is the one that ``run`` raises."""
        with self.lock:
            if not isinstance(error, Stopped):
                error.add_note(f"This was worker {rank} of {len(self.boxes)}.")
                self._stop(error)

    def _stop(self, error: BaseException) -> None:
        """Wake all that wait, to end."""
        self.error = self.error or error
        for bell in self.bells:
            bell.notify()

    def _wait(self, rank: int, wait: Wait) -> Any:
        """What ``wait.ready`` gives, when it is there."""
        self.waits[rank] = wait
        while True:
            if self.error is not None:
                raise Stopped
            found = wait.ready()
            if found is not None:
                self.waits[rank] = None
                return found
            self._look_for_deadlock()
            if self.error is None:
                self.bells[rank].wait()

    def _look_for_deadlock(self) -> None:
        """Where nobody computes and nobody has what it waits for, nothing will ever come."""
        if all(wait is not None and wait.ready() is None for wait in self.waits) and set(self.waits) != {ENDED}:
            who = "; ".join(f"worker {rank} waits {wait.text}" for rank, wait in enumerate(self.waits))
            text = f"run: the workers wait for each other.\n{who}.\nDoes each message have its taker?"
            self._stop(ValueError(text))
