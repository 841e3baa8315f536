"""What ``check`` says: true or false, and a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RIGHT, WRONG, UNWRITTEN = "right", "not right yet", "not written yet"


class NotYet(Exception):
    """An answer is not right yet, and why, in a few lines; ``look`` says what to look at next."""

    status = WRONG

    def __init__(self, message: str, look: str = "", **evidence: Mapping[str, Any]):
        super().__init__(message)
        self.look = look
        self.evidence = evidence  # inputs, got, expected, by name


class NotWritten(NotYet):
    """The answer still raises NotImplementedError."""

    status = UNWRITTEN

    def __init__(self) -> None:
        super().__init__("")


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """Whether an answer is right, with the message as its repr.

    ``inputs``, ``got`` and ``expected`` hold, by name, the arrays of the run that went wrong.

    >>> verdict = Verdict("relu", WRONG, "y: right size, wrong sign.")
    >>> bool(verdict), verdict
    (False, relu: not right yet.
    y: right size, wrong sign.)
    """

    name: str
    status: str
    message: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    got: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.status == RIGHT

    def __repr__(self) -> str:
        return f"{self.name}: {self.status}." + (f"\n{self.message}" if self.message else "")


class Report(dict[str, Verdict]):
    """The latest verdict on each exercise; its repr is a table."""

    def __repr__(self) -> str:
        if not self:
            return "No exercise tried yet."
        width = max(map(len, self))
        right = sum(map(bool, self.values()))
        rows = [f"{name:<{width}}  {verdict.status}" for name, verdict in self.items()]
        return "\n".join([*rows, f"{right} of {len(self)} right"])
