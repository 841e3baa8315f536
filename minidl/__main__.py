"""``python -m minidl``: check a network's gradients, train it on real handwritten digits, and show how good it is.

It prints the verdict on the gradients, one line per epoch, the test accuracy, the confusion matrix and the time, and
writes one picture. Ctrl-C ends the training early and keeps the best weights found so far.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minidl as md
from minidl import metrics, plot
from minidl.callbacks import EarlyStopping
from minidl.errors import unknown_name
from minidl.examples import mnist_cnn, mnist_dense
from minidl.gradcheck import check_grads

MODELS = {"dense": mnist_dense, "cnn": mnist_cnn}
TRIES = 4  # points at which the gradients may turn out not to be judgeable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    options = parse(arguments)
    try:
        run(options)
    except (ValueError, OSError) as error:
        print(f"minidl: {error}")
        return 1
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="minidl", description=__doc__.split("\n")[0].split(": ", 1)[1])
    parser.add_argument("--model", default="dense", help=f"which network: {', '.join(MODELS)} (default: dense)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: 20)")
    parser.add_argument("--device", default="cpu", help='"cpu" or "cuda" (default: cpu)')
    parser.add_argument("--seed", type=int, default=0, help="for weights, order and dropout (default: 0)")
    parser.add_argument("--out", default="minidl.png", help="where the picture goes (default: minidl.png)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Check, train, judge, draw."""
    if options.model not in MODELS:
        raise unknown_name("--model", options.model, MODELS)
    if options.epochs < 1:
        raise ValueError(f"--epochs expects at least 1, got {options.epochs}.")
    out = Path(options.out)
    if not out.parent.is_dir():
        raise ValueError(f"--out: there is no folder {str(out.parent)!r} to write the picture into.")
    example = MODELS[options.model]
    md.arrays.device_module(options.device)  # says now, not after loading, when there is no GPU
    md.seed(options.seed)
    train, validation, test = example.data()
    model = example.build()
    print(f"minidl {md.__version__}: {example.TITLE}, {model.count_params():,} parameters, on {options.device}")
    print(f"{len(train[0])} images to train on, {len(validation[0])} to watch, {len(test[0])} to judge.\n")
    check_gradients(example, model, *train)

    model.to(options.device)
    started = time.perf_counter()
    history = fit(example, model, train, validation, options)
    seconds = time.perf_counter() - started

    probabilities = md.softmax(model.predict(test[0]))
    guesses = probabilities.argmax(axis=-1)
    accuracy = float((guesses == test[1]).mean())
    confusion = metrics.confusion_matrix(test[1], guesses)
    print(f"\nTest accuracy {accuracy:.4f} on {len(test[1])} images, {seconds:.1f} s of training.\n")
    print_confusion(confusion)
    if history.history.get("loss"):
        draw(example, model, history, confusion, test, probabilities, out)
        print(f"\nPicture: {out}")


def check_gradients(example: Any, model: md.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Judge the gradients of this very network, with its loss, at a point that the example chooses.

    A large network has many kinks, and now and then one lies within a step of the point: then another is tried.
    """
    loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.eval()  # dropout would give another value each time
    rng = np.random.default_rng(0)

    def judged(images: md.Tensor, labels: np.ndarray) -> md.Tensor:
        return loss(labels, model(images))

    for attempt in range(TRIES):
        point = example.point_to_check(x, y, rng)
        try:
            report = check_grads(judged, *point, parameters=model.parameters(), sample=6)
        except ValueError:  # nothing is wrong (that is GradientError), but finite differences cannot judge here
            if attempt == TRIES - 1:
                raise
        else:
            break
    print(f"Checked before training: {report}.\n")


def fit(example: Any, model: md.Sequential, train: tuple, validation: tuple, options: argparse.Namespace) -> Any:
    """Train, and end with the weights of the best epoch, also when Ctrl-C cuts it short."""
    loader = example.batches(*train, options.device)
    example.prepare(model, options.epochs, len(loader))
    best = EarlyStopping(monitor="val_loss", patience=options.epochs, restore_best_weights=True)
    try:
        return model.fit(loader, epochs=options.epochs, validation_data=validation, callbacks=[best])
    except KeyboardInterrupt:
        print("\nStopped. The best weights so far are kept.")
        return model.history


def print_confusion(confusion: np.ndarray) -> None:
    """The confusion matrix, as text: a row for each digit, a column for each guess."""
    print("digit   guessed as " + "".join(f"{j:5d}" for j in range(len(confusion))))
    for i, row in enumerate(confusion):
        print(f"{i:5d}              " + "".join(f"{n:5d}" if n else "    ." for n in row))


def draw(
    example: Any,
    model: md.Sequential,
    history: Any,
    confusion: np.ndarray,
    test: tuple,
    probabilities: np.ndarray,
    out: Path,
) -> None:
    """One picture: how the training went, what is confused with what, the worst mistakes, and what has been learnt."""
    looks_inside = hasattr(example, "draw_inside")
    figure = plot.style.new_figure(13, 13 if looks_inside else 9)
    figure.suptitle(f"Handwritten digits: test accuracy {confusion.trace() / confusion.sum():.4f}", fontsize=15)
    top, middle, *inside = figure.subfigures(2 + looks_inside, 1, height_ratios=[1.5, 1, 1][: 2 + looks_inside])
    left, right = top.subfigures(1, 2, width_ratios=[1.2, 1])
    plot.training_curves(history, figure=left)
    plot.confusion_matrix(confusion, ax=right.subplots())
    plot.worst_mistakes(*test, probabilities, n=20, columns=10, figure=middle)
    if looks_inside:
        example.draw_inside(model, test[0][0], inside[0])
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    raise SystemExit(main())
