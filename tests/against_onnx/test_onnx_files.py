"""Exported files in onnxruntime give what the models give, and are of the operators' version that they say."""

import numpy as np
import onnx_models
import pytest

import minidl as md
from minidl import layers as L
from minidl.serving import export_onnx

WHY = "onnx or onnxruntime is not installed: pip install '.[test-onnx]'"
onnx = pytest.importorskip("onnx", reason=WHY)
onnxruntime = pytest.importorskip("onnxruntime", reason=WHY)


def elsewhere(model, inputs, path):
    """The outputs of the file, by name."""
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [x.name for x in session.get_inputs()] == list(inputs)
    return dict(zip([y.name for y in session.get_outputs()], session.run(None, inputs)))


@pytest.mark.parametrize("case", (made := onnx_models.cases()).values(), ids=made)
def test_a_runtime_computes_what_the_model_does(case, tmp_path):
    model, inputs = onnx_models.make(case)
    theirs = elsewhere(model, inputs, tmp_path / "a.onnx")
    for y, z in zip(theirs.values(), onnx_models.outputs_of(model, inputs), strict=True):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)


def test_the_batch_may_be_of_any_size(tmp_path):
    model, _ = onnx_models.make(onnx_models.digits)
    for N in (1, 7):
        x = np.random.default_rng(N).normal(size=(N, 10, 10, 1)).astype(np.float32)
        (y,) = elsewhere(model, {"input": x}, tmp_path / "a.onnx").values()
        np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def test_models_of_float64_are_written_in_float32(tmp_path):
    md.set_default_dtype("float64")
    try:
        model, inputs = onnx_models.make(onnx_models.digits)
        expected = model.predict(inputs["input"], verbose=0)
    finally:
        md.set_default_dtype("float32")
    (y,) = elsewhere(model, inputs, tmp_path / "a.onnx").values()
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_names_and_versions_in_the_file(tmp_path):
    model = md.Sequential([L.Dense(2, input_shape=(3,), name="out")], name="net")
    export_onnx(model, tmp_path / "a.onnx")
    file = onnx.load(tmp_path / "a.onnx")
    assert (file.graph.name, file.opset_import[0].version, file.ir_version) == ("net", 20, 9)
    assert {w.name for w in file.graph.initializer} == {"out.kernel", "out.bias"}
    assert [x.name for x in file.graph.input] == ["input"]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(file.graph.initializer[0]), model.layers[0].kernel.numpy())


def test_an_old_file_stays_where_the_new_one_cannot_be_made(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="no row"):
        export_onnx(md.Sequential([L.RMSNormalization(input_shape=(3,))]), path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
