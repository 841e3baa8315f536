"""Layers: an equation, its parameters, and one readable ``call``.

=====================  ==============================================================
``base.py``            what every layer has: ``Layer``, ``Parameter``
``dense.py``           ``Dense``
``activations.py``     ``Activation``, ``ReLU``, ``LeakyReLU``, ``ELU``, ``Softmax``
``dropout.py``         ``Dropout``
``reshaping.py``       ``Flatten``, ``Reshape``
``merging.py``         ``Add``, ``Concatenate``
``inputs.py``          ``Input``, ``InputLayer``
``symbolic.py``        ``Symbol``: a network drawn before it is computed
=====================  ==============================================================
"""

from minidl.layers.activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.base import Layer, Parameter
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout
from minidl.layers.inputs import Input, InputLayer
from minidl.layers.merging import Add, Concatenate
from minidl.layers.reshaping import Flatten, Reshape
from minidl.layers.symbolic import Symbol

__all__ = [
    "Layer", "Parameter", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Dropout", "Flatten", "Reshape",
    "Add", "Concatenate", "Input", "InputLayer", "Symbol",
]  # fmt: skip
