"""What is measured, and how thoroughly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROUND_S: Final = 1.0
"""A round repeats its work for at least so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Common to all parts.

    comments: texts, in their natural mix. runs: rounds; the median counts. threads: for every contender.
    compared: how many of the comments the slow contenders are measured on. round_s: least seconds of a round.
    sizes: of the matrices whose products give the machine's peak.
    """

    bundle: Path
    baseline: Path | None
    comments: tuple[str, ...]
    runs: int
    threads: int
    compared: int = 240
    round_s: float = ROUND_S
    sizes: tuple[int, ...] = (512, 1024, 2048, 4096)
