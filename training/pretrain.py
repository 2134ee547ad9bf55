"""python -m training.pretrain --encoder DIR --texts unlabelled.jsonl.xz [--comments 60000] --output DIR

Further pre-training of an encoder on comments without labels: the masked language model of BERT (Devlin et
al. 2019) with a masking share of 0.25. Fits the encoder to how customers write before any label is seen.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.text.normalise import normalise
from training.encoder import SPECIALS, UNKNOWN, load_encoder, save_encoder
from training.files import read_texts
from training.fit import CHECKPOINT, FitConfig, device_of, fit, padded, read_metrics
from training.stage import read_history, run_stage, write_record

MASKED: Final = 0.25
LONGEST: Final = 128
SHORTEST: Final = 8


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text as token ids."""

    ids: list[int]


class MaskedLanguageModel(nn.Module):
    """An encoder that guesses hidden tokens; the output matrix is the word embedding itself."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, scored: Tensor) -> Tensor:
        """Scores over the vocabulary at the scored places only. Shape: (places, vocabulary)"""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        words = self.encoder.get_input_embeddings().weight
        scores: Tensor = self.transform(hidden[scored]) @ words.T + self.bias
        return scores


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What masking must know of a tokenizer: its size, the ids never hidden, the id that hides another."""

    size: int
    special: tuple[int, ...] = tuple(range(len(SPECIALS)))
    mask: int = UNKNOWN
    pad: int = SPECIALS.index("<pad>")

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """BERT's `[MASK]` hides; an encoder without one takes the unknown token."""
        names = {name: tokenizer.token_to_id(name) for name in (*SPECIALS, "<mask>", "[MASK]")}
        known = {name: place for name, place in names.items() if place is not None}
        mask = known.get("[MASK]", known.get("<mask>", known["<unk>"]))
        return cls(tokenizer.get_vocab_size(), tuple(known.values()), mask, known["<pad>"])


def masked_loss(network: nn.Module, batch: list[Sentence], vocabulary: Vocabulary) -> Tensor:
    """Sum over sentences of the mean loss at their hidden tokens; of those one in ten stays as it was."""
    ids, mask = padded([sentence.ids for sentence in batch], pad=vocabulary.pad)
    ordinary = ~torch.isin(ids, torch.tensor(vocabulary.special))
    hidden = (torch.rand(ids.shape) < MASKED) & ordinary
    fate = torch.rand(ids.shape)
    seen = torch.where(hidden & (fate < 0.8), vocabulary.mask, ids)
    other = torch.randint_like(ids, vocabulary.size)
    seen = torch.where(hidden & (fate >= 0.9), other, seen)
    device = device_of(network)
    scores = network(seen.to(device), mask.to(device), hidden.to(device)).float()
    total = nn.functional.cross_entropy(scores, ids[hidden].to(device), reduction="sum")
    return total / max(1, len(scores)) * len(batch)


def sentences(texts: Sequence[str], tokenizer: Tokenizer, *, longest: int = LONGEST) -> list[Sentence]:
    """Tokenise; the shortest texts teach nothing and are left out, long ones are cut at `longest` tokens."""
    tokenizer.enable_truncation(longest)
    encodings = tokenizer.encode_batch_fast([normalise(text).text for text in texts])
    tokenizer.no_truncation()
    return [Sentence(encoding.ids) for encoding in encodings if len(encoding.ids) >= SHORTEST]


def main(
    encoder: Annotated[str, typer.Option(help="folder of training.encoder, or a Hugging Face id")],
    texts: Annotated[Path, typer.Option(help="comments without labels, .jsonl, .jsonl.xz or .csv")],
    output: Annotated[Path, typer.Option(help="folder to write")],
    comments: Annotated[int, typer.Option(min=1, help="how many of the texts, drawn at random")] = 60_000,
    learning_rate: Annotated[float, typer.Option(help="peak")] = 3e-4,
    seed: Annotated[int, typer.Option(help="of every random choice")] = 1,
) -> None:
    """Further pre-train an encoder; run again after a kill to go on."""
    # One pass over fresh text cannot overfit, and dropout costs an eighth of the time.
    network, tokenizer = load_encoder(encoder, dropout=0.0)
    drawn = list(read_texts(texts))
    random.Random(seed).shuffle(drawn)
    config = FitConfig(
        epochs=1, tokens_per_batch=2048, learning_rate=learning_rate, head_learning_rate=1e-3, seed=seed
    )
    vocabulary = Vocabulary.of(tokenizer)

    def loss(model: nn.Module, batch: list[Sentence]) -> Tensor:
        return masked_loss(model, batch, vocabulary)

    longest = min(LONGEST, network.config.max_position_embeddings)
    # The head of MaskedLanguageModel draws its first weights: equal settings give equal encoders.
    torch.manual_seed(seed)
    fit(
        MaskedLanguageModel(network),
        sentences(drawn[:comments], tokenizer, longest=longest),
        loss,
        config=config,
        folder=output,
    )
    save_encoder(output, network, tokenizer)
    metrics = read_metrics(output)
    write_record(
        output,
        "pretrain",
        config={"texts": texts, "comments": comments, "fit": asdict(config)},
        metrics=metrics,
        before=read_history(Path(encoder)),
    )
    (output / CHECKPOINT).unlink()
    typer.echo(f"{output}: {metrics['examples']:,} comments, loss {metrics['loss']:.2f}")


if __name__ == "__main__":
    run_stage(main)
