"""Lesson 3: can you trust a gradient?"""

import numpy as np

from minidl import ops
from minidl.check.draws import gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise
from minidl.check.printed import FORMULAS
from minidl.check.suspects import RIGHT, WRONG

# --- the best step --------------------------------------------------------------------------------------------------


def draw_errors(rng, s):
    epsilon = np.finfo(np.float64 if s.N == 4 else np.float32).eps  # the first run, and the second
    return {"epsilon": float(epsilon), "f": float(rng.uniform(1, 3)), "f3": float(rng.uniform(0.1, 0.5))}


def root(factor=3.0, power=1 / 3):
    return lambda epsilon, f, f3: (factor * epsilon * f / f3) ** power


best_step = FunctionExercise(
    name="best_step",
    task="The h > 0 at which the error h² f3 / 6 + epsilon f / h of a central difference is smallest.",
    arguments=("epsilon", "f", "f3"),
    returns=("h",),
    draw=draw_errors,
    reference=root(),
    slips={
        "the square root: that is for a one-sided difference. Here h³ stands alone on one side.": root(3.0, 1 / 2),
        "equals (6 ε f / f3)^⅓, where both errors are equal. The smallest sum is where its slope is 0.": root(6.0),
        "a 3 is lost: the slope of h² f3 / 6 is h f3 / 3.": root(1.0),
        "h³, not h: take the cube root.": root(3.0, 1.0),
        "** binds tighter than /: write ** (1 / 3).": lambda epsilon, f, f3: 3 * epsilon * f / f3 / 3,
        "the 3 stands under the line: from h f3 / 3 = epsilon f / h² it comes to the top.": root(1 / 3),
        "only epsilon^⅓: the sizes of f and f3 count too.": lambda epsilon, f, f3: epsilon ** (1 / 3),
    },
)

# --- softmax --------------------------------------------------------------------------------------------------------


def draw_softmax(rng, s):
    x = rng.normal(size=(s.N, s.H))
    return {"g": upstream(rng, s.N, s.H), "x": x, "y": ops.softmax(x)}


right_softmax_backward = gradients_of(ops.softmax, "x")


def less(total):
    """y (g − total): softmax's gradient with a slip in the sum."""
    return lambda g, x, y: y * (g - total(g, y))


softmax_backward = FunctionExercise(
    name="softmax_backward",
    task="y = softmax(x), row by row: from g = ∂L/∂y (N, C) and y (N, C) to dx.",
    arguments=("g", "y"),
    returns=("dx",),
    draw=draw_softmax,
    reference=right_softmax_backward,
    slips={
        "the sum runs over all samples: each row has its own, axis=1.": less(lambda g, y: (g * y).sum()),
        "the sum runs down the columns, axis 0: it belongs to each row, axis=1.": less(
            lambda g, y: (g * y).sum(axis=0, keepdims=True)
        ),
        "only the term with j = i: the part with −y_i is missing, Σ_j g_j y_j times y_i.": lambda g, x, y: g * y,
        "the term with j = i is missing: δ_ij gives g_i y_i.": lambda g, x, y: -y * (g * y).sum(axis=1, keepdims=True),
        "the first term is g_i y_i: a factor y is lost.": lambda g, x, y: g - y * (g * y).sum(axis=1, keepdims=True),
        "y_j is lost in the sum: it is over g_j y_j.": less(lambda g, y: g.sum(axis=1, keepdims=True)),
        "g_j is lost in the sum: Σ_j y_j alone is 1.": lambda g, x, y: y * g * (1 - y.sum(axis=1, keepdims=True)),
    },
)


def has_the_shape(answer, rng, s):
    drawn = draw_softmax(rng, s)
    dx = np.asarray(answer(drawn["g"], drawn["y"]))
    return dx.shape == drawn["y"].shape or f"It is {dx.shape} for y {drawn['y'].shape}."


def fools_ones(answer, rng, s):
    """Where g is all ones, the right gradient is 0: so must this one be."""
    y = draw_softmax(rng, s)["y"]
    dx = np.asarray(answer(np.ones_like(y), y))
    return bool(np.abs(dx).max() < 1e-7) or (
        f"With g all ones the right gradient is 0, but this one reaches {np.abs(dx).max():.2g}: it would be caught."
    )


