import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.training import tiny
from training import encoder as stage
from training._e5_blocks import read_e5_small
from training.checkpoint import TrainedModel, head_config, save_model
from training.encoder import (
    SPECIALS,
    load_encoder,
    save_encoder,
    spread,
    trimmed,
    unigram_tokenizer,
    used_pieces,
    with_layers,
)
from training.errors import CheckpointError, CorpusError
from training.stage import read_history

PIECES = ["▁", "前台", "前", "台", "差", "菜", "很", "hello"]
E5 = tiny.E5File(PIECES)


@pytest.fixture
def e5_file(tmp_path: Path) -> Path:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(E5.to_bytes())
    return path


def test_tokenizer_reads_as_xlm_roberta_does() -> None:
    scores = {"前台": -1.0, "前": -2.0, "台": -2.0, "▁": -1.0}
    tokenizer = unigram_tokenizer([*((name, 0.0) for name in SPECIALS), *scores.items()])
    encoding = tokenizer.encode("前台 台x")
    # The likelier long piece, the mark of a word's beginning, unknown characters, special tokens around.
    assert encoding.tokens == ["<s>", "▁", "前台", "▁", "台", "x", "</s>"]
    assert encoding.ids == [0, 7, 4, 7, 6, 3, 2]
    assert encoding.special_tokens_mask == [1, 0, 0, 0, 0, 0, 1]
    assert encoding.offsets[2] == (0, 2)


def test_used_pieces() -> None:
    words = unigram_tokenizer([(piece, -float(place)) for place, piece in enumerate([*SPECIALS, *PIECES])])
    # 前台 twice; 差 once but a single character; hello once and long; 菜 never.
    kept = used_pieces(words, ["前台差", "前台hello"], at_least=2)
    assert [words.id_to_token(piece) for piece in kept] == [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "▁",
        "前台",
        "差",
    ]
    assert "hello" in {words.id_to_token(piece) for piece in used_pieces(words, ["hello"], at_least=1)}


def test_texts_are_counted_as_the_model_will_see_them() -> None:
    words = unigram_tokenizer([(piece, -1.0) for piece in [*SPECIALS, "▁", "差"]])
    # Full width and Traditional become what the normaliser makes of them.
    assert words.token_to_id("差") in used_pieces(words, ["ＡＢ差"], at_least=1)


def test_trimmed_keeps_rows_and_layers(e5_file: Path) -> None:
    e5 = read_e5_small(e5_file)
    bert = trimmed(e5, kept=[0, 1, 2, 3, 5, 9], layers=[0])
    words = bert.get_input_embeddings().weight.detach().numpy()
    expected = E5.values["emb.word"].reshape(E5.rows, E5.WIDTH)[[0, 1, 2, 3, 5, 9]]
    np.testing.assert_array_equal(words, expected)
    attention = bert.get_parameter("encoder.layer.0.attention.self.query.weight").detach().numpy()
    np.testing.assert_array_equal(attention.ravel(), E5.values["l0.q.w"])
    assert bert.config.layer_norm_eps == pytest.approx(1e-12)
    with pytest.raises(CheckpointError, match=r"layers \[1\] are asked for; the encoder has layers 0 to 0"):
        trimmed(e5, kept=[0, 1, 2, 3], layers=[1])


@pytest.mark.parametrize(
    ("depth", "of", "expected"),
    [
        (12, 12, list(range(12))),
        # every second one; the highest is always among them
        (6, 12, [1, 3, 5, 7, 9, 11]),
        (4, 12, [2, 5, 8, 11]),
        (1, 12, [11]),
        (5, 12, [1, 4, 6, 9, 11]),
    ],
)
def test_spread(depth: int, of: int, expected: list[int]) -> None:
    assert spread(depth, of) == expected


@pytest.mark.parametrize("depth", [0, 13])
def test_spread_refuses(depth: int) -> None:
    with pytest.raises(
        CheckpointError, match=f"{depth} layers are asked for; the encoder has 12: choose 1 to 12"
    ):
        spread(depth, 12)


