"""The graph of a Tensor, drawn: which op made which value of what, with the values and their gradients.

Boxes are values and stand to the right of what they were computed from; the pill at a box's left is the op that made
it. Operands arrive from top to bottom in their order. The layout is ours (``layout.py``), so nothing needs to be
installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidl.arrays import as_array, is_array, move
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.errors import describe
from minidl.plot import svg
from minidl.plot.layout import Layout, lay_out
from minidl.plot.style import BLUE, GREY, INK, ORANGE, VERMILLION
from minidl.settings import check_whole

SYMBOLS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "power": "^", "matmul": "@", "negative": "−x"}
SIZE, SMALL = 12.0, 10.0  # font sizes
LINE = 15.0  # height of a line of text
PAD = 7.0
STEM = 10.0  # from a pill to its box
MARGIN = 14.0
MAX_ROWS, MAX_COLUMNS = 4, 4  # arrays up to this size are written out


@dataclass
class Node:
    """A value, and the op that made it if it was made."""

    value: Any  # the Tensor, array or number in the graph
    name: str = ""
    sources: list[int] = field(default_factory=list)
    gradient: Any = None

    @property
    def op(self) -> str:
        """The op's name, or "" for a leaf."""
        return self.value.op.__name__ if isinstance(self.value, Tensor) and self.value.op else ""

    @property
    def requires_grad(self) -> bool:
        return isinstance(self.value, Tensor) and self.value.requires_grad

    @property
    def array(self) -> np.ndarray:
        return move(self.value.data if isinstance(self.value, Tensor) else as_array(self.value), "cpu")


