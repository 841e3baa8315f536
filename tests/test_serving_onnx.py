"""Models as ONNX (D.T10): the graph means what the model computes, by the specification; no row, no file.

Whether a runtime agrees is asked in ``tests/against_onnx``.
"""

import sys

import fake_cupy
import numpy as np
import onnx_by_hand
import onnx_models
import pytest

import minidl as md
from minidl import layers as L
from minidl.serving import export_onnx
from minidl.serving.export import as_graph
from minidl.serving.onnx_graph import Graph, Value
from minidl.serving.onnx_table import TABLE


@pytest.mark.parametrize("case", (made := onnx_models.cases()).values(), ids=made)
def test_the_graph_computes_what_the_model_does(case):
    model, inputs = onnx_models.make(case)
    graph, entries, results = as_graph(model)
    assert [x.name for x in entries] == list(inputs)
    values = onnx_by_hand.run(graph, inputs)
    expected = onnx_models.outputs_of(model, inputs)
    assert len(results) == len(expected)
    for y, z in zip(results, expected):
        assert all(n in (None, m) for n, m in zip(y.shape, z.shape))
        np.testing.assert_allclose(values[y.name], z, rtol=1e-5, atol=1e-5)


def test_every_row_of_the_table_is_tried():
    tried = set()
    for case in onnx_models.cases().values():
        model, _ = case()
        tried |= {type(layer) for _, layer in model.named_layers()}
    tried |= {L.InputLayer}  # in the next test
    assert set(TABLE) <= tried, f"not tried: {set(TABLE) - tried}"


def test_images_are_turned_once_before_and_once_behind():
    model, _ = onnx_models.make(onnx_models.digits)
    ops = [node.op for node in as_graph(model)[0].nodes]
    assert ops.count("Transpose") == 2 and ops[0] == "Transpose" and ops[ops.index("Flatten") - 1] == "Transpose"
    graph, image = Graph({}), Value("x", (None, 4, 5, 3), np.dtype("float32"))
    assert graph.last(graph.first(image)) == image and graph.first(image) == graph.first(image)
    assert len(graph.nodes) == 1
    plain = Value("y", (None, 4), np.dtype("float32"))
    assert graph.first(plain) == graph.last(plain) == plain


def test_weights_keep_their_names_and_are_float32():
    md.set_default_dtype("float64")
    model = md.Sequential([L.InputLayer((3,)), L.Dense(2, name="out")])
    md.set_default_dtype("float32")
    shared = md.Sequential([model, L.Reshape((1, 2)), L.Reshape((2,))])
    graph, (x,), (y,) = as_graph(shared)
    assert {"sequential.out.kernel", "sequential.out.bias"} < set(graph.weights)
    assert graph.weights["sequential.out.kernel"].dtype == np.float32 == x.dtype
    assert (x.name, x.shape, y.shape) == ("input", (None, 3), (None, 2))


