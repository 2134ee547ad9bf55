"""Real comments in, tags out: the promises of the tagger, on networks that are made in the test run."""

import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import tagger as tagger_module
from models.admission import MAX_CHARS
from models.bundle import GRAPH, TOKENIZER, Bundle
from models.engine import Engine, Ids
from models.errors import BundleCorrupt, InputError
from models.tagger import Tagger
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Evidence, LabelTag, Reason, Tags, band
from models.taxonomy import Taxonomy
from tests import small_model

FIELDS = [
    "sentiment",
    "satisfaction",
    "loyalty",
    "emotions",
    "touchpoints",
    "servqual",
    "sentiment_confidence",
    "loyalty_confidence",
    "uncertain",
    "reason",
    "model",
    "taxonomy",
]


def copied(tagger: Tagger, folder: Path, **changes: Any) -> Bundle:
    """A copy of a tagger's bundle with another manifest."""
    shutil.copytree(tagger.bundle.folder, folder)
    bundle = replace(tagger.bundle, folder=folder, **changes)
    bundle.write_manifest()
    return bundle


def labels_of(tags: Tags) -> list[LabelTag]:
    return [*tags.touchpoints, *tags.servqual]


def told(tags: Tags) -> dict[str, tuple[str, str]]:
    """Sentiment and words of each label."""
    return {tag.id: (tag.sentiment, tag.evidence.text) for tag in labels_of(tags)}


def check(tags: Tags, text: str, tagger: Tagger) -> None:
    """What holds for the tags of any text."""
    assert list(tags.to_dict()) == FIELDS
    assert tags.sentiment == band(tags.satisfaction)
    assert 1 <= tags.satisfaction <= 5
    assert tags.loyalty in LOYALTIES
    assert len(tags.emotions) <= 2
    assert all(emotion.id in EMOTIONS for emotion in tags.emotions)
    assert tags.uncertain is (tags.reason is not None)
    assert (tags.model, tags.taxonomy) == (tagger.identity, tagger.taxonomy.version)
    assert [tag.id for tag in tags.touchpoints] == [
        label for label in tagger.taxonomy.touchpoint_ids if label in {tag.id for tag in tags.touchpoints}
    ]
    assert {tag.id for tag in tags.servqual} <= set(tagger.taxonomy.dimension_ids)
    for tag in labels_of(tags):
        assert tag.sentiment in SENTIMENTS
        assert 0 <= tag.confidence <= 1
        for evidence in (tag.evidence, *tag.more):
            assert 0 <= evidence.start < evidence.end <= len(text)
            assert text[evidence.start : evidence.end] == evidence.text
        assert len({tag.evidence, *tag.more}) == 1 + len(tag.more)
        assert tag.sentiment == "neutral" or not tag.more


# ---- an opinion arrives in the tags -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "touchpoints", "servqual"),
    [
        ("今天去了一趟", {}, {}),  # no opinion
        ("今天很凶，去了一趟", {"staff": ("negative", "今天很凶")}, {"assurance": ("negative", "今天很凶")}),
        (
            "房间脏。水果甜！",  # each with its own words
            {"environment": ("negative", "房间脏"), "product": ("positive", "水果甜")},
            {"tangibles": ("negative", "房间脏"), "reliability": ("positive", "水果甜")},
        ),
        (
            "好多人\U0001f600\U0001f600，太貴了",
            {"price": ("negative", "太貴了")},
            {"tangibles": ("negative", "太貴了")},
        ),
        (
            "<p>很&nbsp;凶</p>",
            {"staff": ("negative", "<p>很&nbsp;凶</p>")},
            None,
        ),  # mark-up is part of the original
    ],
)
def test_an_opinion_and_its_words(
    word_tagger: Tagger, text: str, touchpoints: dict[str, Any], servqual: dict[str, Any] | None
) -> None:
    (tags,) = word_tagger.tag([text])
    check(tags, text, word_tagger)
    found = {tag.id: (tag.sentiment, tag.evidence.text) for tag in tags.touchpoints}
    if servqual is None:
        assert found.keys() == touchpoints.keys()
        return
    assert found == touchpoints
    assert {tag.id: (tag.sentiment, tag.evidence.text) for tag in tags.servqual} == servqual


