"""python -m training.train --start DIR --source starter:4 --output DIR [--data mine.jsonl] [--dev dev.jsonl]

Train the tagger on every axis at once. `--start` is an encoder folder, a Hugging Face id, the folder of an
earlier training or a released bundle (the default: the released model, whose labels are then corrected rather
than learnt anew). `--source NAME[:TIMES]` are the sources of training/sources, `--data FILE[:TIMES]` are
comments of one's own (JSONL or CSV, see training/README.md); TIMES is how often each comment is read. Run
again after a kill to go on.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from torch import Tensor, nn

from models.network import Logits, Network
from models.tags import EMOTIONS
from models.taxonomy import Taxonomy
from training.checkpoint import TrainedModel, save_model
from training.corpus import Comment, read_comments
from training.errors import TrainingError
from training.examples import Example, collate, examples
from training.fit import CHECKPOINT, FitConfig, device_of, fit, read_metrics
from training.losses import LossWeights, multitask_loss
from training.overlap import without_near_duplicates
from training.released import RELEASED
from training.sources import load_source
from training.stage import run_stage, write_record
from training.start import start_from

BALANCE_POWER: Final = 0.3
BALANCE_MOST: Final = 3.0


@dataclass(frozen=True, slots=True)
class Part:
    """A source or file and how often each of its comments is read (0.5: a random half, once).

    `parse` reads NAME or NAME:TIMES and raises TrainingError for times that make no sense.
    """

    name: str
    times: float

    @classmethod
    def parse(cls, text: str) -> "Part":
        name, colon, times = text.rpartition(":")
        if not colon:
            return cls(text, 1.0)
        try:
            value = float(times)
        except ValueError:
            return cls(text, 1.0)
        if not 0 < value <= 100:
            raise TrainingError(f"{text}: each comment can be read above 0 and up to 100 times, not {times}")
        return cls(name, value)


def drawn(comments: Sequence[Comment], times: float, *, seed: int) -> list[Comment]:
    """Each comment `times` times; a fraction is a random draw."""
    whole, share = int(times), times - int(times)
    order = list(comments)
    random.Random(seed).shuffle(order)
    return list(comments) * whole + order[: round(share * len(order))]


def gather(
    sources: Sequence[Part],
    files: Sequence[Part],
    *,
    corpora: Path | None,
    taxonomy: Taxonomy,
    held_out: Iterable[str],
    seed: int,
) -> tuple[list[Comment], dict[str, dict[str, Any]]]:
    """Every comment to train on, without near-duplicates of the held-out ones, and a count by part.

    Raises CorpusError for a source or file that cannot be read.
    """
    held = list(held_out)
    comments: list[Comment] = []
    counts: dict[str, dict[str, Any]] = {}
    loaded = [(part, load_source(part.name, corpora, taxonomy)) for part in sources]
    loaded += [(part, read_comments(Path(part.name), taxonomy)) for part in files]
    for part, found in loaded:
        kept, dropped = without_near_duplicates(found, held)
        comments += drawn(kept, part.times, seed=seed)
        counts[_unused(Path(part.name).name, counts)] = {
            "comments": len(kept),
            "near_duplicates": dropped,
            "times": part.times,
        }
    return comments, counts


def _unused(name: str, names: Collection[str]) -> str:
    """The name, or with a number behind it where two files of different folders share one."""
    count = 1 + sum(used == name or used.startswith(f"{name} (") for used in names)
    return name if count == 1 else f"{name} ({count})"


def emotion_balance(encoded: Sequence[Example]) -> Tensor:
    """Weights that lift rare emotions: (mean count / count) ** 0.3, from 1 to 3. Shape: (10,)"""
    counts = Counter(
        next(iter(example.emotion[0][0]))
        for example in encoded
        if example.emotion and len(example.emotion[0][0]) == 1
    )
    mean = max(1.0, sum(counts.values()) / len(EMOTIONS))
    weights = [(mean / max(1, counts[place])) ** BALANCE_POWER for place in range(len(EMOTIONS))]
    return torch.tensor(weights).clamp(1.0, BALANCE_MOST)


def train(
    model: TrainedModel,
    comments: Sequence[Comment],
    *,
    config: FitConfig,
    weights: LossWeights,
    longest: int,
    folder: Path,
) -> TrainedModel:
    """Train the model on the comments; checkpoints go to `folder`."""
    encoded = examples(comments, model.tokenizer, model.network.heads.config, longest=longest)
    balance = emotion_balance(encoded)

    def loss(network: nn.Module, batch: list[Example]) -> Tensor:
        device = device_of(network)
        targets = collate(batch).to(device)
        logits: Logits = network(targets.ids, targets.mask)
        return multitask_loss(logits, targets, weights=weights, emotion_weight=balance.to(device))

    network = fit(model.network, encoded, loss, config=config, folder=folder)
    assert isinstance(network, Network)
    return TrainedModel(
        network=network, tokenizer=model.tokenizer, taxonomy=model.taxonomy, record=dict(model.record)
    )


def main(
    *,
    output: Annotated[Path, typer.Option(help="folder to write")],
    start: Annotated[
        str, typer.Option(help="encoder, earlier training or bundle; default: the released one")
    ] = "",
    source: Annotated[list[str] | None, typer.Option(help="NAME[:TIMES], repeatable")] = None,
    data: Annotated[list[str] | None, typer.Option(help="FILE[:TIMES] of one's own, repeatable")] = None,
    corpora: Annotated[Path | None, typer.Option(help="folder of the corpora that sources name")] = None,
    dev: Annotated[
        list[Path] | None, typer.Option(help="held-out file to keep away from (repeatable)")
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="an organisation's own taxonomy.yaml")] = None,
    epochs: Annotated[float, typer.Option(help="passes over the mix")] = 1.0,
    learning_rate: Annotated[float, typer.Option(help="peak, encoder")] = 1e-4,
    head_learning_rate: Annotated[float, typer.Option(help="peak, heads")] = 1e-3,
    tokens_per_batch: Annotated[int, typer.Option(help="padded tokens of one step")] = 1536,
    average: Annotated[float, typer.Option(help="decay of the weight average; 0: none")] = 0.998,
    longest: Annotated[int, typer.Option(help="tokens read of a training comment")] = 320,
    dropout: Annotated[float, typer.Option(help="share of units dropped")] = 0.1,
    seed: Annotated[int, typer.Option(help="of every random choice")] = 1,
) -> None:
    """Train the tagger on labelled comments, on every axis that they label at once.

    Of what --source and --data bring, near-duplicates of the --dev files are left out. Run again after a
    kill to go on.
    """
    parts = [Part.parse(text) for text in source or ()], [Part.parse(text) for text in data or ()]
    if not any(parts):
        raise TrainingError("nothing to train on; give --source NAME or --data FILE at least once")
    config = FitConfig(
        epochs=epochs,
        learning_rate=learning_rate,
        head_learning_rate=head_learning_rate,
        tokens_per_batch=tokens_per_batch,
        average=average,
        seed=seed,
    )
    wanted = Taxonomy.load(taxonomy) if taxonomy else None
    torch.manual_seed(seed)
    model = start_from(start, wanted, dropout=dropout)
    held_out = [comment.text for path in dev or () for comment in read_comments(path, model.taxonomy)]
    comments, counts = gather(*parts, corpora=corpora, taxonomy=model.taxonomy, held_out=held_out, seed=seed)
    weights = LossWeights()
    longest = min(longest, model.network.encoder.config.max_position_embeddings)
    trained = train(model, comments, config=config, weights=weights, longest=longest, folder=output)
    settings = {"config": asdict(config), "weights": asdict(weights), "longest": longest, "dropout": dropout}
    metrics = read_metrics(output)
    trained.record["train"] = {
        "start": Path(start or RELEASED).name,
        **settings,
        "sources": counts,
        "metrics": metrics,
    }
    save_model(output, trained)
    settings |= {"start": Path(start) if start else RELEASED, "dev": dev or [], "taxonomy": taxonomy}
    write_record(output, "train", config={**settings, "sources": counts}, metrics=metrics)
    (output / CHECKPOINT).unlink()
    typer.echo(f"{output}: trained on {len(comments):,} comments, loss {metrics['loss']:.3f}")


if __name__ == "__main__":
    run_stage(main)
