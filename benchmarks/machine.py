"""Which machine, which versions, which code: what a number means nothing without."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LIBRARIES: Final = (
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "scikit-learn",
    "tokenizers",
    "torch",
    "transformers",
)
INSTRUCTIONS: Final = (
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "sve",
)
"""Names as Linux gives them; those that matrix kernels choose by."""
BUSY_SHARE: Final = 0.2
"""Load average for each core above which others are said to keep the machine busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run took place."""

    cpu: str
    cores: int
    instructions: tuple[str, ...]
    memory_gib: float
    system: str
    python: str
    libraries: Mapping[str, str]
    commit: str

    def lines(self) -> list[str]:
        """For people."""
        libraries = ", ".join(f"{name} {found}" for name, found in self.libraries.items())
        return [
            f"{self.cpu}, cores: {self.cores}, memory: {self.memory_gib:.0f} GiB, {self.system}",
            f"instruction sets: {', '.join(self.instructions) or 'unknown'}",
            f"Python {self.python}, {libraries}",
            f"commit {self.commit}",
        ]


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def this_machine() -> Machine:
    """Facts of the machine that runs this."""
    model, flags = read_cpuinfo(_text(Path("/proc/cpuinfo")))
    return Machine(
        cpu=model or platform.processor() or platform.machine(),
        cores=usable_cores(),
        instructions=tuple(name for name in INSTRUCTIONS if name in flags),
        memory_gib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30,
        system=platform.platform(terse=True),
        python=platform.python_version(),
        libraries=_versions(),
        commit=_commit(),
    )


def read_cpuinfo(text: str) -> tuple[str, frozenset[str]]:
    """Model and instruction sets of the first core in the text of `/proc/cpuinfo`; empty where not told."""
    pairs = [line.partition(":") for line in text.partition("\n\n")[0].splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    return facts.get("model name", ""), frozenset(facts.get("flags", facts.get("Features", "")).split())


def load_average() -> float:
    """Processes that ran or waited for a core during the last minute, on average."""
    return os.getloadavg()[0]


def busy(load: float, cores: int) -> str | None:
    """A warning where other processes keep the cores busy."""
    if load <= BUSY_SHARE * cores:
        return None
    return (
        f"other processes keep the cores busy: load average {load:.1f} before the start, cores: {cores}; "
        "ratios hold roughly, absolute numbers do not: run again on an idle machine"
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _commit() -> str:
    """The commit, and whether the tree differs from it; `unknown` outside a git checkout."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + (" with changes" if changes.stdout.strip() else "")
