"""Pictures of sequences: coloured words, maps of attention, predictions of a series."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from minidl import plot


def boxes_and_letters(ax):
    """{word: (colour of its box, colour of its letters, left, baseline)}"""
    half = len(ax.patches) // 2
    boxes = ax.patches[:half]
    letters = [patch for patch in ax.patches[half:] if to_rgb(patch.get_facecolor()) != to_rgb(plot.style.GREY)]
    return {
        text.get_label(): (box.get_facecolor(), text.get_facecolor(), box.get_x(), box.get_y() + 0.85)
        for box, text in zip(boxes, letters)
    }


def test_words_are_red_below_zero_and_blue_above_on_one_scale():
    drawn = boxes_and_letters(plot.coloured_words([["dull", "film"], ["fine"]], [[-4.0, 0.0], [2.0]]))
    red, white, blue = (np.array(drawn[word][0][:3]) for word in ("dull", "film", "fine"))
    assert red[0] > 2 * red[2] and white.min() > 0.95 and blue[2] > blue[0]
    assert red.sum() < blue.sum()  # twice as strong, on the same scale
    assert to_rgb(drawn["dull"][1]) == (1, 1, 1) and to_rgb(drawn["fine"][1]) == to_rgb(plot.style.INK)


def test_words_stand_in_lines_that_break_at_the_width():
    ax = plot.coloured_words([["one", "two", "three"], ["four"]], [[1, 2, 3], [4]], titles=["a", "b"], width=6)
    drawn = boxes_and_letters(ax)
    left, line = ({word: round(float(where[i]), 2) for word, where in drawn.items()} for i in (2, 3))
    assert left["one"] == left["three"] == left["four"] == 0 < left["two"]
    assert line["one"] == line["two"] < line["three"] < line["four"]
    assert sorted(p.get_label() for p in ax.patches if len(p.get_label()) == 1) == ["a", "b"]


def test_the_bar_of_colours_shows_the_half_in_use():
    for effects, lowest in (([1.0, -2.0], -2.0), ([1.0, 2.0], 0.0)):
        bar = plot.coloured_words([["one", "two"]], [effects]).figure.axes[-1]
        assert bar.get_ylim() == (lowest, 2.0)


def test_words_of_nothing_but_zeros_and_odd_letters_are_drawn():
    plot.coloured_words([["$5", "", " ", "naïve"], []], [[0, 0, 0, 0], []])._repr_png_()
    plot.attention_map(np.eye(2), ["$$", r"$\x$"]).figure.draw_without_rendering()


def test_a_map_of_attention_has_a_row_for_each_query():
    ax = plot.attention_map(np.array([[0.75, 0.25, 0.0]]), ["not"], ["this", "bad", "film"])
    assert ax.images[0].get_array().shape == (1, 3) and ax.images[0].get_clim() == (0, 0.75)
    assert [t.get_text() for t in ax.texts] == [".75", ".25", ".00"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["not"]
    assert not plot.attention_map(np.full((30, 30), 1 / 30)).texts  # too many to write


def test_predictions_stand_at_the_end_of_the_series():
    ax = plot.predictions([1, 2, 3], [5, 6, 7], {"AR": [6, 8]})
    measured, predicted = ax.get_lines()
    assert measured.get_ydata().tolist() == [5, 6, 7]
    assert predicted.get_xdata().tolist() == [2, 3] and predicted.get_label() == "AR"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.coloured_words([["a"]], []), "effects for 1 sentences, got 0"),
        (lambda: plot.coloured_words([["a"]], [[1]], titles=["x", "y"]), "1 titles, got 2"),
        (lambda: plot.coloured_words(["a b"], [[1, 2, 3]]), "Use words.split"),
        (lambda: plot.coloured_words([["a", "b"]], [[1]]), r"2 numbers for .*, got shape \(1,\)"),
        (lambda: plot.coloured_words([[]], [[]]), "at least one word"),
        (lambda: plot.coloured_words([["a", "b"]], [[np.nan, 1]]), r"NaN or infinity for \['a', 'b'\]"),
        (lambda: plot.coloured_words([["a"]], [[1]], width=0), "width > 0, got 0"),
        (lambda: plot.coloured_words([[3]], [[1]]), r"words as strings, got \[3\]"),
        (lambda: plot.coloured_words(None, None), "sentences as a list with a row for each sentence, got None"),
        (lambda: plot.attention_map(np.zeros((2, 4, 3, 3))), r"weights\[0, 0\] of \(N, heads, T, S\)"),
        (lambda: plot.attention_map([[5.0, 0.3]]), "weights from 0 to 1, got 0.3..5.\n.*md.softmax"),
        (lambda: plot.attention_map([[-0.5, 0.3]]), "weights from 0 to 1, got -0.5..0.3"),
        (lambda: plot.attention_map([[np.nan, 0.3]]), "weights from 0 to 1, got nan"),
        (lambda: plot.attention_map(np.zeros((2, 3)), ["a"]), r"2 queries for weights \(2, 3\), got 1"),
        (lambda: plot.attention_map(np.zeros((2, 2)), ["a", "b"], ["c"]), "2 keys"),
        (lambda: plot.predictions([1, 2], [1], {}), r"shapes \(2,\) and \(1,\)"),
        (lambda: plot.predictions([1, 2], [1, 2], {"AR": [1, 2, 3]}), r"of 'AR', got shape \(3,\)"),
        (lambda: plot.predictions([1], [1], {name: [1] for name in "abcde"}), "at most 4 models, got 5"),
    ],
)
def test_wrong_values_are_refused_in_three_lines(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert str(caught.value).count("\n") <= 2
