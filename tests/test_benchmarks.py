"""The benchmark: a short run of it, its report, what it refuses, and the way of every workload to a GPU."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import fake_cupy
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Import a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def run(*arguments):
    command = [sys.executable, str(BENCHMARKS / "run.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_one_round_of_one_workload_gives_figures_and_a_table(tmp_path):
    figures, table = tmp_path / "figures.json", tmp_path / "table.md"
    choice = ["--peers", "minidl", "--workloads", "W1", "--reference", "minidl", "--rounds", 1, "--threads", 1]
    done = run(*choice, "--json", figures, "--markdown", table)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == table.read_text().strip()
    row = json.loads(figures.read_text())["results"]["W1"]["peers"]["minidl"]
    assert row["ms"] > 0 and row["ratio"]["median"] == 1 and len(row["ms_rounds"]) == 1
    if sys.platform.startswith("linux"):
        assert 0 <= row["peak_bytes"] < 10e6 and 0 <= row["peak_bytes_kept"] < 10e6  # a network of 13 numbers


def test_a_peer_without_a_gpu_is_refused_before_anything_is_timed():
    done = run("--peers", "numpy", "--workloads", "W1", "--device", "cuda")
    assert done.returncode == 1 and done.stdout == ""
    assert "peer 'numpy' failed at 'describe': ValueError: it runs on cpu here, not on cuda" in done.stderr


def test_a_machine_without_a_gpu_is_named(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    with pytest.raises(ValueError, match='device "cuda" needs CuPy'):
        module("peers.minidl_peer").describe("cuda")


@pytest.mark.parametrize("option, name", [("--peers", "nobody"), ("--workloads", "W9")])
def test_unknown_names_are_refused(module, capsys, option, name):
    with pytest.raises(SystemExit):
        module("run").parse([option, name])
    assert f"unknown {option[2:-1]} '{name}'; known: " in capsys.readouterr().err


def test_peers_whose_losses_differ_are_not_compared(module):
    class Peer:
        def __init__(self, peer, losses):
            self.peer, self.losses = peer, losses

        def ask(self, **command):
            return {"supported": self.losses is not None, "losses": self.losses}

    workload = module("workloads").WORKLOADS["W1"]
    mine, other, unable = Peer("mine", [1.0, 0.5]), Peer("other", [1.0, 0.50001]), Peer("unable", None)
    able, difference = module("run").prepare(workload, [mine, other, unable], "other")
    assert able == [mine, other] and difference == pytest.approx(2e-5, rel=1e-3)
    for wrong in (0.5001, np.nan):
        with pytest.raises(module("processes").PeerError, match="mine and other do not do the same work"):
            module("run").prepare(workload, [Peer("mine", [1.0, wrong]), other], "other")


def test_the_report_shows_ratios_memory_and_who_could_not(module):
    report = module("report")
    rounds = {"minidl": [1.0, 2.0, 6.0], "torch": [2.0, 4.0, 12.0]}
    measured = {
        peer: [{"seconds": s, "cpu_seconds": s, "page_faults": 10} for s in times] for peer, times in rounds.items()
    }
    peers = report.figures(measured, steps=2, reference="torch", ops=None)
    assert peers["minidl"]["ms"] == 1000 and peers["minidl"]["page_faults"] == 5
    assert peers["minidl"]["ratio"] == {"median": 0.5, "lower": 0.5, "upper": 0.5}
    peers["minidl"] |= {"peak_bytes": 3_000_000, "peak_bytes_kept": 4_000_000}
    peers["torch"] |= {"peak_bytes": 2_000_000, "peak_bytes_kept": None}
    about = {"python": "3", "versions": {}, "pools": [], "keep_memory": False}
    workload = {"name": "W1", "title": "XOR", "ops": None, "largest_difference": 0.0, "unsupported": ["jax"]}
    circumstances = {"device": "cpu", "threads": 1, "coretype": "unset", "rounds": 3, "reference": "torch"}
    text = report.markdown({
        **circumstances,
        "machine": report.machine(),
        "load": {"before": 0.0, "after": 0.0},
        "peers": dict.fromkeys(["minidl", "torch", "jax"], about),
        "results": {"W1": workload | {"peers": peers}},
    })  # fmt: skip
    lines = text.splitlines()
    assert "| minidl | **0.50** (0.50–0.50) |" in lines and "| jax | – |" in lines
    assert "| minidl | 1000 | **0.50** (0.50–0.50) | 1000 | 5 | 3.0 (1.50) | 4.0 (2.00) |" in lines
    assert "| torch | 2000 | **1.00** (1.00–1.00) | 2000 | 5 | 2.0 (1.00) | – |" in lines
    assert "| jax | – | – | – | – | – | – |" in lines


def small(workloads):
    """Every workload, as small as its peers' networks let it be."""
    return {
        "W1": workloads.xor(),
        "W2a": workloads.digits(6, 5, 3, batches=1, batch_size=4),
        "W3": workloads.images(batches=1, batch_size=2),
        "W4": workloads.sentences(vocabulary=9, width=4, batches=1),
        "W5": workloads.text(batches=1, batch_size=1),
        "overhead": workloads.chain(),
        "elementwise": workloads.chain(),
    }


def test_every_workload_trains_on_the_stand_in_for_a_gpu(module):
    peer, workloads = module("peers.minidl_peer"), module("workloads")
    assert set(small(workloads)) | {"W2b"} == set(workloads.WORKLOADS) == set(peer.workloads)  # W2b: a larger W2a

    def losses(device):
        result = {}
        for name, data in small(workloads).items():
            step = peer.workloads[name](data | {"dropout": 0.0, "device": device})
            result[name] = [step().item() for _ in range(2)]
        return result

    here = losses("cpu")
    with fake_cupy.installed():
        peer.describe("cuda")
        there = losses("cuda")
    for name in here:
        assert here[name][1] != here[name][0]
        np.testing.assert_allclose(there[name], here[name], rtol=1e-5, err_msg=name)
