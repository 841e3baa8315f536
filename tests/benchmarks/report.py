"""From rounds of timings to figures, and from figures to a Markdown table."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

import numpy as np

TOLERANCE = 1e-4  # largest relative difference of losses at which two peers are said to do the same work

NOTICEABLE = 1_000_000  # bytes of the reference's peak below which a ratio to it would compare a few pages


def largest_difference(losses: Sequence[float], reference: Sequence[float]) -> float:
    """The largest relative difference between two peers' losses over the same steps; NaN where one of them is.

    >>> largest_difference([2.0, float("nan")], [2.0, 1.0])
    nan
    """
    differences = [abs(loss - ref) / max(abs(ref), 1e-30) for loss, ref in zip(losses, reference, strict=True)]
    return float(np.max(differences))  # Python's own max passes over a NaN that does not come first


def paired_ratios(seconds: Sequence[float], reference: Sequence[float]) -> dict[str, float]:
    """Median and quartiles, over the rounds, of a peer's time to the reference's time in the same round.

    The machine drifts from round to round; two neighbours in one round feel it alike, so their ratio does not.

    >>> paired_ratios([1.0, 2.0, 6.0], [2.0, 4.0, 12.0])
    {'median': 0.5, 'lower': 0.5, 'upper': 0.5}
    """
    ratios = [own / other for own, other in zip(seconds, reference, strict=True)]
    lower, middle, upper = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {"median": middle, "lower": lower, "upper": upper}


def figures(rounds: dict[str, list[dict]], steps: int, reference: str | None, ops: int | None) -> dict[str, dict]:
    """For each peer: milliseconds a step, ratio to the reference, page faults a step, µs an op over plain NumPy."""
    seconds = {peer: [r["seconds"] / steps for r in measured] for peer, measured in rounds.items()}
    result = {}
    for peer, measured in rounds.items():
        row = result[peer] = {
            "ms": median(seconds[peer]) * 1e3,
            "ms_rounds": [s * 1e3 for s in seconds[peer]],
            "cpu_ms": median(r["cpu_seconds"] / steps for r in measured) * 1e3,
            "page_faults": median(r["page_faults"] / steps for r in measured),
        }
        if reference in rounds:
            row["ratio"] = paired_ratios(seconds[peer], seconds[reference])
        if ops is not None and "numpy" in rounds:
            over = [own - floor for own, floor in zip(seconds[peer], seconds["numpy"], strict=True)]
            row["us_per_op"] = median(seconds[peer]) / ops * 1e6
            row["us_per_op_over_numpy"] = median(over) / ops * 1e6
    return result


def machine() -> dict[str, str]:
    """The processor's name, its cores, and the vector instructions that matter to a BLAS."""
    name, flags, cores = platform.processor() or platform.machine(), set(), 0
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            cores += key.strip() == "processor"
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() in ("flags", "Features"):
                flags = set(value.split())
    vectors = [flag for flag in ("avx2", "fma", "avx512f", "asimd", "sve") if flag in flags]
    family = platform.platform(terse=True)
    return {"CPU": name, "cores": str(cores or "unknown"), "vectors": " ".join(vectors), "system": family}


def _circumstances(report: dict) -> list[str]:
    """What the numbers depend on, as a list."""
    place = report["machine"]
    lines = [
        f"- {place['CPU']}, {place['cores']} cores, {place['vectors']}; {place['system']}",
        f"- device {report['device']}; {report['threads']} threads; `OPENBLAS_CORETYPE` {report['coretype']}; "
        f"medians of {report['rounds']} interleaved rounds, idle peers stopped",
        f"- load average {report['load']['before']:.1f} before and {report['load']['after']:.1f} after: "
        f"a busy machine slows two-thread work most, so begin near 0 and distrust an end far above {report['threads']}",
    ]
    for peer, about in report["peers"].items():
        versions = ", ".join(f"{what} {value}" for what, value in about["versions"].items())
        memory = "; keeps freed memory" if about["keep_memory"] else ""
        lines.append(f"- **{peer}**: Python {about['python']}, {versions}; {'; '.join(about['pools'])}{memory}")
    return lines


def _ratio(row: dict | None) -> str:
    ratio = (row or {}).get("ratio")
    return f"**{ratio['median']:.2f}** ({ratio['lower']:.2f}–{ratio['upper']:.2f})" if ratio else "–"


def _megabytes(value: int | None, reference: int | None) -> str:
    if value is None:
        return "–"
    return f"{value / 1e6:.1f}" + (f" ({value / reference:.2f})" if reference and reference >= NOTICEABLE else "")


def _row(peer: str, row: dict, result: dict, reference: str) -> list[str]:
    """One peer's line of a workload's table."""
    cells = [peer, f"{row['ms']:.4g}", _ratio(row), f"{row['cpu_ms']:.4g}", f"{row['page_faults']:.0f}"]
    if "peak_bytes" in row:
        yardstick = result["peers"].get(reference, {}).get("peak_bytes")
        cells += [_megabytes(row[way], yardstick) for way in ("peak_bytes", "peak_bytes_kept")]
    if "us_per_op" in row:
        cells += [f"{row['us_per_op']:.2f}", f"{row['us_per_op_over_numpy']:+.2f}"]
    return cells


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]


def _workload(result: dict, reference: str) -> list[str]:
    """The table of one workload; a peer that does not run it has a line of dashes."""
    columns = ["peer", "ms a step", f"ratio to {reference}", "CPU ms", "page faults a step"]
    if any("peak_bytes" in row for row in result["peers"].values()):
        columns += ["peak MB", "peak MB, freed memory kept"]
    if result["ops"] is not None:
        columns += ["µs an op", "µs an op over NumPy"]
    rows = [_row(peer, row, result, reference) for peer, row in result["peers"].items()]
    rows += [[peer] + ["–"] * (len(columns) - 1) for peer in result["unsupported"]]
    lines = [f"### {result['name']}: {result['title']}", "", *_table(columns, rows), ""]
    return [*lines, f"Losses of the first steps differ by at most {result['largest_difference']:.1e}.", ""]


def markdown(report: dict) -> str:
    """The whole report: the circumstances, the ratios of all workloads, then one table a workload.

    A ratio below 1 is faster than the reference; the quartiles of the rounds stand in brackets. Peak memory is that of
    training over the idle process, with its ratio to the reference's, which is as the C library is, in brackets.
    """
    results, reference = report["results"], report["reference"]
    lines = [*_circumstances(report), "", f"### Time of a step, as a ratio to {reference}", ""]
    rows = [[peer, *(_ratio(result["peers"].get(peer)) for result in results.values())] for peer in report["peers"]]
    lines += [*_table(["peer", *results], rows), ""]
    for result in results.values():
        lines += _workload(result, reference)
    return "\n".join(lines)