def test_a_parameter_in_two_orders_is_written_twice():
    kernel = L.Parameter(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    graph = Graph({id(kernel): "W"})
    names = [graph.weight(a, of=kernel) for a in (kernel.numpy(), kernel.numpy().T, kernel.numpy())]
    assert names[0] == names[2] == "W" != names[1]
    np.testing.assert_array_equal(graph.weights[names[1]], [[1, 3], [2, 4]])


def test_names_of_inputs_and_outputs_differ():
    x = md.Input(shape=(3,), name="same")
    _, (entry,), (result,) = as_graph(md.Model(x, L.Dense(1, name="same")(x)))
    assert entry.name == "same" != result.name


def test_inputs_of_words_are_whole_numbers():
    def kind(*layers):
        return as_graph(md.Sequential([md.Input(shape=(4,)), *layers]))[1][0].dtype

    assert kind(L.Embedding(5, 2)) == np.int64 == kind(md.Sequential([L.InputLayer((4,)), L.Embedding(5, 2)]))
    assert kind(L.Reshape((4, 1)), L.Embedding(5, 2)) == np.float32 == kind(L.Dense(2))


def test_the_model_is_left_as_it_was():
    model, _ = onnx_models.make(onnx_models.digits)
    model.train()
    before = model.state_dict()
    as_graph(model)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(np.array_equal(before[name], a) for name, a in model.state_dict().items())


class OwnCall(md.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.out = L.Dense(1)

    def call(self, x):
        return self.out(x)


class Doubled(L.Dense):
    def call(self, x):
        return 2 * super().call(x)


def drawn(make, shape=(4, 4)):
    x = md.Input(shape=shape)
    return md.Model(x, make(x))


REFUSED = {
    "unknown layers": (
        lambda: md.Sequential([L.RMSNormalization(input_shape=(4, 2)), md.Sequential([L.TimeDistributed(L.Dense(2))])]),
        ValueError, r"no row for: RMSNormalization 'rms_normalization'; TimeDistributed 'time_distributed'\.\nLayers",
    ),
    "a derived layer": (lambda: drawn(Doubled(3)), ValueError, "no row for: Doubled 'doubled'"),
    "a call": (lambda: OwnCall(), TypeError, "OwnCall 'mine' has a call of its own.*\nDraw it"),
    "a call inside": (lambda: md.Sequential([md.Input(shape=(2,)), OwnCall()]), TypeError, "has a call of its own"),
    "not built": (lambda: md.Sequential([L.Dense(2)]), ValueError, "does not know the shape of its input.\nGive it"),
    "no layers": (lambda: md.Sequential(), ValueError, "does not know the shape"),
    "no model": (lambda: L.Dense(2), TypeError, "expects a Sequential or a drawn Model, then a path, got"),
    "a model in training": (
        lambda: drawn(lambda x: md.Sequential([L.Dropout(0.5)])(x, training=True)), ValueError, "'sequential' called",
    ),
    "in training": (lambda: drawn(lambda x: L.Dropout(0.5)(x, training=True)), ValueError, "'dropout' called with"),
    "masks": (
        lambda: md.Sequential([L.Embedding(5, 2, mask_zero=True, input_shape=(4,)), L.LSTM(2)]),
        ValueError, "Embedding 'embedding' with mask_zero=True before layers that use masks.\nTrain",
    ),
    "a function": (
        lambda: drawn(L.Dense(2, activation=md.sin)), ValueError, "Dense 'dense' with the activation 'sin'.\nUse",
    ),
    "inside an LSTM": (lambda: drawn(L.LSTM(2, "elu")), ValueError, "LSTM 'lstm' with the activation 'elu'.\nKnown"),
    "an index": (lambda: drawn(lambda x: x[:, 0]), ValueError, "'getitem' with the operation 'getitem'.\nOperations"),
    "batch axis": (
        lambda: drawn(L.BatchNormalization(axis=2), (3, 4, 5)), ValueError, "'batch_normalization' with axis=2.\nUse",
    ),
    "strides": (
        lambda: drawn(L.MaxPooling2D(2, 3, "same"), (None, 8, 1)), ValueError, "strides longer than its windows.\nRun",
    ),
    "layer axis": (lambda: drawn(L.LayerNormalization(axis=1)), ValueError, "'layer_normalization' with axis=1.\nUse"),
}  # fmt: skip


def test_no_two_arrays_of_a_file_have_one_name():
    x = md.Input(shape=(2,))
    model = md.Model(x, [L.ReLU(max_value=6.0, name="constant_0")(x), L.Dense(2, name="MatMul_1")(x)])
    graph, (entry,), results = as_graph(model)
    names = [entry.name, *graph.weights, *(node.output for node in graph.nodes)]
    assert len(set(names)) == len(names) and {y.name for y in results} <= set(names)


def test_windows_of_one_have_no_zeros_around():
    """Whatever the size of the image: of what SAME_UPPER asks there, runtimes make less than nothing."""
    for layer in (L.MaxPooling2D(1, 2, "same"), L.Conv2D(3, 1, 2, "same")):
        graph, _, _ = as_graph(drawn(layer, (None, None, 2)))
        (node,) = (n for n in graph.nodes if n.op in ("MaxPool", "Conv"))
        assert not {"auto_pad", "pads"} & node.attributes.keys()


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_row_is_refused_by_name_before_anything_is_written(case, tmp_path):
    make, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        export_onnx(make(), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("a.npz", ValueError, r"ends in \.onnx, of no folder, got 'a.npz'"),
        ("missing/a.onnx", ValueError, "there is no folder"),
        (3, TypeError, "a path such as 'model.onnx', got int 3"),
    ],
)
def test_wrong_paths_are_told_before_the_model_is_looked_at(path, error, words, tmp_path):
    with pytest.raises(error, match=words):
        export_onnx(None, path if isinstance(path, int) else tmp_path / path)


def test_the_missing_package_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # as if it were not installed
    model, _ = onnx_models.make(onnx_models.digits)
    with pytest.raises(ValueError, match=r"needs the package onnx.*\nInstall it with: pip install 'minidl\[onnx\]'"):
        export_onnx(model, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_on_a_gpu_are_fetched():
    model, inputs = onnx_models.make(onnx_models.digits)
    (expected,) = onnx_models.outputs_of(model, inputs)
    with fake_cupy.installed():
        graph, _, (y,) = as_graph(model.to("cuda"))
    assert all(type(array) is np.ndarray for array in graph.weights.values())
    np.testing.assert_allclose(onnx_by_hand.run(graph, inputs)[y.name], expected, rtol=1e-5, atol=1e-5)


def test_masks_that_nobody_looks_at_do_no_harm():
    model = md.Sequential([L.Embedding(5, 2, mask_zero=True, input_shape=(4,)), L.Flatten(), L.Dense(2)])
    assert as_graph(model)[0].nodes[0].op == "Gather"
