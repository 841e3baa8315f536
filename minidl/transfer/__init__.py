"""Transfer: a network that has learnt one task begins the next with what it knows (D.T7).

========================  ==========================================================================
``pytorch.py``            ``from_pytorch``: weights of a PyTorch network for a model of the same layers
``pytorch_table.py``      the table: what each layer's weights are called there, and how they lie
``channels.py``           images with channels last or first, when they are flattened
``minidl/patterns.py``    ``select``, ``drop``, ``rename``: weights by name patterns
========================  ==========================================================================

Pre-train, freeze, fine-tune: take over the body of a trained network, train a new head on it, then thaw the body and
train both with small steps.

>>> import minidl as md, numpy as np
>>> from minidl.layers import Dense
>>> def network(classes):
...     body = md.Sequential([Dense(8, "relu", input_shape=(4,)), Dense(6, "relu")], name="body")
...     return md.Sequential([body, Dense(classes, name="head")])
>>> first, second = network(classes=10), network(classes=3)       # the first was trained, let us say
>>> second.load_state_dict(first.state_dict("body.*"), strict=False)
Loaded(4 loaded; missing: head.kernel; missing: head.bias)
>>> second.get_layer("body").trainable = False                    # frozen: only the head is trained
>>> loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)
>>> second.compile(md.optimizers.Adam(learning_rate=1e-2), loss)
>>> x, y = np.ones((6, 4)), [0, 1, 2, 0, 1, 2]
>>> _ = second.fit(x, y, verbose=0)
>>> np.array_equal(second.state_dict()["body.dense.kernel"], first.state_dict()["body.dense.kernel"])
True
>>> second.get_layer("body").trainable = True                     # thawed; Adam still knows the head
>>> second.optimizer.learning_rate = 1e-4
>>> _ = second.fit(x, y, verbose=0)

A frozen ``BatchNormalization`` uses its moving averages and keeps them, also in training, as in Keras.
"""

from minidl.patterns import drop, rename, select
from minidl.transfer.pytorch import from_pytorch

__all__ = ["select", "drop", "rename", "from_pytorch"]
