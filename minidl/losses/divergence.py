"""The divergence of two distributions."""

from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.losses.base import Loss, average
from minidl.losses.cross_entropy import epsilon
from minidl.ops.cross_entropy import check_outputs, check_probabilities
from minidl.ops.exponentials import log
from minidl.ops.selection import clip


class KLDivergence(Loss):
    """ℓ = Σⱼ tⱼ log(tⱼ / pⱼ): what is lost by coding t with p (Kullback & Leibler 1951); both kept in [ε, 1]."""

    name = "kl_divergence"

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        return self.check_shares(super().check(y_true, y_pred))

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        check_outputs(self.name, y_pred)
        check_probabilities(self.name, y_pred._data, "softmax", highest=1)
        eps = epsilon(y_pred.dtype)
        t = y_true.clip(eps, 1)
        p = clip(y_pred, eps, 1)
        return average(((array_module(t).log(t) - log(p)) * t).sum(axis=-1), weights)
