"""Every test in both dtypes, and after all of them the largest error of each family against PyTorch."""

import sys

import pytest

import minidl as md


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """That of the arrays, and of the weights of layers."""
    md.set_default_dtype(request.param)
    yield request.param
    md.set_default_dtype("float32")


def pytest_terminal_summary(terminalreporter):
    comparing = sys.modules.get("tests.against_torch.comparing")
    largest = getattr(comparing, "LARGEST", {})
    if largest:
        terminalreporter.section("largest errors against PyTorch")
    for family in dict.fromkeys(family for family, _ in largest):
        e32, e64 = (largest.get((family, dtype), float("nan")) for dtype in ("float32", "float64"))
        terminalreporter.write_line(f"{family:<34} float32 {e32:.1e}   float64 {e64:.1e}")
