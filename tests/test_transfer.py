"""Transfer: weights of another network, body frozen, then thawed (D.T7); and weights that do not fit."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.saving import save_arrays
from minidl.transfer import drop, from_pytorch, rename, select
from tests.small_models import same_weights

RNG = np.random.default_rng(0)

# --- pre-train, freeze, fine-tune ---------------------------------------------------------------------------------


def digits(classes, n):
    """The first n digits of these classes, as labels 0, 1, ..., and all of them in the test set."""
    (x, y), (x_test, y_test) = md.data.digits()
    mine, mine_test = np.isin(y, classes), np.isin(y_test, classes)
    labels = np.searchsorted(classes, y[mine][:n]), np.searchsorted(classes, y_test[mine_test])
    return (x[mine][:n] / 16, labels[0]), (x_test[mine_test] / 16, labels[1])


def network(classes):
    body = md.Sequential([L.Flatten(input_shape=(8, 8)), L.Dense(32, "relu"), L.BatchNormalization()], name="body")
    model = md.Sequential([body, L.Dense(classes, name="head")])
    loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(md.optimizers.Adam(learning_rate=0.01), loss, metrics=["accuracy"])
    return model


def test_what_was_learnt_of_some_digits_helps_with_the_others(tmp_path):
    """D.T7: the body has seen 0 to 4 only; with thirty of the digits 5 to 9 a new head does better on it."""
    (x, y), _ = digits([0, 1, 2, 3, 4], 800)
    few, (x_test, y_test) = digits([5, 6, 7, 8, 9], 30)
    md.seed(0)
    trained = network(5)
    trained.fit(x, y, epochs=6, verbose=0)
    trained.save_weights(tmp_path / "trained.npz")

    def accuracy(pretrained):
        md.seed(1)
        model = network(5)
        if pretrained:
            report = model.load_weights(tmp_path / "trained.npz", strict=False)
            assert len(report.loaded) == 8
            model.get_layer("head").build((None, 32))  # a new head
        model.get_layer("body").trainable = not pretrained
        model.fit(*few, epochs=20, batch_size=10, verbose=0)
        frozen = model.state_dict("body.*")
        if pretrained:
            assert all(np.array_equal(w, v) for w, v in zip(frozen.values(), trained.state_dict("body.*").values()))
        return model.evaluate(x_test, y_test, verbose=0)[1]

    assert accuracy(pretrained=True) > accuracy(pretrained=False) + 0.02


def test_frozen_weights_do_not_move_by_a_bit_and_thawed_ones_do():
    (x, y), _ = digits([0, 1, 2], 60)
    model = network(3)
    body = model.get_layer("body")
    body.trainable = False
    before = body.state_dict()
    model.fit(x, y, epochs=2, verbose=0)
    assert same_weights(before, body)  # the moving averages too
    head = model.optimizer.state_dict()
    body.trainable = True
    model.fit(x[:32], y[:32], verbose=0)  # one more step
    assert not any(np.array_equal(a, b) for a, b in zip(before.values(), body.state_dict().values()))
    after = model.optimizer.state_dict()
    k = [p.shape for p in model.optimizer.parameters].index((32, 3))
    assert after["iterations"] == head["iterations"] + 1
    assert np.abs(after[f"{k}.m"] - 0.9 * head["0.m"]).max() < np.abs(head["0.m"]).max()  # Adam still knew the head


def test_a_loop_of_ones_own_thaws_with_bind():
    md.seed(0)
    model = md.Sequential([L.Dense(4, "tanh", input_shape=(3,), name="body"), L.Dense(2, name="head")])
    x, t = RNG.normal(size=(8, 3)).astype(np.float32), RNG.normal(size=(8, 2)).astype(np.float32)
    model.get_layer("body").trainable = False
    optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.01)

    def step():
        optimizer.zero_grad()
        md.losses.MeanSquaredError()(t, model(x)).backward()
        optimizer.step()

    before = model.state_dict()
    for _ in range(20):
        step()
    assert same_weights(select(before, "body.*"), model.state_dict("body.*"))
    model.get_layer("body").trainable = True
    optimizer.bind(model.parameters())
    step()
    moved = {name: np.abs(w - before[name]).max() for name, w in model.state_dict("body.*").items()}
    assert all(0.0099 < size < 0.0101 for size in moved.values())  # Adam's first step is one learning rate long


# --- PyTorch's weights, without PyTorch ---------------------------------------------------------------------------


def some(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def two_dense():
    model = md.Sequential([L.Dense(4, input_shape=(3,), name="hidden"), L.Dense(2, name="out")])
    return model, {"0.weight": some(4, 3), "0.bias": some(4), "2.weight": some(2, 4), "2.bias": some(2)}


def test_dense_kernels_are_transposed():
    model, theirs = two_dense()
    state = from_pytorch(model, theirs)
    assert list(state) == ["hidden.kernel", "hidden.bias", "out.kernel", "out.bias"]
    np.testing.assert_array_equal(state["hidden.kernel"], theirs["0.weight"].T)
    np.testing.assert_array_equal(state["out.bias"], theirs["2.bias"])
    assert repr(model.load_state_dict(state)) == "Loaded(4 loaded)"


def test_modules_are_paired_by_name_where_names_are_given():
    model, theirs = two_dense()
    swapped = {name: theirs[name] for name in ("2.weight", "2.bias", "0.weight", "0.bias")}
    named = rename(swapped, {"0.*": "fc_a.*", "2.*": "fc_b.*"})
    for weights, names in ((swapped, None), (named, {"fc_a.*": "hidden.*", "fc_b.*": "out.*"})):
        np.testing.assert_array_equal(from_pytorch(model, weights, names)["hidden.kernel"], theirs["0.weight"].T)


def test_lstm_gates_and_biases():
    model = md.Sequential([L.LSTM(2, input_shape=(4, 3), name="lstm")])
    theirs = {"lstm.weight_ih_l0": some(8, 3), "lstm.weight_hh_l0": some(8, 2)}
    theirs |= {"lstm.bias_ih_l0": some(8), "lstm.bias_hh_l0": some(8)}
    state = from_pytorch(model, theirs)
    np.testing.assert_array_equal(state["lstm.cell.kernel"], theirs["lstm.weight_ih_l0"].T)
    np.testing.assert_array_equal(state["lstm.cell.bias"], theirs["lstm.bias_ih_l0"] + theirs["lstm.bias_hh_l0"])


def test_gru_gates_change_places():
    cell = L.GRUCell(2)
    cell(some(1, 3))
    theirs = {"weight_ih": some(6, 3), "weight_hh": some(6, 2), "bias_ih": some(6), "bias_hh": some(6)}
    state = from_pytorch(cell, theirs)
    r, z, n = np.split(theirs["weight_ih"], 3)
    np.testing.assert_array_equal(state["kernel"], np.concatenate([z, r, n]).T)
    r, z, n = np.split(theirs["bias_hh"], 3)
    np.testing.assert_array_equal(state["bias"][1], np.concatenate([z, r, n]))


def test_kernels_of_convolutions_and_the_dense_behind_them():
    model = md.Sequential([L.Conv2D(3, 2, input_shape=(3, 4, 1)), L.Flatten(), L.Dense(2)])
    theirs = {"a.weight": some(3, 1, 2, 2), "a.bias": some(3), "b.weight": some(2, 18), "b.bias": some(2)}
    state = from_pytorch(model, theirs)
    np.testing.assert_array_equal(state["conv2d.kernel"][1, 0, 0, 2], theirs["a.weight"][2, 0, 1, 0])
    of_place = state["dense.kernel"].reshape(2, 3, 3, 2)  # (H, W, C, out)
    np.testing.assert_array_equal(of_place[1, 2, 0], theirs["b.weight"].reshape(2, 3, 2, 3)[:, 0, 1, 2])


def test_the_dense_behind_branches_that_meet():
    x = md.Input(shape=(5, 4))
    branches = [L.Conv1D(3, 2, name="a")(x), L.Conv1D(2, 2, name="b")(x)]
    model = md.Model(x, L.Dense(2, name="c")(L.Flatten()(L.Concatenate()(branches))))
    theirs = {"a.weight": some(3, 4, 2), "a.bias": some(3), "b.weight": some(2, 4, 2), "b.bias": some(2)}
    theirs |= {"c.weight": some(2, 20), "c.bias": some(2)}
    of_place = from_pytorch(model, theirs)["c.kernel"].reshape(4, 5, 2)  # (T, C, out)
    np.testing.assert_array_equal(of_place[1, 3], theirs["c.weight"].reshape(2, 5, 4)[:, 3, 1])


def test_parameters_of_ones_own_are_taken_as_they_are():
    class Scale(L.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight((input_shape[-1],), "ones")

        def call(self, x):
            return x * self.factor

    model = md.Sequential([L.Dense(2, input_shape=(3,)), Scale()])
    theirs = {"fc.weight": some(2, 3), "fc.bias": some(2), "gain.factor": some(2)}
    np.testing.assert_array_equal(from_pytorch(model, theirs)["scale.factor"], theirs["gain.factor"])


def test_counts_of_batches_are_passed_over():
    model = md.Sequential([L.BatchNormalization(input_shape=(3,))])
    theirs = {"0.weight": some(3), "0.bias": some(3), "0.running_mean": some(3), "0.running_var": some(3)}
    state = from_pytorch(model, {**theirs, "0.num_batches_tracked": np.array(7)})
    assert len(state) == 4
    np.testing.assert_array_equal(state["batch_normalization.moving_variance"], theirs["0.running_var"])


def test_what_fits_is_taken_when_not_strict():
    model, theirs = two_dense()
    before = model.state_dict()
    weights = {**theirs, "2.weight": some(5, 4), "2.bias": some(5)}
    report = model.load_state_dict(from_pytorch(model, weights, strict=False), strict=False)
    assert report.loaded == ["hidden.kernel", "hidden.bias"] and report.missing == ["out.kernel", "out.bias"]
    assert same_weights(select(before, "out.*"), model.state_dict("out.*"))
    names = {"0.*": "hidden.*"}
    report = model.load_state_dict(from_pytorch(model, theirs, names, strict=False), strict=False)
    assert report.loaded == ["hidden.kernel", "hidden.bias"]


def test_a_safetensors_file_has_no_order(tmp_path):
    model, theirs = two_dense()
    save_arrays(tmp_path / "numbered.safetensors", theirs)
    save_arrays(tmp_path / "named.safetensors", rename(theirs, {"0.*": "z.*", "2.*": "a.*"}))
    np.testing.assert_array_equal(
        from_pytorch(model, tmp_path / "numbered.safetensors")["out.kernel"], theirs["2.weight"].T
    )
    with pytest.raises(ValueError, match=r"keeps no order(.|\n)*names=\{'a\.\*': 'hidden\.\*'"):
        from_pytorch(model, tmp_path / "named.safetensors")


def convert(change, names=None, layers=None):
    model, theirs = two_dense()
    if layers is not None:
        model = md.Sequential(layers)
    return from_pytorch(model, change(theirs), names)


MISFITS = {
    "bias left over": (
        lambda: convert(lambda w: w, layers=[L.Dense(4, use_bias=False, input_shape=(3,)), L.Dense(2)]),
        r"unexpected: 0\.bias(.|\n)*names=",
    ),
    "bias missing": (
        lambda: convert(lambda w: drop(w, "*.bias")),
        r"missing: 0\.bias for hidden\.bias(.|\n)*use_bias=False here",
    ),
    "another size": (
        lambda: convert(lambda w: {**w, "2.weight": some(5, 4)}),
        r"out\.kernel has shape \(4, 2\), 2\.weight of shape \(5, 4\) gives \(4, 5\)(.|\n)*Build the model",
    ),
    "weights of another kind of layer": (
        lambda: convert(lambda w: {"0.weight": some(5)}, layers=[L.Conv2D(5, 3, input_shape=(8, 8, 2))]),
        r"kernel has shape \(3, 3, 2, 5\), 0\.weight of shape \(5,\) gives none",
    ),
    "a convolution for a depthwise one": (
        lambda: convert(lambda w: {"0.weight": some(2, 2, 3, 3)}, layers=[L.DepthwiseConv2D(3, input_shape=(8, 8, 2))]),
        r"kernel has shape \(3, 3, 2, 1\), 0\.weight of shape \(2, 2, 3, 3\) gives none",
    ),
    "two biases of different sizes": (
        lambda: convert(
            lambda w: {
                "weight_ih_l0": some(4, 3),
                "weight_hh_l0": some(4, 4),
                "bias_ih_l0": some(1),
                "bias_hh_l0": some(4),
            },
            layers=[L.SimpleRNN(4, input_shape=(5, 3))],
        ),
        r"bias has shape \(4,\), l0\.bias_ih of shape \(1,\) and l0\.bias_hh of shape \(4,\) gives none",
    ),
    "a module too many": (
        lambda: convert(lambda w: {**w, "3.weight": some(2, 2)}),
        r"not as many: here hidden; out;\nthere 0; 2; 3\. Say which is which: names=\{'0\.\*': 'hidden\.\*'",
    ),
    "a name of two is missing": (
        lambda: convert(lambda w: w, {"0.*": "hidden.*"}),
        r"missing: out\.\*; unexpected: 2\.weight; unexpected: 2\.bias",
    ),
    "a wrong name": (lambda: convert(lambda w: w, {"fc1.*": "hidden.*"}), r"no weight's name matches 'fc1\.\*'"),
    "not built": (lambda: convert(lambda w: w, layers=[L.Dense(2)]), "has no weights yet. Give it an input_shape"),
    "no weights": (lambda: convert(lambda w: {}), r"got no weights. Give network\.state_dict\(\)"),
    "a list": (lambda: convert(lambda w: list(w.values())), "dictionary .* or a path, got list"),
    "reset before": (
        lambda: from_pytorch(_built_gru(), {"weight_ih": some(6, 3)}),
        r"resets before the product(.|\n)*reset_after=True",
    ),
    "flattened": (
        lambda: from_pytorch(*two_dense(), flattened={"x": (1, 2)}),
        "flattened names 'x', which is not",
    ),
    "an image of another size": (
        lambda: from_pytorch(*two_dense(), flattened={"out": (1, 3, 2)}),
        r"'out' takes 4 features, which no image of \(1, 3, 2\) has",
    ),
    "no image": (lambda: from_pytorch(*two_dense(), flattened={"out": 4}), "shape of an image before 'out', got int 4"),
    "flattened is a shape": (lambda: from_pytorch(*two_dense(), flattened=(1, 2, 2)), "flattened as .*, got tuple"),
    "the other way round": (
        lambda: from_pytorch(*two_dense()[::-1]),
        "a minidl model, then PyTorch's weights, got dict",
    ),
    "words": (lambda: convert(lambda w: {**w, "0.bias": "abc"}), "'0.bias' as an array of real numbers, got str 'abc'"),
    "None": (lambda: convert(lambda w: {**w, "0.bias": None}), "'0.bias' as an array of real numbers, got NoneType"),
    "numbered names": (lambda: convert(lambda w: {0: some(2)}), "names of weights such as 'fc1.weight', got int 0"),
    "a list of names": (lambda: convert(lambda w: w, ["0.*"]), "rename expects new names as .*, got list"),
    "concatenated": (
        lambda: from_pytorch(_concatenated(), {"0.weight": some(2, 36), "0.bias": some(2)}),
        r"cannot follow flattened images through 'concatenate'(.|\n)*flattened=",
    ),
    "a sum of two orders": (
        lambda: from_pytorch(_residual(lambda flat, wide, narrow: L.Add()([wide, flat])), {"0.weight": some(18, 18)}),
        r"cannot follow flattened images through 'add': others meet them in another order",
    ),
}


def _built_gru():
    cell = L.GRUCell(2, reset_after=False)
    cell(some(1, 3))
    return cell


def _residual(meet):
    x = md.Input(shape=(3, 3, 2))
    flat = L.Flatten()(x)
    return md.Model(inputs=x, outputs=L.Dense(2, name="out")(meet(flat, L.Dense(18)(flat), L.Dense(1)(flat))))


def _concatenated():
    x = md.Input(shape=(3, 3, 2))
    a, b = L.Flatten()(x), L.Flatten()(x)
    return md.Model(inputs=x, outputs=L.Dense(2)(L.Concatenate()([a, b])))


def test_a_flattened_image_may_be_scaled_as_a_whole():
    theirs = {"a.weight": some(1, 18), "a.bias": some(1), "b.weight": some(2, 18), "b.bias": some(2)}
    for meet in (lambda flat, wide, narrow: flat * narrow, lambda flat, wide, narrow: narrow * flat):
        state = from_pytorch(_residual(meet), theirs)
        np.testing.assert_array_equal(
            state["out.kernel"].reshape(3, 3, 2, 2)[1, 2, 0], theirs["b.weight"].reshape(2, 2, 3, 3)[:, 0, 1, 2]
        )


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_told_in_three_lines(misfit):
    call, message = MISFITS[misfit]
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3
