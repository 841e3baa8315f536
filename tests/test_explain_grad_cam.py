"""Grad-CAM (D.T11): against class activation maps, and what it cannot look at."""

import numpy as np
import pytest
from explained_models import IMAGES, RNG, X, image_model, table_model

import minidl as md
from minidl import explain
from minidl import layers as L


def test_behind_an_average_of_maps_grad_cam_is_the_class_activation_map():
    """f = Σ_k w_k mean_ij A_kij + b: α_k = w_k / (h w) (Selvaraju et al., section 3.1)."""
    md.seed(4)
    conv, head = L.Conv2D(5, 3, activation="tanh", input_shape=(8, 8, 1)), L.Dense(3)
    model = md.Sequential([conv, L.GlobalAveragePooling2D(), head])
    x = RNG.random((4, 8, 8, 1), dtype=np.float32)
    A, target = conv(x).numpy(), np.array([0, 2, 1, 1])
    alpha = head.kernel.numpy().T[target] / 36  # (N, K)
    L_ = np.maximum(np.einsum("nk,nijk->nij", alpha, A), 0)
    cam = explain.grad_cam(model, x, target)
    assert cam.shape == (4, 8, 8) and L_.any()
    rows = np.clip((np.arange(8) + 0.5) * 6 / 8 - 0.5, 0, 5)
    for n in range(4):
        lines = np.array([np.interp(rows, np.arange(6), L_[n, :, j]) for j in range(6)])  # (w, H)
        smooth = np.array([np.interp(rows, np.arange(6), lines[:, i]) for i in range(8)])
        np.testing.assert_allclose(cam[n], smooth, atol=1e-6)


def test_grad_cam_looks_at_the_last_convolution_or_at_the_one_named():
    model = image_model()
    last = explain.grad_cam(model, IMAGES, 0)
    np.testing.assert_array_equal(last, explain.grad_cam(model, IMAGES, 0, layer="conv2d_1"))
    np.testing.assert_array_equal(last, explain.grad_cam(model, IMAGES, 0, layer=model.layers[2]))
    first = explain.grad_cam(model, IMAGES, 0, layer="conv2d")
    assert first.shape == (3, 7, 6) and np.abs(first - last).max() > 1e-3
    assert explain.grad_cam(model, IMAGES, 0, layer="max_pooling2d").shape == (3, 7, 6)


def test_what_grad_cam_cannot_look_at():
    model = image_model()
    with pytest.raises(ValueError, match=r"layer 'conv' is not known. Did you mean 'conv2d'"):
        explain.grad_cam(model, IMAGES, layer="conv")
    with pytest.raises(ValueError, match="is not inside 'sequential'"):
        explain.grad_cam(model, IMAGES, layer=L.Conv2D(2, 3))
    with pytest.raises(ValueError, match=r"maps \(N, h, w, K\).*\nand from 'dense' shape \(3, 3\)"):
        explain.grad_cam(model, IMAGES, layer="dense")
    with pytest.raises(ValueError, match="finds no Conv2D in 'sequential'"):
        explain.grad_cam(table_model(), X)
    with pytest.raises(TypeError, match="a model, to look at a layer inside, got function"):
        explain.grad_cam(lambda x: model(x), IMAGES)
    x = md.Input(shape=(6, 6, 1))
    twice = L.Conv2D(1, 3, padding="same")
    drawn = md.Model(x, L.Flatten()(twice(twice(x))))
    with pytest.raises(ValueError, match="calls once, but 'conv2d' is called 2 times"):
        explain.grad_cam(drawn, np.ones((1, 6, 6, 1), np.float32))
