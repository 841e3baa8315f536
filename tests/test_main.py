"""The main job: what it prints, what it writes, how it stops, and what it says to wrong options."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minidl import callbacks, models
from minidl.__main__ import main
from minidl.examples import mnist_dense


@pytest.fixture
def few_images(monkeypatch):
    """The dense network's job on a few of the images, with a narrow network."""
    whole = mnist_dense.data()
    few = tuple((x[:n], y[:n]) for (x, y), n in zip(whole, (400, 100, 100)))
    monkeypatch.setattr(mnist_dense, "data", lambda: few)

    def narrow():
        return models.Sequential(
            [mnist_dense.Flatten(input_shape=(28, 28, 1)), mnist_dense.Dense(32, "relu"), mnist_dense.Dense(10)]
        )

    monkeypatch.setattr(mnist_dense, "build", narrow)


def test_it_checks_trains_judges_and_draws(few_images, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert main(["--model", "dense", "--epochs", "2", "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    for words in ("gradients right", "Epoch 2/2", "Test accuracy", "guessed as", str(picture)):
        assert words in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_run(few_images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mnist_dense, "draw", lambda *_: Figure())  # another test draws

    def accuracy_line(seed):
        main(["--model", "dense", "--epochs", "1", "--seed", seed, "--out", str(tmp_path / "p.png")])
        lines = capsys.readouterr().out.splitlines()
        return next(line.split(" on ")[0] for line in lines if line.startswith("Test accuracy"))

    assert accuracy_line("1") == accuracy_line("1")


def test_threads_share_the_work(few_images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mnist_dense, "draw", lambda *_: Figure())
    fit, seen = models.Sequential.fit, []
    monkeypatch.setattr(models.Sequential, "fit", lambda *a, **k: seen.append(k["threads"]) or fit(*a, **k))
    assert main(["--model", "dense", "--epochs", "1", "--threads", "2", "--out", str(tmp_path / "p.png")]) == 0
    assert seen == [2] and "Test accuracy" in capsys.readouterr().out


def test_ctrl_c_keeps_the_best_weights(few_images, tmp_path, capsys, monkeypatch):
    class Impatient(callbacks.EarlyStopping):
        """Presses Ctrl-C in the ninth epoch, after spoiling the weights."""

        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            if epoch == 1:
                self.best_before = [w.copy() for w in self.model.get_weights()]
            if epoch == 8:
                for p in self.model.parameters():
                    p.data = np.full(p.shape, 100.0)
                raise KeyboardInterrupt

    monkeypatch.setattr("minidl.__main__.EarlyStopping", Impatient)
    assert main(["--model", "dense", "--epochs", "12", "--out", str(tmp_path / "p.png")]) == 0
    printed = capsys.readouterr().out
    assert "Stopped" in printed and "Test accuracy" in printed
    accuracy = float(printed.split("Test accuracy ")[1].split()[0])
    assert accuracy > 0.3  # spoiled weights guess one class for all: 0.1 or so
    assert (tmp_path / "p.png").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        (["--model", "dens"], "Did you mean 'dense'"),
        (["--epochs", "0"], "--epochs expects at least 1"),
        (["--device", "gpu"], 'device must be "cpu" or "cuda"'),
        (["--model", "dense", "--epochs", "-1"], "--epochs expects at least 1"),
        (["--out", "no/such/folder/p.png"], "there is no folder"),
        (["--out", "picture"], "expects the name of a picture"),
        (["--out", "picture.doc"], "expects the name of a picture"),
        (["--out", "picture.pgf"], "expects the name of a picture"),
        (["--seed", "-1"], "--seed expects 0 or more"),
        (["--threads", "0"], "expects n as a positive integer, got 0"),
        (["--threads", "2", "--device", "cuda"], "leave them out with --device cuda"),
        (["--threads", "2", "--model", "gan"], "'gan' trains by a loop of its own"),
    ],
)
def test_wrong_options_are_refused_in_words(options, words, capsys):
    assert main(options) == 1
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) <= 3


def test_a_folder_is_no_picture(tmp_path, capsys):
    (tmp_path / "p.png").mkdir()
    assert main(["--out", str(tmp_path / "p.png")]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_ctrl_c_before_training_is_one_line(few_images, tmp_path, capsys, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("minidl.__main__.check_gradients", pressed)
    assert main(["--model", "dense", "--out", str(tmp_path / "p.png")]) == 130
    assert capsys.readouterr().err == "\nminidl: stopped.\n"


def test_ctrl_c_while_the_picture_is_drawn_leaves_the_old_one(few_images, tmp_path, capsys, monkeypatch):
    class Slow(Figure):
        """Is stopped half-way."""

        def savefig(self, file, **settings):
            file.write(b"half")
            raise KeyboardInterrupt

    monkeypatch.setattr(mnist_dense, "draw", lambda *_: Slow())
    (tmp_path / "p.png").write_bytes(b"old")
    assert main(["--model", "dense", "--epochs", "1", "--out", str(tmp_path / "p.png")]) == 130
    assert "Test accuracy" in capsys.readouterr().out
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("p.png", b"old")]


def test_it_runs_without_docstrings(monkeypatch, capsys):
    monkeypatch.setattr("minidl.__main__.__doc__", None)  # as under python -OO
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "train it on real data" in capsys.readouterr().out


def test_a_file_is_no_number(capsys):
    with pytest.raises(SystemExit):
        main(["--epochs", "many"])
    assert "invalid int value" in capsys.readouterr().err
