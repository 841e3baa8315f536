"""Whole programs on the shipped data, each one short file: ``python -m minidl --model NAME`` runs them.

Each of them defines the same names, in the order in which they are used:

============================================= =======================================================================
``TITLE``, ``EPOCHS``                         a few words on the network, and how many epochs it is trained
``data()``                                    (x, y) for training, for watching it, and for the judgement at the end
``describe(train, validation, test)``         one line: how much there is of what
``build()``                                   the network, not compiled yet
``loss()``                                    what is to become small
``point_to_check(x, y, rng)``                 a few samples, where the gradients are judged before training
``batches(x, y, device)``                     those of an epoch: mostly a ``DataLoader``
``prepare(model, epochs, steps)``             ``compile``: optimizer, loss, metrics
``fit(model, train, validation, epochs,       only in examples that train in a way of their own: in place of these two,
device)``                                     and returns the ``History``
``judge(model, test)``                        prints how good the model is; returns what ``draw`` needs
``draw(model, history, test, result)``        one picture, a matplotlib Figure
============================================= =======================================================================

Examples on one kind of data share what they can: ``digits``, ``reviews``. The parts of ``moby_gpt`` have files of their
own: ``gpt``, ``ngram_embedding``, ``ngrams``, ``moby_picture``.
"""
