"""Comments as the network sees them: token ids, and targets with a mask of what is labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from models.network import SATISFACTIONS, STATES, HeadConfig
from models.tags import EMOTIONS, LOYALTIES
from models.text.normalise import Normalised, normalise
from training.corpus import Axis, Comment
from training.encoder import SPECIALS
from training.fit import padded

MASKED: Final = -1
"""Target of what the source does not label."""
SECOND_EMOTION: Final = 0.15
"""Share of the emotion target that an annotated second emotion takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A tokenised comment with its targets.

    states: index into `STATES` per label, `MASKED` where unknown. quotes: for labels with a quote, the
    positions of its tokens. emotion, satisfaction: admitted values as (index, weight) groups, empty where
    unlabelled. loyalty: index or `MASKED`.
    """

    ids: list[int]
    states: list[int]
    quotes: list[tuple[int, list[int]]]
    emotion: list[tuple[frozenset[int], float]]
    satisfaction: frozenset[int]
    loyalty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """A batch as tensors.

    ids, mask: Shape: (batch, tokens). states: Shape: (batch, labels). quotes: 1 at the tokens of each label's
    quote. Shape: (batch, labels, tokens). emotion: for the dominant and for the second emotion the admitted
    ones as 0 and 1, and the weight. Shapes: (batch, 10), (batch,). satisfaction: the admitted values as 0
    and 1. Shape: (batch, 5). loyalty: Shape: (batch,).
    """

    ids: Tensor
    mask: Tensor
    states: Tensor
    quotes: Tensor
    emotion: list[tuple[Tensor, Tensor]]
    satisfaction: Tensor
    loyalty: Tensor

    def to(self, device: torch.device) -> "Targets":
        """The same on another device."""
        return Targets(
            ids=self.ids.to(device),
            mask=self.mask.to(device),
            states=self.states.to(device),
            quotes=self.quotes.to(device),
            emotion=[(admitted.to(device), weight.to(device)) for admitted, weight in self.emotion],
            satisfaction=self.satisfaction.to(device),
            loyalty=self.loyalty.to(device),
        )


def examples(
    comments: Sequence[Comment], tokenizer: Tokenizer, heads: HeadConfig, *, longest: int
) -> list[Example]:
    """Tokenise. Of a comment longer than `longest` tokens the beginning is read; labels quoted only behind it
    count as absent.
    """
    normalised = [normalise(comment.text) for comment in comments]
    tokenizer.enable_truncation(longest)
    encodings = tokenizer.encode_batch([text.text for text in normalised])
    tokenizer.no_truncation()
    return [
        _example(comment, text, encoding, heads)
        for comment, text, encoding in zip(comments, normalised, encodings, strict=True)
    ]


def collate(batch: Sequence[Example]) -> Targets:
    """Pad and stack. The mask hides the padding, so an encoder with another id for it sees no difference."""
    ids, mask = padded([example.ids for example in batch], pad=SPECIALS.index("<pad>"))
    states = torch.tensor([example.states for example in batch])
    quotes = torch.zeros(len(batch), states.shape[1], ids.shape[1])
    satisfaction = torch.zeros(len(batch), len(SATISFACTIONS))
    for row, example in enumerate(batch):
        for label, places in example.quotes:
            quotes[row, label, places] = 1.0
        satisfaction[row, list(example.satisfaction)] = 1.0
    return Targets(
        ids=ids,
        mask=mask,
        states=states,
        quotes=quotes,
        emotion=_emotion_groups(batch),
        satisfaction=satisfaction,
        loyalty=torch.tensor([example.loyalty for example in batch]),
    )


def _emotion_groups(batch: Sequence[Example]) -> list[tuple[Tensor, Tensor]]:
    """(admitted, weight) of the dominant and of the second emotion. Shapes: (batch, 10), (batch,)."""
    groups = []
    for place in range(2):
        admitted = torch.zeros(len(batch), len(EMOTIONS))
        weight = torch.zeros(len(batch))
        for row, example in enumerate(batch):
            if place < len(example.emotion):
                values, weight[row] = example.emotion[place]
                admitted[row, list(values)] = 1.0
        groups.append((admitted, weight))
    return groups


def _example(comment: Comment, text: Normalised, encoding: Encoding, heads: HeadConfig) -> Example:
    spans = [
        text.original_span(*offsets) if special == 0 else None
        for offsets, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    ]
    read_to = max((span[1] for span in spans if span), default=0)
    states: list[int] = []
    quotes: list[tuple[int, list[int]]] = []
    axes: tuple[tuple[Axis, tuple[str, ...], frozenset[str]], ...] = (
        ("touchpoints", heads.touchpoints, comment.touchpoints_known),
        ("servqual", heads.dimensions, comment.dimensions_known),
    )
    for axis, labels, known in axes:
        present = comment.labels(axis)
        for label in labels:
            quoted = comment.quotes(axis, label)
            places = _places(quoted, spans)
            if places:
                quotes.append((len(states), places))
            unread = bool(quoted) and all(start >= read_to for start, _ in quoted)
            states.append(_state(present.get(label), known=label in known, unread=unread))
    return Example(
        ids=encoding.ids,
        states=states,
        quotes=quotes,
        emotion=_emotion(comment),
        satisfaction=frozenset(value - 1 for value in comment.satisfaction or ()),
        loyalty=MASKED if comment.loyalty is None else LOYALTIES.index(comment.loyalty),
    )


def _state(sentiment: str | None, *, known: bool, unread: bool) -> int:
    if not known:
        return MASKED
    return STATES.index("absent") if sentiment is None or unread else STATES.index(sentiment)


def _places(quoted: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int] | None]) -> list[int]:
    return [
        position
        for position, span in enumerate(spans)
        if span and any(span[0] < end and start < span[1] for start, end in quoted)
    ]


def _emotion(comment: Comment) -> list[tuple[frozenset[int], float]]:
    if comment.emotion is None:
        return []
    dominant = frozenset(EMOTIONS.index(emotion) for emotion in comment.emotion)
    if comment.second_emotion is None:
        return [(dominant, 1.0)]
    return [
        (dominant, 1.0 - SECOND_EMOTION),
        (frozenset([EMOTIONS.index(comment.second_emotion)]), SECOND_EMOTION),
    ]
