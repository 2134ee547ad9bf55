"""Tags on Doc and Span: the same with either segmenter, alone or in bulk, before and after a round trip."""

import copy
import os
from pathlib import Path
from typing import Any, Final

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from models.spacy_pipe import HuiyinPipe
from models.tags import EmotionTag, Evidence, LabelTag, Tags
from tests.fakes import FakeTagger

TEXT: Final = "前台态度很差，菜味道好。价格贵"
SEGMENTERS: Final = ("char", "jieba")


class GivenTagger:
    """Answers every text with the tags that it was given."""

    identity: Final = "given@000000000000"

    def __init__(self, tags: Tags) -> None:
        self.tags = tags

    def tag(self, texts: list[str]) -> list[Tags]:
        return [self.tags for _ in texts]


@pytest.fixture(autouse=True)
def taggers(monkeypatch: pytest.MonkeyPatch) -> list[FakeTagger]:
    """Every tagger that a component loaded, fakes that tag by key words."""
    loaded: list[FakeTagger] = []

    def load(path: Path | None = None) -> FakeTagger:
        loaded.append(FakeTagger(path))
        return loaded[-1]

    monkeypatch.setattr("models.spacy_pipe.Tagger.load", load)
    return loaded


def _pipeline(segmenter: str = "char", **config: Any) -> Language:
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": segmenter}}})
    nlp.add_pipe("huiyin", config=config)
    return nlp


def _shown(doc: Doc, group: str) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.spans[group]]


def _given(monkeypatch: pytest.MonkeyPatch, tags: Tags) -> Language:
    monkeypatch.setattr("models.spacy_pipe.Tagger.load", lambda path=None: GivenTagger(tags))
    return _pipeline()


def _everything() -> Tags:
    """Every field set, with a label that has more than one clause."""
    mixed = LabelTag("staff", "neutral", 0.7, Evidence(0, 6, "前台态度很差"), (Evidence(7, 11, "菜味道好"),))
    dimension = LabelTag("assurance", "negative", 0.6, Evidence(0, 6, "前台态度很差"))
    return Tags(
        sentiment="negative",
        satisfaction=1.8,
        loyalty="detractor",
        emotions=(EmotionTag("anger", 0.8), EmotionTag("disgust", 0.3)),
        touchpoints=(mixed,),
        servqual=(dimension,),
        sentiment_confidence=0.4,
        loyalty_confidence=0.9,
        uncertain=True,
        reason="low_confidence",
        model="given@000000000000",
        taxonomy="2026.1",
    )


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_a_doc_carries_the_tags_of_its_text(segmenter: str) -> None:
    doc = _pipeline(segmenter)(TEXT)
    assert doc._.huiyin == FakeTagger().tag([TEXT])[0]


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_the_evidence_becomes_labelled_spans(segmenter: str) -> None:
    doc = _pipeline(segmenter)(TEXT)
    assert _shown(doc, "huiyin.touchpoints") == [
        ("前台态度很差", "staff:negative"),
        ("菜味道好", "product:positive"),
        ("价格贵", "price:negative"),
    ]
    assert _shown(doc, "huiyin.servqual") == [("前台态度很差", "assurance:negative")]


def test_spans_are_widened_to_whole_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    # the evidence ends inside the word 态度
    tag = LabelTag("staff", "negative", 0.9, Evidence(0, 3, "前台态"))
    monkeypatch.setattr(
        "models.spacy_pipe.Tagger.load", lambda path=None: GivenTagger(Tags(touchpoints=(tag,)))
    )
    assert _shown(_pipeline("jieba")(TEXT), "huiyin.touchpoints") == [("前台态度", "staff:negative")]
    assert _shown(_pipeline("char")(TEXT), "huiyin.touchpoints") == [("前台态", "staff:negative")]


def test_every_clause_of_a_mixed_label_is_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    doc = _given(monkeypatch, _everything())(TEXT)
    assert _shown(doc, "huiyin.touchpoints") == [
        ("前台态度很差", "staff:neutral"),
        ("菜味道好", "staff:neutral"),
    ]
    assert [span._.huiyin_confidence for span in doc.spans["huiyin.touchpoints"]] == [0.7, 0.7]


