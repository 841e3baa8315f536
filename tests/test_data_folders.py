"""Folders of images: labels from names, broken files named, and D1.P4 from the first line to the last."""

import sys
import warnings

import numpy as np
import pytest
from PIL import Image

import minidl as md
from minidl.data import ImageDataGenerator, ImageFolder, random_shift
from minidl.data.folders import read_image
from minidl.layers import Conv2D, Dense, Flatten, MaxPooling2D


@pytest.fixture
def folder(tmp_path):
    """Six images of cats, which are dark, and four of dogs, which are light; sizes differ."""
    for name, n, light in (("dogs", 4, 200), ("cats", 6, 20)):
        (tmp_path / name).mkdir()
        for k in range(n):
            pixels = np.full((10 + k, 12, 3), light + k, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{k}.png")
    return tmp_path


def test_files_and_labels_follow_the_names(folder):
    (folder / "cats" / "notes.txt").write_text("not an image, and passed over")
    data = ImageFolder(folder, target_size=(8, 6), batch_size=4, shuffle=False)
    assert data.class_indices == {"cats": 0, "dogs": 1} and data.samples == 10 and len(data) == 3
    assert data.filenames[0].replace("\\", "/") == "cats/0.png" and data.classes.tolist() == [0] * 6 + [1] * 4
    x, y = next(iter(data))
    assert x.shape == (4, 8, 6, 3) and x.dtype == np.float32 and y.tolist() == [[1, 0]] * 4
    assert x[:, 0, 0, 0].tolist() == [20, 21, 22, 23]


@pytest.mark.parametrize(
    "class_mode, shape, dtype",
    [("categorical", (10, 2), "float32"), ("binary", (10, 1), "float32"), ("sparse", (10,), "int64")],
)
def test_labels_in_each_form_stay_with_their_images(folder, class_mode, shape, dtype):
    data = ImageFolder(folder, (4, 4), class_mode=class_mode, rng=0)
    ((x, y),) = data
    assert y.shape == shape and y.dtype == dtype
    labels = y[:, 1] if class_mode == "categorical" else y.reshape(-1)
    assert np.array_equal(labels == 1, x.mean(axis=(1, 2, 3)) > 100)


def test_images_alone_need_no_folders_inside(folder):
    assert next(iter(ImageFolder(folder, (4, 4), class_mode=None))).shape == (10, 4, 4, 3)
    flat = ImageFolder(folder / "dogs", (4, 4), class_mode=None, shuffle=False)
    assert next(iter(flat)).shape == (4, 4, 4, 3) and flat.filenames[0] == "0.png"


def test_classes_in_an_order_of_ones_own(folder):
    assert ImageFolder(folder, classes=["dogs", "cats"]).class_indices == {"dogs": 0, "cats": 1}
    with pytest.raises(FileNotFoundError, match="no folder for the classes birds"):
        ImageFolder(folder, classes=["dogs", "birds"])


@pytest.mark.parametrize("color_mode, channels", [("rgb", 3), ("grayscale", 1), ("rgba", 4)])
def test_channels(folder, color_mode, channels):
    data = ImageFolder(folder, (5, 7), color_mode=color_mode)
    assert next(iter(data))[0].shape == (10, 5, 7, channels) == (10, *data.image_shape)


def test_images_are_changed_by_any_function_that_a_loader_takes(folder):
    plain = next(iter(ImageFolder(folder, (np.int64(5), 7), shuffle=False)))[0]
    shifted = next(iter(ImageFolder(folder, (5, 7), shuffle=False, rng=0, augment=random_shift)))[0]
    assert shifted.shape == plain.shape == (10, 5, 7, 3) and not np.array_equal(shifted, plain)


def test_pixels_are_those_of_the_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)
    larger = read_image(tmp_path / "a.png", (10, 14))
    assert np.array_equal(larger[::2, ::2], pixels)  # nearest pixel, and rows are rows


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("orientation, held", [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_photographs_are_upright(tmp_path, orientation, held, ending):
    upright = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    notes = Image.Exif()
    notes[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.rot90(upright, held)).save(path, exif=notes)
    assert np.array_equal(read_image(path), upright)
    assert read_image(path, (5, 7)).shape == (5, 7, 3)


# --- what is wrong with a folder -------------------------------------------------------------------------------------


def test_broken_files_are_named_once_and_left_out(folder):
    (folder / "cats" / "empty.png").touch()
    (folder / "dogs" / "text.jpg").write_text("no image")
    whole = (folder / "dogs" / "3.png").read_bytes()
    (folder / "dogs" / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(folder / "dogs" / "deep.png")
    with pytest.warns(UserWarning) as caught:
        data = ImageFolder(folder, (4, 4))
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith("ImageFolder leaves out 4 of 14 files") and "\n" not in message
    for words in ("empty.png (empty)", "text.jpg (no image)", "cut.png (", "deep.png (more than 8 bits"):
        assert words in message
    assert warning.filename == __file__ and data.samples == 10
    assert sum(len(x) for x, _ in data) == 10


def test_a_file_that_breaks_later_is_named(folder):
    data = ImageFolder(folder, (4, 4), shuffle=False)
    (folder / "cats" / "2.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"cannot read cats.2.png any more"):
        next(iter(data))


def test_folders_that_teach_nothing_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ImageFolder(tmp_path / "absent")
    alone = tmp_path / "alone"
    (alone / "cats").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"expects two folders, one for each class, .* got 1: cats"):
        ImageFolder(alone, class_mode="binary")
    with pytest.raises(ValueError, match="at least two classes"):
        ImageFolder(alone)
    (alone / "dogs").mkdir()
    with pytest.raises(ValueError, match="found no readable image"):
        ImageFolder(alone)
    (alone / "dogs" / "a.png").touch()
    with pytest.raises(ValueError, match=r"unreadable: dogs.a.png \(empty\)"), warnings.catch_warnings():
        ImageFolder(alone)
    (folder / "birds").mkdir()
    with pytest.raises(ValueError, match=r"got \d: .*\nIs class_mode='categorical' meant"):
        ImageFolder(folder, class_mode="binary")


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"target_size": 150}, r"target_size as \(height, width\)"),
        ({"color_mode": "gray"}, "Did you mean 'grayscale'"),
        ({"class_mode": "binaries"}, "Did you mean 'binary'"),
        ({"interpolation": "linear"}, "Did you mean 'bilinear'"),
        ({"classes": ["cats", "cats"]}, "each of the classes once, got 'cats' twice"),
        ({"target_size": (0, 4)}, r"target_size as \(height, width\)"),
        ({"color_mode": ["rgb"]}, "color_mode .* is not known"),
        ({"classes": [1, 2]}, "classes as a list of folders' names, got int 1 in it"),
        ({"augment": 5}, "augment as a function .*, got int 5"),
        ({"classes": "cats"}, "classes as a list of folders' names, got str 'cats'"),
    ],
)
def test_wrong_settings_are_refused(folder, settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ImageFolder(folder, **settings)


def test_a_folder_has_a_path():
    with pytest.raises(TypeError, match="expects the path of a folder, got NoneType None"):
        ImageFolder(None)


def test_a_link_to_nothing_is_named(folder):
    (folder / "cats" / "gone.png").symlink_to(folder / "no such file.png")
    with pytest.warns(UserWarning, match=r"leaves out 1 of 11 files: cats.gone.png \(a link to nothing\)"):
        ImageFolder(folder)


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    (folder / "cats" / "secret").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path.name != "secret")
    with pytest.warns(UserWarning, match=r"1 of 11 files: cats.secret \(a folder that may not be read\)"):
        ImageFolder(folder)


