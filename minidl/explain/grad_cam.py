"""Grad-CAM: where in the image the last feature maps found what speaks for the output.

A_k (h, w), k = 1 .. K, are the maps that a convolution gives. The mean slope of f by a map says how much the map speaks
for the output, and the map says where:

    α_k = 1/(h w) Σ_ij ∂f/∂A_kij          L = relu(Σ_k α_k A_k)

The relu leaves only what speaks for it. L is as coarse as the maps, and is drawn larger to the size of the image.

Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks", section 3 (D.T11).
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, move
from minidl.data.interpolation import interpolate
from minidl.errors import describe
from minidl.explain.answer import Answer
from minidl.explain.inside import calls_of, rest_of
from minidl.layers.base import Layer
from minidl.layers.convolution import Conv2D
from minidl.models import Model
from minidl.recording import no_grad
from minidl.transforms import vjp


def grad_cam(model: Model, x: Any, target: Any = None, layer: str | Layer | None = None) -> np.ndarray:
    """L = relu(Σ_k α_k A_k), enlarged to the images' size.

    Parameters
    ----------
    model : Model
        With a convolution in it. A function will not do: nobody can look inside.
    x : (N, H, W, C)
    target : int or (N,) integers, optional
        Which output is f; see ``minidl/explain/answer.py``.
    layer : str or Layer, optional
        What gives the maps; the last ``Conv2D`` unless given. One nearer to the input sees finer and understands less.

    Returns
    -------
    (N, H, W), nowhere below 0

    Raises
    ------
    ValueError, TypeError
        As ``saliency``; or the layer is not inside, is called more than once, or gives no maps.

    Examples
    --------
    >>> import minidl as md
    >>> conv = md.layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1))
    >>> model = md.Sequential([conv, md.layers.GlobalAveragePooling2D(), md.layers.Dense(3)])
    >>> grad_cam(model, np.ones((2, 8, 8, 1), np.float32), target=0).shape
    (2, 8, 8)
    """
    if not isinstance(model, Layer):
        raise TypeError(f"grad_cam expects a model, to look at a layer inside, got {describe(model)}.")
    layer = _layer(model, layer)
    answer = Answer("grad_cam", model, x, target)
    A = _maps(answer, layer)  # (N, h, w, K)
    with no_grad():  # nothing but this pass is recorded
        y, pullback = vjp(rest_of(answer, layer), A)
        alpha = pullback(answer.one_hot(y.data))[0].data.mean(axis=(1, 2))  # (N, h, w, K) → (N, K)
    L = (alpha[:, None, None, :] * A).sum(axis=-1)  # (N, h, w, K) → (N, h, w)
    return move(enlarge(L * (L > 0), answer.x.shape[1:3]), "cpu")


def enlarge(maps: Array, size: tuple[int, int]) -> Array:
    """Maps (N, h, w) as (N, H, W), on straight lines between the middles of their pixels.

    >>> enlarge(np.array([[[0.0, 4.0]]]), (1, 4))
    array([[[0., 1., 3., 4.]]])
    """
    xp = array_module(maps)
    (N, h, w), (H, W) = maps.shape, size
    rows = (xp.arange(H, dtype=maps.dtype) + 0.5) * (h / H) - 0.5
    columns = (xp.arange(W, dtype=maps.dtype) + 0.5) * (w / W) - 0.5
    places = [xp.broadcast_to(a, (N, H, W)) for a in (rows[:, None], columns)]
    return interpolate(maps[..., None], *places)[..., 0]  # (N, h, w, 1) → (N, H, W, 1) → (N, H, W)


def _layer(model: Layer, layer: Any) -> Layer:
    """The layer asked for, or the last ``Conv2D``."""
    inside = [one for _, one in model.named_layers()]
    if layer is None:
        convolutions = [one for one in inside if isinstance(one, Conv2D)]
        if not convolutions:
            raise ValueError(f"grad_cam finds no Conv2D in {model.name!r}. Name a layer that gives maps: layer='...'.")
        return convolutions[-1]
    if isinstance(layer, Layer):
        if layer not in inside:
            raise ValueError(f"grad_cam: {layer.name!r} is not inside {model.name!r}.")
        return layer
    if not isinstance(model, Model):
        raise TypeError(f"grad_cam finds layers by name in a Model, got {type(model).__name__}. Give the layer itself.")
    return model.get_layer(layer)


def _maps(answer: Answer, layer: Layer) -> Array:
    """A, what the layer gives for x."""
    calls = calls_of(answer, layer)
    if len(calls) != 1:
        raise ValueError(
            f"grad_cam expects a layer that the model calls once, but {layer.name!r} is called {len(calls)} times."
        )
    A = getattr(calls[0][1], "data", None)
    if answer.x.ndim != 4 or A is None or A.ndim != 4 or len(A) != len(answer.x):
        got = describe(calls[0][1]) if A is None else f"shape {A.shape}"
        raise ValueError(
            f"grad_cam expects images (N, H, W, C) and maps (N, h, w, K), got x of shape {answer.x.shape}\n"
            f"and from {layer.name!r} {got}."
        )
    return A
