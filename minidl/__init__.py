"""minidl: a deep-learning library to read and to use, on NumPy or CuPy.

>>> import minidl as md
>>> x = md.Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> md.sum(x * x).backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)

Read it from left to right: ``arrays`` → ``autograd`` → ``ops`` → ``layers``, ``losses`` → ``optimizers``,
``schedules`` → ``data``, ``metrics`` → ``models`` → ``keras``, and what is done with a trained model: ``explain``,
``compression``, ``distributed``, ``privacy``, ``serving``. No room needs what stands to its right.
"""

from minidl import (
    callbacks,
    check,
    compression,
    data,
    distributed,
    explain,
    habits,
    initializers,
    keras,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    plot,
    privacy,
    random,
    regularizers,
    schedules,
    serving,
    transfer,
)
from minidl.arrays import array_module, default_dtype, seed, set_default_dtype
from minidl.autograd import Tensor, primitive
from minidl.backward import gradients
from minidl.debugging import debug
from minidl.gradcheck import check_grads
from minidl.layers import Input, Layer, Parameter
from minidl.models import Model, Sequential
from minidl.ops import *  # noqa: F403 - the names are listed there
from minidl.recording import is_recording, no_grad
from minidl.threads import Threads
from minidl.training.checkpoint import load_checkpoint, save_checkpoint
from minidl.training.cross_validation import cross_validate
from minidl.training.memory import keep_memory
from minidl.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "Tensor", "no_grad", "is_recording", "debug", "seed",
    "array_module", "default_dtype", "set_default_dtype",
    "grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "gradients", "check_grads", "primitive",
    "Input", "Layer", "Parameter", "Model", "Sequential",
    "cross_validate", "save_checkpoint", "load_checkpoint", "keep_memory", "Threads",
    "callbacks", "data", "initializers", "layers", "losses", "metrics", "ops", "optimizers", "plot", "regularizers",
    "schedules", "transfer", "keras", "random", "check",
    "explain", "compression", "distributed", "privacy", "serving",
    *ops.__all__,
]  # fmt: skip

__getattr__ = habits.absent_in(__name__, AttributeError)
