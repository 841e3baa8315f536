"""The files inside the package: read, and compared with the hash that was taken when they were made.

What each file is, where it comes from and under which licence stands in ``files/SOURCES.md``.
"""

import hashlib
from importlib.resources import files

SHA256 = {
    "digits.npz": "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e",
    "mnist10k.npz": "9c45d29c7c8fa5add1f2262f9a90c6eca276b942fea4dab64420cf84063a828a",
    "moby_dick.txt.gz": "19029ef240bae36c22a07686dacfc905972c0b054dcb013d9856ce8da5efde4f",
    "movie_reviews.tsv.gz": "342f4469d584641aa0c3ad6c63cee301b1d56110728c8634105020af61ee9608",
    "sunspots.csv": "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
}

FOLDER = files("minidl") / "data" / "files"


def read_shipped(name: str) -> bytes:
    """The bytes of a shipped file, after checking that not one of them has changed.

    Raises
    ------
    ValueError
        The file is missing or damaged.

    Examples
    --------
    >>> read_shipped("sunspots.csv")[:18]
    b'"YEAR","SUNACTIVIT'
    """
    try:
        content = (FOLDER / name).read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{name} is missing from the installed minidl.\nInstall minidl again.") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[name]:
        raise ValueError(
            f"{name} is damaged: expected sha256 {SHA256[name][:16]}..., got {digest[:16]}...\nInstall minidl again."
        )
    return content
