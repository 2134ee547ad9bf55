"""What the tests of the formats share: sources from bytes, readers from bytes, a table, tags."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.tags import EmotionTag, Evidence, LabelTag, Tags
from service.files.flat import FlatTable
from service.files.lines import Line, Lines
from service.files.opening import Format, Reading, open_reader
from service.files.rows import Column, Row, TaggedRow
from service.files.source import Source

TAGS = Tags(
    sentiment="negative",
    satisfaction=1.8,
    loyalty="detractor",
    emotions=(EmotionTag("anger", 0.91), EmotionTag("disappointment", 0.2)),
    touchpoints=(
        LabelTag("staff", "negative", 0.97, Evidence(0, 6, "前台态度很差")),
        LabelTag("price", "neutral", 0.6, Evidence(7, 10, "价格贵"), (Evidence(11, 14, "但是值"),)),
    ),
    servqual=(LabelTag("assurance", "negative", 0.9, Evidence(0, 6, "前台态度很差")),),
    sentiment_confidence=0.987654,
    loyalty_confidence=0.95,
    model="huiyin-zh-1@3f9c0a71b2de",
    taxonomy="2026.1",
)


def source_of(content: bytes) -> Source:
    """The bytes as they would come out of a pipe."""
    return Source(io.BytesIO(content), name="input")


def lines_of(content: bytes, encoding: str | None = None) -> tuple[list[Line], list[str]]:
    """The lines, and what was said about them."""
    said: list[str] = []
    return list(Lines(source_of(content), encoding=encoding, say=said.append)), said


def read(
    path: Path,
    *,
    as_format: Format | None = None,
    text_column: str | None = None,
    encoding: str | None = None,
) -> tuple[list[Row], str, list[str]]:
    """The rows of a file, the column of its comments, and what was said."""
    said: list[str] = []
    reading = Reading(format=as_format, text_column=text_column, encoding=encoding)
    reader = open_reader(path, reading, say=said.append)
    try:
        return list(reader.rows()), reader.text_column, said
    finally:
        reader.close()


def table_of(*names: str, columns: Sequence[Column] = ()) -> FlatTable:
    """A flat table with these input columns and a taxonomy of two touchpoints and one dimension."""
    inputs = [*(Column(name) for name in names), *columns]
    return FlatTable(inputs, touchpoints=("staff", "price"), dimensions=("assurance",))


def tagged(fields: dict[str, Any], *, error: str | None = None, number: int = 1) -> TaggedRow:
    """A row with `TAGS`, or with an error and none."""
    return TaggedRow(Row(number, fields, error=error), None if error else TAGS)
