"""Programs of the shape of the documents' programs (D0.P1 ... D4.P1), with nothing but their import lines changed."""

import numpy as np
import pytest
from PIL import Image

import minidl


def blobs(n, d, classes):
    """Points around as many centres as there are classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=n)
    return (rng.normal(size=(classes, d))[labels] + 0.1 * rng.normal(size=(n, d))).astype("float32"), labels


def test_D0_P1_convolutional_network_on_mnist(home):
    from minidl.keras import layers, models
    from minidl.keras.datasets import mnist

    (train_images, train_labels), (test_images, test_labels) = mnist.load_data()
    train_images, train_labels, test_images, test_labels = (
        a[:32] for a in (train_images, train_labels, test_images, test_labels)
    )
    train_images = train_images.reshape((32, 28, 28, 1)).astype("float32") / 255
    test_images = test_images.reshape((32, 28, 28, 1)).astype("float32") / 255

    model = models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_images, train_labels, epochs=1, verbose=0)
    test_loss, test_acc = model.evaluate(test_images, test_labels, verbose=0)

    assert model.count_params() == 93322
    assert 0 < test_loss < 2.5 and 0 <= test_acc <= 1


def test_D1_P1_dense_classifier_class():
    import minidl as tf
    from minidl.keras.layers import Dense
    from minidl.keras.models import Sequential

    class Classifier:
        def __init__(self, input_size, hidden_size, output_size):
            self.model = Sequential(
                [
                    Dense(hidden_size, activation="relu", input_shape=(input_size,)),
                    Dense(output_size, activation="softmax"),
                ]
            )
            self.model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

        def train(self, x, y, epochs):
            return self.model.fit(x, y, epochs=epochs, verbose=0)

        def predict(self, x):
            return self.model.predict(x, verbose=0)

    tf.random.set_seed(0)
    x, labels = blobs(200, 5, classes=3)
    classifier = Classifier(5, 32, 3)
    history = classifier.train(x, np.eye(3)[labels], epochs=20)
    p = classifier.predict(x)

    assert p.shape == (200, 3) and np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.argmax(axis=1) == labels).mean() > 0.95
    assert len(history.history["accuracy"]) == 20


def test_D1_P2_text_classifier_class():
    import minidl as tf

    class TextClassifier:
        def __init__(self, vocab_size, embedding_dim, hidden_size, output_size):
            self.model = tf.keras.Sequential(
                [
                    tf.keras.layers.Embedding(vocab_size, embedding_dim),
                    tf.keras.layers.LSTM(hidden_size),
                    tf.keras.layers.Dense(output_size, activation="softmax"),
                ]
            )
            self.model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

        def train(self, x, y, epochs):
            return self.model.fit(x, y, epochs=epochs, verbose=0)

        def predict(self, x):
            return self.model.predict(x, verbose=0)

    tf.random.set_seed(0)
    x = np.random.default_rng(0).integers(1, 20, size=(64, 6))
    labels = (x[:, 0] > 9).astype(int) + (x[:, 0] > 14)
    classifier = TextClassifier(20, 8, 16, 3)
    losses = classifier.train(x, np.eye(3)[labels], epochs=10).history["loss"]

    assert classifier.predict(x).shape == (64, 3) and losses[-1] < losses[0]


def test_D1_P3_binary_classifier():
    import minidl as tf
    from minidl import keras

    tf.random.set_seed(0)
    x, labels = blobs(256, 784, classes=2)
    model = keras.Sequential()
    model.add(keras.layers.Dense(64, activation="relu", input_dim=784))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(
        loss=keras.losses.BinaryCrossentropy(),
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=2)
    history = model.fit(x, labels, epochs=3, batch_size=32, verbose=0, callbacks=[stop])
    loss, accuracy = model.evaluate(x, labels, verbose=0)

    assert model.predict(x, verbose=0).shape == (256, 1)
    assert accuracy > 0.95 and loss < history.history["loss"][0]


def write_images(folder, n):
    """``n`` pictures of each of two classes: dark and bright ones."""
    rng = np.random.default_rng(0)
    for name, darkest in (("cats", 0), ("dogs", 200)):
        (folder / name).mkdir(parents=True)
        for k in range(n):
            pixels = rng.integers(darkest, darkest + 50, size=(24, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.png")


def test_D1_P4_images_in_folders(tmp_path, monkeypatch):
    import minidl as tf
    from minidl.keras import layers, models
    from minidl.keras.preprocessing.image import ImageDataGenerator

    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "train", 16)
    write_images(tmp_path / "test", 4)
    tf.random.set_seed(0)
    train_datagen = ImageDataGenerator(rescale=1.0 / 255, horizontal_flip=True, vertical_flip=True)
    test_datagen = ImageDataGenerator(rescale=1.0 / 255)
    train_generator = train_datagen.flow_from_directory(
        "train", target_size=(20, 20), batch_size=32, class_mode="binary"
    )
    test_generator = test_datagen.flow_from_directory(
        "test", target_size=(20, 20), batch_size=32, class_mode="binary", shuffle=False
    )
    model = models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(20, 20, 3)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train_generator, epochs=5, validation_data=test_generator, verbose=0)
    p = model.predict(test_generator, verbose=0)

    assert train_generator.class_indices == {"cats": 0, "dogs": 1}
    assert len(history.history["val_loss"]) == 5 and p.shape == (8, 1)
    assert p[4:].min() > p[:4].max()  # each bright picture is more of a dog than any dark one


def test_D2_P1_text_preprocessing():
    from minidl.keras.preprocessing.sequence import pad_sequences

    texts = ["The film was good, very good", "The film was bad"]
    tokens = [text.lower().replace(",", "").split() for text in texts]
    vocabulary = {word: i for i, word in enumerate(sorted({word for words in tokens for word in words}), start=1)}
    x = pad_sequences([[vocabulary[word] for word in words] for words in tokens], padding="post")
    y = minidl.data.to_categorical([1, 0])

    np.testing.assert_array_equal(x, [[4, 2, 6, 3, 5, 3], [4, 2, 6, 1, 0, 0]])
    np.testing.assert_array_equal(y, [[0, 1], [1, 0]])


def test_D2_P2_stacked_lstm():
    import minidl as tf
    from minidl.keras.layers import LSTM, Dense, Embedding
    from minidl.keras.models import Sequential

    tf.random.set_seed(0)
    vocab_size, max_length, num_classes = 30, 5, 4
    x = np.random.default_rng(0).integers(vocab_size, size=(40, max_length))
    y = np.eye(num_classes)[x[:, -1] % num_classes]
    x_train, y_train, x_test, y_test = x[:32], y[:32], x[32:], y[32:]

    model = Sequential()
    model.add(Embedding(input_dim=vocab_size, output_dim=16, input_length=max_length))
    model.add(LSTM(128, return_sequences=True))
    model.add(LSTM(64))
    model.add(Dense(num_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=2, batch_size=16, validation_data=(x_test, y_test), verbose=0)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)

    assert model.count_params() == 30 * 16 + 4 * 128 * (16 + 128 + 1) + 4 * 64 * (128 + 64 + 1) + 65 * 4
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert loss == pytest.approx(history.history["val_loss"][-1], rel=1e-5)
    assert accuracy == pytest.approx(history.history["val_accuracy"][-1])


def test_D2_P3_sentences_with_labels_as_a_list():
    from minidl.keras.layers import LSTM, Dense, Dropout, Embedding
    from minidl.keras.models import Sequential
    from minidl.keras.preprocessing.sequence import pad_sequences
    from minidl.keras.preprocessing.text import Tokenizer

    sentences = ["I like apples", "I like pears", "I hate beans", "I hate broccoli"]
    labels = [1, 1, 0, 1]  # the last one is wrong
    tokenizer = Tokenizer(num_words=1000)
    tokenizer.fit_on_texts(sentences)
    data = pad_sequences(tokenizer.texts_to_sequences(sentences), maxlen=100)

    model = Sequential()
    model.add(Embedding(1000, 16, input_length=100))
    model.add(LSTM(128, return_sequences=True))
    model.add(Dropout(0.5))
    model.add(LSTM(128))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(data, labels, epochs=1, verbose=0)

    assert data.shape == (4, 100) and data[3].tolist() == [0] * 97 + [1, 3, 7]
    assert history.history["accuracy"][0] in (0, 0.25, 0.5, 0.75, 1)
    assert ((p := model.predict(data, verbose=0)) > 0).all() and (p < 1).all() and p.shape == (4, 1)


def test_D3_P1_label_for_each_word():
    """The document calls it a Transformer; it is an LSTM drawn with the functional API."""
    import minidl as tf
    from minidl.keras.layers import LSTM, Dense, Embedding, Input
    from minidl.keras.models import Model

    tf.random.set_seed(0)
    vocab_size, num_classes = 20, 3
    inputs = Input(shape=(None,))
    x = Embedding(vocab_size, 8)(inputs)
    x = LSTM(16, return_sequences=True)(x)
    outputs = Dense(num_classes, activation="softmax")(x)
    model = Model(inputs=inputs, outputs=outputs)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    words = np.random.default_rng(0).integers(vocab_size, size=(64, 7))
    losses = model.fit(words, words % num_classes, epochs=10, verbose=0).history["loss"]

    assert losses[-1] < losses[0]
    assert model.predict(words, verbose=0).shape == (64, 7, 3)
    assert model.predict(words[:, :4], verbose=0).shape == (64, 4, 3)  # any length


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])


def test_D4_P1_xor_as_printed():
    """It runs; that it learns XOR cannot be expected: 1,000 steps of size 0.001 are too few."""
    import minidl as tf

    x, y = XOR
    tf.random.set_seed(42)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(3, activation="sigmoid", input_shape=(2,)),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=1000, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)

    assert 0 < loss < 1 and accuracy in (0, 0.25, 0.5, 0.75, 1)


def test_D4_P1_xor_learned():
    """The same program but for wider, smooth hidden units and steps of 0.1."""
    import minidl as tf

    x, y = XOR
    tf.random.set_seed(42)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(8, activation="tanh", input_shape=(2,)),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = tf.keras.optimizers.Adam(learning_rate=0.1)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=200, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)

    assert accuracy == 1 and loss < 0.1
    np.testing.assert_array_equal(model.predict(x, verbose=0).round(), y)


def test_functional_model_with_labels_as_a_list():
    from minidl.keras.layers import Dense, Input
    from minidl.keras.models import Model

    inputs = Input(shape=(3,))
    outputs = Dense(1, activation="sigmoid")(Dense(4, activation="relu")(inputs))
    model = Model(inputs=inputs, outputs=outputs)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit([[0, 1, 2], [3, 4, 5]], [1, 0], epochs=2, verbose=0, validation_data=([[0, 1, 2]], [1]))
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
