"""Where the output goes: a file that appears whole or not at all, or standard output.

A file is written beside its target, flushed to the disk and renamed over it at the end. Whatever ends the
writing before that (an error, a full disk, Ctrl-C) removes the part and leaves the old file as it was.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from service.errors import OutputError

_PART: Final = ".huiyin-"


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes `target` when the block ends well.

    An existing file keeps its mode; a link is followed. A device or a pipe is written straight to. Raises
    OutputError for every failure to write, inside the block too.
    """
    real = Path(os.path.realpath(target))
    with writing_to(str(target)):
        if real.exists() and not stat.S_ISREG(real.stat().st_mode):
            with real.open("wb", buffering=0) as stream:
                yield stream
            return
        descriptor, name = tempfile.mkstemp(prefix=_PART, suffix=".part", dir=real.parent)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.chmod(_mode(real))
            part.replace(real)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _keep_name(real.parent)


@contextmanager
def standard_output() -> Iterator[IO[bytes]]:
    """Standard output as bytes. Raises OutputError, but BrokenPipeError as it is: the reader had enough."""
    sys.stdout.flush()
    # Without a buffer nothing is left to be written, and to fail again, when the program ends.
    with (
        writing_to("standard output"),
        os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as stream,
    ):
        yield stream


@contextmanager
def writing_to(name: str) -> Iterator[None]:
    """Turns every OSError of the block into an OutputError that names the output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"{name}: cannot be written ({error.strerror or error}); nothing was left behind"
        ) from error


def _mode(real: Path) -> int:
    if real.exists():
        return stat.S_IMODE(real.stat().st_mode)
    # The part is private (0600); the finished file is like any other of this user.
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _keep_name(folder: Path) -> None:
    """Flushes the renaming itself; some file systems cannot, and the content is safe all the same."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