def graph(
    y: Tensor, names: Mapping[str, Tensor] | None = None, gradient: Any = None, max_nodes: int = 150
) -> svg.Drawing:
    """Draw how y was computed, with the values and, for a single number y, ∂y/∂(value) at each of them.

    Parameters
    ----------
    y : Tensor
        The result; its graph must not have been used up by ``backward``.
    names : {name: Tensor}, optional
        What to call the Tensors, as in ``names={"W": W}`` or ``names=dict(model.named_parameters())``.
    gradient
        The upstream gradient, of y's shape. For a y of several numbers the gradients are left out without it.
    max_nodes : int
        A picture of more values than this is refused: nobody could read it.

    Returns
    -------
    Drawing
        With ``.svg`` and ``.save("graph.svg")``; a notebook shows it by itself.

    Raises
    ------
    ValueError
        The graph is used up, or too big.

    Examples
    --------
    >>> import minidl as md
    >>> w = md.Tensor(2.0, requires_grad=True)
    >>> drawing = graph(w * 3.0 + 1.0, names={"w": w})
    >>> drawing.svg[:4]
    '<svg'
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"graph expects a Tensor, got {type(y).__name__}.")
    if names is not None and not (
        isinstance(names, Mapping) and all(isinstance(name, str) and isinstance(t, Tensor) for name, t in names.items())
    ):
        raise TypeError(f"graph expects names as {{'W': W}}, of Tensors, got {describe(names)}.")
    check_whole("graph", "max_nodes", max_nodes)
    nodes = collect(y, {id(t): name for name, t in (names or {}).items()}, max_nodes)
    if y.requires_grad and (gradient is not None or y.size == 1):
        differentiable = [node for node in nodes if node.requires_grad]
        found = gradients(y, [node.value for node in differentiable], gradient, retain_graph=True)
        for node, g in zip(differentiable, found):
            node.gradient = g
    looks = [Look(node, is_result=node is nodes[-1]) for node in nodes]
    edges = [(source, target) for target, node in enumerate(nodes) for source in node.sources]
    return svg.Drawing(draw(looks, lay_out([look.size for look in looks], edges)))


def collect(y: Tensor, names: dict[int, str], max_nodes: int) -> list[Node]:
    """Every value that y depends on, once, each after its sources; y comes last. A loop, so any depth will do."""
    nodes: list[Node] = []
    number: dict[int, int] = {}  # id of a Tensor or array -> its place in nodes
    met: set[int] = set()
    stack: list[tuple[Any, bool]] = [(y, False)]
    while stack:
        value, sources_done = stack.pop()
        if id(value) in number:
            continue
        inputs = [x for x in value.inputs if x is not None] if isinstance(value, Tensor) else []
        if not sources_done:
            _check_drawable(value)
            met.add(id(value))
            if len(met) > max_nodes:
                raise _too_big(max_nodes)
            stack.append((value, True))
            stack.extend((x, False) for x in reversed(inputs) if _can_be_shared(x))
            continue
        sources = []
        for x in inputs:
            if _can_be_shared(x):
                sources.append(number[id(x)])
            else:
                sources.append(len(nodes))
                nodes.append(Node(x))
        number[id(value)] = len(nodes)
        nodes.append(Node(value, names.get(id(value)) or getattr(value, "name", None) or "", sources))
        if len(nodes) > max_nodes:
            raise _too_big(max_nodes)
    return nodes


def _can_be_shared(x: Any) -> bool:
    """Tensors and arrays are one value wherever they are used; a plain number is a new value at each use."""
    return isinstance(x, Tensor) or is_array(x)


def _check_drawable(value: Any) -> None:
    if isinstance(value, Tensor) and not value.is_leaf and value.op is None:
        raise ValueError(
            "graph: this graph was used up by a backward pass.\n"
            "Draw it before backward(), or call backward(retain_graph=True)."
        )


def _too_big(max_nodes: int) -> ValueError:
    return ValueError(
        f"graph draws up to {max_nodes} values, this graph has more.\n"
        "Draw a part of it (detach() the inputs of the last layers), or allow more: graph(y, max_nodes=1000)."
    )


# --- what stands in a box -----------------------------------------------------------------------------------------


class Look:
    """The lines of text of a node, and how much room they take."""

    def __init__(self, node: Node, is_result: bool):
        self.node, self.is_result = node, is_result
        array = node.array
        self.pill = SYMBOLS.get(node.op, node.op)
        self.heading = node.name
        self.shape = str(array.shape) if array.ndim else ""
        words = written(array)
        gradient_words = [] if node.gradient is None else written(move(node.gradient, "cpu"))
        rows = words + gradient_words
        table = any(len(row) > 1 for row in rows)
        width = max(len(w) for row in rows for w in row) if table else 0  # values stand above their gradients
        indent = "  " if gradient_words else ""
        self.values = [indent + "  ".join(w.rjust(width) for w in row) for row in words]
        self.gradients = ["  ".join(w.rjust(width) for w in row) for row in gradient_words]
        self.pill_width = max(24.0, svg.text_width(self.pill, SIZE, mono=False) + 16) if self.pill else 0.0
        texts = [svg.text_width(line, SIZE) for line in self.values]
        texts += [svg.text_width("∂ " + line, SIZE) for line in self.gradients]
        texts.append(svg.text_width(self.heading, SIZE, mono=False) + svg.text_width("  " + self.shape, SMALL))
        self.box_width = max(34.0, max(texts) + 2 * PAD)
        has_head = bool(self.heading or self.shape)
        lines = has_head + len(self.values) + len(self.gradients)
        self.box_height = lines * LINE + 2 * PAD - 2
        stem = STEM if self.pill else 0.0
        self.size = (self.pill_width + stem + self.box_width, max(self.box_height, 26.0))

    def tooltip(self) -> str:
        """Everything known about the value, for the mouse."""
        array = self.node.array
        made = f"{self.node.op}: " if self.node.op else ""
        words = [f"{made}{array.dtype} of shape {array.shape}"]
        if array.size and array.dtype.kind in "fiu":
            words.append(f"from {array.min():.6g} to {array.max():.6g}, mean {array.mean():.6g}")
        return "\n".join(words)


def written(array: np.ndarray) -> list[list[str]]:
    """The rows of a small array, number by number; of a big one its range.

    >>> written(np.array([[1.0, -0.25], [0.5, 2.0]])), written(np.arange(20.0))
    ([['1.00', '−0.25'], ['0.50', '2.00']], [['0 … 19']])
    """
    rows = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)  # (...,) -> (rows, columns)
    if array.size == 0:
        return [["empty"]]
    if array.ndim > 2 or rows.shape[0] > MAX_ROWS or rows.shape[1] > MAX_COLUMNS:
        low, high = number(array.min()), number(array.max())
        return [[f"all {low}" if low == high else f"{low} … {high}"]]
    words = [[number(v) for v in row] for row in rows]
    if array.size > 1 and array.dtype.kind == "f":
        words = aligned(rows, words)
    return words


def aligned(rows: np.ndarray, words: list[list[str]]) -> list[list[str]]:
    """All with as many decimals as the largest needs for three figures, where that says enough; else ``words``."""
    size = np.abs(rows).max()
    if not (np.isfinite(size) and 1e-3 <= size < 1e4):
        return words
    decimals = int(np.clip(2 - np.floor(np.log10(size)), 0, 5))
    fixed = [[f"{v:.{decimals}f}".replace("-", "−") for v in row] for row in rows]
    while decimals and all(w.endswith("0") for row in fixed for w in row):
        decimals -= 1
        fixed = [[w[:-1].rstrip(".") for w in row] for row in fixed]
    return fixed


def number(v: Any) -> str:
    """Three significant figures, with a real minus sign.

    >>> number(-0.123456), number(True), number(1e-9)
    ('−0.123', 'True', '1e−09')
    """
    return str(v) if isinstance(v, (bool, np.bool_)) else f"{v:.3g}".replace("-", "−")


# --- drawing ------------------------------------------------------------------------------------------------------


def draw(looks: list[Look], layout: Layout) -> str:
    """Links first, boxes over them, the key below."""
    parts = [draw_link(looks, layout, link) for link in layout.links]
    parts += [draw_bend(layout, node) for node in range(len(looks), len(layout.column))]
    for i, look in enumerate(looks):
        parts.append(draw_node(look, layout.left[i] + MARGIN, layout.centre[i] + MARGIN))
    bottom = max(y + h / 2 for y, h in zip(layout.centre, layout.heights)) + MARGIN
    key, key_width = draw_key(MARGIN, bottom + 24, any(look.gradients for look in looks))
    right = max(x + w for x, w in zip(layout.left, layout.widths)) + 2 * MARGIN
    return svg.document(parts + key, max(right, key_width), bottom + 38, "computation graph")


def draw_link(looks: list[Look], layout: Layout, link: tuple[int, int, int]) -> str:
    """From the right side of one node to an operand's place at the left side of another."""
    a, b, port = link
    start = (layout.left[a] + layout.widths[a] + MARGIN, layout.centre[a] + MARGIN)
    end = (layout.left[b] + MARGIN, layout.centre[b] + layout.port_offset(b, port) + MARGIN)
    return svg.curve([start, end], GREY, arrow=b < len(looks))


