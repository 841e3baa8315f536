"""Distillation: a small network learns what a large one says of each sample, not the labels alone (D.T9).

    L = (1 − α) CE(labels, y) + α T² CE(softmax(v / T), softmax(z / T))

with the teacher's logits v, the student's logits z and outputs y. The temperature T > 1 brings out what the teacher
thinks of the wrong classes: that this 7 is a little like a 1. The gradient of a soft cross-entropy falls like 1 / T²

    ∂/∂z CE(softmax(v / T), softmax(z / T)) = (softmax(z / T) − softmax(v / T)) / T  ≈  (z − v) / (C T²)

where T is large and the logits have the mean 0; the factor T² makes up for it, so that T may change and α stay.

Source: Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network", section 2 and 2.1.
"""

from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.autograd import Tensor
from minidl.compression.around import Around
from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.layers.masks import call_with_mask
from minidl.losses.base import Loss, spread
from minidl.losses.cross_entropy import logits_behind
from minidl.ops.cross_entropy import check_outputs, check_probabilities, softmax_cross_entropy
from minidl.ops.exponentials import log
from minidl.ops.selection import clip
from minidl.ops.softmax import softmax
from minidl.recording import no_grad
from minidl.settings import check_flag, check_number
from minidl.training.objective import weights_of_steps


class DistillationLoss(Loss):
    """ℓ = T² CE(softmax(v / T), softmax(z / T)), where the teacher's outputs are the targets.

    Parameters
    ----------
    temperature : float
        T > 0.
    from_logits : bool
        Whether teacher and student give logits; otherwise probabilities p, for which log p serves as well: it differs
        from the logits by the same number for each class, which a softmax does not see.

    Examples
    --------
    >>> import minidl as md
    >>> loss = DistillationLoss(temperature=2, from_logits=True)
    >>> v, z = np.array([[2.0, 0.0]]), md.Tensor([[0.0, 0.0]])
    >>> print(f"{loss(v, z).item():.4f}")                             # 4 ln 2
    2.7726

    In a loop of one's own, with the teacher in use and not in training:

        with md.no_grad(), teacher.in_mode(False):
            v = teacher(x)
        z = student(x)
        L = (1 - alpha) * cross_entropy(labels, z) + alpha * loss(v, z)

    Or learn from the teacher alone: ``student.compile("adam", loss)``, ``student.fit(x, teacher.predict(x))``.
    """

    name = "distillation"

    def __init__(self, temperature: float = 3.0, from_logits: bool = False, **rest: Any):
        super().__init__(**rest)
        self.temperature = check_number("DistillationLoss", "temperature", temperature, "(0, inf)")
        self.from_logits = check_flag("DistillationLoss", "from_logits", from_logits)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        check_outputs(self.name, y_pred)
        return super().check(y_true, y_pred)

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        T = float(self.temperature)
        v, z = self.logits(Tensor(y_true)), self.logits(y_pred)  # (N, ..., C)
        p = softmax(v / T).data
        return softmax_cross_entropy(z / T, targets=p, weights=spread(weights, p.shape[:-1])) * T**2

    def logits(self, y: Tensor) -> Tensor:
        """y, where it is logits; those behind a softmax that was just computed; or log p."""
        if self.from_logits:
            return y
        known = logits_behind(y, softmax)
        if known is not None:
            return known
        check_probabilities(self.name, y.data, "softmax", highest=1)
        return log(clip(y, float(np.finfo(y.dtype).tiny), 1))


class Distiller(Around):
    """A model around a student, whose ``fit`` teaches it labels and the teacher's opinion.

    Parameters
    ----------
    student, teacher : Layer
        With the same classes, in the same order. The teacher is only asked, in ``eval`` mode, and never changed.
    alpha : float
        α, from 0 (the labels alone, and the same numbers as without a teacher) to 1 (the teacher alone).
    temperature, from_logits
        As in ``DistillationLoss``; ``from_logits`` is said of both models.

    Notes
    -----
    ``compile`` is told the loss for the labels, CE or another. ``fit`` shows L (with the penalties of regularizers, if
    there are any); ``evaluate``, and so ``val_loss``, the loss for the labels. The teacher sees the very batch that the
    student sees, augmented as it is.

    Examples
    --------
    >>> import minidl as md
    >>> x = np.random.default_rng(0).normal(size=(64, 5)); labels = (x[:, 0] > 0).astype(int)
    >>> network = lambda H: md.Sequential([md.layers.Dense(H, "relu", input_shape=(5,)), md.layers.Dense(2, "softmax")])
    >>> teacher, student = network(32), network(4)
    >>> distiller = Distiller(student, teacher, alpha=0.7, temperature=4)
    >>> distiller.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> list(distiller.fit(x, labels, verbose=0).history)
    ['loss', 'accuracy']
    >>> student.predict(x, verbose=0).shape
    (64, 2)
    """

    def __init__(
        self, student: Any, teacher: Any, alpha: float = 0.5, temperature: float = 3.0, from_logits: bool = False
    ):
        super().__init__(student)
        if not isinstance(teacher, Layer):
            raise TypeError(f"Distiller expects teacher as a model or layer, got {describe(teacher)}.")
        if teacher is student:
            raise ValueError("Distiller expects a student and another model as its teacher, got the same twice.")
        self.alpha = check_number("Distiller", "alpha", alpha, "[0, 1]")
        self.soft = DistillationLoss(temperature, from_logits)
        self.ask = Asked(teacher)

    def compile(self, *args: Any, **settings: Any) -> None:
        """As every model; the loss for the labels must take logits where ``from_logits`` says that there are some."""
        super().compile(*args, **settings)
        for head in self.objective.heads if self.objective is not None else []:
            if getattr(head.loss, "from_logits", self.soft.from_logits) != self.soft.from_logits:
                raise ValueError(
                    f"Distiller has from_logits={self.soft.from_logits}, its loss {head.loss.name} the opposite.\n"
                    "Say it of both: whether the models give logits, or a softmax ends them."
                )

    def train_step(self, x: Any, y: Any, sample_weight: Array | None = None) -> tuple[Tensor, Any]:
        """One step on L. Returns (L, the student's outputs)."""
        if self.threads is not None and self.threads.n > 1:
            raise ValueError(f"Distiller trains in one thread, got fit(threads={self.threads.n}).")
        self.optimizer.zero_grad()
        outputs, mask = call_with_mask(self, (x,), (None,))
        hard = self.objective(y, outputs, sample_weight, mask)  # with the penalty, which α leaves as it is
        soft = self.soft_loss(x, outputs, sample_weight, mask) + self.penalty()
        loss = (1 - self.alpha) * hard + self.alpha * soft
        loss.backward()
        self.optimizer.step()
        return loss, outputs

    def soft_loss(self, x: Any, outputs: Any, sample_weight: Array | None, mask: Any) -> Tensor:
        """T² CE(teacher, student) for one batch; steps that are masked do not count."""
        if not isinstance(outputs, Tensor):
            raise ValueError(f"Distiller teaches a student of one output, got {len(outputs)} outputs.")
        weights = sample_weight if mask is None else weights_of_steps(sample_weight, mask, outputs)
        return self.soft(self.ask(x), outputs, weights)


class Asked:
    """A model that is asked and not trained. In here a layer around it does not find it, and its parameters."""

    def __init__(self, model: Layer):
        self.model = model

    def __call__(self, x: Any) -> Tensor:
        with self.model.in_mode(False), no_grad():
            return self.model(x)
