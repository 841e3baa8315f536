"""Where a file does not fit: the error names it, what was there before stays whole, and nothing half-written stays."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.figure import Figure

import minidl.__main__ as program
import minidl.check.__main__ as exercises
from minidl.callbacks import CSVLogger, ModelCheckpoint
from minidl.plot.svg import Drawing
from tests.small_models import VALUES, X, regressor


@contextmanager
def room_for(size):
    """No file may grow beyond so many bytes: what fits is written, and the rest refused, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fit(**settings):
    regressor().fit(X, VALUES, verbose=0, **settings)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("w.npz", lambda path: regressor().save_weights(path)),
        ("best.npz", lambda path: fit(callbacks=[ModelCheckpoint(path)])),
        ("run.npz", lambda path: fit(epochs=2, resume=path)),
        ("minidl.png", lambda path: program.save(Figure(), path)),
        ("graph.svg", lambda path: Drawing("<svg>" + 50 * " " + "</svg>").save(path)),
        ("answers.py", lambda path: exercises.write_folder(path.parent / "new", ["affine_backward"])),
    ],
)
def test_the_old_file_stays(tmp_path, name, write):
    path = tmp_path / name
    if name == "run.npz":
        fit(resume=path)
    else:
        path.write_bytes(b"old")
    old = path.read_bytes()
    with room_for(40), pytest.raises(OSError, match=rf"too large: '{tmp_path}.*{name}'"):
        write(path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path] and path.read_bytes() == old


def test_a_row_that_does_not_fit_leaves_those_before(tmp_path):
    path = tmp_path / "log.csv"
    fit(epochs=2, callbacks=[CSVLogger(path)])
    header, *rows = path.read_text().splitlines(keepends=True)
    with room_for(path.stat().st_size + 3), pytest.raises(OSError, match=rf"too large: '{path}'"):
        fit(epochs=4, initial_epoch=2, callbacks=[CSVLogger(path, append=True)])
    assert path.read_text() == header + "".join(rows) and len(rows) == 2
    fit(epochs=3, initial_epoch=2, callbacks=[CSVLogger(path, append=True)])
    assert np.loadtxt(path, delimiter=",", skiprows=1)[:, 0].tolist() == [0, 1, 2]


def test_a_shut_folder_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    def shut(name, *_, **__):
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr("builtins.open", shut)
    with pytest.raises(PermissionError, match=rf"denied: '{tmp_path}/graph.svg'"):
        Drawing("<svg/>").save(tmp_path / "graph.svg")