def test_without_pillow_the_remedy_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ValueError, match="pip install pillow"):
        ImageFolder(folder)


# --- D1.P4 -----------------------------------------------------------------------------------------------------------


def test_two_classes_from_a_folder(folder):
    """D1.P4: rescale and flips, batches from a folder, conv-pool-dense-dense, fit and predict with the generators."""
    md.seed(0)
    train_images = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, vertical_flip=True)
    train = train_images.flow_from_directory(str(folder), target_size=(10, 10), batch_size=5, class_mode="binary")
    test = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        folder, target_size=(10, 10), class_mode="binary", shuffle=False
    )
    model = md.Sequential(
        [
            Conv2D(4, (3, 3), activation="relu", input_shape=(10, 10, 3)),
            MaxPooling2D((2, 2)),
            Flatten(),
            Dense(8, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=md.optimizers.Adam(learning_rate=0.01), loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, epochs=30, validation_data=test, verbose=0)
    assert history.history["val_accuracy"][-1] == 1.0
    assert model.evaluate(test, verbose=0)[1] == 1.0
    p = model.predict(test)
    assert p.shape == (10, 1) and np.array_equal(p[:, 0] > 0.5, test.classes == 1)


def test_training_on_a_folder_is_resumed_to_the_same_weights(folder, tmp_path):
    def train(seed, epochs, resume=None):
        md.seed(seed)
        model = md.Sequential([Flatten(input_shape=(6, 6, 3)), Dense(2, activation="softmax")])
        model.compile("adam", "categorical_crossentropy")
        change = ImageDataGenerator(rescale=1 / 255, rotation_range=20)
        data = change.flow_from_directory(folder, target_size=(6, 6), batch_size=4)
        model.fit(data, epochs=epochs, verbose=0, resume=resume)
        return model.get_weights()

    never_stopped = train(1, 3)
    train(1, 2, tmp_path / "run.npz")
    resumed = train(5, 3, tmp_path / "run.npz")
    assert all(np.array_equal(a, b) for a, b in zip(never_stopped, resumed))
