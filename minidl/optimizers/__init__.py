"""Optimizers: SGD (with momentum, Nesterov), RMSprop, Adagrad, Adam, AdamW, Muon (D.T4).

==============  ==========================================================================
``rules.py``    the papers' lines, and the same letters below them
``muon.py``     a rule for matrices
``base.py``     what all rules share: clipping, decay, schedules, saving
``shelf.py``    where the numbers are kept: all parameters in one flat array
==============  ==========================================================================
"""

from typing import Any

from minidl.errors import unknown_name
from minidl.optimizers.base import Optimizer
from minidl.optimizers.muon import Muon
from minidl.optimizers.rules import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = ["Optimizer", "SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Muon", "OPTIMIZERS", "get"]

OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adagrad": Adagrad, "adam": Adam, "adamw": AdamW, "muon": Muon}


def get(optimizer: Any) -> Optimizer:
    """An optimizer by Keras' name or class, with its default settings; an object is taken as it is.

    >>> get("adam")
    Adam(learning_rate=0.001)
    """
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str) or optimizer.lower() not in OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, OPTIMIZERS)
    return OPTIMIZERS[optimizer.lower()]()
