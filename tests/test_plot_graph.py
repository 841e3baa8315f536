"""The drawing of a Tensor's graph: what stands in it, and what drawing leaves alone."""

import xml.etree.ElementTree as ET

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.plot import graph
from minidl.plot.svg import Drawing

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing):
    """All words in the picture; parsing it proves that it is well-formed."""
    return [e.text for e in ET.fromstring(drawing.svg).iter(f"{SVG}text") if e.text]


def boxes(drawing):
    """What appears under the mouse, one for each value."""
    return [e.find(f"{SVG}title").text for e in ET.fromstring(drawing.svg).iter(f"{SVG}g")]


def line():
    w = md.Tensor(2.0, requires_grad=True)
    x = md.Tensor(3.0)
    b = md.Tensor(-1.0, requires_grad=True)
    return w, x, b, (w * x + b) * 0.5


def test_values_gradients_ops_and_names():
    w, x, b, y = line()
    words = texts(graph(y, names={"w": w, "x": x, "b<1>": b}))
    for expected in ["w", "x", "b<1>", "×", "+", "  2", "∂ 1.5", "  −1", "∂ 0.5", "  6", "  2.5", "∂ 1", "3"]:
        assert expected in words, expected


def test_every_value_is_drawn_once_however_often_it_is_used():
    x = md.Tensor(3.0, requires_grad=True)
    y = x * x
    z = y + y * x
    drawing = graph(z)
    assert len(boxes(drawing)) == 4  # x, y, y·x, z
    assert "∂ 33" in texts(drawing)  # 2x + 3x²
    labels = np.array([1.0, 2.0])
    assert len(boxes(graph((md.Tensor([1.0, 2.0], requires_grad=True) * labels + labels).sum()))) == 5


def test_plain_numbers_are_constants_of_their_own():
    x = md.Tensor(3.0, requires_grad=True)
    assert len(boxes(graph(x * 2.0 + 2.0))) == 5


def test_small_arrays_are_written_out_and_big_ones_by_range_and_shape():
    small = md.Tensor(np.array([[1.0, -2.5], [0.25, 3.0]]), requires_grad=True)
    big = md.Tensor(np.arange(20.0) - 5, requires_grad=True)
    words = texts(graph((small * small).sum() + (big * big).sum()))
    assert "   1.00  −2.50" in words and "   0.25   3.00" in words and "∂  2.0  −5.0" not in words
    assert "(2, 2)" in words and "(20,)" in words
    assert "  −5 … 14" in words and "∂ −10 … 28" in words


def test_a_result_of_several_numbers_needs_an_upstream_gradient():
    x = md.Tensor([1.0, 2.0], requires_grad=True)
    assert not [t for t in texts(graph(x * 3.0)) if t.startswith("∂")]
    assert "∂ 30   3" in texts(graph(x * 3.0, gradient=[10.0, 1.0]))


def test_drawing_leaves_the_graph_and_the_gradients_as_they_were():
    w, _, _, y = line()
    graph(y)
    assert w.grad is None
    y.backward()
    assert w.grad == 1.5


def test_the_same_graph_gives_the_same_picture():
    assert graph(line()[-1]).svg == graph(line()[-1]).svg


def test_constants_and_leaves_are_pictures_too():
    assert len(boxes(graph(md.Tensor([1.0, 2.0])))) == 1
    assert "∂ 1" in texts(graph(md.Tensor(2.0, requires_grad=True)))
    assert len(boxes(graph(md.Tensor(2.0) * 3.0))) == 1  # nothing was recorded
    assert "empty" in texts(graph(md.Tensor(np.zeros((0, 3)))))


def test_not_a_number_is_written_as_such():
    x = md.Tensor(np.array([np.nan, np.inf, 1.0]), requires_grad=True)
    assert any("nan" in t and "inf" in t for t in texts(graph(x * 2.0)))


def test_integers_and_truth_values():
    x = md.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    words = texts(graph((x * np.array([True, False]) + np.array([3, 4])).sum()))
    assert " True  False" in words and "3  4" in words


@pytest.mark.parametrize("length", [200, 5000])
def test_long_chains_are_refused_with_the_remedy(length):
    x = md.Tensor(1.0, requires_grad=True)
    for _ in range(length):
        x = -x
    with pytest.raises(ValueError, match=r"up to 150 values.*\n.*max_nodes=1000"):
        graph(x)


def test_longer_chains_may_be_asked_for():
    x = md.Tensor(1.0, requires_grad=True)
    for _ in range(200):
        x = -x
    assert len(boxes(graph(x, max_nodes=201))) == 201


def test_a_graph_that_backward_has_used_up_is_refused_with_the_remedy():
    y = line()[-1]
    y.backward()
    with pytest.raises(ValueError, match=r"used up by a backward pass.\n.*retain_graph=True"):
        graph(y)


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="expects a Tensor, got ndarray"):
        graph(np.ones(3))
    for names in (3, {"x": 3}, {3: md.Tensor(1.0)}):
        with pytest.raises(TypeError, match=r"graph expects names as {'W': W}, of Tensors, got"):
            graph(md.Tensor(1.0), names=names)
    with pytest.raises(TypeError, match="max_nodes as a positive integer, got str 'a'"):
        graph(md.Tensor(1.0), max_nodes="a")


def test_drawings_are_saved_and_shown(tmp_path):
    drawing = graph(line()[-1])
    assert drawing._repr_svg_() == drawing.svg
    assert drawing.save(tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing.svg
    with pytest.raises(ValueError, match=r"saved as SVG, got the name 'graph.png'.\nUse 'graph.svg'"):
        drawing.save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()
    assert "SVG" in repr(Drawing("<svg/>"))


def test_tensors_on_a_gpu_are_drawn():
    with fake_cupy.installed() as cupy:
        x = md.Tensor(cupy.asarray(np.array([1.0, 2.0])), requires_grad=True)
        assert "∂ 2  4" in texts(graph((x * x).sum()))
