"""Lesson 5: why signals die."""

import numpy as np

from minidl.check.exercise import Exercise

WIDE = ({"D": 200, "H": 120}, {"D": 60, "H": 400})  # so many weights that their spread is known to a percent


def has_its_shape(answer, rng, s):
    W = np.asarray(answer((s.D, s.H), rng))
    return W.shape == (s.D, s.H) or f"he_normal({(s.D, s.H)}, rng) has shape {W.shape}."


def has_mean_zero(answer, rng, s):
    W = np.asarray(answer((s.D, s.H), rng))
    return bool(abs(W.mean()) < 5 * W.std() / np.sqrt(W.size)) or f"Its mean is {W.mean():.4f}."


def has_spread(answer, rng, s):
    """The spread, with a word on the two usual slips."""
    std, want = float(np.std(answer((s.D, s.H), rng))), np.sqrt(2 / s.D)
    if abs(std / want - 1) < 0.03:
        return True
    slips = {
        "√(1/D), which is LeCun's: ReLU needs twice the variance": np.sqrt(1 / s.D),
        "√(2/(D + H)), which is Glorot's": np.sqrt(2 / (s.D + s.H)),
        "√(2/H): D is the number of inputs, and comes first": np.sqrt(2 / s.H),
        "2/D, the variance: the standard deviation is its root": 2 / s.D,
    }
    for words, slip in slips.items():
        if abs(std / slip - 1) < 0.03:
            return f"It is {std:.4f} = {words}."
    return f"It is {std:.4f}, expected {want:.4f} for D = {s.D}, H = {s.H}."


def comes_from_rng(answer, rng, s):
    once, again, other = (np.asarray(answer((s.D, s.H), np.random.default_rng(seed))) for seed in (3, 3, 4))
    if not np.array_equal(once, again):
        return "Two calls with rng from the same seed gave different numbers."
    return not np.array_equal(once, other) or "Another rng gave the same numbers: they are not drawn from rng."


def is_bell_shaped(answer, rng, s):
    W = np.asarray(answer((s.D, s.H), rng))
    fourth = float(((W - W.mean()) ** 4).mean() / W.var() ** 2)  # 3 for a normal distribution, 1.8 for a uniform one
    return fourth > 2 or "The values look uniform: are they drawn by rng.normal?"


he_normal = Exercise(
    name="he_normal",
    task="Initial weights of this shape (D, H) for a layer with ReLU: normal, mean 0, variance 2 / D.",
    arguments=("shape", "rng"),
    sizes=WIDE,
    facts={
        "the result has the shape asked for": has_its_shape,
        "its mean is 0": has_mean_zero,
        "its standard deviation is √(2 / D)": has_spread,
        "the distribution is normal, or normal and cut off": is_bell_shaped,
        "the same rng gives the same weights, and another rng different ones": comes_from_rng,
    },
)

EXERCISES: tuple[Exercise, ...] = (he_normal,)
