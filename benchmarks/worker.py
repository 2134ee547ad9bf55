"""python -m benchmarks.worker: one contender in a process of its own, driven by `benchmarks.child`.

Every line of standard input is an order in JSON, every line of standard output its answer. What contenders
print goes to standard error. An error ends the process; its traceback is the message.
"""

import importlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

CONTENDERS: Final = {
    "tagger": ("benchmarks.taggers", "TaggerContender"),
    "baseline": ("benchmarks.taggers", "BaselineContender"),
    "stages": ("benchmarks.stages", "Stages"),
    "peer": ("benchmarks.peer", "Peer"),
    "onnxruntime": ("benchmarks.runtimes", "OnnxRuntime"),
    "openvino": ("benchmarks.runtimes", "OpenVino"),
    "peak": ("benchmarks.peak", "Peak"),
}
"""Module and class; a process imports only its own, so that its memory is that of its contender."""
STATUS: Final = Path("/proc/self/status")


def peak_mib() -> float:
    """The most memory that this process held at a time (resident), in MiB.

    Linux counts what the parent held before `exec` into `ru_maxrss`; `VmHWM` begins with the program.
    """
    if STATUS.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


def repeated(work: Callable[[], object], *, at_least_s: float) -> tuple[int, float]:
    """Do the work once or more, until so many seconds have passed. Returns how often and the seconds."""
    start, times = time.perf_counter(), 0
    while True:
        work()
        times += 1
        seconds = time.perf_counter() - start
        if seconds >= at_least_s:
            return times, seconds


def serve(orders: IO[str], answers: IO[str]) -> None:
    """Answer orders until there are no more. The first one names the contender and its options."""
    first = json.loads(orders.readline())
    module, name = CONTENDERS[first["contender"]]
    contender = getattr(importlib.import_module(module), name)(**first["options"])
    _answer(answers, None)
    for line in orders:
        _answer(answers, _carry_out(contender, json.loads(line)))


def _carry_out(contender: object, order: Mapping[str, Any]) -> Any:
    if order["method"] == "peak_mib":
        return peak_mib()
    method = getattr(contender, order["method"])
    if "at_least_s" not in order:
        return method(**order["arguments"])
    return repeated(lambda: method(**order["arguments"]), at_least_s=order["at_least_s"])


def _answer(answers: IO[str], value: object) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def main() -> None:
    """Keep standard output for the answers, whatever a library prints."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
