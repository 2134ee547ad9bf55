"""The yardstick: words of jieba and character n-grams, TF-IDF, linear models. Needs the extra `service`.

The same weights score the whole comment and each of its clauses. A label is as present as the mean of the
comment and its best clause says; that clause is the evidence, and with the comment it gives the sentiment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from models.admission import MAX_CHARS, UNREAD, checked, reason_for
from models.decode import emotions_of, label_sentiments, loyalty_of, satisfaction_of, softmax, without_opinion
from models.extras import check
from models.linear import LinearModel
from models.tags import Evidence, LabelTag, Reason, Tags
from models.taxonomy import Taxonomy
from models.terms import Floats, Ints, read, term_rows

check("jieba", "service")

SHIPPED: Final = Path(__file__).parent / "bundles" / "baseline"
_COMMENTS_PER_ROUND: Final = 64


@dataclass(frozen=True, slots=True)
class LinearScores:
    """Scores of one comment. comment: Shape: (outputs,); clauses: (clauses, outputs)."""

    comment: Floats
    clauses: Floats
    spans: tuple[tuple[int, int], ...]

    def presence(self, labels: int) -> Floats:
        """Log-odds that each of the first `labels` outputs is present. Shape: (labels,)."""
        result: Floats = (self.comment[:labels] + self.clauses[:, :labels].max(axis=0)) / 2
        return result

    def best_clauses(self, labels: int) -> Ints:
        """The clause that speaks most of each label. Shape: (labels,)."""
        result: Ints = self.clauses[:, :labels].argmax(axis=0)
        return result

    def sentiment(self, labels: int, columns: slice) -> Floats:
        """Scores of the sentiments of each label, by comment and best clause. Shape: (labels, 3)."""
        result: Floats = self.comment[columns] + self.clauses[self.best_clauses(labels), columns]
        return result


class Baseline:
    """Tags comments with a linear model. Safe to call from several threads."""

    def __init__(self, model: LinearModel) -> None:
        self.model = model
        self._index = {term: place for place, term in enumerate(model.vocabulary)}

    @classmethod
    def load(cls, path: Path | str | None = None) -> "Baseline":
        """Loads a baseline; None is the one that comes with the released bundle.

        Raises:
            BundleError: the baseline is missing, changed or of a newer format.
        """
        return cls(LinearModel.load(SHIPPED if path is None else Path(path)))

    @property
    def identity(self) -> str:
        """Name and first 12 hex digits of the manifest's hash."""
        return self.model.identity

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that the tags use."""
        return self.model.taxonomy

    def tag(self, texts: Sequence[str]) -> list[Tags]:
        """The tags of each text, in order; equal texts get equal tags, alone or in any batch.

        Never fails on a text: what cannot be believed comes back `uncertain` with a `reason`.

        Raises:
            InputError: `texts` is a single string or holds something that is not a string.
        """
        texts = checked(texts)
        reasons = [reason_for(text) for text in texts]
        unread = {place for place, reason in enumerate(reasons) if reason in UNREAD}
        scored = iter(self.scores([text for place, text in enumerate(texts) if place not in unread]))
        return [
            self._unread(reason) if place in unread else self._decode(text, reason, next(scored))
            for place, (text, reason) in enumerate(zip(texts, reasons, strict=True))
        ]

    def scores(self, texts: Sequence[str]) -> Iterator[LinearScores]:
        """What the linear model says of each text and its clauses, in order."""
        for start in range(0, len(texts), _COMMENTS_PER_ROUND):
            chosen = texts[start : start + _COMMENTS_PER_ROUND]
            readings = [read(text[:MAX_CHARS], self._index.get) for text in chosen]
            rows = term_rows([row for reading in readings for row in reading.rows()], self.model.idf)
            scores = rows.times(self.model.weights, self.model.bias)
            first = 0
            for reading in readings:
                end = first + 1 + len(reading.clauses)
                yield LinearScores(scores[first], scores[first + 1 : end], reading.clauses)
                first = end

    def probabilities(self, scores: LinearScores) -> Floats:
        """Absent, negative, neutral, positive for each label. Shape: (labels, 4)."""
        labels = len(self.model.outputs.labels)
        present = 1.0 / (1.0 + np.exp(-scores.presence(labels)[:, None]))
        sentiment = softmax(scores.sentiment(labels, self.model.outputs.sentiment))
        return np.concatenate([1.0 - present, present * sentiment], axis=1).astype(np.float32)

    def _decode(self, text: str, reason: Reason | None, scores: LinearScores) -> Tags:
        outputs, calibration = self.model.outputs, self.model.calibration
        sentiment, satisfaction, confidence = satisfaction_of(softmax(scores.comment[outputs.satisfaction]))
        loyalty, loyalty_confidence = loyalty_of(softmax(scores.comment[outputs.loyalty]))
        touchpoints, servqual = self._labels_of(text, scores)
        if reason is None and confidence < calibration.believed:
            reason = "low_confidence"
        tags = Tags(
            sentiment=sentiment,
            satisfaction=satisfaction,
            loyalty=loyalty,
            emotions=emotions_of(softmax(scores.comment[outputs.emotion]), calibration),
            touchpoints=touchpoints,
            servqual=servqual,
            sentiment_confidence=round(confidence, 4),
            loyalty_confidence=loyalty_confidence,
            uncertain=reason is not None,
            reason=reason,
            model=self.identity,
            taxonomy=self.taxonomy.version,
        )
        if not without_opinion(tags):
            return tags
        calm = tuple(tag for tag in tags.emotions if tag.id != "neutral")
        return replace(tags, satisfaction=3.0, emotions=calm)

    def _labels_of(
        self, text: str, scores: LinearScores
    ) -> tuple[tuple[LabelTag, ...], tuple[LabelTag, ...]]:
        """Touchpoints and dimensions, each with its best clause."""
        labels = self.model.outputs.labels
        best = scores.best_clauses(len(labels))
        found: tuple[list[LabelTag], list[LabelTag]] = ([], [])
        present = label_sentiments(self.probabilities(scores), labels, self.model.calibration)
        for place, sentiment, confidence in present:
            start, end = scores.spans[best[place]]
            evidence = Evidence(start, end, text[start:end])
            axis = found[place >= len(self.taxonomy.touchpoints)]
            axis.append(LabelTag(labels[place], sentiment, round(confidence, 4), evidence))
        return tuple(found[0]), tuple(found[1])

    def _unread(self, reason: Reason | None) -> Tags:
        return Tags(
            sentiment_confidence=0.0,
            loyalty_confidence=0.0,
            uncertain=True,
            reason=reason,
            model=self.identity,
            taxonomy=self.taxonomy.version,
        )
