"""A contender in a fresh process, seen from the benchmark that drives it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine import ROOT
from benchmarks.settings import Settings


class Child:
    """Orders for a process of `benchmarks.worker`. It idles without them, so several can take turns."""

    def __init__(self, contender: str, process: subprocess.Popen[str], errors: IO[bytes]) -> None:
        self._contender, self._process, self._errors = contender, process, errors

    def call(self, method: str, **arguments: Any) -> Any:
        """What the contender's method returns, through JSON.

        Raises:
            BenchmarkError: the method failed and the process ended; the message is its last words.
        """
        return self.ask({"method": method, "arguments": arguments})

    def rate(self, method: str, *, items: float, at_least_s: float, **arguments: Any) -> float:
        """Items per second, timed inside the process; the method is repeated for at least so long."""
        times, seconds = self.ask({"method": method, "arguments": arguments, "at_least_s": at_least_s})
        return items * float(times) / float(seconds)

    def peak_mib(self) -> float:
        """The most memory that the process held so far (resident), in MiB."""
        return float(self.ask({"method": "peak_mib"}))

    def ask(self, order: dict[str, Any]) -> Any:
        """Send one order and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer = ""
        if self._process.poll() is None:
            try:
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()
                answer = self._process.stdout.readline()
            except BrokenPipeError:
                # What was not sent would be tried again when the pipe is closed.
                with suppress(BrokenPipeError):
                    self._process.stdin.close()
        if not answer:
            raise BenchmarkError(f"{self._contender}: {self._last_words()}")
        return json.loads(answer)

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with {self._process.returncode} and no message"


@contextmanager
def started(contender: str, *, threads: int, **options: Any) -> Iterator[Child]:
    """A contender in a process of its own, ready for calls; the process ends with the context.

    Raises:
        BenchmarkError: the contender cannot be made, e.g. because a package or a file is missing.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            env={**os.environ, **_environment(threads)},
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        child = Child(contender, process, errors)
        child.ask({"contender": contender, "options": {"threads": threads, **options}})
        yield child


@contextmanager
def with_bundle(contender: str, settings: Settings, **options: Any) -> Iterator[Child]:
    """A contender that reads the bundle: the tagger, its stages, a runtime."""
    bundle = str(settings.bundle.resolve())
    with started(contender, threads=settings.threads, bundle=bundle, **options) as child:
        yield child


def _environment(threads: int) -> dict[str, str]:
    """The same number of threads for every library, and no look at a model hub."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
