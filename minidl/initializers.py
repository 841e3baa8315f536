"""Initial weights: random enough to break the symmetry, of a size that keeps signals alive through many layers.

With z = Σ_i w_i x_i over ``fan_in`` independent inputs of mean zero, Var z = fan_in · Var w · Var x: the signal keeps
its size from layer to layer where Var w = 1 / fan_in, and the gradient, which travels the other way, where
Var w = 1 / fan_out.

========================================  ============================  =================================
initializer                               Var w                         source
========================================  ============================  =================================
``GlorotUniform``, ``GlorotNormal``       2 / (fan_in + fan_out)        Glorot & Bengio 2010, eq. 16
``HeUniform``, ``HeNormal``               2 / fan_in                    He et al. 2015, eq. 10
``LecunUniform``, ``LecunNormal``         1 / fan_in                    LeCun et al. 1998, section 4.6
``Orthogonal``                            gain² / number of rows (*)    Saxe et al. 2014
``RandomNormal``, ``TruncatedNormal``,    as given
``RandomUniform``
``Zeros``, ``Ones``, ``Constant``,        0
``Identity``
========================================  ============================  =================================

(*) for a kernel with at least as many rows as columns. Names, defaults and distributions are Keras'; the numbers
themselves are those of our one generator. They are drawn in float64 on the CPU and then rounded, so that a float32 and
a float64 model start from the same weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from numbers import Integral
from typing import Any

import numpy as np

from minidl.arrays import as_array, check_dtype, default_dtype, generator
from minidl.errors import describe, unknown_name
from minidl.settings import check_number
from minidl.variance_scaling import fans, normal_within_two, truncated_normal, uniform


class Initializer:
    """Makes the first value of a parameter: ``initializer(shape, dtype=None, rng=None)`` gives a NumPy array."""

    def __post_init__(self):
        for name, value in vars(self).items():
            if name != "value":  # of Constant: an array too
                check_number(type(self).__name__, name, value, "[0, inf)" if name == "stddev" else "(-inf, inf)")

    def __call__(
        self, shape: int | tuple[int, ...], dtype: Any = None, rng: np.random.Generator | int | None = None
    ) -> np.ndarray:
        """Draw an array.

        Parameters
        ----------
        shape : tuple of int, or int
        dtype
            ``default_dtype()`` unless given.
        rng : Generator or int, optional
            The one random generator by default (``minidl.seed``).
        """
        shape = _checked_shape(type(self).__name__, shape)
        dtype = default_dtype() if dtype is None else check_dtype(type(self).__name__, dtype)
        return np.asarray(self.draw(shape, generator(rng)), dtype)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """The float64 numbers: the one method that an initializer defines."""
        raise TypeError(f"{type(self).__name__} must define draw(shape, rng).")


# --- constants ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Zeros(Initializer):
    """w = 0: right for biases, and wrong for kernels, whose units would all stay alike.

    >>> Zeros()((2, 2))
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """

    def draw(self, shape, rng):
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """w = 1.

    >>> Ones()(3)
    array([1., 1., 1.], dtype=float32)
    """

    def draw(self, shape, rng):
        return np.ones(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """w = ``value``, a number or an array of the parameter's shape.

    >>> Constant(0.5)(2)
    array([0.5, 0.5], dtype=float32)
    """

    value: Any = 0.0

    def draw(self, shape, rng):
        value = np.asarray(as_array(self.value, np.float64), np.float64)
        if value.shape not in ((), shape):
            raise ValueError(f"Constant holds an {describe(value)}, but the parameter has shape {shape}.")
        return np.full(shape, value)


@dataclass(frozen=True)
class Identity(Initializer):
    """W = gain · I, so that the layer at first passes its input on. Source: Le, Jaitly & Hinton 2015.

    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    gain: float = 1.0

    def draw(self, shape, rng):
        if len(shape) != 2:
            raise ValueError(f"Identity expects a matrix shape (in, out), got {shape}.")
        return self.gain * np.eye(*shape)


