"""Training: what ``compile``, ``fit``, ``evaluate`` and ``predict`` do, one concept a file.

=======================  =======================================================================
``trainable.py``         ``compile``, ``fit``, ``evaluate``, ``predict`` themselves
``batches.py``           what they are given, as batches
``trial.py``             one sample first: it builds the model and finds what is wrong
``binding.py``           the optimizer is given the parameters
``objective.py``         losses and metrics of one or several outputs
``masked.py``            outputs with their masks, which the objective needs
``fitting.py``           the epochs of ``fit``
``evaluation.py``        figures and outputs without training
``checkpoint.py``        what is kept of a run that is interrupted
``interruption.py``      Ctrl-C waits for the end of the step
``cross_validation.py``  k models on k splits
``requirements.py``      what is asked of any model: that it has weights, that samples are not mixed
``memory.py``            keep freed memory for the next step (Linux)
=======================  =======================================================================

``minidl.callbacks`` decide and report on the way.
"""

from minidl.training.trainable import Trainable

__all__ = ["Trainable"]
