"""``python -m minidl``: check a network's gradients, train it on real data, and show how good it is.

It prints the verdict on the gradients, one line per epoch, how good the network is and the time, and writes one
picture. Ctrl-C ends the training early and keeps the best weights found so far; before and after it, the program.
"""

import argparse
import functools
import io
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.callbacks import EarlyStopping
from minidl.errors import unknown_name
from minidl.examples import (
    autoencoder,
    gan,
    mnist_best,
    mnist_cnn,
    mnist_dense,
    mnist_resnet,
    moby_gpt,
    reviews_attention,
    reviews_bag,
    reviews_lstm,
    sunspots_lstm,
)
from minidl.gradcheck import check_grads
from minidl.saving import check_folder, write_whole
from minidl.terminal import calmly

MODELS = {  # what each of these modules defines: see minidl/examples
    "dense": mnist_dense,
    "cnn": mnist_cnn,
    "best": mnist_best,
    "resnet": mnist_resnet,
    "autoencoder": autoencoder,
    "gan": gan,
    "lstm": reviews_lstm,
    "attention": reviews_attention,
    "bag": reviews_bag,
    "gpt": moby_gpt,
    "sunspots": sunspots_lstm,
}
ENTRIES = 60  # of all weights, that are compared with finite differences: each costs two runs of the network
TRIES = 4  # points at which the gradients may turn out not to be judgeable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    options = parse(arguments)
    return calmly(lambda: run(options), "minidl")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    description = "check a network's gradients, train it on real data, and show how good it is."
    parser = argparse.ArgumentParser(prog="minidl", description=description)
    parser.add_argument("--model", default="cnn", help=f"which network: {', '.join(MODELS)} (default: cnn)")
    parser.add_argument("--epochs", type=int, help="passes over the training data (default: the model's own)")
    parser.add_argument("--device", default="cpu", help='"cpu" or "cuda" (default: cpu)')
    parser.add_argument("--seed", type=int, default=0, help="for weights, order and dropout (default: 0)")
    parser.add_argument("--threads", type=int, default=1, help="how many share each batch: md.Threads (default: 1)")
    parser.add_argument("--out", default="minidl.png", help="where the picture goes (default: minidl.png)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Check, train, judge, draw."""
    if options.model not in MODELS:
        raise unknown_name("--model", options.model, MODELS)
    example = MODELS[options.model]
    epochs = example.EPOCHS if options.epochs is None else options.epochs
    if epochs < 1:
        raise ValueError(f"--epochs expects at least 1, got {epochs}.")
    if options.seed < 0:
        raise ValueError(f"--seed expects 0 or more, got {options.seed}.")
    check_threads(options)
    out = picture_path(options.out)
    md.arrays.device_module(options.device)  # says now, not after loading, when there is no GPU
    md.seed(options.seed)

    train, validation, test = example.data()
    model = example.build()
    print(f"minidl {md.__version__}: {example.TITLE}, {model.count_params():,} parameters, on {options.device}")
    print(f"{example.describe(train, validation, test)}\n")
    check_gradients(example, model, *train)

    model.to(options.device)
    started = time.perf_counter()
    fit_ours = functools.partial(fit, example, threads=options.threads)
    train_it = getattr(example, "fit", fit_ours)  # some bring a loop of their own
    history = train_it(model, train, validation, epochs, options.device)
    print(f"\n{time.perf_counter() - started:.1f} s of training.")

    result = example.judge(model, test)
    if history.history.get("loss"):  # else Ctrl-C came within the first epoch
        save(example.draw(model, history, test, result), out)
        print(f"\nPicture: {out}")


def check_threads(options: argparse.Namespace) -> None:
    """Refuse threads where there can be none."""
    if options.threads > 1 and options.device != "cpu":
        raise ValueError("--threads share the work on the processor: leave them out with --device cuda.")
    if options.threads > 1 and hasattr(MODELS[options.model], "fit"):
        raise ValueError(f"--threads: {options.model!r} trains by a loop of its own, in one thread.")
    md.Threads(options.threads)  # says so if threadpoolctl is missing


def picture_path(name: str) -> Path:
    """Where the picture goes, refused now and not after the training if it cannot be written there."""
    out = Path(name)
    check_folder("--out", out)
    kinds = set(plot.style.new_figure(1, 1).canvas.get_supported_filetypes()) - {"pgf"}  # that one needs LaTeX
    if out.suffix[1:].lower() not in kinds:
        raise ValueError(f"--out expects the name of a picture, such as minidl.png, got {name!r}.")
    if out.is_dir():
        raise ValueError(f"--out expects the name of a picture, but {name!r} is a folder.")
    return out


def save(figure: Any, out: Path) -> None:
    """Write the picture whole, or leave the one that was there before."""
    content = io.BytesIO()
    figure.savefig(content, dpi=90, format=out.suffix[1:].lower())
    write_whole(out, content.getvalue())


def check_gradients(example: ModuleType, model: md.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Judge the gradients of this very network, with its loss, at a point that the example chooses.

    A large network has many kinks, and now and then one lies within a step of the point: then another is tried.
    """
    loss = example.loss()
    model.eval()  # dropout would give another value each time
    rng = np.random.default_rng(0)

    sample = max(1, ENTRIES // len(model.parameters()))
    for attempt in range(TRIES):
        inputs, targets = example.point_to_check(x, y, rng)
        try:
            report = check_grads(
                lambda x, t=targets: loss(t, model(x)), inputs, parameters=model.parameters(), sample=sample
            )
        except ValueError:  # nothing is wrong (that is GradientError), but finite differences cannot judge here
            if attempt == TRIES - 1:
                raise
        else:
            break
    print(f"Checked before training: {report}.\n")


def fit(
    example: ModuleType, model: md.Model, train: tuple, validation: tuple, epochs: int, device: str, threads: int
) -> Any:
    """Train, and end with the weights of the best epoch, also when Ctrl-C cuts it short."""
    loader = example.batches(*train, device)
    example.prepare(model, epochs, len(loader))
    best = EarlyStopping(monitor="val_loss", patience=epochs, restore_best_weights=True)
    try:
        return model.fit(loader, epochs=epochs, validation_data=validation, callbacks=[best], threads=threads)
    except KeyboardInterrupt:
        print("\nStopped. The best weights so far are kept.")
        return model.history


if __name__ == "__main__":
    raise SystemExit(main())