# --- random, of a size that the user gives ------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """w ~ N(mean, stddev²).

    >>> RandomNormal(stddev=0.1)((2, 3), rng=0).shape
    (2, 3)
    """

    mean: float = 0.0
    stddev: float = 0.05

    def draw(self, shape, rng):
        return rng.normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """w ~ N(mean, stddev²), drawn again until it is within two standard deviations.

    Cutting makes the spread smaller: Var w = (0.8796 stddev)².

    >>> bool(np.abs(TruncatedNormal(stddev=0.1)(1000, rng=0)).max() <= 0.2)
    True
    """

    mean: float = 0.0
    stddev: float = 0.05

    def draw(self, shape, rng):
        return self.mean + self.stddev * normal_within_two(shape, rng)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """w ~ U(minval, maxval), Var w = (maxval − minval)² / 12.

    >>> bool(np.abs(RandomUniform()(1000, rng=0)).max() <= 0.05)
    True
    """

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        if self.minval > self.maxval:
            raise ValueError(f"RandomUniform expects minval <= maxval, got {self.minval} and {self.maxval}.")

    def draw(self, shape, rng):
        return rng.uniform(self.minval, self.maxval, shape)


# --- random, of a size that follows from the shape ----------------------------------------------------------------


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """w ~ U(−a, a), a = √(6 / (fan_in + fan_out)), so that Var w = a²/3 = 2 / (fan_in + fan_out).

    A compromise between forward (1 / fan_in) and backward (1 / fan_out), meant for tanh and linear layers. The default
    for kernels. Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", eq. 16.

    >>> bool(np.abs(GlorotUniform()((3, 3), rng=0)).max() <= 1)
    True
    """

    def draw(self, shape, rng):
        return uniform(2 / sum(fans(shape)), shape, rng)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """w ~ N(0, Var w) cut off at two standard deviations, Var w = 2 / (fan_in + fan_out). Source: as GlorotUniform.

    >>> w = GlorotNormal()((300, 100), rng=0)
    >>> round(float(w.var()) * (300 + 100), 1)
    2.0
    """

    def draw(self, shape, rng):
        return truncated_normal(2 / sum(fans(shape)), shape, rng)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """w ~ U(−a, a), a = √(6 / fan_in), so that Var w = 2 / fan_in.

    The 2 makes up for the half of the signal that a ReLU sets to zero. Source: He et al. 2015, "Delving deep into
    rectifiers", eq. 10.

    >>> bool(np.abs(HeUniform()((6, 3), rng=0)).max() <= 1)
    True
    """

    def draw(self, shape, rng):
        return uniform(2 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """w ~ N(0, Var w) cut off at two standard deviations, Var w = 2 / fan_in. Source: as HeUniform.

    >>> w = HeNormal()((300, 100), rng=0)
    >>> round(float(w.var()) * 300, 1)
    2.0
    """

    def draw(self, shape, rng):
        return truncated_normal(2 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """w ~ U(−a, a), a = √(3 / fan_in), so that Var w = 1 / fan_in.

    Source: LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", section 4.6.

    >>> bool(np.abs(LecunUniform()((3, 3), rng=0)).max() <= 1)
    True
    """

    def draw(self, shape, rng):
        return uniform(1 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """w ~ N(0, Var w) cut off at two standard deviations, Var w = 1 / fan_in. Source: as LecunUniform.

    >>> w = LecunNormal()((300, 100), rng=0)
    >>> round(float(w.var()) * 300, 1)
    1.0
    """

    def draw(self, shape, rng):
        return truncated_normal(1 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """W = gain · Q, with QᵀQ = I (or QQᵀ = I where W has fewer rows than columns): no direction grows or shrinks.

    A convolution kernel (kh, kw, in, out) is read as a matrix (kh · kw · in, out). Q comes from the QR decomposition of
    a matrix of standard normal numbers; with the signs of R's diagonal moved into Q, every orthogonal matrix is
    equally likely. Sources: Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks"; Mezzadri 2007, "How to generate random matrices from the classical compact groups".

    >>> Q = Orthogonal()((4, 2), dtype="float64", rng=0)
    >>> np.allclose(Q.T @ Q, np.eye(2))
    True
    """

    gain: float = 1.0

    def draw(self, shape, rng):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal expects at least two axes, (..., in, out), got shape {shape}.")
        rows, columns = prod(shape[:-1]), shape[-1]
        A = rng.standard_normal((max(rows, columns), min(rows, columns)))
        Q, R = np.linalg.qr(A)
        Q = Q * np.sign(np.diagonal(R))
        return self.gain * (Q if rows >= columns else Q.T).reshape(shape)


# --- by name ------------------------------------------------------------------------------------------------------

BY_NAME: dict[str, type[Initializer]] = {
    "zeros": Zeros, "ones": Ones, "constant": Constant, "identity": Identity,
    "random_normal": RandomNormal, "truncated_normal": TruncatedNormal, "random_uniform": RandomUniform,
    "glorot_uniform": GlorotUniform, "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
    "zero": Zeros, "one": Ones, "uniform": RandomUniform, "normal": RandomNormal,  # Keras' short names
}  # fmt: skip


def get(initializer: str | Callable) -> Callable:
    """An initializer by its name in Keras; objects and functions are returned as they are.

    Raises
    ------
    ValueError
        The name is not known (the nearest one is suggested).
    TypeError
        Neither a name nor callable.

    >>> get("he_normal"), get(Constant(0.5))
    (HeNormal(), Constant(value=0.5))
    """
    if isinstance(initializer, str):
        if initializer not in BY_NAME:
            raise unknown_name("initializer", initializer, BY_NAME)
        return BY_NAME[initializer]()
    if isinstance(initializer, type) and issubclass(initializer, Initializer):
        return initializer()
    if callable(initializer):
        return initializer
    raise TypeError(
        f"initializer must be a name such as 'glorot_uniform' or a callable (shape, dtype, rng),\n"
        f"got {describe(initializer)}."
    )


def _checked_shape(who: str, shape: int | tuple[int, ...]) -> tuple[int, ...]:
    """A shape as a tuple of whole numbers that are not negative."""
    sizes = (shape,) if isinstance(shape, Integral) else tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not all(isinstance(n, Integral) for n in sizes):
        raise TypeError(f"{who} expects a shape of whole numbers such as (784, 64), got {shape!r}.")
    if any(n < 0 for n in sizes):
        raise ValueError(f"{who} expects sizes that are not negative, got shape {shape!r}.")
    return tuple(int(n) for n in sizes)
