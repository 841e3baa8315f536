"""Names of layers: different within a model, and the same ever after."""

import pytest

import minidl as md
from minidl import layers as L


def in_a_row(*layers):
    return md.Sequential([md.Input((3,)), *layers])


def in_a_drawing(*layers):
    x = y = md.Input((3,))
    for layer in layers:
        y = layer(y)
    return md.Model(x, y)


def one_by_one(*layers):
    model = md.Sequential([md.Input((3,))])
    for layer in layers:
        model.add(layer)
    return model


@pytest.mark.parametrize("first", [in_a_row, in_a_drawing])
@pytest.mark.parametrize("second", [in_a_row, in_a_drawing, one_by_one])
def test_a_layer_that_a_second_model_shares_keeps_its_name(first, second, tmp_path):
    shared = L.Dense(3)
    model = first(shared, L.Dense(2))
    names = list(model.state_dict())
    assert names == ["dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias"]
    model.save_weights(tmp_path / "first.npz")
    other = second(L.Dense(3), shared, L.Dense(3))
    assert list(model.state_dict()) == names
    assert not model.load_weights(tmp_path / "first.npz").missing
    assert shared.name == "dense"
    assert len(other.state_dict()) == 6
    for name, layer in other.children():
        assert other.get_layer(name) is layer


def test_layers_that_two_models_named_alike_are_told_apart_in_a_third():
    a, b = L.Dense(3), L.Dense(3)
    first, second = in_a_row(a), in_a_row(b)
    third = in_a_drawing(a, b)
    assert list(third.state_dict()) == ["dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias"]
    assert third.get_layer("dense_1") is b
    assert list(first.state_dict()) == list(second.state_dict()) == ["dense.kernel", "dense.bias"]
