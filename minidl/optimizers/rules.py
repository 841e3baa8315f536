"""The update rules (D.T4).

Each class is the paper's lines and, below them, the same letters: ``w`` the weights, ``g`` their gradient, ``rate`` α,
``t`` scratch memory, the rest the state that the rule remembers. All edit whole blocks of numbers in place; the comment
behind an edit is the line of the paper that is then done.
"""

import math

from minidl.arrays import array_module, constant
from minidl.optimizers.base import Optimizer
from minidl.settings import check_flag, check_number


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

        w ← w − α g                                        without momentum (D0.E5, D2.E4, D4.E6)
        v ← μ v − α g;  w ← w + v                          momentum μ (Polyak 1964; D2.E6)
        v ← μ v − α g;  w ← w + μ v − α g                  nesterov=True (Nesterov 1983, as Bengio et al. 2013 write it)

    Examples
    --------
    With α = 0.1 and gradient 0.5 the step is 0.05 (D2.E4):

    >>> import minidl as md, numpy as np
    >>> w = md.Parameter([1.0]); w.grad = np.array([0.5], np.float32)
    >>> SGD([w], learning_rate=0.1).step(); w
    Parameter([0.95])
    """

    state_names = ("v",)

    def __init__(self, parameters=None, learning_rate=0.01, momentum: float = 0.0, nesterov: bool = False, **settings):
        super().__init__(parameters, learning_rate, **settings)
        self.momentum = check_number("SGD", "momentum", momentum, "[0, 1)")
        self.nesterov = check_flag("SGD", "nesterov", nesterov)
        if not momentum:
            self.state_names = ()

    def update(self, w, g, t, rate, v=None):
        xp = array_module(w)
        xp.multiply(g, rate, out=t)  # α g
        if v is None:
            w -= t  # w ← w − α g
            return
        v *= self.momentum
        v -= t  # v ← μ v − α g
        if self.nesterov:
            w -= t
            xp.multiply(v, self.momentum, out=t)
            w += t  # w ← w + μ v − α g
        else:
            w += v  # w ← w + v


class RMSprop(Optimizer):
    """Divide the gradient by a running mean of its size.

        v ← ρ v + (1 − ρ) g²
        w ← w − α g / √(v + ε)                             without momentum
        m ← μ m + α g / √(v + ε);  w ← w − m               momentum μ

    Source: Tieleman & Hinton, lecture 6.5, 2012; D2.E6. ε inside the root and α inside m, as in Keras.
    """

    state_names = ("v", "m")

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        **settings,
    ):
        super().__init__(parameters, learning_rate, **settings)
        self.rho = check_number("RMSprop", "rho", rho, "[0, 1)")
        self.momentum = check_number("RMSprop", "momentum", momentum, "[0, 1)")
        if not momentum:
            self.state_names = ("v",)
        self.epsilon = check_number("RMSprop", "epsilon", epsilon, "[0, inf)")

    def update(self, w, g, t, rate, v, m=None):
        xp = array_module(w)
        xp.multiply(g, g, out=t)
        t *= 1.0 - self.rho
        v *= self.rho
        v += t  # v ← ρ v + (1 − ρ) g²
        xp.add(v, self.epsilon, out=t)
        xp.sqrt(t, out=t)
        xp.divide(g, t, out=t)
        t *= rate
        if m is None:
            w -= t  # w ← w − α g / √(v + ε)
            return
        m *= self.momentum
        m += t  # m ← μ m + α g / √(v + ε)
        w -= m  # w ← w − m


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares so far.

        v ← v + g²,  v₀ = 0.1
        w ← w − α g / √(v + ε)

    Source: Duchi, Hazan & Singer, JMLR 12, 2011. Starting value and ε as in Keras.
    """

    state_names = ("v",)

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **settings,
    ):
        super().__init__(parameters, learning_rate, **settings)
        who, first = "Adagrad", initial_accumulator_value
        self.initial_accumulator_value = check_number(who, "initial_accumulator_value", first, "[0, inf)")
        self.epsilon = check_number(who, "epsilon", epsilon, "[0, inf)")

    def initial_state(self, name):
        return self.initial_accumulator_value

    def update(self, w, g, t, rate, v):
        xp = array_module(w)
        xp.multiply(g, g, out=t)
        v += t  # v ← v + g²
        xp.add(v, self.epsilon, out=t)
        xp.sqrt(t, out=t)
        xp.divide(g, t, out=t)
        t *= rate
        w -= t  # w ← w − α g / √(v + ε)


class Adam(Optimizer):
    """Momentum, divided by a running size of the gradient, both corrected for starting at zero.

        m ← β₁ m + (1 − β₁) g            m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²           v̂ = v / (1 − β₂ᵗ)
        w ← w − α m̂ / (√v̂ + ε)

    Source: Kingma & Ba 2015, algorithm 1; D2.E5 in its right form. It is computed in ten passes over memory instead of
    thirteen: ``m`` and ``v`` are kept without their factors (1 − β₁) and (1 − β₂), which join the corrections in

        s = √((1 − β₂ᵗ) / (1 − β₂)),   a = α s (1 − β₁) / (1 − β₁ᵗ),   w ← w − a m / (√v + s ε)

    Examples
    --------
    D2.E5's example (m = 0.3, v = 0.4, α = ε = 0.001, no correction: t → ∞) is a step of 4.7359e-4:

    >>> print(f"{0.001 * 0.3 / (math.sqrt(0.4) + 0.001):.4e}")
    4.7359e-04
    """

    state_names = ("m", "v")

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **settings,
    ):
        super().__init__(parameters, learning_rate, **settings)
        who = type(self).__name__
        self.beta_1 = check_number(who, "beta_1", beta_1, "[0, 1)")
        self.beta_2 = check_number(who, "beta_2", beta_2, "[0, 1)")
        self.epsilon = check_number(who, "epsilon", epsilon, "[0, inf)")

    def update(self, w, g, t, rate, m, v):
        xp = array_module(w)
        n = self.age  # t of the paper, from 1
        s = math.sqrt((1.0 - self.beta_2**n) / (1.0 - self.beta_2))
        a = rate * s * (1.0 - self.beta_1) / (1.0 - self.beta_1**n)
        m *= constant(self.beta_1, m)
        m += g  # m ← β₁ m + g
        xp.multiply(g, g, out=t)
        v *= constant(self.beta_2, v)
        v += t  # v ← β₂ v + g²
        xp.sqrt(v, out=t)
        t += xp.asarray(s * self.epsilon, t.dtype)  # not `constant`: s and a are others at every step
        xp.divide(m, t, out=t)
        t *= xp.asarray(a, t.dtype)
        w -= t  # w ← w − a m / (√v + s ε)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w − α λ w, then Adam's step (Loshchilov & Hutter 2019)."""

    def __init__(self, parameters=None, learning_rate=0.001, weight_decay: float = 0.004, **settings):
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **settings)
