import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.admission import MAX_CHARS
from models.baseline import Baseline
from models.errors import BundleError, InputError
from models.tags import EMOTIONS, Reason, Tags, TagsComments, band
from tests.models.linear_cases import TAXONOMY, small_model

BASELINE = Baseline(small_model())


def tag(text: str) -> Tags:
    (tags,) = BASELINE.tag([text])
    return tags


def test_labels_with_their_sentiment_and_clause() -> None:
    text = "前台差，早餐不错"
    tags = tag(text)
    assert [(one.id, one.sentiment, one.evidence.text) for one in tags.touchpoints] == [
        ("staff", "negative", "前台差"),
        ("product", "positive", "早餐不错"),
    ]
    assert [(one.id, one.sentiment, one.evidence.text) for one in tags.servqual] == [
        ("assurance", "negative", "前台差"),
    ]
    for one in (*tags.touchpoints, *tags.servqual):
        assert text[one.evidence.start : one.evidence.end] == one.evidence.text
        assert 0.5 < one.confidence < 1


def test_the_comment_as_a_whole() -> None:
    bad = tag("早餐差，再也不来")
    assert (bad.sentiment, bad.loyalty, bad.emotions[0].id) == ("negative", "detractor", "anger")
    assert bad.satisfaction < 2.5
    good = tag("早餐不错")
    assert (good.sentiment, good.loyalty, good.emotions[0].id) == ("positive", "none", "satisfaction")
    assert good.satisfaction > 3.5
    assert (good.model, good.taxonomy) == ("small@000000000000", TAXONOMY.version)
    assert not good.uncertain


def test_without_an_opinion() -> None:
    tags = tag("今天星期三")
    assert (tags.sentiment, tags.satisfaction, tags.loyalty) == ("neutral", 3.0, "none")
    assert (tags.emotions, tags.touchpoints, tags.servqual) == ((), (), ())


def test_evidence_lies_in_the_text_as_it_was_written() -> None:
    # Normalising drops the mark-up and the zero-width space; offsets count what came in.
    text = "\ufeff<b>环境</b>可以。\u200b前\u200b台差！！"
    evidence = tag(text).touchpoints[0].evidence
    assert text[evidence.start : evidence.end] == evidence.text == "前\u200b台差"


def test_a_touchpoint_below_its_threshold_is_not_given() -> None:
    model = small_model()
    strict = {**model.calibration.thresholds, "staff": 1.0}
    object.__setattr__(model.calibration, "thresholds", strict)
    (tags,) = Baseline(model).tag(["前台差，早餐不错"])
    assert [one.id for one in tags.touchpoints] == ["product"]


def test_a_weak_verdict_goes_to_review() -> None:
    # Good and bad in one comment: neither band of satisfaction holds half of the probability.
    tags = tag("早餐差，早餐不错")
    assert tags.sentiment_confidence < 0.5
    assert (tags.uncertain, tags.reason) == (True, "low_confidence")


@pytest.mark.parametrize(
    ("text", "reason", "is_read"),
    [
        ("", "empty", False),
        ("\x00\x00", "empty", False),
        ("\ud800\udc00\udfff", "empty", False),  # surrogates that never became a character
        ("The breakfast was bad", "not_chinese", False),
        ("差", "too_short", True),  # read all the same: one character can be a verdict
        ("早餐差。" * 250_000, "too_long", True),  # a million characters
        ("差" * 1_000_000, "too_long", True),
        ("<b>" * 350_000, "too_long", True),
    ],
)
def test_texts_not_to_be_believed(text: str, reason: Reason, is_read: bool) -> None:
    tags = tag(text)
    assert (tags.uncertain, tags.reason) == (True, reason)
    assert (tags.sentiment_confidence > 0) is is_read
    assert tags.taxonomy == TAXONOMY.version
    if not is_read:
        assert (tags.sentiment, tags.satisfaction, tags.emotions, tags.touchpoints) == (
            "neutral",
            3.0,
            (),
            (),
        )


def test_what_lies_beyond_the_limit_is_not_read() -> None:
    assert tag("早" * MAX_CHARS + "，前台差").touchpoints == ()
    assert [one.id for one in tag("前台差，" + "早" * MAX_CHARS).touchpoints] == ["staff"]


def test_controls_and_surrogates_inside_a_comment_do_no_harm() -> None:
    assert [one.id for one in tag("\x00前台差\ud83d，早餐\udc00不错").touchpoints] == ["staff", "product"]


def test_a_text_gets_the_same_tags_alone_and_in_any_batch() -> None:
    texts = ["前台差，早餐不错", "", "早餐差，再也不来", "ok", "早餐不错" * 50, "今天星期三"] * 40
    alone = {text: tag(text) for text in texts}
    assert BASELINE.tag(texts) == [alone[text] for text in texts]
    assert BASELINE.tag([]) == []


def test_only_lists_of_strings() -> None:
    with pytest.raises(InputError, match="got one string; give a list"):
        BASELINE.tag("前台差")
    mixed: list[Any] = ["前台差", None]
    with pytest.raises(InputError, match=r"texts\[1\] is NoneType"):
        BASELINE.tag(mixed)


def test_a_saved_baseline_tags_the_same(tmp_path: Path) -> None:
    small_model().save(tmp_path)
    loaded: TagsComments = Baseline.load(str(tmp_path))
    assert re.fullmatch(r"small@[0-9a-f]{12}", loaded.identity)
    (tags,) = loaded.tag(["前台差，早餐不错"])
    assert tags.touchpoints == tag("前台差，早餐不错").touchpoints
    assert tags.model == loaded.identity


def test_loading_from_nowhere(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a folder"):
        Baseline.load(tmp_path / "none")


@given(
    st.lists(st.text(st.characters() | st.sampled_from("前台早餐差不错，。再也"), max_size=40), max_size=4)
)
def test_any_text_has_a_sound_answer(texts: list[str]) -> None:
    for text, tags in zip(texts, BASELINE.tag(texts), strict=True):
        assert tags.sentiment == band(tags.satisfaction)
        assert tags.uncertain == (tags.reason is not None)
        assert all(one.id in EMOTIONS for one in tags.emotions)
        for one in (*tags.touchpoints, *tags.servqual):
            evidence = one.evidence
            assert 0 <= evidence.start < evidence.end <= len(text)
            assert text[evidence.start : evidence.end] == evidence.text
