"""Cross-validation (D.T2): every sample is held out once, each fold trains a model of its own."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from tests.small_models import LABELS, X, classifier


def test_every_sample_is_judged_once_by_a_model_that_has_not_seen_it():
    seen = []

    class Memory(md.Sequential):
        def fit(self, x, y, **settings):
            self.known = {tuple(row) for row in x.tolist()}
            return super().fit(x, y, **settings)

        def evaluate(self, x, y, **settings):
            seen.extend(y.tolist())
            assert not self.known & {tuple(row) for row in x.tolist()}
            return super().evaluate(x, y, **settings)

    def make_model():
        model = Memory([L.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    x = np.random.default_rng(0).normal(size=(10, 2))
    figures = md.cross_validate(make_model, x, np.arange(10.0)[:, None], k=4, rng=0)
    assert sorted(seen) == [[float(i)] for i in range(10)]
    assert list(figures) == ["loss", "mean_absolute_error"] or list(figures) == ["loss", "mae"]
    assert all(values.shape == (4,) for values in figures.values())


def test_folds_may_keep_the_proportions_of_classes():
    figures = md.cross_validate(
        lambda: classifier(metrics=["accuracy"]), X.tolist(), LABELS.tolist(), k=3, stratify=LABELS, rng=0, epochs=2
    )
    assert figures["accuracy"].shape == (3,)


def test_one_model_cannot_be_judged_twice():
    model = classifier()
    with pytest.raises(TypeError, match="a new compiled model at each call"):
        md.cross_validate(lambda: model, X, LABELS, k=2)


def test_models_do_not_go_on_from_each_other(tmp_path):
    with pytest.raises(TypeError, match="cannot resume: its K models would share one file"):
        md.cross_validate(classifier, X, LABELS, resume=tmp_path / "run.npz")


def test_lengths_are_compared():
    with pytest.raises(ValueError, match="got 50 in x and 40 in y"):
        md.cross_validate(classifier, X, LABELS[:40])
