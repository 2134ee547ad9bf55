"""Tagger.load(path).tag(texts): comments in, tags out, one encoder pass for all heads."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.admission import MAX_CHARS, UNREAD, checked, reason_for
from models.bundle import GRAPH, TOKENIZER, Bundle
from models.calibration import DEFAULT_THRESHOLD
from models.decode import (
    Probabilities,
    Scores,
    clause_places,
    emotions_of,
    evidence_of,
    label_sentiments,
    loyalty_of,
    probabilities,
    satisfaction_of,
    without_opinion,
)
from models.engine import Engine, Ids
from models.errors import BundleCorrupt
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Evidence, LabelTag, Reason, Tags
from models.taxonomy import Taxonomy
from models.text.clauses import clauses
from models.text.normalise import normalise
from models.windows import Window, WindowReader, by_length

RELEASED: Final = Path(__file__).parent / "bundles" / "huiyin-zh-1"
TOKENS_PER_BATCH: Final = 512
"""Padded tokens of one run: larger batches left the caches and were slower (benchmarks/RESULTS.md)."""
COMMENTS_PER_ROUND: Final = 512
"""Comments sorted by length together."""
CHARACTERS_PER_ROUND: Final = 200_000
"""Characters of one round, unless one comment has more; bounds the memory that scores take."""

Value = TypeVar("Value")


class Tagger:
    """Tags comments with a bundle. Safe to call from several threads; one call uses every core.

    threads: how many the encoder uses; one per core by default.

    Raises:
        BundleCorrupt: the bundle's parts are those of its manifest, but do not fit each other.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        self.bundle = bundle
        self._engine = Engine(bundle.folder / GRAPH, threads=threads)
        tokenizer = _tokenizer(bundle.folder / TOKENIZER)
        _check_fit(bundle, self._engine, tokenizer)
        self._reader = WindowReader(tokenizer, window=bundle.reading.window, overlap=bundle.reading.overlap)
        self._labels = (*bundle.touchpoints, *bundle.dimensions)
        size = max(TOKENS_PER_BATCH, bundle.reading.window)
        self._ids, self._mask = np.empty(size, np.int32), np.empty(size, np.int32)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | str | None = None, *, threads: int | None = None) -> "Tagger":
        """Load a bundle; None is the released one.

        Raises:
            BundleError: the bundle is missing, changed or of a newer format.
        """
        return cls(Bundle.load(RELEASED if path is None else Path(path)), threads=threads)

    @property
    def identity(self) -> str:
        """Name and first 12 hex digits of the manifest's hash."""
        return self.bundle.identity

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that the tags use."""
        return self.bundle.taxonomy

    def tag(self, texts: Sequence[str]) -> list[Tags]:
        """The tags of each text, in order; equal texts get equal tags, alone or in any batch.

        Never fails on a text: what cannot be believed comes back `uncertain` with a `reason`.

        Raises:
            InputError: `texts` is a single string or holds something that is not a string.
        """
        return [tags for some in _rounds(checked(texts)) for tags in self._tag_round(some)]

    def scores(self, texts: Sequence[str]) -> list[list[Scores]]:
        """What the network says of each text, window by window, before calibration."""
        windows = self._reader.read([text[:MAX_CHARS] for text in texts])
        return _by_comment(windows, self._run(windows), len(texts))

    def probabilities(self, texts: Sequence[str]) -> list[Probabilities]:
        """Calibrated probabilities of every label, e.g. to choose what an analyst should look at next."""
        return [self._joined(windows) for windows in self.scores(texts)]

    def _tag_round(self, texts: Sequence[str]) -> Iterator[Tags]:
        normalised = [normalise(text[:MAX_CHARS]) for text in texts]
        reasons = [reason_for(text, read.text) for text, read in zip(texts, normalised, strict=True)]
        asked = [place for place, reason in enumerate(reasons) if reason not in UNREAD]
        windows = self._reader.read_normalised([normalised[place] for place in asked])
        scores = _by_comment(windows, self._run(windows), len(asked))
        grouped = _by_comment(windows, windows, len(asked))
        answers = iter(zip(grouped, scores, strict=True))
        for text, reason in zip(texts, reasons, strict=True):
            if reason in UNREAD:
                yield self._unread(reason)
            else:
                yield self._decode(text[:MAX_CHARS], reason, *next(answers))

    def _run(self, windows: Sequence[Window]) -> list[Scores]:
        found: dict[int, Scores] = {}
        for batch in by_length(windows, tokens=TOKENS_PER_BATCH):
            with self._lock:
                outputs = self._engine.run(*self._padded([windows[place].ids for place in batch]))
            for row, place in enumerate(batch):
                labels, emotion, satisfaction, loyalty, attention = (output[row] for output in outputs)
                shown = attention[:, : len(windows[place].ids)]
                found[place] = Scores(labels, emotion, satisfaction, loyalty, shown)
        return [found[place] for place in range(len(windows))]

    def _padded(self, sequences: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
        """Ids and mask in buffers that every batch reuses. Shape of both: (batch, tokens)."""
        width = max(len(sequence) for sequence in sequences)
        ids = self._ids[: len(sequences) * width].reshape(len(sequences), width)
        mask = self._mask[: len(sequences) * width].reshape(len(sequences), width)
        ids.fill(self._reader.pad)
        mask.fill(0)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        return ids, mask

    def _joined(self, windows: Sequence[Scores]) -> Probabilities:
        return probabilities(windows, self.bundle.calibration, touchpoints=len(self.bundle.touchpoints))

    def _decode(
        self, text: str, reason: Reason | None, windows: Sequence[Window], scores: Sequence[Scores]
    ) -> Tags:
        joined = self._joined(scores)
        calibration = self.bundle.calibration
        sentiment, satisfaction, confidence = satisfaction_of(joined.satisfaction)
        loyalty, loyalty_confidence = loyalty_of(joined.loyalty)
        touchpoints, servqual = self._labels_of(text, joined, windows, scores)
        if reason is None and confidence < calibration.believed:
            reason = "low_confidence"
        tags = Tags(
            sentiment=sentiment,
            satisfaction=satisfaction,
            loyalty=loyalty,
            emotions=emotions_of(joined.emotion, calibration),
            touchpoints=touchpoints,
            servqual=servqual,
            sentiment_confidence=round(confidence, 4),
            loyalty_confidence=loyalty_confidence,
            uncertain=reason is not None,
            reason=reason,
            model=self.identity,
            taxonomy=self.taxonomy.version,
        )
        return _plain(tags) if without_opinion(tags) else tags

    def _labels_of(
        self, text: str, joined: Probabilities, windows: Sequence[Window], scores: Sequence[Scores]
    ) -> tuple[tuple[LabelTag, ...], tuple[LabelTag, ...]]:
        """Touchpoints (without the general verdict) and dimensions, each with its evidence."""
        words = _Words(text, windows, scores, joined)
        found: tuple[list[LabelTag], list[LabelTag]] = ([], [])
        for label, sentiment, confidence in label_sentiments(
            joined.labels, self._labels, self.bundle.calibration
        ):
            if self._labels[label] == self.taxonomy.overall.id:
                continue
            evidence, *more = words.of(label, mixed=sentiment == "neutral")
            axis = found[label >= len(self.bundle.touchpoints)]
            axis.append(LabelTag(self._labels[label], sentiment, round(confidence, 4), evidence, tuple(more)))
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


class _Words:
    """Finds the words of one comment that carry its labels; what labels share is worked out once."""

    def __init__(
        self, text: str, windows: Sequence[Window], scores: Sequence[Scores], joined: Probabilities
    ) -> None:
        self._text, self._windows, self._scores, self._joined = text, windows, scores, joined
        self._clauses = clauses(text) or [(0, len(text))]
        self._places: dict[int, NDArray[np.int64]] = {}

    def of(self, label: int, *, mixed: bool) -> list[Evidence]:
        """The strongest clause, then the further ones of a mixed label, from every window that shows it."""
        best = int(self._joined.window[label])
        found = self._in_window(best, label, mixed=mixed)
        if mixed:
            shown = np.flatnonzero(self._joined.presence[:, label] >= DEFAULT_THRESHOLD).tolist()
            found += [self._in_window(window, label, mixed=False)[0] for window in shown if window != best]
        # Windows overlap, so two may show the same clause.
        return list(dict.fromkeys(found))

    def _in_window(self, window: int, label: int, *, mixed: bool) -> list[Evidence]:
        if window not in self._places:
            self._places[window] = clause_places(self._windows[window].spans, self._clauses)
        attention = self._scores[window].attention[label]
        best, more = evidence_of(attention, self._places[window], self._clauses, self._text, mixed=mixed)
        return [best, *more]


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises Exception itself, nothing narrower
        raise BundleCorrupt(f"{path}: tokenizers cannot read it: {error}; install the model again") from error


def _check_fit(bundle: Bundle, engine: Engine, tokenizer: Tokenizer) -> None:
    """A bundle by another hand may name every byte rightly and still hold parts of different models."""
    labels = len(bundle.touchpoints) + len(bundle.dimensions)
    needed = (
        ("labels", (labels, 1 + len(SENTIMENTS))),
        ("emotion", (len(EMOTIONS),)),
        ("satisfaction", (5,)),
        ("loyalty", (len(LOYALTIES),)),
        ("attention", (labels,)),
    )
    for name, sizes in needed:
        found = engine.sizes[name][1 : 1 + len(sizes)]
        if found != sizes:
            raise BundleCorrupt(
                f"{bundle.folder / GRAPH}: the output {name} has the sizes {found}; its heads need "
                f"{sizes}; install the model again"
            )
    pieces, rows = tokenizer.get_vocab_size(), bundle.encoder["vocab_size"]
    if pieces > rows:
        raise BundleCorrupt(
            f"{bundle.folder / TOKENIZER}: it has {pieces:,} pieces; the encoder knows {rows:,}; "
            "install the model again"
        )


def _rounds(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Stretches of the texts that are tagged together."""
    start = characters = 0
    for place, text in enumerate(texts):
        size = min(len(text), MAX_CHARS)
        full = place - start == COMMENTS_PER_ROUND or characters + size > CHARACTERS_PER_ROUND
        if full and place > start:
            yield texts[start:place]
            start, characters = place, 0
        characters += size
    if start < len(texts):
        yield texts[start:]


def _plain(tags: Tags) -> Tags:
    """Without an opinion the satisfaction is 3.0 exactly, and calm is no emotion worth listing."""
    emotions = tuple(tag for tag in tags.emotions if tag.id != "neutral")
    return replace(tags, satisfaction=3.0, emotions=emotions)


def _by_comment(windows: Sequence[Window], values: Sequence[Value], comments: int) -> list[list[Value]]:
    """One value per window, grouped by the windows' comments."""
    grouped: list[list[Value]] = [[] for _ in range(comments)]
    for window, value in zip(windows, values, strict=True):
        grouped[window.comment].append(value)
    return grouped
