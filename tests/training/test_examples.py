from collections.abc import Iterable
from typing import Any

import pytest
import torch

from models.network import STATES, HeadConfig
from models.tags import EMOTIONS, LOYALTIES, Sentiment
from tests.training import tiny
from training.corpus import Comment, Unit
from training.examples import MASKED, Example, collate, examples

HEADS = HeadConfig(touchpoints=("staff", "product", "overall"), dimensions=("assurance",))
ALL = frozenset(HEADS.touchpoints)
ABSENT, NEGATIVE, NEUTRAL, POSITIVE = range(4)
WORDS = tiny.tokenizer()


def unit(
    quote: tuple[int, int], touchpoint: str | None, sentiment: Sentiment, dimension: str | None = None
) -> Unit:
    return Unit(start=quote[0], end=quote[1], touchpoint=touchpoint, dimension=dimension, sentiment=sentiment)


def comment(
    text: str,
    *units: Unit,
    touchpoints: Iterable[str] = ALL,
    dimensions: Iterable[str] = HEADS.dimensions,
    **labels: Any,
) -> Comment:
    return Comment(
        id="1",
        text=text,
        source="test",
        domain="",
        units=units,
        touchpoints_known=frozenset(touchpoints),
        dimensions_known=frozenset(dimensions),
        **labels,
    )


def read(one: Comment, *, longest: int = 64) -> Example:
    (example,) = examples([one], WORDS, HEADS, longest=longest)
    return example


def quoted(one: Comment, label: int) -> str:
    """The pieces at the places of a label's quote."""
    example = read(one)
    places = dict(example.quotes)[label]
    return "".join(str(WORDS.id_to_token(example.ids[place])) for place in places).lstrip("▁")


def test_states_and_their_mask() -> None:
    assert STATES == ("absent", "negative", "neutral", "positive")
    text = "前台态度很差，菜不错"
    example = read(
        comment(text, unit((0, 6), "staff", "negative", "assurance"), unit((7, 10), "product", "positive"))
    )
    assert example.states == [NEGATIVE, POSITIVE, ABSENT, NEGATIVE]
    # A source that labels one touchpoint only says nothing of the others, nor of dimensions.
    partly = read(comment(text, unit((7, 10), "product", "positive"), touchpoints=["product"], dimensions=[]))
    assert partly.states == [MASKED, POSITIVE, MASKED, MASKED]
    # Praise and blame of one touchpoint are neutral.
    mixed = read(comment(text, unit((0, 6), "staff", "negative"), unit((7, 10), "staff", "positive")))
    assert mixed.states[0] == NEUTRAL


@pytest.mark.parametrize(
    ("text", "quote", "expected"),
    [
        # as it stands
        ("菜不错，前台态度很差", "前台态度很差", "前台态度很差"),
        # full width, Traditional and doubled characters stand elsewhere in what the model reads
        ("菜不错！！！！！！，前臺態度很差", "態度很差", "态度很差"),
        ("第１２次了，态度很差", "态度很差", "态度很差"),
        ("<br>菜不错<br>态度很差", "态度很差", "态度很差"),
    ],
)
def test_quotes_become_token_places(text: str, quote: str, expected: str) -> None:
    start = text.index(quote)
    assert quoted(comment(text, unit((start, start + len(quote)), "staff", "negative")), 0) == expected


def test_all_quotes_of_a_label_teach_its_attention() -> None:
    text = "店员热情，菜不错，店员很好"
    one = comment(text, unit((0, 4), "staff", "positive"), unit((9, 13), "staff", "positive"))
    assert quoted(one, 0) == "店员热情店员很好"


def test_a_label_without_a_quote_teaches_no_attention() -> None:
    example = read(comment("菜不错", unit((0, 0), "product", "positive")))
    assert example.quotes == []
    assert example.states[1] == POSITIVE


def test_special_tokens_are_never_quoted() -> None:
    example = read(comment("菜", unit((0, 1), "product", "positive", "assurance")))
    assert [label for label, _ in example.quotes] == [1, 3]
    assert {place for _, places in example.quotes for place in places} <= set(range(1, len(example.ids) - 1))


