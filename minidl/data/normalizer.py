"""Numbers brought to mean 0 and standard deviation 1, as the training part has them."""

from dataclasses import dataclass

from minidl.arrays import Array, array_module, as_array


@dataclass(frozen=True)
class Normalizer:
    """z = (x − μ) / σ with the mean μ and the standard deviation σ of other values than x: those of the training part.

    A normalisation fitted on all values would tell the training something about the test (D.T1, D.T2).

    Parameters
    ----------
    mean, std : array (D,), or numbers
        μ and σ; ``Normalizer.of(training_values)`` computes them.

    Examples
    --------
    >>> import numpy as np
    >>> scale = Normalizer.of(np.array([[1.0], [3.0]]))
    >>> scale(np.array([[2.0], [5.0]])).tolist(), scale.back(np.array([[3.0]])).tolist()
    ([[0.0], [3.0]], [[5.0]])
    """

    mean: Array | float
    std: Array | float

    @classmethod
    def of(cls, values: Array) -> "Normalizer":
        """μ and σ of each column of ``values`` (T, D), or of all values (T,).

        Raises
        ------
        ValueError
            No values, or a column of equal values, which cannot be brought to σ = 1.
        """
        x = as_array(values)
        if not x.size or not x.ndim:
            raise ValueError(f"Normalizer expects some values, got shape {x.shape}.")
        mean, std = x.mean(axis=0), x.std(axis=0)
        if not bool(array_module(x).isfinite(std).all()):
            raise ValueError("Normalizer expects finite values, got NaN or infinity among them.")
        differ = (x != x[0]).any(axis=0) & (std > 0)  # σ alone may be off by rounding, and the squares too small
        if not bool(differ.all()):
            raise ValueError("Normalizer expects values that differ, got a column whose values are all the same.")
        return cls(mean, std)

    def __call__(self, x: Array) -> Array:
        """z"""
        return (x - self.mean) / self.std

    def back(self, z: Array) -> Array:
        """x = μ + σ z: from a prediction to the original units."""
        return self.mean + self.std * z
