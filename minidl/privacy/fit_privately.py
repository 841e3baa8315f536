"""``fit`` by DP-SGD: epochs of ``PrivateGradient`` and the compiled optimizer, with ε in each epoch's line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.callbacks import Callback, CallbackList, History, Progress
from minidl.callbacks.progress import verbosity
from minidl.privacy.fitting import check_compiled, check_delta, check_validation, validate
from minidl.privacy.private_gradient import PrivateGradient
from minidl.settings import check_whole
from minidl.training.binding import bind_optimizer
from minidl.training.trainable import Trainable


def fit_privately(
    model: Trainable,
    x: Any,
    y: Any,
    batch_size: int = 256,
    epochs: int = 1,
    *,
    noise_multiplier: float,
    clip_norm: float = 1.0,
    delta: float = 1e-5,
    validation_data: Any = None,
    callbacks: Callback | Sequence[Callback] | None = None,
    verbose: str | int = "auto",
    rng: np.random.Generator | int | None = None,
) -> History:
    """Train a compiled model so that it is (ε, δ)-differentially private for each sample of x and y.

    Parameters
    ----------
    model : Model
        Compiled.
    x, y : (N, ...)
    batch_size, noise_multiplier, clip_norm, rng
        B, σ and C: see ``PrivateGradient``. An epoch has N / B steps, rounded.
    epochs : int
    delta : float
        δ, below 1/N.
    validation_data : (x, y), optional
        Evaluated after each epoch: not covered by ε.
    callbacks : list of Callback
        At an epoch's end; they may set ``model.stop_training``.
    verbose : {"auto", 0, 1, 2}
        As in ``fit``.

    Returns
    -------
    History
        Of each epoch ``loss``, the mean over the samples drawn, ``epsilon`` so far, and ``val_...``.

    Raises
    ------
    ValueError, TypeError
        Before any training: as ``fit`` and ``PrivateGradient``.

    Notes
    -----
    ε covers the weights, of all epochs together. It does not cover the losses of the training data in the lines and the
    history: show those only to people who may see the data. The model ends in ``eval`` mode.

    Examples
    --------
    >>> import minidl as md
    >>> md.seed(0)
    >>> x = np.linspace(-1, 1, 500)[:, None]; y = (x > 0).astype(int)
    >>> model = md.Sequential([md.layers.Dense(1, activation="sigmoid", input_shape=(1,))])
    >>> model.compile(md.optimizers.SGD(learning_rate=2.0), "binary_crossentropy", metrics=["accuracy"])
    >>> history = fit_privately(model, x, y, batch_size=50, epochs=4, noise_multiplier=1.5, delta=1e-4, verbose=0)
    >>> print(f"epsilon = {history.history['epsilon'][-1]:.1f}", model.evaluate(x, y, verbose=0)[1] > 0.9)
    epsilon = 2.2 True
    """
    who = "fit_privately"
    check_compiled(who, model)
    check_whole(who, "epochs", epochs, lowest=0)
    shown = verbosity(verbose)
    gradient = PrivateGradient(
        model, model.objective, x, y,
        batch_size=batch_size, noise_multiplier=noise_multiplier, clip_norm=clip_norm, rng=rng,
    )  # fmt: skip
    N = gradient.data.n
    check_delta(who, delta, N, "sample")
    check_validation(who, model, validation_data)
    bind_optimizer(model)

    model.history, model.stop_training = History(), False
    steps = max(1, round(N / batch_size))
    keys = ["loss", "epsilon"] + ([f"val_{key}" for key in model.objective.keys()] if validation_data else [])
    params = {"epochs": epochs, "steps": steps, "verbose": shown, "metrics": keys}
    told = all_callbacks(model, callbacks, params)
    told.on_train_begin()
    try:
        for epoch in range(epochs):
            told.on_epoch_begin(epoch)
            loss = train(model, gradient, steps, told)
            logs = {"loss": loss, "epsilon": gradient.epsilon(delta), **validate(model, validation_data)}
            told.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        told.on_train_end()
        model.eval()
    return model.history


def all_callbacks(model: Trainable, callbacks: Callback | Sequence[Callback] | None, params: dict) -> CallbackList:
    """The user's callbacks, the history, and what prints a line for each epoch."""
    chosen = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    progress = [Progress(bar=params["verbose"] == 1)] if params["verbose"] else []
    return CallbackList([*chosen, model.history, *progress], model, params)


def train(model: Trainable, gradient: PrivateGradient, steps: int, told: CallbackList) -> float:
    """An epoch. Returns the mean loss of the samples drawn, each before its step."""
    model.train()
    total, count = 0.0, 0
    for step in range(steps):
        told.on_train_batch_begin(step)
        losses = gradient.backward()
        model.optimizer.step()
        total, count = total + losses.sum(), count + len(losses)
        told.on_train_batch_end(step, {"loss": total / max(count, 1)})
        if model.stop_training:
            break
    return float(total / count) if count else float("nan")