@pytest.mark.parametrize(
    ("text", "sentiment", "emotions"),
    [
        ("老板很凶", "negative", ["anger"]),
        ("水果很甜", "positive", ["joy"]),
        ("今天去了一趟", "neutral", []),  # calm is not worth listing without an opinion
    ],
)
def test_the_comment_as_a_whole(word_tagger: Tagger, text: str, sentiment: str, emotions: list[str]) -> None:
    (tags,) = word_tagger.tag([text])
    assert tags.sentiment == sentiment
    assert [emotion.id for emotion in tags.emotions] == emotions
    assert (tags.loyalty, tags.uncertain) == ("none", False)
    if sentiment == "neutral":
        assert tags.satisfaction == 3.0


def test_the_general_verdict_is_never_listed(word_tagger: Tagger, tmp_path: Path) -> None:
    calibration = replace(word_tagger.bundle.calibration, thresholds={"overall": 0.0, "staff": 0.0})
    tagger = Tagger(copied(word_tagger, tmp_path / "b", calibration=calibration), threads=1)
    found = tagger.tag(["今天去了一趟"])[0]
    assert [tag.id for tag in found.touchpoints] == ["staff"]
    assert found.servqual == ()


@pytest.mark.parametrize(("believed", "reason"), [(0.0, None), (1.0, "low_confidence")])
def test_a_low_confidence_is_said(
    word_tagger: Tagger, tmp_path: Path, believed: float, reason: Reason | None
) -> None:
    calibration = replace(word_tagger.bundle.calibration, believed=believed)
    tagger = Tagger(copied(word_tagger, tmp_path / "b", calibration=calibration), threads=1)
    answers = tagger.tag(["今天去了一趟", "好"])
    # What the characters already say comes first.
    assert [tags.reason for tags in answers] == [reason, "too_short"]
    assert [tags.uncertain for tags in answers] == [reason is not None, True]


def test_another_taxonomy_works(tmp_path: Path) -> None:
    taxonomy = small_model.own_taxonomy()
    bundle = small_model.small_bundle(tmp_path / "own", taxonomy=taxonomy)
    tagger = Tagger.load(bundle.folder, threads=1)
    assert tagger.taxonomy == taxonomy
    answers = tagger.tag(small_model.starter_texts(20))
    for text, tags in zip(small_model.starter_texts(20), answers, strict=True):
        check(tags, text, tagger)
    assert {tag.id for tags in answers for tag in labels_of(tags)} & {"ward", "pharmacy", "care"}


def test_without_a_path_the_released_model_is_loaded(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger_module, "RELEASED", small_bundle)
    assert Tagger.load(threads=1).identity == Bundle.load(small_bundle).identity
    assert Tagger.load(str(small_bundle), threads=1).bundle.folder == small_bundle


# ---- long comments ----------------------------------------------------------------------------------------

FILLER = "今天去了一趟，人不多，"


def long_text(characters: int, *opinions: tuple[float, str]) -> str:
    """Filler with sentences at shares of its length."""
    text = (FILLER * (characters // len(FILLER) + 1))[:characters]
    for share, opinion in sorted(opinions, reverse=True):
        place = int(share * (characters - len(opinion)))
        text = text[:place] + opinion + text[place + len(opinion) :]
    return text


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.33, 0.5, 0.75, 0.9, 1.0])
def test_a_long_comment_is_read_whole(word_tagger: Tagger, share: float) -> None:
    text = long_text(3_000, (share, "。老板很凶。"))
    (tags,) = word_tagger.tag([text])
    check(tags, text, word_tagger)
    start = text.index("老板很凶")
    assert [tag.id for tag in tags.touchpoints] == ["staff"]
    assert tags.touchpoints[0].sentiment == "negative"
    assert tags.touchpoints[0].evidence == Evidence(start, start + 4, "老板很凶")
    assert tags.reason is None


def test_praise_and_blame_far_apart_are_mixed_and_both_are_shown(word_tagger: Tagger) -> None:
    text = long_text(3_000, (0.05, "。房价很贵。"), (0.95, "。房价很廉。"))
    (tags,) = word_tagger.tag([text])
    check(tags, text, word_tagger)
    (price,) = tags.touchpoints
    assert (price.id, price.sentiment) == ("price", "neutral")
    assert {price.evidence.text, *(span.text for span in price.more)} == {"房价很贵", "房价很廉"}


