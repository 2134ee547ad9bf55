"""`huiyin tag` from the outside: what comes out, what is said, and how it ends."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.errors import BundleCorrupt
from models.tags import Tags
from service.files.opening import Reading, open_reader
from tests.fakes import FakeTagger
from tests.service.command import REAL, huiyin, started

COMMENTS = ["前台态度很差，价格贵", "味道好\n下次再来", "", "=好"]


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def comments(folder: Path) -> Path:
    return jsonl(folder / "in.jsonl", *({"id": n, "text": text} for n, text in enumerate(COMMENTS)))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# what comes out


def test_without_an_output_json_lines_go_to_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert huiyin("tag", comments(tmp_path)) == 0
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in rows] == COMMENTS
    expected = [tags.to_dict() for tags in FakeTagger().tag(COMMENTS)]
    assert [row["tags"] for row in rows] == expected
    assert "comments are in the column 'text'" in err
    assert "model fake@000000000000" in err
    assert "4 comments tagged" in err
    # no bar in a pipe, no sequence that steers a terminal
    assert "\x1b" not in out + err


@pytest.mark.parametrize("input_ending", ["jsonl", "csv", "tsv", "xlsx", "parquet"])
@pytest.mark.parametrize("output_ending", ["jsonl", "csv", "tsv", "xlsx", "parquet"])
def test_every_format_into_every_format(tmp_path: Path, input_ending: str, output_ending: str) -> None:
    first = tmp_path / f"first.{input_ending}"
    assert huiyin("tag", comments(tmp_path), "-o", first) == 0
    second = tmp_path / f"second.{output_ending}"
    assert huiyin("tag", first, "-o", second, "--text-column", "text") == 0
    reader = open_reader(second, Reading(text_column="text"), say=lambda _: None)
    rows = list(reader.rows())
    reader.close()
    # an apostrophe guards the formula in a delimited file, and only there
    guarded = {"csv", "tsv"} & {input_ending, output_ending}
    assert [row.text for row in rows] == [*COMMENTS[:3], "'=好" if guarded else "=好"]
    assert [row.error for row in rows] == [None] * 4
    if output_ending == "jsonl":
        assert rows[0].fields["tags"]["touchpoints"][0]["id"] == "staff"
    else:
        assert rows[0].fields["touchpoint_staff"] == "negative"
        assert rows[0].fields["touchpoints"] == "staff:negative; price:negative"


def test_a_pipe_of_json_lines_into_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # a column that appears late is not lost, although a pipe cannot be read twice
    content = b"".join(b'{"text": "\xe5\xa5\xbd"}\n' for _ in range(300)) + b'{"text": "a", "late": 7}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert huiyin("tag", "-", "-o", tmp_path / "out.csv") == 0
    assert "standard input: read as JSON lines" in capfd.readouterr().err
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 301
    assert list(rows[0])[:2] == ["text", "late"]
    assert (rows[0]["late"], rows[-1]["late"]) == ("", "7")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("前台态度差\n味道好\n".encode("gb18030"), ["GB18030", "one comment a line"]),
        (
            "id,评论\r\n1,前台态度差\r\n2,味道好\r\n".encode("utf-8-sig"),
            ["UTF-8 with a byte", "CSV", "'评论'"],
        ),
        ("id\t评论\r\n1\t前台态度差\r\n2\t味道好\r\n".encode("utf-16"), ["UTF-16 with a byte", "TSV"]),
    ],
)
def test_says_what_standard_input_was_taken_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], content: bytes, said: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert huiyin("tag", "-") == 0
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["tags"]["sentiment"] for row in rows] == ["negative", "positive"]
    for words in said:
        assert words in err


def test_columns_of_the_input_that_are_called_like_ours_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("text,sentiment\n味道好,坏\n", encoding="utf-8")
    assert huiyin("tag", tmp_path / "in.csv", "-o", tmp_path / "out.csv") == 0
    assert "called like ours are kept: 'sentiment' as 'input_sentiment'" in capfd.readouterr().err
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["input_sentiment"], row["sentiment"]) == ("坏", "positive")


# bad rows


def test_bad_rows_are_reported_and_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "好"}\n' + "broken\n" * 30 + '{"text": "差"}\n{"text": "ha', encoding="utf-8")
    assert huiyin("tag", source, "-o", tmp_path / "out.jsonl") == 0
    err = capfd.readouterr().err
    assert "line 2: is not valid JSON" in err
    assert "line 21: " in err
    # twenty are shown, the others counted
    assert "line 22: " not in err
    assert "more rows have errors" in err
    assert "2 comments tagged" in err
    assert "31 of 33 rows with an error" in err
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum("error" in row for row in rows) == 31
    assert rows[-1]["text"] == '{"text": "ha'


def test_only_bad_rows_end_with_1(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("broken\n{}\n", encoding="utf-8")
    assert huiyin("tag", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl") == 1
    # and are written all the same
    assert (tmp_path / "out.jsonl").read_bytes().count(b'"error"') == 2


def test_nothing_in_a_file_steers_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text("a\x1b[31m\u202e,b\n1,2\n", encoding="utf-8")
    assert huiyin("tag", tmp_path / "in.csv") == 2
    err = capfd.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err


# the released model


def test_the_released_model_tags_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "编号,评论\r\n1,前台态度很差，问什么都不理人\r\n2,菜很好吃，价格也实惠\r\n", encoding="gb18030"
    )
    process = started("tag", "in.csv", "-o", "out.jsonl", script=REAL, folder=tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert out == b""
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["tags"]["sentiment"] for row in rows] == ["negative", "positive"]
    assert "staff" in {touchpoint["id"] for touchpoint in rows[0]["tags"]["touchpoints"]}
    for row in rows:
        for each in (*row["tags"]["touchpoints"], *row["tags"]["servqual"]):
            evidence = each["evidence"]
            assert row["评论"][evidence["start"] : evidence["end"]] == evidence["text"]


def test_the_released_model_shows_the_demo() -> None:
    process = started("demo", script=REAL)
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert "60 comments" in out.decode()


# what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tag"], "INPUT is missing: give a file, - for standard input, or --text TEXT"),
        (["tag", "none.csv"], "none.csv: cannot be read (No such file or directory)"),
        (["tag", "in.jsonl", "-o", "in.jsonl"], "in.jsonl is the input itself"),
        (["tag", "in.jsonl", "-o", "out.doc"], "must end in one of .jsonl"),
        (["tag", "in.jsonl", "-o", "in.jsonl/out.csv"], "there is no folder"),
        (["tag", "in.jsonl", "--text-column", "body"], "has no column 'body'; its columns are: 'id', 'text'"),
        (["tag", "in.jsonl", "--encoding", "utf-9"], "--encoding 'utf-9' cannot be read"),
        (["tag", "in.jsonl", "--text", "好"], "--text shows comments at once"),
        (["tag", "two.csv"], "2 columns that may hold the comments: 'text', '评论'"),
        (["tag", "old.xls"], "the old form .xls is not read"),
    ],
)
def test_what_is_refused_in_one_line_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    comments(tmp_path)
    Path("two.csv").write_text("text,评论\na,b\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    code = huiyin(*arguments)
    out, err = capfd.readouterr()
    assert code == (1 if "folder" in message else 2)
    assert message in err
    assert len(err.splitlines()) <= 2
    assert err.splitlines()[-1].startswith("huiyin: ")
    assert out == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unknown_option_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert huiyin("tag", "--colour") == 2
    assert "--colour" in capfd.readouterr().err


def test_an_error_of_the_model_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def load(path: Path | None) -> FakeTagger:
        raise BundleCorrupt(f"{path}: the manifest is missing")

    assert huiyin("tag", comments(tmp_path), "--model", "folder", load=load) == 2
    assert capfd.readouterr().err.splitlines()[-1] == "huiyin: folder: the manifest is missing"


def test_a_missing_extra_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert huiyin("tag", comments(tmp_path), "-o", tmp_path / "out.xlsx") == 2
    err = capfd.readouterr().err
    assert "openpyxl is not installed" in err
    assert 'pip install "huiyin[service]"' in err
    assert names(tmp_path) == ["in.jsonl"]


def test_a_dash_is_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert huiyin("tag", comments(tmp_path), "-o", "-") == 0
    assert len(capfd.readouterr().out.splitlines()) == 4


# how it ends


class _Killed(FakeTagger):
    """The signal comes while the second batch is tagged."""

    number = signal.SIGINT

    def tag(self, texts: list[str]) -> list[Tags]:
        if self.batches:
            os.kill(os.getpid(), self.number)
        return super().tag(texts)


class _Terminated(_Killed):
    number = signal.SIGTERM


@pytest.mark.parametrize(("load", "code"), [(_Killed, 130), (_Terminated, 143)])
@pytest.mark.parametrize("ending", ["jsonl", "csv", "xlsx", "parquet"])
def test_a_signal_leaves_no_half_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], load: type[FakeTagger], code: int, ending: str
) -> None:
    source = jsonl(tmp_path / "in.jsonl", *({"text": "味道好"} for _ in range(3000)))
    target = tmp_path / f"out.{ending}"
    target.write_bytes(b"old")
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert huiyin("tag", source, "-o", target, load=load) == code
    assert names(tmp_path) == ["in.jsonl", target.name]
    assert target.read_bytes() == b"old"
    assert "nothing was left behind" in capfd.readouterr().err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


WAITING = """
import signal, sys
from service.cli import main
from tests.fakes import FakeTagger

