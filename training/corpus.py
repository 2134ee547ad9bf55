"""The common form of every labelled comment, whatever its source, and huiyin's own files of them.

A source labels some axes and not others. `Comment` therefore carries, beside its labels, what is known
of them: a label outside `touchpoints_known` is neither present nor absent, and its loss is masked.

Huiyin's own files hold one comment a line (`.jsonl`, `.jsonl.xz`):

    {"id": "7", "text": "前台态度很差，早餐不错", "domain": "hotel",
     "units": [{"quote": "前台态度很差", "touchpoint": "staff", "servqual": "assurance", "sentiment": -1}],
     "emotions": ["anger"], "satisfaction": 2, "loyalty": 0}

`units`, `emotions` (the dominant one first, at most two), `satisfaction` and `loyalty` may each be left out:
that axis is then unlabelled. `quote`, `touchpoint` and `servqual` may be null. Sentiments are -1, 0, 1 or
negative, neutral, positive; loyalty is -1, 0, 1 or detractor, none, promoter. Where a source knows less, a
dominant emotion or a satisfaction may be a list of the values it admits, and `known_touchpoints` and
`known_servqual` may list what `units` speaks for (without them: everything). A `.csv` file holds the same
in columns: see `training.own_csv`.
"""

import difflib
import json
import lzma
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeVar

from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Emotion, Loyalty, Sentiment, merged
from models.taxonomy import Taxonomy
from training.errors import CorpusError
from training.own_csv import own_csv_rows
from training.rows import Row, json_rows, shown

Axis = Literal["touchpoints", "servqual"]
Word = TypeVar("Word", bound=str)

