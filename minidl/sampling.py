"""Writing with a language model: the next symbol is drawn from what the model says of it, again and again.

``probabilities``  p, sharpened or flattened by a temperature, and only of the k likeliest symbols
``sample``         draw from p
``generate``       draw, write it down, ask again
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np

from minidl.arrays import Array, generator, move
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.recording import no_grad


def probabilities(logits: Any, temperature: float = 1.0, top_k: int | None = None) -> np.ndarray:
    """p_i = e^(z_i/τ) / Σ_j e^(z_j/τ), i and j among the k largest z; 0 elsewhere.

    τ = 1 is what the model says. Below, the likely becomes likelier; at τ → 0 the likeliest has it all.

    Parameters
    ----------
    logits : (..., V)
        z, of each of V symbols.
    temperature : float
        τ, from 0 on.
    top_k : int, optional
        k, from 1 to V; all V by default. Of equal logits the first count as larger.

    Returns
    -------
    (..., V), float64, on the CPU

    Raises
    ------
    ValueError
        No symbols, NaN among the logits, or a τ or k out of its range.

    Notes
    -----
    Sources: Ackley, Hinton & Sejnowski 1985 (temperature); Fan, Lewis & Dauphin 2018, "Hierarchical neural story
    generation", section 5 (top-k).

    Examples
    --------
    >>> probabilities([0.0, 1.0, 2.0]).round(2)
    array([0.09, 0.24, 0.67])
    >>> probabilities([0.0, 1.0, 2.0], temperature=0.5).round(2)
    array([0.02, 0.12, 0.87])
    >>> probabilities([0.0, 1.0, 2.0], top_k=2).round(2)
    array([0.  , 0.27, 0.73])
    """
    z = checked_logits(logits)
    check_choice(temperature, top_k, z.shape[-1])
    k = 1 if temperature == 0 else top_k
    if k is not None:
        ranks = np.argsort(-z, axis=-1, kind="stable")  # (..., V), the largest z first, of equal ones the first
        np.put_along_axis(z, ranks[..., k:], -math.inf, axis=-1)
    z -= z.max(axis=-1, keepdims=True)  # e^0 = 1 is the largest: nothing overflows
    p = np.exp(z / temperature if temperature else z)  # (..., V)
    return p / p.sum(axis=-1, keepdims=True)


def sample(logits: Any, temperature: float = 1.0, top_k: int | None = None, *, rng: Any = None) -> np.ndarray:
    """Draw i with probability p_i: the first i with u < p_0 + ... + p_i, for a u drawn evenly from [0, 1).

    Parameters
    ----------
    logits : (..., V)
    temperature : float
        τ; 0 takes the likeliest symbol, always.
    top_k : int, optional
        Only the k likeliest symbols are drawn.
    rng : Generator or int, optional
        The one random generator by default.

    Returns
    -------
    (...), integers from 0 to V − 1, on the CPU

    Raises
    ------
    ValueError
        As ``probabilities``.

    Examples
    --------
    >>> int(sample([0.0, 1.0, 2.0], temperature=0))
    2
    >>> sample([[0.0, 1.0, 2.0]] * 8, top_k=2, rng=0)
    array([2, 2, 1, 1, 2, 2, 2, 2])
    """
    sums = np.cumsum(probabilities(logits, temperature, top_k), axis=-1)  # (..., V), p_0 + ... + p_i
    u = generator(rng).random((*sums.shape[:-1], 1)) * sums[..., -1:]  # (..., 1): the last sum is 1 but for rounding
    return (sums <= u).sum(axis=-1)  # (..., V) -> (...), how many sums are passed


# --- texts ----------------------------------------------------------------------------------------------------------


class LanguageModel(Protocol):
    """What ``generate`` asks of a model."""

    sequence_length: int  # T, the most steps that it can look at

    def new_past(self) -> Any:
        """What it remembers of a text that has not begun; ``len`` tells how many symbols it has read."""

    def __call__(self, x: Any, *, past: Any = None) -> Tensor:
        """The logits of each step's next symbol, after the past: (N, t) -> (N, t, V)."""


