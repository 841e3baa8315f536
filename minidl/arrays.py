"""Arrays: NumPy or CuPy, the default dtype, and the one random generator.

Everything above this module works on *arrays* and does not care which library owns them: ``xp = array_module(x)`` is
``numpy`` for an array in main memory and ``cupy`` for one on a GPU, and both spell their functions alike. CuPy is never
imported unless somebody asks for ``"cuda"`` (D.T13).

Random numbers are always drawn on the CPU, from one seeded generator, and then moved, so that a run on the GPU starts
from the same numbers as a run on the CPU.
"""

import sys
import threading
from contextvars import ContextVar
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from minidl.settings import check_whole

Array = Any  # a numpy.ndarray or a cupy.ndarray; there is no common base class to name

_CUPY_HELP = "Install it with: pip install cupy-cuda13x (CUDA 13) or cupy-cuda12x (CUDA 12), or stay on device 'cpu'."


# --- which library ------------------------------------------------------------------------------------------------


def array_module(*arrays: object) -> ModuleType:
    """``numpy``, or ``cupy`` where one of the arrays is on a GPU.

    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    cupy = sys.modules.get("cupy")  # never imported by us unless asked for: absent means no array can be CuPy's
    if cupy is not None:
        for a in arrays:
            if isinstance(a, cupy.ndarray):
                return cupy
    return np


def is_array(x: object) -> bool:
    """True for an array of NumPy or CuPy (not for Tensors, lists or numbers).

    >>> is_array(np.ones(2)), is_array([1, 2])
    (True, False)
    """
    if isinstance(x, np.ndarray):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


# --- devices ------------------------------------------------------------------------------------------------------


def device_of(x: Array) -> str:
    """``"cpu"`` or ``"cuda"``: where the array's numbers are.

    >>> device_of(np.zeros(3))
    'cpu'
    """
    return "cpu" if array_module(x) is np else "cuda"


def device_module(device: str) -> ModuleType:
    """The array library of a device: ``numpy`` for ``"cpu"``, ``cupy`` for ``"cuda"``.

    Raises
    ------
    ValueError
        The name is neither, or CuPy or a GPU is missing (with the line that installs it).
    """
    if device == "cpu":
        return np
    if device != "cuda":
        raise ValueError(f'device must be "cpu" or "cuda", got {device!r}.')
    try:
        import cupy
    except ImportError as error:
        raise ValueError(f'device "cuda" needs CuPy, which is not installed.\n{_CUPY_HELP}') from error
    try:
        cupy.zeros(1)  # CuPy imports on a machine with no GPU; allocating does not work there
    except Exception as error:
        raise ValueError(
            f'device "cuda": CuPy is installed, but finds no usable GPU ({type(error).__name__}).\n'
            "Is the driver loaded (nvidia-smi)? Else stay on device 'cpu'."
        ) from error
    return cupy


def move(x: Array, device: str) -> Array:
    """The same numbers on ``device``; the very same array when it is there already.

    >>> a = np.ones(2)
    >>> move(a, "cpu") is a
    True
    """
    xp = device_module(device)
    if array_module(x) is xp:
        return x
    return x.get() if xp is np else xp.asarray(x)


def check_same_device(who: str, *arrays: object) -> None:
    """Raise a ``ValueError`` when some arrays are NumPy's and others CuPy's."""
    if len({device_of(a) for a in arrays if is_array(a)}) > 1:
        where = ", ".join(device_of(a) for a in arrays if is_array(a))
        raise ValueError(
            f"{who} expects all its arrays on one device, got {where}.\nMove one of them first: x.to('cuda')."
        )


# --- default dtype ------------------------------------------------------------------------------------------------

_default_dtype = np.dtype(np.float32)


def default_dtype() -> np.dtype:
    """The dtype of Tensors made from Python numbers, and of new parameters: float32 unless changed.

    >>> default_dtype()
    dtype('float32')
    """
    return _default_dtype


def set_default_dtype(dtype: Any) -> None:
    """Choose float32 (fast) or float64 (for checking derivatives) as the default."""
    global _default_dtype
    _default_dtype = check_dtype("set_default_dtype", dtype, "f")


def as_floating(x: Any) -> Any:
    """An array or Tensor of floating numbers: of integers −x, x² and x − max x could wrap round.

    >>> -np.array([3], np.uint8), -as_floating(np.array([3], np.uint8))
    (array([253], dtype=uint8), array([-3.], dtype=float32))
    """
    if not hasattr(x, "dtype"):
        raise TypeError(f"expected an array of numbers, got {type(x).__name__}.")
    return x if x.dtype.kind == "f" else x.astype(np.result_type(x.dtype, _default_dtype))


def check_dtype(who: str, dtype: Any, kinds: str = "fiub") -> np.dtype:
    """The dtype, which must be one of real numbers (``kinds="f"``: of floating ones).

    >>> check_dtype("Tensor", complex)
    Traceback (most recent call last):
    TypeError: Tensor expects a dtype of real numbers such as 'float32', got complex128.
    """
    expected = f"{who} expects a dtype of {'floating' if kinds == 'f' else 'real'} numbers such as 'float32', got"
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{expected} {dtype!r}.") from None
    if dtype is None or found.kind not in kinds:
        raise TypeError(f"{expected} {found if dtype is not None else None}.")
    return found


def as_array(data: object, float_dtype: Any = None) -> Array:
    """An array from anything array-like: arrays keep their dtype, Python floats become float_dtype, or the default.

    >>> as_array([1.0, 2.0]).dtype, as_array(np.zeros(2)).dtype, as_array([1, 2]).dtype
    (dtype('float32'), dtype('float64'), dtype('int64'))
    """
    array = np.asarray(data) if isinstance(data, np.generic) else data
    if is_array(array):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"expected real numbers, got an array of {array.dtype}.{_hint(array.dtype.kind)}")
        return array if type(array) is np.ndarray else _plain(array)
    try:
        array = np.asarray(data)
    except ValueError:  # a ragged list
        raise ValueError(
            "expected a rectangular array, got a list whose rows differ in length.\n"
            "Rows of words or steps are brought to one length by md.data.pad_sequences."
        ) from None
    if array.dtype.kind == "f":
        return array.astype(_default_dtype if float_dtype is None else float_dtype)
    if array.dtype.kind not in "iub":
        raise TypeError(f"expected numbers, got {type(data).__name__} of kind {array.dtype}.{_hint(array.dtype.kind)}")
    return array


def as_operand(x: Any) -> Any:
    """x with axes to ask for: a Tensor or array as it is, a list or number as an array."""
    return x if hasattr(x, "ndim") else as_array(x)


def _plain(array: Array) -> Array:
    """The numbers of a matrix, whose ``*`` is another product, or of a file, as an array like all others."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("expected an array, got a masked array, whose mask would be lost.\nFill it: x.filled(0)?")
    return np.asarray(array) if isinstance(array, np.ndarray) else array