class Waiting(FakeTagger):
    def tag(self, texts):
        print("tagging", file=sys.stderr, flush=True)
        signal.pause()

main(load=Waiting)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_process(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = started("tag", comments(tmp_path), "-o", tmp_path / "out.csv", script=WAITING)
    with process:
        assert process.stderr is not None
        while (line := process.stderr.readline()) != b"tagging\n":
            assert line
        # the part lies beside its target
        assert len(names(tmp_path)) == 2
        process.send_signal(number)
        err = process.stderr.read()
        assert process.wait() == code
    assert b"Traceback" not in err
    assert names(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "xlsx", "parquet"])
def test_a_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str], ending: str) -> None:
    target = tmp_path / f"out.{ending}"
    target.symlink_to("/dev/full")
    assert huiyin("tag", comments(tmp_path), "-o", target) == 1
    err = capfd.readouterr().err
    assert f"out.{ending}: cannot be written (No space left on device)" in err
    assert names(tmp_path) == ["in.jsonl", target.name]


def test_standard_output_on_a_full_disk(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = started("tag", comments(tmp_path), stdout=full.fileno())
        _, err = process.communicate()
    assert process.returncode == 1
    assert b"huiyin: standard output: cannot be written (No space left on device)" in err
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "in.jsonl", *({"text": "味道好" * 50} for _ in range(3000)))
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = started("tag", source, stdout=write_end)
    os.close(write_end)
    _, err = process.communicate()
    assert process.returncode == 0
    assert b"rror" not in err


