"""``compile``, ``fit``, ``evaluate`` and ``predict``, with Keras' names, arguments and results.

At its heart ``fit`` is four lines, and gives the same numbers, bit for bit, as the loop that one writes by hand (in
which nobody tells the loss of masks: see ``objective.py``):

    for x, y in DataLoader(inputs, targets, batch_size=32):
        optimizer.zero_grad()
        loss_function(y, model(x)).backward()
        optimizer.step()
"""

import os
from collections.abc import Sequence
from typing import Any

from minidl import optimizers
from minidl.arrays import Array
from minidl.autograd import Tensor
from minidl.callbacks import Callback, History
from minidl.callbacks.progress import figures, verbosity
from minidl.layers.base import Layer
from minidl.layers.masks import call_with_mask
from minidl.recording import no_grad
from minidl.settings import check_whole
from minidl.threads import Threads
from minidl.training.batches import Batches, Samples, from_stream, is_stream, weights_of
from minidl.training.binding import bind_optimizer, is_bound
from minidl.training.evaluation import as_keras, evaluate_batches, predict_batches
from minidl.training.fitting import Run
from minidl.training.masked import backward_in_threads
from minidl.training.memory import keep_memory_for_training
from minidl.training.objective import Objective
from minidl.training.trial import check_axes, check_outputs, try_one


