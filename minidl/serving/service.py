"""A model as a service: questions as JSON, answers as JSON, and no way to crash it (D.T10).

=================  ================================  ==================================================
request            body                              answer
=================  ================================  ==================================================
POST /predict      {"inputs": [[...], ...]}          {"outputs": [[...], ...]}
                   {"inputs": {"a": ..., "b": ...}}  for several inputs; several outputs likewise
GET /health                                          {"status": "ok"}
GET /model                                           its name, summary, and shapes of inputs
GET /metrics                                         counts, and latency percentiles
GET /drift                                           what the monitor has seen, where there is one
=================  ================================  ==================================================

Here is what a question may be, and the answer; ``server.py`` brings them over HTTP. A mistake of the asker's gets a
status from 400 on and a sentence: who, expected, got, fix. A fault of ours gets 500 and says nothing about the inside.
"""

import json
import logging
import time
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.errors import describe
from minidl.layers.symbolic import fits
from minidl.models import Model
from minidl.serving.latency import Record
from minidl.serving.monitor import DriftMonitor
from minidl.settings import check_whole
from minidl.summary import is_built, summary_lines

PREDICT, PAGES = "/predict", ("/health", "/model", "/metrics", "/drift")
Answer = tuple[int, dict[str, Any]]  # status, and what will be JSON
log = logging.getLogger(__name__)


