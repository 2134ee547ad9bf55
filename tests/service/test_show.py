"""Tags for the eye: aligned, coloured by sentiment, plain in a pipe."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from models.tags import Evidence, LabelTag, Tags
from models.taxonomy import Taxonomy
from service.show import (
    Counts,
    Shown,
    count_touchpoints,
    demo_comments,
    show_comments,
    show_touchpoints,
)
from tests.fakes import FakeTagger
from tests.service.command import huiyin

TEXTS = ["前台态度很差，价格贵。味道好", "今天等了很久很久才轮到我们，店员也不解释，下次不来了" * 3, "ok"]


def shown(texts: Sequence[str]) -> list[Shown]:
    return [Shown(text, tags) for text, tags in zip(texts, FakeTagger().tag(list(texts)), strict=True)]


def rendered(comments: list[Shown], *, terminal: bool, width: int = 100) -> str:
    console = (
        Console(
            file=io.StringIO(), force_terminal=terminal, width=width, color_system="standard", highlight=False
        )
        if terminal
        else Console(file=io.StringIO(), width=width, highlight=False)
    )
    show_comments(console, comments)
    show_touchpoints(console, comments, Taxonomy.load())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("terminal", [True, False])
def test_chinese_is_wrapped_and_aligned(width: int, terminal: bool) -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", rendered(shown(TEXTS), terminal=terminal, width=width))
    table = text.partition("Sentiment by touchpoint")[0].rstrip("\n")
    assert {cell_len(line) for line in table.splitlines()} == {width}
    for word in ("staff", "price", "product", "booking_waiting", "negative"):
        assert word in table
    # nothing is cut off: the first column, put together again, holds every comment
    first = "".join(re.split("[|│]", line)[1].strip() for line in table.splitlines()[1:] if line[0] in "|│")
    for each in TEXTS:
        assert each in re.sub("[【】]", "", first)
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_a_pipe_gets_plain_text_with_signs() -> None:
    text = rendered(shown(TEXTS), terminal=False)
    assert "\x1b" not in text
    assert "【前台态度很差】，【价格贵】。【味道好】" in text
    assert "- staff" in text
    assert "+ product" in text
    assert "? not_chinese" in text


def test_a_terminal_gets_colours() -> None:
    text = rendered(shown(TEXTS[:1]), terminal=True)
    assert "\x1b[1;31m前台态度很差" in text
    assert "\x1b[1;32m味道好" in text
    assert "\x1b[31m- staff" in text
    assert "【" not in text


def test_offsets_hold_where_the_text_has_characters_that_steer() -> None:
    text = "\x1b[2J\r\n😀前台差"
    tags = Tags(touchpoints=(LabelTag("staff", "negative", 0.9, Evidence(7, 10, "前台差")),))
    out = rendered([Shown(text, tags)], terminal=False)
    assert "😀【前台差】" in out
    assert "\x1b" not in out


def test_square_brackets_are_no_markup() -> None:
    assert "[red]好[/red]" in rendered(shown(["[red]好[/red]"]), terminal=False)


def test_overlapping_evidence_is_marked_once() -> None:
    tags = Tags(
        touchpoints=(
            LabelTag("staff", "negative", 0.9, Evidence(0, 4, "前台很差")),
            LabelTag("price", "positive", 0.9, Evidence(2, 5, "很差，")),
        )
    )
    assert "【前台很差】，好" in rendered([Shown("前台很差，好", tags)], terminal=False)


def test_counts_leave_uncertain_comments_out() -> None:
    negative, positive = (
        LabelTag("staff", sentiment, 0.9, Evidence(0, 1, "好")) for sentiment in ("negative", "positive")
    )
    tags = [
        Tags(touchpoints=(negative,)),
        Tags(touchpoints=(negative,)),
        Tags(touchpoints=(positive,)),
        Tags(touchpoints=(positive,), uncertain=True, reason="low_confidence"),
    ]
    counts = count_touchpoints(tags)
    assert counts == {"staff": Counts(negative=2, neutral=0, positive=1)}
    assert counts["staff"].mentions == 3
    assert counts["staff"].net == pytest.approx(-1 / 3)
    assert Counts().net == 0


def test_the_summary_has_the_most_mentioned_first() -> None:
    text = rendered(shown(["前台差", "前台好", "前台差", "味道好", "ok"]), terminal=False)
    summary = text.partition("Sentiment by touchpoint")[2]
    assert summary.index("staff") < summary.index("product")
    (staff,) = [line for line in summary.splitlines() if "staff" in line]
    assert re.search(r"3 \| 2 \| 0 \| 1 \| -0\.33 \|", staff)
    assert "5 comments, 1 of them uncertain" in summary


def test_the_demo_comments() -> None:
    texts = demo_comments()
    assert len(texts) == 60
    assert all(text.strip() for text in texts)


def test_the_command_demo(capfd: pytest.CaptureFixture[str]) -> None:
    assert huiyin("demo") == 0
    out, err = capfd.readouterr()
    assert "Sentiment by touchpoint" in out
    assert "60 comments" in out
    assert "\x1b" not in out
    assert err == ""


def test_the_option_text_shows_the_same_table(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert huiyin("tag", "--text", "前台态度很差", "--mask") == 0
    out = capfd.readouterr().out
    assert "【前台态度很差】" in out
    # one comment needs no summary
    assert "Sentiment by touchpoint" not in out
    assert huiyin("tag", "--text", "前台态度很差", "--text", "电话13800138000", "--mask") == 0
    out = capfd.readouterr().out
    assert "Sentiment by touchpoint" in out
    assert "13800138000" not in out
