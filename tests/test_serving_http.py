"""The service over HTTP (D.T10): many at once, pages, refusals, clients that misbehave, the end."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlparse

import numpy as np
import pytest
from small_models import X, classifier

from minidl.serving import Service, serve, served
from minidl.serving.server import Handler, Server

JSON = {"Content-Type": "application/json"}
POST = b"POST /predict HTTP/1.0\r\nContent-Type: application/json\r\n"


def over_http(url, method="GET", path="/health", body=None, headers=JSON):
    """(status, JSON, headers)"""
    connection = http.client.HTTPConnection(urlparse(url).netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null"), response.headers


def raw(url, data):
    """What comes back for these bytes."""
    with socket.create_connection(urlparse(url).netloc.split(":"), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.fixture(scope="module")
def url():
    with served(classifier(), max_bytes=20_000) as address:
        yield address


def test_many_ask_at_once(url):
    expected = classifier().predict(X, verbose=0)
    wrong = []

    def client(k):
        for n in range(k, k + 10):
            status, answer, _ = over_http(url, "POST", "/predict", json.dumps({"inputs": X[n : n + 3].tolist()}))
            if status != 200 or not np.allclose(answer["outputs"], expected[n : n + 3], rtol=1e-5):
                wrong.append((k, n, status, answer))

    before = over_http(url, path="/metrics")[1]["requests"]
    threads = [threading.Thread(target=client, args=(k,)) for k in range(0, 32, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and over_http(url, path="/metrics")[1]["requests"] == before + 80


def test_pages_over_http(url):
    status, answer, headers = over_http(url, path="/health?now=1")
    assert (status, answer, headers["Content-Type"]) == (200, {"status": "ok"}, "application/json")
    assert over_http(url, path="/model")[1]["inputs"] == {"input": [None, 4]}
    assert url.startswith("http://127.0.0.1:")  # this machine alone


def test_refusals_over_http(url):
    good = json.dumps({"inputs": X[:1].tolist()})
    status, answer, _ = over_http(url, "POST", "/predict", good, {"Content-Type": "text/plain"})
    assert status == 415 and "expects Content-Type: application/json, got text/plain" in answer["error"]
    status, answer, _ = over_http(url, "POST", "/predict", b" " * 20_001)
    assert status == 413 and "at most 20,000 bytes, got 20,001" in answer["error"]
    for method, path, allow in (("GET", "/predict", "POST"), ("PUT", "/predict", "POST"), ("DELETE", "/health", "GET")):
        status, _, headers = over_http(url, method, path)
        assert status == 405 and headers["Allow"] == allow
    assert over_http(url, "POST", "/elsewhere", b" " * 60_000)[0] == 404
    assert raw(url, b"HEAD /health HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\n")  # never a body
    assert over_http(url, "POST", "/predict", good)[0] == 200


def test_who_is_still_sending_hears_the_answer():
    with served(classifier(), max_bytes=6_000_000) as address:  # 24 MB fit into no buffer on the way
        for path, status in (("/predict", 413), ("/elsewhere", 404)):
            assert over_http(address, "POST", path, b" " * 24_000_000)[0] == status
            assert over_http(address, "POST", path, (b" " * 100_000 for _ in range(60)))[0] in (411, 404)  # in chunks


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"BREW /pot HTTP/1.0\r\n\r\n", 501),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n", 414),
        (b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (POST + b"\r\n{}", 411),
        (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 411),
        (POST + b"Content-Length: many\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b'Content-Length: 99\r\n\r\n{"inputs": [[1, 2, 3, 4]]}', 400),  # cut off
        (POST + b"Content-Length: 999999999999\r\n\r\n{}", 413),  # refused unread
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400)
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_and_changes_nothing(url, data, status):
    answer = raw(url, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0] and json.loads(body)["error"]
    assert over_http(url)[0] == 200


@pytest.mark.parametrize("data", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\xfc\x03\r\n\r\n"])  # as TLS begins
def test_what_is_no_http_at_all_gets_a_sentence(url, data):
    assert json.loads(raw(url, data))["error"].startswith("Bad request syntax")


def test_who_hangs_up_or_sends_nothing_does_no_harm(url, monkeypatch, capfd):
    assert 0 < Handler.timeout < 60
    monkeypatch.setattr(Handler, "timeout", 0.1)
    address = urlparse(url).netloc.split(":")
    start = b"POST /predict HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    for data in (b"", start):
        with socket.create_connection(address, timeout=10) as silent:
            silent.sendall(data)
            assert silent.recv(1) == b""  # after its patience the server closes
    with socket.create_connection(address) as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # closing resets
        rude.sendall(start)
    assert over_http(url)[0] == 200
    assert capfd.readouterr().err == ""


def test_after_the_block_nothing_listens():
    with served(classifier()) as address:
        assert over_http(address)[0] == 200
    with pytest.raises(ConnectionRefusedError):
        over_http(address)
    assert not [t for t in threading.enumerate() if "process_request_thread" in t.name]


def test_closing_waits_for_what_has_begun_and_forgets_who_has_gone():
    server = Server(Service(classifier()), port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    question = json.dumps({"inputs": X[:1].tolist()}).encode()
    socket.create_connection(server.server_address).close()
    with socket.create_connection(server.server_address, timeout=10) as begun:
        begun.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(question) + question[:9])
        assert over_http(server.url)[0] == 200  # so those before were let in
        until = time.perf_counter() + 10
        while server.silent and time.perf_counter() < until:
            time.sleep(0.001)
        assert not server.silent
        rest = threading.Timer(0.1, begun.sendall, [question[9:]])
        rest.start()
        server.shutdown()
        server.server_close()
        assert (server.service.record.requests, server.service.record.errors) == (1, 0)
    rest.join()
    thread.join()


def test_nobody_who_asks_nothing_is_waited_for():
    """Browsers connect before they have a question."""
    with served(classifier()) as address:
        silent = socket.create_connection(urlparse(address).netloc.split(":"), timeout=10)
        assert over_http(address)[0] == 200  # so the silent one is in the house
        start = time.perf_counter()
    with silent:
        assert silent.recv(1) == b""
    assert time.perf_counter() - start < Handler.timeout / 2


def test_a_port_that_is_taken_is_told(url):
    with pytest.raises(OSError, match=r"serve cannot listen at 127\.0\.0\.1:\d+: "):
        serve(classifier(), port=urlparse(url).port)


PROGRAM = """
import signal
import minidl as md
from minidl.serving import serve
signal.signal(signal.SIGINT, signal.default_int_handler)
serve(md.Sequential([md.layers.Dense(1, input_shape=(2,))]), port=0)
print("and on")
"""


def test_ctrl_c_ends_it_cleanly():
    with subprocess.Popen(
        [sys.executable, "-W", "default", "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as p:
        first = p.stdout.readline()
        address = first.split(" at ")[1].split()[0]
        assert first.startswith("Serving 'sequential' at http://127.0.0.1:")
        assert over_http(address, "POST", "/predict", b'{"inputs": [[1, 2]]}')[0] == 200
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
    assert out.splitlines() == ["Answered 1 questions, 0 of them with an error.", "and on"]
    assert err == "" and p.returncode == 0
