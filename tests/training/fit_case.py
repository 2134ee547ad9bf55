"""A training that can be killed: python -m tests.training.fit_case FOLDER KILL_AT

Small, but with everything that a checkpoint must hold: dropout, a moving average, tied weights, a buffer.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from training.fit import FitConfig, fit, padded

CONFIG = FitConfig(
    epochs=2.5,
    tokens_per_batch=24,
    average=0.9,
    learning_rate=0.01,
    head_learning_rate=0.02,
    checkpoint_s=1e-9,
)
STEPS = 23
"""Steps of `EXAMPLES` under `CONFIG`."""


@dataclass(frozen=True)
class Words:
    """Token ids and, to show that sets are no trouble, a set."""

    ids: list[int]
    admitted: frozenset[int] = frozenset({0, 8})


EXAMPLES = [Words([(number * 7 + place) % 11 for place in range(1 + number % 8)]) for number in range(40)]


class Small(nn.Module):
    """Guesses a token from itself, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11)
        self.head.weight = self.encoder.weight
        self.dropout = nn.Dropout(0.2)
        self.register_buffer("places", torch.arange(4))

    def forward(self, ids: Tensor) -> Tensor:
        """Shapes: (batch, tokens) -> (batch, tokens, 11)"""
        scores: Tensor = self.head(self.dropout(self.encoder(ids)))
        return scores


def small() -> Small:
    """The same weights at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Small()


def loss_that(act: Callable[[], None], *, at: int) -> Callable[[nn.Module, list[Words]], Tensor]:
    """The sum over a batch of the mean loss of each; calls `act` in the step `at`, counted from 0."""
    calls = 0

    def loss(network: nn.Module, batch: list[Words]) -> Tensor:
        nonlocal calls
        if calls == at:
            act()
        calls += 1
        ids, mask = padded([one.ids for one in batch], pad=0)
        each = nn.functional.cross_entropy(network(ids).float().transpose(1, 2), ids, reduction="none")
        return ((each * mask).sum(1) / mask.sum(1)).sum()

    return loss


def trained(folder: Path, *, act: Callable[[], None] = lambda: None, at: int = -1) -> nn.Module:
    """The network after the whole training, or from the checkpoint in `folder` on."""
    return fit(small(), EXAMPLES, loss_that(act, at=at), config=CONFIG, folder=folder)


if __name__ == "__main__":
    trained(Path(sys.argv[1]), act=lambda: os.kill(os.getpid(), signal.SIGKILL), at=int(sys.argv[2]))
