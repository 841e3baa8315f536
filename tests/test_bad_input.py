"""What goes wrong with images, texts and sequences, and what the user reads then: who, expected, got, likely fix."""

import ast
import re

import numpy as np
import pytest
from PIL import Image

import minidl as md
from minidl import layers
from minidl.data import ImageDataGenerator, ImageFolder, Tokenizer, pad_sequences
from minidl.layers import LSTM, Bidirectional, Conv2D, Dense, Embedding, MultiHeadAttention

IMAGES = np.random.default_rng(0).random((4, 9, 8, 3)).astype(np.float32)
STEPS = np.random.default_rng(1).normal(size=(4, 6, 8)).astype(np.float32)  # (N, T, D)
WORDS = np.random.default_rng(2).integers(1, 20, (4, 6))  # of a vocabulary of 20


def refused(error, words, f):
    """f raises this error, in at most three lines that hold all these words, and warns of nothing."""
    with pytest.raises(error) as caught:
        f()
    message = str(caught.value)
    assert message.count("\n") <= 2, message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def built(layer, x):
    layer(x)
    return layer


# --- images -------------------------------------------------------------------------------------------------------

CHANNELS = {
    "Conv2D": (lambda: Conv2D(4, 3), IMAGES),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, 3), IMAGES),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), IMAGES),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(4, 3), IMAGES),
    "BatchNormalization": (layers.BatchNormalization, IMAGES),
    "Conv1D": (lambda: layers.Conv1D(4, 3), IMAGES[:, 0]),
}


@pytest.mark.parametrize("make, x", CHANNELS.values(), ids=CHANNELS)
def test_channels_that_come_first(make, x):
    """The message offers the very transpose that puts it right."""
    layer, wrong = built(make(), x), np.moveaxis(x, -1, 1)
    with pytest.raises(ValueError, match="Channels come last here") as caught:
        layer(wrong)
    order = ast.literal_eval(re.search(r"x\.transpose(\(.*\))", str(caught.value))[1])
    np.testing.assert_array_equal(wrong.transpose(order), x)
    with pytest.raises(ValueError, match=re.escape(str(wrong.shape))):
        layer(wrong)


def test_channels_that_come_first_in_ops_and_generators():
    wrong, labels = np.moveaxis(IMAGES, -1, 1), np.arange(4)
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    refused(ValueError, ["conv2d", "x.transpose(0, 2, 3, 1)"], lambda: md.conv2d(wrong, kernel, None))
    refused(
        ValueError, ["conv1d", "(4, 3, 8)", "x.transpose(0, 2, 1)"], lambda: md.conv1d(wrong[:, :, 0], kernel[0], None)
    )
    refused(ValueError, ["flow", "x.transpose(0, 2, 3, 1)"], lambda: ImageDataGenerator().flow(wrong, labels))
    model = md.Sequential([Conv2D(4, 3, input_shape=(9, 8, 3)), layers.Flatten(), Dense(4)])
    model.compile("adam", md.losses.SparseCategoricalCrossentropy(from_logits=True))
    for run in (lambda: model.fit(wrong, labels, verbose=0), lambda: model.predict(wrong)):
        refused(ValueError, ["expects", "x.transpose(0, 2, 3, 1)"], run)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2D(4, 3), layers.MaxPooling2D, layers.GlobalAveragePooling2D, layers.UpSampling2D,
        layers.ZeroPadding2D, lambda: layers.SpatialDropout2D(0.5),
    ],
    ids=["Conv2D", "MaxPooling2D", "GlobalAveragePooling2D", "UpSampling2D", "ZeroPadding2D", "SpatialDropout2D"],
)  # fmt: skip
def test_one_image_or_no_channels(make):
    words = [make().name, "(N, H, W, C)", "(9, 8, 3)", "x[None] for one sample", "x[..., None] for one channel"]
    refused(ValueError, words, lambda: make()(IMAGES[0]))