def test_one_sentence_where_windows_overlap_is_shown_once(word_tagger: Tagger) -> None:
    for place in range(230, 330, 7):
        text = long_text(600, (place / 600, "。房价很贵。"))
        (price,) = word_tagger.tag([text])[0].touchpoints
        assert (price.sentiment, price.evidence.text, price.more) == ("negative", "房价很贵", ())


def test_the_longest_comment_is_read_to_its_end(word_tagger: Tagger) -> None:
    text = long_text(MAX_CHARS, (1.0, "。老板很凶"))
    (tags,) = word_tagger.tag([text])
    assert told(tags)["staff"] == ("negative", "老板很凶")
    assert tags.reason is None


def test_beyond_the_longest_nothing_is_read_and_the_answer_says_so(word_tagger: Tagger) -> None:
    text = long_text(MAX_CHARS, (0.5, "。水果很甜。")) + "。老板很凶。"
    (tags,) = word_tagger.tag([text])
    check(tags, text, word_tagger)
    assert [tag.id for tag in tags.touchpoints] == ["product"]
    assert (tags.uncertain, tags.reason) == (True, "too_long")


# ---- determinism ------------------------------------------------------------------------------------------


def texts_of_every_length() -> list[str]:
    drawn = random.Random(1)
    starter = small_model.starter_texts()
    texts = ["好", "很差", "不错。", "", "ok", "👍👍", "五星好评"]
    texts += [drawn.choice(starter)[: drawn.randint(2, 60)] for _ in range(33)]
    texts += ["。".join(drawn.sample(starter, count)) for count in (2, 3, 5, 8, 13, 21) * 3]
    return [*texts, *texts[:2]]


@pytest.fixture(scope="module")
def expected(small_tagger: Tagger) -> dict[str, Tags]:
    """The tags of each text alone."""
    return {text: small_tagger.tag([text])[0] for text in texts_of_every_length()}


def check_equal(found: Sequence[Tags], texts: Sequence[str], expected: dict[str, Tags]) -> None:
    """Equal labels, words and reasons; confidences within 1e-3."""
    for tags, text in zip(found, texts, strict=True):
        alone = expected[text]
        assert without_numbers(tags) == without_numbers(alone)
        assert numbers(tags) == pytest.approx(numbers(alone), abs=1e-3)


def without_numbers(tags: Tags) -> Tags:
    return replace(
        tags,
        satisfaction=0.0,
        sentiment_confidence=0.0,
        loyalty_confidence=0.0,
        emotions=tuple(replace(emotion, confidence=0.0) for emotion in tags.emotions),
        touchpoints=tuple(replace(tag, confidence=0.0) for tag in tags.touchpoints),
        servqual=tuple(replace(tag, confidence=0.0) for tag in tags.servqual),
    )


def numbers(tags: Tags) -> list[float]:
    # The satisfaction is rounded to a hundredth, on a scale of four.
    return [
        tags.satisfaction / 10,
        tags.sentiment_confidence,
        tags.loyalty_confidence,
        *(emotion.confidence for emotion in tags.emotions),
        *(tag.confidence for tag in labels_of(tags)),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_text_has_the_same_tags_in_any_batch_and_order(
    small_tagger: Tagger, expected: dict[str, Tags], seed: int
) -> None:
    texts = texts_of_every_length()
    random.Random(seed).shuffle(texts)
    check_equal(small_tagger.tag(texts), texts, expected)
    check_equal(small_tagger.tag(texts[:7]), texts[:7], expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMMENTS_PER_ROUND", 1),
        ("COMMENTS_PER_ROUND", 7),
        ("CHARACTERS_PER_ROUND", 1),
        ("CHARACTERS_PER_ROUND", 500),
        ("TOKENS_PER_BATCH", 1),
    ],
)
def test_how_a_call_is_cut_into_runs_changes_no_tag(
    small_tagger: Tagger,
    expected: dict[str, Tags],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
) -> None:
    monkeypatch.setattr(tagger_module, name, value)
    texts = texts_of_every_length()[:30]
    check_equal(small_tagger.tag(texts), texts, expected)


