"""Keeping what a model is scored on out of what it learns from: near-duplicates of held-out texts.

Copies of a comment travel: pasted reviews, posts shared with a word more, one set quoting another. Two
texts are near-duplicates when at least half of the 8-character grams of either stand in the other too;
texts shorter than that when they are equal. Width, case, spaces and punctuation do not count.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from training.corpus import Comment

GRAM_CHARS: Final = 8
SHARE: Final = 0.5


class NearDuplicates:
    """An inverted index of held-out texts by their grams; building and looking up are linear in the text."""

    def __init__(self, texts: Iterable[str], *, gram_chars: int = GRAM_CHARS, share: float = SHARE) -> None:
        """`share`: of the grams of the text that has fewer, from this part on two texts are the same."""
        if gram_chars < 1 or not 0 < share <= 1:
            raise ValueError(
                f"gram_chars {gram_chars} must be at least 1, share {share} above 0 and at most 1"
            )
        self._gram_chars = gram_chars
        self._share = share
        self._sizes: list[int] = []
        self._texts_of: dict[str, list[int]] = {}
        for number, text in enumerate(texts):
            grams = self._grams(text)
            self._sizes.append(len(grams))
            for gram in grams:
                self._texts_of.setdefault(gram, []).append(number)

    def of(self, text: str) -> list[int]:
        """Positions, in rising order, of the held-out texts that `text` is a near-duplicate of."""
        grams = self._grams(text)
        shared = Counter(number for gram in grams for number in self._texts_of.get(gram, ()))
        return sorted(
            number
            for number, count in shared.items()
            if count >= self._share * min(len(grams), self._sizes[number])
        )

    def _grams(self, text: str) -> set[str]:
        """The grams of the normalised text; a shorter one is a single gram of its own length."""
        plain = _normalised(text)
        last = max(len(plain) - self._gram_chars, 0)
        return {plain[start : start + self._gram_chars] for start in range(last + 1)}


def without_near_duplicates(
    comments: Sequence[Comment],
    held_out: Iterable[str],
    *,
    gram_chars: int = GRAM_CHARS,
    share: float = SHARE,
) -> tuple[list[Comment], int]:
    """The comments that are no near-duplicate of a held-out text, in order, and how many were dropped."""
    index = NearDuplicates(held_out, gram_chars=gram_chars, share=share)
    kept = [comment for comment in comments if not index.of(comment.text)]
    return kept, len(comments) - len(kept)


def _normalised(text: str) -> str:
    """Letters and digits alone, in one width and case; a text without any stays as it is, without spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) or "".join(folded.split())
