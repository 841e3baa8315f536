"""The service (D.T10): right answers; a status and a sentence for every wrong question."""

import json

import fake_cupy
import numpy as np
import pytest
from small_models import X, classifier, two_by_two

import minidl as md
from minidl import layers as L
from minidl.serving import DriftMonitor, Service, percentile, serve
from minidl.serving.latency import Record


def ask(service, inputs):
    return service.answer("POST", "/predict", json.dumps({"inputs": inputs}).encode())


# --- answers --------------------------------------------------------------------------------------------------------


def test_answers_are_the_models_own():
    model = classifier()
    status, answer = ask(Service(model), X.tolist())
    assert status == 200
    np.testing.assert_allclose(answer["outputs"], model.predict(X, verbose=0), rtol=1e-6)


def test_several_inputs_and_outputs_by_name():
    model = two_by_two()
    a, b = [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]
    status, answer = ask(Service(model), {"b": b, "a": a})
    kinds, values = model.predict([np.array(a), np.array(b)], verbose=0)
    assert status == 200 and list(answer["outputs"]) == ["kind", "value"]
    np.testing.assert_allclose(answer["outputs"]["kind"], kinds, rtol=1e-6)
    np.testing.assert_allclose(answer["outputs"]["value"], values, rtol=1e-6)


def test_indices_of_words_and_float64_models_and_sizes_that_vary():
    words = md.Sequential([md.Input(shape=(None,)), L.Embedding(5, 2), L.LSTM(3), L.Dense(1)])
    for T in (2, 6):
        assert np.shape(ask(Service(words), np.ones((3, T), int).tolist())[1]["outputs"]) == (3, 1)
    md.set_default_dtype("float64")
    try:
        model = md.Sequential([L.Dense(1, input_shape=(2,))])
        y = ask(Service(model), [[1e-12, 1.0]])[1]["outputs"]
        np.testing.assert_allclose(y, model.predict(np.array([[1e-12, 1.0]]), verbose=0), rtol=1e-15)
    finally:
        md.set_default_dtype("float32")


def test_a_model_with_a_call_of_its_own_speaks_for_itself():
    class Own(md.Model):
        def __init__(self):
            super().__init__()
            self.out = L.Dense(2)

        def call(self, x):
            return self.out(x)

    model = Own()
    with pytest.raises(ValueError, match="'own' is not built yet"):
        Service(model)
    model(np.ones((1, 3)))
    assert ask(Service(model), [[1, 2, 3]])[0] == 200
    status, answer = ask(Service(model), [[1, 2]])
    assert status == 400 and "'dense' expects 3 features" in answer["error"]


def test_the_model_is_left_as_it_was_and_computes_in_evaluation_mode():
    model = classifier(dropout=0.9).train()
    before, state = model.state_dict(), md.arrays.generator(None).bit_generator.state
    first, second = (ask(Service(model), X.tolist()) for _ in range(2))
    assert first == second and first[0] == 200
    assert model.training and all(p.grad is None and p.requires_grad for p in model.parameters())
    assert md.arrays.generator(None).bit_generator.state == state
    assert all(np.array_equal(before[name], a) for name, a in model.state_dict().items())


def test_on_the_gpu_the_answers_are_the_same():
    model = classifier()
    _, expected = ask(Service(model), X.tolist())
    with fake_cupy.installed():
        model.to("cuda")
        _, answer = ask(Service(model), X.tolist())
    np.testing.assert_allclose(answer["outputs"], expected["outputs"], rtol=1e-6)


def test_pages():
    service = Service(classifier())
    assert service.answer("GET", "/health") == (200, {"status": "ok"})
    _, about = service.answer("GET", "/model")
    assert about["name"] == "sequential" and about["inputs"] == {"input": (None, 4)}
    assert about["summary"][-1] == "67 parameters (268 bytes), all trainable"
    none = {"requests": 0, "errors": 0, "latency_ms": {"p50": None, "p95": None, "p99": None}}
    assert service.answer("GET", "/metrics") == (200, none)
    for question in ([X[0].tolist()], [X[0].tolist()], [[1]]):
        ask(service, question)
    service.answer("GET", "/nowhere")  # no question to the model
    _, metrics = service.answer("GET", "/metrics")
    assert (metrics["requests"], metrics["errors"]) == (3, 1)
    times = metrics["latency_ms"]
    assert 0 < times["p50"] <= times["p95"] == times["p99"] < 10_000