def generate(
    model: Any,
    prompt: Sequence[int],
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    *,
    rng: Any = None,
    use_cache: bool = True,
) -> list[int]:
    """Let a language model go on with a text: ``length`` times, draw the next symbol and write it down.

    Parameters
    ----------
    model : LanguageModel
        For instance ``minidl.examples.gpt.GPT``.
    prompt : indices
        How the text begins: at least one symbol, and no more than the model can look at.
    length : int
        How many symbols to add.
    temperature, top_k, rng
        See ``sample``.
    use_cache : bool
        False computes the keys and values of the whole text again for each symbol. The text is the same.

    Returns
    -------
    list of int
        The prompt and what was added.

    Raises
    ------
    ValueError
        The prompt is empty or too long, or has an index beyond the vocabulary; ``length`` is no number of symbols.

    Notes
    -----
    The model looks at no more than T = ``model.sequence_length`` symbols. When they are full the older half is
    forgotten and the rest, which now stands at other positions, is read again; so on average it sees 3/4 T of them.
    """
    text = checked_prompt(model, prompt, length)
    rng = generator(rng)
    device = next((p.device for p in model.parameters()), "cpu")
    start, past = 0, model.new_past()
    with model.in_mode(False), no_grad():
        for _ in range(length):
            if len(text) - start > model.sequence_length:
                start, past = len(text) - max(1, model.sequence_length // 2), model.new_past()
            if use_cache:
                unread = text[start + len(past) :]
                logits = model(as_batch(unread, device), past=past)  # (1, unread symbols, V)
            else:
                logits = model(as_batch(text[start:], device))
            text.append(int(sample(logits[0, -1], temperature, top_k, rng=rng)))
    return text


def as_batch(text: list[int], device: str) -> Array:
    """One text as a batch, (1, t)."""
    return move(np.array([text]), device)


# --- checks ---------------------------------------------------------------------------------------------------------


def checked_logits(logits: Any) -> np.ndarray:
    """The logits as float64 numbers on the CPU, a copy."""
    z = logits.numpy() if isinstance(logits, Tensor) else move(logits, "cpu") if hasattr(logits, "get") else logits
    z = np.array(z, dtype=np.float64)
    if z.ndim == 0 or not z.shape[-1]:
        raise ValueError(f"sample expects logits (..., V), got shape {z.shape}.")
    if np.isnan(z).any() or (z.max(axis=-1) == -math.inf).any() or (z == math.inf).any():
        raise ValueError("sample expects logits that are numbers, got NaN or infinity. Did the training diverge?")
    return z


def check_choice(temperature: Any, top_k: Any, V: int) -> None:
    """Raise unless τ and k are in their ranges."""
    if not isinstance(temperature, Real) or not 0 <= temperature < math.inf:
        raise ValueError(f"sample expects temperature as a number from 0 on, got {temperature!r}.")
    if top_k is not None and not (isinstance(top_k, Integral) and not isinstance(top_k, bool) and 1 <= top_k <= V):
        raise ValueError(f"sample expects top_k from 1 to {V}, the number of symbols, or None, got {top_k!r}.")


def checked_prompt(model: Any, prompt: Sequence[int], length: int) -> list[int]:
    """The prompt as a list, refused where the model cannot go on with it."""
    if not (hasattr(model, "sequence_length") and hasattr(model, "new_past")):
        raise TypeError(
            f"generate expects a language model, which has sequence_length and new_past(), got {describe(model)}.\n"
            "See minidl/examples/gpt.py for one; LanguageModel in minidl/sampling.py lists what it needs."
        )
    T = model.sequence_length
    if not isinstance(length, Integral) or length < 0:
        raise ValueError(f"generate expects length as a number of symbols, got {length!r}.")
    prompt = prompt.numpy() if isinstance(prompt, Tensor) else prompt
    if not is_text(prompt):
        raise TypeError(f"generate expects a prompt of indices, got {describe(prompt)}. Use a Tokenizer first.")
    if not 1 <= len(prompt) <= T:
        raise ValueError(
            f"generate expects a prompt of 1 to {T} symbols (sequence_length={T}), got {len(prompt)}."
            + (f"\nGive it the last {T}: prompt[-{T}:]." if len(prompt) else "")
        )
    return [int(i) for i in prompt]


def is_text(prompt: Any) -> bool:
    """Is it one text, as indices?"""
    if isinstance(prompt, np.ndarray):
        return prompt.ndim == 1 and (prompt.dtype.kind in "iu" or not prompt.size)
    return isinstance(prompt, Sequence) and all(isinstance(i, Integral) and not isinstance(i, bool) for i in prompt)
