"""Privacy: learn from people's data without giving the people away (D.T12).

=======================  ==========================================================================================
``per_sample.py``        ``per_sample_gradients``: how strongly each sample pulls at the weights
``mechanism.py``         ``PrivateSum``: draw, clip, sum, add noise
``accountant.py``        ``epsilon``, ``noise_for``, ``renyi_divergence``: how much T noisy steps give away
``private_gradient.py``  ``PrivateGradient``: DP-SGD in a loop of one's own, with any optimizer
``fit_privately.py``     ``fit_privately``: the same for a compiled model, with ε in each epoch's line
``fitting.py``            what both kinds of ``fit`` ask before they train
``federated.py``         ``Federation``: the data stay with the clients, weights travel; with noise on request
``fit_federated.py``     ``fit_federated``: its rounds, with a line for each
``clients.py``           ``dirichlet_split``: a data set dealt out to clients unlike each other
``membership.py``        ``losses_of``, ``membership_advantage``: the judge who tries to find out who was in the data
=======================  ==========================================================================================

>>> import minidl as md
>>> from minidl import privacy
>>> (x, y), _ = md.data.digits()
>>> model = md.Sequential([md.layers.Flatten(input_shape=(8, 8)), md.layers.Dense(10)])
>>> model.compile("adam", md.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
>>> sigma = privacy.noise_for(epsilon=2.0, delta=1e-4, sampling_rate=128 / len(x), steps=11)
>>> settings = {"batch_size": 128, "noise_multiplier": sigma, "delta": 1e-4}
>>> history = privacy.fit_privately(model, x / 16, y, **settings, verbose=0)
>>> bool(1.9 < history.history["epsilon"][-1] <= 2.0)
True

What (ε, δ) promises, and what it does not:

* Whoever sees the weights, after each step and with all else they may know, can hardly tell whether a sample was in the
  data: no outcome becomes more than e^ε times as likely by it, but for a probability of δ. "A sample" is one row of x:
  for someone with ten rows it is 10 ε, and a larger δ. Of a ``Federation`` it is a client with all rows.
* It says nothing of what is true of people in general, which a model is meant to learn, with or without them.
* It covers the weights, and all that is computed from them. Not the losses of training data that are printed on the
  way, not what the data were used for besides (the means of a ``Normalizer``, the words of a ``Tokenizer``, settings
  chosen by several trials, of which each costs). N, the number of samples, is taken as known.
* It assumes numbers that nobody can guess and sums without rounding: see ``mechanism.py`` for what becomes of that.
* ε below 1 is strong, up to 10 is usual, and 100 is a number. δ should be far below 1/N.
"""

from minidl.privacy.accountant import epsilon, noise_for, renyi_divergence
from minidl.privacy.clients import dirichlet_split
from minidl.privacy.federated import Federation
from minidl.privacy.fit_federated import fit_federated
from minidl.privacy.fit_privately import fit_privately
from minidl.privacy.mechanism import PrivateSum
from minidl.privacy.membership import advantage_bound, losses_of, membership_advantage
from minidl.privacy.per_sample import per_sample_gradients
from minidl.privacy.private_gradient import PrivateGradient

__all__ = [
    "per_sample_gradients", "PrivateSum", "epsilon", "noise_for", "renyi_divergence", "PrivateGradient",
    "fit_privately", "Federation", "fit_federated", "dirichlet_split", "losses_of", "membership_advantage",
    "advantage_bound",
]  # fmt: skip