def is_wrong(answer, rng, s):
    drawn = draw_softmax(rng, s)
    dx, (want,) = np.asarray(answer(drawn["g"], drawn["y"])), right_softmax_backward(**drawn)
    off = np.abs(dx - want).max() / np.abs(want).max()
    return bool(off > 0.1) or f"With a random g it is off by {off:.1%} of the largest entry: that is (nearly) right."


fooling_softmax_backward = Exercise(
    name="fooling_softmax_backward",
    task="A wrong gradient of softmax that a check with g all ones accepts: from g (N, C) and y (N, C) to dx.",
    arguments=("g", "y"),
    facts={
        "it has the shape of y": has_the_shape,
        "a check with g all ones accepts it": fools_ones,
        "it is wrong for another g": is_wrong,
    },
)

# --- a judge of gradients -------------------------------------------------------------------------------------------


def verdicts(answer, suspects):
    """What the answer says of each suspect, looking at inputs of its own."""
    said = []
    for suspect in suspects:
        inputs = suspect.draw(np.random.default_rng(5))
        said.append(bool(answer(suspect.forward, suspect.backward, inputs, np.random.default_rng(6))))
    return said


def rejects_the_wrong(answer, rng, s):
    said = verdicts(answer, WRONG)
    missed = [suspect for suspect, accepted in zip(WRONG, said) if accepted]
    if not missed:
        return True
    names = ", ".join(f"‘{suspect.name}’" for suspect in missed)
    return f"It accepts {len(missed)} of {len(WRONG)}: {names}.\nThe first of them: {missed[0].overlooked}."


def accepts_the_right(answer, rng, s):
    said = verdicts(answer, RIGHT)
    accused = [suspect.name for suspect, accepted in zip(RIGHT, said) if not accepted]
    if not accused:
        return True
    return f"It rejects {len(accused)} of {len(RIGHT)} right ones: {', '.join(accused)}."


is_right = Exercise(
    name="is_right",
    task="Whether backward(g, *inputs) gives the gradients of forward(*inputs), one for each input: True or False.",
    arguments=("forward", "backward", "inputs", "rng"),
    facts={
        f"it rejects {len(WRONG)} wrong gradients": rejects_the_wrong,
        f"it accepts {len(RIGHT)} right ones, some with large or tiny numbers or in float32": accepts_the_right,
    },
)

# --- printed formulas -----------------------------------------------------------------------------------------------

ON_TRIAL = {formula.id for formula in FORMULAS}


def are_ids(answer, rng, s):
    if isinstance(answer(), str):
        return "It is one string; a set is wanted, also of a single one: {'D0.E2'}."
    unknown = set(answer()) - ON_TRIAL
    return not unknown or f"Not on the list: {', '.join(sorted(map(str, unknown)))}."


def guilty():
    """Those that differ from what is measured."""
    return {formula.id for formula in FORMULAS if formula.errors()[1] > 1e-6}


def none_is_missing(answer, rng, s):
    missing = len(guilty() - set(answer()))
    return not missing or f"{missing} {'is' if missing == 1 else 'are'} missing."


def none_is_innocent(answer, rng, s):
    innocent = len(set(answer()) - guilty())
    as_it_should = "is printed as it should be" if innocent == 1 else "are printed as they should be"
    return not innocent or f"{innocent} of yours {as_it_should}."


wrong_formulas = Exercise(
    name="wrong_formulas",
    task="The IDs of the formulas on trial that are printed wrong, as a set of strings.",
    facts={
        "the answer is a set of IDs such as 'D0.E2'": are_ids,
        "no wrong formula is missing": none_is_missing,
        "no right formula is accused": none_is_innocent,
    },
    look="the shapes on both sides, then the index of each letter.",
)

EXERCISES: tuple[Exercise, ...] = (
    best_step,
    softmax_backward,
    fooling_softmax_backward,
    is_right,
    wrong_formulas,
)
