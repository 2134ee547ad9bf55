import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from tests.training import tiny
from training import benchmark as stage
from training.benchmark import Classifier, Name, Text, predict, row, scores, tokenised
from training.errors import CheckpointError, CorpusError
from training.fit import CHECKPOINT
from training.sources.benchmarks import BENCHMARKS

CLASSES = BENCHMARKS["smp2020_usual"][1]


def test_every_set_has_a_name_and_published_numbers() -> None:
    assert {name.key for name in Name} == set(BENCHMARKS)
    assert set(stage.PUBLISHED) == set(Name)
    assert stage.PUBLISHED[Name.SMP2020_USUAL] == {"accuracy": 0.772, "macro_f1": 0.739}
    assert stage.PUBLISHED[Name.CHNSENTICORP] == {"accuracy": 0.95}


def test_scores_by_hand() -> None:
    # Class 0: 2 of 3 found, one false alarm; class 1: 1 of 1, one false alarm; class 2: never found.
    found = scores([0, 0, 0, 1, 2], [0, 0, 1, 1, 0], classes=3, resamples=50)
    assert found.accuracy[0] == pytest.approx(3 / 5)
    assert found.macro_f1[0] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_scores_agree_with_scikit_learn_and_their_intervals_contain_them() -> None:
    generator = np.random.default_rng(1)
    gold = generator.integers(6, size=500)
    predicted = np.where(generator.random(500) < 0.7, gold, generator.integers(6, size=500))
    found = scores(gold.tolist(), predicted.tolist(), classes=6)
    assert found.accuracy[0] == pytest.approx(accuracy_score(gold, predicted))
    assert found.macro_f1[0] == pytest.approx(f1_score(gold, predicted, average="macro"))
    for value, low, high in (found.accuracy, found.macro_f1):
        assert low < value < high
        # A share of about 0.75 in 500 has a standard error of 0.019; the interval is four of them wide.
        assert high - low == pytest.approx(0.076, abs=0.015)


def test_a_class_that_nobody_names_does_not_count() -> None:
    assert scores([0, 1], [0, 1], classes=6, resamples=5).macro_f1[0] == 1.0


def test_classifier_ignores_padding() -> None:
    network = Classifier(tiny.encoder(20), classes=3).eval()
    ids, mask = torch.tensor([[0, 5, 6, 2]]), torch.ones(1, 4, dtype=torch.long)
    longer = (
        torch.cat([ids, torch.full((1, 3), 1)], dim=1),
        torch.cat([mask, torch.zeros(1, 3, dtype=torch.long)], 1),
    )
    with torch.no_grad():
        alone, padded = network(ids, mask), network(*longer)
    assert alone.shape == (1, 3)
    torch.testing.assert_close(alone, padded, atol=1e-5, rtol=0)


class ByLength(nn.Module):
    """Says 1 of texts longer than four tokens, else 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot((mask.sum(1) > 4).long(), 2).float()


def test_predictions_keep_the_order_of_the_texts() -> None:
    sizes = [9, 2, 7, 3, 3, 8]
    assert predict(ByLength(), [Text([5] * size, 0) for size in sizes]).tolist() == [1, 0, 1, 0, 0, 1]


def test_texts_are_normalised_and_cut() -> None:
    words = tiny.tokenizer()
    (text,) = tokenised([("第１２次了" + "好" * 50, "sad")], words, classes=CLASSES, longest=9)
    assert text.label == CLASSES.index("sad")
    assert len(text.ids) == 9
    assert words.decode(text.ids[1:7], skip_special_tokens=False).replace(" ", "").endswith("第12次了")
    assert len(words.encode("好" * 50).ids) > 50


def test_row_of_the_table() -> None:
    result = {
        "start": "huiyin-zh-1",
        "test": {"texts": 5000, "accuracy": (0.7801, 0.769, 0.791), "macro_f1": (0.7449, 0.731, 0.758)},
        "chosen": {"epochs": 3.0, "learning_rate": 5e-5},
    }
    assert row(Name.SMP2020_USUAL, result) == (
        "| smp2020-usual | 5,000 | 0.780 [0.769, 0.791] | 0.772 | 0.745 [0.731, 0.758] | 0.739 "
        "| 3 epochs at 5e-05, from huiyin-zh-1 |"
    )
    assert "| – |" in row(Name.SMP2020_VIRUS, result)


WORDS = {"happy": "不错", "angry": "态度", "sad": "太慢", "fear": "难", "surprise": "干净", "neutral": "一般"}


def corpora(folder: Path, splits: tuple[str, ...] = ("train", "dev", "test")) -> Path:
    """A set that a small network can learn: the emotion is a word among others."""
    generator = np.random.default_rng(7)
    (folder / "public").mkdir(parents=True)
    for split in splits:
        rows = []
        for number in range(240 if split == "train" else 60):
            emotion = CLASSES[number % 6]
            before, after = ("".join(generator.choice(list("0123456789"), size=4)) for _ in range(2))
            rows.append({"text": f"{before}{WORDS[emotion]}{after}", "emotion": emotion})
        tiny.jsonl(folder / "public" / f"smp2020_usual_{split}.jsonl", rows)
    return folder


def arguments(tmp_path: Path) -> dict[str, Any]:
    return {
        "name": Name.SMP2020_USUAL,
        "corpora": tmp_path / "corpora",
        "output": tmp_path / "out",
        "start": str(tmp_path / "encoder"),
        "epochs": [12.0],
        # One that learns nothing and one that does.
        "learning_rate": [1e-8, 1e-2],
        "longest": 32,
        "resamples": 30,
    }


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(stage, "TOKENS_PER_BATCH", 256)
    monkeypatch.setattr(stage, "HEAD_LEARNING_RATE", 1e-3)
    tiny.encoder_folder(tmp_path / "encoder")
    corpora(tmp_path / "corpora", ("train", "dev"))
    given = arguments(tmp_path)
    # The test split is not there: everything is chosen without it.
    with pytest.raises(CorpusError, match=r"smp2020_usual_test\.jsonl: no such file"):
        stage.main(**given)
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == ["epochs-12-rate-0.01-seed-1", "epochs-12-rate-1e-08-seed-1"]
    assert not list((tmp_path / "out").rglob(CHECKPOINT))

    def never(*_: object, **__: object) -> nn.Module:
        raise AssertionError("trained again")

    # Run again with the split: what is done stays done.
    test = tmp_path / "corpora" / "public" / "smp2020_usual_test.jsonl"
    test.write_bytes((tmp_path / "corpora" / "public" / "smp2020_usual_dev.jsonl").read_bytes())
    monkeypatch.setattr(stage, "fit", never)
    stage.main(**given)
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text(encoding="utf-8"))
    assert result["chosen"]["learning_rate"] == 1e-2
    tried = {name: scored["macro_f1"][0] for name, scored in result["tried"].items()}
    assert tried["epochs-12-rate-0.01-seed-1"] > tried["epochs-12-rate-1e-08-seed-1"]
    # The same texts, the same network, the same numbers: the one that was chosen is the one that was saved.
    assert result["test"] == result["tried"]["epochs-12-rate-0.01-seed-1"]
    assert result["test"]["accuracy"][0] > 0.9
    line = (tmp_path / "out" / "row.md").read_text(encoding="utf-8")
    assert line.startswith("| smp2020-usual | 60 | ")
    assert line in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="was made with other settings; give another --output"):
        stage.main(**{**given, "longest": 16})