def test_images_without_the_axis_of_their_one_channel():
    model = md.Sequential([Conv2D(2, 3, input_shape=(9, 8, 1)), layers.Flatten(), Dense(1)])
    model.compile("adam", "mse")
    words = ["(None, 9, 8, 1)", "(None, 9, 8)", "x[..., None]"]
    refused(ValueError, words, lambda: model.fit(IMAGES[..., 0], np.zeros((4, 1)), verbose=0))


def folders(path, **counts):
    """A folder with so many images of each class."""
    for name, n in counts.items():
        (path / name).mkdir(parents=True)
        for k in range(n):
            Image.fromarray(np.full((8, 8, 3), k, np.uint8)).save(path / name / f"{k}.png")
    return path


@pytest.mark.parametrize("class_mode", ["binary", "categorical", "sparse"])
def test_a_class_without_images_is_refused(tmp_path, class_mode):
    """Whether its folder is empty or all its files are broken: the model would see one class only."""
    data = folders(tmp_path / "empty", cats=3, dogs=0)
    refused(ValueError, ["no readable image of the class dogs"], lambda: ImageFolder(data, class_mode=class_mode))
    data = folders(tmp_path / "broken", cats=3, dogs=1)
    (data / "dogs" / "0.png").write_bytes(b"not an image")
    words = ["no readable image of the class dogs", "0.png (no image)"]
    refused(ValueError, words, lambda: ImageFolder(data, class_mode=class_mode))
    with pytest.warns(UserWarning, match=r"leaves out 1 of 4 files: dogs.0\.png \(no image\)"):
        assert len(ImageFolder(data, class_mode=None).filenames) == 3  # images without labels need no classes


def test_a_link_to_nowhere_is_named_and_a_folder_that_looks_like_an_image_passed_over(tmp_path):
    data = folders(tmp_path, cats=2, dogs=2)
    (data / "cats" / "away.png").symlink_to(tmp_path / "nowhere.png")
    (data / "cats" / "folder.png").mkdir()
    with pytest.warns(UserWarning, match=r"leaves out 1 of 5 files: cats/away\.png \(a link to nothing\)"):
        assert ImageFolder(data).samples == 4


# --- sequences ----------------------------------------------------------------------------------------------------


def test_sequences_longer_than_there_are_positions():
    words = ["PositionEmbedding", "has 5 positions", "(4, 6, 8)", "larger sequence_length"]
    refused(ValueError, words, lambda: layers.PositionEmbedding(5)(STEPS))
    layer = built(layers.PositionEmbedding(8), STEPS)
    refused(ValueError, ["8 positions", "after 3 steps"], lambda: layer(STEPS, start=3))
    for add_positions in (layer, layers.SinusoidalPositions()):
        words = [add_positions.name, "start", "-1"]
        refused(ValueError, words, lambda add=add_positions: add(STEPS[:, :1], start=-1))  # would be broadcast
        refused(ValueError, ["Put an Embedding before it?"], lambda add=add_positions: add(WORDS))


@pytest.mark.parametrize("make", [Embedding, layers.BagOfEmbeddings], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "error, indices, words",
    [
        (ValueError, [[1, 20]], ["0..19", "1..20", "largest index + 1"]),
        (ValueError, [[-1, 3]], ["0..19", "-1..3", "count from 0"]),
        (TypeError, [[1.5, 2.0]], ["whole numbers", "fractions"]),
        (TypeError, [[np.nan, 2.0]], ["whole numbers", "NaN"]),
        (TypeError, [[np.inf, 2.0]], ["whole numbers", "infinity"]),
        (TypeError, [["good", "film"]], ["expected numbers", "md.data.Tokenizer"]),
        (ValueError, [[1, 2], [3]], ["rows differ in length", "md.data.pad_sequences"]),
    ],
    ids=["high", "negative", "fraction", "NaN", "infinity", "words", "ragged"],
)
def test_indices_beyond_the_vocabulary(make, error, indices, words):
    refused(error, [make.__name__, *words], lambda: make(20, 4, name=make.__name__)(indices))


