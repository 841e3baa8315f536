"""Feedback for exercises: is the answer right, and if not, what is the likely mistake?

>>> from minidl.check import check
>>> def multiply_backward(g, x, w):
...     return g * w, -g * x
>>> check("multiply_backward", multiply_backward)
multiply_backward: not right yet.
dw: right size, wrong sign.
Given g (4, 5), x (4, 5), w (4, 5): dx is right. Largest error 4.3 in dw (limit 2.1e-07).
Look next: check.verdicts['multiply_backward'] holds .inputs, .got and .expected of this run.

What it insists on, since a judge that is easily satisfied is worse than none: random upstream gradients, float64, all
sizes different, exact shapes before numbers, inputs left as they were, and a second run with other sizes and numbers.
The words come from ``minidl.diagnosis``, as those of ``check_grads`` do. Whatever an answer does is told, also that it
ends the program or never ends: after a minute it is stopped (see ``patience.py``).

``python -m minidl.check`` lists the exercises; ``minidl.check.pytest_plugin`` checks a file of answers.
"""

from minidl.check.checker import Checker
from minidl.check.verdict import Verdict

check = Checker()

__all__ = ["check", "Checker", "Verdict"]