class Trainable(Layer):
    """A layer that knows how to train itself: ``Model`` and ``Sequential``.

    Attributes
    ----------
    optimizer, objective
        What ``compile`` was told.
    history : History
        Of the latest ``fit``, also of one that was interrupted.
    stop_training : bool
        Set to True, by a callback for instance, it ends ``fit`` after the step.
    """

    optimizer: optimizers.Optimizer | None = None
    objective: Objective | None = None
    history: History | None = None
    stop_training = False
    threads: Threads | None = None  # those of the ``fit`` in hand
    input_names: list[str] | None = None  # None: whatever ``call`` takes
    output_names: list[str] | None = None

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, loss_weights: Any = None
    ) -> None:
        """Say how the model is to be trained.

        Parameters
        ----------
        optimizer : str or Optimizer
            One that is not bound to parameters yet is bound to all trainable ones.
        loss : str, Loss or function (y_true, y_pred)
            For several outputs a list, or a dictionary {output name: loss}.
        metrics : list of str, Metric or function (y_true, y_pred)
            For several outputs a list of such lists, or a dictionary.
        loss_weights : list or dict, optional
            How much the loss of each output counts.

        Raises
        ------
        ValueError
            An unknown name; the nearest known one is suggested.
        """
        made = optimizers.get(optimizer() if isinstance(optimizer, type) else optimizer)
        objective = None if loss is None else Objective(loss, metrics, loss_weights)
        # An optimizer that came with parameters trains those and no others.
        self.binds_optimizer = not made.parameters or (made is self.optimizer and self.binds_optimizer)
        self.optimizer, self.objective = made, objective

    # --- training ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = 32,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        *,
        resume: str | os.PathLike | None = None,
        check_finite: bool = True,
        threads: int = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x, y
            Inputs (N, ...) and targets (N, ...): arrays or lists; lists of arrays for several inputs or outputs. Or
            x alone: a DataLoader or generator of batches ``(x, y)`` or ``(x, y, sample_weight)``.
        batch_size : int
            B, the samples in a step.
        epochs : int
            Where to stop: with ``initial_epoch=3, epochs=5`` two epochs are trained.
        verbose : {"auto", 0, 1, 2}
            0 prints nothing, 2 a line for each epoch; 1, which is "auto", shows a bar too, on a terminal.
        callbacks : list of Callback
        validation_split : float
            This share of the samples, the last ones before shuffling, is not trained on but evaluated after each epoch.
        validation_data
            ``(x, y)``, ``(x, y, sample_weight)`` or a DataLoader, to be evaluated after each epoch.
        shuffle : bool
            A new order in each epoch, drawn from the one random generator.
        class_weight : dict {label: weight}, optional
            How much the samples of each class count in training; in validation they all count alike.
        sample_weight : (N,), optional
            How much each sample counts in the loss. (Metrics are not weighted.) Masked steps count in neither.
        initial_epoch : int
        steps_per_epoch, validation_steps : int, optional
            Batches in an epoch. A generator needs it for more than one epoch; one that does not end, always.
        validation_batch_size : int, optional
        validation_freq : int
            Evaluate after every so many epochs.
        resume : path, optional
            A file, ``"run.npz"``, that keeps the state of training. It is written after each epoch and at Ctrl-C. Where
            it exists training goes on from it: stopped and started again, in this program or another, it ends with the
            very numbers of training that was never stopped.
        check_finite : bool
            Look through the data for NaN and infinity first.
        threads : int
            How many share each batch, on the processor: see ``minidl/threads.py``, which says where it pays.

        Returns
        -------
        History
            ``.history`` has a list for each of loss, metrics, val_loss, ...; it is kept as ``model.history`` too.

        Raises
        ------
        ValueError, TypeError
            Before any training: the model is not compiled; data, model and loss do not fit together.
        KeyboardInterrupt
            Ctrl-C, after the step in hand and the callbacks' ``on_train_end``: ``EarlyStopping(restore_best_weights=
            True)`` has brought the best weights back by then.

        Notes
        -----
        Afterwards the model is in ``eval`` mode. On Linux it keeps memory from step to step: see ``memory.py``.
        """
        self._require_compiled("fit")
        check_whole("fit", "epochs", epochs, lowest=0)
        check_whole("fit", "initial_epoch", initial_epoch, lowest=0)
        check_whole("fit", "validation_freq", validation_freq)
        shared = Threads(threads)
        device, held_out = device_of_model(self), None
        if is_stream(x):
            if y is not None or sample_weight is not None or validation_split:
                raise TypeError(
                    "fit takes y, sample_weight and validation_split with arrays only, not with a generator."
                )
            samples = None
            batches = from_stream("fit", x, steps_per_epoch, device, class_weight, *self._names())
        else:
            samples = self._samples("fit", x, y, sample_weight, None, check_finite)
            if validation_split and validation_data is None:
                samples, held_out = samples.split(validation_split)
            samples.weights = weights_of("fit", samples.n, samples.y, samples.weights, class_weight)  # not held_out's
            batches = samples.batches(batch_size, shuffle, device, steps_per_epoch)
        if validation_data is not None:
            held_out = self._validation_data(validation_data, validation_steps, check_finite)
        batches.check_epochs("steps_per_epoch", epochs - initial_epoch)
        if isinstance(held_out, Batches):
            held_out.check_epochs("validation_steps", (epochs - initial_epoch) // validation_freq)
        self._prepare(batches, samples, held_out)
        if isinstance(held_out, Samples):
            held_out = held_out.batches(validation_batch_size or batch_size, False, device, validation_steps)
        keep_memory_for_training()
        chosen = list(callbacks or ()) if isinstance(callbacks, (list, tuple, type(None))) else [callbacks]
        shown = verbosity(verbose)
        run = Run(self, batches, held_out, epochs, validation_freq, resume, chosen, shown)
        try:
            with shared as self.threads:
                return run.go(initial_epoch)
        finally:
            self.threads = None

    def train_step(self, x: Any, y: Any, sample_weight: Array | None = None) -> tuple[Tensor, Any]:
        """One step: loss, gradients, update. Returns (loss, outputs). Override it to train in another way."""
        self.optimizer.zero_grad()
        if self.threads is None or self.threads.n == 1:
            outputs, mask = call_with_mask(self, (x,), (None,))
            loss = self.objective(y, outputs, sample_weight, mask)
            loss.backward()
            self.optimizer.step()
        else:
            loss, outputs = backward_in_threads(self, x, lambda y_, mask: self.objective(y, y_, sample_weight, mask))
            self.optimizer.step(threads=self.threads)
        return loss, outputs

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: dict | None = None, return_dict: bool = False
    ) -> Any:
        """One step on these samples. Returns loss and metrics, as ``evaluate``, of this batch before the step.

        The model is put into ``train`` mode and left in it.
        """
        self._require_compiled("train_on_batch")
        samples = self._samples("train_on_batch", x, y, sample_weight, class_weight)
        if not (self.built and self.objective.matched and is_bound(self)):
            self._prepare(samples.batches(samples.n, False, device_of_model(self)), samples)
        if not self.training:
            self.train()
        x, y, w = samples.whole(device_of_model(self))
        objective = self.objective
        objective.reset()
        loss, outputs = self.train_step(x, y, w)
        objective.record(loss, y, outputs, objective)
        return as_keras(objective.results(), return_dict)

    # --- use ----------------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = 32,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on these samples, in ``eval`` mode.

        Returns
        -------
        list, float or dict
            ``[loss, metric, ...]``; the loss alone where there are no metrics; a dictionary with ``return_dict=True``.
        """
        self._require_compiled("evaluate")
        if is_stream(x):
            if y is not None or sample_weight is not None:
                raise TypeError("evaluate takes y and sample_weight with arrays only, not with a generator.")
            samples, batches = None, from_stream("evaluate", x, steps, device_of_model(self), None, *self._names())
        else:
            samples = self._samples("evaluate", x, y, sample_weight)
            batches = samples.batches(batch_size, False, device_of_model(self), steps)
        self._prepare(batches, samples, to_train=False)
        shown = verbosity(verbose)
        logs = evaluate_batches(self, batches, self.objective, bar=shown == 1)
        if shown:
            print(f"Evaluation - {figures(logs)}", flush=True)
        return as_keras(logs, return_dict)

    def predict(
        self, x: Any, batch_size: int | None = 32, verbose: str | int = "auto", steps: int | None = None
    ) -> Any:
        """The outputs for these inputs, in ``eval`` mode: a NumPy array (N, ...), or a list for several outputs."""
        if is_stream(x):
            batches = from_stream(
                "predict", x, steps, device_of_model(self), None, self.input_names, with_targets=False
            )
        else:
            samples = Samples("predict", x, input_names=self.input_names)
            check_axes(self, samples.x)
            batches = samples.batches(batch_size, False, device_of_model(self), steps)
        return predict_batches(self, batches, bar=verbosity(verbose) == 1)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """What ``evaluate`` gives, for these samples as one batch."""
        self._require_compiled("test_on_batch")
        samples = self._samples("test_on_batch", x, y, sample_weight)
        batches = samples.batches(samples.n, False, device_of_model(self))
        self._prepare(batches, samples, to_train=False)
        return as_keras(evaluate_batches(self, batches, self.objective), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """What ``predict`` gives, for these samples as one batch."""
        samples = Samples("predict_on_batch", x, input_names=self.input_names)
        check_axes(self, samples.x)
        inputs, _, _ = samples.whole(device_of_model(self))
        with self.in_mode(False), no_grad():
            outputs = check_outputs(self, self(inputs))
        several = isinstance(outputs, (list, tuple))
        return [y.numpy().copy() for y in outputs] if several else outputs.numpy().copy()  # not a view of x

    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """The shapes of the inputs, where they are known before building."""
        return []

    # --- inside -------------------------------------------------------------------------------------------------------

    def _require_compiled(self, who: str) -> None:
        if self.optimizer is None or self.objective is None:
            missing = "a loss" if self.optimizer is not None else "an optimizer and a loss"
            raise ValueError(f"{who} needs {missing}.\nCall model.compile(optimizer='adam', loss='...') first.")

    def _samples(
        self, who: str, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, check_finite: bool = False
    ) -> Samples:
        """Inputs with targets, checked."""
        if y is None:
            raise ValueError(f"{who} needs the targets: {who}(x, y).")
        samples = Samples(who, x, y, sample_weight, class_weight, *self._names())
        if check_finite:
            samples.check_finite()
        return samples

    def _names(self) -> tuple[list[str] | None, list[str] | None]:
        """Those of inputs and outputs; a class of one's own has outputs in the order in which the losses name them."""
        one = None if self.objective.several else ["output"]
        return self.input_names, self.output_names or self.objective.loss_names or one

    def _validation_data(self, data: Any, steps: int | None, check_finite: bool) -> Samples | Batches:
        """What ``validation_data`` may be."""
        if is_stream(data):
            return from_stream("fit (validation_data)", data, steps, device_of_model(self), None, *self._names())
        if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= 3:
            raise TypeError("fit expects validation_data as (x, y), (x, y, sample_weight) or a DataLoader.")
        x, y, *weight = data
        return self._samples("fit (validation_data)", x, y, *weight, check_finite=check_finite)

    def _prepare(self, batches: Batches, *data: Samples | Batches | None, to_train: bool = True) -> None:
        """Try the model on one sample, which builds it, and let the losses see all targets, before training."""
        outputs = try_one(self, batches.first(), data[0])
        self.objective.match(self.output_names, outputs, self.parameters())
        for samples in data:
            if isinstance(samples, Samples):
                self.objective.check_targets(samples.y if samples.several_outputs else samples.y[0], outputs, samples.n)
        if to_train:
            bind_optimizer(self)


def device_of_model(model: Layer) -> str:
    """``"cpu"`` or ``"cuda"``: where the parameters are."""
    return next((p.device for _, p in model.named_parameters()), "cpu")
