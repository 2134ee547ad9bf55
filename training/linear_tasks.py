"""What the linear baseline learns: examples from the comments and their quotes, and one task per output."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.linear import Outputs
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Sentiment, merged
from models.taxonomy import Taxonomy
from models.terms import Ints, read
from training.corpus import Axis, Comment, Unit

AXES: Final[tuple[Axis, ...]] = ("touchpoints", "servqual")

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Example:
    """A text to learn from: a comment, or one of its quotes with the units that lie inside it.

    terms: an index per occurrence, in the vocabulary of the corpus. comment: its place in the corpus.
    """

    terms: Ints
    comment: int
    units: tuple[Unit, ...]
    is_quote: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One logistic regression: the examples that know the answer, and theirs. Shape of both: (rows,)."""

    column: int
    rows: Ints
    positive: Bools


class Material:
    """The corpus as examples and tasks, with the vocabulary that was met."""

    def __init__(self, comments: Sequence[Comment], taxonomy: Taxonomy) -> None:
        self.comments = comments
        self.outputs = Outputs.of(taxonomy)
        self.vocabulary: dict[str, int] = {}
        self.examples = [*self._whole(), *self._quotes()]
        self.tasks = [*self._presence(taxonomy), *self._sentiment(), *self._whole_comment()]

    def _read(self, text: str) -> Ints:
        return read(text, lambda term: self.vocabulary.setdefault(term, len(self.vocabulary))).terms

    def _whole(self) -> list[Example]:
        return [
            Example(self._read(comment.text), place, comment.units, is_quote=False)
            for place, comment in enumerate(self.comments)
        ]

    def _quotes(self) -> list[Example]:
        """One example for each quoted span; a unit without a quote is quoted by the whole comment."""
        quotes = []
        for place, comment in enumerate(self.comments):
            spans = {_span(unit, comment) for unit in comment.units}
            for start, end in sorted(spans):
                inside = tuple(
                    unit
                    for unit in comment.units
                    if start <= _span(unit, comment)[0] and _span(unit, comment)[1] <= end
                )
                quotes.append(Example(self._read(comment.text[start:end]), place, inside, is_quote=True))
        return quotes

    def _presence(self, taxonomy: Taxonomy) -> list[Task]:
        tasks = []
        for column, label in enumerate(self.outputs.labels):
            axis = AXES[column >= len(taxonomy.touchpoints)]
            rows = [
                row
                for row, one in enumerate(self.examples)
                if label in _known(self.comments[one.comment], axis)
            ]
            positive = [any(_label(unit, axis) == label for unit in self.examples[row].units) for row in rows]
            tasks.append(_task(column, rows, positive))
        return tasks

    def _sentiment(self) -> list[Task]:
        rows = [row for row, example in enumerate(self.examples) if example.is_quote]
        found: list[Sentiment] = [
            merged({unit.sentiment for unit in self.examples[row].units}) for row in rows
        ]
        start = self.outputs.sentiment.start
        return [
            _task(start + place, rows, [one == sentiment for one in found])
            for place, sentiment in enumerate(SENTIMENTS)
        ]

    def _whole_comment(self) -> list[Task]:
        """Emotion, satisfaction and loyalty, from comments whose label admits one value."""
        tasks = []
        golds: tuple[tuple[slice, Sequence[Any], list[Any]], ...] = (
            (self.outputs.emotion, EMOTIONS, [_single(comment.emotion) for comment in self.comments]),
            (
                self.outputs.satisfaction,
                range(1, 6),
                [_single(comment.satisfaction) for comment in self.comments],
            ),
            (self.outputs.loyalty, LOYALTIES, [comment.loyalty for comment in self.comments]),
        )
        for columns, values, gold in golds:
            rows = [row for row, value in enumerate(gold) if value is not None]
            for place, value in enumerate(values):
                tasks.append(_task(columns.start + place, rows, [gold[row] == value for row in rows]))
        return tasks


def _span(unit: Unit, comment: Comment) -> tuple[int, int]:
    return (unit.start, unit.end) if unit.end > unit.start else (0, len(comment.text))


def _label(unit: Unit, axis: Axis) -> str | None:
    return unit.touchpoint if axis == "touchpoints" else unit.dimension


def _known(comment: Comment, axis: Axis) -> frozenset[str]:
    return comment.touchpoints_known if axis == "touchpoints" else comment.dimensions_known


def _single(admitted: frozenset[Any] | None) -> Any:
    return next(iter(admitted)) if admitted is not None and len(admitted) == 1 else None


def _task(column: int, rows: Sequence[int], positive: Sequence[bool]) -> Task:
    return Task(column, np.array(rows, np.int64), np.array(positive, np.bool_))
