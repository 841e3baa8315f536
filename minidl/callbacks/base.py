"""What a callback is: methods that ``fit`` calls at the beginning and end of training, of each epoch, of each batch."""

from collections.abc import Callable, Iterable
from typing import Any

from minidl.layers.naming import unique_name

Logs = dict[str, Any]
KERAS_ONLY = [  # methods that Keras calls and fit does not
    f"on_{what}_{end}"
    for what in ("batch", "test", "test_batch", "predict", "predict_batch")
    for end in ("begin", "end")
]


class Callback:
    """Something to do while ``fit`` trains. Subclasses define the methods that they need.

    Attributes
    ----------
    model
        The model in training. ``self.model.stop_training = True`` ends it after this batch.
    params : dict
        ``epochs``, ``steps`` (in an epoch; None if not known), ``verbose`` and ``metrics``, the keys of the logs.
        Empty in a loop of one's own that calls the methods itself.
    adds : tuple of str
        Keys that this callback itself puts into the logs of an epoch, so that others may monitor them.
    remembers : tuple of str
        Attributes that are kept in a checkpoint, so that training goes on as if not interrupted.

    Examples
    --------
    >>> class Shout(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"EPOCH {epoch + 1}: LOSS {logs['loss']:.1f}!")
    >>> Shout().on_epoch_end(0, {"loss": 0.5})
    EPOCH 1: LOSS 0.5!
    """

    model: Any = None
    params: Logs = {}  # noqa: RUF012 -- replaced, never changed
    adds: tuple[str, ...] = ()
    remembers: tuple[str, ...] = ()

    def set_model(self, model: Any) -> None:
        """Called once, before anything else."""
        self.model = model

    def set_params(self, params: Logs) -> None:
        """Called once, before anything else."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Training begins: whatever an earlier ``fit`` left is to be forgotten here."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Training has ended, also by Ctrl-C or an error."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch begins; ``epoch`` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch has ended. ``logs`` holds loss, metrics and those of validation, and may be added to."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A step begins; ``batch`` counts from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step has ended. ``logs`` holds loss and metrics over the epoch so far."""


class LambdaCallback(Callback):
    """A callback from functions with the arguments of the methods that they stand for.

    >>> said = []
    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: said.append(epoch)).on_epoch_end(3, {})
    >>> said
    [3]
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
    ):
        given = {
            name: function for name, function in locals().items() if name.startswith("on_") and function is not None
        }
        for name, function in given.items():
            if not callable(function):
                raise TypeError(f"LambdaCallback expects a function for {name}, got {function!r}.")
            setattr(self, name, function)


class History(Callback):
    """Every epoch's logs, in ``history[key]``, a list for each key; ``fit`` returns it.

    The keys stand in Keras' order: loss, metrics, val_loss, val_ metrics. ``epoch`` lists the epochs, from 0.
    """

    remembers = ("history", "epoch")

    def __init__(self):
        self.history: dict[str, list] = {}
        self.epoch: list[int] = []

    def set_model(self, model: Any) -> None:
        """Not kept: the model holds its history, and each holding the other would keep both alive."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history, self.epoch = {}, []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)

    def __repr__(self) -> str:
        return f"History({len(self.epoch)} epochs: {', '.join(self.history)})"


class CallbackList:
    """Several callbacks as one, in the order given; at an epoch's end those first that add to its logs, for all others.

    The methods for batches are called only where they were defined: a step of a small network takes a few microseconds,
    and collecting logs that nobody reads would double that.
    """

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: Logs):
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                hint = f" Write {callback.__name__}(...)?" if isinstance(callback, type) else ""
                raise TypeError(f"fit expects callbacks as Callback objects, got {callback!r}.{hint}")
            for name in KERAS_ONLY:
                if hasattr(callback, name):
                    raise TypeError(
                        f"{type(callback).__name__} has a method {name}, which is never called.\n"
                        "Steps of training call on_train_batch_begin and ..._end; evaluate and predict call nothing."
                    )
        added = [name for callback in self.callbacks for name in callback.adds]
        params = {**params, "metrics": [*params["metrics"], *added]}
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.adding_first = sorted(self.callbacks, key=lambda callback: not callback.adds)
        self.batch_begin = [c for c in self.callbacks if defines(c, "on_train_batch_begin")]
        self.batch_end = [c for c in self.callbacks if defines(c, "on_train_batch_end")]

    def on_train_begin(self) -> None:
        for callback in self.callbacks:
            callback.on_train_begin({})

    def on_train_end(self) -> None:
        for callback in self.callbacks:
            callback.on_train_end({})

    def on_epoch_begin(self, epoch: int) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, {})

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for callback in self.adding_first:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int) -> None:
        for callback in self.batch_begin:
            callback.on_train_batch_begin(batch, {})

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        for callback in self.batch_end:
            callback.on_train_batch_end(batch, logs)

    def state_dict(self) -> dict[str, Logs]:
        """What the callbacks remember, under their classes' names (a second of a kind gets a number)."""
        return {key: {name: getattr(c, name) for name in c.remembers} for key, c in self._named()}

    def load_state_dict(self, state: dict[str, Logs]) -> None:
        """Give back what was remembered; callbacks that were not there begin afresh."""
        for key, callback in self._named():
            for name in set(callback.remembers) & set(state.get(key, {})):
                setattr(callback, name, state[key][name])

    def _named(self) -> list[tuple[str, Callback]]:
        named: dict[str, Callback] = {}
        for callback in self.callbacks:
            if callback.remembers:
                named[unique_name(type(callback).__name__, set(named))] = callback
        return list(named.items())


def defines(callback: Callback, method: str) -> bool:
    """Whether the callback has its own method of this name, in its class or (LambdaCallback) on itself."""
    return method in vars(callback) or getattr(type(callback), method) is not getattr(Callback, method)