def hidden(network: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    network.eval()
    with torch.no_grad():
        states: torch.Tensor = network(input_ids=torch.tensor([ids])).last_hidden_state
    return states


def test_saved_and_loaded(tmp_path: Path) -> None:
    words = tiny.tokenizer()
    bert = tiny.encoder(words.get_vocab_size(), layers=2)
    save_encoder(tmp_path, bert, words)
    again, tokenizer = load_encoder(tmp_path, dropout=0.25)
    text = "前台态度很差x"
    assert tokenizer.encode(text).ids == words.encode(text).ids
    torch.testing.assert_close(hidden(again, [0, 5, 6, 2]), hidden(bert, [0, 5, 6, 2]))
    assert again.config.hidden_dropout_prob == 0.25
    # What `transformers` itself makes of the folder.
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["pad_token"] == "<pad>"


def test_layers_of_any_encoder(tmp_path: Path) -> None:
    bert = tiny.encoder(20, layers=4)
    top = bert.get_parameter("encoder.layer.3.output.dense.weight").clone()
    smaller = with_layers(bert, 2)
    assert smaller.config.num_hidden_layers == 2
    assert torch.equal(smaller.get_parameter("encoder.layer.1.output.dense.weight"), top)
    assert hidden(smaller, [0, 5, 2]).shape == (1, 3, 16)
    assert with_layers(smaller, None) is smaller


def bert_folder(folder: Path) -> Tokenizer:
    """An encoder as the hub has bert-base-chinese: WordPiece, [CLS], [PAD] not at the beginning."""
    vocabulary = {
        name: place
        for place, name in enumerate(["前", "台", "[UNK]", "[CLS]", "[SEP]", "差", "[PAD]", "[MASK]"])
    }
    words = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 3), ("[SEP]", 4)]
    )
    words.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    words.enable_truncation(4)
    save_encoder(folder, tiny.encoder(8), words)
    return words


def test_special_tokens_of_bert_get_our_names(tmp_path: Path) -> None:
    words = bert_folder(tmp_path)
    words.no_truncation()
    _, tokenizer = load_encoder(tmp_path, dropout=0.1)
    assert [tokenizer.token_to_id(name) for name in SPECIALS] == [3, 6, 4, 2]
    # Same ids, and whole: what the file says of truncation does not hold here.
    text = "前台差很台台"
    assert tokenizer.encode(text).ids == words.encode(text).ids == [3, 0, 1, 5, 2, 1, 1, 4]
    assert tokenizer.encode(text).tokens[0] == "<s>"


def test_a_tokenizer_without_special_tokens(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"前": 0, "<s>": 1}, unk_token="前"))
    save_encoder(tmp_path, tiny.encoder(8), words)
    with pytest.raises(CheckpointError, match=r"the tokenizer has no <pad>, </s>, <unk>; encoders with <s>"):
        load_encoder(tmp_path, dropout=0.1)


def broken(folder: Path) -> Path:
    tiny.encoder_folder(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    return folder


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    # a folder without an encoder, one with a broken file
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", broken(tmp_path / "broken")):
        with pytest.raises(
            CheckpointError, match=r"is neither a folder with config\.json, .* first cause: \S"
        ):
            load_encoder(folder, dropout=0.1)
    # a path that is not there is not looked for on the hub
    with pytest.raises(CheckpointError, match="there is no such folder; give an encoder"):
        load_encoder(tmp_path / "none", dropout=0.1)


def test_command_on_e5(tmp_path: Path, e5_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tiny.jsonl(tmp_path / "texts.jsonl", [{"text": "前台差"}, {"text": "前台很"}])
    stage.main(source=str(e5_file), texts=[texts], output=tmp_path / "out")
    bert, tokenizer = load_encoder(tmp_path / "out", dropout=0.1)
    assert tokenizer.encode("前台差").tokens == ["<s>", "▁", "前台", "差", "</s>"]
    assert bert.config.vocab_size == tokenizer.get_vocab_size() == 8
    place = tokenizer.token_to_id("差")
    expected = E5.values["emb.word"].reshape(E5.rows, E5.WIDTH)[E5.pieces.index("差")]
    np.testing.assert_array_equal(
        bert.get_parameter("embeddings.word_embeddings.weight")[place].detach().numpy(), expected
    )
    assert read_history(tmp_path / "out")["encoder"]["metrics"] == {"layers": 1, "pieces": 8}
    assert read_history(tmp_path / "out")["encoder"]["config"]["source"] == "e5-small-q4.bin"
    assert "1 layers, 8 of" not in capsys.readouterr().out


def test_command_on_an_encoder_and_on_an_earlier_training(tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "encoder", layers=2)
    stage.main(source=str(folder), output=tmp_path / "one", layers=1)
    one, words = load_encoder(tmp_path / "one", dropout=0.1)
    assert one.config.num_hidden_layers == 1
    from models.network import Network
    from models.taxonomy import Taxonomy

    taxonomy = Taxonomy.load()
    network = Network(encoder=one, heads=head_config(taxonomy))
    save_model(tmp_path / "model", TrainedModel(network=network, tokenizer=words, taxonomy=taxonomy))
    stage.main(source=str(tmp_path / "model"), output=tmp_path / "two")
    two, _ = load_encoder(tmp_path / "two", dropout=0.1)
    torch.testing.assert_close(hidden(two, [0, 5, 2]), hidden(one, [0, 5, 2]))


def test_command_on_e5_needs_texts(tmp_path: Path, e5_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"give --texts FILE at least once"):
        stage.main(source=str(e5_file), output=tmp_path / "out")
    with pytest.raises(CorpusError, match=r"none\.jsonl"):
        stage.main(source=str(e5_file), texts=[tmp_path / "none.jsonl"], output=tmp_path / "out")
