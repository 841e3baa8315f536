"""Text: Keras' Tokenizer and pad_sequences, and D2.P1 from sentences to one-hot labels."""

import numpy as np
import pytest

from minidl.data import Tokenizer, pad_sequences, to_categorical

TEXTS = ["The cat sat on the mat.", "The dog ate my cat!", "A dog, a plan..."]


def fitted(**settings):
    tokenizer = Tokenizer(**settings)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


# --- the vocabulary -------------------------------------------------------------------------------------------------


def test_words_are_numbered_by_frequency_and_ties_by_first_appearance():
    words = ["the", "cat", "dog", "a", "sat", "on", "mat", "ate", "my", "plan"]
    assert fitted().word_index == {word: i for i, word in enumerate(words, start=1)}
    assert fitted().index_word == dict(enumerate(words, start=1))


def test_what_is_counted():
    tokenizer = fitted()
    assert list(tokenizer.word_counts.items())[:4] == [("the", 3), ("cat", 2), ("sat", 1), ("on", 1)]
    assert tokenizer.word_docs["the"] == 2 and tokenizer.word_docs["a"] == 1
    assert tokenizer.document_count == 3


def test_later_texts_are_added():
    tokenizer = fitted()
    tokenizer.fit_on_texts(["plan plan plan plan"])
    assert tokenizer.word_index["plan"] == 1 and tokenizer.word_index["the"] == 2
    assert tokenizer.document_count == 4


def test_the_word_for_unknown_words_comes_first():
    assert fitted(oov_token="<unknown>").word_index["<unknown>"] == 1
    assert fitted(oov_token="<unknown>").word_index["the"] == 2


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, ["don't", "stop", "me", "now", "i'm", "a", "b"]),
        ({"lower": False}, ["Don't", "stop", "me", "now", "I'm", "a", "b"]),
        ({"filters": ","}, ["don't", "stop\tme", "now!", "i'm", "a_b"]),
        ({"filters": ",", "split": "\t"}, ["don't stop", "me", " now! i'm a_b"]),
        ({"char_level": True}, list("don't stop\tme, now! i'm a_b")),
    ],
)
def test_how_texts_are_cut_into_words(settings, words):
    assert Tokenizer(**settings).words("Don't stop\tme, now! I'm a_b") == words


def test_lists_of_words_are_taken_as_they_are():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["New York", "is"], ["is", "big!"]])
    assert tokenizer.word_index == {"is": 1, "new york": 2, "big!": 3}


# --- there and back -------------------------------------------------------------------------------------------------


def test_num_words_keeps_the_most_frequent():
    """Indices below num_words: one word fewer than it says, as in Keras, since 0 is counted."""
    tokenizer = fitted(num_words=4)
    assert tokenizer.texts_to_sequences(["the cat sat", "a dog", "my plan"]) == [[1, 2], [3], []]
    assert len(tokenizer.word_index) == 10


def test_unknown_words_are_left_out_or_marked():
    assert fitted().texts_to_sequences(["the zebra sat"]) == [[1, 5]]
    assert fitted(oov_token="?").texts_to_sequences(["the zebra sat"]) == [[2, 1, 6]]
    assert fitted(oov_token="?", num_words=3).texts_to_sequences(["the zebra sat"]) == [[2, 1, 1]]


def test_sequences_become_texts_again():
    assert fitted().sequences_to_texts([[0, 0, 1, 2], [99, 3]]) == ["the cat", "dog"]
    assert fitted(oov_token="?").sequences_to_texts([[0, 2, 1, 99]]) == ["? the ? ?"]
    assert fitted(num_words=3).sequences_to_texts([[1, 2, 3, 4]]) == ["the cat"]
    assert fitted().sequences_to_texts(np.array([[1, 2]])) == ["the cat"]


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("binary", [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]),
        ("count", [[0, 2, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]),
        ("freq", [[0, 2 / 3, 1 / 3, 0], [0, 0, 0, 1], [0, 0, 0, 0]]),
        (
            "tfidf",
            [[0, (1 + np.log(2)) * np.log(2), np.log(2), 0], [0, 0, 0, np.log(2)], [0, 0, 0, 0]],  # 3 texts, 2 with it
        ),
    ],
)
def test_bags_of_words(mode, expected):
    matrix = fitted(num_words=4).texts_to_matrix(["the cat the", "dog plan", "zebra"], mode)
    np.testing.assert_allclose(matrix, expected)