def test_the_monitor_sees_what_was_answered():
    monitor = DriftMonitor(X)
    service = Service(classifier(), monitor=monitor)
    assert service.answer("GET", "/drift") == (200, {"seen": 0})
    ask(service, (X + [0, 0, 3, 0]).tolist())
    ask(service, [[1, 2]])  # refused
    _, drift = service.answer("GET", "/drift")
    assert (drift["seen"], drift["features"], drift["drifted"]) == (50, 4, 1)
    assert drift["worst"][0]["feature"] == "2"
    json.dumps(drift)


# --- questions that will not do -------------------------------------------------------------------------------------

QUESTIONS = {
    b"": (400, "expects JSON, got something else"),
    b"{": (400, "expects JSON, got something else"),
    b"\xff\xfe\x00": (400, "expects JSON, got something else"),
    b"[" * 100_000: (400, "expects JSON, got something else"),
    b"9" * 10_000: (400, "expects JSON, got something else"),
    b"[[1, 2, 3, 4]]": (400, 'expects {"inputs": [...]}, got list.'),
    b'{"input": [[1, 2, 3, 4]]}': (400, "got keys ['input']."),
    b'{"inputs": [[1, 2, 3, 4]], "more": 1}': (400, "got keys ['inputs', 'more']."),
    b'{"inputs": {"x": [[1, 2, 3, 4]]}}': (400, "expects inputs named input, got ['x']."),
    b'{"inputs": [[1, 2, 3]]}': (400, "expects 'input' of shape (None, 4), got (1, 3)."),
    b'{"inputs": [1, 2, 3, 4]}': (400, "got (4,). Is it one sample? Put it into a list."),
    b'{"inputs": [[[1, 2, 3, 4]]]}': (400, "expects 'input' of shape (None, 4), got (1, 1, 4)."),
    b'{"inputs": [[1, 2, 3, 4], [1]]}': (400, "rows of the same length, got ragged ones."),
    b'{"inputs": []}': (400, "a list of at least one sample, got shape (0,)."),
    b'{"inputs": 3}': (400, "a list of at least one sample, got shape ()."),
    b'{"inputs": [[1, 2, 3, NaN]]}': (400, "expects JSON, which has no NaN. Send finite numbers."),
    b'{"inputs": [[1, 2, 3, -Infinity]]}': (400, "expects JSON, which has no -Infinity."),
    b'{"inputs": [[1, 2, 3, 1e999]]}': (400, "numbers that float32 can hold"),
    b'{"inputs": [[1, 2, 3, 1e300]]}': (400, "numbers that float32 can hold"),
    b'{"inputs": [[1, 2, 3, null]]}': (400, "numbers only, got texts, truth values, null or objects."),
    b'{"inputs": [["1", "2", "3", "4"]]}': (400, "numbers only"),
    b'{"inputs": [[true, false, true, true]]}': (400, "numbers only"),
    b'{"inputs": [[1, 2, 3, {}]]}': (400, "numbers only"),
    b'{"inputs": [[1, 2, 3, ' + b"9" * 30 + b"]]}": (400, "numbers only"),  # too long for int64
    b'{"inputs": null}': (400, "numbers only"),
}


@pytest.mark.parametrize("body", QUESTIONS, ids=range(len(QUESTIONS)))
def test_wrong_questions_get_a_status_and_a_sentence(body):
    service = Service(classifier())
    status, words = QUESTIONS[body]
    got, answer = service.answer("POST", "/predict", body)
    assert got == status and answer["error"].startswith("/predict") and words in answer["error"], answer
    assert service.record.report()["errors"] == 1


