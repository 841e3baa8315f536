"""Text as numbers: words become indices (``Tokenizer``), texts become rows of one length (``pad_sequences``): D2.P1.

Both behave as Keras' classes of the same names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minidl.errors import describe, unknown_name
from minidl.settings import check_flag, check_whole

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


class Tokenizer:
    """Words by their frequency: index 1 is the most frequent word, 2 the next; 0 is left free for padding.

    Parameters
    ----------
    num_words : int, optional
        Only indices below this are used: the ``num_words − 1`` most frequent words. Others are left out of a sequence,
        or stand in it as ``oov_token``.
    filters : str
        Characters that are read as if they were ``split``; all punctuation but the apostrophe.
    lower : bool
        Read "The" as "the".
    split : str
        What stands between words.
    char_level : bool
        Take single characters for words. ``filters`` then has no effect.
    oov_token : str, optional
        A word, with index 1, that stands for all that are out of the vocabulary. (In Keras one that is itself found in
        the texts gets a second index, which is larger than ``len(word_index)``.)

    Attributes
    ----------
    word_index, index_word : dict
        {word: index} of *all* words that were seen, whatever ``num_words``, and the reverse.
    word_counts : dict
        {word: how often it stands in the texts}, in the order in which they were first seen.
    word_docs : dict
        {word: in how many texts it stands}.
    document_count : int

    Notes
    -----
    Words of equal frequency are in the order in which they were first seen. A text may be a list of words, which is
    then taken as it is. The vocabulary of an ``Embedding`` is ``num_words``, or ``len(word_index) + 1``.

    Examples
    --------
    >>> texts = ["I love broccoli, I do", "I hate broccoli"]
    >>> tokenizer = Tokenizer(num_words=4)
    >>> tokenizer.fit_on_texts(texts)
    >>> tokenizer.word_index
    {'i': 1, 'broccoli': 2, 'love': 3, 'do': 4, 'hate': 5}
    >>> tokenizer.texts_to_sequences(texts)
    [[1, 3, 2, 1], [1, 2]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
    ):
        if num_words is not None:
            check_whole("Tokenizer", "num_words", num_words)
        check_flag("Tokenizer", "lower", lower)
        check_flag("Tokenizer", "char_level", char_level)
        filters = filters or ""  # None filters nothing
        for name, words in (("filters", filters), ("split", split or ""), ("oov_token", oov_token or "")):
            if not isinstance(words, str):
                raise TypeError(f"Tokenizer expects {name} as a string, got {describe(words)}.")
        if not split:
            raise ValueError("Tokenizer expects split as at least one character. Use char_level=True for characters.")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.word_counts: Counter[str] = Counter()
        self.word_docs: Counter[str] = Counter()
        self.document_count = 0
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    # --- learning the vocabulary ------------------------------------------------------------------------------------

    def fit_on_texts(self, texts: Iterable[str | Sequence[str]]) -> None:
        """Count the words of these texts, besides those of earlier calls, and number them."""
        counts, docs, documents = Counter(), Counter(), 0  # added when all texts have proved to be texts
        for words in self._split_all("fit_on_texts", texts):
            documents += 1
            counts.update(words)
            docs.update(set(words))
        self.word_counts.update(counts)
        self.word_docs.update(docs)
        self.document_count += documents
        ranked = sorted(self.word_counts, key=self.word_counts.get, reverse=True)  # stable: ties keep their order
        if self.oov_token is not None:
            ranked = [self.oov_token, *(word for word in ranked if word != self.oov_token)]
        self.word_index = {word: i for i, word in enumerate(ranked, start=1)}
        self.index_word = {i: word for word, i in self.word_index.items()}

    def words(self, text: str | Sequence[str]) -> list[str]:
        """The words of one text.

        >>> Tokenizer().words("Call me Ishmael.")
        ['call', 'me', 'ishmael']
        """
        if not isinstance(text, str):
            return [word.lower() if self.lower else word for word in text]
        if self.lower:
            text = text.lower()
        if self.char_level:
            return list(text)
        text = text.translate(str.maketrans(dict.fromkeys(self.filters, self.split)))
        return [word for word in text.split(self.split) if word]

    # --- there and back ---------------------------------------------------------------------------------------------

    def texts_to_sequences(self, texts: Iterable[str | Sequence[str]]) -> list[list[int]]:
        """The indices of each text's words; unknown words are left out, or become the index of ``oov_token``."""
        if not self.word_index:
            raise ValueError("texts_to_sequences knows no words yet: call fit_on_texts(texts) first.")
        return [
            [i for word in words if (i := self._index(word)) is not None]
            for words in self._split_all("texts_to_sequences", texts)
        ]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each sequence with spaces between them; indices without a word (0, padding) are left out.

        With an ``oov_token``, as in Keras, they appear as that, the padding too.
        """
        texts = []
        for sequence in _listed("sequences_to_texts", "sequences of indices", sequences):
            indices = _listed("sequences_to_texts", "sequences of indices", sequence)
            words = [self._word(check_whole("sequences_to_texts", "indices", i, lowest=0)) for i in indices]
            texts.append(" ".join(word for word in words if word is not None))
        return texts

    def texts_to_matrix(self, texts: Iterable[str | Sequence[str]], mode: str = "binary") -> np.ndarray:
        """One row for each text, one column for each index: texts as bags of words."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """How much each word counts in each sequence: the α of D1.E2.

        Parameters
        ----------
        sequences : lists of indices, N of them
        mode : {"binary", "count", "freq", "tfidf"}
            1; n, how often the word stands there; n / length; (1 + ln n) ln(1 + documents / (1 + those with the word)).

        Returns
        -------
        array (N, V), float64
            V is ``num_words``, or ``len(word_index) + 1``.
        """
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES)
        if not self.num_words and not self.word_index:
            raise ValueError("sequences_to_matrix needs the size of the vocabulary: give num_words, or fit_on_texts.")
        sequences = list(_listed("sequences_to_matrix", "sequences of indices", sequences))
        V = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), V))
        for row, sequence in zip(matrix, sequences):
            for i, n in Counter(_listed("sequences_to_matrix", "sequences of indices", sequence)).items():
                if check_whole("sequences_to_matrix", "indices", i, lowest=0) < V:
                    row[i] = MODES[mode](self, i, n, len(sequence))
        return matrix

    # --- inside -----------------------------------------------------------------------------------------------------

    def _split_all(self, who: str, texts: Any) -> Iterator[list[str]]:
        if isinstance(texts, str):
            raise TypeError(f"{who} expects a list of texts, got one text. Write {who}([text]).")
        for text in _listed(who, "texts", texts):
            words = [text] if isinstance(text, str) else text
            if not isinstance(words, (list, tuple)):
                raise TypeError(f"{who} expects texts (or lists of words), got {describe(text)}.")
            for word in words:
                if not isinstance(word, str):
                    raise TypeError(f"{who} expects texts (or lists of words), got {describe(word)} among the words.")
            yield self.words(text)

    def _in_use(self, i: int | None) -> bool:
        return i is not None and not (self.num_words and i >= self.num_words)

    def _index(self, word: str) -> int | None:
        i = self.word_index.get(word)
        return i if self._in_use(i) else self.word_index.get(self.oov_token)

    def _word(self, i: int) -> str | None:
        return self.index_word[i] if i in self.index_word and self._in_use(i) else self.oov_token

    def _inverse_frequency(self, i: int) -> float:
        return float(np.log(1 + self.document_count / (1 + self.word_docs[self.index_word.get(i)])))


MODES = {
    "binary": lambda tokenizer, i, n, length: 1,
    "count": lambda tokenizer, i, n, length: n,
    "freq": lambda tokenizer, i, n, length: n / length,
    "tfidf": lambda tokenizer, i, n, length: (1 + np.log(n)) * tokenizer._inverse_frequency(i),
}


def _listed(who: str, what: str, items: Any) -> Any:
    """The items, or an error where there is a single one of something else."""
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TypeError(f"{who} expects {what}, got {describe(items)}.")
    return items


def pad_sequences(
    sequences: Sequence[Sequence[Any]],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array, the short ones filled up, the long ones cut.

    Parameters
    ----------
    sequences : N sequences of numbers (or of arrays of one shape)
    maxlen : int, optional
        T; the longest sequence's length by default.
    dtype
        Of the result. Numbers with decimals lose them unless it is a floating type.
    padding : {"pre", "post"}
        Where ``value`` is filled in: before, so that the last step is always a word, or after.
    truncating : {"pre", "post"}
        Which end of a long sequence is cut off.
    value : float

    Returns
    -------
    array (N, T, ...)

    Raises
    ------
    ValueError
        The items of the sequences differ in shape.
    TypeError
        An item of ``sequences`` is no sequence, or not of numbers.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences expects {name} 'pre' or 'post', got {side!r}.")
    if maxlen is not None:
        check_whole("pad_sequences", "maxlen", maxlen)
    sequences = list(sequences) if isinstance(sequences, Iterable) else [sequences]
    for sequence in sequences:
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            hint = "Use Tokenizer.texts_to_sequences first." if isinstance(sequence, str) else "Write [sequence]?"
            raise TypeError(f"pad_sequences expects a list of sequences of numbers, got {sequence!r} in it.\n{hint}")
    T = maxlen or max(map(len, sequences), default=0)
    item = next((np.shape(s)[1:] for s in sequences if len(s)), ())  # the shape of one step
    try:
        padded = np.full((len(sequences), T, *item), in_range(value, dtype), dtype)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"pad_sequences expects a value of its dtype, got {value!r} for {dtype!r}.") from None
    for row, sequence in zip(padded, sequences):
        if not len(sequence):
            continue
        kept = as_numbers(sequence[-T:] if truncating == "pre" else sequence[:T], dtype)
        if kept.shape[1:] != item:
            raise ValueError(f"pad_sequences expects steps of one shape, got {item} and {kept.shape[1:]}.")
        if padding == "pre":
            row[T - len(kept) :] = kept
        else:
            row[: len(kept)] = kept
    return padded


def as_numbers(sequence: Any, dtype: Any) -> np.ndarray:
    """A sequence as an array of this dtype; words and numbers too large for it are refused."""
    try:
        return np.asarray(in_range(sequence, dtype), dtype)
    except (TypeError, ValueError, OverflowError) as error:
        words = any(isinstance(item, str) for item in sequence)
        hint = "Use Tokenizer.texts_to_sequences first." if words else str(error)
        kind = TypeError if words or isinstance(error, TypeError) else ValueError
        raise kind(
            f"pad_sequences expects sequences of {np.dtype(dtype)} numbers, got {describe(sequence)}.\n{hint}"
        ) from None


def in_range(numbers: Any, dtype: Any) -> np.ndarray:
    """The numbers as they come, after a look at whether they fit: NumPy wraps those of an array in silence.

    >>> in_range(np.array([7, 300]), "uint8")
    Traceback (most recent call last):
    ValueError: not all of the numbers lie from 0 to 255
    """
    a = np.asarray(numbers)
    if a.size and a.dtype.kind in "iuf" and np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        if not (a.min() > limits.min - 1 and a.max() < limits.max + 1):  # NaN is not either
            raise ValueError(f"not all of the numbers lie from {limits.min} to {limits.max}")
    return a
