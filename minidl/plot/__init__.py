"""Pictures: of training, of data and mistakes, of what a model has learnt, and of the graph of a Tensor.

Every function returns what it drew (Axes where there is one plot, a Figure where there are several, a Drawing for a
graph), never opens a window, and draws into ``ax=`` or ``figure=`` where that is given. A notebook shows the result by
itself; ``figure.savefig("picture.png")`` (``ax.figure`` of Axes) and ``drawing.save("graph.svg")`` write files.
Matplotlib is imported when the first picture is made.
"""

from minidl.plot.attention import attention_map
from minidl.plot.classes import confusion_matrix
from minidl.plot.computation import graph
from minidl.plot.curves import training_curves
from minidl.plot.heat import heat_map
from minidl.plot.images import image_grid, weights_as_images, worst_mistakes
from minidl.plot.reliability import reliability
from minidl.plot.series import predictions
from minidl.plot.spread import activation_spread, gradient_spread
from minidl.plot.surface import decision_surface
from minidl.plot.words import coloured_words

__all__ = [
    "training_curves", "confusion_matrix", "image_grid", "worst_mistakes", "weights_as_images", "decision_surface",
    "gradient_spread", "activation_spread", "coloured_words", "attention_map", "heat_map", "predictions", "reliability",
    "graph",
]  # fmt: skip
