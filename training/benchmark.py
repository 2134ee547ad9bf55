"""python -m training.benchmark smp2020-usual --start DIR --corpora DIR --output DIR

Fine-tune and score the encoder on a public set with published numbers: smp2020-usual, smp2020-virus,
chnsenticorp. One class a text, the same attention pooling and the same training loop as the tagger, learnt
from the set's own train split alone. The settings are chosen by macro-F1 on its dev split; its test split is
read once, for the settings chosen. Run again after a kill to go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.files import read_json, write_json_atomic
from models.text.normalise import normalise
from training.bootstrap import RESAMPLES, SEED, drawn_weights, interval
from training.counts import Array, weigh
from training.encoder import SPECIALS
from training.errors import CheckpointError
from training.fit import CHECKPOINT, FitConfig, by_tokens, device_of, fit, padded
from training.sources.benchmarks import BENCHMARKS, Benchmark, read_benchmark
from training.stage import run_stage
from training.start import start_from

EPOCHS: Final = (3.0,)
LEARNING_RATES: Final = (5e-5, 1e-4)
HEAD_LEARNING_RATE: Final = 1e-3
TOKENS_PER_BATCH: Final = 1536
SCORED_TOKENS: Final = 8192
_WEIGHTS: Final = "classifier.safetensors"
_DEV: Final = "dev.json"


class Name(StrEnum):
    """The benchmarks, as the command line spells them."""

    SMP2020_USUAL = "smp2020-usual"
    SMP2020_VIRUS = "smp2020-virus"
    CHNSENTICORP = "chnsenticorp"

    @property
    def key(self) -> Benchmark:
        """The name of its files."""
        return _KEYS[self]


_KEYS: Final[dict[Name, Benchmark]] = {
    Name.SMP2020_USUAL: "smp2020_usual",
    Name.SMP2020_VIRUS: "smp2020_virus",
    Name.CHNSENTICORP: "chnsenticorp",
}
PUBLISHED: Final[dict[Name, dict[str, float]]] = {
    Name.SMP2020_USUAL: {"accuracy": 0.772, "macro_f1": 0.739},
    Name.SMP2020_VIRUS: {},
    Name.CHNSENTICORP: {"accuracy": 0.950},
}
"""What was published of a plain BERT-base on the same test split."""


@dataclass(frozen=True, slots=True)
class Text:
    """A tokenised text and the index of its class."""

    ids: list[int]
    label: int


class Classifier(nn.Module):
    """An encoder, one learned query that pools its tokens by attention, and a linear layer.

    The head is that of `models.network.Heads` with a single query.
    """

    def __init__(self, encoder: PreTrainedModel, *, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.key = nn.Linear(width, width)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores before the softmax. Shapes: (batch, tokens) twice -> (batch, classes)"""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        scores = self.key(hidden) @ self.query / hidden.shape[-1] ** 0.5
        attention = torch.softmax(scores + (1.0 - attention_mask.to(scores.dtype)) * -1e4, dim=-1)
        pooled = (attention.unsqueeze(1) @ hidden).squeeze(1)
        pooled = self.dropout(self.norm(pooled + nn.functional.gelu(self.mix(pooled))))
        result: Tensor = self.output(pooled)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Accuracy and macro-F1 of single-label classification, each as value and 95 % interval."""

    accuracy: tuple[float, float, float]
    macro_f1: tuple[float, float, float]


def scores(
    gold: Sequence[int], predicted: Sequence[int], *, classes: int, resamples: int = RESAMPLES
) -> Scores:
    """Compares two lists of class indices of the same length, at least one each."""
    confusion = np.zeros((len(gold), classes, classes))
    confusion[np.arange(len(gold)), list(gold), list(predicted)] = 1.0
    draws = np.concatenate([weigh(block, confusion) for block in drawn_weights(len(gold), resamples, SEED)])
    total = confusion.sum(axis=0, keepdims=True)
    numbers = []
    for measure in (_accuracy, _macro_f1):
        low, high = interval(measure(draws)) or (float("nan"), float("nan"))
        numbers.append((float(measure(total)[0]), low, high))
    return Scores(accuracy=numbers[0], macro_f1=numbers[1])


def _accuracy(confusion: Array) -> Array:
    """Shape: (groups, gold, predicted) -> (groups,)"""
    result: Array = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return result


def _macro_f1(confusion: Array) -> Array:
    """The mean over the classes that a group's gold or predictions hold. Shapes as in `_accuracy`."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    sizes = confusion.sum(axis=1) + confusion.sum(axis=2)
    seen = sizes > 0
    f1 = np.where(seen, 2 * hits / np.maximum(sizes, 1.0), 0.0)
    result: Array = f1.sum(axis=1) / seen.sum(axis=1)
    return result