def test_truncation_drops_labels_that_were_not_read() -> None:
    text = "菜不错，" * 10 + "前台态度很差"
    far, near = unit((40, 46), "staff", "negative"), unit((0, 3), "product", "positive")
    whole, cut = read(comment(text, far, near)), read(comment(text, far, near), longest=20)
    assert len(cut.ids) == 20
    assert whole.states[:2] == [NEGATIVE, POSITIVE]
    assert cut.states[:2] == [ABSENT, POSITIVE]
    assert [label for label, _ in cut.quotes] == [1]
    assert cut.ids[-1] == WORDS.token_to_id("</s>")
    # A label without a quote may speak of any part, one with a quote in what is read still stands.
    unquoted = read(comment(text, unit((0, 0), "staff", "negative")), longest=20)
    assert unquoted.states[0] == NEGATIVE
    twice = read(comment(text, far, unit((0, 3), "staff", "negative")), longest=20)
    assert twice.states[0] == NEGATIVE
    # The tokenizer is left as it was.
    assert len(WORDS.encode(text).ids) > 20


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, []),
        ({"emotion": frozenset({"anger"})}, [({"anger"}, 1.0)]),
        # what the source cannot tell apart
        ({"emotion": frozenset({"anger", "disgust"})}, [({"anger", "disgust"}, 1.0)]),
        # the dominant one counts most
        (
            {"emotion": frozenset({"anger"}), "second_emotion": "disgust"},
            [({"anger"}, 0.85), ({"disgust"}, 0.15)],
        ),
    ],
)
def test_emotions(labels: dict[str, Any], expected: list[tuple[set[str], float]]) -> None:
    found = read(comment("菜", **labels)).emotion
    assert [({EMOTIONS[place] for place in admitted}, weight) for admitted, weight in found] == expected


def test_satisfaction_and_loyalty() -> None:
    one = read(comment("菜", satisfaction=frozenset({4, 5}), loyalty="promoter"))
    assert one.satisfaction == {3, 4}
    assert LOYALTIES[one.loyalty] == "promoter"
    nothing = read(comment("菜"))
    assert (nothing.satisfaction, nothing.loyalty) == (frozenset(), MASKED)


def test_a_batch() -> None:
    first = comment(
        "前台差",
        unit((2, 3), "staff", "negative"),
        emotion=frozenset({"anger"}),
        second_emotion="disgust",
        satisfaction=frozenset({1}),
        loyalty="detractor",
    )
    batch = collate(examples([first, comment("菜", touchpoints=[], dimensions=[])], WORDS, HEADS, longest=64))
    ids = [WORDS.encode("前台差").ids, WORDS.encode("菜").ids]
    pad = WORDS.token_to_id("<pad>")
    assert batch.ids.tolist() == [ids[0], ids[1] + [pad] * (len(ids[0]) - len(ids[1]))]
    assert batch.mask.sum(1).tolist() == [len(ids[0]), len(ids[1])]
    assert batch.states.tolist() == [[NEGATIVE, ABSENT, ABSENT, ABSENT], [MASKED] * 4]
    assert batch.quotes.shape == (2, 4, len(ids[0]))
    assert batch.quotes.sum(2).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert batch.quotes[0, 0].argmax() == WORDS.encode("前台差").tokens.index("差")
    (dominant, weight), (second, second_weight) = batch.emotion
    assert dominant[0].argmax() == EMOTIONS.index("anger")
    assert second[0].argmax() == EMOTIONS.index("disgust")
    assert torch.cat([weight, second_weight]).tolist() == pytest.approx([0.85, 0, 0.15, 0])
    assert not dominant[1].any()
    assert batch.satisfaction.tolist() == [[1, 0, 0, 0, 0], [0] * 5]
    assert batch.loyalty.tolist() == [0, MASKED]
    moved = batch.to(torch.device("meta"))
    tensors = [moved.ids, moved.mask, moved.states, moved.quotes, moved.satisfaction, moved.loyalty]
    tensors += [tensor for group in moved.emotion for tensor in group]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
