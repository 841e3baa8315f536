"""Sampling and generating: the right distribution, the same text with and without the cache, refusals in words."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.examples.gpt import GPT
from minidl.sampling import generate, probabilities, sample

RNG = np.random.default_rng(0)
Z = np.log([0.1, 0.4, 0.2, 0.3])  # logits of four symbols


def gpt(**settings):
    md.seed(3)
    return GPT(**{"vocabulary": 11, "sequence_length": 8, "width": 12, "heads": 3, "blocks": 2, "ngrams": 3} | settings)


# --- probabilities --------------------------------------------------------------------------------------------------


def test_at_temperature_1_they_are_the_softmax():
    np.testing.assert_allclose(probabilities(Z), [0.1, 0.4, 0.2, 0.3], rtol=1e-12)
    z = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(probabilities(z), md.softmax(z.astype(np.float64)), rtol=1e-12)
    np.testing.assert_allclose(probabilities(md.Tensor(z)), probabilities(z))


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0, 10.0])
def test_a_temperature_takes_the_root(temperature):
    p = np.array([0.1, 0.4, 0.2, 0.3]) ** (1 / temperature)
    np.testing.assert_allclose(probabilities(Z, temperature), p / p.sum(), rtol=1e-12)


def test_a_temperature_towards_0_is_the_largest():
    z = RNG.normal(size=(50, 7)) * 100
    for temperature in (0, 1e-6, 1e-300):
        np.testing.assert_array_equal(probabilities(z, temperature), np.eye(7)[z.argmax(axis=-1)])
    np.testing.assert_array_equal(probabilities([1.0, 3.0, 3.0], 0), [0, 1, 0])  # of equal ones the first


def test_a_high_temperature_makes_all_alike():
    np.testing.assert_allclose(probabilities(Z, 1e6), 0.25, rtol=1e-5)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_leaves_the_k_likeliest(k):
    p, kept = probabilities(Z, top_k=k), [1, 3, 2, 0][:k]
    assert set(p.nonzero()[0]) == set(kept)
    np.testing.assert_allclose(p[kept], np.exp(Z[kept]) / np.exp(Z[kept]).sum())


def test_of_equal_logits_exactly_k_are_left():
    np.testing.assert_array_equal(probabilities([0.0, 1.0, 1.0, 1.0], top_k=2), [0, 0.5, 0.5, 0])


def test_huge_and_forbidden_logits():
    np.testing.assert_array_equal(probabilities([1e30, 1e30, -np.inf]), [0.5, 0.5, 0])
    logits = np.array([3.0, 1.0])
    probabilities(logits, 0.5, 1)
    np.testing.assert_array_equal(logits, [3.0, 1.0])  # untouched


# --- drawing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (0.5, None), (2.0, 3)])
def test_drawn_as_often_as_they_are_likely(temperature, top_k):
    n = 40_000
    counts = np.bincount(sample(np.tile(Z, (n, 1)), temperature, top_k, rng=1), minlength=4)
    p = probabilities(Z, temperature, top_k)
    seen = p > 0
    assert counts[~seen].sum() == 0
    chi_square = ((counts - n * p)[seen] ** 2 / (n * p)[seen]).sum()
    assert chi_square < 16.3  # of three degrees of freedom: more than this once in a thousand


def test_shapes_and_seeds():
    z = RNG.normal(size=(2, 3, 5))
    assert sample(z).shape == (2, 3) and sample(z[0, 0]).shape == ()
    np.testing.assert_array_equal(sample(z, rng=5), sample(z, rng=5))
    md.seed(8)
    first = sample(np.zeros((40, 9)))
    second = sample(np.zeros((40, 9)))
    md.seed(8)
    np.testing.assert_array_equal(sample(np.zeros((40, 9))), first)
    assert (first != second).any()


def test_the_edges_of_the_interval():
    class Fixed(np.random.Generator):
        u = 0.0

        def random(self, shape):
            return np.full(shape, self.u)

    rng = Fixed(np.random.PCG64())
    z = [-np.inf, 0.0, 0.0, -np.inf]
    assert sample(z, rng=rng) == 1
    rng.u = np.nextafter(1.0, 0.0)
    assert sample(z, rng=rng) == 2
    assert sample(np.log([0.3] * 3 + [0.1]), rng=rng) == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"logits": [0.0, np.nan]}, "got NaN or infinity"),
        ({"logits": [0.0, np.inf]}, "got NaN or infinity"),
        ({"logits": [[0.0, 1.0], [-np.inf, -np.inf]]}, "got NaN or infinity"),
        ({"logits": 1.0}, r"expects logits \(\.\.\., V\), got shape \(\)"),
        ({"logits": np.zeros((2, 0))}, r"expects logits \(\.\.\., V\), got shape \(2, 0\)"),
        ({"temperature": -1}, "temperature as a number from 0 on, got -1"),
        ({"temperature": np.nan}, "temperature as a number from 0 on, got nan"),
        ({"temperature": "hot"}, "temperature as a number from 0 on, got 'hot'"),
        ({"top_k": 0}, "top_k from 1 to 4, the number of symbols, or None, got 0"),
        ({"top_k": 5}, "top_k from 1 to 4, the number of symbols, or None, got 5"),
        ({"top_k": 1.5}, "top_k from 1 to 4, the number of symbols, or None, got 1.5"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        sample(**{"logits": Z} | settings)


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"temperature": 1.3}, {"top_k": 4}])
@pytest.mark.parametrize("sequence_length", [1, 7, 64])
def test_the_cache_changes_nothing(settings, sequence_length):
    model = gpt(sequence_length=sequence_length)
    with_cache = generate(model, [3], 30, **settings, rng=2)
    assert with_cache == generate(model, [3], 30, **settings, rng=2, use_cache=False)
    assert len(with_cache) == 31 and with_cache[0] == 3 and set(with_cache) <= set(range(11))


def test_logits_with_the_cache_are_those_without():
    model = gpt()
    x = RNG.integers(0, 11, (2, 8))
    past = model.new_past()
    with md.no_grad():
        parts = [model(x[:, a:b], past=past).numpy() for a, b in ((0, 3), (3, 4), (4, 8))]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), model(x).numpy(), atol=1e-5)


def test_the_model_sees_only_what_came_before():
    model = gpt()
    x = RNG.integers(0, 11, (1, 8))
    changed = x.copy()
    changed[0, 5] = (x[0, 5] + 1) % 11
    y, z = model(x).numpy(), model(changed).numpy()
    np.testing.assert_array_equal(y[:, :5], z[:, :5])
    assert (y[:, 5:] != z[:, 5:]).any(axis=-1).all()


def test_greedy_text_is_step_by_step_the_likeliest():
    model = gpt()
    text = generate(model, [1, 2], 5, temperature=0)
    for n in range(2, 7):
        assert text[n] == model([text[:n]]).numpy()[0, -1].argmax()


def test_seeds_and_modes():
    model = gpt().train()
    assert generate(model, [1], 20, rng=4) == generate(model, [1], 20, rng=4)
    assert generate(model, [1], 20, rng=4) != generate(model, [1], 20, rng=5)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert generate(model, np.array([1, 2]), 0) == [1, 2]


@pytest.mark.parametrize(
    ("prompt", "length", "error", "words"),
    [
        ([1] * 9, 3, ValueError, r"prompt of 1 to 8 symbols \(sequence_length=8\), got 9\.\nGive it the last 8"),
        ([], 3, ValueError, r"prompt of 1 to 8 symbols \(sequence_length=8\), got 0\.$"),
        ([1], -1, ValueError, "length as a number of symbols, got -1"),
        ([1], 2.5, ValueError, "length as a number of symbols, got 2.5"),
        ("Call", 3, TypeError, "prompt of indices, got str 'Call'. Use a Tokenizer"),
        ([1, 11], 3, ValueError, r"indices 0\.\.10 \(input_dim=11\), got 1\.\.11"),
        ([-1], 3, ValueError, r"indices 0\.\.10 \(input_dim=11\), got -1\.\.-1"),
        ([1.5], 3, TypeError, r"prompt of indices, got list \[1.5\]"),
        (None, 3, TypeError, "prompt of indices, got NoneType None"),
        (3, 3, TypeError, "prompt of indices, got int 3"),
        ([[1, 2], [3]], 3, TypeError, r"prompt of indices, got list \[\[1, 2\], \[3\]\]"),
        (np.ones((2, 3), int), 3, TypeError, r"prompt of indices, got int64 array of shape \(2, 3\)"),
    ],
)
def test_wrong_prompts_are_refused(prompt, length, error, words):
    with pytest.raises(error, match=words):
        generate(gpt(), prompt, length)


@pytest.mark.parametrize("model", [None, lambda x: x, md.Sequential([md.layers.Dense(3, input_shape=(2,))])])
def test_what_is_no_language_model_is_told(model):
    with pytest.raises(TypeError, match="generate expects a language model, which has sequence_length and new_past"):
        generate(model, [1, 2], 3)


def test_sequences_longer_than_the_positions_are_refused():
    with pytest.raises(ValueError, match=r"has 8 positions of 12 features, got x of shape \(1, 9, 12\)\.\nShorten"):
        gpt()(np.ones((1, 9), int))
    model, past = gpt(), gpt().new_past()
    with md.no_grad():
        model(np.ones((1, 6), int), past=past)
        with pytest.raises(ValueError, match="after 6 steps"):
            model(np.ones((1, 3), int), past=past)


def test_on_the_gpu_the_text_is_the_same():
    model = gpt()
    on_cpu = generate(model, [1, 2], 12, rng=0)
    with fake_cupy.installed() as cupy:
        model.to("cuda")
        assert generate(model, [1, 2], 12, rng=0) == on_cpu
        assert sample(cupy.asarray(Z), 0) == 1
