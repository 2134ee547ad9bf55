import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import BertConfig, BertModel, PreTrainedModel, RobertaConfig, RobertaModel

from models.bundle import GRAPH, TOKENIZER, Bundle
from models.calibration import Calibration
from models.network import Network
from models.tagger import Tagger
from tests import small_model
from training.checkpoint import TrainedModel, head_config, save_model
from training.errors import TrainingError
from training.export import OVERLAP, WINDOW, export, main


def test_the_bundle_says_what_it_was_made_of(tmp_path: Path) -> None:
    model = small_model.random_model()
    sources = {"starter": {"comments": 720}}
    model.record = {"train": {"config": {"seed": 1}, "sources": sources}}
    bundle = export(model, small_model.starter_texts(5), name="made-1", folder=tmp_path / "deep" / "made")
    assert bundle == Bundle.load(tmp_path / "deep" / "made")
    assert bundle.name == "made-1"
    assert bundle.taxonomy == model.taxonomy
    assert (bundle.touchpoints, bundle.dimensions) == (
        model.network.heads.config.touchpoints,
        model.network.heads.config.dimensions,
    )
    assert bundle.training == model.record
    assert bundle.sources == sources
    assert bundle.calibration == Calibration()
    assert (bundle.reading.window, bundle.reading.overlap) == (WINDOW, OVERLAP)
    assert bundle.encoder == {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "vocab_size": model.tokenizer.get_vocab_size(),
        "max_position_embeddings": 512,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }


def test_equal_models_and_texts_give_equal_bundles(tmp_path: Path) -> None:
    texts = small_model.starter_texts(8)
    identities = {
        export(small_model.random_model(), texts, name="same", folder=tmp_path / str(turn)).identity
        for turn in range(2)
    }
    assert len(identities) == 1


def test_int8_takes_far_less_than_float(tmp_path: Path) -> None:
    texts = small_model.starter_texts(5)
    sizes = []
    for quantised in (True, False):
        folder = tmp_path / str(quantised)
        export(small_model.random_model(), texts, name="size", folder=folder, quantised=quantised)
        sizes.append((folder / GRAPH).stat().st_size)
    assert sizes[0] < 0.6 * sizes[1]


def test_the_float_graph_tags_like_the_int8_graph(tmp_path: Path) -> None:
    texts = ["老板很凶", "房价很贵，水果很甜", "今天去了一趟"]
    found = []
    for quantised in (True, False):
        folder = tmp_path / str(quantised)
        export(small_model.word_model(), texts, name="words", folder=folder, quantised=quantised)
        found.append(Tagger.load(folder, threads=1).tag(texts))
    for one, other in zip(*found, strict=True):
        assert [(tag.id, tag.sentiment, tag.evidence) for tag in one.touchpoints] == [
            (tag.id, tag.sentiment, tag.evidence) for tag in other.touchpoints
        ]


def test_an_encoder_with_few_positions_gets_smaller_windows(tmp_path: Path) -> None:
    model = small_model.random_model(max_position_embeddings=48)
    bundle = export(model, small_model.starter_texts(5), name="short", folder=tmp_path)
    assert (bundle.reading.window, bundle.reading.overlap) == (48, 12)
    (tags,) = Tagger.load(tmp_path, threads=1).tag(["".join(small_model.starter_texts(5))])
    assert tags.reason in {None, "low_confidence"}


def roberta() -> RobertaModel:
    config = RobertaConfig(
        vocab_size=2_000, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
    )
    return RobertaModel(config, add_pooling_layer=False)


def bert_with_relu() -> BertModel:
    config = BertConfig(
        vocab_size=2_000,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_act="relu",
    )
    return BertModel(config, add_pooling_layer=False)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (roberta, "of type 'roberta' with 'gelu'; the graph builder knows BERT with gelu"),
        (bert_with_relu, "of type 'bert' with 'relu'; the graph builder knows BERT with gelu"),
    ],
)
def test_an_architecture_that_the_graph_builder_does_not_know(
    tmp_path: Path, encoder: Callable[[], PreTrainedModel], message: str
) -> None:
    known = small_model.random_model()
    network = Network(encoder=encoder(), heads=head_config(known.taxonomy))
    model = TrainedModel(network=network, tokenizer=known.tokenizer, taxonomy=known.taxonomy)
    with pytest.raises(TrainingError, match=message):
        export(model, ["前台态度很差"], name="other", folder=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_command_writes_a_bundle_from_a_trained_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "model", small_model.random_model())
    texts = tmp_path / "texts.jsonl"
    lines = (json.dumps({"text": text}, ensure_ascii=False) for text in small_model.starter_texts(6))
    texts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    main(tmp_path / "model", output=tmp_path / "bundle", texts=[texts], name="cli-1", comments=4)
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.name == "cli-1"
    assert f"{bundle.identity}, 0." in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {"manifest.json", TOKENIZER, GRAPH}
