"""Progress of a stage: a bar on a terminal, a line now and then in a log."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG_EVERY_S: Final = 30.0


class Shown:
    """A context that shows how far a stage is."""

    def __init__(self, *, total: int, done: int = 0, label: str = "training") -> None:
        self._console = Console(stderr=True)
        self._total, self._label = total, label
        self._begun, self._first, self._logged = time.monotonic(), done, time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, done: int, note: str) -> None:
        """`done` of the total is reached; `note` says what else is worth knowing."""
        self._bar.update(self._task, completed=done, note=note)
        now = time.monotonic()
        if self._console.is_terminal or (now - self._logged < LOG_EVERY_S and done < self._total):
            return
        self._logged = now
        left_s = (now - self._begun) / max(1, done - self._first) * (self._total - done)
        self._console.print(f"{self._label} {done}/{self._total} {note} about {left_s / 60:.0f} min left")