_KEYS: Final = (
    "id",
    "text",
    "domain",
    "source",
    "units",
    "known_touchpoints",
    "known_servqual",
    "emotions",
    "satisfaction",
    "loyalty",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One opinion: `text[start:end]` of the comment speaks of a touchpoint and a SERVQUAL dimension.

    `start == end` means that the source gives no quote. `touchpoint` or `dimension` is None where the
    opinion has none or the source does not say; which of the two, the comment's known labels tell.
    """

    start: int
    end: int
    touchpoint: str | None
    dimension: str | None
    sentiment: Sentiment


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A labelled comment.

    `emotion` and `satisfaction` are the sets of values that the label admits: a source that only knows
    "positive" admits {4, 5}; None is unlabelled. `second_emotion` is the annotated second one, if any.
    """

    id: str
    text: str
    source: str
    domain: str
    units: tuple[Unit, ...] = ()
    touchpoints_known: frozenset[str] = frozenset()
    dimensions_known: frozenset[str] = frozenset()
    emotion: frozenset[Emotion] | None = None
    second_emotion: Emotion | None = None
    satisfaction: frozenset[int] | None = None
    loyalty: Loyalty | None = None

    def labels(self, axis: Axis) -> dict[str, Sentiment]:
        """Each label of the axis that is present, with one sentiment (neutral where units differ)."""
        found: dict[str, set[Sentiment]] = {}
        for unit in self.units:
            label = unit.touchpoint if axis == "touchpoints" else unit.dimension
            if label is not None:
                found.setdefault(label, set()).add(unit.sentiment)
        return {label: merged(sentiments) for label, sentiments in found.items()}

    def quotes(self, axis: Axis, label: str) -> list[tuple[int, int]]:
        """Half-open code-point spans of the label's quotes; empty where the source gives none."""
        return [
            (unit.start, unit.end)
            for unit in self.units
            if unit.end > unit.start
            and (unit.touchpoint if axis == "touchpoints" else unit.dimension) == label
        ]


def read_comments(path: Path, taxonomy: Taxonomy) -> list[Comment]:
    """The comments of one of huiyin's own files: `.jsonl`, `.csv`, each also with `.xz`.

    Raises CorpusError, naming file and line, for whatever breaks the form: a label that the taxonomy does not
    hold, a quote that does not stand in its text, a repeated id, an empty text, a file that was cut off.
    """
    form = path.name.removesuffix(".xz")
    if form.endswith(".jsonl"):
        rows = json_rows(path)
    elif form.endswith(".csv"):
        rows = own_csv_rows(path)
    else:
        raise CorpusError(f"{path}: read are .jsonl, .jsonl.xz and .csv; rename or convert the file")
    comments: list[Comment] = []
    lines: dict[str, int] = {}
    for row in rows:
        comment = _comment(row, taxonomy)
        if comment.id in lines:
            first = lines[comment.id]
            raise row.error(f"the id '{comment.id}' stands in line {first} already; give each its own")
        lines[comment.id] = row.line
        comments.append(comment)
    if not comments:
        raise CorpusError(f"{path}: holds no comments")
    return comments


def write_comments(path: Path, comments: Iterable[Comment]) -> None:
    """Writes comments as JSON lines (`.jsonl`, `.jsonl.xz`), so that `read_comments` gives them back.

    The file is written beside `path` and renamed at the end. Raises OSError where that cannot be done.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _created(beside, compress=path.suffix == ".xz") as stream:
            for comment in comments:
                stream.write(json.dumps(_record(comment), ensure_ascii=False) + "\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def span_of(text: str, quote: str, taken: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """Where `quote` stands in `text`: the first place not in `taken`, else the first; None if nowhere."""
    first = start = text.find(quote)
    if first < 0:
        return None
    used = set(taken)
    while (start, start + len(quote)) in used:
        start = text.find(quote, start + 1)
        if start < 0:
            return first, first + len(quote)
    return start, start + len(quote)


def _comment(row: Row, taxonomy: Taxonomy) -> Comment:
    _check_keys(row)
    text = row.text()
    touchpoints = (*taxonomy.touchpoint_ids, taxonomy.overall.id)
    units: tuple[Unit, ...] = ()
    touchpoints_known: frozenset[str] = frozenset()
    dimensions_known: frozenset[str] = frozenset()
    if row.values.get("units") is not None:
        touchpoints_known = _known(row, "known_touchpoints", touchpoints)
        dimensions_known = _known(row, "known_servqual", taxonomy.dimension_ids)
        units = _units(row, text, touchpoints, taxonomy.dimension_ids)
    emotion, second = _emotions(row)
    return Comment(
        id=_name(row, "id", f"{row.path.name.split('.')[0]}:{row.line}"),
        text=text,
        source=_name(row, "source", row.path.name.split(".")[0]),
        domain=_name(row, "domain", ""),
        units=units,
        touchpoints_known=touchpoints_known,
        dimensions_known=dimensions_known,
        emotion=emotion,
        second_emotion=second,
        satisfaction=_satisfaction(row),
        loyalty=_loyalty(row),
    )


def _check_keys(row: Row) -> None:
    """Keys of one's own are welcome, but a misspelt one would silently leave an axis unlabelled."""
    for key in row.values:
        close = [] if key in _KEYS else difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.8)
        if close and close[0] not in row.values:
            raise row.error(f"the key '{key}' is not read; did you mean '{close[0]}'?")


def _name(row: Row, key: str, default: str) -> str:
    value = row.values.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise row.error(f"'{key}' is {shown(value)}; it must be text or a whole number")
    return str(value)


def _known(row: Row, key: str, allowed: Sequence[str]) -> frozenset[str]:
    if row.values.get(key) is None:
        return frozenset(allowed)
    return frozenset(row.name_of(value, key, allowed) for value in row.elements(key))


def _units(row: Row, text: str, touchpoints: Sequence[str], dimensions: Sequence[str]) -> tuple[Unit, ...]:
    units: list[Unit] = []
    for element in row.elements("units"):
        if not isinstance(element, dict) or "sentiment" not in element:
            keys = "quote, touchpoint, servqual, sentiment"
            raise row.error(f"'units' holds {shown(element)}; each must be an object with {keys}")
        touchpoint = element.get("touchpoint")
        if touchpoint is not None:
            touchpoint = row.name_of(touchpoint, "touchpoint", touchpoints)
        dimension = element.get("servqual")
        if dimension is not None:
            dimension = row.name_of(dimension, "servqual", (*dimensions, "none"))
        if dimension == "none":
            dimension = None
        label = (touchpoint, dimension)
        taken = [(unit.start, unit.end) for unit in units if (unit.touchpoint, unit.dimension) == label]
        start, end = _quoted(row, text, element, taken)
        units.append(
            Unit(
                start=start,
                end=end,
                touchpoint=touchpoint,
                dimension=dimension,
                sentiment=_word(row, element["sentiment"], "sentiment", SENTIMENTS),
            )
        )
    return tuple(units)


