"""Every expected number is written out from the definition of its term."""

from math import log

import pytest
import torch
from torch import Tensor

from models.network import Logits
from training.examples import MASKED, Targets
from training.losses import LossWeights, admitted_loss, multitask_loss

# Softmax of these is 1/2, 1/4, 1/8, 1/8: the logits are natural logarithms of the weights.
HALVES = [log(4.0), log(2.0), 0.0, 0.0]
ONLY = {"labels": 0.0, "emotion": 0.0, "satisfaction": 0.0, "loyalty": 0.0, "quote": 0.0}


def logits(batch: int = 1) -> Logits:
    """Two labels, three tokens. Each leaf asks for its gradient."""
    values = Logits(
        labels=torch.tensor(HALVES).repeat(batch, 2, 1),
        emotion=torch.zeros(batch, 10),
        satisfaction=torch.zeros(batch, 5),
        loyalty=torch.tensor([log(2.0), log(1.0), log(1.0)]).repeat(batch, 1),
        attention=torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).repeat(batch, 1, 1),
    )
    for value in values:
        value.requires_grad_()
    return values


def targets(
    *,
    states: list[list[int]],
    quotes: Tensor | None = None,
    emotion: list[tuple[list[int], float]] | None = None,
    satisfaction: list[int] | None = None,
    loyalty: int = MASKED,
) -> Targets:
    batch = len(states)
    groups = []
    for place in range(2):
        admitted, weight = torch.zeros(batch, 10), torch.zeros(batch)
        if emotion and place < len(emotion):
            admitted[0, emotion[place][0]], weight[0] = 1.0, emotion[place][1]
        groups.append((admitted, weight))
    admitted = torch.zeros(batch, 5)
    admitted[0, satisfaction or []] = 1.0
    return Targets(
        ids=torch.zeros(batch, 3, dtype=torch.long),
        mask=torch.ones(batch, 3, dtype=torch.long),
        states=torch.tensor(states),
        quotes=torch.zeros(batch, 2, 3) if quotes is None else quotes,
        emotion=groups,
        satisfaction=admitted,
        loyalty=torch.tensor([loyalty] + [MASKED] * (batch - 1)),
    )


def loss(wanted: Targets, weights: dict[str, float], *, balance: Tensor | None = None) -> float:
    chosen = LossWeights(**{**ONLY, **weights})
    given = logits(len(wanted.states))
    return multitask_loss(given, wanted, weights=chosen, emotion_weight=balance).item()


def quote_of_first(places: list[int]) -> Tensor:
    quotes = torch.zeros(1, 2, 3)
    quotes[0, 0, places] = 1.0
    return quotes


@pytest.mark.parametrize(
    ("wanted", "weights", "expected"),
    [
        # Both labels known: -log 1/2 - log 1/4.
        (targets(states=[[0, 1]]), {"labels": 1.0}, log(2) + log(4)),
        # A label that the source does not know adds nothing.
        (targets(states=[[MASKED, 2]]), {"labels": 1.0}, log(8)),
        # The weight of the term.
        (targets(states=[[0, MASKED]]), {"labels": 3.0}, 3 * log(2)),
        # The sum over comments, not the mean.
        (targets(states=[[0, 0], [0, 0]]), {"labels": 1.0}, 4 * log(2)),
        # One emotion of ten equally likely ones.
        (targets(states=[[0, 0]], emotion=[([3], 1.0)]), {"emotion": 1.0}, log(10)),
        # One of two admitted emotions.
        (targets(states=[[0, 0]], emotion=[([3, 4], 1.0)]), {"emotion": 1.0}, log(5)),
        # The dominant one and an annotated second one share the target.
        (targets(states=[[0, 0]], emotion=[([3], 0.85), ([4], 0.15)]), {"emotion": 1.0}, log(10)),
        # Satisfaction 4 or 5 of five.
        (targets(states=[[0, 0]], satisfaction=[3, 4]), {"satisfaction": 1.0}, log(5 / 2)),
        # Loyalty: 1/2, 1/4, 1/4.
        (targets(states=[[0, 0]], loyalty=0), {"loyalty": 1.0}, log(2)),
        (targets(states=[[0, 0]], loyalty=2), {"loyalty": 1.0}, log(4)),
        # The quote's tokens get 3/4 of the first label's attention; the second label has no quote.
        (targets(states=[[0, 0]], quotes=quote_of_first([0, 1])), {"quote": 1.0}, log(4 / 3)),
        # Nothing known: nothing to learn.
        (targets(states=[[MASKED, MASKED]]), dict.fromkeys(ONLY, 1.0), 0.0),
    ],
)
def test_terms_by_hand(wanted: Targets, weights: dict[str, float], expected: float) -> None:
    assert loss(wanted, weights) == pytest.approx(expected, abs=1e-5)


