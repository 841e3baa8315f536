"""Packing: whole numbers of few bits side by side in bytes, and where in a row the few numbers stand that are not 0."""

import numpy as np

GAP_BITS = range(1, 9)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Whole numbers from 0 to 2^bits − 1 in bytes, the highest bit first; the last byte is filled up with 0.

    >>> [f"{byte:08b}" for byte in pack(np.array([1, 7, 0]), bits=3)]
    ['00111100', '00000000']
    """
    digits = np.unpackbits(codes.astype(np.uint8)[:, None], axis=1)  # (n,) → (n, 8), the lowest last
    return np.packbits(digits[:, 8 - bits :])  # (n, bits) → (⌈n bits / 8⌉,)


def unpack(packed: np.ndarray, bits: int, n: int) -> np.ndarray:
    """The n numbers that ``pack`` packed.

    >>> unpack(pack(np.array([1, 7, 0]), bits=3), bits=3, n=3)
    array([1, 7, 0], dtype=uint8)
    """
    digits = np.unpackbits(packed, count=n * bits).reshape(n, bits)
    padded = np.zeros((n, 8), np.uint8)
    padded[:, 8 - bits :] = digits
    return np.packbits(padded, axis=1)[:, 0]  # (n, 8) → (n,)


def packed_size(n: int, bits: int) -> int:
    """Bytes for n numbers."""
    return -(-n * bits // 8)


def gaps_of(positions: np.ndarray, bits: int) -> np.ndarray:
    """Rising positions as gaps d between them, in numbers from 0 to M = 2^bits − 1: d becomes ⌊d / M⌋ M's and d mod M.

    So each number below M says that there is something at the next place, and M that there is nothing in M places.
    Source: Han, Mao & Dally 2016, "Deep compression", section 2 (who fill up long gaps with zeros).

    >>> gaps_of(np.array([0, 1, 4, 13]), bits=2)           # gaps 0, 0, 2 and 8 = 3 + 3 + 2
    array([0, 0, 2, 3, 3, 2])
    """
    M = 2**bits - 1
    d = np.diff(positions, prepend=-1) - 1  # how many zeros before each
    whole, rest = d // M, d % M
    numbers = np.full(len(d) + whole.sum(), M)
    numbers[np.cumsum(whole + 1) - 1] = rest  # behind its own M's and all before
    return numbers


def positions_of(gaps: np.ndarray, bits: int) -> np.ndarray:
    """The positions whose gaps these are.

    >>> positions_of(np.array([0, 0, 2, 3, 3, 2]), bits=2)
    array([ 0,  1,  4, 13])
    """
    M = 2**bits - 1
    something = gaps < M
    ends = np.cumsum(gaps + something, dtype=np.int64)  # places passed after each number
    return ends[something] - 1


def best_gap_bits(positions: np.ndarray) -> int:
    """With how many bits the gaps take least room."""
    d = np.diff(positions, prepend=-1) - 1
    return min(GAP_BITS, key=lambda bits: bits * (len(d) + int((d // (2**bits - 1)).sum())))
