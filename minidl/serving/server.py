"""HTTP around a ``Service``, with nothing but Python's standard library; each request has a thread of its own."""

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from minidl.errors import describe
from minidl.models import Model
from minidl.serving.service import PAGES, PREDICT, Refused, Service, allowed
from minidl.settings import check_whole

PATIENCE = 30.0  # seconds that a client may keep a thread waiting


def serve(model: Model, port: int = 8000, host: str = "127.0.0.1", **settings: Any) -> None:
    """Answer questions until Ctrl-C; requests that have begun are still answered.

    This is for one machine and for learning. It has no TLS, no authentication and no limit on how many ask: only
    programs on this machine reach it, and it should stay so. What faces a network belongs behind a server made for it
    (a reverse proxy), which adds these.

    Parameters
    ----------
    model : Model
        Built.
    port : int
        0 chooses a free one, which is printed.
    host : str
        The address to listen at; the default is this machine alone.
    **settings
        ``monitor`` and ``max_bytes`` of ``Service``.

    Notes
    -----
    Ask it with ``curl http://127.0.0.1:8000/predict -H "Content-Type: application/json" -d '{"inputs": [[1, 2]]}'``.
    The pages stand in ``service.py``.
    """
    server = Server(Service(model, **settings), port, host)
    print(f"Serving {model.name!r} at {server.url} (Ctrl-C ends).", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    record = server.service.record
    print(f"Answered {record.requests} questions, {record.errors} of them with an error.", flush=True)


@contextmanager
def served(model: Model, port: int = 0, **settings: Any) -> Iterator[str]:
    """Serve within the block, in a thread beside it: for tests and notebooks. Gives the address.

    >>> import json, minidl as md
    >>> from urllib.request import urlopen
    >>> model = md.Sequential([md.layers.Dense(1, input_shape=(2,))])
    >>> with served(model) as url:
    ...     json.load(urlopen(url + "/health"))
    {'status': 'ok'}
    """
    server = Server(Service(model, **settings), port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Server(ThreadingHTTPServer):
    """A socket at which a service listens."""

    daemon_threads = False  # closing waits for what has begun
    request_queue_size = 128  # so many may wait at the door

    def __init__(self, service: Service, port: int, host: str = "127.0.0.1"):
        port = check_whole("serve", "port", port, lowest=0)
        if port > 65_535:
            raise ValueError(f"serve expects port up to 65535, got {port}.")
        if not isinstance(host, str):
            raise TypeError(f"serve expects host as an address such as '127.0.0.1', got {describe(host)}.")
        self.service = service
        self.silent: set[socket.socket] = set()  # connections on which nothing was asked yet
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise OSError(error.errno, f"serve cannot listen at {host}:{port}: {error.strerror}") from None

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection."""
        connection, address = super().get_request()
        self.silent.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.silent.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Wait for the answers that have begun, but for nobody who has asked nothing: browsers connect in advance."""
        for connection in list(self.silent):
            with suppress(OSError):  # it has hung up
                connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no fault of ours; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host}:{port}"


class Handler(BaseHTTPRequestHandler):
    """One request: read it, ask the service, write the answer. Everything that is answered is JSON."""

    timeout = PATIENCE
    server: Server

    def parse_request(self) -> bool:
        """A first line has come."""
        self.server.silent.discard(self.connection)
        return super().parse_request()

    def handle_any(self) -> None:
        """Whatever the method."""
        service, path = self.server.service, self.path.split("?")[0]
        body = b""
        try:
            if path == PREDICT and self.command == "POST":
                body = self.body()
            else:
                self.discard()  # nobody reads it
        except Refused as refused:
            self.discard()
            self.write(*service.refusal(path, refused))
            return
        self.write(*service.answer(self.command, path, body))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = handle_any

    def body(self) -> bytes:
        """What was sent, if it is JSON of a length that was told and is not too long.

        A web page can make its visitor's browser post to this machine, but not as JSON without asking first.
        """
        kind = self.headers.get_content_type()
        if kind != "application/json":
            raise Refused(415, f"{PREDICT} expects Content-Type: application/json, got {kind}.")
        length = self.headers.get("Content-Length")
        if length is None or "Transfer-Encoding" in self.headers:
            raise Refused(411, f"{PREDICT} expects a Content-Length, and no Transfer-Encoding.")
        n = self.length()
        if n is None:
            raise Refused(400, f"{PREDICT} expects Content-Length as a number of bytes, got {length[:20]!r}.")
        if n > self.server.service.max_bytes:
            raise Refused(413, self.server.service.too_long(n))
        body = self.rfile.read(n)
        if len(body) < n:
            raise Refused(400, f"{PREDICT} expects {n} bytes, as Content-Length said, got {len(body)}.")
        return body

    def length(self) -> int | None:
        """How many bytes were announced, None where that is no number."""
        told = self.headers.get("Content-Length", "0").strip()
        return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None

    def discard(self) -> None:
        """Read and forget what was announced, or its beginning: who is still sending would not hear the answer."""
        left = 4 * self.server.service.max_bytes
        if "Transfer-Encoding" not in self.headers:
            self.skip(min(self.length() or 0, left))
            return
        while left > 0 and (n := chunk_length(self.rfile.readline(100))):
            self.skip(min(n, left))
            self.rfile.readline(3)  # the end of its line
            left -= n
        self.rfile.readline(3)

    def skip(self, left: int) -> None:
        """Read so many bytes."""
        while left and (part := self.rfile.read(min(left, 65_536))):
            left -= len(part)

    def write(self, status: int, content: dict[str, Any]) -> None:
        """The answer; a client that has gone away gets none, and that is no fault."""
        data = json.dumps(content, allow_nan=False).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 405:
                self.send_header("Allow", allowed(self.path.split("?")[0]))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What Python's server refuses by itself (no HTTP at all, an unknown method), as JSON too."""
        self.close_connection = True
        self.write(int(code), {"error": message or "this is no request. Known: " + ", ".join((PREDICT, *PAGES)) + "."})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each request would drown a notebook."""


def chunk_length(line: bytes) -> int:
    """How many bytes follow this line, where a body comes in chunks; 0 at their end, or where that is no number.

    >>> chunk_length(b"1f4"), chunk_length(b"A;name=value"), chunk_length(b"-1")
    (500, 10, 0)
    """
    digits = re.match(rb"[0-9a-fA-F]+", line)
    return int(digits[0], 16) if digits else 0