def _hint(kind: str) -> str:
    """What to do with an array that does not hold real numbers."""
    if kind == "c":
        return " Give real and imaginary parts apart."
    if kind in "SUT":
        return "\nWords become numbers with md.data.Tokenizer, class names with np.unique(..., return_inverse=True)."
    return " Is there None or text, or are rows of unequal length?" if kind == "O" else ""


def constant(value: float, like: Array) -> Array:
    """A number as an array with no axes, of the dtype and on the device of ``like``; made once, and read-only.

    On tiny arrays ``a * 0.9`` takes NumPy up to twice as long as ``a * constant(0.9, a)``.
    """
    return _constant(value, like.dtype, type(like))


@lru_cache(maxsize=256)
def _constant(value: float, dtype: np.dtype, kind: type) -> Array:
    xp = np if issubclass(kind, (np.ndarray, np.generic)) else sys.modules["cupy"]
    array = xp.asarray(value, dtype)
    if xp is np:
        array.flags.writeable = False
    return array


def filled(n: int, value: float, like: Array) -> Array:
    """A vector of n times the same number, of the dtype and on the device of ``like``; made once, and read-only.

    ``filled(N, 1, g).dot(g)`` is the sum of the rows of g (N, H), in half the time of ``g.sum(axis=0)``, and
    ``x.dot(filled(N, 1 / N, x))`` the mean of x (N,), in half the time of ``x.mean()`` where N is small.
    """
    return _filled(n, value, like.dtype, type(like))


@lru_cache(maxsize=16)  # a training has few sizes, and they may be large
def _filled(n: int, value: float, dtype: np.dtype, kind: type) -> Array:
    xp = np if issubclass(kind, (np.ndarray, np.generic)) else sys.modules["cupy"]
    array = xp.full(n, value, dtype)
    if xp is np:
        array.flags.writeable = False
    return array


# --- the one random generator -------------------------------------------------------------------------------------

_generator = np.random.default_rng()

# That of a worker which runs beside others in this process, as if in one of its own: see minidl.distributed.
worker_generator: ContextVar[np.random.Generator | None] = ContextVar("worker_generator", default=None)


class _Here(threading.local):
    """What this thread works on; each thread has its own."""

    part: Any = None  # of a batch that several threads share: see minidl.threads


here = _Here()


def seed(value: int) -> None:
    """Start the one random generator afresh: initial weights, dropout masks and shuffling all draw from it.

    >>> seed(0); a = generator().random(); seed(0); a == generator().random()
    True
    """
    check_whole("seed", "value", value, lowest=0)
    # The bit generator's state is replaced, not the object: a loader that holds the generator follows the seed.
    _the_one().bit_generator.state = np.random.default_rng(value).bit_generator.state


def _the_one() -> np.random.Generator:
    """The one generator of this program, or of this worker."""
    return worker_generator.get() or _generator


def generator(rng: "np.random.Generator | int | None" = None) -> np.random.Generator:
    """The generator to draw from: the one that ``seed`` sets, or the one given by a ``rng`` argument.

    ``rng`` may be a ``numpy.random.Generator`` or an integer seed for a generator of one's own. Threads that share a
    batch draw from a stream of their own instead.
    """
    if rng is None:
        rng = _the_one()
    elif isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        rng = np.random.default_rng(check_whole("rng", "a seed", rng, lowest=0))
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, an integer seed or None, got {type(rng).__name__}.")
    return rng if here.part is None else here.part.stream(rng)
