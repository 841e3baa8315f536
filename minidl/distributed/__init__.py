"""Many workers: one model trained by several processes, on one machine or many (D.T8).

=====================  ================================================================================================
``communicator.py``    how workers speak: seven of mpi4py's methods; ``world`` is all processes of ``mpiexec``
``local.py``           ``run``: workers that are threads of this program, for notebooks and tests
``allreduce.py``       ``ring_allreduce``: the sum of all workers' arrays without a server (D3.E4)
``data_parallel.py``   ``DataParallel``: each worker a part of each batch, gradients averaged (D3.E3 without a server)
``fitting.py``         the same within ``fit``
``server.py``          ``serve`` and ``Worker``: a parameter server, synchronous (D3.E3) or asynchronous (D3.E5)
``pipeline.py``        ``Pipeline``: each worker some of the layers
``samples.py``         which samples of a batch are whose
``streams.py``         random numbers: alike where workers must agree, different where they must not
``vector.py``          a model's weights as one vector
=====================  ================================================================================================

The same function trains with threads of this program, ``run(4, train)``, or with four processes: in a file it ends in
``train(world())``, and is started by ``mpiexec -n 4 python -m mpi4py train.py``.

>>> import minidl as md, numpy as np
>>> from minidl.distributed import DataParallel, run
>>> x = np.linspace(-1, 1, 24)[:, None]
>>> def train(comm):
...     model = md.Sequential([md.layers.Dense(1, input_shape=(1,))])
...     optimizer = md.optimizers.SGD(model.parameters(), learning_rate=0.5)
...     parallel = DataParallel(comm, model)
...     for step in range(50):
...         optimizer.zero_grad()
...         parallel.backward(x, 3 * x + 1, "mse")
...         optimizer.step()
...     return model.get_weights()[0].round(3).tolist()
>>> run(4, train)
[[[3.0]], [[3.0]], [[3.0]], [[3.0]]]
"""

from minidl.distributed.allreduce import ring_allreduce
from minidl.distributed.communicator import Communicator, world
from minidl.distributed.data_parallel import DataParallel
from minidl.distributed.local import run
from minidl.distributed.pipeline import Pipeline
from minidl.distributed.server import Worker, serve

__all__ = ["run", "world", "Communicator", "ring_allreduce", "DataParallel", "serve", "Worker", "Pipeline"]
