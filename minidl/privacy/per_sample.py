"""The gradient of each sample by itself: gₙ = ∂ℓₙ/∂w.

``backward`` gives the gradient of the mean loss, in which nobody can tell any more who has pulled how strongly:

    ∂L/∂w = (1/N) Σₙ gₙ

To limit how much one sample may pull, the gₙ are needed apart. Here each sample is a batch of one, with a backward of
its own. That works for every model and can be read in a minute, but takes N times the work of Python. (Libraries made
for this get all gₙ of a batch at once, with a second derivative rule for each kind of layer.)

Source: Goodfellow 2015, "Efficient per-example gradient computations", section 2, the naive way (D.T12).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, move
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.errors import describe
from minidl.layers import Parameter
from minidl.layers.masks import call_with_mask
from minidl.recording import no_grad
from minidl.training.batches import Samples
from minidl.training.objective import Objective
from minidl.training.requirements import check_separable
from minidl.training.trainable import Trainable, device_of_model
from minidl.training.trial import try_one


class Data:
    """N samples, a model and its loss, that are known to fit together.

    Parameters
    ----------
    who : str
        For error messages.
    model : Model
        It is built, where it was not.
    loss : str, Loss, function or Objective
        As for ``compile``.
    x, y : (N, ...)
        Arrays, or lists of them for several inputs or outputs.

    Raises
    ------
    ValueError, TypeError
        Something does not fit, holds NaN, or mixes samples.
    """

    def __init__(self, who: str, model: Trainable, loss: Any, x: Any, y: Any):
        if not isinstance(model, Trainable):
            raise TypeError(f"{who} expects a Model or Sequential first, got {describe(model)}.")
        if y is None:
            raise ValueError(f"{who} needs the targets: {who}(..., x, y).")
        self.model = model
        self.objective = loss if isinstance(loss, Objective) else Objective(loss)
        names = model.output_names or self.objective.loss_names or (None if self.objective.several else ["output"])
        self.samples = Samples(who, x, y, None, None, model.input_names, names)
        self.samples.check_finite()
        self.n = self.samples.n
        example = self.samples.batches(1, False, device_of_model(model)).first()
        outputs = try_one(model, example, self.samples)
        self.objective.match(model.output_names, outputs, model.parameters())
        targets = self.samples.y if self.samples.several_outputs else self.samples.y[0]
        self.objective.check_targets(targets, outputs, self.n)

    def trained(self) -> list[Parameter]:
        """The parameters w that are not frozen."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def loss_of(self, n: int, device: str) -> Tensor:
        """ℓₙ: the loss of sample n, a batch of its own, in the mode in which the model is."""
        samples = self.samples
        x = [Tensor(move(a[n : n + 1], device)) for a in samples.x]  # (N, ...) → (1, ...)
        y = [move(a[n : n + 1], device) for a in samples.y]
        outputs, mask = call_with_mask(self.model, (x if samples.several_inputs else x[0],), (None,))
        return self.objective(y if samples.several_outputs else y[0], outputs, None, mask)

    def losses(self) -> np.ndarray:
        """ℓₙ (N,) of all samples."""
        device = device_of_model(self.model)
        with no_grad():
            return np.array([self.loss_of(n, device).item() for n in range(self.n)])

    def gradients_of(self, rows: Any) -> Iterator[tuple[float, list[Array]]]:
        """ℓₙ and gₙ (an array for each parameter that is trained) of one after another of these samples."""
        w, device = self.trained(), device_of_model(self.model)
        for n in rows:
            loss = self.loss_of(int(n), device)
            g = gradients(loss, w)
            yield loss.item(), [array_module(p._data).zeros_like(p._data) if a is None else a for p, a in zip(w, g)]


def per_sample_gradients(model: Trainable, loss: Any, x: Any, y: Any) -> dict[str, Array]:
    """gₙ for all samples: {name: (N, shape of the parameter)}, for the parameters that are trained.

    Parameters
    ----------
    model : Model
        In the mode in which it is. Its gradients and its mode stay as they are.
    loss : str, Loss or function
        As for ``compile``.
    x, y : (N, ...)

    Raises
    ------
    ValueError, TypeError
        Model, loss and data do not fit together; a ``BatchNormalization`` mixes the samples.

    Examples
    --------
    Their mean is the gradient of the batch; how long they are says which ``clip_norm`` leaves most of them alone.

    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    >>> per_sample_gradients(model, "mse", [[1.0], [3.0]], [[0.0], [0.0]])["dense.kernel"].ravel()
    array([ 2., 18.], dtype=float32)
    """
    data = Data("per_sample_gradients", model, loss, x, y)
    check_apart("per_sample_gradients", model)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    each = [g for _, g in data.gradients_of(range(data.n))]
    return {name: array_module(*g).stack(g) for name, g in zip(names, zip(*each), strict=True)}  # (N, ...)


def check_apart(who: str, model: Trainable, batch_norm: bool = False) -> None:
    """Raise where there is nothing to train, or, unless ``batch_norm``, where samples are mixed.

    The means that a ``BatchNormalization`` remembers would give samples away past all clipping and noise.
    """
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(f"{who} has nothing to train: {model.name!r} has no parameters, or all are frozen.")
    if not batch_norm:
        check_separable(who, model)
