"""Encodings are found out, no character breaks on a border, a bad line costs itself only."""

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import UsageError
from service.files import lines as lines_module
from service.files.lines import find_encoding
from service.files.source import BLOCK_BYTES
from tests.service.files.support import lines_of

TEXT = "前台态度很差\n上菜快，𠮷野家😀\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # plain UTF-8
        (TEXT.encode(), "UTF-8"),
        # as Excel saves "CSV UTF-8"
        (codecs.BOM_UTF8 + TEXT.encode(), "UTF-8 with a byte order mark"),
        # Windows in China, with four-byte characters
        (TEXT.encode("gb18030"), "GB18030"),
        # as Excel saves "Unicode text"; the second byte of 上 is a line feed in another place
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "UTF-16 with a byte order mark"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16 with a byte order mark"),
    ],
)
def test_finds_the_encoding_and_says_it(content: bytes, said: str) -> None:
    lines, messages = lines_of(content)
    assert [(line.number, line.text) for line in lines] == [(1, "前台态度很差\n"), (2, "上菜快，𠮷野家😀\n")]
    assert all(line.problem is None for line in lines)
    assert messages == [f"input: {said}"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_no_character_breaks_on_the_border_of_a_block(encoding: str, shift: int) -> None:
    text = "a" * shift + "\n" + "中" * (BLOCK_BYTES // 2) + "𠮷" * (BLOCK_BYTES // 4) + "\n末"
    lines, _ = lines_of(text.encode(encoding))
    assert "".join(line.text for line in lines) == text
    assert all(line.problem is None for line in lines)


@pytest.mark.parametrize(("encoding", "spoken"), [("utf-8", "UTF-8"), ("gb18030", "GB18030")])
def test_asks_again_where_ascii_ends(encoding: str, spoken: str) -> None:
    # the first block is plain ASCII and tells nothing
    ascii_lines = "id,text\n" * (BLOCK_BYTES // 8 + 10)
    lines, messages = lines_of(ascii_lines.encode() + "服务很好，下次再来\n".encode(encoding))
    assert lines[-1].text == "服务很好，下次再来\n"
    assert messages == [f"input: {spoken}"]


def test_plain_ascii_needs_no_word() -> None:
    assert lines_of(b"ok\nfine") == ([(1, "ok\n", None), (2, "fine", None)], [])


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_an_undecodable_line_is_reported_and_the_others_read(encoding: str) -> None:
    good = ["服务很好\n", "价格太贵\n"] * 20
    rows = [line.encode(encoding) for line in good]
    rows[2] = b"\xff\xfe\xff bad \xff\n"
    lines, messages = lines_of(b"".join(rows))
    assert [line.number for line in lines if line.problem is not None] == [3]
    assert "0xff" in (lines[2].problem or "")
    assert "bad" in lines[2].text
    assert lines[3].text == good[3]
    assert "--encoding NAME" in messages[0]


def test_an_undecodable_line_after_the_first_block() -> None:
    head = "服务很好\n".encode() * (BLOCK_BYTES // 13 + 100)
    lines, messages = lines_of(head + b"\xb7\xfe\xce\xf1\n" + "好\n".encode())
    assert messages == ["input: UTF-8"]
    assert lines[-2].problem is not None
    assert (lines[-1].text, lines[-1].problem) == ("好\n", None)


def test_the_line_feed_is_not_swallowed_by_half_a_character() -> None:
    lines, _ = lines_of("服务\n".encode("gb18030") * 3 + b"\xb7\n" + "很好\n".encode("gb18030"))
    assert [line.problem is None for line in lines] == [True, True, True, False, True]
    assert lines[-1].text == "很好\n"


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        # a lone surrogate in the second line
        ("好\n".encode("utf-16") + b"\x00\xd8" + "坏\n好\n".encode("utf-16-le"), [False, True, False]),
        # half a character at the end
        ("好\n坏".encode("utf-16") + b"\x00", [False, True]),
    ],
)
def test_utf_16_reports_the_line(content: bytes, problems: list[bool]) -> None:
    lines, _ = lines_of(content)
    assert [line.problem is not None for line in lines] == problems
    assert "\ufffd" in lines[1].text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_without_end_is_cut_and_reported(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 1024)
    lines, _ = lines_of(("好\n" + "a" * 5000 + "\n好\n").encode(encoding))
    assert [line.text for line in lines][::2] == ["好\n", "好\n"]
    assert len(lines[1].text) <= 1024
    assert "the rest of it was left out" in (lines[1].problem or "")


def test_a_line_of_just_the_limit_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 4)
    lines, _ = lines_of(b"abcd\nab\nabcd")
    assert [(line.text.strip(), line.problem) for line in lines] == [
        ("abcd", None),
        ("ab", None),
        ("abcd", None),
    ]


@pytest.mark.parametrize(
    ("given_name", "content", "text"),
    [
        # not found out by itself
        ("big5", "服務很好".encode("big5"), "服務很好"),
        # a file called GBK may hold what only its superset GB18030 has
        ("gbk", "𠮷".encode("gb18030"), "𠮷"),
        # a byte order mark is no character of the text
        ("utf-8", codecs.BOM_UTF8 + "好".encode(), "好"),
        ("utf-16", codecs.BOM_UTF16_BE + "好".encode("utf-16-be"), "好"),
        ("utf-16-le", "好".encode("utf-16-le"), "好"),
    ],
)
def test_reads_the_named_encoding(given_name: str, content: bytes, text: str) -> None:
    lines, messages = lines_of(content, given_name)
    assert [line.text for line in lines] == [text]
    assert messages == []


@pytest.mark.parametrize(
    "name",
    [
        "utf8000",  # unknown
        "base64",  # a codec, of no text
        "utf-32",  # a line feed of four bytes, which the reader does not know
    ],
)
def test_refuses_an_encoding_that_cannot_be_read(name: str) -> None:
    with pytest.raises(UsageError, match=rf"--encoding '{name}' cannot be read; for example utf-8, gb18030"):
        lines_of(b"a", name)


def test_the_sample_may_end_inside_a_character() -> None:
    for encoding in ("utf-8", "gb18030"):
        content = "顾客的声音".encode(encoding)
        assert find_encoding(content[:-1]) == (encoding, True)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=30), max_size=20
    ),
    st.sampled_from(["utf-8-sig", "utf-16", "gb18030"]),
)
def test_lines_come_back_as_they_were(texts: list[str], encoding: str) -> None:
    # with the encoding named, since a few bytes can be right in two encodings
    content = "".join(text + "\n" for text in texts).removeprefix("\ufeff")
    lines, _ = lines_of(content.encode(encoding), "utf-8" if encoding == "utf-8-sig" else encoding)
    assert [line.text for line in lines] == io.StringIO(content, newline="\n").readlines()
    assert not any(line.problem for line in lines)
