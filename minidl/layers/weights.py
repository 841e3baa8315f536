"""Putting arrays into parameters by name: all or nothing, or what fits.

``layer.state_dict()`` and ``layer.load_state_dict(state)`` are the way in; see ``minidl/patterns.py`` for choosing and
renaming weights before they are loaded, and ``minidl/transfer/`` for weights of other libraries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minidl.arrays import Array, as_array, move
from minidl.autograd import Tensor
from minidl.errors import first_few
from minidl.settings import check_flag


@dataclass(frozen=True)
class Loaded:
    """What became of each name when weights were loaded.

    Attributes
    ----------
    loaded : list of str
        These parameters have new numbers.
    missing : list of str
        These parameters were not in the state, and keep their numbers.
    unexpected : list of str
        These names of the state belong to no parameter.
    mis_shaped : dict {name: (got, expected)}
        These have other shapes in the state than here; the parameters keep their numbers.
    """

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    mis_shaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def faults(self) -> list[str]:
        """A phrase for each name that was not loaded."""
        return [
            *(f"missing: {name}" for name in self.missing),
            *(f"unexpected: {name}" for name in self.unexpected),
            *(f"{name} has shape {got}, expected {expected}" for name, (got, expected) in self.mis_shaped.items()),
        ]

    def __repr__(self) -> str:
        return f"Loaded({'; '.join([f'{len(self.loaded)} loaded', *self.faults()])})"


def load(who: str, parameters: dict[str, Any], state: Mapping[str, Array], strict: bool = True) -> Loaded:
    """Give the parameters the numbers that stand under their names.

    Parameters
    ----------
    who : str
        Whose parameters they are, for error messages.
    parameters : dict {name: Parameter}
    state : dict {name: array}
    strict : bool
        Change nothing unless all names and shapes fit. Otherwise load those that do, of which there must be one.

    Raises
    ------
    ValueError
        Lists the names that are missing, unexpected, or of another shape.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict expects a dictionary {{name: array}}, got {type(state).__name__}.")
    check_flag("load_state_dict", "strict", strict)
    state = {name: _array(name, v) for name, v in state.items()}
    both = [name for name in parameters if name in state]
    fitting = [name for name in both if state[name].shape == parameters[name].shape]
    report = Loaded(
        loaded=fitting,
        missing=[name for name in parameters if name not in state],
        unexpected=[name for name in state if name not in parameters],
        mis_shaped={name: (state[name].shape, parameters[name].shape) for name in both if name not in fitting},
    )
    if report.faults() and (strict or not fitting):
        hint = "" if parameters else "\nIt is not built yet: give its first layer an input_shape, or call it once."
        raise ValueError(f"the weights do not fit {who}:\n{first_few(report.faults())}.{hint}")
    for name in fitting:
        p = parameters[name]
        p.data[...] = move(state[name], p.device)
        p.data = p.data  # an edit that backward must know of
    return report


def _array(name: Any, value: Any) -> Array:
    """The numbers; an error says whose they should have been."""
    try:
        return value._data if isinstance(value, Tensor) else as_array(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"load_state_dict, {name!r}: {error}") from None