def tokenised(
    rows: Sequence[tuple[str, str]], tokenizer: Tokenizer, *, classes: Sequence[str], longest: int
) -> list[Text]:
    """Texts and labels as the network reads them; of a longer text the first `longest` tokens."""
    tokenizer.enable_truncation(longest)
    encodings = tokenizer.encode_batch_fast([normalise(text).text for text, _ in rows])
    tokenizer.no_truncation()
    return [
        Text(encoding.ids, classes.index(label)) for encoding, (_, label) in zip(encodings, rows, strict=True)
    ]


def predict(network: nn.Module, texts: Sequence[Text]) -> NDArray[np.int64]:
    """The class of each text, in order. Shape: (texts,)"""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place].ids))
    found: list[int] = []
    network.eval()
    with torch.no_grad():
        for batch in by_tokens([texts[place] for place in order], tokens=SCORED_TOKENS):
            ids, mask = _batch(batch, device_of(network))
            found += network(ids, mask).argmax(-1).tolist()
    result = np.empty(len(texts), np.int64)
    result[order] = found
    return result


def _batch(batch: Sequence[Text], device: torch.device) -> tuple[Tensor, Tensor]:
    ids, mask = padded([text.ids for text in batch], pad=SPECIALS.index("<pad>"))
    return ids.to(device), mask.to(device)


def _loss(network: nn.Module, batch: list[Text]) -> Tensor:
    device = device_of(network)
    labels = torch.tensor([text.label for text in batch], device=device)
    return nn.functional.cross_entropy(network(*_batch(batch, device)).float(), labels, reduction="sum")


class _Benchmark:
    """One public set on the way through tuning and scoring."""

    def __init__(self, name: Name, *, start: str, corpora: Path | None, longest: int) -> None:
        self.name, self.start, self.corpora = name, start, corpora
        self.classes = BENCHMARKS[name.key][1]
        model = start_from(start, None, dropout=0.1)
        self.tokenizer = model.tokenizer
        self.longest = min(longest, model.network.encoder.config.max_position_embeddings)

    def texts(self, split: Any) -> list[Text]:
        rows = read_benchmark(self.name.key, split, self.corpora)
        return tokenised(rows, self.tokenizer, classes=self.classes, longest=self.longest)

    def network(self, seed: int) -> Classifier:
        torch.manual_seed(seed)
        encoder = start_from(self.start, None, dropout=0.1).network.encoder
        return Classifier(encoder, classes=len(self.classes))

    def tuned(self, folder: Path, config: FitConfig, resamples: int) -> dict[str, Any]:
        """Trains with these settings, unless that was done before, and scores the dev split."""
        settings = {"start": self.start, "longest": self.longest, "config": asdict(config)}
        if not (folder / _DEV).is_file():
            network = fit(self.network(config.seed), self.texts("train"), _loss, config=config, folder=folder)
            save_file(network.state_dict(), folder / _WEIGHTS)
            write_json_atomic(folder / _DEV, {**settings, "dev": self.scored(network, "dev", resamples)})
        (folder / CHECKPOINT).unlink(missing_ok=True)
        record = read_json(folder / _DEV, "the record of a benchmark")
        if any(record.get(key) != value for key, value in settings.items()):
            raise CheckpointError(
                f"{folder} was made with other settings; give another --output or remove it"
            )
        return record

    def scored(self, network: nn.Module, split: Any, resamples: int) -> dict[str, Any]:
        texts = self.texts(split)
        gold = [text.label for text in texts]
        found = scores(gold, predict(network, texts).tolist(), classes=len(self.classes), resamples=resamples)
        return {"texts": len(texts), **asdict(found)}

    def loaded(self, folder: Path) -> Classifier:
        network = self.network(seed=0)
        network.load_state_dict(load_file(folder / _WEIGHTS))
        return network


