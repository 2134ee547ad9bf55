"""An evaluation as tables, for the terminal and as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from training.metrics import HEADS, METRICS, MIN_GOLD, Head, Metric
from training.scoring import GROUP_METRICS, ClassScore, Comparison, Grouping, GroupScore, Report, Score

NAMES: Final[dict[Metric, str]] = {
    "touchpoints_pair_f1": "touchpoints: pair F1",
    "touchpoints_macro_f1": "touchpoints: macro-F1",
    "touchpoints_mention_f1": "touchpoints: mention F1",
    "touchpoints_evidence_overlap": "touchpoints: evidence overlap",
    "touchpoints_evidence_character_f1": "touchpoints: evidence character F1",
    "touchpoints_calibration_error": "touchpoints: calibration error ↓",
    "servqual_pair_f1": "SERVQUAL: pair F1",
    "servqual_macro_f1": "SERVQUAL: macro-F1",
    "servqual_mention_f1": "SERVQUAL: mention F1",
    "servqual_evidence_overlap": "SERVQUAL: evidence overlap",
    "servqual_evidence_character_f1": "SERVQUAL: evidence character F1",
    "servqual_calibration_error": "SERVQUAL: calibration error ↓",
    "emotions_accuracy": "emotion: accuracy",
    "emotions_macro_f1": "emotion: macro-F1",
    "emotions_calibration_error": "emotion: calibration error ↓",
    "sentiment_accuracy": "sentiment: accuracy",
    "sentiment_accuracy_certain": "sentiment: accuracy, certain only",
    "sentiment_calibration_error": "sentiment: calibration error ↓",
    "satisfaction_mean_absolute_error": "satisfaction: mean absolute error ↓",
    "satisfaction_weighted_kappa": "satisfaction: weighted kappa",
    "loyalty_macro_f1": "loyalty: macro-F1",
    "loyalty_calibration_error": "loyalty: calibration error ↓",
    "uncertain_share": "share of uncertain comments",
}
GROUP_NAMES: Final[dict[Grouping, str]] = {
    Grouping.DOMAIN: "By domain",
    Grouping.LENGTH: "By length in characters",
    Grouping.SOURCE: "By source",
}
HEAD_NAMES: Final[dict[Head, str]] = {
    "touchpoints": "Touchpoints",
    "servqual": "SERVQUAL dimensions",
    "emotions": "Emotions",
    "loyalty": "Loyalty",
}
NOTHING: Final = "–"
"""Stands where a number could not be computed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text; the first column is left-aligned, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def grids(report: Report) -> tuple[Grid, ...]:
    """The headline, each head's classes and each grouping, in this order."""
    return (
        _headline(report),
        *(
            _classes(report, head)
            for head in HEADS
            if any(item.support for item in report.model.classes[head])
        ),
        *_groups(report),
    )


def show(report: Report, console: Console) -> None:
    """Prints the tables."""
    for grid in grids(report):
        # Text, not str: rich would read the square brackets of a user's names as markup.
        table = Table(
            title=Text(grid.title),
            title_justify="left",
            caption=Text(grid.note) if grid.note else None,
            caption_justify="left",
        )
        for index, column in enumerate(grid.columns):
            table.add_column(Text(column), justify="right" if index else "left")
        for row in grid.rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)


def markdown(report: Report) -> str:
    """The tables as Markdown, under one heading."""
    parts = ["# Evaluation"]
    for grid in grids(report):
        lines = [
            _line(grid.columns),
            _line((":--", *("--:" for _ in grid.columns[1:]))),
            *(_line(tuple(_escaped(cell) for cell in row)) for row in grid.rows),
        ]
        parts += [f"## {_escaped(grid.title)}", "\n".join(lines)]
        if grid.note:
            parts.append(grid.note)
    return "\n\n".join(parts) + "\n"


def _headline(report: Report) -> Grid:
    columns = ["measure", report.model.identity]
    if report.baseline is not None:
        columns += [f"{report.baseline.identity}", "difference"]
    return Grid(
        f"{report.data}: {report.comments:,} comments",
        (*columns, "items"),
        tuple(_metric_row(report, metric) for metric in METRICS),
        f"In brackets: 95 % interval, {report.resamples:,} bootstrap resamples of the comments. "
        "↓: lower is better. Pair: label and sentiment. Certain: without the comments marked uncertain.",
    )


def _metric_row(report: Report, metric: Metric) -> tuple[str, ...]:
    score = report.model.metrics[metric]
    cells = [NAMES[metric], _interval(score)]
    if report.baseline is not None and report.difference is not None:
        cells += [
            _interval(report.baseline.metrics[metric]),
            _interval(report.difference.metrics[metric], sign="+"),
        ]
    return (*cells, f"{score.items:,}")


def _classes(report: Report, head: Head) -> Grid:
    items = report.model.classes[head]
    mentions = any(item.mention_f1 is not None for item in items)
    columns = ["label", "gold", "precision", "recall", "F1", *(["mention F1"] if mentions else [])]
    theirs = {} if report.baseline is None else {item.id: item for item in report.baseline.classes[head]}
    if theirs:
        columns += ["baseline F1", "difference"]
    note = f"* fewer than {MIN_GOLD[head]} gold comments: left out of the mean over labels."
    return Grid(
        HEAD_NAMES[head],
        tuple(columns),
        tuple(
            (*_class_cells(item, mentions=mentions), *_baseline_cells(item, head, theirs, report.difference))
            for item in items
        ),
        "" if all(item.counted for item in items) else note,
    )


def _class_cells(item: ClassScore, *, mentions: bool) -> tuple[str, ...]:
    name = item.id if item.counted else f"{item.id} *"
    cells = (name, f"{item.support:,}", _number(item.precision), _number(item.recall), _interval(item.f1))
    return (*cells, _number(item.mention_f1)) if mentions else cells


def _baseline_cells(
    item: ClassScore, head: Head, theirs: dict[str, ClassScore], difference: Comparison | None
) -> tuple[str, ...]:
    if difference is None or not theirs:
        return ()
    return _number(theirs[item.id].f1.value), _interval(difference.classes[head][item.id], sign="+")


def _groups(report: Report) -> Iterator[Grid]:
    for grouping, groups in report.model.groups.items():
        theirs = () if report.baseline is None else report.baseline.groups.get(grouping, ())
        other = {group.group: group for group in theirs}
        yield Grid(
            GROUP_NAMES[grouping],
            (grouping.value, "comments", *(NAMES[metric] for metric in GROUP_METRICS)),
            tuple(_group_row(group, other.get(group.group)) for group in groups),
            "In brackets: the baseline." if other else "",
        )


def _group_row(group: GroupScore, other: GroupScore | None) -> tuple[str, ...]:
    cells = []
    for metric in GROUP_METRICS:
        beside = "" if other is None else f" ({_number(other.metrics[metric].value)})"
        cells.append(_number(group.metrics[metric].value) + beside)
    return (group.group or NOTHING, f"{group.comments:,}", *cells)


def _interval(score: Score, *, sign: str = "") -> str:
    """`sign` is "+" for differences, so that gains and losses tell apart."""
    if score.value is None:
        return NOTHING
    value = format(score.value, f"{sign}.3f")
    if score.low is None or score.high is None:
        return value
    return f"{value} [{format(score.low, f'{sign}.3f')}, {format(score.high, f'{sign}.3f')}]"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(cell: str) -> str:
    """Names come from the user's data: no pipe or line break may end a Markdown cell."""
    return " ".join(cell.split()).replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")
