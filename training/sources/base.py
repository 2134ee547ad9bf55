"""What every source of labelled comments is: where its files lie, under which terms, how a row converts."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from models.tags import SENTIMENTS, Sentiment, merged
from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit
from training.errors import CorpusError
from training.rows import Row, json_rows

Split = Literal["train", "dev"]


_MAX_BETWEEN: Final = 4
_CLAUSE_END: Final = re.compile(r"[，。！？；、,.!?;~～…\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of training comments.

    `files` are the paths below the corpora folder, by split; each may lie there plain or with `.xz`. `read`
    gives the comments of one such file. `carried` sources come with this package and need no corpora folder.
    """

    name: str
    origin: str
    licence: str
    labels: str
    files: Mapping[Split, tuple[str, ...]]
    read: Callable[[Path, Taxonomy], list[Comment]]
    carried: bool = False


def converted(
    name: str, convert: Callable[[Row, Taxonomy], Comment | None]
) -> Callable[[Path, Taxonomy], list[Comment]]:
    """The reader of a JSON-lines file whose rows `convert` turns into comments, or None to leave one out."""

    def read(path: Path, taxonomy: Taxonomy) -> list[Comment]:
        comments = (convert(row, taxonomy) for row in json_rows(path))
        found = [comment for comment in comments if comment is not None]
        if not found:
            raise CorpusError(f"{path}: holds no comments of the source '{name}'; copy the file again")
        return found

    return read


def existing(corpora: Path | None, file: str, name: str) -> Path:
    """The path of a source's file, plain or `.xz`. Raises CorpusError naming the file and `--corpora`."""
    if corpora is None:
        raise CorpusError(f"'{name}' reads {file}; give the folder that holds it with --corpora DIR")
    for candidate in (corpora / file, corpora / f"{file}.xz"):
        if candidate.is_file():
            return candidate
    raise CorpusError(
        f"{corpora / file}: no such file, nor with .xz; '{name}' needs it; "
        "give the folder that holds the corpora with --corpora DIR, or leave it out"
    )


def known(ids: Iterable[str], taxonomy: Taxonomy) -> frozenset[str]:
    """Those of `ids` that the taxonomy has: an organisation's own may lack some of ours."""
    return frozenset(ids) & {*taxonomy.touchpoint_ids, taxonomy.overall.id}


def sentiment_of(value: int) -> Sentiment:
    """-1, 0, 1 as a word."""
    return SENTIMENTS[value + 1]


def whole_comment_units(found: Iterable[tuple[str, Sentiment]], allowed: frozenset[str]) -> tuple[Unit, ...]:
    """Units without a quote, one a touchpoint of `allowed`: with its sentiment, neutral where they differ."""
    sentiments: dict[str, set[Sentiment]] = {}
    for touchpoint, sentiment in found:
        if touchpoint in allowed:
            sentiments.setdefault(touchpoint, set()).add(sentiment)
    return tuple(
        Unit(start=0, end=0, touchpoint=touchpoint, dimension=None, sentiment=merged(values))
        for touchpoint, values in sentiments.items()
    )


def row_id(row: Row) -> str:
    """The id of a row that brings none: its file and line, `polarity:17`."""
    return f"{row.path.name.split('.')[0]}:{row.line}"


def joined_span(text: str, first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """The span of both where `first` and `second` stand close together in one clause, else `second`."""
    if first[1] <= second[0]:
        between = text[first[1] : second[0]]
        if len(between) <= _MAX_BETWEEN and not _CLAUSE_END.search(between):
            return first[0], second[1]
    return second
