"""Run in the kernel before a lesson: whoever asks the network for something gets an error."""

import sys


def _refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise OSError(f"a lesson runs offline, but this asked for {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1", "::1"):
        raise OSError(f"a lesson runs offline, but this asked for {arguments[0]!r}")


sys.addaudithook(_refuse)
