"""Arrays in files: ``.npz`` and ``.safetensors``, written whole or not at all, read without running anything.

A file is written under another name in the same folder, and renamed when it is complete: whoever looks at the path sees
the old file or the new one, never half of one. A pickle is never opened, because opening one runs whatever program it
holds.
"""

import io
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

ENDINGS = (".npz", ".safetensors")
NUMBERS = "fiub"  # kinds of dtype that are saved and loaded: floats, integers, truth values


def save_arrays(path: str | os.PathLike, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays to ``path``, in the format of its ending.

    Raises
    ------
    ValueError
        The ending is neither ``.npz`` nor ``.safetensors``, the folder does not exist, or an array is not of numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_arrays(folder + "/a.npz", {"w": np.ones(2)})
    ...     load_arrays(folder + "/a.npz")
    {'w': array([1., 1.])}
    """
    path = check_path(path)
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in NUMBERS:  # else nobody could load the file
            raise ValueError(f"cannot save {name!r} of dtype {np.asarray(array).dtype}: expected numbers.")
    write_whole(path, pack_safetensors(arrays) if path.suffix == ".safetensors" else pack_npz(arrays))


def load_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The named arrays of a file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, a pickle, or holds something that is not an array of numbers.
    """
    path = _checked(path, "load")
    if path.suffix == ".safetensors":
        safetensors_package()
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if p.suffix in ENDINGS)[:5]
        hint = f"That folder has: {', '.join(beside)}." if beside else "That folder has no file of this kind."
        raise FileNotFoundError(f"cannot load {path.name!r}: there is no such file in {str(path.parent)!r}.\n{hint}")
    content = path.read_bytes()
    if content[:1] == b"\x80" and path.suffix != ".safetensors":
        raise ValueError(
            f"{path.name!r} is a pickle, which is never opened: a pickle can run any program.\n"
            "Save the weights again with save_weights('....npz')."
        )
    try:
        arrays = unpack_safetensors(content) if path.suffix == ".safetensors" else unpack_npz(content)
    except Exception as error:  # zipfile, zlib and NumPy's reader raise whatever they stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path.name!r} is damaged, or not a {path.suffix} file of arrays: {reason}.\n"
            "Nothing was loaded. Copy or save the file again."
        ) from None
    for name, array in arrays.items():
        if array.dtype.kind not in NUMBERS:
            raise ValueError(
                f"{path.name!r} holds {name!r} of dtype {array.dtype}, expected numbers. Nothing was loaded."
            )
    return arrays


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` in one move: under another name first, then renamed. A link stays a link.

    An error leaves what was there before, and nothing else.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it takes the name
        os.replace(temporary, path)
    except OSError as error:  # where the disk is full it names no file, and else the one that nobody asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)  # after the renaming there is nothing under this name


def check_path(path: str | os.PathLike) -> Path:
    """A path that ``save_arrays`` can write to; so a name that will not do is told before hours of training."""
    path = _checked(path, "save")
    check_folder(f"cannot save {path.name!r}", path)
    return path


def check_folder(who: str, path: Path) -> None:
    """Refuse a path whose folder is missing or shut."""
    folder = Path(os.path.realpath(path)).parent  # where the file will be; a link may lead elsewhere
    if not folder.is_dir():
        raise ValueError(f"{who}: there is no folder {str(folder)!r}. Make it first.")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{who}: nothing can be written into the folder {str(folder)!r}.")


def _checked(path: str | os.PathLike, verb: str) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"cannot {verb}: expected a path such as 'weights.npz', got {type(path).__name__}.")
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise ValueError(f"cannot {verb} {path.name!r}: the name must end in .npz or .safetensors.")
    if path.is_dir():
        raise ValueError(f"cannot {verb} {path.name!r}: there is a folder of that name. Choose another.")
    return path


# --- NumPy's own format: a zip file with one .npy file for each array ----------------------------------------------


def pack_npz(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of an npz file. (``np.savez`` takes names as keywords, so it has no array called "file".)"""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
    return content.getvalue()


def unpack_npz(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in an npz file's bytes. Checksums are compared, and arrays of Python objects refused."""
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if not name.endswith(".npy"):
                raise ValueError(f"it holds {name!r}, which is not an array")
            with archive.open(name) as entry:
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(entry, allow_pickle=False)
                if entry.read(1):
                    raise ValueError(f"{name!r} goes on after its array")
    return arrays


# --- safetensors: one file that any deep-learning library reads, and that holds nothing but arrays -------------------


def safetensors_package() -> Any:
    """The package ``safetensors``, which is an extra.

    Raises
    ------
    ValueError
        It is not installed (with the line that installs it).
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ValueError(
            "a .safetensors file needs the package safetensors, which is not installed.\n"
            "Install it with: pip install safetensors, or use a name that ends in .npz."
        ) from error
    return safetensors


def pack_safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of a safetensors file. The package reads memory as it lies: in C order, little-endian."""
    package = safetensors_package()
    plain = {name: np.array(a, a.dtype.newbyteorder("<"), order="C") for name, a in arrays.items()}
    return package.numpy.save(plain)


def unpack_safetensors(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in a safetensors file's bytes, in memory of their own."""
    package = safetensors_package()
    try:
        return {name: np.array(a) for name, a in package.numpy.load(content).items()}
    except (package.SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from None