def draw_bend(layout: Layout, node: int) -> str:
    """The straight piece of a long edge that passes through a column."""
    x, y = layout.left[node] + MARGIN, layout.centre[node] + MARGIN
    return svg.curve([(x, y), (x + layout.widths[node], y)], GREY)


def draw_node(look: Look, x: float, y: float) -> str:
    """A pill for the op, a box for the value; x is the left side, y the centre."""
    parts = []
    if look.pill:
        parts.append(svg.curve([(x + look.pill_width, y), (x + look.pill_width + STEM, y)], GREY))
        h = max(24.0, 10.0 + 9.0 * len(look.node.sources))
        parts.append(svg.rectangle(x, y - h / 2, look.pill_width, h, "#fff1d0", ORANGE, radius=12))
        parts.append(svg.text(x + look.pill_width / 2, y + 4, look.pill, SIZE, INK, mono=False, anchor="middle"))
        x += look.pill_width + STEM
    leaf = not look.node.op
    fill = "#dcebf7" if leaf and look.node.requires_grad else "#f0f0f0" if leaf else "#ffffff"
    edge, line = (BLUE, 2.2) if look.is_result else (BLUE, 1) if look.node.requires_grad else (GREY, 1)
    top = y - look.box_height / 2
    parts.append(svg.rectangle(x, top, look.box_width, look.box_height, fill, edge, line=line))
    at = top + PAD + 10
    if look.heading or look.shape:
        parts.append(svg.text(x + PAD, at, look.heading, SIZE, INK, mono=False, weight="bold"))
        parts.append(svg.text(x + look.box_width - PAD, at, look.shape, SMALL, "#595959", anchor="end"))
        at += LINE
    for words in look.values:
        parts.append(svg.text(x + PAD, at, words, SIZE, INK))
        at += LINE
    for i, words in enumerate(look.gradients):
        parts.append(svg.text(x + PAD, at, ("∂ " if i == 0 else "  ") + words, SIZE, VERMILLION))
        at += LINE
    return svg.group(parts, look.tooltip())


def draw_key(x: float, y: float, has_gradients: bool) -> tuple[list[str], float]:
    """What the colours mean, in one line, and how wide it is."""
    parts: list[str] = []
    entries = [("#dcebf7", BLUE, "wants a gradient"), ("#f0f0f0", GREY, "constant"), ("#ffffff", BLUE, "computed")]
    for fill, edge, words in entries:
        parts.append(svg.rectangle(x, y - 9, 12, 11, fill, edge, radius=3))
        parts.append(svg.text(x + 17, y, words, SMALL, "#595959", mono=False))
        x += 17 + svg.text_width(words, SMALL, mono=False) + 10
    if has_gradients:
        words = "∂  gradient: ∂(result)/∂(this)"
        parts.append(svg.text(x, y, words, SMALL, VERMILLION, mono=False))
        x += svg.text_width(words, SMALL, mono=False)
    return parts, x + MARGIN
