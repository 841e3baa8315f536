"""What is known of the answers to one exercise."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    exercise: str
    solution: Callable  # as in the lesson
    right: list[Callable]  # two or more, written differently: with loops, with einsum
    wrong: list[tuple[Callable, str]]  # three or more, each with words that its verdict must say