def test_two_threads_at_once_get_the_tags_of_their_texts(
    small_tagger: Tagger, expected: dict[str, Tags]
) -> None:
    texts = texts_of_every_length()
    parts = [texts[start::4] for start in range(4)] * 3
    with ThreadPoolExecutor(2) as pool:
        for part, found in zip(parts, pool.map(small_tagger.tag, parts), strict=True):
            check_equal(found, part, expected)


def test_two_taggers_of_one_bundle_agree(small_bundle: Path, small_tagger: Tagger) -> None:
    texts = texts_of_every_length()[:20]
    assert Tagger.load(small_bundle, threads=2).tag(texts) == small_tagger.tag(texts)


def test_one_pass_of_the_encoder_gives_every_field(
    small_tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    run = Engine.run

    def counted(self: Engine, ids: Ids, mask: Ids) -> Any:
        runs.append(len(ids))
        return run(self, ids, mask)

    monkeypatch.setattr(Engine, "run", counted)
    small_tagger.tag(["前台态度很差", "菜很甜", "", "thank you"])
    assert runs == [2], "two readable comments, one batch; no model is asked about the others"


# ---- any input has an answer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \t\u3000\n", "empty"),
        ("\x00", "empty"),
        ("\ud800\udfff\udc00", "empty"),
        ("。。。！！", "empty"),
        ("好", "too_short"),
        ("𠮷", "too_short"),  # one character beyond the basic plane
        ("👍👍👍", "too_short"),
        ("👨‍👩‍👧‍👦🇨🇳", "too_short"),
        ("666", "too_short"),
        ("good service, will come again", "not_chinese"),
        ("スタッフの対応がとても悪かった", "not_chinese"),
        ("前台\x00态度\ud83d很差\x1b[0m", None),  # a NUL, half an emoji, an escape sequence
        ("\x01\x02前台态度很差\x7f\x85", None),
        ("\u202e前台态度很差\ufeff", None),  # written from the right, byte order mark
        ("前台态度很差👍🏽很好", None),
        ("𠮷野家的牛肉饭𪚥不错", None),
        ("差" * 3_000, None),  # one character only
        ("差评。" * 33_334, "too_long"),  # 100,002 characters
        ("x" * 1_048_576, "too_long"),  # 1 MB
        ("很差👍" * 250_000, "too_long"),
    ],
)
def test_every_input_has_an_answer(small_tagger: Tagger, text: str, reason: Reason | None) -> None:
    (tags,) = small_tagger.tag([text])
    check(tags, text, small_tagger)
    if reason is None:
        assert tags.reason in {None, "low_confidence"}
    else:
        assert tags.reason == reason


@pytest.mark.parametrize("text", ["", "hello world", "\ud800"])
def test_what_no_model_reads_has_no_opinion(small_tagger: Tagger, text: str) -> None:
    (tags,) = small_tagger.tag([text])
    assert (tags.sentiment, tags.satisfaction, tags.loyalty) == ("neutral", 3.0, "none")
    assert (tags.emotions, tags.touchpoints, tags.servqual) == ((), (), ())
    assert (tags.sentiment_confidence, tags.loyalty_confidence) == (0.0, 0.0)


# Chinese, punctuation, emoji, mark-up, Traditional, beyond the basic plane, lone surrogates, anything.
PIECES = (
    "前台态度很差贵脏，。！? \n\t",
    "<b></b>&amp;&#x4e2d;態價錢",
    "👍🏽👨\u200d👩🇨🇳𠮷𪚥①㎡ﾊﾟ㈱İß１２Ａ",
    "\u200b\ufe0f\x00\ud83d\u202e",
)
TEXTS = st.lists(st.sampled_from("".join(PIECES)) | st.characters(), max_size=40).map("".join)


@settings(max_examples=150)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_evidence_always_stands_in_the_text(small_tagger: Tagger, texts: list[str]) -> None:
    for tags, text in zip(small_tagger.tag(texts), texts, strict=True):
        check(tags, text, small_tagger)


def test_no_comments_no_tags(small_tagger: Tagger) -> None:
    assert small_tagger.tag([]) == []


def test_any_collection_of_strings_is_read(small_tagger: Tagger) -> None:
    texts = ["前台态度很差", "菜很甜"]
    expected = small_tagger.tag(texts)
    assert small_tagger.tag(tuple(texts)) == expected
    assert small_tagger.tag(np.array(texts).tolist()) == expected


