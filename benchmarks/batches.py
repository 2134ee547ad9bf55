"""Comments as the padded batches that the tagger makes of them, to run its graph without the tagger."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from models.bundle import TOKENIZER, Bundle
from models.engine import Ids
from models.tagger import COMMENTS_PER_ROUND
from models.windows import Window, WindowReader, by_length


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of like length. places: where they stood in their list. Shape of ids, mask: (batch, tokens)."""

    places: Sequence[int]
    ids: Ids
    mask: Ids

    @property
    def tokens(self) -> int:
        """Without padding."""
        return int(self.mask.sum())


class Reader:
    """Reads comments with a bundle's tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.bundle = Bundle.load(folder)
        reading = self.bundle.reading
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._reader = WindowReader(tokenizer, window=reading.window, overlap=reading.overlap)

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """The windows of all comments, read in rounds of the tagger's size."""
        rounds = range(0, len(texts), COMMENTS_PER_ROUND)
        return [
            window
            for start in rounds
            for window in self._reader.read(texts[start : start + COMMENTS_PER_ROUND])
        ]

    def batches(self, windows: Sequence[Window], *, budget: int) -> list[Batch]:
        """At most `budget` padded tokens each (one window at least), formed in rounds as the tagger's are."""
        return [
            self._padded(windows, [start + place for place in places])
            for start in range(0, len(windows), COMMENTS_PER_ROUND)
            for places in by_length(windows[start : start + COMMENTS_PER_ROUND], tokens=budget)
        ]

    def alone(self, windows: Sequence[Window]) -> list[Batch]:
        """A batch for each window."""
        return [self._padded(windows, [place]) for place in range(len(windows))]

    def _padded(self, windows: Sequence[Window], places: Sequence[int]) -> Batch:
        sequences = [windows[place].ids for place in places]
        shape = len(sequences), max(map(len, sequences))
        ids, mask = np.full(shape, self._reader.pad, np.int32), np.zeros(shape, np.int32)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        return Batch(places, ids, mask)
