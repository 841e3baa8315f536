"""Where the boxes of a graph go: a layered layout, from left to right.

Every node stands in a column to the right of everything that it was computed from. Four steps, after Sugiyama, Tagawa &
Toda 1981, "Methods for visual understanding of hierarchical system structures":

1. *columns*: a node's column is the length of the longest path that leads to it, or further right where that saves
   line (``assign_columns``);
2. *bends*: an edge over several columns gets a bend in each column that it passes, so that from here on every link
   joins neighbouring columns (``insert_bends``);
3. *order* within each column: each node goes to the mean place of its neighbours, the barycentre, column by column and
   back, and the order with the fewest crossings is kept (``order_columns``);
4. *coordinates*: each node as near to its neighbours' mean height as its own size and its order allow
   (``place_heights``).

Nothing here knows what a Tensor or an SVG is: nodes are numbers, with the sources of an edge before its target. The
same graph always gives the same picture: there is no chance in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

COLUMN_GAP = 40.0  # pixels between columns, room for the curves
ROW_GAP = 16.0  # between boxes of one column
PORT_GAP = 9.0  # between the places where the operands of one op arrive
BEND_HEIGHT = 6.0
SWEEPS = 12


@dataclass
class Layout:
    """Columns of nodes, links between neighbouring columns, and in the end coordinates.

    Nodes 0 ... n − 1 are the caller's; bends follow. A link is (from, to, port), where port counts the operands of
    ``to``.
    """

    widths: list[float]
    heights: list[float]
    column: list[int] = field(default_factory=list)
    links: list[tuple[int, int, int]] = field(default_factory=list)
    order: list[list[int]] = field(default_factory=list)  # the nodes of each column, top to bottom
    operands: list[int] = field(default_factory=list)  # how many edges arrive at each node
    left: list[float] = field(default_factory=list)  # x of each node's left side
    centre: list[float] = field(default_factory=list)  # y of each node's centre

    def port_offset(self, node: int, port: int) -> float:
        """How far below the node's centre operand number ``port`` arrives: the first on top, the last at the bottom."""
        return (port - (self.operands[node] - 1) / 2) * PORT_GAP


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Columns and coordinates for boxes of these (width, height), joined by edges (source, target).

    Edges into the same target stand in the order of its operands.

    >>> layout = lay_out([(40, 20), (40, 20), (40, 20)], [(0, 2), (1, 2)])
    >>> layout.column, layout.order
    ([0, 0, 1], [[0, 1], [2]])
    """
    n = len(sizes)
    layout = Layout([float(w) for w, _ in sizes], [float(h) for _, h in sizes])
    layout.column = assign_columns(n, edges)
    insert_bends(layout, edges)
    order_columns(layout)
    place_columns(layout, edges)
    place_heights(layout)
    return layout


def assign_columns(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path to each node, then as far right as saves line.

    A node with room before the first that uses it moves there when more lines go out of it than come in. A source that
    nothing else uses comes along, so its line does not count; and of a node whose sources are all leaves, which have
    room themselves, one more line may come in.

    >>> assign_columns(4, [(0, 2), (2, 3), (1, 3)])
    [0, 1, 1, 2]
    """
    column = [0] * n
    sources: list[list[int]] = [[] for _ in range(n)]
    targets: list[list[int]] = [[] for _ in range(n)]
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        column[target] = max(column[target], column[source] + 1)
        sources[target].append(source)
        targets[source].append(target)
    for node in reversed(range(n)):
        coming = sum(bool(sources[s]) or len(targets[s]) > 1 for s in sources[node])
        from_leaves = not any(sources[s] for s in sources[node])
        if targets[node] and coming < len(targets[node]) + from_leaves:
            column[node] = min(column[t] for t in targets[node]) - 1
    return column


def insert_bends(layout: Layout, edges: Sequence[tuple[int, int]]) -> None:
    """Break long edges into links. Edges from one source share their bends: they run together as long as they can."""
    n = len(layout.column)
    layout.operands = [0] * n
    layout.order = [[] for _ in range(max(layout.column) + 1)]
    for node in range(n):
        layout.order[layout.column[node]].append(node)
    bends: dict[tuple[int, int], int] = {}  # (source, column) -> bend
    for source, target in edges:
        at = source
        for c in range(layout.column[source] + 1, layout.column[target]):
            if (source, c) not in bends:
                bend = bends[source, c] = len(layout.column)
                layout.column.append(c)
                layout.widths.append(0.0)
                layout.heights.append(BEND_HEIGHT)
                layout.operands.append(1)
                layout.order[c].append(bend)
                layout.links.append((at, bend, 0))
            at = bends[source, c]
        layout.links.append((at, target, layout.operands[target]))
        layout.operands[target] += 1


# --- order --------------------------------------------------------------------------------------------------------


