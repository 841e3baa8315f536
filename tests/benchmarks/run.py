"""Time a training step of minidl against other libraries, on the same data, in the same run.

    python tests/benchmarks/run.py --peers minidl,torch --python torch=/path/to/an/environment/bin/python

A peer's requirements stand in ``requirements.txt``; ``--python PEER=PATH`` gives it an environment of its own.
Each peer has a process of its own; the rounds are interleaved (A B A B ...), idle peers are stopped, and a ratio is
taken within each round before the median over the rounds. Before anything is timed, the peers must agree on the
losses of the first five steps: otherwise they would not be doing the same work, and nothing is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from processes import PeerError, Worker, environment
from report import TOLERANCE, figures, largest_difference, machine, markdown
from workloads import WORKLOADS, Workload

AGREEMENT_STEPS = 5
MEMORY_STEPS = 4  # the largest needs of a step are the same in each
FLOOR = "numpy"  # the peer whose time is subtracted where the cost per op is asked for


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, and refuse unknown peers and workloads before any process is started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=_names, default=["minidl", "torch"], help="comma-separated (minidl,torch)")
    parser.add_argument("--workloads", type=_names, default=list(WORKLOADS), help="comma-separated (all)")
    parser.add_argument("--reference", default="torch", help="the peer that ratios are taken to (torch)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="do not measure the peak memory")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="a peer's interpreter")
    parser.add_argument("--coretype", metavar="NAME", help="OPENBLAS_CORETYPE of the workers; 'unset' removes it")
    parser.add_argument("--unpinned", dest="coretype", action="store_const", const="unset", help="--coretype unset")
    parser.add_argument("--keep-memory", type=_names, default=[], metavar="PEERS", help="peers that get mallopt")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    known = sorted(path.stem.removesuffix("_peer") for path in (Path(__file__).parent / "peers").glob("*_peer.py"))
    for kind, given, allowed in (("peer", options.peers, known), ("workload", options.workloads, list(WORKLOADS))):
        for name in given:
            if name not in allowed:
                parser.error(f"unknown {kind} {name!r}; known: {', '.join(allowed)}")
    options.python = dict(pair.split("=", 1) for pair in options.python)
    if any(WORKLOADS[name].ops for name in options.workloads) and FLOOR not in options.peers:
        options.peers.append(FLOOR)
    return options


def prepare(workload: Workload, workers: list[Worker], reference: str) -> tuple[list[Worker], float]:
    """Build the workload in every peer that has it, and return those peers and the largest difference of losses.

    Raises `PeerError` where two peers' losses differ by more than the tolerance.
    """
    answers = {w: w.ask(do="prepare", workload=workload.name, steps=AGREEMENT_STEPS) for w in workers}
    able = [w for w in workers if answers[w]["supported"]]
    if not able:
        return [], 0.0
    judge = next((w for w in able if w.peer == reference), able[0])
    largest = 0.0
    for w in able:
        difference = largest_difference(answers[w]["losses"], answers[judge]["losses"])
        if not difference <= TOLERANCE:  # written so that NaN is refused too
            raise PeerError(
                f"{workload.name}: {w.peer} and {judge.peer} do not do the same work, "
                f"their losses differ by {difference:.1e} (at most {TOLERANCE:.0e}):\n"
                f"{w.peer} {answers[w]['losses']}\n{judge.peer} {answers[judge]['losses']}"
            )
        largest = max(largest, difference)
    return able, largest


def peak_memory(workload: Workload, peer: str, options: argparse.Namespace) -> dict[str, int | None]:
    """Bytes of a peer's peak over its idle process, as the C library is, and told to keep freed memory.

    Each is measured in a fresh process: one that has worked before may hold memory from which the next need is met.
    """
    variables = environment(options.threads, options.coretype)
    result = {}
    for way in ("peak_bytes", "peak_bytes_kept"):
        keep = way == "peak_bytes_kept"
        with Worker(peer, options.python.get(peer, sys.executable), variables, options.device, keep_memory=keep) as w:
            result[way] = w.ask(do="memory", workload=workload.name, steps=MEMORY_STEPS)["bytes"]
    return result


def compare(workload: Workload, workers: list[Worker], options: argparse.Namespace) -> dict:
    """Agreement, then the interleaved rounds, then the figures of one workload."""
    able, difference = prepare(workload, workers, options.reference)
    rounds: dict[str, list[dict]] = {w.peer: [] for w in able}
    for _ in range(options.rounds):
        for w in able:
            rounds[w.peer].append(w.ask(do="time", workload=workload.name, steps=workload.steps_per_round))
    peers = figures(rounds, workload.steps_per_round, options.reference, workload.ops)
    if options.memory:
        for peer, row in peers.items():
            row |= peak_memory(workload, peer, options)
    return {
        "name": workload.name,
        "title": workload.title,
        "ops": workload.ops,
        "largest_difference": difference,
        "unsupported": [w.peer for w in workers if w not in able],
        "peers": peers,
    }


def run(options: argparse.Namespace) -> dict:
    """Start the workers, compare them on every workload, and return the report as plain data."""
    variables = environment(options.threads, options.coretype)
    report = {
        "machine": machine(),
        "device": options.device,
        "threads": options.threads,
        "coretype": variables.get("OPENBLAS_CORETYPE", "unset"),
        "rounds": options.rounds,
        "reference": options.reference,
        "load": {"before": os.getloadavg()[0]},
        "peers": {},
        "results": {},
    }
    workers: list[Worker] = []
    try:
        for peer in options.peers:
            python = options.python.get(peer, sys.executable)
            keep = peer in options.keep_memory
            workers.append(Worker(peer, python, variables, options.device, keep_memory=keep))
            # Asked at once, so that one peer imports while no other runs.
            about = workers[-1].ask(do="describe")
            report["peers"][peer] = about | {"keep_memory": keep}
        for name in options.workloads:
            report["results"][name] = compare(WORKLOADS[name], workers, options)
    finally:
        for w in workers:
            w.close()
    report["load"]["after"] = os.getloadavg()[0]
    return report


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; print the tables and write the files asked for."""
    options = parse(arguments)
    try:
        report = run(options)
    except PeerError as error:
        print(error, file=sys.stderr)
        return 1
    table = markdown(report)
    print(table)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
