"""``md.debug()``: the first number that is not finite ends the run and is named; raw edits are caught."""

import re
from pathlib import Path

import numpy as np
import pytest

import minidl as md
from minidl import debugging


@pytest.fixture(autouse=True)
def quiet():
    """NumPy's own warnings about log 0 and 1/0 are not the matter here."""
    with np.errstate(all="ignore"):
        yield


def leaf(*numbers):
    return md.Tensor(list(numbers), requires_grad=True)


def line_of(text):
    """The line of this file that ends with a comment of this text."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, start=1) if line.endswith(f"# {text}"))


class TestForward:
    def test_names_op_kind_count_place_and_operands(self):
        with md.debug(), pytest.raises(FloatingPointError) as caught:
            md.log(leaf(1.0, 0.0, 4.0))  # a log of zero
        first, second = str(caught.value).splitlines()
        assert first.startswith("log made -inf in 1 of 3 numbers, at test_debugging.py, ")
        assert f"line {line_of('a log of zero')}: md.log(leaf(1.0, 0.0, 4.0))" in first
        assert second == "  input 1: float32 array of shape (3,), 0 .. 4"

    def test_nan_is_named_before_infinity(self):
        with md.debug(), pytest.raises(FloatingPointError, match="made NaN in 2 of 2"):
            md.log(leaf(0.0, -1.0))

    def test_operands_that_hold_nan_already_say_so(self):
        with md.debug(), pytest.raises(FloatingPointError, match=r"input 1: .*, 2 .. 2, 1 not finite; input 2: int 1"):
            md.Tensor([np.nan, 2.0]) + 1

    @pytest.mark.parametrize("record", [True, False])
    def test_also_where_nothing_is_recorded(self, record):
        x = leaf(0.0) if record else md.Tensor([0.0])
        with md.debug(), md.no_grad(), pytest.raises(FloatingPointError, match="log made -inf"):
            md.log(x)

    def test_the_line_is_the_users_not_the_layers(self):
        layer = md.layers.Dense(2)
        layer(md.Tensor([[1.0, 2.0]]))
        layer.kernel.data[...] = np.inf
        with md.debug(), pytest.raises(FloatingPointError) as caught:
            layer(md.Tensor([[0.0, 1.0]]))  # the call of a layer
        assert f"test_debugging.py, line {line_of('the call of a layer')}" in str(caught.value)

    def test_code_that_is_in_no_file_is_placed_too(self):
        with md.debug(), pytest.raises(FloatingPointError, match="at <string>, line 2"):
            exec("zero = md.Tensor([0.0])\nmd.log(zero)", {"md": md})

    def test_integers_and_truth_values_are_always_finite(self):
        with md.debug():
            assert (md.Tensor([1, 2]) * 3).tolist() == [3, 6]


class TestBackward:
    def test_names_the_line_of_the_forward_pass(self):
        with md.debug(), pytest.raises(FloatingPointError) as caught:
            y = md.sqrt(leaf(1.0, 0.0))  # a root of zero
            y.sum().backward()
        first, second = str(caught.value).splitlines()
        assert first.startswith("the gradient of sqrt has inf in 1 of 2 numbers")
        assert f"line {line_of('a root of zero')}" in first
        assert "0 .. 1" in second and "1 .. 1" in second  # x, and the gradient that came from above

    def test_what_was_recorded_inside_is_checked_outside(self):
        with md.debug():
            y = md.sqrt(leaf(0.0)).sum()
        with pytest.raises(FloatingPointError, match="gradient of sqrt"):
            y.backward()

    def test_what_was_recorded_outside_is_not(self):
        x = leaf(0.0)
        y = md.sqrt(x).sum()
        with md.debug():
            y.backward()
        assert np.isinf(x.grad).all()

    def test_gradients_of_gradients(self):
        with md.debug():
            np.testing.assert_array_equal(md.hessian(lambda x: (x**3).sum())(leaf(1.0, 2.0)).numpy(), [[6, 0], [0, 12]])
            with pytest.raises(FloatingPointError):
                md.grad(lambda x: md.sqrt(x).sum())(leaf(0.0))


class TestRawEdits:
    """Edits with NumPy, behind the engine's back: outside debug mode they cannot be seen."""

    def test_of_an_input(self):
        with md.debug():
            x = leaf(1.0, 2.0)
            y = (x * x).sum()  # a product
            x.data[0] = 5
            with pytest.raises(ValueError, match=r"input 1 of multiply, float32 array of shape .* edited") as caught:
                y.backward()
        assert f"line {line_of('a product')}" in str(caught.value)
        assert x.grad is None

    def test_of_a_constant(self):
        c = np.ones(2, np.float32)
        with md.debug():
            y = (leaf(1.0, 2.0) * c).sum()
            c[...] = 7
            with pytest.raises(ValueError, match="input 2 of multiply"):
                y.backward()

    def test_of_an_output(self):
        with md.debug():
            y = md.exp(leaf(1.0, 2.0))
            loss = y.sum()
            y.data[0] = 0
            with pytest.raises(ValueError, match=r"input 1 of sum|output of exp"):
                loss.backward()

    def test_an_untouched_graph_passes(self):
        with md.debug():
            x = leaf(1.0, 2.0)
            (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [2, 4])


