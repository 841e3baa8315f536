"""Explanations: what did a model look at in one sample, and what does it say of all of them, as rules (D.T11).

====================  ==============================================================================================
``gradients.py``      ``saliency``: where a small change would matter; ``gradient_times_input``: what each input adds,
                      were the model linear; ``integrated_gradients``: what it adds from a baseline to x, and the gap
``grad_cam.py``       ``grad_cam``: where the feature maps of a convolution say yes
``hiding.py``         hiding parts of images, texts and tables, the one mechanism of the next three; ``patches``
``occlusion.py``      ``occlusion``: what is lost when a part is hidden
``lime.py``           ``lime``: a linear model that speaks like the network near x
``shapley.py``        ``shapley_values``: each part's fair share, exact or by drawn orders
``rules.py``          ``extract_rules``: if/then rules that retell the model, from a tree (``tree.py``)
``deletion.py``       ``deletion_curve``: an explanation on trial, against random
``answer.py``         f, the one number that is explained: by default the largest output
``inside.py``         what a layer inside gives, and the model from there on
====================  ==============================================================================================

Models are used as in ``predict``, in ``eval`` mode, and left as they were: mode, gradients, weights. The N samples are
explained as one batch. Pictures: ``plot.heat_map`` and ``plot.coloured_words``.

>>> import minidl as md, numpy as np
>>> from minidl import explain
>>> model = md.Sequential([md.layers.Dense(1, kernel_initializer="ones", input_shape=(3,))])
>>> x = np.array([[1.0, 2.0, -4.0]], np.float32)
>>> explain.gradient_times_input(model, x)
array([[ 1.,  2., -4.]], dtype=float32)
>>> explain.occlusion(model, x, segments=[0, 0, 1])                                  # the first two hidden together
array([[ 3., -4.]])
"""

from minidl.explain.deletion import deletion_curve
from minidl.explain.grad_cam import grad_cam
from minidl.explain.gradients import gradient_times_input, integrated_gradients, saliency
from minidl.explain.hiding import patches
from minidl.explain.lime import lime
from minidl.explain.occlusion import occlusion
from minidl.explain.rules import Rule, Rules, extract_rules
from minidl.explain.shapley import shapley_values

__all__ = [
    "saliency", "gradient_times_input", "integrated_gradients", "grad_cam",
    "occlusion", "lime", "shapley_values", "patches",
    "extract_rules", "Rules", "Rule", "deletion_curve",
]  # fmt: skip
