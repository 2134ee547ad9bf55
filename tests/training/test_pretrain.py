import os
import signal
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, processors
from torch import Tensor, nn

from tests.training import tiny
from training import pretrain as stage
from training.encoder import load_encoder
from training.errors import TrainingError
from training.fit import CHECKPOINT
from training.pretrain import MaskedLanguageModel, Sentence, Vocabulary, masked_loss, sentences
from training.stage import read_history

WORDS = tiny.tokenizer()
VOCABULARY = Vocabulary.of(WORDS)


class Watcher(nn.Module):
    """Notes what it is asked and answers with the same scores for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(VOCABULARY.size))
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, ids: Tensor, mask: Tensor, scored: Tensor) -> Tensor:
        self.asked.append((ids, mask, scored))
        return self.bias.expand(int(scored.sum()), -1)


def test_vocabulary_of_our_tokenizer() -> None:
    assert (VOCABULARY.special, VOCABULARY.mask, VOCABULARY.pad) == ((0, 1, 2, 3), 3, 1)
    assert VOCABULARY.size == WORDS.get_vocab_size()


def test_vocabulary_of_bert() -> None:
    names = {"好": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<pad>": 4, "[MASK]": 5}
    words = Tokenizer(models.WordLevel(names, unk_token="<unk>"))
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    found = Vocabulary.of(words)
    assert set(found.special) == {1, 2, 3, 4, 5}
    assert (found.mask, found.pad) == (5, 4)


def test_masking() -> None:
    torch.manual_seed(1)
    network, text = Watcher(), [0, *(4 + place % 20 for place in range(98)), 2]
    masked_loss(network, [Sentence(text), Sentence(text[:60])] * 50, VOCABULARY)
    ((seen, mask, scored),) = network.asked
    original = torch.full((100, 100), 1)
    original[::2], original[1::2, :60] = torch.tensor(text), torch.tensor(text[:60])
    assert torch.equal(mask, (original != 1).long())
    # Special tokens and padding are never guessed, and what is not guessed is shown as it is.
    assert not scored[original < 4].any()
    assert torch.equal(seen[~scored], original[~scored])
    # A quarter is guessed; of that eight in ten hidden, one in ten replaced, one in ten as it was.
    assert scored[original >= 4].float().mean() == pytest.approx(0.25, abs=0.02)
    guessed = seen[scored]
    assert (guessed == VOCABULARY.mask).float().mean() == pytest.approx(0.8, abs=0.04)
    assert (guessed == original[scored]).float().mean() == pytest.approx(0.1, abs=0.04)


def test_loss_is_the_mean_over_hidden_tokens_times_the_sentences() -> None:
    torch.manual_seed(1)
    value = masked_loss(Watcher(), [Sentence([0, *[5] * 60, 2])] * 3, VOCABULARY)
    assert value.item() == pytest.approx(3 * torch.log(torch.tensor(float(VOCABULARY.size))).item(), rel=1e-4)


def test_a_batch_without_a_hidden_token_is_no_error() -> None:
    network = Watcher()
    value = masked_loss(network, [Sentence([0, 2])], VOCABULARY)
    value.backward()
    assert value.item() == 0.0


def test_network_scores_only_what_is_asked() -> None:
    network = MaskedLanguageModel(tiny.encoder(VOCABULARY.size))
    scored = torch.zeros(2, 5, dtype=torch.bool)
    scored[0, 1] = scored[1, 2] = scored[1, 3] = True
    found = network(torch.full((2, 5), 5), torch.ones(2, 5, dtype=torch.long), scored)
    assert found.shape == (3, VOCABULARY.size)


def test_sentences_are_normalised_cut_and_long_enough() -> None:
    found = sentences(["菜不错" * 30, "前台态度很差太慢了", "差"], WORDS, longest=20)
    assert [len(sentence.ids) for sentence in found] == [20, 12]
    # Full width is what the normaliser makes of it; the tokenizer cuts no longer.
    assert sentences(["第１２３４５次了"], WORDS)[0].ids == WORDS.encode("第12345次了").ids
    assert len(WORDS.encode("菜" * 40).ids) > 20


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    return tiny.jsonl(tmp_path / "texts.jsonl", tiny.rows(400))


def weights(folder: Path) -> dict[str, Tensor]:
    return load_encoder(folder, dropout=0.0)[0].state_dict()


def test_command(tmp_path: Path, texts: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "encoder")
    stage.main(encoder=str(folder), texts=texts, output=tmp_path / "out", comments=50)
    before, after = weights(folder), weights(tmp_path / "out")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    record = read_history(tmp_path / "out")["pretrain"]
    assert record["config"]["comments"] == 50
    assert record["metrics"]["examples"] == 50
    # Done: the checkpoint, twice the size of the model, is gone.
    assert not (tmp_path / "out" / CHECKPOINT).exists()
    # Equal settings, equal encoder.
    stage.main(encoder=str(folder), texts=texts, output=tmp_path / "again", comments=50)
    again = weights(tmp_path / "again")
    assert all(torch.equal(again[name], after[name]) for name in after)


def test_goes_on_after_a_signal(tmp_path: Path, texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.encoder_folder(tmp_path / "encoder")
    stage.main(encoder=str(folder), texts=texts, output=tmp_path / "whole")
    calls = 0

    def interrupted(network: nn.Module, batch: list[Sentence], vocabulary: Vocabulary) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return masked_loss(network, batch, vocabulary)

    monkeypatch.setattr(stage, "masked_loss", interrupted)
    # A test run in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.main(encoder=str(folder), texts=texts, output=tmp_path / "out")
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == 3
    stage.main(encoder=str(folder), texts=texts, output=tmp_path / "out")
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "out")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_texts_too_short_to_learn_from(tmp_path: Path) -> None:
    texts = tiny.jsonl(tmp_path / "short.jsonl", [{"text": "好"}])
    folder = tiny.encoder_folder(tmp_path / "encoder")
    with pytest.raises(TrainingError, match="there is no example to train on"):
        stage.main(encoder=str(folder), texts=texts, output=tmp_path / "out")
