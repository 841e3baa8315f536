"""The op table: how each public op, layer and loss is called, and what it must give.

One module here for each module of ops, layers or losses, with ``ROWS``, ``KINKS`` and ``REFUSALS``. The generic tests
(``test_ops.py``, ``test_mutants.py``) run over all of them, so a new op gets all tests by getting a row.
"""

import importlib
import pkgutil
from types import ModuleType

from tests.table.row import Kink, Refusal, Row

MODULES: list[ModuleType] = [
    importlib.import_module(f"tests.table.{found.name}")
    for found in pkgutil.iter_modules(__path__)
    if found.name != "row"
]
ROWS: list[Row] = [row for module in MODULES for row in module.ROWS]
KINKS: list[Kink] = [kink for module in MODULES for kink in module.KINKS]
REFUSALS: list[Refusal] = [refusal for module in MODULES for refusal in module.REFUSALS]
