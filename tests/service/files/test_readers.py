"""Rows of every format: what is a comment, what is an error, what is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import InputFileError, TextColumnError, UsageError
from service.files import delimited
from service.files.opening import Format, Reading, guess_format, open_reader
from service.files.text_column import choose_text_column, unique_names
from tests.service.files.support import read, source_of


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# JSON lines


@pytest.mark.parametrize(
    ("line", "error"),
    [
        # half a line, as a copy that stopped leaves it
        ('{"text": "好', "line 1 column 10"),
        # JSON, but no object
        ('["好"]', "is an array; a JSON object is expected"),
        ('"好"', "is a string; a JSON object is expected"),
        # the field of the comment
        ('{"id": 7}', "the field 'text' is missing"),
        ('{"text": null}', "the field 'text' is null; a string is expected"),
        ('{"text": 7}', "the field 'text' is a number; a string is expected"),
        ('{"text": ["好"]}', "the field 'text' is an array; a string is expected"),
        ('{"text": true}', "the field 'text' is a boolean; a string is expected"),
        # nothing that could be written again
        ('{"text": "好", "a": ' + "[" * 300 + "]" * 300 + "}", "nested deeper than 200 levels"),
        ('{"text": "好", "a": ' + "[" * 99_999 + "]" * 99_999 + "}", "nested deeper than 200 levels"),
    ],
)
def test_jsonl_keeps_a_bad_row_with_its_error(tmp_path: Path, line: str, error: str) -> None:
    path = write(tmp_path, "in.jsonl", '{"text": "一", "id": 1}\n' + line + '\n{"text": "三"}')
    rows, column, _ = read(path)
    assert column == "text"
    assert [(row.number, row.text) for row in rows if row.error is None] == [(1, "一"), (3, "三")]
    assert rows[1].number == 2
    assert error in (rows[1].error or "")
    # what could be taken apart stays so, what could not stays as it came
    expected = json.loads(line) if "the field" in error else {"text": line}
    assert rows[1].fields == expected


def test_jsonl_keeps_what_is_nested_and_leaves_blank_lines_out(tmp_path: Path) -> None:
    fields = {"a": {"b": [1, 2.5, None, True]}, "text": "好\n的", "n": 12345678901234567890}
    path = write(tmp_path, "in.jsonl", "\n" + json.dumps(fields) + "\r\n   \n")
    rows, _, _ = read(path)
    assert [(row.number, row.fields, row.text) for row in rows] == [(2, fields, "好\n的")]


def test_jsonl_finds_the_column_in_later_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "in.jsonl", '{"id": 1}\n{"id": 2, "评论": "好"}\n')
    rows, column, said = read(path)
    assert column == "评论"
    assert [row.error is None for row in rows] == [False, True]
    assert any("'评论'" in sentence for sentence in said)


def test_jsonl_without_one_good_row_is_read_all_the_same(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path, "in.jsonl", "nothing\nof this\n"))
    assert [row.fields for row in rows] == [{"text": "nothing"}, {"text": "of this"}]
    assert all(row.error for row in rows)


def test_one_json_array_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"is one JSON array; .* jq -c"):
        read(write(tmp_path, "in.json", '\n[{"text": "好"}]'))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        (["1", "2.5"], "number"),
        (["true", "null"], "boolean"),
        (['"a"', "1"], "text"),
        # nested values become JSON
        (["[1]"], "text"),
        # more than 64 bits
        (["1", "99999999999999999999"], "text"),
        (["true", "1"], "text"),
        (["null"], "text"),
    ],
)
def test_jsonl_surveys_its_columns(tmp_path: Path, values: list[str], kind: str) -> None:
    lines = [f'{{"text": "好", "v": {value}}}' for value in values]
    path = write(tmp_path, "in.jsonl", "\n".join([*lines, "broken", '{"late": 1}']))
    reader = open_reader(path, Reading(), say=lambda _: None, twice=True)
    assert [(column.name, column.kind) for column in reader.columns()] == [
        ("text", "text"),
        ("v", kind),
        ("late", "integer"),
    ]
    # and then reads from the beginning
    assert [row.number for row in reader.rows()] == list(range(1, len(lines) + 3))
    reader.close()


# CSV and TSV


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        # a line feed, a comma and a quote inside
        ('id,text\n1,"好，\n但""贵"", 真的"\n', {"id": "1", "text": '好，\n但"贵", 真的'}),
        # CRLF, also inside a field
        ('id,text\r\n1,"a\r\nb"\r\n', {"id": "1", "text": "a\r\nb"}),
        # NUL
        ("id,text\n1,好\0吗\n", {"id": "1", "text": "好\0吗"}),
        # no line feed at the end
        ("id,text\n1,好", {"id": "1", "text": "好"}),
        # European Excel, and a tab
        ("id;text\n1;好,的\n", {"id": "1", "text": "好,的"}),
        ("id\ttext\n1\t好,的\n", {"id": "1", "text": "好,的"}),
        # quoted header, blank lines
        ('\n"id","text"\n\n1,好\n\n', {"id": "1", "text": "好"}),
        # an empty comment is a comment
        ("id,text\n1,\n", {"id": "1", "text": ""}),
        # names that are not fit to be keys
        ("text,,a,a\n好,x,1,2\n", {"text": "好", "column_2": "x", "a": "1", "a_2": "2"}),
    ],
)
def test_csv_rows(tmp_path: Path, content: str, fields: dict[str, str]) -> None:
    rows, _, _ = read(write(tmp_path, "in.csv", content))
    assert [(row.fields, row.text, row.error) for row in rows] == [(fields, fields["text"], None)]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("2,好,多\n", "has 3 fields; the header has 2"),
        ("2\n", "has 1 fields; the header has 2"),
        # would swallow the rows behind it
        ('2,"好\n', "a quote"),
        ('2,"他说"好"的"\n', "a quote stands inside a quoted field"),
        # a bare carriage return
        ("2,好\r的\n", "cannot be taken apart"),
    ],
)
@pytest.mark.parametrize("after", ["3,很好\n", '3,"很好"\n', '3,"很\n好"\n', ""])
def test_a_bad_csv_row_costs_no_other(tmp_path: Path, bad: str, error: str, after: str) -> None:
    rows, _, _ = read(write(tmp_path, "in.csv", "id,text\n1,不错\n" + bad + after))
    assert [row.text for row in rows if row.error is None] == ["不错", *([row.text for row in rows][2:])]
    assert len(rows) == (3 if after else 2)
    assert rows[1].number == 3
    assert error in (rows[1].error or "")
    assert rows[1].fields == {"text": bad.rstrip("\n")}


def test_a_quote_that_never_closes_in_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_FIELD_CHARS", 1)  # the module's own limit of 128 KiB stays
    content = 'id,text\n1,"好\n' + "2,不错\n" * 50_000
    rows, _, _ = read(write(tmp_path, "in.csv", content))
    assert len(rows) == 50_001
    assert [row.number for row in rows if row.error] == [2]


def test_an_undecodable_csv_row_keeps_its_place(tmp_path: Path) -> None:
    content = b"id,text\n" + "1,不错的店\n".encode() * 5 + b"2,\xff\n" + "3,好\n".encode()
    rows, _, _ = read(write(tmp_path, "in.csv", content))
    assert [row.number for row in rows if row.error] == [7]
    assert rows[5].fields == {"id": "2", "text": "\ufffd"}
    assert rows[6].text == "好"


def test_the_number_of_a_csv_row_is_its_line(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path, "in.csv", 'text,a\n"一\n二\n三",1\n四\n'))
    assert [(row.number, row.error is None) for row in rows] == [(2, True), (5, False)]


def test_a_comment_of_a_million_characters(tmp_path: Path) -> None:
    long = "好" * 1_000_000
    rows, _, _ = read(write(tmp_path, "in.csv", f'text,id\n"{long}",1\n'))
    assert [(len(row.text), row.error) for row in rows] == [(1_000_000, None)]


def test_an_empty_csv_has_no_header(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is empty; a header"):
        read(write(tmp_path, "in.csv", "\n\n"))


# one comment a line


def test_plain_text(tmp_path: Path) -> None:
    rows, column, _ = read(write(tmp_path, "in.txt", "很好，\t不贵\r\n\n{坏\n"))
    assert column == "text"
    assert [(row.number, row.fields) for row in rows] == [(1, {"text": "很好，\t不贵"}), (3, {"text": "{坏"})]


def test_plain_text_has_no_other_column(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no column 'body'"):
        read(write(tmp_path, "in.txt", "很好\n"), text_column="body")


# guessing


@pytest.mark.parametrize(
    ("content", "text_column", "expected"),
    [
        ('{"text": "好"}\n', None, "jsonl"),
        # its first line is broken
        ('{"text": "\n{"text": "好"}\n', None, "jsonl"),
        ("\n\nid,评论\n1,好\n", None, "csv"),
        ("id\tComment\n1\t好\n", None, "tsv"),
        # not a usual name, but the named one
        ("id,正文内容\n1,好\n", "正文内容", "csv"),
        # a comment with a comma is no header
        ("很好,不贵\n", None, "txt"),
        ('"很好\n', None, "txt"),
        ("{好评}\n", None, "txt"),
        ("", None, "txt"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_guesses_what_a_pipe_carries(
    content: str, text_column: str | None, expected: Format, encoding: str
) -> None:
    assert guess_format(source_of(content.encode(encoding)), text_column=text_column) == expected


@pytest.mark.parametrize("magic", [b"PK\x03\x04....", b"PAR1...."])
def test_a_workbook_in_a_pipe_is_refused(magic: bytes) -> None:
    with pytest.raises(InputFileError, match=r"not from a pipe"):
        guess_format(source_of(magic))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["id", "Text"], "Text"),
        (["ID", " Review Text "], " Review Text "),
        (["评论内容", "评分"], "评论内容"),
        (["review-text", "title"], "review-text"),
        (["評論", "日期"], "評論"),
    ],
)
def test_guesses_the_column(names: list[str], expected: str) -> None:
    said: list[str] = []
    assert choose_text_column(names, None, source="f", say=said.append) == expected
    assert said == [f"comments are in the column {expected!r} (another one: --text-column NAME)"]


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["text", "review", "id"], None, r"2 columns that may hold the comments: 'text', 'review'; name"),
        (["id", "title"], None, r"no column with a usual name .* its columns are: 'id', 'title'; name"),
        (["id", "text"], "txt", r"has no column 'txt'; its columns are: 'id', 'text'"),
        ([str(n) for n in range(50)], None, r"'29' and 20 more"),
    ],
)
def test_an_unclear_column_is_an_error_that_lists_them(
    names: list[str], wanted: str | None, message: str
) -> None:
    with pytest.raises(TextColumnError, match=message):
        choose_text_column(names, wanted, source="f", say=lambda _: None)


def test_unique_names() -> None:
    assert unique_names(["a", "", "a", "a_2", " b "]) == ["a", "column_2", "a_2", "a_2_2", "b"]


# opening


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "No such file"),
        ("none.xlsx", "No such file"),
        ("none.parquet", "No such file"),
        ("old.xls", "save it as .xlsx or .csv"),
        (".", "Is a directory"),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("format_", ["xlsx", "parquet"])
def test_tables_do_not_come_from_a_pipe_and_have_no_encoding(tmp_path: Path, format_: Format) -> None:
    with pytest.raises(UsageError, match="not from standard input"):
        open_reader(None, Reading(format=format_), say=lambda _: None)
    with pytest.raises(UsageError, match="--encoding is for text"):
        read(tmp_path / f"in.{format_}", encoding="utf-8")


@pytest.mark.parametrize(("name", "kind"), [("in.xlsx", "XLSX"), ("in.parquet", "Parquet")])
def test_a_broken_table_is_an_input_error(tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(InputFileError, match=f"cannot be read as {kind}"):
        read(write(tmp_path, name, b"not a table at all"))


def test_the_named_format_wins_over_the_ending(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path, "in.csv", '{"text": "好"}\n'), as_format="jsonl")
    assert rows[0].fields == {"text": "好"}


# XLSX and Parquet


def workbook(path: Path, *rows: list[Any], second: bool = False) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if second:
        book.create_sheet("more")
    book.save(path)
    return path


def test_xlsx_rows(tmp_path: Path) -> None:
    from datetime import datetime

    when = datetime.fromisoformat("2026-08-24T09:31:00")
    path = workbook(
        tmp_path / "in.xlsx",
        [],
        ["编号", "评论", "日期"],
        [1, "很好", when],
        [],
        # a comment that Excel made a number of
        [2, 666, None],
        [3, None, when],
        [4, when, None],
        [5, "多", None, "了"],
        second=True,
    )
    rows, column, said = read(path)
    assert column == "评论"
    assert [row.number for row in rows] == [3, 5, 6, 7, 8]
    assert [row.text for row in rows] == ["很好", "666", "", "", ""]
    assert [row.error for row in rows] == [
        None,
        None,
        None,
        "the cell of '评论' holds a date or time; text is expected",
        "has 4 cells; the header has 3",
    ]
    assert rows[0].fields == {"编号": 1, "评论": "很好", "日期": when}
    assert any("only the first of 2 sheets" in sentence for sentence in said)


def test_xlsx_surveys_its_columns(tmp_path: Path) -> None:
    path = workbook(tmp_path / "in.xlsx", ["text", "n", "x"], ["好", 1, 1.5], [7, 2, 2], [None, None, None])
    reader = open_reader(path, Reading(), say=lambda _: None)
    assert [(column.name, column.kind) for column in reader.columns()] == [
        ("text", "text"),
        ("n", "integer"),
        ("x", "number"),
    ]
    assert len(list(reader.rows())) == 2
    reader.close()


def test_an_empty_workbook(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is empty"):
        read(workbook(tmp_path / "in.xlsx"))


def test_parquet_rows(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "content": ["很好", None, "贵"],
            "n": pa.array([1, 2, None], pa.int16()),
            "at": pa.array([1, 1_500, None], pa.timestamp("ns", "UTC")),
            "list": [[1], [], None],
        }
    )
    path = tmp_path / "in.parquet"
    pq.write_table(table, path)
    rows, column, _ = read(path)
    assert column == "content"
    assert [(row.number, row.text) for row in rows] == [(1, "很好"), (2, ""), (3, "贵")]
    assert rows[1].error == "the column 'content' is null; a string is expected"
    assert rows[0].fields["list"] == [1]
    assert rows[0].fields["at"].microsecond == 0


def test_a_parquet_file_that_breaks_off_says_where(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [f"好{n}" for n in range(5000)]}), path, compression="gzip")
    content = bytearray(path.read_bytes())
    content[100:3000] = bytes(2900)
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="reading stopped after row 0"):
        read(path)
