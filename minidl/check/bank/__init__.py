"""The exercises of all lessons: one module for each lesson, each with a tuple ``EXERCISES``."""

from minidl.check.bank import (
    chain_rule,
    dense_networks,
    honest_measurement,
    initial_scale,
    one_neuron,
    regularisation,
    update_rules,
)
from minidl.check.exercise import Exercise

LESSONS = (one_neuron, chain_rule, dense_networks, initial_scale, update_rules, honest_measurement, regularisation)

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for lesson in LESSONS for exercise in lesson.EXERCISES}
