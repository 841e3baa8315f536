"""Compression: networks made small, by leaving weights out, writing them in few bits, or teaching a smaller one (D.T9).

=======================  =======================================================================
``pruning.py``           ``prune``, ``Pruning``, ``sparsity``: the smallest weights become 0 and stay 0
``schedule.py``          ``GradualSparsity``: step by step more of them
``quantization.py``      ``quantize``, ``dequantize``, ``quantize_weights``: q = round(x / s) + z
``straight_through.py``  ``fake_quantize``, ``QuantizationAware``: training for few bits
``files.py``             ``save_compressed``, ``load_compressed``, ``size_of``: small files
``packing.py``           few bits side by side, and gaps between the weights that are left
``distillation.py``      ``DistillationLoss``, ``Distiller``: a teacher and its student
``kernels.py``           which weights are meant by all this
``around.py``            a model around another
=======================  =======================================================================

Train, prune, train on, and write what is left in 4 bits:

>>> import minidl as md, numpy as np
>>> x, y = np.random.default_rng(0).normal(size=(64, 100)), np.arange(64) % 2
>>> model = md.Sequential([md.layers.Dense(300, "relu", input_shape=(100,)), md.layers.Dense(2, "softmax")])
>>> model.compile("adam", "sparse_categorical_crossentropy")
>>> _ = model.fit(x, y, verbose=0)
>>> _ = model.fit(x, y, verbose=0, callbacks=[Pruning(0.8)])
>>> full = model.count_params() * 4 / 1000                          # kilobytes
>>> full / size_of(model) > 3, full / size_of(model, bits=4) > 6
(True, True)
"""

from minidl.compression.distillation import DistillationLoss, Distiller
from minidl.compression.files import load_compressed, save_compressed, size_of
from minidl.compression.pruning import Pruning, prune, sparsity
from minidl.compression.quantization import Quantized, dequantize, quantize, quantize_weights
from minidl.compression.schedule import GradualSparsity
from minidl.compression.straight_through import QuantizationAware, fake_quantize

__all__ = [
    "prune", "Pruning", "GradualSparsity", "sparsity",
    "quantize", "dequantize", "Quantized", "quantize_weights", "fake_quantize", "QuantizationAware",
    "save_compressed", "load_compressed", "size_of",
    "DistillationLoss", "Distiller",
]  # fmt: skip
