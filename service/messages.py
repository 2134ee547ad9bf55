"""What the command line says while it works: one sentence a line on standard error, and a progress bar.

The bar is shown on a terminal only. What comes out of a file (names of columns, broken lines) is shown
without control characters, so no input can steer the terminal.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from service.files.rows import Reader, Row

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN_ROWS: Final = 20
"""Bad rows that are shown one by one; the others are counted."""

# Control characters, and those that turn the direction of writing.
_STEERING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text for a terminal, on one line and of the same length: what steers becomes a space or U+FFFD."""
    return _STEERING.sub(lambda match: " " if match[0] in "\t\n\r\u2028\u2029" else "\ufffd", text)


class Screen:
    """Standard error. `bad_rows` counts the rows with an error."""

    def __init__(self) -> None:
        self.bad_rows = 0
        self._bar: Progress | None = None

    def say(self, sentence: str) -> None:
        """Shows one sentence, above the progress bar if there is one."""
        line = printable(sentence)
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def bad_row(self, unit: Literal["line", "row"], row: Row) -> None:
        """Reports a row with an error: the first `SHOWN_ROWS` one by one."""
        self.bad_rows += 1
        if self.bad_rows <= SHOWN_ROWS:
            self.say(f"{unit} {row.number:,}: {row.error}")
        elif self.bad_rows == SHOWN_ROWS + 1:
            self.say("more rows have errors; they are counted, and marked in the output")

    @contextmanager
    def progress(self, reader: Reader, *, wanted: bool) -> Iterator["Steps"]:
        """A bar of how much of the input was read, if `wanted` and standard error is a terminal."""
        if not (wanted and sys.stderr.isatty()):
            yield Steps(reader)
            return
        from rich import progress as rich_progress
        from rich.console import Console

        size = rich_progress.DownloadColumn() if reader.unit == "line" else rich_progress.MofNCompleteColumn()
        bar = rich_progress.Progress(
            rich_progress.BarColumn(),
            size,
            rich_progress.TextColumn("{task.fields[comments]:,} comments"),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with bar:
            self._bar = bar
            task = bar.add_task("", total=reader.progress()[1], comments=0)
            try:
                yield Steps(reader, bar, task)
            finally:
                self._bar = None


class Steps:
    """Moves the bar on, if there is one."""

    def __init__(self, reader: Reader, bar: "Progress | None" = None, task: "TaskID | None" = None) -> None:
        self._reader = reader
        self._bar = bar
        self._task = task

    def step(self, comments: int) -> None:
        """Shows how much was read by now, and the number of comments tagged."""
        if self._bar is not None and self._task is not None:
            done, total = self._reader.progress()
            self._bar.update(self._task, completed=done, total=total, comments=comments)
