"""A map of attention: which step looks at which, and how hard."""

from collections.abc import Sequence
from typing import Any

from minidl.arrays import move
from minidl.metrics.reading import plain
from minidl.plot.style import INK, axes_of

MAX_WRITTEN = 12  # with more steps than this the numbers would not fit


def attention_map(
    weights: Any, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Draw A (T, S) of softmax(Q Kᵀ / √d): row t says how step t divides its attention among the S steps (D3.E1).

    Parameters
    ----------
    weights : (T, S)
        Of one sample and one head, such as ``weights[0, 0]`` of what ``MultiHeadAttention`` returns with
        ``return_attention_scores=True``.
    queries, keys : T and S strings, optional
        The words; the keys are the queries unless given.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The weights are not (T, S) or not from 0 to 1, or the words are not as many.

    Examples
    --------
    >>> ax = attention_map([[0.9, 0.1], [0.4, 0.6]], ["not", "bad"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['not', 'bad']
    """
    A = move(plain(weights), "cpu")
    if A.ndim != 2 or A.size == 0:
        raise ValueError(
            f"attention_map expects weights (T, S), got shape {A.shape}.\n"
            "Choose one sample and one head: weights[0, 0] of (N, heads, T, S)."
        )
    if not ((A >= 0) & (A <= 1 + 1e-3)).all():  # a little more than 1 may be rounding
        raise ValueError(
            f"attention_map expects weights from 0 to 1, got {A.min():.3g}..{A.max():.3g}.\n"
            "Of scores, softmax makes weights: md.softmax(scores, axis=-1)."
        )
    T, S = A.shape
    keys = queries if keys is None and T == S else keys
    for name, words, n in (("queries", queries, T), ("keys", keys, S)):
        if words is not None and len(words) != n:
            raise ValueError(f"attention_map expects {n} {name} for weights {A.shape}, got {len(words)}.")

    ax = axes_of(ax, 0.36 * S + 2.2, 0.32 * T + 1.6)
    drawn = ax.imshow(A, cmap="Blues", vmin=0, vmax=float(A.max()) or 1.0)
    # Two dollars in a word would begin and end a formula.
    ax.set_xticks(range(S), range(S) if keys is None else keys, rotation=0 if keys is None else 90, parse_math=False)
    ax.set_yticks(range(T), range(T) if queries is None else queries, parse_math=False)
    if max(T, S) <= MAX_WRITTEN:
        for t in range(T):
            for s in range(S):
                colour = "white" if A[t, s] > 0.6 * A.max() else INK
                ax.text(
                    s,
                    t,
                    f"{A[t, s]:.2f}"[1:] if A[t, s] < 0.995 else "1",
                    ha="center",
                    va="center",
                    size=8,
                    color=colour,
                )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("looks at")
    ax.set_ylabel("this step")
    ax.figure.colorbar(drawn, ax=ax, label="attention", shrink=0.8)
    return ax
