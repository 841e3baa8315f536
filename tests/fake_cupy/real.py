"""Finding CuPy itself: tests that take ``libraries()`` run on it too where there is a GPU."""

import importlib
import warnings
from types import ModuleType

from fake_cupy.wall import cupy


def importable_cupy() -> ModuleType | None:
    """CuPy where it is installed: it can be imported, and its names looked at, without a GPU."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("cupy")
    except ImportError:
        return None


def libraries() -> list[ModuleType]:
    """The stand-in, and CuPy where it can allocate."""
    real = importable_cupy()
    try:
        real.zeros(1)
    except Exception:  # no CuPy, or no GPU: CuPy has a dozen errors for that
        return [cupy]
    return [cupy, real]