def test_indices_beyond_the_vocabulary_in_training():
    model = md.Sequential([Embedding(20, 4), LSTM(3), Dense(1)])
    model.compile("adam", "mse")
    for run in (lambda: model.fit(WORDS + 19, np.zeros((4, 1)), verbose=0), lambda: model.predict(WORDS + 19)):
        refused(ValueError, ["Embedding", "0..19", "input_dim"], run)
    refused(TypeError, ["fit: x", "Tokenizer"], lambda: model.fit(["good", "bad"], [0, 1], verbose=0))


def test_a_bag_of_one_text_and_of_a_batch_of_batches():
    bag = layers.BagOfEmbeddings(20, 4)
    refused(ValueError, ["texts (N, T)", "(6,)", "[text]"], lambda: bag(WORDS[0]))
    refused(ValueError, ["texts (N, T)", "(1, 4, 6)"], lambda: bag(WORDS[None]))


def test_what_is_no_sequence():
    refused(ValueError, ["LSTM", "(4, 6)", "Embedding", "return_sequences=True"], lambda: LSTM(3)(WORDS))
    refused(ValueError, ["LSTM", "(4, 9, 8, 3)", "TimeDistributed(Flatten())"], lambda: LSTM(3)(IMAGES))


# --- masks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("shape", [(4, 5), (6,), (6, 4), (4, 6, 1)])
def test_masks_of_recurrent_layers(kind, shape):
    words = [kind, "(N, T) = (4, 6)", str(shape)]
    refused(ValueError, words, lambda: getattr(layers, kind)(3)(STEPS, mask=np.ones(shape, bool)))


def test_a_mask_of_floats_is_refused():
    mask = np.ones((4, 6))
    refused(TypeError, ["LSTM", "truth values", "astype(bool)"], lambda: LSTM(3)(STEPS, mask=mask))
    mask = np.where(np.tri(6) > 0, 0, -np.inf)  # PyTorch's kind, to be added to the scores
    words = ["attention_mask", "truth values", "mask > -1"]
    refused(TypeError, words, lambda: MultiHeadAttention(2, 4)(STEPS, attention_mask=mask))


@pytest.mark.parametrize(
    "name, shape, words",
    [
        ("attention_mask", (6, 5), ["(6, 6) or (4, 6, 6) or (4, 2, 6, 6)", "(6, 5)"]),
        ("attention_mask", (4, 6), ["(4, 6)", "value_mask"]),
        ("attention_mask", (4, 3, 6, 6), ["(4, 2, 6, 6)", "(4, 3, 6, 6)"]),
        ("value_mask", (4, 5), ["(4, 6)", "(4, 5)"]),
        ("query_mask", (3, 6), ["(4, 6)", "(3, 6)"]),
    ],
)
def test_masks_of_attention(name, shape, words):
    layer = MultiHeadAttention(2, 4)
    refused(ValueError, ["MultiHeadAttention", name, *words], lambda: layer(STEPS, **{name: np.ones(shape, bool)}))


def test_queries_and_values_that_do_not_fit():
    layer = built(MultiHeadAttention(2, 4), STEPS)
    for arrays in ((STEPS[0],), (STEPS, STEPS[:2]), (STEPS, STEPS[:, :5], STEPS)):
        words = ["MultiHeadAttention", "query (N, T, D), value and key (N, S, ...)", str(arrays[-1].shape)]
        refused(ValueError, words, lambda arrays=arrays: layer(*arrays))


def test_states_of_both_directions():
    states = [np.zeros((4, 3), np.float32)] * 2
    words = ["Bidirectional", "initial_state of 4", "got 2"]
    refused(ValueError, words, lambda: Bidirectional(LSTM(3))(STEPS, initial_state=states))


# --- texts --------------------------------------------------------------------------------------------------------


def fitted(**settings):
    tokenizer = Tokenizer(**settings)
    tokenizer.fit_on_texts(["I love broccoli", "I hate broccoli"])
    return tokenizer


