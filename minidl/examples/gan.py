"""Two networks against each other: small digits that nobody has written (a GAN, D.T14).

The generator G makes an image of random numbers z; the discriminator D says whether an image is real: D(x) is the logit
of the chance. Each learns from the other, in turn, and neither is shown what it should make:

    L_D = −log σ(D(x)) − log(1 − σ(D(G(z))))     D should say "real" to x and "made" to G(z)
    L_G = −log σ(D(G(z)))                        G should make D say "real"

If G made what is as good as real, D could only guess: then σ(D) = ½, L_D = 2 log 2 and L_G = log 2. Neither loss tells
how good the images are; ``judge`` asks that in another way.

Source: Goodfellow et al. 2014, "Generative adversarial nets", algorithm 1, with the L_G of section 3.
"""

from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.arrays import generator
from minidl.callbacks import History
from minidl.data import DataLoader
from minidl.layers import Dense, Flatten, LeakyReLU, ReLU, Reshape
from minidl.models import Model, Sequential
from minidl.optimizers import Adam
from minidl.plot.style import BLUE, GREY, VERMILLION, tidy
from minidl.schedules import CosineDecay

TITLE = "a generator, 16-128-128-64, against a discriminator, 64-256-256-1"
EPOCHS = 240
BATCH = 64
Z = 16  # random numbers for each image
SHOWN = 20  # images in a row of the picture


def data() -> tuple[tuple, tuple, tuple]:
    """(images, labels): digits of 8 × 8 pixels. Training needs no labels, and nothing is held out to watch it."""
    (x, y), (x_test, y_test) = md.data.digits()
    x, x_test = (images[..., None].astype(np.float32) / 16 for images in (x, x_test))  # (N, 8, 8, 1) in 0 .. 1
    return (x, y), (x[:0], y[:0]), (x_test, y_test)


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many images there are for what."""
    return f"{len(train[0])} images to learn from, without labels, {len(test[0])} to judge by."


class Adversaries(Model):
    """Both networks; called on z (N, 16), it gives what D says of G's images, as logits (N, 1)."""

    def __init__(self):
        super().__init__(name="gan")
        he = {"kernel_initializer": "he_normal"}
        self.generator = Sequential(
            [
                Dense(128, **he, input_shape=(Z,)), ReLU(),
                Dense(128, **he), ReLU(),
                Dense(64, activation="sigmoid"),
                Reshape((8, 8, 1)),  # (N, 64) -> (N, 8, 8, 1)
            ]
        )  # fmt: skip
        self.discriminator = Sequential(
            [
                Flatten(input_shape=(8, 8, 1)),  # (N, 64)
                Dense(256, **he), LeakyReLU(0.2),
                Dense(256, **he), LeakyReLU(0.2),
                Dense(1),
            ]
        )  # fmt: skip
        self.seen: list[tuple[int, np.ndarray]] = []  # (epoch, what G made then of the same z), for the picture
        self.built = True

    def call(self, z: md.Tensor) -> md.Tensor:
        return self.discriminator(self.generator(z))


def build() -> Adversaries:
    """Both networks."""
    return Adversaries()


