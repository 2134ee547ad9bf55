"""Flat columns and the files they go to: stable names, safe cells, exact round trips."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pytest

from service.files.delimited import DelimitedWriter, safe_cell
from service.files.flat import FlatTable
from service.files.jsonl import JsonlWriter
from service.files.opening import Reading, open_reader
from service.files.parquet import ParquetWriter
from service.files.rows import Column, TaggedRow, Writer
from service.files.spreadsheet import SpreadsheetWriter
from service.files.values import as_json
from tests.service.files.support import TAGS, read, table_of, tagged

OURS = [
    "sentiment",
    "sentiment_confidence",
    "satisfaction",
    "loyalty",
    "loyalty_confidence",
    "emotion",
    "emotion_confidence",
    "emotion_2",
    "emotion_2_confidence",
    "touchpoints",
    "servqual",
    "touchpoint_staff",
    "touchpoint_price",
    "servqual_assurance",
    "evidence",
    "uncertain",
    "reason",
    "model",
    "taxonomy",
    "error",
]
VALUES: list[Any] = [
    "negative",
    0.9877,
    1.8,
    "detractor",
    0.95,
    "anger",
    0.91,
    "disappointment",
    0.2,
    "staff:negative; price:neutral",
    "assurance:negative",
    "negative",
    "neutral",
    "negative",
    "staff: 前台态度很差; price: 价格贵 / 但是值; assurance: 前台态度很差",
    False,
    None,
    "huiyin-zh-1@3f9c0a71b2de",
    "2026.1",
    None,
]


def test_the_names_and_values_of_the_columns() -> None:
    table = table_of("id", "text")
    assert [column.name for column in table.columns] == ["id", "text", *OURS]
    assert table.values(tagged({"id": 1, "text": "好"})) == [1, "好", *VALUES]
    assert table.renamed == {}


def test_a_row_with_an_error_has_only_that() -> None:
    values = table_of("id", "text").values(tagged({"text": "{坏"}, error="broken"))
    assert values == [None, "{坏", *([None] * (len(OURS) - 1)), "broken"]


def test_our_names_stay_and_the_input_gives_way() -> None:
    table = table_of("text", "sentiment", "input_error", "error")
    assert [column.name for column in table.columns] == [
        "text",
        "input_sentiment",
        "input_error",
        "input_input_error",
        *OURS,
    ]
    assert table.renamed == {"sentiment": "input_sentiment", "error": "input_input_error"}
    assert table.values(tagged({"text": "好", "sentiment": "old", "error": "e"}))[:4] == [
        "好",
        "old",
        None,
        "e",
    ]


# JSON lines


def jsonl(*rows: TaggedRow) -> tuple[list[Any], bytes, list[str]]:
    stream = io.BytesIO()
    said: list[str] = []
    writer = JsonlWriter(stream, say=said.append)
    writer.write(rows)
    writer.finish()
    return [json.loads(line) for line in stream.getvalue().splitlines()], stream.getvalue(), said


def test_jsonl_adds_tags_or_an_error() -> None:
    lines, raw, said = jsonl(tagged({"id": 1, "text": "=好"}), tagged({"text": "{坏"}, error="broken"))
    assert lines == [
        {"id": 1, "text": "=好", "tags": TAGS.to_dict()},
        {"text": "{坏", "error": "broken"},
    ]
    assert "=好".encode() in raw
    assert said == []


def test_jsonl_keeps_the_tags_of_the_input_under_another_name() -> None:
    rows = [tagged({"tags": ["vip"], "error": "old", "text": "好"}) for _ in range(3)]
    lines, _, said = jsonl(*rows)
    assert lines[2] == {"input_tags": ["vip"], "input_error": "old", "text": "好", "tags": TAGS.to_dict()}
    # said once, not for every row
    assert said == [
        "the input has a field 'tags' of its own; it is kept as 'input_tags'",
        "the input has a field 'error' of its own; it is kept as 'input_error'",
    ]


class _Slow(io.BytesIO):
    """Takes seven bytes at a time, as an unbuffered pipe may."""

    def write(self, block: Any) -> int:
        return super().write(bytes(block[:7]))


def test_jsonl_writes_on_where_the_stream_took_a_part() -> None:
    stream = _Slow()
    JsonlWriter(stream, say=lambda _: None).write([tagged({"text": "好"})])
    assert json.loads(stream.getvalue())["text"] == "好"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # JSON has no NaN
        ({"a": float("nan"), "b": [float("inf"), 1.5]}, {"a": None, "b": [None, 1.5]}),
        # a lone surrogate reads back equal
        ({"a": "\ud83d坏"}, {"a": "\ud83d坏"}),
        # what Parquet and XLSX hold
        ({"a": datetime(2026, 8, 24, 9, tzinfo=UTC)}, {"a": "2026-08-24T09:00:00+00:00"}),
        ({"a": date(2026, 8, 24)}, {"a": "2026-08-24"}),
        ({"a": Decimal("1.10"), "b": b"\x00\xff"}, {"a": "1.10", "b": "AP8="}),
        # a number of any length
        ({"a": 12345678901234567890123}, {"a": 12345678901234567890123}),
    ],
)
def test_json_of_any_value(value: Any, expected: Any) -> None:
    text = as_json(value)
    text.encode()
    assert json.loads(text) == expected


# CSV


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        # what a spreadsheet would run
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        # full-width, which some locales run as well
        ("＝1+1", "'＝1+1"),
        ("－好", "'－好"),
        # plain numbers compute nothing
        ("-3.5", "-3.5"),
        ("+8613800138000", "+8613800138000"),
        ("-1e5", "-1e5"),
        ("-12%", "-12%"),
        (-3.5, "-3.5"),
        # everything else stays
        ("很好 =1", "很好 =1"),
        ("", ""),
        (None, ""),
        (True, "true"),
        # what no cell can hold
        ("好\0\ud800", "好\ufffd\ufffd"),
        ({"a": ["=1"]}, '{"a": ["=1"]}'),
        (["=1"], '["=1"]'),
        (float("nan"), ""),
        (datetime(2026, 8, 24, 9, tzinfo=UTC), "2026-08-24T09:00:00+00:00"),
    ],
)
def test_no_cell_runs_as_a_formula(value: Any, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_csv_for_excel(delimiter: str) -> None:
    stream = io.BytesIO()
    writer = DelimitedWriter(stream, table_of("id", "text", "=cmd"), delimiter=delimiter)
    writer.write([tagged({"id": "1", "text": '好，\t"真的"\n=1', "=cmd": "=1"})])
    writer.finish()
    raw = stream.getvalue()
    # the byte order mark once, CRLF after each row, the line feed inside a cell as it was
    assert raw.startswith(b"\xef\xbb\xbfid")
    assert raw.count(b"\xef\xbb\xbf") == 1
    assert raw.count(b"\r\n") == 2
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    assert rows[0] == ["id", "text", "'=cmd", *OURS]
    assert rows[1][:3] == ["1", '好，\t"真的"\n=1', "'=1"]
    as_text = [str(value).lower() if isinstance(value, bool) else str(value or "") for value in VALUES]
    assert rows[1][3:] == as_text


def test_csv_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with path.open("wb") as stream:
        writer = DelimitedWriter(stream, table_of("text"), delimiter=",")
        writer.write([tagged({"text": '"a"\r\n，b'}), tagged({"text": "坏"}, error="broken")])
        writer.finish()
    rows, column, said = read(path)
    assert column == "text"
    assert said[0].endswith("UTF-8 with a byte order mark")
    assert [row.text for row in rows] == ['"a"\r\n，b', "坏"]
    assert [row.fields["error"] for row in rows] == ["", "broken"]


# XLSX


def xlsx(path: Path, table: FlatTable, *rows: TaggedRow, max_rows: int = 100) -> list[str]:
    said: list[str] = []
    with path.open("wb") as stream:
        writer = SpreadsheetWriter(stream, table, say=said.append, max_rows=max_rows)
        writer.write(rows)
        writer.finish()
    return said


def test_xlsx_round_trip(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    fields = {
        "text": "=1+1",
        "n": 7,
        "x": -1.5,
        "yes": True,
        "at": datetime.fromisoformat("2026-08-24T09:31:00"),
        "zone": datetime(2026, 8, 24, 9, tzinfo=UTC),
        # Excel keeps 15 digits of a number
        "order": 12345678901234567,
        "nested": {"a": [1]},
        "control": "a\x00\x0b\x1bb",
        "none": None,
    }
    path = tmp_path / "out.xlsx"
    said = xlsx(path, table_of(*fields), tagged(fields))
    rows, column, _ = read(path)
    assert column == "text"
    assert rows[0].text == "=1+1"
    assert rows[0].fields == {
        **fields,
        "zone": "2026-08-24T09:00:00+00:00",
        "order": "12345678901234567",
        "nested": '{"a": [1]}',
        "control": "a\ufffd\ufffd\ufffdb",
        **dict(zip(OURS, VALUES, strict=True)),
    }
    assert said == []
    sheet = load_workbook(path).worksheets[0]
    # a text, not a formula
    assert sheet["A2"].data_type == "s"
    assert sheet.freeze_panes == "A2"


def test_xlsx_cuts_a_long_text_and_says_so(tmp_path: Path) -> None:
    said = xlsx(tmp_path / "out.xlsx", table_of("text"), tagged({"text": "好" * 40_000}))
    assert len(read(tmp_path / "out.xlsx")[0][0].text) == 32_767
    assert said == ["1 texts were cut at 32,767 characters, the most that XLSX holds"]


def test_xlsx_goes_on_in_a_second_sheet(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    rows = [tagged({"text": f"好{n}"}) for n in range(5)]
    said = xlsx(tmp_path / "out.xlsx", table_of("text"), *rows, max_rows=3)
    book = load_workbook(tmp_path / "out.xlsx")
    assert [[row[0] for row in sheet.values] for sheet in book.worksheets] == [
        ["text", "好0", "好1"],
        ["text", "好2", "好3"],
        ["text", "好4"],
    ]
    assert book.sheetnames == ["comments", "comments 2", "comments 3"]
    assert len(said) == 2


# Parquet


def parquet(path: Path, table: FlatTable, *rows: TaggedRow) -> None:
    with path.open("wb") as stream:
        writer = ParquetWriter(stream, table)
        for row in rows:
            writer.write([row])
        writer.finish()


def test_parquet_round_trip(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    columns = [Column("n", "integer"), Column("x", "number"), Column("yes", "boolean"), Column("mixed")]
    table = table_of("text", columns=columns)
    path = tmp_path / "out.parquet"
    parquet(
        path,
        table,
        tagged({"text": "=好\0\ud800", "n": 1, "x": 2, "yes": True, "mixed": [1]}),
        tagged({"text": "坏"}, error="broken"),
    )
    stored = pq.read_table(path)
    assert [str(field.type) for field in stored.schema][:5] == ["string", "int64", "double", "bool", "string"]
    assert str(stored.schema.field("uncertain").type) == "bool"
    assert str(stored.schema.field("satisfaction").type) == "double"
    rows, _, _ = read(path)
    assert [rows[0].fields[name] for name in ("text", "n", "x", "yes", "mixed")] == [
        "=好\ufffd\ufffd",
        1,
        2.0,
        True,
        "[1]",
    ]
    assert [rows[0].fields[name] for name in OURS] == VALUES
    assert [row.fields["error"] for row in rows] == [None, "broken"]


def test_parquet_keeps_the_types_of_a_parquet_input(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.table(
        {
            "text": pa.array(["好", None], pa.large_string()),
            "price": pa.array([Decimal("1.10"), None], pa.decimal128(9, 2)),
            "day": pa.array([date(2026, 8, 24), None]),
            "at": pa.array([datetime(2026, 8, 24, 9, tzinfo=UTC), None], pa.timestamp("ms", "Asia/Shanghai")),
            "kind": pa.array(["a", None]).dictionary_encode(),
            "raw": pa.array([b"\x00\xff", None]),
            "nested": pa.array([{"a": [1, 2]}, None]),
            "pairs": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())),
        }
    )
    pq.write_table(source, tmp_path / "in.parquet")
    reader = open_reader(tmp_path / "in.parquet", Reading(), say=lambda _: None)
    table = FlatTable(reader.columns(), touchpoints=("staff",), dimensions=())
    rows = [TaggedRow(row, None if row.error else TAGS) for row in reader.rows()]
    reader.close()
    parquet(tmp_path / "out.parquet", table, *rows)
    stored = pq.read_table(tmp_path / "out.parquet").select(source.schema.names)
    assert stored.to_pylist() == source.to_pylist()
    assert [field.type for field in stored.schema] == [field.type for field in source.schema]


def writer_of(ending: str, stream: IO[bytes]) -> Writer:
    if ending == "csv":
        return DelimitedWriter(stream, table_of("text"), delimiter=",")
    if ending == "xlsx":
        return SpreadsheetWriter(stream, table_of("text"), say=lambda _: None)
    return ParquetWriter(stream, table_of("text"))


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_an_output_without_rows_has_its_header(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    with path.open("wb") as stream:
        writer_of(ending, stream).finish()
    rows, column, _ = read(path)
    assert (rows, column) == ([], "text")