class Refused(Exception):
    """A question that will not do: its status and a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Service:
    """Answers for one model, from any number of threads at once.

    The model computes in evaluation mode without recording, whatever its own mode, and nothing of it is changed.

    Parameters
    ----------
    model : Model
        Built.
    monitor : DriftMonitor, optional
        Is shown every input that was answered (of models with one input).
    max_bytes : int
        A longer question is refused unread.

    Examples
    --------
    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
    >>> service = Service(model)
    >>> service.answer("POST", "/predict", b'{"inputs": [[1, 2], [3, 4]]}')
    (200, {'outputs': [[3.0], [7.0]]})
    >>> print(service.answer("POST", "/predict", b'{"inputs": [[1, 2, 3]]}')[1]["error"])
    /predict expects 'input' of shape (None, 2), got (1, 3).
    """

    def __init__(self, model: Model, *, monitor: DriftMonitor | None = None, max_bytes: int = 10_000_000):
        if not isinstance(model, Model):
            raise TypeError(f"Service expects a model, got {describe(model)}.")
        if not is_built(model):
            raise ValueError(
                f"Service: {model.name!r} is not built yet.\n"
                "Give it Input(shape=...) or input_shape, or call it once on some data."
            )
        if monitor is not None and not isinstance(monitor, DriftMonitor):
            raise TypeError(f"Service expects monitor as a DriftMonitor, got {describe(monitor)}.")
        self.model, self.monitor = model, monitor
        self.max_bytes = check_whole("Service", "max_bytes", max_bytes)
        self.record = Record()
        self.shapes = model.input_shapes()  # [] where a call of one's own takes whatever it takes
        names = model.input_names or ["input"]
        self.input_names = names if self.shapes else ["input"]
        if monitor is not None and self.shapes and [(None, *monitor.shape)] != self.shapes:
            raise ValueError(
                f"Service expects a monitor of the model's only input, whose shape is {str(self.shapes)[1:-1]}, "
                f"got one of samples {monitor.shape}."
            )

    # --- answers ------------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, body: bytes = b"") -> Answer:
        """What is answered to a request, whatever it is."""
        start = time.perf_counter()
        try:
            content = self._answer(method, path, body)
        except Refused as refused:
            return self.refusal(path, refused)
        except Exception:  # the service goes on
            log.exception("%s %s failed", method, path)
            return self.refusal(path, Refused(500, "the service made a mistake, which its log tells."))
        if path == PREDICT:
            self.record.answered(time.perf_counter() - start)
        return 200, content

    def refusal(self, path: str, refused: Refused) -> Answer:
        """The answer to a question that will not do, which is counted."""
        if path == PREDICT:
            self.record.failed()
        return refused.status, {"error": str(refused)}

    def _answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        if path != PREDICT and path not in PAGES:
            raise Refused(404, f"{path!r} is not known. Known: {', '.join((PREDICT, *PAGES))}.")
        if method != allowed(path):
            raise Refused(405, f"{path} expects {allowed(path)}, got {method}.")
        if path == PREDICT:
            return self.predict(body)
        if path == "/health":
            return {"status": "ok"}
        if path == "/model":
            return self.about()
        if path == "/metrics":
            return self.record.report()
        if self.monitor is None:
            raise Refused(404, "/drift: this service has no monitor. Start it with serve(model, monitor=...).")
        return self.monitor.summary()

    def about(self) -> dict[str, Any]:
        """Name, summary and shapes; None for a size that may vary."""
        inputs = dict(zip(self.input_names, self.shapes))
        return {"name": self.model.name, "inputs": inputs, "summary": summary_lines(self.model)}

    def predict(self, body: bytes) -> dict[str, Any]:
        """The outputs for the inputs in a question."""
        inputs = self.read(body)
        try:
            outputs = self.model.predict(inputs, verbose=0)
        except (ValueError, TypeError) as error:  # the model's own words: an index that is no word, for instance
            raise Refused(400, f"{PREDICT}: {error}") from error
        several = isinstance(outputs, list)
        if not all(np.isfinite(y).all() for y in (outputs if several else [outputs])):
            raise Refused(500, "the model's output is NaN or infinite for these inputs.")
        if self.monitor is not None:
            self.monitor.see(inputs)
        if not several:
            return {"outputs": outputs.tolist()}
        names = self.model.output_names or [f"output_{k}" for k in range(len(outputs))]
        return {"outputs": {name: y.tolist() for name, y in zip(names, outputs)}}

    # --- questions ----------------------------------------------------------------------------------------------------

    def read(self, body: bytes) -> Any:
        """The inputs as the model takes them: an array, or a list of arrays; refused unless they are of its shapes."""
        if len(body) > self.max_bytes:
            raise Refused(413, self.too_long(len(body)))
        question = parse(body)
        if not isinstance(question, dict) or question.keys() != {"inputs"}:
            got = f"keys {sorted(question)}" if isinstance(question, dict) else type(question).__name__
            raise Refused(400, f'{PREDICT} expects {{"inputs": [...]}}, got {got}.')
        given = question["inputs"]
        if len(self.input_names) == 1 and not isinstance(given, dict):
            given = {self.input_names[0]: given}
        if not isinstance(given, dict) or given.keys() != set(self.input_names):
            got = sorted(given) if isinstance(given, dict) else type(given).__name__
            raise Refused(400, f"{PREDICT} expects inputs named {', '.join(self.input_names)}, got {got}.")
        arrays = [self.read_array(name, given[name], k) for k, name in enumerate(self.input_names)]
        if len({len(x) for x in arrays}) > 1:
            raise Refused(400, f"{PREDICT} expects as many samples of each input, got {[len(x) for x in arrays]}.")
        return arrays if len(arrays) > 1 else arrays[0]

    def read_array(self, name: str, given: Any, k: int) -> Array:
        """One input as an array of finite numbers, of the shape that the model was drawn with."""
        try:
            x = np.array(given)
        except ValueError:
            raise Refused(400, f"{PREDICT} expects {name!r} as rows of the same length, got ragged ones.") from None
        if x.dtype.kind not in "iuf":
            raise Refused(400, f"{PREDICT} expects {name!r} of numbers only, got texts, truth values, null or objects.")
        if not x.ndim or not len(x):
            raise Refused(400, f"{PREDICT} expects {name!r} as a list of at least one sample, got shape {x.shape}.")
        if x.dtype.kind == "f" and not (np.abs(x) < np.finfo(np.float32).max).all():
            raise Refused(400, f"{PREDICT} expects {name!r} of numbers that float32 can hold.")
        if self.shapes and not fits(x.shape, self.shapes[k]):
            one = " Is it one sample? Put it into a list." if fits(x.shape, self.shapes[k][1:]) else ""
            raise Refused(400, f"{PREDICT} expects {name!r} of shape {self.shapes[k]}, got {x.shape}.{one}")
        return x

    def too_long(self, length: int) -> str:
        """The sentence for a question of so many bytes."""
        return f"{PREDICT} expects at most {self.max_bytes:,} bytes, got {length:,}. Ask in several parts."


def allowed(path: str) -> str:
    """The method that a page answers to."""
    return "POST" if path == PREDICT else "GET"


def parse(body: bytes) -> Any:
    """JSON as the standard has it: Python's reader would take NaN and Infinity too."""

    def refuse(word: str) -> None:
        raise Refused(400, f"{PREDICT} expects JSON, which has no {word}. Send finite numbers.")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, an endless number; or lists in lists in lists
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Refused(400, f"{PREDICT} expects JSON, got something else: {reason}.") from None