def test_a_span_knows_its_tag_where_two_tags_share_a_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = _everything()
    doc = _given(monkeypatch, tags)(TEXT)
    touchpoint, dimension = doc.spans["huiyin.touchpoints"][0], doc.spans["huiyin.servqual"][0]
    assert (touchpoint.start, touchpoint.end) == (dimension.start, dimension.end)
    assert (touchpoint._.huiyin, dimension._.huiyin) == (tags.touchpoints[0], tags.servqual[0])
    assert (touchpoint._.huiyin_confidence, dimension._.huiyin_confidence) == (0.7, 0.6)


def test_what_the_component_did_not_make_has_no_tags() -> None:
    untouched = spacy.blank("zh")(TEXT)
    assert untouched._.huiyin is None
    assert untouched[:2]._.huiyin_confidence is None
    # a span of a tagged Doc that is no evidence
    assert _pipeline()(TEXT)[:2]._.huiyin is None


@pytest.mark.parametrize(
    "text",
    [
        # no token at all
        "",
        # whitespace is a token of its own
        " \n ",
        # offsets beyond the basic plane count code points
        "👍👍前台态度很差",
        # spaces and line breaks between the clauses
        "  前台 很差。\n\n菜 好",
        # not Chinese
        "the staff was rude",
    ],
)
@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_any_text_passes(segmenter: str, text: str) -> None:
    doc = _pipeline(segmenter)(text)
    (tags,) = FakeTagger().tag([text])
    assert doc.text == text
    assert doc._.huiyin == tags
    found = [(span.start_char, span.end_char) for span in doc.spans["huiyin.touchpoints"]]
    assert len(found) == len(tags.touchpoints)
    for (start, end), tag in zip(found, tags.touchpoints, strict=True):
        assert start <= tag.evidence.start < tag.evidence.end <= end


@pytest.mark.parametrize(
    ("docs", "batch_size", "batches"),
    [
        # fewer than a batch: one call
        (3, 8, [3]),
        # full batches and a rest
        (7, 3, [3, 3, 1]),
        # nothing: no call
        (0, 8, []),
    ],
)
def test_a_stream_is_tagged_in_batches(
    taggers: list[FakeTagger], docs: int, batch_size: int, batches: list[int]
) -> None:
    texts = [f"{TEXT}{number}" for number in range(docs)]
    tagged = list(_pipeline().pipe(texts, batch_size=batch_size))
    assert [doc.text for doc in tagged] == texts
    assert [doc._.huiyin for doc in tagged] == FakeTagger().tag(texts)
    assert taggers[0].batches == batches


def test_a_doc_survives_bytes_and_a_doc_bin(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = _everything()
    nlp = _given(monkeypatch, tags)
    doc = nlp(TEXT)
    (binned,) = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    for read in (Doc(nlp.vocab).from_bytes(doc.to_bytes()), binned):
        assert read._.huiyin == tags
        assert _shown(read, "huiyin.touchpoints") == _shown(doc, "huiyin.touchpoints")
        assert read.spans["huiyin.servqual"][0]._.huiyin_confidence == 0.6


def test_the_tags_are_kept_as_plain_json_types(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = _everything()
    assert _given(monkeypatch, tags)(TEXT).user_data["huiyin"] == tags.to_dict()


def test_the_path_is_the_bundle_and_survives_a_saved_pipeline(
    taggers: list[FakeTagger], tmp_path: Path
) -> None:
    _pipeline(path="runs/mine").to_disk(tmp_path)
    assert spacy.load(tmp_path)(TEXT)._.huiyin is not None
    assert [str(tagger.path) for tagger in taggers] == ["runs/mine", "runs/mine"]


def test_without_a_path_the_released_bundle_is_loaded(taggers: list[FakeTagger]) -> None:
    _pipeline()
    assert [tagger.path for tagger in taggers] == [None]


def test_a_copy_loads_its_own_tagger(taggers: list[FakeTagger]) -> None:
    """Threads and sessions cannot be copied; spawning `nlp.pipe(n_process=2)` copies the component."""
    pipe = HuiyinPipe("runs/mine")
    assert copy.deepcopy(pipe).path == pipe.path
    assert [str(tagger.path) for tagger in taggers] == ["runs/mine", "runs/mine"]


def test_a_forked_process_loads_its_own_tagger(
    taggers: list[FakeTagger], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = _pipeline()
    nlp(TEXT)
    forked = os.getpid() + 1
    monkeypatch.setattr("models.spacy_pipe.os.getpid", lambda: forked)
    nlp(TEXT)
    nlp(TEXT)
    assert [tagger.batches for tagger in taggers] == [[1], [1, 1]]
