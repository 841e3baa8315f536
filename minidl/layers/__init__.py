"""Layers: an equation, its parameters, and one readable ``call``.

============================  ==============================================================
``base.py``                   what every layer has: ``Layer``
``arguments.py``              what a layer is called with
``parameter.py``              ``Parameter``: a Tensor that is learnt
``weights.py``                numbers put into parameters by name
``naming.py``                 the names of layers
``dense.py``                  ``Dense``
``activations.py``            ``Activation``, ``ReLU``, ``LeakyReLU``, ``ELU``, ``Softmax``
``convolution.py``            ``Conv1D``, ``Conv2D``, ``Conv2DTranspose``
``depthwise_convolution.py``  ``DepthwiseConv2D``, ``SeparableConv2D``
``pooling.py``                ``MaxPooling1D``, ... ``GlobalMaxPooling2D``
``fusion.py``                 ``Conv2D`` and ``MaxPooling2D`` that models compute as one
``resizing.py``               ``UpSampling2D``, ``ZeroPadding2D``
``normalization.py``          ``BatchNormalization``, ``LayerNormalization``, ``RMSNormalization``, ...
``attention.py``              ``MultiHeadAttention``, ``KeyValueCache``
``positions.py``              ``SinusoidalPositions``, ``PositionEmbedding``
``transformer.py``            ``TransformerBlock``
``embedding.py``              ``Embedding``, ``BagOfEmbeddings``
``masking.py``                ``Masking``
``masks.py``                  how masks travel from layer to layer
``cells.py``                  ``SimpleRNNCell``, ``LSTMCell``, ``GRUCell``: one step
``recurrent.py``              ``SimpleRNN``, ``LSTM``, ``GRU``, ``RNN``: all steps
``wrappers.py``               ``Bidirectional``, ``TimeDistributed``
``dropout.py``                ``Dropout``
``regularization.py``         ``SpatialDropout1D``, ``SpatialDropout2D``, ``GaussianNoise``
``reshaping.py``              ``Flatten``, ``Reshape``
``merging.py``                ``Add``, ``Concatenate``
``inputs.py``                 ``Input``, ``InputLayer``
``operation.py``              ``Operation``: what ``x + y`` in a drawing becomes
``symbolic.py``               ``Symbol``: a network drawn before it is computed
============================  ==============================================================
"""

from minidl.layers.activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.attention import KeyValueCache, MultiHeadAttention
from minidl.layers.base import Layer, Parameter
from minidl.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from minidl.layers.convolution import Conv1D, Conv2D, Conv2DTranspose
from minidl.layers.dense import Dense
from minidl.layers.depthwise_convolution import DepthwiseConv2D, SeparableConv2D
from minidl.layers.dropout import Dropout
from minidl.layers.embedding import BagOfEmbeddings, Embedding
from minidl.layers.inputs import Input, InputLayer
from minidl.layers.masking import Masking
from minidl.layers.merging import Add, Concatenate
from minidl.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from minidl.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from minidl.layers.positions import PositionEmbedding, SinusoidalPositions
from minidl.layers.recurrent import GRU, LSTM, RNN, SimpleRNN
from minidl.layers.regularization import GaussianNoise, SpatialDropout1D, SpatialDropout2D
from minidl.layers.reshaping import Flatten, Reshape
from minidl.layers.resizing import UpSampling2D, ZeroPadding2D
from minidl.layers.symbolic import Symbol
from minidl.layers.transformer import TransformerBlock
from minidl.layers.wrappers import Bidirectional, TimeDistributed

__all__ = [
    "Layer", "Parameter", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Dropout", "Flatten", "Reshape",
    "Conv1D", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D",
    "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "UpSampling2D", "ZeroPadding2D",
    "BatchNormalization", "LayerNormalization", "RMSNormalization", "GroupNormalization",
    "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise",
    "MultiHeadAttention", "KeyValueCache", "SinusoidalPositions", "PositionEmbedding", "TransformerBlock",
    "Add", "Concatenate", "Input", "InputLayer", "Symbol",
    "Embedding", "BagOfEmbeddings", "SimpleRNN", "LSTM", "GRU", "RNN", "SimpleRNNCell", "LSTMCell", "GRUCell",
    "Bidirectional", "TimeDistributed", "Masking",
]  # fmt: skip