def order_columns(layout: Layout) -> None:
    """Sort each column by the mean place of its neighbours, sweeping left and right; keep the best order seen."""
    columns = range(len(layout.order))
    best, fewest = [list(c) for c in layout.order], count_crossings(layout)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        leftwards = sweep % 2 == 0  # the results' order is best known first, so sweep from right to left first
        place = {node: float(i) for c in layout.order for i, node in enumerate(c)}
        for c in reversed(columns) if leftwards else columns:
            neighbours: dict[int, list[float]] = {node: [] for node in layout.order[c]}
            for a, b, port in layout.links:
                if leftwards and layout.column[a] == c:
                    neighbours[a].append(place[b] + (port + 1) / (layout.operands[b] + 1) - 0.5)
                elif not leftwards and layout.column[b] == c:
                    neighbours[b].append(place[a])
            mean = {node: sum(p) / len(p) if p else place[node] for node, p in neighbours.items()}
            layout.order[c].sort(key=lambda node: mean[node])
            place.update({node: float(i) for i, node in enumerate(layout.order[c])})
        crossings = count_crossings(layout)
        if crossings < fewest:
            best, fewest = [list(c) for c in layout.order], crossings
    layout.order = best


def count_crossings(layout: Layout) -> int:
    """How many pairs of links cross: those whose ends are in opposite orders."""
    place = {node: i for c in layout.order for i, node in enumerate(c)}
    between: list[list[tuple[int, int, int]]] = [[] for _ in layout.order]
    for a, b, port in layout.links:
        between[layout.column[a]].append((place[a], place[b], port))
    crossings = 0
    for links in between:
        for i, (a, b, port) in enumerate(links):
            crossings += sum(a < c and (b, port) > (d, other) for c, d, other in links[:i])
            crossings += sum(a > c and (b, port) < (d, other) for c, d, other in links[:i])
    return crossings


# --- coordinates --------------------------------------------------------------------------------------------------


def place_columns(layout: Layout, edges: Sequence[tuple[int, int]]) -> None:
    """X: columns one after another. Nodes without sources stand at the right of their column, near their use."""
    computed = {target for _, target in edges}
    layout.left = [0.0] * len(layout.column)
    x = 0.0
    for c in layout.order:
        width = max(layout.widths[node] for node in c)
        for node in c:
            is_bend = layout.widths[node] == 0
            if is_bend:
                layout.widths[node] = width  # a passing edge runs straight through the column
            layout.left[node] = x if is_bend or node in computed else x + width - layout.widths[node]
        x += width + COLUMN_GAP


def place_heights(layout: Layout) -> None:
    """Y: pull every node towards its neighbours' mean, column by column, back and forth, until nothing moves much."""
    layout.centre = [0.0] * len(layout.column)
    for c in layout.order:
        fit(layout, c, [0.0] * len(c))
    wishes: list[list[tuple[int, float, float]]] = [[] for _ in layout.column]  # (neighbour, offset, weight)
    for a, b, port in layout.links:
        offset = layout.port_offset(b, port)
        # Long edges are to be straight: a link at a bend pulls harder, one between two bends hardest, with the weights
        # of Gansner, Koutsofios, North & Vo 1993, "A technique for drawing directed graphs", section 4.
        weight = (1.0, 2.0, 8.0)[(layout.heights[a] == BEND_HEIGHT) + (layout.heights[b] == BEND_HEIGHT)]
        wishes[a].append((b, offset, weight))
        wishes[b].append((a, -offset, weight))
    for sweep in range(4 * SWEEPS):
        for c in layout.order if sweep % 2 else reversed(layout.order):
            targets = []
            for node in c:
                total = sum(weight for _, _, weight in wishes[node])
                pulled = sum(weight * (layout.centre[m] + offset) for m, offset, weight in wishes[node])
                targets.append(pulled / total if total else layout.centre[node])
            fit(layout, c, targets)
    top = min(y - h / 2 for y, h in zip(layout.centre, layout.heights))
    layout.centre = [y - top for y in layout.centre]


def fit(layout: Layout, nodes: list[int], targets: list[float]) -> None:
    """The heights nearest to the targets (least squares) that keep the order and the gaps.

    Subtract from each target the room that the boxes above take; what is left must not fall from top to bottom. The
    nearest rising sequence is found by pooling: where a value is below the one before it, both become their mean
    (pool adjacent violators, Barlow et al. 1972).
    """
    room = 0.0
    rooms = []
    for above, node in zip([None, *nodes[:-1]], nodes):
        if above is not None:
            room += (layout.heights[above] + layout.heights[node]) / 2 + ROW_GAP
        rooms.append(room)
    pools: list[tuple[float, int]] = []  # (mean, how many nodes)
    for target, room in zip(targets, rooms):
        mean, count = target - room, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    for node, mean, room in zip(nodes, means, rooms):
        layout.centre[node] = mean + room
