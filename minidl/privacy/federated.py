"""Federated averaging: the data stay with those who have them, only weights travel.

K clients have nₖ samples each, the server has the weights w. In each round

    1. the server sends w to some of the clients,
    2. each of these trains with its own data alone, for E epochs: w → wₖ,
    3. the server takes the mean,       w ← Σₖ nₖ wₖ / Σₖ nₖ     over those clients.

With one step of all of a client's samples, a round is one step of SGD on all of their data (D3.E3). With more, clients
travel less often, but drift apart where their data differ.

That the data stay is not yet privacy: Δₖ = wₖ − w is made of the client's data, and may show them to the server and to
whoever sees w. With noise, each client joins a round with probability q, what it changes is clipped to length C, and
the server adds noise to the sum (``mechanism.py``):

    w ← w + (1 / qK) (Σₖ Δₖ min(1, C / ‖Δₖ‖) + N(0, σ² C² I))

Then w is (ε, δ)-private for each client, with all of its samples: it looks nearly the same without that client. The
server itself, which sees each Δₖ and adds the noise, has to be trusted.

Sources: McMahan et al. 2017, "Communication-efficient learning of deep networks from decentralized data", algorithm 1;
McMahan et al. 2018, "Learning differentially private recurrent language models", algorithm 1 (D.T12).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.errors import describe
from minidl.privacy.fitting import check_compiled
from minidl.privacy.mechanism import PrivateSum
from minidl.privacy.per_sample import Data, check_apart
from minidl.settings import check_number, check_whole
from minidl.training.binding import bind_optimizer
from minidl.training.trainable import Trainable

State = dict[str, np.ndarray]  # weights by name


class Federation:
    """A server and its clients, one after another in this program. ``fit_federated`` trains with it.

    Parameters
    ----------
    model : Model
        Compiled. Each client starts each round with the server's weights and an optimizer that remembers nothing.
    clients : list of (x, y)
        The data of each; of any sizes, but not empty. See ``dirichlet_split``.
    fraction : float
        The share of the clients in a round: K · fraction of them, rounded, but one at least; with noise it is q.
    epochs : int
        E
    batch_size : int or None
        Of a client's steps; None takes all of its samples in one.
    clip_norm, noise_multiplier : float, optional
        C and σ: both, or neither for plain averaging.
    rng : Generator or int, optional
        For choosing clients, and for noise; the one random generator by default, which also shuffles their samples.

    Raises
    ------
    ValueError, TypeError
        Before any work: a setting is out of range; a client's data do not fit.

    Notes
    -----
    All weights are averaged, also what a ``BatchNormalization`` remembers: its variances come out too small where the
    clients' means differ, so with data unlike each other take ``GroupNormalization``. With noise it is refused.
    """

    def __init__(
        self,
        model: Trainable,
        clients: Sequence[tuple[Any, Any]],
        *,
        fraction: float = 1.0,
        epochs: int = 1,
        batch_size: int | None = 32,
        clip_norm: float | None = None,
        noise_multiplier: float | None = None,
        rng: np.random.Generator | int | None = None,
    ):
        who = type(self).__name__
        check_compiled(who, model)
        self.model, self.clients = model, check_clients(who, clients)
        self.fraction = check_number(who, "fraction", fraction, "(0, 1]")
        self.epochs = check_whole(who, "epochs", epochs)
        self.batch_size = None if batch_size is None else check_whole(who, "batch_size", batch_size)
        self.rng = generator(rng)
        if (clip_norm is None) != (noise_multiplier is None):
            raise TypeError(f"{who} expects both clip_norm and noise_multiplier, or neither.")
        self.private: PrivateSum | None = None
        if noise_multiplier is not None:
            self.private = PrivateSum(clip_norm, noise_multiplier, fraction, self.rng, who)
        self.n = [Data(f"{who} (client {k})", model, model.objective, x, y).n for k, (x, y) in enumerate(self.clients)]
        check_apart(who, model, batch_norm=self.private is None)
        bind_optimizer(model)

    def round(self) -> float:
        """One round. Returns the clients' loss in their last epoch, nₖ-weighted: of their data, without noise.

        If it fails, the model keeps the weights that it had before. Optimizer and gradients keep nothing of a client.
        """
        server, chosen = self.model.state_dict(), self.draw()
        n = [self.n[k] for k in chosen]
        shares = [nk / sum(n) for nk in n]
        losses: list[float] = []
        try:
            states = self.train_clients(server, chosen, losses)
            new = self.noisy_mean(server, states) if self.private is not None else weighted_mean(states, shares)
        except BaseException:  # Ctrl-C too
            self.model.load_state_dict(server)
            raise
        finally:  # what the last client has left behind is made of its data alone
            self.forget()
            self.model.zero_grad()
        self.model.load_state_dict(new)
        return sum(share * loss for share, loss in zip(shares, losses, strict=True)) if losses else float("nan")

    def draw(self) -> np.ndarray:
        """The clients of a round."""
        K = len(self.clients)
        if self.private is not None:
            return self.private.draw(K)
        return np.sort(self.rng.choice(K, max(1, round(K * self.fraction)), replace=False))

    def train_clients(self, server: State, chosen: Iterable[int], losses: list[float]) -> Iterator[State]:
        """wₖ of one client after another; their losses are appended to the list."""
        for k in chosen:
            self.model.load_state_dict(server)
            self.forget()
            x, y = self.clients[k]
            size = self.batch_size or self.n[k]
            run = self.model.fit(x, y, batch_size=size, epochs=self.epochs, verbose=0, check_finite=False)
            losses.append(run.history["loss"][-1])
            yield self.model.state_dict()

    def forget(self) -> None:
        """Let the optimizer remember nothing."""
        self.model.optimizer.load_state_dict({"iterations": 0})

    def noisy_mean(self, server: State, states: Iterable[State]) -> State:
        """w + (Σₖ Δₖ min(1, C / ‖Δₖ‖) + noise) / qK, for the weights that are trained."""
        names = [name for name, p in self.model.named_parameters() if p.requires_grad]
        w = [server[name].astype(np.float64) for name in names]
        updates = ([state[name] - old for name, old in zip(names, w)] for state in states)
        S = self.private(updates, like=w)
        qK = self.fraction * len(self.clients)
        return server | {name: old + s / qK for name, old, s in zip(names, w, S, strict=True)}

    def epsilon(self, delta: float) -> float:
        """ε of all rounds so far, for each client; ∞ without noise."""
        return float("inf") if self.private is None else self.private.epsilon(delta)


def weighted_mean(states: Iterable[State], shares: Sequence[float]) -> State:
    """Σₖ shareₖ wₖ for each name, added in float64.

    >>> weighted_mean([{"w": np.array([0.0, 4.0])}, {"w": np.array([8.0, 4.0])}], [0.75, 0.25])
    {'w': array([2., 4.])}
    """
    total: State = {}
    for state, share in zip(states, shares, strict=True):
        for name, w in state.items():
            total[name] = total.get(name, 0.0) + share * w.astype(np.float64)
    return total


def check_clients(who: str, clients: Any) -> list[tuple[Any, Any]]:
    """The list of (x, y), which are looked into later."""
    if not isinstance(clients, (list, tuple)) or not clients:
        raise TypeError(f"{who} expects clients as a list of (x, y), one for each, got {describe(clients)}.")
    for k, client in enumerate(clients):
        if not isinstance(client, (list, tuple)) or len(client) != 2:
            raise TypeError(f"{who} expects of each client its (x, y), got of client {k} {describe(client)}.")
    return list(clients)