def test_padding_is_not_the_empty_word():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([[""], ["", "a"]])  # lists of words are taken as they are
    assert tokenizer.sequences_to_matrix([[0]], "tfidf")[0, 0] == np.log(1 + 2 / 1)  # no text holds padding


def test_a_matrix_is_as_wide_as_the_vocabulary():
    assert fitted().texts_to_matrix(TEXTS).shape == (3, 11)
    assert Tokenizer(num_words=5).sequences_to_matrix([[1, 7]]).tolist() == [[0, 1, 0, 0, 0]]


def test_the_word_for_unknown_words_may_be_found_in_the_texts():
    tokenizer = Tokenizer(char_level=True, oov_token="?")
    tokenizer.fit_on_texts(["who?", "why?"])
    assert tokenizer.index_word == dict(enumerate("?whoy", start=1))
    assert tokenizer.texts_to_sequences(["w?z"]) == [[2, 1, 1]]


def test_texts_among_which_one_is_none_count_for_nothing():
    tokenizer = Tokenizer()
    with pytest.raises(TypeError, match="got NoneType None"):
        tokenizer.fit_on_texts(["a text", None])
    assert tokenizer.document_count == 0 and not tokenizer.word_counts and not tokenizer.word_docs


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: fitted().fit_on_texts("one text"), TypeError, r"Write fit_on_texts\(\[text\]\)"),
        (lambda: fitted().texts_to_sequences("one text"), TypeError, r"Write texts_to_sequences\(\[text\]\)"),
        (lambda: fitted().fit_on_texts([3.5]), TypeError, r"got float 3\.5"),
        (lambda: Tokenizer(num_words=0), ValueError, "num_words as a positive"),
        (lambda: Tokenizer(split=""), ValueError, "char_level=True"),
        (lambda: fitted().texts_to_matrix(TEXTS, "tf-idf"), ValueError, "mean 'tfidf'"),
        (lambda: Tokenizer().sequences_to_matrix([[1]]), ValueError, "give num_words"),
        (lambda: fitted().fit_on_texts(None), TypeError, "fit_on_texts expects texts, got NoneType None"),
        (lambda: fitted().fit_on_texts([["a", 3]]), TypeError, "got int 3 among the words"),
        (lambda: fitted().texts_to_sequences([None]), TypeError, "got NoneType None"),
        (lambda: fitted().sequences_to_texts([1, 2]), TypeError, "expects sequences of indices, got int 1"),
        (lambda: fitted().sequences_to_texts([["a"]]), TypeError, "indices as a whole number from 0 on, got str 'a'"),
        (lambda: fitted().sequences_to_texts([[1.5]]), ValueError, "indices as a whole number from 0 on, got 1.5"),
        (lambda: fitted().sequences_to_matrix([1, 2]), TypeError, "expects sequences of indices, got int 1"),
        (lambda: fitted().sequences_to_matrix(None), TypeError, "expects sequences of indices, got NoneType None"),
        (lambda: Tokenizer(lower="no"), TypeError, "lower as True or False, got str 'no'"),
        (lambda: Tokenizer(filters=3), TypeError, "filters as a string, got int 3"),
        (lambda: Tokenizer(split=3), TypeError, "split as a string, got int 3"),
        (lambda: Tokenizer(oov_token=3), TypeError, "oov_token as a string, got int 3"),
    ],
)
def test_wrong_calls_of_the_tokenizer(call, error, match):
    with pytest.raises(error, match=match):
        call()


# --- padding --------------------------------------------------------------------------------------------------------

