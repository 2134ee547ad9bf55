"""Where the bytes come from: a file, a pipe or standard input, counted and never read whole."""

import io
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, Final

from service.errors import InputFileError

BLOCK_BYTES: Final = 256 * 1024
"""What is looked at to tell the encoding and the format."""


class Source:
    """A stream of bytes that can be looked at before it is read.

    `head` holds the first `BLOCK_BYTES`, `done` counts the bytes read, `total` is the size in bytes or None
    for a pipe. Every failure to read is an InputFileError.
    """

    def __init__(self, stream: IO[bytes], *, name: str, total: int | None = None) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self._stream = stream
        self.head = self._read(BLOCK_BYTES)
        self._ahead = io.BytesIO(self.head)

    @classmethod
    def open(cls, path: Path | None, *, twice: bool = False) -> "Source":
        """The file at `path`, or standard input for None; `twice` makes `rewind` possible for a pipe too.

        What of a pipe is to be read twice goes to a nameless temporary file, not to memory.
        """
        name = "standard input" if path is None else str(path)
        try:
            stream = sys.stdin.buffer if path is None else path.open("rb")
            status = None if path is None else path.stat()
            regular = status is not None and stat.S_ISREG(status.st_mode)
            if twice and not regular:
                stream = _spooled(stream)
        except OSError as error:
            raise InputFileError(f"{name}: cannot be read ({error.strerror or error})") from error
        return cls(stream, name=name, total=status.st_size if status is not None and regular else None)

    def rewind(self) -> None:
        """Back to the first byte; only for a regular file, or opened with `twice`."""
        self._stream.seek(len(self.head))
        self._ahead = io.BytesIO(self.head)
        self.done = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        block = self._ahead.read(size) or self._read(size)
        self.done += len(block)
        return block

    def line(self, limit: int) -> bytes:
        """The next bytes up to a line feed, the line feed included, at most `limit`; empty at the end."""
        piece = self._ahead.readline(limit)
        if len(piece) < limit and not piece.endswith(b"\n"):
            piece += self._read_line(limit - len(piece))
        self.done += len(piece)
        return piece

    def glance(self) -> bytes:
        """The bytes that come next, some at least unless the end was reached; they are still to be read."""
        if self._ahead.tell() == len(self._ahead.getbuffer()):
            self._ahead = io.BytesIO(self._read(BLOCK_BYTES))
        return bytes(self._ahead.getbuffer()[self._ahead.tell() :])

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        if self._stream is not sys.stdin.buffer:
            self._stream.close()

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise self._failed(error) from error

    def _read_line(self, limit: int) -> bytes:
        try:
            return self._stream.readline(limit)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> InputFileError:
        return InputFileError(f"{self.name}: reading stopped ({error.strerror or error})")


def _spooled(stream: IO[bytes]) -> IO[bytes]:
    descriptor, name = tempfile.mkstemp(prefix="huiyin-")
    # Without a name nothing is left behind, however the program ends.
    Path(name).unlink()
    spool = os.fdopen(descriptor, "w+b")
    shutil.copyfileobj(stream, spool, BLOCK_BYTES)
    spool.seek(0)
    return spool
