from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.training.evaluation_cases import comment, counted, perfect, tags, unit
from training.metrics import METRICS
from training.report import NAMES, grids, markdown, show
from training.scoring import Grouping, Report, Sample, compare, group_scores, model_report

GOLD = [comment(unit("staff", "negative", (2, 6)), satisfaction=[1], domain="a|b")] * 12 + [
    comment(unit("price", "positive", (7, 12)), satisfaction=[5], domain="")
] * 3


def report(*, baseline: bool) -> Report:
    counts = counted([(gold, perfect(gold)) for gold in GOLD])
    poor = counted([(gold, perfect(gold) if index % 2 else tags()) for index, gold in enumerate(GOLD)])
    ours, theirs = (Sample.draw(each, resamples=50) for each in (counts, poor))
    made = Report(
        data="[test].jsonl",
        comments=len(GOLD),
        taxonomy="2026.1",
        resamples=50,
        seed=1,
        model=model_report("ours@1", ours, {Grouping.DOMAIN: group_scores(GOLD, counts, Grouping.DOMAIN)}),
    )
    if not baseline:
        return made
    groups = {Grouping.DOMAIN: group_scores(GOLD, poor, Grouping.DOMAIN)}
    return replace(made, baseline=model_report("theirs@1", theirs, groups), difference=compare(ours, theirs))


def test_every_metric_has_a_row() -> None:
    headline = grids(report(baseline=False))[0]
    assert [row[0] for row in headline.rows] == [NAMES[metric] for metric in METRICS]
    assert headline.columns == ("measure", "ours@1", "items")


@pytest.mark.parametrize("baseline", [True, False])
def test_rows_are_as_wide_as_their_header(baseline: bool) -> None:
    for grid in grids(report(baseline=baseline)):
        assert {len(row) for row in grid.rows} == {len(grid.columns)}, grid.title


def test_baseline_and_difference_stand_beside() -> None:
    headline, touchpoints, *_, domains = grids(report(baseline=True))
    assert headline.columns == ("measure", "ours@1", "theirs@1", "difference", "items")
    pair_f1 = headline.rows[0]
    assert pair_f1[1] == "1.000 [1.000, 1.000]"
    # 7 of 15 comments found: 2 * 7 / (14 + 8); a gain carries its sign.
    assert pair_f1[2].startswith("0.636 [0.")
    assert pair_f1[3].startswith("+0.364 [+0.")
    assert [row[0] for row in touchpoints.rows] == ["staff", "price *", "product *"]
    assert touchpoints.note == "* fewer than 10 gold comments: left out of the mean over labels."
    # 6 of 12 comments of the first domain found.
    assert domains.rows[0][2] == "1.000 (0.667)"


def test_heads_without_gold_are_left_out() -> None:
    titles = [grid.title for grid in grids(report(baseline=False))]
    assert titles == ["[test].jsonl: 15 comments", "Touchpoints", "By domain"]


def test_names_of_the_user_break_neither_markdown_nor_the_terminal() -> None:
    text = markdown(report(baseline=False))
    assert "| a\\|b | 12 |" in text
    assert "| – | 3 |" in text
    assert "| price \\* |" in text
    stream = StringIO()
    show(report(baseline=True), Console(file=stream, width=250))
    assert "[test].jsonl: 15 comments" in stream.getvalue()
    assert "+0.364" in stream.getvalue()
