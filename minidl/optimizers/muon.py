"""Muon (D.T4): for matrices, whose rows and columns Adam does not know of."""

from collections.abc import Sequence

from minidl.arrays import Array, array_module
from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.optimizers.rules import Adam
from minidl.settings import check_flag, check_number, check_whole


class Muon(Adam):
    """Momentum made orthogonal, for the matrices W (m, n) of hidden layers; Adam for everything else.

        B ← μ B + G
        O = orthogonal(G + μ B)                            orthogonal(B) without nesterov
        W ← W − α r √max(m, n) O

    The gradient of a layer is dominated by few directions: B = U S Vᵀ with some large s in S and many small. O = U Vᵀ
    steps as far in each of them, so that the rare directions are learnt too. Its numbers have a root mean square of
    1 / √max(m, n), and r that of Adam's usual steps: one learning rate serves both.

    Parameters
    ----------
    parameters, learning_rate, **settings
        As in every ``Optimizer``.
    adam_beta_1, adam_beta_2, epsilon : float
        β₁, β₂ and ε of ``Adam``, for what is no matrix.
    adam_lr_ratio : float
        Adam's rate, also that of its decay, as a part of α.
    exclude_layers : layers, optional
        Built layers whose matrices are Adam's too. The authors advise it for embeddings, whose rows have little to do
        with each other, and for the last layer.
    momentum : float
        μ
    nesterov : bool
    ns_steps : int
        Steps of ``orthogonal``.
    rms_rate : float
        r

    Notes
    -----
    Names and defaults are Keras', which finds layers to exclude by their names. Sources: Jordan et al., "Muon: an
    optimizer for hidden layers in neural networks", 2024; r from Liu et al., "Muon is scalable for LLM training", 2025,
    section 2.2.

    Examples
    --------
    Two directions, one a hundred times as strong as the other, and a step that is about as long in both:

    >>> import minidl as md, numpy as np
    >>> W = md.Parameter(np.zeros((2, 2))); W.grad = np.diag([100.0, 1.0])
    >>> Muon([W], learning_rate=1.0, rms_rate=1.0).step(); W.numpy().round(1)
    array([[-1.,  0.],
           [ 0., -1.]])
    """

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float = 0.004,
        *,
        exclude_layers: Sequence[Layer] = (),
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float = 0.2,
        **settings,
    ):
        super().__init__(
            parameters, learning_rate, adam_beta_1, adam_beta_2, epsilon, weight_decay=weight_decay, **settings
        )
        if not isinstance(exclude_layers, (list, tuple)):
            raise TypeError(
                f"Muon expects exclude_layers as a list of layers, got {describe(exclude_layers)}. Write [model.layer]?"
            )
        self.excluded = [p for layer in exclude_layers for p in parameters_of(layer)]
        self.adam_lr_ratio = check_number("Muon", "adam_lr_ratio", adam_lr_ratio, "[0, inf)")
        self.momentum = check_number("Muon", "momentum", momentum, "[0, 1)")
        self.ns_steps = check_whole("Muon", "ns_steps", ns_steps)
        self.nesterov = check_flag("Muon", "nesterov", nesterov)
        self.rms_rate = check_number("Muon", "rms_rate", rms_rate, "[0, inf)")

    def takes_whole(self, p):
        return p.ndim == 2 and not any(p is q for q in self.excluded)

    def decay(self, w, rate):
        super().decay(w, rate if w.ndim == 2 else rate * self.adam_lr_ratio)

    def update(self, w, g, t, rate, m, v):
        """A matrix comes whole, as (m, n); of it B is remembered in ``m``, and nothing in ``v``."""
        if w.ndim == 1:
            return super().update(w, g, t, rate * self.adam_lr_ratio, m, v)
        m *= self.momentum
        m += g  # B ← μ B + G
        t[...] = g + self.momentum * m if self.nesterov else m
        O = orthogonal(t, self.ns_steps)
        O *= rate * self.rms_rate * max(w.shape) ** 0.5
        w -= O  # W ← W − α r √max(m, n) O


def orthogonal(G: Array, steps: int) -> Array:
    """About U Vᵀ of G = U S Vᵀ, without finding U, S and V: by Newton and Schulz' iteration.

        X₀ = G / ‖G‖        A = X Xᵀ        X ← a X + (b A + c A²) X

    Each step makes a s + b s³ + c s⁵ of each s of X. This polynomial lifts small s steeply and lets large ones swing
    around 1: after five steps those that were 0.01 or more are between 0.68 and 1.14. Source: Jordan 2024.
    """
    xp = array_module(G)
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G / xp.maximum(xp.sqrt((G * G).sum()), 1e-7)
    tall = G.shape[0] > G.shape[1]
    X = X.T if tall else X  # A is then the smaller one of X Xᵀ and Xᵀ X
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * (A @ A)) @ X
    return X.T if tall else X


def parameters_of(layer: Layer) -> list:
    """Those of a built layer, and an error where it has none yet."""
    if not isinstance(layer, Layer):
        raise TypeError(f"Muon expects layers in exclude_layers, got {type(layer).__name__}. Write [model.layer]?")
    if not layer.parameters():
        raise ValueError(f"Muon expects built layers in exclude_layers, {layer.name!r} has no parameters yet.")
    return layer.parameters()
