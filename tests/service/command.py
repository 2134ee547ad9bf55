"""Runs the command `huiyin` with the fake tagger: in this process, or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from service.cli import Load, main
from tests.fakes import FakeTagger

ROOT: Final = Path(__file__).resolve().parents[2]

FAKE: Final = "from service.cli import main; from tests.fakes import FakeTagger; main(load=FakeTagger)"
REAL: Final = "from service.cli import main; main()"


def huiyin(*arguments: str | Path, load: Load = FakeTagger) -> int:
    """Runs the command here and returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments], load=load)
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return code or 0


def started(
    *arguments: str | Path,
    script: str = FAKE,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = subprocess.PIPE,
) -> "subprocess.Popen[bytes]":
    """Starts the command as a process; warnings end it."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **(environment or {})}
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=variables,
    )