def test_other_refusals():
    service = Service(classifier(), max_bytes=100)
    assert service.answer("GET", "/predict") == (405, {"error": "/predict expects POST, got GET."})
    assert service.answer("POST", "/health") == (405, {"error": "/health expects GET, got POST."})
    status, answer = service.answer("GET", "/predcit")
    assert status == 404 and "'/predcit' is not known. Known: /predict, /health" in answer["error"]
    assert service.answer("GET", "/drift")[0] == 404
    status, answer = service.answer("POST", "/predict", b"0" * 101)
    assert status == 413 and "at most 100 bytes, got 101. Ask in several parts." in answer["error"]
    two = Service(two_by_two())
    assert "as many samples of each input, got [1, 2]" in ask(two, {"a": [[1, 2]], "b": [[1, 2], [3, 4]]})[1]["error"]
    assert "inputs named a, b, got list" in ask(two, [[1, 2]])[1]["error"]
    words = Service(md.Sequential([L.Embedding(5, 2, input_shape=(3,)), L.Flatten()]))
    status, answer = ask(words, [[1, 2, 7]])
    assert status == 400 and "expects indices 0..4 (input_dim=5), got 1..7" in answer["error"]


def test_a_fault_of_ours_is_500_and_says_nothing_of_the_inside(caplog):
    def secret(x):
        raise RuntimeError("the password is 1234")

    model = md.Sequential([L.Dense(2, input_shape=(2,))])
    model.layers[0].activation = secret
    service = Service(model)
    status, answer = ask(service, [[1, 2]])
    assert status == 500 and "1234" not in answer["error"] and "1234" in caplog.text
    model.layers[0].activation = None
    assert ask(service, [[1, 2]])[0] == 200  # it goes on
    model.layers[0].kernel.data = np.full((2, 2), np.nan, np.float32)
    monitor = service.monitor = DriftMonitor([[1.0, 2.0]])
    assert ask(service, [[1, 2]]) == (500, {"error": "the model's output is NaN or infinite for these inputs."})
    assert monitor.summary() == {"seen": 0}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Service(L.Dense(2)), TypeError, "Service expects a model, got"),
        (lambda: Service(md.Sequential([L.Dense(2)])), ValueError, "'sequential' is not built yet.\nGive it Input"),
        (lambda: Service(classifier(), monitor=X), TypeError, r"monitor as a DriftMonitor, got float32 array"),
        (
            lambda: Service(classifier(), monitor=DriftMonitor(X[:, :3])),
            ValueError,
            r"\(None, 4\), got one of samples \(3,\)",
        ),
        (lambda: Service(two_by_two(), monitor=DriftMonitor(X)), ValueError, "monitor of the model's only input"),
        (lambda: Service(classifier(), max_bytes=0), ValueError, "max_bytes as a positive integer, got 0"),
        (lambda: serve(classifier(), port=-1), ValueError, "port as a whole number from 0 on, got -1"),
        (lambda: serve(classifier(), port=70_000), ValueError, "port up to 65535, got 70000"),
        (lambda: serve(classifier(), host=127), TypeError, "host as an address such as '127.0.0.1', got int 127"),
        (lambda: percentile([], 50), ValueError, "expects times"),
        (lambda: percentile([1], 0), ValueError, r"percentile expects p in \(0, 100\], got 0"),
        (lambda: percentile([1], "95"), TypeError, r"percentile expects p as a number in \(0, 100\], got str"),
    ],
)
def test_wrong_settings_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --- latency --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "value"), [(5, 15), (30, 20), (40, 20), (50, 35), (100, 50), (0.1, 15), (80, 40), (81, 50)]
)
def test_percentiles_by_the_nearest_rank(p, value):
    assert percentile([35, 20, 15, 50, 40], p) == value
    assert percentile(np.array([35, 20, 15, 50, 40]), p) == np.percentile(
        [35, 20, 15, 50, 40], p, method="inverted_cdf"
    )


def test_percentiles_of_a_hundred_times_are_the_whole_numbers():
    assert [percentile(range(1, 101), p) for p in range(1, 101)] == list(range(1, 101))


def test_only_the_last_times_count():
    record = Record(window=3)
    for seconds in (9, 0.001, 0.002, 0.003):
        record.answered(seconds)
    assert record.report() == {"requests": 4, "errors": 0, "latency_ms": {"p50": 2.0, "p95": 3.0, "p99": 3.0}}