def _quoted(row: Row, text: str, unit: dict[str, Any], taken: list[tuple[int, int]]) -> tuple[int, int]:
    """The span of a unit's quote; (0, 0) without one. `start`, if given, picks one of several places."""
    quote, start = unit.get("quote"), unit.get("start")
    if quote is None:
        return 0, 0
    if not isinstance(quote, str) or not quote:
        raise row.error(f"'quote' is {shown(quote)}; it must be words of the comment, or null")
    if start is not None:
        start = row.integer_of(start, "start", range(len(text)))
        span = (start, start + len(quote)) if text.startswith(quote, start) else None
    else:
        span = span_of(text, quote, taken)
    if span is None:
        raise row.error(f"the quote '{quote}' does not stand in the text; copy it character for character")
    return span


def _word(row: Row, value: object, name: str, words: Sequence[Word]) -> Word:
    """One of three words in rising order, given as the word itself or as -1, 0, 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value in (-1, 0, 1):
        return words[value + 1]
    if isinstance(value, str):
        return row.name_of(value, name, words)
    raise row.error(f"'{name}' is {shown(value)}; allowed: -1, 0, 1 or {', '.join(words)}")


def _emotions(row: Row) -> tuple[frozenset[Emotion] | None, Emotion | None]:
    """The admitted dominant emotions and the second emotion; an empty list is `neutral`."""
    if row.values.get("emotions") is None:
        return None, None
    found = row.elements("emotions")
    if len(found) > 2:
        raise row.error(f"'emotions' holds {len(found)}; at most 2 are read, the dominant one first")
    if not found:
        return frozenset[Emotion](["neutral"]), None
    admitted = found[0] if isinstance(found[0], list) and found[0] else [found[0]]
    dominant = frozenset(row.name_of(value, "emotions", EMOTIONS) for value in admitted)
    second = row.name_of(found[1], "emotions", EMOTIONS) if len(found) > 1 else None
    return dominant, second


def _satisfaction(row: Row) -> frozenset[int] | None:
    value = row.values.get("satisfaction")
    if value is None:
        return None
    admitted = value if isinstance(value, list) and value else [value]
    return frozenset(row.integer_of(one, "satisfaction", range(1, 6)) for one in admitted)


def _loyalty(row: Row) -> Loyalty | None:
    value = row.values.get("loyalty")
    return None if value is None else _word(row, value, "loyalty", LOYALTIES)


def _record(comment: Comment) -> dict[str, Any]:
    """The JSON object of a comment; unlabelled axes are left out."""
    record: dict[str, Any] = {"id": comment.id, "text": comment.text}
    record |= {key: value for key, value in (("domain", comment.domain), ("source", comment.source)) if value}
    if comment.units or comment.touchpoints_known or comment.dimensions_known:
        record["units"] = _unit_records(comment)
        record["known_touchpoints"] = sorted(comment.touchpoints_known)
        record["known_servqual"] = sorted(comment.dimensions_known)
    if comment.emotion is not None:
        dominant: list[Emotion] = sorted(comment.emotion)
        record["emotions"] = [dominant[0] if len(dominant) == 1 else dominant]
        if comment.second_emotion is not None:
            record["emotions"].append(comment.second_emotion)
    if comment.satisfaction is not None:
        admitted = sorted(comment.satisfaction)
        record["satisfaction"] = admitted[0] if len(admitted) == 1 else admitted
    if comment.loyalty is not None:
        record["loyalty"] = LOYALTIES.index(comment.loyalty) - 1
    return record


def _unit_records(comment: Comment) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for unit in comment.units:
        quote = comment.text[unit.start : unit.end] or None
        record = {
            "quote": quote,
            "touchpoint": unit.touchpoint,
            "servqual": unit.dimension,
            "sentiment": SENTIMENTS.index(unit.sentiment) - 1,
        }
        if quote is not None and comment.text.count(quote) > 1:
            record["start"] = unit.start
        records.append(record)
    return records


def _created(path: Path, *, compress: bool) -> IO[str]:
    if compress:
        return lzma.open(path, "wt", encoding="utf-8")
    return path.open("w", encoding="utf-8", newline="\n")
