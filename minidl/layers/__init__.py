"""Layers: an equation, its parameters, and one readable ``call``."""

from minidl.layers.activations import Activation
from minidl.layers.base import Layer, Parameter
from minidl.layers.dense import Dense
from minidl.layers.symbolic import Input

__all__ = ["Activation", "Dense", "Input", "Layer", "Parameter"]