def test_a_bar_on_a_terminal_only(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    terminal, inner = pty.openpty()
    process = started("tag", comments(tmp_path), "-o", tmp_path / "out.csv", environment={"TERM": "xterm"})
    _, piped = process.communicate()
    with subprocess.Popen(
        [sys.executable, "-c", BAR, str(comments(tmp_path)), str(tmp_path / "out.csv")],
        stderr=inner,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"},
    ) as shown:
        os.close(inner)
        seen = b""
        # a terminal whose other end is closed ends with an error
        try:
            while block := os.read(terminal, 4096):
                seen += block
        except OSError:
            pass
    os.close(terminal)
    assert shown.returncode == 0
    assert b"\x1b[" in seen
    assert b"comments" in seen
    assert b"\x1b" not in piped


BAR = """
import sys
from service.cli import main
from tests.fakes import FakeTagger
main(["tag", sys.argv[1], "-o", sys.argv[2]], load=FakeTagger)
"""


# the map


def test_help_is_the_map(capfd: pytest.CaptureFixture[str]) -> None:
    assert huiyin("--help") == 0
    out = capfd.readouterr().out
    for command in ("tag", "demo", "train", "evaluate"):
        assert f" {command} " in out


def test_the_version(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"1.2.3 of {name}")
    assert huiyin("--version") == 0
    assert capfd.readouterr().out == "huiyin 1.2.3 of huiyin\n"


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, service.cli\n"
        "print(sorted({'numpy', 'onnxruntime', 'pyarrow', 'openpyxl', 'tokenizers', 'opencc', 'torch'}"
        " & set(sys.modules)))"
    )
    process = started(script=script)
    out, _ = process.communicate()
    assert out == b"[]\n"
