"""What every stage shares: how it begins and ends as a command, and the record it leaves of itself."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import typer

from models.errors import HuiyinError
from models.files import read_json, write_json_atomic

EXIT_ERROR: Final = 2
"""Exit status of a stage that cannot do what was asked; 128 + n of one that signal n stopped."""
RECORD: Final = "stage.json"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The stage was told to end. No error, so `except Exception` lets it by."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def run_stage(main: Callable[..., None]) -> NoReturn:
    """Runs a stage's `main` with the options of the command line and ends the process.

    What goes wrong for a reason the user can mend (a HuiyinError) is one line on standard error and exit
    status 2, without a traceback. Ctrl-C and SIGTERM let a training step end, which saves a checkpoint.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        with errors_on_one_line():
            app()
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except Stopped as stopped:
        print(f"stopped by {stopped}; run the same command again to go on", file=sys.stderr)
        sys.exit(stopped.exit_code)
    sys.exit(0)


@contextmanager
def errors_on_one_line() -> Iterator[None]:
    """Turns a HuiyinError (or OSError) into one line on standard error and the end with status 2."""
    try:
        yield
    # OSError: a full disk, a folder that may not be written; its text names the file.
    except (HuiyinError, OSError) as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        raise typer.Exit(EXIT_ERROR) from error


@contextmanager
def held_signals() -> Iterator[None]:
    """Signals to end wait until the block has ended, so that what it does is done wholly or not at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        came.append(number)

    before = {each: signal.signal(each, hold) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in came[:1]:
        signal.raise_signal(number)


def write_record(
    folder: Path,
    stage: str,
    *,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    name: str = RECORD,
) -> None:
    """Writes what a stage was told (resolved) and what came of it as `name` in its folder.

    `before` is the history of what it started from. Values are JSON values or paths; of a path the name is
    written, since records travel with models. Raises OSError where the folder cannot be written.
    """
    record = {"stage": stage, "config": config, "metrics": metrics, "before": before or {}}
    folder.mkdir(parents=True, exist_ok=True)
    write_json_atomic(folder / name, {key: _plain(value) for key, value in record.items()})


def read_history(folder: Path) -> dict[str, Any]:
    """Configuration and metrics by stage of what made a folder; empty for one that no stage wrote."""
    if not (folder / RECORD).is_file():
        return {}
    record = read_json(folder / RECORD, "the record of a stage")
    return {**record["before"], record["stage"]: {key: record[key] for key in ("config", "metrics")}}


def _plain(value: Any) -> Any:
    """The value in JSON's types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value.name if isinstance(value, Path) else value


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