def test_terms_add_up() -> None:
    wanted = targets(
        states=[[0, 1]], emotion=[([3], 1.0)], satisfaction=[4], loyalty=0, quotes=quote_of_first([2])
    )
    weights = {"labels": 1.0, "emotion": 0.5, "satisfaction": 2.0, "loyalty": 1.5, "quote": 0.2}
    parts = [loss(wanted, {name: weight}) for name, weight in weights.items()]
    assert loss(wanted, weights) == pytest.approx(sum(parts))
    assert min(parts) > 0


def test_balance_weighs_an_emotion_by_its_admitted_ones() -> None:
    balance = torch.ones(10)
    balance[3], balance[4] = 3.0, 2.0
    assert loss(
        targets(states=[[0, 0]], emotion=[([3], 1.0)]), {"emotion": 1.0}, balance=balance
    ) == pytest.approx(3 * log(10))
    # Several admitted: their mean weight.
    assert loss(
        targets(states=[[0, 0]], emotion=[([3, 4], 1.0)]), {"emotion": 1.0}, balance=balance
    ) == pytest.approx(2.5 * log(5))


def test_what_is_masked_gets_no_gradient() -> None:
    given = logits()
    wanted = targets(states=[[MASKED, 1]])
    multitask_loss(given, wanted, weights=LossWeights()).backward()
    assert given.labels.grad is not None
    assert given.labels.grad[0, 0].tolist() == [0, 0, 0, 0]
    assert given.labels.grad[0, 1].abs().sum() > 0
    for name in ("emotion", "satisfaction", "loyalty", "attention"):
        gradient = getattr(given, name).grad
        assert gradient is None or not gradient.any(), name


def test_only_labelled_rows_of_a_batch_get_a_gradient() -> None:
    given = logits(batch=2)
    wanted = targets(states=[[0, 0], [MASKED, MASKED]], emotion=[([3], 1.0)], satisfaction=[4], loyalty=1)
    multitask_loss(given, wanted, weights=LossWeights()).backward()
    for name in ("labels", "emotion", "satisfaction", "loyalty"):
        gradient = getattr(given, name).grad
        assert gradient[0].any(), name
        assert not gradient[1].any(), name


def test_admitting_everything_teaches_nothing() -> None:
    given = torch.randn(2, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    admitted = torch.ones(2, 5)
    value = admitted_loss(given, admitted)
    assert value.tolist() == pytest.approx([0, 0], abs=1e-6)
    value.sum().backward()
    assert given.grad is not None
    assert given.grad.abs().max() < 1e-6


def test_rows_that_admit_nothing_are_left_out() -> None:
    admitted = torch.tensor([[0.0, 0, 0], [0, 1, 1]])
    assert admitted_loss(torch.zeros(2, 3), admitted).tolist() == pytest.approx([log(3 / 2)])


def test_attention_beside_the_quote_is_finite() -> None:
    given = logits()
    attention = torch.tensor([[[1.0, 0, 0], [1.0, 0, 0]]], requires_grad=True)
    wanted = targets(states=[[0, 0]], quotes=quote_of_first([2]))
    value = multitask_loss(given._replace(attention=attention), wanted, weights=LossWeights())
    value.backward()
    assert value.isfinite()
    assert attention.grad is not None
    assert attention.grad.isfinite().all()