def test_unknown_words_are_left_out_or_replaced():
    assert fitted().texts_to_sequences(["I love quantum broccoli", "zig zag"]) == [[1, 3, 2], []]
    assert fitted(oov_token="?").texts_to_sequences(["I love quantum broccoli"]) == [[2, 4, 1, 3]]
    np.testing.assert_array_equal(pad_sequences([[]], 3), [[0, 0, 0]])


def test_a_tokenizer_that_has_seen_nothing():
    refused(ValueError, ["no words yet", "fit_on_texts"], lambda: Tokenizer().texts_to_sequences(["I love broccoli"]))


@pytest.mark.parametrize("texts", [["a", None], [1, 2], [b"a"], [float("nan")], "one text"], ids=str)
def test_texts_that_are_none(texts):
    refused(TypeError, ["texts_to_sequences expects"], lambda: fitted().texts_to_sequences(texts))


def test_indices_of_bags_of_words():
    refused(ValueError, ["sequences_to_matrix", "-1"], lambda: fitted().sequences_to_matrix([[-1]]))
    refused(ValueError, ["sequences_to_matrix", "1.5"], lambda: fitted().sequences_to_matrix([[1.5]]))


@pytest.mark.parametrize(
    "error, sequences, settings, words",
    [
        (TypeError, [["a", "b"]], {}, ["['a', 'b']", "texts_to_sequences"]),
        (TypeError, ["text"], {}, ["'text'", "texts_to_sequences"]),
        (TypeError, [[1, None]], {}, ["[1, None]"]),
        (ValueError, [[2**40]], {}, ["int32", "lie from -2147483648 to"]),
        (TypeError, [[1]], {"maxlen": "5"}, ["maxlen", "'5'"]),
        (ValueError, [[1]], {"maxlen": 5.5}, ["maxlen", "5.5"]),
        (ValueError, [[1]], {"maxlen": -5}, ["maxlen", "-5"]),
    ],
)
def test_sequences_that_cannot_be_padded(error, sequences, settings, words):
    refused(error, ["pad_sequences", *words], lambda: pad_sequences(sequences, **settings))


@pytest.mark.parametrize("num_words, error", [("5", TypeError), (5.5, ValueError), (0, ValueError)])
def test_the_size_of_a_vocabulary(num_words, error):
    refused(error, ["Tokenizer", "num_words"], lambda: Tokenizer(num_words=num_words))


# --- a loss that is NaN -------------------------------------------------------------------------------------------


def diverging(folder=None, **settings):
    """Training that multiplies the weights by a huge number at each step; three epochs go well."""
    md.seed(0)
    rate = md.schedules.PiecewiseConstantDecay([12], [0.01, 1e30])
    model = md.Sequential([Dense(1, input_shape=(3,))])
    model.compile(md.optimizers.SGD(learning_rate=rate), "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    history = model.fit(x, x[:, :1], epochs=30, batch_size=2, verbose=0, **settings)
    return model, history


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_a_loss_of_nan_ends_training_and_says_so(tmp_path):
    with pytest.warns(
        RuntimeWarning, match="is nan.*training ends.\nTry a smaller learning rate.*\n.*md.debug"
    ) as caught:
        model, history = diverging(resume=tmp_path / "run.npz")
    (warning,) = [w for w in caught if "training ends" in str(w.message)]
    assert warning.filename == __file__ and str(warning.message).count("\n") == 2
    losses = history.history["loss"]
    assert np.isnan(losses[-1]) and np.isfinite(losses[:3]).all() and len(losses) < 8
    md.load_checkpoint(tmp_path / "run.npz", model, model.optimizer)
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())  # the file holds the last good epoch


def test_under_debug_the_op_and_the_layer_are_named():
    with md.debug(), np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        diverging()
    assert re.search(r"(linear|multiply|mean|the gradient of \w+) (made|has) .*, in \w+ '\w+', at", str(caught.value))


def test_a_callback_that_ends_training_at_nan_says_so_itself(capsys):
    with np.errstate(all="ignore"):
        diverging(callbacks=[md.callbacks.TerminateOnNaN()])
    assert "training ends. Try a smaller learning rate." in capsys.readouterr().out
