"""The multi-task loss: one term per axis, masked where a comment's source says nothing."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from models.network import Logits
from training.examples import MASKED, Targets

TINY: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weight of each term. quote: how strongly the annotated quotes teach the attention."""

    labels: float = 1.0
    emotion: float = 1.0
    satisfaction: float = 1.0
    loyalty: float = 1.0
    quote: float = 0.2


def multitask_loss(
    logits: Logits, targets: Targets, *, weights: LossWeights, emotion_weight: Tensor | None = None
) -> Tensor:
    """Sum over the batch of every known term. `emotion_weight` balances rare emotions. Shape: (10,)"""
    return (
        weights.labels * _labels(logits.labels.float(), targets.states)
        + weights.emotion * _emotion(logits.emotion.float(), targets, emotion_weight)
        + weights.satisfaction * admitted_loss(logits.satisfaction.float(), targets.satisfaction).sum()
        + weights.loyalty * _loyalty(logits.loyalty.float(), targets.loyalty)
        + weights.quote * _quotes(logits.attention.float(), targets.quotes)
    )


def admitted_loss(logits: Tensor, admitted: Tensor) -> Tensor:
    """-log P(any admitted value), for the rows that admit one. Shapes: (batch, values) twice -> (rows,)."""
    rows = admitted.any(-1)
    inside = logits[rows].masked_fill(admitted[rows] == 0, -torch.inf)
    return logits[rows].logsumexp(-1) - inside.logsumexp(-1)


def _labels(logits: Tensor, states: Tensor) -> Tensor:
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), states.flatten(), ignore_index=MASKED, reduction="sum"
    )


def _emotion(logits: Tensor, targets: Targets, balance: Tensor | None) -> Tensor:
    total = logits.new_zeros(())
    for admitted, weight in targets.emotion:
        rows = admitted.any(-1)
        scale = weight[rows]
        if balance is not None:
            scale = scale * (admitted[rows] * balance).sum(-1) / admitted[rows].sum(-1)
        total = total + (admitted_loss(logits, admitted) * scale).sum()
    return total


def _loyalty(logits: Tensor, loyalty: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, loyalty, ignore_index=MASKED, reduction="sum")


def _quotes(attention: Tensor, quotes: Tensor) -> Tensor:
    """-log of the attention that falls on the quote, for labels that have one."""
    share = (attention * quotes).sum(-1)
    return -(share[quotes.any(-1)] + TINY).log().sum()