class TestSwitch:
    def test_off_by_default_and_after_an_error(self):
        assert not debugging.active
        with pytest.raises(ZeroDivisionError), md.debug():
            1 / 0  # noqa: B018 - the error is the point
        assert not debugging.active
        assert np.isinf(md.log(md.Tensor([0.0])).numpy()).all()

    def test_nested(self):
        with md.debug():
            with md.debug():
                pass
            with pytest.raises(FloatingPointError):
                md.log(md.Tensor([0.0]))

    def test_training_gives_the_same_numbers(self):
        def losses():
            md.seed(0)
            model = md.Sequential([md.Input(shape=(2,)), md.layers.Dropout(0.5), md.layers.Dense(2, "softmax")])
            model.compile("adam", "sparse_categorical_crossentropy")
            x = np.arange(20, dtype=np.float32).reshape(10, 2)
            return model.fit(x, np.arange(10) % 2, epochs=2, verbose=0).history["loss"]

        with md.debug():
            inside = losses()
        assert inside == losses()

    def test_training_that_diverges_stops_at_its_first_infinity(self):
        model = md.Sequential([md.Input(shape=(2,)), md.layers.Dense(2)])
        model.compile(md.optimizers.SGD(learning_rate=1e30), "mse")
        x = np.ones((8, 2), np.float32)
        place = r"in (Dense 'dense'|MeanSquaredError 'mean_squared_error'), at test_debugging\.py, line \d+: model\.fit"
        with md.debug(), pytest.raises(FloatingPointError, match=rf"made (inf|-inf|NaN) in .* {place}"):
            model.fit(x, x, epochs=9, verbose=0)

    def test_the_layer_is_named_where_the_op_is_in_one(self):
        model = md.Sequential([md.layers.Dense(3, name="first"), md.layers.Dense(2, name="second")])
        x = np.ones((4, 2), np.float32)
        model(x)
        model.layers[1].kernel.data[0, 0] = np.inf
        with (
            md.debug(),
            pytest.raises(FloatingPointError, match=r"linear made .*, in Dense 'second', at test_debugging"),
        ):
            model(x)
        with md.debug(), np.errstate(divide="ignore"), pytest.raises(FloatingPointError, match=r"numbers, at test_deb"):
            md.log(md.Tensor([0.0]))

    def test_check_grads_goes_through_functions_named_call_too(self):
        with md.debug():
            md.check_grads(md.exp, np.ones(2))


class Notebook:
    """As much of IPython as is asked for: code cells compiled under made-up file names."""

    def __init__(self, name, number):
        self.compile = type("Compiler", (), {"_filename_map": {name: number}})()

    def get_ipython(self):
        return self


def test_a_notebook_cell_is_named_by_its_number(monkeypatch):
    name = "/somewhere/ipykernel_12/34.py"
    monkeypatch.setitem(debugging.sys.modules, "IPython", Notebook(name, 3))
    code = compile("md.log(md.Tensor([0.0]))", name, "exec")
    with md.debug(), pytest.raises(FloatingPointError, match=re.escape("at cell [3], line 1")):
        exec(code, {"md": md})


def test_messages_have_at_most_three_lines():
    with md.debug(), pytest.raises(FloatingPointError) as caught:
        md.divide(leaf(1.0), leaf(0.0))
    assert len(str(caught.value).splitlines()) <= 3
