"""Einstein's notation: a product of arrays, summed over the letters that the result leaves out.

| op | y | ∂L/∂x |
|---|---|---|
| einsum | "ij,jk->ik": y_ik = Σ_j a_ij b_jk | g in the place of the array: ∂L/∂a by "ik,jk->ij", ∂L/∂b by "ik,ij->jk" |

A sum of products is linear in each of its arrays, so its derivative is again a sum of products, written with the same
letters. Two things need care: a letter that only one array has ("ij->i": every a_ij gets the same g_i), and a letter
that one array has twice ("ii->i": only the diagonal gets any).
"""

import string

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.operators import unwrap
from minidl.ops.shape import broadcast_to, expand_dims


@primitive(np.einsum, broadcasts=True)
def einsum(subscripts, /, *arrays, optimize=True):
    """y = the product of the arrays, their axes named by ``subscripts``, summed over the names that y leaves out.

    Parameters
    ----------
    subscripts : str
        One letter for each axis, a comma between the arrays, then ``->`` and the letters of y. Without ``->`` y has the
        letters that occur once, in alphabetical order. ``...`` stands for any further axes, which broadcast.
    *arrays
        One for each term of ``subscripts``.
    optimize
        As in NumPy. With True, our default, matrix products do the work where they can.

    Raises
    ------
    ValueError
        The letters do not fit the arrays, or one letter stands for two sizes (a size of 1 broadcasts).

    Examples
    --------
    >>> import minidl as md
    >>> a, b = md.Tensor([[1.0, 2.0], [3.0, 4.0]]), md.Tensor([1.0, 10.0])
    >>> md.einsum("ij,j->i", a, b)
    Tensor([21., 43.])
    """
    terms, out = read_subscripts(subscripts, [np.ndim(x) for x in arrays])
    check_sizes(subscripts, terms, [np.shape(x) for x in arrays])
    return array_module(*arrays).einsum(f"{','.join(terms)}->{out}", *arrays, optimize=optimize)


@einsum.joint_rule
def einsum_rule(g, y, subscripts, *arrays, needs, optimize):
    """The gradients of the arrays; the subscripts, first among the inputs, have none."""
    terms, out = read_subscripts(subscripts, [np.ndim(unwrap(x)) for x in arrays])
    dxs = [gradient_of_array(k, g, terms, out, arrays, optimize) if needs[k + 1] else None for k in range(len(arrays))]
    return [None, *dxs]


def gradient_of_array(k, g, terms, out, arrays, optimize):
    """∂L/∂x for the k-th array: the same sum with g in the place of x, and with the letters of x as its result."""
    x = arrays[k]
    letters, pairs = untie(terms[k], unused="".join(terms))  # pairs: letters that x has twice, each with its δ
    xp = array_module(unwrap(x))
    identities = [xp.eye(x.shape[letters.index(i)], dtype=x.dtype) for i, _ in pairs]
    names = [out, *terms[:k], *terms[k + 1 :], *(i + j for i, j in pairs)]
    factors = [g, *arrays[:k], *arrays[k + 1 :], *identities]
    found = "".join(c for c in letters if any(c in name for name in names))  # the axes of x that any factor has
    dx = einsum(f"{','.join(names)}->{found}", *factors, optimize=optimize)
    if found != letters:  # y sums x over the missing axes, on its own: every entry there gets the same gradient
        dx = expand_dims(dx, tuple(axis for axis, c in enumerate(letters) if c not in found))
    shape = tuple(n if m == 1 else m for m, n in zip(dx.shape, x.shape))
    return dx if dx.shape == shape else broadcast_to(dx, shape)


def untie(term, unused):
    """Give a letter that comes twice a second name, and say which names are equal: x_ii = Σ_j x_ij δ_ij.

    >>> untie("iji", unused="ij")
    ('ija', ['ia'])
    """
    letters, pairs = "", []
    for c in term:
        if c in letters:
            fresh = next(f for f in string.ascii_letters if f not in unused + letters)
            pairs.append(c + fresh)
            c = fresh
        letters += c
    return letters, pairs


# --- reading the notation -----------------------------------------------------------------------------------------


def read_subscripts(subscripts, ndims):
    """The letters of each array and those of y, with ``...`` replaced by letters and the letters of y always said.

    >>> read_subscripts("...ij, jk", [3, 2])
    (['aij', 'jk'], 'aik')
    """
    if not isinstance(subscripts, str):
        raise TypeError(f'einsum expects subscripts such as "ij,jk->ik" first, got {type(subscripts).__name__}.')
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {subscripts!r} expects {len(terms)} arrays, got {len(ndims)}.")
    extra = [n - len(term.replace("...", "", 1)) for term, n in zip(terms, ndims)]  # axes under the "..." of each
    for k, (term, n) in enumerate(zip(terms, ndims)):
        if extra[k] < 0 or (extra[k] > 0 and "..." not in term):
            wanted = f"{n - extra[k]} axes" + (" or more" if "..." in term else "")
            raise ValueError(f"einsum {subscripts!r} expects {wanted} for array {k + 1} ({term!r}), got {n}.")
    if not arrow:
        once = sorted(c for c in set(left) - set(".,") if left.count(c) == 1)
        out = ("..." if "..." in left else "") + "".join(once)
    check_letters(subscripts, terms, out)
    names = "".join(c for c in string.ascii_letters if c not in subscripts)[: max(extra)]
    if names and "..." not in out:
        raise ValueError(
            f"einsum {subscripts!r} expects ... also after ->: the arrays have {len(names)} axes under it."
        )
    letters = [term.replace("...", names[len(names) - n :]) for term, n in zip(terms, extra)]
    return letters, out.replace("...", names)


def check_letters(subscripts, terms, out):
    """Refuse what is no letter, and letters of y that no array has, or that y has twice."""
    for term in [*terms, out]:
        if set(term.replace("...", "", 1)) - set(string.ascii_letters):
            raise ValueError(f"einsum {subscripts!r} expects letters and ..., got {term!r}.")
    for c in out.replace("...", ""):
        if out.count(c) > 1 or not any(c in term for term in terms):
            raise ValueError(f"einsum {subscripts!r} expects each letter of y once, and in some array, got {c!r}.")


def check_sizes(subscripts, terms, shapes):
    """Refuse a letter that stands for two sizes, unless one of them is 1, in another array."""
    sizes = {}
    for k, (term, shape) in enumerate(zip(terms, shapes)):
        for c, n in zip(term, shape):
            size, first = sizes.setdefault(c, (n, k))
            if n != size and (first == k or 1 not in (n, size)):
                raise ValueError(
                    f"einsum {subscripts!r} expects one size for each letter, got {size} and {n} for {c!r} "
                    f"(arrays {first + 1} and {k + 1})."
                )
            if size == 1:
                sizes[c] = (n, k)
