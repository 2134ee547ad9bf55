import ast
import importlib
import inspect
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training.stage import read_history, write_record

ROOT = Path(__file__).parents[2]
PRELUDE = """
import os, signal
from training.stage import run_stage, held_signals
from training.errors import CorpusError
# A test run in the background ignores Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def run(main: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process whose stage has this body."""
    code = f"{PRELUDE}def main(times: int = 1) -> None:\n    'Does it.'\n    {main}\nrun_stage(main)"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)


@pytest.mark.parametrize(
    ("main", "arguments", "code", "error"),
    [
        # done
        ("print(times + 1)", ["--times", "3"], 0, ""),
        # what the user can mend: one line, also where the message has several
        ("raise CorpusError('a.jsonl, line 3:\\nno text')", [], 2, "error: a.jsonl, line 3: no text\n"),
        # the file system says no
        ("open('/nowhere/at/all')", [], 2, "error: [Errno 2] No such file or directory: '/nowhere/at/all'\n"),
        # told to end: what a shell shows for it
        (
            "os.kill(os.getpid(), signal.SIGTERM)",
            [],
            143,
            "stopped by SIGTERM; run the same command again to go on\n",
        ),
        (
            "os.kill(os.getpid(), signal.SIGINT)",
            [],
            130,
            "stopped by SIGINT; run the same command again to go on\n",
        ),
    ],
)
def test_how_a_stage_ends(main: str, arguments: list[str], code: int, error: str) -> None:
    done = run(main, *arguments)
    assert (done.returncode, done.stderr) == (code, error)
    assert done.stdout == ("4\n" if code == 0 else "")


def test_wrong_options_are_explained() -> None:
    done = run("print(times)", "--times", "many")
    assert done.returncode == 2
    assert "Invalid value for '--times'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_keeps_its_traceback() -> None:
    done = run("print(1 / 0)")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_held_signal_comes_after_the_block() -> None:
    body = """with held_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        print('whole', flush=True)
    print('never')"""
    done = run(body)
    assert done.stdout == "whole\n"
    assert done.returncode == 128 + signal.SIGTERM


def _stages() -> list[Path]:
    folder = ROOT / "training"
    return sorted(path for path in folder.glob("*.py") if '__name__ == "__main__"' in path.read_text("utf-8"))


def test_there_are_stages() -> None:
    names = {path.stem for path in _stages()}
    assert {"encoder", "pretrain", "train", "export", "calibrate", "measure", "evaluate", "pipeline"} <= names


@pytest.mark.parametrize("path", _stages(), ids=lambda path: path.stem)
def test_every_stage_ends_the_same_way(path: Path) -> None:
    """Its last statement hands `main` to `run_stage`, so what is shown above holds for it."""
    last = ast.parse(path.read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last).splitlines()[1:] == ["    run_stage(main)"]


@pytest.mark.parametrize("path", _stages(), ids=lambda path: path.stem)
def test_every_stage_says_how_to_run_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"python -m training.{path.stem} " in text


def _commands(text: str) -> list[tuple[str, list[str]]]:
    """Stage and options of every `python -m training.STAGE ...` in a text."""
    found = re.findall(r"python -m training\.(\w+)([^`\n]*)", text)
    return [(stage, re.findall(r"(?<![\w-])--([a-z0-9-]+)", rest)) for stage, rest in found]


DOCUMENTS = [ROOT / "training" / "README.md", ROOT / "training" / "BENCHMARKS.md", *_stages()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_command_that_is_told_exists(path: Path) -> None:
    commands = _commands(path.read_text(encoding="utf-8"))
    assert commands
    for stage, options in commands:
        main = importlib.import_module(f"training.{stage}").main
        known = {name.replace("_", "-") for name in inspect.signature(main).parameters}
        assert set(options) <= known, f"{stage}: {options}"


def test_history_of_a_folder(tmp_path: Path) -> None:
    assert read_history(tmp_path) == {}
    write_record(tmp_path / "a", "encoder", config={"source": tmp_path / "e5.bin"}, metrics={"pieces": 7})
    write_record(
        tmp_path / "b",
        "pretrain",
        config={"texts": (tmp_path / "x.jsonl",)},
        metrics={"loss": 0.5},
        before=read_history(tmp_path / "a"),
    )
    # Of a path only the name: a record may travel with a model.
    assert read_history(tmp_path / "b") == {
        "encoder": {"config": {"source": "e5.bin"}, "metrics": {"pieces": 7}},
        "pretrain": {"config": {"texts": ["x.jsonl"]}, "metrics": {"loss": 0.5}},
    }
    assert json.loads((tmp_path / "b" / "stage.json").read_text(encoding="utf-8"))["stage"] == "pretrain"
