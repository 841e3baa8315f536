"""``fit`` with the data of many: rounds of a ``Federation``, and a line for each."""

import time
from collections.abc import Sequence
from typing import Any

from minidl.callbacks import History
from minidl.callbacks.progress import figures, live_bar, verbosity
from minidl.privacy.federated import Federation
from minidl.privacy.fitting import check_delta, check_validation, validate
from minidl.settings import check_whole
from minidl.training.trainable import Trainable


def fit_federated(
    model: Trainable,
    clients: Sequence[tuple[Any, Any]],
    rounds: int = 1,
    *,
    delta: float = 1e-5,
    validation_data: Any = None,
    verbose: str | int = "auto",
    **settings: Any,
) -> History:
    """Train a compiled model by federated averaging.

    Parameters
    ----------
    model, clients
        See ``Federation``.
    rounds : int
    delta : float
        δ, where there is noise; below 1/K.
    validation_data : (x, y), optional
        Evaluated by the server after each round.
    verbose : {"auto", 0, 1, 2}
        0 prints nothing, 2 a line for each round; 1, which is "auto", shows a bar too, on a terminal.
    **settings
        ``fraction, epochs, batch_size, clip_norm, noise_multiplier, rng`` of ``Federation``.

    Returns
    -------
    History
        Of each round ``loss`` (of the clients' own data), with noise ``epsilon`` so far, and ``val_...``.

    Raises
    ------
    ValueError, TypeError
        Before any training: see ``Federation``.

    Notes
    -----
    Whatever ends it, the model has the server's weights of a whole round, and is in ``eval`` mode.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> x = np.linspace(-1, 1, 40)[:, None]; y = 3 * x
    >>> model = md.Sequential([md.layers.Dense(1, input_shape=(1,))])
    >>> model.compile(md.optimizers.SGD(learning_rate=0.3), "mse")
    >>> left, right = (x[:20], y[:20]), (x[20:], y[20:])
    >>> history = fit_federated(model, [left, right], rounds=30, epochs=2, verbose=0)
    >>> print(f"w = {model.layers[0].kernel.item():.2f}, loss = {history.history['loss'][-1]:.2f}")
    w = 3.00, loss = 0.00
    """
    check_whole("fit_federated", "rounds", rounds, lowest=0)
    shown = verbosity(verbose)
    federation = Federation(model, clients, **settings)
    if federation.private is not None:
        check_delta("fit_federated", delta, len(clients), "client")
    check_validation("fit_federated", model, validation_data)
    history = History()
    try:
        with live_bar("Rounds", rounds, shown == 1) as bar:
            for r in range(rounds):
                started = time.perf_counter()
                logs = {"loss": federation.round()}
                if federation.private is not None:
                    logs["epsilon"] = federation.epsilon(delta)
                logs |= validate(model, validation_data)
                history.on_epoch_end(r, logs)
                bar.update()
                if shown:
                    print(f"Round {r + 1}/{rounds}  {time.perf_counter() - started:.1f}s - {figures(logs)}", flush=True)
    finally:
        model.history = history
        model.eval()
    return history
