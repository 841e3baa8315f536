"""Pictures: what they show, where they are drawn, that they show themselves, and mistakes."""

import subprocess
import sys
from types import SimpleNamespace

import fake_cupy
import numpy as np
import pytest
from matplotlib.figure import Figure

import minidl as md
from minidl import plot
from minidl.serving import reliability

rng = np.random.default_rng(0)
IMAGES = rng.random((12, 8, 8)).astype(np.float32)
LABELS = rng.integers(0, 3, 12)
PROBABILITIES = rng.dirichlet(np.ones(3), 12)
POINTS = rng.normal(size=(20, 2))
BINS = reliability([0, 1], [[0.9, 0.1], [0.8, 0.2]])
HISTORY = {
    "loss": [1.0, 0.5, 0.4],
    "accuracy": [0.5, 0.7, 0.8],
    "val_loss": [1.1, 0.6, 0.7],
    "val_accuracy": [0.4, 0.6, 0.6],
}


def predict(points):
    return 1 / (1 + np.exp(-3 * points[:, :1]))  # (M, 2) -> (M, 1)


ONE_PLOT = {
    "confusion_matrix": lambda **where: plot.confusion_matrix([[9, 1], [2, 8]], **where),
    "weights_as_images": lambda **where: plot.weights_as_images(rng.normal(size=(64, 10)), (8, 8), **where),
    "decision_surface": lambda **where: plot.decision_surface(
        predict, POINTS, POINTS[:, 0] > 0, resolution=20, **where
    ),
    "gradient_spread": lambda **where: plot.gradient_spread({"a": POINTS, "b": np.zeros(3)}, **where),
    "activation_spread": lambda **where: plot.activation_spread({"a": POINTS}, **where),
    "coloured_words": lambda **where: plot.coloured_words([["not", "bad"]], [[1.0, -1.0]], **where),
    "attention_map": lambda **where: plot.attention_map([[0.9, 0.1], [0.4, 0.6]], ["not", "bad"], **where),
    "heat_map": lambda **where: plot.heat_map(np.eye(4), rng.normal(size=(4, 4)), **where),
    "reliability": lambda **where: plot.reliability(BINS, **where),
    "predictions": lambda **where: plot.predictions([1, 2, 3], [5, 6, 7], {"AR": [6, 6]}, **where),
}
MANY_PLOTS = {
    "training_curves": lambda **where: plot.training_curves(HISTORY, **where),
    "image_grid": lambda **where: plot.image_grid(IMAGES, **where),
    "worst_mistakes": lambda **where: plot.worst_mistakes(IMAGES, LABELS, PROBABILITIES, **where),
}


# --- every picture ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ONE_PLOT, *MANY_PLOTS])
def test_pictures_are_drawn_and_show_themselves(name):
    drawn = {**ONE_PLOT, **MANY_PLOTS}[name]()
    assert drawn._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", ONE_PLOT)
def test_axes_given_are_used(name):
    ax = Figure().add_subplot()
    assert ONE_PLOT[name](ax=ax) is ax and (ax.has_data() or ax.images)


@pytest.mark.parametrize("name", MANY_PLOTS)
def test_figures_and_parts_of_figures_given_are_used(name):
    left, right = Figure().subfigures(1, 2)
    assert MANY_PLOTS[name](figure=left) is left and left.axes and not right.axes


def test_every_public_picture_is_tested_here_or_with_the_graphs():
    assert set(plot.__all__) == {*ONE_PLOT, *MANY_PLOTS, "graph"}


