"""Which number is explained (D.T11): the logit behind a model's end, the class that is asked for."""

import numpy as np
import pytest
from explained_models import METHODS, WORDS, X, table_model, text_model

import minidl as md
from minidl import explain
from minidl import layers as L


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_a_softmax_or_sigmoid_at_the_end_changes_nothing(name, frozen):
    """f is the logit in front of it; also for words, of which nothing can be differentiated, in a frozen model."""
    x = X[:3] * 3
    for end, units in (("softmax", 3), ("sigmoid", 1)):
        plain, ended = table_model(units=units), table_model(L.Activation(end), units=units)
        ended.set_weights(plain.get_weights())
        plain.trainable = ended.trainable = not frozen
        with md.no_grad():
            np.testing.assert_allclose(METHODS[name](ended, x), METHODS[name](plain, x), rtol=1e-5, atol=1e-6)
        plain, ended = text_model(units), text_model(units, activation=end)
        plain.trainable = ended.trainable = not frozen
        np.testing.assert_allclose(METHODS[name](ended, WORDS), METHODS[name](plain, WORDS), rtol=1e-5, atol=1e-6)


def test_a_softmax_behind_parameters_that_are_never_trained_is_seen_too():
    plain, ended = text_model(3), text_model(3, activation="softmax")
    for p in ended.parameters():
        p.trainable = False
    np.testing.assert_allclose(explain.occlusion(ended, WORDS), explain.occlusion(plain, WORDS), rtol=1e-5, atol=1e-6)
    assert not any(p.requires_grad or p.trainable for p in ended.parameters())


def test_only_the_end_is_taken_off_not_a_sigmoid_behind_it():
    hidden = L.Dense(3, "sigmoid", input_shape=(4,))
    model = md.Sequential([hidden, L.Activation("softmax")])
    np.testing.assert_allclose(
        explain.occlusion(model, X), explain.occlusion(md.Sequential([hidden]).predict, X), atol=1e-6
    )


def test_a_softmax_without_parameters_is_seen_too():
    model = md.Sequential([L.Activation("softmax", input_shape=(4,))])
    expected = np.where(np.arange(4) == 2, X, 0)  # the logit of class 2 is x₂
    np.testing.assert_allclose(explain.occlusion(model, X, target=2), expected)
    np.testing.assert_allclose(explain.gradient_times_input(model, X, 2), expected)


def test_a_function_is_taken_as_it_is():
    model = table_model().eval()
    p = explain.occlusion(lambda x: md.softmax(model(x)), X)
    z = model.predict(X)
    c = z.argmax(axis=1)

    def probability(x):
        return np.take_along_axis(md.softmax(model.predict(x)), c[:, None], axis=1)[:, 0]

    for j in range(4):
        np.testing.assert_allclose(p[:, j], probability(X) - probability(X * (np.arange(4) != j)), atol=1e-6)
    np.testing.assert_allclose(explain.occlusion(lambda x: md.softmax(model.predict(x)), X), p, atol=1e-6)


def test_the_predicted_class_unless_told():
    model = table_model()
    c = model.predict(X).argmax(axis=1)
    assert len(set(c)) > 1
    for f in METHODS.values():
        np.testing.assert_array_equal(f(model, X), f(model, X, target=c))
    assert np.abs(explain.saliency(model, X, 0) - explain.saliency(model, X, 1)).min() > 1e-6
    np.testing.assert_array_equal(explain.saliency(model, X, [0, 0, 1, 1, 2])[3], explain.saliency(model, X, 1)[3])
