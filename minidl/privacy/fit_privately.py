"""``fit`` by DP-SGD: epochs of ``PrivateGradient`` and the compiled optimizer, with ε in each epoch's line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.callbacks import Callback, CallbackList, History, Progress
from minidl.callbacks.progress import verbosity
from minidl.errors import describe
from minidl.privacy.per_sample import Data
from minidl.privacy.private_gradient import PrivateGradient
from minidl.settings import check_number, check_whole
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
    bar = [Progress(bar=shown == 1)] if shown else []
    chosen = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    told = CallbackList([*chosen, model.history, *bar], model, params)
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


def check_compiled(who: str, model: Any) -> None:
    """Raise unless the model has an optimizer and a loss."""
    if not isinstance(model, Trainable):
        raise TypeError(f"{who} expects a Model or Sequential first, got {describe(model)}.")
    if model.optimizer is None or model.objective is None:
        raise ValueError(f"{who} expects a compiled model.\nCall model.compile(optimizer='sgd', loss='...') first.")


def check_delta(who: str, delta: float, n: int, what: str) -> None:
    """Raise unless δ is below 1/n: to show everybody all of one sample, chosen by lot, is (0, 1/n)-private."""
    if check_number(who, "delta", delta, "(0, 1)") * n >= 1:
        raise ValueError(
            f"{who} expects delta below 1/{n}, got {delta:g}: who shows a {what} at random does no worse.\n"
            f"Take less than {0.1 / n:.0e}."
        )


def check_validation(who: str, model: Trainable, validation_data: Any) -> None:
    """Raise where these are no (x, y) for this model, before any training."""
    if validation_data is None:
        return
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise TypeError(f"{who} expects validation_data as (x, y), got {describe(validation_data)}.")
    Data(f"{who} (validation_data)", model, model.objective, *validation_data)


def validate(model: Trainable, validation_data: Any) -> dict[str, Any]:
    """Loss and metrics on the held-out data, as val_loss and so on."""
    if validation_data is None:
        return {}
    logs = model.evaluate(*validation_data, verbose=0, return_dict=True)
    return {f"val_{key}": value for key, value in logs.items()}