def row(name: Name, result: Mapping[str, Any]) -> str:
    """A line for the table of BENCHMARKS.md."""
    cells = [name.value, f"{result['test']['texts']:,}"]
    for measure in ("accuracy", "macro_f1"):
        value, low, high = result["test"][measure]
        published = PUBLISHED[name].get(measure)
        cells += [f"{value:.3f} [{low:.3f}, {high:.3f}]", "–" if published is None else f"{published:.3f}"]
    chosen = result["chosen"]
    settings = f"{chosen['epochs']:g} epochs at {chosen['learning_rate']:g}, from {result['start']}"
    return "| " + " | ".join([*cells, settings]) + " |"


def main(
    *,
    name: Annotated[Name, typer.Argument(help="the public set")],
    corpora: Annotated[Path, typer.Option(help="folder that holds public/NAME_{train,dev,test}.jsonl[.xz]")],
    output: Annotated[Path, typer.Option(help="folder to write")],
    start: Annotated[str, typer.Option(help="encoder, model or bundle; default: the released one")] = "",
    epochs: Annotated[list[float] | None, typer.Option(help="passes to try (repeatable)")] = None,
    learning_rate: Annotated[list[float] | None, typer.Option(help="peak rates to try (repeatable)")] = None,
    longest: Annotated[int, typer.Option(min=8, help="tokens read of a text")] = 256,
    resamples: Annotated[int, typer.Option(min=1, help="bootstrap resamples of the intervals")] = RESAMPLES,
    seed: Annotated[int, typer.Option(help="of every random choice")] = 1,
) -> None:
    """Fine-tune on a public set, choose the settings on its dev split, score its test split."""
    benchmark = _Benchmark(name, start=start, corpora=corpora, longest=longest)
    tried: dict[Path, dict[str, Any]] = {}
    for passes in epochs or EPOCHS:
        for rate in learning_rate or LEARNING_RATES:
            config = FitConfig(
                epochs=passes,
                tokens_per_batch=TOKENS_PER_BATCH,
                learning_rate=rate,
                head_learning_rate=HEAD_LEARNING_RATE,
                seed=seed,
            )
            folder = output / f"epochs-{passes:g}-rate-{rate:g}-seed-{seed}"
            tried[folder] = benchmark.tuned(folder, config, resamples)
            typer.echo(f"{folder.name}: dev macro-F1 {tried[folder]['dev']['macro_f1'][0]:.4f}")
    best = max(tried, key=lambda folder: float(tried[folder]["dev"]["macro_f1"][0]))
    result = {
        "benchmark": name.value,
        "start": Path(start).name or "the released model",
        "longest": benchmark.longest,
        "chosen": tried[best]["config"],
        "tried": {folder.name: record["dev"] for folder, record in tried.items()},
        "test": benchmark.scored(benchmark.loaded(best), "test", resamples),
        "published": PUBLISHED[name],
    }
    write_json_atomic(output / "benchmark.json", result)
    (output / "row.md").write_text(row(name, result) + "\n", encoding="utf-8")
    typer.echo(row(name, result))


if __name__ == "__main__":
    run_stage(main)
