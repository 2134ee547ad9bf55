"""A process of its own for each contender: orders, answers, memory, last words."""

import io
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import worker
from benchmarks.child import started
from benchmarks.errors import BenchmarkError
from benchmarks.worker import peak_mib, repeated, serve


class Adder:
    """A contender that notes how often it was called."""

    def __init__(self, *, threads: int, start: int) -> None:
        self.total = start * threads

    def add(self, value: int) -> int:
        """The new total."""
        self.total += value
        return self.total


@pytest.fixture
def adder(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("huiyin_adder")
    vars(module)["Adder"] = Adder
    monkeypatch.setitem(sys.modules, "huiyin_adder", module)
    monkeypatch.setitem(worker.CONTENDERS, "adder", ("huiyin_adder", "Adder"))


def _served(*orders: object) -> list[Any]:
    answers = io.StringIO()
    serve(io.StringIO("".join(json.dumps(order) + "\n" for order in orders)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


START = {"contender": "adder", "options": {"threads": 2, "start": 5}}


def test_orders_are_answered_in_turn(adder: None) -> None:
    first, second = ({"method": "add", "arguments": {"value": value}} for value in (1, 20))
    assert _served(START, first, second) == [None, 11, 31]


def test_a_timed_order_answers_with_times_and_seconds(adder: None) -> None:
    timed = {"method": "add", "arguments": {"value": 1}, "at_least_s": 0.0}
    _, (times, seconds), total = _served(START, timed, {"method": "add", "arguments": {"value": 0}})
    assert (times, total) == (1, 11)
    assert seconds > 0


def test_work_is_repeated_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.4, 100.8, 101.2])
    monkeypatch.setattr("benchmarks.worker.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    done: list[int] = []
    times, seconds = repeated(lambda: done.append(1), at_least_s=1.0)
    assert (times, len(done)) == (3, 3)
    assert seconds == pytest.approx(1.2)


def test_a_process_answers_and_counts_its_own_memory_only() -> None:
    before = peak_mib()
    held = np.ones(100 * 2**20 // 8)  # 100 MiB, touched
    mine = peak_mib()
    assert mine >= before
    with started("peak", threads=1) as child:
        row = child.call("multiply", size=16)
        memory = child.peak_mib()
    assert len(row) == 16
    # numpy and onnxruntime, but nothing of what this process holds beyond them
    assert 20 < memory < mine
    assert held.sum() == held.size


def test_a_rate_is_items_by_time() -> None:
    with started("peak", threads=1) as child:
        one = child.rate("multiply", items=1.0, at_least_s=0.0, size=16)
        assert one > 0


@pytest.mark.parametrize(
    ("contender", "options", "message"),
    [
        # a bundle that is not there
        ("tagger", {"bundle": "absent"}, r"tagger: models\.errors\.BundleCorrupt: absent is not a folder"),
        # an option that the contender does not have
        ("peak", {"colour": "red"}, r"peak: TypeError: .*colour"),
    ],
)
def test_a_contender_that_cannot_be_made_says_why(
    contender: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(BenchmarkError, match=message), started(contender, threads=1, **options):
        pass


def test_a_call_that_fails_says_why() -> None:
    with started("peak", threads=1) as child:
        with pytest.raises(BenchmarkError, match="peak: ValueError: negative dimensions"):
            child.call("multiply", size=-1)
        # the process is gone
        with pytest.raises(BenchmarkError, match="peak: "):
            child.call("multiply", size=16)


def test_both_taggers_can_be_asked(small_bundle: Path) -> None:
    with started("tagger", threads=1, bundle=str(small_bundle)) as tagger:
        for method in ("one_by_one", "bulk"):
            assert tagger.call(method, texts=["前台态度很差", ""]) is None