def one_string() -> Iterator[str]:
    yield "前台态度很差"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("前台态度很差", r"tag\(\) got one string; give a list of strings, e.g. tag\(\[text\]\)"),
        ("", r"tag\(\) got one string"),
        (None, r"tag\(\) got NoneType; give a list of strings"),
        (7, r"tag\(\) got int; give a list of strings"),
        ([1], r"texts\[0\] is int; every comment must be a string"),
        (["不错", None], r"texts\[1\] is NoneType; every comment must be a string"),
        (["不错", float("nan")], r"texts\[1\] is float"),  # how pandas writes a missing value
        (["不错", "差".encode()], r"texts\[1\] is bytes"),
        ([["不错"]], r"texts\[0\] is list"),
    ],
)
def test_wrong_use_is_explained(small_tagger: Tagger, texts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_tagger.tag(texts)


# ---- scores -----------------------------------------------------------------------------------------------


def test_probabilities_of_every_label(small_tagger: Tagger) -> None:
    texts = ["前台态度很差", "", "。".join(small_model.starter_texts(30))]
    labels = len(small_tagger.bundle.touchpoints) + len(small_tagger.bundle.dimensions)
    found = small_tagger.probabilities(texts)
    scores = small_tagger.scores(texts)
    assert [len(windows) for windows in scores[:2]] == [1, 1]
    assert len(scores[2]) > 2
    for one, windows in zip(found, scores, strict=True):
        assert one.labels.shape == (labels, 4)
        assert one.labels.sum(axis=1) == pytest.approx(np.ones(labels), abs=1e-4)
        assert one.presence.shape == (len(windows), labels)
        for head in (one.emotion, one.satisfaction, one.loyalty):
            assert head.sum() == pytest.approx(1, abs=1e-4)


def test_attention_is_shared_among_the_tokens_of_a_window(small_tagger: Tagger) -> None:
    for windows in small_tagger.scores(["前台态度很差", "菜甜", "。".join(small_model.starter_texts(9))]):
        for window in windows:
            assert window.attention.sum(axis=1) == pytest.approx(np.ones(len(window.attention)), abs=1e-4)


# ---- parts of different models ----------------------------------------------------------------------------


def test_a_graph_of_another_taxonomy_is_refused(small_tagger: Tagger, tmp_path: Path) -> None:
    own = small_model.small_bundle(tmp_path / "own", taxonomy=small_model.own_taxonomy())
    bundle = copied(small_tagger, tmp_path / "b")
    shutil.copy(own.folder / GRAPH, bundle.folder / GRAPH)
    bundle.write_manifest()
    labels = len(Taxonomy.load().touchpoint_ids) + 1 + len(Taxonomy.load().dimension_ids)
    with pytest.raises(
        BundleCorrupt, match=rf"{GRAPH}: the output labels has the sizes \(4, 4\); .*\({labels}, 4\)"
    ):
        Tagger.load(bundle.folder)


@pytest.mark.parametrize(
    "content", ["{}", "[]", "", "not JSON", '{"version": "1.0", "model": {"type": "Unheard"}}']
)
def test_a_tokenizer_that_is_none_is_refused(small_tagger: Tagger, tmp_path: Path, content: str) -> None:
    bundle = copied(small_tagger, tmp_path / "b")
    (bundle.folder / TOKENIZER).write_text(content, encoding="utf-8")
    bundle.write_manifest()
    with pytest.raises(
        BundleCorrupt, match=rf"{TOKENIZER}: tokenizers cannot read it: .*; install the model again"
    ):
        Tagger.load(bundle.folder)


def test_a_tokenizer_with_more_pieces_than_the_encoder_is_refused(
    small_tagger: Tagger, tmp_path: Path
) -> None:
    pieces = small_tagger.bundle.encoder["vocab_size"]
    encoder = {**small_tagger.bundle.encoder, "vocab_size": pieces - 1}
    bundle = copied(small_tagger, tmp_path / "b", encoder=encoder)
    with pytest.raises(
        BundleCorrupt, match=rf"{TOKENIZER}: it has {pieces:,} pieces; the encoder knows {pieces - 1:,}"
    ):
        Tagger.load(bundle.folder)
