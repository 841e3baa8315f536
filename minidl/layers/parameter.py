"""Parameters: the Tensors of a layer that are learnt."""

from typing import Any

from minidl.autograd import Tensor
from minidl.settings import check_flag


class Parameter(Tensor):
    """A Tensor that an optimizer changes.

    With ``trainable=False`` it is kept and saved with its layer but never trained, also where the layer is thawed.
    Assign ``trainable`` to freeze or thaw this one alone.

    >>> Parameter([1.0, 2.0])
    Parameter([1., 2.])
    """

    __slots__ = ("_trainable", "regularizer")

    def __init__(self, data: Any, trainable: bool = True, *, dtype: Any = None, regularizer: Any = None):
        super().__init__(data, requires_grad=trainable, dtype=dtype)
        self.trainable = trainable
        self.regularizer = regularizer  # a function of the parameter, or None: see minidl.regularizers

    @property
    def trainable(self) -> bool:
        """Whether it is trained at all; a frozen layer's parameters keep what they were."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = check_flag("Parameter", "trainable", value)
        self.requires_grad = self._trainable
        self.grad = None  # what an optimizer still had to do

    def __repr__(self) -> str:
        text = super().__repr__().replace("Tensor(", "Parameter(", 1).replace(", requires_grad=True", "")
        text = text.replace("\n", "\n" + " " * (len("Parameter") - len("Tensor")))
        return text if self.requires_grad else text[:-1] + ", trainable=False)"
