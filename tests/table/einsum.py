"""Rows for Einstein's notation."""

from itertools import product

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def by_the_book(subscripts):
    """The definition: for each value of all letters, the product of the entries is added to the place that y names."""
    left, out = subscripts.split("->")
    terms = left.split(",")
    letters = sorted(set(left) - {","})

    def reference(*arrays):
        size = {c: max(x.shape[t.index(c)] for t, x in zip(terms, arrays) if c in t) for c in letters}
        y = np.zeros([size[c] for c in out])
        for values in product(*(range(size[c]) for c in letters)):
            value = dict(zip(letters, values))
            entry = 1.0
            for t, x in zip(terms, arrays):
                entry *= x[tuple(value[c] if n > 1 else 0 for c, n in zip(t, x.shape))]
            y[tuple(value[c] for c in out)] += entry
        return y

    return reference


def row(subscripts, *shapes, same_as=None, label="", **settings):
    """``same_as`` says the same in full where ``subscripts`` is abbreviated."""
    return Row(
        "einsum",
        lambda *arrays: md.einsum(subscripts, *arrays, **settings),
        shapes,
        by_the_book(same_as or subscripts),
        label=f"{subscripts} {label}".strip(),
    )


ROWS = [
    row("ij,jk->ik", (2, 3), (3, 4)),
    row("ij,jk->ik", (2, 3), (3, 4), label="unoptimized", optimize=False),
    row("ij,jk->ki", (2, 3), (3, 4)),
    row("i,i->", (3,), (3,)),
    row("i,j->ij", (3,), (2,)),
    row("ij->ji", (2, 3)),
    row("ij,ij->ij", (2, 3), (2, 3)),
    row("bqd,bkd->bqk", (2, 3, 4), (2, 5, 4)),
    row("bhqk,bkhd->bqhd", (2, 2, 3, 4), (2, 4, 2, 5)),
    row("i,ij,j->", (2,), (2, 3), (3,)),
    row("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    # letters that one array alone has are summed there, and its gradient is the same all along them
    row("ij->i", (2, 3)),
    row("ij->", (2, 3)),
    row("ij,k->i", (2, 3), (4,)),
    row("ijk,j->k", (2, 3, 4), (3,)),
    # a letter twice in one array means its diagonal
    row("ii->i", (3, 3)),
    row("ii->", (3, 3)),
    row("iji->j", (2, 3, 2)),
    row("iii->i", (2, 2, 2)),
    row("ii,i->i", (3, 3), (3,)),
    row("iijj,ij->j", (2, 2, 3, 3), (2, 3)),
    row("iij,jj->ij", (2, 2, 3), (3, 3)),
    # without an arrow: what occurs once, in alphabetical order
    row("ij,jk", (2, 3), (3, 4), same_as="ij,jk->ik"),
    row("ba", (2, 3), same_as="ba->ab"),
    row("ii", (3, 3), same_as="ii->"),
    row(" i j , j -> i ", (2, 3), (3,), same_as="ij,j->i"),
    # any further axes
    row("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4), same_as="aij,ajk->aik"),
    row("...ij,jk", (5, 2, 3), (3, 4), same_as="aij,jk->aik"),
    row("...i,...i->...", (2, 4, 3), (4, 3), same_as="abi,bi->ab", label="of different number"),
    row("i...,i...->...", (3, 1, 4), (3, 2, 1), same_as="iab,iab->ab", label="stretched"),
    row("i...->...i", (2, 3, 4), same_as="iab->abi"),
    row("i...", (2, 3), same_as="ia->ai"),
    row("...ii->...i", (2, 3, 3), same_as="aii->ai"),
    row("...,j->...j", (), (3,), same_as=",j->j", label="of none"),
    # sizes 1 and 0, single numbers
    row("ij,jk->ik", (2, 1), (3, 4), label="stretched"),
    row("ij,j->i", (2, 3), (1,), label="stretched"),
    row("ij,j->", (1, 3), (1,), label="stretched"),
    row("ij,jk->ik", (2, 0), (0, 3), label="an empty sum"),
    row("ij->i", (0, 3), label="no rows"),
    row("ij->j", (0, 3)),
    row(",i->i", (), (3,)),
    row("->", ()),
    Row("einsum", lambda a, b: np.einsum("ij,j", a, b), [(2, 3), (3,)], by_the_book("ij,j->i"), "np.einsum"),
]

KINKS = []


def ones(*shape):
    return md.Tensor(np.ones(shape, np.float32), requires_grad=True)


def refuse(match, subscripts, *arrays, error=ValueError):
    return Refusal("einsum", lambda: md.einsum(subscripts, *arrays), error, match)


REFUSALS = [
    refuse(r"^einsum 'ij,jk->ik' expects 2 arrays, got 1", "ij,jk->ik", ones(2, 3)),
    refuse(r"^einsum 'ij->i' expects 2 axes for array 1 \('ij'\), got 3", "ij->i", ones(2, 3, 4)),
    refuse(r"expects 2 axes or more for array 1", "...ij->...", ones(3)),
    refuse(r"one size for each letter, got 3 and 4 for 'j' \(arrays 1 and 2\)", "ij,jk->ik", ones(2, 3), ones(4, 5)),
    refuse(r"got 2 and 3 for 'i' \(arrays 1 and 1\)", "ii->i", ones(2, 3)),
    refuse(r"^einsum", "ii->i", ones(1, 3)),
    refuse(r"^einsum 'ij->k' .*'k'", "ij->k", ones(2, 3)),
    refuse(r"^einsum 'ij->ii' .*'i'", "ij->ii", ones(2, 3)),
    refuse(r"^einsum '\.\.\.i->i'", "...i->i", ones(2, 3)),
    refuse(r"^einsum 'i1->i'", "i1->i", ones(2, 3)),
    refuse(r"^einsum 'i\.\.->i'", "i..->i", ones(2, 3)),
    refuse(r"^einsum expects subscripts such as", ones(2, 3), [0, 1], error=TypeError),
]
