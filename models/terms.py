"""A comment as a linear model reads it: words, pairs of neighbouring words and short strings of characters.

Each occurrence of a term remembers the clause it lies in, so that one reading serves the comment and every
clause of it. Terms are written with a letter in front: `w服务` is a word, `p服务 好` a pair of words and
`c服务` a string of characters.
"""

import logging
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.extras import require
from models.text.clauses import clauses
from models.text.normalise import normalise

LONGEST_STRING: Final = 3
"""Strings of one to so many characters are terms."""
NO_CLAUSE: Final = -1

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """The known terms of a text, one entry per occurrence.

    terms: indices. clause: the clause that holds the occurrence, `NO_CLAUSE` where none holds all of it.
    Shape of both: (occurrences,). clauses: half-open code-point spans of the text, at least one.
    """

    terms: Ints
    clause: Ints
    clauses: tuple[tuple[int, int], ...]

    def rows(self) -> list[Ints]:
        """The terms of the whole text, then those of each clause."""
        order = np.argsort(self.clause, kind="stable")
        starts = np.searchsorted(self.clause[order], np.arange(len(self.clauses)))
        return [self.terms, *np.split(self.terms[order], starts)[1:]]


@dataclass(frozen=True, slots=True)
class TermRows:
    """A sparse matrix of TF-IDF rows, each of length 1 (or 0, for a row without terms).

    columns, values: the entries, row by row. starts: where each row begins and where the last one ends.
    Shapes: (entries,), (entries,), (rows + 1,).
    """

    columns: Ints
    values: Floats
    starts: Ints

    def times(self, weights: Floats, bias: Floats) -> Floats:
        """Scores of every row. Shape: (terms, outputs), (outputs,) -> (rows, outputs).

        A row's scores do not depend on the rows beside it, so a comment scores the same in any batch.
        """
        scores = np.tile(bias, (len(self.starts) - 1, 1))
        for row, (start, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            scores[row] += self.values[start:end] @ weights[self.columns[start:end]]
        return scores


def read(text: str, index: Callable[[str], int | None]) -> Reading:
    """Normalises the text and looks up its terms; `index` gives a term's index, None for an unknown one."""
    normalised = normalise(text)
    spans = tuple(clauses(text)) or ((0, len(text)),)
    lower = normalised.text.lower()
    if len(lower) != len(normalised.text):  # İ becomes two characters: offsets come first
        lower = normalised.text
    clause_of = np.full(len(lower) + 1, NO_CLAUSE)
    for number, (start, end) in enumerate(spans):
        clause_of[bisect_left(normalised.starts, start) : bisect_right(normalised.ends, end)] = number
    found: list[tuple[int, int, int]] = []
    for term, start, end in _terms(lower):
        place = index(term)
        if place is not None:
            found.append((place, start, end - 1))
    places, firsts, lasts = np.array(found, np.int64).reshape(-1, 3).T
    clause = clause_of[firsts]
    clause[clause != clause_of[lasts]] = NO_CLAUSE
    return Reading(places, clause, spans)


def term_rows(rows: Sequence[Ints], idf: Floats) -> TermRows:
    """The TF-IDF rows of texts, each given by the terms that occur in it. Shape of idf: (terms,).

    An entry is (1 + log(occurrences in the row)) * idf, over the length of the row.
    """
    row = np.repeat(np.arange(len(rows)), [len(terms) for terms in rows])
    keys = row * len(idf) + np.concatenate([np.zeros(0, np.int64), *rows])
    entries, occurrences = np.unique(keys, return_counts=True)
    row, columns = np.divmod(entries, max(1, len(idf)))
    values = (1.0 + np.log(occurrences)) * idf[columns]
    lengths = np.sqrt(np.bincount(row, values**2, minlength=len(rows)))
    starts = np.searchsorted(row, np.arange(len(rows) + 1))
    return TermRows(columns, (values / lengths[row]).astype(np.float32), starts)


def inverse_frequency(documents: Iterable[Ints], terms: int) -> Floats:
    """Smoothed inverse document frequency of `terms` terms: log((1 + documents) / (1 + with it)) + 1."""
    with_it, total = np.zeros(terms), 0
    for document in documents:
        with_it[np.unique(document)] += 1
        total += 1
    idf: Floats = (np.log((1 + total) / (1 + with_it)) + 1).astype(np.float32)
    return idf


def _terms(text: str) -> list[tuple[str, int, int]]:
    """Every term of a normalised text with its half-open span."""
    found: list[tuple[str, int, int]] = []
    end = 0
    before: tuple[str, int] | None = None
    for word in _segmenter().cut(text):
        start, end = end, end + len(word)
        if word == " ":
            continue
        found.append((f"w{word}", start, end))
        if before is not None:
            found.append((f"p{before[0]} {word}", before[1], end))
        before = word, start
    for length in range(1, LONGEST_STRING + 1):
        starts = range(len(text) - length + 1)
        found += [(f"c{text[start : start + length]}", start, start + length) for start in starts]
    return found


class _Segmenter:
    """jieba with its own dictionary and nothing else: no cache file, no messages, no words of other code.

    Every process reads the dictionary anew, since jieba's cache is a file in the shared temporary folder,
    which anyone on the machine may have written.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():  # jieba 0.42 imports pkg_resources, which is deprecated
            warnings.simplefilter("ignore")
            jieba = require("jieba", "service")
        logging.getLogger("jieba").setLevel(logging.WARNING)
        tokenizer = jieba.Tokenizer()
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
        tokenizer.initialized = True
        self.cut: Callable[[str], Iterable[str]] = tokenizer.cut
        """The words of a text in order; together they are the text."""


@cache
def _segmenter() -> _Segmenter:
    return _Segmenter()
