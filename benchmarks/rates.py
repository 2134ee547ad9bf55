"""Rates of interleaved rounds: what changes on the machine during a run meets every contender alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Rates:
    """One number per round, e.g. comments per second; the median stands for them."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    def per(self, other: "Rates") -> "Rates":
        """The ratio round by round, so that a slow moment of the machine falls out."""
        return Rates(tuple(mine / its for mine, its in zip(self.rounds, other.rounds, strict=True)))

    def times(self, factor: float) -> "Rates":
        """Every round times a factor, e.g. from comments to operations."""
        return Rates(tuple(value * factor for value in self.rounds))

    def show(self, digits: int = 1) -> str:
        """`12.3 (11.9 to 12.8)`: median, lowest and highest round."""
        middle, low, high = (
            f"{value:,.{digits}f}" for value in (self.median, min(self.rounds), max(self.rounds))
        )
        return middle if len(self.rounds) == 1 else f"{middle} ({low} to {high})"

    def to_dict(self) -> dict[str, object]:
        return {"median": self.median, "rounds": list(self.rounds)}


def highest(rates: Mapping[Name, Rates]) -> Name:
    """Whose median is the highest."""
    return max(rates, key=lambda name: rates[name].median)


def interleaved(jobs: Mapping[Name, Callable[[], float]], *, runs: int) -> dict[Name, Rates]:
    """Run all jobs once a round, in turn (ABAB); each returns its rate."""
    found: dict[Name, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            found[name].append(job())
    return {name: Rates(tuple(values)) for name, values in found.items()}
