"""Rows keep their order, batches are bounded, memory does not grow with the file."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.tags import Tags
from service.files.flat import FlatTable
from service.files.opening import Reading, open_reader, open_writer
from service.files.rows import Row
from service.tag_command import mask_text
from service.tag_file import Options, Summary, tag_file
from tests.fakes import FakeTagger


class _Constant:
    identity = "constant@000000000000"

    def tag(self, texts: list[str]) -> list[Tags]:
        return [Tags()] * len(texts)


def run(
    source: Path, target: Path, *, tagger: Any, options: Options | None = None
) -> tuple[Summary, list[Row], list[int]]:
    errors: list[Row] = []
    seen: list[int] = []
    reader = open_reader(source, Reading(), say=lambda _: None, twice=True)

    def make_table() -> FlatTable:
        return FlatTable(reader.columns(), touchpoints=("staff",), dimensions=())

    with open_writer(target, make_table, say=lambda _: None) as writer:
        summary = tag_file(
            reader,
            writer,
            tagger,
            options=options or Options(),
            on_error=errors.append,
            on_batch=lambda so_far: seen.append(so_far.rows),
        )
    reader.close()
    return summary, errors, seen


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def test_rows_keep_their_order_through_batches_and_errors(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [json.dumps({"text": f"前台{n}", "n": n}) if n % 3 else f"broken {n}" for n in range(20)]
    source.write_text("\n".join(rows), encoding="utf-8")
    tagger = FakeTagger()
    summary, errors, seen = run(source, tmp_path / "out.jsonl", tagger=tagger, options=Options(batch_rows=6))
    out = list(lines(tmp_path / "out.jsonl"))
    assert [row.get("n") for row in out] == [n if n % 3 else None for n in range(20)]
    for row in out:
        assert ("tags" in row) != ("error" in row)
        if "tags" in row:
            assert row["tags"]["touchpoints"][0]["evidence"]["text"] == row["text"]
    assert [row.number for row in errors] == [1, 4, 7, 10, 13, 16, 19]
    assert (summary.rows, summary.failed, summary.all_failed) == (20, 7, False)
    # six rows a batch, of which the good ones reach the tagger
    assert tagger.batches == [4, 4, 4, 1]
    assert seen == [6, 12, 18, 20]


def test_a_batch_is_bounded_in_characters_too(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("\n".join(["好" * 100] * 7), encoding="utf-8")
    tagger = FakeTagger()
    run(source, tmp_path / "out.jsonl", tagger=tagger, options=Options(batch_chars=500))
    # a row counts twice: as text and as field
    assert tagger.batches == [3, 3, 1]


def test_a_batch_of_errors_does_not_reach_the_tagger(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("broken\n" * 3, encoding="utf-8")
    tagger = FakeTagger()
    summary, _, _ = run(source, tmp_path / "out.jsonl", tagger=tagger)
    assert tagger.batches == []
    assert summary.all_failed


def test_uncertain_tags_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("前台好\nok\n", encoding="utf-8")
    summary, _, _ = run(source, tmp_path / "out.jsonl", tagger=FakeTagger())
    assert (summary.rows, summary.uncertain, summary.failed) == (2, 1, 0)


def test_an_empty_input_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").touch()
    summary, _, _ = run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", tagger=FakeTagger())
    assert (summary.rows, summary.all_failed) == (0, False)
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_masking_comes_before_the_tagger_and_reaches_broken_rows(tmp_path: Path) -> None:
    phone = "13800138000"
    source = tmp_path / "in.jsonl"
    good = json.dumps({"text": f"前台电话{phone}不通，态度差", "id": phone}, ensure_ascii=False)
    source.write_text(f'{good}\n{{"text": "电话{phone}\n{{"text": 1}}\n', encoding="utf-8")
    run(source, tmp_path / "out.jsonl", tagger=FakeTagger(), options=Options(mask=mask_text))
    masked, broken, other = lines(tmp_path / "out.jsonl")
    assert phone not in masked["text"]
    assert phone not in broken["text"]
    # the other columns stay
    assert masked["id"] == phone
    assert other["text"] == 1
    # evidence counts in the text of the same row
    evidence = masked["tags"]["touchpoints"][0]["evidence"]
    assert masked["text"][evidence["start"] : evidence["end"]] == evidence["text"]


def _jsonl_row(n: int) -> str:
    return json.dumps({"id": n, "text": f"{n}" + "今天的菜上得太慢了" * 100}, ensure_ascii=False) + "\n"


def _csv_row(n: int) -> str:
    return ("id,text\n" if n == 0 else "") + f'{n},"{n}\n' + "今天的菜上得太慢了" * 100 + '"\n'


@pytest.mark.parametrize(
    ("name", "make_row", "output"),
    [
        ("in.jsonl", _jsonl_row, "out.jsonl"),
        ("in.csv", _csv_row, "out.csv"),
        # two passes, the first for the names of the columns
        ("in.jsonl", _jsonl_row, "out.csv"),
    ],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, name: str, make_row: Callable[[int], str], output: str
) -> None:
    source = tmp_path / name
    with source.open("w", encoding="utf-8", newline="") as file:
        file.writelines(make_row(n) for n in range(12_000))
    assert source.stat().st_size > 30_000_000
    tracemalloc.start()
    try:
        summary, _, _ = run(source, tmp_path / output, tagger=_Constant())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (summary.rows, summary.failed) == (12_000, 0)
    assert peak < 12_000_000
