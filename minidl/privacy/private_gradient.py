"""DP-SGD: training that nobody can tell apart from training without you.

A step draws each of the N samples with probability q = B / N, clips the gradient gₙ of each to the length C, adds noise
to their sum, and divides by B, the samples that it expects:

    g = (1/B) (Σ_{n in the lot} gₙ min(1, C / ‖gₙ‖) + N(0, σ² C² I))

Any optimizer may do with g what it likes: what is computed from g gives no more away than g.

Source: Abadi et al. 2016, "Deep learning with differential privacy", algorithm 1 (D.T12).
"""

from typing import Any

import numpy as np

from minidl.privacy.mechanism import PrivateSum
from minidl.privacy.per_sample import Data, check_apart
from minidl.settings import check_whole
from minidl.training.trainable import Trainable


class PrivateGradient:
    """The gradient of DP-SGD, in place of ``loss.backward()``, and the account of what it has given away.

    It draws the samples itself: what ``epsilon`` says holds only for lots drawn so.

    Parameters
    ----------
    model : Model
        Trained in the mode in which it is: call ``model.train()`` where it has dropout.
    loss : str, Loss or function
        As for ``compile``.
    x, y : (N, ...)
        All samples: arrays, or lists of them for several inputs or outputs.
    batch_size : int
        B, the samples that a step expects, at most N. Here large ones are better: 256 and more.
    noise_multiplier : float
        σ: see ``noise_for``. 0 clips only.
    clip_norm : float
        C, best about the middle of the lengths of ``per_sample_gradients``.
    rng : Generator or int, optional
        For lots and noise; the one random generator by default (``minidl.seed``). Who knows the seed can take the noise
        off again.

    Raises
    ------
    ValueError, TypeError
        Before any work: model, loss and data do not fit together, a setting is out of range, or a
        ``BatchNormalization`` mixes the samples.

    Notes
    -----
    What a regularizer asks for counts with each sample, and is clipped with it. A layer of one's own must not remember
    anything of its inputs outside the parameters that are trained: no noise would cover it.

    Examples
    --------
    >>> import minidl as md
    >>> md.seed(0)
    >>> x = np.linspace(-1, 1, 800)[:, None]; y = 3 * x
    >>> model = md.Sequential([md.layers.Dense(1, input_shape=(1,))])
    >>> optimizer = md.optimizers.SGD(model.parameters(), learning_rate=1.0)
    >>> gradient = PrivateGradient(model, "mse", x, y, batch_size=40, noise_multiplier=1.0, rng=1)
    >>> for step in range(20):
    ...     losses = gradient.backward()
    ...     optimizer.step()
    >>> print(f"w = {model.layers[0].kernel.item():.1f}, epsilon = {gradient.epsilon(delta=1e-4):.1f}")
    w = 3.0, epsilon = 2.0
    """

    def __init__(
        self,
        model: Trainable,
        loss: Any,
        x: Any,
        y: Any,
        *,
        batch_size: int,
        noise_multiplier: float,
        clip_norm: float = 1.0,
        rng: np.random.Generator | int | None = None,
    ):
        who = type(self).__name__
        self.data = Data(who, model, loss, x, y)
        check_apart(who, model)
        N = self.data.n
        self.batch_size = check_whole(who, "batch_size", batch_size)
        if self.batch_size > N:
            raise ValueError(f"{who} expects batch_size of at most {N}, the number of samples, got {batch_size}.")
        self.sum = PrivateSum(clip_norm, noise_multiplier, self.batch_size / N, rng, who)

    def backward(self) -> np.ndarray:
        """Draw a lot and set ``.grad`` of all parameters that are trained to g.

        Returns
        -------
        (lot,) float64
            The losses of the samples drawn, for watching. They are bare: ε does not cover them, nor how many they are.

        Raises
        ------
        ValueError
            A sample's gradient is NaN or infinite; then nothing is set.
        """
        losses: list[float] = []
        w = self.data.trained()

        def each_g() -> Any:
            for loss, g in self.data.gradients_of(self.sum.draw(self.data.n)):
                losses.append(loss)
                yield g

        for p, S in zip(w, self.sum(each_g(), like=[p._data for p in w]), strict=True):
            p.grad = (S / self.batch_size).astype(p.dtype)
        return np.array(losses)

    @property
    def steps(self) -> int:
        """T, the steps so far."""
        return self.sum.steps

    def epsilon(self, delta: float) -> float:
        """ε of all steps so far, for a chosen δ."""
        return self.sum.epsilon(delta)
