"""Whole programs on the shipped data, each one short file: ``python -m minidl --model NAME`` runs them.

Every file defines the same names, in the order in which they are used:

============================================= =======================================================================
``TITLE``, ``EPOCHS``                         a few words on the network, and how many epochs it is trained
``data()``                                    (x, y) for training, for watching it, and for the judgement at the end
``describe(train, validation, test)``         one line: how much there is of what
``build()``                                   the network, not compiled yet
``loss()``                                    what is to become small
``point_to_check(x, y, rng)``                 a few samples, where the gradients are judged before training
``batches(x, y, device)``                     those of an epoch: mostly a ``DataLoader``
``prepare(model, epochs, steps)``             ``compile``: optimizer, loss, metrics
``fit(model, train, validation, epochs,       in a few examples, instead of these two: a loop of their own; returns the
device)``                                     ``History``
``judge(model, test)``                        prints how good the model is; returns what ``draw`` needs
``draw(model, history, test, result)``        one picture, a matplotlib Figure
============================================= =======================================================================

In place of ``batches`` and ``prepare`` there may be ``fit(model, train, validation, epochs, device)``, a training of
its own that returns the history. Examples of one kind of data share theirs: ``digits``, ``reviews``.
"""
