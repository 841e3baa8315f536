"""How our programs end: calmly, and with a status that says how, whatever happens to them.

0    done
1    something is wrong with what was asked for; the error, in words, goes to stderr
130  Ctrl-C
141  nobody reads any more what is printed, as in ``python -m minidl | head -1``
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def calmly(program: Callable[[], None], name: str) -> int:
    """Run a program, and return its exit status.

    >>> calmly(lambda: print("hello"), "greet")
    hello
    0
    """
    with any_characters():
        try:
            program()
            print(end="", flush=True)  # so that it fails here, if at all
        except KeyboardInterrupt:
            print(f"\n{name}: stopped.", file=sys.stderr)
            return 130
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # what is still to be written goes there when Python ends
            return 141
        except (ValueError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
    return 0


@contextmanager
def any_characters() -> Iterator[None]:
    """Print ? for characters that the terminal or the file lacks, such as σ in ASCII, instead of failing at them."""
    stdout = sys.stdout
    if not hasattr(stdout, "reconfigure"):  # a notebook's, or somebody's own
        yield
        return
    before = stdout.errors
    stdout.reconfigure(errors="replace")
    try:
        yield
    finally:
        stdout.reconfigure(errors=before)
