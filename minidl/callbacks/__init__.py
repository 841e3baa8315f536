"""Callbacks: what is done while ``fit`` trains, with Keras' names, arguments and defaults.

=====================  ============================================================================
``base.py``            ``Callback``, whose methods are called; ``LambdaCallback``, ``History``
``monitor.py``         one figure of the logs, and when it has become better
``stopping.py``        ``EarlyStopping``, ``StopAtThreshold``, ``TerminateOnNaN``
``learning_rate.py``   ``LearningRateScheduler``, ``ReduceLROnPlateau``
``files.py``           ``ModelCheckpoint``, ``CSVLogger``
``progress.py``        the line of each epoch, and the bar on a terminal
=====================  ============================================================================
"""

from minidl.callbacks.base import Callback, CallbackList, History, LambdaCallback
from minidl.callbacks.files import CSVLogger, ModelCheckpoint
from minidl.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from minidl.callbacks.progress import Progress
from minidl.callbacks.stopping import EarlyStopping, StopAtThreshold, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Progress",
    "ReduceLROnPlateau",
    "StopAtThreshold",
    "TerminateOnNaN",
]
