"""Choosing, leaving out and renaming weights by patterns."""

import pytest

from minidl.patterns import drop, rename, select

STATE = {"encoder.0.kernel": 1, "encoder.0.bias": 2, "encoder.1.kernel": 3, "head.kernel": 4, "head.kernel_v": 5}


def test_select_and_drop_share_out_the_state():
    for patterns in (["*.kernel"], ["encoder.?.bias", "head.*"], ["*"], ["head.kernel"]):
        chosen, rest = select(STATE, *patterns), drop(STATE, *patterns)
        assert not chosen.keys() & rest.keys()
        assert chosen | rest == STATE
        assert chosen and list(chosen) == [name for name in STATE if name in chosen]  # in the old order
    assert list(select(STATE, "*.kernel")) == ["encoder.0.kernel", "encoder.1.kernel", "head.kernel"]


def test_letters_that_mean_something_elsewhere_are_letters_here():
    state = {"a.b": 1, "axb": 2, "a[b]": 3, "(a)+": 4}
    assert select(state, "a.b") == {"a.b": 1}
    assert select(state, "a[b]", "(a)+") == {"a[b]": 3, "(a)+": 4}


def test_rename_keeps_what_the_stars_stood_for():
    assert rename(STATE, {"encoder.*.*": "body.block_*.*"}) == {
        "body.block_0.kernel": 1, "body.block_0.bias": 2, "body.block_1.kernel": 3,
        "head.kernel": 4, "head.kernel_v": 5,
    }  # fmt: skip
    assert rename({"model.a": 1, "model.b": 2}, {"model.a": "c", "model.*": "*"}) == {"c": 1, "b": 2}  # first match
    assert rename({"a": 1, "b": 2}, {"a": "b", "b": "a"}) == {"b": 1, "a": 2}  # all at once


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: select(STATE, "encodr.*"), ValueError, r"select: no weight's name matches 'encodr\.\*'"),
        (lambda: drop(STATE, "Head.*"), ValueError, "drop: no weight's name matches"),
        (lambda: rename(STATE, {"x": "y"}), ValueError, r"rename: no weight(.|\n)*encoder\.0\.kernel"),
        (lambda: select({}, "*"), ValueError, "There are no weights"),
        (lambda: rename(STATE, {"head.kernel": "*"}), ValueError, r"no more \* in '\*' than in 'head\.kernel'"),
        (lambda: rename(STATE, {"head.*": "out"}), ValueError, "two weights the name 'out'"),
        (lambda: rename(STATE, {"head.kernel": "head.kernel_v"}), ValueError, "two weights the name 'head.kernel_v'"),
        (lambda: select(STATE, 3), TypeError, "patterns such as 'encoder.*', got int"),
        (lambda: rename(STATE, None), TypeError, "new names as {'encoder.*': 'body.*'}, got NoneType"),
        (lambda: rename(STATE, {"head.*": 3}), TypeError, "new names as"),
        (lambda: select([1], "*"), TypeError, "a dictionary {name: array}, got list"),
    ],
)
def test_slips_are_told(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3
