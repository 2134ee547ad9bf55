"""The facts of the machine, and the warning about a busy one."""

from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.machine import busy, read_cpuinfo, this_machine, usable_cores

X86 = """processor\t: 0
model name\t: AMD EPYC 9R14
flags\t\t: fpu avx2 avx512_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd asimddp i8mm
CPU implementer\t: 0x41
"""


@pytest.mark.parametrize(
    ("text", "model", "flags"),
    [
        # x86: the first core speaks for all
        (X86, "AMD EPYC 9R14", {"fpu", "avx2", "avx512_vnni"}),
        # ARM: no model, and the flags have another name
        (ARM, "", {"fp", "asimd", "asimddp", "i8mm"}),
        # a system without the file
        ("", "", set()),
    ],
)
def test_reads_cpuinfo(text: str, model: str, flags: set[str]) -> None:
    assert read_cpuinfo(text) == (model, frozenset(flags))


def test_names_versions_and_sizes() -> None:
    found = this_machine()
    assert found.cores == usable_cores() >= 1
    assert found.cpu
    assert found.memory_gib > 0.1
    assert found.libraries["onnxruntime"] == version("onnxruntime")
    assert set(found.libraries) == set(machine.LIBRARIES)
    assert any(found.commit in line for line in found.lines())


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.machine.LIBRARIES", ("huiyin-absent",))
    assert this_machine().libraries == {"huiyin-absent": "not installed"}


def test_outside_a_checkout_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.machine.ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert this_machine().commit == "unknown"


@pytest.mark.parametrize(
    ("load", "cores", "warned"),
    [
        # what a system does by itself
        (0.3, 2, False),
        # one other process on two cores
        (1.0, 2, True),
        # the same is little on many cores
        (1.0, 16, False),
    ],
)
def test_warns_of_a_busy_machine(load: float, cores: int, warned: bool) -> None:
    warning = busy(load, cores)
    assert (warning is not None) is warned
    if warning:
        assert f"load average {load:.1f}" in warning