def test_neither_matplotlib_nor_pyplot_is_imported_before_it_is_needed():
    code = (
        "import sys; import minidl.plot as p; assert 'matplotlib' not in sys.modules; "
        "p.confusion_matrix([[1]]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_arrays_on_a_gpu_are_fetched():
    with fake_cupy.installed() as cupy:
        plot.image_grid(cupy.asarray(IMAGES))
        plot.worst_mistakes(cupy.asarray(IMAGES), cupy.asarray(LABELS), md.Tensor(cupy.asarray(PROBABILITIES)))
        plot.weights_as_images(md.Tensor(cupy.asarray(rng.normal(size=(3, 3, 1, 4)))))
        plot.gradient_spread({"a": cupy.asarray(POINTS)})
        plot.coloured_words([["not", "bad"]], [cupy.asarray(POINTS[0])])
        plot.heat_map(cupy.asarray(IMAGES[0]), md.Tensor(cupy.asarray(IMAGES[0])))
        plot.attention_map(md.Tensor(cupy.asarray(PROBABILITIES)))
        plot.predictions(cupy.asarray(LABELS), cupy.asarray(LABELS), {"AR": cupy.asarray(LABELS)})


# --- what they show -----------------------------------------------------------------------------------------------


def test_curves_pair_training_with_validation_and_mark_the_best_loss():
    loss, accuracy = plot.training_curves(HISTORY).axes
    training, validation, _, best = loss.get_lines()
    np.testing.assert_array_equal(training.get_ydata(), HISTORY["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), HISTORY["val_loss"])
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    assert best.get_label() == "best: epoch 2" and loss.get_xlabel() == "epoch"
    assert len(accuracy.get_lines()) == 2


def test_curves_of_an_object_with_a_history_of_nan_and_of_rates():
    curves = {"loss": [np.nan, 1.0], "val_loss": [np.nan, np.nan], "learning_rate": [0.1, 0.01]}
    loss, rate = plot.training_curves(SimpleNamespace(history=curves)).axes
    assert rate.get_yscale() == "log" and len(loss.get_lines()) == 2


def test_curves_of_arrays_and_of_a_rate_that_ends_at_zero():
    loss, rate = plot.training_curves({"loss": np.array([2.0, 1.0]), "learning_rate": [0.1, 0.0]}).axes
    assert loss.get_lines()[0].get_ydata().tolist() == [2.0, 1.0]
    assert rate.get_yscale() == "linear"  # 0 has no logarithm


def test_confusion_matrix_writes_counts_and_leaves_nothing_where_nothing_is():
    ax = plot.confusion_matrix([[3, 0], [1, 2]], ["cat", "dog"])
    assert sorted((t.get_text(), t.get_position()) for t in ax.texts) == [("1", (0, 1)), ("2", (1, 1)), ("3", (0, 0))]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog"]
    assert ax.get_title() == "5 of 6 right (83.3 %)"
    assert not plot.confusion_matrix(np.eye(30)).texts  # too many classes to write the numbers
    plot.confusion_matrix([[3]], ["$$"]).figure.draw_without_rendering()  # no mistake to scale by, and no formula


def test_confusion_matrix_of_weighted_samples_that_sum_to_less_than_one():
    ax = plot.confusion_matrix(np.array([[0.3, 0.1], [0.0, 0.1]]))
    assert ax.get_title() == "0.4 of 0.5 right (80.0 %)"
    hits, mistakes = ax.images
    np.testing.assert_allclose(hits.get_array().compressed(), [0.75, 1.0])
    assert mistakes.get_clim() == (0, pytest.approx(0.16))


def test_images_share_one_scale():
    figure = plot.image_grid(np.stack([np.zeros((4, 4)), np.ones((4, 4))]))
    assert {ax.images[0].get_clim() for ax in figure.axes} == {(0.0, 1.0)}
    assert len(plot.image_grid(rng.random((2, 4, 4, 3))).axes) == 2
    figure = plot.image_grid(np.array([[[0.0, np.nan]], [[np.inf, 2.0]]]))
    assert {ax.images[0].get_clim() for ax in figure.axes} == {(0.0, 2.0)}
    assert len(plot.image_grid(rng.integers(0, 255, (2, 4, 4, 1))).axes) == 2


def test_worst_mistakes_are_those_with_the_least_probability_for_the_right_class():
    figure = plot.worst_mistakes(IMAGES, LABELS, PROBABILITIES, n=3, class_names=["a", "b", "c"])
    wrong = [i for i in range(12) if PROBABILITIES[i].argmax() != LABELS[i]]
    worst = sorted(wrong, key=lambda i: PROBABILITIES[i, LABELS[i]])[:3]
    for ax, i in zip(figure.axes, worst, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), IMAGES[i])
        assert ax.get_title().startswith(f"{'abc'[LABELS[i]]}, said {'abc'[PROBABILITIES[i].argmax()]}\n")
    right = plot.worst_mistakes(IMAGES, PROBABILITIES.argmax(axis=1), PROBABILITIES)
    assert right.texts[0].get_text() == "no mistakes"


def test_weights_stand_in_their_places_on_a_scale_with_zero_in_the_middle():
    W = np.arange(12.0).reshape(6, 2) - 6
    image = plot.weights_as_images(W, (2, 3)).images[0]
    wall = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_array_equal(wall[:, :3], W[:, 0].reshape(2, 3))
    np.testing.assert_array_equal(wall[:, 4:], W[:, 1].reshape(2, 3))
    assert np.isnan(wall[:, 3]).all()
    low, high = image.get_clim()
    assert low == -high


@pytest.mark.parametrize("C", [2, 3, 5])
def test_decision_surface_of_several_classes(C):
    corners = rng.normal(size=(C, 2))

    def nearest(points):
        assert points.dtype == np.float32 and points.shape[1] == 2
        distances = ((points[:, None] - corners) ** 2).sum(axis=-1)  # (M, C)
        return np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)

    y = nearest(POINTS.astype(np.float32)).argmax(axis=1)
    ax = plot.decision_surface(nearest, POINTS, np.eye(C)[y], resolution=15)
    assert len(ax.get_legend().get_texts()) == len(np.unique(y))
    assert ax.images[0].get_array().shape == (15, 15, 3)


def test_spread_draws_quantiles_and_counts_zeros():
    g = np.concatenate([np.zeros(25), np.linspace(1, 101, 75)])
    ax = plot.gradient_spread({"first": -g, "second": g})
    thin, thick, dot = ax.get_lines()[:3]
    np.testing.assert_allclose(thin.get_xdata(), [6, 96])
    np.testing.assert_allclose(thick.get_xdata(), [26, 76])
    np.testing.assert_allclose(dot.get_xdata(), [51])
    assert [t.get_text() for t in ax.texts] == ["25 % zero", "25 % zero"]
    assert ax.get_xscale() == "log" and ax.yaxis_inverted()  # the first layer on top


def test_spread_says_how_much_is_no_number():
    values = {"broken": [np.nan, np.inf, 1.0, 0.0], "lost": [np.nan, np.nan]}
    for spread in (plot.gradient_spread, plot.activation_spread):
        ax = spread(values)
        assert [t.get_text() for t in ax.texts] == ["25 % zero, 50 % NaN or inf", "0 % zero, 100 % NaN or inf"]
        assert np.isfinite(ax.get_lines()[0].get_xdata()).all()


def test_decision_surface_of_equal_points():
    ax = plot.decision_surface(predict, np.full((3, 2), 1000, np.float32), [0, 1, 0], resolution=5)
    left, right = ax.get_xlim()
    assert left < 1000 < right


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.training_curves({}), "at least one epoch"),
        (lambda: plot.training_curves({"loss": []}), "at least one epoch"),
        (lambda: plot.confusion_matrix([[1, 2, 3]]), r"square matrix \(C, C\), got shape \(1, 3\)"),
        (
            lambda: plot.confusion_matrix([0, 1], [0, 1]),
            r"got shape \(2,\)\.\nOf labels .* md\.metrics\.confusion_matrix",
        ),
        (lambda: plot.confusion_matrix([[1, 2], [3, 4]], ["cat"]), "2 class names, got 1"),
        (lambda: plot.image_grid(np.zeros((3, 4))), r"got shape \(3, 4\)"),
        (lambda: plot.image_grid(IMAGES, ["a"]), "12 titles, got 1"),
        (lambda: plot.worst_mistakes(IMAGES[:5], LABELS, PROBABILITIES), "as many images as labels"),
        (
            lambda: plot.worst_mistakes(IMAGES, LABELS, PROBABILITIES, class_names=["a", "b"]),
            "class_names for 3 classes",
        ),
        (lambda: plot.weights_as_images(np.zeros((6, 2))), "shape=None"),
        (lambda: plot.weights_as_images(np.zeros((6, 2)), (2, 2)), r"shape=\(2, 2\)"),
        (lambda: plot.decision_surface(predict, np.zeros((5, 3)), np.zeros(5)), r"points \(N, 2\), got shape \(5, 3\)"),
        (lambda: plot.decision_surface(predict, POINTS, np.zeros(5)), "class for each of 20 points"),
        (lambda: plot.decision_surface(lambda p: p[:3], POINTS, np.zeros(20)), "expects predict to give"),
        (lambda: plot.decision_surface(predict, POINTS, np.arange(20)), "colours for 8 classes, got 20"),
        (lambda: plot.decision_surface(predict, POINTS, np.zeros(20), ["a"]), "class_names for 2 classes, got 1"),
        (lambda: plot.decision_surface(predict, POINTS, np.zeros(20) - 1), r"classes 0, 1, 2 \.\.\., got \[-1\.\]"),
        (lambda: plot.decision_surface(predict, POINTS, np.zeros(20) + 0.5), "classes 0, 1, 2"),
        (lambda: plot.decision_surface(predict, POINTS[:0], []), r"points \(N, 2\), got shape \(0, 2\)"),
        (lambda: plot.decision_surface(predict, POINTS * np.nan, np.zeros(20)), "NaN or infinity among them"),
        (
            lambda: plot.decision_surface(predict, POINTS, np.zeros(20), resolution=1),
            "resolution as a whole number from",
        ),
        (lambda: plot.worst_mistakes(IMAGES, LABELS, 9 * PROBABILITIES), "worst_mistakes expects probabilities"),
        (
            lambda: plot.decision_surface(lambda p: 5 * p[:, 0], POINTS, np.zeros(20)),
            "expects probabilities, .*\n.*sig",
        ),
        (lambda: plot.decision_surface(lambda p: 5 * p, POINTS, np.zeros(20)), "expects probabilities, .*\n.*softmax"),
        (lambda: plot.worst_mistakes(IMAGES, LABELS, PROBABILITIES, n=0), "n as a positive integer, got 0"),
        (lambda: plot.worst_mistakes(IMAGES, LABELS, PROBABILITIES, n=-1), "n as a positive integer, got -1"),
        (lambda: plot.image_grid(IMAGES, columns=-1), "columns as a positive integer"),
        (lambda: plot.weights_as_images(np.zeros((6, 2)), (2, 3), n=0), "n as a positive integer, got 0"),
        (lambda: plot.weights_as_images(np.zeros((6, 2)), (-2, -3)), r"shape=\(-2, -3\)"),
        (lambda: plot.weights_as_images(np.zeros((6, 2)), "ab"), "shape=ab"),
        (lambda: plot.gradient_spread({}), "at least one layer"),
        (lambda: plot.gradient_spread({"dense": None}), "'dense' is None. Call backward"),
        (lambda: plot.activation_spread({"dense": np.zeros(0)}), "'dense' is empty"),
    ],
)
def test_wrong_values_are_refused_in_three_lines(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert str(caught.value).count("\n") <= 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.training_curves(None), "what fit returns, or .* got NoneType None"),
        (lambda: plot.training_curves({"loss": 1.0}), "what fit returns, or"),
        (lambda: plot.training_curves({"loss": [1.0]}, figure=3), "figure as Matplotlib's Figure, got int"),
        (lambda: plot.confusion_matrix([[1]], ax=3), "ax as Matplotlib's Axes, got int"),
        (lambda: plot.image_grid(IMAGES, 3), "titles as a list of 12 strings, got int 3"),
        (lambda: plot.decision_surface(None, POINTS, np.zeros(20)), "such as model.predict first, got NoneType"),
        (lambda: plot.gradient_spread([1]), r"expects {name: array}, got list \[1\]"),
        (lambda: plot.predictions([1], [1], [1]), r"expects {name: predicted values}, got list \[1\]"),
    ],
)
def test_other_kinds_are_refused_in_a_line(call, message):
    with pytest.raises(TypeError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
