"""The exercises of all lessons: a module for each lesson, with ``EXERCISES``."""

from types import ModuleType

from minidl.check.bank import (
    attention,
    chain_rule,
    convolutions,
    dense_networks,
    honest_measurement,
    initial_scale,
    one_neuron,
    recurrence,
    regularisation,
    trust,
    update_rules,
)
from minidl.check.exercise import Exercise

# The titles are those of the modules, written out because `python -OO` drops docstrings.
LESSONS: dict[str, ModuleType] = {
    "Lesson 1: one neuron, one slope.": one_neuron,
    "Lesson 2: the chain rule is a graph.": chain_rule,
    "Lesson 3: can you trust a gradient?": trust,
    "Lesson 4: dense networks, from XOR to digits.": dense_networks,
    "Lesson 5: why signals die.": initial_scale,
    "Lesson 6: update rules.": update_rules,
    "Lesson 7: honest measurement.": honest_measurement,
    "Lesson 8: why convolutions.": convolutions,
    "Lesson 9: regularise and augment.": regularisation,
    "Lesson 10: memory, RNN and LSTM.": recurrence,
    "Lesson 11: attention.": attention,
}

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise for lesson in LESSONS.values() for exercise in lesson.EXERCISES
}
