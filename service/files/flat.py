"""Tags as flat columns, for CSV, TSV, XLSX and Parquet. The names are stable.

The columns of the input come first, then:

    column                 kind     what it holds
    sentiment              text     negative, neutral or positive: of the whole comment
    sentiment_confidence   number   0 to 1
    satisfaction           number   1 to 5
    loyalty                text     detractor, none or promoter
    loyalty_confidence     number   0 to 1
    emotion                text     the dominant emotion; empty without one
    emotion_confidence     number   0 to 1
    emotion_2              text     the second emotion, if any
    emotion_2_confidence   number   0 to 1
    touchpoints            text     `staff:negative; price:positive`
    servqual               text     `assurance:negative`
    touchpoint_<id>        text     one column for each touchpoint of the taxonomy: its sentiment, or empty
    servqual_<id>          text     one column for each SERVQUAL dimension: its sentiment, or empty
    evidence               text     `staff: 前台态度很差; price: 有点贵`; further clauses after ` / `
    uncertain              boolean  true where the model should not be believed
    reason                 text     empty, too_short, not_chinese, too_long or low_confidence
    model                  text     name and hash of the model
    taxonomy               text     version of the taxonomy
    error                  text     why the row has no tags; empty for a row with tags

Our names never change: where the input has a column of the same name, that column is kept as `input_<name>`
(a file that was tagged before thus keeps its old tags beside the new ones).
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from models.tags import LabelTag, Tags
from service.files.rows import Column, Row, TaggedRow

_BEFORE: Final = (
    Column("sentiment"),
    Column("sentiment_confidence", "number"),
    Column("satisfaction", "number"),
    Column("loyalty"),
    Column("loyalty_confidence", "number"),
    Column("emotion"),
    Column("emotion_confidence", "number"),
    Column("emotion_2"),
    Column("emotion_2_confidence", "number"),
    Column("touchpoints"),
    Column("servqual"),
)
_AFTER: Final = (
    Column("evidence"),
    Column("uncertain", "boolean"),
    Column("reason"),
    Column("model"),
    Column("taxonomy"),
    Column("error"),
)
_DIGITS: Final = 4


class FlatTable:
    """The columns of a flat output and the values of each row, in the same order.

    `touchpoints` and `dimensions` are the ids of the model's taxonomy. `renamed` maps the input's columns
    that had to give way to the names they are kept under.
    """

    def __init__(
        self, inputs: Sequence[Column], *, touchpoints: Sequence[str], dimensions: Sequence[str]
    ) -> None:
        ours = (
            *_BEFORE,
            *(Column(f"touchpoint_{label}") for label in touchpoints),
            *(Column(f"servqual_{label}") for label in dimensions),
            *_AFTER,
        )
        self._inputs = tuple(column.name for column in inputs)
        self._ours = tuple(column.name for column in ours)
        taken = {*self._inputs, *self._ours}
        self.renamed: dict[str, str] = {}
        kept = []
        for column in inputs:
            name = column.name
            if name in self._ours:
                name = free_name(name, taken)
                self.renamed[column.name] = name
                taken.add(name)
            kept.append(Column(name, column.kind, column.arrow))
        self.columns: tuple[Column, ...] = (*kept, *ours)

    def values(self, tagged: TaggedRow) -> list[Any]:
        """The cells of one row, in the order of `columns`; None for an empty one."""
        row, tags = tagged
        added = _values(tags) if tags is not None else {"error": _error(row)}
        return [row.fields.get(name) for name in self._inputs] + [added.get(name) for name in self._ours]


def free_name(name: str, taken: Collection[str]) -> str:
    """`input_<name>`, with as many `input_` as it takes to be free."""
    free = f"input_{name}"
    while free in taken:
        free = f"input_{free}"
    return free


def _values(tags: Tags) -> dict[str, Any]:
    emotions = list(tags.emotions[:2])
    out: dict[str, Any] = {
        "sentiment": tags.sentiment,
        "sentiment_confidence": round(tags.sentiment_confidence, _DIGITS),
        "satisfaction": round(tags.satisfaction, _DIGITS),
        "loyalty": tags.loyalty,
        "loyalty_confidence": round(tags.loyalty_confidence, _DIGITS),
        "touchpoints": _pairs(tags.touchpoints),
        "servqual": _pairs(tags.servqual),
        "evidence": "; ".join(_evidence(tag) for tag in (*tags.touchpoints, *tags.servqual)),
        "uncertain": tags.uncertain,
        "reason": tags.reason,
        "model": tags.model,
        "taxonomy": tags.taxonomy,
    }
    for column, emotion in zip(("emotion", "emotion_2"), emotions, strict=False):
        out[column] = emotion.id
        out[f"{column}_confidence"] = round(emotion.confidence, _DIGITS)
    out.update({f"touchpoint_{tag.id}": tag.sentiment for tag in tags.touchpoints})
    out.update({f"servqual_{tag.id}": tag.sentiment for tag in tags.servqual})
    return out


def _pairs(tags: Sequence[LabelTag]) -> str:
    return "; ".join(f"{tag.id}:{tag.sentiment}" for tag in tags)


def _evidence(tag: LabelTag) -> str:
    return f"{tag.id}: " + " / ".join(span.text for span in (tag.evidence, *tag.more))


def _error(row: Row) -> str:
    return row.error or "not tagged"
