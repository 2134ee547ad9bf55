"""Tags for the eye: a table of comments and a summary by touchpoint, on a terminal or as plain text.

Colour is never the only carrier: a touchpoint has its sign (`+` positive, `-` negative, `~` neutral or
mixed), and evidence that cannot be coloured stands in 【】.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from models.tags import SENTIMENTS, Evidence, LabelTag, Sentiment, Tags
from models.taxonomy import Taxonomy
from service.errors import InputFileError
from service.messages import printable

PLAIN_WIDTH: Final = 100
"""Columns of the text where there is no terminal to fit."""

_STYLES: Final[dict[Sentiment, str]] = {"negative": "red", "neutral": "yellow", "positive": "green"}
_SIGNS: Final[dict[Sentiment, str]] = {"negative": "-", "neutral": "~", "positive": "+"}
_BAR_CELLS: Final = 20
_BAR_CELLS_NARROW: Final = 10
_NARROW: Final = 90
_STRONGEST_LAST: Final[dict[Sentiment, int]] = {"neutral": 0, "positive": 1, "negative": 2}


class Shown(NamedTuple):
    """A comment and its tags."""

    text: str
    tags: Tags


def demo_comments() -> list[str]:
    """The texts of the comments that come with the program."""
    name = "demo/comments.jsonl"
    lines = files("service").joinpath(name).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line).get("text") for line in lines if line.strip()]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputFileError(
            f"service/{name}: each line must be an object with a `text`; install huiyin again"
        )
    return texts


def make_console() -> Console:
    """Standard output: as wide as the terminal, `PLAIN_WIDTH` without one."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def show_comments(console: Console, comments: Sequence[Shown]) -> None:
    """A table: each comment with its evidence marked, its sentiment, its emotions and its touchpoints."""
    table = Table(box=_box(console), show_lines=console.is_terminal, expand=True)
    # Folded, since Chinese has no spaces to break at.
    table.add_column("comment", ratio=1, overflow="fold")
    table.add_column("sentiment", no_wrap=True)
    table.add_column("emotion", no_wrap=True)
    table.add_column("touchpoints", no_wrap=True)
    coloured = console.is_terminal and console.color_system is not None
    for text, tags in comments:
        table.add_row(
            _with_evidence(text, tags, coloured=coloured),
            _sentiment(tags),
            "\n".join(emotion.id for emotion in tags.emotions),
            _labels(tags.touchpoints),
        )
    console.print(table)


def show_touchpoints(console: Console, comments: Sequence[Shown], taxonomy: Taxonomy) -> None:
    """A table by touchpoint: mentions, their sentiments, net sentiment and a bar; most mentioned first.

    Uncertain comments are left out and counted below, as everywhere in the product.
    """
    counts = count_touchpoints([tags for _, tags in comments])
    table = Table(
        box=_box(console), title="Sentiment by touchpoint", title_justify="left", title_style="bold"
    )
    table.add_column("touchpoint", overflow="fold")
    for name in ("mentions", *(_SIGNS[sentiment] for sentiment in SENTIMENTS), "net"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    cells = _BAR_CELLS if console.width >= _NARROW else _BAR_CELLS_NARROW
    scale = cells / max((row.mentions for row in counts.values()), default=1)
    for touchpoint, row in sorted(counts.items(), key=lambda item: (-item[1].mentions, item[0])):
        table.add_row(
            f"{taxonomy.name_of(touchpoint, 'zh')} {touchpoint}",
            str(row.mentions),
            *(str(getattr(row, sentiment)) for sentiment in SENTIMENTS),
            Text(f"{row.net:+.2f}", style=_STYLES[_leaning(row.net)]),
            _bar(row, scale, solid=console.is_terminal and console.color_system is not None),
        )
    uncertain = sum(tags.uncertain for _, tags in comments)
    legend = "  ".join(f"{_SIGNS[sentiment]} {sentiment}" for sentiment in SENTIMENTS)
    below = f"{len(comments)} comments, {uncertain} of them uncertain and left out of this table"
    console.print(Group(table, Text(f"{legend}\n{below}", style="dim")))


class Counts(NamedTuple):
    """How often a touchpoint was mentioned with which sentiment."""

    negative: int = 0
    neutral: int = 0
    positive: int = 0

    @property
    def mentions(self) -> int:
        """Comments that speak of the touchpoint."""
        return self.negative + self.neutral + self.positive

    @property
    def net(self) -> float:
        """Positive minus negative mentions, as a share of all: -1 to 1."""
        return (self.positive - self.negative) / self.mentions if self.mentions else 0.0


def count_touchpoints(tags: Sequence[Tags]) -> Mapping[str, Counts]:
    """Counts by touchpoint over the comments whose tags are not uncertain."""
    counts: dict[str, Counts] = {}
    for each in tags:
        for tag in () if each.uncertain else each.touchpoints:
            before = counts.get(tag.id, Counts())
            counts[tag.id] = before._replace(**{tag.sentiment: getattr(before, tag.sentiment) + 1})
    return counts


def _box(console: Console) -> box.Box:
    return box.ROUNDED if console.is_terminal else box.ASCII2


def _sentiment(tags: Tags) -> Text:
    text = Text(f"{_SIGNS[tags.sentiment]} {tags.sentiment}", style=_STYLES[tags.sentiment])
    if tags.uncertain:
        text.append(f"\n? {tags.reason or 'uncertain'}", style="dim")
    return text


def _labels(tags: Sequence[LabelTag]) -> Text:
    lines = (Text(f"{_SIGNS[tag.sentiment]} {tag.id}", style=_STYLES[tag.sentiment]) for tag in tags)
    return Text("\n").join(lines)


def _with_evidence(text: str, tags: Tags, *, coloured: bool) -> Text:
    shown = Text(printable(text))
    spans = list(_evidence(tags))
    if coloured:
        # The strongest goes on last, so that it wins where clauses overlap.
        for sentiment, span in sorted(spans, key=lambda item: _STRONGEST_LAST[item[0]]):
            shown.stylize(f"bold {_STYLES[sentiment]}", span.start, span.end)
        return shown
    marks = sorted({(span.start, span.end) for _, span in spans})
    out, done = Text(), 0
    for start, end in marks:
        if start >= done:
            out.append_text(shown[done:start]).append("【").append_text(shown[start:end]).append("】")
            done = end
    return out.append_text(shown[done:])


def _evidence(tags: Tags) -> Iterator[tuple[Sentiment, Evidence]]:
    for tag in (*tags.touchpoints, *tags.servqual):
        for span in (tag.evidence, *tag.more):
            yield tag.sentiment, span


def _leaning(net: float) -> Sentiment:
    if net == 0:
        return "neutral"
    return "positive" if net > 0 else "negative"


def _bar(row: Counts, scale: float, *, solid: bool) -> Text:
    """`scale` is cells a mention; what was mentioned at all has a cell."""
    bar = Text()
    for sentiment in SENTIMENTS:
        count: int = getattr(row, sentiment)
        cells = max(round(count * scale), 1) if count else 0
        bar.append(("█" if solid else _SIGNS[sentiment]) * cells, style=_STYLES[sentiment])
    return bar
