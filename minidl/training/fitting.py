"""One run of ``fit``: epochs of steps, what is done between them, and the file from which it can be gone on with."""

import math
import os
import warnings
from pathlib import Path
from typing import Any

from minidl.callbacks import Callback, CallbackList, History, Progress
from minidl.layers.base import Layer
from minidl.recording import no_grad
from minidl.saving import check_path
from minidl.training.batches import Batches
from minidl.training.binding import bind_optimizer
from minidl.training.checkpoint import load_checkpoint, read_tree, save_checkpoint
from minidl.training.evaluation import evaluate_batches
from minidl.training.interruption import deferred_interrupt


class Run:
    """Training of a compiled, built model.

    Parameters
    ----------
    model
        With ``train_step``, ``optimizer`` and ``objective``.
    batches
        To train on.
    held_out : Batches, optional
        To evaluate on, after every ``validation_freq`` epochs.
    epochs : int
        Where to stop.
    resume : path, optional
        The file that keeps the state of training.
    callbacks
        The user's.
    verbose : {0, 1, 2}
    """

    def __init__(
        self,
        model: Layer,
        batches: Batches,
        held_out: Batches | None,
        epochs: int,
        validation_freq: int,
        resume: str | os.PathLike | None,
        callbacks: list[Callback],
        verbose: int,
    ):
        if resume is not None and batches.loader is None:
            raise TypeError("fit(resume=...) needs arrays or a DataLoader: the place in a generator cannot be saved.")
        if resume is not None:
            check_path(resume)
        if held_out is not None:
            with model.in_mode(False), no_grad():
                model(held_out.first())  # inputs of another width are refused now, not after an epoch
        self.model, self.batches, self.held_out = model, batches, held_out
        self.epochs, self.validation_freq, self.resume, self.verbose = epochs, validation_freq, resume, verbose
        self.objective = model.objective.fresh()  # so that an evaluation by a callback disturbs nothing
        self.history = History()
        self.done = 0  # steps of the epoch in hand
        keys = self.objective.keys()
        if held_out is not None:
            keys = keys + [f"val_{key}" for key in keys]
        params = {"epochs": epochs, "steps": batches.steps, "verbose": verbose, "metrics": keys}
        progress = [Progress(bar=verbose == 1)] if verbose else []
        self.callbacks = CallbackList([*callbacks, self.history, *progress], model, params)

    def go(self, epoch: int) -> History:
        """Train from ``epoch`` on, or from where the file says."""
        model, callbacks = self.model, self.callbacks
        model.history, model.stop_training = self.history, False
        notes = self._load()
        callbacks.on_train_begin()
        first = 0  # the first batch of the epoch
        if notes is not None:
            epoch, first = notes["epoch"], notes["batch"]
            model.stop_training = notes["stopped"]
            callbacks.load_state_dict(notes["callbacks"])
        try:
            with deferred_interrupt() as self.interrupt:
                while epoch < self.epochs and not model.stop_training:
                    if not first:
                        callbacks.on_epoch_begin(epoch)
                        bind_optimizer(model)  # a callback may have thawed some layers
                        self.objective.reset()
                    self._train(first)
                    logs = {**self.objective.results(), **self._validate(epoch)}
                    callbacks.on_epoch_end(epoch, logs)
                    epoch, first, self.done = epoch + 1, 0, 0
                    if not math.isfinite(logs["loss"]):
                        self._end_for_nan(epoch, logs["loss"])
                        break  # without saving: the file keeps the last good epoch
                    self._save(epoch)
                    self.interrupt.raise_if_requested()
        except KeyboardInterrupt:
            if self.interrupt.requested and not self.interrupt.forced:  # between two steps: all is whole
                self._save(epoch, self.done)
            raise
        finally:
            callbacks.on_train_end()
            model.eval()
        return self.history

    def _train(self, first: int) -> None:
        """The steps of an epoch, from batch ``first`` on."""
        model, callbacks, objective, interrupt = self.model, self.callbacks, self.objective, self.interrupt
        model.train()
        self.done = first
        for x, y, w in self.batches.epoch(first):
            callbacks.on_train_batch_begin(self.done)
            loss, outputs = model.train_step(x, y, w)
            objective.record(loss, y, outputs, model.objective)
            if callbacks.batch_end:
                callbacks.on_train_batch_end(self.done, objective.results())
            self.done += 1
            interrupt.raise_if_requested()
            if model.stop_training:
                break

    def _end_for_nan(self, epoch: int, loss: float) -> None:
        """A loss that is NaN or infinite has spoilt the weights: say why training ends, unless a callback has."""
        if not self.model.stop_training:
            warnings.warn(
                f"fit: the loss of epoch {epoch} is {loss}, and the weights are spoilt by now: training ends.\n"
                "Try a smaller learning rate, or look for NaN in the data.\n"
                "Inside `with md.debug():` fit stops at the op that makes the first NaN or infinity, and names it.",
                RuntimeWarning,
                stacklevel=4,
            )
        self.model.stop_training = True

    def _validate(self, epoch: int) -> dict[str, Any]:
        """Loss and metrics on the held-out data, as val_loss and so on."""
        if self.held_out is None or (epoch + 1) % self.validation_freq:
            return {}
        logs = evaluate_batches(self.model, self.held_out, self.model.objective, interrupt=self.interrupt)
        return {f"val_{key}": value for key, value in logs.items()}

    # --- the file -------------------------------------------------------------------------------------------------

    def _save(self, epoch: int, batch: int = 0) -> None:
        """Write down that ``epoch`` epochs are done, and ``batch`` steps of the next."""
        if self.resume is None:
            return
        save_checkpoint(
            self.resume,
            self.model,
            self.model.optimizer,
            self.batches.loader,
            epoch=epoch,
            batch=batch,
            figures=self.objective.state_dict() if batch else None,
            stopped=self.model.stop_training,
            callbacks=self.callbacks.state_dict(),
        )

    def _load(self) -> dict[str, Any] | None:
        """Go back to what the file holds, if there is one."""
        if self.resume is None or not Path(self.resume).exists():
            return None
        if "figures" not in read_tree(self.resume).get("notes", {"figures": None}):
            raise ValueError(
                f"{os.fspath(self.resume)!r} was written by save_checkpoint, not by fit: where to go on is not known.\n"
                "Read it with load_checkpoint, then call fit without resume, or with another file."
            )
        notes = load_checkpoint(self.resume, self.model, self.model.optimizer, self.batches.loader)
        if notes["figures"] is not None:
            self.objective.load_state_dict(notes["figures"])
        if self.verbose:
            steps = f" and {notes['batch']} steps" if notes["batch"] else ""
            stopped = ", training was stopped there" if notes["stopped"] else ""
            print(f"{os.fspath(self.resume)}: {notes['epoch']} of {self.epochs} epochs{steps} are done{stopped}")
        return notes
