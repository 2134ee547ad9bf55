"""A comment as token windows, and windows as batches of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer

from models.errors import BundleCorrupt
from models.text.normalise import Normalised, normalise

SPECIALS: Final = (("<s>", "</s>", "<pad>"), ("[CLS]", "[SEP]", "[PAD]"))
"""What begins, ends and fills a sequence: XLM-RoBERTa's family, then BERT's."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one comment, as the network reads it.

    comment: which of the texts. ids: tokens, the special ones included. spans: where each token stands in the
    original text, in code points; empty for special ones.
    """

    comment: int
    ids: list[int]
    spans: list[tuple[int, int]]


class WindowReader:
    """Tokenises comments and cuts those longer than a window into several that overlap.

    window: tokens of a window, special ones included. overlap: tokens that neighbours share.

    Raises:
        BundleCorrupt: the tokenizer has none of the known sets of special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, window: int, overlap: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._content = window - 2
        self._stride = window - 2 - overlap
        self._begin, self._end, self.pad = _special_ids(tokenizer)

    def read(self, texts: Sequence[str]) -> list[Window]:
        """The windows of all texts, comment by comment; an empty text is one window without content."""
        return self.read_normalised([normalise(text) for text in texts])

    def read_normalised(self, texts: Sequence[Normalised]) -> list[Window]:
        """The same for texts that are normalised already; spans lie in the originals."""
        encodings = self._tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False)
        windows: list[Window] = []
        for comment, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            windows += self._cut(comment, text, encoding.ids, encoding.offsets)
        return windows

    def _cut(
        self, comment: int, text: Normalised, ids: list[int], offsets: Sequence[tuple[int, int]]
    ) -> Iterator[Window]:
        spans = [text.original_span(*offset) for offset in offsets]
        # The first start from which a window reaches the last token is the last one needed.
        reached = max(0, len(ids) - self._content)
        for start in range(0, reached + self._stride, self._stride):
            end = start + self._content
            yield Window(
                comment, [self._begin, *ids[start:end], self._end], [(0, 0), *spans[start:end], (0, 0)]
            )


def by_length(windows: Sequence[Window], *, tokens: int) -> Iterator[list[int]]:
    """Places of windows of like length, at most `tokens` padded tokens together (one window at least)."""
    order = sorted(range(len(windows)), key=lambda place: len(windows[place].ids))
    batch: list[int] = []
    for place in order:
        # In rising order the newest window is the longest, so it sets the padding of all.
        if batch and (len(batch) + 1) * len(windows[place].ids) > tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _special_ids(tokenizer: Tokenizer) -> tuple[int, int, int]:
    for names in SPECIALS:
        begin, end, pad = (tokenizer.token_to_id(name) for name in names)
        if begin is not None and end is not None and pad is not None:
            return begin, end, pad
    allowed = " or ".join(" ".join(names) for names in SPECIALS)
    raise BundleCorrupt(
        f"the tokenizer lacks its special tokens; needed are {allowed}; choose such an encoder"
    )
