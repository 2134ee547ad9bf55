"""The comments that are measured: the shipped starter corpus or a file, by length."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from benchmarks.errors import BenchmarkError
from training.files import read_texts

STARTER: Final = Path(__file__).resolve().parents[1] / "training" / "starter" / "train.jsonl"
SHORT_TO: Final = 20
"""Characters of the longest comment that is short."""
LONG_FROM: Final = 151
"""Characters of the shortest comment that is long."""

Kind = Literal["short", "typical", "long"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


def load_comments(path: Path) -> list[str]:
    """The texts of a JSON lines file.

    Raises:
        CorpusError: the file is missing or a line has no `text`.
        BenchmarkError: it holds no comment.
    """
    texts = list(read_texts(path))
    if not texts:
        raise BenchmarkError(f'{path} holds no comment; give a file with a line such as {{"text": "不错"}}')
    return texts


def of_kind(texts: Sequence[str], kind: Kind) -> list[str]:
    """Short comments, long ones, or all in their natural mix (typical)."""
    if kind == "short":
        return [text for text in texts if len(text) <= SHORT_TO]
    if kind == "long":
        return [text for text in texts if len(text) >= LONG_FROM]
    return list(texts)


def thinned(texts: Sequence[str], most: int) -> list[str]:
    """At most so many of the texts, in their order, with the mix of lengths of all of them."""
    if len(texts) <= most:
        return list(texts)
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    step = len(texts) / most
    # The middle of each of `most` equal stretches: neither the shortest nor the longest is favoured.
    return [texts[place] for place in sorted(by_length[int((part + 0.5) * step)] for part in range(most))]
