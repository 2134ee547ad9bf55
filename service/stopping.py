"""Ending well when told to: Ctrl-C, SIGTERM and a closed terminal become an exception, once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stopped(BaseException):
    """The program was told to end. No error, so `except Exception` lets it by."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM: what a shell shows for a program that a signal ended."""
        return 128 + self.number


@contextmanager
def stop_signals() -> Iterator[None]:
    """Inside the block a signal to end raises Stopped; further ones are ignored while that cleans up.

    Only for the main thread. A signal that is ignored from outside (nohup) stays ignored.
    """

    def stop(number: int, _: FrameType | None) -> None:
        for each in watched:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    watched = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in watched}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
