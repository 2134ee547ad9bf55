import lzma
from pathlib import Path

import pytest

from training.errors import CorpusError
from training.files import read_texts

TWO = '{"text": "菜不错"}\n\n{"text": "太慢", "units": [{"touchpoint": "unknown"}]}\n'


@pytest.mark.parametrize(
    ("name", "data"),
    [
        # plain, with a blank line, and with labels that are not read
        ("a.jsonl", TWO.encode()),
        # as editors on Windows save it
        ("a.jsonl", TWO.encode("utf-8-sig")),
        ("a.jsonl.xz", lzma.compress(TWO.encode())),
        # a table, also as spreadsheets in China save it
        ("a.csv", "id,text\n1,菜不错\n2,太慢\n".encode()),
        ("a.csv", "id,text\n1,菜不错\n2,太慢\n".encode("gb18030")),
    ],
)
def test_texts_in_order(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert list(read_texts(path)) == ["菜不错", "太慢"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        # no text, or not a string: the line is named
        ("a.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', r"a\.jsonl, line 2: 'text' is missing"),
        ("a.jsonl", b'{"text": 3}\n', r"line 1: 'text' is 3; it must be the text of the comment"),
        ("a.jsonl", b'{"text": " "}\n', r"line 1: 'text' is empty; leave the row out"),
        # not JSON, not an object
        ("a.jsonl", b"text\n", r"line 1: not JSON in UTF-8"),
        ("a.jsonl", b"[1]\n", r"line 1: \[1\]; every line must be one JSON object"),
        # cut off while it was copied
        ("a.jsonl.xz", lzma.compress(TWO.encode())[:-20], r"a\.jsonl\.xz: cannot be read"),
        ("a.csv", b"id,comment\n1,b\n", r"line 1: no column 'text'; got id, comment"),
        # a form that is not read
        ("a.xlsx", b"", r"a\.xlsx: read are \.jsonl, \.jsonl\.xz and \.csv; rename or convert"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        list(read_texts(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"none\.jsonl: there is no such file; give the path of an existing one"
    ):
        list(read_texts(tmp_path / "none.jsonl"))
