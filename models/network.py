"""The torch network: one encoder pass, then a head per axis. Imported by training only.

Every label (touchpoint, the general verdict, SERVQUAL dimension) and every comment-level axis has a learned
query that pools the tokens by attention (label-wise attention: Mullenbach et al. 2018, "Explainable
Prediction of Medical Codes from Clinical Text"). The pooled vector gives the label's sentiment or absence;
the attention itself says which words carried it, and the annotated quotes can teach it.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS

STATES: Final = ("absent", *SENTIMENTS)
"""What a label can be in a comment; the order of the logits."""
SATISFACTIONS: Final = (1, 2, 3, 4, 5)


class Logits(NamedTuple):
    """What the network says of a batch, before calibration.

    labels: touchpoints (the general verdict last), then dimensions. Shape: (batch, labels, 4)
    emotion: Shape: (batch, 10)
    satisfaction: Shape: (batch, 5)
    loyalty: Shape: (batch, 3)
    attention: share of each token in each label's pooling, rows sum to 1. Shape: (batch, labels, tokens)
    """

    labels: Tensor
    emotion: Tensor
    satisfaction: Tensor
    loyalty: Tensor
    attention: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """Which labels the heads answer for, in the order of the logits."""

    touchpoints: tuple[str, ...]
    dimensions: tuple[str, ...]
    dropout: float = 0.1

    @property
    def labels(self) -> int:
        return len(self.touchpoints) + len(self.dimensions)


class Heads(nn.Module):
    """Pool the tokens once per label and axis, then classify each pooled vector."""

    def __init__(self, *, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        queries = config.labels + 3
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.02)
        self.key = nn.Linear(width, width)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.label_weight = nn.Parameter(torch.randn(config.labels, width, len(STATES)) * 0.02)
        self.label_bias = nn.Parameter(torch.zeros(config.labels, len(STATES)))
        self.emotion = nn.Linear(width, len(EMOTIONS))
        self.satisfaction = nn.Linear(width, len(SATISFACTIONS))
        self.loyalty = nn.Linear(width, len(LOYALTIES))

    def forward(self, hidden: Tensor, mask: Tensor) -> Logits:
        """Classify. Shapes: hidden (batch, tokens, width), mask (batch, tokens) with 1 for real tokens."""
        scores = self.queries @ self.key(hidden).transpose(1, 2) / math.sqrt(hidden.shape[-1])
        blocked = (1.0 - mask.to(scores.dtype)).unsqueeze(1) * -1e4
        attention = torch.softmax(scores + blocked, dim=-1)
        pooled = attention @ hidden
        pooled = self.dropout(self.norm(pooled + nn.functional.gelu(self.mix(pooled))))
        labels = self.config.labels
        # (labels, batch, width) @ (labels, width, states): one small matrix per label.
        by_label = pooled[:, :labels].transpose(0, 1) @ self.label_weight
        return Logits(
            labels=by_label.transpose(0, 1) + self.label_bias,
            emotion=self.emotion(pooled[:, labels]),
            satisfaction=self.satisfaction(pooled[:, labels + 1]),
            loyalty=self.loyalty(pooled[:, labels + 2]),
            attention=attention[:, :labels],
        )


class Network(nn.Module):
    """Any `transformers` encoder with the heads on top."""

    def __init__(self, *, encoder: PreTrainedModel, heads: HeadConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = Heads(width=encoder.config.hidden_size, config=heads)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Logits:
        """Shapes: input_ids (batch, tokens), attention_mask (batch, tokens) with 1 for real tokens."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        result: Logits = self.heads(hidden, attention_mask)
        return result