SEQUENCES = [[1], [2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5]]),
        ({"maxlen": 2, "padding": "post", "truncating": "post"}, [[1, 0], [2, 3], [4, 5]]),
        ({"maxlen": 4, "value": -1}, [[-1, -1, -1, 1], [-1, -1, 2, 3], [-1, 4, 5, 6]]),
    ],
)
def test_padding(settings, expected):
    padded = pad_sequences(SEQUENCES, **settings)
    assert padded.dtype == np.int32
    np.testing.assert_array_equal(padded, expected)


def test_padding_of_floats_vectors_arrays_and_nothing():
    padded = pad_sequences([[0.5], []], dtype="float32", value=9.5)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded, [[0.5], [9.5]])
    np.testing.assert_array_equal(pad_sequences([[[1, 2]], [[3, 4], [5, 6]]])[0], [[0, 0], [1, 2]])
    np.testing.assert_array_equal(pad_sequences([np.array([7]), np.array([8, 9])]), [[0, 7], [8, 9]])
    np.testing.assert_array_equal(pad_sequences([np.array([-0.9, 255.9])], dtype="uint8"), [[0, 255]])
    assert pad_sequences([[], []]).shape == (2, 0)
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences(iter(SEQUENCES)).shape == (3, 3)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: pad_sequences(SEQUENCES, padding="left"), ValueError, "padding 'pre' or 'post', got 'left'"),
        (lambda: pad_sequences(SEQUENCES, truncating="x"), ValueError, "truncating 'pre' or 'post', got 'x'"),
        (lambda: pad_sequences(SEQUENCES, maxlen=0), ValueError, "maxlen as a positive"),
        (lambda: pad_sequences([1, 2]), TypeError, r"Write \[sequence\]\?"),
        (lambda: pad_sequences(["a text"]), TypeError, "texts_to_sequences first"),
        (lambda: pad_sequences(None), TypeError, "a list of sequences of numbers, got None"),
        (lambda: pad_sequences(SEQUENCES, value="x"), ValueError, "a value of its dtype, got 'x' for 'int32'"),
        (lambda: pad_sequences(SEQUENCES, value=None), TypeError, "a value of its dtype, got None"),
        (lambda: pad_sequences(SEQUENCES, dtype="int31"), TypeError, "got 0.0 for 'int31'"),
        (lambda: pad_sequences([[1], [[2, 3]]]), ValueError, r"one shape, got \(\) and \(2,\)"),
        (
            lambda: pad_sequences(SEQUENCES, dtype="uint8", value=300),
            ValueError,
            "a value of its dtype, got 300 for 'uint8'",
        ),
        (lambda: pad_sequences(SEQUENCES, value=np.nan), ValueError, "a value of its dtype, got nan for 'int32'"),
        (lambda: pad_sequences([np.array([2**31])]), ValueError, "not all of the numbers lie from -2147483648 to"),
        (
            lambda: pad_sequences([np.array([-1])], dtype="uint8"),
            ValueError,
            "not all of the numbers lie from 0 to 255",
        ),
        (lambda: pad_sequences([np.array([np.nan])]), ValueError, "not all of the numbers lie from"),
    ],
)
def test_wrong_calls_of_padding(call, error, match):
    with pytest.raises(error, match=match):
        call()


# --- D2.P1 ----------------------------------------------------------------------------------------------------------


def test_d2_p1_from_sentences_to_arrays():
    """Lower, remove commas, split, words to indices, labels to one-hot rows."""
    sentences, labels = ["I love apples, I do", "I hate Broccoli"], [1, 0]
    tokenizer = Tokenizer(num_words=1000)
    tokenizer.fit_on_texts(sentences)
    x = pad_sequences(tokenizer.texts_to_sequences(sentences), maxlen=6)
    np.testing.assert_array_equal(x, [[0, 1, 2, 3, 1, 4], [0, 0, 0, 1, 5, 6]])
    np.testing.assert_array_equal(to_categorical(labels), [[0, 1], [1, 0]])
