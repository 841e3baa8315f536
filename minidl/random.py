"""``tf.random.set_seed`` for programs written for Keras; elsewhere ``md.seed``.

>>> import minidl as tf
>>> tf.random.set_seed(42)
"""

from minidl.arrays import seed as set_seed

__all__ = ["set_seed"]
