"""The layered layout: its rules on random graphs, and small graphs whose best picture is known."""

from hypothesis import given
from hypothesis import strategies as st

from minidl.plot.layout import ROW_GAP, assign_columns, count_crossings, lay_out, order_columns


@st.composite
def graphs(draw):
    """Sizes and edges; each edge goes from an earlier node to a later one, some twice."""
    n = draw(st.integers(1, 15))
    edges = []
    for target in range(1, n):
        sources = draw(st.lists(st.integers(0, target - 1), max_size=3))
        edges += [(source, target) for source in sources]
    sizes = [(draw(st.integers(20, 120)), draw(st.integers(20, 80))) for _ in range(n)]
    return sizes, edges


@given(graphs())
def test_edges_go_right_and_every_link_joins_neighbouring_columns(graph):
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    for source, target in edges:
        assert layout.column[source] < layout.column[target]
        assert layout.left[source] + sizes[source][0] < layout.left[target]
    for a, b, _ in layout.links:
        assert layout.column[b] == layout.column[a] + 1
    assert sorted(node for column in layout.order for node in column) == list(range(len(layout.column)))


@given(graphs())
def test_every_edge_has_its_links_and_every_operand_its_port(graph):
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    n = len(sizes)
    into = {}
    for a, b, port in layout.links:
        into.setdefault(b, []).append((port, a))
    for target in range(n):
        found = []
        for port, a in sorted(into.get(target, [])):
            assert port == len(found)
            while a >= n:  # a bend: follow the line back
                ((_, a),) = into[a]
            found.append(a)
        assert found == [source for source, t in edges if t == target]


@given(graphs())
def test_no_boxes_touch_and_the_picture_starts_at_zero(graph):
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    for column in layout.order:
        for above, below in zip(column[:-1], column[1:]):
            gap = layout.centre[below] - layout.centre[above] - (layout.heights[above] + layout.heights[below]) / 2
            assert gap >= ROW_GAP - 1e-6
    assert abs(min(y - h / 2 for y, h in zip(layout.centre, layout.heights))) < 1e-6
    assert min(layout.left) >= 0


@given(graphs())
def test_sorting_never_adds_crossings_and_there_is_no_chance_in_it(graph):
    layout, again = lay_out(*graph), lay_out(*graph)
    assert layout == again
    before = count_crossings(layout)
    order_columns(layout)
    assert count_crossings(layout) <= before


def test_a_crossing_that_can_be_avoided_is():
    # 0 and 1 feed 2 and 3 the wrong way round; 4 takes 2 and then 3.
    layout = lay_out([(30, 20)] * 5, [(1, 2), (0, 3), (2, 4), (3, 4)])
    assert count_crossings(layout) == 0 and layout.order[0] == [1, 0]


def test_operands_from_swapped_sources_cross_once():
    layout = lay_out([(30, 20)] * 4, [(0, 2), (1, 2), (1, 3), (0, 3)])
    assert count_crossings(layout) == 1 + 1  # of four links, whatever the order: K(2,2) and its ports


def test_leaves_stand_next_to_their_use():
    assert assign_columns(6, [(0, 1), (1, 2), (2, 4), (3, 4), (4, 5)]) == [0, 1, 2, 2, 3, 4]


def test_a_chain_is_a_straight_line():
    layout = lay_out([(30, 20), (50, 40), (30, 26)], [(0, 1), (1, 2)])
    assert max(layout.centre) - min(layout.centre) < 1e-6


def test_a_long_edge_is_nearly_straight():
    chain = [(i, i + 1) for i in range(8)]
    layout = lay_out([(40, 30)] * 9, [*chain, (0, 8)])
    bends = [y for y, node in zip(layout.centre, range(len(layout.centre))) if node >= 9]
    assert len(bends) == 7 and max(bends) - min(bends) < 15