def loss() -> md.losses.Loss:
    """−log σ(D) where 1 is wanted, −log(1 − σ(D)) where 0 is: with 1 of made images it is L_G."""
    return md.losses.BinaryCrossentropy(from_logits=True)


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers and L_G: its gradient goes through both networks, to the very first weights of G."""
    return rng.standard_normal((3, Z), dtype=np.float32), np.ones((3, 1), np.float32)


def fit(model: Adversaries, train: tuple, validation: tuple, epochs: int, device: str) -> History:
    """The loop: for each batch one step of D, then one of G. Ctrl-C ends it; the weights are those of that moment."""
    G, D, bce, rng = model.generator, model.discriminator, loss(), generator(None)
    loader = DataLoader(train[0], batch_size=BATCH, drop_last=True, device=device)
    rate = CosineDecay(1e-3, epochs * len(loader))
    optimizer_D = Adam(D.parameters(), learning_rate=rate, beta_1=0.5)
    optimizer_G = Adam(G.parameters(), learning_rate=rate, beta_1=0.5)
    real, made = (np.full((BATCH, 1), value, np.float32) for value in (1, 0))
    history = model.history = History()
    model.seen = [(0, images(model))]

    def z() -> md.Tensor:
        return md.Tensor(rng.standard_normal((BATCH, Z), dtype=np.float32), device=device)

    model.train()
    try:
        for epoch in range(epochs):
            losses = []
            for x in loader:
                optimizer_D.zero_grad()
                loss_D = bce(real, D(md.Tensor(x))) + bce(made, D(G(z()).detach()))  # D's step does not change G
                loss_D.backward()
                optimizer_D.step()

                optimizer_G.zero_grad()
                loss_G = bce(real, D(G(z())))  # its gradient reaches D too, where the next step forgets it
                loss_G.backward()
                optimizer_G.step()
                losses.append((loss_D.item(), loss_G.item()))
            mean_D, mean_G = np.mean(losses, axis=0)
            history.on_epoch_end(epoch, {"loss": float(mean_G), "loss_D": float(mean_D)})
            if (epoch + 1) % max(1, epochs // 6) == 0:
                model.seen.append((epoch + 1, images(model)))
                print(f"Epoch {epoch + 1}/{epochs} - loss of G: {mean_G:.4f} - loss of D: {mean_D:.4f}")
    except KeyboardInterrupt:
        print("\nStopped.")
    model.eval()
    return history


def images(model: Adversaries, n: int = SHOWN) -> np.ndarray:
    """(n, 8, 8, 1) made of random numbers that are the same at every call."""
    return model.generator.predict(np.random.default_rng(0).standard_normal((n, Z), dtype=np.float32))


def judge(model: Adversaries, test: tuple) -> dict[str, Any]:
    """Can the nearest neighbour tell made images from real ones? And is every digit made?

    Real and made images, as many of each, are thrown together, and each is taken for what its nearest neighbour is.
    Were the made ones as good as real and as various, that would be right for one half of each kind. Images that are
    noisy or all alike are known by each other. (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests".)
    """
    x, _ = test
    made = images(model, len(x))
    both = np.concatenate([x, made])
    apart = squared_distances(both, both)
    np.fill_diagonal(apart, np.inf)  # nobody is their own neighbour
    is_real = np.arange(len(both)) < len(x)
    told = is_real[apart.argmin(axis=1)] == is_real
    (x_train, labels), *_ = data()
    digits = np.bincount(labels[squared_distances(made, x_train).argmin(axis=1)], minlength=10)
    print(
        f"The nearest neighbour tells {told[is_real].mean():.0%} of the real images and {told[~is_real].mean():.0%} of"
        f" the made ones (ideal: 50%).\nMade images nearest to each digit 0 .. 9: {' '.join(map(str, digits))}."
    )
    return {"told": told.mean(), "digits": digits}


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|aᵢ − bⱼ|² = |aᵢ|² − 2 aᵢ·bⱼ + |bⱼ|²: (N, ...), (M, ...) -> (N, M)."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return (a * a).sum(axis=1)[:, None] - 2 * a @ b.T + (b * b).sum(axis=1)


def draw(model: Adversaries, history: History, test: tuple, result: dict[str, Any]) -> Any:
    """The losses; and what the generator makes of the same random numbers after more and more epochs."""
    figure = plot.style.new_figure(13, 8)
    figure.suptitle(f"Made digits: their nearest neighbour tells {result['told']:.0%} (ideal: 50 %)", fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2])
    ax = top.subplots()
    for name, colour, label, ideal in (("loss_D", BLUE, "D", 2 * np.log(2)), ("loss", VERMILLION, "G", np.log(2))):
        ax.plot(history.history[name], color=colour, label=f"loss of {label}")
        ax.axhline(ideal, color=colour, linestyle=":", linewidth=1)
    ax.set_xlabel("epoch; dotted: where the losses would be if D could only guess", color=GREY)
    ax.legend(frameon=False)
    tidy(ax)
    draw_rows(
        [*(made for _, made in model.seen), test[0][:SHOWN]],
        bottom.subplots(),
        [*(f"{epoch} epochs" for epoch, _ in model.seen), "real digits"],
    )
    return figure


def draw_rows(rows: list[np.ndarray], ax: Any, names: list[str]) -> None:
    """Rows of images (n, 8, 8, 1), each with its name: as one image, which is quicker than many."""
    wall = np.pad(np.stack(rows)[..., 0], [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=1)  # (rows, n, 10, 10)
    ax.imshow(np.concatenate(np.concatenate(wall, axis=1), axis=1), cmap=plot.style.GREYS)  # (rows · 10, n · 10)
    ax.set_yticks(10 * np.arange(len(rows)) + 5, names)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
