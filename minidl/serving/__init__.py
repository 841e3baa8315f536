"""Into service: a trained model behind an address, on other devices, and under observation (D.T10).

=======================  ==========================================================================
``service.py``           ``Service``: what may be asked, and what is answered
``server.py``            ``serve``, ``served``: the same over HTTP
``latency.py``           ``percentile``, and how long answers took
``calibration.py``       ``reliability``, ``expected_calibration_error``, ``fit_temperature``
``drift.py``             ``population_stability_index``, ``ks_statistic``: of one feature
``monitor.py``           ``DriftMonitor``: what a service sees against what its model was trained on
``export.py``            ``export_onnx``: a model as a file for other runtimes
``onnx_table.py``        the table: which layer becomes which of ONNX's operators
``onnx_activations.py``  the rows of activations
``onnx_recurrent.py``    the rows of recurrent layers
``onnx_graph.py``        nodes, weights, and images that lie the other way
=======================  ==========================================================================

>>> import json, minidl as md
>>> from urllib.request import Request, urlopen
>>> model = md.Sequential([md.layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
>>> with served(model) as url:                        # serve(model, port=8000) stays until Ctrl-C
...     question = json.dumps({"inputs": [[1, 2], [3, 4]]}).encode()
...     json.load(urlopen(Request(url + "/predict", question, {"Content-Type": "application/json"})))
{'outputs': [[3.0], [7.0]]}
"""

from minidl.serving.calibration import Reliability, expected_calibration_error, fit_temperature, reliability
from minidl.serving.drift import ks_statistic, population_stability_index
from minidl.serving.export import export_onnx
from minidl.serving.latency import percentile
from minidl.serving.monitor import Drift, DriftMonitor
from minidl.serving.server import serve, served
from minidl.serving.service import Service

__all__ = [
    "serve", "served", "Service", "percentile",
    "reliability", "Reliability", "expected_calibration_error", "fit_temperature",
    "ks_statistic", "population_stability_index", "DriftMonitor", "Drift",
    "export_onnx",
]  # fmt: skip
